//! Requests counted by windows against thresholds (`orient::tail::windows`), as readings that clauses are judged by.

use leap_decide::contract::Reading;
use leap_decide::seconds::Seconds;
use leap_orient::latency::RequestRow;
use leap_orient::tail::windows::{Counter, Windows};
use leap_terms::Instant;

/// Nanoseconds of a second.
const SECOND_NS: u64 = 1_000_000_000;

/// Windows of a length.
pub(crate) fn of(length: Seconds) -> Windows {
    Windows::new(u64::try_from(length.count()).unwrap_or(1).saturating_mul(SECOND_NS))
}

/// Counts a request.
pub(crate) fn add(windows: &mut Windows, row: &RequestRow) {
    windows.add(row.start_ns, row.latency_ns, row.weight);
}

/// Windows with requests against a threshold, in order, by their starts.
pub(crate) fn readings(windows: &Windows, threshold_ns: u64) -> Vec<(Instant, Reading)> {
    let start = |ns: u64| Instant::from_micros(i64::try_from(ns / 1_000).unwrap_or(i64::MAX));
    let reading = |one: Counter| Reading::Counts { requests: one.requests, weight: one.weight, bad: one.bad };
    windows.counters(threshold_ns).into_iter().map(|(ns, counter)| (start(ns), reading(counter))).collect()
}
