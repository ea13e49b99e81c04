//! Logs of tables that change every half minute: what they hold stays in memory, and a checkpoint is written from
//! there.
//!
//! ```text
//! version 39   entry of the flush   1 add                       whatever came before, nothing of it is read
//! version 40   entry of the flush   checkpoint of 40: 212 live files; entries up to the checkpoint before it go
//! ```
//! Reading a log of thousands of flushes for each checkpoint, with a tombstone for each file that was ever merged away,
//! would make each flush slower than the one before. So these checkpoints name live files alone: tombstones serve those
//! who delete files by the log, which is not for others to do here (the table's properties tell them to keep files for
//! ten years; leap lets replaced ones go by its book). Checkpoints get rarer as the table grows, so that their cost per
//! flush stays the same.
//!
//! The last two checkpoints and what follows the older one are kept: whoever finds the newer one torn reads the older
//! one.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, ListBuilder, MapBuilder, MapFieldNames, RecordBatch, StringArray,
    StringBuilder, StructArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields, Schema};
use deltalake_core::DeltaTable;
use deltalake_core::kernel::Metadata;
use leap_terms::FileRecord;
use leap_terms::tables::{BILLING_PERIOD, SOURCE, Table};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use crate::layout::path_in_table;
use crate::{LakeError, durable};

/// At least so many versions between two checkpoints.
const INTERVAL: i64 = 10;
/// Of so many live files, one version more between two checkpoints.
const FILES_PER_VERSION: usize = 32;
/// Where a log says which checkpoint is its last.
const LAST: &str = "_last_checkpoint";

/// A live file as a checkpoint names it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Kept {
    source: String,
    period: String,
    bytes: i64,
    rows: u64,
    /// Milliseconds since the epoch.
    modified: i64,
}

/// What a log holds at a version.
#[derive(Clone, Debug)]
pub(crate) struct Remembered {
    version: i64,
    /// The version of the last checkpoint, −1 where there is none.
    checkpoint: i64,
    metadata: Metadata,
    files: BTreeMap<String, Kept>,
}

impl Remembered {
    /// What a log held at a version: the files of the book, with the times at which the log says that they were made.
    pub(crate) fn new(
        log: &Path,
        version: i64,
        metadata: Metadata,
        live: &[&FileRecord],
        (state, now_ms): (Option<&DeltaTable>, i64),
    ) -> Remembered {
        let mut modified = BTreeMap::new();
        if let Some(snapshot) = state.and_then(|state| state.snapshot().ok()) {
            modified
                .extend(snapshot.log_data().iter().map(|file| (file.path().into_owned(), file.modification_time())));
        }
        let files = live.iter().map(|file| {
            let path = path_in_table(file);
            (path.to_owned(), kept(file, modified.get(path).copied().unwrap_or(now_ms)))
        });
        let files = files.collect();
        Remembered { version, checkpoint: last_checkpoint(log), metadata, files }
    }

    /// The version at which the log holds this.
    pub(crate) fn version(&self) -> i64 {
        self.version
    }

    /// Follows an entry that was written.
    pub(crate) fn turn(&mut self, version: i64, before: &[&FileRecord], live: &[&FileRecord], now_ms: i64) {
        self.version = version;
        let stays: std::collections::BTreeSet<&str> = live.iter().map(|file| file.path.as_str()).collect();
        for gone in before.iter().filter(|file| !stays.contains(file.path.as_str())) {
            self.files.remove(path_in_table(gone));
        }
        for file in live {
            self.files.entry(path_in_table(file).to_owned()).or_insert_with(|| kept(file, now_ms));
        }
    }

    /// Writes a checkpoint where one is due, and lets go what nobody needs to read any more. A failure costs other
    /// engines some time to open the table, and nothing else.
    pub(crate) fn checkpoint_if_due(&mut self, table: Table, log: &Path) {
        let interval = INTERVAL.max(i64::try_from(self.files.len() / FILES_PER_VERSION).unwrap_or(i64::MAX));
        if self.version - self.checkpoint < interval {
            return;
        }
        let older = self.checkpoint;
        let written = self.write(table, log).and_then(|()| {
            self.checkpoint = self.version;
            let_go(log, older)
        });
        if let Err(fault) = written {
            tracing::warn!(table = table.name(), error = %fault, "no checkpoint of the Delta log was written");
        }
    }

    fn write(&self, table: Table, log: &Path) -> Result<(), LakeError> {
        let batch = self.batch().map_err(|fault| LakeError::misuse(table, fault))?;
        let name = format!("{:020}.checkpoint.parquet", self.version);
        let mut bytes = Vec::new();
        let properties =
            WriterProperties::builder().set_compression(Compression::SNAPPY).set_created_by("leap".to_owned()).build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let failed = |source| LakeError::parquet("write a checkpoint", &log.join(&name), source);
        let mut writer = ArrowWriter::try_new_with_options(&mut bytes, batch.schema(), options).map_err(failed)?;
        writer.write(&batch).map_err(failed)?;
        writer.close().map_err(failed)?;
        put(log, &name, &bytes)?;
        let rows = batch.num_rows();
        let last = json!({
            "version": self.version,
            "size": rows,
            "sizeInBytes": bytes.len(),
            "numOfAddFiles": self.files.len(),
        });
        put(log, LAST, last.to_string().as_bytes())
    }

    /// The actions of a checkpoint: protocol, metadata, an add for each live file.
    fn batch(&self) -> Result<RecordBatch, String> {
        let metadata = serde_json::to_value(&self.metadata).map_err(|fault| fault.to_string())?;
        let rows = self.files.len() + 2;
        let columns = vec![
            nothing(
                "txn",
                vec![Field::new("appId", DataType::Utf8, true), Field::new("version", DataType::Int64, true)],
                rows,
            ),
            self.adds(rows),
            nothing(
                "remove",
                vec![Field::new("path", DataType::Utf8, true), Field::new("deletionTimestamp", DataType::Int64, true)],
                rows,
            ),
            metadata_column(&metadata, rows),
            only("protocol", 0, rows, vec![whole("minReaderVersion", 1, rows), whole("minWriterVersion", 2, rows)]),
        ];
        let fields: Vec<Field> =
            columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
        let arrays = columns.into_iter().map(|(_, column)| column).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|fault| fault.to_string())
    }

    fn adds(&self, rows: usize) -> (&'static str, ArrayRef) {
        let files = || std::iter::repeat_n(None, rows - self.files.len()).chain(self.files.iter().map(Some));
        let text = |get: &dyn Fn(&str, &Kept) -> String| -> ArrayRef {
            Arc::new(files().map(|file| file.map(|(path, kept)| get(path, kept))).collect::<StringArray>())
        };
        let number = |get: &dyn Fn(&Kept) -> i64| -> ArrayRef {
            Arc::new(files().map(|file| file.map(|(_, kept)| get(kept))).collect::<Int64Array>())
        };
        let mut values = map_builder();
        for file in files() {
            if let Some((_, kept)) = file {
                for (name, value) in [(SOURCE, &kept.source), (BILLING_PERIOD, &kept.period)] {
                    values.keys().append_value(name);
                    values.values().append_value(value);
                }
            }
            values.append(true).expect("as many keys as values");
        }
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("path", text(&|path, _| path.to_owned())),
            ("partitionValues", Arc::new(values.finish())),
            ("size", number(&|kept| kept.bytes)),
            ("modificationTime", number(&|kept| kept.modified)),
            ("dataChange", Arc::new(files().map(|file| file.map(|_| false)).collect::<BooleanArray>())),
            ("stats", text(&|_, kept| json!({ "numRecords": kept.rows }).to_string())),
        ];
        let there = files().map(|file| file.is_some()).collect();
        ("add", structure(columns, there))
    }
}

fn kept(file: &FileRecord, modified: i64) -> Kept {
    Kept {
        source: file.scope.source.to_string(),
        period: file.scope.billing_period.to_string(),
        bytes: file.bytes.cast_signed(),
        rows: file.rows,
        modified,
    }
}

/// A column whose fields may all be null, itself null where `there` is false.
fn structure(columns: Vec<(&str, ArrayRef)>, there: Vec<bool>) -> ArrayRef {
    let fields: Fields =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, column)| column).collect();
    Arc::new(StructArray::new(fields, arrays, Some(NullBuffer::from(there))))
}

/// A column that is there in one row alone.
fn only(
    name: &'static str,
    row: usize,
    rows: usize,
    columns: Vec<(&'static str, ArrayRef)>,
) -> (&'static str, ArrayRef) {
    (name, structure(columns, (0..rows).map(|at| at == row).collect()))
}

fn nothing(name: &'static str, fields: Vec<Field>, rows: usize) -> (&'static str, ArrayRef) {
    (name, arrow::array::new_null_array(&DataType::Struct(fields.into()), rows))
}

fn whole(name: &'static str, value: i32, rows: usize) -> (&'static str, ArrayRef) {
    (name, Arc::new(Int32Array::from_value(value, rows)))
}

fn map_builder() -> MapBuilder<StringBuilder, StringBuilder> {
    let names = MapFieldNames { entry: "key_value".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
    MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new())
}

/// Metadata in the second row.
fn metadata_column(metadata: &Value, rows: usize) -> (&'static str, ArrayRef) {
    let text = |value: &Value| -> ArrayRef { Arc::new(StringArray::from(vec![value.as_str(); rows])) };
    let map = |value: &Value| -> ArrayRef {
        let mut builder = map_builder();
        for _ in 0..rows {
            for (key, value) in value.as_object().into_iter().flatten() {
                builder.keys().append_value(key);
                builder.values().append_option(value.as_str());
            }
            builder.append(true).expect("as many keys as values");
        }
        Arc::new(builder.finish())
    };
    let mut list = ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", DataType::Utf8, true));
    for _ in 0..rows {
        for column in metadata["partitionColumns"].as_array().into_iter().flatten() {
            list.values().append_option(column.as_str());
        }
        list.append(true);
    }
    let format = structure(
        vec![("provider", text(&metadata["format"]["provider"])), ("options", map(&metadata["format"]["options"]))],
        vec![true; rows],
    );
    let created: ArrayRef = Arc::new(Int64Array::from(vec![metadata["createdTime"].as_i64(); rows]));
    only(
        "metaData",
        1,
        rows,
        vec![
            ("id", text(&metadata["id"])),
            ("name", text(&metadata["name"])),
            ("description", text(&metadata["description"])),
            ("format", format),
            ("schemaString", text(&metadata["schemaString"])),
            ("partitionColumns", Arc::new(list.finish())),
            ("configuration", map(&metadata["configuration"])),
            ("createdTime", created),
        ],
    )
}

/// A file of the log that others see whole or not at all.
fn put(log: &Path, name: &str, bytes: &[u8]) -> Result<(), LakeError> {
    let temporary = log.join(format!("_leap-{}-{name}.tmp", std::process::id()));
    let written = std::fs::File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|source| LakeError::io("write", &temporary, source))?;
    let place = log.join(name);
    std::fs::rename(&temporary, &place).map_err(|source| LakeError::io("move into place", &place, source))?;
    durable::sync_dir(log)
}

/// The version of the last checkpoint that a log names, −1 where it names none.
fn last_checkpoint(log: &Path) -> i64 {
    let named = std::fs::read(log.join(LAST)).ok();
    let named = named.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    named.and_then(|value| value["version"].as_i64()).unwrap_or(-1)
}

/// Removes what a checkpoint made needless: the entries that it holds, and earlier checkpoints.
fn let_go(log: &Path, checkpoint: i64) -> Result<(), LakeError> {
    let entries = std::fs::read_dir(log).map_err(|source| LakeError::io("list", log, source))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some((digits, rest)) = name.split_once('.') else { continue };
        let Some(version) = digits.parse::<i64>().ok().filter(|_| digits.len() == 20) else { continue };
        let needless = match rest {
            "json" | "crc" => version <= checkpoint,
            _ => rest.starts_with("checkpoint") && version < checkpoint,
        };
        if needless {
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(LakeError::io("remove", &path, source));
                }
                Ok(()) | Err(_) => {}
            }
        }
    }
    Ok(())
}
