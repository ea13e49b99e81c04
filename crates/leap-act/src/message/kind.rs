//! What can be said: kinds of messages, how urgent one is, and what may be answered with a button.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a message is about. Its word is a noun and what happened to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A budget is going to be exceeded, or nearly is.
    BudgetWarned,
    /// A budget is exceeded by more than its tolerance, without a waiver.
    BudgetBreached,
    /// Somebody asks for a waiver.
    WaiverAsked,
    /// A waiver was granted.
    WaiverGranted,
    /// A waiver was refused.
    WaiverRefused,
    /// A waiver is over, or will be soon.
    WaiverEnded,
    /// A clause of a contract does not hold, within its grace.
    ContractMissing,
    /// A clause is false beyond its grace.
    IncidentOpened,
    /// Somebody has taken an incident on.
    IncidentAcknowledged,
    /// What was learned of an incident that goes on.
    IncidentAnnotated,
    /// The clause of an incident is true again.
    IncidentResolved,
    /// What was learned later makes an incident of the past one again.
    IncidentReopened,
    /// A cost series departs from its expected path.
    DriftFound,
    /// Something waits for an approval.
    ApprovalAsked,
    /// A claim or dispute waits for an answer.
    ClaimAsked,
    /// A saving could be made.
    OpportunityFound,
    /// A saving is verified.
    SavingVerified,
    /// Several nudges in one message.
    DigestMade,
    /// Somebody wants to see whether a channel works.
    ChannelTested,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 19] = [
        Kind::BudgetWarned,
        Kind::BudgetBreached,
        Kind::WaiverAsked,
        Kind::WaiverGranted,
        Kind::WaiverRefused,
        Kind::WaiverEnded,
        Kind::ContractMissing,
        Kind::IncidentOpened,
        Kind::IncidentAcknowledged,
        Kind::IncidentAnnotated,
        Kind::IncidentResolved,
        Kind::IncidentReopened,
        Kind::DriftFound,
        Kind::ApprovalAsked,
        Kind::ClaimAsked,
        Kind::OpportunityFound,
        Kind::SavingVerified,
        Kind::DigestMade,
        Kind::ChannelTested,
    ];

    /// Its word in keys and settings: `budget_breached`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::BudgetWarned => "budget_warned",
            Kind::BudgetBreached => "budget_breached",
            Kind::WaiverAsked => "waiver_asked",
            Kind::WaiverGranted => "waiver_granted",
            Kind::WaiverRefused => "waiver_refused",
            Kind::WaiverEnded => "waiver_ended",
            Kind::ContractMissing => "contract_missing",
            Kind::IncidentOpened => "incident_opened",
            Kind::IncidentAcknowledged => "incident_acknowledged",
            Kind::IncidentAnnotated => "incident_annotated",
            Kind::IncidentResolved => "incident_resolved",
            Kind::IncidentReopened => "incident_reopened",
            Kind::DriftFound => "drift_found",
            Kind::ApprovalAsked => "approval_asked",
            Kind::ClaimAsked => "claim_asked",
            Kind::OpportunityFound => "opportunity_found",
            Kind::SavingVerified => "saving_verified",
            Kind::DigestMade => "digest_made",
            Kind::ChannelTested => "channel_tested",
        }
    }

    /// Its type as a CloudEvent: `dev.leap.budget.breached.v1`.
    pub fn event_type(self) -> String {
        format!("dev.leap.{}.v1", self.word().replace('_', "."))
    }

    /// How urgent such a message is, unless whoever writes it knows better.
    pub fn usual_urgency(self) -> Urgency {
        match self {
            Kind::BudgetBreached
            | Kind::IncidentOpened
            | Kind::IncidentAcknowledged
            | Kind::IncidentAnnotated
            | Kind::IncidentResolved
            | Kind::IncidentReopened
            | Kind::DriftFound
            | Kind::ChannelTested => Urgency::Alert,
            Kind::BudgetWarned
            | Kind::WaiverAsked
            | Kind::WaiverGranted
            | Kind::WaiverRefused
            | Kind::WaiverEnded
            | Kind::ContractMissing
            | Kind::ApprovalAsked
            | Kind::ClaimAsked
            | Kind::OpportunityFound
            | Kind::SavingVerified
            | Kind::DigestMade => Urgency::Nudge,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Kind, String> {
        let found = Kind::ALL.into_iter().find(|kind| kind.word() == text);
        found.ok_or_else(|| format!("'{}' is no kind of message", text.escape_debug()))
    }
}

/// Whether a message may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// It goes at once: no quiet hours, caps or digests.
    Alert,
    /// It can wait for a good moment, and for others of its kind.
    Nudge,
}

/// How bad it is, in PagerDuty's words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something to know.
    Info,
    /// Something to do soon.
    Warning,
    /// Something is wrong.
    Error,
    /// Something is wrong that cannot wait.
    Critical,
}

impl Severity {
    /// Its word, which all services share.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Critical => "critical",
        }
    }
}

/// What may be answered with a button. Nothing here approves: an approval is a link to the site.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Not for a week.
    #[serde(rename = "snooze_7d")]
    Snooze7d,
    /// It belongs to somebody else.
    NotMine,
    /// What is said is wrong.
    Wrong,
}

impl Answer {
    /// All answers.
    pub const ALL: [Answer; 3] = [Answer::Snooze7d, Answer::NotMine, Answer::Wrong];

    /// Its word: `snooze_7d`.
    pub fn word(self) -> &'static str {
        match self {
            Answer::Snooze7d => "snooze_7d",
            Answer::NotMine => "not_mine",
            Answer::Wrong => "wrong",
        }
    }

    /// What people read on its button.
    pub fn label(self) -> &'static str {
        match self {
            Answer::Snooze7d => "Snooze 7d",
            Answer::NotMine => "Not mine",
            Answer::Wrong => "Wrong",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_kinds_are_one() {
        for kind in Kind::ALL {
            assert_eq!(kind.word().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
        for answer in Answer::ALL {
            assert_eq!(serde_json::to_value(answer).unwrap(), answer.word());
        }
        assert_eq!(Kind::BudgetBreached.event_type(), "dev.leap.budget.breached.v1");
        assert_eq!("budget".parse::<Kind>().unwrap_err(), "'budget' is no kind of message");
    }
}
