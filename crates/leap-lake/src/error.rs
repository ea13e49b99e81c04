//! What can go wrong with the lake, by whose fault it is.

use std::io;
use std::path::{Path, PathBuf};

/// An error of the lake.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The world: disk, rights, space. May be tried again.
    #[error("could not {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Parquet could not be written or read.
    #[error("could not {operation} {}", path.display())]
    Parquet {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// The Delta log of a table could not be read or written.
    #[error("could not {operation} of table {table}")]
    Delta {
        /// What was tried: "read the Delta log" …
        operation: &'static str,
        /// The table.
        table: &'static str,
        /// Why not.
        #[source]
        source: Box<deltalake_core::DeltaTableError>,
    },
    /// Another process wrote the table's Delta log at the same time, again and again.
    #[error("table {table} is being written by another process")]
    Busy {
        /// The table.
        table: &'static str,
    },
    /// A file of the lake is not what the book says (invariant FileAsRecorded).
    #[error("file {path} of the lake is damaged: {fault} ({})", leap_terms::Invariant::FileAsRecorded)]
    Damaged {
        /// Path relative to the lake.
        path: String,
        /// What differs.
        fault: String,
    },
    /// Our own code asked for something that the tables do not allow: a bug, not bad input.
    #[error("table {table}: {fault}")]
    Misuse {
        /// The table.
        table: &'static str,
        /// What is wrong.
        fault: String,
    },
    /// The SQL text is wrong: syntax, unknown column, types.
    #[error("{message}")]
    Sql {
        /// The engine's words.
        message: String,
    },
    /// The SQL text asks for something that the gateway does not do.
    #[error("the SQL gateway only reads: {what} is refused")]
    SqlRefused {
        /// What was asked.
        what: String,
    },
    /// The SQL text or its answer passes a limit.
    #[error("the query passes the limit {limit}: {detail}")]
    SqlLimit {
        /// Name of the limit, as in `leap_terms::limits`.
        limit: &'static str,
        /// What passed it.
        detail: String,
    },
}

impl LakeError {
    pub(crate) fn io(operation: &'static str, path: &Path, source: io::Error) -> LakeError {
        LakeError::Io { operation, path: path.to_owned(), source }
    }

    pub(crate) fn parquet(operation: &'static str, path: &Path, source: parquet::errors::ParquetError) -> LakeError {
        LakeError::Parquet { operation, path: path.to_owned(), source }
    }

    pub(crate) fn damaged(path: &str, fault: impl Into<String>) -> LakeError {
        LakeError::Damaged { path: path.to_owned(), fault: fault.into() }
    }

    pub(crate) fn misuse(table: leap_terms::tables::Table, fault: impl Into<String>) -> LakeError {
        LakeError::Misuse { table: table.name(), fault: fault.into() }
    }
}
