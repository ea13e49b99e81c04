//! What one person asks for and another one approves.

use leap_book::{ApprovalAnswer, ApprovalKind, ApprovalOutcome, Book, BookError, FindingKind, NewApproval};

use crate::database::{Database, tamper};
use crate::samples::at;

fn asked(subject: &str, minute: i64) -> NewApproval {
    NewApproval {
        kind: ApprovalKind::Reorg,
        subject: subject.to_owned(),
        content: "{\"plan\": 2}".to_owned(),
        reason: "Zürich moves".to_owned(),
        actor: "cai".to_owned(),
        at: at(minute),
    }
}

fn answer(outcome: ApprovalOutcome, minute: i64) -> ApprovalAnswer {
    ApprovalAnswer { outcome, at: at(minute), actor: "dee".to_owned(), note: Some("fair".to_owned()) }
}

pub(crate) async fn an_approval_is_asked_for_and_answered_once(database: &Database<'_>) {
    let url = database.url().await;
    let book = Book::open(&url).await.unwrap();
    assert_eq!(book.approvals().await.unwrap(), []);
    let first = book.ask_approval(&asked("next.yaml", 1)).await.unwrap();
    assert_eq!((first.number, first.state(), first.is_open()), (1, "open", true));
    let second =
        book.ask_approval(&NewApproval { kind: ApprovalKind::Restatement, ..asked("2026-08", 2) }).await.unwrap();
    assert_eq!(book.approvals().await.unwrap(), [first.clone(), second.clone()]);
    let given = book.answer_approval(1, &answer(ApprovalOutcome::Given, 3)).await.unwrap();
    assert_eq!((given.state(), given.asked_by.as_str()), ("given", "cai"));
    assert_eq!(given.answer.as_ref().map(|answer| answer.actor.as_str()), Some("dee"));
    assert_eq!(book.approval(1).await.unwrap(), given);
    let error = book.answer_approval(1, &answer(ApprovalOutcome::Declined, 4)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("approval 1 was given by dee at {} already", at(3)));
    assert!(matches!(book.approval(3).await, Err(BookError::NoApproval(3))));
    assert!(matches!(book.approval(0).await, Err(BookError::NoApproval(0))));
    let error = book.answer_approval(3, &answer(ApprovalOutcome::Given, 4)).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no approval 3");
    let blank = NewApproval { reason: " ".to_owned(), ..asked("x", 4) };
    assert!(matches!(book.ask_approval(&blank).await, Err(BookError::Blank { .. })));
    let broken = NewApproval { content: "{".to_owned(), ..asked("x", 4) };
    assert!(matches!(book.ask_approval(&broken).await, Err(BookError::NotJson { .. })));
    assert_eq!(book.check().await.unwrap(), []);
    // Who writes into the database by hand is found.
    for statement in [
        "UPDATE approval SET reason = 'none' WHERE number = 2",
        "UPDATE approval SET answered_by = 'cai' WHERE number = 1",
        "UPDATE approval SET content = '{}' WHERE number = 1",
        "DELETE FROM approval WHERE number = 2",
    ] {
        tamper(&url, statement).await;
        let found = book.check().await.unwrap();
        assert!(found.iter().any(|one| one.kind == FindingKind::ApprovalBroken), "{statement}: {found:?}");
    }
}
