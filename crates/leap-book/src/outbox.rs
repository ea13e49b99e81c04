//! The outbox: messages that a plan has for channels, from the moment they are decided until they are sent.
//!
//! ```text
//! message 9  leap:budget_warned:payments:usd:2026-09  to slack-payments  of plan 31  waiting, next at 08:04:10
//!   attempt 1  by host-a:4711  08:03:50 to 08:03:51  again  "429, Retry-After 20"
//! ```
//! A message is written in the transaction of its cause ([`Book::act`]), so neither is there without the other. It is
//! known by its dedup key and channel for ever: to enqueue it again does nothing and says so. It is sent at least once,
//! and a receiver that honours dedup keys shows it once: who sends claims it for a while, tells the key with it, and
//! records what came of it; who is killed in between leaves an attempt without an outcome and a lease that ends.
//!
//! Messages of one channel and thread go out in their order: one waits while an earlier one of them does. Several that
//! may wait can become a digest ([`Book::fold_messages`]): a message that is written in the transaction that ends them.
//!
//! Does not read messages, know channels or decide when to try again: the outcome says it.

mod depth;
mod digest;
mod people;
mod sending;

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::{Digest, Instant, TeamId};
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::audit::{self, AuditEntry};
use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::refusal::Refusal;
use crate::rows::{self, Cell, Record};
use crate::schedule::Lease;

pub use depth::OutboxDepth;
pub use digest::{ClaimedAttempt, Fold};
pub use sending::{ClaimedMessage, SendAttempt, SendClaim, SendEnd, SendOutcome, SendReport};

const COLUMNS: [&str; 16] = [
    "number",
    "dedup_key",
    "channel",
    "message",
    "digest",
    "plan",
    "created_at",
    "state",
    "waiting_since",
    "next_at",
    "attempts",
    "tries",
    "thread",
    "unit",
    "urgency",
    "tells",
];
const CANCELLED: &str = "message cancelled";

/// Where a message stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MessageState {
    /// It is to be sent, or is being sent.
    Waiting,
    /// The channel took it.
    Sent,
    /// Nobody tries any more, until somebody says so.
    Dead,
    /// It is not to be sent.
    Cancelled,
}

impl MessageState {
    /// The word in the database and in messages.
    pub fn word(self) -> &'static str {
        match self {
            MessageState::Waiting => "waiting",
            MessageState::Sent => "sent",
            MessageState::Dead => "dead",
            MessageState::Cancelled => "cancelled",
        }
    }

    fn parse(text: &str) -> Result<MessageState, String> {
        let all = [MessageState::Waiting, MessageState::Sent, MessageState::Dead, MessageState::Cancelled];
        let state = all.into_iter().find(|state| state.word() == text);
        state.ok_or_else(|| format!("'{}' is no state of a message", text.escape_debug()))
    }
}

/// Whether a message may wait.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MessageUrgency {
    /// It goes at once.
    Alert,
    /// It can wait, and may become part of a digest.
    Nudge,
}

impl MessageUrgency {
    /// The word in the database.
    pub fn word(self) -> &'static str {
        match self {
            MessageUrgency::Alert => "alert",
            MessageUrgency::Nudge => "nudge",
        }
    }

    fn parse(text: &str) -> Result<MessageUrgency, String> {
        let found = [MessageUrgency::Alert, MessageUrgency::Nudge].into_iter().find(|urgency| urgency.word() == text);
        found.ok_or_else(|| format!("'{}' is no urgency of a message", text.escape_debug()))
    }
}

/// A message to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewMessage {
    /// What it is known by to its receiver: `leap:{kind}:{team}:{subject}:{period}`.
    pub dedup_key: String,
    /// Where to.
    pub channel: String,
    /// The message: JSON, kept to the byte.
    pub message: String,
    /// Messages of one channel and thread go out in their order; the dedup key for one that is alone.
    pub thread: String,
    /// The unit that it is for.
    pub unit: TeamId,
    /// Whether it may wait.
    pub urgency: MessageUrgency,
    /// Not to be sent before that; `None` for at once.
    pub not_before: Option<Instant>,
}

/// What became of a message that was enqueued.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Enqueued {
    /// The message's number.
    pub number: i64,
    /// False where a message of that key was there for the channel already, and nothing was done.
    pub new: bool,
}

/// A message that is not to be sent any more: another one says it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cancellation {
    /// The message's number.
    pub message: i64,
    /// Why.
    pub reason: String,
}

/// A message as the outbox has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutboxMessage {
    /// Number, from 1, without gaps.
    pub number: i64,
    /// What it is known by to its receiver.
    pub dedup_key: String,
    /// Where to.
    pub channel: String,
    /// The message, to the byte.
    pub message: String,
    /// BLAKE3 of its bytes.
    pub digest: Digest,
    /// The plan that it is of; for a digest that of the first message that it tells.
    pub plan: i64,
    /// Messages of one channel and thread go out in their order.
    pub thread: String,
    /// The unit that it is for; `None` in books of before units were kept.
    pub unit: Option<TeamId>,
    /// Whether it may wait.
    pub urgency: MessageUrgency,
    /// How many messages it says in their stead, where it is a digest; else 0.
    pub tells: i64,
    /// The digest that says it.
    pub told_by: Option<i64>,
    /// When it was enqueued.
    pub created_at: Instant,
    /// Where it stands.
    pub state: MessageState,
    /// Since when it is tried: since it was enqueued, or since somebody had it tried again.
    pub waiting_since: Instant,
    /// When it is tried next, while it waits.
    pub next_at: Instant,
    /// Attempts that were begun, ever.
    pub attempts: i64,
    /// Attempts since it waits, but for those that were held back.
    pub tries: i64,
    /// Who sends it now, or was killed while sending it.
    pub lease: Option<Lease>,
    /// What the channel said last.
    pub last_answer: Option<String>,
}

/// Which messages to list; the default is all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MessageFilter {
    /// Only those that stand there.
    pub state: Option<MessageState>,
    /// Only those to this channel.
    pub channel: Option<String>,
    /// Only those of this plan.
    pub plan: Option<i64>,
    /// Only those with a lower number.
    pub before: Option<i64>,
    /// Only the newest so many.
    pub limit: Option<u32>,
}

impl OutboxMessage {
    fn trail_subject(number: i64) -> String {
        format!("message {number}")
    }

    fn from_row(row: &AnyRow, place: &Place) -> Result<OutboxMessage, BookError> {
        let record = Record { row, of: "outbox", place };
        let message = OutboxMessage {
            number: record.int("number")?,
            dedup_key: record.text("dedup_key")?,
            channel: record.text("channel")?,
            message: record.text("message")?,
            digest: record.read("digest", str::parse)?,
            plan: record.int("plan")?,
            thread: record.text("thread")?,
            unit: Some(record.text("unit")?)
                .filter(|unit| !unit.is_empty())
                .map(|_| record.read("unit", TeamId::new))
                .transpose()?,
            urgency: record.read("urgency", MessageUrgency::parse)?,
            tells: record.int("tells")?,
            told_by: record.maybe_int("told_by")?,
            created_at: record.at("created_at")?,
            state: record.read("state", MessageState::parse)?,
            waiting_since: record.at("waiting_since")?,
            next_at: record.at("next_at")?,
            attempts: record.int("attempts")?,
            tries: record.int("tries")?,
            lease: Lease::from_record(&record)?,
            last_answer: record.maybe_text("last_answer")?,
        };
        if Digest::of(message.message.as_bytes()) != message.digest {
            let fault = format!("the text of message {} has another digest", message.number);
            return Err(BookError::Damaged { place: place.shown().to_owned(), fault });
        }
        Ok(message)
    }
}

/// Messages by number: those that a filter takes.
async fn read(
    connection: &mut AnyConnection,
    place: &Place,
    filter: &MessageFilter,
) -> Result<Vec<OutboxMessage>, BookError> {
    let rows = sqlx::query(
        "SELECT * FROM outbox WHERE ($1 IS NULL OR state = $1) AND ($2 IS NULL OR channel = $2)
           AND ($3 = 0 OR plan = $3) AND number < $5 ORDER BY number DESC LIMIT $4",
    )
    .bind(filter.state.map(|state| state.word().to_owned()))
    .bind(filter.channel.as_deref().map(rows::storable))
    .bind(filter.plan.unwrap_or(0))
    .bind(filter.limit.map_or(i64::MAX, i64::from))
    .bind(filter.before.unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await
    .map_err(|error| BookError::of(error, "read the outbox", place))?;
    rows.iter().rev().map(|row| OutboxMessage::from_row(row, place)).collect()
}

async fn one(connection: &mut AnyConnection, place: &Place, number: i64) -> Result<OutboxMessage, BookError> {
    let row = sqlx::query("SELECT * FROM outbox WHERE number = $1")
        .bind(number)
        .fetch_optional(connection)
        .await
        .map_err(|error| BookError::of(error, "read a message", place))?;
    row.map_or_else(|| Err(Refusal::NoMessage(number).into()), |row| OutboxMessage::from_row(&row, place))
}

/// Puts a message of a plan into the outbox, or finds it there.
pub(crate) async fn enqueue(
    connection: &mut AnyConnection,
    place: &Place,
    new: &NewMessage,
    plan: i64,
    at: Instant,
) -> Result<Enqueued, BookError> {
    write(connection, place, new, (plan, 0), at).await
}

/// The same, with how many messages it says in their stead.
async fn write(
    connection: &mut AnyConnection,
    place: &Place,
    new: &NewMessage,
    (plan, tells): (i64, i64),
    at: Instant,
) -> Result<Enqueued, BookError> {
    let failed = |error| BookError::of(error, "enqueue a message", place);
    rows::check_json("a message", &new.message)?;
    rows::not_blank("a message", "a dedup key", &new.dedup_key)?;
    rows::not_blank("a message", "a channel", &new.channel)?;
    rows::not_blank("a message", "a thread", &new.thread)?;
    let (key, channel) = (rows::storable(&new.dedup_key), rows::storable(&new.channel));
    let known = sqlx::query("SELECT number FROM outbox WHERE dedup_key = $1 AND channel = $2")
        .bind(key.clone())
        .bind(channel.clone())
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed)?;
    if let Some(row) = known {
        return Ok(Enqueued { number: row.try_get("number").map_err(failed)?, new: false });
    }
    let number = rows::newest(connection, "outbox").await.map_err(failed)? + 1;
    let row = vec![
        Cell::Int(number),
        Cell::Text(key),
        Cell::Text(channel),
        Cell::text(&new.message),
        Cell::text(Digest::of(new.message.as_bytes())),
        Cell::Int(plan),
        Cell::at(at),
        Cell::text(MessageState::Waiting.word()),
        Cell::at(at),
        Cell::at(new.not_before.map_or(at, |not_before| not_before.max(at))),
        Cell::Int(0),
        Cell::Int(0),
        Cell::Text(rows::storable(&new.thread)),
        Cell::text(&new.unit),
        Cell::text(new.urgency.word()),
        Cell::Int(tells),
    ];
    rows::insert(connection, "outbox", &COLUMNS, row).await.map_err(failed)?;
    Ok(Enqueued { number, new: true })
}

/// Digest over the messages that a plan enqueued, as far as they never change; digests came later.
pub(crate) async fn digest_of_plan(
    connection: &mut AnyConnection,
    place: &Place,
    plan: i64,
) -> Result<Digest, BookError> {
    let rows = sqlx::query("SELECT * FROM outbox WHERE plan = $1 AND tells = 0 ORDER BY number")
        .bind(plan)
        .fetch_all(connection)
        .await
        .map_err(|error| BookError::of(error, "read the messages of a plan", place))?;
    let messages = rows.iter().map(|row| OutboxMessage::from_row(row, place)).collect::<Result<Vec<_>, _>>()?;
    let lines = messages.iter().map(|message| {
        let OutboxMessage { number, dedup_key, channel, digest, created_at, .. } = message;
        let mut line = json!([number, dedup_key, channel, digest.to_string(), created_at.micros()]);
        // Books of before units were kept have events without them.
        if let (Some(parts), Some(unit)) = (line.as_array_mut(), &message.unit) {
            parts.extend([json!(message.thread), json!(unit.as_str()), json!(message.urgency.word())]);
        }
        line.to_string()
    });
    Ok(rows::lines_digest(lines))
}

/// Takes a message that waits out of the queue, with an audit event.
pub(crate) async fn cancel(
    connection: &mut AnyConnection,
    place: &Place,
    cancellation: &Cancellation,
    actor: &str,
    at: Instant,
) -> Result<(), BookError> {
    rows::not_blank("the cancellation of a message", "a reason", &cancellation.reason)?;
    let message = one(connection, place, cancellation.message).await?;
    if message.state != MessageState::Waiting {
        let (message, state) = (message.number, message.state.word());
        return Err(Refusal::MessageState { message, event: "cancelled", state }.into());
    }
    sqlx::query("UPDATE outbox SET state = $1, lease_holder = NULL, lease_until = NULL WHERE number = $2")
        .bind(MessageState::Cancelled.word())
        .bind(message.number)
        .execute(&mut *connection)
        .await
        .map_err(|error| BookError::of(error, "cancel a message", place))?;
    let detail = json!({ "message": message.digest.to_string(), "reason": rows::storable(&cancellation.reason) });
    tell(connection, place, &message, (CANCELLED, actor, at), detail).await
}

async fn tell(
    connection: &mut AnyConnection,
    place: &Place,
    message: &OutboxMessage,
    (action, actor, at): (&str, &str, Instant),
    detail: serde_json::Value,
) -> Result<(), BookError> {
    let entry = AuditEntry {
        at,
        actor: rows::storable(actor),
        action: action.to_owned(),
        subject: OutboxMessage::trail_subject(message.number),
        detail,
    };
    audit::append(connection, place, &entry, None).await?;
    Ok(())
}

/// What does not fit between messages, their attempts and the audit trail.
pub(crate) async fn check(connection: &mut AnyConnection, place: &Place) -> Result<Vec<String>, BookError> {
    let messages = read(connection, place, &MessageFilter::default()).await?;
    let mut attempts = BTreeMap::<i64, Vec<SendAttempt>>::new();
    for attempt in sending::all_attempts(connection, place).await? {
        attempts.entry(attempt.message).or_default().push(attempt);
    }
    let cancelled: BTreeSet<String> =
        audit::of_actions(connection, place, CANCELLED).await?.into_iter().map(|event| event.entry.subject).collect();
    let mut faults = digest::check(connection, place, &messages).await?;
    for message in &messages {
        let subject = OutboxMessage::trail_subject(message.number);
        let own = attempts.get(&message.number).map(Vec::as_slice).unwrap_or_default();
        let ended = |end: SendEnd| own.iter().any(|attempt| attempt.outcome == Some(end));
        let sent = ended(SendEnd::Sent);
        let explained = match message.state {
            MessageState::Waiting => !sent,
            MessageState::Sent => sent,
            MessageState::Dead => ended(SendEnd::Dead) && !sent,
            MessageState::Cancelled => cancelled.contains(&subject) && !sent,
        };
        if !explained {
            faults.push(format!(
                "{subject} is {}, and its attempts and the audit trail do not say so",
                message.state.word()
            ));
        }
        if own.len() as i64 != message.attempts {
            faults.push(format!("{subject} lacks an attempt, or has one too many"));
        }
    }
    Ok(faults)
}

impl Book {
    /// Messages, by number.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read, or one is damaged.
    pub async fn messages(&self, filter: &MessageFilter) -> Result<Vec<OutboxMessage>, BookError> {
        read(&mut *self.connection().await?, &self.place, filter).await
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Refusal::NoMessage`]; others when the book cannot be read, or it is damaged.
    pub async fn message(&self, number: i64) -> Result<OutboxMessage, BookError> {
        one(&mut *self.connection().await?, &self.place, number).await
    }

    /// Messages that nobody tries to send any more.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read, or one is damaged.
    pub async fn dead_letters(&self) -> Result<Vec<OutboxMessage>, BookError> {
        self.messages(&MessageFilter { state: Some(MessageState::Dead), ..MessageFilter::default() }).await
    }

    /// Which of these dedup keys a message was ever enqueued under, for any channel: what need not be said again.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn known_dedup_keys(&self, keys: &[String]) -> Result<Vec<String>, BookError> {
        let failed = self.failed("read the outbox");
        let mut connection = self.connection().await?;
        let mut known = Vec::new();
        for chunk in keys.chunks(rows::rows_at_a_time(1)) {
            let placeholders = rows::placeholders(1, chunk.len());
            let sql =
                format!("SELECT DISTINCT dedup_key FROM outbox WHERE dedup_key IN ({placeholders}) ORDER BY dedup_key");
            let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
            for key in chunk {
                query = query.bind(rows::storable(key));
            }
            for row in query.fetch_all(&mut *connection).await.map_err(&failed)? {
                known.push(row.try_get("dedup_key").map_err(&failed)?);
            }
        }
        Ok(known)
    }
}
