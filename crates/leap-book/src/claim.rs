//! Claims and disputes: who says that which cost belongs to whom, and what came of it.
//!
//! ```text
//! claim 7  dispute  ServiceName = 'Amazon MSK'  from payments  to platform  by ana  "run by platform since July"
//!   opened     2026-09-16T08:00:00Z  by ana    answer by 2026-09-23T08:00:00Z
//!   escalated  2026-09-23T08:05:00Z  by leap   to commerce, answer by 2026-09-30T08:05:00Z
//!   accepted   2026-09-24T10:00:00Z  by carl   with snapshot 44
//! ```
//! Nothing of a claim is ever overwritten: what happens to it is added as an event, and its state follows from the
//! events. An acceptance that changes the attribution goes with the publish that does so
//! ([`crate::Publish::claim_events`]); everything else is recorded at once. Each event has one in the audit trail.
//!
//! Does not read conditions, does not know the tree that a claim escalates, and looks at no clock: it is told when.

use std::collections::BTreeMap;

use leap_terms::{Day, Instant, Owner, TeamId};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Row};

use crate::audit::{self, AuditEntry};
use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::rows::{self, Cell, Record};

const CLAIM_COLUMNS: [&str; 12] = [
    "number",
    "kind",
    "subject",
    "from_owner",
    "to_team",
    "actor",
    "reason",
    "evidence",
    "opened_at",
    "effective",
    "expires",
    "answer_by",
];

const EVENT_COLUMNS: [&str; 9] =
    ["claim", "ordinal", "at", "actor", "event", "to_team", "answer_by", "note", "snapshot"];

/// Who began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ClaimKind {
    /// A team says that something is its own.
    Claim,
    /// An owner says that something is another team's.
    Dispute,
}

impl ClaimKind {
    /// The word in the database and in messages.
    pub fn word(self) -> &'static str {
        match self {
            ClaimKind::Claim => "claim",
            ClaimKind::Dispute => "dispute",
        }
    }
}

impl std::str::FromStr for ClaimKind {
    type Err = String;

    fn from_str(text: &str) -> Result<ClaimKind, String> {
        match text {
            "claim" => Ok(ClaimKind::Claim),
            "dispute" => Ok(ClaimKind::Dispute),
            other => Err(format!("'{}' is neither claim nor dispute", other.escape_debug())),
        }
    }
}

/// What happens to a claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClaimStep {
    /// It is made: the first event, which [`Book::open_claim`] records.
    Opened,
    /// The team that was asked agrees.
    Accepted,
    /// The team that was asked does not agree.
    Declined,
    /// Nobody answered in time, so somebody further up is asked.
    Escalated {
        /// Who is asked now.
        to: TeamId,
        /// Until when.
        answer_by: Instant,
    },
    /// Those who made it take it back, before or after it was accepted.
    Withdrawn,
    /// Its time is over: nobody answered at all, or its last day has passed.
    Expired,
}

impl ClaimStep {
    /// The word in the database and in messages.
    pub fn word(&self) -> &'static str {
        match self {
            ClaimStep::Opened => "opened",
            ClaimStep::Accepted => "accepted",
            ClaimStep::Declined => "declined",
            ClaimStep::Escalated { .. } => "escalated",
            ClaimStep::Withdrawn => "withdrawn",
            ClaimStep::Expired => "expired",
        }
    }

    /// The action in the audit trail.
    fn action(&self) -> String {
        format!("claim {}", self.word())
    }

    fn escalation(&self) -> Option<(&TeamId, Instant)> {
        match self {
            ClaimStep::Escalated { to, answer_by } => Some((to, *answer_by)),
            ClaimStep::Opened
            | ClaimStep::Accepted
            | ClaimStep::Declined
            | ClaimStep::Withdrawn
            | ClaimStep::Expired => None,
        }
    }
}

/// Where a claim stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ClaimState {
    /// It waits for an answer.
    Open,
    /// It holds.
    Accepted,
    /// It was turned down.
    Declined,
    /// It was taken back.
    Withdrawn,
    /// Its time is over.
    Expired,
}

impl ClaimState {
    /// The word in messages and JSON.
    pub fn word(self) -> &'static str {
        match self {
            ClaimState::Open => "open",
            ClaimState::Accepted => "accepted",
            ClaimState::Declined => "declined",
            ClaimState::Withdrawn => "withdrawn",
            ClaimState::Expired => "expired",
        }
    }

    /// Whether that may happen now. Only an open claim is answered, and only one that is open or holds can end.
    fn allows(self, step: &ClaimStep) -> bool {
        match (self, step) {
            (_, ClaimStep::Opened) => false,
            (ClaimState::Open, _) => true,
            (ClaimState::Accepted, ClaimStep::Withdrawn | ClaimStep::Expired) => true,
            (ClaimState::Accepted, ClaimStep::Accepted | ClaimStep::Declined | ClaimStep::Escalated { .. })
            | (ClaimState::Declined | ClaimState::Withdrawn | ClaimState::Expired, _) => false,
        }
    }
}

impl std::str::FromStr for ClaimState {
    type Err = String;

    fn from_str(text: &str) -> Result<ClaimState, String> {
        let states =
            [ClaimState::Open, ClaimState::Accepted, ClaimState::Declined, ClaimState::Withdrawn, ClaimState::Expired];
        states.into_iter().find(|state| state.word() == text).ok_or_else(|| {
            let text = text.escape_debug();
            format!("'{text}' is no state of a claim; use open, accepted, declined, withdrawn or expired")
        })
    }
}

/// A claim to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewClaim {
    /// Who began.
    pub kind: ClaimKind,
    /// The condition that names the charges, as a rule would.
    pub subject: String,
    /// Whose they are now; `None` where they have several owners.
    pub from_owner: Option<Owner>,
    /// Whose they shall be.
    pub to_team: TeamId,
    /// Who makes it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// What shows it: a link, a ticket, a text.
    pub evidence: Option<String>,
    /// When it is made.
    pub at: Instant,
    /// The first day for which it shall hold.
    pub effective: Day,
    /// The first day for which it shall no longer hold; `None` for no end.
    pub expires: Option<Day>,
    /// When an answer is due.
    pub answer_by: Instant,
}

/// Something that happens to a claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewClaimEvent {
    /// The claim's number.
    pub claim: i64,
    /// When.
    pub at: Instant,
    /// Who.
    pub actor: String,
    /// What.
    pub step: ClaimStep,
    /// Why, in a person's words.
    pub note: Option<String>,
}

/// Something that happened to a claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimEvent {
    /// When.
    pub at: Instant,
    /// Who.
    pub actor: String,
    /// What.
    pub step: ClaimStep,
    /// Why, in a person's words.
    pub note: Option<String>,
    /// The snapshot that was published with it.
    pub snapshot: Option<i64>,
}

/// A claim with all that happened to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Number, from 1, without gaps.
    pub number: i64,
    /// Who began.
    pub kind: ClaimKind,
    /// The condition that names the charges, as a rule would.
    pub subject: String,
    /// Whose they were when it was made; `None` where they had several owners.
    pub from_owner: Option<Owner>,
    /// Whose they shall be.
    pub to_team: TeamId,
    /// Who made it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// What shows it.
    pub evidence: Option<String>,
    /// When it was made.
    pub opened_at: Instant,
    /// The first day for which it shall hold.
    pub effective: Day,
    /// The first day for which it shall no longer hold; `None` for no end.
    pub expires: Option<Day>,
    /// When the first answer was due; [`Claim::due`] is what counts now.
    pub answer_by: Instant,
    /// What happened, oldest first; the first one is [`ClaimStep::Opened`].
    pub events: Vec<ClaimEvent>,
}

impl Claim {
    fn subject_of(number: i64) -> String {
        format!("claim {number}")
    }

    /// Where it stands.
    pub fn state(&self) -> ClaimState {
        self.state_until(self.events.len())
    }

    /// Where it stood as known at that time; `None` before it was made.
    pub fn state_known_on(&self, at: Instant) -> Option<ClaimState> {
        let known = self.events.iter().take_while(|event| event.at <= at).count();
        (known > 0).then(|| self.state_until(known))
    }

    fn state_until(&self, events: usize) -> ClaimState {
        self.events[..events].iter().fold(ClaimState::Open, |state, event| match event.step {
            ClaimStep::Opened | ClaimStep::Escalated { .. } => state,
            ClaimStep::Accepted => ClaimState::Accepted,
            ClaimStep::Declined => ClaimState::Declined,
            ClaimStep::Withdrawn => ClaimState::Withdrawn,
            ClaimStep::Expired => ClaimState::Expired,
        })
    }

    /// The last one that was asked by an escalation, and until when; `None` before the first escalation.
    pub fn escalated(&self) -> Option<(&TeamId, Instant)> {
        self.events.iter().rev().find_map(|event| event.step.escalation())
    }

    /// When the answer is due that it waits for.
    pub fn due(&self) -> Instant {
        self.escalated().map_or(self.answer_by, |(_, answer_by)| answer_by)
    }

    /// What the audit trail says when it is made.
    fn detail(&self) -> Value {
        json!({
            "answer_by": self.answer_by.micros(),
            "effective": self.effective.to_string(),
            "evidence": self.evidence,
            "expires": self.expires.map(|day| day.to_string()),
            "from": self.from_owner.as_ref().map(Owner::to_string),
            "kind": self.kind.word(),
            "reason": self.reason,
            "subject": self.subject,
            "to": self.to_team.as_str(),
        })
    }

    /// What the audit trail says of one of its events.
    fn audit_entry(&self, event: &ClaimEvent) -> AuditEntry {
        let detail = match event.step {
            ClaimStep::Opened => self.detail(),
            ClaimStep::Accepted
            | ClaimStep::Declined
            | ClaimStep::Escalated { .. }
            | ClaimStep::Withdrawn
            | ClaimStep::Expired => {
                let escalation = event.step.escalation();
                json!({
                    "answer_by": escalation.map(|(_, answer_by)| answer_by.micros()),
                    "note": event.note,
                    "to": escalation.map(|(to, _)| to.as_str()),
                })
            }
        };
        AuditEntry {
            at: event.at,
            actor: event.actor.clone(),
            action: event.step.action(),
            subject: Claim::subject_of(self.number),
            detail,
        }
    }
}

/// Which claims to list; the default is all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClaimFilter {
    /// Only claims, or only disputes.
    pub kind: Option<ClaimKind>,
    /// Only those that stand there.
    pub state: Option<ClaimState>,
    /// Only those that this team has to do with: as present owner, as the one to get it, or as the one asked.
    pub team: Option<TeamId>,
    /// Only open ones whose answer was due at or before that time.
    pub overdue_at: Option<Instant>,
}

impl ClaimFilter {
    fn takes(&self, claim: &Claim) -> bool {
        let concerns = |team: &TeamId| {
            claim.to_team == *team
                || claim.from_owner.as_ref() == Some(&Owner::Team(team.clone()))
                || claim.escalated().is_some_and(|(to, _)| to == team)
        };
        self.kind.is_none_or(|kind| kind == claim.kind)
            && self.state.is_none_or(|state| state == claim.state())
            && self.team.as_ref().is_none_or(concerns)
            && self.overdue_at.is_none_or(|at| claim.state() == ClaimState::Open && claim.due() <= at)
    }
}

/// Claims with their events, by number: all, or one.
async fn read(connection: &mut AnyConnection, place: &Place, number: Option<i64>) -> Result<Vec<Claim>, BookError> {
    let failed = |error| BookError::of(error, "read the claims", place);
    // Numbers begin with 1, so 0 is free to stand for all of them.
    if number.is_some_and(|number| number < 1) {
        return Ok(Vec::new());
    }
    let rows = sqlx::query("SELECT * FROM claim WHERE ($1 = 0 OR number = $1) ORDER BY number")
        .bind(number.unwrap_or(0))
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    let mut claims = BTreeMap::new();
    for row in &rows {
        let record = Record { row, of: "claim", place };
        let number = record.int("number")?;
        let claim = Claim {
            number,
            kind: record.read("kind", str::parse)?,
            subject: record.text("subject")?,
            from_owner: record.maybe_read("from_owner", str::parse)?,
            to_team: record.read("to_team", TeamId::new)?,
            actor: record.text("actor")?,
            reason: record.text("reason")?,
            evidence: record.maybe_text("evidence")?,
            opened_at: record.at("opened_at")?,
            effective: record.read("effective", str::parse)?,
            expires: record.maybe_read("expires", str::parse)?,
            answer_by: record.at("answer_by")?,
            events: Vec::new(),
        };
        claims.insert(number, claim);
    }
    let rows = sqlx::query("SELECT * FROM claim_event WHERE ($1 = 0 OR claim = $1) ORDER BY claim, ordinal")
        .bind(number.unwrap_or(0))
        .fetch_all(connection)
        .await
        .map_err(failed)?;
    for row in &rows {
        let record = Record { row, of: "claim_event", place };
        let damaged = |fault: String| BookError::Damaged { place: place.shown().to_owned(), fault };
        let escalation = record.maybe_read("to_team", TeamId::new)?.zip(record.maybe_int("answer_by")?);
        let step = record.read("event", |word| match (word, escalation) {
            ("opened", None) => Ok(ClaimStep::Opened),
            ("accepted", None) => Ok(ClaimStep::Accepted),
            ("declined", None) => Ok(ClaimStep::Declined),
            ("escalated", Some((to, answer_by))) => {
                Ok(ClaimStep::Escalated { to, answer_by: Instant::from_micros(answer_by) })
            }
            ("withdrawn", None) => Ok(ClaimStep::Withdrawn),
            ("expired", None) => Ok(ClaimStep::Expired),
            (other, _) => Err(format!("'{other}' is no event of a claim, or names somebody who is asked without need")),
        })?;
        let number = record.int("claim")?;
        let claim = claims.get_mut(&number).ok_or_else(|| damaged(format!("claim {number} has events only")))?;
        if record.int("ordinal")? != claim.events.len() as i64 {
            return Err(damaged(format!("claim {number} lacks an event")));
        }
        claim.events.push(ClaimEvent {
            at: record.at("at")?,
            actor: record.text("actor")?,
            step,
            note: record.maybe_text("note")?,
            snapshot: record.maybe_int("snapshot")?,
        });
    }
    if let Some(claim) = claims.values().find(|claim| claim.events.is_empty()) {
        let fault = format!("claim {} was never opened", claim.number);
        return Err(BookError::Damaged { place: place.shown().to_owned(), fault });
    }
    Ok(claims.into_values().collect())
}

/// Adds an event to a claim and to the audit trail, if the claim's state allows it.
pub(crate) async fn append(
    connection: &mut AnyConnection,
    place: &Place,
    new: &NewClaimEvent,
    snapshot: Option<i64>,
) -> Result<Claim, BookError> {
    let mut claim =
        read(connection, place, Some(new.claim)).await?.into_iter().next().ok_or(BookError::NoClaim(new.claim))?;
    let last = claim.events.last().expect("a claim that was read has at least the event that opened it");
    if !claim.state().allows(&new.step) {
        let (event, state) = (new.step.word(), last.step.word());
        return Err(BookError::ClaimSettled { claim: new.claim, event, state, actor: last.actor.clone(), at: last.at });
    }
    if last.at > new.at {
        let subject = format!("an event of {}", Claim::subject_of(new.claim));
        return Err(BookError::Backwards { subject, at: new.at, last: last.at });
    }
    let event = ClaimEvent {
        at: new.at,
        actor: rows::storable(&new.actor),
        step: new.step.clone(),
        note: new.note.as_deref().map(rows::storable),
        snapshot,
    };
    record_event(connection, place, &claim, &event).await?;
    claim.events.push(event);
    Ok(claim)
}

/// Records the next event of a claim that does not hold it yet.
async fn record_event(
    connection: &mut AnyConnection,
    place: &Place,
    claim: &Claim,
    event: &ClaimEvent,
) -> Result<(), BookError> {
    let escalation = event.step.escalation();
    let row = vec![
        Cell::Int(claim.number),
        Cell::Int(claim.events.len() as i64),
        Cell::at(event.at),
        Cell::text(&event.actor),
        Cell::text(event.step.word()),
        Cell::maybe_text(escalation.map(|(to, _)| to)),
        Cell::maybe_int(escalation.map(|(_, answer_by)| answer_by.micros())),
        Cell::maybe_text(event.note.as_ref()),
        Cell::maybe_int(event.snapshot),
    ];
    rows::insert(connection, "claim_event", &EVENT_COLUMNS, row)
        .await
        .map_err(|error| BookError::of(error, "record an event of a claim", place))?;
    audit::append(connection, place, &claim.audit_entry(event), event.snapshot).await?;
    Ok(())
}

/// What does not fit between the claims, their events and the audit trail.
pub(crate) async fn check(connection: &mut AnyConnection, place: &Place) -> Result<Vec<String>, BookError> {
    let claims = read(connection, place, None).await?;
    let mut trail = BTreeMap::<String, Vec<(AuditEntry, Option<i64>)>>::new();
    for event in audit::of_actions(connection, place, "claim %").await? {
        trail.entry(event.entry.subject.clone()).or_default().push((event.entry, event.snapshot));
    }
    let mut faults = Vec::new();
    for claim in &claims {
        let subject = Claim::subject_of(claim.number);
        let own: Vec<_> = claim.events.iter().map(|event| (claim.audit_entry(event), event.snapshot)).collect();
        if trail.remove(&subject).unwrap_or_default() != own
            || (claim.opened_at, claim.actor.as_str()) != (claim.events[0].at, claim.events[0].actor.as_str())
        {
            faults.push(format!("{subject} says something else than the audit trail"));
        }
        let impossible =
            (1..claim.events.len()).any(|event| !claim.state_until(event).allows(&claim.events[event].step));
        if impossible {
            faults.push(format!("{subject} has an event that its state did not allow"));
        }
    }
    faults.extend(trail.into_keys().map(|subject| format!("{subject} stands in the audit trail only")));
    Ok(faults)
}

fn not_blank(missing: &'static str, text: &str) -> Result<(), BookError> {
    if text.trim().is_empty() { Err(BookError::Blank { subject: "a claim".to_owned(), missing }) } else { Ok(()) }
}

impl Book {
    /// Makes a claim, with its first event and an audit event.
    ///
    /// # Errors
    /// [`BookError::Blank`] without subject, reason or person; [`BookError::ClaimEndsBefore`]; others when the book
    /// cannot be written.
    pub async fn open_claim(&self, new: &NewClaim) -> Result<Claim, BookError> {
        let doing = "record a claim";
        not_blank("the charges that it is about", &new.subject)?;
        not_blank("a reason", &new.reason)?;
        not_blank("a person who makes it", &new.actor)?;
        if let Some(expires) = new.expires.filter(|expires| *expires <= new.effective) {
            return Err(BookError::ClaimEndsBefore { effective: new.effective, expires });
        }
        let mut transaction = self.writing(doing).await?;
        let newest: i64 = sqlx::query("SELECT COALESCE(MAX(number), 0) AS newest FROM claim")
            .fetch_one(&mut *transaction)
            .await
            .and_then(|row| row.try_get("newest"))
            .map_err(self.failed(doing))?;
        let mut claim = Claim {
            number: newest + 1,
            kind: new.kind,
            subject: rows::storable(&new.subject),
            from_owner: new.from_owner.clone(),
            to_team: new.to_team.clone(),
            actor: rows::storable(&new.actor),
            reason: rows::storable(&new.reason),
            evidence: new.evidence.as_deref().map(rows::storable),
            opened_at: new.at,
            effective: new.effective,
            expires: new.expires,
            answer_by: new.answer_by,
            events: Vec::new(),
        };
        let row = vec![
            Cell::Int(claim.number),
            Cell::text(claim.kind.word()),
            Cell::text(&claim.subject),
            Cell::maybe_text(claim.from_owner.as_ref()),
            Cell::text(&claim.to_team),
            Cell::text(&claim.actor),
            Cell::text(&claim.reason),
            Cell::maybe_text(claim.evidence.as_ref()),
            Cell::at(claim.opened_at),
            Cell::text(claim.effective),
            Cell::maybe_text(claim.expires),
            Cell::at(claim.answer_by),
        ];
        rows::insert(&mut transaction, "claim", &CLAIM_COLUMNS, row).await.map_err(self.failed(doing))?;
        let opened =
            ClaimEvent { at: new.at, actor: claim.actor.clone(), step: ClaimStep::Opened, note: None, snapshot: None };
        record_event(&mut transaction, &self.place, &claim, &opened).await?;
        claim.events.push(opened);
        self.commit(transaction, doing).await?;
        Ok(claim)
    }

    /// Adds what happened to a claim, with an audit event, and returns the claim as it stands then. An acceptance that
    /// changes the attribution goes with [`Book::publish`] instead.
    ///
    /// # Errors
    /// [`BookError::NoClaim`], [`BookError::ClaimSettled`] for what its state does not allow (a second answer),
    /// [`BookError::Backwards`]; others when the book cannot be written.
    pub async fn add_claim_event(&self, event: &NewClaimEvent) -> Result<Claim, BookError> {
        let doing = "record an event of a claim";
        let mut transaction = self.writing(doing).await?;
        let claim = append(&mut transaction, &self.place, event, None).await?;
        self.commit(transaction, doing).await?;
        Ok(claim)
    }

    /// Claims with all that happened to them, by number.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn claims(&self, filter: &ClaimFilter) -> Result<Vec<Claim>, BookError> {
        let mut claims = read(&mut *self.reading("read the claims").await?, &self.place, None).await?;
        claims.retain(|claim| filter.takes(claim));
        Ok(claims)
    }

    /// The claim of that number.
    ///
    /// # Errors
    /// [`BookError::NoClaim`] when there is none; others when the book cannot be read.
    pub async fn claim(&self, number: i64) -> Result<Claim, BookError> {
        let found = read(&mut *self.reading("read a claim").await?, &self.place, Some(number)).await?;
        found.into_iter().next().ok_or(BookError::NoClaim(number))
    }
}
