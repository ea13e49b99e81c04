//! Names of folders and files in the lake, and the schema of each file.
//!
//! ```text
//! charges/x_LeapSource=focus%3Aaws/x_LeapBillingPeriod=2026-09/part-0123456789abcdef-<32 digits>.parquet
//! ```
//! The name holds the delivery, because two deliveries of an appending source may bring identical bytes and both
//! count; and the digest, so that a name never means two contents. Folders follow Hive: `%3A` stands for `:`, which
//! engines decode; the Delta log encodes the path once more, as its protocol asks.

use std::path::{Component, Path, PathBuf};

use arrow::datatypes::SchemaRef;
use leap_terms::tables::{self, BILLING_PERIOD, SOURCE, Table};
use leap_terms::{DeliveryId, Digest, FileRecord, ScopeKey};

use crate::LakeError;

/// Folder of files that are not published yet.
pub(crate) const STAGING: &str = "staging";
/// Folder of a table's Delta log.
pub(crate) const DELTA_LOG: &str = "_delta_log";
// A folder's name may have 255 bytes; `x_LeapSource=` takes 13.
const SOURCE_FOLDER_BYTES: usize = 200;

/// The schema of a file of this table, partition columns left out; `columns` are its key columns (`keys`) or its `x_…`
/// columns (`charges`), and empty for the other tables.
pub fn file_schema(table: Table, columns: &[String]) -> SchemaRef {
    match table {
        Table::Charges => tables::charges(columns),
        Table::Keys => tables::keys(columns),
        Table::Resources => tables::resources(),
        Table::Cube => tables::cube(),
        Table::Attribution => tables::attribution(),
        Table::Daily => tables::daily(),
        Table::Requests => tables::requests(),
        Table::Slices => tables::slices(),
        Table::Spans => tables::spans(),
        Table::Tails => tables::tails(),
        Table::Histograms => tables::histograms(),
    }
}

/// Path of a file relative to the lake's root, with `/`; `change` tells apart files of changes that happen to be the
/// same.
pub(crate) fn path_of(table: Table, scope: &ScopeKey, delivery: &DeliveryId, change: u32, digest: Digest) -> String {
    let digits = digest.to_string();
    let change = if change == 0 { String::new() } else { format!("-c{change}") };
    format!(
        "{}/{SOURCE}={}/{BILLING_PERIOD}={}/part-{delivery}-{}{change}.parquet",
        table.name(),
        folder_of(scope.source.as_str()),
        scope.billing_period,
        &digits[..32]
    )
}

/// True for a file of changes: its rows are added to those of the other files of its slice.
pub fn is_change(file: &FileRecord) -> bool {
    change_of(file) > 0
}

/// The number of a file of changes, as it was given to `Staging::writer_of_change`; 0 for other files.
pub fn change_of(file: &FileRecord) -> u32 {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let last = name.strip_suffix(".parquet").and_then(|stem| stem.rsplit('-').next());
    // A digest, which is the last part of all other names, has 32 digits.
    let number = last.and_then(|part| part.strip_prefix('c')).filter(|number| number.len() < 31);
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The source's name as a folder's name: percent-encoded; too long a name is cut and told apart by its digest (the
/// Delta log holds the whole name).
fn folder_of(source: &str) -> String {
    let mut folder = String::new();
    for byte in source.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            folder.push(char::from(byte));
        } else {
            folder.push_str(&format!("%{byte:02X}"));
        }
    }
    if folder.len() > SOURCE_FOLDER_BYTES {
        folder.truncate(SOURCE_FOLDER_BYTES - 20);
        // Never leave half of an escape at the end.
        while folder.rfind('%').is_some_and(|at| at + 3 > folder.len()) {
            folder.pop();
        }
        folder.push('-');
        folder.push_str(&Digest::of(source.as_bytes()).short());
    }
    folder
}

/// The file's place on disk.
///
/// # Errors
/// [`LakeError::Damaged`] when the recorded path leads out of the table's folder.
pub(crate) fn locate(root: &Path, record: &FileRecord) -> Result<PathBuf, LakeError> {
    let path = Path::new(&record.path);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)))
        && path.starts_with(record.table.name())
        && path.components().count() > 1;
    if inside {
        Ok(root.join(path))
    } else {
        Err(LakeError::damaged(&record.path, "its path leads out of the table's folder"))
    }
}

/// The path relative to the table's folder, as the Delta log has it before encoding.
pub(crate) fn path_in_table(record: &FileRecord) -> &str {
    record.path.strip_prefix(record.table.name()).map_or(record.path.as_str(), |rest| rest.trim_start_matches('/'))
}
