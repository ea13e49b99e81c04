//! Exponential histograms in both encodings.

use leap_terms::{NameId, SpanKind};

use super::super::otlp_metrics::{HistogramPoint, Temporality, parse_json, read_metrics, scan};
use super::super::otlp_write::{bytes, varint};
use super::super::*;

fn attribute(key: &str, value: &str) -> Vec<u8> {
    let (mut attribute, mut any) = (Vec::new(), Vec::new());
    bytes(&mut any, 0x0a, value.as_bytes());
    bytes(&mut attribute, 0x0a, key.as_bytes());
    bytes(&mut attribute, 0x12, &any);
    attribute
}

pub(super) fn body() -> Vec<u8> {
    let mut buckets = vec![0x08];
    varint(&mut buckets, 5); // zigzag: offset -3
    let mut packed = Vec::new();
    for count in [1_u64, 0, 300] {
        varint(&mut packed, count);
    }
    bytes(&mut buckets, 0x12, &packed);
    buckets.extend([0x10, 7]);
    let mut point = Vec::new();
    bytes(&mut point, 0x0a, &attribute("http.route", "/later"));
    bytes(&mut point, 0x0a, &attribute("span.name", "POST /v1/charges"));
    bytes(&mut point, 0x0a, &attribute("span.kind", "SPAN_KIND_SERVER"));
    for (key, value) in [(0x11, 1_u64), (0x19, 60), (0x21, 310), (0x39, 2)] {
        point.push(key);
        point.extend(value.to_le_bytes());
    }
    point.extend([0x30, 10]);
    bytes(&mut point, 0x42, &buckets);
    let mut histogram = Vec::new();
    bytes(&mut histogram, 0x0a, &point);
    histogram.extend([0x10, 1]);
    let mut metric = Vec::new();
    bytes(&mut metric, 0x0a, b"traces.span.metrics.duration");
    bytes(&mut metric, 0x1a, b"ms");
    bytes(&mut metric, 0x52, &histogram);
    let mut gauge = Vec::new();
    bytes(&mut gauge, 0x0a, b"up");
    bytes(&mut gauge, 0x2a, &[]);
    let (mut scope, mut resource, mut group, mut body) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    bytes(&mut scope, 0x12, &metric);
    bytes(&mut scope, 0x12, &gauge);
    bytes(&mut resource, 0x0a, &attribute("service.name", "charge-api"));
    bytes(&mut group, 0x0a, &resource);
    bytes(&mut group, 0x12, &scope);
    bytes(&mut body, 0x0a, &group);
    body
}

const JSON: &str = r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"charge-api"}}]},
    "scopeMetrics":[{"metrics":[{"name":"traces.span.metrics.duration","unit":"ms","exponentialHistogram":{
        "aggregationTemporality":1,"dataPoints":[{
            "attributes":[{"key":"span.name","value":{"stringValue":"POST /v1/charges"}},
                {"key":"span.kind","value":{"stringValue":"SPAN_KIND_SERVER"}}],
            "startTimeUnixNano":"1","timeUnixNano":"60","count":"310","scale":5,"zeroCount":"2",
            "positive":{"offset":-3,"bucketCounts":["1","0","300",7]}},
            {"count":1}]}},
        {"name":"up","gauge":{"dataPoints":[]}}]}]}]}"#;

#[test]
fn exponential_histograms_are_read_from_both_encodings() {
    let mut vocabulary = Vocabulary::default();
    let mut expected = HistogramPoint {
        metric: vocabulary.name("traces.span.metrics.duration"),
        unit: vocabulary.name("ms"),
        service: vocabulary.name("charge-api"),
        operation: vocabulary.name("POST /v1/charges"),
        kind: SpanKind::Server,
        start: 1,
        time: 60,
        scale: 5,
        count: 310,
        zero_count: 2,
        offset: -3,
        counts: vec![1, 0, 300, 7],
        temporality: Temporality::Delta,
        series: 0,
    };
    let body = body();
    assert_eq!(detect(&body), Ok(Kind::OtlpMetricsProto));
    assert_eq!(detect(JSON.as_bytes()), Ok(Kind::OtlpMetricsJson));
    for (bytes, rejected) in [(&body[..], 0), (JSON.as_bytes(), 1)] {
        let batch = read_metrics(bytes, &mut vocabulary).unwrap();
        expected.series = batch.points[0].series;
        assert_eq!(batch.points, std::slice::from_ref(&expected));
        assert_eq!((batch.other, batch.rejected), (1, rejected));
    }
    assert_ne!(expected.operation, NameId::NONE);
    let mut batch = Batch::default();
    let refused = read(&body, &ScanLimits::BODY, &mut vocabulary, &mut batch).unwrap_err();
    assert!(refused.to_string().contains("OTLP metrics, which hold no spans"), "{refused}");
}

/// The series, operation and number of rejected points of a body.
fn told(json: &str) -> (Vec<(u128, String)>, u64) {
    let mut vocabulary = Vocabulary::default();
    let batch = read_metrics(json.as_bytes(), &mut vocabulary).unwrap();
    let told = batch.points.iter().map(|point| (point.series, vocabulary.text(point.operation).to_owned()));
    (told.collect(), batch.rejected)
}

#[test]
fn a_series_is_told_by_all_its_attributes_in_any_order() {
    let series = |json: &str| told(json).0[0].0;
    let first = series(JSON);
    let kind = r#"{"key":"span.kind","value":{"stringValue":"SPAN_KIND_SERVER"}}"#;
    let name = r#"{"key":"span.name","value":{"stringValue":"POST /v1/charges"}}"#;
    let turned = JSON.replace(kind, "@@").replace(name, kind).replace("@@", name);
    assert_ne!(turned, JSON);
    assert_eq!(series(&turned), first);
    for (from, to) in [
        ("charge-api", "ledger"),
        ("SPAN_KIND_SERVER", "SPAN_KIND_CLIENT"),
        ("traces.span.metrics.duration", "duration"),
        (r#""unit":"ms""#, r#""unit":"s""#),
        (r#""aggregationTemporality":1"#, r#""aggregationTemporality":2"#),
        (kind, r#"{"key":"host","value":{"stringValue":"a"}}"#),
    ] {
        assert!(JSON.contains(from), "{from}");
        assert_ne!(series(&JSON.replace(from, to)), first, "{to}");
    }
    // The same later is the same series.
    assert_eq!(series(&JSON.replace(r#""timeUnixNano":"60""#, r#""timeUnixNano":"120""#)), first);
    let mut vocabulary = Vocabulary::default();
    let proto = scan(&body(), &mut vocabulary).unwrap().points[0].series;
    let route = JSON.replace(kind, &format!("{kind},{}", r#"{"key":"http.route","value":{"stringValue":"/later"}}"#));
    assert_eq!(series(&route), proto, "the encoding makes no difference");
}

#[test]
fn a_route_is_named_as_its_spans_are_and_counts_must_add_up() {
    let route = r#"{"key":"http.route","value":{"stringValue":"/v1/charges/{id}"}},
        {"key":"http.request.method","value":{"stringValue":"GET"}}"#;
    let name = r#"{"key":"span.name","value":{"stringValue":"POST /v1/charges"}}"#;
    assert_eq!(told(&JSON.replace(name, route)).0[0].1, "GET /v1/charges/{id}");
    let (points, rejected) = told(&JSON.replace(r#""count":"310""#, r#""count":"311""#));
    assert_eq!((points.len(), rejected), (0, 2), "one measurement is negative");
}

#[test]
fn damaged_metrics_end_in_an_error() {
    let mut vocabulary = Vocabulary::default();
    let body = body();
    for end in 0..body.len() {
        let result = scan(&body[..end], &mut vocabulary);
        assert_eq!(result.is_ok(), end == 0, "{end}");
    }
    for end in 1..JSON.len() {
        assert!(parse_json(&JSON.as_bytes()[..end], &mut vocabulary).is_err(), "{end}");
    }
}
