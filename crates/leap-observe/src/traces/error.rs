//! Why a body or a file of traces is refused as a whole, with the place and the remedy.
//!
//! ```text
//! OTLP protobuf, byte 4711: a length of 90000 goes beyond the 112 bytes left of its message
//! OTLP JSON, line 3, column 18: invalid type: …
//! ```
//! A single span that cannot be used is no error: it is counted in [`super::Rejected`].

use super::wire::WireFault;

/// Why nothing of a body was taken.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum TraceError {
    /// The bytes break the protobuf wire format.
    #[error("OTLP protobuf, byte {offset}: {fault}")]
    Wire {
        /// Where, from the body's first byte.
        offset: usize,
        /// Which rule.
        fault: WireFault,
    },
    /// The text is not the JSON that its format asks.
    #[error("{format}, line {line}, column {column}: {reason}")]
    Json {
        /// The format as which it was read.
        format: &'static str,
        /// Line from 1.
        line: usize,
        /// Column from 1.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// More than a limit allows.
    #[error("{found} {what}, but at most {allowed} are taken at once; send smaller batches")]
    TooMuch {
        /// What is counted: "spans in one body".
        what: &'static str,
        /// How many.
        found: u64,
        /// The limit.
        allowed: u64,
    },
    /// Neither of the formats.
    #[error(
        "cannot tell what these traces are: {seen}; accepted are OTLP protobuf and JSON (one document or lines), Jaeger JSON and Zipkin v2 JSON, each also with gzip or zstd"
    )]
    Unknown {
        /// What the first bytes show.
        seen: String,
    },
    /// The compressed stream is damaged or ends early.
    #[error("cannot decompress the {container}: {reason}")]
    Compressed {
        /// `gzip` or `zstd`.
        container: &'static str,
        /// What the decoder says.
        reason: String,
    },
}

impl TraceError {
    pub(crate) fn json(format: &'static str, error: &serde_json::Error) -> TraceError {
        let text = error.to_string();
        let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason).to_owned();
        TraceError::Json { format, line: error.line(), column: error.column(), reason }
    }

    /// True when the sender may send the same in smaller pieces (HTTP 413), false when it is damaged (HTTP 400).
    pub fn is_too_much(&self) -> bool {
        matches!(self, TraceError::TooMuch { .. })
    }
}
