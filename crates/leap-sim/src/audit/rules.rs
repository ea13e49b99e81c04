//! Who owns a row: the rules of `rules.yaml`, tried one by one, row by row.
//!
//! ```yaml
//! rules:
//!   - {id: team-tag, when: "Tags['team'] IS NOT NULL", owner: {from: "Tags['team']"}}
//!   - {id: payments, when: "SubAccountId = '1'", owner: payments, effective: {from: 2026-09-16}}
//!   - {id: by-resource, mapping: owners.csv}     # ResourceId,owner,effective_from,effective_until
//!   - {id: platform, when: "ServiceName = 'Kafka'", pool: kafka}
//! ```
//! The first rule that is effective on the row's day and has an answer decides. A rule without an answer (its `from` is
//! null or empty, or no row of its mapping fits) leaves the row to the next one. Of several versions of the rules the
//! one in force on the row's day is tried; accepted claims are tried before it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use leap_terms::{Day, Format};
use serde_norway::Value;

use super::bills;
use super::dates;
use super::entries::{Effective, list, text};
use super::history::{History, Meaning};
use super::literal::Literal;
use super::predicate::{Expression, Facts};
use super::rows::{Row, plain_name};
use super::{AuditError, MappingFiles};

/// The owner of a row that no rule answers.
const NO_RULE: &str = "residual:no-rule";

/// One version of the rules.
#[derive(Clone, Copy)]
pub struct RulesVersion<'a> {
    /// The first day on which it is in force; it is until the next one is.
    pub from: Day,
    /// The text of `rules.yaml`.
    pub yaml: &'a str,
    /// Its mapping files.
    pub files: MappingFiles<'a>,
}

/// Rules as they changed, and what stands above them.
#[derive(Clone, Copy, Default)]
pub struct RulesHistory<'a> {
    /// The versions; of two of the same day the later in the list counts.
    pub versions: &'a [RulesVersion<'a>],
    /// Accepted claims as the text of a rules file; asked first on every day.
    pub claims: Option<&'a str>,
}

/// The rules in order, with the org that they name.
pub struct Rules {
    claims: Vec<Rule>,
    versions: Vec<(Day, Vec<Rule>)>,
    org: History,
}

struct Rule {
    effective: Effective,
    when: Option<Expression>,
    outcome: Outcome,
}

enum Outcome {
    Owner(String),
    OwnerFrom(Expression),
    Mapping(Mapping),
    Pool(String),
}

/// A mapping file: the values of its key columns, and for each combination its dated owners in file order.
struct Mapping {
    keys: Vec<Key>,
    owners: HashMap<Vec<Option<String>>, Vec<(Effective, String)>>,
}

enum Key {
    Column(String),
    Member(String, String),
}

impl Rules {
    /// Reads all versions of the rules.
    ///
    /// # Errors
    /// [`AuditError::Rules`].
    pub fn read(history: &RulesHistory<'_>, org: History) -> Result<Rules, AuditError> {
        let mut versions = Vec::new();
        for version in history.versions {
            versions.push((version.from, rules(version.yaml, version.files)?));
        }
        let claims = history.claims.map_or(Ok(Vec::new()), |yaml| rules(yaml, &|_| None))?;
        Ok(Rules { claims, versions, org })
    }

    /// The version in force on a day.
    fn in_force(&self, day: Day) -> &[Rule] {
        let mut best: Option<&(Day, Vec<Rule>)> = None;
        for version in &self.versions {
            if version.0 <= day && best.is_none_or(|best| best.0 <= version.0) {
                best = Some(version);
            }
        }
        best.map_or(&[], |(_, rules)| rules)
    }

    /// The owner of a row on a day, as a report shows it: `payments`, `residual:no-rule` …
    pub fn owner(&self, format: Format, row: &Row<'_>, day: Day) -> String {
        let facts = RowFacts { format, row, tags: OnceCell::new(), allocated_tags: OnceCell::new() };
        for rule in self.claims.iter().chain(self.in_force(day)) {
            if !rule.effective.contains(day) || rule.when.as_ref().is_some_and(|when| !when.holds(&facts)) {
                continue;
            }
            let named = match &rule.outcome {
                Outcome::Pool(name) => return format!("residual:pool:{name}"),
                Outcome::Owner(name) => Some(name.clone()),
                Outcome::OwnerFrom(expression) => expression.text(&facts),
                Outcome::Mapping(mapping) => mapping.owner(&facts, day),
            };
            let Some(named) = named.filter(|named| !named.trim().is_empty()) else { continue };
            return match self.org.meaning(&named, day) {
                Meaning::Team(id) => id,
                Meaning::Unknown => "residual:unknown-team".to_owned(),
                Meaning::Ambiguous => "residual:ambiguous".to_owned(),
            };
        }
        NO_RULE.to_owned()
    }
}

fn rules(yaml: &str, files: MappingFiles<'_>) -> Result<Vec<Rule>, AuditError> {
    let root: Value = serde_norway::from_str(yaml).map_err(|fault| AuditError::Rules(fault.to_string()))?;
    let mut rules = Vec::new();
    for entry in list(&root, "rules") {
        let id = entry.get("id").and_then(text).unwrap_or_else(|| (rules.len() + 1).to_string());
        rules.push(rule(entry, files).map_err(|fault| AuditError::Rules(format!("rule {id}: {fault}")))?);
    }
    Ok(rules)
}

fn rule(entry: &Value, files: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Rule, String> {
    let when = entry.get("when").and_then(text).map(|when| Expression::read(&when)).transpose()?;
    let outcome = if let Some(pool) = entry.get("pool").and_then(text) {
        Outcome::Pool(pool)
    } else if let Some(path) = entry.get("mapping").and_then(text) {
        let bytes = files(&path).ok_or_else(|| format!("the mapping file {path} is not there"))?;
        Outcome::Mapping(Mapping::read(&bytes)?)
    } else if let Some(owner) = entry.get("owner").and_then(text) {
        Outcome::Owner(owner)
    } else if let Some(from) = entry.get("owner").and_then(|owner| owner.get("from")).and_then(text) {
        Outcome::OwnerFrom(Expression::read(&from)?)
    } else {
        return Err("it has no owner, mapping or pool".to_owned());
    };
    Ok(Rule { effective: Effective::of(entry)?, when, outcome })
}

impl Mapping {
    fn read(bytes: &[u8]) -> Result<Mapping, String> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
        let header = reader.headers().map_err(|fault| fault.to_string())?.clone();
        let at = |wanted: &str| header.iter().position(|name| name.trim() == wanted);
        let owner = at("owner").ok_or("the mapping has no column owner")?;
        let (from, until) = (at("effective_from"), at("effective_until"));
        let key_columns: Vec<usize> =
            (0..header.len()).filter(|at| *at != owner && Some(*at) != from && Some(*at) != until).collect();
        let keys = key_columns.iter().map(|at| Key::named(header[*at].trim())).collect();
        let mut owners: HashMap<_, Vec<_>> = HashMap::new();
        for record in reader.records() {
            let record = record.map_err(|fault| fault.to_string())?;
            let cell = |at: usize| record.get(at).filter(|cell| !cell.is_empty());
            let bound = |at: Option<usize>| match at.and_then(cell) {
                None => Ok(None),
                Some(text) => dates::day(text).map(Some).ok_or_else(|| format!("'{text}' is no date")),
            };
            let effective = Effective::between(bound(from)?, bound(until)?);
            let key = key_columns.iter().map(|at| cell(*at).map(str::to_owned)).collect();
            owners.entry(key).or_default().push((effective, cell(owner).unwrap_or("").to_owned()));
        }
        Ok(Mapping { keys, owners })
    }

    fn owner(&self, facts: &RowFacts<'_>, day: Day) -> Option<String> {
        let mut key = Vec::with_capacity(self.keys.len());
        for column in &self.keys {
            let value = match column {
                Key::Column(name) => facts.column(name),
                Key::Member(column, member) => facts.member(column, member),
            };
            key.push(value.map(Cow::into_owned));
        }
        let dated = self.owners.get(&key)?;
        dated.iter().find(|(effective, _)| effective.contains(day)).map(|(_, owner)| owner.clone())
    }
}

impl Key {
    /// `ResourceId` is a column, `Tags['team']` a member.
    fn named(name: &str) -> Key {
        let member = name.split_once("['").and_then(|(column, rest)| Some((column, rest.strip_suffix("']")?)));
        match member {
            Some((column, key)) => Key::Member(column.to_owned(), key.replace("''", "'")),
            None => Key::Column(name.to_owned()),
        }
    }
}

/// A row as rules see it.
struct RowFacts<'a> {
    format: Format,
    row: &'a Row<'a>,
    tags: OnceCell<Vec<(String, String)>>,
    allocated_tags: OnceCell<Vec<(String, String)>>,
}

/// Of two tags of one key, the last counts.
fn tag(tags: &[(String, String)], key: &str) -> Option<String> {
    tags.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.clone())
}

impl Facts for RowFacts<'_> {
    fn column(&self, name: &str) -> Option<Cow<'_, str>> {
        bills::column(self.format, self.row, canonical(name))
    }

    fn member(&self, column: &str, key: &str) -> Option<Cow<'_, str>> {
        let tags = || self.tags.get_or_init(|| bills::tags(self.format, self.row));
        let allocated = || self.allocated_tags.get_or_init(|| bills::allocated_tags(self.format, self.row));
        let value = match canonical(column) {
            "Tags" => tag(allocated(), key).or_else(|| tag(tags(), key)),
            "AllocatedTags" => tag(allocated(), key),
            other => {
                let text = bills::column(self.format, self.row, other)?;
                Literal::read(&text)?.member(key)?.scalar()
            }
        };
        value.map(Cow::Owned)
    }
}

/// The FOCUS spelling of a column name whatever its case.
fn canonical(name: &str) -> &str {
    if leap_terms::focus::find(name).is_some() {
        return name;
    }
    let known = leap_terms::focus::COLUMNS.iter().find(|column| plain_name(column.name) == plain_name(name));
    known.map_or(name, |column| column.name)
}
