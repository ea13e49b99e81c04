//! The tree of one day: roots, children, paths, levels, and what several units have in common.
//!
//! ```text
//! acme            company, a root
//! ├── shop        division
//! │   └── payments  team: path acme → shop → payments
//! └── search      team; in common with payments: acme
//! ```
//! It knows nothing of other days: which unit of this tree stands for one that does not exist on the day is the reading's.

use std::collections::BTreeMap;

use leap_terms::{Day, TeamId};

use super::{Org, Span};

/// The units of one day, each below its parent.
#[derive(Clone, Debug)]
pub struct Tree<'o> {
    day: Day,
    nodes: BTreeMap<&'o TeamId, Node<'o>>,
    roots: Vec<&'o TeamId>,
}

#[derive(Clone, Debug)]
struct Node<'o> {
    span: &'o Span,
    children: Vec<&'o TeamId>,
}

impl Org {
    /// The tree of a day.
    pub fn tree(&self, day: Day) -> Tree<'_> {
        let nodes = self.units.iter().filter_map(|unit| unit.on(day).map(|span| (&unit.id, span)));
        let mut tree = Tree {
            day,
            nodes: nodes.map(|(id, span)| (id, Node { span, children: Vec::new() })).collect(),
            roots: Vec::new(),
        };
        let edges: Vec<(&TeamId, Option<&TeamId>)> =
            tree.nodes.iter().map(|(id, node)| (*id, node.span.parent.as_ref())).collect();
        for (id, parent) in edges {
            match parent.and_then(|parent| tree.nodes.get_mut(parent)) {
                Some(parent) => parent.children.push(id),
                None => tree.roots.push(id),
            }
        }
        tree
    }
}

impl<'o> Tree<'o> {
    /// The day.
    pub fn day(&self) -> Day {
        self.day
    }

    /// The units without a unit above, by id.
    pub fn roots(&self) -> &[&'o TeamId] {
        &self.roots
    }

    /// Every unit of the day, by id, with what it is on it.
    pub fn units(&self) -> impl Iterator<Item = (&'o TeamId, &'o Span)> {
        self.nodes.iter().map(|(id, node)| (*id, node.span))
    }

    /// What a unit is on the day; `None` when it does not exist.
    pub fn span(&self, unit: &TeamId) -> Option<&'o Span> {
        self.nodes.get(unit).map(|node| node.span)
    }

    /// The units directly below, by id.
    pub fn children(&self, unit: &TeamId) -> &[&'o TeamId] {
        self.nodes.get(unit).map_or(&[], |node| &node.children)
    }

    /// The unit above.
    pub fn parent(&self, unit: &TeamId) -> Option<&'o TeamId> {
        self.span(unit).and_then(|span| span.parent.as_ref())
    }

    /// The units from the root down to the unit, the unit included; empty for one that does not exist on the day.
    pub fn path(&self, unit: &TeamId) -> Vec<&'o TeamId> {
        let start = self.nodes.get_key_value(unit).map(|(id, _)| *id);
        let mut path: Vec<&TeamId> = std::iter::successors(start, |unit| self.parent(unit)).collect();
        path.reverse();
        path
    }

    /// The nearest unit of that kind at or above the unit.
    pub fn level(&self, unit: &TeamId, kind: &str) -> Option<&'o TeamId> {
        let of_kind = |unit: &&TeamId| self.span(unit).is_some_and(|span| span.kind.eq_ignore_ascii_case(kind));
        self.path(unit).into_iter().rev().find(of_kind)
    }

    /// The lowest unit at or above all of them; `None` when one does not exist on the day or they are below different
    /// roots.
    pub fn lowest_common_ancestor<'u>(&self, units: impl IntoIterator<Item = &'u TeamId>) -> Option<&'o TeamId> {
        let mut units = units.into_iter();
        let mut common = self.path(units.next()?);
        for unit in units {
            let path = self.path(unit);
            let shared = common.iter().zip(&path).take_while(|(one, other)| one == other).count();
            common.truncate(shared);
        }
        common.pop()
    }
}
