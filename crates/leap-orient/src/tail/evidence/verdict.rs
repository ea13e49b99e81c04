//! A claim of improvement judged: what is shown, how much may be claimed, and each reason to refuse.
//!
//! ```text
//! ledger cache, charge-api p99.9    verified: 1.70 s a day, at least 1.62 s may be claimed
//! control                           not shown: p = 545/3432 is not below 1/100
//! ```
//! The rules are those of the savings ledger. All must hold: registered before; at least 14 days a side with the same
//! weekdays, without the day of the change; the exact rank-sum p below 1/100 (the larger of days and, from 6 whole
//! weeks a side, weeks); 100,000 requests a side; a difference of the pooled quantiles that is above 0 with 95 %; no
//! guard broken; the cause shown. What may be claimed is the lower end of that difference, less what a control without
//! the change gained in the same time.

use std::collections::BTreeMap;
use std::fmt;

use super::super::fraction::Fraction;
use super::chance::Chance;
use super::ranks::{Interval, difference};
use super::ranksum::{by_weeks, hodges_lehmann, rank_sum};

/// Days a side.
pub const DAYS: usize = 14;
/// Requests a day from which its p99.9 is known at all.
pub const DAY_REQUESTS: u64 = 4_000;
/// Whole weeks a side from which weeks are permuted too.
pub const WEEKS: usize = 6;
/// Requests a side for a claim.
pub const REQUESTS: u64 = 100_000;

/// One day's quantile.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DayQuantile {
    /// Days since the epoch.
    pub day: i64,
    /// From how many requests; days with fewer than [`DAY_REQUESTS`] do not count.
    pub requests: u64,
    /// The day's quantile, ns.
    pub ns: u64,
}

/// What shows that the change was the cause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The excess of the team that made the change, in the same band: it must fall by at least half of the claim.
    Team {
        /// Before, ns.
        before_ns: i128,
        /// After, ns.
        after_ns: i128,
    },
    /// A change without spans of its own (garbage collection, runtime): at least 80 % of the drop in `self` slices of
    /// the services that took it.
    Runtime {
        /// The drop in those slices, ns.
        taken_ns: i128,
        /// The whole drop, ns.
        whole_ns: i128,
    },
}

/// A guard that was found broken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Guard {
    /// Operations are asked for in other proportions, and the quantile was not re-weighted.
    MixChanged,
    /// There is much more or less traffic.
    VolumeChanged,
    /// More requests fail, and failures are fast.
    ErrorsRose,
    /// Requests are sampled in another way.
    SamplingChanged,
    /// Data of the windows still come in.
    LateData,
}

/// A claim with its data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// Metric, API, lengths, time and direction were written down before the change.
    pub registered: bool,
    /// The day of the change: it is dropped.
    pub change_day: i64,
    /// Daily quantiles, any order; which side they are on is told by the day of the change.
    pub days: Vec<DayQuantile>,
    /// The same of an API or region without the change, where there is one: differences are then taken to it, day by
    /// day.
    pub control: Vec<DayQuantile>,
    /// The quantile of all days before, pooled, with its 97.5 % interval.
    pub before: Option<Interval>,
    /// The quantile of all days after, pooled, with its 97.5 % interval.
    pub after: Option<Interval>,
    /// What shows the cause.
    pub cause: Option<Cause>,
    /// Guards found broken.
    pub broken: Vec<Guard>,
}

/// Before or after.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    /// Before the change.
    Before,
    /// After the change.
    After,
}

/// Why a claim is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Nothing was written down before.
    NotRegistered,
    /// A side has too few days.
    TooFewDays(Side, usize),
    /// The sides do not have the same weekdays in the same proportions.
    OtherWeekdays,
    /// A side has too many days for the exact test.
    TooManyDays(usize),
    /// A side has too few requests.
    TooFewRequests(Side, u64),
    /// The days could well have fallen so by chance.
    ByChance(Chance),
    /// So could the weeks.
    ByChanceOfWeeks(Chance),
    /// The difference of the pooled quantiles may be this or less, which is no improvement.
    DifferenceNotShown(i128),
    /// Nothing is left once the control's gain is taken off: the control gained this.
    ControlGainedToo(i128),
    /// A guard is broken.
    Broken(Guard),
    /// No attribution was given.
    CauseUnknown,
    /// The part of the change fell by this, and so much is needed.
    CauseNotShown(i128, i128),
}

/// What the claim is worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// All rules hold.
    Verified,
    /// It did improve, but not shown to be by this change.
    CauseNotShown,
    /// An improvement is not shown.
    NotShown,
}

/// The judgement with all its numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// What the claim is worth.
    pub outcome: Outcome,
    /// Why it is not verified, each reason; empty when it is.
    pub refusals: Vec<Refusal>,
    /// Hodges-Lehmann's shift of the daily quantiles, ns; positive is faster.
    pub shift_ns: Option<i128>,
    /// The one-sided p-value over days.
    pub p: Option<Chance>,
    /// The one-sided p-value over whole weeks, where there are [`WEEKS`] a side.
    pub p_weeks: Option<Chance>,
    /// The difference of the pooled quantiles lies in here with at least 95 %, ns.
    pub difference_ns: Option<(i128, i128)>,
    /// What the control gained, ns.
    pub control_ns: Option<i128>,
    /// What may be claimed, ns; `None` unless verified.
    pub claim_ns: Option<i128>,
}

impl Verdict {
    /// The p-value to report: the larger of days and weeks.
    pub fn reported_p(&self) -> Option<&Chance> {
        self.p.iter().chain(&self.p_weeks).max()
    }
}

/// Judges a claim.
pub fn judge(case: &Case) -> Verdict {
    let mut refusals = Vec::new();
    if !case.registered {
        refusals.push(Refusal::NotRegistered);
    }
    let (before, after) = sides(&case.days, case.change_day);
    for (side, days) in [(Side::Before, &before), (Side::After, &after)] {
        if days.len() < DAYS {
            refusals.push(Refusal::TooFewDays(side, days.len()));
        }
    }
    if !same_weekdays(&before, &after) {
        refusals.push(Refusal::OtherWeekdays);
    }
    let (b, a) = (values(&before), values(&after));
    let (shift_ns, p) = (hodges_lehmann(&b, &a), rank_sum(&b, &a).map(|found| found.p));
    let limit = Fraction::new(1, 100).expect("a fraction");
    match &p {
        Some(p) if p.cmp_fraction(limit).is_ge() => refusals.push(Refusal::ByChance(p.clone())),
        None if b.len() + a.len() > super::ranksum::MOST => refusals.push(Refusal::TooManyDays(b.len() + a.len())),
        Some(_) | None => {}
    }
    let (weeks_before, weeks_after) = weeks(&before, &after, case.change_day);
    let enough = weeks_before.len() >= WEEKS && weeks_after.len() >= WEEKS;
    let p_weeks = enough.then(|| by_weeks(&weeks_before, &weeks_after)).flatten();
    if let Some(p) = p_weeks.as_ref().filter(|p| p.cmp_fraction(limit).is_ge()) {
        refusals.push(Refusal::ByChanceOfWeeks(p.clone()));
    }
    let control_ns = control_gain(case);
    // With a control, the days' shift is the difference in differences.
    let adjusted = control_ns.and_then(|_| against_control(case));
    if let Some((shift, chance)) = &adjusted
        && (*shift <= 0 || chance.cmp_fraction(limit).is_ge())
    {
        refusals.push(Refusal::ControlGainedToo(control_ns.unwrap_or(0)));
    }
    for (side, interval) in [(Side::Before, &case.before), (Side::After, &case.after)] {
        let n = interval.map_or(0, |interval| interval.ranks.n);
        if n < REQUESTS {
            refusals.push(Refusal::TooFewRequests(side, n));
        }
    }
    let difference_ns = case.before.as_ref().zip(case.after.as_ref()).and_then(|(b, a)| difference(b, a));
    let least = difference_ns.map(|(least, _)| least);
    let claim = least.map(|least| least - control_ns.unwrap_or(0).max(0));
    match (least, claim) {
        (Some(least), _) if least <= 0 => refusals.push(Refusal::DifferenceNotShown(least)),
        (Some(_), Some(claim)) if claim <= 0 => {
            let refusal = Refusal::ControlGainedToo(control_ns.unwrap_or(0));
            if !refusals.contains(&refusal) {
                refusals.push(refusal);
            }
        }
        (Some(_) | None, _) => {}
    }
    refusals.extend(case.broken.iter().map(|guard| Refusal::Broken(*guard)));
    let improved = refusals.is_empty() && claim.is_some();
    refusals.extend(cause_refusal(case.cause, claim.unwrap_or(0)));
    let outcome = match (improved, refusals.is_empty()) {
        (true, true) => Outcome::Verified,
        (true, false) => Outcome::CauseNotShown,
        (false, _) => Outcome::NotShown,
    };
    let claim_ns = claim.filter(|_| outcome == Outcome::Verified);
    Verdict { outcome, refusals, shift_ns, p, p_weeks, difference_ns, control_ns, claim_ns }
}

fn cause_refusal(cause: Option<Cause>, claim: i128) -> Option<Refusal> {
    match cause {
        None => Some(Refusal::CauseUnknown),
        Some(Cause::Team { before_ns, after_ns }) => {
            let (fell, needed) = (before_ns - after_ns, claim - claim.div_euclid(2));
            (fell < needed).then_some(Refusal::CauseNotShown(fell, needed))
        }
        Some(Cause::Runtime { taken_ns, whole_ns }) => {
            let needed = (whole_ns * 8 + 9).div_euclid(10);
            (taken_ns < needed || whole_ns <= 0).then_some(Refusal::CauseNotShown(taken_ns, needed))
        }
    }
}

/// The days before and after, each sorted; the day of the change and days of few requests are dropped, and of a day
/// given twice the one of more requests counts.
fn sides(days: &[DayQuantile], change_day: i64) -> (Vec<DayQuantile>, Vec<DayQuantile>) {
    let mut by_day: BTreeMap<i64, DayQuantile> = BTreeMap::new();
    for day in days.iter().filter(|day| day.day != change_day && day.requests >= DAY_REQUESTS) {
        let held = by_day.entry(day.day).or_insert(*day);
        *held = (*held).max(*day);
    }
    by_day.into_values().partition(|day| day.day < change_day)
}

fn values(days: &[DayQuantile]) -> Vec<i128> {
    days.iter().map(|day| i128::from(day.ns)).collect()
}

fn same_weekdays(before: &[DayQuantile], after: &[DayQuantile]) -> bool {
    let count = |days: &[DayQuantile], weekday: i64| days.iter().filter(|day| day.day.rem_euclid(7) == weekday).count();
    (0..7).all(|weekday| count(before, weekday) * after.len() == count(after, weekday) * before.len())
}

/// Whole weeks that touch the day of the change without gaps of days in them: counted backwards from it and forwards.
fn weeks(before: &[DayQuantile], after: &[DayQuantile], change_day: i64) -> (Vec<Vec<i128>>, Vec<Vec<i128>>) {
    let whole = |days: &[DayQuantile], week_of: &dyn Fn(i64) -> i64| {
        let mut weeks: BTreeMap<i64, Vec<i128>> = BTreeMap::new();
        for day in days {
            weeks.entry(week_of(day.day)).or_default().push(i128::from(day.ns));
        }
        weeks.into_values().filter(|week| week.len() == 7).collect()
    };
    (whole(before, &|day| (change_day - 1 - day) / 7), whole(after, &|day| (day - change_day - 1) / 7))
}

/// Hodges-Lehmann's shift of the control.
fn control_gain(case: &Case) -> Option<i128> {
    let (before, after) = sides(&case.control, case.change_day);
    hodges_lehmann(&values(&before), &values(&after))
}

/// Shift and p-value of the daily differences to the control, over days that both have.
fn against_control(case: &Case) -> Option<(i128, Chance)> {
    let (control_before, control_after) = sides(&case.control, case.change_day);
    let control: BTreeMap<i64, u64> =
        control_before.iter().chain(&control_after).map(|day| (day.day, day.ns)).collect();
    let (before, after) = sides(&case.days, case.change_day);
    let less = |days: &[DayQuantile]| -> Vec<i128> {
        let both = days.iter().filter_map(|day| Some((day.ns, *control.get(&day.day)?)));
        both.map(|(ns, control)| i128::from(ns) - i128::from(control)).collect()
    };
    let (b, a) = (less(&before), less(&after));
    Some((hodges_lehmann(&b, &a)?, rank_sum(&b, &a)?.p))
}

impl fmt::Display for Side {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Side::Before => "before",
            Side::After => "after",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotRegistered => write!(out, "the claim was not registered before the change"),
            Refusal::TooFewDays(side, days) => write!(out, "{days} days {side} the change are fewer than {DAYS}"),
            Refusal::OtherWeekdays => write!(out, "the days before and after are not the same weekdays"),
            Refusal::TooManyDays(days) => write!(out, "{days} days are too many for the exact test"),
            Refusal::TooFewRequests(side, n) => write!(out, "{n} requests {side} the change are fewer than {REQUESTS}"),
            Refusal::ByChance(p) => write!(out, "p = {p} = {} over days is not below 1/100", p.decimal(3)),
            Refusal::ByChanceOfWeeks(p) => write!(out, "p = {p} = {} over weeks is not below 1/100", p.decimal(3)),
            Refusal::DifferenceNotShown(least) => {
                write!(out, "the difference of the pooled quantiles may be {least} ns, which is no improvement")
            }
            Refusal::ControlGainedToo(gain) => write!(out, "the control without the change gained {gain} ns too"),
            Refusal::Broken(Guard::MixChanged) => write!(out, "the mix of operations changed"),
            Refusal::Broken(Guard::VolumeChanged) => write!(out, "the volume of traffic changed"),
            Refusal::Broken(Guard::ErrorsRose) => write!(out, "more requests fail, and failures are fast"),
            Refusal::Broken(Guard::SamplingChanged) => write!(out, "the sampling changed"),
            Refusal::Broken(Guard::LateData) => write!(out, "data of these days still come in"),
            Refusal::CauseUnknown => write!(out, "improved, cause not shown: there is no attribution of the tail"),
            Refusal::CauseNotShown(fell, needed) => {
                write!(
                    out,
                    "improved, cause not shown: the part of the change fell by {fell} ns, {needed} ns are needed"
                )
            }
        }
    }
}
