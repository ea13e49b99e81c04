//! Statements: what was published of a billing period when it was closed, and each time that it was restated.
//!
//! ```text
//! 2026-08  version 1  close        snapshot 40  by ana                     digest 4bf0…
//! 2026-08  version 2  restatement  snapshot 47  by ana, approved by carl   digest 09c1…  "AWS restated August"
//! ```
//! A statement is kept to the byte and never changes; a new version follows it. The newest one is binding until the
//! period is reopened. Every version after the first restates figures that people rely on, so it needs a reason and
//! the approval of a second person, after a reopening too.
//!
//! Does not read statements: what they say, and whether the difference adds up, is the caller's work.

use leap_terms::{Digest, Instant, Month};
use serde_json::{Value, json};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::audit::{self, AuditEntry};
use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::rows::{self, Cell, Record};
use crate::snapshot;

const COLUMNS: [&str; 11] = [
    "billing_period",
    "version",
    "snapshot",
    "closed_at",
    "actor",
    "digest",
    "body",
    "cause",
    "approved_by",
    "reason",
    "difference",
];

const REOPENED: &str = "period reopened";

/// What made a version of a statement.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum StatementCause {
    /// The period was closed: the first version.
    Close,
    /// What was published had to change: every later version.
    Restatement,
}

impl StatementCause {
    /// The word in the database and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            StatementCause::Close => "close",
            StatementCause::Restatement => "restatement",
        }
    }

    fn of(version: i64) -> StatementCause {
        if version == 1 { StatementCause::Close } else { StatementCause::Restatement }
    }

    /// The action in the audit trail.
    fn action(self) -> &'static str {
        match self {
            StatementCause::Close => "period closed",
            StatementCause::Restatement => "period restated",
        }
    }
}

impl std::str::FromStr for StatementCause {
    type Err = String;

    fn from_str(text: &str) -> Result<StatementCause, String> {
        match text {
            "close" => Ok(StatementCause::Close),
            "restatement" => Ok(StatementCause::Restatement),
            other => Err(format!("'{}' is no cause of a statement", other.escape_debug())),
        }
    }
}

/// A statement to be recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewStatement {
    /// The billing period.
    pub period: Month,
    /// 1 to close the period, the newest version + 1 to restate it. Of two that bring the same one, one wins.
    pub version: i64,
    /// The snapshot that it was made from.
    pub snapshot: i64,
    /// When.
    pub at: Instant,
    /// Who.
    pub actor: String,
    /// The statement: JSON, kept to the byte.
    pub body: String,
    /// Who approved it: a second person where it restates.
    pub approved_by: Option<String>,
    /// Why; needed where it restates.
    pub reason: Option<String>,
    /// The difference from the version before by cause: JSON.
    pub difference: Option<String>,
}

/// How a statement stopped being binding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reopening {
    /// When.
    pub at: Instant,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// A statement that was published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// The billing period.
    pub period: Month,
    /// Number, from 1, without gaps, per period.
    pub version: i64,
    /// The snapshot that it was made from.
    pub snapshot: i64,
    /// When it was recorded.
    pub closed_at: Instant,
    /// Who recorded it.
    pub actor: String,
    /// BLAKE3 of the body's bytes.
    pub digest: Digest,
    /// The statement, to the byte.
    pub body: String,
    /// What made it.
    pub cause: StatementCause,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// Why it was made.
    pub reason: Option<String>,
    /// The difference from the version before by cause: JSON.
    pub difference: Option<String>,
    /// How it stopped being binding without a later version.
    pub reopened: Option<Reopening>,
    /// True for the newest version of a period that was not reopened.
    pub binding: bool,
}

impl Statement {
    fn subject_of(period: Month, version: i64) -> String {
        format!("statement {period} version {version}")
    }

    /// What the audit trail says when it is recorded.
    fn detail(&self) -> Value {
        json!({
            "approved_by": self.approved_by,
            "difference": self.difference.as_ref().map(|text| Digest::of(text.as_bytes()).to_string()),
            "digest": self.digest.to_string(),
            "reason": self.reason,
            "snapshot": self.snapshot,
        })
    }

    fn audit_entry(&self) -> AuditEntry {
        AuditEntry {
            at: self.closed_at,
            actor: self.actor.clone(),
            action: self.cause.action().to_owned(),
            subject: Statement::subject_of(self.period, self.version),
            detail: self.detail(),
        }
    }

    fn reopening_entry(&self, reopening: &Reopening) -> AuditEntry {
        AuditEntry {
            at: reopening.at,
            actor: reopening.actor.clone(),
            action: REOPENED.to_owned(),
            subject: Statement::subject_of(self.period, self.version),
            detail: json!({ "digest": self.digest.to_string(), "reason": reopening.reason }),
        }
    }

    /// Its row, as the body's digest confirms it.
    fn from_row(row: &AnyRow, place: &Place) -> Result<Statement, BookError> {
        let record = Record { row, of: "statement", place };
        let reopened_by = record.maybe_text("reopened_by")?.zip(record.maybe_text("reopened_reason")?);
        let reopened = record.maybe_int("reopened_at")?.zip(reopened_by);
        let version = record.int("version")?;
        let statement = Statement {
            period: record.read("billing_period", str::parse)?,
            version,
            snapshot: record.int("snapshot")?,
            closed_at: record.at("closed_at")?,
            actor: record.text("actor")?,
            digest: record.read("digest", str::parse)?,
            body: record.text("body")?,
            cause: record.read("cause", str::parse)?,
            approved_by: record.maybe_text("approved_by")?,
            reason: record.maybe_text("reason")?,
            difference: record.maybe_text("difference")?,
            binding: reopened.is_none() && record.int("newest")? == version,
            reopened: reopened.map(|(at, (actor, reason))| Reopening { at: Instant::from_micros(at), actor, reason }),
        };
        if Digest::of(statement.body.as_bytes()) != statement.digest {
            let fault = format!("{} has another digest", Statement::subject_of(statement.period, version));
            return Err(BookError::Damaged { place: place.shown().to_owned(), fault });
        }
        Ok(statement)
    }
}

/// Statements by period and version: all, those of a period, or one.
async fn read(
    connection: &mut AnyConnection,
    place: &Place,
    period: Option<Month>,
    version: Option<i64>,
) -> Result<Vec<Statement>, BookError> {
    let rows = sqlx::query(
        "SELECT statement.*, latest.newest AS newest FROM statement
         JOIN (SELECT billing_period, MAX(version) AS newest FROM statement GROUP BY billing_period) latest
           ON latest.billing_period = statement.billing_period
         WHERE ($1 IS NULL OR statement.billing_period = $1) AND ($2 = 0 OR version = $2)",
    )
    .bind(period.map(|period| period.to_string()))
    .bind(version.unwrap_or(0))
    .fetch_all(connection)
    .await
    .map_err(|error| BookError::of(error, "read the statements", place))?;
    let mut statements = rows.iter().map(|row| Statement::from_row(row, place)).collect::<Result<Vec<_>, _>>()?;
    statements.sort_by_key(|statement| (statement.period, statement.version));
    Ok(statements)
}

/// What does not fit between the statements and the audit trail.
pub(crate) async fn check(connection: &mut AnyConnection, place: &Place) -> Result<Vec<String>, BookError> {
    let statements = read(connection, place, None, None).await?;
    let events = audit::of_actions(connection, place, "period %").await?;
    let is = |entry: &AuditEntry, cause: StatementCause| entry.action == cause.action();
    let published = events
        .iter()
        .filter(|event| is(&event.entry, StatementCause::Close) || is(&event.entry, StatementCause::Restatement))
        .count();
    let mut faults = Vec::new();
    if published != statements.len() {
        faults.push(format!("the audit trail knows of {published} statements, the book of {}", statements.len()));
    }
    for statement in &statements {
        let subject = Statement::subject_of(statement.period, statement.version);
        let expected = statement.audit_entry();
        let reopened = events
            .iter()
            .find(|event| event.entry.action == REOPENED && event.entry.subject == subject)
            .map(|event| &event.entry);
        let expected_reopening = statement.reopened.as_ref().map(|reopening| statement.reopening_entry(reopening));
        if !events.iter().any(|event| event.entry == expected) || reopened != expected_reopening.as_ref() {
            faults.push(format!("{subject} says something else than the audit trail"));
        }
    }
    Ok(faults)
}

/// People write their names as they like; for four eyes these are the same.
pub fn same_person(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// A restatement has the approval of somebody other than who asks for it.
///
/// # Errors
/// [`BookError::Unapproved`] where nobody is named, or the same person.
pub fn second_person(period: Month, version: i64, actor: &str, approved_by: Option<&str>) -> Result<(), BookError> {
    let approved = approved_by.filter(|name| !blank(Some(name)));
    if approved.is_none_or(|name| same_person(name, actor)) {
        return Err(BookError::Unapproved { period, version, actor: actor.to_owned() });
    }
    Ok(())
}

fn blank(text: Option<&str>) -> bool {
    text.is_none_or(|text| text.trim().is_empty())
}

impl NewStatement {
    /// What can be refused without a look at the book.
    fn check(&self) -> Result<(), BookError> {
        let subject = Statement::subject_of(self.period, self.version);
        rows::check_json(&subject, &self.body)?;
        if let Some(difference) = &self.difference {
            rows::check_json(&format!("the difference of {subject}"), difference)?;
        }
        if StatementCause::of(self.version) == StatementCause::Close {
            return Ok(());
        }
        if blank(self.reason.as_deref()) {
            return Err(BookError::Blank {
                subject: format!("the restatement of {}", self.period),
                missing: "a reason",
            });
        }
        second_person(self.period, self.version, &self.actor, self.approved_by.as_deref())
    }
}

impl Book {
    /// Records a statement, with an audit event: closes a period with version 1, restates it with a later one.
    ///
    /// # Errors
    /// [`BookError::StatementStale`] when the version does not follow the newest one; [`BookError::Unapproved`] and
    /// [`BookError::Blank`] for a restatement without a second person or a reason; [`BookError::NotJson`],
    /// [`BookError::NoSnapshot`], [`BookError::Backwards`]; others when the book cannot be written.
    pub async fn close_period(&self, new: &NewStatement) -> Result<Statement, BookError> {
        let doing = "record a statement";
        new.check()?;
        let subject = Statement::subject_of(new.period, new.version);
        let mut transaction = self.writing(doing).await?;
        let earlier = read(&mut transaction, &self.place, Some(new.period), None).await?;
        let newest = earlier.last().map(|statement| statement.version);
        let stale = BookError::StatementStale { period: new.period, version: new.version, newest };
        if new.version != newest.unwrap_or(0) + 1 {
            return Err(stale);
        }
        let source = snapshot::one(&mut transaction, &self.place, new.snapshot).await?;
        let before = earlier.last().map(|statement| {
            let reopened = statement.reopened.as_ref().map(|reopening| reopening.at);
            reopened.map_or(statement.closed_at, |at| at.max(statement.closed_at))
        });
        let last = before.map_or(source.recorded_at, |before| before.max(source.recorded_at));
        if last > new.at {
            return Err(BookError::Backwards { subject, at: new.at, last });
        }
        let statement = Statement {
            period: new.period,
            version: new.version,
            snapshot: new.snapshot,
            closed_at: new.at,
            actor: rows::storable(&new.actor),
            digest: Digest::of(new.body.as_bytes()),
            body: new.body.clone(),
            cause: StatementCause::of(new.version),
            approved_by: new.approved_by.as_deref().map(rows::storable),
            reason: new.reason.as_deref().map(rows::storable),
            difference: new.difference.clone(),
            reopened: None,
            binding: true,
        };
        let row = vec![
            Cell::text(statement.period),
            Cell::Int(statement.version),
            Cell::Int(statement.snapshot),
            Cell::at(statement.closed_at),
            Cell::text(&statement.actor),
            Cell::text(statement.digest),
            Cell::text(&statement.body),
            Cell::text(statement.cause.word()),
            Cell::maybe_text(statement.approved_by.as_ref()),
            Cell::maybe_text(statement.reason.as_ref()),
            Cell::maybe_text(statement.difference.as_ref()),
        ];
        match rows::insert(&mut transaction, "statement", &COLUMNS, row).await {
            Ok(()) => {}
            // The lock makes it impossible; should a server ever run us without, the primary key still decides.
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => return Err(stale),
            Err(error) => return Err(BookError::of(error, doing, &self.place)),
        }
        audit::append(&mut transaction, &self.place, &statement.audit_entry(), None).await?;
        self.commit(transaction, doing).await?;
        Ok(statement)
    }

    /// Makes the newest statement of a period no longer binding, with an audit event, and returns it.
    ///
    /// # Errors
    /// [`BookError::NotClosed`], [`BookError::ReopenedBefore`], [`BookError::Blank`] without a reason,
    /// [`BookError::Backwards`]; others when the book cannot be written.
    pub async fn reopen_period(
        &self,
        period: Month,
        actor: &str,
        reason: &str,
        at: Instant,
    ) -> Result<Statement, BookError> {
        let doing = "reopen a period";
        if blank(Some(reason)) {
            return Err(BookError::Blank { subject: format!("the reopening of {period}"), missing: "a reason" });
        }
        let mut transaction = self.writing(doing).await?;
        let statements = read(&mut transaction, &self.place, Some(period), None).await?;
        let mut newest = statements.into_iter().next_back().ok_or(BookError::NotClosed(period))?;
        if let Some(before) = newest.reopened {
            return Err(BookError::ReopenedBefore { period, actor: before.actor, at: before.at });
        }
        if newest.closed_at > at {
            return Err(BookError::Backwards {
                subject: format!("the reopening of {period}"),
                at,
                last: newest.closed_at,
            });
        }
        let reopening = Reopening { at, actor: rows::storable(actor), reason: rows::storable(reason) };
        sqlx::query(
            "UPDATE statement SET reopened_at = $1, reopened_by = $2, reopened_reason = $3
             WHERE billing_period = $4 AND version = $5",
        )
        .bind(reopening.at.micros())
        .bind(reopening.actor.clone())
        .bind(reopening.reason.clone())
        .bind(period.to_string())
        .bind(newest.version)
        .execute(&mut *transaction)
        .await
        .map_err(self.failed(doing))?;
        audit::append(&mut transaction, &self.place, &newest.reopening_entry(&reopening), None).await?;
        self.commit(transaction, doing).await?;
        newest.reopened = Some(reopening);
        newest.binding = false;
        Ok(newest)
    }

    /// All statements of a period, or of all periods, by period and version.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read, or a digest differs.
    pub async fn statements(&self, period: Option<Month>) -> Result<Vec<Statement>, BookError> {
        read(&mut *self.connection().await?, &self.place, period, None).await
    }

    /// One version of a period's statement, to the byte.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read, or the digest differs.
    pub async fn statement(&self, period: Month, version: i64) -> Result<Option<Statement>, BookError> {
        if version < 1 {
            return Ok(None);
        }
        Ok(read(&mut *self.connection().await?, &self.place, Some(period), Some(version)).await?.pop())
    }
}
