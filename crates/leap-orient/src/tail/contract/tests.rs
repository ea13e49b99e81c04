//! The worked sequences of windows, and arrival in any order.

use super::*;
use crate::tail::quantile::{Quantile, Units};
use proptest::prelude::*;

const OK: Counter = Counter { requests: 100_000, weight: 100_000 << 20, bad: 100 << 20 };
const BAD: Counter = Counter { requests: 100_000, weight: 100_000 << 20, bad: 101 << 20 };
const NONE: Counter = Counter { requests: 0, weight: 0, bad: 0 };

/// Runs (count, window) after the other; events as (1-based window, kind).
fn run(contract: Contract, sequence: &[(usize, Counter)]) -> (Machine, Vec<(u64, EventKind)>) {
    let mut machine = Machine::new(contract);
    let windows = sequence.iter().flat_map(|(count, counter)| std::iter::repeat_n(*counter, *count));
    let events = windows.enumerate().flat_map(|(index, counter)| machine.window(index as u64 + 1, counter).1);
    let events = events.map(|event| (event.hour, event.kind)).collect();
    (machine, events)
}

fn default(sequence: &[(usize, Counter)]) -> (State, u32, Vec<(u64, EventKind)>) {
    let (machine, events) = run(Contract::default(), sequence);
    (machine.state(), machine.clock(), events)
}

use EventKind::{DataStale, IncidentOpened, IncidentResolved, MissCleared, MissStarted};

#[test]
fn forty_eight_bad_hours_are_missing() {
    assert_eq!(default(&[(48, BAD)]), (State::Missing, 48, vec![(1, MissStarted)]));
}

#[test]
fn the_forty_ninth_bad_hour_opens_the_incident_once() {
    assert_eq!(default(&[(49, BAD)]), (State::Breached, 49, vec![(1, MissStarted), (49, IncidentOpened)]));
    assert_eq!(default(&[(99, BAD)]), (State::Breached, 99, vec![(1, MissStarted), (49, IncidentOpened)]));
}

#[test]
fn a_blip_does_not_reset() {
    let (state, clock, events) = default(&[(40, BAD), (2, OK), (7, BAD)]);
    assert_eq!((state, clock, events), (State::Breached, 49, vec![(1, MissStarted), (49, IncidentOpened)]));
}

#[test]
fn three_met_hours_end_the_miss() {
    let (state, clock, events) = default(&[(40, BAD), (3, OK), (48, BAD)]);
    assert_eq!((state, clock), (State::Missing, 48));
    assert_eq!(events, [(1, MissStarted), (43, MissCleared), (44, MissStarted)]);
}

#[test]
fn silence_does_not_stop_the_clock() {
    let (state, clock, events) = default(&[(40, BAD), (9, NONE)]);
    assert_eq!((state, clock), (State::Breached, 49));
    assert_eq!(events, [(1, MissStarted), (46, DataStale), (49, IncidentOpened)]);
}

#[test]
fn silence_in_ok_is_stale_at_the_sixth_hour_and_nothing_more() {
    assert_eq!(default(&[(60, NONE)]), (State::Ok, 0, vec![(6, DataStale)]));
}

#[test]
fn three_met_hours_resolve_the_incident() {
    let (state, clock, events) = default(&[(49, BAD), (3, OK)]);
    assert_eq!((state, clock), (State::Ok, 0));
    assert_eq!(events, [(1, MissStarted), (49, IncidentOpened), (52, IncidentResolved)]);
}

#[test]
fn thin_hours_are_not_judged() {
    let thin = Counter::of(3_999, 3_999);
    assert_eq!(default(&[(60, thin)]), (State::Ok, 0, vec![]));
    assert_eq!(Machine::new(Contract::default()).window(1, thin).0, Class::Thin);
    // But they run the clock of a miss.
    assert_eq!(default(&[(40, BAD), (9, thin)]).0, State::Breached);
}

#[test]
fn thin_hours_are_judged_together_where_the_contract_says_so() {
    let contract = Contract { thin: Thin::Merged, ..Contract::default() };
    let thin = |bad| Counter::of(1_500, bad);
    let mut machine = Machine::new(contract);
    let classes: Vec<Class> = [1, 2, 2, 4, 0].into_iter().map(|bad| machine.window(0, thin(bad)).0).collect();
    // 4,500 requests with 5 bad: 5 > 4. Then the count starts again.
    assert_eq!(classes, [Class::Thin, Class::Thin, Class::Miss, Class::Thin, Class::Thin]);
    assert_eq!((machine.state(), machine.clock()), (State::Missing, 3));
}

#[test]
fn a_hundred_of_a_hundred_thousand_are_met_and_one_more_is_a_miss() {
    let p = Quantile::p999();
    assert_eq!((OK.misses(p), BAD.misses(p)), (false, true));
    assert_eq!((OK, BAD), (Counter::of(100_000, 100), Counter::of(100_000, 101)));
    for n in [1, 999, 1000, 1001, 1999, 2000, 4321] {
        for bad in 0..6.min(n) {
            assert_eq!(Counter::of(n, bad).misses(p), bad > n / 1000, "{bad} of {n}");
        }
    }
    let weighted =
        Counter::of_request(300, 250, Units::requests(4)).plus(Counter::of_request(250, 250, Units::requests(3996)));
    assert!(!weighted.misses(p), "4 · 1000 is not over 4000, and 250 meets 250");
    assert!(weighted.plus(Counter::of_request(251, 250, Units::ONE)).misses(p));
}

#[test]
fn the_hours_of_an_api_are_exact_and_add_up_in_any_order() {
    let hour = counters::HOUR_NS;
    let mut counters = Counters::default();
    for (start, latency) in [(hour - 1, 300), (hour, 300), (hour + 5, 200), (3 * hour, 251)] {
        counters.add(&"charge", start, latency, Units::ONE, &[250, 1000]);
    }
    counters.add(&"refund", hour, 900, Units::ONE, &[250]);
    let of = |counters: &Counters<&'static str>| counters.hours(&"charge", 250).collect::<Vec<_>>();
    assert_eq!(of(&counters), [(0, Counter::of(1, 1)), (1, Counter::of(2, 1)), (3, Counter::of(1, 1))]);
    let mut both = Counters::default();
    both.absorb(&counters);
    both.absorb(&counters);
    assert_eq!(of(&both)[1], (1, Counter::of(4, 2)));
    assert_eq!(both.hours(&"charge", 1000).map(|(_, counter)| counter.bad).sum::<u128>(), 0);
}

#[test]
fn an_hour_closes_two_hours_after_its_end() {
    let hour = counters::HOUR_NS;
    let mut watch = Watch::new(Contract::default());
    watch.add(17, BAD);
    assert_eq!(watch.advance(20 * hour - 1), []);
    let said = watch.advance(20 * hour);
    let started = Event { hour: 17, kind: MissStarted, since: 17, clock: 1 };
    assert_eq!(said, [WatchEvent::Said(started)]);
    assert_eq!(watch.advance(20 * hour), [], "it is said once");
}

#[test]
fn late_requests_correct_what_was_said_and_withdraw_nothing_silently() {
    let mut watch = Watch::new(Contract::default());
    watch.add_all((1..=49).map(|hour| (hour, BAD)));
    assert_eq!(watch.close(50).len(), 2);
    // A million fast requests of hours 1 to 3 come late: the miss began at hour 4, so the 49th hour is not there yet.
    let fast = Counter::of(1_000_000, 0);
    let corrected = watch.add_all((1..=3).map(|hour| (hour, fast)));
    let kinds: Vec<_> = corrected
        .iter()
        .map(|event| match event {
            WatchEvent::NotConfirmed(event) => (event.hour, event.kind, false),
            WatchEvent::Added(event) => (event.hour, event.kind, true),
            WatchEvent::Said(event) => panic!("nothing closed, yet {event:?}"),
        })
        .collect();
    assert_eq!(kinds, [(1, MissStarted, false), (4, MissStarted, true), (49, IncidentOpened, false)]);
    assert_eq!((watch.machine().state(), watch.machine().clock()), (State::Missing, 46));
    assert_eq!(watch.add(30, Counter::of(10, 10)), [], "it changes no event");
}

/// Windows of all classes.
fn any_window() -> impl Strategy<Value = Counter> {
    prop_oneof![5 => Just(BAD), 2 => Just(OK), 1 => Just(NONE), 1 => Just(Counter::of(900, 5))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn shuffled_arrival_equals_in_order(
        windows in prop::collection::vec(any_window(), 1..150),
        order in prop::collection::vec(any::<u32>(), 150),
        closes in prop::collection::vec(0_u64..160, 0..12),
        merged: bool,
    ) {
        let contract = Contract { thin: if merged { Thin::Merged } else { Thin::Unjudged }, ..Contract::default() };
        let first = 1000;
        let hours: Vec<(u64, Counter)> = windows.iter().enumerate().map(|(index, counter)| (first + index as u64, *counter)).collect();
        let mut machine = Machine::new(contract);
        let in_order = machine.run(first, first + 160, hours.clone());
        // Each window arrives in two halves, in any order, with windows closing in between.
        let halves = hours.iter().flat_map(|(hour, counter)| {
            let half = Counter { requests: counter.requests / 2, weight: counter.weight / 2, bad: counter.bad / 2 };
            let rest = Counter {
                requests: counter.requests - half.requests,
                weight: counter.weight - half.weight,
                bad: counter.bad - half.bad,
            };
            [(*hour, half), (*hour, rest)]
        });
        let mut halves: Vec<(usize, (u64, Counter))> = halves.enumerate().collect();
        halves.sort_by_key(|(index, _)| (order[index % 150].wrapping_mul(*index as u32 + 1), *index));
        let mut watch = Watch::new(contract);
        let mut said = Vec::new();
        for (index, (_, (hour, counter))) in halves.into_iter().enumerate() {
            said.extend(watch.add(hour, counter));
            if let Some(close) = closes.get(index / 20) {
                said.extend(watch.close(first + close));
            }
        }
        said.extend(watch.close(first + 160));
        prop_assert_eq!(watch.events(), in_order.as_slice());
        prop_assert_eq!(watch.machine(), &machine);
        // What was said, with its corrections, is what happened.
        let mut standing: Vec<(u64, EventKind)> = Vec::new();
        for event in said {
            match event {
                WatchEvent::Said(event) | WatchEvent::Added(event) => standing.push((event.hour, event.kind)),
                WatchEvent::NotConfirmed(event) => standing.retain(|held| *held != (event.hour, event.kind)),
            }
        }
        standing.sort_unstable();
        let mut happened: Vec<_> = in_order.iter().map(|event| (event.hour, event.kind)).collect();
        happened.sort_unstable();
        prop_assert_eq!(standing, happened);
    }
}
