//! Deliveries that take from a month, a closed one above all; what reading says of closed months and of pools in them.

use super::*;

#[test]
fn a_delivery_says_what_it_replaces_and_which_closed_period_it_touches() {
    let home = home();
    home.ok(&["period", "close", "2026-08"]);
    let path = home.write("less.csv", &bill("2026-08", &AUGUST[..1]));
    let tried = home.ok(&["ingest", "less.csv", "--dry-run"]);
    for words in ["replaces 2026-08: 4 → 1 rows, USD 23.00 → 10.00 effective (-13.00)", "2026-08 is closed"] {
        assert!(tried.contains(words), "no '{words}' in {tried}");
    }
    let taken = home.ingest(&path);
    let replaced = &taken[0]["replaced"][0];
    assert_eq!((text(&replaced["rows_before"]), text(&replaced["rows_after"])), ("4".into(), "1".into()));
    assert_eq!(
        ["before", "after"].map(|side| text(&replaced["effective"][0][side])),
        ["23".to_owned(), "10".to_owned()]
    );
    assert_eq!(taken[0]["closed_periods"], serde_json::json!(["2026-08"]));
    // What only adds takes nobody's place, and touches no closed period.
    let added = home.ingest(&home.write("september.csv", &bill("2026-09", &[("2026-09-01", "i-1", "a", "1")])));
    assert_eq!((&added[0]["replaced"], &added[0]["closed_periods"]), (&serde_json::json!([]), &serde_json::json!([])));
}

#[test]
fn pools_of_a_closed_period_are_those_of_its_statement_and_may_be_read_as_known_before() {
    let home = home();
    home.ok(&["period", "close", "2026-08"]);
    let before = text(&home.json(&["snapshots"])["rows"][0]["id"]);
    home.write("pools.yaml", &POOLS.replace("{a: 60, b: 40}", "{b: 1}"));
    home.ok(&["pool", "apply", "pools.yaml"]);
    let users = |more: &[&str]| -> Vec<String> {
        let args = [&["pool", "explain", "kafka", "2026-08-12"], more].concat();
        home.json(&args)["rows"].as_array().expect("rows").iter().map(|row| text(&row["who"])).collect()
    };
    assert_eq!(users(&[]), ["a", "b"], "the statement's");
    assert_eq!(users(&["--snapshot", &before]), ["a", "b"]);
    assert_eq!(users(&["--pending"]), ["b"], "what would be if all was approved");
    let explained = home.ok(&["explain", "i-3", "--period", "2026-08"]);
    assert!(explained.contains("leap pool explain kafka 2026-08-12"), "{explained}");
    // A period that was opened again still tells what its statement was.
    let digest = text(&home.json(&["period", "list"])["rows"][0]["digest"]);
    assert!(digest.len() > 7, "{digest}");
    home.ok(&["period", "reopen", "2026-08", "--reason", "late invoice"]);
    assert_eq!(text(&home.json(&["period", "list"])["rows"][0]["digest"]), digest);
    assert_eq!(users(&[]), ["b"], "open again");
}

#[test]
fn a_folder_that_is_no_home_is_left_as_it_is() {
    let home = Home::new();
    std::fs::create_dir(home.path("home")).expect("make a folder");
    for args in [&["spend"][..], &["deliveries"], &["period", "list"], &["verify"]] {
        let ran = home.run(args);
        assert_eq!(ran.code, 1, "{args:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains("is a folder and no home of leap"), "{args:?}: {}", ran.err);
    }
    assert_eq!(std::fs::read_dir(home.path("home")).expect("the folder").count(), 0, "nothing was made");
}
