//! No cycle and no tree deeper than the limit, on any day.
//!
//! ```text
//! the org has a cycle on 2026-07-01: a → c → b → a
//! ```
//! One pass per day on which a parent changes; a cycle is reported for its first day. That parents exist is checked before.

use std::collections::BTreeSet;

use leap_terms::{Day, Fault, Period, limits};

use super::Org;
use super::check::Blame;

/// No unit above.
const NONE: u32 = u32::MAX;

/// One pass over the tree of a day.
struct Pass {
    /// By unit: the unit above on the day of the pass, or none.
    parent: Vec<u32>,
    /// By unit: the number of the pass in which it was met, and how deep it is when that is known.
    met: Vec<(u32, u32)>,
    pass: u32,
}

/// What is wrong with a tree.
enum Wrong {
    /// The units of a cycle, each below the next.
    Cycle(Vec<u32>),
    /// A unit one level too deep.
    Deep(u32),
}

impl Pass {
    fn run(&mut self, mut wrong: impl FnMut(Wrong)) {
        self.pass += 1;
        let mut path: Vec<u32> = Vec::new();
        for start in 0..self.parent.len() as u32 {
            let mut at = start;
            while at != NONE && self.met[at as usize].0 != self.pass {
                // Depth 0: on the path from here.
                self.met[at as usize] = (self.pass, 0);
                path.push(at);
                at = self.parent[at as usize];
            }
            let mut depth = if at == NONE { 0 } else { self.met[at as usize].1 };
            if at != NONE
                && depth == 0
                && let Some(from) = path.iter().position(|unit| *unit == at)
            {
                wrong(Wrong::Cycle(path[from..].to_vec()));
            }
            while let Some(unit) = path.pop() {
                depth += 1;
                self.met[unit as usize].1 = depth;
                if depth as usize == limits::ORG_DEPTH + 1 {
                    wrong(Wrong::Deep(unit));
                }
            }
        }
    }
}

impl Org {
    /// Collects the days on which anything changes, and checks the tree of each on which a parent does.
    pub(super) fn check_trees(&mut self, blame: &Blame<'_>, faults: &mut Vec<Fault>) {
        let mut steps: Vec<Day> = Vec::new();
        // Day, unit, the unit above from that day on. An end sorts before a start of the same day.
        let mut moves: Vec<(Day, u32, bool, u32)> = Vec::new();
        for (at, unit) in self.units.iter().enumerate() {
            for (number, span) in unit.spans.iter().enumerate() {
                let goes_on = unit.continues(number);
                if !goes_on || unit.spans[number - 1].parent != span.parent {
                    let parent = span.parent.as_ref().and_then(|parent| self.number(parent)).unwrap_or(NONE);
                    moves.push((span.period.from(), at as u32, true, parent));
                }
                steps.push(span.period.from());
                let ends = unit.spans.get(number + 1).is_none_or(|_| !unit.continues(number + 1));
                if ends {
                    steps.push(span.period.until());
                    moves.push((span.period.until(), at as u32, false, NONE));
                }
            }
        }
        steps.retain(|day| *day > Period::ALWAYS.from() && *day < Period::ALWAYS.until());
        steps.sort();
        steps.dedup();
        self.steps = steps;

        moves.sort();
        let count = self.units.len();
        let mut pass = Pass { parent: vec![NONE; count], met: vec![(0, 0); count], pass: 0 };
        let mut known: BTreeSet<Vec<u32>> = BTreeSet::new();
        for today in moves.chunk_by(|one, other| one.0 == other.0) {
            let day = today[0].0;
            for (_, unit, _, parent) in today {
                pass.parent[*unit as usize] = *parent;
            }
            let on = if day > Period::ALWAYS.from() { format!(" on {day}") } else { String::new() };
            pass.run(|wrong| {
                let (mut key, fault) = match wrong {
                    Wrong::Cycle(units) => {
                        let ids = units.iter().chain(units.first()).map(|unit| self.units[*unit as usize].id.as_str());
                        let message = format!("the org has a cycle{on}: {}", ids.collect::<Vec<_>>().join(" → "));
                        let first = units[0] as usize;
                        let fault = blame.unit(first, &self.units[first].id, message);
                        (units, fault.help("each unit is below its parent; one of these parents is wrong"))
                    }
                    Wrong::Deep(unit) => {
                        let id = &self.units[unit as usize].id;
                        let message = format!("unit '{id}' is more than {} levels deep{on}", limits::ORG_DEPTH);
                        (vec![NONE, unit], blame.unit(unit as usize, id, message))
                    }
                };
                key.sort();
                if known.insert(key) {
                    faults.push(fault);
                }
            });
        }
    }
}
