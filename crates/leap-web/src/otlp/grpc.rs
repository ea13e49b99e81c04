//! OTLP/gRPC: `TraceService/Export` and `MetricsService/Export`, unary calls over HTTP/2.
//!
//! ```text
//! request   :path = /opentelemetry.proto.collector.trace.v1.TraceService/Export, content-type = application/grpc
//!           one byte (1: compressed as grpc-encoding says), four bytes of length, the message
//! response  200, the same with the response, then trailers: grpc-status = 0
//! refusal   200, headers alone: grpc-status, grpc-message, grpc-status-details-bin
//! ```
//!
//! The frame is read here and not by a generated server, because a body has to be within the same limits as over HTTP,
//! count in the same budget, be kept as it was received, and be refused with a code that OTLP does not take for "send
//! it again". Statuses are tonic's. <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use axum::Router;
use axum::body::Body as Stream;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use tonic::{Code, Status};

use super::http::{Gate, keep, length};
use super::{Body, Compression, Encoding, Intake, Kind, Problem, Signal, Taken, answer};

/// Bytes before a message: is it compressed, and its length.
const FRAME: usize = 5;

/// The routes of the gRPC port.
pub(super) fn routes<I: Intake>(gate: Gate<I>) -> Router {
    let traces = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let metrics = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
    Router::new()
        .route(traces, post(|State(gate), request| export::<I>(gate, Signal::Traces, request)))
        .route(metrics, post(|State(gate), request| export::<I>(gate, Signal::Metrics, request)))
        .fallback(elsewhere)
        .with_state(gate)
}

async fn elsewhere(request: Request) -> Response {
    let message = format!(
        "there is no {} here; leap takes TraceService/Export and MetricsService/Export",
        request.uri().path().trim_start_matches('/')
    );
    refuse(&Problem::new(Kind::NoSuchPath, message))
}

async fn export<I: Intake>(gate: Gate<I>, signal: Signal, request: Request) -> Response {
    if !is_grpc(request.headers()) {
        let accepted = [(header::ACCEPT, HeaderValue::from_static("application/grpc"))];
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, accepted).into_response();
    }
    match take(&gate, signal, request).await {
        Ok(taken) => succeed(signal, &taken),
        Err(problem) => refuse(&problem),
    }
}

async fn take<I: Intake>(gate: &Gate<I>, signal: Signal, request: Request) -> Result<Taken, Problem> {
    let named = compression(request.headers())?;
    let length = length(request.headers());
    let limit = gate.room.limits.body.saturating_add(FRAME);
    gate.room.admit(length, limit)?;
    let (mut received, _held) = gate.room.gather(request.into_body(), length, limit).await?;
    if received.len() < FRAME {
        return Err(Problem::new(Kind::Invalid, format!("the call has {} bytes and no message", received.len())));
    }
    let frame = received.split_to(FRAME);
    let stated = u32::from_be_bytes([frame[1], frame[2], frame[3], frame[4]]);
    if u32::try_from(received.len()) != Ok(stated) {
        let message = format!("the frame says {stated} bytes and {} follow; Export takes one message", received.len());
        return Err(Problem::new(Kind::Invalid, message));
    }
    let compression = match (frame[0], named) {
        (0, _) => Compression::None,
        (1, Compression::Gzip | Compression::Zstd) => named,
        (1, Compression::None | Compression::Snappy) => {
            return Err(Problem::new(Kind::Invalid, "the message is compressed and grpc-encoding does not say how"));
        }
        (flag, _) => return Err(Problem::new(Kind::Invalid, format!("a frame begins with 0 or 1, not with {flag}"))),
    };
    let (plain, _held_too) = gate.room.unpack(&received, compression).await?;
    keep(&*gate.intake, Body { signal, encoding: Encoding::Protobuf, compression, received, plain }).await
}

/// `application/grpc`, or with `+proto`; other messages than protobuf are not OTLP.
fn is_grpc(headers: &HeaderMap) -> bool {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    matches!(
        named.split(';').next().unwrap_or(named).trim().to_ascii_lowercase().as_str(),
        "application/grpc" | "application/grpc+proto"
    )
}

const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ACCEPTED: HeaderValue = HeaderValue::from_static("identity,gzip,zstd");

fn compression(headers: &HeaderMap) -> Result<Compression, Problem> {
    let named = headers.get(ENCODING).map_or("identity".into(), |value| String::from_utf8_lossy(value.as_bytes()));
    match &*named {
        "identity" => Ok(Compression::None),
        "gzip" => Ok(Compression::Gzip),
        "zstd" => Ok(Compression::Zstd),
        _ => Err(Problem::new(Kind::Compression, format!("grpc-encoding is {named}; send gzip, zstd or identity"))),
    }
}

fn succeed(signal: Signal, taken: &Taken) -> Response {
    let message = answer::response(signal, Encoding::Protobuf, taken);
    let mut frame = BytesMut::with_capacity(FRAME + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).expect("an answer is far shorter than 4 GiB"));
    frame.put_slice(&message);
    let trailers = HeaderMap::from_iter([(Status::GRPC_STATUS, HeaderValue::from_static("0"))]);
    let body = Full::new(frame.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"))], Stream::new(body)).into_response()
}

fn refuse(problem: &Problem) -> Response {
    let code = match problem.kind {
        Kind::Invalid | Kind::Type => Code::InvalidArgument,
        Kind::NoSuchPath | Kind::Method | Kind::Compression => Code::Unimplemented,
        Kind::TooLarge | Kind::Busy => Code::ResourceExhausted,
        Kind::Down => Code::Unavailable,
    };
    tracing::info!(status = ?code, reason = problem.message, "refused");
    let details = match problem.retry {
        Some(retry) => answer::status(Encoding::Protobuf, code, &problem.message, Some(retry)),
        None => Bytes::new(),
    };
    let mut response: Response = Status::with_details(code, &problem.message, details).into_http();
    if problem.kind == Kind::Compression {
        response.headers_mut().insert(ACCEPT_ENCODING, ACCEPTED);
    }
    response
}
