//! Taking in bills: what is accepted, refused, skipped and quarantined.

use crate::bill::{bill, bill_in};
use crate::harness::{Home, text};

#[test]
fn a_bill_that_comes_twice_counts_once() {
    let home = Home::new();
    let path = home.write("bill.csv", &bill("2026-09", &[("2026-09-10", "i-1", "", "100.00")]));
    assert_eq!(home.ingest(&path)[0]["status"], "accepted");
    let digest = home.digest();
    assert_eq!(home.ingest(&path)[0]["status"], "unchanged");
    let renamed = home.write("renamed.csv", &bill("2026-09", &[("2026-09-10", "i-1", "", "100.00")]));
    assert_eq!(home.ingest(&renamed)[0]["status"], "unchanged");
    assert_eq!(home.digest(), digest);
    assert_eq!(home.spend("team", &["--period", "2026-09"]), [("residual:no-rule".to_owned(), "100".to_owned())]);
    home.verified();
}

#[test]
fn a_restated_month_replaces_and_an_older_one_does_not_come_back() {
    let home = Home::new();
    let first = home.write("first.csv", &bill("2026-09", &[("2026-09-10", "i-1", "", "100.00")]));
    let second = home.write(
        "second.csv",
        &bill("2026-09", &[("2026-09-10", "i-1", "", "90.00"), ("2026-09-11", "i-1", "", "5.00")]),
    );
    home.ingest(&first);
    home.ingest(&second);
    assert_eq!(home.spend("team", &["--period", "2026-09"])[0].1, "95");
    let again = home.ingest(&first);
    assert_eq!(again[0]["status"], "unchanged", "{again:#?}");
    assert!(text(&again[0]["reason"]).contains("--again"), "{again:#?}");
    assert_eq!(home.spend("team", &["--period", "2026-09"])[0].1, "95");
    home.ok(&["ingest", "first.csv", "--again"]);
    assert_eq!(home.spend("team", &["--period", "2026-09"])[0].1, "100");
    home.verified();
}

#[test]
fn standard_input_is_a_bill_like_any_other() {
    let home = Home::new();
    let mut command = home.command(&["ingest", "-", "--format", "json"]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let text = bill("2026-09", &[("2026-09-10", "i-1", "", "12.34")]);
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let ran = crate::harness::ran(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(home.spend("team", &["--period", "2026-09"])[0].1, "12.34");
    home.verified();
}

#[test]
fn what_is_no_bill_is_refused_with_a_remedy() {
    let home = Home::new();
    home.write("notes.csv", "a,b\n1,2\n");
    let (code, answer) = home.json_any(&["ingest", "notes.csv"]);
    assert_eq!(code, 4);
    let reason = text(&answer["deliveries"][0]["reason"]);
    assert!(reason.contains("notes.csv") && reason.contains("FOCUS"), "{reason}");
    let ran = home.run(&["ingest", "absent.csv"]);
    assert_eq!(ran.code, 4, "{}", ran.out);
    assert!(ran.out.contains("absent.csv") || ran.err.contains("absent.csv"), "{}{}", ran.out, ran.err);
}

#[test]
fn an_unreadable_row_waits_in_quarantine_with_its_place() {
    let home = Home::new();
    let mut lines = vec![("2026-09-10", "i-1", "", "1.00"); 150];
    lines[7].3 = "1,5";
    let mut csv = bill("2026-09", &lines);
    csv = csv.replace("1,5,acc", "\"1,5\",acc").replace(",1,5,1,5,AWS,1,5,1,", ",1,1,AWS,1,1,");
    home.write("bill.csv", &csv);
    let deliveries = home.ingest(&home.path("bill.csv"));
    assert_eq!(
        (deliveries[0]["rows"].as_u64(), deliveries[0]["quarantined"].as_u64()),
        (Some(149), Some(1)),
        "{deliveries:#?}"
    );
    let rows = home.json(&["quarantine", "list"]);
    let row = &rows["rows"][0];
    assert_eq!(
        (text(&row["row"]).as_str(), text(&row["column"]).as_str(), text(&row["value"]).as_str()),
        ("8", "BilledCost", "1,5"),
        "{row:#}"
    );
    home.verified();
    // The person repairs the file; replay reads it again and the scope is replaced.
    home.write("bill.csv", &csv.replace("\"1,5\"", "1.5"));
    home.ok(&["quarantine", "replay"]);
    assert_eq!(home.json(&["quarantine", "list"])["rows"].as_array().unwrap().len(), 0);
    assert_eq!(home.spend("team", &["--period", "2026-09", "--cost", "billed"])[0].1, "150.5");
    home.verified();
}

#[test]
fn more_than_one_percent_unreadable_refuses_the_delivery() {
    let home = Home::new();
    let csv = bill("2026-09", &[("2026-09-10", "i-1", "", "1.00"), ("2026-09-10", "i-1", "", "x")]);
    home.write("bill.csv", &csv);
    let (code, answer) = home.json_any(&["ingest", "bill.csv"]);
    assert_eq!(code, 4, "{answer:#}");
    let reason = text(&answer["deliveries"][0]["reason"]);
    assert!(reason.contains("bill.csv") && reason.contains("BilledCost"), "{reason}");
    assert!(home.run(&["spend"]).code != 0 || home.json(&["spend"])["rows"].as_array().unwrap().is_empty());
}

#[test]
fn amounts_of_thirty_decimals_come_back_as_they_were() {
    let home = Home::new();
    let fine = "0.000000000000000000000000000001";
    home.ingest(&home.write(
        "bill.csv",
        &bill(
            "2026-09",
            &[
                ("2026-09-10", "i-1", "", fine),
                ("2026-09-10", "i-2", "", "999999999999"),
                ("2026-09-10", "i-2", "", "-1E-7"),
            ],
        ),
    ));
    let expected = "999999999998.999999900000000000000000000001";
    assert_eq!(home.spend("team", &["--period", "2026-09"])[0].1, expected);
    let answer = home.json(&["sql", "SELECT SUM(\"BilledCost\") AS s FROM charges"]);
    assert_eq!(answer["rows"][0]["s"], expected);
    let answer = home.json(&["sql", "SELECT SUM(\"BilledCost\") AS s FROM cube"]);
    assert_eq!(answer["rows"][0]["s"], expected);
    home.verified();
}

#[test]
fn two_sources_may_not_bring_the_same_account_and_month() {
    let home = Home::new();
    home.ingest(&home.write("one.csv", &bill("2026-09", &[("2026-09-10", "i-1", "", "1.00")])));
    home.write("two.csv", &bill("2026-09", &[("2026-09-10", "i-1", "", "1.10")]));
    let (code, answer) = home.json_any(&["ingest", "two.csv", "--source", "another-export"]);
    assert_eq!(code, 4, "{answer:#}");
    assert!(text(&answer["deliveries"][0]["reason"]).contains("twice"), "{answer:#}");
    assert_eq!(home.spend("team", &["--period", "2026-09"])[0].1, "1");
}

#[test]
fn currencies_are_never_added() {
    let home = Home::new();
    let mut both = bill("2026-09", &[("2026-09-10", "i-1", "", "1.00")]);
    both += bill_in("EUR", "2026-09", &[("2026-09-10", "i-2", "", "2.00")]).split_once('\n').unwrap().1;
    home.ingest(&home.write("bill.csv", &both));
    let answer = home.json(&["spend", "--period", "2026-09"]);
    let totals: Vec<_> = answer["totals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|total| (text(&total["currency"]), text(&total["amount"])))
        .collect();
    assert_eq!(totals, [("EUR".to_owned(), "2".to_owned()), ("USD".to_owned(), "1".to_owned())]);
    home.verified();
}

#[test]
fn a_dry_run_changes_nothing() {
    let home = Home::new();
    home.write("bill.csv", &bill("2026-09", &[("2026-09-10", "i-1", "", "1.00")]));
    let answer = home.json(&["ingest", "bill.csv", "--dry-run"]);
    assert_eq!(answer["deliveries"][0]["totals"][0]["billed"], "1");
    assert_eq!(home.json(&["snapshots"])["rows"].as_array().unwrap().len(), 0);
}
