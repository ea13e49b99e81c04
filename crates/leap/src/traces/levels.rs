//! Files of rows that add up are put together eight by eight, so that a month of flushes leaves a few.
//!
//! ```text
//! eight files of a level become one of the next    24 files of a month in which millions of deliveries came
//! ```
//! Rows come sorted by their key; files are read side by side, and rows of one key are added up. What is known does not
//! change.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use leap_book::TraceFile;
use leap_lake::{Batches, change_of};
use leap_orient::latency::tails::{self, added_up};
use leap_orient::latency::{
    ApiDay, ApiHour, DayTail, Hour, RowsError, hours_added_up, hours_batch, hours_read, start_of,
};
use leap_orient::tail::TailError;
use leap_terms::tables::Table;
use leap_terms::{Day, DeliveryId, Digest, FileRecord, Instant, ScopeKey};

use super::gather::HOUR_NS;
use super::store::{Change, problem, publish};
use super::tails::{damaged, too_large};
use crate::failure::Failure;
use crate::home::Home;

/// So many files of a level are put together.
const TOGETHER: usize = 8;
/// Rows that are put together before they are written.
const ROWS_AT_ONCE: usize = 256;

/// Rows of a table that add up.
trait Adding: Sized {
    type Key: Ord + Clone;
    const TABLE: Table;
    const WHAT: &'static str;

    fn key(&self) -> &Self::Key;
    fn read(batch: &RecordBatch) -> Result<Vec<Self>, RowsError>;
    fn batch(rows: &[Self]) -> RecordBatch;
    fn add_up(rows: Vec<Self>) -> Result<Vec<Self>, TailError>;
    /// From when until when its requests may have begun, ns since the epoch, both included.
    fn span(&self) -> (u64, u64);
}

impl Adding for DayTail {
    type Key = ApiDay;
    const TABLE: Table = Table::Tails;
    const WHAT: &'static str = "packed days";

    fn key(&self) -> &ApiDay {
        &self.listed.key
    }

    fn read(batch: &RecordBatch) -> Result<Vec<DayTail>, RowsError> {
        tails::read(batch)
    }

    fn batch(rows: &[DayTail]) -> RecordBatch {
        tails::batch(rows)
    }

    fn add_up(rows: Vec<DayTail>) -> Result<Vec<DayTail>, TailError> {
        if rows.len() > 1 { added_up(&rows) } else { Ok(rows) }
    }

    fn span(&self) -> (u64, u64) {
        day_span(self.listed.key.day)
    }
}

impl Adding for Hour {
    type Key = ApiHour;
    const TABLE: Table = Table::Histograms;
    const WHAT: &'static str = "histograms";

    fn key(&self) -> &ApiHour {
        &self.key
    }

    fn read(batch: &RecordBatch) -> Result<Vec<Hour>, RowsError> {
        hours_read(batch)
    }

    fn batch(rows: &[Hour]) -> RecordBatch {
        hours_batch(rows)
    }

    fn add_up(rows: Vec<Hour>) -> Result<Vec<Hour>, TailError> {
        Ok(hours_added_up(rows))
    }

    fn span(&self) -> (u64, u64) {
        (self.key.start_ns, self.key.start_ns + HOUR_NS - 1)
    }
}

/// The nanoseconds of a day, both ends included.
pub(super) fn day_span(day: Day) -> (u64, u64) {
    (start_of(day), start_of(Day::from_days(day.days() + 1)) - 1)
}

/// Both spans, and what lies between.
pub(super) fn wider(all: Option<(u64, u64)>, (from, until): (u64, u64)) -> Option<(u64, u64)> {
    Some(all.map_or((from, until), |(first, last)| (first.min(from), last.max(until))))
}

/// Puts files of packed days or of histograms together where enough of one level are there. Returns how many became
/// one.
pub(crate) async fn merge_levels(home: &Home, now: Instant) -> Result<usize, Failure> {
    match merge_of::<DayTail>(home, now).await? {
        0 => merge_of::<Hour>(home, now).await,
        merged => Ok(merged),
    }
}

async fn merge_of<R: Adding>(home: &Home, now: Instant) -> Result<usize, Failure> {
    let book = |error: leap_book::BookError| Failure::from_error(&error);
    let head = home.book.trace_head().await.map_err(book)?;
    let live = home.book.trace_files_of(R::TABLE, 0, u64::MAX, None).await.map_err(book)?;
    let mut levels = BTreeMap::<(&ScopeKey, u32), Vec<&TraceFile>>::new();
    for file in &live {
        levels.entry((&file.record.scope, change_of(&file.record))).or_default().push(file);
    }
    let Some(((scope, level), mut files)) = levels.into_iter().find(|(_, files)| files.len() >= TOGETHER) else {
        return Ok(0);
    };
    files.truncate(TOGETHER);
    let staging = home.lake.stage(&format!("{}-{}", R::TABLE.name(), head.change + 1)).map_err(problem)?;
    let paths: Vec<String> = files.iter().map(|file| file.record.path.clone()).collect();
    // Named by what it is made of.
    let delivery = DeliveryId::new(&Digest::of(paths.concat().as_bytes()).short()).expect("16 digits");
    let mut writer = staging.writer_of_change(R::TABLE, scope, &delivery, level + 1).map_err(problem)?;
    let mut cursors: Vec<Cursor<'_, R>> = Vec::new();
    for file in &files {
        let batches = home.lake.scan(&file.record, None).map_err(problem)?;
        cursors.push(Cursor { file: &file.record, batches, rows: Vec::new().into_iter(), next: None });
    }
    for cursor in &mut cursors {
        cursor.advance()?;
    }
    let (mut waiting, mut span) = (Vec::<R>::new(), None);
    while let Some(key) = cursors.iter().filter_map(Cursor::key).min().cloned() {
        let mut rows = Vec::new();
        for cursor in &mut cursors {
            while cursor.key() == Some(&key) {
                rows.extend(cursor.next.take());
                cursor.advance()?;
            }
        }
        waiting.extend(R::add_up(rows).map_err(too_large)?);
        if waiting.len() >= ROWS_AT_ONCE {
            span = waiting.iter().fold(span, |all, row| wider(all, row.span()));
            writer.write(&R::batch(&std::mem::take(&mut waiting))).map_err(problem)?;
        }
    }
    span = waiting.iter().fold(span, |all, row| wider(all, row.span()));
    writer.write(&R::batch(&waiting)).map_err(problem)?;
    let mut add = Vec::new();
    if let Some((first_ns, last_ns)) = span {
        add.push(TraceFile { record: writer.finish().map_err(problem)?, first_ns, last_ns });
    }
    let merged = paths.len();
    let change = Change { add, remove: paths, ..Change::of(&head, &live) };
    publish(home, staging, change, &format!("merge of {merged} files of {}", R::WHAT), now).await?;
    Ok(merged)
}

/// Rows of a file, one after the other.
struct Cursor<'a, R> {
    file: &'a FileRecord,
    batches: Batches,
    rows: std::vec::IntoIter<R>,
    next: Option<R>,
}

impl<R: Adding> Cursor<'_, R> {
    fn key(&self) -> Option<&R::Key> {
        self.next.as_ref().map(R::key)
    }

    fn advance(&mut self) -> Result<(), Failure> {
        loop {
            self.next = self.rows.next();
            if self.next.is_some() {
                return Ok(());
            }
            let Some(batch) = self.batches.next() else { return Ok(()) };
            self.rows = R::read(&batch.map_err(problem)?).map_err(|error| damaged(self.file, &error))?.into_iter();
        }
    }
}
