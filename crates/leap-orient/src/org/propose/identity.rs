//! Which unit of the new state is which unit of the old one.
//!
//! ```text
//! old  sig-pm/enhancements (below sig-pm)            new  sig-architecture/enhancements
//! one unit: same name, and 1 of 1 paths; it keeps the id sig-pm/enhancements
//! ```
//! In this order, each pass only among units that no earlier pass has matched, and only where the match is the sole one
//! from both sides: what a person declares; the same id; an alias or former id; the same name (case and punctuation
//! aside); most of the evidence, the members, the children. **Most** is judged by what both states know: more than half of
//! the old unit's items that still exist anywhere, more than half of the new unit's items that existed before, and at
//! least a quarter of all the old unit had. An item `lead X` names a person with a role, who may have several: it counts
//! when more than half of all leads of both units, and at least two, are the same. Units of one kind are matched first.
//! A name alone does not match units below different parents when both own something and nothing in common.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::{Day, TeamId};

use super::check::Declared;
use super::traces::{Class, Traces};
use crate::org::names::folded;
use crate::org::{Org, OrgState, UnitState};

/// Why a unit of the new state is one of the old.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Reason {
    SameId,
    Declared,
    /// The name under which the other one is known.
    Alias(String),
    SameName,
    /// `shared` of `of` items of the old unit.
    Most {
        class: Class,
        shared: usize,
        of: usize,
    },
    /// It existed before the day, under this id or name.
    Returns(String),
}

/// New ids and the identities that they keep.
pub(super) struct Identities<'a> {
    pub(super) old: &'a OrgState,
    /// The new state without units that only declare their successor.
    pub(super) new: &'a OrgState,
    of_new: BTreeMap<&'a TeamId, (TeamId, Reason)>,
    to_new: BTreeMap<TeamId, &'a TeamId>,
    /// Old units and new ones that are declared to have no counterpart.
    alone: (BTreeSet<TeamId>, BTreeSet<TeamId>),
}

/// How often the passes are repeated: each level of the tree may need one.
const ROUNDS: usize = leap_terms::limits::ORG_DEPTH;

impl<'a> Identities<'a> {
    /// Matches the states.
    pub(super) fn find(
        org: &Org,
        day: Day,
        old: &'a OrgState,
        new: &'a OrgState,
        declared: &Declared,
    ) -> Identities<'a> {
        let alone = (declared.successors.keys().cloned().collect(), declared.origins.keys().cloned().collect());
        let mut found = Identities { old, new, of_new: BTreeMap::new(), to_new: BTreeMap::new(), alone };
        for (from, to) in &declared.renames {
            if let Some((to, _)) = new.units.get_key_value(to) {
                found.set(from.clone(), to, Reason::Declared);
            }
        }
        for id in new.units.keys().filter(|id| old.units.contains_key(*id)) {
            if found.is_free(id, id) {
                found.set(id.clone(), id, Reason::SameId);
            }
        }
        found.current_aliases();
        found.former_aliases(org);
        for _ in 0..ROUNDS {
            let before = found.to_new.len();
            found.names();
            for class in [Class::Evidence, Class::Leads, Class::Members, Class::Children] {
                found.traces(class);
            }
            if found.to_new.len() == before {
                break;
            }
        }
        found.returns(org, day);
        found
    }

    fn set(&mut self, identity: TeamId, new: &'a TeamId, reason: Reason) {
        self.to_new.insert(identity.clone(), new);
        self.of_new.insert(new, (identity, reason));
    }

    fn is_free(&self, old: &TeamId, new: &TeamId) -> bool {
        !self.to_new.contains_key(old) && !self.of_new.contains_key(new)
    }

    /// The identity of a unit of the new state: its old id, or its own.
    pub(super) fn identity(&self, new: &TeamId) -> TeamId {
        self.of_new.get(new).map_or_else(|| new.clone(), |(identity, _)| identity.clone())
    }

    /// Why a unit of the new state is an old one; `None` for one that is created.
    pub(super) fn reason(&self, new: &TeamId) -> Option<&Reason> {
        self.of_new.get(new).map(|(_, reason)| reason)
    }

    /// The new id of a unit that lives on.
    pub(super) fn new_id(&self, identity: &TeamId) -> Option<&'a TeamId> {
        self.to_new.get(identity).copied()
    }

    /// Units of the old state that no unit of the new one is.
    pub(super) fn dropped(&self) -> impl Iterator<Item = (&'a TeamId, &'a UnitState)> {
        self.old.units.iter().filter(|(id, _)| !self.to_new.contains_key(*id))
    }

    /// Units of the new state that none of the old one is.
    pub(super) fn created(&self) -> impl Iterator<Item = (&'a TeamId, &'a UnitState)> {
        self.new.units.iter().filter(|(id, _)| !self.of_new.contains_key(*id))
    }

    fn open_old(&self) -> impl Iterator<Item = (&'a TeamId, &'a UnitState)> {
        self.dropped().filter(|(id, _)| !self.alone.0.contains(*id))
    }

    fn open_new(&self) -> impl Iterator<Item = (&'a TeamId, &'a UnitState)> {
        self.created().filter(|(id, _)| !self.alone.1.contains(*id))
    }

    /// Sets the pairs in which each unit stands once; of several with one unit, the only one of the same kind.
    fn settle(&mut self, pairs: Vec<(&'a TeamId, &'a TeamId, Reason)>) {
        for same_kind in [true, false] {
            let open: Vec<&(&TeamId, &TeamId, Reason)> = pairs
                .iter()
                .filter(|(old, new, _)| self.is_free(old, new))
                .filter(|(old, new, _)| !same_kind || self.old.units[*old].kind == self.new.units[*new].kind)
                .collect();
            let (mut olds, mut news) = (BTreeMap::new(), BTreeMap::new());
            for (old, new, _) in &open {
                *olds.entry(*old).or_insert(0) += 1;
                *news.entry(*new).or_insert(0) += 1;
            }
            let sole: Vec<(&'a TeamId, &'a TeamId, Reason)> =
                open.into_iter().filter(|(old, new, _)| olds[old] == 1 && news[new] == 1).cloned().collect();
            for (old, new, reason) in sole {
                self.set(old.clone(), new, reason);
            }
        }
    }

    /// The new id is an alias of the old unit now, exactly.
    fn current_aliases(&mut self) {
        let mut known: BTreeMap<&str, Vec<&'a TeamId>> = BTreeMap::new();
        for (id, unit) in self.open_old() {
            for alias in &unit.aliases {
                known.entry(alias).or_default().push(id);
            }
        }
        let bearers = |id: &TeamId| known.get(id.as_str()).into_iter().flatten().copied();
        let pairs = self
            .open_new()
            .flat_map(|(id, _)| bearers(id).map(move |old| (old, id, Reason::Alias(id.as_str().to_owned()))));
        let pairs = pairs.collect();
        self.settle(pairs);
    }

    /// Either id is, or was at some time, an alias of the other unit.
    fn former_aliases(&mut self, org: &Org) {
        let mut known: BTreeMap<String, BTreeSet<&'a TeamId>> = BTreeMap::new();
        let mut ids: BTreeMap<String, BTreeSet<&'a TeamId>> = BTreeMap::new();
        for (id, unit) in self.open_old() {
            ids.entry(folded(id.as_str())).or_default().insert(id);
            known.entry(folded(id.as_str())).or_default().insert(id);
            let former = org.unit(id).into_iter().flat_map(|unit| &unit.spans).flat_map(|span| &span.aliases);
            for alias in unit.aliases.iter().chain(former) {
                known.entry(folded(alias)).or_default().insert(id);
            }
        }
        let mut pairs = BTreeMap::new();
        for (id, unit) in self.open_new() {
            for old in known.get(&folded(id.as_str())).into_iter().flatten() {
                pairs.entry((*old, id)).or_insert_with(|| id.as_str().to_owned());
            }
            for alias in &unit.aliases {
                for old in ids.get(&folded(alias)).into_iter().flatten() {
                    pairs.entry((*old, id)).or_insert_with(|| alias.clone());
                }
            }
        }
        let reason = |old: &TeamId, new: &TeamId, name| match folded(old.as_str()) == folded(new.as_str()) {
            true => Reason::SameName,
            false => Reason::Alias(name),
        };
        self.settle(pairs.into_iter().map(|((old, new), name)| (old, new, reason(old, new, name))).collect());
    }

    fn names(&mut self) {
        let mut known: BTreeMap<String, Vec<(&'a TeamId, &'a UnitState)>> = BTreeMap::new();
        for (id, unit) in self.open_old() {
            known.entry(bare(&unit.name)).or_default().push((id, unit));
        }
        let mut pairs = Vec::new();
        for (id, unit) in self.open_new() {
            for (old, was) in known.get(&bare(&unit.name)).into_iter().flatten() {
                if !self.contradict(was, unit) {
                    pairs.push((*old, id, Reason::SameName));
                }
            }
        }
        self.settle(pairs);
    }

    /// Whether two units of one name cannot be one: elsewhere, and with other property.
    fn contradict(&self, was: &UnitState, is: &UnitState) -> bool {
        let parent = is.parent.as_ref().map(|parent| self.identity(parent));
        let owned = |unit: &UnitState| !super::traces::owned(unit).is_empty();
        parent != was.parent
            && owned(was)
            && owned(is)
            && super::traces::owned(was).is_disjoint(&super::traces::owned(is))
    }

    fn traces(&mut self, class: Class) {
        let traces = Traces::of(class, self);
        let mut pairs = Vec::new();
        for (old, _) in self.open_old() {
            let items = traces.old_items(old);
            let surviving = items.iter().filter(|item| traces.is_in_new(item)).count();
            for (new, shared) in traces.went_to(old) {
                if self.of_new.contains_key(new) || self.alone.1.contains(new) {
                    continue;
                }
                let news = traces.new_items(new);
                let known = news.iter().filter(|item| traces.is_in_old(item)).count();
                let most = match class {
                    Class::Leads => shared >= 2 && shared * 2 > items.len() && shared * 2 > news.len(),
                    Class::Evidence | Class::Members | Class::Children => {
                        shared * 2 > surviving && shared * 2 > known && shared * 4 >= items.len()
                    }
                };
                if most {
                    pairs.push((old, new, Reason::Most { class, shared, of: items.len() }));
                }
            }
        }
        self.settle(pairs);
    }

    /// Units that existed on other days come back as themselves, under their id or a name that only they had.
    fn returns(&mut self, org: &Org, day: Day) {
        let mut former: BTreeMap<String, BTreeSet<&TeamId>> = BTreeMap::new();
        for unit in org.units().iter().filter(|unit| unit.on(day).is_none() && unit.ended(day).is_some()) {
            for alias in unit.spans.iter().flat_map(|span| &span.aliases) {
                former.entry(folded(alias)).or_default().insert(&unit.id);
            }
        }
        let created: Vec<&'a TeamId> = self.created().map(|(id, _)| id).collect();
        for id in &created {
            if !self.old.units.contains_key(*id) && org.unit(id).is_some_and(|unit| unit.ended(day).is_some()) {
                self.set((*id).clone(), id, Reason::Returns(id.as_str().to_owned()));
            }
        }
        for id in created {
            let bearers: Vec<&&TeamId> = former.get(&folded(id.as_str())).into_iter().flatten().collect();
            if let [bearer] = bearers.as_slice()
                && self.is_free(bearer, id)
                && !self.new.units.contains_key(**bearer)
            {
                self.set((**bearer).clone(), id, Reason::Returns(id.as_str().to_owned()));
            }
        }
    }
}

/// A name without case and punctuation: `Release Engineering` and `release-engineering` are one.
pub(super) fn bare(name: &str) -> String {
    let words: Vec<String> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    words.join("-")
}
