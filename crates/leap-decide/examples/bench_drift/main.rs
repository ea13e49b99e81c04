//! How well drift is found and cost is forecast, beside others and beside the aims.
//!
//! ```text
//! bench_drift drift [SHARED_DATA]       alerts on costdrift and on generated series: F1, recall, false alerts, cost
//! bench_drift forecast [SHARED_DATA]    28 days at many origins: errors of totals and days, bounds
//! bench_drift watch                     a new day for 48,000 series whose states were kept
//! ```
//! Others' figures are those of the reference, each with its threshold tuned on these very series. Ours are of one
//! frozen set of settings for all series. Labels are read here, by the scorer, and nowhere else.

mod data;
mod drift;
mod forecast;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let part = words.next().unwrap_or_default();
    let shared = words
        .next()
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    match part.as_str() {
        "drift" => drift::run(&shared),
        "forecast" => forecast::run(&shared),
        "watch" => watch::run(),
        _ => {
            eprintln!("usage: bench_drift drift|forecast [SHARED_DATA], or bench_drift watch");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
