//! The law of splits: an amount over weights, to the last unit.
//!
//! ```text
//! 15.00 over a: 0, b: 1, c: 1   →  0, 7.50, 7.50
//! 10⁻¹⁸ over c: 1, b: 1, a: 1   →  a gets it: remainders tie, the lowest key goes first
//! -10.00 over a: 1, b: 2        →  the mirror of 10.00 over the same
//! ```
//! Largest remainder: each gets the floor of its exact share in units of 10⁻¹⁸ (10⁻³⁰ where the amount has finer digits);
//! the units left over go, one each, to those cut short the most, ties to the lower key. So parts add up to the amount,
//! a zero weight gets zero, the order of the input is irrelevant, a refund mirrors its charge, and no part is a whole unit
//! away from its exact share.
//!
//! What it does not do: decide what happens without any weight. It answers `None`, and the caller has a stated fallback.

#[cfg(test)]
mod tests;

use leap_terms::Exact;
use leap_terms::exact::FINE_PER_COARSE;
use num_bigint::BigUint;

/// What each weight got, in the order of the weights.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Split {
    /// The parts; they add up to the amount.
    pub parts: Vec<Exact>,
    /// True where the part has one of the units left over by rounding down.
    pub extra: Vec<bool>,
}

/// Weights made ready to split several amounts.
#[derive(Clone, Debug)]
pub struct Weights<K> {
    keys: Vec<K>,
    scaled: Scaled,
}

#[derive(Clone, Debug)]
enum Scaled {
    /// The total fits 64 bits, so that every product fits 128.
    Narrow {
        weights: Vec<u64>,
        total: u64,
    },
    Wide {
        weights: Vec<BigUint>,
        total: BigUint,
    },
}

/// Splits an amount over whole weights; `None` where no weight is above zero. Keys are distinct.
pub fn split<K: Ord>(amount: Exact, weights: &[(K, u128)]) -> Option<Split> {
    Some(Weights::new(weights.iter().map(|(key, weight)| (key, *weight)))?.split(amount))
}

/// [`split`] over weights of any size.
pub fn split_big<K: Ord>(amount: Exact, weights: &[(K, BigUint)]) -> Option<Split> {
    Some(Weights::big(weights.iter().map(|(key, weight)| (key, weight.clone())))?.split(amount))
}

impl<K: Ord> Weights<K> {
    /// Takes whole weights; `None` where no weight is above zero.
    pub fn new(weights: impl IntoIterator<Item = (K, u128)>) -> Option<Weights<K>> {
        let (keys, weights): (Vec<K>, Vec<u128>) = weights.into_iter().unzip();
        Some(Weights { scaled: narrow_or_wide(weights)?, keys })
    }

    /// Takes weights of any size; `None` where no weight is above zero.
    pub fn big(weights: impl IntoIterator<Item = (K, BigUint)>) -> Option<Weights<K>> {
        let (keys, weights): (Vec<K>, Vec<BigUint>) = weights.into_iter().unzip();
        let small: Option<Vec<u128>> = weights.iter().map(|weight| u128::try_from(weight).ok()).collect();
        let scaled = match small {
            Some(small) => narrow_or_wide(small)?,
            None => {
                let divisor = common_divisor(weights.iter());
                let weights: Vec<BigUint> = weights.into_iter().map(|weight| weight / &divisor).collect();
                match weights.iter().map(|weight| u128::try_from(weight).ok()).collect::<Option<Vec<u128>>>() {
                    Some(small) => narrow_or_wide(small)?,
                    None => Scaled::Wide { total: weights.iter().sum(), weights },
                }
            }
        };
        Some(Weights { keys, scaled })
    }

    /// The keys, in the order of the parts.
    pub fn keys(&self) -> &[K] {
        &self.keys
    }

    /// The weights and their total, divided by what all of them have in common: shares in lowest terms.
    pub fn reduced(&self) -> (Vec<BigUint>, BigUint) {
        let (weights, total) = match &self.scaled {
            Scaled::Narrow { weights, total } => {
                (weights.iter().copied().map(BigUint::from).collect(), BigUint::from(*total))
            }
            Scaled::Wide { weights, total } => (weights.clone(), total.clone()),
        };
        let divisor = common_divisor(weights.iter());
        (weights.into_iter().map(|weight: BigUint| weight / &divisor).collect(), total / divisor)
    }

    /// Splits one amount.
    pub fn split(&self, amount: Exact) -> Split {
        let fine = amount.fine() != 0;
        let magnitude = amount.abs();
        let units = if fine {
            let coarse = u128::try_from(magnitude.coarse()).expect("a distance from zero is not negative");
            coarse
                .checked_mul(FINE_PER_COARSE.unsigned_abs().into())
                .and_then(|units| units.checked_add(magnitude.fine().unsigned_abs().into()))
        } else {
            Some(magnitude.coarse().unsigned_abs())
        };
        let (mut parts, extra) = match (&self.scaled, units) {
            (Scaled::Narrow { weights, total }, Some(units)) => self.split_narrow(units, fine, weights, *total),
            (Scaled::Narrow { weights, total }, None) => {
                let weights: Vec<BigUint> = weights.iter().copied().map(BigUint::from).collect();
                self.split_wide(&all_units(magnitude, fine), fine, &weights, &BigUint::from(*total))
            }
            (Scaled::Wide { weights, total }, _) => self.split_wide(&all_units(magnitude, fine), fine, weights, total),
        };
        if amount < Exact::ZERO {
            parts.iter_mut().for_each(|part| *part = -*part);
        }
        Split { parts, extra }
    }

    fn split_narrow(&self, units: u128, fine: bool, weights: &[u64], total: u64) -> (Vec<Exact>, Vec<bool>) {
        // units · w / total = whole · w + rest · w / total, and rest · w fits 128 bits.
        let (whole, rest) = (units / u128::from(total), units % u128::from(total));
        let mut quotas: Vec<u128> = Vec::with_capacity(weights.len());
        let mut short: Vec<(u64, u32)> = Vec::new();
        let mut cut = 0_u128;
        for (at, weight) in (0_u32..).zip(weights) {
            let weight = u128::from(*weight);
            let product = rest * weight;
            let (quotient, remainder) = (product / u128::from(total), product % u128::from(total));
            quotas.push(whole * weight + quotient);
            if remainder > 0 {
                cut += remainder;
                short.push((u64::try_from(remainder).expect("a remainder is below the total"), at));
            }
        }
        let left = usize::try_from(cut / u128::from(total)).expect("less than one unit is left per part");
        let extra = self.topped_up(short, left);
        let parts = quotas.iter().zip(&extra).map(|(quota, extra)| narrow_exact(quota + u128::from(*extra), fine));
        (parts.collect(), extra)
    }

    fn split_wide(&self, units: &BigUint, fine: bool, weights: &[BigUint], total: &BigUint) -> (Vec<Exact>, Vec<bool>) {
        let mut quotas = Vec::with_capacity(weights.len());
        let mut short: Vec<(BigUint, u32)> = Vec::new();
        let mut cut = BigUint::ZERO;
        for (at, weight) in (0_u32..).zip(weights) {
            let product = units * weight;
            let quota = &product / total;
            let remainder = product - &quota * total;
            quotas.push(quota);
            if remainder > BigUint::ZERO {
                cut += &remainder;
                short.push((remainder, at));
            }
        }
        let left = usize::try_from(cut / total).expect("less than one unit is left per part");
        let extra = self.topped_up(short, left);
        let parts = quotas.into_iter().zip(&extra).map(|(quota, extra)| wide_exact(quota + u8::from(*extra), fine));
        (parts.collect(), extra)
    }

    /// Who gets one of the `left` units: the largest remainders, ties to the lower key.
    fn topped_up<R: Ord>(&self, mut short: Vec<(R, u32)>, left: usize) -> Vec<bool> {
        let mut extra = vec![false; self.keys.len()];
        if left == 0 {
            return extra;
        }
        assert!(left < short.len(), "each remainder is below one unit, so more parts were cut than units are left");
        short.select_nth_unstable_by(left - 1, |(one, at), (other, there)| {
            let by_key = || self.keys[*at as usize].cmp(&self.keys[*there as usize]);
            other.cmp(one).then_with(by_key).then(at.cmp(there))
        });
        short[..left].iter().for_each(|(_, at)| extra[*at as usize] = true);
        extra
    }
}

fn narrow_or_wide(mut weights: Vec<u128>) -> Option<Scaled> {
    if weights.iter().all(|weight| *weight == 0) {
        return None;
    }
    let sum = |weights: &[u128]| weights.iter().try_fold(0_u128, |sum, weight| sum.checked_add(*weight));
    let narrow = |weights: &[u128]| sum(weights).and_then(|total| u64::try_from(total).ok());
    let mut total = narrow(&weights);
    if total.is_none() {
        let divisor = weights.iter().fold(0, |divisor, weight| gcd(divisor, *weight));
        weights.iter_mut().for_each(|weight| *weight /= divisor);
        total = narrow(&weights);
    }
    Some(match total {
        Some(total) => {
            let fits = |weight: u128| u64::try_from(weight).expect("a weight is at most the total");
            Scaled::Narrow { weights: weights.into_iter().map(fits).collect(), total }
        }
        None => {
            let weights: Vec<BigUint> = weights.into_iter().map(BigUint::from).collect();
            Scaled::Wide { total: weights.iter().sum(), weights }
        }
    })
}

fn gcd(mut one: u128, mut other: u128) -> u128 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

/// The greatest common divisor; one where all are zero.
pub(super) fn common_divisor<'a>(numbers: impl Iterator<Item = &'a BigUint>) -> BigUint {
    let one = BigUint::from(1_u8);
    let mut divisor = BigUint::ZERO;
    for number in numbers {
        let mut other = number.clone();
        while other != BigUint::ZERO {
            let rest = &divisor % &other;
            (divisor, other) = (other, rest);
        }
        if divisor == one {
            return one;
        }
    }
    if divisor == BigUint::ZERO { one } else { divisor }
}

fn all_units(magnitude: Exact, fine: bool) -> BigUint {
    let coarse = BigUint::from(magnitude.coarse().unsigned_abs());
    if fine { coarse * FINE_PER_COARSE.unsigned_abs() + magnitude.fine().unsigned_abs() } else { coarse }
}

fn narrow_exact(units: u128, fine: bool) -> Exact {
    let signed = |units: u128| i128::try_from(units).expect("a part is at most the amount");
    if !fine {
        return Exact::from_parts(signed(units), 0);
    }
    let per_coarse = u128::from(FINE_PER_COARSE.unsigned_abs());
    Exact::from_parts(signed(units / per_coarse), signed(units % per_coarse))
}

fn wide_exact(units: BigUint, fine: bool) -> Exact {
    let signed = |units: &BigUint| i128::try_from(units).expect("a part is at most the amount");
    if !fine {
        return Exact::from_parts(signed(&units), 0);
    }
    let per_coarse = BigUint::from(FINE_PER_COARSE.unsigned_abs());
    let coarse = &units / &per_coarse;
    let fine = units - &coarse * per_coarse;
    Exact::from_parts(signed(&coarse), signed(&fine))
}
