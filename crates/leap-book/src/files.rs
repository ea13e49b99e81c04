//! The lake's files, and at which snapshots each is live.
//!
//! A path holds its content's digest, so the same path may come back: a reverted rule set gives the same attribution
//! file. Each time is a row of its own. Does not touch the files.

use std::collections::{BTreeSet, HashSet};

use leap_terms::tables::Table;
use leap_terms::{DeliveryId, FileRecord, ScopeKey};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::rows::{self, Cell, Insert, Record};
use crate::scope::scope_of;

/// Paths in one statement.
const PATHS: usize = 1_000;

const COLUMNS: [&str; 12] = [
    "path",
    "added_in",
    "lake_table",
    "source",
    "billing_period",
    "delivery_id",
    "bytes",
    "digest",
    "rows",
    "sums",
    "columns",
    "fine",
];

/// Ends the time of live files.
pub(crate) async fn remove(
    connection: &mut AnyConnection,
    place: &Place,
    snapshot: i64,
    paths: &[String],
) -> Result<(), BookError> {
    let mut seen = HashSet::new();
    if let Some(twice) = paths.iter().find(|path| !seen.insert(path.as_str())) {
        return Err(BookError::FileNotLive(twice.clone()));
    }
    for chunk in paths.chunks(PATHS) {
        let sql = format!(
            "UPDATE file SET removed_in = $1 WHERE removed_in IS NULL AND added_in < $1 AND path IN ({})",
            rows::placeholders(2, chunk.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(chunk.len() == PATHS).bind(snapshot);
        for path in chunk {
            query = query.bind(path.as_str());
        }
        let ended = query.execute(&mut *connection).await;
        let ended = ended.map_err(|error| BookError::of(error, "remove files", place))?.rows_affected();
        if ended != chunk.len() as u64 {
            // The transaction is given up; the rows it marked tell which of the paths was not live.
            let marked = paths_where(connection, place, "removed_in = $1", snapshot, chunk).await?;
            let missing = chunk.iter().find(|path| !marked.contains(*path)).unwrap_or(&chunk[0]);
            return Err(BookError::FileNotLive(missing.clone()));
        }
    }
    Ok(())
}

/// Makes files live.
pub(crate) async fn add(
    connection: &mut AnyConnection,
    place: &Place,
    snapshot: i64,
    files: &[FileRecord],
) -> Result<(), BookError> {
    let mut seen = HashSet::new();
    if let Some(twice) = files.iter().find(|file| !seen.insert(file.path.as_str())) {
        return Err(BookError::FileTwice(twice.path.clone()));
    }
    let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
    for chunk in paths.chunks(PATHS) {
        let live = paths_where(connection, place, "removed_in IS NULL AND added_in < $1", snapshot, chunk).await?;
        if let Some(path) = live.into_iter().next() {
            return Err(BookError::FileTwice(path));
        }
    }
    let failed = |error| BookError::of(error, "record files", place);
    let mut insert = Insert::into("file", &COLUMNS);
    for file in files {
        let row = vec![
            Cell::text(&file.path),
            Cell::Int(snapshot),
            Cell::text(file.table.name()),
            Cell::text(&file.scope.source),
            Cell::text(file.scope.billing_period),
            Cell::text(&file.delivery),
            Cell::count(file.bytes),
            Cell::text(file.digest),
            Cell::count(file.rows),
            Cell::json(&file.sums),
            Cell::json(&file.columns),
            Cell::flag(file.fine),
        ];
        insert.row(connection, row).await.map_err(failed)?;
    }
    insert.end(connection).await.map_err(failed)
}

/// One file that is still live for a scope of a delivery, if any.
pub(crate) async fn any_live_of(
    connection: &mut AnyConnection,
    place: &Place,
    scope: &ScopeKey,
    delivery: &DeliveryId,
) -> Result<Option<String>, BookError> {
    let row = sqlx::query(
        "SELECT path FROM file
         WHERE source = $1 AND billing_period = $2 AND delivery_id = $3 AND removed_in IS NULL LIMIT 1",
    )
    .bind(scope.source.as_str())
    .bind(scope.billing_period.to_string())
    .bind(delivery.as_str())
    .fetch_optional(connection)
    .await
    .map_err(|error| BookError::of(error, "read files", place))?;
    row.map(|row| Record { row: &row, of: "file", place }.text("path")).transpose()
}

/// Those of the paths for which a condition on `$1` holds.
async fn paths_where(
    connection: &mut AnyConnection,
    place: &Place,
    condition: &'static str,
    snapshot: i64,
    paths: &[String],
) -> Result<BTreeSet<String>, BookError> {
    let sql = format!("SELECT path FROM file WHERE {condition} AND path IN ({})", rows::placeholders(2, paths.len()));
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(paths.len() == PATHS).bind(snapshot);
    for path in paths {
        query = query.bind(path.as_str());
    }
    let rows = query.fetch_all(connection).await.map_err(|error| BookError::of(error, "read files", place))?;
    rows.iter().map(|row| Record { row, of: "file", place }.text("path")).collect()
}

/// The files that are live at a snapshot, by path.
pub(crate) async fn live(
    connection: &mut AnyConnection,
    place: &Place,
    snapshot: i64,
) -> Result<Vec<FileRecord>, BookError> {
    let rows = sqlx::query("SELECT * FROM file WHERE added_in <= $1 AND (removed_in IS NULL OR removed_in > $1)")
        .bind(snapshot)
        .fetch_all(connection)
        .await
        .map_err(|error| BookError::of(error, "read the live files", place))?;
    let mut files = Vec::with_capacity(rows.len());
    for row in &rows {
        let record = Record { row, of: "file", place };
        files.push(FileRecord {
            table: record.read("lake_table", |name| {
                Table::from_name(name).ok_or_else(|| format!("'{name}' is no table of the lake"))
            })?,
            scope: scope_of(&record)?,
            delivery: record.read("delivery_id", DeliveryId::new)?,
            path: record.text("path")?,
            bytes: record.count("bytes")?,
            digest: record.read("digest", str::parse)?,
            rows: record.count("rows")?,
            sums: record.json("sums")?,
            columns: record.json("columns")?,
            fine: record.flag("fine")?,
            index: None,
            foot: None,
        });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

impl Book {
    /// The files that are live at a snapshot, by path.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn live_files(&self, snapshot: i64) -> Result<Vec<FileRecord>, BookError> {
        live(&mut *self.connection().await?, &self.place, snapshot).await
    }

    /// Every path ever recorded whose file is still kept: a file of the lake that is not among them is an orphan.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn all_paths(&self) -> Result<BTreeSet<String>, BookError> {
        let rows = sqlx::query("SELECT path FROM file UNION SELECT path FROM trace_file WHERE gone_at IS NULL")
            .fetch_all(&mut *self.connection().await?)
            .await
            .map_err(self.failed("read the paths of all files"))?;
        rows.iter().map(|row| Record { row, of: "file", place: &self.place }.text("path")).collect()
    }
}
