//! When a message goes out, how often it is tried, and when it is given up. All of it pure: the present and a random
//! share are arguments.
//!
//! Reading order: [`outcome`] (what came of an attempt), [`retry`] (what follows), [`breaker`] (a destination that
//! fails is left alone), [`zone`] and [`quiet`] (hours in which nobody is disturbed), [`cap`] (how many nudges a team
//! gets), [`digest`] (several in one), [`arrange`] (all of these over the rows that are due).

pub mod arrange;
pub mod breaker;
pub mod cap;
pub mod digest;
pub mod outcome;
pub mod quiet;
pub mod retry;
pub mod zone;

pub use arrange::{Due, Step, arrange};
pub use breaker::Breaker;
pub use cap::Cap;
pub use digest::DigestTimes;
pub use outcome::{Cause, Failure, Outcome, Service};
pub use quiet::QuietHours;
pub use retry::{Hold, Jitter, Next};
pub use zone::Zone;

use leap_terms::Instant;

/// How nudges of one destination are held.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Manners {
    /// Hours without nudges.
    pub quiet: Option<QuietHours>,
    /// How many nudges a team gets.
    pub cap: Option<Cap>,
    /// When nudges come, all of a team in one.
    pub digest: Option<DigestTimes>,
}

/// `instant` and so many seconds.
pub(crate) fn later(instant: Instant, seconds: i64) -> Instant {
    Instant::from_micros(instant.micros().saturating_add(seconds.saturating_mul(1_000_000)))
}

#[cfg(test)]
pub(crate) fn at(text: &str) -> Instant {
    text.parse().unwrap()
}
