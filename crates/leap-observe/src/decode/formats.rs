//! Whose bill a part is, told from its columns.
//!
//! ```text
//! BilledCost, ChargePeriodStart, BillingCurrency, ChargeCategory …  → FOCUS
//! lineItem/UnblendedCost …                                          → AWS legacy CUR
//! Kosten, Datum, Abonnement-GUID (SubscriptionGuid) …               → Azure, German header
//! ```
//! Case never matters. Azure's two kinds have one header: rows decide, then a manifest or the file's name.

use std::path::Path;

use leap_terms::Format;
use leap_terms::fault::nearest;
use leap_terms::focus::{COLUMNS, FocusVersion};

use super::Detected;
use super::reader::{PartReader, RawChunk, ReadOptions};
use crate::error::IntakeError;
use crate::map::azure::{AzureColumns, Evidence, canonical};

/// The columns that tell a format, lower case; `|` separates names of which one must be there.
fn telling(format: Format) -> &'static [&'static str] {
    match format {
        Format::Focus => &["billedcost", "chargeperiodstart", "billingcurrency", "chargecategory"],
        Format::AwsCurLegacy => &["lineitem/unblendedcost", "lineitem/lineitemtype", "lineitem/usagestartdate"],
        Format::AwsCur2 => &["line_item_unblended_cost", "line_item_line_item_type", "line_item_usage_start_date"],
        Format::AzureActual | Format::AzureAmortized => &[
            "costinbillingcurrency|cost|pretaxcost",
            "date|usagedatetime",
            "metercategory",
            "subscriptionid|subscriptionguid",
        ],
        Format::GcpDetailed => {
            &["billing_account_id", "usage_start_time", "cost", "currency", "service.description|service.id"]
        }
        Format::OciCost => &["lineitem/intervalusagestart", "cost/mycost", "cost/currencycode"],
    }
}

fn title(format: Format) -> &'static str {
    match format {
        Format::Focus => "FOCUS 1.0 to 1.4",
        Format::AwsCurLegacy => "AWS Cost and Usage Report (legacy)",
        Format::AwsCur2 => "AWS CUR 2.0",
        Format::AzureActual | Format::AzureAmortized => "Azure cost details",
        Format::GcpDetailed => "GCP detailed billing export",
        Format::OciCost => "OCI cost report",
    }
}

/// The format, and for FOCUS its version.
///
/// # Errors
/// [`IntakeError::UnknownFormat`] lists the formats known, the nearest one and what it lacks.
pub fn tell(names: &[String], file: &str) -> Result<(Format, Option<FocusVersion>), IntakeError> {
    let lower: Vec<String> = names.iter().map(|name| name.trim().to_lowercase()).collect();
    let azure: Vec<String> = names.iter().map(|name| canonical(name)).collect();
    let mut best: Option<(usize, usize, Format, Vec<&'static str>)> = None;
    let order = [
        Format::Focus,
        Format::AwsCurLegacy,
        Format::AwsCur2,
        Format::OciCost,
        Format::GcpDetailed,
        Format::AzureActual,
    ];
    for format in order {
        let present = if format == Format::AzureActual { &azure } else { &lower };
        let wanted = telling(format);
        let missing: Vec<&'static str> = wanted
            .iter()
            .copied()
            .filter(|names| !names.split('|').any(|name| present.iter().any(|have| have == name)))
            .collect();
        if missing.is_empty() {
            let version = (format == Format::Focus).then(|| focus_version(&lower));
            return Ok((format, version));
        }
        let found = wanted.len() - missing.len();
        // A bill that lacks a telling column often has it under a slightly other name.
        let near = missing.iter().filter(|name| nearest(name, lower.iter().map(String::as_str)).is_some()).count();
        let score = (found * 10 + near * 5) / wanted.len();
        if best.as_ref().is_none_or(|(top, ..)| score > *top) {
            best = Some((score, found, format, missing));
        }
    }
    let (_, found, format, missing) = best.expect("there are formats");
    let first: Vec<&str> = names.iter().take(8).map(String::as_str).collect();
    let more = names.len().saturating_sub(first.len());
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(IntakeError::UnknownFormat {
        file: file.to_owned(),
        nearest: if found == 0 { "none".to_owned() } else { title(format).to_owned() },
        missing: missing.iter().map(|names| spell(format, names)).collect::<Vec<_>>().join(", "),
        found: format!("{}{tail}", first.join(", ")),
    })
}

/// A telling column as its provider writes it.
fn spell(format: Format, names: &str) -> String {
    let name = |name: &str| match format {
        Format::Focus => COLUMNS
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(name))
            .map_or(name, |column| column.name)
            .to_owned(),
        Format::AwsCurLegacy
        | Format::AwsCur2
        | Format::AzureActual
        | Format::AzureAmortized
        | Format::GcpDetailed
        | Format::OciCost => name.to_owned(),
    };
    names.split('|').map(name).collect::<Vec<_>>().join(" or ")
}

/// The oldest version that has all the FOCUS columns of the bill; 1.4 dropped `ProviderName`.
fn focus_version(lower: &[String]) -> FocusVersion {
    let has = |name: &str| lower.iter().any(|have| have.eq_ignore_ascii_case(name));
    let newest =
        COLUMNS.iter().filter(|column| has(column.name)).map(|column| column.since).max().unwrap_or(FocusVersion::V1_0);
    if !has("ProviderName") && has("ServiceProviderName") { FocusVersion::V1_4 } else { newest }
}

/// Chunks looked at for a charge that only one kind of Azure export can hold: 64 MiB of text.
const AZURE_CHUNKS: usize = 64;

/// Decides between actual and amortised: manifest, then rows, then the nearest of file and folder names, then actual.
///
/// Source of the rules: Microsoft's "Understand cost details fields"; amortised exports spread reservation purchases
/// over usage and have `UnusedReservation` and `UnusedSavingsPlan` rows but no purchase of a commitment; actual ones
/// have the purchases and bill covered usage 0.
pub(crate) fn tell_azure_kind(
    path: &Path,
    detected: &mut Detected,
    manifest_says: Option<Format>,
) -> Result<(), IntakeError> {
    if let Some(format @ (Format::AzureActual | Format::AzureAmortized)) = manifest_says {
        detected.format = format;
        detected.told_by = Some("the manifest");
        return Ok(());
    }
    let columns = AzureColumns::new(&detected.header.names);
    if columns.can_decide() {
        let mut reader = PartReader::open(path, detected, &ReadOptions::default())?;
        for _ in 0..AZURE_CHUNKS {
            let Some(chunk) = reader.next_chunk()? else { break };
            match azure_evidence(detected, &columns, chunk) {
                None => {}
                Some(Evidence::Actual) => {
                    detected.format = Format::AzureActual;
                    detected.told_by = Some("its rows");
                    return Ok(());
                }
                Some(Evidence::Amortized) => {
                    detected.format = Format::AzureAmortized;
                    detected.told_by = Some("its rows");
                    return Ok(());
                }
            }
        }
    }
    let named = path.components().rev().take(6).find_map(|part| {
        let part = part.as_os_str().to_string_lossy().to_lowercase();
        match (part.contains("amorti"), part.contains("actual")) {
            (true, false) => Some(Format::AzureAmortized),
            (false, true) => Some(Format::AzureActual),
            (true, true) | (false, false) => None,
        }
    });
    detected.told_by = Some(if named.is_some() {
        "its name"
    } else {
        "nothing: without commitments both kinds are alike, actual cost is assumed"
    });
    detected.format = named.unwrap_or(Format::AzureActual);
    Ok(())
}

fn azure_evidence(detected: &Detected, columns: &AzureColumns, chunk: RawChunk) -> Option<Evidence> {
    let mut found = None;
    crate::map::each_row(detected, chunk, &mut |cells| {
        if found.is_none() {
            found = columns.evidence(cells);
        }
    });
    found
}
