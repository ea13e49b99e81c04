//! Whole numbers in given proportions that add up exactly: largest remainder, ties to the lower key.
//!
//! ```text
//! 100 over 1 : 1 : 1 = 34, 33, 33
//! ```

use num_bigint::BigUint;

/// Divides `total` in the proportion of `weights`, which are sorted by key: everyone gets the whole part of the exact
/// share, and what is left over goes one by one to the largest remainders, ties to the lower index. The result adds up
/// to `total`, and a weight of 0 gets 0.
///
/// Returns zeros where all weights are 0 (there is no proportion, and nothing is invented); the caller sees it by the
/// sum.
pub fn apportion(total: u64, weights: &[u128]) -> Vec<u64> {
    let sum = weights.iter().try_fold(0_u128, |sum, weight| sum.checked_add(*weight));
    let narrow = sum.filter(|sum| u128::from(total).checked_mul(*sum).is_some());
    match narrow {
        Some(0) => vec![0; weights.len()],
        Some(sum) => {
            // No product exceeds total · sum, which fits.
            let exact =
                weights.iter().map(|weight| (u128::from(total) * weight / sum, u128::from(total) * weight % sum));
            settle(total, exact.map(|(whole, rest)| (whole as u64, rest)).collect())
        }
        None => {
            let sum: BigUint = weights.iter().map(|weight| BigUint::from(*weight)).sum();
            let exact = weights.iter().map(|weight| {
                let product = BigUint::from(*weight) * total;
                let whole = u64::try_from(&product / &sum).expect("a share is at most the total");
                (whole, product % &sum)
            });
            settle(total, exact.collect())
        }
    }
}

fn settle<R: Ord>(total: u64, exact: Vec<(u64, R)>) -> Vec<u64> {
    let given: u64 = exact.iter().map(|(whole, _)| whole).sum();
    let left = usize::try_from(total - given).expect("fewer units are left than there are keys");
    let mut order: Vec<usize> = (0..exact.len()).collect();
    order.sort_by(|a, b| exact[*b].1.cmp(&exact[*a].1).then(a.cmp(b)));
    let mut shares: Vec<u64> = exact.iter().map(|(whole, _)| *whole).collect();
    for index in order.into_iter().take(left) {
        shares[index] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_lower_key_gets_the_unit_left_over() {
        assert_eq!(apportion(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(apportion(2, &[1, 1, 1]), [1, 1, 0]);
        assert_eq!(apportion(200, &[220, 280, 800]), [34, 43, 123]);
    }

    #[test]
    fn no_weight_gets_nothing() {
        assert_eq!(apportion(7, &[0, 3, 0]), [0, 7, 0]);
        assert_eq!(apportion(7, &[0, 0]), [0, 0]);
        assert_eq!(apportion(7, &[]), [0_u64; 0]);
    }

    proptest! {
        #[test]
        fn shares_add_up_and_are_within_one_of_exact(total: u64, weights in prop::collection::vec(any::<u128>(), 1..9), small: bool) {
            let weights: Vec<u128> = weights.iter().map(|weight| if small { weight >> 100 } else { *weight }).collect();
            let sum: BigUint = weights.iter().map(|weight| BigUint::from(*weight)).sum();
            prop_assume!(sum > BigUint::ZERO);
            let shares = apportion(total, &weights);
            prop_assert_eq!(shares.iter().map(|share| u128::from(*share)).sum::<u128>(), u128::from(total));
            for (share, weight) in shares.iter().zip(&weights) {
                let whole = BigUint::from(*weight) * total / &sum;
                prop_assert!(BigUint::from(*share) == whole || BigUint::from(*share) == whole + 1_u8);
            }
        }
    }
}
