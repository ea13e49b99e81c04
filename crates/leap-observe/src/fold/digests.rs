//! Digests of rows, keys and resources, column by column.
//!
//! A value's hash is xxh3-128 of its canonical bytes, seeded by its column's name. A row's digest is the mixed sum of its
//! values' hashes, so the order of columns does not matter and nulls say nothing; a key's and a resource's digest are
//! made the same way from their columns (`docs/decisions/0006-digests-of-rows.md`).

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type, TimestampMicrosecondType};
use leap_terms::tables::{BILLING_PERIOD, DELIVERY, PART, ROW, SOURCE};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

const ROW_DOMAIN: u64 = 0x6c65_6170_2072_6f77;
const KEY_DOMAIN: u64 = 0x6c65_6170_206b_6579;
const RESOURCE_DOMAIN: u64 = 0x6c65_6170_2072_6573;

/// The digests of a batch's rows.
#[derive(Clone, Debug, Default)]
pub struct Hashed {
    /// Per row: digest of all its values, lineage left out.
    pub rows: Vec<u128>,
    /// Per row: digest of its key columns.
    pub keys: Vec<u128>,
    /// Per row: digest of its resource; `None` where it has none.
    pub resources: Vec<Option<u128>>,
}

fn is_lineage(name: &str) -> bool {
    matches!(name, DELIVERY | PART | ROW | SOURCE | BILLING_PERIOD)
}

fn is_resource(name: &str) -> bool {
    matches!(name, "ResourceId" | "ResourceName")
}

/// Hashes every value once and sums them up for rows, keys and resources.
///
/// # Panics
/// If a column has a type that no table of charges has.
pub fn hash(batch: &RecordBatch, key_columns: &[String]) -> Hashed {
    let count = batch.num_rows();
    let mut rows = vec![0_u128; count];
    let mut keys = vec![0_u128; count];
    let mut resources = vec![0_u128; count];
    let schema = batch.schema();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let name = field.name().as_str();
        if is_lineage(name) {
            continue;
        }
        let (in_key, in_resource) = (key_columns.iter().any(|key| key == name), is_resource(name));
        each_hash(name, column.as_ref(), |row, hash| {
            rows[row] = rows[row].wrapping_add(hash);
            if in_key {
                keys[row] = keys[row].wrapping_add(hash);
            }
            if in_resource {
                resources[row] = resources[row].wrapping_add(hash);
            }
        });
    }
    Hashed {
        rows: rows.into_iter().map(|sum| mix(sum, ROW_DOMAIN)).collect(),
        keys: keys.into_iter().map(|sum| mix(sum, KEY_DOMAIN)).collect(),
        resources: resources.into_iter().map(resource_of).collect(),
    }
}

/// Digest of each row, lineage left out.
pub fn row_digests(batch: &RecordBatch) -> Vec<u128> {
    hash(batch, &[]).rows
}

/// Digest of each row's key, as stored in the lake.
pub fn key_digests(batch: &RecordBatch, key_columns: &[String]) -> Vec<[u8; 16]> {
    let mut sums = vec![0_u128; batch.num_rows()];
    for name in key_columns {
        if let Some(column) = batch.column_by_name(name) {
            each_hash(name, column.as_ref(), |row, hash| sums[row] = sums[row].wrapping_add(hash));
        }
    }
    sums.into_iter().map(|sum| mix(sum, KEY_DOMAIN).to_be_bytes()).collect()
}

/// Digest of each row's resource, as stored in the lake.
pub fn resource_digests(batch: &RecordBatch) -> Vec<Option<[u8; 16]>> {
    let mut sums = vec![0_u128; batch.num_rows()];
    for name in ["ResourceId", "ResourceName"] {
        if let Some(column) = batch.column_by_name(name) {
            each_hash(name, column.as_ref(), |row, hash| sums[row] = sums[row].wrapping_add(hash));
        }
    }
    sums.into_iter().map(|sum| resource_of(sum).map(u128::to_be_bytes)).collect()
}

fn resource_of(sum: u128) -> Option<u128> {
    (sum != 0).then(|| mix(sum, RESOURCE_DOMAIN))
}

fn mix(sum: u128, domain: u64) -> u128 {
    xxh3_128_with_seed(&sum.to_le_bytes(), domain)
}

/// Calls `act` with the hash of each value that is not null (nor empty text).
fn each_hash(name: &str, column: &dyn Array, mut act: impl FnMut(usize, u128)) {
    let seed = xxh3_64(name.as_bytes());
    match column.data_type() {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            // Neighbors are often equal (accounts, services, tags): one comparison is cheaper than one hash.
            let mut last: Option<(&str, u128)> = None;
            for row in 0..texts.len() {
                if texts.is_null(row) {
                    continue;
                }
                let text = texts.value(row);
                if text.is_empty() {
                    continue;
                }
                let hash = match last {
                    Some((known, hash)) if known == text => hash,
                    _ => xxh3_128_with_seed(text.as_bytes(), seed),
                };
                last = Some((text, hash));
                act(row, hash);
            }
        }
        DataType::Decimal128(..) => {
            let numbers = column.as_primitive::<Decimal128Type>();
            let fine = name.starts_with("x_LeapFine");
            for row in (0..numbers.len()).filter(|row| numbers.is_valid(*row)) {
                // A fine column's zero and its null are one.
                if !(fine && numbers.value(row) == 0) {
                    act(row, xxh3_128_with_seed(&numbers.value(row).to_le_bytes(), seed));
                }
            }
        }
        DataType::Timestamp(..) => {
            let instants = column.as_primitive::<TimestampMicrosecondType>();
            for row in (0..instants.len()).filter(|row| instants.is_valid(*row)) {
                act(row, xxh3_128_with_seed(&instants.value(row).to_le_bytes(), seed));
            }
        }
        other => panic!("a column of charges is text, decimal or timestamp; {name} is {other}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, StringArray};

    use super::*;

    fn batch(columns: &[(&str, [Option<&str>; 2])]) -> RecordBatch {
        RecordBatch::try_from_iter(
            columns.iter().map(|(name, values)| (*name, Arc::new(StringArray::from(values.to_vec())) as ArrayRef)),
        )
        .unwrap()
    }

    #[test]
    fn order_of_columns_nulls_and_lineage_say_nothing() {
        let one = batch(&[("ServiceName", [Some("EC2"), Some("S3")]), ("RegionId", [None, Some("eu")])]);
        let other = batch(&[
            ("RegionId", [Some(""), Some("eu")]),
            ("x_LeapDelivery", [Some("a"), Some("b")]),
            ("ServiceName", [Some("EC2"), Some("S3")]),
            ("SkuId", [None, None]),
        ]);
        assert_eq!(row_digests(&one), row_digests(&other));
        let columns = ["ServiceName".to_owned(), "RegionId".to_owned()];
        assert_eq!(key_digests(&one, &columns), key_digests(&other, &columns));
        let keys: Vec<_> = hash(&one, &columns).keys.into_iter().map(u128::to_be_bytes).collect();
        assert_eq!(keys, key_digests(&one, &columns));
    }

    #[test]
    fn a_value_in_another_column_is_another_value() {
        let one = batch(&[("ServiceName", [Some("a"), Some("b")]), ("RegionId", [Some("b"), Some("a")])]);
        let digests = row_digests(&one);
        assert_ne!(digests[0], digests[1]);
        assert_eq!(resource_digests(&one), [None, None]);
        let with = batch(&[("ResourceId", [Some("i-1"), None])]);
        assert!(resource_digests(&with)[0].is_some() && resource_digests(&with)[1].is_none());
    }
}
