//! The sample company and the independent auditor.
//!
//! - [`company`]: a made-up company of hundreds of teams, with months of believable FOCUS deliveries, an org, rules,
//!   and the true owner of every row; small random bills for property tests; large bills for benchmarks.
//! - [`series`]: cost series with events whose days are known, for drift and forecast.
//! - [`audit`]: recomputes what leap says from the raw files, by a second and simpler path.
//!
//! ```text
//! seed 7, 800 teams, 18 months  →  deliveries/ org.yaml rules.yaml owners.csv truth/
//! ```
//!
//! What is absent on purpose: any other crate of leap but `leap-terms`, and a clock: a seed gives the same bytes.

pub mod audit;
pub mod company;
pub mod series;
