//! Cost series that nobody has seen: with weeks, months, holidays, noise of several kinds, events whose days are
//! known, changes that were announced, and days that are known late.
//!
//! ```text
//! seed 7, series 0, 420 days  →  costs; spike on day 131, ramp from 190 to 214 …; what was known of each day how soon
//! ```
//! A seed gives the same bytes on every machine: floats are only added, multiplied and divided, and become whole cents
//! at the end.

use leap_terms::{Day, Exact};

use crate::company::random::Random;

/// Days before the first event: a detector may learn from them.
pub const QUIET_DAYS: usize = 120;
/// Days between the starts of two events, at least.
const APART: i64 = 30;
const CENT: i128 = 10_000_000_000_000_000;

/// A cost series and the truth about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DriftingSeries {
    /// Its name; the kind of its noise is part of it.
    pub name: String,
    /// Its first day.
    pub first: Day,
    /// What each day cost in the end.
    pub costs: Vec<Exact>,
    /// What was known of each day one day after it, and two.
    pub known: Vec<[Exact; 2]>,
    /// Days from which an announced change holds.
    pub changes: Vec<usize>,
    /// Its holidays.
    pub holidays: Vec<usize>,
    /// What a detector should find.
    pub events: Vec<DriftEvent>,
}

/// An event of a series.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DriftEvent {
    /// `spike`, `shift`, `ramp` or `drop`.
    pub kind: &'static str,
    /// Its first day.
    pub start: usize,
    /// Its last day.
    pub end: usize,
    /// What it cost more; less than zero for a drop.
    pub excess: Exact,
}

/// How a series is noisy.
#[derive(Clone, Copy)]
struct Noise {
    name: &'static str,
    /// A day's own deviation, on quiet and on other weekdays.
    day: [f64; 2],
    /// How much of yesterday's level error stays, and how much comes new.
    stays: f64,
    comes: f64,
    /// Bursts in ten thousand days; they fade by half a day.
    bursts: u64,
    /// Days in ten thousand that lose up to nine tenths (weather, closed shops).
    slumps: u64,
}

const NOISES: [Noise; 6] = [
    Noise { name: "steady", day: [0.02, 0.02], stays: 0.0, comes: 0.0, bursts: 0, slumps: 0 },
    Noise { name: "plain", day: [0.04, 0.04], stays: 0.9, comes: 0.01, bursts: 0, slumps: 0 },
    Noise { name: "wandering", day: [0.04, 0.04], stays: 0.97, comes: 0.035, bursts: 0, slumps: 0 },
    Noise { name: "weekdays", day: [0.04, 0.2], stays: 0.8, comes: 0.04, bursts: 0, slumps: 0 },
    Noise { name: "bursts", day: [0.1, 0.1], stays: 0.9, comes: 0.06, bursts: 250, slumps: 0 },
    Noise { name: "slumps", day: [0.12, 0.12], stays: 0.6, comes: 0.08, bursts: 0, slumps: 400 },
];

/// The series of a seed and number, so many days long. Half of all are steady or plain, as most bills are.
pub fn drifting(seed: u64, number: u64, days: usize) -> DriftingSeries {
    let mut random = Random::fork(seed, &[0x64_7269_6674, number]);
    let noise = if random.chance(5_000) { NOISES[random.index(2)] } else { NOISES[2 + random.index(4)] };
    let first = Day::from_days(16_000 + random.between(0, 4_000) as i32);
    let mut path = normal_path(&mut random, noise, first, days);
    let mut changes = Vec::new();
    if random.chance(2_500) && days > 315 {
        let at = random.between(215, 315) as usize;
        let factor =
            if random.chance(5_000) { 1.25 + 0.4 * share(&mut random) } else { 0.6 + 0.2 * share(&mut random) };
        path.iter_mut().skip(at).for_each(|cost| *cost *= factor);
        changes.push(at);
    }
    let mut events = Vec::new();
    let mut at = QUIET_DAYS as i64 + random.between(5, 30);
    while at + 32 < days as i64 {
        let event = event(&mut random, &mut path, at as usize);
        at += APART.max((event.end - event.start) as i64 + 10) + random.between(0, 30);
        events.push(event);
    }
    let costs: Vec<Exact> = path.iter().map(|cost| cents(*cost)).collect();
    let known = path
        .iter()
        .map(|cost| {
            let (one, two) = (0.9 + 0.04 * deviation(&mut random), 0.98 + 0.01 * deviation(&mut random));
            [cents(cost * one.clamp(0.5, 1.0)), cents(cost * two.clamp(0.9, 1.0))]
        })
        .collect();
    let holidays = (0..days).filter(|day| is_holiday(first, *day)).collect();
    let name = format!("{}_{number:03}", noise.name);
    DriftingSeries { name, first, costs, known, changes, holidays, events }
}

/// What a series costs without events.
fn normal_path(random: &mut Random, noise: Noise, first: Day, days: usize) -> Vec<f64> {
    let base = 300.0 + 20_000.0 * share(random) * share(random);
    let weekend = if random.chance(6_000) { 0.5 + 0.45 * share(random) } else { 1.0 };
    let fee = if random.chance(4_000) { base * (0.3 + 0.7 * share(random)) } else { 0.0 };
    let slope = (share(random) - 0.4) * 0.5 / 365.0;
    let holiday = if random.chance(5_000) { weekend * 0.8 } else { 1.0 };
    let (mut level, mut burst) = (0.0, 0.0);
    (0..days)
        .map(|day| {
            let date = first.plus(day as i32);
            let weekday = date.days().rem_euclid(7);
            level = level * noise.stays + noise.comes * deviation(random);
            burst = burst * 0.5 + if random.chance(noise.bursts) { 3.0 * share(random) } else { 0.0 };
            let slump = if random.chance(noise.slumps) { 0.1 + 0.5 * share(random) } else { 1.0 };
            let own = noise.day[usize::from(weekday < 4)] * deviation(random);
            let shape = if weekday >= 5 { weekend } else { 1.0 } * if is_holiday(first, day) { holiday } else { 1.0 };
            let month = if date.ymd().2 == 1 { fee } else { 0.0 };
            let usual = base * (1.0 + slope * day as f64) * shape * (1.0 + level).max(0.2);
            (usual * (1.0 + own + burst).max(0.1) + month) * slump
        })
        .collect()
}

/// Puts an event into a path.
fn event(random: &mut Random, path: &mut [f64], start: usize) -> DriftEvent {
    let (kind, length, size) = match random.below(100) {
        0..40 => ("spike", random.between(1, 4), 0.25 + 0.75 * share(random)),
        40..70 => ("shift", random.between(10, 31), 0.2 + 0.3 * share(random)),
        70..91 => ("ramp", random.between(14, 31), 0.4 + 0.6 * share(random)),
        _ => ("drop", random.between(1, 3), -(0.75 + 0.2 * share(random))),
    };
    let length = length as usize;
    let mut excess = Exact::ZERO;
    for (at, cost) in path[start..start + length].iter_mut().enumerate() {
        let part = if kind == "ramp" { (at + 1) as f64 / length as f64 } else { 1.0 };
        let after = *cost * (1.0 + size * part);
        excess += cents(after) - cents(*cost);
        *cost = after;
    }
    DriftEvent { kind, start, end: start + length - 1, excess }
}

/// New Year, and the days around Christmas.
fn is_holiday(first: Day, day: usize) -> bool {
    let (_, month, day) = first.plus(day as i32).ymd();
    matches!((month, day), (1, 1) | (12, 24..=26))
}

fn share(random: &mut Random) -> f64 {
    random.below(1 << 32) as f64 / (1_u64 << 32) as f64
}

fn deviation(random: &mut Random) -> f64 {
    random.normal() as f64 / f64::from(1 << 16)
}

fn cents(cost: f64) -> Exact {
    Exact::from_parts((cost * 100.0).round() as i128 * CENT, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_series_and_events_lie_where_they_say() {
        let one = drifting(7, 3, 420);
        assert_eq!(one, drifting(7, 3, 420));
        assert_ne!(one.costs, drifting(7, 4, 420).costs);
        let many: Vec<DriftingSeries> = (0..40).map(|number| drifting(7, number, 420)).collect();
        assert!(many.iter().all(|series| series.costs.len() == 420 && series.known.len() == 420));
        let events: Vec<&DriftEvent> = many.iter().flat_map(|series| &series.events).collect();
        assert!(events.len() > 150 && events.iter().all(|event| event.start >= QUIET_DAYS && event.end < 420));
        for kind in ["spike", "shift", "ramp", "drop"] {
            assert!(events.iter().any(|event| event.kind == kind), "no {kind}");
        }
        assert!(events.iter().all(|event| (event.kind == "drop") == (event.excess < Exact::ZERO)));
        assert!(many.iter().any(|series| !series.changes.is_empty()));
    }
}
