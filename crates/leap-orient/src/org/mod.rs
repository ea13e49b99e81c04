//! The organisation: a dated history of units, and the question "who is meant by this name on that day?".
//!
//! ```yaml
//! # org.yaml
//! units:
//!   - {id: acme, name: Acme, kind: company}
//!   - {id: payments, name: Payments, parent: acme, aliases: [pay, PAYMENTS]}
//!   - {id: old-search, name: Search, parent: acme, effective: {until: 2026-07-01}, successor: payments}
//! ```
//! Reading order: `unit` (units and their spans), this file (the history), `yaml` and `canonical` (its text), `check` (what
//! a history must keep), `names` (who is meant), `tree` and `reading` (which node shows a cost), `reorg` and `steps`
//! (from one history to the next), `diff` (what changed), `backstage` (catalog entities).
//!
//! A history is what is known at one time. What was known earlier is another document: the book keeps them.

mod backstage;
mod canonical;
mod check;
mod check_trees;
mod diff;
mod names;
pub mod propose;
mod reading;
mod reorg;
pub mod sources;
mod state;
mod steps;
mod tree;
mod unit;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use hashbrown::HashMap;
use leap_terms::{Day, Digest, Fault, TeamId, limits};

pub(crate) use backstage::{Entity, entities, entity_name};
pub use diff::Change;
pub use names::Resolved;
pub use reading::{OrgReading, Place, Reader, Standing};
pub use reorg::{Description, Operation, Reorg};
pub use state::{OrgState, UnitState};
pub use tree::Tree;
pub use unit::{Membership, Span, Unit};

/// An organisation through time: its units and people, checked.
#[derive(Clone, Debug, Default)]
pub struct Org {
    units: Vec<Unit>,
    people: BTreeMap<String, Vec<Membership>>,
    by_id: HashMap<TeamId, u32>,
    /// Units by the folded names that they have or had.
    names: HashMap<String, Vec<u32>>,
    /// By unit: units with a span that ends and names it as successor, and when it ends; sorted by unit.
    inherits: HashMap<u32, Vec<(u32, Day)>>,
    /// The days on which the tree changes, ascending.
    steps: Vec<Day>,
    warnings: Vec<Fault>,
}

impl PartialEq for Org {
    /// Equal when they say the same; the order of units and the warnings do not count.
    fn eq(&self, other: &Org) -> bool {
        self.people == other.people
            && self.units.len() == other.units.len()
            && self.units.iter().all(|unit| other.unit(&unit.id) == Some(unit))
    }
}

impl Eq for Org {}

impl Org {
    /// Reads `org.yaml`: the flat form (a unit is one span) or the history form that [`Org::to_canonical`] writes.
    ///
    /// # Errors
    /// Every fault found: unknown field, duplicate id, unknown parent, cycle on any day, bad date, spans that overlap,
    /// successor that leads nowhere.
    pub fn from_yaml(file: &str, text: &str) -> Result<Org, Vec<Fault>> {
        let read = yaml::read_org(file, text)?;
        Org::checked(read.units, read.people, &read.blame)
    }

    /// As [`Org::from_yaml`], of a text that was parsed already: the only document in it.
    fn from_document(file: &str, text: &str, document: &serde_norway::Value) -> Result<Org, Vec<Fault>> {
        let read = yaml::read_document(file, text, document)?;
        Org::checked(read.units, read.people, &read.blame)
    }

    /// Reads Backstage entities (`Group`; `User` names become no units): pairs of file name and text, each with one or
    /// several YAML documents. Other kinds are skipped.
    ///
    /// # Errors
    /// Every fault found, as for [`Org::from_yaml`].
    pub fn from_backstage(files: &[(String, String)]) -> Result<Org, Vec<Fault>> {
        let (units, blame, warnings) = backstage::units(files)?;
        let mut org = Org::checked(units, BTreeMap::new(), &blame)?;
        org.warnings.splice(0..0, warnings);
        Ok(org)
    }

    /// The units, in the order of their file.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// Who belonged to which unit, by the source's id of the person; empty where no source names people.
    pub fn people(&self) -> &BTreeMap<String, Vec<Membership>> {
        &self.people
    }

    /// What is allowed but probably not meant: names shared by several units, owners that exist nowhere.
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }

    /// The unit of that id, whenever it exists.
    pub fn unit(&self, id: &TeamId) -> Option<&Unit> {
        self.number(id).map(|at| &self.units[at as usize])
    }

    fn number(&self, id: &TeamId) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    /// The days on which a unit starts, moves, changes its name or kind, or ends, ascending; between two of them every
    /// tree and every name means the same.
    pub fn steps(&self) -> &[Day] {
        &self.steps
    }

    /// The number of steps up to a day: days of the same epoch have the same tree.
    pub(crate) fn epoch(&self, day: Day) -> usize {
        self.steps.partition_point(|step| *step <= day)
    }

    /// The organisation on one day, without its history. Nothing is declared in it.
    pub fn state(&self, day: Day) -> OrgState {
        let units = self.units.iter().filter_map(|unit| unit.on(day).map(|span| (unit.id.clone(), span.state())));
        let people = self.people.iter().filter_map(|(person, memberships)| {
            let membership = memberships.iter().find(|membership| membership.period.contains(day))?;
            Some((person.clone(), membership.unit.clone()))
        });
        OrgState { units: units.collect(), people: people.collect() }
    }

    /// The distinct kinds that units have or had: those nearest to the root first, then by name.
    pub fn kinds(&self) -> Vec<&str> {
        let mut kinds: BTreeMap<String, (usize, &str)> = BTreeMap::new();
        for unit in &self.units {
            let mut before = "";
            for span in &unit.spans {
                if span.kind.is_empty() || span.kind == before {
                    continue;
                }
                before = &span.kind;
                let depth = self.path(&unit.id, span.period.from()).len();
                let known = kinds.entry(span.kind.to_lowercase()).or_insert((depth, &span.kind));
                *known = (*known).min((depth, &span.kind));
            }
        }
        let mut kinds: Vec<(usize, &str)> = kinds.into_values().collect();
        kinds.sort();
        kinds.into_iter().map(|(_, kind)| kind).collect()
    }

    /// The units from the root down to the team on a day, the team included; empty for one that does not exist on it.
    pub fn path(&self, team: &TeamId, day: Day) -> Vec<&Unit> {
        let mut path = Vec::new();
        let mut next = self.unit(team);
        while let Some((unit, span)) = next.and_then(|unit| Some((unit, unit.on(day)?)))
            && path.len() <= limits::ORG_DEPTH
        {
            path.push(unit);
            next = span.parent.as_ref().and_then(|parent| self.unit(parent));
        }
        path.reverse();
        path
    }

    /// The nearest unit of that kind at or above the team on a day: the answer of `--by division`.
    pub fn level(&self, team: &TeamId, kind: &str, day: Day) -> Option<&Unit> {
        let of_kind = |unit: &&Unit| unit.on(day).is_some_and(|span| span.kind.eq_ignore_ascii_case(kind));
        self.path(team, day).into_iter().rev().find(of_kind)
    }

    /// The digest of what the organisation says, whatever the file's layout and order of units.
    pub fn digest(&self) -> Digest {
        self.digest_and_text().0
    }

    /// The digest, and the text that it is made of ([`Org::to_canonical`]).
    pub fn digest_and_text(&self) -> (Digest, String) {
        let text = self.to_canonical();
        (Digest::of(format!("leap org 2\n{text}").as_bytes()), text)
    }
}
