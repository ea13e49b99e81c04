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
    for snapshot in 1..=84 {
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
/// lost nor push that month's own delivery out, and nothing of it is a guess.
#[test]
fn a_stray_row_of_the_next_month_does_not_push_out_its_bill() {
    let home = owned_home();
    let mut september = bill("2026-09", &[("2026-09-10", "i-1", "a", "1"); 20]);
    row(&mut september, "USD", "2026-10", "Usage", &("2026-10-01", "i-1", "a", "0.5"));
    home.ingest(&home.write("october.csv", &bill("2026-10", &[("2026-10-02", "i-1", "a", "100")])));
    home.write("september.csv", &september);
    let (code, answer) = home.json_any(&["ingest", "september.csv"]);
    assert_eq!(code, 4, "{answer:#}");
    assert!(text(&answer["deliveries"][0]["reason"]).contains("--period 2026-09"), "{answer:#}");
    home.ok(&["ingest", "september.csv", "--period", "2026-09"]);
    let october = |home: &Home| home.spend("team", &["--period", "2026-10", "--basis", "invoiced"])[0].1.clone();
    assert_eq!(october(&home), "100.5");
    home.verified();
    // The next delivery of September takes its stray away with it; October's own stays.
    let next = bill("2026-09", &[("2026-09-10", "i-1", "a", "2")]);
    home.ingest(&home.write("september-2.csv", &next));
    assert_eq!(october(&home), "100");
    home.verified();
}

/// A bill of two whole months, redelivered with one of them changed, and then one month alone.
#[test]
fn a_bill_of_several_months_is_replaced_month_by_month() {
    let home = owned_home();
    let two = |september: &str, october: &str| {
        let mut csv = bill("2026-09", &[("2026-09-10", "i-1", "a", september)]);
        row(&mut csv, "USD", "2026-10", "Usage", &("2026-10-01", "i-1", "a", october));
        csv
    };
    home.ingest(&home.write("one.csv", &two("1", "10")));
    home.ingest(&home.write("two.csv", &two("2", "20")));
    home.ingest(&home.write("three.csv", &bill("2026-09", &[("2026-09-10", "i-1", "a", "4")])));
    let month = |period: &str| home.spend("team", &["--period", period, "--basis", "invoiced"])[0].1.clone();
    assert_eq!((month("2026-09").as_str(), month("2026-10").as_str()), ("4", "20"));
    home.verified();
}

/// A delivery of one account must not wipe the other accounts of its source.
#[test]
fn a_bill_of_fewer_accounts_does_not_wipe_the_others() {
    let home = owned_home();
    let mut both = bill("2026-09", &[("2026-09-10", "i-1", "a", "100")]);
    both += bill("2026-09", &[("2026-09-10", "i-2", "a", "200")]).replace(",acc,", ",bcc,").split_once('\n').unwrap().1;
    home.ingest(&home.write("both.csv", &both));
    home.write("one.csv", &bill("2026-09", &[("2026-09-10", "i-2", "a", "7")]).replace(",acc,", ",bcc,"));
    let (code, answer) = home.json_any(&["ingest", "one.csv"]);
    assert_eq!(code, 4, "{answer:#}");
    assert!(text(&answer["deliveries"][0]["reason"]).contains("lose billing account acc"), "{answer:#}");
    assert_eq!(home.spend("team", &["--period", "2026-09"])[0].1, "300");
}

/// A provider that goes back to an earlier content at the same place means it.
#[test]
fn a_file_that_goes_back_to_an_earlier_content_counts_again() {
    let home = owned_home();
    for amount in ["3", "4", "3"] {
        home.ingest(&home.write("bill.csv", &bill("2026-09", &[("2026-09-10", "i-1", "a", amount)])));
        assert_eq!(home.spend("team", &["--period", "2026-09"])[0].1, amount);
    }
    home.verified();
}

/// One answer for a tag, whichever way a report takes: `AllocatedTags` before `Tags`.
#[test]
fn a_split_charge_has_one_tag_in_every_view() {
    let home = owned_home();
    let csv = bill("2026-09", &[("2026-09-10", "i-1", "a", "5"), ("2026-09-10", "i-2", "a", "3")]);
    let mut lines = csv.lines();
    let mut split = format!("{},AllocatedTags\n", lines.next().unwrap());
    for (line, tags) in lines.zip(["\"{\"\"team\"\": \"\"b\"\"}\"", ""]) {
        split += &format!("{line},{tags}\n");
    }
    home.ingest(&home.write("bill.csv", &split));
    let tags = |more: &str| {
        let by = format!("Tags['team']{more}");
        let answer = home.json(&["spend", "--by", &by, "--period", "2026-09"]);
        let mut rows: Vec<_> = answer["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (text(&row["Tags['team']"]), text(&row["amount"])))
            .collect();
        rows.sort();
        rows
    };
    assert_eq!(tags(""), [("a".to_owned(), "3".to_owned()), ("b".to_owned(), "5".to_owned())]);
    assert_eq!(tags(""), tags(",ChargeDescription"));
    for by in ["service", "ChargeDescription"] {
        let answer = home.json(&["spend", "--by", by, "--period", "2026-09", "--where", "Tags['team'] = 'b'"]);
        assert_eq!(text(&answer["totals"][0]["amount"]), "5", "{by}");
    }
    assert_eq!(
        home.spend("team", &["--period", "2026-09"]),
        [("a".to_owned(), "3".to_owned()), ("b".to_owned(), "5".to_owned())]
    );
    home.verified();
}

/// Rules that name a column late: months keyed before and after give the same answers.
#[test]
fn a_column_named_by_later_rules_is_read_in_every_month() {
    let home = owned_home();
    let with = |csv: String, value: &str| {
        let mut lines = csv.lines();
        let mut out = format!("{},x_Cost_Center\n", lines.next().unwrap());
        lines.for_each(|line| out += &format!("{line},{value}\n"));
        out
    };
    home.ingest(&home.write("august.csv", &with(bill("2026-08", &[("2026-08-10", "i-1", "", "8")]), "cc1")));
    home.write(
        "later.yaml",
        "rules:\n  - {id: cc, when: \"x_Cost_Center = 'cc1'\", owner: b}\nresidual: {steward: x}\n",
    );
    home.ok(&["rules", "apply", "later.yaml"]);
    home.ingest(&home.write("september.csv", &with(bill("2026-09", &[("2026-09-10", "i-1", "", "4")]), "cc1")));
    assert_eq!(home.spend("team", &["--period", "2026"]), [("b".to_owned(), "12".to_owned())]);
    assert_eq!(home.spend("x_Cost_Center", &["--period", "2026"]), [("cc1".to_owned(), "12".to_owned())]);
    home.ok(&["rules", "apply", "rules.yaml"]);
    home.ingest(&home.write("october.csv", &with(bill("2026-10", &[("2026-10-10", "i-1", "", "2")]), "cc1")));
    assert_eq!(home.spend("x_Cost_Center", &["--period", "2026"]), [("cc1".to_owned(), "14".to_owned())]);
    let filtered = home.json(&["spend", "--period", "2026", "--where", "x_Cost_Center = 'cc1'"]);
    assert_eq!(text(&filtered["totals"][0]["amount"]), "14");
    home.verified();
}
