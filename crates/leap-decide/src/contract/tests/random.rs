//! Any windows in any order: against a machine that goes window by window, and against what arrives in order.

use proptest::prelude::*;

use super::*;

/// The reference's machine, one window after the other, silence included; holes are none.
fn naive(timing: &Timing, classes: &[Option<Class>]) -> (State, Vec<(i64, &'static str)>) {
    let windows = |length: Seconds| length.count() / timing.window.count();
    let (mut state, mut clock, mut met, mut silent) = (State::Ok, 0, 0, 0);
    let mut events = Vec::new();
    for (index, class) in classes.iter().enumerate() {
        let at = index as i64 + 1;
        silent = if class.is_none() { silent + 1 } else { 0 };
        if state == State::Ok && *class == Some(Class::Miss) {
            (state, clock, met) = (State::Missing, 1, 0);
            events.push((at, "miss_started"));
        } else if state != State::Ok {
            clock += 1;
            match class {
                Some(Class::Met) => met += 1,
                Some(Class::Miss) => met = 0,
                Some(Class::Thin) | None => {}
            }
        }
        if state != State::Ok && *class == Some(Class::Met) && met >= windows(timing.recovery) {
            events.push((at, if state == State::Breached { "incident_resolved" } else { "miss_cleared" }));
            (state, clock, met) = (State::Ok, 0, 0);
        }
        if state == State::Missing && clock > windows(timing.grace) {
            state = State::Breached;
            events.push((at, "incident_opened"));
        }
        if silent == windows(timing.stale_after) {
            events.push((at, "data_stale"));
        }
    }
    (state, events)
}

fn any_class() -> impl Strategy<Value = Option<Class>> {
    prop_oneof![
        6 => Just(Some(Class::Miss)),
        2 => Just(Some(Class::Met)),
        1 => Just(Some(Class::Thin)),
        2 => Just(None),
    ]
}

/// Runs of windows, so that long misses and long recoveries are there.
fn any_hours() -> impl Strategy<Value = Vec<Option<Class>>> {
    let run = (any_class(), 1_usize..40);
    prop::collection::vec(run, 1..14)
        .prop_map(|runs| runs.into_iter().flat_map(|(class, count)| vec![class; count]).collect())
}

fn reading(class: Class) -> Reading {
    match class {
        Class::Miss => counts(100_000, 101),
        Class::Met => counts(100_000, 100),
        Class::Thin => counts(3_999, 0),
    }
}

/// Says until there is nothing to be said, and checks that never two are open.
fn settle(watch: &Watch, clause: &Clause, said: &mut Vec<Incident>) -> Result<usize, TestCaseError> {
    let Some(history) = watch.history(clause, Period::ALWAYS) else { return Ok(0) };
    for round in 0..2 {
        let sayings = reconcile("c.p999", &history, said, &clause.timing, None);
        prop_assert!(round == 0 || sayings.is_empty(), "said twice {sayings:?}");
        for saying in sayings {
            apply(said, &saying);
            prop_assert!(said.iter().filter(|incident| incident.is_open()).count() <= 1, "two open: {said:?}");
        }
    }
    Ok(history.events.len())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_clock_is_the_machine_of_the_reference(
        hours in any_hours(),
        grace in 1_u16..60,
        recovery in 1_u16..6,
        stale in 1_u16..9,
    ) {
        let timing = Timing {
            grace: Seconds::hours(grace),
            recovery: Seconds::hours(recovery),
            stale_after: Seconds::hours(stale),
            ..Timing::default()
        };
        let at = |index: usize| start().plus_seconds(index as i64 * 3_600);
        let windows = hours.iter().enumerate().filter_map(|(index, class)| Some((at(index), (*class)?)));
        let history = replay(&timing, (start(), at(hours.len())), windows);
        let found: Vec<(i64, &str)> = history
            .events
            .iter()
            .map(|event| (event.at.seconds_since(start()) / 3_600, event.kind.word()))
            .collect();
        prop_assert_eq!((history.state, found), naive(&timing, &hours));
    }

    /// Each window arrives as a wrong first revision and a right second one, in any order, while windows close in
    /// between. In the end the state, and the incidents that stand, are those of a run in order; others are marked as
    /// not confirmed.
    #[test]
    fn any_order_of_arrival_ends_in_the_same_incidents(
        hours in any_hours(),
        first in prop::collection::vec(any_class(), 40),
        order in prop::collection::vec(any::<u32>(), 97),
        closes in prop::collection::vec(0_i64..600, 0..12),
    ) {
        let clause = latency(Thin::Unjudged);
        let at = |index: usize| start().plus_seconds(index as i64 * 3_600);
        // A first and a last window that are always there, so that both runs begin and end alike.
        let mut hours = hours;
        hours.insert(0, Some(Class::Met));
        hours.extend([Some(Class::Met); 8]);
        let end = start().plus_seconds((hours.len() as i64 + 2) * 3_600);

        let mut in_order = Watch::default();
        for (index, class) in hours.iter().enumerate() {
            let right = class.map_or_else(|| counts(0, 0), reading);
            in_order.record(&clause.timing, at(index), 2, right);
        }
        in_order.advance(&clause.timing, end);
        let mut expected = Vec::new();
        settle(&in_order, &clause, &mut expected)?;

        let mut arrivals: Vec<(u32, usize, u64)> = (0..hours.len())
            .flat_map(|index| [(index, 1), (index, 2)])
            .enumerate()
            .map(|(count, (index, revision))| (order[count % 97].wrapping_mul(count as u32 * 2 + 1), index, revision))
            .collect();
        arrivals.sort_unstable();
        let (mut watch, mut said) = (Watch::default(), Vec::new());
        for (count, (_, index, revision)) in arrivals.into_iter().enumerate() {
            let class = if revision == 2 { hours[index] } else { first[index % 40] };
            watch.record(&clause.timing, at(index), revision, class.map_or_else(|| counts(0, 0), reading));
            if let Some(close) = closes.get(count / 40) {
                watch.advance(&clause.timing, start().plus_seconds(close * 3_600));
                settle(&watch, &clause, &mut said)?;
            }
        }
        watch.advance(&clause.timing, end.max(watch.closed().map_or(end, |closed| closed.plus_seconds(7_200))));
        in_order.advance(&clause.timing, watch.closed().unwrap().plus_seconds(7_200));
        settle(&in_order, &clause, &mut expected)?;
        settle(&watch, &clause, &mut said)?;
        prop_assert_eq!(
            watch.history(&clause, Period::ALWAYS),
            in_order.history(&clause, Period::ALWAYS)
        );
        let stretches = |incidents: &[Incident]| {
            let standing = incidents.iter().filter(|incident| incident.unconfirmed.is_none());
            let mut stretches: Vec<Vec<Stretch>> = standing.map(|incident| incident.stretches.clone()).collect();
            stretches.sort_unstable();
            stretches
        };
        prop_assert_eq!(stretches(&said), stretches(&expected));
        let mut ids: Vec<&String> = said.iter().map(|incident| &incident.id).collect();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), said.len(), "ids are unique");
    }
}
