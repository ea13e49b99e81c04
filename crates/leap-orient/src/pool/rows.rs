//! The rows of a driver's file, from CSV or from decoded Parquet, one by one as text.
//!
//! ```text
//! kafka.csv:3: row 2, column weight: -5 is negative
//! ```
//! Columns are found by name. Floats are refused: no weight is worth a rounding that depends on the machine.

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use leap_terms::{Fault, fault::nearest, limits};

use super::measured::DriverFile;
use crate::table::Table;

/// Faults of one file that are shown.
pub(super) const FAULTS: usize = 100;
const COLUMNS: [&str; 6] = ["date", "pool", "team", "weight", "measure", "capacity"];
const NEEDED: usize = 4;
const FORM: &str = "the columns are date, pool, team, weight and, where needed, measure, capacity";

/// Where a row stands.
pub(super) struct RowPlace<'a> {
    file: &'a str,
    line: Option<usize>,
    pub row: u32,
}

impl RowPlace<'_> {
    /// A fault of one cell.
    pub fn fault(&self, column: &str, message: impl std::fmt::Display) -> Fault {
        let message = format!("row {}, column {column}: {message}", self.row);
        Fault { line: self.line, ..Fault::in_file(self.file, message) }
    }
}

/// The cells of a row; empty where there is none.
pub(super) struct Cells<'a> {
    pub date: &'a str,
    pub pool: &'a str,
    pub team: &'a str,
    pub weight: &'a str,
    pub measure: &'a str,
    pub capacity: &'a str,
}

/// Gives each row to `take` and collects the faults.
pub(super) fn each(
    file: &str,
    content: &DriverFile,
    mut take: impl FnMut(RowPlace<'_>, Cells<'_>) -> Result<(), Vec<Fault>>,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    match content {
        DriverFile::Csv(bytes) => {
            let mut table = match Table::open(file, bytes) {
                Ok(table) => table,
                Err(faults) => return faults,
            };
            let header: Vec<String> = table.columns().map(str::to_owned).collect();
            let at = match columns(file, &header) {
                Ok(at) => at,
                Err(faults) => return faults.into_iter().map(|fault| Fault { line: Some(1), ..fault }).collect(),
            };
            while let Some(place) = table.advance(&mut faults) {
                if place.row > limits::MAPPING_ROWS {
                    faults.push(place.fault(format!("more than {} rows", limits::MAPPING_ROWS)));
                    break;
                }
                let cell = |column: usize| at[column].map_or("", |at| table.cell(at));
                let row = u32::try_from(place.row).expect("rows are limited");
                let place = RowPlace { file, line: Some(place.line), row };
                faults.extend(take(place, cells(cell)).err().unwrap_or_default());
            }
        }
        DriverFile::Batches(batches) => {
            let mut row = 0;
            for batch in batches {
                let texts = match texts(file, batch) {
                    Ok(texts) => texts,
                    Err(found) => {
                        faults.extend(found);
                        return faults;
                    }
                };
                for at in 0..batch.num_rows() {
                    row += 1;
                    if row as usize > limits::MAPPING_ROWS {
                        faults.push(Fault::in_file(file, format!("more than {} rows", limits::MAPPING_ROWS)));
                        return faults;
                    }
                    let cell = |column: usize| match &texts[column] {
                        Some(text) if text.is_valid(at) => text.value(at).trim(),
                        Some(_) | None => "",
                    };
                    faults.extend(take(RowPlace { file, line: None, row }, cells(cell)).err().unwrap_or_default());
                    if faults.len() >= FAULTS {
                        return faults;
                    }
                }
            }
        }
    }
    faults
}

fn cells<'a>(cell: impl Fn(usize) -> &'a str) -> Cells<'a> {
    Cells { date: cell(0), pool: cell(1), team: cell(2), weight: cell(3), measure: cell(4), capacity: cell(5) }
}

/// The place of each of [`COLUMNS`] in a header.
fn columns(file: &str, header: &[String]) -> Result<[Option<usize>; 6], Vec<Fault>> {
    let at = COLUMNS.map(|name| header.iter().position(|other| other == name));
    let mut faults = Vec::new();
    for (number, name) in COLUMNS.iter().enumerate().filter(|(number, _)| at[*number].is_none()) {
        let others = header.iter().map(String::as_str).filter(|other| !COLUMNS.contains(other));
        match nearest(name, others) {
            Some(meant) => {
                let message = format!("the file has a column '{meant}' and no column {name}");
                faults.push(Fault::in_file(file, message).help(format!("call it {name}")));
            }
            None if number < NEEDED => {
                faults.push(Fault::in_file(file, format!("the file has no column {name}")).help(FORM));
            }
            None => {}
        }
    }
    if faults.is_empty() { Ok(at) } else { Err(faults) }
}

/// The needed columns of a batch as text.
fn texts(file: &str, batch: &RecordBatch) -> Result<[Option<StringArray>; 6], Vec<Fault>> {
    let header: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    let at = columns(file, &header)?;
    let mut faults = Vec::new();
    let texts = std::array::from_fn(|number| {
        let column = batch.column(at[number]?);
        text(file, COLUMNS[number], column).map_err(|fault| faults.push(fault)).ok()
    });
    if faults.is_empty() { Ok(texts) } else { Err(faults) }
}

fn text(file: &str, name: &str, column: &ArrayRef) -> Result<StringArray, Fault> {
    let kind = column.data_type();
    let value = match kind {
        DataType::Dictionary(_, value) => value.as_ref(),
        _ => kind,
    };
    let is_text = matches!(value, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null);
    let fits = match name {
        "date" => is_text || matches!(value, DataType::Date32),
        "weight" | "capacity" => {
            is_text || value.is_integer() || matches!(value, DataType::Decimal128(..) | DataType::Decimal256(..))
        }
        _ => is_text,
    };
    let fault = |message: String| {
        let help = match name {
            "date" => "make it a date",
            "weight" | "capacity" => "make it an integer, a decimal or text: floats are not exact",
            _ => "make it text",
        };
        Fault::in_file(file, message).help(help)
    };
    if !fits {
        return Err(fault(format!("column {name} has the type {kind}")));
    }
    let cast =
        arrow::compute::cast(column, &DataType::Utf8).map_err(|error| fault(format!("column {name}: {error}")))?;
    let text = cast.as_any().downcast_ref::<StringArray>().cloned();
    text.ok_or_else(|| fault(format!("column {name} cannot be read as text")))
}
