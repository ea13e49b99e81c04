//! The cells of a bill: which FOCUS column holds what for a line.
//!
//! ```text
//! Covered use → BilledCost 0, EffectiveCost > 0, PricingCategory Committed, CommitmentDiscountStatus Used
//! ```

use leap_terms::focus::{COLUMNS, ColumnType, FocusVersion};
use leap_terms::{Day, Month};

use super::amount::{Amount, Decimal};
use super::catalog::{SERVICES, Service, support};
use super::month::{Line, MonthLines};
use super::rules::LineKind;
use super::world::World;

/// One cell.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell<'a> {
    Null,
    Text(&'a str),
    Cost(Amount),
    Number(Decimal),
    /// Hours since 1970.
    Hour(i64),
}

/// A column of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColumnPlan {
    pub(crate) name: &'static str,
    pub(crate) kind: ColumnKind,
    field: Field,
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ColumnKind {
    Text,
    Cost,
    Number,
    Instant,
}

macro_rules! fields {
    ($($field:ident)*) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[allow(non_camel_case_types, reason = "fields are named as FOCUS names them")]
        enum Field { $($field,)* Absent }

        impl Field {
            fn of(name: &str) -> Field {
                match name { $(stringify!($field) => Field::$field,)* _ => Field::Absent }
            }
        }
    };
}

fields! {
    BilledCost BillingAccountId BillingAccountName BillingAccountType BillingCurrency BillingPeriodEnd BillingPeriodStart
    ChargeCategory ChargeClass ChargeDescription ChargeFrequency ChargePeriodEnd ChargePeriodStart
    CommitmentDiscountCategory CommitmentDiscountId CommitmentDiscountName CommitmentDiscountQuantity CommitmentDiscountStatus
    CommitmentDiscountType CommitmentDiscountUnit ConsumedQuantity ConsumedUnit ContractedCost ContractedUnitPrice EffectiveCost
    HostProviderName InvoiceId InvoiceIssuerName ListCost ListUnitPrice PricingCategory PricingCurrency PricingQuantity PricingUnit
    ProviderName PublisherName RegionId RegionName ResourceId ResourceName ResourceType ServiceCategory ServiceName
    ServiceProviderName ServiceSubcategory SkuId SkuMeter SkuPriceId SubAccountId SubAccountName SubAccountType Tags
    x_Operation x_ServiceCode
}

/// The columns of a FOCUS version, by name, then three columns of the provider's own.
pub(crate) fn columns(version: FocusVersion) -> Vec<ColumnPlan> {
    let standard = COLUMNS.iter().filter(|column| {
        let gone = version == FocusVersion::V1_4 && matches!(column.name, "ProviderName" | "PublisherName");
        column.since <= version && !gone
    });
    let costs = ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost"];
    let mut plans: Vec<ColumnPlan> = standard
        .map(|column| {
            let kind = match column.column_type {
                ColumnType::Text | ColumnType::Json => ColumnKind::Text,
                ColumnType::Instant => ColumnKind::Instant,
                ColumnType::Decimal if costs.contains(&column.name) => ColumnKind::Cost,
                ColumnType::Decimal => ColumnKind::Number,
            };
            ColumnPlan { name: column.name, kind, field: Field::of(column.name) }
        })
        .collect();
    plans.extend(["x_Discounts", "x_Operation", "x_ServiceCode"].map(|name| ColumnPlan {
        name,
        kind: ColumnKind::Text,
        field: Field::of(name),
    }));
    plans
}

/// What all rows of a delivery share.
pub(crate) struct Bill<'a> {
    pub(crate) world: &'a World,
    pub(crate) lines: &'a MonthLines,
    pub(crate) invoice: Option<String>,
    /// True while amounts are estimates.
    pub(crate) estimated: bool,
    /// Service codes by index in the catalog.
    pub(crate) service_codes: Vec<String>,
}

/// Names without spaces: `Amazon Elastic Compute Cloud` → `AmazonElasticComputeCloud`.
pub(crate) fn service_codes() -> Vec<String> {
    SERVICES.iter().map(|service| service.name.chars().filter(char::is_ascii_alphanumeric).collect()).collect()
}

fn text(value: Option<&str>) -> Cell<'_> {
    value.map_or(Cell::Null, Cell::Text)
}

impl Bill<'_> {
    fn month(&self) -> Month {
        self.lines.month
    }

    fn quantity(&self, line: &Line) -> Option<Decimal> {
        match &line.estimate {
            Some(estimate) if self.estimated => Some(estimate.0),
            _ => line.quantity,
        }
    }

    /// The four costs as this delivery states them.
    pub(crate) fn costs(&self, line: &Line) -> super::month::FourCosts {
        match &line.estimate {
            Some(estimate) if self.estimated => estimate.1,
            _ => line.costs,
        }
    }

    /// The cell of a line in a column.
    pub(crate) fn cell<'b>(&'b self, plan: ColumnPlan, line: &'b Line) -> Cell<'b> {
        let world = self.world;
        let payer = &world.payers[self.lines.cloud];
        let cloud = payer.cloud;
        let meter = line.meter.map(|meter| &world.meters[meter]);
        let resource = meter.map(|meter| &world.resources[meter.resource]);
        let service: Option<&'static Service> = resource.map(|resource| &SERVICES[resource.service]);
        let era = usize::from(Day::from_days((line.hours[0].div_euclid(24)) as i32) >= world.reorg);
        let commitment = line.commitment.map(|at| &self.lines.commitments[at]);
        let slot = commitment.map(|commitment| &world.slots[commitment.slot]);
        let covers = matches!(line.kind, LineKind::Covered | LineKind::Unused);
        let metered = matches!(line.kind, LineKind::Usage | LineKind::Covered);
        let date = |day: Day| Cell::Hour(i64::from(day.days()) * 24);
        match plan.field {
            Field::BilledCost => Cell::Cost(self.costs(line)[0]),
            Field::EffectiveCost => Cell::Cost(self.costs(line)[1]),
            Field::ListCost => Cell::Cost(self.costs(line)[2]),
            Field::ContractedCost => Cell::Cost(self.costs(line)[3]),
            Field::BillingAccountId => Cell::Text(&payer.billing_account),
            Field::BillingAccountName => Cell::Text(&payer.billing_account_name),
            Field::BillingAccountType => Cell::Text(cloud.billing_account_type()),
            Field::BillingCurrency | Field::PricingCurrency => Cell::Text("USD"),
            Field::BillingPeriodStart => date(self.month().first_day()),
            Field::BillingPeriodEnd => date(self.month().plus(1).first_day()),
            Field::ChargePeriodStart => Cell::Hour(line.hours[0]),
            Field::ChargePeriodEnd => Cell::Hour(line.hours[1]),
            Field::ChargeCategory => Cell::Text(match line.kind {
                LineKind::Usage | LineKind::Covered | LineKind::Unused => "Usage",
                LineKind::Fee | LineKind::Support => "Purchase",
                LineKind::Tax => "Tax",
                LineKind::Credit | LineKind::ResourceCredit => "Credit",
                LineKind::Adjustment => "Adjustment",
            }),
            Field::ChargeClass => {
                if line.correction {
                    Cell::Text("Correction")
                } else {
                    Cell::Null
                }
            }
            Field::ChargeDescription => text(line.description.or(meter.map(|meter| meter.description.as_str()))),
            Field::ChargeFrequency => Cell::Text(match line.kind {
                LineKind::Usage | LineKind::Covered | LineKind::Unused => "Usage-Based",
                LineKind::Fee if slot.is_some_and(|slot| slot.upfront) => "One-Time",
                LineKind::Fee | LineKind::Support => "Recurring",
                LineKind::Tax | LineKind::Credit | LineKind::ResourceCredit | LineKind::Adjustment => "One-Time",
            }),
            Field::CommitmentDiscountCategory => {
                if slot.is_some() {
                    Cell::Text("Spend")
                } else {
                    Cell::Null
                }
            }
            Field::CommitmentDiscountId => text(commitment.map(|commitment| commitment.id.as_str())),
            Field::CommitmentDiscountName => text(slot.map(|slot| slot.name.as_str())),
            Field::CommitmentDiscountStatus => match line.kind {
                LineKind::Covered => Cell::Text("Used"),
                LineKind::Unused => Cell::Text("Unused"),
                LineKind::Usage
                | LineKind::Fee
                | LineKind::Support
                | LineKind::Tax
                | LineKind::Credit
                | LineKind::ResourceCredit
                | LineKind::Adjustment => Cell::Null,
            },
            Field::CommitmentDiscountType => {
                if slot.is_some() {
                    Cell::Text("Savings Plan")
                } else {
                    Cell::Null
                }
            }
            Field::CommitmentDiscountQuantity => {
                if covers {
                    Cell::Cost(line.costs[1])
                } else {
                    Cell::Null
                }
            }
            Field::CommitmentDiscountUnit => {
                if covers {
                    Cell::Text("USD")
                } else {
                    Cell::Null
                }
            }
            Field::ConsumedQuantity if metered => self.quantity(line).map_or(Cell::Null, Cell::Number),
            Field::ConsumedUnit | Field::PricingUnit if metered => {
                text(service.zip(meter).map(|(service, meter)| service.meters[meter.words].unit))
            }
            Field::PricingQuantity => self.quantity(line).map_or(Cell::Null, Cell::Number),
            Field::ListUnitPrice if metered => meter.map_or(Cell::Null, |meter| Cell::Number(meter.price)),
            Field::ContractedUnitPrice if metered => meter.map_or(Cell::Null, |meter| Cell::Number(meter.contracted)),
            Field::PricingCategory => match line.kind {
                LineKind::Usage
                    if service
                        .zip(meter)
                        .is_some_and(|(service, meter)| service.meters[meter.words].name.contains("Spot")) =>
                {
                    Cell::Text("Dynamic")
                }
                LineKind::Usage => Cell::Text("Standard"),
                LineKind::Covered | LineKind::Unused => Cell::Text("Committed"),
                LineKind::Fee | LineKind::Support => Cell::Text("Standard"),
                LineKind::Tax | LineKind::Credit | LineKind::ResourceCredit | LineKind::Adjustment => Cell::Null,
            },
            Field::InvoiceId => text(self.invoice.as_deref()),
            Field::InvoiceIssuerName => Cell::Text(cloud.publisher()),
            Field::ProviderName | Field::ServiceProviderName | Field::HostProviderName => Cell::Text(cloud.provider()),
            Field::PublisherName => Cell::Text(cloud.publisher()),
            Field::RegionId => text(resource.map(|resource| cloud.regions()[resource.region].0)),
            Field::RegionName => text(resource.map(|resource| cloud.regions()[resource.region].1)),
            Field::ResourceId => text(resource.map(|resource| resource.id.as_str())),
            Field::ResourceName => text(resource.and_then(|resource| resource.name.as_deref())),
            Field::ResourceType => text(service.map(|service| service.resource_type)),
            Field::Tags => text(resource.and_then(|resource| resource.tags[era].as_deref())),
            Field::ServiceName => Cell::Text(self.service(line, service).0),
            Field::ServiceCategory => Cell::Text(self.service(line, service).1),
            Field::ServiceSubcategory => Cell::Text(self.service(line, service).2),
            Field::SkuId => text(meter.map(|meter| meter.sku.as_str())),
            Field::SkuMeter => text(service.zip(meter).map(|(service, meter)| service.meters[meter.words].name)),
            Field::SkuPriceId => text(meter.map(|meter| meter.sku_price.as_str())),
            Field::SubAccountId => text(line.account.map(|account| world.accounts[account].id.as_str())),
            Field::SubAccountName => text(line.account.map(|account| world.accounts[account].name.as_str())),
            Field::SubAccountType => {
                if line.account.is_some() {
                    Cell::Text(cloud.sub_account_type())
                } else {
                    Cell::Null
                }
            }
            Field::x_Operation => {
                if metered {
                    Cell::Text("Run")
                } else {
                    Cell::Null
                }
            }
            Field::x_ServiceCode => text(resource.map(|resource| self.service_codes[resource.service].as_str())),
            Field::ConsumedQuantity
            | Field::ConsumedUnit
            | Field::PricingUnit
            | Field::ListUnitPrice
            | Field::ContractedUnitPrice
            | Field::Absent => Cell::Null,
        }
    }

    /// Service, category and subcategory.
    fn service(&self, line: &Line, service: Option<&'static Service>) -> (&'static str, &'static str, &'static str) {
        let cloud = self.world.payers[self.lines.cloud].cloud;
        match (service, line.kind) {
            (Some(service), _) => (service.name, service.category, service.subcategory),
            (None, LineKind::Support) => (support(cloud), "Other", "Other (Other)"),
            (None, LineKind::Fee | LineKind::Unused) => match cloud {
                super::catalog::Cloud::Aws => ("Savings Plans for AWS Compute usage", "Compute", "Other (Compute)"),
                super::catalog::Cloud::Azure => ("Azure savings plan for compute", "Compute", "Other (Compute)"),
                super::catalog::Cloud::Gcp => ("Committed use discounts", "Compute", "Other (Compute)"),
            },
            (
                None,
                LineKind::Usage
                | LineKind::Covered
                | LineKind::Tax
                | LineKind::Credit
                | LineKind::ResourceCredit
                | LineKind::Adjustment,
            ) => (cloud.provider(), "Other", "Other (Other)"),
        }
    }
}
