//! Organisations as other systems keep them: a file, told by its content, becomes dated states.
//!
//! ```text
//! org.yaml                       units: [{id: acme}, {id: payments, parent: acme}]
//! people.csv                     employee,manager,cost_centre,team,effective_date
//! groups.yaml, users.yaml        kind: Group … kind: User …          (Backstage, several files)
//! sigs.yaml                      sigs: [{dir: sig-apps, subprojects: […]}]   (the Kubernetes community)
//! ```
//! Backstage may also be asked over its API: `backstage_api` turns the answers into such files.
//!
//! A state says what the source says and no more; how it differs from the recorded history, and which of its units are
//! old ones under new names, is what `propose` finds out.

mod backstage;
pub mod backstage_api;
mod hr;
mod hr_tree;
mod kubernetes;
mod units;

#[cfg(test)]
mod tests;

use std::fmt;

use leap_terms::{Day, Fault, limits};
use serde::Deserialize;
use serde_norway::Value;

use super::OrgState;

/// What kind of file an organisation was read from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// `org.yaml`: a list `units`.
    Units,
    /// CSV with one row per employee and date.
    Hr,
    /// Backstage entities of kind `Group` and `User`.
    Backstage,
    /// `sigs.yaml` of kubernetes/community.
    Kubernetes,
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Format::Units => "org.yaml",
            Format::Hr => "HR CSV",
            Format::Backstage => "Backstage",
            Format::Kubernetes => "Kubernetes sigs.yaml",
        })
    }
}

/// An organisation as read.
#[derive(Clone, Debug)]
pub struct Source {
    /// What the files are.
    pub format: Format,
    /// Its states by date, ascending; a state without a date is the only one, or the one before all others: the caller
    /// says when it takes effect.
    pub states: Vec<(Option<Day>, OrgState)>,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Fault>,
}

/// Reads the files of one organisation: pairs of file name and content. The content decides the format.
///
/// # Errors
/// Every fault found, with file, place, rule and remedy: no known format, several formats, and what each format forbids.
pub fn read(files: &[(String, Vec<u8>)]) -> Result<Source, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut texts: Vec<(String, String)> = Vec::new();
    let mut formats: Vec<(Format, &str)> = Vec::new();
    let mut document = None;
    for (file, bytes) in files {
        let told = text(file, bytes).and_then(|text| Ok((format(file, &text)?, text)));
        match told {
            Ok(((format, only), text)) => {
                document = only;
                formats.push((format, file));
                texts.push((file.clone(), text));
            }
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let Some((format, first)) = formats.first().copied() else {
        return Err(vec![Fault::in_file("", "no file of an organisation").help("name at least one file")]);
    };
    if let Some((other, file)) = formats.iter().find(|(other, _)| *other != format) {
        let message = format!("{file} is {other}, {first} is {format}");
        return Err(vec![Fault::in_file(*file, message).help("read one source at a time")]);
    }
    let (states, warnings) = match format {
        Format::Units => units::states(&texts, document.as_ref())?,
        Format::Hr => hr::states(&texts)?,
        Format::Backstage => backstage::states(&texts)?,
        Format::Kubernetes => kubernetes::states(&texts)?,
    };
    Ok(Source { format, states, warnings })
}

type States = (Vec<(Option<Day>, OrgState)>, Vec<Fault>);

fn text(file: &str, bytes: &[u8]) -> Result<String, Fault> {
    if bytes.len() as u64 > limits::CONFIG_BYTES {
        let message = format!("the file has {} bytes, the limit is {}", bytes.len(), limits::CONFIG_BYTES);
        return Err(Fault::in_file(file, message));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            let message = format!("the text is not UTF-8: a wrong byte on line {line}");
            Err(Fault { line: Some(line), ..Fault::in_file(file, message) }.help("save the file as UTF-8"))
        }
    }
}

/// Which format a text is, and the document in it where there is one alone: large files are not parsed twice. A CSV's first line
/// is asked first: as YAML it would be one plain scalar.
fn format(file: &str, text: &str) -> Result<(Format, Option<Value>), Fault> {
    if hr::is_header(text) {
        return Ok((Format::Hr, None));
    }
    let mut documents = serde_norway::Deserializer::from_str(text).map(Value::deserialize).enumerate();
    let first = documents.find(|(_, document)| !matches!(document, Ok(Value::Null)));
    let (at, value) = first.unwrap_or((0, Ok(Value::Null)));
    let value = value.map_err(|error| crate::yaml::syntax(file, text, &error, 0))?;
    let format = format_of(file, &value)?;
    let alone = format == Format::Units && at == 0 && documents.next().is_none();
    Ok((format, alone.then_some(value)))
}

fn format_of(file: &str, value: &Value) -> Result<Format, Fault> {
    let has = |key: &str| value.get(key).is_some();
    if has("units") {
        Ok(Format::Units)
    } else if has("kind") && has("metadata") {
        Ok(Format::Backstage)
    } else if kubernetes::LISTS.iter().any(|(list, _)| has(list)) {
        Ok(Format::Kubernetes)
    } else {
        Err(Fault::in_file(file, "no organisation is recognised in this file").help(
            "it has a list units (org.yaml), entities with kind and metadata (Backstage), a list sigs (Kubernetes), or is \
             a CSV with the columns employee, manager, cost_centre, team, effective_date",
        ))
    }
}
