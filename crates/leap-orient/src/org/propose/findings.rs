//! What a proposal found, in words.
//!
//! ```text
//! sig-aws was merged into sig-cloud-provider, which now has 5 of its 5 paths
//! ```

use std::fmt;

use leap_terms::TeamId;

use super::heirs::{Heir, Why};
use super::identity::Reason;
use crate::org::UnitState;

/// A kind of change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum What {
    /// A unit is new.
    Created,
    /// A unit that ended exists again.
    Returned,
    /// A new unit came out of an older one, or a unit ended and several new ones took its place.
    Split,
    /// A unit has another name or id.
    Renamed,
    /// A unit is below another one.
    Moved,
    /// A unit ended and another one took its place.
    Merged,
    /// A unit ended.
    Dissolved,
    /// Anything else about a unit changed.
    Described,
    /// A person joined, left or changed units.
    Transferred,
}

impl fmt::Display for What {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            What::Created => "created",
            What::Returned => "returned",
            What::Split => "split",
            What::Renamed => "renamed",
            What::Moved => "moved",
            What::Merged => "merged",
            What::Dissolved => "dissolved",
            What::Described => "described",
            What::Transferred => "transferred",
        })
    }
}

/// One change and why it was recognized; sorts by kind of change, unit and person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Finding {
    /// What happened.
    pub what: What,
    /// The unit it happened to, under the id that it keeps; of a person, the unit joined, or the one left.
    pub unit: TeamId,
    /// The person, of a transfer.
    pub person: Option<String>,
    /// The other unit: of a merger or end, who inherits; of a split, where it came from or, of one that ended, the part
    /// that inherits; of a move, the unit now above.
    pub other: Option<TeamId>,
    /// What happened and why it was recognized, in words.
    pub words: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.words)
    }
}

fn finding(what: What, unit: &TeamId, other: Option<&TeamId>, words: String) -> Finding {
    Finding { what, unit: unit.clone(), person: None, other: other.cloned(), words }
}

fn list(units: &[&TeamId]) -> String {
    let names: Vec<&str> = units.iter().map(|unit| unit.as_str()).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// A unit that starts or returns; `ended` are the units that end in its favor.
pub(super) fn started(id: &TeamId, now: &UnitState, origin: Option<&Why>, ended: &[&TeamId], returns: bool) -> Finding {
    let below = now.parent.as_ref().map_or_else(|| "as a root".to_owned(), |parent| format!("below {parent}"));
    let from: Vec<&TeamId> = now.split_from.iter().collect();
    match origin.filter(|_| !from.is_empty()) {
        Some(why) => {
            let why = match why {
                Why::Declared => "as declared".to_owned(),
                Why::Most { class, shared, of } | Why::Split { class, shared, of, .. } => {
                    format!("where {shared} of its {of} {} were before", class.word())
                }
                Why::Parent => "the unit above".to_owned(),
            };
            let words = format!("{id} was split from {} and stands {below}: {why}", list(&from));
            finding(What::Split, id, from.first().copied(), words)
        }
        None if returns => finding(What::Returned, id, None, format!("{id}, which existed before, returned {below}")),
        None if ended.is_empty() => finding(What::Created, id, None, format!("{id} was created {below}")),
        None => {
            let words = format!("{id} was created {below} in place of {}", list(ended));
            finding(What::Created, id, None, words)
        }
    }
}

/// A unit that ended.
pub(super) fn ended(id: &TeamId, parent: Option<&TeamId>, heir: &Heir) -> Finding {
    let Some(unit) = &heir.unit else {
        let words =
            format!("{id} was dissolved: nothing of it is found elsewhere, and no unit above is left to inherit");
        return finding(What::Dissolved, id, None, words);
    };
    match &heir.why {
        Why::Declared => finding(What::Merged, id, Some(unit), format!("{id} was merged into {unit}, as declared")),
        Why::Most { class, shared, of } => {
            let words = format!("{id} was merged into {unit}, which now has {shared} of its {of} {}", class.word());
            finding(What::Merged, id, Some(unit), words)
        }
        Why::Split { class, shared, of, parts } => {
            let parts: Vec<&TeamId> = parts.iter().collect();
            let words = format!(
                "{id} was split into {}; {unit}, with {shared} of its {of} {}, inherits from it",
                list(&parts),
                class.word()
            );
            finding(What::Split, id, Some(unit), words)
        }
        Why::Parent => {
            let place = if parent == Some(unit) { "the unit above" } else { "which inherits from the unit above" };
            let words = format!(
                "{id} was dissolved: nothing of it is found elsewhere; {unit}, {place}, looks after what it left"
            );
            finding(What::Dissolved, id, Some(unit), words)
        }
    }
}

fn because(id: &TeamId, new: &TeamId, reason: Option<&Reason>) -> String {
    if id == new {
        return String::new();
    }
    let why = match reason {
        None | Some(Reason::SameId) => String::new(),
        Some(Reason::Declared) => ", as declared".to_owned(),
        Some(Reason::Alias(name)) => format!(", known as '{name}' before"),
        Some(Reason::SameName) => ", which has the same name".to_owned(),
        Some(Reason::Most { class, shared, of }) => format!(", which has {shared} of its {of} {}", class.word()),
        Some(Reason::Returns(name)) => format!(", which was '{name}' before"),
    };
    format!(": in the new state it is {new}{why}")
}

/// What changed about a unit that goes on; `now` is the new state under the old id, `new` its id there.
pub(super) fn kept(
    id: &TeamId,
    new: &TeamId,
    was: &UnitState,
    now: &UnitState,
    reason: Option<&Reason>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let moved = was.parent != now.parent;
    // A new id is told once: where the unit is recognized for the first time.
    let told = id != new && !was.aliases.contains(new.as_str());
    let because = if told { because(id, new, reason) } else { String::new() };
    if was.name != now.name {
        let words = format!("{id} was renamed from '{}' to '{}'{because}", was.name, now.name);
        findings.push(finding(What::Renamed, id, None, words));
    } else if told && !moved {
        let words = match reason {
            Some(Reason::Declared) => format!("{id} has another id{because}: it stays {id}, and {new} also means it"),
            None
            | Some(Reason::SameId | Reason::Alias(_) | Reason::SameName | Reason::Most { .. } | Reason::Returns(_)) => {
                format!(
                    "{id} has another id{because}; both are taken for one unit: its cost, rules and history stay with \
                     {id}, and {new} also means it. If so, there is nothing to do; if {new} is another unit, plan again \
                     with --successor {id}=HEIR, the unit that inherits from {id}"
                )
            }
        };
        findings.push(finding(What::Renamed, id, None, words));
    }
    if moved {
        let place = |parent: &Option<TeamId>| parent.as_ref().map_or_else(|| "the top".to_owned(), TeamId::to_string);
        let words = format!("{id} moved from {} to {}{because}", place(&was.parent), place(&now.parent));
        findings.push(finding(What::Moved, id, now.parent.as_ref(), words));
    }
    let said = described(was, now);
    if !said.is_empty() {
        findings.push(finding(What::Described, id, None, format!("{id}: {}", said.join("; "))));
    }
    findings
}

fn described(was: &UnitState, now: &UnitState) -> Vec<String> {
    fn value<T: fmt::Display>(value: Option<T>) -> String {
        value.map_or_else(|| "none".to_owned(), |value| value.to_string())
    }
    let mut said = Vec::new();
    let mut differ = |what: &str, was: String, now: String| {
        if was != now {
            said.push(format!("{what} {was} → {now}"));
        }
    };
    differ("kind", was.kind.clone(), now.kind.clone());
    differ("lead", value(was.lead.as_deref()), value(now.lead.as_deref()));
    differ("head count", value(was.head_count), value(now.head_count));
    differ("cost center", value(was.cost_center.as_deref()), value(now.cost_center.as_deref()));
    for (what, was, now) in [("aliases", &was.aliases, &now.aliases), ("property", &was.evidence, &now.evidence)] {
        let (more, fewer) = (now.difference(was).count(), was.difference(now).count());
        match (more, fewer) {
            (0, 0) => {}
            (more, 0) => said.push(format!("{what}: {more} more")),
            (0, fewer) => said.push(format!("{what}: {fewer} fewer")),
            (more, fewer) => said.push(format!("{what}: {more} more, {fewer} fewer")),
        }
    }
    said
}

/// A person that joined, left or changed units. Without either unit nothing happened.
pub(super) fn transferred(person: &str, was: Option<&TeamId>, is: Option<&TeamId>) -> Option<Finding> {
    let (unit, words) = match (was, is) {
        (Some(was), Some(is)) => (is, format!("{person} went from {was} to {is}")),
        (None, Some(is)) => (is, format!("{person} joined {is}")),
        (Some(was), None) => (was, format!("{person} left {was}")),
        (None, None) => return None,
    };
    Some(Finding { person: Some(person.to_owned()), ..finding(What::Transferred, unit, is, words) })
}
