//! Latency: who owns the slow requests, and is the objective kept? The quantile and what it is made of, to the last
//! nanosecond; then its requests, one of them, and before and after.
//!
//! Reading order: here (what is asked, and addresses), `page` (the quantile), `show` (its blocks), `requests`, `explain`
//! (one request), `diff` (before and after).

mod diff;
mod explain;
mod page;
mod requests;
mod show;

use std::sync::Arc;

use leap_orient::latency::day_of;
use leap_orient::tail::Quantile;
use leap_terms::Period;
use leap_terms::tables::Table as LakeTable;
use leap_web::site::Problem;
use leap_web::site::model::{Block, Field, Figure, Filters, Frame, Link, MARKED};

use super::ground::Ground;
use super::words::{address, period_text};
use super::{failed, parameter};
use crate::failure::{Exit, Failure};
use crate::latency::contract::Objective;
use crate::latency::look::{Asked, Look, look};
use crate::latency::question::{Api, By};
use crate::latency::{duration, quantile, shown};

pub(super) use diff::page as diff;
pub(super) use explain::page as explain;
pub(super) use page::{page, tile};
pub(super) use requests::page as requests;

/// Quantiles that stand beside the one in question.
const BESIDE: [&str; 3] = ["p50", "p99", "p99.9"];
/// The quantile that is meant when none is named.
const DEFAULT: &str = "p99.9";
/// Months of requests to choose from.
const MONTHS: usize = 13;

/// What the parameters ask.
struct Question<'q> {
    ground: &'q Ground<'q>,
    api: Option<&'q str>,
    /// When the requests began; all of them without it.
    period: Option<Period>,
    by: &'q str,
    /// The quantile as written.
    text: &'q str,
    quantile: Quantile,
    /// What the address says of the objective.
    objective_text: Option<&'q str>,
    objective: Option<Objective>,
    asks_what_if: bool,
    /// It is asked, and of few enough requests.
    what_if: bool,
    packed: bool,
}

impl<'q> Question<'q> {
    fn of(ground: &'q Ground<'q>) -> Result<Question<'q>, Problem> {
        let text = ground.ask.get("quantile").unwrap_or(DEFAULT);
        let by = ground.ask.get("by").unwrap_or("team");
        By::read(by, ground.view()).map_err(|failure| parameter(ground.ask, "by", failure.message))?;
        let api = ground.ask.get("api").filter(|api| !api.is_empty());
        let quantile = quantile(text).map_err(|error| parameter(ground.ask, "quantile", error))?;
        let promised = Objective::of(&ground.home.settings.latency, &Api::of(api));
        let objective_text = ground.ask.get("objective").filter(|text| !text.is_empty());
        let objective = match objective_text {
            None => promised,
            Some(text) => {
                let ns = duration(text).map_err(|error| parameter(ground.ask, "objective", error))?;
                Some(Objective { ns, ..promised.unwrap_or_else(|| Objective::new(ns)) })
            }
        };
        let period = ground.ask.get("period").is_some().then_some(ground.period);
        let asks_what_if = yes(ground, "what_if")?;
        Ok(Question {
            ground,
            api,
            period,
            by,
            text,
            quantile,
            objective_text,
            objective,
            asks_what_if,
            what_if: asks_what_if && !is_large(ground, period)?,
            packed: yes(ground, "packed")?,
        })
    }

    /// The default quantile of an API and period by team, whatever the address says.
    fn of_period(ground: &'q Ground<'q>, api: Option<&'q str>, period: Period) -> Result<Question<'q>, Problem> {
        Ok(Question {
            ground,
            api,
            period: Some(period),
            by: "team",
            text: DEFAULT,
            quantile: quantile(DEFAULT).map_err(|error| parameter(ground.ask, "quantile", error))?,
            objective_text: None,
            objective: Objective::of(&ground.home.settings.latency, &Api::of(api)),
            asks_what_if: false,
            what_if: false,
            packed: false,
        })
    }

    /// What is asked, as the engine takes it.
    fn asked<'a>(&'a self, beside: &'a [Quantile]) -> Asked<'a> {
        Asked {
            api: self.api,
            period: self.period,
            by: self.by,
            quantile: self.quantile,
            beside,
            packed: self.packed,
            what_if: self.what_if,
            objective: self.objective,
        }
    }

    /// The answer, kept for who asks again; `None` where no request began in the period.
    fn look(&self) -> Result<Arc<Option<Look>>, Problem> {
        let ground = self.ground;
        let beside = beside(ground)?;
        let asked = self.asked(&beside);
        let key = key(ground, &format!("look|{asked:?}"))?;
        ground.home.kept.get(&key, || {
            let made = ground.runtime.block_on(look(ground.home, ground.view(), &asked));
            let made = made.map_err(|failure| self.problem(&failure))?;
            let bytes = made.as_ref().map_or(64, |look| 1_000 + look.portions.len() * 160 + look.days.len() * 96);
            Ok((made, bytes))
        })
    }

    /// A failure of the engine: what is typed wrong is the API.
    fn problem(&self, failure: &Failure) -> Problem {
        match failure.exit {
            Exit::Usage => parameter(self.ground.ask, "api", failure.message.clone()),
            _ => failed(failure),
        }
    }

    /// An address of the pages of latency with the same question; `more` takes the place of what it says.
    fn to(&self, path: &[&str], more: &[(&str, &str)]) -> String {
        let period = self.period.map(period_text).unwrap_or_default();
        let own = [
            ("api", self.api.unwrap_or_default()),
            ("period", period.as_str()),
            ("quantile", self.text),
            ("by", self.by),
            ("objective", self.objective_text.unwrap_or_default()),
            ("packed", if self.packed { "1" } else { "" }),
        ];
        let known: &[&str] = match path.get(1) {
            None => &["api", "period", "quantile", "by", "objective", "packed"],
            Some(&"requests") => &["api", "period", "quantile", "by"],
            Some(&"diff") => &["api", "quantile"],
            Some(_) => &[],
        };
        let mut parameters = self.ground.carried();
        // Without a period all requests are meant, whatever period other pages mean then.
        parameters.retain(|(name, _)| name != "period");
        let own = own.into_iter().filter(|(name, _)| known.contains(name));
        let own = own.filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
        for (name, value) in own.chain(more.iter().copied()) {
            let is_default = matches!((name, value), ("quantile", DEFAULT) | ("by", "team"));
            if !value.is_empty() && !is_default {
                parameters.push((name.to_owned(), value.to_owned()));
            }
        }
        address(path, &parameters)
    }

    /// A quantile that leads to its request where requests are listed, else to what it is made of.
    fn figure(&self, ns: u64, quantile: &str, is_listed: bool) -> Figure {
        let href = if is_listed {
            format!("{}{MARKED}", self.to(&["latency", "requests"], &[("quantile", quantile)]))
        } else {
            format!("{}#t-tail", self.to(&["latency"], &[("quantile", quantile)]))
        };
        Figure { exact: ns.to_string(), shown: shown(i128::from(ns)), href }
    }

    /// The pages of latency, this one marked.
    fn tabs(&self, here: &str) -> Vec<(Link, bool)> {
        let to = |words: &str, path: &[&str]| (Link::new(words, self.to(path, &[])), here == words);
        vec![
            to("Quantile", &["latency"]),
            to("Requests", &["latency", "requests"]),
            to("Before and after", &["latency", "diff"]),
        ]
    }

    /// What is shown, as fields.
    fn form(&self) -> Filters {
        let pairs = |all: &[&str]| all.iter().map(|one| ((*one).to_owned(), (*one).to_owned())).collect::<Vec<_>>();
        let mut hidden = self.ground.carried();
        hidden.retain(|(name, _)| name != "period");
        hidden.extend(self.period.map(|period| ("period".to_owned(), period_text(period))));
        Filters {
            label: "What is shown".to_owned(),
            fields: vec![
                text_field("api", "API", self.api.unwrap_or_default(), "service, or SERVICE OPERATION"),
                Field {
                    name: "quantile",
                    label: "Quantile",
                    value: self.text.to_owned(),
                    choices: pairs(&BESIDE),
                    default: DEFAULT,
                    example: "",
                },
                Field {
                    name: "by",
                    label: "By",
                    value: self.by.to_owned(),
                    choices: pairs(&["team", "service", "kind", "caller"]),
                    default: "team",
                    example: "",
                },
            ],
            hidden,
            ..Filters::default()
        }
    }

    /// A value of the dimension, as people call it.
    fn name(&self, value: &str) -> String {
        if matches!(self.by, "service" | "kind" | "caller") { value.to_owned() } else { self.ground.name(value) }
    }

    /// Where a value of the dimension leads: a team to its page.
    fn value_href(&self, value: &str) -> String {
        let is_team = self.by == "team" && !value.starts_with("residual:");
        if is_team { self.ground.to(&["team", value], &[]) } else { String::new() }
    }

    /// Why requests are not read one by one.
    fn too_many(&self) -> String {
        format!(
            "There are more than {} requests (latency.exact_requests), which pages do not read one by one: choose a shorter \
             period, or ask the command.",
            self.ground.home.settings.latency.exact_requests
        )
    }

    /// When, in words.
    fn when(&self) -> String {
        self.period.map_or_else(|| "all requests".to_owned(), period_text)
    }
}

fn text_field(name: &'static str, label: &'static str, value: &str, example: &'static str) -> Field {
    Field { name, label, value: value.to_owned(), choices: Vec::new(), default: "", example }
}

/// True where requests of a period are too many to be read one by one for a page.
fn is_large(ground: &Ground, period: Option<Period>) -> Result<bool, Problem> {
    let found = crate::latency::look::is_large(ground.home, ground.view(), period);
    ground.runtime.block_on(found).map_err(|failure| failed(&failure))
}

/// A parameter that is there or not.
fn yes(ground: &Ground, name: &str) -> Result<bool, Problem> {
    match ground.ask.get(name) {
        None => Ok(false),
        Some("1") => Ok(true),
        Some(other) => Err(parameter(ground.ask, name, format!("'{other}' is not 1"))),
    }
}

fn beside(ground: &Ground) -> Result<Vec<Quantile>, Problem> {
    BESIDE.iter().map(|text| quantile(text).map_err(|error| parameter(ground.ask, "quantile", error))).collect()
}

/// The name of an answer about requests: what is known of them is part of it.
fn key(ground: &Ground, what: &str) -> Result<String, Problem> {
    let head = ground.runtime.block_on(ground.home.book.trace_head());
    let head = head.map_err(|error| failed(&Failure::from_error(&error)))?;
    Ok(ground.key(&format!("latency|{}|{what}", head.change)))
}

/// No request was found: how to send some.
fn nothing(question: &Question<'_>) -> Block {
    let said = match question.period {
        Some(period) => format!("No request of that kind began in {}.", period_text(period)),
        None => "No request of that kind has been taken in.".to_owned(),
    };
    Block::Nothing(
        said,
        vec![
            Link::new("Send traces by OTLP to this leap: the addresses stand where leap serve was started", ""),
            Link::new("or take in files: leap ingest TRACES", ""),
        ],
    )
}

/// What is around the pages of latency: their periods are those of requests, and without one all are meant.
pub(super) fn frame(ground: &Ground, frame: Frame) -> Result<Frame, Problem> {
    let months = ground.home.kept.get(&key(ground, "months")?, || {
        let files = ground.home.book.trace_files_of(LakeTable::Requests, 0, u64::MAX, ground.view().known());
        let files = ground.runtime.block_on(files).map_err(|error| failed(&Failure::from_error(&error)))?;
        let mut months: Vec<String> = files
            .iter()
            .flat_map(|file| [file.first_ns, file.last_ns])
            .map(|ns| day_of(ns).month().to_string())
            .collect();
        months.sort_unstable_by(|a, b| b.cmp(a));
        months.dedup();
        months.truncate(MONTHS);
        Ok::<_, Problem>((months, 512))
    })?;
    if months.is_empty() {
        return Ok(frame);
    }
    let all = std::iter::once((String::new(), "all requests".to_owned()));
    let periods: Vec<_> = all.chain(months.iter().map(|month| (month.clone(), month.clone()))).collect();
    let period = if ground.ask.get("period").is_some() { frame.period } else { String::new() };
    Ok(Frame { periods, period, ..frame })
}
