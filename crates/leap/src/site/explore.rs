//! Explore: cost by whatever a person wants, down to the charges.
//!
//! ```text
//! /explore?by=service,day             grouped: the first dimension as a table, the first two as a chart and matrix
//! /explore?by=service,team&chart=flow grouped: the same, and all dimensions as paths (tree map, flow)
//! /explore?rows=charges&service=…     the rows: charges of one day, resource, owner and rule together
//! ```
//! Figures of the first lead to the second, with what they are of as parameters; both add up.

mod paths;
mod sql;

use std::collections::{BTreeMap, BTreeSet};

use leap_orient::reading::dimension::{Dimension, Named};
use leap_orient::reading::spend::{Basis, SpendRow};
use leap_terms::{Money, Period};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Chart, Column, Field, Figure, Filters, Link, Page, Row, Table, Tone};

use super::ground::{Ground, NONE, is_residual};
use super::parameter;
use super::words::{self, amount, capital, cents, change, headline, period_text, share_cell, short};
use crate::spend;

/// Rows of a page of charges.
const PAGE: usize = 100;
/// Rows of the first dimension that are named, unless more are asked for.
const TOP: usize = 25;
/// Series of a chart that have a name.
const SERIES: usize = 6;

/// The dimensions that a person is offered.
const OFFERED: [&str; 11] =
    ["team", "service", "account", "region", "category", "provider", "source", "rule", "pool", "month", "day"];

/// The columns of the rows of charges.
const ROWS: &str = "day,team,service,resource,category,account,rule,pool";

pub(super) fn page(ground: &Ground) -> Result<Page, Problem> {
    match ground.ask.get("rows") {
        None => {}
        Some("charges") => return charges(ground),
        Some(other) => return Err(parameter(ground.ask, "rows", format!("'{other}' is not charges"))),
    }
    grouped(ground)
}

/// The address of this page with some parameters changed; empty values take a parameter away.
fn here(ground: &Ground, changed: &[(&str, &str)]) -> String {
    let mut all: Vec<(String, String)> = ground.ask.parameters.clone();
    all.retain(|(name, value)| !value.is_empty() && !matches!(name.as_str(), "add" | "after" | "format"));
    for (name, value) in changed {
        all.retain(|(known, _)| known != name);
        if !value.is_empty() {
            all.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    words::address(&["explore"], &all)
}

/// The dimensions in question, in their order.
fn dimensions(ground: &Ground) -> Result<Vec<Named>, Problem> {
    let mut text = ground.ask.get("by").unwrap_or("service,day").to_owned();
    if let Some(more) = ground.ask.get("add")
        && !text.split(',').any(|one| one == more)
    {
        text = format!("{text},{more}");
    }
    let named =
        spend::dimensions(ground.view(), &text).map_err(|failure| parameter(ground.ask, "by", failure.message))?;
    if named.is_empty() {
        return Err(parameter(ground.ask, "by", "names no dimension; write by=service,day"));
    }
    Ok(named)
}

/// How a value of a dimension is shown.
fn shown(ground: &Ground, named: &Named, value: Option<&str>) -> String {
    match (&named.dimension, value) {
        (Dimension::Pool, None) => "direct".to_owned(),
        (_, None) => NONE.to_owned(),
        (Dimension::Owner | Dimension::Level(_), Some(value)) => ground.name(value),
        (_, Some(value)) => value.to_owned(),
    }
}

/// The parameter that chooses a value of a dimension: a day or month is a period.
fn choice(ground: &Ground, named: &Named, value: Option<&str>) -> (String, String) {
    let name = match &named.dimension {
        Dimension::Day | Dimension::Month | Dimension::BillingPeriod => {
            // Of a month that the question cuts, only the days in question.
            let own = value.and_then(|value| value.parse::<Period>().ok());
            let asked = own.and_then(|own| own.intersection(ground.period)).unwrap_or(ground.period);
            return ("period".to_owned(), period_text(asked));
        }
        Dimension::Tag(key) => format!("tag.{key}"),
        // A level may be called like a parameter: an org has kinds as it likes.
        Dimension::Level(kind) => format!("level.{kind}"),
        _ => named.name.clone(),
    };
    (name, value.unwrap_or(NONE).to_owned())
}

fn is_time(named: &Named) -> bool {
    matches!(named.dimension, Dimension::Day | Dimension::Month | Dimension::BillingPeriod)
}

/// True where charges can be chosen by a dimension in an address.
fn can_choose(ground: &Ground, named: &Named) -> bool {
    match named.dimension {
        Dimension::Day => ground.basis == Basis::Incurred,
        Dimension::BillingPeriod => ground.basis == Basis::Invoiced,
        Dimension::Path | Dimension::Charge(_) => false,
        _ => true,
    }
}

/// What is chosen on this page already, as parameters of links.
fn chosen(ground: &Ground) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> =
        ground.chosen().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    for name in ["under", "where"] {
        if let Some(value) = ground.ask.get(name) {
            all.push((name.to_owned(), value.to_owned()));
        }
    }
    all
}

/// The charges of this page's choice and of some values more; nothing where they cannot be named.
fn leads(ground: &Ground, more: &[(&Named, Option<&str>)], period: Period) -> String {
    leads_where(ground, more, None, period)
}

/// The same, with a condition in the place of that of this page.
fn leads_where(ground: &Ground, more: &[(&Named, Option<&str>)], condition: Option<&str>, period: Period) -> String {
    let mut all = chosen(ground);
    if let Some(condition) = condition {
        all.retain(|(name, _)| name != "where");
        all.push(("where".to_owned(), condition.to_owned()));
    }
    let mut days = Some(period);
    for (named, value) in more {
        if !can_choose(ground, named) {
            return String::new();
        }
        if is_time(named) {
            // Of a month that the question cuts, only the days in question; of a day in a month, the day.
            let own = value.and_then(|value| value.parse::<Period>().ok());
            days = own.zip(days).and_then(|(own, days)| own.intersection(days));
        } else {
            all.push(choice(ground, named, *value));
        }
    }
    let Some(days) = days else { return String::new() };
    all.push(("period".to_owned(), period_text(days)));
    let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    ground.rows(&all)
}

/// One level down: this value chosen, grouped by the dimensions that are left.
fn down(ground: &Ground, all: &[Named], value: Option<&str>) -> String {
    if !can_choose(ground, &all[0]) {
        return String::new();
    }
    let mut parameters = chosen(ground);
    parameters.push(choice(ground, &all[0], value));
    let rest: Vec<&str> = all[1..].iter().map(|named| named.name.as_str()).collect();
    let rest = match rest.as_slice() {
        [] => return leads(ground, &[(&all[0], value)], ground.period),
        ["day"] | ["month"] => {
            let used: BTreeSet<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
            let next = ["team", "service", "account", "resource"].into_iter().find(|word| !used.contains(word));
            format!("{},{}", next.unwrap_or("category"), rest[0])
        }
        _ => rest.join(","),
    };
    parameters.push(("by".to_owned(), rest));
    for name in ["compare", "chart"] {
        if let Some(value) = ground.ask.get(name) {
            parameters.push((name.to_owned(), value.to_owned()));
        }
    }
    let all: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    ground.to(&["explore"], &all)
}

fn against(ground: &Ground) -> Result<Option<Period>, Problem> {
    let Some(text) = ground.ask.get("compare") else { return Ok(None) };
    let found = crate::bridge::against(Some(text), ground.period);
    found.map(Some).map_err(|failure| parameter(ground.ask, "compare", failure.message))
}

fn summed(rows: &[SpendRow]) -> BTreeMap<Option<String>, Money> {
    let mut sums = BTreeMap::new();
    for row in rows {
        *sums.entry(row.values[0].clone()).or_insert(Money::ZERO) += row.amount;
    }
    sums
}

fn grouped(ground: &Ground) -> Result<Page, Problem> {
    let asked = dimensions(ground)?;
    let chart = ground.ask.get("chart").unwrap_or("area");
    let is_path = paths::KINDS.contains(&chart);
    if !is_path && !["area", "bars", "heatmap"].contains(&chart) {
        let message = format!("'{chart}' is none of area, bars, heatmap, {}", paths::KINDS.join(", "));
        return Err(parameter(ground.ask, "chart", message));
    }
    let (by, left_out) = if is_path { paths::dimensions(ground, &asked)? } else { (asked.clone(), Vec::new()) };
    let filter = ground.filter()?;
    let under = ground.under.as_ref();
    let shown_at_once = if is_path { by.len() } else { 2 };
    let names: Vec<&str> = by.iter().take(shown_at_once).map(|named| named.name.as_str()).collect();
    let (rows, total) = ground.spent(&names.join(","), filter.as_deref(), under, ground.period)?;
    let before = against(ground)?;
    if before.is_some() && is_time(&by[0]) {
        let message = "days and months of two periods are never the same: put another dimension first, or leave it out";
        return Err(parameter(ground.ask, "compare", message));
    }
    let earlier = before.map(|period| ground.spent(names[0], filter.as_deref(), under, period)).transpose()?;
    let firsts = summed(&rows);
    let earlier_sums = earlier.as_ref().map(|(rows, _)| summed(rows)).unwrap_or_default();
    let mut order: Vec<Option<String>> = firsts.keys().chain(earlier_sums.keys()).cloned().collect();
    let of =
        |sums: &BTreeMap<Option<String>, Money>, value: &Option<String>| sums.get(value).copied().unwrap_or_default();
    let is_time = is_time(&by[0]);
    order.sort();
    order.dedup();
    if !is_time {
        order.sort_by_key(|value| (std::cmp::Reverse(of(&firsts, value)), value.clone()));
    }
    // A pool that was split to the last cent has nothing left to show.
    order.retain(|value| !of(&firsts, value).is_zero() || !of(&earlier_sums, value).is_zero());
    let mut page = Page {
        title: "Explore".to_owned(),
        sub: format!(
            "{} cost by {}, {}{}{}{}",
            capital(ground.cost.word()),
            names.join(" and "),
            ground.read_as(),
            words::period_text(ground.period),
            ground.under.as_ref().map_or_else(String::new, |unit| format!(", {}", ground.name(unit.as_str()))),
            before.map_or_else(String::new, |period| format!(", against {period}")),
        ),
        crumbs: crumbs(ground, &asked),
        command: Some(command(ground, &names.join(","), filter.as_deref())),
        sql: Some(sql::sql(ground, &by[..names.len()])),
        ..Page::default()
    };
    page.blocks.push(Block::Filters(form(ground, &asked)));
    let largest = order.first().map(|value| (shown(ground, &by[0], value.as_deref()), of(&firsts, value)));
    page.blocks.push(Block::Headline {
        figure: headline(total, leads(ground, &[], ground.period)),
        unit: format!("{} {}", ground.currency, ground.cost.word()),
        delta: before
            .zip(earlier.as_ref())
            .map(|(period, (_, sum))| words::delta(*sum, total, &period.to_string()))
            .into_iter()
            .collect(),
        say: match &largest {
            Some((name, sum)) if !is_time && !total.is_zero() => {
                format!("{name} makes {} of it.", words::percent(words::share(*sum, total)))
            }
            _ => String::new(),
        },
    });
    if !left_out.is_empty() {
        let text = format!("A path has four dimensions at most; {} is left out.", left_out.join(", "));
        page.blocks.push(Block::Notice(Tone::Info, text, None));
    }
    if by.len() > shown_at_once {
        let deeper: Vec<&str> = by[2..].iter().map(|named| named.name.as_str()).collect();
        page.blocks.push(Block::Notice(
            Tone::Info,
            format!("Two dimensions are shown at once; {} follow when you go down by a name.", deeper.join(", ")),
            None,
        ));
    }
    if order.is_empty() {
        page.blocks.push(nothing(ground));
        return Ok(page);
    }
    let table = firsts_table(ground, &by, &order, &firsts, total, before, &earlier_sums)?;
    let section = |table: Table| Block::Section {
        title: format!("Cost by {}", names[0]),
        say: "A name goes one level down; a figure leads to the charges that make it.".to_owned(),
        blocks: vec![Block::Table(table)],
    };
    match by.len() {
        _ if is_path => {
            page.blocks.push(paths::block(ground, chart, &by, &rows, total));
            page.blocks.push(section(table));
        }
        2.. => {
            let matrix = matrix(ground, &by, &order, &rows, total);
            page.blocks.push(Block::Chart(
                Chart {
                    kind: if chart == "heatmap" {
                        "heatmap"
                    } else if chart == "bars" {
                        "bar"
                    } else {
                        "stacked-area"
                    },
                    title: format!("Cost by {} and {}", names[0], names[1]),
                    say: format!("Each colour is one {}; together they are the whole of each {}.", names[0], names[1]),
                    size: "",
                    target: None,
                    flags: if chart == "bars" { "stack" } else { "" },
                },
                matrix,
            ));
            page.blocks.push(section(table));
        }
        _ => page.blocks.push(Block::Chart(
            Chart {
                kind: if is_time { "line" } else { "bar" },
                title: format!("Cost by {}", names[0]),
                say: "The largest first; a mark leads to its charges.".to_owned(),
                size: "",
                target: None,
                flags: if is_time { "" } else { "flat" },
            },
            table,
        )),
    }
    Ok(page)
}

/// The command that says the same.
pub(super) fn command(ground: &Ground, by: &str, filter: Option<&str>) -> String {
    let mut out = format!("leap spend --by {} --period {} --cost {}", words::shell(by), ground.period, ground.cost);
    if let Some(unit) = &ground.under {
        out += &format!(" --under {}", words::shell(unit.as_str()));
    }
    if let Some(filter) = filter {
        out += &format!(" --where {}", words::shell(filter));
    }
    for name in ["org", "as_known_on", "pools", "basis"] {
        if let Some(value) = ground.ask.get(name) {
            out += &format!(" --{} {}", name.replace('_', "-"), words::shell(value));
        }
    }
    out
}

fn crumbs(ground: &Ground, by: &[Named]) -> Vec<Link> {
    let names: Vec<&str> = by.iter().map(|named| named.name.as_str()).collect();
    let mut crumbs = vec![Link::new("All", ground.to(&["explore"], &[("by", &names.join(","))]))];
    let chosen = ground.chosen();
    for (at, (name, value)) in chosen.iter().enumerate() {
        let mut taken: Vec<(&str, &str)> = chosen[..=at].to_vec();
        let by = names.join(",");
        taken.push(("by", &by));
        let words = said(ground, name, value);
        let href = if at + 1 == chosen.len() { String::new() } else { ground.to(&["explore"], &taken) };
        crumbs.push(Link::new(words, href));
    }
    if chosen.is_empty() { Vec::new() } else { crumbs }
}

fn form(ground: &Ground, by: &[Named]) -> Filters {
    let names: Vec<&str> = by.iter().map(|named| named.name.as_str()).collect();
    let chips = names.iter().enumerate().map(|(at, name)| {
        let without: Vec<&str> = names.iter().copied().filter(|other| other != name).collect();
        let first: Vec<&str> = std::iter::once(*name).chain(without.iter().copied()).collect();
        (
            (*name).to_owned(),
            here(ground, &[("by", &without.join(","))]),
            (at > 0).then(|| here(ground, &[("by", &first.join(","))])),
        )
    });
    let value = |name: &str, default: &str| ground.ask.get(name).unwrap_or(default).to_owned();
    let pairs = |all: &[(&str, &str)]| all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
    let field = |name, label, default: &'static str, choices: &[(&str, &str)]| Field {
        name,
        label,
        value: value(name, default),
        choices: pairs(choices),
        default,
        example: "",
    };
    let offered =
        OFFERED.iter().filter(|word| !names.contains(word)).map(|word| ((*word).to_owned(), (*word).to_owned()));
    let offered = std::iter::once((String::new(), "dimension".to_owned())).chain(offered).collect();
    let mut hidden: Vec<(String, String)> = ground.carried();
    hidden.retain(|(name, _)| !matches!(name.as_str(), "cost" | "org"));
    hidden.push(("by".to_owned(), names.join(",")));
    hidden.extend(chosen(ground).into_iter().filter(|(name, _)| name != "where"));
    Filters {
        label: "What is shown".to_owned(),
        chips: chips.collect(),
        fields: vec![
            Field { name: "add", label: "Add", value: String::new(), choices: offered, default: "", example: "" },
            field(
                "cost",
                "Cost",
                "effective",
                &[("effective", "effective"), ("billed", "billed"), ("contracted", "contracted"), ("list", "list")],
            ),
            field(
                "compare",
                "Against",
                "",
                &[("", "nothing"), ("previous", "period before"), ("year", "same period last year")],
            ),
            field(
                "chart",
                "Chart",
                "area",
                &[
                    ("area", "area"),
                    ("bars", "bars"),
                    ("heatmap", "heat map"),
                    ("treemap", "tree map"),
                    ("flow", "flow"),
                ],
            ),
            field("org", "Org", "as-was", &[("as-was", "as it was"), ("as-is", "as it is")]),
            Field {
                name: "where",
                label: "Where",
                value: value("where", ""),
                choices: Vec::new(),
                default: "",
                example: "RegionId = 'eu-west-1'",
            },
        ],
        hidden,
        is_search: false,
    }
}

pub(super) fn nothing(ground: &Ground) -> Block {
    let (first, last) = ground.days();
    let chosen = ground.chosen();
    let mut next: Vec<Link> = chosen
        .iter()
        .map(|(name, value)| Link::new(format!("without {name} {value}"), here(ground, &[(name, "")])))
        .collect();
    next.push(Link::new(
        format!("charges from {first} to {last}"),
        here(ground, &[("period", &last.month().to_string())]),
    ));
    Block::Nothing(format!("No such charges in {}.", ground.period), next)
}

fn name_cell(ground: &Ground, by: &[Named], value: Option<&str>) -> Cell {
    let words = shown(ground, &by[0], value);
    let href = match (&by[0].dimension, value) {
        (Dimension::Resource(_), Some(id)) => ground.to(&["resource"], &[("id", id)]),
        _ => down(ground, by, value),
    };
    if matches!(by[0].dimension, Dimension::Resource(_)) {
        Cell::Id(Link::new(words, href))
    } else {
        Cell::Link(Link::new(words, href))
    }
}

fn firsts_table(
    ground: &Ground,
    by: &[Named],
    order: &[Option<String>],
    firsts: &BTreeMap<Option<String>, Money>,
    total: Money,
    before: Option<Period>,
    earlier: &BTreeMap<Option<String>, Money>,
) -> Result<Table, Problem> {
    let mut columns = vec![Column::text(capital(&by[0].name)), Column::figure(ground.period.to_string())];
    if let Some(before) = before {
        columns.extend([Column::undrawn(before.to_string()), Column::undrawn("Change")]);
    }
    columns.push(Column::undrawn("Share"));
    let line = |name: Cell, now: Money, then: Money, of: &[(&Named, Option<&str>)]| {
        let mut cells = vec![name, amount(now, leads(ground, of, ground.period))];
        if let Some(before) = before {
            // A period in the first column is itself what is compared: it has no earlier one.
            let href = leads(ground, of, before);
            cells.extend([amount(then, href), change(now - then)]);
        }
        cells.push(share_cell(now, total));
        Row::new(cells)
    };
    let get =
        |sums: &BTreeMap<Option<String>, Money>, value: &Option<String>| sums.get(value).copied().unwrap_or_default();
    let top = top(ground)?;
    // One row more is shorter than "1 other".
    let top = if is_time(&by[0]) || ground.ask.get("format").is_some() || order.len() == top.saturating_add(1) {
        order.len()
    } else {
        top
    };
    let mut rows: Vec<Row> = order
        .iter()
        .take(top)
        .map(|value| {
            let of = [(&by[0], value.as_deref())];
            line(name_cell(ground, by, value.as_deref()), get(firsts, value), get(earlier, value), &of)
        })
        .collect();
    if order.len() > top {
        let rest = |sums| order[top..].iter().map(|value| get(sums, value)).sum::<Money>();
        let mut row = line(
            Cell::Link(Link::new(format!("{} others", order.len() - top), here(ground, &[("top", "100000")]))),
            rest(firsts),
            rest(earlier),
            &[],
        );
        if let Some(Cell::Figure(figure)) = row.cells.get_mut(1) {
            figure.href = String::new();
        }
        if before.is_some()
            && let Some(Cell::Figure(figure)) = row.cells.get_mut(2)
        {
            figure.href = String::new();
        }
        row.is_rest = true;
        row.undrawn = true;
        rows.push(row);
    }
    let all: Money = earlier.values().copied().sum();
    Ok(Table {
        id: "t-by".to_owned(),
        caption: format!(
            "{} cost by {}, {}, {}",
            capital(ground.cost.word()),
            by[0].name,
            ground.period,
            ground.currency
        ),
        unit: ground.currency.as_str().to_owned(),
        columns,
        rows,
        foot: vec![line(Cell::Text("All".to_owned()), total, all, &[])],
        sum: Some((total.to_string(), 1)),
        ..Table::default()
    })
}

/// How many rows are wanted.
fn top(ground: &Ground) -> Result<usize, Problem> {
    match ground.ask.get("top") {
        None => Ok(TOP),
        Some(text) => {
            let number = text.parse().ok().filter(|number| *number > 0);
            number.ok_or_else(|| parameter(ground.ask, "top", format!("'{text}' is no number of rows, from 1 on")))
        }
    }
}

/// The second dimension down, the first one across: the largest named, the others in one column.
fn matrix(ground: &Ground, by: &[Named], order: &[Option<String>], rows: &[SpendRow], total: Money) -> Table {
    let (series, rest) = order.split_at(order.len().min(SERIES));
    let mut cells = BTreeMap::<Option<String>, BTreeMap<Option<String>, Money>>::new();
    for row in rows {
        *cells.entry(row.values[1].clone()).or_default().entry(row.values[0].clone()).or_default() += row.amount;
    }
    let is_time = is_time(&by[1]);
    let mut seconds: Vec<(Option<String>, Money)> =
        cells.iter().map(|(value, amounts)| (value.clone(), amounts.values().copied().sum())).collect();
    seconds.retain(|(_, sum)| is_time || !sum.is_zero());
    if !is_time {
        seconds.sort_by_key(|(value, sum)| (std::cmp::Reverse(*sum), value.clone()));
    }
    let mut columns = vec![Column::text(capital(&by[1].name))];
    for (at, value) in series.iter().enumerate() {
        let column = Column::figure(shown(ground, &by[0], value.as_deref()));
        let residual = value.as_deref().is_some_and(|value| value.starts_with("residual:"));
        columns.push(column.coloured(if residual { "residual".to_owned() } else { (at + 1).to_string() }));
    }
    if !rest.is_empty() {
        columns.push(Column::figure(format!("{} others", rest.len())).coloured("rest"));
    }
    columns.push(Column::undrawn("Sum"));
    let mut foot = vec![Cell::Text("Sum".to_owned())];
    foot.extend(std::iter::repeat_n(Cell::Empty, columns.len() - 2));
    foot.push(Cell::Number(total.to_string(), short(total)));
    let rows = seconds
        .iter()
        .map(|(second, sum)| {
            let own = &cells[second];
            let of = (&by[1], second.as_deref());
            let mut line = vec![Cell::Text(shown(ground, &by[1], second.as_deref()))];
            for value in series {
                let one = own.get(value).copied().unwrap_or_default();
                line.push(amount(one, leads(ground, &[of, (&by[0], value.as_deref())], ground.period)));
            }
            if !rest.is_empty() {
                let others: Money = rest.iter().filter_map(|value| own.get(value)).copied().sum();
                line.push(Cell::Figure(Figure {
                    exact: others.to_string(),
                    shown: short(others),
                    href: String::new(),
                }));
            }
            line.push(amount(*sum, leads(ground, &[of], ground.period)));
            Row::new(line)
        })
        .collect();
    Table {
        id: "t-matrix".to_owned(),
        caption: format!(
            "{} cost by {} and {}, {}",
            capital(ground.cost.word()),
            by[1].name,
            by[0].name,
            ground.currency
        ),
        unit: ground.currency.as_str().to_owned(),
        columns,
        rows,
        foot: vec![Row::new(foot)],
        // The page's sum stands in the table of the first dimension; this one adds up to it too.
        sum: None,
        is_sticky: true,
        ..Table::default()
    }
}

/// The rows themselves.
fn charges(ground: &Ground) -> Result<Page, Problem> {
    let filter = ground.filter()?;
    let (mut rows, total) = ground.spent(ROWS, filter.as_deref(), ground.under.as_ref(), ground.period)?;
    rows.retain(|row| !row.amount.is_zero() || row.rows > 0);
    let counted: u64 = rows.iter().map(|row| row.rows).sum();
    let start: usize = match ground.ask.get("after") {
        None => 0,
        Some(text) => {
            text.parse().map_err(|_| parameter(ground.ask, "after", format!("'{text}' is no number of a row")))?
        }
    };
    // Machines get all of them at once: there is no page to turn in a file.
    let page_rows = if ground.ask.get("format").is_some() { usize::MAX } else { PAGE };
    let columns = vec![
        Column::text("Day"),
        Column::text("Owner"),
        Column::figure(ground.currency.as_str()),
        Column::text("Service"),
        Column::text("Resource"),
        Column::text("Category"),
        Column::text("Account"),
        Column::text("Rule"),
        Column::text("Pool"),
        Column::undrawn("Charges"),
        Column::text("Why"),
    ];
    let text = |value: &Option<String>| value.clone().map_or(Cell::Empty, Cell::Text);
    let lines = rows
        .iter()
        .skip(start)
        .take(page_rows)
        .map(|row| {
            let owner = row.values[1].as_deref().unwrap_or_default();
            let period = row.values[0].as_deref().unwrap_or_default();
            let unit = if owner.starts_with("residual:pool:") {
                ground.to(&["pools"], &[])
            } else if is_residual(&SpendRow { values: vec![row.values[1].clone()], ..row.clone() }) {
                ground.to(&["coverage", "residual"], &[])
            } else {
                ground.to(&["team", owner], &[])
            };
            let why = match &row.values[3] {
                Some(id) => Cell::Why(id.clone(), Link::new("Why?", ground.to(&["resource"], &[("id", id)]))),
                None => Cell::Empty,
            };
            let resource = match &row.values[3] {
                Some(id) => Cell::Id(Link::new(id.clone(), ground.to(&["resource"], &[("id", id)]))),
                None => Cell::Empty,
            };
            Row::new(vec![
                Cell::Text(period.to_owned()),
                Cell::Link(Link::new(ground.name(owner), unit)),
                Cell::Number(row.amount.to_string(), cents(row.amount)),
                text(&row.values[2]),
                resource,
                text(&row.values[4]),
                text(&row.values[5]),
                text(&row.values[6]),
                text(&row.values[7]),
                Cell::Number(row.rows.to_string(), row.rows.to_string()),
                why,
            ])
        })
        .collect::<Vec<_>>();
    let end = start.saturating_add(lines.len());
    let next = (end < rows.len()).then(|| {
        let left = rows.len() - end;
        Link::new(format!("{left} more"), here(ground, &[("after", &end.to_string())]))
    });
    let of = describe(ground);
    let table = Table {
        id: "t-rows".to_owned(),
        caption: format!("{} cost, {}, {}", capital(ground.cost.word()), ground.period, ground.currency),
        unit: ground.currency.as_str().to_owned(),
        columns,
        rows: lines,
        foot: vec![Row::new(
            [Cell::Text("All pages".to_owned()), Cell::Empty, Cell::Number(total.to_string(), cents(total))]
                .into_iter()
                .chain(std::iter::repeat_n(Cell::Empty, 6))
                .chain([Cell::Number(counted.to_string(), counted.to_string()), Cell::Empty])
                .collect(),
        )],
        sum: Some((total.to_string(), 2)),
        next,
        is_sticky: true,
        ..Table::default()
    };
    let own = leads(ground, &[], ground.period);
    let mut page = Page {
        title: "Charges".to_owned(),
        sub: format!("{of}{}, {} cost", ground.period, ground.cost.word()),
        crumbs: crumbs(ground, &dimensions(ground)?),
        command: Some(command(ground, ROWS, filter.as_deref())),
        sql: Some(
            spend::dimensions(ground.view(), ROWS)
                .map_err(|failure| failure.message)
                .and_then(|by| sql::sql(ground, &by)),
        ),
        ..Page::default()
    };
    page.blocks.push(Block::Headline {
        figure: headline(total, own),
        unit: format!("{} {}", ground.currency, ground.cost.word()),
        delta: Vec::new(),
        say: format!(
            "{counted} charges in {} rows: those of one day, resource, owner and rule stand together; lines of pools have no charge of their own.",
            rows.len()
        ),
    });
    if rows.is_empty() {
        page.blocks.push(nothing(ground));
    }
    page.blocks.push(Block::Table(table));
    Ok(page)
}

/// One choice in words: a unit by its name, everything else with what it is.
fn said(ground: &Ground, name: &str, value: &str) -> String {
    if name == "team" || name.starts_with("level.") {
        ground.name(value)
    } else {
        format!("{} {value}", name.trim_start_matches("tag."))
    }
}

/// What was chosen, in words: `Payments, service Amazon EC2, `.
fn describe(ground: &Ground) -> String {
    let mut out = String::new();
    if let Some(unit) = &ground.under {
        out += &format!("{}, ", ground.name(unit.as_str()));
    }
    for (name, value) in ground.chosen() {
        out += &format!("{}, ", said(ground, name, value));
    }
    out
}
