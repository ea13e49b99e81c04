//! Exact numbers read back as they were written.

use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Result<String, ExactError> {
    Exact::parse(text.as_bytes(), 12).map(|number| number.to_string())
}

#[test]
fn texts_of_real_bills_keep_every_digit() {
    for (text, expected) in [
        ("0", "0"),
        ("-0.00", "0"),
        ("12", "12"),
        ("0.00000080000", "0.0000008"),
        ("1.5E-7", "0.00000015"),
        ("2.323760000E-9", "0.00000000232376"),
        ("-2.631178155E-3", "-0.002631178155"),
        ("5e-06", "0.000005"),
        ("1e3", "1000"),
        ("16.296932136636644627485419", "16.296932136636644627485419"),
        ("0.0427530184560000000000000001", "0.0427530184560000000000000001"),
        ("-0.000000000000000000000000000001", "-0.000000000000000000000000000001"),
        ("999999999999.999999999999999999999999999999", "999999999999.999999999999999999999999999999"),
        ("143227.76367818761501799105", "143227.76367818761501799105"),
        (" 7.50 ", "7.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("0e-500", "0"),
        ("1.000000000000000000000000000000000000000", "1"),
    ] {
        assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_no_number_is_refused_with_its_rule() {
    for (text, expected) in [
        ("", ExactError::Empty),
        ("  ", ExactError::Empty),
        ("NaN", ExactError::NotANumber),
        ("inf", ExactError::NotANumber),
        ("1.2.3", ExactError::NotANumber),
        ("e5", ExactError::NotANumber),
        ("1e", ExactError::NotANumber),
        ("1e+", ExactError::NotANumber),
        ("--1", ExactError::NotANumber),
        ("-", ExactError::NotANumber),
        (".", ExactError::NotANumber),
        ("0x10", ExactError::NotANumber),
        ("1,234.50", ExactError::Comma),
        ("1e-31", ExactError::TooPrecise),
        ("0.0000000000000000000000000000001", ExactError::TooPrecise),
        ("1000000000000", ExactError::TooLarge(12)),
        ("1e12", ExactError::TooLarge(12)),
        ("123456789012345678901234567890123456789012", ExactError::TooLarge(12)),
    ] {
        assert_eq!(read(text), Err(expected), "{text}");
    }
}

#[test]
fn people_read_grouped_and_rounded_numbers() {
    let grouped = |text: &str| text.parse::<Exact>().unwrap().to_grouped(2);
    assert_eq!(grouped("1234567.891"), "1,234,567.89");
    assert_eq!(grouped("-0.005"), "-0.01");
    assert_eq!(grouped("-0.001"), "0.00");
    assert_eq!(grouped("999.995"), "1,000.00");
    assert_eq!("1500".parse::<Exact>().unwrap().to_grouped(0), "1,500");
}

proptest! {
    #[test]
    fn text_and_number_are_one(coarse in -999_999_999_999_999_999_999_999_999_999_i128..999_999_999_999_999_999_999_999_999_999, fine in 0_i64..FINE_PER_COARSE) {
        let number = Exact::from_parts(coarse, i128::from(fine));
        prop_assert_eq!(number.to_string().parse::<Exact>(), Ok(number));
        prop_assert_eq!(number + -number, Exact::ZERO);
        prop_assert_eq!(-(-number), number);
    }

    #[test]
    fn a_sum_does_not_depend_on_its_order(mut parts in prop::collection::vec((-1_000_000_i128..1_000_000, 0_i64..FINE_PER_COARSE), 0..20)) {
        let sum = |parts: &[(i128, i64)]| parts.iter().map(|(coarse, fine)| Exact::from_parts(*coarse, i128::from(*fine))).sum::<Exact>();
        let forward = sum(&parts);
        parts.reverse();
        prop_assert_eq!(forward, sum(&parts));
    }

    #[test]
    fn an_exponent_only_moves_the_point(mantissa in 0_u64..1_000_000_000, exponent in -20_i32..3) {
        let number = Exact::parse(format!("{mantissa}e{exponent}").as_bytes(), 20).unwrap();
        let plain = if exponent >= 0 {
            format!("{mantissa}{}", "0".repeat(exponent as usize))
        } else {
            let digits = format!("{mantissa:0>width$}", width = exponent.unsigned_abs() as usize + 1);
            let (whole, decimals) = digits.split_at(digits.len() - exponent.unsigned_abs() as usize);
            format!("{whole}.{decimals}")
        };
        prop_assert_eq!(number, Exact::parse(plain.as_bytes(), 20).unwrap());
    }
}
