//! Act: receipts. The one crate that does something outside, and what it does is to send messages.
//!
//! Reading order: [`message`] (what is said), [`policy`] (when, how often, and when it is given up: pure), [`egress`]
//! (where nothing may go), [`channels`] (how each service wants it), [`send`] (from the outbox to the service, once),
//! [`settings`] (what `leap.toml` says of all this).
//!
//! ```text
//! outbox row  →  due now? quiet hours, caps, digests  →  one attempt through the guard  →  receipt: done, again, dead
//! ```
//! A message is in the outbox since the transaction that caused it, and goes out at least once with the same dedup key:
//! a kill at any moment sends it again, never loses it, and a receiver that honors the key shows it once.
//!
//! What is absent on purpose: the lake and the book (the outbox is a trait), a clock and randomness (arguments),
//! secrets in settings (they come in as values that never print themselves), approvals (a message only leads to the
//! site), and files, but for the one of the channel `file`.

// A fault is made once per mistake in a person's file, never per message: its size is no cost.
#![allow(clippy::result_large_err)]

pub mod channels;
pub mod egress;
pub mod limits;
pub mod message;
pub mod policy;
pub mod secret;
pub mod send;
pub mod settings;
pub(crate) mod text;
