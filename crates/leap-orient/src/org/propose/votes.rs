//! Where the items of a unit are found in another state: unit by unit, and with everything below it.
//!
//! ```text
//! sig-aws had 5 paths    provider-aws has 5 of them    sig-cloud-provider, above provider-aws, has 5 with those below
//! ```

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::{TeamId, limits};

use crate::org::OrgState;

/// The parents and children of a state.
pub(super) struct Forest<'a> {
    state: &'a OrgState,
    children: BTreeMap<&'a TeamId, Vec<&'a TeamId>>,
}

impl<'a> Forest<'a> {
    pub(super) fn of(state: &'a OrgState) -> Forest<'a> {
        let mut children: BTreeMap<&TeamId, Vec<&TeamId>> = BTreeMap::new();
        for (id, unit) in &state.units {
            if let Some(parent) = &unit.parent {
                children.entry(parent).or_default().push(id);
            }
        }
        Forest { state, children }
    }

    /// The unit and those above it, up to the root.
    pub(super) fn chain(&self, unit: &TeamId) -> Vec<&'a TeamId> {
        let entry = |id: &TeamId| self.state.units.get_key_value(id);
        std::iter::successors(entry(unit), |(_, unit)| unit.parent.as_ref().and_then(entry))
            .take(limits::ORG_DEPTH + 1)
            .map(|(id, _)| id)
            .collect()
    }

    /// The unit and those below it.
    pub(super) fn subtree(&self, unit: &'a TeamId) -> BTreeSet<&'a TeamId> {
        let mut found = BTreeSet::new();
        let mut open = vec![unit];
        while let Some(here) = open.pop() {
            if found.insert(here) {
                open.extend(self.children.get(here).into_iter().flatten());
            }
        }
        found
    }
}

/// Items found at a unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Count {
    /// At the unit itself.
    pub(super) own: usize,
    /// At the unit or below it.
    pub(super) with_below: usize,
}

/// Counts items by holder; `counts` says whether an item counts for a holder (`own`) or for a unit above one.
pub(super) fn count<'a, 'i>(
    forest: &Forest<'a>,
    items: &BTreeSet<&'i str>,
    holders: impl Fn(&'i str) -> Vec<&'a TeamId>,
    counts: impl Fn(&'i str, &TeamId, bool) -> bool,
) -> BTreeMap<&'a TeamId, Count> {
    let mut found: BTreeMap<&TeamId, Count> = BTreeMap::new();
    for item in items {
        let mut above: BTreeSet<&TeamId> = BTreeSet::new();
        for holder in holders(item) {
            if counts(item, holder, true) {
                found.entry(holder).or_default().own += 1;
            }
            above.extend(forest.chain(holder));
        }
        for unit in above {
            if counts(item, unit, false) {
                found.entry(unit).or_default().with_below += 1;
            }
        }
    }
    found
}

/// A unit that has most of the items.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) unit: &'a TeamId,
    pub(super) shared: usize,
    /// Of the kind of the unit whose items they are.
    pub(super) same_kind: bool,
    /// Levels from the root.
    pub(super) depth: usize,
    /// It exists in both states.
    pub(super) lives: bool,
}

/// The one that is meant: of the same kind where there is one, the lowest, one that lives in both states, the one with
/// most; `None` where several are equal in all that.
pub(super) fn choose(candidates: Vec<Candidate<'_>>) -> Option<Candidate<'_>> {
    let rank = |one: &Candidate<'_>| (one.same_kind, one.depth, one.lives, one.shared);
    let best = candidates.iter().map(rank).max()?;
    let mut best = candidates.into_iter().filter(|one| rank(one) == best);
    best.next().filter(|_| best.next().is_none())
}

/// More than half of those that can be judged, and at least a quarter of all.
pub(super) fn most(shared: usize, judged: usize, all: usize) -> bool {
    shared * 2 > judged && shared * 4 >= all
}
