//! Books that are damaged, foreign, locked, or from another time; and their copies.

use std::collections::BTreeSet;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use leap_book::{
    Book, BookError, ClaimFilter, ClaimStep, ConfigKind, DeliveryFilter, FindingKind, Publish, SCHEMA_VERSION,
};
use leap_terms::{Digest, Format};
use sqlx::Connection;

use crate::claims::{dispute, event};
use crate::database::{Database, connect, run, tamper};
use crate::history::{apply, files, reorg};
use crate::samples::{at, delivery, ingest, replace, september};
use crate::statements::{restatement, statement};

pub(crate) async fn a_newer_schema_is_refused(database: &Database<'_>) {
    let url = database.url().await;
    Book::open(&url).await.unwrap().close().await;
    let newer = SCHEMA_VERSION + 1;
    tamper(&url, &format!("INSERT INTO schema_version (version, name, digest) VALUES ({newer}, 'later', '00')")).await;
    let error = Book::open(&url).await.unwrap_err();
    assert!(matches!(error, BookError::Newer { found, known: SCHEMA_VERSION, .. } if found == newer), "{error}");
    assert!(error.to_string().ends_with(&format!(
        "has schema {newer}, and this leap knows schemas up to {SCHEMA_VERSION}; use the newer leap that wrote it"
    )));
}

pub(crate) async fn another_editions_schema_is_refused(database: &Database<'_>) {
    let url = database.url().await;
    Book::open(&url).await.unwrap().close().await;
    tamper(&url, "UPDATE schema_version SET digest = '00' WHERE version = 1").await;
    let error = Book::open(&url).await.unwrap_err();
    assert!(matches!(error, BookError::OtherEdition { version: 1, .. }), "{error}");
}

pub(crate) async fn a_database_of_something_else_is_refused(database: &Database<'_>) {
    for table in ["CREATE TABLE recipes (name TEXT)", "CREATE TABLE schema_version (major TEXT)"] {
        let url = database.url().await;
        tamper(&url, table).await;
        let error = Book::open(&url).await.unwrap_err();
        assert!(matches!(error, BookError::NotABook { .. }), "{table}: {error}");
        assert!(error.to_string().ends_with("is a database, but no book of leap; name another file"), "{error}");
    }
    for wrong in ["mysql://leap@db/leap", "book.db", "sqlite:", "postgres:leap"] {
        assert!(matches!(Book::open(wrong).await, Err(BookError::Url { .. })), "{wrong}");
    }
}

pub(crate) async fn the_check_finds_what_does_not_fit(database: &Database<'_>) {
    let cases = [
        ("UPDATE file SET rows = 4 WHERE lake_table = 'charges'", FindingKind::ScopeDiffersFromFiles),
        (
            "UPDATE file SET sums = '{\"BilledCost\":\"9\"}' WHERE lake_table = 'charges'",
            FindingKind::ScopeDiffersFromFiles,
        ),
        ("UPDATE file SET removed_in = 2 WHERE lake_table = 'charges'", FindingKind::ScopeDiffersFromFiles),
        ("UPDATE file SET digest = 'no digest'", FindingKind::ScopeDiffersFromFiles),
        ("UPDATE file SET delivery_id = '0123456789abcdef' WHERE lake_table = 'cube'", FindingKind::FileWithoutScope),
        ("DELETE FROM proof WHERE cost = 'list'", FindingKind::ProofMissing),
        ("UPDATE proof SET accepted = '7' WHERE cost = 'list'", FindingKind::ProofMissing),
        ("UPDATE scope SET facts = 'gone'", FindingKind::ScopeDiffersFromFiles),
        ("UPDATE snapshot SET rules_version = 5 WHERE id = 2", FindingKind::ConfigBroken),
        ("UPDATE config_content SET content = 'units: [1]'", FindingKind::ConfigBroken),
        ("DELETE FROM snapshot WHERE id = 1", FindingKind::SnapshotChainBroken),
        ("DELETE FROM audit WHERE sequence = 1", FindingKind::AuditBroken),
    ];
    for (sql, expected) in cases {
        let url = database.url().await;
        let book = Book::open(&url).await.unwrap();
        book.publish(&ingest(None, &september("bill", "1"), vec![])).await.unwrap();
        let mut publish = Publish::new(Some(1), Digest::of(b"org"), "org apply", "ana", at(1));
        publish.org = Some(leap_book::ConfigFiles { files: vec![("org.yaml".to_owned(), b"units: []".to_vec())] });
        book.publish(&publish).await.unwrap();
        assert_eq!(book.check().await.unwrap(), [], "before {sql}");
        tamper(&url, sql).await;
        let kinds: BTreeSet<_> = book.check().await.unwrap().into_iter().map(|finding| finding.kind).collect();
        assert!(kinds.contains(&expected), "{sql}: {kinds:?}");
    }
    if database.is_sqlite() {
        let url = database.url().await;
        let book = Book::open(&url).await.unwrap();
        book.publish(&ingest(None, &september("bill", "1"), vec![])).await.unwrap();
        tamper(&url, "DELETE FROM delivery").await;
        let findings = book.check().await.unwrap();
        let broken = findings.iter().find(|finding| finding.kind == FindingKind::ReferenceBroken).unwrap();
        assert!(broken.to_string().ends_with("names a row of delivery that is not there"), "{broken}");
    }
}

/// Two reorgs, the second one a reversal, a claim accepted with the second, pools, and a statement that was restated
/// and reopened.
async fn with_a_history(url: &str) -> Book {
    let book = Book::open(url).await.unwrap();
    let org = |text: &str| Some(files("org.yaml", text));
    book.publish(&Publish { org: org("a"), reorg: Some(reorg("one")), ..apply(None, "org apply") }).await.unwrap();
    book.open_claim(&dispute("platform", 0)).await.unwrap();
    book.close_period(&statement("2026-08", 1, 1)).await.unwrap();
    let mut publish = Publish { org: org("b"), reorg: Some(reorg("two")), ..apply(Some(1), "org revert 1") };
    publish.revert = Some(1);
    publish.claim_events = vec![event(1, 1, ClaimStep::Accepted)];
    publish.configs.insert(ConfigKind::Pools, files("pools.yaml", "pools: []"));
    book.publish(&publish).await.unwrap();
    book.close_period(&restatement("2026-08", 2, 2)).await.unwrap();
    book.reopen_period("2026-08".parse().unwrap(), "bob", "the bill was not complete", at(3)).await.unwrap();
    book
}

pub(crate) async fn the_check_finds_history_that_was_changed(database: &Database<'_>) {
    let digest = Digest::of(b"{}");
    let cases = [
        ("UPDATE reorg SET plan = '{}' WHERE id = 1".to_owned(), FindingKind::ReorgBroken),
        (format!("UPDATE reorg SET plan = '{{}}', digest = '{digest}' WHERE id = 1"), FindingKind::ReorgBroken),
        ("UPDATE reorg SET effective = '2026-08-01' WHERE id = 2".to_owned(), FindingKind::ReorgBroken),
        ("UPDATE reorg SET reverted_in = NULL".to_owned(), FindingKind::ReorgBroken),
        ("DELETE FROM reorg WHERE id = 2".to_owned(), FindingKind::ReorgBroken),
        ("UPDATE claim SET to_team = 'search'".to_owned(), FindingKind::ClaimBroken),
        ("UPDATE claim SET actor = 'bob'".to_owned(), FindingKind::ClaimBroken),
        ("UPDATE claim_event SET note = 'never'".to_owned(), FindingKind::ClaimBroken),
        ("UPDATE claim_event SET event = 'declined' WHERE event = 'accepted'".to_owned(), FindingKind::ClaimBroken),
        ("DELETE FROM claim_event WHERE ordinal = 1".to_owned(), FindingKind::ClaimBroken),
        ("DELETE FROM claim_event WHERE ordinal = 0".to_owned(), FindingKind::ClaimBroken),
        ("DELETE FROM claim_event; DELETE FROM claim".to_owned(), FindingKind::ClaimBroken),
        ("UPDATE statement SET body = '{}' WHERE version = 1".to_owned(), FindingKind::StatementBroken),
        (
            format!("UPDATE statement SET body = '{{}}', digest = '{digest}' WHERE version = 1"),
            FindingKind::StatementBroken,
        ),
        ("UPDATE statement SET difference = '{}' WHERE version = 2".to_owned(), FindingKind::StatementBroken),
        ("UPDATE statement SET approved_by = 'dora' WHERE version = 2".to_owned(), FindingKind::StatementBroken),
        ("UPDATE statement SET reopened_reason = 'none' WHERE version = 2".to_owned(), FindingKind::StatementBroken),
        ("DELETE FROM statement WHERE version = 2".to_owned(), FindingKind::StatementBroken),
        ("UPDATE snapshot SET pools_version = 7 WHERE id = 2".to_owned(), FindingKind::ConfigBroken),
        ("UPDATE snapshot SET pools_version = NULL WHERE id = 2".to_owned(), FindingKind::AuditBroken),
        (
            "UPDATE config_content SET content = 'pools' WHERE content = 'pools: []'".to_owned(),
            FindingKind::ConfigBroken,
        ),
    ];
    for (sql, expected) in cases {
        let url = database.url().await;
        let book = with_a_history(&url).await;
        assert_eq!(book.check().await.unwrap(), [], "before {sql}");
        tamper(&url, &sql).await;
        let kinds: BTreeSet<_> = book.check().await.unwrap().into_iter().map(|finding| finding.kind).collect();
        assert!(kinds.contains(&expected), "{sql}: {kinds:?}");
    }
}

pub(crate) async fn a_backup_holds_the_history_too(database: &Database<'_>) {
    if !database.is_sqlite() {
        return;
    }
    let book = with_a_history(&database.url().await).await;
    let copy = database.folder().join("copy.db");
    book.backup(&copy).await.unwrap();
    let restored = Book::open(&format!("sqlite:{}", copy.display())).await.unwrap();
    assert_eq!(restored.reorgs().await.unwrap(), book.reorgs().await.unwrap());
    let all = ClaimFilter::default();
    assert_eq!(restored.claims(&all).await.unwrap(), book.claims(&all).await.unwrap());
    assert_eq!(restored.statements(None).await.unwrap(), book.statements(None).await.unwrap());
    let pools = |book: Book| async move { book.config(ConfigKind::Pools, 2).await.unwrap().unwrap() };
    assert_eq!(pools(restored.clone()).await, pools(book.clone()).await);
    assert_eq!(restored.check().await.unwrap(), []);
    let lengths = (book.reorgs().await.unwrap().len(), book.statements(None).await.unwrap().len());
    assert_eq!(lengths, (2, 2));
}

pub(crate) async fn a_backup_is_an_equal_book(database: &Database<'_>) {
    let url = database.url().await;
    let book = Book::open(&url).await.unwrap();
    let (old, new) = (september("old", "1"), september("new", "2"));
    book.publish(&ingest(None, &old, vec![])).await.unwrap();
    book.publish(&replace(1, &old, &new)).await.unwrap();
    if !database.is_sqlite() {
        let error = book.backup(Path::new("copy.db")).await.unwrap_err();
        assert!(error.to_string().ends_with("is kept by PostgreSQL; back it up with pg_dump"), "{error}");
        return;
    }
    let folder = database.folder();
    let copy = folder.join("copy of the book.db");
    book.backup(&copy).await.unwrap();
    let head = book.audit_head().await.unwrap();
    assert!(matches!(book.backup(&copy).await, Err(BookError::BackupExists(_))));
    assert!(book.backup(&folder.join("no such folder/copy.db")).await.is_err());
    // What happens afterwards is not in the copy.
    book.publish(&ingest(Some(2), &delivery("later", "later", "2026-09", "1", Format::Focus), vec![])).await.unwrap();

    let left: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("copy"))
        .collect();
    assert_eq!(left, ["copy of the book.db"]);
    let restored = Book::open(&format!("sqlite:{}", copy.display())).await.unwrap();
    assert_eq!(restored.head().await.unwrap().unwrap(), book.snapshot(2).await.unwrap());
    for snapshot in [1, 2] {
        assert_eq!(restored.live_files(snapshot).await.unwrap(), book.live_files(snapshot).await.unwrap());
        assert_eq!(restored.current_scopes(snapshot).await.unwrap(), book.current_scopes(snapshot).await.unwrap());
        assert_eq!(restored.owner_totals(snapshot).await.unwrap(), book.owner_totals(snapshot).await.unwrap());
        assert_eq!(restored.proofs(snapshot).await.unwrap(), book.proofs(snapshot).await.unwrap());
    }
    assert_eq!(restored.verify_audit().await.unwrap(), head);
    assert_eq!(restored.check().await.unwrap(), []);
    let mut rows = book.deliveries(&DeliveryFilter::default()).await.unwrap();
    rows.remove(0);
    assert_eq!(restored.deliveries(&DeliveryFilter::default()).await.unwrap(), rows);
    restored
        .publish(&ingest(Some(2), &delivery("other", "other", "2026-09", "1", Format::Focus), vec![]))
        .await
        .unwrap();
}

pub(crate) async fn a_locked_book_says_so(database: &Database<'_>) {
    if !database.is_sqlite() {
        return;
    }
    let url = database.url().await;
    let book = Book::open(&url).await.unwrap();
    book.publish(&ingest(None, &september("bill", "1"), vec![])).await.unwrap();
    let mut other = connect(&url).await;
    run(&mut other, "BEGIN IMMEDIATE").await;
    // Readers go on, a new one too; a writer waits and then gives up.
    assert_eq!(Book::open(&url).await.unwrap().head().await.unwrap().unwrap().id, 1);
    let late = delivery("late", "late", "2026-09", "1", Format::Focus);
    let error = book.publish(&ingest(Some(1), &late, vec![])).await.unwrap_err();
    assert!(matches!(error, BookError::Locked { .. }) && error.is_try_again(), "{error:?}");
    assert!(error.to_string().ends_with("is locked by another process; wait for it to end and try again"), "{error}");
    run(&mut other, "ROLLBACK").await;
    other.close().await.unwrap();
    book.publish(&ingest(Some(1), &late, vec![])).await.unwrap();
}

pub(crate) async fn a_damaged_file_says_so(database: &Database<'_>) {
    if !database.is_sqlite() {
        return;
    }
    let garbage = database.folder().join("garbage.db");
    std::fs::write(&garbage, "this is a text of more than sixteen bytes, and no database").unwrap();
    let error = Book::open(&format!("sqlite:{}", garbage.display())).await.unwrap_err();
    assert!(matches!(error, BookError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("garbage.db is damaged: file is not a database; restore it"), "{error}");

    let url = database.url().await;
    let book = Book::open(&url).await.unwrap();
    for number in 0..40 {
        let name = format!("bill{number}");
        let publish =
            ingest((number > 0).then_some(number), &delivery(&name, &name, "2026-09", "1", Format::Focus), vec![]);
        book.publish(&publish).await.unwrap();
    }
    book.close().await;
    let path = url.strip_prefix("sqlite:").unwrap();
    let pages = std::fs::metadata(path).unwrap().len() / 4096;
    let mut file = std::fs::File::options().write(true).open(path).unwrap();
    for page in (pages / 3)..(pages / 2) {
        file.seek(SeekFrom::Start(page * 4096)).unwrap();
        file.write_all(&[0xa5; 64]).unwrap();
    }
    file.sync_all().unwrap();
    let kinds: Vec<_> = match Book::open(&url).await {
        Err(BookError::Damaged { .. }) => return,
        Err(other) => panic!("{other:?}"),
        Ok(book) => book.check().await.unwrap().into_iter().map(|finding| finding.kind).collect(),
    };
    assert!(kinds.contains(&FindingKind::DatabaseDamaged), "{kinds:?}");
}

pub(crate) async fn an_unreachable_book_says_so(database: &Database<'_>) {
    if database.is_sqlite() {
        let path = database.folder().join("no such folder").join("book.db");
        let error = Book::open(&format!("sqlite:{}", path.display())).await.unwrap_err();
        assert!(matches!(error, BookError::Open { .. }), "{error:?}");
        assert!(error.to_string().contains("no such folder/book.db: there is no such folder"), "{error}");
    } else {
        let url = database.url().await;
        let gone = url.replace("/book_", "/gone_");
        let error = Book::open(&gone).await.unwrap_err();
        assert!(matches!(error, BookError::Open { .. }), "{error:?}");
        assert!(error.to_string().contains("does not exist"), "{error}");
    }
}
