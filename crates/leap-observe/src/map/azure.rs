//! Azure cost details (EA, MCA, pay-as-you-go; actual and amortised) to FOCUS.
//!
//! ```text
//! C = PricingModel Reservation or SavingsPlan           BilledCost          EffectiveCost
//! actual:     Usage of C                                0                   Cost (0 in such exports)
//!             Purchase, Refund of C                     Cost                0
//!             all else                                  Cost                Cost
//! amortised:  Usage of C, UnusedReservation/SavingsPlan 0                   Cost
//!             Purchase, Refund of C                     Cost                0
//!             all else                                  Cost                Cost
//! both parts in one delivery: usage of C and unused commitments from the amortised part, all else from the actual one
//! ```
//! Source: microsoft/finops-toolkit, `docs-mslearn/focus/convert.md`; contracted cost = UnitPrice · Quantity, divided
//! by the unit's block size only where the row's cost agrees after dividing and not before (with `10K` the exports seen
//! already agree undivided). List cost is derived. Charge categories: Unused… → Usage with status Unused, Refund →
//! Purchase with class Correction, RoundingAdjustment → Adjustment. Native period ends are inclusive, FOCUS's are not.
//! Headers may be German, any case, or `German (English)` as in opencost's `headersets/German.csv`.

use leap_terms::cost::{COST_WHOLE_DIGITS, QUANTITY_WHOLE_DIGITS};
use leap_terms::{CostKind, Costs, Exact, Format, Instant, Money};

use super::cell::Quirk;
use super::names::Finder;
use super::notes::Notes;
use super::product::{about_equal, product, shift};
use super::sheet::{RowFault, Sheet, at};
use super::{Outcome, PartPlan, RowIn, month_bounds};
use crate::decode::Detected;
use crate::error::IntakeError;

/// German header → English one, both without spaces, hyphens and underscores, lower case.
const GERMAN: [(&str, &str); 58] = [
    ("abonnementguid", "subscriptionid"),
    ("abonnementid", "subscriptionid"),
    ("abonnementname", "subscriptionname"),
    ("abrechnungskontoid", "billingaccountid"),
    ("abrechnungskontoname", "billingaccountname"),
    ("abrechnungsprofilid", "billingprofileid"),
    ("abrechnungsprofilname", "billingprofilename"),
    ("abrechnungswährung", "billingcurrency"),
    ("anbieter", "publishername"),
    ("angebotsid", "offerid"),
    ("anzahl", "quantity"),
    ("beginndesabrechnungszeitraums", "billingperiodstartdate"),
    ("datum", "date"),
    ("dienstfamilie", "servicefamily"),
    ("dienstinformation1", "serviceinfo1"),
    ("dienstinformation2", "serviceinfo2"),
    ("effektiverpreis", "effectiveprice"),
    ("einzelpreis", "unitprice"),
    ("endedesabrechnungszeitraums", "billingperiodenddate"),
    ("enddatumdesabrechnungszeitraums", "billingperiodenddate"),
    ("gebührentyp", "chargetype"),
    ("genutzterdienst", "consumedservice"),
    ("häufigkeit", "frequency"),
    ("herausgebername", "publishername"),
    ("herausgebertyp", "publishertype"),
    ("idderverbrauchseinheit", "meterid"),
    ("instanzid", "resourceid"),
    ("kategoriederverbrauchseinheit", "metercategory"),
    ("kosten", "cost"),
    ("kosteninabrechnungswährung", "costinbillingcurrency"),
    ("kostenstelle", "costcenter"),
    ("kostenvorsteuern", "pretaxcost"),
    ("kontoname", "accountname"),
    ("markierungen", "tags"),
    ("maßeinheit", "unitofmeasure"),
    ("menge", "quantity"),
    ("namederverbrauchseinheit", "metername"),
    ("planname", "planname"),
    ("preismodell", "pricingmodel"),
    ("produkt", "product"),
    ("produktname", "product"),
    ("rechnungsabschnitt", "invoicesection"),
    ("rechnungsnummer", "invoiceid"),
    ("regionderverbrauchseinheit", "meterregion"),
    ("reservierungsid", "reservationid"),
    ("reservierungsname", "reservationname"),
    ("ressourcenid", "resourceid"),
    ("ressourcengruppe", "resourcegroup"),
    ("ressourcenname", "resourcename"),
    ("ressourcensatz", "effectiveprice"),
    ("ressourcenstandort", "resourcelocation"),
    ("startdatumdesabrechnungszeitraums", "billingperiodstartdate"),
    ("unterkategoriederverbrauchseinheit", "metersubcategory"),
    ("verbrauchtemenge", "quantity"),
    ("verbrauchterdienst", "consumedservice"),
    ("verfügbarkeitszone", "availabilityzone"),
    ("währung", "billingcurrency"),
    ("zusätzlicheinformationen", "additionalinfo"),
];

/// One spelling for all header sets: English in parentheses wins, no case, no spaces, German translated, and the same
/// thing under another name (`InstanceId`, `UsageDateTime`, `BillingCurrencyCode` …) renamed.
pub fn canonical(name: &str) -> String {
    let name = name.trim();
    let inner = name.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map_or(name, |(inner, _)| inner);
    let bare: String =
        inner.chars().filter(|letter| !matches!(letter, ' ' | '-' | '_')).flat_map(char::to_lowercase).collect();
    let english = GERMAN.iter().find(|(german, _)| *german == bare).map_or(bare.as_str(), |(_, english)| english);
    match english {
        "instanceid" => "resourceid",
        "usagedatetime" => "date",
        "subscriptionguid" => "subscriptionid",
        "billingcurrencycode" | "currency" | "currencycode" => "billingcurrency",
        "productname" => "product",
        "usagequantity" | "consumedquantity" => "quantity",
        "resourcerate" => "effectiveprice",
        "invoicesectionname" => "invoicesection",
        other => other,
    }
    .to_owned()
}

/// What a row proves about its export.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// A commitment is bought.
    Actual,
    /// Covered usage costs something, or a commitment is unused.
    Amortized,
}

/// The columns that tell actual from amortised.
pub struct AzureColumns {
    charge_type: Option<usize>,
    pricing_model: Option<usize>,
    cost: Option<usize>,
}

impl AzureColumns {
    /// Finds them in a header.
    pub fn new(names: &[String]) -> AzureColumns {
        let find = Finder::new(names, canonical);
        AzureColumns {
            charge_type: find.peek("chargetype"),
            pricing_model: find.peek("pricingmodel"),
            cost: ["costinbillingcurrency", "cost", "pretaxcost"].iter().find_map(|name| find.peek(name)),
        }
    }

    /// True when rows can tell.
    pub fn can_decide(&self) -> bool {
        self.charge_type.is_some() && self.pricing_model.is_some()
    }

    /// What this row proves, if anything.
    pub fn evidence(&self, cells: &[&str]) -> Option<Evidence> {
        let get = |place: Option<usize>| place.and_then(|place| cells.get(place)).copied().unwrap_or("");
        let charge = ChargeType::read(get(self.charge_type))?;
        let committed = is_commitment(get(self.pricing_model));
        let nonzero = Exact::parse(get(self.cost).as_bytes(), COST_WHOLE_DIGITS).is_ok_and(|cost| !cost.is_zero());
        match charge {
            ChargeType::Unused => Some(Evidence::Amortized),
            ChargeType::Usage if committed && nonzero => Some(Evidence::Amortized),
            ChargeType::Purchase | ChargeType::Refund if committed && nonzero => Some(Evidence::Actual),
            ChargeType::Usage
            | ChargeType::Purchase
            | ChargeType::Refund
            | ChargeType::Adjustment
            | ChargeType::Tax
            | ChargeType::Credit => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ChargeType {
    Usage,
    Unused,
    Purchase,
    Refund,
    Adjustment,
    Tax,
    Credit,
}

impl ChargeType {
    fn read(text: &str) -> Option<ChargeType> {
        let bare: String = text.chars().filter(|letter| letter.is_ascii_alphanumeric()).collect();
        Some(match bare.to_ascii_lowercase().as_str() {
            "" | "usage" | "nutzung" | "verbrauch" => ChargeType::Usage,
            "unusedreservation" | "unusedsavingsplan" => ChargeType::Unused,
            "purchase" | "kauf" => ChargeType::Purchase,
            "refund" => ChargeType::Refund,
            "adjustment" | "roundingadjustment" | "accountupdate" | "debitadjustment" | "creditadjustment" => {
                ChargeType::Adjustment
            }
            "tax" => ChargeType::Tax,
            "credit" | "azurecredit" => ChargeType::Credit,
            _ => return None,
        })
    }

    fn category(self) -> &'static str {
        match self {
            ChargeType::Usage | ChargeType::Unused => "Usage",
            ChargeType::Purchase | ChargeType::Refund => "Purchase",
            ChargeType::Adjustment => "Adjustment",
            ChargeType::Tax => "Tax",
            ChargeType::Credit => "Credit",
        }
    }
}

fn is_commitment(pricing_model: &str) -> bool {
    pricing_model.eq_ignore_ascii_case("reservation")
        || pricing_model.eq_ignore_ascii_case("savingsplan")
        || pricing_model.eq_ignore_ascii_case("savings plan")
}

const FROM_TWIN_AMORTIZED: &str = "usage of commitments dropped from the actual part (the amortized part has it)";
const FROM_TWIN_ACTUAL: &str = "charges outside commitments dropped from the amortized part (the actual part has them)";
const COVERED: &str = "usage of commitments is billed 0";
const PURCHASED: &str = "purchase or refund of a commitment has effective cost 0";

struct Columns {
    account: Option<usize>,
    account_name: Option<usize>,
    profile: Option<usize>,
    profile_name: Option<usize>,
    period_start: Option<usize>,
    subscription: Option<usize>,
    subscription_name: Option<usize>,
    date: Option<usize>,
    product: Option<usize>,
    meter: Option<usize>,
    meter_name: Option<usize>,
    meter_category: Option<usize>,
    service_family: Option<usize>,
    quantity: Option<usize>,
    effective_price: Option<usize>,
    unit_price: Option<usize>,
    cost: Option<usize>,
    currency: Option<usize>,
    location: Option<usize>,
    zone: Option<usize>,
    resource: Option<usize>,
    resource_name: Option<usize>,
    consumed_service: Option<usize>,
    tags: Option<usize>,
    unit: Option<usize>,
    reservation: Option<usize>,
    reservation_name: Option<usize>,
    benefit: Option<usize>,
    benefit_name: Option<usize>,
    publisher: Option<usize>,
    publisher_type: Option<usize>,
    charge_type: Option<usize>,
    frequency: Option<usize>,
    pricing_model: Option<usize>,
    invoice: Option<usize>,
    pricing_currency: Option<usize>,
}

/// How the columns of an Azure part are mapped.
pub(crate) struct AzurePlan {
    names: Vec<String>,
    columns: Columns,
    extra_columns: Vec<(usize, usize)>,
    pub(crate) extras: Vec<String>,
    pub(crate) tallies: Vec<(String, CostKind)>,
    amortized: bool,
    twin: bool,
}

impl AzurePlan {
    pub(crate) fn new(detected: &Detected, twin: bool) -> AzurePlan {
        let names = &detected.header.names;
        let mut find = Finder::new(names, canonical);
        let columns = Columns {
            account: find.take("billingaccountid"),
            account_name: find.take("billingaccountname"),
            profile: find.peek("billingprofileid"),
            profile_name: find.peek("billingprofilename"),
            period_start: find.take("billingperiodstartdate"),
            subscription: find.take("subscriptionid"),
            subscription_name: find.take("subscriptionname"),
            date: find.take("date"),
            product: find.take("product"),
            meter: find.take("meterid"),
            meter_name: find.take("metername"),
            meter_category: find.peek("metercategory"),
            service_family: find.peek("servicefamily"),
            quantity: find.take("quantity"),
            effective_price: find.peek("effectiveprice"),
            unit_price: find.take("unitprice"),
            cost: find.take_any(&["costinbillingcurrency", "cost", "pretaxcost"]),
            currency: find.take("billingcurrency"),
            location: find.take("resourcelocation"),
            zone: find.take("availabilityzone"),
            resource: find.take("resourceid"),
            resource_name: find.take("resourcename"),
            consumed_service: find.peek("consumedservice"),
            tags: find.take("tags"),
            unit: find.take("unitofmeasure"),
            reservation: find.peek("reservationid"),
            reservation_name: find.peek("reservationname"),
            benefit: find.take("benefitid"),
            benefit_name: find.take("benefitname"),
            publisher: find.take("publishername"),
            publisher_type: find.peek("publishertype"),
            charge_type: find.peek("chargetype"),
            frequency: find.take("frequency"),
            pricing_model: find.peek("pricingmodel"),
            invoice: find.take_any(&["invoiceid", "invoicenumber"]),
            pricing_currency: find.take_any(&["pricingcurrency", "pricingcurrencycode"]),
        };
        let mut extras = Vec::new();
        let mut extra_columns = Vec::new();
        for (place, name) in find.rest(&["x_UnreadableTags"]) {
            extra_columns.push((place, extras.len()));
            extras.push(name);
        }
        let amortized = detected.format == Format::AzureAmortized;
        let cost = columns.cost.map_or("Cost", |place| names[place].as_str());
        let cost = match (twin, amortized) {
            (false, _) => cost.to_owned(),
            (true, false) => format!("{cost} (actual)"),
            (true, true) => format!("{cost} (amortized)"),
        };
        let tallies = vec![(cost.clone(), CostKind::Billed), (cost, CostKind::Effective)];
        AzurePlan { names: names.clone(), columns, extra_columns, extras, tallies, amortized, twin }
    }

    /// What concerns the file as a whole, and which kinds of cost are derived.
    pub(crate) fn note(&self, part: u32, detected: &Detected, notes: &mut Notes) {
        notes.derive(CostKind::List);
        if self.columns.unit_price.is_none() || self.columns.quantity.is_none() {
            notes.derive(CostKind::Contracted);
        }
        let kind = if self.amortized { "amortized" } else { "actual" };
        if let Some(told_by) = detected.told_by {
            notes.of_file(
                part,
                &format!("Azure cost details taken for {kind} cost"),
                None,
                Some(format!("told by {told_by}")),
            );
        }
        if self.columns.currency.is_none() {
            notes.of_file(part, "the file has no currency column: its currency is XXX (ISO 4217 for none)", None, None);
        }
    }

    /// Maps a row that has begun.
    pub(crate) fn map_row(&self, row: &RowIn<'_>, plan: &PartPlan, sheet: &mut Sheet) -> Result<Outcome, RowFault> {
        let c = &self.columns;
        let names = &self.names;
        let currency_text = match c.currency {
            None => "XXX",
            Some(place) if row.cells[place].is_empty() => {
                return Err(RowFault::new(
                    &names[place],
                    "",
                    "is null; a charge without it has no place in any report",
                ));
            }
            Some(place) => row.cells[place],
        };
        let currency = sheet.currency(currency_text).map_err(|reason| {
            RowFault::new(c.currency.map_or("", |place| names[place].as_str()), currency_text, reason)
        })?;
        let day = sheet.need_instant(names, c.date, row.number, row.get(c.date), "Date")?;
        let day = Instant::from_micros(day).day();
        let month = match row.get(c.period_start) {
            "" => {
                sheet.saw(Quirk::NoBillingPeriod, usize::MAX, row.number, "");
                plan.options.fallback_billing_period.unwrap_or(day.month())
            }
            text => {
                Instant::from_micros(sheet.need_instant(names, c.period_start, row.number, text, "")?).day().month()
            }
        };
        let charge_text = row.get(c.charge_type);
        let charge = ChargeType::read(charge_text).ok_or_else(|| {
            let name = c.charge_type.map_or("ChargeType", |place| names[place].as_str());
            RowFault::new(name, charge_text, "is no charge type that leap knows; what it costs whom would be a guess")
        })?;
        if charge_text.is_empty() {
            sheet.saw(Quirk::NoChargeType, c.charge_type.unwrap_or(usize::MAX), row.number, "");
        }
        let committed = is_commitment(row.get(c.pricing_model));
        if charge == ChargeType::Unused && !self.amortized && plan.detected.told_by != Some("the manifest") {
            return Ok(Outcome::Refuse(IntakeError::WrongKind {
                file: plan.file.clone(),
                taken_for: "Azure actual cost",
                row: row.number,
                really: "Azure amortized cost",
                evidence: format!("its charge type is {charge_text}"),
                hint: "amortized",
            }));
        }
        let raw_cost = match sheet.read_number(names, c.cost, row.number, row.get(c.cost), COST_WHOLE_DIGITS)? {
            Some(cost) => cost,
            None => {
                sheet.saw(Quirk::NullCost, c.cost.unwrap_or(usize::MAX), row.number, "");
                Money::ZERO
            }
        };
        let number = |place: Option<usize>, sheet: &mut Sheet| {
            sheet.read_number(names, place, row.number, row.get(place), QUANTITY_WHOLE_DIGITS)
        };
        let quantity = number(c.quantity, sheet)?;
        let unit_price = number(c.unit_price, sheet)?;
        let effective_price = number(c.effective_price, sheet)?;

        let of_commitment = charge == ChargeType::Unused || charge == ChargeType::Usage && committed;
        if self.twin && of_commitment != self.amortized {
            let reason = if self.amortized { FROM_TWIN_ACTUAL } else { FROM_TWIN_AMORTIZED };
            sheet.tally(0, currency, raw_cost, Money::ZERO, reason);
            sheet.tally(1, currency, raw_cost, Money::ZERO, reason);
            return Ok(Outcome::Dropped);
        }
        let bought = committed && matches!(charge, ChargeType::Purchase | ChargeType::Refund);
        let billed = if of_commitment { Money::ZERO } else { raw_cost };
        let effective = if bought { Money::ZERO } else { raw_cost };
        sheet.tally(0, currency, raw_cost, billed, COVERED);
        sheet.tally(1, currency, raw_cost, effective, PURCHASED);
        if !self.twin && (of_commitment || bought) {
            // One part alone lacks the other's half of each commitment.
            sheet.notes.derive(if self.amortized { CostKind::Billed } else { CostKind::Effective });
            let what = if self.amortized {
                "Azure amortized cost alone: purchases of commitments are not in this delivery, billed cost lacks them"
            } else {
                "Azure actual cost alone: the spread cost of commitments is not in this delivery, effective cost lacks it"
            };
            sheet.notes.of_file(plan.part, what, None, None);
        }
        let contracted = match self.contracted(row, raw_cost, quantity, unit_price, effective_price, sheet) {
            Some(cost) => cost,
            None => {
                sheet.notes.derive(CostKind::Contracted);
                effective
            }
        };
        sheet.set_currency(currency);
        sheet.costs(&Costs { billed, effective, list: contracted, contracted });
        let (period_start, period_end) = month_bounds(month);
        sheet.instant(at("BillingPeriodStart"), period_start);
        sheet.instant(at("BillingPeriodEnd"), period_end);
        sheet.instant(at("ChargePeriodStart"), Instant::start_of(day).micros());
        sheet.instant(at("ChargePeriodEnd"), Instant::start_of(day.plus(1)).micros());
        if let Some(quantity) = quantity {
            sheet.number(at("PricingQuantity"), quantity);
            if charge == ChargeType::Usage {
                sheet.number(at("ConsumedQuantity"), quantity);
            }
        }
        if let Some(price) = unit_price {
            sheet.number(at("ContractedUnitPrice"), price);
        }
        self.texts(charge, committed, row, sheet);
        Ok(Outcome::Accepted(month))
    }

    /// UnitPrice · Quantity, divided by the block size only where the row's own cost says so.
    fn contracted(
        &self,
        row: &RowIn<'_>,
        cost: Money,
        quantity: Option<Exact>,
        unit_price: Option<Exact>,
        effective_price: Option<Exact>,
        sheet: &mut Sheet,
    ) -> Option<Money> {
        let (quantity, unit_price) = (quantity?, unit_price?);
        let (whole, rounded) = product(unit_price, quantity, QUANTITY_WHOLE_DIGITS)?;
        let mut agrees_with = vec![whole];
        if let Some((by_effective, _)) =
            effective_price.and_then(|price| product(price, quantity, QUANTITY_WHOLE_DIGITS))
        {
            agrees_with.push(by_effective);
        }
        let places = block_places(row.get(self.columns.unit));
        let undivided = agrees_with.iter().any(|total| about_equal(*total, cost));
        let divided = places > 0
            && agrees_with.iter().any(|total| shift(*total, places).is_some_and(|total| about_equal(total, cost)));
        let contracted = if divided && !undivided { shift(whole, places)? } else { whole };
        if rounded {
            sheet.saw(Quirk::RoundedProduct, self.columns.unit_price.unwrap_or(usize::MAX), row.number, "");
        }
        let bound = 10_i128.pow(COST_WHOLE_DIGITS) * leap_terms::exact::COARSE_PER_WHOLE;
        (contracted.abs().coarse() < bound).then_some(contracted)
    }

    fn texts(&self, charge: ChargeType, committed: bool, row: &RowIn<'_>, sheet: &mut Sheet) {
        let c = &self.columns;
        let number = row.number;
        let real = |place: Option<usize>, sheet: &mut Sheet| -> String {
            let text = row.get(place);
            if text.eq_ignore_ascii_case("unassigned") {
                sheet.saw(Quirk::Placeholder, place.unwrap_or(usize::MAX), number, text);
                return String::new();
            }
            text.to_owned()
        };
        let first = |a: &str, b: &str| if a.is_empty() { b.to_owned() } else { a.to_owned() };
        let account = first(row.get(c.account), row.get(c.profile)).to_lowercase();
        sheet.text(at("BillingAccountId"), &first(&account, &row.get(c.subscription).to_lowercase()));
        sheet.text(at("BillingAccountName"), &first(row.get(c.account_name), row.get(c.profile_name)));
        sheet.text(at("SubAccountId"), &row.get(c.subscription).to_lowercase());
        sheet.text(at("SubAccountName"), row.get(c.subscription_name));
        sheet.text(at("InvoiceId"), row.get(c.invoice));
        sheet.text(at("InvoiceIssuerName"), "Microsoft");
        for provider in [at("ProviderName"), at("ServiceProviderName"), at("HostProviderName")] {
            sheet.text(provider, "Microsoft");
        }
        let azure = row.get(c.publisher_type).eq_ignore_ascii_case("azure") || row.get(c.publisher_type).is_empty();
        sheet.text(
            at("PublisherName"),
            &first(row.get(c.publisher), if azure { "Microsoft" } else { row.get(c.publisher_type) }),
        );
        sheet.text(at("ChargeCategory"), charge.category());
        if charge == ChargeType::Refund {
            sheet.text(at("ChargeClass"), "Correction");
        }
        let frequency = match row.get(c.frequency).to_ascii_lowercase().replace(['-', ' '], "").as_str() {
            "usagebased" => "Usage-Based",
            "onetime" => "One-Time",
            "recurring" => "Recurring",
            _ => row.get(c.frequency),
        };
        sheet.text(at("ChargeFrequency"), frequency);
        let product = real(c.product, sheet);
        sheet.text(at("ChargeDescription"), &product);
        let resource = row.get(c.resource).to_lowercase();
        sheet.text(at("ResourceId"), &resource);
        let resource_name = first(row.get(c.resource_name), resource.rsplit('/').next().unwrap_or(""));
        sheet.text(at("ResourceName"), &resource_name.to_lowercase());
        sheet.text(at("ResourceType"), &resource_type(&resource));
        let location = real(c.location, sheet);
        sheet.text(at("RegionId"), &location.to_lowercase().replace(' ', ""));
        sheet.text(at("RegionName"), &location);
        sheet.text(at("AvailabilityZone"), row.get(c.zone));
        let category = real(c.meter_category, sheet);
        let service = first(&category, row.get(c.consumed_service));
        sheet.text(at("ServiceName"), &service);
        sheet.text(at("ServiceCategory"), service_category(&service, row.get(c.service_family)));
        sheet.text(at("SkuId"), &row.get(c.meter).to_lowercase());
        let meter = real(c.meter_name, sheet);
        sheet.text(at("SkuMeter"), &meter);
        let unit = match row.get(c.unit) {
            text if text.to_ascii_lowercase().ends_with("unassigned") => {
                sheet.saw(Quirk::Placeholder, c.unit.unwrap_or(usize::MAX), number, text);
                ""
            }
            text => text,
        };
        sheet.text(at("PricingUnit"), unit);
        if charge == ChargeType::Usage {
            sheet.text(at("ConsumedUnit"), unit);
        }
        sheet.text(at("PricingCurrency"), row.get(c.pricing_currency));
        let model = row.get(c.pricing_model);
        let pricing = match charge {
            ChargeType::Usage | ChargeType::Unused if committed || charge == ChargeType::Unused => "Committed",
            ChargeType::Usage if model.eq_ignore_ascii_case("spot") => "Dynamic",
            ChargeType::Usage | ChargeType::Purchase if model.eq_ignore_ascii_case("ondemand") || committed => {
                "Standard"
            }
            ChargeType::Usage
            | ChargeType::Unused
            | ChargeType::Purchase
            | ChargeType::Refund
            | ChargeType::Adjustment
            | ChargeType::Tax
            | ChargeType::Credit => "",
        };
        sheet.text(at("PricingCategory"), pricing);
        if committed || charge == ChargeType::Unused {
            let plan = model.to_ascii_lowercase().starts_with("savings")
                || row.get(c.charge_type).to_ascii_lowercase().contains("savings");
            sheet.text(at("CommitmentDiscountId"), &first(row.get(c.benefit), row.get(c.reservation)).to_lowercase());
            sheet.text(at("CommitmentDiscountName"), &first(row.get(c.benefit_name), row.get(c.reservation_name)));
            sheet.text(at("CommitmentDiscountCategory"), if plan { "Spend" } else { "Usage" });
            sheet.text(at("CommitmentDiscountType"), if plan { "Savings Plan" } else { "Reservation" });
            let status = match charge {
                ChargeType::Unused => "Unused",
                ChargeType::Usage => "Used",
                ChargeType::Purchase
                | ChargeType::Refund
                | ChargeType::Adjustment
                | ChargeType::Tax
                | ChargeType::Credit => "",
            };
            sheet.text(at("CommitmentDiscountStatus"), status);
        }
        if let Some(place) = c.tags {
            sheet.tags(at("Tags"), place, number, row.cells[place]);
        }
        for (place, extra) in &self.extra_columns {
            sheet.extra(*extra, row.cells[*place]);
        }
    }
}

/// `10K` → 4, `1 Hour` → 0, `100 Hours` → 2; only powers of ten divide exactly, and others have not been seen to need it.
fn block_places(unit: &str) -> u32 {
    let digits: String = unit.trim().chars().take_while(char::is_ascii_digit).collect();
    let Some(zeros) = digits.strip_prefix('1').filter(|zeros| zeros.bytes().all(|digit| digit == b'0')) else {
        return 0;
    };
    let rest = unit.trim()[digits.len()..].trim_start();
    let word: String = rest.chars().take_while(|letter| letter.is_alphanumeric()).collect();
    let thousands = match word.as_str() {
        "K" => 3,
        "M" => 6,
        _ => 0,
    };
    (zeros.len() as u32 + thousands).min(18)
}

/// `…/providers/microsoft.compute/virtualmachines/x` → `microsoft.compute/virtualmachines`.
fn resource_type(resource: &str) -> String {
    let Some((_, rest)) = resource.rsplit_once("/providers/") else { return String::new() };
    let parts: Vec<&str> = rest.split('/').collect();
    let mut out = parts.first().map(|name| (*name).to_owned()).unwrap_or_default();
    for kind in parts.iter().skip(1).step_by(2) {
        out.push('/');
        out.push_str(kind);
    }
    if parts.len() < 2 { String::new() } else { out }
}

fn service_category(service: &str, family: &str) -> &'static str {
    match service {
        "Virtual Machines"
        | "Azure App Service"
        | "Functions"
        | "Container Instances"
        | "Azure Kubernetes Service"
        | "Virtual Machines Licenses" => "Compute",
        "Storage" | "Backup" | "Azure NetApp Files" | "Container Registry" => "Storage",
        "Virtual Network"
        | "Load Balancer"
        | "Bandwidth"
        | "VPN Gateway"
        | "Azure DNS"
        | "Application Gateway"
        | "Content Delivery Network" => "Networking",
        "SQL Database"
        | "SQL Managed Instance"
        | "Azure Cosmos DB"
        | "Azure Database for MySQL"
        | "Azure Database for PostgreSQL"
        | "Redis Cache" => "Databases",
        "Log Analytics" | "Azure Monitor" | "Automation" => "Management and Governance",
        "Key Vault" | "Advanced Threat Protection" | "Microsoft Defender for Cloud" | "Sentinel" | "Azure Firewall" => {
            "Security"
        }
        "Azure Databricks" | "Azure Synapse Analytics" | "Azure Data Factory v2" | "Event Hubs" | "HDInsight" => {
            "Analytics"
        }
        "Azure Machine Learning" | "Cognitive Services" | "Azure OpenAI" => "AI and Machine Learning",
        "Service Bus" | "Logic Apps" | "API Management" | "Event Grid" => "Integration",
        _ => match family {
            "Compute" | "Containers" => "Compute",
            "Storage" => "Storage",
            "Networking" => "Networking",
            "Databases" => "Databases",
            "Security" => "Security",
            "Analytics" => "Analytics",
            "AI + Machine Learning" => "AI and Machine Learning",
            "Integration" => "Integration",
            "Management and Governance" => "Management and Governance",
            "Web" => "Web",
            "Internet of Things" => "Internet of Things",
            _ => "Other",
        },
    }
}
