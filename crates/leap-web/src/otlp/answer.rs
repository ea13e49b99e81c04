//! The messages that go back: `Export…ServiceResponse` and `google.rpc.Status`, in protobuf and JSON.
//!
//! ```ignore
//! assert_eq!(response(Signal::Traces, Encoding::Json, &Taken::default()), "{}");
//! ```
//!
//! Four small messages are written by hand; the tests read them with `prost`. Both responses look alike on the wire:
//! `partial_success = 1 {rejected_… = 1 (int64), error_message = 2}`. Status and RetryInfo are those of googleapis
//! `google/rpc/status.proto` and `error_details.proto`.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::{Encoding, Signal, Taken};

/// The message that says what was kept. `partial_success` is unset on full success.
pub(super) fn response(signal: Signal, encoding: Encoding, taken: &Taken) -> Bytes {
    let partial = taken.rejected > 0 || !taken.message.is_empty();
    match encoding {
        Encoding::Protobuf if partial => {
            let mut inner = Vec::new();
            number(&mut inner, 1, taken.rejected.min(i64::MAX as u64));
            bytes(&mut inner, 2, taken.message.as_bytes());
            let mut outer = Vec::new();
            bytes(&mut outer, 1, &inner);
            Bytes::from(outer)
        }
        Encoding::Protobuf => Bytes::new(),
        Encoding::Json if partial => {
            let field = match signal {
                Signal::Traces => "rejectedSpans",
                Signal::Metrics | Signal::RemoteWrite => "rejectedDataPoints",
            };
            let rejected = taken.rejected.min(i64::MAX as u64).to_string();
            Bytes::from(json!({"partialSuccess": {field: rejected, "errorMessage": taken.message}}).to_string())
        }
        Encoding::Json => Bytes::from_static(b"{}"),
    }
}

/// A `google.rpc.Status`, with a RetryInfo where the sender should send again.
pub(super) fn status(encoding: Encoding, code: tonic::Code, message: &str, retry: Option<Duration>) -> Bytes {
    let code = code as i32;
    match encoding {
        Encoding::Protobuf => {
            let mut status = Vec::new();
            number(&mut status, 1, u64::from(code.unsigned_abs()));
            bytes(&mut status, 2, message.as_bytes());
            if let Some(retry) = retry {
                let mut any = Vec::new();
                bytes(&mut any, 1, RETRY_INFO.as_bytes());
                bytes(&mut any, 2, &retry_info(retry));
                bytes(&mut status, 3, &any);
            }
            Bytes::from(status)
        }
        Encoding::Json => {
            let mut status = json!({"code": code, "message": message});
            if let Some(retry) = retry {
                let delay = format!("{}.{:09}s", retry.as_secs(), retry.subsec_nanos());
                status["details"] = json!([{"@type": RETRY_INFO, "retryDelay": delay}]);
            }
            Bytes::from(status.to_string())
        }
    }
}

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// `google.rpc.RetryInfo {retry_delay = 1: google.protobuf.Duration {seconds = 1, nanos = 2}}`.
fn retry_info(retry: Duration) -> Vec<u8> {
    let mut duration = Vec::new();
    number(&mut duration, 1, retry.as_secs().min(i64::MAX as u64));
    number(&mut duration, 2, u64::from(retry.subsec_nanos()));
    let mut info = Vec::new();
    bytes(&mut info, 1, &duration);
    info
}

/// A field of wire type 0, left out when 0 as proto3 wants it.
fn number(out: &mut Vec<u8>, field: u8, value: u64) {
    if value > 0 {
        out.push(field << 3);
        varint(out, value);
    }
}

/// A field of wire type 2. An empty message inside of another one is written: it is there.
fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    out.push((field << 3) | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
