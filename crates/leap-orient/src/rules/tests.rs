//! Rule sets: what they say, and every error message with file, line and caret.

use expect_test::{Expect, expect};

use super::*;

const ORG: &str = "units:
  - {id: acme, name: Acme, kind: company}
  - {id: payments, name: Payments, parent: acme, aliases: [pay]}
  - {id: search, name: Search, parent: acme}
  - {id: twin-a, name: Twin, parent: acme}
  - {id: twin-b, name: Twin, parent: acme}
";

fn org() -> Org {
    Org::from_yaml("org.yaml", ORG).unwrap()
}

fn file(path: &str) -> Result<Vec<u8>, String> {
    let text = match path {
        "owners.csv" => {
            "\u{feff}ResourceId,owner,effective_from,effective_until\nr-1,payments,,2026-09-16\nr-1,search,2026-09-16,\n"
        }
        "composite.csv" => "SubAccountId,Tags['env'],x_cost/center,owner\na-1,prod,7,payments\na-1,,,search\n",
        "header.csv" => "ResorceId,ownr\nr-1,payments\n",
        "no-key.csv" => "owner\npayments\n",
        "cost.csv" => "BilledCost,owner\n1,payments\n",
        "overlap.csv" => "ResourceId,owner,effective_from\nr-1,payments,\nr-2,search,\nr-1,search,2026-09-16\n",
        "owner.csv" => "ResourceId,owner\nr-1,payments\nr-2,paymentz\nr-3,\nr-4,twin\n",
        "dates.csv" => {
            "ResourceId,owner,effective_from,effective_until\nr-1,payments,16.09.2026,\nr-2,payments,2026-09-16,2026-09-16\nr-3,payments\n"
        }
        "many.csv" => return Ok(format!("ResourceId,owner\n{}", "r,nobody\n".repeat(30)).into_bytes()),
        "catalog.yaml" => "kind: Component\nmetadata: {name: checkout}\nspec: {owner: group:default/payments}\n",
        "broken.yaml" => "kind: [\n",
        "CODEOWNERS" => "* @acme/search\n",
        "latin.csv" => return Ok(b"ResourceId,owner\nr-1,pay\xe4\n".to_vec()),
        _ => return Err("no such file".to_owned()),
    };
    Ok(text.as_bytes().to_vec())
}

fn parse(text: &str) -> Result<RuleSet, Vec<Fault>> {
    RuleSet::parse("rules.yaml", text, &file, &org())
}

const WHOLE: &str = "rules:
  - id: team-tag
    when: \"Tags['team'] IS NOT NULL\"
    owner: {from: \"Tags['team']\"}
  - id: payments-account
    when: \"SubAccountId = '123456789012' AND ServiceName LIKE 'Amazon Relational%'\"
    owner: payments
    effective: {from: 2026-09-16}
  - id: by-resource
    mapping: owners.csv          # header: ResourceId,owner,effective_from,effective_until
  - {id: kafka, when: \"SkuId = 'k'\", pool: kafka, note: shared}
  - {id: catalog, backstage: catalog.yaml}
  - {id: code, codeowners: CODEOWNERS, key: \"Tags['repo_path']\"}
pools: [{id: kafka, steward: data}]
residual: {steward: cloud-efficiency, reasons: {unknown-team: people}}    # mapping paths are relative to this file
";

#[test]
fn a_rule_set_says_what_it_says() {
    let rules = parse(WHOLE).unwrap_or_else(|faults| panic!("{}", leap_terms::fault::list(&faults)));
    let ids: Vec<(&str, Option<usize>)> = rules.rules().iter().map(|rule| (rule.id.as_str(), rule.line)).collect();
    assert_eq!(
        ids,
        [
            ("team-tag", Some(2)),
            ("payments-account", Some(5)),
            ("by-resource", Some(9)),
            ("kafka", Some(11)),
            ("catalog", Some(12)),
            ("code", Some(13))
        ]
    );
    assert_eq!(rules.rules()[1].effective.from().to_string(), "2026-09-16");
    assert_eq!(rules.steward(&ResidualReason::NoRule), "cloud-efficiency");
    assert_eq!(rules.steward(&ResidualReason::UnknownTeam), "people");
    assert_eq!(rules.steward(&ResidualReason::Pool("kafka".to_owned())), "data");
    assert_eq!(rules.steward(&ResidualReason::Pool("other".to_owned())), "cloud-efficiency");
    assert_eq!(rules.extra_columns(), ["SkuId"]);
    assert!(rules.reads_resources());
    let odd: Vec<&str> = rules.warnings().iter().map(|warning| warning.message.as_str()).collect();
    let people = ["residual is 'cloud-efficiency'", "residual:unknown-team is 'people'", "pool kafka is 'data'"];
    assert_eq!(odd, people.map(|words| format!("the steward of {words}, which no unit of the org is called")));
}

#[test]
fn the_digest_sees_conditions_and_mappings_and_not_the_layout() {
    let digest = |text: &str| parse(text).unwrap().digest();
    let plain = digest(WHOLE);
    assert_eq!(plain, digest(&format!("# comment\n\n{WHOLE}")));
    assert_eq!(plain, digest(&WHOLE.replace("note: shared", "note: other")));
    assert_ne!(plain, digest(&WHOLE.replace("mapping: owners.csv", "mapping: composite.csv")));
    assert_ne!(plain, digest(&WHOLE.replace("owner: payments", "owner: search")));
    assert_ne!(plain, digest(&WHOLE.replace("2026-09-16", "2026-09-17")));
}

#[test]
fn a_mapping_has_composite_keys_in_which_empty_means_null() {
    let mut fields = Fields::default();
    let mapping = Mapping::parse("composite.csv", &file("composite.csv").unwrap(), &mut fields, &org()).unwrap();
    let find = |parts: [Option<&str>; 3]| mapping.find(parts.into_iter()).map(|row| row.row).collect::<Vec<_>>();
    assert_eq!(find([Some("a-1"), Some("prod"), Some("7")]), [1]);
    assert_eq!(find([Some("a-1"), None, None]), [2]);
    assert!(find([Some("a-1"), Some("prod"), None]).is_empty());
    assert_eq!(fields.all().len(), 3);
    assert_eq!(mapping.rows(), 2);
}

#[test]
fn an_empty_rule_set_has_a_steward_and_says_so() {
    let rules = parse("rules: []\n").unwrap();
    assert_eq!(rules.steward(&ResidualReason::NoRule), "acme");
    assert_eq!(rules.warnings().len(), 1);
    assert_eq!(parse("").unwrap().rules().len(), 0);
}

fn fails(text: &str, expected: Expect) {
    let text =
        if text.contains("rules:") { text.to_owned() } else { format!("rules:\n{text}residual: {{steward: s}}\n") };
    let faults = parse(&text).expect_err(&text);
    expected.assert_eq(&leap_terms::fault::list(&faults));
}

#[test]
fn every_mistake_in_a_rule_has_its_message() {
    fails(
        "  - id: a\n    wehn: \"RegionId = 'x'\"\n    owner: pay\n",
        expect![[r#"
        rules.yaml:3:5: unknown field 'wehn'
            3 |     wehn: "RegionId = 'x'"
              |     ^^^^
          help: a rule has id, when, owner, mapping, pool, backstage, codeowners, key, effective, note"#]],
    );
    fails(
        "  - id: a\n    owner: pay\n  - id: a\n    owner: search\n",
        expect![[r#"
        rules.yaml:4:9: two rules have the id 'a': the first is on line 2
            4 |   - id: a
              |         ^
          help: give one of them another id"#]],
    );
    fails(
        "  - id: a\n    when: \"RegionId = 'x'\"\n",
        expect![[r#"
        rules.yaml:2:9: rule 'a' says no owner
            2 |   - id: a
              |         ^
          help: add owner: team, owner: {from: "…"}, mapping: file.csv or pool: name"#]],
    );
    fails(
        "  - id: a\n    owner: pay\n    pool: kafka\n",
        expect![[r#"
        rules.yaml:4:5: rule 'a' has both owner and pool
            4 |     pool: kafka
              |     ^^^^
          help: a rule has one outcome: make two rules of it"#]],
    );
    fails(
        "  - id: a\n    owner: paymets\n",
        expect![[r#"
        rules.yaml:3:12: unknown team 'paymets'
            3 |     owner: paymets
              |            ^^^^^^^
          help: did you mean payments?"#]],
    );
    fails(
        "  - {id: a, owner: nobody-at-all}\n",
        expect![[r#"
        rules.yaml:2:20: unknown team 'nobody-at-all'
            2 |   - {id: a, owner: nobody-at-all}
              |                    ^^^^^^^^^^^^^
          help: no unit of the org has that id, name or alias: add it to org.yaml"#]],
    );
    fails(
        "  - {id: a, owner: twin}\n",
        expect![[r#"
        rules.yaml:2:20: 'twin' means several teams: twin-a, twin-b
            2 |   - {id: a, owner: twin}
              |                    ^^^^
          help: name one by its id"#]],
    );
    fails(
        "  - id: a\n    owner: pay\n    effective: {from: 2026-09-16, until: 2026-09-01}\n",
        expect![[r#"
        rules.yaml:4:5: effective is empty: it ends on 2026-09-01, before it starts on 2026-09-16
            4 |     effective: {from: 2026-09-16, until: 2026-09-01}
              |     ^^^^^^^^^"#]],
    );
    fails(
        "  - id: a\n    owner: pay\n    effective: {from: 16.9.2026}\n",
        expect![[r#"
        rules.yaml:4:5: effective: '16.9.2026' is no day such as 2026-09-16
            4 |     effective: {from: 16.9.2026}
              |     ^^^^^^^^^"#]],
    );
    fails(
        "  - id: a\n    mapping: missing.csv\n",
        expect![[r#"
        rules.yaml:3:14: cannot read 'missing.csv': no such file
            3 |     mapping: missing.csv
              |              ^^^^^^^^^^^
          help: paths are relative to the rules file"#]],
    );
    fails(
        "  - id: a\n    owner: {form: \"Tags['team']\"}\n",
        expect![[r#"
        rules.yaml:3:5: owner has the form team, or {from: "SQL expression"}
            3 |     owner: {form: "Tags['team']"}
              |     ^^^^^"#]],
    );
    fails(
        "  - id: a\n    owner: {pool: kafka}\n",
        expect![[r#"
        rules.yaml:3:5: owner has the form team, or {from: "SQL expression"}
            3 |     owner: {pool: kafka}
              |     ^^^^^
          help: write pool: kafka instead of owner"#]],
    );
    fails(
        "  - id: a\n    owner: 'pool:kafka'\n",
        expect![[r#"
        rules.yaml:3:12: unknown team 'pool:kafka'
            3 |     owner: 'pool:kafka'
              |            ^^^^^^^^^^^^
          help: a pool is no owner: give its cost to it by a rule with pool: kafka instead of owner"#]],
    );
    fails(
        "  - id: a\n    pool: {pool: kafka}\n",
        expect![[r#"
        rules.yaml:3:5: pool is the name of a pool, not a mapping
            3 |     pool: {pool: kafka}
              |     ^^^^
          help: write pool: name; what shares a pool stands in pools.yaml"#]],
    );
    fails(
        "  - id: a\n    owner: {from: \"Tags['team'] IS NULL\"}\n",
        expect![[r#"
        rules.yaml:3:20: expected text, found a condition
            3 |     owner: {from: "Tags['team'] IS NULL"}
              |                    ^^^^^^^^^^^^^^^^^^^^"#]],
    );
    fails(
        "  - id: a\n    owner: {from: \"lower(Tag['team'])\"}\n",
        expect![[r#"
        rules.yaml:3:26: unknown column 'Tag'
            3 |     owner: {from: "lower(Tag['team'])"}
              |                          ^^^
          help: did you mean Tags?"#]],
    );
    fails(
        "  - owner: pay\n",
        expect![[r#"
        rules.yaml:2:5: a rule without id
            2 |   - owner: pay
              |     ^
          help: add id: a-short-name"#]],
    );
    fails(
        "  - {id: 7, owner: pay}\n",
        expect![[r#"
        rules.yaml:2:10: id must be text, found 7
            2 |   - {id: 7, owner: pay}
              |          ^
          help: quote it: "7""#]],
    );
    fails(
        "  - {id: a, when: true, owner: pay}\n",
        expect![[r#"
        rules.yaml:2:19: when must be text, found true
            2 |   - {id: a, when: true, owner: pay}
              |                   ^^^^
          help: quote it: "true""#]],
    );
    fails(
        "  - just text\n",
        expect![[r#"
        rules.yaml:2:5: a rule has the form {id: …, when: …, owner: …}, found 'just text'
            2 |   - just text
              |     ^"#]],
    );
    fails(
        "  - {id: a, codeowners: CODEOWNERS}\n",
        expect![[r#"
        rules.yaml:2:13: codeowners needs key:, the expression that gives a path
            2 |   - {id: a, codeowners: CODEOWNERS}
              |             ^^^^^^^^^^
          help: for example key: "Tags['repo_path']""#]],
    );
    fails(
        "  - {id: a, owner: pay, key: SkuId}\n",
        expect![[r#"
        rules.yaml:2:25: key belongs to backstage: and codeowners:
            2 |   - {id: a, owner: pay, key: SkuId}
              |                         ^^^
          help: a condition is written as when:"#]],
    );
    fails(
        "  - {id: a, backstage: broken.yaml}\n",
        expect![[r#"
        broken.yaml:2:1: not readable as YAML: did not find expected node content
            2 | 
              | ^"#]],
    );
    fails(
        "  - {id: a, pool: ''}\n",
        expect![[r#"
        rules.yaml:2:19: '' is no name of a pool: an id has 1 to 128 bytes
            2 |   - {id: a, pool: ''}
              |                   ^^"#]],
    );
}

#[test]
fn a_mistake_in_a_condition_is_pointed_at_inside_the_file() {
    fails(
        "  - id: a\n    when: \"RegionId = 'x' AND ServicName = 'y'\"\n    owner: pay\n",
        expect![[r#"
        rules.yaml:3:31: unknown column 'ServicName'
            3 |     when: "RegionId = 'x' AND ServicName = 'y'"
              |                               ^^^^^^^^^^
          help: did you mean ServiceName?"#]],
    );
    fails(
        "  - id: a\n    when: 'RegionId = ''x'' AND SubAccountId = 12'\n    owner: pay\n",
        expect![[r#"
        rules.yaml:3:48: SubAccountId is text and cannot be compared with a number
            3 |     when: 'RegionId = ''x'' AND SubAccountId = 12'
              |                                                ^^
          help: quote it: '12'"#]],
    );
    fails(
        "  - id: a\n    when: >\n      RegionId = 'x'\n      AND BilledCost > 5\n    owner: pay\n",
        expect![[r#"
        rules.yaml:5:11: BilledCost is an amount, and an owner cannot depend on it
            5 |       AND BilledCost > 5
              |           ^^^^^^^^^^
          help: two charges of one resource must have one owner: use accounts, services, tags or resources"#]],
    );
    fails(
        "  - id: a\n    when: RegionId = 'x' AND\n    owner: pay\n",
        expect![[r#"
        rules.yaml:3:29: expected a column, a tag, a text in single quotes or a function, found the end
            3 |     when: RegionId = 'x' AND
              |                             ^"#]],
    );
    fails(
        "  - {id: a, when: \"lower(RegionId) \", owner: pay}\n",
        expect![[r#"
        rules.yaml:2:20: a condition must be true or false, and this is text
            2 |   - {id: a, when: "lower(RegionId) ", owner: pay}
              |                    ^^^^^^^^^^^^^^^
          help: compare it: … = 'value', or … IS NOT NULL"#]],
    );
}

#[test]
fn every_mistake_in_a_mapping_has_its_row() {
    fails(
        "  - {id: a, mapping: header.csv}\n",
        expect![[r#"
        header.csv:1:1: unknown column 'ResorceId'
            1 | ResorceId,ownr
              | ^^^^^^^^^
          help: did you mean ResourceId?
        header.csv:1:11: unknown column 'ownr'
            1 | ResorceId,ownr
              |           ^^^^
          help: did you mean owner?
        header.csv:1:1: the mapping has no column owner
            1 | ResorceId,ownr
              | ^
          help: the header names key columns, then owner, effective_from, effective_until"#]],
    );
    fails(
        "  - {id: a, mapping: no-key.csv}\n",
        expect![[r#"
        no-key.csv:1:1: the mapping has no key column
            1 | owner
              | ^
          help: the header names key columns, then owner, effective_from, effective_until"#]],
    );
    fails(
        "  - {id: a, mapping: cost.csv}\n",
        expect![[r#"
        cost.csv:1:1: BilledCost is an amount, and an owner cannot depend on it
            1 | BilledCost,owner
              | ^^^^^^^^^^
          help: two charges of one resource must have one owner: use accounts, services, tags or resources"#]],
    );
    fails(
        "  - {id: a, mapping: overlap.csv}\n",
        expect![[r#"
        overlap.csv:4: row 3: 'r-1' has another owner in row 1 on some of these days
          help: end one period where the next starts: effective_until is the first day outside"#]],
    );
    fails(
        "  - {id: a, mapping: owner.csv}\n",
        expect![[r#"
        owner.csv:3: row 2: unknown team 'paymentz'
          help: did you mean payments?
        owner.csv:4: row 3: no owner
          help: leave the row out where nobody owns it
        owner.csv:5: row 4: 'twin' means several teams: twin-a, twin-b
          help: name one by its id"#]],
    );
    fails(
        "  - {id: a, mapping: dates.csv}\n",
        expect![[r#"
        dates.csv:2: row 1: '16.09.2026' is no day such as 2026-09-16
        dates.csv:3: row 2: ends on 2026-09-16, before it starts on 2026-09-16
        dates.csv:4: row 3: 2 cells, the header has 4"#]],
    );
    fails("  - {id: a, mapping: latin.csv}\n", expect!["latin.csv:2: not UTF-8 text"]);
    assert_eq!(parse("rules: [{id: a, mapping: many.csv}]").unwrap_err().len(), 21);
}

#[test]
fn every_mistake_beside_the_rules_has_its_message() {
    fails(
        "rules: []\nresidul: {steward: s}\n",
        expect![[r#"
        rules.yaml:2:1: unknown field 'residul'
            2 | residul: {steward: s}
              | ^^^^^^^
          help: did you mean residual?"#]],
    );
    fails(
        "rules: []\nresidual: {stewart: s}\n",
        expect![[r#"
        rules.yaml:2:1: residual: bad field 'stewart'
            2 | residual: {stewart: s}
              | ^^^^^^^^
          help: residual has the form {steward: team, reasons: {unknown-team: team}}"#]],
    );
    fails(
        "rules: []\nresidual: {steward: s, reasons: {bored: t}}\n",
        expect![[r#"
        rules.yaml:2:1: residual: unknown reason 'bored'
            2 | residual: {steward: s, reasons: {bored: t}}
              | ^^^^^^^^
          help: reasons are no-rule, unknown-team, ambiguous, pool"#]],
    );
    fails(
        "rules: []\nresidual: s\n",
        expect![[r#"
        rules.yaml:2:1: residual has the form {steward: team, reasons: {unknown-team: team}}
            2 | residual: s
              | ^^^^^^^^"#]],
    );
    fails(
        "rules: []\npools: [{id: k}, {id: k}, {name: x}]\nresidual: {steward: s}\n",
        expect![[r#"
        rules.yaml:2:1: two pools have the id 'k'
            2 | pools: [{id: k}, {id: k}, {name: x}]
              | ^^^^^
        rules.yaml:2:1: pools has the form [{id: name, steward: team}]
            2 | pools: [{id: k}, {id: k}, {name: x}]
              | ^^^^^"#]],
    );
    fails(
        "rules: yes please\n",
        expect![[r#"
        rules.yaml: rules must be a list, found 'yes please'
          help: a rules file has rules:, residual: and pools:"#]],
    );
    fails(
        "rules:\n  - id: a\n   owner: b\n",
        expect![[r#"
        rules.yaml:3:4: not readable as YAML: did not find expected '-' indicator
            3 |    owner: b
              |    ^"#]],
    );
}

#[test]
fn a_pool_that_the_list_lacks_is_a_warning() {
    let rules =
        parse("rules: [{id: a, pool: kafk}]\npools: [{id: kafka, steward: d}]\nresidual: {steward: s}\n").unwrap();
    let lacks = rules.warnings().iter().find(|warning| warning.message.contains("does not list"));
    assert_eq!(lacks.and_then(|warning| warning.help.as_deref()), Some("did you mean kafka?"));
}

#[test]
fn a_steward_who_is_no_unit_is_a_warning_with_the_nearest_unit() {
    let rules =
        parse("pools: [{id: kafka, steward: paymets}]\nresidual: {steward: serch, reasons: {ambiguous: payments}}\n");
    let rules = rules.unwrap();
    let help: Vec<&str> = rules.warnings().iter().filter_map(|warning| warning.help.as_deref()).collect();
    assert_eq!(help, ["did you mean search?", "did you mean payments?"]);
    assert!(rules.warnings().iter().all(|warning| warning.line.is_some()));
    let nowhere = RuleSet::parse("rules.yaml", "residual: {steward: serch}\n", &file, &Org::default()).unwrap();
    assert!(nowhere.warnings().is_empty(), "without an org nobody is known yet");
}
