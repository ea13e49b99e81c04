//! Two clocks: what was recorded when, what explains each snapshot, and books from before all that.

use std::collections::BTreeMap;

use leap_book::{
    Book, BookError, ConfigFiles, ConfigKind, DeliveryFilter, NewReorg, OwnerTotal, Publish, SCHEMA_VERSION,
};
use leap_terms::{Costs, Currency, Day, Digest, Format, Instant};
use sqlx::Connection;

use crate::database::{Database, connect, run};
use crate::samples::{at, delivery, ingest, paths_of, replace, september};

pub(crate) fn files(name: &str, text: &str) -> ConfigFiles {
    ConfigFiles { files: vec![(name.to_owned(), text.as_bytes().to_vec())] }
}

/// A publish that changes no charges, a minute for each snapshot.
pub(crate) fn apply(parent: Option<i64>, cause: &str) -> Publish {
    Publish::new(parent, Digest::of(cause.as_bytes()), cause, "ana", at(parent.unwrap_or(0)))
}

pub(crate) fn reorg(title: &str) -> NewReorg {
    let plan = format!("{{\"operations\": [],\n \"title\": \"{title}\"}}\n");
    NewReorg { effective: Day::from_ymd(2026, 7, 1).unwrap(), title: title.to_owned(), plan }
}

/// A database as the first edition of leap left it.
async fn first_edition(url: &str) {
    let migration = include_str!("../../migrations/0001_book.sql");
    let mut connection = connect(url).await;
    run(&mut connection, migration).await;
    let digest = Digest::of(migration.as_bytes());
    run(
        &mut connection,
        &format!(
            "CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL);
             INSERT INTO schema_version VALUES (1, 'book', '{digest}')"
        ),
    )
    .await;
    run(&mut connection, include_str!("edition_1.sql")).await;
    connection.close().await.unwrap();
}

pub(crate) async fn a_book_of_the_first_edition_is_upgraded(database: &Database<'_>) {
    let url = database.url().await;
    first_edition(&url).await;
    // Several programs that find the old book at once upgrade it once.
    let openings: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { Book::open(&url).await })
        })
        .collect();
    for opening in openings {
        opening.await.unwrap().unwrap().close().await;
    }
    let book = Book::open(&url).await.unwrap();
    assert_eq!(SCHEMA_VERSION, 13);
    let (old, new) = (september("old", "10"), september("new", "12.5"));
    let head = book.head().await.unwrap().unwrap();
    assert_eq!((head.id, head.rules_version, head.org_version), (5, Some(2), Some(1)));
    assert_eq!((head.pools_version, head.rates_version, head.claims_version), (None, None, None));
    assert_eq!((head.volume_version, head.budgets_version, head.contracts_version), (None, None, None));
    assert_eq!(book.rules(5).await.unwrap().unwrap().files, files("rules.yaml", "rules: [two]\n").files);
    assert_eq!(book.rules(4).await.unwrap().unwrap().files, files("rules.yaml", "rules: []\n").files);
    let org = "units:\n- {id: payments, name: 'Payments'}\n";
    assert_eq!(book.config(ConfigKind::Org, 2).await.unwrap().unwrap().files, files("org.yaml", org).files);
    assert_eq!(book.config(ConfigKind::Pools, 5).await.unwrap(), None);
    assert_eq!(book.current_scopes(3).await.unwrap()[0].facts, old.scopes[0]);
    assert_eq!(book.current_scopes(5).await.unwrap()[0].facts, new.scopes[0]);
    assert_eq!(book.live_files(5).await.unwrap().len(), 2);
    assert_eq!(book.proofs(5).await.unwrap()[0].accepted.to_string(), "12.5");
    assert_eq!(book.owner_totals(1).await.unwrap()[0].costs.billed.to_string(), "10");
    assert_eq!(book.deliveries(&DeliveryFilter::default()).await.unwrap().len(), 3);
    assert_eq!(book.quarantine(&Default::default()).await.unwrap()[1].row, old.quarantine[0]);
    assert_eq!(book.verify_audit().await.unwrap().sequence, 6);
    assert_eq!(book.check().await.unwrap(), []);

    // The clock was set back before snapshot 5: numbers decide what was known.
    let known = |minute| {
        let book = &book;
        async move { book.snapshot_known_on(at(minute)).await.unwrap().map(|snapshot| snapshot.id) }
    };
    assert_eq!((known(-1).await, known(0).await, known(1).await, known(9).await), (None, Some(1), Some(5), Some(5)));

    // And it goes on.
    let pools = BTreeMap::from([(ConfigKind::Pools, files("pools.yaml", "pools: []\n"))]);
    book.publish(&Publish { configs: pools, reorg: Some(reorg("first")), ..apply(Some(5), "pools apply") })
        .await
        .unwrap();
    assert_eq!(book.reorgs().await.unwrap().len(), 1);
    let mut next = replace(6, &new, &september("newer", "13"));
    next.remove = paths_of(&new);
    book.publish(&next).await.unwrap();
    assert_eq!(book.config(ConfigKind::Pools, 7).await.unwrap().unwrap().id, 1);
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn every_kind_of_configuration_is_pinned_by_snapshots(database: &Database<'_>) {
    let book = Book::open(&database.url().await).await.unwrap();
    let all: BTreeMap<_, _> =
        ConfigKind::ALL.into_iter().map(|kind| (kind, files(&format!("{}.yaml", kind.word()), kind.word()))).collect();
    book.publish(&Publish { configs: all.clone(), ..apply(None, "everything") }).await.unwrap();
    let two = BTreeMap::from([
        (ConfigKind::Rates, files("rates.csv", "month,from,to,rate\n")),
        (ConfigKind::Pools, ConfigFiles::default()),
    ]);
    let publish = Publish { configs: two, org: Some(ConfigFiles::default()), ..apply(Some(1), "rates apply") };
    let second = book.publish(&publish).await.unwrap();
    assert_eq!((second.rules_version, second.org_version), (Some(1), None));
    assert_eq!((second.pools_version, second.rates_version, second.claims_version), (None, Some(2), Some(1)));
    let others = (second.volume_version, second.budgets_version, second.contracts_version);
    assert_eq!(others, (Some(1), Some(1), Some(1)));
    let again = BTreeMap::from([(ConfigKind::Pools, all[&ConfigKind::Pools].clone())]);
    book.publish(&Publish { configs: again, ..apply(Some(2), "pools apply") }).await.unwrap();

    for kind in ConfigKind::ALL {
        assert_eq!(book.config(kind, 1).await.unwrap().unwrap().files, all[&kind].files, "{}", kind.word());
    }
    assert_eq!(book.config(ConfigKind::Org, 2).await.unwrap(), None);
    assert_eq!(book.org(3).await.unwrap(), None);
    assert_eq!(book.config(ConfigKind::Pools, 2).await.unwrap(), None);
    let pools = book.config(ConfigKind::Pools, 3).await.unwrap().unwrap();
    assert_eq!((pools.id, pools.recorded_at, &pools.files), (2, at(2), &all[&ConfigKind::Pools].files));
    assert_eq!(book.config(ConfigKind::Rates, 3).await.unwrap().unwrap().files[0].0, "rates.csv");
    let versions = |kind| {
        let book = &book;
        async move { book.config_versions(kind).await.unwrap().len() }
    };
    assert_eq!((versions(ConfigKind::Pools).await, versions(ConfigKind::Claims).await), (2, 1));
    assert_eq!(versions(ConfigKind::Org).await, 1, "to take it out of force makes no version");
    assert_eq!(book.config_version(ConfigKind::Rates, 1).await.unwrap().unwrap().files[0].1, b"rates");
    let missing = book.config(ConfigKind::Claims, 9).await;
    assert!(matches!(missing, Err(BookError::NoSnapshot(9))));
    let twice = BTreeMap::from([(ConfigKind::Rules, files("rules.yaml", "a"))]);
    let publish = Publish { configs: twice, rules: Some(files("rules.yaml", "b")), ..apply(Some(3), "twice") };
    let error = book.publish(&publish).await.unwrap_err();
    assert_eq!(error.to_string(), "the rules are given twice in one publish; give them once");
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn what_was_known_on_a_day_is_the_newest_snapshot_until_then(database: &Database<'_>) {
    let book = Book::open(&database.url().await).await.unwrap();
    assert_eq!(book.snapshot_known_on(at(0)).await.unwrap(), None);
    // Two snapshots of one moment: the later one is what was known then.
    for (number, minute) in [0, 10, 10, 70].into_iter().enumerate() {
        let publish = Publish { at: at(minute), ..apply((number > 0).then_some(number as i64), "rules apply") };
        book.publish(&publish).await.unwrap();
    }
    let known = |instant: Instant| {
        let book = &book;
        async move { book.snapshot_known_on(instant).await.unwrap().map(|snapshot| snapshot.id) }
    };
    assert_eq!(known(at(-1)).await, None);
    assert_eq!(known(at(0)).await, Some(1));
    assert_eq!(known(Instant::from_micros(at(10).micros() - 1)).await, Some(1));
    assert_eq!(known(at(10)).await, Some(3));
    assert_eq!(known(at(69)).await, Some(3));
    assert_eq!(known(at(10_000)).await, Some(4));
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn a_snapshot_before_its_parent_is_refused(database: &Database<'_>) {
    let book = Book::open(&database.url().await).await.unwrap();
    book.publish(&Publish { at: at(60), ..ingest(None, &september("bill", "1"), vec![]) }).await.unwrap();
    let late = ingest(Some(1), &delivery("late", "late", "2026-09", "1", Format::Focus), vec![]);
    let error = book.publish(&Publish { at: at(59), ..late.clone() }).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "snapshot 2 cannot be recorded at {}, as what it follows was recorded at {}; \
             set this machine's clock right and try again",
            at(59),
            at(60)
        )
    );
    assert!(error.is_try_again());
    assert_eq!(book.deliveries(&DeliveryFilter::default()).await.unwrap().len(), 1);
    book.publish(&Publish { at: at(60), ..late }).await.unwrap();
}

pub(crate) async fn reorgs_are_recorded_with_their_snapshot_and_reverted_once(database: &Database<'_>) {
    let book = Book::open(&database.url().await).await.unwrap();
    assert_eq!(book.reorgs().await.unwrap(), []);
    let org = |text: &str| Some(files("org.yaml", text));
    book.publish(&Publish { org: org("a"), ..apply(None, "org apply") }).await.unwrap();
    let new = reorg("Zürich joins 'Commerce'");
    book.publish(&Publish { org: org("b"), reorg: Some(new.clone()), ..apply(Some(1), "org apply") }).await.unwrap();
    let first = book.reorg(1).await.unwrap();
    assert_eq!((first.snapshot, first.effective, first.recorded_at), (2, new.effective, at(1)));
    assert_eq!((first.title.as_str(), first.actor.as_str(), &first.plan), (new.title.as_str(), "ana", &new.plan));
    assert_eq!(first.digest, Digest::of(new.plan.as_bytes()));
    assert_eq!((first.reverts, first.reverted_in), (None, None));

    // A reversal that is a reorg of its own, and then one without a plan.
    let back = Publish { org: org("a"), reorg: Some(reorg("back")), revert: Some(1), ..apply(Some(2), "org revert 1") };
    book.publish(&back).await.unwrap();
    book.publish(&Publish { org: org("b"), revert: Some(2), ..apply(Some(3), "org revert 2") }).await.unwrap();
    let reorgs = book.reorgs().await.unwrap();
    let told: Vec<_> =
        reorgs.iter().map(|reorg| (reorg.id, reorg.snapshot, reorg.reverts, reorg.reverted_in)).collect();
    assert_eq!(told, [(1, 2, None, Some(3)), (2, 3, Some(1), Some(4))]);
    let holding = |snapshot| reorgs.iter().filter(move |reorg| reorg.holds_at(snapshot)).map(|reorg| reorg.id);
    assert_eq!(holding(1).count(), 0);
    assert_eq!(holding(2).collect::<Vec<_>>(), [1]);
    assert_eq!(holding(3).collect::<Vec<_>>(), [2]);
    assert_eq!(holding(4).count(), 0);

    let error = book.publish(&Publish { revert: Some(1), ..apply(Some(4), "again") }).await.unwrap_err();
    assert!(error.to_string().starts_with("reorg 1 was reverted in snapshot 3 already; plan and apply it"), "{error}");
    let error = book.publish(&Publish { revert: Some(3), ..apply(Some(4), "unheard of") }).await.unwrap_err();
    assert!(matches!(error, BookError::NoReorg(3)), "{error}");
    assert!(matches!(book.reorg(3).await, Err(BookError::NoReorg(3))));
    let bad = NewReorg { plan: "{operations".to_owned(), ..reorg("bad") };
    let error = book.publish(&Publish { reorg: Some(bad), ..apply(Some(4), "bad") }).await.unwrap_err();
    assert!(error.to_string().starts_with("the plan of a reorg is no JSON: "), "{error}");
    assert_eq!(book.head().await.unwrap().unwrap().id, 4, "a publish is refused as a whole");
    let actions: Vec<_> =
        book.audit(&Default::default()).await.unwrap().into_iter().rev().map(|event| event.entry.action).collect();
    let expected = ["publish", "publish", "reorg applied", "publish", "reorg reverted", "reorg applied", "publish"];
    assert_eq!(actions[..7], expected);
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn residuals_burn_down_snapshot_by_snapshot(database: &Database<'_>) {
    let book = Book::open(&database.url().await).await.unwrap();
    let total = |publish: &Publish, owner: &str, currency: &str, cost: &str| {
        let cost = cost.parse().unwrap();
        let costs = Costs { billed: cost, effective: cost, list: cost, contracted: cost };
        let currency = Currency::new(currency).unwrap();
        OwnerTotal { owner: owner.parse().unwrap(), rule: None, currency, costs, ..publish.owner_totals[0].clone() }
    };
    let (old, new) = (september("old", "10"), september("new", "10"));
    let mut first = ingest(None, &old, vec![]);
    let no_rule =
        [("residual:no-rule", "USD", "4.1"), ("residual:no-rule", "EUR", "-3"), ("residual:pool:kafka", "USD", "2")];
    let totals: Vec<_> =
        no_rule.map(|(owner, currency, cost)| total(&first, owner, currency, cost)).into_iter().collect();
    first.owner_totals.extend(totals);
    book.publish(&first).await.unwrap();
    let mut other = ingest(Some(1), &delivery("other", "other", "2026-08", "5", Format::Focus), vec![]);
    let more = total(&other, "residual:no-rule", "USD", "0.000000000000000000000000000001");
    other.owner_totals = vec![more];
    book.publish(&other).await.unwrap();
    let mut third = replace(2, &old, &new);
    let left = total(&third, "residual:no-rule", "USD", "1");
    third.owner_totals.push(left);
    book.publish(&third).await.unwrap();

    let points = book.residual_history().await.unwrap();
    let told: Vec<_> = points
        .iter()
        .map(|point| {
            let owner = point.owner.to_string();
            (point.snapshot, owner, point.currency.to_string(), point.costs.effective.to_string(), point.rows)
        })
        .collect();
    let line = |snapshot: i64, owner: &str, currency: &str, cost: &str, rows: u64| {
        (snapshot, owner.to_owned(), currency.to_owned(), cost.to_owned(), rows)
    };
    assert_eq!(
        told,
        [
            line(1, "residual:no-rule", "EUR", "-3", 3),
            line(1, "residual:no-rule", "USD", "4.1", 3),
            line(1, "residual:pool:kafka", "USD", "2", 3),
            line(2, "residual:no-rule", "EUR", "-3", 3),
            line(2, "residual:no-rule", "USD", "4.100000000000000000000000000001", 6),
            line(2, "residual:pool:kafka", "USD", "2", 3),
            line(3, "residual:no-rule", "USD", "1.000000000000000000000000000001", 6),
        ]
    );
    assert_eq!(points[6].recorded_at, at(2));
    // The same as the totals of each snapshot, added up.
    for point in &points {
        let totals = book.owner_totals(point.snapshot).await.unwrap();
        let own = totals.iter().filter(|total| total.owner == point.owner && total.currency == point.currency);
        assert_eq!(own.fold(Costs::default(), |sum, total| sum + total.costs), point.costs);
    }
}
