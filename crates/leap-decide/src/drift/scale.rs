//! How far days usually lie from the level before them, by length of the test and half-life of the level.
//!
//! ```text
//! the last 200 distances over one day, level of 7 days: 97 % of them below 1.9  →  scale 1.01
//! ```
//! Distances are kept as whole 256ths of a day's noise, so that the state of a series takes eight thousand bytes and
//! not four times as many; what lies further out than 127 noises counts as that.

use std::collections::VecDeque;

use super::detector::{HALF_LIVES, LENGTHS};

/// Earlier distances that the scale of a test comes from, at most and at least.
const HISTORY: (usize, usize) = (200, 20);
/// The share of earlier distances that lie below the scale, and where that share of a normal distribution lies.
const TAIL: (f64, f64) = (0.97, 1.88);
/// How strongly a better level is preferred: weights are scales to the power of minus this.
const PREFERENCE: i32 = 8;
/// What makes the median distance a standard deviation, where distances are normal.
const NORMAL: f64 = 1.4826;
/// Steps in one noise.
const STEPS: f64 = 256.0;
/// A distance that there is not.
const NONE: i16 = i16::MIN;

/// How many levels there are.
pub(super) const LEVELS: usize = HALF_LIVES.len();
/// How many lengths there are.
pub(super) const TESTS: usize = LENGTHS.len();

/// Distances of one day, by length and half-life, in noises of their days; `NaN` where there is none.
pub(super) type Distances = [[f64; LEVELS]; TESTS];

/// A day without distances.
pub(super) const NO_DISTANCES: Distances = [[f64::NAN; LEVELS]; TESTS];

/// A day's distances as they are kept.
pub(super) type Kept = [[i16; LEVELS]; TESTS];

/// What is usual for a series.
#[derive(Clone, Debug)]
pub(super) struct Scales {
    pub(super) history: VecDeque<Kept>,
    pub(super) scales: Distances,
    pub(super) low_scales: [f64; LEVELS],
    pub(super) enough: [bool; TESTS],
}

impl Scales {
    /// Of a series of which nothing is known.
    pub(super) fn new() -> Scales {
        Scales { history: VecDeque::new(), scales: NO_DISTANCES, low_scales: [1.0; LEVELS], enough: [false; TESTS] }
    }

    /// Adds a day.
    pub(super) fn push(&mut self, distances: &Distances) {
        self.history.push_back(distances.map(|levels| levels.map(kept)));
        if self.history.len() > HISTORY.0 {
            self.history.pop_front();
        }
    }

    /// True where enough distances of a length are known.
    pub(super) fn enough(&self, at: usize) -> bool {
        self.enough[at]
    }

    /// Reads from the distances so far how far is usual.
    pub(super) fn read(&mut self) {
        let mut seen: Vec<i16> = Vec::with_capacity(self.history.len());
        for at in 0..TESTS {
            for level in 0..LEVELS {
                seen.clear();
                seen.extend(self.history.iter().map(|day| day[at][level]).filter(|distance| *distance != NONE));
                self.enough[at] = seen.len() >= HISTORY.1;
                if !self.enough[at] {
                    break;
                }
                let high = quantile(&mut seen, TAIL.0) / TAIL.1;
                let low = -quantile(&mut seen, 1.0 - TAIL.0) / TAIL.1;
                seen.iter_mut().for_each(|distance| *distance = distance.saturating_abs());
                let usual = NORMAL * quantile(&mut seen, 0.5);
                self.scales[at][level] = high.max(usual).max(f64::MIN_POSITIVE.sqrt());
                if at == 0 {
                    self.low_scales[level] = low.max(usual);
                }
            }
        }
    }

    /// The distance from all levels together, and its upper and lower scale, in noises.
    pub(super) fn together(&self, at: usize, levels: &[f64; LEVELS]) -> (f64, f64, f64) {
        let (mut distance, mut scale, mut low, mut weights) = (0.0, 0.0, 0.0, 0.0);
        for (level, one) in levels.iter().enumerate() {
            let weight = self.scales[at][level].powi(-PREFERENCE);
            distance += weight * one;
            scale += weight * self.scales[at][level];
            low += weight * self.low_scales[level];
            weights += weight;
        }
        (distance / weights, scale / weights, low / weights)
    }
}

fn kept(distance: f64) -> i16 {
    let most = f64::from(i16::MAX);
    if distance.is_nan() { NONE } else { (distance * STEPS).round().clamp(-most, most) as i16 }
}

/// The value below which a share of distances lies, interpolated, in noises. Brings them into another order.
fn quantile(seen: &mut [i16], share: f64) -> f64 {
    let place = share * (seen.len() - 1) as f64;
    // Each series asks this a hundred times a week: nothing is sorted for it.
    let (_, below, rest) = seen.select_nth_unstable(place.floor() as usize);
    let above = rest.iter().min().unwrap_or(below);
    let (low, high) = (f64::from(*below), f64::from(*above));
    (low + (high - low) * (place - place.floor())) / STEPS
}
