//! Control sums: the exact sum of every decimal column of a file, coarse and fine added up.
//!
//! A coarse value may reach 10³⁸, so two of them may pass 128 bits; the sum is kept in two halves and cannot wrap below
//! 2⁶³ rows. A sum too large for [`Exact`] (unit prices and quantities only; costs are bounded) is left out: the file's
//! digest still guards it.

use arrow::array::{Array, AsArray, Decimal128Array, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type, Schema};
use leap_terms::Exact;
use leap_terms::exact::FINE_PER_COARSE;
use leap_terms::tables::fine_column;
use std::collections::BTreeMap;

/// Sum of 128-bit values: Σ (value >> 64) and Σ (value mod 2⁶⁴).
#[derive(Clone, Copy, Default)]
struct Wide {
    high: i128,
    low: u128,
}

impl Wide {
    fn add(&mut self, array: &Decimal128Array) {
        let mut add = |value: i128| {
            self.high += value >> 64;
            self.low += u128::from(value as u64);
        };
        if array.null_count() == 0 {
            array.values().iter().copied().for_each(&mut add);
        } else {
            array.iter().flatten().for_each(&mut add);
        }
    }

    fn total(self) -> Option<i128> {
        let high = self.high + (self.low >> 64) as i128;
        let high = i64::try_from(high).ok()?;
        Some((i128::from(high) << 64) | i128::from(self.low as u64))
    }
}

struct Column {
    name: String,
    coarse: usize,
    fine: Option<usize>,
    coarse_sum: Wide,
    fine_sum: Wide,
}

/// The running sums of a file.
pub(crate) struct ControlSums {
    columns: Vec<Column>,
    fine: bool,
}

impl ControlSums {
    /// Sums for the decimal columns of this schema.
    pub(crate) fn new(schema: &Schema) -> ControlSums {
        let is_decimal = |at: &usize| matches!(schema.field(*at).data_type(), DataType::Decimal128(_, 18));
        let columns = (0..schema.fields().len())
            .filter(is_decimal)
            .map(|coarse| {
                let name = schema.field(coarse).name().clone();
                let fine = schema.index_of(&fine_column(&name)).ok();
                Column { name, coarse, fine, coarse_sum: Wide::default(), fine_sum: Wide::default() }
            })
            .collect();
        ControlSums { columns, fine: false }
    }

    /// Adds a batch of the schema.
    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        for column in &mut self.columns {
            column.coarse_sum.add(batch.column(column.coarse).as_primitive::<Decimal128Type>());
            if let Some(fine) = column.fine {
                let fine = batch.column(fine).as_primitive::<Decimal128Type>();
                if fine.null_count() < fine.len() {
                    self.fine = true;
                    column.fine_sum.add(fine);
                }
            }
        }
    }

    /// True when a fine column had a value.
    pub(crate) fn fine(&self) -> bool {
        self.fine
    }

    /// The sums by FOCUS column name.
    pub(crate) fn totals(&self) -> BTreeMap<String, Exact> {
        let total = |column: &Column| {
            let (coarse, fine) = (column.coarse_sum.total()?, column.fine_sum.total()?);
            coarse.checked_add(fine.div_euclid(i128::from(FINE_PER_COARSE)))?;
            Some((column.name.clone(), Exact::from_parts(coarse, fine)))
        };
        self.columns.iter().filter_map(total).collect()
    }
}
