//! Periods that are closed, reopened and restated.

use leap_book::{Book, BookError, NewStatement, StatementCause};
use leap_terms::{Digest, Month};

use crate::database::Database;
use crate::history::apply;
use crate::samples::{at, month};

pub(crate) fn statement(period: &str, version: i64, minute: i64) -> NewStatement {
    NewStatement {
        period: month(period),
        version,
        snapshot: 1,
        at: at(minute),
        actor: "ana".to_owned(),
        body: format!("{{\"period\":\"{period}\",\"version\":{version},\"owners\":[\"Zürich\"]}}\n"),
        approved_by: None,
        reason: None,
        difference: None,
    }
}

pub(crate) fn restatement(period: &str, version: i64, minute: i64) -> NewStatement {
    NewStatement {
        approved_by: Some("carl".to_owned()),
        reason: Some("AWS restated August".to_owned()),
        difference: Some("{\"provider restatement\":{\"USD\":\"-1.20\"}}".to_owned()),
        ..statement(period, version, minute)
    }
}

async fn open(database: &Database<'_>) -> Book {
    let book = Book::open(&database.url().await).await.unwrap();
    book.publish(&apply(None, "rules apply")).await.unwrap();
    book
}

pub(crate) async fn a_period_is_closed_reopened_and_restated(database: &Database<'_>) {
    let book = open(database).await;
    let august = month("2026-08");
    assert_eq!(book.statements(None).await.unwrap(), []);
    let first = book.close_period(&statement("2026-08", 1, 1)).await.unwrap();
    assert_eq!((first.version, first.cause, first.binding), (1, StatementCause::Close, true));
    book.close_period(&statement("2026-07", 1, 2)).await.unwrap();
    book.publish(&apply(Some(1), "ingest")).await.unwrap();
    let new = NewStatement { snapshot: 2, ..restatement("2026-08", 2, 3) };
    let second = book.close_period(&new).await.unwrap();
    assert_eq!((second.snapshot, second.cause, second.binding), (2, StatementCause::Restatement, true));
    assert_eq!((&second.approved_by, &second.reason), (&new.approved_by, &new.reason));
    let reopened = book.reopen_period(august, "bob", "the bill was not complete", at(4)).await.unwrap();
    assert_eq!((reopened.version, reopened.binding), (2, false));
    let reopening = reopened.reopened.as_ref().unwrap();
    assert_eq!((reopening.at, reopening.actor.as_str()), (at(4), "bob"));
    assert_eq!(reopening.reason, "the bill was not complete");

    let error = book.reopen_period(august, "ana", "again", at(5)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("2026-08 was reopened by bob at {} already; it is open", at(4)));
    let error = book.reopen_period(month("2026-06"), "ana", "why not", at(5)).await.unwrap_err();
    assert_eq!(error.to_string(), "2026-06 was never closed, so it cannot be reopened");
    let error = book.reopen_period(month("2026-07"), "ana", " ", at(5)).await.unwrap_err();
    assert_eq!(error.to_string(), "the reopening of 2026-07 needs a reason, and none was given");
    let error = book.close_period(&restatement("2026-08", 3, 3)).await.unwrap_err();
    assert!(matches!(error, BookError::Backwards { last, .. } if last == at(4)), "{error}");
    let error = book.close_period(&statement("2026-08", 3, 6)).await.unwrap_err();
    assert!(matches!(error, BookError::Blank { .. }), "a reopened period is restated as well: {error}");
    let third = book.close_period(&restatement("2026-08", 3, 6)).await.unwrap();

    let told: Vec<_> = book
        .statements(Some(august))
        .await
        .unwrap()
        .into_iter()
        .map(|statement| (statement.version, statement.binding, statement.reopened.is_some()))
        .collect();
    assert_eq!(told, [(1, false, false), (2, false, true), (3, true, false)]);
    let all = book.statements(None).await.unwrap();
    let told: Vec<_> =
        all.iter().map(|statement| (statement.period.to_string(), statement.version, statement.binding)).collect();
    assert_eq!(
        told,
        [("2026-07", 1, true), ("2026-08", 1, false), ("2026-08", 2, false), ("2026-08", 3, true)]
            .map(|(period, version, binding)| (period.to_owned(), version, binding))
    );
    assert_eq!(book.statement(august, 3).await.unwrap(), Some(third));
    assert_eq!(book.statement(august, 2).await.unwrap(), Some(reopened));
    for unheard_of in [-1, 0, 4] {
        assert_eq!(book.statement(august, unheard_of).await.unwrap(), None);
    }
    let actions: Vec<_> =
        book.audit(&Default::default()).await.unwrap().into_iter().rev().map(|event| event.entry.action).collect();
    assert_eq!(
        actions,
        [
            "publish",
            "period closed",
            "period closed",
            "publish",
            "period restated",
            "period reopened",
            "period restated"
        ]
    );
    book.verify_audit().await.unwrap();
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn of_two_closers_one_wins(database: &Database<'_>) {
    let url = database.url().await;
    let (one, other) = (Book::open(&url).await.unwrap(), Book::open(&url).await.unwrap());
    one.publish(&apply(None, "rules apply")).await.unwrap();
    for round in 1..=8 {
        let close = |book: &Book, actor: &str| {
            let (book, actor) = (book.clone(), actor.to_owned());
            let new = NewStatement { actor, ..restatement("2026-08", round, 1) };
            tokio::spawn(async move { book.close_period(&new).await })
        };
        let (left, right) = (close(&one, "ana"), close(&other, "bob"));
        let (left, right) = (left.await.unwrap(), right.await.unwrap());
        assert_ne!(left.is_ok(), right.is_ok(), "round {round}: {left:?} {right:?}");
        let error = left.and(right).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "2026-08 has version {round} now, so version {round} of its statement cannot follow; \
                 look at the newest and decide again"
            )
        );
        assert!(!error.is_try_again());
    }
    assert_eq!(one.statements(Some(Month::new(2026, 8).unwrap())).await.unwrap().len(), 8);
    let error = one.close_period(&restatement("2026-08", 10, 2)).await.unwrap_err();
    assert!(matches!(error, BookError::StatementStale { version: 10, newest: Some(8), .. }), "{error}");
    let error = one.close_period(&restatement("2026-09", 2, 2)).await.unwrap_err();
    assert!(error.to_string().starts_with("2026-09 has no statement now, so version 2"), "{error}");
    assert_eq!(one.check().await.unwrap(), []);
}

pub(crate) async fn a_restatement_needs_a_reason_and_a_second_person(database: &Database<'_>) {
    let book = open(database).await;
    book.close_period(&statement("2026-08", 1, 1)).await.unwrap();
    let good = restatement("2026-08", 2, 2);
    for approved_by in [None, Some(""), Some("ana"), Some(" Ana ")] {
        let new = NewStatement { approved_by: approved_by.map(str::to_owned), ..good.clone() };
        let error = book.close_period(&new).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "version 2 of the statement of 2026-08 restates it, and needs the approval of somebody other than ana: --approved-by PERSON"
        );
    }
    for reason in [None, Some("\t")] {
        let new = NewStatement { reason: reason.map(str::to_owned), ..good.clone() };
        let error = book.close_period(&new).await.unwrap_err();
        assert_eq!(error.to_string(), "the restatement of 2026-08 needs a reason, and none was given");
    }
    let error = book.close_period(&NewStatement { snapshot: 7, ..good.clone() }).await.unwrap_err();
    assert!(matches!(error, BookError::NoSnapshot(7)), "{error}");
    let error = book.close_period(&NewStatement { body: "{".to_owned(), ..good.clone() }).await.unwrap_err();
    assert!(error.to_string().starts_with("statement 2026-08 version 2 is no JSON: "), "{error}");
    let error =
        book.close_period(&NewStatement { difference: Some("none".to_owned()), ..good.clone() }).await.unwrap_err();
    assert!(error.to_string().starts_with("the difference of statement 2026-08 version 2 is no JSON: "), "{error}");
    let error = book.close_period(&statement("2026-07", 1, -1)).await.unwrap_err();
    assert!(matches!(error, BookError::Backwards { .. }), "a statement cannot be older than its snapshot: {error}");
    assert_eq!(book.audit_head().await.unwrap().sequence, 2);
    book.close_period(&good).await.unwrap();
}

pub(crate) async fn a_statement_comes_back_to_the_byte(database: &Database<'_>) {
    let book = open(database).await;
    let body = "{\"b\" : 1.10,\r\n\t\"a\":\"\\u0000 Zürich 🏦 'quote' \u{2028}\"}\n\n";
    let new = NewStatement { body: body.to_owned(), ..statement("2026-08", 1, 1) };
    let closed = book.close_period(&new).await.unwrap();
    let read = book.statement(new.period, 1).await.unwrap().unwrap();
    assert_eq!((read.body.as_str(), read.digest), (body, Digest::of(body.as_bytes())));
    assert_eq!(read, closed);
}
