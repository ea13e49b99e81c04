//! Quantiles of anything that was only counted: a log-linear histogram that merges by addition.
//!
//! ```text
//! 1,234,567 ns is in bucket 1814: [1,228,800, 1,236,992) ns, shown as its middle 1,232,896 ns
//! ```
//! A bucket is told by the leading bit and the next [`MANTISSA_BITS`] bits of the value; no logarithm is taken, so the
//! same values give the same bits on every machine and in every order of merging. A [`Sketch`] is what is stored:
//! sorted (bucket, count) pairs. A [`Tally`] is for adding fast. Counts are of whatever the caller counts: requests, or
//! [`super::Units`] of them.
//!
//! The error is of the value, at most [`MAX_ERROR_PPM`]; ranks are exact. What another histogram is worth is in
//! [`convert`]. Why this one: `docs/decisions/0011-quantile-sketch.md`.

use std::cmp::Ordering;

use super::quantile::Quantile;

pub mod convert;
pub mod series;

/// Bits kept after the leading one.
pub const MANTISSA_BITS: u32 = 7;
/// How many buckets there are: values of 64 bits.
pub const BUCKETS: usize = (64 - MANTISSA_BITS as usize + 1) << MANTISSA_BITS;
/// The largest relative error of a value shown as its bucket's middle: 2⁻⁸, in millionths, rounded up.
pub const MAX_ERROR_PPM: u64 = 3_907;

/// The bucket of a value.
#[inline]
pub fn bucket_of(value: u64) -> u16 {
    if value < 1 << MANTISSA_BITS {
        return value as u16;
    }
    let exponent = 63 - value.leading_zeros();
    let mantissa = (value >> (exponent - MANTISSA_BITS)) & ((1 << MANTISSA_BITS) - 1);
    (((exponent - (MANTISSA_BITS - 1)) << MANTISSA_BITS) as u16) + mantissa as u16
}

/// The smallest value of a bucket.
pub fn lowest_of(bucket: u16) -> u64 {
    let block = u32::from(bucket) >> MANTISSA_BITS;
    if block == 0 {
        return u64::from(bucket);
    }
    let mantissa = u64::from(bucket) & ((1 << MANTISSA_BITS) - 1);
    ((1 << MANTISSA_BITS) + mantissa) << (block - 1)
}

/// The largest value of a bucket.
pub fn highest_of(bucket: u16) -> u64 {
    let block = u32::from(bucket) >> MANTISSA_BITS;
    lowest_of(bucket) + ((1_u64 << block.saturating_sub(1)) - 1)
}

/// The value that stands for a bucket: its middle, rounded up.
pub fn middle_of(bucket: u16) -> u64 {
    let block = u32::from(bucket) >> MANTISSA_BITS;
    lowest_of(bucket) + if block < 2 { 0 } else { 1 << (block - 2) }
}

/// A quantile read from buckets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Estimate {
    /// The middle of the bucket: within [`MAX_ERROR_PPM`] of the exact quantile.
    pub ns: u64,
    /// The exact quantile is not below.
    pub at_least_ns: u64,
    /// The exact quantile is not above.
    pub at_most_ns: u64,
}

impl Estimate {
    fn of(bucket: u16) -> Estimate {
        Estimate { ns: middle_of(bucket), at_least_ns: lowest_of(bucket), at_most_ns: highest_of(bucket) }
    }
}

/// Counts per bucket, only those above 0, in order of the buckets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sketch {
    buckets: Vec<u16>,
    counts: Vec<u128>,
    total: u128,
}

impl Sketch {
    /// Of (bucket, count) pairs as [`Sketch::pairs`] gives them: buckets ascending, counts above 0. `None` where they
    /// are not, or where the total overflows.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (u16, u128)>) -> Option<Sketch> {
        let mut sketch = Sketch::default();
        for (bucket, count) in pairs {
            let in_order = sketch.buckets.last().is_none_or(|last| *last < bucket);
            if !in_order || count == 0 || usize::from(bucket) >= BUCKETS {
                return None;
            }
            sketch.total = sketch.total.checked_add(count)?;
            sketch.buckets.push(bucket);
            sketch.counts.push(count);
        }
        Some(sketch)
    }

    /// Of values, each counted once.
    pub fn of(values: impl IntoIterator<Item = u64>) -> Sketch {
        let mut tally = Tally::default();
        values.into_iter().for_each(|value| tally.add(value, 1));
        tally.sketch()
    }

    /// The sorted (bucket, count) pairs: the stored form.
    pub fn pairs(&self) -> impl Iterator<Item = (u16, u128)> {
        self.buckets.iter().copied().zip(self.counts.iter().copied())
    }

    /// How much was counted.
    pub fn total(&self) -> u128 {
        self.total
    }

    /// How many buckets are used.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// True when nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Both counted together. For many sketches a [`Tally`] is faster.
    ///
    /// # Panics
    /// Where the total exceeds 128 bits.
    pub fn merged(&self, other: &Sketch) -> Sketch {
        let mut tally = Tally::default();
        tally.absorb(self);
        tally.absorb(other);
        tally.sketch()
    }

    /// The nearest-rank quantile; `None` where nothing was counted.
    pub fn quantile(&self, p: Quantile) -> Option<Estimate> {
        self.reach(|below| p.level().cmp_part(below, self.total) != Ordering::Less)
    }

    /// The value of a rank, from 1; `None` beyond the total or for rank 0.
    pub fn at_rank(&self, rank: u128) -> Option<Estimate> {
        if rank == 0 { None } else { self.reach(|below| below >= rank) }
    }

    /// How much was counted in buckets that lie wholly above the value: at most the exact count, and less by no more
    /// than the value's own bucket.
    pub fn above(&self, value: u64) -> u128 {
        let first = self.buckets.partition_point(|bucket| *bucket <= bucket_of(value));
        self.counts[first..].iter().sum()
    }

    fn reach(&self, enough: impl Fn(u128) -> bool) -> Option<Estimate> {
        let mut below = 0;
        self.pairs().find_map(|(bucket, count)| {
            below += count;
            enough(below).then(|| Estimate::of(bucket))
        })
    }
}

/// Counts per bucket from the lowest used to the highest, for adding fast.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    first: usize,
    counts: Vec<u128>,
}

impl Tally {
    /// Counts a value so often.
    #[inline]
    pub fn add(&mut self, value: u64, count: u64) {
        let slot = usize::from(bucket_of(value)).wrapping_sub(self.first);
        match self.counts.get_mut(slot) {
            Some(counted) => *counted += u128::from(count),
            None => self.add_bucket(bucket_of(value), u128::from(count)),
        }
    }

    /// Counts all that a sketch has.
    ///
    /// # Panics
    /// Where a count exceeds 128 bits.
    pub fn absorb(&mut self, sketch: &Sketch) {
        if let (Some(first), Some(last)) = (sketch.buckets.first(), sketch.buckets.last()) {
            self.reach(usize::from(*first));
            self.reach(usize::from(*last));
        }
        for (bucket, count) in sketch.pairs() {
            self.counts[usize::from(bucket) - self.first] += count;
        }
    }

    /// What was counted.
    ///
    /// # Panics
    /// Where the total exceeds 128 bits.
    pub fn sketch(&self) -> Sketch {
        let used = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        Sketch::from_pairs(used.map(|(slot, count)| ((slot + self.first) as u16, *count))).expect("a total of 128 bits")
    }

    #[cold]
    fn add_bucket(&mut self, bucket: u16, count: u128) {
        self.reach(usize::from(bucket));
        self.counts[usize::from(bucket) - self.first] += count;
    }

    fn reach(&mut self, bucket: usize) {
        if self.counts.is_empty() {
            self.first = bucket;
            self.counts.push(0);
        } else if bucket < self.first {
            let more = self.first - bucket;
            self.counts.splice(0..0, std::iter::repeat_n(0, more));
            self.first = bucket;
        } else if bucket - self.first >= self.counts.len() {
            self.counts.resize(bucket - self.first + 1, 0);
        }
    }
}

#[cfg(test)]
mod tests;
