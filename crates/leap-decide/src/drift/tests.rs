//! What is told, and what is not.

use leap_sim::series::drifting;
use leap_terms::{Day, Exact};
use proptest::prelude::*;

use super::*;
use crate::series::{Point, Vintage, estimate};

/// A deviation between −1 and 1 that looks random and is the same every time.
fn ripple(day: usize) -> f64 {
    let mixed = (day as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed >> 40) as f64 / f64::from(1 << 23)) - 1.0
}

/// A bill of 1,000 a day, less at weekends, from Monday 2024-01-01 on, with what a test adds.
fn series(days: usize, cost: impl Fn(usize, f64) -> f64) -> Series {
    let first: Day = "2024-01-01".parse().expect("a day");
    let point = |day: usize| {
        let usual = if day % 7 >= 5 { 600.0 } else { 1000.0 } * (1.0 + 0.03 * ripple(day));
        Point { label: day.to_string(), day: first.plus(day as i32), cost: estimate(cost(day, usual)) }
    };
    Series { name: "payments".to_owned(), dated: true, points: (0..days).map(point).collect() }
}

fn told(series: &Series) -> Vec<(i32, Kind)> {
    told_with(series, None, &Announced::default())
}

fn told_with(series: &Series, vintages: Option<&Vintages>, announced: &Announced) -> Vec<(i32, Kind)> {
    let first = series.points[0].day.days();
    let alerts = detect(series, vintages, announced, &Settings::default());
    alerts.iter().map(|alert| (alert.day.days() - first, alert.kind)).collect()
}

#[test]
fn a_quiet_bill_is_quiet() {
    assert_eq!(told(&series(300, |_, usual| usual)), []);
}

#[test]
fn a_spike_is_told_on_its_day_with_what_it_costs() {
    let bill = series(200, |day, usual| if day == 150 { usual * 1.5 } else { usual });
    let alerts = detect(&bill, None, &Announced::default(), &Settings::default());
    assert_eq!(told(&bill), [(150, Kind::Spike)]);
    assert_eq!(alerts[0].since, alerts[0].day);
    let month: f64 = alerts[0].cost_per_month.to_text().parse().expect("a number");
    assert!((12_000.0..18_000.0).contains(&month), "{month}");
    assert!(alerts[0].score >= Settings::default().threshold);
}

#[test]
fn a_shift_is_told_once_and_then_it_is_the_level() {
    let bill = series(300, |day, usual| if day >= 150 { usual * 1.3 } else { usual });
    let told = told(&bill);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!((150..=152).contains(&told[0].0), "{told:?}");
}

#[test]
fn a_ramp_is_told_while_it_climbs() {
    let climb = |day: usize| if (150..170).contains(&day) { (day - 149) as f64 * 0.03 } else { 0.0 };
    let told = told(&series(200, |day, usual| usual * (1.0 + climb(day))));
    assert!(!told.is_empty() && (152..=158).contains(&told[0].0), "{told:?}");
}

#[test]
fn a_drop_is_told_and_a_saving_is_not() {
    let bill = series(200, |day, usual| if day == 150 { usual * 0.1 } else { usual });
    assert_eq!(told(&bill), [(150, Kind::Drop)]);
    let alerts = detect(&bill, None, &Announced::default(), &Settings::default());
    assert!(alerts[0].cost_per_month < Exact::ZERO);
    assert_eq!(told(&series(200, |day, usual| if day >= 150 { usual * 0.7 } else { usual })), []);
}

#[test]
fn fees_of_the_first_are_expected_once_they_were_seen() {
    let first: Day = "2024-01-01".parse().expect("a day");
    let fee = |day: usize| if first.plus(day as i32).ymd().2 == 1 { 700.0 } else { 0.0 };
    assert_eq!(told(&series(400, |day, usual| usual + fee(day))).iter().filter(|(day, _)| *day > 100).count(), 0);
}

#[test]
fn holidays_are_no_drift() {
    let quiet = |day: usize, usual: f64| if day == 100 || day == 200 { usual * 1.6 } else { usual };
    let bill = series(250, quiet);
    assert_eq!(told(&bill).len(), 2);
    let mut announced = Announced::default();
    ["100", "200"].iter().for_each(|day| announced.holiday("payments", day));
    assert_eq!(told_with(&bill, None, &announced), []);
}

#[test]
fn an_announced_change_is_followed_silently() {
    let bill = series(300, |day, usual| if day >= 150 { usual * 1.6 } else { usual });
    let mut announced = Announced::default();
    announced.change("*", "150");
    assert_eq!(told_with(&bill, None, &announced), []);
    let spiked = series(300, |day, usual| {
        if day == 200 {
            usual * 2.4
        } else if day >= 150 {
            usual * 1.6
        } else {
            usual
        }
    });
    assert_eq!(told_with(&spiked, None, &announced), [(200, Kind::Spike)]);
}

#[test]
fn what_matters_little_is_not_told() {
    let bill = series(200, |day, usual| if day == 150 { usual * 1.5 } else { usual });
    let settings = Settings { least_per_month: Exact::from_whole(1_000_000), ..Settings::default() };
    assert_eq!(detect(&bill, None, &Announced::default(), &settings), []);
}

/// Vintages of a bill: a tenth comes a day late, except that of one day nearly nothing was there at first.
fn late(bill: &Series, empty: usize) -> Vintages {
    let mut vintages = Vintages::default();
    for (day, point) in bill.points.iter().enumerate() {
        let share = |share: f64| estimate(point.cost.to_text().parse::<f64>().expect("a number") * share);
        let first = if day == empty { share(0.1) } else { share(0.9 + 0.03 * ripple(day + 7)) };
        vintages.add(&bill.name, &point.label, Vintage { known: vec![first, share(0.98)], whole: point.cost });
    }
    vintages
}

#[test]
fn late_cost_is_no_drop_and_a_real_drop_is_told_when_it_is_sure() {
    let bill = series(200, |day, usual| usual * if day == 150 { 1.6 } else { 1.0 });
    assert_eq!(told_with(&bill, Some(&late(&bill, 120)), &Announced::default()), [(150, Kind::Spike)]);
    let dropped = series(200, |day, usual| usual * if day == 150 { 0.08 } else { 1.0 });
    assert_eq!(told_with(&dropped, Some(&late(&dropped, 999)), &Announced::default()), [(150, Kind::Drop)]);
    // The day after, nobody can know yet: with only two more days of the file, nothing is told.
    let cut = Series { points: dropped.points[..152].to_vec(), ..dropped.clone() };
    assert_eq!(told_with(&cut, Some(&late(&dropped, 999)), &Announced::default()), []);
}

#[test]
fn generated_series_are_scored_above_the_aims() {
    let (mut hit, mut events, mut wrong) = (0, 0, 0);
    for number in 0..24 {
        let made = drifting(11, number, 420);
        let points = made.costs.iter().enumerate().map(|(day, cost)| Point {
            label: day.to_string(),
            day: made.first.plus(day as i32),
            cost: *cost,
        });
        let bill = Series { name: made.name.clone(), dated: true, points: points.collect() };
        let mut announced = Announced::default();
        made.changes.iter().for_each(|day| announced.change(&made.name, &day.to_string()));
        let told: Vec<usize> = told_with(&bill, None, &announced).iter().map(|(day, _)| *day as usize).collect();
        events += made.events.len();
        let found = |day: &usize, event: &leap_sim::series::DriftEvent| (event.start..=event.end + 3).contains(day);
        hit += made.events.iter().filter(|event| told.iter().any(|day| found(day, event))).count();
        let new = told.iter().filter(|day| **day >= 120);
        wrong += new.filter(|day| !made.events.iter().any(|event| found(day, event))).count();
    }
    assert!(hit as f64 >= 0.67 * events as f64, "{hit} of {events}");
    assert!(wrong as f64 <= 0.25 * 24.0 * 10.0, "{wrong} wrong");
}

/// Any bill: also with nothing, credits and gaps.
fn any() -> impl Strategy<Value = Vec<Option<i64>>> {
    let cost = prop_oneof![
        20 => (80_000_i64..120_000).prop_map(Some),
        2 => (0_i64..400_000).prop_map(Some),
        1 => Just(Some(0)),
        1 => (-50_000_i64..0).prop_map(Some),
        1 => Just(None),
    ];
    proptest::collection::vec(cost, 0..260)
}

fn bill(cents: &[Option<i64>], times: i64) -> Series {
    let first: Day = "2024-01-01".parse().expect("a day");
    let point = |(day, cents): (usize, &Option<i64>)| {
        let cost = cents.map(|cents| Exact::from_parts(i128::from(cents * times) * 10_000_000_000_000_000, 0))?;
        Some(Point { label: day.to_string(), day: first.plus(day as i32), cost })
    };
    Series { name: "any".to_owned(), dated: true, points: cents.iter().enumerate().filter_map(point).collect() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn no_later_day_changes_an_alert_and_days_one_by_one_are_the_whole(costs in any(), cut in 0_usize..260) {
        let whole = bill(&costs, 1);
        let alerts = detect(&whole, None, &Announced::default(), &Settings::default());
        let cut = cut.min(whole.points.len());
        let begun = Series { points: whole.points[..cut].to_vec(), ..whole.clone() };
        let until = begun.points.last().map_or(Day::EARLIEST, |point| point.day);
        let early: Vec<Alert> = alerts.iter().filter(|alert| alert.day <= until).cloned().collect();
        prop_assert_eq!(detect(&begun, None, &Announced::default(), &Settings::default()), early);
        let mut detector = Detector::new(Settings::default(), true);
        let fed: Vec<Alert> =
            whole.points.iter().filter_map(|point| detector.observe(&Seen::whole(point.day, point.cost))).collect();
        prop_assert_eq!(fed, alerts);
    }

    #[test]
    fn a_bill_in_other_units_has_the_same_drift(costs in any()) {
        let days = |times: i64| {
            let alerts = detect(&bill(&costs, times), None, &Announced::default(), &Settings::default());
            alerts.iter().map(|alert| (alert.day, alert.kind, (alert.score * 1e4).round() as i64)).collect::<Vec<_>>()
        };
        prop_assert_eq!(days(1), days(1024));
    }

    #[test]
    fn nothing_panics(costs in any(), share in 0_i64..120) {
        let whole = bill(&costs, 1);
        let mut vintages = Vintages::default();
        for (point, cents) in whole.points.iter().zip(costs.iter().flatten()) {
            let known = Exact::from_parts(i128::from(cents * share / 100) * 10_000_000_000_000_000, 0);
            vintages.add("any", &point.label, Vintage { known: vec![known, point.cost], whole: point.cost });
        }
        let alerts = detect(&whole, Some(&vintages), &Announced::default(), &Settings::default());
        prop_assert!(alerts.len() <= whole.points.len());
        prop_assert!(alerts.iter().all(|alert| alert.since <= alert.day && alert.score.is_finite()));
    }
}

#[test]
fn short_and_empty_series_say_nothing() {
    for days in 0..20 {
        assert_eq!(detect(&series(days, |_, usual| usual), None, &Announced::default(), &Settings::default()), []);
    }
    let nothing = series(200, |_, _| 0.0);
    assert_eq!(told(&nothing), []);
    let born = series(200, |day, usual| if day < 150 { 0.0 } else { usual });
    assert_eq!(told(&born), []);
}

#[test]
fn a_state_that_is_written_and_read_goes_on_as_before() {
    let cost = |day: i32| {
        let usual = 1_000.0 + f64::from(day * 7919 % 101) - if day % 7 > 4 { 300.0 } else { 0.0 };
        let fee = if Day::from_days(20_000 + day).ymd().2 == 1 { 700.0 } else { 0.0 };
        estimate(if (150..155).contains(&day) { 2.0 * usual } else { usual } + fee)
    };
    for split in [3, 40, 90, 152, 170] {
        let mut whole = Detector::new(Settings::default(), true);
        let mut parts = Detector::new(Settings::default(), true);
        for at in [&mut whole, &mut parts] {
            at.read_on(3);
        }
        let mut alerts = [Vec::new(), Vec::new()];
        for day in 0..220 {
            if day == split {
                let mut bytes = vec![9];
                parts.write(&mut bytes);
                bytes.push(7);
                let mut from = &bytes[1..];
                parts = Detector::read(Settings::default(), &mut from).expect("a state");
                parts.read_on(3);
                assert_eq!(from, [7], "the state ends where it was written to");
                for cut in [0, 1, 20, bytes.len() / 2] {
                    assert!(Detector::read(Settings::default(), &mut &bytes[1..=cut]).is_none());
                }
            }
            let seen = Seen::whole(Day::from_days(20_000 + day), cost(day));
            for (at, told) in [&mut whole, &mut parts].into_iter().zip(&mut alerts) {
                told.extend(at.observe(&seen));
            }
            assert_eq!(whole.path(), parts.path(), "{split}, {day}");
        }
        assert_eq!(alerts[0], alerts[1], "{split}");
        assert!(!alerts[0].is_empty());
        let path = whole.path().expect("a path");
        assert!(path.low < path.expected && path.expected < path.high);
    }
}
