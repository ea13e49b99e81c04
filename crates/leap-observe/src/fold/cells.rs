//! Cells of the cube: a day, key, resource and currency, and exact sums.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, Date32Builder, Decimal128Array, Decimal128Builder, Int64Builder, PrimitiveArray,
    RecordBatch, StringBuilder,
};
use arrow::datatypes::{DataType, Decimal128Type};
use leap_terms::tables::{self, fine_column};
use leap_terms::{Costs, Exact};

use super::FoldError;

/// What a cell weighs in memory, with its place in the map.
pub(super) const HELD_BYTES: usize = 320;
const COLUMNS: usize = 6;
const SUM_BYTES: usize = 24;

/// The name of a cell, its currency by number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Cell {
    pub(super) day: i32,
    pub(super) key: u128,
    pub(super) resource: Option<u128>,
    pub(super) currency: u16,
}

impl Cell {
    /// Bytes that sort as (day, key, resource, currency), charges without resource first.
    pub(super) fn bytes(&self, currency: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(40 + currency.len());
        // Flipping the sign bit makes the order of bytes the order of days.
        bytes.extend((self.day as u32 ^ 0x8000_0000).to_be_bytes());
        bytes.extend(self.key.to_be_bytes());
        match self.resource {
            Some(resource) => {
                bytes.push(1);
                bytes.extend(resource.to_be_bytes());
            }
            None => bytes.push(0),
        }
        bytes.extend(currency.as_bytes());
        bytes
    }
}

/// Exact sums of the four costs and two quantities, and the number of charges.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Sums {
    columns: [Exact; COLUMNS],
    /// Bit per column: its sum left the range of an exact number. Bounds exclude that for costs; a quantity in
    /// byte-seconds can, and is then null rather than wrong.
    lost: u8,
    rows: u64,
}

impl Sums {
    pub(super) fn add(&mut self, other: &Sums) {
        self.lost |= other.lost;
        for (at, (sum, value)) in self.columns.iter_mut().zip(other.columns).enumerate() {
            match sum.checked_add(value) {
                Some(added) => *sum = added,
                None => self.lost |= 1 << at,
            }
        }
        assert!(self.lost & 0b1111 == 0, "costs are bounded, so their sums stay in range");
        self.rows += other.rows;
    }

    pub(super) fn costs(&self) -> Costs {
        let [billed, effective, list, contracted, ..] = self.columns;
        Costs { billed, effective, list, contracted }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(COLUMNS * SUM_BYTES + 8);
        for sum in self.columns {
            bytes.extend(sum.coarse().to_le_bytes());
            bytes.extend(sum.fine().to_le_bytes());
        }
        bytes.extend(self.rows.to_le_bytes());
        bytes.push(self.lost);
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Sums {
        let mut sums = Sums::default();
        for (at, sum) in sums.columns.iter_mut().enumerate() {
            let from = at * SUM_BYTES;
            let coarse = i128::from_le_bytes(bytes[from..from + 16].try_into().expect("sixteen bytes"));
            let fine = i64::from_le_bytes(bytes[from + 16..from + SUM_BYTES].try_into().expect("eight bytes"));
            *sum = Exact::from_parts(coarse, i128::from(fine));
        }
        let from = COLUMNS * SUM_BYTES;
        sums.rows = u64::from_le_bytes(bytes[from..from + 8].try_into().expect("eight bytes"));
        sums.lost = bytes[from + 8];
        sums
    }
}

/// The absolute values of some costs.
pub(super) fn absolute(costs: Costs) -> Costs {
    Costs {
        billed: costs.billed.abs(),
        effective: costs.effective.abs(),
        list: costs.list.abs(),
        contracted: costs.contracted.abs(),
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
                Some(array) if matches!(array.data_type(), DataType::Decimal128(..)) => Ok(Some(array.as_primitive::<Decimal128Type>())),
                Some(_) => Err(FoldError::Column(name.to_owned())),
            }
        };
        let mut columns = [(None, None); COLUMNS];
        for (slot, name) in columns.iter_mut().zip(tables::summed_columns()) {
            *slot = (find(name)?, find(&fine_column(name))?);
        }
        Ok(Numbers { columns })
    }

    /// One charge as sums of one.
    pub(super) fn row(&self, row: usize) -> Sums {
        let value = |array: Option<&PrimitiveArray<Decimal128Type>>| array.filter(|array| array.is_valid(row)).map_or(0, |array| array.value(row));
        Sums { columns: self.columns.map(|(coarse, fine)| Exact::from_parts(value(coarse), value(fine))), lost: 0, rows: 1 }
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

    /// Adds a cell by its bytes (see [`Cell::bytes`]).
    pub(super) fn push(&mut self, cell: &[u8], sums: &Sums) {
        let day = u32::from_be_bytes(cell[..4].try_into().expect("four bytes")) ^ 0x8000_0000;
        self.days.append_value(day as i32);
        self.keys.append_value(&cell[4..20]);
        let currency = if cell[20] == 1 {
            self.resources.append_value(&cell[21..37]);
            &cell[37..]
        } else {
            self.resources.append_null();
            &cell[21..]
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
                if sums.lost & (1 << at) != 0 {
                    coarse.append_null();
                    fine.append_null();
                    continue;
                }
                coarse.append_value(sums.columns[at].coarse());
                match sums.columns[at].fine() {
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
