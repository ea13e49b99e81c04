//! Alerts: which services of which teams cost more than expected, since when, what moved, and what it costs if it stays.
//!
//! ```text
//! /alerts                                 all alerts of the newest days, those that cost most first
//! /alerts?series=payments/Amazon%20EC2    one series: its days, where they were expected, and what moved
//! ```
//! The same as `leap drift list` and `leap drift show`. Days lead to their charges, and what moved to those of its value.

use std::collections::BTreeSet;
use std::sync::Arc;

use leap_decide::drift::{Alert, Kind};
use leap_terms::{Day, Exact, Money, Period};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Chart, Column, Figure, Link, Page, Row, Table, Tone};

use super::failed;
use super::ground::{Ground, NONE};
use super::words::{self, cents, period_text, signed};
use crate::clock;
use crate::drift::{self, Found, Shown};
use crate::failure::Failure;

/// Days of a series that are shown.
const DAYS: usize = 70;

/// Alerts of units that the reader sees, and asks for.
fn found(ground: &Ground) -> Result<Vec<Found>, Problem> {
    let now = clock::now();
    let all: Arc<Vec<Found>> = ground.home.kept.get(&ground.key(&format!("alerts|{}", now.day())), || {
        let made = ground.runtime.block_on(drift::found(ground.home, ground.view()));
        let made = made.map_err(|failure: Failure| failed(&failure))?;
        let bytes = 200 + made.len() * 600;
        Ok::<_, Problem>((made, bytes))
    })?;
    let org = &ground.view().head().org;
    let is_asked = |found: &&Found| {
        ground.under.as_ref().is_none_or(|above| {
            found.unit == *above || org.path(&found.unit, found.alert.day).iter().any(|unit| unit.id == *above)
        })
    };
    Ok(all.iter().filter(is_asked).cloned().collect())
}

/// `/alerts`.
pub(super) fn page(ground: &Ground) -> Result<Page, Problem> {
    let all = found(ground)?;
    if let Some(series) = ground.ask.get("series") {
        return one(ground, series, &all);
    }
    let days = ground.home.settings.drift.days;
    let newest = drift::newest(ground.view()).map_or_else(String::new, |day| format!(" up to {day}"));
    let mut page = Page {
        title: "Alerts".to_owned(),
        sub: format!(
            "{}effective cost by team and service, the {days} days{newest}",
            ground.under.as_ref().map_or_else(String::new, |unit| format!("{}, ", ground.name(unit.as_str())))
        ),
        command: Some(match &ground.under {
            Some(unit) => format!("leap drift list --under {}", words::shell(unit.as_str())),
            None => "leap drift list".to_owned(),
        }),
        ..Page::default()
    };
    if all.is_empty() {
        let words = format!(
            "No departure from the expected path began in the {days} days{newest}. A series is watched once it is two months old."
        );
        page.blocks.push(Block::Nothing(words, vec![Link::new("Cost by service", ground.to(&["explore"], &[]))]));
        return Ok(page);
    }
    let currencies: BTreeSet<&str> = all.iter().map(|found| found.currency.as_str()).collect();
    let mut facts = Vec::new();
    for currency in &currencies {
        let own = all.iter().filter(|found| found.currency.as_str() == *currency);
        let sum: Money = own.clone().map(|found| found.alert.cost_per_month).sum();
        facts.push((
            "A month, if all of it stays".to_owned(),
            Cell::Number(sum.to_string(), signed(sum, cents)),
            (*currency).to_owned(),
            format!("{} alerts", own.count()),
        ));
    }
    facts.truncate(4);
    page.blocks.push(Block::Facts(facts));
    page.blocks.push(Block::Table(list(ground, &all)));
    Ok(page)
}

/// The page of a series.
fn to(ground: &Ground, series: &str) -> String {
    ground.to(&["alerts"], &[("series", series)])
}

fn tone(kind: Kind) -> Tone {
    match kind {
        Kind::Spike | Kind::Drop => Tone::Warn,
        Kind::Shift | Kind::Ramp => Tone::Bad,
    }
}

fn list(ground: &Ground, all: &[Found]) -> Table {
    let every = ground.ask.is_of_program;
    let several = every || all.iter().any(|found| found.currency != all[0].currency);
    let mut columns = vec![Column::text("Series"), Column::text("Team")];
    columns.extend(every.then(|| Column::text("Unit id")));
    columns.extend([Column::text("Kind"), Column::text("Since"), Column::text("Day")]);
    columns.extend(several.then(|| Column::text("Currency")));
    columns.extend([Column::figure("A month, if it stays"), Column::undrawn("Score")]);
    columns.extend([Column::text("What moved"), Column::text("Lead")]);
    columns.extend(every.then(|| Column::text("In words")));
    let row = |found: &Found| {
        let Alert { day, since, kind, score, cost_per_month } = &found.alert;
        let unit = ground.to(&["team", found.unit.as_str()], &[("period", &day.month().to_string())]);
        let mut cells = vec![
            Cell::Link(Link::new(&found.series, to(ground, &found.series))),
            Cell::Link(Link::new(ground.name(found.unit.as_str()), unit)),
        ];
        cells.extend(every.then(|| Cell::Text(found.unit.to_string())));
        cells.push(Cell::Badge(tone(*kind), kind.word().to_owned()));
        cells.extend([Cell::Text(since.to_string()), Cell::Text(day.to_string())]);
        cells.extend(several.then(|| Cell::Text(found.currency.as_str().to_owned())));
        cells.push(Cell::Number(cost_per_month.to_string(), signed(*cost_per_month, cents)));
        cells.push(Cell::Number(format!("{score:.3}"), format!("{score:.1}")));
        cells.extend([Cell::Text(found.moved()), Cell::Text(lead(ground, found, *day))]);
        cells.extend(every.then(|| Cell::Text(drift::sentence(found))));
        Row::new(cells)
    };
    let unit = if several { "" } else { all[0].currency.as_str() };
    Table {
        id: "t-alerts".to_owned(),
        caption: format!(
            "Departures from the expected path, those that cost most first{}{unit}",
            if unit.is_empty() { "" } else { ", " }
        ),
        unit: unit.to_owned(),
        columns,
        rows: all.iter().map(row).collect(),
        is_cards: true,
        is_sticky: true,
        ..Table::default()
    }
}

fn lead(ground: &Ground, found: &Found, day: Day) -> String {
    let unit = ground.view().head().org.unit(&found.unit);
    unit.and_then(|unit| unit.near(day).lead.clone()).unwrap_or_default()
}

/// One series.
fn one(ground: &Ground, series: &str, all: &[Found]) -> Result<Page, Problem> {
    let key = ground.key(&format!("alerts|series|{series}"));
    let traced: Arc<Vec<Shown>> = ground.home.kept.get(&key, || {
        let made = ground.runtime.block_on(drift::trace(ground.home, ground.view(), series));
        let made = made.map_err(|failure: Failure| failed(&failure))?;
        let bytes = 200 + made.iter().map(|one| one.days.len() * 150).sum::<usize>();
        Ok::<_, Problem>((made, bytes))
    })?;
    let mut page = Page {
        title: series.to_owned(),
        sub: "Effective cost by day, and where it was expected".to_owned(),
        crumbs: vec![Link::new("Alerts", ground.to(&["alerts"], &[]))],
        command: Some(format!("leap drift show {}", words::shell(series))),
        ..Page::default()
    };
    if traced.is_empty() {
        let words = "Nothing was billed lately for a series of this name that you may see.".to_owned();
        page.blocks.push(Block::Nothing(words, vec![Link::new("All alerts", ground.to(&["alerts"], &[]))]));
        return Ok(page);
    }
    for (at, shown) in traced.iter().enumerate() {
        let own = all.iter().filter(|found| found.series == series && found.currency == shown.currency);
        for (number, found) in own.enumerate() {
            page.blocks.push(Block::Notice(tone(found.alert.kind), drift::sentence(found), None));
            if !found.drivers.is_empty() {
                page.blocks.push(Block::Table(drivers(ground, shown, found, &format!("t-moved-{at}-{number}"))));
            }
        }
        let chart = Chart {
            kind: "fan",
            title: format!("{series}, {} a day", shown.currency),
            say: "The band is where a day is no alert by itself; several days beyond the middle are one too."
                .to_owned(),
            size: "l",
            target: None,
            flags: "",
        };
        page.blocks.push(Block::Chart(chart, days(ground, shown, at)));
    }
    Ok(page)
}

/// The charges of a series on some days, with more chosen.
fn charges(ground: &Ground, shown: &Shown, period: Period, more: Option<(&str, &str)>) -> String {
    let (period, newest) = (period_text(period), shown.days.last().map(|last| last.0.to_string()));
    let service = if shown.service == drift::NO_SERVICE { NONE } else { &shown.service };
    let mut all = vec![
        ("team", shown.unit.as_str()),
        ("service", service),
        ("period", &period),
        ("measure", shown.currency.as_str()),
        ("cost", "effective"),
        ("basis", "incurred"),
        ("pools", "kept"),
    ];
    // As the series is made: through the org of its newest day. Who sees a part reads the org as it was only.
    if let Some(newest) = newest.as_deref().filter(|_| ground.view().reach().is_everything()) {
        all.push(("org", newest));
    }
    all.extend(more);
    ground.rows(&all)
}

/// What moved, each with where its charges are.
fn drivers(ground: &Ground, shown: &Shown, found: &Found, id: &str) -> Table {
    let period = Period::new(found.alert.since, found.alert.day.plus(1));
    let row = |(name, amount): &(String, Exact)| {
        let chosen = name.split_once(' ').map(|(dimension, value)| {
            let dimension = match dimension {
                "env" | "environment" => format!("tag.{dimension}"),
                other => other.to_owned(),
            };
            (dimension, if value == "(none)" { NONE.to_owned() } else { value.to_owned() })
        });
        let href = match (&chosen, period) {
            (_, None) => String::new(),
            (None, Some(period)) => charges(ground, shown, period, None),
            (Some((dimension, value)), Some(period)) => charges(ground, shown, period, Some((dimension, value))),
        };
        Row::new(vec![Cell::Link(Link::new(name, href)), Cell::Number(amount.to_string(), signed(*amount, cents))])
    };
    let moved: Exact = found.drivers.iter().map(|(_, amount)| *amount).sum();
    Table {
        id: id.to_owned(),
        caption: format!(
            "What moved from {} to {}, beside the same weekdays before, {}",
            found.alert.since, found.alert.day, found.currency
        ),
        unit: found.currency.as_str().to_owned(),
        columns: vec![Column::text("What"), Column::figure("Moved")],
        rows: found.drivers.iter().map(row).collect(),
        foot: vec![Row::new(vec![Cell::Text("All".to_owned()), Cell::Number(moved.to_string(), signed(moved, cents))])],
        sum: Some((moved.to_string(), 1)),
        ..Table::default()
    }
}

fn days(ground: &Ground, shown: &Shown, at: usize) -> Table {
    let skipped = if ground.ask.get("format").is_some() { 0 } else { shown.days.len().saturating_sub(DAYS) };
    let row = |(day, cost, path): &(Day, Exact, Option<leap_decide::drift::Path>)| {
        let href = Period::new(*day, day.plus(1)).map_or_else(String::new, |day| charges(ground, shown, day, None));
        // A day without cost has no charges to lead to.
        let href = if cost.is_zero() { String::new() } else { href };
        let number =
            |value: Option<Exact>| value.map_or(Cell::None, |value| Cell::Number(value.to_string(), cents(value)));
        let alert = shown.alerts.iter().find(|alert| alert.day == *day);
        Row::new(vec![
            Cell::Text(day.to_string()),
            Cell::Figure(Figure { exact: cost.to_string(), shown: cents(*cost), href }),
            number(path.as_ref().map(|path| path.expected)),
            number(path.as_ref().map(|path| path.low)),
            number(path.as_ref().map(|path| path.high)),
            alert.map_or(Cell::Empty, |alert| Cell::Badge(tone(alert.kind), alert.kind.word().to_owned())),
        ])
    };
    Table {
        id: format!("t-days-{at}"),
        caption: format!("Days of the series and where they were expected, {}", shown.currency),
        unit: shown.currency.as_str().to_owned(),
        columns: vec![
            Column::text("Day"),
            Column::figure("Cost").role("actual"),
            Column::figure("Expected").role("forecast"),
            Column::figure("Least").role("low"),
            Column::figure("Most").role("high"),
            Column::text("Alert"),
        ],
        rows: shown.days[skipped..].iter().map(row).collect(),
        ..Table::default()
    }
}
