//! GCP detailed billing export (BigQuery `gcp_billing_export_resource_v1_…`) to FOCUS.
//!
//! ```text
//! cost 10, credits [{'amount': -4, 'type': 'PROMOTION'}, {'amount': -1, …}]   → BilledCost 5, EffectiveCost 5
//! invoice.month 202011, usage_start_time 2020-10-31…                          → billing period 2020-11
//! ```
//! Billed = cost + Σ credits.amount (Google, "Structure of the detailed data export"); credits stay as `x_Credits`.
//! List = `cost_at_list` where the column is; contracted is derived. Rows come flattened (`service.id`, credits as a
//! Python-style list in one cell) or nested. Each row's batch is its `export_time`: the table is appended to.

use std::sync::Arc;

use leap_terms::cost::{COST_WHOLE_DIGITS, QUANTITY_WHOLE_DIGITS};
use leap_terms::{CostKind, Costs, Exact, Instant, Money};

use super::cell::{self, Quirk};
use super::names::Finder;
use super::notes::Notes;
use super::sheet::{RowFault, Sheet, at};
use super::{MapOptions, Outcome, RowIn, month_bounds, tags};
use crate::decode::json::{Json, Spelling, parse, write};

struct Columns {
    account: Option<usize>,
    service: Option<usize>,
    service_id: Option<usize>,
    sku: Option<usize>,
    sku_id: Option<usize>,
    start: Option<usize>,
    end: Option<usize>,
    project: Option<usize>,
    project_name: Option<usize>,
    labels: Option<usize>,
    tags: Option<usize>,
    location: Option<usize>,
    region: Option<usize>,
    zone: Option<usize>,
    resource: Option<usize>,
    resource_name: Option<usize>,
    export_time: Option<usize>,
    cost: Option<usize>,
    currency: Option<usize>,
    amount: Option<usize>,
    unit: Option<usize>,
    pricing_amount: Option<usize>,
    pricing_unit: Option<usize>,
    credits: Option<usize>,
    invoice_month: Option<usize>,
    cost_type: Option<usize>,
    list: Option<usize>,
    price: Option<usize>,
    seller: Option<usize>,
}

/// How the columns of a GCP export are mapped.
pub(crate) struct GcpPlan {
    names: Vec<String>,
    columns: Columns,
    extra_columns: Vec<(usize, usize)>,
    pub(crate) extras: Vec<String>,
    pub(crate) tallies: Vec<(String, CostKind)>,
    list_tally: Option<usize>,
}

/// Why billed cost differs from `cost`, by type of credit. Source: Google, "Understand the Cloud Billing data tables".
fn credit_reason(kind: &str) -> &'static str {
    match kind {
        "PROMOTION" => "credits added: PROMOTION",
        "FREE_TIER" => "credits added: FREE_TIER",
        "COMMITTED_USAGE_DISCOUNT" => "credits added: COMMITTED_USAGE_DISCOUNT",
        "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE" => "credits added: COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE",
        "FEE_UTILIZATION_OFFSET" => "credits added: FEE_UTILIZATION_OFFSET",
        "SUSTAINED_USAGE_DISCOUNT" => "credits added: SUSTAINED_USAGE_DISCOUNT",
        "DISCOUNT" => "credits added: DISCOUNT",
        "RESELLER_MARGIN" => "credits added: RESELLER_MARGIN",
        "SUBSCRIPTION_BENEFIT" => "credits added: SUBSCRIPTION_BENEFIT",
        _ => "credits added: other types",
    }
}

const NO_LIST: &str = "rows without cost_at_list: list cost derived from contracted cost";

impl GcpPlan {
    pub(crate) fn new(names: &[String]) -> GcpPlan {
        let mut find = Finder::new(names, |name| name.trim().to_lowercase());
        let columns = Columns {
            account: find.take("billing_account_id"),
            service: find.take("service.description"),
            service_id: find.peek("service.id"),
            sku: find.take("sku.description"),
            sku_id: find.take("sku.id"),
            start: find.take("usage_start_time"),
            end: find.take("usage_end_time"),
            project: find.take("project.id"),
            project_name: find.take("project.name"),
            labels: find.take("labels"),
            tags: find.take("tags"),
            location: find.peek("location.location"),
            region: find.take("location.region"),
            zone: find.take("location.zone"),
            resource: find.take_any(&["resource.global_name"]),
            resource_name: find.take("resource.name"),
            export_time: find.peek("export_time"),
            cost: find.peek("cost"),
            currency: find.take("currency"),
            amount: find.take("usage.amount"),
            unit: find.take("usage.unit"),
            pricing_amount: find.take("usage.amount_in_pricing_units"),
            pricing_unit: find.take("usage.pricing_unit"),
            credits: find.take("credits"),
            invoice_month: find.take("invoice.month"),
            cost_type: find.peek("cost_type"),
            list: find.take("cost_at_list"),
            price: find.peek("price.effective_price"),
            seller: find.peek("seller_name"),
        };
        let mut extras = vec!["x_Credits".to_owned()];
        let mut extra_columns = Vec::new();
        for (place, name) in find.rest(&["x_Credits", "x_UnreadableTags"]) {
            extra_columns.push((place, extras.len()));
            extras.push(name);
        }
        let cost = columns.cost.map_or_else(|| "cost".to_owned(), |place| names[place].clone());
        let mut tallies = vec![(cost.clone(), CostKind::Billed), (cost, CostKind::Effective)];
        let list_tally = columns.list.map(|place| {
            tallies.push((names[place].clone(), CostKind::List));
            2
        });
        GcpPlan { names: names.to_vec(), columns, extra_columns, extras, tallies, list_tally }
    }

    /// Which kinds of cost are derived.
    pub(crate) fn note(&self, notes: &mut Notes) {
        notes.derive(CostKind::Contracted);
        if self.columns.list.is_none() {
            notes.derive(CostKind::List);
        }
    }

    /// Maps a row that has begun.
    pub(crate) fn map_row(
        &self,
        row: &RowIn<'_>,
        options: &MapOptions,
        sheet: &mut Sheet,
    ) -> Result<Outcome, RowFault> {
        let c = &self.columns;
        let names = &self.names;
        let currency_text = row.get(c.currency);
        if currency_text.is_empty() {
            return Err(RowFault::new("currency", "", "is null; a charge without it has no place in any report"));
        }
        let currency =
            sheet.currency(currency_text).map_err(|reason| RowFault::new("currency", currency_text, reason))?;
        let start = sheet.need_instant(names, c.start, row.number, row.get(c.start), "usage_start_time")?;
        let end = match row.get(c.end) {
            "" => {
                sheet.saw(Quirk::NoChargePeriodEnd, usize::MAX, row.number, "");
                start
            }
            text => sheet.need_instant(names, c.end, row.number, text, "")?,
        };
        let month = match row.get(c.invoice_month) {
            "" => {
                sheet.saw(Quirk::NoBillingPeriod, usize::MAX, row.number, "");
                options.fallback_billing_period.unwrap_or_else(|| Instant::from_micros(start).day().month())
            }
            text => {
                cell::month(text).ok_or_else(|| RowFault::new("invoice.month", text, "is no month such as 202011"))?
            }
        };
        let cost = match sheet.read_number(names, c.cost, row.number, row.get(c.cost), COST_WHOLE_DIGITS)? {
            Some(cost) => cost,
            None => {
                sheet.saw(Quirk::NullCost, c.cost.unwrap_or(usize::MAX), row.number, "");
                Money::ZERO
            }
        };
        let list = sheet.read_number(names, c.list, row.number, row.get(c.list), COST_WHOLE_DIGITS)?;
        let number = |place: Option<usize>, sheet: &mut Sheet| {
            sheet.read_number(names, place, row.number, row.get(place), QUANTITY_WHOLE_DIGITS)
        };
        let amount = number(c.amount, sheet)?;
        let pricing_amount = number(c.pricing_amount, sheet)?;
        let (parts, credits_text) =
            credits(row.get(c.credits)).map_err(|reason| RowFault::new("credits", row.get(c.credits), reason))?;
        let category = match row.get(c.cost_type) {
            "" | "regular"
                if row.get(c.sku).starts_with("Commitment v")
                    || row.get(c.sku).starts_with("Commitment - ")
                    || row.get(c.sku).starts_with("Commitment: ") =>
            {
                "Purchase"
            }
            "" | "regular" => "Usage",
            "tax" => "Tax",
            "adjustment" | "rounding_error" => "Adjustment",
            other => {
                return Err(RowFault::new(
                    "cost_type",
                    other,
                    "is no cost type that leap knows (regular, tax, adjustment, rounding_error)",
                ));
            }
        };
        let billed: Money = cost + parts.iter().map(|(_, amount)| *amount).sum::<Money>();
        if let Some(export_time) = c.export_time {
            let text = row.cells[export_time];
            let canonical: Arc<str> = match text {
                "" => Arc::from(""),
                text => Instant::from_micros(sheet.need_instant(names, c.export_time, row.number, text, "")?)
                    .to_string()
                    .into(),
            };
            let same = sheet.batch_names.last().filter(|last| ***last == *canonical).cloned();
            sheet.batch_names.push(same.unwrap_or(canonical));
        }
        let (effective, contracted) = (billed, billed);
        let list_cost = list.unwrap_or(contracted);
        if list.is_none() {
            sheet.notes.derive(CostKind::List);
        }
        sheet.tally_parts(0, currency, cost, &parts);
        sheet.tally_parts(1, currency, cost, &parts);
        if let Some(tally) = self.list_tally {
            sheet.tally(tally, currency, list.unwrap_or_default(), list_cost, NO_LIST);
        }
        sheet.set_currency(currency);
        sheet.costs(&Costs { billed, effective, list: list_cost, contracted });
        let (period_start, period_end) = month_bounds(month);
        sheet.instant(at("BillingPeriodStart"), period_start);
        sheet.instant(at("BillingPeriodEnd"), period_end);
        sheet.instant(at("ChargePeriodStart"), start);
        sheet.instant(at("ChargePeriodEnd"), end);
        if let Some(amount) = amount {
            sheet.number(at("ConsumedQuantity"), amount);
        }
        if let Some(amount) = pricing_amount {
            sheet.number(at("PricingQuantity"), amount);
        }
        if let Some(price) = number(c.price, sheet).unwrap_or(None) {
            sheet.number(at("ContractedUnitPrice"), price);
        }
        self.texts(category, row, sheet, &credits_text);
        Ok(Outcome::Accepted(month))
    }

    fn texts(&self, category: &str, row: &RowIn<'_>, sheet: &mut Sheet, credits: &str) {
        let c = &self.columns;
        let first = |places: &[Option<usize>]| {
            places.iter().map(|place| row.get(*place)).find(|text| !text.is_empty()).unwrap_or("")
        };
        sheet.text(at("BillingAccountId"), row.get(c.account));
        sheet.text(at("SubAccountId"), row.get(c.project));
        sheet.text(at("SubAccountName"), row.get(c.project_name));
        sheet.text(at("InvoiceIssuerName"), "Google");
        for provider in [at("ProviderName"), at("ServiceProviderName"), at("HostProviderName")] {
            sheet.text(provider, "Google Cloud");
        }
        let seller = row.get(c.seller);
        sheet.text(at("PublisherName"), if seller.is_empty() { "Google" } else { seller });
        sheet.text(at("ChargeCategory"), category);
        let frequency = match category {
            "Usage" => "Usage-Based",
            "Purchase" => "Recurring",
            _ => "One-Time",
        };
        sheet.text(at("ChargeFrequency"), frequency);
        sheet.text(at("ChargeDescription"), row.get(c.sku));
        sheet.text(at("ServiceName"), first(&[c.service, c.service_id]));
        sheet.text(at("ServiceCategory"), service_category(row.get(c.service)));
        sheet.text(at("SkuId"), row.get(c.sku_id));
        sheet.text(at("RegionId"), first(&[c.region, c.location]));
        sheet.text(at("RegionName"), first(&[c.region, c.location]));
        sheet.text(at("AvailabilityZone"), row.get(c.zone));
        sheet.text(at("ResourceId"), first(&[c.resource, c.resource_name]));
        sheet.text(at("ResourceName"), row.get(c.resource_name));
        sheet.text(at("ConsumedUnit"), row.get(c.unit));
        sheet.text(at("PricingUnit"), row.get(c.pricing_unit));
        self.tags(row, sheet);
        sheet.extra(0, credits);
        for (place, extra) in &self.extra_columns {
            let cell = row.cells[*place];
            sheet.extra(*extra, if cell == "[]" { "" } else { cell });
        }
    }

    /// Labels and resource tags make one set; a tag's key carries its namespace.
    fn tags(&self, row: &RowIn<'_>, sheet: &mut Sheet) {
        let c = &self.columns;
        let mut texts = Vec::new();
        for (place, text) in [c.tags, c.labels].into_iter().flatten().map(|place| (place, row.cells[place])) {
            match tags::canonical(text) {
                Ok(None) => {}
                Ok(Some((canonical, quirks))) => {
                    for quirk in quirks {
                        sheet.saw(quirk, place, row.number, text);
                    }
                    texts.push(canonical);
                }
                Err(()) => {
                    sheet.saw(Quirk::TagsUnreadable, place, row.number, text);
                    sheet.extra_named("x_UnreadableTags", text);
                }
            }
        }
        match texts.as_slice() {
            [] => {}
            [one] => sheet.text(at("Tags"), one),
            several => {
                let mut members = Vec::new();
                for text in several {
                    if let Ok(Json::Object(more)) = parse(text, Spelling::Strict) {
                        members.extend(more);
                    }
                }
                if let Some((text, twice)) = tags::from_pairs(members) {
                    if twice {
                        sheet.saw(Quirk::TagTwice, c.tags.unwrap_or(usize::MAX), row.number, &text);
                    }
                    sheet.text(at("Tags"), &text);
                }
            }
        }
    }
}

/// What the credits of a row add up to, by reason.
type Amounts = Vec<(&'static str, Money)>;

/// Amounts by reason, and the canonical text of the list ("" without credits).
fn credits(text: &str) -> Result<(Amounts, String), String> {
    if text.is_empty() || text == "[]" {
        return Ok((Vec::new(), String::new()));
    }
    let value = parse(text, Spelling::Python).map_err(|error| error.to_string())?;
    let Json::List(items) = &value else { return Err("is no list of credits".to_owned()) };
    let mut parts: Vec<(&'static str, Money)> = Vec::new();
    for item in items {
        let Json::Object(members) = item else { return Err("holds something other than credits".to_owned()) };
        let member = |name: &str| members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value);
        let amount = match member("amount") {
            Some(Json::Number(text)) => Exact::parse(text.as_bytes(), COST_WHOLE_DIGITS),
            Some(Json::Text(text)) => Exact::parse(text.as_bytes(), COST_WHOLE_DIGITS),
            Some(Json::Null) => Ok(Exact::ZERO),
            _ => return Err("holds a credit without amount".to_owned()),
        }
        .map_err(|error| format!("holds an amount that {error}"))?;
        let kind = if let Some(Json::Text(kind)) = member("type") { kind.as_ref() } else { "" };
        let reason = credit_reason(kind);
        match parts.iter_mut().find(|(have, _)| *have == reason) {
            Some((_, sum)) => *sum += amount,
            None => parts.push((reason, amount)),
        }
    }
    parts.retain(|(_, amount)| !amount.is_zero());
    let mut out = String::new();
    write(&value, &mut out);
    Ok((parts, if items.is_empty() { String::new() } else { out }))
}

fn service_category(service: &str) -> &'static str {
    match service {
        "Compute Engine" | "Kubernetes Engine" | "Cloud Run" | "Cloud Functions" | "App Engine" => "Compute",
        "Cloud Storage" | "Cloud Filestore" | "Artifact Registry" | "Container Registry" => "Storage",
        "Cloud SQL" | "Cloud Spanner" | "Cloud Bigtable" | "Cloud Firestore" | "Cloud Memorystore for Redis" => {
            "Databases"
        }
        "Networking" | "Cloud DNS" | "Cloud CDN" => "Networking",
        "BigQuery" | "Cloud Dataflow" | "Cloud Dataproc" | "BigQuery Reservation API" | "BigQuery Storage API" => {
            "Analytics"
        }
        "Cloud Pub/Sub" | "Workflows" => "Integration",
        "Stackdriver Logging" | "Cloud Logging" | "Stackdriver Monitoring" | "Cloud Monitoring" | "Support" => {
            "Management and Governance"
        }
        "Security Command Center" | "Cloud Key Management Service (KMS)" | "Secret Manager" => "Security",
        "Vertex AI" | "Gemini API" => "AI and Machine Learning",
        "Cloud Build" | "Source Repository" => "Developer Tools",
        _ => "Other",
    }
}
