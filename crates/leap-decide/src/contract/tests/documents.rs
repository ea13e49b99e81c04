//! `contracts.yaml` and OpenSLO.

use leap_terms::Day;
use proptest::prelude::*;

use super::*;
use crate::contract::openslo::{export, import};

fn names(name: &str, _: Day) -> Result<TeamId, String> {
    match name {
        "pay" | "payments" => Ok(team("payments")),
        "platform" => Ok(team("platform")),
        other => Err(format!("'{other}' is no unit")),
    }
}

fn today() -> Day {
    "2026-10-01".parse().unwrap()
}

fn read(text: &str) -> Result<Contracts, Vec<String>> {
    let shown = |faults: Vec<leap_terms::Fault>| faults.iter().map(ToString::to_string).collect();
    Contracts::read_yaml("contracts.yaml", text, &names, today()).map_err(shown)
}

fn slo(text: &str) -> Result<Contracts, Vec<String>> {
    import("slo.yaml", text, &names, today()).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

const ALL: &str = "contracts:
  - id: charge-api
    team: pay
    term: 2026-10..2027-09
    clauses:
      - {id: p999, measure: latency, api: charge-api, at_most: 250ms}
      - id: slow
        measure: latency
        api: report-api
        quantile: 99%
        at_most: 2.9s
        window: 15m
        n_min: 100
        thin: merged
        grace: 47h59m
        consequence: review with the sponsor
        owner: platform
      - {id: bps, measure: charter, at_most: 45, window: 24h}
      - {id: cost, measure: spend, at_most: 4000.50, currency: usd, window: 24h}
      - {id: unit, measure: unit_cost, metric: orders, at_most: 0.0123456789012345678, currency: USD, window: 24h}
      - {id: owned, measure: coverage, at_least: 99.5, window: 24h}
      - {id: fresh, measure: freshness, at_most: 26h, grace: 4h, recovery: 1h}
";

#[test]
fn a_contract_has_clauses_of_every_measure() {
    let contracts = read(ALL).unwrap();
    let contract = &contracts.list[0];
    assert_eq!((contract.team.as_str(), contract.line), ("payments", Some(2)));
    let shown: Vec<String> = contract
        .clauses
        .iter()
        .map(|clause| format!("{} {} {}", clause.key(contract), clause.measure.word(), clause.measure))
        .collect();
    assert_eq!(
        shown,
        [
            "charge-api.p999 latency p99.9 of charge-api at most 250ms",
            "charge-api.slow latency p99 of report-api at most 2900ms",
            "charge-api.bps charter spend at most 45 bps of business volume",
            "charge-api.cost spend spend at most 4,000.50 USD",
            "charge-api.unit unit_cost cost per orders at most 0.0123456789012345678 USD",
            "charge-api.owned coverage at least 99.5 % of cost owned by teams",
            "charge-api.fresh freshness data at most 26h old",
        ]
    );
    assert_eq!(contract.clauses[0].timing, Timing::default());
    let slow = &contract.clauses[1];
    assert_eq!((slow.owner.as_str(), slow.consequence.as_str()), ("platform", "review with the sponsor"));
    assert_eq!(slow.timing.recovery, Seconds::minutes(45), "three windows");
    assert_eq!(slow.timing.reopen_within.to_string(), "47h59m", "the grace");
    assert_eq!(contract.clauses[2].timing.stale_after.to_string(), "6d", "six windows");
    assert_eq!((contract.clauses[2].timing.late.count(), contract.clauses[6].timing.late.count()), (0, 0));
    let bare = "contracts:\n  - {id: c, team: pay, clauses: [{id: a, measure: coverage, at_least: 99}]}\n";
    assert_eq!(read(bare).unwrap().list[0].clauses[0].timing.window, Seconds::hours(24), "known by whole days");
    assert_eq!(contract.clauses[2].timing.recovery, Seconds::hours(24), "one day that was missed is no breach");
}

#[test]
fn faults_name_the_line_of_the_clause() {
    let document = |clause: &str| {
        format!(
            "contracts:\n  - id: c\n    team: pay\n    clauses:\n      \
            - {{id: a, measure: charter, at_most: 1}}\n      - {clause}\n"
        )
    };
    for (clause, expected) in [
        ("{id: b, measure: latency, api: x, at_most: 250}", "contracts.yaml:6:52: at_most: '250' is no latency"),
        ("{id: b, measure: latency, api: x, at_most: 250ms, quantile: p100}", "'p100' is no quantile"),
        ("{id: b, measure: charter, at_most: -1}", "contracts.yaml:6:44: at_most: -1 is negative"),
        ("{id: b, measure: charter, at_least: 1}", "contracts.yaml:6:35: unknown field 'at_least'"),
        ("{id: b, measure: speed, at_most: 1}", "contracts.yaml:6:26: 'speed' is no measure"),
        ("{id: b, measure: spend, at_most: 1}", "contracts.yaml:6:9: currency is missing"),
        ("{id: b, measure: coverage, at_least: 101}", "101 % is more than all"),
        ("{id: b, measure: charter, at_most: 1, grace: 48}", "contracts.yaml:6:54: grace: '48' is no length of time"),
        ("{id: b, measure: charter, at_most: 1, window: 0s}", "a window of 0s is none"),
        ("{id: b, measure: charter, at_most: 1, window: 36h}", "charter is known by whole days"),
        ("{id: b, measure: freshness, at_most: 26h, window: 5m}", "freshness is looked at every 10m"),
        ("{id: a, measure: charter, at_most: 1}", "contracts.yaml:6:14: two clauses are called a"),
        ("{id: b b, measure: charter, at_most: 1}", "'b b' is no id"),
        ("{id: b, measure: charter, at_most: 1, owner: x}", "contracts.yaml:6:54: 'x' is no unit"),
    ] {
        let faults = read(&document(clause)).unwrap_err();
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{clause}\n{}", faults.join("\n"));
        assert!(faults.iter().all(|fault| fault.contains("help: ")), "{}", faults.join("\n"));
    }
    for (text, expected) in [
        ("contracts:\n  - {id: c, team: pay, clauses: []}\n", "a contract has a list of clauses"),
        ("contracts:\n  - {id: c, clauses: [{id: a, measure: charter, at_most: 1}]}\n", "team is missing"),
        ("contract: []\n", "did you mean contracts?"),
    ] {
        let faults = read(text).unwrap_err();
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{}", faults.join("\n"));
    }
}

#[test]
fn openslo_is_exported_and_read_back_the_same() {
    let mut contracts = read(ALL).unwrap();
    let text = export(&contracts);
    for part in
        ["apiVersion: openslo/v1", "alertAfter: 48h", "lookbackWindow: 1h", "target: 0.999", "alertWhenNoData: true"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    contracts.list[0].clauses.retain(|clause| matches!(clause.measure, Measure::Latency(_)));
    contracts.list[0].line = Some(2);
    assert_eq!(slo(&text).unwrap(), contracts);
}

const FOREIGN: &str = "apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: burning}
spec: {severity: page, condition: {kind: burnrate, op: gt, threshold: 1, lookbackWindow: 1h, alertAfter: 24h}}
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: paging}
spec: {alertWhenNoData: true, conditions: [{conditionRef: burning}], notificationTargets: []}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: latency}
spec: {thresholdMetric: {metricSource: {type: leap, spec: {api: charge-api}}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: fast, annotations: {leap/unit: ms}}
spec:
  service: payments
  indicatorRef: latency
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{op: lte, value: 250, targetPercent: 99.9}]
  alertPolicies: [{alertPolicyRef: paging}]
---
apiVersion: openslo/v1
kind: Service
metadata: {name: payments}
";

#[test]
fn openslo_of_others_is_read_and_what_cannot_be_is_named() {
    let contracts = slo(FOREIGN).unwrap();
    let contract = &contracts.list[0];
    assert_eq!((contract.id.as_str(), contract.line), ("payments", Some(16)));
    let clause = &contract.clauses[0];
    assert_eq!(clause.measure.to_string(), "p99.9 of charge-api at most 250ms");
    assert_eq!(clause.timing.grace, Seconds::hours(24));
    for (from, to, expected) in [
        (
            "openslo/v1\nkind: SLO",
            "openslo.com/v2alpha\nkind: SLO",
            "slo.yaml:16: SLO fast: apiVersion: 'openslo.com/v2alpha'",
        ),
        ("leap/unit: ms", "leap/unite: ms", "leap/unit: is missing"),
        ("leap/unit: ms", "leap/unit: m", "'250m' is no latency"),
        ("targetPercent: 99.9", "target: 99.9", "'99.9' is no quantile"),
        ("threshold: 1,", "threshold: 2,", "is no burn rate above 1"),
        ("Occurrences", "Timeslices", "'Timeslices' is no way to count requests"),
        ("service: payments", "service: nobody", "'nobody' is no unit"),
        ("name: burning}", "name: burn}", "AlertCondition 'burning' is in no document"),
        ("indicatorRef: latency", "indicatorRef: speed", "SLI 'speed' is in no document"),
        ("op: lte", "op: lt", "is not lte"),
        ("alertAfter: 24h", "alertAfter: soon", "'soon' is no length of time"),
        (
            "thresholdMetric: {metricSource: {type: leap, spec: {api: charge-api}}}",
            "ratioMetric: {good: {metricSource: {type: prometheus, spec: {query: x}}}}",
            "a query of type 'prometheus' is not leap's",
        ),
    ] {
        assert!(FOREIGN.contains(from), "{from}");
        let faults = slo(&FOREIGN.replace(from, to)).unwrap_err();
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{expected}\n{}", faults.join("\n"));
        assert!(faults.iter().all(|fault| fault.contains("help: ")), "{}", faults.join("\n"));
    }
    assert!(slo("a: [").unwrap_err()[0].contains("not readable as YAML"));
    assert_eq!(slo("kind: DataSource\n").unwrap(), Contracts::default());
    let twice = format!("{FOREIGN}---\n{}", FOREIGN.split("---\n").nth(3).unwrap());
    assert!(slo(&twice).unwrap_err()[0].contains("two clauses called fast"));
}

#[test]
fn quantiles_and_latencies_are_exact() {
    for (text, shown, decimal) in [
        ("p99.9", "p99.9", "0.999"),
        ("0.5", "p50", "0.5"),
        ("99.99%", "p99.99", "0.9999"),
        ("p99.9999999", "p99.9999999", "0.999999999"),
    ] {
        let quantile: Quantile = text.parse().unwrap();
        assert_eq!((quantile.to_string(), quantile.decimal()), (shown.to_owned(), decimal.to_owned()));
        assert_eq!(decimal.parse(), Ok(quantile));
    }
    for wrong in ["", "p", "0", "1", "p100", "99.9", "p99.99999999", "p99%", "-0.5"] {
        assert!(wrong.parse::<Quantile>().is_err(), "{wrong}");
    }
    for (text, nanos) in [("250ms", 250_000_000), ("2.9s", 2_900_000_000), ("800us", 800_000), ("15ns", 15)] {
        assert_eq!(text.parse(), Ok(Nanoseconds(nanos)));
        assert_eq!(Nanoseconds(nanos).to_string().parse(), Ok(Nanoseconds(nanos)));
    }
    for wrong in ["250", "ms", "0ms", "-1s", "1.5ns", "1h", "9e10s"] {
        assert!(wrong.parse::<Nanoseconds>().is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn any_clause_about_latency_goes_through_openslo(
        (nanos, n_min) in (1_u64..10_u64.pow(13), 0_u64..10_u64.pow(9)),
        (merged, beyond) in (any::<bool>(), 1_u32..1_000_000_000),
        lengths in prop::collection::vec(0_i64..10_000_000, 6),
        window in 1_i64..604_800,
        texts in ("[a-zA-Z0-9_-]{1,20}", ".{0,40}", ".{1,30}"),
    ) {
        let length = |at: usize| Seconds::new(lengths[at]).unwrap();
        let clause = Clause {
            id: texts.0.clone(),
            measure: Measure::Latency(Latency {
                api: texts.2.trim().to_owned(),
                quantile: Quantile { beyond },
                at_most_ns: nanos,
                n_min,
                thin: if merged { Thin::Merged } else { Thin::Unjudged },
            }),
            timing: Timing {
                window: Seconds::new(window).unwrap(),
                grace: length(0),
                recovery: length(1),
                stale_after: length(2),
                gap: length(3),
                reopen_within: length(4),
                late: length(5),
            },
            owner: team("platform"),
            consequence: texts.1.trim().to_owned(),
        };
        let contract = Contract {
            id: "c".into(),
            team: team("payments"),
            term: "2026-10..2026-12".parse().unwrap(),
            clauses: vec![clause],
            line: Some(2),
        };
        let contracts = Contracts { list: vec![contract] };
        let text = export(&contracts);
        prop_assert_eq!(slo(&text), Ok(contracts), "{}", text);
    }
}
