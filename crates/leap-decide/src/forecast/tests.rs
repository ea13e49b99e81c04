//! What is expected, within which bounds.

use leap_terms::{Day, Exact};

use super::*;
use crate::series::Point;

fn first() -> Day {
    "2024-01-01".parse().expect("a day")
}

fn series(days: usize, cost: impl Fn(usize) -> f64) -> Series {
    let point = |day: usize| Point { label: day.to_string(), day: first().plus(day as i32), cost: estimate(cost(day)) };
    Series { name: "payments".to_owned(), dated: true, points: (0..days).map(point).collect() }
}

fn usual(day: usize) -> f64 {
    let wave = 1.0 + 0.02 * ((day * 7919 % 101) as f64 / 50.0 - 1.0);
    if day % 7 >= 5 { 600.0 * wave } else { 1000.0 * wave }
}

fn of(series: &Series, origin: i32) -> Forecast {
    forecast(series, first().plus(origin), 28, &Announced::default()).expect("a long history")
}

fn number(amount: Exact) -> f64 {
    amount.to_text().parse().expect("a number")
}

#[test]
fn a_regular_bill_is_forecast_closely_and_its_days_add_up() {
    let bill = series(300, usual);
    let forecast = of(&bill, 250);
    let days: Exact = forecast.days.iter().map(|(_, range)| range.middle).sum();
    assert_eq!(days, forecast.total.middle);
    assert_eq!(forecast.days[0].0, first().plus(250));
    let score = score(&forecast, &bill).expect("all days have come");
    assert!(score.total_off < 0.02 && score.days_off < 0.04 && score.within, "{score:?}");
    assert!(score.days_within > 20);
}

#[test]
fn an_incident_before_the_origin_makes_no_level() {
    let plain = of(&series(250, usual), 250);
    let marred = of(&series(250, |day| usual(day) * if (200..215).contains(&day) { 1.8 } else { 1.0 }), 250);
    let off = number(marred.total.middle) / number(plain.total.middle);
    assert!((0.97..1.12).contains(&off), "{off}");
}

#[test]
fn fees_are_part_of_the_days_that_have_them() {
    let fee = |day: usize| if first().plus(day as i32).ymd().2 == 1 { 800.0 } else { 0.0 };
    let forecast = of(&series(300, |day| usual(day) + fee(day)), 260);
    let on_first = forecast.days.iter().find(|(day, _)| day.ymd().2 == 1).expect("a first in four weeks");
    let before = forecast.days.iter().find(|(day, _)| day.ymd().2 == 20).expect("a 20th in four weeks");
    assert!(number(on_first.1.middle) > number(before.1.middle) * 1.4);
}

#[test]
fn later_days_are_not_read_and_bounds_are_in_order() {
    let bill = series(300, usual);
    let changed = series(300, |day| if day < 250 { usual(day) } else { 5.0 });
    assert_eq!(of(&bill, 250), of(&changed, 250));
    let forecast = of(&bill, 250);
    let ordered = |range: &Range| range.low <= range.middle && range.middle <= range.high;
    assert!(ordered(&forecast.total) && forecast.days.iter().all(|(_, range)| ordered(range)));
}

#[test]
fn young_empty_and_broken_series_do_not_panic() {
    assert!(forecast(&series(10, usual), first().plus(10), 28, &Announced::default()).is_none());
    for days in [14, 20, 30, 61] {
        let made = forecast(&series(days, usual), first().plus(days as i32), 28, &Announced::default());
        assert!(number(made.expect("two weeks").total.middle) > 0.0);
    }
    let nothing = forecast(&series(90, |_| 0.0), first().plus(90), 28, &Announced::default()).expect("a forecast");
    assert_eq!(nothing.total.middle, Exact::ZERO);
    assert!(
        forecast(
            &series(90, |day| usual(day) * if day % 9 == 0 { -1.0 } else { 1.0 }),
            first().plus(90),
            400,
            &Announced::default()
        )
        .is_some()
    );
    assert!(score(&nothing, &series(100, usual)).is_none());
}

#[test]
fn a_month_of_lumps_is_forecast_with_them() {
    let day = |day: usize| first().plus(day as i32);
    let last = |at: usize| day(at + 1).ymd().2 == 1;
    let of_month = |at: usize| day(at).ymd().2;
    // Two thirds of the cost come on one day of a month, and vary by a tenth.
    let varied =
        |at: usize| 0.9 + 0.2 * ((at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / f64::from(1 << 24);
    let cases: [(&str, &dyn Fn(usize) -> f64); 3] = [
        ("the first", &|at| if of_month(at) == 1 { 50_000.0 * varied(at) } else { 0.0 }),
        ("the last day", &|at| if last(at) { 50_000.0 * varied(at) } else { 0.0 }),
        ("the first and the 20th", &|at| match of_month(at) {
            1 => 30_000.0 * varied(at),
            20 => 20_000.0 * varied(at),
            _ => 0.0,
        }),
    ];
    let mut within = 0;
    for (name, more) in cases {
        let bill = series(320, |at| usual(at) + more(at));
        for (from, days) in
            [("2024-05-01", 31), ("2024-06-01", 30), ("2024-07-01", 31), ("2024-08-01", 31), ("2024-09-01", 30)]
        {
            let origin: Day = from.parse().expect("a day");
            let made = forecast(&bill, origin, days, &Announced::default()).expect("a long history");
            let score = score(&made, &bill).expect("all days have come");
            assert!(score.total_off < 0.15, "{name}, {from}: {score:?}");
            within += usize::from(score.within);
        }
    }
    assert!(within >= 9, "bounds are those of eight in ten: {within} of 15");
    // Nothing else is billed: a team with a support plan alone.
    let bill = series(320, |at| if of_month(at) == 1 { 400.0 } else { 0.0 });
    let made = forecast(&bill, "2024-09-01".parse().expect("a day"), 30, &Announced::default()).expect("a history");
    assert_eq!(made.total.middle, estimate(400.0));
}

#[test]
fn what_is_far_ahead_is_scored_apart_and_all_of_it_adds_up() {
    let bill = series(300, usual);
    let made = forecast(&bill, first().plus(250), 40, &Announced::default()).expect("a long history");
    let parts = ahead(&made, &bill).expect("all days have come");
    assert_eq!(
        parts.iter().map(|part| (part.from, part.until)).collect::<Vec<_>>(),
        [(1, 7), (8, 14), (15, 28), (29, 40)]
    );
    let whole = score(&made, &bill).expect("all days have come");
    assert_eq!(parts.iter().map(|part| part.cost).sum::<Exact>(), whole.cost);
    assert_eq!(parts.iter().map(|part| part.expected).sum::<Exact>(), whole.expected);
    assert_eq!(parts.iter().map(|part| part.days_within).sum::<usize>(), whole.days_within);
    assert!(parts.iter().all(|part| part.off().is_some_and(|off| off < 0.05)));
    let week = forecast(&bill, first().plus(250), 7, &Announced::default()).expect("a long history");
    assert_eq!(ahead(&week, &bill).expect("it has come").len(), 1);
    assert!(ahead(&forecast(&bill, first().plus(290), 28, &Announced::default()).expect("made"), &bill).is_none());
}

#[test]
fn jobs_that_run_now_and_then_are_part_of_a_month() {
    // Three or four days of each month cost ten times as much, on no day of their own.
    let wild = |at: usize| ((at as u64 + 7).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).is_multiple_of(8);
    let bill = series(320, |at| usual(at) * if wild(at) { 10.0 } else { 1.0 });
    let mut off = Vec::new();
    for origin in [180, 210, 240, 270] {
        let made = of(&bill, origin);
        let score = score(&made, &bill).expect("all days have come");
        off.push(number(made.total.middle) / number(score.cost));
    }
    let mean = off.iter().sum::<f64>() / 4.0;
    assert!((0.7..1.3).contains(&mean), "{off:?}");
    // Once is not every month.
    let once = series(320, |at| usual(at) * if at == 240 { 30.0 } else { 1.0 });
    let plain = number(of(&series(320, usual), 250).total.middle);
    assert!(number(of(&once, 250).total.middle) < plain * 1.05);
}

#[test]
fn what_was_learned_before_changes_no_forecast() {
    let shaped = |day: usize| {
        let spike = if (120..124).contains(&day) { 3.0 } else { 1.0 };
        usual(day) * spike + if day % 30 == 4 { 900.0 } else { 0.0 }
    };
    let mut memory = Memory::default();
    let none = Announced::default();
    let mut check = |series: &Series, origin: usize| {
        let origin = first().plus(origin as i32);
        let made = forecast_on(series, origin, 28, &none, &mut memory);
        assert_eq!(made, forecast(series, origin, 28, &none), "{origin}");
        assert!(made.is_some());
    };
    // Days come, some at once, one is restated, the past is asked again, the first day is left away.
    let mut all = series(200, shaped);
    [60, 61, 62, 90, 91, 121, 126, 160].into_iter().for_each(|origin| check(&all, origin));
    all.points[130].cost = Exact::from_whole(7);
    [160, 161, 140, 180].into_iter().for_each(|origin| check(&all, origin));
    all.points.remove(0);
    all.points.remove(150);
    [181, 182, 200].into_iter().for_each(|origin| check(&all, origin));
}
