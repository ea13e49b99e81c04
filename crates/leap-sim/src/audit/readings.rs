//! Totals of org units in every reading of the org.
//!
//! ```text
//! as-was       acme 100 = acme itself 0 + payments 70 + search 30
//! 2026-03-01   acme 100 = acme itself 0 + payments 100           (search was split from payments in May)
//! ```
//! A unit may have several places when the tree changed while charges ran, so figures are kept per place: the units
//! from the root down. Owners without a team are roots of their own.

use std::collections::BTreeMap;

use leap_terms::Day;

use super::amount::Amount;
use super::history::History;
use super::pools::{Journal, PoolCharge, add};

/// Which tree shows a charge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum OrgReading {
    /// The tree of the charge's own day.
    AsWas,
    /// The tree of one day, for all charges; as-is is the tree of today.
    At(Day),
}

/// What is shown at one node.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeTotals {
    /// The node itself and everything below it.
    pub total: [Amount; 4],
    /// The node itself.
    pub direct: [Amount; 4],
}

/// Amounts of one owner on one day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owned {
    /// The day of the charges.
    pub day: Day,
    /// The owner as reports write it.
    pub owner: String,
    /// The currency.
    pub currency: String,
    /// Billed, effective, list and contracted cost.
    pub costs: [Amount; 4],
}

impl From<&PoolCharge> for Owned {
    fn from(charge: &PoolCharge) -> Owned {
        Owned {
            day: charge.day,
            owner: charge.owner.clone(),
            currency: charge.currency.clone(),
            costs: charge.costs.clone(),
        }
    }
}

/// The lines of a journal as amounts of owners.
pub fn of_journal(journal: &Journal) -> Vec<Owned> {
    let line = |((day, _, owner, _, currency), costs): (&(Day, String, String, _, String), &[Amount; 4])| Owned {
        day: *day,
        owner: owner.clone(),
        currency: currency.clone(),
        costs: costs.clone(),
    };
    journal.iter().map(line).collect()
}

/// Figures of one reading.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Shown {
    /// Per place (the units from the root down) and currency.
    pub places: BTreeMap<(Vec<String>, String), NodeTotals>,
    /// Per unit and currency, wherever it stood.
    pub nodes: BTreeMap<(String, String), NodeTotals>,
}

/// The same amounts on fewer days: between two turns of the org each day has the same tree, so the first of them stands
/// for all.
pub fn condensed(history: &History, amounts: impl IntoIterator<Item = Owned>) -> Vec<Owned> {
    let turns = history.turns();
    let mut sums: BTreeMap<(Day, String, String), [Amount; 4]> = BTreeMap::new();
    for owned in amounts {
        let turn = turns.range(..=owned.day).next_back().copied().unwrap_or(Day::EARLIEST);
        add(sums.entry((turn, owned.owner, owned.currency)).or_default(), &owned.costs);
    }
    sums.into_iter().map(|((day, owner, currency), costs)| Owned { day, owner, currency, costs }).collect()
}

/// Where an owner's charge of a day is shown: the units from the root down.
pub fn place(history: &History, owner: &str, day: Day, reading: OrgReading) -> Vec<String> {
    if owner.starts_with("residual:") {
        return vec![owner.to_owned()];
    }
    let tree = match reading {
        OrgReading::AsWas => day,
        OrgReading::At(tree) => tree,
    };
    history.path(&history.stand(owner, tree), tree)
}

/// Adds up what every node shows.
pub fn shown(history: &History, amounts: &[Owned], reading: OrgReading) -> Shown {
    let mut shown = Shown::default();
    for owned in amounts {
        let place = place(history, &owned.owner, owned.day, reading);
        for depth in 1..=place.len() {
            let at = shown.places.entry((place[..depth].to_vec(), owned.currency.clone())).or_default();
            add(&mut at.total, &owned.costs);
            if depth == place.len() {
                add(&mut at.direct, &owned.costs);
            }
        }
    }
    for ((place, currency), totals) in &shown.places {
        let unit = place.last().cloned().unwrap_or_default();
        let node = shown.nodes.entry((unit, currency.clone())).or_default();
        add(&mut node.total, &totals.total);
        add(&mut node.direct, &totals.direct);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORG: &str = "units:
- {id: acme, spans: [{name: Acme}]}
- {id: pay, spans: [{from: 2026-01-01, parent: acme}]}
- {id: search, spans: [{from: 2026-05-01, parent: pay, split_from: [pay]}]}
- {id: old, spans: [{until: 2026-02-01, parent: acme, successor: search}]}
";

    fn owned(day: &str, owner: &str, cost: &str) -> Owned {
        let cost = Amount::cost(cost).unwrap();
        Owned {
            day: day.parse().unwrap(),
            owner: owner.into(),
            currency: "USD".into(),
            costs: [0; 4].map(|_| cost.clone()),
        }
    }

    fn table(reading: OrgReading) -> String {
        let history = History::read(ORG).unwrap();
        let amounts = [
            owned("2026-01-15", "old", "1"),
            owned("2026-03-01", "pay", "2.5"),
            owned("2026-06-01", "search", "4"),
            owned("2026-06-01", "residual:no-rule", "8"),
        ];
        let shown = shown(&history, &amounts, reading);
        let node = |((unit, _), totals): (&(String, String), &NodeTotals)| {
            format!("{unit} {} {}", totals.total[0], totals.direct[0])
        };
        shown.nodes.iter().map(node).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn one_bill_in_four_readings() {
        assert_eq!(table(OrgReading::AsWas), "acme 7.5 0, old 1 1, pay 6.5 2.5, residual:no-rule 8 8, search 4 4");
        // old ended and search came after it; search stands under pay.
        assert_eq!(
            table(OrgReading::At("2026-07-01".parse().unwrap())),
            "acme 7.5 0, pay 7.5 2.5, residual:no-rule 8 8, search 5 5"
        );
        // search is not there yet: it came from pay and from old, which stands at acme without a successor there … the
        // way old → search → old turns in a circle, so old is a root of its own, and so is search.
        assert_eq!(
            table(OrgReading::At("2026-03-01".parse().unwrap())),
            "acme 2.5 0, old 1 1, pay 2.5 2.5, residual:no-rule 8 8, search 4 4"
        );
        // Before pay there is only acme and old.
        assert_eq!(table(OrgReading::At("2025-07-01".parse().unwrap())), "acme 7.5 6.5, old 1 1, residual:no-rule 8 8");
    }
}
