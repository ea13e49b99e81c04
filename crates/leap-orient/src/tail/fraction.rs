//! Exact non-negative fractions, for ranks: `ceil(0.999 · 1000)` must be 999.
//!
//! ```text
//! 0.999 = 999/1000      999/1000 of 1009 requests, rounded up = 1008
//! ```
//! It compares products of 128-bit numbers without overflow; it is no general arithmetic.

use std::cmp::Ordering;
use std::fmt;

/// A non-negative fraction in lowest terms.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fraction {
    over: u64,
    under: u64,
}

impl Fraction {
    /// Nothing.
    pub const ZERO: Fraction = Fraction { over: 0, under: 1 };
    /// All.
    pub const ONE: Fraction = Fraction { over: 1, under: 1 };

    /// `over / under`; `None` where `under` is 0.
    pub fn new(over: u64, under: u64) -> Option<Fraction> {
        if under == 0 {
            return None;
        }
        let common = gcd(u128::from(over), u128::from(under)) as u64;
        Some(Fraction { over: over / common, under: under / common })
    }

    fn reduced(over: u128, under: u128) -> Option<Fraction> {
        let common = gcd(over, under).max(1);
        Some(Fraction { over: u64::try_from(over / common).ok()?, under: u64::try_from(under / common).ok()? })
    }

    /// The numerator in lowest terms.
    pub fn over(self) -> u64 {
        self.over
    }

    /// The denominator in lowest terms.
    pub fn under(self) -> u64 {
        self.under
    }

    /// The sum; `None` where its lowest terms take more than 64 bits.
    pub fn plus(self, other: Fraction) -> Option<Fraction> {
        let left = u128::from(self.over) * u128::from(other.under);
        let right = u128::from(other.over) * u128::from(self.under);
        Fraction::reduced(left.checked_add(right)?, u128::from(self.under) * u128::from(other.under))
    }

    /// The difference, 0 where the other is larger; `None` where its lowest terms take more than 64 bits.
    pub fn less(self, other: Fraction) -> Option<Fraction> {
        let left = u128::from(self.over) * u128::from(other.under);
        let right = u128::from(other.over) * u128::from(self.under);
        Fraction::reduced(left.saturating_sub(right), u128::from(self.under) * u128::from(other.under))
    }

    /// The product with a fraction; `None` where its lowest terms take more than 64 bits.
    pub fn times(self, other: Fraction) -> Option<Fraction> {
        Fraction::reduced(
            u128::from(self.over) * u128::from(other.over),
            u128::from(self.under) * u128::from(other.under),
        )
    }

    /// How `part` of `whole` compares with this fraction, exactly.
    pub fn cmp_part(self, part: u128, whole: u128) -> Ordering {
        product(part, u128::from(self.under)).cmp(&product(whole, u128::from(self.over)))
    }

    /// This fraction of `n`, rounded up: the rank of the nearest-rank quantile.
    pub fn ceil_of(self, n: u64) -> u128 {
        (u128::from(n) * u128::from(self.over)).div_ceil(u128::from(self.under))
    }
}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Fraction) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Fraction) -> Ordering {
        (u128::from(self.over) * u128::from(other.under)).cmp(&(u128::from(other.over) * u128::from(self.under)))
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.under == 1 { write!(out, "{}", self.over) } else { write!(out, "{}/{}", self.over, self.under) }
    }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// `a · b` in full: high and low 128 bits.
fn product(a: u128, b: u128) -> (u128, u128) {
    const LOW: u128 = u64::MAX as u128;
    let (a1, a0, b1, b0) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let (low, middle, other) = (a0 * b0, a1 * b0, a0 * b1);
    // Each of the three terms is below 2^64, so their sum does not overflow.
    let carry = (low >> 64) + (middle & LOW) + (other & LOW);
    (a1 * b1 + (middle >> 64) + (other >> 64) + (carry >> 64), (carry << 64) | (low & LOW))
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigUint;
    use proptest::prelude::*;

    fn of(over: u64, under: u64) -> Fraction {
        Fraction::new(over, under).unwrap()
    }

    #[test]
    fn ranks_are_exact_where_floats_are_not() {
        assert_eq!(of(999, 1000).ceil_of(1000), 999);
        assert_eq!(of(29, 100).ceil_of(100), 29);
        assert_eq!(of(999, 1000).ceil_of(1009), 1008);
        assert_eq!(of(1, 1).ceil_of(u64::MAX), u128::from(u64::MAX));
    }

    #[test]
    fn fractions_are_kept_in_lowest_terms() {
        assert_eq!(of(500, 1000).to_string(), "1/2");
        assert_eq!(of(4, 2).to_string(), "2");
        assert_eq!(of(9, 10).plus(of(1, 10)), Some(Fraction::ONE));
        assert_eq!(of(1, 10).less(of(9, 10)), Some(Fraction::ZERO));
        assert_eq!(of(1, 2).times(of(2, 3)), Some(of(1, 3)));
        assert!(of(1, 3) < of(1, 2));
        assert_eq!(Fraction::new(1, 0), None);
    }

    proptest! {
        #[test]
        fn products_are_exact(a: u128, b: u128) {
            let (high, low) = product(a, b);
            prop_assert_eq!((BigUint::from(high) << 128) + BigUint::from(low), BigUint::from(a) * BigUint::from(b));
        }
    }
}
