//! Who may answer, when, and what becomes of a waiver.

use std::collections::BTreeSet;

use leap_terms::{CostKind, Digest, Exact, Instant, TeamId};
use proptest::prelude::*;

use super::*;
use crate::budget::{Line, Pace, Seen, judge};
use crate::org::{Spans, spans};

fn instant(text: &str) -> Instant {
    text.parse().unwrap()
}

fn usd() -> Currency {
    Currency::new("USD").unwrap()
}

fn request(amount: &str) -> Request {
    Request {
        id: "w1".into(),
        unit: TeamId::new("payments").unwrap(),
        period: "2026-10".parse().unwrap(),
        currency: usd(),
        amount: amount.parse().unwrap(),
        until: instant("2026-11-30T00:00:00Z"),
        reason: "launch".into(),
        by: "cy".into(),
        at: instant("2026-10-20T08:00:00Z"),
    }
}

fn company() -> Spans {
    spans(&[
        "acme company @ann",
        "shop<acme division @bo ..2026-10-25",
        "shop<acme division @dan 2026-10-25..",
        "payments<shop team @cy",
        "bots<acme team @deploy",
    ])
}

fn authority() -> Authority {
    let level = |kind: &str, up_to: Option<i64>| Level { kind: kind.into(), up_to: up_to.map(Exact::from_whole) };
    Authority {
        currency: usd(),
        levels: vec![level("team", Some(1_000)), level("division", Some(50_000)), level("company", None)],
        roles: vec![RoleHolder { person: "fin".into(), unit: None, up_to: Some(Exact::from_whole(20_000)) }],
        automation: BTreeSet::from(["deploy".to_owned()]),
    }
}

fn people(request: &Request, at: &str) -> Vec<String> {
    approvers(request, &authority(), &company(), instant(at)).into_iter().map(|approver| approver.person).collect()
}

const SOON: &str = "2026-10-20T09:00:00Z";

fn line() -> Line {
    Line {
        unit: TeamId::new("payments").unwrap(),
        period: "2026-10".parse().unwrap(),
        currency: usd(),
        cost: CostKind::Effective,
        amount: Exact::from_whole(120_000),
        tolerance_bps: 200,
        expected: false,
    }
}

fn asked_of(of: &str, at: &str) -> Event {
    Event { at: instant(at), what: What::Asked { of: of.into() } }
}

#[test]
fn the_line_of_management_is_that_of_the_day() {
    assert_eq!(people(&request("5000"), SOON), ["cy", "fin", "bo", "ann"]);
    assert_eq!(people(&request("5000"), "2026-10-25T00:00:00Z"), ["cy", "fin", "dan", "ann"]);
    let bots = Request { unit: TeamId::new("bots").unwrap(), ..request("5000") };
    assert_eq!(people(&bots, SOON), ["fin", "ann"], "a program leads nobody");
    let euros = Request { currency: Currency::new("EUR").unwrap(), ..request("1") };
    assert_eq!(people(&euros, SOON), ["ann"], "levels are in dollars");
}

fn answer(waiver: &Waiver, answer: Answer, who: &str, login: &str, same: bool, at: &str) -> Result<Event, String> {
    let now = instant(at);
    let automation = who == "token";
    let actor = Actor { name: who.into(), automation, authenticated_at: instant(login) };
    let digest = Digest::of(b"shown");
    let is = if same { digest } else { Digest::of(b"other") };
    let approvers = approvers(waiver.request(), &authority(), &company(), now);
    waiver.answer(&answer, &actor, (digest, is), &approvers, now).map_err(|refusal| refusal.to_string())
}

#[test]
fn an_answer_is_of_another_person_at_the_right_level_with_a_fresh_login_for_what_was_shown() {
    let waiver = Waiver::new(request("30000"), vec![asked_of("bo", SOON)]).unwrap();
    let at = "2026-10-21T10:05:00Z";
    for (who, login, same, expected) in [
        ("cy", at, true, Err("does not answer it")),
        ("token", at, true, Err("a program answers no waiver")),
        ("fin", at, true, Err("may approve up to 20,000.00, and 30,000.00 is asked for")),
        ("zoe", at, true, Err("only who leads payments or a unit above it")),
        ("dan", at, true, Err("only who leads payments")), // he leads shop from the 25th on
        ("bo", "2026-10-21T09:59:59Z", true, Err("the login is 301 seconds old")),
        ("bo", "2026-10-21T10:05:01Z", true, Err("the login is -1 seconds old")),
        ("bo", "2026-10-21T10:00:00Z", false, Err("not what was shown")),
        ("bo", "2026-10-21T10:00:00Z", true, Ok(())),
        ("ann", at, true, Ok(())),
    ] {
        let given = answer(&waiver, Answer::Grant, who, login, same, at);
        match expected {
            Ok(()) => assert!(matches!(given.unwrap().what, What::Granted { by, .. } if by == who)),
            Err(expected) => {
                let message = given.unwrap_err();
                assert!(message.contains(expected), "{who}: {message}");
            }
        }
    }
    let refused = answer(&waiver, Answer::Refuse(" too much ".into()), "bo", at, true, at).unwrap();
    assert!(matches!(refused.what, What::Refused { reason, .. } if reason == "too much"));
    assert!(answer(&waiver, Answer::Refuse(" ".into()), "bo", at, true, at).unwrap_err().contains("says why"));
    assert!(answer(&waiver, Answer::Withdraw, "bo", at, true, at).unwrap_err().contains("only who asked"));
    assert!(answer(&waiver, Answer::Withdraw, "cy", at, true, at).is_ok());
}

#[test]
fn a_waiver_ends_by_time_and_by_money_and_a_correction_brings_it_back() {
    let granted = What::Granted { by: "bo".into(), shown: Digest::of(b""), authenticated_at: instant(SOON) };
    let events = vec![asked_of("bo", SOON), Event { at: instant(SOON), what: granted }];
    let waiver = Waiver::new(request("5000"), events.clone()).unwrap();
    let money = |text: &str| text.parse().unwrap();
    for (over, at, status) in [
        (Some("5000"), "2026-11-29T23:59:59Z", Status::Granted),
        (Some("5000.01"), "2026-11-29T23:59:59Z", Status::Exceeded),
        (Some("4000"), "2026-11-29T23:59:59Z", Status::Granted),
        (Some("4000"), "2026-11-30T00:00:00Z", Status::Expired),
        (None, "2026-11-30T00:00:00Z", Status::Expired),
    ] {
        assert_eq!(waiver.status(over.map(money), instant(at)), status, "{over:?} {at}");
    }
    assert_eq!(waiver.allowance().unwrap().from, instant(SOON));
    let budget =
        |unit: &str, period: &str| Line { unit: TeamId::new(unit).unwrap(), period: period.parse().unwrap(), ..line() };
    let permits = |line: &Line| allowances([&waiver], line).len();
    assert_eq!(permits(&budget("payments", "2026-10")), 1);
    assert_eq!((permits(&budget("payments", "2026-11")), permits(&budget("search", "2026-10"))), (0, 0));
    let euros = Line { currency: Currency::new("EUR").unwrap(), ..line() };
    assert_eq!(permits(&euros), 0);
    assert!(answer(&waiver, Answer::Withdraw, "cy", SOON, true, SOON).unwrap_err().contains("the waiver is granted"));
    let late = Waiver::new(request("5000"), [events, vec![asked_of("ann", SOON)]].concat());
    assert_eq!(late, Err(Broken { event: 2, status: Status::Granted }));
    let unanswered = Waiver::new(request("5000"), vec![asked_of("bo", SOON)]).unwrap();
    assert_eq!(unanswered.status(None, instant("2026-11-30T00:00:00Z")), Status::Expired);
    assert_eq!(unanswered.allowance(), None);
}

fn due(waiver: &Waiver, at: &str) -> Option<Due> {
    let now = instant(at);
    waiver.due(&approvers(waiver.request(), &authority(), &company(), now), ANSWER_WITHIN, now)
}

#[test]
fn who_does_not_answer_is_passed_over() {
    let with = |events: Vec<Event>| Waiver::new(request("30000"), events).unwrap();
    assert_eq!(due(&with(vec![]), SOON), Some(Due::Ask("bo".into())), "the lowest level that is enough");
    let asked = with(vec![asked_of("bo", SOON)]);
    assert_eq!(asked.status(None, instant(SOON)), Status::Asked);
    assert_eq!(due(&asked, "2026-10-21T08:59:59Z"), None);
    assert_eq!(due(&asked, "2026-10-20T08:00:00Z"), None, "a clock that jumps back escalates nothing");
    assert_eq!(due(&asked, "2026-10-21T09:00:00Z"), Some(Due::Escalate("ann".into())));
    let escalated = Event { at: instant("2026-10-21T09:00:00Z"), what: What::Escalated { to: "ann".into() } };
    let escalated = with(vec![asked_of("bo", SOON), escalated]);
    assert_eq!(escalated.status(None, instant("2026-10-21T09:00:00Z")), Status::Escalated);
    assert_eq!(due(&escalated, "2026-11-01T00:00:00Z"), None, "there is nobody higher");
    assert_eq!(due(&asked, "2026-10-25T00:00:00Z"), Some(Due::Ask("dan".into())), "bo does not lead shop any more");
    let own = Waiver::new(Request { by: "bo".into(), ..request("30000") }, vec![]).unwrap();
    assert_eq!(due(&own, SOON), Some(Due::Ask("ann".into())), "nobody is asked for what they asked");
    let top = Waiver::new(Request { by: "ann".into(), ..request("90000") }, vec![]).unwrap();
    assert_eq!(due(&top, SOON), Some(Due::NobodyMayApprove));
    let small = Waiver::new(Request { by: "zoe".into(), ..request("1000") }, vec![]).unwrap();
    assert_eq!(due(&small, SOON), Some(Due::Ask("cy".into())));
}

#[test]
fn what_is_shown_has_one_digest_and_another_one_when_anything_changes() {
    let verdict = |actual: &str, amount: i64| {
        let line = Line { amount: Exact::from_whole(amount), ..line() };
        let actual = actual.parse().unwrap();
        let known_until = "2026-10-20".parse().unwrap();
        let seen = Seen { currency: usd(), actual, known_until, end: None, pace: Pace::even(line.period) };
        judge(&line, &seen, &[], instant(SOON)).unwrap()
    };
    let request = request("5000");
    let digest = request.digest(&verdict("125000", 120_000));
    assert_eq!(digest, request.clone().digest(&verdict("125000", 120_000)));
    assert_ne!(digest, request.digest(&verdict("125000.01", 120_000)), "spend went on");
    assert_ne!(digest, request.digest(&verdict("125000", 119_999)), "the budget was edited");
    assert_ne!(digest, Request { reason: "launch!".into(), ..request.clone() }.digest(&verdict("125000", 120_000)));
    let text = request.shown(&verdict("125000", 120_000));
    assert!(text.contains("\"amount\":\"5000\"") && text.contains("2026-11-30T00:00:00Z") && text.contains("launch"));
}

#[test]
fn requests_and_events_are_kept_as_json() {
    let granted = What::Granted { by: "bo".into(), shown: Digest::of(b""), authenticated_at: instant(SOON) };
    let event = Event { at: instant(SOON), what: granted };
    let text = serde_json::to_string(&(request("5000.10"), &event)).unwrap();
    assert_eq!(serde_json::from_str::<(Request, Event)>(&text).unwrap(), (request("5000.10"), event));
}

proptest! {
    /// Whatever is tried in whatever order: a waiver that is granted was granted by one person who had the level, did
    /// not ask, and saw what it is; and nothing happens after an answer.
    #[test]
    fn no_way_leads_around_the_rules(
        tries in prop::collection::vec((0_usize..6, 0_i64..700, any::<bool>(), 0_u8..3), 0..12),
        cents in 1_i64..9_000_000,
    ) {
        let amount = Exact::from_parts(i128::from(cents) * 10_i128.pow(16), 0);
        let request = Request { amount, ..request("1") };
        let mut events = Vec::new();
        for (who, age, same, what) in tries {
            let waiver = Waiver::new(request.clone(), events.clone()).unwrap();
            let who = ["cy", "bo", "ann", "fin", "zoe", "token"][who];
            let now = instant("2026-10-21T10:00:00Z");
            let login = now.plus_seconds(-age).to_string();
            let wish = [Answer::Grant, Answer::Refuse("no".into()), Answer::Withdraw][usize::from(what)].clone();
            if let Ok(event) = answer(&waiver, wish, who, &login, same, "2026-10-21T10:00:00Z") {
                let level = match who { "bo" => 50_000, "fin" => 20_000, "ann" => i64::MAX / 100, _ => -1 };
                if let What::Granted { by, .. } = &event.what {
                    prop_assert!(by == who && cents <= level.saturating_mul(100) && same && age <= 300);
                }
                events.push(event);
            }
        }
        prop_assert!(events.len() <= 1);
    }
}
