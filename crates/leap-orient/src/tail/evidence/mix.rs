//! Other requests are no improvement: the quantile after a change, as it would be with the operations asked for as
//! before.
//!
//! ```text
//! before   900 reads, 100 exports     after   990 reads, 10 exports: p99 fell because nobody exports
//! re-weighted to 900 : 100            p99 is what it was
//! ```
//! Each operation keeps its own latencies of after and gets its share of before, rounded to units of 2⁻²⁰ request.
//! Operations that are missing on one side cannot be compared: [`Reweighted::without_ppm`] says how much of before that
//! is.

use std::collections::BTreeMap;

use super::super::quantile::Units;
use super::super::sketch::{Sketch, Tally};

/// After, in the mix of before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reweighted {
    /// Latencies of after, counted in units of 2⁻²⁰ of a request of before.
    pub sketch: Sketch,
    /// How much of before has no counterpart after, in millionths.
    pub without_ppm: u64,
}

/// How far two mixes are apart: half the sum of the differences of shares, in millionths, rounded down. 0 is the same,
/// 1,000,000 nothing in common; `None` where a side is empty. Counts are of the caller's unit, below 2⁶⁴ together.
pub fn distance_ppm<K: Ord>(before: &BTreeMap<K, Sketch>, after: &BTreeMap<K, Sketch>) -> Option<u64> {
    let total = |side: &BTreeMap<K, Sketch>| side.values().map(Sketch::total).sum::<u128>();
    let (all_before, all_after) = (total(before), total(after));
    if all_before == 0 || all_after == 0 {
        return None;
    }
    let mut keys: Vec<&K> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let share = |side: &BTreeMap<K, Sketch>, key: &K, all: u128| side.get(key).map_or(0, |s| s.total() * SCALE / all);
    let apart = keys.into_iter().map(|key| share(before, key, all_before).abs_diff(share(after, key, all_after)));
    Some((apart.sum::<u128>() / 2 / (SCALE / 1_000_000)) as u64)
}

/// Shares are counted in parts of this.
const SCALE: u128 = 1_000_000_000_000;

/// Re-weights each operation of after to its count before. `None` where nothing can be compared.
pub fn reweighted<K: Ord>(before: &BTreeMap<K, Sketch>, after: &BTreeMap<K, Sketch>) -> Option<Reweighted> {
    let all: u128 = before.values().map(Sketch::total).sum();
    let mut tally = Tally::default();
    let mut compared = 0_u128;
    for (key, was) in before {
        let Some(now) = after.get(key).filter(|now| now.total() > 0) else { continue };
        compared += was.total();
        let weigh = |count: u128| {
            // count · was / now in units, rounded half up; saturating, where the result is no number of requests
            // anyway.
            let scaled = count.saturating_mul(was.total()).saturating_mul(2 * u128::from(Units::ONE.count()));
            ((scaled / now.total()).saturating_add(1) / 2).max(1)
        };
        let pairs = now.pairs().map(|(bucket, count)| (bucket, weigh(count)));
        tally.absorb(&Sketch::from_pairs(pairs)?);
    }
    let sketch = tally.sketch();
    let without_ppm = ((all - compared).checked_mul(1_000_000)? / all.max(1)) as u64;
    (!sketch.is_empty()).then_some(Reweighted { sketch, without_ppm })
}

#[cfg(test)]
mod tests {
    use super::super::super::quantile::Quantile;
    use super::*;

    fn side(operations: &[(&'static str, u64, u64)]) -> BTreeMap<&'static str, Sketch> {
        let one = |(name, count, ns): &(&'static str, u64, u64)| (*name, Sketch::of((0..*count).map(|_| *ns)));
        operations.iter().map(one).collect()
    }

    #[test]
    fn fewer_slow_requests_are_no_improvement() {
        let (before, after) =
            (side(&[("read", 900, 10), ("export", 100, 100)]), side(&[("read", 990, 10), ("export", 10, 100)]));
        let p95: Quantile = "p95".parse().unwrap();
        let all =
            |side: &BTreeMap<&str, Sketch>| side.values().fold(Sketch::default(), |sum, sketch| sum.merged(sketch));
        assert_eq!((all(&before).quantile(p95).unwrap().ns, all(&after).quantile(p95).unwrap().ns), (100, 10));
        let found = reweighted(&before, &after).unwrap();
        assert_eq!((found.sketch.quantile(p95).unwrap().ns, found.without_ppm), (100, 0));
        assert_eq!(found.sketch.total(), 1000 << 20);
        assert_eq!((distance_ppm(&before, &after), distance_ppm(&before, &before)), (Some(90_000), Some(0)));
    }

    #[test]
    fn what_is_missing_after_is_said() {
        let (before, after) =
            (side(&[("read", 900, 10), ("export", 100, 100)]), side(&[("read", 3, 10), ("new", 5, 1)]));
        assert_eq!(reweighted(&before, &after).unwrap().without_ppm, 100_000);
        assert_eq!(reweighted(&before, &side(&[("new", 5, 1)])), None);
        assert_eq!(distance_ppm(&before, &BTreeMap::new()), None);
    }
}
