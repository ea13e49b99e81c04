//! The columns of FOCUS "Cost and Usage", versions 1.0 to 1.4, and what leap uses each for.
//!
//! Source: FOCUS_Spec tags v1.0, v1.1, v1.2 and the model rules of releases 1.3 and 1.4 (CC BY 4.0; names and values
//! are free to use). `ProviderName` and `PublisherName` are gone in 1.4; leap keeps them, and fills
//! `ServiceProviderName` and `HostProviderName` from them where a bill of 1.0 to 1.3 lacks those.

use ColumnRole::*;
use ColumnType::*;
use FocusVersion::*;
use Presence::*;

/// A ratified version of FOCUS that leap reads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FocusVersion {
    /// 1.0, 2024-06-20.
    V1_0,
    /// 1.1, 2024-11-07.
    V1_1,
    /// 1.2, 2025-05-29.
    V1_2,
    /// 1.3, 2025-12-04.
    V1_3,
    /// 1.4, 2026-06-04.
    V1_4,
}

impl FocusVersion {
    /// All versions, oldest first.
    pub const ALL: [FocusVersion; 5] = [V1_0, V1_1, V1_2, V1_3, V1_4];

    /// `1.0` … `1.4`.
    pub fn number(self) -> &'static str {
        match self {
            V1_0 => "1.0",
            V1_1 => "1.1",
            V1_2 => "1.2",
            V1_3 => "1.3",
            V1_4 => "1.4",
        }
    }
}

/// The data type of a column, as FOCUS names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ColumnType {
    /// String.
    Text,
    /// Decimal, exact.
    Decimal,
    /// Date/Time, UTC.
    Instant,
    /// JSON as text: `Tags`, `AllocatedTags` …
    Json,
}

/// Whether a bill must have the column.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Presence {
    /// In every bill.
    Mandatory,
    /// Should be there.
    Recommended,
    /// There when the provider has the concept.
    Conditional,
}

/// What leap uses a column for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ColumnRole {
    /// Part of every attribution key: owners may depend on it, reports group by it.
    Key,
    /// The resource: interned apart from the key, since there may be as many as rows.
    Resource,
    /// A cost, price or quantity: summed or shown, never a reason for ownership.
    Measure,
    /// A bound of a charge or billing period.
    Time,
    /// The billing currency: never added across.
    Currency,
    /// Kept with the row; joins the attribution key of a home only when a rule names it.
    Detail,
}

/// One column.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Column {
    /// FOCUS name.
    pub name: &'static str,
    /// First version that has it.
    pub since: FocusVersion,
    /// Whether a bill must have it.
    pub presence: Presence,
    /// Whether it may be null.
    pub nullable: bool,
    /// Data type.
    pub column_type: ColumnType,
    /// What leap uses it for.
    pub role: ColumnRole,
}

const fn column(
    name: &'static str,
    since: FocusVersion,
    presence: Presence,
    nullable: bool,
    column_type: ColumnType,
    role: ColumnRole,
) -> Column {
    Column { name, since, presence, nullable, column_type, role }
}

/// Every column of 1.0 to 1.4, by name.
pub const COLUMNS: [Column; 67] = [
    column("AllocatedMethodDetails", V1_3, Recommended, true, Json, Detail),
    column("AllocatedMethodId", V1_3, Conditional, true, Text, Key),
    column("AllocatedResourceId", V1_3, Conditional, true, Text, Key),
    column("AllocatedResourceName", V1_3, Conditional, true, Text, Key),
    column("AllocatedTags", V1_3, Conditional, true, Json, Key),
    column("AvailabilityZone", V1_0, Recommended, true, Text, Key),
    column("BilledCost", V1_0, Mandatory, false, Decimal, Measure),
    column("BillingAccountId", V1_0, Mandatory, false, Text, Key),
    column("BillingAccountName", V1_0, Mandatory, true, Text, Key),
    column("BillingAccountType", V1_2, Conditional, false, Text, Key),
    column("BillingCurrency", V1_0, Mandatory, false, Text, Currency),
    column("BillingPeriodEnd", V1_0, Mandatory, false, Instant, Time),
    column("BillingPeriodStart", V1_0, Mandatory, false, Instant, Time),
    column("CapacityReservationId", V1_1, Conditional, true, Text, Key),
    column("CapacityReservationStatus", V1_1, Conditional, true, Text, Key),
    column("ChargeCategory", V1_0, Mandatory, false, Text, Key),
    column("ChargeClass", V1_0, Mandatory, true, Text, Key),
    column("ChargeDescription", V1_0, Mandatory, true, Text, Detail),
    column("ChargeFrequency", V1_0, Recommended, false, Text, Key),
    column("ChargePeriodEnd", V1_0, Mandatory, false, Instant, Time),
    column("ChargePeriodStart", V1_0, Mandatory, false, Instant, Time),
    column("CommitmentDiscountCategory", V1_0, Conditional, true, Text, Key),
    column("CommitmentDiscountId", V1_0, Conditional, true, Text, Key),
    column("CommitmentDiscountName", V1_0, Conditional, true, Text, Key),
    column("CommitmentDiscountQuantity", V1_1, Conditional, true, Decimal, Measure),
    column("CommitmentDiscountStatus", V1_0, Conditional, true, Text, Key),
    column("CommitmentDiscountType", V1_0, Conditional, true, Text, Key),
    column("CommitmentDiscountUnit", V1_1, Conditional, true, Text, Detail),
    column("CommitmentProgramEligibilityDetails", V1_4, Conditional, true, Json, Detail),
    column("ConsumedQuantity", V1_0, Conditional, true, Decimal, Measure),
    column("ConsumedUnit", V1_0, Conditional, true, Text, Key),
    column("ContractApplied", V1_3, Conditional, true, Json, Detail),
    column("ContractedCost", V1_0, Mandatory, false, Decimal, Measure),
    column("ContractedUnitPrice", V1_0, Conditional, true, Decimal, Measure),
    column("EffectiveCost", V1_0, Mandatory, false, Decimal, Measure),
    column("HostProviderName", V1_3, Mandatory, false, Text, Key),
    column("InvoiceDetailId", V1_4, Conditional, true, Text, Detail),
    column("InvoiceId", V1_2, Recommended, true, Text, Detail),
    column("InvoiceIssuerName", V1_0, Mandatory, false, Text, Key),
    column("ListCost", V1_0, Mandatory, false, Decimal, Measure),
    column("ListUnitPrice", V1_0, Conditional, true, Decimal, Measure),
    column("PricingCategory", V1_0, Conditional, true, Text, Key),
    column("PricingCurrency", V1_2, Conditional, true, Text, Detail),
    column("PricingCurrencyContractedUnitPrice", V1_2, Conditional, true, Decimal, Measure),
    column("PricingCurrencyEffectiveCost", V1_2, Conditional, true, Decimal, Measure),
    column("PricingCurrencyListUnitPrice", V1_2, Conditional, true, Decimal, Measure),
    column("PricingQuantity", V1_0, Mandatory, true, Decimal, Measure),
    column("PricingUnit", V1_0, Mandatory, true, Text, Key),
    column("ProviderName", V1_0, Mandatory, false, Text, Key),
    column("PublisherName", V1_0, Mandatory, false, Text, Key),
    column("RegionId", V1_0, Conditional, true, Text, Key),
    column("RegionName", V1_0, Conditional, true, Text, Key),
    column("ResourceId", V1_0, Conditional, true, Text, Resource),
    column("ResourceName", V1_0, Conditional, true, Text, Resource),
    column("ResourceType", V1_0, Conditional, true, Text, Key),
    column("ServiceCategory", V1_0, Mandatory, false, Text, Key),
    column("ServiceName", V1_0, Mandatory, false, Text, Key),
    column("ServiceProviderName", V1_3, Mandatory, false, Text, Key),
    column("ServiceSubcategory", V1_1, Recommended, false, Text, Key),
    column("SkuId", V1_0, Conditional, true, Text, Detail),
    column("SkuMeter", V1_1, Conditional, true, Text, Detail),
    column("SkuPriceDetails", V1_1, Conditional, true, Json, Detail),
    column("SkuPriceId", V1_0, Conditional, true, Text, Detail),
    column("SubAccountId", V1_0, Conditional, true, Text, Key),
    column("SubAccountName", V1_0, Conditional, true, Text, Key),
    column("SubAccountType", V1_2, Conditional, true, Text, Key),
    column("Tags", V1_0, Conditional, true, Json, Key),
];

/// The column of that exact name.
pub fn find(name: &str) -> Option<&'static Column> {
    COLUMNS.binary_search_by(|column| column.name.cmp(name)).ok().map(|at| &COLUMNS[at])
}

/// The names of the columns with this role, by name.
pub fn with_role(role: ColumnRole) -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().filter(move |column| column.role == role).map(|column| column.name)
}

/// The 21 columns that a bill of this version must have.
pub fn mandatory(version: FocusVersion) -> impl Iterator<Item = &'static Column> {
    let old_names = version <= V1_2;
    COLUMNS.iter().filter(move |column| {
        let provider = matches!(column.name, "ProviderName" | "PublisherName");
        column.presence == Mandatory && if old_names { column.since == V1_0 } else { !provider }
    })
}

/// Charge categories of FOCUS 1.0 to 1.4.
pub const CHARGE_CATEGORIES: [&str; 5] = ["Usage", "Purchase", "Tax", "Credit", "Adjustment"];

/// Service categories of FOCUS 1.0 to 1.4.
pub const SERVICE_CATEGORIES: [&str; 19] = [
    "AI and Machine Learning",
    "Analytics",
    "Business Applications",
    "Compute",
    "Databases",
    "Developer Tools",
    "Multicloud",
    "Identity",
    "Integration",
    "Internet of Things",
    "Management and Governance",
    "Media",
    "Migration",
    "Mobile",
    "Networking",
    "Security",
    "Storage",
    "Web",
    "Other",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_as_many_columns_as_its_specification() {
        assert!(COLUMNS.is_sorted_by_key(|column| column.name));
        let since = |version| COLUMNS.iter().filter(|column| column.since <= version).count();
        assert_eq!(since(V1_0), 43);
        assert_eq!(since(V1_1), 50);
        assert_eq!(since(V1_2), 57);
        assert_eq!(since(V1_4), COLUMNS.len());
        for version in FocusVersion::ALL {
            assert_eq!(mandatory(version).count(), 21, "{}", version.number());
        }
        assert_eq!(find("Tags").unwrap().column_type, Json);
        assert_eq!(find("tags"), None);
    }
}
