//! One clause: where its clock stands, its last 30 days, what was agreed, its breaches, events and windows.

use leap_decide::contract::clock::{Episode, History};
use leap_decide::contract::{Class, Latency, Measure, Nanoseconds, Reading, What};
use leap_decide::seconds::Seconds;
use leap_terms::{Instant, Period};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Clock, Column, Figure, Link, Page, Row, Table, Tone};
use leap_web::site::strip::{Part, Strip};

use super::super::ground::{Ground, seconds};
use super::super::words::{address, capital, cents, period_text, shell};
use super::{coming, known, number, sees, team, tone};
use crate::contracts::words::{amount, exact, unit};
use crate::contracts::{ClauseState, Counts, Status, class_word, stretches, term_words};

/// Seconds of the strip: 30 days.
const DRAWN: i64 = 30 * 86_400;
/// Windows that people see in the table; files have all of the strip.
const SHOWN: usize = 48;
/// Events that people see; files have all.
const EVENTS: usize = 20;
/// Seconds of an hour.
const HOUR: i64 = 3_600;

/// `/contracts/{contract}/{clause}`.
pub(in crate::site) fn page(ground: &Ground, contract: &str, clause: &str) -> Result<Page, Problem> {
    let key = format!("{contract}.{clause}");
    let mut page = Page {
        title: key.clone(),
        is_id: true,
        crumbs: vec![Link::new("Contracts", ground.to(&["contracts"], &[])), Link::new(key.clone(), "")],
        command: Some(format!("leap contract show {}", shell(&key))),
        ..Page::default()
    };
    let Some(known) = known(ground)? else {
        page.blocks.push(coming());
        return Ok(page);
    };
    let found = known.states.iter().find(|state| state.contract.id == contract && state.clause().id == clause);
    let nothing = || Problem::NotFound(format!("There is no clause {key}, or it is not yours to see."));
    let state = found.filter(|state| sees(ground, state)).ok_or_else(nothing)?;
    let measure = state.clause().measure.to_string();
    page.sub = format!("{measure}, with {}", ground.name(state.contract.team.as_str()));
    page.blocks.push(stands(state, known.now));
    if let Some(why) = &state.unjudged {
        page.blocks.push(Block::Notice(Tone::Warn, format!("{}.", capital(why)), None));
    }
    if let Some(history) = &state.history {
        page.blocks.push(Block::Strip(strip(state, history)));
    }
    page.blocks.push(Block::Pairs(agreed(ground, state)));
    page.blocks.extend(misses(ground, &stretches(state)));
    page.blocks.extend(events(ground, state));
    page.blocks.push(Block::Table(windows(ground, state)));
    Ok(page)
}

/// Where it stands: a clock that runs, or that it holds.
fn stands(state: &ClauseState, now: Instant) -> Block {
    let clause = state.clause();
    let status = state.status(now);
    let until = state.history.as_ref().map_or_else(String::new, |history| format!(" up to {}", seconds(history.until)));
    let (Some(since), Some(of), Some(at)) = (state.since(), state.clock_of_grace(), state.breach_at()) else {
        return Block::Notice(
            tone(status),
            match status {
                Status::Ok => format!("It holds: judged{until}."),
                Status::Stale => format!("It held when something was last heard; judged{until}."),
                Status::Unjudged | Status::Breached | Status::Missing => "It is not judged.".to_owned(),
                Status::Ahead => format!("Its term begins on {}.", state.contract.term.from()),
                Status::Ended => format!("Its term is over; it was judged{until}."),
            },
            None,
        );
    };
    let hours = |length: Seconds| u32::try_from(length.count() / HOUR).unwrap_or(u32::MAX);
    let since = seconds(since);
    let say = match status {
        Status::Breached => {
            format!("Breached: {of} of grace are used, missed since {since}; it was a breach at {}.", seconds(at))
        }
        Status::Ended => format!("Its term is over; it was missed since {since}."),
        _ => {
            let left = state.left().unwrap_or_default();
            let at = seconds(at);
            format!("{of} of grace are used, {left} are left: missed since {since}, a breach at {at} if it goes on.")
        }
    };
    let met = state.history.as_ref().map(|history| history.met).unwrap_or_default();
    let again = if met.count() > 0 {
        format!(" It has been met for {met} again, and is over when it was for {}.", clause.timing.recovery)
    } else {
        String::new()
    };
    let label = format!("Breach clock of {}: {}", state.key(), clause.measure);
    Block::Clock(Clock {
        label,
        hours: hours(state.clock()),
        of: hours(clause.timing.grace),
        what: "grace",
        say: format!("{say}{again} Judged{until}."),
    })
}

/// What its windows of the last 30 days were.
fn strip(state: &ClauseState, history: &History) -> Strip {
    let length = state.clause().timing.window;
    let step = length.count().max(1);
    let first = state.clause().timing.window_of(history.until.plus_seconds(-DRAWN)).max(history.from);
    let mut strip = Strip {
        label: "The last 30 days".to_owned(),
        windows: match length.count() {
            HOUR => "hours".to_owned(),
            86_400 => "days".to_owned(),
            _ => format!("windows of {length}"),
        },
        from: seconds(first),
        until: seconds(history.until),
        ..Strip::default()
    };
    let mut next = first;
    let silent = |from: Instant, to: Instant| u64::try_from(to.seconds_since(from) / step).unwrap_or(0);
    for (at, _, class) in drawn(state, history) {
        strip.push(Part::Silent, silent(next, *at));
        let part = match class {
            Class::Met => Part::Met,
            Class::Miss => Part::Missed,
            Class::Thin => Part::Thin,
        };
        strip.push(part, 1);
        next = at.plus_seconds(step);
    }
    strip.push(Part::Silent, silent(next, history.until));
    strip
}

/// The windows of the strip.
fn drawn<'s>(state: &'s ClauseState, history: &History) -> &'s [(Instant, Reading, Class)] {
    let first = state.clause().timing.window_of(history.until.plus_seconds(-DRAWN));
    &state.windows[state.windows.partition_point(|(at, ..)| *at < first)..]
}

/// What was agreed.
fn agreed(ground: &Ground, state: &ClauseState) -> Vec<(String, Cell)> {
    let (contract, clause) = (&state.contract, state.clause());
    let timing = &clause.timing;
    let Counts { met, missed, thin, silent } = state.counts();
    let text = |name: &str, value: String| (name.to_owned(), Cell::Text(value));
    let mut pairs = vec![
        text("What", clause.measure.to_string()),
        ("With".to_owned(), team(ground, &contract.team)),
        ("Answers".to_owned(), team(ground, &clause.owner)),
        text("Term", term_words(contract.term)),
        text(
            "Windows",
            format!("of {}: {met} met, {missed} missed, {thin} thin, {silent} without data", timing.window),
        ),
        text("Grace", timing.grace.to_string()),
        text("Over when it holds for", timing.recovery.to_string()),
    ];
    if !clause.consequence.is_empty() {
        pairs.push(text("Of a breach follows", clause.consequence.clone()));
    }
    if let Some(link) = source(ground, state, None) {
        pairs.push(("Measured from".to_owned(), Cell::Link(link)));
    }
    pairs
}

/// Where the requests or charges of a window stand; of all of them, where none is named.
fn source(ground: &Ground, state: &ClauseState, days: Option<Period>) -> Option<Link> {
    let period = days.map(period_text).unwrap_or_default();
    let sees_all = ground.view().reach().is_everything();
    match &state.clause().measure {
        Measure::Latency(latency) if sees_all => Some(Link::new("Requests", requests(latency, &period))),
        Measure::Latency(_) => None,
        Measure::Amount { what, .. } => {
            let team = state.contract.team.as_str();
            Some(match what {
                What::Spend(_) | What::UnitCost { .. } => {
                    let period = if period.is_empty() { period_text(ground.period) } else { period };
                    Link::new("Charges", ground.rows(&[("under", team), ("period", &period)]))
                }
                What::Charter => {
                    Link::new("Business volume", ground.to(&["volume"], &[("under", team), ("period", &period)]))
                }
                What::Coverage => Link::new("Coverage", ground.to(&["coverage"], &[("period", &period)])),
                What::Freshness if sees_all => Link::new("Deliveries", ground.to(&["data"], &[("tab", "deliveries")])),
                What::Freshness => return None,
            })
        }
    }
}

/// The page Latency with the same objective.
fn requests(latency: &Latency, period: &str) -> String {
    let objective = Nanoseconds(latency.at_most_ns).to_string();
    let quantile = latency.quantile.to_string();
    let all = [("api", latency.api.as_str()), ("period", period), ("objective", &objective), ("quantile", &quantile)];
    let given = all.into_iter().filter(|(name, value)| !value.is_empty() && (*name, *value) != ("api", "*"));
    let parameters: Vec<(String, String)> = given.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    address(&["latency"], &parameters)
}

/// When it was missed, and which of that was a breach; the last first.
fn misses(ground: &Ground, stretches: &[Episode]) -> Option<Block> {
    if stretches.is_empty() {
        return None;
    }
    let row = |stretch: &Episode| {
        let open = |text: &str, tone: Tone| Cell::Badge(tone, text.to_owned());
        let lasts = if stretch.opened.is_some() { open("open", Tone::Bad) } else { open("lasts", Tone::Warn) };
        Row::new(vec![
            Cell::Text(seconds(stretch.since)),
            stretch.opened.map_or(Cell::None, |at| Cell::Text(seconds(at))),
            stretch.cleared.map_or(lasts, |at| Cell::Text(seconds(at))),
        ])
    };
    let shown = if of_file(ground) { stretches.len() } else { EVENTS };
    Some(Block::Table(Table {
        id: "t-misses".to_owned(),
        caption: "When it was missed, the last first".to_owned(),
        columns: ["Missed since", "A breach at", "Over at"].map(Column::text).into(),
        rows: stretches.iter().rev().take(shown).map(row).collect(),
        ..Table::default()
    }))
}

/// True for files and programs, which get all rows.
fn of_file(ground: &Ground) -> bool {
    ground.ask.is_of_program || ground.ask.get("format").is_some()
}

/// What the clock did, the last first.
fn events(ground: &Ground, state: &ClauseState) -> Option<Block> {
    let events = &state.history.as_ref()?.events;
    if events.is_empty() {
        return None;
    }
    let shown = if of_file(ground) { events.len() } else { EVENTS };
    let rows = events.iter().rev().take(shown).map(|event| {
        Row::new(vec![
            Cell::Text(seconds(event.at)),
            Cell::Text(event.kind.word().replace('_', " ")),
            Cell::Text(seconds(event.since)),
            Cell::Text(event.clock.to_string()),
        ])
    });
    Some(Block::Table(Table {
        id: "t-clock".to_owned(),
        caption: "What the clock did, the last first".to_owned(),
        columns: ["At", "What happened", "Missed since", "Clock"].map(Column::text).into(),
        rows: rows.collect(),
        ..Table::default()
    }))
}

/// The last windows, each with where its rows stand.
fn windows(ground: &Ground, state: &ClauseState) -> Table {
    let measure = &state.clause().measure;
    let length = state.clause().timing.window;
    let all = state.history.as_ref().map_or(&[][..], |history| drawn(state, history));
    let shown = if of_file(ground) { all.len() } else { SHOWN };
    let row = |(at, read, class): &(Instant, Reading, Class)| {
        let last = at.plus_seconds(length.count().max(1)).plus_seconds(-1).day();
        let days = Period::new(at.day(), last.plus(1));
        let tone = match class {
            Class::Met => Tone::Ok,
            Class::Miss => Tone::Bad,
            Class::Thin => Tone::Warn,
        };
        let mut cells = vec![
            Cell::Text(seconds(*at)),
            Cell::Badge(tone, class_word(*class).to_owned()),
            measured(ground, state, read, days),
        ];
        if let Reading::Counts { requests, .. } = read {
            cells.push(number(*requests));
        }
        cells.push(source(ground, state, days).map_or(Cell::None, Cell::Link));
        Row::new(cells)
    };
    let unit = unit(measure);
    let mut columns = vec![Column::text("From"), Column::text("Window")];
    columns.push(match measure {
        Measure::Latency(_) => Column::figure("Over the threshold"),
        Measure::Amount { .. } => Column::figure(format!("Measured, {unit}")),
    });
    columns.extend(matches!(measure, Measure::Latency(_)).then(|| Column::figure("Requests")));
    columns.push(Column::text("Measured from"));
    Table {
        id: "t-windows".to_owned(),
        caption: format!("Windows of {length}, the last first; those without data are left out"),
        unit,
        columns,
        rows: all.iter().rev().take(shown).map(row).collect(),
        ..Table::default()
    }
}

/// What was measured: spend leads to its charges.
fn measured(ground: &Ground, state: &ClauseState, read: &Reading, days: Option<Period>) -> Cell {
    let measure = &state.clause().measure;
    let shown = amount(measure, read);
    match (measure, read) {
        (Measure::Amount { what: What::Spend(currency), .. }, Reading::Amount(ratio)) => {
            let Some((spent, days)) = exact(ratio).zip(days) else { return Cell::Number(shown.clone(), shown) };
            let team = state.contract.team.as_str();
            let period = period_text(days);
            let known = ground.currencies.contains(currency);
            let of = [("under", team), ("period", &period), ("cost", "effective"), ("measure", currency.as_str())];
            let href = if known { ground.rows(&of) } else { String::new() };
            Cell::Figure(Figure { exact: spent.to_string(), shown: cents(spent), href })
        }
        (_, Reading::Amount(ratio)) => {
            let whole = exact(ratio).or_else(|| ratio.rounded(18));
            Cell::Number(whole.map_or_else(String::new, |whole| whole.to_string()), shown)
        }
        (_, Reading::Counts { bad, .. }) => {
            let over = leap_orient::tail::quantile::Total(*bad).requests();
            Cell::Number(over.to_string(), shown)
        }
    }
}
