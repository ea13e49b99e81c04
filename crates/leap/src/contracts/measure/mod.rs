//! The windows of every clause, as what is known now has them.
//!
//! ```text
//! latency     requests of the lake, counted once for all clauses           closed up to the newest request
//! by day      spend by unit and day, once for all clauses; business volume  closed up to the last whole day
//! freshness   what had been published when                                  closed up to now
//! ```
//! Reading order: [`latency`], [`costs`] (spend by unit and day), [`by_day`] (clauses about it), [`fresh`].

mod by_day;
mod costs;
mod fresh;
mod latency;

use std::sync::Arc;

use leap_decide::contract::{Clause, Contract, Measure, Reading, Watch, What};
use leap_terms::{Instant, Period};

use super::{ClauseState, in_force};
use crate::failure::Failure;
use crate::home::Home;
use crate::view::View;

/// What was measured of a clause.
#[derive(Debug, Default)]
struct Measured {
    /// Windows by their starts, each once.
    readings: Vec<(Instant, Reading)>,
    /// How far the time of events has come; none where nothing was heard.
    event_time: Option<Instant>,
    /// Why the newest windows have no reading.
    why: Option<String>,
    /// Why what was measured says nothing of now, whatever it was.
    broken: Option<String>,
}

impl Measured {
    /// Nothing, for a reason.
    fn nothing(why: impl Into<String>) -> Measured {
        Measured { why: Some(why.into()), ..Measured::default() }
    }
}

/// A clause that is to be measured.
#[derive(Clone, Copy)]
struct Asked<'c> {
    /// Its place among all.
    place: usize,
    contract: &'c Contract,
    clause: &'c Clause,
}

impl Asked<'_> {
    /// The contract's term.
    fn term(&self) -> Period {
        self.contract.term
    }
}

/// Every clause of the contracts in force with its windows, in the order of their documents, as they are known in the
/// view: up to `now`, or to the instant of which the view is. Data are read once for all clauses.
pub(crate) async fn watched(home: &Home, view: &View, now: Instant) -> Result<Vec<ClauseState>, Failure> {
    let now = view.known().map_or(now, |known| known.min(now));
    let contracts: Vec<Arc<Contract>> = in_force(view.head())?.list.into_iter().map(Arc::new).collect();
    let mut asked = Vec::new();
    for contract in &contracts {
        for clause in &contract.clauses {
            asked.push(Asked { place: asked.len(), contract, clause });
        }
    }
    let mut measured: Vec<Measured> = asked.iter().map(|_| Measured::default()).collect();
    let of = |wanted: fn(&Measure) -> bool| -> Vec<Asked<'_>> {
        asked.iter().filter(|asked| wanted(&asked.clause.measure)).copied().collect()
    };
    let latency = of(|measure| matches!(measure, Measure::Latency(_)));
    let by_day = of(Measure::is_by_day);
    let fresh = of(|measure| matches!(measure, Measure::Amount { what: What::Freshness, .. }));
    let read = [
        latency::read(home, view, &latency, now).await?,
        by_day::read(home, view, &by_day).await?,
        fresh::read(home, &fresh, now).await?,
    ];
    for (place, found) in read.into_iter().flatten() {
        measured[place] = found;
    }
    let mut states = Vec::with_capacity(measured.len());
    let mut measured = measured.into_iter();
    for contract in &contracts {
        for clause in 0..contract.clauses.len() {
            states.push(state(contract.clone(), clause, measured.next().unwrap_or_default(), now));
        }
    }
    Ok(states)
}

/// Runs the clock of a clause.
fn state(contract: Arc<Contract>, clause: usize, measured: Measured, now: Instant) -> ClauseState {
    let Measured { readings, event_time, why, broken } = measured;
    let own = &contract.clauses[clause];
    let mut watch = Watch::default();
    let heard = !readings.is_empty();
    for (at, reading) in readings {
        watch.record(&own.timing, at, 0, reading);
    }
    if let Some(event_time) = event_time {
        watch.advance(&own.timing, event_time);
    }
    let history = watch.history(own, contract.term);
    let judged = watch.judged(own, contract.term);
    let windows: Vec<_> = judged.into_iter().map(|(at, reading, class)| (at, reading.clone(), class)).collect();
    let begun = Instant::start_of(contract.term.from()) <= now;
    let over = Instant::start_of(contract.term.until()) <= now;
    let none_closed = || "no window is closed yet".to_owned();
    let silent = history.as_ref().map(|history| history.silent).unwrap_or_default();
    let unjudged = if !begun || over {
        None
    } else if broken.is_some() {
        broken
    } else if !heard {
        Some(why.unwrap_or_else(none_closed))
    } else if history.is_none() {
        Some(none_closed())
    } else if silent >= own.timing.stale_after {
        let silence = format!("nothing was heard for {silent}");
        Some(why.map_or(silence.clone(), |why| format!("{silence}: {why}")))
    } else {
        None
    };
    ClauseState { contract, clause, history, windows, unjudged }
}

#[cfg(test)]
mod tests {
    use leap_decide::contract::{Class, Contracts};
    use leap_terms::Day;

    use super::*;
    use crate::contracts::Status;

    fn contract(clause: &str) -> Arc<Contract> {
        let text = format!("contracts:\n  - {{id: c, team: a, clauses: [{{{clause}}}]}}\n");
        let names = |name: &str, _: Day| leap_terms::TeamId::new(name).map_err(|error| error.to_string());
        let read = Contracts::read_yaml("contracts.yaml", &text, &names, "2026-09-01".parse().unwrap()).unwrap();
        Arc::new(read.list[0].clone())
    }

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn amounts(first: &str, amounts: &[&str]) -> Vec<(Instant, Reading)> {
        let reading = |text: &str| Reading::Amount(leap_terms::Ratio::whole(text.parse().unwrap()));
        let day = |index: usize| at(first).plus_seconds(index as i64 * 86_400);
        amounts.iter().enumerate().map(|(index, text)| (day(index), reading(text))).collect()
    }

    #[test]
    fn a_clause_stands_where_its_windows_say() {
        let contract = contract("id: cost, measure: spend, at_most: 10, currency: USD");
        let now = at("2026-09-30T00:00:00Z");
        for (spent, event_time, status, clock) in [
            (&["9", "10"][..], "2026-09-03T00:00:00Z", Status::Ok, None),
            (&["11", "11"], "2026-09-03T00:00:00Z", Status::Missing, Some("48h of 48h")),
            (&["11", "11", "11"], "2026-09-04T00:00:00Z", Status::Breached, Some("3d of 48h")),
            // What is not closed is not judged.
            (&["11", "11", "11"], "2026-09-03T23:59:59Z", Status::Missing, Some("48h of 48h")),
            (&["9"], "2026-09-08T00:00:00Z", Status::Stale, None),
            (&["9"], "2026-09-07T00:00:00Z", Status::Ok, None),
            (&[], "2026-09-07T00:00:00Z", Status::Unjudged, None),
        ] {
            let readings = amounts("2026-09-01T00:00:00Z", spent);
            let measured = Measured { readings, event_time: Some(at(event_time)), ..Measured::default() };
            let found = state(contract.clone(), 0, measured, now);
            assert_eq!(found.status(now), status, "{spent:?} {event_time}: {found:?}");
            assert_eq!(found.clock_of_grace().as_deref(), clock, "{spent:?}");
            assert_eq!(found.unjudged.is_some(), matches!(status, Status::Stale | Status::Unjudged));
        }
    }

    #[test]
    fn windows_are_counted_and_a_breach_is_dated() {
        let contract = contract("id: cost, measure: spend, at_most: 10, currency: USD");
        let mut readings = amounts("2026-09-01T00:00:00Z", &["9", "11"]);
        readings.extend(amounts("2026-09-05T00:00:00Z", &["11"]));
        let event_time = Some(at("2026-09-06T00:00:00Z"));
        let found =
            state(contract, 0, Measured { readings, event_time, ..Measured::default() }, at("2026-09-06T00:00:00Z"));
        let counts = found.counts();
        assert_eq!((counts.met, counts.missed, counts.thin, counts.silent), (1, 2, 0, 2));
        assert_eq!(found.since(), Some(at("2026-09-02T00:00:00Z")));
        assert_eq!(found.breach_at(), Some(at("2026-09-05T00:00:00Z")));
        assert_eq!(found.last().map(|(_, _, class)| *class), Some(Class::Miss));
    }
}
