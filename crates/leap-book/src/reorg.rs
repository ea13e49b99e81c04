//! Reorgs: which changes of the org were applied as one, by whom, from which day, by which plan, and which of them were
//! reverted.
//!
//! ```text
//! reorg 3   snapshot 41   effective 2026-07-01   by ana   "Payments joins Commerce"   plan 4bf0…
//! reorg 4   snapshot 42   effective 2026-07-01   by bob   "Back to the org before"    reverts 3
//! reorg 3   … reverted in snapshot 42
//! ```
//! A reorg is recorded by the publish that applies it ([`crate::Publish::reorg`]), in the same transaction as the new
//! org. Does not read plans: it keeps their text to the byte, and its digest.

use leap_terms::{Day, Digest, Instant};
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::audit::{self, AuditEntry};
use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::rows::{self, Cell, Record};
use crate::snapshot::Snapshot;

const APPLIED: &str = "reorg applied";

const COLUMNS: [&str; 9] =
    ["id", "snapshot", "effective", "recorded_at", "actor", "title", "plan", "digest", "reverts"];

/// A reorg to be applied. Who and when are those of the publish.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewReorg {
    /// The day from which it holds.
    pub effective: Day,
    /// What people call it.
    pub title: String,
    /// The plan that is applied: JSON, kept to the byte.
    pub plan: String,
}

/// A reorg that was applied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reorg {
    /// Number, from 1, without gaps.
    pub id: i64,
    /// The snapshot that applied it.
    pub snapshot: i64,
    /// The day from which it holds.
    pub effective: Day,
    /// When it was applied: the snapshot's time.
    pub recorded_at: Instant,
    /// Who applied it.
    pub actor: String,
    /// What people call it.
    pub title: String,
    /// The plan, to the byte.
    pub plan: String,
    /// BLAKE3 of the plan's bytes.
    pub digest: Digest,
    /// The earlier reorg that it undoes.
    pub reverts: Option<i64>,
    /// The snapshot that reverted it.
    pub reverted_in: Option<i64>,
}

impl Reorg {
    /// True when it was applied at that snapshot or before, and not reverted until then.
    pub fn holds_at(&self, snapshot: i64) -> bool {
        self.snapshot <= snapshot && self.reverted_in.is_none_or(|reverted| reverted > snapshot)
    }

    fn subject(id: i64) -> String {
        format!("reorg {id}")
    }

    /// What the audit trail says of it.
    fn detail(&self) -> Value {
        json!({
            "effective": self.effective.to_string(),
            "plan": self.digest.to_string(),
            "reverts": self.reverts,
            "title": self.title,
        })
    }

    /// Its row, as the plan's digest confirms it.
    fn from_row(row: &AnyRow, place: &Place) -> Result<Reorg, BookError> {
        let record = Record { row, of: "reorg", place };
        let reorg = Reorg {
            id: record.int("id")?,
            snapshot: record.int("snapshot")?,
            effective: record.read("effective", str::parse)?,
            recorded_at: record.at("recorded_at")?,
            actor: record.text("actor")?,
            title: record.text("title")?,
            plan: record.text("plan")?,
            digest: record.read("digest", str::parse)?,
            reverts: record.maybe_int("reverts")?,
            reverted_in: record.maybe_int("reverted_in")?,
        };
        if Digest::of(reorg.plan.as_bytes()) != reorg.digest {
            let fault = format!("the plan of reorg {} has another digest", reorg.id);
            return Err(BookError::Damaged { place: place.shown().to_owned(), fault });
        }
        Ok(reorg)
    }
}

/// Records what a publish applies and what it reverts, each with its audit event.
pub(crate) async fn record(
    connection: &mut AnyConnection,
    place: &Place,
    snapshot: &Snapshot,
    new: Option<&NewReorg>,
    revert: Option<i64>,
) -> Result<(), BookError> {
    let failed = |error| BookError::of(error, "record a reorg", place);
    let entry = |action: &str, id: i64, detail: Value| AuditEntry {
        at: snapshot.recorded_at,
        actor: snapshot.actor.clone(),
        action: action.to_owned(),
        subject: Reorg::subject(id),
        detail,
    };
    if let Some(id) = revert {
        let earlier = one(connection, place, id).await?.ok_or(BookError::NoReorg(id))?;
        if let Some(before) = earlier.reverted_in {
            return Err(BookError::ReorgReverted { reorg: id, snapshot: before });
        }
        sqlx::query("UPDATE reorg SET reverted_in = $1 WHERE id = $2")
            .bind(snapshot.id)
            .bind(id)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        let event = entry("reorg reverted", id, json!({ "plan": earlier.digest.to_string() }));
        audit::append(connection, place, &event, Some(snapshot.id)).await?;
    }
    let Some(new) = new else { return Ok(()) };
    rows::check_json("the plan of a reorg", &new.plan)?;
    let newest: i64 = sqlx::query("SELECT COALESCE(MAX(id), 0) AS newest FROM reorg")
        .fetch_one(&mut *connection)
        .await
        .and_then(|row| row.try_get("newest"))
        .map_err(failed)?;
    let reorg = Reorg {
        id: newest + 1,
        snapshot: snapshot.id,
        effective: new.effective,
        recorded_at: snapshot.recorded_at,
        actor: snapshot.actor.clone(),
        title: rows::storable(&new.title),
        plan: new.plan.clone(),
        digest: Digest::of(new.plan.as_bytes()),
        reverts: revert,
        reverted_in: None,
    };
    let row = vec![
        Cell::Int(reorg.id),
        Cell::Int(reorg.snapshot),
        Cell::text(reorg.effective),
        Cell::at(reorg.recorded_at),
        Cell::text(&reorg.actor),
        Cell::text(&reorg.title),
        Cell::text(&reorg.plan),
        Cell::text(reorg.digest),
        Cell::maybe_int(reorg.reverts),
    ];
    rows::insert(connection, "reorg", &COLUMNS, row).await.map_err(failed)?;
    audit::append(connection, place, &entry(APPLIED, reorg.id, reorg.detail()), Some(snapshot.id)).await?;
    Ok(())
}

async fn one(connection: &mut AnyConnection, place: &Place, id: i64) -> Result<Option<Reorg>, BookError> {
    let row = sqlx::query("SELECT * FROM reorg WHERE id = $1")
        .bind(id)
        .fetch_optional(connection)
        .await
        .map_err(|error| BookError::of(error, "read a reorg", place))?;
    row.map(|row| Reorg::from_row(&row, place)).transpose()
}

async fn all(connection: &mut AnyConnection, place: &Place) -> Result<Vec<Reorg>, BookError> {
    let rows = sqlx::query("SELECT * FROM reorg ORDER BY id")
        .fetch_all(connection)
        .await
        .map_err(|error| BookError::of(error, "read the reorgs", place))?;
    rows.iter().map(|row| Reorg::from_row(row, place)).collect()
}

/// What does not fit between the reorgs and the audit trail.
pub(crate) async fn check(connection: &mut AnyConnection, place: &Place) -> Result<Vec<String>, BookError> {
    let reorgs = all(connection, place).await?;
    let events = audit::of_actions(connection, place, "reorg %").await?;
    let mut faults = Vec::new();
    let applied = events.iter().filter(|event| event.entry.action == APPLIED).count();
    if applied != reorgs.len() {
        faults.push(format!("the audit trail knows of {applied} reorgs, the book of {}", reorgs.len()));
    }
    for reorg in &reorgs {
        let subject = Reorg::subject(reorg.id);
        let own = |applied: bool| {
            events.iter().find(|event| event.entry.subject == subject && (event.entry.action == APPLIED) == applied)
        };
        let agrees = own(true).is_some_and(|event| {
            event.entry.detail == reorg.detail()
                && event.snapshot == Some(reorg.snapshot)
                && event.entry.at == reorg.recorded_at
                && event.entry.actor == reorg.actor
        });
        if !agrees || own(false).and_then(|event| event.snapshot) != reorg.reverted_in {
            faults.push(format!("{subject} says something else than the audit trail"));
        }
    }
    Ok(faults)
}

impl Book {
    /// All reorgs, oldest first, reverted ones too.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read, or a plan's digest differs.
    pub async fn reorgs(&self) -> Result<Vec<Reorg>, BookError> {
        all(&mut *self.connection().await?, &self.place).await
    }

    /// The reorg of that number.
    ///
    /// # Errors
    /// [`BookError::NoReorg`] when there is none; others when the book cannot be read.
    pub async fn reorg(&self, id: i64) -> Result<Reorg, BookError> {
        one(&mut *self.connection().await?, &self.place, id).await?.ok_or(BookError::NoReorg(id))
    }
}
