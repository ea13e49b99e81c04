//! OTLP in JSON: one document, several, or one on each line as the collector's file exporter writes them.
//!
//! ```text
//! {"resourceSpans":[{"resource":{…},"scopeSpans":[{"spans":[{"traceId":"5b8e…","spanId":"eee1…","kind":2,…}]}]}]}
//! ```
//! Ids are hexadecimal; 64-bit numbers come as texts or numbers, enums as numbers or names, fields in lowerCamelCase or with
//! underscores; unknown fields are passed. Texts are borrowed from the body.

use leap_terms::{Span, SpanId, SpanKind, TraceId, Weight};
use serde::Deserialize;

use super::json::{KeyValue, Text, Whole, documents, is_positive, list, or_default};
use super::vocabulary::{RESEND, Resolved, Resource, peer_rank};
use super::{Arrival, Batch, Rejection, ScanLimits, TraceError, Vocabulary, cleaned, room, weight_of_trace_state};

#[derive(Deserialize)]
struct Export<'a> {
    #[serde(borrow, default, rename = "resourceSpans", alias = "resource_spans", deserialize_with = "list")]
    resource_spans: Vec<ResourceSpans<'a>>,
}

#[derive(Deserialize)]
struct ResourceSpans<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    resource: Attributes<'a>,
    #[serde(
        borrow,
        default,
        rename = "scopeSpans",
        alias = "scope_spans",
        alias = "instrumentationLibrarySpans",
        deserialize_with = "list"
    )]
    scope_spans: Vec<ScopeSpans<'a>>,
}

#[derive(Deserialize, Default)]
pub(super) struct Attributes<'a> {
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) attributes: Vec<KeyValue<'a>>,
}

#[derive(Deserialize)]
struct ScopeSpans<'a> {
    #[serde(borrow, default, deserialize_with = "list")]
    spans: Vec<JsonSpan<'a>>,
}

#[derive(Deserialize)]
struct JsonSpan<'a> {
    #[serde(borrow, default, rename = "traceId", alias = "trace_id")]
    trace_id: Text<'a>,
    #[serde(borrow, default, rename = "spanId", alias = "span_id")]
    span_id: Text<'a>,
    #[serde(borrow, default, rename = "parentSpanId", alias = "parent_span_id")]
    parent: Text<'a>,
    #[serde(borrow, default, rename = "traceState", alias = "trace_state")]
    trace_state: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(default, rename = "startTimeUnixNano", alias = "start_time_unix_nano")]
    start: Whole,
    #[serde(default, rename = "endTimeUnixNano", alias = "end_time_unix_nano")]
    end: Whole,
    #[serde(default)]
    flags: Whole,
    #[serde(borrow, default, deserialize_with = "or_default")]
    status: Status<'a>,
    #[serde(borrow, default, deserialize_with = "list")]
    attributes: Vec<KeyValue<'a>>,
}

#[derive(Deserialize, Default)]
struct Status<'a> {
    #[serde(borrow, default)]
    code: Text<'a>,
}

/// Adds the spans of every document in a body to a batch.
///
/// # Errors
/// [`TraceError::Json`] with line and column, [`TraceError::TooMuch`]; the batch is then as before.
pub fn parse(
    bytes: &[u8],
    limits: &ScanLimits,
    vocabulary: &mut Vocabulary,
    batch: &mut Batch,
) -> Result<(), TraceError> {
    let mark = batch.mark();
    let result = documents("OTLP JSON", bytes, |export: Export<'_>| {
        for group in &export.resource_spans {
            let mut resolved = resolve(&group.resource, vocabulary);
            for scope in &group.scope_spans {
                for span in &scope.spans {
                    room(batch, limits)?;
                    take(span, &mut resolved, vocabulary, batch);
                }
            }
            vocabulary.saw(&resolved);
        }
        Ok(())
    });
    if result.is_err() {
        batch.back_to(mark);
    }
    result
}

pub(super) fn resolve(resource: &Attributes<'_>, vocabulary: &mut Vocabulary) -> Resolved {
    let mut found = Resource::default();
    for attribute in &resource.attributes {
        found.take(vocabulary, attribute.key.as_str(), attribute.value.0.0.clone());
    }
    vocabulary.resolve(&found)
}

/// A kind as OTLP's number, its name, or the word alone.
pub(super) fn kind_of(text: &str) -> SpanKind {
    let word = text.strip_prefix("SPAN_KIND_").unwrap_or(text);
    if let Ok(number) = word.parse() {
        return SpanKind::from_number(number);
    }
    [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer]
        .into_iter()
        .find(|kind| kind.word().eq_ignore_ascii_case(word))
        .unwrap_or_default()
}

fn take(json: &JsonSpan<'_>, resolved: &mut Resolved, vocabulary: &mut Vocabulary, batch: &mut Batch) {
    let Some(trace) = hex(json.trace_id.as_str(), 32).filter(|id| *id != 0) else {
        return batch.rejected.count(Rejection::TraceId);
    };
    let Some(id) = hex(json.span_id.as_str(), 16).filter(|id| *id != 0) else {
        return batch.rejected.count(Rejection::SpanId);
    };
    let parent = match json.parent.as_str() {
        "" => 0,
        text => match hex(text, 16) {
            Some(parent) => parent,
            None => return batch.rejected.count(Rejection::ParentId),
        },
    };
    let (Some(start @ 1..), Some(end @ 1..)) = (json.start.0, json.end.0) else {
        return batch.rejected.count(Rejection::Times);
    };
    let mut flags = match json.status.code.as_str() {
        "2" | "STATUS_CODE_ERROR" => Span::ERROR,
        _ => 0,
    };
    let bits = json.flags.0.unwrap_or_default();
    if bits & 0x100 != 0 {
        flags |= if bits & 0x200 != 0 { Span::PARENT_REMOTE } else { Span::PARENT_LOCAL };
    }
    let mut peer: Option<(u8, &str)> = None;
    for attribute in &json.attributes {
        let (key, value) = (attribute.key.as_str().as_bytes(), attribute.value.0.as_str());
        if key == RESEND {
            flags |= if is_positive(value) { Span::RETRY } else { 0 };
        } else if let Some(rank) = peer_rank(key)
            && !value.is_empty()
            && peer.is_none_or(|(taken, _)| rank < taken)
        {
            peer = Some((rank, value));
        }
    }
    flags |= if matches!(peer, Some((0, _))) { Span::PEER_SERVICE } else { 0 };
    let span = cleaned(Span {
        id: SpanId::new(id as u64),
        parent: SpanId::new(parent as u64),
        start,
        end,
        service: resolved.service,
        host: resolved.host,
        operation: vocabulary.name(json.name.as_str()),
        peer: peer.map(|(_, text)| vocabulary.name(text)).unwrap_or_default(),
        kind: kind_of(json.kind.as_str()),
        flags,
    });
    let weight = match json.trace_state.as_str() {
        "" => Weight::Unknown,
        text => weight_of_trace_state(text.as_bytes()),
    };
    resolved.count(span.start, span.end);
    batch.spans.push(Arrival { trace: TraceId(trace), weight, span });
}

/// Exactly so many hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    if text.len() != digits {
        return None;
    }
    let mut value = 0_u128;
    for byte in text.bytes() {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => return None,
        };
        value = value << 4 | u128::from(digit);
    }
    Some(value)
}
