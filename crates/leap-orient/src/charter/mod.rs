//! Spend against the business: in basis points of business volume, and in engineers.
//!
//! ```text
//! 4,182,046.38 USD · 10,000 ÷ 1,004,812,000 USD   = 41.62 bps
//! 4,182,046.38 USD ÷ (25,000 USD · 1 month)       = 167.3 engineers
//! ```
//! Reading order: [`Volume`] (the facts, and the file that they come from), [`Ratio`] (exact quotients), [`measures`]
//! (what spend is in each, and what a change of basis points is made of).
//!
//! Nothing is rounded before it is shown, and no figure stands for days that only one side of a quotient has: which days
//! these are is for the caller to say.

pub mod measures;
mod volume;

pub use leap_terms::Ratio;
pub use measures::{BpsChange, Months, bps, engineers};
pub use volume::{Metric, Over, Volume, VolumeChange};
