//! Readings of windows: as people read them, and exactly.

use leap_decide::contract::{Measure, Reading, What};
use leap_decide::seconds::Seconds;
use leap_orient::tail::quantile::Total;
use leap_terms::{Exact, Ratio};
use serde_json::{Value, json};

/// Units of weight in one request.
const REQUEST: u128 = 1 << 20;
/// Decimals of a requests' weight that is no whole number: 2⁻²⁰ has twenty.
const WEIGHT_DECIMALS: usize = 20;

/// A quotient as an amount where it is one exactly: at most 30 decimals.
pub(crate) fn exact(ratio: &Ratio) -> Option<Exact> {
    let coarse = ratio.rounded(18)?;
    let rest = ratio.minus(&Ratio::whole(coarse)).times(1_000_000_000_000_000_000_i64).rounded(12)?;
    // A unit of 10⁻³⁰ is 10⁶ of the rest's 10⁻¹⁸.
    let all = coarse.checked_add(Exact::from_parts(0, rest.coarse() / 1_000_000))?;
    (Ratio::whole(all) == *ratio).then_some(all)
}

/// What weighs so much, in requests, exactly: `4000`, `12.5`.
fn requests(weight: u128) -> String {
    let (whole, mut rest) = (weight / REQUEST, weight % REQUEST);
    let mut text = whole.to_string();
    if rest > 0 {
        text.push('.');
        for _ in 0..WEIGHT_DECIMALS {
            rest *= 10;
            text.push_str(&(rest / REQUEST).to_string());
            rest %= REQUEST;
        }
        text.truncate(text.trim_end_matches('0').len());
    }
    text
}

/// Decimals with which an amount is shown.
fn decimals(what: &What) -> u32 {
    match what {
        What::Charter | What::Spend(_) | What::Coverage => 2,
        What::UnitCost { .. } => 6,
        What::Freshness => 0,
    }
}

/// The unit of a measure's readings.
pub(crate) fn unit(measure: &Measure) -> String {
    match measure {
        Measure::Latency(_) => "requests".to_owned(),
        Measure::Amount { what, .. } => match what {
            What::Charter => "bps".to_owned(),
            What::Spend(currency) | What::UnitCost { currency, .. } => currency.as_str().to_owned(),
            What::Coverage => "%".to_owned(),
            What::Freshness => "s".to_owned(),
        },
    }
}

/// A whole number, grouped.
fn grouped(count: u128) -> String {
    Exact::from_whole(i64::try_from(count).unwrap_or(i64::MAX)).to_grouped(0)
}

/// The amount of a reading as shown, without its unit; of requests, those over the threshold.
pub(crate) fn amount(measure: &Measure, reading: &Reading) -> String {
    match (measure, reading) {
        (Measure::Amount { what: What::Freshness, .. }, Reading::Amount(age)) => {
            let seconds =
                age.rounded(0).and_then(|age| i64::try_from(age.coarse() / Exact::from_whole(1).coarse()).ok());
            seconds.and_then(Seconds::new).map_or_else(|| "–".to_owned(), |age| age.to_string())
        }
        (Measure::Amount { what, .. }, Reading::Amount(ratio)) => {
            let decimals = decimals(what);
            ratio.rounded(decimals).map_or_else(|| "–".to_owned(), |amount| amount.to_grouped(decimals))
        }
        (_, Reading::Counts { bad, .. }) => grouped(Total(*bad).requests()),
        (Measure::Latency(_), Reading::Amount(_)) => "–".to_owned(),
    }
}

/// `101 of 100,000 over`, `41.62 bps`, `27h old`.
pub(crate) fn reading(measure: &Measure, reading: &Reading) -> String {
    let amount = amount(measure, reading);
    match (measure, reading) {
        (_, Reading::Counts { weight, .. }) => format!("{amount} of {} over", grouped(Total(*weight).requests())),
        (Measure::Amount { what: What::Freshness, .. }, _) => format!("{amount} old"),
        (measure, Reading::Amount(_)) => format!("{amount} {}", unit(measure)),
    }
}

/// A reading for programs, exactly: counts, or an amount; a quotient without end is rounded to 18 decimals.
pub(crate) fn json(reading: &Reading) -> Value {
    match reading {
        Reading::Counts { requests: seen, weight, bad } => {
            json!({ "requests": seen, "weight": requests(*weight), "over": requests(*bad) })
        }
        Reading::Amount(ratio) => {
            let whole = exact(ratio);
            let amount = whole.or_else(|| ratio.rounded(18)).map(|amount| amount.to_string());
            json!({ "amount": amount, "is_exact": whole.is_some() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_amounts_are_exact() {
        assert_eq!([0, REQUEST, REQUEST * 12 + REQUEST / 2].map(requests), ["0", "1", "12.5"]);
        assert_eq!(requests(1), "0.00000095367431640625");
        let amount = |text: &str| text.parse::<Exact>().unwrap();
        for text in ["0", "4000.5", "-1.25", "0.000000000000000000000000000001", "-7.000000000000000000000000000009"] {
            assert_eq!(exact(&Ratio::whole(amount(text))), Some(amount(text)), "{text}");
        }
        assert_eq!(exact(&Ratio::of(amount("1"), amount("3")).unwrap()), None);
    }

    #[test]
    fn readings_are_shown_in_their_unit() {
        let of = |what: What| Measure::Amount { what, target: Exact::ZERO };
        let whole = |text: &str| Reading::Amount(Ratio::whole(text.parse().unwrap()));
        assert_eq!(reading(&of(What::Charter), &whole("1041.623")), "1,041.62 bps");
        assert_eq!(reading(&of(What::Freshness), &whole("97200")), "27h old");
        assert_eq!(reading(&of(What::Coverage), &whole("99.5")), "99.50 %");
        let counts = Reading::Counts { requests: 4000, weight: 4000 * REQUEST, bad: 12 * REQUEST };
        let latency = leap_decide::contract::Latency {
            api: "pay".into(),
            quantile: leap_decide::contract::Quantile::P999,
            at_most_ns: 1,
            n_min: 1,
            thin: leap_decide::contract::Thin::Merged,
        };
        assert_eq!(reading(&Measure::Latency(latency), &counts), "12 of 4,000 over");
    }
}
