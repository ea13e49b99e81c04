//! The staged bills, to the last digit; and the story of restatements with its true owners.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::*;

/// The staged data, or `None` where it is not there.
fn staged(path: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/focus")).join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

fn audit_files(paths: &[PathBuf], format: Format, options: &AuditOptions<'_>) -> Result<Audit, AuditError> {
    let parts: Vec<RawPart<'_>> = paths.iter().zip(0..).map(|(path, part)| RawPart { path, format, part }).collect();
    audit(&parts, options)
}

fn audit_text(text: &str, format: Format, options: &AuditOptions<'_>) -> Audit {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bill");
    std::fs::write(&path, text).unwrap();
    audit_files(&[path], format, options).unwrap()
}

/// `2026-08 USD rows billed effective list contracted`, one line per scope.
fn shown(audit: &Audit) -> String {
    let mut out = String::new();
    for ((month, currency), totals) in &audit.scopes {
        let AuditedTotals { rows, billed, effective, list, contracted, by_owner: _ } = totals;
        writeln!(out, "{month} {currency} {rows} {billed} {effective} {list} {contracted}").unwrap();
    }
    if audit.dropped + audit.unreadable > 0 {
        writeln!(out, "dropped {} unreadable {}", audit.dropped, audit.unreadable).unwrap();
    }
    out
}

fn sum(audit: &Audit, cost: impl Fn(&AuditedTotals) -> &Amount) -> String {
    let mut sum = Amount::zero();
    for totals in audit.scopes.values() {
        sum += cost(totals);
    }
    sum.to_string()
}

#[test]
fn every_staged_bill_has_the_totals_of_its_own_text() {
    let koku =
        "aws-cur-legacy/bucket/koku-local/20180801-20180901/16e57707-f9e3-49be-8be6-b84e684b5194/koku-local-1.csv.gz";
    let table = [
        (
            "focus-1.0/focus_sample.csv",
            Format::Focus,
            1000,
            ["20.52022672899", "14.97651418586", "20.39090575119", "14.97626039326"],
        ),
        (koku, Format::AwsCurLegacy, 13380, ["143227.76367818761501799105"; 4]),
        ("aws-cur-legacy/ragged_crlf_test_cur.csv", Format::AwsCurLegacy, 19, ["0.0827499841274349353"; 4]),
        (
            "aws-cur-legacy/real-anonymised/aws_cur_anon.csv",
            Format::AwsCurLegacy,
            1281,
            ["1.6823086974", "1.6823086974", "3.3561726949", "1.6823086974"],
        ),
        ("aws-manifests/keboola_sample_billing_data.csv", Format::AwsCurLegacy, 3, ["0.045152"; 4]),
        ("aws-manifests/keboola_sample_billing_data_v2.csv", Format::AwsCur2, 4, ["0.108304"; 4]),
        ("aws-cur-legacy/restated-pair/koku_aws_2023-06-01.csv", Format::AwsCurLegacy, 3, ["0", "0.3", "30", "0.3"]),
        (
            "gcp/koku_gcp_202011_30c31bca571d9b7f3b2c8459dd8bc34a_2020-11-08_2020-11-11.csv",
            Format::GcpDetailed,
            25,
            ["0"; 4],
        ),
        ("oci/oci_cost_first150.csv", Format::OciCost, 150, ["0.727195233404450114"; 4]),
    ];
    for (path, format, rows, expected) in table {
        let Some(file) = staged(path) else { return };
        let audit = audit_files(&[file], format, &AuditOptions::default()).unwrap();
        assert_eq!((audit.rows_read, audit.dropped, audit.unreadable), (rows, 0, 0), "{path}");
        let found = [
            sum(&audit, |totals| &totals.billed),
            sum(&audit, |totals| &totals.effective),
            sum(&audit, |totals| &totals.list),
            sum(&audit, |totals| &totals.contracted),
        ];
        assert_eq!(found, expected, "{path}");
    }
}

#[test]
fn azure_exports_alone_and_as_a_pair() {
    let (Some(actual), Some(amortized)) =
        (staged("azure/EA_ActualCost_Small.csv"), staged("azure/EA_AmortizedCost_Small.csv"))
    else {
        return;
    };
    let alone = audit_files(std::slice::from_ref(&actual), Format::AzureActual, &AuditOptions::default()).unwrap();
    assert_eq!(sum(&alone, |totals| &totals.billed), "8.5450077867419368");
    assert_eq!(sum(&alone, |totals| &totals.effective), "5.2950077867419368", "less the purchase of 3.25");
    let alone =
        audit_files(std::slice::from_ref(&amortized), Format::AzureAmortized, &AuditOptions::default()).unwrap();
    assert_eq!(sum(&alone, |totals| &totals.effective), "16.296932136636644627485419");

    let parts = [
        RawPart { path: &actual, format: Format::AzureActual, part: 0 },
        RawPart { path: &amortized, format: Format::AzureAmortized, part: 1 },
    ];
    let pair = audit(&parts, &AuditOptions { twin_present: true, ..AuditOptions::default() }).unwrap();
    assert_eq!((pair.rows_read, pair.dropped, pair.unreadable), (39, 26, 0));
    assert_eq!(sum(&pair, |totals| &totals.billed), "8.5450077867419368", "the invoice is the actual export's");
    assert_eq!(
        sum(&pair, |totals| &totals.effective),
        "5.7941597872099368",
        "0.493152 and 0.006000000468 of covered use"
    );

    for (path, rows, expected) in [
        ("azure/koku_azure_azure_version_2.csv", 5, "19.998413754"),
        ("azure/opencost_azure_Template.csv", 87, "16.393506212224391"),
    ] {
        let Some(file) = staged(path) else { return };
        let audit = audit_files(&[file], Format::AzureActual, &AuditOptions::default()).unwrap();
        assert_eq!((audit.rows_read, audit.unreadable), (rows, 0), "{path}");
        assert_eq!(sum(&audit, |totals| &totals.billed), expected, "{path}");
        assert_eq!(sum(&audit, |totals| &totals.effective), expected, "{path}");
    }
}

/// The parts of one delivery of `restate-1.2`.
fn delivery_parts(delivery: &Path) -> Vec<PathBuf> {
    let mut parts = Vec::new();
    for period in std::fs::read_dir(delivery).unwrap() {
        for file in std::fs::read_dir(period.unwrap().path()).unwrap() {
            parts.push(file.unwrap().path());
        }
    }
    parts.retain(|path| path.to_string_lossy().ends_with(".csv.gz"));
    parts.sort();
    parts
}

const RESTATE_RULES: &str = "
rules:
  - {id: commitments, when: \"CommitmentDiscountStatus = 'Unused' OR ChargeCategory = 'Purchase'\", owner: (commitments)}
  - {id: shared, when: \"ChargeCategory IN ('Tax', 'Credit', 'Adjustment')\", owner: (unallocated)}
  - {id: by-resource, mapping: owners.csv}
residual: {steward: cloud-efficiency}
";

fn restate_org() -> String {
    let teams = (0..12).map(|team| format!("  - {{id: team-{team:02}, name: Team {team}}}\n")).collect::<String>();
    format!("units:\n  - {{id: (commitments)}}\n  - {{id: (unallocated)}}\n{teams}")
}

/// The resource owners of the test data, in the dated form that rules read: the owner changes on each 16th.
fn dated_owners(owners: &str) -> String {
    let mut out = "ResourceId,owner,effective_from,effective_until\n".to_owned();
    for line in owners.lines().skip(1) {
        let [resource, before, after] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
        for (month, next) in [("2026-08", "2026-09"), ("2026-09", "2026-10"), ("2026-10", "2026-11")] {
            writeln!(out, "{resource},{before},{month}-01,{month}-16").unwrap();
            writeln!(out, "{resource},{after},{month}-16,{next}-01").unwrap();
        }
    }
    out
}

#[test]
fn each_accepted_delivery_has_the_totals_and_true_owners_that_the_truth_says() {
    let Some(root) = staged("restate-1.2") else { return };
    let truth: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(root.join("truth.json")).unwrap()).unwrap();
    let owners = dated_owners(&std::fs::read_to_string(root.join("owners.csv")).unwrap());
    let files = |path: &str| (path == "owners.csv").then(|| owners.clone().into_bytes());
    let org = restate_org();
    let options = AuditOptions { rules: Some((RESTATE_RULES, &files)), org: Some(&org), ..AuditOptions::default() };
    let mut accepted = 0;
    for step in truth["deliveries"].as_array().unwrap() {
        let name = step["delivery"].as_str().unwrap();
        let parts = delivery_parts(&root.join("deliveries").join(name));
        if step["accepted"] == false {
            // 004 lacks a part, which only its manifest tells; 005 is cut off, which reading finds.
            assert_eq!(audit_files(&parts, Format::Focus, &options).is_err(), name.starts_with("005"), "{name}");
            continue;
        }
        accepted += 1;
        let audit = audit_files(&parts, Format::Focus, &options).unwrap();
        assert_eq!((audit.dropped, audit.unreadable), (0, 0), "{name}");
        assert_eq!(audit.scopes.len(), 1, "{name}");
        for ((month, currency), totals) in &audit.scopes {
            let expected = &step["totals_after"][month.to_string()];
            let exact = |value: &serde_json::Value| Amount::cost(value.as_str().unwrap()).unwrap();
            assert_eq!(currency, "USD");
            assert_eq!(Some(totals.rows), expected["rows"].as_u64(), "{name} {month}");
            assert_eq!(totals.billed, exact(&expected["BilledCost"]), "{name} {month}");
            assert_eq!(totals.effective, exact(&expected["EffectiveCost"]), "{name} {month}");
            assert_eq!(totals.list, exact(&expected["ListCost"]), "{name} {month}");
            assert_eq!(totals.contracted, exact(&expected["ContractedCost"]), "{name} {month}");
            let true_owners = expected["EffectiveCostByTrueOwner"].as_object().unwrap();
            for (owner, cost) in true_owners {
                let found = totals.by_owner.get(owner).map(|totals| totals.costs[1].clone()).unwrap_or_default();
                assert_eq!(found, exact(cost), "{name} {month} {owner}");
            }
            let strangers: Vec<_> = totals.by_owner.keys().filter(|owner| !true_owners.contains_key(*owner)).collect();
            assert!(strangers.is_empty(), "{name} {month}: {strangers:?}");
        }
    }
    assert_eq!(accepted, 8);
}

const FOCUS_HEADER: &str = "BillingPeriodStart,ChargePeriodStart,BillingCurrency,BilledCost,EffectiveCost,ListCost,ContractedCost,SubAccountId,Tags,AllocatedTags\n";

fn focus(rows: &[&str]) -> String {
    format!("{FOCUS_HEADER}{}\n", rows.join("\n"))
}

#[test]
fn a_row_that_cannot_be_read_is_counted_and_not_summed() {
    let text = focus(&[
        "2026-09-01 00:00:00,2026-09-03,usd,1,NULL,,2e0,a",
        "2026-09-01,2026-09-03,USD,1e12,1,1,1,cost too large",
        "2026-09-01,2026-09-03,USD,0,1e-31,1,1,cost too precise",
        "2026-09-01,2026-09-03,USD,0,\"1,5\",1,1,comma",
        "2026-09-01,2026-02-30,USD,0,1,1,1,no such day",
        "NULL,2026-09-03,USD,0,1,1,1,no month",
        "2026-09-01,2026-09-03,US$,0,1,1,1,no currency",
        "2026-09-01,2026-09-03,EUR,-1,-1,-1,-1,b",
    ]);
    let audit = audit_text(&text, Format::Focus, &AuditOptions::default());
    assert_eq!(shown(&audit), "2026-09 EUR 1 -1 -1 -1 -1\n2026-09 USD 1 1 0 0 2\ndropped 0 unreadable 6\n");
    assert_eq!(audit.rows_read, 8);
    assert_eq!(audit.unreadable_by_reason["billedcost is too large"], 1);
}

#[test]
fn compression_and_line_ends_do_not_matter() {
    let text = focus(&["2026-09-01,2026-09-03,USD,1,2,3,4,a", "2026-09-01,2026-09-04,USD,0.1,0.2,0.3,0.4,b"]);
    let expected = "2026-09 USD 2 1.1 2.2 3.3 4.4\n";
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let (head, tail) = text.split_at(100);
    let members = [gzip(head), gzip(tail)].concat();
    let spellings = [
        text.clone().into_bytes(),
        format!("\u{feff}{}", text.replace('\n', "\r\n")).into_bytes(),
        text.replace(',', ";").into_bytes(),
        gzip(&text),
        members.clone(),
        zstd::encode_all(text.as_bytes(), 3).unwrap(),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (number, bytes) in spellings.iter().enumerate() {
        let path = folder.path().join(number.to_string());
        std::fs::write(&path, bytes).unwrap();
        let audit = audit_files(&[path], Format::Focus, &AuditOptions::default()).unwrap();
        assert_eq!(shown(&audit), expected, "spelling {number}");
    }
    let cut = folder.path().join("cut");
    std::fs::write(&cut, &members[..members.len() - 9]).unwrap();
    assert!(matches!(audit_files(&[cut], Format::Focus, &AuditOptions::default()), Err(AuditError::Read { .. })));
}

#[test]
fn json_lines_keep_every_digit_and_unnest_credits_once() {
    let text = concat!(
        r#"{"invoice":{"month":"202609"},"usage_start_time":"2026-08-31T23:00:00Z","currency":"USD","cost":0.1234567890123456789012,"credits":[{"name":"a","amount":-0.1},{"name":"b","amount":-0.02}],"export_time":"2026-09-01T05:00:00Z"}"#,
        "\n\n",
        r#"{"invoice":{"month":"202609"},"usage_start_time":"2026-09-01T00:00:00Z","currency":"USD","cost":null,"credits":[],"export_time":"2026-09-02 05:00:00+00:00"}"#,
        "\n{broken\n",
    );
    let audit = audit_text(text, Format::GcpDetailed, &AuditOptions::default());
    let cost = "0.0034567890123456789012";
    assert_eq!(shown(&audit), format!("2026-09 USD 2 {cost} {cost} {cost} {cost}\ndropped 0 unreadable 1\n"));

    let batches = BTreeSet::from([("2026-09".parse().unwrap(), "2026-09-02T05:00:00Z".to_owned())]);
    let options = AuditOptions { skip_batches: Some(&batches), ..AuditOptions::default() };
    let audit = audit_text(text, Format::GcpDetailed, &options);
    assert_eq!((audit.rows_read, audit.dropped, audit.unreadable), (3, 1, 1));
}

#[test]
fn parquet_columns_of_every_kind_are_read_exactly() {
    use parquet::data_type::{
        ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, Int64Type,
    };
    let schema = "message bill {
        required int64 BillingPeriodStart (TIMESTAMP(MICROS, true));
        required int64 ChargePeriodStart (TIMESTAMP(NANOS, true));
        required binary BillingCurrency (UTF8);
        required fixed_len_byte_array(16) BilledCost (DECIMAL(38, 18));
        required double EffectiveCost;
        required binary ListCost (UTF8);
        optional binary ContractedCost (UTF8);
    }";
    let schema = std::sync::Arc::new(parquet::schema::parser::parse_message_type(schema).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bill");
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = parquet::file::writer::SerializedFileWriter::new(file, schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let september = Instant::start_of("2026-09-01".parse().unwrap()).micros();
    let text = |text: &str| ByteArray::from(text);
    let mut column = 0;
    while let Some(mut out) = group.next_column().unwrap() {
        let written = match column {
            0 => out.typed::<Int64Type>().write_batch(&[september], None, None),
            1 => out.typed::<Int64Type>().write_batch(&[september * 1000 + 1], None, None),
            2 => out.typed::<ByteArrayType>().write_batch(&[text("USD")], None, None),
            3 => {
                let units: i128 = -1_500_000_000_000_000_001;
                let bytes = FixedLenByteArray::from(units.to_be_bytes().to_vec());
                out.typed::<FixedLenByteArrayType>().write_batch(&[bytes], None, None)
            }
            4 => out.typed::<DoubleType>().write_batch(&[0.1], None, None),
            5 => out.typed::<ByteArrayType>().write_batch(&[text("1E-30")], None, None),
            _ => out.typed::<ByteArrayType>().write_batch(&[], Some(&[0]), None),
        };
        written.unwrap();
        out.close().unwrap();
        column += 1;
    }
    group.close().unwrap();
    writer.close().unwrap();
    let audit = audit_files(&[path], Format::Focus, &AuditOptions::default()).unwrap();
    assert_eq!(shown(&audit), "2026-09 USD 1 -1.500000000000000001 0.1 0.000000000000000000000000000001 0\n");
}

const TEAMS: &str = "
units:
  - {id: acme, name: Acme, kind: company}
  - {id: payments, name: Payments, parent: acme, aliases: [pay, PAYMENTS]}
  - {id: data, name: Data, aliases: [shared]}
  - {id: search, name: Search, aliases: [shared]}
  - {id: late, effective: {from: 2026-09-16}}
  - {id: early, effective: {until: 2026-09-16}}
";

fn owner_of(rules: &str, row: &str, mapping: &str) -> String {
    let files = |path: &str| (path == "owners.csv").then(|| mapping.as_bytes().to_vec());
    let options = AuditOptions { rules: Some((rules, &files)), org: Some(TEAMS), ..AuditOptions::default() };
    let audit = audit_text(&focus(&[row]), Format::Focus, &options);
    let totals = audit.scopes.values().next().unwrap();
    assert_eq!(totals.by_owner.len(), 1);
    let (owner, sums) = totals.by_owner.first_key_value().unwrap();
    assert_eq!(sums.costs, [&totals.billed, &totals.effective, &totals.list, &totals.contracted].map(Amount::clone));
    owner.clone()
}

/// A row on a day with tags and allocated tags.
fn tagged(day: &str, tags: &str, allocated: &str) -> String {
    let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    format!("2026-09-01,{day},USD,1,2,3,4,123,{},{}", quote(tags), quote(allocated))
}

#[test]
fn a_tag_finds_its_team_by_id_name_or_alias() {
    let rules =
        "rules: [{id: tag, owner: {from: \"Tags['team']\"}}, {id: rest, when: \"SubAccountId = '9'\", owner: data}]";
    let owner = |day: &str, tags: &str| owner_of(rules, &tagged(day, tags, ""), "");
    assert_eq!(owner("2026-09-03", r#"{"team": "payments"}"#), "payments");
    assert_eq!(owner("2026-09-03", r#"{"team": "PAY "}"#), "payments");
    assert_eq!(owner("2026-09-03", r#"{"team": "Shared"}"#), "residual:ambiguous");
    assert_eq!(owner("2026-09-03", r#"{"team": "nobody"}"#), "residual:unknown-team");
    assert_eq!(owner("2026-09-03", r#"{"team": ""}"#), "residual:no-rule");
    assert_eq!(owner("2026-09-03", r#"{"Team": "payments"}"#), "residual:no-rule");
    assert_eq!(owner("2026-09-15T23:59:59Z", r#"{"team": "late"}"#), "residual:unknown-team");
    assert_eq!(owner("2026-09-16", r#"{"team": "late"}"#), "late");
    assert_eq!(owner("2026-09-16", r#"{"team": "early"}"#), "residual:unknown-team");
    let allocated = tagged("2026-09-03", r#"{"team": "data"}"#, r#"{"team": "search"}"#);
    assert_eq!(owner_of(rules, &allocated, ""), "search", "allocated tags come first");
}

#[test]
fn the_first_effective_rule_with_an_answer_decides() {
    let rules = "
rules:
  - {id: new, when: \"SubAccountId = '123'\", owner: pay, effective: {from: 2026-09-16}}
  - {id: map, mapping: owners.csv}
  - {id: pool, when: \"Tags['on'] = 'true'\", pool: kafka}
";
    let mapping = "SubAccountId,Tags['k'],owner,effective_from,effective_until\n123,x,data,,2026-09-10\n123,x,search,2026-09-10,\n123,,payments,2026-09-05,2026-09-06\n123,y,,,\n";
    let owner = |day: &str, tags: &str| owner_of(rules, &tagged(day, tags, ""), mapping);
    assert_eq!(owner("2026-09-16", "{}"), "payments");
    assert_eq!(owner("2026-09-09", r#"{"k": "x"}"#), "data");
    assert_eq!(owner("2026-09-10", r#"{"k": "x"}"#), "search");
    assert_eq!(owner("2026-09-05", "NULL"), "payments");
    assert_eq!(owner("2026-09-06", "NULL"), "residual:no-rule");
    assert_eq!(owner("2026-09-01", r#"{"k": "y", "on": true}"#), "residual:pool:kafka");
}

#[test]
fn rules_that_cannot_be_used_are_refused_by_name() {
    let read = |yaml: &str| {
        let versions = [RulesVersion { from: Day::EARLIEST, yaml, files: &|_| None }];
        Rules::read(&RulesHistory { versions: &versions, claims: None }, History::default())
    };
    let refused = |yaml: &str| match read(yaml) {
        Err(fault) => fault.to_string(),
        Ok(_) => panic!("{yaml} was accepted"),
    };
    assert!(refused("rules: [{id: a, when: \"x =\", owner: b}]").starts_with("read the rules: rule a: "));
    assert_eq!(
        refused("rules: [{id: a, mapping: m.csv}]"),
        "read the rules: rule a: the mapping file m.csv is not there"
    );
    assert_eq!(refused("rules: [{id: a}]"), "read the rules: rule a: it has no owner, mapping or pool");
}

#[test]
fn a_file_of_an_appending_source_that_another_delivery_brought_is_left_out() {
    let Some(file) = staged("oci/oci_cost_first150.csv") else { return };
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let skipped = |month: &str| {
        let batches = BTreeSet::from([(month.parse().unwrap(), name.clone())]);
        let options = AuditOptions { skip_batches: Some(&batches), ..AuditOptions::default() };
        audit_files(std::slice::from_ref(&file), Format::OciCost, &options).unwrap().dropped
    };
    assert_eq!(skipped("2023-11"), 150);
    assert_eq!(skipped("2023-12"), 0, "a batch is skipped in the scope that has it");
}

#[test]
fn a_missing_file_is_named() {
    let fault = audit_files(&[PathBuf::from("nowhere.csv")], Format::Focus, &AuditOptions::default()).unwrap_err();
    assert!(fault.to_string().starts_with("read nowhere.csv: "), "{fault}");
}

#[test]
fn a_json_list_reads_like_json_lines() {
    let row = |cost: &str| {
        format!(
            r#"{{"invoice":{{"month":"202609"}},"usage_start_time":"2026-09-01","currency":"EUR","cost":{cost},"cost_at_list":2}}"#
        )
    };
    let list =
        audit_text(&format!("[\n{},\n{}]\n", row("0.1"), row("0.2")), Format::GcpDetailed, &AuditOptions::default());
    assert_eq!(shown(&list), "2026-09 EUR 2 0.3 0.3 4 0.3\n");
    let lines = audit_text(&format!("{}\n{}", row("0.1"), row("0.2")), Format::GcpDetailed, &AuditOptions::default());
    assert_eq!(list, lines);
}

#[test]
fn provider_columns_of_old_and_new_versions_fill_each_other() {
    let rules = |column: &str| format!("rules: [{{id: provider, when: \"{column} = 'AWS'\", owner: data}}]");
    let owner = |filled: &str, asked: &str| {
        let header = "BillingPeriodStart,ChargePeriodStart,BillingCurrency,BilledCost";
        let text = format!("{header},{filled}\n2026-09-01,2026-09-03,USD,1,AWS\n");
        let rules = rules(asked);
        let options = AuditOptions { rules: Some((&rules, &|_| None)), org: Some(TEAMS), ..AuditOptions::default() };
        let audit = audit_text(&text, Format::Focus, &options);
        audit.scopes.into_values().next().unwrap().by_owner.into_keys().next().unwrap()
    };
    for (filled, asked) in [
        ("ProviderName", "ServiceProviderName"),
        ("ProviderName", "HostProviderName"),
        ("ServiceProviderName", "ProviderName"),
        ("HostProviderName", "ProviderName"),
        ("ProviderName", "providername"),
    ] {
        assert_eq!(owner(filled, asked), "data", "{asked} from {filled}");
    }
    assert_eq!(owner("PublisherName", "ProviderName"), "residual:no-rule");
}
