//! The Delta log says what other engines must read, and heals after a crash.

use std::path::Path;

use leap_terms::tables::Table;
use serde_json::Value;

use super::bill::{DELIVERY, info, published, scope, stage_charges};
use crate::Lake;

fn entry(lake: &Lake, table: &str, version: u64) -> Vec<Value> {
    let path = lake.root().join(table).join(format!("_delta_log/{version:020}.json"));
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_kind<'a>(actions: &'a [Value], kind: &str) -> Vec<&'a Value> {
    actions.iter().filter_map(|action| action.get(kind)).collect()
}

#[tokio::test]
async fn an_entry_has_protocol_schema_partition_values_and_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, live) = published(folder.path()).await;
    let actions = entry(&lake, "charges", 0);
    assert_eq!(of_kind(&actions, "protocol")[0]["minReaderVersion"], 1);
    assert_eq!(of_kind(&actions, "protocol")[0]["minWriterVersion"], 2);
    let metadata = of_kind(&actions, "metaData")[0];
    assert_eq!(metadata["partitionColumns"], serde_json::json!(["x_LeapSource", "x_LeapBillingPeriod"]));
    assert_eq!(metadata["configuration"]["delta.logRetentionDuration"], "interval 3650 days");
    assert_eq!(metadata["configuration"]["delta.deletedFileRetentionDuration"], "interval 3650 days");
    let schema: Value = serde_json::from_str(metadata["schemaString"].as_str().unwrap()).unwrap();
    let type_of = |name: &str| {
        let fields = schema["fields"].as_array().unwrap();
        fields.iter().find(|field| field["name"] == name).map(|field| field["type"].as_str().unwrap().to_owned())
    };
    assert_eq!(type_of("BilledCost").as_deref(), Some("decimal(30,18)"));
    assert_eq!(type_of("x_LeapFineBilledCost").as_deref(), Some("decimal(38,30)"));
    assert_eq!(type_of("ChargePeriodStart").as_deref(), Some("timestamp"));
    assert_eq!(type_of("x_Discounts").as_deref(), Some("string"));
    let add = of_kind(&actions, "add")[0];
    assert_eq!(add["partitionValues"]["x_LeapSource"], "focus:aws/1");
    assert_eq!(add["partitionValues"]["x_LeapBillingPeriod"], "2026-09");
    assert_eq!(add["size"], live[0].bytes);
    assert!(
        add["path"].as_str().unwrap().starts_with("x_LeapSource=focus%253Aaws%252F1/x_LeapBillingPeriod=2026-09/part-")
    );
    assert_eq!(add["stats"], r#"{"numRecords":6}"#);
    let commit = of_kind(&actions, "commitInfo")[0];
    assert_eq!(commit["leapOperation"], "ingest");
    assert_eq!(commit["leapSnapshot"].as_str().unwrap().len(), 64);
    assert_eq!(commit["timestamp"], 1_789_516_800_000_i64);
    assert!(lake.log_differences(&live).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_restated_month_is_one_entry_with_its_remove_and_its_add() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, live) = published(folder.path()).await;
    let staging = lake.stage("tx-2").unwrap();
    let scope = scope("focus:aws/1", "2026-09");
    let file = stage_charges(
        &staging,
        &scope,
        "fedcba9876543210",
        &["11"],
        &["x_Discounts", "x_New column", "x_later", "X_LATER"],
    );
    let next = vec![file, live[1].clone()];
    let versions = lake.publish(staging, &Table::MONEY, &next, &info("restate")).await.unwrap();
    assert_eq!((versions[&Table::Charges], versions[&Table::Cube]), (1, 0), "an unchanged table gets no entry");
    let actions = entry(&lake, "charges", 1);
    let (adds, removes) = (of_kind(&actions, "add"), of_kind(&actions, "remove"));
    assert_eq!((adds.len(), removes.len()), (1, 1));
    assert_eq!(removes[0]["partitionValues"]["x_LeapSource"], "focus:aws/1");
    assert_eq!(removes[0]["dataChange"], true);
    assert_eq!(removes[0]["path"], of_kind(&entry(&lake, "charges", 0), "add")[0]["path"]);
    let schema = of_kind(&actions, "metaData")[0]["schemaString"].as_str().unwrap();
    assert_eq!(schema.to_lowercase().matches("x_later").count(), 1, "Delta cannot tell names apart by case");
    assert!(!schema.contains("New column"), "Delta does not allow spaces in names");
    assert!(lake.root().join(&live[0].path).exists(), "the superseded file stays for readers of the past");
    assert!(lake.log_differences(&next).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_log_ahead_of_the_book_heals_and_so_does_one_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, live) = published(folder.path()).await;
    // Killed between the Delta commit and the book's: the log names a file that no snapshot has.
    let staging = lake.stage("tx-2").unwrap();
    let lost = stage_charges(&staging, &scope("focus:aws/1", "2026-10"), DELIVERY, &["5"], &[]);
    let unseen = [live.clone(), vec![lost.clone()]].concat();
    lake.publish(staging, &Table::MONEY, &unseen, &info("ingest")).await.unwrap();
    let differences = lake.log_differences(&live).await.unwrap();
    assert_eq!(differences.len(), 1);
    assert!(differences[0].ends_with("is only in the Delta log"), "{differences:?}");
    lake.heal(&live, &info("heal")).await.unwrap();
    assert!(lake.log_differences(&live).await.unwrap().is_empty());
    // A second attempt of the same transaction makes the same file.
    let again = lake.stage("tx-2").unwrap();
    let same = stage_charges(&again, &scope("focus:aws/1", "2026-10"), DELIVERY, &["5"], &[]);
    assert_eq!(same, lost);
    assert_eq!(lake.publish(again, &Table::MONEY, &unseen, &info("ingest")).await.unwrap()[&Table::Charges], 3);
    // A log that lost its last entry is behind.
    std::fs::remove_file(lake.root().join(format!("charges/_delta_log/{:020}.json", 3))).unwrap();
    assert_eq!(lake.log_differences(&unseen).await.unwrap().len(), 1);
    lake.heal(&unseen, &info("heal")).await.unwrap();
    assert!(lake.log_differences(&unseen).await.unwrap().is_empty());
    let twice = lake.heal(&[lost.clone(), lost], &info("heal")).await.unwrap_err();
    assert!(twice.to_string().ends_with("is listed twice"), "{twice}");
}

#[tokio::test]
async fn checkpoints_never_cost_history_and_a_torn_one_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, mut live) = published(folder.path()).await;
    for month in 1..=12 {
        let staging = lake.stage(&format!("tx-{month}")).unwrap();
        live.push(stage_charges(&staging, &scope("focus:aws/1", &format!("2025-{month:02}")), DELIVERY, &["5"], &[]));
        lake.publish(staging, &Table::MONEY, &live, &info("ingest")).await.unwrap();
    }
    let log = lake.root().join("charges/_delta_log");
    let exists = |name: &str| Path::new(&log).join(name).exists();
    assert!(exists("00000000000000000009.checkpoint.parquet"));
    assert!((0..=12).all(|version| exists(&format!("{version:020}.json"))));
    assert!(lake.log_differences(&live).await.unwrap().is_empty());
    std::fs::write(log.join("00000000000000000009.checkpoint.parquet"), b"PAR1").unwrap();
    assert!(lake.log_differences(&live).await.unwrap().is_empty());
    assert!(!exists("_last_checkpoint"));
}

#[tokio::test]
async fn a_log_that_ends_where_the_book_says_is_added_to_without_being_read() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, mut live) = published(folder.path()).await;
    let mut versions = lake.heal(&live, &info("look")).await.unwrap();
    for month in ["2026-10", "2026-11"] {
        let staging = lake.stage(month).unwrap();
        let known = live.clone();
        let before = crate::Before { files: &known, versions: versions.clone(), part: false };
        let file = stage_charges(&staging, &scope("focus:aws/1", month), DELIVERY, &["5"], &[]);
        // The month that came last time is replaced.
        live.retain(|old| old.scope.billing_period.to_string() != "2026-10");
        live.push(file);
        let told = crate::PublishInfo { before, ..info("ingest") };
        let after = lake.publish(staging, &Table::MONEY, &live, &told).await.unwrap();
        assert_eq!(after[&Table::Charges], versions[&Table::Charges] + 1);
        assert!(lake.log_differences(&live).await.unwrap().is_empty());
        versions = after;
    }
    let actions = entry(&lake, "charges", versions[&Table::Charges].cast_unsigned());
    let removes = of_kind(&actions, "remove");
    assert_eq!(removes.len(), 1, "the entry that was written unread removes as one that was read would");
    assert_eq!(removes[0]["partitionValues"]["x_LeapBillingPeriod"], "2026-10");
    // A book that is behind the log must not be believed.
    let behind = crate::Before { files: &[], versions: [(Table::Charges, 0)].into(), part: false };
    lake.heal(&live, &crate::PublishInfo { before: behind, ..info("heal") }).await.unwrap();
    assert!(lake.log_differences(&live).await.unwrap().is_empty());
}
