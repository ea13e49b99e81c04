//! Why a pool's cost of a day went where it went: the driver's reading, the fallback, the deciding measure, the exact
//! fractions, and who got the last units.
//!
//! ```text
//! kafka, 2026-09-01, 100.00 USD
//!   measured kafka.csv, 2026-09-01: bytes 700 of 1000 decides (connections 9 of 50)
//!   payments  410/1000   41.00
//!   search    290/1000   29.00
//!   idle      300/1000   30.00
//! ```
//! An explanation is read again from the same sources by the same code that made the journal; nothing is kept for it.

use leap_terms::{CostKind, Costs, Currency, Day};
use num_bigint::BigUint;

use super::driver::{Fallback, HeadCounts, Part, Reading, Source};
use super::facts::Facts;
use super::journal::{ShareError, change_of, changes, shared};
use super::policy::{Driver, Missing, Order, Pool, Pools, Window};
use super::solve::Target;
use crate::org::Org;

/// Why a pool's cost of a day went where it went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// The pool.
    pub pool: String,
    /// The day.
    pub day: Day,
    /// Who answers for what stays.
    pub steward: String,
    /// How pools that use pools are shared.
    pub order: Order,
    /// One per currency; of a commitment pool one per currency and commitment. Empty where the pool cost nothing.
    pub parts: Vec<ExplainedPart>,
}

/// A cost that was split once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExplainedPart {
    /// Currency of the costs.
    pub currency: Currency,
    /// The commitment, in a commitment pool.
    pub commitment: Option<String>,
    /// What was split.
    pub costs: Costs,
    /// The pool's own reading first, then those of the pools that the cost passed through.
    pub readings: Vec<PoolReading>,
    /// Denominator of the shares.
    pub total: BigUint,
    /// Pools that the pool's own driver weighs, with the weights as written: the shares have what these pools pass on.
    pub pools: Vec<(String, String)>,
    /// Teams by id, then what the pool keeps, then idle.
    pub shares: Vec<ExplainedShare>,
}

/// What the driver of one pool said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PoolReading {
    /// The pool.
    pub pool: String,
    /// The driver's word.
    pub driver: &'static str,
    /// The driver's file, where it has one.
    pub file: Option<String>,
    /// What it said.
    pub reading: Reading,
    /// Which days' weights these are and why, as a sentence without full stop.
    pub reason: String,
}

/// One share: `weight / total` of the part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExplainedShare {
    /// Who.
    pub target: Target,
    /// What the pool's own driver gives it, as written; `None` where all of it comes by way of other pools.
    pub written: Option<String>,
    /// Numerator of the share, in lowest terms with the total.
    pub weight: BigUint,
    /// What the share came to.
    pub costs: Costs,
    /// Kinds of cost in which it got one of the units left over by rounding down.
    pub extra: Vec<CostKind>,
}

/// Explains a pool's cost of a day; the arguments are those of [`super::share`].
///
/// # Errors
/// [`ShareError::UnknownPool`].
pub fn explain(
    pools: &Pools,
    org: &Org,
    heads: &dyn HeadCounts,
    facts: &Facts,
    pool: &str,
    day: Day,
) -> Result<Explanation, ShareError> {
    let number = pools.number(pool).ok_or_else(|| ShareError::UnknownPool(pool.to_owned()))?;
    let mut source = Source::new(pools, org, heads, facts);
    let changes = changes(pools, facts, day);
    let mut parts = Vec::new();
    for (_, currency, collected) in facts.pools(day).filter(|(name, ..)| *name == pool) {
        let change = change_of(&changes, pool, currency);
        for shared in shared(&mut source, number, day, currency, collected, change) {
            let (numerators, total) = shared.weights.reduced();
            let shares = shared.weights.keys().iter().zip(numerators).enumerate().map(|(at, (target, weight))| {
                let mut costs = Costs::default();
                let mut extra = Vec::new();
                for (kind, split) in CostKind::ALL.into_iter().zip(&shared.splits) {
                    costs[kind] = split.parts[at];
                    extra.extend(split.extra[at].then_some(kind));
                }
                let written = shared.readings.first().and_then(|own| own.written(target));
                ExplainedShare { target: target.clone(), written, weight, costs, extra }
            });
            parts.push(ExplainedPart {
                currency: currency.clone(),
                commitment: match &shared.part {
                    Part::Whole => None,
                    Part::Commitment(commitment) => commitment.clone(),
                },
                costs: shared.costs,
                readings: shared.readings.iter().map(|reading| pool_reading(pools, reading, day)).collect(),
                total,
                pools: shared.readings.first().map(|own| own.written_pools()).unwrap_or_default(),
                shares: shares.collect(),
            });
        }
    }
    let steward = pools.pools[number].steward.clone();
    Ok(Explanation { pool: pool.to_owned(), day, steward, order: pools.order, parts })
}

fn pool_reading(pools: &Pools, reading: &Reading, day: Day) -> PoolReading {
    let pool = &pools.pools[reading.pool];
    let file = match &pool.driver {
        Driver::Measured(measured) => Some(measured.file().to_owned()),
        Driver::Keep
        | Driver::Fixed(_)
        | Driver::HeadCount { .. }
        | Driver::Direct(_)
        | Driver::Pool(_)
        | Driver::Commitment => None,
    };
    PoolReading {
        pool: pool.name.clone(),
        driver: pool.driver.word(),
        file,
        reason: reason(pool, reading, day),
        reading: reading.clone(),
    }
}

fn reason(pool: &Pool, reading: &Reading, day: Day) -> String {
    let own = match pool.window {
        Window::Day => day.to_string(),
        Window::Month => day.month().to_string(),
    };
    // A span of one day reads as the day.
    let span = match reading.span.until().days() - reading.span.from().days() {
        1 => reading.span.from().to_string(),
        _ => reading.span.to_string(),
    };
    match (reading.fallback, &pool.driver) {
        (_, Driver::Keep) => "the pool has no driver and keeps its cost".to_owned(),
        (_, Driver::Pool(_)) => "the pool is shared as the pool it follows".to_owned(),
        (Fallback::None, _) => format!("weights of {span}"),
        (Fallback::Month, _) => format!("no weights of {own}: the sum over {span} stands in"),
        (Fallback::Carried, _) => format!("no weights of {own}: those of {span} are carried"),
        (Fallback::Kept, _) => match pool.missing {
            Missing::Keep => format!("no weights of {own}: the pool keeps the cost"),
            Missing::Month => format!("no weights of {own} or its month: the pool keeps the cost"),
            Missing::Carry => format!("no weights of {own} or any earlier day: the pool keeps the cost"),
        },
    }
}
