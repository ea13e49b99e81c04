//! The journal of sharing: lines that move a pool's cost to those who used it and add up to zero.
//!
//! ```text
//! 2026-09-01  kafka  USD  residual:pool:kafka  pool  -70.00
//! 2026-09-01  kafka  USD  payments             use    28.67
//! 2026-09-01  kafka  USD  search               use    41.33
//! ```
//! Totals with sharing are the stored totals plus these lines. What stays with the pool has no line, except idle, which has
//! a line of its own at the pool. Each pool's cost of a day is split once, for each currency and each of the four costs by
//! itself, so nothing is rounded twice. A commitment pool is split once per commitment.
//!
//! That lines add up to zero is checked here, per day, pool, currency and kind of cost, whenever a journal is made.

use std::collections::BTreeMap;
use std::rc::Rc;

use leap_terms::{CostKind, Costs, Currency, Day, Exact, Owner, Period, ResidualReason};

use super::benefit::averaged;
use super::driver::{HeadCounts, Part, Reading, Source};
use super::facts::{Collected, Facts};
use super::policy::{BENEFIT_POOL, Benefit, Driver, Pools};
use super::solve::{Row, Target, reach};
use super::split::{Split, Weights};
use crate::org::Org;

/// What a line says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LineKind {
    /// What leaves the pool; at the pool.
    Pool,
    /// The part of who used it.
    Use,
    /// What nobody used; at the pool.
    Idle,
    /// A change of effective cost by averaged benefits of commitments.
    Benefit,
}

impl LineKind {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            LineKind::Pool => "pool",
            LineKind::Use => "use",
            LineKind::Idle => "idle",
            LineKind::Benefit => "benefit",
        }
    }
}

/// One line of a journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Day of the cost.
    pub day: Day,
    /// The pool whose cost moves; [`BENEFIT_POOL`] for averaged benefits.
    pub pool: String,
    /// Whose cost changes.
    pub owner: Owner,
    /// What the line says.
    pub line: LineKind,
    /// Currency of the costs.
    pub currency: Currency,
    /// What is added to the owner's costs.
    pub costs: Costs,
}

/// The lines of a period, by day and pool; the pool's own first, then teams by id, then idle.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Journal {
    /// The lines.
    pub lines: Vec<Line>,
}

impl Journal {
    /// What the journal adds to each owner's costs, per currency.
    pub fn totals(&self) -> BTreeMap<(Owner, Currency), Costs> {
        let mut totals: BTreeMap<(Owner, Currency), Costs> = BTreeMap::new();
        for line in &self.lines {
            *totals.entry((line.owner.clone(), line.currency.clone())).or_default() += line.costs;
        }
        totals
    }
}

/// Why a journal is not made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ShareError {
    /// Lines do not add up to zero: a mistake of this program, never of the input.
    #[error("sharing pool '{pool}' on {day} leaves {difference} {currency} of {kind} cost over")]
    Unbalanced {
        /// The pool.
        pool: String,
        /// The day.
        day: Day,
        /// The currency.
        currency: Currency,
        /// The kind of cost.
        kind: CostKind,
        /// The sum of the lines.
        difference: Exact,
    },
    /// `pools.yaml` has no such pool.
    #[error("could not explain pool '{0}': no pool has that name")]
    UnknownPool(String),
}

/// Shares the pools' costs of a period.
///
/// `facts` hold whole calendar months: every month that the period touches. Then a part of a month gives the same lines as
/// the whole month does.
///
/// # Errors
/// [`ShareError::Unbalanced`], which no input should cause.
pub fn share(
    pools: &Pools,
    org: &Org,
    heads: &dyn HeadCounts,
    facts: &Facts,
    period: Period,
) -> Result<Journal, ShareError> {
    let mut source = Source::new(pools, org, heads, facts);
    let mut journal = Journal::default();
    for day in facts.days(period) {
        let changes = changes(pools, facts, day);
        for (currency, owners) in &changes {
            benefit_lines(day, currency, owners, &mut journal.lines);
        }
        for (name, currency, collected) in facts.pools(day) {
            let Some(pool) = pools.number(name) else { continue };
            let change = change_of(&changes, name, currency);
            for_pool(&mut source, pool, day, currency, collected, change, &mut journal.lines);
        }
    }
    check(&journal.lines)?;
    Ok(journal)
}

pub(super) type Changes = BTreeMap<Currency, BTreeMap<Owner, Exact>>;

/// What averaged benefits change on a day, per currency; nothing where benefits stay where they fell.
pub(super) fn changes(pools: &Pools, facts: &Facts, day: Day) -> Changes {
    match pools.benefit {
        Benefit::WhereItFell => Changes::new(),
        Benefit::Averaged => facts
            .used_currencies(day)
            .into_iter()
            .map(|currency| (currency.clone(), averaged(facts, day, currency)))
            .collect(),
    }
}

/// What averaged benefits change at a pool.
pub(super) fn change_of(changes: &Changes, pool: &str, currency: &Currency) -> Exact {
    let change = changes.get(currency).and_then(|owners| owners.get(&pool_owner(pool)));
    change.copied().unwrap_or(Exact::ZERO)
}

fn pool_owner(pool: &str) -> Owner {
    Owner::Residual(ResidualReason::Pool(pool.to_owned()))
}

fn benefit_lines(day: Day, currency: &Currency, owners: &BTreeMap<Owner, Exact>, lines: &mut Vec<Line>) {
    lines.extend(owners.iter().map(|(owner, change)| Line {
        day,
        pool: BENEFIT_POOL.to_owned(),
        owner: owner.clone(),
        line: LineKind::Benefit,
        currency: currency.clone(),
        costs: Costs { effective: *change, ..Costs::default() },
    }));
}

/// A part of a pool's cost of a day, split.
pub(super) struct Shared {
    pub part: Part,
    pub costs: Costs,
    pub weights: Weights<Target>,
    /// One per kind of cost, in the order of [`CostKind::ALL`].
    pub splits: [Split; 4],
    /// The pool's own reading first, then those of pools that the cost passes through.
    pub readings: Vec<Rc<Reading>>,
}

/// Splits a pool's cost of a day; parts that cost nothing are left out. `change` is what averaging adds to effective cost.
pub(super) fn shared(
    source: &mut Source<'_>,
    pool: usize,
    day: Day,
    currency: &Currency,
    collected: &Collected,
    change: Exact,
) -> Vec<Shared> {
    let by_commitment = matches!(source.pools.pools[pool].driver, Driver::Commitment);
    let mut parts: Vec<(Part, Costs)> = if by_commitment {
        let parts = collected.by_commitment.iter();
        parts.map(|(commitment, costs)| (Part::Commitment(commitment.clone()), *costs)).collect()
    } else {
        vec![(Part::Whole, collected.costs)]
    };
    // Benefits are averaged over all commitments, so the change belongs to none; it comes last and stays.
    match parts.first_mut() {
        Some((Part::Whole | Part::Commitment(None), costs)) => costs.effective += change,
        Some((Part::Commitment(Some(_)), _)) | None => {
            parts.push((Part::Commitment(None), Costs { effective: change, ..Costs::default() }));
        }
    }
    parts.retain(|(_, costs)| *costs != Costs::default());
    let mut out = Vec::with_capacity(parts.len());
    for (part, costs) in parts {
        let mut readings = Vec::new();
        let rows = reach(pool, |of| -> Result<Row, std::convert::Infallible> {
            let part = if of == pool { &part } else { &Part::Whole };
            let reading = source.reading(of, day, currency, part);
            let row = reading.row();
            readings.push(reading);
            Ok(row)
        });
        let Ok(rows) = rows;
        let finals = source.finals(pool, rows);
        let weights = Weights::big(finals).expect("final weights are never all zero");
        let splits = CostKind::ALL.map(|kind| weights.split(costs[kind]));
        out.push(Shared { part, costs, weights, splits, readings });
    }
    out
}

fn for_pool(
    source: &mut Source<'_>,
    pool: usize,
    day: Day,
    currency: &Currency,
    collected: &Collected,
    change: Exact,
    lines: &mut Vec<Line>,
) {
    let mut moved: BTreeMap<Target, Costs> = BTreeMap::new();
    for shared in shared(source, pool, day, currency, collected, change) {
        for (at, target) in shared.weights.keys().iter().enumerate().filter(|(_, target)| **target != Target::Keep) {
            let costs = moved.entry(target.clone()).or_default();
            for (kind, split) in CostKind::ALL.into_iter().zip(&shared.splits) {
                costs[kind] += split.parts[at];
            }
        }
    }
    let name = source.pools.pools[pool].name.as_str();
    let line = |owner: Owner, line: LineKind, costs: Costs| Line {
        day,
        pool: name.to_owned(),
        owner,
        line,
        currency: currency.clone(),
        costs,
    };
    let all = moved.values().fold(Costs::default(), |sum, costs| sum + *costs);
    let own = lines.len();
    lines.push(line(pool_owner(name), LineKind::Pool, -all));
    for (target, costs) in moved.into_iter().filter(|(_, costs)| *costs != Costs::default()) {
        lines.push(match target {
            Target::Team(team) => line(Owner::Team(team), LineKind::Use, costs),
            Target::Idle => line(pool_owner(name), LineKind::Idle, costs),
            Target::Keep => continue,
        });
    }
    if lines.len() == own + 1 {
        lines.truncate(own);
    }
}

/// Every day, pool, currency and kind of cost adds up to zero.
fn check(lines: &[Line]) -> Result<(), ShareError> {
    let mut sums: BTreeMap<(Day, &str, &Currency), Costs> = BTreeMap::new();
    for line in lines {
        *sums.entry((line.day, line.pool.as_str(), &line.currency)).or_default() += line.costs;
    }
    for ((day, pool, currency), sum) in sums {
        if let Some(kind) = CostKind::ALL.into_iter().find(|kind| !sum[*kind].is_zero()) {
            let (pool, currency, difference) = (pool.to_owned(), currency.clone(), sum[kind]);
            return Err(ShareError::Unbalanced { pool, day, currency, kind, difference });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_loses_a_unit_is_refused_by_name() {
        let line = |owner: Owner, billed: &str| Line {
            day: "2026-09-01".parse().unwrap(),
            pool: "kafka".to_owned(),
            owner,
            line: LineKind::Use,
            currency: Currency::new("USD").unwrap(),
            costs: Costs { billed: billed.parse().unwrap(), ..Costs::default() },
        };
        let lines = [line(pool_owner("kafka"), "-1"), line("payments".parse().unwrap(), "0.99")];
        let error = check(&lines).unwrap_err();
        assert_eq!(error.to_string(), "sharing pool 'kafka' on 2026-09-01 leaves -0.01 USD of billed cost over");
    }
}
