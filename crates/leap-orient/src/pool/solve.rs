//! From what each pool's driver says to what each pool's cost finally does, across pools that use each other.
//!
//! ```text
//! network: payments 1, pool:kafka 1        kafka: search 1, pool:network 1
//! reciprocal   network's cost goes 2/3 to payments, 1/3 to search
//! step-down    (network first) 1/2 to payments, 1/2 by kafka to search; kafka's goes to search alone
//! direct       network's cost goes to payments, kafka's to search
//! ```
//! A unit of cost walks from pool to pool, each time by the weights of the pool where it stands, until it reaches a team,
//! the pool's keep or its idle: the final share is the chance to end there, an exact fraction. Pools that only feed each
//! other have no exit: their cost stays with the pool it came from.
//!
//! The orders differ only in which edges between pools they honor; [`honored`] says which. Source: the reciprocal method of
//! cost accounting is the absorbing Markov chain (Kemeny and Snell, *Finite Markov Chains*, chapter 3).

use std::collections::BTreeMap;

use leap_terms::TeamId;
use num_bigint::BigUint;

use super::policy::Order;
use super::split::common_divisor;

/// Who a weight is for. Ordered as ties are broken: teams by id, then keep, then idle.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Target {
    /// A team.
    Team(TeamId),
    /// Stays with the pool, because nobody could be found for it.
    Keep,
    /// Stays with the pool as what nobody used.
    Idle,
}

/// What one pool's driver says on one day: integer weights of targets and of other pools.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Row {
    /// Weights of teams, keep and idle.
    pub targets: BTreeMap<Target, BigUint>,
    /// Weights of pools, by their number; only those that the order honors.
    pub pools: BTreeMap<usize, BigUint>,
}

impl Row {
    /// The whole cost stays with the pool.
    pub fn keep() -> Row {
        Row { targets: BTreeMap::from([(Target::Keep, BigUint::from(1_u8))]), pools: BTreeMap::new() }
    }

    /// True where no weight is above zero.
    pub fn is_zero(&self) -> bool {
        self.targets.values().chain(self.pools.values()).all(|weight| *weight == BigUint::ZERO)
    }
}

/// Whether the order lets pool `from` charge pool `to`. `rank` is the place of each pool in the declared order; `follows`
/// says that `from` is shared as `to` is (`driver: {pool: to}`).
pub fn honored(order: Order, rank: &[usize], from: usize, to: usize, follows: bool) -> bool {
    match order {
        Order::Direct => follows,
        Order::StepDown => rank[from] < rank[to],
        Order::Reciprocal => true,
    }
}

/// The rows of all pools that the cost of `origin` can reach. `row` gives what a pool's driver says; it is asked once a pool.
pub fn reach<E>(origin: usize, mut row: impl FnMut(usize) -> Result<Row, E>) -> Result<BTreeMap<usize, Row>, E> {
    let mut rows: BTreeMap<usize, Row> = BTreeMap::new();
    let mut open = vec![origin];
    while let Some(pool) = open.pop() {
        if rows.contains_key(&pool) {
            continue;
        }
        let mut found = row(pool)?;
        found.targets.retain(|_, weight| *weight > BigUint::ZERO);
        found.pools.retain(|_, weight| *weight > BigUint::ZERO);
        open.extend(found.pools.keys());
        rows.insert(pool, found);
    }
    Ok(rows)
}

/// The final weights of pool `origin` over teams, keep and idle, from the rows of all pools that its cost can reach; at
/// least one is above zero.
pub fn finals(origin: usize, mut rows: BTreeMap<usize, Row>) -> BTreeMap<Target, BigUint> {
    close(&mut rows);
    match rows.get_mut(&origin) {
        Some(own) if own.pools.is_empty() => std::mem::take(&mut own.targets),
        Some(_) => absorbed(origin, &mut rows),
        None => Row::keep().targets,
    }
}

/// Makes every pool from which no exit can be reached keep what it gets, so that all the others have an exit.
fn close(rows: &mut BTreeMap<usize, Row>) {
    let mut exits: Vec<usize> = rows.iter().filter(|(_, row)| !row.targets.is_empty()).map(|(pool, _)| *pool).collect();
    let mut open = exits.clone();
    while let Some(exit) = open.pop() {
        for (pool, row) in rows.iter() {
            if row.pools.contains_key(&exit) && !exits.contains(pool) {
                exits.push(*pool);
                open.push(*pool);
            }
        }
    }
    for (_, row) in rows.iter_mut().filter(|(pool, _)| !exits.contains(pool)) {
        *row = Row::keep();
    }
}

/// Where a pool's cost goes next, once some pools are taken out of the walk.
struct Flow {
    /// Weights of the pools that are left.
    pools: BTreeMap<usize, BigUint>,
    /// How often the targets' weights of each pool count.
    times: BTreeMap<usize, BigUint>,
}

impl Flow {
    /// Adds another flow, each of the two scaled.
    fn mix(&mut self, own: &BigUint, other: &Flow, factor: &BigUint) {
        for (mine, theirs) in [(&mut self.pools, &other.pools), (&mut self.times, &other.times)] {
            mine.values_mut().for_each(|weight| *weight *= own);
            for (pool, weight) in theirs {
                *mine.entry(*pool).or_default() += weight * factor;
            }
        }
    }

    fn reduce(&mut self) {
        let divisor = common_divisor(self.pools.values().chain(self.times.values()));
        self.pools.values_mut().chain(self.times.values_mut()).for_each(|weight| *weight /= &divisor);
    }
}

/// Takes one pool after the other out of the walk: whoever sent cost to it sends it where that pool sends it. What a pool
/// sends to itself is left out, for it only walks again. Every step adds and multiplies, so nothing turns negative and
/// nothing is rounded (Grassmann, Taksar and Heyman, 1985).
fn absorbed(origin: usize, rows: &mut BTreeMap<usize, Row>) -> BTreeMap<Target, BigUint> {
    for row in rows.values_mut() {
        let divisor = common_divisor(row.targets.values().chain(row.pools.values()));
        row.targets.values_mut().chain(row.pools.values_mut()).for_each(|weight| *weight /= &divisor);
    }
    let exits: BTreeMap<usize, BigUint> = rows.iter().map(|(pool, row)| (*pool, row.targets.values().sum())).collect();
    let mut flows: BTreeMap<usize, Flow> = BTreeMap::new();
    for (pool, row) in rows.iter() {
        let others = row.pools.iter().filter(|(other, _)| *other != pool);
        let pools = others.map(|(other, weight)| (*other, weight.clone())).collect();
        flows.insert(*pool, Flow { pools, times: BTreeMap::from([(*pool, BigUint::from(1_u8))]) });
    }
    // The fewest edges first: where no pools use each other in circles, numbers then stay small.
    while let Some(pool) = flows
        .iter()
        .filter(|(pool, _)| **pool != origin)
        .min_by_key(|(_, flow)| flow.pools.len())
        .map(|(pool, _)| *pool)
    {
        let out = flows.remove(&pool).expect("it was just found");
        let counted = out.times.iter().map(|(of, times)| times * &exits[of]);
        let total: BigUint = counted.chain(out.pools.values().cloned()).sum();
        assert!(total > BigUint::ZERO, "every pool left in the walk has an exit");
        for (into, flow) in &mut flows {
            if let Some(weight) = flow.pools.remove(&pool) {
                flow.mix(&total, &out, &weight);
                flow.pools.remove(into);
                flow.reduce();
            }
        }
    }
    let mut finals: BTreeMap<Target, BigUint> = BTreeMap::new();
    for (pool, times) in &flows[&origin].times {
        for (target, weight) in &rows[pool].targets {
            *finals.entry(target.clone()).or_default() += weight * times;
        }
    }
    let divisor = common_divisor(finals.values());
    finals.values_mut().for_each(|weight| *weight /= &divisor);
    finals
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn team(name: &str) -> Target {
        Target::Team(TeamId::new(name).unwrap())
    }

    fn row(targets: &[(Target, u32)], pools: &[(usize, u32)]) -> Row {
        Row {
            targets: targets.iter().map(|(target, weight)| (target.clone(), BigUint::from(*weight))).collect(),
            pools: pools.iter().map(|(pool, weight)| (*pool, BigUint::from(*weight))).collect(),
        }
    }

    fn finals_of(origin: usize, rows: &[Row]) -> Vec<(Target, u32)> {
        let found = finals(origin, reach(origin, |pool| Ok::<Row, ()>(rows[pool].clone())).unwrap());
        found.into_iter().map(|(target, weight)| (target, u32::try_from(weight).unwrap())).collect()
    }

    #[test]
    fn pools_that_use_each_other_are_solved_together() {
        let rows = [row(&[(team("payments"), 1)], &[(1, 1)]), row(&[(team("search"), 1)], &[(0, 1)])];
        assert_eq!(finals_of(0, &rows), [(team("payments"), 2), (team("search"), 1)]);
        assert_eq!(finals_of(1, &rows), [(team("payments"), 1), (team("search"), 2)]);
    }

    #[test]
    fn a_closed_cycle_keeps_and_what_flows_into_it_stays_with_its_origin() {
        let rows = [row(&[], &[(1, 1)]), row(&[], &[(0, 3)]), row(&[(team("a"), 3)], &[(0, 1)])];
        assert_eq!(finals_of(0, &rows), [(Target::Keep, 1)]);
        assert_eq!(finals_of(1, &rows), [(Target::Keep, 1)]);
        assert_eq!(finals_of(2, &rows), [(team("a"), 3), (Target::Keep, 1)]);
    }

    #[test]
    fn a_pool_that_uses_itself_shares_as_if_it_did_not() {
        let rows = [row(&[(team("a"), 1), (team("b"), 2)], &[(0, 97)])];
        assert_eq!(finals_of(0, &rows), [(team("a"), 1), (team("b"), 2)]);
        assert_eq!(finals_of(0, &[row(&[], &[(0, 5)])]), [(Target::Keep, 1)]);
    }

    #[test]
    fn the_orders_differ_in_the_edges_they_honor() {
        let rank = [0, 1];
        assert!(!honored(Order::Direct, &rank, 0, 1, false));
        assert!(honored(Order::Direct, &rank, 0, 1, true));
        assert!(honored(Order::StepDown, &rank, 0, 1, false));
        assert!(!honored(Order::StepDown, &rank, 1, 0, false));
        assert!(!honored(Order::StepDown, &rank, 0, 0, false));
        assert!(honored(Order::Reciprocal, &rank, 1, 0, false));
    }

    proptest! {
        /// The final shares solve the equations they come from: share_i = Σ own weights + Σ weight_ij · share_j.
        #[test]
        fn final_shares_satisfy_their_own_equations(
            weights in proptest::collection::vec(proptest::collection::vec(0_u32..9, 7), 4),
        ) {
            let rows: Vec<Row> = weights
                .iter()
                .map(|line| {
                    let targets = [(team("a"), line[0] + 1), (team("b"), line[1]), (Target::Idle, line[2])];
                    let pools: Vec<(usize, u32)> = (0..4).zip(line[3..].iter().copied()).collect();
                    row(&targets, &pools)
                })
                .collect();
            let all: Vec<BTreeMap<Target, BigUint>> =
                (0..4).map(|origin| finals(origin, reach(origin, |pool| Ok::<Row, ()>(rows[pool].clone())).unwrap())).collect();
            let totals: Vec<BigUint> = all.iter().map(|finals| finals.values().sum()).collect();
            let common: BigUint = totals.iter().product();
            let share = |pool: usize, target: &Target| {
                all[pool].get(target).cloned().unwrap_or_default() * (&common / &totals[pool])
            };
            for target in [team("a"), team("b"), Target::Idle] {
                for (pool, row) in rows.iter().enumerate() {
                    let mut right = row.targets.get(&target).cloned().unwrap_or_default() * &common;
                    for (other, weight) in &row.pools {
                        right += weight * share(*other, &target);
                    }
                    let total: BigUint = row.targets.values().chain(row.pools.values()).sum();
                    prop_assert_eq!(share(pool, &target) * total, right);
                }
            }
        }
    }
}
