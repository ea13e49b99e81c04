//! The pages of `leap serve`: what is read, and what it says. How it looks is `leap_web::site`'s.
//!
//! Reading order: `ground` (what a question is about), `words` (figures and their addresses), then the pages.

mod account;
mod act;
mod alerts;
mod approve;
mod budgets;
mod charter;
mod claims;
mod contracts;
mod coverage;
mod data;
mod dated;
mod difference;
mod explore;
mod forecast;
mod ground;
mod incidents;
mod latency;
mod measures;
mod messages;
mod metrics;
mod org;
mod parquet;
mod periods;
mod pools;
mod reorg;
mod resource;
mod routes;
mod rules;
mod search;
mod start;
mod team;
mod views;
mod volume;
mod waivers;
mod words;

use std::sync::Arc;

use leap_act::channels::slack::inbound::{Inbound, Refused};
use leap_terms::{CostKind, Reach};
use leap_web::site::model::Table;
use leap_web::site::{Answer, Ask, Done, Entrance, Hook, Hooked, Person, Problem, Route, Site};
use tokio::runtime::Handle;

use crate::cli::{OrgArg, PoolsArg, ReadingArgs};
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::messages::Post;
use crate::people::{Doors, Gate};
use crate::view::View;
use act::Acting;
use ground::{Cached, Ground};
use views::{Generation, State, Views};

/// The pages that are made before readers see a new snapshot.
const FIRST: [&[&str]; 5] = [&[], &["explore"], &["coverage"], &["org"], &["pools"]];

/// Slices that are packed before somebody asks for them.
const SLICES: usize = 100;

/// The pages of a home.
#[derive(Clone)]
pub(crate) struct Pages {
    home: Arc<Home>,
    runtime: Handle,
    gate: Arc<Gate>,
    views: Arc<Views>,
    post: Arc<Post>,
}

impl Pages {
    /// Pages of an opened home; to be made where tokio runs.
    pub(crate) fn new(home: Arc<Home>, doors: Doors, post: Arc<Post>) -> Pages {
        let gate = Arc::new(Gate::new(home.clone(), Handle::current(), doors));
        Pages { home, runtime: Handle::current(), gate, views: Arc::default(), post }
    }

    /// Makes the first pages of the newest snapshot, before somebody asks for them.
    pub(crate) fn make_ready(&self) {
        match self.state() {
            Ok(state) => self.make_first(&self.views.of(state, u64::MAX, |_| {})),
            Err(problem) => tracing::warn!("no page was made ready: {problem:?}"),
        }
    }

    /// As somebody has them who sees everything.
    fn make_first(&self, generation: &Generation) {
        let person = crate::people::local();
        for path in FIRST {
            let path = path.iter().map(|segment| (*segment).to_owned()).collect();
            let ask = Ask { path, ..Ask::default() };
            let cached = self.view_of(generation, &Reach::Everything, &ask);
            if let Err(problem) = cached.and_then(|cached| self.made(&cached, &person, &ask)) {
                tracing::debug!("a page was not made ready: {problem:?}");
            }
        }
        // Trends of units read all months of a year, the newest first.
        let Ok(cached) = self.view_of(generation, &Reach::Everything, &Ask::default()) else { return };
        let open = crate::world::published(&self.home);
        let mut slices: Vec<_> = cached.view.sliced().iter().map(|(_, slice)| slice).collect();
        slices.sort_by_key(|slice| std::cmp::Reverse(slice.scope.billing_period));
        for slice in slices.into_iter().take(SLICES) {
            if let Err(failure) = crate::packs::folded(&self.home, slice, CostKind::Effective, &open) {
                tracing::warn!("a pack was not made ready: {}", failure.message);
            }
        }
    }

    /// The newest snapshot, and how often a period was closed or opened.
    fn state(&self) -> Result<State, Problem> {
        let head = self.runtime.block_on(self.home.book.head());
        let head = head.map_err(|error| failed(&Failure::from_error(&error)))?;
        let statements = self.runtime.block_on(self.home.book.statements(None));
        let statements = statements.map_err(|error| failed(&Failure::from_error(&error)))?;
        let events = statements.iter().map(|one| 1 + usize::from(one.reopened.is_some())).sum();
        Ok((head.as_ref().map_or(0, |head| head.id), events))
    }

    /// The view that a question is read through.
    fn view(&self, reach: &Reach, ask: &Ask) -> Result<Arc<Cached>, Problem> {
        let generation = self.views.of(self.state()?, self.home.settings.serve.ready_rows, |coming| {
            let own = self.clone();
            std::thread::spawn(move || {
                own.make_first(&coming);
                own.views.show(&coming);
            });
        });
        self.view_of(&generation, reach, ask)
    }

    fn view_of(&self, generation: &Generation, reach: &Reach, ask: &Ask) -> Result<Arc<Cached>, Problem> {
        let reading = reading(ask)?;
        // Whose cost is whose is read by the org as it was. Another tree, or that of another time, would show to who sees a
        // part what stood there then, or stands there now.
        if !reach.is_everything() {
            for name in ["org", "as_known_on"] {
                if ask.get(name).is_some_and(|value| value != "as-was") {
                    return Err(parameter(ask, name, "is for who sees the whole company"));
                }
            }
        }
        let word = |name: &str| ask.get(name).unwrap_or_default().to_owned();
        let key = [word("org"), word("as_known_on"), word("pools")].join("|");
        let whole = generation.view(&(key.clone(), Reach::Everything), || {
            let view = self.runtime.block_on(View::open(&self.home, &reading));
            view.map(Cached::new).map_err(|failure| failed(&failure))
        })?;
        if reach.is_everything() {
            return Ok(whole);
        }
        generation.view(&(key, reach.clone()), || Ok(Cached::new(whole.view.seen(reach.clone()))))
    }

    /// A page through a view.
    fn made(&self, cached: &Arc<Cached>, person: &Person, ask: &Ask) -> Result<Answer, Problem> {
        let ground = Ground::new(&self.home, &self.runtime, cached, person, ask)?;
        let path: Vec<&str> = ask.path.iter().map(String::as_str).collect();
        routes::known_parameters(ask)?;
        let empty = cached.view.head().scopes.is_empty();
        if empty && ask.get("as_known_on").is_some() {
            return Err(parameter(ask, "as_known_on", "no bill had been taken in by then"));
        }
        // What is there without a bill.
        let own = ["start", "data", "latency", "contracts", "incidents", "plans", "messages", "volume", "account"];
        if empty && !path.first().is_some_and(|first| own.contains(first)) {
            return Err(Problem::Nothing(
                "No bill has been taken in yet. Take one in with: leap ingest PATH\nThen this page shows whose it is."
                    .into(),
            ));
        }
        let (current, page) = match path.as_slice() {
            [] => ("charter", charter::page(&ground)?),
            ["team", unit] => ("team", team::page(&ground, unit)?),
            ["explore"] => ("explore", explore::page(&ground)?),
            ["resource"] => ("explore", resource::page(&ground)?),
            ["coverage"] => ("coverage", coverage::ledger(&ground)?),
            ["coverage", "residual"] => ("coverage", coverage::residual(&ground)?),
            ["coverage", "rules"] => ("coverage", rules::page(&ground)?),
            ["claims"] => ("claims", claims::list(&ground)?),
            ["claims", number] => ("claims", claims::page(&ground, number)?),
            ["latency"] => ("latency", latency::page(&ground)?),
            ["latency", "requests"] => ("latency", latency::requests(&ground)?),
            ["latency", "explain"] => ("latency", latency::explain(&ground)?),
            ["latency", "diff"] => ("latency", latency::diff(&ground)?),
            ["pools"] => ("pools", pools::page(&ground)?),
            ["pools", name] => ("pools", pools::one(&ground, name)?),
            ["pools", name, day] => ("pools", pools::day(&ground, name, day)?),
            ["budgets"] => ("budgets", budgets::page(&ground)?),
            ["contracts"] => ("contracts", contracts::list(&ground)?),
            ["contracts", contract, clause] => ("contracts", contracts::page(&ground, contract, clause)?),
            ["alerts"] => ("alerts", alerts::page(&ground)?),
            ["forecast"] => ("budgets", forecast::page(&ground)?),
            ["waivers"] => ("budgets", waivers::list(&ground)?),
            ["waivers", number] => ("budgets", waivers::page(&ground, number)?),
            ["incidents"] => ("incidents", incidents::list(&ground)?),
            ["incidents", number] => ("incidents", incidents::page(&ground, number)?),
            ["plans"] => ("incidents", incidents::plans(&ground)?),
            ["plans", number] => ("incidents", incidents::plan(&ground, number)?),
            ["plans", "approvals", number] => ("incidents", incidents::held_page(&ground, number)?),
            ["messages"] => ("incidents", messages::list(&ground)?),
            ["messages", number] => ("incidents", messages::page(&ground, number)?),
            ["org"] => ("org", org::page(&ground)?),
            ["org", "plan"] => ("org", reorg::plan_page(&ground)),
            ["org", "plans"] => ("org", reorg::plans(&ground)?),
            ["org", "plans", number] => ("org", reorg::plan_asked(&ground, number)?),
            ["org", "log"] => ("org", reorg::log(&ground)?),
            ["periods"] => ("periods", data::periods(&ground)?),
            ["periods", period] => ("periods", periods::page(&ground, period)?),
            ["data"] => ("data", data::page(&ground)?),
            ["data", "audit"] => ("data", data::audit(&ground)?),
            ["volume"] => ("data", volume::page(&ground)?),
            ["engineers"] => ("", volume::engineers(&ground)?),
            ["search"] => ("", search::page(&ground)?),
            ["account"] => ("", account::page(&ground)?),
            ["start"] => ("", start::page(&ground)),
            _ => {
                return Err(Problem::NotFound("There is no page with this address, or it is not yours to see.".into()));
            }
        };
        // What does not prove is not shown, but for what says where it does not: the ledger, the proofs and the trail.
        let shows_proofs =
            matches!(path.as_slice(), ["coverage"] | ["data", ..] | ["account" | "start" | "latency" | "messages", ..]);
        let page = if !shows_proofs && ground.broken()?.is_some() { page.withheld() } else { page };
        let frame = ground.frame(current)?;
        let frame = if current == "latency" { latency::frame(&ground, frame)? } else { frame };
        Ok(Answer { page, frame })
    }
}

/// How the parameters want the past to be read.
fn reading(ask: &Ask) -> Result<ReadingArgs, Problem> {
    let org = match ask.get("org") {
        None | Some("as-was") => OrgArg::AsWas,
        Some("as-is") => OrgArg::AsIs,
        Some(text) => OrgArg::On(text.parse().map_err(|_| {
            parameter(ask, "org", format!("'{text}' is none of as-was, as-is, or a day such as 2026-09-16"))
        })?),
    };
    let as_known_on = match ask.get("as_known_on") {
        None => None,
        Some(text) => Some(crate::cli::known_on(text).map_err(|error| parameter(ask, "as_known_on", error))?),
    };
    let pools = match ask.get("pools") {
        None | Some("shared") => PoolsArg::Shared,
        Some("kept") => PoolsArg::Kept,
        Some(text) => return Err(parameter(ask, "pools", format!("'{text}' is none of shared, kept"))),
    };
    Ok(ReadingArgs { org, as_known_on, snapshot: None, pools, pending: false })
}

/// A parameter that is not understood.
fn parameter(ask: &Ask, name: &str, message: impl Into<String>) -> Problem {
    let rest: Vec<(String, String)> = ask.parameters.iter().filter(|(key, _)| key != name).cloned().collect();
    let without =
        leap_web::site::model::Link::new(format!("The page without {name}"), words::address(&ask.path, &rest));
    Problem::Parameter { name: name.to_owned(), message: message.into(), without: Some(without) }
}

/// A failure of the engine, as a reader is told.
fn failed(failure: &Failure) -> Problem {
    if failure.exit == Exit::Failed || failure.exit == Exit::DataQuality {
        tracing::error!("{}", failure.message);
    }
    Problem::Failed(format!("{}\nNothing was changed.", failure.message))
}

impl Site for Pages {
    fn routes(&self) -> &'static [Route] {
        &routes::ROUTES
    }

    fn entrance(&self) -> &dyn Entrance {
        &*self.gate
    }

    fn act(&self, person: &Person, ask: &Ask) -> Result<Done, Problem> {
        // A form's fields are no reading: it is the present that is changed.
        let here = Ask { path: ask.path.iter().take(1).cloned().collect(), ..Ask::default() };
        let cached = self.view(&person.rights.reach(), &here)?;
        let ground = Ground::new(&self.home, &self.runtime, &cached, person, &here)?;
        act::act(&Acting { ground: &ground, person, ask })
    }

    fn answer(&self, person: &Person, ask: &Ask) -> Result<Answer, Problem> {
        self.made(&self.view(&person.rights.reach(), ask)?, person, ask)
    }

    fn search(&self, person: &Person, ask: &Ask) -> Result<serde_json::Value, Problem> {
        let cached = self.view(&person.rights.reach(), ask)?;
        let ground = Ground::new(&self.home, &self.runtime, &cached, person, ask)?;
        search::items(&ground)
    }

    fn parquet(&self, table: &Table, about: &[(&str, &str)]) -> Result<Vec<u8>, Problem> {
        parquet::bytes(table, about).map_err(|failure| failed(&failure))
    }

    fn metrics(&self) -> Result<String, Problem> {
        let (ask, person) = (Ask::default(), crate::people::local());
        let cached = self.view(&Reach::Everything, &ask)?;
        let ground = Ground::new(&self.home, &self.runtime, &cached, &person, &ask)?;
        metrics::metrics(&ground, crate::clock::now())
    }

    fn hook(&self, hook: &Hook<'_>) -> Hooked {
        let inbound = Inbound { signatures: &hook.signatures, timestamps: &hook.timestamps, body: hook.body };
        match self.runtime.block_on(self.post.pressed(&self.home.book, hook.channel, inbound)) {
            Ok(_) => Hooked::Taken,
            Err(Some(Refused::TooMany)) => Hooked::Busy,
            // Slack sends a press again that it got no answer to.
            Err(Some(Refused::Replay)) => Hooked::Taken,
            Err(Some(refused)) => {
                tracing::warn!("a request for the channel {} was refused: {refused}", hook.channel.escape_debug());
                Hooked::Refused
            }
            Err(None) => Hooked::Failed,
        }
    }

    fn snapshot(&self) -> Result<String, Problem> {
        let cached = self.view(&Reach::Everything, &Ask::default())?;
        Ok(cached.view.head().digest_text())
    }
}
