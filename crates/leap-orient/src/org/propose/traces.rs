//! By what a unit is recognized under another id: what it owns, who leads it, who works in it, what is below it.
//!
//! ```text
//! Evidence   services/pay, services/refund     (everything a source says it owns, but leads)
//! Leads      lead u1
//! Members    e-17, e-18
//! Children   payments, refunds                 (by their identity)
//! ```
//! It counts; what a count means is decided where it is used.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::TeamId;

use super::identity::Identities;
use crate::org::{OrgState, UnitState};

/// A kind of trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    Evidence,
    Leads,
    Members,
    Children,
}

impl Class {
    /// The word for several of them.
    pub(super) fn word(self) -> &'static str {
        match self {
            Class::Evidence => "paths",
            Class::Leads => "leads",
            Class::Members => "members",
            Class::Children => "units below",
        }
    }
}

const LEAD: &str = "lead ";

/// The evidence of a unit but its leads.
pub(super) fn owned(unit: &UnitState) -> BTreeSet<&str> {
    unit.evidence.iter().map(String::as_str).filter(|item| !item.starts_with(LEAD)).collect()
}

/// The items of each unit in both states, and who has an item.
pub(super) struct Traces<'a> {
    old: Side<'a>,
    new: Side<'a>,
}

#[derive(Default)]
struct Side<'a> {
    items: BTreeMap<&'a TeamId, BTreeSet<String>>,
    holders: BTreeMap<String, BTreeSet<&'a TeamId>>,
}

impl<'a> Side<'a> {
    fn add(&mut self, unit: &'a TeamId, item: String) {
        self.holders.entry(item.clone()).or_default().insert(unit);
        self.items.entry(unit).or_default().insert(item);
    }
}

/// The items of a state; children go by the name that `identity` gives them.
fn side<'a>(class: Class, state: &'a OrgState, identity: impl Fn(&TeamId) -> TeamId) -> Side<'a> {
    let mut side = Side::default();
    match class {
        Class::Evidence | Class::Leads => {
            for (id, unit) in &state.units {
                for item in unit.evidence.iter().filter(|item| item.starts_with(LEAD) == (class == Class::Leads)) {
                    side.add(id, item.clone());
                }
            }
        }
        Class::Members => {
            for (person, unit) in &state.people {
                if let Some((unit, _)) = state.units.get_key_value(unit) {
                    side.add(unit, person.clone());
                }
            }
        }
        Class::Children => {
            for (id, unit) in &state.units {
                if let Some((parent, _)) = unit.parent.as_ref().and_then(|parent| state.units.get_key_value(parent)) {
                    side.add(parent, identity(id).as_str().to_owned());
                }
            }
        }
    }
    side
}

impl<'a> Traces<'a> {
    pub(super) fn of(class: Class, identities: &Identities<'a>) -> Traces<'a> {
        Traces {
            old: side(class, identities.old, TeamId::clone),
            new: side(class, identities.new, |id| identities.identity(id)),
        }
    }

    pub(super) fn old_items(&self, unit: &TeamId) -> BTreeSet<&str> {
        self.old.items.get(unit).into_iter().flatten().map(String::as_str).collect()
    }

    pub(super) fn new_items(&self, unit: &TeamId) -> BTreeSet<&str> {
        self.new.items.get(unit).into_iter().flatten().map(String::as_str).collect()
    }

    pub(super) fn is_in_new(&self, item: &str) -> bool {
        self.new.holders.contains_key(item)
    }

    pub(super) fn is_in_old(&self, item: &str) -> bool {
        self.old.holders.contains_key(item)
    }

    /// Units of the old state that have an item.
    pub(super) fn old_holders(&self, item: &str) -> impl Iterator<Item = &'a TeamId> {
        self.old.holders.get(item).into_iter().flatten().copied()
    }

    /// Units of the new state that have an item.
    pub(super) fn new_holders(&self, item: &str) -> impl Iterator<Item = &'a TeamId> {
        self.new.holders.get(item).into_iter().flatten().copied()
    }

    /// How many items of a unit of the old state each unit of the new one has.
    pub(super) fn went_to(&self, old: &TeamId) -> BTreeMap<&'a TeamId, usize> {
        let mut counts = BTreeMap::new();
        for item in self.old.items.get(old).into_iter().flatten() {
            for holder in self.new_holders(item) {
                *counts.entry(holder).or_insert(0) += 1;
            }
        }
        counts
    }
}
