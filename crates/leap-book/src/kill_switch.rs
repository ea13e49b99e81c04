//! The kill switch: who stopped all acting, and who let it go on.
//!
//! ```text
//! stop 1     2026-09-16T08:00:00Z  by ana   "messages go to the wrong team"
//! release 2  2026-09-16T09:30:00Z  by carl  "the channel's address is corrected"
//! ```
//! While it is on, no plan is performed and no message is handed out to be sent; what is being sent then ends, and its
//! outcome is recorded. It may be stopped by several people for several reasons; one release ends all of them.

use leap_terms::Instant;
use serde_json::json;
use sqlx::AnyConnection;

use crate::audit::{self, AuditEntry};
use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::refusal::Refusal;
use crate::rows::{self, Cell, Record};

const COLUMNS: [&str; 5] = ["number", "event", "at", "actor", "reason"];
const SUBJECT: &str = "kill switch";

/// Something that was done to the kill switch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KillSwitchEvent {
    /// Number, from 1, without gaps.
    pub number: i64,
    /// True for a stop, false for a release.
    pub stop: bool,
    /// When.
    pub at: Instant,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
}

impl KillSwitchEvent {
    fn word(&self) -> &'static str {
        if self.stop { "stop" } else { "release" }
    }

    fn audit_entry(&self) -> AuditEntry {
        AuditEntry {
            at: self.at,
            actor: self.actor.clone(),
            action: if self.stop { "acting stopped" } else { "acting released" }.to_owned(),
            subject: SUBJECT.to_owned(),
            detail: json!({ "number": self.number, "reason": self.reason }),
        }
    }
}

/// All events, oldest first.
async fn read(connection: &mut AnyConnection, place: &Place) -> Result<Vec<KillSwitchEvent>, BookError> {
    let rows = sqlx::query("SELECT * FROM kill_switch ORDER BY number")
        .fetch_all(connection)
        .await
        .map_err(|error| BookError::of(error, "read the kill switch", place))?;
    rows.iter()
        .map(|row| {
            let record = Record { row, of: "kill_switch", place };
            Ok(KillSwitchEvent {
                number: record.int("number")?,
                stop: record.text("event")? == "stop",
                at: record.at("at")?,
                actor: record.text("actor")?,
                reason: record.text("reason")?,
            })
        })
        .collect()
}

/// The stop in force: the first one since the last release.
fn in_force(events: &[KillSwitchEvent]) -> Option<&KillSwitchEvent> {
    events.iter().rev().take_while(|event| event.stop).last()
}

/// Refuses to act while the switch is on.
pub(crate) async fn refuse_when_stopped(connection: &mut AnyConnection, place: &Place) -> Result<(), BookError> {
    let events = read(connection, place).await?;
    match in_force(&events) {
        None => Ok(()),
        Some(KillSwitchEvent { actor, at, reason, .. }) => {
            Err(Refusal::Stopped { actor: actor.clone(), at: *at, reason: reason.clone() }.into())
        }
    }
}

/// What does not fit between the kill switch and the audit trail.
pub(crate) async fn check(connection: &mut AnyConnection, place: &Place) -> Result<Vec<String>, BookError> {
    let own: Vec<AuditEntry> = read(connection, place).await?.iter().map(KillSwitchEvent::audit_entry).collect();
    let told: Vec<AuditEntry> =
        audit::of_actions(connection, place, "acting %").await?.into_iter().map(|event| event.entry).collect();
    Ok(if own == told {
        Vec::new()
    } else {
        vec!["the kill switch says something else than the audit trail".to_owned()]
    })
}

impl Book {
    /// Stops all acting, with an audit event. It is stopped when this returns.
    ///
    /// # Errors
    /// [`BookError::Blank`] without a reason, [`BookError::Backwards`]; others when the book cannot be written.
    pub async fn stop_acting(&self, actor: &str, reason: &str, at: Instant) -> Result<KillSwitchEvent, BookError> {
        self.switch(true, actor, reason, at).await
    }

    /// Lets acting go on, with an audit event.
    ///
    /// # Errors
    /// [`Refusal::NotStopped`], [`BookError::Blank`] without a reason, [`BookError::Backwards`]; others when the book
    /// cannot be written.
    pub async fn release_acting(&self, actor: &str, reason: &str, at: Instant) -> Result<KillSwitchEvent, BookError> {
        self.switch(false, actor, reason, at).await
    }

    async fn switch(&self, stop: bool, actor: &str, reason: &str, at: Instant) -> Result<KillSwitchEvent, BookError> {
        let doing = "set the kill switch";
        rows::not_blank(SUBJECT, "a reason", reason)?;
        rows::not_blank(SUBJECT, "a person who sets it", actor)?;
        let mut transaction = self.writing(doing).await?;
        let events = read(&mut transaction, &self.place).await?;
        if !stop && in_force(&events).is_none() {
            return Err(Refusal::NotStopped.into());
        }
        if let Some(last) = events.last().map(|event| event.at).filter(|last| *last > at) {
            return Err(BookError::Backwards { subject: format!("a setting of the {SUBJECT}"), at, last });
        }
        let number = events.len() as i64 + 1;
        let event = KillSwitchEvent { number, stop, at, actor: rows::storable(actor), reason: rows::storable(reason) };
        let row = vec![
            Cell::Int(event.number),
            Cell::text(event.word()),
            Cell::at(event.at),
            Cell::text(&event.actor),
            Cell::text(&event.reason),
        ];
        rows::insert(&mut transaction, "kill_switch", &COLUMNS, row).await.map_err(self.failed(doing))?;
        audit::append(&mut transaction, &self.place, &event.audit_entry(), None).await?;
        self.commit(transaction, doing).await?;
        Ok(event)
    }

    /// The stop in force, with who, when and why; `None` while plans are performed.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn stopped(&self) -> Result<Option<KillSwitchEvent>, BookError> {
        let events = read(&mut *self.connection().await?, &self.place).await?;
        Ok(in_force(&events).cloned())
    }

    /// All stops and releases, oldest first.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn kill_switch_events(&self) -> Result<Vec<KillSwitchEvent>, BookError> {
        read(&mut *self.connection().await?, &self.place).await
    }
}
