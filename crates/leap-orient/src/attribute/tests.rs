//! Attribution, told as small bills; and the engine against its naive twin over random rules and bills.

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use leap_terms::{CostKind, Costs, Currency, Day, Exact, Money, RuleId};
use proptest::prelude::*;

use super::naive::{self, Facts};
use super::tests_bills::{Bill, Charge, bill, charge, key_of, resource_of, sixteen};
use super::*;
use crate::org::Org;
use crate::proof::{Folded, OwnerTotals};
use crate::rules::RuleSet;

const ORG: &str = "units:
  - {id: acme, name: Acme, kind: company}
  - {id: payments, name: Payments, parent: acme, aliases: [pay, PAYMENTS]}
  - {id: search, name: Search, parent: acme}
  - {id: old, name: Old, parent: acme, aliases: [legacy], effective: {until: 2026-09-16}}
  - {id: new, name: New, parent: acme, aliases: [legacy], effective: {from: 2026-09-16}}
  - {id: twin-a, name: Twin, parent: acme}
  - {id: twin-b, name: Twin, parent: acme}
";

fn org() -> Org {
    Org::from_yaml("org.yaml", ORG).unwrap()
}

fn file(path: &str) -> Result<Vec<u8>, String> {
    let text = match path {
        "owners.csv" => {
            "ResourceId,owner,effective_from,effective_until\nr-1,payments,,2026-09-16\nr-1,search,2026-09-16,\nr-2,legacy,,\n"
        }
        "accounts.csv" => "SubAccountId,RegionId,owner\na-1,,payments\na-1,eu,search\n",
        "mixed.csv" => "SubAccountId,ResourceName,owner\na-1,pay-db,payments\na-2,,search\n",
        "catalog.yaml" => {
            "kind: Component\nmetadata: {name: checkout}\nspec: {owner: group:default/payments}\n---\nkind: Component\nmetadata: {name: ghost}\nspec: {owner: nobody}\n"
        }
        "CODEOWNERS" => "* @acme/search\n/pay/ @acme/payments\n/pay/gen/\n",
        _ => return Err("no such file".to_owned()),
    };
    Ok(text.as_bytes().to_vec())
}

fn rules(text: &str, org: &Org) -> RuleSet {
    let text = format!("rules:\n{text}residual: {{steward: s}}\n");
    RuleSet::parse("rules.yaml", &text, &file, org)
        .unwrap_or_else(|faults| panic!("{}\n{text}", leap_terms::fault::list(&faults)))
}

fn run(engine: &Engine<'_>, bill: &Bill) -> ScopeAttribution {
    let mut run = engine.scope().count_matches();
    run.keys(&bill.keys).unwrap();
    run.resources(&bill.resources).unwrap();
    run.cube(&bill.cube).unwrap();
    run.finish()
}

/// Owners and evidence of each charge, one line each, then the totals.
fn story(rule_text: &str, charges: &[Charge]) -> String {
    let org = org();
    let rules = rules(rule_text, &org);
    let engine = Engine::new(&rules, &org);
    let bill = bill(charges);
    let done = run(&engine, &bill);
    let mut answers = Answers::new();
    done.batches.iter().for_each(|batch| answers.add(batch).unwrap());
    let mut out = String::new();
    for charge in charges {
        let key = sixteen(&format!("{:?}", key_of(&charge.facts)));
        let resource = resource_of(&charge.facts).map(|resource| sixteen(&format!("{resource:?}")));
        let answer = answers.find(&key, resource.as_ref().map(<[u8; 16]>::as_slice), charge.day).unwrap();
        let (owner, rule) = naive::owner(&rules, &org, &charge.facts, charge.day);
        assert_eq!((answer.owner, answer.rule), (&owner, rule.as_ref()), "{charge:?}");
        let rule = answer.rule.map_or("-", RuleId::as_str);
        out += &format!(
            "{} {} | {} | {} | {}\n",
            charge.day,
            charge.cost,
            answer.owner,
            rule,
            answer.evidence.unwrap_or("-")
        );
    }
    let total: Money = done.totals.values().map(|folded| folded.costs.effective).sum();
    assert_eq!(total, charges.iter().map(|charge| charge.cost).sum::<Money>());
    out
}

fn check(rules: &str, charges: &[Charge], expected: expect_test::Expect) {
    expected.assert_eq(&story(rules, charges));
}

#[test]
fn the_first_rule_that_matches_decides_and_a_null_owner_does_not_match() {
    check(
        "  - {id: tag, owner: {from: \"Tags['team']\"}}\n  - {id: region, when: \"RegionId = 'eu'\", owner: search}\n",
        &[
            charge("2026-09-01", &[("Tags['team']", "pay"), ("RegionId", "eu")], "1"),
            charge("2026-09-01", &[("Tags['team']", " Payments "), ("RegionId", "us")], "2"),
            charge("2026-09-01", &[("Tags['team']", "nobody"), ("RegionId", "eu")], "3"),
            charge("2026-09-01", &[("Tags['team']", "twin"), ("RegionId", "eu")], "4"),
            charge("2026-09-01", &[("Tags['team']", "  "), ("RegionId", "eu")], "5"),
            charge("2026-09-01", &[("RegionId", "eu")], "6"),
            charge("2026-09-01", &[("RegionId", "us")], "7"),
            charge("2026-09-01", &[("Tags['team']", "search"), ("AllocatedTags['team']", "pay")], "8"),
        ],
        expect_test::expect![[r#"
            2026-09-01 1 | payments | tag | Tags['team'] = 'pay'
            2026-09-01 2 | payments | tag | Tags['team'] = ' Payments '
            2026-09-01 3 | residual:unknown-team | tag | Tags['team'] = 'nobody'
            2026-09-01 4 | residual:ambiguous | tag | Tags['team'] = 'twin'
            2026-09-01 5 | search | region | -
            2026-09-01 6 | search | region | -
            2026-09-01 7 | residual:no-rule | - | -
            2026-09-01 8 | payments | tag | Tags['team'] = 'pay'
        "#]],
    );
}

#[test]
fn a_dated_mapping_hands_over_on_its_day_and_goes_on_where_it_has_no_row() {
    check(
        "  - {id: by-resource, mapping: owners.csv}\n  - {id: by-account, mapping: accounts.csv}\n",
        &[
            charge("2026-09-15", &[("ResourceId", "r-1")], "1"),
            charge("2026-09-16", &[("ResourceId", "r-1")], "2"),
            charge("2026-09-15", &[("ResourceId", "r-2")], "3"),
            charge("2026-09-16", &[("ResourceId", "r-2")], "4"),
            charge("2026-09-16", &[("ResourceId", "r-3"), ("SubAccountId", "a-1")], "5"),
            charge("2026-09-16", &[("SubAccountId", "a-1"), ("RegionId", "eu")], "6"),
            charge("2026-09-16", &[("SubAccountId", "a-1"), ("RegionId", "us")], "7"),
        ],
        expect_test::expect![[r#"
            2026-09-15 1 | payments | by-resource | owners.csv row 1
            2026-09-16 2 | search | by-resource | owners.csv row 2
            2026-09-15 3 | old | by-resource | owners.csv row 3
            2026-09-16 4 | new | by-resource | owners.csv row 3
            2026-09-16 5 | payments | by-account | accounts.csv row 1
            2026-09-16 6 | search | by-account | accounts.csv row 2
            2026-09-16 7 | residual:no-rule | - | -
        "#]],
    );
}

#[test]
fn dated_rules_and_dated_teams_change_the_owner_within_a_key() {
    check(
        "  - {id: now, when: \"RegionId = 'eu'\", owner: search, effective: {from: 2026-09-10, until: 2026-09-20}}\n  - {id: gone, when: \"RegionId = 'eu'\", owner: old}\n  - {id: kafka, when: \"ServiceName = 'Kafka'\", pool: kafka}\n",
        &[
            charge("2026-09-09", &[("RegionId", "eu")], "1"),
            charge("2026-09-10", &[("RegionId", "eu")], "2"),
            charge("2026-09-19", &[("RegionId", "eu")], "3"),
            charge("2026-09-20", &[("RegionId", "eu")], "4"),
            charge("2026-09-20", &[("ServiceName", "Kafka")], "-5"),
        ],
        expect_test::expect![[r#"
            2026-09-09 1 | old | gone | -
            2026-09-10 2 | search | now | -
            2026-09-19 3 | search | now | -
            2026-09-20 4 | residual:unknown-team | gone | owner = 'old'
            2026-09-20 -5 | residual:pool:kafka | kafka | -
        "#]],
    );
}

#[test]
fn catalogs_and_code_owners_name_teams() {
    check(
        "  - {id: catalog, backstage: catalog.yaml}\n  - {id: code, codeowners: CODEOWNERS, key: \"Tags['repo_path']\"}\n",
        &[
            charge("2026-09-01", &[("Tags['component']", "Checkout")], "1"),
            charge("2026-09-01", &[("Tags['service']", "ghost")], "2"),
            charge("2026-09-01", &[("Tags['service']", "other"), ("Tags['repo_path']", "pay/a.rs")], "3"),
            charge("2026-09-01", &[("Tags['repo_path']", "pay/gen/a.rs")], "4"),
            charge("2026-09-01", &[("Tags['repo_path']", "x")], "5"),
        ],
        expect_test::expect![[r#"
            2026-09-01 1 | payments | catalog | catalog.yaml component:default/checkout owner 'payments'
            2026-09-01 2 | residual:unknown-team | catalog | catalog.yaml component:default/ghost owner 'nobody'
            2026-09-01 3 | payments | code | CODEOWNERS line 2 @acme/payments
            2026-09-01 4 | residual:no-rule | - | -
            2026-09-01 5 | search | code | CODEOWNERS line 1 @acme/search
        "#]],
    );
}

#[test]
fn resources_are_exceptions_only_where_they_differ() {
    let org = org();
    let rules = rules(
        "  - {id: name, when: \"ResourceName LIKE 'pay-%'\", owner: payments}\n  - {id: rest, when: \"RegionId = 'eu'\", owner: payments}\n  - {id: us, when: \"RegionId = 'us'\", owner: search}\n",
        &org,
    );
    let engine = Engine::new(&rules, &org);
    let charges = [
        charge("2026-09-01", &[("RegionId", "us"), ("ResourceName", "pay-1")], "1"),
        charge("2026-09-01", &[("RegionId", "us"), ("ResourceName", "pay-2")], "1"),
        charge("2026-09-01", &[("RegionId", "us"), ("ResourceName", "db-1")], "1"),
        charge("2026-09-01", &[("RegionId", "us")], "1"),
    ];
    let done = run(&engine, &bill(&charges));
    assert_eq!((done.keys, done.exceptions), (1, 2));
    assert_eq!(done.batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 3);
    assert_eq!(done.cases, 3);
    assert_eq!((done.rules[0].decides, done.rules[0].matches), (1, 1));
    assert_eq!(done.rules[2].matches, 3);
}

#[test]
fn a_diff_moves_money_and_adds_up_to_zero() {
    let org = org();
    let before = rules("  - {id: a, when: \"RegionId = 'eu'\", owner: payments}\n", &org);
    let after = rules(
        "  - {id: a, when: \"RegionId IN ('eu', 'us')\", owner: search, effective: {from: 2026-09-16}}\n  - {id: b, owner: payments}\n",
        &org,
    );
    let (before, after) = (Engine::new(&before, &org), Engine::new(&after, &org));
    let bill = bill(&[
        charge("2026-09-15", &[("RegionId", "eu")], "1.5"),
        charge("2026-09-16", &[("RegionId", "eu")], "2"),
        charge("2026-09-16", &[("RegionId", "us")], "-3"),
    ]);
    let mut diff = DiffRun::new(&before, &after);
    diff.keys(&bill.keys).unwrap();
    diff.resources(&bill.resources).unwrap();
    diff.cube(&bill.cube).unwrap();
    let moved: Vec<String> = diff
        .moved()
        .iter()
        .map(|moved| format!("{} → {}: {}", moved.from, moved.to, moved.folded.costs.billed))
        .collect();
    assert_eq!(moved, ["payments → search: 2", "residual:no-rule → search: -3"]);
    let net: Costs = diff.net().values().fold(Costs::default(), |sum, costs| sum + *costs);
    assert_eq!(net, Costs::default());
    assert_eq!(diff.total().values().next().unwrap().rows, 3);
}

#[test]
fn a_cell_without_a_key_is_an_error() {
    let org = org();
    let rules = rules("  - {id: b, owner: payments}\n", &org);
    let engine = Engine::new(&rules, &org);
    let bill = bill(&[charge("2026-09-15", &[("RegionId", "eu")], "1.5")]);
    assert!(matches!(engine.scope().cube(&bill.cube), Err(AttributeError::UnknownKey(_))));
    assert!(engine.missing_columns(&[]).is_empty());
}

#[test]
fn rules_that_read_other_columns_say_which() {
    let org = org();
    let rules = rules(
        "  - {id: b, when: \"SkuId = 'x' AND ResourceId = 'y' AND x_CostCenter = 'z' AND Tags['a'] = 'b'\", owner: payments}\n",
        &org,
    );
    assert_eq!(rules.extra_columns(), ["SkuId", "x_CostCenter"]);
    assert!(rules.reads_resources());
    let engine = Engine::new(&rules, &org);
    assert_eq!(engine.missing_columns(&["Tags".to_owned(), "x_CostCenter".to_owned()]), ["SkuId"]);
}

fn value() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "", "a", "b", "pay", "Payments", "legacy", "twin", "eu", "a-1", "r-1", "r-2", "pay-db", "pay/x", "checkout",
    ])
    .prop_map(str::to_owned)
}

const FACTS: [&str; 10] = [
    "RegionId",
    "ServiceName",
    "SubAccountId",
    "x_CostCenter",
    "ResourceId",
    "ResourceName",
    "Tags['team']",
    "Tags['component']",
    "AllocatedTags['team']",
    "Tags['repo_path']",
];

fn term() -> impl Strategy<Value = String> {
    let field = prop::sample::select(FACTS.to_vec());
    (field, prop::sample::select(FACTS.to_vec()), value(), value(), 0..14).prop_map(|(field, other, a, b, form)| {
        match form {
            0 | 1 => format!("{field} = '{a}'"),
            2 => format!("{field} <> '{a}'"),
            3 => format!("{field} IN ('{a}', '{b}')"),
            4 => format!("{field} NOT IN ('{a}', '{b}', NULL)"),
            5 => format!("{field} LIKE '{a}%'"),
            6 => format!("{field} NOT LIKE '%{a}_'"),
            7 => format!("{field} IS NULL"),
            8 => format!("{field} IS NOT NULL"),
            9 => format!("lower({field}) = '{a}'"),
            10 => format!("{field} ~ '^{a}'"),
            11 => format!("{field} = {other}"),
            12 => format!("coalesce({field}, {other}, '') < '{a}'"),
            _ => format!("CASE WHEN {field} = '{a}' THEN {other} ELSE left({field}, 1) END = '{b}'"),
        }
    })
}

fn condition() -> impl Strategy<Value = String> {
    term().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" AND "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" OR "))),
            inner.clone().prop_map(|part| format!("NOT ({part})")),
            inner.prop_map(|part| format!("({part}) IS NOT TRUE")),
        ]
    })
}

fn rule() -> impl Strategy<Value = String> {
    let outcome = prop::sample::select(vec![
        "owner: payments",
        "owner: search",
        "owner: old",
        "pool: kafka",
        "owner: {from: \"Tags['team']\"}",
        "owner: {from: \"coalesce(Tags['team'], ResourceName)\"}",
        "owner: {from: \"left(ResourceName, 3)\"}",
        "mapping: owners.csv",
        "mapping: accounts.csv",
        "mapping: mixed.csv",
        "backstage: catalog.yaml",
        "codeowners: CODEOWNERS, key: \"Tags['repo_path']\"",
    ]);
    let effective = prop::sample::select(vec![
        "",
        ", effective: {from: 2026-09-16}",
        ", effective: {until: 2026-09-10}",
        ", effective: {from: 2026-09-05, until: 2026-09-20}",
    ]);
    (prop::option::of(condition()), outcome, effective).prop_map(|(when, outcome, effective)| {
        let when = when.map_or_else(String::new, |when| format!(", when: {}", serde_json::Value::from(when)));
        format!("{outcome}{when}{effective}")
    })
}

fn bill_strategy() -> impl Strategy<Value = Vec<Charge>> {
    let facts = prop::collection::vec(value(), FACTS.len());
    let cost = (any::<i64>(), 0..1_000_000_000_000_i128)
        .prop_map(|(coarse, fine)| Exact::from_parts(i128::from(coarse), fine));
    let one = (facts, 0..30, prop_oneof![cost, Just(Exact::ZERO)], 1..3_i64, any::<bool>()).prop_map(
        |(facts, day, cost, rows, euro)| {
            let mut facts: Facts = FACTS.iter().zip(facts).map(|(name, value)| ((*name).to_owned(), value)).collect();
            facts.insert("BillingCurrency".to_owned(), if euro { "EUR" } else { "USD" }.to_owned());
            Charge { day: "2026-09-01".parse::<Day>().unwrap().plus(day), facts, cost, rows }
        },
    );
    prop::collection::vec(one, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_is_its_naive_twin_and_conserves(texts in prop::collection::vec(rule(), 0..12), charges in bill_strategy(), seed in any::<u64>()) {
        let org = org();
        let text: String = texts.iter().enumerate().map(|(at, text)| format!("  - {{id: r{at}, {text}}}\n")).collect();
        let rules = rules(&text, &org);
        let engine = Engine::new(&rules, &org);
        let done = run(&engine, &bill(&charges));
        let mut answers = Answers::new();
        done.batches.iter().for_each(|batch| answers.add(batch).unwrap());
        let mut totals = OwnerTotals::new();
        for charge in &charges {
            let (owner, rule) = naive::owner(&rules, &org, &charge.facts, charge.day);
            let key = sixteen(&format!("{:?}", key_of(&charge.facts)));
            let resource = resource_of(&charge.facts).map(|resource| sixteen(&format!("{resource:?}")));
            let answer = answers.find(&key, resource.as_ref().map(<[u8; 16]>::as_slice), charge.day).unwrap();
            prop_assert_eq!((answer.owner, answer.rule), (&owner, rule.as_ref()), "{:?}", charge);
            let costs = Costs { billed: charge.cost, effective: charge.cost, list: charge.cost, contracted: charge.cost };
            let currency = Currency::new(&charge.facts["BillingCurrency"]).unwrap();
            *totals.entry((owner, rule, currency)).or_default() += Folded { costs, rows: charge.rows };
        }
        prop_assert_eq!(&done.totals, &totals);
        for kind in CostKind::ALL {
            let sum: Money = done.totals.values().map(|folded| folded.costs[kind]).sum();
            prop_assert_eq!(sum, charges.iter().map(|charge| charge.cost).sum::<Money>());
        }
        // Any order of rows gives the same table.
        let mut shuffled = charges.clone();
        let mut state = seed | 1;
        for at in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            shuffled.swap(at, (state >> 33) as usize % (at + 1));
        }
        let again = run(&engine, &bill(&shuffled));
        prop_assert_eq!(done.batches, again.batches);
        prop_assert_eq!(done.totals, again.totals);
        prop_assert_eq!(done.rules, again.rules);
    }
}

/// The org after a change: a unit renamed, one gone, an alias moved, one new.
const NEXT_ORG: &str = "units:
  - {id: acme, name: Acme, kind: company}
  - {id: payments, name: Payments, parent: acme, aliases: [pay, legacy], effective: {until: 2026-09-20}}
  - {id: search, name: Find, parent: acme, aliases: [PAYMENTS]}
  - {id: old, name: Old, parent: acme, effective: {until: 2026-09-12}}
  - {id: new, name: New, parent: acme, aliases: [nobody], effective: {from: 2026-09-16}}
  - {id: twin-a, name: Twin, parent: acme}
";

fn alternative(first: &[String], second: &[String], keep: &[bool]) -> Vec<String> {
    let mut list: Vec<String> = first
        .iter()
        .zip(keep.iter().chain(std::iter::repeat(&true)))
        .filter(|(_, keep)| **keep)
        .map(|(text, _)| text.clone())
        .collect();
    for (at, text) in second.iter().enumerate() {
        list.insert((at * 7) % (list.len() + 1), text.clone());
    }
    list
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn attributing_again_gives_the_bytes_of_attributing_from_scratch(
        first in prop::collection::vec(rule(), 0..8),
        second in prop::collection::vec(rule(), 0..3),
        keep in prop::collection::vec(any::<bool>(), 0..8),
        charges in bill_strategy(),
        dated in prop::option::of(0..30),
        reorg in any::<bool>(),
    ) {
        let (old_org, new_org) = (org(), if reorg { Org::from_yaml("org.yaml", NEXT_ORG).unwrap() } else { org() });
        let named: Vec<(String, String)> = first.iter().cloned().enumerate().map(|(at, text)| (format!("r{at}"), text)).collect();
        let lines: Vec<String> = named.iter().map(|(id, text)| format!("  - {{id: {id}, {text}}}\n")).collect();
        let others: Vec<String> = second.iter().enumerate().map(|(at, text)| format!("  - {{id: s{at}, {text}}}\n")).collect();
        let full = |lines: &[String]| format!("rules:\n{}residual: {{steward: s}}\n", lines.concat());
        let (old_text, new_text) = (full(&lines), full(&alternative(&lines, &others, &keep)));
        let Ok(old_rules) = RuleSet::parse("rules.yaml", &old_text, &file, &old_org) else { return Ok(()) };
        let day = |count: i32| "2026-09-01".parse::<Day>().unwrap().plus(count);
        let version = |from, text| crate::rules::RulesVersion { from, file: "rules.yaml", text, read_file: &file };
        let versions = match dated {
            None => vec![version(Day::EARLIEST, new_text.as_str())],
            Some(count) => vec![version(Day::EARLIEST, old_text.as_str()), version(day(count), new_text.as_str())],
        };
        let Ok(new_rules) = RuleSet::history(&versions, &new_org) else { return Ok(()) };
        let (before, after) = (Engine::new(&old_rules, &old_org), Engine::new(&new_rules, &new_org));
        let (first_day, last_day) = (charges.iter().map(|charge| charge.day).min().unwrap(), charges.iter().map(|charge| charge.day).max().unwrap());
        let bill = bill(&charges);
        let run = |engine: &Engine<'_>| {
            let mut run = engine.scope().on(first_day, last_day);
            run.keys(&bill.keys).unwrap();
            run.resources(&bill.resources).unwrap();
            run.cube(&bill.cube).unwrap();
            run.finish()
        };
        let (stored, expected) = (run(&before), run(&after));
        let names = old_org.names_changed(&new_org);
        let again = Again::new((&old_rules, &old_org), &after, &names);
        let mut looking = again.scope(first_day, last_day);
        stored.batches.iter().for_each(|batch| looking.answers(batch).unwrap());
        if again.probes() {
            looking.keys(&bill.keys).unwrap();
        }
        if again.probes_resources() {
            looking.resources(&bill.resources).unwrap();
            looking.pairs(&bill.cube).unwrap();
        }
        if looking.has_candidates() {
        looking.full_keys(&bill.keys).unwrap();
        looking.cube(&bill.cube).unwrap();
        looking.full_resources(&bill.resources).unwrap();
        }
        let done = looking.finish().unwrap();
        if again.probes_keys_alone() {
            let alone = looked_at_alone(&again, first_day, last_day, &stored.batches, &bill);
            prop_assert_eq!(alone.is_some(), done.is_some());
            if let (Some(alone), Some(done)) = (alone, &done) {
                prop_assert_eq!(joined(&alone.batches), joined(&done.batches));
                prop_assert_eq!((&alone.change, alone.changed, &alone.moved), (&done.change, done.changed, &done.moved));
            }
        }
        match done {
            None => {
                prop_assert_eq!(&stored.batches, &expected.batches);
                prop_assert_eq!(&stored.daily, &expected.daily);
            }
            Some(done) => {
                prop_assert!(again.days().is_some());
                prop_assert_eq!(joined(&done.batches), joined(&expected.batches));
                let mut daily = stored.daily.clone();
                daily.add_all(&done.change);
                prop_assert_eq!(&daily, &expected.daily);
                let mut sum = Folded::default();
                done.change.rows().for_each(|(_, folded)| sum += *folded);
                prop_assert_eq!(sum, Folded::default());
            }
        }
    }
}

/// Batches as one.
fn joined(batches: &[RecordBatch]) -> RecordBatch {
    arrow::compute::concat_batches(&leap_terms::tables::attribution(), batches).unwrap()
}

/// The rows of a batch in these ranges.
fn rows_of(batch: &RecordBatch, rows: &[std::ops::Range<usize>]) -> Vec<RecordBatch> {
    rows.iter().map(|rows| batch.slice(rows.start, rows.len())).collect()
}

/// The same look without the keys at first, and with columns of texts as dictionaries, as the lake hands them out.
fn looked_at_alone(
    again: &Again<'_, '_>,
    first_day: Day,
    last_day: Day,
    stored: &[RecordBatch],
    bill: &Bill,
) -> Option<AgainDone> {
    let mut looking = again.scope(first_day, last_day);
    let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let columns = again.probe_columns().into_iter().filter_map(|name| {
        let array = bill.keys.column_by_name(&name)?;
        let array = if name.ends_with("Tags") { array.clone() } else { arrow::compute::cast(array, &coded).unwrap() };
        Some((name, array, true))
    });
    let columns: Vec<_> = columns.collect();
    let probed = match columns.is_empty() {
        true => bill.keys.project(&[0]).unwrap(),
        false => RecordBatch::try_from_iter_with_nullable(columns).unwrap(),
    };
    let mut rows = Vec::new();
    looking.matching(&probed, 0, &mut rows).unwrap();
    rows_of(&bill.keys, &rows).iter().for_each(|keys| looking.choose(keys).unwrap());
    if looking.has_candidates() {
        stored.iter().for_each(|batch| looking.answers(batch).unwrap());
        rows_of(&bill.keys, &rows).iter().for_each(|keys| looking.full_keys(keys).unwrap());
        let mut cells = Vec::new();
        looking.rows_of_keys(&bill.cube, 0, &mut cells).unwrap();
        rows_of(&bill.cube, &cells).iter().for_each(|cells| looking.cube(cells).unwrap());
        let mut resources = Vec::new();
        looking.rows_of_resources(&bill.resources, 0, &mut resources).unwrap();
        rows_of(&bill.resources, &resources).iter().for_each(|rows| looking.full_resources(rows).unwrap());
    }
    looking.finish().unwrap()
}
