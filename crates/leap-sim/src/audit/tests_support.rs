//! Small bills for tests: a header, some rows, and the four costs as one line.

use leap_terms::Format;

use super::{Audit, AuditOptions, RawPart, audit};

fn audit_of(format: Format, header: &str, rows: &[&str], options: &AuditOptions<'_>) -> Audit {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bill.csv");
    std::fs::write(&path, format!("{header}\n{}\n", rows.join("\n"))).unwrap();
    let audit = audit(&[RawPart { path: &path, format, part: 0 }], options).unwrap();
    assert_eq!(audit.unreadable, 0, "{:?}", audit.unreadable_by_reason);
    audit
}

/// `billed effective list contracted`, or `left out`.
pub fn costs(format: Format, header: &str, rows: &[&str], twin_present: bool) -> String {
    let options = AuditOptions { twin_present, ..AuditOptions::default() };
    match audit_of(format, header, rows, &options).scopes.into_values().next() {
        Some(totals) => format!("{} {} {} {}", totals.billed, totals.effective, totals.list, totals.contracted),
        None => "left out".to_owned(),
    }
}

/// How many rows the mapping left out.
pub fn left_out(format: Format, header: &str, row: &str) -> u64 {
    audit_of(format, header, &[row], &AuditOptions::default()).dropped
}

/// The owner of one row, in an org with the one team `found`.
pub fn owner(format: Format, header: &str, row: &str, rules: &str) -> String {
    let options =
        AuditOptions { rules: Some((rules, &|_| None)), org: Some("units: [{id: found}]"), ..AuditOptions::default() };
    let totals = audit_of(format, header, &[row], &options).scopes.into_values().next().unwrap();
    totals.by_owner.into_keys().next().unwrap()
}
