//! Publishing and reading back.

use std::collections::BTreeSet;

use leap_book::{
    Attempt, AttemptOutcome, Book, BookError, ConfigFiles, DeliveryFilter, DeliveryState, Publish, QuarantineFilter,
};
use leap_terms::tables::Table;
use leap_terms::{Delivery, Digest, Format, Month, SourceId};

use crate::database::Database;
use crate::samples::{self, AWS, at, delivery, file, ingest, quarantined, replace, scope, september};

async fn open(database: &Database<'_>) -> Book {
    Book::open(&database.url().await).await.unwrap()
}

fn without_quarantine(delivery: &Delivery) -> Delivery {
    Delivery { quarantine: Vec::new(), ..delivery.clone() }
}

pub(crate) async fn what_is_published_reads_back_at_each_snapshot(database: &Database<'_>) {
    let url = database.url().await;
    let book = Book::open(&url).await.unwrap();
    assert_eq!(book.head().await.unwrap(), None);
    assert!(book.current_scopes(0).await.unwrap().is_empty());
    let first = september("first", "864.696128021277");
    let publish = ingest(None, &first, vec![]);
    let snapshot = book.publish(&publish).await.unwrap();
    assert_eq!((snapshot.id, snapshot.parent, snapshot.digest), (1, None, publish.digest));
    let october = delivery("october", AWS, "2026-10", "-0.000000000000000000000000000001", Format::Focus);
    let second = book.publish(&ingest(Some(1), &october, vec![])).await.unwrap();
    book.close().await;

    // Another program reads what the first one acknowledged.
    let book = Book::open(&url).await.unwrap();
    assert_eq!(book.head().await.unwrap().as_ref(), Some(&second));
    assert_eq!(book.snapshot(1).await.unwrap(), snapshot);
    assert_eq!(book.snapshots().await.unwrap(), [snapshot.clone(), second.clone()]);
    assert!(matches!(book.snapshot(3).await, Err(BookError::NoSnapshot(3))));
    let mut files = publish.add.clone();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert_eq!(book.live_files(1).await.unwrap(), files);
    assert_eq!(book.live_files(2).await.unwrap().len(), 4);
    assert_eq!(book.all_paths().await.unwrap().len(), 4);
    let current = book.current_scopes(1).await.unwrap();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0].facts, first.scopes[0]);
    assert_eq!((&current[0].parts, current[0].format, current[0].recorded_at), (&first.parts, Format::Focus, at(0)));
    assert_eq!(book.current_scopes(2).await.unwrap().len(), 2);
    let mut proofs = publish.proofs.clone();
    proofs.sort_by_key(|proof| proof.cost);
    assert_eq!(book.proofs(1).await.unwrap(), proofs);
    assert_eq!(book.owner_totals(1).await.unwrap(), publish.owner_totals);
    assert_eq!(book.owner_totals(2).await.unwrap()[1].costs, october.scopes[0].totals[0].costs);
    let detail = book.delivery(&first.id).await.unwrap().unwrap();
    assert_eq!(detail.delivery.unwrap(), without_quarantine(&first));
    assert_eq!((detail.row.number, detail.row.state, detail.row.snapshot), (1, DeliveryState::Current, Some(1)));
    assert_eq!(second.table_versions[&Table::Cube], 2);
    let sources = book.known_sources().await.unwrap();
    assert_eq!(sources.len(), 1);
    assert_eq!(sources[0].source.as_str(), AWS);
    assert_eq!(sources[0].accounts, ["958667946125/958667946125", "first/sub", "october/sub"]);
    assert_eq!(book.check().await.unwrap(), []);
    assert_eq!(book.verify_audit().await.unwrap().sequence, 2);
}

pub(crate) async fn a_superseded_delivery_stays_readable_at_the_older_snapshot(database: &Database<'_>) {
    let book = open(database).await;
    let (old, new) = (september("old", "10"), september("new", "12.5"));
    book.publish(&ingest(None, &old, vec![])).await.unwrap();
    book.publish(&replace(1, &old, &new)).await.unwrap();

    let current = |snapshot| book.current_scopes(snapshot);
    assert_eq!(current(1).await.unwrap()[0].delivery, old.id);
    assert_eq!(current(2).await.unwrap()[0].delivery, new.id);
    assert_eq!(current(2).await.unwrap().len(), 1);
    let live =
        |files: Vec<leap_terms::FileRecord>| files.into_iter().map(|file| file.delivery).collect::<BTreeSet<_>>();
    assert_eq!(live(book.live_files(1).await.unwrap()), BTreeSet::from([old.id.clone()]));
    assert_eq!(live(book.live_files(2).await.unwrap()), BTreeSet::from([new.id.clone()]));
    assert_eq!(book.all_paths().await.unwrap().len(), 4, "the old files are no orphans");
    assert_eq!(book.proofs(1).await.unwrap()[0].accepted.to_string(), "10");
    assert_eq!(book.proofs(2).await.unwrap()[0].accepted.to_string(), "12.5");
    assert_eq!(book.proofs(2).await.unwrap().len(), 4);
    assert_eq!(book.owner_totals(1).await.unwrap()[0].costs.billed.to_string(), "10");
    let detail = book.delivery(&old.id).await.unwrap().unwrap();
    assert_eq!(detail.row.state, DeliveryState::Superseded);
    assert_eq!(detail.delivery.unwrap().scopes, old.scopes);
    let states: Vec<_> = book
        .deliveries(&DeliveryFilter::default())
        .await
        .unwrap()
        .into_iter()
        .map(|row| (row.number, row.state))
        .collect();
    assert_eq!(states, [(2, DeliveryState::Current), (1, DeliveryState::Superseded)]);
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn a_stale_parent_is_refused(database: &Database<'_>) {
    let book = open(database).await;
    book.publish(&ingest(None, &september("first", "1"), vec![])).await.unwrap();
    let late = delivery("late", AWS, "2026-10", "2", Format::Focus);
    let error = book.publish(&ingest(None, &late, vec![])).await.unwrap_err();
    assert!(matches!(error, BookError::Stale { parent: None, head: Some(1) }), "{error}");
    assert!(error.is_try_again());
    assert_eq!(error.to_string(), "snapshot none is no longer the newest, 1 is; try again from there");
    let error = book.publish(&ingest(Some(7), &late, vec![])).await.unwrap_err();
    assert!(matches!(error, BookError::Stale { parent: Some(7), head: Some(1) }), "{error}");
    assert_eq!(book.deliveries(&DeliveryFilter::default()).await.unwrap().len(), 1);
    assert_eq!(book.audit_head().await.unwrap().sequence, 1);
    book.publish(&ingest(Some(1), &late, vec![])).await.unwrap();
}

pub(crate) async fn of_two_racing_writers_one_wins(database: &Database<'_>) {
    let url = database.url().await;
    let (one, other) = (Book::open(&url).await.unwrap(), Book::open(&url).await.unwrap());
    for round in 0..10 {
        let parent = (round > 0).then_some(round);
        let publish = |book: &Book, name: &str| {
            let book = book.clone();
            let source = format!("focus:{name}{round}");
            let delivery = delivery(&format!("{name}{round}"), &source, "2026-09", "1", Format::Focus);
            let publish = ingest(parent, &delivery, vec![]);
            tokio::spawn(async move { book.publish(&publish).await })
        };
        let (left, right) = (publish(&one, "left"), publish(&other, "right"));
        let (left, right) = (left.await.unwrap(), right.await.unwrap());
        assert_ne!(left.is_ok(), right.is_ok(), "round {round}: {left:?} {right:?}");
        let error = left.and(right).unwrap_err();
        assert!(matches!(error, BookError::Stale { .. }), "{error}");
    }
    assert_eq!(one.head().await.unwrap().unwrap().id, 10);
    assert_eq!(other.deliveries(&DeliveryFilter::default()).await.unwrap().len(), 10);
    assert_eq!(one.verify_audit().await.unwrap().sequence, 10);
    assert_eq!(one.check().await.unwrap(), []);
}

pub(crate) async fn a_book_opened_by_many_at_once_is_made_once(database: &Database<'_>) {
    let url = database.url().await;
    let openings: Vec<_> = (0..6)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { Book::open(&url).await })
        })
        .collect();
    for opening in openings {
        let book = opening.await.unwrap().unwrap();
        assert_eq!(book.head().await.unwrap(), None);
    }
}

pub(crate) async fn an_appending_source_holds_several_deliveries_per_scope(database: &Database<'_>) {
    let book = open(database).await;
    let part = |name: &str| delivery(name, "oci:acme", "2026-09", "5", Format::OciCost);
    let (first, second) = (part("0001"), part("0002"));
    book.publish(&ingest(None, &first, vec![])).await.unwrap();
    let mut publish = ingest(Some(1), &second, vec![]);
    for proof in &mut publish.proofs {
        (proof.accepted, proof.attributed) = ("10".parse().unwrap(), "10".parse().unwrap());
    }
    book.publish(&publish).await.unwrap();
    let current = book.current_scopes(2).await.unwrap();
    assert_eq!(current.len(), 2);
    let scope = scope("oci:acme", "2026-09");
    let names =
        |batches: Vec<leap_terms::delivery::Batch>| batches.into_iter().map(|batch| batch.name).collect::<Vec<_>>();
    assert_eq!(names(book.taken_batches(2, &scope).await.unwrap()), ["0001.csv.gz", "0002.csv.gz"]);
    assert_eq!(names(book.taken_batches(1, &scope).await.unwrap()), ["0001.csv.gz"]);
    assert!(book.taken_batches(2, &samples::scope("oci:acme", "2026-10")).await.unwrap().is_empty());
    assert_eq!(book.check().await.unwrap(), []);
    let error = book.publish(&ingest(Some(2), &second, vec![])).await.unwrap_err();
    assert!(matches!(error, BookError::ScopeTaken { .. }), "the same delivery does not count twice: {error}");
}

pub(crate) async fn the_ledger_knows_refused_and_unchanged_deliveries(database: &Database<'_>) {
    let book = open(database).await;
    let known = september("known", "1");
    let refused = Attempt {
        source: Some(SourceId::new(AWS).unwrap()),
        parts: vec![Digest::of(b"torn"), Digest::of(b"whole")],
        ..Attempt::refused("bills/torn", "part 2 of 3 is missing", "ana", at(0))
    };
    book.record_attempt(&refused).await.unwrap();
    book.publish(&ingest(None, &known, vec![])).await.unwrap();
    let spoilt = delivery("spoilt", AWS, "2026-10", "2", Format::Focus);
    book.record_attempts(&[
        Attempt::unchanged("again/known.csv.gz", known.id.clone(), "cron", at(1)),
        Attempt {
            delivery: Some(spoilt.clone()),
            ..Attempt::refused("bills/spoilt", "25 % quarantined", "ana", at(2))
        },
    ])
    .await
    .unwrap();

    assert_eq!(book.head().await.unwrap().unwrap().id, 1);
    let rows = book.deliveries(&DeliveryFilter::default()).await.unwrap();
    let states: Vec<_> = rows.iter().map(|row| row.state.word()).collect();
    assert_eq!(states, ["refused", "unchanged", "current", "refused"]);
    assert_eq!(rows[3].reason.as_deref(), Some("part 2 of 3 is missing"));
    assert_eq!((rows[3].id.as_ref(), rows[3].format), (None, None));
    let filtered = |filter: DeliveryFilter| {
        let book = &book;
        async move { book.deliveries(&filter).await.unwrap().into_iter().map(|row| row.number).collect::<Vec<_>>() }
    };
    let source = Some(SourceId::new(AWS).unwrap());
    assert_eq!(filtered(DeliveryFilter { source, ..Default::default() }).await, [4, 2, 1]);
    assert_eq!(filtered(DeliveryFilter { state: Some(DeliveryState::Refused), ..Default::default() }).await, [4, 1]);
    let period = Some(samples::month("2026-10"));
    assert_eq!(filtered(DeliveryFilter { billing_period: period, ..Default::default() }).await, [4]);
    assert_eq!(filtered(DeliveryFilter { limit: Some(1), ..Default::default() }).await, [4]);

    let by_parts = |texts: &[&str]| {
        let digests: Vec<Digest> = texts.iter().map(|text| Digest::of(text.as_bytes())).collect();
        let book = &book;
        async move { book.find_by_parts(&digests).await.unwrap().map(|row| (row.number, row.state)) }
    };
    assert_eq!(by_parts(&["whole", "torn"]).await, Some((1, DeliveryState::Refused)));
    assert_eq!(by_parts(&["known"]).await, Some((2, DeliveryState::Current)));
    assert_eq!(by_parts(&["spoilt"]).await, Some((4, DeliveryState::Refused)));
    assert_eq!(by_parts(&["torn"]).await, None);
    assert_eq!(by_parts(&["torn", "torn", "whole"]).await, None);
    assert_eq!(by_parts(&[]).await, None);
    let detail = book.delivery(&known.id).await.unwrap().unwrap();
    assert_eq!(detail.row.state, DeliveryState::Current, "the line that says unchanged does not hide it");
    let detail = book.delivery(&spoilt.id).await.unwrap().unwrap();
    assert_eq!(detail.delivery.unwrap(), without_quarantine(&spoilt));
    assert_eq!(book.quarantine(&QuarantineFilter::default()).await.unwrap().len(), 2);
    assert_eq!(book.verify_audit().await.unwrap().sequence, 4);
    assert_eq!(AttemptOutcome::Refused.word(), "refused");
}

pub(crate) async fn a_redelivered_old_state_becomes_current_again(database: &Database<'_>) {
    let book = open(database).await;
    let (old, new) = (september("old", "1"), september("new", "2"));
    book.publish(&ingest(None, &old, vec![])).await.unwrap();
    book.publish(&replace(1, &old, &new)).await.unwrap();
    book.publish(&replace(2, &new, &old)).await.unwrap();
    let current = book.current_scopes(3).await.unwrap();
    assert_eq!((current.len(), &current[0].delivery, current[0].from_snapshot), (1, &old.id, 3));
    assert_eq!(book.current_scopes(2).await.unwrap()[0].delivery, new.id);
    let row = book.find_by_parts(&[old.parts[0].digest]).await.unwrap().unwrap();
    assert_eq!((row.number, row.state), (3, DeliveryState::Current));
    assert_eq!(book.live_files(1).await.unwrap(), book.live_files(3).await.unwrap());
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn what_cannot_be_right_is_refused_and_leaves_no_trace(database: &Database<'_>) {
    let book = open(database).await;
    let held = september("held", "1");
    book.publish(&ingest(None, &held, vec![])).await.unwrap();
    let new = september("new", "2");
    let good = replace(1, &held, &new);
    let refuse = |change: fn(&mut Publish)| {
        let mut publish = good.clone();
        change(&mut publish);
        let book = &book;
        async move { book.publish(&publish).await.unwrap_err() }
    };
    let error = refuse(|publish| publish.deliveries[0].supersedes.clear()).await;
    assert!(matches!(error, BookError::ScopeTaken { .. }), "{error}");
    assert!(error.to_string().starts_with("focus:aws:958667946125 2026-09 is held by delivery "), "{error}");
    let error =
        refuse(|publish| publish.deliveries[0].supersedes[0].1 = publish.deliveries[0].delivery.id.clone()).await;
    assert!(matches!(error, BookError::NotCurrent { .. }), "{error}");
    let error = refuse(|publish| publish.proofs[2].attributed = "2.01".parse().unwrap()).await;
    assert!(error.to_string().contains("USD list does not hold: the difference is 0.01"), "{error}");
    let error = refuse(|publish| publish.proofs[0].difference = "0.01".parse().unwrap()).await;
    assert!(matches!(error, BookError::Unproved { .. }), "{error}");
    let error = refuse(|publish| publish.add.push(publish.add[0].clone())).await;
    assert!(matches!(error, BookError::FileTwice(_)), "{error}");
    let error = refuse(|publish| publish.remove.clear()).await;
    assert!(matches!(error, BookError::FileOfSuperseded { .. }), "the old month would be counted again: {error}");
    let error = refuse(|publish| publish.remove.push("charges/unheard-of.parquet".to_owned())).await;
    assert!(matches!(&error, BookError::FileNotLive(path) if path == "charges/unheard-of.parquet"), "{error}");
    let error = refuse(|publish| publish.remove.push(publish.remove[0].clone())).await;
    assert!(matches!(error, BookError::FileNotLive(_)), "{error}");
    let error = refuse(|publish| publish.add[0].scope.billing_period = Month::new(2026, 8).unwrap()).await;
    assert!(matches!(error, BookError::FileWithoutScope { .. }), "{error}");
    let error = refuse(|publish| {
        let twice = ("a.yaml".to_owned(), Vec::new());
        publish.org = Some(ConfigFiles { files: vec![twice.clone(), twice] });
    })
    .await;
    assert_eq!(error.to_string(), "two files of the org are named 'a.yaml'");

    assert_eq!(book.head().await.unwrap().unwrap().id, 1);
    assert_eq!(book.audit_head().await.unwrap().sequence, 1);
    assert_eq!(book.all_paths().await.unwrap().len(), 2);
    assert_eq!(book.deliveries(&DeliveryFilter::default()).await.unwrap().len(), 1);
    assert_eq!(book.org_versions().await.unwrap(), []);
    assert_eq!(book.check().await.unwrap(), []);
    book.publish(&good).await.unwrap();
}

pub(crate) async fn rules_and_org_keep_every_version(database: &Database<'_>) {
    let book = open(database).await;
    let files = |rules: &str| ConfigFiles {
        files: vec![
            ("rules.yaml".to_owned(), rules.as_bytes().to_vec()),
            ("owners.csv".to_owned(), b"ResourceId,owner\n\xff\x00,payments\n".to_vec()),
        ],
    };
    let org = ConfigFiles { files: vec![("org.yaml".to_owned(), b"units: []".to_vec())] };
    let apply = |parent: Option<i64>, cause: &str| {
        Publish::new(parent, Digest::of(cause.as_bytes()), cause, "ana", at(parent.unwrap_or(0)))
    };
    assert_eq!(book.current_config().await.unwrap(), (None, None));
    book.publish(&Publish { org: Some(org.clone()), ..apply(None, "org apply") }).await.unwrap();
    book.publish(&Publish { rules: Some(files("one")), ..apply(Some(1), "rules apply") }).await.unwrap();
    book.publish(&Publish { rules: Some(files("two")), ..apply(Some(2), "rules apply") }).await.unwrap();
    book.publish(&Publish { rules: Some(files("one")), ..apply(Some(3), "rules revert") }).await.unwrap();

    assert_eq!(book.rules(1).await.unwrap(), None);
    let rules = |snapshot| {
        let book = &book;
        async move { book.rules(snapshot).await.unwrap().unwrap() }
    };
    assert_eq!(rules(2).await.files, files("one").files);
    assert_eq!(rules(3).await.files, files("two").files);
    assert_eq!((rules(4).await.id, rules(4).await.digest), (3, rules(2).await.digest));
    assert_eq!(book.org(4).await.unwrap().unwrap().files, org.files);
    let versions = book.rules_versions().await.unwrap();
    assert_eq!(versions.iter().map(|version| version.id).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(versions[1].files[0].name, "rules.yaml");
    assert_eq!(versions[1].files[1].digest, versions[0].files[1].digest);
    assert_eq!((versions[2].recorded_at, versions[2].actor.as_str()), (at(3), "ana"));
    assert_eq!(book.rules_version(2).await.unwrap().unwrap(), rules(3).await);
    assert_eq!(book.org_version(2).await.unwrap(), None);
    let (rules, org) = book.current_config().await.unwrap();
    assert_eq!((rules.unwrap().id, org.unwrap().id), (3, 1));
    assert!(matches!(book.rules(9).await, Err(BookError::NoSnapshot(9))));
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn a_reverted_attribution_brings_the_same_file_back(database: &Database<'_>) {
    let book = open(database).await;
    let held = september("held", "1");
    let mut first = ingest(None, &held, vec![]);
    first.add.push(file(Table::Attribution, &held, "by-rules-1"));
    book.publish(&first).await.unwrap();
    let apply = |parent: i64, from: &str, to: &str| {
        let mut publish = Publish::new(Some(parent), Digest::of(to.as_bytes()), "rules apply", "ana", at(parent));
        publish.remove = vec![format!("attribution/{from}.parquet")];
        publish.add = vec![file(Table::Attribution, &held, to)];
        publish
    };
    book.publish(&apply(1, "by-rules-1", "by-rules-2")).await.unwrap();
    book.publish(&apply(2, "by-rules-2", "by-rules-1")).await.unwrap();
    // The same file once more under a new snapshot is allowed too.
    book.publish(&apply(3, "by-rules-1", "by-rules-1")).await.unwrap();
    let live = book.live_files(4).await.unwrap();
    assert_eq!(live, book.live_files(1).await.unwrap());
    assert_eq!(book.live_files(2).await.unwrap()[0].path, "attribution/by-rules-2.parquet");
    assert_eq!(book.all_paths().await.unwrap().len(), 4);
    assert_eq!(
        book.proofs(4).await.unwrap(),
        book.proofs(1).await.unwrap(),
        "proofs go on where nothing was proved anew"
    );
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn quarantined_rows_wait_until_they_are_replayed(database: &Database<'_>) {
    let book = open(database).await;
    let mut bill = september("bill", "1");
    bill.quarantine = (1..=3).map(|row| quarantined("bill", row)).collect();
    bill.quarantined = 3;
    book.publish(&ingest(None, &bill, vec![])).await.unwrap();
    let waiting = book.quarantine(&QuarantineFilter::default()).await.unwrap();
    assert_eq!(waiting.iter().map(|row| row.id.to_string()).collect::<Vec<_>>(), ["1/0", "1/1", "1/2"]);
    assert_eq!(waiting[1].row, bill.quarantine[1]);
    assert_eq!(waiting[1].delivery.as_ref(), Some(&bill.id));
    assert_eq!("1/2".parse(), Ok(waiting[2].id));

    let replay = september("replay", "1");
    let ids = [waiting[0].id, waiting[2].id];
    book.mark_replayed(&ids, &replay.id, "ana", at(5)).await.unwrap();
    let error = book.mark_replayed(&[waiting[1].id, waiting[2].id], &replay.id, "ana", at(6)).await.unwrap_err();
    assert_eq!(error.to_string(), "row 1/2 is not in quarantine, or was replayed before");
    let waiting = book.quarantine(&QuarantineFilter::default()).await.unwrap();
    assert_eq!(waiting.iter().map(|row| row.id.ordinal).collect::<Vec<_>>(), [1], "all are marked or none");
    let all = QuarantineFilter { with_replayed: true, ..Default::default() };
    let all = book.quarantine(&all).await.unwrap();
    assert_eq!(all[0].replayed, Some((at(5), replay.id.clone())));
    let other = QuarantineFilter { delivery: Some(replay.id), ..Default::default() };
    assert!(book.quarantine(&other).await.unwrap().is_empty());
    assert_eq!(book.verify_audit().await.unwrap().sequence, 2);
}

pub(crate) async fn large_lists_go_in_at_once(database: &Database<'_>) {
    let book = open(database).await;
    let mut bill = september("bill", "0");
    bill.quarantine = (1..=20_000).map(|row| quarantined("bill", row)).collect();
    bill.scopes[0].accounts = (0..20_000).map(|account| format!("{account:05}/sub")).collect();
    let mut publish = ingest(None, &bill, vec![]);
    publish.add = (0..5_000).map(|number| file(Table::Cube, &bill, &format!("{number:05}"))).collect();
    book.publish(&publish).await.unwrap();
    assert_eq!(book.live_files(1).await.unwrap(), publish.add);
    assert_eq!(book.known_sources().await.unwrap()[0].accounts, bill.scopes[0].accounts);
    let rows = book.quarantine(&QuarantineFilter::default()).await.unwrap();
    assert_eq!(rows.into_iter().map(|row| row.row).collect::<Vec<_>>(), bill.quarantine);
    let mut publish = Publish::new(Some(1), Digest::of(b"empty"), "delete", "ana", at(1));
    publish.remove = book.all_paths().await.unwrap().into_iter().collect();
    book.publish(&publish).await.unwrap();
    assert!(book.live_files(2).await.unwrap().is_empty());
}

pub(crate) async fn any_text_comes_back(database: &Database<'_>) {
    let book = open(database).await;
    let odd = "Zürich 🏦 'quote' \"double\" \\ % \u{202e}rtl\u{200b} $1 ?";
    let mut bill = september("bill", "1");
    bill.path = odd.to_owned();
    bill.scopes[0].accounts = vec![odd.to_owned()];
    bill.scopes[0].batches[0].name = format!("{odd}\u{0}");
    let mut publish = ingest(None, &bill, vec![]);
    publish.actor = odd.to_owned();
    publish.cause = format!("ingest {odd}");
    book.publish(&publish).await.unwrap();
    let attempt = Attempt::refused("a\u{0}b", "value 'x\u{0}' is no date", odd, at(1));
    book.record_attempt(&attempt).await.unwrap();
    assert_eq!(book.head().await.unwrap().unwrap().cause, publish.cause);
    assert_eq!(book.current_scopes(1).await.unwrap()[0].facts, bill.scopes[0]);
    assert_eq!(book.known_sources().await.unwrap()[0].accounts, [odd]);
    let rows = book.deliveries(&DeliveryFilter::default()).await.unwrap();
    assert_eq!(rows[0].reason.as_deref(), Some("value 'x\u{2400}' is no date"));
    assert_eq!((rows[1].path.as_str(), rows[1].actor.as_str()), (odd, odd));
    assert_eq!(book.verify_audit().await.unwrap().sequence, 2);
}

pub(crate) async fn a_reader_sees_the_old_world_or_the_new_one(database: &Database<'_>) {
    let url = database.url().await;
    let writer = Book::open(&url).await.unwrap();
    let first = september("0", "0");
    writer.publish(&ingest(None, &first, vec![])).await.unwrap();
    let reader = Book::open(&url).await.unwrap();
    let reading = tokio::spawn(async move {
        let mut worlds = BTreeSet::new();
        while worlds.last() != Some(&20) {
            let head = reader.head().await.unwrap().unwrap();
            let files = reader.live_files(head.id).await.unwrap();
            let scopes = reader.current_scopes(head.id).await.unwrap();
            assert_eq!((files.len(), scopes.len()), (2, 1), "at snapshot {}", head.id);
            assert!(files.iter().all(|file| file.delivery == scopes[0].delivery));
            worlds.insert(head.id);
        }
        worlds.len()
    });
    let mut old = first;
    for parent in 1..20 {
        let new = september(&parent.to_string(), "1");
        writer.publish(&replace(parent, &old, &new)).await.unwrap();
        old = new;
    }
    assert!(reading.await.unwrap() >= 1);
}
