//! Which unit is which, and why, told by small states; and that any two states have a reorg between them.

mod pairs;

use super::*;
use leap_terms::fault;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn team(id: &str) -> TeamId {
    TeamId::new(id).unwrap()
}

/// `id < parent = Name: item, item` in one line per unit; `id @ person person` puts people; `id → successor` ends one.
fn state(text: &str) -> OrgState {
    let mut state = OrgState::default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some((id, people)) = line.split_once(" @ ") {
            state.people.extend(people.split(' ').map(|person| (person.to_owned(), team(id))));
            continue;
        }
        if let Some((id, successor)) = line.split_once(" → ") {
            let unit = UnitState { successor: Some(team(successor)), ..UnitState::default() };
            state.units.insert(team(id), unit);
            continue;
        }
        let (head, items) = line.split_once(": ").unwrap_or((line, ""));
        let (head, name) = head.split_once(" = ").unwrap_or((head, ""));
        let (id, parent) = head.split_once(" < ").unwrap_or((head, ""));
        let unit = UnitState {
            name: if name.is_empty() { id.to_owned() } else { name.to_owned() },
            kind: "team".to_owned(),
            parent: Some(parent).filter(|parent| !parent.is_empty()).map(team),
            evidence: items.split(", ").filter(|item| !item.is_empty()).map(str::to_owned).collect(),
            ..UnitState::default()
        };
        state.units.insert(team(id), unit);
    }
    state
}

fn org(text: &str) -> Org {
    let org = Org::default();
    let proposal = propose(&org, day("2025-01-01"), &state(text), &Overrides::default()).unwrap();
    org.with(&proposal.reorg).unwrap()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(TeamId, TeamId)> {
    list.iter().map(|(from, to)| (team(from), team(to))).collect()
}

/// The findings but descriptions, and the organisation after them.
fn found_in(org: &Org, on: &str, new: &str, overrides: &Overrides) -> (Vec<String>, Org) {
    let proposal =
        propose(org, day(on), &state(new), overrides).unwrap_or_else(|faults| panic!("{}", fault::list(&faults)));
    let after = org.with(&proposal.reorg).unwrap_or_else(|faults| panic!("{}", fault::list(&faults)));
    let told = proposal.findings.iter().filter(|finding| finding.what != What::Described);
    (told.map(Finding::to_string).collect(), after)
}

fn found(old: &str, new: &str) -> Vec<String> {
    found_in(&org(old), "2026-01-01", new, &Overrides::default()).0
}

#[test]
fn nothing_changes_nothing() {
    let acme = "acme\npay < acme: a, b\npay @ p q";
    assert!(found(acme, acme).is_empty());
    let proposal = propose(&org(acme), day("2026-01-01"), &state(acme), &Overrides::default()).unwrap();
    assert_eq!((proposal.reorg.operations.len(), proposal.findings.len()), (0, 0));
}

#[test]
fn a_renamed_unit_keeps_its_id_and_the_new_one_is_an_alias() {
    let (told, after) = found_in(
        &org("acme\nshop\npay < acme = Pay: a, b, c"),
        "2026-01-01",
        "acme\nshop\npayments < acme = Payments: a, b, d",
        &Overrides::default(),
    );
    assert_eq!(
        told,
        ["pay was renamed from 'Pay' to 'Payments': in the new state it is payments, which has 2 of its 3 paths"]
    );
    assert_eq!(after.unit(&team("payments")), None);
    assert_eq!(after.resolve("payments", day("2026-01-01")), crate::org::Resolved::Team(team("pay")));
    // The next file says payments again, and it is still pay.
    let (told, after) =
        found_in(&after, "2026-02-01", "acme\nshop\npayments < shop = Payments: e", &Overrides::default());
    assert_eq!(told, ["pay moved from acme to shop"]);
    assert_eq!(after.units().len(), 3);
}

#[test]
fn another_id_alone_says_what_will_happen_and_what_to_do() {
    let (old, new) = (org("r\npay < r = Payments"), "r\ncore < r = Payments");
    let told = |overrides: &Overrides| found_in(&old, "2026-01-01", new, overrides).0;
    assert_eq!(
        told(&Overrides::default()),
        ["pay has another id: in the new state it is core, which has the same name; both are taken for one unit: its \
          cost, rules and history stay with pay, and core also means it. If so, there is nothing to do; if core is \
          another unit, plan again with --successor pay=HEIR, the unit that inherits from pay"]
    );
    // What it advises does what it says.
    let advised = Overrides { successors: vec![(team("pay"), team("r"))], ..Overrides::default() };
    assert_eq!(told(&advised), ["core was created below r", "pay was merged into r, as declared"]);
    // Who declared it knows.
    let declared = Overrides { renames: vec![(team("pay"), team("core"))], ..Overrides::default() };
    assert_eq!(
        told(&declared),
        ["pay has another id: in the new state it is core, as declared: it stays pay, and core also means it"]
    );
}

#[test]
fn a_unit_is_known_by_its_name_wherever_it_goes() {
    assert_eq!(
        found("a\nb\na/x < a = Search Engine", "a\nb\nb/x < b = search-engine"),
        [
            "a/x was renamed from 'Search Engine' to 'search-engine': in the new state it is b/x, which has the same name",
            "a/x moved from a to b: in the new state it is b/x, which has the same name"
        ]
    );
    // Elsewhere and with other property, a name proves nothing.
    assert_eq!(
        found("a\nb\na/x < a = docs: one", "a\nb\nb/x < b = docs: two"),
        [
            "b/x was created below b",
            "a/x was dissolved: nothing of it is found elsewhere; a, the unit above, looks after what it left"
        ]
    );
    // Two of a name are nobody in particular.
    assert_eq!(found("r\na < r = docs\nb < r = docs", "r\nc < r = docs").len(), 3);
}

#[test]
fn members_and_children_tell_who_a_unit_is() {
    assert_eq!(
        found("r\na < r\na @ p q s\nr @ t", "r\nb < r\nb @ p q t\nr @ s"),
        [
            "a was renamed from 'a' to 'b': in the new state it is b, which has 2 of its 3 members",
            "t went from r to a",
            "s went from a to r"
        ]
    );
    assert_eq!(
        found("r\ndiv < r\nx < div\ny < div\nz < div", "r\ngroup < r\nx < group\ny < group\nz < r"),
        [
            "div was renamed from 'div' to 'group': in the new state it is group, which has 2 of its 3 units below",
            "z moved from div to r"
        ]
    );
    assert_eq!(
        found("r\na < r: lead u1, lead u2, lead u3", "r\nb < r: lead u2, lead u3, lead u4"),
        ["a was renamed from 'a' to 'b': in the new state it is b, which has 2 of its 3 leads"]
    );
    assert_eq!(found("r\na < r: lead u1", "r\nb < r: lead u1").len(), 2, "one lead of two units proves nothing");
}

#[test]
fn what_is_found_elsewhere_was_merged() {
    assert_eq!(
        found("r\na < r: 1, 2, 3\nb < r: 4", "r\nb < r: 1, 2, 4"),
        ["a was merged into b, which now has 2 of its 3 paths"]
    );
    assert_eq!(
        found("r\na < r\na @ p q\nb < r\nb @ s", "r\nb < r\nb @ p q s"),
        ["a was merged into b, which now has 2 of its 2 members"]
    );
    assert_eq!(
        found("r\na < r\nx < a: 1\nb < r", "r\nb < r\nx < b: 1"),
        ["x moved from a to b", "a was merged into b, which now has 1 of its 1 paths"]
    );
    // What goes on below a unit that ends does not inherit from it.
    assert_eq!(
        found("r\na < r\nx < a: 1", "r\nx < r: 1"),
        ["x moved from a to r", "a was merged into r, which now has 1 of its 1 units below"]
    );
}

#[test]
fn a_unit_is_split_off_or_split_up() {
    assert_eq!(
        found("r\na < r\na @ p q s t u", "r\na < r\na @ s t u\nb < r\nb @ p q"),
        [
            "b was split from a and stands below r: where 2 of its 2 members were before",
            "p went from a to b",
            "q went from a to b"
        ]
    );
    assert_eq!(
        found("r\na < r: 1, 2, 3, 4", "r\nb < r: 1, 2\nc < r: 3, 4"),
        [
            "b was created below r in place of a",
            "a was split into b and c; b, with 2 of its 4 paths, inherits from it",
            "c was split from a and stands below r: where 2 of its 2 paths were before"
        ]
    );
    // A unit put between two others is split from neither.
    assert_eq!(found("r\nx < r\ny < r", "r\nm < r\nx < m\ny < r"), ["m was created below r", "x moved from r to m"]);
}

#[test]
fn what_is_declared_comes_before_what_is_found() {
    let old = org("r\na < r: 1, 2\nb < r: 3");
    let new = "r\nb < r: 3\nc < r: 1, 2";
    let told = |overrides: &Overrides| found_in(&old, "2026-01-01", new, overrides).0;
    assert!(told(&Overrides::default())[0].starts_with("a was renamed"));
    let successor = Overrides { successors: pairs(&[("a", "b")]), ..Overrides::default() };
    assert_eq!(
        told(&successor),
        [
            "c was split from a and stands below r: where 2 of its 2 paths were before",
            "a was merged into b, as declared"
        ]
    );
    let split = Overrides { splits: pairs(&[("b", "c")]), ..Overrides::default() };
    assert_eq!(told(&split)[0], "c was split from b and stands below r: as declared");
    let rename = Overrides { renames: pairs(&[("a", "c")]), ..Overrides::default() };
    assert!(told(&rename)[0].ends_with("in the new state it is c, as declared"));
    // The new state declares, too; who ended before says nothing again.
    let (told, after) = found_in(&old, "2026-01-01", "r\nb < r: 3\nc < r: 1, 2\na → b", &Overrides::default());
    assert_eq!(told[1], "a was merged into b, as declared");
    let (told, _) = found_in(&after, "2026-02-01", "r\nb < r: 3\nc < r: 1, 2\na → b", &Overrides::default());
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn a_unit_that_existed_before_returns_as_itself() {
    let (told, after) = found_in(&org("r\na < r"), "2026-01-01", "r", &Overrides::default());
    assert_eq!(
        told,
        ["a was dissolved: nothing of it is found elsewhere; r, the unit above, looks after what it left"]
    );
    let (told, after) = found_in(&after, "2026-06-01", "r\na < r", &Overrides::default());
    assert_eq!(told, ["a, which existed before, returned below r"]);
    assert_eq!(after.unit(&team("a")).unwrap().spans.len(), 2);
}

#[test]
fn a_state_that_names_nobody_leaves_people_where_they_are() {
    let (told, after) = found_in(&org("r\na < r: 1\na @ p\nb < r"), "2026-01-01", "r\nb < r: 1", &Overrides::default());
    assert_eq!(told, ["a was merged into b, which now has 1 of its 1 paths"]);
    assert_eq!(after.state(day("2026-01-01")).people["p"], team("b"));
}

#[test]
fn a_state_or_an_override_that_contradicts_itself_is_refused() {
    let old = org("r\na < r\nb < r");
    let fails = |new: &str, overrides: Overrides| {
        fault::list(&propose(&old, day("2026-01-01"), &state(new), &overrides).expect_err(new))
    };
    let plain = Overrides::default;
    assert_eq!(
        fails("r\nx < rr", plain()),
        "reorg of 2026-01-01: unit 'x' has the unknown parent 'rr'\n  help: did you mean r?"
    );
    assert!(fails("x < y\ny < x", plain()).contains("the org has a cycle: x → y → x"));
    assert!(fails("r\nx @ p", plain()).contains("person 'p' is in the unknown unit 'x'"));
    assert!(
        fails("r\na → zz", plain()).contains("unit 'a' has the successor 'zz', which does not exist on 2026-01-01")
    );
    assert!(fails("r\na → b\nb → a", plain()).contains("inherits from itself"));
    assert!(fails("r\na → b\nb < a", plain()).contains("unit 'b' has the parent 'a', which ends"));
    let rename = |from, to| Overrides { renames: pairs(&[(from, to)]), ..Overrides::default() };
    assert!(fails("r\nc", rename("z", "c")).contains("rename z=c: unit 'z' does not exist on 2026-01-01"));
    assert!(fails("r\na\nc", rename("a", "c")).contains("unit 'a' goes on in the new state"));
    assert!(fails("r\nb", rename("a", "b")).contains("unit 'b' existed before"));
    assert!(fails("r\nb", rename("a", "c")).contains("the new state has no unit 'c'"));
    let twice = Overrides { renames: pairs(&[("a", "c"), ("b", "c")]), ..Overrides::default() };
    assert!(fails("r\nc", twice).contains("renamed twice"));
    let successors = |list: &[(&str, &str)]| Overrides { successors: pairs(list), ..Overrides::default() };
    assert!(fails("r\na", successors(&[("a", "r")])).contains("only a unit that ends has a successor"));
    assert!(fails("r\nb", successors(&[("a", "r"), ("a", "b")])).contains("two successors"));
    let split = Overrides { splits: pairs(&[("a", "b")]), ..Overrides::default() };
    assert!(fails("r\na\nb", split).contains("unit 'b' is not new"));
}

#[test]
fn a_large_organisation_is_compared_in_a_moment() {
    let acme = |division: usize, prefix: &str| {
        let mut lines = vec!["acme".to_owned()];
        lines.extend((0..division).map(|at| format!("d{at} < acme")));
        lines.extend((0..5_000).map(|at| format!("{prefix}{at} < d{}: path/{at}, path/{at}/more", at % division)));
        lines.extend((0..5_000).map(|at| format!("{prefix}{at} @ e{at} f{at}")));
        lines.join("\n")
    };
    let old = org(&acme(50, "t"));
    let (told, after) = found_in(&old, "2026-01-01", &acme(40, "team"), &Overrides::default());
    assert_eq!(after.units().len(), 5_051, "every team is known again");
    assert_eq!(told.iter().filter(|told| told.contains(" was renamed ")).count(), 5_000);
    assert_eq!(told.iter().filter(|told| told.contains(" was dissolved") || told.contains(" was merged ")).count(), 10);
}
