//! Claims and disputes from their first word to their end.

use std::collections::BTreeMap;

use leap_book::{
    Book, BookError, Claim, ClaimFilter, ClaimKind, ClaimState, ClaimStep, ConfigKind, NewClaim, NewClaimEvent, Publish,
};
use leap_terms::{Day, TeamId};
use serde_json::json;

use crate::database::Database;
use crate::history::{apply, files};
use crate::samples::at;

fn team(name: &str) -> TeamId {
    TeamId::new(name).unwrap()
}

pub(crate) fn dispute(to: &str, minute: i64) -> NewClaim {
    NewClaim {
        kind: ClaimKind::Dispute,
        subject: "ServiceName = 'Amazon MSK'".to_owned(),
        from_owner: Some("payments".parse().unwrap()),
        to_team: team(to),
        actor: "ana".to_owned(),
        reason: "run by platform since July".to_owned(),
        evidence: Some("https://tickets.acme.com/4711".to_owned()),
        at: at(minute),
        effective: Day::from_ymd(2026, 7, 1).unwrap(),
        expires: Some(Day::from_ymd(2027, 1, 1).unwrap()),
        answer_by: at(minute + 100),
    }
}

pub(crate) fn event(claim: i64, minute: i64, step: ClaimStep) -> NewClaimEvent {
    NewClaimEvent { claim, at: at(minute), actor: "carl".to_owned(), step, note: Some("fair enough".to_owned()) }
}

fn escalated(to: &str, minute: i64) -> ClaimStep {
    ClaimStep::Escalated { to: team(to), answer_by: at(minute) }
}

fn words(claim: &Claim) -> Vec<&'static str> {
    claim.events.iter().map(|event| event.step.word()).collect()
}

pub(crate) async fn a_claim_is_asked_escalated_and_accepted_with_a_publish(database: &Database<'_>) {
    let book = Book::open(&database.url().await).await.unwrap();
    book.publish(&apply(None, "rules apply")).await.unwrap();
    let new = dispute("platform", 0);
    let claim = book.open_claim(&new).await.unwrap();
    assert_eq!((claim.number, claim.state(), claim.due()), (1, ClaimState::Open, at(100)));
    assert_eq!(words(&claim), ["opened"]);
    let claim = book.add_claim_event(&event(1, 100, escalated("commerce", 200))).await.unwrap();
    assert_eq!((claim.state(), claim.due()), (ClaimState::Open, at(200)));
    assert_eq!(claim.escalated(), Some((&team("commerce"), at(200))));
    let configs = BTreeMap::from([(ConfigKind::Claims, files("claims.yaml", "rules: [claim-1]\n"))]);
    let accept = event(1, 150, ClaimStep::Accepted);
    let publish = Publish { configs, claim_events: vec![accept], at: at(150), ..apply(Some(1), "claim accept 1") };
    book.publish(&publish).await.unwrap();

    let claim = book.claim(1).await.unwrap();
    assert_eq!((claim.state(), words(&claim)), (ClaimState::Accepted, vec!["opened", "escalated", "accepted"]));
    assert_eq!((&claim.subject, &claim.from_owner, &claim.to_team), (&new.subject, &new.from_owner, &new.to_team));
    assert_eq!((&claim.reason, &claim.evidence, &claim.actor), (&new.reason, &new.evidence, &new.actor));
    assert_eq!((claim.effective, claim.expires, claim.answer_by), (new.effective, new.expires, new.answer_by));
    let last = &claim.events[2];
    assert_eq!((last.snapshot, last.at, last.actor.as_str()), (Some(2), at(150), "carl"));
    assert_eq!(last.note.as_deref(), Some("fair enough"));
    assert_eq!(claim.state_known_on(at(-1)), None);
    assert_eq!(claim.state_known_on(at(149)), Some(ClaimState::Open));
    assert_eq!(claim.state_known_on(at(150)), Some(ClaimState::Accepted));
    // It holds until it ends.
    let claim = book.add_claim_event(&event(1, 900, ClaimStep::Expired)).await.unwrap();
    assert_eq!(claim, book.claim(1).await.unwrap());
    assert_eq!(claim.state(), ClaimState::Expired);

    let trail = book.audit(&Default::default()).await.unwrap();
    let told: Vec<_> =
        trail.iter().rev().map(|event| (event.entry.action.as_str(), event.entry.subject.as_str())).collect();
    assert_eq!(
        told,
        [
            ("publish", "snapshot 1"),
            ("claim opened", "claim 1"),
            ("claim escalated", "claim 1"),
            ("publish", "snapshot 2"),
            ("claim accepted", "claim 1"),
            ("claim expired", "claim 1"),
        ]
    );
    assert_eq!(trail[1].snapshot, Some(2));
    assert_eq!(trail[4].entry.detail["reason"], json!("run by platform since July"));
    assert_eq!(trail[3].entry.detail["to"], json!("commerce"));
    book.verify_audit().await.unwrap();
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn a_claim_is_answered_once(database: &Database<'_>) {
    let book = Book::open(&database.url().await).await.unwrap();
    book.publish(&apply(None, "rules apply")).await.unwrap();
    let steps = || {
        [
            ClaimStep::Opened,
            ClaimStep::Accepted,
            ClaimStep::Declined,
            escalated("commerce", 500),
            ClaimStep::Withdrawn,
            ClaimStep::Expired,
        ]
    };
    let mut number = 0;
    // What each end still allows.
    for (first, allowed) in [
        (ClaimStep::Accepted, vec!["withdrawn", "expired"]),
        (ClaimStep::Declined, vec![]),
        (ClaimStep::Withdrawn, vec![]),
        (ClaimStep::Expired, vec![]),
        (escalated("commerce", 400), vec!["accepted", "declined", "escalated", "withdrawn", "expired"]),
    ] {
        for second in steps() {
            book.open_claim(&dispute("platform", 0)).await.unwrap();
            number += 1;
            book.add_claim_event(&event(number, 5, first.clone())).await.unwrap();
            let added = book.add_claim_event(&event(number, 6, second.clone())).await;
            assert_eq!(added.is_ok(), allowed.contains(&second.word()), "{first:?} {second:?}");
        }
    }
    let error = book.add_claim_event(&event(1, 7, ClaimStep::Declined)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("claim 1 cannot be declined, as it was accepted by carl at {}; open a new claim if need be", at(5))
    );
    // A publish with an impossible answer is refused as a whole.
    let publish = Publish { claim_events: vec![event(7, 9, ClaimStep::Accepted)], ..apply(Some(1), "claim accept 7") };
    let error = book.publish(&publish).await.unwrap_err();
    assert!(matches!(error, BookError::ClaimSettled { claim: 7, event: "accepted", state: "declined", .. }), "{error}");
    assert_eq!(book.head().await.unwrap().unwrap().id, 1);
    let error = book.add_claim_event(&event(25, 4, ClaimStep::Accepted)).await.unwrap_err();
    assert!(error.to_string().starts_with("an event of claim 25 cannot be recorded at "), "{error}");
    for unheard_of in [0, -1, 99] {
        let error = book.add_claim_event(&event(unheard_of, 9, ClaimStep::Accepted)).await.unwrap_err();
        assert!(matches!(error, BookError::NoClaim(_)), "{error}");
        assert!(matches!(book.claim(unheard_of).await, Err(BookError::NoClaim(_))));
    }
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn claims_that_say_too_little_are_refused(database: &Database<'_>) {
    let book = Book::open(&database.url().await).await.unwrap();
    let good = dispute("platform", 0);
    let refuse = |claim: NewClaim| {
        let book = &book;
        async move { book.open_claim(&claim).await.unwrap_err().to_string() }
    };
    let error = refuse(NewClaim { reason: " ".to_owned(), ..good.clone() }).await;
    assert_eq!(error, "a claim needs a reason, and none was given");
    let error = refuse(NewClaim { subject: String::new(), ..good.clone() }).await;
    assert!(error.starts_with("a claim needs the charges that it is about"), "{error}");
    let error = refuse(NewClaim { expires: Some(good.effective), ..good.clone() }).await;
    assert!(error.starts_with("a claim from 2026-07-01 cannot end at 2026-07-01; name a later day"), "{error}");
    assert_eq!(book.claims(&ClaimFilter::default()).await.unwrap(), []);
    assert_eq!(book.audit_head().await.unwrap().sequence, 0);
    book.open_claim(&NewClaim { evidence: None, expires: None, from_owner: None, ..good }).await.unwrap();
    let claim = book.claim(1).await.unwrap();
    assert_eq!((claim.evidence, claim.expires, claim.from_owner), (None, None, None));
}

pub(crate) async fn of_two_answers_at_once_one_counts(database: &Database<'_>) {
    let url = database.url().await;
    let (one, other) = (Book::open(&url).await.unwrap(), Book::open(&url).await.unwrap());
    for number in 1..=5 {
        one.open_claim(&dispute("platform", 0)).await.unwrap();
        let answer = |book: &Book, step: ClaimStep| {
            let book = book.clone();
            tokio::spawn(async move { book.add_claim_event(&event(number, 5, step)).await })
        };
        let (yes, no) = (answer(&one, ClaimStep::Accepted), answer(&other, ClaimStep::Declined));
        let (yes, no) = (yes.await.unwrap(), no.await.unwrap());
        assert_ne!(yes.is_ok(), no.is_ok(), "{yes:?} {no:?}");
        let error = yes.and(no).unwrap_err();
        assert!(matches!(error, BookError::ClaimSettled { .. }), "{error}");
        assert_eq!(one.claim(number).await.unwrap().events.len(), 2);
    }
    assert_eq!(one.check().await.unwrap(), []);
}

pub(crate) async fn claims_are_found_by_what_people_ask_for(database: &Database<'_>) {
    let book = Book::open(&database.url().await).await.unwrap();
    book.open_claim(&dispute("platform", 0)).await.unwrap();
    let claim = NewClaim {
        kind: ClaimKind::Claim,
        from_owner: Some("residual:no-rule".parse().unwrap()),
        ..dispute("search", 10)
    };
    book.open_claim(&claim).await.unwrap();
    book.open_claim(&dispute("search", 20)).await.unwrap();
    book.add_claim_event(&event(2, 15, ClaimStep::Declined)).await.unwrap();
    book.add_claim_event(&event(3, 120, escalated("commerce", 300))).await.unwrap();
    let found = |filter: ClaimFilter| {
        let book = &book;
        async move { book.claims(&filter).await.unwrap().iter().map(|claim| claim.number).collect::<Vec<_>>() }
    };
    assert_eq!(found(ClaimFilter::default()).await, [1, 2, 3]);
    assert_eq!(found(ClaimFilter { kind: Some(ClaimKind::Claim), ..Default::default() }).await, [2]);
    assert_eq!(found(ClaimFilter { state: Some(ClaimState::Open), ..Default::default() }).await, [1, 3]);
    assert_eq!(found(ClaimFilter { team: Some(team("search")), ..Default::default() }).await, [2, 3]);
    assert_eq!(found(ClaimFilter { team: Some(team("payments")), ..Default::default() }).await, [1, 3]);
    assert_eq!(found(ClaimFilter { team: Some(team("commerce")), ..Default::default() }).await, [3]);
    assert_eq!(found(ClaimFilter { overdue_at: Some(at(99)), ..Default::default() }).await, [0_i64; 0]);
    assert_eq!(found(ClaimFilter { overdue_at: Some(at(250)), ..Default::default() }).await, [1]);
    assert_eq!(found(ClaimFilter { overdue_at: Some(at(300)), ..Default::default() }).await, [1, 3]);
    assert_eq!("declined".parse(), Ok(ClaimState::Declined));
    assert!("answered".parse::<ClaimState>().unwrap_err().contains("use open, accepted"));
}
