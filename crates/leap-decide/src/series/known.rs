//! What was announced in advance: changes that are no drift, and holidays.
//!
//! ```csv
//! series,day,kind
//! payments,230,change
//! payments,2026-12-25,holiday
//! ```
//! or, as JSON, `{"payments": [230]}` or `{"payments": {"known_changes": [230]}}`. `*` stands for every series.

use std::collections::{BTreeSet, HashMap};

use leap_terms::{Day, Fault};
use serde_json::Value;

use super::Series;
use crate::table::Table;

/// Every series.
const ALL: &str = "*";

/// Announced days, as a file writes them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Announced {
    changes: HashMap<String, BTreeSet<String>>,
    holidays: HashMap<String, BTreeSet<String>>,
}

impl Announced {
    /// Reads a file, CSV or JSON.
    ///
    /// # Errors
    /// Every fault with file, row and column: a column that is missing, a kind that is none, JSON of another shape.
    pub fn read(file: &str, text: &str) -> Result<Announced, Vec<Fault>> {
        if text.trim_start().starts_with('{') {
            return json(file, text).map_err(|fault| vec![fault]);
        }
        let mut table = Table::open(file, text, &["series", "day"])?;
        let mut announced = Announced::default();
        for row in 0..table.len() {
            let (series, day) = (table.field(row, "series").to_owned(), table.field(row, "day").to_owned());
            match table.field(row, "kind") {
                "" | "change" => announced.change(&series, &day),
                "holiday" => announced.holiday(&series, &day),
                other => {
                    let message = format!("'{other}' is no kind of announced day");
                    table.wrong((row, "kind"), message, "write change or holiday");
                }
            }
        }
        if table.faults.is_empty() { Ok(announced) } else { Err(table.faults) }
    }

    /// Notes a change that was announced for a day of a series.
    pub fn change(&mut self, series: &str, label: &str) {
        self.changes.entry(series.to_owned()).or_default().insert(label.to_owned());
    }

    /// Notes a holiday.
    pub fn holiday(&mut self, series: &str, label: &str) {
        self.holidays.entry(series.to_owned()).or_default().insert(label.to_owned());
    }

    /// The days of a series on which a change was announced.
    pub fn changes(&self, series: &Series) -> BTreeSet<Day> {
        days(&self.changes, series)
    }

    /// The holidays of a series.
    pub fn holidays(&self, series: &Series) -> BTreeSet<Day> {
        days(&self.holidays, series)
    }
}

fn days(of: &HashMap<String, BTreeSet<String>>, series: &Series) -> BTreeSet<Day> {
    let labels = [series.name.as_str(), ALL].into_iter().filter_map(|name| of.get(name)).flatten();
    labels.filter_map(|label| series.at(label).map(|at| series.points[at].day).or_else(|| label.parse().ok())).collect()
}

fn json(file: &str, text: &str) -> Result<Announced, Fault> {
    let help = "write {\"SERIES\": [DAY, …]}";
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let fault = Fault::in_file(file, format!("is no JSON: {error}")).help(help);
        Fault { line: Some(error.line()), column: Some(error.column()), ..fault }
    })?;
    let mut announced = Announced::default();
    for (series, days) in value.as_object().into_iter().flatten() {
        let listed = days.as_array().or_else(|| days.get("known_changes").and_then(Value::as_array));
        let listed = listed.ok_or_else(|| Fault::in_file(file, format!("{series} has no list of days")).help(help))?;
        for day in listed {
            match day {
                Value::String(day) => announced.change(series, day),
                Value::Number(day) => announced.change(series, &day.to_string()),
                _ => return Err(Fault::in_file(file, format!("{series}: {day} is no day")).help(help)),
            }
        }
    }
    Ok(announced)
}
