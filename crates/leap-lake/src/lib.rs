//! The lake: immutable Parquet files in Delta tables, and read-only SQL over one snapshot of them.
//!
//! ```text
//! lake/
//!   charges/ keys/ resources/ cube/ attribution/        one Delta table each
//!     _delta_log/00000000000000000007.json              for DuckDB, Spark, Trino and the Python deltalake package
//!     x_LeapSource=focus%3Aaws/x_LeapBillingPeriod=2026-09/part-<delivery>-<digest>.parquet
//!   staging/<transaction>/                              files that no one sees yet
//! ```
//!
//! The book lists the exact files of each snapshot ([`leap_terms::FileRecord`]); leap reads by that list and never by
//! a directory listing or the Delta log. So the lake has no commit point of its own: [`Lake::publish`] moves files into
//! place and writes the Delta logs, and nothing of it is visible to leap until the book commits.
//!
//! Reading order: `layout` (names of folders and files), `writer` and `sums` (a file and its control sums), `stage`,
//! `publish`, `log` and `checkpoint` (Delta), `read` (verified reading), `indexed` (a few rows of a large file),
//! `orphans`, then `sql` (the gateway).
//!
//! What is absent on purpose: rules, owners, the clock (instants are arguments), and any way to change a file.

mod checkpoint;
mod durable;
mod error;
mod indexed;
mod layout;
mod log;
mod orphans;
mod publish;
mod read;
mod sql;
mod stage;
mod sums;
mod writer;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::LakeError;
pub use indexed::Indexed;
pub use layout::{change_of, file_schema, is_change};
pub use log::{Before, PublishInfo};
pub use orphans::{Collected, Orphan};
pub use publish::TableVersions;
pub use read::{Batches, Opened};
pub use sql::{Annotator, SqlAnswer, SqlWorld, cell_text};
pub use stage::Staging;
pub use writer::FileWriter;

/// A lake on a local folder. Cheap to clone; clones share what has been verified.
#[derive(Clone, Debug)]
pub struct Lake {
    root: Arc<PathBuf>,
    verified: Arc<read::Verified>,
    logs: Arc<tokio::sync::Mutex<log::Logs>>,
}

impl Lake {
    /// Opens the lake whose root is this folder, and makes the folder if it is absent.
    ///
    /// # Errors
    /// [`LakeError::Io`] when the folder cannot be made or resolved.
    pub fn open(root: &Path) -> Result<Lake, LakeError> {
        if !root.is_dir() {
            std::fs::create_dir_all(root)
                .map_err(|source| LakeError::io("make the folder of the lake", root, source))?;
            if let Some(parent) = root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                durable::sync_dir(parent)?;
            }
        }
        let root =
            root.canonicalize().map_err(|source| LakeError::io("resolve the folder of the lake", root, source))?;
        Ok(Lake { root: Arc::new(root), verified: Arc::default(), logs: Arc::default() })
    }

    /// The root folder, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }
}
