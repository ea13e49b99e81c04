//! Plans that were performed, and the receipts of what they did.
//!
//! ```text
//! plan 31     4bf0…  from snapshot 12  made 2026-09-16T08:00:00Z by leap  performed 08:00:01 by leap  "leap decide"
//!   step 1    leap:incident_opened:latency:checkout    done 08:00:01
//!   step 2    leap:budget_warned:payments:2026-09      done 08:00:01
//! ```
//! A plan is kept to the byte and is performed once: its digest is unique. A receipt is of a step that was done; its
//! idempotency key is unique over all time, so no later plan does the same again. What was not done leaves no receipt.
//! [`Book::act`] is the only way in; its audit event has digests of all that came with the plan, so that `check` finds
//! what was changed afterwards.
//!
//! Does not read plans: what a step is, and whether it may be done, was checked before.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::{Digest, Instant};
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::act::Act;
use crate::audit::{self, AuditEntry};
use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::refusal::Refusal;
use crate::rows::{self, Cell, Insert, Record};
use crate::{forecast, outbox, snapshot};

const COLUMNS: [&str; 9] =
    ["number", "digest", "snapshot", "made_at", "made_by", "performed_at", "performed_by", "cause", "content"];
const RECEIPT_COLUMNS: [&str; 5] = ["plan", "step", "idempotency_key", "done_at", "note"];
const PERFORMED: &str = "plan performed";

/// A plan that is to be performed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewPlan {
    /// The snapshot that it was made from; `None` in a home without one (of traces alone).
    pub snapshot: Option<i64>,
    /// When it was made.
    pub made_at: Instant,
    /// Who made it.
    pub made_by: String,
    /// The plan: JSON, kept to the byte.
    pub content: String,
}

/// A step that was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewReceipt {
    /// Which step of the plan.
    pub step: i64,
    /// What it is known by over all time: the same doing has the same key in every plan.
    pub idempotency_key: String,
    /// When.
    pub done_at: Instant,
    /// What came of it.
    pub note: Option<String>,
}

/// A plan that was performed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Number, from 1, without gaps.
    pub number: i64,
    /// BLAKE3 of the content's bytes.
    pub digest: Digest,
    /// The snapshot that it was made from.
    pub snapshot: Option<i64>,
    /// When it was made.
    pub made_at: Instant,
    /// Who made it.
    pub made_by: String,
    /// When it was performed.
    pub performed_at: Instant,
    /// Who performed it.
    pub performed_by: String,
    /// What for: `leap decide`, `waiver 4 granted` …
    pub cause: String,
    /// The plan, to the byte.
    pub content: String,
}

/// A step that was done, as it was recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// The plan.
    pub plan: i64,
    /// Which step of it.
    pub step: i64,
    /// What it is known by over all time.
    pub idempotency_key: String,
    /// When.
    pub done_at: Instant,
    /// What came of it.
    pub note: Option<String>,
}

impl Plan {
    fn trail_subject(number: i64) -> String {
        format!("plan {number}")
    }

    fn from_row(row: &AnyRow, place: &Place) -> Result<Plan, BookError> {
        let record = Record { row, of: "plan", place };
        let plan = Plan {
            number: record.int("number")?,
            digest: record.read("digest", str::parse)?,
            snapshot: record.maybe_int("snapshot")?,
            made_at: record.at("made_at")?,
            made_by: record.text("made_by")?,
            performed_at: record.at("performed_at")?,
            performed_by: record.text("performed_by")?,
            cause: record.text("cause")?,
            content: record.text("content")?,
        };
        if Digest::of(plan.content.as_bytes()) != plan.digest {
            let fault = format!("the content of plan {} has another digest", plan.number);
            return Err(BookError::Damaged { place: place.shown().to_owned(), fault });
        }
        Ok(plan)
    }

    /// What the audit trail says of it and of what came with it.
    fn audit_entry(&self, with: &WithPlan) -> AuditEntry {
        AuditEntry {
            at: self.performed_at,
            actor: self.performed_by.clone(),
            action: PERFORMED.to_owned(),
            subject: Plan::trail_subject(self.number),
            detail: json!({
                "cause": self.cause,
                "digest": self.digest.to_string(),
                "forecasts": with.forecasts.to_string(),
                "made_at": self.made_at.micros(),
                "made_by": self.made_by,
                "messages": with.messages.to_string(),
                "receipts": with.receipts.to_string(),
                "snapshot": self.snapshot,
            }),
        }
    }
}

impl Receipt {
    fn from_row(row: &AnyRow, place: &Place) -> Result<Receipt, BookError> {
        let record = Record { row, of: "receipt", place };
        Ok(Receipt {
            plan: record.int("plan")?,
            step: record.int("step")?,
            idempotency_key: record.text("idempotency_key")?,
            done_at: record.at("done_at")?,
            note: record.maybe_text("note")?,
        })
    }
}

/// Digests of all that came with a plan.
struct WithPlan {
    receipts: Digest,
    messages: Digest,
    forecasts: Digest,
}

impl WithPlan {
    async fn read(connection: &mut AnyConnection, place: &Place, plan: i64) -> Result<WithPlan, BookError> {
        let receipts = receipts(connection, place, plan).await?;
        let lines = receipts.iter().map(|receipt| {
            let Receipt { plan: _, step, idempotency_key, done_at, note } = receipt;
            json!([step, idempotency_key, done_at.micros(), note]).to_string()
        });
        Ok(WithPlan {
            receipts: rows::lines_digest(lines),
            messages: outbox::digest_of_plan(connection, place, plan).await?,
            forecasts: forecast::digest_of_plan(connection, place, plan).await?,
        })
    }
}

/// Refuses a plan that cannot be performed now, in this order: known, stale, a step done before.
pub(crate) async fn refuse(connection: &mut AnyConnection, place: &Place, act: &Act) -> Result<(), BookError> {
    rows::check_json("the content of a plan", &act.plan.content)?;
    rows::not_blank("a plan", "who made it", &act.plan.made_by)?;
    rows::not_blank("a plan", "who performs it", &act.actor)?;
    let digest = Digest::of(act.plan.content.as_bytes());
    if let Some(known) = of_digest(connection, place, digest).await? {
        return Err(Refusal::PlanKnown { number: known.number, digest, at: known.performed_at }.into());
    }
    let head = snapshot::head(connection, place).await?;
    let head_id = head.as_ref().map(|head| head.id);
    if head_id != act.plan.snapshot {
        return Err(Refusal::PlanStale { snapshot: act.plan.snapshot, head: head_id }.into());
    }
    let (mut keys, mut steps) = (BTreeSet::new(), BTreeSet::new());
    for receipt in &act.receipts {
        rows::not_blank("a receipt", "an idempotency key", &receipt.idempotency_key)?;
        if !keys.insert(rows::storable(&receipt.idempotency_key)) {
            return Err(Refusal::KeyTwice { key: receipt.idempotency_key.clone() }.into());
        }
        if !steps.insert(receipt.step) {
            return Err(Refusal::StepTwice { step: receipt.step }.into());
        }
    }
    let keys: Vec<String> = keys.into_iter().collect();
    if let Some(Receipt { plan, step, idempotency_key, done_at, .. }) = of_keys(connection, place, &keys).await?.pop() {
        return Err(Refusal::StepDone { key: idempotency_key, plan, step, at: done_at }.into());
    }
    let before = newest(connection, place).await?.map(|plan| plan.performed_at);
    let known = [Some(act.plan.made_at), head.map(|head| head.recorded_at), before];
    match known.into_iter().flatten().max().filter(|last| *last > act.at) {
        Some(last) => Err(BookError::Backwards { subject: "a plan".to_owned(), at: act.at, last }),
        None => Ok(()),
    }
}

/// Records a plan that [`refuse`] let pass, with its receipts.
pub(crate) async fn record(connection: &mut AnyConnection, place: &Place, act: &Act) -> Result<Plan, BookError> {
    let failed = |error| BookError::of(error, "record a plan", place);
    let plan = Plan {
        number: rows::newest(connection, "plan").await.map_err(failed)? + 1,
        digest: Digest::of(act.plan.content.as_bytes()),
        snapshot: act.plan.snapshot,
        made_at: act.plan.made_at,
        made_by: rows::storable(&act.plan.made_by),
        performed_at: act.at,
        performed_by: rows::storable(&act.actor),
        cause: rows::storable(&act.cause),
        content: act.plan.content.clone(),
    };
    let row = vec![
        Cell::Int(plan.number),
        Cell::text(plan.digest),
        Cell::maybe_int(plan.snapshot),
        Cell::at(plan.made_at),
        Cell::text(&plan.made_by),
        Cell::at(plan.performed_at),
        Cell::text(&plan.performed_by),
        Cell::text(&plan.cause),
        Cell::text(&plan.content),
    ];
    rows::insert(connection, "plan", &COLUMNS, row).await.map_err(failed)?;
    let mut receipts = Insert::into("receipt", &RECEIPT_COLUMNS);
    for receipt in &act.receipts {
        let row = vec![
            Cell::Int(plan.number),
            Cell::Int(receipt.step),
            Cell::text(rows::storable(&receipt.idempotency_key)),
            Cell::at(receipt.done_at),
            Cell::maybe_text(receipt.note.as_deref().map(rows::storable)),
        ];
        receipts.row(connection, row).await.map_err(failed)?;
    }
    receipts.end(connection).await.map_err(failed)?;
    Ok(plan)
}

/// Tells the audit trail of a plan, once all that comes with it is recorded.
pub(crate) async fn tell(connection: &mut AnyConnection, place: &Place, plan: &Plan) -> Result<(), BookError> {
    let with = WithPlan::read(connection, place, plan.number).await?;
    audit::append(connection, place, &plan.audit_entry(&with), plan.snapshot).await?;
    Ok(())
}

async fn of_digest(connection: &mut AnyConnection, place: &Place, digest: Digest) -> Result<Option<Plan>, BookError> {
    let row = sqlx::query("SELECT * FROM plan WHERE digest = $1")
        .bind(digest.to_string())
        .fetch_optional(connection)
        .await
        .map_err(|error| BookError::of(error, "read a plan", place))?;
    row.map(|row| Plan::from_row(&row, place)).transpose()
}

async fn newest(connection: &mut AnyConnection, place: &Place) -> Result<Option<Plan>, BookError> {
    let row = sqlx::query("SELECT * FROM plan ORDER BY number DESC LIMIT 1")
        .fetch_optional(connection)
        .await
        .map_err(|error| BookError::of(error, "read the newest plan", place))?;
    row.map(|row| Plan::from_row(&row, place)).transpose()
}

async fn receipts(connection: &mut AnyConnection, place: &Place, plan: i64) -> Result<Vec<Receipt>, BookError> {
    let rows = sqlx::query("SELECT * FROM receipt WHERE plan = $1 ORDER BY step")
        .bind(plan)
        .fetch_all(connection)
        .await
        .map_err(|error| BookError::of(error, "read receipts", place))?;
    rows.iter().map(|row| Receipt::from_row(row, place)).collect()
}

/// The receipts that there are of these keys.
async fn of_keys(connection: &mut AnyConnection, place: &Place, keys: &[String]) -> Result<Vec<Receipt>, BookError> {
    let mut found = Vec::new();
    for chunk in keys.chunks(rows::rows_at_a_time(1)) {
        let placeholders = rows::placeholders(1, chunk.len());
        let sql = format!("SELECT * FROM receipt WHERE idempotency_key IN ({placeholders}) ORDER BY plan, step");
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for key in chunk {
            query = query.bind(rows::storable(key));
        }
        let rows =
            query.fetch_all(&mut *connection).await.map_err(|error| BookError::of(error, "read receipts", place))?;
        for row in &rows {
            found.push(Receipt::from_row(row, place)?);
        }
    }
    Ok(found)
}

/// What does not fit between plans, what came with them, and the audit trail.
pub(crate) async fn check(connection: &mut AnyConnection, place: &Place) -> Result<Vec<String>, BookError> {
    let rows = sqlx::query("SELECT * FROM plan ORDER BY number")
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| BookError::of(error, "read the plans", place))?;
    let mut events = BTreeMap::<String, Vec<audit::AuditEvent>>::new();
    for event in audit::of_actions(connection, place, PERFORMED).await? {
        events.entry(event.entry.subject.clone()).or_default().push(event);
    }
    let mut faults = Vec::new();
    for row in &rows {
        let plan = Plan::from_row(row, place)?;
        let expected = plan.audit_entry(&WithPlan::read(connection, place, plan.number).await?);
        let subject = Plan::trail_subject(plan.number);
        let agrees = |event: &audit::AuditEvent| event.entry == expected && event.snapshot == plan.snapshot;
        let own = events.remove(&subject).unwrap_or_default();
        if own.len() != 1 || !own.iter().all(agrees) {
            faults.push(format!("{subject}, its receipts, messages or forecasts are not what the audit trail says"));
        }
    }
    faults.extend(events.into_keys().map(|subject| format!("{subject} stands in the audit trail only")));
    Ok(faults)
}

impl Book {
    /// The plan of that number.
    ///
    /// # Errors
    /// [`Refusal::NoPlan`]; others when the book cannot be read, or it is damaged.
    pub async fn plan(&self, number: i64) -> Result<Plan, BookError> {
        let row = sqlx::query("SELECT * FROM plan WHERE number = $1")
            .bind(number)
            .fetch_optional(&mut *self.connection().await?)
            .await
            .map_err(self.failed("read a plan"))?;
        row.map_or_else(|| Err(Refusal::NoPlan(number).into()), |row| Plan::from_row(&row, &self.place))
    }

    /// The newest plans, the newest one first.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read, or one is damaged.
    pub async fn plans(&self, limit: u32) -> Result<Vec<Plan>, BookError> {
        let rows = sqlx::query("SELECT * FROM plan ORDER BY number DESC LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(&mut *self.connection().await?)
            .await
            .map_err(self.failed("read the plans"))?;
        rows.iter().map(|row| Plan::from_row(row, &self.place)).collect()
    }

    /// The receipts of a plan, by step.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn receipts(&self, plan: i64) -> Result<Vec<Receipt>, BookError> {
        receipts(&mut *self.connection().await?, &self.place, plan).await
    }

    /// The receipts that there are of these idempotency keys: what a plan must not do again.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn receipts_of(&self, keys: &[String]) -> Result<Vec<Receipt>, BookError> {
        of_keys(&mut *self.connection().await?, &self.place, keys).await
    }
}
