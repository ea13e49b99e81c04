//! A journal of leap's beside one of the auditor's, from the same costs, under the same policy and under a changed one.

use leap_orient::org::Org;
use leap_orient::pool::{DriverFile, FactRow, Facts, Pools, share};
use leap_sim::audit::Amount;
use leap_terms::Period;

use super::*;

const ORG: &str =
    "units:\n- {id: acme, kind: company}\n- {id: a, kind: team, parent: acme}\n- {id: b, kind: team, parent: acme}\n";

const POLICY: &str = "commitment_benefit: averaged
order: {step-down: [cluster, kafka]}
pools:
- {name: kafka, driver: {measured: use.csv}}
- {name: cluster, driver: {fixed: {a: 1, b: 2, 'pool:kafka': 3}}}
- {name: alone, driver: keep}
- {name: ri, driver: {commitment: {}}}
";

const DRIVERS: &str = "date,pool,team,weight,measure,capacity
2026-09-01,kafka,a,3,cpu,10
2026-09-01,kafka,b,4,cpu,10
2026-09-02,kafka,b,12,cpu,10
";

/// Day, owner, commitment with its status, and the four costs.
type Cost = (&'static str, &'static str, Option<(&'static str, &'static str)>, [&'static str; 4]);

const COSTS: [Cost; 9] = [
    ("2026-09-01", "residual:pool:kafka", None, ["100", "90.01", "120", "100"]),
    ("2026-09-02", "residual:pool:kafka", None, ["-1", "-1", "0", "-0.000000000000000000000000000007"]),
    ("2026-09-03", "residual:pool:kafka", None, ["7", "7", "7", "7"]),
    ("2026-09-01", "residual:pool:cluster", None, ["10", "10", "10", "10"]),
    ("2026-09-01", "residual:pool:alone", None, ["5", "5", "5", "5"]),
    ("2026-09-01", "residual:pool:ri", Some(("ri-1", "Unused")), ["0", "3", "0", "0"]),
    ("2026-09-01", "a", Some(("ri-1", "Used")), ["0", "40", "100", "100"]),
    ("2026-09-02", "b", Some(("ri-1", "Used")), ["0", "100", "100", "100"]),
    ("2026-09-01", "residual:no-rule", Some(("ri-2", "used")), ["0", "1", "3", "2"]),
];

fn leap(policy: &str) -> Vec<Line> {
    let org = Org::from_yaml("org.yaml", ORG).unwrap();
    let read = |_: &str| Ok(DriverFile::Csv(DRIVERS.as_bytes().to_vec()));
    let pools = Pools::parse("pools.yaml", policy, &read, &org).unwrap();
    let mut facts = Facts::default();
    for (day, owner, commitment, costs) in COSTS {
        let [billed, effective, list, contracted] = costs.map(|cost| cost.parse().unwrap());
        facts.add(FactRow {
            day: day.parse().unwrap(),
            owner: owner.parse().unwrap(),
            commitment: commitment.map(|(id, _)| id),
            commitment_status: commitment.map(|(_, status)| status),
            currency: Currency::new("USD").unwrap(),
            costs: Costs { billed, effective, list, contracted },
        });
    }
    share(&pools, &org, &org, &facts, Period::ALWAYS).unwrap().lines
}

fn auditor(policy: &str) -> Journal {
    let history = History::read(ORG).unwrap();
    let charges: Vec<PoolCharge> = COSTS
        .into_iter()
        .map(|(day, owner, commitment, costs)| {
            let day: Day = day.parse().unwrap();
            PoolCharge {
                day,
                month: day.month(),
                owner: owner.to_owned(),
                currency: "USD".to_owned(),
                costs: costs.map(|cost| Amount::cost(cost).unwrap()),
                commitment: commitment.map(|(id, _)| id.to_owned()),
                used: commitment.is_some_and(|(_, status)| status.eq_ignore_ascii_case("used")),
            }
        })
        .collect();
    let files = |_: &str| Some(DRIVERS.as_bytes().to_vec());
    pools::Pools::read(policy, &files).unwrap().journal(&history, &charges)
}

#[test]
fn two_journals_of_one_policy_are_one() {
    let (lines, audited) = (leap(POLICY), auditor(POLICY));
    let compared = journals(&lines, &audited).unwrap();
    assert_eq!(compared.differences, []);
    assert!(compared.figures > 60, "{}", compared.figures);
    for kind in [LineKind::Pool, LineKind::Use, LineKind::Idle, LineKind::Benefit] {
        assert!(lines.iter().any(|line| line.line == kind), "no line of kind {kind:?}");
    }
}

#[test]
fn a_policy_that_only_the_auditor_has_shows_line_by_line_and_per_owner() {
    let changed = POLICY.replace("{a: 1, b: 2,", "{a: 2, b: 1,");
    let compared = journals(&leap(POLICY), &auditor(&changed)).unwrap();
    let named: Vec<&str> = compared.differences.iter().map(|difference| difference.of.as_str()).collect();
    assert!(named.contains(&"2026-09-01 cluster a use") && named.contains(&"a"), "{named:?}");
    let first = &compared.differences[0];
    assert_ne!(first.leap, first.audited);
    // A line that one side lacks differs from nothing.
    let compared = journals(&[], &auditor(POLICY)).unwrap();
    assert!(compared.differences.iter().all(|difference| difference.leap.is_zero()));
    assert!(!compared.differences.is_empty());
}

#[test]
fn usage_reports_of_kubernetes_are_named_as_not_audited() {
    let policy = "pools: [{name: cluster, driver: {kubernetes: {reports: [a.csv]}}}]";
    let fault = pools::Pools::read(policy, &|_: &str| None).err().unwrap();
    assert!(matches!(fault, AuditError::NotAudited(_)), "{fault}");
    assert!(fault.to_string().contains("pool cluster"), "{fault}");
}
