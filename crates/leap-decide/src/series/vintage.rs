//! What was known of a day, and how soon.
//!
//! ```csv
//! series,day,cost_known_d1,cost_known_d2,cost_final
//! payments,0,16087.35,18023.69,18420.93
//! ```

use std::collections::HashMap;

use leap_terms::{Exact, Fault};

use crate::table::Table;

/// What was known of one day: one day after it, two days after it and so on, then for good.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vintage {
    /// By age in days, from 1.
    pub known: Vec<Exact>,
    /// What it cost in the end; known one day after the last of these.
    pub whole: Exact,
}

/// Vintages by series and day.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Vintages {
    of: HashMap<String, HashMap<String, Vintage>>,
}

impl Vintages {
    /// Reads a file: `cost_known_d1`, `cost_known_d2` and so on, and `cost_final`.
    ///
    /// # Errors
    /// Every fault with file, row and column.
    pub fn read(file: &str, text: &str) -> Result<Vintages, Vec<Fault>> {
        let mut table = Table::open(file, text, &["series", "day", "cost_known_d1", "cost_final"])?;
        let ages: Vec<String> = (1..)
            .map(|age| format!("cost_known_d{age}"))
            .take_while(|column| table.columns().contains_key(column))
            .collect();
        let mut vintages = Vintages::default();
        for row in 0..table.len() {
            let known: Vec<Exact> = ages.iter().filter_map(|column| table.cost(row, column)).collect();
            let Some(whole) = table.cost(row, "cost_final") else { continue };
            let (name, day) = (table.field(row, "series").to_owned(), table.field(row, "day").to_owned());
            let days = vintages.of.entry(name.clone()).or_default();
            if days.insert(day.clone(), Vintage { known, whole }).is_some() {
                let message = format!("{name} has the day {day} twice");
                table.wrong((row, "day"), message, "keep one row for each series and day");
            }
        }
        if table.faults.is_empty() { Ok(vintages) } else { Err(table.faults) }
    }

    /// What was known of a day of a series, the day as the file writes it.
    pub fn of(&self, series: &str, label: &str) -> Option<&Vintage> {
        self.of.get(series)?.get(label)
    }

    /// Notes what was known of a day.
    pub fn add(&mut self, series: &str, label: &str, vintage: Vintage) {
        self.of.entry(series.to_owned()).or_default().insert(label.to_owned(), vintage);
    }
}
