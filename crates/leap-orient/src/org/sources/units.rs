//! Reads `org.yaml` as states: one per date on which a unit's period starts or ends.
//!
//! ```yaml
//! units:
//! - {id: acme}
//! - {id: old-search, parent: acme, effective: {until: 2026-07-01}, successor: search}
//! - {id: search, parent: acme, effective: {from: 2026-07-01}}
//! ```
//! is a state without date and a state of 2026-07-01, in which `old-search` declares its successor. The file's form and
//! its faults are those of `Org::from_yaml`.

use std::collections::BTreeSet;

use leap_terms::{Day, Fault, Period};
use serde_norway::Value;

use super::States;
use crate::org::Org;

/// `document` is what the one file was parsed to, where it is the only document in it.
pub(super) fn states(files: &[(String, String)], document: Option<&Value>) -> Result<States, Vec<Fault>> {
    let [(file, text)] = files else {
        let names: Vec<&str> = files.iter().map(|(file, _)| file.as_str()).collect();
        let message = format!("{} files with a list units: {}", files.len(), names.join(", "));
        return Err(vec![Fault::in_file(names[0], message).help("an organisation is one file; write one list")]);
    };
    let org = match document {
        Some(document) => Org::from_document(file, text, document)?,
        None => Org::from_yaml(file, text)?,
    };
    let bounds: BTreeSet<Day> = org
        .units()
        .iter()
        .flat_map(|unit| unit.spans.iter())
        .flat_map(|span| [span.period.from(), span.period.until()])
        .filter(|day| *day > Period::ALWAYS.from() && *day < Period::ALWAYS.until())
        .collect();
    // Without any date the state is one; with dates, the first is that of all time before the first date.
    let mut states = vec![(None, org.state(Period::ALWAYS.from()))];
    if states[0].1.units.is_empty() && !bounds.is_empty() {
        states.clear();
    }
    for day in bounds {
        let mut state = org.state(day);
        for unit in org.units() {
            let ending = unit.spans.iter().find(|span| span.period.until() == day);
            if let Some(successor) = ending.and_then(|span| span.successor.clone())
                && !state.units.contains_key(&unit.id)
            {
                let mut ended = org.state(day.plus(-1)).units.remove(&unit.id).unwrap_or_default();
                ended.successor = Some(successor);
                state.units.insert(unit.id.clone(), ended);
            }
            let starting = unit.spans.iter().find(|span| span.period.from() == day);
            if let (Some(span), Some(unit)) = (starting, state.units.get_mut(&unit.id)) {
                unit.split_from = span.split_from.iter().cloned().collect();
            }
        }
        states.push((Some(day), state));
    }
    Ok((states, org.warnings().to_vec()))
}
