//! AWS legacy Cost and Usage Report and CUR 2.0 (Data Exports) to FOCUS.
//!
//! ```text
//! LineItemType             BilledCost      EffectiveCost                                             ChargeCategory
//! Usage, FlatRate…         UnblendedCost   UnblendedCost                                             Usage
//! SavingsPlanCoveredUsage  0               savingsPlan/SavingsPlanEffectiveCost                      Usage
//! DiscountedUsage          0               reservation/EffectiveCost                                 Usage
//! SavingsPlanNegation      (dropped: FOCUS has no negation rows)
//! SavingsPlanRecurringFee  UnblendedCost   TotalCommitmentToDate − UsedCommitment                    Purchase
//! SavingsPlanUpfrontFee    UnblendedCost   0                                                         Purchase
//! RIFee                    UnblendedCost   UnusedAmortizedUpfrontFee… + UnusedRecurringFee           Purchase
//! Fee                      UnblendedCost   0 with a reservation ARN, else UnblendedCost              Purchase
//! Tax                      UnblendedCost   UnblendedCost                                             Tax
//! Credit, …Discount        UnblendedCost   UnblendedCost                                             Credit
//! Refund                   UnblendedCost   0 for a savings plan's upfront fee, else UnblendedCost    Adjustment
//! ```
//! Source of the effective formula and of leaving out the operations EKSPod-EC2 and ECSTask-EC2 (split rows would
//! count twice): aws-solutions-library-samples/cloud-intelligence-dashboards-framework,
//! `cid/builtin/core/data/queries/cid/summary_view.sql`. List cost is `pricing/publicOnDemandCost` where a row has
//! it, provided that every usage row of the delivery does; contracted cost is derived (no documented formula). Both spellings of a
//! column are one: `lineItem/UnblendedCost`, `line_item_unblended_cost`.
//!
//! What it does not do: rows are never joined or de-duplicated (LineItemId is unique only within a partition).

use std::borrow::Cow;

use leap_terms::cost::{COST_WHOLE_DIGITS, QUANTITY_WHOLE_DIGITS};
use leap_terms::{CostKind, Costs, Exact, Instant, Money};

use super::cell::Quirk;
use super::names::Finder;
use super::notes::Notes;
use super::sheet::{RowFault, Sheet, at};
use super::{MapOptions, Outcome, RowIn, month_bounds, tags};
use crate::decode::json::{Json, Spelling, parse};

/// What a line item is. Source: AWS, "Line item details", lineItem/LineItemType.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineItemType {
    /// Usage at on-demand or Spot prices.
    Usage,
    /// Usage covered by a reservation.
    DiscountedUsage,
    /// Usage covered by a savings plan.
    SavingsPlanCoveredUsage,
    /// What offsets covered usage.
    SavingsPlanNegation,
    /// A savings plan's upfront fee.
    SavingsPlanUpfrontFee,
    /// A savings plan's recurring fee.
    SavingsPlanRecurringFee,
    /// A reservation's recurring fee.
    RiFee,
    /// An upfront fee, or a subscription.
    Fee,
    /// Tax.
    Tax,
    /// Credit.
    Credit,
    /// Refund.
    Refund,
    /// EDP, bundled, private rate and other discounts.
    Discount,
    /// A subscription at a flat rate.
    FlatRateSubscription,
}

impl LineItemType {
    /// Reads AWS's word.
    pub fn read(text: &str) -> Option<LineItemType> {
        Some(match text {
            "Usage" => LineItemType::Usage,
            "DiscountedUsage" => LineItemType::DiscountedUsage,
            "SavingsPlanCoveredUsage" => LineItemType::SavingsPlanCoveredUsage,
            "SavingsPlanNegation" => LineItemType::SavingsPlanNegation,
            "SavingsPlanUpfrontFee" => LineItemType::SavingsPlanUpfrontFee,
            "SavingsPlanRecurringFee" => LineItemType::SavingsPlanRecurringFee,
            "RIFee" => LineItemType::RiFee,
            "Fee" => LineItemType::Fee,
            "Tax" => LineItemType::Tax,
            "Credit" => LineItemType::Credit,
            "Refund" => LineItemType::Refund,
            "BundledDiscount"
            | "EdpDiscount"
            | "PrivateRateDiscount"
            | "RiVolumeDiscount"
            | "SppDiscount"
            | "Discount"
            | "DistributorDiscount" => LineItemType::Discount,
            "FlatRateSubscription" => LineItemType::FlatRateSubscription,
            _ => return None,
        })
    }

    fn is_usage(self) -> bool {
        match self {
            LineItemType::Usage | LineItemType::DiscountedUsage | LineItemType::SavingsPlanCoveredUsage => true,
            LineItemType::SavingsPlanNegation
            | LineItemType::SavingsPlanUpfrontFee
            | LineItemType::SavingsPlanRecurringFee
            | LineItemType::RiFee
            | LineItemType::Fee
            | LineItemType::Tax
            | LineItemType::Credit
            | LineItemType::Refund
            | LineItemType::Discount
            | LineItemType::FlatRateSubscription => false,
        }
    }

    fn category(self) -> &'static str {
        match self {
            LineItemType::Usage
            | LineItemType::DiscountedUsage
            | LineItemType::SavingsPlanCoveredUsage
            | LineItemType::SavingsPlanNegation
            | LineItemType::FlatRateSubscription => "Usage",
            LineItemType::SavingsPlanUpfrontFee
            | LineItemType::SavingsPlanRecurringFee
            | LineItemType::RiFee
            | LineItemType::Fee => "Purchase",
            LineItemType::Tax => "Tax",
            LineItemType::Credit | LineItemType::Discount => "Credit",
            LineItemType::Refund => "Adjustment",
        }
    }

    fn frequency(self) -> &'static str {
        match self {
            LineItemType::Usage
            | LineItemType::DiscountedUsage
            | LineItemType::SavingsPlanCoveredUsage
            | LineItemType::SavingsPlanNegation
            | LineItemType::Discount => "Usage-Based",
            LineItemType::SavingsPlanRecurringFee | LineItemType::RiFee | LineItemType::FlatRateSubscription => {
                "Recurring"
            }
            LineItemType::SavingsPlanUpfrontFee
            | LineItemType::Fee
            | LineItemType::Tax
            | LineItemType::Credit
            | LineItemType::Refund => "One-Time",
        }
    }
}

const NEGATION: &str = "SavingsPlanNegation dropped (FOCUS has no negation rows; covered usage is billed 0)";
const SPLIT: &str = "EKSPod-EC2 and ECSTask-EC2 rows dropped (split cost of an instance that has its own row)";
const COVERED: &str = "SavingsPlanCoveredUsage is billed 0";
const DISCOUNTED: &str = "DiscountedUsage is billed 0";
const SP_EFFECTIVE: &str = "SavingsPlanCoveredUsage takes savingsPlan/SavingsPlanEffectiveCost";
const SP_RECURRING: &str = "SavingsPlanRecurringFee takes TotalCommitmentToDate - UsedCommitment";
const SP_UPFRONT: &str = "SavingsPlanUpfrontFee is 0 (spread over the usage that it covers)";
const RI_EFFECTIVE: &str = "DiscountedUsage takes reservation/EffectiveCost";
const RI_FEE: &str = "RIFee takes the unused upfront and recurring fee";
const RI_UPFRONT: &str = "Fee of a reservation is 0 (spread over the usage that it covers)";
const SP_REFUND: &str = "Refund of a savings plan's upfront fee is 0";
const OTHERS: &str = "rows that this column does not concern take their own formula";
const LIST_OTHERS: &str = "rows that are not usage and have no public price: list cost derived from contracted cost";
const LIST_ABSENT: &str = "usage rows without a public price: list cost derived from contracted cost";

/// Letters and digits, lower case: one spelling for both versions.
fn canonical(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

struct Columns {
    line_item_id: Option<usize>,
    time_interval: Option<usize>,
    invoice_id: Option<usize>,
    invoicing_entity: Option<usize>,
    billing_entity: Option<usize>,
    bill_type: Option<usize>,
    payer: Option<usize>,
    payer_name: Option<usize>,
    period_start: Option<usize>,
    account: Option<usize>,
    account_name: Option<usize>,
    line_item_type: Option<usize>,
    start: Option<usize>,
    end: Option<usize>,
    product_code: Option<usize>,
    usage_type: Option<usize>,
    operation: Option<usize>,
    zone: Option<usize>,
    resource: Option<usize>,
    amount: Option<usize>,
    currency: Option<usize>,
    unblended: Option<usize>,
    description: Option<usize>,
    legal_entity: Option<usize>,
    product_name: Option<usize>,
    region: Option<usize>,
    region_code: Option<usize>,
    location: Option<usize>,
    sku: Option<usize>,
    service_code: Option<usize>,
    product: Option<usize>,
    unit: Option<usize>,
    public_cost: Option<usize>,
    public_rate: Option<usize>,
    rate_code: Option<usize>,
    pricing_currency: Option<usize>,
    ri_arn: Option<usize>,
    ri_effective: Option<usize>,
    ri_unused_upfront: Option<usize>,
    ri_unused_recurring: Option<usize>,
    sp_arn: Option<usize>,
    sp_effective: Option<usize>,
    sp_total: Option<usize>,
    sp_used: Option<usize>,
    tag_map: Option<usize>,
    category_map: Option<usize>,
}

/// How the columns of a CUR are mapped.
pub(crate) struct AwsPlan {
    names: Vec<String>,
    columns: Columns,
    tag_columns: Vec<(usize, String)>,
    category_columns: Vec<(usize, String)>,
    extra_columns: Vec<(usize, usize)>,
    pub(crate) extras: Vec<String>,
    pub(crate) tallies: Vec<(String, CostKind)>,
    sp_tally: Option<usize>,
    ri_tally: Option<usize>,
    list_tally: Option<usize>,
}

/// `x_…` columns that AWS's own FOCUS export has.
const OWN_EXTRAS: [&str; 4] = ["x_Operation", "x_ServiceCode", "x_UsageType", "x_CostCategories"];

impl AwsPlan {
    pub(crate) fn new(names: &[String]) -> AwsPlan {
        let mut find = Finder::new(names, canonical);
        let columns = Columns {
            line_item_id: find.peek("identitylineitemid"),
            time_interval: find.peek("identitytimeinterval"),
            invoice_id: find.take("billinvoiceid"),
            invoicing_entity: find.take("billinvoicingentity"),
            billing_entity: find.peek("billbillingentity"),
            bill_type: find.peek("billbilltype"),
            payer: find.take("billpayeraccountid"),
            payer_name: find.take("billpayeraccountname"),
            period_start: find.take("billbillingperiodstartdate"),
            account: find.take("lineitemusageaccountid"),
            account_name: find.take("lineitemusageaccountname"),
            line_item_type: find.peek("lineitemlineitemtype"),
            start: find.take("lineitemusagestartdate"),
            end: find.take("lineitemusageenddate"),
            product_code: find.peek("lineitemproductcode"),
            usage_type: find.take("lineitemusagetype"),
            operation: find.take("lineitemoperation"),
            zone: find.take("lineitemavailabilityzone"),
            resource: find.take("lineitemresourceid"),
            amount: find.take("lineitemusageamount"),
            currency: find.take("lineitemcurrencycode"),
            unblended: find.peek("lineitemunblendedcost"),
            description: find.take("lineitemlineitemdescription"),
            legal_entity: find.take("lineitemlegalentity"),
            product_name: find.take("productproductname"),
            region: find.peek("productregion"),
            region_code: find.peek("productregioncode"),
            location: find.peek("productlocation"),
            sku: find.take("productsku"),
            service_code: find.take("productservicecode"),
            product: find.peek("product"),
            unit: find.take("pricingunit"),
            public_cost: find.peek("pricingpublicondemandcost"),
            public_rate: find.take("pricingpublicondemandrate"),
            rate_code: find.take("pricingratecode"),
            pricing_currency: find.take("pricingcurrency"),
            ri_arn: find.peek("reservationreservationarn"),
            ri_effective: find.peek("reservationeffectivecost"),
            ri_unused_upfront: find.peek("reservationunusedamortizedupfrontfeeforbillingperiod"),
            ri_unused_recurring: find.peek("reservationunusedrecurringfee"),
            sp_arn: find.peek("savingsplansavingsplanarn"),
            sp_effective: find.peek("savingsplansavingsplaneffectivecost"),
            sp_total: find.peek("savingsplantotalcommitmenttodate"),
            sp_used: find.peek("savingsplanusedcommitment"),
            tag_map: find.take("resourcetags"),
            category_map: find.take("costcategory"),
        };
        let mut tag_columns = Vec::new();
        let mut category_columns = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let lower = name.to_ascii_lowercase();
            let key = |prefix: &str| {
                (lower.starts_with(prefix) && name.len() > prefix.len())
                    .then(|| tag_key(&name[prefix.len()..]).to_owned())
            };
            if let Some(key) = key("resourcetags/").or_else(|| key("resource_tags_")) {
                tag_columns.push((place, key));
                find.mark(place);
            } else if let Some(key) = key("costcategory/").or_else(|| key("cost_category_")) {
                category_columns.push((place, key));
                find.mark(place);
            }
        }
        let mut extras: Vec<String> = OWN_EXTRAS.iter().map(|name| (*name).to_owned()).collect();
        let mut extra_columns = Vec::new();
        for (place, name) in find.rest(&OWN_EXTRAS) {
            extra_columns.push((place, extras.len()));
            extras.push(name);
        }
        let raw =
            |place: Option<usize>, fallback: &str| place.map_or(fallback, |place| names[place].as_str()).to_owned();
        let mut tallies = vec![
            (raw(columns.unblended, "lineItem/UnblendedCost"), CostKind::Billed),
            (raw(columns.unblended, "lineItem/UnblendedCost"), CostKind::Effective),
        ];
        let mut tally = |place: Option<usize>, kind: CostKind| {
            place.map(|place| {
                tallies.push((names[place].clone(), kind));
                tallies.len() - 1
            })
        };
        let sp_tally = tally(columns.sp_effective, CostKind::Effective);
        let ri_tally = tally(columns.ri_effective, CostKind::Effective);
        let list_tally = tally(columns.public_cost, CostKind::List);
        AwsPlan {
            names: names.to_vec(),
            columns,
            tag_columns,
            category_columns,
            extra_columns,
            extras,
            tallies,
            sp_tally,
            ri_tally,
            list_tally,
        }
    }

    /// Which kinds of cost are derived.
    pub(crate) fn note(&self, options: &MapOptions, notes: &mut Notes) {
        notes.derive(CostKind::Contracted);
        if self.columns.public_cost.is_none() || !options.list_given {
            notes.derive(CostKind::List);
        }
    }

    fn cost(&self, row: &RowIn<'_>, place: Option<usize>, sheet: &mut Sheet) -> Result<Option<Exact>, RowFault> {
        sheet.read_number(&self.names, place, row.number, row.get(place), COST_WHOLE_DIGITS)
    }

    /// Maps a row that has begun.
    pub(crate) fn map_row(
        &self,
        row: &RowIn<'_>,
        options: &MapOptions,
        sheet: &mut Sheet,
    ) -> Result<Outcome, RowFault> {
        let c = &self.columns;
        let kind_text = row.get(c.line_item_type);
        let type_name = c.line_item_type.map_or("lineItem/LineItemType", |place| self.names[place].as_str());
        let kind = LineItemType::read(kind_text).ok_or_else(|| {
            RowFault::new(
                type_name,
                kind_text,
                "is no LineItemType that leap knows; what it costs whom would be a guess",
            )
        })?;
        let currency_text =
            Some(row.get(c.currency)).filter(|text| !text.is_empty()).unwrap_or(row.get(c.pricing_currency));
        let currency_name = c.currency.map_or("lineItem/CurrencyCode", |place| self.names[place].as_str());
        if currency_text.is_empty() {
            return Err(RowFault::new(currency_name, "", "is null; a charge without it has no place in any report"));
        }
        let currency =
            sheet.currency(currency_text).map_err(|reason| RowFault::new(currency_name, currency_text, reason))?;
        let start =
            sheet.need_instant(&self.names, c.start, row.number, row.get(c.start), "lineItem/UsageStartDate")?;
        let end = match row.get(c.end) {
            "" => {
                sheet.saw(Quirk::NoChargePeriodEnd, usize::MAX, row.number, "");
                start
            }
            text => sheet.need_instant(&self.names, c.end, row.number, text, "")?,
        };
        let month = match row.get(c.period_start) {
            "" => {
                sheet.saw(Quirk::NoBillingPeriod, usize::MAX, row.number, "");
                options.fallback_billing_period.unwrap_or_else(|| Instant::from_micros(start).day().month())
            }
            text => Instant::from_micros(sheet.need_instant(&self.names, c.period_start, row.number, text, "")?)
                .day()
                .month(),
        };
        let unblended = match self.cost(row, c.unblended, sheet)? {
            Some(cost) => cost,
            None => {
                sheet.saw(Quirk::NullCost, c.unblended.unwrap_or(usize::MAX), row.number, "");
                Money::ZERO
            }
        };
        let sp_effective = self.cost(row, c.sp_effective, sheet)?;
        let ri_effective = self.cost(row, c.ri_effective, sheet)?;
        let public = self.cost(row, c.public_cost, sheet)?;
        let amount = sheet.read_number(&self.names, c.amount, row.number, row.get(c.amount), QUANTITY_WHOLE_DIGITS)?;
        let public_rate =
            sheet.read_number(&self.names, c.public_rate, row.number, row.get(c.public_rate), QUANTITY_WHOLE_DIGITS)?;
        let (billed, billed_reason) = match kind {
            LineItemType::SavingsPlanCoveredUsage => (Money::ZERO, COVERED),
            LineItemType::DiscountedUsage => (Money::ZERO, DISCOUNTED),
            _ => (unblended, ""),
        };
        let (effective, effective_reason) = self.effective(kind, row, unblended, sp_effective, ri_effective, sheet)?;

        let split = matches!(row.get(c.operation), "EKSPod-EC2" | "ECSTask-EC2");
        if split || kind == LineItemType::SavingsPlanNegation {
            let reason = if split { SPLIT } else { NEGATION };
            sheet.tally(0, currency, unblended, Money::ZERO, reason);
            sheet.tally(1, currency, unblended, Money::ZERO, reason);
            for (tally, raw) in
                [(self.sp_tally, sp_effective), (self.ri_tally, ri_effective), (self.list_tally, public)]
            {
                if let Some(tally) = tally {
                    sheet.tally(tally, currency, raw.unwrap_or_default(), Money::ZERO, reason);
                }
            }
            return Ok(Outcome::Dropped);
        }
        let contracted = effective;
        let (list, list_reason) = match (kind.is_usage(), public) {
            (_, Some(public)) if options.list_given => (public, ""),
            (false, _) => (contracted, LIST_OTHERS),
            (true, None) if options.list_given && self.list_tally.is_some() => {
                return Ok(Outcome::Again(MapOptions { list_given: false, ..options.clone() }));
            }
            (true, _) => (contracted, LIST_ABSENT),
        };
        sheet.tally(0, currency, unblended, billed, billed_reason);
        sheet.tally(1, currency, unblended, effective, effective_reason);
        if let Some(tally) = self.sp_tally {
            sheet.tally(tally, currency, sp_effective.unwrap_or_default(), effective, OTHERS);
        }
        if let Some(tally) = self.ri_tally {
            sheet.tally(tally, currency, ri_effective.unwrap_or_default(), effective, OTHERS);
        }
        if let Some(tally) = self.list_tally {
            sheet.tally(tally, currency, public.unwrap_or_default(), list, list_reason);
        }

        sheet.set_currency(currency);
        sheet.costs(&Costs { billed, effective, list, contracted });
        let (period_start, period_end) = month_bounds(month);
        sheet.instant(at("BillingPeriodStart"), period_start);
        sheet.instant(at("BillingPeriodEnd"), period_end);
        sheet.instant(at("ChargePeriodStart"), start);
        sheet.instant(at("ChargePeriodEnd"), end);
        if let Some(amount) = amount {
            sheet.number(at("PricingQuantity"), amount);
            if kind.is_usage() {
                sheet.number(at("ConsumedQuantity"), amount);
            }
        }
        if let Some(rate) = public_rate {
            sheet.number(at("ListUnitPrice"), rate);
        }
        self.texts(kind, row, sheet, Instant::from_micros(start).day().month() < month);
        if let (Some(id), Some(interval)) = (c.line_item_id, c.time_interval) {
            let mut hasher = xxhash_rust::xxh3::Xxh3::new();
            hasher.update(row.cells[id].as_bytes());
            hasher.update(&[0]);
            hasher.update(row.cells[interval].as_bytes());
            sheet.row_ids.push(hasher.digest());
        }
        Ok(Outcome::Accepted(month))
    }

    fn effective(
        &self,
        kind: LineItemType,
        row: &RowIn<'_>,
        unblended: Money,
        sp_effective: Option<Money>,
        ri_effective: Option<Money>,
        sheet: &mut Sheet,
    ) -> Result<(Money, &'static str), RowFault> {
        let c = &self.columns;
        let covered = |cost: Option<Money>, reason: &'static str, place: Option<usize>, sheet: &mut Sheet| match cost {
            Some(cost) => (cost, reason),
            None => {
                sheet.saw(Quirk::NoEffectiveCost, place.unwrap_or(usize::MAX), row.number, row.get(c.line_item_type));
                (unblended, "")
            }
        };
        Ok(match kind {
            LineItemType::SavingsPlanCoveredUsage => covered(sp_effective, SP_EFFECTIVE, c.sp_effective, sheet),
            LineItemType::DiscountedUsage => covered(ri_effective, RI_EFFECTIVE, c.ri_effective, sheet),
            LineItemType::SavingsPlanRecurringFee => {
                let total = self.cost(row, c.sp_total, sheet)?.unwrap_or_default();
                let used = self.cost(row, c.sp_used, sheet)?.unwrap_or_default();
                (total - used, SP_RECURRING)
            }
            LineItemType::RiFee => {
                let upfront = self.cost(row, c.ri_unused_upfront, sheet)?.unwrap_or_default();
                let recurring = self.cost(row, c.ri_unused_recurring, sheet)?.unwrap_or_default();
                (upfront + recurring, RI_FEE)
            }
            LineItemType::SavingsPlanUpfrontFee => (Money::ZERO, SP_UPFRONT),
            LineItemType::SavingsPlanNegation => (Money::ZERO, NEGATION),
            LineItemType::Fee if !row.get(c.ri_arn).is_empty() => (Money::ZERO, RI_UPFRONT),
            LineItemType::Refund
                if row.get(c.product_code) == "ComputeSavingsPlans"
                    && row.get(c.description).starts_with("Refund for one-time fee for Savings Plan ID") =>
            {
                (Money::ZERO, SP_REFUND)
            }
            LineItemType::Usage
            | LineItemType::Fee
            | LineItemType::Tax
            | LineItemType::Credit
            | LineItemType::Refund
            | LineItemType::Discount
            | LineItemType::FlatRateSubscription => (unblended, ""),
        })
    }

    fn texts(&self, kind: LineItemType, row: &RowIn<'_>, sheet: &mut Sheet, earlier_month: bool) {
        let c = &self.columns;
        let first = |places: &[Option<usize>]| {
            places.iter().map(|place| row.get(*place)).find(|text| !text.is_empty()).unwrap_or("")
        };
        let product = Product::read(row.get(c.product));
        let or_product = |text: &str, names: &[&str]| -> String {
            if text.is_empty() { product.get(names) } else { text.to_owned() }
        };
        sheet.text(at("BillingAccountId"), row.get(c.payer));
        sheet.text(at("BillingAccountName"), row.get(c.payer_name));
        sheet.text(at("SubAccountId"), row.get(c.account));
        sheet.text(at("SubAccountName"), row.get(c.account_name));
        sheet.text(at("InvoiceId"), row.get(c.invoice_id));
        sheet.text(at("InvoiceIssuerName"), first(&[c.invoicing_entity, c.legal_entity, c.billing_entity]));
        sheet.text(at("PublisherName"), first(&[c.legal_entity, c.billing_entity]));
        for provider in [at("ProviderName"), at("ServiceProviderName"), at("HostProviderName")] {
            sheet.text(provider, "AWS");
        }
        sheet.text(at("ChargeCategory"), kind.category());
        sheet.text(at("ChargeFrequency"), kind.frequency());
        sheet.text(at("ChargeDescription"), row.get(c.description));
        // A refund of a closed period comes on a bill of its own, or for usage of an earlier month.
        if kind == LineItemType::Refund && (row.get(c.bill_type) == "Refund" || earlier_month) {
            sheet.text(at("ChargeClass"), "Correction");
        }
        sheet.text(at("AvailabilityZone"), row.get(c.zone));
        let region = or_product(first(&[c.region, c.region_code]), &["region", "region_code"]);
        sheet.text(at("RegionId"), &region);
        let location = or_product(row.get(c.location), &["location"]);
        sheet.text(at("RegionName"), if location.is_empty() { &region } else { &location });
        sheet.text(at("ResourceId"), row.get(c.resource));
        let code = row.get(c.product_code);
        let name = or_product(row.get(c.product_name), &["product_name"]);
        sheet.text(at("ServiceName"), if name.is_empty() { code } else { &name });
        sheet.text(at("ServiceCategory"), service_category(code));
        sheet.text(at("SkuId"), &or_product(row.get(c.sku), &["sku"]));
        sheet.text(at("SkuPriceId"), row.get(c.rate_code));
        sheet.text(at("PricingUnit"), row.get(c.unit));
        sheet.text(at("PricingCurrency"), row.get(c.pricing_currency));
        if kind.is_usage() {
            sheet.text(at("ConsumedUnit"), row.get(c.unit));
        }
        let (savings_plan, reservation) = (row.get(c.sp_arn), row.get(c.ri_arn));
        let pricing = match kind {
            LineItemType::SavingsPlanCoveredUsage | LineItemType::DiscountedUsage => "Committed",
            LineItemType::Usage if row.get(c.usage_type).contains("SpotUsage") => "Dynamic",
            LineItemType::Usage => "Standard",
            LineItemType::SavingsPlanNegation
            | LineItemType::SavingsPlanUpfrontFee
            | LineItemType::SavingsPlanRecurringFee
            | LineItemType::RiFee => "Standard",
            LineItemType::Fee
            | LineItemType::Tax
            | LineItemType::Credit
            | LineItemType::Refund
            | LineItemType::Discount
            | LineItemType::FlatRateSubscription => "",
        };
        sheet.text(at("PricingCategory"), pricing);
        if !savings_plan.is_empty() || !reservation.is_empty() {
            let plan = !savings_plan.is_empty();
            sheet.text(at("CommitmentDiscountId"), if plan { savings_plan } else { reservation });
            sheet.text(at("CommitmentDiscountCategory"), if plan { "Spend" } else { "Usage" });
            sheet.text(at("CommitmentDiscountType"), if plan { "Savings Plan" } else { "Reserved Instance" });
            // FOCUS: the status is null unless the charge is usage.
            if matches!(kind, LineItemType::SavingsPlanCoveredUsage | LineItemType::DiscountedUsage) {
                sheet.text(at("CommitmentDiscountStatus"), "Used");
            }
        }
        sheet.extra(0, row.get(c.operation));
        let service = or_product(row.get(c.service_code), &["servicecode"]);
        sheet.extra(1, if service.is_empty() { code } else { &service });
        sheet.extra(2, row.get(c.usage_type));
        self.tags(row, sheet);
        for (place, extra) in &self.extra_columns {
            sheet.extra(*extra, row.cells[*place]);
        }
    }

    fn tags(&self, row: &RowIn<'_>, sheet: &mut Sheet) {
        let c = &self.columns;
        let (map, categories) = (row.get(c.tag_map), row.get(c.category_map));
        let from_map = members(map);
        if !map.is_empty() && from_map.is_none() {
            sheet.saw(Quirk::TagsUnreadable, c.tag_map.unwrap_or(usize::MAX), row.number, map);
            sheet.extra_named("x_UnreadableTags", map);
        }
        let columns = |columns: &'_ [(usize, String)]| -> Vec<(Cow<'static, str>, Json<'static>)> {
            columns
                .iter()
                .filter(|(place, _)| !row.cells[*place].is_empty())
                .map(|(place, key)| (Cow::Owned(key.clone()), Json::Text(Cow::Owned(row.cells[*place].to_owned()))))
                .collect()
        };
        let pairs = from_map
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| (Cow::Owned(tag_key(&key).to_owned()), value))
            .chain(columns(&self.tag_columns));
        if let Some((text, twice)) = tags::from_pairs(pairs) {
            if twice {
                sheet.saw(Quirk::TagTwice, c.tag_map.unwrap_or(usize::MAX), row.number, &text);
            }
            sheet.text(at("Tags"), &text);
        }
        let pairs = members(categories).unwrap_or_default().into_iter().chain(columns(&self.category_columns));
        match tags::from_pairs(pairs) {
            Some((text, _)) => sheet.extra(3, &text),
            None => sheet.extra(3, if categories == "{}" { "" } else { categories }),
        }
    }
}

/// FOCUS writes tags of users without prefix; prefixes of AWS (`aws:`) stay.
fn tag_key(key: &str) -> &str {
    key.strip_prefix("user:").or_else(|| key.strip_prefix("user_")).unwrap_or(key)
}

/// The members of a map column of CUR 2.0, without empty values.
fn members(text: &str) -> Option<Vec<(Cow<'_, str>, Json<'_>)>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    match parse(text, Spelling::Python) {
        Ok(Json::Object(members)) => Some(
            members
                .into_iter()
                .filter(|(_, value)| !matches!(value, Json::Null) && *value != Json::Text(Cow::Borrowed("")))
                .collect(),
        ),
        Ok(_) | Err(_) => None,
    }
}

/// CUR 2.0's `product` map.
struct Product<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Product<'a> {
    fn read(text: &'a str) -> Product<'a> {
        Product(if text.starts_with('{') { members(text).unwrap_or_default() } else { Vec::new() })
    }

    fn get(&self, names: &[&str]) -> String {
        names
            .iter()
            .find_map(|name| self.0.iter().find(|(key, _)| key == name))
            .and_then(|(_, value)| if let Json::Text(text) = value { Some(text.to_string()) } else { None })
            .unwrap_or_default()
    }
}

/// The service category of a product code, for the services that make up most bills; others are `Other`.
fn service_category(code: &str) -> &'static str {
    match code {
        "AmazonEC2" | "AWSLambda" | "AmazonECS" | "AmazonEKS" | "AmazonLightsail" | "AWSBatch" | "ElasticMapReduce" => {
            "Compute"
        }
        "AmazonS3" | "AmazonGlacier" | "AmazonEFS" | "AmazonFSx" | "AWSBackup" | "AmazonECR" => "Storage",
        "AmazonRDS" | "AmazonDynamoDB" | "AmazonElastiCache" | "AmazonDocDB" | "AmazonNeptune" | "AmazonMemoryDB" => {
            "Databases"
        }
        "AmazonVPC" | "AWSELB" | "AmazonCloudFront" | "AmazonRoute53" | "AWSDataTransfer" | "AWSDirectConnect"
        | "AmazonApiGateway" => "Networking",
        "AmazonCloudWatch" | "AWSCloudTrail" | "AWSConfig" | "AWSSystemsManager" | "AWSCloudFormation" => {
            "Management and Governance"
        }
        "AWSQueueService" | "AmazonSNS" | "AWSEvents" | "AmazonStates" | "AmazonMQ" => "Integration",
        "awskms" | "AWSSecretsManager" | "AmazonGuardDuty" | "awswaf" | "AmazonInspectorV2" | "AWSSecurityHub" => {
            "Security"
        }
        "AWSGlue" | "AmazonAthena" | "AmazonRedshift" | "AmazonKinesis" | "AmazonES" | "AmazonQuickSight" => {
            "Analytics"
        }
        "AmazonSageMaker" | "AmazonBedrock" | "AmazonRekognition" | "comprehend" => "AI and Machine Learning",
        "AWSCodePipeline" | "CodeBuild" | "AWSCodeCommit" | "AWSXRay" => "Developer Tools",
        "AmazonCognito" | "AWSDirectoryService" => "Identity",
        _ => "Other",
    }
}
