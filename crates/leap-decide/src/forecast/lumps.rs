//! Cost that comes once a month on a day of its own: fees, taxes, support, purchases; credits alike, below zero.
//!
//! ```text
//! 100 a day, and 9,000 more on the first of each month  →  a path of 100, and a lump of 9,000 on day 1
//! ```
//! What a day costs beside the middle of the same weekdays around it is its excess. A place in the month whose excess
//! came in most of the last months is a lump; of several places that fit, the one that explains most is taken first, so
//! that what comes on the first working day is not taken for what comes on the first, second and third. Amounts are
//! amounts, not shares: a fee does not grow because the days around it do. The daily path is read from days without
//! their lumps, and both are added again.

use leap_terms::{Day, Month};

use crate::profile::WEEK;
use crate::robust::{median, spread};

/// Months that are looked at.
const MONTHS: i32 = 6;
/// Weeks on each side of a day that its middle is of.
const AROUND: usize = 4;
/// How often a lump was seen at least.
const SEEN: usize = 2;
/// It came in at least two of three months.
const MOST: (usize, usize) = (2, 3);
/// It is at least this share of the days around it, …
const LEAST: f64 = 0.5;
/// … this many times what days differ by otherwise, …
const CLEAR: f64 = 5.0;
/// … and half a cent.
const CENT: f64 = 0.005;
/// Months whose mean is expected; one counts at most so many times the middle of all.
const EXPECTED: (usize, f64) = (3, 2.0);
/// Lumps of one series at most.
const LUMPS: usize = 8;

/// Where in a month something comes. Saturdays and Sundays are no working days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Day(u32),
    Last,
    FirstWorking,
    LastWorking,
}

impl Place {
    /// All of them; of two that explain the same months, the earlier is meant.
    fn all() -> impl Iterator<Item = Place> {
        let days = |days: std::ops::RangeInclusive<u32>| days.map(Place::Day);
        days(1..=28).chain([Place::Last, Place::FirstWorking, Place::LastWorking]).chain(days(29..=31))
    }

    /// The day in a month, where the month has it.
    fn of(self, month: Month) -> Option<Day> {
        let (first, last) = (month.first_day(), month.period().until().plus(-1));
        let working = |day: &Day| !matches!(day.days().rem_euclid(WEEK as i32), SATURDAY | SUNDAY);
        match self {
            Place::Day(number) => Some(first.plus(number as i32 - 1)).filter(|day| *day <= last),
            Place::Last => Some(last),
            Place::FirstWorking => (0..3).map(|ahead| first.plus(ahead)).find(working),
            Place::LastWorking => (0..3).map(|back| last.plus(-back)).find(working),
        }
    }
}

/// Saturday, where 1970-01-01, a Thursday, is 0.
const SATURDAY: i32 = 2;
/// Sunday.
const SUNDAY: i32 = 3;

/// What comes at a place.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Lump {
    place: Place,
    /// What is expected of it.
    amount: f64,
    /// By how much it was wrong, a standard deviation.
    spread: f64,
    /// What is taken for it in the past.
    least: f64,
}

/// The lumps of a series.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Lumps {
    all: Vec<Lump>,
}

/// The middle of the same weekdays around a day; `None` where fewer than two are known.
fn around(costs: &[f64], at: usize) -> Option<f64> {
    let before = (1..=AROUND).filter_map(|weeks| at.checked_sub(weeks * WEEK));
    let after = (1..=AROUND).map(|weeks| at + weeks * WEEK).filter(|at| *at < costs.len());
    let mut known: Vec<f64> = before.chain(after).map(|at| costs[at]).filter(|cost| !cost.is_nan()).collect();
    (known.len() >= 2).then(|| median(&mut known))
}

impl Lumps {
    /// Learns from consecutive days; `NaN` is a day that is not known. Only the last months are read.
    pub(super) fn of(first: Day, costs: &[f64]) -> Lumps {
        let end = first.plus(costs.len() as i32);
        let newest = end.plus(-1).month();
        let since = newest.plus(-MONTHS).first_day().max(first);
        let from = (since.days() - first.days()) as usize;
        let middles: Vec<Option<f64>> = (from..costs.len()).map(|at| around(costs, at)).collect();
        let mut excess: Vec<f64> =
            (from..costs.len()).map(|at| middles[at - from].map_or(f64::NAN, |middle| costs[at] - middle)).collect();
        let known: Vec<f64> = excess.iter().copied().filter(|excess| !excess.is_nan()).collect();
        let noise = spread(&known, 0.0);
        let mut lumps = Lumps::default();
        while lumps.all.len() < LUMPS {
            let mut best: Option<(f64, Lump, Vec<usize>)> = None;
            for place in Place::all() {
                let days = (0..=MONTHS).rev().filter_map(|back| place.of(newest.plus(-back)));
                let days: Vec<usize> = days
                    .filter(|day| (since..end).contains(day))
                    .map(|day| (day.days() - since.days()) as usize)
                    .filter(|at| !excess[*at].is_nan())
                    .collect();
                let base = |at: &usize| middles[*at].unwrap_or(0.0).abs();
                let Some((explained, lump)) = lump(place, &days, &excess, noise, &base) else { continue };
                if best.as_ref().is_none_or(|(most, ..)| explained > *most) {
                    best = Some((explained, lump, days));
                }
            }
            let Some((_, lump, days)) = best else { break };
            days.into_iter().for_each(|at| excess[at] = 0.0);
            lumps.all.push(lump);
        }
        lumps
    }

    /// True where nothing comes once a month.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What is expected to come on a day.
    pub(super) fn on(&self, day: Day) -> f64 {
        let month = day.month();
        self.all.iter().filter(|lump| lump.place.of(month) == Some(day)).map(|lump| lump.amount).sum()
    }

    /// By how much what comes on a day may differ from that, a standard deviation.
    pub(super) fn spread(&self, day: Day) -> f64 {
        let month = day.month();
        let own = self.all.iter().filter(|lump| lump.place.of(month) == Some(day));
        own.map(|lump| lump.spread.powi(2)).sum::<f64>().sqrt()
    }

    /// What a day cost without its lumps, where it had some: the middle of the same weekdays around it.
    pub(super) fn without(&self, first: Day, costs: &[f64], at: usize) -> Option<f64> {
        let day = first.plus(at as i32);
        let month = day.month();
        let mut own = self.all.iter().filter(|lump| lump.place.of(month) == Some(day)).peekable();
        own.peek()?;
        let middle = around(costs, at)?;
        let excess = costs[at] - middle;
        own.any(|lump| excess * lump.amount.signum() > lump.least).then_some(middle)
    }
}

/// The lump at a place, and how much it explains; none where nothing came there in most months.
fn lump(place: Place, days: &[usize], excess: &[f64], noise: f64, base: &dyn Fn(&usize) -> f64) -> Option<(f64, Lump)> {
    if days.len() < SEEN {
        return None;
    }
    let came: Vec<f64> = days.iter().map(|at| excess[*at]).collect();
    let newest: Vec<f64> = came.iter().rev().take(EXPECTED.0).copied().collect();
    let middle = median(&mut came.clone());
    let least = |at: &usize| (CLEAR * noise).max(LEAST * base(at)).max(CENT);
    let hits: Vec<f64> =
        days.iter().filter(|at| excess[**at] * middle.signum() > least(at)).map(|at| excess[*at].abs()).collect();
    if hits.len() < SEEN || hits.len() * MOST.1 < days.len() * MOST.0 {
        return None;
    }
    // One wild month is not what comes every month.
    let most = EXPECTED.1 * middle.abs();
    let amount = newest.iter().map(|excess| excess.clamp(-most, most)).sum::<f64>() / newest.len() as f64;
    let least = days.iter().map(least).fold(f64::INFINITY, f64::min);
    // Of what comes, and of the mean that is expected of it.
    let mean = came.iter().sum::<f64>() / came.len() as f64;
    let off = |excess: &f64| (excess.clamp(-most, most) - mean.clamp(-most, most)).powi(2);
    let variance = came.iter().map(off).sum::<f64>() / (came.len() - 1) as f64;
    let spread = (variance * (1.0 + 1.0 / newest.len() as f64)).sqrt();
    (amount * middle > 0.0).then(|| (hits.iter().sum(), Lump { place, amount, spread, least }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name, the place that is to be found, and what comes on a day.
    type Case<'c> = (&'c str, Place, &'c dyn Fn(Day) -> f64);

    fn first() -> Day {
        "2026-01-01".parse().expect("a day")
    }

    /// About 100 a day, less on weekends, and what comes on some days more.
    fn costs(days: usize, more: impl Fn(Day) -> f64) -> Vec<f64> {
        let cost = |at: usize| {
            let day = first().plus(at as i32);
            let weekend = matches!(day.days().rem_euclid(7), SATURDAY | SUNDAY);
            (if weekend { 60.0 } else { 100.0 }) + (at * 7919 % 101) as f64 / 20.0 + more(day)
        };
        (0..days).map(cost).collect()
    }

    fn is_last(day: Day) -> bool {
        day.plus(1).ymd().2 == 1
    }

    #[test]
    fn places_are_found_with_their_amounts() {
        let first_working = |day: Day| Place::FirstWorking.of(day.month()) == Some(day);
        let cases: [Case<'_>; 5] = [
            ("the first", Place::Day(1), &|day| if day.ymd().2 == 1 { 900.0 } else { 0.0 }),
            ("the 17th", Place::Day(17), &|day| if day.ymd().2 == 17 { 900.0 } else { 0.0 }),
            ("the last day", Place::Last, &|day| if is_last(day) { 900.0 } else { 0.0 }),
            ("the first working day", Place::FirstWorking, &|day| if first_working(day) { 900.0 } else { 0.0 }),
            ("a credit", Place::Day(5), &|day| if day.ymd().2 == 5 { -900.0 } else { 0.0 }),
        ];
        for (name, place, more) in cases {
            let costs = costs(212, more);
            let lumps = Lumps::of(first(), &costs);
            assert_eq!(lumps.all.iter().map(|lump| lump.place).collect::<Vec<_>>(), [place], "{name}");
            assert!((lumps.all[0].amount.abs() - 900.0).abs() < 10.0, "{name}: {:?}", lumps.all);
            // In August, which the series does not reach.
            let august = Month::new(2026, 8).expect("a month");
            let day = place.of(august).expect("the month has it");
            assert_eq!(lumps.on(day), lumps.all[0].amount, "{name}");
            assert_eq!(lumps.on(day.plus(1)), 0.0, "{name}");
            let at =
                (place.of(Month::new(2026, 4).expect("a month")).expect("it has it").days() - first().days()) as usize;
            let plain = lumps.without(first(), &costs, at).expect("a lump");
            assert!((55.0..110.0).contains(&plain), "{name}: {plain}");
            assert_eq!(lumps.without(first(), &costs, at + 1), None, "{name}");
        }
    }

    #[test]
    fn lumps_alone_are_found_in_two_months_and_several_beside_each_other() {
        let only = |at: i32| if first().plus(at).ymd().2 == 1 { 250.0 } else { 0.0 };
        let lumps = Lumps::of(first(), &(0..31).map(only).collect::<Vec<_>>());
        assert!(lumps.all.is_empty(), "once is not every month: {lumps:?}");
        let lumps = Lumps::of(first(), &(0..59).map(only).collect::<Vec<_>>());
        assert_eq!(lumps.on("2026-04-01".parse().expect("a day")), 250.0);
        let both = costs(200, |day| match day.ymd().2 {
            1 => 5_000.0,
            15 => 800.0,
            _ => 0.0,
        });
        let lumps = Lumps::of(first(), &both);
        assert_eq!(lumps.all.iter().map(|lump| lump.place).collect::<Vec<_>>(), [Place::Day(1), Place::Day(15)]);
    }

    #[test]
    fn what_came_once_or_belongs_to_the_week_is_no_lump() {
        let once = costs(200, |day| if day.to_string() == "2026-05-12" { 9_000.0 } else { 0.0 });
        assert_eq!(Lumps::of(first(), &once), Lumps::default());
        let mondays = costs(120, |day| if day.days().rem_euclid(7) == 4 { 900.0 } else { 0.0 });
        assert_eq!(Lumps::of(first(), &mondays), Lumps::default());
        let ended = costs(200, |day| if day.ymd().2 == 1 && day.ymd().1 < 4 { 900.0 } else { 0.0 });
        assert_eq!(Lumps::of(first(), &ended), Lumps::default());
        assert_eq!(Lumps::of(first(), &[]), Lumps::default());
        assert_eq!(Lumps::of(first(), &[f64::NAN; 90]), Lumps::default());
    }
}
