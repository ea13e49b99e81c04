//! Reading the audit trail as somebody who trusts nobody.
//!
//! ```text
//! event 4 stands at number 5: events were put in another order
//! ```
//! The chain is read once, in order; at the first event that is not what has to stand there it is asked what was done.
//! The event that belongs there is known by what it follows, wherever it stands now; the number that an event had when
//! it was written is found by trying which one its digest is of. What two doings leave alike is told as the simpler
//! one.
//!
//! Does not look for a second fault behind the first one.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::Digest;
use serde_json::Value;
use sqlx::{AnyConnection, Row};

use super::{AuditHead, Noted, PUBLISH, Stored, before_the_first, noted, snapshot_detail};
use crate::book::Book;
use crate::checkpoint::Checkpoint;
use crate::error::BookError;
use crate::place::Place;
use crate::rows::Record;
use crate::snapshot::{self, Snapshot};

/// Events read at a time.
const PAGE: i64 = 5_000;
/// Numbers that are tried to find the one that an event was written with: the noted end may be made up as well.
const TRIED: i64 = 10_000_000;

/// What was done to a single event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventEdit {
    /// It says something else than its digest is of.
    Content,
    /// It says what it said, under another digest.
    Digest,
    /// It was changed together with its digest, so that what follows it follows another event.
    Anew,
}

/// Where the trail breaks, and how.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AuditBreak {
    /// An event was changed after it was written.
    #[error("event {sequence} was edited: {}", edit_text(*edit))]
    Edited {
        /// The event.
        sequence: u64,
        /// What was done to it.
        edit: EventEdit,
    },
    /// Events are not there any more.
    #[error("{} deleted", events_were(*first, *last))]
    Deleted {
        /// The first one.
        first: u64,
        /// The last one of those that are missing in a row.
        last: u64,
    },
    /// An event stands there that was not written there.
    #[error("event {sequence} was inserted")]
    Inserted {
        /// Its number.
        sequence: u64,
    },
    /// An event stands at another number than the one it was written with.
    #[error("event {sequence} stands at number {stands_at}: events were put in another order")]
    Reordered {
        /// The number it was written with, the first one at which another event stands.
        sequence: u64,
        /// Where it stands now.
        stands_at: u64,
    },
    /// The chain is sound by itself, but not the one whose beginning and end the book noted.
    #[error("event {sequence} is not the one that the book noted: the trail was written anew")]
    Rewritten {
        /// The first event that is known to be another one.
        sequence: u64,
    },
    /// The note of where the trail ends is gone.
    #[error("the book's note of where its trail ends is gone")]
    NoteMissing,
    /// A snapshot has no event, or more than one, or one that says something else.
    #[error("snapshot {snapshot} has no audit event that agrees with it")]
    Snapshot {
        /// The snapshot.
        snapshot: i64,
    },
    /// An event is another one than a checkpoint says.
    #[error("event {sequence} is not the one of the checkpoint: the trail was written anew {}", after(*confirmed))]
    Checkpoint {
        /// The event.
        sequence: u64,
        /// The last event that another checkpoint confirms; 0 where none does.
        confirmed: u64,
    },
    /// A checkpoint knows an event that is not there any more.
    #[error("the checkpoint knows event {sequence}, and the trail ends with event {ends}: its end was cut off")]
    Cut {
        /// The event of the checkpoint.
        sequence: u64,
        /// The last event.
        ends: u64,
    },
    /// A checkpoint is of a book with another first event, and does not fit.
    #[error(
        "the checkpoint of event {sequence} is of the book {}, and this one is {}: take a checkpoint of this book, \
         or else its trail was written anew from the first event on",
        of.short(),
        is.short()
    )]
    OtherBook {
        /// The event of the checkpoint.
        sequence: u64,
        /// The book that the checkpoint is of.
        of: Digest,
        /// This book.
        is: Digest,
    },
}

impl AuditBreak {
    /// The number of the first event that is wrong; `None` where it is no event.
    pub fn first_wrong(&self) -> Option<u64> {
        match self {
            AuditBreak::Edited { sequence, .. }
            | AuditBreak::Inserted { sequence }
            | AuditBreak::Reordered { sequence, .. }
            | AuditBreak::Rewritten { sequence }
            | AuditBreak::Checkpoint { sequence, .. }
            | AuditBreak::OtherBook { sequence, .. } => Some(*sequence),
            AuditBreak::Deleted { first, .. } => Some(*first),
            AuditBreak::Cut { ends, .. } => Some(ends + 1),
            AuditBreak::NoteMissing | AuditBreak::Snapshot { .. } => None,
        }
    }
}

fn edit_text(edit: EventEdit) -> &'static str {
    match edit {
        EventEdit::Content => "its digest is not of what it says",
        EventEdit::Digest => "its digest was replaced, and is not the one that the next event follows",
        EventEdit::Anew => "its digest was made anew, and is not the one that the next event follows",
    }
}

fn events_were(first: u64, last: u64) -> String {
    if first == last { format!("event {first} was") } else { format!("events {first} to {last} were") }
}

fn after(confirmed: u64) -> String {
    if confirmed == 0 { "up to there".to_owned() } else { format!("after event {confirmed}") }
}

/// A number as people see it; the database may hold anything.
fn shown(sequence: i64) -> u64 {
    u64::try_from(sequence).unwrap_or(0)
}

/// How far the chain was found to be sound.
struct Chain {
    /// The last sound event.
    last: AuditHead,
    /// The digest of the one before it.
    before: Digest,
    /// The first event's digest.
    first: Option<Digest>,
}

/// The snapshots against their events.
struct Published {
    snapshots: Vec<Snapshot>,
    confirmed: BTreeSet<i64>,
    broken: Option<i64>,
}

impl Published {
    fn note(&mut self, stored: &Stored) {
        let Some(id) = stored.snapshot.filter(|_| stored.action == PUBLISH) else { return };
        let detail: Value = serde_json::from_str(&stored.detail).unwrap_or(Value::Null);
        let agrees = self.snapshots.iter().find(|snapshot| snapshot.id == id).is_some_and(|snapshot| {
            snapshot.recorded_at.micros() == stored.recorded_at
                && snapshot.actor == stored.actor
                // An event of an older leap has no field for what there was none of then.
                && snapshot_detail(snapshot)
                    .iter()
                    .all(|(key, value)| detail.get(key).unwrap_or(&Value::Null) == value)
        });
        if (!agrees || !self.confirmed.insert(id)) && self.broken.is_none() {
            self.broken = Some(id);
        }
    }

    fn verdict(&self) -> Option<AuditBreak> {
        let lost = || self.snapshots.iter().map(|snapshot| snapshot.id).find(|id| !self.confirmed.contains(id));
        self.broken.or_else(lost).map(|snapshot| AuditBreak::Snapshot { snapshot })
    }
}

/// The checkpoints against the events that they are of.
struct Kept<'a> {
    by_number: BTreeMap<u64, Vec<&'a Checkpoint>>,
    confirmed: u64,
    differs: Option<&'a Checkpoint>,
}

impl<'a> Kept<'a> {
    fn new(checkpoints: &'a [Checkpoint]) -> Kept<'a> {
        let mut by_number = BTreeMap::<u64, Vec<&Checkpoint>>::new();
        for checkpoint in checkpoints {
            by_number.entry(checkpoint.number).or_default().push(checkpoint);
        }
        Kept { by_number, confirmed: 0, differs: None }
    }

    fn note(&mut self, event: AuditHead) {
        let of_it = self.by_number.get(&event.sequence).map(Vec::as_slice).unwrap_or_default();
        if self.differs.is_some() || of_it.is_empty() {
            return;
        }
        self.differs = of_it.iter().copied().find(|checkpoint| checkpoint.digest != event.digest);
        if self.differs.is_none() {
            self.confirmed = event.sequence;
        }
    }

    fn verdict(&self, book: Digest, ends: u64) -> Option<AuditBreak> {
        let beyond =
            || self.by_number.range(ends + 1..).next().and_then(|(_, checkpoints)| checkpoints.first()).copied();
        let wrong = self.differs.or_else(beyond)?;
        let sequence = wrong.number;
        if wrong.book != book {
            return Some(AuditBreak::OtherBook { sequence, of: wrong.book, is: book });
        }
        Some(if sequence > ends {
            AuditBreak::Cut { sequence, ends }
        } else {
            AuditBreak::Checkpoint { sequence, confirmed: self.confirmed }
        })
    }
}

/// Reads the whole chain, and compares it with the note of its ends, with the snapshots and with checkpoints.
pub(crate) async fn verify(
    connection: &mut AnyConnection,
    place: &Place,
    checkpoints: &[Checkpoint],
) -> Result<AuditHead, BookError> {
    let broken = |broken: AuditBreak| BookError::Audit { place: place.shown().to_owned(), broken };
    let snapshots = snapshot::all(connection, place).await?;
    let mut published = Published { snapshots, confirmed: BTreeSet::new(), broken: None };
    let mut kept = Kept::new(checkpoints);
    let noted = noted(connection, place).await?;
    let mut chain =
        Chain { last: AuditHead { sequence: 0, digest: before_the_first() }, before: before_the_first(), first: None };
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
            let digest = stored.computed_digest();
            let follows = shown(stored.sequence) == chain.last.sequence + 1
                && stored.digest == digest.to_string()
                && stored.previous == chain.last.digest.to_string();
            if !follows || noted.is_some_and(|noted| noted.head.sequence == chain.last.sequence) {
                return Err(broken(diagnose(connection, place, &chain, &stored, noted).await?));
            }
            published.note(&stored);
            chain.first = chain.first.or(Some(digest));
            chain.before = chain.last.digest;
            chain.last = AuditHead { sequence: chain.last.sequence + 1, digest };
            kept.note(chain.last);
            if noted.is_some_and(|noted| noted.head.sequence == chain.last.sequence && noted.head.digest != digest) {
                return Err(broken(written_anew(&chain, noted)));
            }
        }
    }
    if let Some(found) = of_the_ends(&chain, noted).or_else(|| published.verdict()) {
        return Err(broken(found));
    }
    let book = noted.map_or_else(before_the_first, |noted| noted.book);
    kept.verdict(book, chain.last.sequence).map_or(Ok(chain.last), |found| Err(broken(found)))
}

/// The chain is sound, and its last event is not the one that was noted.
fn written_anew(chain: &Chain, noted: Option<Noted>) -> AuditBreak {
    let begins_otherwise = noted.is_some_and(|noted| chain.first.is_some_and(|first| first != noted.book));
    AuditBreak::Rewritten { sequence: if begins_otherwise { 1 } else { chain.last.sequence } }
}

/// A sound chain against the note of its ends.
fn of_the_ends(chain: &Chain, noted: Option<Noted>) -> Option<AuditBreak> {
    let Some(noted) = noted else {
        return (chain.last.sequence > 0).then_some(AuditBreak::NoteMissing);
    };
    if chain.last.sequence < noted.head.sequence {
        return Some(AuditBreak::Deleted { first: chain.last.sequence + 1, last: noted.head.sequence });
    }
    (chain.first != Some(noted.book)).then_some(AuditBreak::Rewritten { sequence: 1 })
}

/// What was done where the next event is not the one that has to come.
async fn diagnose(
    connection: &mut AnyConnection,
    place: &Place,
    chain: &Chain,
    found: &Stored,
    noted: Option<Noted>,
) -> Result<AuditBreak, BookError> {
    let expected = i64::try_from(chain.last.sequence + 1).unwrap_or(i64::MAX);
    let sequence = chain.last.sequence + 1;
    if found.sequence < expected || noted.is_some_and(|noted| sequence > noted.head.sequence) {
        return Ok(AuditBreak::Inserted { sequence: shown(found.sequence) });
    }
    let others = following(connection, place, &chain.last.digest.to_string()).await?;
    let belongs = others.iter().find(|event| event.sequence != expected && event.written_as(expected));
    let stands_at = belongs.map(|event| shown(event.sequence));
    if found.sequence > expected {
        return Ok(match stands_at {
            Some(stands_at) => AuditBreak::Reordered { sequence, stands_at },
            None => AuditBreak::Deleted { first: sequence, last: shown(found.sequence) - 1 },
        });
    }
    let newest = noted.map_or(0, |noted| noted.head.sequence).max(sequence);
    let newest = i64::try_from(newest).unwrap_or(i64::MAX).min(TRIED.max(expected));
    let written = (1..=newest).find(|number| found.written_as(*number));
    // A copy of another event was written nowhere.
    let moved = match written.filter(|number| *number != expected) {
        Some(number) if copies(connection, place, &found.digest).await? == 1 => Some(number),
        Some(_) | None => None,
    };
    if let Some(stands_at) = stands_at {
        return Ok(match moved {
            Some(_) => AuditBreak::Reordered { sequence, stands_at },
            None => AuditBreak::Inserted { sequence },
        });
    }
    match moved {
        Some(number) if number > expected => {
            return Ok(AuditBreak::Deleted { first: sequence, last: shown(number) - 1 });
        }
        // It follows the same event as the one before it does: that one was put between.
        Some(number) if number == expected - 1 && found.previous == chain.before.to_string() => {
            return Ok(AuditBreak::Inserted { sequence: sequence - 1 });
        }
        Some(_) | None => {}
    }
    let next = following(connection, place, &found.digest).await?;
    let is_noted = |digest: &str| {
        noted.is_some_and(|noted| noted.head.sequence == sequence && noted.head.digest.to_string() == digest)
    };
    if written == Some(expected) {
        let confirmed = is_noted(&found.digest) || next.iter().any(|event| event.written_as(expected + 1));
        let sequence = if confirmed && sequence > 1 { sequence - 1 } else { sequence };
        return Ok(AuditBreak::Edited { sequence, edit: EventEdit::Anew });
    }
    let says = found.computed_digest().to_string();
    let intact = found.previous == chain.last.digest.to_string()
        && (is_noted(&says)
            || following(connection, place, &says).await?.iter().any(|event| event.written_as(expected + 1)));
    Ok(AuditBreak::Edited { sequence, edit: if intact { EventEdit::Digest } else { EventEdit::Content } })
}

/// The events that say they follow the one of that digest.
async fn following(connection: &mut AnyConnection, place: &Place, digest: &str) -> Result<Vec<Stored>, BookError> {
    let rows = sqlx::query("SELECT * FROM audit WHERE previous = $1 ORDER BY sequence LIMIT 1000")
        .bind(digest.to_owned())
        .fetch_all(connection)
        .await
        .map_err(|error| BookError::of(error, "read the audit trail", place))?;
    rows.iter().map(|row| Stored::from_row(row, place)).collect()
}

/// How many events have that digest.
async fn copies(connection: &mut AnyConnection, place: &Place, digest: &str) -> Result<i64, BookError> {
    sqlx::query("SELECT COUNT(*) AS copies FROM audit WHERE digest = $1")
        .bind(digest.to_owned())
        .fetch_one(connection)
        .await
        .and_then(|row| row.try_get("copies"))
        .map_err(|error| BookError::of(error, "read the audit trail", place))
}

impl Book {
    /// Reads the whole chain, checks it against its noted ends and the snapshots, and returns its end.
    ///
    /// # Errors
    /// [`BookError::Audit`] says where it breaks and how; others when the book cannot be read.
    pub async fn verify_audit(&self) -> Result<AuditHead, BookError> {
        verify(&mut *self.reading("read the audit trail").await?, &self.place, &[]).await
    }

    /// Like [`Book::verify_audit`], and the trail must still hold every checkpoint: this finds a chain that was written
    /// anew as a whole. Signatures of checkpoints are for the caller to verify first ([`Checkpoint::read`]).
    ///
    /// # Errors
    /// [`BookError::Audit`] says where it breaks and how; others when the book cannot be read.
    pub async fn verify_audit_against(&self, checkpoints: &[Checkpoint]) -> Result<AuditHead, BookError> {
        verify(&mut *self.reading("read the audit trail").await?, &self.place, checkpoints).await
    }

    /// The end of the trail as it is noted, to be kept outside; `None` while nothing has happened. It is as good as the
    /// trail is: verify it before.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn checkpoint(&self, at: leap_terms::Instant) -> Result<Option<Checkpoint>, BookError> {
        let noted = noted(&mut *self.connection().await?, &self.place).await?;
        Ok(noted.map(|noted| Checkpoint {
            book: noted.book,
            number: noted.head.sequence,
            digest: noted.head.digest,
            at,
        }))
    }
}
