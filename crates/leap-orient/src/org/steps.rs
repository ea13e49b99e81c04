//! A history while a reorg is applied: operations as steps of attributes.
//!
//! ```text
//! parent of pay:  shop ───────────────┬── media ──▶        recorded first: from 2026-07-01
//!                 shop ──┬── acme ────┴── media ──▶        recorded later: from 2026-03-01, until the next step
//! ```
//! Here is what an operation does to spans, and what of it is refused at once. Whether the result can be, the checks of
//! every history say.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::{Day, Fault, Period, TeamId};

use super::check::when;
use super::reorg::{Description, Operation};
use super::{Membership, Span, Unit, UnitState};

/// One attribute and its value, names and parents included.
pub(super) enum Step<'r> {
    Name(&'r str),
    Parent(Option<&'r TeamId>),
    Description(&'r Description),
}

impl Step<'_> {
    fn attribute(&self) -> &'static str {
        match self {
            Step::Name(_) => "name",
            Step::Parent(_) => "parent",
            Step::Description(Description::Kind(_)) => "kind",
            Step::Description(Description::Aliases(_)) => "aliases",
            Step::Description(Description::Lead(_)) => "lead",
            Step::Description(Description::HeadCount(_)) => "head_count",
            Step::Description(Description::CostCenter(_)) => "cost_center",
            Step::Description(Description::Owns(_)) => "owns",
        }
    }

    /// True when the attribute has the same value in both.
    fn keeps(&self, one: &Span, other: &Span) -> bool {
        match self {
            Step::Name(_) => one.name == other.name,
            Step::Parent(_) => one.parent == other.parent,
            Step::Description(Description::Kind(_)) => one.kind == other.kind,
            Step::Description(Description::Aliases(_)) => one.aliases == other.aliases,
            Step::Description(Description::Lead(_)) => one.lead == other.lead,
            Step::Description(Description::HeadCount(_)) => one.head_count == other.head_count,
            Step::Description(Description::CostCenter(_)) => one.cost_center == other.cost_center,
            Step::Description(Description::Owns(_)) => one.evidence == other.evidence,
        }
    }

    fn write(&self, span: &mut Span) {
        match self {
            Step::Name(name) => span.name = (*name).to_owned(),
            Step::Parent(parent) => span.parent = parent.cloned(),
            Step::Description(Description::Kind(kind)) => span.kind.clone_from(kind),
            Step::Description(Description::Aliases(aliases)) => span.aliases = aliases.iter().cloned().collect(),
            Step::Description(Description::Lead(lead)) => span.lead.clone_from(lead),
            Step::Description(Description::HeadCount(count)) => span.head_count = *count,
            Step::Description(Description::CostCenter(center)) => span.cost_center.clone_from(center),
            Step::Description(Description::Owns(owns)) => span.evidence = owns.iter().cloned().collect(),
        }
    }
}

/// A history while a reorg is applied.
pub(super) struct Draft {
    pub(super) day: Day,
    pub(super) units: Vec<Unit>,
    pub(super) numbers: BTreeMap<TeamId, usize>,
    pub(super) people: BTreeMap<String, Vec<Membership>>,
    pub(super) faults: Vec<Fault>,
}

impl Draft {
    pub(super) fn refuse(&mut self, message: String, help: &str) {
        let fault = Fault::in_file(format!("reorg of {}", self.day), message);
        self.faults.push(fault.help(help));
    }

    /// The place of a unit in the list, and of its span on the day.
    fn existing(&mut self, id: &TeamId) -> Option<(usize, usize)> {
        let day = self.day;
        let at = self.numbers.get(id).copied();
        let found = at.and_then(|at| Some((at, self.units[at].at(day)?)));
        if found.is_none() {
            match at.map(|at| exists(&self.units[at])) {
                None => self.refuse(format!("unit '{id}' does not exist"), "create it first"),
                Some(times) => {
                    let message = format!("unit '{id}' does not exist on {day}: it exists {times}");
                    self.refuse(message, "return it, or take the operation out");
                }
            }
        }
        found
    }

    pub(super) fn start(&mut self, id: &TeamId, state: &UnitState, returns: bool) {
        let day = self.day;
        let at = match self.numbers.get(id) {
            Some(at) => *at,
            None => {
                self.units.push(Unit { id: id.clone(), spans: Vec::new() });
                self.numbers.insert(id.clone(), self.units.len() - 1);
                self.units.len() - 1
            }
        };
        let unit = &self.units[at];
        let next = unit.spans.partition_point(|span| span.period.from() <= day);
        if unit.at(day).is_some() {
            let message = format!("unit '{id}' exists on {day}: it exists {}", exists(unit));
            return self.refuse(message, "change the unit that exists, or give the new one another id");
        }
        match (next > 0, returns) {
            (true, false) => {
                let message = format!("unit '{id}' is no new unit on {day}: it existed {}", exists(unit));
                self.refuse(message, "an id means one unit for ever: return it, or give the new one another id");
            }
            (false, true) => {
                let message = format!("unit '{id}' cannot return on {day}: it did not exist before");
                self.refuse(message, "create it");
            }
            (true, true) | (false, false) => {
                let until = unit.spans.get(next).map_or(Period::ALWAYS.until(), |span| span.period.from());
                let Some(period) = Period::new(day, until) else { return };
                let mut span = Span::of(period, state);
                span.split_from = state.split_from.iter().cloned().collect();
                self.units[at].spans.insert(next, span);
            }
        }
    }

    pub(super) fn set(&mut self, id: &TeamId, step: &Step<'_>) {
        let day = self.day;
        let Some((at, mut first)) = self.existing(id) else { return };
        let unit = &mut self.units[at];
        if let (Some(before), Some(after)) =
            (Period::new(unit.spans[first].period.from(), day), Period::new(day, unit.spans[first].period.until()))
        {
            let mut span = unit.spans[first].clone();
            // Where it came from is told where it starts, who inherits where it ends.
            span.split_from = Vec::new();
            span.period = after;
            unit.spans[first].period = before;
            unit.spans[first].successor = None;
            first += 1;
            unit.spans.insert(first, span);
        }
        let mut end = first + 1;
        while end < unit.spans.len() && unit.continues(end) && step.keeps(&unit.spans[end - 1], &unit.spans[end]) {
            end += 1;
        }
        unit.spans[first..end].iter_mut().for_each(|span| step.write(span));
    }

    pub(super) fn dissolve(&mut self, id: &TeamId, successor: Option<&TeamId>) {
        let day = self.day;
        let Some((at, last)) = self.existing(id) else { return };
        let unit = &self.units[at];
        let mut later: Vec<String> = unit.spans[last + 1..].iter().map(|span| span.period.from().to_string()).collect();
        let end = unit.spans[unit.spans.len() - 1].period.until();
        if end < Period::ALWAYS.until() {
            later.push(end.to_string());
        }
        if !later.is_empty() {
            let message = format!("unit '{id}' cannot end on {day}: it changes later, on {}", later.join(", "));
            return self.refuse(message, "revert that reorg first");
        }
        let starts = unit.spans[last].period.from() == day;
        if starts && !unit.continues(last) {
            let message = format!("unit '{id}' cannot end on {day}: it starts on that day");
            return self.refuse(message, "revert the reorg with which it starts");
        }
        let unit = &mut self.units[at];
        if starts {
            unit.spans.truncate(last);
        }
        if let Some(span) = unit.spans.last_mut() {
            span.period = Period::new(span.period.from(), day).unwrap_or(span.period);
            span.successor = successor.cloned();
        }
    }

    /// Puts a person into a unit, or none, from the day on until the next day on which that changes.
    pub(super) fn transfer(&mut self, person: &str, to: Option<&TeamId>) {
        let day = self.day;
        let memberships = self.people.entry(person.to_owned()).or_default();
        memberships.sort_by_key(|membership| membership.period.from());
        let next = memberships.iter().map(|membership| membership.period.from()).find(|from| *from > day);
        let mut until = next.unwrap_or(Period::ALWAYS.until());
        let current = memberships.iter().position(|membership| membership.period.contains(day));
        if let Some(at) = current {
            until = until.min(memberships[at].period.until());
            match Period::new(memberships[at].period.from(), day) {
                Some(period) => memberships[at].period = period,
                None => {
                    memberships.remove(at);
                }
            }
        }
        if let (Some(unit), Some(period)) = (to, Period::new(day, until)) {
            memberships.push(Membership { period, unit: unit.clone() });
        }
    }

    /// People of a unit that ends go where its names and cost go.
    pub(super) fn release(&mut self, id: &TeamId, successor: Option<&TeamId>) {
        let day = self.day;
        let stays = successor.and_then(|successor| self.numbers.get(successor)).and_then(|at| {
            let unit = &self.units[*at];
            let mut last = unit.at(day)?;
            while last + 1 < unit.spans.len() && unit.continues(last + 1) {
                last += 1;
            }
            Period::new(day, unit.spans[last].period.until())
        });
        for memberships in self.people.values_mut() {
            let mut kept = Vec::new();
            for Membership { period, unit } in memberships.drain(..) {
                if unit != *id {
                    kept.push(Membership { period, unit });
                    continue;
                }
                let rest = stays.and_then(|stays| stays.intersection(period));
                kept.extend(
                    Period::new(period.from(), period.until().min(day)).map(|period| Membership { period, unit }),
                );
                if let (Some(successor), Some(period)) = (successor, rest) {
                    kept.push(Membership { period, unit: successor.clone() });
                }
            }
            *memberships = kept;
        }
    }

    /// Refuses operations of one day that contradict each other.
    pub(super) fn contradictions(&mut self, operations: &[Operation]) {
        let mut seen: BTreeMap<&TeamId, Vec<&'static str>> = BTreeMap::new();
        let mut people: BTreeSet<&str> = BTreeSet::new();
        let mut doubled: Vec<(&TeamId, &'static str, &'static str)> = Vec::new();
        let mut note = |unit, what: &'static str| {
            let others = seen.entry(unit).or_default();
            let whole = |what: &str| matches!(what, "create" | "return" | "dissolve");
            if let Some(other) = others.iter().find(|other| **other == what || whole(other) || whole(what)) {
                doubled.push((unit, *other, what));
            }
            others.push(what);
        };
        for operation in operations {
            match operation {
                Operation::Create { unit, .. } => note(unit, "create"),
                Operation::Return { unit, .. } => note(unit, "return"),
                Operation::Rename { unit, .. } => note(unit, "name"),
                Operation::Move { unit, .. } => note(unit, "parent"),
                Operation::Describe { unit, set } => {
                    set.iter().for_each(|description| note(unit, Step::Description(description).attribute()));
                }
                Operation::Dissolve { unit, .. } => note(unit, "dissolve"),
                Operation::Transfer { person, .. } => {
                    if !people.insert(person) {
                        let day = self.day;
                        self.refuse(format!("two operations transfer person '{person}' on {day}"), "keep one of them");
                    }
                }
            }
        }
        for (unit, one, other) in doubled {
            let message = match one == other {
                true => format!("two operations say '{one}' of unit '{unit}' on {}", self.day),
                false => {
                    format!("operations '{one}' and '{other}' of unit '{unit}' exclude each other on {}", self.day)
                }
            };
            self.refuse(message, "keep one of them");
        }
    }
}

/// When a unit exists, in words.
fn exists(unit: &Unit) -> String {
    let mut times: Vec<Period> = Vec::new();
    for (at, span) in unit.spans.iter().enumerate() {
        match times.last_mut() {
            Some(last) if unit.continues(at) => *last = Period::new(last.from(), span.period.until()).unwrap_or(*last),
            _ => times.push(span.period),
        }
    }
    let times: Vec<String> = times.into_iter().map(|time| when(time).trim().to_owned()).collect();
    match times.as_slice() {
        [] => "on no day".to_owned(),
        [always] if always.is_empty() => "always".to_owned(),
        times => times.join(" and "),
    }
}
