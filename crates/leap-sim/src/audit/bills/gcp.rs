//! GCP detailed billing export, as CSV with dotted headers or as JSON lines.
//!
//! ```text
//! cost 5e-06, credits [{'amount': -5e-06, …}], invoice.month 202011   → November 2020, billed 0
//! ```
//! Source: Google's page of the export's schema. Billed = cost + the sum of the credits' amounts; the billing period is
//! the invoice month, not the month of use. List cost is `cost_at_list`
//! where a row has it; the costs that the format does not have equal the billed cost.

use std::borrow::Cow;

use super::super::amount::{Amount, COST_WHOLE_DIGITS};
use super::super::dates;
use super::super::literal::Literal;
use super::super::rows::{Row, plain_name};
use super::{Charge, ListCost, Reading, Unreadable, cost, cost_if_any, currency, day, pairs, unreadable};

/// Reads one row.
pub fn read(row: &Row<'_>) -> Result<Reading, Unreadable> {
    let mut billed = cost(row, "cost")?;
    if let Some(text) = row.get("credits") {
        billed += &credits(text)?;
    }
    let month = row.get("invoicemonth").ok_or_else(|| unreadable("invoicemonth", "is empty"))?;
    Ok(Reading::Counts(Charge {
        month: dates::month(month).ok_or_else(|| unreadable("invoicemonth", "is no month"))?,
        currency: currency(row.get("currency"), "currency")?,
        day: day(row, &["usagestarttime"])?,
        effective: billed.clone(),
        list: ListCost::Known(cost_if_any(row, "costatlist")?.unwrap_or_else(|| billed.clone())),
        contracted: billed.clone(),
        billed,
    }))
}

/// The sum of the amounts in a list of credits.
fn credits(text: &str) -> Result<Amount, Unreadable> {
    let Some(Literal::List(credits)) = Literal::read(text) else {
        return Err(unreadable("credits", "is no list of credits"));
    };
    let mut sum = Amount::zero();
    for credit in &credits {
        if let Some(amount) = credit.member("amount").and_then(Literal::scalar) {
            sum += &Amount::read(&amount, COST_WHOLE_DIGITS).map_err(|fault| unreadable("credits", fault))?;
        }
    }
    Ok(sum)
}

/// The export time of a row, which names its batch.
pub fn batch<'a>(row: &Row<'a>) -> Option<&'a str> {
    row.get("exporttime")
}

/// The value of a FOCUS column.
pub fn column<'a>(row: &Row<'a>, name: &str) -> Option<Cow<'a, str>> {
    let value = match name {
        "AvailabilityZone" => row.get("locationzone"),
        "BillingAccountId" => row.get("billingaccountid"),
        "BillingCurrency" => row.get("currency"),
        "ChargeCategory" => Some(match row.get("costtype") {
            Some("tax") => "Tax",
            Some("adjustment" | "rounding_error") => "Adjustment",
            _ => "Usage",
        }),
        "ChargeDescription" => row.get("skudescription"),
        "ChargeFrequency" => Some("Usage-Based"),
        "ConsumedUnit" => row.get("usageunit"),
        "InvoiceIssuerName" | "ProviderName" | "PublisherName" | "ServiceProviderName" | "HostProviderName" => {
            Some("Google Cloud")
        }
        "PricingUnit" => row.get("usagepricingunit"),
        "RegionId" | "RegionName" => row.first(&["locationregion", "locationlocation"]),
        "ResourceId" => row.first(&["resourceglobalname", "resourcename"]),
        "ResourceName" => row.get("resourcename"),
        "ServiceName" => row.get("servicedescription"),
        "SkuId" => row.get("skuid"),
        "SubAccountId" => row.get("projectid"),
        "SubAccountName" => row.get("projectname"),
        other => row.get(&plain_name(other)),
    };
    value.map(Cow::Borrowed)
}

/// Labels of the resource before tags before labels of the project; the first of a key counts.
pub fn tags(row: &Row<'_>) -> Vec<(String, String)> {
    let mut tags: Vec<(String, String)> = Vec::new();
    for column in ["labels", "tags", "projectlabels"] {
        for (key, value) in row.get(column).map(pairs).unwrap_or_default() {
            if !tags.iter().any(|(known, _)| *known == key) {
                tags.push((key, value));
            }
        }
    }
    tags
}
