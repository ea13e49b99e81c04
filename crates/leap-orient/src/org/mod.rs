//! The organisation: a dated tree of units, and the question "who is meant by this name on that day?".
//!
//! ```yaml
//! # org.yaml
//! units:
//!   - {id: acme, name: Acme, kind: company}
//!   - {id: payments, name: Payments, parent: acme, aliases: [pay, PAYMENTS]}
//!   - {id: old-search, name: Search, parent: acme, effective: {until: 2026-07-01}}
//! ```
//! Reading order: this file (the tree and its questions), `yaml` (org.yaml), `backstage` (Group and User entities).
//! What is absent: how one organisation becomes another; that is the reorg's.

mod backstage;
mod state;
mod yaml;

#[cfg(test)]
mod tests;

use hashbrown::HashMap;
use leap_terms::{Day, Digest, Fault, Period, TeamId, limits};

pub(crate) use backstage::{Entity, entities, entity_name};
pub use state::{OrgState, UnitState};

/// A unit of the organisation: company, division, team …
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unit {
    /// Unique and never reused for another unit.
    pub id: TeamId,
    /// What people call it.
    pub name: String,
    /// `company`, `division`, `team` … free text; a dimension of reports.
    pub kind: String,
    /// The unit above, if any.
    pub parent: Option<TeamId>,
    /// Other names under which it appears in tags and mappings.
    pub aliases: Vec<String>,
    /// Days on which it exists.
    pub effective: Period,
}

/// Who is meant by a name on a day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resolved {
    /// One team.
    Team(TeamId),
    /// No unit has that id, name or alias on that day.
    Unknown,
    /// Several units have it on that day, by id.
    Ambiguous(Vec<TeamId>),
}

/// An organisation: its units, checked.
#[derive(Clone, Debug, Default)]
pub struct Org {
    units: Vec<Unit>,
    by_id: HashMap<TeamId, u32>,
    names: HashMap<String, Vec<u32>>,
    warnings: Vec<Fault>,
}

/// A unit as read, with the place to blame.
struct Draft {
    unit: Unit,
    file: String,
    /// Byte offset of the unit in its file's text.
    offset: Option<usize>,
}

impl Draft {
    fn fault(&self, texts: &[(&str, &str)], message: String) -> Fault {
        let fault = Fault::in_file(self.file.clone(), message);
        match (self.offset, texts.iter().find(|(file, _)| *file == self.file)) {
            (Some(offset), Some((_, text))) => fault.at(text, offset, self.unit.id.as_str().chars().count()),
            _ => fault,
        }
    }
}

fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

impl Org {
    /// Reads `org.yaml`.
    ///
    /// # Errors
    /// Every fault found: unknown field, duplicate id, unknown parent, cycle, bad date.
    pub fn from_yaml(file: &str, text: &str) -> Result<Org, Vec<Fault>> {
        let drafts = yaml::units(file, text)?;
        Org::checked(drafts, &[(file, text)])
    }

    /// Reads Backstage entities (`Group`; `User` names become no units): pairs of file name and text, each with one or
    /// several YAML documents. Other kinds are skipped.
    ///
    /// # Errors
    /// Every fault found, as for [`Org::from_yaml`].
    pub fn from_backstage(files: &[(String, String)]) -> Result<Org, Vec<Fault>> {
        let (drafts, warnings) = backstage::units(files)?;
        let texts: Vec<(&str, &str)> = files.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
        let mut org = Org::checked(drafts, &texts)?;
        org.warnings.splice(0..0, warnings);
        Ok(org)
    }

    fn checked(drafts: Vec<Draft>, texts: &[(&str, &str)]) -> Result<Org, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut org = Org::default();
        if drafts.len() > limits::ORG_UNITS {
            let message = format!("the org has {} units, the limit is {}", drafts.len(), limits::ORG_UNITS);
            return Err(vec![Fault::in_file(texts.first().map_or("", |(file, _)| file), message)]);
        }
        for (at, draft) in drafts.iter().enumerate() {
            let number = u32::try_from(at).expect("the number of units is limited");
            match org.by_id.get(&draft.unit.id) {
                Some(first) => {
                    let first = &drafts[*first as usize];
                    let place = first.fault(texts, String::new());
                    let line = place.line.map_or_else(String::new, |line| format!(" on line {line}"));
                    let other = if first.file == draft.file { String::new() } else { format!(" of {}", first.file) };
                    let message = format!("two units have the id '{}': the first is{line}{other}", draft.unit.id);
                    faults.push(draft.fault(texts, message).help("give one of them another id, or make it an alias"));
                }
                None => {
                    org.by_id.insert(draft.unit.id.clone(), number);
                }
            }
        }
        for draft in &drafts {
            if let Some(parent) = &draft.unit.parent
                && !org.by_id.contains_key(parent)
            {
                let nearest = leap_terms::fault::nearest(parent.as_str(), org.by_id.keys().map(TeamId::as_str));
                let help = match nearest {
                    Some(candidate) => format!("did you mean {candidate}?"),
                    None => "add a unit of that id".to_owned(),
                };
                let message = format!("unit '{}' has the unknown parent '{parent}'", draft.unit.id);
                faults.push(draft.fault(texts, message).help(help));
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        org.units = drafts.iter().map(|draft| draft.unit.clone()).collect();
        org.check_tree(&drafts, texts)?;
        for (at, unit) in org.units.iter().enumerate() {
            let mut names = vec![folded(unit.id.as_str()), folded(&unit.name)];
            names.extend(unit.aliases.iter().map(|alias| folded(alias)));
            names.sort();
            names.dedup();
            for name in names {
                org.names.entry(name).or_default().push(at as u32);
            }
        }
        let mut shared: Vec<(&String, &Vec<u32>)> = org.names.iter().filter(|(_, units)| units.len() > 1).collect();
        shared.sort();
        let mut warnings = Vec::new();
        for (name, units) in shared {
            let overlapping = units.iter().enumerate().find_map(|(at, unit)| {
                let period = org.units[*unit as usize].effective;
                let later = &units[at + 1..];
                later
                    .iter()
                    .find(|other| period.intersection(org.units[**other as usize].effective).is_some())
                    .map(|other| (*unit, *other))
            });
            if let Some((one, other)) = overlapping {
                let (one, other) = (&drafts[one as usize], &drafts[other as usize]);
                let message = format!("units '{}' and '{}' are both called '{name}'", one.unit.id, other.unit.id);
                warnings.push(
                    other.fault(texts, message).help("a tag with that value is ambiguous; take the name away from one"),
                );
            }
        }
        org.warnings = warnings;
        Ok(org)
    }

    fn check_tree(&self, drafts: &[Draft], texts: &[(&str, &str)]) -> Result<(), Vec<Fault>> {
        // 0: not seen, 1: on the current path, 2: done; the depth of what is done is kept.
        let mut state = vec![0_u8; self.units.len()];
        let mut depth = vec![0_usize; self.units.len()];
        let mut faults = Vec::new();
        for start in 0..self.units.len() {
            let mut path: Vec<usize> = Vec::new();
            let mut at = Some(start);
            while let Some(here) = at {
                if state[here] != 0 {
                    break;
                }
                state[here] = 1;
                path.push(here);
                at = self.units[here].parent.as_ref().map(|parent| self.by_id[parent] as usize);
            }
            if let Some(closing) = at
                && state[closing] == 1
            {
                let from = path.iter().position(|unit| *unit == closing).unwrap_or(0);
                let mut names: Vec<&str> = path[from..].iter().map(|unit| self.units[*unit].id.as_str()).collect();
                names.push(self.units[closing].id.as_str());
                let message = format!("the org has a cycle: {}", names.join(" → "));
                faults.push(
                    drafts[closing]
                        .fault(texts, message)
                        .help("each unit is below its parent; one of these parents is wrong"),
                );
            }
            let mut levels = at.filter(|closing| state[*closing] == 2).map_or(0, |closing| depth[closing]);
            for here in path.into_iter().rev() {
                levels += 1;
                depth[here] = levels;
                state[here] = 2;
                if levels == limits::ORG_DEPTH + 1 {
                    let message =
                        format!("unit '{}' is more than {} levels deep", self.units[here].id, limits::ORG_DEPTH);
                    faults.push(drafts[here].fault(texts, message));
                }
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// The units, in the order of their file.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// What is allowed but probably not meant: names shared by several units, owners that exist nowhere.
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }

    /// The unit of that id.
    pub fn unit(&self, id: &TeamId) -> Option<&Unit> {
        self.by_id.get(id).map(|at| &self.units[*at as usize])
    }

    fn candidates(&self, name: &str) -> Vec<&Unit> {
        if let Some(unit) = TeamId::new(name).ok().and_then(|id| self.unit(&id)) {
            return vec![unit];
        }
        let found = self.names.get(&folded(name));
        found.into_iter().flatten().map(|at| &self.units[*at as usize]).collect()
    }

    /// Who is meant by a name on a day: the unit of exactly that id; else the units whose id, name or alias is that
    /// name, case and surrounding spaces ignored.
    pub fn resolve(&self, name: &str, day: Day) -> Resolved {
        resolved(self.candidates(name).into_iter().filter(|unit| unit.effective.contains(day)))
    }

    /// Who is meant by a name, day by day: periods that follow each other and cover all time.
    pub fn resolve_always(&self, name: &str) -> Vec<(Period, Resolved)> {
        let candidates = self.candidates(name);
        let mut bounds = vec![Period::ALWAYS.from(), Period::ALWAYS.until()];
        bounds.extend(candidates.iter().flat_map(|unit| [unit.effective.from(), unit.effective.until()]));
        bounds.retain(|day| *day >= Period::ALWAYS.from() && *day <= Period::ALWAYS.until());
        bounds.sort();
        bounds.dedup();
        let mut periods: Vec<(Period, Resolved)> = Vec::new();
        for pair in bounds.windows(2) {
            let day = pair[0];
            let who = resolved(candidates.iter().copied().filter(|unit| unit.effective.contains(day)));
            match periods.last_mut() {
                Some((period, last)) if *last == who => {
                    *period = Period::new(period.from(), pair[1]).expect("bounds ascend");
                }
                _ => periods.push((Period::new(pair[0], pair[1]).expect("bounds ascend"), who)),
            }
        }
        periods
    }

    /// The id, name or alias nearest to a misspelt name.
    pub fn nearest(&self, name: &str) -> Option<String> {
        let names = self.units.iter().flat_map(|unit| {
            std::iter::once(unit.id.as_str())
                .chain(std::iter::once(unit.name.as_str()))
                .chain(unit.aliases.iter().map(String::as_str))
        });
        let found = leap_terms::fault::nearest(name, names)?;
        self.candidates(found).first().map(|unit| unit.id.as_str().to_owned())
    }

    /// The units from the root down to the team, the team included; empty for an unknown one.
    pub fn path(&self, team: &TeamId) -> Vec<&Unit> {
        let mut path: Vec<&Unit> =
            std::iter::successors(self.unit(team), |unit| unit.parent.as_ref().and_then(|parent| self.unit(parent)))
                .take(limits::ORG_DEPTH + 1)
                .collect();
        path.reverse();
        path
    }

    /// The nearest unit of that kind at or above the team: the answer of `--by division`.
    pub fn level(&self, team: &TeamId, kind: &str) -> Option<&Unit> {
        self.path(team).into_iter().rev().find(|unit| unit.kind.eq_ignore_ascii_case(kind))
    }

    /// The distinct kinds of units, in order of first appearance.
    pub fn kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = Vec::new();
        for unit in &self.units {
            if !unit.kind.is_empty() && !kinds.iter().any(|kind| kind.eq_ignore_ascii_case(&unit.kind)) {
                kinds.push(&unit.kind);
            }
        }
        kinds
    }

    /// The digest of what the org says, whatever the file's layout and order of units.
    pub fn digest(&self) -> Digest {
        let mut units: Vec<&Unit> = self.units.iter().collect();
        units.sort_by(|a, b| a.id.cmp(&b.id));
        let mut text = String::from("leap org 1\n");
        for unit in units {
            let parent = unit.parent.as_ref().map(TeamId::as_str);
            let mut aliases = unit.aliases.clone();
            aliases.sort();
            aliases.dedup();
            let fields = serde_json::json!([
                unit.id.as_str(),
                unit.name,
                unit.kind,
                parent,
                aliases,
                unit.effective.from().to_string(),
                unit.effective.until().to_string()
            ]);
            text.push_str(&fields.to_string());
            text.push('\n');
        }
        Digest::of(text.as_bytes())
    }
}

fn resolved<'a>(units: impl Iterator<Item = &'a Unit>) -> Resolved {
    let mut ids: Vec<TeamId> = units.map(|unit| unit.id.clone()).collect();
    ids.sort();
    ids.dedup();
    match ids.len() {
        0 => Resolved::Unknown,
        1 => Resolved::Team(ids.remove(0)),
        _ => Resolved::Ambiguous(ids),
    }
}
