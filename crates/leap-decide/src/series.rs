//! Cost series as files have them: read with every fault named, amounts exact.
//!
//! ```csv
//! series,day,date,cost
//! payments,0,2026-03-01,18420.93
//! payments,1,2026-03-02,22471.90
//! ```
//! `day` is a date, or a number with the date beside it; without dates, days are counted and months are unknown. What
//! was known of a day how soon (`series,day,cost_known_d1,cost_known_d2,cost_final`) and what was announced
//! (`series,day`, with `kind` where some are holidays) are files of the same shape.

mod known;
mod read;
mod vintage;

pub use known::Announced;
pub use vintage::{Vintage, Vintages};

use leap_terms::{Day, Exact};

use crate::robust::median;

/// A cost series: one amount a day, in one currency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Series {
    /// Its name in the file.
    pub name: String,
    /// True where days are dates, so that months and holidays have a meaning.
    pub dated: bool,
    /// Its days, ascending; a day that is absent is not known, and is not a day that cost nothing.
    pub points: Vec<Point>,
}

/// A day of a series.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Point {
    /// The day as the file writes it.
    pub label: String,
    /// The day; where the file has numbers alone, that many days after 1970-01-01.
    pub day: Day,
    /// What it cost.
    pub cost: Exact,
}

impl Series {
    /// Reads a file of series, in the order in which they begin. `file` is its name, for faults.
    ///
    /// # Errors
    /// Every fault with file, row and column: a column that is missing, a day that is none or stands twice, a cost
    /// that is no number.
    pub fn read(file: &str, text: &str) -> Result<Vec<Series>, Vec<leap_terms::Fault>> {
        read::series(file, text)
    }

    /// The point of a day, given as the file writes it.
    pub fn at(&self, label: &str) -> Option<usize> {
        self.points.iter().position(|point| point.label == label)
    }
}

/// Units of an amount's coarse part in one.
const ONE: i128 = 1_000_000_000_000_000_000;
/// The same in a cent: estimates are whole cents.
const CENT: i128 = ONE / 100;

/// The size of an amount for statistics.
pub(crate) fn size(amount: Exact) -> f64 {
    amount.coarse() as f64 / ONE as f64
}

/// An estimate as an amount: whole cents, half away from zero. This is the only way from a float to an amount.
///
/// What no bill can reach (10¹⁸ and more) and what is no number is taken as 10¹⁸ and as 0.
pub fn estimate(value: f64) -> Exact {
    let cents = (value.clamp(-1e18, 1e18) * 100.0).round();
    Exact::from_parts(if cents.is_nan() { 0 } else { cents as i128 * CENT }, 0)
}

/// `amount · over / under` in whole cents, half away from zero. Exact until that rounding.
pub(crate) fn per(amount: Exact, over: i128, under: i128) -> Exact {
    let (whole, unit) = (amount.coarse().saturating_mul(over), CENT * under.max(1));
    let half = if whole < 0 { -(unit / 2) } else { unit / 2 };
    Exact::from_parts(whole.saturating_add(half) / unit * CENT, 0)
}

/// What a day without cost, or with more credit than cost, counts as, in shares of a usual day.
const NOTHING: f64 = 0.01;

/// The logarithm of a day's cost. Zero and less count as a hundredth of a usual day among those before; `NaN`, not
/// known, while there was no cost yet.
pub(crate) fn logarithm(cost: f64, before: &[f64]) -> f64 {
    let mut positive: Vec<f64> = before.iter().rev().take(28).copied().filter(|cost| *cost > 0.0).collect();
    if positive.is_empty() {
        return if cost > 0.0 { cost.ln() } else { f64::NAN };
    }
    cost.max(median(&mut positive) * NOTHING).ln()
}

#[cfg(test)]
mod tests;
