//! Maps the rows of every format to FOCUS 1.4 names, exactly, and says what it did.
//!
//! ```text
//! lineItem/UnblendedCost 2.323760000E-9, Usage          → BilledCost 0.00000000232376
//! lineItem/UnblendedCost 10, SavingsPlanCoveredUsage     → BilledCost 0, and "−10" in the mapping's report
//! ```
//! One file per provider holds its formulas with their source. A row that cannot be read is quarantined; a row that
//! FOCUS has no place for is dropped with an adjustment; no row disappears. Nothing here reads a file or a clock:
//! [`map_chunk`] is a pure function of plan and chunk, and runs on several threads.

pub mod aws;
pub mod azure;
pub mod cell;
pub(crate) mod columns;
pub mod focus;
pub mod gcp;
pub mod names;
pub mod notes;
pub mod oci;
pub mod product;
pub(crate) mod sheet;
pub mod tags;
pub mod trial;

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use leap_terms::{Format, Instant, Month, limits};

use crate::decode::rows::{Rows, write_record};
use crate::decode::{Container, Detected, RawChunk, json};
use crate::error::{IntakeError, Limit};
use cell::Quirk;
pub use notes::Notes;
use sheet::{RowFault, Sheet};

/// What the mapping needs to know about the delivery as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MapOptions {
    /// Azure: the delivery has actual and amortised parts, so each takes only its share of the rows.
    pub twin_present: bool,
    /// AWS: every usage row so far has `pricing/publicOnDemandCost`, so it is the list cost. Start with true;
    /// [`MapFailure::Again`] asks for false.
    pub list_given: bool,
    /// Billing period from a manifest or a folder, for rows that name none.
    pub fallback_billing_period: Option<Month>,
}

impl Default for MapOptions {
    fn default() -> MapOptions {
        MapOptions { twin_present: false, list_given: true, fallback_billing_period: None }
    }
}

enum Mapper {
    Focus(focus::FocusPlan),
    Aws(Box<aws::AwsPlan>),
    Azure(Box<azure::AzurePlan>),
    Gcp(Box<gcp::GcpPlan>),
    Oci(Box<oci::OciPlan>),
}

/// How the rows of one part are mapped: which column goes where.
pub struct PartPlan {
    /// Number of the part in its delivery, from 0.
    pub part: u32,
    /// The part as found.
    pub file: String,
    /// What it is.
    pub detected: Detected,
    /// The delivery's options.
    pub options: MapOptions,
    mapper: Mapper,
}

impl std::fmt::Debug for PartPlan {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "PartPlan({}, {}, {})", self.part, self.file, self.detected.format)
    }
}

impl PartPlan {
    /// Prepares the mapping of a part.
    ///
    /// # Errors
    /// [`IntakeError::ColumnTwice`] when two columns could both be one FOCUS column.
    pub fn new(part: u32, file: String, detected: Detected, options: MapOptions) -> Result<PartPlan, IntakeError> {
        let names = &detected.header.names;
        let mapper = match detected.format {
            Format::Focus => Mapper::Focus(focus::FocusPlan::new(&detected, &file)?),
            Format::AwsCurLegacy | Format::AwsCur2 => Mapper::Aws(Box::new(aws::AwsPlan::new(names))),
            Format::AzureActual | Format::AzureAmortized => {
                Mapper::Azure(Box::new(azure::AzurePlan::new(&detected, options.twin_present)))
            }
            Format::GcpDetailed => Mapper::Gcp(Box::new(gcp::GcpPlan::new(names))),
            Format::OciCost => Mapper::Oci(Box::new(oci::OciPlan::new(names))),
        };
        Ok(PartPlan { part, file, detected, options, mapper })
    }
}

/// The charges of one chunk.
#[derive(Debug)]
pub struct Mapped {
    /// A subset of the columns of `leap_terms::tables::charges`, with exactly those types, with part and row numbers,
    /// and the bill's `x_…` columns. Columns without a value in the chunk are absent.
    pub batch: RecordBatch,
    /// The billing period of each row of `batch`.
    pub billing_periods: Vec<Month>,
    /// For appending formats: each row's batch (GCP: export time; OCI: the file's name).
    pub batch_names: Option<Vec<Arc<str>>>,
    /// A hash of each row's own id (AWS: LineItemId and TimeInterval; OCI: referenceNo).
    pub row_ids: Option<Vec<u64>>,
    /// Rows read: accepted, dropped and quarantined.
    pub rows_read: u64,
    /// Rows that FOCUS has no place for, each with an adjustment.
    pub dropped: u64,
    /// What there is to say.
    pub notes: Notes,
}

/// Why a chunk cannot be mapped.
#[derive(Debug)]
pub enum MapFailure {
    /// The part is refused.
    Refuse(IntakeError),
    /// The whole delivery must be mapped again with these options.
    Again(MapOptions),
}

impl From<IntakeError> for MapFailure {
    fn from(error: IntakeError) -> MapFailure {
        MapFailure::Refuse(error)
    }
}

/// What became of a row.
pub(crate) enum Outcome {
    Accepted(Month),
    Dropped,
    /// The row shows that the options are wrong.
    Again(MapOptions),
    /// The row shows that the part is something else.
    Refuse(IntakeError),
}

/// One input row: cells by the header's columns ("" is null), columns that the header lacks, its number.
pub(crate) struct RowIn<'a> {
    pub(crate) number: u64,
    pub(crate) cells: &'a [&'a str],
    pub(crate) more: &'a [(String, String)],
}

impl<'a> RowIn<'a> {
    /// The cell of an optional column.
    pub(crate) fn get(&self, place: Option<usize>) -> &'a str {
        place.and_then(|place| self.cells.get(place)).copied().unwrap_or("")
    }
}

/// Maps one chunk. Pure; may be called from several threads.
///
/// # Errors
/// [`MapFailure`]: the part is refused, or other options are needed.
pub fn map_chunk(plan: &PartPlan, chunk: RawChunk) -> Result<Mapped, MapFailure> {
    let (extras, tallies) = match &plan.mapper {
        Mapper::Focus(mapper) => (&mapper.extras, &mapper.tallies),
        Mapper::Aws(mapper) => (&mapper.extras, &mapper.tallies),
        Mapper::Azure(mapper) => (&mapper.extras, &mapper.tallies),
        Mapper::Gcp(mapper) => (&mapper.extras, &mapper.tallies),
        Mapper::Oci(mapper) => (&mapper.extras, &mapper.tallies),
    };
    let mut sheet = Sheet::new(plan.part, &plan.file, extras, tallies);
    note_floats(plan, &mut sheet);
    let mut failure = None;
    if let (Mapper::Focus(mapper), RawChunk::Columns { batch, first_row }) = (&plan.mapper, &chunk) {
        let typed = columns::Typed::new(&plan.detected.header.names, batch, &plan.file)?;
        mapper.map_columns(&typed, *first_row, &plan.options, &mut sheet);
    } else {
        for_rows(&plan.detected, &plan.file, chunk, &mut |sheet_row| {
            if failure.is_some() {
                return;
            }
            if let Err(stop) = map_row(plan, sheet_row, &mut sheet) {
                failure = Some(stop);
            }
        })?;
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    match &plan.mapper {
        Mapper::Focus(mapper) => mapper.note(plan.part, &mut sheet.notes),
        Mapper::Aws(mapper) => mapper.note(&plan.options, &mut sheet.notes),
        Mapper::Azure(mapper) => mapper.note(plan.part, &plan.detected, &mut sheet.notes),
        Mapper::Gcp(mapper) => mapper.note(&mut sheet.notes),
        Mapper::Oci(mapper) => mapper.note(&mut sheet.notes),
    }
    let (rows_read, dropped) = (sheet.rows_read, sheet.dropped);
    let batch_names = std::mem::take(&mut sheet.batch_names);
    let row_ids = std::mem::take(&mut sheet.row_ids);
    let finished = sheet.finish(&plan.detected.header.names);
    let accepted = finished.batch.num_rows();
    assert_eq!(accepted as u64 + dropped + finished.notes.quarantined(), rows_read, "no row disappears");
    Ok(Mapped {
        batch_names: (batch_names.len() == accepted && plan.detected.format.appends()).then_some(batch_names),
        row_ids: (row_ids.len() == accepted && !row_ids.is_empty()).then_some(row_ids),
        batch: finished.batch,
        billing_periods: finished.months,
        rows_read,
        dropped,
        notes: finished.notes,
    })
}

/// Float columns lose nothing here (their shortest text is read), but the provider may have lost digits before.
fn note_floats(plan: &PartPlan, sheet: &mut Sheet) {
    for name in &plan.detected.header.floats {
        if name.to_lowercase().contains("cost") {
            sheet.notes.of_file(plan.part, Quirk::FloatCost.what(), Some(name), None);
        }
    }
}

/// A row as [`for_rows`] hands it out.
pub(crate) struct SheetRow<'a> {
    row: RowIn<'a>,
    /// Raw columns where the word NULL stood.
    null_words: &'a [usize],
    shape: Option<Quirk>,
    fault: Option<RowFault>,
    /// The row as delivered, written only when it is needed.
    raw: &'a dyn Fn() -> String,
}

fn map_row(plan: &PartPlan, input: SheetRow<'_>, sheet: &mut Sheet) -> Result<(), MapFailure> {
    sheet.rows_read += 1;
    let number = input.row.number;
    if let Some(fault) = input.fault {
        sheet.quarantine(number, fault, (input.raw)());
        return Ok(());
    }
    for place in input.null_words {
        sheet.saw(Quirk::NullWord, *place, number, "NULL");
    }
    if let Some(shape) = input.shape {
        sheet.saw(shape, usize::MAX, number, "");
    }
    sheet.begin(number);
    let outcome = match &plan.mapper {
        Mapper::Focus(mapper) => mapper.map_row(&input.row, &plan.options, sheet),
        Mapper::Aws(mapper) => mapper.map_row(&input.row, &plan.options, sheet),
        Mapper::Azure(mapper) => mapper.map_row(&input.row, plan, sheet),
        Mapper::Gcp(mapper) => mapper.map_row(&input.row, &plan.options, sheet),
        Mapper::Oci(mapper) => mapper.map_row(&input.row, plan, sheet),
    };
    match outcome {
        Ok(Outcome::Accepted(month)) => {
            for (name, value) in input.row.more {
                sheet.extra_named(name, value);
            }
            sheet.accept(month);
        }
        Ok(Outcome::Dropped) => {
            sheet.abandon();
            sheet.dropped += 1;
        }
        Ok(Outcome::Again(options)) => return Err(MapFailure::Again(options)),
        Ok(Outcome::Refuse(error)) => return Err(MapFailure::Refuse(error)),
        Err(fault) => {
            sheet.abandon();
            sheet.quarantine(number, fault, (input.raw)());
        }
    }
    Ok(())
}

/// Hands the cells of each readable row of a chunk to `visit`; used to look at rows before mapping.
pub(crate) fn each_row(detected: &Detected, chunk: RawChunk, visit: &mut dyn FnMut(&[&str])) {
    // A chunk that cannot be read is refused when it is mapped, with its row; here it only tells nothing.
    let _unreadable = for_rows(detected, "", chunk, &mut |input| {
        if input.fault.is_none() {
            visit(input.row.cells);
        }
    });
}

fn for_rows(
    detected: &Detected,
    file: &str,
    chunk: RawChunk,
    visit: &mut dyn FnMut(SheetRow<'_>),
) -> Result<(), IntakeError> {
    match (chunk, detected.container) {
        (RawChunk::Text { bytes, first_row }, Container::Csv { delimiter }) => {
            csv_rows(detected, file, bytes, first_row, delimiter, visit)
        }
        (RawChunk::Text { bytes, first_row }, Container::JsonLines | Container::JsonArray | Container::Parquet) => {
            json_rows(detected, file, bytes, first_row, visit)
        }
        (RawChunk::Columns { batch, first_row }, _) => {
            let texts = columns::as_texts(&detected.header.names, &batch, file)?;
            let mut cells: Vec<&str> = Vec::with_capacity(texts.len());
            for row in 0..batch.num_rows() {
                cells.clear();
                cells.extend(
                    texts.iter().map(|column| column.as_ref().map_or("", |column| columns::text_at(column, row))),
                );
                visit_row(&mut cells, first_row + row as u64, &[], None, None, b',', visit);
            }
            Ok(())
        }
    }
}

fn is_null_word(cell: &str) -> bool {
    cell.len() == 4 && cell.eq_ignore_ascii_case("null")
}

fn visit_row<'a>(
    cells: &mut [&'a str],
    number: u64,
    more: &[(String, String)],
    shape: Option<Quirk>,
    fault: Option<RowFault>,
    delimiter: u8,
    visit: &mut dyn FnMut(SheetRow<'_>),
) {
    let mut null_words: Vec<usize> = Vec::new();
    for (place, cell) in cells.iter_mut().enumerate() {
        if is_null_word(cell) {
            null_words.push(place);
            *cell = "";
        }
    }
    let cells: &[&'a str] = cells;
    let raw = || {
        let mut text = String::new();
        let delivered =
            cells.iter().enumerate().map(|(place, cell)| if null_words.contains(&place) { "NULL" } else { cell });
        write_record(delivered, delimiter, &mut text);
        text
    };
    visit(SheetRow { row: RowIn { number, cells, more }, null_words: &null_words, shape, fault, raw: &raw });
}

fn utf8<'a>(bytes: &'a [u8], file: &str, first_row: u64) -> Result<&'a str, IntakeError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let row = first_row + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() as u64;
        IntakeError::malformed(file, format!("it is no UTF-8 text near data row {row}; export or save it as UTF-8"))
    })
}

fn csv_rows(
    detected: &Detected,
    file: &str,
    mut bytes: Vec<u8>,
    first_row: u64,
    delimiter: u8,
    visit: &mut dyn FnMut(SheetRow<'_>),
) -> Result<(), IntakeError> {
    let rows = Rows::cut(&mut bytes, delimiter);
    let text = utf8(&bytes, file, first_row)?;
    let width = detected.header.names.len();
    let mut cells: Vec<&str> = Vec::with_capacity(width);
    for at in 0..rows.len() {
        let number = first_row + at as u64;
        let fields = rows.row(at);
        cells.clear();
        for (place, (from, to)) in fields.iter().enumerate() {
            let length = (to - from) as usize;
            if length > limits::FIELD_BYTES {
                return Err(IntakeError::TooMuch {
                    file: file.to_owned(),
                    row: Some(number),
                    column: detected.header.names.get(place).map(|name| name.as_str().into()),
                    found: format!("a field of {length} bytes"),
                    limit: Limit::FieldBytes,
                    allowed: limits::FIELD_BYTES as u64,
                    remedy: "a quote is probably not closed",
                });
            }
            cells.push(&text[*from as usize..*to as usize]);
        }
        let mut shape = None;
        let mut fault = None;
        if fields.len() < width {
            cells.resize(width, "");
            shape = Some(Quirk::ShortRow);
        } else if fields.len() > width {
            if let Some(beyond) = cells[width..].iter().find(|cell| !cell.is_empty()) {
                fault = Some(RowFault {
                    column: None,
                    value: (*beyond).to_owned(),
                    reason: format!(
                        "row has {} fields, the header {width}: which column is which would be a guess",
                        fields.len()
                    ),
                });
            } else {
                cells.truncate(width);
                shape = Some(Quirk::LongRow);
            }
        }
        visit_row(&mut cells, number, &[], shape, fault, delimiter, visit);
    }
    Ok(())
}

fn json_rows(
    detected: &Detected,
    file: &str,
    bytes: Vec<u8>,
    first_row: u64,
    visit: &mut dyn FnMut(SheetRow<'_>),
) -> Result<(), IntakeError> {
    let text = utf8(&bytes, file, first_row)?;
    let names = &detected.header.names;
    let places: hashbrown::HashMap<&str, usize> =
        names.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    let mut owned: Vec<String> = vec![String::new(); names.len()];
    for (at, line) in text.lines().enumerate() {
        let number = first_row + at as u64;
        for cell in &mut owned {
            cell.clear();
        }
        let mut more: Vec<(String, String)> = Vec::new();
        let mut too_long = None;
        let fault = match json::parse(line, json::Spelling::Strict) {
            Ok(json::Json::Object(members)) => {
                json::flatten("", &members, &mut |name, value| {
                    if value.len() > limits::FIELD_BYTES {
                        too_long = Some((name.to_owned(), value.len()));
                    }
                    match places.get(name) {
                        Some(place) => value.as_ref().clone_into(&mut owned[*place]),
                        None => more.push((names::extra(name), value.into_owned())),
                    }
                });
                None
            }
            Ok(_) => {
                Some(RowFault { column: None, value: line.to_owned(), reason: "row is no JSON object".to_owned() })
            }
            Err(error) => Some(RowFault { column: None, value: line.to_owned(), reason: error.to_string() }),
        };
        if let Some((column, length)) = too_long {
            return Err(IntakeError::TooMuch {
                file: file.to_owned(),
                row: Some(number),
                column: Some(column.into()),
                found: format!("a field of {length} bytes"),
                limit: Limit::FieldBytes,
                allowed: limits::FIELD_BYTES as u64,
                remedy: "no tag map is as long; look at what the field really holds",
            });
        }
        let cells: Vec<&str> = owned.iter().map(String::as_str).collect();
        let raw = || line.to_owned();
        visit(SheetRow {
            row: RowIn { number, cells: &cells, more: &more },
            null_words: &[],
            shape: None,
            fault,
            raw: &raw,
        });
    }
    Ok(())
}

/// The bounds of a month as instants.
pub(crate) fn month_bounds(month: Month) -> (i64, i64) {
    (Instant::start_of(month.first_day()).micros(), Instant::start_of(month.plus(1).first_day()).micros())
}

#[cfg(test)]
pub(crate) mod tests;
