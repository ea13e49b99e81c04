//! Tables that change with every flush: what a flush reads and leaves does not grow with the flushes before it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray};
use leap_terms::tables::Table;
use leap_terms::{FileRecord, Instant};

use super::bill::{delivery, scope};
use crate::{Before, Lake, LakeError, PublishInfo};

fn one_request(number: u64) -> RecordBatch {
    let text = |value: String| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
    let whole = |value: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![value])) };
    let flag = || -> ArrayRef { Arc::new(BooleanArray::from(vec![false])) };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("day", Arc::new(Date32Array::from(vec![20_700]))),
        ("trace_id", text(format!("{number:032x}"))),
        ("root_span_id", text("00000000000000a1".to_owned())),
        ("service", text("charge-api".to_owned())),
        ("operation", text("POST /v1/charges".to_owned())),
        ("start_ns", whole(1)),
        ("latency_ns", whole(1)),
        ("weight", whole(1 << 20)),
        ("weight_known", flag()),
        ("error", flag()),
        ("incomplete", flag()),
        ("spans", whole(1)),
        ("slices", whole(1)),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn info<'f>(before: &'f [FileRecord], versions: &BTreeMap<Table, i64>, part: bool) -> PublishInfo<'f> {
    PublishInfo {
        snapshot: None,
        operation: "traces".to_owned(),
        at: Instant::from_micros(1_789_516_800_000_000),
        before: Before { files: before, versions: versions.clone(), part },
    }
}

/// A flush: one file comes; of every four the three before go, as after a merge. It is told the last four files alone.
async fn flush(lake: &Lake, number: u64, live: &mut Vec<FileRecord>, versions: &mut BTreeMap<Table, i64>) {
    let staging = lake.stage(&format!("flush-{number}")).unwrap();
    let mut writer =
        staging.writer(Table::Requests, &scope("otlp", "2026-09"), &delivery(&format!("{number:016x}")), &[]).unwrap();
    writer.write(&one_request(number)).unwrap();
    let file = writer.finish().unwrap();
    let part = lake.in_step(&Table::LATENCY, versions).await.unwrap();
    let split = if part { live.len().saturating_sub(4) } else { 0 };
    let rest: Vec<FileRecord> = live.drain(..split).collect();
    let before = live.clone();
    if number % 4 == 3 {
        live.truncate(live.len() - 3);
    }
    live.push(file);
    let told = info(&before, versions, part);
    versions.extend(lake.publish(staging, &Table::LATENCY, live, &told).await.unwrap());
    live.splice(..0, rest);
}

fn log_of(lake: &Lake) -> PathBuf {
    lake.root().join("requests/_delta_log")
}

fn names(log: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(log).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_flush_reads_no_log_and_a_log_does_not_grow_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path()).unwrap();
    let (mut live, mut versions) = (Vec::new(), BTreeMap::new());
    let (mut most, mut sizes) = (0, Vec::new());
    for number in 0..120 {
        flush(&lake, number, &mut live, &mut versions).await;
        most = most.max(names(&log_of(&lake)).len());
        if number % 40 == 39 {
            assert!(lake.log_differences(&live).await.unwrap().is_empty(), "after {number}");
            sizes.push((lake.log_reads().await, names(&log_of(&lake)).len()));
        }
    }
    assert_eq!((live.len(), versions[&Table::Requests]), (30, 119));
    assert_eq!(lake.log_reads().await, 0, "the table was made by this process, and nobody else wrote it");
    assert!(most <= 25, "{most} files of the log at once; {sizes:?}");

    // Another process reads each log once, whatever came before.
    let other = Lake::open(folder.path()).unwrap();
    assert!(!other.in_step(&Table::LATENCY, &versions).await.unwrap());
    for number in 120..132 {
        flush(&other, number, &mut live, &mut versions).await;
    }
    assert_eq!(other.log_reads().await, 1);
    assert!(other.log_differences(&live).await.unwrap().is_empty());
    // The first process finds that others wrote meanwhile.
    assert!(!lake.in_step(&Table::LATENCY, &versions).await.unwrap());
    flush(&lake, 132, &mut live, &mut versions).await;
    assert!(lake.log_differences(&live).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_torn_checkpoint_is_read_around() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path()).unwrap();
    let (mut live, mut versions) = (Vec::new(), BTreeMap::new());
    for number in 0..35 {
        flush(&lake, number, &mut live, &mut versions).await;
    }
    let log = log_of(&lake);
    let checkpoints: Vec<String> = names(&log).into_iter().filter(|name| name.ends_with(".parquet")).collect();
    assert_eq!(checkpoints.len(), 2, "{:?}", names(&log));
    std::fs::write(log.join(&checkpoints[1]), b"PAR1").unwrap();
    let other = Lake::open(folder.path()).unwrap();
    assert!(other.log_differences(&live).await.unwrap().is_empty());
    flush(&other, 35, &mut live, &mut versions).await;
    assert!(other.log_differences(&live).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_tells_a_part_of_a_log_that_is_not_in_step_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path()).unwrap();
    let (mut live, mut versions) = (Vec::new(), BTreeMap::new());
    for number in 0..3 {
        flush(&lake, number, &mut live, &mut versions).await;
    }
    // The book was not told of the last entry: what it names next is not all that the log should hold.
    versions.insert(Table::Requests, 1);
    let staging = lake.stage("late").unwrap();
    let told = info(&[], &versions, true);
    let refused = lake.publish(staging, &Table::LATENCY, &Vec::<FileRecord>::new(), &told).await.unwrap_err();
    assert!(matches!(refused, LakeError::Busy { table: "requests" }), "{refused}");
    assert!(lake.log_differences(&live).await.unwrap().is_empty());
    // Told all, it heals.
    let told = info(&live, &versions, false);
    let staging = lake.stage("again").unwrap();
    let healed = lake.publish(staging, &Table::LATENCY, &live, &told).await.unwrap();
    assert_eq!(healed[&Table::Requests], 2);
    assert!(lake.in_step(&Table::LATENCY, &healed).await.unwrap());
}
