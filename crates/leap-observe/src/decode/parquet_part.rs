//! Parquet parts: footer, columns, batches. A damaged file must not take the process down, so every call into the
//! decoder runs where a panic becomes an error.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow::datatypes::{DataType, Fields};
use arrow::record_batch::RecordBatch;
use leap_terms::limits;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::{Header, json, stream};
use crate::error::{IntakeError, Limit};

/// Rows per batch.
pub const BATCH_ROWS: usize = 8192;

/// Runs the decoder; a panic or an error of it names the file.
fn guarded<T>(file: &str, decode: impl FnOnce() -> Result<T, String>) -> Result<T, IntakeError> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(reason))
            if reason.contains("EOF")
                || reason.contains("Corrupt footer")
                || reason.contains("file size")
                || reason.contains("Invalid Parquet file") =>
        {
            Err(IntakeError::truncated(file, format!("has no complete Parquet footer or pages ({reason})")))
        }
        Ok(Err(reason)) => Err(IntakeError::malformed(
            file,
            format!("its Parquet data is damaged ({reason}); copy or export it again"),
        )),
        Err(_) => Err(IntakeError::malformed(
            file,
            "its Parquet data is damaged (the decoder gave up); copy or export it again",
        )),
    }
}

fn builder(path: &Path, file: &str) -> Result<ParquetRecordBatchReaderBuilder<File>, IntakeError> {
    let opened = stream::open(path, file)?;
    // Parquet's own types are what counts; the Arrow schema that some writers embed is one more thing to be damaged.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    guarded(file, || {
        ParquetRecordBatchReaderBuilder::try_new_with_options(opened, options).map_err(|error| error.to_string())
    })
}

/// Columns of the file, structs as dotted names.
pub(crate) fn header(path: &Path, file: &str) -> Result<Header, IntakeError> {
    let builder = builder(path, file)?;
    let rows = builder.metadata().file_metadata().num_rows();
    if rows < 0 || rows as u64 > limits::ROWS_PER_PART {
        return Err(IntakeError::TooMuch {
            file: file.to_owned(),
            row: None,
            column: None,
            found: format!("{rows} rows"),
            limit: Limit::RowsPerPart,
            allowed: limits::ROWS_PER_PART,
            remedy: "split the export into smaller parts",
        });
    }
    let mut header = Header { names: Vec::new(), floats: Vec::new() };
    names("", builder.schema().fields(), &mut header);
    Ok(header)
}

fn names(prefix: &str, fields: &Fields, header: &mut Header) {
    for field in fields {
        let name = if prefix.is_empty() { field.name().clone() } else { format!("{prefix}.{}", field.name()) };
        match field.data_type() {
            DataType::Struct(inner) if !json::is_map_column(&name) => names(&name, inner, header),
            other => {
                if other.is_floating() {
                    header.floats.push(name.clone());
                }
                header.names.push(name);
            }
        }
    }
}

pub(crate) struct ParquetPart {
    reader: ParquetRecordBatchReader,
    file: String,
    bytes: u64,
    rows: u64,
    read: u64,
}

impl ParquetPart {
    pub(crate) fn open(path: &Path, file: &str) -> Result<ParquetPart, IntakeError> {
        let bytes = std::fs::metadata(path)
            .map_err(|source| IntakeError::Io { operation: "read", file: file.to_owned(), source })?
            .len();
        let builder = builder(path, file)?;
        let rows = builder.metadata().file_metadata().num_rows().max(0) as u64;
        let claimed: i64 = builder.metadata().row_groups().iter().map(|group| group.total_byte_size().max(0)).sum();
        let claimed = claimed.max(0) as u64;
        if claimed > limits::RATIO_FLOOR_BYTES && claimed / bytes.max(1) > limits::DECOMPRESSION_RATIO {
            return Err(IntakeError::TooMuch {
                file: file.to_owned(),
                row: None,
                column: None,
                found: format!("{claimed} bytes out of {bytes} stored ones"),
                limit: Limit::DecompressionRatio,
                allowed: limits::DECOMPRESSION_RATIO,
                remedy: "bills compress 10 to 100 times; look at what the file really holds",
            });
        }
        let reader = guarded(file, || builder.with_batch_size(BATCH_ROWS).build().map_err(|error| error.to_string()))?;
        Ok(ParquetPart { reader, file: file.to_owned(), bytes, rows, read: 0 })
    }

    pub(crate) fn next_batch(&mut self) -> Result<Option<RecordBatch>, IntakeError> {
        let reader = &mut self.reader;
        let batch = guarded(&self.file, || reader.next().transpose().map_err(|error| error.to_string()))?;
        match &batch {
            Some(batch) => self.read += batch.num_rows() as u64,
            None if self.read != self.rows => {
                return Err(IntakeError::truncated(
                    &self.file,
                    format!("holds {} of the {} rows that its footer promises", self.read, self.rows),
                ));
            }
            None => {}
        }
        Ok(batch)
    }

    /// An estimate from the rows read: Parquet is not read from front to back.
    pub(crate) fn bytes_read(&self) -> u64 {
        if self.rows == 0 {
            self.bytes
        } else {
            (u128::from(self.bytes) * u128::from(self.read) / u128::from(self.rows)) as u64
        }
    }
}
