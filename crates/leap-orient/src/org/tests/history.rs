//! Histories: units with spans, their text, and what is refused.

use expect_test::expect;
use proptest::prelude::*;

use super::*;

/// Payments moves three times, is renamed, and Search goes away and comes back.
pub(super) const HISTORY: &str = "units:
- id: acme
  spans:
  - {name: Acme, kind: company}
- id: payments
  spans:
  - {until: 2026-01-01, name: Payments, parent: shop, aliases: [pay]}
  - {from: 2026-01-01, until: 2026-04-01, name: Payments, parent: platform, aliases: [pay]}
  - {from: 2026-04-01, until: 2026-07-01, name: Money, parent: platform, aliases: [pay]}
  - {from: 2026-07-01, name: Money, parent: acme, aliases: [pay]}
- id: platform
  spans:
  - {from: 2026-01-01, until: 2026-07-01, name: Platform, kind: division, parent: acme, successor: shop}
- id: search
  spans:
  - {until: 2025-06-01, name: Search, parent: shop}
  - {from: 2026-03-01, name: Search, parent: platform, until: 2026-07-01}
  - {from: 2026-07-01, name: Search, parent: shop, head_count: 12, lead: e-1, cost_center: '4711', owns: [b, a]}
- id: shop
  spans:
  - {name: Shop, kind: division, parent: acme}
people:
- {person: e-17, spans: [{until: 2026-02-01, unit: payments}, {from: 2026-02-01, unit: shop}]}
";

#[test]
fn a_unit_moves_on_three_dates_and_each_day_knows_its_parent() {
    let org = org(HISTORY);
    let path = |day_of: &str| {
        org.path(&team("payments"), day(day_of)).iter().map(|unit| unit.id.as_str()).collect::<Vec<_>>().join("/")
    };
    assert_eq!(path("2025-12-31"), "acme/shop/payments");
    assert_eq!(path("2026-01-01"), "acme/platform/payments");
    assert_eq!(path("2026-06-30"), "acme/platform/payments");
    assert_eq!(path("2026-07-01"), "acme/payments");
    assert_eq!(org.level(&team("payments"), "Division", day("2026-07-01")), None);
    assert_eq!(org.kinds(), ["company", "division", "team"]);
    let steps: Vec<String> = org.steps().iter().map(Day::to_string).collect();
    assert_eq!(steps, ["2025-06-01", "2026-01-01", "2026-03-01", "2026-04-01", "2026-07-01"]);
}

#[test]
fn a_renamed_unit_is_one_unit() {
    let org = org(HISTORY);
    let unit = org.unit(&team("payments")).unwrap();
    assert_eq!((unit.name_on(day("2026-03-31")), unit.name_on(day("2026-04-01"))), ("Payments", "Money"));
    let counted = org.units().iter().filter(|unit| unit.spans.iter().any(|span| span.name == "Money")).count();
    assert_eq!((counted, org.tree(day("2026-06-01")).units().count()), (1, 5));
}

#[test]
fn a_team_that_comes_back_is_the_same_team() {
    let org = org(HISTORY);
    let unit = org.unit(&team("search")).unwrap();
    assert_eq!(unit.on(day("2025-06-01")), None);
    assert!(unit.on(day("2025-05-31")).is_some() && unit.on(day("2026-03-01")).is_some());
    assert_eq!(org.resolve("Search", day("2025-05-31")), org.resolve("search", day("2026-08-01")));
    assert_eq!(org.resolve("Search", day("2025-12-01")), Resolved::Unknown, "nobody inherited while it was away");
}

#[test]
fn people_and_states_are_of_a_day() {
    let org = org(HISTORY);
    let state = org.state(day("2026-01-31"));
    assert_eq!(state.people["e-17"], team("payments"));
    assert_eq!(state.units.keys().map(TeamId::as_str).collect::<Vec<_>>(), ["acme", "payments", "platform", "shop"]);
    let search = org.state(day("2026-09-16")).units[&team("search")].clone();
    assert_eq!(
        (search.head_count, search.lead.as_deref(), search.cost_center.as_deref()),
        (Some(12), Some("e-1"), Some("4711"))
    );
    assert_eq!(search.evidence.into_iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(org.people()["e-17"].len(), 2);
}

#[test]
fn the_canonical_text_is_stable_and_reads_back() {
    let org = org(HISTORY);
    let text = org.to_canonical();
    expect![[r#"
        units:
        - id: "acme"
          spans:
          - {name: "Acme", kind: "company"}
        - id: "payments"
          spans:
          - {until: 2026-01-01, name: "Payments", kind: "team", parent: "shop", aliases: ["pay"]}
          - {from: 2026-01-01, until: 2026-04-01, name: "Payments", kind: "team", parent: "platform", aliases: ["pay"]}
          - {from: 2026-04-01, until: 2026-07-01, name: "Money", kind: "team", parent: "platform", aliases: ["pay"]}
          - {from: 2026-07-01, name: "Money", kind: "team", parent: "acme", aliases: ["pay"]}
        - id: "platform"
          spans:
          - {from: 2026-01-01, until: 2026-07-01, name: "Platform", kind: "division", parent: "acme", successor: "shop"}
        - id: "search"
          spans:
          - {until: 2025-06-01, name: "Search", kind: "team", parent: "shop"}
          - {from: 2026-03-01, until: 2026-07-01, name: "Search", kind: "team", parent: "platform"}
          - {from: 2026-07-01, name: "Search", kind: "team", parent: "shop", lead: "e-1", head_count: 12, cost_center: "4711", owns: ["a", "b"]}
        - id: "shop"
          spans:
          - {name: "Shop", kind: "division", parent: "acme"}
        people:
        - {person: "e-17", spans: [{until: 2026-02-01, unit: "payments"}, {from: 2026-02-01, unit: "shop"}]}
    "#]]
    .assert_eq(&text);
    let again = Org::from_yaml("canonical", &text).unwrap();
    assert_eq!(again, org);
    assert_eq!((again.to_canonical(), again.digest()), (text, org.digest()));
    assert_eq!(Org::default().to_canonical(), "units: []\n");
    assert_eq!(Org::from_yaml("o", "units: []\n").unwrap(), Org::default());
}

#[test]
fn order_of_units_and_needless_cuts_do_not_change_the_text() {
    let cut = "units:
- id: b
  spans: [{from: 2026-02-01, parent: a, aliases: [y, x, y]}, {until: 2026-02-01, parent: a, aliases: [x, y]}]
- {id: a}
";
    assert_eq!(org(cut).to_canonical(), org("units: [{id: a}, {id: b, parent: a, aliases: [x, y]}]").to_canonical());
    assert_eq!(org("units: [{id: a, effective: {until: 9999-12-31}}]").digest(), org("units: [{id: a}]").digest());
}

proptest! {
    #[test]
    fn whatever_names_a_unit_has_its_text_reads_back(
        name in "\\PC{0,12}", alias in any::<String>(), lead in proptest::option::of(any::<String>())
    ) {
        let state = UnitState { name, kind: "team".into(), aliases: [alias].into(), lead, ..UnitState::default() };
        let state = OrgState { units: [(team("a: #b"), state)].into(), people: [("e'\"".to_owned(), team("a: #b"))].into() };
        let org = Org::from_state(&state).unwrap();
        let text = org.to_canonical();
        prop_assert_eq!(Org::from_yaml("o", &text).map_err(|faults| leap_terms::fault::list(&faults)), Ok(org), "{}", text);
    }
}

#[test]
fn a_cycle_on_some_days_only_is_refused_with_its_first_day() {
    fails(
        "units:
- id: a
  spans: [{until: 2026-03-01}, {from: 2026-03-01, parent: b}]
- id: b
  spans: [{until: 2026-02-01}, {from: 2026-02-01, until: 2026-06-01, parent: a}, {from: 2026-06-01}]
",
        expect![[r#"
            org.yaml:2:7: the org has a cycle on 2026-03-01: a → b → a
                2 | - id: a
                  |       ^
              help: each unit is below its parent; one of these parents is wrong"#]],
    );
}

#[test]
fn two_parents_and_overlapping_spans_are_refused_with_their_days() {
    fails(
        "units:
- {id: a}
- {id: b}
- id: c
  spans: [{until: 2026-03-01, parent: a}, {from: 2026-02-01, parent: b}]
- id: d
  spans: [{from: 2026-01-01, parent: a}, {from: 2026-02-01, until: 2026-05-01, parent: a}]
",
        expect![[r#"
            org.yaml:4:7: unit 'c' has two parents from 2026-02-01 until 2026-03-01: 'a' and 'b'
                4 | - id: c
                  |       ^
              help: end the earlier span on the day on which the later one starts
            org.yaml:6:7: two spans of unit 'd' overlap from 2026-02-01 until 2026-05-01
                6 | - id: d
                  |       ^
              help: end the earlier span on the day on which the later one starts"#]],
    );
}

#[test]
fn a_parent_must_exist_on_every_day() {
    fails(
        "units:
- {id: a, effective: {until: 2026-08-01}}
- {id: b, parent: a, effective: {from: 2026-07-01}}
- {id: c, parent: a, effective: {until: 2026-07-01}}
",
        expect![[r#"
            org.yaml:3:8: unit 'b' is below 'a' from 2026-07-01, but 'a' does not exist from 2026-08-01
                3 | - {id: b, parent: a, effective: {from: 2026-07-01}}
                  |        ^
              help: end 'b' with its parent, or name another parent for those days"#]],
    );
}

#[test]
fn a_successor_must_lead_to_a_unit_of_the_day() {
    fails(
        "units:
- {id: a, effective: {until: 2026-08-01}, successor: nobody}
- {id: b, successor: a}
- {id: c, effective: {until: 2026-08-01}, successor: c}
",
        expect![[r#"
            org.yaml:2:8: unit 'a' has the unknown successor 'nobody'
                2 | - {id: a, effective: {until: 2026-08-01}, successor: nobody}
                  |        ^
              help: add a unit of that id
            org.yaml:4:8: unit 'c' is its own successor until 2026-08-01
                4 | - {id: c, effective: {until: 2026-08-01}, successor: c}
                  |        ^
              help: name another unit, or none"#]],
    );
    fails(
        "units:
- {id: a, effective: {until: 2026-08-01}, successor: late}
- {id: b, successor: a}
- id: c
  spans: [{until: 2026-03-01, successor: b}, {from: 2026-03-01, name: C}]
- {id: late, effective: {from: 2026-08-02}}
- {id: x, effective: {until: 2026-08-01}, successor: y}
- {id: y, effective: {until: 2026-08-01}, successor: x}
- {id: fine, effective: {until: 2026-09-01}, successor: gone}
- {id: gone, effective: {until: 2026-08-01}, successor: b}
",
        expect![[r#"
            org.yaml:2:8: unit 'a' ends on 2026-08-01 in favor of 'late', which does not exist on that day and has no successor that does
                2 | - {id: a, effective: {until: 2026-08-01}, successor: late}
                  |        ^
              help: name a successor that exists on that day, or none
            org.yaml:3:8: unit 'b' has the successor 'a' but never ends
                3 | - {id: b, successor: a}
                  |        ^
              help: say when it ends, or leave the successor out
            org.yaml:4:7: unit 'c' has the successor 'b' on 2026-03-01, but goes on
                4 | - id: c
                  |       ^
              help: name the successor on the last span before it ends
            org.yaml:7:8: unit 'x' ends on 2026-08-01 in favor of 'y', which does not exist on that day and has no successor that does
                7 | - {id: x, effective: {until: 2026-08-01}, successor: y}
                  |        ^
              help: name a successor that exists on that day, or none
            org.yaml:8:8: unit 'y' ends on 2026-08-01 in favor of 'x', which does not exist on that day and has no successor that does
                8 | - {id: y, effective: {until: 2026-08-01}, successor: x}
                  |        ^
              help: name a successor that exists on that day, or none"#]],
    );
}

#[test]
fn every_mistake_of_a_span_has_its_message() {
    for (text, message) in [
        ("units: [{id: a, spans: []}]", "unit 'a' has no spans: it exists on no day"),
        ("units: [{id: a, spans: 1}]", "spans has the form"),
        ("units: [{id: a, spans: [1]}]", "found 1"),
        ("units: [{id: a, name: A, spans: []}]", "unknown field 'name'"),
        ("units: [{id: a, spans: [{form: 2026-01-01}]}]", "span 1 of 'a': unknown field 'form'"),
        ("units: [{id: a, spans: [{}, {from: 2026-13-01}]}]", "span 2 of 'a': from: '2026-13-01' is no day"),
        ("units: [{id: a, spans: [{from: 2026-01-01, until: 2026-01-01}]}]", "the span is empty"),
        ("units: [{id: a, spans: [{name: 1}]}]", "span 1 of 'a': name must be text, found 1"),
        ("units: [{id: a, head_count: -1}]", "head_count must be a whole number such as 12, found -1"),
        ("units: [{id: a, cost_center: 4711}]", "cost_center must be text, found 4711"),
        ("units: [{id: a, split_from: [' b']}]", "an id has no spaces around it"),
        ("units: [{id: a, split_from: [b]}]", "unit 'a' has the unknown origin 'b'"),
        (
            "units: [{id: a, effective: {from: 1700-01-01, until: 1800-01-01}}]",
            "unit 'a' exists only until 1800-01-01, outside of all bills",
        ),
        (
            "units: [{id: b}, {id: a, spans: [{until: 2026-01-01}, {from: 2026-01-01, kind: x, split_from: [b]}]}]",
            "unit 'a' comes from another unit on 2026-01-01, but exists before",
        ),
        ("units: [{id: a}]\npeople: {}", "people must be a list, found a mapping"),
        ("units: [{id: a}]\npeople: [{spans: []}]", "a person without an id"),
        ("units: [{id: a}]\npeople: [{person: p, spans: [{}]}]", "span 1 of 'p': no unit is named"),
        (
            "units: [{id: a}]\npeople: [{person: p, spans: [{unit: a}]}, {person: p, spans: [{unit: a}]}]",
            "person 'p' is listed twice",
        ),
        (
            "units: [{id: a}, {id: b}]\npeople:\n- {person: p, spans: [{unit: a}, {unit: b, from: 2026-01-01}]}",
            "person 'p' is in 'a' and in 'b' from 2026-01-01",
        ),
        (
            "units: [{id: a, effective: {until: 2026-01-01}}]\npeople:\n- {person: p, spans: [{unit: a}]}",
            "person 'p' is in 'a', but 'a' does not exist from 2026-01-01",
        ),
    ] {
        let faults = Org::from_yaml("org.yaml", text).expect_err(text);
        assert!(faults[0].message.contains(message), "{text}: {}", faults[0]);
    }
}

#[test]
fn a_large_history_is_checked_once_per_step() {
    let mut units = Vec::new();
    for number in 0..5_000_usize {
        let id = team(&format!("u{number}"));
        let spans = (0..50).map(|step| {
            let parent = (number > 0).then(|| team(&format!("u{}", (number - 1) / 8 * (step % 2))));
            let from = if step == 0 { Day::EARLIEST } else { day("2000-01-01").plus(step as i32 * 30) };
            let until = if step == 49 { Day::NEVER } else { day("2000-01-01").plus((step as i32 + 1) * 30) };
            let state = UnitState { name: id.to_string(), kind: "team".into(), parent, ..UnitState::default() };
            Span::of(Period::new(from, until).unwrap(), &state)
        });
        units.push(Unit { id: id.clone(), spans: spans.collect() });
    }
    let org = Org::checked(units, BTreeMap::new(), &super::check::Blame::Words("large".into())).unwrap();
    assert_eq!((org.units().len(), org.steps().len()), (5_000, 49));
    assert_eq!(org.path(&team("u4999"), day("2000-02-15")).len(), 6);
    assert_eq!(org.path(&team("u4999"), day("2000-03-15")).len(), 2);
}
