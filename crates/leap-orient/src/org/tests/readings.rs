//! Readings: who stands for a team on a day, rule by rule.

use super::*;

/// Old merged into new; alpha and beta became gamma; delta came out of gamma; lost ended below shop; orphan ended alone.
const REORG: &str = "units:
- {id: acme, kind: company}
- {id: shop, kind: division, parent: acme}
- {id: media, kind: division, parent: acme}
- {id: old, parent: shop, effective: {until: 2026-02-01}, successor: mid}
- {id: mid, parent: shop, effective: {until: 2026-04-01}, successor: new}
- {id: new, parent: media}
- {id: alpha, parent: shop, effective: {until: 2026-07-01}, successor: gamma}
- {id: beta, parent: shop, effective: {until: 2026-07-01}, successor: gamma}
- {id: gamma, parent: media, effective: {from: 2026-07-01}}
- {id: delta, parent: media, effective: {from: 2026-08-01}, split_from: [gamma]}
- {id: lost, parent: shop, effective: {until: 2026-03-01}}
- {id: orphan, kind: team, effective: {until: 2026-03-01}}
- {id: fresh, parent: media, effective: {from: 2026-09-01}}
- {id: nowhere, effective: {from: 2026-09-01}}
- {id: wide, parent: media, effective: {from: 2026-09-01}, split_from: [alpha, new]}
- {id: mixed, parent: media, effective: {from: 2026-09-01}, split_from: [nowhere, new]}
";

fn stands(org: &Org, unit: &str, on: &str) -> String {
    let standing = org.stand(&team(unit), day(on));
    format!("{}{}", standing.unit, if standing.root_of_its_own { " alone" } else { "" })
}

#[test]
fn rule_0_a_unit_of_the_day_stands_for_itself() {
    assert_eq!(stands(&org(REORG), "old", "2026-01-31"), "old");
}

#[test]
fn rule_1_after_its_end_the_successor_stands_or_the_parent_of_then() {
    let org = org(REORG);
    assert_eq!(stands(&org, "old", "2026-02-01"), "mid");
    assert_eq!(stands(&org, "old", "2026-04-01"), "new");
    assert_eq!(stands(&org, "lost", "2026-03-01"), "shop");
    assert_eq!(stands(&org, "orphan", "2026-03-01"), "orphan alone");
}

#[test]
fn rule_2_before_its_start_whoever_it_comes_from_stands() {
    let org = org(REORG);
    assert_eq!(stands(&org, "gamma", "2026-06-30"), "shop", "alpha and beta have shop in common");
    assert_eq!(stands(&org, "delta", "2026-07-15"), "gamma");
    assert_eq!(stands(&org, "delta", "2026-01-01"), "shop");
    assert_eq!(stands(&org, "wide", "2026-06-01"), "acme", "shop/alpha and media/new");
    assert_eq!(stands(&org, "fresh", "2026-01-01"), "media");
    assert_eq!(stands(&org, "mixed", "2026-01-01"), "media", "one origin is beside the tree: its first parent");
    assert_eq!(stands(&org, "nowhere", "2026-01-01"), "nowhere alone");
}

#[test]
fn origins_that_stand_at_one_root_of_its_own_have_it_in_common() {
    let org = org("units:
- {id: acme, effective: {from: 2026-01-01}}
- {id: other, effective: {from: 2026-01-01}}
- {id: one, parent: acme, effective: {from: 2026-01-01}}
- {id: both, parent: other, effective: {from: 2026-06-01}, split_from: [acme, one]}
- {id: apart, parent: other, effective: {from: 2026-06-01}, split_from: [acme, other]}
");
    assert_eq!(stands(&org, "both", "2025-01-01"), "acme alone", "as both of its origins do");
    assert_eq!(stands(&org, "apart", "2025-01-01"), "other alone", "nothing in common: its first parent");
}

#[test]
fn origins_that_lead_back_leave_a_unit_to_itself() {
    let org = org("units:
- {id: acme}
- {id: one, parent: acme, effective: {from: 2026-01-01}, split_from: [two, acme]}
- {id: two, parent: acme, effective: {from: 2026-01-01}, split_from: [one]}
");
    assert_eq!(stands(&org, "one", "2025-01-01"), "one alone");
    assert_eq!(stands(&org, "two", "2025-01-01"), "two alone");
}

#[test]
fn an_ancestor_counts_as_its_own_when_origins_are_below_each_other() {
    let org = org("units: [{id: a}, {id: b, parent: a}, {id: c, effective: {from: 2026-01-01}, split_from: [a, b]}]");
    assert_eq!(stands(&org, "c", "2025-01-01"), "a");
}

#[test]
fn a_way_that_comes_back_ends_at_the_unit_itself() {
    // a starts after, out of b; b ended before, in favor of a, which was to come back.
    let text = "units:
- {id: a, effective: {from: 2026-06-01}, split_from: [b]}
- id: b
  spans: [{from: 2026-07-01, split_from: [a]}]
";
    let org = org(text);
    assert_eq!(stands(&org, "a", "2026-01-01"), "a alone");
    assert_eq!(stands(&org, "b", "2026-01-01"), "b alone");
}

#[test]
fn a_team_that_nobody_knows_is_a_root_of_its_own() {
    let org = org(REORG);
    let reader = Reader::new(&org, OrgReading::AsWas);
    let place = reader.place(&team("ghost"), day("2026-01-01"));
    assert_eq!((place.path.as_slice(), place.root_of_its_own), (&[team("ghost")][..], true));
    assert_eq!(reader.level(&team("ghost"), "team", day("2026-01-01")), None);
}

#[test]
fn as_it_was_keeps_the_tree_of_the_day_and_as_it_is_takes_todays() {
    let org = org(super::history::HISTORY);
    let was = Reader::new(&org, OrgReading::AsWas);
    let is = Reader::new(&org, OrgReading::At(day("2026-09-16")));
    let ids = |path: Vec<TeamId>| path.iter().map(TeamId::to_string).collect::<Vec<_>>().join("/");
    for _ in 0..2 {
        assert_eq!(ids(was.path(&team("payments"), day("2025-01-01"))), "acme/shop/payments");
        assert_eq!(ids(was.path(&team("payments"), day("2026-02-01"))), "acme/platform/payments");
        assert_eq!(ids(is.path(&team("payments"), day("2025-01-01"))), "acme/payments");
        assert_eq!(ids(is.path(&team("platform"), day("2026-02-01"))), "acme/shop");
    }
    assert_eq!(was.level(&team("payments"), "DIVISION", day("2026-02-01")), Some(team("platform")));
    assert_eq!(is.level(&team("payments"), "division", day("2026-02-01")), None);
    assert_eq!(is.level(&team("platform"), "team", day("2026-02-01")), None);
    assert_eq!((is.day_of_tree(day("2025-01-01")), was.reading()), (day("2026-09-16"), OrgReading::AsWas));
}

#[test]
fn a_unit_beside_the_tree_keeps_its_kind() {
    let org = org(REORG);
    let place = org.place(&team("orphan"), day("2026-09-16"));
    assert_eq!(place.level("Team"), Some(&team("orphan")));
    assert_eq!(place.level("division"), None);
}

#[test]
fn a_tree_knows_roots_children_levels_and_what_units_have_in_common() {
    let org = org(REORG);
    let tree = org.tree(day("2026-01-01"));
    let ids = |units: &[&TeamId]| units.iter().map(|unit| unit.as_str()).collect::<Vec<_>>().join(" ");
    assert_eq!(ids(tree.roots()), "acme orphan");
    assert_eq!(ids(tree.children(&team("shop"))), "alpha beta lost mid old");
    assert_eq!(ids(tree.children(&team("ghost"))), "");
    assert_eq!(tree.parent(&team("old")), Some(&team("shop")));
    assert_eq!(ids(&tree.path(&team("old"))), "acme shop old");
    assert_eq!(tree.level(&team("old"), "division"), Some(&team("shop")));
    assert_eq!(tree.lowest_common_ancestor([&team("old"), &team("lost")]), Some(&team("shop")));
    assert_eq!(tree.lowest_common_ancestor([&team("old"), &team("shop"), &team("new")]), Some(&team("acme")));
    assert_eq!(tree.lowest_common_ancestor([&team("old"), &team("orphan")]), None);
    assert_eq!(tree.lowest_common_ancestor([&team("old"), &team("gamma")]), None);
    assert_eq!(tree.lowest_common_ancestor([]), None);
    assert_eq!(tree.day(), day("2026-01-01"));
}

#[test]
fn long_ways_neither_take_long_nor_end_the_program() {
    // Each unit comes from two earlier ones: ways double with every step unless answers are remembered.
    let mut text = String::from(
        "units:\n- {id: root, effective: {until: 2026-01-01}}\n- {id: r1, effective: {from: 2026-01-01}}\n",
    );
    for number in 2..3_000 {
        let (one, two) = (number - 1, (number - 2).max(1));
        text.push_str(&format!("- {{id: r{number}, effective: {{from: 2026-01-01}}, split_from: [r{one}, r{two}]}}\n"));
    }
    let org = org(&text);
    assert_eq!(stands(&org, "r2999", "2025-01-01"), "r2999 alone");
    assert_eq!(stands(&org, "r100", "2025-01-01"), "r1 alone", "where all its ways begin");
}
