//! The daily tables that a plan will need, read while the new state of the org is: one core parses and compares, the other
//! reads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arrow::array::RecordBatch;
use leap_lake::Lake;
use leap_orient::reading::moves::Moves;
use leap_terms::tables::Table;
use leap_terms::{Day, FileRecord};

use super::problem;
use crate::failure::Failure;
use crate::world::{Slice, World};

/// Rows that may wait in memory for the org to be read; of more, none is read ahead.
const ROWS: u64 = 4_000_000;

/// A slice with the rows of its daily table that a plan needs, where they were read ahead.
pub(super) type Held = (Slice, Option<Vec<RecordBatch>>);

/// The slices with charges on or after a day, being read.
pub(super) struct Ahead {
    since: Day,
    work: Arc<Work>,
    reader: JoinHandle<()>,
}

struct Work {
    lake: Lake,
    slices: Vec<Slice>,
    next: AtomicUsize,
    read: Mutex<Vec<Read>>,
}

/// The rows of the slice in this place.
type Read = (usize, Result<Vec<RecordBatch>, Failure>);

/// The slices with charges on or after a day.
pub(super) fn slices_since(world: &World, since: Day) -> Vec<Slice> {
    world.slices().into_iter().filter(|slice| slice.last_day >= since).collect()
}

/// Calls `act` with the rows of a file that a plan needs.
pub(super) fn each(
    lake: &Lake,
    file: &FileRecord,
    mut act: impl FnMut(RecordBatch) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let columns = Moves::columns();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    for batch in lake.opened(file).and_then(|opened| opened.scan_coded(&columns)).map_err(problem)? {
        act(batch.map_err(problem)?)?;
    }
    Ok(())
}

impl Ahead {
    /// Begins to read; `None` where that is too much to hold.
    pub(super) fn start(lake: &Lake, world: &World, since: Day) -> Option<Ahead> {
        let slices = slices_since(world, since);
        let rows: u64 = slices.iter().flat_map(|slice| slice.of(Table::Daily)).map(|file| file.rows).sum();
        if rows > ROWS {
            return None;
        }
        let work = Work { lake: lake.clone(), slices, next: AtomicUsize::new(0), read: Mutex::default() };
        let work = Arc::new(work);
        let reader = std::thread::spawn({
            let work = work.clone();
            move || work.go_on()
        });
        Some(Ahead { since, work, reader })
    }

    /// From which day on charges are read.
    pub(super) fn since(&self) -> Day {
        self.since
    }

    /// Helps to read what is left, and returns all.
    pub(super) fn finish(self) -> Result<Vec<Held>, Failure> {
        self.work.go_on();
        self.reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let mut read = std::mem::take(&mut *self.work.read.lock().unwrap_or_else(PoisonError::into_inner));
        read.sort_by_key(|(at, _)| *at);
        let slices = self.work.slices.iter().cloned();
        slices.zip(read).map(|(slice, (_, batches))| Ok((slice, Some(batches?)))).collect()
    }
}

impl Work {
    fn go_on(&self) {
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(slice) = self.slices.get(at) else { return };
            let mut batches = Vec::new();
            let read = slice.of(Table::Daily).iter().try_for_each(|file| {
                each(&self.lake, file, |batch| {
                    batches.push(batch);
                    Ok(())
                })
            });
            self.read.lock().unwrap_or_else(PoisonError::into_inner).push((at, read.map(|()| batches)));
        }
    }
}
