//! The tail of an API's latency as numbers that add up: quantiles, who they are made of, and what a change has done to
//! them.
//!
//! ```text
//! p99.9 of POST /v1/charges in August   4,612,000,000 ns = ledger 3,100,000,000 + payments 1,512,000,000
//! ```
//! Reading order: [`fraction`] and [`quantile`] (ranks without floats), [`apportion`] (whole numbers that add up),
//! [`composition`] (the p99.9 divided among its owners, from requests or from stored sums), [`sketch`] (the quantile of
//! whatever was counted elsewhere), [`pack`] (both as bytes), [`blame`] and [`shapley`] (who broke the objective, who
//! can repair it), [`evidence`] (is it really better?), [`windows`] (requests against thresholds). Whether an objective is kept over time is judged by
//! `leap_decide::contract`.
//!
//! Everything here is pure and integer: the same requests in any order give the same bits. Keys are generic; what they
//! are (services, teams, kinds) and how traces become [`composition::Request`]s is the business of the caller.

pub mod apportion;
pub mod blame;
pub mod composition;
pub mod evidence;
pub mod fraction;
pub mod pack;
pub mod quantile;
pub mod shapley;
pub mod sketch;
pub mod windows;

pub use composition::{Band, Composition, Request};
pub use fraction::Fraction;
pub use quantile::{Quantile, Units};
pub use sketch::Sketch;

/// What cannot be computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TailError {
    /// 2¹⁰⁸ request-nanoseconds are 10¹⁶ years of waiting: the input is broken.
    #[error("sum the time of requests: more than 2^108 weighted nanoseconds")]
    TooLarge,
    /// Attribution gave slices that do not partition the request.
    #[error("compose the tail: the parts of a request of {latency_ns} ns add up to {parts_ns} ns")]
    NotItsSum {
        /// The request's latency.
        latency_ns: u64,
        /// What its parts add up to.
        parts_ns: u128,
    },
    /// Parts must come sorted by key, each key once.
    #[error("compose the tail: the parts of a request of {latency_ns} ns are not sorted by distinct keys")]
    NotSorted {
        /// The request's latency.
        latency_ns: u64,
    },
    /// Stored bytes are broken.
    #[error(transparent)]
    Unreadable(pack::Unreadable),
    /// Budgets of teams may not exceed the objective.
    #[error("blame a miss: budgets add up to {budgets_ns} ns, over the objective of {objective_ns} ns")]
    OverBudget {
        /// What they add up to.
        budgets_ns: u128,
        /// What they may add up to.
        objective_ns: u64,
    },
}
