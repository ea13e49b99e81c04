//! The shape of a week, in logarithms: how far each weekday lies from the week's middle, and how much it varies.
//!
//! ```text
//! eight weeks of 100 100 100 100 100 40 40  →  Mon..Fri +0.26, Sat and Sun −0.65; noise of each: its floor
//! ```
//! Each week's values are compared with that week's median, so that neither a trend nor a shift becomes part of the
//! shape; of each weekday the median counts. A shape that could be chance is drawn towards none.

use crate::robust::{median, spread};

/// Days of a week.
pub(crate) const WEEK: usize = 7;
/// A week with fewer known days says nothing.
const KNOWN_DAYS: usize = 5;
/// How many observations of a weekday weigh as much as those of all weekdays, when its noise is estimated.
const SHARED_WEEKS: f64 = 16.0;

/// The shape.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    effect: [f64; WEEK],
    noise: [f64; WEEK],
}

impl Profile {
    /// From consecutive days, the last of them the newest; `NaN` is a day that is not known. `first` is the weekday of
    /// the first value, counted from any day.
    pub(crate) fn of(values: &[f64], first: usize, floor: f64) -> Profile {
        let mut distances: [Vec<f64>; WEEK] = Default::default();
        for week in 0..values.len() / WEEK {
            let until = values.len() - WEEK * week;
            let from = until - WEEK;
            let mut known: Vec<f64> = values[from..until].iter().copied().filter(|value| !value.is_nan()).collect();
            if known.len() < KNOWN_DAYS {
                continue;
            }
            let middle = median(&mut known);
            for at in from..until {
                if !values[at].is_nan() {
                    distances[(first + at) % WEEK].push(values[at] - middle);
                }
            }
        }
        let mut effect = [0.0; WEEK];
        let mut rests = Vec::new();
        for (day, seen) in distances.iter().enumerate().filter(|(_, seen)| seen.len() >= 2) {
            effect[day] = median(&mut seen.clone());
            rests.extend(seen.iter().map(|distance| distance - effect[day]));
        }
        let overall = spread(&rests, 0.0);
        let shared = overall.max(floor);
        let noise = std::array::from_fn(|day| {
            let seen = &distances[day];
            if seen.len() < 3 {
                return shared;
            }
            let (own, weight) = (spread(seen, effect[day]), seen.len() as f64);
            let mixed = (weight * own * own + SHARED_WEEKS * shared * shared) / (weight + SHARED_WEEKS);
            // Between its own and that of all, as what varies by weekday varies from week to week as well.
            (mixed.sqrt().max(floor) * shared).sqrt()
        });
        let mean = effect.iter().sum::<f64>() / WEEK as f64;
        let size = effect.iter().map(|effect| (effect - mean).powi(2)).sum::<f64>() / WEEK as f64;
        let weeks = (values.len() / WEEK).max(1) as f64;
        // The variance of a median is π/2 times that of a mean.
        let chance = overall * overall * std::f64::consts::FRAC_PI_2 / weeks;
        let kept = if size > 0.0 { (1.0 - chance / size).clamp(0.0, 1.0) } else { 0.0 };
        Profile { effect: effect.map(|effect| (effect - mean) * kept), noise }
    }

    /// How far a weekday lies from the week's middle.
    pub(crate) fn effect(&self, weekday: usize) -> f64 {
        self.effect[weekday % WEEK]
    }

    /// How much a weekday varies: a standard deviation.
    pub(crate) fn noise(&self, weekday: usize) -> f64 {
        self.noise[weekday % WEEK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_is_learned_and_one_wild_day_does_not_change_it() {
        let mut values: Vec<f64> = (0..56).map(|day| if day % 7 >= 5 { 3.0 } else { 4.0 }).collect();
        values[10] = 9.0;
        values[11] = f64::NAN;
        let profile = Profile::of(&values, 0, 0.01);
        assert!((profile.effect(0) - profile.effect(6) - 1.0).abs() < 1e-9);
        assert!(profile.effect(0).abs() < 0.3 && profile.noise(3) >= 0.01);
    }

    #[test]
    fn a_trend_is_no_week() {
        let values: Vec<f64> = (0..56).map(|day| f64::from(day) * 0.01).collect();
        let profile = Profile::of(&values, 3, 0.01);
        assert!((0..7).all(|day| profile.effect(day).abs() < 0.05));
        assert_eq!(Profile::of(&[], 0, 0.01).effect(2), 0.0);
    }
}
