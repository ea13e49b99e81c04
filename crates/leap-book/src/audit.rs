//! The audit trail: who did what when, in a chain that shows every later edit.
//!
//! ```text
//! #30  delivery refused  october.csv.gz  by ana   digest 77ab… of (#30, its fields, previous 09c1…)
//! #31  publish           snapshot 12     by ana   digest c3d0… of (#31, its fields, previous 77ab…)
//! ```
//! Each digest is BLAKE3 over canonical JSON (keys sorted, no spaces) of the event and the digest before it; numbers
//! have no gaps, and each snapshot has one `publish` event with the snapshot's digest. So an edit, a deletion, an
//! insertion or a new order in the middle is found by reading the chain. A person with all rights on the database can
//! still rewrite the whole chain, or cut its end together with the snapshots: keep an [`AuditHead`] elsewhere and
//! compare with [`Book::verify_audit_against`].

use leap_terms::{Digest, Instant};
use serde_json::Value;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::book::Book;
use crate::config::ConfigKind;
use crate::error::BookError;
use crate::place::Place;
use crate::rows::{self, Cell, Record};
use crate::snapshot::{self, Snapshot};

/// Events read at a time.
const PAGE: i64 = 5_000;

const COLUMNS: [&str; 9] =
    ["sequence", "recorded_at", "actor", "action", "subject", "snapshot", "detail", "previous", "digest"];

/// The action of the event that each snapshot has.
pub(crate) const PUBLISH: &str = "publish";

/// What is to be recorded.
#[derive(Clone, PartialEq, Debug)]
pub struct AuditEntry {
    /// When.
    pub at: Instant,
    /// Who.
    pub actor: String,
    /// What was done: `publish`, `delivery refused`, `backup` …
    pub action: String,
    /// To what: `snapshot 12`, a path …
    pub subject: String,
    /// Everything else, as a JSON object.
    pub detail: Value,
}

/// An event of the trail.
#[derive(Clone, PartialEq, Debug)]
pub struct AuditEvent {
    /// Number, from 1, without gaps.
    pub sequence: u64,
    /// The snapshot that it belongs to.
    pub snapshot: Option<i64>,
    /// What was recorded.
    pub entry: AuditEntry,
    /// Digest over this event and the one before it.
    pub digest: Digest,
}

impl AuditEvent {
    fn from_row(row: &AnyRow, place: &Place) -> Result<AuditEvent, BookError> {
        let record = Record { row, of: "audit", place };
        Ok(AuditEvent {
            sequence: record.count("sequence")?,
            snapshot: record.maybe_int("snapshot")?,
            entry: AuditEntry {
                at: record.at("recorded_at")?,
                actor: record.text("actor")?,
                action: record.text("action")?,
                subject: record.text("subject")?,
                detail: record.json("detail")?,
            },
            digest: record.read("digest", str::parse)?,
        })
    }
}

/// The end of the trail: keep it outside to make even a rewritten chain visible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AuditHead {
    /// Events so far.
    pub sequence: u64,
    /// Digest of the last one.
    pub digest: Digest,
}

/// Which events to list; the default is all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditFilter {
    /// Only by this person or program.
    pub actor: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Only of this snapshot.
    pub snapshot: Option<i64>,
    /// Only those after this number.
    pub after: Option<u64>,
    /// Only the newest so many.
    pub limit: Option<u64>,
}

/// Where the trail breaks.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AuditBreak {
    /// A number is missing, so events were deleted or moved.
    #[error("event {expected} is missing; the next one is {found}")]
    Gap {
        /// The number that should be there.
        expected: u64,
        /// The one that is.
        found: u64,
    },
    /// An event does not name the digest of the one before it.
    #[error("event {sequence} does not follow from the event before it")]
    Unchained {
        /// The event.
        sequence: u64,
    },
    /// An event was edited after it was written.
    #[error("event {sequence} was changed after it was written")]
    Altered {
        /// The event.
        sequence: u64,
    },
    /// A snapshot has no event, or more than one, or one that says something else.
    #[error("snapshot {snapshot} has no audit event that agrees with it")]
    Snapshot {
        /// The snapshot.
        snapshot: i64,
    },
    /// The trail is another one than at the checkpoint.
    #[error("the trail differs from the checkpoint at event {sequence}: it was rewritten or cut")]
    Checkpoint {
        /// The checkpoint's event.
        sequence: u64,
    },
}

/// JSON with sorted keys and without spaces: one text per value.
pub(crate) fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push_str(&value.to_string()),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (at, (key, item)) in fields.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_canonical(item, out);
            }
            out.push('}');
        }
    }
}

/// An event as it is stored; `detail` is the stored text, so that not even its spacing can change unseen.
struct Stored {
    sequence: i64,
    recorded_at: i64,
    actor: String,
    action: String,
    subject: String,
    snapshot: Option<i64>,
    detail: String,
    previous: String,
    digest: String,
}

impl Stored {
    fn computed_digest(&self) -> Digest {
        let text = |text: &str| Value::from(text).to_string();
        let snapshot = self.snapshot.map_or_else(|| "null".to_owned(), |id| id.to_string());
        let event = format!(
            r#"{{"action":{},"actor":{},"at":{},"detail":{},"previous":{},"sequence":{},"snapshot":{snapshot},"subject":{}}}"#,
            text(&self.action),
            text(&self.actor),
            self.recorded_at,
            self.detail,
            text(&self.previous),
            self.sequence,
            text(&self.subject),
        );
        Digest::of(event.as_bytes())
    }

    fn from_row(row: &AnyRow, place: &Place) -> Result<Stored, BookError> {
        let record = Record { row, of: "audit", place };
        Ok(Stored {
            sequence: record.int("sequence")?,
            recorded_at: record.int("recorded_at")?,
            actor: record.text("actor")?,
            action: record.text("action")?,
            subject: record.text("subject")?,
            snapshot: record.maybe_int("snapshot")?,
            detail: record.text("detail")?,
            previous: record.text("previous")?,
            digest: record.text("digest")?,
        })
    }
}

fn before_the_first() -> Digest {
    Digest::from_bytes([0; 32])
}

/// The end of the trail: sequence 0 and a digest of zeros when it is empty.
async fn head(connection: &mut AnyConnection, place: &Place) -> Result<AuditHead, BookError> {
    let row = sqlx::query("SELECT sequence, digest FROM audit ORDER BY sequence DESC LIMIT 1")
        .fetch_optional(connection)
        .await
        .map_err(|error| BookError::of(error, "read the end of the audit trail", place))?;
    match row {
        None => Ok(AuditHead { sequence: 0, digest: before_the_first() }),
        Some(row) => {
            let record = Record { row: &row, of: "audit", place };
            Ok(AuditHead { sequence: record.count("sequence")?, digest: record.read("digest", str::parse)? })
        }
    }
}

/// Appends an event inside the transaction that does what it says.
pub(crate) async fn append(
    connection: &mut AnyConnection,
    place: &Place,
    entry: &AuditEntry,
    snapshot: Option<i64>,
) -> Result<AuditHead, BookError> {
    let last = head(connection, place).await?;
    let stored = Stored {
        sequence: rows::count(last.sequence) + 1,
        recorded_at: entry.at.micros(),
        actor: rows::storable(&entry.actor),
        action: rows::storable(&entry.action),
        subject: rows::storable(&entry.subject),
        snapshot,
        detail: canonical(&entry.detail),
        previous: last.digest.to_string(),
        digest: String::new(),
    };
    let digest = stored.computed_digest();
    let row = vec![
        Cell::Int(stored.sequence),
        Cell::Int(stored.recorded_at),
        Cell::Text(stored.actor),
        Cell::Text(stored.action),
        Cell::Text(stored.subject),
        Cell::maybe_int(stored.snapshot),
        Cell::Text(stored.detail),
        Cell::Text(stored.previous),
        Cell::text(digest),
    ];
    rows::insert(connection, "audit", &COLUMNS, row)
        .await
        .map_err(|error| BookError::of(error, "append to the audit trail", place))?;
    Ok(AuditHead { sequence: last.sequence + 1, digest })
}

/// The events whose action is like a pattern (`claim %`), oldest first.
pub(crate) async fn of_actions(
    connection: &mut AnyConnection,
    place: &Place,
    pattern: &'static str,
) -> Result<Vec<AuditEvent>, BookError> {
    let rows = sqlx::query("SELECT * FROM audit WHERE action LIKE $1 ORDER BY sequence")
        .bind(pattern)
        .fetch_all(connection)
        .await
        .map_err(|error| BookError::of(error, "read the audit trail", place))?;
    rows.iter().map(|row| AuditEvent::from_row(row, place)).collect()
}

/// What a snapshot's event says of it.
pub(crate) fn snapshot_detail(snapshot: &Snapshot) -> serde_json::Map<String, Value> {
    let mut detail = serde_json::Map::new();
    detail.insert("cause".to_owned(), Value::from(snapshot.cause.as_str()));
    detail.insert("digest".to_owned(), Value::from(snapshot.digest.to_string()));
    detail.insert("parent".to_owned(), Value::from(snapshot.parent));
    for kind in ConfigKind::ALL {
        detail.insert(kind.column().to_owned(), Value::from(snapshot.config_version(kind)));
    }
    detail
}

/// Reads the whole chain.
pub(crate) async fn verify(
    connection: &mut AnyConnection,
    place: &Place,
    checkpoint: Option<&AuditHead>,
) -> Result<AuditHead, BookError> {
    let broken = |broken: AuditBreak| BookError::Audit { place: place.shown().to_owned(), broken };
    let snapshots = snapshot::all(connection, place).await?;
    let mut confirmed = std::collections::BTreeSet::new();
    let mut last = AuditHead { sequence: 0, digest: before_the_first() };
    let mut after = i64::MIN;
    loop {
        let rows = sqlx::query("SELECT * FROM audit WHERE sequence > $1 ORDER BY sequence LIMIT $2")
            .bind(after)
            .bind(PAGE)
            .fetch_all(&mut *connection)
            .await
            .map_err(|error| BookError::of(error, "read the audit trail", place))?;
        let Some(end) = rows.last() else { break };
        after = Record { row: end, of: "audit", place }.int("sequence")?;
        for row in &rows {
            let stored = Stored::from_row(row, place)?;
            let (expected, found) = (last.sequence + 1, u64::try_from(stored.sequence).unwrap_or(0));
            if expected != found {
                return Err(broken(AuditBreak::Gap { expected, found }));
            }
            let digest = stored.computed_digest();
            if digest.to_string() != stored.digest {
                return Err(broken(AuditBreak::Altered { sequence: found }));
            }
            if stored.previous != last.digest.to_string() {
                return Err(broken(AuditBreak::Unchained { sequence: found }));
            }
            if let Some(id) = stored.snapshot.filter(|_| stored.action == PUBLISH) {
                let detail: Value = serde_json::from_str(&stored.detail).unwrap_or(Value::Null);
                let agrees = snapshots.iter().find(|snapshot| snapshot.id == id).is_some_and(|snapshot| {
                    snapshot.recorded_at.micros() == stored.recorded_at
                        && snapshot.actor == stored.actor
                        // An event of an older leap has no field for what there was none of then.
                        && snapshot_detail(snapshot)
                            .iter()
                            .all(|(key, value)| detail.get(key).unwrap_or(&Value::Null) == value)
                });
                if !agrees || !confirmed.insert(id) {
                    return Err(broken(AuditBreak::Snapshot { snapshot: id }));
                }
            }
            last = AuditHead { sequence: found, digest };
            if checkpoint.is_some_and(|checkpoint| checkpoint.sequence == found && checkpoint.digest != digest) {
                return Err(broken(AuditBreak::Checkpoint { sequence: found }));
            }
        }
    }
    if let Some(lost) = snapshots.iter().find(|snapshot| !confirmed.contains(&snapshot.id)) {
        return Err(broken(AuditBreak::Snapshot { snapshot: lost.id }));
    }
    match checkpoint {
        Some(checkpoint) if checkpoint.sequence > last.sequence => {
            Err(broken(AuditBreak::Checkpoint { sequence: checkpoint.sequence }))
        }
        Some(_) | None => Ok(last),
    }
}

impl Book {
    /// Records that something was done that changed no snapshot (a backup, an export, a setting).
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be written.
    pub async fn record_event(&self, entry: &AuditEntry) -> Result<AuditHead, BookError> {
        let doing = "append to the audit trail";
        let mut transaction = self.writing(doing).await?;
        let head = append(&mut transaction, &self.place, entry, None).await?;
        self.commit(transaction, doing).await?;
        Ok(head)
    }

    /// Events of the trail, newest first.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEvent>, BookError> {
        let limited = |number: Option<u64>| number.and_then(|number| i64::try_from(number).ok());
        let rows = sqlx::query(
            "SELECT * FROM audit WHERE ($1 IS NULL OR actor = $1) AND ($2 IS NULL OR action = $2)
               AND ($3 = 0 OR snapshot = $3) AND sequence > $4 ORDER BY sequence DESC LIMIT $5",
        )
        .bind(filter.actor.clone())
        .bind(filter.action.clone())
        .bind(filter.snapshot.unwrap_or(0))
        .bind(limited(filter.after).unwrap_or(0))
        .bind(limited(filter.limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *self.connection().await?)
        .await
        .map_err(self.failed("read the audit trail"))?;
        rows.iter().map(|row| AuditEvent::from_row(row, &self.place)).collect()
    }

    /// The end of the trail, to be kept outside; sequence 0 when it is empty.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn audit_head(&self) -> Result<AuditHead, BookError> {
        head(&mut *self.connection().await?, &self.place).await
    }

    /// Reads the whole chain, checks it against the snapshots, and returns its end.
    ///
    /// # Errors
    /// [`BookError::Audit`] says where it breaks; others when the book cannot be read.
    pub async fn verify_audit(&self) -> Result<AuditHead, BookError> {
        verify(&mut *self.reading("read the audit trail").await?, &self.place, None).await
    }

    /// Like [`Book::verify_audit`], and the trail must still hold an earlier end of itself.
    ///
    /// # Errors
    /// [`BookError::Audit`] says where it breaks; others when the book cannot be read.
    pub async fn verify_audit_against(&self, checkpoint: &AuditHead) -> Result<AuditHead, BookError> {
        verify(&mut *self.reading("read the audit trail").await?, &self.place, Some(checkpoint)).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn canonical_json_has_one_text_per_value() {
        let value = json!({"b": [1, {"z": null, "a": "ü\n\"\u{0}"}], "a": true});
        assert_eq!(canonical(&value), r#"{"a":true,"b":[1,{"a":"ü\n\"\u0000","z":null}]}"#);
        let again: Value = serde_json::from_str(&canonical(&value)).unwrap();
        assert_eq!(canonical(&again), canonical(&value));
    }
}
