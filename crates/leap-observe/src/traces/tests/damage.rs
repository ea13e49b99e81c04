//! Damaged bodies: cut at every byte, bytes changed, numbers blown up. No panic, no loop, nothing half taken.

use proptest::prelude::*;

use super::super::otlp_write::{ResourceOut, SpanOut, write_request};
use super::super::trial::every_way;
use super::super::*;
use super::protobuf::{ATTRIBUTES, typical};

const OTLP: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]},
"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"x\n","kind":2,
"startTimeUnixNano":"5","endTimeUnixNano":7,"attributes":[{"key":"peer.service","value":{"stringValue":"b"}}]}]}]}]}"#;
const JAEGER: &str = r#"{"data":[{"traceID":"T","spans":[{"traceID":"T","spanID":"b","operationName":"o","references":
[{"refType":"CHILD_OF","traceID":"T","spanID":"a"}],"startTime":1,"duration":2,"processID":"p1","tags":[{"key":"error",
"type":"bool","value":true}]},{"spanID":"a","startTime":0,"duration":9}],"processes":{"p1":{"serviceName":"s"}}}]}"#;
const ZIPKIN: &str = r#"[{"traceId":"t","id":"a","kind":"CLIENT","timestamp":1,"duration":9,"localEndpoint":{"serviceName":
"w"},"remoteEndpoint":{"serviceName":"x"}},{"traceId":"t","id":"a","kind":"SERVER","shared":true,"timestamp":2,"duration":5,
"localEndpoint":{"serviceName":"x"}},{"traceId":"t","id":"b","parentId":"a","timestamp":3,"duration":1,"tags":{"error":"e"}}]"#;

fn proto(spans: u64) -> Vec<u8> {
    let spans: Vec<SpanOut<'_>> = (0..spans).map(|number| typical(ATTRIBUTES, number)).collect();
    let attributes = [("service.name", "ledger"), ("team", "payments")];
    let mut body = Vec::new();
    write_request(&mut body, &[ResourceOut { attributes: &attributes, spans: &spans }]);
    body
}

#[test]
fn bodies_cut_at_every_byte_are_refused() {
    let body = proto(3);
    for end in 1..body.len() {
        let (mut vocabulary, mut batch) = (Vocabulary::default(), Batch::default());
        let error = otlp_proto::scan(&body[..end], &ScanLimits::BODY, &mut vocabulary, &mut batch).unwrap_err();
        assert!(matches!(error, TraceError::Wire { .. }) && batch.spans.is_empty(), "{end}: {error}");
        every_way(&body[..end]);
    }
    for (text, format) in [(OTLP, "OTLP JSON"), (JAEGER, "Jaeger JSON"), (ZIPKIN, "Zipkin JSON")] {
        // Another format may read it too, and finds nothing: no field that it knows.
        assert_eq!(every_way(text.as_bytes()), 2, "{format}");
        for end in 1..text.len() {
            assert_eq!(every_way(&text.as_bytes()[..end]), 0, "{format} cut at {end}");
        }
    }
}

#[test]
fn the_byte_at_fault_is_named() {
    let mut body = proto(1);
    let length = body.len();
    body[1] = 0xff;
    body[2] = 0x7f;
    let (mut vocabulary, mut batch) = (Vocabulary::default(), Batch::default());
    let error = otlp_proto::scan(&body, &ScanLimits::BODY, &mut vocabulary, &mut batch).unwrap_err();
    let left = length - 3;
    assert_eq!(
        error.to_string(),
        format!("OTLP protobuf, byte 1: a length of 16383 goes beyond the {left} bytes left of its message")
    );
}

#[test]
fn deep_and_wide_documents_end_soon() {
    let deep = format!("{{\"resourceSpans\":{}", "[".repeat(1_000_000));
    assert_eq!(every_way(deep.as_bytes()), 0);
    let deep = format!("[{{\"traceId\":\"1\",\"id\":\"2\",\"tags\":{}", "{\"a\":".repeat(500_000));
    assert_eq!(every_way(deep.as_bytes()), 0);
    // Nested length-delimited fields: each is passed by its length, none is entered.
    let mut nested = Vec::new();
    for _ in 0..200 {
        let mut outer = Vec::new();
        otlp_write::bytes(&mut outer, 0x0a, &nested);
        nested = outer;
    }
    assert!(every_way(&nested) <= 1);
    // A flood of server halves under one id, and of children that look for theirs.
    let mut flood = String::from("[");
    for number in 0..5_000 {
        flood.push_str(&format!(
            "{{\"traceId\":\"1\",\"id\":\"a\",\"shared\":true,\"timestamp\":{},\"duration\":1,\"localEndpoint\":\
             {{\"serviceName\":\"s{number}\"}}}},{{\"traceId\":\"1\",\"id\":\"b{number}\",\"parentId\":\"a\",\
             \"timestamp\":1,\"duration\":1}},",
            number + 1
        ));
    }
    flood.pop();
    flood.push(']');
    let (mut vocabulary, mut batch) = (Vocabulary::default(), Batch::default());
    assert_eq!(read(flood.as_bytes(), &ScanLimits::BODY, &mut vocabulary, &mut batch), Ok(Kind::Zipkin));
    assert_eq!(batch.spans.len(), 10_000);
}

#[test]
fn millions_of_empty_objects_are_no_millions_of_spans() {
    let empty = "{},".repeat(2_000_000) + "{}";
    let limits = ScanLimits { spans: 1_000, ..ScanLimits::BODY };
    for (kind, text) in [
        (Kind::OtlpJson, format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{empty}]}}]}}]}}"#)),
        (Kind::OtlpJson, format!(r#"{{"resourceSpans":[{empty}]}}"#)),
        (Kind::OtlpJson, format!(r#"{{"resourceSpans":[{{"resource":{{"attributes":[{empty}]}}}}]}}"#)),
        (Kind::Jaeger, format!(r#"{{"data":[{{"spans":[{{"references":[{empty}],"tags":[{empty}]}}]}}]}}"#)),
    ] {
        let (mut vocabulary, mut batch) = (Vocabulary::default(), Batch::default());
        read_as(kind, text.as_bytes(), &limits, &mut vocabulary, &mut batch).expect("valid JSON");
        assert!(batch.spans.is_empty() && vocabulary.names().len() < 10);
    }
    for (kind, text) in [(Kind::Jaeger, format!(r#"[{{"spans":[{empty}]}}]"#)), (Kind::Zipkin, format!("[{empty}]"))] {
        let (mut vocabulary, mut batch) = (Vocabulary::default(), Batch::default());
        let error = read_as(kind, text.as_bytes(), &limits, &mut vocabulary, &mut batch).unwrap_err();
        assert!(error.is_too_much() && batch.rejected == Rejected::default(), "{error}");
    }
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        2 => (1_u64..4).prop_map(proto),
        1 => Just(super::metrics::body()),
        1 => Just(OTLP.as_bytes().to_vec()),
        1 => Just(JAEGER.as_bytes().to_vec()),
        1 => Just(ZIPKIN.as_bytes().to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_never_panic_and_never_loop(
        mut body in bodies(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..6),
    ) {
        for (place, byte, how) in changes {
            let place = place.index(body.len());
            match how {
                0 => body[place] = byte,
                1 => body.insert(place, byte),
                2 => body.truncate(place.max(1)),
                _ => {
                    let piece = body[place..(place + usize::from(byte)).min(body.len())].to_vec();
                    body.splice(place..place, piece);
                }
            }
        }
        every_way(&body);
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        every_way(&bytes);
    }
}
