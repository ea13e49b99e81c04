//! The fold: charges become keys, resources and a day cube, with control totals on the way.
//!
//! ```text
//! 744 hourly charges of one instance in September, tags alike
//!   → 1 key, 1 resource, 30 cells of the cube (one per day), 744 rows counted
//! ```
//! It sees each charge once and holds no charge: what it knows fits a stated memory, beyond which sorted runs go to disk
//! and are merged at the end. Its output is sorted and the same for any order of charges, any division into batches and
//! any memory.

mod cells;
mod digests;
mod runs;
#[cfg(test)]
mod tests;
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use leap_terms::delivery::CurrencyTotals;
use leap_terms::exact::COARSE_PER_WHOLE;
use leap_terms::limits::SNAPSHOT_ABSOLUTE_WHOLE;
use leap_terms::tables::{self, Table};
use leap_terms::{CostKind, Costs, Currency, Day, Exact, Instant, RowsDigest};

use self::cells::{CellBatch, Cells, Numbers, Place, Sums};
pub use self::digests::{Hashed, hash, key_digests, resource_digests, row_digests};
use self::runs::{Entries, RUNS_AT_ONCE, Run, RunWriter, merge};
use self::texts::{Texts, unpack};

/// Rows per batch of output.
const OUTPUT_ROWS: usize = 8192;
/// Pairs of accounts that are kept.
const ACCOUNTS: usize = 100_000;
const RESOURCE_COLUMNS: [&str; 2] = ["ResourceId", "ResourceName"];
const ACCOUNT_COLUMNS: [&str; 2] = ["BillingAccountId", "SubAccountId"];

/// Why the fold stopped.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The spill folder failed.
    #[error("could not spill to {}", .path.display())]
    Spill {
        /// The folder.
        path: PathBuf,
        /// The disk's fault.
        #[source]
        source: std::io::Error,
    },
    /// A batch lacks a column that every charge has, or has one of a wrong type.
    #[error("a batch of charges has no usable column {0}")]
    Column(String),
    /// So much money that sums over it could wrap.
    #[error(
        "the {kind} costs in {currency} add up to more than the limit SNAPSHOT_ABSOLUTE_WHOLE = {limit} allows; no real bill does, so look at the amounts"
    )]
    TooLarge {
        /// The kind of cost.
        kind: CostKind,
        /// The currency.
        currency: Currency,
        /// The limit, in whole units of currency.
        limit: u64,
    },
    /// The receiver of the output failed.
    #[error("could not store the fold's output")]
    Output(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Arrow refused a batch.
    #[error("could not build a batch")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl From<io::Error> for FoldError {
    fn from(source: io::Error) -> FoldError {
        FoldError::Spill { path: PathBuf::new(), source }
    }
}

/// Control totals of what was folded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoldTotals {
    /// Charges.
    pub rows: u64,
    /// Digest of the charges in any order.
    pub digest: RowsDigest,
    /// Totals per currency.
    pub totals: Vec<CurrencyTotals>,
    /// First day of any charge.
    pub first_day: Day,
    /// Last day of any charge.
    pub last_day: Day,
    /// Distinct "billing account/sub account", sorted; of more than 100,000 the smallest.
    pub accounts: Vec<String>,
}

/// Sums of one currency.
struct Money {
    currency: Currency,
    costs: Costs,
    absolute: Costs,
}

/// Folds the charges of one scope.
pub struct Fold {
    key_columns: Vec<String>,
    /// True when the accounts are part of the key, so that new accounts only come with new keys.
    accounts_in_key: bool,
    folder: PathBuf,
    memory: usize,
    keys: Texts,
    resources: Texts,
    cells: Cells,
    runs: BTreeMap<Table, Vec<Run>>,
    /// By number: codes, and sums.
    codes: Vec<String>,
    money: Vec<Money>,
    rows: u64,
    digest: RowsDigest,
    days: Option<(Day, Day)>,
    accounts: BTreeSet<String>,
}

impl std::fmt::Debug for Fold {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Fold({} rows, {} bytes held)", self.rows, self.held())
    }
}

impl Fold {
    /// Starts with nothing. `spill` is a folder for runs, made where absent; `memory` is in bytes.
    ///
    /// # Errors
    /// [`FoldError::Spill`] when the folder cannot be made.
    pub fn new(key_columns: Vec<String>, spill: &Path, memory: usize) -> Result<Fold, FoldError> {
        std::fs::create_dir_all(spill).map_err(|source| FoldError::Spill { path: spill.to_owned(), source })?;
        Ok(Fold {
            accounts_in_key: ACCOUNT_COLUMNS.iter().all(|name| key_columns.iter().any(|key| key == name)),
            key_columns,
            folder: spill.to_owned(),
            memory,
            keys: Texts::default(),
            resources: Texts::default(),
            cells: Cells::default(),
            runs: BTreeMap::new(),
            codes: Vec::new(),
            money: Vec::new(),
            rows: 0,
            digest: RowsDigest::default(),
            days: None,
            accounts: BTreeSet::new(),
        })
    }

    /// The columns of the keys.
    pub fn key_columns(&self) -> &[String] {
        &self.key_columns
    }

    /// Bytes held in memory.
    pub fn held(&self) -> usize {
        self.keys.held() + self.resources.held() + self.cells.held()
    }

    /// Folds a batch of charges.
    ///
    /// # Errors
    /// [`FoldError`].
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), FoldError> {
        let hashed = hash(batch, &self.key_columns);
        self.add_hashed(batch, &hashed)
    }

    /// Folds a batch whose digests were made elsewhere (by [`hash`] with the same key columns).
    ///
    /// # Errors
    /// [`FoldError`].
    pub fn add_hashed(&mut self, batch: &RecordBatch, hashed: &Hashed) -> Result<(), FoldError> {
        let starts = batch
            .column_by_name("ChargePeriodStart")
            .and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>())
            .filter(|array| array.null_count() == 0)
            .ok_or_else(|| FoldError::Column("ChargePeriodStart".to_owned()))?;
        let currencies =
            text(batch, "BillingCurrency").ok_or_else(|| FoldError::Column("BillingCurrency".to_owned()))?;
        let numbers = Numbers::of(batch)?;
        let key_columns: Vec<Option<&StringArray>> = self.key_columns.iter().map(|name| text(batch, name)).collect();
        let resource_columns = RESOURCE_COLUMNS.map(|name| text(batch, name));
        let account_columns = ACCOUNT_COLUMNS.map(|name| text(batch, name));
        let mut last_currency = "";
        let mut currency = 0_u32;
        for row in 0..batch.num_rows() {
            let day = Instant::from_micros(starts.value(row)).day();
            self.days = Some(self.days.map_or((day, day), |(first, last)| (first.min(day), last.max(day))));
            let code = currencies.value(row);
            if code != last_currency || code.is_empty() {
                currency = self.currency(code)?;
                last_currency = code;
            }
            let (coarse, fine) = numbers.row(row);
            let money = &mut self.money[currency as usize];
            for (at, kind) in CostKind::ALL.into_iter().enumerate() {
                let cost = Exact::from_parts(coarse[at], i128::from(fine[at]));
                money.costs[kind] += cost;
                money.absolute[kind] += cost.abs();
            }
            let (key, resource) = (hashed.keys[row], hashed.resources[row]);
            let new_key = self.keys.add(key, &key_columns, row);
            if let Some(resource) = resource {
                self.resources.add(resource, &resource_columns, row);
            }
            self.cells.add(Place { day: day.days(), key, resource, currency }, &coarse, &fine);
            if new_key || !self.accounts_in_key && (row == 0 || differs(&account_columns, row)) {
                self.account(&account_columns, row);
            }
            self.digest += RowsDigest::from_bits(hashed.rows[row]);
        }
        self.rows += batch.num_rows() as u64;
        self.check_bound()?;
        if self.held() > self.memory || self.cells.is_full() { self.spill() } else { Ok(()) }
    }

    /// The number of a currency.
    fn currency(&mut self, code: &str) -> Result<u32, FoldError> {
        let currency = Currency::new(code).map_err(|_| FoldError::Column("BillingCurrency".to_owned()))?;
        let number = self.codes.iter().position(|known| known == currency.as_str()).unwrap_or_else(|| {
            self.codes.push(currency.as_str().to_owned());
            self.money.push(Money { currency, costs: Costs::default(), absolute: Costs::default() });
            self.codes.len() - 1
        });
        u32::try_from(number).map_err(|_| FoldError::Column("BillingCurrency".to_owned()))
    }

    /// Stops before any sum of costs can leave its range: one batch adds far less than what lies beyond the bound.
    fn check_bound(&self) -> Result<(), FoldError> {
        let bound = SNAPSHOT_ABSOLUTE_WHOLE * COARSE_PER_WHOLE;
        let limit = u64::try_from(SNAPSHOT_ABSOLUTE_WHOLE).expect("the limit is 10^18");
        for money in &self.money {
            for kind in CostKind::ALL {
                if money.absolute[kind].coarse() >= bound {
                    let currency = money.currency.clone();
                    return Err(FoldError::TooLarge { kind, currency, limit });
                }
            }
        }
        Ok(())
    }

    fn account(&mut self, columns: &[Option<&StringArray>; 2], row: usize) {
        let [payer, account] = columns.map(|column| value(column, row));
        self.accounts.insert(format!("{payer}/{account}"));
        if self.accounts.len() > ACCOUNTS {
            self.accounts.pop_last();
        }
    }

    /// Writes everything held to sorted runs on disk.
    ///
    /// # Errors
    /// [`FoldError::Spill`].
    pub fn spill(&mut self) -> Result<(), FoldError> {
        self.write_runs().map_err(|source| FoldError::Spill { path: self.folder.clone(), source })
    }

    fn write_runs(&mut self) -> io::Result<()> {
        let mut made = Vec::new();
        if !self.keys.is_empty() {
            let mut writer = RunWriter::create(&self.folder, Table::Keys.name())?;
            self.keys.spill(self.key_columns.len(), self.memory / 4, &mut writer)?;
            made.push((Table::Keys, writer.finish()?));
        }
        if !self.resources.is_empty() {
            let mut writer = RunWriter::create(&self.folder, Table::Resources.name())?;
            self.resources.spill(RESOURCE_COLUMNS.len(), self.memory / 4, &mut writer)?;
            made.push((Table::Resources, writer.finish()?));
        }
        if !self.cells.is_empty() {
            let mut writer = RunWriter::create(&self.folder, Table::Cube.name())?;
            let (mut key, mut value) = (Vec::new(), Vec::new());
            let mut entries = self.cells.sorted(&self.codes);
            while entries.next(&mut key, &mut value)? {
                writer.push(&key, &value)?;
            }
            drop(entries);
            self.cells.clear();
            made.push((Table::Cube, writer.finish()?));
        }
        for (table, run) in made {
            let runs = self.runs.entry(table).or_default();
            runs.push(run);
            if runs.len() >= RUNS_AT_ONCE {
                let one = merge_runs(&self.folder, table, runs)?;
                *runs = vec![one];
            }
        }
        Ok(())
    }

    /// Ends the fold: `out` gets the batches of keys, resources and cube, each sorted and without repetition.
    ///
    /// # Errors
    /// [`FoldError`]; what `out` returns becomes [`FoldError::Output`].
    pub fn finish(
        mut self,
        out: &mut dyn FnMut(Table, RecordBatch) -> Result<(), Box<dyn std::error::Error + Send + Sync>>,
    ) -> Result<FoldTotals, FoldError> {
        let mut emit = |table: Table, batch: RecordBatch| out(table, batch).map_err(FoldError::Output);
        let none = Vec::new();
        let runs = |table: Table| self.runs.get(&table).unwrap_or(&none).as_slice();

        let width = self.key_columns.len();
        let mut texts = TextBatch::new(Table::Keys, tables::keys(&self.key_columns));
        merge::<FoldError>(runs(Table::Keys), Some(Box::new(self.keys.sorted(width))), |key, value| {
            texts.push(key, value, &mut emit)
        })?;
        texts.flush(&mut emit)?;
        self.keys = Texts::default();

        let mut texts = TextBatch::new(Table::Resources, tables::resources());
        let memory = self.resources.sorted(RESOURCE_COLUMNS.len());
        merge::<FoldError>(runs(Table::Resources), Some(Box::new(memory)), |key, value| {
            texts.push(key, value, &mut emit)
        })?;
        texts.flush(&mut emit)?;
        self.resources = Texts::default();

        let mut batch = CellBatch::default();
        let mut cell = (Vec::new(), Sums::default());
        let memory = self.cells.sorted(&self.codes);
        merge::<FoldError>(runs(Table::Cube), Some(Box::new(memory)), |key, value| {
            let sums = Sums::read(value);
            if cell.0 == key {
                cell.1.add(&sums);
                return Ok(());
            }
            if !cell.0.is_empty() {
                batch.push(&cell.0, &cell.1);
            }
            cell.0.clear();
            cell.0.extend(key);
            cell.1 = sums;
            if batch.len() == OUTPUT_ROWS { emit(Table::Cube, batch.take()?) } else { Ok(()) }
        })?;
        if !cell.0.is_empty() {
            batch.push(&cell.0, &cell.1);
            emit(Table::Cube, batch.take()?)?;
        }

        let (first_day, last_day) = self.days.unwrap_or((Day::EARLIEST, Day::EARLIEST));
        let mut totals: Vec<CurrencyTotals> = self
            .money
            .into_iter()
            .map(|money| CurrencyTotals { currency: money.currency, costs: money.costs, absolute: money.absolute })
            .collect();
        totals.sort_by(|a, b| a.currency.cmp(&b.currency));
        Ok(FoldTotals {
            rows: self.rows,
            digest: self.digest,
            totals,
            first_day,
            last_day,
            accounts: self.accounts.into_iter().collect(),
        })
    }
}

/// Many runs as one, equal keys as one entry.
fn merge_runs(folder: &Path, table: Table, runs: &[Run]) -> io::Result<Run> {
    let mut writer = RunWriter::create(folder, table.name())?;
    let (mut last_key, mut last_value): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    merge::<io::Error>(runs, None, |key, value| {
        if last_key != key {
            if !last_key.is_empty() {
                writer.push(&last_key, &last_value)?;
            }
            last_key.clear();
            last_key.extend(key);
            last_value.clear();
            last_value.extend(value);
        } else if table == Table::Cube {
            let mut sums = Sums::read(&last_value);
            sums.add(&Sums::read(value));
            last_value.clear();
            sums.write(&mut last_value);
        }
        Ok(())
    })?;
    if !last_key.is_empty() {
        writer.push(&last_key, &last_value)?;
    }
    writer.finish()
}

/// Distinct rows of texts on their way out.
struct TextBatch {
    table: Table,
    schema: SchemaRef,
    last: Vec<u8>,
    digests: BinaryBuilder,
    columns: Vec<StringBuilder>,
    rows: usize,
}

type Emit<'e> = &'e mut dyn FnMut(Table, RecordBatch) -> Result<(), FoldError>;

impl TextBatch {
    fn new(table: Table, schema: SchemaRef) -> TextBatch {
        let columns = (1..schema.fields().len()).map(|_| StringBuilder::new()).collect();
        TextBatch { table, schema, last: Vec::new(), digests: BinaryBuilder::new(), columns, rows: 0 }
    }

    fn push(&mut self, digest: &[u8], packed: &[u8], emit: Emit) -> Result<(), FoldError> {
        if self.last == digest {
            return Ok(());
        }
        self.last.clear();
        self.last.extend(digest);
        self.digests.append_value(digest);
        let mut packed = packed;
        for column in &mut self.columns {
            let (value, rest) = unpack(packed);
            column.append_option(value);
            packed = rest;
        }
        self.rows += 1;
        if self.rows == OUTPUT_ROWS { self.flush(emit) } else { Ok(()) }
    }

    fn flush(&mut self, emit: Emit) -> Result<(), FoldError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(self.digests.finish())];
        arrays.extend(self.columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        self.rows = 0;
        emit(self.table, RecordBatch::try_new(self.schema.clone(), arrays)?)
    }
}

fn text<'b>(batch: &'b RecordBatch, name: &str) -> Option<&'b StringArray> {
    batch.column_by_name(name).and_then(|array| array.as_string_opt::<i32>())
}

/// A text, empty where it is null or the column is absent.
fn value(column: Option<&StringArray>, row: usize) -> &str {
    column.filter(|array| array.is_valid(row)).map_or("", |array| array.value(row))
}

fn differs(columns: &[Option<&StringArray>; 2], row: usize) -> bool {
    columns.iter().any(|column| value(*column, row) != value(*column, row - 1))
}
