//! A plan: what is to be done now, as data that can be shown, checked, refused and performed once.
//!
//! ```text
//! plan 7c1f… of snapshot 42, made 2026-10-20T09:00:00Z
//!   send  budget_breached   payments 2026-10   leap:budget_breached:payments:payments:2026-10   2,400.01 USD over
//!   open  charge-api.p999@2026-10-18T07:00:00Z …
//! ```
//! A plan leaves no choice to who performs it, and never changes: its digest is that of its canonical bytes
//! ([`Plan::bytes`]). A step has a key that is used once, for ever ([`key`]); whoever performs it keeps a receipt
//! under the key. [`check`] lints a plan before that.

#![deny(clippy::float_arithmetic)]

pub mod check;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use leap_terms::{Currency, DedupKey, Digest, Instant, MessageKind, Money, TeamId};
use serde::{Deserialize, Serialize};

pub use check::{Caps, Finding, Rule, Severity, World, plan_check};

/// The key of something that is said or done once: `leap:{kind}:{team}:{subject}:{period}` ([`DedupKey`]); that of a
/// message is what receivers know it by.
pub fn key(kind: &str, team: &TeamId, subject: &str, period: &str) -> String {
    DedupKey::of(&[kind, team.as_str(), subject, period]).into()
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
    },
    /// Record that an incident is open.
    OpenIncident {
        /// The incident.
        incident: String,
    },
    /// Write a note into an incident.
    AnnotateIncident {
        /// The incident.
        incident: String,
        /// The note.
        note: String,
    },
    /// Record that an incident is over.
    ResolveIncident {
        /// The incident.
        incident: String,
        /// When it was over.
        at: Instant,
    },
    /// Record that an incident is open again.
    ReopenIncident {
        /// The incident.
        incident: String,
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
        /// `expired`, `exceeded` or `withdrawn`.
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
            Deed::OpenIncident { .. } => "open_incident",
            Deed::AnnotateIncident { .. } => "annotate_incident",
            Deed::ResolveIncident { .. } => "resolve_incident",
            Deed::ReopenIncident { .. } => "reopen_incident",
            Deed::AskWaiver { .. } => "ask_waiver",
            Deed::EscalateWaiver { .. } => "escalate_waiver",
            Deed::EndWaiver { .. } => "end_waiver",
            Deed::FreezeForecast { .. } => "freeze_forecast",
        }
    }

    /// The incident that it is about.
    pub fn incident(&self) -> Option<&str> {
        match self {
            Deed::OpenIncident { incident }
            | Deed::AnnotateIncident { incident, .. }
            | Deed::ResolveIncident { incident, .. }
            | Deed::ReopenIncident { incident } => Some(incident),
            Deed::Send { .. }
            | Deed::AskWaiver { .. }
            | Deed::EscalateWaiver { .. }
            | Deed::EndWaiver { .. }
            | Deed::FreezeForecast { .. } => None,
        }
    }

    /// The waiver that it is about.
    pub fn waiver(&self) -> Option<&str> {
        match self {
            Deed::AskWaiver { waiver, .. } | Deed::EscalateWaiver { waiver, .. } | Deed::EndWaiver { waiver, .. } => {
                Some(waiver)
            }
            Deed::Send { .. }
            | Deed::OpenIncident { .. }
            | Deed::AnnotateIncident { .. }
            | Deed::ResolveIncident { .. }
            | Deed::ReopenIncident { .. }
            | Deed::FreezeForecast { .. } => None,
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
    /// The money that it is about, where it is about some.
    pub amount: Option<Amount>,
    /// Used once, for ever ([`key`]).
    pub key: String,
    /// Why.
    pub reason: String,
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
    /// Its canonical bytes: fields in the order of the types, one step a line. Equal plans have equal bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let line = |value: Result<String, serde_json::Error>| value.unwrap_or_default();
        let mut text = format!("leap plan 1\n{}\n", line(serde_json::to_string(&(&self.snapshot, self.made))));
        for step in &self.steps {
            // A step is texts, numbers and lists; JSON has all of them.
            let _ = writeln!(text, "{}", line(serde_json::to_string(step)));
        }
        text.into_bytes()
    }

    /// The digest of its bytes: its name, and what an approval of it is of.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes())
    }
}
