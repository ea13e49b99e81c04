//! How well drift is found and cost is forecast, beside others and beside the aims.
//!
//! ```text
//! bench_drift drift [SHARED_DATA]       alerts on costdrift and on generated series: F1, recall, false alerts, cost
//! bench_drift forecast [SHARED_DATA]    28 days at many origins: errors of totals and days, bounds
//! ```
//! Others' figures are those of the reference, each with its threshold tuned on these very series. Ours are of one
//! frozen set of settings for all series. Labels are read here, by the scorer, and nowhere else.

mod data;
mod drift;
mod forecast;

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
        _ => {
            eprintln!("usage: bench_drift drift|forecast [SHARED_DATA]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
