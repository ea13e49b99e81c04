//! Defects that users of other products reported, each with a test of its name.

use crate::bill::{ORG, RULES, bill, row};
use crate::harness::{Home, text};

fn owned_home() -> Home {
    let home = Home::new();
    home.write("org.yaml", ORG);
    home.write("rules.yaml", RULES);
    home.ok(&["org", "apply", "org.yaml"]);
    home.ok(&["rules", "apply", "rules.yaml"]);
    home
}

/// project-koku/koku PR#3383: re-summarising a month doubled its cost (322.21 → 642.95).
#[test]
fn taking_a_month_in_again_does_not_double_it() {
    let home = owned_home();
    let path = home.write("bill.csv", &bill("2026-09", &[("2026-09-10", "i-1", "a", "322.21")]));
    home.ingest(&path);
    home.ok(&["ingest", "bill.csv", "--again"]);
    home.ok(&["rules", "apply", "rules.yaml"]);
    assert_eq!(home.spend("team", &["--period", "2026-09"]), [("a".to_owned(), "322.21".to_owned())]);
    home.verified();
}

/// fizz.today: adding all 84 snapshots of one month gave 45 times the bill.
#[test]
fn eighty_four_snapshots_of_a_month_count_as_one() {
    let home = owned_home();
    let mut last = String::new();
    for snapshot in 1..=12 {
        last = format!("{snapshot}.5");
        home.ingest(&home.write(&format!("s{snapshot}.csv"), &bill("2026-09", &[("2026-09-10", "i-1", "a", &last)])));
    }
    assert_eq!(home.spend("team", &["--period", "2026-09"]), [("a".to_owned(), last)]);
    home.verified();
}

/// microsoft/finops-toolkit#966, #2048: duplicated rows after an upgrade; and legal twins must both count.
#[test]
fn equal_rows_are_two_charges_and_a_redelivery_of_them_is_none() {
    let home = owned_home();
    let line = ("2026-09-10", "i-1", "a", "1.5");
    let path = home.write("bill.csv", &bill("2026-09", &[line, line]));
    home.ingest(&path);
    // The same rows in another order, spelt otherwise, in another file.
    let respelt = bill("2026-09", &[line, line]).replace("1.5,", "1.50,");
    let again = home.ingest(&home.write("again.csv", &respelt));
    assert_eq!(again[0]["status"], "unchanged", "{again:#?}");
    assert_eq!(home.spend("team", &["--period", "2026-09"]), [("a".to_owned(), "3".to_owned())]);
}

/// project-koku/koku#849, Teevity/ice#143: parts that do not sum to the whole, sums that differ by view.
#[test]
fn every_view_has_the_same_sum() {
    let home = owned_home();
    let mut csv = bill(
        "2026-09",
        &[
            ("2026-09-10", "i-1", "a", "0.1"),
            ("2026-09-10", "i-2", "b", "0.2"),
            ("2026-09-10", "", "", "0.000000000000000000000000000003"),
        ],
    );
    row(&mut csv, "USD", "2026-09", "Tax", &("2026-09-01", "", "", "0.07"));
    row(&mut csv, "USD", "2026-09", "Credit", &("2026-09-01", "", "", "-1.5"));
    home.ingest(&home.write("bill.csv", &csv));
    let mut seen = std::collections::BTreeSet::new();
    for by in ["team", "service", "resource", "category", "day", "company", "ChargeDescription", "team,category"] {
        for basis in ["incurred", "invoiced"] {
            seen.insert(text(
                &home.json(&["spend", "--by", by, "--period", "2026-09", "--basis", basis])["totals"][0]["amount"],
            ));
        }
    }
    seen.insert(text(&home.json(&["sql", "SELECT SUM(\"EffectiveCost\") AS s FROM charges"])["rows"][0]["s"]));
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["-1.129999999999999999999999999997"]);
}

/// opencost/opencost#883, project-koku/koku#5008: money that vanishes, or a failure, when nobody used a thing.
#[test]
fn a_charge_without_resource_quantity_or_tags_keeps_its_cost() {
    let home = owned_home();
    let csv = bill("2026-09", &[("2026-09-10", "", "", "5")]).replace(",1,Hours,", ",0,,");
    home.ingest(&home.write("bill.csv", &csv));
    assert_eq!(home.spend("team", &["--period", "2026-09"]), [("residual:no-rule".to_owned(), "5".to_owned())]);
    home.verified();
}

/// opencost/opencost#3393: a fix that clamped negatives to zero broke the sum.
#[test]
fn negative_totals_stay_negative() {
    let home = owned_home();
    home.ingest(
        &home.write(
            "bill.csv",
            &bill("2026-09", &[("2026-09-10", "i-1", "a", "-7.25"), ("2026-09-10", "i-1", "a", "0")]),
        ),
    );
    assert_eq!(home.spend("team", &["--period", "2026-09"]), [("a".to_owned(), "-7.25".to_owned())]);
    home.verified();
}

/// microsoft/finops-toolkit#2093, opencost/opencost#822: sums across currencies, and symbols swapped for others.
#[test]
fn no_total_mixes_currencies() {
    let home = owned_home();
    let mut both = bill("2026-09", &[("2026-09-10", "i-1", "a", "1")]);
    both += crate::bill::bill_in("EUR", "2026-09", &[("2026-09-10", "i-1", "a", "1")]).split_once('\n').unwrap().1;
    home.ingest(&home.write("bill.csv", &both));
    assert_eq!(home.json(&["spend", "--period", "2026-09"])["totals"].as_array().unwrap().len(), 2);
}

/// project-koku/koku#5650 and others: corrections and late usage that land in the wrong month.
#[test]
fn late_usage_is_incurred_then_and_invoiced_now() {
    let home = owned_home();
    home.ingest(
        &home.write("bill.csv", &bill("2026-10", &[("2026-09-30", "i-1", "a", "1"), ("2026-10-01", "i-1", "a", "2")])),
    );
    let total = |period: &str, basis: &str| {
        text(&home.json(&["spend", "--period", period, "--basis", basis])["totals"][0]["amount"])
    };
    assert_eq!((total("2026-09", "incurred"), total("2026-10", "incurred")), ("1".into(), "2".into()));
    assert_eq!(total("2026-10", "invoiced"), "3");
}

/// FOCUS_Spec#1501 and every export that delivers whole months: rows of another month inside a delivery must neither be
/// lost nor push that month's own delivery out.
#[test]
fn a_stray_row_of_the_next_month_does_not_push_out_its_bill() {
    let home = owned_home();
    let mut september = bill("2026-09", &vec![("2026-09-10", "i-1", "a", "1"); 20]);
    row(&mut september, "USD", "2026-10", "Usage", &("2026-10-01", "i-1", "a", "0.5"));
    let october = home.write("october.csv", &bill("2026-10", &[("2026-10-02", "i-1", "a", "100")]));
    home.ingest(&october);
    home.ingest(&home.write("september.csv", &september));
    assert_eq!(
        home.spend("team", &["--period", "2026-10", "--basis", "invoiced"]),
        [("a".to_owned(), "100.5".to_owned())]
    );
    home.verified();
}
