//! The table below a header, with the place of every field.

use std::collections::{BTreeMap, HashMap, HashSet};

use leap_terms::{Day, Exact, Fault};

use super::{Point, Series};

/// More faults than these are not told: what follows is mostly the same.
const FAULTS: usize = 10;

/// A file's header and rows.
pub(super) struct Table<'a> {
    file: &'a str,
    text: &'a str,
    columns: HashMap<String, usize>,
    rows: Vec<csv::StringRecord>,
    pub(super) faults: Vec<Fault>,
}

impl<'a> Table<'a> {
    /// Opens a file whose header has some columns.
    pub(super) fn open(file: &'a str, text: &'a str, needed: &[&str]) -> Result<Table<'a>, Vec<Fault>> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let broken = |error: &csv::Error| {
            let line = error.position().map(|position| usize::try_from(position.line()).unwrap_or(usize::MAX));
            let fault = Fault::in_file(file, format!("is no CSV: {error}"));
            vec![Fault { line, ..fault.help("write one row per line, with as many fields as the header") }]
        };
        let header = reader.headers().map_err(|error| broken(&error))?.clone();
        let name = |name: &str| name.trim_start_matches('\u{feff}').to_ascii_lowercase();
        let columns: HashMap<String, usize> =
            header.iter().enumerate().map(|(at, column)| (name(column), at)).collect();
        let missing: Vec<&str> = needed.iter().copied().filter(|column| !columns.contains_key(*column)).collect();
        if !missing.is_empty() {
            let fault = Fault::in_file(file, format!("the file has no column {}", missing.join(", ")));
            let help = format!("the header names {}", needed.join(","));
            return Err(vec![Fault { line: Some(1), ..fault.help(help) }]);
        }
        let rows = reader.records().collect::<Result<Vec<_>, _>>().map_err(|error| broken(&error))?;
        Ok(Table { file, text, columns, rows, faults: Vec::new() })
    }

    /// Columns and where they stand.
    pub(super) fn columns(&self) -> &HashMap<String, usize> {
        &self.columns
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// A field; empty where there is no such column.
    pub(super) fn field(&self, row: usize, column: &str) -> &str {
        self.columns.get(column).and_then(|at| self.rows[row].get(*at)).unwrap_or_default()
    }

    /// Notes what is wrong with a field.
    pub(super) fn wrong(&mut self, (row, column): (usize, &str), message: String, help: &str) {
        if self.faults.len() >= FAULTS {
            return;
        }
        let record = &self.rows[row];
        let start = record.position().map_or(0, |position| usize::try_from(position.byte()).unwrap_or(usize::MAX));
        let start = start.min(self.text.len());
        let start = start + self.text[start..].len() - self.text[start..].trim_start_matches(['\r', '\n']).len();
        let line = self.text[start..].lines().next().unwrap_or_default();
        let at = self.columns.get(column).copied().unwrap_or_default();
        let before: usize = line.split(',').take(at).map(|field| field.len() + 1).sum();
        let fault = Fault::in_file(self.file, format!("{column}: {message}"));
        let length = self.field(row, column).chars().count().max(1);
        self.faults.push(fault.at(self.text, start + before, length).help(help));
    }

    /// A cost.
    pub(super) fn cost(&mut self, row: usize, column: &str) -> Option<Exact> {
        match leap_terms::cost::parse_cost(self.field(row, column).as_bytes()) {
            Ok(cost) => Some(cost),
            Err(error) => {
                let message = format!("'{}' {error}", self.field(row, column));
                self.wrong((row, column), message, "write what the day cost, as 18420.93");
                None
            }
        }
    }

    /// The day of a row, and whether it is a date.
    fn day(&mut self, row: usize) -> Option<(Day, bool)> {
        let (day, date) = (self.field(row, "day").to_owned(), self.field(row, "date").to_owned());
        let (written, column) = if date.is_empty() { (day, "day") } else { (date, "date") };
        if let Ok(day) = written.parse::<Day>() {
            return Some((day, true));
        }
        if column == "day"
            && let Ok(number) = written.parse::<u16>()
        {
            return Some((Day::from_days(i32::from(number)), false));
        }
        let message = format!("'{written}' is no day");
        self.wrong((row, column), message, "write it as 2026-09-30, or as a number below 65536 that counts days");
        None
    }
}

/// Reads a file of series.
pub(super) fn series(file: &str, text: &str) -> Result<Vec<Series>, Vec<Fault>> {
    let mut table = Table::open(file, text, &["series", "day", "cost"])?;
    let mut order: Vec<String> = Vec::new();
    let mut found: HashMap<String, (bool, BTreeMap<Day, Point>)> = HashMap::new();
    let mut labels: HashSet<(String, String)> = HashSet::new();
    for row in 0..table.len() {
        let (name, label) = (table.field(row, "series").to_owned(), table.field(row, "day").to_owned());
        if name.is_empty() {
            table.wrong((row, "series"), "the series has no name".to_owned(), "name it in every row");
        }
        let (Some((day, dated)), Some(cost)) = (table.day(row), table.cost(row, "cost")) else { continue };
        let (all_dated, points) = found.entry(name.clone()).or_insert_with(|| {
            order.push(name.clone());
            (dated, BTreeMap::new())
        });
        if *all_dated != dated {
            let message = format!("{name} has dates in some rows and numbers in others");
            table.wrong((row, "day"), message, "give every row its date");
        } else if points.contains_key(&day) || !labels.insert((name.clone(), label.clone())) {
            let message = format!("{name} has the day {label} twice");
            table.wrong((row, "day"), message, "keep one row for each series and day");
        } else {
            points.insert(day, Point { label, day, cost });
        }
    }
    if table.faults.is_empty() && order.is_empty() {
        return Err(vec![
            Fault::in_file(file, "has no row below its header").help("write a row for each series and day"),
        ]);
    }
    if !table.faults.is_empty() {
        return Err(table.faults);
    }
    let taken = |name: String| {
        let (dated, points) = found.remove(&name).unwrap_or_default();
        Series { name, dated, points: points.into_values().collect() }
    };
    Ok(order.into_iter().map(taken).collect())
}
