//! Budgets: what units may spend, what they did, and what is expected at the end of the period.
//!
//! ```text
//! /budgets?period=2026-10     unit, budget, spent, variance in money and basis points, expected end, state; the worst first
//! ```
//! The same verdicts as `leap budget list`. What was spent leads to the charges that make it.

use std::collections::BTreeMap;
use std::sync::Arc;

use leap_book::WaiverFilter;
use leap_decide::budget::{State, Variance, Verdict};
use leap_decide::forecast::Range;
use leap_terms::{CostKind, Exact, Period, TeamId};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Chart, Column, Figure, Link, Page, Row, Table, Tone};

use super::ground::Ground;
use super::words::{self, cents, period_text};
use super::{failed, parameter};
use crate::budget::{self, Asked, Judged};
use crate::clock;
use crate::failure::Failure;

/// Rows of a page, and those of them that are drawn.
const PAGE: usize = 100;
const DRAWN: usize = 12;

/// Verdicts on the budgets of the period in question, of units that the reader sees.
fn judged(ground: &Ground, period: Period, unit: Option<&TeamId>) -> Result<Arc<Judged>, Problem> {
    let problem = |failure: Failure| failed(&failure);
    let waivers = ground.runtime.block_on(ground.home.book.waivers(&WaiverFilter::default()));
    let waivers = waivers.map_err(|error| failed(&Failure::from_error(&error)))?;
    let events: usize = waivers.iter().map(|waiver| 1 + waiver.events.len()).sum();
    let now = clock::now();
    // What is permitted changes beside the snapshots, and with the day.
    let key = ground.key(&format!("budgets|{period}|{events}|{}", now.day()));
    let all = ground.home.kept.get(&key, || {
        let budgets = budget::in_force(ground.view().head()).map_err(problem)?;
        let asked = Asked { period: Some(period), unit: None, under: None };
        let made = ground.runtime.block_on(async {
            let allowances = budget::allowances(ground.home).await?;
            budget::judge(ground.home, ground.view(), &budgets, &asked, &allowances, now).await
        });
        let made = made.map_err(problem)?;
        let bytes = 200 + made.verdicts.len() * 2_000;
        Ok::<_, Problem>((made, bytes))
    })?;
    let day = period.until().plus(-1);
    let org = &ground.view().head().org;
    let below = |of: &TeamId, above: &TeamId| of == above || org.path(of, day).iter().any(|unit| unit.id == *above);
    let sees = |of: &TeamId| unit.is_none_or(|unit| below(of, unit)) && ground.view().sees_unit(of, day);
    if all.verdicts.iter().all(|verdict| sees(&verdict.line.unit))
        && all.missing.iter().all(|(unit, ..)| sees(unit))
        && all.excess.iter().all(|excess| sees(&excess.unit))
    {
        return Ok(all);
    }
    Ok(Arc::new(Judged {
        verdicts: all.verdicts.iter().filter(|verdict| sees(&verdict.line.unit)).cloned().collect(),
        missing: all.missing.iter().filter(|(unit, ..)| sees(unit)).cloned().collect(),
        excess: all.excess.iter().filter(|excess| sees(&excess.unit)).cloned().collect(),
        known_until: all.known_until,
    }))
}

/// `/budgets`.
pub(super) fn page(ground: &Ground) -> Result<Page, Problem> {
    let judged = judged(ground, ground.period, ground.under.as_ref())?;
    let mut page = Page {
        title: "Budgets".to_owned(),
        sub: format!(
            "{}{}, days before {}",
            ground.under.as_ref().map_or_else(String::new, |unit| format!("{}, ", ground.name(unit.as_str()))),
            period_text(ground.period),
            judged.known_until
        ),
        command: Some(match &ground.under {
            Some(unit) => {
                format!("leap budget list --period {} --under {}", ground.period, words::shell(unit.as_str()))
            }
            None => format!("leap budget list --period {}", ground.period),
        }),
        tabs: tabs(ground, "budgets"),
        ..Page::default()
    };
    let last = judged.known_until.plus(-1);
    if ground.ask.get("period").is_none() && !ground.period.contains(last) {
        let month = last.month().to_string();
        let words = format!("{month} runs, and is judged by what it is expected to become.");
        let link = Link::new("Budgets of it", ground.to(&["budgets"], &[("period", &month)]));
        page.blocks.push(Block::Notice(Tone::Info, words, Some(link)));
    }
    if judged.verdicts.is_empty() && judged.missing.is_empty() {
        let budgets = budget::in_force(ground.view().head()).map_err(|failure| failed(&failure))?;
        let mut others: Vec<Period> = budgets.list.iter().map(|budget| budget.period).collect();
        others.sort_unstable_by_key(|period| std::cmp::Reverse(period.from()));
        others.dedup();
        let in_period = period_text(ground.period);
        let (words, links) = match others.as_slice() {
            [] => {
                let words = "No budgets are in force: leap budget apply budgets.yaml".to_owned();
                (words, vec![Link::new("First steps", "/start")])
            }
            others => {
                let link = |period: &Period| {
                    let text = period_text(*period);
                    Link::new(format!("Budgets of {text}"), ground.to(&["budgets"], &[("period", &text)]))
                };
                let links = others.iter().take(3).map(link).collect();
                (format!("No budget that you see holds in {in_period}; there are budgets of other periods."), links)
            }
        };
        page.blocks.push(Block::Nothing(words, links));
        return Ok(page);
    }
    let mut counts = BTreeMap::<State, usize>::new();
    for verdict in &judged.verdicts {
        *counts.entry(verdict.state).or_default() += 1;
    }
    let facts = [State::Breached, State::Waived, State::Projected, State::Warned];
    for excess in &judged.excess {
        page.blocks.push(Block::Notice(Tone::Warn, format!("{}.", words::capital(&excess.to_string())), None));
    }
    page.blocks.push(Block::Facts(
        facts
            .into_iter()
            .map(|state| {
                let count = counts.get(&state).copied().unwrap_or(0);
                let cell = Cell::Number(count.to_string(), count.to_string());
                (name(state).to_owned(), cell, String::new(), what(state).to_owned())
            })
            .collect(),
    ));
    for (unit, period, missing) in &judged.missing {
        let words = format!("{}, {period}: {missing}, so that its budget is not judged.", ground.name(unit.as_str()));
        page.blocks.push(Block::Notice(Tone::Warn, words, None));
    }
    let table = table(ground, &judged)?;
    if table.unit.is_empty() || table.rows.is_empty() {
        page.blocks.push(Block::Table(table));
        return Ok(page);
    }
    let chart = Chart {
        kind: "bar",
        title: "Spent beside budget".to_owned(),
        say: format!("The first {DRAWN} of this page; what was spent leads to its charges."),
        size: "",
        target: None,
        flags: "flat",
    };
    page.blocks.push(Block::ChartOf(chart, table.id.clone(), table.unit.clone()));
    page.blocks.push(Block::Table(table));
    Ok(page)
}

/// Budgets and waivers are two views of one subject.
pub(super) fn tabs(ground: &Ground, current: &str) -> Vec<(Link, bool)> {
    let tab = |name: &str, at: &str| (Link::new(name, ground.to(&[at], &[])), at == current);
    vec![tab("Budgets", "budgets"), tab("Waivers", "waivers"), tab("Forecast", "forecast")]
}

fn name(state: State) -> &'static str {
    match state {
        State::Breached => "Breached",
        State::Waived => "Waived",
        State::Projected => "Projected",
        State::Warned => "Warned",
        State::Within => "Within",
    }
}

fn what(state: State) -> &'static str {
    match state {
        State::Breached => "over the tolerance, without a waiver",
        State::Waived => "over the tolerance, permitted",
        State::Projected => "more likely than not to pass it",
        State::Warned => "a chance of one in ten or more",
        State::Within => "",
    }
}

fn tone(state: State) -> Tone {
    match state {
        State::Breached => Tone::Bad,
        State::Projected | State::Warned => Tone::Warn,
        State::Waived => Tone::Info,
        State::Within => Tone::Ok,
    }
}

fn bps(variance: &Variance) -> Cell {
    variance
        .bps
        .as_ref()
        .and_then(|bps| bps.rounded(2))
        .map_or(Cell::None, |bps| Cell::Number(bps.to_string(), bps.to_grouped(0).replace('-', "\u{2212}")))
}

/// Where the charges are that a unit spent.
fn charges(ground: &Ground, verdict: &Verdict, spent: Period) -> String {
    let line = &verdict.line;
    let period = period_text(spent);
    ground.rows(&[
        ("under", line.unit.as_str()),
        ("period", &period),
        ("cost", line.cost.word()),
        ("measure", line.currency.as_str()),
    ])
}

fn table(ground: &Ground, judged: &Judged) -> Result<Table, Problem> {
    let after = match ground.ask.get("after") {
        None => 0,
        Some(text) => text
            .parse::<usize>()
            .map_err(|_| parameter(ground.ask, "after", format!("'{text}' is no number of a row")))?,
    };
    let shown = if ground.ask.get("format").is_some() { usize::MAX } else { PAGE };
    // Programs get every column; people those that say something.
    let every = ground.ask.is_of_program;
    let verdicts = &judged.verdicts;
    let first = verdicts.first().map(|verdict| &verdict.line);
    let several_periods = every || verdicts.iter().any(|one| Some(one.line.period) != first.map(|line| line.period));
    let several_currencies =
        every || verdicts.iter().any(|one| Some(&one.line.currency) != first.map(|line| &line.currency));
    let several_kinds = every || verdicts.iter().any(|one| one.line.cost != CostKind::Effective);
    let runs = every || verdicts.iter().any(|verdict| verdict.covered_days < verdict.days);
    let mut columns = vec![Column::text("Unit")];
    columns.extend(every.then(|| Column::text("Id")));
    columns.extend(several_periods.then(|| Column::text("Period")));
    columns.extend(several_currencies.then(|| Column::text("Currency")));
    columns.extend(several_kinds.then(|| Column::text("Cost")));
    columns.extend([Column::figure("Budget").coloured("before"), Column::figure("Spent")]);
    columns.extend([Column::undrawn("Variance"), Column::undrawn("bps")]);
    if runs {
        columns.extend(["Expected end", "From (P10)", "To (P90)"].map(Column::undrawn));
        columns.push(Column::text("Days"));
    }
    columns.push(Column::text("State"));
    columns.extend(every.then(|| Column::text("In words")));
    let row = |(at, verdict): (usize, &Verdict)| {
        let line = &verdict.line;
        let own = period_text(line.period);
        let number = |value: Exact| Cell::Number(value.to_string(), cents(value));
        let spent = Period::new(line.period.from(), line.period.until().min(judged.known_until));
        // In a currency that nothing was billed in there are no charges to lead to.
        let spent = spent.filter(|_| ground.currencies.contains(&line.currency));
        let href = spent.map_or_else(String::new, |spent| charges(ground, verdict, spent));
        let end = |of: fn(&Range) -> Exact| verdict.end.as_ref().map_or(Cell::None, |end| number(of(end)));
        let unit = ground.to(&["team", line.unit.as_str()], &[("period", &own)]);
        let mut cells = vec![Cell::Link(Link::new(ground.name(line.unit.as_str()), unit))];
        cells.extend(every.then(|| Cell::Text(line.unit.to_string())));
        cells.extend(several_periods.then(|| Cell::Text(line.period.to_string())));
        cells.extend(several_currencies.then(|| Cell::Text(line.currency.as_str().to_owned())));
        cells.extend(several_kinds.then(|| Cell::Text(line.cost.word().to_owned())));
        let spent = Figure { exact: verdict.actual.to_string(), shown: cents(verdict.actual), href };
        cells.extend([number(line.amount), Cell::Figure(spent)]);
        cells.extend([number(verdict.actual - line.amount), bps(&verdict.variance)]);
        if runs {
            cells.extend([end(|end| end.middle), end(|end| end.low), end(|end| end.high)]);
            cells.push(Cell::Text(format!("{} of {}", verdict.covered_days, verdict.days)));
        }
        cells.push(Cell::Badge(tone(verdict.state), verdict.state.word().to_owned()));
        cells.extend(every.then(|| Cell::Text(verdict.sentence())));
        Row { undrawn: at >= DRAWN, ..Row::new(cells) }
    };
    let rows: Vec<Row> = verdicts.iter().skip(after).take(shown).enumerate().map(row).collect();
    let place = after.saturating_add(rows.len());
    let left = verdicts.len().saturating_sub(place);
    let next = || Link::new(format!("{left} more"), ground.to(&["budgets"], &[("after", &place.to_string())]));
    let unit = first.filter(|_| every || !several_currencies).map_or("", |line| line.currency.as_str());
    Ok(Table {
        id: "t-budgets".to_owned(),
        caption: format!(
            "Budgets and what was spent of them, the worst first{}{unit}",
            if unit.is_empty() { "" } else { ", " }
        ),
        unit: unit.to_owned(),
        columns,
        rows,
        next: (left > 0).then(next),
        is_sticky: true,
        ..Table::default()
    })
}
