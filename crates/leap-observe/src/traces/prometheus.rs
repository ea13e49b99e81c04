//! Prometheus' native histograms, as its remote write sends them (`prometheus.WriteRequest` of protocol 1.0).
//!
//! ```text
//! {__name__="http_server_request_duration_seconds", job="shop/charge-api", http_route="/v1/charges", …}  schema 5, spans, deltas
//! ```
//! Their bucket i is OpenTelemetry's i − 1; the rest is the same, so they become [`HistogramPoint`]s, cumulative ones
//! whose start is not said. Float histograms, gauges and custom bounds are rejected; samples of other series are
//! counted and passed. Labels name service and operation as attributes do in OTLP, with `_` for `.`; without
//! `service_name` the job is the service.

use std::borrow::Cow;

use leap_terms::SpanKind;

use super::otlp_json::kind_of;
use super::otlp_metrics::{BUCKETS, HistogramPoint, MetricsBatch, Temporality, mark};
use super::wire::{Wire, WireError};
use super::{TraceError, Vocabulary};

/// Labels that name the operation, the first present wins.
const OPERATION: [&str; 6] = ["span_name", "operation", "http_route", "rpc_method", "url_template", "handler"];
/// Of these, those before which a span's name has the method.
const WITHOUT_METHOD: [&str; 3] = ["http_route", "url_template", "handler"];
/// Labels that name the service, the first present wins.
const SERVICE: [&str; 3] = ["service_name", "job", "service"];

/// A remote write body without its Snappy: at most `limit` bytes.
///
/// # Errors
/// [`TraceError::Compressed`] where it is no Snappy block, [`TraceError::TooMuch`] beyond the limit.
pub fn unsnapped(bytes: &[u8], limit: usize) -> Result<Vec<u8>, TraceError> {
    let broken = |error: snap::Error| TraceError::Compressed { container: "snappy", reason: error.to_string() };
    let length = snap::raw::decompress_len(bytes).map_err(broken)?;
    if length > limit {
        let what = "bytes or more once decompressed";
        return Err(TraceError::TooMuch { what, found: length as u64, allowed: limit as u64 });
    }
    snap::raw::Decoder::new().decompress_vec(bytes).map_err(broken)
}

/// Reads a `WriteRequest`, decompressed.
///
/// # Errors
/// [`TraceError::Wire`] with the byte at fault, [`TraceError::TooMuch`].
pub fn write_request(body: &[u8], vocabulary: &mut Vocabulary) -> Result<MetricsBatch, TraceError> {
    let mut batch = MetricsBatch::default();
    let mut wire = Wire::new(body);
    while !wire.is_done() {
        match wire.key()? {
            0x0a => series(wire.message()?, vocabulary, &mut batch)?,
            other => wire.skip(other)?,
        }
    }
    Ok(batch)
}

#[derive(Default)]
struct Labels<'a> {
    name: Cow<'a, str>,
    service: Option<(usize, Cow<'a, str>)>,
    operation: Option<(usize, Cow<'a, str>)>,
    method: Option<Cow<'a, str>>,
    kind: SpanKind,
    series: u128,
}

impl<'a> Labels<'a> {
    fn take(&mut self, key: &str, value: Cow<'a, str>) {
        self.series = self.series.wrapping_add(mark(key.as_bytes(), &value));
        let better =
            |held: &Option<(usize, Cow<'a, str>)>, rank: usize| held.as_ref().is_none_or(|(taken, _)| rank < *taken);
        match key {
            "__name__" => self.name = value,
            "span_kind" => self.kind = kind_of(&value),
            "http_request_method" | "http_method" | "method" => self.method = Some(value),
            key => {
                if let Some(rank) = SERVICE.iter().position(|wanted| *wanted == key) {
                    if better(&self.service, rank) {
                        self.service = Some((rank, value));
                    }
                } else if let Some(rank) = OPERATION.iter().position(|wanted| *wanted == key)
                    && better(&self.operation, rank)
                {
                    self.operation = Some((rank, value));
                }
            }
        }
    }
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn series(wire: Wire<'_>, vocabulary: &mut Vocabulary, batch: &mut MetricsBatch) -> Result<(), TraceError> {
    let mut labels = Labels::default();
    let (mut fields, mut histograms) = (wire, 0_u64);
    while !fields.is_done() {
        match fields.key()? {
            0x0a => {
                let (mut label, mut name, mut value): (Wire<'_>, &[u8], &[u8]) = (fields.message()?, &[], &[]);
                while !label.is_done() {
                    match label.key()? {
                        0x0a => name = label.bytes()?,
                        0x12 => value = label.bytes()?,
                        other => label.skip(other)?,
                    }
                }
                labels.take(&text(name), text(value));
            }
            0x22 => {
                histograms += 1;
                fields.message()?;
            }
            other => fields.skip(other)?,
        }
    }
    if histograms == 0 {
        batch.other += 1;
        return Ok(());
    }
    let mut known =
        HistogramPoint { temporality: Temporality::Cumulative, kind: labels.kind, ..HistogramPoint::default() };
    known.metric = vocabulary.name(&labels.name);
    if let Some((rank, service)) = &labels.service {
        // Prometheus' job is `namespace/name`.
        let service = if SERVICE[*rank] == "job" { service.rsplit('/').next().unwrap_or(service) } else { service };
        known.service = vocabulary.name(service);
    }
    if let Some((rank, operation)) = &labels.operation {
        known.operation = match labels.method.filter(|_| WITHOUT_METHOD.contains(&OPERATION[*rank])) {
            Some(method) => vocabulary.name(&format!("{method} {operation}")),
            None => vocabulary.name(operation),
        };
    }
    known.series = labels.series;
    let mut fields = wire;
    while !fields.is_done() {
        match fields.key()? {
            0x22 => match histogram(fields.message()?, known.clone())? {
                Read::Counts(point) => batch.take(point)?,
                Read::Stale => {}
                Read::Unusable => batch.rejected += 1,
            },
            other => fields.skip(other)?,
        }
    }
    Ok(())
}

fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

/// What a histogram is.
enum Read {
    Counts(HistogramPoint),
    /// Nobody tells this series any more: it counts nothing, and is no new beginning.
    Stale,
    Unusable,
}

fn histogram(mut wire: Wire<'_>, mut point: HistogramPoint) -> Result<Read, WireError> {
    let (mut spans, mut deltas, mut usable) = (Vec::<(i64, u64)>::new(), Vec::<i64>::new(), true);
    let mut stale = false;
    while !wire.is_done() {
        match wire.key()? {
            0x08 => point.count = wire.varint()?,
            // Floats: counts of recording rules, not of requests.
            key @ (0x11 | 0x39 | 0x52 | 0x6a) => {
                usable = false;
                wire.skip(key)?;
            }
            // Prometheus marks what is gone by a sum that is no number.
            0x19 => stale = f64::from_bits(wire.fixed64()?).is_nan(),
            0x20 => point.scale = i32::try_from(zigzag(wire.varint()?)).unwrap_or(i32::MIN),
            0x30 => point.zero_count = wire.varint()?,
            0x5a => {
                let (mut span, mut offset, mut length) = (wire.message()?, 0, 0);
                while !span.is_done() {
                    match span.key()? {
                        0x08 => offset = zigzag(span.varint()?),
                        0x10 => length = span.varint()?,
                        other => span.skip(other)?,
                    }
                }
                spans.push((offset, length));
            }
            0x60 => push(&mut deltas, zigzag(wire.varint()?)),
            0x62 => {
                let mut packed = wire.message()?;
                while !packed.is_done() {
                    push(&mut deltas, zigzag(packed.varint()?));
                }
            }
            // A gauge is no count of requests.
            0x70 => usable &= wire.varint()? != 3,
            0x78 => point.time = wire.varint()?.saturating_mul(1_000_000),
            other => wire.skip(other)?,
        }
    }
    Ok(match dense(&spans, &deltas, point) {
        _ if stale => Read::Stale,
        Some(point) if usable => Read::Counts(point),
        Some(_) | None => Read::Unusable,
    })
}

/// One more than allowed is enough to be refused.
fn push(deltas: &mut Vec<i64>, delta: i64) {
    if deltas.len() <= BUCKETS {
        deltas.push(delta);
    }
}

/// Counts of all buckets from the first used one to the last; `None` where spans and deltas do not fit, or are too
/// many.
fn dense(spans: &[(i64, u64)], deltas: &[i64], mut point: HistogramPoint) -> Option<HistogramPoint> {
    let (mut index, mut first, mut count) = (0_i64, None, 0_i64);
    let mut deltas = deltas.iter();
    for (offset, length) in spans {
        index = index.checked_add(*offset)?;
        for _ in 0..*length {
            count = count.checked_add(*deltas.next()?)?;
            let place = usize::try_from(index - *first.get_or_insert(index)).ok().filter(|place| *place < BUCKETS)?;
            point.counts.resize(place, 0);
            point.counts.push(u64::try_from(count).ok()?);
            index += 1;
        }
    }
    // OpenTelemetry's bucket i begins where Prometheus' i + 1 does.
    point.offset = i32::try_from(first.unwrap_or(1) - 1).ok()?;
    deltas.next().is_none().then_some(point)
}

#[cfg(test)]
mod tests {
    use super::super::otlp_write::{bytes, varint};
    use super::*;

    fn label(name: &str, value: &str) -> Vec<u8> {
        let mut label = Vec::new();
        bytes(&mut label, 0x0a, name.as_bytes());
        bytes(&mut label, 0x12, value.as_bytes());
        label
    }

    /// Buckets 3 and 4 hold 5 and 7, bucket 9 holds 2; one measurement is 0.
    fn native(count: u64, more: &[u8]) -> Vec<u8> {
        let zigzagged = |value: i64| ((value << 1) ^ (value >> 63)).cast_unsigned();
        let mut out = vec![0x08];
        varint(&mut out, count);
        out.extend([0x20, 10, 0x30, 1]);
        for (offset, length) in [(3, 2), (4, 1)] {
            bytes(&mut out, 0x5a, &[0x08, zigzagged(offset) as u8, 0x10, length]);
        }
        bytes(&mut out, 0x62, &[5, 2, -5].map(|delta| zigzagged(delta) as u8));
        out.push(0x78);
        varint(&mut out, 1_786_924_860_000);
        out.extend_from_slice(more);
        out
    }

    fn body(histogram: &[u8]) -> Vec<u8> {
        let (mut series, mut out) = (Vec::new(), Vec::new());
        for (name, value) in [
            ("__name__", "http_server_request_duration_seconds"),
            ("job", "shop/charge-api"),
            ("instance", "a:9090"),
            ("http_route", "/v1/charges"),
            ("http_request_method", "POST"),
        ] {
            bytes(&mut series, 0x0a, &label(name, value));
        }
        bytes(&mut series, 0x22, histogram);
        bytes(&mut out, 0x0a, &series);
        let mut plain = Vec::new();
        bytes(&mut plain, 0x0a, &label("__name__", "up"));
        bytes(&mut plain, 0x12, &[]);
        bytes(&mut out, 0x0a, &plain);
        out
    }

    #[test]
    fn a_native_histogram_is_read_as_the_same_in_opentelemetrys_buckets() {
        let mut vocabulary = Vocabulary::default();
        let packed = snap::raw::Encoder::new().compress_vec(&body(&native(15, &[]))).unwrap();
        let plain = unsnapped(&packed, 10_000).unwrap();
        let batch = write_request(&plain, &mut vocabulary).unwrap();
        let [point] = &batch.points[..] else { panic!("{batch:?}") };
        assert_eq!((point.scale, point.count, point.zero_count, point.offset), (5, 15, 1, 2));
        assert_eq!(point.counts, [5, 7, 0, 0, 0, 0, 2]);
        assert_eq!((point.start, point.time), (0, 1_786_924_860_000_000_000));
        assert_eq!(point.temporality, Temporality::Cumulative);
        let names = [point.metric, point.service, point.operation].map(|name| vocabulary.text(name));
        assert_eq!(names, ["http_server_request_duration_seconds", "charge-api", "POST /v1/charges"]);
        assert_eq!((batch.other, batch.rejected), (1, 0));
    }

    #[test]
    fn what_is_no_count_of_requests_is_rejected_and_damage_is_an_error() {
        let mut vocabulary = Vocabulary::default();
        let mut rejected = |histogram: &[u8]| write_request(&body(histogram), &mut vocabulary).unwrap().rejected;
        assert_eq!(rejected(&native(15, &[])), 0);
        let nan = [&[0x19][..], &0x7ff0_0000_0000_0002_u64.to_le_bytes()].concat();
        assert_eq!(rejected(&native(0, &nan)), 0, "nobody tells it any more");
        assert_eq!(rejected(&native(16, &[])), 1, "a negative measurement");
        assert_eq!(rejected(&native(15, &[0x70, 3])), 1, "a gauge");
        assert_eq!(rejected(&native(15, &[0x39, 0, 0, 0, 0, 0, 0, 0, 0])), 1, "a float histogram");
        assert_eq!(rejected(&native(15, &[0x5a, 2, 0x10, 9])), 1, "a span without deltas");
        let whole = body(&native(15, &[]));
        let damaged = (1..whole.len()).filter(|end| write_request(&whole[..*end], &mut vocabulary).is_err()).count();
        assert!(damaged >= whole.len() - 10, "{damaged}");
        let packed = snap::raw::Encoder::new().compress_vec(&whole).unwrap();
        assert!(matches!(unsnapped(&packed, 10), Err(TraceError::TooMuch { .. })));
        assert!(matches!(unsnapped(&packed[..20], 10_000), Err(TraceError::Compressed { .. })));
    }
}
