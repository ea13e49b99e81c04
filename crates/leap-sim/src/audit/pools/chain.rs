//! Pools that use each other: where the cost of one of them comes to rest.
//!
//! ```text
//! kafka: payments 6, kubernetes 4        kafka      → payments 30⁄43, search 13⁄43 …
//! kubernetes: search 9, kafka 1
//! ```
//! The chance `x` that the cost of pool `i` ends at one owner follows from W(i)·x(i) − Σ w(i, j)·x(j) = w(i, owner), one
//! equation per pool. It is solved by Cramer's rule; determinants are expanded row by row over sets of columns, with
//! whole numbers only and without a single division. Slow beyond a dozen pools that all use each other, and exact.

use std::collections::{BTreeMap, BTreeSet};

use num_bigint::{BigInt, Sign};

/// Where the cost of a pool may come to rest. The order is that of ties in the law of splits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rest {
    /// With a team.
    Team(String),
    /// With the pool that it came from.
    Keep,
    /// With the pool that it came from, as what nobody used.
    Idle,
}

/// What one pool gives: weights of places of rest, and of other pools by their index.
#[derive(Clone, Debug, Default)]
pub struct Outflow {
    /// Weights of places of rest.
    pub rests: BTreeMap<Rest, BigInt>,
    /// Weights of pools.
    pub pools: BTreeMap<usize, BigInt>,
}

impl Outflow {
    /// Everything stays.
    pub fn keep() -> Outflow {
        Outflow { rests: BTreeMap::from([(Rest::Keep, BigInt::from(1))]), pools: BTreeMap::new() }
    }

    /// Adds weight to a place of rest.
    pub fn rest(&mut self, rest: Rest, weight: &BigInt) {
        *self.rests.entry(rest).or_default() += weight;
    }

    /// Adds weight to a pool.
    pub fn pool(&mut self, pool: usize, weight: &BigInt) {
        *self.pools.entry(pool).or_default() += weight;
    }

    fn is_empty(&self) -> bool {
        self.rests.values().chain(self.pools.values()).all(|weight| weight.sign() == Sign::NoSign)
    }
}

/// The final weights of one pool's cost, whole numbers without a common divisor to be relied on.
pub fn final_weights(flows: &[Outflow], origin: usize) -> BTreeMap<Rest, BigInt> {
    let flows: Vec<Outflow> =
        flows.iter().map(|flow| if flow.is_empty() { Outflow::keep() } else { flow.clone() }).collect();
    let open = with_a_way_out(&flows);
    if !open.contains(&origin) {
        return Outflow::keep().rests;
    }
    // Only pools that the cost can reach matter; one without a way out keeps what comes in, which is to say that it
    // stays where it came from.
    let mut reached = BTreeSet::from([origin]);
    let mut waiting = vec![origin];
    while let Some(at) = waiting.pop() {
        for (next, weight) in &flows[at].pools {
            if weight.sign() == Sign::Plus && open.contains(next) && reached.insert(*next) {
                waiting.push(*next);
            }
        }
    }
    let pools: Vec<usize> = reached.into_iter().collect();
    let column = |pool: usize| pools.iter().position(|one| *one == pool);
    let mut matrix = Vec::new();
    let mut sides: BTreeMap<Rest, Vec<BigInt>> = BTreeMap::new();
    for (row, pool) in pools.iter().enumerate() {
        let flow = &flows[*pool];
        let mut line = vec![BigInt::default(); pools.len()];
        let mut rests = flow.rests.clone();
        for (next, weight) in &flow.pools {
            match column(*next) {
                Some(at) => {
                    line[row] += weight;
                    line[at] -= weight;
                }
                None => *rests.entry(Rest::Keep).or_default() += weight,
            }
        }
        for (rest, weight) in rests {
            line[row] += &weight;
            sides.entry(rest).or_insert_with(|| vec![BigInt::default(); pools.len()])[row] = weight;
        }
        matrix.push(line);
    }
    let at = column(origin).unwrap_or(0);
    let mut weights = BTreeMap::new();
    for (rest, side) in sides {
        let mut replaced = matrix.clone();
        for (line, value) in replaced.iter_mut().zip(side) {
            line[at] = value;
        }
        let weight = determinant(&replaced);
        if weight.sign() != Sign::NoSign {
            weights.insert(rest, weight);
        }
    }
    weights
}

/// The pools from which some way leads to a place of rest.
fn with_a_way_out(flows: &[Outflow]) -> BTreeSet<usize> {
    let mut open = BTreeSet::new();
    loop {
        let before = open.len();
        for (at, flow) in flows.iter().enumerate() {
            let rests = flow.rests.values().any(|weight| weight.sign() == Sign::Plus);
            let passes = flow.pools.iter().any(|(next, weight)| weight.sign() == Sign::Plus && open.contains(next));
            if rests || passes {
                open.insert(at);
            }
        }
        if open.len() == before {
            return open;
        }
    }
}

/// By expansion: the determinant of the first rows over a set of columns, from the determinants over smaller sets.
fn determinant(matrix: &[Vec<BigInt>]) -> BigInt {
    let mut known: BTreeMap<u64, BigInt> = BTreeMap::from([(0, BigInt::from(1))]);
    for line in matrix {
        let mut next: BTreeMap<u64, BigInt> = BTreeMap::new();
        for (columns, value) in &known {
            for (at, entry) in line.iter().enumerate() {
                if columns >> at & 1 == 1 || entry.sign() == Sign::NoSign {
                    continue;
                }
                // Each column of the set to the right of this one is passed once.
                let passed = (columns >> at).count_ones();
                let term = value * entry;
                let sum = next.entry(columns | 1 << at).or_default();
                if passed % 2 == 0 {
                    *sum += term;
                } else {
                    *sum -= term;
                }
            }
        }
        known = next;
    }
    known.into_values().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(teams: &[(&str, i64)], pools: &[(usize, i64)]) -> Outflow {
        let mut flow = Outflow::default();
        for (team, weight) in teams {
            let rest = match *team {
                "keep" => Rest::Keep,
                "idle" => Rest::Idle,
                team => Rest::Team(team.to_owned()),
            };
            flow.rest(rest, &BigInt::from(*weight));
        }
        for (pool, weight) in pools {
            flow.pool(*pool, &BigInt::from(*weight));
        }
        flow
    }

    fn shown(flows: &[Outflow], origin: usize) -> String {
        let weights = final_weights(flows, origin);
        weights.iter().map(|(rest, weight)| format!("{rest:?} {weight}")).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn determinants_by_hand() {
        let matrix = |rows: &[&[i64]]| -> Vec<Vec<BigInt>> {
            rows.iter().map(|row| row.iter().map(|value| BigInt::from(*value)).collect()).collect()
        };
        assert_eq!(determinant(&matrix(&[])), BigInt::from(1));
        assert_eq!(determinant(&matrix(&[&[1, 2], &[3, 4]])), BigInt::from(-2));
        assert_eq!(determinant(&matrix(&[&[2, 0, 1], &[1, 3, 2], &[1, 1, 1]])), BigInt::from(0));
        assert_eq!(determinant(&matrix(&[&[0, 1, 0], &[0, 0, 1], &[1, 0, 0]])), BigInt::from(1));
    }

    #[test]
    fn two_platforms_that_use_each_other() {
        // Of kafka 6⁄10 at once, and of the 4⁄10 that kubernetes gets, a tenth comes back:
        // p = 6/10 + 4/10 · 1/10 · p, so p = 0.6 / 0.96 = 5/8; the rest is search's.
        let flows = [flow(&[("payments", 6)], &[(1, 4)]), flow(&[("search", 9)], &[(0, 1)])];
        assert_eq!(shown(&flows, 0), r#"Team("payments") 60, Team("search") 36"#);
        // The other way: s = 9/10 + 1/10 · 4/10 · s, so s = 0.9 / 0.96 = 15/16.
        assert_eq!(shown(&flows, 1), r#"Team("payments") 6, Team("search") 90"#);
    }

    #[test]
    fn pools_that_only_feed_each_other_keep_their_cost() {
        let flows = [flow(&[], &[(1, 1)]), flow(&[], &[(0, 2)]), flow(&[("a", 1)], &[(0, 1)])];
        assert_eq!(shown(&flows, 0), "Keep 1");
        assert_eq!(shown(&flows, 2), r#"Team("a") 1, Keep 1"#);
        assert_eq!(shown(&[flow(&[], &[])], 0), "Keep 1");
        // So too when it gets there by way of another pool: half of a half.
        let by_way = [flow(&[], &[(0, 1)]), flow(&[("b", 1)], &[(0, 1)]), flow(&[("a", 1)], &[(1, 1)])];
        assert_eq!(shown(&by_way, 2), r#"Team("a") 2, Team("b") 1, Keep 1"#);
        // Own use is use by all users.
        assert_eq!(
            shown(&[flow(&[("a", 1), ("b", 2), ("idle", 1)], &[(0, 5)])], 0),
            r#"Team("a") 1, Team("b") 2, Idle 1"#
        );
    }
}
