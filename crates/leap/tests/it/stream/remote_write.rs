//! Prometheus' remote write over the network: native histograms count requests, as OpenTelemetry's do.

use prost::Message;
use serde_json::{Value, json};

use super::SOON;
use super::metrics::{measured, slow_trace};
use super::server::{Server, Told, home_with, post, wait_until};
use crate::harness::Home;
use crate::latency::MONDAY;

const METRIC: &str = "http_server_request_duration_seconds";
/// Of schema 5 in seconds: (10.15, 10.37] ms and (98.7, 100.9] ms; one more than OpenTelemetry's index.
const FAST: i32 = -211;
const SLOW: i32 = -106;

// `prometheus.WriteRequest` of remote write 1.0, as far as it is sent here.

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    histograms: Vec<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Histogram {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(double, tag = "3")]
    sum: f64,
    #[prost(sint32, tag = "4")]
    schema: i32,
    #[prost(double, tag = "5")]
    zero_threshold: f64,
    #[prost(message, repeated, tag = "11")]
    positive_spans: Vec<BucketSpan>,
    #[prost(sint64, repeated, tag = "12")]
    positive_deltas: Vec<i64>,
    #[prost(int64, tag = "15")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct BucketSpan {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint32, tag = "2")]
    length: u32,
}

fn series(metric: &str, sender: &str) -> TimeSeries {
    let labels = [
        ("__name__", metric),
        ("http_request_method", "charge-api"),
        ("http_route", "work"),
        ("instance", sender),
        ("job", "shop/charge-api"),
    ];
    let label = |(name, value): (&str, &str)| Label { name: name.to_owned(), value: value.to_owned() };
    TimeSeries { labels: labels.map(label).into(), ..TimeSeries::default() }
}

/// A body of one histogram and one counter: so many fast and slow requests since the sender began.
fn body(sender: &str, seconds: u64, (fast, slow): (i64, i64)) -> Vec<u8> {
    let timestamp = i64::try_from(MONDAY + seconds * 1_000).expect("a time");
    let histogram = Histogram {
        count: u64::try_from(fast + slow).expect("a count"),
        sum: 1.5,
        schema: 5,
        zero_threshold: 1e-128,
        positive_spans: vec![BucketSpan { offset: FAST, length: 1 }, BucketSpan { offset: SLOW - FAST - 1, length: 1 }],
        positive_deltas: vec![fast, slow - fast],
        timestamp,
    };
    let timeseries = vec![
        TimeSeries { histograms: vec![histogram], ..series(METRIC, sender) },
        TimeSeries { samples: vec![Sample { value: 1.0, timestamp }], ..series("up", sender) },
    ];
    let plain = WriteRequest { timeseries }.encode_to_vec();
    snap::raw::Encoder::new().compress_vec(&plain).expect("it is short")
}

/// As Prometheus does; `kind` behind `application/x-protobuf`.
fn write(server: &Server, kind: &str, compression: &str, body: &[u8]) -> Told {
    let head = format!(
        "application/x-protobuf{kind}\r\nContent-Encoding: {compression}\r\nX-Prometheus-Remote-Write-Version: 0.1.0"
    );
    post(&server.http, "/api/v1/write", &head, body).expect("an answer")
}

fn sent(server: &Server, body: &[u8]) {
    let told = write(server, "", "snappy", body);
    assert_eq!((told.code, told.body.as_str()), (204, ""));
}

fn home_with_a_slow_trace() -> (Home, Server) {
    let home = home_with(&format!("{SOON}hold_seconds = 1\n"));
    let server = Server::start(&home);
    assert_eq!(server.send(&slow_trace(1)).code, 200);
    wait_until(&home, |lines| lines.len() == 1);
    (home, server)
}

#[test]
fn native_histograms_of_prometheus_count_every_request_once() {
    let (home, server) = home_with_a_slow_trace();
    // When a native histogram began is not said: what comes first is where counting begins.
    sent(&server, &body("a:9090", 0, (500, 500)));
    sent(&server, &body("a:9090", 60, (10_480, 520)));
    let answer = measured(&home, 10_000);
    assert_eq!(answer["measured"]["metric"], METRIC);
    let latency = answer["latency_ns"].as_u64().expect("ns");
    assert!((98_700_000..=100_900_000).contains(&latency), "{answer:#}");
    assert!((10_100_000..=10_400_000).contains(&answer["median_ns"].as_u64().expect("ns")), "{answer:#}");
    assert_eq!((&answer["sum_ns"], &answer["requests"]), (&answer["latency_ns"], &json!(1)));

    // Retried, out of order, another sender, a counter that began anew: each measurement once.
    sent(&server, &body("a:9090", 60, (10_480, 520)));
    sent(&server, &body("a:9090", 30, (5_000, 510)));
    sent(&server, &body("b:9090", 0, (0, 0)));
    sent(&server, &body("b:9090", 60, (90, 10)));
    measured(&home, 10_100);
    server.kill();
    let server = Server::start(&home);
    sent(&server, &body("b:9090", 60, (90, 10)));
    sent(&server, &body("a:9090", 120, (10_481, 520)));
    let last = measured(&home, 10_101);
    server.stop();
    assert_eq!(measured(&home, 10_101), last);
    assert_eq!(home.json(&["verify"])["ok"], true);
}

#[test]
fn bodies_that_are_no_remote_write_of_the_first_protocol_are_refused_whole() {
    let (home, server) = home_with_a_slow_trace();
    let whole = body("a:9090", 60, (1, 1));
    for (kind, compression, sent, code, why) in [
        ("", "snappy", &whole[..whole.len() / 2], 400, "snappy"),
        ("", "br", &whole, 415, "send snappy"),
        ("; proto=io.prometheus.write.v2.Request", "snappy", &whole, 415, "protobuf_message: prometheus.WriteRequest"),
    ] {
        let told = write(&server, kind, compression, sent);
        assert_eq!(told.code, code, "{kind} {compression}: {}", told.body);
        assert!(told.body.contains(why), "{}", told.body);
    }
    assert_eq!(write(&server, "; proto=prometheus.WriteRequest", "snappy", &whole).code, 204);
    server.stop();
    // Only where counting begins is known now.
    assert_eq!(home.json(&["latency"])["measured"], Value::Null);
}
