//! Ranks, sums of ranks and the e-value to the printed digits, and verdicts.

use super::early::{hoped_for, ln_e};
use super::ranks::{difference, of_sketch, of_sorted, outside_95, outside_975, ranks};
use super::ranksum::{by_weeks, hodges_lehmann, rank_sum};
use super::verdict::{Cause, DayQuantile, Guard, Side, judge};
use super::*;
use crate::tail::fraction::Fraction;
use crate::tail::quantile::Quantile;
use crate::tail::sketch::Sketch;
use num_bigint::BigUint;
use proptest::prelude::*;

const BEFORE: [i128; 7] = [4610, 4550, 4720, 4480, 4660, 4590, 4700];
const AFTER: [i128; 7] = [2950, 2880, 3020, 2910, 2790, 2900, 2970];
const CONTROL: [i128; 7] = [4500, 4630, 4440, 4680, 4570, 4520, 4600];

#[test]
fn the_table_of_ranks_is_met_in_every_digit() {
    for (n, rank, low, high) in [
        (3_688, 3_685, 3_680, 3_688),
        (10_000, 9_990, 9_983, 9_997),
        (50_000, 49_950, 49_936, 49_964),
        (100_000, 99_900, 99_880, 99_920),
        (1_000_000, 999_000, 998_938, 999_062),
    ] {
        let found = ranks(n, Quantile::p999(), outside_95()).unwrap();
        assert_eq!((found.rank, found.low, found.high), (rank, Some(low), Some(high)), "{n}");
        assert!(found.coverage_ppm >= 950_000);
    }
}

#[test]
fn an_upper_limit_takes_3688_requests_and_2995_on_one_side() {
    let high = |n, outside| ranks(n, Quantile::p999(), outside).unwrap().high;
    assert_eq!((high(3_687, outside_95()), high(3_688, outside_95())), (None, Some(3_688)));
    let one_sided = Fraction::new(1, 20).unwrap();
    assert_eq!((high(2_994, one_sided), high(2_995, one_sided)), (None, Some(2_995)));
    assert_eq!(ranks(0, Quantile::p999(), outside_95()), None);
    assert_eq!(ranks(1, Quantile::median(), outside_95()).unwrap().low, None);
}

#[test]
fn a_billion_requests_know_their_quantile_to_four_parts_in_a_million() {
    let found = ranks(1_000_000_000, Quantile::p999(), outside_95()).unwrap();
    let off = |rank: Option<u64>| rank.unwrap().abs_diff(found.rank);
    // 1.96 · √(10⁹ · 0.001 · 0.999) = 1,959.
    assert!((1_957..=1_961).contains(&off(found.low)) && (1_957..=1_961).contains(&off(found.high)), "{found:?}");
    assert!((950_000..950_100).contains(&found.coverage_ppm));
}

#[test]
fn four_thousand_requests_cover_a_little_more_than_asked() {
    let found = ranks(4_000, Quantile::p999(), outside_95()).unwrap();
    assert_eq!((found.low, found.high), (Some(3_992), Some(4_000)));
    // Exactly P(B ≤ 3999) − P(B ≤ 3991); a simulation saw 96.8 %.
    assert_eq!(found.coverage_ppm, 960_417);
}

/// P(B ≤ k) by binomial coefficients as whole numbers: slow, and exact without any fixed point.
fn at_most(n: u64, k: u64, over: u64, under: u64) -> (BigUint, BigUint) {
    let mut sum = BigUint::ZERO;
    let mut choose = BigUint::from(1_u8);
    for i in 0..=k {
        sum += &choose * BigUint::from(over).pow(i as u32) * BigUint::from(under - over).pow((n - i) as u32);
        choose = choose * (n - i) / (i + 1);
    }
    (sum, BigUint::from(under).pow(n as u32))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn ranks_are_those_of_whole_numbers(n in 1_u64..120, over in 1_u64..100, outside in 1_u64..30) {
        let found = ranks(n, Quantile::new(over, 100).unwrap(), Fraction::new(outside, 100).unwrap()).unwrap();
        let over_part = |k: u64, part: u64| {
            let (sum, all) = at_most(n, k, over, 100);
            (sum * 100_u8).cmp(&(all * part))
        };
        let low = (1..=n).take_while(|l| over_part(l - 1, outside).is_le()).last();
        let high = (1..=n).find(|u| over_part(u - 1, 100 - outside).is_ge());
        prop_assert_eq!((found.low, found.high), (low, high));
    }

    #[test]
    fn the_p_value_is_that_of_all_choices(before in prop::collection::vec(0_i128..9, 1..6), after in prop::collection::vec(0_i128..9, 1..6)) {
        let found = rank_sum(&before, &after).unwrap();
        let all: Vec<i128> = before.iter().chain(&after).copied().collect();
        let twice_u = |chosen: u32| {
            let side = |in_it: bool| all.iter().enumerate().filter(move |(i, _)| (chosen >> i & 1 == 1) == in_it).map(|(_, v)| *v);
            side(true).flat_map(|b| side(false).map(move |a| 1 + (b > a) as i64 - (b < a) as i64)).sum::<i64>() as u64
        };
        prop_assert_eq!(found.twice_u, twice_u((1 << before.len()) - 1));
        let choices: Vec<u32> = (0..1_u32 << all.len()).filter(|set| set.count_ones() as usize == before.len()).collect();
        let extreme = choices.iter().filter(|set| twice_u(**set) >= found.twice_u).count();
        prop_assert_eq!((found.p.cases, found.p.all), (BigUint::from(extreme), BigUint::from(choices.len())));
    }
}

#[test]
fn the_worked_improvement_is_shown() {
    let found = rank_sum(&BEFORE, &AFTER).unwrap();
    assert_eq!((found.twice_u, found.p.to_string()), (2 * 49, "1/3432".to_owned()));
    assert_eq!(hodges_lehmann(&BEFORE, &AFTER), Some(1700));
}

#[test]
fn the_worked_control_is_not_shown() {
    let found = rank_sum(&BEFORE, &CONTROL).unwrap();
    assert_eq!(
        (found.twice_u, found.p.to_string(), found.p.decimal(3)),
        (2 * 33, "545/3432".to_owned(), "0.159".to_owned())
    );
    assert_eq!(hodges_lehmann(&BEFORE, &CONTROL), Some(50));
}

#[test]
fn many_days_are_counted_as_exactly() {
    let days: Vec<i128> = (0..256).map(|day| (day * 7919) % 1009).collect();
    let found = rank_sum(&days[..128], &days[128..]).unwrap();
    assert!(found.p.cases < found.p.all && found.p.all.bits() > 250);
    assert_eq!(rank_sum(&days[..1], &[]), None);
    assert_eq!(rank_sum(&days, &days[..1]), None, "more than 256");
    assert_eq!(hodges_lehmann(&[], &days), None);
    assert_eq!(hodges_lehmann(&[10], &[3, 4]), Some(6), "6.5 rounded down");
}

#[test]
fn whole_weeks_are_chosen_together() {
    let week = |from: i128| (0..7).map(|day| from + day).collect::<Vec<_>>();
    let (before, after) = ([week(100), week(200), week(300)], [week(0), week(10), week(20)]);
    assert_eq!(by_weeks(&before, &after).unwrap().to_string(), "1/20");
    assert_eq!(by_weeks(&after, &before).unwrap().to_string(), "20/20");
}

#[test]
fn the_worked_e_values_are_met_in_every_digit() {
    let old = Fraction::new(1, 1000).unwrap();
    let of = |x, n| ln_e(x, n, old, hoped_for()).unwrap();
    assert_eq!((of(31, 200_000).to_string(), of(31, 200_000).reaches(20)), ("102.746".to_owned(), true));
    assert_eq!((of(5, 10_000).to_string(), of(5, 10_000).reaches(20)), ("0.981".to_owned(), false));
    assert_eq!((of(0, 4277).to_string(), of(0, 4277).reaches(20)), ("2.996".to_owned(), true));
    assert_eq!((of(0, 4276).to_string(), of(0, 4276).reaches(20)), ("2.995".to_owned(), false));
    assert_eq!(of(10, 1000).to_string(), "-11.346");
    assert_eq!((ln_e(2, 1, old, hoped_for()), ln_e(0, 1, old, old)), (None, None));
}

#[test]
fn limits_from_a_sketch_lie_outside_those_of_the_requests() {
    let latencies: Vec<u64> = (1..=200_000_u64).map(|n| 1_000_000 + n * n % 7_919_000).collect();
    let mut sorted = latencies.clone();
    sorted.sort_unstable();
    let exact = of_sorted(&sorted, Quantile::p999(), outside_975()).unwrap();
    let read = of_sketch(&Sketch::of(latencies), 200_000, Quantile::p999(), outside_975()).unwrap();
    assert_eq!(exact.ranks, read.ranks);
    assert!(read.low_ns <= exact.low_ns && exact.high_ns <= read.high_ns);
    assert!(read.ns.abs_diff(exact.ns) * 256 <= exact.ns);
    let (least, most) = difference(&exact, &exact).unwrap();
    assert!(least < 0 && most == -least);
}

/// A case that holds in all respects: weeks of days at 4.6 s, then at 2.9 s.
fn sound(days_a_side: i64) -> Case {
    let ns = |day: i64| if day < 100 { 4_600_000 } else { 2_900_000 } + (day.rem_euclid(7) * 1000) as u64;
    let day = |day: i64| DayQuantile { day, requests: 14_000, ns: ns(day) };
    let interval = |ns: u64| {
        let ranks = ranks(200_000, Quantile::p999(), outside_975()).unwrap();
        Some(Interval { ranks, ns, low_ns: Some(ns - 50_000), high_ns: Some(ns + 50_000) })
    };
    Case {
        registered: true,
        change_day: 100,
        days: (100 - days_a_side..=100 + days_a_side).map(day).collect(),
        control: vec![],
        before: interval(4_600_000),
        after: interval(2_900_000),
        cause: Some(Cause::Team { before_ns: 3_000_000, after_ns: 1_800_000 }),
        broken: vec![],
    }
}

#[test]
fn a_sound_claim_is_verified_at_its_lower_end() {
    let verdict = judge(&sound(14));
    assert_eq!((verdict.outcome, verdict.refusals), (Outcome::Verified, vec![]));
    assert_eq!((verdict.shift_ns, verdict.difference_ns), (Some(1_700_000), Some((1_600_000, 1_800_000))));
    assert_eq!(verdict.claim_ns, Some(1_600_000));
    assert_eq!(verdict.p.unwrap().to_string(), "1/40116600");
    assert_eq!(verdict.p_weeks, None);
}

#[test]
fn six_weeks_a_side_are_judged_by_weeks_too() {
    let verdict = judge(&sound(42));
    assert_eq!((verdict.outcome, verdict.reported_p().unwrap().to_string()), (Outcome::Verified, "1/924".to_owned()));
    assert_eq!(verdict.reported_p(), verdict.p_weeks.as_ref());
}

#[test]
fn each_rule_that_does_not_hold_is_a_reason() {
    let refused = |change: &dyn Fn(&mut Case)| {
        let mut case = sound(14);
        change(&mut case);
        let verdict = judge(&case);
        assert_eq!((verdict.outcome, verdict.claim_ns), (Outcome::NotShown, None));
        verdict.refusals
    };
    assert_eq!(refused(&|case| case.registered = false), [Refusal::NotRegistered]);
    let short = refused(&|case| case.days.retain(|day| day.day >= 93));
    assert_eq!(short, [Refusal::TooFewDays(Side::Before, 7)]);
    assert_eq!(
        refused(&|case| case.days.push(DayQuantile { day: 115, requests: 4_000, ns: 1 })),
        [Refusal::OtherWeekdays]
    );
    let thin = refused(&|case| case.after.as_mut().unwrap().ranks.n = 99_999);
    assert_eq!(thin, [Refusal::TooFewRequests(Side::After, 99_999)]);
    assert_eq!(refused(&|case| case.broken.push(Guard::MixChanged)), [Refusal::Broken(Guard::MixChanged)]);
    let wide = refused(&|case| case.after.as_mut().unwrap().high_ns = Some(4_700_000));
    assert_eq!(wide[0], Refusal::DifferenceNotShown(-150_000));
    let chance = refused(&|case| case.days.iter_mut().for_each(|day| day.ns = 4_600_000 + (day.day % 2) as u64));
    assert!(matches!(&chance[..], [Refusal::ByChance(_)]), "{chance:?}");
    assert!(chance[0].to_string().ends_with("over days is not below 1/100"));
    let thin_day = refused(&|case| case.days[0].requests = 3_999);
    assert_eq!(thin_day, [Refusal::TooFewDays(Side::Before, 13), Refusal::OtherWeekdays]);
    let none = refused(&|case| case.days.clear());
    assert_eq!(none, [Refusal::TooFewDays(Side::Before, 0), Refusal::TooFewDays(Side::After, 0)]);
}

#[test]
fn a_control_that_gained_as_much_takes_the_claim_away() {
    let mut case = sound(14);
    case.control = case.days.clone();
    let verdict = judge(&case);
    assert_eq!((verdict.outcome, verdict.control_ns), (Outcome::NotShown, Some(1_700_000)));
    assert_eq!(verdict.refusals, [Refusal::ControlGainedToo(1_700_000)]);
    case.control.iter_mut().for_each(|day| day.ns = 3_000_000 - if day.day < 100 { 0 } else { 100_000 });
    let verdict = judge(&case);
    assert_eq!((verdict.outcome, verdict.claim_ns), (Outcome::Verified, Some(1_500_000)));
}

#[test]
fn an_improvement_of_others_is_improved_cause_not_shown() {
    let with = |cause| {
        let verdict = judge(&Case { cause, ..sound(14) });
        (verdict.outcome, verdict.refusals)
    };
    let team = with(Some(Cause::Team { before_ns: 3_000_000, after_ns: 2_200_001 }));
    assert_eq!(team, (Outcome::CauseNotShown, vec![Refusal::CauseNotShown(799_999, 800_000)]));
    assert_eq!(with(None), (Outcome::CauseNotShown, vec![Refusal::CauseUnknown]));
    assert_eq!(with(Some(Cause::Runtime { taken_ns: 8, whole_ns: 10 })).0, Outcome::Verified);
    assert_eq!(with(Some(Cause::Runtime { taken_ns: 7, whole_ns: 9 })).0, Outcome::CauseNotShown);
}
