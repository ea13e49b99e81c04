//! What a turn writes to the lake of its answers, and the look at what lies there then.
//!
//! ```text
//! attribution   part-a1….parquet                      written whole where an answer of the slice changes
//! daily         part-b2….parquet                      what each owner has, day by day
//!               part-c3…-c1.parquet                   all that small changes added to it and took away, in one file
//! ```
//! A slice has one file of changes at most: a change adds its rows to those of the changes before it. So reading a slice does
//! not become slower with each change, and a change that is taken back leaves no file behind.

use arrow::array::RecordBatch;
use leap_lake::{Batches, LakeError, Staging, is_change};
use leap_orient::attribute::{Again, AgainDone, Answers, AttributeError, Daily};
use leap_orient::proof::OwnerTotals;
use leap_orient::reading::totals;
use leap_terms::FileRecord;
use leap_terms::tables::Table;

use crate::failure::Failure;
use crate::world::{Open, Slice, daily, each_batch};

fn problem(error: LakeError) -> Failure {
    Failure::from_error(&error)
}

/// What reports will read is the file of answers, not the run: over the cube it must give the same sums.
pub(super) fn check_stored(
    slice: &Slice,
    staging: &Staging,
    file: &FileRecord,
    totals: &OwnerTotals,
    open: Open,
) -> Result<(), Failure> {
    let failed = |error: AttributeError| Failure::from_error(&error);
    let mut answers = Answers::new();
    for batch in staging.scan(file, None).map_err(problem)? {
        answers.add(&batch.map_err(problem)?).map_err(failed)?;
    }
    let mut stored = OwnerTotals::new();
    let columns = Again::cube_columns();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    each_batch(slice.of(Table::Cube), Some(&columns), open, |batch| {
        totals::add(&answers, batch, &mut stored).map_err(failed)
    })?;
    if stored != *totals {
        let invariant = leap_terms::Invariant::OneOwnerPerDay;
        return Err(Failure::quality(format!(
            "invariant {invariant} does not hold for {}: the stored answers give other sums than the rules; nothing was published",
            slice.scope
        )));
    }
    Ok(())
}

/// Writes the two tables of answers to staging; returns the file of the first.
pub(super) fn store(
    slice: &Slice,
    staging: &Staging,
    answers: &[RecordBatch],
    daily: &Daily,
) -> Result<FileRecord, Failure> {
    let file = store_answers(slice, staging, answers)?;
    let mut writer = staging.writer(Table::Daily, &slice.scope, &slice.delivery, &[]).map_err(problem)?;
    writer.write(&daily.batch()).map_err(problem)?;
    writer.finish().map_err(problem)?;
    Ok(file)
}

fn store_answers(slice: &Slice, staging: &Staging, answers: &[RecordBatch]) -> Result<FileRecord, Failure> {
    let mut writer = staging.writer(Table::Attribution, &slice.scope, &slice.delivery, &[]).map_err(problem)?;
    for batch in answers {
        writer.write(batch).map_err(problem)?;
    }
    writer.finish().map_err(problem)
}

/// What a small change makes of a slice's files.
pub(super) struct Stored {
    /// Files of the daily table that no longer hold: those whose rows are in a file that was written now.
    pub(super) replaced: Vec<String>,
}

/// A file of changes with more than this part of the rows of what it changes is made one with it.
const CHANGED_PART: u64 = 4;

/// Writes what a small change does to a slice: its answers anew, and of the daily table only the rows that change, in one file
/// with those that changed before. What lies in the files then is compared with what was meant.
pub(super) fn store_change(slice: &Slice, staging: &Staging, done: &AgainDone, open: Open) -> Result<Stored, Failure> {
    let file = store_answers(slice, staging, &done.batches)?;
    holds(slice, staging, &file, &done.batches)?;
    let mut replaced = Vec::new();
    if done.change.is_empty() {
        return Ok(Stored { replaced });
    }
    let (earlier, base): (Vec<&FileRecord>, Vec<&FileRecord>) =
        slice.of(Table::Daily).iter().partition(|file| is_change(file));
    // A change is not put beside a file that is damaged: opening one checks its digest.
    for file in &base {
        open(file, Some(&[leap_terms::tables::ROWS]))?;
    }
    let mut rows = Daily::new();
    for file in earlier {
        read_daily(&mut rows, open(file, None)?)?;
        replaced.push(file.path.clone());
    }
    rows.add_all(&done.change);
    // What comes back to what it was before all changes needs none.
    if rows.is_empty() {
        return Ok(Stored { replaced });
    }
    let held: u64 = base.iter().map(|file| file.rows).sum();
    let whole = rows.rows().count() as u64 > held / CHANGED_PART;
    if whole {
        rows = daily(slice, open)?;
        rows.add_all(&done.change);
        replaced.extend(base.iter().map(|file| file.path.clone()));
    }
    let writer = match whole {
        true => staging.writer(Table::Daily, &slice.scope, &slice.delivery, &[]),
        false => staging.writer_of_change(Table::Daily, &slice.scope, &slice.delivery, 1),
    };
    let mut writer = writer.map_err(problem)?;
    writer.write(&rows.batch()).map_err(problem)?;
    let file = writer.finish().map_err(problem)?;
    let mut stored = Daily::new();
    read_daily(&mut stored, staging.scan(&file, None).map_err(problem)?)?;
    if stored == rows { Ok(Stored { replaced }) } else { Err(not_as_meant(slice)) }
}

fn read_daily(rows: &mut Daily, batches: Batches) -> Result<(), Failure> {
    for batch in batches {
        rows.read(&batch.map_err(problem)?).map_err(|error| Failure::from_error(&error))?;
    }
    Ok(())
}

fn not_as_meant(slice: &Slice) -> Failure {
    Failure::quality(format!(
        "invariant {} does not hold for {}: the stored answers are not those of the rules; nothing was published",
        leap_terms::Invariant::OneOwnerPerDay,
        slice.scope
    ))
}

/// Refuses a file of answers that holds anything else than these rows.
fn holds(slice: &Slice, staging: &Staging, file: &FileRecord, rows: &[RecordBatch]) -> Result<(), Failure> {
    let mut meant = rows.iter().filter(|batch| batch.num_rows() > 0).cloned();
    let mut left: Option<RecordBatch> = None;
    for batch in staging.scan(file, None).map_err(problem)? {
        let mut batch = batch.map_err(problem)?;
        while batch.num_rows() > 0 {
            let Some(next) = left.take().or_else(|| meant.next()) else { return Err(not_as_meant(slice)) };
            let rows = next.num_rows().min(batch.num_rows());
            if batch.slice(0, rows) != next.slice(0, rows) {
                return Err(not_as_meant(slice));
            }
            batch = batch.slice(rows, batch.num_rows() - rows);
            left = (rows < next.num_rows()).then(|| next.slice(rows, next.num_rows() - rows));
        }
    }
    if left.is_some() || meant.next().is_some() { Err(not_as_meant(slice)) } else { Ok(()) }
}
