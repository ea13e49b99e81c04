//! Charter: are we within what we promised? What it costs, who makes most of it, why it changed, who is needed.

use leap_terms::{Exact, Money};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Chart, Column, Figure, Link, Page, Row, Table, Task};

use super::ground::{Ground, Split, is_residual};
use super::measures::Measured;
use super::team::{changed, sentence};
use super::words::{self, amount, capital, headline, percent, share};

/// Owners that have a name.
const NAMED: usize = 10;

pub(super) fn page(ground: &Ground) -> Result<Page, Problem> {
    let [before, year] = ground.compared();
    let under = ground.under.as_ref();
    let (now, total) = ground.spent("team", None, under, ground.period)?;
    let (then, earlier) = ground.spent("team", None, under, before)?;
    let (_, last_year) = ground.spent("team", None, under, year)?;
    let unit: Vec<(&str, &str)> = under.iter().map(|unit| ("under", unit.as_str())).collect();
    let whose = under.map_or_else(|| "All".to_owned(), |unit| ground.name(unit.as_str()));
    let mut page = Page {
        title: "Charter".to_owned(),
        sub: format!("{whose}, {}{}", ground.read_as(), words::period_text(ground.period)),
        command: Some(super::explore::command(ground, "team", None)),
        ..Page::default()
    };
    if now.is_empty() {
        page.blocks.push(super::explore::nothing(ground));
        return Ok(page);
    }
    let compares = ground.whole(ground.period) && ground.whole(before);
    let split = if compares { ground.bridge(before, under)? } else { Split::None };
    let bridge = split.known();
    let delta = ground.deltas(total, earlier, last_year);
    let measured = Measured::of(ground, under, [(ground.period, total), (before, earlier), (year, last_year)])?;
    let why = bridge.map_or_else(String::new, |bridge| sentence(bridge, before));
    let spend = measured.headline(&why, bridge).unwrap_or_else(|| Block::Headline {
        figure: headline(total, ground.rows(&unit)),
        unit: format!("{} {}", ground.currency, ground.cost.word()),
        delta,
        say: why,
    });
    // Requests are the whole company's.
    let tile = if ground.is_whole() { super::latency::tile(ground, before)? } else { None };
    page.blocks.push(match tile {
        Some(latency) => Block::Tiles(vec![("Spend".to_owned(), vec![spend]), (latency.title, latency.blocks)]),
        None => spend,
    });
    page.blocks.extend(split.notice());
    page.blocks.push(Block::Facts(facts(ground, total)?));
    page.blocks.push(measured.of_all(bridge));
    page.blocks.push(trend(ground, &measured)?);
    // Teams first, the residual last: it has no place among those who can act.
    let teams: Vec<(String, Money)> = now
        .iter()
        .filter(|row| !is_residual(row) && !row.amount.is_zero())
        .map(|row| (row.values[0].clone().unwrap_or_default(), row.amount))
        .collect();
    page.blocks.push(pareto(ground, (&teams, total), (&then, earlier), &measured)?);
    if let Some(bridge) = bridge {
        page.blocks.push(changed(ground, bridge, before, under.map(leap_terms::TeamId::as_str)));
    }
    page.blocks.push(Block::Section {
        title: "Needs somebody".to_owned(),
        say: "What waits for an answer, worst first.".to_owned(),
        blocks: vec![needs(ground)?],
    });
    Ok(page)
}

fn facts(ground: &Ground, total: Money) -> Result<Vec<(String, Cell, String, String)>, Problem> {
    let currency = ground.currency.to_string();
    let residual = if ground.is_whole() { ground.residual()? } else { Exact::ZERO };
    let mut facts = vec![(
        "Owned by teams".to_owned(),
        Cell::Number((total - residual).to_string(), words::cents(total - residual)),
        currency.clone(),
        format!("{} of the bill", percent(share(total - residual, total))),
    )];
    if ground.is_whole() {
        facts.push((
            "Residual".to_owned(),
            words::loose(residual, ground.to(&["coverage", "residual"], &[])),
            currency.clone(),
            "each reason has a steward".to_owned(),
        ));
    }
    if ground.view().reach().is_everything() {
        facts.push((
            "Unexplained".to_owned(),
            Cell::Link(Link::new(words::cents(ground.unexplained()?), ground.to(&["coverage"], &[]))),
            currency,
            "proved at every intake".to_owned(),
        ));
    }
    for other in ground.currencies.iter().filter(|other| **other != ground.currency) {
        let rows = ground.spent_in_all("team", None, ground.under.as_ref(), ground.period)?;
        let sum = rows.1.get(other).copied().unwrap_or_default();
        facts.push((
            format!("Billed in {other}"),
            Cell::Link(Link::new(words::cents(sum), ground.to(&[], &[("measure", other.as_str())]))),
            other.to_string(),
            "not added to the other".to_owned(),
        ));
    }
    Ok(facts)
}

fn trend(ground: &Ground, measured: &Measured) -> Result<Block, Problem> {
    let trend = ground.trend();
    let (mut rows, _) = ground.spent("month", None, ground.under.as_ref(), trend)?;
    rows.sort_by(|a, b| a.values.cmp(&b.values));
    let months: Vec<(String, Money)> =
        rows.iter().map(|row| (row.values[0].clone().unwrap_or_default(), row.amount)).collect();
    if let Some(block) = measured.trend(&months)? {
        return Ok(block);
    }
    let unit: Vec<(&str, &str)> = ground.under.iter().map(|unit| ("under", unit.as_str())).collect();
    let lines = rows
        .iter()
        .map(|row| {
            let month = row.values[0].clone().unwrap_or_default();
            let mut all = unit.clone();
            all.push(("period", &month));
            Row::new(vec![Cell::Text(month.clone()), amount(row.amount, ground.rows(&all))])
        })
        .collect();
    let table = Table {
        id: "t-trend".to_owned(),
        caption: format!("{} cost by month, {}", capital(ground.cost.word()), ground.currency),
        unit: ground.currency.as_str().to_owned(),
        columns: vec![Column::text("Month"), Column::figure("Cost")],
        rows: lines,
        ..Table::default()
    };
    let chart = Chart {
        kind: "line",
        title: format!("{} months", super::ground::MONTHS),
        say: format!("{} cost of each month up to {}.", capital(ground.cost.word()), ground.period),
        size: "s",
        target: None,
        flags: "",
    };
    Ok(Block::Chart(chart, table))
}

fn pareto(
    ground: &Ground,
    (teams, total): (&[(String, Money)], Money),
    (then, earlier): (&[leap_orient::reading::spend::SpendRow], Money),
    measured: &Measured,
) -> Result<Block, Problem> {
    let by_measure = measured.column();
    let more = |sum: Money| by_measure.as_ref().map(|(_, cell)| cell(sum));
    let was = |owner: &str| -> Money {
        then.iter().filter(|row| row.values[0].as_deref() == Some(owner)).map(|row| row.amount).sum()
    };
    let mut running = Money::ZERO;
    let mut line = |name: Cell, sum: Money, change: Money, href: String| {
        running += sum;
        let mut cells = vec![
            name,
            amount(sum, href),
            words::change(change),
            Cell::Number(words::hundredths(share(running, total)), percent(share(running, total))),
        ];
        cells.extend(more(sum));
        Row::new(cells)
    };
    let mut rows = Vec::new();
    for (team, sum) in teams.iter().take(NAMED) {
        let to = ground.to(&["team", team], &[]);
        let mut of: Vec<(&str, &str)> = ground.under.iter().map(|unit| ("under", unit.as_str())).collect();
        of.push(("team", team));
        let own = ground.rows(&of);
        rows.push(line(Cell::Link(Link::new(ground.name(team), to)), *sum, *sum - was(team), own));
    }
    let top: Money = teams.iter().take(NAMED).map(|(_, sum)| *sum).sum();
    let named_then: Money = teams.iter().take(NAMED).map(|(team, _)| was(team)).sum();
    let residual_then: Money = then.iter().filter(|row| is_residual(row)).map(|row| row.amount).sum();
    if teams.len() > NAMED {
        let others: Money = teams[NAMED..].iter().map(|(_, sum)| *sum).sum();
        let others_then = earlier - residual_then - named_then;
        let mut all: Vec<(&str, &str)> = ground.under.iter().map(|unit| ("under", unit.as_str())).collect();
        all.extend([("by", "team"), ("top", "100000")]);
        let all = ground.to(&["explore"], &all);
        let mut row = line(
            Cell::Link(Link::new(format!("{} other teams", teams.len() - NAMED), all)),
            others,
            others - others_then,
            String::new(),
        );
        row.is_rest = true;
        row.undrawn = true;
        row.colour = Some("rest".to_owned());
        rows.push(row);
    }
    if ground.is_whole() {
        let residual = ground.residual()?;
        let to = ground.to(&["coverage", "residual"], &[]);
        let mut row = line(Cell::Link(Link::new("Residual", to.clone())), residual, residual - residual_then, to);
        row.is_rest = true;
        row.undrawn = true;
        row.colour = Some("residual".to_owned());
        rows.push(row);
    }
    let mut columns =
        vec![Column::text("Team"), Column::figure("Cost"), Column::undrawn("Change"), Column::undrawn("Running")];
    columns.extend(by_measure.as_ref().map(|(name, _)| Column::undrawn(*name)));
    let mut bill = vec![
        Cell::Text("Bill".to_owned()),
        Cell::Figure(Figure {
            exact: total.to_string(),
            shown: words::short(total),
            href: ground.to(&["coverage"], &[]),
        }),
        words::change(total - earlier),
        Cell::Empty,
    ];
    bill.extend(more(total));
    let table = Table {
        id: "t-pareto".to_owned(),
        caption: format!("{} cost by team, {}, {}", capital(ground.cost.word()), ground.period, ground.currency),
        unit: ground.currency.as_str().to_owned(),
        columns,
        rows,
        foot: vec![Row::new(bill)],
        sum: Some((total.to_string(), 1)),
        ..Table::default()
    };
    let chart = Chart {
        kind: "pareto",
        title: format!("{} teams make {} of spend", NAMED.min(teams.len()), percent(share(top, total))),
        say: format!("Teams by {} cost; the line is the running share of the whole bill.", ground.cost.word()),
        size: "",
        target: Some((total.to_string(), "the bill".to_owned())),
        flags: "",
    };
    Ok(Block::Chart(chart, table))
}

/// Closed periods that differ, disputes without an answer, residual.
fn needs(ground: &Ground) -> Result<Block, Problem> {
    let mut tasks = Vec::new();
    let open = crate::world::published(ground.home);
    let pending = match ground.view().reach().is_everything() {
        true => ground.view().pending(leap_terms::Period::ALWAYS, ground.basis, &open),
        false => Ok(Vec::new()),
    };
    for month in pending.map_err(|failure| super::failed(&failure))? {
        tasks.push(Task {
            what: Link::new(format!("{month} differs from its statement"), ground.to(&["periods"], &[])),
            worth: None,
            say: format!("What was learned since waits for an approval: leap period diff {month}"),
        });
    }
    if ground.is_whole() {
        let (rows, _) = ground.spent("team", None, None, ground.period)?;
        for row in rows.iter().filter(|row| is_residual(row) && row.amount > Money::ZERO).take(5) {
            let owner = row.values[0].clone().unwrap_or_default();
            let figure = headline(row.amount, ground.rows(&[("team", &owner)]));
            let steward = super::coverage::steward(ground, &owner);
            tasks.push(Task {
                what: Link::new(ground.name(&owner), ground.to(&["coverage", "residual"], &[])),
                worth: Some((figure, ground.currency.to_string())),
                say: steward.map_or_else(String::new, |steward| format!("{steward} looks after it.")),
            });
        }
    }
    tasks.truncate(7);
    if tasks.is_empty() {
        return Ok(Block::Nothing("Nothing waits for an answer.".to_owned(), Vec::new()));
    }
    Ok(Block::Tasks(tasks))
}
