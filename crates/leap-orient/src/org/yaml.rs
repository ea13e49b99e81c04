//! Reads `org.yaml`: a list `units` of `id`, `name`, `kind`, `parent`, `aliases`, `effective`.

use leap_terms::{Fault, Period, TeamId, fault::nearest};
use serde_norway::Value;

use super::{Draft, Unit};
use crate::yaml::{Places, effective, read, short};

const FIELDS: [&str; 6] = ["id", "name", "kind", "parent", "aliases", "effective"];

pub(super) fn units(file: &str, text: &str) -> Result<Vec<Draft>, Vec<Fault>> {
    let document = read(file, text).map_err(|fault| vec![fault])?;
    let form = "an org has the form units: [{id, name, kind, parent, aliases}]";
    let Value::Mapping(top) = &document else {
        return Err(vec![Fault::in_file(file, "no list of units").help(form)]);
    };
    let mut faults = Vec::new();
    for key in top.keys().filter(|key| key.as_str() != Some("units")) {
        let fault = Fault::in_file(file, format!("unknown field {}", short(key)));
        let place =
            key.as_str().and_then(|key| Places::new(file, text, key, 0).top(key).map(|at| (at, key.chars().count())));
        faults.push(match place {
            Some((at, length)) => fault.at(text, at, length).help(form),
            None => fault.help(form),
        });
    }
    let Some(Value::Sequence(list)) = top.get("units") else {
        faults.push(Fault::in_file(file, "no list of units").help(form));
        return Err(faults);
    };
    let places = Places::new(file, text, "units", list.len());
    let mut drafts = Vec::new();
    for (at, item) in list.iter().enumerate() {
        match unit(&places, at, item) {
            Ok(unit) => {
                let offset = places
                    .item(at)
                    .map(|item| places.fault(at, &["id"], "").line.map_or(item.start, |_| id_offset(&places, at)));
                drafts.push(Draft { unit, file: file.to_owned(), offset });
            }
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(drafts) } else { Err(faults) }
}

/// The byte at which the id's value starts.
fn id_offset(places: &Places<'_>, at: usize) -> usize {
    let fault = places.fault_at_value(at, &["id"], "");
    let (line, column) = (fault.line.unwrap_or(1), fault.column.unwrap_or(1));
    let start: usize = places.text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let skipped: usize = places.text[start..].chars().take(column - 1).map(char::len_utf8).sum();
    start + skipped
}

fn unit(places: &Places<'_>, at: usize, item: &Value) -> Result<Unit, Fault> {
    let Value::Mapping(map) = item else {
        return Err(places.fault(at, &[], format!("a unit has the form {{id: …, name: …}}, found {}", short(item))));
    };
    for key in map.keys() {
        let name = key.as_str().unwrap_or("");
        if !FIELDS.contains(&name) {
            let fault = places.fault(at, &[name], format!("unknown field {}", short(key)));
            return Err(match nearest(name, FIELDS) {
                Some(candidate) => fault.help(format!("did you mean {candidate}?")),
                None => fault.help(format!("a unit has {}", FIELDS.join(", "))),
            });
        }
    }
    let text = |field: &str| match map.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => {
            let fault = places.fault_at_value(at, &[field], format!("{field} must be text, found {}", short(other)));
            Err(fault.help(format!("quote it: \"{}\"", short(other))))
        }
    };
    let id = text("id")?.ok_or_else(|| places.fault(at, &[], "a unit without id"))?;
    let id = TeamId::new(&id).map_err(|message| places.fault_at_value(at, &["id"], message))?;
    let parent = text("parent")?
        .map(|parent| TeamId::new(&parent))
        .transpose()
        .map_err(|message| places.fault_at_value(at, &["parent"], message))?;
    let aliases = match map.get("aliases") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(alias)) => vec![alias.clone()],
        Some(Value::Sequence(list)) => {
            let texts = list.iter().map(|alias| {
                alias.as_str().map(str::to_owned).ok_or_else(|| {
                    let message = format!("an alias must be text, found {}", short(alias));
                    places.fault_at_value(at, &["aliases"], message).help(format!("quote it: \"{}\"", short(alias)))
                })
            });
            texts.collect::<Result<_, _>>()?
        }
        Some(other) => {
            return Err(places.fault_at_value(
                at,
                &["aliases"],
                format!("aliases must be a list, found {}", short(other)),
            ));
        }
    };
    let effective = match map.get("effective") {
        None => Period::ALWAYS,
        Some(value) => effective(value).map_err(|message| places.fault(at, &["effective"], message))?,
    };
    Ok(Unit {
        name: text("name")?.unwrap_or_else(|| id.as_str().to_owned()),
        kind: text("kind")?.unwrap_or_else(|| "team".to_owned()),
        id,
        parent,
        aliases,
        effective,
    })
}
