//! What happens to a waiver, and where it stands after that. One table of what may follow what.

use leap_terms::Digest;

/// What happens to a waiver.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WaiverStep {
    /// Somebody who may grant it is asked; the note says who.
    Asked,
    /// Nobody answered in time, so somebody further up is asked.
    Escalated,
    /// It is given.
    Granted {
        /// The digest of what who grants it had before them.
        shown: Digest,
    },
    /// It is not given.
    Refused,
    /// It is taken back, before or after it was granted.
    Withdrawn,
    /// Its time is over, whether it was answered or not.
    Expired,
    /// More was spent than it allows.
    Exceeded,
    /// It is needed no more.
    Ended,
}

impl WaiverStep {
    /// The word in the database and in messages.
    pub fn word(self) -> &'static str {
        match self {
            WaiverStep::Asked => "asked",
            WaiverStep::Escalated => "escalated",
            WaiverStep::Granted { .. } => "granted",
            WaiverStep::Refused => "refused",
            WaiverStep::Withdrawn => "withdrawn",
            WaiverStep::Expired => "expired",
            WaiverStep::Exceeded => "exceeded",
            WaiverStep::Ended => "ended",
        }
    }

    pub(super) fn parse(word: &str, shown: Option<Digest>) -> Result<WaiverStep, String> {
        match (word, shown) {
            ("asked", None) => Ok(WaiverStep::Asked),
            ("escalated", None) => Ok(WaiverStep::Escalated),
            ("granted", Some(shown)) => Ok(WaiverStep::Granted { shown }),
            ("refused", None) => Ok(WaiverStep::Refused),
            ("withdrawn", None) => Ok(WaiverStep::Withdrawn),
            ("expired", None) => Ok(WaiverStep::Expired),
            ("exceeded", None) => Ok(WaiverStep::Exceeded),
            ("ended", None) => Ok(WaiverStep::Ended),
            (other, _) => {
                let other = other.escape_debug();
                Err(format!("'{other}' is no event of a waiver, or says what was shown where nothing is granted"))
            }
        }
    }

    pub(super) fn shown(self) -> Option<Digest> {
        match self {
            WaiverStep::Granted { shown } => Some(shown),
            WaiverStep::Asked
            | WaiverStep::Escalated
            | WaiverStep::Refused
            | WaiverStep::Withdrawn
            | WaiverStep::Expired
            | WaiverStep::Exceeded
            | WaiverStep::Ended => None,
        }
    }
}

/// Where a waiver stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WaiverState {
    /// It waits for an answer.
    Asked,
    /// It holds.
    Granted,
    /// It was not given.
    Refused,
    /// It was taken back.
    Withdrawn,
    /// Its time is over.
    Expired,
    /// More was spent than it allowed.
    Exceeded,
    /// It was needed no more.
    Ended,
}

impl WaiverState {
    /// The word in messages and JSON.
    pub fn word(self) -> &'static str {
        match self {
            WaiverState::Asked => "asked for",
            WaiverState::Granted => "granted",
            WaiverState::Refused => "refused",
            WaiverState::Withdrawn => "withdrawn",
            WaiverState::Expired => "expired",
            WaiverState::Exceeded => "exceeded",
            WaiverState::Ended => "ended",
        }
    }

    /// Where it stands after that; `None` where that cannot happen. It is answered once, and ends once.
    pub(super) fn after(self, step: WaiverStep) -> Option<WaiverState> {
        match (self, step) {
            (WaiverState::Asked, WaiverStep::Asked | WaiverStep::Escalated) => Some(WaiverState::Asked),
            (WaiverState::Asked, WaiverStep::Granted { .. }) => Some(WaiverState::Granted),
            (WaiverState::Asked, WaiverStep::Refused) => Some(WaiverState::Refused),
            (WaiverState::Granted, WaiverStep::Exceeded) => Some(WaiverState::Exceeded),
            (WaiverState::Asked | WaiverState::Granted, WaiverStep::Withdrawn) => Some(WaiverState::Withdrawn),
            (WaiverState::Asked | WaiverState::Granted, WaiverStep::Expired) => Some(WaiverState::Expired),
            (WaiverState::Asked | WaiverState::Granted, WaiverStep::Ended) => Some(WaiverState::Ended),
            (WaiverState::Asked, WaiverStep::Exceeded)
            | (
                WaiverState::Granted,
                WaiverStep::Asked | WaiverStep::Escalated | WaiverStep::Granted { .. } | WaiverStep::Refused,
            )
            | (
                WaiverState::Refused
                | WaiverState::Withdrawn
                | WaiverState::Expired
                | WaiverState::Exceeded
                | WaiverState::Ended,
                _,
            ) => None,
        }
    }
}
