//! What one raw row of each format means: its month, currency, day, four costs, and its columns by FOCUS name.
//!
//! The formulas are written a second time from their sources (named in each file), not shared with the first path.

pub mod aws;
pub mod azure;
pub mod focus;
pub mod gcp;
pub mod oci;

use std::borrow::Cow;

use leap_terms::{Currency, Day, Format, Month};

use super::amount::{Amount, QUANTITY_WHOLE_DIGITS};
use super::dates;
use super::rows::Row;

/// A row that the mapping kept.
#[derive(Debug)]
pub struct Charge {
    /// Billing month.
    pub month: Month,
    /// Billing currency.
    pub currency: String,
    /// UTC day on which the charge period starts.
    pub day: Day,
    /// Billed cost.
    pub billed: Amount,
    /// Effective cost.
    pub effective: Amount,
    /// List cost.
    pub list: ListCost,
    /// Contracted cost.
    pub contracted: Amount,
}

/// The list cost of a row. For AWS it depends on the other rows of the delivery.
#[derive(Debug)]
pub enum ListCost {
    /// Known from the row.
    Known(Amount),
    /// The public on-demand cost counts only when every usage row of the delivery has one.
    IfAllUsagePriced {
        /// The public cost, if the row has one.
        public: Option<Amount>,
        /// Whether the row is usage.
        usage: bool,
    },
}

/// What becomes of a row.
#[derive(Debug)]
pub enum Reading {
    /// It counts.
    Counts(Charge),
    /// The mapping leaves it out, with a reason.
    LeftOut(&'static str),
}

/// Why a row cannot be read: the column and the fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    /// The column.
    pub column: String,
    /// What is wrong with it.
    pub fault: String,
}

fn unreadable(column: &str, fault: impl ToString) -> Unreadable {
    Unreadable { column: column.to_owned(), fault: fault.to_string() }
}

/// What the reader of a row must know about its delivery.
pub struct Delivery<'a> {
    /// Azure: the delivery has both the actual and the amortised export.
    pub twin_present: bool,
    /// The currency where the file has no column for it.
    pub currency_when_absent: &'a str,
}

/// Reads one row.
///
/// # Errors
/// [`Unreadable`] for a row that belongs in quarantine.
pub fn read(format: Format, row: &Row<'_>, delivery: &Delivery<'_>) -> Result<Reading, Unreadable> {
    match format {
        Format::Focus => focus::read(row),
        Format::AwsCurLegacy | Format::AwsCur2 => aws::read(row),
        Format::AzureActual => azure::read(row, azure::Export::Actual, delivery),
        Format::AzureAmortized => azure::read(row, azure::Export::Amortized, delivery),
        Format::GcpDetailed => gcp::read(row),
        Format::OciCost => oci::read(row),
    }
}

/// The value of a FOCUS column in a row of any format. Tags are the matter of [`tags`].
pub fn column<'a>(format: Format, row: &Row<'a>, name: &str) -> Option<Cow<'a, str>> {
    match format {
        Format::Focus => focus::column(row, name),
        Format::AwsCurLegacy | Format::AwsCur2 => aws::column(row, name),
        Format::AzureActual | Format::AzureAmortized => azure::column(row, name),
        Format::GcpDetailed => gcp::column(row, name),
        Format::OciCost => oci::column(row, name),
    }
}

/// The tags of a row.
pub fn tags(format: Format, row: &Row<'_>) -> Vec<(String, String)> {
    match format {
        Format::Focus => focus::tags(row, "tags"),
        Format::AwsCurLegacy | Format::AwsCur2 => aws::tags(row),
        Format::AzureActual | Format::AzureAmortized => azure::tags(row),
        Format::GcpDetailed => gcp::tags(row),
        Format::OciCost => oci::tags(row),
    }
}

/// The tags that FOCUS 1.3 and 1.4 give to an allocated part.
pub fn allocated_tags(format: Format, row: &Row<'_>) -> Vec<(String, String)> {
    match format {
        Format::Focus => focus::tags(row, "allocatedtags"),
        Format::AwsCurLegacy
        | Format::AwsCur2
        | Format::AzureActual
        | Format::AzureAmortized
        | Format::GcpDetailed
        | Format::OciCost => Vec::new(),
    }
}

/// A cost; null counts as 0.
fn cost(row: &Row<'_>, column: &str) -> Result<Amount, Unreadable> {
    Ok(cost_if_any(row, column)?.unwrap_or_default())
}

fn cost_if_any(row: &Row<'_>, column: &str) -> Result<Option<Amount>, Unreadable> {
    row.get(column).map(|text| Amount::cost(text).map_err(|fault| unreadable(column, fault))).transpose()
}

fn quantity_if_any(row: &Row<'_>, column: &str) -> Result<Option<Amount>, Unreadable> {
    row.get(column)
        .map(|text| Amount::read(text, QUANTITY_WHOLE_DIGITS).map_err(|fault| unreadable(column, fault)))
        .transpose()
}

fn day(row: &Row<'_>, columns: &[&str]) -> Result<Day, Unreadable> {
    let text = row.first(columns).ok_or_else(|| unreadable(columns[0], "is empty"))?;
    dates::day(text).ok_or_else(|| unreadable(columns[0], "is no date"))
}

fn currency(text: Option<&str>, column: &str) -> Result<String, Unreadable> {
    let text = text.ok_or_else(|| unreadable(column, "is empty"))?;
    Currency::new(text).map(String::from).map_err(|fault| unreadable(column, fault))
}

/// The pairs of a tag map whose values are scalars; a null or empty value is no tag.
fn pairs(text: &str) -> Vec<(String, String)> {
    let entries = super::literal::Literal::read(text).map(super::literal::Literal::into_entries).unwrap_or_default();
    entries.into_iter().filter_map(|(key, value)| Some((key, value.scalar()?))).collect()
}

#[cfg(test)]
mod tests;
