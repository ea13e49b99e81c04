//! Azure cost details, EA and MCA, actual and amortised.
//!
//! ```text
//! actual     Purchase  Reservation  3.25   → billed 3.25, effective 0
//! amortised  Usage     Reservation  0.49   → billed 0,    effective 0.49
//! both       Usage     OnDemand     2.64   → billed 2.64, effective 2.64, counted once
//! ```
//! Source: finops-toolkit, `docs-mslearn/focus/convert.md`. With both exports the union is the actual rows without the
//! use of commitments, and the amortised rows of that use and of what went unused. List cost is not in the format and
//! becomes contracted cost.

use std::borrow::Cow;

use super::super::amount::Amount;
use super::super::rows::{Row, plain_name};
use super::{Charge, Delivery, ListCost, Reading, Unreadable, cost_if_any, currency, day, pairs, quantity_if_any};

/// Which of the two exports a row is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Export {
    /// What was invoiced.
    Actual,
    /// Commitments spread over their use.
    Amortized,
}

const DATE: [&str; 3] = ["date", "usagedatetime", "usagedate"];
const COST: [&str; 4] = ["costinbillingcurrency", "cost", "pretaxcost", "extendedcost"];
const CURRENCY: [&str; 3] = ["billingcurrency", "billingcurrencycode", "currency"];
const QUANTITY: [&str; 2] = ["quantity", "usagequantity"];

/// Reads one row.
pub fn read(row: &Row<'_>, export: Export, delivery: &Delivery<'_>) -> Result<Reading, Unreadable> {
    let charge_type = row.get("chargetype").unwrap_or("Usage");
    let committed = row.get("pricingmodel").is_some_and(is_commitment);
    let covered = committed && charge_type.eq_ignore_ascii_case("Usage");
    let unused = ["UnusedReservation", "UnusedSavingsPlan"].iter().any(|word| charge_type.eq_ignore_ascii_case(word));
    let bought = committed && ["Purchase", "Refund"].iter().any(|word| charge_type.eq_ignore_ascii_case(word));

    let day = day(row, &DATE)?;
    let month = match row.get("billingperiodstartdate") {
        Some(_) => super::day(row, &["billingperiodstartdate"])?.month(),
        None => day.month(),
    };
    let has_currency = CURRENCY.iter().any(|column| row.has(column));
    let currency = match row.first(&CURRENCY) {
        None if !has_currency => currency(Some(delivery.currency_when_absent), CURRENCY[0])?,
        text => currency(text, CURRENCY[0])?,
    };
    let mut cost = Amount::zero();
    for column in COST {
        if let Some(found) = cost_if_any(row, column)? {
            cost = found;
            break;
        }
    }
    let mut quantity = None;
    for column in QUANTITY {
        quantity = quantity.or(quantity_if_any(row, column)?);
    }
    let price = quantity_if_any(row, "unitprice")?;

    if delivery.twin_present {
        match export {
            Export::Actual if covered || unused => {
                return Ok(Reading::LeftOut("the use of a commitment: the amortised export has it"));
            }
            Export::Amortized if !(covered || unused) => {
                return Ok(Reading::LeftOut("the twin of a row of the actual export"));
            }
            Export::Actual | Export::Amortized => {}
        }
    }
    // An amortized export alone is taken at its word; an actual export has no rows for what went unused.
    let actual = export == Export::Actual;
    let effective = if bought && actual { Amount::zero() } else { cost.clone() };
    let billed = if covered || (unused && !actual) { Amount::zero() } else { cost.clone() };
    let contracted = contracted(price, quantity, block_size(row.get("unitofmeasure")), &cost, same_currency(row))
        .unwrap_or_else(|| effective.clone());
    let list = ListCost::Known(contracted.clone());
    Ok(Reading::Counts(Charge { month, currency, day, billed, effective, list, contracted }))
}

fn is_commitment(pricing_model: &str) -> bool {
    matches!(pricing_model.to_lowercase().replace(' ', "").as_str(), "reservation" | "savingsplan")
}

/// Unit prices of MCA are in the pricing currency; another billing currency makes their product no cost.
fn same_currency(row: &Row<'_>) -> bool {
    let pricing = row.first(&["pricingcurrency", "pricingcurrencycode"]);
    pricing.is_none_or(|pricing| row.first(&CURRENCY).is_some_and(|billing| billing.eq_ignore_ascii_case(pricing)))
}

/// UnitPrice × Quantity; divided by the block size only when it equals the cost after dividing and not before.
fn contracted(
    price: Option<Amount>,
    quantity: Option<Amount>,
    block: u64,
    cost: &Amount,
    same_currency: bool,
) -> Option<Amount> {
    let (price, quantity) = (price.filter(|_| same_currency)?, quantity?);
    if !price.times_equals(&quantity, 1, cost) && price.times_equals(&quantity, block, cost) {
        return Some(cost.clone());
    }
    price.times(&quantity)
}

/// `10K` → 10 000, `100 Hours` → 100, `1/Month` → 1, empty or `0 Unassigned` → 1.
fn block_size(unit: Option<&str>) -> u64 {
    let unit = unit.unwrap_or("").trim();
    let end = unit.find(|c: char| !c.is_ascii_digit()).unwrap_or(unit.len());
    let size: u64 = unit[..end].parse().unwrap_or(1);
    let factor = match unit[end..].split(|c: char| !c.is_ascii_alphabetic()).next() {
        Some("K") => 1_000,
        Some("M") => 1_000_000,
        _ => 1,
    };
    size.saturating_mul(factor).max(1)
}

/// The value of a FOCUS column. Ids are lower-cased, as the source does.
pub fn column<'a>(row: &Row<'a>, name: &str) -> Option<Cow<'a, str>> {
    let lower = |columns: &[&str]| row.first(columns).map(|text| Cow::Owned(text.to_lowercase()));
    let charge_type = row.get("chargetype").unwrap_or("Usage");
    let value = match name {
        "AvailabilityZone" => row.get("availabilityzone"),
        "BillingAccountId" => return lower(&["billingprofileid", "billingaccountid"]),
        "BillingAccountName" => row.first(&["billingprofilename", "billingaccountname"]),
        "BillingCurrency" => row.first(&CURRENCY),
        "ChargeCategory" => Some(match charge_type {
            "Usage" | "UnusedReservation" | "UnusedSavingsPlan" => "Usage",
            "Purchase" | "Refund" => "Purchase",
            "Tax" => "Tax",
            "Credit" => "Credit",
            _ => "Adjustment",
        }),
        "ChargeClass" => (charge_type == "Refund").then_some("Correction"),
        "ChargeDescription" => row.first(&["product", "productname"]),
        "ChargeFrequency" => match row.get("frequency") {
            Some("UsageBased") => Some("Usage-Based"),
            Some("OneTime") => Some("One-Time"),
            other => other,
        },
        "CommitmentDiscountId" => return lower(&["benefitid", "reservationid"]),
        "CommitmentDiscountName" => row.first(&["benefitname", "reservationname"]),
        "CommitmentDiscountStatus" => {
            let committed = row.get("pricingmodel").is_some_and(is_commitment);
            match charge_type {
                "UnusedReservation" | "UnusedSavingsPlan" => Some("Unused"),
                "Usage" if committed => Some("Used"),
                _ => None,
            }
        }
        "CommitmentDiscountCategory" => match row.get("pricingmodel") {
            Some("Reservation") => Some("Usage"),
            Some("SavingsPlan") => Some("Spend"),
            _ => None,
        },
        "CommitmentDiscountType" => row.get("pricingmodel").filter(|model| is_commitment(model)),
        "ConsumedUnit" | "PricingUnit" => row.get("unitofmeasure"),
        "InvoiceIssuerName" | "ProviderName" | "ServiceProviderName" | "HostProviderName" => Some("Microsoft"),
        "PricingCategory" => match row.get("pricingmodel") {
            Some("OnDemand") => Some("Standard"),
            Some("Spot") => Some("Dynamic"),
            Some(model) if is_commitment(model) => Some("Committed"),
            _ => None,
        },
        "PublisherName" => row.get("publishername"),
        "RegionId" | "RegionName" => row.get("resourcelocation"),
        "ResourceId" => return lower(&["resourceid", "instanceid", "instancename"]),
        "ResourceName" => row.get("resourcename"),
        "ServiceName" => row.first(&["metercategory", "consumedservice"]),
        "SkuId" => row.get("meterid"),
        "SkuMeter" => row.get("metername"),
        "SkuPriceId" => row.get("partnumber"),
        "SubAccountId" => return lower(&["subscriptionid", "subscriptionguid"]),
        "SubAccountName" => row.get("subscriptionname"),
        other => {
            let plain = plain_name(other);
            row.get(&plain).or_else(|| plain.strip_prefix('x').and_then(|bare| row.get(bare)))
        }
    };
    value.map(Cow::Borrowed)
}

/// Tags, whose braces many exports leave out.
pub fn tags(row: &Row<'_>) -> Vec<(String, String)> {
    let Some(text) = row.get("tags") else { return Vec::new() };
    if text.trim_start().starts_with('{') { pairs(text) } else { pairs(&format!("{{{text}}}")) }
}
