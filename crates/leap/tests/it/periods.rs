//! Closed periods: statements that stay, differences with their causes, restatements with an approval.

use std::collections::BTreeMap;

use leap_terms::Money;
use serde_json::Value;

use crate::bill::bill;
use crate::harness::{Home, Ran, ran, text};

mod provider;
mod taken_from;

/// Team a is in division x, b in y.
const ORG: &str = "units:
  - {id: acme, name: Acme, kind: company}
  - {id: x, name: X, kind: division, parent: acme}
  - {id: y, name: Y, kind: division, parent: acme}
  - {id: a, name: A, kind: team, parent: x}
  - {id: b, name: B, kind: team, parent: y}
";

const RULES: &str = "rules:
  - id: kafka
    when: \"Tags['team'] = 'kafka'\"
    pool: kafka
  - id: team-tag
    when: \"Tags['team'] IS NOT NULL\"
    owner: {from: \"Tags['team']\"}
residual: {steward: cloud-efficiency}
";

const POOLS: &str = "pools:\n- {name: kafka, steward: acme, driver: {fixed: {a: 60, b: 40}}}\n";

const AUGUST: [(&str, &str, &str, &str); 4] = [
    ("2026-08-10", "i-1", "a", "10"),
    ("2026-08-11", "i-2", "b", "5"),
    ("2026-08-12", "i-3", "kafka", "7"),
    ("2026-08-13", "i-9", "", "1"),
];

/// A home with August's bill, a pool and a rate.
fn home() -> Home {
    let home = Home::new();
    home.write("org.yaml", ORG);
    home.write("rules.yaml", RULES);
    home.write("pools.yaml", POOLS);
    home.write("rates.csv", "month,from,to,rate\n2026-08,USD,EUR,0.9\n");
    home.ok(&["org", "apply", "org.yaml"]);
    home.ok(&["rules", "apply", "rules.yaml"]);
    home.ok(&["pool", "apply", "pools.yaml"]);
    home.ok(&["rates", "apply", "rates.csv"]);
    home.ingest(&home.write("august.csv", &bill("2026-08", &AUGUST)));
    home
}

fn run_as(home: &Home, user: &str, args: &[&str]) -> Ran {
    ran(home.command(args).env("USER", user).output().expect("leap starts"))
}

/// The digest of what differs, as an approver sees it.
fn seen(home: &Home, period: &str) -> String {
    text(&home.json(&["period", "diff", period])["difference_digest"])
}

fn money(value: &Value) -> Money {
    text(value).parse().unwrap_or_else(|_| panic!("no amount: {value}"))
}

/// Effective cost per cause.
fn causes(diff: &Value) -> BTreeMap<String, String> {
    let rows = diff["causes"].as_array().expect("causes");
    rows.iter().map(|row| (text(&row["cause"]), text(&row["effective"]))).collect()
}

/// Lines of one cause: path, pool, effective cost.
fn lines(diff: &Value, cause: &str) -> Vec<(String, String, String)> {
    let rows = diff["lines"].as_array().expect("lines").iter().filter(|row| row["cause"] == cause);
    rows.map(|row| (text(&row["path"]), text(&row["pool"]), text(&row["effective"]))).collect()
}

/// The causes and the lines add up to the difference, which is that of the totals, in all four costs.
#[track_caller]
fn adds_up(diff: &Value) {
    for kind in ["billed", "effective", "list", "contracted"] {
        let sum = |rows: &Value| -> Money { rows.as_array().expect("rows").iter().map(|row| money(&row[kind])).sum() };
        let difference = sum(&diff["difference"]);
        assert_eq!(sum(&diff["causes"]), difference, "{kind}: {diff:#}");
        assert_eq!(sum(&diff["lines"]), difference, "{kind}");
        assert_eq!(sum(&diff["owners"]), difference, "{kind}");
        assert_eq!(sum(&diff["now"]) - sum(&diff["statement"]), difference, "{kind}");
    }
}

fn list(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
}

fn triples(list: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    list.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect()
}

const AUGUST_INVOICED: [&str; 4] = ["--period", "2026-08", "--basis", "invoiced"];

#[test]
fn each_change_is_its_cause_and_all_at_once_add_up() {
    let home = home();
    let closed = home.json(&["period", "close", "2026-08"]);
    assert_eq!((text(&closed["version"]), text(&closed["totals"][0]["effective"])), ("1".into(), "23".into()));
    let statement = home.ok(&["period", "show", "2026-08"]);
    let published = home.spend("team", &AUGUST_INVOICED);
    let diff = || home.json(&["period", "diff", "2026-08"]);
    assert_eq!(diff()["lines"], Value::from(Vec::<Value>::new()));

    // The provider corrects and restates.
    let mut restated = AUGUST;
    restated[1].3 = "6";
    let correction = bill("2026-08", &[("2026-08-13", "i-1", "a", "-2")]).replace("Usage,,", "Usage,Correction,");
    let rows = bill("2026-08", &restated) + correction.lines().nth(1).expect("a row") + "\n";
    home.ingest(&home.write("restated.csv", &rows));
    let now = diff();
    adds_up(&now);
    assert_eq!(causes(&now), list(&[("bill correction", "-2"), ("provider restatement", "1")]));
    assert_eq!(lines(&now, "bill correction"), triples(&[("acme/x/a", "", "-2")]));

    // A rule is dated back.
    let better = RULES.replace("residual:", "  - {id: nine, when: \"ResourceId = 'i-9'\", owner: b}\nresidual:");
    home.write("better.yaml", &better);
    home.ok(&["rules", "apply", "better.yaml", "--effective", "2026-08-01"]);
    let now = diff();
    adds_up(&now);
    assert_eq!(causes(&now)["rule correction"], "0");
    assert_eq!(lines(&now, "rule correction"), triples(&[("acme/y/b", "", "1"), ("residual:no-rule", "", "-1")]));

    // A reorg is dated back: a moves to y, with what it has of the pool.
    home.write("moved.yaml", &ORG.replace("kind: team, parent: x", "kind: team, parent: y"));
    home.ok(&["org", "apply", "moved.yaml", "--effective", "2026-08-01"]);
    let now = diff();
    adds_up(&now);
    assert_eq!(causes(&now)["recast by reorg"], "0");
    assert_eq!(
        lines(&now, "recast by reorg"),
        triples(&[
            ("acme/x/a", "", "-8"),
            ("acme/x/a", "kafka", "-4.2"),
            ("acme/y/a", "", "8"),
            ("acme/y/a", "kafka", "4.2")
        ])
    );

    // The pool is shared otherwise.
    home.write("pools.yaml", &POOLS.replace("{a: 60, b: 40}", "{a: 1, b: 1}"));
    home.ok(&["pool", "apply", "pools.yaml"]);
    let now = diff();
    adds_up(&now);
    assert_eq!(
        causes(&now),
        list(&[
            ("bill correction", "-2"),
            ("provider restatement", "1"),
            ("rule correction", "0"),
            ("recast by reorg", "0"),
            ("pool driver", "0")
        ])
    );
    assert_eq!(lines(&now, "pool driver"), triples(&[("acme/y/a", "kafka", "-0.7"), ("acme/y/b", "kafka", "0.7")]));

    // The month gets another rate.
    home.write("rates.csv", "month,from,to,rate\n2026-08,USD,EUR,0.8\n");
    let applied = home.run(&["rates", "apply", "rates.csv"]);
    assert_eq!(applied.code, 0, "{}", applied.err);
    let warning = "warning: 2026-08 is closed: its statement keeps the rates it has";
    assert!(applied.err.contains(warning) && applied.err.contains("leap period diff 2026-08"), "{}", applied.err);
    let euros = home.json(&["period", "diff", "2026-08", "--currency", "EUR"]);
    let converted = &euros["converted"];
    assert_eq!(text(&converted["statement"]["effective"]), "20.7", "{converted:#}");
    assert_eq!(text(&converted["now"]["effective"]), "17.6");
    let found = causes(converted);
    assert_eq!(
        (found["bill correction"].as_str(), found["provider restatement"].as_str(), found["currency rate"].as_str()),
        ("-1.8", "0.9", "-2.2")
    );
    let sum: Money = converted["causes"].as_array().unwrap().iter().map(|row| money(&row["effective"])).sum();
    assert_eq!(sum, money(&converted["difference"]["effective"]));
    let none = home.run(&["period", "diff", "2026-08", "--currency", "GBP"]);
    assert_eq!(none.code, 2, "{}", none.err);
    assert!(none.err.contains("no rate from USD to GBP for 2026-08"), "{}", none.err);

    // What the statement says stays, and is what reports show.
    assert_eq!(home.ok(&["period", "show", "2026-08"]), statement);
    assert_eq!(home.spend("team", &AUGUST_INVOICED), published);
    let told = home.ok(&["period", "diff", "2026-08"]);
    assert!(told.contains("statement 23, now 22, difference -1 = sum of the causes"), "{told}");
}

#[test]
fn a_restatement_needs_a_difference_and_a_second_person() {
    let home = home();
    let restate = |user: &str, by: &str| {
        let args = ["period", "restate", "2026-08", "--approved-by", by, "--reason", "the provider restated August"];
        run_as(&home, user, &args)
    };
    let open = restate("ana", "carl");
    assert!(open.code == 1 && open.err.contains("never closed"), "{}", open.err);
    assert_eq!(run_as(&home, "ana", &["period", "close", "2026-08"]).code, 0);
    let same = restate("ana", "carl");
    assert!(same.code == 1 && same.err.contains("nothing differs"), "{}", same.err);

    let first = home.ok(&["period", "show", "2026-08"]);
    home.ingest(&home.write("restated.csv", &bill("2026-08", &[("2026-08-10", "i-1", "a", "8")])));
    let alone = restate("ana", "Ana ");
    assert!(alone.code == 5 && alone.err.contains("approval of somebody other than ana"), "{}", alone.err);
    let nobody = run_as(&home, "ana", &["period", "restate", "2026-08", "--reason", "the provider restated August"]);
    assert!(nobody.code == 5 && nobody.err.contains("approval of somebody other than ana"), "{}", nobody.err);
    for empty in ["", "  "] {
        let blank = restate("ana", empty);
        assert!(blank.code == 5 && blank.err.contains("--approved-by is empty"), "{}", blank.err);
        assert!(blank.err.contains("who approved it, who is not ana"), "{}", blank.err);
    }
    let unseen = restate("ana", "carl");
    assert!(unseen.code == 2 && unseen.err.contains("which difference was approved?"), "{}", unseen.err);
    let spend = home.run(&[&["spend"][..], &AUGUST_INVOICED].concat());
    let warning = "2026-08 is closed; what has been learned since is not shown: leap period diff 2026-08\n";
    assert_eq!(spend.err, warning);
    assert_eq!(home.run(&["explain", "a", "--period", "2026-08"]).err, warning);
    assert_eq!(home.spend("team", &[&AUGUST_INVOICED[..], &["--pending"]].concat()), [("a".into(), "8".into())]);
    assert_ne!(home.spend("team", &AUGUST_INVOICED), [("a".into(), "8".into())]);

    // What carl saw is what is published, or nothing is.
    let restate = |expect: &str| {
        let args =
            ["period", "restate", "2026-08", "--approved-by", "carl", "--reason", "restated", "--expect", expect];
        run_as(&home, "ana", &args)
    };
    let approved = seen(&home, "2026-08");
    assert!(home.ok(&["period", "diff", "2026-08"]).contains(&format!("--expect {}", &approved[..16])));
    home.ingest(&home.write("more.csv", &bill("2026-08", &[("2026-08-10", "i-1", "a", "9")])));
    for digest in [approved.as_str(), &approved[..16], "", "4bf0"] {
        let changed = restate(digest);
        assert!(changed.code == 75 && changed.err.contains("is not the one that was approved"), "{}", changed.err);
    }
    let eight = [("2026-08-10", "i-1", "a", "7"), ("2026-08-11", "i-1", "a", "1")];
    home.ingest(&home.write("restated.csv", &bill("2026-08", &eight)));
    // A bill of another month leaves the difference of August as it was.
    home.ingest(&home.write("later.csv", &bill("2026-10", &[("2026-10-10", "i-1", "a", "8")])));
    let done = restate(&seen(&home, "2026-08")[..16]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(home.spend("team", &AUGUST_INVOICED), [("a".into(), "8".into())]);
    assert_eq!(home.run(&[&["spend"][..], &AUGUST_INVOICED].concat()).err, "");
    assert_eq!(home.ok(&["period", "show", "2026-08", "--version", "1"]), first);
    let rows = home.json(&["period", "list"])["rows"].clone();
    assert_eq!((text(&rows[0]["state"]), text(&rows[1]["state"])), ("replaced".into(), "binding".into()));
    assert_eq!((text(&rows[1]["by"]), text(&rows[1]["approved_by"])), ("ana".into(), "carl".into()));
    assert_eq!(home.json(&["period", "diff", "2026-08"])["version"], 2);
    assert!(home.ok(&["audit", "verify"]).contains("events"));
    home.verified();
}

#[test]
fn a_period_is_closed_once_and_reopened_with_a_reason() {
    let home = home();
    let none = home.run(&["period", "close", "2026-07"]);
    assert!(none.code == 1 && none.err.contains("2026-07 has no charges"), "{}", none.err);
    assert_eq!(run_as(&home, "ana", &["period", "close", "2026-08"]).code, 0);
    let again = home.run(&["period", "close", "2026-08"]);
    assert!(again.code == 1 && again.err.contains("statement 1 of ") && again.err.contains("by ana"), "{}", again.err);

    let reopened = run_as(&home, "bea", &["period", "reopen", "2026-08", "--reason", "a credit is to come"]);
    assert_eq!(reopened.code, 0, "{}", reopened.err);
    home.ingest(&home.write("restated.csv", &bill("2026-08", &[("2026-08-10", "i-1", "a", "8")])));
    assert_eq!(home.spend("team", &AUGUST_INVOICED), [("a".into(), "8".into())], "an open period shows what is known");
    let closed = home.run(&["period", "close", "2026-08"]);
    assert!(closed.code == 1 && closed.err.contains("reopened by bea"), "{}", closed.err);
    let listed = text(&home.json(&["period", "list"])["rows"][0]["state"]);
    assert!(listed.contains("bea") && listed.contains("a credit is to come"), "{listed}");
    let digest = seen(&home, "2026-08");
    let restated =
        ["period", "restate", "2026-08", "--approved-by", "carl", "--reason", "the credit came", "--expect", &digest];
    assert_eq!(run_as(&home, "ana", &restated).code, 0);
}

#[test]
fn of_two_who_close_one_wins() {
    let home = home();
    let closing: Vec<_> = ["ana", "bea", "carl"]
        .iter()
        .map(|user| {
            let mut command = home.command(&["period", "close", "2026-08"]);
            command.env("USER", user).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            command.spawn().expect("leap starts")
        })
        .collect();
    let ends: Vec<Ran> = closing.into_iter().map(|child| ran(child.wait_with_output().expect("it ends"))).collect();
    assert_eq!(ends.iter().filter(|end| end.code == 0).count(), 1);
    for end in ends.iter().filter(|end| end.code != 0) {
        assert!(end.err.contains("closed") || end.code == 75, "{}", end.err);
    }
    assert_eq!(home.json(&["period", "list"])["rows"].as_array().expect("rows").len(), 1);
}

#[test]
fn rules_that_name_units_of_a_new_org_are_exchanged_after_it() {
    let home = home();
    home.ok(&["period", "close", "2026-08"]);
    home.write("grown.yaml", &format!("{ORG}  - {{id: d, name: D, kind: team, parent: y}}\n"));
    home.ok(&["org", "apply", "grown.yaml", "--effective", "2026-08-01"]);
    let better = RULES.replace("residual:", "  - {id: nine, when: \"ResourceId = 'i-9'\", owner: d}\nresidual:");
    home.write("better.yaml", &better);
    home.ok(&["rules", "apply", "better.yaml"]);
    let diff = home.json(&["period", "diff", "2026-08"]);
    adds_up(&diff);
    assert_eq!(causes(&diff), list(&[("rule correction", "0")]));
    assert_eq!(lines(&diff, "rule correction"), triples(&[("acme/y/d", "", "1"), ("residual:no-rule", "", "-1")]));
    assert_eq!(diff["notes"].as_array().expect("notes").len(), 1, "{diff:#}");
}

/// A bill whose rows also say an owner in a column of the company's own.
fn bill_with_owners(lines: &[(&str, &str, &str, &str)], owner: &str) -> String {
    let mut rows = bill("2026-08", lines).lines().map(|line| format!("{line},{owner}\n")).collect::<String>();
    rows.replace_range(..rows.find('\n').expect("a header"), &(bill("2026-08", &[]).trim_end().to_owned() + ",x_Own"));
    rows
}

#[test]
fn bills_of_today_are_read_by_the_rules_of_then() {
    let home = Home::new();
    home.write("org.yaml", ORG);
    home.write("own.yaml", "rules:\n  - {id: own, when: \"x_Own IS NOT NULL\", owner: {from: x_Own}}\n");
    home.ok(&["org", "apply", "org.yaml"]);
    home.ok(&["rules", "apply", "own.yaml"]);
    home.ingest(&home.write("august.csv", &bill_with_owners(&AUGUST[..2], "a")));
    home.ok(&["period", "close", "2026-08"]);
    // These rules ask for no such column, so the next bill is not keyed by it.
    home.write("rules.yaml", RULES);
    home.ok(&["rules", "apply", "rules.yaml"]);
    let corrected = bill_with_owners(&[AUGUST[0], AUGUST[1], ("2026-08-14", "i-1", "a", "-3")], "b");
    let corrected = corrected.replace("Usage,,a charge,2026-08-14", "Usage,Correction,a charge,2026-08-14");
    home.ingest(&home.write("restated.csv", &corrected));
    let diff = home.json(&["period", "diff", "2026-08"]);
    adds_up(&diff);
    let corrections = lines(&diff, "bill correction");
    assert_eq!(corrections.iter().map(|line| line.0.as_str()).collect::<Vec<_>>(), ["acme/y/b"], "{diff:#}");
    assert_eq!(
        causes(&diff),
        list(&[("bill correction", "-3"), ("provider restatement", "0"), ("rule correction", "0")])
    );
}

#[test]
fn a_bill_of_another_month_that_weighs_is_a_cause() {
    let home = home();
    home.write("pools.yaml", "pools:\n- {name: kafka, driver: {direct: {cost: effective}}}\n");
    home.ok(&["pool", "apply", "pools.yaml"]);
    home.ok(&["period", "close", "2026-08"]);
    // September's bill brings a late charge of August, which changes who had how much of that month.
    home.ingest(&home.write("september.csv", &bill("2026-09", &[("2026-08-20", "i-1", "b", "5")])));
    let diff = home.json(&["period", "diff", "2026-08"]);
    adds_up(&diff);
    assert_eq!(causes(&diff), list(&[("pool driver", "0")]));
    let moved = lines(&diff, "pool driver");
    assert_eq!(moved.iter().map(|line| line.1.as_str()).collect::<Vec<_>>(), ["kafka", "kafka"], "{diff:#}");
    assert!(home.run(&["spend", "--period", "2026-08"]).err.contains("leap period diff 2026-08"));
}

#[test]
fn what_changes_elsewhere_is_no_difference() {
    let home = home();
    home.ok(&["period", "close", "2026-08"]);
    home.ingest(&home.write("september.csv", &bill("2026-09", &[("2026-09-10", "i-1", "a", "3")])));
    home.write("moved.yaml", &ORG.replace("kind: team, parent: x", "kind: team, parent: y"));
    home.ok(&["org", "apply", "moved.yaml", "--effective", "2026-09-01"]);
    home.write("later.yaml", "rules: []\n");
    home.ok(&["rules", "apply", "later.yaml", "--effective", "2026-09-01"]);
    assert_eq!(home.json(&["period", "diff", "2026-08"])["lines"], Value::from(Vec::<Value>::new()));
    assert_eq!(home.run(&["spend", "--period", "2026-08"]).err, "");
}

#[test]
fn rates_say_what_they_add_change_and_remove() {
    let home = Home::new();
    let apply = |table: &str, more: &[&str]| {
        home.write("rates.csv", &format!("month,from,to,rate\n{table}"));
        home.run(&[&["rates", "apply", "rates.csv", "--format", "json"][..], more].concat())
    };
    let changes = |ran: Ran| -> Vec<[String; 4]> {
        assert_eq!(ran.code, 0, "{}", ran.err);
        let answer: Value = serde_json::from_str(&ran.out).unwrap();
        let rows = answer["changes"].as_array().unwrap().iter();
        rows.map(|row| ["what", "month", "before", "after"].map(|name| text(&row[name]))).collect()
    };
    let row = |row: [&str; 4]| row.map(str::to_owned);
    let first = apply("2026-07,USD,EUR,0.9\n2026-08,USD,EUR,0.9\n", &[]);
    assert_eq!(changes(first), [row(["added", "2026-07", "", "0.9"]), row(["added", "2026-08", "", "0.9"])]);

    let digest = home.digest();
    let shorter = apply("2026-08,USD,EUR,0.8\n2026-09,USD,EUR,0.7\n", &[]);
    assert!(shorter.code == 2 && shorter.err.contains("lacks 1 of the rates in force, such as USD to EUR of 2026-07"));
    assert!(shorter.err.contains("--replace"), "{}", shorter.err);
    for code in ["EURO", "eur", "E1R", "€"] {
        let odd = apply(&format!("2026-07,USD,EUR,0.9\n2026-08,USD,EUR,0.9\n2026-09,USD,{code},0.7\n"), &[]);
        assert!(odd.code == 2 && odd.err.contains("three capital letters"), "{code}: {}", odd.err);
    }
    assert_eq!(home.digest(), digest, "a refusal changes nothing");

    let replaced = apply("2026-08,USD,EUR,0.8\n2026-09,USD,EUR,0.7\n", &["--replace"]);
    assert_eq!(
        changes(replaced),
        [
            row(["removed", "2026-07", "0.9", ""]),
            row(["changed", "2026-08", "0.9", "0.8"]),
            row(["added", "2026-09", "", "0.7"])
        ]
    );
    assert_eq!(home.json(&["rates", "show"])["rows"].as_array().unwrap().len(), 2);
}

/// A charge of August on the bill of September converts at September's rate, however the period is read, and at the frozen one
/// once September is closed.
#[test]
fn a_charge_converts_at_the_rate_of_its_billing_period() {
    let home = Home::new();
    home.write("org.yaml", ORG);
    home.ok(&["org", "apply", "org.yaml"]);
    home.ingest(
        &home
            .write("bill.csv", &bill("2026-09", &[("2026-08-31", "i-9", "", "1000"), ("2026-09-02", "i-1", "", "10")])),
    );
    home.write("rates.csv", "month,from,to,rate\n2026-08,USD,EUR,0.5\n2026-09,USD,EUR,0.9\n");
    home.ok(&["rates", "apply", "rates.csv"]);
    let total = |basis: &str| {
        let args = ["spend", "--by", "team", "--period", "2026-08..2026-09", "--currency", "EUR", "--basis", basis];
        text(&home.json(&args)["totals"][0]["amount"])
    };
    assert_eq!([total("incurred"), total("invoiced")], ["909", "909"]);
    home.ok(&["period", "close", "2026-09"]);
    home.write("rates.csv", "month,from,to,rate\n2026-08,USD,EUR,0.1\n2026-09,USD,EUR,0.2\n");
    home.ok(&["rates", "apply", "rates.csv"]);
    assert_eq!([total("incurred"), total("invoiced")], ["909", "909"], "the rates of the statement");
}
