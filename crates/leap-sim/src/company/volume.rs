//! What the sample company does: payments of a marketplace by day, and orders.
//!
//! ```csv
//! date,metric,value,currency
//! 2025-04-01,payment_volume,812300.15,USD
//! 2025-04-01,orders,13538,
//! ```
//! People buy less at night and no less on Sundays, more towards the end of the year, most on the last Friday of November. The
//! level is such that the whole bill is about forty basis points of it.

use std::fmt::Write as _;

use leap_terms::exact::COARSE_PER_WHOLE;
use leap_terms::{Day, Money, Month};

use super::random::Random;

/// Cost in basis points of volume, about.
const BPS: i128 = 41;
/// What an order is worth on average, in cents.
const ORDER_CENTS: u64 = 6_000;
/// Monday to Sunday, in percent of a usual day.
const WEEK: [u64; 7] = [96, 93, 94, 97, 108, 112, 100];
/// January to December, in percent of a usual month.
const YEAR: [u64; 12] = [92, 90, 95, 96, 98, 97, 94, 93, 98, 102, 116, 124];

/// `volume.csv` of these months; `cost` is that of all of them.
pub(super) fn volume_csv(seed: u64, first: Month, months: i32, cost: Money) -> String {
    let mut out = String::from("date,metric,value,currency\n");
    let (start, end) = (first.first_day(), first.plus(months).first_day());
    let days = u64::try_from(end.days() - start.days()).unwrap_or(1).max(1);
    let cents = cost.abs().coarse() / (COARSE_PER_WHOLE / 100) * 10_000 / BPS / i128::from(days);
    let usual = u64::try_from(cents).unwrap_or(u64::MAX).clamp(1_000, u64::MAX / 1_000_000_000);
    let mut random = Random::fork(seed, &[31]);
    for day in (start.days()..end.days()).map(Day::from_days) {
        let age = u64::try_from(day.days() - start.days()).unwrap_or(0);
        // A fifth more within a year, around the level of the whole time.
        let growth = (10_000 + 2_000 * age / 365).saturating_sub(1_000 * days / 365).max(1_000);
        // A day differs from others of its kind by up to 4 %.
        let level = usual * growth / 10_000 * kind_of(day) / 10_000 * (9_600 + random.below(800)) / 10_000;
        let value = level * 92 / 100 + random.below(level / 8 + 1);
        let orders = value / (ORDER_CENTS * 9 / 10 + random.below(ORDER_CENTS / 5));
        writeln!(out, "{day},payment_volume,{}.{:02},USD\n{day},orders,{orders},", value / 100, value % 100)
            .expect("a string takes all text");
    }
    out
}

/// What kind of day it is: weekday, season, the great sale; in hundredths of percent of a usual day.
fn kind_of(day: Day) -> u64 {
    let (_, month, of_month) = day.ymd();
    // 1970-01-01 was a Thursday.
    let weekday = (day.days() + 3).rem_euclid(7) as usize;
    let sale = if month == 11 && weekday == 4 && (23..=29).contains(&of_month) { 260 } else { 100 };
    WEEK[weekday] * YEAR[month as usize - 1] * sale / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_has_both_values_and_a_seed_gives_the_same() {
        let (first, cost) = (Month::new(2025, 9).unwrap(), "4000000".parse().unwrap());
        let text = volume_csv(7, first, 3, cost);
        assert_eq!(text, volume_csv(7, first, 3, cost));
        assert_ne!(text, volume_csv(8, first, 3, cost));
        assert_eq!(text.lines().count(), 1 + 2 * (30 + 31 + 30));
        let values = |metric: &str| -> Vec<(String, Money)> {
            let rows = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
            let own = rows.filter(|cells| cells[1] == metric);
            own.map(|cells| (cells[0].to_owned(), cells[2].parse().unwrap())).collect()
        };
        let payments = values("payment_volume");
        let total: Money = payments.iter().map(|(_, value)| *value).sum();
        let bps = cost.coarse() * 10_000 / total.coarse();
        assert!((25..60).contains(&bps), "{bps} bps");
        let most = payments.iter().max_by_key(|(_, value)| *value).unwrap();
        assert_eq!(most.0, "2025-11-28", "the great sale");
        assert!(values("orders").iter().all(|(_, count)| *count > Money::ZERO));
    }
}
