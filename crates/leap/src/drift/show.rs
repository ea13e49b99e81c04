//! `leap drift list` and `leap drift show SERIES`: what moved, since when, what it costs if it stays, and whose it is.

use std::path::Path;

use leap_decide::drift::Alert;
use leap_terms::{Day, Exact, TeamId};
use serde_json::{Value, json};

use super::{Found, Shown, found, keep, trace};
use crate::cli::{DriftListArgs, DriftShowArgs, OutputFormat, ReadingArgs};
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, emit, print_json};
use crate::spend::unit_named;
use crate::view::View;

/// Days of a series that are shown to people.
const DAYS: usize = 28;

/// Who leads a unit on a day; empty where nobody is named.
fn lead(view: &View, unit: &TeamId, day: Day) -> String {
    let lead = view.head().org.unit(unit).and_then(|unit| unit.near(day).lead.clone());
    lead.unwrap_or_default()
}

/// An alert for programs.
fn row(view: &View, found: &Found) -> Value {
    let Found { unit, series, currency, alert, drivers } = found;
    let mut row = keep::alert_json(alert);
    row["series"] = json!(series);
    row["unit"] = json!(unit.as_str());
    row["service"] = json!(found.service());
    row["currency"] = json!(currency.as_str());
    row["lead"] = json!(lead(view, unit, alert.day));
    let moved: Exact = drivers.iter().map(|(_, amount)| *amount).sum();
    row["moved"] = json!(moved.to_string());
    let driver = |(name, amount): &(String, Exact)| json!({ "what": name, "amount": amount.to_string() });
    row["drivers"] = drivers.iter().map(driver).collect();
    row
}

/// `leap drift list`.
pub(crate) async fn list(root: &Path, args: &DriftListArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &ReadingArgs::now()).await?;
    let under = args.under.as_deref().map(|name| unit_named(&view, name)).transpose()?;
    let mut all = found(&home, &view).await?;
    if let Some(above) = &under {
        all.retain(|found| {
            let path = view.head().org.path(&found.unit, found.alert.day);
            found.unit == *above || path.iter().any(|unit| unit.id == *above)
        });
    }
    if args.format.format == OutputFormat::Json {
        return print_json(&json!({
            "snapshot": view.head().digest_text(),
            "newest": super::newest(&view).map(|day| day.to_string()),
            "rows": all.iter().map(|found| row(&view, found)).collect::<Vec<_>>(),
        }));
    }
    let title = super::newest(&view).map_or_else(
        || "No bill has been taken in yet: leap ingest PATH".to_owned(),
        |day| {
            format!(
                "Departures that began in the {} days up to {day}, by what it costs in a month if it stays",
                home.settings.drift.days
            )
        },
    );
    let columns = ["series", "since", "day", "kind", "score", "currency", "a month", "what moved", "lead"];
    let mut answer = Answer::new(title, &columns);
    for found in &all {
        let Alert { day, since, kind, score, cost_per_month } = &found.alert;
        answer.rows.push(vec![
            Cell::text(&found.series),
            Cell::text(since.to_string()),
            Cell::text(day.to_string()),
            Cell::text(kind.word()),
            Cell::text(format!("{score:.1}")),
            Cell::text(found.currency.as_str()),
            Cell::Amount(*cost_per_month),
            Cell::text(found.moved()),
            Cell::text(lead(&view, &found.unit, *day)),
        ]);
    }
    answer.print(args.format.format)
}

/// `leap drift show`.
pub(crate) async fn one(root: &Path, args: &DriftShowArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &ReadingArgs::now()).await?;
    let series = trace(&home, &view, &args.series).await?;
    let series: Vec<&Shown> =
        series.iter().filter(|one| args.currency.as_ref().is_none_or(|asked| *asked == one.currency)).collect();
    if series.is_empty() {
        return Err(Failure::usage(format!(
            "nothing was billed lately for a series '{}': write it as TEAM/SERVICE, the team by its id of today, as leap drift \
             list and leap spend --by team,service have them",
            args.series
        )));
    }
    let found = found(&home, &view).await?;
    let told = |one: &Shown| -> Vec<&Found> {
        found.iter().filter(|found| found.series == args.series && found.currency == one.currency).collect()
    };
    if args.format.format == OutputFormat::Json {
        let day = |(day, cost, path): &(Day, Exact, Option<leap_decide::drift::Path>)| {
            let expected = |of: fn(&leap_decide::drift::Path) -> Exact| path.as_ref().map(|path| of(path).to_string());
            json!({
                "day": day.to_string(), "cost": cost.to_string(), "expected": expected(|path| path.expected),
                "low": expected(|path| path.low), "high": expected(|path| path.high),
            })
        };
        let one = |one: &&Shown| {
            json!({
                "series": args.series, "unit": one.unit.as_str(), "service": one.service,
                "currency": one.currency.as_str(), "lead": lead(&view, &one.unit, one.days.last().map_or(Day::NEVER, |last| last.0)),
                "days": one.days.iter().map(day).collect::<Vec<_>>(),
                "alerts": one.alerts.iter().map(keep::alert_json).collect::<Vec<_>>(),
                "told": told(one).into_iter().map(|found| row(&view, found)).collect::<Vec<_>>(),
            })
        };
        return print_json(&json!({ "series": series.iter().map(one).collect::<Vec<_>>() }));
    }
    for one in series {
        for found in told(one) {
            emit(&format!("{}\n", sentence(found)))?;
        }
        let title = format!("{}, {}: the last days, and where they were expected", args.series, one.currency);
        let mut answer = Answer::new(title, &["day", "cost", "expected", "low", "high", "alert"]);
        let skipped = if args.format.format == OutputFormat::Table { one.days.len().saturating_sub(DAYS) } else { 0 };
        for (day, cost, path) in &one.days[skipped..] {
            let expected = |of: fn(&leap_decide::drift::Path) -> Exact| {
                path.as_ref().map_or(Cell::Empty, |path| Cell::Amount(of(path)))
            };
            let alert = one.alerts.iter().find(|alert| alert.day == *day);
            answer.rows.push(vec![
                Cell::text(day.to_string()),
                Cell::Amount(*cost),
                expected(|path| path.expected),
                expected(|path| path.low),
                expected(|path| path.high),
                alert.map_or(Cell::Empty, |alert| Cell::text(alert.kind.word())),
            ]);
        }
        answer.print(args.format.format)?;
    }
    Ok(())
}

/// An alert in words.
pub(crate) fn sentence(found: &Found) -> String {
    let Alert { day, since, kind, cost_per_month, .. } = &found.alert;
    let since = if since == day { format!("on {day}") } else { format!("from {since} to {day}") };
    let more = if *cost_per_month < Exact::ZERO { "less" } else { "more" };
    let amount = cost_per_month.abs().to_grouped(2);
    let moved = found.moved();
    let moved = if moved.is_empty() { String::new() } else { format!("; what moved: {moved}") };
    format!("{}: {} {since}, {amount} {} {more} a month if it stays{moved}", found.series, kind.word(), found.currency)
}
