//! Rows that could not be read, kept whole until somebody mends and replays them.

use leap_terms::delivery::Quarantined;
use leap_terms::{DeliveryId, Instant, SourceId};
use serde_json::json;
use sqlx::AnyConnection;

use crate::audit::{self, AuditEntry};
use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::rows::{Cell, Insert, Record};

/// Names one row in quarantine: `4/17` is the eighteenth of the delivery with number 4 in the ledger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QuarantineId {
    /// The delivery's number in the ledger.
    pub delivery: i64,
    /// The row's place among the delivery's quarantined rows, from 0.
    pub ordinal: i64,
}

impl std::fmt::Display for QuarantineId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.pad(&format!("{}/{}", self.delivery, self.ordinal))
    }
}

impl std::str::FromStr for QuarantineId {
    type Err = String;

    fn from_str(text: &str) -> Result<QuarantineId, String> {
        text.split_once('/')
            .and_then(|(delivery, ordinal)| {
                Some(QuarantineId { delivery: delivery.parse().ok()?, ordinal: ordinal.parse().ok()? })
            })
            .ok_or_else(|| format!("'{}' names no row in quarantine, such as 4/17", text.escape_debug()))
    }
}

/// One row in quarantine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuarantineRow {
    /// Its name.
    pub id: QuarantineId,
    /// The delivery that it came with.
    pub delivery: Option<DeliveryId>,
    /// The delivery's source.
    pub source: Option<SourceId>,
    /// When it was recorded.
    pub recorded_at: Instant,
    /// The row.
    pub row: Quarantined,
    /// When it was replayed, and as which delivery.
    pub replayed: Option<(Instant, DeliveryId)>,
}

/// Which rows to list; the default is all that wait.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct QuarantineFilter {
    /// Only of this source.
    pub source: Option<SourceId>,
    /// Only of this delivery.
    pub delivery: Option<DeliveryId>,
    /// Also those that were replayed.
    pub with_replayed: bool,
    /// At most so many.
    pub limit: Option<u64>,
}

pub(crate) async fn record(
    connection: &mut AnyConnection,
    place: &Place,
    number: i64,
    quarantine: &[Quarantined],
) -> Result<(), BookError> {
    let failed = |error| BookError::of(error, "record quarantined rows", place);
    let mut insert = Insert::into("quarantine", &["delivery", "ordinal", "part", "part_row", "body"]);
    for (ordinal, row) in quarantine.iter().enumerate() {
        let row = vec![
            Cell::Int(number),
            Cell::Int(ordinal as i64),
            Cell::Int(i64::from(row.part)),
            Cell::count(row.row),
            Cell::json(row),
        ];
        insert.row(connection, row).await.map_err(failed)?;
    }
    insert.end(connection).await.map_err(failed)
}

impl Book {
    /// Rows in quarantine, newest delivery first, then in the order of the delivery.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn quarantine(&self, filter: &QuarantineFilter) -> Result<Vec<QuarantineRow>, BookError> {
        let rows = sqlx::query(
            "SELECT quarantine.delivery AS number, ordinal, quarantine.body AS body, replayed_at, replayed_into,
                    delivery.id AS id, delivery.source AS source, delivery.recorded_at AS recorded_at
             FROM quarantine JOIN delivery ON delivery.number = quarantine.delivery
             WHERE ($1 IS NULL OR delivery.source = $1) AND ($2 IS NULL OR delivery.id = $2)
               AND ($3 = 1 OR replayed_at IS NULL)
             ORDER BY quarantine.delivery DESC, ordinal LIMIT $4",
        )
        .bind(filter.source.as_ref().map(SourceId::to_string))
        .bind(filter.delivery.as_ref().map(DeliveryId::to_string))
        .bind(i64::from(filter.with_replayed))
        .bind(filter.limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(i64::MAX))
        .fetch_all(&mut *self.connection().await?)
        .await
        .map_err(self.failed("read the quarantine"))?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            let record = Record { row, of: "quarantine", place: &self.place };
            let replayed_at = record.maybe_int("replayed_at")?.map(Instant::from_micros);
            found.push(QuarantineRow {
                id: QuarantineId { delivery: record.int("number")?, ordinal: record.int("ordinal")? },
                delivery: record.maybe_read("id", DeliveryId::new)?,
                source: record.maybe_read("source", SourceId::new)?,
                recorded_at: record.at("recorded_at")?,
                row: record.json("body")?,
                replayed: replayed_at.zip(record.maybe_read("replayed_into", DeliveryId::new)?),
            });
        }
        Ok(found)
    }

    /// Marks rows as replayed into a delivery, with an audit event; all of them or none.
    ///
    /// # Errors
    /// [`BookError::NotQuarantined`] for a row that does not wait; others when the book cannot be written.
    pub async fn mark_replayed(
        &self,
        ids: &[QuarantineId],
        into: &DeliveryId,
        actor: &str,
        at: Instant,
    ) -> Result<(), BookError> {
        let doing = "mark quarantined rows as replayed";
        let mut transaction = self.writing(doing).await?;
        for id in ids {
            let marked = sqlx::query(
                "UPDATE quarantine SET replayed_at = $1, replayed_into = $2
                 WHERE delivery = $3 AND ordinal = $4 AND replayed_at IS NULL",
            )
            .bind(at.micros())
            .bind(into.as_str())
            .bind(id.delivery)
            .bind(id.ordinal)
            .execute(&mut *transaction)
            .await
            .map_err(self.failed(doing))?;
            if marked.rows_affected() != 1 {
                return Err(BookError::NotQuarantined(id.to_string()));
            }
        }
        let entry = AuditEntry {
            at,
            actor: actor.to_owned(),
            action: "quarantine replayed".to_owned(),
            subject: format!("delivery {into}"),
            detail: json!({ "rows": ids.iter().map(QuarantineId::to_string).collect::<Vec<_>>() }),
        };
        audit::append(&mut transaction, &self.place, &entry, None).await?;
        self.commit(transaction, doing).await
    }
}
