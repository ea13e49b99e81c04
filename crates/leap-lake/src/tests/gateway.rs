//! The gateway answers exactly and does nothing but read.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field};
use leap_terms::tables::Table;

use super::bill::{AMOUNTS, TOTAL, info, published, scope, stage_charges};
use crate::{Annotator, Lake, LakeError, SqlWorld};

async fn ask(lake: &Lake, world: &SqlWorld, text: &str) -> String {
    let answer = match lake.sql(world, text).await {
        Ok(answer) => answer,
        Err(fault) => return format!("error: {fault}"),
    };
    let rows = answer
        .texts()
        .map(|row| row.into_iter().map(|cell| cell.unwrap_or_else(|| "null".to_owned())).collect::<Vec<_>>().join(" "));
    rows.collect::<Vec<_>>().join("; ")
}

struct Owners;

impl Annotator for Owners {
    fn fields(&self) -> Vec<Field> {
        vec![Field::new("x_LeapOwner", DataType::Utf8, true), Field::new("x_LeapRule", DataType::Utf8, true)]
    }

    fn needs(&self) -> Vec<String> {
        vec!["Tags".to_owned(), "x_LeapBillingPeriod".to_owned(), "x_NowhereYet".to_owned()]
    }

    fn annotate(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>, String> {
        assert_eq!(batch.num_columns(), 3);
        assert_eq!(batch.column(2).null_count(), batch.num_rows());
        let owner = |tags: Option<&str>| if tags.is_some() { "team" } else { "residual:no-rule" };
        let owners: StringArray = batch.column(0).as_string::<i32>().iter().map(|tags| Some(owner(tags))).collect();
        let rules: StringArray =
            batch.column(0).as_string::<i32>().iter().map(|tags| tags.map(|_| "team-tag")).collect();
        Ok(vec![Arc::new(owners), Arc::new(rules)])
    }
}

#[tokio::test]
async fn sums_are_exact_to_the_thirtieth_decimal() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, live) = published(folder.path()).await;
    let world = SqlWorld { files: live, ..SqlWorld::default() };
    assert_eq!(ask(&lake, &world, "SELECT SUM(BilledCost) FROM charges").await, TOTAL);
    assert_eq!(ask(&lake, &world, "SELECT BilledCost FROM charges ORDER BY x_LeapRow").await, AMOUNTS.join("; "));
    assert_eq!(
        ask(&lake, &world, "SELECT SUM(ConsumedQuantity) FROM charges").await,
        "540000000000000000000",
        "a sum that wraps in 128 bits"
    );
    assert_eq!(ask(&lake, &world, "SELECT 0.1 + 0.2").await, "0.3", "a literal is no float");
    assert_eq!(ask(&lake, &world, "SELECT SUM(BilledCost * 1.1) FROM charges WHERE BilledCost = 10").await, "11");
    assert_eq!(ask(&lake, &world, "SELECT round(BilledCost, 1) FROM charges WHERE BilledCost = 10").await, "10");
    assert_eq!(
        ask(&lake, &world, "SELECT day, BillingCurrency, EffectiveCost, rows FROM cube").await,
        "2026-09-16 USD 7 1"
    );
    assert_eq!(ask(&lake, &world, "SELECT count(*) FROM charges").await, "6");
    assert_eq!(ask(&lake, &world, "SELECT count(*) FROM keys").await, "0", "a table without files is there and empty");
    let seen = "SELECT count(*) FROM information_schema.columns WHERE column_name LIKE 'x_LeapFine%'";
    assert_eq!(ask(&lake, &world, seen).await, "0");
}

#[tokio::test]
async fn tags_periods_owners_and_small_tables_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, mut live) = published(folder.path()).await;
    let staging = lake.stage("tx-2").unwrap();
    live.push(stage_charges(&staging, &scope("focus:gcp", "2026-10"), "fedcba9876543210", &["3", "4"], &["x_Other"]));
    lake.publish(staging, &Table::MONEY, &live, &info("ingest")).await.unwrap();
    let teams =
        RecordBatch::try_from_iter([("id", Arc::new(StringArray::from(vec!["payments", "search"])) as ArrayRef)])
            .unwrap();
    let world = SqlWorld {
        files: live,
        annotate: Some(Arc::new(Owners)),
        tables: vec![("teams".to_owned(), teams)],
        ..SqlWorld::default()
    };
    let by_team = "SELECT Tags['team'] AS team, count(*) FROM charges GROUP BY Tags['team'] ORDER BY 1 NULLS LAST";
    assert_eq!(ask(&lake, &world, by_team).await, "payments 3; search 3; null 2");
    assert_eq!(ask(&lake, &world, "SELECT count(*) FROM charges WHERE Tags['team'] = 'search'").await, "3");
    let october = "SELECT x_LeapSource, SUM(BilledCost), max(x_Discounts), max(x_Other) FROM charges \
                   WHERE x_LeapBillingPeriod >= '2026-10' GROUP BY 1";
    assert_eq!(ask(&lake, &world, october).await, "focus:gcp 7 null null");
    let owners = "SELECT x_LeapOwner, x_LeapRule, count(*), SUM(BilledCost) FROM charges \
                  WHERE x_LeapBillingPeriod = '2026-10' OR x_LeapOwner LIKE 'residual%' GROUP BY 1, 2 ORDER BY 1";
    assert_eq!(
        ask(&lake, &world, owners).await,
        "residual:no-rule null 2 0.100000000000000000000000000001; team team-tag 2 7"
    );
    let joined = "SELECT count(*) FROM charges c JOIN teams t ON c.Tags['team'] = t.id WHERE t.id = 'payments'";
    assert_eq!(ask(&lake, &world, joined).await, "3");
    let late = "SELECT x_LeapRow FROM charges WHERE x_LeapSource = 'focus:gcp' ORDER BY x_LeapRow DESC LIMIT 1";
    assert_eq!(ask(&lake, &world, late).await, "2");
    assert_eq!(ask(&lake, &world, "SELECT count(*) FROM charges WHERE x_LeapSource = 'nobody'").await, "0");
    assert_eq!(ask(&lake, &world, "SELECT x_LeapOwner FROM charges LIMIT 1").await, "team");
}

#[tokio::test]
async fn whatever_is_not_one_query_is_refused_on_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, live) = published(folder.path()).await;
    let place = lake.root().join(&live[0].path).display().to_string();
    let outside = folder.path().join("out.csv").display().to_string();
    let world = SqlWorld { files: live, ..SqlWorld::default() };
    let refused = [
        "CREATE TABLE t AS SELECT 1".to_owned(),
        "CREATE VIEW v AS SELECT 1".to_owned(),
        format!("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{place}'"),
        "DROP TABLE charges".to_owned(),
        "CREATE SCHEMA s".to_owned(),
        "CREATE FUNCTION f() RETURNS INT RETURN 1".to_owned(),
        "INSERT INTO teams VALUES ('x')".to_owned(),
        "INSERT INTO charges SELECT * FROM charges".to_owned(),
        "DELETE FROM charges".to_owned(),
        "UPDATE charges SET ServiceName = 'x'".to_owned(),
        "TRUNCATE TABLE charges".to_owned(),
        format!("COPY charges TO '{outside}'"),
        format!("COPY (SELECT 1) TO '{outside}' STORED AS CSV"),
        format!("EXPLAIN COPY charges TO '{outside}'"),
        format!("EXPLAIN ANALYZE COPY charges TO '{outside}'"),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "RESET datafusion.execution.batch_size".to_owned(),
        "BEGIN".to_owned(),
        "PREPARE p AS SELECT 1".to_owned(),
        "EXECUTE p".to_owned(),
        "DEALLOCATE p".to_owned(),
        "SELECT 1; SELECT 2".to_owned(),
        "SELECT 1; DROP TABLE charges".to_owned(),
    ];
    for text in &refused {
        let fault = lake.sql(&world, text).await.err();
        assert!(matches!(fault, Some(LakeError::SqlRefused { .. })), "{text}: {fault:?}");
    }
    let fault = lake.sql(&world, &refused[14]).await.unwrap_err();
    assert_eq!(fault.to_string(), "the SQL gateway only reads: COPY is refused");
    let unknown = [
        format!("SELECT * FROM '{place}'"),
        format!("SELECT * FROM \"{place}\""),
        "SELECT * FROM 'file.parquet'".to_owned(),
        "SELECT * FROM read_parquet('x')".to_owned(),
        "SELECT * FROM generate_series(1, 1000000000000)".to_owned(),
        "SELECT repeat('x', 2000000000)".to_owned(),
        "SELECT NoSuchColumn FROM charges".to_owned(),
        "SELEC 1".to_owned(),
        String::new(),
    ];
    for text in &unknown {
        assert!(matches!(lake.sql(&world, text).await, Err(LakeError::Sql { .. })), "{text}");
    }
    let hint = ask(&lake, &world, "SELECT billedcost FROM charges").await;
    assert_eq!(hint, "error: No field named billedcost. Did you mean 'charges.BilledCost'?");
    assert!(!std::path::Path::new(&outside).exists());
    assert!(ask(&lake, &world, "EXPLAIN SELECT 1").await.contains("logical_plan"));
    assert!(ask(&lake, &world, "EXPLAIN ANALYZE SELECT count(*) FROM charges").await.contains("Plan with Metrics"));
    assert!(
        ask(&lake, &world, "SELECT table_name FROM information_schema.tables ORDER BY 1").await.contains("charges")
    );
}

#[tokio::test]
async fn a_text_made_to_kill_the_planner_gets_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, live) = published(folder.path()).await;
    let world = SqlWorld { files: live, ..SqlWorld::default() };
    let limit_of = async |text: String| match lake.sql(&world, &text).await {
        Err(LakeError::SqlLimit { limit, .. }) => limit,
        other => panic!("{:.60}: {other:?}", text),
    };
    let ors = vec!["BilledCost = 1"; 20_000].join(" OR ");
    assert_eq!(limit_of(format!("SELECT 1 FROM charges WHERE {ors}")).await, "SQL_BYTES");
    let ors = vec!["a=1"; 501].join(" OR ");
    assert_eq!(limit_of(format!("SELECT 1 FROM charges WHERE {ors}")).await, "SQL_BINARY_OPERATORS");
    let list = vec!["1"; 6_000].join(",");
    assert_eq!(limit_of(format!("SELECT 1 IN ({list})")).await, "SQL_TOKENS");
    assert_eq!(limit_of(format!("SELECT {}1{}", "(".repeat(65), ")".repeat(65))).await, "SQL_DEPTH");
    for chain in ["NOT ", "- ", "+ "] {
        assert_eq!(limit_of(format!("SELECT {}1", chain.repeat(2_000))).await, "SQL_BINARY_OPERATORS");
    }
    assert_eq!(limit_of(format!("SELECT 1{}", "::int".repeat(2_000))).await, "SQL_BINARY_OPERATORS");
    assert_eq!(limit_of(format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(2_000))).await, "SQL_BINARY_OPERATORS");
    // As much as is allowed works.
    let ors = vec!["x_LeapRow = 1"; 245].join(" OR ");
    assert_eq!(ask(&lake, &world, &format!("SELECT count(*) FROM charges WHERE {ors}")).await, "1");
    // A query that never ends is stopped.
    let impatient = SqlWorld { seconds: Some(1), ..world.clone() };
    let six = vec!["charges"; 16].iter().enumerate().map(|(at, name)| format!("{name} c{at}")).collect::<Vec<_>>();
    let endless = format!(
        "SELECT count(*) FROM {} WHERE c0.BilledCost + c15.BilledCost > c7.BilledCost + c9.BilledCost",
        six.join(", ")
    );
    let fault = lake.sql(&impatient, &endless).await.err();
    assert!(matches!(fault, Some(LakeError::SqlLimit { limit: "SQL_SECONDS" | "SQL_MEMORY_BYTES", .. })), "{fault:?}");
}
