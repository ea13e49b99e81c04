//! Files of series, good and bad.

use super::*;

const FILE: &str = "series,day,date,cost\na,0,2026-03-01,10.50\na,1,2026-03-02,0.1\nb,0,2026-03-01,-3\n";

#[test]
fn a_file_is_read_with_its_own_days() {
    let series = Series::read("s.csv", FILE).expect("a good file");
    assert_eq!(series.iter().map(|series| series.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(series[0].dated);
    assert_eq!(series[0].points[1].label, "1");
    assert_eq!(series[0].points[1].day.to_string(), "2026-03-02");
    assert_eq!(series[1].points[0].cost.to_text(), "-3");
    let counted = Series::read("s.csv", "series,day,cost\na,3,1\na,2,1\n").expect("days as numbers");
    assert!(!counted[0].dated && counted[0].points[0].label == "2");
}

#[test]
fn faults_name_file_row_column_and_remedy() {
    let told = |text: &str| {
        let faults = Series::read("s.csv", text).expect_err("a bad file");
        leap_terms::fault::list(&faults)
    };
    assert_eq!(
        told("series,date,cost\n"),
        "s.csv:1: the file has no column day\n  help: the header names series,day,cost"
    );
    let cost = told("series,day,cost\na,1,2\na,2,x1\n");
    assert!(cost.starts_with("s.csv:3:5: cost: 'x1' is not a decimal number"), "{cost}");
    assert!(cost.contains("help: write what the day cost"), "{cost}");
    assert!(told("series,day,cost\na,1,2\na,1,2\n").contains("s.csv:3:3: day: a has the day 1 twice"));
    assert!(told("series,day,cost\na,first,2\n").contains("s.csv:2:3: day: 'first' is no day"));
    assert!(told("series,day,cost\na,1\n").contains("s.csv:2: is no CSV"));
    assert!(told("series,day,cost\n").contains("no row below its header"));
}

#[test]
fn announced_days_are_csv_or_json() {
    let series = Series::read("s.csv", FILE).expect("a good file");
    let csv = Announced::read("k.csv", "series,day,kind\na,1,\n*,2026-03-01,holiday\n").expect("a good file");
    assert_eq!(csv.changes(&series[0]).iter().map(Day::to_string).collect::<Vec<_>>(), ["2026-03-02"]);
    assert_eq!(csv.holidays(&series[1]).len(), 1);
    let json = Announced::read("k.json", r#"{"a": {"known_changes": [1], "train": 3}, "b": []}"#).expect("a good file");
    assert_eq!(json.changes(&series[0]), csv.changes(&series[0]));
    assert!(Announced::read("k.csv", "series,day,kind\na,1,rumour\n").is_err());
    assert!(Announced::read("k.json", r#"{"a": 7}"#).is_err());
}

#[test]
fn vintages_have_as_many_ages_as_columns() {
    let text = "series,day,cost_known_d1,cost_known_d2,cost_final\na,0,9,10,10.5\n";
    let vintages = Vintages::read("v.csv", text).expect("a good file");
    assert_eq!(vintages.of("a", "0").map(|vintage| vintage.known.len()), Some(2));
    assert!(vintages.of("a", "1").is_none());
}

#[test]
fn estimates_are_whole_cents_and_shares_are_exact() {
    assert_eq!(estimate(12.345_1).to_text(), "12.35");
    assert_eq!(estimate(-0.004).to_text(), "0");
    assert_eq!(estimate(f64::NAN).to_text(), "0");
    assert_eq!(per(estimate(100.0), 30, 7).to_text(), "428.57");
    assert_eq!(per(estimate(-100.0), 30, 7).to_text(), "-428.57");
}
