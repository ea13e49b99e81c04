//! The book: the small records that change, and the one row that decides which world a reader sees.
//!
//! ```text
//! snapshot 12  parent 11  2026-09-17T08:00:00Z  ingest september.csv.gz  rules 3  org 1
//!   scope  focus:aws:958667946125 2026-09   delivery 4bf0… (supersedes 09c1…)
//!   files  + charges/…, cube/…, attribution/…   − those of 09c1…
//!   proof  USD effective  3,123 rows  accepted 864.696128021277  difference 0
//!   audit  #31 publish by ana, chained to #30
//! reorg 3    applied in snapshot 12, effective 2026-07-01
//! claim 7    opened by ana, accepted by carl with snapshot 12
//! statement  2026-08 version 1, made from snapshot 12
//! plan 31    made from snapshot 12: 2 receipts, incident 3 opened, messages 9 and 10
//! ```
//! [`Book::publish`] writes all of that in one transaction, in SQLite by default or in PostgreSQL by URL. Everything
//! that holds for a while names the snapshot from which and the one until which it holds, so every question can be
//! asked at any snapshot: [`Book::snapshot_known_on`] turns a date into one.
//!
//! What happens beside the snapshots has records of its own, which are only added to: [`Claim`], [`Approval`] and
//! [`Statement`].
//!
//! [`Book::act`] is to what is decided as [`Book::publish`] is to facts: one transaction with a [`Plan`], its receipts,
//! what it does to an [`Incident`] and a [`Waiver`], the forecasts it freezes and the messages it puts into the outbox.
//! [`Book::claim_due`] hands these out to be sent.
//!
//! Reading order: [`Publish`] (what goes in), [`Snapshot`] and the other records (what comes out), [`Act`] and the
//! records of acting, [`Book`], the [audit trail](AuditEvent) and its [`Checkpoint`], [`Book::check`], then `schema`
//! and `migrations/`, which say how it is stored.
//!
//! What is absent on purpose: a clock (each call says when), the lake's files (their paths are only recorded), floats
//! (amounts are exact text), and the states that a delivery passes on its way in (received, complete, verified): a
//! crash before the publish leaves nothing behind, so there is nothing to record. Nor does it hold the keys that sign
//! its checkpoints.

mod account;
mod act;
mod approval;
mod attempt;
mod audit;
mod backup;
mod book;
mod check;
mod checkpoint;
mod claim;
mod config;
mod delivery;
mod error;
mod files;
mod forecast;
mod incident;
mod kill_switch;
mod outbox;
mod place;
mod plan;
mod proof;
mod publish;
mod quarantine;
mod refusal;
mod reorg;
mod residual;
mod rows;
mod schedule;
mod schema;
mod scope;
mod session;
mod signature;
mod snapshot;
mod statement;
mod traces;
mod waiver;

pub use account::Account;
pub use act::{Act, Acted};
pub use approval::{Approval, ApprovalAnswer, ApprovalKind, ApprovalOutcome, NewApproval};
pub use attempt::{Attempt, AttemptOutcome};
pub use audit::{AuditBreak, AuditEntry, AuditEvent, AuditFilter, AuditHead, EventEdit};
pub use book::Book;
pub use check::{Finding, FindingKind};
pub use checkpoint::{Checkpoint, CheckpointFault};
pub use claim::{Claim, ClaimEvent, ClaimFilter, ClaimKind, ClaimState, ClaimStep, NewClaim, NewClaimEvent};
pub use config::{ConfigFile, ConfigFiles, ConfigKind, ConfigSummary, ConfigVersion};
pub use delivery::{DeliveryDetail, DeliveryFilter, DeliveryRow, DeliveryState};
pub use error::BookError;
pub use forecast::{ForecastFilter, ForecastScore, Frozen, FrozenForecast, NewForecast, NewScore};
pub use incident::{
    Incident, IncidentEvent, IncidentFilter, IncidentRef, IncidentState, IncidentStep, NewIncident, NewIncidentEvent,
};
pub use kill_switch::KillSwitchEvent;
pub use outbox::{
    Cancellation, ClaimedAttempt, ClaimedMessage, Enqueued, Fold, MessageFilter, MessageState, MessageUrgency,
    NewMessage, OutboxDepth, OutboxMessage, SendAttempt, SendClaim, SendEnd, SendOutcome, SendReport,
};
pub use plan::{NewPlan, NewReceipt, Plan, Receipt};
pub use proof::{OwnerTotal, ProofRow};
pub use publish::{Publish, PublishedDelivery};
pub use quarantine::{QuarantineFilter, QuarantineId, QuarantineRow};
pub use refusal::Refusal;
pub use reorg::{NewReorg, Reorg};
pub use residual::ResidualPoint;
pub use schedule::{Lease, Schedule, ScheduleRun};
pub use schema::SCHEMA_VERSION;
pub use scope::{CurrentScope, KnownSource, ScopeDays};
pub use session::{Session, Token};
pub use signature::{PublicKey, Signature, SignatureFault, SigningKey};
pub use snapshot::Snapshot;
pub use statement::{NewStatement, Reopening, Statement, StatementCause, same_person, second_person};
pub use traces::{NewTraces, RecordedTraces, SeriesState, ServiceFact, TraceDelivery, TraceFile, TraceHead};
pub use waiver::{NewWaiver, NewWaiverEvent, Waiver, WaiverEvent, WaiverFilter, WaiverState, WaiverStep};
