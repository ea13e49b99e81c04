//! What the independent auditor sees: reorgs, dated rules, claims, pools, readings and statements; and what it must not miss.

use leap_terms::Money;
use serde_json::Value;

use crate::bill::{RULES, bill};
use crate::harness::{Home, text};

const ORG: &str = "units:
  - {id: acme, name: Acme, kind: company}
  - {id: east, name: East, kind: division, parent: acme}
  - {id: west, name: West, kind: division, parent: acme}
  - {id: a, name: Team A, kind: team, parent: east, aliases: [alpha], head_count: 4}
  - {id: b, name: Team B, kind: team, parent: east, head_count: 6}
  - {id: c, name: Team C, kind: team, parent: west}
";

/// Team A is no more; Team B has moved.
const NEXT: &str = "units:
  - {id: acme, name: Acme, kind: company}
  - {id: east, name: East, kind: division, parent: acme}
  - {id: west, name: West, kind: division, parent: acme}
  - {id: b, name: Team B, kind: team, parent: west, head_count: 6}
  - {id: c, name: Team C, kind: team, parent: west}
";

const POOLED: &str = "rules:
  - {id: kafka, when: \"ResourceId LIKE 'kafka-%'\", pool: kafka}
  - {id: nodes, when: \"ResourceId LIKE 'node-%'\", pool: cluster}
  - {id: support, when: \"ResourceId = 'support'\", pool: support}
  - id: team-tag
    when: \"Tags['team'] IS NOT NULL\"
    owner: {from: \"Tags['team']\"}
residual: {steward: cloud-efficiency}
";

const POOLS: &str = "order: reciprocal
pools:
- {name: kafka, steward: b, driver: {measured: use.csv}, idle: keep}
- {name: cluster, steward: c, driver: {fixed: {a: 1, b: 2, 'pool:kafka': 1}}}
- {name: support, steward: c, driver: {direct: {cost: effective}}}
";

const USE: &str = "date,pool,team,weight,measure,capacity
2026-08-10,kafka,alpha,3,cpu,10
2026-08-10,kafka,c,1,cpu,10
2026-08-10,kafka,pool:cluster,1,cpu,10
2026-09-10,kafka,a,3,cpu,10
2026-09-10,kafka,nobody,1,cpu,10
";

/// A company whose org changes on 2026-09-01, whose rules name pools only from 2026-08-01 on, and whose pools use each other.
fn home() -> Home {
    let home = Home::new();
    home.write("org.yaml", ORG);
    home.write("rules.yaml", RULES);
    home.write("pooled.yaml", POOLED);
    home.write("pools.yaml", POOLS);
    home.write("use.csv", USE);
    home.ok(&["org", "apply", "org.yaml"]);
    home.ok(&["rules", "apply", "rules.yaml"]);
    home.ok(&["rules", "apply", "pooled.yaml", "--effective", "2026-08-01"]);
    for month in ["2026-07", "2026-08", "2026-09"] {
        let (early, late) = (format!("{month}-10"), format!("{month}-20"));
        let lines = [
            (early.as_str(), "i-1", "a", "1"),
            (early.as_str(), "i-2", "b", "10.000000000000000001"),
            (late.as_str(), "i-3", "c", "100"),
            (late.as_str(), "i-4", "zeta", "3"),
            (early.as_str(), "kafka-1", "", "33.34"),
            (late.as_str(), "kafka-1", "", "-7"),
            (early.as_str(), "node-1", "b", "10"),
            // On the last day of another month: each billing period shares its own.
            ("2026-08-31", "support", "", "1"),
        ];
        home.ingest(&home.write(&format!("{month}.csv"), &bill(month, &lines)));
    }
    home.ok(&["pool", "apply", "pools.yaml"]);
    home.write("next.yaml", NEXT);
    home.ok(&["org", "plan", "next.yaml", "--effective", "2026-09-01", "--successor", "a=b", "--output", "plan.json"]);
    home.ok(&["org", "apply", "plan.json"]);
    home
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

fn verified(home: &Home) -> Value {
    let answer = home.json(&["verify", "--raw"]);
    assert_eq!(answer["ok"], true, "{answer:#}");
    for kind in ["pools", "readings"] {
        assert_eq!(answer[kind]["not_compared"], Value::Null, "{kind}: {answer:#}");
        assert!(answer[kind]["differences"].as_array().unwrap().is_empty(), "{answer:#}");
    }
    answer
}

#[test]
fn reorgs_dated_rules_and_pools_are_found_again_from_the_raw_files() {
    let home = home();
    let answer = verified(&home);
    assert!(count(&answer["pools"]["compared"]) > 60, "{answer:#}");
    assert!(count(&answer["readings"]["compared"]) > 100, "{answer:#}");
    assert!(count(&answer["owners_compared"]) > 10, "{answer:#}");
    assert_eq!(answer["owners_audited"], true);
    let said = home.ok(&["verify", "--raw"]);
    for line in ["owners: ", "pools: ", "readings: ", "statements: 0 checked"] {
        assert!(said.contains(line), "no '{line}' in\n{said}");
    }
    assert_eq!(said.matches("all equal").count(), 3, "{said}");
    // The successor has what the ended team's tag names.
    let september = home.spend("team", &["--period", "2026-09", "--pools", "kept"]);
    assert!(!september.iter().any(|(team, _)| team == "a"), "{september:?}");
}

#[test]
fn settled_claims_are_tried_before_the_rules_by_the_auditor_too() {
    let home = home();
    home.ok(&["claim", "i-4", "--by", "c", "--reason", "ours since ever", "--effective", "2026-07-01"]);
    home.ok(&["claim", "i-2", "--by", "c", "--reason", "handed over in August", "--effective", "2026-08-01"]);
    home.ok(&["claims", "accept", "2"]);
    let kept = |month: &str| home.spend("team", &["--period", month, "--pools", "kept"]);
    assert!(kept("2026-07").contains(&("c".to_owned(), "103".to_owned())), "{:?}", kept("2026-07"));
    assert!(kept("2026-08").contains(&("c".to_owned(), "113.000000000000000001".to_owned())), "{:?}", kept("2026-08"));
    verified(&home);
}

#[test]
fn statements_are_made_again_to_the_byte() {
    let home = home();
    home.ok(&["period", "close", "2026-08"]);
    home.ok(&["rules", "apply", "rules.yaml", "--effective", "2026-08-15"]);
    let answer = verified(&home);
    assert_eq!(answer["statements"], serde_json::json!({ "checked": 1, "made_again": 1, "differences": [] }));
}

#[test]
fn what_the_auditor_does_not_read_is_said() {
    let home = home();
    home.write(
        "catalog.yaml",
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: shop}\nspec: {owner: c}\n",
    );
    let rule = "rules:\n  - {id: shop, backstage: catalog.yaml, key: \"Tags['app']\"}\n";
    home.write("by-catalog.yaml", &POOLED.replace("rules:\n", rule));
    let ran = home.run(&["rules", "apply", "by-catalog.yaml", "--later", "replace"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let answer = home.json(&["verify", "--raw"]);
    assert_eq!((answer["ok"].clone(), answer["owners_audited"].clone()), (true.into(), false.into()), "{answer:#}");
    for why in [&answer["owners_not_compared"], &answer["pools"]["not_compared"], &answer["readings"]["not_compared"]] {
        assert!(text(why).contains("rule shop names a catalog"), "{answer:#}");
    }
}

#[test]
fn pools_by_usage_reports_are_not_compared_and_readings_are() {
    let home = home();
    let hour = "2026-08-10 00:00:00 +0000 UTC,2026-08-10 01:00:00 +0000 UTC";
    home.write(
        "usage.csv",
        &format!(
            "pod,namespace,node,resource_id,interval_start,interval_end,pod_usage_cpu_core_seconds,\
             pod_request_cpu_core_seconds,pod_usage_memory_byte_seconds,pod_request_memory_byte_seconds,\
             node_capacity_cpu_core_seconds,node_capacity_memory_byte_seconds,pod_labels\n\
             web,shop,n1,i-1,{hour},100,3600,8000,1,14400,16000,label_team:b\n"
        ),
    );
    home.write("pools.yaml", "pools: [{name: cluster, driver: {kubernetes: {reports: [usage.csv], labels: [team]}}}]");
    home.ok(&["pool", "apply", "pools.yaml"]);
    let answer = home.json(&["verify", "--raw"]);
    assert_eq!((answer["ok"].clone(), answer["owners_audited"].clone()), (true.into(), true.into()), "{answer:#}");
    let why = text(&answer["pools"]["not_compared"]);
    assert_eq!(why, "pool cluster goes by usage reports of Kubernetes, which the auditor does not read");
    assert!(count(&answer["readings"]["compared"]) > 100, "{answer:#}");
}

#[test]
fn a_raw_file_that_is_gone_leaves_pools_and_readings_uncompared() {
    let home = home();
    std::fs::remove_file(home.path("2026-08.csv")).unwrap();
    let answer = home.json(&["verify"]);
    assert_eq!(answer["ok"], true, "{answer:#}");
    assert_eq!(text(&answer["pools"]["not_compared"]), "1 deliveries could not be read again");
    assert_eq!(home.run(&["verify", "--raw"]).code, 4);
}

fn sums(csv: &str, column: &str, by: &[&str]) -> std::collections::BTreeMap<String, Money> {
    let mut lines = csv.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = |name: &str| header.iter().position(|known| *known == name).unwrap_or_else(|| panic!("no {name}"));
    let mut sums = std::collections::BTreeMap::<String, Money>::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let key: Vec<&str> = by.iter().map(|name| cells[at(name)]).collect();
        *sums.entry(key.join(" ")).or_default() += cells[at(column)].parse::<Money>().unwrap();
    }
    sums
}

#[test]
fn splits_are_exported_and_queried_and_with_charges_they_are_the_report() {
    let home = home();
    let csv = home.ok(&["export", "splits"]);
    assert!(
        sums(&csv, "effective", &["billing_period", "day", "pool", "currency"]).values().all(|sum| sum.is_zero()),
        "{csv}"
    );
    let shared = home.spend("team", &["--period", "2026-07..2026-09"]);
    let kept = home.spend("team", &["--period", "2026-07..2026-09", "--pools", "kept"]);
    let moved = sums(&csv, "effective", &["owner"]);
    assert!(moved.len() > 3, "{csv}");
    for (owner, amount) in &shared {
        let before =
            kept.iter().find(|(other, _)| other == owner).map_or(Money::ZERO, |(_, kept)| kept.parse().unwrap());
        let journal = moved.get(owner).copied().unwrap_or(Money::ZERO);
        assert_eq!(amount.parse::<Money>().unwrap(), before + journal, "{owner}");
    }
    let sql = "SELECT owner, SUM(effective) AS moved FROM splits GROUP BY 1 ORDER BY 1";
    for row in home.json(&["sql", sql])["rows"].as_array().unwrap() {
        assert_eq!(moved[&text(&row["owner"])], text(&row["moved"]).parse().unwrap(), "{row}");
    }
    let daily = home.json(&["sql", "SELECT SUM(\"EffectiveCost\") AS s FROM daily"]);
    let charges = home.json(&["sql", "SELECT SUM(\"EffectiveCost\") AS s FROM charges"]);
    assert_eq!(daily["rows"], charges["rows"]);
    let august = home.ok(&["export", "splits", "--period", "2026-08", "--basis", "invoiced"]);
    assert!(august.lines().skip(1).all(|line| line.starts_with("2026-08,")) && august.lines().count() > 1, "{august}");
}

#[test]
fn exported_charges_name_the_place_of_their_owner_as_it_was() {
    let home = home();
    home.ok(&["export", "focus", "--format", "csv", "--output", "out.csv"]);
    let csv = std::fs::read_to_string(home.path("out.csv")).unwrap();
    let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let owner = header.iter().position(|name| *name == "x_LeapOwner").unwrap();
    assert_eq!(header[owner + 1], "x_LeapUnitPath");
    for (found, named) in [(",b,acme/east/b,", true), (",b,acme/west/b,", true), (",a,acme/east/a,", true)] {
        assert_eq!(csv.contains(found), named, "{found}");
    }
    assert!(csv.contains(",residual:unknown-team,,"), "what has no team has no place");
}

#[test]
fn exports_and_queries_show_closed_periods_as_their_statements_do() {
    let home = home();
    let before = home.digest();
    home.ok(&["period", "close", "2026-08"]);
    home.write(
        "taken.yaml",
        &POOLED.replace("rules:\n", "rules:\n  - {id: all, when: \"ResourceId = 'i-3'\", owner: b}\n"),
    );
    home.ok(&["rules", "apply", "taken.yaml", "--effective", "2026-08-01"]);
    let sql = "SELECT \"x_LeapOwner\" AS owner FROM charges WHERE \"ResourceId\" = 'i-3' AND \"x_LeapBillingPeriod\" = '2026-08'";
    let owner = |more: &[&str]| text(&home.json(&[&["sql", sql], more].concat())["rows"][0]["owner"]);
    assert_eq!((owner(&[]), owner(&["--pending"])), ("c".to_owned(), "b".to_owned()));
    let csv = |more: &[&str]| {
        let args = ["export", "focus", "--format", "csv", "--period", "2026-08", "--basis", "invoiced", "--team", "b"];
        home.ok(&[&args, more].concat())
    };
    assert!(!csv(&[]).contains(",i-3,") && csv(&["--pending"]).contains(",i-3,"));
    assert!(csv(&[]).contains(&before[..16]), "the rows of a closed period are of its statement's snapshot");
    assert_ne!(before, home.digest());
}

#[test]
fn a_raw_file_that_says_something_else_now_fails_and_one_that_is_gone_is_a_note() {
    let home = Home::new();
    let path = home.write("bill.csv", &bill("2026-09", &[("2026-09-10", "i-1", "a", "1")]));
    home.ingest(&path);
    home.write("bill.csv", &bill("2026-09", &[("2026-09-10", "i-1", "a", "2")]));
    let changed = home.run(&["verify"]);
    assert_eq!(changed.code, 4, "{}", changed.out);
    assert!(
        changed.out.contains("damaged: raw file") && changed.out.contains("has changed: digest"),
        "{}",
        changed.out
    );
    std::fs::remove_file(&path).expect("the file was there");
    let gone = home.run(&["verify"]);
    assert_eq!(gone.code, 0, "{}{}", gone.out, gone.err);
    assert!(gone.out.contains("not re-read: raw file"), "{}", gone.out);
    assert_eq!(home.run(&["verify", "--raw"]).code, 4);
}
