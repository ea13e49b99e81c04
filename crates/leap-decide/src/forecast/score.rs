//! How good a forecast was, once the days have come.

use std::collections::BTreeMap;

use leap_terms::{Day, Exact};

use super::Forecast;
use crate::series::{Series, size};

/// What a frozen forecast was wrong by.
#[derive(Clone, PartialEq, Debug)]
pub struct Score {
    /// Days of the forecast that have come.
    pub days: usize,
    /// Their cost, and what was expected of them.
    pub cost: Exact,
    /// What was expected of them.
    pub expected: Exact,
    /// How far the total was off, in shares of the cost.
    pub total_off: f64,
    /// How far the days were off together, in shares of the cost.
    pub days_off: f64,
    /// Whether the total lies within its bounds.
    pub within: bool,
    /// How many days lie within theirs.
    pub days_within: usize,
}

/// Compares a forecast with what came. `None` while not all of its days have come, and where they cost nothing
/// together.
pub fn score(forecast: &Forecast, series: &Series) -> Option<Score> {
    let came: BTreeMap<Day, Exact> = series.points.iter().map(|point| (point.day, point.cost)).collect();
    let (mut cost, mut expected, mut off, mut days_within) = (Exact::ZERO, Exact::ZERO, Exact::ZERO, 0);
    for (day, range) in &forecast.days {
        let real = *came.get(day)?;
        cost += real;
        expected += range.middle;
        off += (real - range.middle).abs();
        days_within += usize::from(range.low <= real && real <= range.high);
    }
    let share = |amount: Exact| size(amount.abs()) / size(cost.abs());
    (!cost.is_zero()).then(|| Score {
        days: forecast.days.len(),
        cost,
        expected,
        total_off: share(expected - cost),
        days_off: share(off),
        within: forecast.total.low <= cost && cost <= forecast.total.high,
        days_within,
    })
}

/// Days ahead that are scored together: the first week, the second, the rest of four weeks, and what lies beyond.
const AHEAD: [(usize, usize); 4] = [(1, 7), (8, 14), (15, 28), (29, usize::MAX)];

/// What a forecast was wrong by so many days ahead.
#[derive(Clone, PartialEq, Debug)]
pub struct Ahead {
    /// The first of these days, the origin being 1.
    pub from: usize,
    /// The last of them.
    pub until: usize,
    /// What these days cost.
    pub cost: Exact,
    /// What was expected of them.
    pub expected: Exact,
    /// How many of them lie within their bounds.
    pub days_within: usize,
}

impl Ahead {
    /// How many days they are.
    pub fn days(&self) -> usize {
        self.until - self.from + 1
    }

    /// How far they were off together, in shares of their cost; `None` where they cost nothing.
    pub fn off(&self) -> Option<f64> {
        (!self.cost.is_zero()).then(|| size((self.expected - self.cost).abs()) / size(self.cost.abs()))
    }
}

/// The same by how far ahead a day was: a forecast may be good for a week and bad for a month. `None` while not all of
/// its days have come.
pub fn ahead(forecast: &Forecast, series: &Series) -> Option<Vec<Ahead>> {
    let came: BTreeMap<Day, Exact> = series.points.iter().map(|point| (point.day, point.cost)).collect();
    let mut all = Vec::new();
    for (from, until) in AHEAD {
        let until = until.min(forecast.days.len());
        let Some(days) = forecast.days.get(from - 1..until).filter(|days| !days.is_empty()) else { continue };
        let mut one = Ahead { from, until, cost: Exact::ZERO, expected: Exact::ZERO, days_within: 0 };
        for (day, range) in days {
            let real = *came.get(day)?;
            one.cost += real;
            one.expected += range.middle;
            one.days_within += usize::from(range.low <= real && real <= range.high);
        }
        all.push(one);
    }
    Some(all)
}
