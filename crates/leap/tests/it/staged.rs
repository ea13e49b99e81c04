//! Real bills: every file with costs gives its exact totals, explains what the mapping moved, and verifies.

use std::str::FromStr;

use leap_terms::{CostKind, Money};

use crate::harness::{Home, shared, text};

/// File, raw column, the cost that it becomes, and the exact total from the SOURCES page.
const TOTALS: [(&str, &str, CostKind, &str); 17] = [
    (KOKU_BUCKET, "lineItem/UnblendedCost", CostKind::Billed, "143227.76367818761501799105"),
    (KOKU_BUCKET, "pricing/publicOnDemandCost", CostKind::List, "143227.76367818761501799105"),
    ("aws-cur-legacy/ragged_crlf_test_cur.csv", "lineItem/UnblendedCost", CostKind::Billed, "0.0827499841274349353"),
    ("aws-cur-legacy/ragged_crlf_test_cur.csv", "pricing/publicOnDemandCost", CostKind::List, "0.0827499841274349353"),
    ("aws-cur-legacy/real-anonymised/aws_cur_anon.csv", "lineItem/UnblendedCost", CostKind::Billed, "1.6823086974"),
    ("aws-cur-legacy/real-anonymised/aws_cur_anon.csv", "pricing/publicOnDemandCost", CostKind::List, "3.3561726949"),
    ("aws-manifests/keboola_sample_billing_data.csv", "lineItem/UnblendedCost", CostKind::Billed, "0.045152"),
    ("aws-manifests/keboola_sample_billing_data_v2.csv", "line_item_unblended_cost", CostKind::Billed, "0.108304"),
    ("azure/EA_ActualCost_Small.csv", "Cost", CostKind::Billed, "8.5450077867419368"),
    ("azure/EA_AmortizedCost_Small.csv", "Cost", CostKind::Effective, "16.296932136636644627485419"),
    ("azure/koku_azure_azure_version_2.csv", "CostInBillingCurrency", CostKind::Billed, "19.998413754"),
    ("azure/opencost_azure_Template.csv", "costinbillingcurrency", CostKind::Billed, "16.393506212224391"),
    ("focus-1.0/focus_sample.csv", "BilledCost", CostKind::Billed, "20.52022672899"),
    ("focus-1.0/focus_sample.csv", "EffectiveCost", CostKind::Effective, "14.97651418586"),
    ("focus-1.0/focus_sample.csv", "ListCost", CostKind::List, "20.39090575119"),
    ("focus-1.0/focus_sample.csv", "ContractedCost", CostKind::Contracted, "14.97626039326"),
    ("oci/oci_cost_first150.csv", "cost/myCost", CostKind::Billed, "0.727195233404450114"),
];
const KOKU_BUCKET: &str =
    "aws-cur-legacy/bucket/koku-local/20180801-20180901/16e57707-f9e3-49be-8be6-b84e684b5194/koku-local-1.csv.gz";
const GCP: &str = "gcp/koku_gcp_202011_30c31bca571d9b7f3b2c8459dd8bc34a_2020-11-08_2020-11-11.csv";

fn money(value: &serde_json::Value) -> Money {
    Money::from_str(&text(value)).expect("an amount")
}

#[test]
fn every_staged_bill_gives_its_exact_totals() {
    let mut files: Vec<(&str, &str, CostKind, &str)> = TOTALS.to_vec();
    files.push((GCP, "cost", CostKind::Billed, "0.000032"));
    for (file, column, kind, total) in files {
        let Some(path) = shared(&format!("focus/{file}")) else { return };
        let home = Home::new();
        let answer = home.json(&["ingest", path.to_str().unwrap(), "--explain"]);
        let deliveries = answer["deliveries"].as_array().unwrap();
        assert_eq!(deliveries.len(), 1, "{file}: {answer:#}");
        let delivery = &deliveries[0];
        assert_eq!(delivery["status"], "accepted", "{file}: {delivery:#}");
        assert_eq!(delivery["quarantined"], 0, "{file}");
        let mapping = delivery["mappings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|mapping| mapping["raw_column"] == column && mapping["cost"] == kind.word())
            .unwrap_or_else(|| panic!("{file}: no mapping of {column} to {kind}: {:#}", delivery["mappings"]));
        assert_eq!(money(&mapping["raw_total"]), money(&total.into()), "{file}: raw {column}");
        let adjusted: Money =
            mapping["adjustments"].as_array().unwrap().iter().map(|each| money(&each["amount"])).sum();
        assert_eq!(money(&mapping["raw_total"]) + adjusted, money(&mapping["mapped_total"]), "{file}: {mapping:#}");
        assert_eq!(delivery["totals"].as_array().unwrap().len(), 1, "{file}: one currency");
        assert_eq!(money(&delivery["totals"][0][kind.word()]), money(&mapping["mapped_total"]), "{file}: {kind}");
        home.verified();
    }
}

#[test]
fn azure_actual_and_amortized_are_paired_and_never_added() {
    let (Some(actual), Some(amortized)) =
        (shared("focus/azure/EA_ActualCost_Small.csv"), shared("focus/azure/EA_AmortizedCost_Small.csv"))
    else {
        return;
    };
    let totals = |home: &Home| {
        let kind = |kind: &str| home.spend("team", &["--period", "2023-09", "--cost", kind])[0].1.clone();
        (kind("billed"), kind("effective"))
    };
    let mut seen = Vec::new();
    for order in [[&actual, &amortized], [&amortized, &actual]] {
        let home = Home::new();
        for path in order {
            home.ingest(path);
        }
        home.verified();
        seen.push((totals(&home), home.digest()));
    }
    assert_eq!(seen[0], seen[1], "the order of the two files must not matter");
    assert_eq!(seen[0].0.0, "8.5450077867419368");
}

#[test]
fn a_final_month_replaces_its_estimate_although_the_account_is_respelt() {
    let (Some(estimate), Some(last)) = (
        shared("focus/aws-cur-legacy/restated-pair/koku_aws_2023-06-01-not-final.csv"),
        shared("focus/aws-cur-legacy/restated-pair/koku_aws_2023-06-01.csv"),
    ) else {
        return;
    };
    let home = Home::new();
    home.ingest(&estimate);
    let before = home.json(&["spend", "--by", "team", "--cost", "effective", "--period", "2023"]);
    home.ingest(&last);
    let after = home.json(&["spend", "--by", "team", "--cost", "effective", "--period", "2023"]);
    assert_eq!(before["totals"], after["totals"], "one replaces the other, never adds");
    home.verified();
}

#[test]
fn a_cur_bucket_is_taken_once_although_its_manifest_lies_in_two_places() {
    let Some(bucket) = shared("focus/aws-cur-legacy/bucket") else { return };
    let home = Home::new();
    let deliveries = home.ingest(&bucket);
    assert_eq!(deliveries.len(), 1, "{deliveries:#?}");
    assert_eq!(deliveries[0]["rows"], 13380);
    assert_eq!(deliveries[0]["totals"][0]["billed"], "143227.76367818761501799105");
    assert_eq!(home.ingest(&bucket)[0]["status"], "unchanged");
    home.verified();
}
