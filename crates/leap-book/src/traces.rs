//! Deliveries of traces, and which files of requests are live.
//!
//! ```text
//! change 7     2026-09-17T08:00:00Z  ingest traces-2026-09-16.json.gz
//!   delivery   4bf0…  otlp-json  8,120 requests
//!   files      + requests/…, slices/…, spans/…    − those that hold a request that came again, whole
//!   services   ledger  namespace money  version 2.3.1  team payments
//! ```
//! Apart from the snapshots: [`Book::publish_traces`] is the one commit point of latency. What was live at a time is
//! what the changes recorded until then left.

use std::collections::BTreeMap;

use leap_terms::tables::{SOURCE, Table};
use leap_terms::{DeliveryId, Digest, FileRecord, Instant, SourceId};
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::audit::{self, AuditEntry};
use crate::book::Book;
use crate::error::BookError;
use crate::rows::{self, Cell, Insert, Record};
use crate::snapshot::{Snapshot, table_versions};

/// Paths in one statement.
const PATHS: usize = 500;
/// Days for which a series of metrics is remembered that is told no more.
const SERIES_DAYS: i64 = 90;

/// A delivery of traces.
#[derive(Clone, PartialEq, Debug)]
pub struct TraceDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// Digest of its bytes: the same bytes are one delivery.
    pub digest: Digest,
    /// Where it was found.
    pub path: String,
    /// `otlp-proto`, `otlp-json`, `jaeger-json`, `zipkin-v2`, `stream` …
    pub format: String,
    /// What was counted: spans, traces, requests, rejected spans by reason …
    pub counts: Value,
    /// What its resources say of services.
    pub services: Vec<ServiceFact>,
}

/// One combination of what resources say of a service.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ServiceFact {
    /// `service.name`.
    pub service: String,
    /// `service.namespace`; empty where there is none, as all below.
    pub namespace: String,
    /// `service.version`.
    pub version: String,
    /// `deployment.environment.name`.
    pub environment: String,
    /// The team that the resource declares.
    pub team: String,
    /// Earliest start of its spans, ns since the epoch.
    pub first_ns: u64,
    /// Latest end of its spans, ns since the epoch.
    pub last_ns: u64,
    /// Its spans.
    pub spans: u64,
}

/// A file of the tables of latency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraceFile {
    /// The file.
    pub record: FileRecord,
    /// Start of its earliest request, ns since the epoch.
    pub first_ns: u64,
    /// Start of its latest request.
    pub last_ns: u64,
}

/// What was counted of one sender's histogram.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeriesState {
    /// Which: a digest of its attributes.
    pub id: String,
    /// What was counted, as a JSON text of its owner's.
    pub state: String,
}

/// Where the changes of traces stand.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TraceHead {
    /// The newest change, 0 where there is none.
    pub change: i64,
    /// The version of each table's log in the lake at it; empty where it was recorded before versions were kept.
    pub table_versions: BTreeMap<Table, i64>,
}

/// What one commit of latency changes.
#[derive(Clone, PartialEq, Debug)]
pub struct NewTraces {
    /// When.
    pub at: Instant,
    /// Who.
    pub actor: String,
    /// What for: `ingest <path>`, `otlp` …
    pub cause: String,
    /// The last change that the files below were worked out from; 0 where there was none.
    pub parent: i64,
    /// New deliveries.
    pub deliveries: Vec<TraceDelivery>,
    /// Files that become live.
    pub add: Vec<TraceFile>,
    /// Paths that cease to be.
    pub remove: Vec<String>,
    /// The version of each table's log in the lake; tables that are not named keep their parent's.
    pub table_versions: BTreeMap<Table, i64>,
    /// What was counted of histograms, from now on.
    pub series: Vec<SeriesState>,
}

/// A delivery of traces as it was recorded.
#[derive(Clone, PartialEq, Debug)]
pub struct RecordedTraces {
    /// The delivery.
    pub delivery: TraceDelivery,
    /// When it was recorded.
    pub recorded_at: Instant,
    /// By whom.
    pub actor: String,
}

fn ns(value: u64) -> Cell {
    Cell::Int(i64::try_from(value).unwrap_or(i64::MAX))
}

async fn newest(connection: &mut AnyConnection, book: &Book) -> Result<TraceHead, BookError> {
    let row = sqlx::query("SELECT id, table_versions FROM trace_change ORDER BY id DESC LIMIT 1")
        .fetch_optional(connection)
        .await
        .map_err(book.failed("read the changes of traces"))?;
    let Some(row) = row else { return Ok(TraceHead::default()) };
    let record = Record { row: &row, of: "trace_change", place: &book.place };
    let table_versions = match record.maybe_text("table_versions")? {
        Some(_) => table_versions(&record)?,
        None => BTreeMap::new(),
    };
    Ok(TraceHead { change: record.int("id")?, table_versions })
}

impl Book {
    /// Commits deliveries of traces; returns the change's number.
    ///
    /// # Errors
    /// [`BookError::TracesStale`] when another change was committed since `parent`, [`BookError::FileNotLive`] for a
    /// path that is not live; else the database's. Nothing is recorded then.
    pub async fn publish_traces(&self, new: &NewTraces) -> Result<i64, BookError> {
        let doing = "record traces";
        let failed = self.failed(doing);
        let mut transaction = self.writing(doing).await?;
        let mut head = newest(&mut transaction, self).await?;
        if head.change != new.parent {
            return Err(BookError::TracesStale { parent: new.parent, newest: head.change });
        }
        let change = head.change + 1;
        head.table_versions.extend(&new.table_versions);
        let row = vec![
            Cell::Int(change),
            Cell::at(new.at),
            Cell::Text(rows::storable(&new.actor)),
            Cell::Text(rows::storable(&new.cause)),
            Cell::Text(Snapshot::table_versions_text(&head.table_versions)),
        ];
        let columns = &["id", "recorded_at", "actor", "cause", "table_versions"];
        rows::insert(&mut transaction, "trace_change", columns, row).await.map_err(&failed)?;
        let mut deliveries = Insert::into("trace_delivery", &["id", "added_in", "path", "format", "digest", "counts"]);
        let mut services = Insert::into(
            "trace_service",
            &[
                "delivery",
                "ordinal",
                "service",
                "namespace",
                "version",
                "environment",
                "team",
                "first_ns",
                "last_ns",
                "spans",
            ],
        );
        for delivery in &new.deliveries {
            let row = vec![
                Cell::text(&delivery.id),
                Cell::Int(change),
                Cell::Text(rows::storable(&delivery.path)),
                Cell::text(&delivery.format),
                Cell::text(delivery.digest),
                Cell::json(&delivery.counts),
            ];
            deliveries.row(&mut transaction, row).await.map_err(&failed)?;
        }
        deliveries.end(&mut transaction).await.map_err(&failed)?;
        for delivery in &new.deliveries {
            for (ordinal, fact) in delivery.services.iter().enumerate() {
                let texts = [&fact.service, &fact.namespace, &fact.version, &fact.environment, &fact.team];
                let mut row = vec![Cell::text(&delivery.id), Cell::Int(ordinal as i64)];
                row.extend(texts.map(|text| Cell::Text(rows::storable(text))));
                row.extend([ns(fact.first_ns), ns(fact.last_ns), ns(fact.spans)]);
                services.row(&mut transaction, row).await.map_err(&failed)?;
            }
        }
        services.end(&mut transaction).await.map_err(&failed)?;
        for chunk in new.remove.chunks(PATHS) {
            let sql = format!(
                "UPDATE trace_file SET removed_in = $1 WHERE removed_in IS NULL AND path IN ({})",
                rows::placeholders(2, chunk.len())
            );
            let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false).bind(change);
            for path in chunk {
                query = query.bind(path.as_str());
            }
            if query.execute(&mut *transaction).await.map_err(&failed)?.rows_affected() != chunk.len() as u64 {
                return Err(BookError::FileNotLive(chunk.join(", ")));
            }
        }
        let mut files = Insert::into("trace_file", &["path", "added_in", "removed_in", "first_ns", "last_ns", "body"]);
        for file in &new.add {
            let row = vec![
                Cell::text(&file.record.path),
                Cell::Int(change),
                Cell::NoInt,
                ns(file.first_ns),
                ns(file.last_ns),
                Cell::json(&file.record),
            ];
            files.row(&mut transaction, row).await.map_err(&failed)?;
        }
        files.end(&mut transaction).await.map_err(&failed)?;
        if !new.series.is_empty() {
            self.record_series(&mut transaction, new).await.map_err(&failed)?;
        }
        let entry = AuditEntry {
            at: new.at,
            actor: new.actor.clone(),
            action: "traces recorded".to_owned(),
            subject: new.cause.clone(),
            detail: json!({
                "change": change,
                "deliveries": new.deliveries.iter().map(|delivery| delivery.id.as_str()).collect::<Vec<_>>(),
                "added": new.add.iter().map(|file| file.record.path.as_str()).collect::<Vec<_>>(),
                "removed": new.remove,
            }),
        };
        audit::append(&mut transaction, &self.place, &entry, None).await?;
        self.commit(transaction, doing).await?;
        Ok(change)
    }

    async fn record_series(&self, connection: &mut AnyConnection, new: &NewTraces) -> Result<(), sqlx::Error> {
        let mut series =
            Insert::into("metric_series", &["id", "seen_at", "state"]).or_replace("id", &["seen_at", "state"]);
        for one in &new.series {
            let row = vec![Cell::text(&one.id), Cell::at(new.at), Cell::text(&one.state)];
            series.row(connection, row).await?;
        }
        series.end(connection).await?;
        // Senders come and go; of those that are gone for long nothing comes again.
        sqlx::query("DELETE FROM metric_series WHERE seen_at < $1")
            .bind(new.at.micros().saturating_sub(SERIES_DAYS * 86_400_000_000))
            .execute(connection)
            .await?;
        Ok(())
    }

    /// What was counted of some series, by id; nothing for those that are not known.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn metric_series(&self, ids: &[&str]) -> Result<BTreeMap<String, String>, BookError> {
        let failed = self.failed("read the series of metrics");
        let mut connection = self.connection().await?;
        let mut states = BTreeMap::new();
        for chunk in ids.chunks(PATHS) {
            let sql =
                format!("SELECT id, state FROM metric_series WHERE id IN ({})", rows::placeholders(1, chunk.len()));
            let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
            for id in chunk {
                query = query.bind(*id);
            }
            for row in query.fetch_all(&mut *connection).await.map_err(&failed)? {
                let record = Record { row: &row, of: "metric_series", place: &self.place };
                states.insert(record.text("id")?, record.text("state")?);
            }
        }
        Ok(states)
    }

    /// The newest change of traces.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn trace_head(&self) -> Result<TraceHead, BookError> {
        newest(&mut *self.connection().await?, self).await
    }

    /// The newest change of traces, 0 where there is none, and the files live at it; those whose requests began in
    /// `[from_ns, until_ns)`, and, with `known_on`, as they were recorded at that time.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn trace_files(
        &self,
        from_ns: u64,
        until_ns: u64,
        known_on: Option<Instant>,
    ) -> Result<(i64, Vec<TraceFile>), BookError> {
        self.trace_files_like("%", (from_ns, until_ns), known_on).await
    }

    async fn trace_files_like(
        &self,
        path: &str,
        (from_ns, until_ns): (u64, u64),
        known_on: Option<Instant>,
    ) -> Result<(i64, Vec<TraceFile>), BookError> {
        let mut transaction = self.reading("read the files of traces").await?;
        let clamp = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        // What is live now is found by its own index, however much was replaced before.
        let (change, of_then) = match known_on {
            None => (newest(&mut transaction, self).await?.change, "removed_in IS NULL AND added_in <= $1"),
            Some(at) => {
                let row = sqlx::query("SELECT MAX(id) AS id FROM trace_change WHERE recorded_at <= $1")
                    .bind(at.micros())
                    .fetch_one(&mut *transaction)
                    .await
                    .map_err(self.failed("read the changes of traces"))?;
                let change = Record { row: &row, of: "trace_change", place: &self.place }.maybe_int("id")?.unwrap_or(0);
                (change, "added_in <= $1 AND (removed_in IS NULL OR removed_in > $1)")
            }
        };
        let sql = format!(
            "SELECT path, first_ns, last_ns, gone_at, body FROM trace_file
             WHERE {of_then} AND first_ns < $2 AND last_ns >= $3 AND path LIKE $4 ORDER BY first_ns, path"
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(change)
            .bind(clamp(until_ns))
            .bind(clamp(from_ns))
            .bind(path)
            .fetch_all(&mut *transaction)
            .await
            .map_err(self.failed("read the files of traces"))?;
        let mut files = Vec::with_capacity(found.len());
        for row in &found {
            let record = Record { row, of: "trace_file", place: &self.place };
            if record.maybe_int("gone_at")?.is_some() {
                return Err(BookError::TracesGone { change, path: record.text("path")? });
            }
            files.push(TraceFile {
                record: record.json("body")?,
                first_ns: record.count("first_ns")?,
                last_ns: record.count("last_ns")?,
            });
        }
        Ok((change, files))
    }

    /// As [`Book::trace_files`], the files of one table.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn trace_files_of(
        &self,
        table: Table,
        from_ns: u64,
        until_ns: u64,
        known_on: Option<Instant>,
    ) -> Result<Vec<TraceFile>, BookError> {
        let (_, mut files) =
            self.trace_files_like(&format!("{}/%", table.name()), (from_ns, until_ns), known_on).await?;
        files.retain(|file| file.record.table == table);
        Ok(files)
    }

    /// Takes files of a source out of those that are kept, which were replaced before an instant: at most so many,
    /// oldest first. Returns them, for the lake to let them go: once this is recorded nobody reads them any more.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be written; then nothing is recorded.
    pub async fn forget_trace_files(
        &self,
        source: &SourceId,
        (before, now): (Instant, Instant),
        actor: &str,
        most: u32,
    ) -> Result<Vec<FileRecord>, BookError> {
        let doing = "forget replaced files of traces";
        let failed = self.failed(doing);
        let mut transaction = self.writing(doing).await?;
        let last = sqlx::query("SELECT id FROM trace_change WHERE recorded_at < $1 ORDER BY recorded_at DESC LIMIT 1")
            .bind(before.micros())
            .fetch_optional(&mut *transaction)
            .await
            .map_err(&failed)?;
        let Some(last) = last else { return Ok(Vec::new()) };
        let last = Record { row: &last, of: "trace_change", place: &self.place }.int("id")?;
        // A path may come again, as when the same rows are merged twice: then it goes with its last.
        let found = sqlx::query(
            "SELECT path, body FROM trace_file
             WHERE removed_in IS NOT NULL AND gone_at IS NULL AND removed_in <= $1 AND path LIKE $2
             AND NOT EXISTS (SELECT 1 FROM trace_file AS other WHERE other.path = trace_file.path
                             AND (other.removed_in IS NULL OR other.removed_in > $1))
             ORDER BY removed_in, path LIMIT $3",
        )
        .bind(last)
        .bind(format!("%/{SOURCE}={source}/%"))
        .bind(i64::from(most))
        .fetch_all(&mut *transaction)
        .await
        .map_err(&failed)?;
        let mut gone = BTreeMap::<String, FileRecord>::new();
        for row in &found {
            let file: FileRecord = Record { row, of: "trace_file", place: &self.place }.json("body")?;
            gone.insert(file.path.clone(), file);
        }
        let gone: Vec<FileRecord> = gone.into_values().collect();
        if gone.is_empty() {
            return Ok(gone);
        }
        for chunk in gone.chunks(PATHS) {
            let sql = format!(
                "UPDATE trace_file SET gone_at = $1 WHERE removed_in IS NOT NULL AND path IN ({})",
                rows::placeholders(2, chunk.len())
            );
            let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false).bind(now.micros());
            for file in chunk {
                query = query.bind(file.path.as_str());
            }
            query.execute(&mut *transaction).await.map_err(&failed)?;
        }
        let paths: Vec<&str> = gone.iter().map(|file| file.path.as_str()).collect();
        let entry = AuditEntry {
            at: now,
            actor: actor.to_owned(),
            action: "replaced traces forgotten".to_owned(),
            subject: source.to_string(),
            detail: json!({ "replaced_before": before.to_string(), "files": paths }),
        };
        audit::append(&mut transaction, &self.place, &entry, None).await?;
        self.commit(transaction, doing).await?;
        Ok(gone)
    }

    /// The delivery with these bytes, if there was one.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn trace_delivery_of(&self, digest: Digest) -> Result<Option<DeliveryId>, BookError> {
        let found = sqlx::query("SELECT id FROM trace_delivery WHERE digest = $1")
            .bind(digest.to_string())
            .fetch_optional(&mut *self.connection().await?)
            .await
            .map_err(self.failed("read the deliveries of traces"))?;
        found
            .map(|row| Record { row: &row, of: "trace_delivery", place: &self.place }.read("id", DeliveryId::new))
            .transpose()
    }

    /// Deliveries of traces in the order in which they were recorded, without what they say of services.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn trace_deliveries(&self) -> Result<Vec<RecordedTraces>, BookError> {
        let found = sqlx::query(
            "SELECT trace_delivery.*, recorded_at, actor FROM trace_delivery
             JOIN trace_change ON trace_change.id = added_in ORDER BY added_in, trace_delivery.id",
        )
        .fetch_all(&mut *self.connection().await?)
        .await
        .map_err(self.failed("read the deliveries of traces"))?;
        let read = |row| {
            let record = Record { row, of: "trace_delivery", place: &self.place };
            Ok(RecordedTraces {
                delivery: TraceDelivery {
                    id: record.read("id", DeliveryId::new)?,
                    digest: record.read("digest", str::parse)?,
                    path: record.text("path")?,
                    format: record.text("format")?,
                    counts: record.json("counts")?,
                    services: Vec::new(),
                },
                recorded_at: record.at("recorded_at")?,
                actor: record.text("actor")?,
            })
        };
        found.iter().map(read).collect()
    }

    /// What deliveries recorded until then say of services: one row per combination, all deliveries together.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn trace_services(&self, known_on: Option<Instant>) -> Result<Vec<ServiceFact>, BookError> {
        let found = sqlx::query(
            "SELECT service, namespace, version, environment, team, MIN(first_ns) AS first_ns, MAX(last_ns) AS last_ns,
                    CAST(SUM(spans) AS BIGINT) AS spans
             FROM trace_service JOIN trace_delivery ON trace_delivery.id = delivery
             JOIN trace_change ON trace_change.id = added_in WHERE recorded_at <= $1
             GROUP BY service, namespace, version, environment, team
             ORDER BY service, namespace, version, environment, team",
        )
        .bind(known_on.map_or(i64::MAX, Instant::micros))
        .fetch_all(&mut *self.connection().await?)
        .await
        .map_err(self.failed("read what traces say of services"))?;
        let read = |row| {
            let record = Record { row, of: "trace_service", place: &self.place };
            Ok(ServiceFact {
                service: record.text("service")?,
                namespace: record.text("namespace")?,
                version: record.text("version")?,
                environment: record.text("environment")?,
                team: record.text("team")?,
                first_ns: record.count("first_ns")?,
                last_ns: record.count("last_ns")?,
                spans: record.count("spans")?,
            })
        };
        found.iter().map(read).collect()
    }
}
