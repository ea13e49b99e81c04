//! One pool: by which driver it is split, who pays, what nobody used from day to day; and how one day was split, to the
//! last unit. The same as `leap pool list` and `leap pool explain`.

use std::collections::{BTreeMap, BTreeSet};

use leap_orient::pool::Policies;
use leap_orient::pool::explain::ExplainedPart;
use leap_orient::pool::solve::Target;
use leap_terms::{CostKind, Day, Money, Month, Period, ResidualReason, fault};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Chart, Column, Figure, Link, Page, Row, Table, Tone};

use super::super::failed;
use super::super::ground::Ground;
use super::super::words::{cents, headline, period_text, short};
use super::{Flow, flows, users};
use crate::pools;

/// The policies that a reader's view knows, the newest first.
fn policies<'g>(ground: &'g Ground) -> Vec<&'g Policies> {
    ground.view().layers().filter_map(|layer| layer.pools.as_ref()).collect()
}

/// Refuses a name that neither a policy nor a charge of the period has.
fn known(ground: &Ground, name: &str, flows: &BTreeMap<String, Flow>) -> Result<(), Problem> {
    let mut names: BTreeSet<&str> = flows.keys().map(String::as_str).collect();
    names.extend(policies(ground).into_iter().flat_map(Policies::all).flat_map(|pools| pools.names()));
    if names.contains(name) {
        return Ok(());
    }
    let near = fault::nearest(name, names);
    let hint = near.map_or_else(String::new, |near| format!(" Did you mean {near}?"));
    Err(Problem::NotFound(format!("There is no pool {name} in {}.{hint}", period_text(ground.period))))
}

fn crumbs(ground: &Ground, name: &str, last: Option<Day>) -> Vec<Link> {
    let mut all = vec![Link::new("Pools", ground.to(&["pools"], &[]))];
    match last {
        None => all.push(Link::new(name, "")),
        Some(day) => {
            all.push(Link::new(name, ground.to(&["pools", name], &[])));
            all.push(Link::new(day.to_string(), ""));
        }
    }
    all
}

/// `GET /pools/{pool}`.
pub(in crate::site) fn one(ground: &Ground, name: &str) -> Result<Page, Problem> {
    let mut now = flows(ground, ground.period)?;
    known(ground, name, &now)?;
    let flow = now.remove(name).unwrap_or_default();
    let before = crate::bridge::against(None, ground.period).map_err(|failure| failed(&failure))?;
    let then = flows(ground, before)?.remove(name).unwrap_or_default();
    let steward = ground.view().steward(&ResidualReason::Pool(name.to_owned()));
    let layer = policies(ground).into_iter().next();
    let driver = pools::drivers(layer, name, ground.period);
    let mut page = Page {
        title: name.to_owned(),
        is_id: true,
        sub: format!("A shared platform in {}: split by {driver}", period_text(ground.period)),
        crumbs: crumbs(ground, name, None),
        command: Some(format!("leap pool list --period {}", ground.period)),
        ..Page::default()
    };
    let whole = flow.whole();
    page.blocks.push(Block::Headline {
        figure: headline(whole, String::new()),
        unit: format!("{} {}", ground.currency, ground.cost.word()),
        delta: vec![super::super::words::delta(then.whole(), whole, &period_text(before))],
        say: match flow.users.len() {
            0 => "No team pays for it.".to_owned(),
            1 => format!("1 team pays {} of it.", short(flow.used())),
            count => format!("{count} teams pay {} of it.", short(flow.used())),
        },
    });
    let money = |name: &str, sum: Money, below: &str| {
        let cell = Cell::Number(sum.to_string(), cents(sum));
        (name.to_owned(), cell, ground.currency.to_string(), below.to_owned())
    };
    let words = |name: &str, text: String| (name.to_owned(), Cell::Text(text), String::new(), String::new());
    page.blocks.push(Block::Facts(vec![
        words("Driver", driver),
        words("Steward", if steward.is_empty() { "nobody".to_owned() } else { steward }),
        money("Idle", flow.idle, "paid for, and used by nobody"),
        money("Kept", flow.left - flow.idle, "no driver shares it"),
    ]));
    let table = Table {
        sum: Some((whole.to_string(), 1)),
        caption: format!("Who pays for {name}, {}, {}", period_text(ground.period), ground.currency),
        ..users(ground, name, &flow, Some((before, &then)))
    };
    page.blocks.push(Block::Section {
        title: "Who pays".to_owned(),
        say: "Parts add up to what the pool cost. A day says why: the weights, and who got the last units.".to_owned(),
        blocks: vec![Block::Table(table)],
    });
    page.blocks.push(days(ground, name, &flow)?);
    page.blocks.extend(passed(ground, name)?);
    Ok(page)
}

/// What became of the cost from day to day, each day leading to its reasons.
fn days(ground: &Ground, name: &str, flow: &Flow) -> Result<Block, Problem> {
    let residual = super::residual(name);
    let (rows, _) = ground.spent("team,day", None, None, ground.period)?;
    let mut left = BTreeMap::<Day, Money>::new();
    for row in rows.iter().filter(|row| row.values[0].as_deref() == Some(&residual)) {
        if let Some(Ok(day)) = row.values[1].as_deref().map(str::parse::<Day>) {
            *left.entry(day).or_default() += row.amount;
        }
    }
    let all: BTreeSet<Day> = left.keys().chain(flow.days.keys()).copied().collect();
    if all.is_empty() {
        let text = format!("Pool {name} cost nothing in {}.", period_text(ground.period));
        return Ok(Block::Nothing(text, vec![Link::new("All pools", ground.to(&["pools"], &[]))]));
    }
    let number = |sum: Money| Cell::Figure(Figure { exact: sum.to_string(), shown: short(sum), href: String::new() });
    let rows = all.into_iter().map(|day| {
        let (used, idle) = flow.days.get(&day).copied().unwrap_or_default();
        let left = left.get(&day).copied().unwrap_or_default();
        Row::new(vec![
            Cell::Link(Link::new(day.to_string(), ground.to(&["pools", name, &day.to_string()], &[]))),
            number(used),
            number(idle),
            number(left - idle),
            number(used + left),
        ])
    });
    let table = Table {
        id: "t-days".to_owned(),
        caption: format!("Pool {name} by day, {}, {}", period_text(ground.period), ground.currency),
        unit: ground.currency.to_string(),
        columns: vec![
            Column::text("Day"),
            Column::figure("To teams").coloured("1"),
            Column::figure("Idle").coloured("residual"),
            Column::figure("Kept").coloured("rest"),
            Column::undrawn("Cost"),
        ],
        rows: rows.collect(),
        foot: vec![Row::new(vec![
            Cell::Text("All days".to_owned()),
            number(flow.used()),
            number(flow.idle),
            number(flow.left - flow.idle),
            number(flow.whole()),
        ])],
        ..Table::default()
    };
    let chart = Chart {
        kind: "stacked-area",
        title: "From day to day".to_owned(),
        say: "What teams pay, what nobody used, what no driver shares. A day leads to how it was split.".to_owned(),
        size: "",
        target: None,
        flags: "",
    };
    Ok(Block::Chart(chart, table))
}

/// What the pool gives to other pools on the last day of the period with cost, or that it does not.
fn passed(ground: &Ground, name: &str) -> Result<Option<Block>, Problem> {
    let (_, last) = ground.days();
    let day = ground.period.until().plus(-1).min(last);
    let parts = explained(ground, name, day)?;
    let rows: Vec<Row> = parts
        .iter()
        .flat_map(|(_, part)| &part.pools)
        .map(|(pool, written)| {
            Row::new(vec![
                Cell::Link(Link::new(pool.clone(), ground.to(&["pools", pool], &[]))),
                Cell::Text(written.clone()),
            ])
        })
        .collect();
    if rows.is_empty() {
        return Ok(None);
    }
    Ok(Some(Block::Section {
        title: "Other pools use it".to_owned(),
        say: format!("What they are given goes on to who uses them; weights of {day} as written."),
        blocks: vec![Block::Table(Table {
            id: "t-passed".to_owned(),
            caption: format!("Pools that use {name}, {day}"),
            columns: vec![Column::text("Pool"), Column::text("Weight")],
            rows,
            ..Table::default()
        })],
    }))
}

/// What was split on a day, each part with its billing period.
fn explained(ground: &Ground, name: &str, day: Day) -> Result<Vec<(Month, ExplainedPart)>, Problem> {
    let all = pools::explained(ground.view(), ground.home, name, day).map_err(|failure| failed(&failure))?;
    Ok(all.into_iter().flat_map(|(month, all)| all.parts.into_iter().map(move |part| (month, part))).collect())
}

/// `GET /pools/{pool}/{day}`.
pub(in crate::site) fn day(ground: &Ground, name: &str, text: &str) -> Result<Page, Problem> {
    let day: Day = text.parse().map_err(|error| Problem::NotFound(format!("'{text}' is no day: {error}.")))?;
    let period = Period::new(day, day.plus(1)).ok_or_else(|| Problem::NotFound(format!("There is no day {day}.")))?;
    known(ground, name, &flows(ground, period)?)?;
    let mut page = Page {
        title: format!("{name}, {day}"),
        is_id: true,
        sub: "How the cost of a day was split: what the driver said, each share as an exact fraction, who got the last units"
            .to_owned(),
        crumbs: crumbs(ground, name, Some(day)),
        command: Some(format!("leap pool explain {} {day}", super::super::words::shell(name))),
        ..Page::default()
    };
    let parts = explained(ground, name, day)?;
    if parts.is_empty() {
        let say = pools::kept(ground.view(), ground.home, name, period).map_err(|failure| failed(&failure))?;
        let to = Link::new(format!("Pool {name}"), ground.to(&["pools", name], &[]));
        page.blocks.push(Block::Nothing(super::super::words::capital(say.trim_end()), vec![to]));
        return Ok(page);
    }
    for (at, (billing, part)) in parts.iter().enumerate() {
        page.blocks.push(split(ground, (name, day), at, *billing, part));
    }
    Ok(page)
}

/// One cost that was split once.
fn split(ground: &Ground, (name, day): (&str, Day), at: usize, billing: Month, part: &ExplainedPart) -> Block {
    let commitment = part.commitment.as_ref().map_or_else(String::new, |id| format!(", commitment {id}"));
    let readings = part.readings.iter().map(|reading| {
        let file = reading.file.as_ref().map_or_else(String::new, |file| format!(" {file}"));
        (reading.pool.clone(), format!("{}{file}", reading.driver), super::super::words::capital(&reading.reason))
    });
    let mut blocks = vec![Block::Trail(readings.collect())];
    if !part.pools.is_empty() {
        let given: Vec<String> = part.pools.iter().map(|(pool, written)| format!("{pool} ({written})")).collect();
        let text = format!(
            "What pools are given goes on to who uses them: {}. Written is what this pool's driver says, weight what each pays in the end.",
            given.join(", ")
        );
        blocks.push(Block::Notice(Tone::Info, text, None));
    }
    let rows = part.shares.iter().map(|share| {
        let who = match &share.target {
            Target::Team(team) => {
                Cell::Link(Link::new(ground.name(team.as_str()), ground.to(&["team", team.as_str()], &[])))
            }
            Target::Keep => Cell::Text("kept".to_owned()),
            Target::Idle => Cell::Text("idle".to_owned()),
        };
        let extra: Vec<&str> = share.extra.iter().map(|kind: &CostKind| kind.word()).collect();
        let cost = |kind: CostKind| Cell::Number(share.costs[kind].to_string(), cents(share.costs[kind]));
        let asked = match &share.target {
            Target::Team(team) => ground.ask.get("team") == Some(team.as_str()),
            Target::Keep | Target::Idle => false,
        };
        Row {
            is_marked: asked,
            is_rest: !matches!(share.target, Target::Team(_)),
            ..Row::new(vec![
                who,
                share.written.clone().map_or(Cell::Empty, Cell::Text),
                Cell::Text(format!("{}/{}", share.weight, part.total)),
                cost(CostKind::Effective),
                cost(CostKind::Billed),
                if extra.is_empty() { Cell::Empty } else { Cell::Text(extra.join(", ")) },
            ])
        }
    });
    let sum = |kind: CostKind| Cell::Number(part.costs[kind].to_string(), cents(part.costs[kind]));
    blocks.push(Block::Table(Table {
        id: format!("t-split-{at}"),
        caption: format!("Shares of {name} on {day}, {}", part.currency),
        unit: part.currency.to_string(),
        columns: vec![
            Column::text("Who"),
            Column::text("Weight as written"),
            Column::text("Share"),
            Column::figure("Effective"),
            Column::figure("Billed"),
            Column::text("Got a last unit of"),
        ],
        rows: rows.collect(),
        foot: vec![Row::new(vec![
            Cell::Text("All of it".to_owned()),
            Cell::Empty,
            Cell::Empty,
            sum(CostKind::Effective),
            sum(CostKind::Billed),
            Cell::Empty,
        ])],
        sum: (at == 0).then(|| (part.costs.effective.to_string(), 3)),
        is_sticky: true,
        ..Table::default()
    }));
    Block::Section {
        title: format!("{} {} in billing period {billing}{commitment}", cents(part.costs.effective), part.currency),
        say: String::new(),
        blocks,
    }
}
