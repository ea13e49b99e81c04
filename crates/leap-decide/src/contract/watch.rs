//! Windows of one clause as they arrive: in any order, late, and restated.
//!
//! ```text
//! window of 17:00, revision 1: a miss      closed at 20:00 (18:00 + 2h)
//! the same window, revision 2: met         → everything from 17:00 on is worked out again
//! ```
//! What is known is the newest revision of each window, and how far windows are closed; both only grow, so any order of
//! arrival ends in the same state. The clock is run anew over all windows: a year of hours is 8,760.

use std::collections::BTreeMap;

use leap_terms::{Day, Instant, Period};

use super::clock::{Class, Event, History, Timing, replay};
use super::{Clause, Reading};
use crate::seconds::Seconds;

/// All that is known of one clause's windows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Watch {
    /// By start; with the revision that says it.
    windows: BTreeMap<Instant, (u64, Reading)>,
    closed: Option<Instant>,
}

/// How a replay differs from the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Correction {
    /// Late data show that this happened too.
    Added(Event),
    /// By late data this did not happen.
    NotConfirmed(Event),
}

impl Watch {
    /// Takes in a window; `at` is any instant in it. Of two revisions the higher one holds; of two readings with one
    /// revision, which nobody should send, the same one in every order.
    pub fn record(&mut self, timing: &Timing, at: Instant, revision: u64, reading: Reading) {
        let held = self.windows.entry(timing.window_of(at)).or_insert_with(|| (revision, reading.clone()));
        if (revision, &reading) > (held.0, &held.1) {
            *held = (revision, reading);
        }
    }

    /// The time of events has come to an instant. Earlier ones than before change nothing: a clock that jumps back
    /// opens no window again.
    pub fn advance(&mut self, timing: &Timing, event_time: Instant) {
        self.closed = self.closed.max(Some(timing.closed(event_time)));
    }

    /// The instant before which all windows are closed; none before time was told.
    pub fn closed(&self) -> Option<Instant> {
        self.closed
    }

    /// What the windows say, from the beginning of the contract's term, or of the data where the term has no
    /// beginning, to the term's end or as far as windows are closed. None while no window is closed.
    pub fn history(&self, clause: &Clause, term: Period) -> Option<History> {
        let (start, closed) = self.span(clause, term)?;
        let windows = self.windows.range(start..closed).map(|(at, (_, reading))| (*at, reading));
        Some(replay(&clause.timing, (start, closed), clause.classify(windows)))
    }

    /// The closed windows that [`Watch::history`] judges, in order, with what they are; silent ones are not there.
    pub fn judged<'w>(&'w self, clause: &Clause, term: Period) -> Vec<(Instant, &'w Reading, Class)> {
        let Some((start, closed)) = self.span(clause, term) else { return Vec::new() };
        let windows = || self.windows.range(start..closed).map(|(at, (_, reading))| (*at, reading));
        let mut readings = windows();
        let with = |(at, class): (Instant, Class)| {
            readings.find(|(start, _)| *start == at).map(|(at, reading)| (at, reading, class))
        };
        clause.classify(windows()).into_iter().filter_map(with).collect()
    }

    /// From when until when windows are judged; both are starts of windows.
    fn span(&self, clause: &Clause, term: Period) -> Option<(Instant, Instant)> {
        let timing = &clause.timing;
        let (from, until) = (Instant::start_of(term.from()), Instant::start_of(term.until()));
        let start = if term.from() <= Day::EARLIEST {
            *self.windows.keys().next()?
        } else {
            // A term begins with its first whole window.
            let start = timing.window_of(from);
            if start < from { start.plus_seconds(timing.window.count()) } else { start }
        };
        let closed = self.closed?.min(timing.window_of(until));
        (closed > start).then_some((start, closed))
    }
}

/// What a replay corrects in the one before, in the order of time.
pub fn corrections(before: &History, now: &History) -> Vec<Correction> {
    let same = |one: &Event, other: &Event| (one.at, one.kind) == (other.at, other.kind);
    let gone = before.events.iter().filter(|old| !now.events.iter().any(|new| same(old, new)));
    let new = now.events.iter().filter(|new| new.at <= before.until && !before.events.iter().any(|old| same(old, new)));
    let mut all: Vec<(Instant, Correction)> = gone
        .map(|event| (event.at, Correction::NotConfirmed(*event)))
        .chain(new.map(|event| (event.at, Correction::Added(*event))))
        .collect();
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, correction)| correction).collect()
}

/// For how long a clause may be false until something is open, seen from where it stands: what a page shows beside
/// the clock.
pub fn left(history: &History, timing: &Timing) -> Seconds {
    Seconds::new(timing.grace.count() - history.clock.count()).unwrap_or_default()
}
