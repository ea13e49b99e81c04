//! Where intake's batches go: staged Parquet files of the lake, one writer per table and billing period.
//!
//! The first charges of a bill may lack an `x_…` column that later ones have; then the file so far is finished and the
//! next one has both, so that no column is ever lost and no row waits in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use leap_lake::{FileWriter, LakeError, Staging};
use leap_observe::take_in::{FactSink, SinkError};
use leap_terms::tables::{DELIVERY, Table};
use leap_terms::{DeliveryId, Month, ScopeKey, SourceId};

/// A sink for one delivery.
pub(crate) struct StagedSink<'s> {
    staging: &'s Staging,
    delivery: DeliveryId,
    /// Scopes are staged under this name; the source is known from the first digest on.
    source: SourceId,
    writers: BTreeMap<(Table, Month), Open>,
}

struct Open {
    columns: BTreeSet<String>,
    writer: FileWriter,
}

impl<'s> StagedSink<'s> {
    pub(crate) fn new(staging: &'s Staging, source: SourceId, delivery: DeliveryId) -> StagedSink<'s> {
        StagedSink { staging, delivery, source, writers: BTreeMap::new() }
    }

    /// Finishes every file.
    pub(crate) fn finish(self) -> Result<(), LakeError> {
        for (_, open) in self.writers {
            open.writer.finish()?;
        }
        Ok(())
    }

    fn open(&self, table: Table, month: Month, columns: &BTreeSet<String>) -> Result<FileWriter, LakeError> {
        let scope = ScopeKey { source: self.source.clone(), billing_period: month };
        let columns: Vec<String> = columns.iter().cloned().collect();
        self.staging.writer(table, &scope, &self.delivery, &columns)
    }

    fn with_lineage(&self, batch: &RecordBatch) -> Result<RecordBatch, arrow::error::ArrowError> {
        let ids: StringArray = std::iter::repeat_n(Some(self.delivery.as_str()), batch.num_rows()).collect();
        let mut fields: Vec<Arc<Field>> = batch.schema().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(DELIVERY, DataType::Utf8, false)));
        let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
        columns.push(Arc::new(ids));
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }
}

/// The columns of a batch that are the bill's own or the home's: beyond the table's fixed ones.
fn own_columns(table: Table, batch: &RecordBatch) -> BTreeSet<String> {
    let schema = batch.schema();
    let names = schema.fields().iter().map(|field| field.name().clone());
    match table {
        Table::Charges => {
            let fixed = leap_terms::tables::charges(&[]);
            names.filter(|name| fixed.field_with_name(name).is_err()).collect()
        }
        Table::Keys => names.filter(|name| name != leap_terms::tables::KEY).collect(),
        _ => BTreeSet::new(),
    }
}

impl FactSink for StagedSink<'_> {
    fn write(&mut self, table: Table, month: Month, batch: &RecordBatch) -> Result<(), SinkError> {
        let sunk = |error: LakeError| SinkError::new(error);
        let batch = match table {
            Table::Charges => self.with_lineage(batch).map_err(SinkError::new)?,
            _ => batch.clone(),
        };
        let columns = own_columns(table, &batch);
        let fits = self.writers.get(&(table, month)).is_some_and(|open| columns.is_subset(&open.columns));
        if !fits {
            let mut wanted = columns;
            if let Some(open) = self.writers.remove(&(table, month)) {
                wanted.extend(open.columns);
                open.writer.finish().map_err(sunk)?;
            }
            let writer = self.open(table, month, &wanted).map_err(sunk)?;
            self.writers.insert((table, month), Open { columns: wanted, writer });
        }
        let open = self.writers.get_mut(&(table, month)).expect("the writer was just opened");
        open.writer.write(&batch).map_err(sunk)
    }

    fn reset(&mut self) -> Result<(), SinkError> {
        // Files already finished stay in staging under names that no record names; the publish leaves them behind.
        self.writers.clear();
        self.staging.forget().map_err(SinkError::new)
    }
}
