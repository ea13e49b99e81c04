//! "No p99.9 miss for over 48 hours, else an incident": exact counters per hour, and the machine that reads them.
//!
//! ```text
//! hour 17   100,000 requests, 101 over the objective: a miss (100 would be met)
//! 49 such hours                                     → incident_opened at the 49th
//! 40 such hours, 2 met, 7 such hours                → incident_opened: a blip does not reset
//! ```
//! [`counters`] counts; [`machine`] judges windows in order and has no memory but its state; [`watch`] takes counts as
//! they arrive, also late ones, replays the machine and says what the late ones changed. The only clock is the time of
//! events.

pub mod counters;
pub mod machine;
pub mod watch;

pub use counters::{Counter, Counters, hour_of};
pub use machine::{Class, Contract, Event, EventKind, Machine, State, Thin};
pub use watch::{Watch, WatchEvent};

#[cfg(test)]
mod tests;
