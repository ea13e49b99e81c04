//! Spellings that real bills have, each accepted and reported, and rows that are quarantined with their reason.

use expect_test::{Expect, expect};

use super::*;

const HEADER: &str = "BilledCost,EffectiveCost,ListCost,ContractedCost,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ProviderName,Tags";
const ROW: &str = "1.5,1.25,2,1.75,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Usage,AWS,\"{\"\"b\"\":\"\"1\"\",\"\"a\"\":\"\"2\"\"}\"";

fn report(whole: &Whole) -> String {
    let mut out = String::new();
    for one in &whole.assumptions {
        if one.what.contains("mandatory FOCUS column") {
            continue;
        }
        out.push_str(&format!(
            "{} x {} [{}] {}\n",
            one.rows,
            one.what,
            one.column.as_deref().unwrap_or("-"),
            one.example.as_deref().unwrap_or("-")
        ));
    }
    for row in &whole.quarantined {
        out.push_str(&format!(
            "quarantined {}: {} '{}' {}\n    raw {}\n",
            row.row,
            row.column.as_deref().unwrap_or("-"),
            row.value,
            row.reason,
            row.raw
        ));
    }
    out
}

fn check(text: &str, expected: Expect) -> Whole {
    let whole = map_text("f.csv", text);
    expected.assert_eq(&report(&whole));
    whole
}

#[test]
fn a_clean_bill_has_nothing_to_report_but_its_version() {
    let whole = check(
        &format!("{HEADER}\n{ROW}\n"),
        expect![[r#"
        1 x ServiceProviderName and HostProviderName taken from ProviderName (FOCUS before 1.3) [ProviderName] -
    "#]],
    );
    assert_eq!(whole.texts("Tags"), [r#"{"a":"2","b":"1"}"#]);
    assert_eq!(whole.texts("x_LeapRow").len(), 1);
}

#[test]
fn every_quirk_is_accepted_and_counted() {
    let text = format!(
        "\u{feff}{HEADER},Id\r\n\
        1.5E-7,NULL,+0.50,null,usd,2026-09-01 00:00:00,09/30/2026,2026-09-02T10:00Z,2026-09-02T13:00:00+02:00,Usage,AWS,\"\"\"b\"\": \"\"1\"\",\"\"a\"\": \"\"2\"\"\",7\r\n\
        1,1,1,1,USD,2026-09-01,01.10.2026,2026-09-02 00:00:00 +0000 UTC,20260903,Usage,AWS,\"[{{'key': 'a', 'value': None}}]\",8,,\r\n\
        1,1,1,1,USD,,,2026-09-02T00:00:00Z,,Usage,AWS,\"{{\"\"a\"\":1,\"\"a\"\":2}}\"\r\n\
        1,1,1,1,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Usage,AWS,team=a\r\n\r\n"
    );
    let whole = check(
        &text,
        expect![[r#"
        1 x ServiceProviderName and HostProviderName taken from ProviderName (FOCUS before 1.3) [ProviderName] -
        1 x a null cost read as 0 [ContractedCost] -
        1 x a null cost read as 0 [EffectiveCost] -
        1 x charge period without end taken to end where it starts [-] -
        1 x column that is not of FOCUS kept under an x_ name [Id] x_Id
        1 x date with a zone offset turned into UTC [ChargePeriodEnd] 2026-09-02T13:00:00+02:00
        1 x date with a zone offset turned into UTC [ChargePeriodStart] 2026-09-02 00:00:00 +0000 UTC
        1 x date with points read as DD.MM.YYYY [BillingPeriodEnd] 01.10.2026
        1 x date with slashes read as MM/DD/YYYY [BillingPeriodEnd] 09/30/2026
        1 x date without time read as midnight UTC [BillingPeriodStart] 2026-09-01
        1 x date without time read as midnight UTC [ChargePeriodEnd] 20260903
        1 x date without zone read as UTC [BillingPeriodStart] 2026-09-01 00:00:00
        1 x number in E notation read exactly [BilledCost] 1.5E-7
        1 x one key twice in the tags: the last one kept [Tags] {"a":1,"a":2}
        1 x row longer than the header: its empty last fields dropped [-] -
        2 x row shorter than the header: the missing last fields read as null [-] -
        1 x row without billing period put into the manifest's period, else the month of the charge [-] -
        1 x tags without braces read as an object [Tags] "b": "1","a": "2"
        1 x tags written as a list of keys and values read as an object [Tags] [{'key': 'a', 'value': None}]
        1 x the word NULL read as null [ContractedCost] NULL
        1 x the word NULL read as null [EffectiveCost] NULL
        1 x time without seconds read as the full minute [ChargePeriodStart] 2026-09-02T10:00Z
        1 x unreadable tags kept as text in x_UnreadableTags [Tags] team=a
    "#]],
    );
    assert_eq!(whole.accepted(), 4);
    assert_eq!(whole.texts("Tags"), [r#"{"a":"2","b":"1"}"#, r#"{"a":null}"#, r#"{"a":2}"#, ""]);
    assert_eq!(whole.texts("x_UnreadableTags")[3], "team=a");
    assert_eq!(whole.texts("x_Id"), ["7", "8", "", ""]);
    assert_eq!(whole.sum("BilledCost"), "3.00000015");
    assert_eq!(whole.texts("BillingPeriodStart")[2], "2026-09-01T00:00:00Z");
    assert_eq!(whole.texts("ChargePeriodEnd")[0], "2026-09-02T11:00:00Z");
}

#[test]
fn what_cannot_be_read_is_quarantined_with_its_reason() {
    let bad = |change: &[(usize, &str)]| {
        let mut cells = vec![
            "1",
            "1",
            "1",
            "1",
            "USD",
            "2026-09-01T00:00:00Z",
            "2026-10-01T00:00:00Z",
            "2026-09-02T00:00:00Z",
            "2026-09-03T00:00:00Z",
            "Usage",
            "AWS",
            "",
        ];
        for (place, value) in change {
            if *place < cells.len() { cells[*place] = value } else { cells.push(value) }
        }
        cells.join(",")
    };
    let rows = [
        bad(&[(0, "1.000.000")]),
        bad(&[(0, "\"1,5\"")]),
        bad(&[(1, "NaN")]),
        bad(&[(2, "1000000000000")]),
        bad(&[(3, "1e-31")]),
        bad(&[(4, "")]),
        bad(&[(4, "US$")]),
        bad(&[(7, "")]),
        bad(&[(7, "21/09/2026")]),
        bad(&[(8, "1899-12-31")]),
        bad(&[(9, "Gift")]),
        bad(&[(9, "")]),
        bad(&[(12, "surplus")]),
        bad(&[]),
    ];
    let whole = check(
        &format!("{HEADER}\n{}\n", rows.join("\n")),
        expect![[r#"
        1 x ServiceProviderName and HostProviderName taken from ProviderName (FOCUS before 1.3) [ProviderName] -
        quarantined 1: BilledCost '1.000.000' is not a decimal number
            raw 1.000.000,1,1,1,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Usage,AWS,
        quarantined 2: BilledCost '1,5' has a comma; write 1234.50, without thousands separators
            raw "1,5",1,1,1,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Usage,AWS,
        quarantined 3: EffectiveCost 'NaN' is not a decimal number
            raw 1,NaN,1,1,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Usage,AWS,
        quarantined 4: ListCost '1000000000000' is 10^12 or more
            raw 1,1,1000000000000,1,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Usage,AWS,
        quarantined 5: ContractedCost '1e-31' has more than 30 decimals
            raw 1,1,1,1e-31,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Usage,AWS,
        quarantined 6: BillingCurrency '' is null; a charge without it has no place in any report
            raw 1,1,1,1,,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Usage,AWS,
        quarantined 7: BillingCurrency 'US$' 'US$' is no currency code such as USD
            raw 1,1,1,1,US$,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Usage,AWS,
        quarantined 8: ChargePeriodStart '' is null; a charge without it has no place in any report
            raw 1,1,1,1,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,,2026-09-03T00:00:00Z,Usage,AWS,
        quarantined 9: ChargePeriodStart '21/09/2026' is no date that exists
            raw 1,1,1,1,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,21/09/2026,2026-09-03T00:00:00Z,Usage,AWS,
        quarantined 10: ChargePeriodEnd '1899-12-31' is a date outside 1900 to 2199
            raw 1,1,1,1,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,2026-09-02T00:00:00Z,1899-12-31,Usage,AWS,
        quarantined 11: ChargeCategory 'Gift' is none of the charge categories Usage, Purchase, Tax, Credit, Adjustment
            raw 1,1,1,1,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Gift,AWS,
        quarantined 12: ChargeCategory '' is null; a charge without it has no place in any report
            raw 1,1,1,1,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,,AWS,
        quarantined 13: - 'surplus' row has 13 fields, the header 12: which column is which would be a guess
            raw 1,1,1,1,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Usage,AWS,,surplus
    "#]],
    );
    assert_eq!((whole.accepted(), whole.rows_read), (1, 14));
    assert_eq!(whole.sum("BilledCost"), "1");
}

#[test]
fn costs_that_the_bill_lacks_are_derived() {
    let text = "BilledCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ChargeCategory\n2,USD,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Usage\n";
    let whole = map_text("f.csv", text);
    assert_eq!(whole.derived, ["effective", "list", "contracted"]);
    assert_eq!((whole.sum("EffectiveCost"), whole.sum("ListCost")), ("2".to_owned(), "2".to_owned()));
    assert_eq!(whole.assumed("mandatory FOCUS column is not in the file"), 16);
}

#[test]
fn a_manifest_names_the_period_only_where_rows_do_not() {
    let options = MapOptions { fallback_billing_period: Month::new(2026, 10), ..MapOptions::default() };
    let text = format!("{HEADER}\n{ROW}\n{}\n", ROW.replace("2026-09-01T00:00:00Z", ""));
    let whole = map_text_with("f.csv", &text, options);
    assert_eq!(whole.months.iter().map(|month| month.to_string()).collect::<Vec<_>>(), ["2026-09", "2026-10"]);
}

#[test]
fn semicolons_and_tabs_are_told_from_the_header() {
    for delimiter in [';', '\t'] {
        let text = format!("{}\n{}\n", HEADER.replace(',', &delimiter.to_string()), "1;1;1;1;USD;2026-09-01T00:00:00Z;2026-10-01T00:00:00Z;2026-09-02T00:00:00Z;2026-09-03T00:00:00Z;Usage;AWS;".replace(';', &delimiter.to_string()));
        assert_eq!(map_text("f.csv", &text).sum("BilledCost"), "1");
    }
}

#[test]
fn notes_merge_in_any_order() {
    let text = |row: &str| format!("{HEADER}\n{row}\n");
    let one = map_notes(&text(&ROW.replace("1.5", "1E1")), 0);
    let two = map_notes(&text(&ROW.replace("1.5", "2E1")), 1);
    let mut forward = one.clone();
    forward.merge(two.clone());
    let mut backward = two;
    backward.merge(one);
    assert_eq!(forward, backward);
}

fn map_notes(text: &str, part: u32) -> Notes {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.csv");
    std::fs::write(&path, text).unwrap();
    let detected = detect(&path).unwrap();
    let plan = PartPlan::new(part, "f.csv".to_owned(), detected.clone(), MapOptions::default()).unwrap();
    let mut reader = PartReader::open(&path, &detected, &ReadOptions::default()).unwrap();
    map_chunk(&plan, reader.next_chunk().unwrap().unwrap()).unwrap().notes
}
