//! What a delivery takes the place of, so that a month that shrank is seen when it happens and not when it is missed.
//!
//! ```text
//! replaces 2026-09: 10412 → 3 rows, USD 1,204,551.20 → 12.00 effective (−1,204,539.20)
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use leap_terms::{Currency, Delivery, DeliveryId, Money, Month, ScopeKey};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::home::Home;
use crate::output::amount_shown;
use crate::view::binding;
use crate::world::World;

/// A billing period of a source whose charges were replaced: before and after.
pub(crate) struct Replaced {
    /// The billing period.
    pub(super) period: Month,
    /// Accepted rows, before and after.
    pub(super) rows: [u64; 2],
    /// Effective cost per currency, before and after.
    pub(super) effective: BTreeMap<Currency, [Money; 2]>,
}

impl Replaced {
    /// What a delivery replaces, by billing period; nothing where it only adds.
    pub(super) fn by(world: &World, delivery: &Delivery, replaced: &[(ScopeKey, DeliveryId)]) -> Vec<Replaced> {
        let mut periods = BTreeMap::<Month, Replaced>::new();
        let gone = world
            .scopes
            .iter()
            .filter(|current| replaced.iter().any(|(scope, id)| *scope == current.scope && *id == current.delivery));
        let before = gone.map(|current| (0, &current.scope, &current.facts));
        let after = delivery.scopes.iter().map(|facts| (1, &facts.scope, facts));
        for (side, scope, facts) in before.chain(after) {
            let period = scope.billing_period;
            // What replaces nothing is not told; what is replaced comes first.
            if side == 1 && !periods.contains_key(&period) {
                continue;
            }
            let sums = periods.entry(period).or_insert(Replaced { period, rows: [0, 0], effective: BTreeMap::new() });
            sums.rows[side] += facts.rows;
            for totals in &facts.totals {
                sums.effective.entry(totals.currency.clone()).or_default()[side] += totals.costs.effective;
            }
        }
        periods.into_values().collect()
    }

    /// As a program reads it.
    pub(super) fn json(&self) -> Value {
        let effective = self.effective.iter().map(|(currency, [before, after])| {
            json!({ "currency": currency.as_str(), "before": before.to_string(), "after": after.to_string() })
        });
        json!({
            "billing_period": self.period.to_string(),
            "rows_before": self.rows[0],
            "rows_after": self.rows[1],
            "effective": effective.collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Replaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, after] = self.rows;
        write!(f, "replaces {}: {before} → {after} rows", self.period)?;
        for (currency, [before, after]) in &self.effective {
            let change = *after - *before;
            let sign = if change > Money::ZERO { "+" } else { "" };
            let (before, after, change) = (amount_shown(*before), amount_shown(*after), amount_shown(change));
            write!(f, ", {currency} {before} → {after} effective ({sign}{change})")?;
        }
        Ok(())
    }
}

/// The closed billing periods that a delivery has charges of, or takes charges from.
pub(super) async fn closed(
    home: &Home,
    delivery: &Delivery,
    replaced: &[(ScopeKey, DeliveryId)],
) -> Result<Vec<Month>, Failure> {
    let mut periods: BTreeSet<Month> = delivery.billing_periods().into_iter().collect();
    periods.extend(replaced.iter().map(|(scope, _)| scope.billing_period));
    let closed = binding(home, None).await?;
    Ok(periods.into_iter().filter(|period| closed.contains_key(period)).collect())
}
