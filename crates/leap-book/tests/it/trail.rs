//! The audit trail, and those who would change it.

use leap_book::{AuditBreak, AuditEntry, AuditFilter, AuditHead, Book, BookError};
use leap_terms::Format;
use serde_json::json;

use crate::database::{Database, tamper};
use crate::samples::{at, delivery, ingest};

fn event(subject: &str, minute: i64) -> AuditEntry {
    AuditEntry {
        at: at(minute),
        actor: "ana".to_owned(),
        action: "backup".to_owned(),
        subject: subject.to_owned(),
        detail: json!({"path": subject, "bytes": 12}),
    }
}

/// Two snapshots and four other events: publish, publish, backup × 4.
async fn with_a_trail(database: &Database<'_>) -> (String, Book, AuditHead) {
    let url = database.url().await;
    let book = Book::open(&url).await.unwrap();
    for (parent, name) in [(None, "a"), (Some(1), "b")] {
        book.publish(&ingest(parent, &delivery(name, name, "2026-09", "1", Format::Focus), vec![])).await.unwrap();
    }
    for number in 3..=6 {
        book.record_event(&event(&format!("backup-{number}"), number)).await.unwrap();
    }
    let head = book.audit_head().await.unwrap();
    (url, book, head)
}

pub(crate) async fn an_honest_trail_verifies(database: &Database<'_>) {
    let (_, book, head) = with_a_trail(database).await;
    assert_eq!(head.sequence, 6);
    assert_eq!(book.verify_audit().await.unwrap(), head);
    assert_eq!(book.verify_audit_against(&head).await.unwrap(), head);
    let later = book.record_event(&event("later", 9)).await.unwrap();
    assert_eq!(book.verify_audit_against(&head).await.unwrap(), later);

    let events = book.audit(&AuditFilter::default()).await.unwrap();
    assert_eq!(events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(events[0].entry.subject, "later");
    assert_eq!(events[0].entry.detail, json!({"bytes": 12, "path": "later"}));
    assert_eq!((events[6].snapshot, events[6].entry.action.as_str()), (Some(1), "publish"));
    assert_eq!(events[6].entry.detail["files_added"], json!(2));
    let only = |filter: AuditFilter| {
        let book = &book;
        async move { book.audit(&filter).await.unwrap().into_iter().map(|event| event.sequence).collect::<Vec<_>>() }
    };
    assert_eq!(only(AuditFilter { action: Some("publish".to_owned()), ..Default::default() }).await, [2, 1]);
    assert_eq!(only(AuditFilter { snapshot: Some(2), ..Default::default() }).await, [2]);
    assert_eq!(only(AuditFilter { after: Some(4), limit: Some(2), ..Default::default() }).await, [7, 6]);
    assert!(only(AuditFilter { actor: Some("bob".to_owned()), ..Default::default() }).await.is_empty());
}

async fn found(database: &Database<'_>, sql: &str) -> AuditBreak {
    let (url, book, _) = with_a_trail(database).await;
    book.verify_audit().await.unwrap();
    tamper(&url, sql).await;
    match book.verify_audit().await {
        Err(BookError::Audit { broken, .. }) => broken,
        other => panic!("{sql}: {other:?}"),
    }
}

pub(crate) async fn tampering_is_found(database: &Database<'_>) {
    // Edits, each of one field of one event.
    for edit in [
        "actor = 'bob'",
        "action = 'purge'",
        "subject = 'backup-5'",
        "recorded_at = recorded_at + 1",
        "detail = '{\"bytes\":13,\"path\":\"backup-4\"}'",
        "detail = '{\"bytes\": 12,\"path\":\"backup-4\"}'",
        "snapshot = 1",
        "previous = digest",
    ] {
        let broken = found(database, &format!("UPDATE audit SET {edit} WHERE sequence = 4")).await;
        assert_eq!(broken, AuditBreak::Altered { sequence: 4 }, "{edit}");
    }
    let broken = found(database, "UPDATE audit SET digest = previous WHERE sequence = 4").await;
    assert_eq!(broken, AuditBreak::Altered { sequence: 4 });
    // A deletion at the start, in the middle, and the middle cut out.
    let broken = found(database, "DELETE FROM audit WHERE sequence = 1").await;
    assert_eq!(broken, AuditBreak::Gap { expected: 1, found: 2 });
    let broken = found(database, "DELETE FROM audit WHERE sequence = 4").await;
    assert_eq!(broken, AuditBreak::Gap { expected: 4, found: 5 });
    let broken = found(database, "DELETE FROM audit WHERE sequence BETWEEN 3 AND 5").await;
    assert_eq!(broken, AuditBreak::Gap { expected: 3, found: 6 });
    // The gap closed by moving what follows.
    let close = "DELETE FROM audit WHERE sequence = 4; UPDATE audit SET sequence = 4 WHERE sequence = 5;
                 UPDATE audit SET sequence = 5 WHERE sequence = 6";
    assert_eq!(found(database, close).await, AuditBreak::Altered { sequence: 4 });
    // An insertion: a copy of an event, with room made for it.
    let insert = "UPDATE audit SET sequence = 7 WHERE sequence = 6; UPDATE audit SET sequence = 6 WHERE sequence = 5;
                  INSERT INTO audit SELECT 5, recorded_at, actor, action, subject, snapshot, detail, previous, digest
                  FROM audit WHERE sequence = 4";
    assert_eq!(found(database, insert).await, AuditBreak::Altered { sequence: 5 });
    // A new order.
    let swap = "UPDATE audit SET sequence = 99 WHERE sequence = 4; UPDATE audit SET sequence = 4 WHERE sequence = 5;
                UPDATE audit SET sequence = 5 WHERE sequence = 99";
    assert_eq!(found(database, swap).await, AuditBreak::Altered { sequence: 4 });
    // The end cut off together with a snapshot's event, and a snapshot that says something else than its event.
    let broken = found(database, "DELETE FROM audit WHERE sequence >= 2").await;
    assert_eq!(broken, AuditBreak::Snapshot { snapshot: 2 });
    for edit in [
        "cause = 'nothing'",
        "actor = 'bob'",
        "digest = '00'",
        "recorded_at = 0",
        "rules_version = 1",
        "pools_version = 1",
        "volume_version = 1",
    ] {
        let edit = edit.replace("'00'", &format!("'{}'", "0".repeat(64)));
        let broken = found(database, &format!("UPDATE snapshot SET {edit} WHERE id = 1")).await;
        assert_eq!(broken, AuditBreak::Snapshot { snapshot: 1 }, "{edit}");
    }
}

pub(crate) async fn a_rewritten_or_cut_trail_differs_from_its_checkpoint(database: &Database<'_>) {
    let (url, book, head) = with_a_trail(database).await;
    // Cutting events that belong to no snapshot off the end leaves a sound chain.
    tamper(&url, "DELETE FROM audit WHERE sequence > 4").await;
    assert_eq!(book.verify_audit().await.unwrap().sequence, 4);
    let error = book.verify_audit_against(&head).await.unwrap_err();
    assert!(error.to_string().contains("differs from the checkpoint at event 6"), "{error}");
    // And so does writing others in their place.
    book.record_event(&event("nothing happened", 5)).await.unwrap();
    book.record_event(&event("nothing at all", 6)).await.unwrap();
    book.verify_audit().await.unwrap();
    match book.verify_audit_against(&head).await {
        Err(BookError::Audit { broken, .. }) => assert_eq!(broken, AuditBreak::Checkpoint { sequence: 6 }),
        other => panic!("{other:?}"),
    }
}
