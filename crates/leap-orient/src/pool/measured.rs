//! Weights that somebody measured, per day, pool and team: a CSV file or the rows of a Parquet file.
//!
//! ```csv
//! date,pool,team,weight,measure,capacity
//! 2026-09-01,kafka,payments,120.5,bytes,1000
//! 2026-09-01,kafka,search,300,bytes,1000
//! 2026-09-01,kafka,payments,7,connections,50
//! 2026-09-01,kafka,search,41,connections,50
//! ```
//! Columns in any order; `measure` and `capacity` may be missing. One file may hold many pools. A weight is ≥ 0, below
//! 10¹⁵, with at most 18 decimals. `capacity` is that of the pool on that day in that measure: one row may say it, or all
//! rows the same. Several measures need capacities, for without them bytes and connections do not compare; the measure used
//! to the highest part of its capacity decides (the bottleneck). A team is a name as written, or `pool:NAME`.
//!
//! What it does not do: decide who a name is (per day, by the org), or fill days without rows (the pool's rules do).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use arrow::record_batch::RecordBatch;
use leap_terms::{Day, Digest, Exact, Fault, Month};

use super::driver::plain;
use super::kubernetes::MeasuredDay;
use super::rows::{self, RowPlace};

/// Digits before the point of a weight.
const WEIGHT_WHOLE_DIGITS: u32 = 15;
/// A month's weights of one pool and measure stay below 10¹⁹ in units of 1, so that sums fit 128 bits in units of 10⁻¹⁸.
const MONTH_UNITS: u128 = 10_u128.pow(37);

/// A driver's file as the caller read it.
#[derive(Clone, Debug)]
pub enum DriverFile {
    /// The bytes of a CSV file.
    Csv(Vec<u8>),
    /// The decoded batches of a Parquet file: columns `date` (date or text), `pool`, `team`, `weight` (integer, decimal or
    /// text), `measure`, `capacity`.
    Batches(Vec<RecordBatch>),
}

/// The weights of one pool.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Measured {
    file: String,
    word: &'static str,
    /// Decimals of a weight's unit.
    decimals: u32,
    measures: Vec<String>,
    names: Vec<String>,
    days: BTreeMap<Day, DayRows>,
}

/// More use than there is capacity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Overuse {
    /// The measure; empty where the file has one without name.
    pub measure: String,
    /// The first such day.
    pub day: Day,
    /// What was used on it, as written.
    pub used: String,
    /// What there was.
    pub capacity: String,
    /// Such days after it.
    pub more_days: usize,
}

/// One day's rows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct DayRows {
    pub entries: Vec<Entry>,
    /// By measure: capacity and the row that says it.
    pub capacity: BTreeMap<u16, (u128, u32)>,
}

/// One weight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub name: u32,
    pub measure: u16,
    pub weight: u128,
    /// Data row, from 1; 0 where it comes from several rows of a report.
    pub row: u32,
}

impl Measured {
    /// The word of the driver in `pools.yaml`.
    pub fn word(&self) -> &'static str {
        self.word
    }

    /// The file as the driver names it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Names of consumers as written, each once; empty for use that a report gives to nobody.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Days with rows, in order.
    pub fn days(&self) -> impl DoubleEndedIterator<Item = Day> {
        self.days.keys().copied()
    }

    pub(super) fn decimals(&self) -> u32 {
        self.decimals
    }

    pub(super) fn measure(&self, number: u16) -> &str {
        &self.measures[usize::from(number)]
    }

    pub(super) fn rows(&self, from: Day, until: Day) -> impl Iterator<Item = (Day, &DayRows)> {
        self.days.range(from..until).map(|(day, rows)| (*day, rows))
    }

    /// The last day before `day` that has rows.
    pub(super) fn last_before(&self, day: Day) -> Option<Day> {
        self.days.range(..day).next_back().map(|(day, _)| *day)
    }

    /// A file that speaks of other pools.
    pub(super) fn of_no_rows(file: &str) -> Measured {
        Measured { file: file.to_owned(), word: "measured", decimals: 18, ..Measured::default() }
    }

    /// Weights that the usage reports of a cluster give.
    pub(super) fn of_reports(file: &str, days: &[MeasuredDay]) -> Measured {
        let mut out = Measured {
            file: file.to_owned(),
            word: "kubernetes",
            decimals: 24,
            measures: vec![String::new()],
            ..Measured::default()
        };
        let mut names: BTreeMap<String, u32> = BTreeMap::new();
        for day in days {
            let rows = out.days.entry(day.day).or_default();
            for (name, weight) in &day.rows {
                let name = name.clone().unwrap_or_default();
                let next = names.len() as u32;
                let number = *names.entry(name.clone()).or_insert_with(|| {
                    out.names.push(name);
                    next
                });
                rows.entries.push(Entry { name: number, measure: 0, weight: *weight, row: 0 });
            }
            rows.capacity.insert(0, (day.capacity, 0));
        }
        out
    }

    /// Use above the capacity that the file states, by measure.
    pub(super) fn overuse(&self) -> Vec<Overuse> {
        let mut found: BTreeMap<u16, Overuse> = BTreeMap::new();
        for (day, rows) in &self.days {
            for (measure, (capacity, _)) in &rows.capacity {
                let used = rows.entries.iter().filter(|entry| entry.measure == *measure).map(|entry| entry.weight);
                let used = used.fold(0_u128, u128::saturating_add);
                if used <= *capacity {
                    continue;
                }
                match found.get_mut(measure) {
                    Some(known) => known.more_days += 1,
                    None => {
                        let [used, capacity] = [used, *capacity].map(|units| plain(&units.into(), self.decimals));
                        let measure_name = self.measure(*measure).to_owned();
                        let first = Overuse { measure: measure_name, day: *day, used, capacity, more_days: 0 };
                        found.insert(*measure, first);
                    }
                }
            }
        }
        found.into_values().collect()
    }

    /// Digest of the weights, in any order of rows.
    pub(super) fn digest(&self) -> Digest {
        let mut text = String::new();
        for (day, rows) in &self.days {
            let mut lines: Vec<(&str, &str, u128)> = rows
                .entries
                .iter()
                .map(|entry| (self.names[entry.name as usize].as_str(), self.measure(entry.measure), entry.weight))
                .collect();
            lines.sort_unstable();
            let capacity: Vec<(&str, u128)> =
                rows.capacity.iter().map(|(measure, (capacity, _))| (self.measure(*measure), *capacity)).collect();
            writeln!(text, "{day} {lines:?} {capacity:?}").expect("text grows without failing");
        }
        Digest::of(text.as_bytes())
    }
}

/// A measured file, by pool.
#[derive(Clone, Debug, Default)]
pub(super) struct MeasuredFile {
    pub pools: BTreeMap<String, Measured>,
}

#[derive(Default)]
struct Draft {
    measured: Measured,
    names: hashbrown::HashMap<String, u32>,
}

impl MeasuredFile {
    /// Reads a file; every fault names its row.
    pub fn read(file: &str, content: &DriverFile) -> Result<MeasuredFile, Vec<Fault>> {
        let mut drafts: BTreeMap<String, Draft> = BTreeMap::new();
        let mut faults = rows::each(file, content, |place, cells| {
            let day: Day = cells.date.parse().map_err(|error| vec![place.fault("date", error)])?;
            let mut faults = Vec::new();
            for (column, cell) in [("pool", cells.pool), ("team", cells.team)] {
                if cell.is_empty() {
                    faults.push(place.fault(column, "is empty"));
                }
            }
            let weight = number(&place, "weight", cells.weight).map_err(|fault| faults.push(fault)).ok();
            let capacity = match cells.capacity {
                "" => Some(None),
                text => number(&place, "capacity", text).map_err(|fault| faults.push(fault)).ok().map(Some),
            };
            let (Some(weight), Some(capacity), true) = (weight, capacity, faults.is_empty()) else {
                return Err(faults);
            };
            let draft = drafts.entry_ref(cells.pool);
            draft.add(&place, day, cells.team, cells.measure, weight, capacity).map_err(|fault| vec![fault])
        });
        let mut pools = BTreeMap::new();
        for (pool, mut draft) in drafts {
            draft.measured.file = file.to_owned();
            draft.measured.word = "measured";
            draft.measured.decimals = 18;
            if faults.is_empty() {
                faults.extend(checked(&pool, &mut draft.measured));
            }
            pools.insert(pool, draft.measured);
        }
        if faults.is_empty() { Ok(MeasuredFile { pools }) } else { Err(faults) }
    }
}

/// A map's entry without a copy of the key where there is one.
trait EntryRef {
    fn entry_ref(&mut self, pool: &str) -> &mut Draft;
}

impl EntryRef for BTreeMap<String, Draft> {
    fn entry_ref(&mut self, pool: &str) -> &mut Draft {
        if !self.contains_key(pool) {
            self.insert(pool.to_owned(), Draft::default());
        }
        self.get_mut(pool).expect("it was put there")
    }
}

impl Draft {
    fn add(
        &mut self,
        place: &RowPlace<'_>,
        day: Day,
        team: &str,
        measure: &str,
        weight: u128,
        capacity: Option<u128>,
    ) -> Result<(), Fault> {
        let measured = &mut self.measured;
        let number = match measured.measures.iter().position(|known| known == measure) {
            Some(number) => number,
            None if measured.measures.len() < 100 => {
                measured.measures.push(measure.to_owned());
                measured.measures.len() - 1
            }
            None => return Err(place.fault("measure", "is the 101st measure of its pool; the limit is 100")),
        };
        let measure = u16::try_from(number).expect("measures are limited");
        let name = match self.names.get(team) {
            Some(name) => *name,
            None => {
                let name = u32::try_from(measured.names.len()).expect("rows are limited");
                measured.names.push(team.to_owned());
                self.names.insert(team.to_owned(), name);
                name
            }
        };
        let rows = measured.days.entry(day).or_default();
        rows.entries.push(Entry { name, measure, weight, row: place.row });
        if let Some(capacity) = capacity {
            let (known, row) = *rows.capacity.entry(measure).or_insert((capacity, place.row));
            if known != capacity {
                let message = format!("differs from row {row}, which speaks of the same pool, day and measure");
                return Err(place.fault("capacity", message).help("a measure has one capacity a day"));
            }
        }
        Ok(())
    }
}

/// A weight or capacity in units of 10⁻¹⁸.
fn number(place: &RowPlace<'_>, column: &str, text: &str) -> Result<u128, Fault> {
    let form = "a number ≥ 0 and below 10^15, with at most 18 decimals, such as 12.5";
    let value = Exact::parse(text.as_bytes(), WEIGHT_WHOLE_DIGITS)
        .map_err(|error| place.fault(column, format!("'{}' {error}", text.escape_debug())).help(form))?;
    if value < Exact::ZERO {
        let help = "a share is never negative: leave the row out, or correct what measured it";
        return Err(place.fault(column, format!("{value} is negative")).help(help));
    }
    if value.fine() != 0 {
        return Err(place.fault(column, "has more than 18 decimals").help(form));
    }
    Ok(value.coarse().unsigned_abs())
}

/// What only the whole file shows: repeated rows, measures without capacity, use of what has none.
fn checked(pool: &str, measured: &mut Measured) -> Vec<Fault> {
    let mut faults = Vec::new();
    let Measured { file, measures, names, days, .. } = measured;
    let fault = |row: u32, message: String| Fault::in_file(file.as_str(), format!("row {row}: {message}"));
    let with_capacity: BTreeSet<u16> = days.values().flat_map(|rows| rows.capacity.keys().copied()).collect();
    let mut months: BTreeMap<(Month, u16), u128> = BTreeMap::new();
    for (day, rows) in days.iter_mut() {
        rows.entries.sort_unstable_by_key(|entry| (entry.measure, entry.name, entry.row));
        for pair in
            rows.entries.windows(2).filter(|pair| (pair[0].measure, pair[0].name) == (pair[1].measure, pair[1].name))
        {
            let name = &names[pair[1].name as usize];
            let message = format!("'{name}' has another weight of pool '{pool}' on {day} in row {}", pair[0].row);
            faults.push(fault(pair[1].row, message).help("a file that was delivered twice? else add the weights up"));
        }
        for of_measure in rows.entries.chunk_by(|a, b| a.measure == b.measure) {
            let measure = of_measure[0].measure;
            let shown = match measures[usize::from(measure)].as_str() {
                "" => String::new(),
                name => format!(" of measure '{name}'"),
            };
            let used = of_measure.iter().map(|entry| entry.weight).fold(0_u128, u128::saturating_add);
            let month = months.entry((day.month(), measure)).or_default();
            let before = *month;
            *month = month.saturating_add(used);
            if *month >= MONTH_UNITS && before < MONTH_UNITS {
                let message = format!("the weights of pool '{pool}' in {} reach 10^19", day.month());
                faults.push(fault(of_measure[0].row, message).help("weigh in a larger unit"));
            }
            match rows.capacity.get(&measure) {
                Some((0, row)) if used > 0 => {
                    let message = format!("pool '{pool}' is used on {day} and has a capacity{shown} of 0");
                    faults.push(fault(*row, message).help("correct the capacity, or leave it empty"));
                }
                Some(_) => {}
                None if measures.len() > 1 || with_capacity.contains(&measure) => {
                    let message = format!("pool '{pool}' has no capacity{shown} on {day}");
                    let help = if measures.len() > 1 {
                        "several measures compare by weight / capacity: add the capacity, or keep one measure"
                    } else {
                        "a measure has a capacity on all its days or on none"
                    };
                    faults.push(fault(of_measure[0].row, message).help(help));
                }
                None => {}
            }
            if faults.len() >= rows::FAULTS {
                return faults;
            }
        }
    }
    faults
}
