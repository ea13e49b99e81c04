//! What goes in comes out, to the last digit, and the same rows give the same bytes.

use arrow::array::{Array, AsArray};
use arrow::datatypes::Decimal128Type;
use leap_terms::Exact;
use leap_terms::Instant;
use leap_terms::tables::Table;

use super::bill::{AMOUNTS, DELIVERY, TOTAL, charges, delivery, published, scope, stage_charges};
use crate::{Lake, LakeError};

#[tokio::test]
async fn thirty_decimals_survive_stage_publish_and_scan() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, live) = published(folder.path()).await;
    let file = &live[0];
    assert_eq!(file.rows, 6);
    assert!(file.fine);
    assert_eq!(file.sums["BilledCost"].to_text(), TOTAL);
    assert!(!file.sums.contains_key("ConsumedQuantity"), "6 × 9·10¹⁹ passes the range of a control sum");
    assert!(
        file.path
            .starts_with("charges/x_LeapSource=focus%3Aaws%2F1/x_LeapBillingPeriod=2026-09/part-0123456789abcdef-")
    );

    let names = ["x_LeapBillingPeriod", "BilledCost", "x_LeapFineBilledCost", "x_Later", "x_LeapSource", "ListCost"];
    let mut read = Vec::new();
    for batch in lake.scan(file, Some(&names)).unwrap() {
        let batch = batch.unwrap();
        assert_eq!(batch.schema().fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), names);
        let coarse = batch.column(1).as_primitive::<Decimal128Type>();
        let fine = batch.column(2).as_primitive::<Decimal128Type>();
        for row in 0..batch.num_rows() {
            let fine = if fine.is_null(row) { 0 } else { fine.value(row) };
            read.push(Exact::from_parts(coarse.value(row), fine).to_text());
        }
        assert_eq!(batch.column(0).as_string::<i32>().value(0), "2026-09");
        assert_eq!(batch.column(3).null_count(), batch.num_rows());
        assert_eq!(batch.column(4).as_string::<i32>().value(0), "focus:aws/1");
        assert_eq!(batch.column(5).null_count(), batch.num_rows());
    }
    assert_eq!(read, AMOUNTS);
    let rows: usize = lake.scan(file, Some(&[])).unwrap().map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(rows, 6);
    live.iter().for_each(|file| lake.check(file).unwrap());
    assert!(lake.orphans(&|_| true, Instant::from_micros(i64::MAX)).unwrap().is_empty());
}

#[test]
fn the_same_rows_give_the_same_bytes_however_they_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path()).unwrap();
    let staging = lake.stage("tx").unwrap();
    let scope = scope("aws", "2026-09");
    let amounts: Vec<String> = (0..20_000).map(|row| format!("{}.{:05}", row % 977, row)).collect();
    let amounts: Vec<&str> = amounts.iter().map(String::as_str).collect();
    let batch = charges(&amounts);
    let mut digests = Vec::new();
    for (by, step) in [("1111111111111111", 20_000), ("2222222222222222", 777), ("3333333333333333", 8_192)] {
        let mut writer = staging.writer(Table::Charges, &scope, &delivery(by), &["x_Discounts".to_owned()]).unwrap();
        for from in (0..batch.num_rows()).step_by(step) {
            writer.write(&batch.slice(from, step.min(batch.num_rows() - from))).unwrap();
        }
        let file = writer.finish().unwrap();
        let read: usize = staging.scan(&file, None).unwrap().map(|batch| batch.unwrap().num_rows()).sum();
        assert_eq!(read, 20_000);
        digests.push(file.digest);
    }
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[0], digests[2]);
    assert_eq!(staging.files().len(), 3, "equal bytes of three deliveries are three files");
    staging.discard().unwrap();
}

#[test]
fn a_batch_that_does_not_fit_its_table_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path()).unwrap();
    let staging = lake.stage("tx").unwrap();
    let scope = scope("aws", "2026-09");
    let mut writer = staging.writer(Table::Charges, &scope, &delivery(DELIVERY), &[]).unwrap();
    let fault = writer.write(&charges(&["1"])).unwrap_err();
    assert_eq!(fault.to_string(), "table charges: has no column 'x_Discounts'");
    let without_lineage = charges(&["1"]).project(&[0]).unwrap();
    assert!(matches!(writer.write(&without_lineage), Err(LakeError::Misuse { .. })));
    assert!(matches!(
        staging.writer(Table::Cube, &scope, &delivery(DELIVERY), &["x".to_owned()]),
        Err(LakeError::Misuse { .. })
    ));
    assert!(matches!(lake.stage("../outside"), Err(LakeError::Misuse { .. })));
}

#[tokio::test]
async fn what_no_snapshot_names_is_collected_after_its_grace() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, live) = published(folder.path()).await;
    let lost = lake.stage("lost").unwrap();
    stage_charges(&lost, &scope("aws", "2026-09"), DELIVERY, &["1"], &[]);
    std::mem::forget(lost);
    let stray = lake.root().join("charges/stray.parquet");
    std::fs::write(&stray, b"rubbish").unwrap();
    std::fs::write(lake.root().join("charges/_delta_log/_leap-1-7.tmp"), b"half").unwrap();
    let keep = |path: &str| live.iter().any(|file| file.path == path);
    assert!(lake.orphans(&keep, Instant::from_micros(0)).unwrap().is_empty(), "within the grace nothing is an orphan");
    let paths: Vec<String> =
        lake.orphans(&keep, Instant::from_micros(i64::MAX)).unwrap().into_iter().map(|orphan| orphan.path).collect();
    assert_eq!(
        paths,
        ["charges/_delta_log/_leap-1-7.tmp", "charges/stray.parquet", "staging/lost/charges-00000.parquet"]
    );
    assert_eq!(lake.collect(&keep, Instant::from_micros(i64::MAX)).unwrap().files, 3);
    assert!(!stray.exists());
    assert!(!lake.root().join("staging/lost").exists());
    live.iter().for_each(|file| lake.check(file).unwrap());
}
