//! The fold gives the same output for any order, division and memory, and its sums are plain sums.

use std::collections::BTreeMap;

use arrow::array::{Decimal128Array, TimestampMicrosecondArray};
use arrow::compute::concat_batches;
use leap_terms::tables::{COARSE, COARSE_COST, FINE};
use proptest::prelude::*;

use super::*;

/// A charge of the tests: day, account, resource, currency, cost in units of 10⁻¹⁸ and of 10⁻³⁰.
type Charge = (u8, u8, Option<u16>, bool, i64, u16);

fn batch(charges: &[Charge]) -> RecordBatch {
    let text = |values: Vec<Option<String>>| Arc::new(StringArray::from(values)) as ArrayRef;
    let start = 1_788_220_800_000_000; // 2026-09-01
    let starts: Vec<i64> =
        charges.iter().map(|charge| start + i64::from(charge.0) * 86_400_000_000 + 3_600_000_000).collect();
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("ChargePeriodStart".into(), Arc::new(TimestampMicrosecondArray::from(starts).with_timezone("UTC"))),
        (
            "BillingCurrency".into(),
            text(charges.iter().map(|charge| Some(if charge.3 { "USD" } else { "EUR" }.to_owned())).collect()),
        ),
        ("BillingAccountId".into(), text(charges.iter().map(|_| Some("payer".to_owned())).collect())),
        ("SubAccountId".into(), text(charges.iter().map(|charge| Some(format!("account-{}", charge.1))).collect())),
        ("ResourceId".into(), text(charges.iter().map(|charge| charge.2.map(|id| format!("i-{id}"))).collect())),
    ];
    for column in tables::summed_columns() {
        let data_type = if column.ends_with("Cost") { COARSE_COST } else { COARSE };
        let coarse: Decimal128Array = charges.iter().map(|charge| Some(i128::from(charge.4))).collect();
        columns.push((column.to_owned(), Arc::new(coarse.with_data_type(data_type))));
        let fine: Decimal128Array = charges.iter().map(|charge| (charge.5 > 0).then(|| i128::from(charge.5))).collect();
        columns.push((fine_column(column), Arc::new(fine.with_data_type(FINE))));
    }
    RecordBatch::try_from_iter(columns).unwrap()
}

use leap_terms::tables::fine_column;

fn folded(charges: &[Charge], chunk: usize, memory: usize) -> (BTreeMap<Table, RecordBatch>, FoldTotals) {
    let folder = tempfile::tempdir().unwrap();
    let mut fold = Fold::new(vec!["SubAccountId".to_owned()], folder.path(), memory).unwrap();
    for part in charges.chunks(chunk.max(1)) {
        fold.add(&batch(part)).unwrap();
    }
    let mut out = BTreeMap::<Table, Vec<RecordBatch>>::new();
    let totals = fold
        .finish(&mut |table, batch| {
            out.entry(table).or_default().push(batch);
            Ok(())
        })
        .unwrap();
    let tables = out
        .into_iter()
        .map(|(table, batches)| (table, concat_batches(&batches[0].schema(), &batches).unwrap()))
        .collect();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no run stays behind");
    (tables, totals)
}

fn charge() -> impl Strategy<Value = Charge> {
    (0..5_u8, 0..4_u8, prop::option::of(0..6_u16), any::<bool>(), -1_000_000_i64..1_000_000, 0..3_u16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_division_and_memory_say_nothing(charges in prop::collection::vec(charge(), 1..60), chunk in 1..20_usize, seed in any::<u64>()) {
        let plain = folded(&charges, 1000, usize::MAX);
        let mut shuffled = charges.clone();
        let mut state = seed | 1;
        for at in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(at, (state >> 33) as usize % (at + 1));
        }
        let tight = folded(&shuffled, chunk, 700);
        prop_assert_eq!(&plain.0, &tight.0);
        prop_assert_eq!(&plain.1, &tight.1);
        prop_assert_eq!(plain.1.rows, charges.len() as u64);
    }

    #[test]
    fn sums_of_cells_are_sums_of_charges(charges in prop::collection::vec(charge(), 1..60)) {
        let (tables, totals) = folded(&charges, 7, 2000);
        let cube = &tables[&Table::Cube];
        let coarse = cube.column_by_name("BilledCost").unwrap().as_primitive::<arrow::datatypes::Decimal128Type>();
        let fine = cube.column_by_name(&fine_column("BilledCost")).unwrap().as_primitive::<arrow::datatypes::Decimal128Type>();
        let value = |row: usize| leap_terms::Exact::from_parts(coarse.value(row), if fine.is_valid(row) { fine.value(row) } else { 0 });
        let cells: leap_terms::Money = (0..cube.num_rows()).map(value).sum();
        let plain: leap_terms::Money = charges.iter().map(|charge| leap_terms::Exact::from_parts(i128::from(charge.4), i128::from(charge.5))).sum();
        prop_assert_eq!(cells, plain);
        prop_assert_eq!(totals.totals.iter().map(|total| total.costs.billed).sum::<leap_terms::Money>(), plain);
        let counted = cube.column_by_name("rows").unwrap().as_primitive::<arrow::datatypes::Int64Type>();
        prop_assert_eq!(counted.values().iter().sum::<i64>(), charges.len() as i64);
    }
}

#[test]
fn a_bag_divided_in_two_has_the_sum_of_both_digests() {
    let charges: Vec<Charge> =
        (0..20).map(|at| (at % 3, at % 2, Some(u16::from(at)), true, i64::from(at), 0)).collect();
    let whole = folded(&charges, 5, usize::MAX).1.digest;
    let parts = folded(&charges[..7], 5, usize::MAX).1.digest + folded(&charges[7..], 5, usize::MAX).1.digest;
    assert_eq!(whole, parts);
}

#[test]
fn accounts_and_days_are_told() {
    let (_, totals) = folded(&[(0, 1, None, true, 5, 0), (4, 2, None, true, 5, 0)], 10, usize::MAX);
    assert_eq!(totals.accounts, ["payer/account-1", "payer/account-2"]);
    assert_eq!(
        (totals.first_day.to_string(), totals.last_day.to_string()),
        ("2026-09-01".to_owned(), "2026-09-05".to_owned())
    );
}

#[test]
fn a_quantity_beyond_every_bound_is_null_and_costs_stay() {
    let mut cells = Cells::default();
    let place = Place { day: 0, key: 1, resource: None, currency: 0 };
    for _ in 0..2 {
        cells.add(place, &[5, 5, 5, 5, i128::MAX - 1, 7], &[0; 6]);
    }
    let (mut key, mut sums) = (Vec::new(), Vec::new());
    let codes = ["USD".to_owned()];
    assert!(cells.sorted(&codes).next(&mut key, &mut sums).unwrap());
    let mut batch = CellBatch::default();
    batch.push(&key, &Sums::read(&sums));
    let batch = batch.take().unwrap();
    assert!(batch.column_by_name("PricingQuantity").unwrap().is_null(0));
    assert!(batch.column_by_name("ConsumedQuantity").unwrap().is_valid(0));
    assert!(batch.column_by_name("BilledCost").unwrap().is_valid(0));
}

#[test]
fn fine_digits_carry_into_coarse_ones_in_memory_and_on_disk() {
    let charge: Charge = (0, 0, None, true, 0, u16::MAX);
    let mut cells = Cells::default();
    let place = Place { day: 0, key: 1, resource: Some(0), currency: 0 };
    for _ in 0..3 {
        cells.add(place, &[1, 0, 0, 0, 0, 0], &[600_000_000_000, 0, 0, 0, 0, 1]);
    }
    let (mut key, mut bytes) = (Vec::new(), Vec::new());
    let codes = ["USD".to_owned()];
    cells.sorted(&codes).next(&mut key, &mut bytes).unwrap();
    let mut sums = Sums::read(&bytes);
    assert_eq!((sums.coarse[0], sums.fine, sums.rows), (4, [800_000_000_000, 0, 0, 0, 0, 3], 3));
    sums.add(&Sums::read(&bytes));
    assert_eq!((sums.coarse[0], sums.fine[0]), (9, 600_000_000_000));
    assert_eq!(folded(&[charge; 9], 2, 1).0, folded(&[charge; 9], 9, usize::MAX).0);
}

#[test]
fn more_keys_than_memory_and_more_runs_than_files_give_the_same() {
    let charges: Vec<Charge> = (0..6000_u32)
        .map(|at| ((at % 30) as u8, (at % 200) as u8, Some((at * 7 % 5000) as u16), true, i64::from(at), 0))
        .collect();
    let plain = folded(&charges, 6000, usize::MAX);
    // Each batch spills: 600 runs, merged on the way.
    let tight = folded(&charges, 10, 1);
    assert_eq!(plain, tight);
    assert_eq!(plain.0[&Table::Resources].num_rows(), 5000);
    assert!(plain.0[&Table::Cube].num_rows() > 5000);
}

#[test]
fn an_absurd_bill_stops_the_fold_before_a_sum_can_wrap() {
    let folder = tempfile::tempdir().unwrap();
    let mut fold = Fold::new(vec!["SubAccountId".to_owned()], folder.path(), usize::MAX).unwrap();
    let batch = batch(&[(0, 1, None, true, 1, 0)]);
    let huge: Decimal128Array = [Some(10_i128.pow(30) - 1)].into_iter().collect();
    let mut columns = batch.columns().to_vec();
    let at = batch.schema().index_of("BilledCost").unwrap();
    columns[at] = Arc::new(huge.with_data_type(COARSE_COST));
    let row = RecordBatch::try_new(batch.schema(), columns).unwrap();
    let rows = concat_batches(&row.schema(), std::iter::repeat_n(&row, 10_000)).unwrap();
    let stopped = (0..1000).find_map(|_| fold.add(&rows).err()).expect("10^6 times 10^12 is the bound");
    assert!(stopped.to_string().contains("SNAPSHOT_ABSOLUTE_WHOLE"), "{stopped}");
}

#[test]
fn of_many_accounts_the_smallest_are_kept_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut fold = Fold::new(ACCOUNT_COLUMNS.map(str::to_owned).to_vec(), folder.path(), usize::MAX).unwrap();
    for at in (0..ACCOUNTS + 5).rev() {
        let array = StringArray::from(vec![format!("{at:09}")]);
        fold.account(&[Some(&array), None], 0);
    }
    assert_eq!((fold.accounts.len(), fold.accounts.first().map(String::as_str)), (ACCOUNTS, Some("000000000/")));
}
