//! A plan: what is to be done now, as data that can be shown, checked, refused and performed once.
//!
//! ```text
//! plan 7c1f… of snapshot 42, made 2026-10-20T09:00:00Z
//!   send  budget_breached   payments 2026-10   leap:budget_breached:payments:payments:2026-10   2,400.01 USD over
//!   open_incident  charge-api.p999@2026-10-18T07:00:00Z …
//! ```
//! A plan leaves no choice to who performs it, and never changes: its digest is that of its canonical bytes
//! ([`Plan::bytes`]). A step has a key that is used once, for ever ([`key`]); whoever performs it keeps a receipt
//! under the key. [`check`] lints a plan before that.

#![deny(clippy::float_arithmetic)]

pub mod check;
#[cfg(test)]
mod tests;

use leap_terms::{Currency, DedupKey, Digest, Instant, MessageKind, Money, TeamId};
use serde::{Deserialize, Serialize};

use crate::contract::Incident;

pub use check::{Caps, Finding, Rule, Severity, World, plan_check};

/// The key of something that is said or done once: `leap:{kind}:{team}:{subject}:{period}` ([`DedupKey`]); that of a
/// message is what receivers know it by.
pub fn key(kind: &str, team: &TeamId, subject: &str, period: &str) -> String {
    DedupKey::of(&[kind, team.as_str(), subject, period]).into()
}

/// What happens to an incident.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happens {
    /// It is opened.
    Opened,
    /// Late data change what is known of it.
    Annotated,
    /// It is over.
    Resolved,
    /// It is open again.
    Reopened,
}

impl Happens {
    /// The word of the deed in keys and findings.
    fn deed(self) -> &'static str {
        match self {
            Happens::Opened => "open_incident",
            Happens::Annotated => "annotate_incident",
            Happens::Resolved => "resolve_incident",
            Happens::Reopened => "reopen_incident",
        }
    }
}

/// What a step does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Send a message.
    Send {
        /// About what.
        kind: MessageKind,
        /// To whom, where it is for one person; else to who answers for the unit.
        to: Option<String>,
        /// What it says, in one sentence.
        sentence: String,
        /// Its figures, as label and exact text.
        fields: Vec<(String, String)>,
        /// True for an alert, which waits for no quiet hours.
        alert: bool,
        /// The incident that it belongs to.
        incident: Option<Incident>,
    },
    /// Record what happens to an incident.
    Incident {
        /// What.
        happens: Happens,
        /// The incident as it stands after it.
        after: Incident,
        /// When it happened, in the time of events.
        at: Instant,
        /// What is the matter, for people.
        words: String,
    },
    /// Record that somebody is asked to approve a waiver.
    AskWaiver {
        /// The waiver.
        waiver: String,
        /// Who is asked.
        of: String,
    },
    /// Record that somebody higher is asked.
    EscalateWaiver {
        /// The waiver.
        waiver: String,
        /// Who is asked.
        to: String,
    },
    /// Record that a waiver is over.
    EndWaiver {
        /// The waiver.
        waiver: String,
        /// `expired` or `exceeded`.
        why: String,
    },
    /// Keep a forecast as it is now, to be scored and to be the pace of its period.
    FreezeForecast {
        /// The first day that is forecast.
        origin: leap_terms::Day,
    },
}

impl Deed {
    /// The word of its kind in keys and findings; a message's is that of the message.
    pub fn word(&self) -> &'static str {
        match self {
            Deed::Send { kind, .. } => kind.word(),
            Deed::Incident { happens, .. } => happens.deed(),
            Deed::AskWaiver { .. } => "ask_waiver",
            Deed::EscalateWaiver { .. } => "escalate_waiver",
            Deed::EndWaiver { .. } => "end_waiver",
            Deed::FreezeForecast { .. } => "freeze_forecast",
        }
    }

    /// The words of all kinds, [`Deed::word`].
    pub fn words() -> impl Iterator<Item = &'static str> {
        let happens = [Happens::Opened, Happens::Annotated, Happens::Resolved, Happens::Reopened];
        let rest = ["ask_waiver", "escalate_waiver", "end_waiver", "freeze_forecast"];
        MessageKind::ALL.into_iter().map(MessageKind::word).chain(happens.map(Happens::deed)).chain(rest)
    }

    /// True for the word of a kind.
    pub fn is_word(word: &str) -> bool {
        Deed::words().any(|known| known == word)
    }

    /// The waiver that it is about.
    pub fn waiver(&self) -> Option<&str> {
        match self {
            Deed::AskWaiver { waiver, .. } | Deed::EscalateWaiver { waiver, .. } | Deed::EndWaiver { waiver, .. } => {
                Some(waiver)
            }
            Deed::Send { .. } | Deed::Incident { .. } | Deed::FreezeForecast { .. } => None,
        }
    }
}

/// An amount with its currency.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Amount {
    /// How much.
    pub money: Money,
    /// In which currency.
    pub currency: Currency,
}

/// One intended deed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// What is done.
    pub deed: Deed,
    /// The unit that it is about.
    pub unit: TeamId,
    /// What it is about: a budget, a clause, a waiver, a series.
    pub subject: String,
    /// Which time it is: a period, a day, how often something was said; the last part of its key.
    pub period: String,
    /// The money that it is about, where it is about some.
    pub amount: Option<Amount>,
    /// Used once, for ever ([`key`]).
    pub key: String,
    /// Why.
    pub reason: String,
}

impl Step {
    /// True where somebody outside of the loop feels it. A forecast that is kept is a note to oneself, and that something
    /// cannot be read is told whatever else is held.
    pub fn is_felt(&self) -> bool {
        !matches!(
            self.deed,
            Deed::FreezeForecast { .. }
                | Deed::Send { kind: MessageKind::LoopHindered | MessageKind::ApprovalAsked, .. }
        )
    }

    /// What it does, to whom and about how much, without its time and words: equal steps have equal bytes.
    pub fn wanted(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let amount = self.amount.as_ref().map(|amount| format!("{} {}", amount.money, amount.currency));
        for part in [self.deed.word(), &self.key, amount.as_deref().unwrap_or(""), self.person().unwrap_or("")] {
            // Different parts never make one text.
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part.bytes());
        }
        bytes
    }

    /// For whom it is, where it is for one person.
    pub fn person(&self) -> Option<&str> {
        match &self.deed {
            Deed::Send { to, .. } => to.as_deref(),
            Deed::AskWaiver { of, .. } => Some(of),
            Deed::EscalateWaiver { to, .. } => Some(to),
            Deed::Incident { .. } | Deed::EndWaiver { .. } | Deed::FreezeForecast { .. } => None,
        }
    }
}

/// What is to be done, in order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The snapshot whose figures it rests on.
    pub snapshot: String,
    /// When it was made.
    pub made: Instant,
    /// The steps, in the order in which they are done.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Its canonical bytes: JSON without spaces, fields in the order of the types. Equal plans have equal bytes.
    pub fn bytes(&self) -> Vec<u8> {
        // A plan is texts, numbers and lists; JSON has all of them.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The digest of its bytes: its name.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes())
    }

    /// The steps that are felt, [`Step::is_felt`].
    pub fn felt(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.is_felt())
    }

    /// The digest of what its steps that are felt do, to whom, about how much: what an approval of it is of. A plan that is
    /// made again a minute later wants the same, though its times differ.
    pub fn wanted(&self) -> Digest {
        let bytes: Vec<u8> = self.felt().flat_map(Step::wanted).collect();
        Digest::of(&bytes)
    }
}
