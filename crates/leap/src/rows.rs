//! Charges of a period with their owners, streamed from the lake: what explain and export read.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType};
use leap_orient::reading::spend::Basis;
use leap_terms::tables::{BILLING_PERIOD, DELIVERY, PART, ROW, SOURCE, Table, fine_column};
use leap_terms::{CostKind, Day, Exact, Instant, Money, Period};

use crate::annotate::{Owned, Owners};
use crate::failure::Failure;
use crate::world::{Open, Slice, each_batch};

const QUANTITY: &str = "PricingQuantity";

/// Calls `act` with each batch of charges of the period, its rows' owners, and which rows lie in the period.
pub(crate) fn each_charge_batch(
    slices: &[Slice],
    owners: &Owners,
    period: Option<Period>,
    basis: Basis,
    more: &[String],
    open: Open,
    mut act: impl FnMut(&RecordBatch, &[Owned], &[bool]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for slice in slices {
        if period.is_some_and(|period| !basis.may_cover(period, &slice.scope, slice.first_day, slice.last_day)) {
            continue;
        }
        let files = slice.of(Table::Charges);
        let mut columns: Vec<&str> = owners.columns().collect();
        for column in more {
            if !columns.contains(&column.as_str()) {
                columns.push(column);
            }
        }
        each_batch(files, Some(&columns), open, |batch| {
            let owned = owners.of(batch).map_err(Failure::failed)?;
            let inside: Vec<bool> = (0..batch.num_rows())
                .map(|row| period.is_none_or(|period| basis.covers(period, day(batch, row), &slice.scope)))
                .collect();
            act(batch, &owned, &inside)
        })?;
    }
    Ok(())
}

/// The UTC day on which a charge's period starts.
pub(crate) fn day(batch: &RecordBatch, row: usize) -> Day {
    let starts = batch.column_by_name("ChargePeriodStart").expect("charges have ChargePeriodStart");
    Instant::from_micros(starts.as_primitive::<TimestampMicrosecondType>().value(row)).day()
}

/// One exact cost.
pub(crate) fn cost(batch: &RecordBatch, kind: CostKind, row: usize) -> Money {
    decimal(batch, kind.column(), row).unwrap_or_default()
}

fn decimal(batch: &RecordBatch, name: &str, row: usize) -> Option<Exact> {
    let part = |name: &str| {
        let array = batch.column_by_name(name)?.as_primitive::<Decimal128Type>();
        array.is_valid(row).then(|| array.value(row))
    };
    Some(Exact::from_parts(part(name)?, part(&fine_column(name)).unwrap_or(0)))
}

/// One text, `None` for null.
pub(crate) fn text<'b>(batch: &'b RecordBatch, name: &str, row: usize) -> Option<&'b str> {
    let array = batch.column_by_name(name)?.as_string_opt::<i32>()?;
    array.is_valid(row).then(|| array.value(row))
}

/// `DELIVERY:PART:ROW`: the name of a charge.
pub(crate) fn charge_name(batch: &RecordBatch, row: usize) -> String {
    let (part, number) = place(batch, row);
    format!("{}:{part}:{number}", text(batch, DELIVERY, row).unwrap_or_default())
}

/// Number of the part in its delivery, and of the row in the part.
pub(crate) fn place(batch: &RecordBatch, row: usize) -> (usize, u64) {
    let part = batch.column_by_name(PART).map_or(0, |array| array.as_primitive::<Int32Type>().value(row));
    let number = batch.column_by_name(ROW).map_or(0, |array| array.as_primitive::<Int64Type>().value(row));
    (usize::try_from(part).unwrap_or_default(), u64::try_from(number).unwrap_or_default())
}

/// The columns that name and place a charge.
pub(crate) fn lineage() -> Vec<String> {
    [DELIVERY, PART, ROW, SOURCE, BILLING_PERIOD].map(str::to_owned).to_vec()
}

/// The two columns of the quantity that was priced.
pub(crate) fn quantity_columns() -> [String; 2] {
    [QUANTITY.to_owned(), fine_column(QUANTITY)]
}

/// The two columns of a cost.
pub(crate) fn cost_columns(kind: CostKind) -> Vec<String> {
    vec![kind.column().to_owned(), fine_column(kind.column())]
}
