//! What a history must keep, on every day: one unit per id, one parent, no cycle, heirs that exist.
//!
//! ```text
//! org.yaml:4:10: unit 'b' is below 'a' from 2026-07-01, but 'a' does not exist from 2026-08-01
//!   help: end unit 'b' with it, or name another parent from that day on
//! ```
//! A fault names the unit, the dates and the remedy, and points at the unit in its file. The tree is checked once per day on
//! which it changes, not once per day. What is allowed but odd becomes a warning.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use leap_terms::{Day, Fault, Period, TeamId, fault::nearest, limits};

use super::names::folded;
use super::{Membership, Org, Span, Unit};
use crate::yaml::Places;

/// No unit above.
pub(super) const NONE: u32 = u32::MAX;

/// Where to point for a unit or a person.
pub(super) enum Blame<'a> {
    /// A file with a list of units and perhaps one of people.
    Lists(Places<'a>, Places<'a>),
    /// Files with one document per unit: names and texts, and for each unit its file and byte.
    Documents(&'a [(String, String)], Vec<(usize, usize)>),
    /// Not a file: what is checked, in words.
    Words(String),
}

impl Blame<'_> {
    fn whole(&self, message: String) -> Fault {
        match self {
            Blame::Lists(places, _) => Fault::in_file(places.file, message),
            Blame::Documents(files, _) => Fault::in_file(files.first().map_or("", |(file, _)| file), message),
            Blame::Words(what) => Fault::in_file(what, message),
        }
    }

    pub(super) fn unit(&self, at: usize, id: &TeamId, message: String) -> Fault {
        match self {
            Blame::Lists(places, _) => places.fault_at_value(at, &["id"], message),
            Blame::Documents(files, starts) => match starts.get(at) {
                Some((file, offset)) => {
                    Fault::in_file(&files[*file].0, message).at(&files[*file].1, *offset, id.as_str().chars().count())
                }
                None => self.whole(message),
            },
            Blame::Words(_) => self.whole(message),
        }
    }

    fn person(&self, at: usize, message: String) -> Fault {
        match self {
            Blame::Lists(_, places) => places.fault_at_value(at, &["person"], message),
            Blame::Documents(..) | Blame::Words(_) => self.whole(message),
        }
    }
}

/// `` from 2026-07-01 until 2026-10-01``, without what has no end.
pub(super) fn when(period: Period) -> String {
    let mut text = String::new();
    if period.from() > Period::ALWAYS.from() {
        text.push_str(&format!(" from {}", period.from()));
    }
    if period.until() < Period::ALWAYS.until() {
        text.push_str(&format!(" until {}", period.until()));
    }
    text
}

/// The first days of a period on which a unit does not exist.
fn missing(unit: &Unit, period: Period) -> Option<Period> {
    let mut day = period.from();
    while let Some(span) = unit.on(day) {
        day = span.period.until();
        if day >= period.until() {
            return None;
        }
    }
    let returns = unit.spans.iter().map(|span| span.period.from()).find(|from| *from > day);
    Period::new(day, returns.map_or(period.until(), |from| from.min(period.until())))
}

impl Org {
    /// An organisation of units and people as read; `blame` knows the units by their place in the list, and the people by
    /// their place in the map.
    pub(super) fn checked(
        units: Vec<Unit>,
        people: BTreeMap<String, Vec<Membership>>,
        blame: &Blame<'_>,
    ) -> Result<Org, Vec<Fault>> {
        if units.len() > limits::ORG_UNITS {
            let message = format!("the org has {} units, the limit is {}", units.len(), limits::ORG_UNITS);
            return Err(vec![blame.whole(message)]);
        }
        let mut org = Org { units, people, ..Org::default() };
        let mut faults = Vec::new();
        org.number_units(blame, &mut faults);
        for (at, unit) in org.units.iter_mut().enumerate() {
            order_spans(unit, at, blame, &mut faults);
        }
        let above = org.check_ids(blame, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        org.check_parents(&above, blame, &mut faults);
        org.check_trees(&above, blame, &mut faults);
        org.check_successors(blame, &mut faults);
        org.check_people(blame, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        org.index_names();
        org.warn_of_shared_names(blame);
        Ok(org)
    }

    fn number_units(&mut self, blame: &Blame<'_>, faults: &mut Vec<Fault>) {
        for (at, unit) in self.units.iter().enumerate() {
            let number = u32::try_from(at).expect("the number of units is limited");
            match self.by_id.get(&unit.id) {
                Some(first) => {
                    let place = blame.unit(*first as usize, &unit.id, String::new());
                    let mut message = format!("two units have the id '{}': the first is", unit.id);
                    let fault = blame.unit(at, &unit.id, String::new());
                    if let Some(line) = place.line {
                        message.push_str(&format!(" on line {line}"));
                    }
                    if place.file != fault.file {
                        message.push_str(&format!(" of {}", place.file));
                    }
                    let fault = Fault { message, ..fault };
                    faults.push(fault.help("give one of them another id, or make it an alias"));
                }
                None => {
                    self.by_id.insert(unit.id.clone(), number);
                }
            }
        }
    }

    /// Parents, successors and origins are units, and other ones. The answer: the unit above of every span, in order.
    fn check_ids(&self, blame: &Blame<'_>, faults: &mut Vec<Fault>) -> Vec<u32> {
        let mut above = Vec::new();
        for (at, unit) in self.units.iter().enumerate() {
            let mut unknown: BTreeSet<(&str, &TeamId)> = BTreeSet::new();
            // Most spans change something else than the parent.
            let mut last: (Option<&TeamId>, u32) = (None, NONE);
            for span in &unit.spans {
                let parent = span.parent.as_ref();
                if parent != last.0 {
                    last = (parent, parent.and_then(|parent| self.number(parent)).unwrap_or(NONE));
                    unknown.extend(parent.filter(|_| last.1 == NONE).map(|parent| ("parent", parent)));
                }
                above.push(last.1);
                let successor = span.successor.iter().map(|id| ("successor", id));
                let origins = span.split_from.iter().map(|id| ("origin", id));
                for (what, id) in successor.chain(origins) {
                    if *id == unit.id {
                        let message = format!("unit '{}' is its own {what}{}", unit.id, when(span.period));
                        faults.push(blame.unit(at, &unit.id, message).help("name another unit, or none"));
                    } else if !self.by_id.contains_key(id) {
                        unknown.insert((what, id));
                    }
                }
            }
            for (what, id) in unknown {
                let help = match nearest(id.as_str(), self.units.iter().map(|unit| unit.id.as_str())) {
                    Some(candidate) => format!("did you mean {candidate}?"),
                    None => "add a unit of that id".to_owned(),
                };
                let message = format!("unit '{}' has the unknown {what} '{id}'", unit.id);
                faults.push(blame.unit(at, &unit.id, message).help(help));
            }
        }
        above
    }

    fn check_parents(&self, above: &[u32], blame: &Blame<'_>, faults: &mut Vec<Fault>) {
        let mut above = above.iter();
        for (at, unit) in self.units.iter().enumerate() {
            for (span, parent) in unit.spans.iter().zip(above.by_ref()) {
                let Some(parent) = self.units.get(*parent as usize) else { continue };
                let Some(gap) = missing(parent, span.period) else { continue };
                let id = &parent.id;
                let message = format!(
                    "unit '{}' is below '{id}'{}, but '{id}' does not exist{}",
                    unit.id,
                    when(span.period),
                    when(gap)
                );
                let help = format!("end '{}' with its parent, or name another parent for those days", unit.id);
                faults.push(blame.unit(at, &unit.id, message).help(help));
            }
        }
    }

    fn check_successors(&mut self, blame: &Blame<'_>, faults: &mut Vec<Fault>) {
        let mut inherits: HashMap<u32, Vec<(u32, Day)>> = HashMap::new();
        for (at, unit) in self.units.iter().enumerate() {
            for span in &unit.spans {
                let Some(successor) = &span.successor else { continue };
                let end = span.period.until();
                let fault = |message: String, help: &str| blame.unit(at, &unit.id, message).help(help);
                if end >= Period::ALWAYS.until() {
                    let message = format!("unit '{}' has the successor '{successor}' but never ends", unit.id);
                    faults.push(fault(message, "say when it ends, or leave the successor out"));
                } else if unit.on(end).is_some() {
                    let message = format!("unit '{}' has the successor '{successor}' on {end}, but goes on", unit.id);
                    faults.push(fault(message, "name the successor on the last span before it ends"));
                } else if self.heir(at as u32, end).is_none() {
                    let message = format!(
                        "unit '{}' ends on {end} in favor of '{successor}', which does not exist on that day and has no successor that does",
                        unit.id
                    );
                    faults.push(fault(message, "name a successor that exists on that day, or none"));
                }
                if let Some(heir) = self.by_id.get(successor) {
                    inherits.entry(*heir).or_default().push((at as u32, end));
                }
            }
        }
        self.inherits = inherits;
    }

    fn check_people(&mut self, blame: &Blame<'_>, faults: &mut Vec<Fault>) {
        let mut people = std::mem::take(&mut self.people);
        for (at, (person, memberships)) in people.iter_mut().enumerate() {
            memberships.sort_by_key(|membership| membership.period.from());
            for pair in memberships.windows(2) {
                if let Some(both) = pair[0].period.intersection(pair[1].period) {
                    let (one, other) = (&pair[0].unit, &pair[1].unit);
                    let message = format!("person '{person}' is in '{one}' and in '{other}'{}", when(both));
                    faults.push(blame.person(at, message).help("a person is in one unit at a time"));
                }
            }
            memberships.dedup_by(|next, last| {
                let goes_on = last.unit == next.unit && last.period.until() == next.period.from();
                if goes_on {
                    last.period = lasting(last.period, next.period);
                }
                goes_on
            });
            for Membership { period, unit } in memberships.iter() {
                let gap = match self.unit(unit) {
                    None => Some(*period),
                    Some(unit) => missing(unit, *period),
                };
                if let Some(gap) = gap {
                    let (during, absent) = (when(*period), when(gap));
                    let message =
                        format!("person '{person}' is in '{unit}'{during}, but '{unit}' does not exist{absent}");
                    faults.push(blame.person(at, message).help("end the membership with the unit"));
                }
            }
        }
        people.retain(|_, memberships| !memberships.is_empty());
        self.people = people;
    }

    fn index_names(&mut self) {
        for (at, unit) in self.units.iter().enumerate() {
            let number = at as u32;
            let mut add = |name: &str| {
                let units = self.names.entry(folded(name)).or_default();
                if units.last() != Some(&number) {
                    units.push(number);
                }
            };
            add(unit.id.as_str());
            let mut before: Option<&Span> = None;
            for span in &unit.spans {
                if before.is_none_or(|before| before.name != span.name) {
                    add(&span.name);
                }
                if before.is_none_or(|before| before.aliases != span.aliases) {
                    span.aliases.iter().for_each(|alias| add(alias));
                }
                before = Some(span);
            }
        }
    }

    fn warn_of_shared_names(&mut self, blame: &Blame<'_>) {
        let mut shared: Vec<&String> =
            self.names.iter().filter(|(_, units)| units.len() > 1).map(|(name, _)| name).collect();
        shared.sort();
        let warnings = shared.into_iter().filter_map(|name| {
            let (one, other, day) = self.shared(name)?;
            let (first, second) = (&self.units[one as usize].id, &self.units[other as usize].id);
            let since = if day > Period::ALWAYS.from() { format!(" on {day}") } else { String::new() };
            let message = format!("units '{first}' and '{second}' are both called '{name}'{since}");
            let help = "a tag with that value is ambiguous; take the name away from one";
            Some(blame.unit(other as usize, second, message).help(help))
        });
        self.warnings = warnings.collect();
    }
}

/// A period that goes on in the next one.
fn lasting(period: Period, next: Period) -> Period {
    Period::new(period.from(), next.until()).expect("the next period ends later")
}

/// Brings spans into order, joins those that say the same, and refuses those that overlap.
fn order_spans(unit: &mut Unit, at: usize, blame: &Blame<'_>, faults: &mut Vec<Fault>) {
    let id = unit.id.clone();
    if unit.spans.is_empty() {
        let fault = blame.unit(at, &id, format!("unit '{id}' has no spans: it exists on no day"));
        faults.push(fault.help("leave the unit out, or say when it exists"));
    }
    for span in &mut unit.spans {
        for list in [&mut span.aliases, &mut span.evidence] {
            list.sort();
            list.dedup();
        }
        span.split_from.sort();
        span.split_from.dedup();
        match span.period.intersection(Period::ALWAYS) {
            Some(period) => span.period = period,
            None => {
                let message = format!("unit '{id}' exists only{}, outside of all bills", when(span.period));
                faults.push(blame.unit(at, &id, message));
            }
        }
    }
    unit.spans.sort_by_key(|span| span.period.from());
    for pair in unit.spans.windows(2) {
        if let Some(both) = pair[0].period.intersection(pair[1].period) {
            let message = match (&pair[0].parent, &pair[1].parent) {
                (Some(one), Some(other)) if one != other => {
                    format!("unit '{id}' has two parents{}: '{one}' and '{other}'", when(both))
                }
                _ => format!("two spans of unit '{id}' overlap{}", when(both)),
            };
            let help = "end the earlier span on the day on which the later one starts";
            faults.push(blame.unit(at, &id, message).help(help));
        }
    }
    unit.spans.dedup_by(|next, last| {
        let goes_on = last.period.until() == next.period.from() && last.says_the_same(next) && last.successor.is_none();
        if goes_on {
            last.period = lasting(last.period, next.period);
        }
        goes_on
    });
    for later in 1..unit.spans.len() {
        let span = &unit.spans[later];
        if unit.continues(later) && !span.split_from.is_empty() {
            let message = format!("unit '{id}' comes from another unit on {}, but exists before", span.period.from());
            faults.push(blame.unit(at, &id, message).help("name where it comes from on the span with which it starts"));
        }
    }
}

impl Org {
    /// The first two units that have a name on the same day, and the day.
    fn shared(&self, name: &str) -> Option<(u32, u32, Day)> {
        let mut held: Vec<(Period, u32)> = self.names[name]
            .iter()
            .flat_map(|number| self.times_of(*number, name).into_iter().map(|period| (period, *number)))
            .collect();
        held.sort();
        // Sorted by start: a period meets an earlier one exactly when it starts before the latest end so far.
        let mut latest: Option<(Period, u32)> = None;
        for (period, number) in held {
            if let Some((before, other)) = latest
                && let Some(both) = before.intersection(period)
            {
                return Some((other.min(number), other.max(number), both.from()));
            }
            if latest.is_none_or(|(before, _)| before.until() < period.until()) {
                latest = Some((period, number));
            }
        }
        None
    }
}
