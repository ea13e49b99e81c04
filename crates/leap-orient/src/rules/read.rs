//! Reads `rules.yaml`. Every fault is found in one go, and each has its line.

use std::sync::Arc;

use leap_terms::{Digest, Fault, Period, RuleId, fault::nearest, limits};
use serde_norway::{Mapping as Map, Value};

use super::{Catalog, CodeOwners, Mapping, Outcome, ReadFile, Rule, RuleSet};
use crate::org::{Org, Resolved, Unit};
use crate::predicate::{Fields, Predicate, PredicateError, TextExpression};
use crate::yaml::{Places, effective, read, short};

const TOP: [&str; 3] = ["rules", "residual", "pools"];
const FIELDS: [&str; 10] =
    ["id", "when", "owner", "mapping", "pool", "backstage", "codeowners", "key", "effective", "note"];
const OUTCOMES: [&str; 5] = ["owner", "mapping", "pool", "backstage", "codeowners"];
const REASONS: [&str; 4] = ["no-rule", "unknown-team", "ambiguous", "pool"];
/// Where the catalog's entity is named when a rule has no `key:`.
const CATALOG_KEY: &str = "coalesce(Tags['backstage.io/component'], Tags['component'], Tags['service'])";
/// Faults of one file that are shown; a mapping with a million wrong rows has one cause.
const FAULTS_PER_FILE: usize = 20;

struct Reader<'a> {
    places: Places<'a>,
    read_file: ReadFile<'a>,
    org: &'a Org,
    fields: Fields,
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
    canonical: Vec<serde_json::Value>,
}

/// Reads one rule set; its fields are numbered after those of `fields`.
pub(super) fn rule_set(
    file: &str,
    text: &str,
    read_file: ReadFile<'_>,
    org: &Org,
    fields: Fields,
) -> Result<RuleSet, Vec<Fault>> {
    let document = read(file, text).map_err(|fault| vec![fault])?;
    let form = "a rules file has rules:, residual: and pools:";
    let empty = Map::new();
    let top = match &document {
        Value::Mapping(top) => top,
        Value::Null => &empty,
        _ => return Err(vec![Fault::in_file(file, "no list of rules").help(form)]),
    };
    let none = Vec::new();
    let list = match top.get("rules") {
        Some(Value::Sequence(list)) => list,
        None | Some(Value::Null) => &none,
        Some(other) => {
            return Err(vec![Fault::in_file(file, format!("rules must be a list, found {}", short(other))).help(form)]);
        }
    };
    let places = Places::new(file, text, "rules", list.len());
    let mut reader =
        Reader { places, read_file, org, fields, faults: Vec::new(), warnings: Vec::new(), canonical: Vec::new() };
    for key in top.keys() {
        let name = key.as_str().unwrap_or("");
        if !TOP.contains(&name) {
            let fault = reader.top_fault(name, format!("unknown field {}", short(key)));
            let help = nearest(name, TOP).map_or(form.to_owned(), |candidate| format!("did you mean {candidate}?"));
            reader.faults.push(fault.help(help));
        }
    }
    if list.len() > limits::RULES {
        let message = format!("{} rules, the limit is {}", list.len(), limits::RULES);
        return Err(vec![
            Fault::in_file(file, message).help("put lists of resources or accounts into a mapping: file.csv"),
        ]);
    }
    let mut rules: Vec<Rule> = Vec::new();
    let mut seen: hashbrown::HashMap<RuleId, usize> = hashbrown::HashMap::new();
    for (at, item) in list.iter().enumerate() {
        let Some(rule) = reader.rule(at, item) else { continue };
        match seen.get(&rule.id) {
            Some(first) => {
                let line = reader
                    .places
                    .line(*first)
                    .map_or_else(String::new, |line| format!(": the first is on line {line}"));
                let message = format!("two rules have the id '{}'{line}", rule.id);
                let fault = reader.places.fault_at_value(at, &["id"], message).help("give one of them another id");
                reader.faults.push(fault);
            }
            None => {
                seen.insert(rule.id.clone(), at);
            }
        }
        rules.push(rule);
    }
    let mut set = RuleSet { file: file.to_owned(), ..RuleSet::default() };
    reader.residual(top.get("residual"), &mut set);
    reader.pools(top.get("pools"), &rules, &mut set);
    let Reader { fields, faults, warnings, canonical, .. } = reader;
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut text = String::from("leap rules 1\n");
    for line in &canonical {
        text.push_str(&line.to_string());
        text.push('\n');
    }
    let stewards = serde_json::json!([set.steward, set.reasons, set.pools]);
    text.push_str(&stewards.to_string());
    set.digest = Some(Digest::of(text.as_bytes()));
    set.rules = rules;
    set.fields = fields;
    set.warnings = warnings;
    Ok(set)
}

impl Reader<'_> {
    fn top_fault(&self, key: &str, message: String) -> Fault {
        let fault = Fault::in_file(self.places.file, message);
        match self.places.top(key) {
            Some(at) => fault.at(self.places.text, at, key.chars().count()),
            None => fault,
        }
    }

    fn rule(&mut self, at: usize, item: &Value) -> Option<Rule> {
        let before = self.faults.len();
        let Value::Mapping(map) = item else {
            let message = format!("a rule has the form {{id: …, when: …, owner: …}}, found {}", short(item));
            self.faults.push(self.places.fault(at, &[], message));
            return None;
        };
        for key in map.keys() {
            let name = key.as_str().unwrap_or("");
            if !FIELDS.contains(&name) {
                let fault = self.places.fault(at, &[name], format!("unknown field {}", short(key)));
                let help = match nearest(name, FIELDS) {
                    Some(candidate) => format!("did you mean {candidate}?"),
                    None => format!("a rule has {}", FIELDS.join(", ")),
                };
                self.faults.push(fault.help(help));
            }
        }
        let id = match self.text(at, map, "id") {
            Some(id) => match RuleId::new(&id) {
                Ok(id) => Some(id),
                Err(message) => {
                    self.faults.push(self.places.fault_at_value(at, &["id"], message));
                    None
                }
            },
            None if map.contains_key("id") => None,
            None => {
                self.faults.push(self.places.fault(at, &[], "a rule without id").help("add id: a-short-name"));
                None
            }
        };
        let when = self.text(at, map, "when").and_then(|source| match Predicate::parse(&source, &mut self.fields) {
            Ok(predicate) => Some(predicate),
            Err(error) => {
                self.faults.push(self.predicate_fault(at, &["when"], &source, error));
                None
            }
        });
        let effective = match map.get("effective") {
            None | Some(Value::Null) => Period::ALWAYS,
            Some(value) => effective(value).unwrap_or_else(|message| {
                self.faults.push(self.places.fault(at, &["effective"], message));
                Period::ALWAYS
            }),
        };
        let found: Vec<&str> = OUTCOMES.into_iter().filter(|outcome| map.contains_key(*outcome)).collect();
        let outcome = match found.as_slice() {
            [] => {
                let name = id.as_ref().map_or_else(String::new, |id| format!(" '{id}'"));
                let fault = self.places.fault_at_value(at, &["id"], format!("rule{name} says no owner"));
                self.faults.push(fault.help("add owner: team, owner: {from: \"…\"}, mapping: file.csv or pool: name"));
                None
            }
            [outcome] => self.outcome(at, map, outcome),
            [first, second, ..] => {
                let name = id.as_ref().map_or_else(String::new, |id| format!(" '{id}'"));
                let fault = self.places.fault(at, &[second], format!("rule{name} has both {first} and {second}"));
                self.faults.push(fault.help("a rule has one outcome: make two rules of it"));
                None
            }
        };
        if map.contains_key("key") && !matches!(found.as_slice(), ["backstage" | "codeowners"]) {
            let fault = self.places.fault(at, &["key"], "key belongs to backstage: and codeowners:");
            self.faults.push(fault.help("a condition is written as when:"));
        }
        if self.faults.len() > before {
            // A rule with an id still counts for "two rules of one id".
            return id.map(|id| Rule {
                id,
                line: self.places.line(at),
                when: None,
                outcome: Outcome::Pool(String::new()),
                effective,
                digest: Digest::of(b""),
            });
        }
        let (id, (outcome, canonical)) = (id?, outcome?);
        let content = serde_json::json!([
            id.as_str(),
            when.as_ref().map(|when| when.source.trim()),
            canonical,
            effective.from().to_string(),
            effective.until().to_string()
        ]);
        let digest = Digest::of(content.to_string().as_bytes());
        self.canonical.push(content);
        Some(Rule { id, line: self.places.line(at), when, outcome, effective, digest })
    }

    /// A text field; a number or a truth value is told to be quoted.
    fn text(&mut self, at: usize, map: &Map, field: &str) -> Option<String> {
        match map.get(field) {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => {
                let fault =
                    self.places.fault_at_value(at, &[field], format!("{field} must be text, found {}", short(other)));
                let fault = match other {
                    Value::Bool(_) | Value::Number(_) => fault.help(format!("quote it: \"{}\"", short(other))),
                    _ => fault,
                };
                self.faults.push(fault);
                None
            }
        }
    }

    fn predicate_fault(&self, at: usize, path: &[&str], source: &str, error: PredicateError) -> Fault {
        let fault = self.places.fault_in_value(at, path, source, error.offset, error.length, error.message);
        match error.help {
            Some(help) => fault.help(help),
            None => fault,
        }
    }

    fn expression(&mut self, at: usize, path: &[&str], source: &str) -> Option<TextExpression> {
        match TextExpression::parse(source, &mut self.fields) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.faults.push(self.predicate_fault(at, path, source, error));
                None
            }
        }
    }

    fn outcome(&mut self, at: usize, map: &Map, outcome: &str) -> Option<(Outcome, serde_json::Value)> {
        match (outcome, map.get(outcome)?) {
            ("owner", Value::Mapping(from)) => {
                let source = match (from.get("from"), from.len()) {
                    (Some(Value::String(source)), 1) => source.clone(),
                    _ => {
                        let fault =
                            self.places.fault(at, &["owner"], "owner has the form team, or {from: \"SQL expression\"}");
                        let inside = OUTCOMES.iter().find_map(|other| Some((other, from.get(*other)?)));
                        self.faults.push(match inside {
                            Some((other, value)) => {
                                let value = short(value);
                                fault.help(format!("write {other}: {} instead of owner", value.trim_matches('\'')))
                            }
                            None => fault,
                        });
                        return None;
                    }
                };
                let expression = self.expression(at, &["owner", "from"], &source)?;
                Some((Outcome::From(expression), serde_json::json!({ "from": source.trim() })))
            }
            ("owner", _) => {
                let owner = self.text(at, map, "owner")?;
                self.check_owner(at, &owner)?;
                let canonical = serde_json::json!({ "owner": owner });
                Some((Outcome::Team(owner), canonical))
            }
            ("pool", Value::Mapping(_)) => {
                let fault = self.places.fault(at, &["pool"], "pool is the name of a pool, not a mapping");
                self.faults.push(fault.help("write pool: name; what shares a pool stands in pools.yaml"));
                None
            }
            ("pool", _) => {
                let pool = self.text(at, map, "pool")?;
                if let Err(message) = RuleId::new(&pool) {
                    let message = message.replace("rule id", "name of a pool");
                    self.faults.push(self.places.fault_at_value(at, &["pool"], message));
                    return None;
                }
                let canonical = serde_json::json!({ "pool": pool });
                Some((Outcome::Pool(pool), canonical))
            }
            (kind, _) => {
                let path = self.text(at, map, kind)?;
                let bytes = match (self.read_file)(&path) {
                    Ok(bytes) => bytes,
                    Err(reason) => {
                        let message = format!("cannot read '{}': {reason}", path.escape_debug());
                        let fault = self.places.fault_at_value(at, &[kind], message);
                        self.faults.push(fault.help("paths are relative to the rules file"));
                        return None;
                    }
                };
                let digest = Digest::of(&bytes).to_string();
                if kind == "mapping" {
                    let mapping = Mapping::parse(&path, &bytes, &mut self.fields, self.org);
                    let mapping = self.collect(mapping)?;
                    return Some((Outcome::Mapping(Arc::new(mapping)), serde_json::json!({ "mapping": digest })));
                }
                let source = match self.text(at, map, "key") {
                    Some(source) => source,
                    None if map.contains_key("key") => return None,
                    None if kind == "backstage" => CATALOG_KEY.to_owned(),
                    None => {
                        let fault = self.places.fault(
                            at,
                            &["codeowners"],
                            "codeowners needs key:, the expression that gives a path",
                        );
                        self.faults.push(fault.help("for example key: \"Tags['repo_path']\""));
                        return None;
                    }
                };
                let key = self.expression(at, &["key"], &source)?;
                let canonical = serde_json::json!({ kind: digest, "key": source.trim() });
                if kind == "backstage" {
                    let catalog = Catalog::parse(&path, &bytes, self.org);
                    let catalog = self.collect(catalog)?;
                    self.warnings.extend(catalog.warnings.iter().cloned());
                    return Some((Outcome::Catalog(key, Arc::new(catalog)), canonical));
                }
                let owners = self.collect(CodeOwners::parse(&path, &bytes))?;
                Some((Outcome::CodeOwners(key, Arc::new(owners)), canonical))
            }
        }
    }

    fn collect<T>(&mut self, result: Result<T, Vec<Fault>>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(mut faults) => {
                if faults.len() > FAULTS_PER_FILE {
                    let more = faults.len() - FAULTS_PER_FILE;
                    faults.truncate(FAULTS_PER_FILE);
                    faults.push(Fault::in_file(faults[0].file.clone(), format!("{more} more faults like these")));
                }
                self.faults.append(&mut faults);
                None
            }
        }
    }

    fn check_owner(&mut self, at: usize, owner: &str) -> Option<()> {
        match owner_fault(self.org, owner) {
            None => Some(()),
            Some((message, help)) => {
                self.faults.push(self.places.fault_at_value(at, &["owner"], message).help(help));
                None
            }
        }
    }

    fn residual(&mut self, residual: Option<&Value>, set: &mut RuleSet) {
        let form = "residual has the form {steward: team, reasons: {unknown-team: team}}";
        let Some(residual) = residual.filter(|residual| !residual.is_null()) else {
            let is_root = |unit: &&Unit| unit.spans.last().is_some_and(|span| span.parent.is_none() && span.lasts());
            let root = self.org.units().iter().find(is_root);
            set.steward = root.map_or_else(|| "nobody".to_owned(), |unit| unit.id.as_str().to_owned());
            let message = format!("no steward for cost without an owner: {} looks after it", set.steward);
            self.warnings.push(Fault::in_file(self.places.file, message).help("add residual: {steward: a-team}"));
            return;
        };
        let Value::Mapping(map) = residual else {
            self.faults.push(self.top_fault("residual", form.to_owned()));
            return;
        };
        for (key, value) in map {
            match (key.as_str(), value) {
                (Some("steward"), Value::String(steward)) if !steward.trim().is_empty() => {
                    set.steward = steward.clone()
                }
                (Some("reasons"), Value::Mapping(reasons)) => {
                    for (reason, steward) in reasons {
                        match (reason.as_str(), steward.as_str()) {
                            (Some(reason), Some(steward)) if REASONS.contains(&reason) => {
                                set.reasons.insert(reason.to_owned(), steward.to_owned());
                            }
                            (reason, _) => {
                                let message =
                                    format!("residual: unknown reason '{}'", reason.unwrap_or("").escape_debug());
                                let help = format!("reasons are {}", REASONS.join(", "));
                                self.faults.push(self.top_fault("residual", message).help(help));
                            }
                        }
                    }
                }
                _ => self
                    .faults
                    .push(self.top_fault("residual", format!("residual: bad field {}", short(key))).help(form)),
            }
        }
        if set.steward.is_empty() && self.faults.is_empty() {
            self.faults.push(self.top_fault("residual", "residual: no steward".to_owned()).help(form));
        }
        self.check_steward("residual", "residual", &set.steward);
        for (reason, steward) in &set.reasons {
            self.check_steward("residual", &format!("residual:{reason}"), steward);
        }
    }

    /// A steward may be free text, but a name that no unit has is more often a misspelt one.
    fn check_steward(&mut self, key: &str, of: &str, steward: &str) {
        if let Some((message, help)) = steward_fault(self.org, of, steward) {
            self.warnings.push(self.top_fault(key, message).help(help));
        }
    }

    fn pools(&mut self, pools: Option<&Value>, rules: &[Rule], set: &mut RuleSet) {
        let Some(pools) = pools.filter(|pools| !pools.is_null()) else { return };
        let form = "pools has the form [{id: name, steward: team}]";
        let Value::Sequence(list) = pools else {
            self.faults.push(self.top_fault("pools", form.to_owned()));
            return;
        };
        let mut ids = Vec::new();
        for pool in list {
            let field = |name: &str| pool.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            let known = pool
                .as_mapping()
                .is_some_and(|map| map.keys().all(|key| matches!(key.as_str(), Some("id" | "steward"))));
            match (field("id"), known) {
                (Some(id), true) if !ids.contains(&id) => {
                    ids.push(id);
                    if let Some(steward) = field("steward") {
                        set.pools.insert(id.to_owned(), steward.to_owned());
                        self.check_steward("pools", &format!("pool {id}"), steward);
                    }
                }
                (Some(id), true) => {
                    self.faults.push(self.top_fault("pools", format!("two pools have the id '{}'", id.escape_debug())))
                }
                _ => self.faults.push(self.top_fault("pools", form.to_owned())),
            }
        }
        for rule in rules {
            if let Outcome::Pool(pool) = &rule.outcome
                && !pool.is_empty()
                && !ids.contains(&pool.as_str())
            {
                let mut warning = Fault::in_file(
                    self.places.file,
                    format!("rule '{}' names the pool '{pool}', which pools: does not list", rule.id),
                );
                warning.line = rule.line;
                let help = nearest(pool, ids.iter().copied()).map(|candidate| format!("did you mean {candidate}?"));
                warning.help = help.or(Some("its steward is the residual's".to_owned()));
                self.warnings.push(warning);
            }
        }
    }
}

/// What is odd about a steward's name, and the remedy; `None` when a unit has or had it, and in a home without an org.
pub(crate) fn steward_fault(org: &Org, of: &str, steward: &str) -> Option<(String, String)> {
    let known = |name: &str| org.resolve_always(name).iter().any(|(_, who)| !matches!(who, Resolved::Unknown));
    if steward.is_empty() || org.units().is_empty() || known(steward) {
        return None;
    }
    let help = match org.nearest(steward) {
        Some(candidate) => format!("did you mean {candidate}?"),
        None => "name a unit of the org; other words are shown as they are".to_owned(),
    };
    let steward = steward.escape_debug();
    Some((format!("the steward of {of} is '{steward}', which no unit of the org is called"), help))
}

/// What is wrong with an owner's name, and the remedy; `None` when it is one team.
pub(super) fn owner_fault(org: &Org, owner: &str) -> Option<(String, String)> {
    let answers = org.resolve_always(owner);
    if let Some(Resolved::Ambiguous(teams)) =
        answers.iter().map(|(_, who)| who).find(|who| matches!(who, Resolved::Ambiguous(_)))
    {
        let teams: Vec<&str> = teams.iter().map(leap_terms::TeamId::as_str).collect();
        return Some((
            format!("'{}' means several teams: {}", owner.escape_debug(), teams.join(", ")),
            "name one by its id".to_owned(),
        ));
    }
    if answers.iter().any(|(_, who)| matches!(who, Resolved::Team(_))) {
        return None;
    }
    let pool = owner.strip_prefix("residual:").unwrap_or(owner).strip_prefix("pool:").map(str::trim);
    let help = match (pool, org.nearest(owner)) {
        (Some(pool), _) => {
            format!("a pool is no owner: give its cost to it by a rule with pool: {pool} instead of owner")
        }
        (None, Some(candidate)) => format!("did you mean {candidate}?"),
        (None, None) => "no unit of the org has that id, name or alias: add it to org.yaml".to_owned(),
    };
    Some((format!("unknown team '{}'", owner.escape_debug()), help))
}
