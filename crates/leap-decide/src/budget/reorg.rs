//! What becomes of a budget when its unit moves, merges, splits or ends within the period.
//!
//! Every budget has an *own* part: its amount less the budgets that count in it. Own parts are divided over the days of
//! the period by the profile of the forecast, and each day's part stands wherever the unit stands on that day:
//!
//! | what happens on a day | from that day on |
//! |---|---|
//! | the unit moves | its part leaves the budgets above it and enters those above its new place; its own budget stays |
//! | it merges into another, or ends with a successor | its part is the successor's, and of all above that |
//! | it splits | its part is divided among its successors by their weights |
//! | it ends without successor | its part is its parent's |
//! | it starts within the period | its whole budget is for the days from then on |
//!
//! So a reorg moves budget and makes none: the sum over the units at the top is the same before and after, to the cent.
//! The days before keep the part that they had, as their cost stays where it was (the reading *as was*). A budget per
//! engineer is not moved: head counts of each day move it. Budgets of different periods do not move each other.

use std::collections::BTreeMap;

use leap_terms::{CostKind, Currency, Day, Money, Period, TeamId};
use num_bigint::BigInt;

use super::hierarchy::{above, first_day};
use super::judge::Line;
use super::pace::{Pace, split};
use super::{Base, Budget, Budgets, Limit, Missing};
use crate::org::Org;

/// A part of a unit's budget, for some days.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Whose budget it was written as: the unit itself, or one that moved here, merged into it or ended.
    pub from: TeamId,
    /// The days.
    pub days: Period,
    /// How much.
    pub amount: Money,
}

/// A unit's budget after the reorgs of its period.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Followed {
    /// The unit.
    pub unit: TeamId,
    /// Its budget: the sum of its parts.
    pub amount: Money,
    /// What it is made of, by unit of origin and days.
    pub parts: Vec<Part>,
}

/// Budgets of one period, currency and kind of cost after the reorgs of that period, by unit. Units that inherit get
/// one, though none was written for them. `pace` is the profile of a unit's cost in the period.
pub fn follow(lines: &[Line], org: &dyn Org, pace: impl Fn(&TeamId) -> Pace) -> Vec<Followed> {
    let Some(period) = lines.first().map(|line| line.period) else { return Vec::new() };
    let spans = spans(period, org.steps(period));
    let parents: Vec<Option<usize>> =
        (0..lines.len()).map(|at| above(lines, at, org, |outer, inner| outer == inner)).collect();
    let mut found: BTreeMap<TeamId, BTreeMap<(TeamId, Day), Part>> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        let children = parents.iter().enumerate().filter(|(_, parent)| **parent == Some(at));
        let own = line.amount - children.map(|(child, _)| lines[child].amount).sum::<Money>();
        let start = first_day(org, &line.unit, period).unwrap_or(period.from());
        let weights: Vec<BigInt> = match spans.as_slice() {
            // Nothing moves: there is nothing to divide, and no profile to be asked for.
            [_] => vec![BigInt::from(1)],
            several => {
                let profile = pace(&line.unit);
                let weight = |span: &Period| if span.until() <= start { BigInt::ZERO } else { profile.weight(*span) };
                several.iter().map(weight).collect()
            }
        };
        for (span, amount) in spans.iter().zip(split(own, &weights)) {
            let heirs = org.heirs(&line.unit, span.from());
            let shares: Vec<BigInt> = heirs.iter().map(|(_, weight)| BigInt::from(*weight)).collect();
            for ((heir, _), amount) in heirs.iter().zip(split(amount, &shares)) {
                let path = org.path(heir, span.from());
                let budgeted = |unit: &TeamId| lines.iter().any(|line| line.unit == *unit);
                let above = path.into_iter().map(|node| node.unit).filter(|unit| unit != heir && budgeted(unit));
                for unit in above.chain([heir.clone()]) {
                    let parts = found.entry(unit).or_default();
                    let part = Part { from: line.unit.clone(), days: *span, amount: Money::ZERO };
                    parts.entry((line.unit.clone(), span.from())).or_insert(part).amount += amount;
                }
            }
        }
    }
    let followed = |(unit, parts): (TeamId, BTreeMap<(TeamId, Day), Part>)| {
        let parts: Vec<Part> = parts.into_values().filter(|part| !part.amount.is_zero()).collect();
        Followed { unit, amount: parts.iter().map(|part| part.amount).sum(), parts }
    };
    found.into_iter().map(followed).collect()
}

/// All budgets in money, where their units are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct InForce {
    /// What is to be judged, by unit and period.
    pub lines: Vec<Line>,
    /// Budgets without an amount, and why.
    pub missing: Vec<(TeamId, Period, Missing)>,
}

/// Works out what every budget is in money, and follows the units through the reorgs of each period. `base` is what a
/// budget in basis points or per engineer rests on, `pace` the profile of a unit's cost in a period. A unit that
/// inherits has the tolerance of what it inherits, the first by name.
pub fn in_force(
    budgets: &Budgets,
    base: impl Fn(&Budget) -> Base,
    org: &dyn Org,
    pace: impl Fn(&TeamId, Period) -> Pace,
) -> InForce {
    let mut force = InForce::default();
    let mut moving = Vec::new();
    for budget in &budgets.list {
        let base = base(budget);
        let amount = match budget.amount(&base) {
            Ok(amount) => amount,
            Err(missing) => {
                force.missing.push((budget.unit.clone(), budget.period, missing));
                continue;
            }
        };
        let expected = matches!(budget.limit, Limit::Bps { .. }) && base.volume_expected;
        let line = Line::of(budget, amount, expected);
        let counts_heads = matches!(budget.limit, Limit::PerEngineer(_));
        if counts_heads { force.lines.push(line) } else { moving.push(line) }
    }
    for ((period, ..), lines) in groups(&moving) {
        let written: BTreeMap<&TeamId, &Line> = lines.iter().map(|line| (&line.unit, line)).collect();
        for Followed { unit, amount, parts } in follow(&lines, org, |unit| pace(unit, period)) {
            let origin = written.get(&unit).or_else(|| parts.first().and_then(|part| written.get(&part.from)));
            force.lines.extend(origin.map(|line| Line { unit, amount, ..(*line).clone() }));
        }
    }
    let key = |line: &Line| (line.unit.clone(), line.period, line.currency.clone(), line.cost);
    force.lines.sort_by_key(key);
    // Who has a budget per engineer and inherits another one has both together.
    force.lines.dedup_by(|next, line| {
        let same = key(next) == key(line);
        if same {
            line.amount += next.amount;
            line.expected |= next.expected;
        }
        same
    });
    force
}

/// Puts budgets that move together into groups: same period, currency and kind of cost.
fn groups(lines: &[Line]) -> BTreeMap<(Period, Currency, CostKind), Vec<Line>> {
    let mut groups: BTreeMap<(Period, Currency, CostKind), Vec<Line>> = BTreeMap::new();
    for line in lines {
        groups.entry((line.period, line.currency.clone(), line.cost)).or_default().push(line.clone());
    }
    groups
}

/// The spans between the days on which the org changes.
fn spans(period: Period, steps: Vec<Day>) -> Vec<Period> {
    let mut ends: Vec<Day> = steps.into_iter().filter(|day| period.contains(*day)).collect();
    ends.insert(0, period.from());
    ends.push(period.until());
    ends.windows(2).filter_map(|pair| Period::new(pair[0], pair[1])).collect()
}
