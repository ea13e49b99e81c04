//! Statistics that a few wild values do not move.
//!
//! ```text
//! median([1, 2, 90]) = 2        spread([1, 2, 3, 90]) = 1.48 (a standard deviation, from the median distance)
//! ```

/// What makes the median distance from the median a standard deviation, where values are normal.
const NORMAL: f64 = 1.4826;

/// The middle value, or the mean of the two in the middle; 0 of nothing. Brings the values into another order.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let (length, half) = (values.len(), values.len() / 2);
    let (below, middle, _) = values.select_nth_unstable_by(half, f64::total_cmp);
    if !length.is_multiple_of(2) {
        return *middle;
    }
    let lower = below.iter().copied().max_by(f64::total_cmp).unwrap_or(*middle);
    (lower + *middle) / 2.0
}

/// The value below which a share of the values lies, interpolated; 0 of nothing. Brings the values into another order.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let place = share.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let (_, below, rest) = values.select_nth_unstable_by(place.floor() as usize, f64::total_cmp);
    let above = rest.iter().copied().min_by(f64::total_cmp).unwrap_or(*below);
    *below + (above - *below) * (place - place.floor())
}

/// Medians of the values around each place: those less than `reach` places before and after it, and the one `reach` places
/// before. `NaN` values are left out; `told` hears each place that has a value, with the median.
pub(crate) fn medians_around(values: &[f64], reach: usize, mut told: impl FnMut(usize, f64)) {
    let mut sorted: Vec<f64> = Vec::with_capacity(2 * reach);
    let place = |sorted: &[f64], value: f64| sorted.partition_point(|other| other.total_cmp(&value).is_lt());
    let mut end = 0;
    for at in 0..values.len() {
        while end < (at + reach).min(values.len()) {
            if !values[end].is_nan() {
                sorted.insert(place(&sorted, values[end]), values[end]);
            }
            end += 1;
        }
        if let Some(left) = at.checked_sub(reach + 1).map(|left| values[left]).filter(|left| !left.is_nan()) {
            sorted.remove(place(&sorted, left));
        }
        if !values[at].is_nan() {
            let middle = sorted.len() / 2;
            let is_even = sorted.len().is_multiple_of(2);
            told(at, if is_even { (sorted[middle - 1] + sorted[middle]) / 2.0 } else { sorted[middle] });
        }
    }
}

/// A standard deviation from the median distance to a centre.
pub(crate) fn spread(values: &[f64], centre: f64) -> f64 {
    let mut distances: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    NORMAL * median(&mut distances)
}

/// The value at which half of the weight is reached; 0 of nothing.
pub(crate) fn weighted_median(pairs: &mut [(f64, f64)]) -> f64 {
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = pairs.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut reached = 0.0;
    for (value, weight) in pairs.iter() {
        reached += weight;
        if reached >= half {
            return *value;
        }
    }
    pairs.last().map_or(0.0, |(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middle_values() {
        assert_eq!(median(&mut []), 0.0);
        assert_eq!(median(&mut [90.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 90.0]), 3.0);
        assert_eq!(quantile(&mut [0.0, 10.0, 20.0], 0.75), 15.0);
        assert_eq!(spread(&[1.0, 2.0, 3.0, 90.0], 2.0), NORMAL);
        assert_eq!(weighted_median(&mut [(5.0, 1.0), (1.0, 9.0)]), 1.0);
        assert_eq!(weighted_median(&mut []), 0.0);
    }

    #[test]
    fn quantiles_are_those_of_sorted_values() {
        let values: Vec<f64> = (0..53).map(|at| f64::from(at * 37 % 53) * 0.5 - 7.0).collect();
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        for share in [0.0, 0.03, 0.1, 0.5, 0.77, 0.97, 1.0] {
            let place: f64 = share * 52.0;
            let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            let wanted = below + (above - below) * (place - place.floor());
            assert_eq!(quantile(&mut values.clone(), share), wanted, "{share}");
        }
    }

    #[test]
    fn medians_of_what_is_around() {
        let mut values: Vec<f64> = (0..60).map(|at| f64::from(at * 29 % 31)).collect();
        values[7] = f64::NAN;
        values[40] = values[12];
        let mut seen = 0;
        medians_around(&values, 5, |at, middle| {
            let around = &values[at.saturating_sub(5)..(at + 5).min(values.len())];
            let mut known: Vec<f64> = around.iter().copied().filter(|value| !value.is_nan()).collect();
            assert_eq!(middle, median(&mut known), "{at}");
            seen += 1;
        });
        assert_eq!(seen, 59);
    }
}
