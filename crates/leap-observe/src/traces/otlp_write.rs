//! The way back: spans as the protobuf of an `ExportTraceServiceRequest`, for tests, benches and made-up companies.
//!
//! ```text
//! write_request(&mut body, &[ResourceOut { attributes: &[("service.name", "ledger")], spans: &[…] }])
//! ```
//! What a sender would write: one scope a resource, fields in order of their numbers, no default values.

use leap_terms::{Names, Span, SpanKind, Trace, TraceId};

use super::Rejected;

/// A resource and its spans.
#[derive(Clone, Copy, Debug)]
pub struct ResourceOut<'a> {
    /// Attributes of the resource, all texts.
    pub attributes: &'a [(&'a str, &'a str)],
    /// Its spans.
    pub spans: &'a [SpanOut<'a>],
}

/// A span to be written.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanOut<'a> {
    /// Its trace; zero is not written.
    pub trace: TraceId,
    /// Its id; zero is not written.
    pub id: u64,
    /// Its parent's id; zero for a root.
    pub parent: u64,
    /// `ot=th:c`, or empty.
    pub trace_state: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its kind.
    pub kind: SpanKind,
    /// ns since the epoch.
    pub start: u64,
    /// ns since the epoch.
    pub end: u64,
    /// Attributes.
    pub attributes: &'a [(&'a str, ValueOut<'a>)],
    /// Status code ERROR.
    pub error: bool,
    /// Span flags; bits 8 and 9 say whether the parent is remote.
    pub flags: u32,
}

/// The value of an attribute.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ValueOut<'a> {
    /// A text.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Bool(bool),
}

/// Appends a request to a body; two requests in one body are one larger request.
pub fn write_request(body: &mut Vec<u8>, resources: &[ResourceOut<'_>]) {
    let mut scratch = [const { Vec::new() }; 4];
    for resource in resources {
        let [group, scope, message, small] = &mut scratch;
        group.clear();
        scope.clear();
        message.clear();
        for (key, value) in resource.attributes {
            attribute(message, 0x0a, key, ValueOut::Text(value), small);
        }
        bytes(group, 0x0a, message);
        text(small_cleared(small), 0x0a, "leap");
        bytes(scope, 0x0a, small);
        for span in resource.spans {
            message.clear();
            write_span(message, span, small);
            bytes(scope, 0x12, message);
        }
        bytes(group, 0x12, scope);
        bytes(body, 0x0a, group);
    }
}

/// The `ExportTraceServiceResponse` that tells what was rejected; empty bytes, as the protocol asks, when nothing was.
pub fn write_response(rejected: &Rejected) -> Vec<u8> {
    response(rejected.total(), &rejected.to_string())
}

/// The response to spans or to metrics: both name a count and a message in the same fields.
pub fn response(rejected: u64, message: &str) -> Vec<u8> {
    let (mut partial, mut out) = (Vec::new(), Vec::new());
    if rejected > 0 {
        partial.push(0x08);
        varint(&mut partial, rejected);
        text(&mut partial, 0x12, message);
        bytes(&mut out, 0x0a, &partial);
    }
    out
}

/// The same response in JSON; `{}` when nothing was rejected.
pub fn write_response_json(rejected: &Rejected) -> String {
    match rejected.total() {
        0 => "{}".to_owned(),
        // A 64-bit number is a text in OTLP's JSON; the message has no character to be escaped.
        total => format!(r#"{{"partialSuccess":{{"rejectedSpans":"{total}","errorMessage":"{rejected}"}}}}"#),
    }
}

/// The spans of traces as a request, grouped by service and host. Names that are no attributes get lost: `peer` is written
/// as `peer.service`, the host as `service.instance.id`.
pub fn write_traces(body: &mut Vec<u8>, names: &Names, traces: &[&Trace]) {
    let mut groups: std::collections::BTreeMap<_, Vec<(TraceId, &Span)>> = std::collections::BTreeMap::new();
    for trace in traces {
        for span in &trace.spans {
            groups.entry((span.service, span.host)).or_default().push((trace.id, span));
        }
    }
    for ((service, host), spans) in groups {
        let peers: Vec<[(&str, ValueOut<'_>); 2]> = spans
            .iter()
            .map(|(_, span)| {
                let resent = ("http.request.resend_count", ValueOut::Integer(i64::from(span.is(Span::RETRY))));
                [("peer.service", ValueOut::Text(names.text(span.peer))), resent]
            })
            .collect();
        let out: Vec<SpanOut<'_>> = spans
            .iter()
            .zip(&peers)
            .map(|((trace, span), attributes)| SpanOut {
                trace: *trace,
                id: span.id.bits,
                parent: span.parent.bits,
                trace_state: "",
                name: names.text(span.operation),
                kind: span.kind,
                start: span.start,
                end: span.end,
                attributes,
                error: span.is(Span::ERROR),
                flags: match (span.is(Span::PARENT_REMOTE), span.is(Span::PARENT_LOCAL)) {
                    (true, _) => 0x300,
                    (false, true) => 0x100,
                    (false, false) => 0,
                },
            })
            .collect();
        let attributes = [("service.name", names.text(service)), ("service.instance.id", names.text(host))];
        write_request(body, &[ResourceOut { attributes: &attributes, spans: &out }]);
    }
}

fn write_span(out: &mut Vec<u8>, span: &SpanOut<'_>, small: &mut Vec<u8>) {
    if span.trace.0 != 0 {
        bytes(out, 0x0a, &span.trace.0.to_be_bytes());
    }
    if span.id != 0 {
        bytes(out, 0x12, &span.id.to_be_bytes());
    }
    text(out, 0x1a, span.trace_state);
    if span.parent != 0 {
        bytes(out, 0x22, &span.parent.to_be_bytes());
    }
    text(out, 0x2a, span.name);
    if span.kind != SpanKind::Unspecified {
        out.extend([0x30, span.kind as u8]);
    }
    for (key, time) in [(0x39, span.start), (0x41, span.end)] {
        if time != 0 {
            out.push(key);
            out.extend(time.to_le_bytes());
        }
    }
    for (key, value) in span.attributes {
        attribute(out, 0x4a, key, *value, small);
    }
    if span.error {
        out.extend([0x7a, 2, 0x18, 2]);
    }
    if span.flags != 0 {
        out.extend([0x85, 0x01]);
        out.extend(span.flags.to_le_bytes());
    }
}

fn attribute(out: &mut Vec<u8>, field: u8, key: &str, value: ValueOut<'_>, small: &mut Vec<u8>) {
    let mut number = [0; 10];
    let (tag, content): (u8, &[u8]) = match value {
        ValueOut::Text("") => return,
        ValueOut::Text(text) => (0x0a, text.as_bytes()),
        ValueOut::Bool(value) => {
            number[0] = u8::from(value);
            (0x10, &number[..1])
        }
        ValueOut::Integer(integer) => (0x18, varint_in(&mut number, integer.cast_unsigned())),
    };
    let mut any = Vec::with_capacity(content.len() + 6);
    any.push(tag);
    if tag == 0x0a {
        varint(&mut any, content.len() as u64);
    }
    any.extend(content);
    let small = small_cleared(small);
    text(small, 0x0a, key);
    bytes(small, 0x12, &any);
    bytes(out, field, small);
}

fn small_cleared(small: &mut Vec<u8>) -> &mut Vec<u8> {
    small.clear();
    small
}

fn text(out: &mut Vec<u8>, key: u8, text: &str) {
    if !text.is_empty() {
        bytes(out, key, text.as_bytes());
    }
}

pub(super) fn bytes(out: &mut Vec<u8>, key: u8, content: &[u8]) {
    out.push(key);
    varint(out, content.len() as u64);
    out.extend(content);
}

pub(super) fn varint(out: &mut Vec<u8>, value: u64) {
    let mut space = [0; 10];
    out.extend(varint_in(&mut space, value));
}

fn varint_in(space: &mut [u8; 10], mut value: u64) -> &[u8] {
    let mut length = 0;
    loop {
        space[length] = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return &space[..=length];
        }
        space[length] |= 0x80;
        length += 1;
    }
}
