//! What names a unit that ends: rules, stewards, and what shares pools, each with who takes the unit's place.
//!
//! ```text
//! where                               unit      successor
//! rule payments-accounts              payments  checkout
//! pool kafka: drivers.csv             payments  checkout
//! pool support: fixed from 2026-07-01 payments  checkout
//! ```
//! Names of an ended unit mean its successor, so nothing breaks; the list says where a person may want to write the new
//! name. What a shared file names but never weighs is listed too. Reads nothing but the world it is given.

use std::collections::{BTreeMap, BTreeSet};

use leap_orient::org::{Operation, Org, Resolved};
use leap_orient::pool::policy::Driver;
use leap_orient::pool::{Policies, Pools};
use leap_orient::rules::{Outcome, RuleSet};
use leap_terms::{Day, Period, ResidualReason, TeamId};

use crate::failure::Failure;

use super::{Orphan, Step};

/// Everything in these rules and pools that names a unit which the steps end.
pub(super) fn orphans(
    rules: &RuleSet,
    pools: impl FnOnce() -> Result<Option<Policies>, Failure>,
    before: &Org,
    after: &Org,
    steps: &[Step],
) -> Result<Vec<Orphan>, Failure> {
    let mut ends = BTreeMap::<TeamId, Day>::new();
    for step in steps {
        for operation in &step.reorg.operations {
            if let Operation::Dissolve { unit, .. } = operation {
                ends.insert(unit.clone(), step.reorg.effective);
            }
        }
    }
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    let mut list = List { before, after, ends, found: Vec::new() };
    list.rules(rules);
    // A policy that ends before a unit does stays right as it is.
    if let (Some(policies), Some(first)) = (pools()?, list.ends.values().min().copied()) {
        let since = Period::new(first, Period::ALWAYS.until()).expect("units end before the end of days");
        for (_, pools) in policies.within(since) {
            list.pools(pools);
        }
    }
    list.found.sort_by(|a, b| (&a.place, &a.unit).cmp(&(&b.place, &b.unit)));
    list.found.dedup();
    Ok(list.found)
}

struct List<'o> {
    before: &'o Org,
    after: &'o Org,
    ends: BTreeMap<TeamId, Day>,
    found: Vec<Orphan>,
}

impl List<'_> {
    fn note(&mut self, place: String, name: &str) {
        for (unit, day) in &self.ends {
            match self.before.resolve(name, day.plus(-1)) {
                Resolved::Team(team) if team == *unit => {
                    let successor = match self.after.resolve(name, *day) {
                        Resolved::Team(successor) => Some(successor),
                        Resolved::Unknown | Resolved::Ambiguous(_) => None,
                    };
                    self.found.push(Orphan { place, unit: name.to_owned(), successor });
                    return;
                }
                Resolved::Team(_) | Resolved::Unknown | Resolved::Ambiguous(_) => {}
            }
        }
    }

    fn rules(&mut self, rules: &RuleSet) {
        for rule in rules.rules() {
            match &rule.outcome {
                Outcome::Team(name) => self.note(format!("rule {}", rule.id), name),
                Outcome::Mapping(mapping) => {
                    for owner in mapping.owners().collect::<BTreeSet<&str>>() {
                        self.note(format!("rule {}: {}", rule.id, mapping.file()), owner);
                    }
                }
                Outcome::Pool(pool) => {
                    let reason = ResidualReason::Pool(pool.clone());
                    self.note(format!("steward of pool {pool}"), rules.steward(&reason));
                }
                Outcome::From(_) | Outcome::Catalog(..) | Outcome::CodeOwners(..) => {}
            }
        }
        for reason in [ResidualReason::NoRule, ResidualReason::UnknownTeam, ResidualReason::Ambiguous] {
            self.note(format!("steward of residual:{reason}"), rules.steward(&reason));
        }
    }

    fn pools(&mut self, pools: &Pools) {
        for pool in pools.all() {
            let name = &pool.name;
            self.note(format!("pool {name}: steward"), &pool.steward);
            match &pool.driver {
                Driver::Measured(measured) => {
                    for unit in measured.names() {
                        self.note(format!("pool {name}: {}", measured.file()), unit);
                    }
                }
                Driver::Fixed(spans) => {
                    for span in spans {
                        // Weights that no longer hold when the unit ends stay right as they are.
                        for (unit, _) in &span.weights {
                            if self.ends.values().any(|day| *day < span.period.until()) {
                                let since = match span.period.from() {
                                    Day::EARLIEST => String::new(),
                                    from => format!(" from {from}"),
                                };
                                self.note(format!("pool {name}: fixed{since}"), unit);
                            }
                        }
                    }
                }
                Driver::HeadCount { under: Some(unit), .. } => self.note(format!("pool {name}: head_count"), unit),
                Driver::HeadCount { under: None, .. }
                | Driver::Keep
                | Driver::Direct(_)
                | Driver::Pool(_)
                | Driver::Commitment => {}
            }
        }
    }
}
