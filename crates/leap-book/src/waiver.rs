//! Waivers: permission to exceed a budget, asked for by one person and given by another.
//!
//! ```text
//! waiver 4  payments 2026-09  12000.50 USD  until 2026-10-01  by ana  "the move to the new region"  digest 4bf0…
//!   escalated  2026-09-18T08:00:00Z  by leap
//!   granted    2026-09-18T10:00:00Z  by dee   shown 4bf0…
//!   exceeded   2026-09-27T08:00:00Z  by leap
//! ```
//! What is asked for is kept to the byte, and a grant names the digest of what was shown: it must be the same. Who
//! grants or refuses is not who asked. Events are added and never changed, and the state follows from them. Asking and
//! each event have one in the audit trail.
//!
//! Does not know whose answer is enough for which amount, nor who is a person: the caller decides that.

mod state;

use std::collections::BTreeMap;

use leap_terms::{Currency, Day, Digest, Instant, Money, Period, TeamId};
use serde_json::json;
use sqlx::AnyConnection;

use crate::audit::{self, AuditEntry};
use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::refusal::Refusal;
use crate::rows::{self, Cell, Record};
use crate::statement::same_person;

pub use state::{WaiverState, WaiverStep};

const COLUMNS: [&str; 12] = [
    "number",
    "unit",
    "period",
    "currency",
    "amount",
    "reason",
    "expires_on",
    "content",
    "digest",
    "asked_at",
    "asked_by",
    "plan",
];
const EVENT_COLUMNS: [&str; 8] = ["waiver", "ordinal", "event", "at", "actor", "note", "shown", "plan"];

/// A waiver to be asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewWaiver {
    /// The unit that wants to exceed its budget.
    pub unit: TeamId,
    /// The period of the budget.
    pub period: Period,
    /// The currency of the amount.
    pub currency: Currency,
    /// By how much it may be exceeded; above zero.
    pub amount: Money,
    /// Why.
    pub reason: String,
    /// The first day on which it shall no longer hold.
    pub expires_on: Day,
    /// All that is shown to who decides: JSON, kept to the byte.
    pub content: String,
    /// When it is asked for.
    pub asked_at: Instant,
    /// Who asks.
    pub asked_by: String,
}

/// Something that happens to a waiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewWaiverEvent {
    /// The waiver's number.
    pub waiver: i64,
    /// What.
    pub step: WaiverStep,
    /// When.
    pub at: Instant,
    /// Who.
    pub actor: String,
    /// What they say.
    pub note: Option<String>,
}

/// Something that happened to a waiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WaiverEvent {
    /// What.
    pub step: WaiverStep,
    /// When.
    pub at: Instant,
    /// Who.
    pub actor: String,
    /// What they said.
    pub note: Option<String>,
    /// The plan that it came with.
    pub plan: Option<i64>,
}

/// A waiver with all that happened to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiver {
    /// Number, from 1, without gaps.
    pub number: i64,
    /// What is asked for.
    pub asked: NewWaiver,
    /// BLAKE3 of the content's bytes: a grant must name it.
    pub digest: Digest,
    /// The plan that asked for it; `None` where a person did.
    pub plan: Option<i64>,
    /// What happened since, oldest first.
    pub events: Vec<WaiverEvent>,
}

impl Waiver {
    fn trail_subject(number: i64) -> String {
        format!("waiver {number}")
    }

    /// Where it stands.
    pub fn state(&self) -> WaiverState {
        self.state_after(self.events.len())
    }

    fn state_after(&self, events: usize) -> WaiverState {
        let steps = self.events[..events].iter().map(|event| event.step);
        steps.fold(WaiverState::Asked, |state, step| state.after(step).unwrap_or(state))
    }

    /// When and by whom it was last changed.
    fn last(&self) -> (Instant, &str) {
        let asked = (self.asked.asked_at, self.asked.asked_by.as_str());
        self.events.last().map_or(asked, |event| (event.at, event.actor.as_str()))
    }

    fn asked_entry(&self) -> AuditEntry {
        let NewWaiver { unit, period, currency, amount, reason, expires_on, content: _, asked_at, asked_by } =
            &self.asked;
        AuditEntry {
            at: *asked_at,
            actor: asked_by.clone(),
            action: "waiver asked".to_owned(),
            subject: Waiver::trail_subject(self.number),
            detail: json!({
                "amount": amount.to_string(),
                "content": self.digest.to_string(),
                "currency": currency.as_str(),
                "expires_on": expires_on.to_string(),
                "period": period.to_string(),
                "plan": self.plan,
                "reason": reason,
                "unit": unit.as_str(),
            }),
        }
    }

    fn event_entry(&self, event: &WaiverEvent) -> AuditEntry {
        AuditEntry {
            at: event.at,
            actor: event.actor.clone(),
            action: format!("waiver {}", event.step.word()),
            subject: Waiver::trail_subject(self.number),
            detail: json!({
                "content": self.digest.to_string(),
                "note": event.note,
                "plan": event.plan,
                "shown": event.step.shown().map(|shown| shown.to_string()),
            }),
        }
    }
}

/// Which waivers to list; the default is all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WaiverFilter {
    /// Only those of this unit itself.
    pub unit: Option<TeamId>,
    /// Only those of a period that shares a day with this one.
    pub period: Option<Period>,
    /// Only those that stand there.
    pub state: Option<WaiverState>,
}

impl WaiverFilter {
    fn takes(&self, waiver: &Waiver) -> bool {
        self.unit.as_ref().is_none_or(|unit| *unit == waiver.asked.unit)
            && self.period.is_none_or(|period| period.intersection(waiver.asked.period).is_some())
            && self.state.is_none_or(|state| state == waiver.state())
    }
}

/// Waivers with their events, by number: all for 0, or one.
async fn read(connection: &mut AnyConnection, place: &Place, number: i64) -> Result<Vec<Waiver>, BookError> {
    let failed = |error| BookError::of(error, "read the waivers", place);
    let damaged = |fault: String| BookError::Damaged { place: place.shown().to_owned(), fault };
    let rows = sqlx::query("SELECT * FROM waiver WHERE ($1 = 0 OR number = $1) ORDER BY number")
        .bind(number)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    let mut waivers = BTreeMap::new();
    for row in &rows {
        let record = Record { row, of: "waiver", place };
        let waiver = Waiver {
            number: record.int("number")?,
            asked: NewWaiver {
                unit: record.read("unit", TeamId::new)?,
                period: record.read("period", str::parse)?,
                currency: record.read("currency", Currency::new)?,
                amount: record.read("amount", str::parse)?,
                reason: record.text("reason")?,
                expires_on: record.read("expires_on", str::parse)?,
                content: record.text("content")?,
                asked_at: record.at("asked_at")?,
                asked_by: record.text("asked_by")?,
            },
            digest: record.read("digest", str::parse)?,
            plan: record.maybe_int("plan")?,
            events: Vec::new(),
        };
        if Digest::of(waiver.asked.content.as_bytes()) != waiver.digest {
            return Err(damaged(format!("what waiver {} asks for has another digest", waiver.number)));
        }
        waivers.insert(waiver.number, waiver);
    }
    let rows = sqlx::query("SELECT * FROM waiver_event WHERE ($1 = 0 OR waiver = $1) ORDER BY waiver, ordinal")
        .bind(number)
        .fetch_all(connection)
        .await
        .map_err(failed)?;
    for row in &rows {
        let record = Record { row, of: "waiver_event", place };
        let number = record.int("waiver")?;
        let waiver = waivers.get_mut(&number).ok_or_else(|| damaged(format!("waiver {number} has events only")))?;
        if record.int("ordinal")? != waiver.events.len() as i64 + 1 {
            return Err(damaged(format!("waiver {number} lacks an event")));
        }
        let shown = record.maybe_read("shown", str::parse)?;
        waiver.events.push(WaiverEvent {
            step: record.read("event", |word| WaiverStep::parse(word, shown))?,
            at: record.at("at")?,
            actor: record.text("actor")?,
            note: record.maybe_text("note")?,
            plan: record.maybe_int("plan")?,
        });
    }
    Ok(waivers.into_values().collect())
}

/// Records that a waiver is asked for.
pub(crate) async fn ask(
    connection: &mut AnyConnection,
    place: &Place,
    new: &NewWaiver,
    plan: Option<i64>,
) -> Result<Waiver, BookError> {
    let failed = |error| BookError::of(error, "ask for a waiver", place);
    rows::check_json("what a waiver asks for", &new.content)?;
    rows::not_blank("a waiver", "a reason", &new.reason)?;
    rows::not_blank("a waiver", "a person who asks for it", &new.asked_by)?;
    if new.amount <= Money::ZERO {
        return Err(Refusal::WaiverAmount(new.amount.to_string()).into());
    }
    let asked = new.asked_at.day();
    if new.expires_on <= asked {
        return Err(Refusal::WaiverEndsBefore { asked, expires_on: new.expires_on }.into());
    }
    let waiver = Waiver {
        number: rows::newest(connection, "waiver").await.map_err(failed)? + 1,
        asked: NewWaiver {
            reason: rows::storable(&new.reason),
            asked_by: rows::storable(&new.asked_by),
            ..new.clone()
        },
        digest: Digest::of(new.content.as_bytes()),
        plan,
        events: Vec::new(),
    };
    let row = vec![
        Cell::Int(waiver.number),
        Cell::text(&new.unit),
        Cell::text(new.period),
        Cell::text(&new.currency),
        Cell::text(new.amount),
        Cell::text(&waiver.asked.reason),
        Cell::text(new.expires_on),
        Cell::text(&new.content),
        Cell::text(waiver.digest),
        Cell::at(new.asked_at),
        Cell::text(&waiver.asked.asked_by),
        Cell::maybe_int(plan),
    ];
    rows::insert(connection, "waiver", &COLUMNS, row).await.map_err(failed)?;
    audit::append(connection, place, &waiver.asked_entry(), None).await?;
    Ok(waiver)
}

/// Refuses what cannot happen to a waiver.
fn refuse(waiver: &Waiver, new: &NewWaiverEvent) -> Result<(), BookError> {
    let number = waiver.number;
    let (at, actor) = waiver.last();
    let state = waiver.state();
    if state.after(new.step).is_none() {
        let (event, state, actor) = (new.step.word(), state.word(), actor.to_owned());
        return Err(Refusal::WaiverState { waiver: number, event, state, actor, at }.into());
    }
    if at > new.at {
        let subject = format!("an event of {}", Waiver::trail_subject(number));
        return Err(BookError::Backwards { subject, at: new.at, last: at });
    }
    let answers = matches!(new.step, WaiverStep::Granted { .. } | WaiverStep::Refused);
    if answers && same_person(&new.actor, &waiver.asked.asked_by) {
        let event = new.step.word();
        return Err(Refusal::OwnWaiver { waiver: number, event, actor: new.actor.clone() }.into());
    }
    let WaiverStep::Granted { shown } = new.step else { return Ok(()) };
    if shown != waiver.digest {
        let (actor, digest) = (new.actor.clone(), waiver.digest);
        return Err(Refusal::WaiverShown { waiver: number, actor, shown, digest }.into());
    }
    if new.at.day() >= waiver.asked.expires_on {
        return Err(Refusal::WaiverOver { waiver: number, expires_on: waiver.asked.expires_on }.into());
    }
    Ok(())
}

/// Adds an event to a waiver, if it may happen.
pub(crate) async fn append(
    connection: &mut AnyConnection,
    place: &Place,
    new: &NewWaiverEvent,
    plan: Option<i64>,
) -> Result<Waiver, BookError> {
    rows::not_blank("an event of a waiver", "a person whose it is", &new.actor)?;
    if new.waiver < 1 {
        return Err(Refusal::NoWaiver(new.waiver).into());
    }
    let mut waiver = read(connection, place, new.waiver).await?.pop().ok_or(Refusal::NoWaiver(new.waiver))?;
    refuse(&waiver, new)?;
    let event = WaiverEvent {
        step: new.step,
        at: new.at,
        actor: rows::storable(&new.actor),
        note: new.note.as_deref().map(rows::storable),
        plan,
    };
    let row = vec![
        Cell::Int(waiver.number),
        Cell::Int(waiver.events.len() as i64 + 1),
        Cell::text(event.step.word()),
        Cell::at(event.at),
        Cell::text(&event.actor),
        Cell::maybe_text(event.note.as_ref()),
        Cell::maybe_text(event.step.shown()),
        Cell::maybe_int(plan),
    ];
    rows::insert(connection, "waiver_event", &EVENT_COLUMNS, row)
        .await
        .map_err(|error| BookError::of(error, "record an event of a waiver", place))?;
    audit::append(connection, place, &waiver.event_entry(&event), None).await?;
    waiver.events.push(event);
    Ok(waiver)
}

/// What does not fit between waivers, their events and the audit trail.
pub(crate) async fn check(connection: &mut AnyConnection, place: &Place) -> Result<Vec<String>, BookError> {
    let waivers = read(connection, place, 0).await?;
    let mut trail = BTreeMap::<String, Vec<AuditEntry>>::new();
    for event in audit::of_actions(connection, place, "waiver %").await? {
        trail.entry(event.entry.subject.clone()).or_default().push(event.entry);
    }
    let mut faults = Vec::new();
    for waiver in &waivers {
        let subject = Waiver::trail_subject(waiver.number);
        let asked = std::iter::once(waiver.asked_entry());
        let own: Vec<_> = asked.chain(waiver.events.iter().map(|event| waiver.event_entry(event))).collect();
        if trail.remove(&subject).unwrap_or_default() != own {
            faults.push(format!("{subject} says something else than the audit trail"));
        }
        let impossible =
            (0..waiver.events.len()).any(|at| waiver.state_after(at).after(waiver.events[at].step).is_none());
        if impossible {
            faults.push(format!("{subject} has an event that its state did not allow"));
        }
    }
    faults.extend(trail.into_keys().map(|subject| format!("{subject} stands in the audit trail only")));
    Ok(faults)
}

impl Book {
    /// Records that a person asks for a waiver, with an audit event.
    ///
    /// # Errors
    /// [`BookError::NotJson`], [`BookError::Blank`], [`Refusal::WaiverAmount`], [`Refusal::WaiverEndsBefore`]; others
    /// when the book cannot be written.
    pub async fn ask_waiver(&self, new: &NewWaiver) -> Result<Waiver, BookError> {
        let doing = "ask for a waiver";
        let mut transaction = self.writing(doing).await?;
        let waiver = ask(&mut transaction, &self.place, new, None).await?;
        self.commit(transaction, doing).await?;
        Ok(waiver)
    }

    /// Adds what a person does to a waiver, with an audit event, and returns it as it stands then.
    ///
    /// # Errors
    /// [`Refusal::NoWaiver`], [`Refusal::WaiverState`], [`Refusal::OwnWaiver`], [`Refusal::WaiverShown`],
    /// [`Refusal::WaiverOver`], [`BookError::Backwards`]; others when the book cannot be written.
    pub async fn add_waiver_event(&self, event: &NewWaiverEvent) -> Result<Waiver, BookError> {
        let doing = "record an event of a waiver";
        let mut transaction = self.writing(doing).await?;
        let waiver = append(&mut transaction, &self.place, event, None).await?;
        self.commit(transaction, doing).await?;
        Ok(waiver)
    }

    /// Waivers with all that happened to them, by number.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn waivers(&self, filter: &WaiverFilter) -> Result<Vec<Waiver>, BookError> {
        let mut waivers = read(&mut *self.reading("read the waivers").await?, &self.place, 0).await?;
        waivers.retain(|waiver| filter.takes(waiver));
        Ok(waivers)
    }

    /// The waiver of that number.
    ///
    /// # Errors
    /// [`Refusal::NoWaiver`]; others when the book cannot be read.
    pub async fn waiver(&self, number: i64) -> Result<Waiver, BookError> {
        let none = Refusal::NoWaiver(number);
        if number < 1 {
            return Err(none.into());
        }
        let found = read(&mut *self.reading("read a waiver").await?, &self.place, number).await?.pop();
        found.ok_or_else(|| none.into())
    }
}
