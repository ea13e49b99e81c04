//! What entries of people's YAML files have in common: scalars as text, and spans of days.
//!
//! ```yaml
//! effective: {from: 2026-09-16, until: 2027-01-01}     # until is the first day after
//! ```
//! Nothing here checks a file as leap does: a file that leap accepted is assumed.

use leap_terms::Day;
use serde_norway::Value;

use super::dates;

/// A span of days, open where nothing is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Effective {
    /// First day.
    pub from: Option<Day>,
    /// First day after it.
    pub until: Option<Day>,
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
    ///
    /// # Errors
    /// A sentence that names what is no date.
    pub fn of(entry: &Value) -> Result<Effective, String> {
        entry.get("effective").map_or(Ok(Effective::default()), Effective::beside)
    }

    /// Reads `from` and `until` that stand in the entry itself.
    ///
    /// # Errors
    /// A sentence that names what is no date.
    pub fn beside(entry: &Value) -> Result<Effective, String> {
        let bound = |name: &str| match entry.get(name).and_then(text) {
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

/// The texts of a list; a single scalar is a list of one.
pub fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Sequence(items)) => items.iter().filter_map(text).collect(),
        Some(other) => text(other).into_iter().collect(),
        None => Vec::new(),
    }
}

/// The entries of the list under a name; none when it is absent.
pub fn list<'a>(root: &'a Value, name: &str) -> &'a [Value] {
    root.get(name).and_then(Value::as_sequence).map_or(&[], Vec::as_slice)
}
