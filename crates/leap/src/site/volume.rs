//! Business volume, and what spend is made of in its measures: the rows behind basis points and engineers.
//!
//! ```text
//! /volume?period=2026-09&under=payments      the days of the metric; cost ÷ volume of the days that have both
//! /engineers?period=2026-09&under=payments   cost by month ÷ the loaded cost of an engineer over these months
//! ```

use leap_orient::charter::{Metric, Months, Ratio, Volume};
use leap_orient::currency::Wide;
use leap_orient::reading::spend::Basis;
use leap_terms::{Exact, Money, Period};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Column, Figure, Link, Page, Row, Table, Tone};

use super::ground::Ground;
use super::measures::read;
use super::words::{self, amount, cents, loose, period_text};
use super::{data, failed, parameter};
use crate::charter::{Bps, Reading, Staff};

/// The parameters of the unit in question, and of a period.
fn of<'p>(ground: &'p Ground, period: &'p str) -> Vec<(&'p str, &'p str)> {
    let mut all: Vec<(&str, &str)> = ground.under.iter().map(|unit| ("under", unit.as_str())).collect();
    all.push(("period", period));
    all
}

fn whose(ground: &Ground) -> String {
    ground.under.as_ref().map_or_else(|| "All".to_owned(), |unit| ground.name(unit.as_str()))
}

fn spent(ground: &Ground) -> Result<Reading, Problem> {
    let under = ground.under.as_ref();
    let (_, cost) = ground.spent("team", None, under, ground.period)?;
    read(ground, under, ground.period, cost)
}

/// `/volume`.
pub(super) fn page(ground: &Ground) -> Result<Page, Problem> {
    let volume = crate::volume::in_force(ground.view().head()).map_err(|failure| failed(&failure))?;
    let counted = ground.measures.volume.as_ref().ok();
    let name = match ground.ask.get("metric") {
        Some(name) if volume.metric(name).is_none() => {
            return Err(parameter(ground.ask, "metric", crate::volume::unknown(&volume, name).message));
        }
        Some(name) => Some(name),
        None => counted.map(|of| of.name.as_str()).or_else(|| volume.metrics().next().map(|(name, _)| name)),
    };
    let mut page = Page { title: "Business volume".to_owned(), ..Page::default() };
    // The other views of data are not for who sees a part of the company.
    if ground.view().reach().is_everything() {
        page.crumbs = vec![Link::new("Data", ground.to(&["data"], &[])), Link::new("Business volume", "")];
        page.tabs = data::tabs(ground, "volume");
    }
    let Some((name, metric)) = name.and_then(|name| Some((name, volume.metric(name)?))) else {
        page.sub = "What the business did, by day".to_owned();
        page.blocks.push(Block::Nothing(
            "No business volume has been taken in yet: leap ingest volume.csv (date,metric,value,currency).".to_owned(),
            vec![Link::new("First steps", "/start")],
        ));
        return Ok(page);
    };
    page.sub = format!("{name}, {}; cost of {}", period_text(ground.period), whose(ground));
    page.command = Some(format!("leap volume show --metric {} --period {}", words::shell(name), ground.period));
    let over = metric.over(ground.period);
    let code = metric.currency.as_ref().or_else(|| counted.filter(|of| of.name == name).map(|of| &of.currency));
    let unit = code.map_or_else(|| name.to_owned(), |code| format!("{code} {name}"));
    page.blocks.push(Block::Headline {
        figure: Figure { exact: over.total.to_string(), shown: cents(over.total), ..Figure::default() },
        unit: unit.clone(),
        delta: vec![format!("{} of {} days", over.days, days(ground.period))],
        say: String::new(),
    });
    let reading = match counted.filter(|of| of.name == name) {
        Some(_) => Some(spent(ground)?),
        None => None,
    };
    let ratio = reading.as_ref().and_then(|reading| reading.bps.as_ref().ok());
    if let Some(bps) = ratio {
        page.blocks.push(Block::Facts(facts(ground, bps)?));
    }
    if let Some(reading) = &reading {
        for note in ground.measures.notes(&[reading]).into_iter().filter(|note| !note.starts_with("no engineers")) {
            page.blocks.push(Block::Notice(Tone::Info, format!("{}.", words::capital(&note)), None));
        }
    }
    let rows: Vec<Row> = metric
        .within(ground.period)
        .map(|(day, value)| Row::new(vec![Cell::Text(day.to_string()), Cell::Number(value.to_string(), cents(value))]))
        .collect();
    if rows.is_empty() {
        page.blocks.push(Block::Nothing(
            format!("{name} has no value in {}.", period_text(ground.period)),
            metric.span().map(|span| last(ground, name, span)).into_iter().collect(),
        ));
    } else {
        page.blocks.push(Block::Table(Table {
            id: "t-volume".to_owned(),
            caption: format!("{name} by day, {}", period_text(ground.period)),
            unit,
            columns: vec![Column::text("Day"), Column::figure("Value")],
            rows,
            sum: Some((over.total.to_string(), 1)),
            ratio: ratio.map(|bps| (bps.cost.to_string(), bps.volume.to_string())),
            ..Table::default()
        }));
    }
    page.blocks.push(metrics(ground, &volume));
    Ok(page)
}

fn days(period: Period) -> i32 {
    period.until().days() - period.from().days()
}

/// A link to the last month of a metric.
fn last(ground: &Ground, name: &str, span: Period) -> Link {
    let month = span.until().plus(-1).month().to_string();
    Link::new(format!("It is known of {span}"), ground.to(&["volume"], &[("metric", name), ("period", &month)]))
}

fn facts(ground: &Ground, bps: &Bps) -> Result<Vec<(String, Cell, String, String)>, Problem> {
    let text = period_text(bps.days);
    let volume = ground.measures.volume.as_ref().ok();
    let converted = volume.filter(|of| of.currency != ground.currency);
    let below = |words: &str| if bps.days == ground.period { words.to_owned() } else { format!("{words} {text}") };
    let spend = match converted {
        None => loose(ground.spent("team", None, ground.under.as_ref(), bps.days)?.1, ground.rows(&of(ground, &text))),
        Some(_) => Cell::Number(bps.cost.to_string(), cents(bps.cost.rounded().unwrap_or_default())),
    };
    let currency = volume.map_or_else(String::new, |of| of.currency.to_string());
    let by_rate = if converted.is_some() { "by the rates of each month" } else { "of the days with both" };
    let shown = bps.shown().unwrap_or_default();
    Ok(vec![
        ("Spend".to_owned(), spend, currency.clone(), below(by_rate)),
        (
            "Business volume".to_owned(),
            Cell::Number(bps.volume.to_string(), cents(bps.volume)),
            currency,
            below("of the same days"),
        ),
        (
            "Spend per business volume".to_owned(),
            Cell::Number(shown.clone(), shown.replace('-', "\u{2212}")),
            "bps".to_owned(),
            "spend · 10,000 ÷ business volume".to_owned(),
        ),
    ])
}

/// All metrics, each with a link to its days.
fn metrics(ground: &Ground, volume: &Volume) -> Block {
    let rows = volume.metrics().map(|(name, metric): (&str, &Metric)| {
        let day = |day: Option<leap_terms::Day>| day.map_or(Cell::None, |day| Cell::Text(day.to_string()));
        let span = metric.span();
        let over = metric.over(Period::ALWAYS);
        Row::new(vec![
            Cell::Link(Link::new(name, ground.to(&["volume"], &[("metric", name)]))),
            metric.currency.as_ref().map_or(Cell::None, |code| Cell::Text(code.to_string())),
            day(span.map(Period::from)),
            day(span.map(|span| span.until().plus(-1))),
            Cell::Number(over.days.to_string(), over.days.to_string()),
            day(over.hole),
        ])
    });
    let table = Table {
        id: "t-metrics".to_owned(),
        caption: "Metrics of business volume".to_owned(),
        columns: vec![
            Column::text("Metric"),
            Column::text("Currency"),
            Column::text("First day"),
            Column::text("Last day"),
            Column::figure("Days"),
            Column::text("First day without a value"),
        ],
        rows: rows.collect(),
        ..Table::default()
    };
    Block::Section {
        title: "Metrics".to_owned(),
        say: "A later file replaces the values of its days: leap ingest volume.csv. Earlier ones: as_known_on=."
            .to_owned(),
        blocks: vec![Block::Table(table)],
    }
}

/// `/engineers`.
pub(super) fn engineers(ground: &Ground) -> Result<Page, Problem> {
    let mut page = Page {
        title: "Spend in engineers".to_owned(),
        sub: format!("{}, {}{}", whose(ground), ground.read_as(), period_text(ground.period)),
        crumbs: vec![Link::new("Charter", ground.to(&[], &[])), Link::new("Spend in engineers", "")],
        command: Some(format!("leap charter --period {}", ground.period)),
        ..Page::default()
    };
    let reading = spent(ground)?;
    let (staff, (month, currency)) = match (&reading.engineers, &ground.measures.engineer) {
        (Ok(staff), Ok(engineer)) => (staff, engineer),
        (Err(why), _) | (_, Err(why)) => {
            page.blocks.push(Block::Nothing(format!("{}.", words::capital(why)), Vec::new()));
            return Ok(page);
        }
    };
    let shown = staff.shown().unwrap_or_default();
    page.blocks.push(Block::Headline {
        figure: Figure { exact: shown.clone(), shown: shown.replace('-', "\u{2212}"), ..Figure::default() },
        unit: format!("engineers of {} {currency} a month", month.to_grouped(2)),
        delta: Vec::new(),
        say: format!(
            "Spend of {} divided by what an engineer costs in that time, fully loaded; leap.toml, [charter] engineer_month.",
            period_text(staff.days)
        ),
    });
    page.blocks.push(Block::Table(by_month(ground, staff, *month)?));
    Ok(page)
}

fn by_month(ground: &Ground, staff: &Staff, month: Exact) -> Result<Table, Problem> {
    let dimension = if ground.basis == Basis::Incurred { "month" } else { "billing_period" };
    let (mut rows, total) = ground.spent(dimension, None, ground.under.as_ref(), staff.days)?;
    rows.sort_by(|a, b| a.values.cmp(&b.values));
    let lines = rows.iter().filter_map(|row| {
        let name = row.values[0].clone().unwrap_or_default();
        let own = name.parse::<Period>().ok()?.intersection(staff.days)?;
        let text = period_text(own);
        Some(Row::new(vec![
            Cell::Text(text.clone()),
            amount(row.amount, ground.rows(&of(ground, &text))),
            Cell::Number(months_of(own), months_of(own)),
            loaded(month, own),
        ]))
    });
    Ok(Table {
        id: "t-engineers".to_owned(),
        caption: format!("Spend and loaded cost by month, {}", period_text(staff.days)),
        unit: ground.currency.to_string(),
        columns: vec![
            Column::text("Month"),
            Column::figure(format!("Spend, {}", ground.currency)),
            Column::figure("Months"),
            Column::figure("An engineer costs"),
        ],
        rows: lines.collect(),
        sum: Some((Money::to_string(&total), 1)),
        ratio: Some((staff.over.to_string(), staff.under.to_string())),
        ..Table::default()
    })
}

fn months_of(days: Period) -> String {
    let Months { over, under } = Months::of(days);
    if under == 1 { over.to_string() } else { format!("{over}/{under}") }
}

/// The loaded cost of an engineer over some days of a month, to the cent.
fn loaded(month: Exact, days: Period) -> Cell {
    let Months { over, under } = Months::of(days);
    let (over, under) = (Wide::from(month).repeated(over), Wide::from(Exact::from_whole(1)).repeated(under));
    let ratio = Ratio::new(over.units().clone(), under.units().clone());
    match ratio.and_then(|ratio| ratio.rounded(2)) {
        Some(value) => Cell::Number(value.to_string(), cents(value)),
        None => Cell::None,
    }
}
