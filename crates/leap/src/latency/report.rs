//! The quantile, divided among owners.
//!
//! Rows add up to the latency to the nanosecond: the parts of the dimension by largest remainder first (the
//! definition's composition), then each part among its kinds.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use leap_orient::latency::RequestRow;
use leap_orient::tail::apportion::apportion;
use leap_orient::tail::blame::{Blame, Budgets};
use leap_orient::tail::composition::Ranked;
use leap_orient::tail::evidence::ranks::Interval;
use leap_orient::tail::{Band, Composition, Quantile, Request, TailError};
use leap_terms::{Day, Exact, NameId, Period};
use serde_json::{Value, json};

use super::answer::{Found, Sampled, Source, best, of_requests};
use super::question::{Api, By, Loaded, load, open, span_of};
use super::{shown, whatif};
use crate::cli::{LatencyReportArgs, OutputFormat};
use crate::failure::Failure;
use crate::home::Home;
use crate::output::{Answer, Cell, emit, print_json};
use crate::traces;
use crate::view::View;

/// A part of a request: place of the dimension's value, place of the kind.
pub(super) type Fine = (u32, u8);

/// Requests with their parts by a dimension, values numbered in order of their texts.
#[derive(Clone)]
pub(super) struct Divided {
    /// Values of the dimension, sorted.
    pub(super) values: Vec<String>,
    /// Parts of each request by value and kind.
    pub(super) fine: Vec<Vec<(Fine, u64)>>,
    /// Parts of each request by value.
    pub(super) coarse: Vec<Vec<(u32, u64)>>,
}

impl Divided {
    /// Divides requests by a dimension.
    pub(super) fn of(loaded: &Loaded, mut label: impl FnMut(&leap_orient::latency::Part, Day) -> String) -> Divided {
        let requests = &loaded.requests;
        // Slices are alike a million times: each kind of them is asked for its value once.
        let mut known = HashMap::<(NameId, u8, NameId, Day), u32>::new();
        let mut values = BTreeMap::<String, u32>::new();
        let mut first_seen = Vec::new();
        for row in requests.rows() {
            let day = row.day();
            for part in requests.parts(row) {
                let next = values.len() as u32;
                let place = known
                    .entry((part.owner, part.kind as u8, part.caller, day))
                    .or_insert_with(|| *values.entry(label(part, day)).or_insert(next));
                first_seen.push(*place);
            }
        }
        let mut sorted = vec![0; values.len()];
        for (place, number) in values.values().zip(0..) {
            sorted[*place as usize] = number;
        }
        let mut places = first_seen.into_iter().map(|place| sorted[place as usize]);
        let (mut fine, mut coarse) = (Vec::with_capacity(requests.rows().len()), Vec::new());
        for row in requests.rows() {
            let parts = requests.parts(row).iter().zip(places.by_ref());
            let kinds: Vec<(Fine, u64)> = parts.map(|(part, value)| ((value, part.kind as u8), part.ns)).collect();
            coarse.push(summed(kinds.iter().map(|((value, _), ns)| (*value, *ns)).collect()));
            fine.push(summed(kinds));
        }
        Divided { values: values.into_keys().collect(), fine, coarse }
    }

    /// Those of some requests.
    pub(super) fn of_places(&self, places: &[usize]) -> Divided {
        let fine = places.iter().map(|at| self.fine[*at].clone()).collect();
        Divided {
            values: self.values.clone(),
            fine,
            coarse: places.iter().map(|at| self.coarse[*at].clone()).collect(),
        }
    }
}

/// Parts of one key together, in order of keys.
fn summed<K: Ord + Copy>(mut parts: Vec<(K, u64)>) -> Vec<(K, u64)> {
    parts.sort_unstable_by_key(|(key, _)| *key);
    parts.dedup_by(|(key, ns), (before, sum)| {
        let same = key == before;
        *sum += if same { *ns } else { 0 };
        same
    });
    parts
}

/// Requests of a set as the tail's functions take them.
pub(super) fn ranked<'a, K: Ord + Clone>(
    rows: &[&RequestRow],
    parts: &'a [Vec<(K, u64)>],
) -> Result<Ranked<'a, K>, Failure> {
    let requests = rows.iter().zip(parts);
    let requests: Vec<Request<'a, K>> =
        requests.map(|(row, parts)| Request { latency_ns: row.latency_ns, weight: row.weight, parts }).collect();
    Ranked::new(&requests).map_err(broken)
}

pub(super) fn broken(error: TailError) -> Failure {
    Failure::quality(format!("{error}; leap doctor says which file is damaged"))
}

/// One line.
struct Row {
    value: String,
    kind: &'static str,
    ns: u64,
}

pub(super) async fn run(root: &Path, args: &LatencyReportArgs) -> Result<(), Failure> {
    let (home, view) = open(root, &args.reading).await?;
    let by = By::read(&args.by, &view)?;
    let readers = view.readers();
    let band = args.band.map_or(Band::Default, Band::Within);
    let api = Api::of(args.api.as_deref());
    let asked = (args.quantile, band);
    if !args.exact && !args.what_if && args.objective.is_none() {
        let of = (args.api.as_deref(), args.period, args.hours);
        let found = best(&home, &view, of, (&by, &readers[0]), asked).await?;
        if let Some(found) = found {
            return Report { args, by: &by, api: &api, found, sampled: None, savings: None, blame: None }.print();
        }
    }
    let loaded = load(&home, &view, args.api.as_deref(), args.period, true).await?.only(args.hours);
    let none = |hours| Failure::failed(format!("no request began in the hours {hours} of those days"));
    let loaded = loaded.ok_or_else(|| args.hours.map_or_else(|| Failure::failed("no request"), none))?;
    let mut labels = loaded.labels(&by, &readers[0]);
    let divided = Divided::of(&loaded, |part, day| labels.of(part, day));
    let ids: std::collections::HashSet<&str> =
        (0..loaded.requests.rows().len()).filter_map(|at| loaded.requests.ids(at)).map(|(trace, _)| trace).collect();
    let found = of_requests(&loaded.rows(), divided.clone(), asked, None)?;
    let savings = match args.what_if {
        false => None,
        true => {
            let kept = traces::examples_of(&home, span_of(args.period), view.known(), |id| ids.contains(id)).await?;
            Some(whatif::savings(&loaded, &divided, &found.excess, args.quantile, kept, &mut labels)?)
        }
    };
    let blame =
        args.objective.map(|objective| blamed(&divided, &loaded, &found.excess.median, objective)).transpose()?;
    let sampled = Sampled::of(&home, &view, args.period, &loaded).await?;
    Report { args, by: &by, api: &api, found, sampled, savings, blame }.print()
}

/// Rows that add up to the quantile.
fn rows_of(tail: &Composition<u32>, kinds: &Composition<Fine>, values: &[String]) -> Result<Vec<Row>, Failure> {
    let rows = by_kind(tail, kinds, values);
    let sum_ns: u64 = rows.iter().map(|row| row.ns).sum();
    // Requests of 0 ns have no part that says where the time went.
    if sum_ns != tail.latency_ns {
        return Err(Failure::quality(format!("parts add up to {sum_ns} ns, not to {} ns", tail.latency_ns)));
    }
    Ok(rows)
}

/// The tail for who ranks owners by it.
pub(crate) struct Tail {
    /// What requests are meant, in words.
    pub(crate) api: String,
    /// The quantile.
    pub(crate) latency_ns: u64,
    /// Requests that it is of.
    pub(crate) requests: u64,
    /// Its composition by owner, ns; together the quantile.
    pub(crate) parts: BTreeMap<String, Exact>,
}

/// The composition of a quantile by team or by a level of the org; `None` where no request began in the period.
pub(crate) async fn tail(
    home: &Home,
    view: &View,
    (api, period): (Option<&str>, Option<Period>),
    quantile: Quantile,
    by: &str,
) -> Result<Option<Tail>, Failure> {
    let by = By::read(by, view)?;
    let readers = view.readers();
    let asked = (quantile, Band::Default);
    let Some(found) = best(home, view, (api, period, None), (&by, &readers[0]), asked).await? else { return Ok(None) };
    let composition = found.excess.tail;
    let mut parts = BTreeMap::<String, Exact>::new();
    for (value, ns) in &composition.parts {
        let value = &*found.values[*value as usize];
        let ns = i64::try_from(*ns).map_err(|_| Failure::quality("a request took more than 292 years"))?;
        parts.insert(value.to_owned(), Exact::from_whole(ns));
    }
    let api = Api::of(api).in_words();
    Ok(Some(Tail { api, latency_ns: composition.latency_ns, requests: composition.requests, parts }))
}

/// The composition's parts, each divided among its kinds as the finer composition has them.
fn by_kind(tail: &Composition<u32>, fine: &Composition<Fine>, values: &[String]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (value, ns) in &tail.parts {
        let kinds: Vec<&(Fine, u64)> = fine.parts.iter().filter(|((other, _), _)| other == value).collect();
        let weights: Vec<u128> = kinds.iter().map(|(_, ns)| u128::from(*ns)).collect();
        let word = |kind: u8| leap_orient::latency::SliceKind::ALL[usize::from(kind)].word();
        let value = values[*value as usize].clone();
        let shares = apportion(*ns, &weights);
        if shares.iter().sum::<u64>() != *ns {
            // A part of a few nanoseconds whose kinds were all rounded away.
            rows.push(Row { value, kind: "self", ns: *ns });
            continue;
        }
        for (((_, kind), _), ns) in kinds.into_iter().zip(shares).filter(|(_, ns)| *ns > 0) {
            rows.push(Row { value: value.clone(), kind: word(*kind), ns });
        }
    }
    rows.sort_by(|a, b| b.ns.cmp(&a.ns).then_with(|| (&a.value, a.kind).cmp(&(&b.value, b.kind))));
    rows
}

/// Who is to blame for misses of an objective: each value's budget is its part of the objective as at the median.
struct Blamed {
    objective_ns: u64,
    missed: u64,
    of: u64,
    /// Value, budget ns, share of all blame in millionths.
    rows: Vec<(u32, u64, u64)>,
}

fn blamed(divided: &Divided, loaded: &Loaded, median: &Composition<u32>, objective_ns: u64) -> Result<Blamed, Failure> {
    let weights: Vec<u128> = median.parts.iter().map(|(_, ns)| u128::from(*ns)).collect();
    let shares = apportion(objective_ns, &weights);
    let own: Vec<(u32, u64)> = median.parts.iter().map(|(value, _)| *value).zip(shares).collect();
    let budgets = Budgets::new(objective_ns, own.iter().copied()).map_err(broken)?;
    let mut blame = Blame::default();
    for (row, parts) in loaded.requests.rows().iter().zip(&divided.coarse) {
        blame.add(&budgets, parts, row.weight).map_err(broken)?;
    }
    let all: u128 = blame.sums().values().sum();
    let share = |sum: u128| u64::try_from(sum.saturating_mul(1_000_000) / all.max(1)).unwrap_or(1_000_000);
    let mut rows: Vec<(u32, u64, u64)> = blame
        .sums()
        .iter()
        .map(|(value, sum)| {
            let budget = own.iter().find(|(other, _)| other == value).map_or(0, |(_, ns)| *ns);
            (*value, budget, share(*sum))
        })
        .collect();
    rows.sort_by_key(|(value, _, share)| (std::cmp::Reverse(*share), *value));
    Ok(Blamed { objective_ns, missed: blame.missed(), of: loaded.requests.rows().len() as u64, rows })
}

struct Report<'a> {
    args: &'a LatencyReportArgs,
    by: &'a By,
    api: &'a Api,
    found: Found,
    /// Of every request that was read, where these are a sample.
    sampled: Option<Sampled>,
    savings: Option<whatif::Savings>,
    blame: Option<Blamed>,
}

/// A fraction with all its decimals, at most nine of them: `0.999`, `99.9`.
fn decimal(over: u128, under: u128) -> String {
    let (mut rest, mut digits) = (over % under, String::new());
    while rest > 0 && digits.len() < 9 {
        rest *= 10;
        digits.push(char::from(b'0' + u8::try_from(rest / under).unwrap_or(0)));
        rest %= under;
    }
    if digits.is_empty() { (over / under).to_string() } else { format!("{}.{digits}", over / under) }
}

/// `p99.9` of a quantile.
pub(crate) fn percent(p: Quantile) -> String {
    let level = p.level();
    format!("p{}", decimal(u128::from(level.over()) * 100, u128::from(level.under())))
}

/// `0.999` of a quantile, as a number of JSON.
fn level_number(p: Quantile) -> Value {
    let level = p.level();
    let text = decimal(level.over().into(), level.under().into());
    text.parse::<serde_json::Number>().map_or(Value::Null, Value::Number)
}

impl Report<'_> {
    fn print(&self) -> Result<(), Failure> {
        let rows = rows_of(&self.found.excess.tail, &self.found.kinds, &self.found.values)?;
        if self.args.format.format == OutputFormat::Json {
            return print_json(&self.json(&rows));
        }
        let (tail, median) = (&self.found.excess.tail, &self.found.excess.median);
        let columns = [self.by.word(), "kind", "latency", "ns", "share"];
        let mut answer = Answer::new(self.title(), &columns);
        let share = |ns: u64| {
            let bps = (u128::from(ns) * 10_000 + u128::from(tail.latency_ns / 2)) / u128::from(tail.latency_ns.max(1));
            format!("{}.{:02} %", bps / 100, bps % 100)
        };
        for row in &rows {
            answer.rows.push(vec![
                Cell::text(&*row.value),
                Cell::text(row.kind),
                Cell::text(shown(i128::from(row.ns))),
                Cell::Count(row.ns),
                Cell::text(share(row.ns)),
            ]);
        }
        answer.totals.push(vec![
            Cell::text("total"),
            Cell::Empty,
            Cell::text(shown(i128::from(tail.latency_ns))),
            Cell::Count(tail.latency_ns),
            Cell::text("100 %"),
        ]);
        answer.print(self.args.format.format)?;
        if self.args.format.format != OutputFormat::Table {
            return Ok(());
        }
        let mut excess = Answer::new(
            format!(
                "Beyond the usual: {} at the median, {} more at {}",
                shown(i128::from(median.latency_ns)),
                shown(i128::from(tail.latency_ns) - i128::from(median.latency_ns)),
                percent(self.args.quantile)
            ),
            &[self.by.word(), "usually", "in the tail", "more"],
        );
        let mut all: Vec<(u32, i128)> = self.found.excess.excess.clone();
        all.sort_by_key(|(value, ns)| (std::cmp::Reverse(*ns), *value));
        for (value, ns) in all.into_iter().take(10) {
            excess.rows.push(vec![
                Cell::text(&*self.found.values[value as usize]),
                Cell::text(shown(i128::from(median.part(&value)))),
                Cell::text(shown(i128::from(tail.part(&value)))),
                Cell::text(shown(ns)),
            ]);
        }
        emit("\n")?;
        excess.print(OutputFormat::Table)?;
        if let Some(savings) = &self.savings {
            emit("\n")?;
            savings.answer(self.by.word(), &self.found.values, self.args.quantile).print(OutputFormat::Table)?;
        }
        if let Some(blame) = &self.blame {
            emit("\n")?;
            let title = format!(
                "{} of {} requests missed {}; the time over budget is",
                blame.missed,
                blame.of,
                shown(i128::from(blame.objective_ns))
            );
            let mut answer = Answer::new(title, &[self.by.word(), "budget", "blame"]);
            for (value, budget, ppm) in blame.rows.iter().take(10) {
                answer.rows.push(vec![
                    Cell::text(&*self.found.values[*value as usize]),
                    Cell::text(shown(i128::from(*budget))),
                    Cell::text(format!("{}.{:02} %", ppm / 10_000, ppm % 10_000 / 100)),
                ]);
            }
            answer.print(OutputFormat::Table)?;
        }
        Ok(())
    }

    fn title(&self) -> String {
        let tail = &self.found.excess.tail;
        let api = self.api.in_words();
        let mut period = self.args.period.map_or_else(String::new, |period| format!(", {period}"));
        if let Some(hours) = self.args.hours {
            period += &format!(", hours {hours} UTC");
        }
        let of = match &self.found.source {
            Source::Metric { requests, .. } => format!("{requests} requests, {} of them traced", tail.requests),
            _ => format!("{} requests", tail.requests),
        };
        let (latency, quantile) = (shown(i128::from(tail.latency_ns)), percent(self.args.quantile));
        let mut title = format!("{quantile} of {api}{period}: {latency} ({of})");
        match &self.found.interval {
            Some(Interval { low_ns: Some(low), high_ns: Some(high), .. }) => {
                title += &format!("; between {} and {} with 95 %", shown(i128::from(*low)), shown(i128::from(*high)));
            }
            Some(_) => title += "; too few requests to say between what it lies",
            None => title += "; sampled, so its interval is not known",
        }
        title += &format!("\n{}", self.found.divided_as());
        if let Some(said) = self.found.source.in_words() {
            title += &format!("\n{said}");
        }
        if let Some(sampled) = &self.sampled {
            title += &format!("\n{}", sampled.in_words());
        }
        let unknown = self.found.unknown;
        let of_traces = !matches!(self.found.source, Source::Metric { .. });
        if unknown > 0 && of_traces && self.args.format.format == OutputFormat::Table {
            title += &format!(
                "\n{unknown} requests do not say how they were sampled: the quantile is that of what was sent"
            );
        }
        title
    }

    fn json(&self, parts: &[Row]) -> Value {
        let (tail, median) = (&self.found.excess.tail, &self.found.excess.median);
        let rows: Vec<Value> =
            parts.iter().map(|row| json!({ self.by.word(): row.value, "kind": row.kind, "ns": row.ns })).collect();
        let excess: Vec<Value> = self
            .found
            .excess
            .excess
            .iter()
            .map(|(value, ns)| {
                json!({
                    self.by.word(): self.found.values[*value as usize],
                    "ns": ns.to_string().parse::<i64>().unwrap_or_default(),
                    "usual_ns": median.part(value),
                    "tail_ns": tail.part(value),
                })
            })
            .collect();
        let mut answer = json!({
            "api": self.api.shown(),
            "period": self.args.period.map(|period| period.to_string()),
            "hours": self.args.hours.map(|hours| hours.to_string()),
            "quantile": level_number(self.args.quantile),
            "requests": tail.requests,
            "requests_of_unknown_sampling": self.found.unknown,
            "latency_ns": tail.latency_ns,
            "exact": matches!(self.found.source, Source::Requests | Source::Unmatched(_)),
            "error_ppm": self.found.source.error_ppm(),
            "of_sampled_traces": Sampled::json(self.sampled.as_ref()),
            "interval_ns": self.found.interval.map(|interval| json!([interval.low_ns, interval.high_ns])),
            "band": {
                "half_width": [tail.band.h.over(), tail.band.h.under()],
                "widened": tail.band.widened,
                "requests": tail.band.requests,
                "at_least_ns": tail.band.at_least_ns,
                "at_most_ns": tail.band.at_most_ns,
            },
            "by": self.by.word(),
            "rows": rows,
            "sum_ns": parts.iter().map(|row| row.ns).sum::<u64>(),
            "median_ns": median.latency_ns,
            "excess": excess,
        });
        if let Source::Metric { metric, requests, error_ppm } = &self.found.source {
            let requests = u64::try_from(*requests).unwrap_or(u64::MAX);
            answer["measured"] = json!({ "metric": metric, "requests": requests, "error_ppm": error_ppm });
        }
        if let Some(savings) = &self.savings {
            answer["what_if"] = savings.json(self.by.word(), &self.found.values);
        }
        if let Some(blame) = &self.blame {
            let rows: Vec<Value> = blame
                .rows
                .iter()
                .map(|(value, budget, ppm)| {
                    json!({ self.by.word(): self.found.values[*value as usize], "budget_ns": budget, "blame_ppm": ppm })
                })
                .collect();
            answer["blame"] = json!({
                "objective_ns": blame.objective_ns,
                "missed": blame.missed,
                "requests": blame.of,
                "rows": rows,
            });
        }
        answer
    }
}
