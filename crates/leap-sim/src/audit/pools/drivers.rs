//! What the drivers of pools say about some days: who used how much, and how much nobody used.
//!
//! ```text
//! date,pool,team,weight,measure,capacity
//! 2026-08-01,kafka,payments,60,network,100     # the measure that is most of its capacity decides: here network
//! 2026-08-01,kafka,payments,5,storage,500
//! ```
//! Names stay as written here; who is meant by them on a day is asked later. Weights count 10⁻³⁰.

use std::collections::BTreeMap;

use leap_terms::Day;
use num_bigint::{BigInt, Sign};
use serde_norway::Value;

use super::super::amount::Amount;
use super::super::dates;
use super::super::entries::{Effective, text};
use super::super::history::{History, Meaning};
use super::super::rows::{Row, for_each_row_of};
use super::{About, OF_POOL, PoolCharge};

/// Digits before the point that a weight may have.
const WEIGHT_WHOLE_DIGITS: i64 = 15;

/// Names with their weights, as written.
type Named = Vec<(String, BigInt)>;

/// Weights by the days for which they hold.
type DatedWeights = Vec<(Effective, Named)>;

/// Where a pool's weights come from.
pub enum Driver {
    /// Nowhere: the pool keeps its cost.
    Keep,
    /// A file of weights: per day and measure.
    Measured(BTreeMap<Day, BTreeMap<String, Measure>>),
    /// Weights written down, by the days for which they hold.
    Fixed(DatedWeights),
    /// Head counts of the units below one and of a kind; of all without.
    HeadCount {
        /// The unit above, as written.
        under: Option<String>,
        /// The kind of unit.
        kind: Option<String>,
    },
    /// What teams cost by themselves: the index of the cost.
    Direct(usize),
    /// As another pool is shared in the end.
    Pool(String),
    /// Who used the commitments that the pool's cost is about.
    Commitment,
}

/// One measure of one day, or of several days added up.
#[derive(Clone, Default)]
pub struct Measure {
    weights: BTreeMap<String, BigInt>,
    capacity: Option<BigInt>,
    /// What was left of each day's capacity; use above it on one day fills no other day.
    idle: BigInt,
}

impl Measure {
    fn used(&self) -> BigInt {
        self.weights.values().sum()
    }
}

/// Weights by name, and what nobody used.
#[derive(Clone, Default, Debug)]
pub struct Weights {
    /// Weight by name as written.
    pub users: BTreeMap<String, BigInt>,
    /// Capacity without use.
    pub idle: BigInt,
}

/// What a driver may look at besides its own file.
pub struct Evidence<'a> {
    /// The org.
    pub history: &'a History,
    /// All charges by day.
    pub charges: &'a BTreeMap<Day, Vec<&'a PoolCharge>>,
    /// The currency of the cost that is shared.
    pub currency: &'a str,
    /// The commitments that the cost to be shared is about.
    pub about: &'a About,
}

fn weight(written: &str) -> Result<BigInt, String> {
    let amount = Amount::read(written, WEIGHT_WHOLE_DIGITS).map_err(|fault| format!("weight '{written}' {fault}"))?;
    match amount.units().sign() {
        Sign::Minus => Err(format!("weight '{written}' is negative")),
        Sign::NoSign | Sign::Plus => Ok(amount.units().clone()),
    }
}

impl Driver {
    /// Reads the `driver` of the pool of this name.
    ///
    /// # Errors
    /// A sentence.
    pub fn read(entry: &Value, pool: &str, files: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Driver, String> {
        if text(entry).as_deref() == Some("keep") {
            return Ok(Driver::Keep);
        }
        if let Some(path) = entry.get("measured").and_then(text) {
            let bytes = files(&path).ok_or_else(|| format!("the driver file {path} is not there"))?;
            return measured(&bytes, pool).map(Driver::Measured);
        }
        if let Some(fixed) = entry.get("fixed") {
            return fixed_weights(fixed).map(Driver::Fixed);
        }
        if let Some(heads) = entry.get("head_count") {
            let word = |name: &str| heads.get(name).and_then(text);
            return Ok(Driver::HeadCount { under: word("under"), kind: word("kind") });
        }
        if let Some(direct) = entry.get("direct") {
            let cost = direct.get("cost").and_then(text).unwrap_or_else(|| "effective".to_owned());
            let at = ["billed", "effective", "list", "contracted"].iter().position(|known| *known == cost);
            return at.map(Driver::Direct).ok_or_else(|| format!("'{cost}' is no cost"));
        }
        if let Some(other) = entry.get("pool").and_then(text) {
            return Ok(Driver::Pool(other));
        }
        if entry.get("commitment").is_some() {
            return Ok(Driver::Commitment);
        }
        Err("the auditor does not know this driver".to_owned())
    }

    /// The weights of the days `[from, until)` together.
    pub fn weights(&self, from: Day, until: Day, evidence: &Evidence<'_>) -> Weights {
        match self {
            Driver::Measured(days) => deciding_measure(days, from, until),
            Driver::Fixed(dated) => {
                let mut weights = Weights::default();
                for day in days(from, until) {
                    let entry = dated.iter().find(|(effective, _)| effective.contains(day));
                    for (name, weight) in entry.into_iter().flat_map(|(_, entry)| entry) {
                        *weights.users.entry(name.clone()).or_default() += weight;
                    }
                }
                weights
            }
            Driver::HeadCount { under, kind } => {
                let mut weights = Weights::default();
                for day in days(from, until) {
                    add_heads(&mut weights, day, under.as_deref(), kind.as_deref(), evidence.history);
                }
                weights
            }
            Driver::Direct(cost) => of_charges(from, until, evidence, *cost, |charge| {
                let of_team = !charge.owner.starts_with("residual:");
                of_team.then(|| charge.owner.clone())
            }),
            // Whoever has the use, a pool too; where nobody has it, its part goes to nobody.
            Driver::Commitment => of_charges(from, until, evidence, 1, |charge| {
                let wanted = match evidence.about {
                    About::All => charge.commitment.is_some(),
                    About::One(id) => id.is_some() && *id == charge.commitment,
                };
                let owner = || match charge.owner.strip_prefix(OF_POOL) {
                    Some(pool) => format!("pool:{pool}"),
                    None => charge.owner.clone(),
                };
                (charge.used && wanted).then(owner)
            }),
            Driver::Keep | Driver::Pool(_) => Weights::default(),
        }
    }

    /// No day before this one has weights of its own that the day before it has not; `None` where no day has any that
    /// could be carried on.
    pub fn earliest(&self) -> Option<Day> {
        match self {
            Driver::Measured(days) => days.keys().next().copied(),
            Driver::Fixed(dated) => dated.iter().flat_map(|(days, _)| [days.from, days.until]).flatten().min(),
            Driver::Keep | Driver::HeadCount { .. } | Driver::Direct(_) | Driver::Commitment | Driver::Pool(_) => None,
        }
    }
}

fn days(from: Day, until: Day) -> impl Iterator<Item = Day> {
    (from.days()..until.days()).map(Day::from_days)
}

fn measured(bytes: &[u8], pool: &str) -> Result<BTreeMap<Day, BTreeMap<String, Measure>>, String> {
    let mut found: BTreeMap<Day, BTreeMap<String, Measure>> = BTreeMap::new();
    let mut fault = None;
    let mut add = |row: &Row<'_>| -> Result<(), String> {
        for column in ["date", "pool", "team", "weight"] {
            if !row.has(column) {
                return Err(format!("the driver file has no column {column}"));
            }
        }
        let cell = |name: &str| row.get(name).unwrap_or("").trim();
        if cell("pool") != pool {
            return Ok(());
        }
        let day = dates::day(cell("date")).ok_or_else(|| format!("'{}' is no date", cell("date")))?;
        let entry = found.entry(day).or_default().entry(cell("measure").to_owned()).or_default();
        *entry.weights.entry(cell("team").to_owned()).or_default() += weight(cell("weight"))?;
        // One capacity per day and measure, on one of its rows or on all.
        if !cell("capacity").is_empty() {
            entry.capacity = Some(weight(cell("capacity"))?);
        }
        Ok(())
    };
    let read = for_each_row_of(bytes, &mut |row| match row.map_or(Ok(()), &mut add) {
        Ok(()) => {}
        Err(sentence) => fault = Some(sentence),
    });
    read.map_err(|fault| fault.to_string())?;
    if let Some(fault) = fault {
        return Err(fault);
    }
    for (day, measures) in &found {
        if measures.len() > 1 && measures.values().any(|measure| measure.capacity.is_none()) {
            return Err(format!("several measures on {day}, and one has no capacity to compare it by"));
        }
    }
    Ok(found)
}

/// Adds the days up by measure; the measure with the largest share of its capacity in use decides, of equal ones the
/// first by name.
fn deciding_measure(found: &BTreeMap<Day, BTreeMap<String, Measure>>, from: Day, until: Day) -> Weights {
    let mut sums: BTreeMap<&str, Measure> = BTreeMap::new();
    for (name, measure) in found.range(from..until).flat_map(|(_, measures)| measures) {
        let sum = sums.entry(name).or_default();
        for (team, weight) in &measure.weights {
            *sum.weights.entry(team.clone()).or_default() += weight;
        }
        if let Some(capacity) = &measure.capacity {
            *sum.capacity.get_or_insert_default() += capacity;
            sum.idle += (capacity - measure.used()).max(BigInt::default());
        }
    }
    let mut decides: Option<Measure> = None;
    for measure in sums.into_values() {
        let fuller = decides.as_ref().is_none_or(|best| {
            // A capacity of zero is used by nobody, and divides nothing.
            let capacity = |of: &Measure| of.capacity.clone().unwrap_or_default().max(BigInt::from(1));
            measure.used() * capacity(best) > best.used() * capacity(&measure)
        });
        if fuller {
            decides = Some(measure);
        }
    }
    let Some(measure) = decides else { return Weights::default() };
    Weights { users: measure.weights, idle: measure.idle }
}

/// `{payments: 60}`, or a list of `{from, until, weights: {payments: 60}}`.
fn fixed_weights(entry: &Value) -> Result<DatedWeights, String> {
    let map = |entry: &Value| -> Result<Named, String> {
        let mut weights = Vec::new();
        for (name, value) in entry.as_mapping().into_iter().flatten() {
            let (Some(name), Some(value)) = (text(name), text(value)) else {
                return Err("a fixed weight is no number".to_owned());
            };
            weights.push((name.trim().to_owned(), weight(&value)?));
        }
        Ok(weights)
    };
    let Some(dated) = entry.as_sequence() else { return Ok(vec![(Effective::default(), map(entry)?)]) };
    dated
        .iter()
        .map(|entry| Ok((Effective::beside(entry)?, entry.get("weights").map_or(Ok(Vec::new()), map)?)))
        .collect()
}

fn add_heads(weights: &mut Weights, day: Day, under: Option<&str>, kind: Option<&str>, history: &History) {
    let above = match under.map(|name| history.meaning(name, day)) {
        None => None,
        Some(Meaning::Team(id)) => Some(id),
        // Nobody is under a unit that is not there.
        Some(Meaning::Unknown | Meaning::Ambiguous) => return,
    };
    for id in history.ids() {
        let Some(span) = history.span(id, day) else { continue };
        let Some(heads) = span.head_count.as_deref().and_then(|heads| weight(heads).ok()) else { continue };
        let same = |kind: &str| span.kind.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(kind));
        let of_kind = kind.is_none_or(same);
        if of_kind && above.as_ref().is_none_or(|above| history.path(id, day).contains(above)) {
            *weights.users.entry(id.to_owned()).or_default() += heads;
        }
    }
}

/// What charges cost on these days, by the name that `counts` gives to each that counts; below zero counts as nothing.
fn of_charges(
    from: Day,
    until: Day,
    evidence: &Evidence<'_>,
    cost: usize,
    counts: impl Fn(&PoolCharge) -> Option<String>,
) -> Weights {
    let mut users: BTreeMap<String, BigInt> = BTreeMap::new();
    for charge in evidence.charges.range(from..until).flat_map(|(_, charges)| charges) {
        if charge.currency != evidence.currency {
            continue;
        }
        if let Some(name) = counts(charge) {
            *users.entry(name).or_default() += charge.costs[cost].units();
        }
    }
    users.retain(|_, weight| weight.sign() == Sign::Plus);
    Weights { users, idle: BigInt::default() }
}
