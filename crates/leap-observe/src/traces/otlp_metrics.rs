//! OTLP metrics: exponential histograms, the unsampled truth for quantiles. Other metrics are counted and passed.
//!
//! ```text
//! traces.span.metrics.duration {service.name: charge-api, span.name: POST /v1/charges}, scale 5, offset 120, counts […]
//! ```
//! Bucket i of scale s holds values in (b^(offset + i), b^(offset + i + 1)] with b = 2^(2^-s), in the metric's unit; negative
//! buckets, sums and exemplars are left out: latencies are not negative, and quantiles need counts alone.

use std::borrow::Cow;

use leap_terms::{NameId, SpanKind};
use serde::Deserialize;

use super::json::{KeyValue, Text, Whole, documents, list, or_default};
use super::otlp_json::{Attributes, kind_of, resolve};
use super::otlp_proto::{key_value, resource};
use super::wire::{Wire, WireError};
use super::{Kind, TraceError, Vocabulary, detect};

/// Data points with more buckets are refused: SDKs keep 160.
pub const BUCKETS: usize = 20_000;
/// At most so many data points in one body.
pub const POINTS: usize = 200_000;
/// At most so many buckets in one body, all points together: 64 MiB of counts.
pub const ALL_BUCKETS: usize = 8 << 20;
/// Attributes of a data point that name its operation, the first present wins.
const OPERATION: [&str; 5] = ["span.name", "operation", "http.route", "rpc.method", "url.template"];

/// How the counts of one data point follow those of the one before.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Temporality {
    /// Not said: cannot be used.
    #[default]
    Unspecified,
    /// Counts since the data point before.
    Delta,
    /// Counts since `start`.
    Cumulative,
}

/// One exponential histogram at one time.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct HistogramPoint {
    /// The metric's name.
    pub metric: NameId,
    /// The metric's unit as UCUM text: `ms`, `s`, `ns`, `us`.
    pub unit: NameId,
    /// `service.name` of the data point, else of the resource.
    pub service: NameId,
    /// The operation, from the data point's attributes; [`NameId::NONE`] where there is none.
    pub operation: NameId,
    /// `span.kind` of the data point.
    pub kind: SpanKind,
    /// ns since the epoch.
    pub start: u64,
    /// ns since the epoch.
    pub time: u64,
    /// Scale s: −10 to 20 in practice.
    pub scale: i32,
    /// All measurements, those of negative value included.
    pub count: u64,
    /// Measurements in the bucket of zero.
    pub zero_count: u64,
    /// Index of the first positive bucket.
    pub offset: i32,
    /// Counts of the positive buckets.
    pub counts: Vec<u64>,
    /// How counts follow each other.
    pub temporality: Temporality,
}

/// What a body holds.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct MetricsBatch {
    /// Exponential histograms.
    pub points: Vec<HistogramPoint>,
    /// Metrics of other types.
    pub other: u64,
    /// Data points that could not be used: no time, more than [`BUCKETS`] buckets.
    pub rejected: u64,
    buckets: usize,
}

/// Reads OTLP metrics, protobuf or JSON, decompressed.
///
/// # Errors
/// [`TraceError`].
pub fn read_metrics(bytes: &[u8], vocabulary: &mut Vocabulary) -> Result<MetricsBatch, TraceError> {
    match detect(bytes)? {
        Kind::OtlpMetricsJson => parse_json(bytes, vocabulary),
        _ => scan(bytes, vocabulary),
    }
}

impl MetricsBatch {
    fn take(&mut self, point: HistogramPoint) -> Result<(), TraceError> {
        if point.time == 0 || point.counts.len() > BUCKETS {
            self.rejected += 1;
            return Ok(());
        }
        self.buckets += point.counts.len();
        if self.points.len() >= POINTS || self.buckets > ALL_BUCKETS {
            return Err(TraceError::TooMuch {
                what: "histograms or more in one body",
                found: self.points.len() as u64 + 1,
                allowed: POINTS as u64,
            });
        }
        self.points.push(point);
        Ok(())
    }
}

/// The attributes of a data point that matter.
#[derive(Default)]
struct Labels<'a> {
    service: Option<Cow<'a, str>>,
    operation: Option<(usize, Cow<'a, str>)>,
    kind: SpanKind,
}

impl<'a> Labels<'a> {
    fn take(&mut self, key: &str, value: Cow<'a, str>) {
        match key {
            "service.name" => self.service = Some(value),
            "span.kind" => self.kind = kind_of(&value),
            key => {
                if let Some(rank) = OPERATION.iter().position(|wanted| *wanted == key)
                    && self.operation.as_ref().is_none_or(|(taken, _)| rank < *taken)
                {
                    self.operation = Some((rank, value));
                }
            }
        }
    }

    fn put(self, point: &mut HistogramPoint, vocabulary: &mut Vocabulary) {
        if let Some(service) = self.service {
            point.service = vocabulary.name(&service);
        }
        if let Some((_, operation)) = self.operation {
            point.operation = vocabulary.name(&operation);
        }
        point.kind = self.kind;
    }
}

/// Reads the protobuf of an `ExportMetricsServiceRequest`.
///
/// # Errors
/// [`TraceError::Wire`] with the byte at fault, [`TraceError::TooMuch`].
pub fn scan(body: &[u8], vocabulary: &mut Vocabulary) -> Result<MetricsBatch, TraceError> {
    let mut batch = MetricsBatch::default();
    let mut wire = Wire::new(body);
    while !wire.is_done() {
        match wire.key()? {
            0x0a => {
                let mut group = wire.message()?;
                let service = resource(group, 0x0a, vocabulary)?.service;
                while !group.is_done() {
                    match group.key()? {
                        0x12 => {
                            let mut scope = group.message()?;
                            while !scope.is_done() {
                                match scope.key()? {
                                    0x12 => metric(scope.message()?, service, vocabulary, &mut batch)?,
                                    other => scope.skip(other)?,
                                }
                            }
                        }
                        other => group.skip(other)?,
                    }
                }
            }
            other => wire.skip(other)?,
        }
    }
    Ok(batch)
}

fn metric(
    mut wire: Wire<'_>,
    service: NameId,
    vocabulary: &mut Vocabulary,
    batch: &mut MetricsBatch,
) -> Result<(), TraceError> {
    let (mut name, mut unit): (&[u8], &[u8]) = (&[], &[]);
    let mut histogram = None;
    while !wire.is_done() {
        match wire.key()? {
            0x0a => name = wire.bytes()?,
            0x1a => unit = wire.bytes()?,
            0x52 => histogram = Some(wire.message()?),
            other => wire.skip(other)?,
        }
    }
    let Some(histogram) = histogram else {
        batch.other += 1;
        return Ok(());
    };
    let (metric, unit) = (vocabulary.name_of_bytes(name), vocabulary.name_of_bytes(unit));
    // The temporality may stand behind the data points.
    let mut temporality = Temporality::Unspecified;
    let mut fields = histogram;
    while !fields.is_done() {
        match fields.key()? {
            0x10 => temporality = temporality_of(fields.varint()?),
            other => fields.skip(other)?,
        }
    }
    let mut fields = histogram;
    while !fields.is_done() {
        match fields.key()? {
            0x0a => {
                let known = HistogramPoint { metric, unit, service, temporality, ..HistogramPoint::default() };
                batch.take(point(fields.message()?, known, vocabulary)?)?;
            }
            other => fields.skip(other)?,
        }
    }
    Ok(())
}

fn temporality_of(number: u64) -> Temporality {
    match number {
        1 => Temporality::Delta,
        2 => Temporality::Cumulative,
        _ => Temporality::Unspecified,
    }
}

fn point(
    mut wire: Wire<'_>,
    mut point: HistogramPoint,
    vocabulary: &mut Vocabulary,
) -> Result<HistogramPoint, WireError> {
    let mut labels = Labels::default();
    while !wire.is_done() {
        match wire.key()? {
            0x0a => {
                let (key, value) = key_value(wire.message()?)?;
                if let (Ok(key), Some(value)) = (std::str::from_utf8(key), value.text()) {
                    labels.take(key, value);
                }
            }
            0x11 => point.start = wire.fixed64()?,
            0x19 => point.time = wire.fixed64()?,
            0x21 => point.count = wire.fixed64()?,
            0x30 => point.scale = zigzag(wire.varint()?),
            0x39 => point.zero_count = wire.fixed64()?,
            0x42 => {
                let mut buckets = wire.message()?;
                while !buckets.is_done() {
                    match buckets.key()? {
                        0x08 => point.offset = zigzag(buckets.varint()?),
                        0x10 => push(&mut point.counts, buckets.varint()?),
                        0x12 => {
                            let mut packed = buckets.message()?;
                            while !packed.is_done() {
                                push(&mut point.counts, packed.varint()?);
                            }
                        }
                        other => buckets.skip(other)?,
                    }
                }
            }
            other => wire.skip(other)?,
        }
    }
    labels.put(&mut point, vocabulary);
    Ok(point)
}

/// One more than allowed is enough to be refused.
fn push(counts: &mut Vec<u64>, count: u64) {
    if counts.len() <= BUCKETS {
        counts.push(count);
    }
}

fn zigzag(number: u64) -> i32 {
    let number = number as u32;
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

#[derive(Deserialize)]
struct Export<'a> {
    #[serde(borrow, default, rename = "resourceMetrics", alias = "resource_metrics", deserialize_with = "list")]
    groups: Vec<Group<'a>>,
}

#[derive(Deserialize)]
struct Group<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    resource: Attributes<'a>,
    #[serde(borrow, default, rename = "scopeMetrics", alias = "scope_metrics", deserialize_with = "list")]
    scopes: Vec<Scope<'a>>,
}

#[derive(Deserialize)]
struct Scope<'a> {
    #[serde(borrow, default, deserialize_with = "list")]
    metrics: Vec<Metric<'a>>,
}

#[derive(Deserialize)]
struct Metric<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    unit: Text<'a>,
    #[serde(borrow, default, rename = "exponentialHistogram", alias = "exponential_histogram")]
    histogram: Option<Histogram<'a>>,
}

#[derive(Deserialize)]
struct Histogram<'a> {
    #[serde(borrow, default, rename = "dataPoints", alias = "data_points", deserialize_with = "list")]
    points: Vec<Point<'a>>,
    #[serde(borrow, default, rename = "aggregationTemporality", alias = "aggregation_temporality")]
    temporality: Text<'a>,
}

#[derive(Deserialize)]
struct Point<'a> {
    #[serde(borrow, default, deserialize_with = "list")]
    attributes: Vec<KeyValue<'a>>,
    #[serde(default, rename = "startTimeUnixNano", alias = "start_time_unix_nano")]
    start: Whole,
    #[serde(default, rename = "timeUnixNano", alias = "time_unix_nano")]
    time: Whole,
    #[serde(default)]
    count: Whole,
    #[serde(default)]
    scale: i32,
    #[serde(default, rename = "zeroCount", alias = "zero_count")]
    zero_count: Whole,
    #[serde(default, deserialize_with = "or_default")]
    positive: Buckets,
}

#[derive(Deserialize, Default)]
struct Buckets {
    #[serde(default)]
    offset: i32,
    #[serde(default, rename = "bucketCounts", alias = "bucket_counts", deserialize_with = "list")]
    counts: Vec<Whole>,
}

/// Reads OTLP metrics in JSON: documents or lines.
///
/// # Errors
/// [`TraceError::Json`] with line and column, [`TraceError::TooMuch`].
pub fn parse_json(bytes: &[u8], vocabulary: &mut Vocabulary) -> Result<MetricsBatch, TraceError> {
    let mut batch = MetricsBatch::default();
    documents("OTLP metrics JSON", bytes, |export: Export<'_>| {
        for group in &export.groups {
            let service = resolve(&group.resource, vocabulary).service;
            for metric in group.scopes.iter().flat_map(|scope| &scope.metrics) {
                let Some(histogram) = &metric.histogram else {
                    batch.other += 1;
                    continue;
                };
                let temporality = match histogram.temporality.as_str() {
                    "1" | "AGGREGATION_TEMPORALITY_DELTA" => Temporality::Delta,
                    "2" | "AGGREGATION_TEMPORALITY_CUMULATIVE" => Temporality::Cumulative,
                    _ => Temporality::Unspecified,
                };
                for json in &histogram.points {
                    let mut point = HistogramPoint {
                        metric: vocabulary.name(metric.name.as_str()),
                        unit: vocabulary.name(metric.unit.as_str()),
                        service,
                        start: json.start.0.unwrap_or_default(),
                        time: json.time.0.unwrap_or_default(),
                        scale: json.scale,
                        count: json.count.0.unwrap_or_default(),
                        zero_count: json.zero_count.0.unwrap_or_default(),
                        offset: json.positive.offset,
                        counts: json.positive.counts.iter().map(|count| count.0.unwrap_or_default()).collect(),
                        temporality,
                        ..HistogramPoint::default()
                    };
                    let mut labels = Labels::default();
                    for attribute in &json.attributes {
                        labels.take(attribute.key.as_str(), attribute.value.0.0.clone());
                    }
                    labels.put(&mut point, vocabulary);
                    batch.take(point)?;
                }
            }
        }
        Ok(())
    })?;
    Ok(batch)
}
