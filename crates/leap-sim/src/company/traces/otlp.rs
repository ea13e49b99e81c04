//! Spans as OTLP protobuf: what the collectors of the sample company would have stored.
//!
//! ```text
//! ExportTraceServiceRequest { ResourceSpans { Resource, ScopeSpans { Scope, Span … } } … }
//! ```
//! Field numbers are those of opentelemetry-proto 1.9. What is the same in all spans of an operation is encoded once. A
//! request per batch; the bytes of several requests one after the other are one larger request.

use super::graph::{Owned, SERVICES};
use super::request::{Kind, Made, Op};

/// Encoded resources and operations.
pub(super) struct Encoder {
    /// By service, host and version.
    resources: Vec<Vec<u8>>,
    ops: Vec<Encoded>,
    /// The instrumentation scope of all spans.
    scope: Vec<u8>,
}

/// The parts of a span that its operation decides.
struct Encoded {
    /// Name and kind.
    head: Vec<u8>,
    /// Attributes, status and flags.
    tail: Vec<u8>,
}

/// Hosts of one service, at most.
const HOSTS: usize = 4;

/// The place of a resource in the list.
pub(super) fn resource(service: usize, host: u8, version: u8) -> usize {
    (service * HOSTS + usize::from(host)) * 2 + usize::from(version)
}

impl Encoder {
    pub(super) fn new(owners: &[Owned]) -> Encoder {
        let mut resources = Vec::new();
        for (about, owned) in SERVICES.iter().zip(owners) {
            for host in 0..HOSTS {
                for version in about.versions {
                    let name = about.name;
                    let host_name = match about.host_key {
                        "k8s.pod.name" => format!("{name}-6f7d9c5b8-{:05x}", 0x2c1f3 * (host + 3)),
                        "host.name" => format!("ip-10-40-{}-{}", name.len(), 17 + host),
                        _ => format!("{name}-{host}"),
                    };
                    let mut message = Vec::new();
                    for (key, value) in [
                        ("service.name", name),
                        ("service.namespace", about.namespace),
                        ("service.version", version),
                        ("deployment.environment.name", "production"),
                        (about.host_key, &host_name),
                        ("telemetry.sdk.language", about.language),
                        ("team", &owned.declared),
                    ] {
                        if !value.is_empty() {
                            attribute(&mut message, 0x0a, key, &Value::Text(value));
                        }
                    }
                    let mut whole = Vec::new();
                    bytes(&mut whole, 0x0a, &message);
                    resources.push(whole);
                }
            }
        }
        let ops = Op::ALL.into_iter().map(encoded).collect();
        let (mut name, mut scope) = (Vec::new(), Vec::new());
        bytes(&mut name, 0x0a, b"halden-telemetry");
        bytes(&mut scope, 0x0a, &name);
        Encoder { resources, ops, scope }
    }

    /// Appends a request with the spans; they are put in order of their resources.
    pub(super) fn append(&self, body: &mut Vec<u8>, spans: &mut [Made]) {
        spans.sort_by_key(Made::resource);
        let (mut scope, mut group) = (Vec::new(), Vec::new());
        for of_one in spans.chunk_by(|a, b| a.resource() == b.resource()) {
            scope.clear();
            scope.extend(&self.scope);
            for span in of_one {
                self.span(&mut scope, span);
            }
            group.clear();
            group.extend(&self.resources[of_one[0].resource()]);
            bytes(&mut group, 0x12, &scope);
            bytes(body, 0x0a, &group);
        }
    }

    fn span(&self, out: &mut Vec<u8>, span: &Made) {
        let Encoded { head, tail } = &self.ops[span.op as usize];
        let parent = if span.parent == 0 { 0 } else { 10 };
        out.push(0x12);
        varint(out, (18 + 10 + parent + head.len() + 18 + tail.len()) as u64);
        out.extend([0x0a, 16]);
        out.extend(span.trace.to_be_bytes());
        out.extend([0x12, 8]);
        out.extend(span.id.to_be_bytes());
        if span.parent != 0 {
            out.extend([0x22, 8]);
            out.extend(span.parent.to_be_bytes());
        }
        out.extend(head);
        out.push(0x39);
        out.extend(span.start.to_le_bytes());
        out.push(0x41);
        out.extend(span.end.to_le_bytes());
        out.extend(tail);
    }
}

/// The value of an attribute.
pub(super) enum Value<'a> {
    Text(&'a str),
    Number(u16),
}

fn encoded(op: Op) -> Encoded {
    let about = op.about();
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    // Recorded with probability 1: nothing was sampled away.
    bytes(&mut head, 0x1a, b"ot=th:0");
    bytes(&mut head, 0x2a, about.name.as_bytes());
    head.extend([0x30, about.kind as u8]);
    for (key, value) in about.attributes {
        attribute(&mut tail, 0x4a, key, value);
    }
    if about.error {
        // Status { code: ERROR }
        tail.extend([0x7a, 2, 0x18, 2]);
    }
    // Sampled; whether the parent is on another host is known, but for roots.
    let flags: u32 = match about.kind {
        _ if op.is_root() => 0x001,
        Kind::Server | Kind::Consumer => 0x301,
        Kind::Client | Kind::Producer => 0x101,
    };
    tail.extend([0x85, 0x01]);
    tail.extend(flags.to_le_bytes());
    Encoded { head, tail }
}

fn attribute(out: &mut Vec<u8>, field: u8, key: &str, value: &Value<'_>) {
    let (mut pair, mut any) = (Vec::new(), Vec::new());
    match value {
        Value::Text(text) => bytes(&mut any, 0x0a, text.as_bytes()),
        Value::Number(number) => {
            any.push(0x18);
            varint(&mut any, u64::from(*number));
        }
    }
    bytes(&mut pair, 0x0a, key.as_bytes());
    bytes(&mut pair, 0x12, &any);
    bytes(out, field, &pair);
}

fn bytes(out: &mut Vec<u8>, key: u8, content: &[u8]) {
    out.push(key);
    varint(out, content.len() as u64);
    out.extend(content);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
