//! The state of one series after a day, and what the next day does to it.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use leap_terms::{Day, Exact};

use super::month::MonthDays;
use super::scale::{Distances, LEVELS, NO_DISTANCES, Scales};
use super::{Alert, Completeness, Kind, Seen, Settings};
use crate::profile::{Profile, WEEK};
use crate::robust::{median, spread, weighted_median};
use crate::series::{estimate, logarithm, per, size};

/// Days that the weekly shape and the level are read from, before the one that is judged.
const WINDOW: usize = 6 * WEEK;
/// Days that are kept: some more, as they are let go in one piece.
const KEPT: usize = 2 * WINDOW;
/// Lengths of the tests, in days.
pub(super) const LENGTHS: [usize; 5] = [1, 2, 3, 5, 7];
/// Half-lives of the levels, in days.
pub(super) const HALF_LIVES: [f64; 4] = [3.0, 7.0, 14.0, 30.0];
/// Quiet days that a level is made of, at most and at least.
const QUIET: (usize, usize) = (35, 5);
/// Days before anything is judged.
const FIRST: usize = 2 * WEEK;
/// Noise that every series has, as a logarithm.
const FLOOR: f64 = 0.015;
/// A day further from the recent median counts as this far, in standard deviations.
const WILD: f64 = 5.0;
/// Cost is back when it is this near, in scales of one day, …
const NEAR: f64 = 1.5;
/// … or in shares of the departure, …
const NEAR_SHARE: f64 = 0.35;
/// … on so many days in a row.
const NEAR_DAYS: usize = 2;
/// An incident this old is the new level, …
const FOLLOWED: i32 = 21;
/// … and its last days are what that level is made of.
const FOLLOWED_DAYS: usize = 10;
/// Days after an announced change without an alert.
const ANNOUNCED: i32 = 14;
/// Days of a month.
const MONTH: i128 = 30;

/// The state of a series after a day. Bounded; equal days give equal states.
#[derive(Clone, Debug)]
pub struct Detector {
    pub(super) settings: Settings,
    pub(super) announced: BTreeSet<Day>,
    pub(super) month: MonthDays,
    pub(super) days: Vec<Known>,
    pub(super) count: usize,
    pub(super) changed: Option<Day>,
    pub(super) scales: Scales,
    pub(super) incident: Option<Incident>,
    /// On which day of seven it reads its scales again.
    pub(super) phase: usize,
    /// Where the newest day was expected; none where it was not judged.
    pub(super) path: Option<Path>,
}

/// Where a day is expected, and between which bounds it is no alert by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Path {
    /// The day.
    pub day: Day,
    /// What it was expected to cost; whole cents.
    pub expected: Exact,
    /// Less is a drop.
    pub low: Exact,
    /// More is a spike.
    pub high: Exact,
}

/// A day that is kept.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) day: Day,
    /// Cost, completed where it is not whole.
    pub(super) cost: Exact,
    /// Its logarithm; `NaN` where it is not known.
    pub(super) log: f64,
    /// What completing it adds to its noise.
    pub(super) spread: f64,
    /// Out of level and noise.
    pub(super) aside: bool,
}

/// A departure that was told and lasts.
#[derive(Clone, Debug)]
pub(super) struct Incident {
    pub(super) alerted: Day,
    pub(super) base: f64,
    pub(super) departure: f64,
    pub(super) near: usize,
    /// The day that seems to have dropped and is not wholly known yet, its expected logarithm, and its score.
    pub(super) unsure: Option<(Day, f64, f64)>,
}

/// A day's finding: over how many days, how far, by which score, above which level.
#[derive(Clone, Copy, Debug)]
struct Finding {
    length: usize,
    score: f64,
    distance: f64,
    level: f64,
}

/// The window before a day, without shape and effects.
struct View {
    from: usize,
    /// The day that is judged.
    today: usize,
    rest: Vec<f64>,
    profile: Profile,
}

impl Detector {
    /// A series of which nothing is known yet. `dated` is false where days are counted and months mean nothing.
    pub fn new(settings: Settings, dated: bool) -> Detector {
        Detector {
            settings,
            announced: BTreeSet::new(),
            month: MonthDays::new(dated),
            days: Vec::new(),
            count: 0,
            changed: None,
            scales: Scales::new(),
            incident: None,
            phase: 0,
            path: None,
        }
    }

    /// Says on which day of seven, 0 to 6, what is usual is read again: of many series, each on its own, so that no day
    /// is longer than others.
    pub fn read_on(&mut self, phase: usize) {
        self.phase = phase % WEEK;
    }

    /// The newest day that was observed.
    pub fn newest(&self) -> Option<Day> {
        self.days.last().map(|known| known.day)
    }

    /// Days that are kept, with their cost as it is known or completed; ascending, without holes.
    pub fn kept(&self) -> impl Iterator<Item = (Day, Exact)> {
        self.days.iter().map(|known| (known.day, known.cost))
    }

    /// Where the newest day was expected; `None` while the series is too young to say.
    pub fn path(&self) -> Option<Path> {
        self.path
    }

    /// Notes a change that was announced for a day which was not observed yet.
    pub fn announce(&mut self, day: Day) {
        self.announced.insert(day);
    }

    /// Notes a holiday.
    pub fn holiday(&mut self, day: Day) {
        self.month.holiday(day);
    }

    /// What lies out of level and noise now, by day: for who cleans the history of events.
    pub(crate) fn aside(&self) -> impl Iterator<Item = (Day, bool)> {
        self.days.iter().map(|known| (known.day, known.aside))
    }

    /// The level before an incident that lasts.
    pub(crate) fn base(&self) -> Option<f64> {
        self.incident.as_ref().map(|incident| incident.base)
    }

    /// The last announced change.
    pub(crate) fn changed(&self) -> Option<Day> {
        self.changed
    }

    /// What a day of the month adds.
    pub(crate) fn month_effect(&self, day: Day) -> f64 {
        self.month.effect(day).unwrap_or(0.0)
    }

    /// Takes in the next day and judges it. A day that is not after all days before is taken as a restatement.
    pub fn observe(&mut self, seen: &Seen) -> Option<Alert> {
        if self.days.last().is_some_and(|last| last.day >= seen.day) {
            return self.restate(seen);
        }
        self.admit(seen);
        self.count += 1;
        if self.announced.contains(&seen.day) {
            self.changed = Some(seen.day);
        }
        let mut distances = NO_DISTANCES;
        self.path = None;
        let alert = if self.count > FIRST { self.judge(seen, &mut distances) } else { None };
        self.scales.push(&distances);
        alert
    }

    /// Takes in what is known by now of a day that was observed; a day that seemed to have dropped is told when it is
    /// wholly known and has.
    pub fn restate(&mut self, seen: &Seen) -> Option<Alert> {
        let at = self.days.iter().position(|known| known.day == seen.day)?;
        let known = self.known(seen, at);
        self.days[at] = Known { aside: self.days[at].aside, ..known };
        let incident = self.incident.as_mut()?;
        let (day, expected, score) = incident.unsure.filter(|(day, ..)| *day == seen.day && seen.completeness.whole)?;
        incident.unsure = None;
        let departure = self.days[at].log - expected;
        (departure < -self.settings.drop).then(|| Alert {
            day,
            since: day,
            kind: Kind::Drop,
            score,
            cost_per_month: per(seen.cost - estimate(expected.exp()), MONTH, 1),
        })
    }

    /// A day as it is kept.
    fn known(&self, seen: &Seen, at: usize) -> Known {
        let Completeness { share, spread, .. } = seen.completeness;
        let cost = if share == 1.0 { seen.cost } else { estimate(size(seen.cost) / share) };
        let before: Vec<f64> = self.days[at.saturating_sub(WINDOW)..at].iter().map(|known| size(known.cost)).collect();
        let log = logarithm(size(cost), &before);
        Known { day: seen.day, cost, log, spread, aside: log.is_nan() }
    }

    /// Adds a day, and the days that nobody knows between the last and it.
    fn admit(&mut self, seen: &Seen) {
        if let Some(last) = self.days.last().map(|last| last.day) {
            let missing = (seen.day.days() - last.days() - 1).min(WINDOW as i32);
            for back in (1..=missing).rev() {
                let day = seen.day.plus(-back);
                self.days.push(Known { day, cost: Exact::ZERO, log: f64::NAN, spread: 0.0, aside: true });
            }
        }
        let known = self.known(seen, self.days.len());
        self.days.push(known);
        if self.days.len() > KEPT {
            self.days.drain(..self.days.len() - WINDOW - 1);
        }
    }

    fn view(&self) -> View {
        let today = self.days.len() - 1;
        let from = today.saturating_sub(WINDOW);
        // A holiday of which nothing is known yet is compared with an ordinary day, to learn from it.
        let plain = |(at, known): (usize, &Known)| {
            let unknown = if from + at == today { 0.0 } else { f64::NAN };
            known.log - self.month.effect(known.day).unwrap_or(unknown)
        };
        let rest: Vec<f64> = self.days[from..].iter().enumerate().map(plain).collect();
        let profile = Profile::of(&rest[..today - from], weekday(self.days[from].day), FLOOR);
        let effect = |(at, plain): (usize, &f64)| plain - profile.effect(weekday(self.days[from + at].day));
        let rest = rest.iter().enumerate().map(effect).collect();
        View { from, today, rest, profile }
    }

    /// Judges the newest day.
    fn judge(&mut self, seen: &Seen, distances: &mut Distances) -> Option<Alert> {
        let view = self.view();
        let today = view.today;
        if self.days[today].log.is_nan() {
            return None;
        }
        let silent = self.changed.is_some_and(|day| seen.day.days() - day.days() <= ANNOUNCED);
        if (self.count + self.phase).is_multiple_of(WEEK) {
            self.scales.read();
        }
        let noise = view.profile.noise(weekday(seen.day));
        let (mut best, mut ordinary): (Option<Finding>, Option<(f64, f64, f64)>) = (None, None);
        for (at, length) in LENGTHS.into_iter().enumerate() {
            let Some((levels, centre, noise)) = self.distances(&view, length) else { continue };
            if !silent && self.incident.is_none() {
                distances[at] = levels.map(|distance| distance / noise);
            }
            if !self.scales.enough(at) {
                self.scales.read();
            }
            if !self.scales.enough(at) {
                if length == 1 {
                    let mean = levels.iter().sum::<f64>() / levels.len() as f64;
                    ordinary = Some((mean, f64::INFINITY, f64::INFINITY));
                }
                continue;
            }
            let (distance, scale, low) = self.scales.together(at, &levels);
            let scale = (scale * noise).max(FLOOR);
            if length == 1 {
                ordinary = Some((distance, scale, (low * noise).max(FLOOR)));
            }
            let score = distance / scale;
            if score > best.map_or(f64::NEG_INFINITY, |best| best.score) && distance > self.settings.least {
                best = Some(Finding { length, score, distance, level: centre - distance });
            }
        }
        let (today_distance, scale, low) = ordinary?;
        let today_level = view.rest[today - view.from] - today_distance;
        if scale.is_finite() {
            let (newest, settings) = (&self.days[today], &self.settings);
            let at = |distance: f64| estimate((newest.log - today_distance + distance).exp());
            self.path = Some(Path {
                day: newest.day,
                expected: at(0.0),
                low: at(-settings.drop.max(settings.drop_score * low)),
                high: at(settings.least.max(settings.threshold * scale)),
            });
        }
        let unusual = self.days[today].log - view.profile.effect(weekday(seen.day)) - today_level;
        let unknown = self.month.effect(seen.day).is_none();
        self.month.week(&view.profile);
        self.month.learn(seen.day, unusual, noise);
        if unknown {
            *distances = NO_DISTANCES;
            self.days[today].aside = true;
            return None;
        }
        let found = best.filter(|best| best.score > self.settings.threshold);
        let fell = today_distance < -self.settings.drop && -today_distance / low > self.settings.drop_score;
        let ready = self.count as u32 > self.settings.learning_days && !silent;
        if self.incident.is_some() {
            self.follow(&view, scale);
            None
        } else if !ready || (found.is_none() && !fell) {
            None
        } else {
            // Beside a drop, its score is put on the scale of all others.
            let drop = || {
                let score = self.settings.threshold * -today_distance / low / self.settings.drop_score;
                Finding { length: 1, score, distance: today_distance, level: today_level }
            };
            let (finding, dropped) = found.map_or_else(|| (drop(), true), |found| (found, false));
            self.open(&view, seen, finding, dropped)
        }
    }

    /// How far the last days lie from the level before them, by half-life; where they lie; and the noise of such days.
    fn distances(&self, view: &View, length: usize) -> Option<([f64; LEVELS], f64, f64)> {
        let View { from, today, rest, profile } = view;
        let (from, today) = (*from, *today);
        let first = (today + 1).checked_sub(length)?;
        if today < from + length + WEEK || (first..today).any(|at| self.days[at].aside) || rest[today - from].is_nan() {
            return None;
        }
        let number = |at: usize| self.days[at].day.days();
        let since = |at: usize| {
            self.changed.is_none_or(|day| number(at) >= day.days() || number(today) - day.days() < length as i32 + 3)
        };
        let mut quiet: Vec<usize> =
            (from..first).filter(|at| !self.days[*at].aside && !rest[at - from].is_nan() && since(*at)).collect();
        if quiet.len() < QUIET.1 {
            return None;
        }
        quiet.drain(..quiet.len().saturating_sub(QUIET.0));
        let mut recent: Vec<f64> = quiet.iter().rev().take(FIRST).map(|at| rest[at - from]).collect();
        let middle = median(&mut recent);
        let wild = WILD * spread(&recent, middle).max(FLOOR);
        let precisions: [f64; WEEK] = std::array::from_fn(|day| profile.noise(day).powi(-2));
        let precision = |at: usize| precisions[weekday(self.days[at].day)];
        let mut days: Vec<(f64, f64)> = (first..=today).map(|at| (rest[at - from], precision(at))).collect();
        let total: f64 = days.iter().map(|(_, weight)| weight).sum();
        let mean = days.iter().map(|(value, weight)| value * weight).sum::<f64>() / total;
        // Two of three days decide as much as one wild one.
        let centre = if length >= 3 { (mean + mean.min(weighted_median(&mut days))) / 2.0 } else { mean };
        let late: f64 = (first..=today).map(|at| self.days[at].spread.powi(2)).sum();
        let noise = (length as f64 / total + late / length as f64).sqrt();
        let mut decay = decays().iter();
        let levels = HALF_LIVES.map(|_| {
            let (mut sum, mut weights) = (0.0, 0.0);
            let decay = decay.next().map_or(&[][..], |decay| &decay[..]);
            for at in &quiet {
                let weight = decay.get(first - 1 - at).copied().unwrap_or(0.0) * precision(*at);
                sum += weight * rest[at - from].clamp(middle - wild, middle + wild);
                weights += weight;
            }
            centre - sum / weights
        });
        Some((levels, centre, noise))
    }

    /// Opens an incident and tells it, unless it is a drop of a day that is not wholly known yet.
    fn open(&mut self, view: &View, seen: &Seen, finding: Finding, dropped: bool) -> Option<Alert> {
        let first = view.today + 1 - finding.length;
        let expected = |at: usize| (self.days[at].log - view.rest[at - view.from] + finding.level).exp();
        let excess: Exact = (first..=view.today).map(|at| self.days[at].cost - estimate(expected(at))).sum();
        let cost_per_month = per(excess, MONTH, finding.length as i128);
        if cost_per_month.abs() < self.settings.least_per_month {
            return None;
        }
        let kind =
            if dropped { Kind::Drop } else { kind(&view.rest[first - view.from..=view.today - view.from], finding) };
        let waits = dropped && !seen.completeness.whole;
        let alert = Alert { day: seen.day, since: self.days[first].day, kind, score: finding.score, cost_per_month };
        let unsure = waits.then(|| (seen.day, expected(view.today).ln(), finding.score));
        let (base, departure) = (finding.level, finding.distance);
        self.incident = Some(Incident { alerted: seen.day, base, departure, near: 0, unsure });
        self.days[first..].iter_mut().for_each(|known| known.aside = true);
        (!waits).then_some(alert)
    }

    /// Sees whether an incident ends with the newest day: cost is back, or the new level is the level.
    fn follow(&mut self, view: &View, scale: f64) {
        let today = view.today;
        self.days[today].aside = true;
        let Some(incident) = self.incident.as_mut() else { return };
        let distance = (view.rest[today - view.from] - incident.base).abs();
        let scale = if scale.is_finite() { scale } else { FLOOR };
        let near = distance < (NEAR * scale).max(NEAR_SHARE * incident.departure.abs());
        incident.near = if near { incident.near + 1 } else { 0 };
        let back = incident.near;
        if back >= NEAR_DAYS {
            self.readmit(back);
            self.incident = None;
        } else if self.days[today].day.days() - incident.alerted.days() >= FOLLOWED {
            self.days.iter_mut().for_each(|known| known.aside = true);
            self.readmit(FOLLOWED_DAYS);
            self.incident = None;
        }
    }

    /// Lets the newest days count again, where they are known.
    fn readmit(&mut self, count: usize) {
        let from = self.days.len().saturating_sub(count);
        self.days[from..].iter_mut().for_each(|known| known.aside = known.log.is_nan());
    }
}

/// How much a day counts in each level, by how many days ago it was.
fn decays() -> &'static [[f64; WINDOW]; LEVELS] {
    static DECAYS: OnceLock<[[f64; WINDOW]; LEVELS]> = OnceLock::new();
    DECAYS.get_or_init(|| HALF_LIVES.map(|half| std::array::from_fn(|ago| 0.5_f64.powf(ago as f64 / half))))
}

/// Weekdays, counted from any day.
fn weekday(day: Day) -> usize {
    day.days().rem_euclid(WEEK as i32) as usize
}

/// What a departure above the path looks like.
fn kind(days: &[f64], finding: Finding) -> Kind {
    if finding.length < 3 {
        return Kind::Spike;
    }
    let third = days.len().div_ceil(3);
    let mean = |days: &[f64]| days.iter().sum::<f64>() / days.len() as f64;
    let rise = mean(&days[days.len() - third..]) - mean(&days[..third]);
    if rise > finding.distance / 2.0 { Kind::Ramp } else { Kind::Shift }
}
