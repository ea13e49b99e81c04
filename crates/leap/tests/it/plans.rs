//! Plans of reorgs, from outside: what they show, and that one which is no longer so is refused.

use std::collections::BTreeMap;

use leap_terms::{Digest, Money};
use serde_json::{Value, json};

use crate::bill::{ORG, RULES, bill};
use crate::harness::{Home, Ran, text};

/// b ends and a inherits, from the middle of August on.
const NEXT: &str = "units:
  - {id: acme, name: Acme, kind: company}
  - {id: a, name: Team A, kind: team, parent: acme, aliases: [alpha]}
  - {id: c, name: Team C, kind: team, parent: acme}
";

fn home(rules: &str) -> Home {
    let home = Home::new();
    home.write("org.yaml", ORG);
    home.write("next.yaml", NEXT);
    home.write("rules.yaml", rules);
    home.ok(&["org", "apply", "org.yaml"]);
    home.ok(&["rules", "apply", "rules.yaml"]);
    for month in ["2026-07", "2026-08"] {
        let day = format!("{month}-20");
        let lines = [(day.as_str(), "i-1", "a", "1"), (&day, "i-2", "b", "10"), (&day, "kafka-1", "", "12")];
        home.ingest(&home.write(&format!("{month}.csv"), &bill(month, &lines)));
    }
    home
}

const PLAN: [&str; 6] = ["org", "plan", "next.yaml", "--effective", "2026-08-10", "--successor"];

/// Plans into a file outside the home.
fn planned(home: &Home) -> Value {
    home.json(&[&PLAN[..], &["b=a", "--output", "plan.json"]].concat())
}

/// The same, with what it does after pools were split.
fn planned_with_shared(home: &Home) -> Value {
    home.json(&[&PLAN[..], &["b=a", "--output", "plan.json", "--shared"]].concat())
}

fn saved(home: &Home) -> Value {
    serde_json::from_str(&std::fs::read_to_string(home.path("plan.json")).unwrap()).unwrap()
}

/// The plan with one part changed, and with seals made new where the editor knows how.
fn edited(home: &Home, part: &str, to: impl Fn(&mut Value), seals: bool) -> Ran {
    let mut plan = saved(home);
    to(&mut plan[part]);
    if seals {
        let seal = Digest::of(plan[part].to_string().as_bytes()).to_string();
        plan["seals"][part] = json!(seal);
    }
    home.write("edited.json", &plan.to_string());
    home.run(&["org", "apply", "edited.json"])
}

#[test]
fn an_edited_plan_is_refused_with_what_was_edited() {
    let home = home(RULES);
    planned(&home);
    let digest = home.digest();
    let refused = |part: &str, to: &dyn Fn(&mut Value), seals: bool, words: &str| {
        let ran = edited(&home, part, to, seals);
        assert_eq!(ran.code, 4, "{part}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains("the plan was edited") && ran.err.contains(words), "{part}: {}", ran.err);
        assert_eq!(home.digest(), digest);
    };
    refused("moves", &|moves| moves[0]["amount"] = json!("9"), false, "(moves)");
    refused("title", &|title| *title = json!("another"), false, "(title)");
    refused("steps", &|steps| steps[0]["findings"] = json!([]), false, "(steps)");
    refused("orphans", &|list| *list = json!([{"place": "x", "unit": "b", "successor": null}]), false, "(orphans)");
    refused("seals", &|seals| seals["moves"] = seals["title"].clone(), false, "(moves)");
    // Who makes the seals new is found out by what is computed again.
    refused("moves", &|moves| moves[0]["amount"] = json!("9"), true, "it says 2026-08 9 USD from acme/b to acme/a");
    refused("moves", &|moves| *moves = json!([]), true, "it leaves out 2026-08 10 USD from acme/b to acme/a");
    refused("orphans", &|list| *list = json!([{"place": "x", "unit": "b", "successor": null}]), true, "orphaned");
    refused("result", &|result| *result = json!(Digest::of(b"another").to_string()), true, "leads to another org");
    // What was not touched is applied, from wherever the file lies.
    home.ok(&["org", "apply", "plan.json"]);
    assert_ne!(home.digest(), digest);
}

#[test]
fn a_plan_of_another_computer_is_computed_again() {
    let home = home(RULES);
    planned(&home);
    std::fs::remove_dir_all(home.path("home/plans")).unwrap();
    home.ok(&["org", "apply", "plan.json"]);
    home.verified();
}

#[test]
fn a_plan_from_before_a_closing_is_refused() {
    let home = home(RULES);
    let id = text(&planned(&home)["id"]);
    home.ok(&["period", "close", "2026-07"]);
    // July is before the reorg, so the plan is as it was.
    let digest = home.digest();
    home.ok(&["period", "close", "2026-08"]);
    assert_eq!(home.digest(), digest, "closing publishes no snapshot");
    for plan in [id.as_str(), "plan.json"] {
        let ran = home.run(&["org", "apply", plan]);
        assert_eq!(ran.code, 75, "{}{}", ran.out, ran.err);
        assert!(
            ran.err.contains("the plan is stale: since it was made 2026-08 was closed (statement 1"),
            "{}",
            ran.err
        );
        assert!(!ran.err.contains("2026-07"), "{}", ran.err);
    }
    let again = planned(&home);
    assert_eq!(again["restates"], json!(["2026-08"]));
    let forged = edited(&home, "restates", |restates| *restates = json!([]), true);
    assert_eq!(forged.code, 75, "{}", forged.err);
    home.ok(&["org", "apply", "plan.json"]);
}

const POOLED: &str = "rules:
  - {id: kafka, when: \"ResourceId LIKE 'kafka-%'\", pool: kafka}
  - id: team-tag
    when: \"Tags['team'] IS NOT NULL\"
    owner: {from: \"Tags['team']\"}
pools:
  - {id: kafka, steward: b}
residual: {steward: cloud-efficiency}
";

#[test]
fn what_shares_a_pool_and_ends_is_listed_with_its_successor() {
    let home = home(POOLED);
    home.write("drivers.csv", "date,pool,team,weight\n2026-08-20,search,a,1\n2026-08-20,search,Team B,2\n");
    home.write(
        "pools.yaml",
        "pools:
  - {name: kafka, steward: b, driver: {fixed: {a: 1, b: 2}}}
  - {name: search, steward: c, driver: {measured: drivers.csv}}
  - {name: support, steward: c, driver: {head_count: {under: b}}}
  - name: old
    driver: {fixed: [{from: 2026-07-01, until: 2026-08-01, weights: {b: 1}}, {from: 2026-08-01, weights: {b: 1, c: 1}}]}
",
    );
    home.ok(&["pool", "apply", "pools.yaml"]);
    let orphans = |plan: &Value| -> Vec<(String, String, String)> {
        let list = plan["orphans"].as_array().unwrap().iter();
        list.map(|one| (text(&one["place"]), text(&one["unit"]), text(&one["successor"]))).collect()
    };
    let places = [
        ("pool kafka: fixed", "b"),
        ("pool kafka: steward", "b"),
        ("pool old: fixed from 2026-08-01", "b"),
        ("pool search: drivers.csv", "Team B"),
        ("pool support: head_count", "b"),
        ("steward of pool kafka", "b"),
    ];
    let expected = |successor: &str| -> Vec<(String, String, String)> {
        places.iter().map(|(place, unit)| ((*place).into(), (*unit).into(), successor.into())).collect()
    };
    assert_eq!(orphans(&planned(&home)), expected("a"));
    let nobody = home.json(&["org", "plan", "next.yaml", "--effective", "2026-08-10"]);
    assert_eq!(orphans(&nobody), expected("acme"), "the unit above inherits where nobody is named");
}

/// Changes of a plan: place → (direct, with shared cost), summed over months.
fn changes(plan: &Value) -> BTreeMap<String, (Money, Money)> {
    let mut changes = BTreeMap::<String, (Money, Money)>::new();
    for one in plan["shared"].as_array().unwrap() {
        let sums = changes.entry(text(&one["place"])).or_default();
        sums.0 += text(&one["direct"]).parse::<Money>().unwrap();
        sums.1 += text(&one["shared"]).parse::<Money>().unwrap();
    }
    changes
}

#[test]
fn a_plan_shows_what_moves_with_shared_cost() {
    for driver in ["fixed: {a: 1, b: 2, c: 3}", "direct: {}"] {
        let home = home(POOLED);
        home.write("pools.yaml", &format!("pools:\n  - {{name: kafka, steward: c, driver: {{{driver}}}}}\n"));
        assert_eq!(planned_with_shared(&home)["shared"], json!([]), "no policy is in force yet");
        home.ok(&["pool", "apply", "pools.yaml"]);
        let spend = |home: &Home| -> BTreeMap<String, Money> {
            let rows = home.spend("path", &["--period", "2026-07..2026-08", "--pools", "shared"]).into_iter();
            rows.map(|(path, amount)| (path.replace(" / ", "/"), amount.parse().unwrap())).collect()
        };
        let before = spend(&home);
        assert_eq!(planned(&home)["shared"], json!(null), "only where it is asked for");
        let plan = planned_with_shared(&home);
        let changes = changes(&plan);
        for sum in [changes.values().map(|one| one.0).sum::<Money>(), changes.values().map(|one| one.1).sum()] {
            assert!(sum.is_zero(), "{changes:?}");
        }
        assert_eq!(changes["acme/a"].0.to_string(), "10");
        let shown = home.ok(&[&PLAN[..], &["b=a", "--shared"]].concat());
        assert!(shown.contains("direct and with shared cost"), "{shown}");
        assert!(shown.contains("they add up to 0 direct and 0 with shared cost"), "{shown}");
        home.ok(&["org", "apply", "plan.json"]);
        // The very differences of the reports before and after.
        let mut differs = spend(&home);
        for (path, amount) in before {
            *differs.entry(path).or_default() -= amount;
        }
        differs.retain(|_, amount| !amount.is_zero());
        let told: BTreeMap<String, Money> =
            changes.into_iter().filter(|(_, one)| !one.1.is_zero()).map(|(path, one)| (path, one.1)).collect();
        assert_eq!(told, differs, "{driver}");
    }
}
