//! How much of a day's cost is known how soon, learned from days that are wholly known by now.
//!
//! ```text
//! one day after: 0.90 ± 0.04    two days after: 0.98 ± 0.01    then: all of it
//! ```

use std::collections::VecDeque;

use crate::robust::{median, spread};
use crate::series::{Vintage, size};

/// Days that are remembered.
const DAYS: usize = 90;
/// Fewer of them say nothing.
const ENOUGH: usize = 7;

/// Which share of a day's cost is known, and how much that share varies.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Completeness {
    /// The share, above 0; 1 is all.
    pub share: f64,
    /// A standard deviation of its logarithm.
    pub spread: f64,
    /// True where nothing is expected to be missing or to change any more.
    pub whole: bool,
}

impl Completeness {
    /// All is known.
    pub const WHOLE: Completeness = Completeness { share: 1.0, spread: 0.0, whole: true };
}

/// The completeness of a source by age, learned from its past alone.
#[derive(Clone, Debug, Default)]
pub struct Lateness {
    /// By age from 1, logarithms of known over whole, oldest first.
    seen: Vec<VecDeque<f64>>,
}

impl Lateness {
    /// Learns from a day that is wholly known by now. Days without cost say nothing.
    pub fn learn(&mut self, vintage: &Vintage) {
        let whole = size(vintage.whole);
        for (at, known) in vintage.known.iter().enumerate() {
            let known = size(*known);
            if self.seen.len() <= at {
                self.seen.push(VecDeque::new());
            }
            if known > 0.0 && whole > 0.0 {
                self.seen[at].push_back((known / whole).ln());
                if self.seen[at].len() > DAYS {
                    self.seen[at].pop_front();
                }
            }
        }
    }

    /// The completeness of days of an age, 1 being the day after. While little is known of a source, its days count as
    /// they are, and vary a lot.
    pub fn of(&self, age: usize) -> Completeness {
        let unknown = Completeness { share: 1.0, spread: 0.1, whole: false };
        let Some(seen) = age.checked_sub(1).and_then(|at| self.seen.get(at)).filter(|seen| seen.len() >= ENOUGH) else {
            return unknown;
        };
        let mut logs: Vec<f64> = seen.iter().copied().collect();
        let middle = median(&mut logs);
        Completeness { share: middle.exp(), spread: spread(&logs, middle), whole: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::estimate;

    #[test]
    fn shares_are_learned_by_age() {
        let mut lateness = Lateness::default();
        assert_eq!(lateness.of(1).share, 1.0);
        for day in 0..20 {
            let late = if day == 4 { 20.0 } else { 90.0 };
            lateness.learn(&Vintage { known: vec![estimate(late), estimate(98.0)], whole: estimate(100.0) });
        }
        lateness.learn(&Vintage { known: vec![estimate(0.0)], whole: estimate(0.0) });
        assert!((lateness.of(1).share - 0.9).abs() < 1e-9 && (lateness.of(2).share - 0.98).abs() < 1e-9);
        assert_eq!(lateness.of(9).share, 1.0);
    }
}
