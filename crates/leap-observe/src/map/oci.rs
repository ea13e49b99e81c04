//! OCI cost reports (`reports/cost-csv`) to FOCUS.
//!
//! ```text
//! cost/myCost 2.323760000E-9, cost/myCostOverage (empty)   → BilledCost 0.00000000232376
//! lineItem/isCorrection true                               → ChargeClass Correction
//! tags/Oracle-Tags.CreatedBy default/owner-one             → Tags {"Oracle-Tags.CreatedBy":"default/owner-one"}
//! ```
//! Billed = effective = myCost + myCostOverage; contracted and list are derived (no documented formula). The row that
//! a correction corrects stays named in `x_BackReference`. Reports are appended, several a day: a row's batch is its
//! file. A report names no billing period: it is the month in which the usage starts.

use std::sync::Arc;

use leap_terms::cost::{COST_WHOLE_DIGITS, QUANTITY_WHOLE_DIGITS};
use leap_terms::{CostKind, Costs, Instant, Money};

use super::cell::Quirk;
use super::names::Finder;
use super::notes::Notes;
use super::sheet::{RowFault, Sheet, at};
use super::{Outcome, PartPlan, RowIn, month_bounds, tags};
use crate::decode::json::Json;

struct Columns {
    reference: Option<usize>,
    tenant: Option<usize>,
    start: Option<usize>,
    end: Option<usize>,
    service: Option<usize>,
    compartment: Option<usize>,
    compartment_name: Option<usize>,
    region: Option<usize>,
    zone: Option<usize>,
    resource: Option<usize>,
    quantity: Option<usize>,
    quantity_overage: Option<usize>,
    consumed: Option<usize>,
    sku: Option<usize>,
    description: Option<usize>,
    price: Option<usize>,
    cost: Option<usize>,
    overage: Option<usize>,
    currency: Option<usize>,
    unit: Option<usize>,
    sku_unit: Option<usize>,
    correction: Option<usize>,
    back_reference: Option<usize>,
}

/// How the columns of an OCI report are mapped.
pub(crate) struct OciPlan {
    names: Vec<String>,
    columns: Columns,
    tag_columns: Vec<(usize, String)>,
    extra_columns: Vec<(usize, usize)>,
    pub(crate) extras: Vec<String>,
    pub(crate) tallies: Vec<(String, CostKind)>,
}

const OVERAGE: &str = "cost/myCostOverage added";
const REST: &str = "cost/myCost added";

impl OciPlan {
    pub(crate) fn new(names: &[String]) -> OciPlan {
        let mut find = Finder::new(names, |name| name.trim().to_lowercase());
        let columns = Columns {
            reference: find.peek("lineitem/referenceno"),
            tenant: find.take("lineitem/tenantid"),
            start: find.take("lineitem/intervalusagestart"),
            end: find.take("lineitem/intervalusageend"),
            service: find.take("product/service"),
            compartment: find.take("product/compartmentid"),
            compartment_name: find.take("product/compartmentname"),
            region: find.take("product/region"),
            zone: find.take("product/availabilitydomain"),
            resource: find.take("product/resourceid"),
            quantity: find.take("usage/billedquantity"),
            quantity_overage: find.peek("usage/billedquantityoverage"),
            consumed: find.take("usage/consumedquantity"),
            sku: find.take("cost/productsku"),
            description: find.take("product/description"),
            price: find.take("cost/unitprice"),
            cost: find.take("cost/mycost"),
            overage: find.peek("cost/mycostoverage"),
            currency: find.take("cost/currencycode"),
            unit: find.peek("cost/billingunitreadable"),
            sku_unit: find.take("cost/skuunitdescription"),
            correction: find.peek("lineitem/iscorrection"),
            back_reference: find.take("lineitem/backreferenceno"),
        };
        let mut tag_columns = Vec::new();
        for (place, name) in names.iter().enumerate() {
            if name.len() > 5 && name.as_bytes()[..5].eq_ignore_ascii_case(b"tags/") {
                tag_columns.push((place, name[5..].to_owned()));
                find.mark(place);
            }
        }
        let mut extras = vec!["x_BackReference".to_owned()];
        let mut extra_columns = Vec::new();
        for (place, name) in find.rest(&["x_BackReference"]) {
            extra_columns.push((place, extras.len()));
            extras.push(name);
        }
        let mut tallies = Vec::new();
        for place in [columns.cost, columns.overage].into_iter().flatten() {
            tallies.push((names[place].clone(), CostKind::Billed));
            tallies.push((names[place].clone(), CostKind::Effective));
        }
        OciPlan { names: names.to_vec(), columns, tag_columns, extra_columns, extras, tallies }
    }

    /// Which kinds of cost are derived.
    pub(crate) fn note(&self, notes: &mut Notes) {
        notes.derive(CostKind::Contracted);
        notes.derive(CostKind::List);
    }

    /// Maps a row that has begun.
    pub(crate) fn map_row(&self, row: &RowIn<'_>, plan: &PartPlan, sheet: &mut Sheet) -> Result<Outcome, RowFault> {
        let c = &self.columns;
        let names = &self.names;
        let currency_text = row.get(c.currency);
        if currency_text.is_empty() {
            return Err(RowFault::new(
                "cost/currencyCode",
                "",
                "is null; a charge without it has no place in any report",
            ));
        }
        let currency = sheet
            .currency(currency_text)
            .map_err(|reason| RowFault::new("cost/currencyCode", currency_text, reason))?;
        let start = sheet.need_instant(names, c.start, row.number, row.get(c.start), "lineItem/intervalUsageStart")?;
        let end = match row.get(c.end) {
            "" => {
                sheet.saw(Quirk::NoChargePeriodEnd, usize::MAX, row.number, "");
                start
            }
            text => sheet.need_instant(names, c.end, row.number, text, "")?,
        };
        let month = plan.options.fallback_billing_period.unwrap_or_else(|| Instant::from_micros(start).day().month());
        let cost = match sheet.read_number(names, c.cost, row.number, row.get(c.cost), COST_WHOLE_DIGITS)? {
            Some(cost) => cost,
            None => {
                sheet.saw(Quirk::NullCost, c.cost.unwrap_or(usize::MAX), row.number, "");
                Money::ZERO
            }
        };
        let overage =
            sheet.read_number(names, c.overage, row.number, row.get(c.overage), COST_WHOLE_DIGITS)?.unwrap_or_default();
        let number = |place: Option<usize>, sheet: &mut Sheet| {
            sheet.read_number(names, place, row.number, row.get(place), QUANTITY_WHOLE_DIGITS)
        };
        let quantity = number(c.quantity, sheet)?;
        let quantity_overage = number(c.quantity_overage, sheet)?;
        let consumed = number(c.consumed, sheet)?;
        let price = number(c.price, sheet)?;
        let correction_text = row.get(c.correction);
        let correction = correction_text.eq_ignore_ascii_case("true");
        if !correction && !correction_text.is_empty() && !correction_text.eq_ignore_ascii_case("false") {
            return Err(RowFault::new("lineItem/isCorrection", correction_text, "is neither true nor false"));
        }
        let billed = cost + overage;
        sheet.tally(0, currency, cost, billed, OVERAGE);
        sheet.tally(1, currency, cost, billed, OVERAGE);
        if c.overage.is_some() {
            sheet.tally(2, currency, overage, billed, REST);
            sheet.tally(3, currency, overage, billed, REST);
        }
        sheet.set_currency(currency);
        sheet.costs(&Costs { billed, effective: billed, list: billed, contracted: billed });
        let (period_start, period_end) = month_bounds(month);
        sheet.instant(at("BillingPeriodStart"), period_start);
        sheet.instant(at("BillingPeriodEnd"), period_end);
        sheet.instant(at("ChargePeriodStart"), start);
        sheet.instant(at("ChargePeriodEnd"), end);
        if let Some(quantity) = quantity {
            sheet.number(at("PricingQuantity"), quantity + quantity_overage.unwrap_or_default());
        }
        if let Some(consumed) = consumed.or(quantity) {
            sheet.number(at("ConsumedQuantity"), consumed);
        }
        if let Some(price) = price {
            sheet.number(at("ContractedUnitPrice"), price);
        }
        sheet.text(at("BillingAccountId"), row.get(c.tenant));
        sheet.text(at("SubAccountId"), row.get(c.compartment));
        sheet.text(at("SubAccountName"), row.get(c.compartment_name));
        sheet.text(at("SubAccountType"), "Compartment");
        for name in [
            at("ProviderName"),
            at("ServiceProviderName"),
            at("HostProviderName"),
            at("PublisherName"),
            at("InvoiceIssuerName"),
        ] {
            sheet.text(name, "Oracle");
        }
        sheet.text(at("ChargeCategory"), "Usage");
        if correction {
            sheet.text(at("ChargeClass"), "Correction");
        }
        sheet.text(at("ChargeFrequency"), "Usage-Based");
        sheet.text(at("ChargeDescription"), row.get(c.description));
        sheet.text(at("ServiceName"), row.get(c.service));
        sheet.text(at("ServiceCategory"), service_category(row.get(c.service)));
        sheet.text(at("RegionId"), row.get(c.region));
        sheet.text(at("RegionName"), row.get(c.region));
        sheet.text(at("AvailabilityZone"), row.get(c.zone));
        sheet.text(at("ResourceId"), row.get(c.resource));
        sheet.text(at("SkuId"), row.get(c.sku));
        let unit =
            [c.sku_unit, c.unit].into_iter().map(|place| row.get(place)).find(|text| !text.is_empty()).unwrap_or("");
        sheet.text(at("PricingUnit"), unit);
        sheet.text(at("ConsumedUnit"), unit);
        let pairs = self
            .tag_columns
            .iter()
            .filter(|(place, _)| !row.cells[*place].is_empty())
            .map(|(place, key)| (key.as_str().into(), Json::Text(row.cells[*place].into())));
        if let Some((text, _)) = tags::from_pairs(pairs) {
            sheet.text(at("Tags"), &text);
        }
        sheet.extra(0, row.get(c.back_reference));
        for (place, extra) in &self.extra_columns {
            sheet.extra(*extra, row.cells[*place]);
        }
        let file = plan.file.rsplit(['/', '\\']).next().unwrap_or(&plan.file);
        let same = sheet.batch_names.last().cloned();
        sheet.batch_names.push(same.unwrap_or_else(|| Arc::from(file)));
        if let Some(reference) = c.reference {
            sheet.row_ids.push(xxhash_rust::xxh3::xxh3_64(row.cells[reference].as_bytes()));
        }
        Ok(Outcome::Accepted(month))
    }
}

fn service_category(service: &str) -> &'static str {
    match service.to_ascii_uppercase().as_str() {
        "COMPUTE" | "FUNCTIONS" | "CONTAINER_ENGINE" => "Compute",
        "BLOCK_STORAGE" | "OBJECTSTORE" | "OBJECT_STORAGE" | "FILE_STORAGE" | "ARCHIVE_STORAGE" => "Storage",
        "DATABASE" | "MYSQL" | "NOSQL" => "Databases",
        "NETWORK" | "LBAAS" | "FAST_CONNECT" | "DNS" => "Networking",
        "TELEMETRY" | "LOGGING" | "MONITORING" => "Management and Governance",
        "KMS" | "WAF" | "VAULT" => "Security",
        "STREAMING" | "INTEGRATION" | "NOTIFICATION" => "Integration",
        "ANALYTICS" | "DATAFLOW" | "BIG_DATA" => "Analytics",
        _ => "Other",
    }
}
