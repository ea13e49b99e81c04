//! Statistics that a few wild values do not move.
//!
//! ```text
//! median([1, 2, 90]) = 2        spread([1, 2, 3, 90]) = 1.48 (a standard deviation, from the median distance)
//! ```

/// What makes the median distance from the median a standard deviation, where values are normal.
const NORMAL: f64 = 1.4826;

/// The middle value, or the mean of the two in the middle; 0 of nothing. Sorts the values.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { (values[middle - 1] + values[middle]) / 2.0 } else { values[middle] }
}

/// The value below which a share of the values lies, interpolated; 0 of nothing. Sorts the values.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.sort_by(f64::total_cmp);
    let place = share.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(values.len() - 1);
    values[below] + (values[above] - values[below]) * (place - below as f64)
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
}
