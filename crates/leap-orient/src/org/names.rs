//! Who is meant by a name on a day: an owner of a rule, a tag's value, a row of a mapping or of a driver.
//!
//! ```text
//! payments on 2026-06-01   the unit with the id payments
//! Pay      on 2026-06-01   the unit that has the alias pay on that day
//! Core     on 2026-09-01   the unit that was called Core until July, or whoever inherited its names
//! ```
//! Never a guess: a name that fits several units is ambiguous, and one that nobody inherited is unknown. The nearest
//! spelling is offered to people, not used.

use leap_terms::{Day, Period, TeamId};

use super::{Org, Span, Unit};

/// Who is meant by a name on a day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resolved {
    /// One team.
    Team(TeamId),
    /// No unit has or had that id, name or alias, or none that exists on that day or has an heir on it.
    Unknown,
    /// Several units have it on that day, by id.
    Ambiguous(Vec<TeamId>),
}

/// A name as it is compared: spaces around it and case do not count.
pub(super) fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

/// True when a text folds to `folded`.
fn folds_to(text: &str, folded: &str) -> bool {
    let text = text.trim();
    if text.is_ascii() { text.eq_ignore_ascii_case(folded) } else { text.to_lowercase() == folded }
}

/// A unit that has or had a name.
struct Bearer<'o> {
    unit: &'o Unit,
    number: u32,
    /// When it has the name, in order.
    bears: Vec<Period>,
    /// When it exists, in order.
    exists: Vec<Period>,
}

/// Adds a period, joined with the last one where they touch.
fn join(periods: &mut Vec<Period>, period: Period) {
    match periods.last_mut() {
        Some(last) if last.until() == period.from() => {
            *last = Period::new(last.from(), period.until()).expect("a period that goes on is longer");
        }
        _ => periods.push(period),
    }
}

fn covers(periods: &[Period], day: Day) -> bool {
    periods.iter().any(|period| period.contains(day))
}

/// The units that a name can mean: the one of exactly that id, and all that have or had it.
struct Candidates<'o> {
    exact: Option<Bearer<'o>>,
    bearers: Vec<Bearer<'o>>,
}

impl Org {
    fn bearer(&self, number: u32, bears: impl Fn(&Span) -> bool) -> Bearer<'_> {
        let unit = &self.units[number as usize];
        let mut bearer = Bearer { unit, number, bears: Vec::new(), exists: Vec::new() };
        for span in &unit.spans {
            join(&mut bearer.exists, span.period);
            if bears(span) {
                join(&mut bearer.bears, span.period);
            }
        }
        bearer
    }

    /// When a unit has a folded name.
    fn named(&self, number: u32, name: &str) -> Bearer<'_> {
        let by_id = folds_to(self.units[number as usize].id.as_str(), name);
        self.bearer(number, |span| {
            by_id || folds_to(&span.name, name) || span.aliases.iter().any(|alias| folds_to(alias, name))
        })
    }

    /// The days on which a unit has a folded name.
    pub(super) fn times_of(&self, number: u32, name: &str) -> Vec<Period> {
        self.named(number, name).bears
    }

    fn candidates(&self, name: &str) -> Candidates<'_> {
        let name = name.trim();
        let exact = TeamId::new(name).ok().and_then(|id| self.number(&id)).map(|number| self.bearer(number, |_| true));
        let name = folded(name);
        let bearers = self.names.get(&name).into_iter().flatten().map(|number| self.named(*number, &name));
        Candidates { bearers: bearers.collect(), exact }
    }

    /// The unit that exists on a day and has inherited from one that ended on or before it.
    pub(super) fn heir(&self, number: u32, day: Day) -> Option<u32> {
        let mut at = number;
        // A way longer than the number of units has no end.
        for _ in 0..self.units.len() {
            at = self.number(self.units[at as usize].ended(day)?.successor.as_ref()?)?;
            if self.units[at as usize].on(day).is_some() {
                return Some(at);
            }
        }
        None
    }

    fn answer(&self, candidates: &Candidates<'_>, day: Day) -> Resolved {
        if let Some(exact) = candidates.exact.as_ref().filter(|exact| covers(&exact.exists, day)) {
            return Resolved::Team(exact.unit.id.clone());
        }
        let of = |numbers: &mut dyn Iterator<Item = u32>| {
            let mut ids: Vec<&TeamId> = numbers.map(|number| &self.units[number as usize].id).collect();
            ids.sort();
            ids.dedup();
            match ids.as_slice() {
                [] => None,
                [id] => Some(Resolved::Team((*id).clone())),
                ids => Some(Resolved::Ambiguous(ids.iter().map(|id| (*id).clone()).collect())),
            }
        };
        let bearers = &candidates.bearers;
        let now = bearers.iter().filter(|bearer| covers(&bearer.bears, day)).map(|bearer| bearer.number);
        let heir = candidates.exact.as_ref().and_then(|exact| self.heir(exact.number, day));
        let once = bearers.iter().filter(|bearer| covers(&bearer.exists, day)).map(|bearer| bearer.number);
        let heirs = bearers
            .iter()
            .filter(|bearer| !covers(&bearer.exists, day))
            .filter_map(|bearer| self.heir(bearer.number, day));
        // The id itself, even of a unit that has ended, says more than a name that others once had.
        of(&mut { now })
            .or_else(|| of(&mut heir.into_iter()))
            .or_else(|| of(&mut { once }))
            .or_else(|| of(&mut { heirs }))
            .unwrap_or(Resolved::Unknown)
    }

    /// Who is meant by a name on a day, case and surrounding spaces ignored:
    ///
    /// 1. the unit of exactly that id (spaces around it aside), if it exists on the day;
    /// 2. the units whose id, name or alias it is on the day;
    /// 3. the units whose name or alias it was earlier or will be later, and which exist on the day;
    /// 4. whoever inherited, successor by successor, from a unit that had it and has ended. The heir of the unit of
    ///    exactly that id comes before 3.
    ///
    /// Several units by the same rule are ambiguous.
    pub fn resolve(&self, name: &str, day: Day) -> Resolved {
        self.answer(&self.candidates(name), day)
    }

    /// Who is meant by a name, day by day: periods that follow each other and cover all time.
    pub fn resolve_always(&self, name: &str) -> Vec<(Period, Resolved)> {
        self.always(&self.candidates(name))
    }

    /// The same for the name in a spelling that is no unit's id: `PAYMENTS` where `payments` is one.
    pub(crate) fn resolve_spelled_otherwise(&self, name: &str) -> Vec<(Period, Resolved)> {
        self.always(&Candidates { exact: None, ..self.candidates(name) })
    }

    fn always(&self, candidates: &Candidates<'_>) -> Vec<(Period, Resolved)> {
        let mut bounds = vec![Period::ALWAYS.from(), Period::ALWAYS.until()];
        let mut heirs: Vec<u32> = Vec::new();
        for bearer in candidates.exact.iter().chain(&candidates.bearers) {
            bounds.extend(bearer.bears.iter().chain(&bearer.exists).flat_map(|period| [period.from(), period.until()]));
            self.heirs(bearer.number, &mut heirs);
        }
        for heir in heirs {
            bounds
                .extend(self.bearer(heir, |_| false).exists.iter().flat_map(|period| [period.from(), period.until()]));
        }
        bounds.retain(|day| *day >= Period::ALWAYS.from() && *day <= Period::ALWAYS.until());
        bounds.sort();
        bounds.dedup();
        let mut periods: Vec<(Period, Resolved)> = Vec::new();
        for pair in bounds.windows(2) {
            let who = self.answer(candidates, pair[0]);
            match periods.last_mut() {
                Some((period, last)) if *last == who => {
                    *period = Period::new(period.from(), pair[1]).expect("bounds ascend");
                }
                _ => periods.push((Period::new(pair[0], pair[1]).expect("bounds ascend"), who)),
            }
        }
        periods
    }

    /// Adds every unit that can inherit from one, at whatever time.
    fn heirs(&self, number: u32, heirs: &mut Vec<u32>) {
        let mut open = vec![number];
        while let Some(at) = open.pop() {
            let successors = self.units[at as usize].spans.iter().filter_map(|span| span.successor.as_ref());
            for successor in successors.filter_map(|successor| self.number(successor)) {
                if !heirs.contains(&successor) {
                    heirs.push(successor);
                    open.push(successor);
                }
            }
        }
    }

    /// The id of the unit whose id, name or alias, of whatever time, is nearest to a misspelt name.
    pub fn nearest(&self, name: &str) -> Option<String> {
        let names = self.units.iter().flat_map(|unit| {
            let spans = unit
                .spans
                .iter()
                .flat_map(|span| std::iter::once(span.name.as_str()).chain(span.aliases.iter().map(String::as_str)));
            std::iter::once(unit.id.as_str()).chain(spans)
        });
        let found = leap_terms::fault::nearest(name, names)?;
        let candidates = self.candidates(found);
        let bearer = candidates.exact.as_ref().or(candidates.bearers.first())?;
        Some(bearer.unit.id.as_str().to_owned())
    }

    /// Every id, name and alias that a unit has or had, sorted.
    pub(super) fn all_names(&self) -> std::collections::BTreeSet<&str> {
        let mut names = std::collections::BTreeSet::new();
        for unit in &self.units {
            names.insert(unit.id.as_str());
            for (at, span) in unit.spans.iter().enumerate() {
                if at == 0 || unit.spans[at - 1].name != span.name {
                    names.insert(span.name.as_str());
                }
                names.extend(span.aliases.iter().map(String::as_str));
            }
        }
        names
    }
}
