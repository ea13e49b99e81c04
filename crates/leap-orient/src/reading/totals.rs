//! What each owner has of a slice, from its stored answers and its cube.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Decimal128Type, Int64Type};
use leap_terms::tables::{self, fine_column};
use leap_terms::{CostKind, Costs, Currency, Day, Exact};

use crate::attribute::{Answers, AttributeError};
use crate::proof::{Folded, OwnerTotals};

/// Adds a batch of the cube to the owners that the answers name.
///
/// # Errors
/// [`AttributeError`]: a column is missing, or a cell has no owner; each is our bug or a damaged lake.
pub fn add(answers: &Answers, batch: &RecordBatch, totals: &mut OwnerTotals) -> Result<(), AttributeError> {
    let missing = |name: &str| AttributeError::MissingColumn(name.to_owned());
    let column = |name: &str| batch.column_by_name(name).ok_or_else(|| missing(name));
    let days = column(tables::DAY)?.as_primitive_opt::<Date32Type>().ok_or_else(|| missing(tables::DAY))?;
    let keys = column(tables::KEY)?.as_binary_opt::<i32>().ok_or_else(|| missing(tables::KEY))?;
    let resources = column(tables::RESOURCE)?.as_binary_opt::<i32>().ok_or_else(|| missing(tables::RESOURCE))?;
    let currencies = column("BillingCurrency")?.as_string_opt::<i32>().ok_or_else(|| missing("BillingCurrency"))?;
    let rows = column(tables::ROWS)?.as_primitive_opt::<Int64Type>().ok_or_else(|| missing(tables::ROWS))?;
    let mut costs = Vec::new();
    for kind in CostKind::ALL {
        let coarse =
            column(kind.column())?.as_primitive_opt::<Decimal128Type>().ok_or_else(|| missing(kind.column()))?;
        let fine = batch
            .column_by_name(&fine_column(kind.column()))
            .and_then(|array| array.as_primitive_opt::<Decimal128Type>());
        costs.push((kind, coarse, fine));
    }
    for row in 0..batch.num_rows() {
        let day = Day::from_days(days.value(row));
        let resource = resources.is_valid(row).then(|| resources.value(row));
        let answer = answers
            .find(keys.value(row), resource, day)
            .ok_or_else(|| AttributeError::BadValue(format!("a cell of {day} has no owner")))?;
        let currency = Currency::new(currencies.value(row)).map_err(AttributeError::BadValue)?;
        let mut folded = Folded { costs: Costs::default(), rows: rows.value(row) };
        for (kind, coarse, fine) in &costs {
            let digits = fine.filter(|fine| fine.is_valid(row)).map_or(0, |fine| fine.value(row));
            folded.costs[*kind] = Exact::from_parts(coarse.value(row), digits);
        }
        *totals.entry((answer.owner.clone(), answer.rule.cloned(), currency)).or_default() += folded;
    }
    Ok(())
}
