//! Contracts as OpenSLO v1.

use leap_terms::{Day, Period};
use serde_json::{Map, Value, json};

use super::{
    API_VERSION, CONSEQUENCE, CONTRACT, GAP, LATE, N_MIN, OWNER, RECOVERY, REOPEN_WITHIN, STALE_AFTER, TERM, THIN,
};
use crate::contract::{Clause, Contract, Contracts, Latency, Measure, Nanoseconds, Thin};

/// All clauses about latency as YAML documents, in order; other clauses have no form in OpenSLO and are left out.
/// Contracts that are read back ([`super::import`]) are the same but for those.
pub fn export(contracts: &Contracts) -> String {
    let mut text = String::new();
    for contract in &contracts.list {
        for clause in &contract.clauses {
            if let Measure::Latency(latency) = &clause.measure {
                let document = document(contract, clause, latency);
                text.push_str("---\n");
                // A value of texts, numbers and lists is always YAML.
                text.push_str(&serde_norway::to_string(&document).unwrap_or_default());
            }
        }
    }
    text
}

fn annotations(contract: &Contract, clause: &Clause, latency: &Latency) -> Value {
    let timing = &clause.timing;
    let mut notes = Map::new();
    let mut note = |name: &str, text: String| notes.insert(name.to_owned(), Value::String(text));
    note(CONTRACT, contract.id.clone());
    note(OWNER, clause.owner.to_string());
    if contract.term != Period::ALWAYS {
        note(TERM, contract.term.to_string());
    }
    if !clause.consequence.is_empty() {
        note(CONSEQUENCE, clause.consequence.clone());
    }
    note(RECOVERY, timing.recovery.to_string());
    note(STALE_AFTER, timing.stale_after.to_string());
    note(GAP, timing.gap.to_string());
    note(REOPEN_WITHIN, timing.reopen_within.to_string());
    note(LATE, timing.late.to_string());
    note(N_MIN, latency.n_min.to_string());
    let thin = match latency.thin {
        Thin::Unjudged => "unjudged",
        Thin::Merged => "merged",
    };
    note(THIN, thin.to_owned());
    Value::Object(notes)
}

fn document(contract: &Contract, clause: &Clause, latency: &Latency) -> Value {
    let Clause { id, timing, .. } = clause;
    let window = timing.window.to_string();
    let source = |spec: Value| json!({"metricSource": {"type": "leap", "spec": spec}});
    let at_most = Nanoseconds(latency.at_most_ns).to_string();
    let condition = json!({
        "kind": "AlertCondition",
        "metadata": {"name": id},
        "spec": {
            "severity": "page",
            "condition": {
                "kind": "burnrate", "op": "gt", "threshold": 1,
                "lookbackWindow": window, "alertAfter": timing.grace.to_string(),
            },
        },
    });
    let policy = json!({
        "kind": "AlertPolicy",
        "metadata": {"name": id},
        "spec": {
            "description": clause.consequence,
            "alertWhenNoData": true, "alertWhenResolved": true, "alertWhenBreaching": true,
            "conditions": [condition], "notificationTargets": [],
        },
    });
    json!({
        "apiVersion": API_VERSION,
        "kind": "SLO",
        "metadata": {"name": id, "annotations": annotations(contract, clause, latency)},
        "spec": {
            "description": clause.measure.to_string(),
            "service": contract.team,
            "indicator": {
                "metadata": {"name": id},
                "spec": {
                    "ratioMetric": {
                        "counter": true,
                        "good": source(json!({"api": latency.api, "latency_at_most": at_most})),
                        "total": source(json!({"api": latency.api})),
                    },
                },
            },
            "timeWindow": [{
                "duration": window, "isRolling": false,
                "calendar": {"startTime": format!("{} 00:00:00", Day::from_days(0)), "timeZone": "UTC"},
            }],
            "budgetingMethod": "Occurrences",
            "objectives": [{"displayName": clause.measure.to_string(), "target": number(latency.quantile.decimal())}],
            "alertPolicies": [policy],
        },
    })
}

/// A decimal number, which OpenSLO's targets are; as text where a YAML reader would not get the same digits back.
fn number(digits: String) -> Value {
    let number = digits.parse::<serde_json::Number>().ok().filter(|number| number.to_string() == digits);
    number.map_or(Value::String(digits), Value::Number)
}
