//! What must hold for any bytes at all. The fuzz targets (`fuzz/`), the tests over their seeds and those of damaged bodies call
//! these, so that all check one thing.
//!
//! A body, however damaged, is refused whole with an error or read; what is read assembles without a loss, in bounded memory.
//! Nothing panics, nothing loops.

use leap_terms::{Span, Trace};

use super::otlp_metrics::MetricsBatch;
use super::{
    Assembler, AssemblyLimits, Batch, Kind, Rejected, ScanLimits, TraceError, Vocabulary, detect, otlp_metrics,
    otlp_proto, otlp_write, prometheus, read, read_as,
};

const LIMITS: ScanLimits = ScanLimits { spans: 1_000, bytes: 1 << 20 };

/// Reads a body as one kind and assembles it. Returns its spans, repeated ones included.
///
/// # Errors
/// [`TraceError`] when the body is refused.
///
/// # Panics
/// When something is half taken or gets lost: a fault of ours.
pub fn body(kind: Kind, bytes: &[u8]) -> Result<u64, TraceError> {
    let (mut vocabulary, mut batch) = (Vocabulary::default(), Batch::default());
    if let Err(error) = read_as(kind, bytes, &LIMITS, &mut vocabulary, &mut batch) {
        assert!(batch.spans.is_empty() && batch.rejected == Rejected::default(), "half taken: {error}");
        if let TraceError::Wire { offset, .. } = error {
            assert!(offset <= bytes.len(), "the byte at fault is one of the body's");
        }
        return Err(error);
    }
    for arrival in &batch.spans {
        let span = arrival.span;
        assert!(span.start <= span.end && arrival.trace.0 != 0 && !span.id.is_none(), "spans are cleaned: {span:?}");
    }
    let mut traces: Vec<Trace> = Vec::new();
    let limits = AssemblyLimits { bytes: 100_000, ..AssemblyLimits::default() };
    let mut assembler = Assembler::new(limits);
    for (time, arrival) in (0_u64..).zip(&batch.spans) {
        let now = time * 3_000_000_000;
        assembler.push(arrival, now, &mut |given| traces.push(given.trace.clone()));
        assert!(assembler.bytes() <= limits.bytes, "memory is bounded");
    }
    assembler.finish(&mut |given| traces.push(given.trace.clone()));
    let given: usize = traces.iter().map(|trace| trace.spans.len()).sum();
    assert_eq!(given as u64 + assembler.counts().duplicates, batch.spans.len() as u64, "no span is lost");
    if matches!(kind, Kind::OtlpProto) {
        again(&mut vocabulary, &traces);
    }
    Ok(batch.spans.len() as u64)
}

/// Writes traces and reads them back.
fn again(vocabulary: &mut Vocabulary, traces: &[Trace]) {
    let mut written = Vec::new();
    let whole: Vec<&Trace> = traces.iter().collect();
    otlp_write::write_traces(&mut written, vocabulary.names(), &whole);
    let mut batch = Batch::default();
    otlp_proto::scan(&written, &LIMITS, vocabulary, &mut batch).expect("what was written can be read");
    let shape = |span: &Span| (span.id, span.parent, span.start, span.end, span.service, span.operation, span.kind);
    let mut before: Vec<_> = traces.iter().flat_map(|trace| trace.spans.iter().map(|s| (trace.id, shape(s)))).collect();
    let mut after: Vec<_> = batch.spans.iter().map(|arrival| (arrival.trace, shape(&arrival.span))).collect();
    before.sort_unstable();
    after.sort_unstable();
    assert_eq!(before, after, "what was written is read back");
}

/// Reads a body of metrics, either encoding.
///
/// # Errors
/// [`TraceError`] when the body is refused.
///
/// # Panics
/// When a limit does not hold: a fault of ours.
pub fn metrics(kind: Kind, bytes: &[u8]) -> Result<MetricsBatch, TraceError> {
    let mut vocabulary = Vocabulary::default();
    let batch = match kind {
        Kind::OtlpMetricsJson => otlp_metrics::parse_json(bytes, &mut vocabulary)?,
        _ => otlp_metrics::scan(bytes, &mut vocabulary)?,
    };
    counted(&batch);
    Ok(batch)
}

/// Reads a body of Prometheus' remote write, and the same as if it came in Snappy.
///
/// # Errors
/// [`TraceError`] when the body is refused.
///
/// # Panics
/// As [`metrics`].
pub fn remote_write(bytes: &[u8]) -> Result<MetricsBatch, TraceError> {
    if let Ok(plain) = prometheus::unsnapped(bytes, LIMITS.bytes) {
        assert!(plain.len() <= LIMITS.bytes, "what is unpacked is bounded");
        if let Ok(batch) = prometheus::write_request(&plain, &mut Vocabulary::default()) {
            counted(&batch);
        }
    }
    let batch = prometheus::write_request(bytes, &mut Vocabulary::default())?;
    counted(&batch);
    Ok(batch)
}

fn counted(batch: &MetricsBatch) {
    for point in &batch.points {
        assert!(point.counts.len() <= otlp_metrics::BUCKETS && point.time > 0, "{point:?}");
        let inside: u128 = point.counts.iter().chain([&point.zero_count]).map(|count| u128::from(*count)).sum();
        assert_eq!(inside, u128::from(point.count), "a point's counts add up: {point:?}");
    }
}

/// Tells what bytes are and reads them in every way. Returns in how many ways they can be read as traces.
///
/// # Panics
/// As [`body`].
pub fn every_way(bytes: &[u8]) -> usize {
    let (mut vocabulary, mut batch) = (Vocabulary::default(), Batch::default());
    match read(bytes, &LIMITS, &mut vocabulary, &mut batch) {
        Ok(kind) => assert!(kind.is_traces(), "only traces are read as traces"),
        Err(_) => assert!(batch.spans.is_empty(), "half taken"),
    }
    if !bytes.starts_with(&[0x1f, 0x8b]) && !bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        assert_eq!(super::detect::detect_start(bytes), detect(bytes), "what is not compressed is told as it is");
    }
    // Refused or read: that they return is what counts.
    for kind in [Kind::OtlpMetricsProto, Kind::OtlpMetricsJson] {
        let _outcome = metrics(kind, bytes);
    }
    let _outcome = remote_write(bytes);
    [Kind::OtlpProto, Kind::OtlpProtoFrames, Kind::OtlpJson, Kind::Jaeger, Kind::Zipkin]
        .into_iter()
        .filter(|kind| body(*kind, bytes).is_ok())
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::seeds;

    #[test]
    fn every_seed_of_traces_is_read_or_refused() {
        for (target, kind) in [
            ("otlp_proto", Kind::OtlpProto),
            ("otlp_json", Kind::OtlpJson),
            ("jaeger_json", Kind::Jaeger),
            ("zipkin_json", Kind::Zipkin),
        ] {
            for (name, bytes) in seeds(target) {
                let outcome = body(kind, &bytes);
                assert_eq!(outcome.is_err(), name.starts_with("bad-"), "{target}/{name}: {outcome:?}");
                assert!(outcome.is_err() || detect(&bytes) == Ok(kind), "{target}/{name} is told");
                every_way(&bytes);
            }
        }
        for (name, bytes) in seeds("otlp_metrics") {
            let outcome = metrics(Kind::OtlpMetricsProto, &bytes);
            assert_eq!(outcome.is_err(), name.starts_with("bad-"), "{name}: {outcome:?}");
        }
        for (name, bytes) in seeds("remote_write") {
            let outcome = remote_write(&bytes);
            assert_eq!(outcome.is_err(), name.starts_with("bad-"), "{name}: {outcome:?}");
        }
    }
}
