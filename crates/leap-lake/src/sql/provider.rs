//! One table of the lake at one snapshot, as the engine reads it: the Parquet files of the list, each verified before use.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use leap_terms::FileRecord;
use leap_terms::tables::{BILLING_PERIOD, SOURCE, Table};

use super::engine::STORE;
use crate::Lake;
use crate::layout::file_schema;

/// The stored columns of a table, fine columns included, then the partition columns.
#[derive(Debug)]
pub(super) struct StoredTable {
    lake: Lake,
    files: Vec<FileRecord>,
    file_schema: SchemaRef,
    partitions: Vec<Arc<Field>>,
    schema: SchemaRef,
}

impl StoredTable {
    pub(super) fn new(lake: &Lake, table: Table, files: Vec<FileRecord>) -> StoredTable {
        let mut columns: Vec<String> = files.iter().flat_map(|file| file.columns.iter().cloned()).collect();
        columns.sort();
        columns.dedup();
        // A file may lack any column that came later, so none is mandatory here.
        let nullable = |field: &Arc<Field>| Arc::new(field.as_ref().clone().with_nullable(true));
        let file_schema: SchemaRef =
            Arc::new(Schema::new(file_schema(table, &columns).fields().iter().map(nullable).collect::<Vec<_>>()));
        let partitions = [SOURCE, BILLING_PERIOD].map(|name| Arc::new(Field::new(name, DataType::Utf8, true))).to_vec();
        let all: Vec<Arc<Field>> = file_schema.fields().iter().chain(&partitions).cloned().collect();
        StoredTable { lake: lake.clone(), files, file_schema, partitions, schema: Arc::new(Schema::new(all)) }
    }

    /// The files for which no filter on partition columns alone is false.
    fn pruned(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<FileRecord>> {
        let of_partitions = |filter: &&Expr| {
            let columns = filter.column_refs();
            !columns.is_empty() && columns.iter().all(|column| column.name == SOURCE || column.name == BILLING_PERIOD)
        };
        let filters: Vec<Expr> = filters.iter().filter(of_partitions).cloned().collect();
        let Some(filter) = conjunction(filters).filter(|_| !self.files.is_empty()) else {
            return Ok(self.files.clone());
        };
        let text = |value: &dyn Fn(&FileRecord) -> String| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(self.files.iter().map(value)))
        };
        let columns =
            vec![text(&|file| file.scope.source.to_string()), text(&|file| file.scope.billing_period.to_string())];
        let schema = Arc::new(Schema::new(self.partitions.clone()));
        let batch = RecordBatch::try_new(schema.clone(), columns)?;
        let filter = state.create_physical_expr(unqualified(filter)?, &DFSchema::try_from(schema)?)?;
        let kept = filter.evaluate(&batch)?.into_array(self.files.len())?;
        let kept = kept.as_boolean_opt().ok_or_else(|| DataFusionError::Plan("a filter is no condition".to_owned()))?;
        Ok(self
            .files
            .iter()
            .zip(kept.iter())
            .filter(|(_, kept)| *kept == Some(true))
            .map(|(file, _)| file.clone())
            .collect())
    }
}

fn unqualified(expression: Expr) -> Result<Expr> {
    use datafusion::common::tree_node::{Transformed, TreeNode};
    let strip = |expression: Expr| {
        Ok(match expression {
            Expr::Column(column) => {
                Transformed::yes(Expr::Column(datafusion::common::Column::new_unqualified(column.name)))
            }
            other => Transformed::no(other),
        })
    };
    expression.transform(strip).map(|transformed| transformed.data)
}

#[async_trait]
impl TableProvider for StoredTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // Used to skip files and row groups; the engine filters the rows.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files: Vec<FileRecord> = self.pruned(state, filters)?.into_iter().filter(|file| file.rows > 0).collect();
        if files.is_empty() {
            let schema = match projection {
                Some(projection) => Arc::new(self.schema.project(projection)?),
                None => self.schema.clone(),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let mut groups = vec![Vec::new(); state.config().target_partitions().max(1)];
        let count = groups.len();
        for (at, file) in files.into_iter().enumerate() {
            let (lake, record) = (self.lake.clone(), file.clone());
            // Off this thread, so that a query which is over its time can stop between two files.
            tokio::task::spawn_blocking(move || lake.verify(&record))
                .await
                .map_err(|fault| DataFusionError::External(Box::new(fault)))?
                .map_err(|fault| DataFusionError::External(Box::new(fault)))?;
            let values = vec![
                ScalarValue::Utf8(Some(file.scope.source.to_string())),
                ScalarValue::Utf8(Some(file.scope.billing_period.to_string())),
            ];
            let mut part = PartitionedFile::new("", file.bytes);
            part.object_meta.location = datafusion::object_store::path::Path::parse(&file.path)
                .map_err(|fault| DataFusionError::External(Box::new(fault)))?;
            groups[at % count].push(part.with_partition_values(values));
        }
        let groups = groups.into_iter().filter(|group| !group.is_empty()).map(FileGroup::new).collect();
        let schema =
            TableSchema::builder(self.file_schema.clone()).with_table_partition_cols(self.partitions.clone()).build();
        let mut source = ParquetSource::new(schema);
        if let Some(filter) = conjunction(filters.to_vec()) {
            let filter = state.create_physical_expr(unqualified(filter)?, &DFSchema::try_from(self.schema.clone())?)?;
            source = source.with_predicate(filter);
        }
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(STORE)?, Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit.filter(|_| filters.is_empty()))
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}
