//! Small bills for tests: a header, some rows, and the four costs as one line.

use leap_terms::Format;

use super::{Audit, AuditOptions, RawPart, audit};

fn audit_of(format: Format, header: &str, rows: &[&str], twin_present: bool) -> Audit {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bill.csv");
    std::fs::write(&path, format!("{header}\n{}\n", rows.join("\n"))).unwrap();
    let options = AuditOptions { twin_present, ..AuditOptions::default() };
    let audit = audit(&[RawPart { path: &path, format, part: 0 }], &options).unwrap();
    assert_eq!(audit.unreadable, 0, "{:?}", audit.unreadable_by_reason);
    audit
}

/// `billed effective list contracted`, or `left out`.
pub fn costs(format: Format, header: &str, rows: &[&str], twin_present: bool) -> String {
    match audit_of(format, header, rows, twin_present).scopes.into_values().next() {
        Some(totals) => format!("{} {} {} {}", totals.billed, totals.effective, totals.list, totals.contracted),
        None => "left out".to_owned(),
    }
}

/// How many rows the mapping left out.
pub fn left_out(format: Format, header: &str, row: &str) -> u64 {
    audit_of(format, header, &[row], false).dropped
}
