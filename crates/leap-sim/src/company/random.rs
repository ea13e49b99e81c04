//! Random numbers that a seed fixes on every machine: xoshiro256++, seeded by SplitMix64 (Blackman and Vigna, public
//! domain), with integers only, so that no processor rounds differently.
//!
//! ```text
//! Random::fork(7, &[2, 14])   the stream of payer 2 in month 14 of seed 7
//! ```
//!
//! Not for secrets.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

/// Units of the fixed-point numbers below: 2¹⁶ stand for one.
pub(crate) const ONE: i64 = 1 << 16;

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Random {
        Random::fork(seed, &[])
    }

    /// The stream of one part of a seed's world: independent of how far other streams were read.
    pub fn fork(seed: u64, path: &[u64]) -> Random {
        let mut at = seed ^ 0x6c65_6170;
        let mut mixed = split_mix(&mut at);
        for step in path {
            at = mixed ^ step.wrapping_mul(0xd6e8_feb8_6659_fd93);
            mixed = split_mix(&mut at);
        }
        let mut from = mixed;
        Random { state: std::array::from_fn(|_| split_mix(&mut from)) }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// A number in `[0, bound)`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `[from, until)`.
    pub fn between(&mut self, from: i64, until: i64) -> i64 {
        from + self.below((until - from).max(0) as u64) as i64
    }

    /// An index of a list of `length`; the list must not be empty.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// One of the items; the list must not be empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }

    /// One of the words; the list must not be empty.
    pub(crate) fn word(&mut self, words: &[&'static str]) -> &'static str {
        words[self.index(words.len())]
    }

    /// True `share` times in ten thousand.
    pub fn chance(&mut self, share: u64) -> bool {
        self.below(10_000) < share
    }

    /// A nearly normal number with mean 0 and deviation 1, in units of 2⁻¹⁶ (twelve uniform numbers added up).
    pub(crate) fn normal(&mut self) -> i64 {
        let sum: u64 = (0..3)
            .map(|_| {
                let bits = self.bits();
                (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48)
            })
            .sum();
        sum as i64 - 6 * ONE
    }

    /// A log-normal number: 2^(`mean` + `deviation` · z), at least 1. Both arguments are base-2 logarithms.
    pub(crate) fn log_normal(&mut self, mean: i64, deviation: i64) -> u64 {
        exp2(mean * ONE + deviation * self.normal()).max(1)
    }

    /// Hexadecimal text of so many digits, at most 16.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        let mut text = format!("{:016x}", self.bits());
        text.truncate(digits);
        text
    }

    /// Puts the items into a random order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}

/// 2^x, rounded down, for x in units of 2⁻¹⁶; 0 below 1 and 2⁶² at most. Error of the cubic: 2 in 10⁴.
pub(crate) fn exp2(x: i64) -> u64 {
    if x < 0 {
        return 0;
    }
    let whole = (x >> 16).min(61) as u32;
    let part = (x & 0xffff) as u128;
    let mantissa = 65_536 + ((part * (45_584 + ((part * (14_822 + ((part * 5_114) >> 16))) >> 16))) >> 16);
    ((mantissa << whole) >> 16) as u64
}

/// log₂ of a number of at least 1, in units of 2⁻¹⁶.
pub(crate) fn log2(number: u64) -> i64 {
    let whole = 63 - i64::from(number.max(1).leading_zeros());
    let mut mantissa = (u128::from(number.max(1)) << 32) >> whole;
    let mut part = 0;
    for bit in (0..16).rev() {
        mantissa = (mantissa * mantissa) >> 32;
        if mantissa >= 2 << 32 {
            mantissa >>= 1;
            part |= 1 << bit;
        }
    }
    whole * ONE + part
}

/// The weight of rank 1, 2, … under Zipf's law: 10⁹ · rank^(−`exponent`/100).
pub(crate) fn zipf(rank: usize, exponent: i64) -> u64 {
    exp2(log2(1_000_000_000) - log2(rank as u64) * exponent / 100)
}

/// Picks indexes in proportion to weights.
#[derive(Clone, Debug)]
pub(crate) struct Wheel {
    ends: Vec<u64>,
}

impl Wheel {
    pub(crate) fn new(weights: impl IntoIterator<Item = u64>) -> Wheel {
        let mut sum = 0;
        let ends = weights
            .into_iter()
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        Wheel { ends }
    }

    /// The index that a random number falls on; a wheel must have weight.
    pub(crate) fn spin(&self, random: &mut Random) -> usize {
        let at = random.below(self.ends.last().copied().unwrap_or(0));
        self.ends.partition_point(|end| *end <= at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_fixes_the_stream_and_a_fork_is_another() {
        let first: Vec<u64> = {
            let mut random = Random::new(7);
            (0..4).map(|_| random.bits()).collect()
        };
        let again: Vec<u64> = {
            let mut random = Random::new(7);
            (0..4).map(|_| random.bits()).collect()
        };
        assert_eq!(first, again);
        assert_ne!(Random::fork(7, &[1]).bits(), Random::fork(7, &[2]).bits());
        assert_ne!(Random::fork(7, &[1]).bits(), Random::fork(8, &[1]).bits());
    }

    #[test]
    fn logarithms_and_powers_undo_each_other() {
        for number in [1_u64, 2, 3, 10, 1000, 123_456_789, 1 << 50] {
            let back = exp2(log2(number));
            assert!(number.abs_diff(back) <= number / 1000 + 1, "{number} {back}");
        }
        assert_eq!(zipf(1, 80) / 1_000_000, 999);
        assert!(zipf(10, 100).abs_diff(100_000_000) < 100_000);
    }

    #[test]
    fn normal_numbers_have_mean_zero_and_deviation_one() {
        let mut random = Random::new(1);
        let numbers: Vec<i64> = (0..20_000).map(|_| random.normal()).collect();
        let mean = numbers.iter().sum::<i64>() / 20_000;
        let variance = numbers.iter().map(|number| number * number / ONE).sum::<i64>() / 20_000;
        assert!(mean.abs() < ONE / 50, "{mean}");
        assert!((variance - ONE).abs() < ONE / 20, "{variance}");
    }
}
