//! A mapping: a CSV file that names the owner of each account, resource, tag value …
//!
//! ```csv
//! ResourceId,owner,effective_from,effective_until
//! i-0123,payments,,2026-09-16
//! i-0123,search,2026-09-16,
//! ```
//! The header names FOCUS columns, `x_…` columns or `Tags['key']`; several make a composite key, and an empty cell then
//! means "null", never "anything". Periods are half-open; two rows of one key must not overlap. Row numbers count data
//! rows from 1.

use leap_terms::{Day, Fault, Period, limits};

use super::read::owner_fault;
use crate::interner::Interner;
use crate::org::Org;
use crate::predicate::{Fields, parse_field};

const NONE: u32 = u32::MAX;
/// Between the parts of a composite key, and what stands for null. Neither occurs in a bill.
const SEPARATOR: char = '\u{1f}';
const NULL: char = '\u{0}';

#[derive(Clone, Copy, Debug)]
struct Entry {
    period: Period,
    owner: u32,
    row: u32,
    next: u32,
}

/// A mapping file, read and checked.
pub struct Mapping {
    file: String,
    columns: Vec<u32>,
    keys: Interner,
    heads: Vec<u32>,
    entries: Vec<Entry>,
    owners: Interner,
}

impl std::fmt::Debug for Mapping {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Mapping").field("file", &self.file).field("rows", &self.entries.len()).finish()
    }
}

/// One answer of a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MappingRow {
    /// Days on which it holds.
    pub period: Period,
    /// Number of the owner in [`Mapping::owners`].
    pub owner: u32,
    /// Data row, from 1.
    pub row: u32,
}

impl Mapping {
    /// Reads a mapping file; the columns of its header are numbered in `fields`.
    ///
    /// # Errors
    /// Every fault, with the row's number: unknown column, unknown owner, bad date, overlapping rows of one key.
    pub fn parse(file: &str, bytes: &[u8], fields: &mut Fields, org: &Org) -> Result<Mapping, Vec<Fault>> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            vec![Fault { line: Some(line), ..Fault::in_file(file, "not UTF-8 text") }]
        })?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| vec![Fault::in_file(file, error.to_string())])?.clone();
        let form = "the header names key columns, then owner, effective_from, effective_until";
        let (mut columns, mut cells) = (Vec::new(), Vec::new());
        let (mut owner_at, mut from_at, mut until_at) = (None, None, None);
        let mut faults = Vec::new();
        for (at, name) in header.iter().enumerate() {
            let place = |message: String| {
                Fault::in_file(file, message).at(text, header_offset(text, name), name.chars().count())
            };
            let special = match name {
                "owner" => Some(&mut owner_at),
                "effective_from" => Some(&mut from_at),
                "effective_until" => Some(&mut until_at),
                _ => None,
            };
            match special {
                Some(slot) if slot.is_some() => faults.push(place(format!("two columns are called {name}"))),
                Some(slot) => *slot = Some(at),
                None => match parse_field(name, fields) {
                    Ok(field) if columns.contains(&field) => {
                        faults.push(place(format!("two columns are called {name}")))
                    }
                    Ok(field) => {
                        columns.push(field);
                        cells.push(at);
                    }
                    Err(error) => {
                        let near = leap_terms::fault::nearest(name, ["owner", "effective_from", "effective_until"]);
                        let help = near.map(|near| format!("did you mean {near}?")).or(error.help);
                        faults.push(place(error.message).help(help.unwrap_or_else(|| form.to_owned())));
                    }
                },
            }
        }
        if owner_at.is_none() {
            faults.push(Fault::in_file(file, "the mapping has no column owner").at(text, 0, 1).help(form));
        }
        if columns.is_empty() && faults.is_empty() {
            faults.push(Fault::in_file(file, "the mapping has no key column").at(text, 0, 1).help(form));
        }
        let (Some(owner_at), true) = (owner_at, faults.is_empty()) else { return Err(faults) };
        let mut mapping = Mapping {
            file: file.to_owned(),
            columns,
            keys: Interner::default(),
            heads: Vec::new(),
            entries: Vec::new(),
            owners: Interner::default(),
        };
        let mut bad_owners: hashbrown::HashMap<String, Option<(String, String)>> = hashbrown::HashMap::new();
        let mut record = csv::StringRecord::new();
        loop {
            let more = reader.read_record(&mut record);
            let row = mapping.entries.len() as u32 + faults.len() as u32 + 1;
            let line = record.position().map(|position| usize::try_from(position.line()).unwrap_or(usize::MAX));
            let fault = |message: String| Fault { line, ..Fault::in_file(file, format!("row {row}: {message}")) };
            match more {
                Ok(false) => break,
                Ok(true) => {}
                Err(error) => {
                    faults.push(fault(error.to_string()));
                    break;
                }
            }
            if row as usize > limits::MAPPING_ROWS {
                faults.push(fault(format!("more than {} rows", limits::MAPPING_ROWS)));
                break;
            }
            if record.len() != header.len() {
                faults.push(fault(format!("{} cells, the header has {}", record.len(), header.len())));
                continue;
            }
            let owner = &record[owner_at];
            if owner.is_empty() {
                faults.push(fault("no owner".to_owned()).help("leave the row out where nobody owns it"));
                continue;
            }
            if !bad_owners.contains_key(owner) {
                bad_owners.insert(owner.to_owned(), owner_fault(org, owner));
            }
            if let Some(Some((message, help))) = bad_owners.get(owner) {
                faults.push(fault(message.clone()).help(help.clone()));
                continue;
            }
            let day = |at: Option<usize>, default: Day| match at.map(|at| &record[at]).filter(|cell| !cell.is_empty()) {
                None => Ok(default),
                Some(cell) => cell.parse::<Day>().map_err(fault),
            };
            let bounds =
                day(from_at, Period::ALWAYS.from()).and_then(|from| Ok((from, day(until_at, Period::ALWAYS.until())?)));
            let (from, until) = match bounds {
                Ok(bounds) => bounds,
                Err(fault) => {
                    faults.push(fault);
                    continue;
                }
            };
            let Some(period) = Period::new(from, until) else {
                faults.push(fault(format!("ends on {until}, before it starts on {from}")));
                continue;
            };
            let key = composite(cells.iter().map(|at| Some(&record[*at]).filter(|cell| !cell.is_empty())));
            let key = mapping.keys.intern(&key) as usize;
            if key == mapping.heads.len() {
                mapping.heads.push(NONE);
            }
            let mut other = mapping.heads[key];
            let mut clash = None;
            while other != NONE {
                let entry = mapping.entries[other as usize];
                if entry.period.intersection(period).is_some() {
                    clash = Some(entry);
                }
                other = entry.next;
            }
            if let Some(entry) = clash {
                let key: Vec<&str> = cells.iter().map(|at| &record[*at]).collect();
                let message =
                    format!("'{}' has another owner in row {} on some of these days", key.join(", "), entry.row);
                faults.push(
                    fault(message)
                        .help("end one period where the next starts: effective_until is the first day outside"),
                );
                continue;
            }
            let owner = mapping.owners.intern(owner);
            mapping.entries.push(Entry { period, owner, row, next: mapping.heads[key] });
            mapping.heads[key] = mapping.entries.len() as u32 - 1;
        }
        if faults.is_empty() { Ok(mapping) } else { Err(faults) }
    }

    /// The file, as the rule names it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The fields of the key, by number.
    pub fn columns(&self) -> &[u32] {
        &self.columns
    }

    /// Names of owners, by number, as written.
    pub fn owners(&self) -> impl Iterator<Item = &str> {
        (0..self.owners.len() as u32).map(|at| self.owners.get(at))
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.entries.len()
    }

    /// All rows, in the order of the file.
    pub fn all_rows(&self) -> impl Iterator<Item = MappingRow> + '_ {
        self.entries.iter().map(|entry| MappingRow { period: entry.period, owner: entry.owner, row: entry.row })
    }

    /// The rows of a key, whose parts are in the order of [`Mapping::columns`]; several when they are dated.
    pub fn find<'a>(&'a self, parts: impl Iterator<Item = Option<&'a str>>) -> impl Iterator<Item = MappingRow> + 'a {
        let key = composite(parts);
        let mut at = self.keys.find(&key).map_or(NONE, |key| self.heads[key as usize]);
        std::iter::from_fn(move || {
            let entry = self.entries.get(at as usize)?;
            at = entry.next;
            Some(MappingRow { period: entry.period, owner: entry.owner, row: entry.row })
        })
    }

    /// The distinct values of one column, `None` for an empty cell.
    pub(crate) fn values(&self, column: usize) -> impl Iterator<Item = Option<&str>> {
        (0..self.keys.len() as u32).map(move |key| {
            let part = self.keys.get(key).split(SEPARATOR).nth(column).expect("a key has a part per column");
            (!part.starts_with(NULL)).then_some(part)
        })
    }
}

fn composite<'a>(parts: impl Iterator<Item = Option<&'a str>>) -> String {
    let mut key = String::new();
    for (at, part) in parts.enumerate() {
        if at > 0 {
            key.push(SEPARATOR);
        }
        match part {
            Some(part) => key.push_str(part),
            None => key.push(NULL),
        }
    }
    key
}

fn header_offset(text: &str, name: &str) -> usize {
    text.lines().next().and_then(|line| line.find(name)).unwrap_or(0)
}
