//! Which form of money should the lake store? Three candidates, measured in one run:
//!
//! (a) Decimal128(30, 18) and a mostly-null Decimal128(38, 30) for the digits 19 to 30; (b) Decimal256(76, 30);
//! (c) the exact text. Each holds the same values; one in a thousand has 19 to 30 decimals.
//!
//! ```text
//! cargo run -p leap-lake --example bench_money [rows]
//! ```
//! What it deliberately does not do: measure other columns, or anything but one core's writing and two cores' reading.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant as Stopwatch;

use arrow::array::{ArrayRef, Decimal128Array, Decimal256Array, Int32Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, i256};
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use leap_terms::Exact;
use leap_terms::exact::FINE_PER_COARSE;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

const GROUPS: u64 = 500;
const BATCH: usize = 65_536;
const RUNS: usize = 5;

type Failure = Box<dyn std::error::Error>;
type Columns = Vec<(&'static str, ArrayRef)>;

struct Candidate {
    name: &'static str,
    columns: fn(&[Exact]) -> Result<Columns, Failure>,
    sum: &'static str,
    delta: &'static str,
}

fn coarse(values: &[Exact]) -> Result<ArrayRef, Failure> {
    let array = Decimal128Array::from_iter_values(values.iter().map(|value| value.coarse()));
    Ok(Arc::new(array.with_precision_and_scale(30, 18)?))
}

fn fine(values: &[Exact]) -> Result<ArrayRef, Failure> {
    let array: Decimal128Array =
        values.iter().map(|value| (value.fine() != 0).then_some(i128::from(value.fine()))).collect();
    Ok(Arc::new(array.with_precision_and_scale(38, 30)?))
}

fn wide(values: &[Exact]) -> Result<ArrayRef, Failure> {
    let scale = i256::from_i128(i128::from(FINE_PER_COARSE));
    let one = |value: &Exact| i256::from_i128(value.coarse()) * scale + i256::from_i128(i128::from(value.fine()));
    Ok(Arc::new(Decimal256Array::from_iter_values(values.iter().map(one)).with_precision_and_scale(76, 30)?))
}

const CANDIDATES: [Candidate; 3] = [
    Candidate {
        name: "(a) Decimal128(30,18) + fine",
        columns: |values| Ok(vec![("cost", coarse(values)?), ("fine", fine(values)?)]),
        sum: "cast(sum(cast(cost as decimal(76,18))) as decimal(76,30)) + coalesce(sum(cast(fine as decimal(76,30))), 0)",
        delta: "yes",
    },
    Candidate {
        name: "(b) Decimal256(76,30)",
        columns: |values| Ok(vec![("cost", wide(values)?)]),
        sum: "sum(cost)",
        delta: "no (at most 38 digits)",
    },
    Candidate {
        name: "(c) exact text",
        columns: |values| {
            Ok(vec![("cost", Arc::new(StringArray::from_iter_values(values.iter().map(|v| v.to_text()))))])
        },
        sum: "sum(cast(cost as decimal(76,30)))",
        delta: "yes, as string: no engine sums it",
    },
];

/// A small generator of its own, so that every run measures the same values.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn values(rows: usize) -> (Vec<Exact>, Vec<i32>) {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    (0..rows)
        .map(|_| {
            let draw = next(&mut state);
            let coarse = i128::from(draw % 10_000_000_000) * 100_000_000; // up to 1, ten decimals, as AWS writes
            let sign = if draw.is_multiple_of(50) { -1 } else { 1 };
            let fine = if draw % 1_000 == 7 { i128::from(next(&mut state) % 1_000_000_000_000) } else { 0 };
            (Exact::from_parts(coarse * sign, fine), (next(&mut state) % GROUPS) as i32)
        })
        .unzip()
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let rows = std::env::args().nth(1).map_or(Ok(5_000_000), |text| text.parse::<usize>())?;
    let (values, teams) = values(rows);
    let expected = values.iter().copied().sum::<Exact>().to_text();
    let folder = tempfile::tempdir()?;
    println!("{rows} values, {GROUPS} groups, best of {RUNS} (seconds)\n");
    println!("| candidate | write | bytes | SUM | SUM by team | Delta admits it | exact |");
    println!("|---|---|---|---|---|---|---|");
    for candidate in CANDIDATES {
        let path = folder.path().join("money.parquet");
        let write = write(&candidate, &path, &values, &teams)?;
        let bytes = std::fs::metadata(&path)?.len();
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
        context.register_parquet("t", &path.to_string_lossy(), ParquetReadOptions::default()).await?;
        let (total, sum) = ask(&context, &format!("select {} as s from t", candidate.sum)).await?;
        let by_team = format!("select {} as s, team from t group by team", candidate.sum);
        let (_, group) = ask(&context, &by_team).await?;
        println!(
            "| {} | {write:.2} | {bytes} | {sum:.3} | {group:.3} | {} | {} |",
            candidate.name,
            candidate.delta,
            if total == expected { "yes" } else { "NO" }
        );
        if candidate.name.starts_with("(a)") {
            let (_, sum) = ask(&context, "select sum(cost) as s from t").await?;
            let (_, group) = ask(&context, "select sum(cost) as s, team from t group by team").await?;
            println!("| … coarse column alone, no cast | | | {sum:.3} | {group:.3} | | |");
            let (_, sum) = ask(&context, "select sum(cast(cost as decimal(76,18))) as s from t").await?;
            let (_, group) =
                ask(&context, "select sum(cast(cost as decimal(76,18))) as s, team from t group by team").await?;
            println!("| … coarse column alone, in 256 bits | | | {sum:.3} | {group:.3} | | |");
            let row = "cast(cost as decimal(76,30)) + coalesce(cast(fine as decimal(76,30)), 0)";
            let (_, sum) = ask(&context, &format!("select sum({row}) as s from t")).await?;
            let (_, group) = ask(&context, &format!("select sum({row}) as s, team from t group by team")).await?;
            println!("| … both added row by row (as the SQL gateway shows it) | | | {sum:.3} | {group:.3} | | |");
        }
    }
    Ok(())
}

fn write(candidate: &Candidate, path: &Path, values: &[Exact], teams: &[i32]) -> Result<f64, Failure> {
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        let watch = Stopwatch::now();
        let mut writer = None;
        for (values, teams) in values.chunks(BATCH).zip(teams.chunks(BATCH)) {
            let mut columns = (candidate.columns)(values)?;
            columns.push(("team", Arc::new(Int32Array::from(teams.to_vec()))));
            let batch =
                RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))?;
            let properties = WriterProperties::builder()
                .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
                .set_max_row_group_row_count(Some(262_144))
                .build();
            let writer = match &mut writer {
                Some(writer) => writer,
                None => writer.insert(ArrowWriter::try_new(File::create(path)?, batch.schema(), Some(properties))?),
            };
            writer.write(&batch)?;
        }
        if let Some(writer) = writer {
            writer.close()?;
        }
        best = best.min(watch.elapsed().as_secs_f64());
    }
    Ok(best)
}

async fn ask(context: &SessionContext, text: &str) -> Result<(String, f64), Failure> {
    let mut best = f64::MAX;
    let mut answer = String::new();
    for _ in 0..RUNS {
        let watch = Stopwatch::now();
        let batches = context.sql(text).await?.collect().await?;
        best = best.min(watch.elapsed().as_secs_f64());
        let schema = batches[0].schema();
        let all = concat_batches(&schema, &batches)?;
        let sums = arrow::compute::cast(all.column(0), &DataType::Decimal256(76, 30))?;
        answer = leap_lake::cell_text(sums.as_ref(), 0).unwrap_or_default();
    }
    Ok((answer, best))
}
