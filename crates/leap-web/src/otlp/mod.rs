//! Receivers of OTLP 1.x: traces and metrics over HTTP (usually port 4318) and gRPC (usually 4317); and of Prometheus'
//! remote write on the HTTP port.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use leap_web::otlp::{Body, Intake, Limits, Receivers, Refused, Taken};
//! struct Counter;
//! impl Intake for Counter {
//!     async fn take(&self, body: Body) -> Result<Taken, Refused> {
//!         println!("{:?}: {} bytes", body.signal, body.plain.len());
//!         Ok(Taken::default())
//!     }
//! }
//! # async fn example() -> Result<(), leap_web::otlp::Error> {
//! let http = "127.0.0.1:4318".parse().expect("an address");
//! let grpc = "127.0.0.1:4317".parse().expect("an address");
//! let receivers = Receivers::bind(http, grpc, Limits::default()).await?;
//! println!("http://{}", receivers.http());
//! receivers.run(Arc::new(Counter), std::future::pending()).await;
//! # Ok(())
//! # }
//! ```
//!
//! What a sender is told, and whether OTLP lets it send again (`docs/specification.md` of opentelemetry-proto 1.9,
//! sections "Failures" and "OTLP/HTTP Throttling"):
//!
//! | | HTTP | gRPC | again |
//! |---|---|---|---|
//! | kept, in whole or in part | 200 | OK | no |
//! | [`Refused::Invalid`], does not decompress | 400 | `INVALID_ARGUMENT` | no |
//! | no such path, service or method; logs | 404, 405 | `UNIMPLEMENTED` | no |
//! | larger than [`Limits::body`], as received or decompressed | 413 | `RESOURCE_EXHAUSTED` | no |
//! | another content type or compression | 415 | HTTP 415, `UNIMPLEMENTED` | no |
//! | [`Refused::Busy`], [`Limits::bodies`] used up | 429 + `Retry-After` | `RESOURCE_EXHAUSTED` + `RetryInfo` | yes |
//! | [`Refused::Down`], slower than [`Limits::body_time`] | 503 + `Retry-After` | `UNAVAILABLE` + `RetryInfo` | yes |
//!
//! A slow body is not told with 408, and one that is too large not with `OUT_OF_RANGE`, because senders would drop the
//! first and send the second again for ever.
//!
//! Reading order: `body` (bytes within limits), `answer` (the messages that go back), `http`, `grpc`, `receivers`.

mod answer;
mod body;
mod budget;
mod grpc;
mod http;
mod receivers;

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

pub use receivers::{Error, Receivers, Stopped};

/// What a request carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// An `ExportTraceServiceRequest`.
    Traces,
    /// An `ExportMetricsServiceRequest`.
    Metrics,
    /// A `WriteRequest` of Prometheus' remote write 1.0, in protobuf alone.
    RemoteWrite,
}

/// How a request's message is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// Protocol buffers.
    Protobuf,
    /// OTLP's JSON.
    Json,
}

/// How a request's message was compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, of one or more members.
    Gzip,
    /// Zstandard, of one or more frames.
    Zstd,
    /// One block of Snappy, as remote write has it.
    Snappy,
}

/// A request's message, as it came and as it reads. Not decoded.
#[derive(Clone, Debug)]
pub struct Body {
    /// What it carries.
    pub signal: Signal,
    /// How `plain` is written.
    pub encoding: Encoding,
    /// How `received` is compressed.
    pub compression: Compression,
    /// The message as it came; over gRPC without its five bytes of frame.
    pub received: Bytes,
    /// The message decompressed; the same bytes as `received` where it was not compressed.
    pub plain: Bytes,
}

/// What was kept, durably.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    /// Spans or data points that were refused, while the rest was kept.
    pub rejected: u64,
    /// Why, or a warning where nothing was refused. Empty and with `rejected` 0 it is a full success.
    pub message: String,
}

/// Nothing was kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// It cannot be read; the sender must not send it again.
    Invalid(String),
    /// There is too much to do; the sender should send it again later.
    Busy {
        /// After which time; told in whole seconds, rounded up, over HTTP.
        retry_after: Duration,
        /// Why.
        message: String,
    },
    /// It cannot be kept now, as when the disk is full; the sender should send it again later.
    Down(String),
}

/// Keeps what was received.
pub trait Intake: Send + Sync + 'static {
    /// Keeps a body durably before it answers. A sender that goes away drops the future at any `await`: what was kept
    /// by then stays, as OTLP lets every body come more than once.
    fn take(&self, body: Body) -> impl Future<Output = Result<Taken, Refused>> + Send;

    /// Whether bodies would be taken now, or why not: what `/readyz` tells. Answers at once.
    fn ready(&self) -> Result<(), String> {
        Ok(())
    }
}

/// What senders may use of this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of one body, as received and again as decompressed.
    pub body: usize,
    /// Bytes of all bodies in memory at once, received and decompressed; more than twice `body`.
    pub bodies: usize,
    /// Time in which a body must have arrived.
    pub body_time: Duration,
    /// Time that requests in flight have to end after a stop.
    pub stop_time: Duration,
    /// Open connections of each listener; further ones wait to be accepted.
    pub connections: usize,
}

impl Default for Limits {
    /// 64 MiB per body (OTLP's recommendation) and 256 MiB of all bodies; 30 s for a body to arrive, 10 s to end; 256
    /// connections.
    fn default() -> Limits {
        Limits {
            body: 64 << 20,
            bodies: 256 << 20,
            body_time: Duration::from_secs(30),
            stop_time: Duration::from_secs(10),
            connections: 256,
        }
    }
}

/// Time after which a sender may try again when no better one is known.
const RETRY: Duration = Duration::from_secs(1);

/// Why a request gets no success: one kind per line of the table above.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Invalid,
    NoSuchPath,
    Method,
    TooLarge,
    Type,
    Compression,
    Busy,
    Down,
}

/// A request that is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Problem {
    kind: Kind,
    message: String,
    /// When to send again; `None` is never.
    retry: Option<Duration>,
}

impl Problem {
    fn new(kind: Kind, message: impl Into<String>) -> Problem {
        let retry = matches!(kind, Kind::Busy | Kind::Down).then_some(RETRY);
        Problem { kind, message: message.into(), retry }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Problem {
        match refused {
            Refused::Invalid(message) => Problem::new(Kind::Invalid, message),
            Refused::Busy { retry_after, message } => Problem { kind: Kind::Busy, message, retry: Some(retry_after) },
            Refused::Down(message) => Problem::new(Kind::Down, message),
        }
    }
}
