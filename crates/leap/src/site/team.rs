//! A unit: what it costs, against before, made of what, and why it changed.

use std::collections::BTreeMap;

use leap_orient::org::Unit;
use leap_orient::reading::bridge::{Bridge, Cause};
use leap_terms::{Money, Month, Period, TeamId};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Chart, Column, Link, Page, Row, Table};

use super::ground::{Ground, NONE, Split};
use super::measures::Measured;
use super::words::{self, amount, capital, cents, headline, share_cell, short, signed};

/// Series of a chart that have a name.
const SERIES: usize = 6;
/// Services that have a row.
const NAMED: usize = 12;
/// Resources that are shown.
const RESOURCES: usize = 5;

pub(super) fn page(ground: &Ground, unit: &str) -> Result<Page, Problem> {
    let org = &ground.view().head().org;
    let not_found = || Problem::NotFound(format!("No unit of the org is called \u{201c}{unit}\u{201d}."));
    let id = TeamId::new(unit).map_err(|_| not_found())?;
    let Some(known) = org.unit(&id) else { return Err(not_found()) };
    let day = ground.period.until().plus(-1);
    if !ground.view().sees_unit(&id, day) {
        return Err(not_found());
    }
    let name = known.name_on(day).to_owned();
    let [before, year] = ground.compared();
    let under = Some(&id);
    let (_, total) = ground.spent("team", None, under, ground.period)?;
    let (_, earlier) = ground.spent("team", None, under, before)?;
    let (_, last_year) = ground.spent("team", None, under, year)?;
    let rows = |more: &[(&str, &str)]| {
        let mut all = vec![("under", unit)];
        all.extend(more);
        ground.rows(&all)
    };
    let mut page = Page {
        title: name.clone(),
        sub: place(ground, &id, known),
        crumbs: crumbs(ground, &id),
        command: Some(format!("{} --under {}", super::explore::command(ground, "service", None), words::shell(unit))),
        ..Page::default()
    };
    let compares = ground.whole(ground.period) && ground.whole(before) && !(earlier.is_zero() && total.is_zero());
    let split = if compares { ground.bridge(before, under)? } else { Split::None };
    let bridge = split.known();
    let delta = ground.deltas(total, earlier, last_year);
    let measured = Measured::of(ground, under, [(ground.period, total), (before, earlier), (year, last_year)])?;
    let why = bridge.map_or_else(String::new, |bridge| sentence(bridge, before));
    page.blocks.push(measured.headline(&why, bridge).unwrap_or_else(|| Block::Headline {
        figure: headline(total, rows(&[])),
        unit: format!("{} {}", ground.currency, ground.cost.word()),
        delta,
        say: why,
    }));
    page.blocks.extend(split.notice());
    if total.is_zero() && earlier.is_zero() {
        page.blocks.push(Block::Nothing(
            format!("{name} owns nothing in {}.", ground.period),
            vec![Link::new("What others own", ground.to(&["org"], &[]))],
        ));
    }
    let (pools, _) = ground.spent("pool", None, under, ground.period)?;
    let direct: Money = pools.iter().filter(|row| row.values[0].is_none()).map(|row| row.amount).sum();
    let mut facts = vec![
        (
            "Direct".to_owned(),
            words::loose(direct, rows(&[("pool", NONE)])),
            ground.currency.to_string(),
            String::new(),
        ),
        (
            "From pools".to_owned(),
            words::loose(total - direct, String::new()),
            ground.currency.to_string(),
            pool_names(&pools),
        ),
    ];
    let tree = org.tree(day);
    let below = tree.units().filter(|(one, _)| tree.path(one).contains(&&id));
    let people: u32 = below.filter_map(|(_, span)| span.head_count).sum();
    if people > 0 {
        facts.push((
            "People".to_owned(),
            Cell::Number(people.to_string(), people.to_string()),
            String::new(),
            String::new(),
        ));
    }
    page.blocks.push(Block::Facts(facts));
    page.blocks.extend(measured.of_team(bridge));
    if let Some(children) = children(ground, &id, total)? {
        page.blocks.push(Block::Section {
            title: "Units below".to_owned(),
            say: "By cost; what stands at the unit itself has its own row.".to_owned(),
            blocks: vec![Block::Table(children)],
        });
    }
    let (services, chart) = services(ground, &id, total, &measured)?;
    page.blocks.push(chart);
    page.blocks.push(Block::Section {
        title: format!("By service, {}", ground.period),
        say: "A name goes to Explore; a figure to the charges that make it.".to_owned(),
        blocks: vec![Block::Table(services)],
    });
    if let Some(bridge) = bridge {
        page.blocks.push(changed(ground, bridge, before, Some(unit)));
    }
    page.blocks.push(resources(ground, &id, total)?);
    Ok(page)
}

/// `+12,310.09 USD: usage +14,002, mix −1,692.`
pub(super) fn sentence(bridge: &Bridge, before: Period) -> String {
    let mut causes: Vec<(Cause, Money)> = Cause::ALL.into_iter().map(|cause| (cause, bridge.total(cause))).collect();
    causes.retain(|(_, sum)| !sum.is_zero());
    causes.sort_by_key(|(cause, sum)| (std::cmp::Reverse(sum.abs()), *cause));
    if causes.is_empty() {
        return format!("The same as in {before}.");
    }
    let parts: Vec<String> = causes
        .iter()
        .map(|(cause, sum)| {
            let most = bridge.largest(*cause).first().and_then(|part| {
                let service = part.service.clone().filter(|name| !name.is_empty())?;
                Some(format!(" ({service} {})", signed(part.amount, short)))
            });
            format!("{} {}{}", cause.word(), signed(*sum, short), most.unwrap_or_default())
        })
        .collect();
    format!("{} since {before}: {}.", signed(bridge.change(), cents), parts.join(", "))
}

/// What changed, as a waterfall with its table.
pub(super) fn changed(ground: &Ground, bridge: &Bridge, before: Period, under: Option<&str>) -> Block {
    let unit: Vec<(&str, &str)> = under.iter().map(|unit| ("under", *unit)).collect();
    let level = |name: String, sum: Money, period: Period| {
        let text = words::period_text(period);
        let mut all = unit.clone();
        all.push(("period", &text));
        let mut row = Row::new(vec![Cell::Text(name), amount(sum, ground.rows(&all)), Cell::Empty]);
        row.is_level = true;
        row
    };
    let mut rows = vec![level(before.to_string(), bridge.before, before)];
    for (cause, total, most) in crate::bridge::causes(bridge, |amount| signed(amount, short)) {
        rows.push(Row::new(vec![
            Cell::Text(words::capital(cause.word())),
            Cell::Number(total.to_string(), signed(total, cents)),
            Cell::Text(most),
        ]));
    }
    rows.push(level(ground.period.to_string(), bridge.after, ground.period));
    let table = Table {
        id: "t-why".to_owned(),
        caption: format!("Change of {} cost by cause, {}", ground.cost.word(), ground.currency),
        unit: ground.currency.as_str().to_owned(),
        columns: vec![Column::text("Part"), Column::figure("Amount"), Column::text("Most at").role("skip")],
        rows,
        ..Table::default()
    };
    let chart = Chart {
        kind: "waterfall",
        title: format!("What changed since {before}"),
        say: format!("{} {}; the parts add up to it exactly.", signed(bridge.change(), cents), ground.currency),
        size: "",
        target: None,
        flags: "",
    };
    Block::Chart(chart, table)
}

fn place(ground: &Ground, id: &TeamId, unit: &Unit) -> String {
    let day = ground.period.until().plus(-1);
    let span = unit.near(day);
    let kind = &span.kind;
    let since = span.period.from();
    let lead = span.lead.as_deref().map_or_else(String::new, |lead| format!(", led by {lead}"));
    let path: Vec<&str> = ground.view().head().org.path(id, day).iter().map(|unit| unit.name_on(day)).collect();
    let since = if since <= leap_terms::Day::EARLIEST { String::new() } else { format!(", since {since}") };
    format!("{kind}: {}{lead}{since}; {}{}", path.join(" / "), ground.read_as(), words::period_text(ground.period))
}

fn crumbs(ground: &Ground, id: &TeamId) -> Vec<Link> {
    let day = ground.period.until().plus(-1);
    let path = ground.view().head().org.path(id, day);
    let last = path.len().saturating_sub(1);
    path.iter()
        .enumerate()
        .map(|(at, unit)| {
            let href = if at == last { String::new() } else { ground.to(&["team", unit.id.as_str()], &[]) };
            Link::new(unit.name_on(day), href)
        })
        .collect()
}

fn pool_names(pools: &[leap_orient::reading::spend::SpendRow]) -> String {
    let mut names: Vec<&str> =
        pools.iter().filter(|row| !row.amount.is_zero()).filter_map(|row| row.values[0].as_deref()).collect();
    let all = names.len();
    names.truncate(3);
    let more = if all > 3 { format!(" and {} more", all - 3) } else { String::new() };
    format!("{}{more}", names.join(", "))
}

/// The units one level below, where there are any: each with all that stands below it.
fn children(ground: &Ground, id: &TeamId, total: Money) -> Result<Option<Table>, Problem> {
    let day = ground.period.until().plus(-1);
    if ground.view().head().org.tree(day).children(id).is_empty() {
        return Ok(None);
    }
    let (rows, _) = ground.spent("path", None, Some(id), ground.period)?;
    // `acme/consumer/payments`: the part behind this unit; what stands at the unit itself has none.
    let mut sums = BTreeMap::<Option<String>, Money>::new();
    for row in &rows {
        let path = row.values[0].as_deref().unwrap_or_default();
        let mut parts = path.split('/').skip_while(|part| *part != id.as_str()).skip(1);
        *sums.entry(parts.next().map(str::to_owned)).or_default() += row.amount;
    }
    let mut sums: Vec<(Option<String>, Money)> = sums.into_iter().filter(|(_, sum)| !sum.is_zero()).collect();
    sums.sort_by_key(|(child, sum)| (std::cmp::Reverse(*sum), child.clone()));
    let rows = sums
        .into_iter()
        .map(|(child, sum)| match child {
            Some(child) => Row::new(vec![
                Cell::Link(Link::new(ground.name(&child), ground.to(&["team", &child], &[]))),
                amount(sum, ground.to(&["team", &child], &[])),
                share_cell(sum, total),
            ]),
            None => Row::new(vec![
                Cell::Text(format!("{} itself", ground.name(id.as_str()))),
                amount(sum, ground.rows(&[("team", id.as_str())])),
                share_cell(sum, total),
            ]),
        })
        .collect();
    Ok(Some(Table {
        id: "t-children".to_owned(),
        caption: format!("Cost by unit, {}, {}", ground.period, ground.currency),
        unit: ground.currency.as_str().to_owned(),
        columns: vec![Column::text("Unit"), Column::figure("Cost"), Column::undrawn("Share")],
        rows,
        ..Table::default()
    }))
}

/// The table by service, which adds up to the headline, and the chart of 13 months.
fn services(ground: &Ground, id: &TeamId, total: Money, measured: &Measured) -> Result<(Table, Block), Problem> {
    let by_measure = measured.column();
    let more = |sum: Money| by_measure.as_ref().map(|(_, cell)| cell(sum));
    let (now, _) = ground.spent("service", None, Some(id), ground.period)?;
    let [before, _] = ground.compared();
    let (earlier, _) = ground.spent("service", None, Some(id), before)?;
    let value = |service: &Option<String>| service.clone().unwrap_or_else(|| NONE.to_owned());
    let mut all = BTreeMap::<String, (Money, Money)>::new();
    for row in &now {
        all.entry(value(&row.values[0])).or_default().0 += row.amount;
    }
    for row in &earlier {
        all.entry(value(&row.values[0])).or_default().1 += row.amount;
    }
    let mut order: Vec<(String, (Money, Money))> =
        all.into_iter().filter(|(_, (a, b))| !a.is_zero() || !b.is_zero()).collect();
    order.sort_by_key(|(name, (sum, _))| (std::cmp::Reverse(*sum), name.clone()));
    let before_text = words::period_text(before);
    let lines = Lines::of(ground, id)?;
    let named = if order.len() == NAMED + 1 { order.len() } else { NAMED };
    let mut rows: Vec<Row> = order
        .iter()
        .take(named)
        .map(|(service, (sum, then))| {
            let of: Vec<(&str, &str)> = vec![("under", id.as_str()), ("service", service)];
            let mut earlier = of.clone();
            earlier.push(("period", &before_text));
            let mut deeper = of.clone();
            deeper.push(("by", "resource,day"));
            let mut cells = vec![
                Cell::Link(Link::new(
                    if service == NONE { "no service (pools, taxes)" } else { service },
                    ground.to(&["explore"], &deeper),
                )),
                amount(*sum, ground.rows(&of)),
                amount(*then, ground.rows(&earlier)),
                words::change(*sum - *then),
                share_cell(*sum, total),
            ];
            cells.extend(more(*sum));
            cells.extend(lines.are_there().then(|| lines.line(|own| own == service)));
            Row::new(cells)
        })
        .collect();
    if order.len() > named {
        let (sum, then) =
            order[named..].iter().fold((Money::ZERO, Money::ZERO), |(a, b), (_, (c, d))| (a + *c, b + *d));
        let all = [("under", id.as_str()), ("by", "service,day"), ("top", "100000")];
        let mut row = Row::new(vec![
            Cell::Link(Link::new(format!("{} other services", order.len() - named), ground.to(&["explore"], &all))),
            Cell::Number(sum.to_string(), short(sum)),
            Cell::Number(then.to_string(), short(then)),
            words::change(sum - then),
            share_cell(sum, total),
        ]);
        row.cells.extend(more(sum));
        let is_other = |own: &str| order[named..].iter().any(|(name, _)| name == own);
        row.cells.extend(lines.are_there().then(|| lines.line(is_other)));
        row.is_rest = true;
        rows.push(row);
    }
    let mut columns = vec![
        Column::text("Service"),
        Column::figure(ground.period.to_string()),
        Column::undrawn(before_text.clone()),
        Column::undrawn("Change"),
        Column::undrawn("Share"),
    ];
    columns.extend(by_measure.as_ref().map(|(name, _)| Column::undrawn(*name)));
    columns.extend(lines.are_there().then(|| Column::line(format!("{} months", lines.months.len()))));
    let table = Table {
        id: "t-service".to_owned(),
        caption: format!("{} cost by service, {}, {}", capital(ground.cost.word()), ground.period, ground.currency),
        unit: ground.currency.as_str().to_owned(),
        columns,
        rows,
        sum: Some((total.to_string(), 1)),
        ..Table::default()
    };
    Ok((table, months(ground, id, &order, &lines)))
}

/// What each service cost in each month of the trend.
struct Lines {
    months: BTreeMap<String, BTreeMap<String, Money>>,
}

impl Lines {
    fn of(ground: &Ground, id: &TeamId) -> Result<Lines, Problem> {
        let (rows, _) = ground.spent("service,month", None, Some(id), ground.trend())?;
        let mut months = BTreeMap::<String, BTreeMap<String, Money>>::new();
        for row in &rows {
            let service = row.values[0].clone().unwrap_or_else(|| NONE.to_owned());
            let month = row.values[1].clone().unwrap_or_default();
            *months.entry(month).or_default().entry(service).or_default() += row.amount;
        }
        // From the first month with cost on each has a point, also one without.
        let first = months.keys().next().and_then(|month| month.parse::<Month>().ok());
        let last = ground.trend().until().plus(-1).month();
        let mut month = first.unwrap_or(last);
        while month < last {
            month = month.plus(1);
            months.entry(month.to_string()).or_default();
        }
        Ok(Lines { months })
    }

    /// True where there is more than one month.
    fn are_there(&self) -> bool {
        self.months.len() > 1
    }

    /// The line of the services that are chosen, over all months with cost of the unit.
    fn line(&self, chosen: impl Fn(&str) -> bool) -> Cell {
        let of = |month: &BTreeMap<String, Money>| {
            month.iter().filter(|(service, _)| chosen(service)).map(|(_, sum)| *sum).sum::<Money>()
        };
        words::line(&self.months.values().map(of).collect::<Vec<_>>())
    }
}

fn months(ground: &Ground, id: &TeamId, order: &[(String, (Money, Money))], lines: &Lines) -> Block {
    let named: Vec<&str> = order.iter().take(SERIES).map(|(service, _)| service.as_str()).collect();
    let mut columns = vec![Column::text("Month")];
    columns.extend(named.iter().enumerate().map(|(at, service)| {
        let words = if *service == NONE { "no service" } else { service };
        Column::figure(words).coloured((at + 1).to_string())
    }));
    columns.push(Column::figure("Others").coloured("rest"));
    let rows = lines
        .months
        .iter()
        .map(|(month, services)| {
            let mut line = vec![Cell::Text(month.clone())];
            for service in &named {
                let sum = services.get(*service).copied().unwrap_or_default();
                line.push(amount(sum, ground.rows(&[("under", id.as_str()), ("service", service), ("period", month)])));
            }
            let others: Money =
                services.iter().filter(|(service, _)| !named.contains(&service.as_str())).map(|(_, sum)| *sum).sum();
            line.push(Cell::Number(others.to_string(), short(others)));
            Row::new(line)
        })
        .collect();
    let table = Table {
        id: "t-months".to_owned(),
        caption: format!("Cost by month and service, {}", ground.currency),
        unit: ground.currency.as_str().to_owned(),
        columns,
        rows,
        is_sticky: true,
        ..Table::default()
    };
    let chart = Chart {
        kind: "stacked-area",
        title: format!("{} months by service", super::ground::MONTHS),
        say: "Each band is a service; together they are the cost of the month.".to_owned(),
        size: "",
        target: None,
        flags: "",
    };
    Block::Chart(chart, table)
}

fn resources(ground: &Ground, id: &TeamId, total: Money) -> Result<Block, Problem> {
    let (mut rows, _) = ground.spent("resource", None, Some(id), ground.period)?;
    rows.retain(|row| row.values[0].is_some() && !row.amount.is_zero());
    let all = rows.len();
    let lines = rows
        .iter()
        .take(RESOURCES)
        .map(|row| {
            let resource = row.values[0].as_deref().unwrap_or_default();
            Row::new(vec![
                Cell::Id(Link::new(resource, ground.to(&["resource"], &[("id", resource)]))),
                amount(row.amount, ground.rows(&[("under", id.as_str()), ("resource", resource)])),
                share_cell(row.amount, total),
                Cell::Why(resource.to_owned(), Link::new("Why?", ground.to(&["resource"], &[("id", resource)]))),
            ])
        })
        .collect();
    let table = Table {
        id: "t-resource".to_owned(),
        caption: format!("Largest resources, {}, {}", ground.period, ground.currency),
        unit: ground.currency.as_str().to_owned(),
        columns: vec![Column::text("Resource"), Column::figure("Cost"), Column::undrawn("Share"), Column::text("Why")],
        rows: lines,
        next: None,
        ..Table::default()
    };
    Ok(Block::Section {
        title: "Resources".to_owned(),
        say: format!("The {} largest of {all}.", RESOURCES.min(all)),
        blocks: vec![
            Block::Table(table),
            Block::Notice(
                leap_web::site::model::Tone::Info,
                "All of them, by cost:".to_owned(),
                Some(Link::new("Explore", ground.to(&["explore"], &[("under", id.as_str()), ("by", "resource")]))),
            ),
        ],
    })
}
