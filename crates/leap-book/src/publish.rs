//! Publishing: the one transaction that makes a new world visible.
//!
//! It refuses what cannot be right before it writes (a proof with a difference, a scope held by a delivery that nothing
//! supersedes, a file of a delivery that does not count, a time before the parent's), and inserts the snapshot row under
//! its parent: of two writers with one parent, one wins and the other learns that it is [stale](BookError::Stale).
//!
//! What explains a new world goes with it: the reorg that it applies or reverts, the answer that makes a claim hold.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::tables::Table;
use leap_terms::{Delivery, DeliveryId, Digest, FileRecord, Instant, ScopeKey};
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::audit::{self, AuditEntry};
use crate::book::Book;
use crate::claim::{self, NewClaimEvent};
use crate::config::{self, ConfigFiles, ConfigKind};
use crate::delivery::{self, NewDelivery};
use crate::error::BookError;
use crate::proof::{self, OwnerTotal, ProofRow};
use crate::reorg::{self, NewReorg};
use crate::rows::{self, Cell};
use crate::snapshot::{self, Snapshot};
use crate::{files, quarantine, scope};

const SNAPSHOT_COLUMNS: [&str; 15] = [
    "id",
    "parent",
    "digest",
    "recorded_at",
    "cause",
    "actor",
    "table_versions",
    ConfigKind::ALL[0].column(),
    ConfigKind::ALL[1].column(),
    ConfigKind::ALL[2].column(),
    ConfigKind::ALL[3].column(),
    ConfigKind::ALL[4].column(),
    ConfigKind::ALL[5].column(),
    ConfigKind::ALL[6].column(),
    ConfigKind::ALL[7].column(),
];

/// A delivery to be published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublishedDelivery {
    /// All that was found in it, its quarantined rows included.
    pub delivery: Delivery,
    /// The deliveries that it replaces, per scope. Empty for a new scope and for appending sources. It may name a
    /// scope that the new delivery does not have.
    pub supersedes: Vec<(ScopeKey, DeliveryId)>,
}

/// Everything that changes with one snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publish {
    /// The snapshot that it was made from; `None` for the first.
    pub parent: Option<i64>,
    /// When.
    pub at: Instant,
    /// Digest of the new snapshot's content.
    pub digest: Digest,
    /// `ingest …`, `rules apply`, `org apply`.
    pub cause: String,
    /// Who.
    pub actor: String,
    /// Deliveries that become current.
    pub deliveries: Vec<PublishedDelivery>,
    /// Files that become live; they lie in the lake and are synced.
    pub add: Vec<FileRecord>,
    /// Paths of live files that stop being live.
    pub remove: Vec<String>,
    /// A new rule set, when it changes; without files it takes the present one out of force.
    pub rules: Option<ConfigFiles>,
    /// A new org, when it changes; without files it takes the present one out of force.
    pub org: Option<ConfigFiles>,
    /// New pools, rates, claims, business volume, budgets, contracts, where they change (rules and org may stand here
    /// too, instead of in their fields); without files an entry takes the present ones out of force.
    pub configs: BTreeMap<ConfigKind, ConfigFiles>,
    /// A reorg that this snapshot applies.
    pub reorg: Option<NewReorg>,
    /// The number of an earlier reorg that this snapshot reverts. Together with `reorg` the new one is recorded as the
    /// reversal of it.
    pub revert: Option<i64>,
    /// What happens to claims with this snapshot: acceptances that change the attribution.
    pub claim_events: Vec<NewClaimEvent>,
    /// Proofs of all scopes that were attributed anew: they replace all earlier ones of these scopes.
    pub proofs: Vec<ProofRow>,
    /// What each owner got of these scopes.
    pub owner_totals: Vec<OwnerTotal>,
    /// What single owners have of further scopes, where little of a scope changes; all other owners keep what they have of it.
    /// A scope with proofs that is named neither here nor in `owner_totals` has no owners any more.
    /// An owner without charges has nothing of the scope any more.
    pub owner_changes: Vec<OwnerTotal>,
    /// The version of each table's log in the lake; tables that are not named keep their parent's.
    pub table_versions: BTreeMap<Table, i64>,
}

impl Publish {
    /// An empty publish, to be filled in.
    pub fn new(
        parent: Option<i64>,
        digest: Digest,
        cause: impl Into<String>,
        actor: impl Into<String>,
        at: Instant,
    ) -> Publish {
        Publish {
            parent,
            at,
            digest,
            cause: cause.into(),
            actor: actor.into(),
            deliveries: Vec::new(),
            add: Vec::new(),
            remove: Vec::new(),
            rules: None,
            org: None,
            configs: BTreeMap::new(),
            reorg: None,
            revert: None,
            claim_events: Vec::new(),
            proofs: Vec::new(),
            owner_totals: Vec::new(),
            owner_changes: Vec::new(),
            table_versions: BTreeMap::new(),
        }
    }

    /// The new files of a kind, when it changes.
    fn config(&self, kind: ConfigKind) -> Result<Option<&ConfigFiles>, BookError> {
        let own = match kind {
            ConfigKind::Rules => self.rules.as_ref(),
            ConfigKind::Org => self.org.as_ref(),
            ConfigKind::Pools
            | ConfigKind::Rates
            | ConfigKind::Claims
            | ConfigKind::Volume
            | ConfigKind::Budgets
            | ConfigKind::Contracts => None,
        };
        match (own, self.configs.get(&kind)) {
            (Some(_), Some(_)) => Err(BookError::ConfigGivenTwice { kind: kind.word() }),
            (own, other) => Ok(own.or(other)),
        }
    }

    /// The first proof that does not hold.
    fn check_proofs(&self) -> Result<(), BookError> {
        let broken = self
            .proofs
            .iter()
            .find(|proof| !proof.difference.is_zero() || proof.attributed - proof.accepted != proof.difference);
        match broken {
            None => Ok(()),
            Some(proof) => Err(BookError::Unproved {
                scope: proof.scope.clone(),
                currency: proof.currency.clone(),
                cost: proof.cost,
                difference: proof.attributed - proof.accepted,
            }),
        }
    }

    /// Digest over what becomes live and what stops: an edit of the list of files shows in the audit trail.
    fn files_digest(&self) -> Digest {
        let mut lines: Vec<String> =
            self.add.iter().map(|file| format!("+ {} {} {}", file.digest, file.rows, file.path)).collect();
        lines.extend(self.remove.iter().map(|path| format!("- {path}")));
        lines.sort_unstable();
        Digest::of(lines.join("\n").as_bytes())
    }

    fn audit_detail(&self, snapshot: &Snapshot) -> Value {
        let deliveries: Vec<Value> = self
            .deliveries
            .iter()
            .map(|published| {
                let scopes: Vec<Value> = published
                    .delivery
                    .scopes
                    .iter()
                    .map(|facts| {
                        json!({
                            "scope": facts.scope.to_string(),
                            "rows": facts.rows,
                            "digest": facts.digest.to_string(),
                        })
                    })
                    .collect();
                let supersedes: Vec<Value> = published
                    .supersedes
                    .iter()
                    .map(|(scope, id)| json!({ "scope": scope.to_string(), "delivery": id.as_str() }))
                    .collect();
                json!({ "id": published.delivery.id.as_str(), "scopes": scopes, "supersedes": supersedes })
            })
            .collect();
        let mut detail = audit::snapshot_detail(snapshot);
        detail.insert("deliveries".to_owned(), Value::from(deliveries));
        detail.insert("files".to_owned(), Value::from(self.files_digest().to_string()));
        detail.insert("files_added".to_owned(), Value::from(self.add.len()));
        detail.insert("files_removed".to_owned(), Value::from(self.remove.len()));
        Value::Object(detail)
    }
}

impl Book {
    /// Publishes a new snapshot: all of it or nothing. When it returns, the snapshot is on disk.
    ///
    /// # Errors
    /// [`BookError::Stale`] when the parent is no longer the newest; [`BookError::Unproved`],
    /// [`BookError::ScopeTaken`], [`BookError::NotCurrent`], [`BookError::FileTwice`], [`BookError::FileNotLive`],
    /// [`BookError::FileWithoutScope`], [`BookError::FileOfSuperseded`], [`BookError::ConfigTwice`],
    /// [`BookError::ConfigGivenTwice`], [`BookError::Backwards`], [`BookError::NoReorg`], [`BookError::ReorgReverted`],
    /// [`BookError::NoClaim`], [`BookError::ClaimSettled`] and [`BookError::NotJson`] for what cannot be published;
    /// [`BookError::Unclear`] when the connection broke while committing; others when the book cannot be written.
    pub async fn publish(&self, publish: &Publish) -> Result<Snapshot, BookError> {
        let doing = "publish a snapshot";
        publish.check_proofs()?;
        let mut transaction = self.writing(doing).await?;
        let snapshot = self.record_snapshot(&mut transaction, publish).await?;
        self.record_deliveries(&mut transaction, publish, snapshot.id).await?;
        files::remove(&mut transaction, &self.place, snapshot.id, &publish.remove).await?;
        files::add(&mut transaction, &self.place, snapshot.id, &publish.add).await?;
        self.check_files_have_scopes(&mut transaction, publish).await?;
        self.record_proofs(&mut transaction, publish, snapshot.id).await?;
        let entry = AuditEntry {
            at: publish.at,
            actor: snapshot.actor.clone(),
            action: audit::PUBLISH.to_owned(),
            subject: format!("snapshot {}", snapshot.id),
            detail: publish.audit_detail(&snapshot),
        };
        audit::append(&mut transaction, &self.place, &entry, Some(snapshot.id)).await?;
        reorg::record(&mut transaction, &self.place, &snapshot, publish.reorg.as_ref(), publish.revert).await?;
        for event in &publish.claim_events {
            claim::append(&mut transaction, &self.place, event, Some(snapshot.id)).await?;
        }
        self.commit(transaction, doing).await?;
        Ok(snapshot)
    }

    /// The snapshot's row, which the primary key and `UNIQUE(parent)` guard, and new versions of rules, org and so on.
    async fn record_snapshot(&self, connection: &mut AnyConnection, publish: &Publish) -> Result<Snapshot, BookError> {
        let place = &self.place;
        let head = snapshot::head(connection, place).await?;
        let head_id = head.as_ref().map(|head| head.id);
        if head_id != publish.parent {
            return Err(BookError::Stale { parent: publish.parent, head: head_id });
        }
        let id = head_id.unwrap_or(0) + 1;
        // "As known on" a date would show two worlds if a later number had an earlier time.
        if let Some(last) = head.as_ref().map(|head| head.recorded_at).filter(|last| *last > publish.at) {
            return Err(BookError::Backwards { subject: format!("snapshot {id}"), at: publish.at, last });
        }
        let actor = rows::storable(&publish.actor);
        let mut versions = BTreeMap::new();
        for kind in ConfigKind::ALL {
            let version = match publish.config(kind)? {
                None => head.as_ref().and_then(|head| head.config_version(kind)),
                Some(files) if files.files.is_empty() => None,
                Some(files) => Some(config::record(connection, place, kind, files, publish.at, &actor).await?),
            };
            versions.insert(kind, version);
        }
        let mut table_versions = head.map(|head| head.table_versions).unwrap_or_default();
        table_versions.extend(publish.table_versions.iter());
        let snapshot = Snapshot {
            id,
            parent: publish.parent,
            digest: publish.digest,
            recorded_at: publish.at,
            cause: rows::storable(&publish.cause),
            actor,
            rules_version: versions[&ConfigKind::Rules],
            org_version: versions[&ConfigKind::Org],
            pools_version: versions[&ConfigKind::Pools],
            rates_version: versions[&ConfigKind::Rates],
            claims_version: versions[&ConfigKind::Claims],
            volume_version: versions[&ConfigKind::Volume],
            budgets_version: versions[&ConfigKind::Budgets],
            contracts_version: versions[&ConfigKind::Contracts],
            table_versions,
        };
        let mut row = vec![
            Cell::Int(snapshot.id),
            Cell::maybe_int(snapshot.parent),
            Cell::text(snapshot.digest),
            Cell::at(snapshot.recorded_at),
            Cell::text(&snapshot.cause),
            Cell::text(&snapshot.actor),
            Cell::Text(Snapshot::table_versions_text(&snapshot.table_versions)),
        ];
        row.extend(ConfigKind::ALL.map(|kind| Cell::maybe_int(snapshot.config_version(kind))));
        match rows::insert(connection, "snapshot", &SNAPSHOT_COLUMNS, row).await {
            Ok(()) => Ok(snapshot),
            // The lock makes it impossible; should a server ever run us without, the constraints still decide.
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Err(BookError::Stale { parent: publish.parent, head: Some(snapshot.id) })
            }
            Err(error) => Err(BookError::of(error, "publish a snapshot", place)),
        }
    }

    async fn record_deliveries(
        &self,
        connection: &mut AnyConnection,
        publish: &Publish,
        snapshot: i64,
    ) -> Result<(), BookError> {
        let place = &self.place;
        if publish.deliveries.is_empty() {
            return Ok(());
        }
        // First everything that ends, so that one delivery may take over what another one of this publish gives up.
        for (scope, delivery) in publish.deliveries.iter().flat_map(|published| &published.supersedes) {
            scope::supersede(connection, place, snapshot, scope, delivery).await?;
        }
        let mut number = delivery::next_number(connection, place).await?;
        for published in &publish.deliveries {
            let delivery = &published.delivery;
            let parts: Vec<Digest> = delivery.parts.iter().map(|part| part.digest).collect();
            let new = NewDelivery {
                number,
                id: Some(&delivery.id),
                outcome: None,
                source: Some(&delivery.source),
                format: Some(delivery.format),
                path: &delivery.path,
                parts: &parts,
                reason: None,
                recorded_at: publish.at,
                actor: &publish.actor,
                snapshot: Some(snapshot),
                delivery: Some(delivery),
            };
            delivery::record(connection, place, &new).await?;
            scope::record(connection, place, snapshot, number, delivery).await?;
            quarantine::record(connection, place, number, &delivery.quarantine).await?;
            number += 1;
        }
        Ok(())
    }

    /// Live files are those of current deliveries: nothing is counted twice, and nothing that does not count.
    async fn check_files_have_scopes(
        &self,
        connection: &mut AnyConnection,
        publish: &Publish,
    ) -> Result<(), BookError> {
        let scopes: BTreeSet<&ScopeKey> = publish.add.iter().map(|file| &file.scope).collect();
        let scopes: Vec<&ScopeKey> = scopes.into_iter().collect();
        let holders = scope::holders_of(connection, &self.place, &scopes).await?;
        for file in &publish.add {
            if !holders.contains(&(file.scope.clone(), file.delivery.clone())) {
                return Err(BookError::FileWithoutScope {
                    path: file.path.clone(),
                    scope: file.scope.clone(),
                    delivery: file.delivery.clone(),
                });
            }
        }
        for (scope, delivery) in publish.deliveries.iter().flat_map(|published| &published.supersedes) {
            let again =
                scope::holders(connection, &self.place, scope).await?.iter().any(|(holder, _)| holder == delivery);
            let left = files::any_live_of(connection, &self.place, scope, delivery).await?;
            if let Some(path) = left.filter(|_| !again) {
                return Err(BookError::FileOfSuperseded { path, scope: scope.clone(), delivery: delivery.clone() });
            }
        }
        Ok(())
    }

    async fn record_proofs(
        &self,
        connection: &mut AnyConnection,
        publish: &Publish,
        snapshot: i64,
    ) -> Result<(), BookError> {
        let superseded = publish.deliveries.iter().flat_map(|published| &published.supersedes).map(|(scope, _)| scope);
        let proofs = publish.proofs.iter().map(|proof| &proof.scope);
        let totals = publish.owner_totals.iter().map(|total| &total.scope);
        // A superseded delivery's proof must not outlive it, whether or not a new one comes.
        let changed: BTreeSet<&ScopeKey> = publish.owner_changes.iter().map(|total| &total.scope).collect();
        let touched: BTreeSet<&ScopeKey> =
            superseded.chain(proofs).chain(totals).chain(changed.iter().copied()).collect();
        let ended: Vec<&ScopeKey> = touched.iter().copied().collect();
        proof::end(connection, &self.place, snapshot, &ended).await?;
        let whole = touched.difference(&changed).copied();
        let mut totals = proof::changed(connection, &self.place, snapshot, whole, &publish.owner_totals).await?;
        let changes: Vec<&proof::OwnerTotal> = publish.owner_changes.iter().collect();
        proof::end_totals(connection, &self.place, snapshot, &changes).await?;
        totals.extend(publish.owner_changes.iter().filter(|total| total.rows > 0));
        proof::record(connection, &self.place, snapshot, &publish.proofs, &totals).await
    }
}
