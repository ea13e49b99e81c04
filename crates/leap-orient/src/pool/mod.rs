//! Pools: shared platforms, the drivers that measure who uses them, and the journal that shares their cost.
//!
//! ```text
//! 2026-09-01  kafka  USD    residual:pool:kafka  pool   -100.00
//!                           payments             use      28.67
//!                           search               use      41.33
//!                           residual:pool:kafka  idle     30.00
//! ```
//! Attribution stays as it is: the pool's charges belong to `residual:pool:kafka`. Sharing is a journal on top, per day,
//! pool, currency and each of the four costs, whose lines add up to zero; so switching it on or off never changes a total.
//!
//! Reading order: [`split`] (the law of splits), [`policy`] (`pools.yaml`), [`measured`] (driver files),
//! [`kubernetes`] (weights from usage reports), [`facts`] (the costs that take part), [`driver`] (weights of a pool on a
//! day), [`solve`] (pools that use pools), [`benefit`] (benefits of commitments, averaged), [`journal`] (the lines), [`history`]
//! (policies that follow each other in time) and [`mod@explain`] (why lines are what they are).
//!
//! What is absent on purpose: prices, forecasts, and any say of which charges a pool collects; rules say that.

pub mod benefit;
pub mod driver;
mod drivers;
pub mod explain;
pub mod facts;
mod heads;
pub mod history;
pub mod journal;
pub mod kubernetes;
pub mod measured;
pub mod policy;
mod read;
mod relations;
mod rows;
pub mod solve;
pub mod split;
mod sums;

#[cfg(test)]
mod tests;

pub use driver::HeadCounts;
pub use explain::{Explanation, explain};
pub use facts::{FactRow, Facts};
pub use history::Policies;
pub use journal::{Journal, Line, LineKind, ShareError, share};
pub use measured::DriverFile;
pub use policy::{Pool, Pools, ReadDriver};
