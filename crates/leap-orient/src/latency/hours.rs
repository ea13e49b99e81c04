//! Latencies as their services measured them, all of them: rows of the table `histograms`.
//!
//! ```text
//! charge-api  POST /v1/charges  2026-08-17T08:00Z  http.server.request.duration   48,120 measurements, within 1.5 %
//! ```
//! Traces are often a sample, and not always a fair one; histograms count every request. So a quantile is read here
//! where the traces do not say how they were sampled, and traces say whose it is. Rows of several files add up.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, Date32Array, Int64Array, RecordBatch, StringArray};
use leap_terms::tables;

use super::rows::{RowsError, day_of, long, text, unsigned, wrong};
use crate::tail::Sketch;
use crate::tail::pack::{sketch_bytes, sketch_of};
use crate::tail::sketch::Tally;

/// Measurements of what, and when.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ApiHour {
    /// The service that measured.
    pub service: String,
    /// The operation, as its spans are named.
    pub operation: String,
    /// The metric.
    pub metric: String,
    /// When the hour begins in which the measurements were told, ns since the epoch.
    pub start_ns: u64,
}

/// One row of `histograms` without its counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedHour {
    /// What it is of.
    pub key: ApiHour,
    /// Measurements.
    pub requests: u64,
    /// The largest relative error of a quantile, in millionths.
    pub error_ppm: u64,
}

/// One row of `histograms`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hour {
    /// What it is of.
    pub key: ApiHour,
    /// The largest relative error of a quantile, in millionths.
    pub error_ppm: u64,
    /// The measurements.
    pub sketch: Sketch,
}

/// Rows of any hours as one row for each key, in order.
pub fn hours_added_up(rows: impl IntoIterator<Item = Hour>) -> Vec<Hour> {
    let mut keys = BTreeMap::<ApiHour, (u64, Tally)>::new();
    for row in rows {
        let (error_ppm, tally) = keys.entry(row.key).or_default();
        *error_ppm = (*error_ppm).max(row.error_ppm);
        tally.absorb(&row.sketch);
    }
    let row = |(key, (error_ppm, tally)): (ApiHour, (u64, Tally))| Hour { key, error_ppm, sketch: tally.sketch() };
    keys.into_iter().map(row).filter(|row| !row.sketch.is_empty()).collect()
}

/// Rows of `histograms`.
pub fn hours_batch(rows: &[Hour]) -> RecordBatch {
    let texts = |of: &dyn Fn(&ApiHour) -> &String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| of(&row.key))))
    };
    let numbers = |of: &dyn Fn(&Hour) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| of(row).cast_signed())))
    };
    let sketches: Vec<Vec<u8>> = rows.iter().map(|row| sketch_bytes(&row.sketch)).collect();
    RecordBatch::try_new(
        tables::histograms(),
        vec![
            texts(&|key| &key.service),
            texts(&|key| &key.operation),
            texts(&|key| &key.metric),
            Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| day_of(row.key.start_ns).days()))),
            numbers(&|row| row.key.start_ns),
            numbers(&|row| u64::try_from(row.sketch.total()).unwrap_or(u64::MAX >> 1)),
            numbers(&|row| row.error_ppm),
            Arc::new(BinaryArray::from_iter_values(sketches.iter().map(|sketch| digest(sketch)))),
            Arc::new(BinaryArray::from_iter_values(&sketches)),
        ],
    )
    .expect("columns are those of the schema")
}

fn digest(sketch: &[u8]) -> [u8; 16] {
    let [first, _] = *blake3::hash(sketch).as_bytes().as_chunks::<16>().0 else { unreachable!("32 bytes") };
    first
}

/// What rows are of, from the columns of the index.
///
/// # Errors
/// [`RowsError`]: the rows are damaged.
pub fn hours_listed(batch: &RecordBatch) -> Result<Vec<ListedHour>, RowsError> {
    let (service, operation, metric) = (text(batch, "service")?, text(batch, "operation")?, text(batch, "metric")?);
    let (starts, requests, errors) = (long(batch, "start_ns")?, long(batch, "requests")?, long(batch, "error_ppm")?);
    let read = |at: usize| {
        Ok(ListedHour {
            key: ApiHour {
                service: service.value(at).to_owned(),
                operation: operation.value(at).to_owned(),
                metric: metric.value(at).to_owned(),
                start_ns: unsigned("start_ns", starts.value(at))?,
            },
            requests: unsigned("requests", requests.value(at))?,
            error_ppm: unsigned("error_ppm", errors.value(at))?,
        })
    };
    (0..batch.num_rows()).map(read).collect()
}

/// Rows, each compared with its digest.
///
/// # Errors
/// [`RowsError`]: the rows are damaged.
pub fn hours_read(batch: &RecordBatch) -> Result<Vec<Hour>, RowsError> {
    let bytes = |name: &'static str| {
        batch.column_by_name(name).and_then(|column| column.as_binary_opt::<i32>()).ok_or(RowsError::Column(name))
    };
    let (digests, sketches) = (bytes("digest")?, bytes("sketch")?);
    let mut rows = Vec::with_capacity(batch.num_rows());
    for (at, listed) in hours_listed(batch)?.into_iter().enumerate() {
        let written = sketches.value(at);
        if digest(written) != digests.value(at) {
            return Err(wrong("sketch", "other bytes", "sketch that its digest is of"));
        }
        let sketch = sketch_of(written).map_err(|_| wrong("sketch", "other bytes", "packed sketch"))?;
        rows.push(Hour { key: listed.key, error_ppm: listed.error_ppm, sketch });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(service: &str, start_ns: u64, error_ppm: u64, values: &[u64]) -> Hour {
        let key = ApiHour {
            service: service.to_owned(),
            operation: "POST /v1/charges".to_owned(),
            metric: "http.server.request.duration".to_owned(),
            start_ns,
        };
        Hour { key, error_ppm, sketch: Sketch::of(values.iter().copied()) }
    }

    #[test]
    fn rows_come_back_and_add_up_in_any_order() {
        let hour_ns = 3_600_000_000_000;
        let rows = [
            hour("charge-api", 9 * hour_ns, 15_000, &[5, 7]),
            hour("charge-api", 8 * hour_ns, 15_000, &[1_000_000]),
            hour("charge-api", 9 * hour_ns, 31_000, &[6]),
            hour("a", 9 * hour_ns, 0, &[]),
        ];
        let summed = hours_added_up(rows.clone());
        assert_eq!(
            summed,
            [
                hour("charge-api", 8 * hour_ns, 15_000, &[1_000_000]),
                hour("charge-api", 9 * hour_ns, 31_000, &[5, 6, 7])
            ]
        );
        assert_eq!(hours_added_up(rows.into_iter().rev()), summed);
        let batch = hours_batch(&summed);
        assert_eq!(hours_read(&batch).unwrap(), summed);
        let listed = hours_listed(&batch).unwrap();
        assert_eq!((listed[1].requests, listed[1].error_ppm, &listed[1].key), (3, 31_000, &summed[1].key));
        let mut columns = batch.columns().to_vec();
        columns[8] = Arc::new(BinaryArray::from_iter_values([b"1", b"2"]));
        let damaged = RecordBatch::try_new(batch.schema(), columns).unwrap();
        assert!(hours_read(&damaged).is_err());
    }
}
