//! OTLP in JSON: one document, several, or one on each line as the collector's file exporter writes them.
//!
//! ```text
//! {"resourceSpans":[{"resource":{…},"scopeSpans":[{"spans":[{"traceId":"5b8e…","spanId":"eee1…","kind":2,…}]}]}]}
//! ```
//! Ids are hexadecimal; 64-bit numbers come as texts or numbers, enums as numbers or names, fields in lowerCamelCase or
//! with underscores; unknown fields are passed. Texts are borrowed from the body.

use leap_terms::{NameId, Span, SpanId, SpanKind, TraceId, Weight};
use serde::Deserialize;
use serde::de::{DeserializeSeed, MapAccess};

use super::json::{
    Each, KeyValue, Many, Members, One, Picked, Stop, Text, Whole, documents, few, or_default, stop_with,
};
use super::vocabulary::{Resolved, Resource};
use super::{Arrival, Batch, Rejection, ScanLimits, TraceError, Vocabulary, cleaned, room, weight_of_trace_state};

/// A resource; of thousands of attributes the first count.
#[derive(Deserialize, Default)]
pub(super) struct Attributes<'a> {
    #[serde(borrow, default, deserialize_with = "few::<1000, _, _>")]
    attributes: Vec<KeyValue<'a>>,
}

impl Attributes<'_> {
    /// Keys and values, as texts.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|one| (one.key.as_str(), one.value.0.as_str()))
    }
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
    #[serde(borrow, default)]
    attributes: Picked<'a>,
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
    let result = documents("OTLP JSON", bytes, |document, stop| {
        let mut reader = Reader { limits, vocabulary, batch, stop };
        One(&mut reader).deserialize(document)
    });
    if result.is_err() {
        batch.back_to(mark);
    }
    result
}

struct Reader<'r> {
    limits: &'r ScanLimits,
    vocabulary: &'r mut Vocabulary,
    batch: &'r mut Batch,
    stop: &'r mut Stop,
}

impl<'de> Members<'de> for Reader<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if !matches!(key, "resourceSpans" | "resource_spans") {
            return Ok(false);
        }
        let from = self.batch.spans.len();
        map.next_value_seed(Many(&mut Group { reader: self, from, resource: Attributes::default() }))?;
        Ok(true)
    }
}

/// Spans of one resource. It may stand behind them: they get their service and host at the group's end.
struct Group<'r, 's, 'a> {
    reader: &'s mut Reader<'r>,
    from: usize,
    resource: Attributes<'a>,
}

impl<'de: 'a, 'a> Members<'de> for Group<'_, '_, 'a> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "resource" => self.resource = map.next_value::<Option<Attributes<'de>>>()?.unwrap_or_default(),
            "scopeSpans" | "scope_spans" | "instrumentationLibrarySpans" => {
                map.next_value_seed(Many(&mut Scope { reader: self.reader }))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn end(&mut self) {
        let mut resolved = resolve(&std::mem::take(&mut self.resource), self.reader.vocabulary);
        for arrival in &mut self.reader.batch.spans[self.from..] {
            (arrival.span.service, arrival.span.host) = (resolved.service, resolved.host);
            resolved.count(arrival.span.start, arrival.span.end);
        }
        self.reader.vocabulary.saw(&resolved);
        self.from = self.reader.batch.spans.len();
    }
}

struct Scope<'r, 's> {
    reader: &'s mut Reader<'r>,
}

impl<'de> Members<'de> for Scope<'_, '_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key != "spans" {
            return Ok(false);
        }
        let Reader { limits, vocabulary, batch, stop } = &mut *self.reader;
        map.next_value_seed(Each::new(&mut |span: JsonSpan<'de>| {
            stop_with(stop, room(batch, limits))?;
            take(&span, vocabulary, batch);
            Ok(())
        }))?;
        Ok(true)
    }
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

/// Takes a span, its service and host still open.
fn take(json: &JsonSpan<'_>, vocabulary: &mut Vocabulary, batch: &mut Batch) {
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
    let (peer, attribute_flags) = json.attributes.name(vocabulary);
    flags |= attribute_flags;
    let span = cleaned(Span {
        id: SpanId::new(id as u64),
        parent: SpanId::new(parent as u64),
        start,
        end,
        service: NameId::NONE,
        host: NameId::NONE,
        operation: vocabulary.name(json.name.as_str()),
        peer,
        kind: kind_of(json.kind.as_str()),
        flags,
    });
    let weight = match json.trace_state.as_str() {
        "" => Weight::Unknown,
        text => weight_of_trace_state(text.as_bytes()),
    };
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
