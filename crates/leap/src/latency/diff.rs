//! `leap latency diff BEFORE AFTER`: a change judged by the rules of the savings ledger. A claim that is not shown is refused,
//! with every reason.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use leap_orient::tail::evidence::early::{hoped_for, ln_e};
use leap_orient::tail::evidence::mix::distance_ppm;
use leap_orient::tail::evidence::ranks::{Interval, of_sorted, outside_975};
use leap_orient::tail::evidence::verdict::{Case, Cause, DayQuantile, Guard, Outcome, Verdict, judge};
use leap_orient::tail::{Band, Composition, Quantile, Sketch};
use leap_terms::Period;
use serde_json::{Value, json};

use super::answer::Sampled;
use super::explain::{self, Explained, Meant};
use super::question::{By, Loaded, load, load_any, nothing, open, span_of};
use super::report::{Divided, broken, percent, ranked};
use super::shown;
use crate::cli::{LatencyDiffArgs, OutputFormat};
use crate::failure::Failure;
use crate::home::Home;
use crate::output::{Answer, Cell, emit, print_json};
use crate::traces;
use crate::view::View;

/// Mixes of operations that are further apart than this are not compared, in millionths.
const MIX_PPM: u64 = 50_000;

/// Requests nearest to the quantile among which one that is kept whole is looked for.
const NEAREST: usize = 500;

/// What is compared.
pub(crate) struct Question<'a> {
    /// Before the change.
    pub(crate) before: Period,
    /// After it.
    pub(crate) after: Period,
    /// As typed; all requests without it.
    pub(crate) api: Option<&'a str>,
    /// The quantile.
    pub(crate) quantile: Quantile,
    /// The team that made the change.
    pub(crate) team: Option<&'a str>,
    /// An API without the change.
    pub(crate) control: Option<&'a str>,
    /// Where the claim was written down before the change.
    pub(crate) registered: Option<&'a str>,
    /// Also finds requests that stand for each side.
    pub(crate) with_requests: bool,
}

/// The judgement, with what it is made from.
#[derive(Clone, Debug)]
pub(crate) struct Compared {
    /// Which requests, as typed.
    pub(crate) api: String,
    /// Before the change.
    pub(crate) before: Side,
    /// After it.
    pub(crate) after: Side,
    /// What is shown, and every reason where it is not.
    pub(crate) verdict: Verdict,
    /// Requests after it that took longer than the quantile of before, and what ln E they make, in thousandths.
    pub(crate) early: Option<(u64, i128)>,
    /// Owners by how much less they take: before and after, ns.
    pub(crate) moved: Vec<(String, u64, u64)>,
    /// That traces alone were read though they are a sample.
    pub(crate) sampled: Option<Sampled>,
}

/// One side of a comparison.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    /// When.
    pub(crate) period: Period,
    /// Its requests.
    pub(crate) requests: u64,
    /// The quantile.
    pub(crate) latency_ns: u64,
    /// Between which it lies with 97.5 %; `None` where the requests are too few to be asked.
    pub(crate) interval: Option<Interval>,
    /// Requests nearest to the quantile: trace, root and start; empty where they were not asked for.
    nearest: Vec<(String, String, u64)>,
}

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

    fn side(&self, period: Period) -> Side {
        let requests = &self.loaded.requests;
        let distance = |at: &usize| {
            (requests.rows()[*at].latency_ns.abs_diff(self.tail.latency_ns), requests.rows()[*at].start_ns)
        };
        let mut places: Vec<usize> = (0..requests.rows().len()).filter(|at| requests.ids(*at).is_some()).collect();
        places.sort_unstable_by_key(distance);
        let nearest = places.into_iter().take(NEAREST).filter_map(|at| {
            let (trace, root) = requests.ids(at)?;
            Some((trace.to_owned(), root.to_owned(), requests.rows()[at].start_ns))
        });
        Side {
            period,
            requests: self.requests(),
            latency_ns: self.tail.latency_ns,
            interval: self.interval,
            nearest: nearest.collect(),
        }
    }
}

impl Side {
    /// The request nearest to the quantile whose spans are kept, taken apart.
    pub(crate) async fn example(&self, home: &Home, view: &View) -> Result<Option<Explained>, Failure> {
        let wanted: HashSet<&str> = self.nearest.iter().map(|(trace, ..)| trace.as_str()).collect();
        let span = span_of(Some(self.period));
        let kept = traces::examples_of(home, span, view.known(), |id| wanted.contains(id)).await?;
        let kept: HashSet<&str> = kept.traces.iter().map(|example| example.id.as_str()).collect();
        let Some((trace, root, start_ns)) = self.nearest.iter().find(|(trace, ..)| kept.contains(trace.as_str()))
        else {
            return Ok(None);
        };
        let day = leap_orient::latency::day_of(*start_ns);
        let Meant::One(found) = explain::find(home, view, trace, Period::new(day, day.plus(1))).await? else {
            return Ok(None);
        };
        Ok(found.explained(home, view, Some(root)).await?.into_iter().next())
    }

    fn json(&self) -> Value {
        json!({
            "period": self.period.to_string(),
            "requests": self.requests,
            "latency_ns": self.latency_ns,
            "interval_ns": self.interval.map(|interval| json!([interval.low_ns, interval.high_ns])),
        })
    }

    /// Between which the quantile lies, in words.
    pub(crate) fn interval_in_words(&self) -> String {
        let interval = self.interval.and_then(|interval| Some((interval.low_ns?, interval.high_ns?)));
        interval.map_or_else(
            || "too few requests for an interval".to_owned(),
            |(low, high)| format!("between {} and {} with 97.5 %", shown(low.into()), shown(high.into())),
        )
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

/// Judges a change. `Ok(Err(period))`: no request began in it.
pub(crate) async fn compare(
    home: &Home,
    view: &View,
    question: &Question<'_>,
) -> Result<Result<Compared, Period>, Failure> {
    let (first, second) = (question.before, question.after);
    if first.until() > second.from() {
        return Err(Failure::usage(format!(
            "{first} ends after {second} begins: name the period before the change first, and let them not overlap"
        )));
    }
    let readers = view.readers();
    let (mut halves, mut sampled) = (Vec::new(), None);
    for period in [first, second] {
        let loaded = load_any(home, view, question.api, Some(period), question.with_requests).await?;
        let Some(loaded) = loaded else { return Ok(Err(period)) };
        sampled = sampled.or(Sampled::of(home, view, Some(period), &loaded).await?);
        halves.push(half(loaded, question.quantile, &readers[0])?);
    }
    let [before, after] = <[Half; 2]>::try_from(halves).unwrap_or_else(|_| unreachable!("two periods, two halves"));
    if let Some(team) = question.team
        && ![&before, &after].iter().any(|half| half.parts.contains_key(team))
    {
        let known: Vec<&str> = before.parts.keys().map(String::as_str).collect();
        return Err(Failure::usage(format!("no slice is of '{team}'; owners are {}", known.join(", "))));
    }
    let mut control = Vec::new();
    if let Some(api) = question.control {
        for period in [first, second] {
            control.extend(daily(&load(home, view, Some(api), Some(period), false).await?, question.quantile));
        }
    }
    // The day of the change is dropped: the first that is in neither period, else the first of the second.
    let change = first.until();
    let mut days = before.days(question.quantile);
    days.extend(after.days(question.quantile));
    let excess = |half: &Half, team: &str| half.parts.get(team).map_or(0, |(_, excess)| *excess);
    let case = Case {
        registered: question.registered.is_some(),
        change_day: i64::from(change.days()),
        days,
        control,
        before: before.interval,
        after: after.interval,
        cause: question
            .team
            .map(|team| Cause::Team { before_ns: excess(&before, team), after_ns: excess(&after, team) }),
        broken: guards(&before, &after, first, second),
    };
    let verdict = judge(&case);
    let early = before.interval.and_then(|interval| {
        let over = after.loaded.requests.rows().iter().filter(|row| row.latency_ns > interval.ns).count() as u64;
        let reached = ln_e(over, after.requests(), question.quantile.beyond(), hoped_for())?;
        Some((over, reached.thousandths()))
    });
    Ok(Ok(Compared {
        api: before.loaded.api.shown().to_owned(),
        verdict,
        early,
        moved: moved(&before, &after),
        sampled,
        before: before.side(first),
        after: after.side(second),
    }))
}

impl Compared {
    /// `verified` …
    pub(crate) fn outcome(&self) -> &'static str {
        match self.verdict.outcome {
            Outcome::Verified => "verified",
            Outcome::CauseNotShown => "improved, cause not shown",
            Outcome::NotShown => "not shown",
        }
    }

    /// True where the claim is shown.
    pub(crate) fn is_verified(&self) -> bool {
        self.verdict.outcome == Outcome::Verified
    }

    /// After less before, ns; negative where it became faster.
    pub(crate) fn change_ns(&self) -> i128 {
        i128::from(self.after.latency_ns) - i128::from(self.before.latency_ns)
    }

    /// What the days say, what the quantiles say, what the requests say so far: one sentence each.
    pub(crate) fn evidence(&self) -> Vec<String> {
        let mut said = Vec::new();
        if let (Some(shift), Some(p)) = (self.verdict.shift_ns, self.verdict.reported_p()) {
            said.push(format!(
                "day by day it fell by {} (Hodges-Lehmann); by chance alone that has p {} (exact rank sum)",
                shown(shift),
                match p.decimal(6).as_str() {
                    "0.000000" => "below 0.000001".to_owned(),
                    p => format!("= {p}"),
                }
            ));
        }
        if let Some((least, most)) = self.verdict.difference_ns {
            said.push(format!("the difference lies between {} and {} with 95 %", shown(least), shown(most)));
        }
        if let Some((over, thousandths)) = self.early {
            let (sign, size) = (if thousandths < 0 { "-" } else { "" }, thousandths.unsigned_abs());
            said.push(format!(
                "{over} requests after it took longer than the old quantile: ln E = {sign}{}.{:03}, enough from 2.996 on",
                size / 1_000,
                size % 1_000
            ));
        }
        said.extend(self.sampled.as_ref().map(Sampled::in_words));
        said
    }

    fn json(&self, registered: Option<&str>) -> Value {
        let verdict = &self.verdict;
        let rows: Vec<Value> = self
            .moved
            .iter()
            .map(|(owner, was, now)| json!({ "team": owner, "before_ns": was, "after_ns": now }))
            .collect();
        json!({
            "api": self.api,
            "before": self.before.json(),
            "after": self.after.json(),
            "of_sampled_traces": Sampled::json(self.sampled.as_ref()),
            "outcome": self.outcome(),
            "refusals": verdict.refusals.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "shift_ns": verdict.shift_ns.map(number),
            "p": verdict.reported_p().map(|p| p.decimal(6)),
            "difference_ns": verdict.difference_ns.map(|(least, most)| [number(least), number(most)]),
            "control_ns": verdict.control_ns.map(number),
            "claim_ns": verdict.claim_ns.map(number),
            "early_ln_e_thousandths": self.early.map(|(_, reached)| number(reached)),
            "registered": registered,
            "rows": rows,
        })
    }
}

pub(super) async fn run(root: &Path, args: &LatencyDiffArgs) -> Result<(), Failure> {
    let (home, view) = open(root, &args.reading).await?;
    let question = Question {
        before: args.before,
        after: args.after,
        api: args.api.as_deref(),
        quantile: args.quantile,
        team: args.team.as_deref(),
        control: args.control.as_deref(),
        registered: args.registered.as_deref(),
        with_requests: false,
    };
    let compared = match compare(&home, &view, &question).await? {
        Ok(compared) => compared,
        Err(period) => return Err(Failure::failed(nothing(&home, Some(period)).await?)),
    };
    match args.format.format {
        OutputFormat::Json => print_json(&compared.json(args.registered.as_deref()))?,
        _ => tell(args, &compared)?,
    }
    if compared.is_verified() {
        return Ok(());
    }
    Err(Failure { message: "the improvement is not verified".to_owned(), exit: crate::failure::Exit::PolicyBroken })
}

fn number(ns: i128) -> i64 {
    i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
}

fn half(loaded: Loaded, p: Quantile, reader: &leap_orient::org::Reader<'_>) -> Result<Half, Failure> {
    let by = By::Team;
    let divided = {
        let mut labels = loaded.labels(&by, reader);
        Divided::of(&loaded, |part, day| labels.of(part, day))
    };
    let ranked = ranked(&loaded.rows(), &divided.coarse)?;
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

fn tell(args: &LatencyDiffArgs, compared: &Compared) -> Result<(), Failure> {
    let ns = |value: u64| shown(i128::from(value));
    let line = |what: &str, side: &Side| {
        let interval = side.interval_in_words();
        format!("{what:7} {}  {}  ({} requests; {interval})\n", side.period, ns(side.latency_ns), side.requests)
    };
    let mut text = format!("{} of {}: {}\n", percent(args.quantile), compared.api, compared.outcome());
    text += &line("before", &compared.before);
    text += &line("after", &compared.after);
    for sentence in compared.evidence() {
        text += &format!("{sentence}\n");
    }
    match compared.verdict.claim_ns {
        Some(claim) => text += &format!("at least {} may be claimed\n", shown(claim)),
        None => {
            text += "nothing may be claimed:\n";
            for refusal in &compared.verdict.refusals {
                text += &format!("  {refusal}\n");
            }
        }
    }
    emit(&text)?;
    emit("\n")?;
    let mut answer = Answer::new("Whose part fell", &["team", "before", "after", "change"]);
    for (owner, was, now) in &compared.moved {
        answer.rows.push(vec![
            Cell::text(&**owner),
            Cell::text(ns(*was)),
            Cell::text(ns(*now)),
            Cell::text(shown(i128::from(*now) - i128::from(*was))),
        ]);
    }
    answer.totals.push(vec![
        Cell::text("total"),
        Cell::text(ns(compared.before.latency_ns)),
        Cell::text(ns(compared.after.latency_ns)),
        Cell::text(shown(compared.change_ns())),
    ]);
    answer.print(args.format.format)
}
