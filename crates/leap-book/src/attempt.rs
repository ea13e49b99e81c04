//! Deliveries that did not change the world: refused ones, and ones whose facts were published before.

use leap_terms::{Delivery, DeliveryId, Digest, Format, Instant, SourceId};
use serde_json::json;

use crate::audit::{self, AuditEntry};
use crate::book::Book;
use crate::delivery::{self, NewDelivery};
use crate::error::BookError;
use crate::quarantine;

/// Why a delivery changed nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttemptOutcome {
    /// Something is wrong with it.
    Refused,
    /// Its facts were published before.
    Unchanged,
}

impl AttemptOutcome {
    /// The word in the database and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            AttemptOutcome::Refused => "refused",
            AttemptOutcome::Unchanged => "unchanged",
        }
    }
}

/// A delivery that is recorded without a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// When.
    pub at: Instant,
    /// Who brought it.
    pub actor: String,
    /// What became of it.
    pub outcome: AttemptOutcome,
    /// Why, for people.
    pub reason: String,
    /// The path that was given or found.
    pub path: String,
    /// The id, where known: of an unchanged delivery, that of the earlier one.
    pub id: Option<DeliveryId>,
    /// The source, where known.
    pub source: Option<SourceId>,
    /// The format, where known.
    pub format: Option<Format>,
    /// Digests of its parts, as far as they were read.
    pub parts: Vec<Digest>,
    /// All that was found, when it was read to its end (too many rows quarantined, a proof that does not hold).
    pub delivery: Option<Delivery>,
}

impl Attempt {
    /// A refused delivery of which only the path is known; set further fields as far as they are.
    pub fn refused(
        path: impl Into<String>,
        reason: impl Into<String>,
        actor: impl Into<String>,
        at: Instant,
    ) -> Attempt {
        Attempt {
            at,
            actor: actor.into(),
            outcome: AttemptOutcome::Refused,
            reason: reason.into(),
            path: path.into(),
            id: None,
            source: None,
            format: None,
            parts: Vec::new(),
            delivery: None,
        }
    }

    /// A delivery whose facts `earlier` brought before.
    pub fn unchanged(path: impl Into<String>, earlier: DeliveryId, actor: impl Into<String>, at: Instant) -> Attempt {
        let reason = format!("delivery {earlier} brought the same before");
        Attempt { outcome: AttemptOutcome::Unchanged, id: Some(earlier), ..Attempt::refused(path, reason, actor, at) }
    }
}

impl Book {
    /// Records a delivery that changed nothing, with its audit event.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be written; nothing is recorded then.
    pub async fn record_attempt(&self, attempt: &Attempt) -> Result<(), BookError> {
        self.record_attempts(std::slice::from_ref(attempt)).await
    }

    /// Records several at once, all or none: a folder of a thousand unchanged files costs one sync to disk.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be written; nothing is recorded then.
    pub async fn record_attempts(&self, attempts: &[Attempt]) -> Result<(), BookError> {
        let doing = "record a delivery";
        if attempts.is_empty() {
            return Ok(());
        }
        let mut transaction = self.writing(doing).await?;
        let mut number = delivery::next_number(&mut transaction, &self.place).await?;
        for attempt in attempts {
            let found = attempt.delivery.as_ref();
            let parts = match found {
                Some(delivery) => delivery.parts.iter().map(|part| part.digest).collect(),
                None => attempt.parts.clone(),
            };
            let new = NewDelivery {
                number,
                id: attempt.id.as_ref().or(found.map(|delivery| &delivery.id)),
                outcome: Some(attempt.outcome),
                source: attempt.source.as_ref().or(found.map(|delivery| &delivery.source)),
                format: attempt.format.or(found.map(|delivery| delivery.format)),
                path: &attempt.path,
                parts: &parts,
                reason: Some(&attempt.reason),
                recorded_at: attempt.at,
                actor: &attempt.actor,
                snapshot: None,
                delivery: found,
            };
            delivery::record(&mut transaction, &self.place, &new).await?;
            if let Some(delivery) = found {
                quarantine::record(&mut transaction, &self.place, number, &delivery.quarantine).await?;
            }
            let entry = AuditEntry {
                at: attempt.at,
                actor: attempt.actor.clone(),
                action: match attempt.outcome {
                    AttemptOutcome::Refused => "delivery refused",
                    AttemptOutcome::Unchanged => "delivery unchanged",
                }
                .to_owned(),
                subject: attempt.path.clone(),
                detail: json!({
                    "delivery": new.id.map(DeliveryId::as_str),
                    "number": number,
                    "parts": delivery::parts_key(&parts),
                    "reason": attempt.reason,
                }),
            };
            audit::append(&mut transaction, &self.place, &entry, None).await?;
            number += 1;
        }
        self.commit(transaction, doing).await
    }
}
