//! Latency: every nanosecond of a request has an owner.
//!
//! [`lcp`] divides one request; `crate::tail` adds requests up to the tail of an API.

pub mod lcp;

pub use lcp::{Attributed, NoCatalog, Part, Peers, Selector, Slice, SliceKind, Stats, Workspace};
