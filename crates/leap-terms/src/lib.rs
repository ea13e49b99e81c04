//! The words of `leap`: every type that more than one stage needs, and nothing that does anything.
//!
//! Reading order: [`exact`] (numbers), [`ratio`] (quotients of them), [`cost`] (money in four kinds and a currency),
//! [`calendar`] (days, months, periods), [`owner`] (teams and residuals), [`focus`] (the columns of a bill),
//! [`scope`] (what a delivery replaces), [`tables`] (the lake's tables), [`digest`], [`fault`] (errors that name
//! file, line and remedy), [`yaml`] (where things stand in a person's YAML), [`limits`], [`invariant`], [`trace`]
//! (spans and requests), [`rights`] (who may do what), [`message`] and [`dedup`] (what can be said, once).
//!
//! What is absent on purpose: files, network, clock, randomness, async, and floating-point numbers.

#![deny(clippy::float_arithmetic)]

pub mod calendar;
pub mod cost;
pub mod dedup;
pub mod delivery;
pub mod digest;
pub mod exact;
pub mod fault;
pub mod files;
pub mod focus;
pub mod invariant;
pub mod limits;
pub mod message;
pub mod owner;
pub mod ratio;
pub mod rights;
pub mod scope;
pub mod tables;
pub mod trace;
pub mod yaml;

pub use calendar::{Day, Instant, Month, Period};
pub use cost::{CostKind, Costs, Currency, Money, Quantity};
pub use dedup::DedupKey;
pub use delivery::{Delivery, ScopeFacts};
pub use digest::{Digest, RowsDigest};
pub use exact::{Exact, ExactError};
pub use fault::Fault;
pub use files::{FileFoot, FileRecord};
pub use invariant::Invariant;
pub use message::MessageKind;
pub use owner::{Owner, ResidualReason, RuleId, TeamId};
pub use ratio::Ratio;
pub use rights::{Deed, Grant, Reach, Rights, Role};
pub use scope::{DeliveryId, Format, ScopeKey, SourceId};
pub use trace::{NameId, Names, Span, SpanId, SpanKind, Trace, TraceId, Weight};
