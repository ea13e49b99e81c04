//! What differs between two days of an organisation, or of two organisations.
//!
//! ```text
//! payments: moved from shop to platform
//! search:   ended; payments inherits
//! ads:      head_count 12 -> 14
//! ```
//! States are compared, not the way from one to the other: a unit that moved there and back has not changed.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::{Day, Period, TeamId};

use super::{Org, OrgState, Unit, UnitState};

/// One difference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// The unit exists on the second day only.
    Started {
        /// The unit.
        unit: TeamId,
        /// What it is.
        state: UnitState,
        /// The units that it came from.
        split_from: Vec<TeamId>,
    },
    /// The unit exists on the first day only.
    Ended {
        /// The unit.
        unit: TeamId,
        /// Who inherited.
        successor: Option<TeamId>,
    },
    /// The unit has another name.
    Renamed {
        /// The unit.
        unit: TeamId,
        /// The name on the first day.
        from: String,
        /// The name on the second.
        to: String,
    },
    /// The unit is below another one.
    Moved {
        /// The unit.
        unit: TeamId,
        /// The unit above on the first day.
        from: Option<TeamId>,
        /// The unit above on the second.
        to: Option<TeamId>,
    },
    /// Anything else about the unit.
    Described {
        /// The unit.
        unit: TeamId,
        /// `kind`, `aliases`, `lead`, `head_count`, `cost_center` or `owns`.
        field: &'static str,
        /// What it was; empty when absent.
        from: String,
        /// What it is; empty when absent.
        to: String,
    },
    /// A person is in another unit.
    Transferred {
        /// The person.
        person: String,
        /// The unit on the first day.
        from: Option<TeamId>,
        /// The unit on the second.
        to: Option<TeamId>,
    },
}

fn keys<'s, K: Ord, V>(one: &'s BTreeMap<K, V>, other: &'s BTreeMap<K, V>) -> BTreeSet<&'s K> {
    one.keys().chain(other.keys()).collect()
}

fn list(texts: &BTreeSet<String>) -> String {
    texts.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn described(state: &UnitState) -> [(&'static str, String); 6] {
    [
        ("kind", state.kind.clone()),
        ("aliases", list(&state.aliases)),
        ("lead", state.lead.clone().unwrap_or_default()),
        ("head_count", state.head_count.map(|count| count.to_string()).unwrap_or_default()),
        ("cost_center", state.cost_center.clone().unwrap_or_default()),
        ("owns", list(&state.evidence)),
    ]
}

impl Org {
    /// What differs between this organisation on a day and another (or the same) on another day: units by id, then people.
    pub fn diff(&self, day: Day, other: &Org, other_day: Day) -> Vec<Change> {
        let (before, after): (OrgState, OrgState) = (self.state(day), other.state(other_day));
        let mut changes = Vec::new();
        for id in keys(&before.units, &after.units) {
            let unit = id.clone();
            match (before.units.get(id), after.units.get(id)) {
                (None, None) => {}
                (None, Some(state)) => {
                    let split_from = other.unit(id).map(|unit| unit.started_from(other_day)).unwrap_or_default();
                    changes.push(Change::Started { unit, state: state.clone(), split_from });
                }
                (Some(_), None) => {
                    let successor = other.unit(id).and_then(|unit| unit.ended(other_day)?.successor.clone());
                    changes.push(Change::Ended { unit, successor });
                }
                (Some(one), Some(two)) => {
                    if one.name != two.name {
                        let (from, to) = (one.name.clone(), two.name.clone());
                        changes.push(Change::Renamed { unit: unit.clone(), from, to });
                    }
                    if one.parent != two.parent {
                        let (from, to) = (one.parent.clone(), two.parent.clone());
                        changes.push(Change::Moved { unit: unit.clone(), from, to });
                    }
                    for ((field, from), (_, to)) in described(one).into_iter().zip(described(two)) {
                        if from != to {
                            changes.push(Change::Described { unit: unit.clone(), field, from, to });
                        }
                    }
                }
            }
        }
        for person in keys(&before.people, &after.people) {
            let (from, to) = (before.people.get(person), after.people.get(person));
            if from != to {
                let (from, to) = (from.cloned(), to.cloned());
                changes.push(Change::Transferred { person: person.clone(), from, to });
            }
        }
        changes
    }

    /// The ids, names and aliases, of either organisation and of whatever time, that mean another team on some day in the
    /// other one; sorted. Cost that is owned under any other name stays where it is.
    pub fn names_changed(&self, other: &Org) -> Vec<String> {
        if self.names_as_in(other) {
            return Vec::new();
        }
        let mut names = self.all_names();
        names.extend(other.all_names());
        let changed = names.into_iter().filter(|name| {
            self.resolve_always(name) != other.resolve_always(name)
                || self.resolve_spelled_otherwise(name) != other.resolve_spelled_otherwise(name)
        });
        changed.map(str::to_owned).collect()
    }

    /// True when every unit has the same names, heirs and times of existence in both: parents say nothing about who is
    /// meant by a name, so a reorg that only moves units is told at once.
    fn names_as_in(&self, other: &Org) -> bool {
        self.units().len() == other.units().len()
            && self.units().iter().all(|unit| {
                other.unit(&unit.id).is_some_and(|twin| {
                    let (mut one, mut two) = (naming(unit), naming(twin));
                    loop {
                        match (one.next(), two.next()) {
                            (None, None) => break true,
                            (one, two) if one != two => break false,
                            _ => {}
                        }
                    }
                })
            })
    }
}

/// From when to when a unit has which names, and who inherits.
type Naming<'o> = (Period, &'o str, &'o [String], Option<&'o TeamId>);

/// The times of a unit, joined where nothing about its names changes.
fn naming(unit: &Unit) -> impl Iterator<Item = Naming<'_>> {
    let mut spans = unit.spans.iter().peekable();
    std::iter::from_fn(move || {
        let first = spans.next()?;
        let mut last = first;
        while last.successor.is_none()
            && let Some(next) = spans.next_if(|next| {
                next.period.from() == last.period.until() && next.name == first.name && next.aliases == first.aliases
            })
        {
            last = next;
        }
        let period = Period::new(first.period.from(), last.period.until()).expect("spans ascend");
        Some((period, first.name.as_str(), first.aliases.as_slice(), last.successor.as_ref()))
    })
}
