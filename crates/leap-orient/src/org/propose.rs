//! Finds the reorg between an organisation and a new state of it: what changed, and why it is recognized as that.
//!
//! ```text
//! merged     sig-aws was merged into sig-cloud-provider, which now has 5 of its 5 paths
//! renamed    committee-product-security was renamed: in the new state it is committee-security-response, which has 5 of its
//!            7 leads
//! dissolved  wg-lts was dissolved: nothing of it is found elsewhere; kubernetes, the unit above, looks after
//!            what it left
//! ```
//! Reading order: this file (from two states to operations), `identity` (which unit is which), `heirs` (what became of
//! the others), `traces` and `votes` (what both count), `findings` (the words).
//!
//! A unit keeps the id under which it was first known; the id that the new state gives it becomes an alias. A state that
//! names no people says nothing about people. A proposal is only a proposal: what is found can be overridden, and a reorg
//! is checked when it is applied.

mod check;
mod findings;
mod heirs;
mod identity;
mod traces;
mod votes;

#[cfg(test)]
mod kubernetes_tests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::{Day, Fault, TeamId};

use super::{Description, Operation, Org, OrgState, Reorg, UnitState};
use heirs::{Heir, Heirs, Why};
use identity::{Identities, Reason};

pub use findings::{Finding, What};

/// What a person declares against, or beyond, what is found: pairs of an old and a new unit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Overrides {
    /// The old unit ends, and the new one inherits its names and cost.
    pub successors: Vec<(TeamId, TeamId)>,
    /// The old unit and the new one are the same.
    pub renames: Vec<(TeamId, TeamId)>,
    /// The new unit was created out of the old one.
    pub splits: Vec<(TeamId, TeamId)>,
}

/// A reorg and the words for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// What [`Org::with`] applies; no operations where nothing changed.
    pub reorg: Reorg,
    /// What happened and why it was recognized, sorted by kind of change and unit.
    pub findings: Vec<Finding>,
}

/// Compares an organisation with a new state that takes effect on a day.
///
/// Applied with [`Org::with`], the proposal's reorg makes the organisation of that day equal to the new state, but for the
/// ids that units keep and, where the state names no people, for people.
///
/// # Errors
/// Every fault found: the new state contradicts itself (unknown parent, cycle, person in an unknown unit, successor that
/// does not exist), or an override names units that do not exist.
pub fn propose(org: &Org, effective: Day, new: &OrgState, overrides: &Overrides) -> Result<Proposal, Vec<Fault>> {
    let old = org.state(effective);
    let (ended, units): (BTreeMap<_, _>, BTreeMap<_, _>) =
        new.units.clone().into_iter().partition(|(_, unit)| unit.successor.is_some());
    let living = OrgState { units, people: new.people.clone() };
    let declared = check::declarations(effective, &old, &living, &ended, overrides)?;
    let identities = Identities::find(org, effective, &old, &living, &declared);
    let heirs = Heirs::of(&identities);
    let successors: BTreeMap<TeamId, TeamId> =
        declared.successors.iter().map(|(from, to)| (from.clone(), identities.identity(to))).collect();
    let comparison = Comparison {
        org,
        effective,
        old: &old,
        new: &living,
        dropped: heirs.of_dropped(&successors),
        origins: origins(&identities, &heirs, &declared),
        identities: &identities,
    };
    Ok(comparison.proposal())
}

/// The units that each created one came from, by identity, and why.
type Origins = BTreeMap<TeamId, (BTreeSet<TeamId>, Why)>;

fn origins(identities: &Identities<'_>, heirs: &Heirs<'_, '_>, declared: &check::Declared) -> Origins {
    let created = identities.created().map(|(id, _)| id);
    let returned = identities.new.units.keys().filter(|id| matches!(identities.reason(id), Some(Reason::Returns(_))));
    let mut origins = Origins::new();
    for id in created.chain(returned) {
        let found = match declared.origins.get(id) {
            Some(from) => Some((from.iter().map(|from| identities.identity(from)).collect(), Why::Declared)),
            // One that returns comes from nowhere unless it is said.
            None if identities.reason(id).is_some() => None,
            None => heirs.origin(id).map(|(from, why)| (BTreeSet::from([from]), why)),
        };
        if let Some(found) = found {
            origins.insert(identities.identity(id), found);
        }
    }
    origins
}

struct Comparison<'a> {
    org: &'a Org,
    effective: Day,
    old: &'a OrgState,
    new: &'a OrgState,
    identities: &'a Identities<'a>,
    dropped: BTreeMap<TeamId, Heir>,
    origins: Origins,
}

impl Comparison<'_> {
    fn proposal(&self) -> Proposal {
        let mut operations = Vec::new();
        let mut findings = Vec::new();
        for (id, unit) in &self.new.units {
            let identity = self.identities.identity(id);
            let mut now = self.kept(&identity, id, unit);
            match self.old.units.get(&identity) {
                Some(was) => {
                    operations.extend(changes(&identity, was, &now));
                    findings.extend(findings::kept(&identity, id, was, &now, self.identities.reason(id)));
                }
                None => {
                    let origin = self.origins.get(&identity);
                    // Who ends in favor of the new unit is known to be its predecessor.
                    let inherits = |from: &TeamId| {
                        self.dropped.get(from).is_some_and(|heir| heir.unit.as_ref() == Some(&identity))
                    };
                    let from = origin.map(|(from, _)| from.iter().filter(|from| !inherits(from)).cloned().collect());
                    now.split_from = from.unwrap_or_default();
                    let returns = self.org.unit(&identity).is_some_and(|unit| unit.ended(self.effective).is_some());
                    let heirs = self.dropped.keys().filter(|from| inherits(from)).collect::<Vec<_>>();
                    findings.push(findings::started(&identity, &now, origin.map(|(_, why)| why), &heirs, returns));
                    operations.push(match returns {
                        true => Operation::Return { unit: identity, state: now },
                        false => Operation::Create { unit: identity, state: now },
                    });
                }
            }
        }
        for (id, heir) in &self.dropped {
            findings.push(findings::ended(id, self.old.units[id].parent.as_ref(), heir));
            operations.push(Operation::Dissolve {
                unit: id.clone(),
                successor: heir.unit.clone(),
                merged: heir.unit.is_some() && heir.why != Why::Parent,
            });
        }
        self.people(&mut operations, &mut findings);
        operations.sort_by_key(order);
        findings.sort();
        Proposal { reorg: Reorg { effective: self.effective, operations }, findings }
    }

    /// A unit of the new state under the id that it keeps.
    fn kept(&self, identity: &TeamId, id: &TeamId, unit: &UnitState) -> UnitState {
        let mut now = unit.clone();
        now.parent = now.parent.map(|parent| self.identities.identity(&parent));
        if identity != id {
            now.aliases.insert(id.as_str().to_owned());
        }
        now.aliases.remove(identity.as_str());
        (now.successor, now.split_from) = (None, BTreeSet::new());
        now
    }

    fn people(&self, operations: &mut Vec<Operation>, findings: &mut Vec<Finding>) {
        if self.new.people.is_empty() {
            return;
        }
        let everybody: BTreeSet<&String> = self.old.people.keys().chain(self.new.people.keys()).collect();
        for person in everybody {
            let was = self.old.people.get(person);
            let is = self.new.people.get(person).map(|unit| self.identities.identity(unit));
            // Without a transfer, people of a unit that ends go to its heir.
            let carried = was.and_then(|unit| match self.dropped.get(unit) {
                Some(heir) => heir.unit.clone(),
                None => Some(unit.clone()),
            });
            if carried != is {
                findings.extend(findings::transferred(person, was, is.as_ref()));
                operations.push(Operation::Transfer { person: person.clone(), to: is });
            }
        }
    }
}

/// The operations that make one state of a unit the other.
fn changes(id: &TeamId, was: &UnitState, now: &UnitState) -> Vec<Operation> {
    let mut operations = Vec::new();
    if was.name != now.name {
        operations.push(Operation::Rename { unit: id.clone(), name: now.name.clone() });
    }
    if was.parent != now.parent {
        operations.push(Operation::Move { unit: id.clone(), to: now.parent.clone() });
    }
    let mut set = Vec::new();
    let mut describe = |differs: bool, description: Description| {
        if differs {
            set.push(description);
        }
    };
    describe(was.kind != now.kind, Description::Kind(now.kind.clone()));
    describe(was.aliases != now.aliases, Description::Aliases(now.aliases.clone()));
    describe(was.lead != now.lead, Description::Lead(now.lead.clone()));
    describe(was.head_count != now.head_count, Description::HeadCount(now.head_count));
    describe(was.cost_center != now.cost_center, Description::CostCenter(now.cost_center.clone()));
    describe(was.evidence != now.evidence, Description::Owns(now.evidence.clone()));
    if !set.is_empty() {
        operations.push(Operation::Describe { unit: id.clone(), set });
    }
    operations
}

/// The order in which operations are listed: by kind, then by unit or person.
fn order(operation: &Operation) -> (u8, String) {
    let (rank, text) = match operation {
        Operation::Create { unit, .. } => (0, unit.as_str()),
        Operation::Return { unit, .. } => (1, unit.as_str()),
        Operation::Rename { unit, .. } => (2, unit.as_str()),
        Operation::Move { unit, .. } => (3, unit.as_str()),
        Operation::Describe { unit, .. } => (4, unit.as_str()),
        Operation::Dissolve { unit, .. } => (5, unit.as_str()),
        Operation::Transfer { person, .. } => (6, person.as_str()),
    };
    (rank, text.to_owned())
}
