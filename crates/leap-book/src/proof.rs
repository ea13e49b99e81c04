//! Proofs and totals per owner, per scope, at any snapshot.
//!
//! A publish brings them for the scopes that it attributed anew; for all other scopes the earlier ones go on.

use std::collections::{BTreeMap, HashMap};

use leap_terms::{CostKind, Costs, Currency, Digest, Money, Owner, RuleId, ScopeKey};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::book::Book;
use crate::error::BookError;
use crate::place::Place;
use crate::rows::{self, Cell, Insert, Record};
use crate::scope::scope_of;

/// One line of a proof: attributed = accepted, for one scope, currency and kind of cost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProofRow {
    /// The scope.
    pub scope: ScopeKey,
    /// The currency.
    pub currency: Currency,
    /// The kind of cost.
    pub cost: CostKind,
    /// Charges.
    pub rows: u64,
    /// Σ of the accepted charges.
    pub accepted: Money,
    /// Σ over owners.
    pub attributed: Money,
    /// attributed − accepted: 0, or the publish is refused.
    pub difference: Money,
    /// Digest of what each owner got of the scope; the same in all lines of a scope.
    pub owners: Digest,
}

/// What one owner got of a scope by one rule, in one currency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnerTotal {
    /// The scope.
    pub scope: ScopeKey,
    /// The owner.
    pub owner: Owner,
    /// The rule; `None` where none matched.
    pub rule: Option<RuleId>,
    /// The currency.
    pub currency: Currency,
    /// The four costs.
    pub costs: Costs,
    /// Charges.
    pub rows: u64,
}

const PROOF_COLUMNS: [&str; 10] = [
    "from_snapshot",
    "source",
    "billing_period",
    "currency",
    "cost",
    "rows",
    "accepted",
    "attributed",
    "difference",
    "owners",
];

const TOTAL_COLUMNS: [&str; 11] = [
    "from_snapshot",
    "source",
    "billing_period",
    "owner",
    "rule",
    "currency",
    "billed",
    "effective",
    "list",
    "contracted",
    "rows",
];

/// Ends the time of some scopes' proofs.
pub(crate) async fn end(
    connection: &mut AnyConnection,
    place: &Place,
    snapshot: i64,
    scopes: &[&ScopeKey],
) -> Result<(), BookError> {
    for chunk in scopes.chunks(rows::rows_at_a_time(2)) {
        let sql = format!(
            "UPDATE proof SET until_snapshot = $1 WHERE {} AND until_snapshot IS NULL",
            rows::any_of(2, chunk.len(), &["source", "billing_period"])
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false).bind(snapshot);
        for scope in chunk {
            query = query.bind(scope.source.as_str()).bind(scope.billing_period.to_string());
        }
        query
            .execute(&mut *connection)
            .await
            .map_err(|error| BookError::of(error, "end the proofs of scopes", place))?;
    }
    Ok(())
}

/// The totals of a scope that hold now.
async fn totals_now(
    connection: &mut AnyConnection,
    place: &Place,
    scope: &ScopeKey,
) -> Result<Vec<OwnerTotal>, BookError> {
    let rows =
        sqlx::query("SELECT * FROM owner_total WHERE source = $1 AND billing_period = $2 AND until_snapshot IS NULL")
            .bind(scope.source.as_str())
            .bind(scope.billing_period.to_string())
            .fetch_all(connection)
            .await
            .map_err(|error| BookError::of(error, "read what owners have", place))?;
    rows.iter().map(|row| total_of(&Record { row, of: "owner_total", place })).collect()
}

/// Ends the totals of some scopes that no longer hold, and returns those of the new ones that are not there yet: what stays
/// as it is keeps its row, so that a small change writes little.
pub(crate) async fn changed<'t>(
    connection: &mut AnyConnection,
    place: &Place,
    snapshot: i64,
    scopes: impl Iterator<Item = &ScopeKey>,
    new: &'t [OwnerTotal],
) -> Result<Vec<&'t OwnerTotal>, BookError> {
    let failed = |error| BookError::of(error, "end what owners had", place);
    let name = |total: &OwnerTotal| {
        (
            total.scope.clone(),
            total.owner.to_string(),
            total.rule.as_ref().map(ToString::to_string),
            total.currency.clone(),
        )
    };
    let mut wanted: HashMap<_, &OwnerTotal> = new.iter().map(|total| (name(total), total)).collect();
    for scope in scopes {
        let now = totals_now(connection, place, scope).await?;
        let stale: Vec<&OwnerTotal> = now
            .iter()
            .filter(|total| match wanted.get(&name(total)) {
                Some(other) if *other == *total => {
                    wanted.remove(&name(total));
                    false
                }
                Some(_) | None => true,
            })
            .collect();
        if stale.len() == now.len() {
            sqlx::query(
                "UPDATE owner_total SET until_snapshot = $1 WHERE source = $2 AND billing_period = $3 AND until_snapshot IS NULL",
            )
            .bind(snapshot)
            .bind(scope.source.as_str())
            .bind(scope.billing_period.to_string())
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
            continue;
        }
        end_totals(connection, place, snapshot, &stale).await?;
    }
    // In the order in which they came, so that the same publish writes the same book.
    Ok(new.iter().filter(|total| wanted.contains_key(&name(total))).collect())
}

/// Ends what some owners have of their scopes, where they have something.
pub(crate) async fn end_totals(
    connection: &mut AnyConnection,
    place: &Place,
    snapshot: i64,
    totals: &[&OwnerTotal],
) -> Result<(), BookError> {
    for chunk in totals.chunks(rows::rows_at_a_time(5)) {
        let sql = format!(
            "UPDATE owner_total SET until_snapshot = $1 WHERE {} AND until_snapshot IS NULL",
            rows::any_of(2, chunk.len(), &["source", "billing_period", "owner", "COALESCE(rule, '')", "currency"])
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false).bind(snapshot);
        for total in chunk {
            query = query
                .bind(total.scope.source.as_str())
                .bind(total.scope.billing_period.to_string())
                .bind(total.owner.to_string())
                .bind(total.rule.as_ref().map(ToString::to_string).unwrap_or_default())
                .bind(total.currency.as_str());
        }
        query.execute(&mut *connection).await.map_err(|error| BookError::of(error, "end what owners had", place))?;
    }
    Ok(())
}

/// Records proofs and totals. Those before them were ended.
pub(crate) async fn record(
    connection: &mut AnyConnection,
    place: &Place,
    snapshot: i64,
    proofs: &[ProofRow],
    totals: &[&OwnerTotal],
) -> Result<(), BookError> {
    let failed = |error| BookError::of(error, "record proofs and totals", place);
    let mut insert = Insert::into("proof", &PROOF_COLUMNS);
    for proof in proofs {
        let row = vec![
            Cell::Int(snapshot),
            Cell::text(&proof.scope.source),
            Cell::text(proof.scope.billing_period),
            Cell::text(&proof.currency),
            Cell::text(proof.cost),
            Cell::count(proof.rows),
            Cell::text(proof.accepted),
            Cell::text(proof.attributed),
            Cell::text(proof.difference),
            Cell::text(proof.owners),
        ];
        insert.row(connection, row).await.map_err(failed)?;
    }
    insert.end(connection).await.map_err(failed)?;
    let mut insert = Insert::into("owner_total", &TOTAL_COLUMNS);
    for total in totals {
        let row = vec![
            Cell::Int(snapshot),
            Cell::text(&total.scope.source),
            Cell::text(total.scope.billing_period),
            Cell::text(&total.owner),
            Cell::maybe_text(total.rule.as_ref()),
            Cell::text(&total.currency),
            Cell::text(total.costs.billed),
            Cell::text(total.costs.effective),
            Cell::text(total.costs.list),
            Cell::text(total.costs.contracted),
            Cell::count(total.rows),
        ];
        insert.row(connection, row).await.map_err(failed)?;
    }
    insert.end(connection).await.map_err(failed)
}

pub(crate) async fn proofs(
    connection: &mut AnyConnection,
    place: &Place,
    snapshot: i64,
) -> Result<Vec<ProofRow>, BookError> {
    let rows = sqlx::query(
        "SELECT * FROM proof WHERE from_snapshot <= $1 AND (until_snapshot IS NULL OR until_snapshot > $1)",
    )
    .bind(snapshot)
    .fetch_all(connection)
    .await
    .map_err(|error| BookError::of(error, "read the proofs", place))?;
    let mut proofs = rows.iter().map(|row| proof_of(row, place)).collect::<Result<Vec<_>, _>>()?;
    proofs.sort_by(|a, b| (&a.scope, &a.currency, a.cost).cmp(&(&b.scope, &b.currency, b.cost)));
    Ok(proofs)
}

fn proof_of(row: &AnyRow, place: &Place) -> Result<ProofRow, BookError> {
    let record = Record { row, of: "proof", place };
    Ok(ProofRow {
        scope: scope_of(&record)?,
        currency: record.read("currency", Currency::new)?,
        cost: record.read("cost", str::parse)?,
        rows: record.count("rows")?,
        accepted: record.read("accepted", amount)?,
        attributed: record.read("attributed", amount)?,
        difference: record.read("difference", amount)?,
        owners: record.read("owners", str::parse)?,
    })
}

/// Sums may have more digits than one charge; 20 before the point are what [`Money`] holds.
fn amount(text: &str) -> Result<Money, leap_terms::ExactError> {
    text.parse()
}

/// The four costs of a total.
pub(crate) fn costs_of(record: &Record<'_>) -> Result<Costs, BookError> {
    Ok(Costs {
        billed: record.read("billed", amount)?,
        effective: record.read("effective", amount)?,
        list: record.read("list", amount)?,
        contracted: record.read("contracted", amount)?,
    })
}

fn total_of(record: &Record<'_>) -> Result<OwnerTotal, BookError> {
    Ok(OwnerTotal {
        scope: scope_of(record)?,
        owner: record.read("owner", str::parse)?,
        rule: record.maybe_read("rule", RuleId::new)?,
        currency: record.read("currency", Currency::new)?,
        costs: costs_of(record)?,
        rows: record.count("rows")?,
    })
}

impl Book {
    /// The proofs that hold at a snapshot, by scope, currency and kind of cost.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn proofs(&self, snapshot: i64) -> Result<Vec<ProofRow>, BookError> {
        proofs(&mut *self.connection().await?, &self.place, snapshot).await
    }

    /// What each owner has at a snapshot, by scope, owner, rule and currency.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn owner_totals(&self, snapshot: i64) -> Result<Vec<OwnerTotal>, BookError> {
        let rows = sqlx::query(
            "SELECT * FROM owner_total WHERE from_snapshot <= $1 AND (until_snapshot IS NULL OR until_snapshot > $1)",
        )
        .bind(snapshot)
        .fetch_all(&mut *self.connection().await?)
        .await
        .map_err(self.failed("read the totals per owner"))?;
        let mut totals = rows
            .iter()
            .map(|row| total_of(&Record { row, of: "owner_total", place: &self.place }))
            .collect::<Result<Vec<_>, _>>()?;
        totals.sort_by(|a, b| {
            (&a.scope, &a.owner, &a.rule, &a.currency).cmp(&(&b.scope, &b.owner, &b.rule, &b.currency))
        });
        Ok(totals)
    }

    /// The digest of what owners have of each scope at a snapshot.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn owners_digests(&self, snapshot: i64) -> Result<BTreeMap<ScopeKey, Digest>, BookError> {
        let rows = sqlx::query(
            "SELECT DISTINCT source, billing_period, owners FROM proof
             WHERE from_snapshot <= $1 AND (until_snapshot IS NULL OR until_snapshot > $1)",
        )
        .bind(snapshot)
        .fetch_all(&mut *self.connection().await?)
        .await
        .map_err(self.failed("read the digests of what owners have"))?;
        let mut digests = BTreeMap::new();
        for row in &rows {
            let record = Record { row, of: "proof", place: &self.place };
            let scope = scope_of(&record)?;
            if digests.insert(scope.clone(), record.read("owners", str::parse)?).is_some() {
                let fault = format!("the proofs of {scope} have several digests of what owners have");
                return Err(BookError::Damaged { place: self.place().to_owned(), fault });
            }
        }
        Ok(digests)
    }

    /// The proofs of some scopes that hold at a snapshot, by scope, currency and kind of cost.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn proofs_of(&self, snapshot: i64, scopes: &[&ScopeKey]) -> Result<Vec<ProofRow>, BookError> {
        let mut proofs = Vec::new();
        for chunk in scopes.chunks(rows::rows_at_a_time(2)) {
            let sql = format!(
                "SELECT * FROM proof
                 WHERE {} AND from_snapshot <= $1 AND (until_snapshot IS NULL OR until_snapshot > $1)",
                rows::any_of(2, chunk.len(), &["source", "billing_period"])
            );
            let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false).bind(snapshot);
            for scope in chunk {
                query = query.bind(scope.source.as_str()).bind(scope.billing_period.to_string());
            }
            let rows = query.fetch_all(&mut *self.connection().await?).await.map_err(self.failed("read the proofs"))?;
            for row in &rows {
                proofs.push(proof_of(row, &self.place)?);
            }
        }
        proofs.sort_by(|a, b| (&a.scope, &a.currency, a.cost).cmp(&(&b.scope, &b.currency, b.cost)));
        Ok(proofs)
    }

    /// What some owners have of some scopes at a snapshot, by all their rules and currencies.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn owner_totals_of(
        &self,
        snapshot: i64,
        wanted: &[(&ScopeKey, &Owner)],
    ) -> Result<Vec<OwnerTotal>, BookError> {
        let mut totals = Vec::new();
        for chunk in wanted.chunks(rows::rows_at_a_time(3)) {
            let sql = format!(
                "SELECT * FROM owner_total
                 WHERE {} AND from_snapshot <= $1 AND (until_snapshot IS NULL OR until_snapshot > $1)",
                rows::any_of(2, chunk.len(), &["source", "billing_period", "owner"])
            );
            let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false).bind(snapshot);
            for (scope, owner) in chunk {
                query =
                    query.bind(scope.source.as_str()).bind(scope.billing_period.to_string()).bind(owner.to_string());
            }
            let rows =
                query.fetch_all(&mut *self.connection().await?).await.map_err(self.failed("read what owners have"))?;
            for row in &rows {
                totals.push(total_of(&Record { row, of: "owner_total", place: &self.place })?);
            }
        }
        Ok(totals)
    }
}
