//! `leap latency contract`: an objective hour by hour, and where its clock stands.
//!
//! ```text
//! miss_started       2026-09-02T13:00:00Z
//! incident_opened    2026-09-04T13:00:00Z   after 49 hours of missed p99.9
//! ```
//! Counted exactly: a window misses where more than 1 − p of its requests took longer than the objective. Nothing is
//! opened here: this is what a contract would say of the requests that are there.

use std::path::Path;

use leap_orient::tail::contract::counters::HOUR_NS;
use leap_orient::tail::contract::{Class, Contract, Counters, Event, Machine, State, Thin};
use leap_terms::Instant;
use serde_json::{Value, json};

use super::question::{load_counted, open};
use super::report::percent;
use super::shown;
use crate::cli::{LatencyContractArgs, OutputFormat};
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Cell, print_json};

/// When an hour since the epoch ends.
fn end_of(hour: u64) -> String {
    let micros = i64::try_from((hour + 1).saturating_mul(HOUR_NS / 1_000)).unwrap_or(i64::MAX);
    Instant::from_micros(micros).to_string()
}

fn state_word(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Missing => "missing",
        State::Breached => "breached",
    }
}

pub(super) async fn run(root: &Path, args: &LatencyContractArgs) -> Result<(), Failure> {
    let (home, view) = open(root, &args.reading).await?;
    let (requests, api) = load_counted(&home, &view, args.api.as_deref(), args.period).await?;
    let contract = Contract {
        quantile: args.quantile,
        breach_after: args.grace_hours,
        n_min: args.at_least,
        thin: if args.keep_thin { Thin::Unjudged } else { Thin::Merged },
        ..Contract::default()
    };
    let mut counters = Counters::default();
    for row in requests.rows() {
        counters.add(&(), row.start_ns, row.latency_ns, row.weight, &[args.objective]);
    }
    let hours: Vec<_> = counters.hours(&(), args.objective).collect();
    let (first, last) = (hours.first().map_or(0, |(hour, _)| *hour), hours.last().map_or(0, |(hour, _)| *hour));
    let mut machine = Machine::new(contract);
    let mut classes = [0_u64; 4];
    let mut events: Vec<Event> = Vec::new();
    let mut known = hours.iter().copied().peekable();
    for hour in first..=last {
        let counter = known.next_if(|(at, _)| *at == hour).map(|(_, counter)| counter).unwrap_or_default();
        let (class, said) = machine.window(hour, counter);
        classes[match class {
            Class::Met => 0,
            Class::Miss => 1,
            Class::Thin => 2,
            Class::NoData => 3,
        }] += 1;
        events.extend(said);
    }
    let counted: u64 = hours.iter().map(|(_, counter)| counter.requests).sum();
    let over = requests.rows().iter().filter(|row| row.latency_ns > args.objective).count();
    let words = ["met", "missed", "thin", "no_data"];
    if args.format.format == OutputFormat::Json {
        let events: Vec<Value> = events
            .iter()
            .map(|event| {
                json!({
                    "at": end_of(event.hour),
                    "event": event.kind.word(),
                    "since": end_of(event.since.saturating_sub(1)),
                    "clock_hours": event.clock,
                })
            })
            .collect();
        let windows: serde_json::Map<String, Value> =
            words.iter().zip(classes).map(|(word, count)| ((*word).to_owned(), json!(count))).collect();
        print_json(&json!({
            "api": api.shown(),
            "objective_ns": args.objective,
            "requests": counted,
            "over": over,
            "windows": windows,
            "state": state_word(machine.state()),
            "clock_hours": machine.clock(),
            "events": events,
        }))?;
    } else {
        let title = format!(
            "{} of {} within {}: now {}{}\n{counted} requests, {over} over; hours: {}",
            percent(args.quantile),
            api.shown(),
            shown(i128::from(args.objective)),
            state_word(machine.state()),
            if machine.clock() > 0 { format!(", for {} hours", machine.clock()) } else { String::new() },
            words
                .iter()
                .zip(classes)
                .map(|(word, count)| format!("{count} {}", word.replace('_', " ")))
                .collect::<Vec<_>>()
                .join(", ")
        );
        let mut answer = Answer::new(title, &["at", "event", "since", "clock, h"]);
        for event in &events {
            answer.rows.push(vec![
                Cell::text(end_of(event.hour)),
                Cell::text(event.kind.word()),
                Cell::text(end_of(event.since.saturating_sub(1))),
                Cell::Count(u64::from(event.clock)),
            ]);
        }
        answer.print(args.format.format)?;
    }
    match machine.state() {
        State::Breached => Err(Failure {
            message: format!(
                "{} has missed {} for more than {} hours",
                api.shown(),
                shown(i128::from(args.objective)),
                args.grace_hours
            ),
            exit: Exit::PolicyBroken,
        }),
        State::Ok | State::Missing => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_end_where_the_next_begins() {
        assert_eq!(end_of(0), "1970-01-01T01:00:00Z");
    }
}
