//! Why a period's figures differ from its statement: the difference, cut by cause, adding up exactly.
//!
//! ```text
//! statement                       1101.055247270891
//!   provider restatement            −22.880575346548     the provider delivered the month again
//!   rule correction                        0
//! now                             1078.174671924343
//! ```
//! **Method.** Between the statement's world and today's, inputs are exchanged one after the other: corrections of the bill,
//! the rest of the bill, charges of other bills that only weigh in a pool's driver, rules and settled claims, the org, pools
//! and their drivers, currency rates. (Where today's rules name units that the statement's org lacks, the org goes before
//! the rules.) A cause is the difference that its exchanges make. The differences telescope, so they add up to the whole by
//! construction; each is still compared with it. The order is part of the definition: an amount that two causes make
//! together (a new charge that a new rule owns) counts for the later one.

use std::collections::BTreeMap;

use leap_terms::{Costs, Currency};

use super::{Figures, Place};

/// Why a closed period's figures changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Cause {
    /// Charges of class Correction came or went.
    BillCorrection,
    /// The provider delivered the period again with other charges.
    ProviderRestatement,
    /// Rules, mappings, aliases of rules or settled claims changed.
    RuleCorrection,
    /// The org's history changed: a reorg that was dated back, or its reversal.
    Recast,
    /// A pool's policy, its driver or its readings changed, or charges of another bill by which a pool is shared.
    PoolDriver,
    /// A rate of the month changed.
    CurrencyRate,
}

impl Cause {
    /// All, in the order in which they are told.
    pub const ALL: [Cause; 6] = [
        Cause::BillCorrection,
        Cause::ProviderRestatement,
        Cause::RuleCorrection,
        Cause::Recast,
        Cause::PoolDriver,
        Cause::CurrencyRate,
    ];

    /// What people read.
    pub fn word(self) -> &'static str {
        match self {
            Cause::BillCorrection => "bill correction",
            Cause::ProviderRestatement => "provider restatement",
            Cause::RuleCorrection => "rule correction",
            Cause::Recast => "recast by reorg",
            Cause::PoolDriver => "pool driver",
            Cause::CurrencyRate => "currency rate",
        }
    }
}

/// What one cause does at one place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CauseLine {
    /// Why.
    pub cause: Cause,
    /// Where.
    pub place: Place,
    /// How much more (or less) it has.
    pub costs: Costs,
}

/// A difference explained.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Restatement {
    /// By cause, then by place.
    pub lines: Vec<CauseLine>,
    /// The whole difference.
    pub difference: Figures,
}

impl Restatement {
    /// Explains the way from `before` through the figures after each exchange. A cause that is left out made no difference;
    /// exchanges of one cause count together.
    ///
    /// # Panics
    /// If causes do not add up to the difference: our bug.
    pub fn explain(before: &Figures, steps: &[(Cause, Figures)]) -> Restatement {
        let mut changes = BTreeMap::<Cause, Figures>::new();
        let mut last = before;
        for (cause, figures) in steps {
            let change = changes.entry(*cause).or_default();
            for (place, costs) in figures.minus(last).iter() {
                change.add(place.clone(), *costs);
            }
            last = figures;
        }
        let lines: Vec<CauseLine> = changes
            .iter()
            .flat_map(|(cause, change)| change.iter().map(move |line| (*cause, line)))
            .filter(|(_, (_, costs))| **costs != Costs::default())
            .map(|(cause, (place, costs))| CauseLine { cause, place: place.clone(), costs: *costs })
            .collect();
        let difference = last.minus(before);
        let mut check = Figures::new();
        for line in &lines {
            check.add(line.place.clone(), line.costs);
        }
        assert_eq!(check.minus(&difference).iter().count(), 0, "causes add up to the difference");
        Restatement { lines, difference }
    }

    /// True when nothing differs.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// What each cause makes of the total, per currency. A recast is zero here: it moves cost and makes none.
    pub fn per_cause(&self) -> BTreeMap<(Cause, Currency), Costs> {
        let mut causes = BTreeMap::<(Cause, Currency), Costs>::new();
        for line in &self.lines {
            *causes.entry((line.cause, line.place.currency.clone())).or_default() += line.costs;
        }
        causes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str, owner: &str) -> Place {
        Place {
            path: path.to_owned(),
            owner: owner.parse().unwrap(),
            pool: String::new(),
            currency: Currency::new("USD").unwrap(),
        }
    }

    fn figures(list: &[(&str, &str, &str)]) -> Figures {
        let mut figures = Figures::new();
        for (path, owner, amount) in list {
            let costs = Costs { effective: amount.parse().unwrap(), ..Costs::default() };
            figures.add(place(path, owner), costs);
        }
        figures
    }

    #[test]
    fn causes_add_up_to_the_difference_place_by_place() {
        let before = figures(&[("acme/a", "a", "10"), ("acme/b", "b", "5")]);
        let bill = figures(&[("acme/a", "a", "8.5"), ("acme/b", "b", "5")]);
        let rules = figures(&[("acme/a", "a", "3.5"), ("acme/b", "b", "10")]);
        let org = figures(&[("acme/x/a", "a", "3.5"), ("acme/b", "b", "10")]);
        let steps = [
            (Cause::ProviderRestatement, bill),
            (Cause::RuleCorrection, rules),
            (Cause::Recast, org.clone()),
            (Cause::PoolDriver, org.clone()),
        ];
        let restatement = Restatement::explain(&before, &steps);
        let usd = Currency::new("USD").unwrap();
        let causes = restatement.per_cause();
        assert_eq!(causes[&(Cause::ProviderRestatement, usd.clone())].effective, "-1.5".parse().unwrap());
        assert!(causes[&(Cause::Recast, usd.clone())].effective.is_zero());
        assert!(!causes.contains_key(&(Cause::PoolDriver, usd.clone())));
        assert_eq!(restatement.lines.len(), 5);
        assert_eq!(restatement.difference.totals()[&usd].effective, "-1.5".parse().unwrap());
        assert!(Restatement::explain(&org, &[(Cause::Recast, org.clone())]).is_empty());
    }

    #[test]
    fn exchanges_of_one_cause_count_together_and_may_come_in_any_order() {
        let before = figures(&[("acme/a", "a", "10"), ("acme/b", "b", "5")]);
        let weighed = figures(&[("acme/a", "a", "9"), ("acme/b", "b", "6")]);
        let org = figures(&[("acme/x/a", "a", "9"), ("acme/b", "b", "6")]);
        let pools = figures(&[("acme/x/a", "a", "9"), ("acme/b", "b", "5"), ("acme/c", "c", "1")]);
        let steps = [(Cause::PoolDriver, weighed), (Cause::Recast, org), (Cause::PoolDriver, pools)];
        let told: Vec<(Cause, String, String)> = Restatement::explain(&before, &steps)
            .lines
            .iter()
            .map(|line| (line.cause, line.place.path.clone(), line.costs.effective.to_string()))
            .collect();
        let line = |cause, path: &str, amount: &str| (cause, path.to_owned(), amount.to_owned());
        assert_eq!(
            told,
            [
                line(Cause::Recast, "acme/a", "-9"),
                line(Cause::Recast, "acme/x/a", "9"),
                line(Cause::PoolDriver, "acme/a", "-1"),
                line(Cause::PoolDriver, "acme/c", "1"),
            ]
        );
    }
}
