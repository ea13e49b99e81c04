//! Snapshots: the rows that say which versions of everything belong together.
//!
//! Their order is their numbers. A new one is never recorded before its parent; the first edition of leap did not see
//! to that, so old books may hold some that are out of order in time, and there the numbers decide too.

use std::collections::BTreeMap;

use leap_terms::tables::Table;
use leap_terms::{Digest, Instant};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::book::Book;
use crate::config::ConfigKind;
use crate::error::BookError;
use crate::place::Place;
use crate::rows::Record;

/// One world that a reader can pin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// Number, from 1, without gaps.
    pub id: i64,
    /// The snapshot before it; `None` for the first.
    pub parent: Option<i64>,
    /// Digest of its content: equal for equal facts in any order of arrival.
    pub digest: Digest,
    /// When it was published.
    pub recorded_at: Instant,
    /// What made it: `ingest september.csv.gz`, `rules apply`, `org apply`.
    pub cause: String,
    /// Who made it.
    pub actor: String,
    /// The rule set in force; `None` before the first.
    pub rules_version: Option<i64>,
    /// The org in force; `None` before the first.
    pub org_version: Option<i64>,
    /// The pools in force; `None` where there are none.
    pub pools_version: Option<i64>,
    /// The exchange rates in force; `None` where there are none.
    pub rates_version: Option<i64>,
    /// The accepted claims in force; `None` where there are none.
    pub claims_version: Option<i64>,
    /// The business volume in force; `None` where there is none.
    pub volume_version: Option<i64>,
    /// The budgets in force; `None` where there are none.
    pub budgets_version: Option<i64>,
    /// The contracts in force; `None` where there are none.
    pub contracts_version: Option<i64>,
    /// The version of each table's log in the lake.
    pub table_versions: BTreeMap<Table, i64>,
}

impl Snapshot {
    /// The version of a kind that is in force; `None` where there is none.
    pub fn config_version(&self, kind: ConfigKind) -> Option<i64> {
        match kind {
            ConfigKind::Rules => self.rules_version,
            ConfigKind::Org => self.org_version,
            ConfigKind::Pools => self.pools_version,
            ConfigKind::Rates => self.rates_version,
            ConfigKind::Claims => self.claims_version,
            ConfigKind::Volume => self.volume_version,
            ConfigKind::Budgets => self.budgets_version,
            ConfigKind::Contracts => self.contracts_version,
        }
    }

    pub(crate) fn table_versions_text(versions: &BTreeMap<Table, i64>) -> String {
        let named: BTreeMap<&str, i64> = versions.iter().map(|(table, version)| (table.name(), *version)).collect();
        crate::rows::json(&named)
    }

    fn from_row(row: &AnyRow, place: &Place) -> Result<Snapshot, BookError> {
        let record = Record { row, of: "snapshot", place };
        let table_versions = table_versions(&record)?;
        Ok(Snapshot {
            id: record.int("id")?,
            parent: record.maybe_int("parent")?,
            digest: record.read("digest", str::parse)?,
            recorded_at: record.at("recorded_at")?,
            cause: record.text("cause")?,
            actor: record.text("actor")?,
            rules_version: record.maybe_int(ConfigKind::Rules.column())?,
            org_version: record.maybe_int(ConfigKind::Org.column())?,
            pools_version: record.maybe_int(ConfigKind::Pools.column())?,
            rates_version: record.maybe_int(ConfigKind::Rates.column())?,
            claims_version: record.maybe_int(ConfigKind::Claims.column())?,
            volume_version: record.maybe_int(ConfigKind::Volume.column())?,
            budgets_version: record.maybe_int(ConfigKind::Budgets.column())?,
            contracts_version: record.maybe_int(ConfigKind::Contracts.column())?,
            table_versions,
        })
    }
}

/// The column `table_versions` of a row.
pub(crate) fn table_versions(record: &Record<'_>) -> Result<BTreeMap<Table, i64>, BookError> {
    let named: BTreeMap<String, i64> = record.json("table_versions")?;
    let table = |(name, version): (String, i64)| match Table::from_name(&name) {
        Some(table) => Ok((table, version)),
        None => Err(BookError::Damaged {
            place: record.place.shown().to_owned(),
            fault: format!("table_versions of a {}: '{name}' is no table of the lake", record.of),
        }),
    };
    named.into_iter().map(table).collect()
}

pub(crate) async fn head(connection: &mut AnyConnection, place: &Place) -> Result<Option<Snapshot>, BookError> {
    let row = sqlx::query("SELECT * FROM snapshot ORDER BY id DESC LIMIT 1")
        .fetch_optional(connection)
        .await
        .map_err(|error| BookError::of(error, "read the newest snapshot", place))?;
    row.map(|row| Snapshot::from_row(&row, place)).transpose()
}

pub(crate) async fn one(connection: &mut AnyConnection, place: &Place, id: i64) -> Result<Snapshot, BookError> {
    let row = sqlx::query("SELECT * FROM snapshot WHERE id = $1")
        .bind(id)
        .fetch_optional(connection)
        .await
        .map_err(|error| BookError::of(error, "read a snapshot", place))?;
    row.map_or(Err(BookError::NoSnapshot(id)), |row| Snapshot::from_row(&row, place))
}

pub(crate) async fn all(connection: &mut AnyConnection, place: &Place) -> Result<Vec<Snapshot>, BookError> {
    let rows = sqlx::query("SELECT * FROM snapshot ORDER BY id")
        .fetch_all(connection)
        .await
        .map_err(|error| BookError::of(error, "read the snapshots", place))?;
    rows.iter().map(|row| Snapshot::from_row(row, place)).collect()
}

impl Book {
    /// The newest snapshot; `None` in an empty book.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn head(&self) -> Result<Option<Snapshot>, BookError> {
        head(&mut *self.connection().await?, &self.place).await
    }

    /// The snapshot of that number.
    ///
    /// # Errors
    /// [`BookError::NoSnapshot`] when there is none; others when the book cannot be read.
    pub async fn snapshot(&self, id: i64) -> Result<Snapshot, BookError> {
        one(&mut *self.connection().await?, &self.place, id).await
    }

    /// All snapshots, oldest first.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn snapshots(&self) -> Result<Vec<Snapshot>, BookError> {
        all(&mut *self.connection().await?, &self.place).await
    }

    /// What was known at that moment: the newest snapshot recorded at or before it; `None` before the first.
    ///
    /// # Errors
    /// [`BookError`] when the book cannot be read.
    pub async fn snapshot_known_on(&self, at: Instant) -> Result<Option<Snapshot>, BookError> {
        let row = sqlx::query("SELECT * FROM snapshot WHERE recorded_at <= $1 ORDER BY id DESC LIMIT 1")
            .bind(at.micros())
            .fetch_optional(&mut *self.connection().await?)
            .await
            .map_err(self.failed("read a snapshot"))?;
        row.map(|row| Snapshot::from_row(&row, &self.place)).transpose()
    }
}
