//! Reads Backstage `Group` and `User` entities of one or several files as one state.
//!
//! ```yaml
//! kind: Group
//! metadata: {name: team-a}
//! spec: {type: team, parent: infra, children: [], members: [ada]}
//! ---
//! kind: User
//! metadata: {name: ada}
//! spec: {memberOf: [team-a]}
//! ```
//! A user is kept by the entity's name (`namespace/name` outside `default`), never by what people are called. Where users
//! or members are given, each group has a head count. A user of several groups counts in the one below the others; where
//! none is, in the first named, with a warning. `parent` and `children` must agree: a group with two parents is refused,
//! because half its cost would stand in the wrong place. Other kinds of entities are skipped.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::{Fault, TeamId, limits};
use serde_norway::Value;

use super::States;
use crate::org::{Entity, OrgState, UnitState, entities, entity_name};

/// A group's parent, and who says so.
struct Above {
    parent: TeamId,
    by: String,
}

#[derive(Default)]
struct Catalog {
    state: OrgState,
    places: BTreeMap<TeamId, (usize, usize)>,
    above: BTreeMap<TeamId, Above>,
    children: Vec<(TeamId, TeamId)>,
    /// Groups of each user, in the order they are named.
    groups: BTreeMap<String, Vec<TeamId>>,
}

pub(super) fn states(files: &[(String, String)]) -> Result<States, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut warnings = Vec::new();
    let mut catalog = Catalog::default();
    for (number, (file, text)) in files.iter().enumerate() {
        match entities(file, text) {
            Ok(entities) => {
                for entity in &entities {
                    let read = if entity.kind.eq_ignore_ascii_case("Group") {
                        catalog.group(number, entity, files)
                    } else if entity.kind.eq_ignore_ascii_case("User") {
                        catalog.user(entity)
                    } else {
                        Ok(())
                    };
                    if let Err(message) = read {
                        faults.push(Fault::in_file(file.clone(), message).at(text, entity.offset, 1));
                    }
                }
            }
            Err(fault) => faults.push(fault),
        }
    }
    catalog.tree(files, &mut faults, &mut warnings);
    if faults.is_empty() {
        catalog.cycles(files, &mut faults);
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    catalog.members(files, &mut warnings);
    Ok((vec![(None, catalog.state)], warnings))
}

/// The text of a field of `spec`.
fn spec<'a>(entity: &'a Entity, field: &str) -> Option<&'a Value> {
    entity.value.get("spec").and_then(|spec| spec.get(field))
}

fn texts<'a>(entity: &'a Entity, field: &str) -> impl Iterator<Item = &'a str> {
    spec(entity, field).and_then(Value::as_sequence).into_iter().flatten().filter_map(Value::as_str)
}

fn id_of(namespace: &str, name: &str) -> String {
    if namespace == "default" { name.to_owned() } else { format!("{namespace}/{name}") }
}

fn group_id(reference: &str, namespace: &str) -> Result<TeamId, String> {
    let (_, namespace, name) = entity_name(reference, "group", namespace);
    TeamId::new(&id_of(&namespace, &name))
}

fn user_id(reference: &str, namespace: &str) -> String {
    let (_, namespace, name) = entity_name(reference, "user", namespace);
    id_of(&namespace, &name)
}

impl Catalog {
    fn group(&mut self, file: usize, entity: &Entity, files: &[(String, String)]) -> Result<(), String> {
        let id = TeamId::new(&id_of(&entity.namespace, &entity.name))?;
        if let Some((first, offset)) = self.places.get(&id) {
            let (name, text) = &files[*first];
            let line = text[..(*offset).min(text.len())].matches('\n').count() + 1;
            return Err(format!("two groups are called '{id}': the first is on line {line} of {name}"));
        }
        if self.places.len() >= limits::ORG_UNITS {
            return Err(format!("more than {} groups, which is the limit", limits::ORG_UNITS));
        }
        let title = entity.value.get("metadata").and_then(|metadata| metadata.get("title"));
        let display = spec(entity, "profile").and_then(|profile| profile.get("displayName"));
        let named = display.or(title).and_then(Value::as_str).map_or("", str::trim);
        let unit = UnitState {
            name: if named.is_empty() { entity.name.clone() } else { named.to_owned() },
            kind: spec(entity, "type").and_then(Value::as_str).unwrap_or("team").to_owned(),
            aliases: BTreeSet::from([format!("group:{}/{}", entity.namespace, entity.name)]),
            ..UnitState::default()
        };
        if let Some(parent) = spec(entity, "parent").and_then(Value::as_str).filter(|parent| !parent.trim().is_empty())
        {
            let parent = group_id(parent, &entity.namespace)?;
            self.above.insert(id.clone(), Above { parent, by: format!("parent of '{id}'") });
        }
        for child in texts(entity, "children") {
            self.children.push((id.clone(), group_id(child, &entity.namespace)?));
        }
        for member in texts(entity, "members") {
            self.join(user_id(member, &entity.namespace), id.clone());
        }
        self.places.insert(id.clone(), (file, entity.offset));
        self.state.units.insert(id, unit);
        Ok(())
    }

    fn user(&mut self, entity: &Entity) -> Result<(), String> {
        let user = id_of(&entity.namespace, &entity.name);
        self.groups.entry(user.clone()).or_default();
        for group in texts(entity, "memberOf") {
            self.join(user.clone(), group_id(group, &entity.namespace)?);
        }
        Ok(())
    }

    fn join(&mut self, user: String, group: TeamId) {
        let groups = self.groups.entry(user).or_default();
        if !groups.contains(&group) {
            groups.push(group);
        }
    }

    fn fault(&self, files: &[(String, String)], id: &TeamId, message: String) -> Fault {
        match self.places.get(id) {
            Some((file, offset)) => Fault::in_file(files[*file].0.clone(), message).at(&files[*file].1, *offset, 1),
            None => Fault::in_file("", message),
        }
    }

    /// One parent for each group, from both sides.
    fn tree(&mut self, files: &[(String, String)], faults: &mut Vec<Fault>, warnings: &mut Vec<Fault>) {
        for (parent, child) in std::mem::take(&mut self.children) {
            if !self.state.units.contains_key(&child) {
                let message = format!("group '{parent}' lists the child '{child}', which exists nowhere");
                warnings.push(self.fault(files, &parent, message));
                continue;
            }
            match self.above.get(&child) {
                Some(above) if above.parent != parent => {
                    let message = format!(
                        "group '{child}' has two parents: '{}' ({}) and '{parent}' (children of '{parent}')",
                        above.parent, above.by
                    );
                    let fault = self.fault(files, &child, message);
                    faults
                        .push(fault.help(format!("take '{child}' out of one group's children, or correct its parent")));
                }
                Some(_) => {}
                None => {
                    let by = format!("children of '{parent}'");
                    self.above.insert(child, Above { parent, by });
                }
            }
        }
        for (id, above) in &self.above {
            if self.state.units.contains_key(&above.parent) {
                if let Some(unit) = self.state.units.get_mut(id) {
                    unit.parent = Some(above.parent.clone());
                }
                continue;
            }
            let message = format!("group '{id}' has the unknown parent '{}'", above.parent);
            let nearest =
                leap_terms::fault::nearest(above.parent.as_str(), self.state.units.keys().map(TeamId::as_str));
            faults.push(self.fault(files, id, message).help(match nearest {
                Some(candidate) => format!("did you mean {candidate}?"),
                None => "add the file with that group".to_owned(),
            }));
        }
    }

    fn cycles(&self, files: &[(String, String)], faults: &mut Vec<Fault>) {
        let mut done: BTreeSet<&TeamId> = BTreeSet::new();
        for start in self.state.units.keys() {
            let mut path: Vec<&TeamId> = Vec::new();
            let mut at = Some(start);
            while let Some(here) = at.filter(|here| !done.contains(here)) {
                if let Some(from) = path.iter().position(|above| *above == here) {
                    let mut names: Vec<&str> = path[from..].iter().map(|id| id.as_str()).collect();
                    names.push(here.as_str());
                    let message = format!("a cycle of groups: {}", names.join(" → "));
                    faults.push(self.fault(files, here, message).help("one of these parents is wrong"));
                    break;
                }
                path.push(here);
                at = self.state.units[here].parent.as_ref();
            }
            done.extend(path);
        }
    }

    fn members(&mut self, files: &[(String, String)], warnings: &mut Vec<Fault>) {
        if self.groups.is_empty() {
            return;
        }
        let mut counts: BTreeMap<TeamId, u32> = self.state.units.keys().map(|id| (id.clone(), 0)).collect();
        for (user, groups) in &self.groups {
            for unknown in groups.iter().filter(|group| !counts.contains_key(*group)) {
                let message = format!("user '{user}' is a member of '{unknown}', which exists nowhere");
                warnings.push(Fault::in_file(files.first().map_or("", |(file, _)| file), message));
            }
            let known: Vec<&TeamId> = groups.iter().filter(|group| counts.contains_key(*group)).collect();
            let lowest: Vec<&TeamId> =
                known.iter().copied().filter(|group| !known.iter().any(|other| self.is_below(other, group))).collect();
            let Some(group) = lowest.first() else { continue };
            if lowest.len() > 1 {
                let names: Vec<&str> = lowest.iter().map(|group| group.as_str()).collect();
                let message = format!("user '{user}' is a member of {}: counted in {group}", names.join(" and "));
                warnings.push(self.fault(files, group, message));
            }
            if let Some(count) = counts.get_mut(*group) {
                *count += 1;
            }
            self.state.people.insert(user.clone(), (*group).clone());
        }
        for (id, count) in counts {
            if let Some(unit) = self.state.units.get_mut(&id) {
                unit.head_count = Some(count);
            }
        }
    }

    /// Whether a group stands below another, itself not counted.
    fn is_below(&self, group: &TeamId, above: &TeamId) -> bool {
        let mut at = self.state.units.get(group).and_then(|unit| unit.parent.as_ref());
        while let Some(here) = at {
            if here == above {
                return true;
            }
            at = self.state.units.get(here).and_then(|unit| unit.parent.as_ref());
        }
        false
    }
}
