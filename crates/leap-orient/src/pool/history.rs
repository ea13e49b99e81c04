//! Policies that follow each other in time: each holds from its first day until the next begins.
//!
//! ```text
//! pools.yaml   since ever         kafka by fixed shares
//! pools.yaml   from 2026-07-01    kafka by what was measured
//! ```
//! Pools are shared by calendar months (weights of a month, direct cost of a month), so a policy begins with one. Before the
//! first nothing is shared.

use leap_terms::{Day, Period};

use super::driver::HeadCounts;
use super::facts::Facts;
use super::journal::{Journal, ShareError, share};
use super::policy::Pools;
use crate::org::Org;

/// All policies in force, by the first day on which each holds.
#[derive(Clone, Debug)]
pub struct Policies {
    versions: Vec<(Day, Pools)>,
}

impl From<Pools> for Policies {
    /// One policy that holds on all days.
    fn from(pools: Pools) -> Policies {
        Policies { versions: vec![(Day::EARLIEST, pools)] }
    }
}

impl Policies {
    /// Policies with the first day of each, ascending.
    ///
    /// # Panics
    /// Without any, if the days do not ascend, or if one but the earliest is not the first of a month.
    pub fn new(versions: Vec<(Day, Pools)>) -> Policies {
        assert!(!versions.is_empty(), "there is a policy");
        assert!(versions.windows(2).all(|pair| pair[0].0 < pair[1].0), "policies follow each other");
        let whole = |day: Day| day == Day::EARLIEST || day == day.month().first_day();
        assert!(versions.iter().all(|(from, _)| whole(*from)), "a policy begins with a calendar month");
        Policies { versions }
    }

    /// The policy that holds on a day; none before the first.
    pub fn on(&self, day: Day) -> Option<&Pools> {
        let after = self.versions.partition_point(|(from, _)| *from <= day);
        after.checked_sub(1).map(|at| &self.versions[at].1)
    }

    /// The policy that began last.
    pub fn newest(&self) -> &Pools {
        &self.versions.last().expect("there is a policy").1
    }

    /// All policies, oldest first.
    pub fn all(&self) -> impl Iterator<Item = &Pools> {
        self.versions.iter().map(|(_, pools)| pools)
    }

    /// The policies that hold on days of a period, with those days, oldest first.
    pub fn within(&self, period: Period) -> impl Iterator<Item = (Period, &Pools)> {
        let next = self.versions.iter().skip(1).map(|(from, _)| *from).chain([Period::ALWAYS.until()]);
        self.versions.iter().zip(next).filter_map(move |((from, pools), until)| {
            let days = Period::new(*from, until).and_then(|days| days.intersection(period))?;
            Some((days, pools))
        })
    }

    /// Shares the pools' costs of a period, each day by the policy that holds on it. `facts` as for [`share`].
    ///
    /// # Errors
    /// [`ShareError::Unbalanced`], which no input should cause.
    pub fn share(
        &self,
        org: &Org,
        heads: &dyn HeadCounts,
        facts: &Facts,
        period: Period,
    ) -> Result<Journal, ShareError> {
        let mut journal = Journal::default();
        for (days, pools) in self.within(period) {
            journal.lines.extend(share(pools, org, heads, facts, days)?.lines);
        }
        Ok(journal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str) -> Pools {
        let text = format!("pools:\n  - {{name: {name}, driver: keep}}\n");
        Pools::parse("pools.yaml", &text, &|_| Err("no file".to_owned()), &Org::default()).expect("a policy")
    }

    fn day(text: &str) -> Day {
        text.parse().expect("a day")
    }

    #[test]
    fn each_day_has_the_policy_that_began_last() {
        let policies = Policies::new(vec![(day("2026-07-01"), policy("old")), (day("2026-09-01"), policy("new"))]);
        let name = |on: &str| policies.on(day(on)).map(|pools| pools.all()[0].name.clone());
        assert_eq!(name("2026-06-30"), None);
        assert_eq!(name("2026-07-01").as_deref(), Some("old"));
        assert_eq!(name("2026-08-31").as_deref(), Some("old"));
        assert_eq!(name("2026-09-01").as_deref(), Some("new"));
        let period = Period::new(day("2026-06-10"), day("2026-09-03")).expect("a period");
        let within: Vec<(String, String)> =
            policies.within(period).map(|(days, pools)| (days.to_string(), pools.all()[0].name.clone())).collect();
        let days = |from: &str, until: &str| Period::new(day(from), day(until)).expect("a period").to_string();
        assert_eq!(
            within,
            [
                (days("2026-07-01", "2026-09-01"), "old".to_owned()),
                (days("2026-09-01", "2026-09-03"), "new".to_owned())
            ]
        );
        assert_eq!(policies.newest().all()[0].name, "new");
    }
}
