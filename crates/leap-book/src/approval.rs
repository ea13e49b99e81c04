//! Approvals: what one person asks for and another one gives, declines, or the first takes back.
//!
//! ```text
//! approval 3   reorg         "next.yaml (org.yaml)"   asked by cai    plan 4bf0…   given by dee
//! approval 4   restatement   2026-08                  asked by cai    open
//! ```
//! The book keeps what is asked for to the byte, and knows nothing of it. Who may give an approval, and that it is not who
//! asked, the caller decides, who knows the people; both names are in the audit trail. What was approved is done by the
//! caller, and then the answer is recorded: where a process ends in between, the approval stays open, and what it asks for is
//! found to be done or stale.

use leap_terms::{Digest, Instant};
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::audit::{self, AuditEntry};
use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::rows::{self, Cell, Record};

const COLUMNS: [&str; 8] = ["number", "kind", "subject", "content", "digest", "reason", "asked_at", "asked_by"];

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ApprovalKind {
    /// A reorg: a plan to apply, or a reorg to take back.
    Reorg,
    /// A closed period that gets another statement.
    Restatement,
    /// A plan of the loop that is over its caps, or has a deed that wants an approval.
    Plan,
}

impl ApprovalKind {
    /// The word in the database and in the audit trail.
    pub fn word(self) -> &'static str {
        match self {
            ApprovalKind::Reorg => "reorg",
            ApprovalKind::Restatement => "restatement",
            ApprovalKind::Plan => "plan",
        }
    }

    fn parse(text: &str) -> Result<ApprovalKind, String> {
        let all = [ApprovalKind::Reorg, ApprovalKind::Restatement, ApprovalKind::Plan];
        all.into_iter().find(|kind| kind.word() == text).ok_or_else(|| format!("'{text}' is no kind of approval"))
    }
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ApprovalOutcome {
    /// Approved, and done.
    Given,
    /// Refused by who could approve it.
    Declined,
    /// Taken back by who asked, or in their place.
    Withdrawn,
}

impl ApprovalOutcome {
    /// The word in the database and in the audit trail.
    pub fn word(self) -> &'static str {
        match self {
            ApprovalOutcome::Given => "given",
            ApprovalOutcome::Declined => "declined",
            ApprovalOutcome::Withdrawn => "withdrawn",
        }
    }

    fn parse(text: &str) -> Result<ApprovalOutcome, String> {
        let all = [ApprovalOutcome::Given, ApprovalOutcome::Declined, ApprovalOutcome::Withdrawn];
        all.into_iter().find(|one| one.word() == text).ok_or_else(|| format!("'{text}' is no outcome of an approval"))
    }
}

/// An approval to be asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewApproval {
    /// What it is about.
    pub kind: ApprovalKind,
    /// What people call it: a title, a month.
    pub subject: String,
    /// What would be done: JSON, kept to the byte.
    pub content: String,
    /// Why.
    pub reason: String,
    /// Who asks.
    pub actor: String,
    /// When.
    pub at: Instant,
}

/// The answer to an approval.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApprovalAnswer {
    /// What became of it.
    pub outcome: ApprovalOutcome,
    /// When.
    pub at: Instant,
    /// Who answered.
    pub actor: String,
    /// What they said.
    pub note: Option<String>,
}

/// An approval that was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approval {
    /// Number, from 1, without gaps.
    pub number: i64,
    /// What it is about.
    pub kind: ApprovalKind,
    /// What people call it.
    pub subject: String,
    /// What would be done, to the byte.
    pub content: String,
    /// BLAKE3 of the content's bytes.
    pub digest: Digest,
    /// Why.
    pub reason: String,
    /// When it was asked for.
    pub asked_at: Instant,
    /// Who asked.
    pub asked_by: String,
    /// The answer; `None` while it is open.
    pub answer: Option<ApprovalAnswer>,
}

impl Approval {
    /// True while nobody has answered.
    pub fn is_open(&self) -> bool {
        self.answer.is_none()
    }

    /// Its state in a word: `open`, `given`, `declined`, `withdrawn`.
    pub fn state(&self) -> &'static str {
        self.answer.as_ref().map_or("open", |answer| answer.outcome.word())
    }

    fn trail_subject(number: i64) -> String {
        format!("approval {number}")
    }

    fn detail(&self) -> Value {
        json!({
            "content": self.digest.to_string(),
            "kind": self.kind.word(),
            "reason": self.reason,
            "subject": self.subject,
        })
    }

    fn from_row(row: &AnyRow, place: &Place) -> Result<Approval, BookError> {
        let record = Record { row, of: "approval", place };
        let answer = match record.maybe_text("outcome")? {
            None => None,
            Some(_) => Some(ApprovalAnswer {
                outcome: record.read("outcome", ApprovalOutcome::parse)?,
                at: record.at("answered_at")?,
                actor: record.text("answered_by")?,
                note: record.maybe_text("note")?,
            }),
        };
        let approval = Approval {
            number: record.int("number")?,
            kind: record.read("kind", ApprovalKind::parse)?,
            subject: record.text("subject")?,
            content: record.text("content")?,
            digest: record.read("digest", str::parse)?,
            reason: record.text("reason")?,
            asked_at: record.at("asked_at")?,
            asked_by: record.text("asked_by")?,
            answer,
        };
        if Digest::of(approval.content.as_bytes()) != approval.digest {
            let fault = format!("what approval {} asks for has another digest", approval.number);
            return Err(BookError::Damaged { place: place.shown().to_owned(), fault });
        }
        Ok(approval)
    }
}

/// All of them, or the one of a number, in their order.
async fn read(connection: &mut AnyConnection, place: &Place, number: Option<i64>) -> Result<Vec<Approval>, BookError> {
    let rows = sqlx::query("SELECT * FROM approval WHERE ($1 = 0 OR number = $1) ORDER BY number")
        .bind(number.unwrap_or(0))
        .fetch_all(connection)
        .await
        .map_err(|error| BookError::of(error, "read the approvals", place))?;
    rows.iter().map(|row| Approval::from_row(row, place)).collect()
}

/// What does not fit between approvals and the audit trail.
pub(crate) async fn check(connection: &mut AnyConnection, place: &Place) -> Result<Vec<String>, BookError> {
    let approvals = read(connection, place, None).await?;
    let events = audit::of_actions(connection, place, "approval %").await?;
    let mut faults = Vec::new();
    for approval in &approvals {
        let subject = Approval::trail_subject(approval.number);
        let own: Vec<&AuditEntry> =
            events.iter().map(|event| &event.entry).filter(|entry| entry.subject == subject).collect();
        let asked = own.iter().find(|entry| entry.action == "approval asked");
        if asked.is_none_or(|entry| entry.detail != approval.detail() || entry.actor != approval.asked_by) {
            faults.push(format!("{subject} is not what the audit trail says was asked for"));
        }
        let answered = own.iter().find(|entry| entry.action != "approval asked");
        let known = answered.map(|entry| (entry.action.clone(), entry.actor.clone(), entry.at));
        let told = approval
            .answer
            .as_ref()
            .map(|answer| (format!("approval {}", answer.outcome.word()), answer.actor.clone(), answer.at));
        if known != told {
            faults.push(format!("{subject} was not answered as the audit trail says"));
        }
    }
    let newest = approvals.last().map_or(0, |approval| approval.number);
    let asked = events.iter().filter(|event| event.entry.action == "approval asked").count();
    if i64::try_from(asked) != Ok(newest) || approvals.len() != asked {
        faults.push(format!("{} approvals were asked for and {} are there", asked, approvals.len()));
    }
    Ok(faults)
}

impl Book {
    /// Records that somebody asks for an approval, with an audit event.
    ///
    /// # Errors
    /// [`BookError::NotJson`], [`BookError::Blank`] without a reason; others when the book cannot be written.
    pub async fn ask_approval(&self, new: &NewApproval) -> Result<Approval, BookError> {
        let doing = "ask for an approval";
        rows::check_json("what an approval asks for", &new.content)?;
        if new.reason.trim().is_empty() {
            return Err(BookError::Blank { subject: format!("the approval of {}", new.subject), missing: "a reason" });
        }
        let mut transaction = self.writing(doing).await?;
        let newest: i64 = sqlx::query("SELECT COALESCE(MAX(number), 0) AS newest FROM approval")
            .fetch_one(&mut *transaction)
            .await
            .and_then(|row| row.try_get("newest"))
            .map_err(self.failed(doing))?;
        let approval = Approval {
            number: newest + 1,
            kind: new.kind,
            subject: rows::storable(&new.subject),
            digest: Digest::of(new.content.as_bytes()),
            content: new.content.clone(),
            reason: rows::storable(&new.reason),
            asked_at: new.at,
            asked_by: rows::storable(&new.actor),
            answer: None,
        };
        let row = vec![
            Cell::Int(approval.number),
            Cell::text(approval.kind.word()),
            Cell::text(&approval.subject),
            Cell::text(&approval.content),
            Cell::text(approval.digest),
            Cell::text(&approval.reason),
            Cell::at(approval.asked_at),
            Cell::text(&approval.asked_by),
        ];
        rows::insert(&mut transaction, "approval", &COLUMNS, row).await.map_err(self.failed(doing))?;
        let entry = AuditEntry {
            at: approval.asked_at,
            actor: approval.asked_by.clone(),
            action: "approval asked".to_owned(),
            subject: Approval::trail_subject(approval.number),
            detail: approval.detail(),
        };
        audit::append(&mut transaction, &self.place, &entry, None).await?;
        self.commit(transaction, doing).await?;
        Ok(approval)
    }

    /// Records the answer, with an audit event. Once.
    ///
    /// # Errors
    /// [`BookError::NoApproval`], [`BookError::ApprovalAnswered`]; others when the book cannot be written.
    pub async fn answer_approval(&self, number: i64, answer: &ApprovalAnswer) -> Result<Approval, BookError> {
        let doing = "answer an approval";
        let mut transaction = self.writing(doing).await?;
        let mut approval =
            read(&mut transaction, &self.place, Some(number)).await?.pop().ok_or(BookError::NoApproval(number))?;
        if let Some(before) = approval.answer {
            let (outcome, actor, at) = (before.outcome.word(), before.actor, before.at);
            return Err(BookError::ApprovalAnswered { number, outcome, actor, at });
        }
        let answer = ApprovalAnswer {
            outcome: answer.outcome,
            at: answer.at,
            actor: rows::storable(&answer.actor),
            note: answer.note.as_deref().map(rows::storable),
        };
        sqlx::query(
            "UPDATE approval SET outcome = $1, answered_at = $2, answered_by = $3, note = $4 WHERE number = $5",
        )
        .bind(answer.outcome.word().to_owned())
        .bind(answer.at.micros())
        .bind(answer.actor.clone())
        .bind(answer.note.clone())
        .bind(number)
        .execute(&mut *transaction)
        .await
        .map_err(self.failed(doing))?;
        let entry = AuditEntry {
            at: answer.at,
            actor: answer.actor.clone(),
            action: format!("approval {}", answer.outcome.word()),
            subject: Approval::trail_subject(number),
            detail: json!({ "content": approval.digest.to_string(), "note": answer.note }),
        };
        audit::append(&mut transaction, &self.place, &entry, None).await?;
        self.commit(transaction, doing).await?;
        approval.answer = Some(answer);
        Ok(approval)
    }

    /// All approvals that were ever asked for, in their order.
    ///
    /// # Errors
    /// When the book cannot be read, or one is damaged.
    pub async fn approvals(&self) -> Result<Vec<Approval>, BookError> {
        read(&mut *self.connection().await?, &self.place, None).await
    }

    /// One of them.
    ///
    /// # Errors
    /// [`BookError::NoApproval`]; others when the book cannot be read, or it is damaged.
    pub async fn approval(&self, number: i64) -> Result<Approval, BookError> {
        let none = BookError::NoApproval(number);
        if number < 1 {
            return Err(none);
        }
        read(&mut *self.connection().await?, &self.place, Some(number)).await?.pop().ok_or(none)
    }
}
