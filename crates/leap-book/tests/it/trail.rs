//! The audit trail, and those who would change it.

use leap_book::{
    AuditBreak, AuditEntry, AuditFilter, AuditHead, Book, BookError, Checkpoint, CheckpointFault, EventEdit,
    FindingKind, SigningKey,
};
use leap_terms::{Digest, Format};
use serde_json::{Value, json};
use sqlx::{Connection, Row};

use crate::database::{Database, connect, keep, put_back, run, tamper};
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
    let checkpoint = book.checkpoint(at(7)).await.unwrap().unwrap();
    assert_eq!((checkpoint.number, checkpoint.digest, checkpoint.at), (6, head.digest, at(7)));
    assert_eq!(book.verify_audit_against(&[checkpoint]).await.unwrap(), head);
    let later = book.record_event(&event("later", 9)).await.unwrap();
    let second = book.checkpoint(at(10)).await.unwrap().unwrap();
    assert_eq!(second.book, checkpoint.book);
    assert_eq!(book.verify_audit_against(&[second, checkpoint]).await.unwrap(), later);
    let empty = Book::open(&database.url().await).await.unwrap();
    assert_eq!(empty.checkpoint(at(1)).await.unwrap(), None);
    assert_eq!(empty.verify_audit().await.unwrap(), AuditHead { sequence: 0, digest: Digest::from_bytes([0; 32]) });

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

async fn broken(book: &Book, sql: &str) -> AuditBreak {
    match book.verify_audit().await {
        Err(BookError::Audit { broken, .. }) => broken,
        other => panic!("{sql}: {other:?}"),
    }
}

/// The number that people are told to look at first, whatever was done.
#[test]
fn a_break_names_the_first_event_that_is_wrong() {
    let digest = Digest::from_bytes([0; 32]);
    for (broken, first) in [
        (edited(4, EventEdit::Anew), Some(4)),
        (AuditBreak::Deleted { first: 4, last: 5 }, Some(4)),
        (AuditBreak::Inserted { sequence: 4 }, Some(4)),
        (AuditBreak::Reordered { sequence: 4, stands_at: 9 }, Some(4)),
        (AuditBreak::Rewritten { sequence: 4 }, Some(4)),
        (AuditBreak::Checkpoint { sequence: 4, confirmed: 2 }, Some(4)),
        (AuditBreak::Cut { sequence: 9, ends: 3 }, Some(4)),
        (AuditBreak::OtherBook { sequence: 4, of: digest, is: digest }, Some(4)),
        (AuditBreak::Snapshot { snapshot: 4 }, None),
        (AuditBreak::NoteMissing, None),
    ] {
        assert_eq!(broken.first_wrong(), first, "{broken}");
    }
}

fn edited(sequence: u64, edit: EventEdit) -> AuditBreak {
    AuditBreak::Edited { sequence, edit }
}

/// Makes the digests of these events anew, each following the one before it as far as told.
async fn forge(url: &str, from: i64, until: i64, follow: bool) {
    let mut connection = connect(url).await;
    for sequence in from..=until {
        let row = |sequence: i64| sqlx::query("SELECT * FROM audit WHERE sequence = $1").bind(sequence);
        let event = row(sequence).fetch_one(&mut connection).await.unwrap();
        let mut previous: String = event.get("previous");
        if follow && sequence > 1 {
            previous = row(sequence - 1).fetch_one(&mut connection).await.unwrap().get("digest");
        }
        let text = |name: &str| Value::from(event.get::<String, _>(name)).to_string();
        let snapshot = event.get::<Option<i64>, _>("snapshot").map_or("null".to_owned(), |id| id.to_string());
        let told = [
            format!(r#"{{"action":{},"actor":{},"#, text("action"), text("actor")),
            format!(r#""at":{},"#, event.get::<i64, _>("recorded_at")),
            format!(r#""detail":{},"previous":"{previous}","#, event.get::<String, _>("detail")),
            format!(r#""sequence":{sequence},"snapshot":{snapshot},"subject":{}}}"#, text("subject")),
        ];
        let told = told.concat();
        let digest = Digest::of(told.as_bytes());
        let sql = format!("UPDATE audit SET previous = '{previous}', digest = '{digest}' WHERE sequence = {sequence}");
        run(&mut connection, &sql).await;
    }
    connection.close().await.unwrap();
}

/// What somebody with all rights on the database tampers with.
const TABLES: [&str; 3] = ["audit", "audit_head", "snapshot"];

/// Who tampers with a trail, and puts it back afterwards.
struct Tamperer<'a> {
    url: &'a str,
    book: &'a Book,
}

impl Tamperer<'_> {
    async fn is(&self, sql: &str, expected: AuditBreak) {
        tamper(self.url, sql).await;
        self.told(sql, expected).await;
    }

    async fn told(&self, what: &str, expected: AuditBreak) {
        assert_eq!(broken(self.book, what).await, expected, "{what}");
        put_back(self.url, &TABLES).await;
        self.book.verify_audit().await.unwrap();
    }
}

/// Moves the numbers from one on by so many, in a way that no two ever are the same.
fn shift(from: u64, by: i64) -> String {
    format!(
        "UPDATE audit SET sequence = sequence + 1000 WHERE sequence >= {from};
         UPDATE audit SET sequence = sequence - 1000 + {by} WHERE sequence >= 1000"
    )
}

pub(crate) async fn tampering_is_found(database: &Database<'_>) {
    let (url, book, _) = with_a_trail(database).await;
    keep(&url, &TABLES).await;
    let tamperer = Tamperer { url: &url, book: &book };
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
        let sql = format!("UPDATE audit SET {edit} WHERE sequence = 4");
        tamperer.is(&sql, edited(4, EventEdit::Content)).await;
    }
    // The end cut off together with the note of it and a snapshot's event, and a snapshot that says something else.
    let cut = "DELETE FROM audit WHERE sequence >= 2;
               UPDATE audit_head SET sequence = 1, digest = (SELECT digest FROM audit WHERE sequence = 1)";
    tamperer.is(cut, AuditBreak::Snapshot { snapshot: 2 }).await;
    for edit in [
        "cause = 'nothing'",
        "actor = 'bob'",
        "digest = '00'",
        "recorded_at = 0",
        "rules_version = 1",
        "pools_version = 1",
        "volume_version = 1",
        "budgets_version = 1",
        "contracts_version = 1",
    ] {
        let edit = edit.replace("'00'", &format!("'{}'", "0".repeat(64)));
        let sql = format!("UPDATE snapshot SET {edit} WHERE id = 1");
        tamperer.is(&sql, AuditBreak::Snapshot { snapshot: 1 }).await;
    }
    // The note itself.
    tamperer.is("DELETE FROM audit_head", AuditBreak::NoteMissing).await;
    let other = format!("UPDATE audit_head SET book = '{}'", "0".repeat(64));
    tamperer.is(&other, AuditBreak::Rewritten { sequence: 1 }).await;
    let other = format!("UPDATE audit_head SET digest = '{}'", "0".repeat(64));
    tamperer.is(&other, AuditBreak::Rewritten { sequence: 6 }).await;
    // The doctor says it in the same words.
    tamper(&url, "DELETE FROM audit WHERE sequence BETWEEN 4 AND 5").await;
    let finding = book.check().await.unwrap().into_iter().find(|one| one.kind == FindingKind::AuditBroken).unwrap();
    assert!(finding.message.ends_with("does not hold: events 4 to 5 were deleted"), "{finding}");
}

pub(crate) async fn every_event_that_is_touched_is_named(database: &Database<'_>) {
    let (url, book, _) = with_a_trail(database).await;
    keep(&url, &TABLES).await;
    let tamperer = Tamperer { url: &url, book: &book };
    let last = 6;
    for k in 1..=last {
        // Edited: what it says, its digest, and both together.
        tamperer
            .is(&format!("UPDATE audit SET actor = 'bob' WHERE sequence = {k}"), edited(k, EventEdit::Content))
            .await;
        let other = Digest::of(b"other");
        let replaced = format!("UPDATE audit SET digest = '{other}' WHERE sequence = {k}");
        tamperer.is(&replaced, edited(k, EventEdit::Digest)).await;
        let number = k as i64;
        tamper(&url, &format!("UPDATE audit SET actor = 'bob' WHERE sequence = {k}")).await;
        forge(&url, number, number, false).await;
        let anew = if k == last { AuditBreak::Rewritten { sequence: k } } else { edited(k, EventEdit::Anew) };
        tamperer.told(&format!("event {k} edited with its digest"), anew).await;
        // Edited together with all that follows it: the chain is sound, and its end is not the noted one.
        tamper(&url, &format!("UPDATE audit SET actor = 'bob' WHERE sequence = {k}")).await;
        forge(&url, number, last as i64, true).await;
        let sequence = if k == 1 { 1 } else { last };
        tamperer.told(&format!("all from event {k} on made anew"), AuditBreak::Rewritten { sequence }).await;

        // Deleted: alone, with the gap closed, and all from it on.
        let deleted = |first, last| AuditBreak::Deleted { first, last };
        let delete = format!("DELETE FROM audit WHERE sequence = {k}");
        tamperer.is(&delete, deleted(k, k)).await;
        tamperer.is(&format!("{delete}; {}", shift(k, -1)), deleted(k, k)).await;
        tamperer.is(&format!("DELETE FROM audit WHERE sequence >= {k}"), deleted(k, last)).await;
        if k + 2 <= last {
            let two = format!("DELETE FROM audit WHERE sequence BETWEEN {k} AND {}", k + 1);
            tamperer.is(&two, deleted(k, k + 1)).await;
            tamperer.is(&format!("{two}; {}", shift(k, -2)), deleted(k, k + 1)).await;
        }

        // Inserted: something made up, a copy of an event, and something made up that follows as it should.
        let inserted = AuditBreak::Inserted { sequence: k };
        let made_up = format!(
            "INSERT INTO audit SELECT {k}, 0, 'eve', 'backup', 'x', NULL, '{{}}', previous, '{other}'
             FROM audit WHERE sequence = {}",
            k + 1
        );
        if k < last {
            tamperer.is(&format!("{}; {made_up}", shift(k, 1)), inserted.clone()).await;
            tamper(&url, &format!("{}; {made_up}", shift(k, 1))).await;
            forge(&url, number, number, false).await;
            tamperer.told(&format!("inserted event {k} in the chain"), inserted.clone()).await;
        }
        let copy = format!(
            "INSERT INTO audit SELECT {k}, recorded_at, actor, action, subject, snapshot, detail, previous, digest
             FROM audit WHERE sequence = {}",
            if k == 1 { 4 } else { k - 1 }
        );
        tamperer.is(&format!("{}; {copy}", shift(k, 1)), inserted).await;

        // In another order: moved away, and exchanged with each later one.
        let reordered = |sequence, stands_at| AuditBreak::Reordered { sequence, stands_at };
        tamperer.is(&format!("UPDATE audit SET sequence = 99 WHERE sequence = {k}"), reordered(k, 99)).await;
        for j in k + 1..=last {
            let swap = format!(
                "UPDATE audit SET sequence = 99 WHERE sequence = {k};
                 UPDATE audit SET sequence = {k} WHERE sequence = {j};
                 UPDATE audit SET sequence = {j} WHERE sequence = 99"
            );
            tamperer.is(&swap, reordered(k, j)).await;
        }
    }
    // The first one behind all others, which move up.
    let rotate = format!(
        "UPDATE audit SET sequence = 0 WHERE sequence = 1; {}; UPDATE audit SET sequence = 6 WHERE sequence = 0",
        shift(2, -1)
    );
    tamperer.is(&rotate, AuditBreak::Reordered { sequence: 1, stands_at: 6 }).await;
    // At the ends: before the first, and after the last, where it follows as it should.
    let before = "INSERT INTO audit SELECT 0, 0, 'eve', 'backup', 'x', NULL, '{}', previous, digest
                  FROM audit WHERE sequence = 1";
    tamperer.is(before, AuditBreak::Inserted { sequence: 0 }).await;
    let append =
        "INSERT INTO audit SELECT 7, 0, 'eve', 'backup', 'x', NULL, '{}', digest, digest FROM audit WHERE sequence = 6";
    tamperer.is(append, AuditBreak::Inserted { sequence: 7 }).await;
    tamper(&url, append).await;
    forge(&url, 7, 7, true).await;
    // Nobody writes over it either.
    let error = book.record_event(&event("more", 9)).await.unwrap_err();
    assert!(error.to_string().ends_with("does not hold: event 7 was inserted"), "{error}");
    tamperer.told("event 7 appended", AuditBreak::Inserted { sequence: 7 }).await;
    tamperer.is("DELETE FROM audit", AuditBreak::Deleted { first: 1, last: 6 }).await;
}

pub(crate) async fn what_is_written_after_a_cut_hides_nothing(database: &Database<'_>) {
    let (url, book, _) = with_a_trail(database).await;
    tamper(&url, "DELETE FROM audit WHERE sequence > 4").await;
    assert_eq!(broken(&book, "cut").await, AuditBreak::Deleted { first: 5, last: 6 });
    // The next event follows what was noted, so the hole stays.
    assert_eq!(book.record_event(&event("later", 9)).await.unwrap().sequence, 7);
    assert_eq!(broken(&book, "cut and gone on").await, AuditBreak::Deleted { first: 5, last: 6 });
    // Without the note nothing is written at all.
    tamper(&url, "DELETE FROM audit_head").await;
    let error = book.record_event(&event("later", 9)).await.unwrap_err();
    assert!(error.to_string().ends_with("the book's note of where its trail ends is gone"), "{error}");
}

pub(crate) async fn a_rewritten_trail_differs_from_its_checkpoints(database: &Database<'_>) {
    let (url, book, _) = with_a_trail(database).await;
    let sixth = book.checkpoint(at(7)).await.unwrap().unwrap();
    let of = |sequence: u64, digest| Checkpoint { number: sequence, digest, ..sixth };
    let events = book.audit(&AuditFilter::default()).await.unwrap();
    let fourth = of(4, events.iter().find(|event| event.sequence == 4).unwrap().digest);
    let against = |checkpoints: Vec<Checkpoint>| {
        let book = &book;
        async move {
            match book.verify_audit_against(&checkpoints).await {
                Err(BookError::Audit { broken, .. }) => Some(broken),
                Ok(_) => None,
                Err(other) => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(against(vec![fourth, sixth]).await, None);
    let note = "UPDATE audit_head SET sequence = (SELECT MAX(sequence) FROM audit),
                digest = (SELECT digest FROM audit ORDER BY sequence DESC LIMIT 1)";
    // Cut off together with the note, which leaves a sound chain.
    tamper(&url, &format!("DELETE FROM audit WHERE sequence > 4; {note}")).await;
    assert_eq!(book.verify_audit().await.unwrap().sequence, 4);
    assert_eq!(against(vec![fourth]).await, None);
    assert_eq!(against(vec![fourth, sixth]).await, Some(AuditBreak::Cut { sequence: 6, ends: 4 }));
    // And others written in their place.
    book.record_event(&event("nothing happened", 5)).await.unwrap();
    book.record_event(&event("nothing at all", 6)).await.unwrap();
    book.verify_audit().await.unwrap();
    let expected = AuditBreak::Checkpoint { sequence: 6, confirmed: 4 };
    assert_eq!(
        expected.to_string(),
        "event 6 is not the one of the checkpoint: the trail was written anew after event 4"
    );
    assert_eq!(against(vec![sixth, fourth]).await, Some(expected));
    // The whole chain written anew from its first word, the note and the snapshots too: sound by itself.
    tamper(&url, "UPDATE audit SET actor = 'bob'; UPDATE snapshot SET actor = 'bob'").await;
    forge(&url, 1, 6, true).await;
    tamper(&url, &format!("{note}, book = (SELECT digest FROM audit WHERE sequence = 1)")).await;
    assert_eq!(book.verify_audit().await.unwrap().sequence, 6);
    let is = book.checkpoint(at(9)).await.unwrap().unwrap().book;
    let other = AuditBreak::OtherBook { sequence: 4, of: sixth.book, is };
    assert_eq!(against(vec![fourth, sixth]).await, Some(other.clone()));
    assert!(other.to_string().contains("its trail was written anew from the first event on"), "{other}");
    // Who leaves the book's id as it was is found without any checkpoint.
    tamper(&url, &format!("UPDATE audit_head SET book = '{}'", sixth.book)).await;
    assert_eq!(broken(&book, "rewritten").await, AuditBreak::Rewritten { sequence: 1 });
}

pub(crate) async fn a_signed_checkpoint_is_compared_as_it_was_exported(database: &Database<'_>) {
    let (url, book, head) = with_a_trail(database).await;
    let (key, other) = (SigningKey::from_seed(&[7; 32]).unwrap(), SigningKey::from_seed(&[8; 32]).unwrap());
    let exported = book.checkpoint(at(7)).await.unwrap().unwrap().export(Some(&key)).unwrap();
    let keys = [key.public_key()];
    let read = Checkpoint::read(&exported, &keys).unwrap();
    assert_eq!(book.verify_audit_against(&[read]).await.unwrap(), head);
    // Who rewrites the trail makes a checkpoint that fits it, and has no key to sign it with.
    tamper(&url, "UPDATE audit SET actor = 'bob'; UPDATE snapshot SET actor = 'bob'").await;
    forge(&url, 1, 6, true).await;
    let note = "UPDATE audit_head SET digest = (SELECT digest FROM audit WHERE sequence = 6),
                book = (SELECT digest FROM audit WHERE sequence = 1)";
    tamper(&url, note).await;
    let fits = book.checkpoint(at(7)).await.unwrap().unwrap();
    assert_eq!(book.verify_audit_against(&[fits]).await.unwrap().sequence, 6);
    assert_eq!(Checkpoint::read(&fits.export(None).unwrap(), &keys), Err(CheckpointFault::Unsigned));
    let forged = fits.export(Some(&other)).unwrap();
    assert!(matches!(Checkpoint::read(&forged, &keys), Err(CheckpointFault::UnknownKey(_))));
    let mixed = format!("{}\n{}", fits.text(), exported.lines().nth(1).unwrap());
    assert!(matches!(Checkpoint::read(&mixed, &keys), Err(CheckpointFault::Signature(_))));
    assert!(book.verify_audit_against(&[read]).await.is_err());
}
