//! Did the days move, and by how much: Hodges-Lehmann's shift and the exact rank-sum test of Mann, Whitney and
//! Wilcoxon.
//!
//! ```text
//! before 4.61 4.55 4.72 4.48 4.66 4.59 4.70, after 4.50 4.63 4.44 4.68 4.57 4.52 4.60
//! U = 33 of 49, p = 545/3432 = 0.159, shift 0.05: not shown
//! ```
//! The p-value is counted, not approximated: of all ways to choose which days are "before", how many have a rank sum at
//! least as large. Equal values share their ranks (the test is then exact for the data at hand). Days that depend on
//! their neighbors make it too small; [`by_weeks`] chooses whole weeks instead.

use num_bigint::BigUint;

use super::chance::Chance;

/// At most so many days (or weeks) on both sides together: counts then fit 256 bits.
pub const MOST: usize = 256;

/// Before against after; large values before speak for an improvement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RankSum {
    /// Twice U: pairs in which before is larger count 2, equal ones 1.
    pub twice_u: u64,
    /// The one-sided p-value: the chance of so large a U or a larger one if before and after do not differ.
    pub p: Chance,
}

/// The median of all differences before − after; of two middle ones their mean, rounded down. `None` where a side is
/// empty.
pub fn hodges_lehmann(before: &[i128], after: &[i128]) -> Option<i128> {
    let mut differences: Vec<i128> = before.iter().flat_map(|b| after.iter().map(move |a| b - a)).collect();
    differences.sort_unstable();
    let n = differences.len();
    Some((differences.get(n.checked_sub(1)? / 2)? + differences.get(n / 2)?).div_euclid(2))
}

/// The exact test. `None` where a side is empty or there are more than [`MOST`] values.
pub fn rank_sum(before: &[i128], after: &[i128]) -> Option<RankSum> {
    let (m, k) = (before.len() as u64, after.len() as u64);
    if m == 0 || k == 0 || before.len() + after.len() > MOST {
        return None;
    }
    let values: Vec<i128> = before.iter().chain(after).copied().collect();
    let twice_ranks = twice_ranks(&values);
    let observed: u64 = twice_ranks[..before.len()].iter().sum();
    // R = U + m(m + 1)/2.
    Some(RankSum { twice_u: observed - m * (m + 1), p: at_least(&twice_ranks, before.len(), observed) })
}

/// The same statistic where whole weeks are chosen: each week is its days' values. `None` as for [`rank_sum`].
pub fn by_weeks(before: &[Vec<i128>], after: &[Vec<i128>]) -> Option<Chance> {
    if before.is_empty() || after.is_empty() || before.len() + after.len() > MOST {
        return None;
    }
    let values: Vec<i128> = before.iter().chain(after).flatten().copied().collect();
    let ranks = twice_ranks(&values);
    let mut rest = ranks.as_slice();
    let mut sums = Vec::with_capacity(before.len() + after.len());
    for week in before.iter().chain(after) {
        let (these, others) = rest.split_at(week.len());
        sums.push(these.iter().sum());
        rest = others;
    }
    let observed = sums[..before.len()].iter().sum();
    Some(at_least(&sums, before.len(), observed))
}

/// Twice each value's rank; equal values share the mean of theirs.
fn twice_ranks(values: &[i128]) -> Vec<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = |value: &i128| {
        let first = sorted.partition_point(|other| other < value);
        let end = sorted.partition_point(|other| other <= value);
        // Ranks first + 1 to end: twice their mean is first + 1 + end.
        (first + 1 + end) as u64
    };
    values.iter().map(rank).collect()
}

/// Of all choices of `chosen` values, how many add up to at least `observed`.
fn at_least(values: &[u64], chosen: usize, observed: u64) -> Chance {
    // Smaller sums, same comparisons: every choice has `chosen` values, so a common offset and divisor fall out.
    let least = values.iter().copied().min().unwrap_or(0);
    let unit = values.iter().fold(0, |unit, value| gcd(unit, value - least)).max(1);
    let values: Vec<usize> = values.iter().map(|value| ((value - least) / unit) as usize).collect();
    let observed = ((observed - least * chosen as u64) / unit) as usize;
    let mut largest = values.clone();
    largest.sort_unstable_by(|a, b| b.cmp(a));
    let most: usize = largest.iter().take(chosen).sum();
    // ways[j][s]: choices of j values that add up to s.
    let mut ways = vec![vec![Wide::default(); most + 1]; chosen + 1];
    ways[0][0] = Wide { high: 0, low: 1 };
    for (seen, value) in values.iter().enumerate() {
        for j in (1..=chosen.min(seen + 1)).rev() {
            let (fewer, these) = ways.split_at_mut(j);
            for (sum, from) in these[0].iter_mut().skip(*value).zip(&fewer[j - 1]) {
                sum.add(*from);
            }
        }
    }
    let count = |from: usize| ways[chosen][from..].iter().map(|ways| ways.big()).sum();
    Chance { cases: count(observed), all: count(0) }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// A count of 256 bits: there are fewer than 2²⁵² ways to choose 128 of 256.
#[derive(Clone, Copy, Default)]
struct Wide {
    high: u128,
    low: u128,
}

impl Wide {
    fn add(&mut self, other: Wide) {
        let (low, carry) = self.low.overflowing_add(other.low);
        self.low = low;
        self.high += other.high + u128::from(carry);
    }

    fn big(self) -> BigUint {
        (BigUint::from(self.high) << 128) + self.low
    }
}
