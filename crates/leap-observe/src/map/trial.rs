//! What must hold for any bytes at all. The fuzz targets (`fuzz/`) and the test over their seeds call these, so that
//! both check one thing.
//!
//! A bill, however damaged, is refused with an error or read with every row accepted, dropped or quarantined and every
//! total tied to the last digit. Nothing panics.

use std::path::Path;

use leap_terms::{Exact, Format};

use super::{MapFailure, MapOptions, Notes, PartPlan, map_chunk, tags};
use crate::decode::json::{Json, Spelling, parse};
use crate::decode::{PartReader, ReadOptions, detect};
use crate::error::IntakeError;

/// Reads and maps a part. Returns its rows.
///
/// # Errors
/// [`IntakeError`] when the part is refused.
///
/// # Panics
/// When a row disappears or a total does not tie: a fault of ours.
pub fn bill(path: &Path) -> Result<u64, IntakeError> {
    let detected = detect(path)?;
    let mut options = MapOptions::default();
    for _attempt in 0..3 {
        match once(path, &detected, &options) {
            Ok(rows) => return Ok(rows),
            Err(MapFailure::Refuse(error)) => return Err(error),
            Err(MapFailure::Again(other)) => {
                assert_ne!(other, options, "mapping again needs other options");
                options = other;
            }
        }
    }
    panic!("options settle after one attempt");
}

fn once(path: &Path, detected: &crate::decode::Detected, options: &MapOptions) -> Result<u64, MapFailure> {
    let plan = PartPlan::new(0, path.display().to_string(), detected.clone(), options.clone())?;
    let mut reader = PartReader::open(path, detected, &ReadOptions::default())?;
    let mut notes = Notes::default();
    let (mut accepted, mut dropped, mut read) = (0, 0, 0);
    while let Some(chunk) = reader.next_chunk()? {
        let mapped = map_chunk(&plan, chunk)?;
        assert_eq!(mapped.billing_periods.len(), mapped.batch.num_rows());
        accepted += mapped.batch.num_rows() as u64;
        dropped += mapped.dropped;
        read += mapped.rows_read;
        notes.merge(mapped.notes);
    }
    assert_eq!(read, reader.rows_read(), "reader and mapping count the same rows");
    reader.finish()?;
    let (_, mappings, _, quarantined) = notes.into_parts();
    assert_eq!(accepted + dropped + quarantined, read, "every row is accepted, dropped or quarantined");
    for mapping in &mappings {
        let moved: Exact = mapping.adjustments.iter().map(|adjustment| adjustment.amount).sum();
        assert_eq!(mapping.raw_total + moved, mapping.mapped_total, "the mapping's totals tie");
        if detected.format == Format::Focus {
            assert!(mapping.adjustments.is_empty(), "FOCUS costs are taken as they are");
        }
    }
    Ok(read)
}

/// Reads a number and writes it again: the same number.
///
/// # Panics
/// When it is another number: a fault of ours.
pub fn exact_number(bytes: &[u8]) {
    if let Ok(number) = Exact::parse(bytes, 20) {
        let text = number.to_string();
        assert_eq!(Exact::parse(text.as_bytes(), 20), Ok(number), "{text}");
        assert_eq!(number + -number, Exact::ZERO);
        assert_eq!(-(-number), number);
        if let Some((same, rounded)) = super::product::product(number, Exact::from_whole(1), 20) {
            assert_eq!((same, rounded), (number, false), "one times a number is the number");
        }
    }
}

/// Makes tags canonical twice: the second time changes nothing, and the text is a JSON object with sorted keys.
///
/// # Panics
/// When that does not hold: a fault of ours.
pub fn tag_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(Some((once, _))) = tags::canonical(text) else { return };
    assert_eq!(tags::canonical(&once), Ok(Some((once.clone(), Vec::new()))), "canonical tags are canonical");
    match parse(&once, Spelling::Strict) {
        Ok(Json::Object(members)) => assert!(members.is_sorted_by(|a, b| a.0 < b.0), "keys are sorted and unique"),
        other => panic!("canonical tags are an object, not {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::seeds;

    #[test]
    fn every_seed_of_a_bill_is_read_or_refused() {
        for target in ["csv_bill", "json_bill", "parquet_bill", "detect"] {
            for (name, bytes) in seeds(target) {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("bill");
                std::fs::write(&path, &bytes).unwrap();
                let outcome = bill(&path);
                let refused = name.starts_with("bad-");
                assert_eq!(outcome.is_err(), refused, "{target}/{name}: {outcome:?}");
            }
        }
    }

    #[test]
    fn every_seed_of_a_number_or_a_set_of_tags_reads_back() {
        for (_, bytes) in seeds("exact_number") {
            exact_number(&bytes);
        }
        for (_, bytes) in seeds("tags") {
            tag_text(&bytes);
        }
    }

    #[test]
    fn mangled_seeds_never_panic() {
        // A poor man's fuzzer for every run of the tests: each seed with one byte changed, at 40 places.
        for target in ["csv_bill", "json_bill", "parquet_bill", "detect"] {
            for (_, bytes) in seeds(target) {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("bill");
                for step in 0..40_usize {
                    let mut mangled = bytes.clone();
                    if mangled.is_empty() {
                        continue;
                    }
                    let place = step * 7919 % mangled.len();
                    mangled[place] = b"\",\n\r;{}[]0-e\x00\xff\xc3N"[step % 16];
                    std::fs::write(&path, &mangled).unwrap();
                    let _outcome = bill(&path);
                }
            }
        }
    }
}
