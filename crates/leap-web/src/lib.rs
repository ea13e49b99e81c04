//! What `leap serve` hears over the network. Pages join with the capability that needs them.
//!
//! - [`otlp`]: traces and metrics as OpenTelemetry sends them, over HTTP and gRPC.
//!
//! Nothing here knows what a span is: a body is read within its limits, decompressed, and handed to an
//! [`otlp::Intake`], which keeps it and says what to answer.

pub mod otlp;
