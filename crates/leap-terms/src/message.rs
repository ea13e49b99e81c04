//! What can be said: the kinds of messages, which stages that decide and channels that send name alike.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a message is about. Its word is a noun and what happened to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
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
    /// A turn of the loop could not look at something that it decides from.
    LoopHindered,
}

impl MessageKind {
    /// All kinds.
    pub const ALL: [MessageKind; 20] = [
        MessageKind::BudgetWarned,
        MessageKind::BudgetBreached,
        MessageKind::WaiverAsked,
        MessageKind::WaiverGranted,
        MessageKind::WaiverRefused,
        MessageKind::WaiverEnded,
        MessageKind::ContractMissing,
        MessageKind::IncidentOpened,
        MessageKind::IncidentAcknowledged,
        MessageKind::IncidentAnnotated,
        MessageKind::IncidentResolved,
        MessageKind::IncidentReopened,
        MessageKind::DriftFound,
        MessageKind::ApprovalAsked,
        MessageKind::ClaimAsked,
        MessageKind::OpportunityFound,
        MessageKind::SavingVerified,
        MessageKind::DigestMade,
        MessageKind::ChannelTested,
        MessageKind::LoopHindered,
    ];

    /// Its word in keys and settings: `budget_breached`.
    pub fn word(self) -> &'static str {
        match self {
            MessageKind::BudgetWarned => "budget_warned",
            MessageKind::BudgetBreached => "budget_breached",
            MessageKind::WaiverAsked => "waiver_asked",
            MessageKind::WaiverGranted => "waiver_granted",
            MessageKind::WaiverRefused => "waiver_refused",
            MessageKind::WaiverEnded => "waiver_ended",
            MessageKind::ContractMissing => "contract_missing",
            MessageKind::IncidentOpened => "incident_opened",
            MessageKind::IncidentAcknowledged => "incident_acknowledged",
            MessageKind::IncidentAnnotated => "incident_annotated",
            MessageKind::IncidentResolved => "incident_resolved",
            MessageKind::IncidentReopened => "incident_reopened",
            MessageKind::DriftFound => "drift_found",
            MessageKind::ApprovalAsked => "approval_asked",
            MessageKind::ClaimAsked => "claim_asked",
            MessageKind::OpportunityFound => "opportunity_found",
            MessageKind::SavingVerified => "saving_verified",
            MessageKind::DigestMade => "digest_made",
            MessageKind::ChannelTested => "channel_tested",
            MessageKind::LoopHindered => "loop_hindered",
        }
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

impl FromStr for MessageKind {
    type Err = String;

    fn from_str(text: &str) -> Result<MessageKind, String> {
        let found = MessageKind::ALL.into_iter().find(|kind| kind.word() == text);
        found.ok_or_else(|| format!("'{}' is no kind of message", text.escape_debug()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_kinds_are_one() {
        for kind in MessageKind::ALL {
            assert_eq!(kind.word().parse(), Ok(kind));
        }
        assert_eq!("budget".parse::<MessageKind>().unwrap_err(), "'budget' is no kind of message");
    }
}
