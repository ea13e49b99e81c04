//! How messages of the outbox are shown, by commands and pages alike.

use leap_act::message::Message;
use leap_book::{Book, BookError, MessageFilter, MessageState, OutboxMessage, SendAttempt};
use leap_terms::{Digest, Instant};
use serde_json::{Value, json};

/// What a message says; `None` where this version of leap cannot read it.
pub(crate) fn said(message: &OutboxMessage) -> Option<Message> {
    serde_json::from_str(&message.message).ok()
}

/// One line that says what it is about.
pub(crate) fn title(message: &OutboxMessage) -> String {
    said(message).map_or_else(|| message.dedup_key.clone(), |said| said.content().title.clone())
}

/// Where a message stands, in a word or two.
pub(crate) fn state(message: &OutboxMessage) -> String {
    match (message.state, message.told_by) {
        (MessageState::Cancelled, Some(digest)) => format!("in digest {digest}"),
        (state, _) => state.word().to_owned(),
    }
}

/// The time that says most of it: when it is tried next, or until when somebody has it.
pub(crate) fn next(message: &OutboxMessage) -> Option<Instant> {
    match (message.state, &message.lease) {
        (MessageState::Waiting, Some(lease)) => Some(lease.until),
        (MessageState::Waiting, None) => Some(message.next_at),
        (MessageState::Sent | MessageState::Dead | MessageState::Cancelled, _) => None,
    }
}

/// What a person agrees to who has a message tried again or takes it back: how it stands, all of it.
pub(crate) fn standing(message: &OutboxMessage) -> Digest {
    let stands = json!([
        message.number,
        message.digest.to_string(),
        message.state.word(),
        message.attempts,
        message.next_at.micros(),
        message.last_answer,
    ]);
    Digest::of(stands.to_string().as_bytes())
}

/// A message as programs read it.
pub(crate) fn row(message: &OutboxMessage) -> Value {
    let said = said(message);
    let content = said.as_ref().map(Message::content);
    json!({
        "number": message.number,
        "state": message.state.word(),
        "channel": message.channel,
        "key": message.dedup_key,
        "kind": content.map(|content| content.kind.word()),
        "unit": message.unit.as_ref().map(|unit| unit.as_str()),
        "urgency": message.urgency.word(),
        "title": content.map(|content| content.title.as_str()),
        "created_at": message.created_at.to_string(),
        "waiting_since": message.waiting_since.to_string(),
        "next_at": next(message).map(|at| at.to_string()),
        "being_sent_by": message.lease.as_ref().map(|lease| lease.holder.as_str()),
        "attempts": message.attempts,
        "tries": message.tries,
        "last_answer": message.last_answer,
        "plan": message.plan,
        "tells": message.tells,
        "told_by": message.told_by,
    })
}

/// An attempt as programs read it.
pub(crate) fn attempt(attempt: &SendAttempt) -> Value {
    json!({
        "attempt": attempt.attempt,
        "by": attempt.holder,
        "began_at": attempt.claimed_at.to_string(),
        "ended_at": attempt.ended_at.map(|at| at.to_string()),
        "outcome": attempt.outcome.map(|outcome| outcome.word()),
        "answer": attempt.answer,
    })
}

/// How an attempt ended, in words.
pub(crate) fn ended(attempt: &SendAttempt) -> &'static str {
    attempt.outcome.map_or("no outcome", |outcome| outcome.word())
}

/// Dead letters first, then the newest: at most so many of each.
pub(crate) async fn worst_first(book: &Book, filter: &MessageFilter) -> Result<Vec<OutboxMessage>, BookError> {
    let mut newest = book.messages(filter).await?;
    newest.reverse();
    if filter.state.is_some() {
        return Ok(newest);
    }
    let mut all = book.messages(&MessageFilter { state: Some(MessageState::Dead), ..filter.clone() }).await?;
    all.reverse();
    newest.retain(|message| message.state != MessageState::Dead);
    all.extend(newest);
    Ok(all)
}
