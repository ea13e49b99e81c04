//! No cycle and no tree deeper than the limit, on any day.
//!
//! ```text
//! the org has a cycle on 2026-07-01: a → c → b → a
//! ```
//! One pass per day on which a parent changes; a cycle is reported for its first day. That parents exist is checked before.

use std::collections::BTreeSet;

use leap_terms::{Day, Fault, Period, limits};

use super::Org;
use super::check::{Blame, NONE};

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
    /// `above` is the unit above of every span, in order.
    pub(super) fn check_trees(&mut self, above: &[u32], blame: &Blame<'_>, faults: &mut Vec<Fault>) {
        // Spans lie within these days, so that a day is a place in a list, and nothing needs to be sorted.
        let place = |day: Day| (day.days() - Day::EARLIEST.days()) as usize;
        let mut changes = vec![false; place(Day::NEVER) + 1];
        let mut moving = vec![0_u32; changes.len()];
        // Place of the day, unit, the unit above from that day on.
        let mut moves: Vec<(usize, u32, u32)> = Vec::new();
        let mut above = above.iter();
        for (at, unit) in self.units.iter().enumerate() {
            let mut add = |day: Day, parent: u32| {
                moving[place(day)] += 1;
                moves.push((place(day), at as u32, parent));
            };
            let mut before: Option<(Day, u32)> = None;
            for (span, parent) in unit.spans.iter().zip(above.by_ref()) {
                let (from, until) = (span.period.from(), span.period.until());
                match before {
                    Some((end, _)) if end < from => add(end, NONE),
                    Some(_) | None => {}
                }
                if before != Some((from, *parent)) {
                    add(from, *parent);
                }
                (changes[place(from)], changes[place(until)]) = (true, true);
                before = Some((until, *parent));
            }
            if let Some((end, _)) = before {
                add(end, NONE);
            }
        }
        let inner = 1..changes.len() - 1;
        self.steps = inner.filter(|at| changes[*at]).map(|at| Day::EARLIEST.plus(at as i32)).collect();

        let mut slots: Vec<u32> = Vec::with_capacity(moving.len());
        let mut before = 0;
        for count in &moving {
            slots.push(before);
            before += count;
        }
        let mut sorted = vec![(0, 0); moves.len()];
        for (day, unit, parent) in moves {
            sorted[slots[day] as usize] = (unit, parent);
            slots[day] += 1;
        }
        let count = self.units.len();
        let mut pass = Pass { parent: vec![NONE; count], met: vec![(0, 0); count], pass: 0 };
        let mut known: BTreeSet<Vec<u32>> = BTreeSet::new();
        let mut rest = sorted.as_slice();
        for (at, count) in moving.iter().enumerate().filter(|(_, count)| **count > 0) {
            let (today, later) = rest.split_at(*count as usize);
            rest = later;
            let day = Day::EARLIEST.plus(at as i32);
            for (unit, parent) in today {
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
