//! `leap contract list`, `check` and `show CONTRACT.CLAUSE`.

use std::path::Path;

use leap_decide::contract::Event;
use leap_decide::contract::clock::Episode;
use leap_terms::{Instant, Period};
use serde_json::{Value, json};

use super::{ClauseState, Counts, Status, class_word, ended, in_force, watched, words, worst_first};
use crate::cli::{ContractListArgs, ContractShowArgs, OutputFormat};
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, emit, print_json};
use crate::view::View;

/// The stretches in which a clause was, or is, missed, in order; one that lasts ends with the contract.
pub(crate) fn stretches(state: &ClauseState) -> Vec<Episode> {
    let Some(history) = &state.history else { return Vec::new() };
    let end = Instant::start_of(state.contract.term.until());
    let over = |cleared: Option<Instant>| cleared.or_else(|| (end <= history.until).then_some(end));
    history.episodes().into_iter().map(|one| Episode { cleared: over(one.cleared), ..one }).collect()
}

/// A clause for programs.
fn row(state: &ClauseState, now: Instant) -> Value {
    let (contract, clause) = (&state.contract, state.clause());
    let Counts { met, missed, thin, silent } = state.counts();
    let last = state.last().map(|(at, reading, class)| {
        let mut last = json!({
            "start": at.to_string(), "class": class_word(*class), "shown": words::reading(&clause.measure, reading),
        });
        last["reading"] = words::json(reading);
        last
    });
    let history = state.history.as_ref();
    json!({
        "clause": state.key(),
        "contract": contract.id,
        "team": contract.team.as_str(),
        "owner": clause.owner.as_str(),
        "measure": clause.measure.word(),
        "what": clause.measure.to_string(),
        "term": (contract.term != Period::ALWAYS).then(|| contract.term.to_string()),
        "consequence": clause.consequence,
        "state": state.status(now).word(),
        "since": state.since().map(|since| since.to_string()),
        "clock_seconds": state.clock().count(),
        "grace_seconds": clause.timing.grace.count(),
        "clock": state.clock_of_grace(),
        "left_seconds": state.left().map(|left| left.count()),
        "breach_at": state.breach_at().map(|at| at.to_string()),
        "judged_until": history.map(|history| history.until.to_string()),
        "silent_seconds": history.map(|history| history.silent.count()),
        "windows": {
            "length_seconds": clause.timing.window.count(),
            "met": met, "missed": missed, "thin": thin, "silent": silent,
        },
        "last": last,
        "unjudged": state.unjudged,
    })
}

fn text_of(value: Option<Instant>) -> Cell {
    value.map_or(Cell::Empty, |at| Cell::text(at.to_string()))
}

fn table(shown: &[&ClauseState], now: Instant, format: OutputFormat) -> Answer {
    let every = format != OutputFormat::Table;
    let mut columns = vec!["clause", "owner", "what", "state", "since", "clock", "last window"];
    columns.extend(["met", "missed", "thin", "silent"]);
    columns.extend(every.then_some(["team", "last start", "judged until", "unjudged"]).into_iter().flatten());
    let mut answer = Answer::new("Contracts and where each clause stands, the worst first", &columns);
    for state in shown {
        let clause = state.clause();
        let Counts { met, missed, thin, silent } = state.counts();
        let last = state.last();
        let mut row = vec![
            Cell::text(state.key()),
            Cell::text(clause.owner.as_str()),
            Cell::text(clause.measure.to_string()),
            Cell::text(state.status(now).word()),
            text_of(state.since()),
            state.clock_of_grace().map_or(Cell::Empty, Cell::text),
            last.map_or(Cell::Empty, |(_, reading, _)| Cell::text(words::reading(&clause.measure, reading))),
        ];
        row.extend([met, missed, thin, silent].map(Cell::Count));
        if every {
            row.push(Cell::text(state.contract.team.as_str()));
            row.push(text_of(last.map(|(at, ..)| *at)));
            row.push(text_of(state.history.as_ref().map(|history| history.until)));
            row.push(state.unjudged.as_ref().map_or(Cell::Empty, Cell::text));
        }
        answer.rows.push(row);
    }
    answer
}

/// `leap contract list`, and `leap contract check`, which lists what is not as it should be and ends with 3 where a
/// clause is breached, else with 4 where one cannot be judged.
pub(super) async fn list(root: &Path, args: &ContractListArgs, is_check: bool) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &args.known.reading()).await?;
    if in_force(view.head())?.list.is_empty() && (is_check || args.format.format == OutputFormat::Table) {
        let words = "no contracts are in force: leap contract apply contracts.yaml";
        // Who checks wants to know that there is nothing to check.
        return if is_check { Err(Failure::usage(words)) } else { emit(&format!("{words}\n")) };
    }
    let now = view.known().unwrap_or_else(clock::now);
    let unit = args.unit.as_deref().map(|name| crate::spend::unit_named(&view, name)).transpose()?;
    let mut states = watched(&home, &view, now).await?;
    states
        .retain(|state| unit.as_ref().is_none_or(|unit| [&state.contract.team, &state.clause().owner].contains(&unit)));
    worst_first(&mut states, now);
    let all = states.iter().filter(|state| state.status(now) <= Status::Ok).count();
    let breached = states.iter().filter(|state| state.status(now) == Status::Breached).count();
    let unjudged = states.iter().filter(|state| state.unjudged.is_some()).count();
    let shown: Vec<&ClauseState> =
        states.iter().filter(|state| !is_check || state.status(now).needs_somebody()).collect();
    for state in shown.iter().filter(|_| args.format.format != OutputFormat::Json) {
        if let Some(why) = &state.unjudged {
            eprintln!("{}: {why}", state.key());
        }
    }
    if let Some(words) = ended(&states, now) {
        eprintln!("warning: {words}");
    }
    if args.format.format == OutputFormat::Json {
        print_json(&json!({
            "snapshot": view.head().digest_text(),
            "now": now.to_string(),
            "clauses": states.len(),
            "breached": breached,
            "unjudged": unjudged,
            "rows": shown.iter().map(|state| row(state, now)).collect::<Vec<_>>(),
        }))?;
    } else {
        table(&shown, now, args.format.format).print(args.format.format)?;
    }
    if !is_check {
        return Ok(());
    }
    if args.format.format == OutputFormat::Table {
        emit(&format!("{} of {all} clauses hold\n", all - shown.len()))?;
    }
    if breached > 0 {
        let message = format!("{breached} of {all} clauses are breached");
        return Err(Failure { message, exit: Exit::PolicyBroken });
    }
    if unjudged > 0 {
        return Err(Failure::quality(format!("{unjudged} of {all} clauses cannot be judged")));
    }
    Ok(())
}

/// The clause that a person names.
fn named(states: Vec<ClauseState>, name: &str) -> Result<ClauseState, Failure> {
    let known: Vec<String> = states.iter().map(ClauseState::key).take(20).collect();
    states.into_iter().find(|state| state.key() == name).ok_or_else(|| {
        let known = if known.is_empty() { "no contracts are in force".to_owned() } else { known.join(", ") };
        Failure::usage(format!("no clause is called '{name}'; there are: {known}"))
    })
}

/// `leap contract show CONTRACT.CLAUSE`.
pub(super) async fn show(root: &Path, name: &str, args: &ContractShowArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &args.known.reading()).await?;
    let now = view.known().unwrap_or_else(clock::now);
    let state = named(watched(&home, &view, now).await?, name)?;
    let clause = state.clause();
    let last = &state.windows[state.windows.len().saturating_sub(args.windows)..];
    let events = state.history.as_ref().map_or(&[][..], |history| history.events.as_slice());
    let format = args.format.format;
    if format == OutputFormat::Json {
        let mut value = row(&state, now);
        value["snapshot"] = json!(view.head().digest_text());
        value["stretches"] = stretches(&state)
            .iter()
            .map(|stretch| {
                json!({
                    "since": stretch.since.to_string(),
                    "opened": stretch.opened.map(|at| at.to_string()),
                    "over": stretch.cleared.map(|at| at.to_string()),
                })
            })
            .collect();
        value["events"] = events
            .iter()
            .map(|event| {
                json!({
                    "at": event.at.to_string(),
                    "event": event.kind.word(),
                    "since": event.since.to_string(),
                    "clock_seconds": event.clock.count(),
                })
            })
            .collect();
        value["last_windows"] = last
            .iter()
            .map(|(at, reading, class)| {
                let mut window = json!({ "start": at.to_string(), "class": class_word(*class) });
                window["reading"] = words::json(reading);
                window
            })
            .collect();
        return print_json(&value);
    }
    if format == OutputFormat::Table {
        heading(&state, now)?;
        if !events.is_empty() {
            happened(events).print(format)?;
        }
    }
    let title = format!("The last windows of {}", clause.timing.window);
    let mut answer = Answer::new(title, &["start", "class", "measured"]);
    for (at, reading, class) in last {
        answer.rows.push(vec![
            Cell::text(at.to_string()),
            Cell::text(class_word(*class)),
            Cell::text(words::reading(&clause.measure, reading)),
        ]);
    }
    answer.print(format)
}

/// What was agreed, and where it stands.
fn heading(state: &ClauseState, now: Instant) -> Result<(), Failure> {
    let (contract, clause) = (&state.contract, state.clause());
    let timing = &clause.timing;
    emit(&format!("{}: {}\n", state.key(), clause.measure))?;
    emit(&format!("contract with {}, {} answers; term {}\n", contract.team, clause.owner, term_words(contract.term)))?;
    emit(&format!(
        "windows of {}, a grace of {}, over when it holds for {}, stale after {}\n",
        timing.window, timing.grace, timing.recovery, timing.stale_after
    ))?;
    if !clause.consequence.is_empty() {
        emit(&format!("of a breach follows: {}\n", clause.consequence))?;
    }
    let status = state.status(now);
    let clock = match (state.since(), state.clock_of_grace()) {
        (Some(since), Some(clock)) => format!(", since {since}, {clock}"),
        _ => String::new(),
    };
    emit(&format!("now {}{clock}\n", status.word()))?;
    if let Some(why) = &state.unjudged {
        emit(&format!("{why}\n"))?;
    }
    let Counts { met, missed, thin, silent } = state.counts();
    emit(&format!("windows: {met} met, {missed} missed, {thin} thin, {silent} silent\n"))?;
    for stretch in stretches(state) {
        let end = stretch.cleared.map_or_else(|| "lasts".to_owned(), |at| format!("was over at {at}"));
        let breach = stretch.opened.map_or_else(String::new, |at| format!("a breach at {at}, "));
        emit(&format!("missed since {}, {breach}{end}\n", stretch.since))?;
    }
    Ok(())
}

/// `2026-10..2027-09`, or that it has no end.
pub(crate) fn term_words(term: Period) -> String {
    if term == Period::ALWAYS { "without end".to_owned() } else { term.to_string() }
}

fn happened(events: &[Event]) -> Answer {
    let mut answer = Answer::new("What happened", &["at", "event", "since", "clock"]);
    for event in events {
        answer.rows.push(vec![
            Cell::text(event.at.to_string()),
            Cell::text(event.kind.word()),
            Cell::text(event.since.to_string()),
            Cell::text(event.clock.to_string()),
        ]);
    }
    answer
}
