//! Waivers: dated permission to spend more than a budget, asked for by one person and given by another.
//!
//! ```text
//! cy asks 5,000 over payments 2026-10 until 2026-11-30: launch          asked of bo (leads shop, up to 50,000)
//! bo does not answer for a day                                          escalated to ann (leads acme)
//! ann, who logged in two minutes ago, grants what she was shown         granted
//! 5,000.01 over                                                         exceeded: the breach is open again
//! 2026-11-30T00:00:00Z                                                  expired: the breach is open again
//! ```
//! A waiver is its request and the events since; its status at an instant is a pure function of both. Events count in
//! the order in which they were recorded, whatever their clocks say. Reading order: this file, [`authority`] (who may
//! approve).
//!
//! An answer is taken from a person alone ([`Waiver::answer`]): not from who asked, not from a program, only at a level
//! that covers the amount, in the org of the day, with a login of the last five minutes, and for exactly what was shown
//! ([`Request::shown`]): its digest is in the record.

#![deny(clippy::float_arithmetic)]

pub mod authority;
#[cfg(test)]
mod tests;

use std::fmt;

use leap_terms::{Currency, Digest, Instant, Money, Period, TeamId};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use authority::{Approver, Authority, Level, RoleHolder};

use crate::budget::{self, Allowance};
use crate::org::Org;
use crate::seconds::Seconds;

/// How old a login may be when something is approved.
pub const FRESH: Seconds = Seconds::minutes(5);
/// How long an answer is waited for before the next higher approver is asked.
pub const ANSWER_WITHIN: Seconds = Seconds::hours(24);

/// What somebody asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Names the waiver, for good.
    pub id: String,
    /// The unit whose budget is to be exceeded.
    pub unit: TeamId,
    /// The budget's period.
    pub period: Period,
    /// The budget's currency.
    pub currency: Currency,
    /// How much more than the budget may be spent; above zero.
    pub amount: Money,
    /// Until when; at that instant it is over.
    pub until: Instant,
    /// Why.
    pub reason: String,
    /// Who asks, by the name that they log in with.
    pub by: String,
    /// When.
    pub at: Instant,
}

impl Request {
    /// What an approver is shown: the request and the budget's verdict, as canonical text. Its digest is the
    /// approval's.
    pub fn shown(&self, verdict: &budget::Verdict) -> String {
        let fields: Vec<_> = verdict.fields().into_iter().map(|(label, text)| json!([label, text])).collect();
        let request = json!({
            "waiver": self.id, "unit": self.unit, "period": self.period.to_string(), "currency": self.currency,
            "amount": self.amount, "until": self.until, "reason": self.reason, "by": self.by, "at": self.at,
        });
        format!("leap waiver 1\n{}\n", json!({"request": request, "budget": verdict.sentence(), "figures": fields}))
    }

    /// The digest of [`Request::shown`].
    pub fn digest(&self, verdict: &budget::Verdict) -> Digest {
        Digest::of(self.shown(verdict).as_bytes())
    }
}

/// What happened to a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Somebody was asked.
    Asked {
        /// Who.
        of: String,
    },
    /// Nobody answered in time, and somebody higher was asked.
    Escalated {
        /// Who.
        to: String,
    },
    /// It was granted.
    Granted {
        /// By whom.
        by: String,
        /// The digest of what they were shown.
        shown: Digest,
        /// When they had proved who they are.
        authenticated_at: Instant,
    },
    /// It was refused.
    Refused {
        /// By whom.
        by: String,
        /// The digest of what they were shown.
        shown: Digest,
        /// Why.
        reason: String,
    },
    /// Who asked took it back.
    Withdrawn {
        /// Who.
        by: String,
    },
}

impl What {
    /// The answer or withdrawal that it is; none where an answer is still waited for.
    fn outcome(&self) -> Option<Status> {
        match self {
            What::Asked { .. } | What::Escalated { .. } => None,
            What::Granted { .. } => Some(Status::Granted),
            What::Refused { .. } => Some(Status::Refused),
            What::Withdrawn { .. } => Some(Status::Withdrawn),
        }
    }
}

/// A dated event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// When it was recorded.
    pub at: Instant,
    /// What happened.
    pub what: What,
}

/// Where a waiver stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Status {
    /// Nobody was asked yet.
    Requested,
    /// Somebody was asked.
    Asked,
    /// Somebody higher was asked.
    Escalated,
    /// In force.
    Granted,
    /// Refused.
    Refused,
    /// Over: its end came, before an answer or after it.
    Expired,
    /// More was spent than it permits.
    Exceeded,
    /// Taken back.
    Withdrawn,
}

impl Status {
    /// The word in messages and records.
    pub fn word(self) -> &'static str {
        match self {
            Status::Requested => "requested",
            Status::Asked => "asked",
            Status::Escalated => "escalated",
            Status::Granted => "granted",
            Status::Refused => "refused",
            Status::Expired => "expired",
            Status::Exceeded => "exceeded",
            Status::Withdrawn => "withdrawn",
        }
    }

    /// True while an answer is waited for.
    pub fn is_open(self) -> bool {
        matches!(self, Status::Requested | Status::Asked | Status::Escalated)
    }
}

/// Who does something, and how sure that is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actor {
    /// The name that they log in with.
    pub name: String,
    /// True for a token, a job, a chat button: whatever is no person at the site.
    pub automation: bool,
    /// When they last proved who they are.
    pub authenticated_at: Instant,
}

/// Why an answer is not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The request is answered, withdrawn or over.
    NotOpen(Status),
    /// Who asked may not answer.
    Requester,
    /// A program may not answer.
    Automation,
    /// The person has no say over the unit on the day.
    NotInLine(TeamId),
    /// The person may approve less than what is asked for.
    Level {
        /// What they may approve.
        up_to: Money,
        /// What is asked for.
        asked: Money,
    },
    /// The login is older than five minutes, or of the future.
    Login {
        /// Its age in seconds.
        age: i64,
    },
    /// What would be approved is not what was shown.
    OtherThanShown,
    /// Only who asked takes it back.
    NotTheirs,
    /// A refusal says why.
    NoReason,
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotOpen(status) => write!(out, "the waiver is {}: ask for a new one", status.word()),
            Refusal::Requester => out.write_str("who asked for a waiver does not answer it: somebody else has to"),
            Refusal::Automation => out.write_str("a program answers no waiver: log in at the site"),
            Refusal::NotInLine(unit) => {
                write!(out, "only who leads {unit} or a unit above it, or an approver, may answer")
            }
            Refusal::Level { up_to, asked } => {
                let (up_to, asked) = (up_to.to_grouped(2), asked.to_grouped(2));
                write!(out, "may approve up to {up_to}, and {asked} is asked for: somebody higher has to")
            }
            Refusal::Login { age } => write!(out, "the login is {age} seconds old: log in again, at most 300 before"),
            Refusal::OtherThanShown => out.write_str("it is not what was shown any more: look at it again"),
            Refusal::NotTheirs => out.write_str("only who asked for a waiver takes it back"),
            Refusal::NoReason => out.write_str("a refusal says why"),
        }
    }
}

/// What somebody wants to do with a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Grant exactly what was shown.
    Grant,
    /// Refuse it, and say why.
    Refuse(String),
    /// Take back what oneself asked for.
    Withdraw,
}

/// An event that cannot have followed those before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// The event, from 0.
    pub event: usize,
    /// Where the waiver stood.
    pub status: Status,
}

/// A request with what happened to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiver {
    request: Request,
    events: Vec<Event>,
}

/// What is to be done about a waiver now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Due {
    /// Ask somebody.
    Ask(String),
    /// Nobody answered in time: ask somebody higher.
    Escalate(String),
    /// Nobody in the org may approve so much; said once, as it needs a person.
    NobodyMayApprove,
}

impl Waiver {
    /// A request and its events, in the order in which they were recorded.
    ///
    /// # Errors
    /// The first event that follows an answer or a withdrawal.
    pub fn new(request: Request, events: Vec<Event>) -> Result<Waiver, Broken> {
        let end = events.iter().enumerate().find_map(|(at, event)| Some((at, event.what.outcome()?)));
        match end.filter(|(at, _)| at + 1 < events.len()) {
            Some((at, status)) => Err(Broken { event: at + 1, status }),
            None => Ok(Waiver { request, events }),
        }
    }

    /// What was asked for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// What happened since.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Where it stands at an instant; `over` is what was spent over the budget, where that is known. An exceeded
    /// waiver is one while that lasts: a correction of the bill can bring it back into force.
    pub fn status(&self, over: Option<Money>, now: Instant) -> Status {
        let last = self.events.last();
        let ended = now >= self.request.until;
        match last.map(|event| (&event.what, event.what.outcome())) {
            Some((_, Some(Status::Granted))) if ended => Status::Expired,
            Some((_, Some(Status::Granted))) if over.is_some_and(|over| over > self.request.amount) => Status::Exceeded,
            Some((_, Some(status))) => status,
            _ if ended => Status::Expired,
            Some((What::Escalated { .. }, None)) => Status::Escalated,
            Some((_, None)) => Status::Asked,
            None => Status::Requested,
        }
    }

    /// What a granted waiver permits, in force or not any more.
    pub fn allowance(&self) -> Option<Allowance> {
        let granted = self.events.last().filter(|event| matches!(event.what, What::Granted { .. }))?;
        let Request { id, amount, until, .. } = &self.request;
        Some(Allowance { waiver: id.clone(), amount: *amount, from: granted.at, until: *until })
    }

    /// Who was asked last, and when.
    pub fn asked(&self) -> Option<(&str, Instant)> {
        self.events.iter().rev().find_map(|event| match &event.what {
            What::Asked { of } => Some((of.as_str(), event.at)),
            What::Escalated { to } => Some((to.as_str(), event.at)),
            What::Granted { .. } | What::Refused { .. } | What::Withdrawn { .. } => None,
        })
    }

    /// The event that an answer makes. `shown` is the digest of what the person saw, `is` of what it is now.
    ///
    /// # Errors
    /// Why the answer is not taken; nothing is recorded then.
    pub fn answer(
        &self,
        answer: &Answer,
        who: &Actor,
        (shown, is): (Digest, Digest),
        approvers: &[Approver],
        now: Instant,
    ) -> Result<Event, Refusal> {
        let status = self.status(None, now);
        if !status.is_open() {
            return Err(Refusal::NotOpen(status));
        }
        if who.automation {
            return Err(Refusal::Automation);
        }
        if let Answer::Withdraw = answer {
            let theirs = who.name == self.request.by;
            let event = Event { at: now, what: What::Withdrawn { by: who.name.clone() } };
            return if theirs { Ok(event) } else { Err(Refusal::NotTheirs) };
        }
        if who.name == self.request.by {
            return Err(Refusal::Requester);
        }
        // Who has several roles answers by the highest of them.
        let theirs = approvers.iter().filter(|approver| approver.person == who.name).max_by(|a, b| a.by_level(b));
        let approver = theirs.ok_or_else(|| Refusal::NotInLine(self.request.unit.clone()))?;
        if !approver.covers(self.request.amount) {
            let up_to = approver.up_to.unwrap_or(Money::ZERO);
            return Err(Refusal::Level { up_to, asked: self.request.amount });
        }
        let age = now.seconds_since(who.authenticated_at);
        if !(0..=FRESH.count()).contains(&age) {
            return Err(Refusal::Login { age });
        }
        if shown != is {
            return Err(Refusal::OtherThanShown);
        }
        let by = who.name.clone();
        let what = match answer {
            Answer::Refuse(reason) if reason.trim().is_empty() => return Err(Refusal::NoReason),
            Answer::Refuse(reason) => What::Refused { by, shown, reason: reason.trim().to_owned() },
            Answer::Grant | Answer::Withdraw => What::Granted { by, shown, authenticated_at: who.authenticated_at },
        };
        Ok(Event { at: now, what })
    }

    /// What is to be done while an answer is waited for. Approvers are those of the day: where who was asked has no
    /// say any more, somebody is asked anew.
    pub fn due(&self, approvers: &[Approver], answer_within: Seconds, now: Instant) -> Option<Due> {
        if !self.status(None, now).is_open() {
            return None;
        }
        let able: Vec<&Approver> = approvers
            .iter()
            .filter(|approver| approver.person != self.request.by && approver.covers(self.request.amount))
            .collect();
        let Some((asked, at)) = self.asked() else {
            let first = able.first().map(|first| Due::Ask(first.person.clone()));
            return Some(first.unwrap_or(Due::NobodyMayApprove));
        };
        let Some(place) = able.iter().rposition(|approver| approver.person == asked) else {
            return able.first().map(|first| Due::Ask(first.person.clone()));
        };
        if now.seconds_since(at) < answer_within.count() {
            return None;
        }
        able[place + 1..].iter().find(|next| next.person != asked).map(|next| Due::Escalate(next.person.clone()))
    }
}

/// What the granted waivers of a budget permit: those for its unit, period and currency.
pub fn allowances<'w>(waivers: impl IntoIterator<Item = &'w Waiver>, line: &budget::Line) -> Vec<Allowance> {
    let of_line = |waiver: &&Waiver| {
        let Request { unit, period, currency, .. } = &waiver.request;
        (unit, *period, currency) == (&line.unit, line.period, &line.currency)
    };
    waivers.into_iter().filter(of_line).filter_map(Waiver::allowance).collect()
}

/// Who may approve a request on the day of an instant.
pub fn approvers(request: &Request, authority: &Authority, org: &dyn Org, now: Instant) -> Vec<Approver> {
    authority.approvers(org, &request.unit, &request.currency, now.day())
}
