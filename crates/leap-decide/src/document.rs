//! Reads the items of a person's YAML: every field with its place, every fault in one go.

use std::cell::RefCell;
use std::fmt::Display;
use std::str::FromStr;

use leap_terms::fault::nearest;
use leap_terms::yaml::{Places, read, short};
use leap_terms::{Exact, Fault};
use serde_norway::{Mapping, Value};

/// Faults found so far.
pub(crate) type Faults = RefCell<Vec<Fault>>;

/// A document that is a mapping, with its top fields checked.
pub(crate) struct Document<'a> {
    pub file: &'a str,
    pub text: &'a str,
    pub top: Mapping,
}

impl<'a> Document<'a> {
    /// Reads a file whose top has these fields. `form` says how it looks.
    pub fn open(
        file: &'a str,
        text: &'a str,
        known: &[&str],
        form: &str,
        faults: &Faults,
    ) -> Result<Document<'a>, Vec<Fault>> {
        let top = match read(file, text).map_err(|fault| vec![fault])? {
            Value::Mapping(top) => top,
            other => {
                return Err(vec![Fault::in_file(file, format!("found {}", short(&other))).help(form)]);
            }
        };
        let document = Document { file, text, top };
        for key in document.top.keys() {
            let name = key.as_str().unwrap_or("");
            if !known.contains(&name) {
                let fault = document.fault(name, format!("unknown field {}", short(key)));
                let help = nearest(name, known.iter().copied()).map(|near| format!("did you mean {near}?"));
                faults.borrow_mut().push(fault.help(help.unwrap_or_else(|| form.to_owned())));
            }
        }
        Ok(document)
    }

    /// A fault at a top field.
    pub fn fault(&self, key: &str, message: String) -> Fault {
        let fault = Fault::in_file(self.file, message);
        match Places::new(self.file, self.text, key, 0).top(key) {
            Some(at) => fault.at(self.text, at, key.chars().count().max(1)),
            None => fault,
        }
    }

    /// A top field that is text.
    pub fn parsed<T: FromStr<Err: Display>>(&self, key: &str, help: &str, faults: &Faults) -> Option<T> {
        let value = self.top.get(key).filter(|value| !value.is_null())?;
        let parsed = match value {
            Value::String(text) => text.trim().parse().map_err(|error: T::Err| error.to_string()),
            other => short(other).parse().map_err(|error: T::Err| error.to_string()),
        };
        parsed.map_err(|message| faults.borrow_mut().push(self.fault(key, format!("{key}: {message}")).help(help))).ok()
    }

    /// The items of a top list; a fault where it is none.
    pub fn list(&self, key: &str, form: &str, faults: &Faults) -> &[Value] {
        match self.top.get(key) {
            Some(Value::Sequence(list)) => list,
            other => {
                let found = other.map_or_else(|| "is missing".to_owned(), |other| format!("found {}", short(other)));
                faults.borrow_mut().push(self.fault(key, format!("{key} must be a list: {found}")).help(form));
                &[]
            }
        }
    }
}

/// One item of a list.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    pub places: &'a Places<'a>,
    pub at: usize,
    pub map: &'a Mapping,
    faults: &'a Faults,
}

impl<'a> Item<'a> {
    /// The item, whose fields must be among the known ones.
    pub fn open(
        places: &'a Places<'a>,
        at: usize,
        value: &'a Value,
        (what, known): (&str, &[&str]),
        faults: &'a Faults,
    ) -> Option<Item<'a>> {
        let Value::Mapping(map) = value else {
            let fault = places.fault(at, &[], format!("{what} is a mapping, found {}", short(value)));
            faults.borrow_mut().push(fault.help(format!("{what} has {}", known.join(", "))));
            return None;
        };
        let item = Item { places, at, map, faults };
        for key in map.keys() {
            let name = key.as_str().unwrap_or("");
            if !known.contains(&name) {
                let help = nearest(name, known.iter().copied()).map(|near| format!("did you mean {near}?"));
                let help = help.unwrap_or_else(|| format!("{what} has {}", known.join(", ")));
                item.wrong_key(name, format!("unknown field {}", short(key)), &help);
            }
        }
        Some(item)
    }

    /// How many faults there are so far.
    pub fn faults(&self) -> usize {
        self.faults.borrow().len()
    }

    /// Notes a fault at a field's name.
    pub fn wrong_key(&self, field: &str, message: impl Into<String>, help: &str) {
        self.faults.borrow_mut().push(self.places.fault(self.at, &[field], message).help(help));
    }

    /// Notes a fault at a field's value.
    pub fn wrong(&self, field: &str, message: impl Into<String>, help: &str) {
        self.faults.borrow_mut().push(self.places.fault_at_value(self.at, &[field], message).help(help));
    }

    /// Notes a fault of the item.
    pub fn lacks(&self, message: impl Into<String>, help: &str) {
        self.faults.borrow_mut().push(self.places.fault(self.at, &[], message).help(help));
    }

    /// The line of the item.
    pub fn line(&self) -> Option<usize> {
        self.places.line(self.at)
    }

    /// A field that is there.
    pub fn get(&self, field: &str) -> Option<&'a Value> {
        self.map.get(field).filter(|value| !value.is_null())
    }

    /// A text.
    pub fn text(&self, field: &str) -> Option<&'a str> {
        match self.get(field)? {
            Value::String(text) => Some(text.trim()),
            other => {
                let message = format!("{field} must be text, found {}", short(other));
                self.wrong(field, message, &format!("quote it: \"{}\"", short(other)));
                None
            }
        }
    }

    /// A text that is read as something; whole numbers such as a year are texts too.
    pub fn parsed<T: FromStr<Err: Display>>(&self, field: &str, help: &str) -> Option<T> {
        let value = self.get(field)?;
        let text = match value {
            Value::Number(_) => short(value),
            _ => self.text(field)?.to_owned(),
        };
        text.parse().map_err(|message| self.wrong(field, format!("{field}: {message}"), help)).ok()
    }

    /// The same of a field that must be there.
    pub fn needed<T: FromStr<Err: Display>>(&self, field: &str, help: &str) -> Option<T> {
        if self.get(field).is_none() {
            self.lacks(format!("{field} is missing"), help);
        }
        self.parsed(field, help)
    }

    /// One word out of several; the default where the field is absent.
    pub fn word<T: Copy>(&self, field: &str, words: &[(&str, T)], default: T) -> T {
        let Some(value) = self.get(field) else { return default };
        let found = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
        found.map_or_else(
            || {
                let choices: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                self.wrong(
                    field,
                    format!("{} is no {field}", short(value)),
                    &format!("write {}", choices.join(" or ")),
                );
                default
            },
            |(_, meaning)| *meaning,
        )
    }

    /// An amount that is not negative, with all its digits.
    pub fn amount(&self, field: &str, help: &str) -> Option<Exact> {
        let value = self.get(field)?;
        match self.places.exact(self.at, &[field], value, leap_terms::cost::COST_WHOLE_DIGITS) {
            Ok(amount) if amount < Exact::ZERO => {
                self.wrong(field, format!("{field}: {amount} is negative"), help);
                None
            }
            Ok(amount) => Some(amount),
            Err(message) => {
                self.wrong(field, format!("{field}: {message}"), help);
                None
            }
        }
    }

    /// A whole number.
    pub fn count(&self, field: &str, help: &str) -> Option<u64> {
        let value = self.get(field)?;
        value.as_u64().or_else(|| {
            self.wrong(field, format!("{field}: {} is no whole number", short(value)), help);
            None
        })
    }
}
