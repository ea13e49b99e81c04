//! Manifests of exports: AWS CUR (legacy and Data Exports), FOCUS buckets, Azure exports.
//!
//! Fields are those of the providers' pages, quoted in each reader. An unknown manifest is passed over with a note.

use std::fs;
use std::path::Path;

use leap_terms::{Format, Month, limits};
use serde_json::Value;

use crate::error::{IntakeError, Limit};

/// A part as a manifest names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ManifestFile {
    /// Key in the bucket, or name.
    pub(super) name: String,
    /// Bytes, when the manifest says them.
    pub(super) bytes: Option<u64>,
}

/// What a manifest says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Manifest {
    pub(super) files: Vec<ManifestFile>,
    pub(super) count: Option<usize>,
    pub(super) billing_period: Option<Month>,
    pub(super) source: Option<String>,
    pub(super) execution: Option<String>,
    /// Sorts deliveries of one scope, oldest first.
    pub(super) sequence: String,
    pub(super) format: Option<Format>,
    /// Data rows of all parts together.
    pub(super) rows: Option<u64>,
    /// An empty manifest: a sign that all files beside it are there.
    pub(super) complete_without_list: bool,
    cur_legacy: bool,
}

impl Manifest {
    /// True for AWS legacy CUR, whose manifest names the current assembly.
    pub(super) fn is_cur_legacy(&self) -> bool {
        self.cur_legacy
    }

    /// Reads a manifest; `None` for one of something else.
    pub(super) fn read(path: &Path) -> Result<Option<Manifest>, IntakeError> {
        let size = fs::metadata(path).map_err(|source| IntakeError::io(path, source))?.len();
        if size > limits::MANIFEST_BYTES {
            return Err(IntakeError::TooMuch {
                file: path.display().to_string(),
                row: None,
                column: None,
                found: format!("{size} bytes"),
                limit: Limit::ManifestBytes,
                allowed: limits::MANIFEST_BYTES,
                remedy: "a manifest is a small JSON file",
            });
        }
        let text = fs::read_to_string(path).map_err(|source| IntakeError::io(path, source))?;
        if text.trim().is_empty() && path.file_name().is_some_and(|name| name == "manifest.json") {
            // Microsoft's FinOps toolkit writes an empty manifest.json when all files are there.
            return Ok(Some(Manifest { complete_without_list: true, ..Manifest::default() }));
        }
        let json: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
            IntakeError::malformed(
                &path.display().to_string(),
                format!("the manifest is no JSON: {error}; its upload may be unfinished"),
            )
        })?;
        Ok(Manifest::of(&json))
    }

    fn of(json: &Value) -> Option<Manifest> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let names = |value: &Value| -> Option<Vec<ManifestFile>> {
            let list = value.as_array()?;
            list.iter().map(|name| Some(ManifestFile { name: text(name)?, bytes: None })).collect()
        };
        if let Some(files) = names(&json["reportKeys"]) {
            // AWS legacy CUR: assemblyId, account, reportName, billingPeriod{start,end}, reportKeys[].
            let account = text(&json["account"]);
            let name = text(&json["reportName"]);
            return Some(Manifest {
                files,
                billing_period: month(&json["billingPeriod"]["start"]),
                source: name.map(|name| account.map_or_else(|| name.clone(), |account| format!("{account}/{name}"))),
                execution: text(&json["assemblyId"]),
                cur_legacy: true,
                ..Manifest::default()
            });
        }
        if let Some(blobs) = json["blobs"].as_array() {
            // Azure: exportConfig{exportName,type}, runInfo{runId,startDate,submittedTime}, blobs[{blobName,byteCount}].
            let files = blobs
                .iter()
                .map(|blob| Some(ManifestFile { name: text(&blob["blobName"])?, bytes: blob["byteCount"].as_u64() }))
                .collect::<Option<Vec<_>>>()?;
            let scope = text(&json["exportConfig"]["resourceId"]).and_then(|id| azure_scope(&id));
            let kind = text(&json["exportConfig"]["type"]).unwrap_or_default().to_lowercase();
            return Some(Manifest {
                files,
                count: json["blobCount"].as_u64().and_then(|count| usize::try_from(count).ok()),
                billing_period: month(&json["runInfo"]["startDate"]),
                // Actual and amortised exports of one scope are one source, so the scope names it and not the export.
                source: scope,
                rows: json["dataRowCount"].as_u64(),
                execution: text(&json["runInfo"]["runId"]),
                sequence: text(&json["runInfo"]["submittedTime"]).unwrap_or_default(),
                format: match kind.as_str() {
                    "actualcost" => Some(Format::AzureActual),
                    "amortizedcost" => Some(Format::AzureAmortized),
                    _ => None,
                },
                ..Manifest::default()
            });
        }
        if let Some(files) = names(&json["dataFiles"]) {
            // AWS Data Exports and FOCUS buckets: exportArn or exportName, executionId, billingPeriod, dataFiles[].
            let arn = text(&json["exportArn"]).or_else(|| text(&json["dataExport"]["ExportArn"]));
            let from_arn = arn.and_then(|arn| {
                let account = arn.split(':').nth(4)?.to_owned();
                let name = arn.rsplit('/').next()?.to_owned();
                Some(if account.is_empty() { name } else { format!("{account}/{name}") })
            });
            let sequence = match &json["sequence"] {
                Value::Number(number) => format!("{:0>20}", number.to_string()),
                other => text(other).unwrap_or_default(),
            };
            return Some(Manifest {
                files,
                billing_period: month(&json["billingPeriod"]["start"]).or_else(|| month(&json["billingPeriod"])),
                source: from_arn.or_else(|| text(&json["exportName"])),
                execution: text(&json["executionId"]),
                sequence,
                ..Manifest::default()
            });
        }
        None
    }
}

/// `/providers/Microsoft.Billing/billingAccounts/8611537/…/providers/Microsoft.CostManagement/exports/x` → `8611537`, as
/// the rows would name it; `/subscriptions/<guid>/…` → `subscriptions/<guid>`: two subscriptions of one account are two
/// sources.
fn azure_scope(id: &str) -> Option<String> {
    let scope = id.split("/providers/Microsoft.CostManagement/").next()?.trim_matches('/');
    let scope = scope.strip_prefix("providers/Microsoft.Billing/").unwrap_or(scope);
    let scope = scope.strip_prefix("billingAccounts/").unwrap_or(scope);
    (!scope.is_empty()).then(|| scope.to_owned())
}

/// The month of `2026-09-01T00:00:00Z`, `20240101T000000.000Z`, `2026-09`.
fn month(value: &Value) -> Option<Month> {
    let text = value.as_str()?;
    let year = text.get(..4)?.parse().ok()?;
    let rest = &text[4..];
    Month::new(year, rest.strip_prefix('-').unwrap_or(rest).get(..2)?.parse().ok()?)
}
