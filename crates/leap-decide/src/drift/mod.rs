//! Drift: days on which a cost series departs from its expected path, told once, early, and with what it costs.
//!
//! ```text
//! … 100 102 99 101 | 135 133 138 136 …   →  day 0: spike, +34 % (1,020 a month if it stays), score 6.1
//! ```
//! One series at a time, one day after the other ([`Detector::observe`]); [`detect`] is that over a whole series, so
//! feeding days as they come and reading a file give the same alerts, and no later day ever changes an earlier alert.
//! In logarithms, so that a percent is a percent in every series:
//!
//! 1. *expected path*: weekly shape of the last six weeks, effects of days of the month and of holidays, and a level:
//!    four weighted means of the last quiet days, from fast to slow, weighted by how well each predicted this series;
//! 2. *three tests at once* over the last 1, 2, 3, 5 and 7 days against the level before them: a spike, a shift, a
//!    ramp. Each distance is divided by the noise of its weekdays, and then by what distances of that length reached
//!    in this series:
//!    its 97th percentile, alerts included. One threshold therefore asks the same of every series, quiet or wild;
//! 3. *incident*: days of an alert are kept out of level and noise until cost is back, or for three weeks, after which
//!    the new level is the level.
//!
//! Less than usual is an alert only where most of a day's cost is missing (a drop). A change announced in advance is
//! followed silently. Days that are not wholly billed yet are compared after [`Lateness`] completed them.

mod detector;
mod explain;
mod lateness;
mod month;
mod scale;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use leap_terms::{Day, Exact};

use crate::series::{Announced, Series, Vintages};

pub use detector::{Detector, Path};
pub use explain::{Contribution, Explanation, explain};
pub use lateness::{Completeness, Lateness};

/// What is asked of an alert. One set serves all series; [`Settings::default`] was tuned once (decision 0018).
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Score from which a day is an alert: distances beyond the 97th percentile of the series, as if it were normal.
    pub threshold: f64,
    /// The least departure that matters, as a natural logarithm: 0.12 is 12.7 %.
    pub least: f64,
    /// The least departure that matters, as cost per month.
    pub least_per_month: Exact,
    /// A drop is a fall by at least this much, as a natural logarithm: 1.1 is two thirds of the cost.
    pub drop: f64,
    /// How far beyond the lower tail of the series a drop lies.
    pub drop_score: f64,
    /// Days before the first alert.
    pub learning_days: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            threshold: 3.0,
            least: 0.12,
            least_per_month: Exact::ZERO,
            drop: 1.1,
            drop_score: 4.0,
            learning_days: 60,
        }
    }
}

/// What kind of departure an alert is, as it looked on its day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A day or two far above the path.
    Spike,
    /// Several days above the path, about equally far.
    Shift,
    /// Several days above the path, each further than the one before.
    Ramp,
    /// Most of a day's cost is missing.
    Drop,
}

impl Kind {
    /// `spike`, `shift`, `ramp` or `drop`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Spike => "spike",
            Kind::Shift => "shift",
            Kind::Ramp => "ramp",
            Kind::Drop => "drop",
        }
    }
}

/// An alert: the first word of an incident.
#[derive(Clone, PartialEq, Debug)]
pub struct Alert {
    /// The day it is about: the newest day of the departure.
    pub day: Day,
    /// The first day of the departure.
    pub since: Day,
    /// What it looks like.
    pub kind: Kind,
    /// How far it lies beyond what is usual for this series; comparable between series, at least the threshold.
    pub score: f64,
    /// What it costs in 30 days if it stays; less than zero for a drop. Cost is exact, the expected path whole cents.
    pub cost_per_month: Exact,
}

/// A day as it is known now.
#[derive(Clone, PartialEq, Debug)]
pub struct Seen {
    /// The day.
    pub day: Day,
    /// What is known of its cost.
    pub cost: Exact,
    /// How much of the day's cost that usually is.
    pub completeness: Completeness,
}

impl Seen {
    /// A day that is wholly known.
    pub fn whole(day: Day, cost: Exact) -> Seen {
        Seen { day, cost, completeness: Completeness::WHOLE }
    }
}

/// All alerts of a series, in the order of their days. With vintages, each day is judged by what was known the day
/// after it.
pub fn detect(series: &Series, vintages: Option<&Vintages>, announced: &Announced, settings: &Settings) -> Vec<Alert> {
    let mut detector = Detector::new(settings.clone(), series.dated);
    for day in announced.changes(series) {
        detector.announce(day);
    }
    for day in announced.holidays(series) {
        detector.holiday(day);
    }
    let mut alerts = Vec::new();
    let mut lateness = Lateness::default();
    let mut young: BTreeMap<Day, usize> = BTreeMap::new();
    for (at, point) in series.points.iter().enumerate() {
        let vintage = |at: usize| vintages.and_then(|all| all.of(&series.name, &series.points[at].label));
        // Today is the day after the point. Days before it are known better than they were.
        for (day, older) in std::mem::take(&mut young) {
            let age = usize::try_from(point.day.days() - day.days()).unwrap_or(usize::MAX).saturating_add(1);
            let Some(seen) = vintage(older) else { continue };
            let (cost, completeness) = if let Some(known) = seen.known.get(age - 1) {
                young.insert(day, older);
                (*known, lateness.of(age))
            } else {
                lateness.learn(seen);
                (seen.whole, Completeness::WHOLE)
            };
            alerts.extend(detector.restate(&Seen { day, cost, completeness }));
        }
        let seen = match vintage(at).and_then(|seen| seen.known.first()) {
            Some(known) => {
                young.insert(point.day, at);
                Seen { day: point.day, cost: *known, completeness: lateness.of(1) }
            }
            None => Seen::whole(point.day, point.cost),
        };
        alerts.extend(detector.observe(&seen));
    }
    alerts.sort_by_key(|alert| alert.day);
    alerts
}
