//! Texts as numbers: millions of distinct tag values, account ids and evidences in one block of memory.
//!
//! ```text
//! intern("payments") → 0, intern("search") → 1, intern("payments") → 0, get(1) → "search"
//! ```
//! Nothing is ever removed; drop the interner as a whole.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Texts, each once, numbered from 0 in order of arrival.
#[derive(Default, Clone)]
pub(crate) struct Interner {
    bytes: String,
    ends: Vec<usize>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Interner {
    /// The number of the text; a new text gets the next number.
    pub(crate) fn intern(&mut self, text: &str) -> u32 {
        let hash = self.hasher.hash_one(text);
        if let Some(found) = self.table.find(hash, |at| at_index(&self.bytes, &self.ends, *at) == text) {
            return *found;
        }
        let number = u32::try_from(self.ends.len()).expect("fewer than 2^32 distinct texts");
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
        let (bytes, ends, hasher) = (&self.bytes, &self.ends, &self.hasher);
        self.table.insert_unique(hash, number, |at| hasher.hash_one(at_index(bytes, ends, *at)));
        number
    }

    /// The number of the text, if it is known.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(text);
        self.table.find(hash, |at| at_index(&self.bytes, &self.ends, *at) == text).copied()
    }

    /// The text of a number that [`Interner::intern`] gave.
    pub(crate) fn get(&self, number: u32) -> &str {
        at_index(&self.bytes, &self.ends, number)
    }

    /// How many texts there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }
}

fn at_index<'a>(bytes: &'a str, ends: &[usize], at: u32) -> &'a str {
    let at = at as usize;
    let start = if at == 0 { 0 } else { ends[at - 1] };
    &bytes[start..ends[at]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number() {
        let mut interner = Interner::default();
        let numbers: Vec<u32> = (0..1000).map(|n| interner.intern(&format!("text {n}"))).collect();
        assert_eq!(interner.len(), 1000);
        for (n, number) in numbers.iter().enumerate() {
            assert_eq!(interner.get(*number), format!("text {n}"));
            assert_eq!(interner.find(&format!("text {n}")), Some(*number));
        }
        assert_eq!(interner.intern(""), 1000);
        assert_eq!(interner.get(1000), "");
        assert_eq!(interner.find("other"), None);
    }
}
