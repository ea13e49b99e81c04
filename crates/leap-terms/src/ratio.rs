//! Exact quotients of amounts, rounded only when they are shown.
//!
//! ```text
//! 1 ÷ 3 − 1 ÷ 4 = 1 ÷ 12        shown with two decimals: 0.08
//! ```

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

use crate::Exact;
use crate::exact::FINE_PER_COARSE;

/// Decimals of an [`Exact`].
const DECIMALS: u32 = crate::exact::DECIMALS as u32;
/// Decimals of an [`Exact`] that a rounded quotient may have.
const MOST: u32 = 18;

/// An exact quotient; its denominator is above zero.
#[derive(Clone, Debug)]
pub struct Ratio {
    over: BigInt,
    under: BigInt,
}

impl Ratio {
    /// `over ÷ under`; `None` where `under` is 0.
    pub fn new(over: BigInt, under: BigInt) -> Option<Ratio> {
        match under.sign() {
            Sign::NoSign => None,
            Sign::Plus => Some(Ratio { over, under }),
            Sign::Minus => Some(Ratio { over: -over, under: -under }),
        }
    }

    /// An amount as a quotient: over 1.
    pub fn whole(amount: Exact) -> Ratio {
        Ratio { over: units(amount), under: BigInt::from(10_u8).pow(DECIMALS) }
    }

    /// `over ÷ under` of two amounts, exactly; `None` where `under` is 0.
    pub fn of(over: Exact, under: Exact) -> Option<Ratio> {
        Ratio::new(units(over), units(under))
    }

    /// So many times as much.
    #[must_use]
    pub fn times(&self, count: impl Into<BigInt>) -> Ratio {
        Ratio { over: &self.over * count.into(), under: self.under.clone() }
    }

    /// The product, exactly.
    pub fn by(&self, other: &Ratio) -> Ratio {
        Ratio { over: &self.over * &other.over, under: &self.under * &other.under }
    }

    /// The quotient of two quotients; `None` where the other is 0.
    pub fn per(&self, other: &Ratio) -> Option<Ratio> {
        Ratio::new(&self.over * &other.under, &self.under * &other.over)
    }

    /// The difference, exactly.
    pub fn minus(&self, other: &Ratio) -> Ratio {
        Ratio { over: &self.over * &other.under - &other.over * &self.under, under: &self.under * &other.under }
    }

    /// The sum, exactly.
    pub fn plus(&self, other: &Ratio) -> Ratio {
        Ratio { over: &self.over * &other.under + &other.over * &self.under, under: &self.under * &other.under }
    }

    /// Rounded half to even; `None` where it is too large for an [`Exact`].
    ///
    /// # Panics
    /// If more than 18 decimals are asked for.
    pub fn rounded(&self, decimals: u32) -> Option<Exact> {
        assert!(decimals <= MOST, "a quotient is shown with at most 18 decimals");
        let scaled = self.over.magnitude() * BigInt::from(10_u8).pow(decimals).magnitude();
        let under = self.under.magnitude();
        let (mut units, rest) = (&scaled / under, &scaled % under);
        match (rest * 2_u8).cmp(under) {
            Ordering::Less => {}
            Ordering::Equal if !units.bit(0) => {}
            Ordering::Equal | Ordering::Greater => units += 1_u8,
        }
        let coarse = units * BigInt::from(10_u8).pow(MOST - decimals).magnitude();
        let coarse = i128::try_from(BigInt::from_biguint(Sign::Plus, coarse)).ok()?;
        let coarse = if self.over.sign() == Sign::Minus { -coarse } else { coarse };
        Some(Exact::from_parts(coarse, 0))
    }
}

/// An amount in units of 10⁻³⁰.
fn units(amount: Exact) -> BigInt {
    BigInt::from(amount.coarse()) * FINE_PER_COARSE + amount.fine()
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Ratio) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Ratio) -> Ordering {
        (&self.over * &other.under).cmp(&(&other.over * &self.under))
    }
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Ratio) -> bool {
        &self.over * &other.under == &other.over * &self.under
    }
}

impl Eq for Ratio {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(over: i64, under: i64) -> Ratio {
        Ratio::new(over.into(), under.into()).unwrap()
    }

    fn shown(over: i64, under: i64, decimals: u32) -> String {
        of(over, under).rounded(decimals).unwrap().to_string()
    }

    #[test]
    fn a_quotient_is_rounded_half_to_even_and_only_when_shown() {
        assert_eq!(shown(1, 3, 2), "0.33");
        assert_eq!(shown(2, 3, 2), "0.67");
        assert_eq!(shown(1, 8, 2), "0.12", "a tie goes to the even digit");
        assert_eq!(shown(3, 8, 2), "0.38", "a tie goes to the even digit");
        assert_eq!(shown(-1, 8, 2), "-0.12");
        assert_eq!(shown(-3, -8, 2), "0.38");
        assert_eq!(shown(5, 2, 0), "2");
        assert_eq!(shown(-1, 1000, 2), "0");
        assert_eq!(of(1, 3).minus(&of(1, 4)), of(1, 12));
        assert_eq!(of(1, 3).plus(&of(1, 6)), of(1, 2));
        assert!(Ratio::new(1.into(), 0.into()).is_none());
        let vast = Ratio::new(BigInt::from(10).pow(40), 1.into()).unwrap();
        assert_eq!(vast.rounded(2), None);
        let exact = |text: &str| text.parse::<Exact>().unwrap();
        let (third, cent) = (Ratio::of(exact("1"), exact("-3")).unwrap(), Ratio::whole(exact("0.01")));
        assert_eq!(third.cmp(&cent), std::cmp::Ordering::Less);
        assert_eq!(cent.cmp(&third), std::cmp::Ordering::Greater);
        assert!(Ratio::of(exact("1"), Exact::ZERO).is_none());
        assert_eq!(third.times(-3), Ratio::whole(exact("1")));
        assert_eq!(third.by(&third), of(1, 9));
        assert_eq!(third.per(&cent), Some(of(-100, 3)));
        assert_eq!(third.per(&of(0, 5)), None);
        assert_eq!(cent.rounded(2), Some(exact("0.01")));
    }

    proptest! {
        #[test]
        fn a_rounded_quotient_is_at_most_half_a_unit_away(over: i64, under in 1_i64.., decimals in 0_u32..6) {
            let rounded = of(over, under).rounded(decimals);
            let Some(rounded) = rounded else { return Err(TestCaseError::fail("in range")) };
            let units = BigInt::from(rounded.coarse()) / BigInt::from(10).pow(18 - decimals);
            let away = units * under - BigInt::from(over) * BigInt::from(10).pow(decimals);
            prop_assert!(away.magnitude() * 2_u8 <= *BigInt::from(under).magnitude());
        }
    }
}
