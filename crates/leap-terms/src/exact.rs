//! Exact decimal numbers: every digit a provider writes, up to 30 decimals, and never a float.
//!
//! ```text
//! "0.0427530184560000000000000000"  → 0.042753018456
//! "1.5E-7"                          → 0.00000015
//! "1,234.50"                        → refused: thousands separator
//! ```
//!
//! An [`Exact`] is two integers: `coarse` counts 10⁻¹⁸ and `fine`, in `[0, 10¹²)`, counts 10⁻³⁰. The pair is also
//! how the lake stores it (see `docs/decisions/0003-money-in-the-lake.md`): a coarse column that any engine can sum,
//! and a fine column that is null for all but a few rows.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

/// Units of `coarse` in one whole: 10¹⁸.
pub const COARSE_PER_WHOLE: i128 = 1_000_000_000_000_000_000;
/// Units of `fine` in one unit of `coarse`: 10¹².
pub const FINE_PER_COARSE: i64 = 1_000_000_000_000;
/// Decimals kept exactly.
pub const DECIMALS: usize = 30;
const COARSE_DECIMALS: i64 = 18;
const FINE_DECIMALS: i64 = 12;

/// An exact decimal number with up to 30 decimals and up to 20 digits before the point.
///
/// Value = `coarse` · 10⁻¹⁸ + `fine` · 10⁻³⁰ with `0 ≤ fine < 10¹²`, so two equal values have equal bits, and the
/// derived order is the numeric order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Exact {
    coarse: i128,
    fine: i64,
}

/// Why a text is not an [`Exact`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExactError {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// The text is not a number in decimal or E notation (`NaN`, `inf`, letters, two points …).
    #[error("is not a decimal number")]
    NotANumber,
    /// The text has a thousands separator or a decimal comma, which would be a guess.
    #[error("has a comma; write 1234.50, without thousands separators")]
    Comma,
    /// A digit other than zero stands beyond the 30th decimal.
    #[error("has more than 30 decimals")]
    TooPrecise,
    /// The value reaches the bound.
    #[error("is 10^{0} or more")]
    TooLarge(u32),
}

impl Exact {
    /// Zero.
    pub const ZERO: Exact = Exact { coarse: 0, fine: 0 };

    /// From the two integers; `fine` may have any value and is normalised.
    ///
    /// # Panics
    /// If the carry overflows `coarse`, which no bounded input can cause.
    pub fn from_parts(coarse: i128, fine: i128) -> Exact {
        let carry = fine.div_euclid(i128::from(FINE_PER_COARSE));
        let fine = fine.rem_euclid(i128::from(FINE_PER_COARSE));
        let coarse = coarse.checked_add(carry).expect("an exact number stays within its bounds");
        let fine = i64::try_from(fine).expect("a remainder of 10^12 fits 64 bits");
        Exact { coarse, fine }
    }

    /// A whole number.
    pub fn from_whole(whole: i64) -> Exact {
        Exact { coarse: i128::from(whole) * COARSE_PER_WHOLE, fine: 0 }
    }

    /// Units of 10⁻¹⁸, rounded towards minus infinity.
    pub fn coarse(self) -> i128 {
        self.coarse
    }

    /// What `coarse` leaves, in units of 10⁻³⁰; in `[0, 10¹²)`.
    pub fn fine(self) -> i64 {
        self.fine
    }

    /// True for zero.
    pub fn is_zero(self) -> bool {
        self == Exact::ZERO
    }

    /// The sum, or `None` when it leaves the range.
    pub fn checked_add(self, other: Exact) -> Option<Exact> {
        let mut fine = self.fine + other.fine;
        let mut coarse = self.coarse.checked_add(other.coarse)?;
        if fine >= FINE_PER_COARSE {
            fine -= FINE_PER_COARSE;
            coarse = coarse.checked_add(1)?;
        }
        Some(Exact { coarse, fine })
    }

    /// The distance from zero.
    pub fn abs(self) -> Exact {
        if self.coarse < 0 { -self } else { self }
    }

    /// Reads a decimal text: optional sign, digits with at most one point, optional exponent; spaces around it are
    /// ignored. `whole_digits` bounds the value: |value| < 10^`whole_digits`.
    ///
    /// # Errors
    /// [`ExactError`], which never quotes the text (the caller knows file, row and column).
    pub fn parse(text: &[u8], whole_digits: u32) -> Result<Exact, ExactError> {
        let text = text.trim_ascii();
        let (negative, body) = match text.split_first() {
            None => return Err(ExactError::Empty),
            Some((b'-', rest)) => (true, rest),
            Some((b'+', rest)) => (false, rest),
            Some(_) => (false, text),
        };
        let magnitude = match parse_short(body) {
            Some(magnitude) => magnitude,
            None => parse_long(body, whole_digits)?,
        };
        if magnitude.coarse / COARSE_PER_WHOLE >= 10_i128.pow(whole_digits) {
            return Err(ExactError::TooLarge(whole_digits));
        }
        Ok(if negative { -magnitude } else { magnitude })
    }

    /// The exact text, without trailing zeros: `-0.05`, `12`, `0`.
    pub fn to_text(self) -> String {
        self.to_string()
    }

    /// Text for people: thousands separated by commas, rounded half away from zero to `decimals` (at most 18).
    ///
    /// Only for display; nothing is ever computed from it.
    pub fn to_grouped(self, decimals: u32) -> String {
        assert!(decimals <= 18, "display rounds to at most 18 decimals");
        let magnitude = self.abs();
        let unit = 10_i128.pow(18 - decimals);
        let mut units = magnitude.coarse / unit;
        let rest = magnitude.coarse % unit;
        if unit > 1 && rest * 2 >= unit || unit == 1 && magnitude.fine * 2 >= FINE_PER_COARSE {
            units += 1;
        }
        let per_whole = 10_i128.pow(decimals);
        let whole = (units / per_whole).to_string();
        let mut out = String::new();
        if self.coarse < 0 && units != 0 {
            out.push('-');
        }
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                out.push(',');
            }
            out.push(digit);
        }
        if decimals > 0 {
            out.push('.');
            out.push_str(&format!("{:0width$}", units % per_whole, width = decimals as usize));
        }
        out
    }
}

/// The common case: at most 18 digits, at most 18 decimals, no exponent. `None` sends the text to [`parse_long`].
fn parse_short(body: &[u8]) -> Option<Exact> {
    if body.len() > 19 {
        return None;
    }
    let mut mantissa: u64 = 0;
    let mut digits = 0_u32;
    let mut decimals: Option<u32> = None;
    for &byte in body {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
                digits += 1;
                if let Some(decimals) = decimals.as_mut() {
                    *decimals += 1;
                }
            }
            b'.' if decimals.is_none() => decimals = Some(0),
            _ => return None,
        }
    }
    if digits == 0 {
        return None;
    }
    let decimals = decimals.unwrap_or(0);
    let scale = 18_u32.checked_sub(decimals)?;
    Some(Exact { coarse: i128::from(mantissa) * 10_i128.pow(scale), fine: 0 })
}

/// Any number of digits, with or without exponent.
fn parse_long(body: &[u8], whole_digits: u32) -> Result<Exact, ExactError> {
    let mut digits: Vec<u8> = Vec::with_capacity(body.len());
    let mut point: Option<i64> = None;
    let mut at = 0;
    while at < body.len() {
        match body[at] {
            digit @ b'0'..=b'9' => digits.push(digit - b'0'),
            b'.' if point.is_none() => point = Some(digits.len() as i64),
            b'e' | b'E' if !digits.is_empty() => break,
            b',' => return Err(ExactError::Comma),
            _ => return Err(ExactError::NotANumber),
        }
        at += 1;
    }
    if digits.is_empty() {
        return Err(ExactError::NotANumber);
    }
    let mut point = point.unwrap_or(digits.len() as i64);
    if at < body.len() {
        let exponent = std::str::from_utf8(&body[at + 1..]).map_err(|_| ExactError::NotANumber)?;
        let well_formed = !exponent.is_empty()
            && exponent.strip_prefix(['+', '-']).unwrap_or(exponent).bytes().all(|byte| byte.is_ascii_digit())
            && exponent.len() <= 12
            && exponent.bytes().any(|byte| byte.is_ascii_digit());
        if !well_formed {
            return Err(ExactError::NotANumber);
        }
        point += exponent.parse::<i64>().map_err(|_| ExactError::NotANumber)?;
    }
    let leading = digits.iter().take_while(|digit| **digit == 0).count();
    digits.drain(..leading);
    point -= leading as i64;
    while digits.last() == Some(&0) {
        digits.pop();
    }
    if digits.is_empty() {
        return Ok(Exact::ZERO);
    }
    if point > i64::from(whole_digits) {
        return Err(ExactError::TooLarge(whole_digits));
    }
    if digits.len() as i64 - point > COARSE_DECIMALS + FINE_DECIMALS {
        return Err(ExactError::TooPrecise);
    }
    // Digit number `at` stands `at - point + 1` places behind the decimal point.
    let take = |from: i64, to: i64| -> i128 {
        (from..to).fold(0_i128, |sum, place| {
            let digit = usize::try_from(place).ok().and_then(|place| digits.get(place)).copied().unwrap_or(0);
            sum * 10 + i128::from(digit)
        })
    };
    let coarse = take(point.min(0), point + COARSE_DECIMALS);
    let fine = take(point + COARSE_DECIMALS, point + COARSE_DECIMALS + FINE_DECIMALS);
    Ok(Exact::from_parts(coarse, fine))
}

impl FromStr for Exact {
    type Err = ExactError;

    fn from_str(text: &str) -> Result<Exact, ExactError> {
        Exact::parse(text.as_bytes(), 20)
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let negative = self.coarse < 0;
        let magnitude = self.abs();
        let mut text = format!(
            "{}.{:018}{:012}",
            magnitude.coarse / COARSE_PER_WHOLE,
            magnitude.coarse % COARSE_PER_WHOLE,
            magnitude.fine
        );
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
        out.pad_integral(!negative, "", &text)
    }
}

impl fmt::Debug for Exact {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl Add for Exact {
    type Output = Exact;

    fn add(self, other: Exact) -> Exact {
        self.checked_add(other).expect("bounds per row and rows per table keep every sum in range")
    }
}

impl AddAssign for Exact {
    fn add_assign(&mut self, other: Exact) {
        *self = *self + other;
    }
}

impl Neg for Exact {
    type Output = Exact;

    fn neg(self) -> Exact {
        Exact::from_parts(-self.coarse, -i128::from(self.fine))
    }
}

impl Sub for Exact {
    type Output = Exact;

    fn sub(self, other: Exact) -> Exact {
        self + -other
    }
}

impl SubAssign for Exact {
    fn sub_assign(&mut self, other: Exact) {
        *self = *self - other;
    }
}

impl Sum for Exact {
    fn sum<I: Iterator<Item = Exact>>(numbers: I) -> Exact {
        numbers.fold(Exact::ZERO, Add::add)
    }
}

impl serde::Serialize for Exact {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Exact {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Exact, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
