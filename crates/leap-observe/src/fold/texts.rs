//! Distinct rows of texts by digest: the attribution keys and the resources of a fold.
//!
//! A row's texts are kept on first sight only. They lie in one arena until they are spilled; digests seen so far stay, so
//! that a key which comes again is not stored again.

use std::io;

use arrow::array::{Array, StringArray};
use hashbrown::HashTable;

use super::runs::{Entries, RunWriter};

/// Bytes that one digest takes in the table of those seen, with room to grow.
const SEEN_BYTES: usize = 24;

/// The texts of distinct rows.
#[derive(Default)]
pub(super) struct Texts {
    seen: HashTable<u128>,
    arena: Vec<u8>,
    /// Digest and place in the arena.
    rows: Vec<(u128, usize)>,
}

fn spread(digest: &u128) -> u64 {
    // A digest is already as good as random.
    *digest as u64
}

impl Texts {
    /// Bytes held.
    pub(super) fn held(&self) -> usize {
        self.seen.capacity() * SEEN_BYTES + self.arena.capacity() + self.rows.capacity() * size_of::<(u128, usize)>()
    }

    /// Keeps the texts of a row unless its digest was seen; true when it was not.
    pub(super) fn add(&mut self, digest: u128, columns: &[Option<&StringArray>], row: usize) -> bool {
        let hash = spread(&digest);
        if self.seen.find(hash, |known| *known == digest).is_some() {
            return false;
        }
        self.seen.insert_unique(hash, digest, spread);
        self.rows.push((digest, self.arena.len()));
        for column in columns {
            pack(column.filter(|array| array.is_valid(row)).map_or("", |array| array.value(row)), &mut self.arena);
        }
        true
    }

    /// Writes the rows kept as a run and forgets their texts; the digests seen stay while they fit `memory`.
    pub(super) fn spill(&mut self, width: usize, memory: usize, writer: &mut RunWriter) -> io::Result<()> {
        let mut entries = self.sorted(width);
        let (mut key, mut value) = (Vec::new(), Vec::new());
        while entries.next(&mut key, &mut value)? {
            writer.push(&key, &value)?;
        }
        self.rows = Vec::new();
        self.arena = Vec::new();
        if self.held() > memory {
            self.seen = HashTable::new();
        }
        Ok(())
    }

    /// The rows kept, by digest.
    pub(super) fn sorted(&mut self, width: usize) -> SortedTexts<'_> {
        self.rows.sort_unstable();
        SortedTexts { texts: self, width, at: 0 }
    }

    /// True when no row waits.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Rows in the order of their digests.
pub(super) struct SortedTexts<'t> {
    texts: &'t Texts,
    width: usize,
    at: usize,
}

impl Entries for SortedTexts<'_> {
    fn next(&mut self, key: &mut Vec<u8>, value: &mut Vec<u8>) -> io::Result<bool> {
        key.clear();
        value.clear();
        let Some((digest, from)) = self.texts.rows.get(self.at) else { return Ok(false) };
        self.at += 1;
        key.extend(digest.to_be_bytes());
        let packed = &self.texts.arena[*from..];
        let mut rest = packed;
        for _ in 0..self.width {
            rest = unpack(rest).1;
        }
        value.extend(&packed[..packed.len() - rest.len()]);
        Ok(true)
    }
}

/// Appends a text with its length; an empty text stands for null.
fn pack(text: &str, out: &mut Vec<u8>) {
    let mut length = text.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(text.as_bytes());
}

/// The first text, and what follows.
pub(super) fn unpack(packed: &[u8]) -> (Option<&str>, &[u8]) {
    let (mut length, mut at) = (0_usize, 0);
    loop {
        let byte = packed[at];
        length |= usize::from(byte & 0x7f) << (7 * at);
        at += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let (text, rest) = packed[at..].split_at(length);
    let text = std::str::from_utf8(text).expect("what was packed was text");
    (Some(text).filter(|text| !text.is_empty()), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_come_back() {
        let mut packed = Vec::new();
        let long = "é".repeat(70_000);
        for text in ["", "a", &"b".repeat(127), &"c".repeat(128), &long] {
            pack(text, &mut packed);
        }
        let mut rest = packed.as_slice();
        let mut lengths = Vec::new();
        while !rest.is_empty() {
            let (text, more) = unpack(rest);
            lengths.push(text.map(str::len));
            rest = more;
        }
        assert_eq!(lengths, [None, Some(1), Some(127), Some(128), Some(140_000)]);
    }
}
