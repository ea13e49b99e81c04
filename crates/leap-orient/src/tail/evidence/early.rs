//! An answer that may be read at any time: the e-value of exceedances of the old quantile.
//!
//! ```text
//! 31 of 200,000 requests over the old p99.9: ln E = 102.746, verified early (ln 20 = 2.996 is enough)
//!  5 of  10,000: ln E = 0.981, wait
//! ```
//! If the rate of exceedances is still at least the old one, E is at least 20 with at most 5 %, however often one looks
//! (Ville). ln E = x·ln(r₁/r₀) + (n − x)·ln((1 − r₁)/(1 − r₀)) with r₀ the old rate and r₁ the hoped-for one.
//! Logarithms are series in fixed point of 128 bits: the error is below n · 2⁻¹²⁰.

use std::fmt;

use num_bigint::BigInt;

use super::super::fraction::Fraction;

/// Bits after the point.
const POINT: usize = 128;

/// ln E in fixed point.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LnE(BigInt);

impl LnE {
    /// True when E ≥ `bound`; 20 is the verdict's.
    pub fn reaches(&self, bound: u32) -> bool {
        self.0 >= ln(u128::from(bound), 1)
    }

    /// In thousandths, rounded half away from 0.
    pub fn thousandths(&self) -> i128 {
        let scaled = &self.0 * 2000;
        let half = BigInt::from(1) << POINT;
        let away = if self.0 < BigInt::ZERO { scaled - half } else { scaled + half };
        i128::try_from(away / (BigInt::from(2) << POINT)).unwrap_or(i128::MAX)
    }
}

impl fmt::Display for LnE {
    /// With three decimals.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousandths = self.thousandths();
        let sign = if thousandths < 0 { "-" } else { "" };
        let size = thousandths.unsigned_abs();
        write!(out, "{sign}{}.{:03}", size / 1000, size % 1000)
    }
}

/// 3/10,000: the exceedances that count as an improvement of p99.9, whose old rate is 1/1,000.
pub fn hoped_for() -> Fraction {
    Fraction::new(3, 10_000).expect("a fraction")
}

/// ln E of `exceedances` among `n` requests. `None` unless 0 < hoped < old < 1 and exceedances ≤ n.
pub fn ln_e(exceedances: u64, n: u64, old: Fraction, hoped: Fraction) -> Option<LnE> {
    let met = n.checked_sub(exceedances)?;
    if hoped == Fraction::ZERO || hoped >= old || old >= Fraction::ONE {
        return None;
    }
    let ratio = |a: u64, b: u64, c: u64, d: u64| ln(u128::from(a) * u128::from(d), u128::from(b) * u128::from(c));
    let over = ratio(hoped.over(), hoped.under(), old.over(), old.under());
    let under = ratio(hoped.under() - hoped.over(), hoped.under(), old.under() - old.over(), old.under());
    Some(LnE(over * exceedances + under * met))
}

/// ln(a/b) in fixed point, for positive numbers below 2¹²⁶.
fn ln(a: u128, b: u128) -> BigInt {
    // a/b = 2^twos · r with r near 1, where the series is short.
    let twos = i64::from(b.leading_zeros()) - i64::from(a.leading_zeros());
    let (mut over, mut under) = (BigInt::from(a), BigInt::from(b));
    if twos >= 0 {
        under <<= twos as usize
    } else {
        over <<= (-twos) as usize
    };
    series(&over, &under) + series(&BigInt::from(2), &BigInt::from(1)) * twos
}

/// ln(a/b) = 2 · (z + z³/3 + z⁵/5 + …) with z = (a − b)/(a + b).
fn series(a: &BigInt, b: &BigInt) -> BigInt {
    let (over, under) = (a - b, a + b);
    let mut power: BigInt = (&over << (POINT + 1)) / &under;
    let (square_over, square_under) = (&over * &over, &under * &under);
    let mut sum = BigInt::ZERO;
    let mut k = 1;
    while power != BigInt::ZERO {
        sum += &power / k;
        power = power * &square_over / &square_under;
        k += 2;
    }
    sum
}
