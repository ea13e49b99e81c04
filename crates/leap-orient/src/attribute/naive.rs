//! The engine's twin for tests: every rule in order, for every charge, on its day; no index, no classes, no memory.

use std::collections::BTreeMap;

use leap_terms::{Day, Owner, ResidualReason, RuleId};

use crate::org::{Org, Resolved};
use crate::predicate::{Field, Row, TagSource};
use crate::rules::{CodeOwners, Outcome, RuleSet};

/// A charge's facts by field name: `RegionId`, `Tags['team']`, `AllocatedTags['team']`.
pub(crate) type Facts = BTreeMap<String, String>;

fn value<'a>(field: &Field, facts: &'a Facts) -> Option<&'a str> {
    let get = |name: &str| facts.get(name).map(String::as_str).filter(|text| !text.is_empty());
    match field {
        Field::Column(name) => get(name),
        Field::Tag(TagSource::Allocated, _) => get(&field.to_string()),
        Field::Tag(TagSource::Either, key) => {
            get(&Field::Tag(TagSource::Allocated, key.clone()).to_string()).or_else(|| get(&field.to_string()))
        }
    }
}

pub(super) fn owner(rules: &RuleSet, org: &Org, facts: &Facts, day: Day) -> (Owner, Option<RuleId>) {
    let fields: Vec<Option<&str>> = rules.fields().all().iter().map(|field| value(field, facts)).collect();
    let row = Row { fields: &fields, truths: &[] };
    let named = |name: &str| match org.resolve(name, day) {
        Resolved::Team(team) => Owner::Team(team),
        Resolved::Unknown => Owner::Residual(ResidualReason::UnknownTeam),
        Resolved::Ambiguous(_) => Owner::Residual(ResidualReason::Ambiguous),
    };
    for rule in rules.rules() {
        let holds = rule.when.as_ref().is_none_or(|when| when.truth.value(row) == Some(true));
        if !rule.effective.contains(day) || !holds {
            continue;
        }
        let owner = match &rule.outcome {
            Outcome::Team(name) => Some(named(name)),
            Outcome::Pool(pool) => Some(Owner::Residual(ResidualReason::Pool(pool.clone()))),
            Outcome::From(expression) => {
                let value = expression.text.value(row);
                value.filter(|value| !value.trim().is_empty()).map(|value| named(value.trim()))
            }
            Outcome::Mapping(mapping) => {
                let owners: Vec<&str> = mapping.owners().collect();
                let found = mapping.find(mapping.columns().iter().map(|column| fields[*column as usize]));
                let mut found = found.filter(|found| found.period.contains(day));
                found.next().map(|found| named(owners[found.owner as usize]))
            }
            Outcome::Catalog(key, catalog) => {
                key.text.value(row).and_then(|key| catalog.find(&key).map(|(owner, _)| named(owner)))
            }
            Outcome::CodeOwners(key, file) => {
                key.text.value(row).and_then(|path| file.find(&path)).map(|(owner, _)| {
                    let names = CodeOwners::names(owner);
                    let known = names
                        .iter()
                        .find(|name| org.resolve_always(name).iter().any(|(_, who)| *who != Resolved::Unknown));
                    named(known.or(names.last()).expect("an owner has a name"))
                })
            }
        };
        if let Some(owner) = owner {
            return (owner, Some(rule.id.clone()));
        }
    }
    (Owner::Residual(ResidualReason::NoRule), None)
}
