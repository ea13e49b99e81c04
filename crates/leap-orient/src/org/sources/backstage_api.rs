//! Reads answers of Backstage's catalog API and writes them as catalog files, which `backstage` reads like any other.
//!
//! ```text
//! GET /api/catalog/entities/by-query?filter=kind=group     {"items": […], "totalItems": 812, "pageInfo": {"nextCursor": "…"}}
//! GET /api/catalog/entities?filter=kind=group              […]                                  (older installations)
//! ```
//! Only what says who belongs where is kept: no names of people, addresses or annotations. Entities are written in order of
//! their names, so that the same catalog makes the same files, whatever the order of its answers. Asking is not done here.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Fields that are asked for and kept of each group.
pub const GROUP_FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata.name",
    "metadata.namespace",
    "metadata.title",
    "spec.type",
    "spec.parent",
    "spec.children",
    "spec.members",
    "spec.profile.displayName",
];

/// Fields that are asked for and kept of each user.
pub const USER_FIELDS: &[&str] = &["apiVersion", "kind", "metadata.name", "metadata.namespace", "spec.memberOf"];

/// One answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CatalogPage {
    /// The entities.
    pub items: Vec<Value>,
    /// Names the next page; `None` on the last, and in answers of the older form.
    pub next: Option<String>,
    /// How many entities all pages have, where the answer says so.
    pub total: Option<u64>,
}

impl CatalogPage {
    /// Reads an answer of either form.
    ///
    /// # Errors
    /// In words: no JSON, or JSON that is no answer of a catalog.
    pub fn read(bytes: &[u8]) -> Result<CatalogPage, String> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| format!("the answer is not JSON: {error}"))?;
        let mut answer = match value {
            Value::Array(items) => return Ok(CatalogPage { items, ..CatalogPage::default() }),
            Value::Object(answer) => answer,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Map::new(),
        };
        let Some(Value::Array(items)) = answer.remove("items") else {
            return Err("the answer is JSON, but no list of catalog entities".to_owned());
        };
        let next = answer.get("pageInfo").and_then(|info| info.get("nextCursor")).and_then(Value::as_str);
        Ok(CatalogPage {
            items,
            next: next.filter(|cursor| !cursor.is_empty()).map(str::to_owned),
            total: answer.get("totalItems").and_then(Value::as_u64),
        })
    }
}

/// Entities of one kind, as they come page by page.
#[derive(Clone, Debug)]
pub struct CatalogKind {
    kind: &'static str,
    fields: &'static [&'static str],
    found: BTreeMap<(String, String), Value>,
}

impl CatalogKind {
    /// Groups, none yet.
    pub fn groups() -> CatalogKind {
        CatalogKind { kind: "group", fields: GROUP_FIELDS, found: BTreeMap::new() }
    }

    /// Users, none yet.
    pub fn users() -> CatalogKind {
        CatalogKind { kind: "user", fields: USER_FIELDS, found: BTreeMap::new() }
    }

    /// `group` or `user`, as a filter names it.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The fields that are kept, as a query names them.
    pub fn fields(&self) -> String {
        self.fields.join(",")
    }

    /// How many different entities came.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// True when none came.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Takes the entities of a page; returns how many were not there before. Pages of a catalog that changes meanwhile may
    /// bring an entity twice.
    ///
    /// # Errors
    /// In words: an entity without a name, or of another kind than was asked for.
    pub fn take(&mut self, items: Vec<Value>) -> Result<usize, String> {
        let before = self.found.len();
        for item in items {
            let text = |pointer: &str| item.pointer(pointer).and_then(Value::as_str);
            let kind = text("/kind").unwrap_or_default();
            if !kind.eq_ignore_ascii_case(self.kind) {
                return Err(format!("the catalog was asked for kind {} and answers with kind '{kind}'", self.kind));
            }
            let name = text("/metadata/name").ok_or_else(|| format!("a {} has no metadata.name", self.kind))?;
            let key = (text("/metadata/namespace").unwrap_or("default").to_lowercase(), name.to_owned());
            let mut kept = Value::Object(Map::new());
            // The first line of a file tells its format.
            kept["apiVersion"] = text("/apiVersion").unwrap_or("backstage.io/v1alpha1").into();
            for field in self.fields {
                let path: Vec<&str> = field.split('.').collect();
                if let Some(value) = item.pointer(&format!("/{}", path.join("/"))).filter(|value| !value.is_null()) {
                    place(&mut kept, &path, value.clone());
                }
            }
            self.found.insert(key, kept);
        }
        Ok(self.found.len() - before)
    }

    /// The entities as one file of YAML documents, in order of their names; empty when there are none.
    pub fn file(&self) -> String {
        let mut text = String::new();
        for entity in self.found.values() {
            text += "---\n";
            text += &serde_norway::to_string(entity).expect("JSON is YAML");
        }
        text
    }
}

fn place(entity: &mut Value, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        entity[*first] = value;
        return;
    }
    if entity.get(*first).is_none_or(|inner| !inner.is_object()) {
        entity[*first] = Value::Object(Map::new());
    }
    place(&mut entity[*first], rest, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_an_answer_are_read() {
        let page = CatalogPage::read(br#"{"items": [{}], "totalItems": 3, "pageInfo": {"nextCursor": "c2"}}"#).unwrap();
        assert_eq!((page.items.len(), page.next.as_deref(), page.total), (1, Some("c2"), Some(3)));
        let last = CatalogPage::read(br#"{"items": [], "pageInfo": {}}"#).unwrap();
        assert_eq!((last.next, last.total), (None, None));
        assert_eq!(CatalogPage::read(b"[{}, {}]").unwrap().items.len(), 2);
        assert!(CatalogPage::read(b"<html>").unwrap_err().starts_with("the answer is not JSON"));
        assert!(CatalogPage::read(b"{}").unwrap_err().contains("no list of catalog entities"));
    }

    #[test]
    fn a_catalog_is_the_same_file_in_any_order_without_names_of_people() {
        let group = |name: &str| {
            serde_json::json!({
                "kind": "Group", "metadata": {"name": name, "uid": "8", "annotations": {"mail": "ada@acme.example"}},
                "spec": {"type": "team", "parent": null, "children": [], "profile": {"displayName": "yes", "email": "e"}},
                "relations": [],
            })
        };
        let mut one = CatalogKind::groups();
        assert_eq!(one.take(vec![group("b"), group("a")]).unwrap(), 2);
        let mut two = CatalogKind::groups();
        two.take(vec![group("a")]).unwrap();
        assert_eq!(two.take(vec![group("a"), group("b")]).unwrap(), 1, "an entity that comes twice counts once");
        assert_eq!(one.file(), two.file());
        assert!(one.file().starts_with("---\napiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata:\n  name: a\n"));
        assert!(!one.file().contains("ada@") && !one.file().contains("email") && !one.file().contains("uid"));
        let source = super::super::read(&[("groups.yaml".to_owned(), one.file().into_bytes())]).unwrap();
        let names: Vec<&str> = source.states[0].1.units.values().map(|unit| unit.name.as_str()).collect();
        assert_eq!(names, ["yes", "yes"], "a text that YAML could take for something else stays a text");
        assert!(CatalogKind::users().take(vec![group("a")]).unwrap_err().contains("asked for kind user"));
    }
}
