//! OTLP over HTTP: what is taken, how it is answered, and what is refused how.

use std::time::Duration;

use leap_web::otlp::{Compression, Encoding, Refused, Signal, Taken};
use prost::Message;
use reqwest::{Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{ExportResponse, Fake, RpcStatus, Running, client, gzip, message, small, start, zstd};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

async fn post(running: &Running, path: &str, content_type: &str, body: Vec<u8>) -> Response {
    client().post(running.url(path)).header("Content-Type", content_type).body(body).send().await.unwrap()
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

async fn json(response: Response) -> serde_json::Value {
    assert_eq!(header(&response, "content-type"), JSON);
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

async fn status(response: Response) -> RpcStatus {
    assert_eq!(header(&response, "content-type"), PROTOBUF);
    RpcStatus::decode(response.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_full_success_says_nothing_in_the_encoding_of_the_request() {
    let running = start(Fake::open(), small()).await;
    for (path, signal) in [("/v1/traces", Signal::Traces), ("/v1/metrics", Signal::Metrics)] {
        let sent = message(1000);
        let response = post(&running, path, PROTOBUF, sent.clone()).await;
        assert_eq!((response.status(), header(&response, "content-type")), (StatusCode::OK, PROTOBUF.to_owned()));
        assert_eq!(response.bytes().await.unwrap(), "", "partial_success is unset");
        let body = running.fake.last();
        assert_eq!((body.signal, body.encoding, body.compression), (signal, Encoding::Protobuf, Compression::None));
        assert_eq!((&body.plain[..], &body.received[..]), (&sent[..], &sent[..]));

        let response = post(&running, path, "Application/JSON; charset=utf-8", b"{\"resourceSpans\":[]}".into()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(json(response).await, serde_json::json!({}));
        let body = running.fake.last();
        assert_eq!((body.signal, body.encoding), (signal, Encoding::Json));
        assert_eq!(&body.plain[..], b"{\"resourceSpans\":[]}");
    }
    let empty = post(&running, "/v1/traces", PROTOBUF, Vec::new()).await;
    assert_eq!(empty.status(), StatusCode::OK, "no bytes are a message, too");
    assert_eq!(running.fake.last().plain.len(), 0);
}

#[tokio::test]
async fn gzip_and_zstd_are_handed_on_as_received_and_as_they_read() {
    let running = start(Fake::open(), small()).await;
    let sent = message(30_000);
    let two_members = [gzip(&sent[..10]), gzip(&sent[10..])].concat();
    let two_frames = [zstd(&sent[..10]), zstd(&sent[10..])].concat();
    for (name, compression, packed) in [
        ("gzip", Compression::Gzip, gzip(&sent)),
        ("GZIP", Compression::Gzip, two_members),
        ("zstd", Compression::Zstd, zstd(&sent)),
        ("zstd", Compression::Zstd, two_frames),
        ("identity", Compression::None, sent.clone()),
    ] {
        let response = client()
            .post(running.url("/v1/traces"))
            .header("Content-Type", PROTOBUF)
            .header("Content-Encoding", name)
            .body(packed.clone())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        let body = running.fake.last();
        assert_eq!(body.compression, compression);
        assert_eq!(&body.received[..], &packed[..], "{name}");
        assert_eq!(&body.plain[..], &sent[..], "{name}");
    }
}

#[tokio::test]
async fn what_is_not_what_it_says_is_invalid() {
    let running = start(Fake::open(), small()).await;
    let sent = message(30_000);
    let (cut_gzip, cut_zstd) = (gzip(&sent), zstd(&sent));
    for (name, body) in [
        ("gzip", cut_gzip[..cut_gzip.len() - 9].to_vec()),
        ("zstd", cut_zstd[..cut_zstd.len() - 9].to_vec()),
        ("gzip", sent.clone()),
        ("zstd", sent.clone()),
    ] {
        let response = client()
            .post(running.url("/v1/traces"))
            .header("Content-Type", PROTOBUF)
            .header("Content-Encoding", name)
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{name}");
        let status = status(response).await;
        assert_eq!(status.code, 3);
        assert!(status.message.starts_with("the body is not "), "{}", status.message);
    }
    assert_eq!(running.fake.count(), 0, "nothing of it came to the intake");
}

#[tokio::test]
async fn a_partial_success_counts_and_says_why_in_both_encodings() {
    let running = start(Fake::open(), small()).await;
    let partial = |rejected, message: &str| Ok(Taken { rejected, message: message.to_owned() });

    running.fake.answer(partial(3, "3 spans end before they start"));
    let response = post(&running, "/v1/traces", PROTOBUF, message(10)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let told = ExportResponse::decode(response.bytes().await.unwrap()).unwrap().partial_success.unwrap();
    assert_eq!((told.rejected, told.error_message.as_str()), (3, "3 spans end before they start"));

    running.fake.answer(partial(0, "a warning"));
    let response = post(&running, "/v1/metrics", PROTOBUF, message(10)).await;
    let told = ExportResponse::decode(response.bytes().await.unwrap()).unwrap().partial_success.unwrap();
    assert_eq!((told.rejected, told.error_message.as_str()), (0, "a warning"));

    running.fake.answer(partial(u64::MAX, "all \"of\" them"));
    let response = post(&running, "/v1/traces", JSON, b"{}".into()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        json(response).await,
        serde_json::json!({
            "partialSuccess": {"rejectedSpans": "9223372036854775807", "errorMessage": "all \"of\" them"}
        })
    );

    running.fake.answer(partial(7, "old"));
    let response = post(&running, "/v1/metrics", JSON, b"{}".into()).await;
    assert_eq!(
        json(response).await,
        serde_json::json!({"partialSuccess": {"rejectedDataPoints": "7", "errorMessage": "old"}})
    );
}

#[tokio::test]
async fn refusals_say_in_both_encodings_whether_to_send_again() {
    let running = start(Fake::open(), small()).await;
    let busy = || Refused::Busy { retry_after: Duration::from_millis(1200), message: "the queue is full".into() };
    let cases = [
        (Refused::Invalid("no span has an id".into()), 400, 3, "", None),
        (busy(), 429, 8, "2", Some("1.200000000s")),
        (Refused::Down("the disk is full".into()), 503, 14, "1", Some("1.000000000s")),
    ];
    for (refused, http, code, after, delay) in cases {
        let text = match &refused {
            Refused::Invalid(message) | Refused::Down(message) | Refused::Busy { message, .. } => message.clone(),
        };
        running.fake.answer(Err(refused.clone()));
        let response = post(&running, "/v1/traces", PROTOBUF, message(10)).await;
        assert_eq!((response.status().as_u16(), header(&response, "retry-after").as_str()), (http, after));
        let status = status(response).await;
        assert_eq!((status.code, &status.message), (code, &text));
        let seconds = delay.map(|delay| delay.trim_end_matches('s').parse::<f64>().unwrap());
        assert_eq!(status.retry().map(|retry| retry.as_secs_f64()), seconds);

        running.fake.answer(Err(refused));
        let response = post(&running, "/v1/metrics", JSON, b"{}".into()).await;
        assert_eq!((response.status().as_u16(), header(&response, "retry-after").as_str()), (http, after));
        let told = json(response).await;
        assert_eq!((&told["code"], &told["message"]), (&code.into(), &text.into()));
        assert_eq!(told["details"][0]["retryDelay"].as_str(), delay);
        let named = told["details"][0]["@type"].as_str();
        assert_eq!(named, delay.map(|_| "type.googleapis.com/google.rpc.RetryInfo"));
    }
}

#[tokio::test]
async fn other_types_compressions_methods_and_paths_are_told_what_is_taken() {
    let running = start(Fake::open(), small()).await;
    let response = post(&running, "/v1/traces", "text/plain", b"{}".into()).await;
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let told = json(response).await;
    assert_eq!(
        told["message"],
        "Content-Type is text/plain; OTLP is sent as application/x-protobuf or application/json"
    );

    let response = client().post(running.url("/v1/traces")).body("{}").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "no type at all");

    for encodings in [&["br"][..], &["gzip, gzip"], &["gzip", "zstd"]] {
        let mut request = client().post(running.url("/v1/traces")).header("Content-Type", PROTOBUF).body("x");
        for encoding in encodings {
            request = request.header("Content-Encoding", *encoding);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{encodings:?}");
        assert_eq!(header(&response, "accept-encoding"), "gzip, zstd, identity");
        assert_eq!(status(response).await.code, 3);
    }

    let response = client().get(running.url("/v1/traces")).send().await.unwrap();
    assert_eq!((response.status(), header(&response, "allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST".to_owned()));

    let response = post(&running, "/v1/logs", PROTOBUF, message(10)).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let logs = status(response).await;
    assert_eq!(logs.message, "leap takes no logs; send only traces to /v1/traces and metrics to /v1/metrics");

    let response = post(&running, "/v1/trace", JSON, b"{}".into()).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(json(response).await["message"], "there is no /v1/trace here; OTLP goes to /v1/traces and /v1/metrics");
    assert_eq!(running.fake.count(), 0);
}

#[tokio::test]
async fn one_connection_carries_request_after_request() {
    let running = start(Fake::open(), small()).await;
    let mut stream = TcpStream::connect(running.http).await.unwrap();
    for turn in 1..=3 {
        let head = "POST /v1/traces HTTP/1.1\r\nHost: leap\r\nContent-Type: application/json\r\nContent-Length: 2\r\n";
        stream.write_all(format!("{head}\r\n{{}}").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n{}") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "closed after {turn} requests");
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
        assert_eq!(running.fake.count(), turn);
    }
}

#[tokio::test]
async fn health_and_readiness_are_two_things() {
    let running = start(Fake::open(), small()).await;
    let get = |path: &str| client().get(running.url(path)).send();
    assert_eq!(get("/healthz").await.unwrap().status(), StatusCode::OK);
    assert_eq!(get("/readyz").await.unwrap().text().await.unwrap(), "ready\n");
    *running.fake.unready.lock().unwrap() = Some("the journal is full".to_owned());
    assert_eq!(get("/healthz").await.unwrap().text().await.unwrap(), "alive\n");
    let response = get("/readyz").await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.text().await.unwrap(), "the journal is full\n");
}
