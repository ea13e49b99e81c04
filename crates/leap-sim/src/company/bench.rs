//! Large bills for benchmarks: millions of FOCUS 1.0 rows of 38 columns, streamed to files by all cores.
//!
//! ```text
//! bench_bill(10_000_000, 1, bench_month(), "bench", Container::Parquet)  →  bench/part-00001.parquet … and bench/truth.json
//! ```
//!
//! One month, 2,000 accounts, 60 services, one resource in seven rows, 1 % corrections, a third of the rows free. No
//! owners are decided here, and no part depends on another: memory stays at one batch per core.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, DictionaryArray, Int32Array, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;

use leap_terms::{Costs, Month};

use super::amount::{Amount, Decimal, Spelling, Total, respell};
use super::catalog::{Cloud, SERVICES};
use super::file::{
    COST_TYPE, Container, NUMBER_TYPE, TextFile, instant_type, parquet_properties, write_hour, write_text,
};
use super::in_parallel;
use super::random::Random;

const ROWS_PER_PART: usize = 1_000_000;
const ROWS_PER_BATCH: usize = 16_384;
const ACCOUNTS: usize = 2_000;
const TAG_SETS: usize = 20_000;

/// A benchmark bill on disk.
#[derive(Clone, Debug)]
pub struct BenchBill {
    /// The files, in order.
    pub files: Vec<PathBuf>,
    /// Rows in all of them.
    pub rows: u64,
    /// Sums of the four costs, in USD.
    pub totals: Costs,
    /// `truth.json`: rows and totals as decimal text.
    pub truth: PathBuf,
}

/// Texts that many rows share, ready for both kinds of files.
struct Texts {
    plain: Vec<String>,
    values: ArrayRef,
    /// As CSV fields.
    csv: Vec<Vec<u8>>,
}

impl Texts {
    fn new(plain: Vec<String>) -> Texts {
        let csv = plain
            .iter()
            .map(|text| {
                let mut out = Vec::new();
                write_text(text, &mut out);
                out
            })
            .collect();
        Texts { values: Arc::new(StringArray::from(plain.clone())), plain, csv }
    }

    fn of(plain: &[&str]) -> Texts {
        Texts::new(plain.iter().map(|text| (*text).to_owned()).collect())
    }
}

/// Which list of texts a column takes, and by which index of a row.
#[derive(Clone, Copy)]
enum Source {
    /// A list of [`Lists`] and how a row points into it; -1 is null.
    Shared(usize, fn(&Row) -> i32),
    Cost(usize),
    Number(fn(&Row) -> Option<Decimal>),
    Hour(fn(&Row) -> i64),
    Resource,
    ResourceName,
}

/// One row, as numbers.
struct Row {
    cloud: i32,
    account: i32,
    meter: i32,
    service: i32,
    region: i32,
    tags: i32,
    resource: u32,
    commitment: i32,
    kind: i32,
    correction: bool,
    hours: [i64; 2],
    quantity: Decimal,
    price: Decimal,
    costs: [Amount; 4],
    bits: u64,
}

struct World {
    lists: Vec<Texts>,
    /// Per cloud: its meters.
    meters: [Vec<usize>; 3],
    prices: Vec<(Decimal, Decimal)>,
    meter_service: Vec<i32>,
    meter_region: Vec<i32>,
    month: Month,
    columns: Vec<(&'static str, Source)>,
    resources: u64,
}

// Indexes of `World::lists`.
const PAYERS: usize = 0;
const PAYER_NAMES: usize = 1;
const ACCOUNT_IDS: usize = 2;
const ACCOUNT_NAMES: usize = 3;
const SERVICE_NAMES: usize = 4;
const SERVICE_CATEGORIES: usize = 5;
const RESOURCE_TYPES: usize = 6;
const UNITS: usize = 7;
const DESCRIPTIONS: usize = 8;
const SKUS: usize = 9;
const SKU_PRICES: usize = 10;
const REGIONS: usize = 11;
const REGION_NAMES: usize = 12;
const TAGS: usize = 13;
const COMMITMENTS: usize = 14;
const WORDS: usize = 15;
const PROVIDERS: usize = 16;
const PUBLISHERS: usize = 17;

// Indexes of the list `WORDS`.
const WORD_LIST: [&str; 11] = [
    "USD",
    "Usage",
    "Purchase",
    "Tax",
    "Credit",
    "Correction",
    "Usage-Based",
    "One-Time",
    "Standard",
    "Committed",
    "Used",
];

impl World {
    fn new(rows: usize, seed: u64, month: Month) -> World {
        let mut random = Random::fork(seed, &[9]);
        let accounts: Vec<String> = (0..ACCOUNTS).map(|_| format!("{:012}", random.below(1_000_000_000_000))).collect();
        let account_names =
            (0..ACCOUNTS).map(|at| format!("team-{:03}-{}", at % 800, ["prod", "dev", "data"][at / 800 % 3])).collect();
        let tags = (0..TAG_SETS)
            .map(|at| {
                let team = at % 800;
                match random.below(20) {
                    0 => format!("{{\"Team\": \"TEAM-{team:03}\", \"app\": \"app-{}\"}}", at / 800),
                    1 => format!("{{\"app\": \"app-{}\", \"owner\": \" team-{team:03} \"}}", at / 800),
                    _ => format!("{{\"team\": \"team-{team:03}\", \"app\": \"app-{}\", \"env\": \"prod\"}}", at / 800),
                }
            })
            .collect();
        let mut regions: Vec<(&str, &str)> = Vec::new();
        let (mut units, mut descriptions, mut skus, mut sku_prices, mut prices) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut meter_service, mut meter_region): (Vec<i32>, Vec<i32>) = (Vec::new(), Vec::new());
        let mut meters: [Vec<usize>; 3] = Default::default();
        for (at, service) in SERVICES.iter().enumerate() {
            for region in service.cloud.regions() {
                let region_at = regions.iter().position(|known| known == region).unwrap_or_else(|| {
                    regions.push(*region);
                    regions.len() - 1
                });
                for meter in service.meters {
                    // Weight by how often a service is used.
                    for _ in 0..(service.weight / 12).max(1) {
                        meters[service.cloud as usize].push(units.len());
                    }
                    let (whole, fraction) = meter.price.split_once('.').unwrap_or((meter.price, ""));
                    let mantissa: i128 =
                        format!("{whole}{fraction}").parse().expect("prices of the catalog are numbers");
                    let price = Decimal::new(mantissa, fraction.len() as u8);
                    prices.push((price, Decimal::new(mantissa * 91, price.decimals + 2)));
                    units.push(meter.unit.to_owned());
                    descriptions.push(format!("${} per {} {} in {}", meter.price, meter.unit, meter.name, region.1));
                    let sku = random.hex(16).to_uppercase();
                    sku_prices.push(format!("{sku}.JRTCKXETXF"));
                    skus.push(sku);
                    meter_service.push(at as i32);
                    meter_region.push(region_at as i32);
                }
            }
        }
        let texts = |pick: fn(&super::catalog::Service) -> &'static str| {
            Texts::new(SERVICES.iter().map(|service| pick(service).to_owned()).collect())
        };
        let lists = vec![
            Texts::of(&["958667946125", "40218833", "01A2B3-C4D5E6-F7A8B9"]),
            Texts::of(&["Halden Market, Inc. \"payer\""]),
            Texts::new(accounts),
            Texts::new(account_names),
            texts(|service| service.name),
            texts(|service| service.category),
            texts(|service| service.resource_type),
            Texts::new(units),
            Texts::new(descriptions),
            Texts::new(skus),
            Texts::new(sku_prices),
            Texts::new(regions.iter().map(|region| region.0.to_owned()).collect()),
            Texts::new(regions.iter().map(|region| region.1.to_owned()).collect()),
            Texts::new(tags),
            Texts::new((0..200).map(|at| format!("arn:aws:savingsplans::958667946125:savingsplan/{at:08x}")).collect()),
            Texts::of(&WORD_LIST),
            Texts::of(&Cloud::ALL.map(Cloud::provider)),
            Texts::of(&Cloud::ALL.map(Cloud::publisher)),
        ];
        World {
            lists,
            meters,
            prices,
            meter_service,
            meter_region,
            month,
            columns: columns(),
            resources: (rows as u64 / 7).max(1_000),
        }
    }

    /// One row; what belongs to a resource follows from its number alone.
    fn row(&self, random: &mut Random, first_hour: i64, hours: u64) -> Row {
        let skew = (random.below(1 << 32) * random.below(1 << 32)) >> 32;
        let resource = ((skew * self.resources) >> 32) as u32;
        let mut of = u64::from(resource).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        of ^= of >> 29;
        of = of.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        of ^= of >> 32;
        let cloud = [0, 0, 0, 0, 0, 0, 1, 1, 2, 2][(of % 10) as usize];
        let meters = &self.meters[cloud as usize];
        let meter = meters[(of >> 8) as usize % meters.len()];
        let account = ((of >> 20) % ACCOUNTS as u64 * ((of >> 31) % ACCOUNTS as u64) / ACCOUNTS as u64) as i32;
        let tags = if (of >> 40) % 100 < 71 { ((of >> 44) % TAG_SETS as u64) as i32 } else { -1 };
        let (price, contracted) = self.prices[meter];
        let bits = random.bits();
        let roll = bits % 1_000;
        let free = roll < 330;
        let start = first_hour + random.below(hours) as i64;
        let mut quantity = Decimal::new(i128::from(random.log_normal(14, 5).min(1 << 40)), 10 - price.decimals);
        let kind = match roll {
            990..=992 => 2,
            993..=996 => 3,
            997..=999 => 4,
            _ => 1,
        };
        let correction = (340..350).contains(&roll);
        if correction || kind == 4 {
            quantity.mantissa = -quantity.mantissa;
        }
        if bits >> 10 & 0x3ff == 0 {
            let more = 6 + (bits >> 20 & 7) as u32;
            quantity = Decimal::new(
                quantity.mantissa * 10_i128.pow(more) + 1 + i128::from(bits >> 24 & 0xffff) / 10 * 10,
                quantity.decimals + more as u8,
            );
        }
        let (list, cost) = if free {
            (Amount::ZERO, Amount::ZERO)
        } else {
            (Amount::from_decimal(quantity.times(price)), Amount::from_decimal(quantity.times(contracted)))
        };
        let covered = kind == 1 && !free && !correction && roll % 10 == 7;
        let costs = match (kind, covered) {
            (2, _) => [cost, Amount::ZERO, cost, cost],
            (_, true) => [Amount::ZERO, Amount::from_pico(cost.pico() / 10 * 7), list, cost],
            (_, false) => [cost, cost, list, cost],
        };
        Row {
            cloud,
            account,
            meter: meter as i32,
            service: self.meter_service[meter],
            region: self.meter_region[meter],
            tags,
            resource,
            commitment: if covered || kind == 2 { (of % 200) as i32 } else { -1 },
            kind,
            correction,
            hours: [start, start + 1],
            quantity,
            price,
            costs,
            bits,
        }
    }
}

fn columns() -> Vec<(&'static str, Source)> {
    use Source::{Cost, Hour, Number, Resource, ResourceName, Shared};
    // The billing period is the whole bill's: rows keep it in neither hour.
    vec![
        ("BilledCost", Cost(0)),
        ("BillingAccountId", Shared(PAYERS, |row| row.cloud)),
        ("BillingAccountName", Shared(PAYER_NAMES, |_| 0)),
        ("BillingCurrency", Shared(WORDS, |_| 0)),
        ("BillingPeriodEnd", Hour(|_| i64::MAX)),
        ("BillingPeriodStart", Hour(|_| i64::MIN)),
        ("ChargeCategory", Shared(WORDS, |row| row.kind)),
        ("ChargeClass", Shared(WORDS, |row| if row.correction { 5 } else { -1 })),
        ("ChargeDescription", Shared(DESCRIPTIONS, |row| row.meter)),
        ("ChargeFrequency", Shared(WORDS, |row| if row.kind == 1 { 6 } else { 7 })),
        ("ChargePeriodEnd", Hour(|row| row.hours[1])),
        ("ChargePeriodStart", Hour(|row| row.hours[0])),
        ("CommitmentDiscountId", Shared(COMMITMENTS, |row| row.commitment)),
        ("CommitmentDiscountStatus", Shared(WORDS, |row| if row.kind == 1 && row.commitment >= 0 { 10 } else { -1 })),
        ("ConsumedQuantity", Number(|row| (row.kind == 1).then_some(row.quantity))),
        ("ConsumedUnit", Shared(UNITS, |row| if row.kind == 1 { row.meter } else { -1 })),
        ("ContractedCost", Cost(3)),
        ("EffectiveCost", Cost(1)),
        ("InvoiceIssuerName", Shared(PUBLISHERS, |row| row.cloud)),
        ("ListCost", Cost(2)),
        ("ListUnitPrice", Number(|row| Some(row.price))),
        ("PricingCategory", Shared(WORDS, |row| if row.commitment >= 0 { 9 } else { 8 })),
        ("PricingQuantity", Number(|row| Some(row.quantity))),
        ("PricingUnit", Shared(UNITS, |row| row.meter)),
        ("ProviderName", Shared(PROVIDERS, |row| row.cloud)),
        ("PublisherName", Shared(PUBLISHERS, |row| row.cloud)),
        ("RegionId", Shared(REGIONS, |row| row.region)),
        ("RegionName", Shared(REGION_NAMES, |row| row.region)),
        ("ResourceId", Resource),
        ("ResourceName", ResourceName),
        ("ResourceType", Shared(RESOURCE_TYPES, |row| row.service)),
        ("ServiceCategory", Shared(SERVICE_CATEGORIES, |row| row.service)),
        ("ServiceName", Shared(SERVICE_NAMES, |row| row.service)),
        ("SkuId", Shared(SKUS, |row| row.meter)),
        ("SkuPriceId", Shared(SKU_PRICES, |row| row.meter)),
        ("SubAccountId", Shared(ACCOUNT_IDS, |row| row.account)),
        ("SubAccountName", Shared(ACCOUNT_NAMES, |row| row.account)),
        ("Tags", Shared(TAGS, |row| row.tags)),
    ]
}

/// The month of a bill where no other is asked for.
pub fn bench_month() -> Month {
    Month::new(2026, 9).expect("September is a month")
}

/// Writes a bill of one month and so many rows into `dir`, in parts of a million, with all cores. Bills of several months with
/// one seed have the same accounts, tags and meters, and other charges.
///
/// # Errors
/// What the file system says.
pub fn bench_bill(rows: usize, seed: u64, month: Month, dir: &Path, container: Container) -> io::Result<BenchBill> {
    fs::create_dir_all(dir)?;
    let world = World::new(rows, seed, month);
    let apart = (month.first_day().days() - bench_month().first_day().days()).unsigned_abs();
    let parts = rows.div_ceil(ROWS_PER_PART).max(1);
    let done = in_parallel(parts, |part| {
        let path = dir.join(format!("part-{:05}.{}", part + 1, container.extension()));
        let rows = (rows - part * ROWS_PER_PART).min(ROWS_PER_PART);
        let random = Random::fork(seed, &[10, part as u64 + (u64::from(apart) << 32)]);
        let sums = match container {
            Container::Parquet => write_parquet_part(&world, &path, rows, random, part, parts)?,
            Container::CsvGz | Container::Csv | Container::CsvZst => {
                write_csv_part(&world, &path, container, rows, random, part, parts)?
            }
        };
        Ok((path, sums))
    })?;
    let mut totals = [Total::default(); 4];
    let mut files = Vec::with_capacity(done.len());
    for (path, sums) in done {
        files.push(path);
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total += sum;
        }
    }
    let [billed, effective, list, contracted] = totals.map(Total::money);
    let truth = dir.join("truth.json");
    fs::write(
        &truth,
        format!(
            "{{\"rows\":{rows},\"BilledCost\":\"{billed}\",\"EffectiveCost\":\"{effective}\",\"ListCost\":\"{list}\",\"ContractedCost\":\"{contracted}\"}}\n"
        ),
    )?;
    Ok(BenchBill { files, rows: rows as u64, totals: Costs { billed, effective, list, contracted }, truth })
}

/// The hours of the month that a part covers: parts follow one another in time.
fn span(world: &World, part: usize, parts: usize) -> (i64, u64) {
    let first = super::month::hour(world.month.first_day());
    let all = super::month::hour(world.month.plus(1).first_day()) - first;
    let from = all * part as i64 / parts as i64;
    let until = all * (part as i64 + 1) / parts as i64;
    (first + from, (until - from).max(1) as u64)
}

fn billing_hour(world: &World, hour: i64) -> i64 {
    match hour {
        i64::MIN => super::month::hour(world.month.first_day()),
        i64::MAX => super::month::hour(world.month.plus(1).first_day()),
        hour => hour,
    }
}

fn write_resource(world: &World, row: &Row, out: &mut String) {
    let region = &world.lists[REGIONS].plain[row.region as usize];
    let account = &world.lists[ACCOUNT_IDS].plain[row.account as usize];
    out.clear();
    for part in ["arn:aws:compute:", region, ":", account, ":instance/i-0"] {
        out.push_str(part);
    }
    for shift in (0..8).rev() {
        out.push(char::from(b"0123456789abcdef"[(row.resource >> (shift * 4) & 15) as usize]));
    }
}

fn write_resource_name(row: &Row, out: &mut String) -> bool {
    out.clear();
    if !row.resource.is_multiple_of(3) {
        return false;
    }
    out.push_str("node-");
    let mut digits = Vec::with_capacity(10);
    super::amount::write_padded(u64::from(row.resource), 9, &mut digits);
    out.extend(digits.into_iter().map(char::from));
    true
}

fn write_csv_part(
    world: &World,
    path: &Path,
    container: Container,
    rows: usize,
    mut random: Random,
    part: usize,
    parts: usize,
) -> io::Result<[Total; 4]> {
    let mut file = TextFile::create(path, container)?;
    let mut sums = [Total::default(); 4];
    let mut out = Vec::with_capacity(1 << 19);
    out.extend_from_slice(world.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",").as_bytes());
    out.push(b'\n');
    let (first_hour, hours) = span(world, part, parts);
    let mut text = String::new();
    for _ in 0..rows {
        let row = world.row(&mut random, first_hour, hours);
        for (sum, cost) in sums.iter_mut().zip(row.costs) {
            *sum += cost;
        }
        for (at, (_, source)) in world.columns.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            let start = out.len();
            let spelling = Spelling::from_bits(row.bits.rotate_right(at as u32 * 3));
            match source {
                Source::Shared(list, index) => {
                    if let Ok(index) = usize::try_from(index(&row)) {
                        out.extend_from_slice(&world.lists[*list].csv[index]);
                    }
                }
                Source::Cost(kind) => {
                    row.costs[*kind].write(&mut out);
                    respell(&mut out, start, spelling);
                }
                Source::Number(number) => {
                    if let Some(number) = number(&row) {
                        number.write(&mut out);
                        respell(&mut out, start, spelling);
                    }
                }
                Source::Hour(hour) => write_hour(billing_hour(world, hour(&row)), &mut out),
                Source::Resource => {
                    write_resource(world, &row, &mut text);
                    out.extend_from_slice(text.as_bytes());
                }
                Source::ResourceName => {
                    if write_resource_name(&row, &mut text) {
                        out.extend_from_slice(text.as_bytes());
                    }
                }
            }
        }
        out.push(b'\n');
        if out.len() > 400_000 {
            file.write_all(&out)?;
            out.clear();
        }
    }
    file.write_all(&out)?;
    file.close()?;
    Ok(sums)
}

fn schema(world: &World) -> SchemaRef {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let fields: Vec<Field> = world
        .columns
        .iter()
        .map(|(name, source)| {
            let data_type = match source {
                Source::Shared(..) => dictionary.clone(),
                Source::Cost(_) => COST_TYPE,
                Source::Number(_) => NUMBER_TYPE,
                Source::Hour(_) => instant_type(),
                Source::Resource | Source::ResourceName => DataType::Utf8,
            };
            Field::new(*name, data_type, true)
        })
        .collect();
    Arc::new(Schema::new(fields))
}

fn write_parquet_part(
    world: &World,
    path: &Path,
    rows: usize,
    mut random: Random,
    part: usize,
    parts: usize,
) -> io::Result<[Total; 4]> {
    let schema = schema(world);
    // The file tells its types by itself; the hint that these texts were dictionaries would only bind its readers.
    let options =
        ArrowWriterOptions::new().with_properties(parquet_properties(ROWS_PER_PART)).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(File::create(path)?, schema.clone(), options)?;
    let mut sums = [Total::default(); 4];
    let (first_hour, hours) = span(world, part, parts);
    let mut left = rows;
    while left > 0 {
        let count = left.min(ROWS_PER_BATCH);
        left -= count;
        let batch: Vec<Row> = (0..count).map(|_| world.row(&mut random, first_hour, hours)).collect();
        for row in &batch {
            for (sum, cost) in sums.iter_mut().zip(row.costs) {
                *sum += cost;
            }
        }
        let arrays =
            world.columns.iter().map(|(_, source)| column_array(world, *source, &batch)).collect::<Result<Vec<_>, _>>();
        let batch = arrays.and_then(|arrays| RecordBatch::try_new(schema.clone(), arrays)).map_err(io::Error::other)?;
        writer.write(&batch)?;
    }
    writer.close()?;
    Ok(sums)
}

fn column_array(world: &World, source: Source, rows: &[Row]) -> Result<ArrayRef, arrow::error::ArrowError> {
    Ok(match source {
        Source::Shared(list, index) => {
            let keys: Int32Array = rows.iter().map(|row| Some(index(row)).filter(|index| *index >= 0)).collect();
            Arc::new(DictionaryArray::<Int32Type>::try_new(keys, world.lists[list].values.clone())?)
        }
        Source::Cost(kind) => {
            let values = Decimal128Array::from_iter_values(rows.iter().map(|row| row.costs[kind].in_28_decimals()));
            Arc::new(values.with_data_type(COST_TYPE))
        }
        Source::Number(number) => {
            let values: Decimal128Array = rows.iter().map(|row| number(row).map(Decimal::in_24_decimals)).collect();
            Arc::new(values.with_data_type(NUMBER_TYPE))
        }
        Source::Hour(hour) => {
            let values = TimestampMicrosecondArray::from_iter_values(
                rows.iter().map(|row| billing_hour(world, hour(row)) * 3_600_000_000),
            );
            Arc::new(values.with_timezone("UTC"))
        }
        Source::Resource | Source::ResourceName => {
            let mut builder = StringBuilder::with_capacity(rows.len(), rows.len() * 64);
            let mut text = String::new();
            for row in rows {
                let present = match source {
                    Source::ResourceName => write_resource_name(row, &mut text),
                    Source::Shared(..) | Source::Cost(_) | Source::Number(_) | Source::Hour(_) | Source::Resource => {
                        write_resource(world, row, &mut text);
                        true
                    }
                };
                builder.append_option(present.then_some(text.as_str()));
            }
            Arc::new(builder.finish())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_containers_hold_the_same_rows_and_the_truth_is_their_sum() {
        let folder = tempfile::tempdir().unwrap();
        let csv = bench_bill(3_000, 5, bench_month(), &folder.path().join("csv"), Container::Csv).unwrap();
        let parquet = bench_bill(3_000, 5, bench_month(), &folder.path().join("parquet"), Container::Parquet).unwrap();
        assert_eq!(csv.totals, parquet.totals);
        let text = fs::read_to_string(&csv.files[0]).unwrap();
        assert_eq!(text.lines().count(), 3_001);
        assert_eq!(text.lines().next().unwrap().split(',').count(), 38);
        let mut reader = csv::Reader::from_path(&csv.files[0]).unwrap();
        let billed: leap_terms::Money =
            reader.records().map(|row| row.unwrap()[0].parse::<leap_terms::Money>().unwrap()).sum();
        assert_eq!(billed, csv.totals.billed);
        assert!(!billed.is_zero());
    }
}
