//! Claiming messages that are due, and what came of sending them.
//!
//! ```text
//! claim   message 9, attempt 2, by host-a:4711 until 08:05:10      nobody else gets it until then
//! record  message 9, attempt 2: sent "200 ok"                      or again at 08:06, held until 07:00 tomorrow, dead
//! ```
//! Whoever was killed between the two is found as an attempt without an outcome; the message is claimed again when the
//! lease has ended. That a message was sent counts whoever says so and however late, as it is true; that it is to be
//! tried again or not any more counts only from who holds it.

use std::time::Duration;

use leap_terms::Instant;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::{MessageState, OutboxMessage, one};
use crate::book::Book;
use crate::error::BookError;
use crate::kill_switch;
use crate::place::Place;
use crate::refusal::Refusal;
use crate::rows::{self, Cell, Record};
use crate::schedule::Lease;

const ATTEMPT_COLUMNS: [&str; 4] = ["message", "ordinal", "holder", "claimed_at"];

/// What is due: waiting, its time come, nobody's, and no earlier message of its channel and thread waits, unless that
/// one is due as well and comes before it here.
const DUE: &str = "SELECT * FROM outbox AS own WHERE state = 'waiting' AND next_at <= $1
    AND (lease_until IS NULL OR lease_until <= $1)
    AND ($3 IS NULL OR channel = $3)
    AND ($4 = 0 OR number = $4)
    AND NOT EXISTS (
        SELECT 1 FROM outbox AS earlier
        WHERE earlier.state = 'waiting' AND earlier.channel = own.channel AND earlier.thread = own.thread
          AND earlier.number < own.number AND ($4 <> 0 OR earlier.next_at > $1 OR earlier.lease_until > $1))
    ORDER BY number LIMIT $2";

/// Who wants to send what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SendClaim {
    /// The present.
    pub now: Instant,
    /// Who sends: no two processes have the same name.
    pub holder: String,
    /// How long nobody else gets what is claimed.
    pub lease: Duration,
    /// At most so many.
    pub limit: u32,
    /// To this channel alone.
    pub channel: Option<String>,
    /// This message alone.
    pub message: Option<i64>,
}

/// A message to be sent by who claimed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimedMessage {
    /// The message, as it stood before.
    pub message: OutboxMessage,
    /// Number of this attempt, from 1: it goes with the report.
    pub attempt: i64,
    /// Which try it is since the message waits, from 1: what back-off counts.
    pub tries: i64,
    /// True where an earlier attempt may have arrived: one that was not held back, also before somebody had the message
    /// tried again.
    pub may_be_seen: bool,
    /// When somebody else may claim it.
    pub until: Instant,
}

/// What came of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SendOutcome {
    /// The channel took it.
    Sent,
    /// It did not; to be tried again.
    Again {
        /// When.
        at: Instant,
    },
    /// It was not tried: quiet hours, a cap, a channel that rests. Counts as no try.
    Held {
        /// Until when.
        until: Instant,
        /// True where waiting is meant: since then it is tried, not since it was enqueued.
        anew: bool,
    },
    /// It did not, and nobody tries any more.
    Dead,
}

impl SendOutcome {
    /// How the attempt ended, without times.
    pub fn end(&self) -> SendEnd {
        match self {
            SendOutcome::Sent => SendEnd::Sent,
            SendOutcome::Again { .. } => SendEnd::Again,
            SendOutcome::Held { .. } => SendEnd::Held,
            SendOutcome::Dead => SendEnd::Dead,
        }
    }
}

/// What who claimed a message has to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SendReport {
    /// The message's number.
    pub message: i64,
    /// The attempt.
    pub attempt: i64,
    /// Who made it.
    pub holder: String,
    /// When it ended.
    pub at: Instant,
    /// What came of it.
    pub outcome: SendOutcome,
    /// What the channel said, without secrets.
    pub answer: Option<String>,
}

/// How an attempt ended, without the times that only who holds a message decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SendEnd {
    /// The channel took it.
    Sent,
    /// It did not; to be tried again.
    Again,
    /// It was not tried.
    Held,
    /// It did not, and nobody tries any more.
    Dead,
}

impl SendEnd {
    /// The word in the database and in messages.
    pub fn word(self) -> &'static str {
        match self {
            SendEnd::Sent => "sent",
            SendEnd::Again => "again",
            SendEnd::Held => "held",
            SendEnd::Dead => "dead",
        }
    }

    fn parse(text: &str) -> Result<SendEnd, String> {
        let all = [SendEnd::Sent, SendEnd::Again, SendEnd::Held, SendEnd::Dead];
        let end = all.into_iter().find(|end| end.word() == text);
        end.ok_or_else(|| format!("'{}' is no outcome of an attempt", text.escape_debug()))
    }
}

/// One attempt to send a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SendAttempt {
    /// The message's number.
    pub message: i64,
    /// Number of the attempt, from 1.
    pub attempt: i64,
    /// Who made it.
    pub holder: String,
    /// When it was claimed.
    pub claimed_at: Instant,
    /// When it ended; `None` while it runs, and where its process was killed.
    pub ended_at: Option<Instant>,
    /// How it ended.
    pub outcome: Option<SendEnd>,
    /// What the channel said.
    pub answer: Option<String>,
}

impl SendAttempt {
    fn from_row(row: &AnyRow, place: &Place) -> Result<SendAttempt, BookError> {
        let record = Record { row, of: "outbox_attempt", place };
        Ok(SendAttempt {
            message: record.int("message")?,
            attempt: record.int("ordinal")?,
            holder: record.text("holder")?,
            claimed_at: record.at("claimed_at")?,
            ended_at: record.maybe_int("ended_at")?.map(Instant::from_micros),
            outcome: record.maybe_read("outcome", SendEnd::parse)?,
            answer: record.maybe_text("answer")?,
        })
    }
}

/// The attempts of a message in their order.
pub(super) async fn attempts(
    connection: &mut AnyConnection,
    place: &Place,
    message: i64,
) -> Result<Vec<SendAttempt>, BookError> {
    let rows = sqlx::query("SELECT * FROM outbox_attempt WHERE message = $1 ORDER BY ordinal")
        .bind(message)
        .fetch_all(connection)
        .await
        .map_err(|error| BookError::of(error, "read attempts to send", place))?;
    rows.iter().map(|row| SendAttempt::from_row(row, place)).collect()
}

/// The attempts of all messages.
pub(super) async fn all_attempts(connection: &mut AnyConnection, place: &Place) -> Result<Vec<SendAttempt>, BookError> {
    let rows = sqlx::query("SELECT * FROM outbox_attempt ORDER BY message, ordinal")
        .fetch_all(connection)
        .await
        .map_err(|error| BookError::of(error, "read attempts to send", place))?;
    rows.iter().map(|row| SendAttempt::from_row(row, place)).collect()
}

async fn due(
    connection: &mut AnyConnection,
    place: &Place,
    claim: &SendClaim,
) -> Result<Vec<OutboxMessage>, BookError> {
    let rows = sqlx::query(DUE)
        .bind(claim.now.micros())
        .bind(i64::from(claim.limit))
        .bind(claim.channel.as_deref().map(rows::storable))
        .bind(claim.message.unwrap_or(0))
        .fetch_all(connection)
        .await
        .map_err(|error| BookError::of(error, "look for messages that are due", place))?;
    rows.iter().map(|row| OutboxMessage::from_row(row, place)).collect()
}

impl Book {
    /// Gives messages that are due to who sends them, in their order, each with an attempt that begins now. Nobody else
    /// gets them for the length of the lease.
    ///
    /// # Errors
    /// [`Refusal::Stopped`] while the kill switch is on, [`BookError::Blank`] without a holder; others when the book
    /// cannot be written.
    pub async fn claim_due(&self, claim: &SendClaim) -> Result<Vec<ClaimedMessage>, BookError> {
        let doing = "claim messages that are due";
        rows::not_blank("the lease of a message", "a holder", &claim.holder)?;
        // Who finds nothing to do takes no lock.
        let mut connection = self.connection().await?;
        kill_switch::refuse_when_stopped(&mut connection, &self.place).await?;
        if due(&mut connection, &self.place, &SendClaim { limit: 1, ..claim.clone() }).await?.is_empty() {
            return Ok(Vec::new());
        }
        drop(connection);
        let mut transaction = self.writing(doing).await?;
        kill_switch::refuse_when_stopped(&mut transaction, &self.place).await?;
        let lease = Lease::from(&claim.holder, claim.now, claim.lease);
        let mut claimed = Vec::new();
        for message in due(&mut transaction, &self.place, claim).await? {
            let (attempt, tries) = (message.attempts + 1, message.tries + 1);
            let before = attempts(&mut transaction, &self.place, message.number).await?;
            let may_be_seen = before.iter().any(|attempt| attempt.outcome != Some(SendEnd::Held));
            sqlx::query(
                "UPDATE outbox SET attempts = $1, tries = $2, lease_holder = $3, lease_until = $4 WHERE number = $5",
            )
            .bind(attempt)
            .bind(tries)
            .bind(lease.holder.clone())
            .bind(lease.until.micros())
            .bind(message.number)
            .execute(&mut *transaction)
            .await
            .map_err(self.failed(doing))?;
            let row =
                vec![Cell::Int(message.number), Cell::Int(attempt), Cell::text(&lease.holder), Cell::at(claim.now)];
            rows::insert(&mut transaction, "outbox_attempt", &ATTEMPT_COLUMNS, row)
                .await
                .map_err(self.failed(doing))?;
            claimed.push(ClaimedMessage { message, attempt, tries, may_be_seen, until: lease.until });
        }
        self.commit(transaction, doing).await?;
        Ok(claimed)
    }

    /// Records what came of an attempt, and returns the message as it stands then. To record the same again does
    /// nothing.
    ///
    /// # Errors
    /// [`Refusal::NoMessage`], [`Refusal::NoAttempt`], [`Refusal::AttemptEnded`] for another outcome than was recorded;
    /// others when the book cannot be written.
    pub async fn record_sending(&self, report: &SendReport) -> Result<OutboxMessage, BookError> {
        let doing = "record what came of sending a message";
        let SendReport { message: number, attempt, .. } = *report;
        let mut transaction = self.writing(doing).await?;
        let mut message = one(&mut transaction, &self.place, number).await?;
        let holder = rows::storable(&report.holder);
        let known = attempts(&mut transaction, &self.place, number).await?;
        let known = known.into_iter().find(|known| known.attempt == attempt && known.holder == holder);
        match known.ok_or_else(|| Refusal::NoAttempt { message: number, attempt, holder: holder.clone() })?.outcome {
            Some(outcome) if outcome == report.outcome.end() => return Ok(message),
            Some(outcome) => {
                return Err(Refusal::AttemptEnded { message: number, attempt, outcome: outcome.word() }.into());
            }
            None => {}
        }
        let answer = report.answer.as_deref().map(rows::storable);
        sqlx::query(
            "UPDATE outbox_attempt SET ended_at = $1, outcome = $2, answer = $3 WHERE message = $4 AND ordinal = $5",
        )
        .bind(report.at.micros())
        .bind(report.outcome.end().word())
        .bind(answer.clone())
        .bind(number)
        .bind(attempt)
        .execute(&mut *transaction)
        .await
        .map_err(self.failed(doing))?;
        // Nobody began a later attempt, so the message is still this one's.
        let holds = message.state == MessageState::Waiting && message.attempts == attempt;
        match (&report.outcome, holds) {
            (SendOutcome::Sent, _) => message.state = MessageState::Sent,
            (SendOutcome::Again { at }, true) => message.next_at = *at,
            (SendOutcome::Held { until, anew }, true) => {
                message.next_at = *until;
                message.tries -= 1;
                if *anew {
                    message.waiting_since = *until;
                }
            }
            (SendOutcome::Dead, true) => message.state = MessageState::Dead,
            (SendOutcome::Again { .. } | SendOutcome::Held { .. } | SendOutcome::Dead, false) => {}
        }
        if holds || report.outcome == SendOutcome::Sent {
            message.lease = None;
            message.last_answer = answer;
            self.write_standing(&mut transaction, &message, doing).await?;
        }
        self.commit(transaction, doing).await?;
        Ok(message)
    }

    async fn write_standing(
        &self,
        connection: &mut AnyConnection,
        message: &OutboxMessage,
        doing: &'static str,
    ) -> Result<(), BookError> {
        sqlx::query(
            "UPDATE outbox SET state = $1, next_at = $2, tries = $3, last_answer = $4, waiting_since = $6,
               lease_holder = NULL, lease_until = NULL WHERE number = $5",
        )
        .bind(message.state.word())
        .bind(message.next_at.micros())
        .bind(message.tries)
        .bind(message.last_answer.clone())
        .bind(message.number)
        .bind(message.waiting_since.micros())
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(self.failed(doing))
    }

    /// All attempts to send a message, in their order.
    ///
    /// # Errors
    /// [`Refusal::NoMessage`]; others when the book cannot be read.
    pub async fn send_attempts(&self, message: i64) -> Result<Vec<SendAttempt>, BookError> {
        let mut transaction = self.reading("read attempts to send").await?;
        one(&mut transaction, &self.place, message).await?;
        attempts(&mut transaction, &self.place, message).await
    }
}
