//! Parts of a long stream, stored and merged as the flusher does it.

use std::collections::BTreeSet;

use leap_observe::traces::otlp_write::write_traces;
use leap_observe::traces::{AssemblyLimits, Kind};
use leap_terms::tables::Table;
use leap_terms::{Instant, NameId, Names, Span, SpanId, SpanKind, Trace, TraceId, Weight};

use super::super::flush::publish;
use super::*;
use crate::clock;
use crate::home::{Access, Home};
use crate::traces::{EXAMPLES, differences, forget_replaced, load, merge, merge_levels};

const SECOND: u64 = 1_000_000_000;
/// 2026-08-17T00:00:00Z.
const MONDAY: u64 = 1_786_924_800 * SECOND;

fn span(id: u64, parent: u64, (start, end): (u64, u64), service: NameId) -> Span {
    let (id, parent) = (SpanId::new(id), SpanId::new(parent));
    Span {
        id,
        parent,
        start,
        end,
        service,
        host: service,
        operation: service,
        kind: SpanKind::Server,
        ..Span::default()
    }
}

/// A body with these traces: root and one child each; `whole` adds another child.
fn body(numbers: impl Iterator<Item = u64>, at: u64, whole: bool) -> Vec<u8> {
    let mut names = Names::new();
    let (api, ledger) = (names.number("api"), names.number("ledger"));
    let traces: Vec<Trace> = numbers
        .map(|number| {
            let end = at + 1_000_000 * (1 + number % 97);
            let mut spans = vec![span(1, 0, (at, end), api), span(2, 1, (at + 10, end - 10), ledger)];
            if whole {
                spans.push(span(3, 1, (at, at + 5), ledger));
            }
            Trace { id: TraceId(u128::from(number) << 64 | 7), spans, weight: Weight::Unknown, ..Trace::default() }
        })
        .collect();
    let mut body = Vec::new();
    write_traces(&mut body, &names, &traces.iter().collect::<Vec<_>>());
    body
}

fn push(stream: &mut Stream, body: &[u8], now: u64) {
    stream.scan(Kind::OtlpProto, body).unwrap();
    stream.push(now);
}

/// What a day of parts leaves.
struct Day {
    home: Home,
    compared: u64,
    most_compared: u64,
    most_files: usize,
}

/// So many parts of half a minute each, with so many requests; every tenth is also sent late, whole.
async fn day_of(folder: &std::path::Path, parts: u64, requests: u64) -> Day {
    drop(Home::open(folder, Access::Write).await.unwrap());
    let home = Home::open(folder, Access::Read).await.unwrap();
    let mut stream = Stream::new(AssemblyLimits::default(), Vec::new());
    let mut day = Day { home, compared: 0, most_compared: 0, most_files: 0 };
    for number in 0..parts {
        let now = MONDAY + number * 30 * SECOND;
        for request in 0..requests {
            let at = now + request * 29 * SECOND / requests;
            let name = number * requests + request + 1;
            push(&mut stream, &body(std::iter::once(name), at, false), at + SECOND);
            stream.tick(at + SECOND);
        }
        if number % 10 == 9 {
            // Of the trace that came last in the part before.
            push(&mut stream, &body(std::iter::once(number * requests), now, true), now + 29 * SECOND);
        }
        let last = number + 1 == parts;
        let end = now + if last { 400 } else { 30 } * SECOND;
        stream.tick(end);
        let mut part = stream.part(end, last);
        let Some(delivered) = &mut part.delivered else { continue };
        let stored = publish(&day.home, delivered).await.unwrap();
        assert_eq!(stored.known, 0, "part {number}: {stored:?}");
        while merge(&day.home, &delivered.times(), clock::now()).await.unwrap() > 0 {}
        while merge_levels(&day.home, clock::now()).await.unwrap() > 0 {}
        day.compared += stored.compared;
        day.most_compared = day.most_compared.max(stored.compared);
        let (_, live) = day.home.book.trace_files(0, u64::MAX, None).await.unwrap();
        day.most_files = day.most_files.max(live.iter().filter(|file| file.record.table == Table::Requests).count());
    }
    stream.tick(MONDAY + parts * 30 * SECOND + 500 * SECOND);
    assert_eq!(stream.traces(), 0);
    day
}

#[tokio::test]
async fn a_long_stream_leaves_few_files_compares_with_few_and_keeps_every_request_once() {
    let folder = tempfile::tempdir().unwrap();
    let (parts, requests) = (60, 40);
    let day = day_of(folder.path(), parts, requests).await;
    assert!(day.most_files <= 16, "{} files", day.most_files);
    assert!(day.most_compared <= 4, "{} pairs compared at once", day.most_compared);
    assert!(day.compared <= 3 * parts, "{} pairs compared", day.compared);

    let all = load(&day.home, (0, u64::MAX), None, true).await.unwrap();
    let ids: BTreeSet<&str> = (0..all.rows().len()).filter_map(|at| all.ids(at)).map(|(trace, _)| trace).collect();
    assert_eq!((all.rows().len() as u64, ids.len() as u64), (parts * requests, parts * requests));
    let whole = all.rows().iter().filter(|row| row.spans == 3).count() as u64;
    assert_eq!(whole, parts / 10);
    let sum: u64 = all.rows().iter().map(|row| row.latency_ns).sum();
    let truth: u64 = (1..=parts * requests).map(|number| 1_000_000 * (1 + number % 97)).sum();
    assert_eq!(sum, truth);

    // Packed days are those of the requests, whatever was replaced and put together; few files hold them.
    let (_, live) = day.home.book.trace_files(0, u64::MAX, None).await.unwrap();
    assert_eq!(differences(&day.home, &live, &all).unwrap(), Vec::<String>::new());
    let tails: Vec<u64> =
        live.iter().map(|file| &file.record).filter(|file| file.table == Table::Tails).map(|file| file.rows).collect();
    assert!(tails.len() < 16, "{tails:?}");
    let mut fewer = all.clone();
    fewer.retain(|at, _| at != 7);
    assert_eq!(differences(&day.home, &live, &fewer).unwrap().len(), 1);

    // However many parts there were: no log was read again, and none has more than a few entries.
    assert!(day.home.lake.log_reads().await <= 4, "{} logs read", day.home.lake.log_reads().await);
    for table in [Table::Requests, Table::Slices, Table::Spans, Table::Tails] {
        let log = day.home.lake.root().join(table.name()).join("_delta_log");
        let entries = std::fs::read_dir(&log).unwrap().count();
        assert!(entries <= 25, "{} has {entries} files", log.display());
    }
    let records: Vec<_> = live.iter().map(|file| file.record.clone()).collect();
    assert_eq!(day.home.lake.log_differences(&records).await.unwrap(), Vec::<String>::new());

    // What was merged away goes in its time; what is there stays the same.
    let on_disk = |home: &Home| {
        let found = home.lake.orphans(&|_| false, Instant::from_micros(i64::MAX)).unwrap();
        found.into_iter().map(|file| file.path).filter(|path| path.ends_with(".parquet")).count()
    };
    let before = on_disk(&day.home);
    assert!(before > 2 * live.len(), "{before} files, {} live", live.len());
    assert_eq!(forget_replaced(&day.home, clock::now()).await.unwrap(), 0, "for seven days nothing goes");
    let later = Instant::from_micros(clock::now().micros() + 8 * 86_400_000_000);
    assert_eq!(forget_replaced(&day.home, later).await.unwrap(), before - live.len());
    assert_eq!(on_disk(&day.home), live.len());
    let again = load(&day.home, (0, u64::MAX), None, true).await.unwrap();
    assert_eq!(again.rows().iter().map(|row| row.latency_ns).sum::<u64>(), truth);
    assert_eq!(day.home.book.trace_files(0, u64::MAX, None).await.unwrap().1, live);

    // Of each hour the slowest are kept whole, and hardly any others.
    let examples = crate::traces::examples_of(&day.home, (0, u64::MAX), None, |_| true).await.unwrap();
    assert!((EXAMPLES..=EXAMPLES * 8).contains(&examples.traces.len()), "{} examples", examples.traces.len());
    let slowest = examples.traces.iter().filter(|example| {
        let root = example.trace.spans.iter().find(|span| span.parent.is_none()).unwrap();
        root.end - root.start == 97_000_000
    });
    assert!(slowest.count() >= EXAMPLES);
}

#[test]
fn a_restart_needs_the_bodies_of_traces_in_flight_and_no_earlier_ones() {
    let mut stream = Stream::new(AssemblyLimits::default(), Vec::new());
    assert_eq!(stream.needed_from(MONDAY), MONDAY);
    push(&mut stream, &body(1..2, MONDAY, false), MONDAY + 1);
    push(&mut stream, &body(2..3, MONDAY, false), MONDAY + 15 * SECOND);
    stream.tick(MONDAY + 20 * SECOND);
    // The first is complete, and held for late spans.
    let part = stream.part(MONDAY + 20 * SECOND, false);
    assert_eq!(part.needed_from, MONDAY + 1);
    assert_eq!(part.delivered.unwrap().requests.rows().len(), 1);
    stream.tick(MONDAY + 55 * SECOND);
    assert_eq!(stream.part(MONDAY + 55 * SECOND, false).needed_from, MONDAY + 15 * SECOND);
    stream.tick(MONDAY + 90 * SECOND);
    assert_eq!(stream.part(MONDAY + 90 * SECOND, false).needed_from, MONDAY + 90 * SECOND);
}

#[test]
fn what_comes_again_in_one_part_is_there_once_and_whole() {
    let mut stream = Stream::new(AssemblyLimits::default(), Vec::new());
    push(&mut stream, &body(1..4, MONDAY, false), MONDAY);
    stream.tick(MONDAY + 12 * SECOND);
    push(&mut stream, &body(2..3, MONDAY, true), MONDAY + 13 * SECOND);
    stream.tick(MONDAY + 26 * SECOND);
    let delivered = stream.part(MONDAY + 27 * SECOND, true).delivered.unwrap();
    let spans: Vec<u64> = delivered.requests.rows().iter().map(|row| row.spans).collect();
    assert_eq!(spans, [2, 2, 3]);
    let counts = &delivered.delivery.as_ref().unwrap().counts;
    let said =
        ["requests", "traces", "traces_again", "late_spans", "duplicate_spans"].map(|name| counts[name].as_u64());
    assert_eq!(said, [Some(3), Some(3), Some(1), Some(1), Some(2)]);
    assert_eq!(delivered.examples.values().map(leap_orient::latency::SpanRows::len).sum::<usize>(), 7);
    let Origin::Stream { reach } = &delivered.origin else { panic!("it came over the network") };
    assert_eq!(reach.len(), 1);
}

#[test]
fn services_are_told_once_and_again_when_they_say_something_new() {
    let mut stream = Stream::new(AssemblyLimits::default(), Vec::new());
    let mut told = |number: u64, at: u64| {
        push(&mut stream, &body(number..number + 1, at, false), at);
        stream.tick(at + 12 * SECOND);
        let part = stream.part(at + 12 * SECOND, false);
        let services = part.delivered.unwrap().delivery.map(|delivery| delivery.services);
        services.map(|services| services.iter().map(|fact| (fact.service.clone(), fact.spans)).collect::<Vec<_>>())
    };
    let both = |spans: u64| Some(vec![("api".to_owned(), spans), ("ledger".to_owned(), spans)]);
    assert_eq!(told(1, MONDAY), both(1));
    assert_eq!(told(2, MONDAY + 60 * SECOND), None);
    assert_eq!(told(3, MONDAY + 3_700 * SECOND), both(2), "after an hour");
    assert_eq!(told(4, MONDAY + 3_760 * SECOND), None);
    assert_eq!(told(5, MONDAY + 86_400 * SECOND), both(2), "on another day");
}
