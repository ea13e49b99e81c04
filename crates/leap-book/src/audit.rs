//! The audit trail: who did what when, in a chain that shows every later edit.
//!
//! ```text
//! #30  delivery refused  october.csv.gz  by ana   digest 77ab… of (#30, its fields, previous 09c1…)
//! #31  publish           snapshot 12     by ana   digest c3d0… of (#31, its fields, previous 77ab…)
//! ```
//! Each digest is BLAKE3 over canonical JSON (keys sorted, no spaces) of the event and the digest before it; numbers
//! have no gaps, and each snapshot has one `publish` event with the snapshot's digest. Where the trail began and where
//! it ends is noted apart from it, with each event, so rows that are cut off the end are missed too. What was edited,
//! deleted, inserted or put in another order is told with the first event that is wrong ([`AuditBreak`]).
//!
//! A person with all rights on the database can still write everything anew, the note included: keep a [`Checkpoint`]
//! elsewhere and compare with [`Book::verify_audit_against`].
//!
//! [`Checkpoint`]: crate::Checkpoint

mod verify;

use leap_terms::{Digest, Instant};
use serde_json::Value;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::book::Book;
use crate::config::ConfigKind;
use crate::error::BookError;
use crate::place::Place;
use crate::rows::{self, Cell, Insert, Record};
use crate::snapshot::Snapshot;

pub(crate) use verify::verify;
pub use verify::{AuditBreak, EventEdit};

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

/// The end of the trail.
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
        self.digest_at(self.sequence)
    }

    /// True when its digest is of what it says under that number.
    fn written_as(&self, sequence: i64) -> bool {
        self.digest == self.digest_at(sequence).to_string()
    }

    fn digest_at(&self, sequence: i64) -> Digest {
        let text = |text: &str| Value::from(text).to_string();
        let snapshot = self.snapshot.map_or_else(|| "null".to_owned(), |id| id.to_string());
        let event = format!(
            r#"{{"action":{},"actor":{},"at":{},"detail":{},"previous":{},"sequence":{sequence},"snapshot":{snapshot},"subject":{}}}"#,
            text(&self.action),
            text(&self.actor),
            self.recorded_at,
            self.detail,
            text(&self.previous),
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

/// What the book notes of its trail apart from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Noted {
    /// The book's id: the digest of its first event.
    pub(crate) book: Digest,
    /// The last event.
    pub(crate) head: AuditHead,
}

/// The note; `None` before the first event.
pub(crate) async fn noted(connection: &mut AnyConnection, place: &Place) -> Result<Option<Noted>, BookError> {
    let row = sqlx::query("SELECT book, sequence, digest FROM audit_head WHERE id = 1")
        .fetch_optional(connection)
        .await
        .map_err(|error| BookError::of(error, "read the end of the audit trail", place))?;
    let Some(row) = row else { return Ok(None) };
    let record = Record { row: &row, of: "audit_head", place };
    Ok(Some(Noted {
        book: record.read("book", str::parse)?,
        head: AuditHead { sequence: record.count("sequence")?, digest: record.read("digest", str::parse)? },
    }))
}

/// The end of the trail as it was noted: sequence 0 and a digest of zeros when it is empty.
async fn head(connection: &mut AnyConnection, place: &Place) -> Result<AuditHead, BookError> {
    let nothing = AuditHead { sequence: 0, digest: before_the_first() };
    Ok(noted(connection, place).await?.map_or(nothing, |noted| noted.head))
}

/// Appends an event inside the transaction that does what it says. It follows the noted end and not the last row, so
/// that what was cut off stays missing however much is written afterwards.
pub(crate) async fn append(
    connection: &mut AnyConnection,
    place: &Place,
    entry: &AuditEntry,
    snapshot: Option<i64>,
) -> Result<AuditHead, BookError> {
    let doing = "append to the audit trail";
    let noted = noted(connection, place).await?;
    let last = noted.map_or(AuditHead { sequence: 0, digest: before_the_first() }, |noted| noted.head);
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
    let sequence = stored.sequence;
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
    match rows::insert(connection, "audit", &COLUMNS, row).await {
        Ok(()) => {}
        // Whoever writes holds the lock, so nobody who goes through the book can have taken the number.
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            let inserted = AuditBreak::Inserted { sequence: last.sequence + 1 };
            let broken = if noted.is_none() { AuditBreak::NoteMissing } else { inserted };
            return Err(BookError::Audit { place: place.shown().to_owned(), broken });
        }
        Err(error) => return Err(BookError::of(error, doing, place)),
    }
    let book = noted.map_or(digest, |noted| noted.book);
    let mut note =
        Insert::into("audit_head", &["id", "book", "sequence", "digest"]).or_replace("id", &["sequence", "digest"]);
    let row = vec![Cell::Int(1), Cell::text(book), Cell::Int(sequence), Cell::text(digest)];
    note.row(connection, row).await.map_err(|error| BookError::of(error, doing, place))?;
    note.end(connection).await.map_err(|error| BookError::of(error, doing, place))?;
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

    /// The end of the trail; sequence 0 when it is empty.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn audit_head(&self) -> Result<AuditHead, BookError> {
        head(&mut *self.connection().await?, &self.place).await
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
