//! Who owns a charge: a team, or a residual with its reason. Never a magic string, never nobody.
//!
//! ```text
//! payments                 a team
//! residual:no-rule         no rule matched
//! residual:pool:kafka      collected by the pool "kafka", not yet shared
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id of an org unit that can own: text of 1 to 128 bytes without control characters, never `residual:…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TeamId(String);

/// The id of an attribution rule, unique in its rule set.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RuleId(String);

fn check_id(text: &str, what: &str) -> Result<(), String> {
    let shown = text.escape_debug();
    if text.is_empty() || text.len() > 128 {
        return Err(format!("'{shown}' is no {what}: an id has 1 to 128 bytes"));
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err(format!("'{shown}' is no {what}: an id has no spaces around it and no control characters"));
    }
    if text.starts_with("residual:") {
        return Err(format!("'{shown}' is no {what}: 'residual:' is kept for cost without an owner"));
    }
    Ok(())
}

impl TeamId {
    /// Checks and wraps an id.
    ///
    /// # Errors
    /// A sentence that names the id and the rule.
    pub fn new(text: &str) -> Result<TeamId, String> {
        check_id(text, "team id").map(|()| TeamId(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RuleId {
    /// Checks and wraps an id.
    ///
    /// # Errors
    /// A sentence that names the id and the rule.
    pub fn new(text: &str) -> Result<RuleId, String> {
        check_id(text, "rule id").map(|()| RuleId(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TeamId {
    type Error = String;

    fn try_from(text: String) -> Result<TeamId, String> {
        TeamId::new(&text)
    }
}

impl From<TeamId> for String {
    fn from(id: TeamId) -> String {
        id.0
    }
}

impl TryFrom<String> for RuleId {
    type Error = String;

    fn try_from(text: String) -> Result<RuleId, String> {
        RuleId::new(&text)
    }
}

impl From<RuleId> for String {
    fn from(id: RuleId) -> String {
        id.0
    }
}

impl fmt::Display for TeamId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// Why a charge has no owner yet. Each has a steward, named in the rule set.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ResidualReason {
    /// No rule's condition holds for the charge.
    NoRule,
    /// A rule matched, and what it names as owner is no team, name or alias on that day.
    UnknownTeam,
    /// A rule matched, and what it names as owner fits more than one team on that day.
    Ambiguous,
    /// A rule sends the charge to a pool that has no driver yet: the pool's name.
    Pool(String),
}

impl fmt::Display for ResidualReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResidualReason::NoRule => out.write_str("no-rule"),
            ResidualReason::UnknownTeam => out.write_str("unknown-team"),
            ResidualReason::Ambiguous => out.write_str("ambiguous"),
            ResidualReason::Pool(name) => write!(out, "pool:{name}"),
        }
    }
}

impl FromStr for ResidualReason {
    type Err = String;

    fn from_str(text: &str) -> Result<ResidualReason, String> {
        match text {
            "no-rule" => Ok(ResidualReason::NoRule),
            "unknown-team" => Ok(ResidualReason::UnknownTeam),
            "ambiguous" => Ok(ResidualReason::Ambiguous),
            _ => match text.strip_prefix("pool:") {
                Some(name) if !name.is_empty() => Ok(ResidualReason::Pool(name.to_owned())),
                _ => Err(format!("'{}' is no reason of a residual", text.escape_debug())),
            },
        }
    }
}

/// The one owner of a charge on a day.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Owner {
    /// A team.
    Team(TeamId),
    /// No team yet, for this reason.
    Residual(ResidualReason),
}

impl fmt::Display for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Team(team) => team.fmt(out),
            Owner::Residual(reason) => out.pad(&format!("residual:{reason}")),
        }
    }
}

impl FromStr for Owner {
    type Err = String;

    fn from_str(text: &str) -> Result<Owner, String> {
        match text.strip_prefix("residual:") {
            Some(reason) => reason.parse().map(Owner::Residual),
            None => TeamId::new(text).map(Owner::Team),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_and_texts_are_one() {
        for text in [
            "payments",
            "team ä",
            "residual:no-rule",
            "residual:unknown-team",
            "residual:ambiguous",
            "residual:pool:kafka",
        ] {
            assert_eq!(text.parse::<Owner>().unwrap().to_string(), text);
        }
        for wrong in ["", " a", "a\n", "residual:", "residual:pool:", "residual:other"] {
            assert!(wrong.parse::<Owner>().is_err(), "{wrong:?}");
        }
    }
}
