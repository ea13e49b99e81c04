//! What the coming days will cost: each day and their total, with the bounds between which it will lie in eight of ten
//! cases.
//!
//! ```text
//! payments from 2026-10-01, 28 days: 512,400.00 (P10 488,100.00, P90 561,900.00)
//! ```
//! History is cleaned first: what comes once a month on a day of its own is told from the daily path (`lumps`) and
//! forecast beside it, and days of incidents ([`crate::drift`]) make no level. Then, in logarithms: the weekly shape of
//! eight weeks, effects of days of the month, a level of the last quiet days whose older ones count less, what days
//! of this series were above their middle on average (wild days and events cost money, and will come again), and half
//! of a departure that lasts, fading. What wild days of most months cost beyond that (jobs that run now and then) is
//! expected as an amount, evenly. A level is not extrapolated: on bills full of events, trends are mostly events
//! (decision 0018).
//!
//! Bounds are what this method was wrong by at earlier days of the same series, not a formula.

mod lumps;
mod score;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use leap_terms::{Day, Exact};

use crate::drift::{Detector, Seen, Settings};
use crate::profile::{Profile, WEEK};
use crate::robust::{median, medians_around, quantile, spread};
use crate::series::{Announced, Series, estimate, logarithm, size};
use lumps::Lumps;

pub use score::{Ahead, Score, ahead, score};

/// Weeks of the weekly shape.
const WEEKS: usize = 8;
/// Quiet days of the level, …
const QUIET: usize = 28;
/// … looked for among so many, …
const LOOKED: usize = 12 * WEEK;
/// … each counting half as much as one so many days later.
const HALF_LIFE: f64 = 7.0;
/// A day further from the recent median counts as this far, in standard deviations.
const WILD: f64 = 3.0;
/// Noise that every series has, as a logarithm.
const FLOOR: f64 = 0.015;
/// Days in which what wild days and events cost is measured; one counts at most so many times its middle; and how much
/// of it is expected to come again.
const RECURRING: (usize, f64, f64) = (112, 2.0, 1.25);
/// A day of so many times its middle is a job that ran, not a busy day, …
const JOB: f64 = 5.0;
/// … where so many months of three have some; days of such a month, and how many times the middle one of them counts at most.
const SPORADIC: (usize, (usize, usize), f64) = (28, (2, 3), 2.0);
/// Days on each side of the middle that a day is compared with there.
const AROUND: usize = 14;
/// How much of a departure that lasts is expected to go on, the half-life of that, and the days it is measured by.
const LASTING: (f64, f64, usize) = (0.5, 10.0, 5);
/// Days after an announced change before the level is made of them alone.
const SETTLED: i32 = 5;
/// Days that a series has before it can be forecast.
const FIRST: usize = 2 * WEEK;
/// Earlier origins by which bounds are measured: how far apart, and how many at most.
const ORIGINS: (usize, usize) = (7, 26);
/// Bounds of a series that is too young to measure, in noises of a day, and how many origins weigh as much as that.
const YOUNG: (f64, f64) = (4.0, 8.0);
/// Eight of ten values of a normal distribution lie within so many standard deviations.
const NORMAL: f64 = 1.28;
/// What comes is wilder than what was, by this.
const CAUTION: f64 = 1.05;

/// An amount with its bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// In one of ten cases it is less.
    pub low: Exact,
    /// What is expected.
    pub middle: Exact,
    /// In one of ten cases it is more.
    pub high: Exact,
}

/// What is expected of one series. `total.middle` is exactly the sum of its days; bounds of a total are not sums, as
/// days are not wrong all in one direction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forecast {
    /// The series.
    pub series: String,
    /// What all days together cost.
    pub total: Range,
    /// Day by day.
    pub days: Vec<(Day, Range)>,
}

/// What was learned of a series when it was forecast last: who forecasts it again a day later learns one day, not all.
///
/// It changes no result: days that are not what they were make it begin again.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Days as the detector was told them, without lumps.
    told: Vec<(Day, Exact)>,
    /// What was announced for them.
    announced: (BTreeSet<Day>, BTreeSet<Day>),
    detector: Option<Detector>,
    /// By day from the first on: out of level and noise.
    aside: Vec<bool>,
}

impl Memory {
    /// Tells the detector all days; it is told those again that it knows only where one of them has changed.
    fn tell(&mut self, series: &Series, announced: &Announced, days: Vec<(Day, Exact)>) -> Detector {
        let (changes, holidays) = (announced.changes(series), announced.holidays(series));
        let announced = (changes, holidays);
        let is_same = announced == self.announced && days.starts_with(&self.told);
        let known = self.detector.take().filter(|_| is_same);
        let mut detector = known.unwrap_or_else(|| {
            *self = Memory { announced, ..Memory::default() };
            let mut detector = Detector::new(Settings::default(), series.dated);
            self.announced.0.iter().for_each(|day| detector.announce(*day));
            self.announced.1.iter().for_each(|day| detector.holiday(*day));
            detector
        });
        for (day, cost) in &days[self.told.len()..] {
            detector.observe(&Seen::whole(*day, *cost));
            // Days that nobody knows lie aside.
            let place = |day: Day| (day.days() - days[0].0.days()) as usize;
            self.aside.resize(place(*day) + 1, true);
            detector.aside().for_each(|(day, is_aside)| self.aside[place(day)] = is_aside);
        }
        self.told = days;
        self.detector = Some(detector.clone());
        detector
    }
}

/// Forecasts the days from `origin` on, from the days before it alone. `None` where the series has fewer than 14 of
/// these.
pub fn forecast(series: &Series, origin: Day, horizon: usize, announced: &Announced) -> Option<Forecast> {
    forecast_on(series, origin, horizon, announced, &mut Memory::default())
}

/// The same as [`forecast`], with what was learned of the series before.
pub fn forecast_on(
    series: &Series,
    origin: Day,
    horizon: usize,
    announced: &Announced,
    memory: &mut Memory,
) -> Option<Forecast> {
    let history = History::of(series, origin, announced, memory)?;
    let middle = history.path(history.logs.len(), horizon);
    let bounds = history.bounds(horizon);
    // A lump differs from month to month, and few months were seen: bounds are no narrower than that.
    let wider = |bounds: (f64, f64), cost: f64, spread: f64| {
        let share = if cost > 0.0 { (NORMAL * spread / cost).ln_1p() } else { 0.0 };
        (bounds.0.min(-share), bounds.1.max(share))
    };
    let (mut days, mut variance) = (Vec::with_capacity(horizon), 0.0);
    for (ahead, cost) in middle.iter().enumerate() {
        let day = origin.plus(ahead as i32);
        let spread = history.lumps.spread(day);
        variance += spread * spread;
        days.push((day, around(*cost, estimate(*cost), wider(bounds.day, *cost, spread))));
    }
    let total: f64 = middle.iter().sum();
    let exact: Exact = days.iter().map(|(_, range)| range.middle).sum();
    let bounds = wider(bounds.total, total, variance.sqrt());
    Some(Forecast { series: series.name.clone(), total: around(total, exact, bounds), days })
}

/// What is expected of the days from `origin` on, as [`forecast`] does and without its bounds, which take most of its
/// time. `None` where the series has fewer than 14 days before it.
pub fn path(series: &Series, origin: Day, horizon: usize, announced: &Announced) -> Option<Vec<(Day, Exact)>> {
    let history = History::of(series, origin, announced, &mut Memory::default())?;
    let middle = history.path(history.logs.len(), horizon);
    let day = |(ahead, cost): (usize, &f64)| (origin.plus(ahead as i32), estimate(*cost));
    Some(middle.iter().enumerate().map(day).collect())
}

fn around(cost: f64, middle: Exact, (low, high): (f64, f64)) -> Range {
    Range { low: estimate(cost * low.exp()).min(middle), middle, high: estimate(cost * high.exp()).max(middle) }
}

/// Logarithms by which days and totals lie below and above what was expected.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    day: (f64, f64),
    total: (f64, f64),
}

/// The days before an origin, consecutive, cleaned.
struct History {
    first: Day,
    /// `NaN` where a day is not known.
    costs: Vec<f64>,
    /// What comes once a month; nothing where days are counted.
    lumps: Lumps,
    dated: bool,
    /// Costs without lumps.
    daily: Vec<f64>,
    /// Logarithms without lumps and effects of days of the month.
    logs: Vec<f64>,
    /// True for days of incidents.
    aside: Vec<bool>,
    month: Vec<f64>,
    changed: Option<Day>,
    /// The level before a departure that lasts, without the weekly shape, and where it is known from.
    base: Option<f64>,
    detector: Detector,
}

impl History {
    fn of(series: &Series, origin: Day, announced: &Announced, memory: &mut Memory) -> Option<History> {
        let points: Vec<_> = series.points.iter().filter(|point| point.day < origin).collect();
        let first = points.first()?.day;
        let length = usize::try_from(origin.days() - first.days()).ok()?;
        if points.len() < FIRST {
            return None;
        }
        let place = |day: Day| (day.days() - first.days()) as usize;
        let mut costs = vec![f64::NAN; length];
        points.iter().for_each(|point| costs[place(point.day)] = size(point.cost));
        let lumps = if series.dated { Lumps::of(first, &costs) } else { Lumps::default() };
        let mut daily = costs.clone();
        let days = points.iter().map(|point| {
            let at = place(point.day);
            let plain = lumps.without(first, &costs, at).inspect(|plain| daily[at] = *plain);
            (point.day, plain.map_or(point.cost, estimate))
        });
        let detector = memory.tell(series, announced, days.collect());
        let mut aside = memory.aside.clone();
        aside.resize(length, true);
        let month: Vec<f64> = (0..length).map(|day| detector.month_effect(first.plus(day as i32))).collect();
        let mut known: Vec<f64> = Vec::new();
        let mut logs = Vec::with_capacity(length);
        for (day, cost) in daily.iter().enumerate() {
            logs.push(if cost.is_nan() { f64::NAN } else { logarithm(*cost, &known) - month[day] });
            known.extend(Some(*cost).filter(|cost| !cost.is_nan()));
        }
        let (changed, base) = (detector.changed(), detector.base());
        let dated = series.dated;
        Some(History { first, costs, lumps, dated, daily, logs, aside, month, changed, base, detector })
    }

    fn day(&self, at: usize) -> Day {
        self.first.plus(at as i32)
    }

    /// Days that make a level at an origin, the newest last.
    fn quiet(&self, origin: usize, most: usize) -> Vec<usize> {
        let ready = |at: usize| {
            self.changed.is_none_or(|day| {
                let (at, origin) = (self.day(at), self.day(origin));
                at >= day || origin <= day || origin.days() - day.days() < SETTLED
            })
        };
        let mut quiet: Vec<usize> = (origin.saturating_sub(LOOKED)..origin)
            .filter(|at| !self.aside[*at] && !self.logs[*at].is_nan() && ready(*at))
            .collect();
        quiet.drain(..quiet.len().saturating_sub(most));
        quiet
    }

    /// What is expected of the days from an origin on.
    fn path(&self, origin: usize, horizon: usize) -> Vec<f64> {
        let from = origin.saturating_sub(WEEKS * WEEK);
        let weekday = |at: usize| self.day(at).days().rem_euclid(WEEK as i32) as usize;
        let profile = Profile::of(&self.logs[from..origin], weekday(from), FLOOR);
        let rest = |at: usize| self.logs[at] - profile.effect(weekday(at));
        let mut quiet = self.quiet(origin, QUIET);
        if quiet.is_empty() {
            quiet = (origin.saturating_sub(QUIET)..origin).filter(|at| !self.logs[*at].is_nan()).collect();
        }
        let values: Vec<f64> = quiet.iter().map(|at| rest(*at)).collect();
        let middle = median(&mut values.clone());
        let wild = WILD * spread(&values, middle).max(FLOOR);
        let (mut sum, mut weights) = (0.0, 0.0);
        for (at, value) in quiet.iter().zip(&values) {
            let weight = 0.5_f64.powf((origin - 1 - at) as f64 / HALF_LIFE);
            sum += weight * value.clamp(middle - wild, middle + wild);
            weights += weight;
        }
        let level = if weights > 0.0 { sum / weights } else { f64::NEG_INFINITY };
        let lasting = self.base.filter(|_| origin == self.logs.len()).map_or(0.0, |base| {
            let last = (origin.saturating_sub(LASTING.2)..origin).map(rest).filter(|rest| !rest.is_nan());
            LASTING.0 * median(&mut last.map(|rest| rest - base).collect::<Vec<_>>())
        });
        let (recurring, sporadic) = self.recurring(origin, &rest);
        let recurring = RECURRING.2 * recurring;
        // As an earlier origin would have known them; where there are none now, there were none.
        let is_earlier = self.dated && origin < self.logs.len() && !self.lumps.is_empty();
        let earlier = is_earlier.then(|| Lumps::of(self.first, &self.costs[..origin]));
        let lumps = earlier.as_ref().unwrap_or(&self.lumps);
        let day = |ahead: usize| {
            let day = self.day(origin + ahead);
            let month = self.month.get(origin + ahead).copied().unwrap_or_else(|| self.detector.month_effect(day));
            let lasting = lasting * 0.5_f64.powf(ahead as f64 / LASTING.1);
            (level + recurring + profile.effect(weekday(origin + ahead)) + month + lasting).exp()
                + sporadic
                + lumps.on(day)
        };
        (0..horizon).map(day).collect()
    }

    /// How far the mean day lies above the middle of the days around it, as a logarithm; and what wild days cost beyond
    /// what one of them counts there, by day.
    fn recurring(&self, origin: usize, rest: &dyn Fn(usize) -> f64) -> (f64, f64) {
        let from = origin.saturating_sub(RECURRING.0);
        let rests: Vec<f64> = (from..origin).map(rest).collect();
        let (length, (some, of), most) = SPORADIC;
        let mut wild = vec![0.0; rests.len() / length];
        let (mut sum, mut count) = (0.0, 0);
        medians_around(&rests, AROUND, |at, middle| {
            let times = (rests[at] - middle).exp();
            sum += times.min(RECURRING.1);
            count += 1;
            if let Some(month) = wild.get_mut((rests.len() - 1 - at) / length).filter(|_| times > JOB) {
                *month += self.daily[from + at] * (1.0 - RECURRING.1 / times);
            }
        });
        let months = wild.len();
        let mean = if count == 0 { 0.0 } else { (sum / f64::from(count)).max(0.5).ln() };
        // What was wild once may not come again.
        if months < 2 || wild.iter().filter(|month| **month > 0.0).count() * of < months * some {
            return (mean, 0.0);
        }
        let limit = most * median(&mut wild.clone());
        (mean, wild.iter().map(|month| month.min(limit)).sum::<f64>() / (months * length) as f64)
    }

    /// By how much this method was wrong at earlier origins.
    fn bounds(&self, horizon: usize) -> Bounds {
        let end = self.logs.len();
        let (mut totals, mut days) = (Vec::new(), Vec::new());
        for back in 0..ORIGINS.1 {
            let Some(origin) = end.checked_sub(horizon + back * ORIGINS.0).filter(|at| *at >= WEEKS * WEEK) else {
                break;
            };
            let path = self.path(origin, horizon);
            let real = &self.costs[origin..origin + horizon];
            let known = |costs: &[f64]| -> f64 {
                costs.iter().zip(real).filter(|(_, real)| !real.is_nan()).map(|(cost, _)| cost).sum()
            };
            totals.push((known(real).max(f64::MIN_POSITIVE) / known(&path).max(f64::MIN_POSITIVE)).ln());
            let off = path.iter().zip(real).filter(|(_, real)| **real > 0.0).map(|(path, real)| (real / path).ln());
            days.extend(off.filter(|off| off.is_finite()));
        }
        let quiet = self.quiet(end, LOOKED);
        let steps: Vec<f64> = quiet.windows(WEEK + 1).map(|days| self.logs[days[WEEK]] - self.logs[days[0]]).collect();
        // Two days a week apart differ by the noise of both.
        let noise = (spread(&steps, 0.0) / std::f64::consts::SQRT_2).max(FLOOR);
        let origins = totals.len() as f64;
        let side = |off: &mut Vec<f64>, share: f64| {
            let measured = if off.is_empty() { 0.0 } else { quantile(off, share) };
            let measured = if share < 0.5 { -measured } else { measured };
            let mixed = (origins * measured.max(0.0) + YOUNG.1 * YOUNG.0 * noise) / (origins + YOUNG.1);
            CAUTION * mixed.clamp(FLOOR, 3.0)
        };
        let both = |off: &mut Vec<f64>| (-side(off, 0.1), side(off, 0.9));
        Bounds { day: both(&mut days), total: both(&mut totals) }
    }
}
