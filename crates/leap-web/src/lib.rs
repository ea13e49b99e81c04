//! The faces of `leap serve` over the network.
//!
//! - [`otlp`]: traces and metrics as OpenTelemetry sends them, over HTTP and gRPC. Nothing there knows what a span is: a
//!   body is read within its limits, decompressed, and handed to an [`otlp::Intake`], which says what to answer.
//! - [`site`]: pages as values, shown as HTML, JSON and CSV. Nothing there knows what money is: a [`site::Site`] makes the
//!   pages.

pub mod otlp;
pub mod site;
