//! The charges of one chunk while they are written, column by column.
//!
//! A column exists once a value is set in it. A row that turns out to be unreadable stays in the columns and is
//! filtered out at the end, since most chunks have no such row.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Int32Array, Int64Array, StringBuilder, TimestampMicrosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use hashbrown::HashMap;
use leap_terms::delivery::Quarantined;
use leap_terms::focus::{COLUMNS, ColumnType};
use leap_terms::tables::{COARSE, COARSE_COST, FINE, PART, ROW, fine_column, instant_type};
use leap_terms::{CostKind, Costs, Currency, Exact, Money, Month};

use super::cell::{self, Quirk};
use super::notes::{Ledger, Notes, shorten};
use super::tags;

/// The place of a FOCUS column in `leap_terms::focus::COLUMNS`, at compile time.
pub(crate) const fn at(name: &str) -> usize {
    let mut place = 0;
    while place < COLUMNS.len() {
        if equal(COLUMNS[place].name.as_bytes(), name.as_bytes()) {
            return place;
        }
        place += 1;
    }
    panic!("no such FOCUS column")
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// The places of the four costs.
pub(crate) const COSTS: [usize; 4] = [at("BilledCost"), at("EffectiveCost"), at("ListCost"), at("ContractedCost")];

#[derive(Default)]
struct Texts {
    values: StringBuilder,
}

impl Texts {
    fn set(&mut self, row: usize, value: &str) {
        use arrow::array::ArrayBuilder;
        let length = self.values.len();
        if length < row {
            self.values.append_nulls(row - length);
        }
        if length <= row {
            self.values.append_value(value);
        }
    }

    fn finish(mut self, rows: usize) -> ArrayRef {
        use arrow::array::ArrayBuilder;
        let length = self.values.len();
        self.values.append_nulls(rows - length);
        Arc::new(self.values.finish())
    }
}

#[derive(Default)]
struct Numbers {
    coarse: Vec<i128>,
    present: Vec<bool>,
    fine: Vec<(usize, i64)>,
}

impl Numbers {
    fn set(&mut self, row: usize, value: Exact) {
        if self.coarse.len() > row {
            return;
        }
        self.coarse.resize(row, 0);
        self.present.resize(row, false);
        self.coarse.push(value.coarse());
        self.present.push(true);
        if value.fine() != 0 {
            self.fine.push((row, value.fine()));
        }
    }

    fn finish(mut self, rows: usize, data_type: &DataType) -> (ArrayRef, Option<ArrayRef>) {
        self.coarse.resize(rows, 0);
        self.present.resize(rows, false);
        let nulls = self.present.iter().any(|present| !present).then(|| NullBuffer::from(self.present));
        let coarse = Decimal128Array::new(self.coarse.into(), nulls).with_data_type(data_type.clone());
        let fine = (!self.fine.is_empty()).then(|| {
            let mut values = vec![0_i128; rows];
            let mut present = vec![false; rows];
            for (row, value) in self.fine {
                values[row] = i128::from(value);
                present[row] = true;
            }
            let fine = Decimal128Array::new(values.into(), Some(NullBuffer::from(present))).with_data_type(FINE);
            Arc::new(fine) as ArrayRef
        });
        (Arc::new(coarse), fine)
    }
}

#[derive(Default)]
struct Instants {
    micros: Vec<i64>,
    present: Vec<bool>,
}

impl Instants {
    fn set(&mut self, row: usize, value: i64) {
        if self.micros.len() > row {
            return;
        }
        self.micros.resize(row, 0);
        self.present.resize(row, false);
        self.micros.push(value);
        self.present.push(true);
    }

    fn finish(mut self, rows: usize) -> ArrayRef {
        self.micros.resize(rows, 0);
        self.present.resize(rows, false);
        let nulls = self.present.iter().any(|present| !present).then(|| NullBuffer::from(self.present));
        Arc::new(TimestampMicrosecondArray::new(self.micros.into(), nulls).with_data_type(instant_type()))
    }
}

enum Column {
    Texts(Texts),
    Numbers(Numbers),
    Instants(Instants),
}

/// What a chunk's rows saw, per quirk and raw column.
struct Saw {
    rows: u64,
    first: u64,
    example: String,
}

/// Why a row cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowFault {
    pub(crate) column: Option<String>,
    pub(crate) value: String,
    pub(crate) reason: String,
}

impl RowFault {
    pub(crate) fn new(column: &str, value: &str, reason: impl Into<String>) -> RowFault {
        RowFault { column: Some(column.to_owned()), value: value.to_owned(), reason: reason.into() }
    }
}

/// The charges of one chunk.
pub(crate) struct Sheet {
    part: u32,
    file: String,
    columns: Vec<Option<Column>>,
    extra_names: Vec<String>,
    extra_places: HashMap<String, usize>,
    extras: Vec<Option<Texts>>,
    numbers: Vec<i64>,
    keep: Vec<bool>,
    months: Vec<Month>,
    pub(crate) batch_names: Vec<Arc<str>>,
    pub(crate) row_ids: Vec<u64>,
    pub(crate) rows_read: u64,
    pub(crate) dropped: u64,
    tallies: Vec<(String, CostKind)>,
    ledgers: Vec<Vec<Ledger>>,
    currencies: Vec<(String, Currency)>,
    last_currency: usize,
    saw: HashMap<(Quirk, usize), Saw>,
    tag_cache: HashMap<String, Option<Box<str>>>,
    /// The last instant read from each input column: billing periods hardly ever change.
    instant_cache: Vec<(String, i64, Option<Quirk>)>,
    pub(crate) notes: Notes,
}

impl Sheet {
    /// An empty sheet. `extras` are the `x_…` names in order; `tallies` the raw columns and the costs they become.
    pub(crate) fn new(part: u32, file: &str, extras: &[String], tallies: &[(String, CostKind)]) -> Sheet {
        Sheet {
            part,
            file: file.to_owned(),
            columns: COLUMNS.iter().map(|_| None).collect(),
            extra_names: extras.to_vec(),
            extra_places: HashMap::new(),
            extras: extras.iter().map(|_| None).collect(),
            numbers: Vec::new(),
            keep: Vec::new(),
            months: Vec::new(),
            batch_names: Vec::new(),
            row_ids: Vec::new(),
            rows_read: 0,
            dropped: 0,
            tallies: tallies.to_vec(),
            ledgers: tallies.iter().map(|_| Vec::new()).collect(),
            currencies: Vec::new(),
            last_currency: 0,
            saw: HashMap::new(),
            tag_cache: HashMap::new(),
            instant_cache: Vec::new(),
            notes: Notes::default(),
        }
    }

    /// Starts a row.
    pub(crate) fn begin(&mut self, number: u64) {
        self.numbers.push(number as i64);
        self.keep.push(true);
    }

    fn row(&self) -> usize {
        self.numbers.len() - 1
    }

    /// Ends a row that is accepted.
    pub(crate) fn accept(&mut self, month: Month) {
        self.months.push(month);
    }

    /// Ends a row that began and is not accepted.
    pub(crate) fn abandon(&mut self) {
        let row = self.row();
        self.keep[row] = false;
    }

    pub(crate) fn text(&mut self, column: usize, value: &str) {
        if value.is_empty() {
            return;
        }
        let row = self.row();
        if let Column::Texts(texts) = self.columns[column].get_or_insert_with(|| Column::Texts(Texts::default())) {
            texts.set(row, value);
        }
    }

    pub(crate) fn number(&mut self, column: usize, value: Exact) {
        let row = self.row();
        if let Column::Numbers(numbers) =
            self.columns[column].get_or_insert_with(|| Column::Numbers(Numbers::default()))
        {
            numbers.set(row, value);
        }
    }

    pub(crate) fn instant(&mut self, column: usize, micros: i64) {
        let row = self.row();
        if let Column::Instants(instants) =
            self.columns[column].get_or_insert_with(|| Column::Instants(Instants::default()))
        {
            instants.set(row, micros);
        }
    }

    pub(crate) fn costs(&mut self, costs: &Costs) {
        for (kind, place) in CostKind::ALL.into_iter().zip(COSTS) {
            self.number(place, costs[kind]);
        }
    }

    pub(crate) fn extra(&mut self, place: usize, value: &str) {
        if value.is_empty() {
            return;
        }
        let row = self.row();
        self.extras[place].get_or_insert_with(Texts::default).set(row, value);
    }

    /// A column that the header did not promise, by its `x_…` name.
    pub(crate) fn extra_named(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        let place = match self.extra_places.get(name) {
            Some(place) => *place,
            None => {
                let place = self.extra_names.iter().position(|have| have == name).unwrap_or_else(|| {
                    self.extra_names.push(name.to_owned());
                    self.extras.push(None);
                    self.extras.len() - 1
                });
                self.extra_places.insert(name.to_owned(), place);
                place
            }
        };
        self.extra(place, value);
    }

    /// Tags in any spelling, made canonical; what cannot be read is kept beside.
    pub(crate) fn tags(&mut self, column: usize, raw_place: usize, number: u64, raw: &str) {
        if raw.is_empty() {
            return;
        }
        if !self.tag_cache.contains_key(raw) {
            let canonical = match tags::canonical(raw) {
                Ok(None) => None,
                Ok(Some((text, quirks))) => {
                    // A spelling with an assumption is not cached, so that each of its rows is counted.
                    if !quirks.is_empty() {
                        for quirk in quirks {
                            self.saw(quirk, raw_place, number, raw);
                        }
                        self.text(column, &text);
                        return;
                    }
                    Some(text.into_boxed_str())
                }
                Err(()) => {
                    self.saw(Quirk::TagsUnreadable, raw_place, number, raw);
                    self.extra_named(
                        if column == at("Tags") { "x_UnreadableTags" } else { "x_UnreadableAllocatedTags" },
                        raw,
                    );
                    return;
                }
            };
            if self.tag_cache.len() > 20_000 {
                self.tag_cache.clear();
            }
            self.tag_cache.insert(raw.to_owned(), canonical);
        }
        let row = self.row();
        if let Some(Some(text)) = self.tag_cache.get(raw)
            && let Column::Texts(texts) = self.columns[column].get_or_insert_with(|| Column::Texts(Texts::default()))
        {
            texts.set(row, text);
        }
    }

    /// Notes that an assumption was made on a row; `raw_place` is the input column.
    pub(crate) fn saw(&mut self, quirk: Quirk, raw_place: usize, number: u64, example: &str) {
        let saw = self.saw.entry((quirk, raw_place)).or_insert_with(|| Saw {
            rows: 0,
            first: number,
            example: shorten(example, 80),
        });
        saw.rows += 1;
    }

    /// Reads an instant of an input column and notes what was assumed.
    pub(crate) fn read_instant(&mut self, raw_place: usize, number: u64, text: &str) -> Result<i64, &'static str> {
        if self.instant_cache.len() <= raw_place {
            self.instant_cache.resize(raw_place + 1, (String::new(), 0, None));
        }
        let cached = &mut self.instant_cache[raw_place];
        if cached.0 != text {
            let (micros, quirk) = cell::instant(text)?;
            text.clone_into(&mut cached.0);
            cached.1 = micros;
            cached.2 = quirk;
        }
        let (micros, quirk) = (cached.1, cached.2);
        if let Some(quirk) = quirk {
            self.saw(quirk, raw_place, number, text);
        }
        Ok(micros)
    }

    /// Reads a number of an input column and notes what was assumed; `None` for null.
    pub(crate) fn read_number(
        &mut self,
        names: &[String],
        raw_place: Option<usize>,
        number: u64,
        text: &str,
        whole_digits: u32,
    ) -> Result<Option<Exact>, RowFault> {
        let (Some(place), false) = (raw_place, text.is_empty()) else { return Ok(None) };
        match cell::number(text, whole_digits) {
            Ok((value, exponent)) => {
                if exponent {
                    self.saw(Quirk::Exponent, place, number, text);
                }
                Ok(Some(value))
            }
            Err(error) => Err(RowFault::new(&names[place], text, error.to_string())),
        }
    }

    /// Reads the instant of a column that a charge cannot do without.
    pub(crate) fn need_instant(
        &mut self,
        names: &[String],
        raw_place: Option<usize>,
        number: u64,
        text: &str,
        title: &str,
    ) -> Result<i64, RowFault> {
        match raw_place {
            Some(place) if !text.is_empty() => {
                self.read_instant(place, number, text).map_err(|rule| RowFault::new(&names[place], text, rule))
            }
            _ => {
                let title = raw_place.map_or(title, |place| names[place].as_str());
                Err(RowFault::new(title, "", "is null; a charge without it has no place in any report"))
            }
        }
    }

    /// The currency of a row.
    pub(crate) fn currency(&mut self, text: &str) -> Result<usize, String> {
        if self.currencies.get(self.last_currency).is_some_and(|(have, _)| have == text) {
            return Ok(self.last_currency);
        }
        self.last_currency = match self.currencies.iter().position(|(have, _)| have == text) {
            Some(place) => place,
            None => {
                self.currencies.push((text.to_owned(), Currency::new(text)?));
                self.currencies.len() - 1
            }
        };
        Ok(self.last_currency)
    }

    pub(crate) fn set_currency(&mut self, place: usize) {
        let row = self.row();
        if let Column::Texts(texts) =
            self.columns[at("BillingCurrency")].get_or_insert_with(|| Column::Texts(Texts::default()))
        {
            texts.set(row, self.currencies[place].1.as_str());
        }
    }

    fn ledger(&mut self, tally: usize, currency: usize) -> &mut Ledger {
        let ledgers = &mut self.ledgers[tally];
        if ledgers.len() <= currency {
            ledgers.resize_with(currency + 1, Ledger::default);
        }
        &mut ledgers[currency]
    }

    /// Adds a row to a tally.
    pub(crate) fn tally(&mut self, tally: usize, currency: usize, raw: Money, mapped: Money, reason: &'static str) {
        self.ledger(tally, currency).add(raw, mapped, reason);
    }

    /// Adds a row whose difference has several reasons.
    pub(crate) fn tally_parts(&mut self, tally: usize, currency: usize, raw: Money, parts: &[(&'static str, Money)]) {
        self.ledger(tally, currency).add_parts(raw, parts);
    }

    pub(crate) fn quarantine(&mut self, number: u64, fault: RowFault, raw: String) {
        self.notes.quarantine(Quarantined {
            file: self.file.clone(),
            part: self.part,
            row: number,
            column: fault.column,
            value: shorten(&fault.value, 200),
            reason: fault.reason,
            raw: shorten(&raw, 64 << 10),
        });
    }

    /// The batch, the billing periods of its rows, and the notes. `raw_names` are the input columns.
    pub(crate) fn finish(mut self, raw_names: &[String]) -> Finished {
        let rows = self.numbers.len();
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        let mut fines = Vec::new();
        for (column, values) in COLUMNS.iter().zip(std::mem::take(&mut self.columns)) {
            let Some(values) = values else { continue };
            let array = match values {
                Column::Texts(texts) => texts.finish(rows),
                Column::Instants(instants) => instants.finish(rows),
                Column::Numbers(numbers) => {
                    debug_assert_eq!(column.column_type, ColumnType::Decimal);
                    let cost = CostKind::ALL.iter().any(|kind| kind.column() == column.name);
                    let (coarse, fine) = numbers.finish(rows, if cost { &COARSE_COST } else { &COARSE });
                    if let Some(fine) = fine {
                        fines.push((fine_column(column.name), fine));
                    }
                    coarse
                }
            };
            fields.push(Field::new(column.name, array.data_type().clone(), true));
            arrays.push(array);
        }
        for (name, array) in fines {
            fields.push(Field::new(name, FINE, true));
            arrays.push(array);
        }
        fields.push(Field::new(PART, DataType::Int32, false));
        arrays.push(Arc::new(Int32Array::from(vec![self.part as i32; rows])));
        fields.push(Field::new(ROW, DataType::Int64, false));
        arrays.push(Arc::new(Int64Array::from(std::mem::take(&mut self.numbers))));
        for (name, texts) in self.extra_names.iter().zip(std::mem::take(&mut self.extras)) {
            if let Some(texts) = texts {
                fields.push(Field::new(name, DataType::Utf8, true));
                arrays.push(texts.finish(rows));
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .expect("every column is padded to the number of rows and typed by its field");
        let batch = if self.keep.iter().all(|keep| *keep) {
            batch
        } else {
            filter_record_batch(&batch, &BooleanArray::from(self.keep)).expect("the filter has one flag per row")
        };
        assert_eq!(batch.num_rows(), self.months.len(), "each accepted row has its billing period");
        for ((quirk, place), saw) in self.saw {
            let column = raw_names.get(place).map(String::as_str);
            self.notes.of_rows(quirk.what(), column, saw.rows, (self.part, saw.first), saw.example);
        }
        for ((raw_column, kind), ledgers) in self.tallies.iter().zip(self.ledgers) {
            for (place, ledger) in ledgers.into_iter().enumerate() {
                self.notes.tally(raw_column, *kind, &self.currencies[place].1, ledger);
            }
        }
        Finished { batch, months: self.months, notes: self.notes }
    }
}

/// What [`Sheet::finish`] returns.
pub(crate) struct Finished {
    pub(crate) batch: RecordBatch,
    pub(crate) months: Vec<Month>,
    pub(crate) notes: Notes,
}
