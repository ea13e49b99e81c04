//! Containers, damage and limits: each refusal names the file and the rule.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, Decimal256Array, DictionaryArray, Float64Array, MapBuilder, RecordBatch, StringArray,
    StringBuilder, TimestampMillisecondArray, TimestampNanosecondArray,
};
use arrow::datatypes::{Int32Type, i256};
use expect_test::{Expect, expect};
use leap_terms::Format;

use super::*;
use crate::map::MapOptions;
use crate::map::tests::{map_file_with, map_text};

const BILL: &str = "BilledCost,BillingCurrency,BillingPeriodStart,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,Tags\n1.5,USD,2026-09-01T00:00:00Z,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Usage,\n2.5,USD,2026-09-01T00:00:00Z,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Usage,\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

fn read(bytes: &[u8]) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bill");
    std::fs::write(&path, bytes).unwrap();
    map_file_with(&path, MapOptions::default())
        .map(|whole| {
            whole
                .mappings
                .iter()
                .find(|one| one.cost.word() == "billed")
                .map(|one| one.mapped_total.to_string())
                .unwrap_or_default()
        })
        .map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "DIR"))
}

fn refused(bytes: &[u8], expected: Expect) {
    expected.assert_eq(&read(bytes).expect_err("the part is damaged"));
}

#[test]
fn compression_is_told_from_magic_bytes() {
    assert_eq!(read(BILL.as_bytes()), Ok("4".to_owned()));
    assert_eq!(read(&gzip(BILL.as_bytes())), Ok("4".to_owned()));
    assert_eq!(read(&zstd(BILL.as_bytes())), Ok("4".to_owned()));
    let (front, back) = BILL.as_bytes().split_at(130);
    assert_eq!(read(&[gzip(front), gzip(back)].concat()), Ok("4".to_owned()), "several gzip members are one text");
    assert_eq!(read(&[zstd(front), zstd(back)].concat()), Ok("4".to_owned()), "several zstd frames are one text");
}

#[test]
fn every_cut_of_a_compressed_part_is_refused() {
    for whole in [gzip(BILL.as_bytes()), zstd(BILL.as_bytes())] {
        for cut in 5..whole.len() {
            assert!(read(&whole[..cut]).is_err(), "cut at {cut} of {}", whole.len());
        }
    }
    let whole = gzip(BILL.as_bytes());
    refused(
        &whole[..whole.len() - 3],
        expect!["part 'DIR/bill' ends in the middle of its gzip stream: it was cut off; copy or export it again"],
    );
    let whole = zstd(BILL.as_bytes());
    refused(
        &whole[..whole.len() - 3],
        expect!["part 'DIR/bill' ends in the middle of its zstd stream: it was cut off; copy or export it again"],
    );
}

#[test]
fn what_follows_a_compressed_stream_is_refused() {
    refused(
        &[gzip(BILL.as_bytes()), b"garbage".to_vec()].concat(),
        expect!["part 'DIR/bill' ends in the middle of its gzip stream: it was cut off; copy or export it again"],
    );
    assert!(read(&[zstd(BILL.as_bytes()), b"garbage".to_vec()].concat()).is_err());
    assert!(read(&[gzip(BILL.as_bytes()), vec![0; 64]].concat()).is_err());
}

#[test]
fn text_that_is_no_table_is_refused() {
    refused(
        b"",
        expect![
            "part 'DIR/bill' is empty: it has no header; a bill without charges still has one, so the upload is unfinished"
        ],
    );
    refused(
        b"\n \n",
        expect![
            "part 'DIR/bill' is empty: it has no header; a bill without charges still has one, so the upload is unfinished"
        ],
    );
    refused(
        BILL.replace('\n', "\r").as_bytes(),
        expect![
            "cannot read part 'DIR/bill': its lines end in carriage returns alone (old Macintosh text); save it with line feeds"
        ],
    );
    refused(
        b"\xff\xfea\0,\0b\0",
        expect!["cannot read part 'DIR/bill': it is UTF-16 text; save or export it as UTF-8"],
    );
    refused(
        BILL.replacen("Usage", "\"Usage", 1).as_bytes(),
        expect!["part 'DIR/bill' ends inside a quoted field: it was cut off; copy or export it again"],
    );
    let mut latin = BILL.as_bytes().to_vec();
    latin.extend_from_slice(b"1,USD,2026-09-01,2026-09-02,2026-09-03,Usage,\xe9\n");
    refused(
        &latin,
        expect!["cannot read part 'DIR/bill': it is no UTF-8 text near data row 3; export or save it as UTF-8"],
    );
    refused(
        BILL.replace(",Tags", ",billedcost").as_bytes(),
        expect![
            "part 'DIR/bill' has the column 'BilledCost' twice: which one counts is a guess; export it again with each column once"
        ],
    );
}

#[test]
fn an_unknown_format_names_the_nearest() {
    refused(
        b"BilledCost,ChargePeriodStart,Currency,ChargeCategory\n1,2,3,4\n",
        expect![[r#"
        cannot tell the format of part 'DIR/bill': its columns fit none of FOCUS 1.0 to 1.4, AWS Cost and Usage Report (legacy), AWS CUR 2.0, OCI cost report, GCP detailed billing export, Azure cost details
          nearest: FOCUS 1.0 to 1.4, but it lacks BillingCurrency
          found: BilledCost, ChargePeriodStart, Currency, ChargeCategory
          also taken in: traces (OTLP, Jaeger, Zipkin) and business volume (CSV of date,metric,value)"#]],
    );
    refused(
        b"a,b\n1,2\n",
        expect![[r#"
        cannot tell the format of part 'DIR/bill': its columns fit none of FOCUS 1.0 to 1.4, AWS Cost and Usage Report (legacy), AWS CUR 2.0, OCI cost report, GCP detailed billing export, Azure cost details
          a bill has, for instance, BilledCost, ChargePeriodStart, BillingCurrency, ChargeCategory
          found: a, b
          also taken in: traces (OTLP, Jaeger, Zipkin) and business volume (CSV of date,metric,value)"#]],
    );
    refused(
        b"lineItem/UnblendedCost,lineItem/LineItemType,lineItem/StartDate\n1,2,3\n",
        expect![[r#"
        cannot tell the format of part 'DIR/bill': its columns fit none of FOCUS 1.0 to 1.4, AWS Cost and Usage Report (legacy), AWS CUR 2.0, OCI cost report, GCP detailed billing export, Azure cost details
          nearest: AWS Cost and Usage Report (legacy), but it lacks lineitem/usagestartdate
          found: lineItem/UnblendedCost, lineItem/LineItemType, lineItem/StartDate
          also taken in: traces (OTLP, Jaeger, Zipkin) and business volume (CSV of date,metric,value)"#]],
    );
}

#[test]
fn json_that_ends_early_is_refused() {
    refused(
        b"[{\"cost\":1},",
        expect![[r#"
        cannot tell the format of part 'DIR/bill': its columns fit none of FOCUS 1.0 to 1.4, AWS Cost and Usage Report (legacy), AWS CUR 2.0, OCI cost report, GCP detailed billing export, Azure cost details
          nearest: GCP detailed billing export, but it lacks billing_account_id, usage_start_time, currency, service.description or service.id
          found: cost
          also taken in: traces (OTLP, Jaeger, Zipkin) and business volume (CSV of date,metric,value)"#]],
    );
    refused(b"[{\"billing_account_id\":\"a\",\"usage_start_time\":\"2026-09-01\",\"cost\":1,\"currency\":\"USD\",\"service\":{\"id\":\"x\"}},", expect!["part 'DIR/bill' ends before its list of objects is closed: it was cut off; copy or export it again"]);
    refused(b"{\"billing_account_id\":\"a\",\"usage_start_time\":\"2026-09-01\",\"cost\":1,\"currency\":\"USD\",\"service\":{\"id\":\"x\"}}\n{\"billing", expect!["part 'DIR/bill' ends in the middle of an object: it was cut off; copy or export it again"]);
    refused(
        b"{\"a\":",
        expect![
            "cannot read part 'DIR/bill': it starts like JSON, but no object is complete in its first MiB; one object per line, or one list of objects, is read"
        ],
    );
}

#[test]
fn limits_name_themselves() {
    let field = "x".repeat(leap_terms::limits::FIELD_BYTES + 1);
    refused(
        format!("{BILL}1,USD,2026-09-01,2026-09-02,2026-09-03,Usage,\"{field}\"\n").as_bytes(),
        expect![
            "part 'DIR/bill' has a field of 4194307 bytes or more at data row 3: limit FIELD_BYTES is 4194304; a quote is probably not closed"
        ],
    );
    let many = format!("BilledCost,{}\n", (0..2100).map(|at| format!("c{at}")).collect::<Vec<_>>().join(","));
    refused(
        many.as_bytes(),
        expect![
            "part 'DIR/bill' has 2101 columns: limit COLUMNS_PER_PART is 2000; no known bill has as many; check the delimiter and the quotes of the header"
        ],
    );
    let row = format!("{BILL}1,USD,{}\n", format!("{},", "y".repeat(leap_terms::limits::FIELD_BYTES - 10)).repeat(5));
    refused(
        row.as_bytes(),
        expect![
            "part 'DIR/bill' has a row of 17039104 bytes or more at data row 3: limit ROW_BYTES is 16777216; a quote is probably not closed"
        ],
    );
    let bomb = vec![b'\n'; 80 << 20];
    refused(
        &gzip(&[BILL.as_bytes(), &bomb].concat()),
        expect![
            "part 'DIR/bill' has 67371008 bytes out of 81681 compressed ones: limit DECOMPRESSION_RATIO is 400; bills compress 10 to 100 times; look at what the file really holds"
        ],
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bill.csv");
    std::fs::write(&path, BILL).unwrap();
    let mut reader =
        PartReader::open(&path, &detect(&path).unwrap(), &ReadOptions { out_of_time: Arc::new(|| true) }).unwrap();
    let error = reader.next_chunk().unwrap_err().to_string();
    assert!(error.contains("limit PART_SECONDS is 14400"), "{error}");
}

#[test]
fn a_large_bill_is_cut_between_its_records() {
    let mut text = BILL.to_owned();
    for at in 0..60_000 {
        text.push_str(&format!("0.0001,USD,2026-09-01T00:00:00Z,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Usage,\"{{\"\"n\"\":\"\"line\n{at}\"\"}}\"\n"));
    }
    let whole = map_text("big.csv", &text);
    assert!(whole.batches.len() > 3, "several chunks");
    assert_eq!(whole.rows_read, 60_002);
    assert!(read(&gzip(text.as_bytes())).is_ok_and(|total| total == "10"));
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bill.parquet");
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap();
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    (folder, path)
}

fn focus_parquet() -> (tempfile::TempDir, PathBuf) {
    let millis = 1_788_220_800_000_i64; // 2026-09-01T00:00:00Z
    let mut tags = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    tags.keys().append_value("team");
    tags.values().append_value("a");
    tags.append(true).unwrap();
    tags.append(false).unwrap();
    let dictionary: DictionaryArray<Int32Type> = vec!["Usage", "Usage"].into_iter().collect();
    let wide = Decimal256Array::from(vec![Some(i256::from_i128(1_234_567_890_123_456_789_012_345)), None])
        .with_precision_and_scale(60, 28)
        .unwrap();
    parquet(vec![
        ("BilledCost", Arc::new(Decimal128Array::from(vec![150, 250]).with_precision_and_scale(20, 2).unwrap())),
        ("EffectiveCost", Arc::new(wide)),
        ("ListCost", Arc::new(Float64Array::from(vec![0.1, 2e-7]))),
        ("BillingCurrency", Arc::new(StringArray::from(vec!["USD", "USD"]))),
        ("BillingPeriodStart", Arc::new(TimestampMillisecondArray::from(vec![millis, millis]).with_timezone("UTC"))),
        ("ChargePeriodStart", Arc::new(TimestampNanosecondArray::from(vec![millis * 1_000_000, millis * 1_000_000]))),
        ("ChargePeriodEnd", Arc::new(arrow::array::Date32Array::from(vec![20_698, 20_698]))),
        ("ChargeCategory", Arc::new(dictionary)),
        ("Tags", Arc::new(tags.finish())),
        ("x_Discounts", Arc::new(StringArray::from(vec![Some("NULL"), Some("d")]))),
    ])
}

#[test]
fn parquet_columns_of_any_type_are_read_exactly() {
    let (_folder, path) = focus_parquet();
    let whole = map_file_with(&path, MapOptions::default()).unwrap();
    assert_eq!(whole.format, Format::Focus);
    let total =
        |kind: &str| whole.mappings.iter().find(|one| one.cost.word() == kind).unwrap().mapped_total.to_string();
    assert_eq!(total("billed"), "4");
    assert_eq!(total("effective"), "0.0001234567890123456789012345");
    assert_eq!(total("list"), "0.1000002");
    assert!(whole.assumptions.iter().any(
        |one| one.what == "cost column is a float in the Parquet file" && one.column.as_deref() == Some("ListCost")
    ));
    assert_eq!(whole.assumptions.iter().find(|one| one.what.contains("without zone")).map(|one| one.rows), Some(2));
    let batch = &whole.batches[0];
    assert_eq!(
        arrow::util::display::array_value_to_string(batch.column_by_name("Tags").unwrap(), 0).unwrap(),
        r#"{"team":"a"}"#
    );
}

#[test]
fn every_cut_of_a_parquet_file_is_refused() {
    let (_folder, path) = focus_parquet();
    let bytes = std::fs::read(&path).unwrap();
    for cut in (0..bytes.len()).step_by(7) {
        assert!(read(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    // Flipped bytes never take the process down; most are noticed, none changes the count of rows.
    for at in (4..bytes.len()).step_by(11) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x55;
        let _outcome = read(&flipped);
    }
    let error = read(&bytes[..bytes.len() - 9]).unwrap_err();
    assert!(error.contains("'DIR/bill'"), "{error}");
}

#[test]
fn nested_rows_of_gcp_in_parquet_are_flattened() {
    use arrow::array::{ListBuilder, StructArray, StructBuilder};
    use arrow::datatypes::{DataType, Field, Fields};
    let service = StructArray::from(vec![(
        Arc::new(Field::new("description", DataType::Utf8, true)),
        Arc::new(StringArray::from(vec!["Compute Engine"])) as ArrayRef,
    )]);
    let fields =
        Fields::from(vec![Field::new("amount", DataType::Float64, true), Field::new("type", DataType::Utf8, true)]);
    let mut credits = ListBuilder::new(StructBuilder::from_fields(fields, 1));
    credits.values().field_builder::<arrow::array::Float64Builder>(0).unwrap().append_value(-0.25);
    credits.values().field_builder::<StringBuilder>(1).unwrap().append_value("PROMOTION");
    credits.values().append(true);
    credits.append(true);
    let invoice = StructArray::from(vec![(
        Arc::new(Field::new("month", DataType::Utf8, true)),
        Arc::new(StringArray::from(vec!["202609"])) as ArrayRef,
    )]);
    let (_folder, path) = parquet(vec![
        ("billing_account_id", Arc::new(StringArray::from(vec!["a"]))),
        ("service", Arc::new(service)),
        ("usage_start_time", Arc::new(TimestampMillisecondArray::from(vec![1_788_220_800_000]).with_timezone("UTC"))),
        ("cost", Arc::new(Float64Array::from(vec![1.25]))),
        ("currency", Arc::new(StringArray::from(vec!["USD"]))),
        ("credits", Arc::new(credits.finish())),
        ("invoice", Arc::new(invoice)),
    ]);
    let whole = map_file_with(&path, MapOptions::default()).unwrap();
    assert_eq!((whole.format, whole.rows_read), (Format::GcpDetailed, 1));
    assert_eq!(whole.mappings.iter().find(|one| one.cost.word() == "billed").unwrap().mapped_total.to_string(), "1");
}
