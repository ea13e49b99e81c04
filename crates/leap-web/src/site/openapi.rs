//! The machine-readable description of the addresses (OpenAPI 3.1), made from the table of routes that the server itself
//! goes by: what is not in it cannot be asked.

use serde_json::{Map, Value, json};

use super::route::{Needs, OWN, Route};

/// What parameters mean.
const ABOUT: [(&str, &str); 20] = [
    ("period", "2026-09, 2026-07..2026-09, 2026, or days; default: the last complete billing period"),
    ("measure", "a currency, bps or engineers; default: the currency of most of the bill"),
    ("cost", "effective, billed, contracted or list"),
    ("basis", "incurred (by the charges' days) or invoiced (by billing period)"),
    ("org", "as-was, as-is, or a day through whose org cost is read"),
    ("as_known_on", "a time: only what was known then"),
    ("pools", "shared or kept"),
    ("format", "json, csv or parquet"),
    ("table", "of CSV and Parquet: which table of the page; default: the one that adds up"),
    ("under", "a unit's id: it and what is below it"),
    ("by", "dimensions by comma"),
    ("where", "a SQL predicate over FOCUS columns"),
    ("compare", "previous, year, or a period"),
    ("id", "a resource's id"),
    ("q", "a name"),
    ("kind", "unit, team, service, resource, rule, pool, source or page"),
    ("tab", "which part"),
    ("metric", "a metric of business volume"),
    ("after", "where the next page begins"),
    ("expect", "the digest of the preview that is agreed to; without it nothing is changed"),
];

fn parameter(name: &str) -> Value {
    let about = ABOUT.iter().find(|(known, _)| *known == name).map_or("", |(_, about)| about);
    json!({ "name": name, "in": "query", "description": about, "schema": { "type": "string" } })
}

/// `/team/{unit}` → `unit`.
fn places(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// An address beside the pages: health, login, figures for Prometheus.
fn own(route: &Route) -> Value {
    json!({ "method": route.method, "path": route.path, "summary": route.about, "x-needs": route.needs.words() })
}

/// All of it.
pub(super) fn document(routes: &[Route]) -> Value {
    let mut paths = Map::new();
    let problem = |about: &str| {
        json!({ "description": about, "content": {
            "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } } })
    };
    for route in routes.iter().filter(|route| route.is_page) {
        let mut parameters: Vec<Value> = places(route.path)
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .collect();
        let fields: Vec<&str> = route.every.iter().chain(route.own).copied().collect();
        let is_post = route.method == "POST";
        if !is_post {
            parameters.extend(fields.iter().map(|name| parameter(name)));
        }
        let mut responses = Map::new();
        responses.insert(
            "200".to_owned(),
            json!({ "description": if is_post { "What it would change, or what was done" } else { "The tables of the page" },
                    "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Tables" } } } }),
        );
        if route.needs != Needs::Nothing {
            responses.insert("401".to_owned(), problem("Nobody is logged in"));
            responses.insert("403".to_owned(), problem("Not with these roles"));
        }
        responses.insert("404".to_owned(), problem("Nothing that you may see is there"));
        if is_post {
            responses.insert("409".to_owned(), problem("Something changed since the preview"));
        }
        responses.insert("422".to_owned(), problem("A parameter is not understood"));
        let mut operation = json!({
            "summary": route.about, "x-needs": route.needs.words(), "parameters": parameters, "responses": responses
        });
        if is_post {
            let properties: Map<String, Value> =
                fields.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect();
            let form = json!({ "schema": { "type": "object", "properties": properties } });
            operation["requestBody"] =
                json!({ "content": { "application/x-www-form-urlencoded": form, "application/json": form } });
        }
        let entry = paths.entry(route.path.to_owned()).or_insert_with(|| json!({}));
        entry[route.method.to_ascii_lowercase()] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "leap", "version": env!("CARGO_PKG_VERSION"),
                  "description": "Every page as tables. Amounts are exact decimals as strings." },
        "servers": [{ "url": "/api/v1" }],
        "security": [{ "token": [] }, { "session": [] }, {}],
        "paths": paths,
        "x-own-routes": OWN.iter().map(own).collect::<Vec<_>>(),
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "leap token add; reads, and does nothing else" },
                "session": { "type": "apiKey", "in": "cookie", "name": "__Host-leap_session" },
            },
            "schemas": {
                "Tables": { "type": "object", "required": ["snapshot", "title", "tables"], "properties": {
                    "snapshot": { "type": "string" }, "title": { "type": "string" }, "about": { "type": "string" },
                    "tables": { "type": "array", "items": { "type": "object", "required": ["id", "rows"], "properties": {
                        "id": { "type": "string" }, "caption": { "type": "string" }, "unit": { "type": "string" },
                        "sum": { "type": ["string", "null"], "description": "over all pages" },
                        "ratio": { "type": ["object", "null"], "description": "the two sides of a quotient",
                            "properties": { "over": { "type": "string" }, "under": { "type": "string" } } },
                        "rows": { "type": "array", "items": { "type": "object",
                            "additionalProperties": { "type": ["string", "null"] } } },
                        "next": { "type": ["string", "null"], "description": "the next page" } } } } } },
                "Problem": { "type": "object", "description": "RFC 9457", "properties": {
                    "title": { "type": "string" }, "status": { "type": "integer" }, "detail": { "type": "string" },
                    "instance": { "type": "string" } } }
            }
        }
    })
}
