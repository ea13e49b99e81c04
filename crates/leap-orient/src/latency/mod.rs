//! Latency: every nanosecond of a request has an owner.
//!
//! [`lcp`] divides one request, [`replay`] says what it would have taken had some services been faster; `crate::tail`
//! adds requests up to the tail of an API. [`rows`] and [`spans`] are how both are kept, [`tails`] how many of them are
//! read fast, [`hours`] what services measured themselves.

pub mod hours;
pub mod lcp;
mod order;
pub mod replay;
pub mod rows;
pub mod spans;
pub mod tails;

pub use hours::{ApiHour, Hour, ListedHour, hours_added_up, hours_batch, hours_listed, hours_read};
pub use lcp::{Attributed, NoCatalog, Part, Peers, Selector, Slice, SliceKind, Stats, Workspace};
pub use replay::{Factor, Replay};
pub use rows::{RequestRow, Requests, RowsError, day_of, start_of};
pub use spans::{Example, Examples, SpanRows};
pub use tails::{ApiDay, DayTail, Listed, PartName};
