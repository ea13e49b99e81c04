//! The costs that take part in sharing, added up per day as the journal needs them.
//!
//! ```text
//! 2026-09-01  residual:pool:kafka    USD  -       -       what pool kafka collected
//! 2026-09-01  payments               USD  -       -       direct cost: a weight of driver direct
//! 2026-09-01  payments               USD  ri-7    Used    what commitment ri-7 covered: a weight of driver commitment
//! 2026-09-01  residual:pool:ri       USD  ri-7    Unused  what nobody used of ri-7, shared by who used the rest
//! ```
//! Rows are sums of any grain: by attribution key and day is fine, and so is one per charge. Give whole calendar months:
//! weights of a month must not depend on which part of it is asked for.

use std::collections::BTreeMap;

use leap_terms::{Costs, Currency, Day, Owner, Period, ResidualReason, TeamId};

/// One row of attributed cost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FactRow<'a> {
    /// Day of the charge.
    pub day: Day,
    /// Who owns it by the rules.
    pub owner: Owner,
    /// `CommitmentDiscountId`.
    pub commitment: Option<&'a str>,
    /// `CommitmentDiscountStatus`: `Used` or `Unused`.
    pub commitment_status: Option<&'a str>,
    /// Billing currency.
    pub currency: Currency,
    /// The four costs.
    pub costs: Costs,
}

/// What one pool collected on a day in one currency.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Collected {
    pub costs: Costs,
    /// The same by commitment; `None`: rows without one.
    pub by_commitment: BTreeMap<Option<String>, Costs>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct DayFacts {
    pools: BTreeMap<(String, Currency), Collected>,
    direct: BTreeMap<(Currency, TeamId), Costs>,
    used: BTreeMap<(Currency, String, Owner), Costs>,
    /// The part of `used` whose benefit is averaged here.
    averaged: BTreeMap<(Currency, String, Owner), Costs>,
}

/// All costs that take part.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    days: BTreeMap<Day, DayFacts>,
}

impl Facts {
    /// Adds a row whose cost is shared if it is a pool's; the order of rows is irrelevant.
    pub fn add(&mut self, row: FactRow<'_>) {
        self.put(row, true);
    }

    /// Adds a row that weighs alone: its own cost is shared elsewhere, in the journal of its billing period.
    pub fn weigh(&mut self, row: FactRow<'_>) {
        self.put(row, false);
    }

    fn put(&mut self, row: FactRow<'_>, shared: bool) {
        let facts = self.days.entry(row.day).or_default();
        let commitment = row.commitment.filter(|id| !id.is_empty());
        if let Some(id) = commitment
            && row.commitment_status.is_some_and(|status| status.eq_ignore_ascii_case("used"))
        {
            let key = (row.currency.clone(), id.to_owned(), row.owner.clone());
            if shared {
                *facts.averaged.entry(key.clone()).or_default() += row.costs;
            }
            *facts.used.entry(key).or_default() += row.costs;
        }
        match row.owner {
            Owner::Team(team) => *facts.direct.entry((row.currency, team)).or_default() += row.costs,
            Owner::Residual(ResidualReason::Pool(_)) if !shared => {}
            Owner::Residual(ResidualReason::Pool(pool)) => {
                let collected = facts.pools.entry((pool, row.currency)).or_default();
                collected.costs += row.costs;
                *collected.by_commitment.entry(commitment.map(str::to_owned)).or_default() += row.costs;
            }
            Owner::Residual(ResidualReason::NoRule | ResidualReason::UnknownTeam | ResidualReason::Ambiguous) => {}
        }
    }

    /// Days with rows inside a period.
    pub(super) fn days(&self, period: Period) -> impl Iterator<Item = Day> {
        self.days.range(period.from()..period.until()).map(|(day, _)| *day)
    }

    /// What pools collected on a day, by name and currency.
    pub(super) fn pools(&self, day: Day) -> impl Iterator<Item = (&str, &Currency, &Collected)> {
        let pools = self.days.get(&day).into_iter().flat_map(|facts| &facts.pools);
        pools.map(|((pool, currency), collected)| (pool.as_str(), currency, collected))
    }

    /// What teams cost directly, in one currency.
    pub(super) fn direct<'a>(
        &'a self,
        period: Period,
        currency: &'a Currency,
    ) -> impl Iterator<Item = (&'a TeamId, &'a Costs)> {
        let days = self.days.range(period.from()..period.until());
        let rows = days.flat_map(|(_, facts)| &facts.direct).filter(move |((of, _), _)| of == currency);
        rows.map(|((_, team), costs)| (team, costs))
    }

    /// What commitments covered, in one currency, with the commitment and the owner.
    pub(super) fn used<'a>(
        &'a self,
        period: Period,
        currency: &'a Currency,
    ) -> impl Iterator<Item = (&'a str, &'a Owner, &'a Costs)> {
        let days = self.days.range(period.from()..period.until());
        let rows = days.flat_map(|(_, facts)| &facts.used).filter(move |((of, ..), _)| of == currency);
        rows.map(|((_, id, owner), costs)| (id.as_str(), owner, costs))
    }

    /// What commitments covered of the cost that is shared here, in one currency, with the owner.
    pub(super) fn averaged<'a>(
        &'a self,
        day: Day,
        currency: &'a Currency,
    ) -> impl Iterator<Item = (&'a Owner, &'a Costs)> {
        let rows = self.days.get(&day).into_iter().flat_map(|facts| &facts.averaged);
        rows.filter(move |((of, ..), _)| of == currency).map(|((_, _, owner), costs)| (owner, costs))
    }

    /// Currencies in which commitments covered something on a day.
    pub(super) fn used_currencies(&self, day: Day) -> Vec<&Currency> {
        let used = self.days.get(&day).into_iter().flat_map(|facts| facts.averaged.keys());
        let mut currencies: Vec<&Currency> = used.map(|(currency, ..)| currency).collect();
        currencies.dedup();
        currencies
    }
}
