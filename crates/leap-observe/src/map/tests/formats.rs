//! Every kind of row of every provider, written as people know it.

use expect_test::{Expect, expect};

use super::*;

/// One line per accepted row: the named columns, then the mappings' reports.
fn story(whole: &Whole, columns: &[&str]) -> String {
    let cells: Vec<Vec<String>> = columns.iter().map(|column| whole.texts(column)).collect();
    let mut out = String::new();
    for row in 0..whole.accepted() as usize {
        let line: Vec<&str> =
            cells.iter().map(|column| if column[row].is_empty() { "-" } else { column[row].as_str() }).collect();
        out.push_str(&line.join(" | "));
        out.push('\n');
    }
    for mapping in &whole.mappings {
        out.push_str(&format!(
            "{} -> {} {}: {} -> {}\n",
            mapping.raw_column, mapping.cost, mapping.currency, mapping.raw_total, mapping.mapped_total
        ));
        for one in &mapping.adjustments {
            out.push_str(&format!("    {} ({} rows): {}\n", one.amount, one.rows, one.reason));
        }
    }
    for row in &whole.quarantined {
        out.push_str(&format!("quarantined row {}: {:?} '{}' {}\n", row.row, row.column, row.value, row.reason));
    }
    out.push_str(&format!("dropped {}, derived {:?}\n", whole.dropped, whole.derived));
    out
}

fn check(whole: &Whole, columns: &[&str], expected: Expect) {
    expected.assert_eq(&story(whole, columns));
}

const CUR: &str = "identity/LineItemId,identity/TimeInterval,bill/BillType,bill/PayerAccountId,bill/BillingPeriodStartDate,lineItem/UsageAccountId,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/ProductCode,lineItem/UsageType,lineItem/Operation,lineItem/UsageAmount,lineItem/CurrencyCode,lineItem/UnblendedCost,lineItem/LineItemDescription,pricing/publicOnDemandCost,reservation/ReservationARN,reservation/EffectiveCost,reservation/UnusedAmortizedUpfrontFeeForBillingPeriod,reservation/UnusedRecurringFee,savingsPlan/SavingsPlanARN,savingsPlan/SavingsPlanEffectiveCost,savingsPlan/TotalCommitmentToDate,savingsPlan/UsedCommitment,resourceTags/user:team,resourceTags/aws:createdBy,costCategory/Division\n";

fn cur_row(kind: &str, operation: &str, cost: &str, rest: &str) -> String {
    format!(
        "id-{kind},t,Anniversary,111,2026-09-01T00:00:00Z,222,{kind},2026-09-03T00:00:00Z,2026-09-04T00:00:00Z,AmazonEC2,BoxUsage,{operation},1,USD,{cost},words,{rest}\n"
    )
}

#[test]
fn every_line_item_type_of_aws_has_its_formula() {
    let mut text = CUR.to_owned();
    for (kind, operation, cost, rest) in [
        ("Usage", "RunInstances", "10", "11,,,,,,,,,search,,Ads"),
        ("DiscountedUsage", "RunInstances", "0", "20,arn:ri,7,,,,,,,,me,"),
        ("SavingsPlanCoveredUsage", "RunInstances", "30", "30,,,,,arn:sp,18,,,,,"),
        ("SavingsPlanNegation", "RunInstances", "-30", ",,,,,arn:sp,,,,,,"),
        ("SavingsPlanUpfrontFee", "", "100", ",,,,,arn:sp,,,,,,"),
        ("SavingsPlanRecurringFee", "", "24", ",,,,,arn:sp,,24,18.5,,,"),
        ("RIFee", "", "50", ",arn:ri,,1.25,2.5,,,,,,,"),
        ("Fee", "", "60", ",arn:ri,,,,,,,,,,"),
        ("Fee", "", "5", ",,,,,,,,,,,"),
        ("Tax", "", "7.77", ",,,,,,,,,,,"),
        ("Credit", "", "-3", ",,,,,,,,,,,"),
        ("Refund", "", "-4", ",,,,,,,,,,,"),
        ("EdpDiscount", "", "-1", ",,,,,,,,,,,"),
        ("BundledDiscount", "", "-0.5", ",,,,,,,,,,,"),
        ("PrivateRateDiscount", "", "-0.25", ",,,,,,,,,,,"),
        ("FlatRateSubscription", "", "15", ",,,,,,,,,,,"),
        ("Usage", "EKSPod-EC2", "2", "2,,,,,,,,,,,"),
        ("Usage", "ECSTask-EC2", "1", "1,,,,,,,,,,,"),
        ("MysteryFee", "", "1", ",,,,,,,,,,,"),
    ] {
        text.push_str(&cur_row(kind, operation, cost, rest));
    }
    let whole = map_text("cur.csv", &text);
    check(
        &whole,
        &[
            "x_lineItem_LineItemType",
            "ChargeCategory",
            "BilledCost",
            "EffectiveCost",
            "ListCost",
            "CommitmentDiscountId",
            "CommitmentDiscountStatus",
            "Tags",
        ],
        expect![[r#"
            Usage | Usage | 10 | 10 | 11 | - | - | {"team":"search"}
            DiscountedUsage | Usage | 0 | 7 | 20 | arn:ri | Used | {"aws:createdBy":"me"}
            SavingsPlanCoveredUsage | Usage | 0 | 18 | 30 | arn:sp | Used | -
            SavingsPlanUpfrontFee | Purchase | 100 | 0 | 0 | arn:sp | - | -
            SavingsPlanRecurringFee | Purchase | 24 | 5.5 | 5.5 | arn:sp | - | -
            RIFee | Purchase | 50 | 3.75 | 3.75 | arn:ri | - | -
            Fee | Purchase | 60 | 0 | 0 | arn:ri | - | -
            Fee | Purchase | 5 | 5 | 5 | - | - | -
            Tax | Tax | 7.77 | 7.77 | 7.77 | - | - | -
            Credit | Credit | -3 | -3 | -3 | - | - | -
            Refund | Adjustment | -4 | -4 | -4 | - | - | -
            EdpDiscount | Credit | -1 | -1 | -1 | - | - | -
            BundledDiscount | Credit | -0.5 | -0.5 | -0.5 | - | - | -
            PrivateRateDiscount | Credit | -0.25 | -0.25 | -0.25 | - | - | -
            FlatRateSubscription | Usage | 15 | 15 | 15 | - | - | -
            lineItem/UnblendedCost -> billed USD: 266.02 -> 263.02
                -3 (2 rows): EKSPod-EC2 and ECSTask-EC2 rows dropped (split cost of an instance that has its own row)
                -30 (1 rows): SavingsPlanCoveredUsage is billed 0
                30 (1 rows): SavingsPlanNegation dropped (FOCUS has no negation rows; covered usage is billed 0)
            lineItem/UnblendedCost -> effective USD: 266.02 -> 63.27
                7 (1 rows): DiscountedUsage takes reservation/EffectiveCost
                -3 (2 rows): EKSPod-EC2 and ECSTask-EC2 rows dropped (split cost of an instance that has its own row)
                -60 (1 rows): Fee of a reservation is 0 (spread over the usage that it covers)
                -46.25 (1 rows): RIFee takes the unused upfront and recurring fee
                -12 (1 rows): SavingsPlanCoveredUsage takes savingsPlan/SavingsPlanEffectiveCost
                30 (1 rows): SavingsPlanNegation dropped (FOCUS has no negation rows; covered usage is billed 0)
                -18.5 (1 rows): SavingsPlanRecurringFee takes TotalCommitmentToDate - UsedCommitment
                -100 (1 rows): SavingsPlanUpfrontFee is 0 (spread over the usage that it covers)
            pricing/publicOnDemandCost -> list USD: 64 -> 89.27
                -3 (2 rows): EKSPod-EC2 and ECSTask-EC2 rows dropped (split cost of an instance that has its own row)
                28.27 (10 rows): rows that are not usage and have no public price: list cost derived from contracted cost
            reservation/EffectiveCost -> effective USD: 7 -> 63.27
                56.27 (12 rows): rows that this column does not concern take their own formula
            savingsPlan/SavingsPlanEffectiveCost -> effective USD: 18 -> 63.27
                45.27 (12 rows): rows that this column does not concern take their own formula
            quarantined row 19: Some("lineItem/LineItemType") 'MysteryFee' is no LineItemType that leap knows; what it costs whom would be a guess
            dropped 3, derived ["contracted"]
        "#]],
    );
    assert_eq!(whole.texts("x_CostCategories")[0], r#"{"Division":"Ads"}"#);
}

#[test]
fn a_refund_on_a_bill_of_its_own_is_a_correction_and_of_a_savings_plan_costs_nothing_effectively() {
    let row = |bill: &str, start: &str, code: &str, words: &str| {
        format!(
            "i,t,{bill},111,2026-09-01T00:00:00Z,222,Refund,{start},2026-09-04T00:00:00Z,{code},,,1,USD,-4,{words},,,,,,,,,,,,\n"
        )
    };
    let text = format!(
        "{CUR}{}{}{}{}",
        row("Refund", "2026-09-03", "AmazonEC2", "x"),
        row("Anniversary", "2026-08-03", "AmazonEC2", "x"),
        row("Anniversary", "2026-09-03", "AmazonEC2", "x"),
        row("Anniversary", "2026-09-03", "ComputeSavingsPlans", "Refund for one-time fee for Savings Plan ID: 1"),
    );
    check(
        &map_text("cur.csv", &text),
        &["ChargeCategory", "ChargeClass", "BilledCost", "EffectiveCost"],
        expect![[r#"
            Adjustment | Correction | -4 | -4
            Adjustment | Correction | -4 | -4
            Adjustment | - | -4 | -4
            Adjustment | - | -4 | 0
            lineItem/UnblendedCost -> billed USD: -16 -> -16
            lineItem/UnblendedCost -> effective USD: -16 -> -12
                4 (1 rows): Refund of a savings plan's upfront fee is 0
            pricing/publicOnDemandCost -> list USD: 0 -> -12
                -12 (3 rows): rows that are not usage and have no public price: list cost derived from contracted cost
            reservation/EffectiveCost -> effective USD: 0 -> -12
                -12 (3 rows): rows that this column does not concern take their own formula
            savingsPlan/SavingsPlanEffectiveCost -> effective USD: 0 -> -12
                -12 (3 rows): rows that this column does not concern take their own formula
            dropped 0, derived ["contracted"]
        "#]],
    );
}

#[test]
fn one_usage_row_without_public_price_makes_the_list_cost_derived() {
    let text =
        format!("{CUR}{}{}", cur_row("Usage", "", "10", "12,,,,,,,,,,,"), cur_row("Usage", "", "5", ",,,,,,,,,,,"));
    check(
        &map_text("cur.csv", &text),
        &["BilledCost", "ListCost", "ContractedCost"],
        expect![[r#"
        10 | 10 | 10
        5 | 5 | 5
        lineItem/UnblendedCost -> billed USD: 15 -> 15
        lineItem/UnblendedCost -> effective USD: 15 -> 15
        pricing/publicOnDemandCost -> list USD: 12 -> 15
            3 (2 rows): usage rows without a public price: list cost derived from contracted cost
        reservation/EffectiveCost -> effective USD: 0 -> 15
            15 (2 rows): rows that this column does not concern take their own formula
        savingsPlan/SavingsPlanEffectiveCost -> effective USD: 0 -> 15
            15 (2 rows): rows that this column does not concern take their own formula
        dropped 0, derived ["list", "contracted"]
    "#]],
    );
}

#[test]
fn the_maps_of_cur_2_become_tags_and_names() {
    let text = concat!(
        "line_item_unblended_cost,line_item_line_item_type,line_item_usage_start_date,line_item_usage_end_date,line_item_currency_code,line_item_product_code,bill_billing_period_start_date,product,resource_tags,cost_category,discount\n",
        r#"1.5,Usage,2026-09-03 00:00:00.000,2026-09-03 01:00:00.000,USD,AmazonS3,2026-09-01 00:00:00.000,"{""product_name"":""Amazon Simple Storage Service"",""region"":""eu-west-1"",""sku"":""K7""}","{""user_team"":""search"",""aws_created_by"":""me"",""user_empty"":""""}","{""Division"":""Ads""}","{""edp"":-0.1}""#,
        "\n"
    );
    check(
        &map_text("cur2.csv", text),
        &[
            "ServiceName",
            "ServiceCategory",
            "RegionId",
            "SkuId",
            "Tags",
            "x_CostCategories",
            "x_discount",
            "x_ServiceCode",
        ],
        expect![[r#"
            Amazon Simple Storage Service | Storage | eu-west-1 | K7 | {"aws_created_by":"me","team":"search"} | {"Division":"Ads"} | {"edp":-0.1} | AmazonS3
            line_item_unblended_cost -> billed USD: 1.5 -> 1.5
            line_item_unblended_cost -> effective USD: 1.5 -> 1.5
            dropped 0, derived ["list", "contracted"]
        "#]],
    );
}

const AZURE: &str = "BillingAccountId,SubscriptionId,Date,MeterCategory,Quantity,EffectivePrice,UnitPrice,CostInBillingCurrency,BillingCurrency,UnitOfMeasure,ResourceId,Tags,ChargeType,PricingModel,benefitId,benefitName,Frequency,BillingPeriodStartDate\n";

fn azure_row(charge: &str, model: &str, quantity: &str, price: &str, cost: &str, unit: &str) -> String {
    let benefit = if model == "OnDemand" || model == "Spot" { "" } else { "/Providers/Benefits/B1" };
    format!(
        "EA1,SUB-1,09/30/2026,Virtual Machines,{quantity},{price},{price},{cost},EUR,{unit},/subscriptions/S/resourceGroups/R/providers/Microsoft.Compute/virtualMachines/VM1,\"\"\"team\"\": \"\"a\"\"\",{charge},{model},{benefit},plan,UsageBased,09/01/2026\n"
    )
}

const AZURE_COLUMNS: [&str; 8] = [
    "ChargeCategory",
    "ChargeClass",
    "PricingCategory",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "BilledCost",
    "EffectiveCost",
    "ContractedCost",
];

#[test]
fn an_actual_export_of_azure_pays_for_commitments_when_they_are_bought() {
    let mut text = AZURE.to_owned();
    for (charge, model, cost) in [
        ("Usage", "OnDemand", "2"),
        ("Usage", "Spot", "2"),
        ("Usage", "Reservation", "0"),
        ("Usage", "SavingsPlan", "0"),
        ("Purchase", "Reservation", "100"),
        ("Purchase", "SavingsPlan", "50"),
        ("Purchase", "OnDemand", "9"),
        ("Refund", "Reservation", "-10"),
        ("Adjustment", "OnDemand", "1"),
        ("RoundingAdjustment", "OnDemand", "0.01"),
        ("Tax", "OnDemand", "3"),
        ("Conjuring", "OnDemand", "3"),
    ] {
        text.push_str(&azure_row(charge, model, "4", "0.5", cost, "1 Hour"));
    }
    let whole = map_text("a.csv", &text);
    assert_eq!(whole.format, Format::AzureActual);
    check(
        &whole,
        &AZURE_COLUMNS,
        expect![[r#"
        Usage | - | Standard | - | - | 2 | 2 | 2
        Usage | - | Dynamic | - | - | 2 | 2 | 2
        Usage | - | Committed | Used | Reservation | 0 | 0 | 2
        Usage | - | Committed | Used | Savings Plan | 0 | 0 | 2
        Purchase | - | Standard | - | Reservation | 100 | 0 | 2
        Purchase | - | Standard | - | Savings Plan | 50 | 0 | 2
        Purchase | - | Standard | - | - | 9 | 9 | 2
        Purchase | Correction | - | - | Reservation | -10 | 0 | 2
        Adjustment | - | - | - | - | 1 | 1 | 2
        Adjustment | - | - | - | - | 0.01 | 0.01 | 2
        Tax | - | - | - | - | 3 | 3 | 2
        CostInBillingCurrency -> billed EUR: 157.01 -> 157.01
        CostInBillingCurrency -> effective EUR: 157.01 -> 17.01
            -140 (3 rows): purchase or refund of a commitment has effective cost 0
        quarantined row 12: Some("ChargeType") 'Conjuring' is no charge type that leap knows; what it costs whom would be a guess
        dropped 0, derived ["effective", "list"]
    "#]],
    );
    assert_eq!(whole.texts("ChargePeriodStart")[0], "2026-09-30T00:00:00Z");
    assert_eq!(whole.texts("ChargePeriodEnd")[0], "2026-10-01T00:00:00Z");
    assert_eq!(whole.texts("SubAccountId")[0], "sub-1");
    assert_eq!(whole.texts("ResourceType")[0], "microsoft.compute/virtualmachines");
    assert_eq!(whole.texts("Tags")[0], r#"{"team":"a"}"#);
    assert_eq!(whole.texts("CommitmentDiscountId")[2], "/providers/benefits/b1");
}

#[test]
fn an_amortized_export_of_azure_pays_for_commitments_when_they_are_used() {
    let mut text = AZURE.to_owned();
    for (charge, model, cost) in [
        ("Usage", "OnDemand", "2"),
        ("Usage", "Reservation", "1.5"),
        ("Usage", "SavingsPlan", "1.25"),
        ("UnusedReservation", "Reservation", "0.5"),
        ("UnusedSavingsPlan", "SavingsPlan", "0.75"),
    ] {
        text.push_str(&azure_row(charge, model, "4", "0.5", cost, "1 Hour"));
    }
    let whole = map_text("a.csv", &text);
    assert_eq!(whole.format, Format::AzureAmortized);
    check(
        &whole,
        &AZURE_COLUMNS,
        expect![[r#"
        Usage | - | Standard | - | - | 2 | 2 | 2
        Usage | - | Committed | Used | Reservation | 0 | 1.5 | 2
        Usage | - | Committed | Used | Savings Plan | 0 | 1.25 | 2
        Usage | - | Committed | Unused | Reservation | 0 | 0.5 | 2
        Usage | - | Committed | Unused | Savings Plan | 0 | 0.75 | 2
        CostInBillingCurrency -> billed EUR: 6 -> 2
            -4 (4 rows): usage of commitments is billed 0
        CostInBillingCurrency -> effective EUR: 6 -> 6
        dropped 0, derived ["billed", "list"]
    "#]],
    );
    let options = MapOptions { twin_present: true, ..MapOptions::default() };
    check(
        &map_text_with("a.csv", &text, options),
        &AZURE_COLUMNS,
        expect![[r#"
        Usage | - | Committed | Used | Reservation | 0 | 1.5 | 2
        Usage | - | Committed | Used | Savings Plan | 0 | 1.25 | 2
        Usage | - | Committed | Unused | Reservation | 0 | 0.5 | 2
        Usage | - | Committed | Unused | Savings Plan | 0 | 0.75 | 2
        CostInBillingCurrency (amortized) -> billed EUR: 6 -> 0
            -2 (1 rows): charges outside commitments dropped from the amortized part (the actual part has them)
            -4 (4 rows): usage of commitments is billed 0
        CostInBillingCurrency (amortized) -> effective EUR: 6 -> 4
            -2 (1 rows): charges outside commitments dropped from the amortized part (the actual part has them)
        dropped 1, derived ["list"]
    "#]],
    );
}

#[test]
fn the_name_of_an_azure_file_counts_only_where_rows_do_not_decide() {
    let plain = format!("{AZURE}{}", azure_row("Usage", "OnDemand", "1", "2", "2", "1 Hour"));
    assert_eq!(map_text("daily-amortized.csv", &plain).format, Format::AzureAmortized);
    assert_eq!(map_text("daily.csv", &plain).format, Format::AzureActual);
    let bought = format!("{plain}{}", azure_row("Purchase", "Reservation", "1", "2", "2", "1"));
    assert_eq!(map_text("daily-amortized.csv", &bought).format, Format::AzureActual);
}

#[test]
fn a_block_size_divides_only_where_the_cost_agrees() {
    let mut text = AZURE.to_owned();
    for (quantity, price, cost, unit) in [
        ("0.1351", "0.0005", "0.00006755", "10K"),
        ("500", "2", "10", "100 Hours"),
        ("22", "0.23", "3.455664", "10 Hours"),
        ("5.748", "0.44422", "0.034567754", "100000000"),
        ("1", "0", "0", "0 Unassigned"),
        ("0.00594335", "0.02", "0.000118867", ""),
    ] {
        text.push_str(&azure_row("Usage", "OnDemand", quantity, price, cost, unit));
    }
    check(
        &map_text("a.csv", &text),
        &["PricingUnit", "BilledCost", "ContractedCost"],
        expect![[r#"
        10K | 0.00006755 | 0.00006755
        100 Hours | 10 | 10
        10 Hours | 3.455664 | 5.06
        100000000 | 0.034567754 | 2.55337656
        - | 0 | 0
        - | 0.000118867 | 0.000118867
        CostInBillingCurrency -> billed EUR: 13.490418171 -> 13.490418171
        CostInBillingCurrency -> effective EUR: 13.490418171 -> 13.490418171
        dropped 0, derived ["list"]
    "#]],
    );
}

#[test]
fn german_headers_of_azure_are_read() {
    let text = "Abonnement-GUID (SubscriptionGuid);Ressourcengruppe (ResourceGroup);UsageDateTime (UsageDateTime);Kategorie der Verbrauchseinheit (MeterCategory);UsageQuantity (UsageQuantity);Ressourcensatz (ResourceRate);PreTaxCost (PreTaxCost);InstanceId (InstanceId);Tags (Tags);Currency;Maßeinheit (UnitOfMeasure)\n\
        S-1;rg;2021-02-02;Load Balancer;3;0.025;0.075;/subscriptions/s/x;;USD;100 Hours\n";
    let whole = map_text("g.csv", text);
    assert_eq!(whole.format, Format::AzureActual);
    check(
        &whole,
        &["SubAccountId", "BilledCost", "ServiceCategory", "PricingQuantity", "x_Ressourcengruppe_ResourceGroup"],
        expect![[r#"
        s-1 | 0.075 | Networking | 3 | rg
        PreTaxCost (PreTaxCost) -> billed USD: 0.075 -> 0.075
        PreTaxCost (PreTaxCost) -> effective USD: 0.075 -> 0.075
        dropped 0, derived ["list", "contracted"]
    "#]],
    );
    let pure = "Datum;AbonnementGuid;KostenInAbrechnungswährung;Abrechnungswährung;Kategorie der Verbrauchseinheit;Ressourcen-ID;Markierungen;Gebührentyp\n21.09.2023;S;1.25;EUR;Storage;/X;;Nutzung\n";
    check(
        &map_text("g.csv", pure),
        &["SubAccountId", "BilledCost", "BillingCurrency", "ResourceId", "ChargePeriodStart"],
        expect![[r#"
        s | 1.25 | EUR | /x | 2023-09-21T00:00:00Z
        KostenInAbrechnungswährung -> billed EUR: 1.25 -> 1.25
        KostenInAbrechnungswährung -> effective EUR: 1.25 -> 1.25
        dropped 0, derived ["list", "contracted"]
    "#]],
    );
}

#[test]
fn the_credits_of_gcp_are_added_once() {
    let nested = concat!(
        r#"{"billing_account_id":"A","service":{"id":"1","description":"Compute Engine"},"sku":{"id":"s","description":"N1"},"usage_start_time":"2026-08-31 23:00:00 UTC","usage_end_time":"2026-09-01 00:00:00 UTC","project":{"id":"p","name":"P","labels":[]},"labels":[{"key":"team","value":"x"}],"tags":[{"key":"env","value":"prod","inherited":true,"namespace":"org/1"}],"cost":10.5,"cost_at_list":12,"currency":"USD","usage":{"amount":3600,"unit":"seconds"},"credits":[{"name":"c","amount":-4,"type":"COMMITTED_USAGE_DISCOUNT"},{"name":"d","amount":-1.5e-1,"type":"PROMOTION"},{"name":"e","amount":"-1","type":"NEW_KIND"}],"invoice":{"month":"202609"},"cost_type":"regular","export_time":"2026-09-01 05:00:00.5 UTC"}"#,
        "\n",
        r#"{"billing_account_id":"A","service":{"description":"Invoice"},"sku":{"description":"Tax"},"usage_start_time":"2026-09-01T00:00:00Z","usage_end_time":"2026-10-01T00:00:00Z","cost":1,"currency":"USD","credits":[],"invoice":{"month":"202609"},"cost_type":"tax","extra_thing":"kept"}"#,
        "\n",
        r#"{"billing_account_id":"A","service":{"description":"Compute Engine"},"sku":{"description":"Commitment v1: Cpu in Americas for 1 Year"},"usage_start_time":"2026-09-01T00:00:00Z","cost":5,"currency":"USD","credits":[{"amount":1,"type":"x"},{"amount":-1,"type":"x"}],"invoice":{"month":"202609"},"cost_type":"regular"}"#,
        "\n",
        r#"{"service":{"description":"Compute Engine"},"usage_start_time":"2026-09-01T00:00:00Z","cost":0.01,"currency":"USD","credits":null,"invoice":{"month":"202609"},"cost_type":"rounding_error"}"#,
        "\n",
        r#"{"usage_start_time":"2026-09-01T00:00:00Z","cost":1,"currency":"USD","credits":"oops","invoice":{"month":"202609"},"cost_type":"regular"}"#,
        "\n",
        r#"{"usage_start_time":"2026-09-01T00:00:00Z","cost":1,"currency":"USD","invoice":{"month":"Sept"},"cost_type":"regular"}"#,
        "\n",
        "not json\n"
    );
    let columns = ["ChargeCategory", "BilledCost", "EffectiveCost", "ListCost", "Tags", "x_Credits", "x_extra_thing"];
    let whole = map_text("rows.jsonl", nested);
    check(
        &whole,
        &columns,
        expect![[r#"
        Usage | 5.35 | 5.35 | 12 | {"org/1/env":"prod","team":"x"} | [{"amount":-4,"name":"c","type":"COMMITTED_USAGE_DISCOUNT"},{"amount":-1.5e-1,"name":"d","type":"PROMOTION"},{"amount":"-1","name":"e","type":"NEW_KIND"}] | -
        Tax | 1 | 1 | 1 | - | - | kept
        Purchase | 5 | 5 | 5 | - | [{"amount":1,"type":"x"},{"amount":-1,"type":"x"}] | -
        Adjustment | 0.01 | 0.01 | 0.01 | - | - | -
        cost -> billed USD: 16.51 -> 11.36
            -4 (1 rows): credits added: COMMITTED_USAGE_DISCOUNT
            -0.15 (1 rows): credits added: PROMOTION
            -1 (1 rows): credits added: other types
        cost -> effective USD: 16.51 -> 11.36
            -4 (1 rows): credits added: COMMITTED_USAGE_DISCOUNT
            -0.15 (1 rows): credits added: PROMOTION
            -1 (1 rows): credits added: other types
        cost_at_list -> list USD: 12 -> 18.01
            6.01 (3 rows): rows without cost_at_list: list cost derived from contracted cost
        quarantined row 5: Some("credits") 'oops' no JSON: a value expected at byte 0
        quarantined row 6: Some("invoice.month") 'Sept' is no month such as 202011
        quarantined row 7: None 'not json' no JSON: a value expected at byte 0
        dropped 0, derived ["list", "contracted"]
    "#]],
    );
    assert_eq!(whole.batch_names[0], "2026-09-01T05:00:00.500000Z");
    let lines: Vec<&str> = nested.lines().filter(|line| line.starts_with('{')).collect();
    let list = map_text("rows.json", &format!("[\n{}\n]\n", lines.join(",\n ")));
    assert_eq!(list.mapping("cost", "billed"), whole.mapping("cost", "billed"));
    assert_eq!(list.rows_read, 6);
}

#[test]
fn corrections_and_overage_of_oci_are_marked() {
    let text = "lineItem/referenceNo,lineItem/tenantId,lineItem/intervalUsageStart,lineItem/intervalUsageEnd,product/service,usage/billedQuantity,usage/billedQuantityOverage,cost/myCost,cost/myCostOverage,cost/currencyCode,lineItem/isCorrection,lineItem/backreferenceNo,tags/A.team\n\
        r1,t,2023-11-13T10:00Z,2023-11-13T11:00:00Z,COMPUTE,2,,2.323760000E-9,,USD,false,,a\n\
        r2,t,2023-11-13T10:00Z,2023-11-13T11:00:00Z,COMPUTE,2,1,3,0.5,USD,false,,\n\
        r3,t,2023-11-13T10:00Z,2023-11-13T11:00:00Z,COMPUTE,-2,,-3,,USD,true,r2,\n\
        r4,t,2023-11-13T10:00Z,,COMPUTE,-2,,-3,,USD,perhaps,r2,\n";
    let whole = map_text("0001.csv", text);
    check(
        &whole,
        &["ChargeClass", "x_BackReference", "BilledCost", "PricingQuantity", "Tags"],
        expect![[r#"
        - | - | 0.00000000232376 | 2 | {"A.team":"a"}
        - | - | 3.5 | 3 | -
        Correction | r2 | -3 | -2 | -
        cost/myCost -> billed USD: 0.00000000232376 -> 0.50000000232376
            0.5 (1 rows): cost/myCostOverage added
        cost/myCost -> effective USD: 0.00000000232376 -> 0.50000000232376
            0.5 (1 rows): cost/myCostOverage added
        cost/myCostOverage -> billed USD: 0.5 -> 0.50000000232376
            0.00000000232376 (3 rows): cost/myCost added
        cost/myCostOverage -> effective USD: 0.5 -> 0.50000000232376
            0.00000000232376 (3 rows): cost/myCost added
        quarantined row 4: Some("lineItem/isCorrection") 'perhaps' is neither true nor false
        dropped 0, derived ["list", "contracted"]
    "#]],
    );
    assert_eq!(whole.batch_names, ["0001.csv"; 3]);
}

#[test]
fn each_version_of_focus_is_told_from_its_columns() {
    let base = "BilledCost,EffectiveCost,ListCost,ContractedCost,BillingCurrency,BillingPeriodStart,ChargePeriodStart,ChargePeriodEnd,ChargeCategory";
    for (more, version) in [
        (",ProviderName", "1.0"),
        (",ProviderName,SkuMeter", "1.1"),
        (",ProviderName,InvoiceId", "1.2"),
        (",ProviderName,ServiceProviderName,HostProviderName", "1.3"),
        (",ServiceProviderName,HostProviderName", "1.4"),
        (",ProviderName,ServiceProviderName,InvoiceDetailId", "1.4"),
    ] {
        let names: Vec<String> = format!("{base}{more}").to_uppercase().split(',').map(str::to_owned).collect();
        let (format, found) = crate::decode::formats::tell(&names, "f").unwrap();
        assert_eq!((format, found.unwrap().number()), (Format::Focus, version));
    }
    let text = format!(
        "{base},ServiceProviderName\n1,2,3,4,USD,2026-09-01T00:00:00Z,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Usage,Acme\n"
    );
    check(
        &map_text("f.csv", &text),
        &["ProviderName", "ServiceProviderName", "HostProviderName", "BillingPeriodEnd"],
        expect![[r#"
        Acme | Acme | Acme | 2026-10-01T00:00:00Z
        BilledCost -> billed USD: 1 -> 1
        ContractedCost -> contracted USD: 4 -> 4
        EffectiveCost -> effective USD: 2 -> 2
        ListCost -> list USD: 3 -> 3
        dropped 0, derived []
    "#]],
    );
}
