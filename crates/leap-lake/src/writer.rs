//! Writing one Parquet file: digest and control sums are taken from what passes, not read back.
//!
//! The same rows give the same bytes, however the caller cut them into batches: rows are cut anew into batches of equal
//! size, and neither clock nor version of a library goes into the file. Rows are written in the order given.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use leap_terms::tables::{self, Table};
use leap_terms::{DeliveryId, Digest, FileFoot, FileRecord, ScopeKey};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use crate::LakeError;
use crate::layout::{file_schema, path_of};
use crate::stage::{Shelf, Staged};
use crate::sums::ControlSums;

/// Rows of one batch as the encoder sees them.
const BATCH_ROWS: usize = 8_192;
/// A file of so many bytes is synced as soon as it ends, while others are still made; smaller ones wait for the
/// publish, which syncs many at a time.
const SYNCED_AT_ONCE_BYTES: u64 = 1 << 20;
/// Rows of one row group: few enough to prune and to keep memory low, many enough for the dictionary to pay.
const ROW_GROUP_ROWS: usize = 262_144;

/// Rows of a batch and of a row group of tables with an index: one API's month is read without much beside it.
pub(crate) const INDEXED_ROWS: usize = 256;
/// Rows of a page of packed compositions.
const INDEXED_PAGE_ROWS: usize = 16;

/// True for tables of which single rows are read.
pub(crate) fn has_index(table: Table) -> bool {
    !tables::index_of(table).is_empty()
}

/// What passes to the file is counted and digested.
struct DigestingFile {
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    bytes: u64,
    /// Digest of what comes after the rows, and where it begins.
    foot: Option<(u64, blake3::Hasher)>,
}

impl Write for DigestingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        if let Some((_, foot)) = &mut self.foot {
            foot.update(bytes);
        }
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file of the lake being written; nothing of it counts before [`FileWriter::finish`].
pub struct FileWriter {
    table: Table,
    scope: ScopeKey,
    delivery: DeliveryId,
    columns: Vec<String>,
    schema: SchemaRef,
    staged: PathBuf,
    parquet: ArrowWriter<DigestingFile>,
    coalescer: BatchCoalescer,
    sums: ControlSums,
    rows: u64,
    change: u32,
    index: Option<blake3::Hasher>,
    shelf: Arc<Shelf>,
}

impl FileWriter {
    pub(crate) fn new(
        table: Table,
        scope: &ScopeKey,
        delivery: &DeliveryId,
        columns: &[String],
        change: u32,
        staged: PathBuf,
        shelf: Arc<Shelf>,
    ) -> Result<FileWriter, LakeError> {
        let schema = file_schema(table, columns);
        let file = File::create_new(&staged).map_err(|source| LakeError::io("create", &staged, source))?;
        let file = DigestingFile {
            file: BufWriter::with_capacity(1 << 20, file),
            hasher: blake3::Hasher::new(),
            bytes: 0,
            foot: None,
        };
        let level = ZstdLevel::try_new(1).expect("1 is a level of zstd");
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by("leap".to_owned())
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_statistics_enabled(EnabledStatistics::Chunk);
        let properties = match (table, change) {
            // Packed already; pages and row groups are small, since few rows of many are read.
            (Table::Tails | Table::Histograms, _) => {
                let packed = ColumnPath::from(if table == Table::Tails { "composition" } else { "sketch" });
                let digest = ColumnPath::from("digest");
                properties
                    .set_max_row_group_row_count(Some(INDEXED_ROWS))
                    .set_write_batch_size(INDEXED_PAGE_ROWS)
                    .set_data_page_row_count_limit(INDEXED_PAGE_ROWS)
                    .set_column_dictionary_enabled(packed.clone(), false)
                    .set_column_compression(packed.clone(), Compression::UNCOMPRESSED)
                    .set_column_statistics_enabled(packed, EnabledStatistics::None)
                    .set_column_dictionary_enabled(digest.clone(), false)
                    .set_column_statistics_enabled(digest, EnabledStatistics::None)
            }
            // Digests neither repeat nor shrink.
            (Table::Attribution, 0) => {
                let plain = |properties: WriterPropertiesBuilder, column: &str| {
                    let column = ColumnPath::from(column);
                    properties
                        .set_column_dictionary_enabled(column.clone(), false)
                        .set_column_compression(column, Compression::UNCOMPRESSED)
                };
                [tables::KEY, tables::RESOURCE].into_iter().fold(properties, plain)
            }
            (_, 0) => properties,
            // A few rows: preparing to compress them takes longer than all the rest.
            (_, _) => properties.set_compression(Compression::UNCOMPRESSED).set_dictionary_enabled(false),
        };
        let properties = properties.build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let parquet = ArrowWriter::try_new_with_options(file, schema.clone(), options)
            .map_err(|source| LakeError::parquet("begin", &staged, source))?;
        Ok(FileWriter {
            table,
            scope: scope.clone(),
            delivery: delivery.clone(),
            columns: columns.to_vec(),
            coalescer: BatchCoalescer::new(schema.clone(), if has_index(table) { INDEXED_ROWS } else { BATCH_ROWS }),
            sums: ControlSums::new(&schema),
            schema,
            staged,
            parquet,
            rows: 0,
            change,
            index: has_index(table).then(blake3::Hasher::new),
            shelf,
        })
    }

    /// The schema of the file; batches may lack any nullable column of it.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Adds rows. Columns are found by name; those that the batch lacks are null.
    ///
    /// # Errors
    /// [`LakeError::Misuse`] for a column that the table does not have, a wrong type or a missing mandatory column;
    /// [`LakeError::Parquet`] when the disk refuses.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let batch = self.fitted(batch)?;
        self.sums.add(&batch);
        self.rows += batch.num_rows() as u64;
        if let Some(index) = &mut self.index {
            crate::indexed::digest_rows(index, tables::index_of(self.table), &batch).map_err(|column| {
                LakeError::misuse(self.table, format!("column '{column}' cannot be part of an index"))
            })?;
        }
        self.coalescer.push_batch(batch).map_err(|source| self.failed(source.into()))?;
        self.drain()
    }

    fn fitted(&self, batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
        for field in batch.schema_ref().fields() {
            if self.schema.field_with_name(field.name()).is_err() {
                return Err(LakeError::misuse(self.table, format!("has no column '{}'", field.name())));
            }
        }
        let fit = |field: &Arc<arrow::datatypes::Field>| -> Result<ArrayRef, LakeError> {
            match batch.column_by_name(field.name()) {
                None => Ok(new_null_array(field.data_type(), batch.num_rows())),
                Some(array) if array.data_type() == field.data_type() => Ok(array.clone()),
                Some(array) => Err(LakeError::misuse(
                    self.table,
                    format!("column '{}' is {}, not {}", field.name(), field.data_type(), array.data_type()),
                )),
            }
        };
        let columns = self.schema.fields().iter().map(fit).collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|fault| LakeError::misuse(self.table, fault.to_string()))
    }

    fn drain(&mut self) -> Result<(), LakeError> {
        while let Some(batch) = self.coalescer.next_completed_batch() {
            self.parquet.write(&batch).map_err(|source| LakeError::parquet("write", &self.staged, source))?;
        }
        Ok(())
    }

    fn failed(&self, source: parquet::errors::ParquetError) -> LakeError {
        LakeError::parquet("write", &self.staged, source)
    }

    /// Ends the file. The record names the place where a publish will put it, once it is synced.
    ///
    /// # Errors
    /// [`LakeError::Parquet`] and [`LakeError::Io`] when the disk refuses; [`LakeError::Misuse`] when the same rows
    /// were already written for this table, scope and delivery.
    pub fn finish(mut self) -> Result<FileRecord, LakeError> {
        self.coalescer.finish_buffered_batch().map_err(|source: ArrowError| self.failed(source.into()))?;
        self.drain()?;
        if self.index.is_some() {
            self.parquet.flush().map_err(|source| LakeError::parquet("write", &self.staged, source))?;
            self.parquet.sync().map_err(|source| LakeError::io("write", &self.staged, source))?;
            let written = self.parquet.inner_mut();
            written.foot = Some((written.bytes, blake3::Hasher::new()));
        }
        let mut written =
            self.parquet.into_inner().map_err(|source| LakeError::parquet("end", &self.staged, source))?;
        written.flush().map_err(|source| LakeError::io("write", &self.staged, source))?;
        let synced = written.bytes >= SYNCED_AT_ONCE_BYTES;
        if synced {
            written.file.get_ref().sync_all().map_err(|source| LakeError::io("sync", &self.staged, source))?;
        }
        let digest = Digest::from_bytes(*written.hasher.finalize().as_bytes());
        let record = FileRecord {
            table: self.table,
            path: path_of(self.table, &self.scope, &self.delivery, self.change, digest),
            scope: self.scope,
            delivery: self.delivery,
            bytes: written.bytes,
            digest,
            rows: self.rows,
            sums: self.sums.totals(),
            columns: self.columns,
            fine: self.sums.fine(),
            index: self.index.map(|index| Digest::from_bytes(*index.finalize().as_bytes())),
            foot: written.foot.map(|(from, foot)| FileFoot {
                bytes: written.bytes - from,
                digest: Digest::from_bytes(*foot.finalize().as_bytes()),
            }),
        };
        self.shelf.put(Staged { record: record.clone(), place: self.staged, synced })?;
        Ok(record)
    }
}
