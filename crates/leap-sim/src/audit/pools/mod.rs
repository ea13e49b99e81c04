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
//! Usage reports of Kubernetes are not read here: a policy that names them is refused with [`AuditError::NotAudited`].

mod benefit;
pub mod chain;
pub mod drivers;
pub mod law;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use leap_terms::{Day, Month};
use num_bigint::{BigInt, Sign};
use serde_norway::Value;

use super::amount::Amount;
use super::entries::{list, text, texts};
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
    /// The billing period that it is invoiced in.
    pub month: Month,
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
    /// What averaging the benefits of commitments changes.
    Benefit,
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
    /// The place of each pool in the order of stepping down.
    rank: Vec<usize>,
    /// Whether benefits of commitments go to everyone who used some, by contracted cost.
    averages_benefits: bool,
    pools: Vec<Pool>,
}

impl Pools {
    /// Reads `pools.yaml`; `files` gives the bytes of a driver file by its path as the pools name it.
    ///
    /// # Errors
    /// [`AuditError::Pools`].
    pub fn read(yaml: &str, files: MappingFiles<'_>) -> Result<Pools, AuditError> {
        let root: Value = serde_norway::from_str(yaml).map_err(|fault| AuditError::Pools(fault.to_string()))?;
        let named = root.get("order").and_then(|order| order.get("step-down"));
        let order = match (named, root.get("order").and_then(text).as_deref()) {
            (Some(_), _) | (None, Some("step-down")) => Order::StepDown,
            (None, None | Some("direct")) => Order::Direct,
            (None, Some("reciprocal")) => Order::Reciprocal,
            (None, Some(other)) => return Err(AuditError::Pools(format!("'{other}' is no order"))),
        };
        let averages_benefits = match root.get("commitment_benefit").and_then(text).as_deref() {
            None | Some("where-it-fell") => false,
            Some("averaged") => true,
            Some(other) => return Err(AuditError::Pools(format!("'{other}' is no way with benefits"))),
        };
        let mut pools = Vec::new();
        for entry in list(&root, "pools") {
            let name = entry.get("name").and_then(text).unwrap_or_default();
            if entry.get("driver").is_some_and(|driver| driver.get("kubernetes").is_some()) {
                return Err(AuditError::NotAudited(format!("pool {name} goes by usage reports of Kubernetes")));
            }
            let pool = pool(entry, &name, files);
            pools.push(pool.map_err(|fault| AuditError::Pools(format!("pool {name}: {fault}")))?);
        }
        // Pools that the order names come first; the others follow as they are listed.
        let named = texts(named);
        let place = |pool: &Pool| named.iter().position(|name| *name == pool.name).unwrap_or(named.len());
        let mut sequence: Vec<usize> = (0..pools.len()).collect();
        sequence.sort_by_key(|at| place(&pools[*at]));
        let mut rank = vec![0; pools.len()];
        for (place, at) in sequence.into_iter().enumerate() {
            rank[at] = place;
        }
        Ok(Pools { order, rank, averages_benefits, pools })
    }

    /// The journal of all charges. The cost of a pool is divided once per day, currency and billing period (what an invoice
    /// brings is shared in that invoice's period), and where it is about commitments, once for each of them.
    pub fn journal(&self, history: &History, charges: &[PoolCharge]) -> Journal {
        let mut by_day: BTreeMap<Day, Vec<&PoolCharge>> = BTreeMap::new();
        let mut costs: BTreeMap<(Day, &str, usize, Month, About), [Amount; 4]> = BTreeMap::new();
        for charge in charges {
            by_day.entry(charge.day).or_default().push(charge);
            let pool = charge.owner.strip_prefix(OF_POOL).and_then(|name| self.index(name));
            if let Some(pool) = pool {
                let about = match self.pools[pool].driver {
                    Driver::Commitment => About::One(charge.commitment.clone()),
                    _ => About::All,
                };
                let sums = costs.entry((charge.day, &charge.currency, pool, charge.month, about)).or_default();
                add(sums, &charge.costs);
            }
        }
        let mut journal = Journal::new();
        let changes = if self.averages_benefits { benefit::averaged(charges) } else { BTreeMap::new() };
        for ((day, month, currency, owner), change) in changes {
            let key = (day, benefit::POOL.to_owned(), owner.to_owned(), Line::Benefit, currency.to_owned());
            journal.entry(key).or_default()[benefit::EFFECTIVE] += &change;
            let Some(pool) = owner.strip_prefix(OF_POOL).and_then(|name| self.index(name)) else { continue };
            // What averaging changes is about all commitments, so it belongs to none of them.
            let about = match self.pools[pool].driver {
                Driver::Commitment => About::One(None),
                _ => About::All,
            };
            let sums = costs.entry((day, currency, pool, month, about)).or_default();
            sums[benefit::EFFECTIVE] += &change;
        }
        let work = Work { pools: self, history, charges: by_day, known: RefCell::default() };
        let mut flows: Option<(Day, &str, Vec<Outflow>)> = None;
        for ((day, currency, pool, _, about), costs) in &costs {
            if costs.iter().all(Amount::is_zero) {
                continue;
            }
            let same = flows.take().filter(|(of_day, of_currency, _)| of_day == day && of_currency == currency);
            let mut current = same.unwrap_or_else(|| (*day, *currency, work.outflows(*day, currency)));
            // Its own weights are those of the commitment; on the way through other pools, all commitments count.
            let own = work.outflow(*pool, *day, currency, about);
            let whole = std::mem::replace(&mut current.2[*pool], own);
            work.share(*day, currency, &current.2, *pool, costs, &mut journal);
            current.2[*pool] = whole;
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

/// Which commitments the cost of a pool is about; only those of a pool that is shared by commitments differ.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum About {
    /// All of them.
    All,
    /// One, or what names none.
    One(Option<String>),
}

/// Pool, first day, day after the last, currency where it matters, commitments.
type Asked = (usize, Day, Day, String, About);

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
        (0..self.pools.pools.len()).map(|at| self.outflow(at, day, currency, &About::All)).collect()
    }

    /// What a pool gives to whom on a day.
    fn outflow(&self, at: usize, day: Day, currency: &str, about: &About) -> Outflow {
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
        let Some(weights) = self.weights(at, day, currency, about) else { return Outflow::keep() };
        let mut flow = Outflow::default();
        for (name, weight) in &weights.users {
            if self.is_dropped(at, name) {
                continue;
            }
            if let Some(other) = name.strip_prefix("pool:") {
                match self.pools.index(other) {
                    Some(other) => flow.pool(other, weight),
                    None => flow.rest(Rest::Keep, weight),
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

    /// True for the name of a pool that the order does not let this one charge.
    fn is_dropped(&self, at: usize, name: &str) -> bool {
        let other = name.strip_prefix("pool:").and_then(|other| self.pools.index(other));
        other.is_some_and(|other| match self.pools.order {
            Order::Direct => true,
            Order::StepDown => self.pools.rank[other] <= self.pools.rank[at],
            Order::Reciprocal => false,
        })
    }

    /// True when weights say nothing: nobody who takes part used anything, and nothing idle is shown.
    fn say_nothing(&self, at: usize, weights: &Weights) -> bool {
        let idle = self.pools.pools[at].shows_idle && weights.idle.sign() == Sign::Plus;
        let used = weights.users.iter().any(|(name, weight)| weight.sign() == Sign::Plus && !self.is_dropped(at, name));
        !idle && !used
    }

    /// The weights of a day, or what stands in for them; `None` when the cost stays.
    fn weights(&self, at: usize, day: Day, currency: &str, about: &About) -> Option<Rc<Weights>> {
        let pool = &self.pools.pools[at];
        let of = |day: Day, by_month: bool| {
            let (from, until) =
                if by_month { (day.month().first_day(), day.month().plus(1).first_day()) } else { (day, day.plus(1)) };
            let weights = self.ask(at, from, until, currency, about);
            (!self.say_nothing(at, &weights)).then_some(weights)
        };
        if let Some(weights) = of(day, pool.by_month) {
            return Some(weights);
        }
        match pool.missing {
            Missing::Keep => None,
            Missing::Month => of(day, true),
            Missing::Carry => {
                let earliest = pool.driver.earliest()?.plus(-1);
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

    fn ask(&self, at: usize, from: Day, until: Day, currency: &str, about: &About) -> Rc<Weights> {
        let driver = &self.pools.pools[at].driver;
        let currency = match driver {
            Driver::Direct(_) | Driver::Commitment => currency,
            Driver::Keep | Driver::Measured(_) | Driver::Fixed(_) | Driver::HeadCount { .. } | Driver::Pool(_) => "",
        };
        let asked = (at, from, until, currency.to_owned(), about.clone());
        if let Some(known) = self.known.borrow().get(&asked) {
            return Rc::clone(known);
        }
        let evidence = Evidence { history: self.history, charges: &self.charges, currency, about };
        let weights = Rc::new(driver.weights(from, until, &evidence));
        self.known.borrow_mut().insert(asked, Rc::clone(&weights));
        weights
    }
}

#[cfg(test)]
mod tests;
