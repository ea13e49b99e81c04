//! Names and places of a small company, worked out by hand.

use super::*;

/// risk was ended for ledger, ledger for search; pay came back; edge was split from web, hub from two.
const ORG: &str = "units:
- id: acme
  spans:
  - {name: \"Acme\", kind: \"company\"}
- id: pay
  spans:
  - {from: 2025-01-01, until: 2025-06-01, name: \"Payments\", kind: \"team\", parent: \"acme\", aliases: [\"money\"], successor: \"search\"}
  - {from: 2026-01-01, name: \"New Payments\", kind: \"team\", parent: \"web\"}
- id: risk
  spans:
  - {until: 2025-03-01, name: \"Risk\", parent: \"acme\", successor: \"ledger\"}
- id: ledger
  spans:
  - {until: 2025-09-01, name: \"Ledger\", parent: \"acme\", aliases: [\"books\"], successor: \"search\"}
- id: search
  spans:
  - {until: 2025-07-01, name: \"Search\", parent: \"acme\", aliases: [\"find\"]}
  - {from: 2025-07-01, name: \"Discovery\", parent: \"web\", aliases: [\"books\"]}
- id: web
  spans:
  - {name: \"Web\", kind: \"group\", parent: \"acme\"}
- id: ads
  spans:
  - {until: 2025-05-01, name: \"Ads\", parent: \"web\"}
- id: edge
  spans:
  - {from: 2025-08-01, name: \"Edge\", parent: \"acme\", split_from: [\"web\"]}
- id: hub
  spans:
  - {from: 2025-08-01, name: \"Find\", parent: \"acme\", split_from: [\"search\", \"ledger\"]}
- id: late
  spans:
  - {from: 2025-10-01, name: \"Late\", parent: \"edge\"}
- id: island
  spans:
  - {from: 2025-02-01, until: 2025-03-01, name: \"Island\"}
";

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn meaning(name: &str, on: &str) -> String {
    match History::read(ORG).unwrap().meaning(name, day(on)) {
        Meaning::Team(id) => id,
        Meaning::Unknown => "?".to_owned(),
        Meaning::Ambiguous => "several".to_owned(),
    }
}

fn stand(team: &str, on: &str) -> String {
    let history = History::read(ORG).unwrap();
    history.path(&history.stand(team, day(on)), day(on)).join(" > ")
}

#[test]
fn a_name_means_who_has_it_on_the_day() {
    assert_eq!(meaning("pay", "2025-02-01"), "pay");
    assert_eq!(meaning(" PAYMENTS ", "2025-02-01"), "pay");
    assert_eq!(meaning("Money", "2025-02-01"), "pay");
    assert_eq!(meaning("books", "2025-02-01"), "ledger");
    assert_eq!(meaning("books", "2025-08-01"), "several", "ledger and search both have it");
    assert_eq!(meaning("ghost", "2025-02-01"), "?");
}

#[test]
fn a_name_of_another_time_means_who_had_or_will_have_it() {
    assert_eq!(meaning("discovery", "2025-02-01"), "search", "renamed later");
    assert_eq!(meaning("Payments", "2026-02-01"), "pay", "renamed before");
    // search was called find before, hub is called so now.
    assert_eq!(meaning("find", "2025-07-15"), "search");
    assert_eq!(meaning("find", "2025-09-15"), "hub");
}

#[test]
fn a_team_that_ended_means_its_successor() {
    assert_eq!(meaning("risk", "2025-04-01"), "ledger");
    assert_eq!(meaning("risk", "2025-10-01"), "search", "and after it the next");
    assert_eq!(meaning("money", "2025-06-01"), "search");
    assert_eq!(meaning("money", "2026-06-01"), "pay", "it came back, under another name");
    assert_eq!(meaning("ads", "2025-06-01"), "?", "nobody came after it");
    assert_eq!(meaning("late", "2025-02-01"), "?", "it only exists later");
}

#[test]
fn of_ended_units_the_one_of_exactly_that_id_goes_first() {
    let org = History::read(
        "units:
- {id: ops, effective: {until: 2025-01-01}, successor: left}
- {id: old, name: Ops, effective: {until: 2025-01-01}, successor: right}
- {id: left}
- {id: right}
",
    )
    .unwrap();
    assert_eq!(org.meaning("ops", day("2025-02-01")), Meaning::Team("left".to_owned()));
    assert_eq!(org.meaning("Ops", day("2025-02-01")), Meaning::Ambiguous);
    assert_eq!(org.meaning("ops", day("2024-02-01")), Meaning::Team("ops".to_owned()));
    assert_eq!(org.meaning("Ops", day("2024-02-01")), Meaning::Ambiguous);
}

#[test]
fn the_heir_of_an_id_goes_before_those_who_had_it_as_a_name() {
    let org = History::read(
        "units:
- {id: pay, spans: [{until: 2025-01-01, name: \"Pay\", successor: \"heir\"}]}
- {id: heir, spans: [{name: \"Heir\"}]}
- {id: other, spans: [{until: 2024-01-01, name: \"Other\", aliases: [\"pay\"]}, {from: 2024-01-01, name: \"Other\"}]}
",
    )
    .unwrap();
    for name in ["pay", " pay "] {
        assert_eq!(org.meaning(name, day("2026-01-01")), Meaning::Team("heir".to_owned()));
    }
    assert_eq!(org.meaning("Pay", day("2026-01-01")), Meaning::Team("other".to_owned()), "a name, so who had it");
}

#[test]
fn what_ended_stands_with_its_successor_or_where_it_was() {
    assert_eq!(stand("pay", "2025-02-01"), "acme > pay");
    assert_eq!(stand("risk", "2025-12-01"), "acme > web > search");
    assert_eq!(stand("ads", "2025-12-01"), "acme > web");
    assert_eq!(stand("pay", "2025-12-01"), "acme > web > search", "in its gap");
    assert_eq!(stand("pay", "2026-12-01"), "acme > web > pay");
    assert_eq!(stand("island", "2025-12-01"), "island", "neither successor nor parent");
    assert_eq!(stand("ghost", "2025-12-01"), "ghost");
}

#[test]
fn what_starts_later_stands_where_it_came_from() {
    assert_eq!(stand("edge", "2025-02-01"), "acme > web");
    // hub came from search and ledger: in February both are under acme, in July search is under web.
    assert_eq!(stand("hub", "2025-02-01"), "acme");
    assert_eq!(stand("hub", "2025-07-15"), "acme");
    // late came from nobody; its parent edge came from web.
    assert_eq!(stand("late", "2025-02-01"), "acme > web");
    assert_eq!(stand("late", "2025-09-02"), "acme > edge");
    // search took over from pay and ledger, but later than it began.
    assert_eq!(stand("search", "2020-01-01"), "acme > search");
    // pay began in 2025, from nobody.
    assert_eq!(stand("pay", "2024-01-01"), "acme");
}

#[test]
fn several_predecessors_stand_at_their_lowest_common_unit() {
    let org = History::read(
        "units:
- {id: root}
- {id: mid, parent: root}
- {id: one, parent: mid, effective: {until: 2025-01-01}, successor: both}
- {id: two, parent: mid, effective: {until: 2025-01-01}, successor: both}
- {id: both, parent: root, effective: {from: 2025-01-01}}
- {id: more, parent: root, split_from: [mid, one], effective: {from: 2025-01-01}}
- {id: far, effective: {from: 2020-01-01}}
- {id: wide, parent: mid, split_from: [one, far], effective: {from: 2025-01-01}}
",
    )
    .unwrap();
    let on = day("2024-06-01");
    assert_eq!(org.stand("both", on), "mid");
    assert_eq!(org.stand("more", on), "mid", "an ancestor counts as its own");
    assert_eq!(org.stand("wide", on), "mid", "nothing in common, so its parent");
    assert_eq!(org.stand("one", day("2025-06-01")), "both");
}

#[test]
fn a_circle_ends_at_the_team_itself() {
    let org = History::read(
        "units:
- {id: a, effective: {until: 2025-01-01}, successor: b}
- {id: b, effective: {until: 2025-02-01}, successor: a}
- {id: c, effective: {until: 2025-02-01}, successor: a}
",
    )
    .unwrap();
    assert_eq!(org.stand("a", day("2025-01-15")), "b");
    assert_eq!(org.stand("a", day("2026-01-01")), "a");
    assert_eq!(org.stand("c", day("2026-01-01")), "c");
    assert_eq!(org.meaning("c", day("2026-01-01")), Meaning::Unknown);
}
