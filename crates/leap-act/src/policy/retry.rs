//! What follows an attempt: done, again at a time, or a dead letter.
//!
//! ```text
//! wait(n) = min(10 s · 2^(n−1), 1 h) + jitter of up to a quarter     after the n-th attempt
//! ```
//! `Retry-After` counts where it is later. A message is tried for 24 hours, with a last attempt at their end; then it
//! is a dead letter with its last reason, which people see and may send again.

use std::fmt;

use leap_terms::Instant;
use serde::{Deserialize, Serialize};

use super::later;
use super::outcome::Outcome;
use crate::limits::{RETRY_FIRST_SECONDS, RETRY_FOR_SECONDS, RETRY_LONGEST_SECONDS};

/// A random share, so that what failed together is not tried together: of `u32::MAX`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Jitter(pub u32);

impl Jitter {
    /// This share of so many microseconds.
    fn of(self, micros: i64) -> i64 {
        let share = i128::from(micros) * i128::from(self.0) / i128::from(u32::MAX);
        i64::try_from(share).unwrap_or(micros)
    }
}

/// What follows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// Nothing more.
    Done,
    /// Another attempt, not before then.
    Again(Instant),
    /// It was not tried: it waits until then. The attempt does not count.
    Held(Instant, Hold),
    /// Given up, and why.
    Dead(String),
}

/// Why a message waits that was not tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// Quiet hours.
    Quiet,
    /// Its team had as many nudges as it gets.
    Cap,
    /// It goes with others, later.
    Digest,
    /// Its destination fails and is left alone.
    Breaker,
    /// An earlier message of its thread has not arrived.
    Order,
    /// The claim ended before its turn.
    Lease,
    /// Somebody stopped all acting.
    Stopped,
}

impl Hold {
    /// True where waiting is meant, so that the 24 hours of attempts begin when it ends.
    pub fn begins_anew(self) -> bool {
        match self {
            Hold::Quiet | Hold::Cap | Hold::Digest => true,
            Hold::Breaker | Hold::Order | Hold::Lease | Hold::Stopped => false,
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Hold::Quiet => "quiet hours",
            Hold::Cap => "the team had as many nudges as it gets",
            Hold::Digest => "it goes out with others in a digest",
            Hold::Breaker => "its destination fails and is left alone for a while",
            Hold::Order => "an earlier message of the same thing has not arrived yet",
            Hold::Lease => "its turn did not come in time",
            Hold::Stopped => "somebody stopped all acting",
        })
    }
}

/// When the attempts of a message end that was due first at `since`.
pub fn deadline(since: Instant) -> Instant {
    later(since, RETRY_FOR_SECONDS)
}

/// What follows the `attempt`-th attempt (from 1) of a message that was due first at `since`.
pub fn after(attempt: u32, since: Instant, outcome: &Outcome, now: Instant, jitter: Jitter) -> Next {
    let failure = match outcome {
        Outcome::Delivered(_) | Outcome::Skipped(_) => return Next::Done,
        Outcome::Failed(failure) => failure,
    };
    if !failure.cause.may_pass() {
        return Next::Dead(failure.said.clone());
    }
    let end = deadline(since);
    if now >= end {
        return Next::Dead(format!("{}; it was tried {attempt} times in 24 hours", failure.said));
    }
    let doublings = attempt.saturating_sub(1).min(20);
    let wait = (RETRY_FIRST_SECONDS << doublings).min(RETRY_LONGEST_SECONDS) * 1_000_000;
    let at = Instant::from_micros(now.micros().saturating_add(wait + jitter.of(wait / 4)));
    Next::Again(failure.not_before.map_or(at, |not_before| at.max(not_before)).min(end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::at;
    use super::super::outcome::{Cause, Failure};
    use super::*;

    const SINCE: &str = "2026-09-17T08:00:00Z";

    fn failed(cause: Cause, not_before: Option<&str>) -> Outcome {
        Outcome::Failed(Failure { cause, said: "no".to_owned(), not_before: not_before.map(at) })
    }

    #[test]
    fn waits_double_up_to_an_hour() {
        let cases = [
            (1, 0, "08:00:10"),
            (2, 0, "08:00:20"),
            (3, 0, "08:00:40"),
            (8, 0, "08:21:20"),
            (9, 0, "08:42:40"),
            (10, 0, "09:00:00"),
            (4_000_000_000, 0, "09:00:00"),
            (1, u32::MAX, "08:00:12.500000"),
            (2, u32::MAX / 2, "08:00:22.499999"),
            (10, u32::MAX, "09:15:00"),
        ];
        for (attempt, jitter, wanted) in cases {
            let next = after(attempt, at(SINCE), &failed(Cause::Broken, None), at(SINCE), Jitter(jitter));
            assert_eq!(next, Next::Again(at(&format!("2026-09-17T{wanted}Z"))), "{attempt} {jitter}");
        }
    }

    #[test]
    fn what_follows_each_cause() {
        let next = |outcome: &Outcome, now: &str| after(1, at(SINCE), outcome, at(now), Jitter(0));
        let soon = Next::Again(at("2026-09-17T08:00:10Z"));
        for cause in [Cause::Busy, Cause::Broken, Cause::Unreachable, Cause::Uncertain, Cause::Disk] {
            assert_eq!(next(&failed(cause, None), SINCE), soon, "{cause:?}");
        }
        for cause in [Cause::Refused, Cause::Blocked] {
            assert_eq!(
                next(&failed(cause, Some("2026-09-17T09:00:00Z")), SINCE),
                Next::Dead("no".to_owned()),
                "{cause:?}"
            );
        }
        assert_eq!(next(&Outcome::Delivered(String::new()), SINCE), Next::Done);
        assert_eq!(next(&Outcome::Skipped(String::new()), SINCE), Next::Done);
        let asked = |text: &str| next(&failed(Cause::Busy, Some(text)), SINCE);
        assert_eq!(asked("2026-09-17T08:00:05Z"), soon);
        assert_eq!(asked("2026-09-17T10:00:00Z"), Next::Again(at("2026-09-17T10:00:00Z")));
        // Longer than a message is tried: a last attempt at the end.
        assert_eq!(asked("2026-10-17T10:00:00Z"), Next::Again(at("2026-09-18T08:00:00Z")));
        assert_eq!(
            next(&failed(Cause::Busy, None), "2026-09-18T08:00:00Z"),
            Next::Dead("no; it was tried 1 times in 24 hours".to_owned())
        );
    }

    proptest! {
        #[test]
        fn a_message_that_always_fails_is_dead_after_a_day_and_not_before(
            jitters in prop::collection::vec(any::<u32>(), 64),
        ) {
            let (since, mut now, mut attempt) = (at(SINCE), at(SINCE), 0_u32);
            let mut jitters = jitters.into_iter().cycle();
            loop {
                attempt += 1;
                match after(attempt, since, &failed(Cause::Broken, None), now, Jitter(jitters.next().unwrap())) {
                    Next::Again(then) => {
                        prop_assert!(then > now && then <= deadline(since));
                        prop_assert!(then.micros() - now.micros() <= 4_500 * 1_000_000);
                        now = then;
                    }
                    Next::Dead(_) => break,
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            prop_assert_eq!(now, deadline(since));
            prop_assert!((26..=35).contains(&attempt), "{}", attempt);
        }
    }
}
