//! Windows of clauses about what is known by whole days: spend, basis points, unit cost, coverage.
//!
//! ```text
//! spend      Σ effective cost of the contract's team and all below it, in one currency
//! charter    that cost in the currency of business volume · 10,000 ÷ business volume
//! unit_cost  that cost in one currency ÷ units of a metric
//! coverage   cost that teams own · 100 ÷ all cost, of the whole company; the least of its currencies
//! ```
//! Cost is with pools shared, by the org of each day: what `leap spend --under` and `leap charter --under` say of the
//! same days. A day counts once every source has it; a quotient also waits for business volume, as long as the clause
//! waits for data before it calls them stale.

use std::collections::BTreeSet;

use leap_decide::contract::{Measure, Reading, What};
use leap_orient::charter::{Metric, Volume, bps};
use leap_terms::{Day, Exact, Instant, Money, Period, Ratio, TeamId};

use super::costs::Costs;
use super::{Asked, Measured};
use crate::charter::{self, Measures};
use crate::convert;
use crate::failure::Failure;
use crate::home::Home;
use crate::view::View;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What all clauses are measured by.
struct Facts<'v> {
    view: &'v View,
    costs: Costs,
    volume: Volume,
    measures: Measures,
    rates: convert::Table,
    /// From the first day with charges to the last that every source has.
    days: Period,
}

/// A reading of a window, or why there is none.
type Read = Result<Ratio, String>;

/// Reads the windows of clauses that are known by day.
pub(super) async fn read(home: &Home, view: &View, asked: &[Asked<'_>]) -> Result<Vec<(usize, Measured)>, Failure> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let first = view.head().scopes.iter().map(|scope| scope.facts.first_day).min();
    let days = first.and_then(|first| Period::new(first, view.through().plus(1)));
    let Some(days) = days else {
        let why = "no bill has been taken in yet: leap ingest PATH";
        return Ok(asked.iter().map(|one| (one.place, Measured::nothing(why))).collect());
    };
    // Days that no contract is about are not read.
    let from = asked.iter().map(|one| one.term().from()).min().unwrap_or(Day::EARLIEST);
    let until = asked.iter().map(|one| one.term().until()).max().unwrap_or(Day::NEVER);
    let wanted = Period::new(from, until).and_then(|terms| terms.intersection(days));
    let units: BTreeSet<&TeamId> = asked.iter().map(|one| &one.contract.team).collect();
    let costs = match wanted {
        Some(wanted) => Costs::read(home, view, wanted, &units).await?,
        None => Costs::default(),
    };
    let facts = Facts {
        view,
        costs,
        volume: crate::volume::in_force(view.head())?,
        measures: Measures::of(&home.settings.charter, view.head())?,
        rates: convert::rates(view)?,
        days,
    };
    Ok(asked.iter().map(|one| (one.place, facts.measured(one))).collect())
}

impl Facts<'_> {
    fn measured(&self, asked: &Asked<'_>) -> Measured {
        let Measure::Amount { what, .. } = &asked.clause.measure else { return Measured::default() };
        let metric = match self.metric(what) {
            Ok(metric) => metric,
            Err(why) => return Measured::nothing(why),
        };
        let timing = &asked.clause.timing;
        let until = metric.and_then(Metric::span).map_or(self.days.until(), |span| {
            let lag = i64::from(self.days.until().days() - span.until().days()) * DAY;
            if lag > 0 && lag < timing.stale_after.count() { span.until() } else { self.days.until() }
        });
        let mut measured = Measured { event_time: Some(Instant::start_of(until)), ..Measured::default() };
        let term = asked.term();
        let from = term.from().max(self.days.from());
        let (length, until) = (i32::try_from(timing.window.count() / DAY).unwrap_or(1).max(1), until.min(term.until()));
        // Windows are laid from the epoch on.
        let mut start = from.days().div_euclid(length) * length;
        while start < from.days() {
            start += length;
        }
        while start + length <= until.days() {
            let first = Day::from_days(start);
            if let Some(window) = Period::new(first, first.plus(length)) {
                match self.reading(what, metric, &asked.contract.team, window) {
                    Ok(amount) => {
                        measured.readings.push((Instant::start_of(first), Reading::Amount(amount)));
                        measured.why = None;
                    }
                    Err(why) => measured.why = Some(why),
                }
            }
            start += length;
        }
        measured.broken = self.gone(what, &asked.contract.team, until);
        measured
    }

    /// Why a team's cost says nothing any more: it was dissolved.
    fn gone(&self, what: &What, team: &TeamId, until: Day) -> Option<String> {
        let last = until.plus(-1);
        let is_there = *what == What::Coverage || !self.view.head().org.path(team, last).is_empty();
        (!is_there).then(|| format!("{team} is not in the org of {last}: name in the contract who keeps it now"))
    }

    /// The business volume that a measure divides by; none where it does not.
    fn metric(&self, what: &What) -> Result<Option<&Metric>, String> {
        match what {
            What::Charter => self.measures.volume.as_ref().map(|of| Some(&of.values)).map_err(Clone::clone),
            What::UnitCost { metric, currency } => {
                self.billed(currency)?;
                let found = self.volume.metric(metric);
                let nothing = || format!("there is no business volume of {metric}: leap ingest volume.csv");
                found.map(Some).ok_or_else(nothing)
            }
            What::Spend(currency) => self.billed(currency).map(|()| None),
            What::Coverage | What::Freshness => Ok(None),
        }
    }

    fn billed(&self, currency: &leap_terms::Currency) -> Result<(), String> {
        let known = self.costs.currencies.contains(currency) || self.costs.currencies.is_empty();
        known.then_some(()).ok_or_else(|| {
            format!(
                "nothing was billed in {currency} in the days of the contracts; currencies are never converted here"
            )
        })
    }

    fn reading(&self, what: &What, metric: Option<&Metric>, team: &TeamId, days: Period) -> Read {
        match what {
            What::Spend(currency) => Ok(Ratio::whole(self.costs.spent(team, days, currency))),
            What::Charter => {
                let of = self.measures.volume.as_ref().map_err(Clone::clone)?;
                let volume = units(metric, &of.name, days)?;
                let cost = charter::converted(&self.rates, &self.costs.rows(team, days), &of.currency)?;
                bps(&cost, volume).ok_or_else(|| format!("{} is 0 in {days}", of.name))
            }
            What::UnitCost { metric: name, currency } => {
                let units = units(metric, name, days)?;
                let cost = self.costs.spent(team, days, currency);
                Ratio::of(cost, units).ok_or_else(|| format!("{name} is 0 in {days}"))
            }
            What::Coverage => {
                let owned = self.costs.owned(days);
                let shares = owned.values().filter(|(_, all)| *all > Money::ZERO);
                let shares = shares.filter_map(|(owned, all)| Ratio::of(*owned, *all));
                let least = shares.min().ok_or_else(|| format!("there is no cost in {days}"))?;
                Ok(least.times(100))
            }
            What::Freshness => Err("freshness is not known by day".to_owned()),
        }
    }
}

/// The business volume of all days of a window.
fn units(metric: Option<&Metric>, name: &str, days: Period) -> Result<Exact, String> {
    let over =
        metric.map(|metric| metric.over(days)).ok_or_else(|| format!("there is no business volume of {name}"))?;
    match (over.span, over.hole) {
        (Some(span), None) if span == days => Ok(over.total),
        (_, Some(hole)) => Err(format!("{name} has no value of {hole}")),
        (Some(span), None) if span.from() > days.from() => Err(format!("{name} has no value of {}", days.from())),
        (Some(span), None) => Err(format!("{name} has no value of {}", span.until())),
        (None, None) => Err(format!("{name} has no value of {days}")),
    }
}
