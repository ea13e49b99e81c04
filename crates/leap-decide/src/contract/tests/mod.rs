//! The breach clock: the sequences of the reference, to the minute, with gaps, late and restated data; any order of
//! arrival.

mod documents;
mod random;

use leap_terms::{Instant, Ratio, TeamId};

use super::clock::{History, replay};
use super::incident::{apply, reconcile};
use super::watch::{Correction, corrections, left};
use super::*;
use crate::seconds::Seconds;

/// 2026-10-24T00:00:00Z: the day before clocks are put back in Europe.
const START: i64 = 1_792_800_000;

fn start() -> Instant {
    Instant::from_micros(START * 1_000_000)
}

fn hours() -> Timing {
    Timing::default()
}

fn minutes() -> Timing {
    Timing { window: Seconds::minutes(1), ..Timing::default() }
}

/// `m` missed, `o` met, `t` thin, `-` silent; with counts: `40m 2o 7m`.
fn classes(text: &str) -> Vec<Option<Class>> {
    let word = |word: &str| {
        let (count, class) = word.split_at(word.len() - 1);
        let class = match class {
            "m" => Some(Class::Miss),
            "o" => Some(Class::Met),
            "t" => Some(Class::Thin),
            _ => None,
        };
        vec![class; count.parse().unwrap()]
    };
    text.split_whitespace().flat_map(word).collect()
}

fn run(timing: &Timing, text: &str) -> History {
    let classes = classes(text);
    let at = |index: usize| start().plus_seconds(index as i64 * timing.window.count());
    let windows = classes.iter().enumerate().filter_map(|(index, class)| Some((at(index), (*class)?)));
    replay(timing, (start(), at(classes.len())), windows)
}

/// Events as (how many windows after the start, word), and the state.
fn told(timing: &Timing, text: &str) -> (State, i64, Vec<(i64, &'static str)>) {
    let history = run(timing, text);
    let windows = |at: Instant| at.seconds_since(start()) / timing.window.count();
    let events = history.events.iter().map(|event| (windows(event.at), event.kind.word())).collect();
    (history.state, history.clock.count() / timing.window.count(), events)
}

#[test]
fn the_sequences_of_the_reference_come_out_as_its_table_says() {
    let started = (1, "miss_started");
    for (text, state, clock, events) in [
        ("48m", State::Missing, 48, vec![started]),
        ("49m", State::Breached, 49, vec![started, (49, "incident_opened")]),
        ("99m", State::Breached, 99, vec![started, (49, "incident_opened")]),
        ("40m 2o 7m", State::Breached, 49, vec![started, (49, "incident_opened")]),
        ("40m 3o 48m", State::Missing, 48, vec![started, (43, "miss_cleared"), (44, "miss_started")]),
        ("40m 9-", State::Breached, 49, vec![started, (46, "data_stale"), (49, "incident_opened")]),
        ("60-", State::Ok, 0, vec![(6, "data_stale")]),
        ("49m 3o", State::Ok, 0, vec![started, (49, "incident_opened"), (52, "incident_resolved")]),
        ("60t", State::Ok, 0, vec![]),
        ("40m 9t", State::Breached, 49, vec![started, (49, "incident_opened")]),
        // The third met window falls together with the 49th hour: the miss is over.
        ("46m 3o", State::Ok, 0, vec![started, (49, "miss_cleared")]),
        // Thin windows and silence between two met ones say nothing.
        ("10m 1o 5t 1o 2- 1o", State::Ok, 0, vec![started, (20, "miss_cleared")]),
        ("10m 2o 1m 2o", State::Missing, 15, vec![started]),
        ("5- 1o 6- 1t 6-", State::Ok, 0, vec![(12, "data_stale"), (19, "data_stale")]),
    ] {
        assert_eq!(told(&hours(), text), (state, clock, events), "{text}");
    }
}

#[test]
fn forty_eight_hours_to_the_minute() {
    // 47:59, 48:00, 48:01; and with holes of up to five minutes, of more, and blips of met minutes.
    for (text, opened) in [
        ("2879m", None),
        ("2880m", None),
        ("2881m", Some(2881)),
        ("9999m", Some(2881)),
        ("1000m 5- 1874m", None),
        ("1000m 5- 1875m", None),
        ("1000m 5- 1876m", Some(2881)),
        ("1000m 90- 1791m", Some(2881)),
        ("1000m 90- 1790m", None),
        ("1000m 179o 1702m", Some(2881)),
        // Three hours of it holding end the miss, with a hole of five minutes as well.
        ("1000m 180o 2880m", None),
        ("1000m 100o 5- 75o 2880m", None),
        ("1000m 100o 5- 74o 1702m", Some(2881)),
        ("1000m 100o 6- 74o 1701m", Some(2881)),
        // At the end a hole concludes nothing while it is small; one of six minutes is silence, which stops no clock.
        ("2878m 5-", None),
        ("2878m 6-", Some(2881)),
    ] {
        let (_, _, events) = told(&minutes(), text);
        let found: Vec<i64> = events.iter().filter(|event| event.1 == "incident_opened").map(|event| event.0).collect();
        assert_eq!(found, opened.into_iter().collect::<Vec<_>>(), "{text}");
    }
    // The grace, whatever the window: 48 h are kept by 2 windows of a day, and broken by the third.
    let days = Timing { window: Seconds::hours(24), ..Timing::default() };
    assert_eq!(told(&days, "2m").0, State::Missing);
    assert_eq!(told(&days, "3m").0, State::Breached);
}

#[test]
fn years_of_silence_cost_nothing() {
    let seconds = Timing { window: Seconds::new(1).unwrap(), ..Timing::default() };
    let until = start().plus_seconds(50 * 366 * 86_400);
    let history = replay(&seconds, (start(), until), [(start(), Class::Miss)]);
    let at: Vec<i64> = history.events.iter().map(|event| event.at.seconds_since(start())).collect();
    assert_eq!(at, [1, 1 + 6 * 3_600, 48 * 3_600 + 1]);
    assert_eq!((history.state, left(&history, &seconds)), (State::Breached, Seconds::default()));
}

fn team(name: &str) -> TeamId {
    TeamId::new(name).unwrap()
}

fn latency(thin: Thin) -> Clause {
    Clause {
        id: "p999".into(),
        measure: Measure::Latency(Latency {
            api: "charge-api".into(),
            quantile: Quantile::P999,
            at_most_ns: 250_000_000,
            n_min: 4_000,
            thin,
        }),
        timing: hours(),
        owner: team("payments"),
        consequence: String::new(),
    }
}

fn counts(requests: u64, bad: u64) -> Reading {
    Reading::Counts { requests, weight: u128::from(requests) << 20, bad: u128::from(bad) << 20 }
}

#[test]
fn a_hundred_of_a_hundred_thousand_are_met_and_one_more_is_a_miss() {
    for (n, bad) in [(100_000, 100), (100_000, 101), (4_000, 4), (4_999, 5), (u64::MAX, u64::MAX / 1000)] {
        let class = latency(Thin::Unjudged).classify([(start(), &counts(n, bad))]);
        let expected = if bad > n / 1000 { Class::Miss } else { Class::Met };
        assert_eq!(class, [(start(), expected)], "{bad} of {n}");
    }
    let of = |readings: &[Reading], thin: Thin| -> Vec<Class> {
        let windows = readings.iter().enumerate().map(|(at, reading)| (start().plus_seconds(at as i64), reading));
        latency(thin).classify(windows).into_iter().map(|(_, class)| class).collect()
    };
    assert_eq!(of(&[counts(3_999, 3_999), counts(0, 0)], Thin::Unjudged), [Class::Thin], "and nothing is silence");
    // 4,500 requests with 5 over: 5 > 4. Then the count starts again.
    let merged: Vec<Reading> = [1, 2, 2, 4, 0].into_iter().map(|bad| counts(1_500, bad)).collect();
    assert_eq!(of(&merged, Thin::Merged), [Class::Thin, Class::Thin, Class::Miss, Class::Thin, Class::Thin]);
    let amount = |text: &str| Reading::Amount(Ratio::whole(text.parse().unwrap()));
    let judged = |what: What, target: &str, text: &str| {
        let measure = Measure::Amount { what, target: target.parse().unwrap() };
        Clause { measure, ..latency(Thin::Unjudged) }.classify([(start(), &amount(text))])[0].1
    };
    assert_eq!(judged(What::Charter, "45", "45"), Class::Met);
    assert_eq!(judged(What::Charter, "45", "45.000000000000000001"), Class::Miss);
    assert_eq!(judged(What::Coverage, "99.5", "99.5"), Class::Met);
    assert_eq!(judged(What::Coverage, "99.5", "99.4999"), Class::Miss);
    assert!(latency(Thin::Unjudged).classify([(start(), &amount("1"))]).is_empty(), "another kind says nothing");
    let third = Reading::Amount(Ratio::of("100".parse().unwrap(), "3".parse().unwrap()).unwrap());
    let charter = Measure::Amount { what: What::Charter, target: "33.333333333333333333333333333333".parse().unwrap() };
    assert_eq!(Clause { measure: charter, ..latency(Thin::Unjudged) }.classify([(start(), &third)])[0].1, Class::Miss);
}

/// A clause that is watched, with what was said of it.
struct Scene {
    clause: Clause,
    watch: Watch,
    said: Vec<Incident>,
    log: Vec<String>,
}

impl Scene {
    fn new() -> Scene {
        Scene { clause: latency(Thin::Unjudged), watch: Watch::default(), said: Vec::new(), log: Vec::new() }
    }

    fn hours(&mut self, hours: std::ops::Range<i64>, revision: u64, bad: bool) {
        for hour in hours {
            let at = start().plus_seconds(hour * 3_600 + 17);
            self.watch.record(&self.clause.timing, at, revision, counts(100_000, if bad { 101 } else { 100 }));
        }
    }

    /// The time of events comes to the end of an hour and the lateness; what is said then, once and once more.
    fn close(&mut self, hour: i64) -> Vec<String> {
        self.watch.advance(&self.clause.timing, start().plus_seconds((hour + 2) * 3_600));
        let from = self.log.len();
        for round in 0..2 {
            let Some(history) = self.watch.history(&self.clause, Period::ALWAYS) else { break };
            let sayings = reconcile("c.p999", &history, &self.said, &self.clause.timing, None);
            assert!(round == 0 || sayings.is_empty(), "said twice: {sayings:?}");
            for saying in sayings {
                let hour = |at: Instant| at.seconds_since(start()) / 3_600;
                let act = match &saying.act {
                    Act::Open(stretch) => format!("open {}", hour(stretch.opened)),
                    Act::Reopen(stretch) => format!("reopen {}", hour(stretch.opened)),
                    Act::Resolve(at, why) => format!("resolve {} {why:?}", hour(*at)),
                    Act::Annotate(note, _) => note.to_string(),
                };
                let incident = self.said.iter().position(|incident| incident.id == saying.incident);
                self.log.push(format!("{}: {act}", incident.unwrap_or(self.said.len())));
                apply(&mut self.said, &saying);
                assert!(self.said.iter().filter(|incident| incident.is_open()).count() <= 1, "two are open");
            }
        }
        self.log[from..].to_vec()
    }
}

#[test]
fn exactly_one_incident_that_resolves_itself_and_opens_again() {
    let mut scene = Scene::new();
    scene.hours(0..48, 1, true);
    assert!(scene.close(48).is_empty(), "48:00");
    scene.hours(48..60, 1, true);
    assert_eq!(scene.close(60), ["0: open 49"]);
    scene.hours(60..63, 1, false);
    assert_eq!(scene.close(63), ["0: resolve 63 Recovered"]);
    // It is missed again soon after: the same incident, after the same grace.
    scene.hours(63..112, 1, true);
    assert_eq!(scene.close(111), [""; 0]);
    assert_eq!(scene.close(112), ["0: reopen 112"]);
    scene.hours(112..115, 1, false);
    assert_eq!(scene.close(115), ["0: resolve 115 Recovered"]);
    // And long after: another one.
    scene.hours(115..164, 1, false);
    scene.hours(164..213, 1, true);
    assert_eq!(scene.close(213), ["1: open 213"]);
    assert_eq!(scene.said[0].id, "c.p999@2026-10-24T00:00:00Z");
    assert_eq!(scene.said.len(), 2);
}

#[test]
fn late_and_restated_windows_annotate_and_withdraw_nothing_silently() {
    let mut scene = Scene::new();
    scene.hours(0..49, 1, true);
    assert_eq!(scene.close(49), ["0: open 49"]);
    // The first three hours are restated as met: the miss began at the 4th, so there is no breach yet.
    scene.hours(0..3, 2, false);
    assert_eq!(scene.close(49), ["0: by data that came late it was no breach"]);
    assert!(scene.said[0].is_open(), "it stays open");
    // An older revision changes nothing. The 49th hour of that miss confirms the incident, from its own beginning.
    scene.hours(0..3, 1, true);
    scene.hours(49..52, 1, true);
    let confirmed =
        ["0: by data that came late it is a breach after all", "0: data that came late changed when it began or ended"];
    assert_eq!(scene.close(52), confirmed);
    assert_eq!(scene.said[0].stretches[0].since, start().plus_seconds(3 * 3_600));
    scene.hours(52..55, 1, false);
    assert_eq!(scene.close(55), ["0: resolve 55 Recovered"]);
    // A restated hour says that it did not hold then: the incident is as open as before.
    scene.hours(53..54, 2, true);
    scene.hours(55..57, 1, false);
    assert_eq!(scene.close(56), ["0: data that came late changed when it began or ended", "0: reopen 52"]);
    assert_eq!(scene.close(57), ["0: resolve 57 Recovered"]);
    assert_eq!(scene.said.len(), 1);
}

#[test]
fn an_incident_that_never_was_is_resolved_when_the_clause_has_held() {
    let mut scene = Scene::new();
    scene.hours(0..49, 1, true);
    scene.close(49);
    scene.hours(0..49, 2, false);
    assert_eq!(scene.close(49), ["0: by data that came late it was no breach"]);
    scene.hours(49..55, 1, false);
    assert!(scene.close(51).is_empty());
    assert_eq!(scene.close(52), ["0: resolve 52 NotConfirmed"]);
    assert!(scene.close(55).is_empty());
}

#[test]
fn a_breach_that_only_late_data_show_is_told_with_its_end() {
    let mut scene = Scene::new();
    scene.hours(0..80, 1, false);
    scene.close(80);
    scene.hours(5..60, 2, true);
    assert_eq!(scene.close(80), ["0: open 54"]);
    assert!(!scene.said[0].is_open());
}

#[test]
fn a_clock_that_jumps_back_and_days_of_another_length_change_nothing() {
    let mut scene = Scene::new();
    // The 25th has 25 hours in Berlin; 49 hours of UTC are 49 hours.
    scene.hours(0..49, 1, true);
    assert_eq!(scene.close(49), ["0: open 49"]);
    assert!(scene.close(20).is_empty());
    assert_eq!(scene.watch.closed(), Some(start().plus_seconds(49 * 3_600)));
    // A window arrives whose hour is later than any closed one, and the clock jumps back again.
    scene.hours(49..52, 1, false);
    assert!(scene.close(48).is_empty());
    assert_eq!(scene.close(52), ["0: resolve 52 Recovered"]);
}

#[test]
fn corrections_are_what_a_replay_changed_of_what_was_closed() {
    let mut scene = Scene::new();
    scene.hours(0..49, 1, true);
    scene.close(49);
    let before = scene.watch.history(&scene.clause, Period::ALWAYS).unwrap();
    scene.hours(0..3, 2, false);
    scene.hours(49..60, 1, true);
    scene.close(60);
    let now = scene.watch.history(&scene.clause, Period::ALWAYS).unwrap();
    let shown: Vec<(i64, &str, bool)> = corrections(&before, &now)
        .into_iter()
        .map(|correction| match correction {
            Correction::Added(event) => (event.at.seconds_since(start()) / 3_600, event.kind.word(), true),
            Correction::NotConfirmed(event) => (event.at.seconds_since(start()) / 3_600, event.kind.word(), false),
        })
        .collect();
    assert_eq!(shown, [(1, "miss_started", false), (4, "miss_started", true), (49, "incident_opened", false)]);
}

#[test]
fn a_term_begins_with_silence_and_ends_what_is_open() {
    let mut scene = Scene::new();
    scene.hours(24..100, 1, true);
    scene.watch.advance(&hours(), start().plus_seconds(200 * 3_600));
    let term: Period = "2026-10-25..2026-10-28".parse().unwrap();
    let history = scene.watch.history(&scene.clause, term).unwrap();
    let end = Instant::start_of(term.until());
    assert_eq!((history.state, history.clock, history.until), (State::Breached, Seconds::hours(72), end));
    let sayings = reconcile("c.p999", &history, &[], &hours(), Some(end));
    assert!(
        matches!(sayings.as_slice(), [Saying { act: Act::Open(Stretch { resolved: Some(at), .. }), .. }] if *at == end)
    );
    let mut said = Vec::new();
    let open = reconcile("c.p999", &history, &said, &hours(), None);
    open.iter().for_each(|saying| apply(&mut said, saying));
    let ends = reconcile("c.p999", &history, &said, &hours(), Some(end));
    assert!(matches!(ends.as_slice(), [Saying { act: Act::Resolve(_, Why::TermEnded), .. }]), "{ends:?}");
    let mut silent = Watch::default();
    assert!(silent.history(&scene.clause, term).is_none());
    silent.advance(&hours(), start().plus_seconds(34 * 3_600));
    let stale = silent.history(&scene.clause, term).unwrap();
    assert_eq!(stale.events.iter().map(|event| event.kind).collect::<Vec<_>>(), [Kind::DataStale]);
}
