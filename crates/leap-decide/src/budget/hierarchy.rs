//! Budgets below one budget may not add up to more than it, unless it says `children: may-exceed`.
//!
//! ```text
//! acme 2026        1,000,000
//!   shop 2026-10      60,000      counts in 2026, as its month lies inside
//!     payments 2026-10  40,000    counts in shop's, not once more in acme's
//!     search 2026-10    30,000    → 70,000 below 60,000: a finding at shop
//! ```
//! A budget counts in the nearest unit above, on the first day of its period on which its unit exists, that has a
//! budget whose days hold all of its own, in the same currency and kind of cost.

use std::fmt;

use leap_terms::{Day, Fault, Money, Period, TeamId};

use super::judge::Line;
use super::{Base, Budget, Budgets};
use crate::org::Org;

/// What is wrong between a budget and those below it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Excess {
    /// Which of the budgets, from 0.
    pub at: usize,
    /// The unit whose budget is smaller than those below.
    pub unit: TeamId,
    /// Its period.
    pub period: Period,
    /// Its budget.
    pub budget: Money,
    /// What the budgets below add up to.
    pub below: Money,
    /// The budgets below, largest first.
    pub children: Vec<(TeamId, Period, Money)>,
}

impl fmt::Display for Excess {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "budgets below {} add up to {} in {}, {} more than its own of {}",
            self.unit,
            self.below.to_grouped(2),
            self.period,
            (self.below - self.budget).to_grouped(2),
            self.budget.to_grouped(2)
        )
    }
}

/// The first day of a period on which a unit exists, of the days on which the org changes; none where it never does.
pub(super) fn first_day(org: &dyn Org, unit: &TeamId, period: Period) -> Option<Day> {
    let exists = |day: &Day| !org.path(unit, *day).is_empty();
    Some(period.from()).filter(exists).or_else(|| org.steps(period).into_iter().find(exists))
}

/// The budget in which another one counts: that of the nearest unit above. `holds` says whether the days of one may
/// hold those of another.
pub(super) fn above(lines: &[Line], at: usize, org: &dyn Org, holds: impl Fn(Period, Period) -> bool) -> Option<usize> {
    let line = &lines[at];
    let day = first_day(org, &line.unit, line.period)?;
    let path = org.path(&line.unit, day);
    path.iter().rev().skip(1).find_map(|node| {
        let fits = |other: &Line| {
            other.unit == node.unit
                && (&other.currency, other.cost) == (&line.currency, line.cost)
                && holds(other.period, line.period)
        };
        lines.iter().position(fits)
    })
}

/// Every budget that is smaller than what stands below it. `may_exceed` says which of them (by place) may be.
pub fn check(lines: &[Line], may_exceed: impl Fn(usize) -> bool, org: &dyn Org) -> Vec<Excess> {
    let holds = |outer: Period, inner: Period| outer.from() <= inner.from() && inner.until() <= outer.until();
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); lines.len()];
    for at in 0..lines.len() {
        if let Some(parent) = above(lines, at, org, holds) {
            below[parent].push(at);
        }
    }
    let excess = |(at, children): (usize, Vec<usize>)| {
        let sum: Money = children.iter().map(|child| lines[*child].amount).sum();
        let line = &lines[at];
        if sum <= line.amount || may_exceed(at) {
            return None;
        }
        let mut children: Vec<(TeamId, Period, Money)> = children
            .into_iter()
            .map(|child| (lines[child].unit.clone(), lines[child].period, lines[child].amount))
            .collect();
        children.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| (&a.0, a.1).cmp(&(&b.0, b.1))));
        Some(Excess { at, unit: line.unit.clone(), period: line.period, budget: line.amount, below: sum, children })
    };
    below.into_iter().enumerate().filter_map(excess).collect()
}

/// The same for a document, before it is applied: each as a fault with file, line, rule and remedy. `base` is what
/// budgets in basis points or per engineer rest on; those whose amount is not known are left out.
pub fn faults(file: &str, budgets: &Budgets, base: impl Fn(&Budget) -> Base, org: &dyn Org) -> Vec<Fault> {
    let known = budgets.list.iter().filter_map(|budget| Some((budget, budget.amount(&base(budget)).ok()?)));
    let (budgets, lines): (Vec<&Budget>, Vec<Line>) =
        known.map(|(budget, amount)| (budget, Line::of(budget, amount, false))).unzip();
    let fault = |excess: Excess| {
        let largest = excess.children.first().map_or_else(String::new, |(unit, _, amount)| {
            format!(", the largest of them {unit} with {}", amount.to_grouped(2))
        });
        let fault = Fault::in_file(file, format!("{excess}{largest}"));
        let line = budgets.get(excess.at).and_then(|budget| budget.line);
        Fault { line, ..fault.help("raise this budget, lower those below, or write children: may-exceed") }
    };
    let may_exceed = |at: usize| budgets.get(at).is_some_and(|budget| budget.children_may_exceed);
    check(&lines, may_exceed, org).into_iter().map(fault).collect()
}
