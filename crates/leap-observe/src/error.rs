//! Every way in which intake refuses a file, each with the file, the rule and the remedy in its text.
//!
//! ```text
//! part 'sep/export-2.csv.gz' ends in the middle of its gzip stream: it was cut off; copy or export it again
//! part 'a.csv' has a field of 5242880 bytes at data row 7: limit FIELD_BYTES is 4194304; …
//! ```
//! A single unreadable row is no error: it is quarantined (`leap_terms::delivery::Quarantined`).

use std::fmt;

use leap_terms::Fault;

/// What a limit counts; the names are those of `leap_terms::limits`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// Bytes in one field.
    FieldBytes,
    /// Bytes in one row.
    RowBytes,
    /// Columns in one part.
    ColumnsPerPart,
    /// Rows in one part.
    RowsPerPart,
    /// Decompressed bytes per compressed byte.
    DecompressionRatio,
    /// Seconds per part.
    PartSeconds,
    /// Parts per delivery.
    PartsPerDelivery,
    /// Bytes of a manifest.
    ManifestBytes,
    /// Depth of folders.
    FolderDepth,
    /// Depth of nested JSON.
    JsonDepth,
}

impl Limit {
    /// The constant's name in `leap_terms::limits`.
    pub fn name(self) -> &'static str {
        match self {
            Limit::FieldBytes => "FIELD_BYTES",
            Limit::RowBytes => "ROW_BYTES",
            Limit::ColumnsPerPart => "COLUMNS_PER_PART",
            Limit::RowsPerPart => "ROWS_PER_PART",
            Limit::DecompressionRatio => "DECOMPRESSION_RATIO",
            Limit::PartSeconds => "PART_SECONDS",
            Limit::PartsPerDelivery => "PARTS_PER_DELIVERY",
            Limit::ManifestBytes => "MANIFEST_BYTES",
            Limit::FolderDepth => "FOLDER_DEPTH",
            Limit::JsonDepth => "JSON_DEPTH",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// Why intake refused a file or a delivery.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The operating system refused.
    #[error("cannot {operation} '{file}': {source}")]
    Io {
        /// `open`, `read` …
        operation: &'static str,
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A part without a byte, or without a header.
    #[error(
        "part '{file}' is empty: it has no header; a bill without charges still has one, so the upload is unfinished"
    )]
    Empty {
        /// The part.
        file: String,
    },
    /// A part that stops before its end.
    #[error("part '{file}' {ends}: it was cut off; copy or export it again")]
    Truncated {
        /// The part.
        file: String,
        /// How one can tell: "ends in the middle of its gzip stream".
        ends: String,
    },
    /// Bytes that are not what their container promises.
    #[error("cannot read part '{file}': {reason}")]
    Malformed {
        /// The part.
        file: String,
        /// The rule that the bytes break, and the remedy.
        reason: String,
    },
    /// Something grew beyond its limit.
    #[error("part '{file}' has {found}{at}: limit {limit} is {allowed}; {remedy}", at = at(*row, column))]
    TooMuch {
        /// The part.
        file: String,
        /// Data row from 1, when the limit is met in a row.
        row: Option<u64>,
        /// Column, when one is to blame.
        column: Option<Box<str>>,
        /// What was found: "a field of 5242880 bytes".
        found: String,
        /// The limit.
        limit: Limit,
        /// Its value.
        allowed: u64,
        /// What to do.
        remedy: &'static str,
    },
    /// The columns are those of no format that leap knows.
    #[error(
        "cannot tell the format of part '{file}': its columns fit none of FOCUS 1.0 to 1.4, AWS Cost and Usage Report (legacy), AWS CUR 2.0, OCI cost report, GCP detailed billing export, Azure cost details\n  {}\n  found: {found}\n  also taken in: traces (OTLP, Jaeger, Zipkin) and business volume (CSV of date,metric,value)",
        nearest_words(nearest, missing)
    )]
    UnknownFormat {
        /// The part.
        file: String,
        /// The format with the most telling columns present.
        nearest: String,
        /// The telling columns that are absent.
        missing: String,
        /// The first columns of the file.
        found: String,
    },
    /// One column name twice, where each can mean the same FOCUS column.
    #[error(
        "part '{file}' has the column '{column}' twice: which one counts is a guess; export it again with each column once"
    )]
    ColumnTwice {
        /// The part.
        file: String,
        /// The column.
        column: String,
    },
    /// Rows show that the part is another kind than its header and name promised.
    #[error(
        "part '{file}' was read as {taken_for}, but data row {row} can only be {really}: {evidence}; rename the file so that its name says '{hint}'"
    )]
    WrongKind {
        /// The part.
        file: String,
        /// What it was taken for.
        taken_for: &'static str,
        /// Data row from 1.
        row: u64,
        /// What it must be.
        really: &'static str,
        /// What the row holds.
        evidence: String,
        /// The word that the name should have.
        hint: &'static str,
    },
    /// A fault in something a person wrote: a manifest.
    #[error("{0}")]
    Fault(Box<Fault>),
    /// The delivery as a whole cannot be taken in.
    #[error("{message}")]
    Delivery {
        /// What is wrong and what to do.
        message: String,
    },
    /// The caller could not store facts.
    #[error("could not stage the delivery's facts")]
    Sink(#[source] crate::take_in::SinkError),
    /// The fold stopped.
    #[error("could not fold the delivery's charges")]
    Fold(#[source] crate::fold::FoldError),
    /// The person stopped it.
    #[error("stopped; the state is as before")]
    Stopped,
}

fn at(row: Option<u64>, column: &Option<Box<str>>) -> String {
    let mut text = row.map(|row| format!(" at data row {row}")).unwrap_or_default();
    if let Some(column) = column {
        text.push_str(&format!(", column '{column}'"));
    }
    text
}

impl IntakeError {
    pub(crate) fn io(file: &std::path::Path, source: std::io::Error) -> IntakeError {
        IntakeError::Io { operation: "read", file: file.display().to_string(), source }
    }

    pub(crate) fn malformed(file: &str, reason: impl Into<String>) -> IntakeError {
        IntakeError::Malformed { file: file.to_owned(), reason: reason.into() }
    }

    pub(crate) fn truncated(file: &str, ends: impl Into<String>) -> IntakeError {
        IntakeError::Truncated { file: file.to_owned(), ends: ends.into() }
    }
}

impl From<Fault> for IntakeError {
    fn from(fault: Fault) -> IntakeError {
        IntakeError::Fault(Box::new(fault))
    }
}

/// Which format it is nearest to, and what it lacks of it.
fn nearest_words(nearest: &str, missing: &str) -> String {
    match nearest {
        "none" => format!("a bill has, for instance, {missing}"),
        nearest => format!("nearest: {nearest}, but it lacks {missing}"),
    }
}
