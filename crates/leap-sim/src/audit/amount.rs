//! Exact amounts for the auditor: one big integer that counts 10⁻³⁰, read from text by hand.
//!
//! ```text
//! "2.323760000E-9"  → 0.00000000232376
//! "1e-31"           → refused: more than 30 decimals
//! ```
//!
//! Deliberately slow and plain, and deliberately not `leap_terms::Exact`: the point of an auditor is that a mistake in
//! the first path's arithmetic does not repeat itself here.

use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub};

use num_bigint::{BigInt, BigUint, Sign};

/// Decimals that an amount keeps.
pub const DECIMALS: i64 = 30;

/// Digits before the point that the cost of one charge may have.
pub const COST_WHOLE_DIGITS: i64 = 12;

/// Digits before the point that a quantity or a price may have.
pub const QUANTITY_WHOLE_DIGITS: i64 = 20;

/// An exact amount: a whole number of 10⁻³⁰.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Amount(BigInt);

/// Why a text is no amount.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AmountFault {
    /// Not digits with at most one point, a sign and an exponent.
    #[error("is not a decimal number")]
    NotANumber,
    /// A digit other than zero beyond the 30th decimal.
    #[error("has more than 30 decimals")]
    TooPrecise,
    /// Too many digits before the point.
    #[error("is too large")]
    TooLarge,
}

impl Amount {
    /// Zero.
    pub fn zero() -> Amount {
        Amount::default()
    }

    /// True for zero.
    pub fn is_zero(&self) -> bool {
        self.0.sign() == Sign::NoSign
    }

    /// Reads the cost of one charge: below 10¹² in size, at most 30 decimals.
    ///
    /// # Errors
    /// [`AmountFault`].
    pub fn cost(text: &str) -> Result<Amount, AmountFault> {
        Amount::read(text, COST_WHOLE_DIGITS)
    }

    /// Reads a decimal text with at most `whole_digits` digits before the point. Spaces around it are ignored.
    ///
    /// # Errors
    /// [`AmountFault`].
    pub fn read(text: &str, whole_digits: i64) -> Result<Amount, AmountFault> {
        let number = Digits::of(text)?;
        number.check(whole_digits)?;
        // value = 0.d₁d₂d₃… × 10^point, so the digits count units of 10^(point − digits).
        let zeros = DECIMALS + number.point - number.digits.len() as i64;
        let magnitude = if number.digits.len() as i64 + zeros <= 38 {
            let mut units: u128 = 0;
            for digit in &number.digits {
                units = units * 10 + u128::from(*digit);
            }
            for _ in 0..zeros {
                units *= 10;
            }
            BigUint::from(units)
        } else {
            let mut text: Vec<u8> = number.digits.iter().map(|digit| b'0' + digit).collect();
            text.extend(std::iter::repeat_n(b'0', zeros as usize));
            BigUint::parse_bytes(&text, 10).ok_or(AmountFault::NotANumber)?
        };
        let sign = if number.negative { Sign::Minus } else { Sign::Plus };
        Ok(Amount(BigInt::from_biguint(sign, magnitude)))
    }

    /// Checks that a text is a number within the bounds, without making it.
    ///
    /// # Errors
    /// [`AmountFault`].
    pub fn check(text: &str, whole_digits: i64) -> Result<(), AmountFault> {
        Digits::of(text)?.check(whole_digits)
    }

    /// The whole number of 10⁻³⁰.
    pub fn units(&self) -> &BigInt {
        &self.0
    }

    /// From a whole number of 10⁻³⁰.
    pub fn from_units(units: BigInt) -> Amount {
        Amount(units)
    }

    /// `self × factor` as a whole number of 10⁻⁶⁰.
    fn product(&self, factor: &Amount) -> BigInt {
        &self.0 * &factor.0
    }

    /// Price × quantity when it is an amount: at most 30 decimals and below 10¹².
    pub fn times(&self, factor: &Amount) -> Option<Amount> {
        let product = self.product(factor);
        let unit = BigInt::from(10).pow(DECIMALS as u32);
        let quotient = &product / &unit;
        let fits = &quotient * &unit == product
            && quotient.magnitude() < &BigUint::from(10_u32).pow((DECIMALS + COST_WHOLE_DIGITS) as u32);
        fits.then_some(Amount(quotient))
    }

    /// True when `self × factor = block × other`, to the last digit.
    pub fn times_equals(&self, factor: &Amount, block: u64, other: &Amount) -> bool {
        self.product(factor) == &other.0 * BigInt::from(10).pow(DECIMALS as u32) * BigInt::from(block)
    }
}

/// A number as written: `0.d₁d₂d₃… × 10^point`, without zeros at either end.
struct Digits {
    negative: bool,
    digits: Vec<u8>,
    point: i64,
}

impl Digits {
    fn of(text: &str) -> Result<Digits, AmountFault> {
        let mut rest = text.trim().as_bytes();
        let mut negative = false;
        if let Some((sign @ (b'-' | b'+'), tail)) = rest.split_first() {
            negative = *sign == b'-';
            rest = tail;
        }
        let mut digits = Vec::with_capacity(rest.len());
        let mut point: Option<i64> = None;
        let mut exponent: i64 = 0;
        let mut seen = false;
        for (at, byte) in rest.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    seen = true;
                    digits.push(byte - b'0');
                }
                b'.' if point.is_none() => point = Some(digits.len() as i64),
                b'e' | b'E' if seen => {
                    exponent = exponent_of(&rest[at + 1..])?;
                    break;
                }
                _ => return Err(AmountFault::NotANumber),
            }
        }
        if !seen {
            return Err(AmountFault::NotANumber);
        }
        let mut point = point.unwrap_or(digits.len() as i64) + exponent;
        while digits.last() == Some(&0) {
            digits.pop();
        }
        let leading = digits.iter().take_while(|digit| **digit == 0).count();
        digits.drain(..leading);
        point -= leading as i64;
        if digits.is_empty() {
            return Ok(Digits { negative: false, digits, point: 0 });
        }
        Ok(Digits { negative, digits, point })
    }

    fn check(&self, whole_digits: i64) -> Result<(), AmountFault> {
        if self.point > whole_digits {
            return Err(AmountFault::TooLarge);
        }
        if self.digits.len() as i64 - self.point > DECIMALS && !self.digits.is_empty() {
            return Err(AmountFault::TooPrecise);
        }
        Ok(())
    }
}

/// Exponents beyond a million are cut there: nothing near them is in bounds.
fn exponent_of(text: &[u8]) -> Result<i64, AmountFault> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(AmountFault::NotANumber);
    }
    let mut size: i64 = 0;
    for digit in digits {
        size = (size * 10 + i64::from(digit - b'0')).min(1_000_000);
    }
    Ok(if negative { -size } else { size })
}

impl fmt::Display for Amount {
    /// The exact text, without trailing zeros: `-0.05`, `12`, `0`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:0>31}", self.0.magnitude().to_string());
        let (whole, fraction) = digits.split_at(digits.len() - DECIMALS as usize);
        let fraction = fraction.trim_end_matches('0');
        let sign = if self.0.sign() == Sign::Minus { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        out.pad(&format!("{sign}{whole}{point}{fraction}"))
    }
}

impl Add<&Amount> for Amount {
    type Output = Amount;

    fn add(mut self, other: &Amount) -> Amount {
        self.0 += &other.0;
        self
    }
}

impl Sub<&Amount> for Amount {
    type Output = Amount;

    fn sub(mut self, other: &Amount) -> Amount {
        self.0 -= &other.0;
        self
    }
}

impl AddAssign<&Amount> for Amount {
    fn add_assign(&mut self, other: &Amount) {
        self.0 += &other.0;
    }
}

impl Neg for Amount {
    type Output = Amount;

    fn neg(self) -> Amount {
        Amount(-self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, AmountFault> {
        Amount::cost(text).map(|amount| amount.to_string())
    }

    #[test]
    fn texts_of_real_bills_keep_every_digit() {
        for (text, expected) in [
            ("0", "0"),
            ("-0.00", "0"),
            ("0.00000080000", "0.0000008"),
            ("2.323760000E-9", "0.00000000232376"),
            ("-2.631178155E-3", "-0.002631178155"),
            ("5e-06", "0.000005"),
            ("1e3", "1000"),
            ("16.296932136636644627485419", "16.296932136636644627485419"),
            ("-0.000000000000000000000000000001", "-0.000000000000000000000000000001"),
            ("999999999999.999999999999999999999999999999", "999999999999.999999999999999999999999999999"),
            (" 7.50 ", "7.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("+5", "5"),
            ("0e-500", "0"),
            ("0e999999999999999999999", "0"),
            ("1.000000000000000000000000000000000000000", "1"),
            ("0.000000000000000000000000000000000000000", "0"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", " ", "NaN", "inf", "1.2.3", "e5", "1e", "1e+", "--1", "-", ".", "0x10", "1,234.50", "1 2"] {
            assert_eq!(read(text), Err(AmountFault::NotANumber), "{text}");
        }
        for text in ["1e-31", "0.0000000000000000000000000000001", "1e-999999999999999999999999"] {
            assert_eq!(read(text), Err(AmountFault::TooPrecise), "{text}");
        }
        for text in ["1000000000000", "1e12", "-1e12", "1e99999999999999999999", "123456789012345678901234567890"] {
            assert_eq!(read(text), Err(AmountFault::TooLarge), "{text}");
        }
        assert!(Amount::read("1e19", QUANTITY_WHOLE_DIGITS).is_ok());
        assert!(Amount::check("1e20", QUANTITY_WHOLE_DIGITS).is_err());
    }

    #[test]
    fn products_are_exact_or_absent() {
        let amount = |text| Amount::read(text, QUANTITY_WHOLE_DIGITS).unwrap();
        assert_eq!(amount("0.146").times(&amount("8")).unwrap().to_string(), "1.168");
        assert_eq!(amount("1e-20").times(&amount("1e-20")), None);
        assert_eq!(amount("1e10").times(&amount("100")), None);
        assert!(amount("5").times_equals(&amount("200"), 100, &amount("10")));
        assert!(!amount("5").times_equals(&amount("200"), 1, &amount("10")));
        let mut sum = Amount::zero();
        sum += &amount("0.1");
        assert_eq!((-(sum + &amount("0.2")) - &amount("1e-30")).to_string(), "-0.300000000000000000000000000001");
    }
}
