//! OTLP protobuf: what is written is read, and what stands in an unusual place too.

use leap_terms::{NameId, Span, SpanId, SpanKind, TraceId, Weight};

use super::super::otlp_write::{ResourceOut, SpanOut, ValueOut, bytes, write_request, write_traces};
use super::super::*;

fn scanned(body: &[u8]) -> (Batch, Vocabulary) {
    let (mut vocabulary, mut batch) = (Vocabulary::default(), Batch::default());
    otlp_proto::scan(body, &ScanLimits::BODY, &mut vocabulary, &mut batch).expect("a whole body");
    (batch, vocabulary)
}

const RESOURCE: [(&str, &str); 5] = [
    ("telemetry.sdk.name", "opentelemetry"),
    ("service.name", "ledger"),
    ("service.version", "2.3.1"),
    ("host.name", "node-7"),
    ("team", "payments"),
];

/// A span as SDKs send it: nine attributes, about 400 bytes.
pub(super) fn typical(attributes: &'static [(&'static str, ValueOut<'static>)], number: u64) -> SpanOut<'static> {
    SpanOut {
        trace: TraceId(u128::from(number / 20 + 1) * 0x0123_4567_89ab_cdef_0123_4567_89ab),
        id: (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        parent: if number.is_multiple_of(20) { 0 } else { (number / 20 * 20 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) },
        name: "POST /v1/charges/{charge_id}/capture",
        kind: SpanKind::Client,
        start: 1_790_000_000_000_000_000 + number,
        end: 1_790_000_000_250_000_000 + number,
        attributes,
        flags: 0x101,
        ..SpanOut::default()
    }
}

pub(super) const ATTRIBUTES: &[(&str, ValueOut<'static>)] = &[
    ("http.request.method", ValueOut::Text("POST")),
    ("url.scheme", ValueOut::Text("https")),
    ("http.route", ValueOut::Text("/v1/charges/{charge_id}/capture")),
    ("server.address", ValueOut::Text("ledger.money.svc.cluster.local")),
    ("server.port", ValueOut::Integer(8443)),
    ("http.response.status_code", ValueOut::Integer(200)),
    ("network.protocol.version", ValueOut::Text("1.1")),
    ("peer.service", ValueOut::Text("ledger")),
    ("user_agent.original", ValueOut::Text("charge-api/2.3.1")),
];

#[test]
fn a_written_span_is_read_back() {
    let attributes = [
        ("server.address", ValueOut::Text("10.0.0.1")),
        ("db.system", ValueOut::Text("postgresql")),
        ("http.request.resend_count", ValueOut::Integer(1)),
        ("cached", ValueOut::Bool(true)),
    ];
    let span = SpanOut {
        trace: TraceId(7),
        id: 9,
        parent: 8,
        trace_state: "ot=th:8",
        name: "INSERT",
        kind: SpanKind::Client,
        start: 100,
        end: 150,
        attributes: &attributes,
        error: true,
        flags: 0x301,
    };
    let mut body = Vec::new();
    write_request(&mut body, &[ResourceOut { attributes: &RESOURCE, spans: &[span, SpanOut { end: 90, ..span }] }]);
    assert_eq!(detect(&body), Ok(Kind::OtlpProto));
    let (batch, vocabulary) = scanned(&body);
    let Arrival { trace, weight, span } = batch.spans[0];
    assert_eq!((trace, weight, span.id.bits, span.parent.bits), (TraceId(7), Weight::Threshold(1 << 55), 9, 8));
    assert_eq!((span.start, span.end, span.kind), (100, 150, SpanKind::Client));
    let names = [span.service, span.host, span.operation, span.peer].map(|name| vocabulary.text(name));
    assert_eq!(names, ["ledger", "node-7", "INSERT", "postgresql"]);
    assert_eq!(span.flags, Span::RETRY | Span::ERROR | Span::PARENT_REMOTE);
    let turned = batch.spans[1].span;
    assert_eq!((turned.end, turned.is(Span::NEGATIVE)), (100, true));
    let [facts] = vocabulary.facts(span.service) else { panic!("one combination") };
    let facts_names = [facts.version, facts.team, facts.namespace].map(|name| vocabulary.text(name));
    assert_eq!((facts_names, facts.spans, facts.first, facts.last), (["2.3.1", "payments", ""], 2, 100, 150));
}

#[test]
fn traces_written_from_terms_come_back_equal() {
    let mut vocabulary = Vocabulary::default();
    let [a, h, op] = ["a", "h", "op"].map(|name| vocabulary.name(name));
    let span = Span { start: 10, end: 20, service: a, host: h, operation: op, peer: NameId::NONE, ..Span::default() };
    let root = Span { id: SpanId::new(1), kind: SpanKind::Server, peer: a, flags: Span::PEER_SERVICE, ..span };
    let child = Span { id: SpanId::new(2), parent: root.id, flags: Span::ERROR | Span::RETRY, ..span };
    let trace = leap_terms::Trace { id: TraceId(3), spans: vec![root, child], ..Default::default() };
    let mut body = Vec::new();
    write_traces(&mut body, vocabulary.names(), &[&trace]);
    let mut batch = Batch::default();
    otlp_proto::scan(&body, &ScanLimits::BODY, &mut vocabulary, &mut batch).unwrap();
    assert_eq!(batch.spans.iter().map(|arrival| arrival.span).collect::<Vec<_>>(), trace.spans);
}

#[test]
fn a_resource_behind_its_spans_still_counts() {
    let (mut group, mut scope, mut span, mut resource, mut attribute) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    bytes(&mut span, 0x0a, &1_u128.to_be_bytes());
    bytes(&mut span, 0x12, &1_u64.to_be_bytes());
    span.push(0x39);
    span.extend(5_u64.to_le_bytes());
    span.push(0x41);
    span.extend(6_u64.to_le_bytes());
    // The value before the key, and a field that no version of the protocol has.
    let mut peer = Vec::new();
    bytes(&mut peer, 0x12, b"\x0a\x02db");
    bytes(&mut peer, 0x0a, b"peer.service");
    bytes(&mut span, 0x4a, &peer);
    span.extend([0xfa, 0x3e, 1, 0, 0xf8, 0x3e, 0xff, 1]);
    bytes(&mut scope, 0x12, &span);
    bytes(&mut attribute, 0x0a, b"service.name");
    bytes(&mut attribute, 0x12, b"\x0a\x01s");
    bytes(&mut resource, 0x0a, &attribute);
    bytes(&mut group, 0x12, &scope);
    bytes(&mut group, 0x0a, &resource);
    let mut body = Vec::new();
    bytes(&mut body, 0x0a, &group);
    let (batch, vocabulary) = scanned(&body);
    let span = batch.spans[0].span;
    assert_eq!((vocabulary.text(span.service), vocabulary.text(span.peer)), ("s", "db"));
    assert_eq!(detect(&body), Ok(Kind::OtlpProto));
}

#[test]
fn spans_without_ids_or_times_are_rejected_and_the_others_taken() {
    let good = typical(ATTRIBUTES, 0);
    let spans = [
        good,
        SpanOut { trace: TraceId(0), ..good },
        SpanOut { id: 0, ..good },
        SpanOut { start: 0, ..good },
        SpanOut { end: 0, ..good },
    ];
    let mut body = Vec::new();
    write_request(&mut body, &[ResourceOut { attributes: &[], spans: &spans }]);
    let (batch, vocabulary) = scanned(&body);
    assert_eq!((batch.spans.len(), batch.rejected.total()), (1, 4));
    assert_eq!(batch.rejected, Rejected { trace_id: 1, span_id: 1, times: 2, ..Rejected::default() });
    assert_eq!(vocabulary.text(batch.spans[0].span.service), vocabulary::UNKNOWN_SERVICE);
}

#[test]
fn more_spans_than_allowed_are_refused_whole() {
    let spans = [typical(ATTRIBUTES, 0); 3];
    let mut body = Vec::new();
    write_request(&mut body, &[ResourceOut { attributes: &RESOURCE, spans: &spans }]);
    let (mut vocabulary, mut batch) = (Vocabulary::default(), Batch::default());
    let limits = ScanLimits { spans: 2, ..ScanLimits::BODY };
    let error = otlp_proto::scan(&body, &limits, &mut vocabulary, &mut batch).unwrap_err();
    assert_eq!(error.to_string(), "3 spans or more in one body, but at most 2 are taken at once; send smaller batches");
    assert!(batch.spans.is_empty());
}

#[test]
fn messages_behind_their_lengths_are_read_as_the_collector_writes_them() {
    let (mut file, mut last) = (Vec::new(), 0);
    for number in 0..3 {
        last = file.len();
        let mut body = Vec::new();
        write_request(&mut body, &[ResourceOut { attributes: &RESOURCE, spans: &[typical(ATTRIBUTES, number)] }]);
        file.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        file.extend(body);
    }
    let (mut vocabulary, mut batch) = (Vocabulary::default(), Batch::default());
    assert_eq!(read(&file, &ScanLimits::FILE, &mut vocabulary, &mut batch), Ok(Kind::OtlpProtoFrames));
    assert_eq!(batch.spans.len(), 3);
    let cut = read(&file[..file.len() - 1], &ScanLimits::FILE, &mut vocabulary, &mut batch).unwrap_err();
    assert!(matches!(cut, TraceError::Wire { offset, .. } if offset == last), "{cut}");
    assert_eq!(batch.spans.len(), 3);
}

#[test]
fn a_hundred_thousand_spans_come_through_scan_and_assembly_and_memory_is_used_again() {
    let count = 100_000;
    let spans: Vec<SpanOut<'_>> = (0..count).map(|number| typical(ATTRIBUTES, number)).collect();
    let mut body = Vec::new();
    for chunk in spans.chunks(500) {
        write_request(&mut body, &[ResourceOut { attributes: &RESOURCE, spans: chunk }]);
    }
    let per_span = body.len() as u64 / count;
    assert!((380..440).contains(&per_span), "{per_span} bytes a span");
    let (mut vocabulary, mut batch) = (Vocabulary::default(), Batch::default());
    for _ in 0..2 {
        batch.clear();
        otlp_proto::scan(&body, &ScanLimits::BODY, &mut vocabulary, &mut batch).expect("a whole body");
        let mut assembler = Assembler::new(AssemblyLimits::default());
        let mut given = 0;
        assembler.push_all(&batch.spans, 0, &mut |_| {});
        assembler.tick(10_000_000_000, &mut |trace| given += trace.trace.spans.len() as u64);
        assembler.finish(&mut |_| panic!("every trace is complete"));
        assert_eq!((batch.spans.len() as u64, given), (count, count));
    }
}

#[test]
fn a_response_tells_what_was_rejected_and_is_empty_otherwise() {
    let none = Rejected { partial: 3, ..Rejected::default() };
    assert_eq!((otlp_write::write_response(&none), otlp_write::write_response_json(&none).as_str()), (vec![], "{}"));
    let two = Rejected { times: 2, ..Rejected::default() };
    let message = "2 spans without a usable start and end";
    let mut expected = vec![0x0a, 4 + message.len() as u8, 0x08, 2, 0x12, message.len() as u8];
    expected.extend(message.bytes());
    assert_eq!(otlp_write::write_response(&two), expected);
    let json: serde_json::Value = serde_json::from_str(&otlp_write::write_response_json(&two)).unwrap();
    assert_eq!(json, serde_json::json!({"partialSuccess": {"rejectedSpans": "2", "errorMessage": message}}));
}
