//! Layouts of real buckets, in small.

use super::*;

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
        ("export-00001.csv.gz", "x"),
        ("export-00002.csv.gz", "x"),
        ("focus-2026-08.csv", "x"),
        ("focus-2026-09.csv", "x"),
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
    let whole = make(&[("BILLING_PERIOD=2026-09/Manifest.json", manifest), ("BILLING_PERIOD=2026-09/a.csv", "x"), ("BILLING_PERIOD=2026-09/b.csv", "x")]);
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
    let folder = make(&[("EA_ActualCost_Small.csv", "x"), ("EA_AmortizedCost_Small.csv", "x")]);
    assert_eq!(found(&folder).len(), 1);
}
