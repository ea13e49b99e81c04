//! Tags out of canonical JSON text: only those that the rules read, each distinct text once.

use std::borrow::Cow;
use std::fmt;

use hashbrown::HashMap;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::vectors::Vectors;
use crate::interner::Interner;

/// The number of a null.
pub(super) const NULL: u32 = u32::MAX;
/// Distinct JSON texts remembered; keys with the same tags mostly follow each other.
const REMEMBERED: usize = 1 << 16;

/// Reads some tags out of one JSON column.
pub(super) struct TagReader {
    slots: HashMap<String, usize>,
    remembered: HashMap<Box<str>, u32>,
    lists: Vectors,
}

impl TagReader {
    pub(super) fn new(keys: impl Iterator<Item = String>) -> TagReader {
        let mut slots = HashMap::new();
        for key in keys {
            let next = slots.len();
            slots.entry(key).or_insert(next);
        }
        TagReader { slots, remembered: HashMap::new(), lists: Vectors::default() }
    }

    pub(super) fn slot(&self, key: &str) -> Option<usize> {
        self.slots.get(key).copied()
    }

    /// Numbers of the values in the order of the slots.
    pub(super) fn read(&mut self, json: Option<&str>, values: &mut Interner) -> &[u32] {
        let json = json.unwrap_or("");
        let list = match self.remembered.get(json) {
            Some(list) => *list,
            None => {
                let mut out = vec![NULL; self.slots.len()];
                if !json.is_empty() {
                    let visitor = Wanted { slots: &self.slots, values, out: &mut out };
                    // What is no JSON object has no tags; intake has checked it.
                    let _ = serde_json::Deserializer::from_str(json).deserialize_map(visitor);
                }
                if self.remembered.len() >= REMEMBERED {
                    self.remembered.clear();
                    self.lists = Vectors::default();
                }
                let (list, _) = self.lists.intern(&out);
                self.remembered.insert(json.into(), list);
                list
            }
        };
        self.lists.get(list)
    }
}

#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

struct Wanted<'w> {
    slots: &'w HashMap<String, usize>,
    values: &'w mut Interner,
    out: &'w mut [u32],
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of tags")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            match self.slots.get(key.as_ref()) {
                Some(slot) => {
                    let value = map.next_value::<&RawValue>()?;
                    self.out[*slot] = number(value.get(), self.values);
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A string as it is, `true` and numbers as their text; null and the empty string are null.
fn number(raw: &str, values: &mut Interner) -> u32 {
    match raw.strip_prefix('"') {
        None if raw == "null" => NULL,
        None => values.intern(raw),
        Some(rest) if !rest.contains('\\') => match rest.strip_suffix('"') {
            Some("") | None => NULL,
            Some(text) => values.intern(text),
        },
        Some(_) => match serde_json::from_str::<String>(raw) {
            Ok(text) if !text.is_empty() => values.intern(&text),
            Ok(_) | Err(_) => NULL,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_text_whatever_it_was() {
        let keys = ["a", "b", "n", "e", "none", "esc", "Team", "o"].map(str::to_owned);
        let mut reader = TagReader::new(keys.clone().into_iter());
        let mut values = Interner::default();
        let json = r#"{"Team":"x","a":true,"b":1.50,"e":"","esc":"a\"\u00e4","n":null,"o":{"x":[1]},"z":{"a":"no"}}"#;
        let list = reader.read(Some(json), &mut values).to_vec();
        let value = |key: &str| {
            let number = list[reader.slot(key).unwrap()];
            (number != NULL).then(|| values.get(number).to_owned())
        };
        assert_eq!(value("a").as_deref(), Some("true"));
        assert_eq!(value("b").as_deref(), Some("1.50"));
        assert_eq!(value("n"), None);
        assert_eq!(value("e"), None);
        assert_eq!(value("none"), None);
        assert_eq!(value("esc").as_deref(), Some("a\"ä"));
        assert_eq!(value("Team").as_deref(), Some("x"));
        assert_eq!(value("o").as_deref(), Some("{\"x\":[1]}"));
        for bad in [None, Some(""), Some("[]"), Some("{\"a\":"), Some("x")] {
            assert!(reader.read(bad, &mut values).iter().all(|number| *number == NULL));
        }
    }
}
