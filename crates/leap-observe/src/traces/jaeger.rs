//! Jaeger's JSON: what its query service returns (`{"data": [trace…]}`), one trace alone, or a list of traces.
//!
//! ```text
//! {"data":[{"traceID":"5b8e…","spans":[{"spanID":"eee1…","references":[{"refType":"CHILD_OF",…}],…}],"processes":{…}}]}
//! ```
//! Times are microseconds. The parent is the first CHILD_OF of the same trace, else the first FOLLOWS_FROM of it, whose span
//! then follows. Ids may be any text: see [`super::IdTexts`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use leap_terms::{Span, SpanId, SpanKind, Weight};
use serde::Deserialize;
use serde::de::{DeserializeSeed, MapAccess};

use super::ids::{SpanIds, trace_id};
use super::json::{Each, Members, One, Picked, Stop, Stopped, Text, Whole, documents, few, or_default, stop_with};
use super::otlp_json::kind_of;
use super::vocabulary::{Resolved, Resource, Slot};
use super::{
    Arrival, Batch, LONGEST_LIST, Rejection, ScanLimits, TraceError, Vocabulary, cleaned, not_too_long, room,
    weight_of_trace_state,
};

const FORMAT: &str = "Jaeger JSON";

/// A trace; its spans are held until it ends.
#[derive(Deserialize, Default)]
struct JaegerTrace<'a> {
    #[serde(borrow, default, rename = "traceID")]
    trace_id: Text<'a>,
    #[serde(borrow, default, deserialize_with = "few::<{ LONGEST_LIST + 1 }, _, _>")]
    spans: Vec<JaegerSpan<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    processes: BTreeMap<Cow<'a, str>, Process<'a>>,
}

#[derive(Deserialize, Default)]
struct Process<'a> {
    #[serde(borrow, default, rename = "serviceName")]
    service: Text<'a>,
    #[serde(borrow, default, deserialize_with = "few::<1000, _, _>")]
    tags: Vec<Tag<'a>>,
}

/// The tags of a span that matter.
#[derive(Default)]
struct Tags<'a> {
    kind: SpanKind,
    error: bool,
    weight: Weight,
    picked: Picked<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Tags<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut tags = Tags::default();
        from.deserialize_any(Each::new(&mut |tag: Tag<'de>| {
            let value = tag.value.as_str();
            match tag.key.as_str() {
                "span.kind" => tags.kind = kind_of(value),
                "error" => tags.error |= value == "true",
                "otel.status_code" => tags.error |= value == "ERROR",
                "w3c.tracestate" => tags.weight = weight_of_trace_state(value.as_bytes()),
                key => tags.picked.take(key, tag.value.clone()),
            }
            Ok(())
        }))?;
        Ok(tags)
    }
}

#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(borrow, default)]
    key: Text<'a>,
    #[serde(borrow, default)]
    value: Text<'a>,
}

#[derive(Deserialize)]
struct JaegerSpan<'a> {
    #[serde(borrow, default, rename = "traceID")]
    trace_id: Text<'a>,
    #[serde(borrow, default, rename = "spanID")]
    span_id: Text<'a>,
    #[serde(borrow, default, rename = "parentSpanID")]
    parent: Text<'a>,
    #[serde(borrow, default, rename = "operationName")]
    operation: Text<'a>,
    #[serde(borrow, default, deserialize_with = "few::<64, _, _>")]
    references: Vec<Reference<'a>>,
    #[serde(default, rename = "startTime")]
    start: Whole,
    #[serde(default)]
    duration: Whole,
    #[serde(borrow, default, rename = "processID")]
    process_id: Text<'a>,
    #[serde(borrow, default)]
    process: Option<Process<'a>>,
    #[serde(borrow, default)]
    tags: Tags<'a>,
}

#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(borrow, default, rename = "refType")]
    kind: Text<'a>,
    #[serde(borrow, default, rename = "traceID")]
    trace_id: Text<'a>,
    #[serde(borrow, default, rename = "spanID")]
    span_id: Text<'a>,
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
    let list = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let result = documents(FORMAT, bytes, |document, stop| {
        let mut reader = Reader { limits, vocabulary, batch, stop, alone: JaegerTrace::default() };
        if list {
            return Each::new(&mut |trace| reader.take(&trace)).deserialize(document);
        }
        One(&mut reader).deserialize(&mut *document)?;
        let alone = std::mem::take(&mut reader.alone);
        reader.take(&alone).map_err(serde::de::Error::custom)
    });
    if result.is_err() {
        batch.back_to(mark);
    }
    result
}

/// An answer of the query service, whose traces are read one by one, or a trace by itself.
struct Reader<'r, 'a> {
    limits: &'r ScanLimits,
    vocabulary: &'r mut Vocabulary,
    batch: &'r mut Batch,
    stop: &'r mut Stop,
    alone: JaegerTrace<'a>,
}

impl Reader<'_, '_> {
    fn take(&mut self, trace: &JaegerTrace<'_>) -> Result<(), Stopped> {
        let taken = not_too_long(trace.spans.len());
        stop_with(self.stop, taken.and_then(|()| take(trace, self.limits, self.vocabulary, self.batch)))
    }
}

impl<'de: 'a, 'a> Members<'de> for Reader<'_, 'a> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "data" => map.next_value_seed(Each::new(&mut |trace: JaegerTrace<'de>| self.take(&trace)))?,
            "traceID" => self.alone.trace_id = map.next_value()?,
            "spans" => self.alone.spans = map.next_value::<Spans<'de>>()?.list,
            "processes" => self.alone.processes = map.next_value::<Option<_>>()?.unwrap_or_default(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Spans<'a> {
    #[serde(borrow, deserialize_with = "few::<{ LONGEST_LIST + 1 }, _, _>")]
    list: Vec<JaegerSpan<'a>>,
}

impl<'a> JaegerSpan<'a> {
    fn trace<'b>(&'b self, of: &'b JaegerTrace<'a>) -> &'b str {
        if self.trace_id.is_empty() { of.trace_id.as_str() } else { self.trace_id.as_str() }
    }

    /// The parent's id, and whether this span follows from it.
    fn parent<'b>(&'b self, of: &'b JaegerTrace<'a>) -> (&'b str, bool) {
        let own = self.trace(of);
        let of_kind = |wanted: &'static str| {
            self.references.iter().find(|reference| {
                let same = reference.trace_id.is_empty() || reference.trace_id.as_str() == own;
                same && reference.kind.as_str() == wanted && !reference.span_id.is_empty()
            })
        };
        match (of_kind("CHILD_OF"), self.parent.as_str(), of_kind("FOLLOWS_FROM")) {
            (Some(reference), _, _) => (reference.span_id.as_str(), false),
            (None, "", Some(reference)) => (reference.span_id.as_str(), true),
            (None, parent, _) => (parent, false),
        }
    }
}

fn take(
    trace: &JaegerTrace<'_>,
    limits: &ScanLimits,
    vocabulary: &mut Vocabulary,
    batch: &mut Batch,
) -> Result<(), TraceError> {
    let ids = SpanIds::of(trace.spans.iter().flat_map(|span| [span.span_id.as_str(), span.parent(trace).0]));
    let mut processes: BTreeMap<&str, Resolved> = BTreeMap::new();
    for (id, process) in &trace.processes {
        processes.insert(id, resolve(process, vocabulary));
    }
    let mut unknown = vocabulary.resolve(&Resource::default());
    for span in &trace.spans {
        room(batch, limits)?;
        let mut own = span.process.as_ref().map(|process| resolve(process, vocabulary));
        let resolved = match own.as_mut() {
            Some(own) => own,
            None => processes.get_mut(span.process_id.as_str()).unwrap_or(&mut unknown),
        };
        take_span(span, trace, &ids, resolved, vocabulary, batch);
        if let Some(own) = own {
            vocabulary.saw(&own);
        }
    }
    for resolved in processes.values().chain([&unknown]) {
        vocabulary.saw(resolved);
    }
    Ok(())
}

fn resolve(process: &Process<'_>, vocabulary: &mut Vocabulary) -> Resolved {
    let mut resource = Resource::default();
    resource.put(Slot::Service, process.service.0.clone());
    for tag in &process.tags {
        resource.take(vocabulary, tag.key.as_str(), tag.value.0.clone());
    }
    // Jaeger's own clients say `hostname` for what OpenTelemetry calls host.name.
    if let Some(tag) = process.tags.iter().find(|tag| tag.key.as_str() == "hostname") {
        resource.put(Slot::HostName, tag.value.0.clone());
    }
    vocabulary.resolve(&resource)
}

fn take_span(
    span: &JaegerSpan<'_>,
    of: &JaegerTrace<'_>,
    ids: &SpanIds<'_>,
    resolved: &mut Resolved,
    vocabulary: &mut Vocabulary,
    batch: &mut Batch,
) {
    let Some(trace) = trace_id(span.trace(of)) else {
        return batch.rejected.count(Rejection::TraceId);
    };
    let id = ids.id(span.span_id.as_str());
    if id.is_none() {
        return batch.rejected.count(Rejection::SpanId);
    }
    let (parent_text, follows) = span.parent(of);
    let parent: SpanId = ids.id(parent_text);
    let nanos = |micros: u64| micros.checked_mul(1000);
    let start = span.start.0.and_then(nanos);
    let end = start.zip(span.duration.0.and_then(nanos)).and_then(|(start, long)| start.checked_add(long));
    let (Some(start), Some(end)) = (start, end) else {
        return batch.rejected.count(Rejection::Times);
    };
    let Tags { kind, error, weight, picked } = &span.tags;
    let (peer, mut flags) = picked.name(vocabulary);
    flags |= if *error { Span::ERROR } else { 0 };
    flags |= if follows { Span::FOLLOWS } else { 0 };
    let (kind, weight) = (*kind, *weight);
    let span_text = span.span_id.as_str();
    batch.texts.note_trace(trace, span.trace(of));
    batch.texts.note_span(trace, id, span_text);
    let span = cleaned(Span {
        id,
        parent,
        start,
        end,
        service: resolved.service,
        host: resolved.host,
        operation: vocabulary.name(span.operation.as_str()),
        peer,
        kind,
        flags,
    });
    resolved.count(span.start, span.end);
    batch.spans.push(Arrival { trace, weight, span });
}
