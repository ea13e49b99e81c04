//! Which part of a budget belongs to the days so far: by the profile of a forecast, not by days.
//!
//! ```text
//! forecast 10 10 10 10 10 2 2 …     after five of seven days 50 ÷ 54 of the week's budget, not 5 ÷ 7
//! ```

use std::collections::BTreeMap;

use leap_terms::exact::FINE_PER_COARSE;
use leap_terms::{Day, Exact, Period, Ratio};
use num_bigint::{BigInt, Sign};

/// How a period's cost is expected to fall on its days.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pace {
    period: Period,
    /// By day; none below zero, not all zero.
    weights: Vec<BigInt>,
}

impl Pace {
    /// By what was expected of each day when the period began. A day that is not there counts as the mean of those that
    /// are, one below zero as zero; where nothing is left, every day counts the same.
    pub fn new(period: Period, expected: impl IntoIterator<Item = (Day, Exact)>) -> Pace {
        let inside = expected.into_iter().filter(|(day, _)| period.contains(*day));
        let known: BTreeMap<Day, BigInt> = inside.map(|(day, cost)| (day, units(cost.max(Exact::ZERO)))).collect();
        let sum: BigInt = known.values().sum();
        if sum.sign() == Sign::NoSign {
            return Pace::even(period);
        }
        let weight = |day| known.get(&day).map_or_else(|| sum.clone(), |cost| cost * known.len());
        Pace { period, weights: days(period).map(weight).collect() }
    }

    /// Every day the same.
    pub fn even(period: Period) -> Pace {
        Pace { period, weights: days(period).map(|_| BigInt::from(1)).collect() }
    }

    /// The share of the period's cost that is expected before a day.
    pub fn share_before(&self, day: Day) -> Ratio {
        let before = usize::try_from(day.days() - self.period.from().days()).unwrap_or(0).min(self.weights.len());
        let one = Ratio::whole(Exact::from_whole(1));
        Ratio::new(self.weights[..before].iter().sum(), self.weights.iter().sum()).unwrap_or(one)
    }

    /// The weight of the days of a span.
    pub(super) fn weight(&self, span: Period) -> BigInt {
        let inside = days(self.period).zip(&self.weights).filter(|(day, _)| span.contains(*day));
        inside.map(|(_, weight)| weight).sum()
    }
}

fn days(period: Period) -> impl Iterator<Item = Day> {
    (period.from().days()..period.until().days()).map(Day::from_days)
}

/// An amount in units of 10⁻³⁰.
pub(super) fn units(amount: Exact) -> BigInt {
    BigInt::from(amount.coarse()) * FINE_PER_COARSE + amount.fine()
}

/// Divides an amount by weights of at least zero, so that the parts add up to it: in whole cents where it is some,
/// else to the last digit. The largest remainders get what is left, the first of equal ones first; a weight of zero
/// gets nothing, unless all are zero: then all count the same. Nothing for no weights.
pub(super) fn split(amount: Exact, weights: &[BigInt]) -> Vec<Exact> {
    let mut weights = weights.to_vec();
    let mut total: BigInt = weights.iter().sum();
    if total.sign() != Sign::Plus {
        weights.iter_mut().for_each(|weight| *weight = BigInt::from(1));
        total = BigInt::from(weights.len());
    }
    let all = units(amount);
    let cent = BigInt::from(10).pow(28);
    let unit = if (&all % &cent).sign() == Sign::NoSign { cent } else { BigInt::from(1) };
    let whole = BigInt::from_biguint(Sign::Plus, all.magnitude() / unit.magnitude());
    let mut parts: Vec<(BigInt, BigInt)> = weights
        .iter()
        .map(|weight| {
            let product = &whole * weight;
            (&product / &total, product % &total)
        })
        .collect();
    let handed: BigInt = parts.iter().map(|(part, _)| part).sum();
    let mut order: Vec<usize> = (0..parts.len()).filter(|at| weights[*at].sign() == Sign::Plus).collect();
    order.sort_by(|a, b| parts[*b].1.cmp(&parts[*a].1));
    let left = usize::try_from(&whole - handed).unwrap_or(usize::MAX);
    order.into_iter().take(left).for_each(|at| parts[at].0 += 1);
    let sign = if all.sign() == Sign::Minus { -1 } else { 1 };
    parts.into_iter().map(|(part, _)| exact(&(part * &unit * sign))).collect()
}

/// Back from units of 10⁻³⁰ that are part of an amount.
fn exact(units: &BigInt) -> Exact {
    let (coarse, fine) = (units / FINE_PER_COARSE, units % FINE_PER_COARSE);
    let small = |number: &BigInt| i128::try_from(number).expect("a part is no larger than its amount");
    Exact::from_parts(small(&coarse), small(&fine))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exact(text: &str) -> Exact {
        text.parse().unwrap()
    }

    #[test]
    fn a_budget_is_prorated_by_the_forecast_and_not_by_days() {
        let week: Period = "2026-10-05..2026-10-12".parse().unwrap();
        let first = week.from();
        let costs = ["10", "10", "10", "10", "10", "2", "2"].map(exact);
        let pace = Pace::new(week, costs.iter().enumerate().map(|(at, cost)| (first.plus(at as i32), *cost)));
        assert_eq!(pace.share_before(first.plus(5)), Ratio::of(exact("50"), exact("54")).unwrap());
        assert_eq!(pace.share_before(first), Ratio::whole(Exact::ZERO));
        assert_eq!(pace.share_before(week.until().plus(9)), Ratio::whole(exact("1")));
        // A day that was not forecast counts as the mean; a credit counts as nothing.
        let pace = Pace::new(week, [(first, exact("3")), (first.plus(1), exact("-7")), (first.plus(2), exact("3"))]);
        assert_eq!(pace.share_before(first.plus(4)), Ratio::of(exact("8"), exact("14")).unwrap());
        assert_eq!(Pace::new(week, []), Pace::even(week));
        assert_eq!(Pace::even(week).share_before(first.plus(5)), Ratio::of(exact("5"), exact("7")).unwrap());
    }

    #[test]
    fn zero_weight_gets_nothing_and_a_refund_mirrors_its_charge() {
        let parts = |amount: &str, weights: &[i32]| {
            let weights: Vec<BigInt> = weights.iter().map(|weight| BigInt::from(*weight)).collect();
            split(exact(amount), &weights).iter().map(Exact::to_string).collect::<Vec<_>>()
        };
        assert_eq!(parts("0.15", &[0, 1, 1]), ["0", "0.08", "0.07"]);
        assert_eq!(parts("-0.15", &[0, 1, 1]), ["0", "-0.08", "-0.07"]);
        assert_eq!(parts("100", &[0, 0]), ["50", "50"]);
        assert_eq!(parts("0.001", &[1, 1]), ["0.0005", "0.0005"]);
    }

    proptest! {
        #[test]
        fn parts_add_up(
            cents in -10_i128.pow(14)..10_i128.pow(14),
            weights in prop::collection::vec(0_u64..1000, 1..9),
        ) {
            let amount = Exact::from_parts(cents * 10_i128.pow(16), 0);
            let weights: Vec<BigInt> = weights.into_iter().map(BigInt::from).collect();
            prop_assert_eq!(split(amount, &weights).into_iter().sum::<Exact>(), amount);
        }
    }
}
