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
use num_bigint::{BigInt, BigUint, Sign};

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

    fn total(&self) -> BigUint {
        self.targets.values().chain(self.pools.values()).sum()
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

/// The final weights of pool `origin` over teams, keep and idle; at least one is above zero. `row` gives what each pool's
/// driver says; it is asked once per pool that the cost can reach.
pub fn finals<E>(origin: usize, mut row: impl FnMut(usize) -> Result<Row, E>) -> Result<BTreeMap<Target, BigUint>, E> {
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
    close(&mut rows);
    let own = &rows[&origin];
    if own.pools.is_empty() {
        return Ok(own.targets.clone());
    }
    Ok(absorbed(origin, &rows))
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

/// Solves `x · (S − Q) = e` for the origin, where `S` is the diagonal of the rows' totals and `Q` the weights between pools;
/// the final weight of a target is `Σ x_j · w_j(target)`, over the common denominator that the weights drop.
fn absorbed(origin: usize, rows: &BTreeMap<usize, Row>) -> BTreeMap<Target, BigUint> {
    let pools: Vec<usize> = rows.keys().copied().collect();
    let signed = |weight: &BigUint| BigInt::from(weight.clone());
    // The transposed system: row i holds what flows into pool i. The last column is the right side.
    let mut system: Vec<Vec<BigInt>> = pools
        .iter()
        .map(|into| {
            let mut line: Vec<BigInt> = pools
                .iter()
                .map(|from| {
                    let flow = rows[from].pools.get(into).map_or(BigInt::ZERO, signed);
                    if from == into { signed(&rows[from].total()) - flow } else { -flow }
                })
                .collect();
            line.push(BigInt::from(u8::from(*into == origin)));
            line
        })
        .collect();
    let scaled = solve(&mut system);
    let mut finals: BTreeMap<Target, BigUint> = BTreeMap::new();
    for (pool, factor) in pools.iter().zip(scaled) {
        let (sign, factor) = factor.into_parts();
        assert!(sign != Sign::Minus, "the expected visits of a pool are never negative");
        for (target, weight) in &rows[pool].targets {
            *finals.entry(target.clone()).or_default() += weight * &factor;
        }
    }
    finals.retain(|_, weight| *weight > BigUint::ZERO);
    let divisor = common_divisor(finals.values());
    finals.values_mut().for_each(|weight| *weight /= &divisor);
    finals
}

/// The solution times the determinant, in integers: fraction-free elimination (Bareiss, 1968).
///
/// The matrix has positive diagonal, no positive entry beside it and an exit from everywhere (a nonsingular M-matrix), so
/// every leading minor is positive and no pivot is zero.
fn solve(system: &mut [Vec<BigInt>]) -> Vec<BigInt> {
    let size = system.len();
    let mut before = BigInt::from(1_u8);
    for step in 0..size {
        let (done, rest) = system.split_at_mut(step + 1);
        let pivot_line = &done[step];
        let pivot = &pivot_line[step];
        assert!(pivot.sign() == Sign::Plus, "every pool left in the system has an exit");
        for line in rest {
            let factor = std::mem::take(&mut line[step]);
            for column in step + 1..=size {
                line[column] = (&line[column] * pivot - &factor * &pivot_line[column]) / &before;
            }
        }
        before = pivot.clone();
    }
    let determinant = before;
    let mut solution = vec![BigInt::ZERO; size];
    for at in (0..size).rev() {
        let mut right = &system[at][size] * &determinant;
        for (column, value) in solution.iter().enumerate().skip(at + 1) {
            right -= &system[at][column] * value;
        }
        solution[at] = right / &system[at][at];
    }
    solution
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
        let found = finals(origin, |pool| Ok::<Row, ()>(rows[pool].clone())).unwrap();
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
                (0..4).map(|origin| finals(origin, |pool| Ok::<Row, ()>(rows[pool].clone())).unwrap()).collect();
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
                    prop_assert_eq!(share(pool, &target) * row.total(), right);
                }
            }
        }
    }
}
