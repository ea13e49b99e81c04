//! Numbers with 48 decimals: an amount (30 decimals) times a rate (18 decimals), with nothing rounded away.
//!
//! ```text
//! 0.1 USD · 0.912345678901234567 = 0.0912345678901234567 EUR
//! ```
//! It exists so that the difference between converted rows and the converted total can be stated to the last digit.

use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub};

use leap_terms::Exact;
use num_bigint::{BigInt, Sign};

/// Decimals kept.
const DECIMALS: usize = 48;

/// An exact number of 10⁻⁴⁸, without bound.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wide(BigInt);

impl Wide {
    /// `amount · rate` in full. The rate has at most 18 decimals.
    pub(super) fn product(amount: Exact, rate: Exact) -> Wide {
        Wide::from(amount).times(rate)
    }

    /// This number times the rate, where it has at most 30 decimals and the rate at most 18.
    ///
    /// # Panics
    /// If the rate has more; [`super::Rates`] holds no such rate.
    pub(super) fn times(&self, rate: Exact) -> Wide {
        assert!(rate.fine() == 0, "a rate has at most 18 decimals");
        // A number of 30 decimals is a multiple of 10¹⁸ here, so the division leaves nothing.
        Wide(&self.0 / BigInt::from(leap_terms::exact::COARSE_PER_WHOLE) * BigInt::from(rate.coarse()))
    }

    /// This number so many times.
    pub fn repeated(&self, times: u64) -> Wide {
        Wide(&self.0 * times)
    }

    /// Rounded half to even to 18 decimals; `None` where it is too large for an [`Exact`].
    pub fn rounded(&self) -> Option<Exact> {
        let unit = BigInt::from(10_u8).pow(30);
        let (mut whole, rest) = (&self.0 / &unit, &self.0 % &unit);
        let twice: BigInt = &rest * 2;
        let odd = whole.bit(0);
        match twice.magnitude().cmp(unit.magnitude()) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal if !odd => {}
            std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => {
                whole += if rest.sign() == Sign::Minus { -1 } else { 1 };
            }
        }
        i128::try_from(&whole).ok().map(|coarse| Exact::from_parts(coarse, 0))
    }

    /// Units of 10⁻⁴⁸.
    pub fn units(&self) -> &BigInt {
        &self.0
    }

    /// True for zero.
    pub fn is_zero(&self) -> bool {
        self.0.sign() == Sign::NoSign
    }
}

/// Units of 10⁻³⁰.
pub(crate) fn units(amount: Exact) -> BigInt {
    BigInt::from(amount.coarse()) * BigInt::from(leap_terms::exact::FINE_PER_COARSE) + BigInt::from(amount.fine())
}

impl From<Exact> for Wide {
    fn from(amount: Exact) -> Wide {
        Wide(units(amount) * BigInt::from(leap_terms::exact::COARSE_PER_WHOLE))
    }
}

impl Add for Wide {
    type Output = Wide;

    fn add(self, other: Wide) -> Wide {
        Wide(self.0 + other.0)
    }
}

impl AddAssign<&Wide> for Wide {
    fn add_assign(&mut self, other: &Wide) {
        self.0 += &other.0;
    }
}

impl Sub for Wide {
    type Output = Wide;

    fn sub(self, other: Wide) -> Wide {
        Wide(self.0 - other.0)
    }
}

impl Neg for Wide {
    type Output = Wide;

    fn neg(self) -> Wide {
        Wide(-self.0)
    }
}

impl fmt::Display for Wide {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:0>width$}", self.0.magnitude().to_string(), width = DECIMALS + 1);
        let (whole, decimals) = digits.split_at(digits.len() - DECIMALS);
        let decimals = decimals.trim_end_matches('0');
        let text = if decimals.is_empty() { whole.to_owned() } else { format!("{whole}.{decimals}") };
        out.pad_integral(self.0.sign() != Sign::Minus, "", &text)
    }
}

impl fmt::Debug for Wide {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl serde::Serialize for Wide {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
