//! One request: where each nanosecond of it went, as an icicle and a table of its frames.

use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Chart, Column, Figure, Filters, Link, Page, Row, Table, Tone};

use super::super::ground::Ground;
use super::super::words::{percent, period_text, share, shell};
use super::requests::explain_href;
use super::show::{colours, exact, share_of, time};
use super::{Question, failed, text_field};
use crate::latency::explain::{Explained, Frame, Meant, find};
use crate::latency::requests::{Line, instant};
use crate::latency::shown;

pub(in crate::site) fn page(ground: &Ground) -> Result<Page, Problem> {
    let question = Question::of(ground)?;
    let wanted = ground.ask.get("trace").unwrap_or_default();
    let mut page = Page {
        title: "One request".to_owned(),
        sub: "Where each nanosecond of it went".to_owned(),
        crumbs: vec![
            Link::new("Latency", question.to(&["latency"], &[])),
            Link::new("Requests", question.to(&["latency", "requests"], &[])),
        ],
        ..Page::default()
    };
    if wanted.is_empty() {
        page.blocks.push(Block::Filters(Filters {
            label: "Which request".to_owned(),
            fields: vec![text_field("trace", "Trace", "", "its id, or how it begins")],
            ..Filters::default()
        }));
        return Ok(page);
    }
    let problem = |failure| failed(&failure);
    let found = find(ground.home, ground.view(), wanted, question.period);
    let found = match ground.runtime.block_on(found).map_err(problem)? {
        Meant::One(found) => found,
        Meant::Nothing => return Err(Problem::NotFound(format!("No request has the trace '{wanted}'."))),
        Meant::Several(many) => {
            let own = |id: &String| Link::new(id.clone(), question.to(&["latency", "explain"], &[("trace", id)]));
            let said = format!("Several traces begin with '{wanted}'.");
            page.blocks.push(Block::Nothing(said, many.iter().map(own).collect()));
            return Ok(page);
        }
    };
    let lines = found.requests(ground.view());
    let line = match ground.ask.get("root") {
        None => lines.first(),
        Some(root) => lines.iter().find(|line| line.root == root),
    };
    let Some(line) = line else {
        return Err(Problem::NotFound(format!("No request of trace '{}' begins with that span.", found.trace)));
    };
    let explained = found.explained(ground.home, ground.view(), Some(&line.root));
    let explained = ground.runtime.block_on(explained).map_err(problem)?;
    // Its sums are of the version of the trace that counts; spans of another say nothing of it.
    let explained = explained.first().filter(|one| one.root == line.root && one.latency_ns == line.latency_ns);
    page.sub = format!("{}, begun {}, trace {}", line.name, instant(line.start_ns), line.trace);
    let period = question.period.map_or_else(String::new, |period| format!(" --period {}", period_text(period)));
    page.command = Some(format!("leap latency explain {}{period}", shell(&line.trace)));
    page.blocks.push(headline(&question, line));
    match explained {
        Some(explained) => page.blocks.extend(path(ground, explained)),
        None => {
            let said =
                "Its spans are not kept, only what they add up to: the slowest of each API and hour are kept whole.";
            page.blocks.push(Block::Notice(Tone::Info, said.to_owned(), None));
            page.blocks.push(Block::Table(sums(ground, line)));
        }
    }
    let others: Vec<(String, Cell)> = lines
        .iter()
        .filter(|other| other.root != line.root)
        .map(|other| {
            let name = if other.api.is_empty() { &other.name } else { &other.api };
            let words = shown(i128::from(other.latency_ns));
            (name.clone(), Cell::Link(Link::new(words, explain_href(&question, other))))
        })
        .collect();
    if !others.is_empty() {
        page.blocks.push(Block::Section {
            title: "Other requests of this trace".to_owned(),
            say: String::new(),
            blocks: vec![Block::Pairs(others)],
        });
    }
    Ok(page)
}

fn headline(question: &Question<'_>, line: &Line) -> Block {
    let ground = question.ground;
    let mut owners: Vec<(&str, u64)> = line.by_value().into_iter().collect();
    owners.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let whole = exact(line.latency_ns);
    let say = owners
        .first()
        .map(|(owner, ns)| format!("{} takes {} of it.", ground.name(owner), percent(share(exact(*ns), whole))));
    Block::Headline {
        figure: Figure {
            exact: line.latency_ns.to_string(),
            shown: shown(i128::from(line.latency_ns)),
            href: format!("{}#t-frames", explain_href(question, line)),
        },
        unit: String::new(),
        delta: vec![format!("exactly {} ns", whole.to_grouped(0))],
        say: say.unwrap_or_default(),
    }
}

/// Where the owner of a time leads.
fn owner(ground: &Ground, team: &str) -> Cell {
    let href = if super::show::is_residual(team) { String::new() } else { ground.to(&["team", team], &[]) };
    Cell::Link(Link::new(ground.name(team), href))
}

/// The critical path: icicle, frames, owners.
fn path(ground: &Ground, explained: &Explained) -> Vec<Block> {
    let teams = explained.by_team();
    let colour = colours(teams.iter().map(|(team, _)| team.as_str()));
    let columns = vec![
        Column::text("Frame"),
        Column::text("Owner"),
        Column::text("Kind"),
        Column::figure("Start").role("from"),
        Column::figure("Length"),
        Column::undrawn("Own time, ns"),
        Column::undrawn("Share"),
    ];
    let table = Table {
        id: "t-frames".to_owned(),
        caption: format!(
            "Frames on the critical path, ns: own times add up to {}",
            exact(explained.latency_ns).to_grouped(0)
        ),
        unit: "ns".to_owned(),
        columns,
        rows: frames(ground, explained, ("f", ""), &colour),
        sum: Some((explained.latency_ns.to_string(), 5)),
        ..Table::default()
    };
    let chart = Chart {
        kind: "icicle",
        title: "Critical path".to_owned(),
        say: format!(
            "Time runs from left to right; below each frame stand those that it waits for. {} spans of {} are on the path.",
            explained.frames.len(),
            explained.spans
        ),
        size: "",
        target: None,
        flags: "",
    };
    let owners = Table {
        id: "t-owners".to_owned(),
        caption: "The same by owner, ns".to_owned(),
        unit: "ns".to_owned(),
        columns: vec![Column::text("Owner"), Column::figure("Time"), Column::figure("Share")],
        rows: teams
            .iter()
            .zip(&colour)
            .map(|((team, ns), (_, colour))| {
                let cells = vec![owner(ground, team), time(i128::from(*ns)), share_of(*ns, explained.latency_ns)];
                Row { colour: Some(colour.clone()), ..Row::new(cells) }
            })
            .collect(),
        ..Table::default()
    };
    vec![Block::ChartOf(chart, table.id.clone(), table.unit.clone()), Block::Table(table), Block::Table(owners)]
}

/// Frames as rows of an icicle: ids begin with `prefix`, those at the top stand below `parent`. The seven cells are frame,
/// owner, kind, start, length, own time, share of the whole.
pub(super) fn frames(
    ground: &Ground,
    explained: &Explained,
    (prefix, parent): (&str, &str),
    colours: &[(&str, String)],
) -> Vec<Row> {
    let id = |at: usize| format!("{prefix}{at}");
    let row = |(at, frame): (usize, &Frame)| {
        let whose = frame.whose.as_ref();
        let own = exact(frame.own_ns).to_grouped(0);
        let mut row = Row::new(vec![
            Cell::Text(format!("{} {}", frame.service, frame.operation)),
            whose.map_or(Cell::Empty, |(_, team, _)| owner(ground, team)),
            whose.map_or(Cell::Empty, |(service, _, kind)| {
                Cell::Text(if *service == frame.service { (*kind).to_owned() } else { format!("{kind} of {service}") })
            }),
            time(i128::from(frame.from_ns)),
            time(i128::from(frame.until_ns - frame.from_ns)),
            Cell::Number(frame.own_ns.to_string(), own),
            share_of(frame.own_ns, explained.latency_ns),
        ]);
        row.depth = frame.depth + usize::from(!parent.is_empty());
        row.tree = Some((id(at), frame.parent.map_or_else(|| parent.to_owned(), id)));
        // A frame without time of its own is nobody's.
        let colour = whose.and_then(|(_, team, _)| colours.iter().find(|(name, _)| name == team));
        row.colour = Some(colour.map_or_else(|| "rest".to_owned(), |(_, colour)| colour.clone()));
        row
    };
    explained.frames.iter().enumerate().map(row).collect()
}

/// What a request is made of, where its spans are not kept.
fn sums(ground: &Ground, line: &Line) -> Table {
    let mut shares: Vec<_> = line.shares.iter().collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.ns));
    let rows = shares
        .into_iter()
        .map(|share| {
            Row::new(vec![
                Cell::Text(share.owner.clone()),
                owner(ground, &share.value),
                Cell::Text(share.kind.word().to_owned()),
                if share.caller.is_empty() { Cell::Empty } else { Cell::Text(share.caller.clone()) },
                time(i128::from(share.ns)),
                Cell::Number(share.ns.to_string(), exact(share.ns).to_grouped(0)),
                share_of(share.ns, line.latency_ns),
            ])
        })
        .collect();
    Table {
        id: "t-frames".to_owned(),
        caption: format!(
            "Slices of the critical path by service, ns: they add up to {}",
            exact(line.latency_ns).to_grouped(0)
        ),
        unit: "ns".to_owned(),
        columns: vec![
            Column::text("Service"),
            Column::text("Owner"),
            Column::text("Kind"),
            Column::text("Waited"),
            Column::figure("Time"),
            Column::figure("Own time, ns"),
            Column::figure("Share"),
        ],
        rows,
        sum: Some((line.latency_ns.to_string(), 5)),
        ..Table::default()
    }
}
