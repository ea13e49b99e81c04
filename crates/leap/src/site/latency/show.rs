//! Blocks of a quantile: its clock, the bar of where it goes, the table of whose it is, its days.

use leap_decide::contract::State;
use leap_terms::Exact;
use leap_web::site::model::{Block, Cell, Chart, Clock, Column, Figure, Link, Row, Table, Tone};

use super::super::words::share_cell;
use super::page::Contract;
use super::{BESIDE, Question};
use crate::latency::contract::Judged;
use crate::latency::look::{Look, Portion};
use crate::latency::shown;

/// Owners that have a series of their own.
const SERIES: usize = 6;
/// What happened last is shown, so many lines.
const EVENTS: usize = 20;

pub(super) fn is_residual(value: &str) -> bool {
    value.starts_with("residual:")
}

/// Nanoseconds as a cell: exact, and as people read them.
pub(super) fn time(ns: i128) -> Cell {
    Cell::Number(ns.to_string(), shown(ns).replace('-', "\u{2212}"))
}

/// The colour of each of some names, the largest first.
pub(super) fn colours<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<(&'n str, String)> {
    let mut next = 0;
    let of = |name: &'n str| {
        let colour = if is_residual(name) {
            "residual".to_owned()
        } else {
            next += 1;
            if next > SERIES { "rest".to_owned() } else { next.to_string() }
        };
        (name, colour)
    };
    names.into_iter().map(of).collect()
}

/// Where the objective stands.
pub(super) fn clock(question: &Question<'_>, contract: &Contract) -> Vec<Block> {
    let judged = match contract {
        Contract::None => return Vec::new(),
        Contract::Coming => {
            let said = "Every request is being read to judge the objective; look again in a minute.";
            return vec![Block::Notice(Tone::Info, said.to_owned(), None)];
        }
        Contract::Known(judged) => judged,
    };
    let of = judged.objective.grace_hours;
    let hours = format!(
        "Hours: {}. {} of {} requests took longer.",
        judged.hours_in_words(),
        exact(judged.over).to_grouped(0),
        exact(judged.requests).to_grouped(0)
    );
    let within = format!("{} within {}", judged.objective.quantile, shown(i128::from(judged.objective.ns)));
    if judged.is_unjudged() {
        let text = format!(
            "The objective could not be judged: no hour has {} requests. {within}. {hours}",
            judged.objective.n_min
        );
        return vec![Block::Notice(Tone::Warn, text, None)];
    }
    let (Some(since), Some(at)) = (judged.since(), judged.incident_at()) else {
        return vec![Block::Notice(Tone::Ok, format!("The objective is kept: {within}. {hours}"), None)];
    };
    let say = match judged.state {
        State::Breached => {
            format!("Breached: missed for {} hours, since {since}; the incident opened at {at}. {hours}", judged.clock)
        }
        State::Missing | State::Ok => format!(
            "{} of {of} hours of grace, missed since {since}; the incident would open at {at}. {hours}",
            judged.clock
        ),
    };
    let label = format!("Breach clock of {}: {within}", question.api.unwrap_or("all requests"));
    vec![Block::Clock(Clock { label, hours: judged.clock, of, what: "grace", say })]
}

/// What happened to the objective, the last first.
pub(super) fn events(judged: &Judged) -> Option<Block> {
    let mut happened = judged.happened();
    happened.reverse();
    happened.truncate(EVENTS);
    if happened.is_empty() {
        return None;
    }
    let rows = happened
        .into_iter()
        .map(|one| {
            Row::new(vec![
                Cell::Text(one.at),
                Cell::Text(one.event.replace('_', " ")),
                Cell::Text(one.since),
                Cell::Number(one.clock.to_string(), one.clock.to_string()),
            ])
        })
        .collect();
    let table = Table {
        id: "t-clock".to_owned(),
        caption: "What the clock did, the last first".to_owned(),
        unit: "hours".to_owned(),
        columns: vec![
            Column::text("At"),
            Column::text("What happened"),
            Column::text("Missed since"),
            Column::figure("Clock, hours"),
        ],
        rows,
        ..Table::default()
    };
    Some(Block::Section {
        title: "Breach clock".to_owned(),
        say: "Judged hour by hour by the requests that are there; nothing is opened here.".to_owned(),
        blocks: vec![Block::Table(table)],
    })
}

/// One bar, as long as the quantile: its largest owners, the others together, residuals apart.
pub(super) fn bar(question: &Question<'_>, look: &Look) -> Option<Block> {
    let (residuals, owned): (Vec<&Portion>, Vec<&Portion>) =
        look.portions.iter().filter(|portion| portion.ns > 0).partition(|portion| is_residual(&portion.value));
    if look.latency_ns == 0 {
        return None;
    }
    let mut columns = vec![Column::text("Quantile")];
    let mut cells = vec![Cell::Text(question.text.to_owned())];
    let mut add = |name: String, colour: String, ns: u64| {
        columns.push(Column::figure(name).coloured(colour));
        cells.push(time(i128::from(ns)));
    };
    let own = if owned.len() > SERIES { SERIES - 1 } else { SERIES };
    for (at, portion) in owned.iter().take(own).enumerate() {
        add(question.name(&portion.value), (at + 1).to_string(), portion.ns);
    }
    if owned.len() > own {
        let others = owned[own..].iter().map(|portion| portion.ns).sum();
        add(format!("{} others", owned.len() - own), "rest".to_owned(), others);
    }
    for portion in residuals {
        add(question.name(&portion.value), "residual".to_owned(), portion.ns);
    }
    let table = Table {
        id: "t-bar".to_owned(),
        caption: format!("{} divided by {}, ns", question.text, question.by),
        unit: "ns".to_owned(),
        columns,
        rows: vec![Row::new(cells)],
        is_sticky: true,
        ..Table::default()
    };
    let chart = Chart {
        kind: "bar",
        title: format!("Where {} goes", question.text),
        say: format!(
            "One bar, {} long; parts are exact nanoseconds and add up to it.",
            shown(i128::from(look.latency_ns))
        ),
        size: "s",
        target: None,
        flags: "flat stack",
    };
    Some(Block::Chart(chart, table))
}

/// The same by owner, with what each takes usually, and more.
pub(super) fn parts(question: &Question<'_>, look: &Look) -> Block {
    let whole = exact(look.latency_ns);
    let grouped = |ns: u64| Cell::Number(ns.to_string(), exact(ns).to_grouped(0));
    let mut columns = vec![
        Column::text(question.by),
        Column::figure("Latency"),
        Column::figure("Nanoseconds"),
        Column::figure("Share"),
        Column::figure("At the median"),
        Column::figure("More than at the median"),
    ];
    columns.extend(question.what_if.then(|| Column::figure("Could be saved alone")));
    let mut colour = colours(look.portions.iter().filter(|one| one.ns > 0).map(|one| one.value.as_str())).into_iter();
    let mut rows = Vec::with_capacity(look.portions.len());
    for portion in &look.portions {
        let name = Link::new(question.name(&portion.value), question.value_href(&portion.value));
        let mut cells = vec![
            Cell::Link(name),
            time(i128::from(portion.ns)),
            grouped(portion.ns),
            share_cell(exact(portion.ns), whole),
            time(i128::from(portion.usual_ns)),
            time(portion.excess_ns),
        ];
        if question.what_if {
            cells.push(portion.recoverable_ns.map_or(Cell::None, time));
        }
        let mut row = Row::new(cells);
        row.colour = if portion.ns > 0 { colour.next().map(|(_, colour)| colour) } else { None };
        row.is_rest = is_residual(&portion.value);
        rows.push(row);
    }
    rows.sort_by_key(|row| row.is_rest);
    let mut foot = vec![
        Cell::Text(question.text.to_owned()),
        time(i128::from(look.latency_ns)),
        grouped(look.latency_ns),
        share_cell(whole, whole),
        time(i128::from(look.median_ns)),
        time(i128::from(look.latency_ns) - i128::from(look.median_ns)),
    ];
    foot.extend(question.what_if.then_some(Cell::Empty));
    Block::Table(Table {
        id: "t-tail".to_owned(),
        caption: format!(
            "What {} is made of, by {}, ns: parts add up to {}",
            question.text,
            question.by,
            whole.to_grouped(0)
        ),
        unit: "ns".to_owned(),
        columns,
        rows,
        foot: vec![Row::new(foot)],
        sum: Some((look.latency_ns.to_string(), 2)),
        is_sticky: true,
        ..Table::default()
    })
}

/// Quantiles day by day, with the objective.
pub(super) fn days(question: &Question<'_>, look: &Look) -> Option<Block> {
    let (first, last) = (look.days.first()?.0, look.days.last()?.0);
    let mut columns = vec![Column::text("Day")];
    columns.extend(BESIDE.iter().zip(["3", "2", "1"]).map(|(text, colour)| Column::figure(*text).coloured(colour)));
    columns.push(Column::undrawn("Requests"));
    let packed = if look.is_packed { "1" } else { "" };
    let rows = look
        .days
        .iter()
        .map(|(day, requests, quantiles)| {
            let day = day.to_string();
            let mut cells = vec![Cell::Text(day.clone())];
            for (text, ns) in BESIDE.iter().zip(quantiles) {
                let of = [("period", day.as_str()), ("quantile", *text), ("packed", packed)];
                cells.push(Cell::Figure(Figure {
                    exact: ns.to_string(),
                    shown: shown(i128::from(*ns)),
                    href: format!("{}#t-tail", question.to(&["latency"], &of)),
                }));
            }
            cells.push(Cell::Number(requests.to_string(), exact(*requests).to_grouped(0)));
            Row::new(cells)
        })
        .collect();
    let objective = question.objective;
    let table = Table {
        id: "t-days".to_owned(),
        caption: format!("Latency per day, {first} to {last}, ns"),
        unit: "ns".to_owned(),
        columns,
        rows,
        ..Table::default()
    };
    let chart = Chart {
        kind: "line",
        title: "Three quantiles per day".to_owned(),
        say: match objective {
            Some(objective) => format!("The line is the objective of {}. Logarithmic axis.", objective.quantile),
            None => "Logarithmic axis.".to_owned(),
        },
        size: "",
        target: objective
            .map(|objective| (objective.ns.to_string(), format!("objective {}", shown(i128::from(objective.ns))))),
        flags: "log",
    };
    Some(Block::Chart(chart, table))
}

/// How large a part of a whole is.
pub(super) fn share_of(part: u64, whole: u64) -> Cell {
    share_cell(exact(part), exact(whole))
}

/// Whole nanoseconds.
pub(super) fn exact(ns: u64) -> Exact {
    Exact::from_whole(i64::try_from(ns).unwrap_or(i64::MAX))
}
