//! From verdicts to a plan: what is to be done now, given what was said before.
//!
//! ```text
//! budgets' verdicts ─┐
//! clauses' windows  ─┤
//! waivers           ─┼─▶ decide ─▶ Plan ─▶ plan_check ─▶ (somebody performs it, and keeps receipts)
//! drift             ─┤
//! receipts' keys    ─┘
//! ```
//! A budget that is breached without a waiver is an incident like a clause that is missed for longer than its grace: it
//! is opened with the message of the breach, resolved when a waiver or a correction ends it, and opened again.
//!
//! Nothing is said twice: every step has a key of what it says, and a step whose key has a receipt is left out. So a
//! plan that was not performed is made again the same, and one that was is followed by an empty one. What happens
//! again is said again, under another key: a budget that is breached after it was not any more, a waiver that somebody
//! else is asked for, an incident that is opened again. A forecast that goes to and fro around the line
//! is told once in a period.

#![deny(clippy::float_arithmetic)]

mod draft;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use leap_terms::{Currency, Day, Instant, Money, TeamId};

use crate::budget::Verdict;
use crate::contract::clock::History;
use crate::contract::{Clause, Contract, Incident};
use crate::drift;
use crate::plan::Plan;
use crate::seconds::Seconds;
use crate::waiver::{Approver, Waiver};
use draft::Draft;

/// How long after its end a budget is watched, and a breach is told that was over before anybody knew of it: bills of a
/// month are final some days after it, and what is older is history.
pub const SETTLED: Seconds = Seconds::hours(14 * 24);

/// A verdict on a budget with what was said of its breaches.
pub struct Judged<'i> {
    /// The verdict.
    pub verdict: &'i Verdict,
    /// The incident of its breaches as it is recorded ([`breach`] is its id).
    pub said: Option<&'i Incident>,
}

/// The id of the incident of a budget's breaches: the budget has at most one.
pub fn breach(verdict: &Verdict) -> String {
    format!("budget {}", verdict.name())
}

/// A clause with what its windows say, and what was said of its incidents.
pub struct Watched<'i> {
    /// The contract.
    pub contract: &'i Contract,
    /// The clause.
    pub clause: &'i Clause,
    /// What its windows say ([`crate::contract::Watch::history`]).
    pub history: &'i History,
    /// Its incidents as they are recorded.
    pub said: &'i [Incident],
}

/// A waiver with what decides about it.
pub struct Pending<'i> {
    /// The waiver.
    pub waiver: &'i Waiver,
    /// What was spent over its budget, where that is known.
    pub over: Option<Money>,
    /// Who may approve it today ([`crate::waiver::approvers`]).
    pub approvers: &'i [Approver],
}

/// A departure of a unit's cost from its expected path.
pub struct Drifted<'i> {
    /// Whose cost.
    pub unit: &'i TeamId,
    /// The series.
    pub series: &'i str,
    /// The alert.
    pub alert: &'i drift::Alert,
    /// The currency of the series.
    pub currency: &'i Currency,
    /// What moved, and by how much, from the days before to those of the departure.
    pub drivers: &'i [(String, Money)],
}

/// Somebody sees to an incident.
pub struct Acknowledged<'i> {
    /// Who answers for it.
    pub unit: &'i TeamId,
    /// The incident.
    pub incident: &'i Incident,
    /// Who sees to it.
    pub by: &'i str,
    /// What they said.
    pub words: &'i str,
    /// How often something was recorded of the incident before: one acknowledgement is told once.
    pub ordinal: usize,
}

/// Something that could not be looked at.
pub struct Unread<'i> {
    /// What: `budgets`, `clauses`.
    pub what: &'i str,
    /// Why, as whoever repairs it reads it.
    pub problem: &'i str,
}

/// A forecast that is to be kept, once for each first day.
pub struct Frozen<'i> {
    /// Whose cost.
    pub unit: &'i TeamId,
    /// The series.
    pub series: &'i str,
    /// The first day that is forecast.
    pub origin: Day,
}

/// All that a plan is made from.
pub struct Inputs<'i> {
    /// The snapshot that all figures rest on.
    pub snapshot: &'i str,
    /// The present.
    pub now: Instant,
    /// All budgets.
    pub budgets: &'i [Judged<'i>],
    /// Incidents that are open and whose budget or clause nobody watches any more, with their units.
    pub gone: &'i [(&'i TeamId, &'i Incident)],
    /// Incidents that somebody has said to see to, lately.
    pub acknowledged: &'i [Acknowledged<'i>],
    /// All clauses.
    pub clauses: &'i [Watched<'i>],
    /// All waivers.
    pub waivers: &'i [Pending<'i>],
    /// How long an answer to a waiver is waited for.
    pub answer_within: Seconds,
    /// Alerts of drift.
    pub drift: &'i [Drifted<'i>],
    /// Forecasts to be kept.
    pub forecasts: &'i [Frozen<'i>],
    /// What could not be looked at; nothing follows from it but that this is told.
    pub unread: &'i [Unread<'i>],
    /// Who is told of what concerns nobody else: the company; none where there is no org.
    pub company: Option<&'i TeamId>,
    /// Keys of receipts: what was done and said before.
    pub done: &'i BTreeSet<String>,
}

/// What is to be done now. Pure, and the same whatever the order of the inputs.
pub fn decide(inputs: &Inputs<'_>) -> Plan {
    let mut draft = Draft::new(inputs.done);
    for judged in sorted(inputs.budgets, |judged| judged.verdict.name()) {
        draft.budget(judged, inputs.now);
    }
    for (unit, incident) in sorted(inputs.gone, |(_, incident)| incident.id.clone()) {
        draft.gone(unit, incident, inputs.now);
    }
    for acknowledged in sorted(inputs.acknowledged, |one| (one.incident.id.clone(), one.ordinal)) {
        draft.acknowledged(acknowledged);
    }
    for watched in sorted(inputs.clauses, |watched| watched.clause.key(watched.contract)) {
        draft.clause(watched, inputs.now);
    }
    for pending in sorted(inputs.waivers, |pending| pending.waiver.request().id.clone()) {
        draft.waiver(pending, inputs.answer_within, inputs.now);
    }
    for drifted in sorted(inputs.drift, |drift| (drift.unit.clone(), drift.series.to_owned(), drift.alert.day)) {
        draft.drift(drifted);
    }
    for frozen in sorted(inputs.forecasts, |frozen| (frozen.unit.clone(), frozen.series.to_owned(), frozen.origin)) {
        draft.forecast(frozen);
    }
    for unread in sorted(inputs.unread, |unread| unread.what) {
        draft.unread(unread, inputs.company, inputs.now);
    }
    Plan { snapshot: inputs.snapshot.to_owned(), made: inputs.now, steps: draft.steps() }
}

/// Keys whose receipts [`decide`] has to know: of what it would do if nothing had been done, and of what it leaves out
/// for something that was said.
pub fn keys(inputs: &Inputs<'_>) -> BTreeSet<String> {
    let nothing = BTreeSet::new();
    let all = decide(&Inputs { done: &nothing, ..*inputs });
    let projections = inputs.budgets.iter().map(|judged| draft::projected(judged.verdict));
    all.steps.into_iter().map(|step| step.key).chain(projections).collect()
}

/// A plan that is held asks to be approved: one message to the company, once a day; `over` says what of it is too much, in
/// sentences. What could not be looked at is told all the same.
pub fn ask(held: &Plan, over: &[String], company: &TeamId, done: &BTreeSet<String>) -> Plan {
    let mut draft = Draft::new(done);
    draft.ask(held, over, company);
    Plan { snapshot: held.snapshot.clone(), made: held.made, steps: draft.steps() }
}

fn sorted<'i, T, K: Ord>(all: &'i [T], key: impl Fn(&'i T) -> K) -> Vec<&'i T> {
    let mut sorted: Vec<&T> = all.iter().collect();
    sorted.sort_by_cached_key(|one| key(one));
    sorted
}
