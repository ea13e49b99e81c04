//! Scoring: frozen forecasts beside what their days cost.

use std::collections::{BTreeMap, BTreeSet};

use leap_book::NewScore;
use leap_decide::forecast::{ahead, score};
use leap_decide::series::{Point, Series};
use leap_terms::{CostKind, Day, Exact, Period};

use super::{Told, content, frozen};
use crate::budget;
use crate::failure::Failure;
use crate::home::Home;
use crate::view::View;

/// Scores of the forecasts all of whose days are wholly known: those that have none, or of all of them again. A forecast
/// of days that cost nothing together has none: there is nothing to take shares of.
pub(super) async fn scores(home: &Home, view: &View, again: bool) -> Result<Vec<NewScore>, Failure> {
    if view.head().scopes.is_empty() {
        return Ok(Vec::new());
    }
    let known_until = view.through().plus(1);
    let ready = |told: &Told| told.frozen.until() <= known_until && (again || told.score.is_none());
    let told: Vec<Told> = frozen(home).await?.into_iter().filter(ready).collect();
    let snapshot = view.head().snapshot.as_ref().map(|snapshot| snapshot.id);
    // Those that end on one day are read together: by the org of that day.
    let mut by_end = BTreeMap::<Day, Vec<&Told>>::new();
    for told in &told {
        by_end.entry(told.frozen.until()).or_default().push(told);
    }
    let mut new = Vec::new();
    for (until, told) in by_end {
        let first = told.iter().map(|told| told.frozen.forecast.origin).min().unwrap_or(until);
        let kinds: BTreeSet<CostKind> = told.iter().map(|told| told.cost).collect();
        let Some(days) = Period::new(first, until) else { continue };
        let (_, costs) = budget::daily(home, view, &kinds, days).await?;
        for told in told {
            let currency = told.frozen.forecast.currency.clone();
            let own = costs.get(&(told.unit.clone(), told.cost, currency));
            let point = |day: Day| Point {
                label: day.to_string(),
                day,
                cost: own.and_then(|own| own.get(&day)).copied().unwrap_or(Exact::ZERO),
            };
            let days = (told.frozen.forecast.origin.days()..until.days()).map(Day::from_days);
            let came = Series { name: told.unit.to_string(), dated: true, points: days.map(point).collect() };
            let (Some(whole), Some(parts)) = (score(&told.forecast, &came), ahead(&told.forecast, &came)) else {
                continue;
            };
            new.push(NewScore { forecast: told.frozen.number, snapshot, content: content::score(&whole, &parts) });
        }
    }
    Ok(new)
}
