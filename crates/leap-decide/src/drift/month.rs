//! Effects of days of the month (fees on the first) and of holidays.
//!
//! ```text
//! first of March +0.64, first of April +0.68  →  the first of May is expected 0.66 above an ordinary day
//! ```

use std::collections::{BTreeSet, VecDeque};

use leap_terms::Day;

use crate::robust::median;

/// Days that may have an effect of their own: the first three of a month and its last.
const PLACES: usize = 4;
/// Months that are remembered.
const MONTHS: usize = 6;
/// An effect is at least this large, as a logarithm, …
const LEAST: f64 = 0.1;
/// … and this many times as large as it varies between months.
const STEADY: f64 = 3.0;
/// How much an effect varies at least.
const FLOOR: f64 = 0.02;
/// How many times the noise of an ordinary day an effect is at least.
const CLEAR: f64 = 2.0;

/// What is known of such days.
#[derive(Clone, Debug, Default)]
pub(super) struct MonthDays {
    dated: bool,
    seen: [VecDeque<f64>; PLACES],
    effect: [f64; PLACES],
    holidays: BTreeSet<Day>,
    holiday_seen: VecDeque<f64>,
}

impl MonthDays {
    /// Of a series with or without dates.
    pub(super) fn new(dated: bool) -> MonthDays {
        MonthDays { dated, ..MonthDays::default() }
    }

    /// Notes a holiday.
    pub(super) fn holiday(&mut self, day: Day) {
        self.holidays.insert(day);
    }

    /// True for a holiday.
    pub(super) fn is_holiday(&self, day: Day) -> bool {
        self.holidays.contains(&day)
    }

    /// How far a day is expected from an ordinary one; `None` for a holiday while too few were seen.
    pub(super) fn effect(&self, day: Day) -> Option<f64> {
        let month = self.place(day).map_or(0.0, |place| self.effect[place]);
        if !self.is_holiday(day) {
            return Some(month);
        }
        let mut seen: Vec<f64> = self.holiday_seen.iter().copied().collect();
        (seen.len() >= 2).then(|| median(&mut seen))
    }

    /// Learns how far a day was from an ordinary one, `noise` being how far ordinary days are.
    pub(super) fn learn(&mut self, day: Day, distance: f64, noise: f64) {
        if self.is_holiday(day) {
            push(&mut self.holiday_seen, distance);
            return;
        }
        let Some(place) = self.place(day) else { return };
        push(&mut self.seen[place], distance);
        let mut seen: Vec<f64> = self.seen[place].iter().copied().collect();
        if seen.len() < 2 {
            return;
        }
        let middle = median(&mut seen);
        let mut distances: Vec<f64> = seen.iter().map(|value| (value - middle).abs()).collect();
        let varies = median(&mut distances).max(FLOOR);
        let steady = middle.abs() > LEAST && middle.abs() > STEADY * varies && middle.abs() > CLEAR * noise;
        self.effect[place] = if steady { middle } else { 0.0 };
    }

    fn place(&self, day: Day) -> Option<usize> {
        if !self.dated {
            return None;
        }
        match day.ymd().2 {
            first @ 1..=3 => usize::try_from(first - 1).ok(),
            _ if day.plus(1).ymd().2 == 1 => Some(PLACES - 1),
            _ => None,
        }
    }
}

fn push(seen: &mut VecDeque<f64>, distance: f64) {
    if distance.is_finite() {
        seen.push_back(distance);
        if seen.len() > MONTHS {
            seen.pop_front();
        }
    }
}
