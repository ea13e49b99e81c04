//! How well drift is found and cost is forecast: figures beside those of others and beside their aims.
//!
//! ```text
//! costdrift, 40 series; threshold 3
//!   whole days      F1 0.770  precision 0.76  recall 0.782  false/series-month 0.128  days 1.85  cost 0.602
//! ```
//! The parts are in `crates/leap-decide/examples/bench_drift`. Series with labels are those that are staged beside the
//! repository, or in the folder that is named; generated ones are scored in any case.

use std::process::Command;

use crate::{cargo, root, run};

/// `cargo xtask bench drift|forecast [SHARED_DATA]`.
pub(crate) fn run_part(part: &str, rest: &[&str]) -> Result<(), String> {
    if rest.len() > 1 {
        return Err(format!("bench {part} takes one folder at most"));
    }
    run(&mut cargo(&["build", "--locked", "--release", "--package", "leap-decide", "--example", "bench_drift"]))?;
    run(Command::new(root().join("target/release/examples/bench_drift")).arg(part).args(rest))
}
