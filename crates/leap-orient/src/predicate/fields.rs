//! The facts of a charge that a predicate may read: columns by their FOCUS name, `x_…` columns, and single tags.
//!
//! ```text
//! ServiceName            a column, in any case of letters
//! Tags['team']           AllocatedTags['team'] where the bill splits a shared charge, else Tags['team']
//! AllocatedTags['team']  that one alone
//! ```
//! Costs, quantities and dates are no reasons for ownership: naming one is an error that says what to write instead.

use std::fmt;

use hashbrown::HashMap;
use leap_terms::fault::nearest;
use leap_terms::focus::{COLUMNS, ColumnRole, ColumnType};

/// Which of the two tag columns a tag is read from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TagSource {
    /// `Tags['k']`: `AllocatedTags` first, then `Tags`.
    Either,
    /// `AllocatedTags['k']`.
    Allocated,
}

/// One fact of a charge, as text or null.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Field {
    /// A column, by its name in the lake.
    Column(String),
    /// One tag.
    Tag(TagSource, String),
}

impl Field {
    /// True for the facts of a resource, of which there may be as many as charges.
    pub fn of_resource(&self) -> bool {
        matches!(self, Field::Column(name) if role(name) == ColumnRole::Resource)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Column(name) => out.write_str(name),
            Field::Tag(TagSource::Either, key) => write!(out, "Tags['{}']", key.replace('\'', "''")),
            Field::Tag(TagSource::Allocated, key) => write!(out, "AllocatedTags['{}']", key.replace('\'', "''")),
        }
    }
}

/// The role of a column in attribution; `x_…` columns are details.
pub(crate) fn role(name: &str) -> ColumnRole {
    leap_terms::focus::find(name).map_or(ColumnRole::Detail, |column| column.role)
}

/// The distinct fields that some predicates read, numbered.
#[derive(Clone, Default, Debug)]
pub struct Fields {
    fields: Vec<Field>,
    numbers: HashMap<Field, u32>,
    owners: bool,
    levels: Vec<String>,
}

impl Fields {
    /// For filters of reports, which may also read the answer: `team`, `rule`, `source`, `pool` and the levels of the org
    /// (as columns `level:<kind>`).
    pub fn with_owners(levels: &[String]) -> Fields {
        Fields { owners: true, levels: levels.to_vec(), ..Fields::default() }
    }

    /// The name of a part of the answer, where this set may read it.
    pub(crate) fn answer(&self, word: &str) -> Option<String> {
        if let Some(level) = self.levels.iter().find(|level| level.eq_ignore_ascii_case(word)) {
            return Some(format!("{}{level}", crate::reading::spend::LEVEL));
        }
        let word = word.to_ascii_lowercase();
        (self.owners && matches!(word.as_str(), "team" | "rule" | "source" | "pool")).then_some(word)
    }

    /// The number of a field; a new field gets the next.
    pub fn number(&mut self, field: Field) -> u32 {
        match self.numbers.get(&field) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.fields.len()).expect("fewer than 2^32 fields");
                self.fields.push(field.clone());
                self.numbers.insert(field, number);
                number
            }
        }
    }

    /// The field of a number.
    ///
    /// # Panics
    /// If the number is not one of this set's.
    pub fn get(&self, number: u32) -> &Field {
        &self.fields[number as usize]
    }

    /// All fields in the order of their numbers.
    pub fn all(&self) -> &[Field] {
        &self.fields
    }
}

/// What a name in a predicate means.
pub(crate) enum Named {
    /// A column that may be read.
    Column(String),
    /// `Tags` or `AllocatedTags`; may stand alone (its JSON text) or be followed by `['key']`.
    Tags(TagSource),
}

/// Looks a column name up, in any case of letters.
///
/// # Errors
/// Message and remedy.
pub(crate) fn look_up(name: &str, quoted: bool) -> Result<Named, (String, Option<String>)> {
    let Some(column) = COLUMNS.iter().find(|column| column.name.eq_ignore_ascii_case(name)) else {
        let shown = name.escape_debug();
        if name.len() > 2 && name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("x_")) {
            if name.len() > 6 && name.get(2..6).is_some_and(|part| part.eq_ignore_ascii_case("leap")) {
                let why = format!("'{shown}' is made by leap and is no fact of a charge");
                return Err((why, Some("name a column of the bill".to_owned())));
            }
            return Ok(Named::Column(name.to_owned()));
        }
        let candidates = COLUMNS.iter().filter(|column| readable(column.role)).map(|column| column.name);
        let help = match nearest(name, candidates) {
            Some(candidate) => format!("did you mean {candidate}?"),
            None if quoted => format!("text is written in single quotes: '{shown}'"),
            None => "columns are those of FOCUS, the bill's own start with x_, tags are Tags['key']".to_owned(),
        };
        return Err((format!("unknown column '{shown}'"), Some(help)));
    };
    match (column.name, column.role) {
        ("Tags", _) => Ok(Named::Tags(TagSource::Either)),
        ("AllocatedTags", _) => Ok(Named::Tags(TagSource::Allocated)),
        (_, ColumnRole::Key | ColumnRole::Resource | ColumnRole::Detail) => Ok(Named::Column(column.name.to_owned())),
        (_, ColumnRole::Measure) => {
            let what = if column.column_type == ColumnType::Decimal { "an amount" } else { "a measure" };
            Err((
                format!("{} is {what}, and an owner cannot depend on it", column.name),
                Some(
                    "two charges of one resource must have one owner: use accounts, services, tags or resources"
                        .to_owned(),
                ),
            ))
        }
        (_, ColumnRole::Time) => Err((
            format!("{} is a time, and a condition cannot read it", column.name),
            Some("date the rule instead: effective: {from: 2026-09-16}".to_owned()),
        )),
        (_, ColumnRole::Currency) => Err((
            format!("an owner cannot depend on {}", column.name),
            Some("use InvoiceIssuerName, BillingAccountId or SubAccountId".to_owned()),
        )),
    }
}

fn readable(role: ColumnRole) -> bool {
    match role {
        ColumnRole::Key | ColumnRole::Resource | ColumnRole::Detail => true,
        ColumnRole::Measure | ColumnRole::Time | ColumnRole::Currency => false,
    }
}
