//! Every staged bill maps to its exact totals; every rule of every provider on a few literal rows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Decimal128Type, TimestampMicrosecondType};
use leap_terms::delivery::{Assumption, CostMapping, Quarantined};

use super::*;
use crate::decode::{PartReader, ReadOptions, detect};

/// A part mapped as a whole.
pub(crate) struct Whole {
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) months: Vec<Month>,
    pub(crate) batch_names: Vec<String>,
    pub(crate) row_ids: Vec<u64>,
    pub(crate) rows_read: u64,
    pub(crate) dropped: u64,
    pub(crate) derived: Vec<String>,
    pub(crate) assumptions: Vec<Assumption>,
    pub(crate) mappings: Vec<CostMapping>,
    pub(crate) quarantined: Vec<Quarantined>,
    pub(crate) format: Format,
}

impl Whole {
    fn accepted(&self) -> u64 {
        self.batches.iter().map(|batch| batch.num_rows() as u64).sum()
    }

    /// Exact sum of a decimal column.
    fn sum(&self, column: &str) -> String {
        let fine_name = leap_terms::tables::fine_column(column);
        let mut total = leap_terms::Exact::ZERO;
        for batch in &self.batches {
            let Some(coarse) = batch.column_by_name(column) else { continue };
            let coarse = coarse.as_primitive::<Decimal128Type>();
            let fine = batch.column_by_name(&fine_name).map(|fine| fine.as_primitive::<Decimal128Type>());
            for row in 0..coarse.len() {
                if coarse.is_valid(row) {
                    let fine = fine.filter(|fine| fine.is_valid(row)).map_or(0, |fine| fine.value(row));
                    total += leap_terms::Exact::from_parts(coarse.value(row), fine);
                }
            }
        }
        total.to_string()
    }

    /// A column as texts, "" for null.
    fn texts(&self, column: &str) -> Vec<String> {
        let mut out = Vec::new();
        for batch in &self.batches {
            match batch.column_by_name(column) {
                None => out.extend((0..batch.num_rows()).map(|_| String::new())),
                Some(array) => {
                    for row in 0..array.len() {
                        out.push(if array.is_null(row) {
                            String::new()
                        } else if let Some(texts) = array.as_string_opt::<i32>() {
                            texts.value(row).to_owned()
                        } else if let Some(micros) = array.as_primitive_opt::<TimestampMicrosecondType>() {
                            leap_terms::Instant::from_micros(micros.value(row)).to_string()
                        } else if let Some(decimal) = array.as_primitive_opt::<Decimal128Type>() {
                            leap_terms::Exact::from_parts(decimal.value(row), 0).to_string()
                        } else {
                            format!("{:?}", array.slice(row, 1))
                        });
                    }
                }
            }
        }
        out
    }

    /// `raw column → kind: raw, mapped`.
    fn mapping(&self, raw: &str, kind: &str) -> (String, String) {
        let found: Vec<_> =
            self.mappings.iter().filter(|one| one.raw_column == raw && one.cost.word() == kind).collect();
        assert_eq!(found.len(), 1, "{raw} {kind}: {:?}", self.mappings);
        (found[0].raw_total.to_string(), found[0].mapped_total.to_string())
    }

    fn assumed(&self, what: &str) -> u64 {
        self.assumptions.iter().filter(|one| one.what.contains(what)).map(|one| one.rows).sum()
    }

    /// What must hold for every part.
    fn check(&self) {
        assert_eq!(self.accepted() + self.dropped + self.quarantined.len() as u64, self.rows_read);
        assert_eq!(self.months.len() as u64, self.accepted());
        for mapping in &self.mappings {
            let adjusted = mapping.adjustments.iter().map(|one| one.amount).sum::<leap_terms::Exact>();
            assert_eq!(mapping.raw_total + adjusted, mapping.mapped_total, "{mapping:?}");
        }
        let mut per_kind: BTreeMap<&str, Vec<&CostMapping>> = BTreeMap::new();
        for mapping in &self.mappings {
            per_kind.entry(mapping.cost.column()).or_default().push(mapping);
        }
        for (column, mappings) in per_kind {
            let mut per_raw: BTreeMap<&str, leap_terms::Exact> = BTreeMap::new();
            for mapping in mappings {
                *per_raw.entry(&mapping.raw_column).or_default() += mapping.mapped_total;
            }
            for (raw, total) in per_raw {
                assert_eq!(total.to_string(), self.sum(column), "{raw} → {column}");
            }
        }
        let schema = leap_terms::tables::charges(&[]);
        for batch in &self.batches {
            for field in batch.schema().fields() {
                match schema.field_with_name(field.name()) {
                    Ok(expected) => assert_eq!(field.data_type(), expected.data_type(), "{}", field.name()),
                    Err(_) => assert!(field.name().starts_with("x_"), "{}", field.name()),
                }
            }
        }
    }
}

pub(crate) fn map_file_with(path: &Path, mut options: MapOptions) -> Result<Whole, IntakeError> {
    let detected = detect(path)?;
    'again: loop {
        let plan = PartPlan::new(0, path.display().to_string(), detected.clone(), options.clone())?;
        let mut reader = PartReader::open(path, &detected, &ReadOptions::default())?;
        let mut notes = Notes::default();
        let mut whole = Whole {
            batches: Vec::new(),
            months: Vec::new(),
            batch_names: Vec::new(),
            row_ids: Vec::new(),
            rows_read: 0,
            dropped: 0,
            derived: Vec::new(),
            assumptions: Vec::new(),
            mappings: Vec::new(),
            quarantined: Vec::new(),
            format: detected.format,
        };
        while let Some(chunk) = reader.next_chunk()? {
            match map_chunk(&plan, chunk) {
                Ok(mapped) => {
                    whole.batches.push(mapped.batch);
                    whole.months.extend(mapped.billing_periods);
                    whole
                        .batch_names
                        .extend(mapped.batch_names.unwrap_or_default().iter().map(|name| name.to_string()));
                    whole.row_ids.extend(mapped.row_ids.unwrap_or_default());
                    whole.rows_read += mapped.rows_read;
                    whole.dropped += mapped.dropped;
                    notes.merge(mapped.notes);
                }
                Err(MapFailure::Refuse(error)) => return Err(error),
                Err(MapFailure::Again(other)) => {
                    options = other;
                    continue 'again;
                }
            }
        }
        let read = reader.rows_read();
        let end = reader.finish()?;
        assert_eq!(read, whole.rows_read);
        let stored = std::fs::read(path).unwrap();
        assert_eq!((end.bytes, end.digest), (stored.len() as u64, leap_terms::Digest::of(&stored)));
        whole.derived = notes.derived().iter().map(|kind| kind.word().to_owned()).collect();
        let (assumptions, mappings, quarantined, count) = notes.into_parts();
        assert_eq!(count, quarantined.len() as u64);
        whole.assumptions = assumptions;
        whole.mappings = mappings;
        whole.quarantined = quarantined;
        whole.check();
        return Ok(whole);
    }
}

fn map_file(path: &Path) -> Whole {
    map_file_with(path, MapOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// Maps literal text as a file of this name.
pub(crate) fn map_text(name: &str, text: &str) -> Whole {
    map_text_with(name, text, MapOptions::default())
}

fn map_text_with(name: &str, text: &str, options: MapOptions) -> Whole {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    map_file_with(&path, options).unwrap_or_else(|error| panic!("{error}"))
}

fn staged(name: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/focus")).join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {name} is not here");
    None
}

mod formats;
mod quirks;
mod staged_files;
