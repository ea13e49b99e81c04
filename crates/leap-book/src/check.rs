//! What `leap doctor` asks the book: does everything in it fit together?
//!
//! It looks at the database's pages, at the chain of snapshots, at versions of rules, org and so on, at the audit trail
//! and at reorgs, claims, approvals, statements and all records of acting against it, and, at the newest snapshot, at
//! scopes, files and proofs against each other. It does not open the lake's files: comparing
//! them with their records is the lake's work.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::tables::Table;
use leap_terms::{CostKind, DeliveryId, FileRecord, Money, ScopeKey};
use sqlx::{AnyConnection, Row};

use crate::book::Book;
use crate::config::{self, ConfigKind};
use crate::error::BookError;
use crate::scope::CurrentScope;
use crate::{
    account, approval, audit, claim, files, forecast, incident, kill_switch, outbox, plan, proof, reorg, scope,
    snapshot, statement, waiver,
};

/// What kind of thing does not fit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FindingKind {
    /// The database's own check failed.
    DatabaseDamaged,
    /// A row names another one that is not there.
    ReferenceBroken,
    /// The snapshots are no chain.
    SnapshotChainBroken,
    /// A snapshot names a version of rules, org, pools and so on that is missing, or one is damaged.
    ConfigBroken,
    /// A live file belongs to no current delivery.
    FileWithoutScope,
    /// A current scope's files do not hold what its control totals say.
    ScopeDiffersFromFiles,
    /// A current scope has charges and no proof, or a proof that says something else.
    ProofMissing,
    /// The audit trail does not hold.
    AuditBroken,
    /// A reorg is damaged, or the audit trail says something else.
    ReorgBroken,
    /// A claim is damaged, or the audit trail says something else.
    ClaimBroken,
    /// A person has a role that the audit trail does not know of, or lacks one.
    RoleBroken,
    /// An approval is damaged, or the audit trail says something else.
    ApprovalBroken,
    /// A statement is damaged, or the audit trail says something else.
    StatementBroken,
    /// A plan or what came with it (receipts, messages, forecasts) is damaged, or the audit trail says something else.
    PlanBroken,
    /// An incident is damaged, or the audit trail says something else.
    IncidentBroken,
    /// A waiver is damaged, or the audit trail says something else.
    WaiverBroken,
    /// A message stands where neither its attempts nor the audit trail brought it.
    MessageBroken,
    /// Scores of forecasts are not those that the audit trail knows.
    ScoreBroken,
    /// The audit trail knows of other stops and releases.
    KillSwitchBroken,
}

/// Something that does not fit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// What, and where, for people.
    pub message: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.message)
    }
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, kind: FindingKind, message: impl Into<String>) {
        self.0.push(Finding { kind, message: message.into() });
    }

    /// All faults, or the error that kept them from being looked for.
    fn note_all(&mut self, kind: FindingKind, result: Result<Vec<String>, BookError>) {
        for fault in self.note(kind, result).unwrap_or_default() {
            self.add(kind, fault);
        }
    }

    /// The value, or its error as a finding.
    fn note<T>(&mut self, kind: FindingKind, result: Result<T, BookError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(kind, error.to_string());
                None
            }
        }
    }
}

impl Book {
    /// Everything that does not fit together; empty for a sound book.
    ///
    /// # Errors
    /// [`BookError`] only when the book cannot be asked at all.
    pub async fn check(&self) -> Result<Vec<Finding>, BookError> {
        let mut findings = Findings(Vec::new());
        let mut transaction = self.reading("check").await?;
        if self.place.is_file() {
            let checked = self.check_pages(&mut transaction, &mut findings).await;
            findings.note(FindingKind::DatabaseDamaged, checked);
        }
        let checked = self.check_snapshots(&mut transaction, &mut findings).await;
        findings.note(FindingKind::SnapshotChainBroken, checked);
        let verified = audit::verify(&mut transaction, &self.place, &[]).await;
        findings.note(FindingKind::AuditBroken, verified);
        findings.note_all(FindingKind::ReorgBroken, reorg::check(&mut transaction, &self.place).await);
        findings.note_all(FindingKind::ClaimBroken, claim::check(&mut transaction, &self.place).await);
        findings.note_all(FindingKind::RoleBroken, account::check(&mut transaction, &self.place).await);
        findings.note_all(FindingKind::ApprovalBroken, approval::check(&mut transaction, &self.place).await);
        findings.note_all(FindingKind::StatementBroken, statement::check(&mut transaction, &self.place).await);
        findings.note_all(FindingKind::PlanBroken, plan::check(&mut transaction, &self.place).await);
        findings.note_all(FindingKind::IncidentBroken, incident::check(&mut transaction, &self.place).await);
        findings.note_all(FindingKind::WaiverBroken, waiver::check(&mut transaction, &self.place).await);
        findings.note_all(FindingKind::MessageBroken, outbox::check(&mut transaction, &self.place).await);
        findings.note_all(FindingKind::ScoreBroken, forecast::check(&mut transaction, &self.place).await);
        findings.note_all(FindingKind::KillSwitchBroken, kill_switch::check(&mut transaction, &self.place).await);
        Ok(findings.0)
    }

    async fn check_pages(&self, connection: &mut AnyConnection, findings: &mut Findings) -> Result<(), BookError> {
        let failed = self.failed("check the database's pages");
        for row in sqlx::query("PRAGMA integrity_check").fetch_all(&mut *connection).await.map_err(&failed)? {
            let verdict: String = row.try_get(0).map_err(&failed)?;
            if verdict != "ok" {
                findings.add(FindingKind::DatabaseDamaged, format!("the database is damaged: {verdict}"));
            }
        }
        for row in sqlx::query("PRAGMA foreign_key_check").fetch_all(connection).await.map_err(&failed)? {
            let table: String = row.try_get("table").map_err(&failed)?;
            let parent: String = row.try_get("parent").map_err(&failed)?;
            findings.add(
                FindingKind::ReferenceBroken,
                format!("a row of the table {table} names a row of {parent} that is not there"),
            );
        }
        Ok(())
    }

    async fn check_snapshots(&self, connection: &mut AnyConnection, findings: &mut Findings) -> Result<(), BookError> {
        let snapshots = snapshot::all(connection, &self.place).await?;
        let mut versions = BTreeMap::new();
        for kind in ConfigKind::ALL {
            let known = config::summaries(connection, &self.place, kind).await?;
            versions.insert(kind, known.into_iter().map(|version| version.id).collect::<BTreeSet<i64>>());
        }
        let mut expected = 1;
        for snapshot in &snapshots {
            if snapshot.id != expected || snapshot.parent != (expected > 1).then_some(expected - 1) {
                findings.add(
                    FindingKind::SnapshotChainBroken,
                    format!("snapshot {expected} is missing or does not follow the one before it"),
                );
            }
            expected = snapshot.id + 1;
            for kind in ConfigKind::ALL {
                if let Some(id) = snapshot.config_version(kind).filter(|id| !versions[&kind].contains(id)) {
                    findings.add(
                        FindingKind::ConfigBroken,
                        format!("snapshot {} names {} {id}, which is missing", snapshot.id, kind.word()),
                    );
                }
            }
        }
        let Some(head) = snapshots.last() else { return Ok(()) };
        let current = scope::current(connection, &self.place, head.id, None).await;
        let live = files::live(connection, &self.place, head.id).await;
        let proofs = proof::proofs(connection, &self.place, head.id).await;
        let current = findings.note(FindingKind::ScopeDiffersFromFiles, current).unwrap_or_default();
        let live = findings.note(FindingKind::ScopeDiffersFromFiles, live).unwrap_or_default();
        let proofs = findings.note(FindingKind::ProofMissing, proofs).unwrap_or_default();
        check_files(&current, &live, findings);
        check_proofs(&current, &proofs, findings);
        // Versions are read one by one, as each may be large.
        for kind in ConfigKind::ALL {
            if let Some(id) = head.config_version(kind) {
                let version = self.config_version(kind, id).await;
                findings.note(FindingKind::ConfigBroken, version);
            }
        }
        Ok(())
    }
}

/// Control totals of the charges' files against those of intake.
fn check_files(current: &[CurrentScope], live: &[FileRecord], findings: &mut Findings) {
    let mut charges = BTreeMap::<(&ScopeKey, &DeliveryId), Vec<&FileRecord>>::new();
    let held: BTreeSet<_> = current.iter().map(|current| (&current.scope, &current.delivery)).collect();
    for file in live {
        if !held.contains(&(&file.scope, &file.delivery)) {
            findings.add(
                FindingKind::FileWithoutScope,
                format!(
                    "file {} belongs to delivery {}, which is not current for {}",
                    file.path, file.delivery, file.scope
                ),
            );
        }
        if file.table == Table::Charges {
            charges.entry((&file.scope, &file.delivery)).or_default().push(file);
        }
    }
    for current in current {
        let files = charges.get(&(&current.scope, &current.delivery)).map(Vec::as_slice).unwrap_or_default();
        let rows: u64 = files.iter().map(|file| file.rows).sum();
        if rows != current.facts.rows {
            findings.add(
                FindingKind::ScopeDiffersFromFiles,
                format!(
                    "{} of delivery {} has {} charges, its files hold {rows}",
                    current.scope, current.delivery, current.facts.rows
                ),
            );
            continue;
        }
        for kind in CostKind::ALL {
            // A control sum only: over all currencies, as the files keep it.
            let accepted: Money = current.facts.totals.iter().map(|total| total.costs[kind]).sum();
            let written: Money = files.iter().filter_map(|file| file.sums.get(kind.column())).copied().sum();
            if accepted != written {
                findings.add(
                    FindingKind::ScopeDiffersFromFiles,
                    format!(
                        "{} of delivery {}: the {kind} control sum is {accepted}, its files hold {written}",
                        current.scope, current.delivery
                    ),
                );
            }
        }
    }
}

/// Each current scope's totals against its proofs.
fn check_proofs(current: &[CurrentScope], proofs: &[proof::ProofRow], findings: &mut Findings) {
    let mut accepted = BTreeMap::new();
    for current in current {
        for total in &current.facts.totals {
            for kind in CostKind::ALL {
                *accepted.entry((&current.scope, &total.currency, kind)).or_insert(Money::ZERO) += total.costs[kind];
            }
        }
    }
    let proved: BTreeMap<_, _> =
        proofs.iter().map(|proof| ((&proof.scope, &proof.currency, proof.cost), proof.accepted)).collect();
    for (key @ (scope, currency, kind), accepted) in &accepted {
        match proved.get(key) {
            None => findings.add(FindingKind::ProofMissing, format!("{scope} has no proof for {currency} {kind}")),
            Some(proved) if proved != accepted => findings.add(
                FindingKind::ProofMissing,
                format!("{scope}: {accepted} {currency} {kind} were accepted, but the proof is of {proved}"),
            ),
            Some(_) => {}
        }
    }
    for (scope, currency, kind) in proved.keys().filter(|key| !accepted.contains_key(*key)) {
        findings
            .add(FindingKind::ProofMissing, format!("{scope} has a proof for {currency} {kind} and no such charges"));
    }
}
