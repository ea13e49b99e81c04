//! How well a quantile is known from n requests: the order statistics between which it lies, whatever the distribution.
//!
//! ```text
//! n = 10,000, p99.9: rank 9,990, with 95 % between ranks 9,983 and 9,997
//! ```
//! With B ~ Binomial(n, p): l is the largest rank with P(B ≤ l − 1) ≤ α, u the smallest with P(B ≤ u − 1) ≥ 1 − α, α
//! being the share left out on each side. The binomial is computed from its mode outwards by its exact ratios, in
//! integers of 256 bits after the point; terms below that are 0. A step loses less than 2⁻²⁵⁶ of the mode, so for n up
//! to 10¹² all probabilities are within 2⁻²⁰⁰.

use std::cmp::Ordering;

use num_bigint::BigUint;

use super::super::fraction::Fraction;
use super::super::quantile::Quantile;
use super::super::sketch::Sketch;

/// Ranks of an interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ranks {
    /// How many requests.
    pub n: u64,
    /// The nearest rank of the quantile.
    pub rank: u64,
    /// The lower rank, from 1; `None` where n is too small for a lower limit.
    pub low: Option<u64>,
    /// The upper rank, at most n; `None` where n is too small for an upper limit.
    pub high: Option<u64>,
    /// How probable it is that the quantile lies between them (no limit reaches to infinity), in millionths, rounded
    /// down.
    pub coverage_ppm: u32,
}

/// Of a 95 % interval: 2.5 % on each side.
pub fn outside_95() -> Fraction {
    Fraction::new(25, 1000).expect("a fraction")
}

/// Of a 97.5 % interval: 1.25 % on each side. Two of them hold together with 95 % (Bonferroni).
pub fn outside_975() -> Fraction {
    Fraction::new(125, 10_000).expect("a fraction")
}

/// The ranks between which the quantile of the distribution lies, leaving out at most `outside` on each side. `None`
/// where n is 0.
pub fn ranks(n: u64, p: Quantile, outside: Fraction) -> Option<Ranks> {
    if n == 0 {
        return None;
    }
    let (first, terms) = binomial(n, p);
    let all: BigUint = terms.iter().sum();
    let within = Fraction::ONE.less(outside).unwrap_or(Fraction::ONE);
    // P(B ≤ k) for k from `first`; below it is 0, and after the last term all of it.
    let part_of = |sum: &BigUint, part: Fraction| (sum * part.under()).cmp(&(&all * part.over()));
    let (mut low, mut high) = (first, None);
    let (mut below_low, mut below_high) = (BigUint::ZERO, all.clone());
    let mut sum = BigUint::ZERO;
    for (k, term) in (first..).zip(&terms) {
        sum += term;
        if part_of(&sum, outside) != Ordering::Greater {
            low = k + 1;
            below_low.clone_from(&sum);
        }
        if high.is_none() && k < n && part_of(&sum, within) != Ordering::Less {
            high = Some(k + 1);
            below_high.clone_from(&sum);
        }
    }
    let covered = (below_high - below_low) * 1_000_000_u32 / &all;
    Some(Ranks {
        n,
        rank: p.rank(n),
        low: (low > 0).then_some(low),
        high,
        coverage_ppm: u32::try_from(covered).unwrap_or(1_000_000),
    })
}

/// The first k with a term, and the terms from there, in proportion to P(B = k), the largest 2²⁵⁶.
fn binomial(n: u64, p: Quantile) -> (u64, Vec<BigUint>) {
    let (a, d) = (p.level().over(), p.level().under());
    let b = d - a;
    let mode = u64::try_from((u128::from(n) + 1) * u128::from(a) / u128::from(d)).unwrap_or(n).min(n);
    let one: BigUint = BigUint::from(1_u8) << 256;
    let mut down = Vec::new();
    let (mut k, mut term) = (mode, one.clone());
    while k > 0 {
        term = term * (u128::from(k) * u128::from(b)) / (u128::from(n - k + 1) * u128::from(a));
        if term == BigUint::ZERO {
            break;
        }
        down.push(term.clone());
        k -= 1;
    }
    let mut terms: Vec<BigUint> = down.into_iter().rev().collect();
    let first = mode - terms.len() as u64;
    terms.push(one.clone());
    let (mut k, mut term) = (mode, one);
    while k < n {
        term = term * (u128::from(n - k) * u128::from(a)) / (u128::from(k + 1) * u128::from(b));
        if term == BigUint::ZERO {
            break;
        }
        terms.push(term.clone());
        k += 1;
    }
    (first, terms)
}

/// A quantile with the interval in which it lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interval {
    /// The ranks.
    pub ranks: Ranks,
    /// The quantile, ns.
    pub ns: u64,
    /// Its lower limit; `None` where n is too small for one.
    pub low_ns: Option<u64>,
    /// Its upper limit; `None` where n is too small for one.
    pub high_ns: Option<u64>,
}

/// Of latencies at hand, sorted ascending: exact.
pub fn of_sorted(latencies_ns: &[u64], p: Quantile, outside: Fraction) -> Option<Interval> {
    let ranks = ranks(latencies_ns.len() as u64, p, outside)?;
    let at = |rank: u64| latencies_ns[rank as usize - 1];
    Some(Interval { ranks, ns: at(ranks.rank), low_ns: ranks.low.map(at), high_ns: ranks.high.map(at) })
}

/// Of a sketch of `requests` requests: limits are taken outwards to the bounds of their buckets, so they hold all the
/// same.
///
/// Where requests have weights, the ranks among requests are taken as shares of the weight. That is exact for equal
/// weights; for unequal ones give the effective number (Σw)²/Σw² as `requests`.
pub fn of_sketch(sketch: &Sketch, requests: u64, p: Quantile, outside: Fraction) -> Option<Interval> {
    let ranks = ranks(requests, p, outside)?;
    let at = |rank: u64| {
        // ⌈total · rank / requests⌉; a rank is at most `requests`.
        let (n, rank) = (u128::from(requests), u128::from(rank));
        let (whole, rest) = (sketch.total() / n, sketch.total() % n);
        sketch.at_rank(whole * rank + (rest * rank).div_ceil(n))
    };
    Some(Interval {
        ranks,
        ns: sketch.quantile(p)?.ns,
        low_ns: ranks.low.and_then(at).map(|estimate| estimate.at_least_ns),
        high_ns: ranks.high.and_then(at).map(|estimate| estimate.at_most_ns),
    })
}

/// Between which differences before − after lies, with at least 95 % where both intervals hold with 97.5 %; `None`
/// where a limit is missing.
pub fn difference(before: &Interval, after: &Interval) -> Option<(i128, i128)> {
    let least = i128::from(before.low_ns?) - i128::from(after.high_ns?);
    Some((least, i128::from(before.high_ns?) - i128::from(after.low_ns?)))
}
