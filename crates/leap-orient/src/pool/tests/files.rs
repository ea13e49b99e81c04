//! Driver files: CSV and decoded Parquet, and their faults.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Float64Array, StringArray};
use arrow::record_batch::RecordBatch;
use expect_test::{Expect, expect};

use super::*;

const KAFKA: &str = "pools: [{name: kafka, driver: {measured: kafka.csv}}]";

fn faults(csv: &str, expected: Expect) {
    let faults = parse(KAFKA, &[("kafka.csv", csv)]).expect_err("the file has faults");
    expected.assert_eq(&leap_terms::fault::list(&faults));
}

#[test]
fn weights_that_are_none_are_refused_with_file_row_and_remedy() {
    let csv = "date,pool,team,weight
2026-09-01,kafka,payments,-1
2026-09-01,kafka,search,1e15
2026-09-01,kafka,growth,0.0000000000000000001
2026-09-1,kafka,growth,1
2026-09-01,kafka,,NaN
";
    faults(
        csv,
        expect![[r#"
        kafka.csv:2: row 1, column weight: -1 is negative
          help: a share is never negative: leave the row out, or correct what measured it
        kafka.csv:3: row 2, column weight: '1e15' is 10^15 or more
          help: a number ≥ 0 and below 10^15, with at most 18 decimals, such as 12.5
        kafka.csv:4: row 3, column weight: has more than 18 decimals
          help: a number ≥ 0 and below 10^15, with at most 18 decimals, such as 12.5
        kafka.csv:5: row 4, column date: '2026-09-1' is no day such as 2026-09-16
        kafka.csv:6: row 5, column team: is empty
        kafka.csv:6: row 5, column weight: 'NaN' is not a decimal number
          help: a number ≥ 0 and below 10^15, with at most 18 decimals, such as 12.5"#]],
    );
}

#[test]
fn a_repeated_row_is_refused() {
    let csv = "date,pool,team,weight\n2026-09-01,kafka,payments,1\n2026-09-01,kafka,payments,1\n";
    faults(
        csv,
        expect![[r#"
        kafka.csv: row 2: 'payments' has another weight of pool 'kafka' on 2026-09-01 in row 1
          help: a file that was delivered twice? else add the weights up"#]],
    );
}

#[test]
fn several_measures_need_capacities_and_one_needs_all_or_none() {
    let several = "date,pool,team,weight,measure,capacity
2026-09-01,kafka,payments,1,bytes,10
2026-09-01,kafka,payments,1,connections,
";
    faults(
        several,
        expect![[r#"
        kafka.csv: row 2: pool 'kafka' has no capacity of measure 'connections' on 2026-09-01
          help: several measures compare by weight / capacity: add the capacity, or keep one measure"#]],
    );
    let one = "date,pool,team,weight,capacity\n2026-09-01,kafka,payments,1,10\n2026-09-02,kafka,payments,1,\n";
    faults(
        one,
        expect![[r#"
            kafka.csv: row 2: pool 'kafka' has no capacity on 2026-09-02
              help: a measure has a capacity on all its days or on none"#]],
    );
    let differing = "date,pool,team,weight,capacity\n2026-09-01,kafka,payments,1,10\n2026-09-01,kafka,search,1,11\n";
    faults(
        differing,
        expect![[r#"
        kafka.csv:3: row 2, column capacity: differs from row 1, which speaks of the same pool, day and measure
          help: a measure has one capacity a day"#]],
    );
    let zero = "date,pool,team,weight,capacity\n2026-09-01,kafka,payments,1,0\n";
    faults(
        zero,
        expect![[r#"
            kafka.csv: row 1: pool 'kafka' is used on 2026-09-01 and has a capacity of 0
              help: correct the capacity, or leave it empty"#]],
    );
}

#[test]
fn columns_are_found_by_name_and_misspelt_ones_are_named() {
    faults(
        "day,pool,team,weigth\n",
        expect![[r#"
        kafka.csv:1: the file has no column date
          help: the columns are date, pool, team, weight and, where needed, measure, capacity
        kafka.csv:1: the file has a column 'weigth' and no column weight
          help: call it weight"#]],
    );
    faults(
        "date,pool,team,weight,capactiy\n",
        expect![[r#"
        kafka.csv:1: the file has a column 'capactiy' and no column capacity
          help: call it capacity"#]],
    );
}

#[test]
fn a_month_whose_weights_leave_the_range_asks_for_a_larger_unit() {
    let mut csv = "date,pool,team,weight\n".to_owned();
    for at in 0..10_001 {
        writeln!(csv, "2026-09-01,kafka,t{at},999999999999999").unwrap();
    }
    let found = parse(KAFKA, &[("kafka.csv", &csv)]).expect_err("too much");
    assert_eq!(found.len(), 1);
    assert!(found[0].message.ends_with("the weights of pool 'kafka' in 2026-09 reach 10^19"), "{}", found[0].message);
}

#[test]
fn rows_of_pools_that_nobody_declared_are_a_warning() {
    let csv = "date,pool,team,weight\n2026-09-01,kafca,payments,1\n";
    let pools = pools_of(KAFKA, &[("kafka.csv", csv)]);
    let warnings: Vec<String> = pools.warnings().iter().map(Fault::to_string).collect();
    expect![[r#"
        pools.yaml:1:42: 'kafka.csv' has no rows for pool 'kafka'
            1 | pools: [{name: kafka, driver: {measured: kafka.csv}}]
              |                                          ^^^^^^^^^
          help: every day then goes by the pool's rule for missing days
        kafka.csv: has rows for the unknown pool 'kafca'
          help: did you mean kafka?"#]]
    .assert_eq(&warnings.join("\n"));
}

fn batch(weight: ArrayRef) -> RecordBatch {
    let date: ArrayRef = Arc::new(Date32Array::from(vec![day("1").days(), day("1").days()]));
    let pool: ArrayRef = Arc::new(StringArray::from(vec!["kafka", "kafka"]));
    let team: ArrayRef = Arc::new(StringArray::from(vec!["payments", "search"]));
    RecordBatch::try_from_iter([("date", date), ("pool", pool), ("team", team), ("weight", weight)]).unwrap()
}

fn of_batch(batch: RecordBatch) -> Result<Pools, Vec<Fault>> {
    let read = |_: &str| Ok(DriverFile::Batches(vec![batch.clone()]));
    Pools::parse("pools.yaml", KAFKA, &read, &org())
}

#[test]
fn decoded_parquet_says_the_same_as_csv() {
    let decimals = Decimal128Array::from(vec![125, 250]).with_precision_and_scale(10, 2).unwrap();
    let pools = of_batch(batch(Arc::new(decimals))).unwrap();
    let csv = "date,pool,team,weight\n2026-09-01,kafka,payments,1.25\n2026-09-01,kafka,search,2.5\n";
    assert_eq!(pools.digest(), pools_of(KAFKA, &[("kafka.csv", csv)]).digest());
}

#[test]
fn floats_and_negative_weights_in_parquet_are_refused() {
    let floats = of_batch(batch(Arc::new(Float64Array::from(vec![1.5, 2.5])))).unwrap_err();
    expect![[r#"
        kafka.csv: column weight has the type Float64
          help: make it an integer, a decimal or text: floats are not exact"#]]
    .assert_eq(&leap_terms::fault::list(&floats));
    let negative = of_batch(batch(Arc::new(StringArray::from(vec!["1", "-2"])))).unwrap_err();
    expect![[r#"
        kafka.csv: row 2, column weight: -2 is negative
          help: a share is never negative: leave the row out, or correct what measured it"#]]
    .assert_eq(&leap_terms::fault::list(&negative));
}
