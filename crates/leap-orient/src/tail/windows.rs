//! Requests counted by windows of time against thresholds: what says exactly whether a quantile was over one of them.
//!
//! ```text
//! windows of 1 h, 250 ms: hour 17 → 100,000 requests, 101 of them over it
//! ```
//! Counts add up, which quantiles do not: over files, and in any order. The window is that of the request's start, UTC,
//! laid from the epoch on. Against many thresholds a request is counted once, in the span between two of them; how many
//! were over each is added up when somebody asks.

use std::collections::HashMap;

use super::quantile::Units;

/// Requests of one window against one threshold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counter {
    /// How many were seen, each counted once: what a judgement rests on.
    pub requests: u64,
    /// Those of them over the threshold; equal is met.
    pub over: u64,
    /// What they weigh, in [`Units`].
    pub weight: u128,
    /// What those over the threshold weigh, in [`Units`].
    pub bad: u128,
}

/// How many requests were over so many thresholds, and what they weigh.
type Bucket = (usize, u64, u128);

/// Counters of all windows of one length.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Windows {
    length_ns: u64,
    /// In order, each once.
    thresholds_ns: Vec<u64>,
    /// By number of the window since the epoch; buckets in order.
    counts: HashMap<u64, Vec<Bucket>>,
}

impl Windows {
    /// Windows of so many nanoseconds, at least one; against nothing yet.
    pub fn new(length_ns: u64) -> Windows {
        Windows { length_ns: length_ns.max(1), thresholds_ns: Vec::new(), counts: HashMap::new() }
    }

    /// Counts against this threshold, too. Only before the first request: what was counted is not counted again.
    pub fn against(&mut self, threshold_ns: u64) {
        if let (true, Err(at)) = (self.counts.is_empty(), self.thresholds_ns.binary_search(&threshold_ns)) {
            self.thresholds_ns.insert(at, threshold_ns);
        }
    }

    /// Counts a request.
    pub fn add(&mut self, start_ns: u64, latency_ns: u64, weight: Units) {
        let over = self.thresholds_ns.partition_point(|threshold| *threshold < latency_ns);
        let buckets = self.counts.entry(start_ns / self.length_ns).or_default();
        let weight = u128::from(weight.count());
        match buckets.binary_search_by_key(&over, |(own, ..)| *own) {
            Ok(at) => {
                buckets[at].1 += 1;
                buckets[at].2 += weight;
            }
            Err(at) => buckets.insert(at, (over, 1, weight)),
        }
    }

    /// Windows with requests, in order, by their starts in ns; none where the threshold is none that was counted
    /// against.
    pub fn counters(&self, threshold_ns: u64) -> Vec<(u64, Counter)> {
        let Ok(at) = self.thresholds_ns.binary_search(&threshold_ns) else { return Vec::new() };
        let counter = |buckets: &[Bucket]| {
            let mut counter = Counter::default();
            for (over, requests, weight) in buckets {
                counter.requests += requests;
                counter.weight += weight;
                if *over > at {
                    counter.over += requests;
                    counter.bad += weight;
                }
            }
            counter
        };
        let start = |number: &u64| number.saturating_mul(self.length_ns);
        let mut all: Vec<(u64, Counter)> =
            self.counts.iter().map(|(number, buckets)| (start(number), counter(buckets))).collect();
        all.sort_unstable_by_key(|(start, _)| *start);
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_is_met_and_windows_begin_at_the_epoch() {
        let hour = 3_600_000_000_000;
        let mut windows = Windows::new(hour);
        [1_000, 250, 250].into_iter().for_each(|threshold| windows.against(threshold));
        for (start, latency) in [(hour - 1, 300), (hour, 250), (hour + 5, 251), (3 * hour, 2_000)] {
            windows.add(start, latency, Units::requests(2));
        }
        let weight = |requests: u128| requests << 20;
        let counter = |requests: u64, over: u64| Counter {
            requests,
            over,
            weight: weight(2 * u128::from(requests)),
            bad: weight(2 * u128::from(over)),
        };
        assert_eq!(windows.counters(250), [(0, counter(1, 1)), (hour, counter(2, 1)), (3 * hour, counter(1, 1))]);
        assert_eq!(windows.counters(1_000).last(), Some(&(3 * hour, counter(1, 1))));
        assert_eq!(windows.counters(1_000)[0], (0, counter(1, 0)));
        assert_eq!(windows.counters(7), [], "it was not counted against");
        windows.against(7);
        assert_eq!(windows.counters(7), [], "nor afterwards");
    }

    proptest! {
        #[test]
        fn counters_are_those_of_each_threshold_alone_in_any_order(
            requests in prop::collection::vec((0_u64..40, 0_u64..12, 1_u32..5), 0..60),
            thresholds in prop::collection::vec(0_u64..12, 1..6),
            turn in 0_usize..60,
        ) {
            let mut windows = Windows::new(10);
            thresholds.iter().for_each(|threshold| windows.against(*threshold));
            let mut turned = requests.clone();
            turned.rotate_left(turn.min(requests.len()));
            turned.iter().for_each(|(start, latency, weight)| windows.add(*start, *latency, Units::requests(*weight)));
            for threshold in &thresholds {
                let mut expected = std::collections::BTreeMap::<u64, Counter>::new();
                for (start, latency, weight) in &requests {
                    let counter = expected.entry(start / 10 * 10).or_default();
                    let weight = u128::from(Units::requests(*weight).count());
                    counter.requests += 1;
                    counter.weight += weight;
                    counter.over += u64::from(latency > threshold);
                    counter.bad += if latency > threshold { weight } else { 0 };
                }
                prop_assert_eq!(windows.counters(*threshold), expected.into_iter().collect::<Vec<_>>());
            }
        }
    }
}
