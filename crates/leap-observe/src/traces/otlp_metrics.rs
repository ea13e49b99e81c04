//! OTLP metrics: exponential histograms, the unsampled truth for quantiles. Other metrics are counted and passed.
//!
//! ```text
//! traces.span.metrics.duration {service.name: charge-api, span.name: POST /v1/charges}, scale 5, offset 120, counts […]
//! ```
//! Bucket i of scale s holds values in (b^(offset + i), b^(offset + i + 1)] with b = 2^(2^-s), in the metric's unit;
//! negative buckets, sums and exemplars are left out: latencies are not negative, and quantiles need counts alone. A
//! point whose counts do not add up to its `count`, as with negative measurements, is rejected.
//!
//! Who tells a histogram again and again is told by [`HistogramPoint::series`]: a digest of all attributes of resource
//! and data point, in any order, with the metric's name, unit and temporality.

use std::borrow::Cow;

use leap_terms::{NameId, SpanKind};
use serde::Deserialize;
use serde::de::{DeserializeSeed, MapAccess};
use xxhash_rust::xxh3::Xxh3;

use super::json::{Each, KeyValue, Many, Members, One, Stop, Text, Whole, documents, few, or_default, stop_with};
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
/// Of these, those before which a span's name has the method: `GET /v1/charges/{id}`.
const WITHOUT_METHOD: [&str; 2] = ["http.route", "url.template"];
/// Attributes that hold the method.
const METHOD: [&str; 2] = ["http.request.method", "http.method"];

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
    /// Which of the senders' histograms it is.
    pub series: u128,
}

/// What one attribute adds to the name of a series: added up, their order does not matter.
pub(super) fn mark(key: &[u8], value: &str) -> u128 {
    let mut hasher = Xxh3::new();
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(value.as_bytes());
    hasher.digest128()
}

/// What metric, unit and temporality add to the name of a series.
fn mark_of_metric(name: &str, unit: &str, temporality: Temporality) -> u128 {
    let word = match temporality {
        Temporality::Unspecified => "unspecified",
        Temporality::Delta => "delta",
        Temporality::Cumulative => "cumulative",
    };
    // No attribute has these keys.
    [("\0metric", name), ("\0unit", unit), ("\0temporality", word)]
        .into_iter()
        .fold(0, |sum, (key, value)| sum.wrapping_add(mark(key.as_bytes(), value)))
}

/// What a body holds.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct MetricsBatch {
    /// Exponential histograms.
    pub points: Vec<HistogramPoint>,
    /// Metrics of other types.
    pub other: u64,
    /// Data points that could not be used: no time, more than [`BUCKETS`] buckets, counts that do not add up.
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
    pub(super) fn take(&mut self, point: HistogramPoint) -> Result<(), TraceError> {
        let counted: u128 = point.counts.iter().chain([&point.zero_count]).map(|count| u128::from(*count)).sum();
        if point.time == 0 || point.counts.len() > BUCKETS || counted != u128::from(point.count) {
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
    method: Option<Cow<'a, str>>,
    kind: SpanKind,
    series: u128,
}

impl<'a> Labels<'a> {
    fn take(&mut self, key: &str, value: Cow<'a, str>) {
        self.series = self.series.wrapping_add(mark(key.as_bytes(), &value));
        match key {
            "service.name" => self.service = Some(value),
            "span.kind" => self.kind = kind_of(&value),
            key if METHOD.contains(&key) => self.method = Some(value),
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
        if let Some((rank, operation)) = self.operation {
            let method = self.method.filter(|_| WITHOUT_METHOD.contains(&OPERATION[rank]));
            point.operation = match method {
                Some(method) => vocabulary.name(&format!("{method} {operation}")),
                None => vocabulary.name(&operation),
            };
        }
        point.kind = self.kind;
        point.series = point.series.wrapping_add(self.series);
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
                let sender = sender(group)?;
                while !group.is_done() {
                    match group.key()? {
                        0x12 => {
                            let mut scope = group.message()?;
                            while !scope.is_done() {
                                match scope.key()? {
                                    0x12 => metric(scope.message()?, (service, sender), vocabulary, &mut batch)?,
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

/// What the attributes of the resource add to the name of a series.
fn sender(mut group: Wire<'_>) -> Result<u128, WireError> {
    let mut series = 0_u128;
    while !group.is_done() {
        match group.key()? {
            0x0a => {
                let mut resource = group.message()?;
                while !resource.is_done() {
                    match resource.key()? {
                        0x0a => {
                            let (key, value) = key_value(resource.message()?)?;
                            series = series.wrapping_add(mark(key, &value.text().unwrap_or_default()));
                        }
                        other => resource.skip(other)?,
                    }
                }
            }
            other => group.skip(other)?,
        }
    }
    Ok(series)
}

fn metric(
    mut wire: Wire<'_>,
    (service, sender): (NameId, u128),
    vocabulary: &mut Vocabulary,
    batch: &mut MetricsBatch,
) -> Result<(), TraceError> {
    let (mut name, mut unit_text): (&[u8], &[u8]) = (&[], &[]);
    let mut histogram = None;
    while !wire.is_done() {
        match wire.key()? {
            0x0a => name = wire.bytes()?,
            0x1a => unit_text = wire.bytes()?,
            0x52 => histogram = Some(wire.message()?),
            other => wire.skip(other)?,
        }
    }
    let Some(histogram) = histogram else {
        batch.other += 1;
        return Ok(());
    };
    let (metric, unit) = (vocabulary.name_of_bytes(name), vocabulary.name_of_bytes(unit_text));
    // The temporality may stand behind the data points.
    let mut temporality = Temporality::Unspecified;
    let mut fields = histogram;
    while !fields.is_done() {
        match fields.key()? {
            0x10 => temporality = temporality_of(fields.varint()?),
            other => fields.skip(other)?,
        }
    }
    let of_metric = mark_of_metric(&String::from_utf8_lossy(name), &String::from_utf8_lossy(unit_text), temporality);
    let series = sender.wrapping_add(of_metric);
    let mut fields = histogram;
    while !fields.is_done() {
        match fields.key()? {
            0x0a => {
                let known = HistogramPoint { metric, unit, service, temporality, series, ..HistogramPoint::default() };
                if let Some(point) = point(fields.message()?, known, vocabulary)? {
                    batch.take(point)?;
                }
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
) -> Result<Option<HistogramPoint>, WireError> {
    let (mut labels, mut recorded) = (Labels::default(), true);
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
            // Nothing was recorded: it counts nothing, and is no new beginning.
            0x50 => recorded = wire.varint()? & 1 == 0,
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
    Ok(recorded.then_some(point))
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
struct Point<'a> {
    #[serde(borrow, default, deserialize_with = "few::<1000, _, _>")]
    attributes: Vec<KeyValue<'a>>,
    #[serde(default, rename = "startTimeUnixNano", alias = "start_time_unix_nano")]
    start: Whole,
    #[serde(default, rename = "timeUnixNano", alias = "time_unix_nano")]
    time: Whole,
    #[serde(default)]
    count: Whole,
    #[serde(default)]
    flags: Whole,
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
    #[serde(
        default,
        rename = "bucketCounts",
        alias = "bucket_counts",
        deserialize_with = "few::<{ BUCKETS + 1 }, _, _>"
    )]
    counts: Vec<Whole>,
}

/// Reads OTLP metrics in JSON: documents or lines.
///
/// # Errors
/// [`TraceError::Json`] with line and column, [`TraceError::TooMuch`].
pub fn parse_json(bytes: &[u8], vocabulary: &mut Vocabulary) -> Result<MetricsBatch, TraceError> {
    let mut batch = MetricsBatch::default();
    documents("OTLP metrics JSON", bytes, |document, stop| {
        let mut reader = Reader { vocabulary, batch: &mut batch, stop };
        One(&mut reader).deserialize(document)
    })?;
    Ok(batch)
}

struct Reader<'r> {
    vocabulary: &'r mut Vocabulary,
    batch: &'r mut MetricsBatch,
    stop: &'r mut Stop,
}

impl<'de> Members<'de> for Reader<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let wanted = matches!(key, "resourceMetrics" | "resource_metrics");
        if wanted {
            let from = self.batch.points.len();
            map.next_value_seed(Many(&mut Group { reader: self, from, resource: Attributes::default() }))?;
        }
        Ok(wanted)
    }
}

/// Metrics of one resource, which may stand behind them.
struct Group<'r, 's, 'a> {
    reader: &'s mut Reader<'r>,
    from: usize,
    resource: Attributes<'a>,
}

impl<'de: 'a, 'a> Members<'de> for Group<'_, '_, 'a> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "resource" => self.resource = map.next_value::<Option<Attributes<'de>>>()?.unwrap_or_default(),
            "scopeMetrics" | "scope_metrics" => map.next_value_seed(Many(&mut Scope { reader: self.reader }))?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn end(&mut self) {
        let resource = std::mem::take(&mut self.resource);
        let sender = resource.texts().fold(0_u128, |sum, (key, value)| sum.wrapping_add(mark(key.as_bytes(), value)));
        let service = resolve(&resource, self.reader.vocabulary).service;
        for point in &mut self.reader.batch.points[self.from..] {
            point.series = point.series.wrapping_add(sender);
            if point.service == NameId::NONE {
                point.service = service;
            }
        }
        self.from = self.reader.batch.points.len();
    }
}

struct Scope<'r, 's> {
    reader: &'s mut Reader<'r>,
}

impl<'de> Members<'de> for Scope<'_, '_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let wanted = key == "metrics";
        if wanted {
            let from = self.reader.batch.points.len();
            let mut metric =
                Metric { reader: self.reader, from, name: Text::default(), unit: Text::default(), seen: None };
            map.next_value_seed(Many(&mut metric))?;
        }
        Ok(wanted)
    }
}

/// One metric after the other. Name and unit may stand behind the data points.
struct Metric<'r, 's, 'a> {
    reader: &'s mut Reader<'r>,
    from: usize,
    name: Text<'a>,
    unit: Text<'a>,
    seen: Option<Temporality>,
}

impl<'de: 'a, 'a> Members<'de> for Metric<'_, '_, 'a> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "name" => self.name = map.next_value()?,
            "unit" => self.unit = map.next_value()?,
            "exponentialHistogram" | "exponential_histogram" => {
                let mut histogram = Histogram { reader: self.reader, temporality: Temporality::Unspecified };
                map.next_value_seed(One(&mut histogram))?;
                self.seen = Some(histogram.temporality);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn end(&mut self) {
        let (name, unit) = (std::mem::take(&mut self.name), std::mem::take(&mut self.unit));
        let batch = &mut *self.reader.batch;
        match self.seen.take() {
            None => batch.other += 1,
            Some(temporality) => {
                let metric = self.reader.vocabulary.name(name.as_str());
                let of_metric = mark_of_metric(name.as_str(), unit.as_str(), temporality);
                let unit = self.reader.vocabulary.name(unit.as_str());
                for point in &mut batch.points[self.from..] {
                    point.series = point.series.wrapping_add(of_metric);
                    (point.metric, point.unit, point.temporality) = (metric, unit, temporality);
                }
            }
        }
        self.from = batch.points.len();
    }
}

struct Histogram<'r, 's> {
    reader: &'s mut Reader<'r>,
    temporality: Temporality,
}

impl<'de> Members<'de> for Histogram<'_, '_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "aggregationTemporality" | "aggregation_temporality" => {
                self.temporality = match map.next_value::<Text<'de>>()?.as_str() {
                    "1" | "AGGREGATION_TEMPORALITY_DELTA" => Temporality::Delta,
                    "2" | "AGGREGATION_TEMPORALITY_CUMULATIVE" => Temporality::Cumulative,
                    _ => Temporality::Unspecified,
                };
            }
            "dataPoints" | "data_points" => {
                let Reader { vocabulary, batch, stop } = &mut *self.reader;
                map.next_value_seed(Each::new(&mut |json: Point<'de>| {
                    let recorded = json.flags.0.unwrap_or_default() & 1 == 0;
                    let point = json.point(vocabulary);
                    stop_with(stop, if recorded { batch.take(point) } else { Ok(()) })
                }))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Point<'_> {
    /// The point; its metric, its temporality and, unless it names one itself, its service are still open.
    fn point(self, vocabulary: &mut Vocabulary) -> HistogramPoint {
        let mut point = HistogramPoint {
            start: self.start.0.unwrap_or_default(),
            time: self.time.0.unwrap_or_default(),
            scale: self.scale,
            count: self.count.0.unwrap_or_default(),
            zero_count: self.zero_count.0.unwrap_or_default(),
            offset: self.positive.offset,
            counts: self.positive.counts.iter().map(|count| count.0.unwrap_or_default()).collect(),
            ..HistogramPoint::default()
        };
        let mut labels = Labels::default();
        for attribute in self.attributes {
            labels.take(attribute.key.as_str(), attribute.value.0.0);
        }
        labels.put(&mut point, vocabulary);
        point
    }
}
