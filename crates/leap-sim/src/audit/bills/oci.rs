//! OCI cost reports.
//!
//! ```text
//! cost/myCost 6.266090E-12, cost/myCostOverage 0.5   → billed 0.50000000000626609
//! ```
//! Billed = myCost + myCostOverage; corrections are rows like any other. The other three costs are not in the format
//! and equal the billed cost. The billing period is the month of use.

use std::borrow::Cow;

use super::super::rows::{Row, plain_name};
use super::{Charge, ListCost, Reading, Unreadable, cost, currency, day};

/// Reads one row.
pub fn read(row: &Row<'_>) -> Result<Reading, Unreadable> {
    let billed = cost(row, "costmycost")? + &cost(row, "costmycostoverage")?;
    let day = day(row, &["lineitemintervalusagestart"])?;
    Ok(Reading::Counts(Charge {
        month: day.month(),
        currency: currency(row.get("costcurrencycode"), "costcurrencycode")?,
        day,
        effective: billed.clone(),
        list: ListCost::Known(billed.clone()),
        contracted: billed.clone(),
        billed,
    }))
}

/// The value of a FOCUS column.
pub fn column<'a>(row: &Row<'a>, name: &str) -> Option<Cow<'a, str>> {
    let value = match name {
        "AvailabilityZone" => row.get("productavailabilitydomain"),
        "BillingAccountId" => row.first(&["lineitemtenantid"]),
        "BillingCurrency" => row.get("costcurrencycode"),
        "ChargeCategory" => Some("Usage"),
        "ChargeClass" => {
            row.get("lineitemiscorrection").filter(|text| text.eq_ignore_ascii_case("true")).map(|_| "Correction")
        }
        "ChargeDescription" => row.get("productdescription"),
        "ChargeFrequency" => Some("Usage-Based"),
        "ConsumedUnit" | "PricingUnit" => row.first(&["costskuunitdescription", "costbillingunitreadable"]),
        "InvoiceIssuerName" | "ProviderName" | "PublisherName" | "ServiceProviderName" | "HostProviderName" => {
            Some("Oracle")
        }
        "RegionId" | "RegionName" => row.get("productregion"),
        "ResourceId" => row.get("productresourceid"),
        "ServiceName" => row.get("productservice"),
        "SkuId" => row.get("costproductsku"),
        "SubAccountId" => row.get("productcompartmentid"),
        "SubAccountName" => row.get("productcompartmentname"),
        other => row.get(&plain_name(other)),
    };
    value.map(Cow::Borrowed)
}

/// Tags from the columns `tags/<namespace>.<key>`; the namespace is part of the key.
pub fn tags(row: &Row<'_>) -> Vec<(String, String)> {
    let tagged = row.all().filter_map(|(name, value)| Some((name.strip_prefix("tags/")?, value)));
    tagged.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
