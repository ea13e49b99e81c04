//! OTLP/HTTP: `POST /v1/traces` and `POST /v1/metrics`; `POST /api/v1/write` for Prometheus' remote write; and
//! `/healthz` and `/readyz` for those who watch `leap`.
//!
//! ```sh
//! curl -i -H 'Content-Type: application/json' --data-binary @traces.json http://127.0.0.1:4318/v1/traces
//! ```

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use bytes::Bytes;

use super::body::Room;
use super::{Body, Compression, Encoding, Intake, Kind, Problem, Signal, Taken, answer};

/// What the handlers share.
pub(super) struct Gate<I> {
    pub(super) intake: Arc<I>,
    pub(super) room: Arc<Room>,
}

impl<I> Clone for Gate<I> {
    fn clone(&self) -> Gate<I> {
        Gate { intake: Arc::clone(&self.intake), room: Arc::clone(&self.room) }
    }
}

/// The routes of the HTTP port.
pub(super) fn routes<I: Intake>(gate: Gate<I>) -> Router {
    Router::new()
        .route("/v1/traces", any(|State(gate), request| export::<I>(gate, Signal::Traces, request)))
        .route("/v1/metrics", any(|State(gate), request| export::<I>(gate, Signal::Metrics, request)))
        .route("/api/v1/write", any(|State(gate), request| export::<I>(gate, Signal::RemoteWrite, request)))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready::<I>))
        .fallback(elsewhere::<I>)
        .with_state(gate)
}

async fn ready<I: Intake>(State(gate): State<Gate<I>>) -> Response {
    match gate.intake.ready() {
        Ok(()) => "ready\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn elsewhere<I: Intake>(State(gate): State<Gate<I>>, request: Request) -> Response {
    let encoding = encoding(request.headers()).unwrap_or(Encoding::Json);
    let path = request.uri().path();
    let message = match path {
        "/v1/logs" => "leap takes no logs; send only traces to /v1/traces and metrics to /v1/metrics".to_owned(),
        _ => format!("there is no {path} here; OTLP goes to /v1/traces and /v1/metrics"),
    };
    discard(&gate.room, request);
    refuse(encoding, &Problem::new(Kind::NoSuchPath, message))
}

async fn export<I: Intake>(gate: Gate<I>, signal: Signal, request: Request) -> Response {
    let answered_in = encoding(request.headers()).unwrap_or(Encoding::Json);
    match take(&gate, signal, request).await {
        // Remote write reads no body; what was passed over stands in the log.
        Ok(_) if signal == Signal::RemoteWrite => StatusCode::NO_CONTENT.into_response(),
        Ok(taken) => {
            let message = answer::response(signal, answered_in, &taken);
            ([(header::CONTENT_TYPE, content_type(answered_in))], message).into_response()
        }
        Err(problem) => refuse(answered_in, &problem),
    }
}

async fn take<I: Intake>(gate: &Gate<I>, signal: Signal, request: Request) -> Result<Taken, Problem> {
    let (length, limit) = (length(request.headers()), gate.room.limits.body);
    let checked = if request.method() == axum::http::Method::POST {
        encoding(request.headers())
            .and_then(|encoding| first_protocol(signal, request.headers()).map(|()| encoding))
            .and_then(|encoding| compression(signal, request.headers()).map(|compression| (encoding, compression)))
            .and_then(|checked| gate.room.admit(length, limit).map(|()| checked))
    } else {
        Err(Problem::new(Kind::Method, format!("{} is not how OTLP is sent; use POST", request.method())))
    };
    let (encoding, compression) = match checked {
        Ok(checked) => checked,
        Err(problem) => {
            discard(&gate.room, request);
            return Err(problem);
        }
    };
    let (received, _held) = gate.room.gather(request.into_body(), length, limit).await?;
    let (plain, _held_too) = gate.room.unpack(&received, compression).await?;
    let body = Body { signal, encoding, compression, received, plain };
    keep(&*gate.intake, body).await
}

/// Hands a body to the intake.
pub(super) async fn keep<I: Intake>(intake: &I, body: Body) -> Result<Taken, Problem> {
    let (signal, encoding, compression) = (body.signal, body.encoding, body.compression);
    let (received, plain) = (body.received.len(), body.plain.len());
    let taken = intake.take(body).await.map_err(Problem::from)?;
    tracing::debug!(?signal, ?encoding, ?compression, received, plain, rejected = taken.rejected, "taken");
    Ok(taken)
}

/// `Content-Length`, which a body in chunks lacks; one beyond all numbers is the largest.
pub(super) fn length(headers: &HeaderMap) -> Option<usize> {
    let length: u64 = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
    Some(usize::try_from(length).unwrap_or(usize::MAX))
}

/// Throws the body away, but for a sender who waits to be asked for it.
fn discard(room: &Room, request: Request) {
    if !request.headers().contains_key(header::EXPECT) {
        room.throw_away(request.into_body());
    }
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let named = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let named = named.as_deref().unwrap_or("none");
    match named.split(';').next().unwrap_or(named).trim().to_ascii_lowercase().as_str() {
        "application/x-protobuf" => Ok(Encoding::Protobuf),
        "application/json" => Ok(Encoding::Json),
        _ => Err(Problem::new(
            Kind::Type,
            format!("Content-Type is {named}; OTLP is sent as application/x-protobuf or application/json"),
        )),
    }
}

/// Remote write names its message in the type. Read as the first protocol, a body of the second would hold nothing at all.
fn first_protocol(signal: Signal, headers: &HeaderMap) -> Result<(), Problem> {
    let named = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let message = named.iter().flat_map(|named| named.split(';').skip(1)).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("proto").then(|| value.trim().trim_matches('"').to_owned())
    });
    match message {
        Some(message) if signal == Signal::RemoteWrite && message != "prometheus.WriteRequest" => Err(Problem::new(
            Kind::Type,
            format!("{message} is not read; set protobuf_message: prometheus.WriteRequest in remote_write"),
        )),
        Some(_) | None => Ok(()),
    }
}

fn compression(signal: Signal, headers: &HeaderMap) -> Result<Compression, Problem> {
    let mut all = headers.get_all(header::CONTENT_ENCODING).iter();
    let (first, second) = (all.next(), all.next());
    let named = first.map_or("identity".into(), |value| String::from_utf8_lossy(value.as_bytes()));
    match named.trim().to_ascii_lowercase().as_str() {
        _ if second.is_some() => Err(Problem::new(Kind::Type, "there are several Content-Encoding; send one")),
        "identity" | "" => Ok(Compression::None),
        "gzip" | "x-gzip" => Ok(Compression::Gzip),
        "zstd" => Ok(Compression::Zstd),
        "snappy" if signal == Signal::RemoteWrite => Ok(Compression::Snappy),
        _ => {
            let known = if signal == Signal::RemoteWrite { "snappy" } else { "gzip, zstd or identity" };
            Err(Problem::new(Kind::Type, format!("Content-Encoding is {named}; send {known}")))
        }
    }
}

fn content_type(encoding: Encoding) -> HeaderValue {
    HeaderValue::from_static(match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    })
}

fn refuse(encoding: Encoding, problem: &Problem) -> Response {
    let (status, code) = match problem.kind {
        Kind::Invalid => (StatusCode::BAD_REQUEST, tonic::Code::InvalidArgument),
        Kind::NoSuchPath => (StatusCode::NOT_FOUND, tonic::Code::Unimplemented),
        Kind::Method => (StatusCode::METHOD_NOT_ALLOWED, tonic::Code::Unimplemented),
        Kind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, tonic::Code::ResourceExhausted),
        Kind::Type | Kind::Compression => (StatusCode::UNSUPPORTED_MEDIA_TYPE, tonic::Code::InvalidArgument),
        Kind::Busy => (StatusCode::TOO_MANY_REQUESTS, tonic::Code::ResourceExhausted),
        Kind::Down => (StatusCode::SERVICE_UNAVAILABLE, tonic::Code::Unavailable),
    };
    tracing::info!(status = status.as_u16(), reason = problem.message, "refused");
    let message: Bytes = answer::status(encoding, code, &problem.message, problem.retry);
    let mut response = (status, [(header::CONTENT_TYPE, content_type(encoding))], message).into_response();
    let headers = response.headers_mut();
    if let Some(retry) = problem.retry {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(retry)));
    }
    match problem.kind {
        Kind::Method => headers.insert(header::ALLOW, HeaderValue::from_static("POST")),
        Kind::Type | Kind::Compression => {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd, identity"))
        }
        _ => None,
    };
    response
}

/// Whole seconds, rounded up, and never "at once".
fn seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up() {
        let told: Vec<u64> = [0, 1, 1000, 1001, 59_999].map(|ms| seconds(Duration::from_millis(ms))).into();
        assert_eq!(told, [1, 1, 1, 2, 60]);
    }
}
