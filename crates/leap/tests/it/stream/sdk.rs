//! OpenTelemetry's own SDK and exporter send what they measured; what is stored is that, to the nanosecond.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Span, SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{Aggregation, Instrument, SdkMeterProvider, Stream, Temporality};
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::metrics::measured;
use super::server::{Server, home_with, wait_until};
use crate::harness::text;
use crate::latency::MONDAY;

/// How a provider sends.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Way {
    Grpc,
    Proto,
    Json,
}

impl Way {
    /// A service that sends this way: in batches over gRPC, each span by itself over HTTP.
    fn service(self, server: &Server, name: &'static str) -> SdkTracerProvider {
        let path = format!("http://{}/v1/traces", server.http);
        let http = |protocol| {
            let exporter = SpanExporter::builder().with_http().with_endpoint(&path).with_protocol(protocol);
            exporter.build().expect("an exporter")
        };
        let resource = Resource::builder_empty().with_service_name(name).with_attribute(KeyValue::new("team", "none"));
        let provider = SdkTracerProvider::builder().with_resource(resource.build());
        let provider = match self {
            Way::Grpc => {
                let exporter = SpanExporter::builder().with_tonic().with_endpoint(format!("http://{}", server.grpc));
                provider.with_batch_exporter(exporter.build().expect("an exporter"))
            }
            Way::Proto => provider.with_simple_exporter(http(Protocol::HttpBinary)),
            Way::Json => provider.with_simple_exporter(http(Protocol::HttpJson)),
        };
        provider.build()
    }
}

fn at(ns: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(MONDAY) + Duration::from_nanos(ns)
}

/// A request of the gateway that calls the ledger, each measured by its own service: `[0, total)`, the call `[call.0, call.1)`,
/// the ledger's work within the call. Returns the trace's id.
fn request(gateway: &SdkTracerProvider, ledger: &SdkTracerProvider, from: u64, total: u64, call: (u64, u64)) -> String {
    let (here, there) = (gateway.tracer("gateway"), ledger.tracer("ledger"));
    let server = here.span_builder("POST /v1/charges").with_kind(SpanKind::Server).with_start_time(at(from));
    let server = Context::new().with_span(here.build_with_context(server, &Context::new()));
    let client = here.span_builder("ledger.Write").with_kind(SpanKind::Client).with_start_time(at(from + call.0));
    let client = Context::new().with_span(here.build_with_context(client, &server));
    // The ledger is another process: it knows the context from a header.
    let remote = Context::new().with_remote_span_context(client.span().span_context().clone());
    let work = there.span_builder("Write").with_kind(SpanKind::Server).with_start_time(at(from + call.0 + 1_003));
    let mut work = there.build_with_context(work, &remote);
    work.end_with_timestamp(at(from + call.1 - 2_007));
    client.span().end_with_timestamp(at(from + call.1));
    server.span().end_with_timestamp(at(from + total));
    server.span().span_context().trace_id().to_string()
}

#[test]
fn what_the_sdk_sends_over_grpc_and_http_is_what_is_stored_to_the_nanosecond() {
    let home = home_with("quiet_seconds = 1\nflush_seconds = 0\n");
    let server = Server::start(&home);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    // Trace: what it takes, and how much of it is the ledger's.
    let mut truth = BTreeMap::new();
    {
        let _entered = runtime.enter();
        for (place, way) in [Way::Grpc, Way::Proto, Way::Json].into_iter().enumerate() {
            let (gateway, ledger) = (way.service(&server, "gateway"), way.service(&server, "ledger"));
            for number in 0..20 {
                let from = (place as u64 * 100 + number) * 1_000_000_000;
                let (total, call) = (50_000_001 + number * 7, (1_000_003, 20_000_011 + number));
                let id = request(&gateway, &ledger, from, total, call);
                truth.insert(id, (total, call.1 - call.0));
            }
            for provider in [gateway, ledger] {
                provider.force_flush().unwrap_or_else(|error| panic!("{way:?}: {error}"));
                provider.shutdown().unwrap_or_else(|error| panic!("{way:?}: {error}"));
            }
        }
    }
    let found = wait_until(&home, |lines| lines.len() >= truth.len());
    let found: BTreeMap<String, (u64, u64)> = found
        .iter()
        .map(|line| {
            let ns = |value: &serde_json::Value| value.as_u64().unwrap_or(0);
            let (whole, owned) = (ns(&line["latency_ns"]), &line["by_owner_ns"]);
            assert_eq!((ns(&owned["ledger"]) + ns(&owned["gateway"]), ns(&line["spans"])), (whole, 3), "{line}");
            assert_eq!(text(&line["api"]), "gateway POST /v1/charges");
            (text(&line["trace_id"]), (whole, ns(&owned["ledger"])))
        })
        .collect();
    assert_eq!(found, truth);
    server.stop();
}

/// A meter of a service whose histograms are exponential, and sent over gRPC.
fn meter(server: &Server, name: &'static str, temporality: Temporality) -> SdkMeterProvider {
    let exporter = MetricExporter::builder()
        .with_tonic()
        .with_endpoint(format!("http://{}", server.grpc))
        .with_temporality(temporality)
        .build();
    let exponential = |_: &Instrument| {
        let aggregation =
            Aggregation::Base2ExponentialHistogram { max_size: 640, max_scale: 20, record_min_max: false };
        Some(Stream::builder().with_aggregation(aggregation).build().expect("a stream"))
    };
    SdkMeterProvider::builder()
        .with_resource(Resource::builder_empty().with_service_name(name).build())
        .with_periodic_exporter(exporter.expect("an exporter"))
        .with_view(exponential)
        .build()
}

#[test]
fn what_the_sdk_counts_over_grpc_is_what_quantiles_are_of() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let _entered = runtime.enter();
    for temporality in [Temporality::Delta, Temporality::Cumulative] {
        let home = home_with("quiet_seconds = 1\nflush_seconds = 0\n");
        let server = Server::start(&home);
        let (gateway, ledger) = (Way::Grpc.service(&server, "gateway"), Way::Grpc.service(&server, "ledger"));
        // The SDK says the time of its histograms itself: the traces are of the same time.
        let now = opentelemetry::time::now().duration_since(UNIX_EPOCH + Duration::from_millis(MONDAY)).expect("later");
        let now = u64::try_from(now.as_nanos()).expect("ns");
        request(&gateway, &ledger, now, 4_000_000_000, (0, 3_000_000_000));
        for provider in [gateway, ledger] {
            provider.shutdown().unwrap_or_else(|error| panic!("{temporality:?}: {error}"));
        }
        let provider = meter(&server, "gateway", temporality);
        let histogram = provider.meter("test").f64_histogram("http.server.request.duration").with_unit("s").build();
        let attributes = [KeyValue::new("http.request.method", "POST"), KeyValue::new("http.route", "/v1/charges")];
        // 9 ms to 4.009 s, in two tellings.
        let milliseconds = |number: u64| if number < 9_980 { 9 + number % 50 } else { 3_990 + number - 9_980 };
        for number in 0..10_000 {
            histogram.record(milliseconds(number) as f64 / 1_000.0, &attributes);
            if number == 5_000 {
                provider.force_flush().unwrap_or_else(|error| panic!("{temporality:?}: {error}"));
            }
        }
        provider.shutdown().unwrap_or_else(|error| panic!("{temporality:?}: {error}"));
        let answer = measured(&home, 10_000);
        let (found, error) = (answer["latency_ns"].as_u64().expect("ns"), answer["error_ppm"].as_u64().expect("ppm"));
        let mut all: Vec<u64> = (0..10_000).map(milliseconds).collect();
        all.sort_unstable();
        // p99.9 of 10,000 is the 9,990th.
        let truth = all[9_989] * 1_000_000;
        assert!(error > 0 && error < 10_000, "{answer:#}");
        assert!(
            found.abs_diff(truth) <= truth / 1_000_000 * error,
            "{temporality:?}: {truth} within {error} ppm: {answer:#}"
        );
        assert_eq!((&answer["sum_ns"], answer["requests"].as_u64()), (&answer["latency_ns"], Some(1)));
        server.stop();
    }
}
