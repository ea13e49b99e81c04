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

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::TimestampMicrosecondType;
use leap_terms::delivery::CurrencyTotals;
use leap_terms::tables::{self, Table};
use leap_terms::{Costs, Currency, Day, Instant, RowsDigest};

use self::cells::{Cell, CellBatch, Numbers, Sums};
pub use self::digests::{Hashed, hash, key_digests, resource_digests, row_digests};

/// Rows per batch of output.
const OUTPUT_ROWS: usize = 8192;
/// Pairs of accounts that are kept.
const ACCOUNTS: usize = 100_000;

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
    /// The receiver of the output failed.
    #[error("could not store the fold's output")]
    Output(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Arrow refused a batch.
    #[error("could not build a batch")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl From<std::io::Error> for FoldError {
    fn from(source: std::io::Error) -> FoldError {
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
    /// Distinct "billing account/sub account", sorted.
    pub accounts: Vec<String>,
}

/// Folds the charges of one scope.
pub struct Fold {
    key_columns: Vec<String>,
    spill: PathBuf,
    memory: usize,
    held: usize,
    keys: HashMap<u128, Box<[u8]>>,
    resources: HashMap<u128, Box<[u8]>>,
    cells: HashMap<Cell, Sums>,
    currencies: Vec<String>,
    runs: BTreeMap<Table, Vec<PathBuf>>,
    rows: u64,
    digest: RowsDigest,
    totals: BTreeMap<Currency, (Costs, Costs)>,
    days: Option<(Day, Day)>,
    accounts: BTreeSet<String>,
    last_account: (String, String),
}

impl Fold {
    /// Starts with nothing. `spill` is an existing folder of its own for this fold; `memory` is in bytes.
    ///
    /// # Errors
    /// [`FoldError::Spill`] when the folder cannot be made.
    pub fn new(key_columns: Vec<String>, spill: &Path, memory: usize) -> Result<Fold, FoldError> {
        std::fs::create_dir_all(spill).map_err(|source| FoldError::Spill { path: spill.to_owned(), source })?;
        Ok(Fold {
            key_columns,
            spill: spill.to_owned(),
            memory: memory.max(1 << 16),
            held: 0,
            keys: HashMap::new(),
            resources: HashMap::new(),
            cells: HashMap::new(),
            currencies: Vec::new(),
            runs: BTreeMap::new(),
            rows: 0,
            digest: RowsDigest::default(),
            totals: BTreeMap::new(),
            days: None,
            accounts: BTreeSet::new(),
            last_account: Default::default(),
        })
    }

    /// The columns of the keys.
    pub fn key_columns(&self) -> &[String] {
        &self.key_columns
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
            .ok_or_else(|| FoldError::Column("ChargePeriodStart".to_owned()))?;
        let currencies = text(batch, "BillingCurrency").ok_or_else(|| FoldError::Column("BillingCurrency".to_owned()))?;
        let (payers, accounts) = (text(batch, "BillingAccountId"), text(batch, "SubAccountId"));
        let numbers = Numbers::of(batch)?;
        let key_columns: Vec<Option<&StringArray>> = self.key_columns.iter().map(|name| text(batch, name)).collect();
        let resource_columns = [text(batch, "ResourceId"), text(batch, "ResourceName")];
        let mut currency: Option<(usize, Currency)> = None;
        for row in 0..batch.num_rows() {
            let day = Instant::from_micros(starts.value(row)).day();
            self.days = Some(self.days.map_or((day, day), |(first, last)| (first.min(day), last.max(day))));
            let code = currencies.value(row);
            let same = currency.as_ref().is_some_and(|(number, _)| self.currencies[*number] == code);
            if !same {
                let number = self.currencies.iter().position(|known| known == code).unwrap_or_else(|| {
                    self.currencies.push(code.to_owned());
                    self.currencies.len() - 1
                });
                let checked = Currency::new(code).map_err(|_| FoldError::Column("BillingCurrency".to_owned()))?;
                currency = Some((number, checked));
            }
            let (number, code) = currency.as_ref().expect("the currency was just set");
            let sums = numbers.row(row);
            let costs = sums.costs();
            match self.totals.get_mut(code) {
                Some((total, absolute)) => {
                    *total += costs;
                    *absolute += cells::absolute(costs);
                }
                None => {
                    self.totals.insert(code.clone(), (costs, cells::absolute(costs)));
                }
            }
            let (key, resource) = (hashed.keys[row], hashed.resources[row]);
            if !self.keys.contains_key(&key) {
                let values = packed(&key_columns, row);
                self.held += values.len() + 64;
                self.keys.insert(key, values);
            }
            if let Some(resource) = resource
                && !self.resources.contains_key(&resource)
            {
                let values = packed(&resource_columns, row);
                self.held += values.len() + 64;
                self.resources.insert(resource, values);
            }
            let cell = Cell { day: day.days(), key, resource, currency: u16::try_from(*number).map_err(|_| FoldError::Column("BillingCurrency".to_owned()))? };
            match self.cells.get_mut(&cell) {
                Some(known) => known.add(&sums),
                None => {
                    self.held += cells::HELD_BYTES;
                    self.cells.insert(cell, sums);
                }
            }
            self.account(payers.map_or("", |array| array.value(row)), accounts.map_or("", |array| array.value(row)));
            self.rows += 1;
            self.digest += RowsDigest::from_bits(hashed.rows[row]);
        }
        if self.held > self.memory { self.spill() } else { Ok(()) }
    }

    fn account(&mut self, payer: &str, account: &str) {
        if (self.last_account.0.as_str(), self.last_account.1.as_str()) == (payer, account) && !self.accounts.is_empty() {
            return;
        }
        self.last_account = (payer.to_owned(), account.to_owned());
        if self.accounts.len() < ACCOUNTS {
            self.accounts.insert(format!("{payer}/{account}"));
        }
    }

    fn take_texts(map: &mut HashMap<u128, Box<[u8]>>) -> Vec<runs::Entry> {
        let mut entries: Vec<runs::Entry> =
            std::mem::take(map).into_iter().map(|(digest, values)| (digest.to_be_bytes().to_vec(), values.into_vec())).collect();
        entries.sort_unstable();
        entries
    }

    fn take_cells(&mut self) -> Vec<runs::Entry> {
        let currencies = &self.currencies;
        let mut entries: Vec<runs::Entry> = std::mem::take(&mut self.cells)
            .into_iter()
            .map(|(cell, sums)| (cell.bytes(&currencies[usize::from(cell.currency)]), sums.bytes()))
            .collect();
        entries.sort_unstable();
        entries
    }

    fn spill(&mut self) -> Result<(), FoldError> {
        let number = self.runs.get(&Table::Cube).map_or(0, Vec::len);
        let (keys, resources) = (Self::take_texts(&mut self.keys), Self::take_texts(&mut self.resources));
        let cells = self.take_cells();
        for (table, entries) in [(Table::Keys, keys), (Table::Resources, resources), (Table::Cube, cells)] {
            let path = self.spill.join(format!("{}-{number}.run", table.name()));
            let path = runs::write(&path, entries.into_iter()).map_err(|source| FoldError::Spill { path: self.spill.clone(), source })?;
            self.runs.entry(table).or_default().push(path);
        }
        self.held = 0;
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
        let keys = Self::take_texts(&mut self.keys);
        let schema = tables::keys(&self.key_columns);
        self.texts(Table::Keys, keys, &schema, &mut emit)?;
        let resources = Self::take_texts(&mut self.resources);
        self.texts(Table::Resources, resources, &tables::resources(), &mut emit)?;
        let cells = self.take_cells();
        let mut batch = CellBatch::default();
        let runs = self.runs.get(&Table::Cube).cloned().unwrap_or_default();
        runs::merged::<FoldError>(&runs, cells, |cell, values| {
            let mut sums = Sums::default();
            for value in &values {
                sums.add(&Sums::from_bytes(value));
            }
            batch.push(cell, &sums);
            if batch.len() == OUTPUT_ROWS { emit(Table::Cube, batch.take()?) } else { Ok(()) }
        })?;
        if batch.len() > 0 {
            emit(Table::Cube, batch.take()?)?;
        }
        for path in self.runs.values().flatten() {
            // A run that stays is litter, not an error: the folder is removed with the staging.
            let _ = std::fs::remove_file(path);
        }
        let (first_day, last_day) = self.days.unwrap_or((Day::EARLIEST, Day::EARLIEST));
        Ok(FoldTotals {
            rows: self.rows,
            digest: self.digest,
            totals: self.totals.into_iter().map(|(currency, (costs, absolute))| CurrencyTotals { currency, costs, absolute }).collect(),
            first_day,
            last_day,
            accounts: self.accounts.into_iter().collect(),
        })
    }

    fn texts(
        &self,
        table: Table,
        memory: Vec<runs::Entry>,
        schema: &arrow::datatypes::SchemaRef,
        emit: &mut dyn FnMut(Table, RecordBatch) -> Result<(), FoldError>,
    ) -> Result<(), FoldError> {
        let width = schema.fields().len() - 1;
        let mut digests = BinaryBuilder::new();
        let mut columns: Vec<StringBuilder> = (0..width).map(|_| StringBuilder::new()).collect();
        let mut rows = 0;
        let mut flush = |digests: &mut BinaryBuilder, columns: &mut Vec<StringBuilder>| -> Result<(), FoldError> {
            let mut arrays: Vec<ArrayRef> = vec![Arc::new(digests.finish())];
            arrays.extend(columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
            emit(table, RecordBatch::try_new(schema.clone(), arrays)?)
        };
        let runs = self.runs.get(&table).cloned().unwrap_or_default();
        runs::merged::<FoldError>(&runs, memory, |digest, values| {
            digests.append_value(digest);
            let mut packed = values[0].as_slice();
            for column in &mut columns {
                let (value, rest) = unpack(packed);
                column.append_option(value);
                packed = rest;
            }
            rows += 1;
            if rows % OUTPUT_ROWS == 0 { flush(&mut digests, &mut columns) } else { Ok(()) }
        })?;
        if rows % OUTPUT_ROWS != 0 {
            flush(&mut digests, &mut columns)?;
        }
        Ok(())
    }
}

fn text<'b>(batch: &'b RecordBatch, name: &str) -> Option<&'b StringArray> {
    batch.column_by_name(name).and_then(|array| array.as_string_opt::<i32>())
}

const NULL: u32 = u32::MAX;

/// The values of one row, each with its length.
fn packed(columns: &[Option<&StringArray>], row: usize) -> Box<[u8]> {
    let mut out = Vec::with_capacity(256);
    for column in columns {
        let value = column.filter(|array| array.is_valid(row)).map(|array| array.value(row)).filter(|value| !value.is_empty());
        match value {
            Some(value) => {
                out.extend(u32::try_from(value.len()).expect("a field is bounded far below 4 GiB").to_le_bytes());
                out.extend(value.as_bytes());
            }
            None => out.extend(NULL.to_le_bytes()),
        }
    }
    out.into_boxed_slice()
}

fn unpack(packed: &[u8]) -> (Option<&str>, &[u8]) {
    let (length, rest) = packed.split_at(4);
    let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
    if length == NULL {
        return (None, rest);
    }
    let (value, rest) = rest.split_at(length as usize);
    (Some(std::str::from_utf8(value).expect("packed values were text")), rest)
}
