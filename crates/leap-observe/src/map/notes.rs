//! What the mapping has to say about the rows: assumptions, exact tallies per raw cost column, quarantined rows.
//!
//! Notes of chunks are merged in any order and come out the same: examples are those of the first row, and every list
//! is sorted.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::delivery::{Adjustment, Assumption, CostMapping, Quarantined};
use leap_terms::limits::QUARANTINE_ROWS_KEPT;
use leap_terms::{CostKind, Currency, Money};

/// Notes on some rows of a delivery.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Notes {
    of_rows: BTreeMap<(String, Option<String>), Seen>,
    of_files: BTreeMap<(String, Option<String>), Files>,
    tallies: BTreeMap<(String, CostKind, Currency), Tally>,
    quarantined: Vec<Quarantined>,
    quarantined_count: u64,
    derived: BTreeSet<CostKind>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Seen {
    rows: u64,
    first: (u32, u64),
    example: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Files {
    parts: BTreeSet<u32>,
    example: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Tally {
    raw: Money,
    mapped: Money,
    adjustments: BTreeMap<String, (u64, Money)>,
}

/// Shortens a text for a report.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let cut = (0..=limit).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &text[..cut])
}

impl Notes {
    /// Adds what other rows' notes say.
    pub fn merge(&mut self, other: Notes) {
        for (key, seen) in other.of_rows {
            match self.of_rows.entry(key) {
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(seen);
                }
                std::collections::btree_map::Entry::Occupied(mut entry) => {
                    let mine = entry.get_mut();
                    mine.rows += seen.rows;
                    if (seen.first, &seen.example) < (mine.first, &mine.example) {
                        mine.first = seen.first;
                        mine.example = seen.example;
                    }
                }
            }
        }
        for (key, files) in other.of_files {
            let mine = self.of_files.entry(key).or_default();
            // The example of the lowest part wins, so that the order of merging does not show.
            if mine.parts.first().is_none_or(|part| files.parts.first().is_some_and(|other| other < part)) {
                mine.example = files.example;
            }
            mine.parts.extend(files.parts);
        }
        for (key, tally) in other.tallies {
            let mine = self.tallies.entry(key).or_default();
            mine.raw += tally.raw;
            mine.mapped += tally.mapped;
            for (reason, (rows, amount)) in tally.adjustments {
                let adjustment = mine.adjustments.entry(reason).or_default();
                adjustment.0 += rows;
                adjustment.1 += amount;
            }
        }
        self.quarantined.extend(other.quarantined);
        self.quarantined_count += other.quarantined_count;
        self.trim();
        self.derived.extend(other.derived);
    }

    /// Keeps the first rows when there are too many; twice the limit is let grow, so that trimming is rare.
    fn trim(&mut self) {
        if self.quarantined.len() > 2 * QUARANTINE_ROWS_KEPT {
            self.sort_quarantined();
        }
    }

    fn sort_quarantined(&mut self) {
        self.quarantined.sort_by_key(|row| (row.part, row.row));
        self.quarantined.truncate(QUARANTINE_ROWS_KEPT);
    }

    /// Assumptions, cost mappings, quarantined rows (the first `limits::QUARANTINE_ROWS_KEPT`), and how many rows are
    /// quarantined in all.
    pub fn into_parts(mut self) -> (Vec<Assumption>, Vec<CostMapping>, Vec<Quarantined>, u64) {
        self.sort_quarantined();
        let mut assumptions: Vec<Assumption> = self
            .of_rows
            .into_iter()
            .map(|((what, column), seen)| Assumption {
                what,
                column,
                rows: seen.rows,
                example: Some(seen.example).filter(|text| !text.is_empty()),
            })
            .chain(self.of_files.into_iter().map(|((what, column), files)| Assumption {
                what,
                column,
                rows: files.parts.len() as u64,
                example: files.example,
            }))
            .collect();
        assumptions.sort_by(|a, b| (&a.what, &a.column).cmp(&(&b.what, &b.column)));
        let mappings = self
            .tallies
            .into_iter()
            .map(|((raw_column, cost, currency), tally)| CostMapping {
                raw_column,
                cost,
                currency,
                raw_total: tally.raw,
                adjustments: tally
                    .adjustments
                    .into_iter()
                    .map(|(reason, (rows, amount))| Adjustment { reason, rows, amount })
                    .collect(),
                mapped_total: tally.mapped,
            })
            .collect();
        (assumptions, mappings, self.quarantined, self.quarantined_count)
    }

    /// Kinds of cost that the format does not give and that were derived from another.
    pub fn derived(&self) -> BTreeSet<CostKind> {
        self.derived.clone()
    }

    /// How many rows are quarantined.
    pub fn quarantined(&self) -> u64 {
        self.quarantined_count
    }

    pub(crate) fn derive(&mut self, kind: CostKind) {
        self.derived.insert(kind);
    }

    pub(crate) fn of_rows(&mut self, what: &str, column: Option<&str>, rows: u64, first: (u32, u64), example: String) {
        let key = (what.to_owned(), column.map(str::to_owned));
        let mut one = Notes::default();
        one.of_rows.insert(key, Seen { rows, first, example });
        self.merge(one);
    }

    pub(crate) fn of_file(&mut self, part: u32, what: &str, column: Option<&str>, example: Option<String>) {
        let files = self.of_files.entry((what.to_owned(), column.map(str::to_owned))).or_default();
        files.parts.insert(part);
        files.example = example;
    }

    pub(crate) fn quarantine(&mut self, row: Quarantined) {
        self.quarantined.push(row);
        self.quarantined_count += 1;
        self.trim();
    }

    /// Adds one row, or the sum of several that need no adjustment.
    pub(crate) fn tally(&mut self, raw_column: &str, kind: CostKind, currency: &Currency, ledger: Ledger) {
        let tally = self.tallies.entry((raw_column.to_owned(), kind, currency.clone())).or_default();
        tally.raw += ledger.raw;
        tally.mapped += ledger.mapped;
        for (reason, rows, amount) in ledger.adjustments {
            let adjustment = tally.adjustments.entry(reason.to_owned()).or_default();
            adjustment.0 += rows;
            adjustment.1 += amount;
        }
    }
}

/// One tally of one chunk: few reasons, found by their address order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    raw: Money,
    mapped: Money,
    adjustments: Vec<(&'static str, u64, Money)>,
}

impl Ledger {
    pub(crate) fn add(&mut self, raw: Money, mapped: Money, reason: &'static str) {
        self.raw += raw;
        self.mapped += mapped;
        if raw != mapped {
            self.adjust(reason, mapped - raw);
        }
    }

    /// A row whose difference has several reasons.
    pub(crate) fn add_parts(&mut self, raw: Money, parts: &[(&'static str, Money)]) {
        self.raw += raw;
        self.mapped += raw;
        for (reason, amount) in parts {
            self.mapped += *amount;
            self.adjust(reason, *amount);
        }
    }

    fn adjust(&mut self, reason: &'static str, amount: Money) {
        match self.adjustments.iter_mut().find(|adjustment| adjustment.0 == reason) {
            Some(adjustment) => {
                adjustment.1 += 1;
                adjustment.2 += amount;
            }
            None => self.adjustments.push((reason, 1, amount)),
        }
    }
}
