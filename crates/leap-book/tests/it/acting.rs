//! Plans that are performed: all of them or nothing, once, and not while somebody has stopped it.

use leap_book::{
    Act, Book, BookError, FindingKind, ForecastFilter, IncidentFilter, IncidentRef, IncidentState, IncidentStep,
    KillSwitchEvent, MessageFilter, MessageUrgency, NewForecast, NewIncident, NewIncidentEvent, NewMessage, NewPlan,
    NewReceipt, NewScore, NewWaiver, NewWaiverEvent, Refusal, SendClaim, WaiverFilter, WaiverStep,
};
use leap_terms::{Currency, Day, Digest, TeamId};

use crate::database::{Database, keep, put_back, tamper};
use crate::history::apply;
use crate::samples::at;

pub(crate) fn team(name: &str) -> TeamId {
    TeamId::new(name).unwrap()
}

/// A plan of the first snapshot that is told apart by its name, performed a minute after it was made.
pub(crate) fn act(name: &str, minute: i64) -> Act {
    let content = format!("{{\"steps\": [],\n \"plan\": \"{name}\"}}\n");
    let plan = NewPlan { snapshot: Some(1), made_at: at(minute), made_by: "leap".to_owned(), content };
    Act::new(plan, format!("decide {name}"), "ana", at(minute + 1))
}

pub(crate) fn receipt(step: i64, key: &str) -> NewReceipt {
    NewReceipt { step, idempotency_key: key.to_owned(), done_at: at(1), note: None }
}

pub(crate) fn message(key: &str) -> NewMessage {
    NewMessage {
        dedup_key: key.to_owned(),
        channel: "slack".to_owned(),
        message: format!("{{\"title\": \"{key}\"}}"),
        thread: key.to_owned(),
        unit: team("payments"),
        urgency: MessageUrgency::Alert,
        not_before: None,
    }
}

/// Who claims what is due at a minute, for a minute.
pub(crate) fn claim(minute: i64, holder: &str, limit: u32) -> SendClaim {
    let lease = std::time::Duration::from_secs(60);
    SendClaim { now: at(minute), holder: holder.to_owned(), lease, limit, channel: None, message: None }
}

pub(crate) fn incident(about: &str, minute: i64) -> NewIncident {
    NewIncident {
        about: about.to_owned(),
        unit: team("payments"),
        subject: "p99.9 of Checkout".to_owned(),
        opened_at: at(minute),
        actor: "leap".to_owned(),
        words: "3.4 s for 49 hours".to_owned(),
        facts: "{\"windows\": 49}".to_owned(),
    }
}

pub(crate) fn incident_event(incident: IncidentRef, step: IncidentStep, minute: i64) -> NewIncidentEvent {
    NewIncidentEvent {
        incident,
        step,
        happened_at: at(minute),
        actor: "leap".to_owned(),
        words: step.word().to_owned(),
        facts: "{}".to_owned(),
    }
}

pub(crate) fn waiver(minute: i64) -> NewWaiver {
    NewWaiver {
        unit: team("payments"),
        period: "2026-09".parse().unwrap(),
        currency: Currency::new("USD").unwrap(),
        amount: "12000.500000000000000000000000000001".parse().unwrap(),
        reason: "the move to the new region".to_owned(),
        expires_on: Day::from_ymd(2026, 10, 1).unwrap(),
        content: "{\"amount\": \"12000.5\",  \"unit\": \"payments\"}".to_owned(),
        asked_at: at(minute),
        asked_by: "ana".to_owned(),
    }
}

fn forecast(series: &str) -> NewForecast {
    NewForecast {
        series: series.to_owned(),
        currency: Currency::new("USD").unwrap(),
        origin: Day::from_ymd(2026, 9, 16).unwrap(),
        horizon_days: 30,
        made_at: at(0),
        made_of: Digest::of(b"history"),
        content: "{\"p50\": [\"1.25\"]}".to_owned(),
    }
}

pub(crate) async fn with_a_snapshot(url: &str) -> Book {
    let book = Book::open(url).await.unwrap();
    book.publish(&apply(None, "rules apply")).await.unwrap();
    book
}

/// Everything that a plan can do.
fn everything() -> Act {
    Act {
        receipts: vec![receipt(1, "open checkout"), receipt(2, "warn payments")],
        incidents: vec![incident("contract:checkout", -60)],
        incident_events: vec![incident_event(
            IncidentRef::About("contract:checkout".to_owned()),
            IncidentStep::Annotated,
            -30,
        )],
        waivers: vec![waiver(0)],
        waiver_events: vec![NewWaiverEvent {
            waiver: 1,
            step: WaiverStep::Escalated,
            at: at(1),
            actor: "leap".to_owned(),
            note: None,
        }],
        messages: vec![message("one"), message("two"), message("one")],
        forecasts: vec![forecast("payments"), forecast("search"), forecast("payments")],
        ..act("everything", 0)
    }
}

/// Numbers of all that acting leaves in a book.
async fn lengths(book: &Book) -> [usize; 6] {
    [
        book.plans(1_000).await.unwrap().len(),
        book.incidents(&IncidentFilter::default()).await.unwrap().len(),
        book.waivers(&WaiverFilter::default()).await.unwrap().len(),
        book.messages(&MessageFilter::default()).await.unwrap().len(),
        book.forecasts(&ForecastFilter::default()).await.unwrap().len(),
        book.audit(&Default::default()).await.unwrap().len(),
    ]
}

fn refusal(error: BookError) -> Refusal {
    match error {
        BookError::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_plan_is_performed_as_a_whole(database: &Database<'_>) {
    let book = with_a_snapshot(&database.url().await).await;
    let all = everything();
    let acted = book.act(&all).await.unwrap();
    assert_eq!((acted.plan.number, acted.incidents.as_slice(), acted.waivers.as_slice()), (1, &[1][..], &[1][..]));
    let told: Vec<_> = acted.messages.iter().map(|message| (message.number, message.new)).collect();
    assert_eq!(told, [(1, true), (2, true), (1, false)], "a key that is there is not enqueued again");
    let told: Vec<_> = acted.forecasts.iter().map(|forecast| (forecast.number, forecast.new)).collect();
    assert_eq!(told, [(1, true), (2, true), (1, false)], "the same forecast is frozen once");

    let plan = book.plan(1).await.unwrap();
    assert_eq!(plan, acted.plan);
    assert_eq!(
        (plan.content.as_str(), plan.digest),
        (all.plan.content.as_str(), Digest::of(all.plan.content.as_bytes()))
    );
    assert_eq!((plan.snapshot, plan.made_at, plan.made_by.as_str()), (Some(1), at(0), "leap"));
    assert_eq!(
        (plan.performed_at, plan.performed_by.as_str(), plan.cause.as_str()),
        (at(1), "ana", "decide everything")
    );
    assert_eq!(book.plans(9).await.unwrap(), [plan]);
    let receipts = book.receipts(1).await.unwrap();
    let keys: Vec<_> = receipts.iter().map(|receipt| (receipt.step, receipt.idempotency_key.as_str())).collect();
    assert_eq!(keys, [(1, "open checkout"), (2, "warn payments")]);
    let known = book.receipts_of(&["warn payments".to_owned(), "never".to_owned()]).await.unwrap();
    assert_eq!(known, receipts[1..]);
    assert_eq!(book.known_dedup_keys(&["two".to_owned(), "three".to_owned()]).await.unwrap(), ["two"]);
    let opened = book.incident(1).await.unwrap();
    assert_eq!((opened.state(), opened.events.len(), opened.events[1].plan), (IncidentState::Open, 2, Some(1)));
    let frozen = book.forecast(2).await.unwrap();
    assert_eq!((frozen.forecast.clone(), frozen.plan), (forecast("search"), 1));
    assert_eq!(frozen.until(), Day::from_ymd(2026, 10, 16).unwrap());

    let actions: Vec<_> =
        book.audit(&Default::default()).await.unwrap().into_iter().rev().map(|event| event.entry.action).collect();
    let expected =
        ["publish", "plan performed", "incident opened", "incident annotated", "waiver asked", "waiver escalated"];
    assert_eq!(actions, expected);
    assert_eq!(book.check().await.unwrap(), []);
    // A home without bills acts too.
    let book = Book::open(&database.url().await).await.unwrap();
    let mut without = act("traces alone", 0);
    without.plan.snapshot = None;
    book.act(&without).await.unwrap();
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn what_cannot_be_done_leaves_nothing(database: &Database<'_>) {
    let book = with_a_snapshot(&database.url().await).await;
    book.act(&Act { receipts: vec![receipt(3, "done")], messages: vec![message("said")], ..act("first", 0) })
        .await
        .unwrap();
    let before = lengths(&book).await;
    let mut stale = act("of no snapshot", 2);
    stale.plan.snapshot = None;
    let mut known = act("first", 0);
    known.plan.snapshot = Some(7);
    let known_digest = Digest::of(known.plan.content.as_bytes());
    let wrong_event = |waiver| NewWaiverEvent {
        waiver,
        step: WaiverStep::Escalated,
        at: at(3),
        actor: "leap".to_owned(),
        note: None,
    };
    // The reason that comes first in the list is told first: a known plan that is stale as well is known.
    let cases = [
        (known, Refusal::PlanKnown { number: 1, digest: known_digest, at: at(1) }),
        (stale, Refusal::PlanStale { snapshot: None, head: Some(1) }),
        (
            Act { receipts: vec![receipt(1, "a"), receipt(2, "a")], ..act("twice", 2) },
            Refusal::KeyTwice { key: "a".to_owned() },
        ),
        (Act { receipts: vec![receipt(1, "a"), receipt(1, "b")], ..act("step", 2) }, Refusal::StepTwice { step: 1 }),
        (
            Act { receipts: vec![receipt(1, "new"), receipt(2, "done")], ..act("again", 2) },
            Refusal::StepDone { key: "done".to_owned(), plan: 1, step: 3, at: at(1) },
        ),
        // Everything before the last part is right, and still nothing of it stays.
        (Act { waiver_events: vec![wrong_event(9)], ..everything() }, Refusal::NoWaiver(9)),
        (
            Act {
                incident_events: vec![incident_event(
                    IncidentRef::About("contract:checkout".to_owned()),
                    IncidentStep::Reopened,
                    2,
                )],
                ..everything()
            },
            Refusal::IncidentState { incident: 1, event: "reopened", state: "open" },
        ),
        (
            Act { incidents: vec![incident("same", 0), incident("same", 1)], ..act("two of one", 2) },
            Refusal::IncidentUnresolved { number: 1, key: "same".to_owned() },
        ),
    ];
    for (wrong, expected) in cases {
        let mut later = wrong.clone();
        later.at = at(3);
        let error = book.act(&later).await.unwrap_err();
        assert_eq!(error.is_try_again(), matches!(expected, Refusal::PlanStale { .. }), "{error}");
        assert_eq!(refusal(error), expected, "{}", wrong.cause);
        assert_eq!(lengths(&book).await, before, "{}", wrong.cause);
    }
    let second = book.act(&act("second", 2)).await.unwrap();
    assert_eq!(second.plan.number, 2);
    let mut early = act("before the last", 1);
    early.at = at(2);
    assert!(matches!(book.act(&early).await, Err(BookError::Backwards { .. })));
    let mut broken = act("broken", 9);
    broken.plan.content.pop();
    broken.plan.content.pop();
    assert!(matches!(book.act(&broken).await, Err(BookError::NotJson { .. })));
    let blank = Act { messages: vec![NewMessage { channel: " ".to_owned(), ..message("x") }], ..act("blank", 9) };
    assert!(matches!(book.act(&blank).await, Err(BookError::Blank { .. })));
    assert!(matches!(book.plan(3).await, Err(BookError::Refused(Refusal::NoPlan(3)))));
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn of_two_who_perform_one_plan_one_does(database: &Database<'_>) {
    let url = database.url().await;
    let book = with_a_snapshot(&url).await;
    let tasks: Vec<_> = (0..6)
        .map(|number| {
            let url = url.clone();
            tokio::spawn(async move {
                let book = Book::open(&url).await.unwrap();
                // Half of them made the same plan, the others other plans that do the same.
                let name = if number % 2 == 0 { "same".to_owned() } else { format!("plan {number}") };
                let all = Act {
                    receipts: vec![receipt(1, "the one thing")],
                    messages: vec![message("said once")],
                    incidents: vec![incident("contract:checkout", 0)],
                    ..act(&name, 0)
                };
                book.act(&all).await
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => done += 1,
            Err(BookError::Refused(Refusal::PlanKnown { .. } | Refusal::StepDone { .. })) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((done, &lengths(&book).await[..4]), (1, &[1, 1, 0, 1][..]));
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn nothing_is_done_while_the_kill_switch_is_on(database: &Database<'_>) {
    let url = database.url().await;
    let book = with_a_snapshot(&url).await;
    assert_eq!(book.stopped().await.unwrap(), None);
    let error = book.release_acting("ana", "no reason to", at(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "acting is not stopped, so there is nothing to release");
    book.act(&Act { messages: vec![message("one")], ..act("before", 0) }).await.unwrap();
    let stop = book.stop_acting("ana", "wrong team", at(2)).await.unwrap();
    let expected =
        KillSwitchEvent { number: 1, stop: true, at: at(2), actor: "ana".to_owned(), reason: "wrong team".to_owned() };
    assert_eq!(stop, expected);
    book.stop_acting("bob", "me too", at(3)).await.unwrap();
    // Who is refused is told of the stop that came first.
    assert_eq!(book.stopped().await.unwrap(), Some(expected));
    let refused = [
        book.act(&act("during", 3)).await.map(drop).unwrap_err(),
        book.claim_due(&claim(9, "host", 10)).await.map(drop).unwrap_err(),
    ];
    for error in refused {
        let text = format!(
            "nothing is done: ana stopped all acting at {} (wrong team); it goes on when somebody releases it",
            at(2)
        );
        assert_eq!(error.to_string(), text);
    }
    assert!(matches!(book.release_acting("carl", " ", at(4)).await, Err(BookError::Blank { .. })));
    assert!(matches!(book.release_acting("carl", "early", at(1)).await, Err(BookError::Backwards { .. })));
    book.release_acting("carl", "the address is right now", at(4)).await.unwrap();
    assert_eq!(book.stopped().await.unwrap(), None);
    book.act(&act("during", 4)).await.unwrap();
    assert_eq!(book.claim_due(&claim(9, "host", 10)).await.unwrap().len(), 1);
    let words: Vec<_> = book.kill_switch_events().await.unwrap().into_iter().map(|event| event.stop).collect();
    assert_eq!(words, [true, true, false]);
    assert_eq!(book.check().await.unwrap(), []);
    for statement in [
        "UPDATE kill_switch SET reason = 'none' WHERE number = 1",
        "DELETE FROM kill_switch WHERE number = 3",
        "INSERT INTO kill_switch VALUES (4, 'stop', 0, 'eve', 'for fun')",
    ] {
        tamper(&url, statement).await;
        let found = book.check().await.unwrap();
        assert!(found.iter().any(|one| one.kind == FindingKind::KillSwitchBroken), "{statement}: {found:?}");
    }
}

pub(crate) async fn forecasts_are_frozen_and_scored_later(database: &Database<'_>) {
    let book = with_a_snapshot(&database.url().await).await;
    book.act(&everything()).await.unwrap();
    let unscored = |day: &str| ForecastFilter { unscored_before: Some(day.parse().unwrap()), ..Default::default() };
    assert_eq!(book.forecasts(&unscored("2026-10-15")).await.unwrap().len(), 0, "they have not ended");
    assert_eq!(book.forecasts(&unscored("2026-10-16")).await.unwrap().len(), 2);
    let score = |forecast, text: &str| NewScore { forecast, snapshot: Some(1), content: text.to_owned() };
    let scores = [score(2, "{\"mase\": \"0.7\"}"), score(1, "{\"mase\": \"0.6\"}")];
    let recorded = book.score_forecasts(&scores, "leap", at(50_000)).await.unwrap();
    assert_eq!(recorded.iter().map(|score| (score.forecast, score.ordinal)).collect::<Vec<_>>(), [(1, 1), (2, 1)]);
    let again = [score(1, "{\"mase\": \"0.61\"}"), score(1, "{\"restated\": true}")];
    book.score_forecasts(&again, "leap", at(60_000)).await.unwrap();
    let told: Vec<_> =
        book.forecast_scores(1).await.unwrap().into_iter().map(|score| (score.ordinal, score.content)).collect();
    let lines = [(1, "{\"mase\": \"0.6\"}"), (2, "{\"mase\": \"0.61\"}"), (3, "{\"restated\": true}")];
    assert_eq!(told, lines.map(|(ordinal, text)| (ordinal, text.to_owned())));
    assert_eq!(book.forecasts(&unscored("2027-01-01")).await.unwrap().len(), 0);
    let before = lengths(&book).await;
    for (wrong, text) in [
        (score(9, "{}"), "there is no forecast 9"),
        (score(1, "{"), "the score of forecast 1 is no JSON"),
        (NewScore { snapshot: Some(9), ..score(1, "{}") }, "there is no snapshot 9"),
    ] {
        let error = book.score_forecasts(&[score(1, "{}"), wrong], "leap", at(70_000)).await.unwrap_err();
        assert!(error.to_string().starts_with(text), "{error}");
    }
    assert_eq!((lengths(&book).await, book.forecast_scores(1).await.unwrap().len()), (before, 3));
    assert!(book.score_forecasts(&[], "leap", at(70_000)).await.unwrap().is_empty());
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn the_check_finds_acts_that_were_changed(database: &Database<'_>) {
    let digest = Digest::of(b"{}");
    let cases = [
        ("UPDATE plan SET content = '{}'".to_owned(), FindingKind::PlanBroken),
        (format!("UPDATE plan SET content = '{{}}', digest = '{digest}'"), FindingKind::PlanBroken),
        ("UPDATE plan SET made_by = 'bob'".to_owned(), FindingKind::PlanBroken),
        ("UPDATE receipt SET note = 'never' WHERE step = 1".to_owned(), FindingKind::PlanBroken),
        ("DELETE FROM receipt WHERE step = 2".to_owned(), FindingKind::PlanBroken),
        ("UPDATE outbox SET dedup_key = 'other' WHERE number = 1".to_owned(), FindingKind::PlanBroken),
        (format!("UPDATE outbox SET message = '{{}}', digest = '{digest}' WHERE number = 1"), FindingKind::PlanBroken),
        ("DELETE FROM outbox WHERE number = 2".to_owned(), FindingKind::PlanBroken),
        (format!("UPDATE forecast SET content = '{{}}', digest = '{digest}'"), FindingKind::PlanBroken),
        ("UPDATE forecast SET horizon_days = 7 WHERE number = 2".to_owned(), FindingKind::PlanBroken),
        ("DELETE FROM receipt; DELETE FROM outbox; DELETE FROM plan".to_owned(), FindingKind::PlanBroken),
        ("UPDATE outbox SET message = '{}' WHERE number = 1".to_owned(), FindingKind::MessageBroken),
        ("UPDATE outbox SET thread = 'other' WHERE number = 1".to_owned(), FindingKind::PlanBroken),
        ("UPDATE outbox SET unit = '' WHERE number = 1".to_owned(), FindingKind::PlanBroken),
        ("UPDATE outbox SET urgency = 'nudge' WHERE number = 1".to_owned(), FindingKind::PlanBroken),
        ("UPDATE outbox SET tells = 1 WHERE number = 1".to_owned(), FindingKind::PlanBroken),
        ("UPDATE outbox SET told_by = 1 WHERE number = 2".to_owned(), FindingKind::MessageBroken),
        ("UPDATE outbox SET state = 'sent' WHERE number = 1".to_owned(), FindingKind::MessageBroken),
        ("UPDATE outbox SET state = 'cancelled' WHERE number = 1".to_owned(), FindingKind::MessageBroken),
        ("UPDATE outbox SET attempts = 1 WHERE number = 1".to_owned(), FindingKind::MessageBroken),
        ("UPDATE incident SET unit = 'search'".to_owned(), FindingKind::IncidentBroken),
        ("UPDATE incident SET unresolved = 0".to_owned(), FindingKind::IncidentBroken),
        ("UPDATE incident_event SET facts = '{}' WHERE ordinal = 0".to_owned(), FindingKind::IncidentBroken),
        ("UPDATE incident_event SET happened_at = 0 WHERE ordinal = 1".to_owned(), FindingKind::IncidentBroken),
        ("DELETE FROM incident_event WHERE ordinal = 1".to_owned(), FindingKind::IncidentBroken),
        ("DELETE FROM incident_event; DELETE FROM incident".to_owned(), FindingKind::IncidentBroken),
        ("UPDATE waiver SET amount = '12'".to_owned(), FindingKind::WaiverBroken),
        ("UPDATE waiver SET content = '{}'".to_owned(), FindingKind::WaiverBroken),
        (format!("UPDATE waiver SET content = '{{}}', digest = '{digest}'"), FindingKind::WaiverBroken),
        ("UPDATE waiver SET asked_by = 'bob'".to_owned(), FindingKind::WaiverBroken),
        ("UPDATE waiver_event SET event = 'refused'".to_owned(), FindingKind::WaiverBroken),
        ("DELETE FROM waiver_event".to_owned(), FindingKind::WaiverBroken),
        ("DELETE FROM waiver_event; DELETE FROM waiver".to_owned(), FindingKind::WaiverBroken),
        ("UPDATE forecast_score SET content = '{}'".to_owned(), FindingKind::ScoreBroken),
        ("DELETE FROM forecast_score".to_owned(), FindingKind::ScoreBroken),
        ("UPDATE forecast_score SET recorded_in = 1".to_owned(), FindingKind::ScoreBroken),
    ];
    let tables = [
        "plan",
        "receipt",
        "outbox",
        "incident",
        "incident_event",
        "waiver",
        "waiver_event",
        "forecast",
        "forecast_score",
    ];
    let url = database.url().await;
    let book = with_a_snapshot(&url).await;
    book.act(&everything()).await.unwrap();
    let score = NewScore { forecast: 1, snapshot: None, content: "{\"mase\": \"0.6\"}".to_owned() };
    book.score_forecasts(&[score], "leap", at(9)).await.unwrap();
    keep(&url, &tables).await;
    for (sql, expected) in cases {
        assert_eq!(book.check().await.unwrap(), [], "before {sql}");
        tamper(&url, &sql).await;
        let found = book.check().await.unwrap();
        assert!(found.iter().any(|one| one.kind == expected), "{sql}: {found:?}");
        put_back(&url, &tables).await;
    }
}

pub(crate) async fn a_backup_holds_what_was_done(database: &Database<'_>) {
    if !database.is_sqlite() {
        return;
    }
    let book = with_a_snapshot(&database.url().await).await;
    book.act(&everything()).await.unwrap();
    book.claim_due(&claim(5, "host", 1)).await.unwrap();
    book.stop_acting("ana", "a drill", at(6)).await.unwrap();
    book.lease_schedule("leader", "host", at(6), std::time::Duration::from_secs(60)).await.unwrap();
    let copy = database.folder().join("acting.db");
    book.backup(&copy).await.unwrap();
    let restored = Book::open(&format!("sqlite:{}", copy.display())).await.unwrap();
    assert_eq!(lengths(&restored).await, lengths(&book).await);
    assert_eq!(restored.plans(9).await.unwrap(), book.plans(9).await.unwrap());
    assert_eq!(restored.receipts(1).await.unwrap(), book.receipts(1).await.unwrap());
    let all = MessageFilter::default();
    assert_eq!(restored.messages(&all).await.unwrap(), book.messages(&all).await.unwrap());
    assert_eq!(restored.send_attempts(1).await.unwrap(), book.send_attempts(1).await.unwrap());
    let all = IncidentFilter::default();
    assert_eq!(restored.incidents(&all).await.unwrap(), book.incidents(&all).await.unwrap());
    let all = WaiverFilter::default();
    assert_eq!(restored.waivers(&all).await.unwrap(), book.waivers(&all).await.unwrap());
    assert_eq!(restored.stopped().await.unwrap(), book.stopped().await.unwrap());
    assert_eq!(restored.schedules().await.unwrap(), book.schedules().await.unwrap());
    assert_eq!(restored.checkpoint(at(7)).await.unwrap(), book.checkpoint(at(7)).await.unwrap());
    assert_eq!(restored.check().await.unwrap(), []);
}
