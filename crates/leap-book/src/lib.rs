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
//! ```
//! [`Book::publish`] writes all of that in one transaction, in SQLite by default or in PostgreSQL by URL. Everything
//! that holds for a while names the snapshot from which and the one until which it holds, so every question can be
//! asked at any snapshot: [`Book::snapshot_known_on`] turns a date into one.
//!
//! What happens beside the snapshots has records of its own, which are only added to: [`Claim`], [`Approval`] and [`Statement`].
//!
//! Reading order: [`Publish`] (what goes in), [`Snapshot`] and the other records (what comes out), [`Book`], the
//! [audit trail](AuditEvent), [`Book::check`], then `schema` and `migrations/`, which say how it is stored.
//!
//! What is absent on purpose: a clock (each call says when), the lake's files (their paths are only recorded), floats
//! (amounts are exact text), and the states that a delivery passes on its way in (received, complete, verified): a
//! crash before the publish leaves nothing behind, so there is nothing to record.

mod account;
mod approval;
mod attempt;
mod audit;
mod backup;
mod book;
mod check;
mod claim;
mod config;
mod delivery;
mod error;
mod files;
mod place;
mod proof;
mod publish;
mod quarantine;
mod reorg;
mod residual;
mod rows;
mod schema;
mod scope;
mod session;
mod snapshot;
mod statement;
mod traces;

pub use account::Account;
pub use approval::{Approval, ApprovalAnswer, ApprovalKind, ApprovalOutcome, NewApproval};
pub use attempt::{Attempt, AttemptOutcome};
pub use audit::{AuditBreak, AuditEntry, AuditEvent, AuditFilter, AuditHead};
pub use book::Book;
pub use check::{Finding, FindingKind};
pub use claim::{Claim, ClaimEvent, ClaimFilter, ClaimKind, ClaimState, ClaimStep, NewClaim, NewClaimEvent};
pub use config::{ConfigFile, ConfigFiles, ConfigKind, ConfigSummary, ConfigVersion};
pub use delivery::{DeliveryDetail, DeliveryFilter, DeliveryRow, DeliveryState};
pub use error::BookError;
pub use proof::{OwnerTotal, ProofRow};
pub use publish::{Publish, PublishedDelivery};
pub use quarantine::{QuarantineFilter, QuarantineId, QuarantineRow};
pub use reorg::{NewReorg, Reorg};
pub use residual::ResidualPoint;
pub use schema::SCHEMA_VERSION;
pub use scope::{CurrentScope, KnownSource};
pub use session::{Session, Token};
pub use snapshot::Snapshot;
pub use statement::{NewStatement, Reopening, Statement, StatementCause, second_person};
pub use traces::{NewTraces, RecordedTraces, SeriesState, ServiceFact, TraceDelivery, TraceFile, TraceHead};
