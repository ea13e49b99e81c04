//! One file of the lake as the book records it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::exact::Exact;
use crate::scope::{DeliveryId, ScopeKey};
use crate::tables::Table;

/// A file of the lake: what it holds, and how to tell that it still holds it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileRecord {
    /// The table.
    #[serde(with = "table_name")]
    pub table: Table,
    /// Partition.
    pub scope: ScopeKey,
    /// The delivery whose facts it holds.
    pub delivery: DeliveryId,
    /// Path relative to the lake's root, with `/`; its name holds its digest.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// Digest of the bytes.
    pub digest: Digest,
    /// Rows.
    pub rows: u64,
    /// Sum of each decimal column (coarse and fine added up), by FOCUS column name; empty where the table has none.
    pub sums: BTreeMap<String, Exact>,
    /// Columns of the file beyond the table's fixed ones: key columns of `keys`, `x_…` columns of `charges`.
    pub columns: Vec<String>,
    /// True when a fine column has a value: engines must then add it.
    pub fine: bool,
    /// Digest of the columns of [`crate::tables::index_of`]; of tables that have an index alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Digest>,
    /// The foot of a file that has an index: it is compared before it is read, as the rest of the file is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foot: Option<FileFoot>,
}

/// The last bytes of a file, which say where everything else is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileFoot {
    /// How many bytes.
    pub bytes: u64,
    /// Their digest.
    pub digest: Digest,
}

mod table_name {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::tables::Table;

    pub(super) fn serialize<S: Serializer>(table: &Table, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(table.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Table, D::Error> {
        let name = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Table::from_name(&name).ok_or_else(|| serde::de::Error::custom(format!("'{name}' is no table of the lake")))
    }
}
