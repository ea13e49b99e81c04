//! A destination that fails again and again is left alone for a while; then one message tries whether it is back.
//!
//! ```text
//! passes ──5 failures in a row──▶ shut for 60 s ──▶ one attempt ──fails──▶ shut for 120 s … 15 min
//!   ▲────────────────────────────────succeeds, or is refused───┘
//! ```

use leap_terms::Instant;

use super::later;
use super::outcome::{Cause, Failure, Outcome};
use crate::limits::{BREAKER_FAILURES, BREAKER_FIRST_SECONDS, BREAKER_LONGEST_SECONDS};

/// What is known of a destination. A new one passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Breaker {
    failures: u32,
    shut_until: Option<Instant>,
}

/// How many messages may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pass {
    /// All.
    All,
    /// One, to see whether the destination is back.
    One,
    /// None until then.
    NoneUntil(Instant),
}

impl Breaker {
    /// How many messages may go now.
    pub fn pass(&self, now: Instant) -> Pass {
        match self.shut_until {
            None => Pass::All,
            Some(until) if now < until => Pass::NoneUntil(until),
            Some(_) => Pass::One,
        }
    }

    /// Takes note of an attempt.
    pub fn note(&mut self, outcome: &Outcome, now: Instant) {
        let failed = match outcome {
            Outcome::Delivered(_) => false,
            // Nothing went there.
            Outcome::Skipped(_) => return,
            Outcome::Failed(failure) => match failure.cause {
                // It is there, and says no to this one.
                Cause::Refused => false,
                Cause::Blocked => return,
                Cause::Busy | Cause::Broken | Cause::Unreachable | Cause::Uncertain | Cause::Disk => true,
            },
        };
        if !failed {
            *self = Breaker::default();
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let longest = later(now, BREAKER_LONGEST_SECONDS);
        if let Outcome::Failed(Failure { cause: Cause::Busy, not_before: Some(not_before), .. }) = outcome {
            // It said itself for how long.
            self.shut_until = Some((*not_before).min(longest));
        }
        if self.failures >= BREAKER_FAILURES {
            let doublings = (self.failures - BREAKER_FAILURES).min(20);
            let wait = (BREAKER_FIRST_SECONDS << doublings).min(BREAKER_LONGEST_SECONDS);
            self.shut_until = Some(later(now, wait));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::at;
    use super::*;

    #[test]
    fn a_destination_that_fails_is_left_alone() {
        let now = at("2026-09-17T08:00:00Z");
        let failed = |cause| Outcome::failed(cause, "no");
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.note(&failed(Cause::Broken), now);
            assert_eq!(breaker.pass(now), Pass::All);
        }
        breaker.note(&failed(Cause::Blocked), now);
        breaker.note(&Outcome::Skipped(String::new()), now);
        assert_eq!(breaker.pass(now), Pass::All);
        breaker.note(&failed(Cause::Busy), now);
        assert_eq!(breaker.pass(now), Pass::NoneUntil(at("2026-09-17T08:01:00Z")));
        let minute = at("2026-09-17T08:01:00Z");
        assert_eq!(breaker.pass(minute), Pass::One);
        for wanted in ["08:03:00", "08:05:00", "08:09:00", "08:16:00", "08:16:00"] {
            breaker.note(&failed(Cause::Unreachable), minute);
            assert_eq!(breaker.pass(minute), Pass::NoneUntil(at(&format!("2026-09-17T{wanted}Z"))));
        }
        for good in [failed(Cause::Refused), Outcome::Delivered(String::new())] {
            let mut back = breaker;
            back.note(&good, minute);
            assert_eq!((back, back.pass(minute)), (Breaker::default(), Pass::All));
        }
    }

    #[test]
    fn a_destination_that_names_a_time_is_left_alone_until_then() {
        let now = at("2026-09-17T08:00:00Z");
        let until = |text: &str| {
            let not_before = Some(at(text));
            let mut breaker = Breaker::default();
            breaker.note(&Outcome::Failed(Failure { cause: Cause::Busy, said: String::new(), not_before }), now);
            breaker.pass(now)
        };
        assert_eq!(until("2026-09-17T08:00:30Z"), Pass::NoneUntil(at("2026-09-17T08:00:30Z")));
        assert_eq!(until("2026-09-17T18:00:00Z"), Pass::NoneUntil(at("2026-09-17T08:15:00Z")));
    }
}
