//! OTLP over gRPC: tonic's client where it can say what is to be said, frames by hand where it cannot.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Request, Uri};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use leap_web::otlp::{Compression, Encoding, Refused, Signal, Taken};
use prost::Message;
use tonic::{Code, Status};

use crate::harness::{ExportRequest, ExportResponse, Fake, RpcStatus, Running, gzip, message, small, start, zstd};

pub const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// A call by tonic's client.
pub async fn call(grpc: SocketAddr, path: &'static str, request: ExportRequest) -> Result<ExportResponse, Status> {
    let client: Client<HttpConnector, tonic::body::Body> =
        Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let origin: Uri = format!("http://{grpc}").parse().unwrap();
    let mut grpc = tonic::client::Grpc::with_origin(client, origin);
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<ExportRequest, ExportResponse>::default();
    grpc.unary(tonic::Request::new(request), PathAndQuery::from_static(path), codec)
        .await
        .map(tonic::Response::into_inner)
}

/// A call of bytes: HTTP status, headers and trailers together, and the body.
async fn raw(running: &Running, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, HeaderMap, Bytes) {
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let mut request = Request::post(format!("http://{}{TRACES}", running.grpc));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = client.request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let collected = body.collect().await.unwrap();
    let mut all = parts.headers;
    all.extend(collected.trailers().cloned().unwrap_or_default());
    (parts.status.as_u16(), all, collected.to_bytes())
}

fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut frame = BytesMut::new();
    frame.put_u8(flag);
    frame.put_u32(message.len().try_into().unwrap());
    frame.put_slice(message);
    frame.to_vec()
}

fn code(headers: &HeaderMap) -> Code {
    Code::from_bytes(headers["grpc-status"].as_bytes())
}

fn request(size: usize) -> ExportRequest {
    ExportRequest::decode(&message(size)[..]).unwrap()
}

#[tokio::test]
async fn both_services_take_and_say_what_they_did_not_take() {
    let running = start(Fake::open(), small()).await;
    for (path, signal) in [(TRACES, Signal::Traces), (METRICS, Signal::Metrics)] {
        let response = call(running.grpc, path, request(20_000)).await.unwrap();
        assert_eq!(response.partial_success, None);
        let body = running.fake.last();
        assert_eq!((body.signal, body.encoding, body.compression), (signal, Encoding::Protobuf, Compression::None));
        assert_eq!(&body.plain[..], &message(20_000)[..]);

        running.fake.answer(Ok(Taken { rejected: 2, message: "2 of them are older than 30 days".to_owned() }));
        let partial = call(running.grpc, path, request(1)).await.unwrap().partial_success.unwrap();
        assert_eq!((partial.rejected, partial.error_message.as_str()), (2, "2 of them are older than 30 days"));
    }
    assert_eq!(call(running.grpc, TRACES, ExportRequest::default()).await.unwrap(), ExportResponse::default());
}

#[tokio::test]
async fn refusals_have_codes_and_delays_by_which_senders_know_whether_to_send_again() {
    let running = start(Fake::open(), small()).await;
    let busy = Refused::Busy { retry_after: Duration::from_millis(1200), message: "the queue is full".into() };
    for (refused, code, text, retry) in [
        (Refused::Invalid("näh: 1\n2".into()), Code::InvalidArgument, "näh: 1\n2", None),
        (busy, Code::ResourceExhausted, "the queue is full", Some(Duration::from_millis(1200))),
        (Refused::Down("no disk".into()), Code::Unavailable, "no disk", Some(Duration::from_secs(1))),
    ] {
        running.fake.answer(Err(refused));
        let status = call(running.grpc, TRACES, request(10)).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, text));
        let details = RpcStatus::decode(status.details()).unwrap();
        assert_eq!(details.retry(), retry);
        if retry.is_some() {
            assert_eq!((details.code, details.message.as_str()), (code as i32, text));
        }
    }
}

#[tokio::test]
async fn other_services_and_methods_are_unimplemented() {
    let running = start(Fake::open(), small()).await;
    for path in [
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        "/opentelemetry.proto.collector.trace.v1.TraceService/Import",
        "/grpc.health.v1.Health/Check",
        "/v1/traces",
    ] {
        let status = call(running.grpc, path, request(10)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "{path}");
        assert!(status.message().contains("leap takes TraceService/Export"), "{}", status.message());
    }
    assert_eq!(running.fake.count(), 0);
}

#[tokio::test]
async fn compressed_messages_are_handed_on_without_their_frame() {
    let running = start(Fake::open(), small()).await;
    let sent = message(30_000);
    for (name, compression, packed) in
        [("gzip", Compression::Gzip, gzip(&sent)), ("zstd", Compression::Zstd, zstd(&sent))]
    {
        let headers = [("content-type", "application/grpc+proto"), ("grpc-encoding", name)];
        let (http, told, body) = raw(&running, &headers, frame(1, &packed)).await;
        assert_eq!((http, code(&told)), (200, Code::Ok));
        assert_eq!(told["content-type"], "application/grpc");
        assert_eq!(&body[..], frame(0, b""), "a message of no bytes");
        let body = running.fake.last();
        assert_eq!((body.compression, &body.received[..], &body.plain[..]), (compression, &packed[..], &sent[..]));

        // A client that compresses may leave single messages as they are.
        let (_, told, _) = raw(&running, &headers, frame(0, &sent)).await;
        assert_eq!(code(&told), Code::Ok);
        assert_eq!(running.fake.last().compression, Compression::None);
    }
}

#[tokio::test]
async fn what_is_too_large_is_never_to_be_sent_again() {
    let running = start(Fake::open(), small()).await;
    let limit = small().body;
    let headers = [("content-type", "application/grpc"), ("grpc-encoding", "gzip")];
    for (body, expected) in [
        (frame(0, &vec![0; limit]), Code::Ok),
        (frame(0, &vec![0; limit + 1]), Code::ResourceExhausted),
        (frame(1, &gzip(&vec![0; limit])), Code::Ok),
        (frame(1, &gzip(&vec![0; limit + 1])), Code::ResourceExhausted),
        (frame(1, &gzip(&vec![0; 400 * limit])), Code::ResourceExhausted),
    ] {
        let (_, told, _) = raw(&running, &headers, body).await;
        assert_eq!(code(&told), expected);
        assert!(!told.contains_key("grpc-status-details-bin"), "RetryInfo would mean: send it again");
    }
    assert_eq!(running.fake.count(), 2);
}

#[tokio::test]
async fn frames_that_are_not_one_message_are_refused() {
    let running = start(Fake::open(), small()).await;
    let sent = message(100);
    let mut short = frame(0, &sent);
    short.pop();
    let two = [frame(0, &sent), frame(0, &sent)].concat();
    for (encoding, body, expected, text) in [
        ("identity", Vec::new(), Code::InvalidArgument, "the call has 0 bytes and no message"),
        ("identity", vec![0, 0], Code::InvalidArgument, "the call has 2 bytes and no message"),
        ("identity", short, Code::InvalidArgument, "the frame says 102 bytes and 101 follow"),
        ("identity", two, Code::InvalidArgument, "the frame says 102 bytes and 209 follow"),
        ("identity", frame(1, &sent), Code::InvalidArgument, "the message is compressed and grpc-encoding does not"),
        ("gzip", frame(2, &sent), Code::InvalidArgument, "a frame begins with 0 or 1, not with 2"),
        ("gzip", frame(1, &sent), Code::InvalidArgument, "the body is not gzip as it says"),
        ("snappy", frame(1, &sent), Code::Unimplemented, "grpc-encoding is snappy; send gzip, zstd or identity"),
    ] {
        let headers = [("content-type", "application/grpc"), ("grpc-encoding", encoding)];
        let (http, told, _) = raw(&running, &headers, body).await;
        assert_eq!((http, code(&told)), (200, expected), "{text}");
        let status = Status::from_header_map(&told).unwrap();
        assert!(status.message().starts_with(text), "{}", status.message());
        assert_eq!(told.get("grpc-accept-encoding").is_some(), encoding == "snappy");
    }
    let (http, _, _) = raw(&running, &[("content-type", "application/json")], frame(0, &sent)).await;
    assert_eq!(http, 415, "as gRPC wants it");
    assert_eq!(running.fake.count(), 0);
}

#[tokio::test]
async fn the_budget_of_bodies_is_one_for_both_protocols() {
    let fake = Fake::new(0);
    let running = start(fake.clone(), small()).await;
    // 60 KB each, over HTTP: four of them leave no room for a call.
    let send = || {
        let request = crate::harness::client().post(running.url("/v1/metrics"));
        tokio::spawn(request.header("Content-Type", "application/x-protobuf").body(message(60_000)).send())
    };
    let waiting: Vec<_> = (0..4).map(|_| send()).collect();
    fake.wait_for(4).await;
    let status = call(running.grpc, TRACES, request(60_000)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let details = RpcStatus::decode(status.details()).unwrap();
    assert_eq!(details.retry(), Some(Duration::from_secs(1)));
    fake.doors.add_permits(10);
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
    }
    assert!(call(running.grpc, TRACES, request(60_000)).await.is_ok());
}
