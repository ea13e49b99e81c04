//! Histograms of latency, which count every request: chosen among metrics, followed sender by sender, kept by API and
//! hour.
//!
//! ```text
//! body → points of the metrics in `latency.metrics` → what each adds to its series → rows of `histograms`
//! ```
//! A point counts once, however often it comes: what was counted of its series is committed in the book together with
//! the rows. Measurements are of the hour in which their sender told them.

use std::collections::{BTreeMap, BTreeSet};

use leap_book::{SeriesState, TraceFile};
use leap_lake::Staging;
use leap_observe::traces::Vocabulary;
use leap_observe::traces::otlp_metrics::{HistogramPoint, MetricsBatch, Temporality};
use leap_observe::traces::vocabulary::UNKNOWN_SERVICE;
use leap_orient::latency::{ApiHour, Hour, ListedHour, day_of, hours_added_up, hours_batch, hours_listed, hours_read};
use leap_orient::tail::Sketch;
use leap_orient::tail::sketch::Tally;
use leap_orient::tail::sketch::convert::exponential;
use leap_orient::tail::sketch::series::{Exponential, Series, Told};
use leap_terms::tables::Table;
use leap_terms::{DeliveryId, Instant, Month, NameId, ScopeKey, SourceId, SpanKind};

use super::gather::HOUR_NS;
use super::store::problem;
use crate::failure::Failure;
use crate::home::Home;

/// One telling of one sender's histogram.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Point {
    series: String,
    service: String,
    operation: String,
    metric: String,
    cumulative: bool,
    start: u64,
    time: u64,
    unit_ns: u32,
    value: Exponential,
}

/// What a body of metrics holds for us.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Chosen {
    /// Histograms of requests.
    pub(crate) points: Vec<Point>,
    /// Metrics and points that are about something else.
    pub(crate) passed: u64,
    /// Points that should be of use and are not.
    pub(crate) refused: u64,
    /// Why the first of those is not.
    pub(crate) why: Option<String>,
}

/// Nanoseconds of a metric's unit; that of Prometheus stands in the name.
fn unit_of(unit: &str, metric: &str) -> Option<u32> {
    let of_name = [("_seconds", "s"), ("_milliseconds", "ms"), ("_microseconds", "us"), ("_nanoseconds", "ns")];
    let named = of_name.into_iter().rev().find(|(ending, _)| metric.ends_with(ending)).map(|(_, unit)| unit);
    match if unit.is_empty() { named? } else { unit } {
        "s" | "seconds" => Some(1_000_000_000),
        "ms" | "milliseconds" => Some(1_000_000),
        "us" | "µs" | "microseconds" => Some(1_000),
        "ns" | "nanoseconds" => Some(1),
        _ => None,
    }
}

/// The points of a body that measure requests, by metrics of these names.
pub(crate) fn choose(batch: MetricsBatch, vocabulary: &Vocabulary, metrics: &[String]) -> Chosen {
    let mut chosen = Chosen { passed: batch.other, refused: batch.rejected, ..Chosen::default() };
    if batch.rejected > 0 {
        chosen.why = Some("a histogram has no time, too many buckets, or counts that do not add up".to_owned());
    }
    for point in batch.points {
        let metric = vocabulary.text(point.metric);
        // A client's or a producer's span is no request of the service.
        let of_callers = matches!(point.kind, SpanKind::Client | SpanKind::Producer | SpanKind::Internal);
        if of_callers || !metrics.iter().any(|wanted| wanted == metric) {
            chosen.passed += 1;
            continue;
        }
        match point_of(point, vocabulary) {
            Ok(point) => chosen.points.push(point),
            Err(why) => {
                chosen.refused += 1;
                chosen.why.get_or_insert(why);
            }
        }
    }
    chosen
}

fn point_of(point: HistogramPoint, vocabulary: &Vocabulary) -> Result<Point, String> {
    let (metric, unit) = (vocabulary.text(point.metric), vocabulary.text(point.unit));
    let unit_ns =
        unit_of(unit, metric).ok_or_else(|| format!("{metric}: '{unit}' is no unit of time that leap knows"))?;
    let nobody = matches!(vocabulary.text(point.service), "" | UNKNOWN_SERVICE);
    if nobody || point.operation == NameId::NONE {
        return Err(format!("{metric}: a histogram without service.name, or without the name of its operation"));
    }
    let cumulative = match point.temporality {
        Temporality::Delta => false,
        Temporality::Cumulative => true,
        Temporality::Unspecified => return Err(format!("{metric}: its temporality is not said")),
    };
    // What can be refused is refused now: what is acknowledged must be counted later.
    let highest = point.counts.iter().rposition(|count| *count > 0).unwrap_or(0);
    let index = i64::from(point.offset) + highest as i64;
    let index = i32::try_from(index).map_err(|_| format!("{metric}: a bucket lies beyond all times"))?;
    exponential(point.scale, 0, index, &[1], &[], unit_ns).map_err(|error| format!("{metric}: {error}"))?;
    Ok(Point {
        series: format!("{:032x}", point.series),
        service: vocabulary.text(point.service).to_owned(),
        operation: vocabulary.text(point.operation).to_owned(),
        metric: metric.to_owned(),
        cumulative,
        start: point.start,
        time: point.time,
        unit_ns,
        value: Exponential { scale: point.scale, zero: point.zero_count, offset: point.offset, counts: point.counts },
    })
}

/// What points add to what was counted before.
#[derive(Default)]
pub(super) struct Folded {
    /// Rows to be added.
    pub(super) rows: Vec<Hour>,
    /// What was counted of each series, from now on.
    pub(super) series: Vec<SeriesState>,
    /// Points that added something, and those that did not.
    pub(super) counted: (u64, u64),
}

/// Follows the series of some points.
pub(super) async fn fold(home: &Home, points: &[Point]) -> Result<Folded, Failure> {
    let mut folded = Folded::default();
    if points.is_empty() {
        return Ok(folded);
    }
    let mut series = BTreeMap::<&str, Vec<&Point>>::new();
    points.iter().for_each(|point| series.entry(&point.series).or_default().push(point));
    let names: Vec<&str> = series.keys().copied().collect();
    let known = home.book.metric_series(&names).await.map_err(|error| Failure::from_error(&error))?;
    let mut rows = Vec::new();
    for (name, mut points) in series {
        points.sort_by_key(|point| point.time);
        let mut state = match known.get(name) {
            None => Series::default(),
            Some(text) => serde_json::from_str(text).map_err(|error| {
                Failure::quality(format!("the book's state of the metric series {name} is damaged: {error}"))
            })?,
        };
        for point in points {
            let told = match point.cumulative {
                true => state.cumulative((point.start, point.time), &point.value),
                false => state.delta(point.time, &point.value),
            };
            let Told::New(new) = told else {
                folded.counted.1 += 1;
                continue;
            };
            folded.counted.0 += 1;
            let read = exponential(new.scale, new.zero, new.offset, &new.counts, &[], point.unit_ns);
            let read = read.map_err(|error| Failure::quality(format!("{}: {error}", point.metric)))?;
            let key = ApiHour {
                service: point.service.clone(),
                operation: point.operation.clone(),
                metric: point.metric.clone(),
                // What was measured until the full hour is of the hour before it.
                start_ns: point.time.saturating_sub(1) / HOUR_NS * HOUR_NS,
            };
            rows.push(Hour { key, error_ppm: read.error_ppm, sketch: read.sketch });
        }
        let text = serde_json::to_string(&state).map_err(|error| Failure::failed(error.to_string()))?;
        folded.series.push(SeriesState { id: name.to_owned(), state: text });
    }
    folded.rows = hours_added_up(rows);
    Ok(folded)
}

/// Writes rows, a file per month.
pub(super) fn write_hours(
    staging: &Staging,
    rows: Vec<Hour>,
    (source, delivery): (&SourceId, &DeliveryId),
    add: &mut Vec<TraceFile>,
) -> Result<(), Failure> {
    let mut months = BTreeMap::<Month, Vec<Hour>>::new();
    rows.into_iter().for_each(|row| months.entry(day_of(row.key.start_ns).month()).or_default().push(row));
    for (month, rows) in months {
        let scope = ScopeKey { source: source.clone(), billing_period: month };
        let mut writer = staging.writer(Table::Histograms, &scope, delivery, &[]).map_err(problem)?;
        writer.write(&hours_batch(&rows)).map_err(problem)?;
        let starts = || rows.iter().map(|row| row.key.start_ns);
        let (first_ns, last_ns) = (starts().min().unwrap_or(0), starts().max().unwrap_or(0) + HOUR_NS - 1);
        add.push(TraceFile { record: writer.finish().map_err(problem)?, first_ns, last_ns });
    }
    Ok(())
}

/// What services measured of some APIs in a period.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Measured {
    /// The metric.
    pub(crate) metric: String,
    /// Its measurements, all APIs and hours together.
    pub(crate) sketch: Sketch,
    /// The largest relative error of a quantile, in millionths.
    pub(crate) error_ppm: u64,
}

/// True for an API that is asked for, by service and operation.
type Wanted<'w> = &'w dyn Fn(&str, &str) -> bool;
/// True for a time (ns since the epoch) in the hours that are asked for.
type OfHour<'w> = &'w dyn Fn(u64) -> bool;

/// What was measured from `from_ns` until `until_ns` by the first of the metrics in the settings that measured these
/// APIs, as it was known on an instant; `None` where none did.
pub(crate) async fn measured(
    home: &Home,
    span: (u64, u64),
    known_on: Option<Instant>,
    (wanted, of_hour): (Wanted<'_>, OfHour<'_>),
) -> Result<Option<Measured>, Failure> {
    let one =
        |service: &str, operation: &str, start_ns| (of_hour(start_ns) && wanted(service, operation)).then_some(());
    Ok(measured_by(home, span, known_on, &one).await?.into_values().next())
}

/// The same for each group of hours by itself: that of a service, operation and start (ns since the epoch), or none.
pub(crate) async fn measured_by<G: Ord + Copy>(
    home: &Home,
    (from_ns, until_ns): (u64, u64),
    known_on: Option<Instant>,
    group_of: &dyn Fn(&str, &str, u64) -> Option<G>,
) -> Result<BTreeMap<G, Measured>, Failure> {
    let found = home.book.trace_files_of(Table::Histograms, from_ns, until_ns, known_on).await;
    let files = found.map_err(|error| Failure::from_error(&error))?;
    let damaged = |path: &str, error: &leap_orient::latency::RowsError| {
        Failure::quality(format!(
            "{error}, in {path}: the file is damaged; leap doctor says more, and a backup has it whole"
        ))
    };
    let (mut opened, mut measured) = (Vec::new(), BTreeMap::<(G, String), u64>::new());
    for file in &files {
        let indexed = home.lake.indexed(&file.record).map_err(problem)?;
        let (mut rows, mut at) = (Vec::new(), 0);
        for batch in indexed.index() {
            let listed = hours_listed(batch).map_err(|error| damaged(&file.record.path, &error))?;
            for ListedHour { key, requests, .. } in listed {
                let then = key.start_ns >= from_ns && key.start_ns < until_ns;
                let group = then.then(|| group_of(&key.service, &key.operation, key.start_ns)).flatten();
                if let Some(group) = group {
                    *measured.entry((group, key.metric.clone())).or_default() += requests;
                    rows.push((at, group, key.metric));
                }
                at += 1;
            }
        }
        opened.push((&file.record, indexed, rows));
    }
    let metrics = &home.settings.latency.metrics;
    let mut chosen = BTreeMap::<G, (&String, Tally, u64)>::new();
    for group in measured.keys().map(|(group, _)| *group).collect::<BTreeSet<G>>() {
        let counted =
            |metric: &&String| measured.get(&(group, (*metric).clone())).is_some_and(|requests| *requests > 0);
        if let Some(metric) = metrics.iter().find(counted) {
            chosen.insert(group, (metric, Tally::default(), 0));
        }
    }
    for (file, indexed, rows) in opened {
        let rows: Vec<usize> = rows
            .into_iter()
            .filter(|(_, group, metric)| chosen.get(group).is_some_and(|(of, ..)| *of == metric))
            .map(|(at, ..)| at)
            .collect();
        if rows.is_empty() {
            continue;
        }
        for batch in indexed.rows(&rows).map_err(problem)? {
            for row in hours_read(&batch.map_err(problem)?).map_err(|error| damaged(&file.path, &error))? {
                let group = group_of(&row.key.service, &row.key.operation, row.key.start_ns);
                if let Some((_, tally, error_ppm)) = group.and_then(|group| chosen.get_mut(&group)) {
                    tally.absorb(&row.sketch);
                    *error_ppm = (*error_ppm).max(row.error_ppm);
                }
            }
        }
    }
    let of = |(metric, tally, error_ppm): (&String, Tally, u64)| Measured {
        metric: metric.clone(),
        sketch: tally.sketch(),
        error_ppm,
    };
    Ok(chosen.into_iter().map(|(group, found)| (group, of(found))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_of_the_metric_or_of_its_name() {
        for (unit, metric, ns) in [
            ("s", "http.server.request.duration", Some(1_000_000_000)),
            ("ms", "traces.span.metrics.duration", Some(1_000_000)),
            ("", "http_server_request_duration_seconds", Some(1_000_000_000)),
            ("", "request_duration_milliseconds", Some(1_000_000)),
            ("us", "x_seconds", Some(1_000)),
            ("", "duration", None),
            ("By", "http.server.request.body.size", None),
        ] {
            assert_eq!(unit_of(unit, metric), ns, "{metric} in '{unit}'");
        }
    }
}
