//! What the book does for messages: it keeps rows, lends them out, and takes down what became of them.

use std::fmt;
use std::future::Future;

use leap_terms::{DedupKey, Instant, TeamId};

use crate::message::Message;
use crate::policy::{Jitter, Next, Outcome};

/// A row that was claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Which row. Ids grow: of two rows of one thread the lower one is said first.
    pub id: i64,
    /// Which claim of it; a later claim has another one.
    pub lease: i64,
    /// The channel by name.
    pub destination: String,
    /// What is to be said.
    pub message: Message,
    /// Which attempt it is, this one counted: from 1, and from 1 again once somebody has a dead letter tried again.
    pub attempt: u32,
    /// Whether it may have been seen: an earlier attempt was made, or nobody knows how far it came.
    pub may_be_seen: bool,
    /// When it was written.
    pub written: Instant,
    /// Since when it is due: when it was written, or when it was held until on purpose
    /// ([`crate::policy::Hold::begins_anew`]).
    pub since: Instant,
}

/// What became of a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// Which row.
    pub row: i64,
    /// The channel by name.
    pub destination: String,
    /// The idempotency key.
    pub key: DedupKey,
    /// Which attempt.
    pub attempt: u32,
    /// When.
    pub at: Instant,
    /// What came of it; nothing where it was not tried.
    pub outcome: Option<Outcome>,
    /// What follows.
    pub next: Next,
}

/// The outbox. Its methods are transactions.
pub trait Outbox: Sync {
    /// Why it does not work.
    type Error: fmt::Debug + Send;

    /// Claims rows that are due at `now`, at most `most`, the lowest id first, until `until`.
    ///
    /// - A row is due when its next time has come, it is not ended, and no lease of it lasts.
    /// - A row waits while a lower one with the same destination and thread ([`Message::thread`]) is not ended,
    ///   claimed or not, unless both are claimed together.
    /// - Claiming counts the attempt before it is made: after a kill nobody knows how far it came.
    fn claim(
        &self,
        now: Instant,
        until: Instant,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Row>, Self::Error>> + Send;

    /// Records what became of a row. [`Next::Held`] takes the counted attempt back, and moves `since` where the hold
    /// begins anew. False where the lease is no longer this one; then nothing happens, but that a row was delivered may
    /// be taken down, as it is true.
    fn settle(&self, row: &Row, receipt: &Receipt) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Ends rows and writes a digest for the same destination in their place, due at once. False, and nothing happens,
    /// where one of the leases is no longer this one.
    fn fold(
        &self,
        rows: &[&Row],
        digest: &Message,
        now: Instant,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Whether anything may be sent now: false once somebody stopped all acting. Asked before each attempt, so that
    /// what was claimed before is given back.
    fn may_send(&self) -> impl Future<Output = Result<bool, Self::Error>> + Send {
        async { Ok(true) }
    }

    /// When nudges of a unit were delivered at a destination after an instant.
    fn delivered(
        &self,
        destination: &str,
        unit: &TeamId,
        after: Instant,
    ) -> impl Future<Output = Result<Vec<Instant>, Self::Error>> + Send;
}

/// What only the edge of the program has: the time and chance.
pub trait Given: Sync {
    /// The present.
    fn now(&self) -> Instant;
    /// A random share.
    fn jitter(&self) -> Jitter;
    /// True when the program ends: what was claimed and not tried yet is given back.
    fn is_over(&self) -> bool {
        false
    }
}
