//! Any state can follow any other: the reorg between them leads to it, and nothing is left to propose.

use proptest::prelude::*;

use super::*;

/// What one unit of a random state is; numbers are indexes into the state's own units or into small pools.
type Drawn = (bool, usize, u8, u8, Vec<u8>, Option<u8>, Option<u32>);

fn drawn() -> impl Strategy<Value = (Vec<Drawn>, Vec<usize>, Vec<(usize, usize)>)> {
    let unit = (
        prop::bool::weighted(0.7),
        0..12_usize,
        0..4_u8,
        0..2_u8,
        prop::collection::vec(0..10_u8, 0..4),
        prop::option::of(0..3_u8),
        prop::option::of(0..5_u32),
    );
    let order = Just((0..12).collect::<Vec<usize>>()).prop_shuffle();
    (prop::collection::vec(unit, 12), order, prop::collection::vec((0..8_usize, 0..12_usize), 0..10))
}

/// A state: parents stand earlier in `order`, so there is no cycle.
fn built((units, order, people): &(Vec<Drawn>, Vec<usize>, Vec<(usize, usize)>)) -> OrgState {
    let mut state = OrgState::default();
    let id = |number: usize| team(&format!("u{number}"));
    let mut above: Vec<usize> = Vec::new();
    for at in order {
        let (exists, parent, name, kind, paths, lead, heads) = &units[*at];
        if !exists {
            continue;
        }
        let mut evidence: BTreeSet<String> = paths.iter().map(|path| format!("path/{path}")).collect();
        evidence.extend(lead.map(|lead| format!("lead u{lead}")));
        let unit = UnitState {
            name: format!("Name {name}"),
            kind: format!("kind {kind}"),
            parent: above.get(*parent).copied().map(id),
            aliases: heads.filter(|heads| *heads == 0).map(|_| format!("alias {at}")).into_iter().collect(),
            lead: lead.map(|lead| format!("u{lead}")),
            head_count: *heads,
            cost_center: lead.filter(|lead| *lead == 1).map(|_| "4711".to_owned()),
            evidence,
            ..UnitState::default()
        };
        state.units.insert(id(*at), unit);
        above.push(*at);
    }
    for (person, unit) in people {
        if let Some(unit) = above.get(*unit) {
            state.people.insert(format!("e-{person}"), id(*unit));
        }
    }
    state
}

/// Compares a state of the history with the new one, unit by unit, under whatever ids they are kept.
fn is_the_same(after: &OrgState, new: &OrgState) {
    let living: BTreeMap<&TeamId, &UnitState> = new.units.iter().filter(|(_, unit)| unit.successor.is_none()).collect();
    assert_eq!(after.units.len(), living.len());
    let kept: BTreeMap<&TeamId, &TeamId> = living
        .keys()
        .map(|id| {
            let exact = after.units.get_key_value(*id).map(|(id, _)| id);
            let mut called = after.units.iter().filter(|(_, unit)| unit.aliases.contains(id.as_str()));
            (*id, exact.or_else(|| called.next().map(|(id, _)| id)).expect("each unit is found by its id"))
        })
        .collect();
    assert_eq!(kept.values().collect::<BTreeSet<_>>().len(), living.len(), "no two are one");
    for (id, unit) in living {
        let mut expected = unit.clone();
        expected.parent = expected.parent.map(|parent| kept[&parent].clone());
        if kept[id] != id {
            expected.aliases.insert(id.to_string());
        }
        expected.split_from.clear();
        assert_eq!(after.units[kept[id]], expected, "{id}");
    }
    if !new.people.is_empty() {
        let people: BTreeMap<String, TeamId> =
            new.people.iter().map(|(person, unit)| (person.clone(), kept[unit].clone())).collect();
        assert_eq!(after.people, people);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_state_can_follow_any_other(states in prop::collection::vec(drawn(), 2..5), declares in any::<bool>()) {
        let mut org = Org::default();
        for (at, drawn) in states.iter().enumerate() {
            let day = day("2026-01-01").plus(i32::try_from(at).unwrap());
            let mut new = built(drawn);
            let before = org.state(day);
            let gone = before.units.keys().find(|id| !new.units.contains_key(*id)).cloned();
            let heir = new.units.keys().next_back().cloned();
            if let (true, Some(gone), Some(heir)) = (declares, gone, heir) {
                new.units.insert(gone, UnitState { successor: Some(heir), ..UnitState::default() });
            }
            let proposal = propose(&org, day, &new, &Overrides::default()).unwrap();
            let mut sorted = proposal.findings.clone();
            sorted.sort();
            prop_assert_eq!(&sorted, &proposal.findings);
            org = org.with(&proposal.reorg).unwrap_or_else(|faults| panic!("{}", fault::list(&faults)));
            is_the_same(&org.state(day), &new);
            let again = propose(&org, day, &new, &Overrides::default()).unwrap();
            prop_assert_eq!(again.reorg.operations, vec![]);
            prop_assert_eq!(again.findings, vec![]);
            // An earlier day is as it was.
            prop_assert_eq!(org.state(day.plus(-1)), if at == 0 { OrgState::default() } else { before });
        }
    }
}
