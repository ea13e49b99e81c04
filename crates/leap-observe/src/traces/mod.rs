//! Traces come in, [`leap_terms::Trace`]s go out: pure parsers and assembly in bounded memory.
//!
//! ```text
//! bytes ─ detect ─┬ otlp_proto ┐
//!                 ├ otlp_json  ├→ Batch of Arrivals ─ assemble → Given(Trace), whole, once complete
//!                 ├ jaeger     │   (names in a Vocabulary)
//!                 └ zipkin     ┘
//! ```
//! Reading order: [`read`] (any accepted bytes to a batch), [`mod@detect`], the four parsers, [`vocabulary`] (names,
//! facts of services), [`assemble`]; beside them [`otlp_metrics`] and [`prometheus`] (histograms, the unsampled truth
//! for quantiles) and [`otlp_write`] (the way back, for tests, benches and the sample company).
//!
//! What is absent on purpose: sockets and files, the clock (times are arguments), threads, attribution (`leap-orient`),
//! teams. A parser takes a body whole or not at all; single spans that cannot be used are counted in [`Rejected`].

use std::borrow::Cow;
use std::fmt;

use hashbrown::HashMap;
use leap_terms::{Span, SpanId, TraceId, Weight};

pub mod assemble;
pub mod detect;
mod error;
mod ids;
pub mod jaeger;
mod json;
pub mod otlp_json;
pub mod otlp_metrics;
pub mod otlp_proto;
pub mod otlp_write;
pub mod prometheus;
pub mod trial;
pub mod vocabulary;
mod wire;
pub mod zipkin;

#[cfg(test)]
mod tests;

pub use assemble::{Assembler, AssemblyCounts, AssemblyLimits, Full, Given};
pub use detect::{Kind, decompress, detect};
pub use error::TraceError;
pub use vocabulary::{ServiceFacts, Vocabulary, VocabularyLimits};
pub use wire::WireFault;

/// How much one body may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScanLimits {
    /// Spans in a batch.
    pub spans: usize,
    /// Bytes once decompressed.
    pub bytes: usize,
}

impl ScanLimits {
    /// For a body of a request: 64 MiB, as the protocol recommends, and 500,000 spans.
    pub const BODY: ScanLimits = ScanLimits { spans: 500_000, bytes: 64 << 20 };
    /// For a file.
    pub const FILE: ScanLimits = ScanLimits { spans: 50_000_000, bytes: 4 << 30 };
}

impl Default for ScanLimits {
    fn default() -> ScanLimits {
        ScanLimits::BODY
    }
}

/// One span as it came.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Arrival {
    /// Its trace.
    pub trace: TraceId,
    /// The sampling weight that it carries.
    pub weight: Weight,
    /// The span, cleaned (N0): its end is not before its start.
    pub span: Span,
}

/// Spans of one or more bodies.
#[derive(Clone, Default, Debug)]
pub struct Batch {
    /// The spans in order of arrival, repeated ones included.
    pub spans: Vec<Arrival>,
    /// Spans that could not be used.
    pub rejected: Rejected,
    /// Ids as they were written, where that is not their usual form.
    pub texts: IdTexts,
}

pub(crate) struct Mark {
    spans: usize,
    rejected: Rejected,
}

impl Batch {
    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.spans.clear();
        self.rejected = Rejected::default();
        self.texts = IdTexts::default();
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark { spans: self.spans.len(), rejected: self.rejected }
    }

    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.spans.truncate(mark.spans);
        self.rejected = mark.rejected;
    }
}

/// Why a span cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rejection {
    /// No trace id, one of zeros, or one of the wrong length.
    TraceId,
    /// No span id, one of zeros, or one of the wrong length.
    SpanId,
    /// A parent id of the wrong length.
    ParentId,
    /// No start or no end, or times beyond the year 2554.
    Times,
}

/// Spans that could not be used, by reason.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Rejected {
    /// [`Rejection::TraceId`].
    pub trace_id: u64,
    /// [`Rejection::SpanId`].
    pub span_id: u64,
    /// [`Rejection::ParentId`].
    pub parent_id: u64,
    /// [`Rejection::Times`].
    pub times: u64,
    /// Zipkin reports without timestamp or duration, whose children went to their parent: no spans, and no fault.
    pub partial: u64,
}

impl Rejected {
    #[cold]
    pub(crate) fn count(&mut self, why: Rejection) {
        match why {
            Rejection::TraceId => self.trace_id += 1,
            Rejection::SpanId => self.span_id += 1,
            Rejection::ParentId => self.parent_id += 1,
            Rejection::Times => self.times += 1,
        }
    }

    /// `partial_success.rejected_spans`.
    pub fn total(&self) -> u64 {
        self.trace_id + self.span_id + self.parent_id + self.times
    }
}

impl fmt::Display for Rejected {
    /// `partial_success.error_message`: "2 spans without a trace id of 16 bytes, 1 span without start or end".
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons = [
            (self.trace_id, "without a trace id of 16 bytes that are not all zero"),
            (self.span_id, "without a span id of 8 bytes that are not all zero"),
            (self.parent_id, "with a parent id that is not 8 bytes"),
            (self.times, "without a usable start and end"),
        ];
        let mut first = true;
        for (count, reason) in reasons {
            if count > 0 {
                let comma = if first { "" } else { ", " };
                write!(out, "{comma}{count} span{} {reason}", if count == 1 { "" } else { "s" })?;
                first = false;
            }
        }
        Ok(())
    }
}

/// Ids as they were written, where that differs from 32 and 16 hexadecimal digits in lower case: Jaeger and Zipkin have
/// shorter ones, and fixtures any text.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct IdTexts {
    traces: HashMap<TraceId, Box<str>>,
    spans: HashMap<(TraceId, SpanId), Box<str>>,
}

impl IdTexts {
    /// A trace id as it was written.
    pub fn trace(&self, id: TraceId) -> Cow<'_, str> {
        self.traces.get(&id).map_or_else(|| Cow::Owned(id.to_string()), |text| Cow::Borrowed(&**text))
    }

    /// A span id as it was written, with `/s<k>` for the k-th server half.
    pub fn span(&self, trace: TraceId, id: SpanId) -> Cow<'_, str> {
        match self.spans.get(&(trace, SpanId::new(id.bits))) {
            Some(text) if id.half > 0 => Cow::Owned(format!("{text}/s{}", id.half)),
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(id.to_string()),
        }
    }

    /// True when every id has its usual form.
    pub fn is_empty(&self) -> bool {
        self.traces.is_empty() && self.spans.is_empty()
    }

    /// Takes over those of another batch.
    pub fn extend(&mut self, other: IdTexts) {
        self.traces.extend(other.traces);
        self.spans.extend(other.spans);
    }

    pub(crate) fn note_trace(&mut self, id: TraceId, text: &str) {
        if text.len() != 32 || id.to_string() != text {
            self.traces.entry(id).or_insert_with(|| text.into());
        }
    }

    pub(crate) fn note_span(&mut self, trace: TraceId, id: SpanId, text: &str) {
        let id = SpanId::new(id.bits);
        if text.len() != 16 || id.to_string() != text {
            self.spans.entry((trace, id)).or_insert_with(|| text.into());
        }
    }
}

/// Reads any accepted bytes, compressed or not: the spans go to the batch.
///
/// # Errors
/// [`TraceError`]; the batch then holds what it held.
pub fn read(
    bytes: &[u8],
    limits: &ScanLimits,
    vocabulary: &mut Vocabulary,
    batch: &mut Batch,
) -> Result<Kind, TraceError> {
    let bytes = decompress(bytes, limits.bytes)?;
    let kind = detect(&bytes)?;
    read_as(kind, &bytes, limits, vocabulary, batch)?;
    Ok(kind)
}

/// Reads decompressed bytes whose kind is known.
///
/// # Errors
/// As [`read`]; [`TraceError::Unknown`] for metrics, which hold no spans.
pub fn read_as(
    kind: Kind,
    bytes: &[u8],
    limits: &ScanLimits,
    vocabulary: &mut Vocabulary,
    batch: &mut Batch,
) -> Result<(), TraceError> {
    match kind {
        Kind::OtlpProto => otlp_proto::scan(bytes, limits, vocabulary, batch),
        Kind::OtlpProtoFrames => otlp_proto::scan_frames(bytes, limits, vocabulary, batch),
        Kind::OtlpJson => otlp_json::parse(bytes, limits, vocabulary, batch),
        Kind::Jaeger => jaeger::parse(bytes, limits, vocabulary, batch),
        Kind::Zipkin => zipkin::parse(bytes, limits, vocabulary, batch),
        Kind::OtlpMetricsProto | Kind::OtlpMetricsJson => {
            Err(TraceError::Unknown { seen: "they are OTLP metrics, which hold no spans".to_owned() })
        }
    }
}

/// The sampling weight in a trace state: `ot=th:c;rv:…` among `vendor=value` entries.
pub fn weight_of_trace_state(trace_state: &[u8]) -> Weight {
    trace_state
        .split(|byte| *byte == b',')
        .find_map(|entry| entry.trim_ascii().strip_prefix(b"ot="))
        .and_then(|entry| entry.split(|byte| *byte == b';').find_map(|part| part.strip_prefix(b"th:")))
        .and_then(|threshold| std::str::from_utf8(threshold).ok())
        .and_then(|threshold| Weight::of_threshold(threshold.trim()).ok())
        .unwrap_or_default()
}

/// N0: an end before its start is moved to the start.
#[inline]
pub(crate) fn cleaned(mut span: Span) -> Span {
    if span.end < span.start {
        span.end = span.start;
        span.flags |= Span::NEGATIVE;
    }
    span
}

/// A refusal when a batch is full.
pub(crate) fn room(batch: &Batch, limits: &ScanLimits) -> Result<(), TraceError> {
    if batch.spans.len() < limits.spans {
        return Ok(());
    }
    let allowed = limits.spans as u64;
    Err(TraceError::TooMuch { what: "spans or more in one body", found: allowed + 1, allowed })
}

/// Lists of spans that must be held as a whole, in Jaeger's and Zipkin's documents, may not be longer.
pub const LONGEST_LIST: usize = 2_000_000;

/// A refusal when a list is too long.
pub(crate) fn not_too_long(spans: usize) -> Result<(), TraceError> {
    if spans <= LONGEST_LIST {
        return Ok(());
    }
    let (found, allowed) = (spans as u64, LONGEST_LIST as u64);
    Err(TraceError::TooMuch { what: "spans or more in one list", found, allowed })
}
