//! `leap latency contract`: an objective hour by hour, and where its clock stands.
//!
//! ```text
//! miss_started       2026-09-02T13:00:00Z
//! incident_opened    2026-09-04T13:00:00Z   after 49 hours of missed p99.9
//! ```
//! Counted exactly: a window misses where more than 1 − p of its requests took longer than the objective. Nothing is
//! opened here: this is what a contract would say of the requests that are there.

use std::path::Path;

use leap_decide::contract::clock::{Event, History, Kind, replay};
use leap_decide::contract::{Class, Clause, Latency, Measure, Quantile, State, Thin, Timing};
use leap_decide::seconds::Seconds;
use leap_orient::latency::{RequestRow, Requests};
use leap_orient::tail::windows::{Counter, Windows};
use leap_terms::{Instant, Period, TeamId};
use serde_json::{Value, json};

use super::question::{Api, load_counted, open, span_of};
use super::shown;
use super::windows;
use crate::cli::{LatencyContractArgs, OutputFormat};
use crate::failure::{Exit, Failure};
use crate::home::{Home, LatencySettings};
use crate::output::{Answer, Cell, print_json};
use crate::traces;
use crate::view::View;

/// What windows are, in the order of [`Judged::windows`].
const WINDOWS: [&str; 4] = ["met", "missed", "thin", "no_data"];
/// Seconds of an hour.
const HOUR: i64 = 3_600;
/// A grace that never ends: longer than any data.
const FOREVER: Seconds = match Seconds::new(199 * 365 * 86_400) {
    Some(long) => long,
    None => Seconds::hours(u16::MAX),
};

/// What is promised of an API, judged in windows of an hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Objective {
    /// What the quantile must not exceed, ns.
    pub(crate) ns: u64,
    /// The quantile.
    pub(crate) quantile: Quantile,
    /// An incident opens after more hours of misses than this.
    pub(crate) grace_hours: u32,
    /// Fewer requests than this are no ground for a judgement.
    pub(crate) n_min: u64,
    /// What happens to hours with fewer.
    pub(crate) thin: Thin,
}

impl Objective {
    /// p99.9, 48 hours of grace, hours of few requests counted together until there are 4,000.
    pub(crate) fn new(ns: u64) -> Objective {
        Objective { ns, quantile: Quantile::P999, grace_hours: 48, n_min: 4_000, thin: Thin::Merged }
    }

    /// What `leap.toml` promises of an API.
    pub(crate) fn of(settings: &LatencySettings, api: &Api) -> Option<Objective> {
        let own = settings.apis.iter().find(|own| own.name == api.shown() && own.objective.is_some())?;
        let mut objective = Objective::new(own.objective?);
        if let Some(quantile) = own.quantile {
            objective.quantile = quantile;
        }
        if let Some(hours) = own.grace_hours {
            objective.grace_hours = hours;
        }
        Some(objective)
    }

    fn timing(&self) -> Timing {
        let grace = Seconds::new(i64::from(self.grace_hours) * HOUR).unwrap_or(FOREVER);
        Timing { grace, ..Timing::default() }
    }

    /// The same as a clause, whose windows are judged.
    fn clause(&self) -> Option<Clause> {
        let measure = Measure::Latency(Latency {
            api: String::new(),
            quantile: self.quantile,
            at_most_ns: self.ns,
            n_min: self.n_min,
            thin: self.thin,
        });
        let owner = TeamId::new("nobody").ok()?;
        Some(Clause { id: String::new(), measure, timing: self.timing(), owner, consequence: String::new() })
    }
}

/// What the contract says of some requests.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    /// What was promised.
    pub(crate) objective: Objective,
    /// Requests that were counted.
    pub(crate) requests: u64,
    /// Those that took longer than the objective.
    pub(crate) over: u64,
    /// Hours that met it, missed it, had too few requests, had none.
    windows: [u64; 4],
    /// Where the contract stands.
    pub(crate) state: State,
    /// Hours for which the miss has lasted; 0 where there is none.
    pub(crate) clock: u32,
    /// Since when it is missed; none where it is not.
    since: Option<Instant>,
    events: Vec<Event>,
}

/// Something that happened to an objective.
pub(crate) struct Happened {
    /// When.
    pub(crate) at: String,
    /// `miss_started` …
    pub(crate) event: &'static str,
    /// When the miss began.
    pub(crate) since: String,
    /// Hours of it.
    pub(crate) clock: u32,
}

fn hours(length: Seconds) -> u32 {
    u32::try_from(length.count() / HOUR).unwrap_or(u32::MAX)
}

/// Counts requests by hour, to be judged.
struct Judge {
    objective: Objective,
    windows: Windows,
}

impl Judge {
    fn new(objective: Objective) -> Judge {
        let mut windows = windows::of(objective.timing().window);
        windows.against(objective.ns);
        Judge { objective, windows }
    }

    fn add(&mut self, row: &RequestRow) {
        windows::add(&mut self.windows, row);
    }

    /// Judges hour by hour, from the first hour of a request to the last.
    fn judged(self) -> Judged {
        let (objective, timing) = (self.objective, self.objective.timing());
        let counters = self.windows.counters(objective.ns);
        let sum = |of: fn(&Counter) -> u64| counters.iter().map(|(_, counter)| of(counter)).sum();
        let (requests, over) = (sum(|counter| counter.requests), sum(|counter| counter.over));
        let readings = windows::readings(&self.windows, objective.ns);
        let start = readings.first().map_or(Instant::from_micros(0), |(at, _)| *at);
        let end = readings.last().map_or(start, |(at, _)| at.plus_seconds(HOUR));
        let classes = objective
            .clause()
            .map_or_else(Vec::new, |clause| clause.classify(readings.iter().map(|(at, reading)| (*at, reading))));
        let count = |class: Class| classes.iter().filter(|(_, own)| *own == class).count() as u64;
        let all = u64::try_from(end.seconds_since(start) / HOUR).unwrap_or(0);
        let windows =
            [count(Class::Met), count(Class::Miss), count(Class::Thin), all.saturating_sub(classes.len() as u64)];
        let History { events, state, since, clock, .. } = replay(&timing, (start, end), classes);
        Judged { objective, requests, over, windows, state, clock: hours(clock), since, events }
    }
}

/// Reads the requests of a question, a file at a time, and judges them. None of them makes a judgement of nothing.
pub(crate) async fn judge(
    home: &Home,
    view: &View,
    (api, period): (&Api, Option<Period>),
    objective: Objective,
) -> Result<Judged, Failure> {
    let mut judge = Judge::new(objective);
    traces::count_each(home, span_of(period), view.known(), |requests, row| {
        let [name, service, operation] = [row.api, row.service, row.operation].map(|name| requests.text(name));
        if api.is(name, service, operation) {
            judge.add(row);
        }
    })
    .await?;
    Ok(judge.judged())
}

impl Judged {
    /// Judges requests that were read.
    pub(crate) fn of(requests: &Requests, objective: Objective) -> Judged {
        let mut judge = Judge::new(objective);
        requests.rows().iter().for_each(|row| judge.add(row));
        judge.judged()
    }

    /// True where no hour had enough requests to be judged.
    pub(crate) fn is_unjudged(&self) -> bool {
        let [met, missed, ..] = self.windows;
        met + missed == 0
    }

    /// `ok`, `missing`, `breached`; `unjudged` where no hour could be judged.
    pub(crate) fn state_word(&self) -> &'static str {
        match self.state {
            State::Ok if self.is_unjudged() => "unjudged",
            State::Ok => "ok",
            State::Missing => "missing",
            State::Breached => "breached",
        }
    }

    /// Since when the objective is missed; `None` where it is not.
    pub(crate) fn since(&self) -> Option<String> {
        self.since.map(|since| since.to_string())
    }

    /// When the incident opened, or would open if nothing changed; `None` where nothing is missed.
    pub(crate) fn incident_at(&self) -> Option<String> {
        let hours = i64::from(self.objective.grace_hours) + 1;
        self.since.map(|since| since.plus_seconds(hours * HOUR).to_string())
    }

    /// What happened, in order of time.
    pub(crate) fn happened(&self) -> Vec<Happened> {
        let one = |event: &Event| Happened {
            at: event.at.to_string(),
            event: Kind::word(event.kind),
            since: event.since.to_string(),
            clock: hours(event.clock),
        };
        self.events.iter().map(one).collect()
    }

    /// `12 met, 3 missed, 0 thin, 1 no data`.
    pub(crate) fn hours_in_words(&self) -> String {
        let words = WINDOWS.iter().zip(self.windows);
        words.map(|(word, count)| format!("{count} {}", word.replace('_', " "))).collect::<Vec<_>>().join(", ")
    }

    fn json(&self, api: &Api) -> Value {
        let events: Vec<Value> = self
            .happened()
            .iter()
            .map(|one| json!({ "at": one.at, "event": one.event, "since": one.since, "clock_hours": one.clock }))
            .collect();
        let windows: serde_json::Map<String, Value> =
            WINDOWS.iter().zip(self.windows).map(|(word, count)| ((*word).to_owned(), json!(count))).collect();
        json!({
            "api": api.shown(),
            "objective_ns": self.objective.ns,
            "requests": self.requests,
            "over": self.over,
            "windows": windows,
            "state": self.state_word(),
            "clock_hours": self.clock,
            "grace_hours": self.objective.grace_hours,
            "since": self.since(),
            "incident_at": self.incident_at(),
            "events": events,
        })
    }
}

/// What was asked for, with what `leap.toml` promises where nothing was typed.
fn asked(args: &LatencyContractArgs, settings: &LatencySettings, api: &Api) -> Result<Objective, Failure> {
    let promised = Objective::of(settings, api);
    let mut objective = match (args.objective, promised) {
        (Some(ns), promised) => Objective { ns, ..promised.unwrap_or_else(|| Objective::new(ns)) },
        (None, Some(promised)) => promised,
        (None, None) => {
            let named: Vec<&str> =
                settings.apis.iter().filter(|api| api.objective.is_some()).map(|api| &*api.name).collect();
            let named = if named.is_empty() { "none".to_owned() } else { named.join(", ") };
            return Err(Failure::usage(format!(
                "leap.toml promises nothing of '{}'; say what its quantile must not exceed, such as --objective 3s, or write it \
                 down as the objective of a block [[latency.apis]] (APIs that have one: {named})",
                api.shown()
            )));
        }
    };
    if let Some(quantile) = args.quantile {
        objective.quantile = quantile;
    }
    if let Some(hours) = args.grace_hours {
        objective.grace_hours = hours;
    }
    objective.n_min = args.at_least;
    objective.thin = if args.keep_thin { Thin::Unjudged } else { Thin::Merged };
    Ok(objective)
}

pub(super) async fn run(root: &Path, args: &LatencyContractArgs) -> Result<(), Failure> {
    let (home, view) = open(root, &args.reading).await?;
    let api = Api::of(args.api.as_deref());
    let objective = asked(args, &home.settings.latency, &api)?;
    let judged = judge(&home, &view, (&api, args.period), objective).await?;
    if judged.requests == 0 {
        // What there is instead.
        load_counted(&home, &view, args.api.as_deref(), args.period).await?;
    }
    if args.format.format == OutputFormat::Json {
        print_json(&judged.json(&api))?;
    } else {
        let mut title = format!(
            "{} of {} within {}: now {}{}\n{} requests, {} over; hours: {}",
            objective.quantile,
            api.shown(),
            shown(i128::from(objective.ns)),
            judged.state_word(),
            if judged.clock > 0 { format!(", for {} hours", judged.clock) } else { String::new() },
            judged.requests,
            judged.over,
            judged.hours_in_words()
        );
        if let (State::Missing, Some(since), Some(at)) = (judged.state, judged.since(), judged.incident_at()) {
            title += &format!(
                "\n{} of {} hours of grace, since {since}; the incident would open at {at}",
                judged.clock, objective.grace_hours
            );
        }
        let mut answer = Answer::new(title, &["at", "event", "since", "clock, h"]);
        for one in judged.happened() {
            answer.rows.push(vec![
                Cell::text(one.at),
                Cell::text(one.event),
                Cell::text(one.since),
                Cell::Count(u64::from(one.clock)),
            ]);
        }
        answer.print(args.format.format)?;
    }
    match judged.state {
        State::Breached => Err(Failure {
            message: format!(
                "{} has missed {} for more than {} hours",
                api.shown(),
                shown(i128::from(objective.ns)),
                objective.grace_hours
            ),
            exit: Exit::PolicyBroken,
        }),
        State::Ok if judged.is_unjudged() => Err(Failure::quality(format!(
            "no hour of {} has the {} requests that a judgement needs; say --at-least for fewer, or look at a longer period",
            api.shown(),
            objective.n_min
        ))),
        State::Ok | State::Missing => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_promised_is_found_by_the_name_that_reports_have() {
        let text = "[[latency.apis]]\nname = \"pay\"\nobjective = \"2s\"\nquantile = \"p99\"\n\
                    [[latency.apis]]\nname = \"*\"\nobjective = \"9s\"\ngrace_hours = 5\n";
        let settings: crate::home::Settings = toml::from_str(text).unwrap();
        let of = |api: Option<&str>| Objective::of(&settings.latency, &Api::of(api));
        let pay = of(Some("pay")).unwrap();
        assert_eq!((pay.ns, pay.grace_hours, pay.n_min), (2_000_000_000, 48, 4_000));
        assert_eq!(pay.quantile.to_string(), "p99");
        assert_eq!(of(None).map(|all| (all.ns, all.grace_hours)), Some((9_000_000_000, 5)));
        assert_eq!(of(Some("other")), None);
    }
}
