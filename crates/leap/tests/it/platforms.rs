//! Shared platforms, from outside: each a defect that users of other products reported.

use std::collections::BTreeMap;

use leap_terms::Money;

use crate::bill::{ORG, bill, bill_in};
use crate::harness::{Home, text};

const RULES: &str = "rules:
  - {id: kafka, when: \"ResourceId LIKE 'kafka-%'\", pool: kafka}
  - {id: cluster, when: \"ResourceId LIKE 'node-%'\", pool: cluster}
  - id: team-tag
    when: \"Tags['team'] IS NOT NULL\"
    owner: {from: \"Tags['team']\"}
residual: {steward: cloud-efficiency}
";

fn home(pools: &str, drivers: &str, lines: &[(&str, &str, &str, &str)]) -> Home {
    let home = Home::new();
    home.write("org.yaml", ORG);
    home.write("rules.yaml", RULES);
    home.ok(&["org", "apply", "org.yaml"]);
    home.ok(&["rules", "apply", "rules.yaml"]);
    home.ingest(&home.write("bill.csv", &bill("2026-09", lines)));
    home.write("drivers.csv", drivers);
    home.write("pools.yaml", pools);
    home.ok(&["pool", "apply", "pools.yaml"]);
    home
}

fn spend(home: &Home, by: &str, more: &[&str]) -> BTreeMap<String, String> {
    let mut args = vec!["--period", "2026-09"];
    args.extend(more);
    home.spend(by, &args).into_iter().filter(|(_, amount)| amount != "0").collect()
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, amount)| ((*name).to_owned(), (*amount).to_owned())).collect()
}

/// The totals with pools shared and with pools kept, which must be one; and what stays at pools.
#[track_caller]
fn same_total(home: &Home) -> Money {
    let total = |pools: &str| -> Vec<(String, String)> {
        let answer = home.json(&["spend", "--by", "team", "--period", "2026-09", "--pools", pools]);
        answer["totals"].as_array().unwrap().iter().map(|row| (text(&row["currency"]), text(&row["amount"]))).collect()
    };
    assert_eq!(total("shared"), total("kept"));
    total("kept")[0].1.parse().unwrap()
}

const DAY: &str = "2026-09-10";

/// kubecost/kubecost#2359: the total changes when idle and shared resources are shared together.
#[test]
fn sharing_idle_and_platforms_together_keeps_the_total() {
    let drivers = "date,pool,team,weight,measure,capacity\n2026-09-10,cluster,a,3,cpu,10\n2026-09-10,cluster,b,1,cpu,10\n2026-09-10,cluster,pool:kafka,2,cpu,10\n2026-09-10,kafka,a,1,,\n2026-09-10,kafka,c,2,,\n";
    let lines = [(DAY, "node-1", "", "100"), (DAY, "kafka-1", "", "33.33"), (DAY, "i-1", "a", "5")];
    for (idle, expected) in [("keep", true), ("share", false)] {
        let pools = format!(
            "order: reciprocal\npools:\n  - {{name: cluster, steward: a, driver: {{measured: drivers.csv}}, idle: {idle}}}\n  - {{name: kafka, steward: b, driver: {{measured: drivers.csv}}}}\n"
        );
        let home = home(&pools, drivers, &lines);
        assert_eq!(same_total(&home).to_string(), "138.33");
        let left = spend(&home, "team", &[]);
        assert_eq!(left.contains_key("residual:pool:cluster"), expected, "{left:?}");
        assert!(!left.contains_key("residual:pool:kafka"), "{left:?}");
        assert!(left.values().all(|amount| !amount.starts_with('-')), "nothing turns negative by sharing: {left:?}");
    }
}

/// opencost/opencost#883: idle of a resource that nobody uses disappears when it is shared.
#[test]
fn idle_of_a_resource_nobody_used_stays_in_sight() {
    let pools = "pools:\n  - {name: cluster, steward: a, driver: {measured: drivers.csv}, idle: keep}\n";
    let drivers = "date,pool,team,weight,measure,capacity\n2026-09-10,cluster,a,0,cpu,8\n";
    let home = home(pools, drivers, &[(DAY, "node-1", "", "48.84"), (DAY, "i-1", "a", "0.93")]);
    assert_eq!(same_total(&home).to_string(), "49.77");
    assert_eq!(spend(&home, "team", &[]), map(&[("a", "0.93"), ("residual:pool:cluster", "48.84")]));
}

/// project-koku/koku#5008: a zero divisor in the distribution.
#[test]
fn a_zero_divisor_leaves_the_cost_with_the_pool() {
    for missing in ["month", "carry", "keep"] {
        let pools =
            format!("pools:\n  - {{name: kafka, steward: b, driver: {{measured: drivers.csv}}, missing: {missing}}}\n");
        let drivers = "date,pool,team,weight\n2026-09-10,kafka,a,0\n2026-09-10,kafka,b,0\n";
        let home = home(&pools, drivers, &[(DAY, "kafka-1", "", "10"), (DAY, "i-1", "a", "1")]);
        assert_eq!(same_total(&home).to_string(), "11");
        assert_eq!(spend(&home, "team", &[]), map(&[("a", "1"), ("residual:pool:kafka", "10")]), "{missing}");
        let listed = home.json(&["pool", "list", "--period", "2026-09"]);
        assert_eq!(listed["rows"][0]["kept"], "10");
        assert_eq!(listed["rows"][0]["steward"], "b");
    }
}

/// project-koku/koku#4200, #4255: negative platform costs.
#[test]
fn a_negative_platform_cost_mirrors_a_positive_one() {
    let pools = "pools:\n  - {name: kafka, steward: b, driver: {fixed: {a: 1, b: 1, c: 1}}}\n";
    let split = |amount: &str| {
        let home = home(pools, "", &[(DAY, "kafka-1", "", amount)]);
        same_total(&home);
        spend(&home, "team", &[])
    };
    let (plus, minus) = (split("100"), split("-100"));
    assert_eq!(plus.len(), 3);
    assert_eq!(plus["a"], "33.333333333333333334");
    assert_eq!(plus["b"], "33.333333333333333333");
    for (team, amount) in &plus {
        assert_eq!(minus[team], format!("-{amount}"), "a refund mirrors its charge");
    }
}

/// project-koku/koku#5223: the wrong currency in a distribution.
#[test]
fn each_currency_is_split_by_itself() {
    let pools = "pools:\n  - {name: kafka, steward: b, driver: {direct: {}}, window: day}\n";
    let dollars = [(DAY, "kafka-1", "", "10"), (DAY, "i-1", "a", "1"), (DAY, "i-2", "b", "3")];
    let home = home(pools, "", &dollars);
    let euros = [(DAY, "kafka-2", "", "100"), (DAY, "i-3", "c", "7"), (DAY, "i-4", "a", "1")];
    let both = bill("2026-09", &dollars) + bill_in("EUR", "2026-09", &euros).split_once('\n').unwrap().1;
    home.ingest(&home.write("both.csv", &both));
    let answer = home.json(&["spend", "--by", "team", "--period", "2026-09"]);
    let rows: BTreeMap<(String, String), String> = answer["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| ((text(&row["team"]), text(&row["currency"])), text(&row["amount"])))
        .filter(|(_, amount)| amount != "0")
        .collect();
    let expected = [(("a", "EUR"), "13.5"), (("c", "EUR"), "94.5"), (("a", "USD"), "3.5"), (("b", "USD"), "10.5")];
    let expected: BTreeMap<(String, String), String> = expected
        .iter()
        .map(|((team, currency), amount)| (((*team).to_owned(), (*currency).to_owned()), (*amount).to_owned()))
        .collect();
    assert_eq!(rows, expected);
}

/// A pool whose every consumer was dissolved: its cost goes to whoever inherited, else stays with the steward.
#[test]
fn a_pool_whose_consumers_are_gone_loses_nothing() {
    let pools = "pools:\n  - {name: kafka, steward: a, driver: {fixed: {b: 1, c: 1}}}\n";
    let home = home(pools, "", &[(DAY, "kafka-1", "", "10"), (DAY, "i-1", "a", "1")]);
    assert_eq!(spend(&home, "team", &[]), map(&[("a", "1"), ("b", "5"), ("c", "5")]));
    // b is merged into a; c ends without anybody taking its place but the company.
    let next =
        ORG.lines().filter(|line| !line.contains("id: b,") && !line.contains("id: c,")).collect::<Vec<_>>().join("\n");
    home.write("next.yaml", &next);
    home.ok(&["org", "apply", &{
        let plan = home.json(&["org", "plan", "next.yaml", "--effective", "2026-09-01", "--successor", "b=a"]);
        text(&plan["id"])
    }]);
    assert_eq!(same_total(&home).to_string(), "11");
    assert_eq!(spend(&home, "team", &[]), map(&[("a", "6"), ("acme", "5")]));
}

#[test]
fn a_split_is_explained_down_to_its_last_unit() {
    let pools = "pools:\n  - {name: kafka, steward: b, driver: {measured: drivers.csv}}\n";
    let drivers = "date,pool,team,weight\n2026-09-10,kafka,a,1\n2026-09-10,kafka,b,1\n2026-09-10,kafka,c,1\n";
    let home = home(pools, drivers, &[(DAY, "kafka-1", "", "0.01"), (DAY, "i-1", "a", "1")]);
    let answer = home.json(&["pool", "explain", "kafka", DAY]);
    let rows = answer["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 3, "{answer:#}");
    let sum: Money = rows.iter().map(|row| text(&row["effective"]).parse::<Money>().unwrap()).sum();
    assert_eq!(sum.to_string(), "0.01");
    assert_eq!((text(&rows[0]["weight"]), text(&rows[0]["of"])), ("1".to_owned(), "3".to_owned()));
    assert_eq!(rows.iter().filter(|row| !text(&row["remainder units"]).is_empty()).count(), 1);
    let team = home.json(&["explain", "a", "--period", "2026-09"]);
    assert_eq!(team["totals"][0]["amount"], spend(&home, "team", &[])["a"].as_str());
    assert_eq!(team["shared"][0]["pool"], "kafka");
    // The same money, grouped by anything.
    for by in ["team,pool", "team,service", "pool,day", "path"] {
        let answer = home.json(&["spend", "--by", by, "--period", "2026-09"]);
        assert_eq!(answer["totals"][0]["amount"], "1.01", "{by}");
    }
    let unknown = home.run(&["pool", "explain", "kafk", DAY]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("did you mean kafka?"), "{}", unknown.err);
}

#[test]
fn a_pool_that_uses_pools_is_explained_by_what_was_written_and_what_was_solved() {
    let pools = "order: reciprocal
pools:
- {name: cluster, steward: c, driver: {fixed: {a: 1, 'pool:kafka': 1}}}
- {name: kafka, steward: b, driver: {fixed: {c: 1, 'pool:cluster': 1}}}
";
    let home = home(pools, "", &[(DAY, "node-1", "", "12"), (DAY, "kafka-1", "", "30")]);
    let answer = home.json(&["pool", "explain", "cluster", DAY]);
    let rows: Vec<[String; 5]> = answer["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| ["who", "written", "weight", "of", "effective"].map(|column| text(&row[column])))
        .collect();
    assert_eq!(rows, [["a", "1", "2", "3", "8"], ["c", "", "1", "3", "4"], ["pool:kafka", "1", "", "", ""]]);
    assert!(home.ok(&["pool", "explain", "cluster", DAY]).contains("written is what this pool's driver says"));
}

#[test]
fn a_policy_is_checked_over_a_period_and_odd_weights_are_told() {
    let pools = "pools:
- {name: kafka, steward: b, driver: {measured: drivers.csv}}
- {name: cluster, steward: c, driver: {fixed: {a: 1, b: 0}}}
";
    let drivers = "date,pool,team,weight,measure,capacity
2026-09-09,kafka,a,7.5,bytes,8
2026-09-10,kafka,a,7.5,bytes,8
2026-09-10,kafka,c,1,bytes,8
2026-09-11,kafka,c,9,bytes,8
";
    let home = home(pools, drivers, &[(DAY, "node-1", "", "12"), (DAY, "kafka-1", "", "30")]);
    home.ingest(&home.write("october.csv", &bill("2026-10", &[("2026-10-01", "node-1", "", "5")])));
    let checked = |period: &str| home.json(&["pool", "check", "pools.yaml", "--period", period])["rows"].clone();
    assert_eq!(text(&checked("2026-09")[0]["collected"]), "30");
    assert_eq!(text(&checked("2026-10")[0]["collected"]), "5");
    let said = home.run(&["pool", "check", "pools.yaml"]).err;
    for words in [
        "'drivers.csv' has a use of measure 'bytes' of 8.5 on 2026-09-10, above the capacity of 8, and so on 1 more day",
        "pools.yaml:3:57: the weight of 'b' is 0",
        "it pays nothing: leave it out",
    ] {
        assert!(said.contains(words), "no '{words}' in\n{said}");
    }
}

/// An org without a unit that a pool names would leave every report unreadable.
#[test]
fn an_org_in_which_a_pool_names_nobody_is_refused() {
    let pools = "pools:\n  - {name: kafka, steward: a, driver: {fixed: {a: 1, d: 1}}}\n  - {name: cluster, steward: a, driver: {fixed: {a: 1}}}\n";
    let home = Home::new();
    home.write("org.yaml", ORG);
    home.write("rules.yaml", RULES);
    home.ok(&["org", "apply", "org.yaml"]);
    home.ok(&["rules", "apply", "rules.yaml"]);
    home.ingest(&home.write("bill.csv", &bill("2026-09", &[(DAY, "kafka-1", "", "10")])));
    home.write("more.yaml", &format!("{ORG}  - {{id: d, name: D, kind: team, parent: acme}}\n"));
    home.ok(&["org", "apply", "more.yaml", "--effective", "2026-09-01"]);
    home.write("pools.yaml", pools);
    home.ok(&["pool", "apply", "pools.yaml"]);
    assert_eq!(spend(&home, "team", &[]), map(&[("a", "5"), ("d", "5")]));
    let before = home.digest();
    let refused = home.run(&["org", "revert", "1"]);
    assert_ne!(refused.code, 0, "{}", refused.out);
    for words in ["the pools in force do not fit this org; nothing was changed", "unknown team 'd'", "leap pool apply"]
    {
        assert!(refused.err.contains(words), "{words}: {}", refused.err);
    }
    assert_eq!(home.digest(), before);
    home.write("pools.yaml", &pools.replace(", d: 1", ""));
    home.ok(&["pool", "apply", "pools.yaml"]);
    home.ok(&["org", "revert", "1"]);
    assert_eq!(spend(&home, "team", &[]), map(&[("a", "10")]));
}
