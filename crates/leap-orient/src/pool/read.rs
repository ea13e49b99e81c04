//! Reads `pools.yaml`. Every fault is found in one go, and each has its place and remedy.

use std::collections::BTreeMap;
use std::sync::Arc;

use leap_terms::{Exact, Fault, fault::nearest};
use serde_norway::{Mapping as Map, Value};

use super::measured::MeasuredFile;
use super::policy::{BENEFIT_POOL, Benefit, Driver, IdleRule, Missing, Order, Pool, Pools, ReadDriver, Window};
use crate::org::Org;
use crate::yaml::{Places, read, short};

const TOP: [&str; 3] = ["order", "commitment_benefit", "pools"];
const FIELDS: [&str; 7] = ["name", "steward", "driver", "window", "missing", "idle", "consumers"];
/// Pools of one file.
const POOLS: usize = 1_000;

/// What reading a pool needs.
pub(super) struct Reader<'a> {
    pub places: Places<'a>,
    pub read_file: ReadDriver<'a>,
    pub org: &'a Org,
    /// Names of all pools, by number.
    pub names: Vec<String>,
    pub files: BTreeMap<String, Option<Arc<MeasuredFile>>>,
    pub faults: Vec<Fault>,
    pub warnings: Vec<Fault>,
}

pub(super) fn pools(file: &str, text: &str, read_file: ReadDriver<'_>, org: &Org) -> Result<Pools, Vec<Fault>> {
    let document = read(file, text).map_err(|fault| vec![fault])?;
    let form = "a pools file has order:, commitment_benefit: and pools:";
    let empty = Map::new();
    let top = match &document {
        Value::Mapping(top) => top,
        Value::Null => &empty,
        _ => return Err(vec![Fault::in_file(file, "no list of pools").help(form)]),
    };
    let none = Vec::new();
    let list = match top.get("pools") {
        Some(Value::Sequence(list)) => list,
        None | Some(Value::Null) => &none,
        Some(other) => {
            return Err(vec![Fault::in_file(file, format!("pools must be a list, found {}", short(other))).help(form)]);
        }
    };
    if list.len() > POOLS {
        return Err(vec![Fault::in_file(file, format!("{} pools, the limit is {POOLS}", list.len()))]);
    }
    let name = |item: &Value| item.get("name").and_then(Value::as_str).unwrap_or("").to_owned();
    let mut reader = Reader {
        places: Places::new(file, text, "pools", list.len()),
        read_file,
        org,
        names: list.iter().map(name).collect(),
        files: BTreeMap::new(),
        faults: Vec::new(),
        warnings: Vec::new(),
    };
    for key in top.keys() {
        let name = key.as_str().unwrap_or("");
        if !TOP.contains(&name) {
            let fault = reader.top_fault(name, format!("unknown field {}", short(key)));
            let help = nearest(name, TOP).map_or(form.to_owned(), |candidate| format!("did you mean {candidate}?"));
            reader.faults.push(fault.help(help));
        }
    }
    let read: Vec<Option<Pool>> = list.iter().enumerate().map(|(at, item)| reader.pool(at, item)).collect();
    let (order, rank) = reader.order(top.get("order"));
    let benefit = reader.benefit(top.get("commitment_benefit"));
    let pools: Vec<Pool> = read.into_iter().flatten().collect();
    if pools.len() == list.len() {
        reader.relations(&pools, order, &rank);
    }
    reader.unused_rows();
    if !reader.faults.is_empty() {
        return Err(reader.faults);
    }
    Ok(Pools { file: file.to_owned(), order, rank, pools, benefit, warnings: reader.warnings })
}

impl Reader<'_> {
    pub(super) fn top_fault(&self, key: &str, message: String) -> Fault {
        let fault = Fault::in_file(self.places.file, message);
        match self.places.top(key) {
            Some(at) => fault.at(self.places.text, at, key.chars().count()),
            None => fault,
        }
    }

    fn pool(&mut self, at: usize, item: &Value) -> Option<Pool> {
        let before = self.faults.len();
        let Value::Mapping(map) = item else {
            let message = format!("a pool has the form {{name: …, driver: …}}, found {}", short(item));
            self.faults.push(self.places.fault(at, &[], message));
            return None;
        };
        self.unknown_fields(at, &[], map, &FIELDS, "a pool");
        let name = self.text(at, map, "name").unwrap_or_default();
        self.check_name(at, map, &name);
        let steward = self.text(at, map, "steward").unwrap_or_default();
        if let Some((message, help)) = crate::rules::read::steward_fault(self.org, &format!("pool {name}"), &steward) {
            self.warnings.push(self.places.fault_at_value(at, &["steward"], message).help(help));
        }
        let driver = match map.get("driver") {
            Some(value) => self.driver(at, &name, value),
            None => {
                let fault = self.places.fault(at, &["name"], format!("pool '{name}' has no driver"));
                self.faults
                    .push(fault.help("add driver: {measured: file.csv}, or driver: keep where nothing shares it"));
                None
            }
        };
        let monthly = matches!(driver, Some(Driver::Direct(_) | Driver::Commitment));
        let default = if monthly { Window::Month } else { Window::Day };
        let window = self.word(at, map, "window", &[("day", Window::Day), ("month", Window::Month)], default);
        let rules = [("month", Missing::Month), ("carry", Missing::Carry), ("keep", Missing::Keep)];
        let missing = self.word(at, map, "missing", &rules, Missing::Month);
        let idle = self.word(at, map, "idle", &[("keep", IdleRule::Keep), ("share", IdleRule::Share)], IdleRule::Keep);
        self.consumers(at, map);
        if let Some(driver) = &driver {
            self.fitting(at, map, driver, missing);
        }
        if self.faults.len() > before {
            return None;
        }
        Some(Pool { name, steward, driver: driver?, window, missing, idle, line: self.places.line(at) })
    }

    fn check_name(&mut self, at: usize, map: &Map, name: &str) {
        let fault = if name.is_empty() {
            if map.contains_key("name") && map.get("name").is_none_or(|name| name.as_str() != Some("")) {
                return;
            }
            self.places.fault(at, &["name"], "a pool without name").help("add name: as the rules call it")
        } else if name == BENEFIT_POOL {
            let message = format!("no pool may be called '{BENEFIT_POOL}': averaged benefits of commitments go by it");
            self.places.fault_at_value(at, &["name"], message).help("give the pool another name")
        } else if let Some(first) = self.names[..at].iter().position(|other| other == name) {
            let line =
                self.places.line(first).map_or_else(String::new, |line| format!(": the first is on line {line}"));
            let message = format!("two pools are called '{name}'{line}");
            self.places.fault_at_value(at, &["name"], message).help("give one of them another name")
        } else {
            return;
        };
        self.faults.push(fault);
    }

    fn consumers(&mut self, at: usize, map: &Map) {
        let form = "consumers has the form {ended: successor}";
        match map.get("consumers") {
            None | Some(Value::Null) => {}
            Some(Value::Mapping(inner)) => {
                self.unknown_fields(at, &["consumers"], inner, &["ended"], "consumers");
                if let Some(ended) = inner.get("ended")
                    && ended.as_str() != Some("successor")
                {
                    let message = format!("{} is no way to treat a team that ended", short(ended));
                    let fault = self.places.fault_at_value(at, &["consumers", "ended"], message);
                    self.faults.push(fault.help("its successor takes part for it: ended: successor"));
                }
            }
            Some(other) => {
                let message = format!("{form}, found {}", short(other));
                self.faults.push(self.places.fault(at, &["consumers"], message));
            }
        }
    }

    /// Fields that say nothing with this driver are refused, because somebody meant something by them.
    fn fitting(&mut self, at: usize, map: &Map, driver: &Driver, missing: Missing) {
        let unfit: &[&str] = match driver {
            Driver::Pool(_) => &["window", "missing", "idle"],
            Driver::Keep => &["window", "missing", "idle", "consumers"],
            Driver::Fixed(_) | Driver::HeadCount { .. } | Driver::Direct(_) | Driver::Commitment => &["idle"],
            Driver::Measured(_) => &[],
        };
        for field in unfit.iter().filter(|field| map.contains_key(**field)) {
            let fault = self.places.fault(at, &[field], format!("{field} says nothing with driver {}", driver.word()));
            let help = match driver {
                Driver::Pool(_) => "the pool that this one follows has its own; leave it out here",
                _ => "leave it out",
            };
            self.faults.push(fault.help(help));
        }
        let dated = matches!(driver, Driver::Measured(_) | Driver::Fixed(_));
        if missing == Missing::Carry && !dated {
            let message = format!("missing: carry says nothing with driver {}", driver.word());
            let help = "earlier days can be carried from files and fixed weights; use month or keep";
            self.faults.push(self.places.fault_at_value(at, &["missing"], message).help(help));
        }
    }

    /// One word out of several.
    pub(super) fn word<T: Copy>(&mut self, at: usize, map: &Map, field: &str, words: &[(&str, T)], default: T) -> T {
        let Some(value) = map.get(field) else { return default };
        let found = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
        found.map_or_else(
            || {
                let choices: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                let fault = self.places.fault_at_value(at, &[field], format!("{} is no {field}", short(value)));
                self.faults.push(fault.help(format!("write {}", choices.join(" or "))));
                default
            },
            |(_, meaning)| *meaning,
        )
    }

    pub(super) fn unknown_fields(&mut self, at: usize, path: &[&str], map: &Map, known: &[&str], what: &str) {
        for key in map.keys() {
            let name = key.as_str().unwrap_or("");
            if !known.contains(&name) {
                let path: Vec<&str> = path.iter().copied().chain([name]).collect();
                let fault = self.places.fault(at, &path, format!("unknown field {}", short(key)));
                let help = match nearest(name, known.iter().copied()) {
                    Some(candidate) => format!("did you mean {candidate}?"),
                    None => format!("{what} has {}", known.join(", ")),
                };
                self.faults.push(fault.help(help));
            }
        }
    }

    fn text(&mut self, at: usize, map: &Map, field: &str) -> Option<String> {
        match map.get(field) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.trim().to_owned()),
            Some(other) => {
                let message = format!("{field} must be text, found {}", short(other));
                let fault = self.places.fault_at_value(at, &[field], message);
                self.faults.push(fault.help(format!("quote it: \"{}\"", short(other))));
                None
            }
        }
    }

    fn benefit(&mut self, value: Option<&Value>) -> Benefit {
        match value.map(|value| (value, value.as_str())) {
            None | Some((Value::Null, _)) | Some((_, Some("where-it-fell"))) => Benefit::WhereItFell,
            Some((_, Some("averaged"))) => Benefit::Averaged,
            Some((other, _)) => {
                let message = format!("{} is no commitment_benefit", short(other));
                let fault = self.top_fault("commitment_benefit", message);
                self.faults.push(fault.help("write where-it-fell or averaged"));
                Benefit::WhereItFell
            }
        }
    }

    /// The order, and the place of each pool in it.
    fn order(&mut self, value: Option<&Value>) -> (Order, Vec<usize>) {
        let listed: Vec<usize> = (0..self.names.len()).collect();
        let help = "write direct, step-down, reciprocal, or {step-down: [first, second]}";
        match value.map(|value| (value, value.as_str())) {
            None | Some((Value::Null, _)) | Some((_, Some("direct"))) => (Order::Direct, listed),
            Some((_, Some("step-down"))) => (Order::StepDown, listed),
            Some((_, Some("reciprocal"))) => (Order::Reciprocal, listed),
            Some((Value::Mapping(map), _)) if map.len() == 1 && map.contains_key("step-down") => {
                let Some(Value::Sequence(named)) = map.get("step-down") else {
                    let fault = self.top_fault("order", "step-down must be a list of pools".to_owned());
                    self.faults.push(fault.help(help));
                    return (Order::StepDown, listed);
                };
                (Order::StepDown, self.declared(named))
            }
            Some((other, _)) => {
                let fault = self.top_fault("order", format!("{} is no order", short(other)));
                self.faults.push(fault.help(help));
                (Order::Direct, listed)
            }
        }
    }

    /// Named pools first, the others after them in the order of the file.
    fn declared(&mut self, named: &[Value]) -> Vec<usize> {
        let mut sequence: Vec<usize> = Vec::new();
        for value in named {
            let number = value.as_str().and_then(|name| self.names.iter().position(|other| other == name));
            let fault = match number {
                Some(number) if sequence.contains(&number) => {
                    self.top_fault("order", format!("order names pool {} twice", short(value)))
                }
                Some(number) => {
                    sequence.push(number);
                    continue;
                }
                None => {
                    let fault = self.top_fault("order", format!("order names the unknown pool {}", short(value)));
                    fault.help(self.pool_help(value.as_str().unwrap_or("")))
                }
            };
            self.faults.push(fault);
        }
        let rest: Vec<usize> = (0..self.names.len()).filter(|number| !sequence.contains(number)).collect();
        sequence.extend(rest);
        let mut rank = vec![0; sequence.len()];
        sequence.iter().enumerate().for_each(|(place, number)| rank[*number] = place);
        rank
    }

    pub(super) fn pool_help(&self, name: &str) -> String {
        match nearest(name, self.names.iter().map(String::as_str).filter(|name| !name.is_empty())) {
            Some(candidate) => format!("did you mean {candidate}?"),
            None => "add a pool of that name to the list".to_owned(),
        }
    }
}

/// A fixed weight as written: digits as they stand, never through a float that lost some.
pub(super) fn weight(value: &Value, long_numbers: bool) -> Result<Exact, (String, &'static str)> {
    let form = "a weight is a number ≥ 0 and below 10^15, with at most 18 decimals, such as 60 or 12.5";
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => {
            if number.is_f64() && long_numbers {
                return Err((format!("{} may have lost digits", short(value)), "quote numbers of more than 15 digits"));
            }
            short(value)
        }
        other => return Err((format!("{} is no weight", short(other)), form)),
    };
    let number = Exact::parse(text.as_bytes(), 15).map_err(|error| (format!("weight '{text}' {error}"), form))?;
    if number < Exact::ZERO {
        return Err((format!("weight {number} is negative"), "a share is never negative: leave the team out"));
    }
    if number.fine() != 0 {
        return Err((format!("weight {number} has more than 18 decimals"), form));
    }
    Ok(number)
}
