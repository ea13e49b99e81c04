//! Is "4.6 s → 2.9 s" true? Intervals, tests and a verdict that says why it refuses.
//!
//! ```text
//! before 4.61 4.55 4.72 4.48 4.66 4.59 4.70, after 2.95 2.88 3.02 2.91 2.79 2.90 2.97 (s a day)
//! U = 49, p = 1/3432, shift 1.70 s
//! ```
//! [`ranks`] (how well a quantile is known from n requests), [`ranksum`] (did the days move, and by how much),
//! [`early`] (an answer that may be read at any time), [`mix`] (other requests are no improvement), [`verdict`] (all of
//! it together, with the guards). No floating-point number is involved: probabilities are exact fractions or integers
//! in fixed point with a stated error.

pub mod chance;
pub mod early;
pub mod mix;
pub mod ranks;
pub mod ranksum;
pub mod verdict;

pub use chance::Chance;
pub use early::LnE;
pub use ranks::{Interval, Ranks};
pub use ranksum::RankSum;
pub use verdict::{Case, Outcome, Refusal, Verdict};

#[cfg(test)]
mod tests;
