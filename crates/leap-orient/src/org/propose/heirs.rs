//! What becomes of a unit that the new state does not have, and where a unit that is new came from.
//!
//! ```text
//! sig-aws           5 of 5 paths are now in sig-cloud-provider    merged into it
//! payments          4 members now in cards (new), 3 in billing (new)    split; cards, with the most, inherits
//! wg-apply          nothing is found                               dissolved; its parent inherits
//! cards             new, 4 of 4 members from payments              split from it
//! ```
//! What a unit had itself is asked first (evidence, then members), then what it had with all below it, then the units
//! directly below. A parent gains nothing by what stays below it: what is below a unit counts for it only where it was not
//! above the unit before.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::TeamId;

use super::identity::Identities;
use super::traces::{Class, Traces};
use super::votes::{Candidate, Count, Forest, choose, count, most};

/// Why a unit inherits, or is an origin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// The new state or a person says so.
    Declared,
    /// It has `shared` of `of` items.
    Most { class: Class, shared: usize, of: usize },
    /// Of several units that are new it has most: `shared` of `of`.
    Split { class: Class, shared: usize, of: usize, parts: Vec<TeamId> },
    /// It is the unit above, or what became of it.
    Parent,
}

/// Which items are asked, and where they are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// The unit's own, at the units that have them.
    Own,
    /// The unit's own, at the units that have them and above.
    Above,
    /// Those of the unit and all below it, at the units that have them and above.
    Below,
}

/// Who inherits from a unit that ends, by identity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Heir {
    pub(super) unit: Option<TeamId>,
    pub(super) why: Why,
}

pub(super) struct Heirs<'i, 'a> {
    identities: &'i Identities<'a>,
    old: Forest<'a>,
    new: Forest<'a>,
    traces: Vec<(Class, Traces<'a>)>,
}

impl<'i, 'a> Heirs<'i, 'a> {
    pub(super) fn of(identities: &'i Identities<'a>) -> Heirs<'i, 'a> {
        let classes = [Class::Evidence, Class::Members, Class::Children];
        Heirs {
            identities,
            old: Forest::of(identities.old),
            new: Forest::of(identities.new),
            traces: classes.into_iter().map(|class| (class, Traces::of(class, identities))).collect(),
        }
    }

    /// Who inherits from each dropped unit.
    pub(super) fn of_dropped(&self, declared: &BTreeMap<TeamId, TeamId>) -> BTreeMap<TeamId, Heir> {
        let mut dropped: Vec<(usize, &TeamId)> =
            self.identities.dropped().map(|(id, _)| (self.old.chain(id).len(), id)).collect();
        // From the root down: a unit for which nothing speaks goes where its parent went.
        dropped.sort();
        let mut heirs: BTreeMap<TeamId, Heir> = BTreeMap::new();
        for (_, id) in dropped {
            let heir = match declared.get(id) {
                Some(heir) => Heir { unit: Some(heir.clone()), why: Why::Declared },
                None => self.found(id).unwrap_or_else(|| {
                    let parent = self.identities.old.units[id].parent.as_ref();
                    let unit = parent.and_then(|parent| match heirs.get(parent) {
                        Some(heir) => heir.unit.clone(),
                        None => self.identities.new_id(parent).map(|_| parent.clone()),
                    });
                    Heir { unit, why: Why::Parent }
                }),
            };
            heirs.insert(id.clone(), heir);
        }
        heirs
    }

    fn found(&self, id: &'a TeamId) -> Option<Heir> {
        let below = self.old.subtree(id);
        let (children, others): (Vec<_>, Vec<_>) = self.traces.iter().partition(|(class, _)| *class == Class::Children);
        for (class, traces) in &others {
            let items = traces.old_items(id);
            let found =
                self.heir(id, *class, traces, &items, Scope::Own).or_else(|| self.split(id, *class, traces, &items));
            if let Some(heir) = found.or_else(|| self.heir(id, *class, traces, &items, Scope::Above)) {
                return Some(heir);
            }
        }
        for (class, traces) in &others {
            let items = below.iter().flat_map(|unit| traces.old_items(unit)).collect();
            if let Some(heir) = self.heir(id, *class, traces, &items, Scope::Below) {
                return Some(heir);
            }
        }
        children.iter().find_map(|(class, traces)| self.heir(id, *class, traces, &traces.old_items(id), Scope::Above))
    }

    fn heir(
        &self,
        id: &'a TeamId,
        class: Class,
        traces: &Traces<'a>,
        items: &BTreeSet<&str>,
        scope: Scope,
    ) -> Option<Heir> {
        let surviving = items.iter().filter(|item| traces.is_in_new(item)).count();
        let (above, below) = (self.old.chain(id), self.old.subtree(id));
        let counts = count(&self.new, items, |item| traces.new_holders(item).collect(), |_, _, _| true);
        let candidates = counts.into_iter().filter_map(|(unit, Count { own: here, with_below })| {
            let identity = self.identities.identity(unit);
            let shared = if scope == Scope::Own || above.contains(&&identity) { here } else { with_below };
            // What units below the unit had and still have says nothing about the unit.
            if scope == Scope::Below && below.contains(&identity) || !most(shared, surviving, items.len()) {
                return None;
            }
            Some(self.candidate(unit, shared, &self.identities.old.units[id].kind))
        });
        let chosen = choose(candidates.collect())?;
        let unit = Some(self.identities.identity(chosen.unit));
        Some(Heir { unit, why: Why::Most { class, shared: chosen.shared, of: items.len() } })
    }

    fn candidate(&self, unit: &'a TeamId, shared: usize, kind: &str) -> Candidate<'a> {
        Candidate {
            unit,
            shared,
            same_kind: self.identities.new.units[unit].kind == kind,
            depth: self.new.chain(unit).len(),
            lives: self.identities.reason(unit).is_some(),
        }
    }

    /// Several new units of the same kind that together have most.
    fn split(&self, id: &'a TeamId, class: Class, traces: &Traces<'a>, items: &BTreeSet<&str>) -> Option<Heir> {
        let kind = &self.identities.old.units[id].kind;
        let surviving = items.iter().filter(|item| traces.is_in_new(item)).count();
        let parts: BTreeMap<&TeamId, usize> = traces
            .went_to(id)
            .into_iter()
            .filter(|(unit, _)| {
                self.identities.reason(unit).is_none() && self.identities.new.units[*unit].kind == *kind
            })
            .collect();
        let in_parts = |item: &&&str| traces.new_holders(item).any(|holder| parts.contains_key(holder));
        let together = items.iter().filter(in_parts).count();
        if parts.len() < 2 || !most(together, surviving, items.len()) {
            return None;
        }
        // The first by id of those with most.
        let (unit, shared) = parts.iter().min_by_key(|(id, shared)| (std::cmp::Reverse(**shared), **id))?;
        let why = Why::Split {
            class,
            shared: *shared,
            of: items.len(),
            parts: parts.keys().map(|part| (*part).clone()).collect(),
        };
        Some(Heir { unit: Some((*unit).clone()), why })
    }

    /// The unit that a new one came from, by identity, if one is found.
    pub(super) fn origin(&self, id: &'a TeamId) -> Option<(TeamId, Why)> {
        let below = self.new.subtree(id);
        let (children, others): (Vec<_>, Vec<_>) = self.traces.iter().partition(|(class, _)| *class == Class::Children);
        let own = others.iter().find_map(|(class, traces)| self.from(id, *class, traces, &traces.new_items(id)));
        own.or_else(|| {
            others.iter().find_map(|(class, traces)| {
                let items = below.iter().flat_map(|unit| traces.new_items(unit)).collect();
                self.from(id, *class, traces, &items)
            })
        })
        .or_else(|| children.iter().find_map(|(class, traces)| self.from(id, *class, traces, &traces.new_items(id))))
    }

    fn from(&self, id: &'a TeamId, class: Class, traces: &Traces<'a>, items: &BTreeSet<&str>) -> Option<(TeamId, Why)> {
        let known = items.iter().filter(|item| traces.is_in_old(item)).count();
        let above: BTreeSet<TeamId> =
            self.new.chain(id).into_iter().map(|unit| self.identities.identity(unit)).collect();
        let below: BTreeSet<TeamId> =
            self.new.subtree(id).into_iter().map(|unit| self.identities.identity(unit)).collect();
        // A unit gives only what it no longer has: itself, or with all below it.
        let lost = |item: &str, unit: &TeamId, own: bool| {
            let Some(now) = self.identities.new_id(unit) else { return true };
            !traces.new_holders(item).any(|holder| holder == now || !own && self.new.chain(holder).contains(&now))
        };
        let counts = count(&self.old, items, |item| traces.old_holders(item).collect(), lost);
        let kind = &self.identities.new.units[id].kind;
        let candidates = counts.into_iter().filter_map(|(unit, Count { own, with_below })| {
            let lives = self.identities.new_id(unit).is_some();
            // What a unit that ended had below it is told by the units below it.
            let shared = if above.contains(unit) || !lives { own } else { own.max(with_below) };
            // A unit put between another one and those below it is not split from it.
            let between = class == Class::Children && above.contains(unit);
            if between || below.contains(unit) && shared != own || !most(shared, known, items.len()) {
                return None;
            }
            Some(Candidate {
                unit,
                shared,
                same_kind: self.identities.old.units[unit].kind == *kind,
                depth: self.old.chain(unit).len(),
                lives,
            })
        });
        let chosen = choose(candidates.collect())?;
        Some((chosen.unit.clone(), Why::Most { class, shared: chosen.shared, of: items.len() }))
    }
}
