//! The pages of `leap serve`: what is read, and what it says. How it looks is `leap_web::site`'s.
//!
//! Reading order: `ground` (what a question is about), `words` (figures and their addresses), then the pages.

mod act;
mod charter;
mod claims;
mod coverage;
mod data;
mod explore;
mod ground;
mod latency;
mod measures;
mod org;
mod pools;
mod resource;
mod routes;
mod search;
mod start;
mod team;
mod volume;
mod words;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use leap_terms::Reach;

use leap_web::site::{Answer, Ask, Credential, Done, Entry, Person, Problem, Route, Site};
use tokio::runtime::Handle;

use crate::cli::{OrgArg, PoolsArg, ReadingArgs};
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::people::Gate;
use crate::view::View;
use act::Acting;
use ground::{Cached, Ground};

/// Ways to read that are kept ready.
const VIEWS: usize = 8;

/// The pages of a home.
pub(crate) struct Pages {
    home: Arc<Home>,
    runtime: Handle,
    gate: Gate,
    known: Mutex<Known>,
}

/// What was read of the present state.
#[derive(Default)]
struct Known {
    /// The newest snapshot, and how often a period was closed or opened.
    state: (i64, usize),
    /// By how it is read, and whose cost is seen: no answer can be another person's.
    views: HashMap<(String, Reach), Arc<Cached>>,
}

impl Pages {
    /// Pages of an opened home; to be made where tokio runs.
    pub(crate) fn new(home: Arc<Home>) -> Pages {
        let gate = Gate::new(home.clone(), Handle::current());
        Pages { home, runtime: Handle::current(), gate, known: Mutex::default() }
    }

    /// The view that a question is read through.
    fn view(&self, reach: &Reach, ask: &Ask) -> Result<Arc<Cached>, Problem> {
        let reading = reading(ask)?;
        let head =
            self.runtime.block_on(self.home.book.head()).map_err(|error| failed(&Failure::from_error(&error)))?;
        let statements = self.runtime.block_on(self.home.book.statements(None));
        let statements = statements.map_err(|error| failed(&Failure::from_error(&error)))?;
        let events = statements.iter().map(|one| 1 + usize::from(one.reopened.is_some())).sum();
        let state = (head.as_ref().map_or(0, |head| head.id), events);
        let word = |name: &str| ask.get(name).unwrap_or_default().to_owned();
        let key = [word("org"), word("as_known_on"), word("pools")].join("|");
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.state != state {
            *known = Known { state, views: HashMap::new() };
        }
        if let Some(view) = known.views.get(&(key.clone(), reach.clone())) {
            return Ok(view.clone());
        }
        let whole = match known.views.get(&(key.clone(), Reach::Everything)) {
            Some(whole) => whole.clone(),
            None => {
                // Held while it is read: a second reader would only read the same.
                let view =
                    self.runtime.block_on(View::open(&self.home, &reading)).map_err(|failure| failed(&failure))?;
                let view = Arc::new(Cached::new(view));
                if known.views.len() >= VIEWS {
                    known.views.clear();
                }
                known.views.insert((key.clone(), Reach::Everything), view.clone());
                view
            }
        };
        if reach.is_everything() {
            return Ok(whole);
        }
        let seen = Arc::new(Cached::new(whole.view.seen(reach.clone())));
        if known.views.len() >= VIEWS {
            known.views.retain(|(_, reach), _| reach.is_everything());
        }
        known.views.insert((key, reach.clone()), seen.clone());
        Ok(seen)
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

    fn person(&self, credential: Credential<'_>) -> Result<Option<Person>, Problem> {
        self.gate.person(credential).map_err(|failure| failed(&failure))
    }

    fn log_in(&self, name: &str, password: &str, from: IpAddr) -> Result<Entry, Problem> {
        self.gate.log_in(name, password, from).map_err(|failure| failed(&failure))
    }

    fn log_out(&self, secret: &str) -> Result<(), Problem> {
        self.gate.log_out(secret).map_err(|failure| failed(&failure))
    }

    fn act(&self, person: &Person, ask: &Ask) -> Result<Done, Problem> {
        // A form's fields are no reading: it is the present that is changed.
        let here = Ask { path: ask.path.iter().take(1).cloned().collect(), parameters: Vec::new() };
        let cached = self.view(&person.rights.reach(), &here)?;
        let ground = Ground::new(&self.home, &self.runtime, &cached, person, &here)?;
        act::act(&Acting { ground: &ground, person, ask })
    }

    fn answer(&self, person: &Person, ask: &Ask) -> Result<Answer, Problem> {
        let cached = self.view(&person.rights.reach(), ask)?;
        let ground = Ground::new(&self.home, &self.runtime, &cached, person, ask)?;
        let path: Vec<&str> = ask.path.iter().map(String::as_str).collect();
        routes::known_parameters(ask)?;
        let empty = cached.view.head().scopes.is_empty();
        if empty && ask.get("as_known_on").is_some() {
            return Err(parameter(ask, "as_known_on", "no bill had been taken in by then"));
        }
        if empty && !matches!(path.as_slice(), ["start" | "data" | "latency" | "volume", ..]) {
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
            ["claims"] => ("claims", claims::list(&ground)?),
            ["claims", number] => ("claims", claims::page(&ground, number)?),
            ["latency"] => ("latency", latency::page(&ground)?),
            ["pools"] => ("pools", pools::page(&ground)?),
            ["org"] => ("org", org::page(&ground)?),
            ["periods"] => ("periods", data::periods(&ground)?),
            ["data"] => ("data", data::page(&ground)?),
            ["data", "audit"] => ("data", data::audit(&ground)?),
            ["volume"] => ("data", volume::page(&ground)?),
            ["engineers"] => ("", volume::engineers(&ground)?),
            ["search"] => ("", search::page(&ground)?),
            ["start"] => ("", start::page(&ground)),
            _ => {
                return Err(Problem::NotFound("There is no page with this address, or it is not yours to see.".into()));
            }
        };
        let frame = ground.frame(current)?;
        Ok(Answer { page, frame })
    }

    fn search(&self, person: &Person, ask: &Ask) -> Result<serde_json::Value, Problem> {
        let cached = self.view(&person.rights.reach(), ask)?;
        let ground = Ground::new(&self.home, &self.runtime, &cached, person, ask)?;
        search::items(&ground)
    }

    fn metrics(&self) -> Result<String, Problem> {
        let cached = self.view(&Reach::Everything, &Ask::default())?;
        Ok(data::metrics(&cached.view))
    }

    fn snapshot(&self) -> Result<String, Problem> {
        let cached = self.view(&Reach::Everything, &Ask::default())?;
        Ok(cached.view.head().digest_text())
    }
}
