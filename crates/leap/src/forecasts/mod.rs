//! Forecasts of a home: what is expected, frozen when it is made, and how good it was once the days have come.
//!
//! ```text
//! $ leap forecast list
//! unit      currency  origin      until       expected     P10         P90         cost        off     within
//! payments  USD       2026-10-01  2026-11-01  123,410.00   118,200.00  131,900.00  121,870.10  1.3 %   yes
//! ```
//! [`due`] says what is to be frozen: of each unit with a budget, and of the company, once a month, before more than three
//! of its days are known: the days from its first day to the end of the budget's period, from the days before it alone. A
//! turn freezes it with its plan (`Book::act`), so that nobody can make a forecast after the fact. [`score`] compares those
//! whose days have come, and records it.
//!
//! A unit's cost is what budgets count: effective (or the budget's own kind), incurred, pools shared, with all units
//! below, and as if the org had always been that of the last day before the origin.

mod content;
mod made;
mod scored;

use std::collections::BTreeMap;
use std::path::Path;

use leap_book::{ForecastFilter, ForecastScore, FrozenForecast};
use leap_decide::forecast::Forecast;
use leap_terms::{CostKind, TeamId};
use serde_json::{Value, json};

use crate::cli::{ForecastDueArgs, ForecastListArgs, ForecastScoreArgs, OutputFormat, ReadingArgs};
use crate::clock;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, emit, print_json};
use crate::spend::unit_named;
use crate::view::View;

pub(crate) use made::{Due, Outlook, due, outlook};

/// A frozen forecast with what it says, and its newest score.
pub(crate) struct Told {
    pub(crate) frozen: FrozenForecast,
    pub(crate) unit: TeamId,
    pub(crate) cost: CostKind,
    pub(crate) forecast: Forecast,
    pub(crate) score: Option<ForecastScore>,
}

impl Told {
    /// A text of its newest score; empty where there is none.
    pub(crate) fn of_score(&self, name: &str) -> String {
        let value = self.score.as_ref().and_then(|score| serde_json::from_str::<Value>(&score.content).ok());
        match value.as_ref().map(|value| &value[name]) {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => String::new(),
            Some(other) => other.to_string(),
        }
    }
}

/// All frozen forecasts, the newest origin first. One that another version froze in another form is left out.
pub(crate) async fn frozen(home: &Home) -> Result<Vec<Told>, Failure> {
    let error = |error| Failure::from_error(&error);
    let mut all = Vec::new();
    for frozen in home.book.forecasts(&ForecastFilter::default()).await.map_err(error)? {
        let Some((unit, cost, forecast)) = content::read(&frozen.forecast.content) else { continue };
        let score = home.book.forecast_scores(frozen.number).await.map_err(error)?.pop();
        all.push(Told { frozen, unit, cost, forecast, score });
    }
    all.sort_by(|a, b| {
        let origin = |told: &Told| told.frozen.forecast.origin;
        origin(b).cmp(&origin(a)).then_with(|| a.unit.cmp(&b.unit)).then_with(|| a.frozen.number.cmp(&b.frozen.number))
    });
    Ok(all)
}

/// How good scored forecasts were together.
pub(crate) struct Quality {
    /// How many have a score.
    pub(crate) scored: usize,
    /// The mean of how far totals were off, in shares of the cost.
    pub(crate) off: f64,
    /// The share of totals within their bounds; 0.8 is what bounds promise.
    pub(crate) within: f64,
    /// By days ahead (`1–7`): the mean of how far these days were off.
    pub(crate) ahead: Vec<(String, f64)>,
}

/// The quality of forecasts that have scores; `None` without one.
pub(crate) fn quality<'t>(told: impl IntoIterator<Item = &'t Told>) -> Option<Quality> {
    let scores: Vec<Value> =
        told.into_iter().filter_map(|told| serde_json::from_str(&told.score.as_ref()?.content).ok()).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let off: Vec<f64> = scores.iter().filter_map(|score| number(&score["off"])).collect();
    if off.is_empty() {
        return None;
    }
    let within = scores.iter().filter(|score| score["within"] == true).count();
    let mut ahead = BTreeMap::<u64, (String, Vec<f64>)>::new();
    for part in scores.iter().filter_map(|score| score["ahead"].as_array()).flatten() {
        if let (Some(from), Some(off)) = (part["from"].as_u64(), number(&part["off"])) {
            let name = match from {
                29 => "29 and more".to_owned(),
                15 => "15 to 28".to_owned(),
                from => format!("{from} to {}", from + 6),
            };
            ahead.entry(from).or_insert_with(|| (name, Vec::new())).1.push(off);
        }
    }
    Some(Quality {
        scored: off.len(),
        off: mean(&off),
        within: within as f64 / scores.len() as f64,
        ahead: ahead.into_values().map(|(name, off)| (name, mean(&off))).collect(),
    })
}

fn number(value: &Value) -> Option<f64> {
    value.as_str()?.parse().ok()
}

/// A share for people: `1.3 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// `leap forecast list`.
pub(crate) async fn list(root: &Path, args: &ForecastListArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &ReadingArgs::now()).await?;
    let unit = args.unit.as_deref().map(|name| unit_named(&view, name)).transpose()?;
    let mut told = frozen(&home).await?;
    told.retain(|told| unit.as_ref().is_none_or(|unit| told.unit == *unit));
    print(&told, args.format.format, &[])
}

/// `leap forecast due`.
pub(crate) async fn to_freeze(root: &Path, args: &ForecastDueArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &ReadingArgs::now()).await?;
    let due: Vec<_> = due(&home, &view, clock::now()).await?.into_iter().map(|due| due.forecast).collect();
    if args.format.format == OutputFormat::Json {
        let row = |new: &leap_book::NewForecast| {
            json!({
                "series": new.series, "currency": new.currency.as_str(), "origin": new.origin.to_string(),
                "horizon_days": new.horizon_days, "made_of": new.made_of.to_string(), "content": new.content,
            })
        };
        return print_json(&json!({ "rows": due.iter().map(row).collect::<Vec<_>>() }));
    }
    let columns = ["series", "currency", "origin", "days", "expected", "p10", "p90"];
    let mut answer = Answer::new("Forecasts that the next turn freezes", &columns);
    for new in &due {
        let Some((.., forecast)) = content::read(&new.content) else { continue };
        answer.rows.push(vec![
            Cell::text(&new.series),
            Cell::text(new.currency.as_str()),
            Cell::text(new.origin.to_string()),
            Cell::Count(new.horizon_days.into()),
            Cell::Amount(forecast.total.middle),
            Cell::Amount(forecast.total.low),
            Cell::Amount(forecast.total.high),
        ]);
    }
    answer.print(args.format.format)
}

/// `leap forecast score`.
pub(crate) async fn score(root: &Path, args: &ForecastScoreArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    let view = View::open(&home, &ReadingArgs::now()).await?;
    let new = scored::scores(&home, &view, args.again).await?;
    let actor = crate::publish::actor();
    let recorded = home.book.score_forecasts(&new, &actor, clock::now()).await;
    let recorded = recorded.map_err(|error| Failure::from_error(&error))?;
    let numbers: Vec<i64> = recorded.iter().map(|score| score.forecast).collect();
    let mut told = frozen(&home).await?;
    told.retain(|told| numbers.contains(&told.frozen.number));
    if numbers.is_empty() && args.format.format == OutputFormat::Table {
        return emit("no frozen forecast has all of its days and no score\n");
    }
    print(&told, args.format.format, &numbers)
}

fn print(told: &[Told], format: OutputFormat, scored: &[i64]) -> Result<(), Failure> {
    if format == OutputFormat::Json {
        let quality = quality(told).map(|quality| {
            json!({
                "scored": quality.scored, "off": content::share(quality.off), "within": content::share(quality.within),
                "ahead": quality.ahead.iter().map(|(days, off)| json!({ "days": days, "off": content::share(*off) })).collect::<Vec<_>>(),
            })
        });
        let row = |told: &Told| {
            let score = told.score.as_ref().and_then(|score| serde_json::from_str::<Value>(&score.content).ok());
            json!({
                "number": told.frozen.number, "unit": told.unit.as_str(), "cost": told.cost.word(),
                "currency": told.frozen.forecast.currency.as_str(), "origin": told.frozen.forecast.origin.to_string(),
                "until": told.frozen.until().to_string(), "made_at": told.frozen.forecast.made_at.to_string(),
                "p50": told.forecast.total.middle.to_string(), "p10": told.forecast.total.low.to_string(),
                "p90": told.forecast.total.high.to_string(), "score": score,
            })
        };
        return print_json(&json!({
            "scored": scored, "quality": quality, "rows": told.iter().map(row).collect::<Vec<_>>(),
        }));
    }
    let title = match quality(told) {
        None => "Frozen forecasts; none has a score yet".to_owned(),
        Some(quality) => format!(
            "Frozen forecasts: {} scored, off by {} on average, {} of totals within P10 and P90",
            quality.scored,
            percent(quality.off),
            percent(quality.within)
        ),
    };
    let columns = ["unit", "currency", "origin", "until", "expected", "p10", "p90", "cost", "off", "within"];
    let mut answer = Answer::new(title, &columns);
    for told in told {
        let cost = told.of_score("cost_of_days");
        let within = match told.of_score("within").as_str() {
            "" => Cell::Empty,
            "true" => Cell::text("yes"),
            _ => Cell::text("no"),
        };
        let off = told.of_score("off").parse().ok().map_or(Cell::Empty, |off: f64| Cell::text(percent(off)));
        answer.rows.push(vec![
            Cell::text(told.unit.as_str()),
            Cell::text(told.frozen.forecast.currency.as_str()),
            Cell::text(told.frozen.forecast.origin.to_string()),
            Cell::text(told.frozen.until().to_string()),
            Cell::Amount(told.forecast.total.middle),
            Cell::Amount(told.forecast.total.low),
            Cell::Amount(told.forecast.total.high),
            cost.parse().map_or(Cell::Empty, Cell::Amount),
            off,
            within,
        ]);
    }
    answer.print(format)
}
