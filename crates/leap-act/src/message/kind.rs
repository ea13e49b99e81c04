//! How urgent a message is, how bad what it says, and what may be answered with a button.

use serde::{Deserialize, Serialize};

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
    fn words_and_answers_are_one() {
        for answer in Answer::ALL {
            assert_eq!(serde_json::to_value(answer).unwrap(), answer.word());
        }
    }
}
