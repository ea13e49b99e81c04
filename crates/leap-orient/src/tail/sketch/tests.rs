//! Buckets, errors, merging in any order, conversion from other histograms.

use super::convert::{ConvertError, exponential, native};
use super::*;
use proptest::prelude::*;

fn p(text: &str) -> Quantile {
    text.parse().unwrap()
}

/// The document's formula, word by word.
fn by_the_document(v: u64) -> u64 {
    if v < 1 << 7 {
        return v;
    }
    let e = 63 - u64::from(v.leading_zeros());
    ((e - 6) << 7) + ((v >> (e - 7)) & 127)
}

#[test]
fn buckets_follow_the_documents_formula_and_cover_every_value() {
    for value in [0, 1, 127, 128, 129, 255, 256, 1_234_567, 4_612_000_000, u64::MAX - 1, u64::MAX] {
        let bucket = bucket_of(value);
        assert_eq!(u64::from(bucket), by_the_document(value), "{value}");
        assert!(lowest_of(bucket) <= value && value <= highest_of(bucket), "{value}");
    }
    assert_eq!(usize::from(bucket_of(u64::MAX)), BUCKETS - 1);
    for bucket in 0..BUCKETS as u16 - 1 {
        assert_eq!(highest_of(bucket) + 1, lowest_of(bucket + 1), "no gap after {bucket}");
        let (low, middle, high) = (lowest_of(bucket), middle_of(bucket), highest_of(bucket));
        assert!(low <= middle && middle <= high);
        let most = u128::from((middle - low).max(high - middle)) * 1_000_000;
        assert!(most <= u128::from(low) * u128::from(MAX_ERROR_PPM), "bucket {bucket}");
    }
}

#[test]
fn a_value_is_shown_as_its_buckets_middle() {
    let bucket = bucket_of(1_234_567);
    assert_eq!((bucket, lowest_of(bucket), highest_of(bucket)), (1_814, 1_228_800, 1_236_991));
    assert_eq!(middle_of(bucket), 1_232_896);
}

#[test]
fn pairs_are_the_stored_form() {
    let sketch = Sketch::of([5, 5, 900, 100_000]);
    let pairs: Vec<_> = sketch.pairs().collect();
    assert_eq!(pairs[0], (5, 2));
    assert_eq!(Sketch::from_pairs(pairs), Some(sketch));
    assert_eq!(Sketch::from_pairs([(5, 1), (5, 1)]), None, "twice the same bucket");
    assert_eq!(Sketch::from_pairs([(5, 0)]), None, "nothing counted");
    assert_eq!(Sketch::from_pairs([(7_424, 1)]), None, "no such bucket");
    assert_eq!(Sketch::default().quantile(p("p50")), None);
}

#[test]
fn ranks_are_exact() {
    let sketch = Sketch::of(1..=100);
    assert_eq!(sketch.quantile(p("p99")).unwrap().ns, 99);
    assert_eq!(sketch.at_rank(100).unwrap().ns, 100);
    assert_eq!((sketch.at_rank(0), sketch.at_rank(101)), (None, None));
    assert_eq!(sketch.above(90), 10);
}

/// 2^(index/2^scale) seconds in ns, with floats: an independent calculation, for tests only.
#[allow(clippy::float_arithmetic)]
fn bound(index: i64, scale: i32) -> f64 {
    (index as f64 / f64::from(1 << scale)).exp2() * 1e9
}

#[test]
#[allow(clippy::float_arithmetic)]
fn an_exponential_histogram_keeps_its_quantiles_within_the_stated_error() {
    for (scale, theirs) in [(5, 10_831), (6, 5_416), (7, 2_708), (8, 1_354)] {
        for offset in [-900, -64, -1, 0, 31, 300] {
            let converted = exponential(scale, 0, offset, &[1], &[], 1_000_000_000).unwrap();
            assert!(
                converted.error_ppm >= theirs + MAX_ERROR_PPM && converted.error_ppm <= theirs + MAX_ERROR_PPM + 50
            );
            let shown = converted.sketch.quantile(p("p50")).unwrap().ns as f64;
            let (low, high) = (bound(i64::from(offset), scale), bound(i64::from(offset) + 1, scale));
            let worst = ((shown - low).abs() / low).max((shown - high).abs() / high);
            // Small values also lose up to half a nanosecond.
            assert!(worst * 1e6 <= converted.error_ppm as f64 + 0.5e6 / low, "scale {scale}, offset {offset}: {worst}");
        }
    }
}

#[test]
fn zeros_are_counted_and_what_is_no_latency_is_refused() {
    let with_zeros = exponential(3, 7, -10, &[0, 2, 1], &[0], 1_000_000_000).unwrap().sketch;
    assert_eq!((with_zeros.total(), with_zeros.pairs().next()), (10, Some((0, 7))));
    assert_eq!(exponential(3, 0, 0, &[1], &[1], 1), Err(ConvertError::Negative));
    assert_eq!(exponential(-1, 0, 0, &[1], &[], 1), Err(ConvertError::Scale(-1)));
    assert_eq!(exponential(21, 0, 0, &[1], &[], 1), Err(ConvertError::Scale(21)));
    assert_eq!(exponential(0, 0, 64, &[1], &[], 1), Err(ConvertError::Range(64)));
    assert_eq!(exponential(0, 0, i32::MAX, &[1], &[], 1), Err(ConvertError::Range(i64::from(i32::MAX))));
    assert_eq!(exponential(0, 0, i32::MIN, &[1], &[], 1).unwrap().sketch.pairs().next(), Some((0, 1)));
    assert_eq!(exponential(0, 0, i32::MAX, &[0], &[], 1).unwrap().sketch.total(), 0);
}

#[test]
fn a_native_histogram_is_the_same_one_bucket_further() {
    // Buckets 3, 4, 5 and 8 with 2, 5, 1 and 4 observations.
    let native = native(4, 1, &[(3, 3), (2, 1)], &[2, 3, -4, 3], false, 1_000_000_000).unwrap();
    let otel = exponential(4, 1, 2, &[2, 5, 1, 0, 0, 4], &[], 1_000_000_000).unwrap();
    assert_eq!(native, otel);
    let shape = |deltas: &[i64]| super::convert::native(4, 0, &[(0, 2)], deltas, false, 1).unwrap_err();
    assert_eq!((shape(&[1]), shape(&[1, -2])), (ConvertError::Shape, ConvertError::Shape));
    assert_eq!(super::convert::native(4, 0, &[], &[], true, 1), Err(ConvertError::Negative));
}

#[test]
fn halving_a_finer_histogram_agrees_with_the_coarser_one() {
    let fine = exponential(6, 0, 640, &[1, 2, 3, 4], &[], 1_000_000).unwrap();
    let coarse = exponential(5, 0, 320, &[3, 7], &[], 1_000_000).unwrap();
    for quantile in ["p10", "p50", "p99"] {
        let (a, b) = (fine.sketch.quantile(p(quantile)).unwrap().ns, coarse.sketch.quantile(p(quantile)).unwrap().ns);
        assert!(u128::from(a.abs_diff(b)) * 1_000_000 <= u128::from(a) * u128::from(fine.error_ppm + coarse.error_ppm));
    }
}

proptest! {
    #[test]
    fn a_quantile_is_within_the_bound_of_the_exact_one(values in prop::collection::vec(0_u64..1 << 45, 1..400), level in 1_u64..1000) {
        let quantile = Quantile::new(level, 1000).unwrap();
        let mut sorted = values.clone();
        sorted.sort_unstable();
        let exact = sorted[quantile.rank(sorted.len() as u64) as usize - 1];
        let estimate = Sketch::of(values).quantile(quantile).unwrap();
        prop_assert!(estimate.at_least_ns <= exact && exact <= estimate.at_most_ns);
        prop_assert!(estimate.ns.abs_diff(exact) * 1_000_000 <= exact * MAX_ERROR_PPM);
    }

    #[test]
    fn the_order_of_merging_changes_no_bit(values in prop::collection::vec(any::<u64>(), 0..200), cut in 0_usize..200) {
        let cut = cut.min(values.len());
        let (left, right) = (Sketch::of(values[..cut].to_vec()), Sketch::of(values[cut..].to_vec()));
        let whole = Sketch::of(values);
        prop_assert_eq!(left.merged(&right), whole.clone());
        prop_assert_eq!(right.merged(&left), whole);
    }
}
