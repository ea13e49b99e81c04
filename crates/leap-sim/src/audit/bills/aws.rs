//! AWS Cost and Usage Reports, legacy (`lineItem/UnblendedCost`) and 2.0 (`line_item_unblended_cost`).
//!
//! ```text
//! SavingsPlanCoveredUsage  unblended 10, SavingsPlanEffectiveCost 0.1   → billed 0, effective 0.1
//! SavingsPlanNegation      unblended −10                                → left out
//! Tax                      unblended 0.7                                → billed 0.7, effective 0.7
//! ```
//! Source of the effective cost: aws-solutions-library-samples/cloud-intelligence-dashboards-framework,
//! `cid/builtin/core/data/queries/cid/summary_view.sql`, column `amortized_cost`, and its WHERE clause for the split
//! rows of containers. Not done: net costs after enterprise discounts, and the true-up column of that query.

use std::borrow::Cow;

use super::super::rows::{Row, plain_name};
use super::{Charge, ListCost, Reading, Unreadable, cost, cost_if_any, currency, day, pairs};

/// Reads one row.
pub fn read(row: &Row<'_>) -> Result<Reading, Unreadable> {
    let line_type = row.get("lineitemlineitemtype").unwrap_or("");
    let operation = row.get("lineitemoperation").unwrap_or("");
    let month = day(row, &["billbillingperiodstartdate"])?.month();
    let currency = currency(row.get("lineitemcurrencycode"), "lineitemcurrencycode")?;
    let day = day(row, &["lineitemusagestartdate"])?;
    let unblended = cost(row, "lineitemunblendedcost")?;
    let public = cost_if_any(row, "pricingpublicondemandcost")?;
    if line_type == "SavingsPlanNegation" {
        return Ok(Reading::LeftOut("a savings plan's negation: the usage it negates is billed 0"));
    }
    if matches!(operation, "EKSPod-EC2" | "ECSTask-EC2") {
        return Ok(Reading::LeftOut("a container's part of an instance that has its own row"));
    }
    let reserved = row.get("reservationreservationarn").is_some();
    let upfront_refund = line_type == "Refund"
        && row.get("lineitemproductcode") == Some("ComputeSavingsPlans")
        && row
            .get("lineitemlineitemdescription")
            .is_some_and(|text| text.starts_with("Refund for one-time fee for Savings Plan ID"));
    let effective = match line_type {
        "SavingsPlanCoveredUsage" => cost(row, "savingsplansavingsplaneffectivecost")?,
        "SavingsPlanRecurringFee" => {
            cost(row, "savingsplantotalcommitmenttodate")? - &cost(row, "savingsplanusedcommitment")?
        }
        "SavingsPlanUpfrontFee" => Default::default(),
        "DiscountedUsage" => cost(row, "reservationeffectivecost")?,
        "RIFee" => {
            cost(row, "reservationunusedamortizedupfrontfeeforbillingperiod")?
                + &cost(row, "reservationunusedrecurringfee")?
        }
        "Fee" if reserved => Default::default(),
        _ if upfront_refund => Default::default(),
        _ => unblended.clone(),
    };
    let billed = match line_type {
        "SavingsPlanCoveredUsage" | "DiscountedUsage" => Default::default(),
        _ => unblended,
    };
    let list = ListCost::IfAllUsagePriced { public, usage: charge_category(line_type) == "Usage" };
    Ok(Reading::Counts(Charge { month, currency, day, billed, contracted: effective.clone(), effective, list }))
}

fn charge_category(line_type: &str) -> &'static str {
    match line_type {
        "Fee" | "RIFee" | "SavingsPlanUpfrontFee" | "SavingsPlanRecurringFee" | "FlatRateSubscription" => "Purchase",
        "Tax" => "Tax",
        "Credit" | "Refund" | "BundledDiscount" | "EdpDiscount" | "PrivateRateDiscount" => "Credit",
        _ => "Usage",
    }
}

/// The value of a FOCUS column.
pub fn column<'a>(row: &Row<'a>, name: &str) -> Option<Cow<'a, str>> {
    let line_type = row.get("lineitemlineitemtype").unwrap_or("");
    let savings_plan = row.get("savingsplansavingsplanarn");
    let reservation = row.get("reservationreservationarn");
    let value = match name {
        "AvailabilityZone" => row.get("lineitemavailabilityzone"),
        "BillingAccountId" => row.get("billpayeraccountid"),
        "BillingAccountName" => row.get("billpayeraccountname"),
        "BillingCurrency" => row.get("lineitemcurrencycode"),
        "ChargeCategory" => Some(charge_category(line_type)),
        "ChargeDescription" => row.get("lineitemlineitemdescription"),
        "ChargeFrequency" => Some(match line_type {
            "Fee" | "SavingsPlanUpfrontFee" | "Refund" | "Tax" | "Credit" => "One-Time",
            "RIFee" | "SavingsPlanRecurringFee" | "FlatRateSubscription" => "Recurring",
            _ => "Usage-Based",
        }),
        "CommitmentDiscountCategory" => savings_plan.map(|_| "Spend").or(reservation.map(|_| "Usage")),
        "CommitmentDiscountId" => savings_plan.or(reservation),
        "CommitmentDiscountStatus" => match line_type {
            "SavingsPlanCoveredUsage" | "DiscountedUsage" => Some("Used"),
            "SavingsPlanRecurringFee" | "RIFee" => Some("Unused"),
            _ => None,
        },
        "CommitmentDiscountType" => savings_plan.map(|_| "Savings Plan").or(reservation.map(|_| "Reserved Instance")),
        "ConsumedUnit" | "PricingUnit" => row.get("pricingunit"),
        "InvoiceId" => row.get("billinvoiceid"),
        "InvoiceIssuerName" => row.first(&["billinvoicingentity", "lineitemlegalentity", "billbillingentity"]),
        "ProviderName" | "PublisherName" | "ServiceProviderName" | "HostProviderName" => Some("AWS"),
        "RegionId" => match row.first(&["productregion", "productregioncode"]) {
            None => return product(row, "region"),
            some => some,
        },
        "ResourceId" => row.get("lineitemresourceid"),
        "ServiceName" => match row.first(&["productproductname", "productservicename"]) {
            None => return product(row, "product_name").or(row.get("lineitemproductcode").map(Cow::Borrowed)),
            some => some,
        },
        "SkuId" => row.get("productsku"),
        "SkuPriceId" => row.get("pricingrateid"),
        "SubAccountId" => row.get("lineitemusageaccountid"),
        "SubAccountName" => row.get("lineitemusageaccountname"),
        "x_Operation" => row.get("lineitemoperation"),
        "x_ServiceCode" => row.get("lineitemproductcode"),
        "x_UsageType" => row.get("lineitemusagetype"),
        other => row.get(&plain_name(other)),
    };
    value.map(Cow::Borrowed)
}

/// A member of the map column `product` of CUR 2.0.
fn product<'a>(row: &Row<'a>, key: &str) -> Option<Cow<'a, str>> {
    let map = row.get("product").map(pairs)?;
    map.into_iter().rev().find(|(name, _)| name == key).map(|(_, value)| Cow::Owned(value))
}

/// Tags from the columns `resourceTags/user:…` and from the map `resource_tags`; `user:` is not part of a key.
pub fn tags(row: &Row<'_>) -> Vec<(String, String)> {
    let mut tags = row.get("resourcetags").map(pairs).unwrap_or_default();
    for (name, value) in row.all() {
        let key = name.strip_prefix("resourceTags/").or_else(|| name.strip_prefix("resource_tags_"));
        if let Some(key) = key {
            tags.push((key.to_owned(), value.to_owned()));
        }
    }
    for (key, _) in &mut tags {
        if let Some(bare) = key.strip_prefix("user:").or_else(|| key.strip_prefix("user_")) {
            *key = bare.to_owned();
        }
    }
    tags
}
