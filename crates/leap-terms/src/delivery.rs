//! What intake found in one delivery: its parts, its scopes with their control totals, and what was assumed.

use serde::{Deserialize, Serialize};

use crate::calendar::{Day, Month};
use crate::cost::{CostKind, Costs, Currency, Money};
use crate::digest::{Digest, RowsDigest};
use crate::scope::{DeliveryId, Format, ScopeKey, SourceId};

/// One file of a delivery.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Path as found, absolute where possible; `-` for standard input.
    pub path: String,
    /// Bytes as stored (compressed).
    pub bytes: u64,
    /// Digest of those bytes.
    pub digest: Digest,
    /// Data rows read, quarantined ones included.
    pub rows: u64,
    /// Format of this part; Azure's actual and amortised parts make one delivery.
    pub format: Format,
}

/// Control totals of a scope in one currency.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CurrencyTotals {
    /// The currency.
    pub currency: Currency,
    /// Sums of the four costs.
    #[serde(flatten)]
    pub costs: Costs,
    /// Sums of the absolute values, for the bound on every SUM.
    pub absolute: Costs,
}

/// What a delivery holds for one scope.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ScopeFacts {
    /// Source and billing period.
    pub scope: ScopeKey,
    /// Accepted rows.
    pub rows: u64,
    /// Digest of the accepted rows, in any order.
    pub digest: RowsDigest,
    /// Totals per currency, by currency.
    pub totals: Vec<CurrencyTotals>,
    /// First day of any charge period.
    pub first_day: Day,
    /// Last day on which any charge period starts.
    pub last_day: Day,
    /// Distinct pairs "billing account/sub account" seen, sorted; at most 100,000 are kept.
    pub accounts: Vec<String>,
    /// Columns of the attribution keys of this scope's files, in order.
    pub key_columns: Vec<String>,
    /// `x_…` columns of this scope's charges, sorted.
    pub extra_columns: Vec<String>,
    /// Kinds of cost that the format does not give and that were derived: a saving computed from them is unknown.
    pub derived: Vec<CostKind>,
    /// For appending sources: the batches taken (GCP: `export_time`; OCI: the file's name), sorted by name.
    pub batches: Vec<Batch>,
    /// The 64 smallest hashes of the rows' own ids (CUR: LineItemId and TimeInterval), sorted; empty where the format
    /// has none. Two deliveries of one export share most of them even when account ids were respelt.
    pub row_ids: Vec<u64>,
}

/// One batch of an appending source.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Batch {
    /// Name: an export time or a file's name.
    pub name: String,
    /// Rows of it in this scope.
    pub rows: u64,
    /// Digest of those rows.
    pub digest: RowsDigest,
}

/// Something that intake assumed about the bytes, and how often.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Assumption {
    /// What: "the word NULL read as null", "date without zone read as UTC" …
    pub what: String,
    /// The column, when it concerns one.
    pub column: Option<String>,
    /// How many rows (or 1 for the file as a whole).
    pub rows: u64,
    /// One example, shortened.
    pub example: Option<String>,
}

/// How one raw cost column became one FOCUS cost, to the last digit:
/// `raw_total + Σ adjustments = mapped_total`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CostMapping {
    /// The raw column: `lineItem/UnblendedCost`.
    pub raw_column: String,
    /// Which cost it became.
    pub cost: CostKind,
    /// The currency.
    pub currency: Currency,
    /// Exact sum of the raw column over all rows read and not quarantined.
    pub raw_total: Money,
    /// What the mapping moved or zeroed, by reason.
    pub adjustments: Vec<Adjustment>,
    /// Exact sum of the cost over the accepted rows.
    pub mapped_total: Money,
}

/// One reason for which a mapped cost differs from the raw column.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Adjustment {
    /// The mapping's rule: "SavingsPlanNegation dropped (FOCUS has no negation rows)".
    pub reason: String,
    /// Rows concerned.
    pub rows: u64,
    /// mapped − raw, summed over those rows.
    pub amount: Money,
}

/// A row that could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Quarantined {
    /// Path of the part.
    pub file: String,
    /// Number of the part in the delivery, from 0.
    pub part: u32,
    /// Data row in the part, from 1.
    pub row: u64,
    /// Column, when one is to blame.
    pub column: Option<String>,
    /// The value, shortened to 200 characters.
    pub value: String,
    /// The rule that it breaks.
    pub reason: String,
    /// The whole row as CSV or JSON text, as delivered, for replay; shortened to 64 KiB.
    pub raw: String,
}

/// Everything about one delivery that was read to its end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// Made from the source and the digests of the parts.
    pub id: DeliveryId,
    /// The source.
    pub source: SourceId,
    /// The format of the first part.
    pub format: Format,
    /// For FOCUS: the version told from the columns, `1.2`.
    pub version: Option<String>,
    /// The export's own execution id, from the manifest.
    pub execution: Option<String>,
    /// The month that the delivery is for, strays of other months aside; `None` when it holds several whole months.
    /// It replaces the earlier delivery of the same source and nominal period.
    #[serde(default)]
    pub nominal: Option<Month>,
    /// The path that the person gave or that discovery found.
    pub path: String,
    /// The files read, in order.
    pub parts: Vec<Part>,
    /// Per billing period.
    pub scopes: Vec<ScopeFacts>,
    /// Rows accepted, all scopes.
    pub rows: u64,
    /// Rows skipped because an earlier delivery of an appending source brought them, or dropped by the mapping with
    /// a reason in `mappings` (negation rows, twins of the actual export).
    pub skipped: u64,
    /// Rows quarantined.
    pub quarantined: u64,
    /// The quarantined rows, as many as are kept.
    pub quarantine: Vec<Quarantined>,
    /// What was assumed.
    pub assumptions: Vec<Assumption>,
    /// How the raw cost columns became FOCUS costs.
    pub mappings: Vec<CostMapping>,
}

impl Delivery {
    /// Rows read from the parts: each is accepted, skipped or quarantined.
    pub fn rows_read(&self) -> u64 {
        self.parts.iter().map(|part| part.rows).sum()
    }

    /// The billing periods, in order.
    pub fn billing_periods(&self) -> Vec<Month> {
        self.scopes.iter().map(|facts| facts.scope.billing_period).collect()
    }

    /// The four totals per currency over all scopes, by currency.
    pub fn totals(&self) -> Vec<(Currency, Costs)> {
        let mut totals = std::collections::BTreeMap::<Currency, Costs>::new();
        for each in self.scopes.iter().flat_map(|facts| &facts.totals) {
            *totals.entry(each.currency.clone()).or_default() += each.costs;
        }
        totals.into_iter().collect()
    }
}
