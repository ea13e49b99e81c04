//! Rules, claims and orgs that change by date; charges added up per day.

use super::*;

fn audit_text(text: &str, options: &AuditOptions<'_>) -> Audit {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bill.csv");
    std::fs::write(&path, text).unwrap();
    audit(&[RawPart { path: &path, format: Format::Focus, part: 0 }], options).unwrap()
}

#[test]
fn each_day_has_its_version_of_the_rules_and_claims_stand_above() {
    let rows = ["2026-08-01,1", "2026-09-01,1", "2026-09-02,1", "2026-09-03,2"];
    let csv = "ChargePeriodStart,SubAccountId,BillingCurrency,BillingPeriodStart,BilledCost\n".to_owned()
        + &rows.map(|row| format!("{row},USD,2026-09-01,1\n")).concat();
    let org = History::read("units: [{id: a}, {id: b, name: Bee}, {id: c}]").unwrap();
    let version = |from: &str, yaml| RulesVersion { from: from.parse().unwrap(), yaml, files: &|_| None };
    let versions = [
        version("2026-09-01", "rules: [{id: x, when: \"SubAccountId = '1'\", owner: bee}]"),
        version("2026-08-15", "rules: [{id: x, when: \"SubAccountId = '1'\", owner: a}]"),
    ];
    let owners = |claims| -> Vec<String> {
        let rules = RulesHistory { versions: &versions, claims };
        charges_of_focus(&csv, &rules, &org).unwrap().into_iter().map(|charge| charge.owner).collect()
    };
    assert_eq!(owners(None), ["residual:no-rule", "b", "b", "residual:no-rule"]);
    let claims = "rules: [{id: claim-1, when: \"SubAccountId = '1'\", owner: c, effective: {from: 2026-09-02}}]";
    assert_eq!(owners(Some(claims)), ["residual:no-rule", "b", "c", "residual:no-rule"]);
}

#[test]
fn a_delivery_is_added_up_per_day_owner_and_commitment() {
    let csv = "BilledCost,BillingCurrency,BillingPeriodStart,ChargePeriodStart,CommitmentDiscountId,\
               CommitmentDiscountStatus,EffectiveCost,SubAccountId
1,USD,2026-09-01,2026-09-01,,,1,1
2,USD,2026-09-01,2026-09-01,,,2,1
4,USD,2026-09-01,2026-09-01,cd,Used,4,1
8,USD,2026-09-01,2026-09-01,cd,Unused,8,2
16,USD,2026-09-01,2026-09-02,,,16,1
";
    let rules =
        "rules: [{id: x, when: \"SubAccountId = '1'\", owner: a}, {id: y, when: \"SubAccountId = '2'\", pool: k}]";
    let options =
        AuditOptions { rules: Some((rules, &|_| None)), org: Some("units: [{id: a}]"), ..AuditOptions::default() };
    let audit = audit_text(csv, &options);
    let daily: Vec<String> = audit
        .daily
        .iter()
        .map(|charge| {
            let id = charge.commitment.as_deref().unwrap_or("-");
            format!("{} {} {id} {} {}", charge.day, charge.owner, charge.used, charge.costs[1])
        })
        .collect();
    assert_eq!(
        daily,
        [
            "2026-09-01 a - false 3",
            "2026-09-01 a cd true 4",
            "2026-09-01 residual:pool:k cd false 8",
            "2026-09-02 a - false 16"
        ]
    );
    assert!(audit_text(csv, &AuditOptions::default()).daily.is_empty());
}

#[test]
fn a_history_org_is_read_by_the_rules() {
    let org = "units:
- id: old
  spans: [{until: 2026-09-02, name: \"Old\", successor: \"new\"}]
- id: new
  spans: [{name: \"New\"}]
";
    let csv = "BilledCost,BillingCurrency,BillingPeriodStart,ChargePeriodStart,SubAccountId
1,USD,2026-09-01,2026-09-01,1
2,USD,2026-09-01,2026-09-02,1
";
    let rules = "rules: [{id: x, owner: old}]";
    let options = AuditOptions { rules: Some((rules, &|_| None)), org: Some(org), ..AuditOptions::default() };
    let audit = audit_text(csv, &options);
    let owners: Vec<String> =
        audit.daily.iter().map(|charge| format!("{} {}", charge.owner, charge.costs[0])).collect();
    assert_eq!(owners, ["old 1", "new 2"]);
}
