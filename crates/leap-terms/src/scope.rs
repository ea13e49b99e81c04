//! What a delivery is, and what it replaces.
//!
//! A *source* is one export of one account; a *scope* is a source and a billing period, and is the unit of
//! replacement: there are no row keys. An overwriting source has one slot per scope; an appending source (GCP, OCI)
//! fills one slot per delivery.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::calendar::Month;

/// The name of a source, e.g. `focus:aws:958667946125` or the name of the export in its manifest.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceId(String);

impl SourceId {
    /// 1 to 200 bytes of letters, digits and `-_.:/ @+`; it becomes part of a path in the lake (percent-encoded).
    ///
    /// # Errors
    /// A sentence that names the text and the rule.
    pub fn new(text: &str) -> Result<SourceId, String> {
        let well_formed = !text.is_empty()
            && text.len() <= 200
            && text.trim() == text
            && text.chars().all(|c| c.is_alphanumeric() || "-_.:/ @+".contains(c));
        if well_formed {
            Ok(SourceId(text.to_owned()))
        } else {
            Err(format!(
                "'{}' is no name of a source: letters, digits and -_.:/@+ only, at most 200 bytes",
                text.escape_debug()
            ))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SourceId {
    type Error = String;

    fn try_from(text: String) -> Result<SourceId, String> {
        SourceId::new(&text)
    }
}

impl From<SourceId> for String {
    fn from(id: SourceId) -> String {
        id.0
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// The id of a delivery: 16 hexadecimal digits made from what was delivered, not from when.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeliveryId(String);

impl DeliveryId {
    /// 16 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// A sentence that names the text.
    pub fn new(text: &str) -> Result<DeliveryId, String> {
        if text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(DeliveryId(text.to_owned()))
        } else {
            Err(format!("'{}' is no delivery id of 16 hexadecimal digits", text.escape_debug()))
        }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DeliveryId {
    type Error = String;

    fn try_from(text: String) -> Result<DeliveryId, String> {
        DeliveryId::new(&text)
    }
}

impl From<DeliveryId> for String {
    fn from(id: DeliveryId) -> String {
        id.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// The unit of replacement: one billing period of one source.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ScopeKey {
    /// The source.
    pub source: SourceId,
    /// The billing period's month.
    pub billing_period: Month,
}

impl fmt::Display for ScopeKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.source, self.billing_period)
    }
}

/// A format of bills, told from the content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// FOCUS 1.0 to 1.4.
    Focus,
    /// AWS legacy Cost and Usage Report: columns like `lineItem/UnblendedCost`.
    AwsCurLegacy,
    /// AWS CUR 2.0 (Data Exports): columns like `line_item_unblended_cost`.
    AwsCur2,
    /// Azure cost details, actual cost (Enterprise Agreement or Microsoft Customer Agreement).
    AzureActual,
    /// Azure cost details, amortised cost.
    AzureAmortized,
    /// GCP detailed (resource-level) billing export.
    GcpDetailed,
    /// OCI cost report.
    OciCost,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 7] = [
        Format::Focus,
        Format::AwsCurLegacy,
        Format::AwsCur2,
        Format::AzureActual,
        Format::AzureAmortized,
        Format::GcpDetailed,
        Format::OciCost,
    ];

    /// The word in JSON and on screens.
    pub fn word(self) -> &'static str {
        match self {
            Format::Focus => "focus",
            Format::AwsCurLegacy => "aws-cur-legacy",
            Format::AwsCur2 => "aws-cur-2",
            Format::AzureActual => "azure-actual",
            Format::AzureAmortized => "azure-amortized",
            Format::GcpDetailed => "gcp-detailed",
            Format::OciCost => "oci-cost",
        }
    }

    /// True when each delivery adds rows instead of replacing the scope.
    pub fn appends(self) -> bool {
        match self {
            Format::GcpDetailed | Format::OciCost => true,
            Format::Focus | Format::AwsCurLegacy | Format::AwsCur2 | Format::AzureActual | Format::AzureAmortized => {
                false
            }
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Format, String> {
        Format::ALL
            .into_iter()
            .find(|format| format.word() == text)
            .ok_or_else(|| format!("'{}' is no format of bills", text.escape_debug()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_once() {
        assert!(SourceId::new("focus:aws:958667946125").is_ok());
        assert!(SourceId::new("../etc\0").is_err());
        assert!(DeliveryId::new("0123456789abcdef").is_ok());
        assert!(DeliveryId::new("0123456789ABCDEF").is_err());
        for format in Format::ALL {
            assert_eq!(format.word().parse(), Ok(format));
        }
    }
}
