//! From the outbox to the services: claim, arrange, one attempt each, record.
//!
//! ```text
//! claim with a lease ─▶ arrange (quiet hours, caps, digests) ─▶ attempt ─▶ settle
//!        ▲ kill                       ▲ kill                 ▲ kill   ▲ kill
//!        └── the lease ends, and the row is claimed again: the same message with the same key
//! ```
//! What makes a message arrive once is in three places: the outbox keeps a row until an attempt is recorded, an attempt
//! is made of a claimed row alone, and the key goes along, by which a receiver knows what it has. Nothing here
//! remembers anything that matters: a new process begins where the outbox stands.

mod courier;
mod outbox;
#[cfg(test)]
mod tests;

pub use courier::{Courier, Destination};
pub use outbox::{Given, Outbox, Receipt, Row};
