//! A provider that corrects one month in the next one's bill and delivers a closed month again.

use std::collections::BTreeMap;

use leap_terms::Money;
use serde_json::Value;

use super::{adds_up, money};
use crate::harness::{Home, shared, text};
use crate::restate::{deliveries, own};

/// The ten deliveries, August and September closed after the eighth.
#[test]
fn statements_stay_and_a_reopened_month_of_the_provider_is_explained() {
    let Some(folder) = shared("focus/restate-1.2") else { return };
    let truth: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("truth.json")).unwrap()).unwrap();
    let home = Home::new();
    own(&home, &folder);
    let all = deliveries(&folder);
    for path in &all[..8] {
        home.json_any(&["ingest", path.to_str().unwrap()]);
    }
    let august = ["period", "show", "2026-08", "--version", "1"];
    let september = ["period", "show", "2026-09", "--version", "1"];
    home.ok(&["period", "close", "2026-08"]);
    home.ok(&["period", "close", "2026-09"]);
    let statements = [home.ok(&august), home.ok(&september)];
    let invoiced = |month: &'static str| ["--period", month, "--basis", "invoiced"];
    let shown = [home.spend("team", &invoiced("2026-08")), home.spend("team", &invoiced("2026-09"))];
    for path in &all[8..] {
        home.json_any(&["ingest", path.to_str().unwrap()]);
    }
    assert_eq!([home.ok(&august), home.ok(&september)], statements);
    assert_eq!([home.spend("team", &invoiced("2026-08")), home.spend("team", &invoiced("2026-09"))], shown);

    let owners = |delivery: usize| -> BTreeMap<String, Money> {
        let owners = &truth["deliveries"][delivery]["totals_after"]["2026-08"]["EffectiveCostByTrueOwner"];
        let named = owners.as_object().unwrap().iter().map(|(owner, amount)| {
            let owner = match owner.as_str() {
                "(commitments)" => "residual:pool:commitments",
                "(unallocated)" => "residual:no-rule",
                team => team,
            };
            (owner.to_owned(), money(amount))
        });
        named.collect()
    };
    let (then, now) = (owners(7), owners(9));
    let pending: BTreeMap<String, Money> = home
        .spend("team", &[&invoiced("2026-08")[..], &["--pending"]].concat())
        .into_iter()
        .map(|(team, amount)| (team, amount.parse().unwrap()))
        .collect();
    assert_eq!(pending, now);

    let diff = home.json(&["period", "diff", "2026-08"]);
    adds_up(&diff);
    let causes = diff["causes"].as_array().unwrap();
    assert_eq!((causes.len(), text(&causes[0]["cause"])), (1, "provider restatement".to_owned()));
    let less = |one: &str, other: &str| one.parse::<Money>().unwrap() - other.parse::<Money>().unwrap();
    assert_eq!(money(&causes[0]["billed"]), less("1073.252697088112", "1101.055247270891"));
    assert_eq!(money(&causes[0]["effective"]), less("1078.174671924343", "1101.055247270891"));
    let found: BTreeMap<String, Money> =
        diff["owners"].as_array().unwrap().iter().map(|row| (text(&row["owner"]), money(&row["effective"]))).collect();
    let mut compared = 0;
    for (owner, amount) in &now {
        assert_eq!(found.get(owner).copied().unwrap_or_default(), *amount - then[owner], "{owner}");
        compared += 1;
    }
    assert!(compared >= 14, "only {compared} owners were compared");
    assert_eq!(home.json(&["period", "diff", "2026-09"])["lines"], Value::from(Vec::<Value>::new()));
    assert_eq!(home.run(&[&["spend"][..], &invoiced("2026-09")].concat()).err, "");
    assert!(home.run(&[&["spend"][..], &invoiced("2026-08")].concat()).err.contains("leap period diff 2026-08"));

    let digest = text(&diff["difference_digest"]);
    let reason = "the provider restated August";
    home.ok(&["period", "restate", "2026-08", "--approved-by", "carl", "--reason", reason, "--expect", &digest]);
    let restated: BTreeMap<String, Money> = home
        .spend("team", &invoiced("2026-08"))
        .into_iter()
        .map(|(team, amount)| (team, amount.parse().unwrap()))
        .collect();
    assert_eq!(restated, now);
    assert_eq!([home.ok(&august), home.ok(&september)], statements);
}
