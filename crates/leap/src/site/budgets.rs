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
use leap_terms::{Period, TeamId};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Column, Link, Page, Row, Table, Tone};

use super::ground::Ground;
use super::words::{amount, cents, period_text};
use super::{failed, parameter};
use crate::budget::{self, Asked, Judged};
use crate::clock;
use crate::failure::Failure;

/// Rows of a page.
const PAGE: usize = 100;

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
        let asked = Asked { period: Some(period), unit: None };
        let made = ground.runtime.block_on(async {
            let allowances = budget::allowances(ground.home).await?;
            budget::judge(ground.home, ground.view(), &budgets, &asked, &allowances, now).await
        });
        let made = made.map_err(problem)?;
        let bytes = 200 + made.verdicts.len() * 2_000;
        Ok::<_, Problem>((made, bytes))
    })?;
    let day = period.until().plus(-1);
    let sees = |of: &TeamId| unit.is_none_or(|unit| unit == of) && ground.view().sees_unit(of, day);
    if all.verdicts.iter().all(|verdict| sees(&verdict.line.unit)) && all.missing.iter().all(|(unit, ..)| sees(unit)) {
        return Ok(all);
    }
    Ok(Arc::new(Judged {
        verdicts: all.verdicts.iter().filter(|verdict| sees(&verdict.line.unit)).cloned().collect(),
        missing: all.missing.iter().filter(|(unit, ..)| sees(unit)).cloned().collect(),
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
        command: Some(format!("leap budget list --period {}", ground.period)),
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
        page.blocks.push(Block::Nothing(
            format!("No budget holds in {}: leap budget apply budgets.yaml", period_text(ground.period)),
            vec![Link::new("First steps", "/start")],
        ));
        return Ok(page);
    }
    let mut counts = BTreeMap::<State, usize>::new();
    for verdict in &judged.verdicts {
        *counts.entry(verdict.state).or_default() += 1;
    }
    let facts = [State::Breached, State::Waived, State::Projected, State::Warned];
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
    page.blocks.push(Block::Table(table(ground, &judged)?));
    Ok(page)
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
    let columns = vec![
        Column::text("Unit"),
        Column::text("Period"),
        Column::text("Currency"),
        Column::figure("Budget"),
        Column::figure("Spent"),
        Column::figure("Variance"),
        Column::figure("bps"),
        Column::figure("Expected end"),
        Column::figure("From (P10)"),
        Column::figure("To (P90)"),
        Column::text("Days"),
        Column::text("State"),
        Column::text("In words"),
    ];
    let row = |verdict: &Verdict| {
        let line = &verdict.line;
        let own = period_text(line.period);
        let unit =
            Link::new(ground.name(line.unit.as_str()), ground.to(&["team", line.unit.as_str()], &[("period", &own)]));
        let number = |value: leap_terms::Exact| Cell::Number(value.to_string(), cents(value));
        let spent = Period::new(line.period.from(), line.period.until().min(judged.known_until));
        let href = spent.map_or_else(String::new, |spent| charges(ground, verdict, spent));
        let end = |of: &dyn Fn(&leap_decide::forecast::Range) -> leap_terms::Exact| {
            verdict.end.as_ref().map_or(Cell::None, |end| number(of(end)))
        };
        Row::new(vec![
            Cell::Link(unit),
            Cell::Text(line.period.to_string()),
            Cell::Text(line.currency.as_str().to_owned()),
            number(line.amount),
            if href.is_empty() { number(verdict.actual) } else { amount(verdict.actual, href) },
            number(verdict.actual - line.amount),
            bps(&verdict.variance),
            end(&|end| end.middle),
            end(&|end| end.low),
            end(&|end| end.high),
            Cell::Text(format!("{} of {}", verdict.covered_days, verdict.days)),
            Cell::Badge(tone(verdict.state), verdict.state.word().to_owned()),
            Cell::Text(verdict.sentence()),
        ])
    };
    let rows: Vec<Row> = judged.verdicts.iter().skip(after).take(shown).map(row).collect();
    let end = after.saturating_add(rows.len());
    let left = judged.verdicts.len().saturating_sub(end);
    let place = end.to_string();
    Ok(Table {
        id: "t-budgets".to_owned(),
        caption: "Budgets, the worst first; what is over the tolerance needs a waiver".to_owned(),
        columns,
        rows,
        next: (left > 0).then(|| Link::new(format!("{left} more"), ground.to(&["budgets"], &[("after", &place)]))),
        is_sticky: true,
        ..Table::default()
    })
}
