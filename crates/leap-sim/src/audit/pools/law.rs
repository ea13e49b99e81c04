//! How an amount is divided to the last digit: the auditor's own reading of the law of splits.
//!
//! ```text
//! 0.000000000000000001 over a: 1, b: 1   →  a 0.000000000000000001, b 0
//! ```
//! Everyone first gets the whole units of their quota; what is left over goes, unit by unit, to the largest remainders,
//! of equal ones to the first of the list. A unit is 10⁻¹⁸, or 10⁻³⁰ where the amount has finer digits.

use num_bigint::{BigInt, Sign};

use super::super::amount::Amount;

/// Units of 10⁻³⁰ in 10⁻¹⁸.
const COARSE: u64 = 1_000_000_000_000;

/// Divides an amount in proportion to weights, which are in the order that decides ties. The parts add up to the amount;
/// where no weight is above zero there are no parts at all.
pub fn split(amount: &Amount, weights: &[BigInt]) -> Option<Vec<Amount>> {
    let sum: BigInt = weights.iter().sum();
    if sum.sign() != Sign::Plus {
        return None;
    }
    let coarse = BigInt::from(COARSE);
    let unit = if (amount.units() % &coarse).sign() == Sign::NoSign { coarse } else { BigInt::from(1) };
    let units = BigInt::from(amount.units().magnitude().clone()) / &unit;
    let mut parts = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    let mut left = units.clone();
    for (at, weight) in weights.iter().enumerate() {
        let quota = &units * weight;
        let whole = &quota / &sum;
        left -= &whole;
        remainders.push((quota - &whole * &sum, at));
        parts.push(whole);
    }
    remainders.sort_by(|(one, first), (other, second)| other.cmp(one).then(first.cmp(second)));
    for (_, at) in remainders {
        if left.sign() == Sign::NoSign {
            break;
        }
        parts[at] += 1;
        left -= 1;
    }
    let negative = amount.units().sign() == Sign::Minus;
    let signed = |part: BigInt| Amount::from_units(if negative { -part * &unit } else { part * &unit });
    Some(parts.into_iter().map(signed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(amount: &str, weights: &[u64]) -> Vec<String> {
        let weights: Vec<BigInt> = weights.iter().map(|weight| BigInt::from(*weight)).collect();
        let parts = split(&Amount::cost(amount).unwrap(), &weights).unwrap();
        parts.iter().map(Amount::to_string).collect()
    }

    #[test]
    fn a_third_each_leaves_one_unit_to_the_first() {
        assert_eq!(parts("1", &[1, 1, 1]), ["0.333333333333333334", "0.333333333333333333", "0.333333333333333333"]);
        assert_eq!(
            parts("-1", &[1, 1, 1]),
            ["-0.333333333333333334", "-0.333333333333333333", "-0.333333333333333333"]
        );
    }

    #[test]
    fn the_largest_remainder_comes_first_and_zero_weight_gets_zero() {
        // 10⁻¹⁷ is ten units over 6 : 0 : 1. Quotas 8 4⁄7 and 1 3⁄7: the unit left goes to the first.
        assert_eq!(parts("0.00000000000000001", &[6, 0, 1]), ["0.000000000000000009", "0", "0.000000000000000001"]);
        // 1 : 6 the other way round.
        assert_eq!(parts("0.00000000000000001", &[1, 0, 6]), ["0.000000000000000001", "0", "0.000000000000000009"]);
    }

    #[test]
    fn finer_digits_make_finer_units() {
        assert_eq!(
            parts("0.000000000000000000000000000003", &[1, 1]),
            ["0.000000000000000000000000000002", "0.000000000000000000000000000001"]
        );
        assert_eq!(parts("0", &[1, 2]), ["0", "0"]);
        assert_eq!(split(&Amount::zero(), &[BigInt::from(0)]), None);
    }
}
