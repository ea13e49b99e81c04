//! Requests counted by windows against a threshold: what a judgement of an objective rests on.
//!
//! ```text
//! 17:00, windows of 1h, 250 ms → 100,000 requests, 101 of them over it
//! ```
//! Counts say exactly whether a quantile was over a threshold, and unlike quantiles they add up: over files, and in any
//! order. The window is that of the request's start, UTC.

use std::collections::HashMap;

use leap_decide::contract::Reading;
use leap_decide::seconds::Seconds;
use leap_orient::latency::RequestRow;
use leap_terms::Instant;

/// Nanoseconds of a second.
const SECOND_NS: u64 = 1_000_000_000;

/// What one window has.
#[derive(Clone, Copy, Default)]
struct Count {
    requests: u64,
    weight: u128,
    bad: u128,
}

/// Counters of all windows of one length against one threshold.
pub(crate) struct Windows {
    /// ns; above zero.
    length: u64,
    /// ns; equal is met.
    threshold: u64,
    /// By number of the window since the epoch.
    counts: HashMap<u64, Count>,
    over: u64,
}

impl Windows {
    /// Nothing counted.
    pub(crate) fn new(length: Seconds, threshold_ns: u64) -> Windows {
        let length = u64::try_from(length.count()).unwrap_or(1).max(1).saturating_mul(SECOND_NS);
        Windows { length, threshold: threshold_ns, counts: HashMap::new(), over: 0 }
    }

    /// Counts a request.
    pub(crate) fn add(&mut self, row: &RequestRow) {
        let weight = u128::from(row.weight.count());
        let is_over = row.latency_ns > self.threshold;
        let count = self.counts.entry(row.start_ns / self.length).or_default();
        count.requests += 1;
        count.weight += weight;
        count.bad += if is_over { weight } else { 0 };
        self.over += u64::from(is_over);
    }

    /// Requests that were counted, and those over the threshold, each once.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.counts.values().map(|count| count.requests).sum(), self.over)
    }

    /// Windows with requests, in order, by their starts.
    pub(crate) fn readings(&self) -> Vec<(Instant, Reading)> {
        let seconds = self.length / SECOND_NS;
        let start = |number: u64| {
            Instant::from_micros(0).plus_seconds(i64::try_from(number.saturating_mul(seconds)).unwrap_or(i64::MAX))
        };
        let mut all: Vec<(u64, Count)> = self.counts.iter().map(|(number, count)| (*number, *count)).collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        let reading = |Count { requests, weight, bad }| Reading::Counts { requests, weight, bad };
        all.into_iter().map(|(number, count)| (start(number), reading(count))).collect()
    }
}
