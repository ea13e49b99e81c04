//! Reads the `driver:` of a pool.
//!
//! ```yaml
//! driver: {measured: kafka.csv}
//! driver: {fixed: {payments: 60, search: 40}}
//! driver: {fixed: [{until: 2026-07-01, weights: {payments: 1}}, {from: 2026-07-01, weights: {search: 1}}]}
//! driver: {head_count: {under: acme, kind: team}}
//! driver: {direct: {cost: effective}}
//! driver: {pool: kafka}
//! driver: {commitment: {}}
//! driver: {kubernetes: {reports: [september.csv], namespaces: namespaces.csv, labels: [team], cpu: 2, memory: 1}}
//! driver: keep
//! ```

use std::sync::Arc;

use leap_terms::{CostKind, Exact, Fault, Period, TeamId, fault::nearest};
use serde_norway::{Mapping as Map, Value};

use super::kubernetes::{Options, Scope, Usage};
use super::measured::{DriverFile, Measured, MeasuredFile, Overuse};
use super::policy::{Driver, Fixed};
use super::read::{Reader, weight};
use crate::org::{Org, Resolved};
use crate::yaml::{effective, short};

const DRIVERS: [&str; 7] = ["measured", "fixed", "head_count", "direct", "pool", "commitment", "kubernetes"];
const KUBERNETES: [&str; 8] = ["reports", "namespaces", "labels", "cpu", "memory", "node", "volume", "volumes"];

impl Reader<'_> {
    pub(super) fn driver(&mut self, at: usize, pool: &str, value: &Value) -> Option<Driver> {
        let choices = format!("a driver is keep or one of {}", DRIVERS.join(", "));
        if value.as_str() == Some("keep") {
            return Some(Driver::Keep);
        }
        let one = match value {
            Value::Mapping(map) if map.len() == 1 => map.iter().next(),
            _ => None,
        };
        let Some((key, inner)) = one else {
            let fault = self.places.fault(at, &["driver"], format!("{} is no driver", short(value)));
            self.faults.push(fault.help(format!("write one, such as driver: {{measured: file.csv}}; {choices}")));
            return None;
        };
        match key.as_str().unwrap_or("") {
            "measured" => self.measured(at, pool, inner),
            "fixed" => self.fixed(at, inner),
            "head_count" => self.head_count(at, inner),
            "direct" => {
                let map = self.mapping(at, "direct", inner)?;
                self.unknown_fields(at, &["driver", "direct"], map, &["cost"], "direct");
                let kinds = CostKind::ALL.map(|kind| (kind.word(), kind));
                Some(Driver::Direct(self.word(at, map, "cost", &kinds, CostKind::Effective)))
            }
            "pool" => {
                let name = inner.as_str().unwrap_or("");
                let other = self.names.iter().position(|other| other == name && !name.is_empty());
                if other.is_none() || other == Some(at) {
                    let (what, help) = match other {
                        Some(_) => (format!("pool '{pool}' follows itself"), "name another pool".to_owned()),
                        None => (format!("{} is no pool", short(inner)), self.pool_help(name)),
                    };
                    let fault = self.place(at, &["pool"], what);
                    self.faults.push(fault.help(help));
                    return None;
                }
                other.map(Driver::Pool)
            }
            "commitment" => {
                let map = self.mapping(at, "commitment", inner)?;
                self.unknown_fields(at, &["driver", "commitment"], map, &[], "commitment");
                Some(Driver::Commitment)
            }
            "kubernetes" => self.kubernetes(at, inner),
            other => {
                let fault = self.places.fault(at, &["driver", other], format!("unknown driver {}", short(key)));
                let help = match nearest(other, DRIVERS) {
                    Some(candidate) => format!("did you mean {candidate}?"),
                    None => choices,
                };
                self.faults.push(fault.help(help));
                None
            }
        }
    }

    /// A fault at the value of a key inside `driver:`.
    fn place(&self, at: usize, path: &[&str], message: String) -> Fault {
        let path: Vec<&str> = ["driver"].into_iter().chain(path.iter().copied()).collect();
        self.places.fault_at_value(at, &path, message)
    }

    fn mapping<'v>(&mut self, at: usize, driver: &str, value: &'v Value) -> Option<&'v Map> {
        if let Value::Mapping(map) = value {
            return Some(map);
        }
        let fault = self.place(at, &[driver], format!("{driver} has fields, found {}", short(value)));
        self.faults.push(fault.help(format!("write {driver}: {{}} for the usual")));
        None
    }

    fn read(&mut self, at: usize, path: &[&str], file: &str) -> Option<DriverFile> {
        (self.read_file)(file)
            .map_err(|error| {
                let fault = self.place(at, path, format!("driver file '{file}': {error}"));
                self.faults.push(fault.help("the path is relative to the pools file"));
            })
            .ok()
    }

    fn measured(&mut self, at: usize, pool: &str, value: &Value) -> Option<Driver> {
        let Some(file) = value.as_str().filter(|file| !file.is_empty()) else {
            let fault = self.place(at, &["measured"], format!("measured names a file, found {}", short(value)));
            self.faults.push(fault.help("write measured: file.csv"));
            return None;
        };
        if !self.files.contains_key(file) {
            let read = self.read(at, &["measured"], file).and_then(|content| {
                MeasuredFile::read(file, &content).map_err(|faults| self.faults.extend(faults)).ok()
            });
            self.files.insert(file.to_owned(), read.map(Arc::new));
        }
        let found = self.files.get(file)?.clone()?;
        let measured = match found.pools.get(pool) {
            Some(measured) => measured.clone(),
            None => {
                let fault = self.place(at, &["measured"], format!("'{file}' has no rows for pool '{pool}'"));
                self.warnings.push(fault.help("every day then goes by the pool's rule for missing days"));
                Measured::of_no_rows(file)
            }
        };
        self.check_names(at, &measured);
        self.check_capacity(at, &measured);
        Some(Driver::Measured(Arc::new(measured)))
    }

    /// More use than there is capacity leaves nothing idle, and is more often a slip in one of the two.
    fn check_capacity(&mut self, at: usize, measured: &Measured) {
        for Overuse { measure, day, used, capacity, more_days } in measured.overuse() {
            let of = if measure.is_empty() { String::new() } else { format!(" of measure '{measure}'") };
            let more = match more_days {
                0 => String::new(),
                1 => ", and so on 1 more day".to_owned(),
                days => format!(", and so on {days} more days"),
            };
            let message = format!(
                "'{}' has a use{of} of {used} on {day}, above the capacity of {capacity}{more}",
                measured.file()
            );
            let fault = Fault { line: self.places.line(at), ..Fault::in_file(self.places.file, message) };
            self.warnings.push(fault.help("nothing is idle then; correct the capacity, or the unit of the weights"));
        }
    }

    /// Pools that a file weighs must exist; teams that no day knows leave their part with the pool, which is said.
    fn check_names(&mut self, at: usize, measured: &Measured) {
        let file = measured.file();
        for name in measured.names() {
            match name.strip_prefix("pool:") {
                Some(pool) if self.names.iter().any(|other| other == pool) => {}
                Some(pool) => {
                    let fault = Fault::in_file(file, format!("weighs the unknown pool '{pool}'"));
                    self.faults.push(fault.help(self.pool_help(pool)));
                }
                None if name.is_empty() || self.known(name) => {}
                None => {
                    let fault = Fault {
                        line: self.places.line(at),
                        ..Fault::in_file(self.places.file, format!("'{file}' weighs '{name}', which is no team"))
                    };
                    let near = self.org.nearest(name).map(|near| format!("did you mean {near}? "));
                    let help = "its part stays with the pool";
                    self.warnings.push(fault.help(format!("{}{help}", near.unwrap_or_default())));
                }
            }
        }
    }

    /// True where the name means some team on some day.
    fn known(&self, name: &str) -> bool {
        self.org.resolve_always(name).iter().any(|(_, who)| !matches!(who, Resolved::Unknown))
    }

    fn fixed(&mut self, at: usize, value: &Value) -> Option<Driver> {
        let form = "write fixed: {team: weight}, or a list of {from, until, weights}";
        let before = self.faults.len();
        let mut spans: Vec<Fixed> = Vec::new();
        match value {
            Value::Mapping(map) => spans.push(Fixed { period: Period::ALWAYS, weights: self.weights(at, map) }),
            Value::Sequence(list) => {
                for item in list {
                    let span = self.span(at, item, form);
                    spans.extend(span);
                }
            }
            other => {
                let fault = self.place(at, &["fixed"], format!("fixed has weights, found {}", short(other)));
                self.faults.push(fault.help(form));
            }
        }
        spans.sort_by_key(|span| span.period);
        for pair in spans.windows(2).filter(|pair| pair[0].period.intersection(pair[1].period).is_some()) {
            let message = format!("two lists of weights hold on {}", pair[1].period.from());
            let fault = self.places.fault(at, &["driver", "fixed"], message);
            self.faults.push(fault.help("end one where the next starts: until is the first day outside"));
        }
        if spans.iter().all(|span| span.weights.is_empty()) && self.faults.len() == before {
            let fault = self.places.fault(at, &["driver", "fixed"], "fixed has no weights");
            self.faults.push(fault.help(form));
        }
        (self.faults.len() == before).then_some(Driver::Fixed(spans))
    }

    fn span(&mut self, at: usize, item: &Value, form: &str) -> Option<Fixed> {
        let Value::Mapping(map) = item else {
            let message = format!("a list of weights has from, until and weights, found {}", short(item));
            self.faults.push(self.places.fault(at, &["driver", "fixed"], message).help(form));
            return None;
        };
        self.unknown_fields(at, &["driver", "fixed"], map, &["from", "until", "weights"], "an entry of fixed");
        let Some(Value::Mapping(weights)) = map.get("weights") else {
            let fault = self.places.fault(at, &["driver", "fixed"], "an entry of fixed has no weights");
            self.faults.push(fault.help(form));
            return None;
        };
        let dates: Map = map
            .iter()
            .filter(|(key, _)| matches!(key.as_str(), Some("from" | "until")))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let weights = self.weights(at, weights);
        match effective(&Value::Mapping(dates)) {
            Ok(period) => Some(Fixed { period, weights }),
            Err(message) => {
                let message = message.replacen("effective", "an entry of fixed", 1);
                self.faults.push(self.places.fault(at, &["driver", "fixed"], message));
                None
            }
        }
    }

    fn weights(&mut self, at: usize, map: &Map) -> Vec<(String, Exact)> {
        let long = has_long_numbers(self.places.text);
        let mut weights: Vec<(String, Exact)> = Vec::new();
        for (key, value) in map {
            let Some(name) = key.as_str().map(str::trim).filter(|name| !name.is_empty()) else {
                let message = format!("a team's name must be text, found {}", short(key));
                let fault = self.places.fault(at, &["driver", "fixed"], message);
                self.faults.push(fault.help(format!("quote it: \"{}\"", short(key))));
                continue;
            };
            let found = match name.strip_prefix("pool:") {
                Some(pool) if self.names.iter().any(|other| other == pool) => Ok(()),
                Some(pool) => Err((format!("unknown pool '{pool}'"), self.pool_help(pool))),
                None if self.known(name) => Ok(()),
                None => {
                    let near = self.org.nearest(name).map(|near| format!("did you mean {near}?"));
                    let help = near.unwrap_or_else(|| "name a unit of the org by id, name or alias".to_owned());
                    Err((format!("unknown team '{name}'"), help))
                }
            };
            if let Err((message, help)) = found {
                self.faults.push(self.places.fault(at, &["driver", "fixed", name], message).help(help));
            }
            match weight(value, long) {
                Ok(weight) => {
                    if weight.is_zero() {
                        let fault = self.place(at, &["fixed", name], format!("the weight of '{name}' is 0"));
                        self.warnings.push(fault.help("it pays nothing: leave it out, or write its weight"));
                    }
                    weights.push((name.to_owned(), weight));
                }
                Err((message, help)) => self.faults.push(self.place(at, &["fixed", name], message).help(help)),
            }
        }
        weights.sort();
        weights
    }

    fn head_count(&mut self, at: usize, value: &Value) -> Option<Driver> {
        let map = self.mapping(at, "head_count", value)?;
        self.unknown_fields(at, &["driver", "head_count"], map, &["under", "kind"], "head_count");
        let texts = ["under", "kind"].map(|field| self.texts(at, "head_count", map, field));
        let [under, kind] = texts.map(|texts| texts.into_iter().next());
        if let Some(under) = under.as_ref().filter(|under| !self.known(under)) {
            let fault = self.place(at, &["head_count", "under"], format!("unknown unit '{under}'"));
            let near = self.org.nearest(under).map(|near| format!("did you mean {near}?"));
            self.faults.push(fault.help(near.unwrap_or_else(|| "name a unit of the org".to_owned())));
            return None;
        }
        if kind.is_none()
            && let Some((above, below)) = nested_counts(self.org)
        {
            let message = format!("'{above}' and '{below}' below it both state a head count, and both count");
            let fault = self.place(at, &["head_count"], message);
            let help = "a unit's number is of the people directly in it; where it includes those below, name the kind of \
                        unit that counts: head_count: {kind: team}";
            self.warnings.push(fault.help(help));
        }
        Some(Driver::HeadCount { under, kind })
    }

    /// A text, or a list of texts, of a field of a driver.
    fn texts(&mut self, at: usize, driver: &str, map: &Map, field: &str) -> Vec<String> {
        let values = match map.get(field) {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Sequence(list)) => list.iter().collect(),
            Some(one) => vec![one],
        };
        let mut texts = Vec::new();
        for value in values {
            match value.as_str() {
                Some(text) => texts.push(text.trim().to_owned()),
                None => {
                    let fault =
                        self.place(at, &[driver, field], format!("{field} must be text, found {}", short(value)));
                    self.faults.push(fault.help(format!("quote it: \"{}\"", short(value))));
                }
            }
        }
        texts
    }

    fn kubernetes(&mut self, at: usize, value: &Value) -> Option<Driver> {
        let before = self.faults.len();
        let map = self.mapping(at, "kubernetes", value)?;
        self.unknown_fields(at, &["driver", "kubernetes"], map, &KUBERNETES, "kubernetes");
        let reports = self.texts(at, "kubernetes", map, "reports");
        if reports.is_empty() {
            let fault = self.places.fault(at, &["driver", "kubernetes"], "kubernetes has no reports");
            self.faults.push(fault.help("add reports: [usage.csv]"));
        }
        let mut files = Vec::new();
        for report in &reports {
            files.extend(self.bytes(at, "reports", report).map(|bytes| (report.clone(), bytes)));
        }
        let mut options = Options { labels: self.texts(at, "kubernetes", map, "labels"), ..Options::default() };
        for (field, slot) in [("cpu", &mut options.cpu_weight), ("memory", &mut options.memory_weight)] {
            if let Some(value) = map.get(field) {
                match weight(value, has_long_numbers(self.places.text)) {
                    Ok(weight) => *slot = weight,
                    Err((message, help)) => {
                        self.faults.push(self.place(at, &["kubernetes", field], message).help(help));
                    }
                }
            }
        }
        if let Some(file) = self.texts(at, "kubernetes", map, "namespaces").into_iter().next() {
            options.namespaces = self.bytes(at, "namespaces", &file).map(|bytes| (file, bytes));
        }
        let node = self.texts(at, "kubernetes", map, "node").into_iter().next();
        let volume = self.texts(at, "kubernetes", map, "volume").into_iter().next();
        let volumes = map.get("volumes").and_then(Value::as_bool).unwrap_or(false);
        let scope = match (&node, &volume, volumes) {
            (None, None, false) => Scope::Cluster,
            (Some(node), None, false) => Scope::Node(node),
            (None, Some(volume), false) => Scope::Volume(volume),
            (None, None, true) => Scope::Volumes,
            _ => {
                let fault = self.places.fault(at, &["driver", "kubernetes"], "kubernetes names several scopes");
                self.faults.push(fault.help("a pool is one node, one volume, or volumes: true; else the cluster"));
                return None;
            }
        };
        if self.faults.len() > before {
            return None;
        }
        let usage = Usage::read(&files, &options).map_err(|faults| self.faults.extend(faults)).ok()?;
        self.warnings.extend(usage.notes().into_iter().map(|note| Fault::in_file(reports.join(", "), note)));
        let measured = Measured::of_reports(&reports.join(", "), &usage.weights(scope));
        self.check_names(at, &measured);
        Some(Driver::Measured(Arc::new(measured)))
    }

    fn bytes(&mut self, at: usize, field: &str, file: &str) -> Option<Vec<u8>> {
        match self.read(at, &["kubernetes", field], file)? {
            DriverFile::Csv(bytes) => Some(bytes),
            DriverFile::Batches(_) => {
                let fault = self.place(at, &["kubernetes", field], format!("'{file}' is no CSV file"));
                self.faults.push(fault.help("usage reports and namespaces are CSV"));
                None
            }
        }
    }
}

/// True where the text has a number of more digits than a float carries.
fn has_long_numbers(text: &str) -> bool {
    let tokens = text.split(|sign: char| !sign.is_ascii_digit() && sign != '.');
    tokens.into_iter().any(|token| token.bytes().filter(u8::is_ascii_digit).count() > 15)
}

/// A unit that states a head count on a day on which one above it does, too: the one above first.
fn nested_counts(org: &Org) -> Option<(TeamId, TeamId)> {
    org.units().iter().find_map(|unit| {
        unit.spans.iter().find_map(|span| {
            let day = span.period.from();
            let own = unit.on(day).filter(|own| own.head_count.is_some())?;
            let mut above = own.parent.clone();
            while let Some(parent) = above {
                let state = org.unit(&parent)?.on(day)?;
                if state.head_count.is_some() {
                    return Some((parent, unit.id.clone()));
                }
                above = state.parent.clone();
            }
            None
        })
    })
}
