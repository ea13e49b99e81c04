//! What spend is in basis points and in engineers, and what a change of basis points is made of.
//!
//! ```text
//! bps       = cost · 10,000 ÷ volume
//! engineers = cost ÷ (loaded cost of an engineer and month · months of the period)
//!
//! change of bps = (cost₁ − cost₀) · 10,000 ÷ volume₀                     what cost did, at the volume of before
//!               + cost₁ · 10,000 ÷ volume₁ − cost₁ · 10,000 ÷ volume₀    what volume did, at the cost of now
//! ```
//! The two parts add up to the change exactly, whatever the figures are; the causes of a change of cost
//! ([`crate::reading::bridge`]) divide the first one in turn, each as its amount · 10,000 ÷ volume₀.

use leap_terms::{Exact, Period, Ratio};
use num_bigint::BigInt;

use crate::currency::Wide;

/// Basis points in a whole.
const PER_WHOLE: u32 = 10_000;

/// A cost in basis points of a volume in the same currency; `None` where the volume is zero.
pub fn bps(cost: &Wide, volume: Exact) -> Option<Ratio> {
    Ratio::new(cost.units() * PER_WHOLE, Wide::from(volume).units().clone())
}

/// A change of basis points in two parts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BpsChange {
    /// What cost did: its change, measured by the volume of before.
    pub cost: Ratio,
    /// What volume did: the cost of now, measured by the volume of now less by that of before.
    pub volume: Ratio,
    /// Now less before: both parts together, exactly.
    pub total: Ratio,
}

impl BpsChange {
    /// The change between two costs and volumes, earlier ones first; `None` where a volume is zero.
    pub fn between(before: (&Wide, Exact), now: (&Wide, Exact)) -> Option<BpsChange> {
        let (was, is) = (bps(before.0, before.1)?, bps(now.0, now.1)?);
        let at_old_volume = bps(now.0, before.1)?;
        Some(BpsChange { cost: at_old_volume.minus(&was), volume: is.minus(&at_old_volume), total: is.minus(&was) })
    }
}

/// How many months a period lasts: whole ones count one each, of others their part of the days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Months {
    /// Months times `under`.
    pub over: u64,
    /// 1 for whole months.
    pub under: u64,
}

impl Months {
    /// Those of a period: `2026-09` has 1, `2026-09-01..2026-09-16` has 1 ÷ 2.
    pub fn of(period: Period) -> Months {
        let days = |period: Period| u64::try_from(period.until().days() - period.from().days()).unwrap_or(0);
        let mut months = Months { over: 0, under: 1 };
        for month in period.months() {
            let Some(inside) = month.period().intersection(period) else { continue };
            let (part, all) = (days(inside), days(month.period()));
            let common = gcd(part, all);
            let (part, all) = (part / common, all / common);
            // Months have 28 to 31 days, so that the common denominator stays below 28·29·30·31.
            let shared = gcd(months.under, all);
            months.over = months.over * (all / shared) + part * (months.under / shared);
            months.under *= all / shared;
            let common = gcd(months.over, months.under);
            months = Months { over: months.over / common, under: months.under / common };
        }
        months
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

/// A cost in engineers, whose loaded cost of a month is in the same currency; `None` where that is zero.
pub fn engineers(cost: &Wide, of_a_month: Exact, months: Months) -> Option<Ratio> {
    let under = Wide::from(of_a_month).units() * BigInt::from(months.over);
    Ratio::new(cost.units() * BigInt::from(months.under), under)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(text: &str) -> Exact {
        text.parse().unwrap()
    }

    fn wide(text: &str) -> Wide {
        Wide::from(exact(text))
    }

    fn months(period: &str) -> (u64, u64) {
        let Months { over, under } = Months::of(period.parse().unwrap());
        (over, under)
    }

    #[test]
    fn spend_in_basis_points_and_in_engineers() {
        let shown = |ratio: Option<Ratio>, decimals| ratio.unwrap().rounded(decimals).unwrap().to_string();
        assert_eq!(shown(bps(&wide("4182046.38"), exact("1004812000")), 2), "41.62");
        assert_eq!(shown(bps(&wide("-5"), exact("1000")), 2), "-50");
        assert_eq!(bps(&wide("5"), Exact::ZERO), None);
        let month = Months::of("2026-09".parse().unwrap());
        assert_eq!(shown(engineers(&wide("4182046.38"), exact("25000"), month), 1), "167.3");
        let half = Months::of("2026-09-01..2026-09-16".parse().unwrap());
        assert_eq!(shown(engineers(&wide("25000"), exact("25000"), half), 1), "2");
        assert_eq!(engineers(&wide("1"), Exact::ZERO, month), None);
    }

    #[test]
    fn months_of_a_period_are_exact() {
        assert_eq!(months("2026-09"), (1, 1));
        assert_eq!(months("2025-07..2026-06"), (12, 1));
        assert_eq!(months("2026-09-01..2026-09-16"), (1, 2));
        assert_eq!(months("2026-09-16"), (1, 30));
        assert_eq!(months("2026-08-31..2026-09-02"), (61, 930));
        assert_eq!(months("2026-01-31..2026-03-02"), (33, 31), "a day of January, February, a day of March");
        assert_eq!(months("2024-02-29..2024-03-01"), (1, 29));
    }

    proptest! {
        #[test]
        fn the_parts_of_a_change_add_up_exactly(
            costs in (-10_i128.pow(30)..10_i128.pow(30), -10_i128.pow(30)..10_i128.pow(30)),
            volumes in (1_i128..10_i128.pow(33), 1_i128..10_i128.pow(33)),
        ) {
            let wide = |coarse| Wide::from(Exact::from_parts(coarse, 0));
            let volume = |coarse| Exact::from_parts(coarse, 0);
            let (before, now) = (wide(costs.0), wide(costs.1));
            let change = BpsChange::between((&before, volume(volumes.0)), (&now, volume(volumes.1))).unwrap();
            prop_assert_eq!(&change.cost.plus(&change.volume), &change.total);
            let apart = bps(&now, volume(volumes.1)).unwrap().minus(&bps(&before, volume(volumes.0)).unwrap());
            prop_assert_eq!(&apart, &change.total);
            if costs.0 == costs.1 {
                prop_assert_eq!(change.cost.rounded(2), Some(Exact::ZERO));
            }
        }

        #[test]
        fn only_volume_moves_what_only_volume_changes(cost in 0_i128..10_i128.pow(30), volume in 1_i128..10_i128.pow(33)) {
            let wide = Wide::from(Exact::from_parts(cost, 0));
            let volume = Exact::from_parts(volume, 0);
            let change = BpsChange::between((&wide, volume), (&wide, volume + volume)).unwrap();
            prop_assert_eq!(change.cost.rounded(6), Some(Exact::ZERO));
            prop_assert_eq!(&change.volume, &change.total);
            let same = BpsChange::between((&wide, volume), (&wide, volume)).unwrap();
            prop_assert_eq!(same.total.rounded(6), Some(Exact::ZERO));
        }
    }
}
