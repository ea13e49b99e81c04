//! Incidents and waivers from their first word to their end.

use leap_book::{
    Act, Book, BookError, IncidentFilter, IncidentRef, IncidentState, IncidentStep, NewWaiver, NewWaiverEvent, Refusal,
    Waiver, WaiverFilter, WaiverState, WaiverStep,
};
use leap_terms::{Day, Digest, Money};

use crate::acting::{act, incident, incident_event, team, waiver, with_a_snapshot};
use crate::database::{Database, connect};
use crate::samples::at;

/// The refusal of what must not work.
fn refused<T: std::fmt::Debug>(result: Result<T, BookError>) -> Refusal {
    match result {
        Err(BookError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn an_incident_is_opened_once_resolved_and_reopened(database: &Database<'_>) {
    let url = database.url().await;
    let book = with_a_snapshot(&url).await;
    let key = "contract:checkout";
    book.act(&Act { incidents: vec![incident(key, -60)], ..act("open", 0) }).await.unwrap();
    let opened = book.incident(1).await.unwrap();
    assert_eq!((opened.about.as_str(), &opened.unit, opened.opened_at), (key, &team("payments"), at(-60)));
    let first = &opened.events[0];
    assert_eq!((first.happened_at, first.recorded_at, first.plan), (at(-60), at(1), Some(1)), "two clocks");
    assert_eq!((first.words.as_str(), first.facts.as_str()), ("3.4 s for 49 hours", "{\"windows\": 49}"));

    let one = || IncidentRef::Number(1);
    let about = || IncidentRef::About(key.to_owned());
    let add = |incident, step, happened, recorded| {
        let (book, event) = (book.clone(), incident_event(incident, step, happened));
        async move { book.add_incident_event(&event, at(recorded)).await }
    };
    let state = |incident: &leap_book::Incident| incident.state();
    assert_eq!(state(&add(one(), IncidentStep::Acknowledged, 5, 5).await.unwrap()), IncidentState::Acknowledged);
    // What its state does not allow.
    for (step, word) in [(IncidentStep::Acknowledged, "acknowledged"), (IncidentStep::Reopened, "reopened")] {
        let expected = Refusal::IncidentState { incident: 1, event: word, state: "acknowledged" };
        assert_eq!(refused(add(one(), step, 6, 6).await), expected);
    }
    assert!(matches!(refused(add(one(), IncidentStep::Opened, 6, 6).await), Refusal::IncidentState { .. }));
    // Late data come with an earlier time of the event, never with an earlier record.
    assert_eq!(state(&add(about(), IncidentStep::Corrected, -90, 6).await.unwrap()), IncidentState::Acknowledged);
    assert!(matches!(add(one(), IncidentStep::Annotated, 7, 5).await, Err(BookError::Backwards { .. })));
    let again = Act { incidents: vec![incident(key, 3)], ..act("again", 6) };
    assert_eq!(refused(book.act(&again).await), Refusal::IncidentUnresolved { number: 1, key: key.to_owned() });

    // It resolves itself with a plan, and another one is opened and resolved in one turn.
    let resolve = Act {
        incident_events: vec![
            incident_event(about(), IncidentStep::Resolved, 8),
            incident_event(IncidentRef::About("budget:search".to_owned()), IncidentStep::Resolved, 8),
        ],
        incidents: vec![incident("budget:search", 2)],
        ..act("resolve", 8)
    };
    book.act(&resolve).await.unwrap();
    let unresolved = IncidentFilter { unresolved: true, ..Default::default() };
    assert_eq!(book.incidents(&unresolved).await.unwrap(), []);
    assert_eq!(state(&add(one(), IncidentStep::Corrected, 7, 10).await.unwrap()), IncidentState::Resolved);
    // Resolved ones do not keep another one from being opened; while that is open the first one stays resolved.
    book.act(&Act { incidents: vec![incident(key, 9)], ..act("another", 10) }).await.unwrap();
    let expected = Refusal::IncidentUnresolved { number: 3, key: key.to_owned() };
    assert_eq!(refused(add(one(), IncidentStep::Reopened, 12, 12).await), expected);
    assert_eq!(add(about(), IncidentStep::Resolved, 12, 12).await.unwrap().number, 3);
    assert_eq!(state(&add(about(), IncidentStep::Reopened, 13, 13).await.unwrap()), IncidentState::Open);
    // An older one that is reopened is the one about it, as it is not resolved.
    add(about(), IncidentStep::Resolved, 14, 14).await.unwrap();
    assert_eq!(state(&add(one(), IncidentStep::Reopened, 15, 15).await.unwrap()), IncidentState::Open);
    assert_eq!(add(about(), IncidentStep::Resolved, 16, 16).await.unwrap().number, 1);
    assert_eq!(add(about(), IncidentStep::Reopened, 17, 17).await.unwrap().number, 3, "else the newest");
    let listed = |filter: IncidentFilter| {
        let book = &book;
        async move { book.incidents(&filter).await.unwrap().iter().map(|one| one.number).collect::<Vec<_>>() }
    };
    assert_eq!(listed(unresolved).await, [3]);
    assert_eq!(listed(IncidentFilter { about: Some(key.to_owned()), ..Default::default() }).await, [1, 3]);
    assert_eq!(listed(IncidentFilter { unit: Some(team("search")), ..Default::default() }).await, [0_i64; 0]);
    assert_eq!(refused(book.incident(9).await), Refusal::NoIncident(9));
    assert_eq!(refused(book.incident(0).await), Refusal::NoIncident(0));
    let unknown = IncidentRef::About("nothing".to_owned());
    assert_eq!(
        refused(add(unknown, IncidentStep::Annotated, 18, 18).await),
        Refusal::NoIncidentAbout("nothing".to_owned())
    );
    assert_eq!(book.check().await.unwrap(), []);
    // The database itself keeps a second one out, whoever writes it.
    let mut connection = connect(&url).await;
    let second = "INSERT INTO incident VALUES (4, 'contract:checkout', 'payments', 'x', 0, 1)";
    let error = sqlx::query(second).execute(&mut connection).await.unwrap_err();
    assert!(matches!(error, sqlx::Error::Database(error) if error.is_unique_violation()));
}

fn event(step: WaiverStep, actor: &str, minute: i64) -> NewWaiverEvent {
    NewWaiverEvent { waiver: 1, step, at: at(minute), actor: actor.to_owned(), note: Some("fair".to_owned()) }
}

fn shown(waiver: &Waiver) -> WaiverStep {
    WaiverStep::Granted { shown: waiver.digest }
}

pub(crate) async fn a_waiver_is_granted_by_somebody_else_who_saw_it(database: &Database<'_>) {
    let book = with_a_snapshot(&database.url().await).await;
    let new = waiver(0);
    let asked = book.ask_waiver(&new).await.unwrap();
    assert_eq!((asked.number, asked.state(), &asked.asked, asked.plan), (1, WaiverState::Asked, &new, None));
    assert_eq!(asked.digest, Digest::of(new.content.as_bytes()));
    let escalated = book.add_waiver_event(&event(WaiverStep::Escalated, "leap", 5)).await.unwrap();
    assert_eq!(escalated.state(), WaiverState::Asked);
    // Who asked answers neither way, however they write their name.
    for name in ["ana", " Ana "] {
        for step in [shown(&asked), WaiverStep::Refused] {
            let expected = Refusal::OwnWaiver { waiver: 1, event: step.word(), actor: name.to_owned() };
            assert_eq!(refused(book.add_waiver_event(&event(step, name, 6)).await), expected);
        }
    }
    let other = Digest::of(b"something else");
    let expected = Refusal::WaiverShown { waiver: 1, actor: "dee".to_owned(), shown: other, digest: asked.digest };
    let stale = event(WaiverStep::Granted { shown: other }, "dee", 6);
    assert_eq!(refused(book.add_waiver_event(&stale).await), expected);
    let month = 30 * 24 * 60;
    let over = event(shown(&asked), "dee", month);
    let expires_on = Day::from_ymd(2026, 10, 1).unwrap();
    assert_eq!(refused(book.add_waiver_event(&over).await), Refusal::WaiverOver { waiver: 1, expires_on });
    assert!(matches!(book.add_waiver_event(&event(shown(&asked), "dee", 4)).await, Err(BookError::Backwards { .. })));
    let granted = book.add_waiver_event(&event(shown(&asked), "dee", 7)).await.unwrap();
    assert_eq!((granted.state(), granted.events.len()), (WaiverState::Granted, 2));
    assert_eq!(book.waiver(1).await.unwrap(), granted);
    // A plan ends it, and it ends once.
    let exceeded = event(WaiverStep::Exceeded, "leap", 9);
    book.act(&Act { waiver_events: vec![exceeded.clone()], ..act("exceeded", 8) }).await.unwrap();
    let waiver = book.waiver(1).await.unwrap();
    assert_eq!((waiver.state(), waiver.events[2].plan), (WaiverState::Exceeded, Some(1)));
    for step in [
        exceeded.step,
        shown(&asked),
        WaiverStep::Refused,
        WaiverStep::Escalated,
        WaiverStep::Withdrawn,
        WaiverStep::Ended,
    ] {
        let expected = Refusal::WaiverState {
            waiver: 1,
            event: step.word(),
            state: "exceeded",
            actor: "leap".to_owned(),
            at: at(9),
        };
        assert_eq!(refused(book.add_waiver_event(&event(step, "dee", 10)).await), expected);
    }
    let trail = book.audit(&Default::default()).await.unwrap();
    let told: Vec<_> = trail.iter().rev().map(|event| event.entry.action.as_str()).collect();
    let expected =
        ["publish", "waiver asked", "waiver escalated", "waiver granted", "plan performed", "waiver exceeded"];
    assert_eq!(told, expected);
    assert_eq!(trail[2].entry.detail["shown"], asked.digest.to_string());
    assert_eq!(trail[4].entry.detail["amount"], "12000.500000000000000000000000000001");
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn waivers_that_say_too_little_are_refused(database: &Database<'_>) {
    let book = with_a_snapshot(&database.url().await).await;
    let asked = Day::from_ymd(2026, 9, 16).unwrap();
    let amount = |text: &str| NewWaiver { amount: text.parse::<Money>().unwrap(), ..waiver(0) };
    assert_eq!(refused(book.ask_waiver(&amount("0")).await), Refusal::WaiverAmount("0".to_owned()));
    assert_eq!(refused(book.ask_waiver(&amount("-1")).await), Refusal::WaiverAmount("-1".to_owned()));
    let ends = NewWaiver { expires_on: asked, ..waiver(0) };
    assert_eq!(refused(book.ask_waiver(&ends).await), Refusal::WaiverEndsBefore { asked, expires_on: asked });
    for (blank, missing) in [
        (NewWaiver { reason: " ".to_owned(), ..waiver(0) }, "a waiver needs a reason, and none was given"),
        (
            NewWaiver { asked_by: String::new(), ..waiver(0) },
            "a waiver needs a person who asks for it, and none was given",
        ),
        (NewWaiver { content: "amount".to_owned(), ..waiver(0) }, "what a waiver asks for is no JSON"),
    ] {
        let error = book.ask_waiver(&blank).await.unwrap_err();
        assert!(error.to_string().starts_with(missing), "{error}");
    }
    assert_eq!(refused(book.waiver(1).await), Refusal::NoWaiver(1));
    assert_eq!(refused(book.add_waiver_event(&event(WaiverStep::Ended, "leap", 1)).await), Refusal::NoWaiver(1));
    // What can happen to one that waits, and what they are found by.
    for (number, step) in
        [WaiverStep::Refused, WaiverStep::Withdrawn, WaiverStep::Expired, WaiverStep::Ended].into_iter().enumerate()
    {
        let waiver = book.ask_waiver(&waiver(0)).await.unwrap();
        assert_eq!(waiver.number, number as i64 + 1);
        let early = NewWaiverEvent { waiver: waiver.number, ..event(WaiverStep::Exceeded, "leap", 1) };
        assert!(matches!(
            refused(book.add_waiver_event(&early).await),
            Refusal::WaiverState { state: "asked for", .. }
        ));
        let end = NewWaiverEvent { waiver: waiver.number, ..event(step, "dee", 2) };
        assert_eq!(book.add_waiver_event(&end).await.unwrap().state().word(), step.word());
    }
    book.ask_waiver(&NewWaiver { unit: team("search"), period: "2026-10".parse().unwrap(), ..waiver(0) })
        .await
        .unwrap();
    let found = |filter: WaiverFilter| {
        let book: &Book = &book;
        async move { book.waivers(&filter).await.unwrap().iter().map(|one| one.number).collect::<Vec<_>>() }
    };
    assert_eq!(found(WaiverFilter { state: Some(WaiverState::Asked), ..Default::default() }).await, [5]);
    assert_eq!(found(WaiverFilter { unit: Some(team("payments")), ..Default::default() }).await, [1, 2, 3, 4]);
    assert_eq!(
        found(WaiverFilter { period: "2026-09-30..2026-10-02".parse().ok(), ..Default::default() }).await.len(),
        5
    );
    assert_eq!(found(WaiverFilter { period: "2026-10".parse().ok(), ..Default::default() }).await, [5]);
    assert_eq!(book.check().await.unwrap(), []);
}
