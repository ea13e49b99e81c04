//! The few who make most of it: owners ranked over one or more measures at once, such as dollars and nanoseconds.
//!
//! ```text
//!            cost    of all   latency  of all   both   running
//! ledger     20 $    20 %     3.6 s    80 %     50 %    50 %
//! data       70 $    70 %     0.2 s     5 %     38 %    88 %
//! ```
//! Measures have no common unit, so each counts as its share of its own total, and an owner's weight is the mean of its
//! shares: every measure is worth as much as any other. Shares are whole millionths that add up to exactly one million per
//! measure (largest remainder); a credit's share is below zero. Owners are ordered by their exact weight, not by the rounded
//! one; ties by name.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::Exact;
use num_bigint::{BigInt, Sign};

use crate::currency::units;

/// One whole, in millionths.
pub const WHOLE: i64 = 1_000_000;

/// One owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Who.
    pub owner: String,
    /// Its amount of each measure.
    pub amounts: Vec<Exact>,
    /// Its share of each measure, in millionths; `None` where the measure's total is not above zero.
    pub shares: Vec<Option<i64>>,
    /// The mean of its shares, in millionths; all weights add up to one million where any measure has a total above zero.
    pub weight: i64,
    /// The weights of this and all owners before it.
    pub running: i64,
}

/// Ranks owners by what each has of each measure; an owner that a measure lacks has nothing of it.
///
/// A measure whose total is not above zero ranks nobody: there is no whole that shares could be of.
pub fn ranked(measures: &[BTreeMap<String, Exact>]) -> Vec<Row> {
    let owners: BTreeSet<&String> = measures.iter().flat_map(BTreeMap::keys).collect();
    let owners: Vec<&String> = owners.into_iter().collect();
    let amounts: Vec<Vec<Exact>> = measures
        .iter()
        .map(|measure| owners.iter().map(|owner| measure.get(*owner).copied().unwrap_or_default()).collect())
        .collect();
    let exact: Vec<Vec<BigInt>> =
        amounts.iter().map(|amounts| amounts.iter().map(|amount| units(*amount)).collect()).collect();
    let totals: Vec<Option<BigInt>> = exact
        .iter()
        .map(|amounts| Some(amounts.iter().sum()).filter(|sum: &BigInt| sum.sign() == Sign::Plus))
        .collect();
    let shares: Vec<Option<Vec<i64>>> =
        exact.iter().zip(&totals).map(|(amounts, total)| Some(portions(amounts, total.as_ref()?))).collect();
    // Weights over a common denominator: Σ amount · (product of the other totals) / (measures · product of all).
    let all: BigInt = totals.iter().flatten().product();
    let weights: Vec<BigInt> = (0..owners.len())
        .map(|at| {
            let of =
                exact.iter().zip(&totals).filter_map(|(amounts, total)| Some(&amounts[at] * (&all / total.as_ref()?)));
            of.sum()
        })
        .collect();
    let whole: BigInt = weights.iter().sum();
    let rounded = if whole.sign() == Sign::Plus { portions(&weights, &whole) } else { vec![0; owners.len()] };
    let mut order: Vec<usize> = (0..owners.len()).collect();
    order.sort_by(|a, b| weights[*b].cmp(&weights[*a]).then(owners[*a].cmp(owners[*b])));
    let mut running = 0;
    order
        .into_iter()
        .map(|at| {
            running += rounded[at];
            Row {
                owner: owners[at].clone(),
                amounts: amounts.iter().map(|amounts| amounts[at]).collect(),
                shares: shares.iter().map(|shares| shares.as_ref().map(|shares| shares[at])).collect(),
                weight: rounded[at],
                running,
            }
        })
        .collect()
}

/// Millionths of a total above zero: each rounded down, what is left to the largest remainders, ties to the first.
fn portions(amounts: &[BigInt], total: &BigInt) -> Vec<i64> {
    let floored = amounts.iter().map(|amount| {
        let scaled: BigInt = amount * WHOLE;
        let rest: BigInt = ((&scaled % total) + total) % total;
        let floor = (scaled - &rest) / total;
        (i64::try_from(floor).expect("a share of millionths is small, or the amounts are no money"), rest)
    });
    let (mut shares, rests): (Vec<i64>, Vec<BigInt>) = floored.unzip();
    let left = usize::try_from(WHOLE - shares.iter().sum::<i64>()).unwrap_or(0);
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|a, b| rests[*b].cmp(&rests[*a]).then(a.cmp(b)));
    for at in order.into_iter().take(left) {
        shares[at] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn measure(amounts: &[(&str, &str)]) -> BTreeMap<String, Exact> {
        amounts.iter().map(|(owner, amount)| ((*owner).to_owned(), amount.parse().unwrap())).collect()
    }

    fn told(rows: &[Row]) -> Vec<(&str, Vec<Option<i64>>, i64, i64)> {
        rows.iter().map(|row| (&*row.owner, row.shares.clone(), row.weight, row.running)).collect()
    }

    #[test]
    fn dollars_and_nanoseconds_count_alike() {
        let dollars = measure(&[("ledger", "20"), ("data", "70"), ("web", "10")]);
        let ns = measure(&[("ledger", "3600000000"), ("data", "225000000"), ("edge", "675000000")]);
        let rows = ranked(&[dollars, ns]);
        let share = |a, b| vec![Some(a), Some(b)];
        assert_eq!(
            told(&rows),
            [
                ("ledger", share(200_000, 800_000), 500_000, 500_000),
                ("data", share(700_000, 50_000), 375_000, 875_000),
                ("edge", share(0, 150_000), 75_000, 950_000),
                ("web", share(100_000, 0), 50_000, 1_000_000),
            ]
        );
    }

    #[test]
    fn thirds_add_up_and_credits_are_below_zero() {
        let rows = ranked(&[measure(&[("a", "1"), ("b", "1"), ("c", "1")])]);
        let shares: Vec<i64> = rows.iter().map(|row| row.weight).collect();
        assert_eq!(shares, [333_334, 333_333, 333_333]);
        let rows = ranked(&[measure(&[("a", "3"), ("credit", "-1")])]);
        assert_eq!(told(&rows)[1], ("credit", vec![Some(-500_000)], -500_000, 1_000_000));
    }

    #[test]
    fn what_adds_up_to_nothing_ranks_nobody() {
        let rows = ranked(&[measure(&[("a", "1"), ("b", "-1")]), measure(&[("b", "2")])]);
        assert_eq!(told(&rows), [("b", vec![None, Some(WHOLE)], WHOLE, WHOLE), ("a", vec![None, Some(0)], 0, WHOLE)]);
        assert_eq!(ranked(&[measure(&[("a", "-1")])])[0].weight, 0);
        assert_eq!(ranked(&[]), []);
    }

    proptest! {
        #[test]
        fn shares_add_up_and_the_order_is_the_exact_one(
            first in prop::collection::btree_map("[a-e]", -5_i64..1_000_000, 1..5),
            second in prop::collection::btree_map("[a-e]", 0_i64..9_000_000_000, 1..5),
        ) {
            let exact = |amounts: &BTreeMap<String, i64>| -> BTreeMap<String, Exact> {
                amounts.iter().map(|(owner, amount)| (owner.clone(), Exact::from_whole(*amount))).collect()
            };
            let rows = ranked(&[exact(&first), exact(&second)]);
            let totals: [i64; 2] = [first.values().sum(), second.values().sum()];
            for (at, total) in totals.iter().enumerate() {
                if *total > 0 {
                    prop_assert_eq!(rows.iter().map(|row| row.shares[at].unwrap()).sum::<i64>(), WHOLE);
                } else {
                    prop_assert!(rows.iter().all(|row| row.shares[at].is_none()));
                }
            }
            if totals.iter().any(|total| *total > 0) {
                prop_assert_eq!(rows.last().unwrap().running, WHOLE);
            }
            // The weight once more, as fractions of 128-bit integers.
            let weight = |row: &Row| -> i128 {
                let of = |amounts: &BTreeMap<String, i64>, total: i64, other: i64| {
                    if total <= 0 { 0 } else { i128::from(*amounts.get(&row.owner).unwrap_or(&0)) * i128::from(other.max(1)) }
                };
                let (a, b) = (totals[0], totals[1]);
                of(&first, a, if b > 0 { b } else { 1 }) + of(&second, b, if a > 0 { a } else { 1 })
            };
            prop_assert!(rows.windows(2).all(|pair| weight(&pair[0]) >= weight(&pair[1])));
        }
    }
}
