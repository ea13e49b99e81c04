//! What `pools.yaml` says: which pools there are, what shares each, and in which order.
//!
//! ```yaml
//! order: step-down                 # direct (default) | step-down | reciprocal | {step-down: [network, kafka]}
//! commitment_benefit: averaged     # where-it-fell (default) | averaged
//! pools:
//!   - name: kafka
//!     steward: platform-team
//!     driver: {measured: kafka.csv}
//!     window: day                  # day | month
//!     missing: month               # month | carry | keep
//!     idle: keep                   # keep | share
//!     consumers: {ended: successor}
//! ```
//! Driver files are [`super::measured`]'s; this file has the types and the digest.
//! Nothing here knows a cost.

use std::sync::Arc;

use leap_terms::{CostKind, Digest, Exact, Fault, Period};

use super::measured::{DriverFile, Measured};
use crate::org::Org;

/// Reads a file that a driver names, by its path as written (relative to the pools file).
pub type ReadDriver<'a> = &'a dyn Fn(&str) -> Result<DriverFile, String>;

/// The name of the journal of averaged commitment benefits, which no pool may have.
pub const BENEFIT_POOL: &str = "commitment-benefit";

/// How pools that name other pools as consumers are shared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// Pools charge teams alone; weights of pools are dropped.
    #[default]
    Direct,
    /// A pool charges teams and the pools that come later in the declared order; weights of the others are dropped.
    StepDown,
    /// All pools at once.
    Reciprocal,
}

/// Which days' weights share a day's cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Window {
    /// The day's own.
    Day,
    /// The sum over its calendar month.
    Month,
}

/// What shares a day without weights (none, or all zero).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// The sum over its calendar month, else the pool keeps the cost.
    Month,
    /// The last earlier day (or month, by the window) with weights, else the pool keeps the cost.
    Carry,
    /// The pool keeps the cost.
    Keep,
}

/// What becomes of capacity that nobody used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IdleRule {
    /// A line of its own at the pool.
    Keep,
    /// Spread over those who used the rest.
    Share,
}

/// Who gets the benefit of commitments (contracted minus effective cost of what they covered).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Benefit {
    /// The owner of the charge that the provider happened to cover.
    #[default]
    WhereItFell,
    /// Everyone who used commitments that day, by contracted cost.
    Averaged,
}

/// Fixed weights and the days on which they hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fixed {
    /// Days on which they hold; periods of one driver do not overlap.
    pub period: Period,
    /// Weights by name as written, sorted by name; ≥ 0.
    pub weights: Vec<(String, Exact)>,
}

/// What shares a pool.
#[derive(Clone, Debug)]
pub enum Driver {
    /// Nothing: the pool keeps its cost.
    Keep,
    /// Weights measured per day and team, from a file.
    Measured(Arc<Measured>),
    /// Weights that people set.
    Fixed(Vec<Fixed>),
    /// Head counts of units: those at or below `under`, those of the kind `kind`.
    HeadCount {
        /// Name of the unit at the top; none: the whole org.
        under: Option<String>,
        /// Kind of units that count; none: all.
        kind: Option<String>,
    },
    /// The direct cost of teams, of this kind, in the currency that is shared.
    Direct(CostKind),
    /// The final shares of another pool, by its number.
    Pool(usize),
    /// The effective cost of what the same commitment covered.
    Commitment,
}

impl Driver {
    /// The word in `pools.yaml`.
    pub fn word(&self) -> &'static str {
        match self {
            Driver::Keep => "keep",
            Driver::Measured(measured) => measured.word(),
            Driver::Fixed(_) => "fixed",
            Driver::HeadCount { .. } => "head_count",
            Driver::Direct(_) => "direct",
            Driver::Pool(_) => "pool",
            Driver::Commitment => "commitment",
        }
    }
}

/// One pool.
#[derive(Clone, Debug)]
pub struct Pool {
    /// As rules name it.
    pub name: String,
    /// Who answers for what stays: a unit's name or free text; empty where nobody is named.
    pub steward: String,
    /// What shares it.
    pub driver: Driver,
    /// Which days' weights.
    pub window: Window,
    /// What shares a day without weights.
    pub missing: Missing,
    /// What becomes of idle.
    pub idle: IdleRule,
    /// Line in the pools file.
    pub line: Option<usize>,
}

/// All pools and how they are shared.
#[derive(Clone, Debug, Default)]
pub struct Pools {
    pub(super) file: String,
    pub(super) order: Order,
    /// Place of each pool in the declared order.
    pub(super) rank: Vec<usize>,
    pub(super) pools: Vec<Pool>,
    pub(super) benefit: Benefit,
    pub(super) warnings: Vec<Fault>,
}

impl Pools {
    /// Reads `pools.yaml` and the driver files it names.
    ///
    /// # Errors
    /// Every fault found, each with file, line or row, and remedy.
    pub fn parse(file: &str, text: &str, read_file: ReadDriver<'_>, org: &Org) -> Result<Pools, Vec<Fault>> {
        super::read::pools(file, text, read_file, org)
    }

    /// The pools, in the order of the file.
    pub fn all(&self) -> &[Pool] {
        &self.pools
    }

    /// The names of the pools, for checking the pools that rules name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pools.iter().map(|pool| pool.name.as_str())
    }

    /// The pool of that name.
    pub fn get(&self, name: &str) -> Option<&Pool> {
        self.number(name).map(|number| &self.pools[number])
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.pools.iter().position(|pool| pool.name == name)
    }

    /// The file's name, for findings.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// How pools that use pools are shared.
    pub fn order(&self) -> Order {
        self.order
    }

    /// The place of each pool in the declared order, by its number in [`Pools::all`].
    pub fn rank(&self) -> &[usize] {
        &self.rank
    }

    /// Who gets the benefit of commitments.
    pub fn benefit(&self) -> Benefit {
        self.benefit
    }

    /// What is allowed but probably not meant: names in driver files that no unit has, weights that the order drops.
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }

    /// Digest of what the pools say, weights included; not of layout, comments, names of files or order of rows.
    pub fn digest(&self) -> Digest {
        let mut text = format!("leap pools 1\n{:?} {:?}\n", self.order, self.benefit);
        for (pool, rank) in self.pools.iter().zip(&self.rank) {
            let driver = match &pool.driver {
                Driver::Keep | Driver::Commitment => serde_json::Value::Null,
                Driver::Measured(measured) => measured.digest().to_string().into(),
                Driver::Fixed(spans) => spans
                    .iter()
                    .map(|span| {
                        let (from, until) = (span.period.from(), span.period.until());
                        serde_json::json!([from, until, span.weights])
                    })
                    .collect(),
                Driver::HeadCount { under, kind } => serde_json::json!([under, kind]),
                Driver::Direct(kind) => kind.word().into(),
                Driver::Pool(other) => self.pools[*other].name.as_str().into(),
            };
            let window = format!("{:?}", pool.window);
            let rest = [window, format!("{:?}", pool.missing), format!("{:?}", pool.idle)];
            // The place in the order speaks only where the order is asked.
            let rank = if self.order == Order::StepDown { *rank } else { 0 };
            let line = serde_json::json!([pool.name, pool.steward, pool.driver.word(), driver, rest, rank]);
            text.push_str(&line.to_string());
            text.push('\n');
        }
        Digest::of(text.as_bytes())
    }
}
