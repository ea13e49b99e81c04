//! The teams of `org.yaml`, and which of them a text means on a day.
//!
//! ```yaml
//! units:
//!   - {id: payments, name: Payments, parent: acme, aliases: [pay, PAYMENTS], effective: {from: 2026-09-16}}
//! ```
//! A text means the unit of exactly that id; otherwise the one unit whose id, name or alias it equals when case and the
//! spaces around are ignored. The tree above a team does not matter here.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::Day;
use serde_norway::Value;

use super::AuditError;
use super::dates;

/// A span of days, open where nothing is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Effective {
    from: Option<Day>,
    until: Option<Day>,
}

impl Effective {
    /// From two dates, either of which may be missing.
    pub fn between(from: Option<Day>, until: Option<Day>) -> Effective {
        Effective { from, until }
    }

    /// True when the day lies in `[from, until)`.
    pub fn contains(self, day: Day) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day < until)
    }

    /// Reads `effective: {from, until}` of a YAML entry.
    pub fn of(entry: &Value) -> Result<Effective, String> {
        let Some(effective) = entry.get("effective") else { return Ok(Effective::default()) };
        let bound = |name: &str| match effective.get(name).and_then(text) {
            None => Ok(None),
            Some(text) => dates::day(&text).map(Some).ok_or_else(|| format!("'{text}' is no date")),
        };
        Ok(Effective { from: bound("from")?, until: bound("until")? })
    }
}

/// A scalar of YAML as text.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// What a text means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// One team, by id.
    Team(String),
    /// No team.
    Unknown,
    /// Several teams.
    Ambiguous,
}

/// The teams.
#[derive(Default)]
pub struct Teams {
    by_id: BTreeMap<String, Vec<Effective>>,
    by_word: BTreeMap<String, Vec<(String, Effective)>>,
}

impl Teams {
    /// Reads `org.yaml`.
    ///
    /// # Errors
    /// [`AuditError::Org`].
    pub fn read(yaml: &str) -> Result<Teams, AuditError> {
        let root: Value = serde_norway::from_str(yaml).map_err(|fault| AuditError::Org(fault.to_string()))?;
        let mut teams = Teams::default();
        for unit in root.get("units").and_then(Value::as_sequence).into_iter().flatten() {
            let id = unit.get("id").and_then(text).ok_or_else(|| AuditError::Org("a unit without id".to_owned()))?;
            let effective = Effective::of(unit).map_err(AuditError::Org)?;
            let aliases = unit.get("aliases").and_then(Value::as_sequence).into_iter().flatten().filter_map(text);
            let words: BTreeSet<String> = [Some(id.clone()), unit.get("name").and_then(text)]
                .into_iter()
                .flatten()
                .chain(aliases)
                .map(|word| plain(&word))
                .collect();
            for word in words {
                teams.by_word.entry(word).or_default().push((id.clone(), effective));
            }
            teams.by_id.entry(id).or_default().push(effective);
        }
        Ok(teams)
    }

    /// What a text means on a day.
    pub fn meaning(&self, text: &str, day: Day) -> Meaning {
        if self.by_id.get(text).is_some_and(|spans| spans.iter().any(|span| span.contains(day))) {
            return Meaning::Team(text.to_owned());
        }
        let candidates = self.by_word.get(&plain(text)).into_iter().flatten();
        let ids: BTreeSet<&String> = candidates.filter(|(_, span)| span.contains(day)).map(|(id, _)| id).collect();
        match (ids.len(), ids.first()) {
            (1, Some(id)) => Meaning::Team((*id).clone()),
            (0, _) => Meaning::Unknown,
            _ => Meaning::Ambiguous,
        }
    }
}

fn plain(text: &str) -> String {
    text.trim().to_lowercase()
}
