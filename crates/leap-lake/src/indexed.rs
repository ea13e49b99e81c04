//! A few rows of a large file, checked without reading the rest.
//!
//! ```text
//! record.index ── digest of all rows' index columns ── digest of each row's bytes ── the row
//! ```
//! Digesting a month of packed compositions takes longer than answering from it. So the record of such a file also
//! holds the digest of its index columns, one of which is the digest of each row's other columns: whoever reads a row
//! and compares that digest has checked it against the book.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Int64Type};
use leap_terms::tables::index_of;
use leap_terms::{Digest, FileRecord};

use crate::layout::locate;
use crate::read::{Batches, Opened, seal_of};
use crate::{Lake, LakeError};

/// A file whose index was read and is as recorded.
pub struct Indexed {
    opened: Opened,
    index: Vec<RecordBatch>,
}

impl Lake {
    /// Opens a file of a table with an index and reads the columns of that. A file that was recorded before feet were
    /// is checked in full.
    ///
    /// # Errors
    /// [`LakeError::Damaged`] when the file has another size, or its foot or index is not as recorded.
    pub fn indexed(&self, file: &FileRecord) -> Result<Indexed, LakeError> {
        let place = locate(self.root(), file)?;
        seal_of(&place, file)?;
        let opened = match file.foot {
            Some(_) => Opened::of_index(place, file)?,
            None => Opened::on_disk(self.verify(file)?, file)?,
        };
        let columns = index_of(file.table);
        let mut hasher = blake3::Hasher::new();
        let mut index = Vec::new();
        for batch in opened.scan(Some(columns))? {
            let batch = batch?;
            let other = |column| LakeError::damaged(&file.path, format!("column {column} is of another type"));
            digest_rows(&mut hasher, columns, &batch).map_err(other)?;
            index.push(batch);
        }
        if file.index != Some(Digest::from_bytes(*hasher.finalize().as_bytes())) {
            return Err(LakeError::damaged(&file.path, "its index is not as recorded"));
        }
        Ok(Indexed { opened, index })
    }
}

impl Indexed {
    /// The index: all rows of the file in their order, columns of [`index_of`] its table.
    pub fn index(&self) -> &[RecordBatch] {
        &self.index
    }

    /// Whole rows, given by their numbers from 0, ascending. Their `digest` is still to be compared.
    ///
    /// # Errors
    /// As [`Lake::scan`].
    pub fn rows(&self, rows: &[usize]) -> Result<Batches, LakeError> {
        self.opened.scan_few(None, rows)
    }
}

/// Adds the index columns of rows, row by row: how rows are cut into batches changes nothing. `Err` names a column that
/// is missing or of a type that no index has.
pub(crate) fn digest_rows(
    hasher: &mut blake3::Hasher,
    names: &[&'static str],
    batch: &RecordBatch,
) -> Result<(), &'static str> {
    let mut columns = Vec::with_capacity(names.len());
    for name in names {
        columns.push((*name, batch.column_by_name(name).ok_or(*name)?));
    }
    let mut bytes = Vec::new();
    for row in 0..batch.num_rows() {
        for (name, column) in &columns {
            if column.is_null(row) {
                bytes.push(0);
                continue;
            }
            bytes.push(1);
            match column.data_type() {
                DataType::Utf8 => long(&mut bytes, column.as_string::<i32>().value(row).as_bytes()),
                DataType::Binary => long(&mut bytes, column.as_binary::<i32>().value(row)),
                DataType::Int64 => bytes.extend(column.as_primitive::<Int64Type>().value(row).to_le_bytes()),
                DataType::Date32 => bytes.extend(column.as_primitive::<Date32Type>().value(row).to_le_bytes()),
                DataType::Boolean => bytes.push(u8::from(column.as_boolean().value(row))),
                _ => return Err(name),
            }
        }
    }
    hasher.update(&bytes);
    Ok(())
}

fn long(bytes: &mut Vec<u8>, value: &[u8]) {
    bytes.extend((value.len() as u64).to_le_bytes());
    bytes.extend(value);
}
