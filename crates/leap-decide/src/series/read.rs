//! Reads a file of series.

use std::collections::{BTreeMap, HashMap, HashSet};

use leap_terms::{Day, Exact, Fault};

use super::{Point, Series};
use crate::table::Table;

impl Table<'_> {
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
