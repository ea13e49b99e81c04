//! Who broke the objective: a slow request's excess divided among those that were over their budget.
//!
//! ```text
//! objective 100, budgets A40 B30 C30; a request of 150 = A45 B70 C35 is over by A5 B40 C5 → 50 = A5 B40 C5
//! ```
//! Budgets add up to at most the objective, so a request over the objective has somebody over budget: blame is always
//! defined and adds up to the excess. Keys without a budget have a budget of 0.

use std::collections::BTreeMap;

use super::TailError;
use super::apportion::apportion;
use super::quantile::{Total, Units};

/// An objective and how much of it each key may take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Budgets<K> {
    objective_ns: u64,
    budgets: BTreeMap<K, u64>,
}

impl<K: Ord + Clone> Budgets<K> {
    /// Budgets in ns; a repeated key's are added.
    ///
    /// # Errors
    /// When they add up to more than the objective.
    pub fn new(objective_ns: u64, budgets: impl IntoIterator<Item = (K, u64)>) -> Result<Budgets<K>, TailError> {
        let mut all: BTreeMap<K, u64> = BTreeMap::new();
        let mut budgets_ns = 0_u128;
        for (key, ns) in budgets {
            budgets_ns += u128::from(ns);
            let held = all.entry(key).or_insert(0);
            *held = held.saturating_add(ns);
        }
        if budgets_ns > u128::from(objective_ns) {
            return Err(TailError::OverBudget { budgets_ns, objective_ns });
        }
        Ok(Budgets { objective_ns, budgets: all })
    }

    /// The objective, ns.
    pub fn objective_ns(&self) -> u64 {
        self.objective_ns
    }

    /// A request's excess over the objective divided among the keys over budget, sorted by key; `None` where it met the
    /// objective. `parts` are sorted by key.
    pub fn blame<'a>(&self, parts: &'a [(K, u64)]) -> Option<Vec<(&'a K, u64)>> {
        let latency: u64 = parts.iter().map(|(_, ns)| ns).sum();
        let excess = latency.checked_sub(self.objective_ns).filter(|excess| *excess > 0)?;
        let budget = |key: &K| self.budgets.get(key).copied().unwrap_or(0);
        let over = parts.iter().map(|(key, ns)| (key, ns.saturating_sub(budget(key)))).filter(|(_, over)| *over > 0);
        let (keys, over): (Vec<&K>, Vec<u128>) = over.map(|(key, over)| (key, u128::from(over))).unzip();
        Some(keys.into_iter().zip(apportion(excess, &over)).collect())
    }
}

/// Blame of many requests together, weighted; mergeable in any order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Blame<K: Ord> {
    /// Unit-ns per key.
    sums: BTreeMap<K, u128>,
    /// How many requests missed, each counted once.
    missed: u64,
    /// What they weigh.
    weight: Total,
}

impl<K: Ord> Default for Blame<K> {
    fn default() -> Blame<K> {
        Blame { sums: BTreeMap::new(), missed: 0, weight: Total(0) }
    }
}

impl<K: Ord + Clone> Blame<K> {
    /// Adds a request, where it missed.
    ///
    /// # Errors
    /// When a sum exceeds 128 bits.
    pub fn add(&mut self, budgets: &Budgets<K>, parts: &[(K, u64)], weight: Units) -> Result<(), TailError> {
        let Some(blamed) = budgets.blame(parts) else { return Ok(()) };
        for (key, ns) in blamed {
            self.raise(key.clone(), u128::from(ns) * u128::from(weight.count()))?;
        }
        self.missed += 1;
        self.weight = self.weight + weight;
        Ok(())
    }

    /// Adds what was blamed elsewhere.
    ///
    /// # Errors
    /// When a sum exceeds 128 bits.
    pub fn absorb(&mut self, other: &Blame<K>) -> Result<(), TailError> {
        for (key, sum) in &other.sums {
            self.raise(key.clone(), *sum)?;
        }
        self.missed += other.missed;
        self.weight = Total(self.weight.0 + other.weight.0);
        Ok(())
    }

    /// How many requests missed, each counted once.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// What each key is blamed for, in unit-ns ([`Units`] times nanoseconds), sorted by key.
    pub fn sums(&self) -> &BTreeMap<K, u128> {
        &self.sums
    }

    /// Who is blamed most; ties go to the lower key.
    pub fn most(&self) -> Option<&K> {
        let mut most: Option<(&K, u128)> = None;
        for (key, sum) in &self.sums {
            if most.is_none_or(|(_, held)| *sum > held) {
                most = Some((key, *sum));
            }
        }
        most.map(|(key, _)| key)
    }

    /// The mean excess of a missed request, ns, divided among keys by largest remainder.
    pub fn mean(&self) -> (u64, Vec<(K, u64)>) {
        let total = self.sums.values().fold(0_u128, |sum, part| sum.saturating_add(*part));
        let mean = total.checked_div(self.weight.0).map_or(0, |mean| u64::try_from(mean).unwrap_or(u64::MAX));
        let weights: Vec<u128> = self.sums.values().copied().collect();
        (mean, self.sums.keys().cloned().zip(apportion(mean, &weights)).collect())
    }

    fn raise(&mut self, key: K, by: u128) -> Result<(), TailError> {
        let held = self.sums.entry(key).or_insert(0);
        *held = held.checked_add(by).ok_or(TailError::TooLarge)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn budgets() -> Budgets<&'static str> {
        Budgets::new(100, [("A", 40), ("B", 30), ("C", 30)]).unwrap()
    }

    #[test]
    fn the_excess_goes_to_those_over_budget() {
        let blamed = budgets().blame(&[("A", 45), ("B", 70), ("C", 35)]).unwrap();
        assert_eq!(blamed, [(&"A", 5), (&"B", 40), (&"C", 5)]);
    }

    #[test]
    fn who_kept_the_budget_is_not_blamed_and_who_has_none_is_over_at_once() {
        let blamed = budgets().blame(&[("A", 10), ("B", 80), ("D", 30)]).unwrap();
        assert_eq!(blamed, [(&"B", 13), (&"D", 7)], "12.5 and 7.5: the lower key");
        assert_eq!(budgets().blame(&[("A", 100)]), None, "the objective is met");
    }

    #[test]
    fn budgets_above_the_objective_are_refused() {
        let refused = Budgets::new(100, [("A", 60), ("B", 41)]).unwrap_err();
        assert_eq!(refused, TailError::OverBudget { budgets_ns: 101, objective_ns: 100 });
    }

    #[test]
    fn the_most_blamed_owns_the_incident() {
        let mut blame = Blame::default();
        blame.add(&budgets(), &[("A", 45), ("B", 70), ("C", 35)], Units::ONE).unwrap();
        blame.add(&budgets(), &[("A", 90), ("B", 30)], Units::requests(2)).unwrap();
        blame.add(&budgets(), &[("A", 90)], Units::ONE).unwrap();
        assert_eq!((blame.missed(), blame.most()), (2, Some(&"A")));
        assert_eq!(blame.sums()["A"], (5 + 2 * 20) << 20);
        // (50 + 2 · 20) / 3 requests, as 45 : 40 : 5.
        assert_eq!(blame.mean(), (30, vec![("A", 15), ("B", 13), ("C", 2)]));
        let mut doubled = blame.clone();
        doubled.absorb(&blame).unwrap();
        assert_eq!((doubled.missed(), doubled.mean()), (4, blame.mean()));
    }

    proptest! {
        #[test]
        fn blame_adds_up_to_the_excess(parts in prop::collection::vec(0_u64..1000, 1..6), budgets in prop::collection::vec(0_u64..100, 1..6)) {
            let budgets = Budgets::new(budgets.iter().sum(), budgets.iter().copied().enumerate()).unwrap();
            let parts: Vec<(usize, u64)> = parts.into_iter().enumerate().collect();
            let latency: u64 = parts.iter().map(|(_, ns)| ns).sum();
            let blamed: u64 = budgets.blame(&parts).unwrap_or_default().iter().map(|(_, ns)| ns).sum();
            prop_assert_eq!(blamed, latency.saturating_sub(budgets.objective_ns()));
        }
    }
}
