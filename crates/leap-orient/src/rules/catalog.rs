//! A Backstage catalog as a source of ownership: components, resources and systems name their owners.
//!
//! ```yaml
//! kind: Component
//! metadata: {name: checkout, annotations: {leap/aliases: "checkout-api, pay-api"}}
//! spec: {owner: group:default/payments}
//! ```
//! A rule gives the expression that names the entity (a tag, mostly). `owner: user:x` leads to the one group that the
//! user is a member of. An owner that exists nowhere is a warning here and `residual:unknown-team` on the bill.

use hashbrown::HashMap;
use leap_terms::Fault;
use serde_norway::Value;

use crate::org::{Entity, Org, Resolved, entities, entity_name};

/// Entities and their owners.
#[derive(Debug)]
pub struct Catalog {
    /// File, as the rule names it.
    pub file: String,
    owners: HashMap<String, (String, String)>,
    pub(super) warnings: Vec<Fault>,
}

impl Catalog {
    /// Reads a catalog file with one or several documents.
    ///
    /// # Errors
    /// What is not readable.
    pub fn parse(file: &str, bytes: &[u8], org: &Org) -> Result<Catalog, Vec<Fault>> {
        let text = std::str::from_utf8(bytes).map_err(|_| vec![Fault::in_file(file, "not UTF-8 text")])?;
        let entities = entities(file, text).map_err(|fault| vec![fault])?;
        let mut groups_of: HashMap<String, Vec<String>> = HashMap::new();
        for entity in entities.iter().filter(|entity| entity.kind.eq_ignore_ascii_case("User")) {
            let groups = spec(entity, "memberOf").and_then(Value::as_sequence);
            let groups =
                groups.into_iter().flatten().filter_map(Value::as_str).map(|group| group_id(group, &entity.namespace));
            groups_of.insert(format!("{}/{}", entity.namespace, entity.name.to_lowercase()), groups.collect());
        }
        let mut catalog = Catalog { file: file.to_owned(), owners: HashMap::new(), warnings: Vec::new() };
        for entity in &entities {
            let owned =
                ["component", "resource", "system", "api", "domain"].contains(&entity.kind.to_lowercase().as_str());
            let Some(owner) = spec(entity, "owner").and_then(Value::as_str).filter(|_| owned) else { continue };
            let (kind, namespace, name) = entity_name(owner, "group", &entity.namespace);
            let mut team = group_id(owner, &entity.namespace);
            if kind == "user" {
                match groups_of.get(&format!("{namespace}/{}", name.to_lowercase())).map(Vec::as_slice) {
                    Some([group]) => team = group.clone(),
                    Some(_) | None => team = owner.to_owned(),
                }
            }
            if org.resolve_always(&team).iter().all(|(_, who)| *who == Resolved::Unknown) {
                let message =
                    format!("{} '{}' has the unknown owner '{owner}'", entity.kind.to_lowercase(), entity.name);
                catalog.warnings.push(Fault::in_file(file, message).at(text, entity.offset, 1));
            }
            let shown = format!("{}:{}/{}", entity.kind.to_lowercase(), entity.namespace, entity.name);
            let annotations = entity.value.get("metadata").and_then(|metadata| metadata.get("annotations"));
            let aliases = annotations.and_then(|annotations| annotations.get("leap/aliases")).and_then(Value::as_str);
            let aliases = aliases
                .unwrap_or("")
                .split(',')
                .map(str::trim)
                .filter(|alias| !alias.is_empty())
                .map(str::to_lowercase);
            let plain = entity.name.to_lowercase();
            let names = [shown.to_lowercase(), format!("{}/{plain}", entity.namespace), plain];
            for name in names.into_iter().chain(aliases) {
                // A component speaks before the API or system of the same name.
                let better = entity.kind.eq_ignore_ascii_case("Component") || !catalog.owners.contains_key(&name);
                if better {
                    catalog.owners.insert(name, (team.clone(), shown.clone()));
                }
            }
        }
        Ok(catalog)
    }

    /// Owner and entity of that name; `None` when the catalog has none.
    pub fn find(&self, name: &str) -> Option<(&str, &str)> {
        let (owner, entity) = self.owners.get(&name.trim().to_lowercase())?;
        Some((owner, entity))
    }
}

fn spec<'a>(entity: &'a Entity, field: &str) -> Option<&'a Value> {
    entity.value.get("spec").and_then(|spec| spec.get(field))
}

fn group_id(text: &str, namespace: &str) -> String {
    let (_, namespace, name) = entity_name(text, "group", namespace);
    if namespace == "default" { name } else { format!("{namespace}/{name}") }
}
