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
    /// Values of the text just read.
    current: Vec<u32>,
    /// How often memory was asked, and how often it knew.
    asked: u64,
    knew: u64,
}

impl TagReader {
    pub(super) fn new(keys: impl Iterator<Item = String>) -> TagReader {
        let mut slots = HashMap::new();
        for key in keys {
            let next = slots.len();
            slots.entry(key).or_insert(next);
        }
        let current = vec![NULL; slots.len()];
        TagReader { slots, remembered: HashMap::new(), lists: Vectors::default(), current, asked: 0, knew: 0 }
    }

    pub(super) fn slot(&self, key: &str) -> Option<usize> {
        self.slots.get(key).copied()
    }

    /// Reads a JSON text; [`TagReader::value`] then gives its values.
    pub(super) fn read(&mut self, json: Option<&str>, values: &mut Interner) {
        let json = json.unwrap_or("");
        // Tags that differ on every key (names of hosts) are not worth remembering.
        let remembers = self.asked < 4_096 || self.knew * 8 > self.asked;
        if remembers {
            self.asked += 1;
            if let Some(list) = self.remembered.get(json) {
                self.knew += 1;
                self.current.clear();
                self.current.extend_from_slice(self.lists.get(*list));
                return;
            }
        }
        self.current.fill(NULL);
        if json.len() > 2 && !self.slots.is_empty() {
            let visitor = Wanted { slots: &self.slots, values, out: &mut self.current };
            // What is no JSON object has no tags; intake has checked it.
            if serde_json::Deserializer::from_str(json).deserialize_map(visitor).is_err() {
                self.current.fill(NULL);
            }
        }
        if remembers {
            if self.remembered.len() >= REMEMBERED {
                self.remembered.clear();
                self.lists = Vectors::default();
            }
            let (list, _) = self.lists.intern(&self.current);
            self.remembered.insert(json.into(), list);
        }
    }

    /// The number of the value in a slot of the text just read.
    pub(super) fn value(&self, slot: usize) -> u32 {
        self.current[slot]
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
        reader.read(Some(json), &mut values);
        let value = |key: &str| {
            let number = reader.value(reader.slot(key).unwrap());
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
            reader.read(bad, &mut values);
            assert!((0..keys.len()).all(|slot| reader.value(slot) == NULL), "{bad:?}");
        }
    }
}
