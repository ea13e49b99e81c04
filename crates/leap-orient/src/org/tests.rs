//! Organisations: who is meant, and every error message.

use expect_test::{Expect, expect};

use leap_terms::Period;

use super::*;

mod history;
mod meaning;
mod readings;
mod reorgs;
mod totals;

const ACME: &str = "units:
  - {id: acme, name: Acme, kind: company}
  - {id: shop, name: Shop, kind: division, parent: acme}
  - {id: payments, name: Payments, parent: shop, aliases: [pay, PAYMENTS]}
  - {id: search, name: Search, parent: acme, aliases: [find, both]}
  - {id: ads, name: Ads, parent: acme, aliases: [both, payments]}
  - {id: old, name: Core, parent: acme, effective: {until: 2026-07-01}}
  - {id: new, name: core, parent: acme, effective: {from: 2026-07-01}}
";

fn team(id: &str) -> TeamId {
    TeamId::new(id).unwrap()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

#[test]
fn a_name_means_the_unit_of_that_id_first_then_names_and_aliases() {
    let org = Org::from_yaml("org.yaml", ACME).unwrap();
    let who = |name: &str| org.resolve(name, day("2026-06-01"));
    assert_eq!(who("payments"), Resolved::Team(team("payments")));
    assert_eq!(who(" Pay "), Resolved::Team(team("payments")));
    assert_eq!(who("PAYMENTS"), Resolved::Ambiguous(vec![team("ads"), team("payments")]));
    assert_eq!(who("both"), Resolved::Ambiguous(vec![team("ads"), team("search")]));
    assert_eq!(who("nobody"), Resolved::Unknown);
    assert_eq!(who(""), Resolved::Unknown);
    assert_eq!(who("core"), Resolved::Team(team("old")));
    assert_eq!(org.resolve("CORE", day("2026-07-01")), Resolved::Team(team("new")));
    assert_eq!(org.resolve("old", day("2026-07-01")), Resolved::Unknown);
    let always = org.resolve_always("core");
    assert_eq!(
        always.iter().map(|(period, _)| period.from()).collect::<Vec<_>>(),
        [Period::ALWAYS.from(), day("2026-07-01")]
    );
    assert_eq!(org.nearest("payment"), Some("payments".to_owned()));
    assert_eq!(org.warnings().len(), 2);
}

#[test]
fn levels_lead_from_the_root_to_the_team() {
    let today = day("2026-09-16");
    let org = Org::from_yaml("org.yaml", ACME).unwrap();
    let path: Vec<&str> = org.path(&team("payments"), today).iter().map(|unit| unit.id.as_str()).collect();
    assert_eq!(path, ["acme", "shop", "payments"]);
    assert_eq!(org.level(&team("payments"), "division", today).map(|unit| unit.id.as_str()), Some("shop"));
    assert_eq!(org.level(&team("search"), "division", today), None);
    assert_eq!(org.kinds(), ["company", "division", "team"]);
    assert!(org.path(&team("nobody"), today).is_empty());
}

#[test]
fn the_digest_sees_what_an_org_says_and_not_its_layout() {
    let digest = |text: &str| Org::from_yaml("o", text).unwrap().digest();
    let block = "# comment\nunits:\n- id: b\n  parent: a\n- id: a\n  aliases: [y, x]\n";
    assert_eq!(digest(block), digest("units: [{id: a, aliases: [x, y]}, {id: b, name: b, parent: a}]"));
    assert_ne!(digest(block), digest("units: [{id: a, aliases: [x]}, {id: b, parent: a}]"));
}

/// An organisation that must be readable.
fn org(text: &str) -> Org {
    match Org::from_yaml("org.yaml", text) {
        Ok(org) => org,
        Err(faults) => panic!("{}", leap_terms::fault::list(&faults)),
    }
}

fn fails(text: &str, expected: Expect) {
    let faults = Org::from_yaml("org.yaml", text).expect_err(text);
    expected.assert_eq(&leap_terms::fault::list(&faults));
}

#[test]
fn every_mistake_has_its_message() {
    fails(
        "units:\n  - {id: a}\n  - {id: b, parent: aa}\n",
        expect![[r#"
        org.yaml:3:10: unit 'b' has the unknown parent 'aa'
            3 |   - {id: b, parent: aa}
              |          ^
          help: did you mean a?"#]],
    );
    fails(
        "units:\n  - {id: a, parent: c}\n  - {id: b, parent: a}\n  - {id: c, parent: b}\n  - {id: d, parent: a}\n",
        expect![[r#"
        org.yaml:2:10: the org has a cycle: a → c → b → a
            2 |   - {id: a, parent: c}
              |          ^
          help: each unit is below its parent; one of these parents is wrong"#]],
    );
    fails(
        "units:\n  - id: a\n    parent: a\n",
        expect![[r#"
        org.yaml:2:9: the org has a cycle: a → a
            2 |   - id: a
              |         ^
          help: each unit is below its parent; one of these parents is wrong"#]],
    );
    fails(
        "units:\n  - {id: a}\n  - {id: b}\n  - {id: a}\n",
        expect![[r#"
        org.yaml:4:10: two units have the id 'a': the first is on line 2
            4 |   - {id: a}
              |          ^
          help: give one of them another id, or make it an alias"#]],
    );
    fails(
        "units:\n  - {id: a, parnet: b}\n",
        expect![[r#"
        org.yaml:2:13: unknown field 'parnet'
            2 |   - {id: a, parnet: b}
              |             ^^^^^^
          help: did you mean parent?"#]],
    );
    fails(
        "units:\n  - {name: a}\n",
        expect![[r#"
        org.yaml:2:5: a unit without id
            2 |   - {name: a}
              |     ^"#]],
    );
    fails(
        "units:\n  - {id: 12}\n",
        expect![[r#"
        org.yaml:2:10: id must be text, found 12
            2 |   - {id: 12}
              |          ^^
          help: quote it: "12""#]],
    );
    fails(
        "units:\n  - {id: 'residual:x'}\n",
        expect![[r#"
        org.yaml:2:10: 'residual:x' is no team id: 'residual:' is kept for cost without an owner
            2 |   - {id: 'residual:x'}
              |          ^^^^^^^^^^^^"#]],
    );
    fails(
        "units:\n  - {id: a, effective: {from: 2026-13-01}}\n",
        expect![[r#"
        org.yaml:2:13: effective: '2026-13-01' is no day such as 2026-09-16
            2 |   - {id: a, effective: {from: 2026-13-01}}
              |             ^^^^^^^^^"#]],
    );
    fails(
        "units:\n  - {id: a, effective: {from: 2026-02-01, until: 2026-01-01}}\n",
        expect![[r#"
        org.yaml:2:13: effective is empty: it ends on 2026-01-01, before it starts on 2026-02-01
            2 |   - {id: a, effective: {from: 2026-02-01, until: 2026-01-01}}
              |             ^^^^^^^^^"#]],
    );
    fails(
        "units:\n  - {id: a, aliases: [1]}\n",
        expect![[r#"
        org.yaml:2:22: an alias must be text, found 1
            2 |   - {id: a, aliases: [1]}
              |                      ^^
          help: quote it: "1""#]],
    );
    fails(
        "unit:\n  - {id: a}\n",
        expect![[r#"
        org.yaml:1:1: unknown field 'unit'
            1 | unit:
              | ^^^^
          help: an org has the form units: [{id, name, kind, parent, aliases}]
        org.yaml: no list of units
          help: an org has the form units: [{id, name, kind, parent, aliases}]"#]],
    );
    fails(
        "- a\n",
        expect![[r#"
        org.yaml: no list of units
          help: an org has the form units: [{id, name, kind, parent, aliases}]"#]],
    );
    fails(
        "units:\n  - {id: a\n",
        expect![[r#"
        org.yaml:3:1: not readable as YAML: did not find expected ',' or '}'
            3 | 
              | ^"#]],
    );
    fails(
        "units: [a]\n",
        expect![[r#"
        org.yaml:1:9: a unit has the form {id: …, name: …}, found 'a'
            1 | units: [a]
              |         ^"#]],
    );
    let deep: String = (1..40).map(|at| format!("  - {{id: u{at}, parent: u{}}}\n", at - 1)).collect();
    fails(
        &format!("units:\n  - {{id: u0}}\n{deep}"),
        expect![[r#"
        org.yaml:34:10: unit 'u32' is more than 32 levels deep
           34 |   - {id: u32, parent: u31}
              |          ^^^"#]],
    );
}

#[test]
fn backstage_groups_become_units() {
    let text = "# groups\n---\napiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: acme, title: Acme Corp}\nspec: {type: organization, children: [infra, ghost, shop]}\n---\nkind: Group\nmetadata: {name: infra}\nspec: {type: team, profile: {displayName: Infra}, children: []}\n---\nkind: Group\nmetadata: {name: shop, namespace: Other}\nspec: {type: team, parent: 'group:default/infra'}\n---\nkind: User\nmetadata: {name: guest}\nspec: {memberOf: [infra]}\n---\nkind: Location\nmetadata: {name: l}\n---\n";
    let org = Org::from_backstage(&[("groups.yaml".to_owned(), text.to_owned())]).unwrap();
    let units: Vec<String> = org
        .units()
        .iter()
        .map(|unit| {
            format!("{} {} {:?}", unit.id, unit.spans[0].name, unit.spans[0].parent.as_ref().map(TeamId::as_str))
        })
        .collect();
    assert_eq!(units, ["acme Acme Corp None", "infra Infra Some(\"acme\")", "other/shop shop Some(\"infra\")"]);
    assert_eq!(org.resolve("group:default/infra", day("2026-01-01")), Resolved::Team(team("infra")));
    assert_eq!(org.warnings().len(), 2, "ghost and shop of the namespace default: {:?}", org.warnings());
    let faults = Org::from_backstage(&[(
        "g.yaml".to_owned(),
        "kind: Group\nmetadata: {name: a}\nspec: {parent: b}\n".to_owned(),
    )])
    .unwrap_err();
    assert!(faults[0].message.contains("unknown parent"), "{}", faults[0]);
    assert!(
        Org::from_backstage(&[("g.yaml".to_owned(), "a: b\n".to_owned())]).unwrap_err()[0]
            .message
            .contains("no Backstage entity")
    );
}

#[test]
fn the_staged_catalog_loads() {
    let folder =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/org/backstage-rhdh/catalog-entities/groups");
    let Ok(entries) = std::fs::read_dir(folder) else {
        eprintln!("skipped: no {folder}");
        return;
    };
    let files: Vec<(String, String)> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    let org = Org::from_backstage(&files).unwrap();
    assert_eq!(org.resolve("rhdh-team", day("2026-01-01")), Resolved::Team(team("rhdh-team")));
}
