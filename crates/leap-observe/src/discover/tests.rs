//! Layouts of real buckets, in small.

use super::*;

/// The header of a FOCUS bill, as far as it takes to tell it.
const BILL: &str = "BilledCost,ChargePeriodStart,BillingCurrency,ChargeCategory\n";
const AZURE: &str = "Cost,Date,MeterCategory,SubscriptionId\n";

fn make(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn found(folder: &tempfile::TempDir) -> Vec<Candidate> {
    discover(&[folder.path().to_owned()], &DiscoverOptions::default()).unwrap().candidates
}

fn names(candidate: &Candidate) -> Vec<String> {
    candidate.parts.iter().map(|part| part.path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn numbered_files_are_parts_and_others_are_deliveries_of_their_own() {
    let folder = make(&[
        ("export-00001.csv", BILL),
        ("export-00002.csv", BILL),
        ("focus-2026-09-11.csv", BILL),
        ("focus-2026-09-12.csv", BILL),
        ("README.md", "x"),
        (".hidden.csv", "x"),
    ]);
    let candidates = found(&folder);
    assert_eq!(candidates.len(), 3, "{candidates:#?}");
    assert_eq!(candidates.iter().map(|candidate| candidate.parts.len()).collect::<Vec<_>>(), [2, 1, 1]);
}

#[test]
fn a_manifest_is_a_completeness_check() {
    let manifest = r#"{"billingPeriod":{"start":"2026-09-01T00:00:00Z"},"dataFiles":["a.csv","b.csv"],"executionId":"e1","sequence":3}"#;
    let whole = make(&[
        ("BILLING_PERIOD=2026-09/Manifest.json", manifest),
        ("BILLING_PERIOD=2026-09/a.csv", "x"),
        ("BILLING_PERIOD=2026-09/b.csv", "x"),
    ]);
    let candidates = found(&whole);
    assert_eq!((candidates.len(), names(&candidates[0])), (1, vec!["a.csv".to_owned(), "b.csv".to_owned()]));
    assert_eq!(candidates[0].billing_period_hint, Month::new(2026, 9));
    let part = make(&[("BILLING_PERIOD=2026-09/Manifest.json", manifest), ("BILLING_PERIOD=2026-09/a.csv", "x")]);
    let refusal = found(&part)[0].refusal.clone().unwrap();
    assert!(refusal.contains("b.csv") && refusal.contains("missing"), "{refusal}");
    let broken = make(&[("Manifest.json", "{\"dataFiles\": [\"a.c"), ("a.csv", "x")]);
    assert!(found(&broken)[0].refusal.clone().unwrap().contains("no JSON"));
}

#[test]
fn a_legacy_cur_manifest_names_the_current_assembly() {
    let manifest = r#"{"assemblyId":"new","account":"123","reportName":"cur","billingPeriod":{"start":"20180801T000000.000Z"},"reportKeys":["prefix/cur/20180801-20180901/new/cur-1.csv.gz"]}"#;
    let folder = make(&[
        ("cur/20180801-20180901/cur-Manifest.json", manifest),
        ("cur/20180801-20180901/new/cur-1.csv.gz", "x"),
        ("cur/20180801-20180901/new/cur-Manifest.json", manifest),
        ("cur/20180801-20180901/old/cur-1.csv.gz", "x"),
    ]);
    let candidates = found(&folder);
    assert_eq!(candidates.len(), 1, "{candidates:#?}");
    assert!(candidates[0].parts[0].path.ends_with("new/cur-1.csv.gz"));
    assert_eq!(candidates[0].source_hint.as_deref(), Some("123/cur"));
}

#[test]
fn an_azure_manifest_counts_bytes() {
    let manifest = r#"{"blobs":[{"blobName":"dir/part_1.csv","byteCount":3}],"blobCount":1,"exportConfig":{"exportName":"e","type":"AmortizedCost"},"runInfo":{"runId":"r","startDate":"2026-09-01T00:00:00"}}"#;
    let whole = make(&[("dir/manifest.json", manifest), ("dir/part_1.csv", "xyz")]);
    let candidate = &found(&whole)[0];
    assert_eq!((candidate.refusal.clone(), candidate.parts[0].format_hint), (None, Some(Format::AzureAmortized)));
    let cut = make(&[("dir/manifest.json", manifest), ("dir/part_1.csv", "x")]);
    assert!(found(&cut)[0].refusal.clone().unwrap().contains("1 bytes instead of 3"));
}

#[test]
fn a_manifest_cannot_name_what_lies_outside() {
    for key in ["../secret.csv", "/etc/../../secret.csv", "a/../../secret.csv"] {
        let folder = make(&[("in/Manifest.json", &format!(r#"{{"dataFiles":["{key}"]}}"#)), ("secret.csv", "x")]);
        let candidates = discover(&[folder.path().join("in")], &DiscoverOptions::default()).unwrap().candidates;
        assert!(candidates[0].refusal.clone().unwrap().contains("outside"), "{key}");
    }
}

#[test]
fn an_absent_path_is_an_error_and_an_empty_folder_a_refusal() {
    assert!(discover(&[PathBuf::from("does/not/exist.csv")], &DiscoverOptions::default()).is_err());
    let empty = make(&[("README.md", "x")]);
    assert!(found(&empty)[0].refusal.clone().unwrap().contains("no bills"));
}

#[test]
fn azure_twins_in_one_folder_are_one_delivery() {
    let folder = make(&[("EA_ActualCost_Small.csv", AZURE), ("EA_AmortizedCost_Small.csv", AZURE)]);
    assert_eq!(found(&folder).len(), 1);
}

#[test]
fn data_exports_keep_manifest_and_data_apart() {
    let manifest = |file: &str| {
        format!(
            r#"{{"executionId":"e","exportArn":"arn:aws:bcm-data-exports:us-east-1:123:export/cur-1","dataFiles":["s3://bucket/pre/cur/data/BILLING_PERIOD=2026-09/{file}"]}}"#
        )
    };
    let folder = make(&[
        ("cur/metadata/BILLING_PERIOD=2026-09/cur-Manifest.json", &manifest("cur-00001.csv")),
        ("cur/data/BILLING_PERIOD=2026-09/cur-00001.csv", BILL),
        ("cur/data/BILLING_PERIOD=2026-09/cur-00002.csv", BILL),
    ]);
    let found = discover(&[folder.path().to_owned()], &DiscoverOptions::default()).unwrap();
    assert_eq!(found.candidates.len(), 1, "{:#?}", found.candidates);
    let one = &found.candidates[0];
    assert_eq!((names(one), one.refusal.clone()), (vec!["cur-00001.csv".to_owned()], None));
    assert_eq!((one.source_hint.as_deref(), one.billing_period_hint), (Some("123/cur-1"), Month::new(2026, 9)));
    // What an earlier execution left behind is no delivery of its own.
    assert!(
        found.ignored.iter().any(|(path, why)| path.ends_with("cur-00002.csv") && why.contains("not named")),
        "{:?}",
        found.ignored
    );
}

#[test]
fn new_executions_are_deliveries_oldest_first() {
    let manifest = |run: &str| {
        format!(
            r#"{{"executionId":"{run}","dataFiles":["s3://b/cur/data/BILLING_PERIOD=2026-09/{run}/cur-00001.csv"]}}"#
        )
    };
    let (old, new) = ("2026-09-09T10:00:00Z-aa", "2026-09-10T01:00:00Z-bb");
    let file = |kind: &str, run: &str, name: &str| format!("cur/{kind}/BILLING_PERIOD=2026-09/{run}/{name}");
    let folder = make(&[
        (&file("metadata", new, "cur-Manifest.json"), &manifest(new)),
        (&file("data", new, "cur-00001.csv"), BILL),
        (&file("metadata", old, "cur-Manifest.json"), &manifest(old)),
        (&file("data", old, "cur-00001.csv"), BILL),
        ("cur/metadata/BILLING_PERIOD=2026-09/cur-Manifest.json", &manifest(new)),
    ]);
    let runs: Vec<_> = found(&folder).into_iter().map(|candidate| candidate.execution.unwrap()).collect();
    assert_eq!(runs, [old, new]);
}

#[test]
fn a_missing_part_is_not_found_in_another_delivery() {
    let manifest = r#"{"dataFiles":["export-00001.csv"]}"#;
    let folder = make(&[("export-00001.csv", BILL), ("late/Manifest.json", manifest)]);
    let candidates = found(&folder);
    let refused: Vec<_> = candidates.iter().filter_map(|candidate| candidate.refusal.clone()).collect();
    assert_eq!((candidates.len(), refused.len()), (2, 1));
    assert!(refused[0].contains("'export-00001.csv' is missing"), "{refused:?}");
}

#[test]
fn a_part_named_twice_is_not_counted_twice() {
    let folder = make(&[("Manifest.json", r#"{"dataFiles":["a.csv","b/../a.csv"]}"#), ("a.csv", BILL)]);
    assert!(found(&folder)[0].refusal.clone().unwrap().contains("outside"));
    let folder = make(&[("Manifest.json", r#"{"dataFiles":["a.csv","s3://bucket/a.csv"]}"#), ("a.csv", BILL)]);
    assert!(found(&folder)[0].refusal.clone().unwrap().contains("twice"));
}

#[test]
fn superseded_assemblies_are_told_and_rivals_refused() {
    let manifest = |assembly: &str| {
        format!(
            r#"{{"assemblyId":"{assembly}","account":"1","reportName":"cur","billingPeriod":{{"start":"20180801T000000.000Z"}},"reportKeys":["cur/20180801-20180901/{assembly}/cur-1.csv"]}}"#
        )
    };
    let (new, old) = (manifest("new"), manifest("old"));
    let mut files: Vec<(&str, &str)> = vec![
        ("20180801-20180901/new/cur-Manifest.json", &new),
        ("20180801-20180901/new/cur-1.csv", BILL),
        ("20180801-20180901/old/cur-Manifest.json", &old),
        ("20180801-20180901/old/cur-1.csv", BILL),
    ];
    let rivals = found(&make(&files));
    assert!(
        rivals.len() == 2 && rivals.iter().all(|one| one.refusal.as_ref().unwrap().contains("assemblies")),
        "{rivals:#?}"
    );
    files.push(("20180801-20180901/cur-Manifest.json", &new));
    let folder = make(&files);
    let found = discover(&[folder.path().to_owned()], &DiscoverOptions::default()).unwrap();
    assert_eq!(found.candidates.len(), 1);
    assert!(found.candidates[0].parts[0].path.ends_with("new/cur-1.csv"));
    assert!(
        found.ignored.iter().any(|(path, why)| path.ends_with("old/cur-Manifest.json") && why.contains("superseded"))
    );
}

#[test]
fn what_is_no_bill_is_passed_over_and_a_damaged_bill_is_not() {
    let folder = make(&[
        ("truth.json", r#"{"steps": []}"#),
        ("owners.csv", "resource_id,team\n"),
        ("LICENSE", "words"),
        ("bill.csv", BILL),
        ("cut.csv.gz", ""),
    ]);
    let found = discover(&[folder.path().to_owned()], &DiscoverOptions::default()).unwrap();
    let bills: Vec<_> = found.candidates.iter().flat_map(names).collect();
    assert_eq!(bills, ["bill.csv", "cut.csv.gz"]);
    assert_eq!(found.ignored.len(), 3, "{:?}", found.ignored);
}

#[test]
fn two_exports_may_share_a_folder() {
    let folder = make(&[
        ("a-Manifest.json", r#"{"dataFiles":["a.csv"]}"#),
        ("b-Manifest.json", r#"{"dataFiles":["b.csv"]}"#),
        ("a.csv", BILL),
        ("b.csv", BILL),
    ]);
    assert_eq!(found(&folder).iter().flat_map(names).collect::<Vec<_>>(), ["a.csv", "b.csv"]);
}

#[test]
fn the_staged_deliveries_are_found_in_order_with_the_broken_one_named() {
    let deliveries = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/focus/restate-1.2"));
    if !deliveries.exists() {
        eprintln!("skipped: {} is absent", deliveries.display());
        return;
    }
    let found = discover(&[deliveries.to_owned()], &DiscoverOptions::default()).unwrap();
    assert_eq!(found.candidates.len(), 10);
    let refusals: Vec<_> = found.candidates.iter().filter_map(|one| one.refusal.as_deref()).collect();
    assert_eq!(refusals.len(), 1);
    assert!(
        refusals[0].contains("004-sep-day20-partial-upload")
            && refusals[0].contains("'export-00002.csv.gz' is missing"),
        "{refusals:?}"
    );
    let september: Vec<_> = found
        .candidates
        .iter()
        .filter(|one| one.billing_period_hint == Month::new(2026, 9))
        .map(|one| one.order.1.clone())
        .collect();
    assert!(september.is_sorted() && september.len() == 7);
}

#[test]
fn the_staged_cur_bucket_is_one_delivery() {
    let bucket = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/focus/aws-cur-legacy/bucket"));
    if !bucket.exists() {
        eprintln!("skipped: {} is absent", bucket.display());
        return;
    }
    let found = discover(&[bucket.to_owned()], &DiscoverOptions::default()).unwrap();
    assert_eq!(found.candidates.len(), 1, "{:#?}", found.candidates);
    assert_eq!(names(&found.candidates[0]), ["koku-local-1.csv.gz"]);
    assert_eq!(found.candidates[0].source_hint.as_deref(), Some("6568388779672/koku-local"));
}
