//! A small bill: six charges of two teams, one with 30 decimals.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, Date32Array, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Field, Schema};
use leap_terms::tables::{COARSE, COARSE_COST, FINE, Table};
use leap_terms::{DeliveryId, Digest, Exact, FileRecord, Instant, ScopeKey, SourceId};

use crate::{Lake, PublishInfo, Staging};

pub(super) const DELIVERY: &str = "0123456789abcdef";

pub(super) fn scope(source: &str, month: &str) -> ScopeKey {
    ScopeKey { source: SourceId::new(source).unwrap(), billing_period: month.parse().unwrap() }
}

pub(super) fn delivery(text: &str) -> DeliveryId {
    DeliveryId::new(text).unwrap()
}

pub(super) fn info(operation: &str) -> PublishInfo<'static> {
    PublishInfo {
        snapshot: Some(Digest::of(operation.as_bytes())),
        operation: operation.to_owned(),
        at: Instant::from_micros(1_789_516_800_000_000),
        before: crate::Before::default(),
    }
}

pub(super) fn decimals(amounts: &[&str], data_type: DataType, fine: bool) -> ArrayRef {
    let values = amounts.iter().map(|text| {
        let exact: Exact = text.parse().unwrap();
        if fine { (exact.fine() != 0).then_some(i128::from(exact.fine())) } else { Some(exact.coarse()) }
    });
    Arc::new(Decimal128Array::from_iter(values).with_data_type(data_type))
}

/// Charges with these amounts; teams take turns: payments, search, none.
pub(super) fn charges(amounts: &[&str]) -> RecordBatch {
    let teams = [Some(r#"{"env":"prod","team":"payments"}"#), Some(r#"{"team":"search"}"#), None];
    let tags: StringArray = (0..amounts.len()).map(|row| teams[row % 3]).collect();
    let quantities: Vec<&str> = amounts.iter().map(|_| "90000000000000000000").collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("BilledCost", decimals(amounts, COARSE_COST, false)),
        ("x_LeapFineBilledCost", decimals(amounts, FINE, true)),
        ("ConsumedQuantity", decimals(&quantities, COARSE, false)),
        ("ServiceName", Arc::new(StringArray::from_iter_values(amounts.iter().map(|_| "Compute")))),
        ("Tags", Arc::new(tags)),
        ("x_LeapDelivery", Arc::new(StringArray::from_iter_values(amounts.iter().map(|_| DELIVERY)))),
        ("x_LeapPart", Arc::new(Int32Array::from_iter_values(amounts.iter().map(|_| 0)))),
        ("x_LeapRow", Arc::new(Int64Array::from_iter_values(1..=amounts.len() as i64))),
        ("x_Discounts", Arc::new(StringArray::from_iter_values(amounts.iter().map(|_| "none")))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// One cube row.
pub(super) fn cube(amount: &str) -> RecordBatch {
    let mut fields = vec![
        Field::new("day", DataType::Date32, false),
        Field::new("key", DataType::Binary, false),
        Field::new("BillingCurrency", DataType::Utf8, false),
    ];
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from(vec![20_712])),
        Arc::new(BinaryArray::from(vec![&[7_u8; 16][..]])),
        Arc::new(StringArray::from(vec!["USD"])),
    ];
    for name in leap_terms::tables::summed_columns() {
        fields.push(Field::new(name, COARSE, false));
        columns.push(decimals(&[amount], COARSE, false));
    }
    fields.push(Field::new("rows", DataType::Int64, false));
    columns.push(Arc::new(Int64Array::from(vec![1])));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

pub(super) fn stage_charges(
    staging: &Staging,
    scope: &ScopeKey,
    by: &str,
    amounts: &[&str],
    extra: &[&str],
) -> FileRecord {
    let extra: Vec<String> = extra.iter().map(|name| (*name).to_owned()).collect();
    let mut writer = staging.writer(Table::Charges, scope, &delivery(by), &extra).unwrap();
    let batch = charges(amounts);
    let kept: Vec<usize> = batch
        .schema()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| writer.schema().field_with_name(field.name()).is_ok())
        .map(|(at, _)| at)
        .collect();
    writer.write(&batch.project(&kept).unwrap()).unwrap();
    writer.finish().unwrap()
}

pub(super) const AMOUNTS: [&str; 6] =
    ["10", "-2.5", "0.000000000000000000000000000001", "999999999999.999999999999999999", "0", "0.1"];
pub(super) const TOTAL: &str = "1000000000007.599999999999999999000000000001";

/// A lake with one published file of [`AMOUNTS`] (source `focus:aws/1`, 2026-09) and one cube row.
pub(super) async fn published(folder: &Path) -> (Lake, Vec<FileRecord>) {
    let lake = Lake::open(&folder.join("lake")).unwrap();
    let staging = lake.stage("tx-1").unwrap();
    let scope = scope("focus:aws/1", "2026-09");
    let file = stage_charges(&staging, &scope, DELIVERY, &AMOUNTS, &["x_Discounts"]);
    let mut writer = staging.writer(Table::Cube, &scope, &delivery(DELIVERY), &[]).unwrap();
    writer.write(&cube("7")).unwrap();
    let live = vec![file, writer.finish().unwrap()];
    let versions = lake.publish(staging, &Table::MONEY, &live, &info("ingest")).await.unwrap();
    assert_eq!(versions.into_iter().collect::<Vec<_>>(), [(Table::Charges, 0), (Table::Cube, 0)]);
    (lake, live)
}
