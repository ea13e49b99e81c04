//! Changes of traces: what is live, where the logs of the lake ended, and what was replaced long ago.

use std::collections::BTreeMap;

use leap_book::{Book, BookError, NewTraces, SeriesState, ServiceFact, TraceDelivery, TraceFile, TraceHead};
use leap_terms::tables::Table;
use leap_terms::{DeliveryId, Digest, FileRecord, Instant, SourceId};
use serde_json::json;

use crate::database::Database;
use crate::samples::{at, scope};

const HOUR: u64 = 3_600_000_000_000;

fn file(table: Table, source: &str, name: &str, hour: u64) -> TraceFile {
    let scope = scope(source, "2026-09");
    TraceFile {
        record: FileRecord {
            table,
            path: format!("{}/x_LeapSource={source}/x_LeapBillingPeriod=2026-09/part-{name}.parquet", table.name()),
            scope,
            delivery: DeliveryId::new("0123456789abcdef").unwrap(),
            bytes: 99,
            digest: Digest::of(name.as_bytes()),
            rows: 7,
            sums: BTreeMap::new(),
            columns: Vec::new(),
            fine: false,
            index: None,
            foot: None,
        },
        first_ns: hour * HOUR,
        last_ns: hour * HOUR + 1,
    }
}

fn change(parent: i64, minute: i64, add: &[TraceFile], remove: &[&TraceFile]) -> NewTraces {
    NewTraces {
        at: at(minute),
        actor: "ana".to_owned(),
        cause: "otlp".to_owned(),
        parent,
        deliveries: Vec::new(),
        add: add.to_vec(),
        remove: remove.iter().map(|file| file.record.path.clone()).collect(),
        table_versions: [(Table::Requests, parent)].into(),
        series: Vec::new(),
    }
}

async fn live(book: &Book, hours: (u64, u64), known_on: Option<Instant>) -> Vec<String> {
    let (_, files) = book.trace_files(hours.0 * HOUR, hours.1 * HOUR, known_on).await.unwrap();
    files.into_iter().map(|file| file.record.path).collect()
}

fn paths(files: &[&TraceFile]) -> Vec<String> {
    files.iter().map(|file| file.record.path.clone()).collect()
}

pub(crate) async fn traces_are_live_until_replaced_and_their_logs_are_remembered(database: &Database<'_>) {
    let book = Book::open(&database.url().await).await.unwrap();
    assert_eq!(book.trace_head().await.unwrap(), TraceHead::default());
    let [one, two, both] = ["one", "two", "both"].map(|name| file(Table::Requests, "otlp", name, name.len() as u64));
    let tail = file(Table::Tails, "otlp", "day", 9);
    let fact =
        ServiceFact { service: "ledger".to_owned(), spans: 3, first_ns: 1, last_ns: 2, ..ServiceFact::default() };
    let mut first = change(0, 1, &[one.clone(), tail.clone()], &[]);
    first.deliveries.push(TraceDelivery {
        id: DeliveryId::new("0123456789abcdef").unwrap(),
        digest: Digest::of(b"first"),
        path: "network".to_owned(),
        format: "OTLP stream".to_owned(),
        counts: json!({ "spans": 3 }),
        services: vec![fact.clone()],
    });
    first.table_versions.insert(Table::Tails, 4);
    assert_eq!(book.publish_traces(&first).await.unwrap(), 1);
    assert_eq!(book.publish_traces(&change(1, 2, std::slice::from_ref(&two), &[])).await.unwrap(), 2);
    assert_eq!(book.publish_traces(&change(2, 3, std::slice::from_ref(&both), &[&one, &two])).await.unwrap(), 3);

    // Tables that a change does not name keep their version.
    let versions: BTreeMap<Table, i64> = [(Table::Requests, 2), (Table::Tails, 4)].into();
    assert_eq!(book.trace_head().await.unwrap(), TraceHead { change: 3, table_versions: versions });
    let stale = book.publish_traces(&change(2, 4, &[], &[])).await.unwrap_err();
    assert!(matches!(stale, BookError::TracesStale { parent: 2, newest: 3 }), "{stale}");
    let gone = book.publish_traces(&change(3, 4, &[], &[&one])).await.unwrap_err();
    assert!(matches!(gone, BookError::FileNotLive(_)), "{gone}");

    assert_eq!(live(&book, (0, 100), None).await, paths(&[&both, &tail]));
    assert_eq!(live(&book, (0, 100), Some(at(2))).await, paths(&[&one, &two, &tail]));
    assert_eq!(live(&book, (9, 10), None).await, paths(&[&tail]));
    let tails = book.trace_files_of(Table::Tails, 0, u64::MAX, None).await.unwrap();
    assert_eq!(tails, [tail]);
    assert_eq!(book.trace_services(None).await.unwrap(), [fact]);
    let recorded = book.trace_deliveries().await.unwrap();
    assert_eq!((recorded.len(), &recorded[0].delivery.counts["spans"]), (1, &json!(3)));
    let found = book.trace_delivery_of(Digest::of(b"first")).await.unwrap();
    assert_eq!(found.as_ref().map(DeliveryId::as_str), Some("0123456789abcdef"));
    assert_eq!(book.check().await.unwrap(), []);
}

pub(crate) async fn series_of_metrics_are_replaced_and_forgotten(database: &Database<'_>) {
    let book = Book::open(&database.url().await).await.unwrap();
    let state = |id: &str, state: &str| SeriesState { id: id.to_owned(), state: state.to_owned() };
    let mut first = change(0, 1, &[], &[]);
    first.series = vec![state("a", "{\"times\":[1]}"), state("b", "{}")];
    book.publish_traces(&first).await.unwrap();
    let mut second = change(1, 2, &[], &[]);
    second.series = vec![state("a", "{\"times\":[1,2]}"), state("c", "{}")];
    book.publish_traces(&second).await.unwrap();
    let known = book.metric_series(&["a", "b", "unheard of"]).await.unwrap();
    let expected = [("a", "{\"times\":[1,2]}"), ("b", "{}")];
    assert_eq!(known.iter().map(|(id, state)| (&**id, &**state)).collect::<Vec<_>>(), expected);
    // Ninety days later nobody sends the same again.
    let day = 24 * 60;
    let mut third = change(2, 90 * day + 2, &[], &[]);
    third.series = vec![state("d", "{}")];
    book.publish_traces(&third).await.unwrap();
    let known = book.metric_series(&["a", "b", "c", "d"]).await.unwrap();
    assert_eq!(known.into_keys().collect::<Vec<_>>(), ["a", "c", "d"]);
}

pub(crate) async fn replaced_files_of_a_stream_are_forgotten_after_their_time(database: &Database<'_>) {
    let book = Book::open(&database.url().await).await.unwrap();
    let [one, two, three] = ["one", "two", "three"].map(|name| file(Table::Requests, "otlp", name, 1));
    let own = file(Table::Requests, "traces", "own", 1);
    book.publish_traces(&change(0, 1, &[one.clone(), own.clone()], &[])).await.unwrap();
    book.publish_traces(&change(1, 10, std::slice::from_ref(&two), &[&one, &own])).await.unwrap();
    // The same rows again have the same path.
    book.publish_traces(&change(2, 20, std::slice::from_ref(&one), &[&two])).await.unwrap();
    book.publish_traces(&change(3, 30, std::slice::from_ref(&three), &[&one])).await.unwrap();
    let otlp = SourceId::new("otlp").unwrap();
    let forget = async |before: i64, most: u32| {
        let gone = book.forget_trace_files(&otlp, (at(before), at(60)), "ana", most).await.unwrap();
        gone.into_iter().map(|file| file.path).collect::<Vec<String>>()
    };
    assert_eq!(forget(10, 9).await, [""; 0], "nothing was replaced before");
    assert_eq!(forget(11, 9).await, [""; 0], "what came again is still kept");
    assert_eq!(live(&book, (0, 9), Some(at(5))).await.len(), 2);
    assert_eq!(forget(21, 9).await, paths(&[&two]));
    let refused = book.trace_files(0, u64::MAX, Some(at(15))).await.unwrap_err();
    assert!(matches!(&refused, BookError::TracesGone { change: 2, path } if *path == two.record.path), "{refused}");
    assert_eq!(live(&book, (0, 9), Some(at(5))).await.len(), 2, "what was live then is still there");
    assert_eq!(forget(31, 1).await, paths(&[&one]));
    assert_eq!(forget(31, 9).await, [""; 0], "once, and never what a file of traces brought");
    assert_eq!(live(&book, (0, 9), None).await, paths(&[&three]));
    let kept = book.all_paths().await.unwrap();
    assert!(kept.contains(&own.record.path) && kept.contains(&three.record.path));
    assert!(!kept.contains(&one.record.path) && !kept.contains(&two.record.path));
    book.verify_audit().await.unwrap();
}
