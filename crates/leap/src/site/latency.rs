//! Latency: who owns the slow requests? The quantile and what it is made of, to the last nanosecond.

use leap_orient::tail::Quantile;
use leap_terms::{Exact, Period};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Chart, Column, Field, Figure, Filters, Link, Page, Row, Table};

use super::ground::Ground;
use super::words::{percent, share, share_cell, shell};
use super::{failed, parameter};
use crate::failure::Exit;
use crate::latency::{Tail, quantile, shown, tail};

/// Quantiles that stand beside the one in question.
const BESIDE: [&str; 3] = ["p50", "p99", "p99.9"];

struct Question<'q> {
    api: Option<&'q str>,
    period: Option<Period>,
    by: &'q str,
}

impl Question<'_> {
    fn ask(&self, ground: &Ground, at: Quantile) -> Result<Option<Tail>, Problem> {
        let found = tail(ground.home, ground.view(), (self.api, self.period), at, self.by);
        ground.runtime.block_on(found).map_err(|failure| match failure.exit {
            Exit::Usage => parameter(ground.ask, "by", failure.message),
            _ => failed(&failure),
        })
    }
}

pub(super) fn page(ground: &Ground) -> Result<Page, Problem> {
    let text = ground.ask.get("quantile").unwrap_or("p99.9");
    let at = quantile(text).map_err(|error| parameter(ground.ask, "quantile", error))?;
    let question = Question {
        api: ground.ask.get("api"),
        period: ground.ask.get("period").is_some().then_some(ground.period),
        by: ground.ask.get("by").unwrap_or("team"),
    };
    let when = question.period.map_or_else(|| "all requests".to_owned(), |period| period.to_string());
    let mut page = Page {
        title: "Latency".to_owned(),
        sub: format!("{text} of {}, by {}, {when}", question.api.unwrap_or("all requests together"), question.by),
        command: Some(command(&question, text)),
        blocks: vec![Block::Filters(form(ground, &question, text))],
        ..Page::default()
    };
    let Some(found) = question.ask(ground, at)? else {
        page.blocks.push(Block::Nothing(
            "No request of that kind has been taken in.".to_owned(),
            vec![
                Link::new("Send traces by OTLP to this leap: the addresses stand where leap serve was started", ""),
                Link::new("or take in files: leap ingest TRACES", ""),
            ],
        ));
        return Ok(page);
    };
    let whole = Exact::from_whole(i64::try_from(found.latency_ns).unwrap_or(i64::MAX));
    let mut parts: Vec<(&String, &Exact)> = found.parts.iter().filter(|(_, ns)| !ns.is_zero()).collect();
    parts.sort_by_key(|(name, ns)| (std::cmp::Reverse(**ns), (*name).clone()));
    let largest = parts
        .first()
        .map(|(name, ns)| format!("{} makes {} of it.", name_of(ground, &question, name), percent(share(**ns, whole))));
    page.blocks.push(Block::Headline {
        figure: Figure {
            exact: found.latency_ns.to_string(),
            shown: shown(i128::from(found.latency_ns)),
            href: here(ground, &question, text),
        },
        unit: format!("ns exact: {}", found.latency_ns),
        delta: std::iter::once(format!("{} of {} requests to {}", text, found.requests, found.api))
            .chain(found.said.clone())
            .collect(),
        say: largest.unwrap_or_default(),
    });
    let mut facts = Vec::new();
    for other in BESIDE.iter().filter(|other| **other != text) {
        let at = quantile(other).map_err(|error| parameter(ground.ask, "quantile", error))?;
        if let Some(found) = question.ask(ground, at)? {
            let figure = Figure {
                exact: found.latency_ns.to_string(),
                shown: shown(i128::from(found.latency_ns)),
                href: here(ground, &question, other),
            };
            facts.push(((*other).to_owned(), Cell::Figure(figure), String::new(), String::new()));
        }
    }
    page.blocks.push(Block::Facts(facts));
    let rows = parts
        .iter()
        .map(|(name, ns)| {
            let is_team = question.by == "team" && !name.starts_with("residual:");
            let href = if is_team { ground.to(&["team", name], &[]) } else { String::new() };
            let mut row = Row::new(vec![
                Cell::Link(Link::new(name_of(ground, &question, name), href)),
                Cell::Number(ns.to_string(), shown(ns.coarse() / 1_000_000_000_000_000_000)),
                Cell::Number(ns.to_string(), ns.to_grouped(0)),
                share_cell(**ns, whole),
            ]);
            if name.starts_with("residual:") {
                row.colour = Some("residual".to_owned());
            }
            row
        })
        .collect();
    let table = Table {
        id: "t-tail".to_owned(),
        caption: format!("What {text} is made of, by {}, ns", question.by),
        unit: "ns".to_owned(),
        columns: vec![
            Column::text(question.by),
            Column::undrawn("Latency"),
            Column::figure("Nanoseconds"),
            Column::undrawn("Share"),
        ],
        rows,
        sum: Some((found.latency_ns.to_string(), 2)),
        ..Table::default()
    };
    let chart = Chart {
        kind: "bar",
        title: format!("Where {text} goes"),
        say: "Parts are exact nanoseconds and add up to the quantile.".to_owned(),
        size: "",
        target: None,
        flags: "flat",
    };
    page.blocks.push(Block::Chart(chart, table));
    Ok(page)
}

fn name_of(ground: &Ground, question: &Question, name: &str) -> String {
    if matches!(question.by, "service" | "kind" | "caller") { name.to_owned() } else { ground.name(name) }
}

fn here(ground: &Ground, question: &Question, quantile: &str) -> String {
    let quantile = if quantile == "p99.9" { "" } else { quantile };
    let by = if question.by == "team" { "" } else { question.by };
    ground.to(&["latency"], &[("api", question.api.unwrap_or_default()), ("quantile", quantile), ("by", by)])
}

fn command(question: &Question, quantile: &str) -> String {
    let api = question.api.map_or_else(String::new, |api| format!(" --api {}", shell(api)));
    let period = question.period.map_or_else(String::new, |period| format!(" --period {period}"));
    format!("leap latency{api} --quantile {} --by {}{period}", shell(quantile), shell(question.by))
}

fn form(ground: &Ground, question: &Question, quantile: &str) -> Filters {
    let pairs = |all: &[&str]| all.iter().map(|one| ((*one).to_owned(), (*one).to_owned())).collect::<Vec<_>>();
    Filters {
        label: "What is shown".to_owned(),
        fields: vec![
            Field {
                name: "api",
                label: "API",
                value: question.api.unwrap_or_default().to_owned(),
                choices: Vec::new(),
                default: "",
                example: "service, or SERVICE OPERATION",
            },
            Field {
                name: "quantile",
                label: "Quantile",
                value: quantile.to_owned(),
                choices: pairs(&BESIDE),
                default: "p99.9",
                example: "",
            },
            Field {
                name: "by",
                label: "By",
                value: question.by.to_owned(),
                choices: pairs(&["team", "service", "kind", "caller"]),
                default: "team",
                example: "",
            },
        ],
        hidden: ground.carried(),
        ..Filters::default()
    }
}
