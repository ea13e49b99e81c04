//! One quantile: what it is, whether the objective is kept, where each millisecond goes, and how it went day by day.

use std::sync::Arc;

use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Figure, Link, Page, Tone};

use super::super::ground::Ground;
use super::super::words::{percent, period_text, share, shell};
use super::show::{bar, clock, days, events, exact, parts};
use super::{BESIDE, Question, failed, key, nothing};
use crate::latency::contract::{Judged, judge};
use crate::latency::look::Look;
use crate::latency::question::Api;
use crate::latency::shown;

/// What the contract says, as far as it is known.
pub(super) enum Contract {
    /// Nothing is promised.
    None,
    /// This.
    Known(Arc<Judged>),
    /// Every request is being read for it.
    Coming,
}

pub(in crate::site) fn page(ground: &Ground) -> Result<Page, Problem> {
    let question = Question::of(ground)?;
    let text = question.text;
    let mut page = Page {
        title: "Latency".to_owned(),
        sub: format!("{text} of {}, by {}, {}", question.api.unwrap_or("all requests"), question.by, question.when()),
        tabs: question.tabs("Quantile"),
        command: Some(command(&question)),
        blocks: vec![Block::Filters(question.form())],
        ..Page::default()
    };
    let look = question.look()?;
    let Some(look) = look.as_ref() else {
        page.blocks.push(nothing(&question));
        return Ok(page);
    };
    page.blocks.push(headline(&question, look));
    let contract = contract(&question, look)?;
    page.blocks.push(Block::Facts(facts(&question, look, &contract)));
    page.blocks.extend(look.said.iter().map(|said| Block::Notice(Tone::Info, said.clone(), None)));
    page.blocks.extend(clock(&question, &contract));
    page.blocks.extend(bar(&question, look));
    page.blocks.push(parts(&question, look));
    let many = question.too_many();
    page.blocks.push(match look.together {
        None if question.asks_what_if => Block::Notice(Tone::Info, many, None),
        None => Block::Notice(
            Tone::Info,
            "What could be saved is worked out from every request and from the traces that are kept whole.".to_owned(),
            Some(Link::new("Show what could be saved", question.to(&["latency"], &[("what_if", "1")]))),
        ),
        Some((together, is_exact)) => Block::Notice(
            Tone::Info,
            format!(
                "Had all of them taken what they usually take, {text} would be {} less, {}.",
                shown(together),
                if is_exact { "exactly" } else { "or more: requests that are not kept whole stay as they were" }
            ),
            None,
        ),
    });
    page.blocks.extend(days(&question, look));
    if let Contract::Known(judged) = &contract {
        page.blocks.extend(events(judged));
    }
    Ok(page)
}

fn headline(question: &Question<'_>, look: &Look) -> Block {
    let whole = exact(look.latency_ns);
    let largest = look.portions.first().filter(|largest| largest.ns > 0).map(|largest| {
        format!("{} makes {} of it.", question.name(&largest.value), percent(share(exact(largest.ns), whole)))
    });
    let more = look.portions.iter().max_by_key(|portion| portion.excess_ns).filter(|portion| portion.excess_ns > 0);
    let usual = more.map(|portion| {
        format!(
            "Usually all of it takes {}; {} makes {} of what {} takes more.",
            shown(i128::from(look.median_ns)),
            question.name(&portion.value),
            shown(portion.excess_ns),
            question.text
        )
    });
    let say: Vec<String> = largest.into_iter().chain(usual).collect();
    Block::Headline {
        figure: question.figure(look.latency_ns, question.text, look.is_listed),
        unit: String::new(),
        delta: vec![
            format!("{} of {} requests to {}", question.text, exact(look.requests).to_grouped(0), look.api),
            format!("exactly {} ns", whole.to_grouped(0)),
        ],
        say: say.join(" "),
    }
}

fn facts(question: &Question<'_>, look: &Look, contract: &Contract) -> Vec<(String, Cell, String, String)> {
    let mut facts = Vec::new();
    for (text, ns) in BESIDE.iter().zip(&look.beside).filter(|(text, _)| **text != question.text) {
        let cell = Cell::Figure(question.figure(*ns, text, look.is_listed));
        facts.push(((*text).to_owned(), cell, String::new(), String::new()));
    }
    if let Some((low, high)) = look.interval {
        let text = format!("{} to {}", shown(i128::from(low)), shown(i128::from(high)));
        facts.push(("With 95 % within".to_owned(), Cell::Text(text), String::new(), String::new()));
    }
    if let Some(objective) = question.objective {
        let state = match contract {
            Contract::Known(judged) => judged.state_word(),
            Contract::Coming | Contract::None => "being judged",
        };
        let of = objective.quantile;
        facts.push((
            "Objective".to_owned(),
            Cell::Number(objective.ns.to_string(), shown(i128::from(objective.ns))),
            String::new(),
            format!("{of}, {state}"),
        ));
    }
    facts
}

/// Judges the objective: at once where the requests were read, else in the background.
fn contract(question: &Question<'_>, look: &Look) -> Result<Contract, Problem> {
    let Some(objective) = question.objective else { return Ok(Contract::None) };
    if let Some(judged) = &look.judged {
        return Ok(Contract::Known(Arc::new(judged.clone())));
    }
    let ground = question.ground;
    let key = key(ground, &format!("judged|{:?}|{:?}|{objective:?}", question.api, question.period))?;
    if let Some(judged) = ground.home.kept.known::<Judged>(&key) {
        return Ok(Contract::Known(judged));
    }
    let (home, cached, runtime) = (ground.home.clone(), ground.cached.clone(), ground.runtime.clone());
    let (api, period) = (Api::of(question.api), question.period);
    ground.home.kept.begin(format!("begun|{key}"), move || {
        let made = home.kept.get(&key, || {
            let found = runtime.block_on(judge(&home, &cached.view, (&api, period), objective));
            found.map(|judged| (judged, 4_096)).map_err(|failure| failed(&failure))
        });
        if made.is_err() {
            tracing::warn!("an objective could not be judged; the page tries again");
        }
    });
    Ok(Contract::Coming)
}

fn command(question: &Question<'_>) -> String {
    let api = question.api.map_or_else(String::new, |api| format!(" --api {}", shell(api)));
    let period = question.period.map_or_else(String::new, |period| format!(" --period {}", period_text(period)));
    let what_if = if question.asks_what_if { " --what-if" } else { "" };
    let (quantile, by) = (shell(question.text), shell(question.by));
    format!("leap latency{api} --quantile {quantile} --by {by}{period}{what_if}")
}

/// What Charter shows of latency: the quantile of an API with its change, and who owns most of it.
pub(in crate::site) struct Tile {
    /// The heading.
    pub(in crate::site) title: String,
    /// What stands in it.
    pub(in crate::site) blocks: Vec<Block>,
}

/// The tile of the first API with an objective, else of all requests, of the period and the one before; `None` where no
/// request began in it.
pub(in crate::site) fn tile(ground: &Ground, before: leap_terms::Period) -> Result<Option<Tile>, Problem> {
    let promised = ground.home.settings.latency.apis.iter().find(|api| api.objective.is_some());
    let api = promised.map(|api| api.name.as_str()).filter(|api| *api != "*");
    let found = |period| -> Result<(Question<'_>, Arc<Option<Look>>), Problem> {
        let question = Question::of_period(ground, api, period)?;
        // An API of which no request is there yet has no tile.
        let look = match question.look() {
            Err(Problem::Parameter { .. }) => Arc::new(None),
            look => look?,
        };
        Ok((question, look))
    };
    let (question, look) = found(ground.period)?;
    let Some(look) = look.as_ref() else { return Ok(None) };
    let mut delta = Vec::new();
    if let Some(earlier) = found(before)?.1.as_ref() {
        let change = i128::from(look.latency_ns) - i128::from(earlier.latency_ns);
        let sign = if change > 0 { "+" } else { "" };
        delta.push(format!("{sign}{} against {}", shown(change).replace('-', "\u{2212}"), period_text(before)));
    }
    delta.extend(question.objective.map(|objective| format!("objective {}", shown(i128::from(objective.ns)))));
    let whole = exact(look.latency_ns);
    let say = look.portions.first().filter(|largest| largest.ns > 0).map(|largest| {
        format!("{} makes {} of it.", ground.name(&largest.value), percent(share(exact(largest.ns), whole)))
    });
    let figure = Figure {
        exact: look.latency_ns.to_string(),
        shown: shown(i128::from(look.latency_ns)),
        href: format!("{}#t-tail", question.to(&["latency"], &[])),
    };
    Ok(Some(Tile {
        title: format!("{} of {}", question.text, look.api),
        blocks: vec![Block::Headline { figure, unit: String::new(), delta, say: say.unwrap_or_default() }],
    }))
}
