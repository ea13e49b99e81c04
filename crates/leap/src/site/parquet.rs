//! A table of a page as Parquet: the texts of its cells in typed columns, exact.
//!
//! ```text
//! figures of money          Decimal128(38, 18), as exports have them; as text where one has finer digits
//! other figures             Int64 where all are whole numbers, else as figures of money
//! words                     Utf8
//! ```
//! What is no figure (–, not asked) is null. "Why?" and boxes to tick are no data, and not there.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use leap_terms::Exact;
use leap_terms::tables::COARSE;
use leap_web::site::model::{Cell, Table};
use leap_web::site::{export, model};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::failure::Failure;

/// The bytes of a table.
pub(super) fn bytes(table: &Table, about: &[(&str, &str)]) -> Result<Vec<u8>, Failure> {
    // A code of ISO 4217; other units are words: rows, ns, bps.
    let is_money = table.unit.len() == 3 && table.unit.bytes().all(|byte| byte.is_ascii_uppercase());
    let names = export::names(table);
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for (at, column) in table.columns.iter().enumerate() {
        let cells: Vec<&Cell> = table.rows.iter().filter_map(|row| row.cells.get(at)).collect();
        if !cells.is_empty() && cells.iter().all(|cell| matches!(cell, Cell::Why(..) | Cell::Tick(..))) {
            continue;
        }
        let array = array(column, &cells, is_money);
        fields.push(Field::new(&names[at], array.data_type().clone(), true));
        arrays.push(array);
    }
    let failed = |error: &(dyn std::error::Error + 'static)| Failure::from_error(error);
    let schema = Arc::new(Schema::new(fields));
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(table.rows.len()));
    let batch = RecordBatch::try_new_with_options(schema.clone(), arrays, &options).map_err(|error| failed(&error))?;
    let facts = about.iter().map(|(name, value)| KeyValue::new(format!("leap.{name}"), (*value).to_owned()));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(facts.collect()))
        .build();
    let mut out = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut out, schema, Some(properties)).map_err(|error| failed(&error))?;
    writer.write(&batch).map_err(|error| failed(&error))?;
    writer.close().map_err(|error| failed(&error))?;
    Ok(out)
}

/// The exact text of a figure; `None` for what is none.
fn figure(cell: &Cell) -> Option<&str> {
    match cell {
        Cell::Figure(figure) | Cell::Ratio(figure, _) => Some(&figure.exact),
        Cell::Number(exact, _) => Some(exact),
        _ => None,
    }
    .map(String::as_str)
    .filter(|exact| !exact.is_empty())
}

fn array(column: &model::Column, cells: &[&Cell], is_money: bool) -> ArrayRef {
    let is_empty = |cell: &Cell| matches!(cell, Cell::Empty | Cell::None);
    let is_figures = column.is_figure && cells.iter().all(|cell| is_empty(cell) || figure(cell).is_some());
    let texts = || cells.iter().map(|cell| export::datum(cell)).collect::<StringArray>();
    if !is_figures {
        return Arc::new(texts());
    }
    let whole = || {
        cells
            .iter()
            .map(|cell| figure(cell).map(|text| text.parse::<i64>().ok()).map_or(Some(None), |value| value.map(Some)))
    };
    if !is_money && let Some(values) = whole().collect::<Option<Vec<Option<i64>>>>() {
        return Arc::new(Int64Array::from(values));
    }
    let exact = cells.iter().map(|cell| match figure(cell) {
        None => Some(None),
        Some(text) => text.parse::<Exact>().ok().filter(|exact| exact.fine() == 0).map(|exact| Some(exact.coarse())),
    });
    let exact = exact.collect::<Option<Vec<Option<i128>>>>();
    let decimal = exact.and_then(decimals);
    decimal.unwrap_or_else(|| Arc::new(texts()))
}

/// Units of 10⁻¹⁸; `None` where one has more digits than 38.
fn decimals(values: Vec<Option<i128>>) -> Option<ArrayRef> {
    let DataType::Decimal128(precision, scale) = COARSE else { return None };
    let array = Decimal128Array::from(values).with_precision_and_scale(precision, scale).ok()?;
    array.validate_decimal_precision(precision).ok()?;
    Some(Arc::new(array))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{Decimal128Type, Int64Type};
    use leap_web::site::model::{Column, Figure, Link, Row};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    fn money(exact: &str) -> Cell {
        Cell::Figure(Figure { exact: exact.to_owned(), shown: "x".to_owned(), href: "/x".to_owned() })
    }

    fn read(table: &Table) -> RecordBatch {
        let bytes = ::bytes::Bytes::from(bytes(table, &[("snapshot", "7c41")]).unwrap());
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        let facts = builder.metadata().file_metadata().key_value_metadata().unwrap().clone();
        assert!(facts.iter().any(|fact| fact.key == "leap.snapshot" && fact.value.as_deref() == Some("7c41")));
        let batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
        arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
    }

    fn table(unit: &str, rows: Vec<Vec<Cell>>) -> Table {
        let columns = vec![Column::text("Team"), Column::figure("Cost"), Column::figure("Cost"), Column::text("Why")];
        let rows = rows.into_iter().map(Row::new).collect();
        Table { id: "t-x".to_owned(), unit: unit.to_owned(), columns, rows, ..Table::default() }
    }

    #[test]
    fn figures_are_exact_and_typed() {
        let why = || Cell::Why("x".to_owned(), Link::new("Why?", "/x"));
        let rows = vec![
            vec![
                Cell::Text("=a".to_owned()),
                money("-100.000000000000000001"),
                Cell::Number("7".into(), "7".into()),
                why(),
            ],
            vec![Cell::Link(Link::new("b", "/b")), Cell::None, Cell::Empty, why()],
        ];
        let batch = read(&table("USD", rows.clone()));
        let schema = batch.schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["Team", "Cost", "Cost (2)"], "a link is no datum");
        let cost = batch.column(1).as_primitive::<Decimal128Type>();
        assert_eq!((cost.value(0), cost.is_null(1)), (-100_000_000_000_000_000_001, true));
        assert_eq!(batch.column(0).as_string::<i32>().value(0), "=a", "no spreadsheet reads it");
        let batch = read(&table("rows", rows));
        assert_eq!(batch.column(1).data_type(), &COARSE);
        let count = batch.column(2).as_primitive::<Int64Type>();
        assert_eq!((count.value(0), count.is_null(1)), (7, true));
    }

    #[test]
    fn finer_digits_stay_as_text_and_nothing_is_a_table_too() {
        let fine = "0.0000000000000000000001";
        let batch = read(&table("USD", vec![vec![Cell::Empty, money(fine), Cell::Empty, Cell::Empty]]));
        assert_eq!(batch.column(1).as_string::<i32>().value(0), fine);
        let bytes = ::bytes::Bytes::from(bytes(&table("USD", Vec::new()), &[]).unwrap());
        assert_eq!(ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().schema().fields().len(), 4);
    }
}
