//! For every reading, date and node: the total is the direct cost plus the totals of the children, and the roots make the
//! bill. Over random histories and random charges.

use proptest::prelude::*;

use super::*;

const UNITS: usize = 7;

fn unit(number: usize) -> TeamId {
    team(&format!("u{}", number % UNITS))
}

fn at(day_number: i32) -> Day {
    day("2026-01-01").plus(day_number)
}

/// One random reorg of the units of its day; what cannot be is refused, and then changes nothing.
fn reorg(org: &Org, effective: i32, what: u8, one: usize, other: usize) -> Reorg {
    let state = org.state(at(effective));
    let existing: Vec<&TeamId> = state.units.keys().collect();
    let pick = |number: usize| existing.get(number % (existing.len() + 1)).map(|id| (*id).clone());
    let chosen = pick(one);
    let operations = match (what, chosen) {
        (0..3, _) | (_, None) => {
            let unit = unit(one);
            let state = UnitState {
                name: format!("Unit {one}"),
                kind: ["company", "division", "team"][one % 3].to_owned(),
                parent: pick(other),
                split_from: if what == 0 {
                    pick(other / 2).into_iter().chain(pick(other / 3)).collect()
                } else {
                    [].into()
                },
                ..UnitState::default()
            };
            let known = org.unit(&unit).is_some_and(|known| known.spans[0].period.from() <= at(effective));
            vec![if known { Operation::Return { unit, state } } else { Operation::Create { unit, state } }]
        }
        (3..5, Some(unit)) => vec![Operation::Move { unit, to: pick(other) }],
        (5, Some(unit)) => vec![Operation::Rename { unit, name: format!("Name {}", other % 3) }],
        (_, Some(unit)) => {
            let heir = pick(other).filter(|heir| *heir != unit);
            let below = state.units.iter().filter(|(_, state)| state.parent.as_ref() == Some(&unit));
            let parent = state.units[&unit].parent.clone();
            let mut operations: Vec<Operation> =
                below.map(|(child, _)| Operation::Move { unit: child.clone(), to: parent.clone() }).collect();
            operations.push(Operation::Dissolve { unit, successor: heir, merged: true });
            operations
        }
    };
    Reorg { effective: at(effective), operations }
}

/// A random history: reorgs in the order in which they are recorded, at whatever dates.
fn history() -> impl Strategy<Value = Org> {
    proptest::collection::vec((0..40_i32, 0..9_u8, 0..100_usize, 0..100_usize), 1..40).prop_map(|reorgs| {
        reorgs.into_iter().fold(Org::default(), |org, (effective, what, one, other)| {
            org.with(&reorg(&org, effective, what, one, other)).unwrap_or(org)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_node_is_its_direct_cost_and_its_children_and_the_roots_are_the_bill(
        org in history(),
        charges in proptest::collection::vec((0..UNITS + 1, -5..45_i32, -100..100_i64), 0..40),
        date in -5..45_i32,
    ) {
        let bill: i64 = charges.iter().map(|(_, _, cost)| cost).sum();
        let at_date = Reader::new(&org, OrgReading::At(at(date)));
        let was = Reader::new(&org, OrgReading::AsWas);
        // In one tree all charges; as it was, the charges of each day in that day's tree.
        let mut trees = vec![(at(date), &at_date, charges.iter().collect::<Vec<_>>())];
        for number in -5..45 {
            trees.push((at(number), &was, charges.iter().filter(|(_, day, _)| *day == number).collect()));
        }
        let mut shown = Vec::new();
        for (day_of_tree, reader, charges) in trees {
            let tree = org.tree(day_of_tree);
            let (mut direct, mut total): (BTreeMap<TeamId, i64>, BTreeMap<TeamId, i64>) = Default::default();
            let mut alone = 0;
            for (owner, day_number, cost) in charges {
                let owner = if *owner == UNITS { team("ghost") } else { unit(*owner) };
                let place = reader.place(&owner, at(*day_number));
                prop_assert_eq!(place.path.last(), Some(&place.unit));
                prop_assert_eq!(tree.span(&place.unit).is_none(), place.root_of_its_own);
                if place.root_of_its_own {
                    alone += cost;
                    continue;
                }
                prop_assert_eq!(place.path.iter().collect::<Vec<_>>(), tree.path(&place.unit));
                *direct.entry(place.unit.clone()).or_default() += cost;
                for unit in &place.path {
                    *total.entry(unit.clone()).or_default() += cost;
                }
                for kind in ["company", "division", "team"] {
                    prop_assert_eq!(place.level(kind), tree.level(&place.unit, kind));
                    prop_assert_eq!(reader.level(&owner, kind, at(*day_number)), place.level(kind).cloned());
                }
            }
            let of = |totals: &BTreeMap<TeamId, i64>, unit: &TeamId| totals.get(unit).copied().unwrap_or_default();
            for (id, _) in tree.units() {
                let children: i64 = tree.children(id).iter().map(|child| of(&total, child)).sum();
                prop_assert_eq!(of(&total, id), of(&direct, id) + children, "{} on {}", id, day_of_tree);
            }
            shown.push(tree.roots().iter().map(|root| of(&total, root)).sum::<i64>() + alone);
        }
        prop_assert_eq!(shown[0], bill);
        prop_assert_eq!(shown[1..].iter().sum::<i64>(), bill);
    }

    #[test]
    fn a_history_reads_back_and_names_mean_the_same(org in history(), date in -5..45_i32) {
        let again = Org::from_yaml("o", &org.to_canonical()).map_err(|faults| leap_terms::fault::list(&faults));
        prop_assert_eq!(again.as_ref(), Ok(&org));
        prop_assert!(org.names_changed(&again.unwrap()).is_empty());
        for unit in org.units() {
            let heir = org.resolve(unit.id.as_str(), at(date));
            if unit.on(at(date)).is_some() {
                prop_assert_eq!(heir, Resolved::Team(unit.id.clone()));
            }
        }
    }
}
