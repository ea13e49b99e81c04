//! What is said about rules over a small bill.

use expect_test::expect;
use leap_terms::CostKind;

use super::*;
use crate::attribute::tests_bills::{Bill, bill, charge};
use crate::attribute::{Answers, Engine};
use crate::org::Org;

fn org() -> Org {
    let text =
        "units: [{id: payments, aliases: [pay]}, {id: search}, {id: twin-a, name: Twin}, {id: twin-b, name: Twin}]";
    Org::from_yaml("org.yaml", text).unwrap()
}

fn rules(text: &str, org: &Org) -> RuleSet {
    let text = format!("rules:\n{text}residual: {{steward: s}}\n");
    let none = |_: &str| Err("no file".to_owned());
    RuleSet::parse("rules.yaml", &text, &none, org)
        .unwrap_or_else(|faults| panic!("{}", leap_terms::fault::list(&faults)))
}

fn run(engine: &Engine<'_>, bill: &Bill) -> ScopeAttribution {
    let mut run = engine.scope().count_matches();
    run.keys(&bill.keys).unwrap();
    run.resources(&bill.resources).unwrap();
    run.cube(&bill.cube).unwrap();
    run.finish()
}

#[test]
fn a_rule_that_never_matches_and_one_that_comes_too_late_are_named_with_their_lines() {
    let org = org();
    let rules = rules(
        "  - {id: tag, owner: {from: \"Tags['team']\"}}
  - {id: never, when: \"RegionId = 'mars'\", owner: search}
  - {id: late, when: \"Tags['team'] = 'pay' AND RegionId = 'eu'\", owner: search}
  - {id: rest, owner: payments}
  - {id: after, when: \"RegionId = 'eu'\", owner: search}
",
        &org,
    );
    let engine = Engine::new(&rules, &org);
    let done = run(
        &engine,
        &bill(&[
            charge("2026-09-01", &[("Tags['team']", "pay"), ("RegionId", "eu")], "1"),
            charge("2026-09-01", &[("Tags['team']", "nobody"), ("RegionId", "eu")], "2.5"),
            charge("2026-09-01", &[("Tags['team']", "twin")], "4"),
            charge("2026-09-01", &[("RegionId", "eu")], "8"),
        ]),
    );
    let found = check(&rules, &org, &[&done]);
    let text: Vec<String> = found.iter().map(|finding| finding.fault().to_string()).collect();
    expect![[r#"
        rules.yaml:2: rule 'tag' gives 2.5 USD to names that mean no team: 'nobody'
          help: add the missing names as aliases in org.yaml
        rules.yaml:2: rule 'tag' gives 4 USD to names that mean several teams: 'twin' (twin-a or twin-b)
          help: take the shared name away from all but one unit
        rules.yaml:3: rule 'never' never matches
          help: no charge in the data meets its condition: check the spelling of values, or remove the rule
        rules.yaml:4: rule 'late' comes too late: 'tag' decides in all 1 cases in which it would match
          help: move it up, or remove it
        rules.yaml:6: rule 'after' is never asked: 'rest' above it takes every charge
          help: move it up, or give the rule above a condition"#]]
    .assert_eq(&text.join("\n"));
    assert_eq!(check(&rules, &org, &[]).len(), 1);
    let money = money(&rules, &[&done]);
    assert_eq!(money[0].values().map(|folded| folded.rows).sum::<i64>(), 3);
    assert!(money[1].is_empty());
}

#[test]
fn names_that_are_no_team_are_told_with_the_nearest_spelling() {
    let org = Org::from_yaml(
        "org.yaml",
        "units: [{id: payments}, {id: search}, {id: old-team, effective: {until: 2026-09-02}}]",
    )
    .unwrap();
    let rules = rules("  - {id: tag, owner: {from: \"Tags['team']\"}}\n", &org);
    let engine = Engine::new(&rules, &org);
    let tagged = |team: &'static str| charge("2026-09-03", &[("Tags['team']", team)], "1");
    let mut charges = vec![tagged("serch"), tagged("serch"), tagged("serch"), tagged("old-team"), tagged("old-team")];
    charges.extend(["v1", "v2", "v3", "v4"].map(tagged));
    charges.push(tagged("search"));
    let found = check(&rules, &org, &[&run(&engine, &bill(&charges))]);
    let told: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "rule 'tag' gives 9 USD to names that mean no team: 'serch' (did you mean search?), 'old-team' (a team on other days), 'v1', 'v2', 'v3' and 1 more"
        ]
    );
}

#[test]
fn suggestions_are_the_rules_that_own_most_of_what_is_left() {
    let org = org();
    let rules = rules("  - {id: tag, owner: {from: \"Tags['team']\"}}\n", &org);
    let engine = Engine::new(&rules, &org);
    let bill = bill(&[
        charge("2026-09-01", &[("Tags['team']", "pay"), ("SubAccountId", "a-1")], "90"),
        charge("2026-09-01", &[("Tags['team']", "search"), ("SubAccountId", "a-1")], "10"),
        charge("2026-09-01", &[("SubAccountId", "a-1")], "7"),
        charge("2026-09-01", &[("Tags[' Owner']", "PAY"), ("SubAccountId", "a-1")], "20"),
        charge("2026-09-01", &[("Tags[' Owner']", "Search")], "30"),
        charge("2026-09-01", &[("Tags[' Owner']", "nobody")], "1000"),
        charge("2026-09-01", &[("Tags['team']", "serch")], "6.5"),
        charge("2026-09-01", &[("ResourceName", "search_db-1")], "5"),
        charge("2026-09-01", &[("ResourceName", "other-1")], "6"),
    ]);
    let done = run(&engine, &bill);
    let mut answers = Answers::new();
    done.batches.iter().for_each(|batch| answers.add(batch).unwrap());
    let mut suggest = SuggestRun::new(&org, &answers, CostKind::Effective);
    suggest.cube(&bill.cube).unwrap();
    suggest.keys(&bill.keys).unwrap();
    suggest.resources(&bill.resources).unwrap();
    let found = suggest.finish(10);
    let text: String =
        found.iter().map(|one| format!("{:?} {} rows, {}\n{}", one.owns, one.rows, one.reason, one.yaml)).collect();
    expect![[r#"
        {Currency("USD"): 50} 2 rows, values of Tags[' Owner'] are teams
          - id: tag-owner
            owner: {from: "Tags[' Owner']"}
        {Currency("USD"): 7} 1 rows, 90 % of what is owned in a-1 is payments's
          - id: account-a-1
            when: "SubAccountId = 'a-1'"
            owner: "payments"
        {Currency("USD"): 6.5} 1 rows, 'serch' is no team, and search is nearest
          - id: "search"
            aliases: ["serch"]
        {Currency("USD"): 5} 1 rows, search_… starts with a name of search
          - id: name-search
            when: "ResourceName LIKE 'search\\_%'"
            owner: "search"
    "#]]
    .assert_eq(&text);
    // Each is ready to paste, and owns what it says. Cost that no rule and no suggestion matches stays.
    let is_alias = |one: &&Suggestion| matches!(one.remedy, Remedy::Alias(..));
    let pasted: String = found.iter().filter(|one| !is_alias(one)).map(|one| one.yaml.clone()).collect();
    let better = self::rules(&format!("  - {{id: tag, owner: {{from: \"Tags['team']\"}}}}\n{pasted}"), &org);
    let after = run(&Engine::new(&better, &org), &bill);
    let owned: leap_terms::Money =
        found.iter().filter(|one| !is_alias(one)).flat_map(|one| one.owns.values().copied()).sum();
    let to_teams = |done: &ScopeAttribution| -> leap_terms::Money {
        done.totals
            .iter()
            .filter(|((owner, ..), _)| matches!(owner, Owner::Team(_)))
            .map(|(_, folded)| folded.costs.effective)
            .sum()
    };
    assert_eq!(to_teams(&after) - to_teams(&done), owned);
}
