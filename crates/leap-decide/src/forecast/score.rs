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
