//! The answer of a query, and its values as exact text.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, SchemaRef, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use leap_terms::{Day, Instant};

/// The rows of an answer.
#[derive(Clone, Debug)]
pub struct SqlAnswer {
    /// Names and types of the columns.
    pub schema: SchemaRef,
    /// The rows, in the query's order; no batch is empty.
    pub batches: Vec<RecordBatch>,
}

impl SqlAnswer {
    /// Names of the columns.
    pub fn columns(&self) -> Vec<&str> {
        self.schema.fields().iter().map(|field| field.name().as_str()).collect()
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Every row as texts; `None` is null.
    pub fn texts(&self) -> impl Iterator<Item = Vec<Option<String>>> + '_ {
        self.batches.iter().flat_map(|batch| {
            (0..batch.num_rows())
                .map(move |row| batch.columns().iter().map(|column| cell_text(column.as_ref(), row)).collect())
        })
    }
}

/// One value as exact text, `None` for null: decimals without trailing zeros, instants as `2026-09-16T00:00:00Z`, days
/// as `2026-09-16`, bytes as hexadecimal digits.
pub fn cell_text(array: &dyn Array, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    let micros = |micros: i64| Instant::from_micros(micros).to_string();
    Some(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Decimal128(..) => trimmed(array.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Decimal256(..) => trimmed(array.as_primitive::<Decimal256Type>().value_as_string(row)),
        DataType::Date32 => Day::from_days(array.as_primitive::<Date32Type>().value(row)).to_string(),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            micros(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Second, _) => {
            micros(array.as_primitive::<TimestampSecondType>().value(row).saturating_mul(1_000_000))
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            micros(array.as_primitive::<TimestampMillisecondType>().value(row).saturating_mul(1_000))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            let nanos = array.as_primitive::<TimestampNanosecondType>().value(row);
            let text = micros(nanos.div_euclid(1_000));
            match nanos.rem_euclid(1_000) {
                0 => text,
                rest => {
                    let fraction = if text.contains('.') { "" } else { ".000000" };
                    format!("{}{fraction}{rest:03}Z", text.trim_end_matches('Z'))
                }
            }
        }
        _ => {
            let options = FormatOptions::default();
            match ArrayFormatter::try_new(array, &options) {
                Ok(formatter) => formatter.value(row).to_string(),
                Err(fault) => format!("({fault})"),
            }
        }
    })
}

fn trimmed(mut text: String) -> String {
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    text
}
