//! Amounts as the generator makes them: integers of 10⁻¹², with digits 13 to 30 apart, and their many spellings.
//!
//! ```text
//! 0.0815 → 0.0815   0.08150000   8.15E-2   "0.0815"
//! ```
//!
//! Nothing here is shared with the parser of leap: the sums in the truth files are made by this file alone.

use std::ops::{AddAssign, Neg};

use leap_terms::Money;

const PICO: i128 = 1_000_000_000_000;
const SUB: i128 = 1_000_000_000_000_000_000;

/// The cost of one row: `pico` · 10⁻¹² + `sub` · 10⁻³⁰ with `0 ≤ sub < 10¹⁸`; below 9 million in size.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Amount {
    pico: i64,
    sub: i64,
}

impl Amount {
    pub(crate) const ZERO: Amount = Amount { pico: 0, sub: 0 };

    pub(crate) fn from_pico(pico: i64) -> Amount {
        Amount { pico, sub: 0 }
    }

    /// `mantissa` · 10^−`decimals`, exact; at most 30 decimals.
    pub(crate) fn from_decimal(number: Decimal) -> Amount {
        let Decimal { mantissa, decimals } = number;
        if decimals <= 12 {
            return Amount::from_pico((mantissa * 10_i128.pow(12 - u32::from(decimals))) as i64);
        }
        let unit = 10_i128.pow(u32::from(decimals) - 12);
        let sub = mantissa.rem_euclid(unit) * 10_i128.pow(30 - u32::from(decimals));
        Amount { pico: mantissa.div_euclid(unit) as i64, sub: sub as i64 }
    }

    pub(crate) fn pico(self) -> i64 {
        self.pico
    }

    /// Counts 10⁻²⁸; the last two of thirty decimals are never used by the generator.
    pub(crate) fn in_28_decimals(self) -> i128 {
        i128::from(self.pico) * 10_000_000_000_000_000 + i128::from(self.sub) / 100
    }

    /// The plain text without trailing zeros.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let (negative, pico, sub) = match (self.pico < 0, self.sub) {
            (false, sub) => (false, i128::from(self.pico), i128::from(sub)),
            (true, 0) => (true, -i128::from(self.pico), 0),
            (true, sub) => (true, -i128::from(self.pico) - 1, SUB - i128::from(sub)),
        };
        if negative {
            out.push(b'-');
        }
        write_whole((pico / PICO) as u64, out);
        let fraction = (pico % PICO) as u64;
        if fraction == 0 && sub == 0 {
            return;
        }
        out.push(b'.');
        write_padded(fraction, 12, out);
        if sub != 0 {
            write_padded(sub as u64, 18, out);
        }
        trim_zeros(out);
    }
}

impl Neg for Amount {
    type Output = Amount;

    fn neg(self) -> Amount {
        if self.sub == 0 {
            Amount { pico: -self.pico, sub: 0 }
        } else {
            Amount { pico: -self.pico - 1, sub: SUB as i64 - self.sub }
        }
    }
}

/// A sum of amounts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Total {
    pico: i128,
    sub: i128,
}

impl Total {
    /// The sum as money.
    pub(crate) fn money(self) -> Money {
        Money::from_parts(self.pico * 1_000_000, self.sub)
    }

    /// The sum in whole units, rounded down.
    pub(crate) fn whole(self) -> i128 {
        self.pico.div_euclid(PICO)
    }

    /// What lifts the sum to the next whole cent.
    pub(crate) fn up_to_cent(self) -> Amount {
        let cent = PICO / 100;
        let pico = self.pico + self.sub.div_euclid(SUB);
        let sub = self.sub.rem_euclid(SUB);
        let lift = (cent - pico.rem_euclid(cent)) % cent;
        if sub == 0 {
            Amount::from_pico(lift as i64)
        } else {
            Amount { pico: (if lift == 0 { cent } else { lift }) as i64 - 1, sub: (SUB - sub) as i64 }
        }
    }

    pub(crate) fn pico(self) -> i128 {
        self.pico
    }
}

impl AddAssign<Amount> for Total {
    fn add_assign(&mut self, amount: Amount) {
        self.pico += i128::from(amount.pico);
        self.sub += i128::from(amount.sub);
    }
}

impl AddAssign for Total {
    fn add_assign(&mut self, other: Total) {
        self.pico += other.pico;
        self.sub += other.sub;
    }
}

/// A price or quantity: `mantissa` · 10^−`decimals`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Decimal {
    pub(crate) mantissa: i128,
    pub(crate) decimals: u8,
}

impl Decimal {
    pub(crate) fn new(mantissa: i128, decimals: u8) -> Decimal {
        Decimal { mantissa, decimals }
    }

    pub(crate) fn times(self, other: Decimal) -> Decimal {
        Decimal { mantissa: self.mantissa * other.mantissa, decimals: self.decimals + other.decimals }
    }

    /// Counts 10⁻²⁴, cut off beyond (quantities and prices have fewer decimals).
    pub(crate) fn in_24_decimals(self) -> i128 {
        if self.decimals <= 24 {
            self.mantissa * 10_i128.pow(24 - u32::from(self.decimals))
        } else {
            self.mantissa / 10_i128.pow(u32::from(self.decimals) - 24)
        }
    }

    /// The plain text without trailing zeros.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        if self.mantissa < 0 {
            out.push(b'-');
        }
        let unit = 10_u128.pow(u32::from(self.decimals));
        let magnitude = self.mantissa.unsigned_abs();
        let (whole, fraction) = if let (Ok(magnitude), Ok(unit)) = (u64::try_from(magnitude), u64::try_from(unit)) {
            (magnitude / unit, u128::from(magnitude % unit))
        } else {
            ((magnitude / unit) as u64, magnitude % unit)
        };
        write_whole(whole, out);
        if fraction == 0 {
            return;
        }
        out.push(b'.');
        let digits = usize::from(self.decimals);
        if digits > 18 {
            write_padded((fraction / 1_000_000_000_000_000_000) as u64, digits - 18, out);
            write_padded((fraction % 1_000_000_000_000_000_000) as u64, 18, out);
        } else {
            write_padded(fraction as u64, digits, out);
        }
        trim_zeros(out);
    }
}

fn trim_zeros(out: &mut Vec<u8>) {
    while out.last() == Some(&b'0') {
        out.pop();
    }
}

pub(crate) fn write_whole(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

pub(crate) fn write_padded(mut number: u64, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + width, b'0');
    for digit in out[start..].iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// How a number is spelt. Providers mix these in one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Spelling {
    /// `0.0815`
    Plain,
    /// `8.15E-2`
    Exponent,
    /// `0.081500000000`
    Padded,
    /// `"0.0815"`
    Quoted,
}

impl Spelling {
    /// From four random bits and up: three in four plain.
    pub(crate) fn from_bits(bits: u64) -> Spelling {
        match bits % 32 {
            0..=2 => Spelling::Exponent,
            3..=5 => Spelling::Padded,
            6 => Spelling::Quoted,
            _ => Spelling::Plain,
        }
    }
}

/// Respells the plain number that stands in `out` from `start` on.
pub(crate) fn respell(out: &mut Vec<u8>, start: usize, spelling: Spelling) {
    match spelling {
        Spelling::Plain => {}
        Spelling::Quoted => {
            out.insert(start, b'"');
            out.push(b'"');
        }
        Spelling::Padded => {
            let point = out[start..].iter().position(|byte| *byte == b'.');
            let decimals = point.map_or(0, |point| out.len() - start - point - 1);
            if point.is_none() {
                out.push(b'.');
            }
            let width = if decimals <= 12 { 12 } else { 28 };
            out.resize(out.len() + width - decimals.min(width), b'0');
        }
        Spelling::Exponent => {
            let text = out.split_off(start);
            let (negative, body) = match text.strip_prefix(b"-") {
                Some(body) => (true, body),
                None => (false, text.as_slice()),
            };
            let point = body.iter().position(|byte| *byte == b'.').unwrap_or(body.len()) as i64;
            let digits: Vec<u8> = body.iter().copied().filter(|byte| *byte != b'.').collect();
            let Some(first) = digits.iter().position(|digit| *digit != b'0') else {
                out.extend_from_slice(&text);
                return;
            };
            let last = digits.iter().rposition(|digit| *digit != b'0').unwrap_or(first);
            if negative {
                out.push(b'-');
            }
            out.push(digits[first]);
            if last > first {
                out.push(b'.');
                out.extend_from_slice(&digits[first + 1..=last]);
            }
            out.extend_from_slice(format!("E{}", point - 1 - first as i64).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(amount: Amount, spelling: Spelling) -> String {
        let mut out = b"x,".to_vec();
        amount.write(&mut out);
        respell(&mut out, 2, spelling);
        String::from_utf8(out).unwrap().split_off(2)
    }

    #[test]
    fn every_spelling_is_the_same_number() {
        for (mantissa, decimals) in [
            (815, 4),
            (-815, 4),
            (0, 0),
            (12, 0),
            (1_200_000, 2),
            (1, 12),
            (-1, 28),
            (123_456_789_012_345_678_901, 20),
            (-5_000_000_000_000_000_001, 18),
        ] {
            let number = Decimal::new(mantissa, decimals);
            let amount = Amount::from_decimal(number);
            let mut plain = Vec::new();
            number.write(&mut plain);
            assert_eq!(text(amount, Spelling::Plain).into_bytes(), plain);
            for spelling in [Spelling::Exponent, Spelling::Padded, Spelling::Quoted] {
                let spelt = text(amount, spelling);
                let read: Money = spelt.trim_matches('"').parse().unwrap();
                let mut total = Total::default();
                total += amount;
                assert_eq!(read, total.money(), "{spelt}");
                total += -amount;
                assert!(total.money().is_zero());
            }
        }
    }

    #[test]
    fn a_rounding_adjustment_ends_at_a_whole_cent() {
        for (mantissa, decimals) in [(815, 4), (-815, 4), (12, 0), (1, 28), (99_999, 20)] {
            let mut total = Total::default();
            total += Amount::from_decimal(Decimal::new(mantissa, decimals));
            total += total.up_to_cent();
            let text = total.money().to_string();
            assert!(text.split_once('.').is_none_or(|(_, decimals)| decimals.len() <= 2), "{text}");
        }
    }
}
