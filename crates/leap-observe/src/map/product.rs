//! Exact products of a price and a quantity.

use arrow::datatypes::i256;
use leap_terms::Exact;
use leap_terms::exact::{COARSE_PER_WHOLE, FINE_PER_COARSE};

/// The number as mantissa and decimals, without trailing zeros.
fn mantissa(number: Exact) -> (i256, u32) {
    let units = i256::from_i128(number.coarse())
        .wrapping_mul(i256::from_i128(i128::from(FINE_PER_COARSE)))
        .wrapping_add(i256::from_i128(i128::from(number.fine())));
    strip(units, 30)
}

fn strip(mut units: i256, mut decimals: u32) -> (i256, u32) {
    let ten = i256::from_i128(10);
    while decimals > 0 && units != i256::ZERO && units.wrapping_rem(ten) == i256::ZERO {
        units = units.wrapping_div(ten);
        decimals -= 1;
    }
    if units == i256::ZERO { (units, 0) } else { (units, decimals) }
}

fn exact(mut units: i256, decimals: u32, whole_digits: u32) -> Option<Exact> {
    for _ in decimals..30 {
        units = units.checked_mul(i256::from_i128(10))?;
    }
    let per_coarse = i256::from_i128(i128::from(FINE_PER_COARSE));
    let coarse = units.wrapping_div(per_coarse).to_i128()?;
    let fine = units.wrapping_rem(per_coarse).to_i128()?;
    let number = Exact::from_parts(coarse, fine);
    (number.abs().coarse() / COARSE_PER_WHOLE < 10_i128.checked_pow(whole_digits)?).then_some(number)
}

/// `a · b` below 10^`whole_digits`; the flag tells that it was rounded half away from zero to 30 decimals. `None` when
/// it is too large.
pub fn product(a: Exact, b: Exact, whole_digits: u32) -> Option<(Exact, bool)> {
    let (a, a_decimals) = mantissa(a);
    let (b, b_decimals) = mantissa(b);
    let (mut units, mut decimals) = strip(a.checked_mul(b)?, a_decimals + b_decimals);
    let rounded = decimals > 30;
    if rounded {
        let mut divisor = i256::from_i128(1);
        for _ in 30..decimals {
            divisor = divisor.checked_mul(i256::from_i128(10))?;
        }
        let half = divisor.wrapping_div(i256::from_i128(2));
        let nudge = if units < i256::ZERO { half.wrapping_neg() } else { half };
        units = units.checked_add(nudge)?.wrapping_div(divisor);
        decimals = 30;
    }
    Some((exact(units, decimals, whole_digits)?, rounded))
}

/// `number / 10^places`, exact; `None` below 30 decimals.
pub fn shift(number: Exact, places: u32) -> Option<Exact> {
    let (units, decimals) = mantissa(number);
    exact(units, Some(decimals + places).filter(|decimals| *decimals <= 30)?, 20)
}

/// True when the two differ by at most a hundredth of the larger: enough to tell block sizes (10 and more) apart.
pub fn about_equal(a: Exact, b: Exact) -> bool {
    let difference = (a - b).abs().coarse();
    let larger = a.abs().max(b.abs()).coarse();
    difference <= larger / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(a: &str, b: &str) -> Option<(String, bool)> {
        product(a.parse().unwrap(), b.parse().unwrap(), 12).map(|(number, rounded)| (number.to_string(), rounded))
    }

    #[test]
    fn products_are_exact_and_say_when_they_are_not() {
        assert_eq!(times("0.32085564", "0.0187"), Some(("0.006000000468".to_owned(), false)));
        assert_eq!(times("-8", "0.146"), Some(("-1.168".to_owned(), false)));
        assert_eq!(times("0", "5"), Some(("0".to_owned(), false)));
        assert_eq!(
            times("0.000000000000001", "0.0000000000000015"),
            Some((
                "0.0000000000000000000000000000015"
                    .parse::<Exact>()
                    .map_or("0.000000000000000000000000000002".to_owned(), |e| e.to_string()),
                true
            ))
        );
        assert_eq!(times("10000000000", "1000"), None);
        assert_eq!(shift("5.748".parse().unwrap(), 4).map(|n| n.to_string()).as_deref(), Some("0.0005748"));
        assert!(about_equal("1".parse().unwrap(), "1.005".parse().unwrap()));
        assert!(!about_equal("1".parse().unwrap(), "10".parse().unwrap()));
    }
}
