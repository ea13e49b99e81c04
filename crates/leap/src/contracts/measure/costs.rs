//! Spend by unit and day, read once for all clauses that are about it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use leap_orient::reading::spend::{Basis, SpendRow};
use leap_terms::{CostKind, Currency, Day, Money, Month, Period, TeamId};

use crate::failure::Failure;
use crate::home::Home;
use crate::spend::{self, Words};
use crate::view::View;

/// Cost of a day: by the billing period whose rate converts it, and currency.
type OfDay = BTreeMap<(Month, Currency), Money>;

/// Effective cost by day, with pools shared.
#[derive(Default)]
pub(super) struct Costs {
    /// Of the units that are asked for, each with all below it, by the org of each day; days without cost are absent.
    units: HashMap<TeamId, BTreeMap<Day, OfDay>>,
    /// Of everybody: what teams own, and all of it.
    all: BTreeMap<Day, BTreeMap<Currency, (Money, Money)>>,
    /// Every currency in which there was cost.
    pub(super) currencies: BTreeSet<Currency>,
}

impl Costs {
    /// Reads the cost of some days.
    pub(super) async fn read(
        home: &Home,
        view: &View,
        days: Period,
        units: &BTreeSet<&TeamId>,
    ) -> Result<Costs, Failure> {
        let words = Words {
            by: "team,day,billing_period",
            filter: None,
            under: None,
            period: days,
            cost: CostKind::Effective,
            basis: Basis::Incurred,
        };
        let (rows, _) = spend::by_words(home, view, &words).await?;
        let org = &view.head().org;
        let mut costs = Costs::default();
        // The asked units at which a team stands on a day, or above it.
        let mut above = HashMap::<(TeamId, Day), Vec<TeamId>>::new();
        for row in rows {
            let [Some(owner), Some(day), Some(month)] = row.values.as_slice() else { continue };
            let (Ok(day), Ok(month)) = (day.parse::<Day>(), month.parse::<Month>()) else { continue };
            let team = TeamId::new(owner).ok();
            let (owned, all) = costs.all.entry(day).or_default().entry(row.currency.clone()).or_default();
            *all += row.amount;
            costs.currencies.insert(row.currency.clone());
            let Some(team) = team else { continue };
            *owned += row.amount;
            let above = above.entry((team, day)).or_insert_with_key(|(team, day)| {
                let path: Vec<TeamId> = org.path(team, *day).iter().map(|unit| unit.id.clone()).collect();
                let path = if path.is_empty() { vec![team.clone()] } else { path };
                path.into_iter().filter(|unit| units.contains(unit)).collect()
            });
            for unit in above.iter() {
                let days = costs.units.entry(unit.clone()).or_default();
                *days.entry(day).or_default().entry((month, row.currency.clone())).or_default() += row.amount;
            }
        }
        Ok(costs)
    }

    /// Cost of a unit in one currency.
    pub(super) fn spent(&self, unit: &TeamId, days: Period, currency: &Currency) -> Money {
        self.lines(unit, days).filter(|(_, own, _)| *own == currency).map(|(_, _, amount)| amount).sum()
    }

    /// Cost of a unit as rows whose last value is the month that converts them.
    pub(super) fn rows(&self, unit: &TeamId, days: Period) -> Vec<SpendRow> {
        let row = |(month, currency, amount): (Month, &Currency, Money)| SpendRow {
            values: vec![Some(month.to_string())],
            currency: currency.clone(),
            amount,
            rows: 1,
        };
        self.lines(unit, days).map(row).collect()
    }

    fn lines(&self, unit: &TeamId, days: Period) -> impl Iterator<Item = (Month, &Currency, Money)> {
        let of = self.units.get(unit).into_iter();
        let days = of.flat_map(move |own| own.range(days.from()..days.until()));
        days.flat_map(|(_, day)| day.iter().map(|((month, currency), amount)| (*month, currency, *amount)))
    }

    /// What teams own of all cost, and all of it, by currency.
    pub(super) fn owned(&self, days: Period) -> BTreeMap<&Currency, (Money, Money)> {
        let mut sums = BTreeMap::<&Currency, (Money, Money)>::new();
        for (currency, (owned, all)) in self.all.range(days.from()..days.until()).flat_map(|(_, day)| day) {
            let sum = sums.entry(currency).or_default();
            sum.0 += *owned;
            sum.1 += *all;
        }
        sums
    }
}
