//! The slowest requests, page by page, with whose their time is.

use std::collections::BTreeMap;

use leap_orient::latency::day_of;
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Chart, Column, Figure, Link, Page, Row, Table, Tone};

use super::super::ground::Ground;
use super::super::words::{period_text, shell};
use super::show::{exact, is_residual, time};
use super::{Question, key, nothing, parameter};
use crate::latency::requests::{Line, Listed, Listing, Slowest, instant, slowest};
use crate::latency::shown;

/// Requests of a page.
const SHOWN: usize = 50;
/// Of them, those that the chart draws.
const DRAWN: usize = 15;
/// Owners that have a column of their own.
const COLUMNS: usize = 5;

pub(in crate::site) fn page(ground: &Ground) -> Result<Page, Problem> {
    let question = Question::of(ground)?;
    let skip = match ground.ask.get("after") {
        None => None,
        Some(text) => {
            let skip: Result<usize, _> = text.parse();
            Some(skip.map_err(|_| parameter(ground.ask, "after", format!("'{text}' is no number of requests")))?)
        }
    };
    let api = question.api.map_or_else(String::new, |api| format!(" --api {}", shell(api)));
    let period = question.period.map_or_else(String::new, |period| format!(" --period {}", period_text(period)));
    let mut page = Page {
        title: "Requests".to_owned(),
        sub: format!("The slowest of {}, {}", question.api.unwrap_or("all requests"), question.when()),
        tabs: question.tabs("Requests"),
        command: Some(format!("leap latency per-request{api}{period} --format jsonl")),
        blocks: vec![Block::Filters(question.form())],
        ..Page::default()
    };
    let asked = Slowest {
        api: question.api,
        period: question.period,
        by: question.by,
        quantile: question.quantile,
        skip,
        page: SHOWN,
    };
    let of = (asked.api, asked.period, asked.by, asked.quantile, skip);
    let found = ground.home.kept.get(&key(ground, &format!("slowest|{of:?}"))?, || {
        let found = ground.runtime.block_on(slowest(ground.home, ground.view(), &asked));
        found.map(|found| (found, SHOWN * 2_000)).map_err(|failure| question.problem(&failure))
    })?;
    match found.as_ref() {
        Listing::Nothing => page.blocks.push(nothing(&question)),
        Listing::TooMany => page.blocks.push(Block::Nothing(
            question.too_many(),
            vec![Link::new("Days, each of which can be chosen", format!("{}#t-days", question.to(&["latency"], &[])))],
        )),
        Listing::Page(listed) => {
            let table = table(&question, listed);
            let chart = Chart {
                kind: "bar",
                title: "Whose time the slowest is".to_owned(),
                say: format!("Each bar is a request; the first {} of this page.", DRAWN.min(listed.lines.len())),
                size: "l",
                target: None,
                flags: "flat stack",
            };
            if listed.skipped > 0 {
                let slower = format!("{} requests took longer.", exact(listed.skipped as u64).to_grouped(0));
                let first = question.to(&["latency", "requests"], &[("after", "0")]);
                page.blocks.push(Block::Notice(Tone::Info, slower, Some(Link::new("Show the slowest", first))));
            }
            page.blocks.push(Block::ChartOf(chart, table.id.clone(), table.unit.clone()));
            page.blocks.push(Block::Table(table));
        }
    }
    Ok(page)
}

/// The address of one request.
pub(super) fn explain_href(question: &Question<'_>, line: &Line) -> String {
    let day = day_of(line.start_ns).to_string();
    question.to(&["latency", "explain"], &[("trace", &line.trace), ("root", &line.root), ("period", &day)])
}

fn table(question: &Question<'_>, listed: &Listed) -> Table {
    let mut sums = BTreeMap::<&str, u64>::new();
    for line in &listed.lines {
        for (value, ns) in line.by_value() {
            *sums.entry(value).or_default() += ns;
        }
    }
    let mut values: Vec<(&str, u64)> = sums.into_iter().collect();
    values.sort_by(|a, b| (is_residual(a.0), b.1, a.0).cmp(&(is_residual(b.0), a.1, b.0)));
    // Programs get whole ids and all owners, and the same first columns whatever the requests are.
    let is_whole = question.ground.ask.is_of_program;
    let wanted = if is_whole { usize::MAX } else { COLUMNS };
    let named: Vec<&str> = values.iter().take(wanted).map(|(value, _)| *value).collect();
    let others = values.len() - named.len();
    let api = |line: &Line| if line.api.is_empty() { line.name.clone() } else { line.api.clone() };
    let several = is_whole || listed.lines.iter().any(|line| api(line) != api(&listed.lines[0]));
    let mut columns = vec![Column::text("Start"), Column::undrawn("Rank")];
    columns.extend(several.then(|| Column::text("API")));
    columns.extend([Column::text("Trace"), Column::undrawn("Latency")]);
    for (at, value) in named.iter().enumerate() {
        let colour = if is_residual(value) { "residual".to_owned() } else { (at + 1).to_string() };
        columns.push(Column::figure(question.name(value)).coloured(colour));
    }
    if others > 0 {
        let name = if others == 1 { "1 other".to_owned() } else { format!("{others} others") };
        columns.push(Column::figure(name).coloured("rest"));
    }
    let rows = listed
        .lines
        .iter()
        .enumerate()
        .map(|(at, line)| {
            let rank = listed.skipped + at + 1;
            let href = explain_href(question, line);
            let own = line.by_value();
            let start = Link::new(instant(line.start_ns), href.clone());
            let mut cells = vec![Cell::Id(start), Cell::Number(rank.to_string(), exact(rank as u64).to_grouped(0))];
            cells.extend(several.then(|| Cell::Text(api(line))));
            let shown_of_id = if is_whole { usize::MAX } else { 8 };
            cells.push(Cell::Id(Link::new(line.trace.chars().take(shown_of_id).collect::<String>(), href.clone())));
            cells.push(Cell::Figure(Figure {
                exact: line.latency_ns.to_string(),
                shown: shown(i128::from(line.latency_ns)),
                href: format!("{href}#t-frames"),
            }));
            let of = |value: &&str| own.get(*value).copied().unwrap_or(0);
            cells.extend(named.iter().map(|value| time(i128::from(of(value)))));
            if others > 0 {
                let named: u64 = named.iter().map(of).sum();
                cells.push(time(i128::from(line.latency_ns) - i128::from(named)));
            }
            let mut row = Row::new(cells);
            row.undrawn = at >= DRAWN;
            row.is_marked = listed.marked == Some(at);
            row
        })
        .collect();
    let until = listed.skipped + listed.lines.len();
    let left = listed.of - until;
    let marked = listed.marked.map_or_else(String::new, |_| format!("; the marked one has {}", question.text));
    Table {
        id: "t-requests".to_owned(),
        caption: format!(
            "Requests {} to {until} of {} by duration, slices by {}, ns{marked}",
            (listed.skipped + 1).min(until),
            listed.of,
            question.by
        ),
        unit: "ns".to_owned(),
        columns,
        rows,
        next: (left > 0).then(|| {
            let after = until.to_string();
            Link::new(format!("{left} more"), question.to(&["latency", "requests"], &[("after", &after)]))
        }),
        is_sticky: true,
        ..Table::default()
    }
}
