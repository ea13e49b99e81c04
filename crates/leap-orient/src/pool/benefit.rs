//! Benefits of commitments, averaged: who saves by a reservation should not depend on whose machine the provider covered.
//!
//! ```text
//! covered that day   contracted  effective  benefit   averaged   change of the effective cost
//! payments                 100         40       60         30    +30
//! search                   100        100        0         30    -30
//! ```
//! Benefit = contracted − effective cost of `Used` rows. Per day and currency the sum of all benefits is split over all
//! owners of used rows, in proportion to their contracted cost of used rows (below zero counts as nothing), by the law of
//! splits. The changes add up to zero and touch the effective cost alone. Without contracted cost, benefits stay where they
//! fell. Averaging comes before the sharing of pools: a pool that used commitments shares what averaging leaves it.

use std::collections::BTreeMap;

use leap_terms::{Currency, Day, Exact, Owner};

use num_bigint::BigUint;

use super::facts::Facts;
use super::split::split_big;
use super::sums::units;

/// What averaging adds to each owner's effective cost, by owner; adds up to zero. Owners without change are left out.
pub fn averaged(facts: &Facts, day: Day, currency: &Currency) -> BTreeMap<Owner, Exact> {
    let mut owners: BTreeMap<&Owner, (Exact, Exact)> = BTreeMap::new();
    for (owner, costs) in facts.averaged(day, currency) {
        let (contracted, benefit) = owners.entry(owner).or_default();
        *contracted += costs.contracted;
        *benefit += costs.contracted - costs.effective;
    }
    let total: Exact = owners.values().map(|(_, benefit)| *benefit).sum();
    let weights: Vec<(&Owner, BigUint)> =
        owners.iter().map(|(owner, (contracted, _))| (*owner, units(*contracted))).collect();
    let Some(shared) = split_big(total, &weights) else { return BTreeMap::new() };
    let changes =
        owners.into_iter().zip(shared.parts).map(|((owner, (_, benefit)), share)| (owner.clone(), benefit - share));
    changes.filter(|(_, change)| !change.is_zero()).collect()
}
