//! Ten deliveries of a bucket with restatements (`truth.json` says what the store must hold after each).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::Value;

use crate::harness::{Home, shared, text};

/// The org and the rules that an efficiency team would write for this bucket: resources by the mapping, commitments by
/// their columns, the rest by tags.
pub(crate) fn own(home: &Home, folder: &Path) {
    let mut org = String::from("units:\n  - {id: example, name: Example, kind: company}\n");
    for team in 0..12 {
        org += &format!("  - {{id: team-{team:02}, name: Team {team:02}, kind: team, parent: example}}\n");
    }
    home.write("org.yaml", &org);
    let owners = std::fs::read_to_string(folder.join("owners.csv")).unwrap();
    let mut mapping = String::from("ResourceId,owner,effective_from,effective_until\n");
    for line in owners.lines().skip(1) {
        let [resource, first, second] = line.split(',').collect::<Vec<_>>()[..] else { panic!("owners.csv: {line}") };
        for (month, next) in [("2026-08", "2026-09"), ("2026-09", "2026-10"), ("2026-10", "2026-11")] {
            mapping += &format!("{resource},{first},{month}-01,{month}-16\n{resource},{second},{month}-16,{next}-01\n");
        }
    }
    home.write("owners.csv", &mapping);
    home.write(
        "rules.yaml",
        "rules:
  - id: by-resource
    mapping: owners.csv
  - id: commitments
    when: \"CommitmentDiscountStatus = 'Unused' OR (ChargeCategory = 'Purchase' AND CommitmentDiscountId IS NOT NULL)\"
    pool: commitments
  - id: team-tag
    when: \"coalesce(Tags['team'], Tags['Team']) IS NOT NULL\"
    owner: {from: \"lower(trim(coalesce(Tags['team'], Tags['Team'])))\"}
residual: {steward: cloud-efficiency}
",
    );
    home.ok(&["org", "apply", "org.yaml"]);
    let ran = home.run(&["rules", "apply", "rules.yaml"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

pub(crate) fn deliveries(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder.join("deliveries")).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    assert_eq!(found.len(), 10);
    found
}

/// What the store holds of one period, in the shape of `truth.json`.
fn held(home: &Home, period: &str) -> BTreeMap<String, String> {
    let mut held = BTreeMap::new();
    for (name, kind) in [
        ("BilledCost", "billed"),
        ("EffectiveCost", "effective"),
        ("ListCost", "list"),
        ("ContractedCost", "contracted"),
    ] {
        let answer = home.json(&["spend", "--by", "team", "--period", period, "--basis", "invoiced", "--cost", kind]);
        held.insert(name.to_owned(), text(&answer["totals"][0]["amount"]));
        if kind == "effective" {
            for row in answer["rows"].as_array().unwrap() {
                let owner = match row["team"].as_str().unwrap() {
                    "residual:pool:commitments" => "(commitments)",
                    "residual:no-rule" => "(unallocated)",
                    team => team,
                };
                held.insert(owner.to_owned(), text(&row["amount"]));
            }
        }
    }
    let rows =
        home.json(&["sql", &format!("SELECT count(*) AS n FROM charges WHERE \"x_LeapBillingPeriod\" = '{period}'")]);
    held.insert("rows".to_owned(), text(&rows["rows"][0]["n"]));
    held
}

fn expected(truth: &Value) -> BTreeMap<String, String> {
    let amount = |value: &Value| text(value).parse::<leap_terms::Money>().unwrap().to_string();
    let mut expected = BTreeMap::from([("rows".to_owned(), text(&truth["rows"]))]);
    for name in ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost"] {
        expected.insert(name.to_owned(), amount(&truth[name]));
    }
    for (owner, value) in truth["EffectiveCostByTrueOwner"].as_object().unwrap() {
        expected.insert(owner.clone(), amount(value));
    }
    expected
}

#[test]
fn after_each_delivery_the_store_holds_what_the_truth_says() {
    let Some(folder) = shared("focus/restate-1.2") else { return };
    let truth: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("truth.json")).unwrap()).unwrap();
    let home = Home::new();
    own(&home, &folder);
    let mut compared = 0;
    for (path, truth) in deliveries(&folder).iter().zip(truth["deliveries"].as_array().unwrap()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let before = home.json(&["snapshots"])["rows"][0].clone();
        let (code, answer) = home.json_any(&["ingest", path.to_str().unwrap()]);
        let delivery = &answer["deliveries"][0];
        match name {
            "004-sep-day20-partial-upload" | "005-sep-day20-truncated" => {
                assert_eq!((code, &delivery["status"]), (4, &Value::from("refused")), "{name}: {delivery:#}");
                let part = if name.starts_with("004") { "export-00002.csv.gz" } else { "export-00003.csv.gz" };
                assert!(text(&delivery["reason"]).contains(part), "{name} must name {part}: {delivery:#}");
                assert_eq!(home.json(&["snapshots"])["rows"][0], before, "{name} must change nothing");
            }
            "003-sep-day12-again" => {
                assert_eq!((code, &delivery["status"]), (0, &Value::from("unchanged")), "{name}: {delivery:#}");
                assert_eq!(home.json(&["snapshots"])["rows"][0]["digest"], before["digest"]);
            }
            _ => assert_eq!((code, &delivery["status"]), (0, &Value::from("accepted")), "{name}: {delivery:#}"),
        }
        for (period, truth) in truth["totals_after"].as_object().unwrap() {
            assert_eq!(held(&home, period), expected(truth), "{name}, {period}");
            compared += expected(truth).len();
        }
    }
    assert!(compared > 300, "only {compared} figures were compared");
    home.verified();
}

/// Every order of the ten deliveries that keeps each period's own order: 10! / (2! · 7! · 1!) = 360. Orders that begin
/// alike share their beginning; each ends in its own home.
#[test]
fn every_order_of_arrival_gives_one_digest() {
    let Some(folder) = shared("focus/restate-1.2") else { return };
    let all = deliveries(&folder);
    let periods: Vec<Vec<PathBuf>> = ["2026-08", "2026-09", "2026-10"]
        .iter()
        .map(|period| {
            all.iter().filter(|path| path.join(format!("BILLING_PERIOD={period}")).exists()).cloned().collect()
        })
        .collect();
    assert_eq!(periods.iter().map(Vec::len).collect::<Vec<_>>(), [2, 7, 1]);
    let start = Home::new();
    own(&start, &folder);
    let digests = Mutex::new(BTreeMap::<String, usize>::new());
    std::thread::scope(|threads| {
        for first in 0..periods.len() {
            let (periods, start, digests) = (&periods, &start, &digests);
            threads.spawn(move || {
                let home = start.copy();
                let mut taken = [0; 3];
                taken[first] = 1;
                home.json_any(&["ingest", periods[first][0].to_str().unwrap()]);
                walk(&home, periods, &mut taken, digests);
            });
        }
    });
    let digests = digests.into_inner().unwrap();
    println!("orders {}, distinct digests {}", digests.values().sum::<usize>(), digests.len());
    assert_eq!(digests.values().sum::<usize>(), 360);
    assert_eq!(digests.len(), 1, "{digests:?}");
}

fn walk(home: &Home, periods: &[Vec<PathBuf>], taken: &mut [usize; 3], digests: &Mutex<BTreeMap<String, usize>>) {
    let mut ended = true;
    for next in 0..periods.len() {
        if taken[next] == periods[next].len() {
            continue;
        }
        ended = false;
        let branch = home.copy();
        let (code, answer) = branch.json_any(&["ingest", periods[next][taken[next]].to_str().unwrap()]);
        assert!(code == 0 || answer["deliveries"][0]["status"] == "refused", "{answer:#}");
        taken[next] += 1;
        walk(&branch, periods, taken, digests);
        taken[next] -= 1;
    }
    if ended {
        *digests.lock().unwrap().entry(home.digest()).or_default() += 1;
    }
}
