//! A changed attribution table: the stored rows, with those of some keys replaced.
//!
//! ```text
//! stored   k1 k2 k2 k3 k4      changed k2, which now has one row
//! merged   k1 | k2' | k3 k4    what stays is passed on as it lies, in as few pieces as possible
//! ```

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::interleave_record_batch;
use hashbrown::{HashMap, HashSet};
use leap_terms::tables;

use super::columns::{AttributeError, binary, days, digest, text};

/// Where the rows of an attribution table lie, by key.
pub(super) struct Rows {
    batches: Vec<Columns>,
    all: Vec<Place>,
    keys: HashMap<u128, std::ops::Range<usize>>,
}

/// The columns of one batch.
struct Columns {
    from: arrow::array::Date32Array,
    until: arrow::array::Date32Array,
    owner: arrow::array::StringArray,
    rule: arrow::array::StringArray,
    evidence: arrow::array::StringArray,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    key: u128,
    resource: Option<u128>,
    from: i32,
    batch: usize,
    row: usize,
}

/// One row's content, to compare.
pub(super) type Content<'b> = (Option<u128>, i32, i32, &'b str, Option<&'b str>, Option<&'b str>);

impl Rows {
    pub(super) fn of(batches: &[RecordBatch]) -> Result<Rows, AttributeError> {
        let mut columns = Vec::new();
        let mut all = Vec::new();
        for (number, batch) in batches.iter().enumerate() {
            let (keys, resources) = (binary(batch, tables::KEY)?, binary(batch, tables::RESOURCE)?);
            let own = Columns {
                from: days(batch, "from")?,
                until: days(batch, "until")?,
                owner: text(batch, "owner")?,
                rule: text(batch, "rule")?,
                evidence: text(batch, "evidence")?,
            };
            for row in 0..batch.num_rows() {
                let resource =
                    resources.is_valid(row).then(|| digest(resources.value(row), tables::RESOURCE)).transpose()?;
                let key = digest(keys.value(row), tables::KEY)?;
                all.push(Place { key, resource, from: own.from.value(row), batch: number, row });
            }
            columns.push(own);
        }
        all.sort_unstable();
        let mut keys = HashMap::new();
        let mut start = 0;
        while start < all.len() {
            let key = all[start].key;
            let end = start + all[start..].iter().take_while(|place| place.key == key).count();
            keys.insert(key, start..end);
            start = end;
        }
        Ok(Rows { batches: columns, all, keys })
    }

    fn places(&self, key: u128) -> &[Place] {
        self.keys.get(&key).map_or(&[], |range| &self.all[range.clone()])
    }

    pub(super) fn of_key(&self, key: u128) -> Vec<Content<'_>> {
        let content = |place: &Place| {
            let columns = &self.batches[place.batch];
            let row = place.row;
            fn get(array: &arrow::array::StringArray, row: usize) -> Option<&str> {
                array.is_valid(row).then(|| array.value(row))
            }
            (
                place.resource,
                place.from,
                columns.until.value(row),
                columns.owner.value(row),
                get(&columns.rule, row),
                get(&columns.evidence, row),
            )
        };
        self.places(key).iter().map(content).collect()
    }
}

/// The columns of a row that the table has, as plain arrays.
fn plain(batch: &RecordBatch) -> Result<RecordBatch, AttributeError> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(binary(batch, tables::KEY)?),
        Arc::new(binary(batch, tables::RESOURCE)?),
        Arc::new(days(batch, "from")?),
        Arc::new(days(batch, "until")?),
        Arc::new(text(batch, "owner")?),
        Arc::new(text(batch, "rule")?),
        Arc::new(text(batch, "evidence")?),
    ];
    RecordBatch::try_new(tables::attribution(), columns).map_err(|error| AttributeError::BadValue(error.to_string()))
}

/// The stored rows with those of changed keys replaced by fresh ones, in the table's order. `fresh` is in that order, too, and
/// may have rows of other keys.
///
/// # Errors
/// A column that is missing or of the wrong type.
pub(super) fn merged(
    stored: &[RecordBatch],
    fresh: &[RecordBatch],
    changed: &HashSet<u128>,
) -> Result<Vec<RecordBatch>, AttributeError> {
    let stored = stored.iter().map(plain).collect::<Result<Vec<_>, _>>()?;
    let fresh = fresh.iter().map(plain).collect::<Result<Vec<_>, _>>()?;
    match pieces(&stored, &fresh, changed)? {
        Some(pieces) => Ok(pieces),
        None => sorted(&stored, &fresh, changed),
    }
}

/// The same, from rows that lie in order; `None` where they do not.
fn pieces(
    stored: &[RecordBatch],
    fresh: &[RecordBatch],
    changed: &HashSet<u128>,
) -> Result<Option<Vec<RecordBatch>>, AttributeError> {
    let mut fresh = of_changed(fresh, changed)?.into_iter().peekable();
    let mut pieces: Vec<RecordBatch> = Vec::new();
    let mut last: Option<u128> = None;
    for batch in stored {
        let keys = binary(batch, tables::KEY)?;
        let mut start = 0;
        for row in 0..batch.num_rows() {
            let key = digest(keys.value(row), tables::KEY)?;
            if last.is_some_and(|last| last > key) {
                return Ok(None);
            }
            last = Some(key);
            // The fresh rows of a key stand where its stored rows were.
            let replaced = changed.contains(&key);
            if replaced || fresh.peek().is_some_and(|(next, _)| *next < key) {
                pieces.extend((start < row).then(|| batch.slice(start, row - start)));
                start = row;
                while let Some((_, piece)) = fresh.next_if(|(next, _)| *next <= key) {
                    pieces.push(piece);
                }
            }
            if replaced {
                start = row + 1;
            }
        }
        let rows = batch.num_rows();
        pieces.extend((start < rows).then(|| batch.slice(start, rows - start)));
    }
    pieces.extend(fresh.map(|(_, piece)| piece));
    Ok(Some(pieces))
}

/// The rows of changed keys, a piece for each run of one key, in their order.
fn of_changed(fresh: &[RecordBatch], changed: &HashSet<u128>) -> Result<Vec<(u128, RecordBatch)>, AttributeError> {
    let mut pieces = Vec::new();
    for batch in fresh {
        let keys = binary(batch, tables::KEY)?;
        let mut start = 0;
        while start < batch.num_rows() {
            let here = keys.value(start);
            let rows = (start..batch.num_rows()).take_while(|row| keys.value(*row) == here).count();
            let key = digest(here, tables::KEY)?;
            if changed.contains(&key) {
                pieces.push((key, batch.slice(start, rows)));
            }
            start += rows;
        }
    }
    Ok(pieces)
}

/// The same, from rows in any order.
fn sorted(
    stored: &[RecordBatch],
    fresh: &[RecordBatch],
    changed: &HashSet<u128>,
) -> Result<Vec<RecordBatch>, AttributeError> {
    let (old, new) = (Rows::of(stored)?, Rows::of(fresh)?);
    let keep = old.all.iter().filter(|place| !changed.contains(&place.key)).copied();
    let moved = new.all.iter().filter(|place| changed.contains(&place.key));
    let moved = moved.map(|place| Place { batch: place.batch + stored.len(), ..*place });
    let mut all: Vec<Place> = keep.chain(moved).collect();
    all.sort_unstable_by_key(|place| (place.key, place.resource, place.from));
    let sources: Vec<&RecordBatch> = stored.iter().chain(fresh).collect();
    let chunks = all.chunks(super::scope::BATCH_ROWS).map(|chunk| {
        let places: Vec<(usize, usize)> = chunk.iter().map(|place| (place.batch, place.row)).collect();
        interleave_record_batch(&sources, &places).map_err(|error| AttributeError::BadValue(error.to_string()))
    });
    chunks.collect()
}

#[cfg(test)]
mod tests {
    use arrow::array::{BinaryArray, Date32Array, StringArray};

    use super::*;

    /// One row per key, whose owner is `owner`.
    fn table(keys: &[u128], owner: &str) -> RecordBatch {
        let digests: Vec<[u8; 16]> = keys.iter().map(|key| key.to_be_bytes()).collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(BinaryArray::from_iter_values(&digests)),
            Arc::new(BinaryArray::from_iter(keys.iter().map(|_| None::<&[u8]>))),
            Arc::new(Date32Array::from_iter_values(keys.iter().map(|_| 1))),
            Arc::new(Date32Array::from_iter_values(keys.iter().map(|_| 2))),
            Arc::new(StringArray::from_iter_values(keys.iter().map(|_| owner))),
            Arc::new(StringArray::from_iter(keys.iter().map(|_| None::<&str>))),
            Arc::new(StringArray::from_iter(keys.iter().map(|_| None::<&str>))),
        ];
        RecordBatch::try_new(tables::attribution(), columns).unwrap()
    }

    /// `key owner` of each row, and how many pieces there are.
    fn shown(pieces: &[RecordBatch]) -> (Vec<String>, usize) {
        let mut rows = Vec::new();
        for piece in pieces {
            let (keys, owners) = (binary(piece, tables::KEY).unwrap(), text(piece, "owner").unwrap());
            let key = |row| digest(keys.value(row), tables::KEY).unwrap();
            rows.extend((0..piece.num_rows()).map(|row| format!("{} {}", key(row), owners.value(row))));
        }
        (rows, pieces.len())
    }

    #[test]
    fn what_stays_is_passed_on_in_few_pieces_and_rows_in_any_order_are_sorted() {
        let changed = HashSet::from([3, 6, 9]);
        let fresh = [table(&[1, 3, 3, 6], "new"), table(&[9], "new")];
        let expected = ["1 old", "2 old", "3 new", "3 new", "4 old", "5 old", "6 new", "7 old", "9 new"];
        let ordered = [table(&[1, 2, 3, 4], "old"), table(&[5, 6, 7], "old")];
        let (rows, pieces) = shown(&merged(&ordered, &fresh, &changed).unwrap());
        assert_eq!(rows, expected);
        assert_eq!(pieces, 7, "1 2 | 3 3 | 4 | 5 | 6 | 7 | 9");
        let any = [table(&[6, 2, 7, 1], "old"), table(&[5, 4, 3], "old")];
        assert_eq!(shown(&merged(&any, &fresh, &changed).unwrap()).0, expected);
    }
}
