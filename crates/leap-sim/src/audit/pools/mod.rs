//! How pools are shared: `pools.yaml`, worked out a second time.
//!
//! ```yaml
//! order: reciprocal
//! pools:
//! - {name: kafka, driver: {measured: kafka.csv}, window: day, missing: month, idle: keep}
//! ```
//! → `2026-08-03 kafka payments use USD 12.50`, and what the pool gave away as a negative line. The lines of a day add
//! up to nothing. For each pool, day and currency the driver is asked for weights ([`drivers`]), pools that use each
//! other are solved by determinants ([`chain`]), and the cost is divided once ([`law`]).
//!
//! Kubernetes usage reports are not read here.

pub mod chain;
pub mod drivers;
pub mod law;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use leap_terms::Day;
use num_bigint::{BigInt, Sign};
use serde_norway::Value;

use super::amount::Amount;
use super::entries::{list, text};
use super::history::{History, Meaning};
use super::{AuditError, MappingFiles};
use chain::{Outflow, Rest, final_weights};
use drivers::{Driver, Evidence, Weights};

/// What the owner of a pool's cost begins with.
const OF_POOL: &str = "residual:pool:";

/// A charge, or several of one kind added up, with the owner that the rules gave it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PoolCharge {
    /// The day of the charge.
    pub day: Day,
    /// The owner as reports write it.
    pub owner: String,
    /// BillingCurrency.
    pub currency: String,
    /// Billed, effective, list and contracted cost.
    pub costs: [Amount; 4],
    /// CommitmentDiscountId.
    pub commitment: Option<String>,
    /// CommitmentDiscountStatus is `Used`.
    pub used: bool,
}

/// Whether a line of the journal is about use or about what nobody used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Line {
    /// Use.
    Use,
    /// What nobody used.
    Idle,
}

/// Day, pool, owner, line and currency of a line of the journal.
pub type JournalKey = (Day, String, String, Line, String);

/// The lines of sharing. Lines that are zero in all four costs are left out.
pub type Journal = BTreeMap<JournalKey, [Amount; 4]>;

/// In which order pools that name each other are shared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    Direct,
    StepDown,
    Reciprocal,
}

/// What becomes of a day without weights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Missing {
    Month,
    Carry,
    Keep,
}

struct Pool {
    name: String,
    driver: Driver,
    by_month: bool,
    missing: Missing,
    shows_idle: bool,
}

/// The pools in order.
pub struct Pools {
    order: Order,
    pools: Vec<Pool>,
}

impl Pools {
    /// Reads `pools.yaml`; `files` gives the bytes of a driver file by its path as the pools name it.
    ///
    /// # Errors
    /// [`AuditError::Pools`].
    pub fn read(yaml: &str, files: MappingFiles<'_>) -> Result<Pools, AuditError> {
        let root: Value = serde_norway::from_str(yaml).map_err(|fault| AuditError::Pools(fault.to_string()))?;
        let order = match root.get("order").and_then(text).as_deref() {
            None | Some("direct") => Order::Direct,
            Some("step-down") => Order::StepDown,
            Some("reciprocal") => Order::Reciprocal,
            Some(other) => return Err(AuditError::Pools(format!("'{other}' is no order"))),
        };
        let mut pools = Vec::new();
        for entry in list(&root, "pools") {
            let name = entry.get("name").and_then(text).unwrap_or_default();
            let pool = pool(entry, &name, files);
            pools.push(pool.map_err(|fault| AuditError::Pools(format!("pool {name}: {fault}")))?);
        }
        Ok(Pools { order, pools })
    }

    /// The journal of all charges.
    pub fn journal(&self, history: &History, charges: &[PoolCharge]) -> Journal {
        let mut by_day: BTreeMap<Day, Vec<&PoolCharge>> = BTreeMap::new();
        let mut costs: BTreeMap<(Day, &str, usize), [Amount; 4]> = BTreeMap::new();
        for charge in charges {
            by_day.entry(charge.day).or_default().push(charge);
            let pool = charge.owner.strip_prefix(OF_POOL).and_then(|name| self.index(name));
            if let Some(pool) = pool {
                let sums = costs.entry((charge.day, &charge.currency, pool)).or_default();
                add(sums, &charge.costs);
            }
        }
        let work = Work { pools: self, history, charges: by_day, known: RefCell::default() };
        let mut journal = Journal::new();
        let mut flows: Option<(Day, &str, Vec<Outflow>)> = None;
        for ((day, currency, pool), costs) in &costs {
            if costs.iter().all(Amount::is_zero) {
                continue;
            }
            let same = flows.take().filter(|(of_day, of_currency, _)| of_day == day && of_currency == currency);
            let current = same.unwrap_or_else(|| (*day, *currency, work.outflows(*day, currency)));
            work.share(*day, currency, &current.2, *pool, costs, &mut journal);
            flows = Some(current);
        }
        journal.retain(|_, costs| !costs.iter().all(Amount::is_zero));
        journal
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.pools.iter().position(|pool| pool.name == name)
    }
}

/// Adds four costs to four sums.
pub fn add(sums: &mut [Amount; 4], costs: &[Amount; 4]) {
    for (sum, cost) in sums.iter_mut().zip(costs) {
        *sum += cost;
    }
}

fn pool(entry: &Value, name: &str, files: MappingFiles<'_>) -> Result<Pool, String> {
    let driver = Driver::read(entry.get("driver").ok_or("it has no driver")?, name, files)?;
    let word = |name: &str| entry.get(name).and_then(text);
    let by_month = match word("window").as_deref() {
        None => matches!(driver, Driver::Direct(_) | Driver::Commitment),
        Some("day") => false,
        Some("month") => true,
        Some(other) => return Err(format!("'{other}' is no window")),
    };
    let missing = match word("missing").as_deref() {
        None | Some("month") => Missing::Month,
        Some("carry") => Missing::Carry,
        Some("keep") => Missing::Keep,
        Some(other) => return Err(format!("'{other}' is no answer to missing weights")),
    };
    let shows_idle = match word("idle").as_deref() {
        None | Some("keep") => true,
        Some("share") => false,
        Some(other) => return Err(format!("'{other}' is no way with what is idle")),
    };
    Ok(Pool { name: name.to_owned(), driver, by_month, missing, shows_idle })
}

/// Pool, first day, day after the last, currency where it matters, commitments.
type Asked = (usize, Day, Day, String, BTreeSet<String>);

/// Everything that sharing looks at.
struct Work<'a> {
    pools: &'a Pools,
    history: &'a History,
    charges: BTreeMap<Day, Vec<&'a PoolCharge>>,
    /// Answers of drivers: a month is asked for again on each of its days.
    known: RefCell<HashMap<Asked, Rc<Weights>>>,
}

impl Work<'_> {
    /// Shares the cost of one pool on one day.
    fn share(
        &self,
        day: Day,
        currency: &str,
        flows: &[Outflow],
        pool: usize,
        costs: &[Amount; 4],
        journal: &mut Journal,
    ) {
        let rests: Vec<(Rest, BigInt)> = final_weights(flows, pool).into_iter().collect();
        let weights: Vec<BigInt> = rests.iter().map(|(_, weight)| weight.clone()).collect();
        let name = &self.pools.pools[pool].name;
        let own = format!("{OF_POOL}{name}");
        for (kind, cost) in costs.iter().enumerate() {
            let Some(parts) = law::split(cost, &weights) else { continue };
            let mut book = |owner: &str, line: Line, amount: &Amount| {
                let key = (day, name.clone(), owner.to_owned(), line, currency.to_owned());
                journal.entry(key).or_default()[kind] += amount;
            };
            for ((rest, _), part) in rests.iter().zip(parts) {
                match rest {
                    Rest::Keep => continue,
                    Rest::Team(team) => book(team, Line::Use, &part),
                    Rest::Idle => book(&own, Line::Idle, &part),
                }
                book(&own, Line::Use, &-part);
            }
        }
    }

    fn outflows(&self, day: Day, currency: &str) -> Vec<Outflow> {
        (0..self.pools.pools.len()).map(|at| self.outflow(at, day, currency)).collect()
    }

    /// What a pool gives to whom on a day.
    fn outflow(&self, at: usize, day: Day, currency: &str) -> Outflow {
        let pool = &self.pools.pools[at];
        if let Driver::Pool(other) = &pool.driver {
            // Its cost goes the way of the other pool's from the first step on.
            let mut flow = Outflow::default();
            match self.pools.index(other) {
                Some(other) => flow.pool(other, &BigInt::from(1)),
                None => return Outflow::keep(),
            }
            return flow;
        }
        let Some(weights) = self.weights(at, day, currency) else { return Outflow::keep() };
        let mut flow = Outflow::default();
        for (name, weight) in &weights.users {
            if let Some(other) = name.strip_prefix("pool:") {
                match (self.pools.index(other), self.pools.order) {
                    (None, _) => flow.rest(Rest::Keep, weight),
                    (Some(_), Order::Direct) => {}
                    (Some(other), Order::StepDown) if other <= at => {}
                    (Some(other), Order::StepDown | Order::Reciprocal) => flow.pool(other, weight),
                }
                continue;
            }
            match self.history.meaning(name, day) {
                Meaning::Team(team) => flow.rest(Rest::Team(team), weight),
                Meaning::Unknown | Meaning::Ambiguous => flow.rest(Rest::Keep, weight),
            }
        }
        if pool.shows_idle && weights.idle.sign() == Sign::Plus {
            flow.rest(Rest::Idle, &weights.idle);
        }
        flow
    }

    /// The weights of a day, or what stands in for them; `None` when the cost stays.
    fn weights(&self, at: usize, day: Day, currency: &str) -> Option<Rc<Weights>> {
        let pool = &self.pools.pools[at];
        let commitments = self.commitments(at, day, currency);
        let of = |day: Day, by_month: bool| {
            let (from, until) =
                if by_month { (day.month().first_day(), day.month().plus(1).first_day()) } else { (day, day.plus(1)) };
            let weights = self.ask(at, from, until, currency, &commitments);
            (!weights.are_absent()).then_some(weights)
        };
        if let Some(weights) = of(day, pool.by_month) {
            return Some(weights);
        }
        match pool.missing {
            Missing::Keep => None,
            Missing::Month => of(day, true),
            Missing::Carry => {
                let evidence = self.evidence(currency, &commitments);
                let earliest = pool.driver.earliest(&evidence)?.plus(-1);
                let mut before = day.plus(-1);
                while before >= earliest {
                    if let Some(weights) = of(before, pool.by_month) {
                        return Some(weights);
                    }
                    before = before.plus(-1);
                }
                None
            }
        }
    }

    fn evidence<'a>(&'a self, currency: &'a str, commitments: &'a BTreeSet<String>) -> Evidence<'a> {
        Evidence { history: self.history, charges: &self.charges, currency, commitments }
    }

    fn ask(&self, at: usize, from: Day, until: Day, currency: &str, commitments: &BTreeSet<String>) -> Rc<Weights> {
        let driver = &self.pools.pools[at].driver;
        let currency = match driver {
            Driver::Direct(_) | Driver::Commitment => currency,
            Driver::Measured(_) | Driver::Fixed(_) | Driver::HeadCount { .. } | Driver::Pool(_) => "",
        };
        let asked = (at, from, until, currency.to_owned(), commitments.clone());
        if let Some(known) = self.known.borrow().get(&asked) {
            return Rc::clone(known);
        }
        let weights = Rc::new(driver.weights(from, until, &self.evidence(currency, commitments)));
        self.known.borrow_mut().insert(asked, Rc::clone(&weights));
        weights
    }

    /// The commitments that a pool's cost of a day is about; only asked for where the driver is about commitments.
    fn commitments(&self, at: usize, day: Day, currency: &str) -> BTreeSet<String> {
        let pool = &self.pools.pools[at];
        if !matches!(pool.driver, Driver::Commitment) {
            return BTreeSet::new();
        }
        let own = format!("{OF_POOL}{}", pool.name);
        let of_day = self.charges.get(&day).into_iter().flatten();
        let of_pool = of_day.filter(|charge| charge.currency == currency && charge.owner == own);
        of_pool.filter_map(|charge| charge.commitment.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
