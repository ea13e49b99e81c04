//! The exact division of one node's day: parts of CPU and of memory become weights with one unit.
//!
//! ```text
//! node of 4 cores and 16 GiB, one day, CPU and memory weighted 1 : 1
//! checkout uses 1 core and 8 GiB  → 1/2 · 1/4 + 1/2 · 8/16 = 3/8 of the day
//! idle                            → 1/2 · 3/4 + 1/2 · 8/16 = 5/8 of the day
//! ```
//! All of it in big integers over one common denominator; only the end is brought to whole units, by the law of splits
//! (floor first, then one unit each to the largest remainders, ties in the order given), so the weights of a day add
//! up to the day to the last unit.
//!
//! Overcommitment: where the parts of a measure exceed the capacity, the measure is divided by the parts' sum and has no
//! idle. A measure without any capacity and without any use says nothing about the day and is left out, so the
//! other measure decides alone; where both say nothing, every weight is zero.

use leap_terms::Exact;
use num_bigint::BigUint;

/// Units in one node-second: 10²⁴.
pub const UNITS_PER_NODE_SECOND: u128 = 1_000_000_000_000_000_000_000_000;

/// A measure's value as a whole number of 10⁻³⁰.
pub(super) fn wide(value: Exact) -> BigUint {
    let coarse = u128::try_from(value.coarse()).expect("negative values are refused when a report is read");
    let fine = u64::try_from(value.fine()).expect("the fine part is never negative");
    BigUint::from(coarse) * BigUint::from(1_000_000_000_000_u64) + BigUint::from(fine)
}

/// What stands behind a day's weights for one measure.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Base {
    /// Capacity not used, never negative.
    pub idle: BigUint,
    /// The parts' sum.
    pub used: BigUint,
}

impl Base {
    /// Of one node: `capacity` and the parts' sum.
    pub fn of_node(capacity: &BigUint, used: BigUint) -> Base {
        let idle = if capacity > &used { capacity - &used } else { BigUint::ZERO };
        Base { idle, used }
    }

    /// Takes in another node: an overcommitted node does not eat the idle capacity of another one.
    pub fn add(&mut self, other: &Base) {
        self.idle += &other.idle;
        self.used += &other.used;
    }

    fn whole(&self) -> BigUint {
        &self.idle + &self.used
    }
}

/// The weights of the parts, in their order, and of idle: together exactly `whole`, or all zero where neither measure
/// says anything.
///
/// `ratio` is what CPU and what memory stand for in the node's price.
pub(super) fn divide(
    parts: &[(BigUint, BigUint)],
    cpu: &Base,
    memory: &Base,
    ratio: &(BigUint, BigUint),
    whole: u128,
) -> (Vec<u128>, u128) {
    let (cpu_whole, memory_whole) = (cpu.whole(), memory.whole());
    let counted =
        |weight: &BigUint, base: &BigUint| if *base == BigUint::ZERO { BigUint::ZERO } else { weight.clone() };
    let (cpu_weight, memory_weight) = (counted(&ratio.0, &cpu_whole), counted(&ratio.1, &memory_whole));
    let one = BigUint::from(1_u8);
    // share = (c · cpu / CPU + m · memory / MEMORY) / (c + m), brought to one denominator.
    let cpu_factor = &cpu_weight * (&memory_whole).max(&one);
    let memory_factor = &memory_weight * (&cpu_whole).max(&one);
    let denominator = (&cpu_weight + &memory_weight) * (&cpu_whole).max(&one) * (&memory_whole).max(&one);
    if denominator == BigUint::ZERO {
        return (vec![0; parts.len()], 0);
    }
    let idle = (&cpu.idle, &memory.idle);
    let pairs = parts.iter().map(|(cpu, memory)| (cpu, memory)).chain(std::iter::once(idle));
    let mut weights = Vec::with_capacity(parts.len() + 1);
    let mut remainders = Vec::with_capacity(parts.len() + 1);
    for (cpu, memory) in pairs {
        let numerator = (cpu * &cpu_factor + memory * &memory_factor) * BigUint::from(whole);
        let floor = &numerator / &denominator;
        remainders.push(numerator - &floor * &denominator);
        weights.push(u128::try_from(&floor).expect("a share is at most the whole"));
    }
    let left = whole - weights.iter().sum::<u128>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|a, b| remainders[*b].cmp(&remainders[*a]).then(a.cmp(b)));
    let left = usize::try_from(left).expect("less than one unit is left per part");
    for at in &order[..left] {
        weights[*at] += 1;
    }
    let idle = weights.pop().expect("idle was put last");
    (weights, idle)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn big(value: u64) -> BigUint {
        BigUint::from(value)
    }

    #[test]
    fn equal_parts_share_the_last_unit_in_their_order() {
        let parts = vec![(big(1), big(0)), (big(1), big(0)), (big(1), big(0))];
        let cpu = Base::of_node(&big(0), big(3));
        let (weights, idle) = divide(&parts, &cpu, &Base::default(), &(big(1), big(1)), 100);
        assert_eq!((weights, idle), (vec![34, 33, 33], 0));
    }

    proptest! {
        #[test]
        fn a_day_is_given_away_once_and_nothing_to_those_who_took_nothing(
            parts in prop::collection::vec((0_u64..1000, 0_u64..1000), 0..12),
            capacity in (0_u64..4000, 0_u64..4000),
            ratio in (0_u64..4, 0_u64..4),
            whole in 0_u128..1_000_000_000_000_000_000_000_000_000_000,
        ) {
            let used = |at: fn(&(u64, u64)) -> u64| parts.iter().map(at).sum::<u64>();
            let cpu = Base::of_node(&big(capacity.0), big(used(|part| part.0)));
            let memory = Base::of_node(&big(capacity.1), big(used(|part| part.1)));
            let amounts: Vec<_> = parts.iter().map(|part| (big(part.0), big(part.1))).collect();
            let (weights, idle) = divide(&amounts, &cpu, &memory, &(big(ratio.0), big(ratio.1)), whole);
            let silent = (ratio.0 == 0 || capacity.0 == 0 && used(|part| part.0) == 0)
                && (ratio.1 == 0 || capacity.1 == 0 && used(|part| part.1) == 0);
            prop_assert_eq!(weights.iter().sum::<u128>() + idle, if silent { 0 } else { whole });
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!(*part != (0, 0) || *weight == 0);
            }
            for (at, one) in parts.iter().enumerate() {
                for (other_at, other) in parts.iter().enumerate() {
                    if one.0 >= other.0 && one.1 >= other.1 {
                        prop_assert!(weights[at] + 1 >= weights[other_at], "who takes more pays no less");
                    }
                }
            }
        }
    }
}
