//! Contracts: outcomes agreed with a team, each as clauses that windows of data can break.
//!
//! ```text
//! charge-api.p999   99.9 % of requests within 250 ms, windows of 1h, grace 48h          latency
//! charter.bps       spend at most 45 bps of business volume, windows of 24h             charter
//! data.fresh        data at most 26h old                                                freshness
//! ```
//! Reading order: this file (what a clause is, and what a window of it is), [`document`] (`contracts.yaml`),
//! [`openslo`] (objectives for latency as OpenSLO documents), [`clock`] (from windows to breaches), [`incident`]
//! (from breaches to what is to be said), [`watch`] (windows as they arrive, late and restated ones too).
//!
//! One clock serves all clauses: what differs is how a window is judged, and that is [`Clause::classify`].

#![deny(clippy::float_arithmetic)]

pub mod clock;
pub mod document;
pub mod incident;
pub mod openslo;
#[cfg(test)]
mod tests;
pub mod watch;

use std::fmt;
use std::str::FromStr;

use leap_terms::{Currency, Exact, Instant, Period, Ratio, TeamId};
use num_bigint::BigUint;

pub use clock::{Class, Event, Kind, State, Timing};
pub use incident::{Act, Incident, Note, Saying, Stretch, Why};
pub use watch::Watch;

use crate::seconds::Seconds;

/// A contract with a team.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contract {
    /// Unique, and kept for good.
    pub id: String,
    /// Who keeps it.
    pub team: TeamId,
    /// From when until when it holds.
    pub term: Period,
    /// What was agreed.
    pub clauses: Vec<Clause>,
    /// Where it stands in its file.
    pub line: Option<usize>,
}

/// All contracts; ids are unique.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contracts {
    /// In the order of the file.
    pub list: Vec<Contract>,
}

/// One testable statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clause {
    /// Unique in its contract.
    pub id: String,
    /// What is measured, and what it has to be.
    pub measure: Measure,
    /// How it is watched.
    pub timing: Timing,
    /// Who answers for it; the contract's team unless it says otherwise.
    pub owner: TeamId,
    /// What follows from a breach, as was agreed.
    pub consequence: String,
}

/// What is measured, and what it has to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Measure {
    /// A quantile of an API's latency is at most so much.
    Latency(Latency),
    /// An amount is at most, or at least, so much.
    Amount {
        /// Which.
        what: What,
        /// What it has to be, in the unit of `what`: equal is met.
        target: Exact,
    },
}

/// An objective for latency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Latency {
    /// The API.
    pub api: String,
    /// The quantile.
    pub quantile: Quantile,
    /// What it has to be at most, in nanoseconds.
    pub at_most_ns: u64,
    /// Fewer requests than this in a window are no ground for a judgement.
    pub n_min: u64,
    /// What happens to windows with fewer.
    pub thin: Thin,
}

/// What to do with windows of too few requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Thin {
    /// They are not judged.
    #[default]
    Unjudged,
    /// They are counted together with the following ones; the window with which there are enough is judged for all.
    Merged,
}

/// Amounts that a clause can be about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// Spend in basis points of business volume; at most.
    Charter,
    /// Spend of a window; at most.
    Spend(Currency),
    /// Cost per unit of a metric of business volume; at most.
    UnitCost {
        /// The metric.
        metric: String,
        /// The currency of the cost.
        currency: Currency,
    },
    /// Percent of cost that a team owns; at least.
    Coverage,
    /// Age of the newest data in seconds; at most.
    Freshness,
}

impl What {
    /// True where more is better.
    fn is_at_least(&self) -> bool {
        match self {
            What::Coverage => true,
            What::Charter | What::Spend(_) | What::UnitCost { .. } | What::Freshness => false,
        }
    }
}

impl Measure {
    /// The word in documents: `latency`, `charter`, `spend`, `unit_cost`, `coverage`, `freshness`.
    pub fn word(&self) -> &'static str {
        match self {
            Measure::Latency(_) => "latency",
            Measure::Amount { what: What::Charter, .. } => "charter",
            Measure::Amount { what: What::Spend(_), .. } => "spend",
            Measure::Amount { what: What::UnitCost { .. }, .. } => "unit_cost",
            Measure::Amount { what: What::Coverage, .. } => "coverage",
            Measure::Amount { what: What::Freshness, .. } => "freshness",
        }
    }

    /// True for what is known by whole days: its windows are days, or several.
    pub fn is_by_day(&self) -> bool {
        match self {
            Measure::Latency(_) | Measure::Amount { what: What::Freshness, .. } => false,
            Measure::Amount {
                what: What::Charter | What::Spend(_) | What::UnitCost { .. } | What::Coverage, ..
            } => true,
        }
    }
}

impl fmt::Display for Measure {
    /// What was agreed, for people.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Measure::Latency(latency) => {
                write!(out, "{} of {} at most {}", latency.quantile, latency.api, Nanoseconds(latency.at_most_ns))
            }
            Measure::Amount { what, target } => match what {
                What::Charter => write!(out, "spend at most {target} bps of business volume"),
                What::Spend(currency) => write!(out, "spend at most {} {currency}", target.to_grouped(2)),
                What::UnitCost { metric, currency } => write!(out, "cost per {metric} at most {target} {currency}"),
                What::Coverage => write!(out, "at least {target} % of cost owned by teams"),
                What::Freshness => match age(*target) {
                    Some(age) => write!(out, "data at most {age} old"),
                    None => write!(out, "data at most {target} seconds old"),
                },
            },
        }
    }
}

/// Whole seconds as a length of time.
fn age(seconds: Exact) -> Option<Seconds> {
    let (whole, rest) = (
        seconds.coarse() / leap_terms::exact::COARSE_PER_WHOLE,
        seconds.coarse() % leap_terms::exact::COARSE_PER_WHOLE,
    );
    i64::try_from(whole).ok().filter(|_| rest == 0 && seconds.fine() == 0).and_then(Seconds::new)
}

/// What was measured in a window.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reading {
    /// Requests against the threshold: how many were seen, what they weigh, and what those over it weigh.
    Counts {
        /// How many were seen: what a judgement rests on.
        requests: u64,
        /// What they weigh.
        weight: u128,
        /// What those over the threshold weigh, in the same unit.
        bad: u128,
    },
    /// An amount, exactly.
    Amount(Ratio),
}

impl Clause {
    /// The clause's name among all: contract and clause.
    pub fn key(&self, contract: &Contract) -> String {
        format!("{}.{}", contract.id, self.id)
    }

    /// What windows are, in order. A window of no requests, and a reading of another kind than the clause's, say
    /// nothing.
    pub fn classify<'r>(&self, windows: impl IntoIterator<Item = (Instant, &'r Reading)>) -> Vec<(Instant, Class)> {
        let mut pending = (0, 0, 0);
        let mut class = |reading: &Reading| match (&self.measure, reading) {
            (Measure::Latency(latency), Reading::Counts { requests, weight, bad }) => {
                latency.class(&mut pending, (*requests, *weight, *bad))
            }
            (Measure::Amount { what, target }, Reading::Amount(amount)) => {
                let target = Ratio::whole(*target);
                let met = if what.is_at_least() { *amount >= target } else { *amount <= target };
                Some(if met { Class::Met } else { Class::Miss })
            }
            (Measure::Latency(_), Reading::Amount(_)) | (Measure::Amount { .. }, Reading::Counts { .. }) => None,
        };
        windows.into_iter().filter_map(|(at, reading)| Some((at, class(reading)?))).collect()
    }
}

impl Latency {
    /// Judges a window; `pending` are the thin ones that are counted together with it. None where there was nothing.
    fn class(&self, pending: &mut (u64, u128, u128), (requests, weight, bad): (u64, u128, u128)) -> Option<Class> {
        if requests == 0 {
            return None;
        }
        let judged = match self.thin {
            Thin::Unjudged => (requests, weight, bad),
            Thin::Merged => {
                (pending.0.saturating_add(requests), pending.1.saturating_add(weight), pending.2.saturating_add(bad))
            }
        };
        if judged.0 < self.n_min {
            if self.thin == Thin::Merged {
                *pending = judged;
            }
            return Some(Class::Thin);
        }
        *pending = (0, 0, 0);
        Some(if self.quantile.is_missed(judged.1, judged.2) { Class::Miss } else { Class::Met })
    }
}

/// A quantile p with 0 < p < 1 and at most nine decimals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Quantile {
    /// Billionths of requests that may be over the threshold: 10⁹ · (1 − p).
    beyond: u32,
}

/// Billionths in a whole.
const BILLION: u32 = 1_000_000_000;

impl Quantile {
    /// p99.9.
    pub const P999: Quantile = Quantile { beyond: 1_000_000 };

    /// True when the nearest-rank quantile is over the threshold: bad > (1 − p) · weight, exactly. For p99.9 of n equal
    /// requests that is bad > ⌊n / 1000⌋.
    pub fn is_missed(self, weight: u128, bad: u128) -> bool {
        BigUint::from(bad) * BILLION > BigUint::from(weight) * self.beyond
    }

    /// p as a decimal number: `0.999`.
    pub fn decimal(self) -> String {
        let digits = format!("{:09}", BILLION - self.beyond);
        format!("0.{}", digits.trim_end_matches('0'))
    }
}

impl fmt::Display for Quantile {
    /// `p99.9`
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = BILLION - self.beyond;
        let (whole, rest) = (level / 10_000_000, format!("{:07}", level % 10_000_000));
        let rest = rest.trim_end_matches('0');
        if rest.is_empty() { write!(out, "p{whole}") } else { write!(out, "p{whole}.{rest}") }
    }
}

impl FromStr for Quantile {
    type Err = String;

    /// `p99.9`, `99.9%` or `0.999`.
    fn from_str(text: &str) -> Result<Quantile, String> {
        let refuse = || format!("'{}' is no quantile: write p99.9, 99.9% or 0.999", text.escape_debug());
        let (digits, percent) = match (text.strip_prefix(['p', 'P']), text.strip_suffix('%')) {
            (Some(_), Some(_)) => return Err(refuse()),
            (Some(digits), None) | (None, Some(digits)) => (digits, true),
            (None, None) => (text, false),
        };
        let level = Exact::parse(digits.as_bytes(), 3).map_err(|_| refuse())?;
        // In units of 10⁻¹⁸, a billionth of a whole is 10⁹, and of a hundred 10¹¹.
        let unit = if percent { 100_000_000_000 } else { 1_000_000_000 };
        if level.fine() != 0 || level.coarse() % unit != 0 {
            return Err(refuse());
        }
        let level = u32::try_from(level.coarse() / unit).map_err(|_| refuse())?;
        if level == 0 || level >= BILLION { Err(refuse()) } else { Ok(Quantile { beyond: BILLION - level }) }
    }
}

/// A latency as documents write it: `250ms`, `2.9s`, `800us`, `15ns`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Nanoseconds(pub u64);

/// Units of latency, longest first, and their nanoseconds.
const LATENCIES: [(&str, u64); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

impl fmt::Display for Nanoseconds {
    /// In the longest unit in which it is whole.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = LATENCIES.iter().find(|(_, nanos)| self.0 > 0 && self.0.is_multiple_of(*nanos));
        let (unit, nanos) = whole.unwrap_or(&LATENCIES[3]);
        write!(out, "{}{unit}", self.0 / nanos)
    }
}

impl FromStr for Nanoseconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Nanoseconds, String> {
        let refuse = || format!("'{}' is no latency such as 250ms, 2.9s or 800us", text.escape_debug());
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let (_, nanos) = LATENCIES.iter().find(|(unit, _)| *unit == &text[digits.len()..]).ok_or_else(refuse)?;
        let amount = Exact::parse(digits.as_bytes(), 19).map_err(|_| refuse())?;
        let scaled = amount.coarse().checked_mul(i128::from(*nanos)).ok_or_else(refuse)?;
        let one = leap_terms::exact::COARSE_PER_WHOLE;
        if amount.fine() != 0 || scaled <= 0 || scaled % one != 0 {
            return Err(refuse());
        }
        u64::try_from(scaled / one).map(Nanoseconds).map_err(|_| refuse())
    }
}
