//! All series of a home and their detectors: which days are new, which series are judged anew, and what is told.
//!
//! ```text
//! nothing changed        the alerts of the last run
//! a delivery came        the days of its slices are read; each detector is told the days that it has not seen
//! owners changed         all days are read; detectors whose days are still what they were go on, others begin again
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use leap_decide::drift::{Alert, Completeness, Detector, Kind, Path, Seen, Settings};
use leap_decide::series::{Announced, Series};
use leap_orient::org::Org;
use leap_terms::{Currency, Day, Digest, Exact, Period, TeamId, fault};

use super::costs::{self, Costs, Key, Line};
use super::keep::{self, Index, SHARDS, Watched};
use super::late::{self, LATE, Source};
use super::{Found, driver};
use crate::config;
use crate::failure::Failure;
use crate::home::Home;
use crate::view::View;

/// Days that a detector is told when it begins.
const HISTORY: i32 = 200;
/// Days by which a source may end before the newest and still be watched.
const GOES_ON: i32 = 45;
/// Days for which an alert is remembered.
const REMEMBERED: i32 = 60;
/// A day that was restated by more than one part in so many makes its series begin again.
const RESTATED: i128 = 20;
/// Days of a month.
const MONTH: i128 = 30;
/// New alerts of one run of which it is worked out what moved; of more, those that cost most.
const EXPLAINED: usize = 100;
/// Of what is written.
const VERSION: u32 = 2;

/// What everybody is judged by.
struct Judge {
    settings: Settings,
    announced: Announced,
    reorgs: BTreeMap<TeamId, BTreeSet<Day>>,
    sources: Vec<Source>,
    /// Where states are kept; none where what is read is not the present.
    folder: Option<PathBuf>,
    /// The newest day that is over.
    newest: Day,
    /// Days before it whose alerts are told.
    told: i32,
}

/// What became of a series.
enum Judged {
    /// It is watched on.
    Kept(Box<Watched>),
    /// It begins again, and needs all of its days.
    Again,
    /// It is too small, or over.
    Left,
}

/// What became of several.
#[derive(Default)]
struct Outcome {
    again: HashSet<Key>,
    told: Vec<(Key, Alert)>,
}

/// Days on which a unit began or ended, of it and of whoever it came from or went to, as these stand on a day.
fn reorgs(org: &Org, on: Day) -> BTreeMap<TeamId, BTreeSet<Day>> {
    let mut all = BTreeMap::<TeamId, BTreeSet<Day>>::new();
    for unit in org.units() {
        let mut note = |day: Day, others: &[TeamId]| {
            if day > Day::EARLIEST && day < Day::NEVER {
                for unit in others.iter().chain([&unit.id]) {
                    all.entry(org.stand(unit, on).unit).or_default().insert(day);
                }
            }
        };
        for (at, span) in unit.spans.iter().enumerate() {
            let (from, until) = (span.period.from(), span.period.until());
            // A move, another name or another lead is no change of cost.
            if at.checked_sub(1).is_none_or(|before| unit.spans[before].period.until() != from) {
                note(from, &span.split_from);
            }
            if unit.spans.get(at + 1).is_none_or(|next| next.period.from() != until) {
                note(until, span.successor.as_slice());
            }
        }
    }
    all
}

/// The file of announced changes, and its digest.
fn announced(home: &Home) -> Result<(Announced, String), Failure> {
    let Some(name) = &home.settings.drift.announced else { return Ok((Announced::default(), String::new())) };
    let path = home.root.join(name);
    let shown = path.display().to_string();
    let bytes = config::read_limited(&path)
        .map_err(|failure| Failure { message: format!("[drift] announced: {}", failure.message), ..failure })?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Failure::usage(format!("[drift] announced: {shown} is no UTF-8 text: save it as UTF-8")))?;
    let read = Announced::read(&shown, text).map_err(|faults| Failure::usage(fault::list(&faults)))?;
    Ok((read, Digest::of(&bytes).to_string()))
}

impl Judge {
    /// None in a home without a day to judge.
    async fn of(home: &Home, view: &View) -> Result<Option<(Judge, String)>, Failure> {
        let Some(newest) = super::newest(view) else { return Ok(None) };
        let (announced, digest) = announced(home)?;
        let asked = &home.settings.drift;
        let settings = Settings { least_per_month: asked.least_per_month, ..Settings::default() };
        let org = &view.head().org;
        let told = format!("{VERSION} {settings:?} {} {digest} {}", asked.days, org.digest());
        let judge = Judge {
            reorgs: reorgs(org, newest),
            settings,
            announced,
            sources: late::sources(home, view).await?,
            folder: view.known().is_none().then(|| home.root.join("cache")),
            newest,
            told: i32::from(asked.days),
        };
        Ok(Some((judge, told)))
    }

    /// All days that detectors are told when they begin.
    fn history(&self) -> Result<Period, Failure> {
        days(self.newest.plus(1 - HISTORY), self.newest)
    }

    fn least(&self, cost: Exact) -> bool {
        cost.coarse().saturating_abs().saturating_mul(MONTH) >= self.settings.least_per_month.coarse()
    }

    /// Judges the series that were read, all of them or those that begin again.
    fn all(&self, costs: &Costs, is_again: bool) -> Outcome {
        let mut shards: Vec<Vec<&Line>> = vec![Vec::new(); SHARDS];
        costs.lines.iter().for_each(|line| shards[(line.key.number() as usize) % SHARDS].push(line));
        let (next, together) = (AtomicUsize::new(0), Mutex::new(Outcome::default()));
        let work = || {
            loop {
                let shard = next.fetch_add(1, Ordering::Relaxed);
                let Some(lines) = shards.get(shard) else { break };
                if is_again && lines.is_empty() {
                    continue;
                }
                let own = self.shard(shard, lines, costs.days, is_again);
                let mut together = together.lock().unwrap_or_else(PoisonError::into_inner);
                together.again.extend(own.again);
                together.told.extend(own.told);
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            (1..threads).for_each(|_| drop(scope.spawn(work)));
            work();
        });
        together.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self, shard: usize, lines: &[&Line], days: Period, is_again: bool) -> Outcome {
        let states = self.folder.as_ref().map(|folder| keep::load(folder, shard, &self.settings));
        let mut states = states.unwrap_or_default();
        let (mut kept, mut outcome) = (HashMap::new(), Outcome::default());
        let mut take = |line: &Line, state: Option<Watched>| match self.line(line, state, days) {
            Judged::Kept(watched) => {
                let recent = watched.told.iter().filter(|alert| self.is_recent(alert, &watched));
                outcome.told.extend(recent.map(|alert| (line.key.clone(), alert.clone())));
                kept.insert(line.key.clone(), *watched);
            }
            Judged::Again => {
                outcome.again.insert(line.key.clone());
            }
            Judged::Left => {}
        };
        for line in lines {
            take(line, states.remove(&line.key));
        }
        if is_again {
            kept.extend(states);
        } else {
            // What cost nothing on these days cost nothing.
            let length = (days.until().days() - days.from().days()) as usize;
            for (key, state) in states {
                take(&Line { key, sources: 0, costs: vec![Exact::ZERO; length] }, Some(state));
            }
        }
        if let Some(folder) = &self.folder {
            keep::save(folder, shard, &self.settings, &kept);
        }
        outcome
    }

    fn is_recent(&self, alert: &Alert, watched: &Watched) -> bool {
        // A day that seems to have dropped is told when it is wholly known.
        let told = if alert.kind == Kind::Drop { self.told + LATE } else { self.told };
        watched.detector.newest().is_some_and(|newest| newest.days() - alert.day.days() < told)
            && self.newest.days() - alert.day.days() < told + GOES_ON
    }

    /// The sources that bill a series and go on.
    fn sources(&self, bits: u64) -> Vec<&Source> {
        let goes_on = |source: &&Source| self.newest.days() - source.last.days() <= GOES_ON;
        self.sources.iter().filter(|source| source.bit & bits != 0).filter(goes_on).collect()
    }

    fn line(&self, line: &Line, state: Option<Watched>, days: Period) -> Judged {
        let bits = line.sources | state.as_ref().map_or(0, |state| state.sources);
        let sources = self.sources(bits);
        let (Some(last), Some(delivered)) =
            (sources.iter().map(|source| source.last).min(), sources.iter().map(|source| source.delivered).max())
        else {
            return Judged::Left;
        };
        let name = Series { name: line.key.name(), dated: true, points: Vec::new() };
        let mut changes = self.announced.changes(&name);
        changes.extend(self.reorgs.get(&line.key.unit).into_iter().flatten());
        let holidays = self.announced.holidays(&name);
        let announced = costs::number(&format!("{changes:?} {holidays:?}"));
        let known = line.costs.iter().any(|cost| self.least(*cost));
        let state = state.filter(|state| state.announced == announced && self.goes_on(state, line, days, last));
        let is_new = state.is_none();
        if is_new && !known {
            return Judged::Left;
        }
        // A series that begins needs all of its days.
        if is_new && days.from() > self.newest.plus(1 - HISTORY) {
            return Judged::Again;
        }
        let mut watched = state.unwrap_or_else(|| Watched {
            detector: Detector::new(self.settings.clone(), true),
            sources: bits,
            judged: delivered,
            announced,
            told: Vec::new(),
        });
        let small = |detector: &Detector| !detector.kept().any(|(_, cost)| self.least(cost));
        if !is_new && !known && small(&watched.detector) {
            return Judged::Left;
        }
        watched.detector.read_on((line.key.number() % 7) as usize);
        changes.iter().for_each(|day| watched.detector.announce(*day));
        holidays.iter().for_each(|day| watched.detector.holiday(*day));
        self.tell(&mut watched, line, days, (last, &sources));
        (watched.sources, watched.judged) = (bits, delivered);
        watched.told.retain(|alert| self.newest.days() - alert.day.days() <= REMEMBERED);
        Judged::Kept(Box::new(watched))
    }

    /// True where a state can go on with the days that were read.
    fn goes_on(&self, state: &Watched, line: &Line, days: Period, last: Day) -> bool {
        let Some(newest) = state.detector.newest() else { return false };
        let is_same = |(day, cost): (Day, Exact)| {
            // Young days are told again anyway.
            if !days.contains(day) || state.judged.days() - day.days() <= LATE {
                return true;
            }
            let off = (line_cost(line, days, day) - cost).coarse().saturating_abs();
            off.saturating_mul(RESTATED) <= cost.coarse().saturating_abs() || !self.least(Exact::from_parts(off, 0))
        };
        newest <= last && newest.plus(1) >= days.from() && state.detector.kept().all(is_same)
    }

    /// Tells a detector what has changed of the days that it knows, and the days that it does not know.
    fn tell(&self, watched: &mut Watched, line: &Line, days: Period, (last, sources): (Day, &[&Source])) {
        let seen = |day: Day| {
            let shares = sources.iter().map(|source| source.completeness(day));
            let completeness = shares.min_by(|a, b| {
                (a.whole, a.share).partial_cmp(&(b.whole, b.share)).unwrap_or(std::cmp::Ordering::Equal)
            });
            let completeness = completeness.unwrap_or(Completeness::WHOLE);
            Seen { day, cost: line_cost(line, days, day), completeness }
        };
        let is_young = |day: Day| watched.judged.days() - day.days() <= LATE;
        let known: Vec<Day> = watched
            .detector
            .kept()
            .filter(|(day, cost)| days.contains(*day) && (is_young(*day) || *cost != line_cost(line, days, *day)))
            .map(|(day, _)| day)
            .collect();
        let first = match watched.detector.newest() {
            Some(newest) => newest.plus(1),
            None => {
                let begins = line.costs.iter().position(|cost| !cost.is_zero()).unwrap_or(line.costs.len());
                days.from().plus(begins as i32)
            }
        };
        let told = &mut watched.told;
        let mut tell = |alert: Option<Alert>| {
            // As it is written: with three decimals.
            told.extend(alert.map(|alert| Alert { score: (alert.score * 1e3).round() / 1e3, ..alert }));
        };
        known.into_iter().for_each(|day| tell(watched.detector.restate(&seen(day))));
        for day in (first.days()..=last.days()).map(Day::from_days) {
            tell(watched.detector.observe(&seen(day)));
        }
    }
}

/// What a series cost on a day.
fn line_cost(line: &Line, days: Period, day: Day) -> Exact {
    let at = usize::try_from(day.days() - days.from().days()).ok();
    at.and_then(|at| line.costs.get(at)).copied().unwrap_or(Exact::ZERO)
}

fn days(from: Day, last: Day) -> Result<Period, Failure> {
    let none = || Failure::failed(format!("there is no day from {from} to {last}"));
    Period::new(from, last.plus(1)).ok_or_else(none)
}

/// What was found out before any series is judged.
pub(super) enum Ahead {
    /// Nothing changed: the alerts of the last run.
    Known(Vec<Found>),
    /// There is something to judge.
    Work(Box<Work>),
}

/// All that series are judged from.
pub(super) struct Work {
    judge: Judge,
    costs: Costs,
    known: Vec<Found>,
    made_of: String,
    told: String,
    slices: HashMap<String, Day>,
}

/// Reads what is new.
pub(super) async fn ahead(home: &Home, view: &View) -> Result<Ahead, Failure> {
    let Some((judge, told)) = Judge::of(home, view).await? else { return Ok(Ahead::Known(Vec::new())) };
    let slices: HashMap<String, Day> =
        view.sliced().iter().map(|(_, slice)| (slice.print(), slice.first_day)).collect();
    let mut prints: Vec<&str> = slices.keys().map(String::as_str).collect();
    prints.sort_unstable();
    let delivered: Vec<String> = judge.sources.iter().map(|source| source.delivered.to_string()).collect();
    let all = format!("{told}\n{}\n{}", delivered.join(" "), prints.join("\n"));
    let made_of = Digest::of(all.as_bytes()).to_string();
    let before = judge.folder.as_ref().and_then(|folder| Index::load(folder));
    let before = match before {
        Some(before) if before.made_of == made_of => return Ok(Ahead::Known(before.found)),
        before => before,
    };
    let history = judge.history()?;
    let same = before.as_ref().filter(|before| before.told == told);
    let from = same.map_or(history.from(), |before| changed(&before.slices, &slices, judge.newest));
    let asked = days(from.max(history.from()).min(judge.newest), judge.newest)?;
    let costs = costs::read(home, view, asked, judge.newest, &|_| true).await?;
    let known = before.map(|before| before.found).unwrap_or_default();
    Ok(Ahead::Work(Box::new(Work { judge, costs, known, made_of, told, slices })))
}

/// Alerts of the newest days, of everybody.
pub(super) async fn found(home: &Home, view: &View, ahead: Ahead) -> Result<Vec<Found>, Failure> {
    let work = match ahead {
        Ahead::Known(found) => return Ok(found),
        Ahead::Work(work) => work,
    };
    let Work { judge, costs, known, made_of, told, slices } = *work;
    let mut outcome = judge.all(&costs, false);
    drop(costs);
    if !outcome.again.is_empty() {
        let again = std::mem::take(&mut outcome.again);
        let costs = costs::read(home, view, judge.history()?, judge.newest, &|key| again.contains(key)).await?;
        outcome.told.extend(judge.all(&costs, true).told);
    }
    let found = explained(home, view, &judge, outcome.told, known).await?;
    if let Some(folder) = &judge.folder {
        Index { made_of, told, slices, found: found.clone() }.store(folder);
    }
    Ok(found)
}

/// The first day of any slice that came, went or changed; the youngest days are read in any case.
fn changed(before: &HashMap<String, Day>, now: &HashMap<String, Day>, newest: Day) -> Day {
    let gone = before.iter().filter(|(print, _)| !now.contains_key(*print));
    let came = now.iter().filter(|(print, _)| !before.contains_key(*print));
    let first = gone.chain(came).map(|(_, day)| *day).min().unwrap_or(newest);
    first.min(newest.plus(-LATE))
}

/// Alerts with what moved, those that cost most first.
async fn explained(
    home: &Home,
    view: &View,
    judge: &Judge,
    mut told: Vec<(Key, Alert)>,
    known: Vec<Found>,
) -> Result<Vec<Found>, Failure> {
    told.sort_by(|(a, one), (b, other)| {
        let (left, right) = (one.cost_per_month.abs(), other.cost_per_month.abs());
        right.cmp(&left).then_with(|| a.cmp(b)).then_with(|| one.day.cmp(&other.day))
    });
    let same = |key: &Key, alert: &Alert| {
        let series = key.name();
        known.iter().find(|found| (&found.series, &found.currency, &found.alert) == (&series, &key.currency, alert))
    };
    let new = told.iter().filter(|(key, alert)| same(key, alert).is_none());
    let new: Vec<(&Key, &Alert)> = new.take(EXPLAINED).map(|(key, alert)| (key, alert)).collect();
    let moved = driver::moved(home, view, &new, judge.newest).await?;
    let moved: BTreeMap<_, _> = new.iter().map(|(key, alert)| (*key, alert.since, alert.day)).zip(moved).collect();
    let found = told.iter().map(|(key, alert)| {
        let drivers = match same(key, alert) {
            Some(known) => known.drivers.clone(),
            None => moved.get(&(key, alert.since, alert.day)).cloned().unwrap_or_default(),
        };
        let (unit, currency) = (key.unit.clone(), key.currency.clone());
        Found { unit, series: key.name(), currency, alert: alert.clone(), drivers }
    });
    Ok(found.collect())
}

/// A series as it is shown: its days, where they were expected, and its alerts of all that time.
pub(crate) struct Shown {
    pub(crate) unit: TeamId,
    pub(crate) service: String,
    pub(crate) currency: Currency,
    pub(crate) days: Vec<(Day, Exact, Option<Path>)>,
    pub(crate) alerts: Vec<Alert>,
}

/// A series by its name, in each currency; judged anew, by what is known now.
pub(crate) async fn trace(home: &Home, view: &View, series: &str) -> Result<Vec<Shown>, Failure> {
    let Some((judge, _)) = Judge::of(home, view).await? else { return Ok(Vec::new()) };
    let history = judge.history()?;
    let sees = |key: &Key| key.name() == series && view.sees_unit(&key.unit, judge.newest);
    let costs = costs::read(home, view, history, judge.newest, &sees).await?;
    Ok(costs.lines.iter().filter_map(|line| judge.trace(line, history)).collect())
}

impl Judge {
    fn trace(&self, line: &Line, days: Period) -> Option<Shown> {
        let sources = self.sources(line.sources);
        let last = sources.iter().map(|source| source.last).min()?;
        let name = Series { name: line.key.name(), dated: true, points: Vec::new() };
        let mut detector = Detector::new(self.settings.clone(), true);
        detector.read_on((line.key.number() % 7) as usize);
        self.announced.changes(&name).into_iter().for_each(|day| detector.announce(day));
        self.reorgs.get(&line.key.unit).into_iter().flatten().for_each(|day| detector.announce(*day));
        self.announced.holidays(&name).into_iter().for_each(|day| detector.holiday(day));
        let first = days.from().plus(line.costs.iter().position(|cost| !cost.is_zero())? as i32);
        let mut shown = Shown {
            unit: line.key.unit.clone(),
            service: line.key.service.clone(),
            currency: line.key.currency.clone(),
            days: Vec::new(),
            alerts: Vec::new(),
        };
        for day in (first.days()..=last.days()).map(Day::from_days) {
            let shares = sources.iter().map(|source| source.completeness(day));
            let completeness = shares.min_by(|a, b| a.share.total_cmp(&b.share)).unwrap_or(Completeness::WHOLE);
            let cost = line_cost(line, days, day);
            shown.alerts.extend(detector.observe(&Seen { day, cost, completeness }));
            shown.days.push((day, cost, detector.path()));
        }
        Some(shown)
    }
}
