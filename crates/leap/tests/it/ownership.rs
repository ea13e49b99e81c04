//! Who owns a charge: rules, names, dates, mappings, pools, and what their errors say.

use crate::bill::{ORG, RULES, bill};
use crate::harness::{Home, pairs, text};

fn home(rules: &str, lines: &[crate::bill::Line]) -> Home {
    let home = Home::new();
    home.write("org.yaml", ORG);
    home.write("rules.yaml", rules);
    home.ingest(&home.write("bill.csv", &bill("2026-09", lines)));
    home.ok(&["org", "apply", "org.yaml"]);
    let ran = home.run(&["rules", "apply", "rules.yaml"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    home
}

fn owned(home: &Home) -> Vec<(String, String)> {
    home.verified();
    home.spend("team", &["--period", "2026-09"])
}

#[test]
fn names_and_aliases_lead_to_one_team_and_strangers_to_a_residual() {
    let home = home(
        RULES,
        &[
            ("2026-09-01", "i-1", "a", "1"),
            ("2026-09-01", "i-2", " ALPHA ", "2"),
            ("2026-09-01", "i-3", "team a", "4"),
            ("2026-09-01", "i-4", "zeta", "8"),
            ("2026-09-01", "i-5", "", "16"),
        ],
    );
    assert_eq!(owned(&home), pairs(&[("a", "7"), ("residual:no-rule", "16"), ("residual:unknown-team", "8")]));
}

#[test]
fn a_rule_with_a_date_moves_only_the_days_from_it_on() {
    let rules = "rules:
  - id: later
    when: \"ResourceId = 'i-1'\"
    owner: b
    effective: {from: 2026-09-16}
  - id: before
    when: \"ResourceId LIKE 'i-%'\"
    owner: a
residual: {steward: x}
";
    let home =
        home(rules, &[("2026-09-15", "i-1", "", "1"), ("2026-09-16", "i-1", "", "2"), ("2026-09-30", "i-2", "", "4")]);
    assert_eq!(owned(&home), pairs(&[("a", "5"), ("b", "2")]));
}

#[test]
fn a_mapping_gives_owners_by_resource_and_date() {
    let home = Home::new();
    home.write("org.yaml", ORG);
    home.write(
        "owners.csv",
        "ResourceId,owner,effective_from,effective_until\ni-1,a,,2026-09-16\ni-1,b,2026-09-16,\ni-2,c,,\n",
    );
    home.write("rules.yaml", "rules:\n  - id: by-resource\n    mapping: owners.csv\nresidual: {steward: x}\n");
    home.ingest(&home.write(
        "bill.csv",
        &bill(
            "2026-09",
            &[
                ("2026-09-15", "i-1", "", "1"),
                ("2026-09-16", "i-1", "", "2"),
                ("2026-09-16", "i-2", "", "4"),
                ("2026-09-16", "i-3", "", "8"),
            ],
        ),
    ));
    home.ok(&["org", "apply", "org.yaml"]);
    home.ok(&["rules", "apply", "rules.yaml"]);
    assert_eq!(owned(&home), pairs(&[("a", "1"), ("b", "2"), ("c", "4"), ("residual:no-rule", "8")]));
}

#[test]
fn a_pool_is_a_residual_with_its_name_and_steward() {
    let rules = "rules:
  - id: shared
    when: \"ServiceName = 'Amazon EC2'\"
    pool: compute-platform
pools:
  - {id: compute-platform, steward: platform-team}
residual: {steward: x}
";
    let home = home(rules, &[("2026-09-15", "i-1", "a", "1")]);
    assert_eq!(owned(&home), pairs(&[("residual:pool:compute-platform", "1")]));
    let explained = home.ok(&["explain", "residual:pool:compute-platform", "--period", "2026-09"]);
    assert!(explained.contains("platform-team") && explained.contains("shared"), "{explained}");
}

#[test]
fn rules_apply_to_bills_that_came_before_and_after_them() {
    let home = home(RULES, &[("2026-09-15", "i-1", "a", "1")]);
    home.ingest(&home.write("october.csv", &bill("2026-10", &[("2026-10-02", "i-1", "b", "2")])));
    assert_eq!(home.spend("team", &["--period", "2026-10"]), pairs(&[("b", "2")]));
    assert_eq!(owned(&home), pairs(&[("a", "1")]));
}

#[test]
fn a_rule_may_name_any_column_of_the_bill() {
    let rules = "rules:
  - id: by-description
    when: \"ChargeDescription LIKE 'a ch%'\"
    owner: a
residual: {steward: x}
";
    let home = home(rules, &[("2026-09-15", "i-1", "", "1")]);
    assert_eq!(owned(&home), pairs(&[("a", "1")]));
}

#[test]
fn a_changed_rule_set_shows_the_money_that_it_moves_before_it_moves_it() {
    let home = home(RULES, &[("2026-09-15", "i-1", "a", "1.25"), ("2026-09-15", "i-2", "", "2")]);
    let changed = RULES.replace("rules:\n", "rules:\n  - {id: untagged, when: \"Tags['team'] IS NULL\", owner: c}\n");
    home.write("rules2.yaml", &changed);
    let before = home.digest();
    let moved = home.json(&["rules", "diff", "rules2.yaml"]);
    assert_eq!(home.digest(), before, "a diff changes nothing");
    let rows = moved["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{moved:#}");
    assert_eq!(
        (text(&rows[0]["from"]), text(&rows[0]["to"]), text(&rows[0]["amount"])),
        ("residual:no-rule".into(), "c".into(), "2".into())
    );
    home.ok(&["rules", "apply", "rules2.yaml"]);
    assert_eq!(owned(&home), pairs(&[("a", "1.25"), ("c", "2")]));
    home.ok(&["rules", "apply", "rules.yaml"]);
    assert_eq!(home.digest(), before, "going back gives the same digest");
}

#[test]
fn each_mistake_in_a_rules_file_has_its_own_error_with_line_and_caret() {
    let home = home(RULES, &[("2026-09-15", "i-1", "a", "1")]);
    let rule = |body: &str| format!("rules:\n  - id: one\n{body}residual: {{steward: x}}\n");
    for (name, text, expected) in [
        (
            "unknown team",
            rule("    when: \"Tags['team'] = 'a'\"\n    owner: nobody\n"),
            vec!["rules-bad.yaml:4", "nobody", "^"],
        ),
        (
            "unknown column",
            rule("    when: \"ServicName = 'x'\"\n    owner: a\n"),
            vec!["rules-bad.yaml:3:12", "ServicName", "ServiceName", "^"],
        ),
        ("no type", rule("    when: \"SubAccountId = 123\"\n    owner: a\n"), vec!["rules-bad.yaml:3", "123", "^"]),
        (
            "a measure",
            rule("    when: \"BilledCost > 1\"\n    owner: a\n"),
            vec!["rules-bad.yaml:3", "BilledCost", "^"],
        ),
        ("no predicate", rule("    when: \"SubAccountId =\"\n    owner: a\n"), vec!["rules-bad.yaml:3", "^"]),
        (
            "twice",
            "rules:\n  - {id: one, owner: a}\n  - {id: one, owner: b}\nresidual: {steward: x}\n".to_owned(),
            vec!["rules-bad.yaml:3", "one", "^"],
        ),
        ("no outcome", rule("    when: \"SubAccountId = 'x'\"\n"), vec!["rules-bad.yaml:2", "one"]),
        (
            "unknown field",
            rule("    wen: \"SubAccountId = 'x'\"\n    owner: a\n"),
            vec!["rules-bad.yaml:3", "wen", "when"],
        ),
        ("no mapping", rule("    mapping: absent.csv\n"), vec!["rules-bad.yaml:3", "absent.csv"]),
        ("no yaml", "rules: [".to_owned(), vec!["rules-bad.yaml"]),
    ] {
        home.write("rules-bad.yaml", &text);
        let ran = home.run(&["rules", "check", "rules-bad.yaml"]);
        assert_eq!(ran.code, 2, "{name}: {}{}", ran.out, ran.err);
        for word in expected {
            assert!(ran.err.contains(word), "{name}: no '{word}' in\n{}", ran.err);
        }
    }
}

#[test]
fn a_rule_that_never_matches_is_named() {
    let home = home(RULES, &[("2026-09-15", "i-1", "a", "1")]);
    home.write(
        "dead.yaml",
        &RULES.replace("rules:\n", "rules:\n  - {id: dead, when: \"ServiceName = 'Nothing'\", owner: c}\n"),
    );
    let ran = home.run(&["rules", "check", "dead.yaml"]);
    let said = format!("{}{}", ran.out, ran.err);
    assert_eq!(ran.code, 4, "{said}");
    assert!(said.contains("dead.yaml:2:3") && said.contains("never matches") && said.contains("^^^"), "{said}");
}

#[test]
fn a_cycle_and_an_unknown_parent_are_refused_with_their_units() {
    let home = Home::new();
    home.write("cycle.yaml", "units:\n  - {id: x, name: X, parent: y}\n  - {id: y, name: Y, parent: x}\n");
    let ran = home.run(&["org", "apply", "cycle.yaml"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("cycle.yaml:") && ran.err.contains("cycle") && ran.err.contains('x') && ran.err.contains('y'),
        "{}",
        ran.err
    );
    home.write("orphan.yaml", "units:\n  - {id: x, name: X, parent: nowhere}\n");
    let ran = home.run(&["org", "apply", "orphan.yaml"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("orphan.yaml:2") && ran.err.contains("nowhere"), "{}", ran.err);
}

#[test]
fn suggestions_find_the_rule_that_owns_most_residual_money() {
    let rules = "rules:\n  - {id: ec2, when: \"ResourceId = 'i-9'\", owner: a}\nresidual: {steward: x}\n";
    let home = home(
        rules,
        &[("2026-09-15", "i-1", "b", "10"), ("2026-09-15", "i-2", "c", "5"), ("2026-09-15", "i-9", "", "1")],
    );
    let answer = home.json(&["rules", "suggest"]);
    let first = &answer["rows"][0];
    assert_eq!(text(&first["amount"]), "15", "{answer:#}");
    assert!(text(&first["rule"]).contains("Tags['team']"), "{answer:#}");
}

#[test]
fn a_rule_without_a_condition_is_asked_when_it_is_new() {
    let home = Home::new();
    home.write("org.yaml", ORG);
    home.write("rules.yaml", RULES);
    home.ok(&["org", "apply", "org.yaml"]);
    home.ok(&["rules", "apply", "rules.yaml"]);
    home.ingest(
        &home.write("bill.csv", &bill("2026-09", &[("2026-09-10", "i-1", "", "7"), ("2026-09-10", "i-2", "a", "1")])),
    );
    home.write("rules.yaml", &RULES.replace("residual:", "  - {id: rest, owner: b}\nresidual:"));
    home.ok(&["rules", "apply", "rules.yaml"]);
    assert_eq!(
        home.spend("team", &["--period", "2026-09"]),
        [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "7".to_owned())]
    );
    home.verified();
}

/// A steward may be anybody, but a name that is nearly a unit's is probably a slip.
#[test]
fn a_steward_whom_nobody_knows_is_a_warning_with_the_nearest_name() {
    let home = Home::new();
    home.write("org.yaml", "units:\n  - {id: platform, name: Platform}\n  - {id: payments, name: Payments}\n");
    home.ok(&["org", "apply", "org.yaml"]);
    home.ingest(&home.write("bill.csv", &bill("2026-09", &[("2026-09-10", "i-1", "payments", "1")])));
    home.write("rules.yaml", "rules: []\nresidual: {steward: platfrom}\n");
    home.write("pools.yaml", "pools:\n  - {name: kafka, steward: paymets, driver: keep}\n");
    for (args, name, near) in [
        (["rules", "check", "rules.yaml"], "platfrom", "did you mean platform?"),
        (["rules", "apply", "rules.yaml"], "platfrom", "did you mean platform?"),
        (["pool", "check", "pools.yaml"], "paymets", "did you mean payments?"),
        (["pool", "apply", "pools.yaml"], "paymets", "did you mean payments?"),
    ] {
        let ran = home.run(&args);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        let words = format!("is '{name}', which no unit of the org is called");
        assert!(ran.err.contains("warning: ") && ran.err.contains(&words) && ran.err.contains(near), "{}", ran.err);
    }
}
