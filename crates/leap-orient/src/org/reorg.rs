//! A reorg: what changes about an organisation from one day on.
//!
//! ```json
//! {"effective": "2026-07-01", "operations": [
//!   {"create": {"unit": "platform", "state": {"name": "Platform", "kind": "division", "parent": "acme"}}},
//!   {"move": {"unit": "payments", "to": "platform"}},
//!   {"dissolve": {"unit": "search", "successor": "payments", "merged": true}}]}
//! ```
//! Each operation sets attributes from the day on, until the next day on which the history already changes the same
//! attribute of the same unit: a reorg that is recorded late does not undo one that takes effect later. All operations
//! happen at once, whatever their order. How a reorg is found in a new file is the proposal's; here it is applied, and
//! refused when its result could not be.

use std::collections::BTreeSet;

use leap_terms::{Day, Fault, Period, TeamId};
use serde::{Deserialize, Serialize};

use super::check::Blame;
use super::steps::{Draft, Step};
use super::{Membership, Org, OrgState, Span, Unit, UnitState};

/// What changes from one day on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reorg {
    /// The first day on which it is so.
    pub effective: Day,
    /// What changes.
    pub operations: Vec<Operation>,
}

/// One change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// A unit starts that never existed before.
    Create {
        /// Its id.
        unit: TeamId,
        /// What it is, and which units it came from; its successor is not looked at.
        state: UnitState,
    },
    /// A unit that ended exists again: the same unit.
    Return {
        /// Its id.
        unit: TeamId,
        /// What it is, and which units it came from; its successor is not looked at.
        state: UnitState,
    },
    /// A unit is called differently. Its old name still means it.
    Rename {
        /// The unit.
        unit: TeamId,
        /// Its new name.
        name: String,
    },
    /// A unit is below another one, with everything below it.
    Move {
        /// The unit.
        unit: TeamId,
        /// The unit above; `null` makes it a root.
        to: Option<TeamId>,
    },
    /// Anything else about a unit changes.
    Describe {
        /// The unit.
        unit: TeamId,
        /// What it is now.
        set: Vec<Description>,
    },
    /// A unit ends. Its people without a transfer of their own go to the successor, or leave.
    Dissolve {
        /// The unit.
        unit: TeamId,
        /// Who inherits its names and cost; `null` for nobody.
        successor: Option<TeamId>,
        /// True when it became part of the successor, false when the successor only looks after what it left.
        merged: bool,
    },
    /// A person is in another unit.
    Transfer {
        /// The person.
        person: String,
        /// The unit; `null` for somebody who leaves.
        to: Option<TeamId>,
    },
}

/// One attribute of a unit and its value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Description {
    /// `company`, `division`, `team` …
    Kind(String),
    /// All other names.
    Aliases(BTreeSet<String>),
    /// Who leads it.
    Lead(Option<String>),
    /// How many people work in it.
    HeadCount(Option<u32>),
    /// The cost center that it is booked to.
    CostCenter(Option<String>),
    /// What it owns, by which it is recognized.
    Owns(BTreeSet<String>),
}

impl Org {
    /// The history with a reorg.
    ///
    /// # Errors
    /// Every fault found, with unit and dates: a unit that does not exist on the day or exists already, a unit that ends
    /// and changes later, operations that contradict each other, and whatever [`Org::from_yaml`] refuses.
    pub fn with(&self, reorg: &Reorg) -> Result<Org, Vec<Fault>> {
        let day = reorg.effective;
        let numbers = self.units.iter().enumerate().map(|(at, unit)| (unit.id.clone(), at)).collect();
        let (units, people) = (self.units.clone(), self.people.clone());
        let mut draft = Draft { day, units, numbers, people, faults: Vec::new() };
        if !Period::ALWAYS.contains(day) {
            draft.refuse(format!("{day} is no day of a bill"), "name a day from 1900-01-01 until 2200-01-01");
        }
        draft.contradictions(&reorg.operations);
        if !draft.faults.is_empty() {
            return Err(draft.faults);
        }
        for operation in &reorg.operations {
            match operation {
                Operation::Create { unit, state } => draft.start(unit, state, false),
                Operation::Return { unit, state } => draft.start(unit, state, true),
                Operation::Rename { unit, name } => draft.set(unit, &Step::Name(name)),
                Operation::Move { unit, to } => draft.set(unit, &Step::Parent(to.as_ref())),
                Operation::Describe { unit, set } => {
                    set.iter().for_each(|description| draft.set(unit, &Step::Description(description)));
                }
                Operation::Transfer { person, to } => draft.transfer(person, to.as_ref()),
                Operation::Dissolve { .. } => {}
            }
        }
        // Units end last: who inherits and who moves away is then known, whatever the order of the operations.
        let ends = reorg.operations.iter().filter_map(|operation| match operation {
            Operation::Dissolve { unit, successor, .. } => Some((unit, successor.as_ref())),
            Operation::Create { .. }
            | Operation::Return { .. }
            | Operation::Rename { .. }
            | Operation::Move { .. }
            | Operation::Describe { .. }
            | Operation::Transfer { .. } => None,
        });
        let ends: Vec<(&TeamId, Option<&TeamId>)> = ends.collect();
        ends.iter().for_each(|(unit, successor)| draft.dissolve(unit, *successor));
        if !draft.faults.is_empty() {
            return Err(draft.faults);
        }
        ends.iter().for_each(|(unit, successor)| draft.release(unit, *successor));
        Org::checked(draft.units, draft.people, &Blame::Words(format!("reorg of {day}")))
    }

    /// The history of an organisation that was always as it is: the start of a history.
    ///
    /// # Errors
    /// As [`Org::from_yaml`].
    pub fn from_state(state: &OrgState) -> Result<Org, Vec<Fault>> {
        let units =
            state.units.iter().map(|(id, state)| Unit { id: id.clone(), spans: vec![Span::of(Period::ALWAYS, state)] });
        let people = state
            .people
            .iter()
            .map(|(person, unit)| (person.clone(), vec![Membership { period: Period::ALWAYS, unit: unit.clone() }]));
        Org::checked(units.collect(), people.collect(), &Blame::Words("org".to_owned()))
    }
}
