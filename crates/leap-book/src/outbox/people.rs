//! What people do to messages: they have a dead letter tried again, take one back, or answer one where it was shown.
//!
//! ```text
//! message 9   tried again by ana         as if it were new, with the same key
//! message 12  answered by slack:T1/U1    "not_mine": it is on record, and nothing follows here
//! ```
//! Each of these is an audit event.

use leap_terms::{DedupKey, Instant};
use serde_json::json;

use super::{Cancellation, MessageState, OutboxMessage, cancel, one, tell};
use crate::book::Book;
use crate::error::BookError;
use crate::refusal::Refusal;
use crate::rows;

const RETRIED: &str = "message retried";
const ANSWERED: &str = "message answered";

impl Book {
    /// Has a dead message tried again as if it were new, with an audit event, and returns it.
    ///
    /// # Errors
    /// [`Refusal::NoMessage`], [`Refusal::MessageState`]; others when the book cannot be written.
    pub async fn retry_dead(&self, number: i64, actor: &str, at: Instant) -> Result<OutboxMessage, BookError> {
        let doing = "have a message tried again";
        rows::not_blank("a message that is tried again", "a person who wants it", actor)?;
        let mut transaction = self.writing(doing).await?;
        let mut message = one(&mut transaction, &self.place, number).await?;
        if message.state != MessageState::Dead {
            let state = message.state.word();
            return Err(Refusal::MessageState { message: number, event: "tried again", state }.into());
        }
        sqlx::query("UPDATE outbox SET state = $1, waiting_since = $2, next_at = $2, tries = 0 WHERE number = $3")
            .bind(MessageState::Waiting.word())
            .bind(at.micros())
            .bind(number)
            .execute(&mut *transaction)
            .await
            .map_err(self.failed(doing))?;
        let detail = json!({ "attempts": message.attempts, "message": message.digest.to_string() });
        tell(&mut transaction, &self.place, &message, (RETRIED, actor, at), detail).await?;
        self.commit(transaction, doing).await?;
        (message.state, message.waiting_since, message.next_at, message.tries) = (MessageState::Waiting, at, at, 0);
        Ok(message)
    }

    /// Records what somebody answered to a message where it was shown, as an audit event, and returns its number.
    /// Nothing else changes.
    ///
    /// # Errors
    /// [`Refusal::NoSuchMessage`] where no message of that key went to that channel; others when the book cannot be
    /// written.
    pub async fn record_answer(
        &self,
        (key, channel): (&DedupKey, &str),
        answer: &str,
        actor: &str,
        at: Instant,
    ) -> Result<i64, BookError> {
        let doing = "record an answer to a message";
        rows::not_blank("an answer to a message", "somebody who gave it", actor)?;
        let mut transaction = self.writing(doing).await?;
        let row = sqlx::query("SELECT * FROM outbox WHERE dedup_key = $1 AND channel = $2")
            .bind(key.as_str().to_owned())
            .bind(rows::storable(channel))
            .fetch_optional(&mut *transaction)
            .await
            .map_err(self.failed(doing))?;
        let Some(row) = row else {
            let (key, channel) = (key.to_string(), channel.to_owned());
            return Err(Refusal::NoSuchMessage { key, channel }.into());
        };
        let message = OutboxMessage::from_row(&row, &self.place)?;
        let detail = json!({ "answer": rows::storable(answer), "channel": message.channel, "key": message.dedup_key });
        tell(&mut transaction, &self.place, &message, (ANSWERED, actor, at), detail).await?;
        self.commit(transaction, doing).await?;
        Ok(message.number)
    }

    /// Takes a message that waits out of the queue, with an audit event. Should it be on its way at that moment, it is
    /// recorded as sent when it arrives.
    ///
    /// # Errors
    /// [`Refusal::NoMessage`], [`Refusal::MessageState`], [`BookError::Blank`] without a reason; others when the book
    /// cannot be written.
    pub async fn cancel_message(&self, cancellation: &Cancellation, actor: &str, at: Instant) -> Result<(), BookError> {
        let doing = "cancel a message";
        let mut transaction = self.writing(doing).await?;
        cancel(&mut transaction, &self.place, cancellation, actor, at).await?;
        self.commit(transaction, doing).await
    }
}
