//! Reorgs: steps that hold until the next of the same attribute, and what is refused.

use super::*;

const START: &str = "units:
- {id: acme, name: Acme, kind: company}
- {id: shop, name: Shop, kind: division, parent: acme}
- {id: media, name: Media, kind: division, parent: acme}
- {id: pay, name: Pay, parent: shop, head_count: 4}
- {id: search, name: Search, parent: shop}
people:
- {person: e-1, spans: [{unit: pay}]}
- {person: e-2, spans: [{unit: search}]}
";

fn reorg(effective: &str, operations: impl IntoIterator<Item = Operation>) -> Reorg {
    Reorg { effective: day(effective), operations: operations.into_iter().collect() }
}

fn goes(unit: &str, to: &str) -> Operation {
    Operation::Move { unit: team(unit), to: Some(team(to)) }
}

fn rename(unit: &str, name: &str) -> Operation {
    Operation::Rename { unit: team(unit), name: name.to_owned() }
}

fn ends(unit: &str, successor: Option<&str>) -> Operation {
    Operation::Dissolve { unit: team(unit), successor: successor.map(team), merged: true }
}

fn state(name: &str, parent: &str) -> UnitState {
    UnitState { name: name.to_owned(), kind: "team".to_owned(), parent: Some(team(parent)), ..UnitState::default() }
}

fn apply(org: &Org, reorg: &Reorg) -> Org {
    org.with(reorg).unwrap_or_else(|faults| panic!("{}", leap_terms::fault::list(&faults)))
}

fn refused(org: &Org, reorg: &Reorg) -> String {
    leap_terms::fault::list(&org.with(reorg).expect_err("it must be refused"))
}

fn spans(org: &Org, unit: &str) -> Vec<String> {
    let unit = org.unit(&team(unit)).unwrap();
    let parent = |span: &Span| span.parent.as_ref().map_or("-".to_owned(), TeamId::to_string);
    unit.spans.iter().map(|span| format!("{}: {} in {}", span.period.from(), span.name, parent(span))).collect()
}

#[test]
fn a_move_holds_from_its_day_on() {
    let after = apply(&org(START), &reorg("2026-07-01", [goes("pay", "media")]));
    assert_eq!(spans(&after, "pay"), ["1900-01-01: Pay in shop", "2026-07-01: Pay in media"]);
    assert_eq!(after.path(&team("pay"), day("2026-07-01"))[1].id, team("media"));
}

#[test]
fn a_reorg_recorded_late_does_not_undo_a_later_one() {
    let later = apply(&org(START), &reorg("2026-07-01", [goes("pay", "media")]));
    let both = apply(&later, &reorg("2026-03-01", [goes("pay", "acme"), rename("pay", "Money")]));
    assert_eq!(
        spans(&both, "pay"),
        ["1900-01-01: Pay in shop", "2026-03-01: Money in acme", "2026-07-01: Money in media"]
    );
}

#[test]
fn reorgs_of_different_attributes_may_be_recorded_in_any_order() {
    let one = reorg("2026-07-01", [goes("pay", "media"), Operation::Transfer { person: "e-1".into(), to: None }]);
    let two = reorg("2026-03-01", [rename("pay", "Money"), Operation::Transfer { person: "e-2".into(), to: None }]);
    let three = reorg(
        "2026-05-01",
        [Operation::Describe {
            unit: team("pay"),
            set: vec![Description::HeadCount(Some(9)), Description::Owns(["services/pay".to_owned()].into())],
        }],
    );
    let start = org(START);
    let expected = apply(&apply(&apply(&start, &one), &two), &three);
    for order in [[&one, &three, &two], [&two, &one, &three], [&two, &three, &one], [&three, &one, &two]] {
        let org = order.iter().fold(start.clone(), |org, reorg| apply(&org, reorg));
        assert_eq!(org.to_canonical(), expected.to_canonical());
    }
    assert_eq!(expected.unit(&team("pay")).unwrap().spans.len(), 4);
    let owns = expected.state(day("2026-09-01")).units[&team("pay")].evidence.clone();
    assert_eq!(owns.into_iter().collect::<Vec<_>>(), ["services/pay"], "kept for the next comparison");
}

#[test]
fn the_same_day_again_replaces_what_it_said() {
    let one = apply(&org(START), &reorg("2026-07-01", [goes("pay", "media")]));
    let two = apply(&one, &reorg("2026-07-01", [goes("pay", "acme")]));
    assert_eq!(spans(&two, "pay"), ["1900-01-01: Pay in shop", "2026-07-01: Pay in acme"]);
    let undone = apply(&two, &reorg("2026-07-01", [goes("pay", "shop")]));
    assert_eq!(undone, org(START));
}

#[test]
fn a_unit_starts_ends_and_returns_as_the_same_unit() {
    let mut new = state("Ads", "media");
    new.split_from = [team("search")].into();
    let started = apply(&org(START), &reorg("2026-02-01", [Operation::Create { unit: team("ads"), state: new }]));
    let ended = apply(&started, &reorg("2026-05-01", [ends("ads", Some("search"))]));
    let back = reorg("2026-08-01", [Operation::Return { unit: team("ads"), state: state("Ads", "shop") }]);
    let returned = apply(&ended, &back);
    assert_eq!(spans(&returned, "ads"), ["2026-02-01: Ads in media", "2026-08-01: Ads in shop"]);
    assert_eq!(returned.resolve("ads", day("2026-06-01")), Resolved::Team(team("search")));
    assert_eq!(returned.stand(&team("ads"), day("2026-01-01")).unit, team("search"), "where it came from");
    let changes = started.diff(day("2026-01-01"), &returned, day("2026-09-01"));
    assert!(
        matches!(&changes[..], [Change::Started { unit, split_from, .. }] if *unit == team("ads") && split_from.is_empty())
    );
}

#[test]
fn names_and_people_of_a_dissolved_unit_go_to_its_successor() {
    let merged = apply(&org(START), &reorg("2026-07-01", [ends("pay", Some("search"))]));
    assert_eq!(merged.resolve("Pay", day("2026-07-01")), Resolved::Team(team("search")));
    assert_eq!(merged.state(day("2026-07-01")).people["e-1"], team("search"));
    assert_eq!(merged.state(day("2026-06-30")).people["e-1"], team("pay"));
    let leaves = Operation::Transfer { person: "e-1".into(), to: Some(team("media")) };
    let transferred = apply(&org(START), &reorg("2026-07-01", [ends("pay", Some("search")), leaves]));
    assert_eq!(transferred.state(day("2026-07-01")).people["e-1"], team("media"));
    let closed = apply(&org(START), &reorg("2026-07-01", [ends("pay", None)]));
    assert!(!closed.state(day("2026-07-01")).people.contains_key("e-1"));
    assert_eq!(closed.resolve("Pay", day("2026-07-01")), Resolved::Unknown);
}

#[test]
fn a_person_transferred_late_keeps_the_later_transfer() {
    let to = |unit: &str| Operation::Transfer { person: "e-1".into(), to: Some(team(unit)) };
    let later = apply(&org(START), &reorg("2026-07-01", [to("media")]));
    let both = apply(&later, &reorg("2026-03-01", [to("search")]));
    let units: Vec<String> = both.people()["e-1"].iter().map(|membership| membership.unit.to_string()).collect();
    assert_eq!(units, ["pay", "search", "media"]);
}

#[test]
fn a_unit_with_later_steps_cannot_end_before_them() {
    let later = apply(&org(START), &reorg("2026-07-01", [goes("pay", "media")]));
    assert_eq!(
        refused(&later, &reorg("2026-03-01", [ends("pay", Some("search"))])),
        "reorg of 2026-03-01: unit 'pay' cannot end on 2026-03-01: it changes later, on 2026-07-01\n  help: revert that reorg first"
    );
    let ended = apply(&org(START), &reorg("2026-07-01", [ends("pay", None)]));
    assert!(refused(&ended, &reorg("2026-03-01", [ends("pay", None)])).contains("it changes later, on 2026-07-01"));
    let on_the_day = apply(&later, &reorg("2026-07-01", [ends("pay", Some("search"))]));
    assert_eq!(spans(&on_the_day, "pay"), ["1900-01-01: Pay in shop"]);
}

#[test]
fn every_refusal_names_unit_and_dates() {
    let start = apply(&org(START), &reorg("2026-02-01", [ends("search", Some("pay"))]));
    let create = |unit: &str, parent: &str| Operation::Create { unit: team(unit), state: state(unit, parent) };
    let back = |unit: &str| Operation::Return { unit: team(unit), state: state(unit, "shop") };
    for (operations, message) in [
        (vec![create("pay", "shop")], "unit 'pay' exists on 2026-07-01: it exists always"),
        (vec![create("search", "shop")], "unit 'search' is no new unit on 2026-07-01: it existed until 2026-02-01"),
        (vec![back("ghost")], "unit 'ghost' cannot return on 2026-07-01: it did not exist before"),
        (vec![goes("ghost", "shop")], "unit 'ghost' does not exist"),
        (vec![rename("search", "S")], "unit 'search' does not exist on 2026-07-01: it exists until 2026-02-01"),
        (vec![create("new", "ghost")], "unit 'new' has the unknown parent 'ghost'"),
        (
            vec![create("new", "search")],
            "unit 'new' is below 'search' from 2026-07-01, but 'search' does not exist from 2026-07-01",
        ),
        (vec![ends("shop", None)], "unit 'pay' is below 'shop', but 'shop' does not exist from 2026-07-01"),
        (vec![goes("shop", "pay")], "the org has a cycle on 2026-07-01: shop → pay → shop"),
        (vec![ends("pay", Some("search"))], "unit 'pay' ends on 2026-07-01 in favor of 'search'"),
        (vec![ends("pay", Some("ghost"))], "unit 'pay' has the unknown successor 'ghost'"),
        (vec![goes("pay", "acme"), goes("pay", "media")], "two operations say 'parent' of unit 'pay' on 2026-07-01"),
        (
            vec![goes("pay", "acme"), ends("pay", None)],
            "operations 'parent' and 'dissolve' of unit 'pay' exclude each other",
        ),
        (
            vec![Operation::Transfer { person: "e-1".into(), to: Some(team("search")) }],
            "person 'e-1' is in 'search' from 2026-07-01, but",
        ),
    ] {
        let text = refused(&start, &reorg("2026-07-01", operations.clone()));
        assert!(text.contains(message) && text.contains("help: "), "{operations:?}: {text}");
    }
    let day_of_start = reorg("2026-07-01", [create("new", "shop")]);
    let text = refused(&apply(&start, &day_of_start), &reorg("2026-07-01", [ends("new", None)]));
    assert!(text.contains("unit 'new' cannot end on 2026-07-01: it starts on that day"), "{text}");
    assert!(refused(&start, &reorg("1800-01-01", [])).contains("1800-01-01 is no day of a bill"));
}

#[test]
fn the_order_of_operations_of_one_day_does_not_matter() {
    let operations = vec![
        Operation::Create { unit: team("new"), state: state("New", "platform") },
        Operation::Create { unit: team("platform"), state: state("Platform", "acme") },
        goes("pay", "platform"),
        ends("shop", Some("platform")),
        goes("search", "new"),
    ];
    let forward = apply(&org(START), &reorg("2026-07-01", operations.clone()));
    let back = apply(&org(START), &reorg("2026-07-01", operations.into_iter().rev()));
    assert_eq!(forward.to_canonical(), back.to_canonical());
    assert_eq!(forward.stand(&team("shop"), day("2026-09-01")).unit, team("platform"));
}

#[test]
fn a_new_unit_can_be_put_before_its_first_known_day() {
    let later = Operation::Create { unit: team("ads"), state: state("Ads", "media") };
    let earlier = Operation::Create { unit: team("ads"), state: state("Adverts", "shop") };
    let org = apply(&apply(&org(START), &reorg("2026-07-01", [later])), &reorg("2026-03-01", [earlier]));
    assert_eq!(spans(&org, "ads"), ["2026-03-01: Adverts in shop", "2026-07-01: Ads in media"]);
}

#[test]
fn a_reorg_has_a_stable_form_in_json() {
    let all = reorg(
        "2026-07-01",
        [
            Operation::Create { unit: team("ads"), state: state("Ads", "shop") },
            Operation::Return { unit: team("old"), state: UnitState::default() },
            rename("pay", "Money"),
            Operation::Move { unit: team("pay"), to: None },
            Operation::Describe {
                unit: team("pay"),
                set: vec![Description::HeadCount(Some(3)), Description::Lead(None)],
            },
            ends("search", Some("pay")),
            Operation::Transfer { person: "e-1".into(), to: Some(team("ads")) },
        ],
    );
    let json = serde_json::to_string(&all).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"{"effective":"2026-07-01","operations":[{"create":{"unit":"ads","state":{"name":"Ads","kind":"team","parent":"shop"}}},"#,
            r#"{"return":{"unit":"old","state":{"name":"","kind":""}}},{"rename":{"unit":"pay","name":"Money"}},{"move":{"unit":"pay","to":null}},"#,
            r#"{"describe":{"unit":"pay","set":[{"head_count":3},{"lead":null}]}},"#,
            r#"{"dissolve":{"unit":"search","successor":"pay","merged":true}},{"transfer":{"person":"e-1","to":"ads"}}]}"#
        )
    );
    assert_eq!(serde_json::from_str::<Reorg>(&json).unwrap(), all);
}

#[test]
fn a_difference_names_every_change_once() {
    let before = org(START);
    let set = vec![
        Description::HeadCount(Some(9)),
        Description::Kind("squad".into()),
        Description::CostCenter(Some("1".into())),
    ];
    let operations = [
        goes("pay", "media"),
        rename("pay", "Money"),
        Operation::Describe { unit: team("pay"), set },
        ends("search", Some("pay")),
    ];
    let after = apply(&before, &reorg("2026-07-01", operations));
    let changes = after.diff(day("2026-06-30"), &after, day("2026-07-01"));
    let described =
        |field, from: &str, to: &str| Change::Described { unit: team("pay"), field, from: from.into(), to: to.into() };
    assert_eq!(
        changes,
        [
            Change::Renamed { unit: team("pay"), from: "Pay".into(), to: "Money".into() },
            Change::Moved { unit: team("pay"), from: Some(team("shop")), to: Some(team("media")) },
            described("kind", "team", "squad"),
            described("head_count", "4", "9"),
            described("cost_center", "", "1"),
            Change::Ended { unit: team("search"), successor: Some(team("pay")) },
            Change::Transferred { person: "e-2".into(), from: Some(team("search")), to: Some(team("pay")) },
        ]
    );
    assert!(before.diff(day("2026-01-01"), &after, day("2026-01-01")).is_empty());
}
