//! Benefits of commitments, averaged: `commitment_benefit: averaged`.
//!
//! ```text
//! covered that day   contracted  effective   change when averaged
//! payments                 100         40    +30      the commitment saved 60: each saves half of it
//! search                   100        100    -30
//! ```
//! Per day, billing period and currency, everything that commitments saved is divided by contracted cost of what they
//! covered. Only effective cost changes, and the changes add up to nothing.

use std::collections::BTreeMap;

use leap_terms::{Day, Month};
use num_bigint::BigInt;

use super::super::amount::Amount;
use super::{PoolCharge, law};

/// What stands for the pool on lines about benefits.
pub(super) const POOL: &str = "commitment-benefit";

/// Where effective and contracted cost stand among the four.
pub(super) const EFFECTIVE: usize = 1;
const CONTRACTED: usize = 3;

/// Day, billing period, currency and owner.
type Change<'a> = (Day, Month, &'a str, &'a str);

/// What averaging adds to the effective cost of each owner.
pub(super) fn averaged(charges: &[PoolCharge]) -> BTreeMap<Change<'_>, Amount> {
    // Contracted cost of what commitments covered, and what they saved.
    type Covered<'a> = BTreeMap<(usize, &'a str), (Amount, Amount)>;
    let mut covered: BTreeMap<(Day, Month, &str), Covered<'_>> = BTreeMap::new();
    for charge in charges.iter().filter(|charge| charge.used && charge.commitment.is_some()) {
        let owners = covered.entry((charge.day, charge.month, &charge.currency)).or_default();
        let (contracted, saved) = owners.entry((rank(&charge.owner), &charge.owner)).or_default();
        *contracted += &charge.costs[CONTRACTED];
        *saved += &(charge.costs[CONTRACTED].clone() - &charge.costs[EFFECTIVE]);
    }
    let mut changes = BTreeMap::new();
    for ((day, month, currency), owners) in covered {
        let mut all = Amount::zero();
        owners.values().for_each(|(_, saved)| all += saved);
        let weight = |(contracted, _): &(Amount, Amount)| contracted.units().clone().max(BigInt::default());
        let weights: Vec<BigInt> = owners.values().map(weight).collect();
        let Some(parts) = law::split(&all, &weights) else { continue };
        for (((_, owner), (_, saved)), part) in owners.into_iter().zip(parts) {
            changes.insert((day, month, currency, owner), saved - &part);
        }
    }
    changes.retain(|_, change| !change.is_zero());
    changes
}

/// Ties go to teams by id, then to what has no team: without a rule, unknown, ambiguous, pools by name.
fn rank(owner: &str) -> usize {
    match owner.strip_prefix("residual:") {
        None => 0,
        Some("no-rule") => 1,
        Some("unknown-team") => 2,
        Some("ambiguous") => 3,
        Some(_) => 4,
    }
}
