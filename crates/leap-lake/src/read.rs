//! Reading a file of the lake, after making sure that it is the file that the book recorded.
//!
//! A flipped bit in Parquet goes unnoticed in most places, and an empty file reads as no rows; so size, digest and row
//! count are compared before the first use in this process, and again when the file's size, time or inode changes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use leap_terms::tables::{BILLING_PERIOD, SOURCE, Table};
use leap_terms::{Digest, FileRecord};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::file::reader::ChunkReader;

use crate::layout::{file_schema, locate};
use crate::sums::ControlSums;
use crate::writer::{INDEXED_ROWS, has_index};
use crate::{Lake, LakeError};

/// Rows of one batch that a scan yields at most.
const BATCH_ROWS: usize = 8_192;

/// Files up to this size are read in one go when they are verified: what was digested is then what is decoded.
const READ_AT_ONCE_BYTES: u64 = 16 << 20;

/// Files that were verified in this process.
#[derive(Debug, Default)]
pub(crate) struct Verified(Mutex<HashMap<PathBuf, Seal>>);

/// What a verified file looked like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Seal {
    digest: Digest,
    bytes: u64,
    rows: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Lake {
    /// Reads a file. `columns` picks columns by name, in that order; `None` means all that the file stores.
    /// `x_LeapSource` and `x_LeapBillingPeriod` are there when asked for. A column of the table that the file lacks
    /// comes back null.
    ///
    /// # Errors
    /// [`LakeError::Damaged`] when the file is not as recorded; [`LakeError::Misuse`] for a column that the table
    /// cannot have.
    pub fn scan(&self, file: &FileRecord, columns: Option<&[&str]>) -> Result<Batches, LakeError> {
        self.opened(file)?.scan(columns)
    }

    /// Opens a file to read it more than once.
    ///
    /// # Errors
    /// [`LakeError::Damaged`] when the file is not as recorded.
    pub fn opened(&self, file: &FileRecord) -> Result<Opened, LakeError> {
        let place = locate(self.root(), file)?;
        let seal = seal_of(&place, file)?;
        if self.was_verified(&place, &seal) || file.bytes > READ_AT_ONCE_BYTES {
            let place = self.verify(file)?;
            return Opened::on_disk(place, file);
        }
        let bytes = std::fs::read(&place).map_err(|source| LakeError::io("read", &place, source))?;
        if Digest::of(&bytes) != file.digest {
            return Err(other_digest(file));
        }
        let opened = Opened::in_memory(place.clone(), Bytes::from(bytes), file)?;
        opened.has_its_rows()?;
        self.verified.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place, seal);
        Ok(opened)
    }

    fn was_verified(&self, place: &Path, seal: &Seal) -> bool {
        self.verified.0.lock().unwrap_or_else(PoisonError::into_inner).get(place) == Some(seal)
    }

    /// Checks a file in full: size, digest, rows, and its decimal columns added up again.
    ///
    /// # Errors
    /// [`LakeError::Damaged`] says what differs.
    pub fn check(&self, file: &FileRecord) -> Result<(), LakeError> {
        let place = locate(self.root(), file)?;
        self.verified.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&place);
        self.verify(file)?;
        let schema = file_schema(file.table, &file.columns);
        let decimals: Vec<&str> = schema
            .fields()
            .iter()
            .filter(|field| matches!(field.data_type(), DataType::Decimal128(..)))
            .map(|field| field.name().as_str())
            .collect();
        let batches = Opened::on_disk(place, file)?.scan(Some(&decimals))?;
        let mut sums = ControlSums::new(&batches.schema());
        let mut rows = 0;
        for batch in batches {
            let batch = batch?;
            sums.add(&batch);
            rows += batch.num_rows() as u64;
        }
        if rows != file.rows {
            return Err(LakeError::damaged(&file.path, format!("it holds {rows} rows, the book says {}", file.rows)));
        }
        if sums.fine() != file.fine {
            return Err(LakeError::damaged(&file.path, "its fine columns are not as recorded"));
        }
        let totals = sums.totals();
        if totals != file.sums {
            let differs = |name: &&String| totals.get(*name) != file.sums.get(*name);
            let name = totals.keys().chain(file.sums.keys()).find(differs).map_or("", String::as_str);
            return Err(LakeError::damaged(&file.path, format!("the sum of {name} is not as recorded")));
        }
        Ok(())
    }

    /// Makes sure that the file is as recorded and tells its place; cheap when it was verified before and did not
    /// change since.
    pub(crate) fn verify(&self, file: &FileRecord) -> Result<PathBuf, LakeError> {
        let place = locate(self.root(), file)?;
        let seal = seal_of(&place, file)?;
        if self.was_verified(&place, &seal) {
            return Ok(place);
        }
        verify_bytes(&place, file)?;
        self.verified.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone(), seal);
        Ok(place)
    }
}

pub(crate) fn seal_of(place: &Path, file: &FileRecord) -> Result<Seal, LakeError> {
    let metadata = std::fs::metadata(place).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => LakeError::damaged(&file.path, "it is missing"),
        _ => LakeError::io("look at", place, source),
    })?;
    if metadata.len() != file.bytes {
        let fault = format!("it has {} bytes, the book says {}", metadata.len(), file.bytes);
        return Err(LakeError::damaged(&file.path, fault));
    }
    Ok(Seal {
        digest: file.digest,
        bytes: file.bytes,
        rows: file.rows,
        inode: metadata.ino(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    })
}

fn verify_bytes(place: &Path, file: &FileRecord) -> Result<(), LakeError> {
    let mut open = File::open(place).map_err(|source| LakeError::io("open", place, source))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match open.read(&mut buffer).map_err(|source| LakeError::io("read", place, source))? {
            0 => break,
            length => hasher.update(&buffer[..length]),
        };
    }
    if Digest::from_bytes(*hasher.finalize().as_bytes()) != file.digest {
        return Err(other_digest(file));
    }
    Opened::on_disk(place.to_owned(), file)?.has_its_rows()
}

fn other_digest(file: &FileRecord) -> LakeError {
    LakeError::damaged(&file.path, "its digest is not as recorded")
}

/// The type of a column of this table; partition columns and unknown `x_…` or key columns are text.
fn field_of(table: Table, schema: &Schema, name: &str) -> Result<Field, LakeError> {
    if let Ok(field) = schema.field_with_name(name) {
        return Ok(field.clone());
    }
    match table {
        _ if name == SOURCE || name == BILLING_PERIOD => Ok(Field::new(name, DataType::Utf8, false)),
        Table::Charges | Table::Keys => Ok(Field::new(name, DataType::Utf8, true)),
        _ => Err(LakeError::misuse(table, format!("has no column '{name}'"))),
    }
}

/// A file that was verified or has just been written, its footer read.
pub struct Opened {
    place: PathBuf,
    /// All of it, where it was read in one go.
    bytes: Option<Bytes>,
    metadata: ArrowReaderMetadata,
    file: FileRecord,
}

impl Opened {
    pub(crate) fn on_disk(place: PathBuf, file: &FileRecord) -> Result<Opened, LakeError> {
        let open = File::open(&place).map_err(|source| LakeError::io("open", &place, source))?;
        let metadata = footer(&open, file)?;
        Ok(Opened { place, bytes: None, metadata, file: file.clone() })
    }

    /// A file of which only the foot, the index and some rows will be compared with what was recorded.
    pub(crate) fn of_index(place: PathBuf, file: &FileRecord) -> Result<Opened, LakeError> {
        if let Some(foot) = file.foot {
            let mut open = File::open(&place).map_err(|source| LakeError::io("open", &place, source))?;
            let mut bytes = Vec::new();
            let from = file.bytes.saturating_sub(foot.bytes);
            open.seek(SeekFrom::Start(from))
                .and_then(|_| open.read_to_end(&mut bytes))
                .map_err(|source| LakeError::io("read", &place, source))?;
            if Digest::of(&bytes) != foot.digest {
                return Err(LakeError::damaged(&file.path, "its foot is not as recorded"));
            }
        }
        Opened::on_disk(place, file)
    }

    /// A file that was written just now.
    pub(crate) fn staged(place: PathBuf, file: &FileRecord) -> Result<Opened, LakeError> {
        if file.bytes > READ_AT_ONCE_BYTES {
            return Opened::on_disk(place, file);
        }
        let bytes = std::fs::read(&place).map_err(|source| LakeError::io("read", &place, source))?;
        Opened::in_memory(place, Bytes::from(bytes), file)
    }

    fn in_memory(place: PathBuf, bytes: Bytes, file: &FileRecord) -> Result<Opened, LakeError> {
        let metadata = footer(&bytes, file)?;
        Ok(Opened { place, bytes: Some(bytes), metadata, file: file.clone() })
    }

    fn has_its_rows(&self) -> Result<(), LakeError> {
        let rows = self.metadata.metadata().file_metadata().num_rows();
        if u64::try_from(rows) == Ok(self.file.rows) {
            return Ok(());
        }
        let fault = format!("it holds {rows} rows, the book says {}", self.file.rows);
        Err(LakeError::damaged(&self.file.path, fault))
    }

    /// Reads it, as [`Lake::scan`].
    ///
    /// # Errors
    /// As [`Lake::scan`].
    pub fn scan(&self, columns: Option<&[&str]>) -> Result<Batches, LakeError> {
        self.batches(&self.metadata, columns, None, None)
    }

    /// Reads some columns of it, texts as dictionaries (`Dictionary(Int32, Utf8)`): who asks something of each text
    /// asks once for many rows. A column that the file lacks comes back as texts that are all null.
    ///
    /// # Errors
    /// As [`Lake::scan`].
    pub fn scan_coded(&self, columns: &[&str]) -> Result<Batches, LakeError> {
        let coded = |field: &Arc<Field>| match field.data_type() {
            DataType::Utf8 if columns.contains(&field.name().as_str()) => {
                let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
                Arc::new(field.as_ref().clone().with_data_type(coded))
            }
            _ => field.clone(),
        };
        let schema: SchemaRef =
            Arc::new(Schema::new(self.metadata.schema().fields().iter().map(coded).collect::<Vec<_>>()));
        let options = ArrowReaderOptions::default().with_schema(schema);
        let metadata = ArrowReaderMetadata::try_new(self.metadata.metadata().clone(), options)
            .map_err(|source| LakeError::parquet("read", &self.place, source))?;
        self.batches(&metadata, Some(columns), None, None)
    }

    /// Reads some of its rows, which are given by their numbers from 0: ranges that ascend and do not overlap.
    ///
    /// # Errors
    /// As [`Lake::scan`].
    pub fn scan_rows(&self, columns: Option<&[&str]>, rows: &[Range<usize>]) -> Result<Batches, LakeError> {
        let all = usize::try_from(self.file.rows).unwrap_or(usize::MAX);
        let rows = RowSelection::from_consecutive_ranges(rows.iter().cloned(), all);
        self.batches(&self.metadata, columns, None, Some(rows))
    }

    /// Reads single rows, which are given by their numbers from 0, ascending; row groups without any are not touched.
    pub(crate) fn scan_few(&self, columns: Option<&[&str]>, rows: &[usize]) -> Result<Batches, LakeError> {
        let (mut groups, mut ranges) = (Vec::new(), Vec::<Range<usize>>::new());
        // Where the row group begins, in the file and among the chosen groups.
        let (mut first, mut chosen, mut left) = (0, 0, rows);
        for (number, group) in self.metadata.metadata().row_groups().iter().enumerate() {
            let length = usize::try_from(group.num_rows()).unwrap_or(usize::MAX);
            let (here, later) = left.split_at(left.partition_point(|row| *row < first + length));
            left = later;
            if !here.is_empty() {
                groups.push(number);
                for row in here {
                    let place = row - first + chosen;
                    match ranges.last_mut() {
                        Some(last) if last.end == place => last.end += 1,
                        _ => ranges.push(place..place + 1),
                    }
                }
                chosen += length;
            }
            first += length;
        }
        let rows = RowSelection::from_consecutive_ranges(ranges.into_iter(), chosen);
        self.batches(&self.metadata, columns, Some(groups), Some(rows))
    }

    fn batches(
        &self,
        metadata: &ArrowReaderMetadata,
        columns: Option<&[&str]>,
        groups: Option<Vec<usize>>,
        rows: Option<RowSelection>,
    ) -> Result<Batches, LakeError> {
        match &self.bytes {
            Some(bytes) => self.batches_of(bytes.clone(), metadata, columns, groups, rows),
            None => {
                let open = File::open(&self.place).map_err(|source| LakeError::io("open", &self.place, source))?;
                self.batches_of(open, metadata, columns, groups, rows)
            }
        }
    }

    fn batches_of<S: ChunkReader + 'static>(
        &self,
        source: S,
        metadata: &ArrowReaderMetadata,
        columns: Option<&[&str]>,
        groups: Option<Vec<usize>>,
        rows: Option<RowSelection>,
    ) -> Result<Batches, LakeError> {
        let file = &self.file;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(source, metadata.clone());
        let table_schema = file_schema(file.table, &file.columns);
        let stored = builder.schema().clone();
        let mut fields: Vec<Field> = match columns {
            None => table_schema.fields().iter().map(|field| field.as_ref().clone()).collect(),
            Some(names) => names
                .iter()
                .map(|name| field_of(file.table, &table_schema, name))
                .collect::<Result<Vec<_>, LakeError>>()?,
        };
        let stores = |name: &str| stored.field_with_name(name).is_ok();
        let wanted: Vec<&str> = fields.iter().map(|field| field.name().as_str()).filter(|name| stores(name)).collect();
        let mask = ProjectionMask::columns(builder.parquet_schema(), wanted.iter().copied());
        let size = if has_index(file.table) { INDEXED_ROWS } else { BATCH_ROWS };
        let mut builder = builder.with_projection(mask).with_batch_size(size);
        if let Some(groups) = groups {
            builder = builder.with_row_groups(groups);
        }
        if let Some(rows) = rows {
            builder = builder.with_row_selection(rows);
        }
        let reader = builder.build().map_err(|source| LakeError::parquet("read", &self.place, source))?;
        for field in &mut fields {
            let Ok(found) = stored.field_with_name(field.name()) else { continue };
            match found.data_type() {
                DataType::Dictionary(_, texts) if texts.as_ref() == field.data_type() => {
                    *field = field.clone().with_data_type(found.data_type().clone());
                }
                other if other == field.data_type() => {}
                other => {
                    let fault = format!("column {} is {other}, not {}", field.name(), field.data_type());
                    return Err(LakeError::damaged(&file.path, fault));
                }
            }
        }
        Ok(Batches { reader, schema: Arc::new(Schema::new(fields)), file: file.clone() })
    }
}

fn footer<S: ChunkReader>(source: &S, file: &FileRecord) -> Result<ArrowReaderMetadata, LakeError> {
    ArrowReaderMetadata::load(source, ArrowReaderOptions::default())
        .map_err(|fault| LakeError::damaged(&file.path, format!("it is no Parquet file ({fault})")))
}

/// The rows of one file, in batches.
pub struct Batches {
    reader: ParquetRecordBatchReader,
    schema: SchemaRef,
    file: FileRecord,
}

impl Batches {
    /// The schema of each batch.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn fitted(&self, batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
        let rows = batch.num_rows();
        let array = |field: &Arc<Field>| -> ArrayRef {
            match batch.column_by_name(field.name()) {
                Some(array) => array.clone(),
                None if field.name() == SOURCE => repeat(self.file.scope.source.as_str(), rows),
                None if field.name() == BILLING_PERIOD => repeat(&self.file.scope.billing_period.to_string(), rows),
                None => new_null_array(field.data_type(), rows),
            }
        };
        let columns = self.schema.fields().iter().map(array).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|fault| LakeError::damaged(&self.file.path, fault.to_string()))
    }
}

fn repeat(text: &str, rows: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows)))
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, LakeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(match batch {
            Ok(batch) => self.fitted(&batch),
            Err(fault) => Err(LakeError::damaged(&self.file.path, fault.to_string())),
        })
    }
}
