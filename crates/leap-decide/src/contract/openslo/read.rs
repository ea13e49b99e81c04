//! OpenSLO v1 documents as contracts.

use std::collections::BTreeMap;
use std::str::FromStr;

use leap_terms::yaml::{short, syntax};
use leap_terms::{Day, Exact, Fault, Period, TeamId, limits};
use serde::Deserialize;
use serde_norway::Value;

use super::{
    API_VERSION, CONSEQUENCE, CONTRACT, GAP, LATE, N_MIN, OWNER, RECOVERY, REOPEN_WITHIN, STALE_AFTER, TERM, THIN, UNIT,
};
use crate::budget::Names;
use crate::contract::{Clause, Contract, Contracts, Latency, Measure, Nanoseconds, Quantile, Thin, Timing};
use crate::seconds::Seconds;

/// Documents of one file.
const MOST: usize = 10_000;

/// Reads a file of one or several OpenSLO documents. A contract is made for each value of the annotation
/// `leap/contract`, or else for each service; the service is the team, unless `leap/owner` names who answers for the
/// clause. Names are asked as in `contracts.yaml`.
///
/// # Errors
/// Every fault with the line at which its document begins, the path of the field, rule and remedy.
pub fn import(file: &str, text: &str, names: Names<'_>, today: Day) -> Result<Contracts, Vec<Fault>> {
    let documents = documents(file, text)?;
    let mut reader = Reader { file, documents: &documents, names, today, faults: Vec::new() };
    let mut contracts = Contracts::default();
    for (at, document) in documents.iter().enumerate().filter(|(_, document)| document.kind() == "SLO") {
        let version = document.value.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        if version != API_VERSION {
            let help = format!("leap reads {API_VERSION}; convert it, or write it so where the fields are the same");
            reader.wrong(at, "apiVersion", format!("'{}' is another version", version.escape_debug()), &help);
            continue;
        }
        let before = reader.faults.len();
        let read = reader.slo(at);
        let Some((contract, clause)) = read.filter(|_| reader.faults.len() == before) else { continue };
        match contracts.list.iter_mut().find(|other| other.id == contract.id) {
            None => contracts.list.push(Contract { clauses: vec![clause], ..contract }),
            Some(other) if (&other.team, other.term) != (&contract.team, contract.term) => {
                let message = format!("contract {} has another team or term in an earlier document", other.id);
                reader.wrong(
                    at,
                    "metadata.annotations",
                    message,
                    "give clauses of one contract the same service and term",
                );
            }
            Some(other) if other.clauses.iter().any(|other| other.id == clause.id) => {
                let message = format!("contract {} has two clauses called {}", other.id, clause.id);
                reader.wrong(at, "metadata.name", message, "give one of them another name");
            }
            Some(other) => other.clauses.push(clause),
        }
    }
    if reader.faults.is_empty() { Ok(contracts) } else { Err(reader.faults) }
}

/// A document and where it begins.
struct Document {
    line: usize,
    value: Value,
}

impl Document {
    fn kind(&self) -> &str {
        self.value.get("kind").and_then(Value::as_str).unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.value.get("metadata").and_then(|data| data.get("name")).and_then(Value::as_str).unwrap_or_default()
    }
}

fn documents(file: &str, text: &str) -> Result<Vec<Document>, Vec<Fault>> {
    if text.len() as u64 > limits::CONFIG_BYTES {
        let message = format!("the file has {} bytes, the limit is {}", text.len(), limits::CONFIG_BYTES);
        return Err(vec![Fault::in_file(file, message).help("divide it into several")]);
    }
    let mut lines = text.split_inclusive('\n').enumerate();
    let separator = |(_, line): &(usize, &str)| line.trim_end() == "---" || line.starts_with("--- ");
    // Where documents begin: behind each line of three dashes, and at the first line.
    let mut starts = vec![1];
    starts.extend(lines.by_ref().filter(separator).map(|(at, _)| at + 2));
    let mut found = Vec::new();
    for document in serde_norway::Deserializer::from_str(text) {
        let value = Value::deserialize(document)
            .map_err(|error| vec![syntax(file, text, &error, 0).help("write OpenSLO documents, divided by ---")])?;
        if found.len() >= MOST {
            return Err(vec![Fault::in_file(file, format!("more than {MOST} documents")).help("divide the file")]);
        }
        found.push(value);
    }
    // An empty start before the first separator is no document.
    let skip = starts.len().saturating_sub(found.len());
    let line = |at: usize| starts.get(at + skip).or(starts.last()).copied().unwrap_or(1);
    let documents = found.into_iter().enumerate().map(|(at, value)| Document { line: line(at), value });
    Ok(documents.filter(|document| !document.value.is_null()).collect())
}

struct Reader<'a> {
    file: &'a str,
    documents: &'a [Document],
    names: Names<'a>,
    today: Day,
    faults: Vec<Fault>,
}

/// The value at a path such as `spec.objectives`.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, key| value.get(key)).filter(|value| !value.is_null())
}

/// A number or text as it is written.
fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| short(value), |text| text.trim().to_owned())
}

impl<'a> Reader<'a> {
    fn wrong(&mut self, document: usize, path: &str, message: impl std::fmt::Display, help: &str) {
        let Document { line, .. } = &self.documents[document];
        let name = self.documents[document].name();
        let fault = Fault::in_file(self.file, format!("SLO {name}: {path}: {message}")).help(help);
        self.faults.push(Fault { line: Some(*line), ..fault });
    }

    /// Another document, or the one that stands in place of its name.
    fn referred(
        &mut self,
        document: usize,
        inline: Option<&'a Value>,
        kind: &str,
        name: Option<&'a Value>,
    ) -> Option<&'a Value> {
        if let Some(inline) = inline {
            return Some(inline);
        }
        let name = scalar(name?);
        let documents = self.documents;
        let found = documents.iter().find(|other| other.kind() == kind && other.name() == name);
        if found.is_none() {
            let message = format!("{kind} '{}' is in no document of the file", name.escape_debug());
            self.wrong(document, "spec", message, "put it into the same file, or write it in place");
        }
        found.map(|document| &document.value)
    }

    /// What is read from a text at a path; a fault where it is none.
    fn parsed<T: FromStr>(&mut self, document: usize, path: &str, text: &str, help: &str) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        text.parse().map_err(|error| self.wrong(document, path, error, help)).ok()
    }

    fn slo(&mut self, document: usize) -> Option<(Contract, Clause)> {
        let slo = &self.documents[document].value;
        let notes: BTreeMap<String, String> = at(slo, "metadata.annotations")
            .and_then(Value::as_mapping)
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), scalar(value))))
            .collect();
        let note = |name: &str| notes.get(name).map(String::as_str);
        let id = self.documents[document].name().to_owned();
        if id.is_empty() {
            self.wrong(document, "metadata.name", "is missing", "name the objective");
        }
        let service = at(slo, "spec.service").map(scalar).unwrap_or_default();
        let term = match note(TERM) {
            Some(text) => self.parsed::<Period>(document, TERM, text, "write a period such as 2026-10..2027-09")?,
            None => Period::ALWAYS,
        };
        let day = if term.from() <= Day::EARLIEST { self.today } else { term.from() };
        let team = self.team(document, "spec.service", &service, day);
        let owner = match note(OWNER) {
            Some(name) => self.team(document, OWNER, name, day),
            None => team.clone(),
        };
        let measure = self.latency(document, &notes);
        let timing = self.timing(document, &notes);
        let contract = note(CONTRACT).unwrap_or(&service).to_owned();
        let line = Some(self.documents[document].line);
        let consequence = note(CONSEQUENCE).unwrap_or_default().to_owned();
        let clause = Clause { id, measure: Measure::Latency(measure?), timing: timing?, owner: owner?, consequence };
        Some((Contract { id: contract, team: team?, term, clauses: Vec::new(), line }, clause))
    }

    fn team(&mut self, document: usize, path: &str, name: &str, day: Day) -> Option<TeamId> {
        let named = (self.names)(name, day);
        named.map_err(|message| self.wrong(document, path, message, "name a unit, by its id or an alias")).ok()
    }

    /// API, threshold and quantile.
    fn latency(&mut self, document: usize, notes: &BTreeMap<String, String>) -> Option<Latency> {
        let slo = &self.documents[document].value;
        let spec = at(slo, "spec")?;
        let indicator = self.referred(document, spec.get("indicator"), "SLI", spec.get("indicatorRef"));
        let Some(indicator) = indicator else {
            self.wrong(document, "spec.indicator", "is missing", "write a ratioMetric of good and total requests");
            return None;
        };
        let Some([objective]) = at(spec, "objectives").and_then(Value::as_sequence).map(Vec::as_slice) else {
            self.wrong(document, "spec.objectives", "is no list of one", "write an SLO for each objective");
            return None;
        };
        let method = at(spec, "budgetingMethod").map_or_else(|| "Occurrences".to_owned(), scalar);
        if method != "Occurrences" {
            let message = format!("'{}' is no way to count requests", method.escape_debug());
            self.wrong(
                document,
                "spec.budgetingMethod",
                message,
                "write Occurrences: windows are counted by the contract",
            );
        }
        let quantile = self.quantile(document, objective);
        let (api, at_most) = match (at(indicator, "spec.ratioMetric"), at(indicator, "spec.thresholdMetric")) {
            (Some(ratio), None) => self.ratio(document, ratio)?,
            (None, Some(threshold)) => self.threshold(document, threshold, objective, notes)?,
            _ => {
                self.wrong(
                    document,
                    "spec.indicator.spec",
                    "has no metric",
                    "write either ratioMetric or thresholdMetric",
                );
                return None;
            }
        };
        let n_min = match notes.get(N_MIN) {
            Some(text) => self.parsed(document, N_MIN, text, "write a whole number such as 4000")?,
            None => super::super::document::N_MIN,
        };
        let thin = match notes.get(THIN).map(String::as_str) {
            None | Some("unjudged") => Thin::Unjudged,
            Some("merged") => Thin::Merged,
            Some(other) => {
                let message = format!("'{}' is no way to treat thin windows", other.escape_debug());
                self.wrong(document, THIN, message, "write unjudged or merged");
                return None;
            }
        };
        Some(Latency { api, quantile: quantile?, at_most_ns: at_most.0, n_min, thin })
    }

    fn quantile(&mut self, document: usize, objective: &Value) -> Option<Quantile> {
        let (path, text) = match (objective.get("target"), objective.get("targetPercent")) {
            (Some(target), None) => ("spec.objectives.target", scalar(target)),
            (None, Some(percent)) => ("spec.objectives.targetPercent", format!("{}%", scalar(percent))),
            _ => {
                self.wrong(document, "spec.objectives", "has no target", "write target: 0.999, or targetPercent: 99.9");
                return None;
            }
        };
        self.parsed(document, path, &text, "write a target between 0 and 1, such as 0.999")
    }

    /// Good requests are those within the threshold; what they are counted from says API and threshold.
    fn ratio(&mut self, document: usize, ratio: &Value) -> Option<(String, Nanoseconds)> {
        let path = "spec.indicator.spec.ratioMetric.good.metricSource";
        let source = at(ratio, "good.metricSource");
        let kind = source.and_then(|source| at(source, "type")).map(scalar).unwrap_or_default();
        let spec = source.and_then(|source| at(source, "spec")).filter(|_| kind == "leap");
        let (Some(api), Some(at_most)) =
            (spec.and_then(|spec| at(spec, "api")), spec.and_then(|spec| at(spec, "latency_at_most")))
        else {
            let help =
                "write type: leap and spec: {api: charge-api, latency_at_most: 250ms}: leap counts requests itself";
            self.wrong(document, path, format!("a query of type '{}' is not leap's", kind.escape_debug()), help);
            return None;
        };
        let at_most = self.parsed(document, path, &scalar(at_most), "write a latency such as 250ms")?;
        Some((scalar(api), at_most))
    }

    fn threshold(
        &mut self,
        document: usize,
        metric: &Value,
        objective: &Value,
        notes: &BTreeMap<String, String>,
    ) -> Option<(String, Nanoseconds)> {
        if at(objective, "op").map(scalar).as_deref() != Some("lte") {
            self.wrong(
                document,
                "spec.objectives.op",
                "is not lte",
                "a latency is met when it is at most the value: lte",
            );
        }
        let Some(unit) = notes.get(UNIT) else {
            let help = "say what the value is in: annotations: {leap/unit: ms}";
            self.wrong(document, UNIT, "is missing", help);
            return None;
        };
        let Some(value) = at(objective, "value") else {
            self.wrong(document, "spec.objectives.value", "is missing", "write the threshold, such as 250");
            return None;
        };
        let api = at(metric, "metricSource.spec.api").map(scalar);
        let Some(api) = api else {
            let help = "name the API: metricSource: {type: leap, spec: {api: charge-api}}";
            self.wrong(document, "spec.indicator.spec.thresholdMetric", "names no API", help);
            return None;
        };
        let text = format!("{}{unit}", scalar(value));
        let at_most =
            self.parsed(document, "spec.objectives.value", &text, "write a number, with leap/unit ms or s")?;
        Some((api, at_most))
    }

    /// Window and grace from the condition, the rest from annotations.
    fn timing(&mut self, document: usize, notes: &BTreeMap<String, String>) -> Option<Timing> {
        let slo = &self.documents[document].value;
        let default = Timing::default();
        let help = "write a length of time such as 48h";
        let (mut window, mut grace) = (default.window, default.grace);
        match at(slo, "spec.alertPolicies").and_then(Value::as_sequence).map(Vec::as_slice) {
            None | Some([]) => {}
            Some([policy]) => {
                let inline = policy.get("spec").map(|_| policy);
                let name = policy.get("alertPolicyRef").or(policy.is_string().then_some(policy));
                let policy = self.referred(document, inline, "AlertPolicy", name)?;
                let condition = self.condition(document, policy)?;
                let part = |key: &str| condition.get(key).map(scalar);
                if (part("kind").as_deref(), part("op").as_deref()) != (Some("burnrate"), Some("gt"))
                    || part("threshold").and_then(|text| text.parse().ok()) != Some(Exact::from_whole(1))
                {
                    let message = "is no burn rate above 1";
                    let help = "write kind: burnrate, op: gt, threshold: 1: that is a quantile over its threshold";
                    self.wrong(document, "spec.alertPolicies.conditions", message, help);
                }
                let path = "spec.alertPolicies.conditions.lookbackWindow";
                window = self.parsed(document, path, &part("lookbackWindow").unwrap_or_default(), help)?;
                let path = "spec.alertPolicies.conditions.alertAfter";
                grace = self.parsed(document, path, &part("alertAfter").unwrap_or_default(), help)?;
            }
            Some(_) => {
                self.wrong(document, "spec.alertPolicies", "has several policies", "a clause has one grace: keep one");
                return None;
            }
        }
        if window.count() == 0 || window > super::super::document::LONGEST {
            self.wrong(document, "lookbackWindow", format!("a window of {window} is none"), "write 1s to 7d");
            return None;
        }
        let windows = |count: i64| Seconds::new(window.count().saturating_mul(count)).unwrap_or(window);
        let mut note = |name: &str, otherwise: Seconds| match notes.get(name) {
            Some(text) => self.parsed(document, name, text, help),
            None => Some(otherwise),
        };
        Some(Timing {
            window,
            grace,
            recovery: note(RECOVERY, windows(3))?,
            stale_after: note(STALE_AFTER, windows(6))?,
            gap: note(GAP, default.gap)?,
            reopen_within: note(REOPEN_WITHIN, grace)?,
            late: note(LATE, default.late)?,
        })
    }

    fn condition(&mut self, document: usize, policy: &'a Value) -> Option<&'a Value> {
        let Some([condition]) = at(policy, "spec.conditions").and_then(Value::as_sequence).map(Vec::as_slice) else {
            self.wrong(document, "spec.alertPolicies.conditions", "is no list of one", "write one condition");
            return None;
        };
        let inline = condition.get("spec").map(|_| condition);
        let condition = self.referred(document, inline, "AlertCondition", condition.get("conditionRef"))?;
        let inner = at(condition, "spec.condition");
        if inner.is_none() {
            self.wrong(document, "spec.alertPolicies.conditions.spec.condition", "is missing", "write the burn rate");
        }
        inner
    }
}
