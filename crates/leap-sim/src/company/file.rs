//! Writes lines as files: CSV, plain or compressed, with the spellings real providers mix; Parquet with exact decimals.
//!
//! ```text
//! ,0.0815,958667946125,"Halden Market, Inc. ""payer""",…,"{""team"": ""ledger-sync""}",
//! ```

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use leap_terms::Day;

use super::amount::{Spelling, respell, write_padded};
use super::cells::{Bill, Cell, ColumnKind, ColumnPlan};
use super::month::Line;

/// How files of a bill are stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Container {
    /// CSV under gzip.
    CsvGz,
    /// CSV.
    Csv,
    /// CSV under Zstandard.
    CsvZst,
    /// Parquet.
    Parquet,
}

impl Container {
    /// All.
    pub const ALL: [Container; 4] = [Container::CsvGz, Container::Csv, Container::CsvZst, Container::Parquet];

    /// `csv-gz`, `csv`, `csv-zst`, `parquet`.
    pub fn word(self) -> &'static str {
        match self {
            Container::CsvGz => "csv-gz",
            Container::Csv => "csv",
            Container::CsvZst => "csv-zst",
            Container::Parquet => "parquet",
        }
    }

    /// The end of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Container::CsvGz => "csv.gz",
            Container::Csv => "csv",
            Container::CsvZst => "csv.zst",
            Container::Parquet => "parquet",
        }
    }

    /// `compression` and `contentType` of a manifest.
    pub(crate) fn manifest_words(self) -> (&'static str, &'static str) {
        match self {
            Container::CsvGz => ("GZIP", "text/csv"),
            Container::Csv => ("NONE", "text/csv"),
            Container::CsvZst => ("ZSTD", "text/csv"),
            Container::Parquet => ("PARQUET", "application/vnd.apache.parquet"),
        }
    }
}

impl FromStr for Container {
    type Err = String;

    fn from_str(text: &str) -> Result<Container, String> {
        Container::ALL
            .into_iter()
            .find(|container| container.word() == text)
            .ok_or_else(|| format!("'{text}' is no container; use csv-gz, csv, csv-zst or parquet"))
    }
}

/// A text file under compression; `close` writes the trailer.
pub(crate) enum TextFile {
    Plain(BufWriter<File>),
    Gzip(flate2::write::GzEncoder<BufWriter<File>>),
    Zstd(zstd::Encoder<'static, BufWriter<File>>),
}

impl TextFile {
    pub(crate) fn create(path: &Path, container: Container) -> io::Result<TextFile> {
        let file = BufWriter::with_capacity(1 << 18, File::create(path)?);
        Ok(match container {
            Container::CsvGz => TextFile::Gzip(flate2::write::GzEncoder::new(file, flate2::Compression::new(2))),
            Container::CsvZst => TextFile::Zstd(zstd::Encoder::new(file, 3)?),
            Container::Csv | Container::Parquet => TextFile::Plain(file),
        })
    }

    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            TextFile::Plain(file) => file.write_all(bytes),
            TextFile::Gzip(file) => file.write_all(bytes),
            TextFile::Zstd(file) => file.write_all(bytes),
        }
    }

    pub(crate) fn close(self) -> io::Result<()> {
        match self {
            TextFile::Plain(mut file) => file.flush(),
            TextFile::Gzip(file) => file.finish()?.flush(),
            TextFile::Zstd(file) => file.finish()?.flush(),
        }
    }
}

/// Writes the lines into one file.
pub(crate) fn write(
    path: &Path,
    container: Container,
    bill: &Bill<'_>,
    columns: &[ColumnPlan],
    lines: &[&Line],
) -> io::Result<()> {
    match container {
        Container::CsvGz | Container::Csv | Container::CsvZst => write_csv(path, container, bill, columns, lines),
        Container::Parquet => write_parquet(path, bill, columns, lines),
    }
}

fn write_csv(
    path: &Path,
    container: Container,
    bill: &Bill<'_>,
    columns: &[ColumnPlan],
    lines: &[&Line],
) -> io::Result<()> {
    let mut file = TextFile::create(path, container)?;
    let mut text = Vec::with_capacity(1 << 18);
    text.extend_from_slice(columns.iter().map(|column| column.name).collect::<Vec<_>>().join(",").as_bytes());
    text.push(b'\n');
    for line in lines {
        for (at, column) in columns.iter().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            write_cell(bill.cell(*column, line), line.bits.rotate_left(at as u32 * 5), &mut text);
        }
        text.push(b'\n');
        if text.len() > 200_000 {
            file.write_all(&text)?;
            text.clear();
        }
    }
    file.write_all(&text)?;
    file.close()
}

fn write_cell(cell: Cell<'_>, bits: u64, out: &mut Vec<u8>) {
    match cell {
        Cell::Null => {}
        Cell::Text(text) => write_text(text, out),
        Cell::Cost(amount) => {
            let start = out.len();
            amount.write(out);
            respell(out, start, Spelling::from_bits(bits));
        }
        Cell::Number(number) => {
            let start = out.len();
            number.write(out);
            respell(out, start, Spelling::from_bits(bits));
        }
        Cell::Hour(hour) => write_hour(hour, out),
    }
}

/// A CSV field, quoted where it must be.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    if !text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// `2026-09-03T11:00:00Z` from hours since 1970.
pub(crate) fn write_hour(hour: i64, out: &mut Vec<u8>) {
    let (year, month, day) = Day::from_days(hour.div_euclid(24) as i32).ymd();
    write_padded(year as u64, 4, out);
    out.push(b'-');
    write_padded(u64::from(month), 2, out);
    out.push(b'-');
    write_padded(u64::from(day), 2, out);
    out.push(b'T');
    write_padded(hour.rem_euclid(24) as u64, 2, out);
    out.extend_from_slice(b":00:00Z");
}

/// Decimals of costs and of other numbers in Parquet.
pub(crate) const COST_TYPE: DataType = DataType::Decimal128(38, 28);
pub(crate) const NUMBER_TYPE: DataType = DataType::Decimal128(38, 24);

pub(crate) fn instant_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

pub(crate) fn parquet_properties(group_rows: usize) -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(group_rows))
        .set_created_by("sample".to_owned())
        .build()
}

enum ColumnBuilder {
    Text(StringBuilder),
    Decimal(Decimal128Builder),
    Instant(TimestampMicrosecondBuilder),
}

fn write_parquet(path: &Path, bill: &Bill<'_>, columns: &[ColumnPlan], lines: &[&Line]) -> io::Result<()> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|column| {
            let data_type = match column.kind {
                ColumnKind::Text => DataType::Utf8,
                ColumnKind::Cost => COST_TYPE,
                ColumnKind::Number => NUMBER_TYPE,
                ColumnKind::Instant => instant_type(),
            };
            Field::new(column.name, data_type, true)
        })
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let mut writer = ArrowWriter::try_new(File::create(path)?, schema.clone(), Some(parquet_properties(1 << 20)))?;
    for lines in lines.chunks(8192) {
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.len());
        for column in columns {
            let mut builder = match column.kind {
                ColumnKind::Text => ColumnBuilder::Text(StringBuilder::new()),
                ColumnKind::Cost => ColumnBuilder::Decimal(Decimal128Builder::new().with_data_type(COST_TYPE)),
                ColumnKind::Number => ColumnBuilder::Decimal(Decimal128Builder::new().with_data_type(NUMBER_TYPE)),
                ColumnKind::Instant => {
                    ColumnBuilder::Instant(TimestampMicrosecondBuilder::new().with_data_type(instant_type()))
                }
            };
            for line in lines {
                let cell = bill.cell(*column, line);
                match &mut builder {
                    ColumnBuilder::Text(builder) => builder.append_option(match cell {
                        Cell::Text(text) => Some(text),
                        Cell::Null | Cell::Cost(_) | Cell::Number(_) | Cell::Hour(_) => None,
                    }),
                    ColumnBuilder::Decimal(builder) => builder.append_option(match cell {
                        Cell::Cost(amount) if column.kind == ColumnKind::Cost => Some(amount.in_28_decimals()),
                        Cell::Cost(amount) => Some(amount.in_28_decimals() / 10_000),
                        Cell::Number(number) => Some(number.in_24_decimals()),
                        Cell::Null | Cell::Text(_) | Cell::Hour(_) => None,
                    }),
                    ColumnBuilder::Instant(builder) => builder.append_option(match cell {
                        Cell::Hour(hour) => Some(hour * 3_600_000_000),
                        Cell::Null | Cell::Text(_) | Cell::Cost(_) | Cell::Number(_) => None,
                    }),
                }
            }
            arrays.push(match builder {
                ColumnBuilder::Text(mut builder) => Arc::new(builder.finish()),
                ColumnBuilder::Decimal(mut builder) => Arc::new(builder.finish()),
                ColumnBuilder::Instant(mut builder) => Arc::new(builder.finish()),
            });
        }
        writer.write(&RecordBatch::try_new(schema.clone(), arrays).map_err(io::Error::other)?)?;
    }
    writer.close()?;
    Ok(())
}
