//! How many requests an hour had and how many were over the objective.
//!
//! ```text
//! (charge-api, hour 494,832, 250 ms) → 100,000 requests, 101 over
//! ```
//! Two numbers say exactly whether a quantile was over a threshold, and unlike quantiles they add up: over hours, over
//! shards, and in any order. The hour is that of the root's start, UTC.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::super::quantile::{Quantile, Units};

/// Nanoseconds of an hour.
pub const HOUR_NS: u64 = 3_600_000_000_000;

/// The hour since the epoch in which a request started.
pub fn hour_of(start_ns: u64) -> u64 {
    start_ns / HOUR_NS
}

/// Requests of one window against one threshold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counter {
    /// How many were seen, each counted once: what a judgement rests on.
    pub requests: u64,
    /// What they weigh, in [`Units`].
    pub weight: u128,
    /// What those over the threshold weigh, in [`Units`].
    pub bad: u128,
}

impl Counter {
    /// Of `n` unsampled requests with `bad` over the threshold, as a metric counts them; at most `n`.
    pub fn of(n: u64, bad: u64) -> Counter {
        let units = u128::from(Units::ONE.count());
        Counter { requests: n, weight: u128::from(n) * units, bad: u128::from(bad.min(n)) * units }
    }

    /// One request: bad where its latency is over the threshold (equal is met).
    pub fn of_request(latency_ns: u64, threshold_ns: u64, weight: Units) -> Counter {
        let weight = u128::from(weight.count());
        Counter { requests: 1, weight, bad: if latency_ns > threshold_ns { weight } else { 0 } }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Counter) -> Counter {
        Counter {
            requests: self.requests + other.requests,
            weight: self.weight + other.weight,
            bad: self.bad + other.bad,
        }
    }

    /// True when the nearest-rank quantile is over the threshold: bad > (1 − p) · n, exactly. For p99.9 of n equal
    /// requests that is bad > ⌊n/1000⌋.
    pub fn misses(self, p: Quantile) -> bool {
        p.beyond().cmp_part(self.bad, self.weight) == Ordering::Greater
    }
}

/// Counters of many APIs, hours and thresholds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counters<A: Ord> {
    /// By API, hour since the epoch, and threshold in ns.
    all: BTreeMap<(A, u64, u64), Counter>,
}

impl<A: Ord> Default for Counters<A> {
    fn default() -> Counters<A> {
        Counters { all: BTreeMap::new() }
    }
}

impl<A: Ord + Clone> Counters<A> {
    /// Counts a request that started then against each threshold.
    pub fn add(&mut self, api: &A, start_ns: u64, latency_ns: u64, weight: Units, thresholds_ns: &[u64]) {
        for threshold in thresholds_ns {
            let key = (api.clone(), hour_of(start_ns), *threshold);
            self.raise(key, Counter::of_request(latency_ns, *threshold, weight));
        }
    }

    /// Adds what was counted elsewhere.
    pub fn absorb(&mut self, other: &Counters<A>) {
        for (key, counter) in &other.all {
            self.raise(key.clone(), *counter);
        }
    }

    /// Adds one counter.
    pub fn raise(&mut self, key: (A, u64, u64), by: Counter) {
        let held = self.all.entry(key).or_default();
        *held = held.plus(by);
    }

    /// All of them, in order.
    pub fn all(&self) -> &BTreeMap<(A, u64, u64), Counter> {
        &self.all
    }

    /// The hours of an API against a threshold, in order.
    pub fn hours(&self, api: &A, threshold_ns: u64) -> impl Iterator<Item = (u64, Counter)> {
        let all = self.all.range((api.clone(), 0, 0)..=(api.clone(), u64::MAX, u64::MAX));
        all.filter(move |((_, _, threshold), _)| *threshold == threshold_ns)
            .map(|((_, hour, _), counter)| (*hour, *counter))
    }
}
