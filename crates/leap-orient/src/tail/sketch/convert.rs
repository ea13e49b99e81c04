//! Histograms of others as sketches: OpenTelemetry's exponential histograms and Prometheus' native ones.
//!
//! ```text
//! OTLP  scale 5, offset 320, counts [3, 1], unit s    →  ≤ 1.1 % from its own buckets, ≤ 1.5 % in all
//! ```
//! Their bucket i at scale s holds (b^i, b^(i+1)] with b = 2^(2^−s). All of it is counted at the value whose largest
//! relative error is smallest, 2·low·high / (low + high): at most (b − 1)/(b + 1) off. That error is theirs; ours comes
//! on top, and [`Converted::error_ppm`] states both. Bounds come from integer square roots of two in fixed point (62
//! bits), never from a logarithm.
//!
//! Refused: negative values, scales below 0 (their error exceeds a third), values of 2⁶⁴ ns and more, custom bucket
//! bounds and counts that are no integers. What is refused is not counted at all: half a histogram has no p99.9.

use super::{BUCKETS, MAX_ERROR_PPM, Sketch, bucket_of};

/// Bits after the point.
const POINT: u32 = 62;
/// The finest scale of OpenTelemetry.
const FINEST: u32 = 20;

/// A converted histogram.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Converted {
    /// The counts.
    pub sketch: Sketch,
    /// The largest relative error of a quantile read from the sketch, of both histograms together, in millionths,
    /// rounded up.
    pub error_ppm: u64,
}

/// Why a histogram is not counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConvertError {
    /// Latencies are not negative.
    #[error("read a histogram: it counts negative values")]
    Negative,
    /// A third of the value and more would be unknown.
    #[error("read a histogram: scale {0} is not between 0 and 20")]
    Scale(i32),
    /// A bucket lies beyond 2⁶⁴ ns.
    #[error("read a histogram: bucket {0} holds values of 2^64 ns and more")]
    Range(i64),
    /// The counts of Prometheus' spans and deltas do not fit together.
    #[error("read a histogram: its spans and deltas do not give counts")]
    Shape,
    /// More than 128 bits.
    #[error("read a histogram: its counts overflow")]
    TooMany,
}

/// OpenTelemetry's exponential histogram data point, as sent. `unit_ns` is the metric's unit: 1,000,000,000 for `s`,
/// 1,000,000 for `ms`. Values at or below the zero threshold count as 0.
///
/// # Errors
/// See the module.
pub fn exponential(
    scale: i32,
    zero_count: u64,
    positive_offset: i32,
    positive_counts: &[u64],
    negative_counts: &[u64],
    unit_ns: u32,
) -> Result<Converted, ConvertError> {
    if negative_counts.iter().any(|count| *count > 0) {
        return Err(ConvertError::Negative);
    }
    let counted =
        positive_counts.iter().enumerate().map(|(index, count)| (i64::from(positive_offset) + index as i64, *count));
    convert(scale, zero_count, counted, unit_ns)
}

/// A Prometheus native histogram with integer counts and a standard schema: spans are (offset, length), deltas run over
/// all buckets of all spans. Its bucket i is OpenTelemetry's i − 1.
///
/// # Errors
/// See the module.
pub fn native(
    schema: i32,
    zero_count: u64,
    positive_spans: &[(i32, u32)],
    positive_deltas: &[i64],
    has_negative: bool,
    unit_ns: u32,
) -> Result<Converted, ConvertError> {
    if has_negative {
        return Err(ConvertError::Negative);
    }
    let wanted: u64 = positive_spans.iter().map(|(_, length)| u64::from(*length)).sum();
    if wanted != positive_deltas.len() as u64 {
        return Err(ConvertError::Shape);
    }
    let mut counted = Vec::with_capacity(positive_deltas.len());
    let (mut index, mut count, mut deltas) = (0_i64, 0_i64, positive_deltas.iter());
    for (offset, length) in positive_spans {
        index += i64::from(*offset);
        for delta in deltas.by_ref().take(*length as usize) {
            count = count.checked_add(*delta).filter(|count| *count >= 0).ok_or(ConvertError::Shape)?;
            counted.push((index - 1, count as u64));
            index += 1;
        }
    }
    convert(schema, zero_count, counted, unit_ns)
}

fn convert(
    scale: i32,
    zero_count: u64,
    counted: impl IntoIterator<Item = (i64, u64)>,
    unit_ns: u32,
) -> Result<Converted, ConvertError> {
    let fine = u32::try_from(scale).ok().filter(|scale| *scale <= FINEST).ok_or(ConvertError::Scale(scale))?;
    let roots = roots();
    let base = roots[fine as usize];
    let one = 1_u128 << POINT;
    // 2·b / (1 + b): what the lower bound is multiplied by.
    let center = ((2 * base) << POINT) / (one + base);
    let mut counts = vec![0_u128; BUCKETS];
    counts[0] = u128::from(zero_count);
    for (index, count) in counted {
        if count == 0 {
            continue;
        }
        let value = scaled(&roots, index, fine, center, unit_ns).ok_or(ConvertError::Range(index))?;
        let slot = &mut counts[usize::from(bucket_of(value))];
        *slot = slot.checked_add(u128::from(count)).ok_or(ConvertError::TooMany)?;
    }
    let used =
        counts.into_iter().enumerate().filter(|(_, count)| *count > 0).map(|(bucket, count)| (bucket as u16, count));
    let sketch = Sketch::from_pairs(used).ok_or(ConvertError::TooMany)?;
    let theirs = ((base - one) * 1_000_000).div_ceil(base + one) as u64;
    let both = theirs + MAX_ERROR_PPM + (theirs * MAX_ERROR_PPM).div_ceil(1_000_000);
    Ok(Converted { sketch, error_ppm: both })
}

/// 2^(2^−k) for k from 0 to [`FINEST`], in fixed point.
fn roots() -> [u128; FINEST as usize + 1] {
    let mut roots = [2_u128 << POINT; FINEST as usize + 1];
    for k in 1..roots.len() {
        roots[k] = (roots[k - 1] << POINT).isqrt();
    }
    roots
}

/// 2^(index / 2^fine) · center · unit in whole ns, rounded to the nearest; `None` from 2⁶⁴ on.
fn scaled(roots: &[u128], index: i64, fine: u32, center: u128, unit_ns: u32) -> Option<u64> {
    let (whole, rest) = (index >> fine, index & ((1 << fine) - 1));
    let mut value = 1_u128 << POINT;
    for k in 1..=fine {
        if rest >> (fine - k) & 1 == 1 {
            value = (value * roots[k as usize]) >> POINT;
        }
    }
    // Both factors are below 2^63 and 2^64, so products stay below 2^127; then the unit has 32 bits on top of 64.
    let value = (value * center) >> POINT;
    let value = value * u128::from(unit_ns);
    let shift = i64::from(POINT) - whole;
    if shift >= 128 {
        return Some(0);
    }
    if shift <= 0 {
        let up = u32::try_from(-shift).ok().filter(|up| *up < value.leading_zeros())?;
        return u64::try_from(value << up).ok();
    }
    u64::try_from((value + (1_u128 << (shift - 1))) >> shift).ok()
}
