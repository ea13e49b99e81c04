//! Reading a small CSV file of a person or a tool, cell by cell, with faults that name file, row and column.
//!
//! ```text
//! usage.csv:7: row 6, column pod_usage_cpu_core_seconds: '-3' is negative
//!   help: …
//! ```
//! Columns are found by name in any order; more columns than needed do no harm. Spaces around cells are dropped. Rows
//! count data rows from 1, lines count the header too. After a hundred faults reading stops: a file of the wrong kind
//! should not answer with a million lines.

use leap_terms::Fault;

/// Faults shown of one file.
const FAULTS: usize = 100;

/// A CSV file, one row at a time.
pub(crate) struct Table<'a> {
    file: &'a str,
    reader: csv::Reader<&'a [u8]>,
    header: csv::StringRecord,
    record: csv::StringRecord,
    row: usize,
}

/// Where a row stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub file: &'a str,
    /// Data row, from 1.
    pub row: usize,
    pub line: usize,
}

impl Place<'_> {
    /// A fault of the row.
    pub fn fault(&self, message: impl std::fmt::Display) -> Fault {
        Fault { line: Some(self.line), ..Fault::in_file(self.file, format!("row {}: {message}", self.row)) }
    }

    /// A fault of one cell.
    pub fn cell_fault(&self, column: &str, message: impl std::fmt::Display) -> Fault {
        let message = format!("row {}, column {column}: {message}", self.row);
        Fault { line: Some(self.line), ..Fault::in_file(self.file, message) }
    }
}

impl<'a> Table<'a> {
    /// Reads the header.
    pub fn open(file: &'a str, bytes: &'a [u8]) -> Result<Table<'a>, Vec<Fault>> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if let Err(error) = std::str::from_utf8(bytes) {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            let fault = Fault { line: Some(line), ..Fault::in_file(file, "not UTF-8 text") };
            return Err(vec![fault.help("save the file as UTF-8; a compressed file is to be unpacked first")]);
        }
        let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes);
        let header = reader.headers().map_err(|error| vec![Fault::in_file(file, error.to_string())])?.clone();
        for (at, name) in header.iter().enumerate() {
            if !name.is_empty() && header.iter().take(at).any(|other| other == name) {
                return Err(vec![Fault {
                    line: Some(1),
                    ..Fault::in_file(file, format!("two columns are called {name}"))
                }]);
            }
        }
        Ok(Table { file, reader, header, record: csv::StringRecord::new(), row: 0 })
    }

    /// The file as the person named it.
    pub fn file(&self) -> &'a str {
        self.file
    }

    /// The place of a column in the rows.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|other| other == name)
    }

    /// The names of the columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.header.iter()
    }

    /// Goes to the next row; rows with another number of cells than the header become faults.
    pub fn advance(&mut self, faults: &mut Vec<Fault>) -> Option<Place<'a>> {
        loop {
            if faults.len() >= FAULTS {
                faults.push(Fault::in_file(self.file, "more faults may follow; reading stopped after a hundred"));
                return None;
            }
            let more = self.reader.read_record(&mut self.record);
            self.row += 1;
            let line = match &more {
                Ok(_) => self.record.position().map(csv::Position::line),
                Err(error) => error.position().map(csv::Position::line),
            };
            let line = line.and_then(|line| usize::try_from(line).ok()).unwrap_or(self.row + 1);
            let place = Place { file: self.file, row: self.row, line };
            match more {
                Ok(false) => return None,
                Ok(true) if self.record.len() == self.header.len() => return Some(place),
                Ok(true) => {
                    let message = format!("{} cells, the header has {}", self.record.len(), self.header.len());
                    faults.push(place.fault(message).help("put quotes around a cell that holds a comma"));
                }
                Err(error) => {
                    faults.push(place.fault(error));
                    return None;
                }
            }
        }
    }

    /// A cell of the present row.
    pub fn cell(&self, column: usize) -> &str {
        &self.record[column]
    }
}
