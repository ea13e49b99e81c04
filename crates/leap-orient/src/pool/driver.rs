//! What shares a pool on a day: weights by name, the team that each name means, idle, and the fallback where there is none.
//!
//! ```text
//! kafka, 2026-09-03 (no rows): the month's sum. bytes 700 of 1000 beat connections 9 of 50
//!   payments  410      row 12, row 31
//!   old-team   60      no team on that day: stays with the pool
//!   idle      300
//! ```
//! Sums are by name as written; who is meant by a name is asked for the day whose cost is shared, so a team that ended
//! takes part as whoever the org says stands for it. Weights of a month read that calendar month alone.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use leap_terms::{Currency, Day, Exact, Month, Period, TeamId};
use num_bigint::BigUint;

use super::facts::Facts;
use super::policy::{Driver, IdleRule, Missing, Pools, Window};
use super::solve::{Row, Target, finals, honored};
use super::sums::{Name, Sums};
use crate::org::{Org, Resolved};

/// Head counts and the tree of units, day by day.
pub trait HeadCounts {
    /// People of a unit on a day; none where nobody counted.
    fn head_count(&self, unit: &TeamId, day: Day) -> Option<u32>;
    /// Units that exist on a day.
    fn units_on(&self, day: Day) -> Vec<TeamId>;
    /// The kind of a unit on a day (`team`, `division` …).
    fn kind(&self, unit: &TeamId, day: Day) -> Option<String>;
    /// The unit above on a day.
    fn parent(&self, unit: &TeamId, day: Day) -> Option<TeamId>;
}

/// Whom a name stands for on the day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Who {
    /// A team.
    Team(TeamId),
    /// A pool, by its number, which takes part.
    Pool(usize),
    /// A pool, by its number, whose weight the order drops.
    Dropped(usize),
    /// No team on that day: the part stays with the pool.
    Unknown,
    /// Several teams: the part stays with the pool.
    Ambiguous(Vec<TeamId>),
    /// The reading gives it to nobody: the part stays with the pool.
    Nobody,
}

/// One weight of a reading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Weighed {
    /// As written, or the id.
    pub name: String,
    /// In units of 10^-`decimals` of the reading.
    pub weight: BigUint,
    /// Whom it stands for.
    pub who: Who,
    /// Data rows of the driver's file.
    pub rows: Vec<u32>,
}

/// What became of a day without weights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fallback {
    /// There were weights.
    None,
    /// The sum over the calendar month.
    Month,
    /// The weights of the reading's earlier span.
    Carried,
    /// The pool keeps the cost: nothing was found, or the rule says so.
    Kept,
}

/// How far one measure was used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MeasureUse {
    /// Its name; empty where the file has one measure without name.
    pub measure: String,
    /// Sum of weights.
    pub used: BigUint,
    /// Capacity, where the file says it.
    pub capacity: Option<BigUint>,
}

/// What a driver says for one pool and day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    /// The pool's number.
    pub pool: usize,
    /// Days whose weights these are.
    pub span: Period,
    /// Whether they stand in for a day without weights.
    pub fallback: Fallback,
    /// Decimals of the unit of weights.
    pub decimals: u32,
    /// Measures compared, the deciding one first; empty for drivers without measures.
    pub measures: Vec<MeasureUse>,
    /// Weights, by name.
    pub weights: Vec<Weighed>,
    /// Capacity nobody used, in the deciding measure; zero where idle is spread over users.
    pub idle: BigUint,
}

/// A weight in units of 10^-`decimals`, as people write it.
pub(super) fn plain(weight: &BigUint, decimals: u32) -> String {
    let decimals = decimals as usize;
    let digits = format!("{:0>width$}", weight.to_string(), width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    match part.trim_end_matches('0') {
        "" => whole.to_owned(),
        part => format!("{whole}.{part}"),
    }
}

impl Who {
    /// Where a weight ends; `None` where it goes on to another pool, or is dropped.
    fn target(&self) -> Option<Target> {
        match self {
            Who::Team(team) => Some(Target::Team(team.clone())),
            Who::Pool(_) | Who::Dropped(_) => None,
            Who::Unknown | Who::Ambiguous(_) | Who::Nobody => Some(Target::Keep),
        }
    }
}

impl Reading {
    /// What the driver itself gives a target, as written (added up over the span); `None` where it gives nothing.
    pub fn written(&self, target: &Target) -> Option<String> {
        if self.fallback == Fallback::Kept {
            return None;
        }
        let named = self.weights.iter().filter(|weighed| weighed.who.target().as_ref() == Some(target));
        let sum: BigUint = match target {
            Target::Idle => self.idle.clone(),
            Target::Team(_) | Target::Keep => named.map(|weighed| &weighed.weight).sum(),
        };
        (sum > BigUint::ZERO).then(|| plain(&sum, self.decimals))
    }

    /// The pools that the driver weighs and that take part, with their weights as written.
    pub fn written_pools(&self) -> Vec<(String, String)> {
        if self.fallback == Fallback::Kept {
            return Vec::new();
        }
        let pools = self.weights.iter().filter(|weighed| matches!(weighed.who, Who::Pool(_)));
        pools
            .filter(|weighed| weighed.weight > BigUint::ZERO)
            .map(|weighed| (weighed.name.clone(), plain(&weighed.weight, self.decimals)))
            .collect()
    }

    /// The weights as the solver takes them.
    pub(super) fn row(&self) -> Row {
        if self.fallback == Fallback::Kept {
            return Row::keep();
        }
        let mut row = Row::default();
        for weighed in &self.weights {
            if let Who::Pool(pool) = &weighed.who {
                *row.pools.entry(*pool).or_default() += &weighed.weight;
            }
            if let Some(target) = weighed.who.target() {
                *row.targets.entry(target).or_default() += &weighed.weight;
            }
        }
        row.targets.insert(Target::Idle, self.idle.clone());
        row
    }

    fn says_nothing(&self) -> bool {
        let zero = BigUint::ZERO;
        let counted = self.weights.iter().filter(|weighed| !matches!(weighed.who, Who::Dropped(_)));
        self.idle == zero && counted.into_iter().all(|weighed| weighed.weight == zero)
    }
}

/// Which rows of a commitment pool are shared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Part {
    /// The whole pool; a commitment pool goes by what all commitments covered.
    Whole,
    /// Rows of one commitment; `None`: rows without one.
    Commitment(Option<String>),
}

type ReadingKey = (usize, Currency, Part);
type Finals = BTreeMap<Target, BigUint>;
type MonthKey = (usize, Month, Currency, Part);

/// Everything that readings come from, and what was already added up.
pub(super) struct Source<'a> {
    pub pools: &'a Pools,
    pub org: &'a Org,
    pub heads: &'a dyn HeadCounts,
    pub facts: &'a Facts,
    months: BTreeMap<MonthKey, Rc<Sums>>,
    who: (Day, HashMap<String, Resolved>),
    readings: (Day, BTreeMap<ReadingKey, Rc<Reading>>),
    /// The last equations of each pool that used others, with their solution: days often repeat them.
    solved: BTreeMap<usize, (BTreeMap<usize, Row>, Finals)>,
}

impl<'a> Source<'a> {
    pub fn new(pools: &'a Pools, org: &'a Org, heads: &'a dyn HeadCounts, facts: &'a Facts) -> Source<'a> {
        let day = Day::EARLIEST;
        let (who, readings) = ((day, HashMap::new()), (day, BTreeMap::new()));
        Source { pools, org, heads, facts, months: BTreeMap::new(), who, readings, solved: BTreeMap::new() }
    }

    /// What shares a pool's cost of a day in a currency.
    pub fn reading(&mut self, pool: usize, day: Day, currency: &Currency, part: &Part) -> Rc<Reading> {
        if self.readings.0 != day {
            self.readings = (day, BTreeMap::new());
        }
        let key = (pool, currency.clone(), part.clone());
        if let Some(known) = self.readings.1.get(&key) {
            return Rc::clone(known);
        }
        let reading = Rc::new(self.read(pool, day, currency, part));
        self.readings.1.insert(key, Rc::clone(&reading));
        reading
    }

    /// The final weights of a pool, by the rows of all pools that its cost can reach.
    pub fn finals(&mut self, pool: usize, rows: BTreeMap<usize, Row>) -> Finals {
        if rows.len() == 1 {
            return finals(pool, rows);
        }
        match self.solved.get(&pool) {
            Some((known, solution)) if *known == rows => solution.clone(),
            Some(_) | None => {
                let solution = finals(pool, rows.clone());
                self.solved.insert(pool, (rows, solution.clone()));
                solution
            }
        }
    }

    fn read(&mut self, pool: usize, day: Day, currency: &Currency, part: &Part) -> Reading {
        let pools = self.pools;
        let policy = &pools.pools[pool];
        let own = match policy.window {
            Window::Day => Period::new(day, day.plus(1)).expect("a day ends after it starts"),
            Window::Month => day.month().period(),
        };
        let first = self.over(own, pool, day, currency, part);
        if !first.says_nothing() {
            return first;
        }
        let kept = Reading { fallback: Fallback::Kept, ..first };
        match policy.missing {
            Missing::Keep => kept,
            Missing::Month => {
                let month = self.over(day.month().period(), pool, day, currency, part);
                let found = policy.window == Window::Day && !month.says_nothing();
                if found { Reading { fallback: Fallback::Month, ..month } } else { kept }
            }
            Missing::Carry => {
                let mut before = own.from();
                while let Some(earlier) = self.earlier(pool, before) {
                    let span = match policy.window {
                        Window::Day => Period::new(earlier, earlier.plus(1)).expect("a day ends after it starts"),
                        Window::Month => earlier.month().period(),
                    };
                    let carried = self.over(span, pool, day, currency, part);
                    if !carried.says_nothing() {
                        return Reading { fallback: Fallback::Carried, ..carried };
                    }
                    before = span.from();
                }
                kept
            }
        }
    }

    /// The reading over a span, for the units that exist on `day`.
    fn over(&mut self, span: Period, pool: usize, day: Day, currency: &Currency, part: &Part) -> Reading {
        let pools = self.pools;
        let policy = &pools.pools[pool];
        let month = span.from().month();
        let sums = if span == month.period() {
            let key = (pool, month, currency.clone(), part.clone());
            match self.months.get(&key) {
                Some(known) => Rc::clone(known),
                None => {
                    let sums = Rc::new(self.sums(pool, span, currency, part));
                    self.months.insert(key, Rc::clone(&sums));
                    sums
                }
            }
        } else {
            Rc::new(self.sums(pool, span, currency, part))
        };
        let decimals = match &policy.driver {
            Driver::Measured(measured) => measured.decimals(),
            Driver::Fixed(_) => 18,
            Driver::Direct(_) | Driver::Commitment => 30,
            Driver::Keep | Driver::HeadCount { .. } | Driver::Pool(_) => 0,
        };
        let follows = matches!(policy.driver, Driver::Pool(_));
        let mut weights = Vec::with_capacity(sums.weights.len());
        for (name, (weight, rows)) in &sums.weights {
            let who = self.who(name, pool, day, follows);
            let (Name::Written(text) | Name::Pool(text) | Name::Nobody(text)) = name else {
                let Name::Team(team) = name else { continue };
                let name = team.as_str().to_owned();
                weights.push(Weighed { name, weight: weight.clone(), who, rows: rows.clone() });
                continue;
            };
            weights.push(Weighed { name: text.clone(), weight: weight.clone(), who, rows: rows.clone() });
        }
        let idle = match policy.idle {
            IdleRule::Keep => sums.idle.clone(),
            IdleRule::Share => BigUint::ZERO,
        };
        let measures = sums.measures.clone();
        Reading { pool, span, fallback: Fallback::None, decimals, measures, weights, idle }
    }

    fn who(&mut self, name: &Name, from: usize, day: Day, follows: bool) -> Who {
        let text = match name {
            Name::Written(text) => text.as_str(),
            Name::Team(team) => team.as_str(),
            Name::Nobody(_) => return Who::Nobody,
            Name::Pool(pool) => {
                let pools = self.pools;
                // A pool that pools.yaml does not know has no weights: what is sent there stays.
                let Some(pool) = pools.number(pool) else { return Who::Nobody };
                let takes_part = honored(pools.order, &pools.rank, from, pool, follows);
                return if takes_part { Who::Pool(pool) } else { Who::Dropped(pool) };
            }
        };
        if self.who.0 != day {
            self.who = (day, HashMap::new());
        }
        if !self.who.1.contains_key(text) {
            let resolved = self.org.resolve(text, day);
            self.who.1.insert(text.to_owned(), resolved);
        }
        match &self.who.1[text] {
            Resolved::Team(team) => Who::Team(team.clone()),
            Resolved::Unknown => Who::Unknown,
            Resolved::Ambiguous(teams) => Who::Ambiguous(teams.clone()),
        }
    }

    /// The last day before `before` for which the driver has something that can count.
    fn earlier(&self, pool: usize, before: Day) -> Option<Day> {
        match &self.pools.pools[pool].driver {
            Driver::Measured(measured) => measured.last_before(before),
            Driver::Fixed(spans) => {
                // Where nothing counts it is no use to go through the days of a list one by one.
                let counts = |(name, weight): &(String, Exact)| {
                    let other = name.strip_prefix("pool:").and_then(|other| self.pools.number(other));
                    let taken =
                        other.is_none_or(|other| honored(self.pools.order, &self.pools.rank, pool, other, false));
                    !weight.is_zero() && taken
                };
                let spans = spans.iter().filter(|span| span.period.from() < before && span.weights.iter().any(counts));
                spans.map(|span| span.period.until().plus(-1).min(before.plus(-1))).max()
            }
            Driver::Keep | Driver::HeadCount { .. } | Driver::Direct(_) | Driver::Pool(_) | Driver::Commitment => None,
        }
    }
}
