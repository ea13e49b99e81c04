//! Digests: several messages of a channel that may wait, said by one.
//!
//! ```text
//! digest 12  to slack-payments  says 9, 10 and 11        written, and 9, 10 and 11 ended, in one transaction
//! ```
//! Who claimed the messages writes the digest, and only while it holds all of them: then nobody else has sent one of
//! them, or ever will. Each of them is cancelled with an audit event, and the digest has one of its own.
//!
//! Does not know what a digest says, or which messages may be in one.

use std::collections::BTreeMap;

use leap_terms::Instant;
use serde_json::json;
use sqlx::AnyConnection;

use super::{CANCELLED, Enqueued, MessageState, NewMessage, OutboxMessage, SendEnd, one, sending, tell, write};
use crate::audit;
use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::rows;

const MADE: &str = "digest made";

/// An attempt that somebody began by claiming a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ClaimedAttempt {
    /// The message's number.
    pub message: i64,
    /// The attempt.
    pub attempt: i64,
}

/// Messages that become a digest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fold {
    /// Those that it says; at least one.
    pub messages: Vec<ClaimedAttempt>,
    /// The digest, to the same channel.
    pub digest: NewMessage,
    /// Who claimed them.
    pub holder: String,
    /// In whose name they end.
    pub actor: String,
    /// When.
    pub at: Instant,
}

/// True where the attempt is the last one of a message that waits, begun by that holder and not ended.
async fn holds(
    connection: &mut AnyConnection,
    place: &Place,
    claimed: ClaimedAttempt,
    holder: &str,
) -> Result<Option<OutboxMessage>, BookError> {
    let message = one(connection, place, claimed.message).await?;
    let last = sending::attempts(connection, place, claimed.message).await?.pop();
    let own = last.is_some_and(|last| {
        last.attempt == claimed.attempt && last.holder == rows::storable(holder) && last.outcome.is_none()
    });
    Ok((own && message.state == MessageState::Waiting && message.lease.is_some()).then_some(message))
}

/// What does not fit between digests, the messages that they tell, and the audit trail.
pub(super) async fn check(
    connection: &mut AnyConnection,
    place: &Place,
    messages: &[OutboxMessage],
) -> Result<Vec<String>, BookError> {
    let events = audit::of_actions(connection, place, MADE).await?;
    let made: BTreeMap<&str, &serde_json::Value> =
        events.iter().map(|event| (event.entry.subject.as_str(), &event.entry.detail)).collect();
    let mut told = BTreeMap::<i64, Vec<i64>>::new();
    for message in messages {
        if let Some(digest) = message.told_by {
            told.entry(digest).or_default().push(message.number);
        }
    }
    let mut faults = Vec::new();
    for message in messages {
        let subject = OutboxMessage::trail_subject(message.number);
        let own = told.get(&message.number).cloned().unwrap_or_default();
        let known = made.get(subject.as_str()).copied();
        let fits = match (message.tells, known) {
            (0, None) => own.is_empty(),
            (tells, Some(detail)) => tells as usize == own.len() && *detail == detail_of(message, &own),
            (_, None) => false,
        };
        if !fits {
            faults.push(format!("{subject} tells other messages than the audit trail says"));
        }
    }
    for subject in made.keys() {
        if !messages.iter().any(|message| OutboxMessage::trail_subject(message.number) == *subject) {
            faults.push(format!("{subject} was made as a digest, and is not there"));
        }
    }
    Ok(faults)
}

/// What the audit event of a digest says.
fn detail_of(digest: &OutboxMessage, tells: &[i64]) -> serde_json::Value {
    json!({
        "channel": digest.channel,
        "key": digest.dedup_key,
        "message": digest.digest.to_string(),
        "tells": tells,
    })
}

impl Book {
    /// Ends messages and writes the digest that says them, due at once; all of it or nothing, with audit events.
    /// `None`, and nothing happens, where one of them is no longer held.
    ///
    /// # Errors
    /// [`Refusal::NoMessage`](crate::Refusal::NoMessage), [`BookError::NotJson`], [`BookError::Blank`]; others when the
    /// book cannot be written.
    pub async fn fold_messages(&self, fold: &Fold) -> Result<Option<Enqueued>, BookError> {
        let doing = "make a digest of messages";
        rows::not_blank("a digest", "somebody who makes it", &fold.actor)?;
        let mut transaction = self.writing(doing).await?;
        let mut messages = Vec::new();
        for claimed in &fold.messages {
            let Some(message) = holds(&mut transaction, &self.place, *claimed, &fold.holder).await? else {
                return Ok(None);
            };
            messages.push(message);
        }
        let Some(plan) = messages.iter().map(|message| message.plan).min() else { return Ok(None) };
        let tells = messages.len() as i64;
        let made = write(&mut transaction, &self.place, &fold.digest, (plan, tells), fold.at).await?;
        if !made.new {
            // The key of a digest is made of what it says, and each message is said once.
            return Ok(None);
        }
        let digest = one(&mut transaction, &self.place, made.number).await?;
        let reason = format!("message {} says it", made.number);
        for message in &messages {
            sqlx::query(
                "UPDATE outbox SET state = $1, lease_holder = NULL, lease_until = NULL, last_answer = $2, told_by = $3
                 WHERE number = $4",
            )
            .bind(MessageState::Cancelled.word())
            .bind(reason.clone())
            .bind(made.number)
            .bind(message.number)
            .execute(&mut *transaction)
            .await
            .map_err(self.failed(doing))?;
            sqlx::query(
                "UPDATE outbox_attempt SET ended_at = $1, outcome = $2, answer = $3
                 WHERE message = $4 AND ordinal = $5",
            )
            .bind(fold.at.micros())
            .bind(SendEnd::Held.word())
            .bind(reason.clone())
            .bind(message.number)
            .bind(message.attempts)
            .execute(&mut *transaction)
            .await
            .map_err(self.failed(doing))?;
            let detail = json!({ "message": message.digest.to_string(), "reason": reason });
            tell(&mut transaction, &self.place, message, (CANCELLED, &fold.actor, fold.at), detail).await?;
        }
        let mut numbers: Vec<i64> = messages.iter().map(|message| message.number).collect();
        numbers.sort_unstable();
        tell(&mut transaction, &self.place, &digest, (MADE, &fold.actor, fold.at), detail_of(&digest, &numbers))
            .await?;
        self.commit(transaction, doing).await?;
        Ok(Some(made))
    }
}
