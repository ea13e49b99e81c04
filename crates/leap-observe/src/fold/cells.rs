//! The cells of the cube: day × key × resource × currency, with exact sums.
//!
//! A cell is 144 bytes; the digits 19 to 30 of its sums, which few bills have, stand apart. On disk and at the end a cell
//! is a key whose bytes sort as (day, key, resource, currency) and a value of packed sums.

use std::io;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, Date32Builder, Decimal128Array, Decimal128Builder, Int64Builder,
    RecordBatch, StringBuilder,
};
use arrow::datatypes::{DataType, Decimal128Type};
use hashbrown::{HashMap, HashTable};
use leap_terms::exact::FINE_PER_COARSE;
use leap_terms::tables::{self, fine_column};
use leap_terms::{CostKind, Exact};

use super::FoldError;
use super::runs::Entries;

/// Summed columns: four costs, then two quantities.
pub(super) const COLUMNS: usize = 6;
const COSTS: usize = CostKind::ALL.len();

/// The place of a charge in the cube; its currency by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) day: i32,
    pub(super) key: u128,
    pub(super) resource: Option<u128>,
    pub(super) currency: u32,
}

/// Sums of some charges.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Sums {
    pub(super) coarse: [i128; COLUMNS],
    /// In `[0, 10¹²)`.
    pub(super) fine: [i64; COLUMNS],
    /// Bit per column: its sum left the range of an exact number. The bound on the sum of absolute costs excludes that for
    /// costs; a quantity in byte-seconds can, and is then null rather than wrong.
    pub(super) lost: u8,
    pub(super) rows: u64,
}

#[derive(Debug)]
struct Cell {
    key: u128,
    resource: u128,
    coarse: [i128; COLUMNS],
    rows: u64,
    day: i32,
    currency: u32,
    has_resource: bool,
    lost: u8,
}

/// The cells in memory.
#[derive(Default)]
pub(super) struct Cells {
    table: HashTable<u32>,
    cells: Vec<Cell>,
    fine: HashMap<u32, [i64; COLUMNS]>,
}

fn spread(day: i32, key: u128, resource: u128, currency: u32) -> u64 {
    // Digests are as good as random; day and currency are small, so they are spread by a multiplication.
    (key as u64)
        ^ ((resource >> 64) as u64)
        ^ (day as u32 as u64 | u64::from(currency) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn add_to(coarse: &mut i128, lost: &mut u8, at: usize, more: i128) {
    match coarse.checked_add(more) {
        Some(sum) => *coarse = sum,
        None => *lost |= 1 << at,
    }
}

impl Cells {
    /// Bytes held.
    pub(super) fn held(&self) -> usize {
        self.table.capacity() * 6
            + self.cells.capacity() * size_of::<Cell>()
            + self.fine.capacity() * (size_of::<[i64; COLUMNS]>() + 8)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// True when the numbers of the cells are used up; spill then, whatever the memory.
    pub(super) fn is_full(&self) -> bool {
        self.cells.len() >= u32::MAX as usize - 1
    }

    /// Adds one charge.
    pub(super) fn add(&mut self, place: Place, coarse: &[i128; COLUMNS], fine: &[i64; COLUMNS]) {
        let resource = place.resource.unwrap_or(0);
        let hash = spread(place.day, place.key, resource, place.currency);
        let cells = &self.cells;
        let known = self.table.find(hash, |at| {
            let cell = &cells[*at as usize];
            cell.key == place.key
                && cell.day == place.day
                && cell.currency == place.currency
                && cell.resource == resource
                && cell.has_resource == place.resource.is_some()
        });
        let number = match known {
            Some(number) => *number,
            None => {
                let number = self.cells.len() as u32;
                self.cells.push(Cell {
                    key: place.key,
                    resource,
                    coarse: [0; COLUMNS],
                    rows: 0,
                    day: place.day,
                    currency: place.currency,
                    has_resource: place.resource.is_some(),
                    lost: 0,
                });
                let cells = &self.cells;
                self.table.insert_unique(hash, number, |at| {
                    let cell = &cells[*at as usize];
                    spread(cell.day, cell.key, cell.resource, cell.currency)
                });
                number
            }
        };
        let cell = &mut self.cells[number as usize];
        cell.rows += 1;
        for (at, more) in coarse.iter().enumerate() {
            add_to(&mut cell.coarse[at], &mut cell.lost, at, *more);
        }
        if fine.iter().any(|digits| *digits != 0) {
            let sums = self.fine.entry(number).or_default();
            for at in 0..COLUMNS {
                sums[at] += fine[at];
                if sums[at] >= FINE_PER_COARSE {
                    sums[at] -= FINE_PER_COARSE;
                    add_to(&mut cell.coarse[at], &mut cell.lost, at, 1);
                }
            }
        }
    }

    /// The cells in order; `currencies` are the codes by number.
    pub(super) fn sorted<'c>(&'c self, currencies: &'c [String]) -> SortedCells<'c> {
        let mut order: Vec<u32> = (0..self.cells.len() as u32).collect();
        order.sort_unstable_by(|a, b| {
            let (a, b) = (&self.cells[*a as usize], &self.cells[*b as usize]);
            let (one, other) = (&currencies[a.currency as usize], &currencies[b.currency as usize]);
            (a.day, a.key, a.has_resource, a.resource, one).cmp(&(b.day, b.key, b.has_resource, b.resource, other))
        });
        SortedCells { cells: self, currencies, order, at: 0 }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Cells::default();
    }
}

/// Cells in their order.
pub(super) struct SortedCells<'c> {
    cells: &'c Cells,
    currencies: &'c [String],
    order: Vec<u32>,
    at: usize,
}

impl Entries for SortedCells<'_> {
    fn next(&mut self, key: &mut Vec<u8>, value: &mut Vec<u8>) -> io::Result<bool> {
        key.clear();
        value.clear();
        let Some(number) = self.order.get(self.at) else { return Ok(false) };
        self.at += 1;
        let cell = &self.cells.cells[*number as usize];
        let place = Place {
            day: cell.day,
            key: cell.key,
            resource: cell.has_resource.then_some(cell.resource),
            currency: cell.currency,
        };
        place.write(&self.currencies[cell.currency as usize], key);
        let fine = self.cells.fine.get(number).copied().unwrap_or_default();
        Sums { coarse: cell.coarse, fine, lost: cell.lost, rows: cell.rows }.write(value);
        Ok(true)
    }
}

impl Place {
    /// Bytes that sort as (day, key, resource, currency), charges without resource first.
    pub(super) fn write(&self, currency: &str, out: &mut Vec<u8>) {
        // Flipping the sign bit makes the order of bytes the order of days.
        out.extend((self.day as u32 ^ 0x8000_0000).to_be_bytes());
        out.extend(self.key.to_be_bytes());
        match self.resource {
            Some(resource) => {
                out.push(1);
                out.extend(resource.to_be_bytes());
            }
            None => out.push(0),
        }
        out.extend(currency.as_bytes());
    }
}

impl Sums {
    /// Adds other sums of the same cell.
    pub(super) fn add(&mut self, other: &Sums) {
        self.lost |= other.lost;
        self.rows += other.rows;
        for at in 0..COLUMNS {
            add_to(&mut self.coarse[at], &mut self.lost, at, other.coarse[at]);
            self.fine[at] += other.fine[at];
            if self.fine[at] >= FINE_PER_COARSE {
                self.fine[at] -= FINE_PER_COARSE;
                add_to(&mut self.coarse[at], &mut self.lost, at, 1);
            }
        }
    }

    /// Bytes: rows, lost columns, which columns have fine digits, then the sums.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.rows.to_le_bytes());
        out.push(self.lost);
        let mask = (0..COLUMNS).filter(|at| self.fine[*at] != 0).fold(0_u8, |mask, at| mask | 1 << at);
        out.push(mask);
        for sum in self.coarse {
            out.extend(sum.to_le_bytes());
        }
        for digits in self.fine.iter().filter(|digits| **digits != 0) {
            out.extend(digits.to_le_bytes());
        }
    }

    /// From the bytes of [`Sums::write`].
    pub(super) fn read(bytes: &[u8]) -> Sums {
        fn take<'b, const N: usize>(bytes: &mut &'b [u8]) -> &'b [u8; N] {
            let (head, rest) = bytes.split_first_chunk::<N>().expect("a run holds what was written to it");
            *bytes = rest;
            head
        }
        let mut bytes = bytes;
        let rows = u64::from_le_bytes(*take(&mut bytes));
        let [lost, mask] = *take(&mut bytes);
        let mut sums = Sums { rows, lost, ..Sums::default() };
        for sum in &mut sums.coarse {
            *sum = i128::from_le_bytes(*take(&mut bytes));
        }
        for at in (0..COLUMNS).filter(|at| mask & 1 << at != 0) {
            sums.fine[at] = i64::from_le_bytes(*take(&mut bytes));
        }
        sums
    }
}

/// The summed columns of a batch of charges.
pub(super) struct Numbers<'b> {
    columns: [(Option<&'b Decimal128Array>, Option<&'b Decimal128Array>); COLUMNS],
}

impl<'b> Numbers<'b> {
    pub(super) fn of(batch: &'b RecordBatch) -> Result<Numbers<'b>, FoldError> {
        let find = |name: &str| -> Result<Option<&'b Decimal128Array>, FoldError> {
            match batch.column_by_name(name) {
                None => Ok(None),
                Some(array) if matches!(array.data_type(), DataType::Decimal128(..)) => {
                    Ok(Some(array.as_primitive::<Decimal128Type>()))
                }
                Some(_) => Err(FoldError::Column(name.to_owned())),
            }
        };
        let mut columns = [(None, None); COLUMNS];
        for (slot, name) in columns.iter_mut().zip(tables::summed_columns()) {
            let coarse = find(name)?;
            let fine = find(&fine_column(name))?.filter(|array| array.null_count() < array.len());
            *slot = (coarse, fine);
        }
        Ok(Numbers { columns })
    }

    /// The exact numbers of one charge; null counts as zero.
    pub(super) fn row(&self, row: usize) -> ([i128; COLUMNS], [i64; COLUMNS]) {
        let value = |array: Option<&Decimal128Array>| {
            array.filter(|array| array.is_valid(row)).map_or(0, |array| array.value(row))
        };
        let (mut coarse, mut fine) = ([0; COLUMNS], [0; COLUMNS]);
        for (at, (whole, digits)) in self.columns.iter().enumerate() {
            let number = Exact::from_parts(value(*whole), value(*digits));
            (coarse[at], fine[at]) = (number.coarse(), number.fine());
        }
        (coarse, fine)
    }
}

/// A batch of the cube under construction.
#[derive(Default)]
pub(super) struct CellBatch {
    days: Date32Builder,
    keys: BinaryBuilder,
    resources: BinaryBuilder,
    currencies: StringBuilder,
    sums: Vec<Sums>,
}

impl CellBatch {
    pub(super) fn len(&self) -> usize {
        self.sums.len()
    }

    /// Adds a cell by the bytes of [`Place::write`].
    pub(super) fn push(&mut self, place: &[u8], sums: &Sums) {
        let (day, rest) = place.split_first_chunk::<4>().expect("a place begins with its day");
        self.days.append_value((u32::from_be_bytes(*day) ^ 0x8000_0000) as i32);
        self.keys.append_value(&rest[..16]);
        let currency = if rest[16] == 1 {
            self.resources.append_value(&rest[17..33]);
            &rest[33..]
        } else {
            self.resources.append_null();
            &rest[17..]
        };
        self.currencies.append_value(std::str::from_utf8(currency).expect("a currency is text"));
        self.sums.push(*sums);
    }

    /// The batch, in the schema of the cube.
    pub(super) fn take(&mut self) -> Result<RecordBatch, FoldError> {
        let sums = std::mem::take(&mut self.sums);
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(self.days.finish()),
            Arc::new(self.keys.finish()),
            Arc::new(self.resources.finish()),
            Arc::new(self.currencies.finish()),
        ];
        for at in 0..COLUMNS {
            let mut coarse = Decimal128Builder::new().with_data_type(tables::COARSE);
            let mut fine = Decimal128Builder::new().with_data_type(tables::FINE);
            for sums in &sums {
                // The column holds 38 digits, a little less than 128 bits.
                let fits = sums.coarse[at].unsigned_abs() < 10_u128.pow(38);
                if sums.lost & (1 << at) != 0 || !fits {
                    assert!(at >= COSTS, "costs are bounded, so their sums stay in range");
                    coarse.append_null();
                    fine.append_null();
                    continue;
                }
                coarse.append_value(sums.coarse[at]);
                match sums.fine[at] {
                    0 => fine.append_null(),
                    digits => fine.append_value(i128::from(digits)),
                }
            }
            arrays.push(Arc::new(coarse.finish()));
            arrays.push(Arc::new(fine.finish()));
        }
        let mut rows = Int64Builder::new();
        for sums in &sums {
            rows.append_value(i64::try_from(sums.rows).expect("row counts are bounded"));
        }
        arrays.push(Arc::new(rows.finish()));
        Ok(RecordBatch::try_new(tables::cube(), arrays)?)
    }
}
