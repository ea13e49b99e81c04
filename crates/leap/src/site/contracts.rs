//! Contracts: what was agreed with teams, whether each clause holds, and where the clock of its breach stands.
//!
//! ```text
//! /contracts                     every clause, the worst first: state, since when, the clock, the last window
//! /contracts/charge-api/p999     one of them: the clock, the last 30 days as a strip, breaches, events, windows
//! ```
//! The same states as `leap contract list` and `show`. Windows lead to the requests or charges that they are made of.

mod clause;

use std::collections::BTreeMap;
use std::sync::Arc;

use leap_decide::contract::{Measure, What};
use leap_terms::{Instant, Reach, TeamId};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Column, Link, Page, Row, Table, Tone};

use super::failed;
use super::ground::{Ground, seconds};
use super::words::capital;
use crate::clock;
use crate::contracts::words::reading;
use crate::contracts::{ClauseState, Status, ended, watched, worst_first};
use crate::failure::Failure;

pub(super) use clause::page;

/// Seconds for which an answer of a home that counts up to now is kept.
const FRESH: i64 = 600;
/// All clauses, and up to when they are known.
struct Known {
    states: Vec<ClauseState>,
    now: Instant,
}

impl Known {
    fn bytes(&self) -> usize {
        self.states.iter().map(|state| 1_000 + state.windows.len() * 160).sum::<usize>() + 200
    }
}

/// What is known of all clauses; none while many requests are being read for it, in the background.
fn known(ground: &Ground) -> Result<Option<Arc<Known>>, Problem> {
    let problem = |failure: Failure| failed(&failure);
    let head = ground.runtime.block_on(ground.home.book.trace_head());
    let head = head.map_err(|error| failed(&Failure::from_error(&error)))?;
    let now = ground.view().known().unwrap_or_else(clock::now);
    let step = now.micros().div_euclid(FRESH * 1_000_000);
    let large = crate::latency::look::is_large(ground.home, ground.view(), None);
    let is_large = ground.runtime.block_on(large).map_err(problem)?;
    let (home, cached, runtime) = (ground.home.clone(), ground.cached.clone(), ground.runtime.clone());
    let make = move || {
        // Whose clauses are shown is decided afterwards; what they say is of the whole company.
        let whole = cached.view.seen(Reach::Everything);
        let mut states = runtime.block_on(watched(&home, &whole, now))?;
        worst_first(&mut states, now);
        let known = Known { states, now };
        let bytes = known.bytes();
        Ok::<_, Failure>((known, bytes))
    };
    if !is_large {
        let key = ground.key(&format!("contracts|{}|{step}", head.change));
        return ground.home.kept.get(&key, make).map(Some).map_err(problem);
    }
    // New requests come all the time: what was found a few minutes ago is shown until it is found again.
    let key = |step: i64| ground.key(&format!("contracts|large|{step}"));
    if let Some(found) = ground.home.kept.known::<Known>(&key(step)) {
        return Ok(Some(found));
    }
    let (own, kept) = (key(step), ground.home.clone());
    ground.home.kept.begin(format!("begun|{own}"), move || {
        if let Err(failure) = kept.kept.get(&own, make) {
            tracing::warn!("contracts could not be judged; the page tries again: {}", failure.message);
        }
    });
    Ok((1..=6).find_map(|back| ground.home.kept.known::<Known>(&key(step - back))))
}

/// True where a person reads a clause: those of teams that they see, as its windows have the team's figures. How much of all cost teams own is for who sees it
/// all.
fn sees(ground: &Ground, state: &ClauseState) -> bool {
    let view = ground.view();
    let is_of_all = matches!(&state.clause().measure, Measure::Amount { what: What::Coverage, .. });
    let day = view.day();
    view.reach().is_everything() || (!is_of_all && view.sees_unit(&state.contract.team, day))
}

fn coming() -> Block {
    let words = "Every request is being read to judge the clauses; look again in a minute.";
    Block::Notice(Tone::Info, words.to_owned(), None)
}

fn tone(status: Status) -> Tone {
    match status {
        Status::Breached => Tone::Bad,
        Status::Missing | Status::Stale | Status::Unjudged => Tone::Warn,
        Status::Ok => Tone::Ok,
        Status::Ahead | Status::Ended => Tone::Info,
    }
}

fn what(status: Status) -> &'static str {
    match status {
        Status::Breached => "false for longer than their grace",
        Status::Missing => "false, within their grace",
        Status::Stale => "nothing was heard of them lately",
        Status::Unjudged => "there is nothing to judge them by",
        Status::Ok => "they hold",
        Status::Ahead => "their term begins later",
        Status::Ended => "their term is over",
    }
}

/// `/contracts`.
pub(super) fn list(ground: &Ground) -> Result<Page, Problem> {
    let mut page = Page {
        title: "Contracts".to_owned(),
        sub: "What was agreed with teams, and whether it holds".to_owned(),
        command: Some("leap contract list".to_owned()),
        ..Page::default()
    };
    let Some(known) = known(ground)? else {
        page.blocks.push(coming());
        return Ok(page);
    };
    let states: Vec<&ClauseState> = known.states.iter().filter(|state| sees(ground, state)).collect();
    if states.is_empty() {
        let words = "No contract is in force: leap contract apply contracts.yaml";
        page.blocks.push(Block::Nothing(words.to_owned(), vec![Link::new("First steps", "/start")]));
        return Ok(page);
    }
    let mut counts = BTreeMap::<Status, usize>::new();
    for state in &states {
        *counts.entry(state.status(known.now)).or_default() += 1;
    }
    let count = |status: &Status| counts.get(status).copied().unwrap_or(0);
    // Four facts at most: what cannot be judged is told where there is some.
    let without_data = if count(&Status::Unjudged) > 0 { Status::Unjudged } else { Status::Stale };
    let facts = [Status::Breached, Status::Missing, without_data, Status::Ok];
    let fact = |status: Status| {
        let number = count(&status).to_string();
        (capital(status.word()), Cell::Number(number.clone(), number), String::new(), what(status).to_owned())
    };
    page.blocks.push(Block::Facts(facts.into_iter().map(fact).collect()));
    if let Some(words) = ended(states.iter().copied(), known.now) {
        let sees_data = ground.view().reach().is_everything();
        let to = sees_data.then(|| Link::new("Data", ground.to(&["data"], &[])));
        page.blocks.push(Block::Notice(Tone::Warn, format!("{words}."), to));
    }
    page.blocks.push(Block::Table(table(ground, &states, known.now)));
    Ok(page)
}

fn number(count: u64) -> Cell {
    Cell::Number(
        count.to_string(),
        leap_terms::Exact::from_whole(i64::try_from(count).unwrap_or(i64::MAX)).to_grouped(0),
    )
}

fn team(ground: &Ground, unit: &TeamId) -> Cell {
    let href = if ground.view().sees_unit(unit, ground.view().day()) {
        ground.to(&["team", unit.as_str()], &[])
    } else {
        String::new()
    };
    Cell::Link(Link::new(ground.name(unit.as_str()), href))
}

fn at_cell(at: Option<Instant>) -> Cell {
    at.map_or(Cell::None, |at| Cell::Text(seconds(at)))
}

fn table(ground: &Ground, states: &[&ClauseState], now: Instant) -> Table {
    // Programs get every column; people those that say something.
    let every = ground.ask.is_of_program;
    let missed = every || states.iter().any(|state| state.since().is_some());
    let answers = every || states.iter().any(|state| state.clause().owner != state.contract.team);
    let follows = every || states.iter().any(|state| !state.clause().consequence.is_empty());
    let mut columns = vec![Column::text("Clause"), Column::text("With"), Column::text("What"), Column::text("State")];
    columns.extend(missed.then(|| ["Missed since", "Clock"].map(Column::text)).into_iter().flatten());
    columns.push(Column::text("Last window"));
    columns.extend(["Met", "Missed", "Thin", "No data"].map(Column::undrawn));
    columns.extend(answers.then(|| Column::text("Answers")));
    columns.extend(follows.then(|| Column::text("Of a breach follows")));
    let more = every.then(|| ["Breach at", "Judged until", "Why it cannot be judged"].map(Column::text));
    columns.extend(more.into_iter().flatten());
    let row = |state: &&ClauseState| {
        let (contract, clause) = (&state.contract, state.clause());
        let counts = state.counts();
        let status = state.status(now);
        let mut cells = vec![
            Cell::Id(Link::new(state.key(), ground.to(&["contracts", &contract.id, &clause.id], &[]))),
            team(ground, &contract.team),
            Cell::Text(clause.measure.to_string()),
            Cell::Badge(tone(status), status.word().to_owned()),
        ];
        if missed {
            cells.push(at_cell(state.since()));
            cells.push(state.clock_of_grace().map_or(Cell::None, Cell::Text));
        }
        let last = state.last().map(|(_, read, _)| Cell::Text(reading(&clause.measure, read)));
        cells.push(last.unwrap_or(Cell::None));
        cells.extend([counts.met, counts.missed, counts.thin, counts.silent].map(number));
        cells.extend(answers.then(|| team(ground, &clause.owner)));
        cells.extend(follows.then(|| Cell::Text(clause.consequence.clone())));
        if every {
            cells.push(at_cell(state.breach_at()));
            cells.push(at_cell(state.history.as_ref().map(|history| history.until)));
            cells.push(state.unjudged.clone().map_or(Cell::None, Cell::Text));
        }
        Row::new(cells)
    };
    Table {
        id: "t-contracts".to_owned(),
        caption: "Clauses, the worst first".to_owned(),
        columns,
        rows: states.iter().map(row).collect(),
        is_cards: true,
        ..Table::default()
    }
}
