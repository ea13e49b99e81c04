//! The independent auditor: totals and owners of a delivery, recomputed from its raw files by a second, simple path.
//!
//! ```text
//! export-00001.csv.gz + rules.yaml + org.yaml
//!   → 2026-08 USD: 3127 rows, billed 1101.055247270891, … ; team-00: 550.643758099805 …
//! ```
//! `leap verify --raw` and the tests compare these figures with what leap says; every difference must be 0. For that to
//! mean anything, nothing here parses, maps, sums or attributes with the code of the first path: numbers are big
//! integers read by hand ([`amount`]), rows are texts ([`rows`]), the formulas of each format are written out a second
//! time ([`bills`]), rules are tried row by row ([`rules`], [`predicate`]), the org is walked span by span ([`history`],
//! [`readings`]), and pools are shared by determinants ([`pools`]). Latency has an auditor of its own, of spans in place of
//! rows ([`latency`]).
//!
//! It keeps nothing, is not fast, and explains nothing: it only counts.

pub mod amount;
pub mod bills;
mod dates;
mod entries;
pub mod history;
pub mod latency;
mod literal;
pub mod pools;
pub mod predicate;
pub mod readings;
mod rows;
pub mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use leap_terms::{Day, Format, Instant, Month};

pub use amount::Amount;
use bills::{Charge, ListCost, Reading};
use history::History;
use pools::PoolCharge;
use rows::{Row, for_each_row};
use rules::{Rules, RulesHistory, RulesVersion};

/// One file of a delivery.
#[derive(Clone, Copy, Debug)]
pub struct RawPart<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// What it is; compression and CSV, JSON lines or Parquet are told from the bytes.
    pub format: Format,
    /// Number of the part in its delivery, from 0.
    pub part: u32,
}

/// Gives the bytes of a mapping file by its path as the rules name it.
pub type MappingFiles<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// What the auditor must be told about a delivery.
#[derive(Clone, Copy)]
pub struct AuditOptions<'a> {
    /// Azure: the delivery has both the actual and the amortised export.
    pub twin_present: bool,
    /// The text of `rules.yaml` and its mapping files; without it no owners are computed.
    pub rules: Option<(&'a str, MappingFiles<'a>)>,
    /// The text of `org.yaml`.
    pub org: Option<&'a str>,
    /// Batches of appending sources that other deliveries brought: billing month, and `export_time` as written or in
    /// UTC (GCP), or the file's name (OCI). Their rows are left out.
    pub skip_batches: Option<&'a BTreeSet<(Month, String)>>,
    /// The currency of an Azure file that has no column for it.
    pub currency_when_absent: &'a str,
}

impl Default for AuditOptions<'_> {
    fn default() -> Self {
        AuditOptions { twin_present: false, rules: None, org: None, skip_batches: None, currency_when_absent: "USD" }
    }
}

/// What the auditor counted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Audit {
    /// Totals per billing month and currency.
    pub scopes: BTreeMap<(Month, String), AuditedTotals>,
    /// Data rows in the parts; each is in a scope, dropped or unreadable.
    pub rows_read: u64,
    /// Rows left out by the mapping or as another delivery's batch.
    pub dropped: u64,
    /// Dropped rows by reason.
    pub dropped_by_reason: BTreeMap<String, u64>,
    /// Rows that belong in quarantine.
    pub unreadable: u64,
    /// Unreadable rows by column and fault.
    pub unreadable_by_reason: BTreeMap<String, u64>,
    /// Accepted charges, added up per day, owner, currency and commitment: what sharing and readings of the org start
    /// from. Empty without rules.
    pub daily: Vec<PoolCharge>,
}

/// Totals of one billing month in one currency.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditedTotals {
    /// Accepted rows.
    pub rows: u64,
    /// Sum of the billed costs.
    pub billed: Amount,
    /// Sum of the effective costs.
    pub effective: Amount,
    /// Sum of the list costs.
    pub list: Amount,
    /// Sum of the contracted costs.
    pub contracted: Amount,
    /// The same per owner, as reports write owners; empty without rules.
    pub by_owner: BTreeMap<String, OwnerTotals>,
}

/// Totals of one owner.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OwnerTotals {
    /// Rows.
    pub rows: u64,
    /// Billed, effective, list and contracted cost, in this order (that of `CostKind::ALL`).
    pub costs: [Amount; 4],
}

/// Why an audit could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A file could not be read, or its compression is damaged or cut off.
    #[error("read {path}: {fault}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What happened.
        fault: std::io::Error,
    },
    /// A CSV file could not be split into rows.
    #[error("read {path} as csv: {fault}")]
    Csv {
        /// The file.
        path: PathBuf,
        /// What happened.
        fault: String,
    },
    /// A Parquet file is damaged.
    #[error("read {path} as parquet: {fault}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What happened.
        fault: parquet::errors::ParquetError,
    },
    /// The rules cannot be used.
    #[error("read the rules: {0}")]
    Rules(String),
    /// The org cannot be used.
    #[error("read the org: {0}")]
    Org(String),
    /// The pools cannot be used.
    #[error("read the pools: {0}")]
    Pools(String),
    /// There is no second path for this; a sentence names it.
    #[error("{0}, which the auditor does not read")]
    NotAudited(String),
}

/// Reads the parts of one delivery and adds up what they hold, under one version of the rules.
///
/// # Errors
/// [`AuditError`] when a part cannot be read to its end, or rules or org cannot be used.
pub fn audit(parts: &[RawPart<'_>], options: &AuditOptions<'_>) -> Result<Audit, AuditError> {
    match options.rules {
        Some((yaml, files)) => {
            let versions = [RulesVersion { from: Day::EARLIEST, yaml, files }];
            audit_under(parts, options, Some(&RulesHistory { versions: &versions, claims: None }))
        }
        None => audit_under(parts, options, None),
    }
}

/// The same under rules as they changed; what `options` says about rules does not count. Without rules no owners are
/// computed.
///
/// # Errors
/// [`AuditError`] when a part cannot be read to its end, or rules or org cannot be used.
pub fn audit_under(
    parts: &[RawPart<'_>],
    options: &AuditOptions<'_>,
    rules: Option<&RulesHistory<'_>>,
) -> Result<Audit, AuditError> {
    let rules = match rules {
        Some(rules) => Some(Rules::read(rules, options.org.map_or(Ok(History::default()), History::read)?)?),
        None => None,
    };
    let delivery =
        bills::Delivery { twin_present: options.twin_present, currency_when_absent: options.currency_when_absent };
    let mut result = Audit::default();
    let mut sums = BTreeMap::<(Month, String), ScopeSums>::new();
    let mut every_usage_row_has_a_public_cost = true;
    for part in parts {
        for_each_row(part.path, &mut |row| {
            result.rows_read += 1;
            let Some(row) = row else {
                return result.count_unreadable("row: is no object".to_owned());
            };
            match bills::read(part.format, row, &delivery) {
                Err(fault) => result.count_unreadable(format!("{} {}", fault.column, fault.fault)),
                Ok(Reading::LeftOut(reason)) => result.count_dropped(reason),
                Ok(Reading::Counts(charge)) if is_skipped(part, row, &charge, options) => {
                    result.count_dropped("a batch that another delivery brought");
                }
                Ok(Reading::Counts(charge)) => {
                    if matches!(&charge.list, ListCost::IfAllUsagePriced { public: None, usage: true }) {
                        every_usage_row_has_a_public_cost = false;
                    }
                    let owner = rules.as_ref().map(|rules| rules.owner(part.format, row, charge.day));
                    let scope = sums.entry((charge.month, charge.currency.clone())).or_default();
                    scope.add(&charge, owner, || commitment(part.format, row));
                }
            }
        })?;
    }
    for (scope, sums) in sums {
        result.daily.extend(sums.daily(&scope, every_usage_row_has_a_public_cost));
        result.scopes.insert(scope, sums.finish(every_usage_row_has_a_public_cost));
    }
    Ok(result)
}

/// The charges of a FOCUS bill given as CSV text, one per row, each with its owner.
///
/// # Errors
/// [`AuditError`] when the text is no CSV, a row cannot be read, or the rules cannot be used.
pub fn charges_of_focus(csv: &str, rules: &RulesHistory<'_>, org: &History) -> Result<Vec<PoolCharge>, AuditError> {
    let rules = Rules::read(rules, org.clone())?;
    let delivery = bills::Delivery { twin_present: false, currency_when_absent: "XXX" };
    let mut charges = Vec::new();
    let mut unreadable = None;
    rows::for_each_row_of(csv.as_bytes(), &mut |row| {
        let Some(row) = row else { return };
        match bills::read(Format::Focus, row, &delivery) {
            Ok(Reading::Counts(charge)) => {
                let ListCost::Known(list) = charge.list else { return };
                let (commitment, used) = commitment(Format::Focus, row);
                charges.push(PoolCharge {
                    month: charge.month,
                    owner: rules.owner(Format::Focus, row, charge.day),
                    day: charge.day,
                    currency: charge.currency,
                    costs: [charge.billed, charge.effective, list, charge.contracted],
                    commitment,
                    used,
                });
            }
            Ok(Reading::LeftOut(reason)) => unreadable = Some(reason.to_owned()),
            Err(fault) => unreadable = Some(format!("{} {}", fault.column, fault.fault)),
        }
    })?;
    match unreadable {
        Some(fault) => Err(AuditError::Csv { path: PathBuf::from("bill.csv"), fault }),
        None => Ok(charges),
    }
}

impl Audit {
    fn count_unreadable(&mut self, reason: String) {
        self.unreadable += 1;
        *self.unreadable_by_reason.entry(reason).or_default() += 1;
    }

    fn count_dropped(&mut self, reason: &str) {
        self.dropped += 1;
        *self.dropped_by_reason.entry(reason.to_owned()).or_default() += 1;
    }
}

/// The commitment that a row is about, and whether the row is use that it covers.
fn commitment(format: Format, row: &Row<'_>) -> (Option<String>, bool) {
    let column = |name: &str| bills::column(format, row, name).map(|value| value.into_owned());
    let id = column("CommitmentDiscountId");
    let used = id.is_some() && column("CommitmentDiscountStatus").as_deref() == Some("Used");
    (id, used)
}

/// True for a row of a batch that another delivery brought.
fn is_skipped(part: &RawPart<'_>, row: &Row<'_>, charge: &Charge, options: &AuditOptions<'_>) -> bool {
    let Some(batches) = options.skip_batches else { return false };
    let names: Vec<String> = match part.format {
        Format::GcpDetailed => {
            let written = bills::gcp::batch(row).unwrap_or("");
            let instant: Option<Instant> = dates::instant(written);
            [Some(written.to_owned()), instant.map(|instant| instant.to_string())].into_iter().flatten().collect()
        }
        Format::OciCost => part.path.file_name().map(|name| name.to_string_lossy().into_owned()).into_iter().collect(),
        Format::Focus | Format::AwsCurLegacy | Format::AwsCur2 | Format::AzureActual | Format::AzureAmortized => {
            Vec::new()
        }
    };
    names.into_iter().any(|name| batches.contains(&(charge.month, name)))
}

/// Sums while the list cost of AWS rows is still open.
#[derive(Default)]
struct ScopeSums {
    total: Sums,
    owners: BTreeMap<String, Sums>,
    /// Per day, owner, commitment and whether it was used.
    days: BTreeMap<(Day, String, Option<String>, bool), Sums>,
}

#[derive(Default)]
struct Sums {
    rows: u64,
    billed: Amount,
    effective: Amount,
    contracted: Amount,
    /// List cost if public on-demand costs count.
    list_if_public: Amount,
    /// List cost if they do not.
    list_otherwise: Amount,
}

impl ScopeSums {
    fn add(&mut self, charge: &Charge, owner: Option<String>, commitment: impl Fn() -> (Option<String>, bool)) {
        self.total.add(charge);
        if let Some(owner) = owner {
            let (commitment, used) = commitment();
            self.days.entry((charge.day, owner.clone(), commitment, used)).or_default().add(charge);
            self.owners.entry(owner).or_default().add(charge);
        }
    }

    fn daily(&self, (month, currency): &(Month, String), public: bool) -> Vec<PoolCharge> {
        let charge =
            |((day, owner, commitment, used), sums): (&(Day, String, Option<String>, bool), &Sums)| PoolCharge {
                day: *day,
                month: *month,
                owner: owner.clone(),
                currency: currency.clone(),
                costs: sums.costs(public),
                commitment: commitment.clone(),
                used: *used,
            };
        self.days.iter().map(charge).collect()
    }

    fn finish(self, public: bool) -> AuditedTotals {
        let [billed, effective, list, contracted] = self.total.costs(public);
        let mut by_owner = BTreeMap::new();
        for (owner, sums) in self.owners {
            by_owner.insert(owner, OwnerTotals { rows: sums.rows, costs: sums.costs(public) });
        }
        AuditedTotals { rows: self.total.rows, billed, effective, list, contracted, by_owner }
    }
}

impl Sums {
    fn add(&mut self, charge: &Charge) {
        self.rows += 1;
        self.billed += &charge.billed;
        self.effective += &charge.effective;
        self.contracted += &charge.contracted;
        let (if_public, otherwise) = match &charge.list {
            ListCost::Known(list) => (list, list),
            ListCost::IfAllUsagePriced { public, usage: _ } => {
                (public.as_ref().unwrap_or(&charge.contracted), &charge.contracted)
            }
        };
        self.list_if_public += if_public;
        self.list_otherwise += otherwise;
    }

    fn costs(&self, public: bool) -> [Amount; 4] {
        let list = if public { &self.list_if_public } else { &self.list_otherwise };
        [self.billed.clone(), self.effective.clone(), list.clone(), self.contracted.clone()]
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_dated;
#[cfg(test)]
mod tests_support;
