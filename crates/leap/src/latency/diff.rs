//! `leap latency diff BEFORE AFTER`: a change judged by the rules of the savings ledger. A claim that is not shown is refused,
//! with every reason.

use std::collections::BTreeMap;
use std::path::Path;

use leap_orient::tail::evidence::early::{hoped_for, ln_e};
use leap_orient::tail::evidence::mix::distance_ppm;
use leap_orient::tail::evidence::ranks::{Interval, of_sorted, outside_975};
use leap_orient::tail::evidence::verdict::{Case, Cause, DayQuantile, Guard, Outcome, Verdict, judge};
use leap_orient::tail::{Band, Composition, Quantile, Sketch};
use leap_terms::Period;
use serde_json::{Value, json};

use super::question::{By, Loaded, load, open};
use super::report::{Divided, broken, percent, ranked};
use super::shown;
use crate::cli::{LatencyDiffArgs, OutputFormat};
use crate::failure::Failure;
use crate::output::{Answer, Cell, emit, print_json};

/// Mixes of operations that are further apart than this are not compared, in millionths.
const MIX_PPM: u64 = 50_000;

/// One side, loaded.
struct Half {
    loaded: Loaded,
    interval: Option<Interval>,
    /// What each owner has at the quantile, and more than at the median.
    parts: BTreeMap<String, (u64, i128)>,
    tail: Composition<u32>,
    errors: u64,
    mean_weight: u128,
}

impl Half {
    fn requests(&self) -> u64 {
        self.loaded.requests.rows().len() as u64
    }

    fn days(&self, p: Quantile) -> Vec<DayQuantile> {
        daily(&self.loaded, p)
    }

    fn mix(&self) -> BTreeMap<String, Sketch> {
        let mut latencies = BTreeMap::<String, Vec<u64>>::new();
        for row in self.loaded.requests.rows() {
            let text = |name| self.loaded.requests.text(name);
            let operation = format!("{} {}", text(row.service), text(row.operation));
            latencies.entry(operation).or_default().push(row.latency_ns);
        }
        latencies.into_iter().map(|(operation, latencies)| (operation, Sketch::of(latencies))).collect()
    }
}

fn daily(loaded: &Loaded, p: Quantile) -> Vec<DayQuantile> {
    let mut days = BTreeMap::<i32, Vec<(u64, leap_orient::tail::Units)>>::new();
    for row in loaded.requests.rows() {
        days.entry(row.day().days()).or_default().push((row.latency_ns, row.weight));
    }
    days.into_iter()
        .filter_map(|(day, mut latencies)| {
            latencies.sort_unstable();
            let ns = leap_orient::tail::quantile::nearest_rank(&latencies, p)?;
            Some(DayQuantile { day: i64::from(day), requests: latencies.len() as u64, ns })
        })
        .collect()
}

pub(super) async fn run(root: &Path, args: &LatencyDiffArgs) -> Result<(), Failure> {
    if args.before.until() > args.after.from() {
        return Err(Failure::usage(format!(
            "{} ends after {} begins: name the period before the change first, and let them not overlap",
            args.before, args.after
        )));
    }
    let (home, view) = open(root, &args.reading).await?;
    let readers = view.readers();
    let mut halves = Vec::new();
    for period in [args.before, args.after] {
        let loaded = load(&home, &view, args.api.as_deref(), Some(period), false).await?;
        halves.push(half(loaded, args.quantile, &readers[0])?);
    }
    let [before, after] = <[Half; 2]>::try_from(halves).unwrap_or_else(|_| unreachable!("two periods, two halves"));
    if let Some(team) = &args.team
        && ![&before, &after].iter().any(|half| half.parts.contains_key(team))
    {
        let known: Vec<&str> = before.parts.keys().map(String::as_str).collect();
        return Err(Failure::usage(format!("no slice is of '{team}'; owners are {}", known.join(", "))));
    }
    let mut control = Vec::new();
    if let Some(api) = &args.control {
        for period in [args.before, args.after] {
            control.extend(daily(&load(&home, &view, Some(api), Some(period), false).await?, args.quantile));
        }
    }
    // The day of the change is dropped: the first that is in neither period, else the first of the second.
    let change = args.before.until();
    let mut days = before.days(args.quantile);
    days.extend(after.days(args.quantile));
    let excess = |half: &Half, team: &str| half.parts.get(team).map_or(0, |(_, excess)| *excess);
    let case = Case {
        registered: args.registered.is_some(),
        change_day: i64::from(change.days()),
        days,
        control,
        before: before.interval,
        after: after.interval,
        cause: args
            .team
            .as_ref()
            .map(|team| Cause::Team { before_ns: excess(&before, team), after_ns: excess(&after, team) }),
        broken: guards(&before, &after, args.before, args.after),
    };
    let verdict = judge(&case);
    let early = before.interval.and_then(|interval| {
        let over = after.loaded.requests.rows().iter().filter(|row| row.latency_ns > interval.ns).count() as u64;
        let reached = ln_e(over, after.requests(), args.quantile.beyond(), hoped_for())?;
        Some((over, reached))
    });
    let moved = moved(&before, &after);
    if args.format.format == OutputFormat::Json {
        let rows: Vec<Value> =
            moved.iter().map(|(owner, was, now)| json!({ "team": owner, "before_ns": was, "after_ns": now })).collect();
        print_json(&json!({
            "api": before.loaded.api.shown(),
            "before": side(&before, args.before),
            "after": side(&after, args.after),
            "outcome": word(verdict.outcome),
            "refusals": verdict.refusals.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "shift_ns": verdict.shift_ns.map(number),
            "p": verdict.reported_p().map(|p| p.decimal(6)),
            "difference_ns": verdict.difference_ns.map(|(least, most)| [number(least), number(most)]),
            "control_ns": verdict.control_ns.map(number),
            "claim_ns": verdict.claim_ns.map(number),
            "early_ln_e_thousandths": early.map(|(_, reached)| number(reached.thousandths())),
            "registered": args.registered,
            "rows": rows,
        }))?;
    } else {
        tell(args, &before, &after, &verdict, &moved, early.map(|(over, reached)| (over, reached.thousandths())))?;
    }
    match verdict.outcome {
        Outcome::Verified => Ok(()),
        Outcome::CauseNotShown | Outcome::NotShown => Err(Failure {
            message: "the improvement is not verified".to_owned(),
            exit: crate::failure::Exit::PolicyBroken,
        }),
    }
}

fn number(ns: i128) -> i64 {
    i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Verified => "verified",
        Outcome::CauseNotShown => "improved, cause not shown",
        Outcome::NotShown => "not shown",
    }
}

fn half(loaded: Loaded, p: Quantile, reader: &leap_orient::org::Reader<'_>) -> Result<Half, Failure> {
    let by = By::Team;
    let divided = {
        let mut labels = loaded.labels(&by, reader);
        Divided::of(&loaded, |part, day| labels.of(part, day))
    };
    let ranked = ranked(&loaded, &divided.coarse)?;
    let excess = ranked.excess(p, Band::Default).map_err(broken)?.expect("there are requests");
    let sorted: Vec<u64> = ranked.requests().iter().map(|request| request.latency_ns).collect();
    let more: BTreeMap<u32, i128> = excess.excess.iter().copied().collect();
    let parts = divided
        .values
        .iter()
        .zip(0_u32..)
        .map(|(name, value)| (name.clone(), (excess.tail.part(&value), more.get(&value).copied().unwrap_or(0))));
    let parts = parts.collect();
    let rows = loaded.requests.rows();
    let errors = rows.iter().filter(|row| row.error).count() as u64;
    let weight: u128 = rows.iter().map(|row| u128::from(row.weight.count())).sum();
    let mean_weight = weight / rows.len().max(1) as u128;
    let interval = of_sorted(&sorted, p, outside_975());
    Ok(Half { interval, parts, tail: excess.tail, errors, mean_weight, loaded })
}

/// What would make the comparison unfair.
fn guards(before: &Half, after: &Half, first: Period, second: Period) -> Vec<Guard> {
    let mut broken = Vec::new();
    if distance_ppm(&before.mix(), &after.mix()).is_none_or(|apart| apart > MIX_PPM) {
        broken.push(Guard::MixChanged);
    }
    let days = |period: Period| u128::from((period.until().days() - period.from().days()).unsigned_abs());
    let (was, now) = (u128::from(before.requests()) * days(second), u128::from(after.requests()) * days(first));
    if now > was * 2 || was > now * 2 {
        broken.push(Guard::VolumeChanged);
    }
    // More than a tenth more of requests fail, and at least one in a thousand more.
    let rate = |half: &Half| u128::from(half.errors) * 1_000_000 / u128::from(half.requests().max(1));
    if rate(after) * 10 > rate(before) * 11 && rate(after) > rate(before) + 1_000 {
        broken.push(Guard::ErrorsRose);
    }
    let unknown = |half: &Half| half.loaded.requests.rows().iter().any(|row| !row.weight_known);
    if unknown(before) != unknown(after)
        || before.mean_weight * 100 > after.mean_weight * 101
        || after.mean_weight * 100 > before.mean_weight * 101
    {
        broken.push(Guard::SamplingChanged);
    }
    broken
}

/// Owners by how much less they take, in ns before and after.
fn moved(before: &Half, after: &Half) -> Vec<(String, u64, u64)> {
    let names: std::collections::BTreeSet<&String> = before.parts.keys().chain(after.parts.keys()).collect();
    let part = |half: &Half, name: &String| half.parts.get(name).map_or(0, |(ns, _)| *ns);
    let mut rows: Vec<(String, u64, u64)> =
        names.into_iter().map(|name| (name.clone(), part(before, name), part(after, name))).collect();
    rows.sort_by_key(|(name, was, now)| (i128::from(*now) - i128::from(*was), name.clone()));
    rows
}

fn side(half: &Half, period: Period) -> Value {
    json!({
        "period": period.to_string(),
        "requests": half.requests(),
        "latency_ns": half.tail.latency_ns,
        "interval_ns": half.interval.map(|interval| json!([interval.low_ns, interval.high_ns])),
    })
}

fn tell(
    args: &LatencyDiffArgs,
    before: &Half,
    after: &Half,
    verdict: &Verdict,
    moved: &[(String, u64, u64)],
    early: Option<(u64, i128)>,
) -> Result<(), Failure> {
    let ns = |value: u64| shown(i128::from(value));
    let line = |what: &str, half: &Half, period: Period| {
        let interval = half.interval.and_then(|interval| Some((interval.low_ns?, interval.high_ns?)));
        let interval = interval.map_or_else(
            || "too few requests for an interval".to_owned(),
            |(low, high)| format!("between {} and {} with 97.5 %", ns(low), ns(high)),
        );
        format!("{what:7} {period}  {}  ({} requests; {interval})\n", ns(half.tail.latency_ns), half.requests())
    };
    let mut text = format!("{} of {}: {}\n", percent(args.quantile), before.loaded.api.shown(), word(verdict.outcome));
    text += &line("before", before, args.before);
    text += &line("after", after, args.after);
    if let (Some(shift), Some(p)) = (verdict.shift_ns, verdict.reported_p()) {
        text += &format!(
            "day by day it fell by {} (Hodges-Lehmann); by chance alone that has p {} (exact rank sum)\n",
            shown(shift),
            match p.decimal(6).as_str() {
                "0.000000" => "below 0.000001".to_owned(),
                p => format!("= {p}"),
            }
        );
    }
    if let Some((least, most)) = verdict.difference_ns {
        text += &format!("the difference lies between {} and {} with 95 %\n", shown(least), shown(most));
    }
    if let Some((over, thousandths)) = early {
        let (sign, size) = (if thousandths < 0 { "-" } else { "" }, thousandths.unsigned_abs());
        text += &format!(
            "{over} requests after it took longer than the old quantile: ln E = {sign}{}.{:03}, enough from 2.996 on\n",
            size / 1_000,
            size % 1_000
        );
    }
    match verdict.claim_ns {
        Some(claim) => text += &format!("at least {} may be claimed\n", shown(claim)),
        None => {
            text += "nothing may be claimed:\n";
            for refusal in &verdict.refusals {
                text += &format!("  {refusal}\n");
            }
        }
    }
    emit(&text)?;
    emit("\n")?;
    let mut answer = Answer::new("Whose part fell", &["team", "before", "after", "change"]);
    for (owner, was, now) in moved {
        answer.rows.push(vec![
            Cell::text(&**owner),
            Cell::text(ns(*was)),
            Cell::text(ns(*now)),
            Cell::text(shown(i128::from(*now) - i128::from(*was))),
        ]);
    }
    answer.totals.push(vec![
        Cell::text("total"),
        Cell::text(ns(before.tail.latency_ns)),
        Cell::text(ns(after.tail.latency_ns)),
        Cell::text(shown(i128::from(after.tail.latency_ns) - i128::from(before.tail.latency_ns))),
    ]);
    answer.print(args.format.format)
}
