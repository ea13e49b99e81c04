//! FOCUS 1.0 to 1.4: the four costs are columns.
//!
//! ```text
//! BilledCost=1.5 EffectiveCost=NULL …   → billed 1.5, effective 0
//! ```
//! Source: FOCUS_Spec, tags v1.0 to v1.2, and the model rules of 1.3 and 1.4. A null cost counts as 0 although FOCUS
//! forbids it, because real files have it. Nothing is checked against the identities between the four costs.

use std::borrow::Cow;

use super::super::amount::{Amount, QUANTITY_WHOLE_DIGITS};
use super::super::dates;
use super::super::rows::{Row, plain_name};
use super::{Charge, ListCost, Reading, Unreadable, cost, currency, day, pairs, unreadable};

/// Quantities and prices: a row with one that cannot be read belongs in quarantine, too.
const MEASURES: [&str; 8] = [
    "commitmentdiscountquantity",
    "consumedquantity",
    "contractedunitprice",
    "listunitprice",
    "pricingcurrencycontractedunitprice",
    "pricingcurrencyeffectivecost",
    "pricingcurrencylistunitprice",
    "pricingquantity",
];

/// Reads one row.
pub fn read(row: &Row<'_>) -> Result<Reading, Unreadable> {
    for column in MEASURES {
        if let Some(text) = row.get(column) {
            Amount::check(text, QUANTITY_WHOLE_DIGITS).map_err(|fault| unreadable(column, fault))?;
        }
    }
    for column in ["billingperiodend", "chargeperiodend"] {
        if row.get(column).is_some_and(|text| dates::instant(text).is_none()) {
            return Err(unreadable(column, "is no date"));
        }
    }
    Ok(Reading::Counts(Charge {
        month: day(row, &["billingperiodstart"])?.month(),
        currency: currency(row.get("billingcurrency"), "billingcurrency")?,
        day: day(row, &["chargeperiodstart"])?,
        billed: cost(row, "billedcost")?,
        effective: cost(row, "effectivecost")?,
        list: ListCost::Known(cost(row, "listcost")?),
        contracted: cost(row, "contractedcost")?,
    }))
}

/// The value of a column. The provider columns of 1.0 to 1.2 and of 1.3 to 1.4 are filled from each other.
pub fn column<'a>(row: &Row<'a>, name: &str) -> Option<Cow<'a, str>> {
    let value = row.get(&plain_name(name)).or_else(|| match name {
        "ProviderName" => row.first(&["serviceprovidername", "hostprovidername"]),
        "ServiceProviderName" | "HostProviderName" => row.get("providername"),
        _ => None,
    });
    value.map(Cow::Borrowed)
}

/// The tags in a column of JSON text.
pub fn tags(row: &Row<'_>, column: &str) -> Vec<(String, String)> {
    row.get(column).map(pairs).unwrap_or_default()
}
