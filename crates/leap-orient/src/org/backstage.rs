//! Reads Backstage catalog entities: `Group` as units; `Component` and others for their owners.
//!
//! ```yaml
//! kind: Group
//! metadata: {name: team-a, title: Team A}
//! spec: {type: team, parent: backstage, profile: {displayName: Team A}, children: []}
//! ```
//! Names without kind or namespace get the defaults of where they stand (`parent: x` is `group:default/x`). A group of
//! namespace `default` has its bare name as id, one of another namespace `namespace/name`. `parent` decides; `children`
//! only fills in where a child names no parent, and contradictions are warnings. Users are no units.

use hashbrown::HashMap;
use leap_terms::{Fault, Period, TeamId, limits};
use serde::Deserialize;
use serde_norway::Value;

use super::check::Blame;
use super::{Span, Unit, UnitState};
use crate::yaml::syntax;

/// One entity of a catalog.
pub(crate) struct Entity {
    /// `Group`, `Component` …
    pub(crate) kind: String,
    /// Namespace, `default` when none is given.
    pub(crate) namespace: String,
    /// `metadata.name`.
    pub(crate) name: String,
    /// The whole document.
    pub(crate) value: Value,
    /// Where the document starts in its file.
    pub(crate) offset: usize,
}

/// `[kind:][namespace/]name` to kind, namespace and name; missing parts are the defaults given.
pub(crate) fn entity_name(text: &str, kind: &str, namespace: &str) -> (String, String, String) {
    let text = text.trim();
    let (kind, rest) = text.split_once(':').unwrap_or((kind, text));
    let (namespace, name) = rest.split_once('/').unwrap_or((namespace, rest));
    (kind.to_lowercase(), namespace.to_lowercase(), name.to_owned())
}

/// The entities of a file with one or several documents.
pub(crate) fn entities(file: &str, text: &str) -> Result<Vec<Entity>, Fault> {
    if text.len() as u64 > limits::CONFIG_BYTES {
        let message = format!("the file has {} bytes, the limit is {}", text.len(), limits::CONFIG_BYTES);
        return Err(Fault::in_file(file, message));
    }
    let mut starts: Vec<usize> = vec![0];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        at += line.len();
        if line.trim_end() == "---" || line.starts_with("--- ") {
            starts.push(at);
        }
    }
    let mut starts = starts.into_iter().filter(|start| {
        let rest = text[*start..].lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'));
        rest.is_some_and(|line| line.trim_end() != "---")
    });
    let mut found = Vec::new();
    for document in serde_norway::Deserializer::from_str(text) {
        let value = Value::deserialize(document).map_err(|error| syntax(file, text, &error, 0))?;
        if value.is_null() {
            continue;
        }
        let offset = starts.next().unwrap_or(0);
        let metadata = value.get("metadata");
        let name = metadata.and_then(|metadata| metadata.get("name")).and_then(Value::as_str);
        let (Some(kind), Some(name)) = (value.get("kind").and_then(Value::as_str), name) else {
            let message = "no Backstage entity: kind or metadata.name is missing";
            return Err(Fault::in_file(file, message).at(text, offset, 1));
        };
        let namespace =
            metadata.and_then(|metadata| metadata.get("namespace")).and_then(Value::as_str).unwrap_or("default");
        found.push(Entity {
            kind: kind.to_owned(),
            namespace: namespace.to_lowercase(),
            name: name.to_owned(),
            offset,
            value: value.clone(),
        });
    }
    Ok(found)
}

fn id_of(namespace: &str, name: &str) -> String {
    if namespace == "default" { name.to_owned() } else { format!("{namespace}/{name}") }
}

/// Units, where they stand, and warnings.
type Groups<'a> = (Vec<Unit>, Blame<'a>, Vec<Fault>);

pub(super) fn units(files: &[(String, String)]) -> Result<Groups<'_>, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut warnings = Vec::new();
    let mut units: Vec<Unit> = Vec::new();
    let mut starts: Vec<(usize, usize)> = Vec::new();
    let mut children: Vec<(usize, String)> = Vec::new();
    for (number, (file, text)) in files.iter().enumerate() {
        let entities = match entities(file, text) {
            Ok(entities) => entities,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        for entity in entities.iter().filter(|entity| entity.kind.eq_ignore_ascii_case("Group")) {
            let id = match TeamId::new(&id_of(&entity.namespace, &entity.name)) {
                Ok(id) => id,
                Err(message) => {
                    faults.push(Fault::in_file(file.clone(), message).at(text, entity.offset, 1));
                    continue;
                }
            };
            let spec = entity.value.get("spec");
            let spec_text = |field: &str| spec.and_then(|spec| spec.get(field)).and_then(Value::as_str);
            let title = entity.value.get("metadata").and_then(|metadata| metadata.get("title")).and_then(Value::as_str);
            let display = spec.and_then(|spec| spec.get("profile")).and_then(|profile| profile.get("displayName"));
            let parent = spec_text("parent").map(|parent| {
                let (_, namespace, name) = entity_name(parent, "group", &entity.namespace);
                TeamId::new(&id_of(&namespace, &name))
            });
            let parent = match parent.transpose() {
                Ok(parent) => parent,
                Err(message) => {
                    faults.push(Fault::in_file(file.clone(), message).at(text, entity.offset, 1));
                    None
                }
            };
            let listed = spec.and_then(|spec| spec.get("children")).and_then(Value::as_sequence);
            for child in listed.into_iter().flatten().filter_map(Value::as_str) {
                let (_, namespace, name) = entity_name(child, "group", &entity.namespace);
                children.push((units.len(), id_of(&namespace, &name)));
            }
            let state = UnitState {
                name: display.and_then(Value::as_str).or(title).unwrap_or(&entity.name).to_owned(),
                kind: spec_text("type").unwrap_or("team").to_owned(),
                aliases: [format!("group:{}/{}", entity.namespace, entity.name)].into(),
                parent,
                ..UnitState::default()
            };
            units.push(Unit { id, spans: vec![Span::of(Period::ALWAYS, &state)] });
            starts.push((number, entity.offset));
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let blame = Blame::Documents(files, starts);
    let numbers: HashMap<String, usize> =
        units.iter().enumerate().map(|(at, unit)| (unit.id.as_str().to_owned(), at)).collect();
    for (parent, child) in children {
        let id = units[parent].id.clone();
        let warning = |message: String| blame.unit(parent, &id, message);
        match numbers.get(&child) {
            None => {
                warnings.push(warning(format!("group '{id}' lists the child '{child}', which exists nowhere")));
            }
            Some(at) => match &units[*at].spans[0].parent {
                None if *at != parent => units[*at].spans[0].parent = Some(id),
                Some(named) if *named != id => {
                    warnings.push(warning(format!(
                        "group '{id}' lists the child '{child}', whose parent is '{named}': the child's word counts"
                    )));
                }
                _ => {}
            },
        }
    }
    Ok((units, blame, warnings))
}
