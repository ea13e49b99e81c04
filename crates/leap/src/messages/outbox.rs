//! The book's outbox as leap-act's: the same rows in the other one's words.
//!
//! | leap-act | book |
//! |---|---|
//! | row, id | message, number |
//! | lease | the attempt that the claim began |
//! | attempt | tries: since the message waits, but for those that were held back |
//! | since | `waiting_since` |
//! | done, dead, again, held | sent, dead, again, held |
//! | folded | cancelled, with the number of the digest |
//!
//! That a message was delivered is taken down also after its lease, as the book does (decision 0021).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use leap_act::message::Message;
use leap_act::policy::{Next, Outcome};
use leap_act::send::{Outbox, Receipt, Row};
use leap_book::{
    Book, BookError, ClaimedAttempt, ClaimedMessage, Fold, MessageState, Refusal, SendClaim, SendOutcome, SendReport,
};
use leap_terms::{Instant, TeamId};

/// In whose name digests are made: nobody asked for this one.
const ACTOR: &str = "leap";

/// Which messages are carried.
pub(super) enum Lane {
    /// Those to one channel.
    Channel(String),
    /// One alone.
    Message(i64),
}

/// The outbox of a book, for one lane.
pub(super) struct BookOutbox<'b> {
    book: &'b Book,
    holder: &'b str,
    lane: Lane,
    /// True once something changed that has no receipt.
    has_changed: AtomicBool,
}

impl<'b> BookOutbox<'b> {
    /// That of a book, for who sends under this name.
    pub(super) fn new(book: &'b Book, holder: &'b str, lane: Lane) -> BookOutbox<'b> {
        BookOutbox { book, holder, lane, has_changed: AtomicBool::new(false) }
    }

    /// Whether a digest was made, or a message ended without a receipt, since this was asked last.
    pub(super) fn take_changes(&self) -> bool {
        self.has_changed.swap(false, Ordering::Relaxed)
    }

    /// A claimed message as a row; ends one that nobody can read.
    async fn row(&self, claimed: ClaimedMessage, now: Instant) -> Result<Option<Row>, BookError> {
        let ClaimedMessage { message, attempt, tries, may_be_seen, .. } = claimed;
        match serde_json::from_str::<Message>(&message.message) {
            Ok(said) => Ok(Some(Row {
                id: message.number,
                lease: attempt,
                destination: message.channel,
                message: said,
                attempt: u32::try_from(tries).unwrap_or(u32::MAX),
                may_be_seen,
                written: message.created_at,
                since: message.waiting_since,
            })),
            Err(error) => {
                let answer = format!("it is no message that this version of leap can read: {error}");
                let report = SendReport {
                    message: message.number,
                    attempt,
                    holder: self.holder.to_owned(),
                    at: now,
                    outcome: SendOutcome::Dead,
                    answer: Some(answer),
                };
                self.book.record_sending(&report).await?;
                self.has_changed.store(true, Ordering::Relaxed);
                Ok(None)
            }
        }
    }
}

/// What a channel said, or why it was not asked.
pub(super) fn answer(receipt: &Receipt) -> String {
    let said = match &receipt.outcome {
        Some(Outcome::Delivered(said)) => said.clone(),
        Some(Outcome::Skipped(why)) => format!("not needed there: {why}"),
        Some(Outcome::Failed(failure)) => failure.said.clone(),
        None => String::new(),
    };
    match &receipt.next {
        // Why it is given up holds what was said last.
        Next::Dead(why) => why.clone(),
        Next::Held(_, hold) if said.is_empty() => hold.to_string(),
        Next::Done | Next::Again(_) | Next::Held(..) => said,
    }
}

impl Outbox for BookOutbox<'_> {
    type Error = BookError;

    async fn claim(&self, now: Instant, until: Instant, most: usize) -> Result<Vec<Row>, BookError> {
        let lease = u64::try_from(until.micros() - now.micros()).unwrap_or(0);
        let (channel, message) = match &self.lane {
            Lane::Channel(name) => (Some(name.clone()), None),
            Lane::Message(number) => (None, Some(*number)),
        };
        let claim = SendClaim {
            now,
            holder: self.holder.to_owned(),
            lease: Duration::from_micros(lease),
            limit: u32::try_from(most).unwrap_or(u32::MAX),
            channel,
            message,
        };
        let mut rows = Vec::new();
        for claimed in self.book.claim_due(&claim).await? {
            rows.extend(self.row(claimed, now).await?);
        }
        Ok(rows)
    }

    async fn settle(&self, row: &Row, receipt: &Receipt) -> Result<bool, BookError> {
        let (outcome, state) = match &receipt.next {
            Next::Done => (SendOutcome::Sent, MessageState::Sent),
            Next::Dead(_) => (SendOutcome::Dead, MessageState::Dead),
            Next::Again(at) => (SendOutcome::Again { at: *at }, MessageState::Waiting),
            Next::Held(until, hold) => {
                (SendOutcome::Held { until: *until, anew: hold.begins_anew() }, MessageState::Waiting)
            }
        };
        let report = SendReport {
            message: row.id,
            attempt: row.lease,
            holder: self.holder.to_owned(),
            at: receipt.at,
            outcome,
            answer: Some(answer(receipt)),
        };
        match self.book.record_sending(&report).await {
            // Nobody began a later attempt, and nobody took the message out of the queue.
            Ok(message) => Ok(message.attempts == row.lease && message.state == state),
            // It ended otherwise: somebody made a digest of it.
            Err(BookError::Refused(Refusal::AttemptEnded { .. })) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn fold(&self, rows: &[&Row], digest: &Message, now: Instant) -> Result<bool, BookError> {
        let Some(first) = rows.first() else { return Ok(false) };
        let fold = Fold {
            messages: rows.iter().map(|row| ClaimedAttempt { message: row.id, attempt: row.lease }).collect(),
            digest: super::row(digest, &first.destination),
            holder: self.holder.to_owned(),
            actor: ACTOR.to_owned(),
            at: now,
        };
        let made = self.book.fold_messages(&fold).await?;
        if made.is_some() {
            self.has_changed.store(true, Ordering::Relaxed);
        }
        Ok(made.is_some())
    }

    async fn may_send(&self) -> Result<bool, BookError> {
        Ok(self.book.stopped().await?.is_none())
    }

    async fn delivered(&self, destination: &str, unit: &TeamId, after: Instant) -> Result<Vec<Instant>, BookError> {
        self.book.nudges_delivered(destination, unit, after).await
    }
}
