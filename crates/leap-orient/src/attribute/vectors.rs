//! Lists of numbers as numbers: projections of keys, and tag values of one JSON text.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Distinct lists, numbered from 0.
#[derive(Default)]
pub(super) struct Vectors {
    data: Vec<u32>,
    ends: Vec<usize>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

fn at_index<'a>(data: &'a [u32], ends: &[usize], at: u32) -> &'a [u32] {
    let at = at as usize;
    let start = if at == 0 { 0 } else { ends[at - 1] };
    &data[start..ends[at]]
}

impl Vectors {
    /// The number of the list, and whether it is new.
    pub(super) fn intern(&mut self, list: &[u32]) -> (u32, bool) {
        let hash = self.hasher.hash_one(list);
        if let Some(found) = self.table.find(hash, |at| at_index(&self.data, &self.ends, *at) == list) {
            return (*found, false);
        }
        let number = u32::try_from(self.ends.len()).expect("fewer than 2^32 distinct lists");
        self.data.extend_from_slice(list);
        self.ends.push(self.data.len());
        let (data, ends, hasher) = (&self.data, &self.ends, &self.hasher);
        self.table.insert_unique(hash, number, |at| hasher.hash_one(at_index(data, ends, *at)));
        (number, true)
    }

    /// The list of a number.
    pub(super) fn get(&self, number: u32) -> &[u32] {
        at_index(&self.data, &self.ends, number)
    }

    /// How many lists there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}
