//! Columns of a Parquet batch: typed where FOCUS's type is stored as such, else as text.
//!
//! Decimals of any precision, instants of any unit, dates, dictionaries, views; structs by dotted names; maps and
//! lists as JSON. A float becomes its shortest text that reads back as the same float.

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Int64Array, StringArray, StringBuilder, make_array};
use arrow::buffer::NullBuffer;
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Date32Type, Float32Type, Float64Type, Int64Type, TimeUnit};
use arrow::record_batch::RecordBatch;
use leap_terms::{Day, Exact, Instant};

use crate::decode::json;
use crate::error::IntakeError;

/// The column of a dotted name; `None` when the batch lacks it.
fn resolve(batch: &RecordBatch, name: &str) -> Option<ArrayRef> {
    if let Some(array) = batch.column_by_name(name) {
        return Some(array.clone());
    }
    let mut parts = Vec::new();
    let mut rest = name;
    // Names of members may hold points themselves, so every split is tried from the left.
    loop {
        let point = rest.find('.')?;
        parts.push(&rest[..point]);
        rest = &rest[point + 1..];
        if let Some(found) = descend(batch.column_by_name(&parts.join("."))?, rest) {
            return Some(found);
        }
    }
}

fn descend(array: &ArrayRef, name: &str) -> Option<ArrayRef> {
    let parent = array.as_struct_opt()?;
    if let Some(child) = parent.column_by_name(name) {
        // A null struct has null members, whatever their own buffers say.
        let nulls = NullBuffer::union(parent.nulls(), child.nulls());
        let data = child.to_data().into_builder().nulls(nulls).build().ok()?;
        return Some(make_array(data));
    }
    let point = name.find('.')?;
    descend(parent.column_by_name(&name[..point])?, &name[point + 1..])
}

/// A cell's text; "" for null.
pub(crate) fn text_at(column: &StringArray, row: usize) -> &str {
    if column.is_null(row) { "" } else { column.value(row) }
}

/// Every column of the header as text.
pub(crate) fn as_texts(
    names: &[String],
    batch: &RecordBatch,
    file: &str,
) -> Result<Vec<Option<StringArray>>, IntakeError> {
    names.iter().map(|name| resolve(batch, name).map(|array| texts(&array, name, file)).transpose()).collect()
}

fn texts(array: &ArrayRef, name: &str, file: &str) -> Result<StringArray, IntakeError> {
    let refuse = |reason: String| IntakeError::malformed(file, format!("its column '{name}' cannot be read: {reason}"));
    let built = |text: &dyn Fn(usize) -> String| {
        let mut out = StringBuilder::new();
        for row in 0..array.len() {
            if array.is_null(row) { out.append_null() } else { out.append_value(text(row)) }
        }
        out.finish()
    };
    match array.data_type() {
        DataType::Utf8 => Ok(array.as_string::<i32>().clone()),
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>();
            Ok(built(&|row| values.value(row).to_string()))
        }
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>();
            Ok(built(&|row| values.value(row).to_string()))
        }
        DataType::Date32 => {
            let values = array.as_primitive::<Date32Type>();
            Ok(built(&|row| Day::from_days(values.value(row).clamp(-700_000, 2_900_000)).to_string()))
        }
        DataType::Timestamp(_, zone) => {
            let zoned = zone.is_some();
            let micros = micros(array).map_err(|error| refuse(error.to_string()))?;
            Ok(built(&|row| {
                let text = Instant::from_micros(micros.value(row)).to_string();
                if zoned { text } else { text.trim_end_matches('Z').to_owned() }
            }))
        }
        DataType::Map(..)
        | DataType::Struct(_)
        | DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..) => {
            let mut out = StringBuilder::new();
            for row in 0..array.len() {
                if array.is_null(row) {
                    out.append_null();
                } else {
                    let mut text = String::new();
                    write_json(array, row, name, file, 0, &mut text)?;
                    out.append_value(text);
                }
            }
            Ok(out.finish())
        }
        DataType::Null => Ok(StringArray::new_null(array.len())),
        _ => {
            let options = CastOptions { safe: false, ..CastOptions::default() };
            let text =
                cast_with_options(array, &DataType::Utf8, &options).map_err(|error| refuse(error.to_string()))?;
            Ok(text.as_string::<i32>().clone())
        }
    }
}

fn micros(array: &ArrayRef) -> Result<Int64Array, arrow::error::ArrowError> {
    let DataType::Timestamp(_, zone) = array.data_type() else {
        return cast(array, &DataType::Int64).map(|array| array.as_primitive::<Int64Type>().clone());
    };
    let unit = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?;
    cast(&unit, &DataType::Int64).map(|array| array.as_primitive::<Int64Type>().clone())
}

fn write_json(
    array: &ArrayRef,
    row: usize,
    name: &str,
    file: &str,
    depth: usize,
    out: &mut String,
) -> Result<(), IntakeError> {
    if depth > json::DEPTH {
        return Err(IntakeError::malformed(
            file,
            format!("its column '{name}' nests deeper than {} levels", json::DEPTH),
        ));
    }
    if array.is_null(row) {
        out.push_str("null");
        return Ok(());
    }
    match array.data_type() {
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (texts(entries.column(0), name, file)?, entries.column(1));
            out.push('{');
            for entry in 0..entries.len() {
                if entry > 0 {
                    out.push(',');
                }
                json::write_text(text_at(&keys, entry), out);
                out.push(':');
                write_json(values, entry, name, file, depth + 1, out)?;
            }
            out.push('}');
        }
        DataType::Struct(fields) => {
            out.push('{');
            for (at, (field, column)) in fields.iter().zip(array.as_struct().columns()).enumerate() {
                if at > 0 {
                    out.push(',');
                }
                json::write_text(field.name(), out);
                out.push(':');
                write_json(column, row, name, file, depth + 1, out)?;
            }
            out.push('}');
        }
        DataType::List(_) => write_list(&array.as_list::<i32>().value(row), name, file, depth, out)?,
        DataType::LargeList(_) => write_list(&array.as_list::<i64>().value(row), name, file, depth, out)?,
        DataType::FixedSizeList(..) => write_list(&array.as_fixed_size_list().value(row), name, file, depth, out)?,
        DataType::Boolean => out.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
        other => {
            let text = texts(&array.slice(row, 1), name, file)?;
            let finite = !matches!(text.value(0), "NaN" | "inf" | "-inf");
            if other.is_numeric() && finite {
                out.push_str(text.value(0))
            } else {
                json::write_text(text.value(0), out)
            }
        }
    }
    Ok(())
}

fn write_list(items: &ArrayRef, name: &str, file: &str, depth: usize, out: &mut String) -> Result<(), IntakeError> {
    out.push('[');
    for item in 0..items.len() {
        if item > 0 {
            out.push(',');
        }
        write_json(items, item, name, file, depth + 1, out)?;
    }
    out.push(']');
    Ok(())
}

/// One cell, as the mapping of FOCUS reads it.
#[derive(Clone, Copy)]
pub(crate) enum Cell<'a> {
    /// Text; "" is null.
    Text(&'a str),
    /// An instant; false when the column has no zone.
    Instant(i64, bool),
    /// A number.
    Number(Exact),
}

enum TypedColumn {
    Text(StringArray),
    Instant { micros: Int64Array, zoned: bool },
    Decimal { values: Decimal128Array, scale: u32 },
}

/// The columns of a batch in the header's order.
pub(crate) struct Typed {
    columns: Vec<Option<TypedColumn>>,
    pub(crate) rows: usize,
}

impl Typed {
    pub(crate) fn new(names: &[String], batch: &RecordBatch, file: &str) -> Result<Typed, IntakeError> {
        let column = |name: &String| -> Result<Option<TypedColumn>, IntakeError> {
            let Some(array) = resolve(batch, name) else { return Ok(None) };
            Ok(Some(match array.data_type() {
                DataType::Timestamp(_, zone) => {
                    let refuse = |error: arrow::error::ArrowError| {
                        IntakeError::malformed(file, format!("its column '{name}' cannot be read: {error}"))
                    };
                    TypedColumn::Instant { micros: micros(&array).map_err(refuse)?, zoned: zone.is_some() }
                }
                // Precision up to 28 leaves room for the shift to 18 decimals in 128 bits.
                DataType::Decimal128(precision, scale @ 0..=18) if *precision <= 28 => TypedColumn::Decimal {
                    values: array.as_primitive::<arrow::datatypes::Decimal128Type>().clone(),
                    scale: *scale as u32,
                },
                _ => TypedColumn::Text(texts(&array, name, file)?),
            }))
        };
        Ok(Typed { columns: names.iter().map(column).collect::<Result<_, _>>()?, rows: batch.num_rows() })
    }

    pub(crate) fn cell(&self, place: usize, row: usize) -> Cell<'_> {
        match &self.columns[place] {
            None => Cell::Text(""),
            Some(TypedColumn::Text(values)) => Cell::Text(text_at(values, row)),
            Some(TypedColumn::Instant { micros, .. }) if micros.is_null(row) => Cell::Text(""),
            Some(TypedColumn::Instant { micros, zoned }) => Cell::Instant(micros.value(row), *zoned),
            Some(TypedColumn::Decimal { values, .. }) if values.is_null(row) => Cell::Text(""),
            Some(TypedColumn::Decimal { values, scale }) => {
                Cell::Number(Exact::from_parts(values.value(row) * 10_i128.pow(18 - scale), 0))
            }
        }
    }
}
