//! From verdicts to steps, and never the same twice.

use leap_terms::{CostKind, Exact, MessageKind, Period, Ratio};
use proptest::prelude::*;

use super::*;
use crate::budget::{Allowance, Line, Pace, Seen, judge};
use crate::contract::clock::{Class, Timing, replay};
use crate::contract::incident::{apply, reconcile};
use crate::contract::{Measure, Reading, Watch, What};
use crate::forecast::Range;
use crate::plan::check::{Caps, Severity, World, plan_check};
use crate::plan::{Deed, Step};
use crate::waiver::{ANSWER_WITHIN, Event, Request};

fn team(name: &str) -> TeamId {
    TeamId::new(name).unwrap()
}

fn instant(text: &str) -> Instant {
    text.parse().unwrap()
}

fn usd() -> Currency {
    Currency::new("USD").unwrap()
}

const NOW: &str = "2026-10-20T09:00:00Z";

fn verdict(actual: &str, end: Option<[&str; 3]>, allowances: &[Allowance]) -> Verdict {
    let period: Period = "2026-10".parse().unwrap();
    let line = Line {
        unit: team("payments"),
        period,
        currency: usd(),
        cost: CostKind::Effective,
        amount: Exact::from_whole(120_000),
        tolerance_bps: 200,
        expected: false,
    };
    let money = |text: &str| text.parse().unwrap();
    let end = end.map(|[low, middle, high]| Range { low: money(low), middle: money(middle), high: money(high) });
    let known_until = "2026-10-20".parse().unwrap();
    let seen = Seen { currency: usd(), actual: money(actual), known_until, end, pace: Pace::even(period) };
    judge(&line, &seen, allowances, instant(NOW)).unwrap()
}

/// What is remembered between turns.
#[derive(Default)]
struct Memory {
    done: BTreeSet<String>,
    /// Incidents of budgets.
    breaches: Vec<Incident>,
    /// Incidents of clauses.
    said: Vec<Incident>,
}

impl Memory {
    /// One turn: the plan of these inputs, performed; its messages and deeds as words.
    fn turn(
        &mut self,
        budgets: &[Verdict],
        clauses: &[Watched<'_>],
        waivers: &[Pending<'_>],
        now: &str,
    ) -> Vec<String> {
        let said = |verdict: &Verdict| self.breaches.iter().find(|incident| incident.id == breach(verdict));
        let judged: Vec<_> = budgets.iter().map(|verdict| Judged { verdict, said: said(verdict) }).collect();
        let inputs = Inputs {
            snapshot: "42",
            now: instant(now),
            budgets: &judged,
            gone: &[],
            acknowledged: &[],
            clauses,
            waivers,
            answer_within: ANSWER_WITHIN,
            drift: &[],
            forecasts: &[],
            unread: &[],
            company: None,
            done: &self.done,
        };
        let plan = decide(&inputs);
        assert_eq!(plan, decide(&inputs), "the same inputs, the same plan");
        let keys = keys(&inputs);
        assert!(plan.steps.iter().all(|step| keys.contains(&step.key)), "who asks for receipts of these has all");
        let units = ["payments", "platform"].map(|unit| (team(unit), true)).into_iter().collect();
        let of_clauses = clauses.iter().flat_map(|watched| watched.said);
        let all = of_clauses.chain(&self.breaches);
        let incidents = all.map(|incident| (incident.id.clone(), incident.is_open())).collect();
        let none = BTreeSet::new();
        let world = World {
            snapshot: "42",
            now: instant(now),
            kill_switch: false,
            units: &units,
            done: &self.done,
            incidents: &incidents,
            approved: &none,
        };
        let findings = plan_check(&plan, &Caps::default(), &world);
        let errors: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
        for step in &plan.steps {
            if let Deed::Incident { after, .. } = &step.deed {
                let of = if after.id.starts_with("budget ") { &mut self.breaches } else { &mut self.said };
                match of.iter_mut().find(|incident| incident.id == after.id) {
                    Some(known) => known.clone_from(after),
                    None => of.push(after.clone()),
                }
            }
        }
        self.done.extend(plan.steps.iter().map(|step| step.key.clone()));
        plan.steps.iter().map(|step| step.deed.word().to_owned()).collect()
    }

    fn budget(&mut self, verdict: Verdict) -> Vec<String> {
        self.turn(&[verdict], &[], &[], NOW)
    }
}

#[test]
fn a_budget_is_spoken_of_when_something_changes() {
    let mut memory = Memory::default();
    let may = Some(["100000", "110000", "130000"]);
    let will = Some(["100000", "125000", "130000"]);
    assert!(memory.budget(verdict("60000", Some(["1", "2", "3"]), &[])).is_empty());
    assert_eq!(memory.budget(verdict("60000", may, &[])), ["budget_warned"]);
    assert!(memory.budget(verdict("60000", may, &[])).is_empty(), "nothing changed");
    assert_eq!(memory.budget(verdict("61000", will, &[])), ["budget_warned"], "expected, not only possible");
    for end in [may, will, may] {
        assert!(memory.budget(verdict("61000", end, &[])).is_empty(), "to and fro is told once");
    }
    assert_eq!(memory.budget(verdict("122400.01", will, &[])), ["open_incident", "budget_breached"]);
    // 2,400.01 was told to be beyond the 120,000.
    let grown = ["annotate_incident", "budget_breached"];
    assert!(memory.budget(verdict("124800.01", will, &[])).is_empty(), "not yet twice as much");
    assert_eq!(memory.budget(verdict("124800.02", will, &[])), grown, "twice as much");
    for actual in ["124800.02", "122500", "129600.03"] {
        assert!(memory.budget(verdict(actual, will, &[])).is_empty(), "to and fro is told once: {actual}");
    }
    assert_eq!(memory.budget(verdict("129600.04", will, &[])), grown, "and again");
    let allowance = |amount: i64| Allowance {
        waiver: "w1".into(),
        amount: Exact::from_whole(amount),
        from: instant("2026-10-20T08:00:00Z"),
        until: instant("2026-11-30T00:00:00Z"),
    };
    let over = ["resolve_incident", "incident_resolved"];
    let again = ["reopen_incident", "budget_breached"];
    assert_eq!(memory.budget(verdict("130000", None, &[allowance(10_000)])), over, "it is permitted");
    assert_eq!(memory.budget(verdict("130000.01", None, &[allowance(10_000)])), again, "more than that is not");
    assert!(memory.budget(verdict("131000", None, &[allowance(10_000)])).is_empty());
    assert_eq!(memory.budget(verdict("120000", None, &[])), over, "a refund");
    assert_eq!(memory.budget(verdict("140000", None, &[])), again);
    assert_eq!(memory.breaches.len(), 1, "one incident, opened again");
    assert_eq!(memory.breaches[0].stretches.len(), 3);
}

#[test]
fn a_breach_of_a_period_whose_bills_are_final_is_over() {
    let mut memory = Memory::default();
    let breached = || verdict("140000", None, &[]);
    let last = "2026-11-14T23:59:59Z";
    assert_eq!(memory.turn(&[breached()], &[], &[], last), ["open_incident", "budget_breached"]);
    let settled = "2026-11-15T00:00:00Z";
    assert_eq!(memory.turn(&[breached()], &[], &[], settled), ["resolve_incident", "incident_resolved"]);
    assert!(memory.turn(&[breached()], &[], &[], settled).is_empty());
    let mut late = Memory::default();
    assert!(late.turn(&[breached()], &[], &[], settled).is_empty(), "what nobody said by then is history");
}

fn contract() -> Contract {
    let measure = Measure::Amount { what: What::Charter, target: Exact::from_whole(45) };
    let clause = Clause {
        id: "bps".into(),
        measure,
        timing: Timing::default(),
        owner: team("platform"),
        consequence: "review".into(),
    };
    Contract { id: "c".into(), team: team("platform"), term: Period::ALWAYS, clauses: vec![clause], line: None }
}

#[test]
fn a_clause_goes_from_missing_to_one_incident_and_back() {
    let contract = contract();
    let clause = &contract.clauses[0];
    let start = instant("2026-10-01T00:00:00Z");
    let hour = |at: i64| start.plus_seconds(at * 3_600);
    let history = |bad: &dyn Fn(i64) -> bool, until: i64| {
        let windows = (0..until).map(|at| (hour(at), if bad(at) { Class::Miss } else { Class::Met }));
        replay(&clause.timing, (start, hour(until)), windows)
    };
    let (mut memory, mut said) = (Memory::default(), Vec::new());
    let mut turn = |history: &History| {
        let watched = [Watched { contract: &contract, clause, history, said: &said }];
        let words = memory.turn(&[], &watched, &[], NOW);
        for saying in reconcile("c.bps", history, &said.clone(), &clause.timing, None) {
            apply(&mut said, &saying);
        }
        words
    };
    let bad = |at: i64| (5..60).contains(&at) || (63..112).contains(&at);
    assert!(turn(&history(&bad, 5)).is_empty());
    assert_eq!(turn(&history(&bad, 6)), ["contract_missing"]);
    assert!(turn(&history(&bad, 53)).is_empty(), "the 48th hour");
    assert_eq!(turn(&history(&bad, 54)), ["open_incident", "incident_opened"]);
    assert!(turn(&history(&bad, 60)).is_empty());
    assert_eq!(turn(&history(&bad, 63)), ["resolve_incident", "incident_resolved"]);
    assert_eq!(turn(&history(&bad, 64)), ["contract_missing"]);
    assert_eq!(turn(&history(&bad, 112)), ["reopen_incident", "incident_reopened"]);
    // Late data: the first miss never was.
    let late = |at: i64| (80..112).contains(&at);
    assert_eq!(turn(&history(&late, 112)), ["contract_missing", "annotate_incident", "incident_annotated"]);
    assert!(turn(&history(&late, 112)).is_empty());
    assert_eq!(turn(&history(&late, 115)), ["resolve_incident", "incident_resolved"]);
    assert!(turn(&history(&late, 130)).is_empty());
    // A breach of the past that only late data show.
    let past = |at: i64| (200..260).contains(&at);
    assert_eq!(
        turn(&history(&past, 270)),
        ["open_incident", "incident_opened", "resolve_incident", "incident_resolved"]
    );
}

#[test]
fn a_waiver_is_asked_for_answered_and_ended_once() {
    let request = Request {
        id: "w1".into(),
        unit: team("payments"),
        period: "2026-10".parse().unwrap(),
        currency: usd(),
        amount: Exact::from_whole(5_000),
        until: instant("2026-11-30T00:00:00Z"),
        reason: "launch".into(),
        by: "cy".into(),
        at: instant(NOW),
    };
    let approver = |person: &str, up_to: Option<i64>| Approver {
        person: person.into(),
        unit: None,
        up_to: up_to.map(Exact::from_whole),
    };
    let approvers = [approver("bo", Some(50_000)), approver("ann", None)];
    let mut memory = Memory::default();
    let mut turn = |events: &[Event], approvers: &[Approver], over: Option<i64>, now: &str| {
        let waiver = Waiver::new(request.clone(), events.to_vec()).unwrap();
        memory.turn(&[], &[], &[Pending { waiver: &waiver, over: over.map(Exact::from_whole), approvers }], now)
    };
    let event = |at: &str, what: crate::waiver::What| Event { at: instant(at), what };
    assert_eq!(turn(&[], &[], None, NOW), ["waiver_asked"], "nobody may: somebody has to know");
    assert_eq!(turn(&[], &approvers, None, NOW), ["ask_waiver", "waiver_asked"]);
    let mut events = vec![event(NOW, crate::waiver::What::Asked { of: "bo".into() })];
    assert!(turn(&events, &approvers, None, "2026-10-21T08:59:59Z").is_empty());
    assert_eq!(turn(&events, &approvers, None, "2026-10-21T09:00:00Z"), ["escalate_waiver", "waiver_asked"]);
    events.push(event("2026-10-21T09:00:00Z", crate::waiver::What::Escalated { to: "ann".into() }));
    let shown = leap_terms::Digest::of(b"");
    let authenticated_at = instant(NOW);
    events.push(event(
        "2026-10-21T10:00:00Z",
        crate::waiver::What::Granted { by: "ann".into(), shown, authenticated_at },
    ));
    assert_eq!(turn(&events, &approvers, Some(4_000), "2026-10-21T10:00:00Z"), ["waiver_granted"]);
    assert!(turn(&events, &approvers, Some(5_000), "2026-10-22T10:00:00Z").is_empty());
    assert_eq!(turn(&events, &approvers, Some(5_001), "2026-10-22T10:00:00Z"), ["end_waiver", "waiver_ended"]);
    assert!(turn(&events, &approvers, Some(6_000), "2026-10-23T10:00:00Z").is_empty());
    assert_eq!(turn(&events, &approvers, Some(6_000), "2026-11-30T00:00:00Z"), ["waiver_ended"], "it ended once");
}

#[test]
fn drift_and_forecasts_are_told_once_and_the_order_of_inputs_does_not_matter() {
    let alert = |day: &str, kind: drift::Kind| drift::Alert {
        day: day.parse().unwrap(),
        since: "2026-10-15".parse().unwrap(),
        kind,
        score: 4.0,
        cost_per_month: "1020.50".parse().unwrap(),
    };
    let (first, second) = (alert("2026-10-16", drift::Kind::Shift), alert("2026-10-17", drift::Kind::Shift));
    let (payments, platform, currency) = (team("payments"), team("platform"), usd());
    let drifted = |unit, alert| Drifted { unit, series: "s3", alert, currency: &currency, drivers: &[] };
    let frozen = [Frozen { unit: &payments, series: "all", origin: "2026-11-01".parse().unwrap() }];
    let mut done = BTreeSet::new();
    let plan = |drift: &[Drifted<'_>], done: &BTreeSet<String>| {
        decide(&Inputs {
            snapshot: "42",
            now: instant(NOW),
            budgets: &[],
            gone: &[],
            acknowledged: &[],
            clauses: &[],
            waivers: &[],
            answer_within: ANSWER_WITHIN,
            drift,
            forecasts: &frozen,
            unread: &[Unread { what: "clauses", problem: "no such team" }],
            company: Some(&platform),
            done,
        })
    };
    let one = plan(&[drifted(&payments, &first), drifted(&platform, &first)], &done);
    let other = plan(&[drifted(&platform, &first), drifted(&payments, &first)], &done);
    assert_eq!(one.bytes(), other.bytes());
    let words: Vec<&str> = one.steps.iter().map(|step| step.deed.word()).collect();
    assert_eq!(words, ["drift_found", "drift_found", "freeze_forecast", "loop_hindered"]);
    assert_eq!(one.steps[3].key, "leap:loop_hindered:platform:clauses:2026-10-20");
    let asked = ask(&one, &["it has 2 steps, the cap is 1".to_owned()], &payments, &BTreeSet::new());
    assert!(matches!(&asked.steps[0], Step { deed: Deed::Send { kind: MessageKind::ApprovalAsked, sentence, .. }, .. }
        if sentence == "a plan of 2 steps waits for an approval: it has 2 steps, the cap is 1"));
    assert_eq!(asked.steps[1..], one.steps[2..], "forecasts and what cannot be read are done whatever is held");
    let told = asked.steps.iter().map(|step| step.key.clone()).collect();
    assert_eq!(ask(&one, &[], &payments, &told).steps, [], "once a day");
    assert_eq!(one.steps[0].key, "leap:drift_found:payments:s3:2026-10-15%20shift%20USD");
    assert!(matches!(&one.steps[0].deed, Deed::Send { kind: MessageKind::DriftFound, sentence, .. }
        if sentence == "s3 has a shift since 2026-10-15: 1,020.50 USD a month if it stays"));
    done.extend(one.steps.iter().map(|step| step.key.clone()));
    assert!(plan(&[drifted(&payments, &second)], &done).steps.is_empty(), "the same departure a day later");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Windows arrive in any order, are restated, and close at any time: every plan passes its check, what is
    /// performed is followed by an empty plan, and every incident is opened by one message.
    #[test]
    fn exactly_one_message_opens_an_incident(
        runs in prop::collection::vec((any::<bool>(), 1_usize..70), 1..9),
        arrivals in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), 0_u64..4), 0..60),
        closes in prop::collection::vec(0_i64..400, 1..12),
    ) {
        let contract = contract();
        let clause = &contract.clauses[0];
        let start = instant("2026-10-01T00:00:00Z");
        let hour = |at: usize| start.plus_seconds(at as i64 * 3_600);
        let reading = |bad: bool| Reading::Amount(Ratio::whole(Exact::from_whole(if bad { 46 } else { 45 })));
        let hours: Vec<bool> = runs.into_iter().flat_map(|(bad, count)| vec![bad; count]).collect();
        let mut watch = Watch::default();
        for (at, bad) in hours.iter().enumerate() {
            watch.record(&clause.timing, hour(at), 1, reading(*bad));
        }
        let (mut memory, mut said) = (Memory::default(), Vec::<Incident>::new());
        let mut opened = Vec::new();
        for (round, close) in closes.iter().enumerate() {
            let late = arrivals.iter().skip(round).step_by(closes.len());
            for (at, bad, revision) in late {
                // A run of restated windows, so that breaches come and go.
                let first = at.index(hours.len());
                for at in first..(first + 60).min(hours.len()) {
                    watch.record(&clause.timing, hour(at), *revision, reading(*bad));
                }
            }
            watch.advance(&clause.timing, start.plus_seconds(close * 3_600));
            let Some(history) = watch.history(clause, contract.term) else { continue };
            let before = memory.done.clone();
            memory.turn(&[], &[Watched { contract: &contract, clause, history: &history, said: &said }], &[], NOW);
            let keys = memory.done.difference(&before).filter(|key| key.starts_with("leap:incident_opened:"));
            opened.extend(keys.cloned());
            said.clone_from(&memory.said);
            let watched = [Watched { contract: &contract, clause, history: &history, said: &said }];
            prop_assert!(memory.turn(&[], &watched, &[], NOW).is_empty(), "said twice");
            prop_assert!(said.iter().filter(|incident| incident.is_open()).count() <= 1);
        }
        prop_assert_eq!(opened.len(), said.len());
    }
}
