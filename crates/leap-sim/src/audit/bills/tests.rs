//! One row of each line item type and charge type, and what it costs.

use super::super::tests_support::{costs, left_out, owner};
use super::*;

const AWS_HEADER: &str = "bill/BillingPeriodStartDate,lineItem/UsageStartDate,lineItem/CurrencyCode,lineItem/LineItemType,\
lineItem/UnblendedCost,pricing/publicOnDemandCost,savingsPlan/SavingsPlanEffectiveCost,savingsPlan/TotalCommitmentToDate,\
savingsPlan/UsedCommitment,reservation/EffectiveCost,reservation/UnusedAmortizedUpfrontFeeForBillingPeriod,\
reservation/UnusedRecurringFee,reservation/ReservationARN,lineItem/ProductCode,lineItem/LineItemDescription,lineItem/Operation";

fn aws(line: &str) -> String {
    costs(Format::AwsCurLegacy, AWS_HEADER, &[&format!("2026-09-01,2026-09-03,USD,{line}")], false)
}

#[test]
fn each_aws_line_item_type_has_its_two_costs() {
    // billed effective list contracted
    assert_eq!(aws("Usage,2,3"), "2 2 3 2");
    assert_eq!(aws("Tax,0.7,0"), "0.7 0.7 0 0.7");
    assert_eq!(aws("Tax,0.7,"), "0.7 0.7 0.7 0.7");
    assert_eq!(aws("Fee,5,"), "5 5 5 5");
    assert_eq!(aws("Fee,5,,,,,,,,arn:ri"), "5 0 0 0");
    assert_eq!(aws("Refund,-5,"), "-5 -5 -5 -5");
    assert_eq!(aws("Refund,-5,,,,,,,,,ComputeSavingsPlans,Refund for one-time fee for Savings Plan ID: 1"), "-5 0 0 0");
    assert_eq!(aws("Credit,-1,"), "-1 -1 -1 -1");
    assert_eq!(aws("RIFee,9,,,,,,0.25,0.5"), "9 0.75 0.75 0.75");
    assert_eq!(aws("DiscountedUsage,0,4,,,,1.5"), "0 1.5 4 1.5");
    assert_eq!(aws("DiscountedUsage,7,4,,,,1.5"), "0 1.5 4 1.5", "covered use is billed 0 whatever the file says");
    assert_eq!(aws("SavingsPlanCoveredUsage,10,10,0.1"), "0 0.1 10 0.1");
    assert_eq!(aws("SavingsPlanUpfrontFee,100,"), "100 0 0 0");
    assert_eq!(aws("SavingsPlanRecurringFee,3,,,3,2.75"), "3 0.25 0.25 0.25");
    assert_eq!(aws("BundledDiscount,-1,"), "-1 -1 -1 -1");
    assert_eq!(aws("EdpDiscount,-1,"), "-1 -1 -1 -1");
    assert_eq!(aws("PrivateRateDiscount,-1,"), "-1 -1 -1 -1");
    assert_eq!(aws("FlatRateSubscription,4,"), "4 4 4 4");
    let dropped = |line: &str| left_out(Format::AwsCurLegacy, AWS_HEADER, &format!("2026-09-01,2026-09-03,USD,{line}"));
    assert_eq!(dropped("SavingsPlanNegation,-10,"), 1);
    assert_eq!(dropped("Usage,1,1,,,,,,,,,,EKSPod-EC2"), 1);
    assert_eq!(dropped("Usage,1,1,,,,,,,,,,ECSTask-EC2"), 1);
    assert_eq!(dropped("Usage,1,1,,,,,,,,,,RunInstances"), 0);
}

#[test]
fn public_prices_count_only_when_every_usage_row_has_one() {
    let row = |line: &str| format!("2026-09-01,2026-09-03,USD,{line}");
    let list = |lines: [&str; 2]| costs(Format::AwsCurLegacy, AWS_HEADER, &[&row(lines[0]), &row(lines[1])], false);
    assert_eq!(list(["Usage,2,3", "Usage,2,3"]), "4 4 6 4");
    assert_eq!(list(["Usage,2,3", "Usage,2,"]), "4 4 4 4");
    assert_eq!(list(["Usage,2,3", "Tax,2,"]), "4 4 5 4");
}

#[test]
fn cur_2_names_mean_the_same() {
    let header = "bill_billing_period_start_date,line_item_usage_start_date,line_item_currency_code,line_item_line_item_type,line_item_unblended_cost,reservation_reservation_a_r_n,savings_plan_savings_plan_effective_cost";
    let of = |line: &str| costs(Format::AwsCur2, header, &[&format!("2026-09-01,2026-09-03,USD,{line}")], false);
    assert_eq!(of("SavingsPlanCoveredUsage,10,,0.1"), "0 0.1 0.1 0.1");
    assert_eq!(of("Fee,5,arn:ri,"), "5 0 0 0");
}

const AZURE_HEADER: &str = "Date,BillingPeriodStartDate,BillingCurrency,ChargeType,PricingModel,CostInBillingCurrency,UnitPrice,Quantity,UnitOfMeasure";

fn azure(export: Format, twin: bool, line: &str) -> String {
    costs(export, AZURE_HEADER, &[&format!("09/03/2026,09/01/2026,USD,{line}")], twin)
}

#[test]
fn each_azure_charge_type_has_its_costs_alone_and_beside_its_twin() {
    let actual = |line: &str| azure(Format::AzureActual, false, line);
    assert_eq!(actual("Usage,OnDemand,2.64,0.11,24,1 Hour"), "2.64 2.64 2.64 2.64");
    assert_eq!(actual("Purchase,Reservation,3.25,3.25,1,1 Hour"), "3.25 0 3.25 3.25");
    assert_eq!(actual("Refund,SavingsPlan,-3,,,"), "-3 0 0 0");
    assert_eq!(actual("Purchase,OnDemand,5,,,"), "5 5 5 5");
    assert_eq!(actual("RoundingAdjustment,,-0.01,,,"), "-0.01 -0.01 -0.01 -0.01");
    assert_eq!(actual("Usage,Reservation,0,0.146,8,1 Hour"), "0 0 1.168 1.168");
    let amortized = |line: &str| azure(Format::AzureAmortized, false, line);
    assert_eq!(amortized("Usage,Reservation,0.493152,0.146,8,1 Hour"), "0 0.493152 1.168 1.168");
    assert_eq!(amortized("UnusedSavingsPlan,SavingsPlan,0.5,,,"), "0 0.5 0.5 0.5");
    assert_eq!(amortized("Usage,OnDemand,2.64,,,"), "2.64 2.64 2.64 2.64");
    assert_eq!(amortized("Refund,Reservation,-3,,,"), "-3 -3 -3 -3", "an amortized export alone is taken at its word");

    assert_eq!(azure(Format::AzureActual, true, "Usage,OnDemand,2.64,,,"), "2.64 2.64 2.64 2.64");
    assert_eq!(azure(Format::AzureActual, true, "Usage,Reservation,0,,,"), "left out");
    assert_eq!(azure(Format::AzureAmortized, true, "Usage,OnDemand,2.64,,,"), "left out");
    assert_eq!(azure(Format::AzureAmortized, true, "Usage,SavingsPlan,0.1,,,"), "0 0.1 0.1 0.1");
    assert_eq!(azure(Format::AzureAmortized, true, "UnusedReservation,Reservation,0.1,,,"), "0 0.1 0.1 0.1");
}

#[test]
fn azure_divides_by_the_block_size_only_where_that_gives_the_cost() {
    let contracted = |line: &str| azure(Format::AzureActual, false, line);
    assert_eq!(contracted("Usage,OnDemand,0.00004,0.1,0.0004,10K"), "0.00004 0.00004 0.00004 0.00004");
    assert_eq!(contracted("Usage,OnDemand,0.00004,0.1,4,10K"), "0.00004 0.00004 0.00004 0.00004");
    assert_eq!(contracted("Usage,OnDemand,0.5,0.1,4,10K"), "0.5 0.5 0.4 0.4");
    assert_eq!(contracted("Usage,OnDemand,0.03,0.1,3,10 Hours"), "0.03 0.03 0.03 0.03");
    assert_eq!(contracted("Usage,OnDemand,1,1e-20,1e-20,"), "1 1 1 1", "a product beyond 30 decimals");
    assert_eq!(contracted("Usage,OnDemand,1,2,3,0 Unassigned"), "1 1 6 6");
}

#[test]
fn azure_headers_may_be_german_or_lower_case() {
    let german = "UsageDateTime (UsageDateTime),PreTaxCost (PreTaxCost),Currency,Maßeinheit (UnitOfMeasure)";
    assert_eq!(
        costs(Format::AzureActual, german, &["2021-02-02,0.075,USD,100 Hours"], false),
        "0.075 0.075 0.075 0.075"
    );
    let lower = "usagedatetime,costinbillingcurrency";
    assert_eq!(costs(Format::AzureActual, lower, &["2021-02-02,0.075"], false), "0.075 0.075 0.075 0.075");
}

#[test]
fn gcp_and_oci_add_their_two_parts() {
    let gcp = "invoice.month,usage_start_time,currency,cost,credits";
    let row = "202011,2020-11-09 23:00:00+00:00,USD,5e-06,\"[{'name': 'x', 'amount': -4e-06, 'full_name': None}]\"";
    assert_eq!(costs(Format::GcpDetailed, gcp, &[row], false), "0.000001 0.000001 0.000001 0.000001");
    let listed = "invoice.month,usage_start_time,currency,cost,credits,cost_at_list";
    assert_eq!(costs(Format::GcpDetailed, listed, &["202011,2020-11-09,USD,2,[],3.5"], false), "2 2 3.5 2");
    let oci = "lineItem/intervalUsageStart,cost/currencyCode,cost/myCost,cost/myCostOverage,lineItem/isCorrection";
    let rows = ["2023-11-13T10:00Z,USD,1.5,0.25,false", "2023-11-13T10:00Z,USD,-1,,true"];
    assert_eq!(costs(Format::OciCost, oci, &rows, false), "0.75 0.75 0.75 0.75");
}

#[test]
fn rules_see_native_rows_under_focus_names() {
    let tag = |key: &str| format!("rules: [{{id: tag, owner: {{from: \"Tags['{key}']\"}}}}]");
    let when = |condition: &str| format!("rules: [{{id: one, when: \"{condition}\", owner: found}}]");

    let legacy = format!("{AWS_HEADER},resourceTags/user:team,resourceTags/aws:createdBy,lineItem/UsageAccountId");
    let row = "2026-09-01,2026-09-03,USD,SavingsPlanCoveredUsage,1,,,,,,,,,AmazonEC2,,,found,root,0012";
    let aws = |rules: &str| owner(Format::AwsCurLegacy, &legacy, row, rules);
    assert_eq!(aws(&tag("team")), "found");
    assert_eq!(aws(&tag("user:team")), "residual:no-rule");
    assert_eq!(
        aws(&when("SubAccountId = '0012' AND ChargeCategory = 'Usage' AND CommitmentDiscountStatus = 'Used'")),
        "found"
    );
    assert_eq!(
        aws(&when("ServiceName = 'AmazonEC2' AND ProviderName = 'AWS' AND Tags['aws:createdBy'] = 'root'")),
        "found"
    );
    let cur_2 =
        "bill_billing_period_start_date,line_item_usage_start_date,line_item_currency_code,resource_tags,product";
    let row =
        r#"2026-09-01,2026-09-03,USD,"{""user_team"": ""found""}","{""product_name"": ""EC2"", ""region"": ""eu""}""#;
    assert_eq!(owner(Format::AwsCur2, cur_2, row, &tag("team")), "found");
    assert_eq!(owner(Format::AwsCur2, cur_2, row, &when("ServiceName = 'EC2' AND RegionId = 'eu'")), "found");

    let azure = format!("{AZURE_HEADER},Tags,SubscriptionId");
    let row =
        r#"09/03/2026,09/01/2026,USD,UnusedReservation,Reservation,1,,,,"""org"": ""x"",""team"": ""found""",ABC"#;
    assert_eq!(owner(Format::AzureAmortized, &azure, row, &tag("team")), "found");
    let condition = "CommitmentDiscountStatus = 'Unused' AND SubAccountId = 'abc' AND ChargeCategory = 'Usage'";
    assert_eq!(owner(Format::AzureAmortized, &azure, row, &when(condition)), "found");

    let gcp = "invoice.month,usage_start_time,currency,cost,labels,project.labels,service.description,cost_type";
    let row = r#"202609,2026-09-03,USD,1,"[{'key': 'team', 'value': 'found'}]","[{'key': 'team', 'value': 'x'}]",BigQuery,tax"#;
    assert_eq!(owner(Format::GcpDetailed, gcp, row, &tag("team")), "found");
    assert_eq!(
        owner(Format::GcpDetailed, gcp, row, &when("ServiceName = 'BigQuery' AND ChargeCategory = 'Tax'")),
        "found"
    );

    let oci = "lineItem/intervalUsageStart,cost/currencyCode,cost/myCost,lineItem/isCorrection,tags/Ops.team";
    let row = "2026-09-03T10:00Z,USD,1,true,found";
    assert_eq!(owner(Format::OciCost, oci, row, &tag("Ops.team")), "found");
    assert_eq!(owner(Format::OciCost, oci, row, &when("ChargeClass = 'Correction'")), "found");
}

#[test]
fn focus_before_1_3_lends_its_provider_to_the_newer_columns() {
    let header = "BillingPeriodStart,ChargePeriodStart,BillingCurrency,ProviderName";
    let rules = "rules: [{id: one, when: \"ServiceProviderName = 'AWS' AND hostprovidername = 'AWS'\", owner: found}]";
    assert_eq!(owner(Format::Focus, header, "2026-09-01,2026-09-03,USD,AWS", rules), "found");
}
