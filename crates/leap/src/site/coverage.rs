//! Coverage: is every unit of money in exactly one place? The ledger, and what no team owns.

use std::collections::BTreeMap;

use leap_orient::reading::spend::SpendRow;
use leap_terms::{Deed, Money, Owner};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Chart, Column, Figure, Link, Page, PostForm, Row, Table, Task, Tone};

use super::failed;
use super::ground::{Ground, NONE, is_residual};
use super::words::{self, amount, capital, cents, headline, share_cell, short};
use crate::failure::Failure;

/// Nodes of a column of the flow that have a name.
const NODES: usize = 7;

/// Who looks after a residual.
pub(super) fn steward(ground: &Ground, owner: &str) -> Option<String> {
    match owner.parse::<Owner>() {
        Ok(Owner::Residual(reason)) => Some(ground.view().steward(&reason)).filter(|name| !name.is_empty()),
        Ok(Owner::Team(_)) | Err(_) => None,
    }
}

/// The views of coverage, and which one this is.
pub(super) fn tabs(ground: &Ground, here: &str) -> Vec<(Link, bool)> {
    let all = [("Ledger", None), ("Residual", Some("residual")), ("Rules", Some("rules"))];
    all.into_iter()
        .map(|(name, own)| {
            let path: Vec<&str> = std::iter::once("coverage").chain(own).collect();
            (Link::new(name, ground.to(&path, &[])), own.unwrap_or("ledger") == here)
        })
        .collect()
}

/// Bill = Σ teams + residual.
pub(super) fn ledger(ground: &Ground) -> Result<Page, Problem> {
    let (rows, total) = ground.spent("team", None, None, ground.period)?;
    let (sources, bill) = ground.spent("source", None, None, ground.period)?;
    let residual: Money = rows.iter().filter(|row| is_residual(row)).map(|row| row.amount).sum();
    let teams = rows.iter().filter(|row| !is_residual(row) && !row.amount.is_zero()).count();
    let difference = bill - total + ground.unexplained()?;
    let proofs = proofs(ground)?;
    if rows.is_empty() {
        return Ok(Page {
            title: "Coverage".to_owned(),
            sub: words::period_text(ground.period),
            tabs: tabs(ground, "ledger"),
            blocks: vec![super::explore::nothing(ground)],
            ..Page::default()
        });
    }
    let mut page = Page {
        title: "Coverage".to_owned(),
        sub: format!("Is every {} of {} in exactly one place?", ground.currency, ground.period),
        tabs: tabs(ground, "ledger"),
        command: Some("leap verify".to_owned()),
        ..Page::default()
    };
    page.blocks.push(Block::Headline {
        figure: Figure { exact: difference.to_string(), shown: cents(difference), ..Figure::default() },
        unit: format!("{} unexplained", ground.currency),
        delta: Vec::new(),
        say: format!(
            "Of all periods, {} totals of {} charges were compared when they were taken in; {} differ.",
            proofs.len(),
            counted(&proofs),
            proofs.iter().filter(|proof| !proof.difference.is_zero()).count()
        ),
    });
    let mut lines = vec![Row::new(vec![
        Cell::Link(Link::new(format!("{teams} teams"), ground.to(&["explore"], &[("by", "team")]))),
        Cell::Number((total - residual).to_string(), cents(total - residual)),
        share_cell(total - residual, total),
    ])];
    for row in rows.iter().filter(|row| is_residual(row) && !row.amount.is_zero()) {
        let owner = row.values[0].clone().unwrap_or_default();
        let mut line = Row::new(vec![
            Cell::Link(Link::new(ground.name(&owner), ground.to(&["coverage", "residual"], &[]))),
            words::loose(row.amount, ground.rows(&[("team", &owner)])),
            share_cell(row.amount, total),
        ]);
        line.colour = Some("residual".to_owned());
        lines.push(line);
    }
    let ledger = Table {
        id: "t-ledger".to_owned(),
        caption: format!("Where the bill of {} is, {}", ground.period, ground.currency),
        unit: ground.currency.as_str().to_owned(),
        columns: vec![Column::text("Place"), Column::figure("Amount"), Column::undrawn("Share")],
        rows: lines,
        foot: vec![
            Row::new(vec![
                Cell::Text("Together".to_owned()),
                Cell::Number(total.to_string(), cents(total)),
                Cell::Empty,
            ]),
            Row::new(vec![
                Cell::Text("Bill, by its sources".to_owned()),
                Cell::Number(bill.to_string(), cents(bill)),
                Cell::Empty,
            ]),
            Row::new(vec![
                Cell::Text("Difference".to_owned()),
                Cell::Number(difference.to_string(), cents(difference)),
                Cell::Empty,
            ]),
        ],
        sum: Some((total.to_string(), 1)),
        ..Table::default()
    };
    page.blocks.push(Block::Section {
        title: "The ledger".to_owned(),
        say: "Teams and residual together are the bill, to the last digit.".to_owned(),
        blocks: vec![Block::Table(ledger)],
    });
    let sources = sources
        .iter()
        .map(|row| {
            let source = row.values[0].clone().unwrap_or_else(|| NONE.to_owned());
            let name = if source == NONE { "lines of pools (add up to zero)".to_owned() } else { source.clone() };
            Row::new(vec![
                Cell::Text(name),
                words::loose(row.amount, ground.rows(&[("source", &source)])),
                share_cell(row.amount, bill),
            ])
        })
        .collect();
    page.blocks.push(Block::Section {
        title: "The bill, by source".to_owned(),
        say: String::new(),
        blocks: vec![Block::Table(Table {
            id: "t-source".to_owned(),
            caption: format!("{} cost by source, {}, {}", capital(ground.cost.word()), ground.period, ground.currency),
            unit: ground.currency.as_str().to_owned(),
            columns: vec![Column::text("Source"), Column::figure("Amount"), Column::undrawn("Share")],
            rows: sources,
            ..Table::default()
        })],
    });
    page.blocks.push(flow(ground)?);
    let flow = [("by", "provider,service,pool,team"), ("chart", "flow")];
    page.blocks.push(Block::Tasks(vec![Task {
        what: Link::new("From provider over service and pool to team", ground.to(&["explore"], &flow)),
        say: "The same bill by other steps, in Explore; choose your own there.".to_owned(),
        ..Task::default()
    }]));
    Ok(page)
}

fn counted(proofs: &[leap_book::ProofRow]) -> String {
    // Each scope has a line per currency and cost; the charges are counted once.
    let mut scopes = BTreeMap::new();
    for proof in proofs {
        scopes.insert((&proof.scope, &proof.currency), proof.rows);
    }
    Money::from_whole(i64::try_from(scopes.values().sum::<u64>()).unwrap_or(i64::MAX)).to_grouped(0)
}

fn proofs(ground: &Ground) -> Result<Vec<leap_book::ProofRow>, Problem> {
    let Some(snapshot) = &ground.view().head().snapshot else { return Ok(Vec::new()) };
    let proofs = ground.runtime.block_on(ground.home.book.proofs(snapshot.id));
    proofs.map_err(|error| failed(&Failure::from_error(&error)))
}

/// A value of one end of an edge; none for all that have no node of their own.
type Node = Option<Option<String>>;

/// The largest values of one end of some edges; all others are one node.
fn largest(rows: &[SpendRow], at: usize) -> Vec<Option<String>> {
    let mut sums = BTreeMap::<Option<String>, Money>::new();
    for row in rows {
        *sums.entry(row.values[at].clone()).or_default() += row.amount;
    }
    let mut sums: Vec<(Option<String>, Money)> = sums.into_iter().collect();
    sums.sort_by_key(|(value, sum)| (std::cmp::Reverse(*sum), value.clone()));
    sums.into_iter().take(NODES).map(|(value, _)| value).collect()
}

/// From provider through category to the level below the top: two steps of edges, each of which is the whole bill.
fn flow(ground: &Ground) -> Result<Block, Problem> {
    let kind = ground.view().levels().into_iter().nth(1);
    let level = kind.as_ref().map_or_else(|| "team".to_owned(), |kind| format!("level.{kind}"));
    let first = ground.spent("provider,service_category", None, None, ground.period)?.0;
    let by = format!("service_category,{}", kind.as_deref().unwrap_or("team"));
    let second = ground.spent(&by, None, None, ground.period)?.0;
    let categories = largest(&first, 1);
    let mut rows = Vec::new();
    for (edges, from, to) in [(first, "provider", "service_category"), (second, "service_category", level.as_str())] {
        let (froms, tos) = match from {
            "provider" => (largest(&edges, 0), categories.clone()),
            _ => (categories.clone(), largest(&edges, 1)),
        };
        let mut sums = BTreeMap::<(Node, Node), Money>::new();
        for row in &edges {
            let node =
                |named: &[Option<String>], at: usize| named.contains(&row.values[at]).then(|| row.values[at].clone());
            *sums.entry((node(&froms, 0), node(&tos, 1))).or_default() += row.amount;
        }
        let mut sums: Vec<_> = sums.into_iter().filter(|(_, sum)| !sum.is_zero()).collect();
        sums.sort_by_key(|(edge, sum)| (std::cmp::Reverse(*sum), edge.clone()));
        for ((a, b), sum) in sums {
            let words = |name: &str, value: &Node| match (name, value) {
                ("provider", None) => "Other providers".to_owned(),
                ("service_category", None) => "Other categories".to_owned(),
                (_, None) => "Other units".to_owned(),
                ("provider", Some(None)) => "Lines of pools".to_owned(),
                ("service_category", Some(None)) => "Shared by pools".to_owned(),
                (_, Some(None)) => "No unit".to_owned(),
                ("provider" | "service_category", Some(Some(value))) => value.clone(),
                (_, Some(Some(value))) => ground.name(value),
            };
            let text = |value: &Option<String>| value.clone().unwrap_or_else(|| NONE.to_owned());
            let href = match (&a, &b) {
                (Some(a), Some(b)) => ground.rows(&[(from, &text(a)), (to, &text(b))]),
                _ => String::new(),
            };
            let mut line = Row::new(vec![Cell::Text(words(from, &a)), Cell::Text(words(to, &b)), amount(sum, href)]);
            // A flow has a direction: what is below zero stands in the table only.
            line.undrawn = sum < Money::ZERO;
            if matches!(&b, Some(Some(value)) if value.starts_with("residual:")) {
                line.colour = Some("residual".to_owned());
            }
            rows.push(line);
        }
    }
    let table = Table {
        id: "t-flow".to_owned(),
        caption: format!("Where the bill goes, {}, {}", ground.period, ground.currency),
        unit: ground.currency.as_str().to_owned(),
        columns: vec![
            Column::text("From").role("from"),
            Column::text("To").role("to"),
            Column::figure("Amount").role("y"),
        ],
        rows,
        ..Table::default()
    };
    let chart = Chart {
        kind: "sankey",
        title: "From provider over category to unit".to_owned(),
        say: "Credits and other flows below zero stand in the table only.".to_owned(),
        size: "l",
        target: None,
        flags: "",
    };
    Ok(Block::Chart(chart, table))
}

/// What no team owns, by reason.
pub(super) fn residual(ground: &Ground) -> Result<Page, Problem> {
    let (rows, total) = ground.spent("team", None, None, ground.period)?;
    let residual: Money = rows.iter().filter(|row| is_residual(row)).map(|row| row.amount).sum();
    let mut page = Page {
        title: "Residual".to_owned(),
        sub: format!("What no team owns in {}, by reason", ground.period),
        crumbs: vec![Link::new("Coverage", ground.to(&["coverage"], &[])), Link::new("Residual", "")],
        tabs: tabs(ground, "residual"),
        command: Some(format!("leap residual list --period {}", ground.period)),
        ..Page::default()
    };
    page.blocks.push(Block::Headline {
        figure: headline(residual, ground.to(&["coverage", "residual"], &[])),
        unit: format!("{} {}", ground.currency, ground.cost.word()),
        delta: Vec::new(),
        say: format!("{} of the bill has no team yet.", words::percent(words::share(residual, total))),
    });
    let lines: Vec<Row> = rows
        .iter()
        .filter(|row| is_residual(row) && !row.amount.is_zero())
        .map(|row| {
            let owner = row.values[0].clone().unwrap_or_default();
            Row::new(vec![
                Cell::Link(Link::new(
                    ground.name(&owner),
                    ground.to(&["explore"], &[("team", &owner), ("by", "service,day")]),
                )),
                Cell::Text(steward(ground, &owner).unwrap_or_else(|| "nobody".to_owned())),
                Cell::Number(row.rows.to_string(), row.rows.to_string()),
                amount(row.amount, ground.rows(&[("team", &owner)])),
                share_cell(row.amount, total),
            ])
        })
        .collect();
    if lines.is_empty() {
        page.blocks.push(Block::Notice(Tone::Ok, "Every charge has a team.".to_owned(), None));
    }
    page.blocks.push(Block::Table(Table {
        id: "t-residual".to_owned(),
        caption: format!("Residual by reason, {}, {}", ground.period, ground.currency),
        unit: ground.currency.as_str().to_owned(),
        columns: vec![
            Column::text("Reason"),
            Column::text("Steward"),
            Column::undrawn("Charges"),
            Column::figure("Amount"),
            Column::undrawn("Of the bill"),
        ],
        rows: lines,
        sum: Some((residual.to_string(), 3)),
        ..Table::default()
    }));
    page.blocks.push(months(ground)?);
    if let Some(block) = ticks(ground, &rows)? {
        page.blocks.push(block);
    }
    page.blocks.push(Block::Notice(
        Tone::Info,
        "A rule owns more than a claim, and what is to come too: leap rules suggest finds rules by money.".to_owned(),
        Some(Link::new("Rules", ground.to(&["coverage", "rules"], &[]))),
    ));
    Ok(page)
}

/// The largest resources without a team, to be ticked and claimed together.
fn ticks(ground: &Ground, owners: &[SpendRow]) -> Result<Option<Block>, Problem> {
    if !ground.person.rights.may_somewhere(Deed::Answer) {
        return Ok(None);
    }
    // What a pool keeps is shared by its policy, not claimed.
    let reasons: Vec<String> = owners
        .iter()
        .filter(|row| is_residual(row) && !row.amount.is_zero())
        .filter_map(|row| row.values[0].clone())
        .filter(|owner| !owner.starts_with("residual:pool:"))
        .collect();
    if reasons.is_empty() {
        return Ok(None);
    }
    let quoted: Vec<String> = reasons.iter().map(|owner| format!("'{}'", owner.replace('\'', "''"))).collect();
    let filter = format!("team IN ({})", quoted.join(", "));
    let (resources, _) = ground.spent("resource,service", Some(&filter), None, ground.period)?;
    let named: Vec<&SpendRow> =
        resources.iter().filter(|row| row.values[0].is_some() && !row.amount.is_zero()).collect();
    if named.is_empty() {
        return Ok(None);
    }
    let lines = named
        .iter()
        .take(TICKED)
        .map(|row| {
            let id = row.values[0].clone().unwrap_or_default();
            let service = row.values[1].clone().unwrap_or_else(|| NONE.to_owned());
            // A resource may be partly owned: only what no team owns of it is meant.
            let mut all = vec![("resource", id.as_str()), ("service", service.as_str())];
            all.extend(reasons.iter().map(|reason| ("team", reason.as_str())));
            let rows = ground.rows(&all);
            Row::new(vec![
                Cell::Tick("resource", id.clone(), format!("Claim {id}")),
                Cell::Id(Link::new(id.clone(), ground.to(&["resource"], &[("id", &id)]))),
                Cell::Text(service),
                Cell::Figure(Figure { exact: row.amount.to_string(), shown: words::cents(row.amount), href: rows }),
            ])
        })
        .collect();
    let mut kinds = vec![("claim", "Nobody has it: it is ours")];
    if ground.person.may(Deed::Change, &[]) {
        kinds.push(("assign", "As a steward: it is that team's"));
    }
    let form = PostForm {
        to: "/claims/new".to_owned(),
        label: "Claim what is ticked".to_owned(),
        inputs: super::claims::inputs(ground, &kinds, String::new()),
        choices: Some(Table {
            id: "t-unowned".to_owned(),
            caption: format!("The largest resources without a team, {}, {}", ground.period, ground.currency),
            unit: ground.currency.as_str().to_owned(),
            columns: vec![
                Column::text("Claim"),
                Column::text("Resource"),
                Column::text("Service"),
                Column::figure("Amount"),
            ],
            rows: lines,
            ..Table::default()
        }),
        button: "Show what it would move".to_owned(),
        ..PostForm::default()
    };
    Ok(Some(Block::Section {
        title: "Claim what is yours".to_owned(),
        say: format!("The {} largest of {} resources without a team.", named.len().min(TICKED), named.len()),
        blocks: vec![Block::Form(form)],
    }))
}

/// Resources that can be ticked at once.
const TICKED: usize = 50;

fn months(ground: &Ground) -> Result<Block, Problem> {
    let (rows, _) = ground.spent("team,month", None, None, ground.trend())?;
    let mut months = BTreeMap::<String, Money>::new();
    for row in &rows {
        let sum = months.entry(row.values[1].clone().unwrap_or_default()).or_default();
        if is_residual(row) {
            *sum += row.amount;
        }
    }
    let rows = months
        .into_iter()
        .map(|(month, sum)| {
            let href = ground.to(&["coverage", "residual"], &[("period", &month)]);
            Row::new(vec![Cell::Text(month), Cell::Figure(Figure { exact: sum.to_string(), shown: short(sum), href })])
        })
        .collect();
    let table = Table {
        id: "t-residual-months".to_owned(),
        caption: format!("Residual by month, {}", ground.currency),
        unit: ground.currency.as_str().to_owned(),
        columns: vec![Column::text("Month"), Column::figure("Residual")],
        rows,
        ..Table::default()
    };
    let chart = Chart {
        kind: "line",
        title: "Residual by month".to_owned(),
        say: "What no team owned, month by month.".to_owned(),
        size: "s",
        target: None,
        flags: "",
    };
    Ok(Block::Chart(chart, table))
}
