//! Who is meant by a name, rule by rule, and that periods and days agree.

use super::*;

const NAMES: &str = "units:
- {id: acme, name: Acme}
- id: core
  spans:
  - {until: 2026-01-01, name: Core, aliases: [kernel, shared]}
  - {from: 2026-01-01, until: 2026-07-01, name: Engine, successor: platform}
- id: platform
  spans:
  - {until: 2026-10-01, name: Platform, aliases: [shared], successor: acme}
- id: tools
  spans:
  - {until: 2026-02-01, name: Tools, aliases: [both]}
  - {from: 2026-05-01, name: Workshop}
- {id: ads, name: Ads, aliases: [Tools], effective: {from: 2026-08-01}}
- {id: lone, name: Lone, aliases: [both], effective: {until: 2026-03-01}}
- {id: heirless, name: Core, effective: {until: 2025-01-01}}
- {id: future, name: Future, effective: {from: 2027-01-01}}
";

fn means(name: &str, on: &str) -> String {
    match org(NAMES).resolve(name, day(on)) {
        Resolved::Team(team) => team.to_string(),
        Resolved::Unknown => "?".to_owned(),
        Resolved::Ambiguous(teams) => teams.iter().map(TeamId::as_str).collect::<Vec<_>>().join("|"),
    }
}

#[test]
fn rule_1_the_id_of_a_unit_that_exists_wins() {
    assert_eq!(means("tools", "2026-09-01"), "tools", "though ads has the alias Tools");
    assert_eq!(means("core", "2024-06-01"), "core", "though heirless is called Core");
    assert_eq!(means(" core ", "2024-06-01"), "core", "spaces around it say nothing");
}

#[test]
fn rule_2_names_of_the_day_come_before_names_of_other_days() {
    assert_eq!(means("Tools", "2026-01-01"), "tools");
    assert_eq!(means("Tools", "2026-09-01"), "ads|tools", "the folded id of one, the alias of the other");
    assert_eq!(means("Core", "2024-06-01"), "core|heirless");
    assert_eq!(means(" SHARED ", "2025-06-01"), "core|platform");
    assert_eq!(means("shared", "2026-02-01"), "platform", "core had it, platform has it");
}

#[test]
fn rule_3_a_former_or_later_name_still_means_the_unit() {
    assert_eq!(means("kernel", "2026-03-01"), "core");
    assert_eq!(means("engine", "2025-03-01"), "core");
    assert_eq!(means("both", "2026-06-01"), "tools", "lone has ended without an heir");
}

#[test]
fn rule_4_successors_inherit_names_again_and_again() {
    assert_eq!(means("kernel", "2026-07-01"), "platform");
    assert_eq!(means("Engine", "2026-10-01"), "acme");
    assert_eq!(means("core", "2026-12-01"), "acme");
    assert_eq!(means("lone", "2026-03-01"), "?");
    assert_eq!(means("tools", "2026-03-01"), "?", "away, without an heir");
}

#[test]
fn a_unit_that_only_starts_later_is_not_meant() {
    assert_eq!(means("future", "2026-12-31"), "?");
    assert_eq!(means("Future", "2027-01-01"), "future");
}

#[test]
fn the_heir_of_the_exact_id_comes_before_units_that_once_had_the_name() {
    let text = "units:
- {id: pay, effective: {until: 2026-01-01}, successor: bank}
- {id: bank}
- id: other
  spans: [{until: 2025-01-01, name: Pay}, {from: 2025-01-01, name: Other}]
";
    let org = org(text);
    assert_eq!(org.resolve("pay", day("2026-06-01")), Resolved::Team(team("bank")));
    assert_eq!(org.resolve("PAY", day("2026-06-01")), Resolved::Team(team("other")));
}

#[test]
fn several_heirs_are_ambiguous() {
    let text = "units:
- {id: x, aliases: [old], effective: {until: 2026-01-01}, successor: a}
- {id: y, aliases: [old], effective: {until: 2026-02-01}, successor: b}
- {id: z, aliases: [old], effective: {until: 2026-02-01}, successor: a}
- {id: a}
- {id: b}
";
    let org = org(text);
    assert_eq!(org.resolve("old", day("2026-03-01")), Resolved::Ambiguous(vec![team("a"), team("b")]));
    assert_eq!(org.resolve("old", day("2026-01-01")), Resolved::Ambiguous(vec![team("y"), team("z")]));
}

#[test]
fn periods_and_days_agree_and_cover_all_time() {
    for text in [NAMES, super::history::HISTORY, super::ACME] {
        let org = org(text);
        for name in org.all_names().into_iter().chain(["nobody", " PAY", "Both"]) {
            let always = org.resolve_always(name);
            assert_eq!(always.first().map(|(period, _)| period.from()), Some(Period::ALWAYS.from()));
            assert_eq!(always.last().map(|(period, _)| period.until()), Some(Period::ALWAYS.until()));
            assert!(always.windows(2).all(|pair| pair[0].0.until() == pair[1].0.from() && pair[0].1 != pair[1].1));
            for number in 0..1_200 {
                let day = day("2024-12-01").plus(number);
                let (_, who) = always.iter().find(|(period, _)| period.contains(day)).unwrap();
                assert_eq!(*who, org.resolve(name, day), "{name} on {day}");
            }
        }
    }
}

#[test]
fn a_name_shared_on_one_day_is_a_warning_with_that_day() {
    let text = "units:
- {id: a, name: One}
- id: b
  spans: [{until: 2026-01-01, name: Two}, {from: 2026-01-01, name: one}]
- {id: c, name: Three, effective: {until: 2026-01-01}}
- {id: d, name: Three, effective: {from: 2026-01-01}}
";
    let warnings: Vec<String> = org(text).warnings().iter().map(|warning| warning.message.clone()).collect();
    assert_eq!(warnings, ["units 'a' and 'b' are both called 'one' on 2026-01-01"]);
}

#[test]
fn names_whose_meaning_changes_are_found_and_no_others() {
    let before = org("units: [{id: a, name: A}, {id: b, name: B, aliases: [bee]}, {id: c, name: See}]");
    let after = org("units: [{id: a, name: A}, {id: b, name: B}, {id: c, name: Sea, aliases: [bee]}, {id: d}]");
    assert_eq!(before.names_changed(&after), ["Sea", "See", "bee", "d"]);
    assert!(before.names_changed(&before.clone()).is_empty());
}
