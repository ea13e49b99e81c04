//! The org as the auditor reads it: units with dated spans; who is meant by a name on a day; where a team stands.
//!
//! ```yaml
//! units:
//! - id: payments
//!   spans:
//!   - {from: 2025-01-01, until: 2026-07-01, name: Payments, parent: acme, aliases: [pay], successor: search}
//! - {id: search, name: Search, parent: acme, effective: {from: 2025-06-01}}    # the flat form: one span
//! ```
//! Every question is answered by going through units and spans one after the other. Nothing is checked: an org that
//! leap accepted is assumed. People are not read: no cost follows a person.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use leap_terms::Day;
use serde_norway::Value;

use super::AuditError;
use super::entries::{Effective, list, text, texts};

/// What a text means on a day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// One team, by id.
    Team(String),
    /// No team.
    Unknown,
    /// Several teams.
    Ambiguous,
}

/// What a unit was from one day to another.
#[derive(Clone, Debug, Default)]
pub struct Span {
    /// The days.
    pub days: Effective,
    /// The id of the unit above it.
    pub parent: Option<String>,
    /// `team`, `group` …
    pub kind: Option<String>,
    /// How many people, as written.
    pub head_count: Option<String>,
    /// Who comes after the unit, where the span ends it.
    pub successor: Option<String>,
    /// The units that it was made from.
    pub split_from: Vec<String>,
    /// Id, name and aliases, folded.
    words: BTreeSet<String>,
}

/// Units with their spans.
#[derive(Clone, Debug, Default)]
pub struct History {
    units: BTreeMap<String, Vec<Span>>,
    /// Folded id, name or alias → the units that have it in any span.
    ever: HashMap<String, BTreeSet<String>>,
}

/// Case and the spaces around do not matter.
fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

impl History {
    /// Reads the text of an org: the history form, the flat form, or a mix of both.
    ///
    /// # Errors
    /// [`AuditError::Org`].
    pub fn read(yaml: &str) -> Result<History, AuditError> {
        let root: Value = serde_norway::from_str(yaml).map_err(|fault| AuditError::Org(fault.to_string()))?;
        let mut history = History::default();
        for unit in list(&root, "units") {
            let id = unit.get("id").and_then(text).ok_or_else(|| AuditError::Org("a unit without id".to_owned()))?;
            if unit.get("spans").is_some() {
                for span in list(unit, "spans") {
                    let days = Effective::beside(span).map_err(AuditError::Org)?;
                    history.add(&id, days, span);
                }
            } else {
                let days = Effective::of(unit).map_err(AuditError::Org)?;
                history.add(&id, days, unit);
            }
        }
        for spans in history.units.values_mut() {
            spans.sort_by_key(|span| span.days.from);
        }
        Ok(history)
    }

    fn add(&mut self, id: &str, days: Effective, entry: &Value) {
        let one = |name: &str| entry.get(name).and_then(text);
        let mut words = BTreeSet::from([folded(id)]);
        words.extend(one("name").iter().map(|name| folded(name)));
        words.extend(texts(entry.get("aliases")).iter().map(|alias| folded(alias)));
        for word in &words {
            self.ever.entry(word.clone()).or_default().insert(id.to_owned());
        }
        self.units.entry(id.to_owned()).or_default().push(Span {
            days,
            parent: one("parent"),
            kind: one("kind"),
            head_count: one("head_count"),
            successor: one("successor"),
            split_from: texts(entry.get("split_from")),
            words,
        });
    }

    /// All units, by id.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.units.keys().map(String::as_str)
    }

    /// The days on which anything in the org begins or ends.
    pub fn turns(&self) -> BTreeSet<Day> {
        self.units.values().flatten().flat_map(|span| [span.days.from, span.days.until]).flatten().collect()
    }

    /// What the unit is on a day; `None` when it does not exist then.
    pub fn span(&self, id: &str, day: Day) -> Option<&Span> {
        self.units.get(id)?.iter().find(|span| span.days.contains(day))
    }

    /// The last span of a unit that ended on or before the day.
    fn last_ended(&self, id: &str, day: Day) -> Option<&Span> {
        self.units.get(id)?.iter().rfind(|span| span.days.until.is_some_and(|until| until <= day))
    }

    /// Who is meant by a text on a day; spaces around it say nothing.
    pub fn meaning(&self, name: &str, day: Day) -> Meaning {
        let name = name.trim();
        if self.span(name, day).is_some() {
            return Meaning::Team(name.to_owned());
        }
        let word = folded(name);
        let had_it: Vec<&String> = self.ever.get(&word).into_iter().flatten().collect();
        // Of that id, name or alias on the day itself.
        let mut found = BTreeSet::new();
        for id in &had_it {
            if self.span(id, day).is_some_and(|span| span.words.contains(&word)) {
                found.insert((*id).clone());
            }
        }
        if let Some(meaning) = only(&found) {
            return meaning;
        }
        // Who came after the unit of exactly that id: it goes before those that only share a name with it.
        if let Some(heir) = self.heir(name, day) {
            return Meaning::Team(heir);
        }
        // Of that name in another span, and there on the day.
        for id in &had_it {
            if self.span(id, day).is_some() {
                found.insert((*id).clone());
            }
        }
        if let Some(meaning) = only(&found) {
            return meaning;
        }
        // Ended: who came after.
        for id in &had_it {
            found.extend(self.heir(id, day));
        }
        only(&found).unwrap_or(Meaning::Unknown)
    }

    /// Who came after a unit that ended on or before the day, and after that one, until one exists on the day.
    fn heir(&self, id: &str, day: Day) -> Option<String> {
        let mut at = id.to_owned();
        let mut seen = BTreeSet::new();
        while self.span(&at, day).is_none() {
            if !seen.insert(at.clone()) {
                return None;
            }
            at = self.last_ended(&at, day)?.successor.clone()?;
        }
        Some(at)
    }

    /// The unit under which the cost of a team is shown in the tree of a day. It may be one that does not exist on the
    /// day; then it is a root of its own.
    pub fn stand(&self, team: &str, day: Day) -> String {
        self.walk(team, day, &mut Vec::new()).unwrap_or_else(|| team.to_owned())
    }

    /// `None` when a unit is met twice.
    fn walk(&self, team: &str, day: Day, way: &mut Vec<String>) -> Option<String> {
        if self.span(team, day).is_some() {
            return Some(team.to_owned());
        }
        if way.iter().any(|met| met == team) {
            return None;
        }
        way.push(team.to_owned());
        let result = self.walk_on(team, day, way);
        way.pop();
        result
    }

    fn walk_on(&self, team: &str, day: Day, way: &mut Vec<String>) -> Option<String> {
        let above = |parent: &Option<String>, way: &mut Vec<String>| match parent {
            Some(parent) => self.walk(parent, day, way),
            None => Some(team.to_owned()),
        };
        if let Some(last) = self.last_ended(team, day) {
            return match &last.successor {
                Some(successor) => self.walk(successor, day, way),
                None => above(&last.parent, way),
            };
        }
        let Some(first) = self.units.get(team).and_then(|spans| spans.first()) else { return Some(team.to_owned()) };
        let before = self.predecessors(team, first);
        let mut stands = Vec::new();
        for unit in &before {
            stands.push(self.walk(unit, day, way)?);
        }
        let common = match &stands[..] {
            [] => None,
            [one] => Some(one.clone()),
            [one, others @ ..] => {
                let mut shared = self.path(one, day);
                for other in others {
                    let path = self.path(other, day);
                    shared.retain(|unit| path.contains(unit));
                }
                // From the root down, so the last is the lowest.
                shared.pop()
            }
        };
        match common {
            Some(unit) => Some(unit),
            None => above(&first.parent, way),
        }
    }

    /// The units that a unit came from: those it was split from, and those that named it as their successor until it
    /// began.
    fn predecessors(&self, team: &str, first: &Span) -> BTreeSet<String> {
        let mut before: BTreeSet<String> = first.split_from.iter().cloned().collect();
        for (id, spans) in &self.units {
            for span in spans {
                let names_it = span.successor.as_deref() == Some(team);
                let in_time = match (span.days.until, first.days.from) {
                    (Some(until), Some(from)) => until <= from,
                    (Some(_) | None, _) => false,
                };
                if names_it && in_time {
                    before.insert(id.clone());
                }
            }
        }
        before
    }

    /// The units from the root down to this one, in the tree of a day. A unit that does not exist then is its own root.
    pub fn path(&self, unit: &str, day: Day) -> Vec<String> {
        let mut path = vec![unit.to_owned()];
        let mut at = unit;
        while let Some(parent) = self.span(at, day).and_then(|span| span.parent.as_deref()) {
            if path.iter().any(|met| met == parent) {
                break;
            }
            path.push(parent.to_owned());
            at = parent;
        }
        path.reverse();
        path
    }
}

/// The one unit, several, or nothing said yet.
fn only(found: &BTreeSet<String>) -> Option<Meaning> {
    match (found.len(), found.first()) {
        (1, Some(id)) => Some(Meaning::Team(id.clone())),
        (0, _) | (_, None) => None,
        (_, Some(_)) => Some(Meaning::Ambiguous),
    }
}

#[cfg(test)]
mod tests;
