//! Reads the parts of a delivery: what a file is (magic bytes, then header), and its rows in chunks.
//!
//! ```text
//! export-00001.csv.gz  → gzip, CSV with commas, FOCUS 1.2, 60 columns
//! part_0_0001.parquet  → Parquet, Azure amortized cost
//! ```
//! Names of files decide nothing, but for one case: an Azure export without a single charge that only actual or only
//! amortised cost can hold. Nothing is mapped here; see [`crate::map`].

pub mod formats;
pub mod json;
pub mod parquet_part;
pub mod reader;
pub mod rows;
pub(crate) mod stream;

use std::path::Path;
use std::sync::Arc;

use leap_terms::Format;
use leap_terms::focus::FocusVersion;
use leap_terms::limits;

use crate::error::{IntakeError, Limit};

pub use reader::{PartEnd, PartReader, RawChunk, ReadOptions};

/// How a part's rows are laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Container {
    /// Delimited text: comma, semicolon or tab.
    Csv {
        /// The delimiter.
        delimiter: u8,
    },
    /// One JSON object per line.
    JsonLines,
    /// One JSON list of objects.
    JsonArray,
    /// Apache Parquet.
    Parquet,
}

/// How a part's bytes are compressed as a whole (Parquet compresses inside).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, one member or several.
    Gzip,
    /// Zstandard, one frame or several.
    Zstd,
}

/// The columns of a part, in order; nested columns of JSON and Parquet as dotted names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// Names as delivered, without a byte order mark.
    pub names: Vec<String>,
    /// Columns of a Parquet part that are floats.
    pub floats: Vec<String>,
}

/// What a part is.
#[derive(Clone, Debug)]
pub struct Detected {
    /// Whose bill.
    pub format: Format,
    /// For FOCUS: the version, told from the columns present.
    pub focus_version: Option<FocusVersion>,
    /// Layout.
    pub container: Container,
    /// Compression.
    pub compression: Compression,
    /// Columns.
    pub header: Arc<Header>,
    /// How the format was told when the columns alone do not decide, for the report.
    pub told_by: Option<&'static str>,
}

/// Tells what a part is from its content alone. For Parquet it reads the footer.
///
/// # Errors
/// [`IntakeError`]: unreadable, empty, cut off, beyond a limit, or of no known format.
pub fn detect(path: &Path) -> Result<Detected, IntakeError> {
    detect_as(path, None)
}

/// [`detect`], with what a manifest says about an Azure export (`exportConfig.type`); it wins over content and name.
/// Other formats ignore it.
///
/// # Errors
/// As [`detect`].
pub fn detect_as(path: &Path, manifest_says: Option<Format>) -> Result<Detected, IntakeError> {
    let file = path.display().to_string();
    let (compression, parquet) = stream::magic(path, &file)?;
    let (container, header) = if parquet {
        (Container::Parquet, parquet_part::header(path, &file)?)
    } else {
        stream::header(path, &file, compression)?
    };
    if header.names.len() > limits::COLUMNS_PER_PART {
        return Err(IntakeError::TooMuch {
            file,
            row: None,
            column: None,
            found: format!("{} columns", header.names.len()),
            limit: Limit::ColumnsPerPart,
            allowed: limits::COLUMNS_PER_PART as u64,
            remedy: "no known bill has as many; check the delimiter and the quotes of the header",
        });
    }
    let (format, focus_version) = formats::tell(&header.names, &file)?;
    let mut detected =
        Detected { format, focus_version, container, compression, header: Arc::new(header), told_by: None };
    if matches!(format, Format::AzureActual | Format::AzureAmortized) {
        formats::tell_azure_kind(path, &mut detected, manifest_says)?;
    }
    Ok(detected)
}

#[cfg(test)]
mod tests;
