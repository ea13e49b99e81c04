//! Readings: which node of which tree shows the cost that a team owned on a day.
//!
//! ```text
//! as it was        the team, in the tree of the charge's day
//! at 2026-09-16    whoever stands for the team on that day, in that day's tree; "as it is" is this with the present day
//! ```
//! A reading never loses cost: it is total, and a team for which nobody stands is a root of its own. On every day the total
//! of a node is its direct cost plus the totals of its children. Owners of no tree (residuals) are not its business.

use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::{HashMap, HashSet};
use leap_terms::{Day, TeamId};

use super::{Org, Unit};

/// How deep origins of origins are asked for before a unit stands for itself: far beyond any real history, and far within
/// the stack.
const DEPTH: usize = 512;

/// In which tree costs are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrgReading {
    /// In the tree of the charge's day.
    AsWas,
    /// In the tree of one day, by whoever stands for the team on it.
    At(Day),
}

/// Who stands for a team on a day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The unit.
    pub unit: TeamId,
    /// True when the unit does not exist on the day either: it is shown beside the tree.
    pub root_of_its_own: bool,
}

/// The node that shows a cost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The node.
    pub unit: TeamId,
    /// True when the node is beside the tree because nobody stands for it.
    pub root_of_its_own: bool,
    /// The units from the root down to the node, the node included.
    pub path: Vec<TeamId>,
    /// The kinds of the units of the path.
    pub kinds: Vec<String>,
}

impl Place {
    /// The nearest unit of that kind at or above the node.
    pub fn level(&self, kind: &str) -> Option<&TeamId> {
        let at = self.kinds.iter().rposition(|known| known.eq_ignore_ascii_case(kind))?;
        self.path.get(at)
    }
}

/// One question "who stands for this team on this day?", with what it has found on the way.
struct Walk<'o> {
    org: &'o Org,
    day: Day,
    /// Units on the way from the question to here.
    met: HashSet<u32>,
    found: HashMap<u32, Option<(u32, bool)>>,
}

impl Walk<'_> {
    /// The unit that stands for one, and whether it is a root of its own; nothing when the way leads back to itself.
    fn stand(&mut self, start: u32, depth: usize) -> Option<(u32, bool)> {
        let mut way = Vec::new();
        let answer = self.follow(start, depth, &mut way);
        for unit in way {
            // Whatever lies on one way has one answer.
            self.met.remove(&unit);
            self.found.insert(unit, answer);
        }
        answer
    }

    fn follow(&mut self, start: u32, depth: usize, way: &mut Vec<u32>) -> Option<(u32, bool)> {
        let mut at = start;
        loop {
            if let Some(known) = self.found.get(&at) {
                return *known;
            }
            let unit = &self.org.units[at as usize];
            if unit.on(self.day).is_some() {
                return Some((at, false));
            }
            if !self.met.insert(at) {
                return None;
            }
            way.push(at);
            let next = match unit.ended(self.day) {
                Some(span) => span.successor.as_ref().or(span.parent.as_ref()).and_then(|id| self.org.number(id)),
                None => match self.origin(at, unit, depth) {
                    Origin::Unit(number) => Some(number),
                    Origin::Common(number, root_of_its_own) => return Some((number, root_of_its_own)),
                    Origin::Circle => return None,
                    Origin::None => unit.spans[0].parent.as_ref().and_then(|id| self.org.number(id)),
                },
            };
            match next {
                Some(next) => at = next,
                None => return Some((at, true)),
            }
        }
    }

    /// Where a unit that only starts after the day comes from.
    fn origin(&mut self, number: u32, unit: &Unit, depth: usize) -> Origin {
        let first = &unit.spans[0];
        let mut from: Vec<u32> = first.split_from.iter().filter_map(|id| self.org.number(id)).collect();
        let ended = self.org.inherits.get(&number).into_iter().flatten();
        from.extend(ended.filter(|(_, end)| *end <= first.period.from()).map(|(unit, _)| *unit));
        from.sort_by(|a, b| self.org.units[*a as usize].id.cmp(&self.org.units[*b as usize].id));
        from.dedup();
        match from.as_slice() {
            [] => Origin::None,
            [one] => Origin::Unit(*one),
            several => {
                if depth == 0 {
                    return Origin::None;
                }
                // Every one is asked, whatever the first says, so that the answer does not depend on their order.
                let standing: Vec<Option<(u32, bool)>> =
                    several.iter().map(|unit| self.stand(*unit, depth - 1)).collect();
                let Some(standing) = standing.into_iter().collect::<Option<Vec<_>>>() else { return Origin::Circle };
                match self.common(&standing) {
                    Some((common, root_of_its_own)) => Origin::Common(common, root_of_its_own),
                    None => Origin::None,
                }
            }
        }
    }

    /// The lowest unit at or above all of them in the day's tree, and whether it is a root of its own: one beside the tree
    /// is above itself alone.
    fn common(&self, standing: &[(u32, bool)]) -> Option<(u32, bool)> {
        let mut common: Option<(Vec<&Unit>, bool)> = None;
        for (number, root_of_its_own) in standing.iter().copied() {
            let unit = &self.org.units[number as usize];
            let path = if root_of_its_own { vec![unit] } else { self.org.path(&unit.id, self.day) };
            common = Some(match common {
                None => (path, root_of_its_own),
                Some((common, _)) => {
                    let shared = common.iter().zip(&path).take_while(|(one, other)| one.id == other.id).count();
                    (path[..shared].to_vec(), root_of_its_own)
                }
            });
        }
        let (path, root_of_its_own) = common?;
        path.last().and_then(|unit| self.org.number(&unit.id)).map(|number| (number, root_of_its_own))
    }
}

/// Where a unit comes from.
enum Origin {
    /// From one unit.
    Unit(u32),
    /// From several, which have this one in common; whether it is a root of its own.
    Common(u32, bool),
    /// From itself, by some way.
    Circle,
    /// From nowhere that can be shown.
    None,
}

impl Org {
    /// Who stands for a team on a day:
    ///
    /// 0. the team, when it exists on the day;
    /// 1. when it ended before, whoever stands for its successor; without one, for its parent of then;
    /// 2. when it only starts after, whoever stands for the one unit that it comes from; of several, the lowest unit at or
    ///    above all that stand for them (a root of its own is above itself alone); without either, whoever stands for its
    ///    first parent;
    /// 3. else the team itself, as a root of its own. So it is when a way comes back to a unit that it has passed, and for
    ///    a team that the organisation does not know.
    ///
    /// A unit comes from those that its first span names, and from those that named it as successor and ended by then.
    pub fn stand(&self, team: &TeamId, day: Day) -> Standing {
        let Some(number) = self.number(team) else {
            return Standing { unit: team.clone(), root_of_its_own: true };
        };
        let mut walk = Walk { org: self, day, met: HashSet::new(), found: HashMap::new() };
        let (unit, root_of_its_own) = walk.stand(number, DEPTH).unwrap_or((number, true));
        Standing { unit: self.units[unit as usize].id.clone(), root_of_its_own }
    }

    /// The node that shows a team in the tree of a day.
    pub fn place(&self, team: &TeamId, day: Day) -> Place {
        let Standing { unit, root_of_its_own } = self.stand(team, day);
        if root_of_its_own {
            let kind = self.unit(&unit).map(|unit| unit.near(day).kind.clone()).unwrap_or_default();
            return Place { path: vec![unit.clone()], kinds: vec![kind], unit, root_of_its_own };
        }
        let path = self.path(&unit, day);
        let kinds = path.iter().map(|unit| unit.near(day).kind.clone()).collect();
        Place { unit, root_of_its_own, path: path.into_iter().map(|unit| unit.id.clone()).collect(), kinds }
    }
}

/// Epochs, ascending, and the node that shows a team in each.
type Places = Vec<(usize, Arc<Place>)>;

/// A reading of an organisation that remembers its answers: each team is looked up once per tree, not once per row.
#[derive(Debug)]
pub struct Reader<'o> {
    org: &'o Org,
    reading: OrgReading,
    places: Mutex<HashMap<TeamId, Places>>,
}

impl<'o> Reader<'o> {
    /// A reading of an organisation.
    pub fn new(org: &'o Org, reading: OrgReading) -> Reader<'o> {
        Reader { org, reading, places: Mutex::default() }
    }

    /// The organisation that it reads.
    pub fn org(&self) -> &'o Org {
        self.org
    }

    /// How it reads.
    pub fn reading(&self) -> OrgReading {
        self.reading
    }

    /// The day whose tree shows the charges of a day.
    pub fn day_of_tree(&self, day: Day) -> Day {
        match self.reading {
            OrgReading::AsWas => day,
            OrgReading::At(at) => at,
        }
    }

    /// The node that shows what a team owned on a day.
    pub fn place(&self, team: &TeamId, day: Day) -> Arc<Place> {
        let day = self.day_of_tree(day);
        let epoch = self.org.epoch(day);
        // What a panic elsewhere left behind is still a correct memory.
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if !places.contains_key(team) {
            places.insert(team.clone(), Vec::new());
        }
        let known = places.get_mut(team).expect("it was put there");
        match known.binary_search_by_key(&epoch, |(of, _)| *of) {
            Ok(at) => known[at].1.clone(),
            Err(at) => {
                let place = Arc::new(self.org.place(team, day));
                known.insert(at, (epoch, place.clone()));
                place
            }
        }
    }

    /// The units from the root down to the node that shows what a team owned on a day.
    pub fn path(&self, team: &TeamId, day: Day) -> Vec<TeamId> {
        self.place(team, day).path.clone()
    }

    /// The nearest unit of that kind at or above the node that shows what a team owned on a day.
    pub fn level(&self, team: &TeamId, kind: &str, day: Day) -> Option<TeamId> {
        self.place(team, day).level(kind).cloned()
    }
}
