//! Reads `org.yaml` in its two forms: flat, as people write it, and with spans, as leap writes it.
//!
//! ```yaml
//! units:
//!   - {id: search, name: Search, parent: acme, effective: {until: 2026-07-01}, successor: payments}   # flat: one span
//!   - id: payments                                                                                    # a history
//!     spans:
//!     - {until: 2026-07-01, name: Payments, kind: team, parent: acme}
//!     - {from: 2026-07-01, name: Payments and Search, kind: team, parent: acme, head_count: 12}
//! people:
//!   - {person: e-17, spans: [{from: 2026-01-01, unit: payments}]}
//! ```
//! It decides what the text says, not whether that can be: the checks are elsewhere.

use std::collections::BTreeMap;

use leap_terms::{Day, Fault, Period, TeamId, fault::nearest};
use serde_norway::{Mapping, Value};

use super::check::Blame;
use super::{Membership, Span, Unit};
use crate::yaml::{Places, effective, read, short};

const ATTRIBUTES: [&str; 10] =
    ["name", "kind", "parent", "aliases", "lead", "head_count", "cost_center", "owns", "successor", "split_from"];

/// An org file as read, not checked.
pub(super) struct Read<'a> {
    pub(super) units: Vec<Unit>,
    pub(super) people: BTreeMap<String, Vec<Membership>>,
    pub(super) blame: Blame<'a>,
}

pub(super) fn read_org<'a>(file: &'a str, text: &'a str) -> Result<Read<'a>, Vec<Fault>> {
    let document = read(file, text).map_err(|fault| vec![fault])?;
    read_document(file, text, &document)
}

/// The same of a text that was parsed already: the only document in it.
pub(super) fn read_document<'a>(file: &'a str, text: &'a str, document: &Value) -> Result<Read<'a>, Vec<Fault>> {
    let form = "an org has the form units: [{id, name, kind, parent, aliases}]";
    let Value::Mapping(top) = document else {
        return Err(vec![Fault::in_file(file, "no list of units").help(form)]);
    };
    let mut faults = Vec::new();
    for key in top.keys().filter(|key| !matches!(key.as_str(), Some("units" | "people"))) {
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
    let mut units = Vec::new();
    for (at, item) in list.iter().enumerate() {
        match unit(&places, at, item) {
            Ok(unit) => units.push(unit),
            Err(fault) => faults.push(fault),
        }
    }
    let listed = match top.get("people") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Sequence(list)) => list,
        Some(other) => {
            faults.push(Fault::in_file(file, format!("people must be a list, found {}", short(other))));
            &[]
        }
    };
    let persons = Places::new(file, text, "people", listed.len());
    let mut people = BTreeMap::new();
    for (at, item) in listed.iter().enumerate() {
        match person(&persons, at, item) {
            Ok((person, memberships)) => {
                if people.insert(person.clone(), memberships).is_some() {
                    let message = format!("person '{person}' is listed twice");
                    faults.push(persons.fault_at_value(at, &["person"], message).help("list all spans in one place"));
                }
            }
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(Read { units, people, blame: Blame::Lists(places, persons) }) } else { Err(faults) }
}

/// Fields of an item of a list, or of one of its spans.
struct Fields<'a> {
    places: &'a Places<'a>,
    at: usize,
    map: &'a Mapping,
    /// Which span of whom.
    span: Option<(usize, &'a str)>,
}

impl<'a> Fields<'a> {
    fn of(places: &'a Places<'a>, at: usize, item: &'a Value, form: &str) -> Result<Fields<'a>, Fault> {
        match item {
            Value::Mapping(map) => Ok(Fields { places, at, map, span: None }),
            other => Err(places.fault(at, &[], format!("{form}, found {}", short(other)))),
        }
    }

    fn fault(&self, field: &str, message: String) -> Fault {
        match self.span {
            None => self.places.fault_at_value(self.at, &[field], message),
            Some((number, whose)) => {
                let message = format!("span {} of '{whose}': {message}", number + 1);
                self.places.fault(self.at, &["spans"], message)
            }
        }
    }

    fn knows(&self, fields: &[&str], what: &str) -> Result<(), Fault> {
        for key in self.map.keys() {
            let name = key.as_str().unwrap_or("");
            if fields.contains(&name) {
                continue;
            }
            let message = format!("unknown field {}", short(key));
            let fault = match self.span {
                None => self.places.fault(self.at, &[name], message),
                Some(_) => self.fault(name, message),
            };
            return Err(match nearest(name, fields.iter().copied()) {
                Some(candidate) => fault.help(format!("did you mean {candidate}?")),
                None => fault.help(format!("{what} has {}", fields.join(", "))),
            });
        }
        Ok(())
    }

    fn text(&self, field: &str) -> Result<Option<&'a str>, Fault> {
        match self.map.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Sequence(_)) if field == "parent" => {
                let fault = self.fault(field, "a unit has one parent on a day".to_owned());
                Err(fault.help("name one; where it changes on a date, write spans: with from and until"))
            }
            Some(other) => {
                let fault = self.fault(field, format!("{field} must be text, found {}", short(other)));
                Err(fault.help(format!("quote it: \"{}\"", short(other))))
            }
        }
    }

    fn owned(&self, field: &str) -> Result<Option<String>, Fault> {
        Ok(self.text(field)?.map(str::to_owned))
    }

    fn id(&self, field: &str) -> Result<Option<TeamId>, Fault> {
        self.text(field)?.map(TeamId::new).transpose().map_err(|message| self.fault(field, message))
    }

    fn texts(&self, field: &str, one: &str) -> Result<Vec<String>, Fault> {
        match self.map.get(field) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.clone()]),
            Some(Value::Sequence(list)) => {
                let texts = list.iter().map(|text| {
                    text.as_str().map(str::to_owned).ok_or_else(|| {
                        let fault = self.fault(field, format!("{one} must be text, found {}", short(text)));
                        fault.help(format!("quote it: \"{}\"", short(text)))
                    })
                });
                texts.collect()
            }
            Some(other) => Err(self.fault(field, format!("{field} must be a list, found {}", short(other)))),
        }
    }

    fn count(&self, field: &str) -> Result<Option<u32>, Fault> {
        match self.map.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64().and_then(|count| u32::try_from(count).ok()) {
                Some(count) => Ok(Some(count)),
                None => {
                    let message = format!("{field} must be a whole number such as 12, found {}", short(value));
                    Err(self.fault(field, message))
                }
            },
        }
    }

    /// `from` and `until` of a span.
    fn period(&self) -> Result<Period, Fault> {
        let day = |field: &str, otherwise: Day| match self.text(field)? {
            None => Ok(otherwise),
            Some(text) => text.parse().map_err(|message: String| self.fault(field, format!("{field}: {message}"))),
        };
        let (from, until) = (day("from", Period::ALWAYS.from())?, day("until", Period::ALWAYS.until())?);
        Period::new(from, until).ok_or_else(|| {
            self.fault("from", format!("the span is empty: it ends on {until}, before it starts on {from}"))
        })
    }

    fn span(&self, id: &TeamId, period: Period) -> Result<Span, Fault> {
        let origins = self.texts("split_from", "an origin")?;
        let origins = origins.iter().map(|id| TeamId::new(id)).collect::<Result<_, _>>();
        Ok(Span {
            period,
            name: self.owned("name")?.unwrap_or_else(|| id.as_str().to_owned()),
            kind: self.owned("kind")?.unwrap_or_else(|| "team".to_owned()),
            parent: self.id("parent")?,
            aliases: self.texts("aliases", "an alias")?,
            lead: self.owned("lead")?,
            head_count: self.count("head_count")?,
            cost_center: self.owned("cost_center")?,
            evidence: self.texts("owns", "what a unit owns")?,
            successor: self.id("successor")?,
            split_from: origins.map_err(|message| self.fault("split_from", message))?,
        })
    }

    /// The spans, each with its fields.
    fn spans(&self, whose: &'a str) -> Result<Vec<Fields<'a>>, Fault> {
        let form = "spans has the form [{from: 2025-01-01, until: 2026-07-01, …}]";
        let Some(Value::Sequence(list)) = self.map.get("spans") else {
            return Err(self.places.fault(self.at, &["spans"], form));
        };
        let spans = list.iter().enumerate().map(|(number, span)| match span {
            Value::Mapping(map) => Ok(Fields { map, span: Some((number, whose)), ..*self }),
            other => Err(self.places.fault(self.at, &["spans"], format!("{form}, found {}", short(other)))),
        });
        spans.collect()
    }
}

fn unit(places: &Places<'_>, at: usize, item: &Value) -> Result<Unit, Fault> {
    let fields = Fields::of(places, at, item, "a unit has the form {id: …, name: …}")?;
    let history = fields.map.contains_key("spans");
    if history {
        fields.knows(&["id", "spans"], "a unit with spans")?;
    } else {
        let known: Vec<&str> = ["id"].into_iter().chain(ATTRIBUTES).chain(["effective"]).collect();
        fields.knows(&known, "a unit")?;
    }
    let id = fields.id("id")?.ok_or_else(|| places.fault(at, &[], "a unit without id"))?;
    let spans = if history {
        let known: Vec<&str> = ["from", "until"].into_iter().chain(ATTRIBUTES).collect();
        let spans = fields.spans(id.as_str())?.into_iter().map(|span| {
            span.knows(&known, "a span")?;
            span.span(&id, span.period()?)
        });
        spans.collect::<Result<_, _>>()?
    } else {
        let period = match fields.map.get("effective") {
            None => Period::ALWAYS,
            Some(value) => effective(value).map_err(|message| places.fault(at, &["effective"], message))?,
        };
        vec![fields.span(&id, period)?]
    };
    Ok(Unit { id, spans })
}

fn person(places: &Places<'_>, at: usize, item: &Value) -> Result<(String, Vec<Membership>), Fault> {
    let fields = Fields::of(places, at, item, "a person has the form {person: …, spans: […]}")?;
    fields.knows(&["person", "spans"], "a person")?;
    let person = fields.owned("person")?.ok_or_else(|| places.fault(at, &[], "a person without an id"))?;
    let memberships = fields.spans(&person)?.into_iter().map(|span| {
        span.knows(&["from", "until", "unit"], "a person's span")?;
        let unit = span.id("unit")?.ok_or_else(|| span.fault("unit", "no unit is named".to_owned()))?;
        Ok(Membership { period: span.period()?, unit })
    });
    let memberships = memberships.collect::<Result<_, _>>()?;
    Ok((person, memberships))
}
