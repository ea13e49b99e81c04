//! Columns that are not stored but computed while reading: a charge's owner, rule and snapshot.
//!
//! The computation is a function of stored columns that returns a struct; the view of `charges` shows the struct's
//! fields. The engine computes it once per batch, and not at all where no such column is asked for.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StructArray};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, cast, lit,
};

use super::exact::column;

/// Computes columns of charges from stored ones.
pub trait Annotator: Send + Sync {
    /// The columns it adds, in order; all are shown as nullable.
    fn fields(&self) -> Vec<Field>;

    /// The stored columns of `charges` it needs, in order. A column that no live file has is given as null text.
    fn needs(&self) -> Vec<String>;

    /// One array per field, each as long as the batch, which holds exactly the needed columns in order.
    ///
    /// # Errors
    /// A sentence, which becomes the query's error.
    fn annotate(&self, batch: &RecordBatch) -> std::result::Result<Vec<ArrayRef>, String>;
}

/// The expressions that show an annotator's columns.
pub(super) fn columns(annotator: &Arc<dyn Annotator>, stored: &SchemaRef) -> Vec<Expr> {
    let fields: Vec<Field> = annotator.fields().into_iter().map(|field| field.with_nullable(true)).collect();
    let needs: Vec<Field> = annotator
        .needs()
        .iter()
        .map(|name| match stored.field_with_name(name) {
            Ok(field) => field.clone(),
            Err(_) => Field::new(name, DataType::Utf8, true),
        })
        .collect();
    let argument = |field: &Field| match stored.field_with_name(field.name()) {
        Ok(_) => column(field.name()),
        Err(_) => cast(lit(datafusion::common::ScalarValue::Utf8(None)), DataType::Utf8),
    };
    let arguments: Vec<Expr> = needs.iter().map(argument).collect();
    let types = needs.iter().map(|field| field.data_type().clone()).collect();
    let function = Annotate {
        annotator: annotator.clone(),
        needs: Arc::new(Schema::new(needs)),
        fields: fields.clone().into(),
        signature: Signature::exact(types, Volatility::Immutable),
    };
    let called = ScalarUDF::new_from_impl(function).call(arguments);
    fields.iter().map(|field| get_field(called.clone(), field.name().as_str()).alias(field.name())).collect()
}

struct Annotate {
    annotator: Arc<dyn Annotator>,
    needs: SchemaRef,
    fields: Fields,
    signature: Signature,
}

impl std::fmt::Debug for Annotate {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Annotate").field("fields", &self.fields).finish_non_exhaustive()
    }
}

impl PartialEq for Annotate {
    fn eq(&self, other: &Annotate) -> bool {
        Arc::ptr_eq(&self.annotator, &other.annotator) && self.needs == other.needs && self.fields == other.fields
    }
}

impl Eq for Annotate {}

impl Hash for Annotate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fields.hash(state);
    }
}

impl ScalarUDFImpl for Annotate {
    fn name(&self) -> &str {
        "leap_annotate"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(self.fields.clone()))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = call.number_rows;
        let arrays = call.args.into_iter().map(|value| value.into_array(rows)).collect::<Result<Vec<_>>>()?;
        // Nullability as the engine gives it; what counts are names and types.
        let fields: Vec<Field> =
            self.needs.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?;
        let columns = self.annotator.annotate(&batch).map_err(DataFusionError::Execution)?;
        let annotated = StructArray::try_new_with_length(self.fields.clone(), columns, None, rows)?;
        Ok(ColumnarValue::Array(Arc::new(annotated)))
    }
}
