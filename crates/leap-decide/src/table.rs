//! A CSV file of a person: the table below a header, with the place of every field.

use std::collections::HashMap;

use leap_terms::Fault;

/// More faults than these are not told: what follows is mostly the same.
const FAULTS: usize = 10;

/// A file's header and rows.
pub(crate) struct Table<'a> {
    file: &'a str,
    text: &'a str,
    columns: HashMap<String, usize>,
    rows: Vec<csv::StringRecord>,
    pub(crate) faults: Vec<Fault>,
}

impl<'a> Table<'a> {
    /// Opens a file whose header has some columns.
    pub(crate) fn open(file: &'a str, text: &'a str, needed: &[&str]) -> Result<Table<'a>, Vec<Fault>> {
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
    pub(crate) fn columns(&self) -> &HashMap<String, usize> {
        &self.columns
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// A field; empty where there is no such column.
    pub(crate) fn field(&self, row: usize, column: &str) -> &str {
        self.columns.get(column).and_then(|at| self.rows[row].get(*at)).unwrap_or_default()
    }

    /// The line of a row in its file, from 1.
    pub(crate) fn line(&self, row: usize) -> usize {
        let line = self.rows[row].position().map_or(0, csv::Position::line);
        usize::try_from(line).unwrap_or(usize::MAX)
    }

    /// Notes what is wrong with a field.
    pub(crate) fn wrong(&mut self, (row, column): (usize, &str), message: String, help: &str) {
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
}
