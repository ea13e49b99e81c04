//! The organisation as decisions need it: who stands above whom on a day, who leads, and who inherits.
//!
//! The binary hands in the org of the snapshot; [`Spans`] is the same as plain values, for tests and small callers.

use leap_terms::{Day, Period, TeamId};

/// An org unit on a day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// The unit.
    pub unit: TeamId,
    /// `company`, `division`, `team` …
    pub kind: String,
    /// Who leads it, by the name that people log in with.
    pub lead: Option<String>,
}

/// What is asked of an organisation. All answers are of one day.
pub trait Org {
    /// The units from the root down to the unit, the unit included; empty where it does not exist on the day.
    fn path(&self, unit: &TeamId, day: Day) -> Vec<Node>;

    /// Who has on the day what was the unit's: itself while it exists; else its successors, each with its weight; else
    /// whoever stands for it (its parent of then). The unit itself where nobody does.
    fn heirs(&self, unit: &TeamId, day: Day) -> Vec<(TeamId, u64)>;

    /// The days inside a period, its first left out, on which any answer may differ from that of the day before;
    /// ascending.
    fn steps(&self, period: Period) -> Vec<Day>;
}

/// A unit while nothing about it changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// The unit and what it is.
    pub node: Node,
    /// The days.
    pub period: Period,
    /// The unit above, if any.
    pub parent: Option<TeamId>,
    /// Who inherits when it ends with this span; none: its parent. Several: by weight.
    pub successors: Vec<(TeamId, u64)>,
}

/// An organisation as a list of spans; those of one unit do not overlap.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spans(pub Vec<Span>);

/// Levels and successions that are followed: as many as an org may have.
const DEPTH: usize = leap_terms::limits::ORG_DEPTH;

impl Spans {
    fn on(&self, unit: &TeamId, day: Day) -> Option<&Span> {
        self.0.iter().find(|span| span.node.unit == *unit && span.period.contains(day))
    }

    fn follow(&self, unit: &TeamId, day: Day, depth: usize) -> Vec<(TeamId, u64)> {
        let before = |span: &&Span| span.node.unit == *unit && span.period.until() <= day;
        let ended = self.0.iter().filter(before).max_by_key(|span| span.period.until());
        match ended {
            Some(span) if self.on(unit, day).is_none() && depth > 0 => {
                if !span.successors.is_empty() {
                    let next = span.successors.iter().flat_map(|(unit, weight)| {
                        let heirs = self.follow(unit, day, depth - 1);
                        heirs.into_iter().map(move |(heir, part)| (heir, part.saturating_mul(*weight)))
                    });
                    return next.collect();
                }
                span.parent.as_ref().map_or_else(|| vec![(unit.clone(), 1)], |up| self.follow(up, day, depth - 1))
            }
            _ => vec![(unit.clone(), 1)],
        }
    }
}

impl Org for Spans {
    fn path(&self, unit: &TeamId, day: Day) -> Vec<Node> {
        let mut path = Vec::new();
        let mut next = self.on(unit, day);
        while let Some(span) = next.filter(|_| path.len() < DEPTH) {
            path.push(span.node.clone());
            next = span.parent.as_ref().and_then(|parent| self.on(parent, day));
        }
        path.reverse();
        path
    }

    fn heirs(&self, unit: &TeamId, day: Day) -> Vec<(TeamId, u64)> {
        self.follow(unit, day, DEPTH)
    }

    fn steps(&self, period: Period) -> Vec<Day> {
        let ends = self.0.iter().flat_map(|span| [span.period.from(), span.period.until()]);
        let mut steps: Vec<Day> = ends.filter(|day| period.contains(*day) && *day != period.from()).collect();
        steps.sort_unstable();
        steps.dedup();
        steps
    }
}

/// Spans from lines `unit<parent kind lead from..until >successor*weight`, for tests.
#[cfg(test)]
pub(crate) fn spans(lines: &[&str]) -> Spans {
    let team = |text: &str| TeamId::new(text).unwrap();
    let read = |line: &&str| {
        let mut words = line.split_whitespace();
        let (unit, parent) = words.next().map(|word| word.split_once('<').unwrap_or((word, ""))).unwrap();
        let mut span = Span {
            node: Node { unit: team(unit), kind: "team".to_owned(), lead: None },
            period: Period::ALWAYS,
            parent: (!parent.is_empty()).then(|| team(parent)),
            successors: Vec::new(),
        };
        for word in words {
            if let Some(heir) = word.strip_prefix('>') {
                let (heir, weight) = heir.split_once('*').unwrap_or((heir, "1"));
                span.successors.push((team(heir), weight.parse().unwrap()));
            } else if let Some(lead) = word.strip_prefix('@') {
                span.node.lead = Some(lead.to_owned());
            } else if let Some((from, until)) = word.split_once("..") {
                let day = |text: &str, other: Day| if text.is_empty() { other } else { text.parse().unwrap() };
                span.period =
                    Period::new(day(from, Period::ALWAYS.from()), day(until, Period::ALWAYS.until())).unwrap();
            } else {
                span.node.kind = word.to_owned();
            }
        }
        span
    };
    Spans(lines.iter().map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_heirs_and_steps_are_of_a_day() {
        let org = spans(&[
            "acme company @ann",
            "shop<acme division @bo",
            "pay<shop team @cy ..2026-10-16 >search*2 >ads",
            "search<acme",
            "ads<shop",
            "old<shop ..2026-01-01",
        ]);
        let day = |text: &str| text.parse::<Day>().unwrap();
        let pay = TeamId::new("pay").unwrap();
        let path: Vec<String> =
            org.path(&pay, day("2026-10-15")).iter().map(|node| format!("{}:{}", node.unit, node.kind)).collect();
        assert_eq!(path, ["acme:company", "shop:division", "pay:team"]);
        assert!(org.path(&pay, day("2026-10-16")).is_empty());
        let heirs = |unit: &str, at: &str| org.heirs(&TeamId::new(unit).unwrap(), day(at));
        let team = |text: &str| TeamId::new(text).unwrap();
        assert_eq!(heirs("pay", "2026-10-15"), [(pay, 1)]);
        assert_eq!(heirs("pay", "2026-10-16"), [(team("search"), 2), (team("ads"), 1)]);
        assert_eq!(heirs("old", "2026-10-16"), [(team("shop"), 1)]);
        assert_eq!(org.steps("2026-10".parse().unwrap()), [day("2026-10-16")]);
    }
}
