//! Before and after: is a change shown, how much may be claimed, and every reason where nothing may.

use std::collections::BTreeMap;

use leap_terms::Period;
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Chart, Column, Figure, Filters, Link, MARKED, Page, Row, Table, Tone};

use super::super::ground::Ground;
use super::super::words::{capital, period_text, shell};
use super::explain::frames;
use super::show::{colours, exact, time};
use super::{DEFAULT, Question, failed, is_large, key, parameter, text_field};
use crate::failure::Exit;
use crate::latency::diff::{Compared, Question as Claim, Side, compare};
use crate::latency::explain::Explained;
use crate::latency::shown;

/// Fields of the claim.
const FIELDS: [(&str, &str, &str); 6] = [
    ("before", "Before", "2026-09-02..2026-09-16"),
    ("after", "After", "2026-09-17..2026-10-01"),
    ("api", "API", "service, or SERVICE OPERATION"),
    ("team", "Team that made it", "its part must have fallen"),
    ("control", "API without it", "measured in the same time"),
    ("registered", "Written down in", "before the change: TICKET-12"),
];

/// A judgement with a request of each side that is kept whole.
struct Shown {
    compared: Compared,
    examples: [Option<Explained>; 2],
}

pub(in crate::site) fn page(ground: &Ground) -> Result<Page, Problem> {
    let question = Question::of(ground)?;
    let of = |name: &str| ground.ask.get(name).filter(|text| !text.is_empty());
    let mut page = Page {
        title: "Before and after".to_owned(),
        sub: "Is it really faster, by how much, and who made it so?".to_owned(),
        tabs: question.tabs("Before and after"),
        blocks: vec![Block::Filters(form(&question))],
        ..Page::default()
    };
    let period = |name: &str| -> Result<Option<Period>, Problem> {
        of(name).map(|text| text.parse().map_err(|error: String| parameter(ground.ask, name, error))).transpose()
    };
    let (Some(before), Some(after)) = (period("before")?, period("after")?) else {
        page.blocks.push(Block::Nothing(
            "Name the period before a change and the one after it; the day of the change is in neither.".to_owned(),
            Vec::new(),
        ));
        return Ok(page);
    };
    let claim = Claim {
        before,
        after,
        api: question.api,
        quantile: question.quantile,
        team: of("team"),
        control: of("control"),
        registered: of("registered"),
        with_requests: true,
    };
    page.sub = format!("{} of {}, {before} and {after}", question.text, claim.api.unwrap_or("all requests"));
    page.command = Some(command(&question, &claim));
    if before.until() > after.from() {
        let said = "begins before the other ends: name the period before the change first, and let them not overlap";
        return Err(parameter(ground.ask, "after", said));
    }
    if is_large(ground, Some(before))? || is_large(ground, Some(after))? {
        page.blocks.push(Block::Nothing(question.too_many(), Vec::new()));
        return Ok(page);
    }
    let asked = (claim.api, claim.team, claim.control, claim.registered, before, after, claim.quantile);
    let found = ground.home.kept.get(&key(ground, &format!("diff|{asked:?}"))?, || {
        let made = judged(ground, &claim)?;
        Ok::<_, Problem>((made, 64 << 10))
    })?;
    match found.as_ref() {
        Err(period) => page.blocks.push(Block::Nothing(format!("No request of that kind began in {period}."), vec![])),
        Ok(found) => page.blocks.extend(blocks(&question, &claim, found)?),
    }
    Ok(page)
}

/// Judges the claim and looks for requests that stand for it.
fn judged(ground: &Ground, claim: &Claim<'_>) -> Result<Result<Shown, Period>, Problem> {
    let view = ground.view();
    let compared =
        ground.runtime.block_on(compare(ground.home, view, claim)).map_err(|failure| match failure.exit {
            Exit::Usage => {
                let name = if failure.message.starts_with("no slice") { "team" } else { "api" };
                parameter(ground.ask, name, failure.message)
            }
            _ => failed(&failure),
        })?;
    let compared = match compared {
        Ok(compared) => compared,
        Err(period) => return Ok(Err(period)),
    };
    let example = |side: &Side| {
        let example = ground.runtime.block_on(side.example(ground.home, view));
        example.map_err(|failure| failed(&failure))
    };
    let examples = [example(&compared.before)?, example(&compared.after)?];
    Ok(Ok(Shown { compared, examples }))
}

fn form(question: &Question<'_>) -> Filters {
    let ask = question.ground.ask;
    let fields =
        FIELDS.map(|(name, label, example)| text_field(name, label, ask.get(name).unwrap_or_default(), example));
    let mut hidden = question.ground.carried();
    hidden.retain(|(name, _)| name != "period");
    if question.text != DEFAULT {
        hidden.push(("quantile".to_owned(), question.text.to_owned()));
    }
    Filters { label: "What is compared".to_owned(), fields: Vec::from(fields), hidden, ..Filters::default() }
}

fn command(question: &Question<'_>, claim: &Claim<'_>) -> String {
    let mut words = format!("leap latency diff {} {}", period_text(claim.before), period_text(claim.after));
    let quantile = (question.text != DEFAULT).then_some(question.text);
    let options = [
        ("api", claim.api),
        ("quantile", quantile),
        ("team", claim.team),
        ("control", claim.control),
        ("registered", claim.registered),
    ];
    for (name, value) in options {
        words += &value.map_or_else(String::new, |value| format!(" --{name} {}", shell(value)));
    }
    words
}

fn blocks(question: &Question<'_>, claim: &Claim<'_>, found: &Shown) -> Result<Vec<Block>, Problem> {
    let compared = &found.compared;
    let here = here(question, claim);
    let change = compared.change_ns();
    let sign = if change > 0 { "+" } else { "" };
    let mut blocks = vec![Block::Headline {
        figure: Figure {
            exact: change.to_string(),
            shown: format!("{sign}{}", shown(change).replace('-', "\u{2212}")),
            href: format!("{here}#t-moved"),
        },
        unit: String::new(),
        delta: vec![
            format!("{} after less before", question.text),
            format!(
                "exactly {} ns",
                leap_terms::Exact::from_whole(i64::try_from(change).unwrap_or(0))
                    .to_grouped(0)
                    .replace('-', "\u{2212}")
            ),
        ],
        say: match compared.verdict.claim_ns {
            Some(ns) => format!("{}: at least {} may be claimed.", capital(compared.outcome()), shown(ns)),
            None => format!("{}: nothing may be claimed.", capital(compared.outcome())),
        },
    }];
    let mut facts = Vec::new();
    for (name, side) in [("Before", &compared.before), ("After", &compared.after)] {
        let period = period_text(side.period);
        let href = format!("{}{MARKED}", question.to(&["latency", "requests"], &[("period", &period)]));
        let figure = Figure { exact: side.latency_ns.to_string(), shown: shown(i128::from(side.latency_ns)), href };
        let below = format!("{} requests; {}", exact(side.requests).to_grouped(0), side.interval_in_words());
        facts.push((name.to_owned(), Cell::Figure(figure), String::new(), below));
    }
    blocks.push(Block::Facts(facts));
    let refusals =
        compared.verdict.refusals.iter().map(|refusal| (capital(&refusal.to_string()), String::new(), String::new()));
    let refusals: Vec<_> = refusals.collect();
    if !refusals.is_empty() {
        blocks.push(Block::Section {
            title: "Why nothing may be claimed".to_owned(),
            say: "Each of these by itself is enough.".to_owned(),
            blocks: vec![Block::Trail(refusals)],
        });
    }
    let evidence: Vec<_> =
        compared.evidence().into_iter().map(|one| (capital(&one), String::new(), String::new())).collect();
    if !evidence.is_empty() {
        blocks.push(Block::Section {
            title: "What was found".to_owned(),
            say: String::new(),
            blocks: vec![Block::Trail(evidence)],
        });
    }
    blocks.push(Block::Table(moved(question, compared)));
    blocks.extend(icicles(question, found));
    Ok(blocks)
}

/// The address of this very page.
fn here(question: &Question<'_>, claim: &Claim<'_>) -> String {
    let (before, after) = (period_text(claim.before), period_text(claim.after));
    let mut more = vec![("before", before.as_str()), ("after", after.as_str())];
    let rest = [("team", claim.team), ("control", claim.control), ("registered", claim.registered)];
    more.extend(rest.iter().filter_map(|(name, value)| value.map(|value| (*name, value))));
    question.to(&["latency", "diff"], &more)
}

fn moved(question: &Question<'_>, compared: &Compared) -> Table {
    let rows = compared
        .moved
        .iter()
        .map(|(owner, was, now)| {
            let href =
                if super::show::is_residual(owner) { String::new() } else { question.ground.to(&["team", owner], &[]) };
            Row::new(vec![
                Cell::Link(Link::new(question.ground.name(owner), href)),
                time(i128::from(*was)),
                time(i128::from(*now)),
                time(i128::from(*now) - i128::from(*was)),
            ])
        })
        .collect();
    Table {
        id: "t-moved".to_owned(),
        caption: format!("Whose part of {} changed, ns", question.text),
        unit: "ns".to_owned(),
        columns: vec![
            Column::text("Owner"),
            Column::figure("Before"),
            Column::figure("After"),
            Column::figure("Change"),
        ],
        rows,
        foot: vec![Row::new(vec![
            Cell::Text(question.text.to_owned()),
            time(i128::from(compared.before.latency_ns)),
            time(i128::from(compared.after.latency_ns)),
            time(compared.change_ns()),
        ])],
        sum: Some((compared.change_ns().to_string(), 3)),
        ..Table::default()
    }
}

/// A request of each side that is kept whole, one below the other on the same axis.
fn icicles(question: &Question<'_>, found: &Shown) -> Vec<Block> {
    let sides = [("b", "Before", &found.compared.before), ("a", "After", &found.compared.after)];
    let both: Vec<_> =
        sides.into_iter().zip(&found.examples).filter_map(|(side, one)| Some((side, one.as_ref()?))).collect();
    if both.len() < 2 {
        let said = "No request near the quantile of each side is kept whole, so that none is shown.";
        return vec![Block::Notice(Tone::Info, said.to_owned(), None)];
    }
    let mut sums = BTreeMap::<String, u64>::new();
    for (_, example) in &both {
        for (team, ns) in example.by_team() {
            *sums.entry(team).or_default() += ns;
        }
    }
    let mut teams: Vec<(&str, u64)> = sums.iter().map(|(team, ns)| (team.as_str(), *ns)).collect();
    teams.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let colour = colours(teams.into_iter().map(|(team, _)| team));
    let mut rows = Vec::new();
    for ((prefix, name, side), example) in both.iter().copied() {
        let day = leap_orient::latency::day_of(example.start_ns).to_string();
        let of = [("trace", example.trace.as_str()), ("root", &example.root), ("period", &day)];
        let figure = Figure {
            exact: example.latency_ns.to_string(),
            shown: shown(i128::from(example.latency_ns)),
            href: format!("{}#t-frames", question.to(&["latency", "explain"], &of)),
        };
        let mut top = Row::new(vec![
            Cell::Text(format!("{name}: {}", side.period)),
            Cell::Empty,
            Cell::Empty,
            time(0),
            Cell::Figure(figure),
            Cell::Empty,
        ]);
        top.tree = Some((prefix.to_owned(), String::new()));
        top.colour = Some("before".to_owned());
        rows.push(top);
        rows.extend(frames(question.ground, example, (prefix, prefix), &colour).into_iter().map(|mut row| {
            row.cells.truncate(6);
            row
        }));
    }
    let table = Table {
        id: "t-paths".to_owned(),
        caption: "Frames of a request of each side, ns".to_owned(),
        unit: "ns".to_owned(),
        columns: vec![
            Column::text("Frame"),
            Column::text("Owner"),
            Column::text("Kind"),
            Column::figure("Start").role("from"),
            Column::figure("Length"),
            Column::undrawn("Own time, ns"),
        ],
        rows,
        ..Table::default()
    };
    let chart = Chart {
        kind: "icicle",
        title: "Critical path, before and after".to_owned(),
        say: format!("Of each side the request nearest to its {} that is kept whole; one axis.", question.text),
        size: "l",
        target: None,
        flags: "",
    };
    vec![Block::Chart(chart, table)]
}
