//! The staged files and their exact totals (SOURCES.md beside them).

use super::*;

#[test]
fn the_focus_sample_keeps_its_four_totals() {
    let Some(path) = staged("focus-1.0/focus_sample.csv") else { return };
    let whole = map_file(&path);
    assert_eq!((whole.accepted(), whole.quarantined.len()), (1000, 0));
    for (column, total) in [
        ("BilledCost", "20.52022672899"),
        ("EffectiveCost", "14.97651418586"),
        ("ListCost", "20.39090575119"),
        ("ContractedCost", "14.97626039326"),
    ] {
        assert_eq!(whole.sum(column), total, "{column}");
    }
    assert_eq!(whole.mapping("BilledCost", "billed"), ("20.52022672899".into(), "20.52022672899".into()));
    assert_eq!(whole.assumed("a null cost read as 0"), 7);
    assert_eq!(whole.assumed("column that is not of FOCUS"), 1);
    assert_eq!(whole.texts("x_Id").iter().filter(|id| !id.is_empty()).count(), 1000);
    assert_eq!(whole.texts("Tags").iter().filter(|tags| !tags.is_empty()).count(), 711);
    assert_eq!(whole.texts("HostProviderName").iter().filter(|name| *name == "AWS").count(), 942);
    assert_eq!(whole.months.iter().filter(|month| month.to_string() == "2024-10").count(), 1);
    assert!(whole.derived.is_empty());
}

#[test]
fn aws_bills_keep_their_unblended_totals() {
    for (file, rows, unblended, public) in [
        ("aws-cur-legacy/real-anonymised/aws_cur_anon.csv", 1281, "1.6823086974", Some("3.3561726949")),
        (
            "aws-cur-legacy/bucket/koku-local/20180801-20180901/16e57707-f9e3-49be-8be6-b84e684b5194/koku-local-1.csv.gz",
            13380,
            "143227.76367818761501799105",
            Some("143227.76367818761501799105"),
        ),
        ("aws-cur-legacy/ragged_crlf_test_cur.csv", 19, "0.0827499841274349353", Some("0.0827499841274349353")),
        ("aws-manifests/keboola_sample_billing_data.csv", 3, "0.045152", None),
    ] {
        let Some(path) = staged(file) else { return };
        let whole = map_file(&path);
        assert_eq!((whole.format, whole.accepted()), (Format::AwsCurLegacy, rows), "{file}");
        assert_eq!(whole.mapping("lineItem/UnblendedCost", "billed"), (unblended.into(), unblended.into()), "{file}");
        assert_eq!(whole.sum("EffectiveCost"), unblended, "{file}");
        assert_eq!(whole.row_ids.len() as u64, rows);
        if let Some(public) = public {
            assert_eq!(whole.mapping("pricing/publicOnDemandCost", "list").0, public, "{file}");
            assert_eq!(whole.derived, ["contracted"], "{file}");
        } else {
            assert_eq!(whole.derived, ["list", "contracted"], "{file}");
        }
    }
}

#[test]
fn the_ragged_aws_bill_says_so() {
    let Some(path) = staged("aws-cur-legacy/ragged_crlf_test_cur.csv") else { return };
    let whole = map_file(&path);
    assert_eq!(whole.assumed("row shorter than the header"), 19);
}

#[test]
fn cur_2_is_read_like_its_predecessor() {
    let Some(path) = staged("aws-manifests/keboola_sample_billing_data_v2.csv") else { return };
    let whole = map_file(&path);
    assert_eq!((whole.format, whole.accepted()), (Format::AwsCur2, 4));
    assert_eq!(whole.mapping("line_item_unblended_cost", "billed"), ("0.108304".into(), "0.108304".into()));
    assert!(whole.texts("BillingPeriodEnd").iter().all(|end| end == "2024-10-01T00:00:00Z"));
}

#[test]
fn both_of_a_restated_pair_bill_covered_usage_0() {
    for file in ["koku_aws_2023-06-01-not-final.csv", "koku_aws_2023-06-01.csv"] {
        let Some(path) = staged(&format!("aws-cur-legacy/restated-pair/{file}")) else { return };
        let whole = map_file(&path);
        assert_eq!(whole.mapping("lineItem/UnblendedCost", "billed"), ("30".into(), "0".into()));
        assert_eq!(whole.mapping("savingsPlan/SavingsPlanEffectiveCost", "effective"), ("0.3".into(), "0.3".into()));
    }
}

#[test]
fn azure_exports_keep_their_totals() {
    for (file, format, rows, raw, total, billed, effective) in [
        (
            "EA_ActualCost_Small.csv",
            Format::AzureActual,
            11,
            "Cost",
            "8.5450077867419368",
            "8.5450077867419368",
            "5.2950077867419368",
        ),
        (
            "EA_AmortizedCost_Small.csv",
            Format::AzureAmortized,
            28,
            "Cost",
            "16.296932136636644627485419",
            "15.797780136168644627485419",
            "16.296932136636644627485419",
        ),
        (
            "koku_azure_azure_version_2.csv",
            Format::AzureActual,
            5,
            "CostInBillingCurrency",
            "19.998413754",
            "19.998413754",
            "19.998413754",
        ),
        (
            "opencost_azure_Template.csv",
            Format::AzureActual,
            87,
            "costinbillingcurrency",
            "16.393506212224391",
            "16.393506212224391",
            "16.393506212224391",
        ),
    ] {
        let Some(path) = staged(&format!("azure/{file}")) else { return };
        let whole = map_file(&path);
        assert_eq!((whole.format, whole.accepted()), (format, rows), "{file}");
        assert_eq!(whole.mapping(raw, "billed"), (total.into(), billed.into()), "{file}");
        assert_eq!(whole.mapping(raw, "effective"), (total.into(), effective.into()), "{file}");
        assert!(whole.quarantined.is_empty());
    }
}

#[test]
fn azure_twins_share_the_rows() {
    let Some(actual) = staged("azure/EA_ActualCost_Small.csv") else { return };
    let Some(amortized) = staged("azure/EA_AmortizedCost_Small.csv") else { return };
    let options = MapOptions { twin_present: true, ..MapOptions::default() };
    let actual = map_file_with(&actual, options.clone()).unwrap();
    assert_eq!(actual.mapping("Cost (actual)", "billed"), ("8.5450077867419368".into(), "8.5450077867419368".into()));
    assert_eq!((actual.accepted(), actual.dropped), (11, 0));
    let amortized = map_file_with(&amortized, options).unwrap();
    assert_eq!((amortized.accepted(), amortized.dropped), (2, 26));
    assert_eq!(
        amortized.mapping("Cost (amortized)", "effective"),
        ("16.296932136636644627485419".into(), "0.499152000468".into())
    );
    assert_eq!(amortized.mapping("Cost (amortized)", "billed").1, "0");
    assert!(!actual.derived.contains(&"effective".to_owned()));
}

#[test]
fn the_gcp_export_adds_its_credits() {
    let Some(path) = staged("gcp/koku_gcp_202011_30c31bca571d9b7f3b2c8459dd8bc34a_2020-11-08_2020-11-11.csv") else {
        return;
    };
    let whole = map_file(&path);
    assert_eq!((whole.format, whole.accepted()), (Format::GcpDetailed, 25));
    assert_eq!(whole.mapping("cost", "billed"), ("0.000032".into(), "0".into()));
    assert_eq!(whole.batch_names.len(), 25);
    assert!(whole.batch_names.contains(&"2020-11-10T05:49:32.199000Z".to_owned()));
    assert!(whole.months.iter().all(|month| month.to_string() == "2020-11"));
}

#[test]
fn the_oci_report_keeps_its_total() {
    let Some(path) = staged("oci/oci_cost_first150.csv") else { return };
    let whole = map_file(&path);
    assert_eq!((whole.format, whole.accepted()), (Format::OciCost, 150));
    assert_eq!(whole.mapping("cost/myCost", "billed"), ("0.727195233404450114".into(), "0.727195233404450114".into()));
    assert_eq!(whole.sum("PricingQuantity"), "38.018203085185");
    assert_eq!(whole.batch_names[0], "oci_cost_first150.csv");
    assert_eq!(whole.texts("x_BackReference").iter().filter(|text| *text == "17053").count(), 7);
    assert!(
        whole.texts("Tags").iter().any(|tags| tags.contains(r#""DevRel\\redbull-analytics-hol-4cb4.release":"1.0""#))
    );
}

#[test]
fn restated_deliveries_hold_what_their_truth_says() {
    for (delivery, rows, billed, effective) in [
        ("001-aug-final", 3127, "1101.055247270891", "1101.055247270891"),
        ("002-sep-day12", 1251, "393.157175921974", "393.157175921974"),
        ("003-sep-day12-again", 1251, "393.157175921974", "393.157175921974"),
        ("006-sep-day20", 2026, "534.333745307377", "534.333745307377"),
        ("007-sep-month-end-estimate", 3120, "831.441374901354", "831.441374901354"),
        ("008-sep-final", 3123, "864.696128021277", "864.696128021277"),
        ("009-oct-day3-with-corrections", 159, "7.848921131364", "7.848921131364"),
        ("010-aug-reopened", 3064, "1073.252697088112", "1078.174671924343"),
    ] {
        let Some(folder) = staged(&format!("restate-1.2/deliveries/{delivery}")) else { return };
        let period = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        let mut sums = [leap_terms::Exact::ZERO; 2];
        let mut accepted = 0;
        for entry in std::fs::read_dir(&period).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "gz") {
                let whole = map_file(&path);
                assert!(whole.quarantined.is_empty());
                accepted += whole.accepted();
                sums[0] += whole.sum("BilledCost").parse().unwrap();
                sums[1] += whole.sum("EffectiveCost").parse().unwrap();
            }
        }
        assert_eq!(
            (accepted, sums[0].to_string(), sums[1].to_string()),
            (rows, billed.to_owned(), effective.to_owned()),
            "{delivery}"
        );
    }
}

#[test]
fn a_truncated_upload_is_refused_by_its_file() {
    let Some(folder) = staged("restate-1.2/deliveries/005-sep-day20-truncated/BILLING_PERIOD=2026-09") else { return };
    let refused: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "gz"))
        .filter_map(|path| map_file_with(&path, MapOptions::default()).err())
        .map(|error| error.to_string())
        .collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains("cut off"), "{refused:?}");
}
