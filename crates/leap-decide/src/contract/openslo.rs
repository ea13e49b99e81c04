//! Objectives for latency as OpenSLO v1 documents: import and export, so that other tools can hold them.
//!
//! ```yaml
//! apiVersion: openslo/v1
//! kind: SLO
//! metadata: {name: p999, annotations: {leap/contract: charge-api, leap/recovery: 3h}}
//! spec:
//!   service: payments
//!   indicator:                 # good = latency at most 250 ms
//!     metadata: {name: p999}
//!     spec:
//!       ratioMetric:
//!         counter: true
//!         good: {metricSource: {type: leap, spec: {api: charge-api, latency_at_most: 250ms}}}
//!         total: {metricSource: {type: leap, spec: {api: charge-api}}}
//!   timeWindow: [{duration: 1h, isRolling: false, calendar: {startTime: "1970-01-01 00:00:00", timeZone: UTC}}]
//!   budgetingMethod: Occurrences
//!   objectives: [{displayName: p99.9 of charge-api at most 250ms, target: 0.999}]
//!   alertPolicies: [{kind: AlertPolicy, metadata: {name: p999}, spec: {alertWhenNoData: true, …, conditions: [{…}]}}]
//! ```
//! The condition is `{kind: burnrate, op: gt, threshold: 1, lookbackWindow: 1h, alertAfter: 48h}`: a burn rate above
//! 1 in a window *is* a quantile over its threshold in it, the look-back is our window and `alertAfter` our grace.
//! What OpenSLO has no field for stands in annotations `leap/…`, so that what is exported is read back the same.
//!
//! Read are SLO, and the SLI, AlertPolicy and AlertCondition that it names; other kinds are left alone.
//! `thresholdMetric` is read too: `op: lte` and `value`, whose unit the annotation `leap/unit` says (`ms`, `s` …), as
//! OpenSLO has none.

mod read;
mod write;

pub use read::import;
pub use write::export;

/// Annotations of ours.
const CONTRACT: &str = "leap/contract";
const OWNER: &str = "leap/owner";
const TERM: &str = "leap/term";
const CONSEQUENCE: &str = "leap/consequence";
const RECOVERY: &str = "leap/recovery";
const STALE_AFTER: &str = "leap/stale-after";
const GAP: &str = "leap/gap";
const REOPEN_WITHIN: &str = "leap/reopen-within";
const LATE: &str = "leap/late";
const N_MIN: &str = "leap/n-min";
const THIN: &str = "leap/thin";
const UNIT: &str = "leap/unit";
const API_VERSION: &str = "openslo/v1";
