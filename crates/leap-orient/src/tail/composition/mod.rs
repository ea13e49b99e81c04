//! The p99.9 divided among its owners: the Euler decomposition of a quantile, in whole nanoseconds that add up.
//!
//! ```text
//! eight requests of 100 (A60 B40), one of 200 (A60 B140), one of 1000 (A100 B100 C800)
//! p90, h = 0      rank 9          200 = A60 B140
//! p90, h = 1/10   ranks 8 to 10   200 = A34 B43 C123
//! ```
//! Requests whose rank lies within ±h of the quantile (the band) say how its time is spent: part k of Q(p) is Q(p) · Σ
//! w·a_k / Σ w·L over the band, by largest remainder, ties to the lower key. For a latency that is a sum of parts this
//! is the derivative of the quantile by the scale of part k (Tasche, "Euler Allocation: Theory and Practice", 2007).
//!
//! **Band.** A request that takes the cumulative weight from C to C + w of W belongs to it when C + w ≥ (p − h)·W and C
//! < (p + h)·W: for equal weights, ranks ⌈(p − h)n⌉ to min(n, ⌈(p + h)n⌉). [`Band::Default`] is h = (1 − p)/2, or where
//! that band has fewer than [`ENOUGH`] requests the smallest multiple of it that has them (or all there are); [`Used`]
//! says so.
//!
//! **Two forms.** [`Ranked`] has the requests at hand: everything is exact, and equal latencies are ordered by their
//! parts, so the order of arrival changes nothing. [`stored::Stored`] has sums per bucket of the [`super::sketch`]:
//! Q(p) is within 0.4 %, the band is cut at buckets, and what it says is the exact composition of all requests of that
//! wider band, whose latencies and weight are in [`Used`].

use super::apportion::apportion;
use super::fraction::Fraction;
use super::quantile::{Quantile, Units};
use super::sketch::Sketch;

mod ranked;
pub mod stored;

pub use ranked::{AtMetric, Ranked};

/// A band holds at least so many requests, where there are so many.
pub const ENOUGH: u64 = 50;

/// One attributed request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Request<'a, K> {
    /// Its latency, ns.
    pub latency_ns: u64,
    /// Its parts, sorted by distinct keys; they add up to the latency.
    pub parts: &'a [(K, u64)],
    /// How many requests it stands for.
    pub weight: Units,
}

/// Which requests speak for a quantile.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Band {
    /// h = (1 − p)/2, widened until it holds [`ENOUGH`] requests.
    #[default]
    Default,
    /// Exactly this h, however few requests it holds.
    Within(Fraction),
}

/// Which requests spoke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Used {
    /// Half the width of the band, as a share of all requests.
    pub h: Fraction,
    /// True when h is wider than asked for, because the band held too few requests.
    pub widened: bool,
    /// How many requests the band holds, each counted once.
    pub requests: u64,
    /// What they weigh, in [`Units`].
    pub weight: u128,
    /// No request of the band was faster. By buckets: their lower bound.
    pub at_least_ns: u64,
    /// No request of the band was slower. By buckets: their upper bound.
    pub at_most_ns: u64,
}

/// A latency divided among keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Composition<K> {
    /// The latency, ns: the sum of the parts.
    pub latency_ns: u64,
    /// The parts that took time in the band, sorted by key.
    pub parts: Vec<(K, u64)>,
    /// The requests that spoke.
    pub band: Used,
    /// How many requests there were in all, each counted once.
    pub requests: u64,
    /// What they weigh, in [`Units`].
    pub weight: u128,
}

impl<K: Ord + Clone> Composition<K> {
    /// A key's part; 0 where it has none.
    pub fn part(&self, key: &K) -> u64 {
        self.parts.binary_search_by(|(other, _)| other.cmp(key)).map_or(0, |found| self.parts[found].1)
    }

    /// What each key has more here than there, sorted by key; negative where it has less. Adds up to the difference of
    /// the latencies.
    pub fn excess_over(&self, usual: &Composition<K>) -> Vec<(K, i128)> {
        let mut keys: Vec<&K> = self.parts.iter().chain(&usual.parts).map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.dedup();
        let difference = |key: &K| i128::from(self.part(key)) - i128::from(usual.part(key));
        keys.into_iter().map(|key| (key.clone(), difference(key))).collect()
    }

    /// The same composition under other keys (services to teams): parts are added, so the sum stays.
    pub fn by<T: Ord>(&self, mut owner: impl FnMut(&K) -> T) -> Composition<T> {
        let mut sums = std::collections::BTreeMap::new();
        for (key, ns) in &self.parts {
            *sums.entry(owner(key)).or_insert(0) += ns;
        }
        Composition {
            latency_ns: self.latency_ns,
            parts: sums.into_iter().collect(),
            band: self.band,
            requests: self.requests,
            weight: self.weight,
        }
    }
}

/// A quantile, the median, and what each key has more at the quantile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Excess<K> {
    /// At the quantile.
    pub tail: Composition<K>,
    /// At the median, with the h of the quantile's band.
    pub median: Composition<K>,
    /// The differences, sorted by key; they add up to Q(p) − Q(1/2).
    pub excess: Vec<(K, i128)>,
}

/// The h of [`Band::Default`] before it is widened: (1 − p)/2.
fn half_beyond(p: Quantile) -> Fraction {
    let half = Fraction::new(1, 2).expect("one half is a fraction");
    p.beyond().times(half).expect("the denominator is at most twice 10^9")
}

/// The band's bounds (p − h, p + h).
fn bounds(p: Quantile, h: Fraction) -> (Fraction, Fraction) {
    // An h so fine that the bounds take more than 64 bits is finer than any rank: it is no width at all.
    let around = p.level().less(h).zip(p.level().plus(h));
    around.unwrap_or((p.level(), p.level()))
}

/// The values of a metric between which its ranks p − h and p + h lie, whole buckets, and its error beyond them.
fn values_around((metric, error_ppm): (&Sketch, u64), p: Quantile, h: Fraction) -> (u64, u64) {
    let (from, to) = bounds(p, h);
    let rank = |level: Fraction| {
        let total = metric.total();
        let (over, under) = (u128::from(level.over()), u128::from(level.under()));
        // `whole · over` is at most total (the level is at most 1 where it matters), `rest · over` below 2^128.
        let (whole, rest) = (total / under, total % under);
        whole.saturating_mul(over).saturating_add((rest * over).div_ceil(under)).clamp(1, total.max(1))
    };
    let at = |level: Fraction| metric.at_rank(rank(level));
    // What it counted at a value may be so much off.
    let off = |ns: u64| u64::try_from(u128::from(ns) * u128::from(error_ppm) / 1_000_000).unwrap_or(u64::MAX);
    let least = at(from).map_or(0, |value| value.at_least_ns);
    let most = at(to).map_or(u64::MAX, |value| value.at_most_ns);
    (least.saturating_sub(off(least)), most.saturating_add(off(most)))
}

/// The smallest multiple of `h`, at least itself, whose band holds enough of the requests: by bisection, for more is
/// never fewer.
fn widened(h: Fraction, all: u64, p: Quantile, held: impl Fn(Fraction) -> u64) -> (Fraction, bool) {
    let wanted = ENOUGH.min(all);
    let times = |k: u64| Fraction::new(k, 1).and_then(|k| h.times(k)).unwrap_or(Fraction::ONE);
    if held(h) >= wanted {
        return (h, false);
    }
    // The band (0, 1] holds everything.
    let reach = p.level().max(p.beyond());
    let most =
        (u128::from(reach.over()) * u128::from(h.under())).div_ceil(u128::from(reach.under()) * u128::from(h.over()));
    let (mut few, mut many) = (1, u64::try_from(most).unwrap_or(u64::MAX).max(2));
    while many - few > 1 {
        let middle = few + (many - few) / 2;
        if held(times(middle)) >= wanted {
            many = middle;
        } else {
            few = middle;
        }
    }
    (times(many), true)
}

/// Whole parts of a latency from weighted sums per key, sorted by key; keys without time are left out.
fn parts_of<K>(latency_ns: u64, sums: impl IntoIterator<Item = (K, u128)>) -> Vec<(K, u64)> {
    let (keys, weights): (Vec<K>, Vec<u128>) = sums.into_iter().filter(|(_, sum)| *sum > 0).unzip();
    let shares = apportion(latency_ns, &weights);
    keys.into_iter().zip(shares).collect()
}

#[cfg(test)]
mod tests;
