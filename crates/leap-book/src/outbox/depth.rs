//! How much waits in the outbox, for whom, and what was delivered lately.

use leap_terms::{Instant, TeamId};

use super::MessageState;
use crate::book::Book;
use crate::error::BookError;
use crate::rows::{self, Record};

/// Messages of one channel that stand alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutboxDepth {
    /// Where to.
    pub channel: String,
    /// Where they stand.
    pub state: MessageState,
    /// How many.
    pub count: u64,
    /// When the oldest of them was enqueued.
    pub oldest: Instant,
    /// The longest that one of them is tried: since it was enqueued, held back on purpose, or had tried again.
    pub waiting_since: Instant,
}

impl Book {
    /// How many messages stand where, by channel and state.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn outbox_depth(&self) -> Result<Vec<OutboxDepth>, BookError> {
        let rows = sqlx::query(
            "SELECT channel, state, COUNT(*) AS count, MIN(created_at) AS oldest, MIN(waiting_since) AS waiting_since
             FROM outbox GROUP BY channel, state ORDER BY channel, state",
        )
        .fetch_all(&mut *self.connection().await?)
        .await
        .map_err(self.failed("count messages"))?;
        rows.iter()
            .map(|row| {
                let record = Record { row, of: "outbox", place: &self.place };
                Ok(OutboxDepth {
                    channel: record.text("channel")?,
                    state: record.read("state", MessageState::parse)?,
                    count: record.count("count")?,
                    oldest: record.at("oldest")?,
                    waiting_since: record.at("waiting_since")?,
                })
            })
            .collect()
    }

    /// Channels to which a message is due that nobody sends.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn due_channels(&self, now: Instant) -> Result<Vec<String>, BookError> {
        let rows = sqlx::query(
            "SELECT DISTINCT channel FROM outbox WHERE state = 'waiting' AND next_at <= $1
               AND (lease_until IS NULL OR lease_until <= $1) ORDER BY channel",
        )
        .bind(now.micros())
        .fetch_all(&mut *self.connection().await?)
        .await
        .map_err(self.failed("look for messages that are due"))?;
        rows.iter().map(|row| Record { row, of: "outbox", place: &self.place }.text("channel")).collect()
    }

    /// When nudges of a unit were delivered at a channel after an instant, the first one first.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn nudges_delivered(
        &self,
        channel: &str,
        unit: &TeamId,
        after: Instant,
    ) -> Result<Vec<Instant>, BookError> {
        let rows = sqlx::query(
            "SELECT MIN(attempt.ended_at) AS sent_at FROM outbox
               JOIN outbox_attempt AS attempt ON attempt.message = outbox.number
             WHERE outbox.channel = $1 AND outbox.unit = $2 AND outbox.urgency = 'nudge' AND outbox.state = 'sent'
               AND attempt.outcome = 'sent'
             GROUP BY outbox.number HAVING MIN(attempt.ended_at) > $3 ORDER BY sent_at",
        )
        .bind(rows::storable(channel))
        .bind(unit.as_str().to_owned())
        .bind(after.micros())
        .fetch_all(&mut *self.connection().await?)
        .await
        .map_err(self.failed("look for what was delivered"))?;
        rows.iter().map(|row| Record { row, of: "outbox", place: &self.place }.at("sent_at")).collect()
    }
}
