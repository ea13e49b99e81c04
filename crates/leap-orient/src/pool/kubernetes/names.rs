//! Which team a pod works for: a label of the pod, else its namespace.
//!
//! ```csv
//! namespace,team,effective_from,effective_until
//! checkout,payments,,2026-09-16
//! checkout,search,2026-09-16,
//! openshift-*,platform,,
//! ```
//! `name*` stands for every namespace that starts with `name`; the exact name goes before it, a longer start before a
//! shorter one. Periods are half-open. The team is a name as written: who is meant by it on a day, the org decides.
//!
//! Labels arrive as Prometheus spells them: `label_` before the key and `_` for every other sign, so
//! `app.kubernetes.io/team` is found as `label_app_kubernetes_io_team`; the plain spelling is found too.

use std::collections::BTreeMap;

use leap_terms::{Day, Fault, Period, limits};

use crate::table::Table;

/// The value of the first of `wanted` that the pod has; labels without value do not count.
pub(super) fn label<'a>(labels: &'a str, wanted: &[Wanted]) -> Option<&'a str> {
    wanted.iter().find_map(|wanted| {
        labels.split('|').find_map(|pair| {
            let (key, value) = pair.split_once(':')?;
            let (key, value) = (key.trim(), value.trim());
            (!value.is_empty() && (key == wanted.plain || key == wanted.prometheus)).then_some(value)
        })
    })
}

/// A label that names the team, in both spellings.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    plain: String,
    prometheus: String,
}

impl Wanted {
    pub fn new(key: &str) -> Wanted {
        let sanitized: String =
            key.chars().map(|sign| if sign.is_ascii_alphanumeric() || sign == '_' { sign } else { '_' }).collect();
        Wanted { plain: key.to_owned(), prometheus: format!("label_{sanitized}") }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    period: Period,
    team: String,
    row: usize,
}

/// The teams of namespaces.
#[derive(Clone, Debug, Default)]
pub(super) struct Namespaces {
    exact: BTreeMap<String, Vec<Entry>>,
    starts: BTreeMap<String, Vec<Entry>>,
}

impl Namespaces {
    /// Reads the CSV file.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Namespaces, Vec<Fault>> {
        let form = "the header is namespace,team and, where teams change, effective_from,effective_until";
        let mut table = Table::open(file, bytes)?;
        let columns = (table.column("namespace"), table.column("team"));
        let (Some(namespace_at), Some(team_at)) = columns else {
            let missing = if columns.0.is_none() { "namespace" } else { "team" };
            return Err(vec![Fault::in_file(file, format!("the mapping has no column {missing}")).help(form)]);
        };
        let (from_at, until_at) = (table.column("effective_from"), table.column("effective_until"));
        let mut out = Namespaces::default();
        let mut faults = Vec::new();
        while let Some(place) = table.advance(&mut faults) {
            if place.row > limits::MAPPING_ROWS {
                faults.push(place.fault(format!("more than {} rows", limits::MAPPING_ROWS)));
                break;
            }
            let (namespace, team) = (table.cell(namespace_at), table.cell(team_at));
            if namespace.is_empty() || team.is_empty() {
                let column = if namespace.is_empty() { "namespace" } else { "team" };
                faults.push(
                    place.cell_fault(column, "is empty").help("leave the row out where nobody owns the namespace"),
                );
                continue;
            }
            let day = |at: Option<usize>, column: &str, default: Day| match at.map(|at| table.cell(at)) {
                None | Some("") => Ok(default),
                Some(text) => text.parse::<Day>().map_err(|error| place.cell_fault(column, error)),
            };
            let bounds = day(from_at, "effective_from", Period::ALWAYS.from())
                .and_then(|from| Ok((from, day(until_at, "effective_until", Period::ALWAYS.until())?)));
            let period = match bounds {
                Ok((from, until)) => Period::new(from, until)
                    .ok_or_else(|| place.fault(format!("ends on {until}, before it starts on {from}"))),
                Err(fault) => Err(fault),
            };
            let period = match period {
                Ok(period) => period,
                Err(fault) => {
                    faults.push(fault);
                    continue;
                }
            };
            let entries = match namespace.strip_suffix('*') {
                Some(start) => out.starts.entry(start.to_owned()).or_default(),
                None => out.exact.entry(namespace.to_owned()).or_default(),
            };
            if let Some(other) = entries.iter().find(|other| other.period.intersection(period).is_some()) {
                let message =
                    format!("namespace '{namespace}' has another team in row {} on some of these days", other.row);
                faults.push(
                    place
                        .fault(message)
                        .help("end one period where the next starts: effective_until is the first day outside"),
                );
                continue;
            }
            entries.push(Entry { period, team: team.to_owned(), row: place.row });
        }
        if faults.is_empty() { Ok(out) } else { Err(faults) }
    }

    /// The team of a namespace on a day.
    pub fn team(&self, namespace: &str, day: Day) -> Option<&str> {
        let exact = self.exact.get(namespace);
        if let Some(entry) = exact.and_then(|entries| entries.iter().find(|entry| entry.period.contains(day))) {
            return Some(&entry.team);
        }
        (0..=namespace.len()).rev().filter(|at| namespace.is_char_boundary(*at)).find_map(|at| {
            let entries = self.starts.get(&namespace[..at])?;
            entries.iter().find(|entry| entry.period.contains(day)).map(|entry| entry.team.as_str())
        })
    }
}
