//! Views that show each amount as one exact column.
//!
//! A stored amount is `C` (10⁻¹⁸) plus, rarely, `x_LeapFineC` (10⁻³⁰). The view shows their sum as Decimal256(76, 30)
//! where any live file of the table has fine digits, and else `C` as Decimal256(76, 18). 256 bits on purpose: the
//! engine's SUM over Decimal128 wraps in silence, and quantities alone can reach that bound.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::Result;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, lit};
use leap_terms::FileRecord;
use leap_terms::tables::{Table, fine_column};

use super::provider::StoredTable;
use super::{SqlWorld, annotate};
use crate::Lake;

const FINE_PREFIX: &str = "x_LeapFine";

/// The view of a table at a snapshot.
pub(super) fn view(lake: &Lake, table: Table, world: &SqlWorld) -> Result<Arc<dyn TableProvider>> {
    let files: Vec<FileRecord> = world.files.iter().filter(|file| file.table == table).cloned().collect();
    let fine = files.iter().any(|file| file.fine);
    let stored = Arc::new(StoredTable::new(lake, table, files));
    let schema = stored.schema();
    let mut shown = Vec::new();
    for field in schema.fields().iter().filter(|field| !field.name().starts_with(FINE_PREFIX)) {
        let stored = column(field.name());
        let has_fine = fine && schema.field_with_name(&fine_column(field.name())).is_ok();
        shown.push(match field.data_type() {
            DataType::Decimal128(..) if has_fine => {
                let exact = |expression: Expr| cast(expression, DataType::Decimal256(76, 30));
                let zero = lit(ScalarValue::Decimal256(Some(arrow::datatypes::i256::ZERO), 76, 30));
                let sum = exact(stored) + coalesce(vec![exact(column(&fine_column(field.name()))), zero]);
                exact(sum).alias(field.name())
            }
            DataType::Decimal128(_, scale) => cast(stored, DataType::Decimal256(76, *scale)).alias(field.name()),
            _ => stored,
        });
    }
    if let (Table::Charges, Some(annotator)) = (table, &world.annotate) {
        shown.extend(annotate::columns(annotator, &schema));
    }
    let plan = LogicalPlanBuilder::scan(table.name(), provider_as_source(stored), None)?.project(shown)?.build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// A column by its exact name: names may hold points and capitals.
pub(super) fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}
