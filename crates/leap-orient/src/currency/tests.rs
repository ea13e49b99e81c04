//! Rates and conversions, told as what users of other products complained about.

use num_bigint::BigInt;
use proptest::prelude::*;

use super::*;

fn rates() -> Rates {
    let text = b"month,from,to,rate\n2026-08,USD,EUR,0.9\n2026-09,usd,EUR,0.800000000000000001\n2026-08,GBP,EUR,1.15\n";
    Rates::parse("rates.csv", text).map_err(|faults| leap_terms::fault::list(&faults)).unwrap()
}

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn exact(text: &str) -> Exact {
    text.parse().unwrap()
}

fn currency(code: &str) -> Currency {
    Currency::new(code).unwrap()
}

fn refused(text: &str) -> String {
    leap_terms::fault::list(&Rates::parse("rates.csv", text.as_bytes()).unwrap_err())
}

#[test]
fn another_currency_changes_the_amount_and_not_only_the_symbol() {
    let converted = rates().convert(exact("100"), month("2026-08"), &currency("USD"), &currency("EUR")).unwrap();
    assert_eq!((converted.amount, converted.exact.to_string()), (exact("90"), "90".to_owned()));
    let same = rates().convert(exact("0.1234567890123456789"), month("2020-01"), &currency("EUR"), &currency("EUR"));
    assert_eq!(
        same.unwrap().amount,
        exact("0.1234567890123456789"),
        "its own currency needs no rate and loses nothing"
    );
}

#[test]
fn each_month_has_its_own_rate_and_no_rate_is_taken_from_another_month() {
    let (rates, usd, eur) = (rates(), currency("USD"), currency("EUR"));
    let mut report = Conversion::new(&rates, eur.clone());
    let row = report.add([(month("2026-08"), &usd, exact("10")), (month("2026-09"), &usd, exact("10"))]).unwrap();
    assert_eq!(row, exact("17.00000000000000001"), "9 at the rate of August and 8.00000000000000001 at September's");
    let past = rates.rate(month("2026-07"), &usd, &eur).unwrap_err();
    assert_eq!(
        past.to_string(),
        "no rate from USD to EUR for 2026-07; the rate of 2026-08 is not used for another month; add the line \
         2026-07,USD,EUR,RATE to the table of rates"
    );
    let future = rates.rate(month("2027-01"), &usd, &eur).unwrap_err();
    assert_eq!(future.other_month, Some(month("2026-09")));
}

#[test]
fn a_rate_is_neither_turned_round_nor_found_by_a_third_currency() {
    let (rates, usd, eur, gbp) = (rates(), currency("USD"), currency("EUR"), currency("GBP"));
    let turned = rates.rate(month("2026-08"), &eur, &usd).unwrap_err();
    assert!(turned.has_opposite);
    assert!(turned.to_string().contains("the rate from USD to EUR is not turned round"), "{turned}");
    assert!(turned.to_string().contains("add the line 2026-08,EUR,USD,RATE"), "{turned}");
    let cross = rates.rate(month("2026-08"), &gbp, &usd).unwrap_err();
    assert_eq!((cross.has_opposite, cross.other_month), (false, None));
}

#[test]
fn sums_across_billing_currencies_are_refused_unless_one_is_chosen() {
    let (usd, eur) = (currency("USD"), currency("EUR"));
    assert_eq!(sole_currency([&usd, &usd], None), Ok(Some(usd.clone())));
    assert_eq!(sole_currency([], None), Ok(None));
    assert_eq!(sole_currency([&usd, &eur], Some(&eur)), Ok(Some(eur.clone())));
    let refusal = sole_currency([&usd, &eur], None).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "amounts in EUR and USD cannot be added; choose one currency with --currency EUR and a table of rates, or show \
         them apart"
    );
}

#[test]
fn converted_rows_and_the_difference_are_the_converted_total() {
    let rates = rates();
    let (usd, eur, gbp) = (currency("USD"), currency("EUR"), currency("GBP"));
    let mut report = Conversion::new(&rates, eur.clone());
    let tiny = exact("0.333333333333333333333333333333");
    let mut shown = Exact::ZERO;
    for _ in 0..3 {
        shown += report.add([(month("2026-09"), &usd, tiny)]).unwrap();
    }
    shown += report.add([(month("2026-08"), &gbp, exact("-7.000000000000000000000000000001"))]).unwrap();
    shown += report.add([(month("2026-08"), &eur, tiny)]).unwrap();
    let total = report.finish().unwrap();
    assert_eq!(total.rows, Wide::from(shown));
    assert_eq!(total.rows.clone() + total.difference.clone(), total.total);
    assert_eq!(total.difference.to_string(), "-0.000000000000000000000000000001950000000000000001");
    assert_eq!(
        total.rates,
        vec![
            (month("2026-08"), gbp.clone(), exact("1.15")),
            (month("2026-09"), usd.clone(), exact("0.800000000000000001")),
        ]
    );
}

#[test]
fn a_row_without_rate_leaves_the_report_as_it_was() {
    let rates = rates();
    let usd = currency("USD");
    let mut report = Conversion::new(&rates, currency("EUR"));
    report.add([(month("2026-08"), &usd, exact("1"))]).unwrap();
    let fault = report.add([(month("2026-08"), &usd, exact("1")), (month("2026-07"), &usd, exact("1"))]).unwrap_err();
    assert!(matches!(fault, ConvertError::MissingRate(_)));
    assert_eq!(report.finish().unwrap().total.to_string(), "0.9");
}

#[test]
fn halves_are_rounded_to_the_even_digit_on_both_sides_of_zero() {
    let half = Rates::parse("r.csv", b"month,from,to,rate\n2026-08,A,B,0.5\n").unwrap();
    let rounded =
        |text: &str| half.convert(exact(text), month("2026-08"), &currency("A"), &currency("B")).unwrap().amount;
    assert_eq!(rounded("0.000000000000000001"), Exact::ZERO);
    assert_eq!(rounded("-0.000000000000000001"), Exact::ZERO);
    assert_eq!(rounded("0.000000000000000003"), exact("0.000000000000000002"));
    assert_eq!(rounded("-0.000000000000000003"), exact("-0.000000000000000002"));
    assert_eq!(rounded("0.000000000000000001000000000002"), exact("0.000000000000000001"));
}

#[test]
fn a_result_out_of_range_is_an_error() {
    let steep = Rates::parse("r.csv", b"month,from,to,rate\n2026-08,A,B,999999999999\n").unwrap();
    let fault = steep.convert(exact("1000000000"), month("2026-08"), &currency("A"), &currency("B")).unwrap_err();
    assert!(fault.to_string().contains("check the rate 999999999999"), "{fault}");
    let mut report = Conversion::new(&steep, currency("B"));
    assert!(report.add([(month("2026-08"), &currency("A"), exact("1000000000"))]).is_err());
}

#[test]
fn faults_name_row_column_and_remedy() {
    assert!(
        refused("month,from,to,rate\n2026-08,USD,EUR,0\n").starts_with(
            "rates.csv:2: row 1, column rate: '0' is not above zero\n  help: write how many EUR one USD is"
        )
    );
    assert!(refused("month,from,to,rate\n2026-08,USD,EUR,-1\n").contains("'-1' is not above zero"));
    assert!(refused("month,from,to,rate\n2026-08,USD,EUR,\"0,9\"\n").contains("has a comma"));
    assert!(refused("month,from,to,rate\n2026-08,USD,EUR,1.0000000000000000001\n").contains("more than 18 decimals"));
    assert!(refused("month,from,to,rate\n2026-8,USD,EUR,1\n").contains("row 1, column month"));
    assert!(refused("month,from,to,rate\n2026-08,USD,usd,1\n").contains("USD to itself needs no rate"));
    assert!(refused("month,from,to,rate\n2026-08,$,EUR,1\n").contains("row 1, column from: '$' is no currency code"));
    assert!(refused("month,from,to\n").contains("the table has no column rate"));
    let twice = refused("month,from,to,rate\n2026-08,USD,EUR,1\n2026-08,USD,EUR,1\n");
    assert!(twice.contains("row 2: a second rate from USD to EUR for 2026-08; the first is in row 1"), "{twice}");
}

#[test]
fn a_closed_month_keeps_its_rates_and_a_digest_knows_them() {
    let (all, august) = (rates(), rates().frozen(month("2026-08")));
    assert_eq!(august.to_csv(), "month,from,to,rate\n2026-08,GBP,EUR,1.15\n2026-08,USD,EUR,0.9\n");
    let spelled = Rates::parse("r.csv", b"rate,to,from,month\n0.90,EUR,USD,2026-08\n1.15,eur,gbp,2026-08\n").unwrap();
    assert_eq!(spelled.digest(), august.digest());
    assert_ne!(all.digest(), august.digest());
    assert!(all.frozen(month("2025-01")).is_empty());
}

proptest! {
    #[test]
    fn no_report_loses_a_digit(
        rows in prop::collection::vec((any::<i64>(), 0_i64..1_000_000_000_000, 0_u8..2, 0_u8..3), 0..40),
        rates in prop::array::uniform4(1_u64..),
    ) {
        let (months, from) = (["2026-08", "2026-09"], ["A", "B", "C"]);
        let mut text = "month,from,to,rate\n".to_owned();
        for (at, rate) in rates.iter().enumerate() {
            let rate = Exact::from_parts(i128::from(*rate), 0);
            text += &format!("{},{},C,{rate}\n", months[at / 2], from[at % 2]);
        }
        let table = Rates::parse("r.csv", text.as_bytes()).unwrap();
        let mut report = Conversion::new(&table, currency("C"));
        let (mut shown, mut expected) = (Wide::default(), BigInt::from(0));
        for (coarse, fine, at, code) in rows {
            let amount = Exact::from_parts(i128::from(coarse), i128::from(fine));
            shown += &Wide::from(report.add([(month(months[at as usize]), &currency(from[code as usize]), amount)]).unwrap());
            let units = BigInt::from(coarse) * BigInt::from(10).pow(12) + BigInt::from(fine);
            let rate = if code == 2 { BigInt::from(10).pow(18) } else { BigInt::from(rates[usize::from(at * 2 + code)]) };
            expected += units * rate;
        }
        let total = report.finish().unwrap();
        prop_assert_eq!(total.total.units(), &expected);
        prop_assert_eq!(&total.rows, &shown);
        prop_assert_eq!(shown + total.difference, total.total);
    }
}
