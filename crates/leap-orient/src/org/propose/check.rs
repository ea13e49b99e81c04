//! What a new state and a person declare, checked before anything is guessed.
//!
//! ```text
//! old-search: {successor: search}      in the state: old-search ends, search inherits
//! --rename pay=payments                by a person: pay and payments are one unit
//! ```

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::{Day, Fault, TeamId, fault::nearest, limits};

use super::Overrides;
use crate::org::{OrgState, UnitState};

/// What is declared; old units by the id they keep, new ones by the id of the new state.
#[derive(Default)]
pub(super) struct Declared {
    /// Old unit to the new unit that is the same.
    pub(super) renames: BTreeMap<TeamId, TeamId>,
    /// Old unit that ends to the new unit that inherits.
    pub(super) successors: BTreeMap<TeamId, TeamId>,
    /// New unit to the units it came from: old ones or new ones.
    pub(super) origins: BTreeMap<TeamId, BTreeSet<TeamId>>,
}

struct Check<'a> {
    day: Day,
    old: &'a OrgState,
    living: &'a OrgState,
    ended: &'a BTreeMap<TeamId, UnitState>,
    faults: Vec<Fault>,
}

pub(super) fn declarations(
    day: Day,
    old: &OrgState,
    living: &OrgState,
    ended: &BTreeMap<TeamId, UnitState>,
    overrides: &Overrides,
) -> Result<Declared, Vec<Fault>> {
    let mut check = Check { day, old, living, ended, faults: Vec::new() };
    check.tree();
    let mut declared = Declared::default();
    for (id, unit) in ended {
        // One that ended before says nothing new.
        let Some(from) = check.old_unit(id) else { continue };
        if let Some(to) = check.heir(id, unit) {
            declared.successors.insert(from, to);
        }
    }
    for (id, unit) in living.units.iter().filter(|(_, unit)| !unit.split_from.is_empty()) {
        if old.units.contains_key(id) {
            continue;
        }
        for from in &unit.split_from {
            match check.old_unit(from).or_else(|| living.units.contains_key(from).then(|| from.clone())) {
                Some(from) => {
                    declared.origins.entry(id.clone()).or_default().insert(from);
                }
                None => check.unknown(format!("unit '{id}' is split from '{from}', which does not exist"), from, old),
            }
        }
    }
    check.overrides(overrides, &mut declared);
    if check.faults.is_empty() { Ok(declared) } else { Err(check.faults) }
}

impl Check<'_> {
    fn refuse(&mut self, message: String, help: &str) {
        let fault = Fault::in_file(format!("reorg of {}", self.day), message);
        self.faults.push(fault.help(help));
    }

    fn unknown(&mut self, message: String, name: &TeamId, state: &OrgState) {
        match nearest(name.as_str(), state.units.keys().map(TeamId::as_str)) {
            Some(candidate) => {
                let help = format!("did you mean {candidate}?");
                self.refuse(message, &help);
            }
            None => self.refuse(message, "name a unit that exists"),
        }
    }

    /// The old unit of an id: exactly it, or the only one with it as an alias.
    fn old_unit(&self, id: &TeamId) -> Option<TeamId> {
        if self.old.units.contains_key(id) {
            return Some(id.clone());
        }
        let mut bearers = self.old.units.iter().filter(|(_, unit)| unit.aliases.contains(id.as_str()));
        bearers.next().filter(|_| bearers.next().is_none()).map(|(id, _)| id.clone())
    }

    /// The new unit of an id: exactly it, or the one that the old unit of that id is called now.
    fn new_unit(&self, id: &TeamId) -> Option<TeamId> {
        if self.living.units.contains_key(id) {
            return Some(id.clone());
        }
        let aliases = &self.old.units.get(id)?.aliases;
        let mut called = self.living.units.keys().filter(|new| aliases.contains(new.as_str()));
        called.next().filter(|_| called.next().is_none()).cloned()
    }

    /// Who inherits in the end, where one declared heir after the other ends.
    fn heir(&mut self, id: &TeamId, unit: &UnitState) -> Option<TeamId> {
        let mut seen = BTreeSet::from([id.clone()]);
        let mut heir = unit.successor.clone()?;
        loop {
            if let Some(found) = self.new_unit(&heir) {
                return Some(found);
            }
            if !seen.insert(heir.clone()) {
                self.refuse(format!("unit '{id}' inherits from itself"), "name a successor that exists");
                return None;
            }
            match self.ended.get(&heir).and_then(|unit| unit.successor.clone()) {
                Some(next) => heir = next,
                None => {
                    let message =
                        format!("unit '{id}' has the successor '{heir}', which does not exist on {}", self.day);
                    self.unknown(message, &heir, self.living);
                    return None;
                }
            }
        }
    }

    /// Parents exist, nobody is above himself, people have units.
    fn tree(&mut self) {
        if self.living.units.len() > limits::ORG_UNITS {
            let message = format!("the org has {} units, the limit is {}", self.living.units.len(), limits::ORG_UNITS);
            self.refuse(message, "read fewer units");
        }
        for (id, unit) in &self.living.units {
            let Some(parent) = &unit.parent else { continue };
            if self.ended.contains_key(parent) {
                self.refuse(format!("unit '{id}' has the parent '{parent}', which ends"), "name another parent");
            } else if !self.living.units.contains_key(parent) {
                self.unknown(format!("unit '{id}' has the unknown parent '{parent}'"), parent, self.living);
            }
        }
        for (person, unit) in &self.living.people {
            if !self.living.units.contains_key(unit) {
                self.unknown(format!("person '{person}' is in the unknown unit '{unit}'"), unit, self.living);
            }
        }
        let mut done: BTreeSet<&TeamId> = BTreeSet::new();
        for start in self.living.units.keys() {
            let mut path: Vec<&TeamId> = Vec::new();
            let mut at = Some(start);
            while let Some(here) = at.filter(|here| !done.contains(here)) {
                if let Some(from) = path.iter().position(|above| *above == here) {
                    let mut names: Vec<&str> = path[from..].iter().map(|id| id.as_str()).collect();
                    names.push(here.as_str());
                    let message = format!("the org has a cycle: {}", names.join(" → "));
                    self.refuse(message, "each unit is below its parent; one of these parents is wrong");
                    break;
                }
                path.push(here);
                at = self.living.units.get(here).and_then(|unit| unit.parent.as_ref());
            }
            done.extend(path);
        }
    }

    fn overrides(&mut self, overrides: &Overrides, declared: &mut Declared) {
        for (from, to) in &overrides.renames {
            let Some((old, new)) = self.pair("rename", from, to) else { continue };
            if old != new && self.living.units.contains_key(&old) {
                let message = format!("rename {from}={to}: unit '{from}' goes on in the new state");
                self.refuse(message, "a unit that goes on is not another one");
            } else if old != new && self.old.units.contains_key(&new) {
                self.refuse(format!("rename {from}={to}: unit '{to}' existed before"), "declare a successor instead");
            } else if declared.renames.values().any(|other| *other == new) || declared.renames.contains_key(&old) {
                self.refuse(format!("rename {from}={to}: one of the units is renamed twice"), "keep one of them");
            } else {
                declared.successors.remove(&old);
                declared.renames.insert(old, new);
            }
        }
        let mut named = BTreeSet::new();
        for (from, to) in &overrides.successors {
            let Some((old, new)) = self.pair("successor", from, to) else { continue };
            if self.living.units.contains_key(&old) || declared.renames.contains_key(&old) {
                let message = format!("successor {from}={to}: unit '{from}' goes on in the new state");
                self.refuse(message, "only a unit that ends has a successor");
            } else if !named.insert(old.clone()) {
                self.refuse(format!("successor {from}={to}: '{from}' has two successors"), "keep one of them");
            } else {
                declared.successors.insert(old, new);
            }
        }
        for (from, to) in &overrides.splits {
            let Some((old, new)) = self.pair("split", from, to) else { continue };
            if self.old.units.contains_key(&new) || declared.renames.values().any(|other| *other == new) {
                self.refuse(
                    format!("split {from}={to}: unit '{to}' is not new"),
                    "only a new unit is split from another",
                );
            } else {
                declared.origins.entry(new).or_default().insert(old);
            }
        }
    }

    fn pair(&mut self, what: &str, from: &TeamId, to: &TeamId) -> Option<(TeamId, TeamId)> {
        let (old, new) = (self.old_unit(from), self.new_unit(to));
        if old.is_none() {
            let message = format!("{what} {from}={to}: unit '{from}' does not exist on {}", self.day);
            self.unknown(message, from, self.old);
        }
        if new.is_none() {
            self.unknown(format!("{what} {from}={to}: the new state has no unit '{to}'"), to, self.living);
        }
        Some((old?, new?))
    }
}
