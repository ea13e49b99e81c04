//! Rows of a raw file as names and texts, whatever the file is: CSV, CSV.gz, CSV.zst, JSON lines or Parquet.
//!
//! ```text
//! lineItem/UnblendedCost, line_item_unblended_cost   → one name: lineitemunblendedcost
//! Maßeinheit (UnitOfMeasure)                          → unitofmeasure
//! ```
//! Every value is text here; null, the empty cell and the word NULL are the same nothing. What a column means is the
//! matter of [`super::bills`].

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use csv::StringRecord;
use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::record::Field;

use super::AuditError;
use super::literal::Literal;

/// Bytes read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// The names of a file's columns.
#[derive(Default)]
pub struct Header {
    names: Vec<String>,
    by_name: HashMap<String, usize>,
    by_plain_name: HashMap<String, usize>,
}

impl Header {
    fn of<'a>(names: impl Iterator<Item = &'a str>) -> Header {
        let mut header = Header::default();
        for name in names {
            header.add(name);
        }
        header
    }

    /// Adds a column; of two columns of one name the first is the one that counts.
    fn add(&mut self, name: &str) -> usize {
        let at = self.names.len();
        self.names.push(name.to_owned());
        self.by_name.entry(name.to_owned()).or_insert(at);
        self.by_plain_name.entry(plain_name(name)).or_insert(at);
        at
    }
}

/// A column name without case and punctuation; of a translated header, the English name in its brackets.
pub fn plain_name(name: &str) -> String {
    let name = name.trim().trim_start_matches('\u{feff}');
    let english = name.strip_suffix(')').and_then(|name| name.rsplit_once('(')).map(|(_, english)| english);
    english.unwrap_or(name).chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// One row.
pub struct Row<'a> {
    header: &'a Header,
    cells: &'a StringRecord,
}

impl<'a> Row<'a> {
    /// The value of a column by its plain name; `None` for null, empty, the word NULL, and for no such column.
    pub fn get(&self, plain_name: &str) -> Option<&'a str> {
        let at = *self.header.by_plain_name.get(plain_name)?;
        self.cells.get(at).and_then(value)
    }

    /// The first of these columns that has a value.
    pub fn first(&self, plain_names: &[&str]) -> Option<&'a str> {
        plain_names.iter().find_map(|name| self.get(name))
    }

    /// True when the file has the column.
    pub fn has(&self, plain_name: &str) -> bool {
        self.header.by_plain_name.contains_key(plain_name)
    }

    /// All columns by their names as written, with their values.
    pub fn all(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let named = self.header.names.iter().zip(self.cells.iter());
        named.filter_map(|(name, cell)| value(cell).map(|cell| (name.as_str(), cell)))
    }
}

fn value(cell: &str) -> Option<&str> {
    let nothing = cell.is_empty() || cell.eq_ignore_ascii_case("null");
    if nothing { None } else { Some(cell) }
}

/// Calls `visit` for each row of a file. A row that cannot even be split into values is visited as `None`.
///
/// # Errors
/// [`AuditError`] when the file cannot be read to its end.
pub fn for_each_row(path: &Path, visit: &mut dyn FnMut(Option<&Row<'_>>)) -> Result<(), AuditError> {
    let failed = |fault: std::io::Error| AuditError::Read { path: path.to_owned(), fault };
    let mut magic = [0; 4];
    let known = File::open(path).and_then(|file| file.take(4).read(&mut magic)).map_err(failed)?;
    if magic[..known] == *b"PAR1" {
        return parquet_rows(path, File::open(path).map_err(failed)?, visit);
    }
    let file = File::open(path).map_err(failed)?;
    let stream: Box<dyn Read> = match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(file))),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(file).map_err(failed)?),
        _ => Box::new(file),
    };
    let mut stream = BufReader::with_capacity(BUFFER_BYTES, stream);
    if stream.fill_buf().map_err(failed)?.starts_with("\u{feff}".as_bytes()) {
        stream.consume(3);
    }
    let start = stream.fill_buf().map_err(failed)?;
    let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        Some(b'{') => json_rows(path, stream, visit),
        Some(b'[') => json_list(path, stream, visit),
        _ => csv_rows(path, stream, visit),
    }
}

/// The same for a file that is at hand: Parquet, or else CSV.
///
/// # Errors
/// [`AuditError`] when the bytes are neither.
pub fn for_each_row_of(bytes: &[u8], visit: &mut dyn FnMut(Option<&Row<'_>>)) -> Result<(), AuditError> {
    let path = Path::new("a file at hand");
    if bytes.starts_with(b"PAR1") {
        return parquet_rows(path, bytes::Bytes::copy_from_slice(bytes), visit);
    }
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    csv_rows(path, BufReader::new(Box::new(text)), visit)
}

fn csv_rows(
    path: &Path,
    mut stream: BufReader<Box<dyn Read + '_>>,
    visit: &mut dyn FnMut(Option<&Row<'_>>),
) -> Result<(), AuditError> {
    let failed = |fault: csv::Error| match fault.into_kind() {
        csv::ErrorKind::Io(fault) => AuditError::Read { path: path.to_owned(), fault },
        other => AuditError::Csv { path: path.to_owned(), fault: format!("{other:?}") },
    };
    let start = stream.fill_buf().map_err(|fault| AuditError::Read { path: path.to_owned(), fault })?;
    let delimiter = delimiter_of(start);
    let capacity = stream.capacity();
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).buffer_capacity(capacity).from_reader(stream);
    let header = reader.byte_headers().map_err(failed)?.clone();
    let header = Header::of(StringRecord::from_byte_record_lossy(header).iter());
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(failed)? {
        let cells = match StringRecord::from_byte_record(record) {
            Ok(cells) => cells,
            Err(not_utf8) => StringRecord::from_byte_record_lossy(not_utf8.into_byte_record()),
        };
        visit(Some(&Row { header: &header, cells: &cells }));
        record = cells.into_byte_record();
    }
    Ok(())
}

/// The comma, unless the first line has more semicolons or tabs outside quotes.
fn delimiter_of(start: &[u8]) -> u8 {
    let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in start.iter().take_while(|byte| **byte != b'\n') {
        if *byte == b'"' {
            quoted = !quoted;
        }
        for (delimiter, count) in &mut counts {
            if *byte == *delimiter && !quoted {
                *count += 1;
            }
        }
    }
    let mut best = counts[0];
    for candidate in counts {
        if candidate.1 > best.1 {
            best = candidate;
        }
    }
    best.0
}

fn json_rows(
    path: &Path,
    mut stream: BufReader<Box<dyn Read>>,
    visit: &mut dyn FnMut(Option<&Row<'_>>),
) -> Result<(), AuditError> {
    let mut header = Header::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read =
            stream.read_until(b'\n', &mut line).map_err(|fault| AuditError::Read { path: path.to_owned(), fault })?;
        if read == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&line);
        if text.trim().is_empty() {
            continue;
        }
        let Some(Literal::Map(entries)) = Literal::read(&text) else {
            visit(None);
            continue;
        };
        let cells = in_columns(&mut header, flatten(entries));
        visit(Some(&Row { header: &header, cells: &cells }));
    }
}

/// Objects whose members are columns of their own (GCP). Others are maps of tags and details: one column each.
const NESTED: [&str; 12] = [
    "service",
    "sku",
    "project",
    "location",
    "resource",
    "usage",
    "invoice",
    "adjustment_info",
    "price",
    "subscription",
    "consumption_model",
    "transaction",
];

/// All rows in one list.
fn json_list(
    path: &Path,
    mut stream: BufReader<Box<dyn Read>>,
    visit: &mut dyn FnMut(Option<&Row<'_>>),
) -> Result<(), AuditError> {
    let failed = |fault: std::io::Error| AuditError::Read { path: path.to_owned(), fault };
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(failed)?;
    let Some(Literal::List(items)) = Literal::read(&text) else {
        return Err(failed(std::io::Error::other("it is no list of objects")));
    };
    let mut header = Header::default();
    for item in items {
        let Literal::Map(entries) = item else {
            visit(None);
            continue;
        };
        let cells = in_columns(&mut header, flatten(entries));
        visit(Some(&Row { header: &header, cells: &cells }));
    }
    Ok(())
}

/// `{"service": {"id": 1}}` gives both `service` as JSON text and `service.id`.
fn flatten(entries: Vec<(String, Literal)>) -> Vec<(String, String)> {
    let mut cells = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        if let (Literal::Map(members), true) = (&value, NESTED.contains(&name.as_str())) {
            for (member, value) in members {
                cells.push((format!("{name}.{member}"), value.to_cell()));
            }
        }
        cells.push((name, value.to_cell()));
    }
    cells
}

fn in_columns(header: &mut Header, cells: Vec<(String, String)>) -> StringRecord {
    let mut texts = vec![String::new(); header.names.len()];
    for (name, text) in cells {
        let known = header.by_name.get(&name).copied();
        let at = known.unwrap_or_else(|| {
            texts.push(String::new());
            header.add(&name)
        });
        texts[at] = text;
    }
    StringRecord::from(texts)
}

fn parquet_rows(
    path: &Path,
    file: impl ChunkReader + 'static,
    visit: &mut dyn FnMut(Option<&Row<'_>>),
) -> Result<(), AuditError> {
    let failed = |fault: parquet::errors::ParquetError| AuditError::Parquet { path: path.to_owned(), fault };
    let reader = SerializedFileReader::new(file).map_err(failed)?;
    let schema = reader.metadata().file_metadata().schema();
    let nanoseconds: Vec<bool> = schema
        .get_fields()
        .iter()
        .map(|field| {
            let logical = field.get_basic_info().logical_type_ref();
            matches!(logical, Some(LogicalType::Timestamp(stamp)) if matches!(stamp.unit, TimeUnit::NANOS))
        })
        .collect();
    let mut header = Header::default();
    for row in reader.get_row_iter(None).map_err(failed)? {
        let row = row.map_err(failed)?;
        let mut entries = Vec::with_capacity(row.len());
        for (at, (name, field)) in row.get_column_iter().enumerate() {
            let value = match field {
                Field::Long(nanos) if nanoseconds.get(at) == Some(&true) => {
                    Literal::Text(instant_text(nanos.div_euclid(1000)))
                }
                other => literal_of(other),
            };
            entries.push((name.clone(), value));
        }
        let cells = in_columns(&mut header, flatten(entries));
        visit(Some(&Row { header: &header, cells: &cells }));
    }
    Ok(())
}

fn instant_text(micros: i64) -> String {
    leap_terms::Instant::from_micros(micros).to_string()
}

/// A Parquet value as text. A float column (AWS writes costs so) gives the shortest text that reads back as it.
fn literal_of(field: &Field) -> Literal {
    match field {
        Field::Null => Literal::Null,
        Field::Bool(value) => Literal::Bool(*value),
        Field::Byte(value) => Literal::Number(value.to_string()),
        Field::Short(value) => Literal::Number(value.to_string()),
        Field::Int(value) => Literal::Number(value.to_string()),
        Field::Long(value) => Literal::Number(value.to_string()),
        Field::UByte(value) => Literal::Number(value.to_string()),
        Field::UShort(value) => Literal::Number(value.to_string()),
        Field::UInt(value) => Literal::Number(value.to_string()),
        Field::ULong(value) => Literal::Number(value.to_string()),
        Field::Float16(value) => Literal::Number(value.to_string()),
        Field::Float(value) => Literal::Number(value.to_string()),
        Field::Double(value) => Literal::Number(value.to_string()),
        Field::Decimal(decimal) => {
            let units = num_bigint::BigInt::from_signed_bytes_be(decimal.data());
            Literal::Number(format!("{units}e-{}", decimal.scale()))
        }
        Field::Str(text) => Literal::Text(text.clone()),
        Field::Bytes(bytes) => Literal::Text(String::from_utf8_lossy(bytes.data()).into_owned()),
        Field::Date(days) => Literal::Text(leap_terms::Day::from_days(*days).to_string()),
        Field::TimeMillis(value) => Literal::Number(value.to_string()),
        Field::TimeMicros(value) => Literal::Number(value.to_string()),
        Field::TimestampMillis(millis) => Literal::Text(instant_text(millis.saturating_mul(1000))),
        Field::TimestampMicros(micros) => Literal::Text(instant_text(*micros)),
        Field::Group(row) => {
            Literal::Map(row.get_column_iter().map(|(name, field)| (name.clone(), literal_of(field))).collect())
        }
        Field::ListInternal(list) => Literal::List(list.elements().iter().map(literal_of).collect()),
        Field::MapInternal(map) => {
            let entries = map.entries().iter();
            Literal::Map(entries.map(|(key, value)| (literal_of(key).to_cell(), literal_of(value))).collect())
        }
    }
}
