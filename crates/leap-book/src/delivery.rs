//! The delivery ledger: every delivery that was ever offered, and what became of it.
//!
//! ```text
//! #4  2026-09-17  focus:aws:958667946125  2026-09  current     3,123 rows
//! #3  2026-09-16  focus:aws:958667946125  2026-09  superseded  2,981 rows
//! #2  2026-09-16  september.csv.gz                 refused     part 2 of 3 is missing
//! ```
//! Rows are never changed: whether an accepted delivery is current or superseded follows from its scopes.

use leap_terms::{Delivery, DeliveryId, Digest, Format, Instant, Month, ScopeFacts, SourceId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::attempt::AttemptOutcome;
use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::rows::{self, Cell, Record};

/// What became of a delivery.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DeliveryState {
    /// Published, and still the one that counts for at least one scope.
    Current,
    /// Published, and replaced in all its scopes.
    Superseded,
    /// Not published, for a reason.
    Refused,
    /// Not published, because its facts were published before.
    Unchanged,
}

impl DeliveryState {
    /// The word in JSON and on screens.
    pub fn word(self) -> &'static str {
        match self {
            DeliveryState::Current => "current",
            DeliveryState::Superseded => "superseded",
            DeliveryState::Refused => "refused",
            DeliveryState::Unchanged => "unchanged",
        }
    }
}

impl std::fmt::Display for DeliveryState {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.pad(self.word())
    }
}

/// One line of the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryRow {
    /// Number in the ledger, from 1, in order of recording.
    pub number: i64,
    /// The delivery's id; `None` for one that was refused before it could be read.
    pub id: Option<DeliveryId>,
    /// What became of it, now.
    pub state: DeliveryState,
    /// The source, where known.
    pub source: Option<SourceId>,
    /// The format, where known.
    pub format: Option<Format>,
    /// The path that was given or found.
    pub path: String,
    /// Its billing periods, where known.
    pub billing_periods: Vec<Month>,
    /// Why it was refused or is unchanged.
    pub reason: Option<String>,
    /// Rows accepted.
    pub rows: u64,
    /// Rows skipped.
    pub skipped: u64,
    /// Rows quarantined.
    pub quarantined: u64,
    /// When it was recorded.
    pub recorded_at: Instant,
    /// Who brought it.
    pub actor: String,
    /// The snapshot that published it.
    pub snapshot: Option<i64>,
}

/// One delivery with all that was found in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryDetail {
    /// Its line of the ledger.
    pub row: DeliveryRow,
    /// What was found, without the quarantined rows (see [`Book::quarantine`]); `None` when it was refused unread.
    pub delivery: Option<Delivery>,
}

/// Which deliveries to list; the default is all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeliveryFilter {
    /// Only of this source.
    pub source: Option<SourceId>,
    /// Only with this billing period.
    pub billing_period: Option<Month>,
    /// Only in this state.
    pub state: Option<DeliveryState>,
    /// Only the newest so many.
    pub limit: Option<u64>,
}

/// What is written into the ledger.
pub(crate) struct NewDelivery<'a> {
    pub(crate) number: i64,
    pub(crate) id: Option<&'a DeliveryId>,
    pub(crate) outcome: Option<AttemptOutcome>,
    pub(crate) source: Option<&'a SourceId>,
    pub(crate) format: Option<Format>,
    pub(crate) path: &'a str,
    pub(crate) parts: &'a [Digest],
    pub(crate) reason: Option<&'a str>,
    pub(crate) recorded_at: Instant,
    pub(crate) actor: &'a str,
    pub(crate) snapshot: Option<i64>,
    pub(crate) delivery: Option<&'a Delivery>,
}

const COLUMNS: [&str; 16] = [
    "number",
    "id",
    "outcome",
    "source",
    "format",
    "path",
    "parts_key",
    "billing_periods",
    "reason",
    "rows",
    "skipped",
    "quarantined",
    "recorded_at",
    "actor",
    "snapshot",
    "body",
];

/// One text for a bag of part digests, so that equal bags are found through an index.
pub(crate) fn parts_key(parts: &[Digest]) -> Option<String> {
    let mut texts: Vec<String> = parts.iter().map(Digest::to_string).collect();
    texts.sort_unstable();
    (!texts.is_empty()).then(|| Digest::of(texts.join("\n").as_bytes()).to_string())
}

pub(crate) async fn next_number(connection: &mut AnyConnection, place: &Place) -> Result<i64, BookError> {
    sqlx::query("SELECT COALESCE(MAX(number), 0) + 1 AS next FROM delivery")
        .fetch_one(connection)
        .await
        .and_then(|row| row.try_get("next"))
        .map_err(|error| BookError::of(error, "number a delivery", place))
}

pub(crate) async fn record(
    connection: &mut AnyConnection,
    place: &Place,
    new: &NewDelivery<'_>,
) -> Result<(), BookError> {
    let billing_periods = new.delivery.map(Delivery::billing_periods).unwrap_or_default();
    // An accepted delivery's scopes have rows of their own; quarantined rows have theirs in any case.
    let body = new.delivery.map(|delivery| {
        let scopes = if new.snapshot.is_some() { Vec::new() } else { delivery.scopes.clone() };
        rows::json(&Delivery {
            scopes,
            quarantine: Vec::new(),
            id: delivery.id.clone(),
            source: delivery.source.clone(),
            format: delivery.format,
            version: delivery.version.clone(),
            execution: delivery.execution.clone(),
            nominal: delivery.nominal,
            path: delivery.path.clone(),
            parts: delivery.parts.clone(),
            rows: delivery.rows,
            skipped: delivery.skipped,
            quarantined: delivery.quarantined,
            assumptions: delivery.assumptions.clone(),
            mappings: delivery.mappings.clone(),
        })
    });
    let row = vec![
        Cell::Int(new.number),
        Cell::maybe_text(new.id),
        Cell::text(new.outcome.map_or("accepted", AttemptOutcome::word)),
        Cell::maybe_text(new.source),
        Cell::maybe_text(new.format),
        Cell::Text(rows::storable(new.path)),
        Cell::maybe_text(parts_key(new.parts)),
        Cell::Text(billing_periods.iter().map(Month::to_string).collect::<Vec<_>>().join(" ")),
        Cell::maybe_text(new.reason.map(rows::storable)),
        Cell::count(new.delivery.map_or(0, |delivery| delivery.rows)),
        Cell::count(new.delivery.map_or(0, |delivery| delivery.skipped)),
        Cell::count(new.delivery.map_or(0, |delivery| delivery.quarantined)),
        Cell::at(new.recorded_at),
        Cell::text(new.actor),
        Cell::maybe_int(new.snapshot),
        Cell::maybe_text(body),
    ];
    rows::insert(connection, "delivery", &COLUMNS, row)
        .await
        .map_err(|error| BookError::of(error, "record a delivery", place))
}

// The body, which may be large, is read for one delivery only.
const LEDGER: &str = "SELECT delivery.number AS number, delivery.id AS id, outcome, delivery.source AS source, format, path,
        billing_periods, reason, delivery.rows AS rows, skipped, quarantined, recorded_at, actor, delivery.snapshot AS snapshot,
        COALESCE(held.scopes, 0) AS scopes, COALESCE(held.ended, 0) AS ended
    FROM delivery LEFT JOIN
        (SELECT delivery, COUNT(*) AS scopes, COUNT(until_snapshot) AS ended FROM scope GROUP BY delivery) held
        ON held.delivery = delivery.number";

fn from_row(row: &AnyRow, place: &Place) -> Result<DeliveryRow, BookError> {
    let record = Record { row, of: "delivery", place };
    let (scopes, ended) = (record.int("scopes")?, record.int("ended")?);
    let state = record.read("outcome", |outcome| match outcome {
        // A bill without rows has no scopes, and nothing can replace it.
        "accepted" if scopes == 0 || ended < scopes => Ok(DeliveryState::Current),
        "accepted" => Ok(DeliveryState::Superseded),
        "refused" => Ok(DeliveryState::Refused),
        "unchanged" => Ok(DeliveryState::Unchanged),
        other => Err(format!("'{other}' is no outcome")),
    })?;
    Ok(DeliveryRow {
        number: record.int("number")?,
        id: record.maybe_read("id", DeliveryId::new)?,
        state,
        source: record.maybe_read("source", SourceId::new)?,
        format: record.maybe_read("format", str::parse)?,
        path: record.text("path")?,
        billing_periods: record
            .read("billing_periods", |text| text.split_whitespace().map(str::parse).collect::<Result<_, _>>())?,
        reason: record.maybe_text("reason")?,
        rows: record.count("rows")?,
        skipped: record.count("skipped")?,
        quarantined: record.count("quarantined")?,
        recorded_at: record.at("recorded_at")?,
        actor: record.text("actor")?,
        snapshot: record.maybe_int("snapshot")?,
    })
}

/// Facts of a delivery's scopes, in the order in which they were found.
async fn scopes_of(connection: &mut AnyConnection, place: &Place, number: i64) -> Result<Vec<ScopeFacts>, BookError> {
    let rows = sqlx::query("SELECT facts FROM scope WHERE delivery = $1 ORDER BY ordinal")
        .bind(number)
        .fetch_all(connection)
        .await
        .map_err(|error| BookError::of(error, "read a delivery", place))?;
    rows.iter().map(|row| Record { row, of: "scope", place }.json("facts")).collect()
}

/// The one that a person means by an id or a set of parts: the one that counts, else the newest.
fn most_relevant(rows: Vec<DeliveryRow>) -> Option<DeliveryRow> {
    rows.into_iter().min_by_key(|row| (row.state, std::cmp::Reverse(row.number)))
}

impl Book {
    /// The ledger, newest first.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRow>, BookError> {
        let sql = format!(
            "{LEDGER} WHERE ($1 IS NULL OR delivery.source = $1) AND ($2 IS NULL OR billing_periods LIKE $2)
             ORDER BY delivery.number DESC"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(filter.source.as_ref().map(SourceId::to_string))
            .bind(filter.billing_period.map(|month| format!("%{month}%")))
            .fetch_all(&mut *self.connection().await?)
            .await
            .map_err(self.failed("read the deliveries"))?;
        let mut found = Vec::new();
        for row in &rows {
            let row = from_row(row, &self.place)?;
            if filter.state.is_none_or(|state| state == row.state) {
                found.push(row);
            }
            if filter.limit.is_some_and(|limit| found.len() as u64 >= limit) {
                break;
            }
        }
        Ok(found)
    }

    /// A delivery by its id, with all that was found in it. Of several lines with that id: the current one, else the
    /// superseded, the refused, the unchanged, and among equals the newest.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn delivery(&self, id: &DeliveryId) -> Result<Option<DeliveryDetail>, BookError> {
        let mut connection = self.connection().await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{LEDGER} WHERE delivery.id = $1")))
            .bind(id.as_str())
            .fetch_all(&mut *connection)
            .await
            .map_err(self.failed("read a delivery"))?;
        let rows = rows.iter().map(|row| from_row(row, &self.place)).collect::<Result<Vec<_>, _>>()?;
        let Some(row) = most_relevant(rows) else { return Ok(None) };
        let body = sqlx::query("SELECT body FROM delivery WHERE number = $1")
            .bind(row.number)
            .fetch_one(&mut *connection)
            .await
            .map_err(self.failed("read a delivery"))?;
        let body = Record { row: &body, of: "delivery", place: &self.place };
        let mut delivery: Option<Delivery> = body.maybe_read("body", |text| serde_json::from_str(text))?;
        if let Some(delivery) = delivery.as_mut().filter(|_| row.snapshot.is_some()) {
            delivery.scopes = scopes_of(&mut connection, &self.place, row.number).await?;
        }
        Ok(Some(DeliveryDetail { row, delivery }))
    }

    /// The delivery whose parts have exactly these digests, in any order: the current one, else the superseded, else
    /// the refused one (never a line that only says "unchanged").
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn find_by_parts(&self, parts: &[Digest]) -> Result<Option<DeliveryRow>, BookError> {
        let Some(key) = parts_key(parts) else { return Ok(None) };
        let sql = format!("{LEDGER} WHERE delivery.parts_key = $1 AND delivery.outcome <> 'unchanged'");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(key)
            .fetch_all(&mut *self.connection().await?)
            .await
            .map_err(self.failed("look a delivery up by its parts"))?;
        let rows = rows.iter().map(|row| from_row(row, &self.place)).collect::<Result<Vec<_>, _>>()?;
        Ok(most_relevant(rows))
    }
}
