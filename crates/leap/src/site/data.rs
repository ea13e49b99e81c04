//! Data health, periods and the audit trail: is everything here, is it fresh, does it add up, and who changed what?

use std::collections::BTreeMap;

use leap_book::{AuditFilter, BookError, DeliveryFilter, QuarantineFilter};
use leap_orient::reading::spend::Basis;
use leap_terms::{Day, Month};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Column, Link, Page, Row, Table, Tone};

use super::ground::{Ground, seconds};
use super::words::cents;
use super::{failed, parameter};
use crate::failure::Failure;

/// Rows of a page of the audit trail.
const EVENTS: u64 = 100;

/// Days by which a source may end before the others.
const BEHIND: i32 = 3;
/// Days by which a source may end before today: clouds bill within a few.
const OLD: i32 = 10;

const TABS: [(&str, &str); 5] = [
    ("sources", "Sources"),
    ("deliveries", "Deliveries"),
    ("quarantine", "Quarantine"),
    ("proofs", "Proofs"),
    ("snapshots", "Snapshots"),
];

fn book<T>(result: Result<T, BookError>) -> Result<T, Problem> {
    result.map_err(|error| failed(&Failure::from_error(&error)))
}

/// The views of data; `here` is the one that is shown.
pub(super) fn tabs(ground: &Ground, here: &str) -> Vec<(Link, bool)> {
    let mut tabs: Vec<(Link, bool)> = TABS
        .iter()
        .map(|(name, words)| {
            let tab = if *name == "sources" { "" } else { name };
            (Link::new(*words, ground.to(&["data"], &[("tab", tab)])), *name == here)
        })
        .collect();
    tabs.push((Link::new("Business volume", ground.to(&["volume"], &[])), here == "volume"));
    tabs.push((Link::new("Audit trail", ground.to(&["data", "audit"], &[])), here == "audit"));
    tabs
}

pub(super) fn page(ground: &Ground) -> Result<Page, Problem> {
    let tab = ground.ask.get("tab").unwrap_or("sources");
    let (sub, table) = match tab {
        "sources" => sources(ground),
        "deliveries" => deliveries(ground)?,
        "quarantine" => quarantine(ground)?,
        "proofs" => proofs(ground)?,
        "snapshots" => snapshots(ground)?,
        other => {
            let known: Vec<&str> = TABS.iter().map(|(name, _)| *name).collect();
            return Err(parameter(ground.ask, "tab", format!("'{other}' is none of {}", known.join(", "))));
        }
    };
    let blocks = if table.rows.is_empty() {
        vec![Block::Nothing("Nothing is here.".to_owned(), vec![Link::new("First steps", "/start")])]
    } else {
        vec![Block::Table(table)]
    };
    Ok(Page { title: "Data".to_owned(), sub, tabs: tabs(ground, tab), blocks, ..Page::default() })
}

fn table(id: &str, caption: &str, columns: Vec<Column>, rows: Vec<Row>) -> Table {
    Table { id: id.to_owned(), caption: caption.to_owned(), columns, rows, is_cards: true, ..Table::default() }
}

fn count(number: u64) -> Cell {
    Cell::Number(number.to_string(), number.to_string())
}

fn sources(ground: &Ground) -> (String, Table) {
    struct Source {
        format: String,
        scopes: usize,
        rows: u64,
        last: Day,
        recorded: String,
    }
    let mut all = BTreeMap::<String, Source>::new();
    for scope in &ground.view().head().scopes {
        let recorded = seconds(scope.recorded_at);
        let source = all.entry(scope.scope.source.to_string()).or_insert_with(|| Source {
            format: scope.format.to_string(),
            scopes: 0,
            rows: 0,
            last: scope.facts.last_day,
            recorded: recorded.clone(),
        });
        source.scopes += 1;
        source.rows += scope.facts.rows;
        source.last = source.last.max(scope.facts.last_day);
        source.recorded = source.recorded.clone().max(recorded);
    }
    let today = crate::clock::now().day();
    let newest = all.values().map(|source| source.last).max().unwrap_or(Day::EARLIEST);
    let rows = all
        .iter()
        .map(|(name, source)| {
            let late = newest.days() - source.last.days();
            let age = today.days() - source.last.days();
            let state = if late > BEHIND {
                Cell::Badge(Tone::Warn, format!("{late} days behind the others"))
            } else if age > OLD {
                Cell::Badge(Tone::Warn, format!("{age} days old"))
            } else {
                Cell::Badge(Tone::Ok, "fresh".to_owned())
            };
            Row::new(vec![
                Cell::Text(name.clone()),
                state,
                Cell::Text(source.format.clone()),
                Cell::Text(source.last.to_string()),
                count(source.scopes as u64),
                count(source.rows),
                Cell::Text(source.recorded.clone()),
            ])
        })
        .collect();
    let sub =
        format!("{} sources; late is what ends {BEHIND} days before the others, or {OLD} days before today", all.len());
    let columns = vec![
        Column::text("Source"),
        Column::text("State"),
        Column::text("Format"),
        Column::text("Last charge"),
        Column::figure("Billing periods"),
        Column::figure("Charges"),
        Column::text("Last delivery"),
    ];
    (sub, table("t-sources", "Sources", columns, rows))
}

fn deliveries(ground: &Ground) -> Result<(String, Table), Problem> {
    let mut all = book(ground.runtime.block_on(ground.home.book.deliveries(&DeliveryFilter::default())))?;
    all.sort_by_key(|row| std::cmp::Reverse(row.number));
    let sub = format!("{} deliveries, newest first", all.len());
    let rows = all
        .into_iter()
        .map(|row| {
            let periods: Vec<String> = row.billing_periods.iter().map(ToString::to_string).collect();
            let state = match row.state.word() {
                word @ "refused" => Cell::Badge(Tone::Bad, word.to_owned()),
                word => Cell::Text(word.to_owned()),
            };
            Row::new(vec![
                Cell::Id(Link::new(row.id.map_or_else(|| "–".to_owned(), |id| id.to_string()), "")),
                state,
                row.source.map_or(Cell::Empty, |source| Cell::Text(source.to_string())),
                Cell::Text(periods.join(" ")),
                count(row.rows),
                count(row.quarantined),
                Cell::Text(seconds(row.recorded_at)),
                row.reason.map_or(Cell::Empty, Cell::Text),
            ])
        })
        .collect();
    let columns = vec![
        Column::text("Delivery"),
        Column::text("State"),
        Column::text("Source"),
        Column::text("Billing periods"),
        Column::figure("Charges"),
        Column::figure("Quarantined"),
        Column::text("Recorded"),
        Column::text("Reason"),
    ];
    Ok((sub, table("t-deliveries", "Deliveries", columns, rows)))
}

fn quarantine(ground: &Ground) -> Result<(String, Table), Problem> {
    let filter = QuarantineFilter { limit: Some(1000), ..QuarantineFilter::default() };
    let all = book(ground.runtime.block_on(ground.home.book.quarantine(&filter)))?;
    let sub = "Rows that could not be read: repair the file, then leap quarantine replay".to_owned();
    let rows = all
        .into_iter()
        .map(|row| {
            Row::new(vec![
                Cell::Text(row.row.file),
                count(row.row.row),
                row.row.column.map_or(Cell::Empty, Cell::Text),
                Cell::Id(Link::new(row.row.value, "")),
                Cell::Text(row.row.reason),
            ])
        })
        .collect();
    let columns = vec![
        Column::text("File"),
        Column::figure("Row"),
        Column::text("Column"),
        Column::text("Value"),
        Column::text("Reason"),
    ];
    Ok((sub, table("t-quarantine", "Quarantine", columns, rows)))
}

fn proofs(ground: &Ground) -> Result<(String, Table), Problem> {
    let snapshot = ground.view().head().snapshot.as_ref().map(|snapshot| snapshot.id);
    let all = match snapshot {
        Some(id) => book(ground.runtime.block_on(ground.home.book.proofs(id)))?,
        None => Vec::new(),
    };
    let differ = all.iter().filter(|proof| !proof.difference.is_zero()).count();
    let sub = format!("{} totals, {differ} differ; leap verify reads the files again with other code", all.len());
    let rows = all
        .into_iter()
        .map(|proof| {
            let state = if proof.difference.is_zero() {
                Cell::Badge(Tone::Ok, "holds".to_owned())
            } else {
                Cell::Badge(Tone::Bad, "differs".to_owned())
            };
            let money = |amount: leap_terms::Money| Cell::Number(amount.to_string(), cents(amount));
            Row::new(vec![
                Cell::Text(format!("{} {}", proof.scope.source, proof.scope.billing_period)),
                state,
                Cell::Text(proof.cost.to_string()),
                Cell::Text(proof.currency.to_string()),
                count(proof.rows),
                money(proof.accepted),
                money(proof.attributed),
                money(proof.difference),
            ])
        })
        .collect();
    let columns = vec![
        Column::text("Scope"),
        Column::text("State"),
        Column::text("Cost"),
        Column::text("Currency"),
        Column::figure("Charges"),
        Column::figure("Accepted"),
        Column::figure("Attributed"),
        Column::figure("Difference"),
    ];
    Ok((sub, table("t-proofs", "Proofs of the newest snapshot", columns, rows)))
}

fn snapshots(ground: &Ground) -> Result<(String, Table), Problem> {
    let mut all = book(ground.runtime.block_on(ground.home.book.snapshots()))?;
    all.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.id));
    let sub = format!("{} snapshots, newest first; each can be read again with --snapshot", all.len());
    let rows = all
        .into_iter()
        .map(|snapshot| {
            Row::new(vec![
                count(u64::try_from(snapshot.id).unwrap_or_default()),
                Cell::Text(seconds(snapshot.recorded_at)),
                Cell::Text(snapshot.cause),
                Cell::Text(snapshot.actor),
                Cell::Id(Link::new(snapshot.digest.short(), "")),
            ])
        })
        .collect();
    let columns = vec![
        Column::figure("Number"),
        Column::text("Recorded"),
        Column::text("Cause"),
        Column::text("By"),
        Column::text("Digest"),
    ];
    Ok((sub, table("t-snapshots", "Snapshots", columns, rows)))
}

pub(super) fn audit(ground: &Ground) -> Result<Page, Problem> {
    let events = book(ground.runtime.block_on(ground.home.book.audit(&AuditFilter::default())))?;
    let verified = ground.runtime.block_on(ground.home.book.verify_audit());
    let before: u64 = match ground.ask.get("after") {
        None => u64::MAX,
        Some(text) => {
            text.parse().map_err(|_| parameter(ground.ask, "after", format!("'{text}' is no number of an event")))?
        }
    };
    let limit = if ground.ask.get("format").is_some() { u64::MAX } else { EVENTS };
    let wanted = |name: &str| ground.ask.get(name).map(str::to_owned);
    let (who, what) = (wanted("who"), wanted("what"));
    let mut matching: Vec<_> = events
        .into_iter()
        .filter(|event| event.sequence < before)
        .filter(|event| who.as_ref().is_none_or(|who| event.entry.actor.contains(who.as_str())))
        .filter(|event| what.as_ref().is_none_or(|what| event.entry.action.contains(what.as_str())))
        .collect();
    matching.sort_by_key(|event| std::cmp::Reverse(event.sequence));
    let more = matching.len() as u64 > limit;
    matching.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = matching.last().filter(|_| more).map(|last| {
        let number = last.sequence.to_string();
        let mut parameters = vec![("after", number.as_str())];
        parameters.extend(who.iter().map(|who| ("who", who.as_str())));
        parameters.extend(what.iter().map(|what| ("what", what.as_str())));
        Link::new("Earlier ones", ground.to(&["data", "audit"], &parameters))
    });
    let rows = matching
        .into_iter()
        .map(|event| {
            Row::new(vec![
                count(event.sequence),
                Cell::Text(seconds(event.entry.at)),
                Cell::Text(event.entry.actor),
                Cell::Text(event.entry.action),
                Cell::Text(event.entry.subject),
                Cell::Id(Link::new(event.digest.short(), "")),
            ])
        })
        .collect();
    let columns = vec![
        Column::figure("Number"),
        Column::text("At"),
        Column::text("By"),
        Column::text("What"),
        Column::text("To what"),
        Column::text("Digest"),
    ];
    let state = match verified {
        Ok(head) => Block::Notice(
            Tone::Ok,
            format!("The chain holds: {} events, head {}.", head.sequence, head.digest.short()),
            None,
        ),
        Err(error) => Block::Notice(Tone::Bad, format!("The chain is broken: {error}"), None),
    };
    Ok(Page {
        title: "Audit trail".to_owned(),
        sub: "Who changed what, newest first".to_owned(),
        crumbs: vec![Link::new("Data", ground.to(&["data"], &[])), Link::new("Audit trail", "")],
        tabs: tabs(ground, "audit"),
        command: Some("leap audit list".to_owned()),
        blocks: vec![state, Block::Table(Table { next, ..table("t-audit", "Audit trail", columns, rows) })],
        ..Page::default()
    })
}

/// Billing periods with their statements.
pub(super) fn periods(ground: &Ground) -> Result<Page, Problem> {
    let statements = book(ground.runtime.block_on(ground.home.book.statements(None)))?;
    let mut months: Vec<Month> = ground.view().head().scopes.iter().map(|scope| scope.scope.billing_period).collect();
    months.sort_unstable();
    months.dedup();
    let open = crate::world::published(ground.home);
    let pending = ground.view().pending(leap_terms::Period::ALWAYS, ground.basis, &open);
    let pending = pending.map_err(|failure| failed(&failure))?;
    // A statement is of a billing period: of what was invoiced in it, whenever it was incurred.
    let billed = Ground { basis: Basis::Invoiced, ..ground.clone() };
    let mut invoiced = Vec::new();
    for month in months.iter().rev() {
        let own: Vec<_> = statements.iter().filter(|statement| statement.period == *month).collect();
        let binding = own.iter().find(|statement| statement.binding);
        let state = match binding {
            None if own.is_empty() => Cell::Text("open".to_owned()),
            None => Cell::Badge(Tone::Warn, "opened again".to_owned()),
            Some(_) if pending.contains(month) => Cell::Badge(Tone::Warn, "closed, differs".to_owned()),
            Some(statement) if statement.version > 1 => {
                Cell::Badge(Tone::Ok, format!("restated, statement {}", statement.version))
            }
            Some(_) => Cell::Badge(Tone::Ok, "closed".to_owned()),
        };
        let text = month.to_string();
        let (_, sum) = billed.spent("source", None, None, month.period())?;
        invoiced.push(Row::new(vec![
            Cell::Link(Link::new(text.clone(), ground.to(&["periods", &text], &[]))),
            state,
            super::words::amount(sum, billed.rows(&[("period", &text), ("basis", "invoiced")])),
            binding.map_or(Cell::Empty, |statement| Cell::Text(seconds(statement.closed_at))),
            binding.map_or(Cell::Empty, |statement| Cell::Text(statement.actor.clone())),
            binding.map_or(Cell::Empty, |statement| Cell::Id(Link::new(statement.digest.short(), ""))),
        ]));
    }
    let columns = vec![
        Column::text("Period"),
        Column::text("State"),
        Column::figure(format!("{} {}, invoiced", ground.cost.word(), ground.currency)),
        Column::text("Closed"),
        Column::text("By"),
        Column::text("Digest"),
    ];
    Ok(Page {
        title: "Periods".to_owned(),
        sub: format!("{} billing periods; a closed one keeps its statement", months.len()),
        command: Some("leap period list".to_owned()),
        blocks: vec![Block::Table(Table {
            unit: ground.currency.to_string(),
            ..table("t-periods", "Billing periods", columns, invoiced)
        })],
        ..Page::default()
    })
}
