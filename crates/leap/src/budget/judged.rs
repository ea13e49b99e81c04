//! What a home knows of its budgets: cost by unit and day, what it is expected to become, business volume and head counts.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};

use leap_decide::budget::{self, Base, Budget, Budgets, Limit, Line, Missing, Pace, Seen, Verdict, hierarchy};
use leap_decide::forecast::{self, Memory, Range};
use leap_decide::org::Spans;
use leap_decide::series::{Announced, Point, Series};
use leap_orient::charter::Metric;
use leap_orient::org::Org;
use leap_orient::reading::spend::Basis;
use leap_terms::{CostKind, Currency, Day, Digest, Exact, Instant, Money, Period, TeamId};

use super::{Allowances, Asked, tree};
use crate::charter::Measures;
use crate::failure::Failure;
use crate::home::Home;
use crate::kept::Kept;
use crate::publish::side_by_side;
use crate::spend::{self, Words};
use crate::view::View;

/// Days of history that forecasts are made from, at least.
const HISTORY: i32 = 400;
/// Bytes of what is learned of a series, about.
const LEARNED: usize = 48 << 10;
/// Days whose mean is expected of business volume that is not known yet.
const RECENT: i32 = 28;

/// Verdicts, the worst first, then by how much is over.
pub(crate) struct Judged {
    pub(crate) verdicts: Vec<Verdict>,
    /// Budgets that cannot be judged, and why.
    pub(crate) missing: Vec<(TeamId, Period, Missing)>,
    /// Budgets that are smaller than those below them, after reorgs.
    pub(crate) excess: Vec<hierarchy::Excess>,
    /// The first day that not every source has.
    pub(crate) known_until: Day,
}

/// A unit's cost of one kind in one currency, by day; days without cost are absent.
pub(crate) type Daily = BTreeMap<(TeamId, CostKind, Currency), BTreeMap<Day, Money>>;

/// Cost of every unit, with all below it: by the org of each day, and as if the org had always been that of the last one, which
/// is what the days to come are expected from.
pub(crate) async fn daily(
    home: &Home,
    view: &View,
    kinds: &BTreeSet<CostKind>,
    days: Period,
) -> Result<(Daily, Daily), Failure> {
    let org = &view.head().org;
    let last = days.until().plus(-1);
    // Between two of these days every path is the same.
    let spans = org.units().iter().flat_map(|unit| &unit.spans);
    let edges: BTreeSet<Day> = spans.flat_map(|span| [span.period.from(), span.period.until()]).collect();
    let edges: Vec<Day> = edges.into_iter().collect();
    let path = |team: &TeamId, day: Day| -> Vec<TeamId> {
        let path = org.path(team, day);
        path.into_iter().map(|unit| unit.id.clone()).collect()
    };
    let (mut all, mut recast) = (Lines::default(), Lines::default());
    for kind in kinds {
        let words =
            Words { by: "team,day", filter: None, under: None, period: days, cost: *kind, basis: Basis::Incurred };
        let (rows, _) = spend::by_words(home, view, &words).await?;
        // The days of a team come one after the other.
        let mut at: Option<(&str, usize, &Currency, [Vec<usize>; 2])> = None;
        for row in &rows {
            let [Some(owner), Some(day)] = row.values.as_slice() else { continue };
            // What nobody owns is in nobody's budget.
            let (Ok(team), Ok(day)) = (TeamId::new(owner), day.parse::<Day>()) else { continue };
            let epoch = edges.partition_point(|edge| *edge <= day);
            let [own, now] = match &at {
                Some((known, since, currency, places))
                    if (*known, *since, *currency) == (owner.as_str(), epoch, &row.currency) =>
                {
                    places
                }
                _ => {
                    let own =
                        Some(path(&team, day)).filter(|path| !path.is_empty()).unwrap_or_else(|| vec![team.clone()]);
                    // Who is not there any more stays where they were.
                    let now = Some(path(&team, last)).filter(|path| !path.is_empty()).unwrap_or_else(|| own.clone());
                    let own = own.into_iter().map(|unit| all.place((unit, *kind, row.currency.clone()))).collect();
                    let now = now.into_iter().map(|unit| recast.place((unit, *kind, row.currency.clone()))).collect();
                    &at.insert((owner, epoch, &row.currency, [own, now])).3
                }
            };
            own.iter().for_each(|place| *all.days[*place].entry(day).or_default() += row.amount);
            now.iter().for_each(|place| *recast.days[*place].entry(day).or_default() += row.amount);
        }
    }
    Ok((all.finish(), recast.finish()))
}

/// [`Daily`] while it is added up.
#[derive(Default)]
struct Lines {
    places: BTreeMap<(TeamId, CostKind, Currency), usize>,
    days: Vec<BTreeMap<Day, Money>>,
}

impl Lines {
    fn place(&mut self, line: (TeamId, CostKind, Currency)) -> usize {
        let next = self.days.len();
        let place = *self.places.entry(line).or_insert(next);
        if place == next {
            self.days.push(BTreeMap::new());
        }
        place
    }

    fn finish(mut self) -> Daily {
        self.places.into_iter().map(|(line, place)| (line, std::mem::take(&mut self.days[place]))).collect()
    }
}

/// The first day of the history of forecasts from a day on: the same for all days of a month, so that what was learned of a
/// series yesterday is of use today.
pub(crate) fn history_from(origin: Day) -> Day {
    origin.plus(-HISTORY).month().first_day()
}

/// What there is to forecast a unit from: each day from its first cost on.
pub(crate) fn series(name: &TeamId, costs: &BTreeMap<Day, Money>, until: Day) -> Series {
    // As long a history whatever other budgets there are.
    let first = costs.keys().next().copied().unwrap_or(until).max(history_from(until));
    let days = (first.days()..until.days()).map(Day::from_days);
    let point = |day: Day| Point { label: day.to_string(), day, cost: costs.get(&day).copied().unwrap_or(Exact::ZERO) };
    Series { name: name.to_string(), dated: true, points: days.map(point).collect() }
}

/// A digest of the days of a series and what they cost.
fn print(series: &Series) -> Digest {
    let mut bytes = Vec::with_capacity(20 * series.points.len());
    for point in &series.points {
        bytes.extend(point.day.days().to_le_bytes());
        bytes.extend(point.cost.to_text().bytes());
        bytes.push(b'\n');
    }
    Digest::of(&bytes)
}

/// What decisions ask of a home's facts.
struct Facts<'v> {
    kept: &'v Kept,
    org: &'v Org,
    spans: Spans,
    measures: Measures,
    volume: leap_orient::charter::Volume,
    daily: Daily,
    /// By the org of the last day, for what is expected.
    recast: Daily,
    known_until: Day,
    paces: Mutex<BTreeMap<(TeamId, Period), Pace>>,
    /// What paces are of where a unit's budgets differ: the kind and currency of most.
    kind: CostKind,
    currency: Currency,
}

impl<'v> Facts<'v> {
    async fn of(home: &'v Home, view: &'v View, budgets: &Budgets) -> Result<Facts<'v>, Failure> {
        let known_until = view.through().plus(1);
        let kinds: BTreeSet<CostKind> = budgets.list.iter().map(|budget| budget.cost).collect();
        let first = budgets.list.iter().map(|budget| budget.period.from()).min().unwrap_or(known_until);
        let days = Period::new(history_from(first.min(known_until.plus(-1))), known_until);
        let (daily, recast) = match days {
            Some(days) if !view.head().scopes.is_empty() => daily(home, view, &kinds, days).await?,
            _ => Default::default(),
        };
        let most = |budget: &Budget| {
            let same = |other: &&Budget| (other.cost, &other.currency) == (budget.cost, &budget.currency);
            budgets.list.iter().filter(same).count()
        };
        let main = budgets.list.iter().max_by_key(|budget| most(budget));
        Ok(Facts {
            kept: &home.kept,
            org: &view.head().org,
            spans: tree::spans(&view.head().org),
            measures: Measures::of(&home.settings.charter, view.head())?,
            volume: crate::volume::in_force(view.head())?,
            daily,
            recast,
            known_until,
            paces: Mutex::default(),
            kind: main.map_or(CostKind::Effective, |budget| budget.cost),
            currency: main.map_or_else(|| Currency::new("USD").expect("USD is a currency"), |one| one.currency.clone()),
        })
    }

    fn costs(&self, unit: &TeamId, kind: CostKind, currency: &Currency) -> Option<&BTreeMap<Day, Money>> {
        self.daily.get(&(unit.clone(), kind, currency.clone()))
    }

    /// The days from `origin` on, expected from those before.
    fn expected(&self, line: (&TeamId, CostKind, &Currency), origin: Day, until: Day) -> Option<forecast::Forecast> {
        let costs = self.recast.get(&(line.0.clone(), line.1, line.2.clone()))?;
        let horizon = usize::try_from(until.days() - origin.days()).ok().filter(|days| *days > 0)?;
        let series = series(line.0, costs, origin);
        // What was learned of it the last time; two who ask at once wait for each other.
        let new = || Ok::<_, Infallible>((Mutex::<Memory>::default(), LEARNED));
        let key = format!("learned {} {} {}", line.0, line.1, line.2);
        let Ok(memory) = self.kept.get(&key, new);
        let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
        forecast::forecast_on(&series, origin, horizon, &Announced::default(), &mut memory)
    }

    /// How a unit's cost was expected to fall on the days of a period when it began; days that nobody knows by then do not
    /// count as known.
    fn pace(&self, unit: &TeamId, period: Period) -> Pace {
        let key = (unit.clone(), period);
        if let Some(known) = self.paces().get(&key) {
            return known.clone();
        }
        // Worked out outside of the lock: a detector goes through a year of days.
        let made = self.made_pace(unit, period);
        self.paces().entry(key).or_insert(made).clone()
    }

    fn paces(&self) -> MutexGuard<'_, BTreeMap<(TeamId, Period), Pace>> {
        self.paces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn made_pace(&self, unit: &TeamId, period: Period) -> Pace {
        let origin = period.from().min(self.known_until);
        let costs = self.recast.get(&(unit.clone(), self.kind, self.currency.clone()));
        let horizon = usize::try_from(period.until().days() - origin.days()).unwrap_or(0);
        let Some(costs) = costs.filter(|_| horizon > 0) else { return Pace::new(period, []) };
        let series = series(unit, costs, origin);
        // The same for the whole period: days before it are seldom restated.
        let key = format!("pace {origin} {horizon} {}", print(&series));
        let made = || {
            let path = forecast::path(&series, origin, horizon, &Announced::default());
            let bytes = horizon * size_of::<(Day, Exact)>() + key.len();
            Ok::<_, Infallible>((path.unwrap_or_default(), bytes))
        };
        let Ok(path) = self.kept.get(&key, made);
        Pace::new(period, path.iter().copied())
    }

    /// Head counts of a unit and all below it on a day.
    fn heads(&self, unit: &TeamId, day: Day) -> u32 {
        let tree = self.org.tree(day);
        let mut open = vec![unit];
        let mut heads = 0;
        while let Some(at) = open.pop() {
            heads += tree.span(at).and_then(|span| span.head_count).unwrap_or(0);
            open.extend(tree.children(at));
        }
        heads
    }

    fn base(&self, budget: &Budget) -> Base {
        match &budget.limit {
            Limit::Money(_) => Base::default(),
            Limit::Bps { metric, .. } => {
                let of = match metric {
                    Some(name) => self.volume.metric(name),
                    None => self.measures.volume.as_ref().ok().map(|of| &of.values),
                };
                let currency = of.and_then(|metric| metric.currency.as_ref());
                // The settings name the currency of the metric that counts, and of no other.
                let counted = self.measures.volume.as_ref().ok();
                let counted = counted.filter(|of| metric.as_ref().is_none_or(|name| *name == of.name));
                let currency = currency.or_else(|| counted.map(|of| &of.currency));
                let of = of.filter(|_| currency == Some(&budget.currency));
                let (volume, volume_expected) = of
                    .and_then(|metric| volume(metric, budget.period))
                    .map_or((None, false), |(sum, is_expected)| (Some(sum), is_expected));
                Base { volume, volume_expected, engineer_months: None }
            }
            Limit::PerEngineer(_) => {
                let told = self.org.unit(&budget.unit).is_some()
                    && (budget.period.from().days()..budget.period.until().days())
                        .any(|day| self.heads(&budget.unit, Day::from_days(day)) > 0);
                let months = || budget::engineer_months(budget.period, |day| self.heads(&budget.unit, day));
                Base { engineer_months: told.then(months), ..Base::default() }
            }
        }
    }

    /// What a budget has seen so far.
    fn seen(&self, line: &Line) -> Seen {
        let nothing = BTreeMap::new();
        let costs = self.costs(&line.unit, line.cost, &line.currency).unwrap_or(&nothing);
        let until = line.period.until().min(self.known_until);
        let actual: Money = if line.period.from() < until {
            costs.range(line.period.from()..until).map(|(_, cost)| *cost).sum()
        } else {
            Exact::ZERO
        };
        let origin = line.period.from().max(self.known_until);
        let end = if self.known_until >= line.period.until() {
            Some(Range { low: actual, middle: actual, high: actual })
        } else if origin == self.known_until {
            let rest = self.expected((&line.unit, line.cost, &line.currency), origin, line.period.until());
            rest.map(|rest| budget::judge::at_end(actual, rest.total))
        } else {
            // The days between are not known either: what begins later is not judged by a guess about a guess.
            None
        };
        Seen {
            currency: line.currency.clone(),
            actual,
            known_until: until,
            end,
            pace: self.pace(&line.unit, line.period),
        }
    }
}

/// Volume of a period, and whether a part of it is expected: days that are not known yet count as the mean of the last ones.
/// Nothing where a day between is not known, or none is.
fn volume(metric: &Metric, period: Period) -> Option<(Exact, bool)> {
    let over = metric.over(period);
    let known = over.span?;
    if over.hole.is_some() || known.from() != period.from() {
        return None;
    }
    let left = i64::from(period.until().days() - known.until().days());
    if left == 0 {
        return Some((over.total, false));
    }
    let recent = metric.over(Period::new(known.until().plus(-RECENT), known.until())?);
    let days = i64::try_from(recent.days).ok().filter(|days| *days > 0)?;
    let mean = leap_terms::Ratio::of(recent.total, Exact::from_whole(days))?;
    let expected = mean.by(&leap_terms::Ratio::whole(Exact::from_whole(left))).rounded(2)?;
    Some((over.total + expected, true))
}

/// Budgets that are smaller than those below them.
pub(super) fn excess(home: &Home, view: &View, budgets: &Budgets) -> Result<Vec<hierarchy::Excess>, Failure> {
    let head = view.head();
    let facts = Facts {
        kept: &home.kept,
        org: &head.org,
        spans: tree::spans(&head.org),
        measures: Measures::of(&home.settings.charter, head)?,
        volume: crate::volume::in_force(head)?,
        daily: Daily::new(),
        recast: Daily::new(),
        known_until: Day::EARLIEST,
        paces: Mutex::default(),
        kind: CostKind::Effective,
        currency: Currency::new("USD").expect("USD is a currency"),
    };
    let (mut lines, mut may_exceed) = (Vec::new(), Vec::new());
    for budget in &budgets.list {
        let Ok(amount) = budget.amount(&facts.base(budget)) else { continue };
        lines.push(Line {
            unit: budget.unit.clone(),
            period: budget.period,
            currency: budget.currency.clone(),
            cost: budget.cost,
            amount,
            tolerance_bps: budget.tolerance_bps,
            expected: false,
        });
        may_exceed.push(budget.children_may_exceed);
    }
    Ok(hierarchy::check(&lines, |at| may_exceed[at], &facts.spans))
}

/// The same after reorgs.
fn excess_of(facts: &Facts<'_>, budgets: &Budgets, force: &budget::InForce) -> Vec<hierarchy::Excess> {
    let may_exceed = |at: usize| {
        let line = &force.lines[at];
        budgets.list.iter().any(|one| one.unit == line.unit && one.period == line.period && one.children_may_exceed)
    };
    hierarchy::check(&force.lines, may_exceed, &facts.spans)
}

/// Judges the budgets that are asked for.
pub(crate) async fn judge(
    home: &Home,
    view: &View,
    budgets: &Budgets,
    asked: &Asked<'_>,
    allowances: &Allowances,
    now: Instant,
) -> Result<Judged, Failure> {
    let facts = Facts::of(home, view, budgets).await?;
    let last = facts.known_until.plus(-1);
    // Those of other periods have nothing to do with what is asked.
    let is_near = |period: Period| match asked.period {
        Some(asked) => asked.intersection(period).is_some(),
        None => period.contains(last),
    };
    let near = Budgets { list: budgets.list.iter().filter(|budget| is_near(budget.period)).cloned().collect() };
    // All cores do what takes long: a forecast of each unit, from a year of its days.
    let wanted: BTreeSet<(TeamId, Period)> =
        near.list.iter().map(|budget| (budget.unit.clone(), budget.period)).collect();
    let wanted: Vec<(TeamId, Period)> = wanted.into_iter().collect();
    side_by_side(&wanted, |(unit, period)| {
        facts.pace(unit, *period);
        Ok(())
    })?;
    let force =
        budget::in_force(&near, |budget| facts.base(budget), &facts.spans, |unit, period| facts.pace(unit, period));
    let is_asked = |unit: &TeamId, period: Period| {
        asked.unit.is_none_or(|asked| asked == unit)
            && asked.under.is_none_or(|under| {
                let path = facts.org.path(unit, period.until().plus(-1));
                under == unit || path.iter().any(|above| above.id == *under)
            })
            && is_near(period)
    };
    let mut judged = Judged {
        verdicts: Vec::new(),
        missing: force.missing.iter().filter(|(unit, period, _)| is_asked(unit, *period)).cloned().collect(),
        excess: excess_of(&facts, budgets, &force),
        known_until: facts.known_until,
    };
    judged.excess.retain(|excess| is_asked(&excess.unit, excess.period));
    let lines: Vec<&Line> = force.lines.iter().filter(|line| is_asked(&line.unit, line.period)).collect();
    let seen = side_by_side(&lines, |line| Ok(facts.seen(line)))?;
    for (line, seen) in lines.into_iter().zip(seen) {
        let key = (line.unit.clone(), line.period, line.currency.clone());
        let own = allowances.get(&key).map_or(&[][..], Vec::as_slice);
        match budget::judge(line, &seen, own, now) {
            Ok(verdict) => judged.verdicts.push(verdict),
            Err(missing) => judged.missing.push((line.unit.clone(), line.period, missing)),
        }
    }
    judged.verdicts.sort_by(|a, b| {
        let over = |verdict: &Verdict| verdict.variance.money.clone();
        b.state.cmp(&a.state).then_with(|| over(b).cmp(&over(a))).then_with(|| a.line.unit.cmp(&b.line.unit))
    });
    Ok(judged)
}
