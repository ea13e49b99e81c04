//! Effects of days of the month (fees on the first) and of holidays.
//!
//! ```text
//! first of March +0.64, first of April +0.68  →  the first of May is expected 0.66 above an ordinary day
//! ```
//! A fee may be the same share of every day or the same amount: what explains the months so far better is expected.

use std::collections::{BTreeSet, VecDeque};

use leap_terms::Day;

use crate::profile::{Profile, WEEK};
use crate::robust::median;

/// Days that may have an effect of their own: the first three of a month and its last.
pub(super) const PLACES: usize = 4;
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

/// What a day of the month adds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Effect {
    #[default]
    None,
    /// A share, as a logarithm.
    Share(f64),
    /// An amount, in those of a day in the week's middle.
    Amount(f64),
}

impl Effect {
    /// On a weekday that is so far from the week's middle.
    fn on(self, weekday: f64) -> f64 {
        match self {
            Effect::None => 0.0,
            Effect::Share(share) => share,
            Effect::Amount(amount) => (amount / weekday.exp()).max(-0.99).ln_1p(),
        }
    }
}

/// What is known of such days.
#[derive(Clone, Debug, Default)]
pub(super) struct MonthDays {
    pub(super) dated: bool,
    /// How far the day was, and how far its weekday is from the week's middle.
    pub(super) seen: [VecDeque<(f64, f64)>; PLACES],
    pub(super) effect: [Effect; PLACES],
    /// The weekly shape, as it was known last.
    pub(super) week: [f64; WEEK],
    holidays: BTreeSet<Day>,
    pub(super) holiday_seen: VecDeque<f64>,
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
        let month = self.place(day).map_or(0.0, |place| self.effect[place].on(self.week[weekday(day)]));
        if !self.is_holiday(day) {
            return Some(month);
        }
        let mut seen: Vec<f64> = self.holiday_seen.iter().copied().collect();
        (seen.len() >= 2).then(|| median(&mut seen))
    }

    /// Learns how far a day was from an ordinary one, `noise` being how far ordinary days are.
    pub(super) fn learn(&mut self, day: Day, distance: f64, noise: f64) {
        if !distance.is_finite() {
            return;
        }
        if self.is_holiday(day) {
            push(&mut self.holiday_seen, distance);
            return;
        }
        let Some(place) = self.place(day) else { return };
        push(&mut self.seen[place], (distance, self.week[weekday(day)]));
        let seen = &self.seen[place];
        if seen.len() < 2 {
            return;
        }
        let share = median(&mut seen.iter().map(|(distance, _)| *distance).collect::<Vec<_>>());
        let amounts = seen.iter().map(|(distance, weekday)| distance.exp_m1() * weekday.exp());
        let amount = median(&mut amounts.collect::<Vec<_>>());
        let off = |effect: Effect| {
            let off: Vec<f64> = seen.iter().map(|(distance, weekday)| (effect.on(*weekday) - distance).abs()).collect();
            (off.iter().sum::<f64>(), median(&mut off.clone()).max(FLOOR), effect)
        };
        let (as_share, as_amount) = (off(Effect::Share(share)), off(Effect::Amount(amount)));
        // As an amount where both explain the months equally well: what is charged once a month mostly is one.
        let alike = as_amount.0 <= as_share.0 + FLOOR;
        let (_, varies, effect) = if alike { as_amount } else { as_share };
        let steady = share.abs() > LEAST && share.abs() > STEADY * varies && share.abs() > CLEAR * noise;
        self.effect[place] = if steady { effect } else { Effect::None };
    }

    /// Notes the weekly shape.
    pub(super) fn week(&mut self, profile: &Profile) {
        self.week = std::array::from_fn(|day| profile.effect(day));
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

/// Weekdays, counted from any day.
fn weekday(day: Day) -> usize {
    day.days().rem_euclid(WEEK as i32) as usize
}

fn push<T>(seen: &mut VecDeque<T>, value: T) {
    seen.push_back(value);
    if seen.len() > MONTHS {
        seen.pop_front();
    }
}
