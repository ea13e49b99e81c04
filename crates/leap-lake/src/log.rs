//! The Delta log of one table, so that DuckDB, Spark, Trino and the Python deltalake package read the lake as it lies.
//!
//! leap never reads facts through the log: the book's list of files is the truth, and each publish brings the log to
//! that list by adds and removes computed against what the log says now. A log that a crash left ahead of the book or
//! behind it heals by the same step.
//!
//! The actions are those of `deltalake-core`; the entry itself is written here, since its local store does not sync: a
//! temporary file is written and synced, linked under the next version's name (which fails when another writer was
//! first), and the folder is synced. So a log entry is either whole or absent, also after a power cut.
//!
//! Logs of money are kept for ever; those of latency, which grow every half minute, are in `checkpoint`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::path::Path;

use arrow::datatypes::{DataType, Schema};
use deltalake_core::kernel::transaction::CommitData;
use deltalake_core::kernel::{Action, Add, CommitInfo, Metadata, MetadataExt, Protocol, Remove};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTable, DeltaTableBuilder, DeltaTableError, checkpoints, ensure_table_uri};
use leap_terms::tables::{BILLING_PERIOD, SOURCE, Table};
use leap_terms::{Digest, FileRecord, Instant};
use serde_json::{Value, json};

use crate::checkpoint::Remembered;
use crate::layout::{DELTA_LOG, file_schema, path_in_table};
use crate::{LakeError, durable};

/// How often to begin anew when another process writes the same log.
const ATTEMPTS: usize = 10;
/// A checkpoint every so many versions, which is also what other Delta writers do.
const CHECKPOINT_INTERVAL: i64 = 10;

/// What a log entry says about its cause.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublishInfo<'f> {
    /// Digest of the snapshot about to be committed by the book.
    pub snapshot: Option<Digest>,
    /// What made it: `ingest`, `rules apply`, `heal` …
    pub operation: String,
    /// The present.
    pub at: Instant,
    /// What the book says the logs held before.
    pub before: Before<'f>,
}

/// What the logs held at the snapshot that a publish is made from. Where the newest entry of a log is the one that the
/// book recorded, its files are those of the book, and the log need not be read to add to it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Before<'f> {
    /// Live files.
    pub files: &'f [FileRecord],
    /// The version of each log.
    pub versions: BTreeMap<Table, i64>,
    /// True where `files`, and the live files of the publish, are only those among which something may change: the
    /// others stay as they are. Only where [`crate::Lake::in_step`] holds.
    pub part: bool,
}

/// Brings the log of a table to `live`; the table's version afterwards, or `None` while the table does not exist.
///
/// `known` is what an earlier call left: reading what was added since is cheaper than reading all.
pub(crate) async fn bring_to(
    root: &Path,
    table: Table,
    live: &[&FileRecord],
    info: &PublishInfo<'_>,
    logs: &mut Logs,
) -> Result<Option<i64>, LakeError> {
    let folder = root.join(table.name());
    let log = folder.join(DELTA_LOG);
    if info.before.part && log_exists(&log)? {
        // To bring a log to a part of its files would take the others out of it.
        return Err(LakeError::Busy { table: table.name() });
    }
    let mut known = logs.read.remove(&table);
    logs.remembered.remove(&table);
    for _ in 0..ATTEMPTS {
        let mut state = if log_exists(&log)? { known.take() } else { None };
        if let Some(earlier) = &mut state
            && earlier.update_state().await.is_err()
        {
            state = None;
        }
        logs.reads += u64::from(state.is_some());
        if state.is_none() && log_exists(&log)? {
            logs.reads += 1;
            state = Some(load(table, &folder).await?);
        }
        if state.is_none() && live.is_empty() {
            return Ok(None);
        }
        let version = match &state {
            Some(state) => as_version(state.version())?,
            None => -1,
        };
        let actions = difference(table, state.as_ref(), live, info)?;
        let metadata = actions.iter().find_map(|action| match action {
            Action::Metadata(metadata) => Some(metadata.clone()),
            _ => None,
        });
        let (next, changes) = (version + 1, !actions.is_empty());
        if changes && !write_entry(root, table, &log, next, actions, info)? {
            known = state;
            continue;
        }
        let reached = if changes { next } else { version };
        if Table::LATENCY.contains(&table) {
            let of_state = state.as_ref().and_then(|state| state.snapshot().ok()).map(|read| read.metadata().clone());
            if let Some(metadata) = metadata.or(of_state) {
                let now_ms = info.at.micros() / 1_000;
                let mut held = Remembered::new(&log, reached, metadata, live, (state.as_ref(), now_ms));
                held.checkpoint_if_due(table, &log);
                logs.remembered.insert(table, held);
            }
        } else {
            if changes {
                checkpoint_if_due(root, table, next).await;
            }
            logs.read.extend(state.map(|state| (table, state)));
        }
        return Ok(Some(reached));
    }
    Err(LakeError::Busy { table: table.name() })
}

/// What is known of logs without reading them.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    /// Of money: as they were read last.
    read: BTreeMap<Table, DeltaTable>,
    /// Of latency: what they hold.
    remembered: BTreeMap<Table, Remembered>,
    /// How often one was read, in whole or what was added to it.
    pub(crate) reads: u64,
}

impl Logs {
    /// True where a log can be added to by those who know only what changes: it ends where the book says, and what it
    /// holds is in memory; or it is not there, as the book says.
    pub(crate) fn in_step(&self, root: &Path, table: Table, version: Option<i64>) -> Result<bool, LakeError> {
        let log = root.join(table.name()).join(DELTA_LOG);
        Ok(match (version, self.remembered.get(&table)) {
            (Some(version), Some(held)) => held.version() == version && ends_at(&log, version),
            (Some(_), None) => false,
            (None, _) => !log_exists(&log)?,
        })
    }

    /// Follows an entry that was added to a log without reading it.
    pub(crate) async fn turn(
        &mut self,
        root: &Path,
        table: Table,
        version: i64,
        live: &[&FileRecord],
        info: &PublishInfo<'_>,
    ) {
        if !Table::LATENCY.contains(&table) {
            return checkpoint_if_due(root, table, version).await;
        }
        if let Some(held) = self.remembered.get_mut(&table) {
            let before: Vec<&FileRecord> = info.before.files.iter().filter(|file| file.table == table).collect();
            held.turn(version, &before, live, info.at.micros() / 1_000);
            held.checkpoint_if_due(table, &root.join(table.name()).join(DELTA_LOG));
        }
    }
}

fn ends_at(log: &Path, version: i64) -> bool {
    log.join(entry_name(version)).is_file() && !log.join(entry_name(version + 1)).exists()
}

/// What became of a log that was not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unread {
    /// It must be read: a crash left it ahead or behind, or its schema may have to grow.
    MustBeRead,
    /// It holds what it should hold.
    Stays(i64),
    /// A version was added.
    Added(i64),
}

/// Adds to a log whose newest entry is the one that the book recorded, without reading it. One of latency must be in
/// memory, too: read once by each process, it is brought to the columns that the table has by now.
pub(crate) fn add_unread(
    root: &Path,
    table: Table,
    live: &[&FileRecord],
    info: &PublishInfo<'_>,
    logs: &Logs,
) -> Result<Unread, LakeError> {
    let log = root.join(table.name()).join(DELTA_LOG);
    let Some(version) = info.before.versions.get(&table).copied() else { return Ok(Unread::MustBeRead) };
    if !ends_at(&log, version) || (Table::LATENCY.contains(&table) && !logs.in_step(root, table, Some(version))?) {
        return Ok(Unread::MustBeRead);
    }
    let mut old: BTreeMap<&str, &FileRecord> =
        info.before.files.iter().filter(|file| file.table == table).map(|file| (file.path.as_str(), file)).collect();
    let mut actions = Vec::new();
    for file in live {
        if old.remove(file.path.as_str()).is_some() {
            continue;
        }
        if !file.columns.is_empty() {
            return Ok(Unread::MustBeRead);
        }
        actions.push(Action::Add(add(file, path_in_table(file), info.at)));
    }
    for file in old.into_values() {
        actions.push(Action::Remove(Remove {
            path: path_in_table(file).to_owned(),
            data_change: true,
            deletion_timestamp: Some(info.at.micros() / 1_000),
            extended_file_metadata: Some(true),
            partition_values: Some(partition_values(file)),
            size: Some(file.bytes.cast_signed()),
            tags: None,
            deletion_vector: None,
            base_row_id: None,
            default_row_commit_version: None,
        }));
    }
    if actions.is_empty() {
        return Ok(Unread::Stays(version));
    }
    Ok(match write_entry(root, table, &log, version + 1, actions, info)? {
        true => Unread::Added(version + 1),
        false => Unread::MustBeRead,
    })
}

/// The file of a version of a log.
fn entry_name(version: i64) -> String {
    format!("{version:020}.json")
}

/// Paths that the log of a table counts as active, relative to the table's folder; empty when there is no log.
pub(crate) async fn active(root: &Path, table: Table) -> Result<BTreeSet<String>, LakeError> {
    let folder = root.join(table.name());
    if !log_exists(&folder.join(DELTA_LOG))? {
        return Ok(BTreeSet::new());
    }
    let state = load(table, &folder).await?;
    Ok(removes(table, &state)?.into_keys().collect())
}

fn as_version(version: Option<u64>) -> Result<i64, LakeError> {
    Ok(version.and_then(|version| i64::try_from(version).ok()).unwrap_or(-1))
}

fn log_exists(log: &Path) -> Result<bool, LakeError> {
    if !log.is_dir() {
        return Ok(false);
    }
    let entries = std::fs::read_dir(log).map_err(|source| LakeError::io("list", log, source))?;
    Ok(entries.flatten().any(|entry| entry.path().extension().is_some_and(|extension| extension == "json")))
}

fn delta(operation: &'static str, table: Table) -> impl FnOnce(DeltaTableError) -> LakeError {
    move |source| LakeError::Delta { operation, table: table.name(), source: Box::new(source) }
}

async fn load(table: Table, folder: &Path) -> Result<DeltaTable, LakeError> {
    match load_once(table, folder).await {
        Ok(state) => Ok(state),
        // Checkpoints only repeat what the entries say, and entries go when two checkpoints hold them: a torn one can
        // go.
        Err(_) if drop_torn_checkpoints(&folder.join(DELTA_LOG))? => load_once(table, folder).await,
        Err(fault) => Err(fault),
    }
}

async fn load_once(table: Table, folder: &Path) -> Result<DeltaTable, LakeError> {
    let failed = "read the Delta log";
    let url = ensure_table_uri(folder.to_string_lossy()).map_err(delta(failed, table))?;
    let builder = DeltaTableBuilder::from_url(url).map_err(delta(failed, table))?;
    builder.load().await.map_err(delta(failed, table))
}

fn drop_torn_checkpoints(log: &Path) -> Result<bool, LakeError> {
    let mut dropped = false;
    let entries = std::fs::read_dir(log).map_err(|source| LakeError::io("list", log, source))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let torn = if name == "_last_checkpoint" {
            true
        } else if name.contains(".checkpoint") && name.ends_with(".parquet") {
            let open = std::fs::File::open(&path).map_err(|source| LakeError::io("open", &path, source))?;
            parquet::file::reader::SerializedFileReader::new(open).is_err()
        } else {
            false
        };
        if torn {
            std::fs::remove_file(&path).map_err(|source| LakeError::io("remove", &path, source))?;
            dropped = true;
        }
    }
    Ok(dropped)
}

/// The removes that would empty the table, by path.
fn removes(table: Table, state: &DeltaTable) -> Result<BTreeMap<String, Remove>, LakeError> {
    let snapshot = state.snapshot().map_err(delta("read the Delta log", table))?;
    Ok(snapshot.log_data().iter().map(|file| (file.path().into_owned(), file.remove_action(true))).collect())
}

/// What to write so that the table's active files are `live` and its schema holds all their columns.
fn difference(
    table: Table,
    state: Option<&DeltaTable>,
    live: &[&FileRecord],
    info: &PublishInfo<'_>,
) -> Result<Vec<Action>, LakeError> {
    let malformed =
        |fault: serde_json::Error| LakeError::misuse(table, format!("its Delta actions are malformed: {fault}"));
    let mut actions = Vec::new();
    let mut old = BTreeMap::new();
    match state {
        None => {
            let protocol: Protocol =
                serde_json::from_value(json!({"minReaderVersion": 1, "minWriterVersion": 2})).map_err(malformed)?;
            actions.push(Action::Protocol(protocol));
            let metadata: Metadata = serde_json::from_value(json!({
                "id": table_id(table, info.at),
                "name": table.name(),
                "description": null,
                "format": {"provider": "parquet", "options": {}},
                "schemaString": json!({"type": "struct", "fields": fields(table, Vec::new(), live)}).to_string(),
                "partitionColumns": [SOURCE, BILLING_PERIOD],
                // Files and entries of a closed period must never expire: they are what was known then.
                "configuration": {
                    "delta.logRetentionDuration": "interval 3650 days",
                    "delta.deletedFileRetentionDuration": "interval 3650 days",
                    "delta.enableExpiredLogCleanup": "false",
                },
                "createdTime": info.at.micros() / 1_000,
            }))
            .map_err(malformed)?;
            actions.push(Action::Metadata(metadata));
        }
        Some(state) => {
            old = removes(table, state)?;
            let snapshot = state.snapshot().map_err(delta("read the Delta log", table))?;
            let metadata = snapshot.metadata();
            let schema = metadata.parse_schema().map_err(|fault| LakeError::misuse(table, fault.to_string()))?;
            let schema = serde_json::to_value(&schema).map_err(malformed)?;
            let before = schema.get("fields").and_then(Value::as_array).cloned().unwrap_or_default();
            let count = before.len();
            let after = fields(table, before, live);
            if after.len() > count {
                let schema = serde_json::from_value(json!({"type": "struct", "fields": after})).map_err(malformed)?;
                let metadata = metadata
                    .clone()
                    .with_schema(&schema)
                    .map_err(|fault| LakeError::misuse(table, fault.to_string()))?;
                actions.push(Action::Metadata(metadata));
            }
        }
    }
    for file in live {
        let path = path_in_table(file);
        if old.remove(path).is_none() {
            actions.push(Action::Add(add(file, path, info.at)));
        }
    }
    for (_, mut remove) in old {
        remove.deletion_timestamp = Some(info.at.micros() / 1_000);
        actions.push(Action::Remove(remove));
    }
    Ok(actions)
}

fn partition_values(file: &FileRecord) -> HashMap<String, Option<String>> {
    HashMap::from([
        (SOURCE.to_owned(), Some(file.scope.source.to_string())),
        (BILLING_PERIOD.to_owned(), Some(file.scope.billing_period.to_string())),
    ])
}

fn add(file: &FileRecord, path: &str, at: Instant) -> Add {
    Add {
        path: path.to_owned(),
        partition_values: partition_values(file),
        size: file.bytes.cast_signed(),
        modification_time: at.micros() / 1_000,
        data_change: true,
        stats: Some(json!({"numRecords": file.rows}).to_string()),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    }
}

/// A UUID made from the table's name and the instant of its making.
fn table_id(table: Table, at: Instant) -> String {
    let digits = Digest::of(format!("leap {} {at}", table.name()).as_bytes()).to_string();
    format!("{}-{}-8{}-8{}-{}", &digits[..8], &digits[8..12], &digits[12..15], &digits[15..18], &digits[18..30])
}

/// `before`, then the columns of the table and of the live files that it lacks; new columns are nullable.
///
/// Left out are columns whose names Delta does not allow without its column mapping, and names that differ from another
/// in case alone: other engines do not see these columns, leap does.
fn fields(table: Table, before: Vec<Value>, live: &[&FileRecord]) -> Vec<Value> {
    let evolving = !before.is_empty();
    let mut names: BTreeSet<String> =
        before.iter().filter_map(|field| field.get("name")?.as_str()).map(str::to_lowercase).collect();
    let mut fields = before;
    let mut take = |schema: &Schema, nullable: bool| {
        for field in schema.fields() {
            let allowed = !field.name().is_empty()
                && !field.name().contains([' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '=']);
            if allowed && names.insert(field.name().to_lowercase()) {
                fields.push(json!({
                    "name": field.name(),
                    "type": delta_type(field.data_type()),
                    "nullable": nullable || field.is_nullable(),
                    "metadata": {},
                }));
            }
        }
    };
    take(&file_schema(table, &[]), evolving);
    let partitions = [SOURCE, BILLING_PERIOD].map(|name| arrow::datatypes::Field::new(name, DataType::Utf8, true));
    take(&Schema::new(partitions.to_vec()), true);
    let columns: BTreeSet<&String> = live.iter().flat_map(|file| &file.columns).collect();
    let columns: Vec<String> = columns.into_iter().cloned().collect();
    take(&file_schema(table, &columns), true);
    fields
}

fn delta_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "string".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Binary => "binary".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::Int64 => "long".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        other => unreachable!("no table of the lake has a column of type {other}"),
    }
}

/// Writes version `next` unless another writer was first.
fn write_entry(
    root: &Path,
    table: Table,
    log: &Path,
    next: i64,
    mut actions: Vec<Action>,
    info: &PublishInfo<'_>,
) -> Result<bool, LakeError> {
    let operation = DeltaOperation::Write {
        mode: SaveMode::Overwrite,
        partition_by: Some(vec![SOURCE.to_owned(), BILLING_PERIOD.to_owned()]),
        predicate: None,
    };
    let commit_info: CommitInfo = CommitInfo {
        timestamp: Some(info.at.micros() / 1_000),
        engine_info: Some("leap".to_owned()),
        ..operation.get_commit_info()
    };
    actions.insert(0, Action::CommitInfo(commit_info));
    let mut metadata = HashMap::from([("leapOperation".to_owned(), json!(info.operation))]);
    if let Some(snapshot) = info.snapshot {
        metadata.insert("leapSnapshot".to_owned(), json!(snapshot.to_string()));
    }
    let mut bytes = Vec::new();
    for action in &CommitData::new(actions, operation, metadata, Vec::new()).actions {
        serde_json::to_writer(&mut bytes, action).map_err(|fault| LakeError::misuse(table, fault.to_string()))?;
        bytes.push(b'\n');
    }

    durable::make_dirs(root, log)?;
    // Names that start with an underscore are no entries of a log.
    let temporary = log.join(format!("_leap-{}-{next}.tmp", std::process::id()));
    let place = log.join(entry_name(next));
    let written = std::fs::File::create(&temporary).and_then(|mut file| {
        file.write_all(&bytes)?;
        file.sync_all()
    });
    written.map_err(|source| LakeError::io("write", &temporary, source))?;
    let linked = std::fs::hard_link(&temporary, &place);
    std::fs::remove_file(&temporary).map_err(|source| LakeError::io("remove", &temporary, source))?;
    match linked {
        Ok(()) => durable::sync_dir(log).map(|()| true),
        Err(source) if source.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(source) => Err(LakeError::io("write", &place, source)),
    }
}

/// Writes a checkpoint where a version is one that gets one.
pub(crate) async fn checkpoint_if_due(root: &Path, table: Table, version: i64) {
    if (version + 1) % CHECKPOINT_INTERVAL == 0 {
        let folder = root.join(table.name());
        checkpoint(table, &folder, &folder.join(DELTA_LOG)).await;
    }
}

/// Writes and syncs a checkpoint. A failure costs other engines some time to open the table, and nothing else.
async fn checkpoint(table: Table, folder: &Path, log: &Path) {
    let attempt = async {
        let state = load(table, folder).await?;
        checkpoints::create_checkpoint(&state, None).await.map_err(delta("write a checkpoint", table))?;
        let entries = std::fs::read_dir(log).map_err(|source| LakeError::io("list", log, source))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.file_name().is_some_and(|name| name.to_string_lossy().contains("checkpoint")) {
                durable::sync_file(&path)?;
            }
        }
        durable::sync_dir(log)
    };
    if let Err(fault) = attempt.await {
        tracing::warn!(table = table.name(), error = %fault, "no checkpoint of the Delta log was written");
    }
}
