//! Making forecasts: those that are to be frozen, and what is expected of a unit now.

use std::collections::{BTreeMap, BTreeSet};

use leap_book::{ForecastFilter, NewForecast};
use leap_decide::forecast::{self, Forecast};
use leap_decide::series::{Announced, Series};
use leap_terms::{CostKind, Currency, Day, Digest, Exact, Instant, Money, Period, TeamId};

use super::content;
use crate::budget;
use crate::failure::Failure;
use crate::home::Home;
use crate::view::View;

/// Of what forecasts are made: another method has another number.
const METHOD: &str = "2";
/// Days of a month that may be known when it is forecast.
const EARLY: i32 = 3;
/// With fewer days left in a month, what is shown goes on to the end of the next.
const LEFT: i32 = 7;

/// The name of a series in the book.
pub(super) fn name(unit: &TeamId, cost: CostKind) -> String {
    if cost == CostKind::Effective { unit.to_string() } else { format!("{unit} ({})", cost.word()) }
}

/// What a forecast is made of, as a digest.
fn made_of(history: &Series, horizon: usize) -> Digest {
    let mut text = format!("{METHOD} {} {horizon}\n", history.name);
    for point in &history.points {
        text += &format!("{} {}\n", point.day, point.cost);
    }
    Digest::of(text.as_bytes())
}

/// A forecast that is to be frozen.
pub(crate) struct Due {
    /// Whose cost.
    pub(crate) unit: TeamId,
    /// Names it among all: series, currency and days.
    pub(crate) subject: String,
    /// What is frozen.
    pub(crate) forecast: NewForecast,
}

/// The forecasts that are to be frozen now and are not yet: of each unit with a budget and of the company, from the first
/// day of the month of the next day that is not wholly known, to the end of the budget's period (of the company: of the
/// month). Nothing once more than three days of that month are known.
///
/// # Errors
/// Budgets in force that do not fit the org; a lake or book that cannot be read.
pub(crate) async fn due(home: &Home, view: &View, now: Instant) -> Result<Vec<Due>, Failure> {
    if view.head().scopes.is_empty() {
        return Ok(Vec::new());
    }
    let next = view.through().plus(1);
    let origin = next.month().first_day();
    // Whoever knows more than the first days of a month makes no forecast of it any more, but tells what came.
    if next.days() - origin.days() > EARLY {
        return Ok(Vec::new());
    }
    let budgets = budget::in_force(view.head())?;
    // Each unit and kind of cost, with the ends of its periods.
    let mut asked = BTreeMap::<(TeamId, CostKind), BTreeSet<Day>>::new();
    for budget in budgets.list.iter().filter(|budget| budget.period.contains(origin)) {
        asked.entry((budget.unit.clone(), budget.cost)).or_default().insert(budget.period.until());
    }
    let month = origin.month().period().until();
    for root in view.head().org.tree(origin).roots() {
        asked.entry(((*root).clone(), CostKind::Effective)).or_default().insert(month);
    }
    let frozen = home.book.forecasts(&ForecastFilter::default()).await.map_err(|error| Failure::from_error(&error))?;
    // What is frozen in any currency is looked at no more: a turn of the loop asks this each time.
    asked.retain(|(unit, kind), ends| {
        let series = name(unit, *kind);
        let is_there = |end: &Day| {
            frozen.iter().any(|one| {
                let one = &one.forecast;
                one.series == series
                    && one.origin == origin
                    && i64::from(one.horizon_days) == i64::from(end.days() - origin.days())
            })
        };
        ends.retain(|end| !is_there(end));
        !ends.is_empty()
    });
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let kinds: BTreeSet<CostKind> = asked.keys().map(|(_, kind)| *kind).collect();
    let Some(days) = Period::new(budget::history_from(origin), origin) else { return Ok(Vec::new()) };
    let (_, costs) = budget::daily(home, view, &kinds, days).await?;
    let mut new = Vec::new();
    for ((unit, kind, currency), by_day) in &costs {
        let Some(ends) = asked.get(&(unit.clone(), *kind)) else { continue };
        let series = name(unit, *kind);
        let history = budget::series(unit, by_day, origin);
        for end in ends {
            let horizon = end.days() - origin.days();
            let (Ok(days), Ok(length)) = (u32::try_from(horizon), usize::try_from(horizon)) else { continue };
            // A unit that is too young is forecast when it is older.
            let Some(made) = forecast::forecast(&history, origin, length, &Announced::default()) else { continue };
            let forecast = NewForecast {
                series: series.clone(),
                currency: currency.clone(),
                origin,
                horizon_days: days,
                made_at: now,
                made_of: made_of(&history, length),
                content: content::write(unit, *kind, &made),
            };
            let subject = format!("{series} {currency} {days}d");
            new.push(Due { unit: unit.clone(), subject, forecast });
        }
    }
    Ok(new)
}

/// What a unit cost, and what is expected of it.
pub(crate) struct Outlook {
    /// What its days cost, by the org of each day.
    pub(crate) history: BTreeMap<Day, Money>,
    /// What is expected; `None` of a unit that is too young.
    pub(crate) forecast: Option<Forecast>,
    /// The first day that is not known.
    pub(crate) origin: Day,
    /// The first day that is not forecast.
    pub(crate) until: Day,
}

/// What is expected of units to the end of the month, of the next where this one is nearly over; by unit and currency.
pub(crate) async fn outlook(
    home: &Home,
    view: &View,
    cost: CostKind,
    unit: &TeamId,
) -> Result<BTreeMap<Currency, Outlook>, Failure> {
    let origin = view.through().plus(1);
    let this = view.through().month();
    let is_over = this.period().until().days() - origin.days() < LEFT;
    let until = if is_over { this.plus(1).period().until() } else { this.period().until() };
    let Some(days) = Period::new(budget::history_from(origin), origin) else { return Ok(BTreeMap::new()) };
    let (mut all, recast) = budget::daily(home, view, &BTreeSet::from([cost]), days).await?;
    let own = recast.into_iter().filter(|((of, ..), _)| of == unit);
    Ok(own
        .map(|(key, costs)| {
            let (history, currency) = (all.remove(&key).unwrap_or_default(), key.2);
            let series = budget::series(unit, &costs, origin);
            let horizon = usize::try_from(until.days() - origin.days()).unwrap_or(0);
            let forecast = forecast::forecast(&series, origin, horizon, &Announced::default());
            (currency, Outlook { history, forecast, origin, until })
        })
        .collect())
}

impl Outlook {
    /// What the days of a month cost so far and are expected to cost, together.
    pub(crate) fn month(&self) -> Exact {
        let first = self.until.plus(-1).month().first_day();
        let known: Exact = self.history.range(first..).map(|(_, cost)| *cost).sum();
        let days = self.forecast.iter().flat_map(|forecast| &forecast.days);
        known + days.filter(|(day, _)| *day >= first).map(|(_, range)| range.middle).sum::<Exact>()
    }
}
