//! Incidents: what was opened on a breach, and all that happened to it.
//!
//! ```text
//! incident 3  about contract:checkout:p999  of payments  "p99.9 of Checkout"  opened 2026-09-14T07:00:00Z
//!   opened        happened 09-14T07:00  recorded 09-14T07:05  by leap  "3.4 s for 49 hours"   {"windows": 49}
//!   acknowledged  happened 09-14T08:10  recorded 09-14T08:10  by ana   "we look into the cache"
//!   resolved      happened 09-15T09:00  recorded 09-15T09:05  by leap  "2.8 s for 6 hours"
//! ```
//! Each event has two clocks: when it happened, which may be long before, as data come late; and when it was recorded,
//! which never goes back. Events are added and never changed, and the state follows from them. There is at most one
//! incident that is not resolved about one thing: the database itself sees to it. Each event has one in the audit
//! trail.
//!
//! Does not know clauses and budgets: what an incident is about is a key that says it.

mod state;

use std::collections::BTreeMap;

use leap_terms::{Digest, Instant, TeamId};
use serde_json::json;
use sqlx::AnyConnection;

use crate::audit::{self, AuditEntry};
use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::refusal::Refusal;
use crate::rows::{self, Cell, Record};

pub use state::{IncidentState, IncidentStep};

const COLUMNS: [&str; 6] = ["number", "about", "unit", "subject", "opened_at", "unresolved"];
const EVENT_COLUMNS: [&str; 9] =
    ["incident", "ordinal", "event", "happened_at", "recorded_at", "actor", "words", "facts", "plan"];

/// Which incident.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IncidentRef {
    /// The one of that number.
    Number(i64),
    /// The one about that key that is not resolved, also where the same act opens it; else the newest about it.
    About(String),
}

/// An incident to be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewIncident {
    /// The key of the clause or budget that it is about.
    pub about: String,
    /// The unit whose it is.
    pub unit: TeamId,
    /// What people call it.
    pub subject: String,
    /// When it opened, in event time.
    pub opened_at: Instant,
    /// Who opens it.
    pub actor: String,
    /// What is the matter, for people.
    pub words: String,
    /// What is known: JSON, kept to the byte.
    pub facts: String,
}

/// Something that happens to an incident.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewIncidentEvent {
    /// Which.
    pub incident: IncidentRef,
    /// What.
    pub step: IncidentStep,
    /// When, in event time.
    pub happened_at: Instant,
    /// Who says so.
    pub actor: String,
    /// What is the matter, for people.
    pub words: String,
    /// What is known: JSON, kept to the byte.
    pub facts: String,
}

/// Something that happened to an incident.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IncidentEvent {
    /// What.
    pub step: IncidentStep,
    /// When, in event time.
    pub happened_at: Instant,
    /// When it was recorded.
    pub recorded_at: Instant,
    /// Who said so.
    pub actor: String,
    /// What is the matter, for people.
    pub words: String,
    /// What is known: JSON.
    pub facts: String,
    /// The plan that it came with; `None` where a person said it.
    pub plan: Option<i64>,
}

/// An incident with all that happened to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Incident {
    /// Number, from 1, without gaps.
    pub number: i64,
    /// The key of the clause or budget that it is about.
    pub about: String,
    /// The unit whose it is.
    pub unit: TeamId,
    /// What people call it.
    pub subject: String,
    /// When it opened, in event time, as it was known then.
    pub opened_at: Instant,
    /// What happened, in the order in which it was recorded; the first one is [`IncidentStep::Opened`].
    pub events: Vec<IncidentEvent>,
}

impl Incident {
    fn trail_subject(number: i64) -> String {
        format!("incident {number}")
    }

    /// Where it stands.
    pub fn state(&self) -> IncidentState {
        let steps = self.events.iter().map(|event| event.step);
        steps.fold(IncidentState::Open, |state, step| state.after(step).unwrap_or(state))
    }

    /// What the audit trail says of one of its events.
    fn audit_entry(&self, event: &IncidentEvent) -> AuditEntry {
        let mut detail = json!({
            "facts": Digest::of(event.facts.as_bytes()).to_string(),
            "happened_at": event.happened_at.micros(),
            "plan": event.plan,
            "words": event.words,
        });
        if event.step == IncidentStep::Opened {
            detail["about"] = json!(self.about);
            detail["opened_at"] = json!(self.opened_at.micros());
            detail["subject"] = json!(self.subject);
            detail["unit"] = json!(self.unit.as_str());
        }
        AuditEntry {
            at: event.recorded_at,
            actor: event.actor.clone(),
            action: format!("incident {}", event.step.word()),
            subject: Incident::trail_subject(self.number),
            detail,
        }
    }
}

/// Which incidents to list; the default is all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IncidentFilter {
    /// Only those about this key.
    pub about: Option<String>,
    /// Only those of this unit itself.
    pub unit: Option<TeamId>,
    /// Only those that are not resolved.
    pub unresolved: bool,
}

/// Which rows to read: number 0 is all of them.
async fn read(
    connection: &mut AnyConnection,
    place: &Place,
    number: i64,
    filter: &IncidentFilter,
) -> Result<Vec<Incident>, BookError> {
    let failed = |error| BookError::of(error, "read the incidents", place);
    let rows = sqlx::query(
        "SELECT * FROM incident WHERE ($1 = 0 OR number = $1) AND ($2 IS NULL OR about = $2)
           AND ($3 IS NULL OR unit = $3) AND ($4 = 0 OR unresolved = 1) ORDER BY number",
    )
    .bind(number)
    .bind(filter.about.as_deref().map(rows::storable))
    .bind(filter.unit.as_ref().map(|unit| unit.as_str().to_owned()))
    .bind(i64::from(filter.unresolved))
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    let mut incidents = BTreeMap::new();
    for row in &rows {
        let record = Record { row, of: "incident", place };
        let incident = Incident {
            number: record.int("number")?,
            about: record.text("about")?,
            unit: record.read("unit", TeamId::new)?,
            subject: record.text("subject")?,
            opened_at: record.at("opened_at")?,
            events: Vec::new(),
        };
        incidents.insert(incident.number, incident);
    }
    // One incident's events are found by their key; those of several are read in one go.
    let only = if incidents.len() == 1 { incidents.keys().next().copied().unwrap_or(0) } else { 0 };
    let rows = if incidents.is_empty() {
        Vec::new()
    } else {
        sqlx::query("SELECT * FROM incident_event WHERE ($1 = 0 OR incident = $1) ORDER BY incident, ordinal")
            .bind(only)
            .fetch_all(connection)
            .await
            .map_err(failed)?
    };
    let damaged = |fault: String| BookError::Damaged { place: place.shown().to_owned(), fault };
    for row in &rows {
        let record = Record { row, of: "incident_event", place };
        let Some(incident) = incidents.get_mut(&record.int("incident")?) else { continue };
        if record.int("ordinal")? != incident.events.len() as i64 {
            return Err(damaged(format!("incident {} lacks an event", incident.number)));
        }
        incident.events.push(IncidentEvent {
            step: record.read("event", IncidentStep::parse)?,
            happened_at: record.at("happened_at")?,
            recorded_at: record.at("recorded_at")?,
            actor: record.text("actor")?,
            words: record.text("words")?,
            facts: record.text("facts")?,
            plan: record.maybe_int("plan")?,
        });
    }
    match incidents.values().find(|incident| incident.events.is_empty()) {
        Some(incident) => Err(damaged(format!("incident {} was never opened", incident.number))),
        None => Ok(incidents.into_values().collect()),
    }
}

async fn unresolved_about(
    connection: &mut AnyConnection,
    place: &Place,
    about: &str,
) -> Result<Option<Incident>, BookError> {
    let filter = IncidentFilter { about: Some(about.to_owned()), unit: None, unresolved: true };
    Ok(read(connection, place, 0, &filter).await?.pop())
}

/// Opens an incident.
pub(crate) async fn open(
    connection: &mut AnyConnection,
    place: &Place,
    new: &NewIncident,
    at: Instant,
    plan: Option<i64>,
) -> Result<Incident, BookError> {
    let failed = |error| BookError::of(error, "open an incident", place);
    rows::check_json("the facts of an incident", &new.facts)?;
    rows::not_blank("an incident", "the key of what it is about", &new.about)?;
    rows::not_blank("an incident", "a subject", &new.subject)?;
    if let Some(before) = unresolved_about(connection, place, &new.about).await? {
        return Err(Refusal::IncidentUnresolved { number: before.number, key: new.about.clone() }.into());
    }
    let mut incident = Incident {
        number: rows::newest(connection, "incident").await.map_err(failed)? + 1,
        about: rows::storable(&new.about),
        unit: new.unit.clone(),
        subject: rows::storable(&new.subject),
        opened_at: new.opened_at,
        events: Vec::new(),
    };
    let row = vec![
        Cell::Int(incident.number),
        Cell::text(&incident.about),
        Cell::text(&incident.unit),
        Cell::text(&incident.subject),
        Cell::at(incident.opened_at),
        Cell::flag(true),
    ];
    rows::insert(connection, "incident", &COLUMNS, row).await.map_err(failed)?;
    let event = IncidentEvent {
        step: IncidentStep::Opened,
        happened_at: new.opened_at,
        recorded_at: at,
        actor: rows::storable(&new.actor),
        words: rows::storable(&new.words),
        facts: new.facts.clone(),
        plan,
    };
    record_event(connection, place, &incident, &event).await?;
    incident.events.push(event);
    Ok(incident)
}

/// Adds an event to an incident, if its state allows it.
pub(crate) async fn append(
    connection: &mut AnyConnection,
    place: &Place,
    new: &NewIncidentEvent,
    at: Instant,
    plan: Option<i64>,
) -> Result<Incident, BookError> {
    rows::check_json("the facts of an incident", &new.facts)?;
    rows::not_blank("an event of an incident", "who says so", &new.actor)?;
    let mut incident = match &new.incident {
        IncidentRef::Number(number) if *number < 1 => return Err(Refusal::NoIncident(*number).into()),
        IncidentRef::Number(number) => read(connection, place, *number, &IncidentFilter::default())
            .await?
            .pop()
            .ok_or(Refusal::NoIncident(*number))?,
        IncidentRef::About(key) => {
            let filter = IncidentFilter { about: Some(key.clone()), ..IncidentFilter::default() };
            let mut all = read(connection, place, 0, &filter).await?;
            let unresolved = all.iter().position(|incident| incident.state() != IncidentState::Resolved);
            let at = unresolved.or(all.len().checked_sub(1)).ok_or_else(|| Refusal::NoIncidentAbout(key.clone()))?;
            all.swap_remove(at)
        }
    };
    let (number, before) = (incident.number, incident.state());
    let Some(after) = before.after(new.step) else {
        let (event, state) = (new.step.word(), before.word());
        return Err(Refusal::IncidentState { incident: number, event, state }.into());
    };
    if let Some(last) = incident.events.last().map(|event| event.recorded_at).filter(|last| *last > at) {
        let subject = format!("an event of {}", Incident::trail_subject(number));
        return Err(BookError::Backwards { subject, at, last });
    }
    if new.step == IncidentStep::Reopened
        && let Some(other) = unresolved_about(connection, place, &incident.about).await?
    {
        return Err(Refusal::IncidentUnresolved { number: other.number, key: incident.about }.into());
    }
    let event = IncidentEvent {
        step: new.step,
        happened_at: new.happened_at,
        recorded_at: at,
        actor: rows::storable(&new.actor),
        words: rows::storable(&new.words),
        facts: new.facts.clone(),
        plan,
    };
    if (before == IncidentState::Resolved) != (after == IncidentState::Resolved) {
        sqlx::query("UPDATE incident SET unresolved = $1 WHERE number = $2")
            .bind(i64::from(after != IncidentState::Resolved))
            .bind(number)
            .execute(&mut *connection)
            .await
            .map_err(|error| BookError::of(error, "record an event of an incident", place))?;
    }
    record_event(connection, place, &incident, &event).await?;
    incident.events.push(event);
    Ok(incident)
}

/// Records the next event of an incident that does not hold it yet.
async fn record_event(
    connection: &mut AnyConnection,
    place: &Place,
    incident: &Incident,
    event: &IncidentEvent,
) -> Result<(), BookError> {
    let row = vec![
        Cell::Int(incident.number),
        Cell::Int(incident.events.len() as i64),
        Cell::text(event.step.word()),
        Cell::at(event.happened_at),
        Cell::at(event.recorded_at),
        Cell::text(&event.actor),
        Cell::text(&event.words),
        Cell::text(&event.facts),
        Cell::maybe_int(event.plan),
    ];
    rows::insert(connection, "incident_event", &EVENT_COLUMNS, row)
        .await
        .map_err(|error| BookError::of(error, "record an event of an incident", place))?;
    audit::append(connection, place, &incident.audit_entry(event), None).await?;
    Ok(())
}

/// What does not fit between incidents, their events and the audit trail.
pub(crate) async fn check(connection: &mut AnyConnection, place: &Place) -> Result<Vec<String>, BookError> {
    let incidents = read(connection, place, 0, &IncidentFilter::default()).await?;
    let open = read(connection, place, 0, &IncidentFilter { unresolved: true, ..IncidentFilter::default() }).await?;
    let open: Vec<i64> = open.iter().map(|incident| incident.number).collect();
    let mut trail = BTreeMap::<String, Vec<AuditEntry>>::new();
    for event in audit::of_actions(connection, place, "incident %").await? {
        trail.entry(event.entry.subject.clone()).or_default().push(event.entry);
    }
    let mut faults = Vec::new();
    for incident in &incidents {
        let subject = Incident::trail_subject(incident.number);
        let own: Vec<_> = incident.events.iter().map(|event| incident.audit_entry(event)).collect();
        if trail.remove(&subject).unwrap_or_default() != own {
            faults.push(format!("{subject} says something else than the audit trail"));
        }
        if (incident.state() != IncidentState::Resolved) != open.contains(&incident.number) {
            faults.push(format!("{subject} is kept as open or resolved, and its events say otherwise"));
        }
    }
    faults.extend(trail.into_keys().map(|subject| format!("{subject} stands in the audit trail only")));
    Ok(faults)
}

impl Book {
    /// Adds what somebody says of an incident, with an audit event, and returns it as it stands then. What a plan does
    /// goes with [`Book::act`] instead, where incidents are opened.
    ///
    /// # Errors
    /// [`Refusal::NoIncident`], [`Refusal::NoIncidentAbout`], [`Refusal::IncidentState`],
    /// [`Refusal::IncidentUnresolved`], [`BookError::NotJson`], [`BookError::Backwards`]; others when the book cannot
    /// be written.
    pub async fn add_incident_event(&self, event: &NewIncidentEvent, at: Instant) -> Result<Incident, BookError> {
        let doing = "record an event of an incident";
        let mut transaction = self.writing(doing).await?;
        let incident = append(&mut transaction, &self.place, event, at, None).await?;
        self.commit(transaction, doing).await?;
        Ok(incident)
    }

    /// Incidents with all that happened to them, by number.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, BookError> {
        read(&mut *self.reading("read the incidents").await?, &self.place, 0, filter).await
    }

    /// The incident of that number.
    ///
    /// # Errors
    /// [`Refusal::NoIncident`]; others when the book cannot be read.
    pub async fn incident(&self, number: i64) -> Result<Incident, BookError> {
        let none = Refusal::NoIncident(number);
        if number < 1 {
            return Err(none.into());
        }
        let filter = IncidentFilter::default();
        let found = read(&mut *self.reading("read an incident").await?, &self.place, number, &filter).await?.pop();
        found.ok_or_else(|| none.into())
    }
}
