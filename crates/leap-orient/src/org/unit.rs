//! A unit of the organisation and its spans: what it was, from when until when.
//!
//! ```text
//! payments   [2025-01-01, 2026-07-01)  Payments, a team below shop
//!            [2026-07-01, ∞)           Payments, a team below platform
//! ```
//! Spans of one unit never overlap; between them it does not exist. Which parents exist, and that nobody is above himself,
//! the whole organisation answers (`check`).

use leap_terms::{Day, Period, TeamId};

use super::state::UnitState;

/// A unit of the organisation: company, division, team … The same unit under every name that it has had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unit {
    /// Unique and never reused for another unit.
    pub id: TeamId,
    /// What it was, in order of time; never empty, never overlapping.
    pub spans: Vec<Span>,
}

/// What a unit is while nothing about it changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// The days on which it is so.
    pub period: Period,
    /// What people call it.
    pub name: String,
    /// `company`, `division`, `team` … free text; a dimension of reports.
    pub kind: String,
    /// The unit above, if any.
    pub parent: Option<TeamId>,
    /// Other names under which it appears in tags and mappings, sorted.
    pub aliases: Vec<String>,
    /// Who leads it.
    pub lead: Option<String>,
    /// How many people work in it, those of units below not counted.
    pub head_count: Option<u32>,
    /// The cost center of the ledger that it is booked to.
    pub cost_center: Option<String>,
    /// What it owns, by which a later file recognizes it under another id; sorted.
    pub evidence: Vec<String>,
    /// Who inherits its names and cost when it ends with this span.
    pub successor: Option<TeamId>,
    /// The units that it came from, on the span with which it starts or returns; sorted.
    pub split_from: Vec<TeamId>,
}

/// A person's time in a unit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Membership {
    /// The days.
    pub period: Period,
    /// The unit.
    pub unit: TeamId,
}

impl Unit {
    /// What the unit is on a day; `None` when it does not exist.
    pub fn on(&self, day: Day) -> Option<&Span> {
        self.at(day).map(|at| &self.spans[at])
    }

    pub(super) fn at(&self, day: Day) -> Option<usize> {
        let next = self.spans.partition_point(|span| span.period.from() <= day);
        next.checked_sub(1).filter(|at| self.spans[*at].period.contains(day))
    }

    /// What the unit is on a day, or was when it last ended before, or is when it first starts after.
    pub fn near(&self, day: Day) -> &Span {
        let next = self.spans.partition_point(|span| span.period.from() <= day);
        &self.spans[next.saturating_sub(1)]
    }

    /// What people call it on a day, as [`Unit::near`] finds it.
    pub fn name_on(&self, day: Day) -> &str {
        &self.near(day).name
    }

    /// The last span that ended on or before the day, when the unit does not exist on it.
    pub(super) fn ended(&self, day: Day) -> Option<&Span> {
        let next = self.spans.partition_point(|span| span.period.from() <= day);
        next.checked_sub(1).map(|at| &self.spans[at]).filter(|span| span.period.until() <= day)
    }

    /// The units that it came from when it last started or returned on or before the day.
    pub(super) fn started_from(&self, day: Day) -> Vec<TeamId> {
        let next = self.spans.partition_point(|span| span.period.from() <= day);
        let start = (0..next).rev().find(|at| !self.continues(*at));
        start.map(|at| self.spans[at].split_from.clone()).unwrap_or_default()
    }

    /// True when span `at` starts on the day on which the one before it ends.
    pub(super) fn continues(&self, at: usize) -> bool {
        at > 0 && self.spans[at - 1].period.until() == self.spans[at].period.from()
    }
}

impl Span {
    /// A span of a unit as it is in a state.
    pub(super) fn of(period: Period, state: &UnitState) -> Span {
        Span {
            period,
            name: state.name.clone(),
            kind: state.kind.clone(),
            parent: state.parent.clone(),
            aliases: state.aliases.iter().cloned().collect(),
            lead: state.lead.clone(),
            head_count: state.head_count,
            cost_center: state.cost_center.clone(),
            evidence: state.evidence.iter().cloned().collect(),
            successor: None,
            split_from: Vec::new(),
        }
    }

    /// True when no end is known.
    pub fn lasts(&self) -> bool {
        self.period.until() >= Period::ALWAYS.until()
    }

    /// What the unit is while this span lasts.
    pub fn state(&self) -> UnitState {
        UnitState {
            name: self.name.clone(),
            kind: self.kind.clone(),
            parent: self.parent.clone(),
            aliases: self.aliases.iter().cloned().collect(),
            lead: self.lead.clone(),
            head_count: self.head_count,
            cost_center: self.cost_center.clone(),
            evidence: self.evidence.iter().cloned().collect(),
            successor: None,
            split_from: Default::default(),
        }
    }

    /// True when nothing about the unit differs between two spans, however long they are.
    pub(super) fn says_the_same(&self, other: &Span) -> bool {
        // Every field by name, so that a new one is not forgotten.
        let Span {
            period: _,
            name,
            kind,
            parent,
            aliases,
            lead,
            head_count,
            cost_center,
            evidence,
            successor,
            split_from,
        } = self;
        *parent == other.parent
            && *name == other.name
            && *kind == other.kind
            && *aliases == other.aliases
            && *lead == other.lead
            && *head_count == other.head_count
            && *cost_center == other.cost_center
            && *evidence == other.evidence
            && *successor == other.successor
            && *split_from == other.split_from
    }
}
