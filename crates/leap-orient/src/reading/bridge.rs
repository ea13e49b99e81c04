//! Why cost changed between two periods: ownership, price, usage, mix and shared platforms, adding up exactly.
//!
//! ```text
//! 2026-08                3,951,220.14
//!   ownership                    0.00   what came from or went to others by rule, reorg or claim
//!   price                  −28,411.90   other unit prices of what was used in both periods
//!   usage                 +198,004.10   more or less used, at the price and mix of before
//!   mix                    +61,234.04   other shares of SKUs within a service
//!   shared platforms             0.00   other cost from pools
//!   other charges                0.00   what has no quantity: taxes, credits, fees
//! 2026-09                4,182,046.38
//! ```
//! **Method**: the price-volume-mix analysis of management accounting. Cost of before is first read as if it had the owners
//! of the last day of after; what that moves is *ownership*. The rest is compared per service and pricing unit, between
//! quantities `q` and costs `c` of SKUs `s` (before 0, after 1), with `Q = Σ q`, `C = Σ c`:
//!
//! ```text
//! price = Σ c₁(s) − c₀(s)·q₁(s)/q₀(s)     over SKUs used in both periods
//! usage = C₀·(Q₁ − Q₀)/Q₀                 C₁ where nothing was used before, −C₀ where nothing is used after
//! mix   = C₁ − C₀ − price − usage         new and ended SKUs among them
//! ```
//! Quotients are rounded once, half to even, at the 18th decimal; mix takes what rounding leaves, so the parts of
//! a service always add up to its change. Quantities of several units are never added: each unit of a service is a group of
//! its own. A SKU whose quantity is unknown or not positive in a period in which it has cost is *other charges*.

use std::collections::BTreeMap;

use leap_terms::Exact;
use leap_terms::exact::FINE_PER_COARSE;
use num_bigint::{BigInt, Sign};

use crate::currency::units;

/// Why cost changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Cause {
    /// Came from, or went to, other owners: by rule, reorg or claim.
    Ownership,
    /// Other unit prices of what was used in both periods.
    Price,
    /// More or less was used, at the price and mix of before.
    Usage,
    /// Other shares of SKUs within a service.
    Mix,
    /// Other cost from shared platforms.
    Shared,
    /// What has no quantity: taxes, credits, fees.
    Other,
}

impl Cause {
    /// All, in the order in which they are told.
    pub const ALL: [Cause; 6] = [Cause::Ownership, Cause::Price, Cause::Usage, Cause::Mix, Cause::Shared, Cause::Other];

    /// What people read.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Ownership => "ownership",
            Cause::Price => "price",
            Cause::Usage => "usage",
            Cause::Mix => "mix",
            Cause::Shared => "shared platforms",
            Cause::Other => "other charges",
        }
    }
}

/// What is used and paid for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Product {
    /// FOCUS ServiceName; empty where the bill has none.
    pub service: String,
    /// FOCUS PricingUnit; empty where the bill has none.
    pub unit: String,
    /// FOCUS SkuPriceId, else SkuId, else what the charge is described as.
    pub sku: String,
}

/// Cost and quantity of a product in a period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Used {
    /// Sum of one kind of cost.
    pub cost: Exact,
    /// Sum of FOCUS PricingQuantity; none where a charge has none.
    pub quantity: Option<Exact>,
}

impl Default for Used {
    fn default() -> Used {
        Used { cost: Exact::ZERO, quantity: Some(Exact::ZERO) }
    }
}

impl Used {
    /// Adds a charge, or the sum of some.
    pub fn add(&mut self, cost: Exact, quantity: Option<Exact>) {
        self.cost += cost;
        self.quantity = self.quantity.zip(quantity).and_then(|(sum, more)| sum.checked_add(more));
    }

    /// Something was used, and it is known how much.
    fn measured(&self) -> Option<Exact> {
        self.quantity.filter(|quantity| *quantity > Exact::ZERO)
    }
}

/// Products used in a period.
pub type Products = BTreeMap<Product, Used>;

/// One cause at one service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Why.
    pub cause: Cause,
    /// The service; none for causes that are not of services.
    pub service: Option<String>,
    /// By how much cost rose, or fell.
    pub amount: Exact,
}

/// A change explained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bridge {
    /// Cost of before, as it was owned then.
    pub before: Exact,
    /// Cost of after.
    pub after: Exact,
    /// Causes by service, in the order of [`Cause::ALL`]; none of them zero.
    pub parts: Vec<Part>,
}

/// What a bridge is made from; all in one currency.
#[derive(Clone, Default, Debug)]
pub struct Compared {
    /// Direct cost of before, as it was owned.
    pub owned_before: Exact,
    /// Products of before, as they would be owned on the last day of after.
    pub before: Products,
    /// Products of after.
    pub after: Products,
    /// Cost from shared platforms, before and after.
    pub shared: [Exact; 2],
}

impl Bridge {
    /// Explains a change.
    pub fn of(compared: &Compared) -> Bridge {
        let sum = |products: &Products| products.values().map(|used| used.cost).sum::<Exact>();
        let (recast, after) = (sum(&compared.before), sum(&compared.after));
        let [shared_before, shared_after] = compared.shared;
        let mut causes = BTreeMap::<(Cause, Option<String>), Exact>::new();
        let mut note = |cause: Cause, service: Option<&str>, amount: Exact| {
            *causes.entry((cause, service.map(str::to_owned))).or_insert(Exact::ZERO) += amount;
        };
        note(Cause::Ownership, None, recast - compared.owned_before);
        note(Cause::Shared, None, shared_after - shared_before);
        for ((service, _), group) in groups(compared) {
            let service = Some(service);
            note(Cause::Other, service, group.other);
            note(Cause::Price, service, group.price());
            note(Cause::Usage, service, group.usage());
            note(Cause::Mix, service, group.mix());
        }
        causes.retain(|_, amount| *amount != Exact::ZERO);
        let parts = causes.into_iter().map(|((cause, service), amount)| Part { cause, service, amount });
        let bridge = Bridge {
            before: compared.owned_before + shared_before,
            after: after + shared_after,
            parts: parts.collect(),
        };
        let explained: Exact = bridge.parts.iter().map(|part| part.amount).sum();
        assert_eq!(explained, bridge.change(), "the parts add up to the change");
        bridge
    }

    /// After minus before.
    pub fn change(&self) -> Exact {
        self.after - self.before
    }

    /// What a cause does in all.
    pub fn total(&self, cause: Cause) -> Exact {
        self.parts.iter().filter(|part| part.cause == cause).map(|part| part.amount).sum()
    }

    /// The services at which a cause does most, largest first.
    pub fn largest(&self, cause: Cause) -> Vec<&Part> {
        let mut parts: Vec<&Part> =
            self.parts.iter().filter(|part| part.cause == cause && part.service.is_some()).collect();
        parts.sort_by(|a, b| b.amount.abs().cmp(&a.amount.abs()).then_with(|| a.service.cmp(&b.service)));
        parts
    }
}

/// What is compared: the products of one service in one unit.
#[derive(Default)]
struct Group {
    /// Cost, before and after, of products whose quantities are known.
    cost: [Exact; 2],
    /// Their quantities.
    quantity: [Exact; 2],
    /// Of those used in both periods: cost and quantity, before and after.
    both: Vec<([Exact; 2], [Exact; 2])>,
    /// Change of cost of the others.
    other: Exact,
}

impl Group {
    fn price(&self) -> Exact {
        let one = |(cost, quantity): &([Exact; 2], [Exact; 2])| cost[1] - scaled(cost[0], quantity[1], quantity[0]);
        self.both.iter().map(one).sum()
    }

    fn usage(&self) -> Exact {
        let [before, after] = self.quantity;
        if before == Exact::ZERO {
            return self.cost[1];
        }
        scaled(self.cost[0], after, before) - self.cost[0]
    }

    fn mix(&self) -> Exact {
        self.cost[1] - self.cost[0] - self.price() - self.usage()
    }
}

fn groups(compared: &Compared) -> BTreeMap<(&str, &str), Group> {
    let mut groups = BTreeMap::<(&str, &str), Group>::new();
    let names = compared.before.keys().chain(compared.after.keys().filter(|name| !compared.before.contains_key(*name)));
    for name in names {
        let group = groups.entry((name.service.as_str(), name.unit.as_str())).or_default();
        let used = [compared.before.get(name), compared.after.get(name)];
        let cost = used.map(|used| used.map_or(Exact::ZERO, |used| used.cost));
        let measured = used.map(|used| used.map_or(Some(Exact::ZERO), Used::measured));
        let [Some(before), Some(after)] = measured else {
            group.other += cost[1] - cost[0];
            continue;
        };
        for (at, quantity) in [before, after].into_iter().enumerate() {
            group.cost[at] += cost[at];
            group.quantity[at] += quantity;
        }
        if used.iter().all(Option::is_some) {
            group.both.push((cost, [before, after]));
        }
    }
    groups
}

/// `amount · numerator / denominator`, half to even at the 18th decimal; zero where that leaves the range.
fn scaled(amount: Exact, numerator: Exact, denominator: Exact) -> Exact {
    let product = units(amount) * units(numerator);
    let divisor = units(denominator) * FINE_PER_COARSE;
    let (mut quotient, rest) = (&product / &divisor, &product % &divisor);
    let twice: BigInt = &rest * 2;
    let beyond = twice.magnitude().cmp(divisor.magnitude());
    if beyond.is_gt() || (beyond.is_eq() && quotient.bit(0)) {
        // Denominators are positive, so the rest has the sign of the quotient.
        quotient += if rest.sign() == Sign::Minus { -1 } else { 1 };
    }
    i128::try_from(&quotient).map_or(Exact::ZERO, |coarse| Exact::from_parts(coarse, 0))
}

#[cfg(test)]
mod tests;
