//! Rows into the database, many per statement, and out of it, with a clear error for one that is not what it should be.
//!
//! Does not know any table: callers name columns.

use std::fmt::Display;

use leap_terms::{Digest, Instant};
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::error::BookError;
use crate::place::Place;

/// Placeholders in one statement. SQLite takes 32,766 and PostgreSQL 65,535, but SQLite looks each numbered one up by
/// its name: with 30,000 of them that took a quarter of an ingest.
const PLACEHOLDERS: usize = 600;
/// Placeholders in one statement that looks for rows.
const SOUGHT: usize = 240;
/// Bytes of text in one statement, so that a hundred thousand quarantined rows never stand in memory twice.
const STATEMENT_BYTES: usize = 8 << 20;

/// One value to be stored.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Text(String),
    Int(i64),
    NoText,
    NoInt,
}

impl Cell {
    pub(crate) fn text(value: impl Display) -> Cell {
        Cell::Text(value.to_string())
    }

    pub(crate) fn maybe_text(value: Option<impl Display>) -> Cell {
        value.map_or(Cell::NoText, Cell::text)
    }

    pub(crate) fn maybe_int(value: Option<i64>) -> Cell {
        value.map_or(Cell::NoInt, Cell::Int)
    }

    pub(crate) fn count(value: u64) -> Cell {
        Cell::Int(count(value))
    }

    pub(crate) fn flag(value: bool) -> Cell {
        Cell::Int(i64::from(value))
    }

    pub(crate) fn at(value: Instant) -> Cell {
        Cell::Int(value.micros())
    }

    /// Structured text. It also carries what PostgreSQL refuses in plain text (the character NUL), escaped.
    pub(crate) fn json(value: &impl serde::Serialize) -> Cell {
        Cell::Text(json(value))
    }

    fn bytes(&self) -> usize {
        match self {
            Cell::Text(text) => text.len(),
            Cell::Int(_) | Cell::NoText | Cell::NoInt => 8,
        }
    }
}

/// JSON text of one of our records.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("records are made of text, numbers and lists with text keys")
}

/// A count or size as the database holds it.
pub(crate) fn count(value: u64) -> i64 {
    i64::try_from(value).expect("limits keep counts and sizes far below 2^63")
}

/// Text of foreign origin without the one character that PostgreSQL cannot store.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "\u{2400}")
}

/// Refuses a text that is no JSON. `subject` names it in the error.
pub(crate) fn check_json(subject: &str, text: &str) -> Result<(), BookError> {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(BookError::NotJson { subject: subject.to_owned(), fault: error.to_string() }),
    }
}

/// The highest number in a table; 0 where it is empty.
pub(crate) async fn newest(connection: &mut AnyConnection, table: &'static str) -> Result<i64, sqlx::Error> {
    let sql = format!("SELECT COALESCE(MAX(number), 0) AS newest FROM {table}");
    sqlx::query(AssertSqlSafe(sql)).fetch_one(connection).await?.try_get("newest")
}

/// Digest over lines in their order.
pub(crate) fn lines_digest(lines: impl IntoIterator<Item = String>) -> Digest {
    let mut text = String::new();
    for line in lines {
        // A length stands before each, so that no text can look like the next line.
        text.push_str(&format!("{} {line}\n", line.len()));
    }
    Digest::of(text.as_bytes())
}

/// Refuses a text that says nothing. `subject` and `missing` name it in the error.
pub(crate) fn not_blank(subject: &str, missing: &'static str, text: &str) -> Result<(), BookError> {
    if text.trim().is_empty() { Err(BookError::Blank { subject: subject.to_owned(), missing }) } else { Ok(()) }
}

/// Inserts one row of `table (columns)`.
pub(crate) async fn insert(
    connection: &mut AnyConnection,
    table: &'static str,
    columns: &'static [&'static str],
    row: Vec<Cell>,
) -> Result<(), sqlx::Error> {
    insert_batch(connection, table, columns, vec![row], "").await
}

/// Inserts many rows of `table (columns)`, as many per statement as fit.
pub(crate) struct Insert {
    table: &'static str,
    columns: &'static [&'static str],
    after: String,
    batch: Vec<Vec<Cell>>,
    bytes: usize,
}

impl Insert {
    pub(crate) fn into(table: &'static str, columns: &'static [&'static str]) -> Insert {
        Insert { table, columns, after: String::new(), batch: Vec::new(), bytes: 0 }
    }

    /// Rows whose key is there already are passed over.
    pub(crate) fn or_keep(self) -> Insert {
        Insert { after: " ON CONFLICT DO NOTHING".to_owned(), ..self }
    }

    /// Of rows whose key is there already these columns are replaced.
    pub(crate) fn or_replace(self, key: &'static str, columns: &[&'static str]) -> Insert {
        let set: Vec<String> = columns.iter().map(|column| format!("{column} = excluded.{column}")).collect();
        Insert { after: format!(" ON CONFLICT ({key}) DO UPDATE SET {}", set.join(", ")), ..self }
    }

    /// Takes one row; now and then writes those taken.
    pub(crate) async fn row(&mut self, connection: &mut AnyConnection, row: Vec<Cell>) -> Result<(), sqlx::Error> {
        self.bytes += row.iter().map(Cell::bytes).sum::<usize>();
        self.batch.push(row);
        let full = self.batch.len() == PLACEHOLDERS / self.columns.len() || self.bytes >= STATEMENT_BYTES;
        if full { self.write(connection).await } else { Ok(()) }
    }

    /// Writes what is left.
    pub(crate) async fn end(mut self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        if self.batch.is_empty() { Ok(()) } else { self.write(connection).await }
    }

    async fn write(&mut self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        self.bytes = 0;
        insert_batch(connection, self.table, self.columns, std::mem::take(&mut self.batch), &self.after).await
    }
}

async fn insert_batch(
    connection: &mut AnyConnection,
    table: &str,
    columns: &[&str],
    rows: Vec<Vec<Cell>>,
    after: &str,
) -> Result<(), sqlx::Error> {
    let mut sql = format!("INSERT INTO {table} ({}) VALUES ", columns.join(", "));
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(row.len(), columns.len(), "a row of {table} has a value for each column");
        sql.push_str(if at == 0 { "(" } else { ", (" });
        sql.push_str(&placeholders(at * columns.len() + 1, columns.len()));
        sql.push(')');
    }
    sql.push_str(after);
    let single = rows.len() == 1;
    // Only names from this crate stand in the text; every value is bound.
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(single);
    for cell in rows.into_iter().flatten() {
        query = match cell {
            Cell::Text(text) => query.bind(text),
            Cell::Int(number) => query.bind(number),
            Cell::NoText => query.bind(None::<String>),
            Cell::NoInt => query.bind(None::<i64>),
        };
    }
    query.execute(connection).await.map(|_| ())
}

/// `$5, $6, $7` for the first number 5 and three values.
pub(crate) fn placeholders(first: usize, values: usize) -> String {
    (first..first + values).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}

/// `(source = $2 AND owner = $3 OR source = $4 AND owner = $5)` for the first number 2 and two rows of two values: one
/// statement then does for many rows what one each would do, and finds each by its index.
pub(crate) fn any_of(first: usize, rows: usize, columns: &[&str]) -> String {
    let row = |at: usize| {
        let first = first + at * columns.len();
        let each = columns.iter().zip(first..).map(|(column, number)| format!("{column} = ${number}"));
        each.collect::<Vec<_>>().join(" AND ")
    };
    format!("({})", (0..rows).map(row).collect::<Vec<_>>().join(" OR "))
}

/// How many rows of so many columns [`any_of`] should be given.
pub(crate) fn rows_at_a_time(columns: usize) -> usize {
    SOUGHT / columns
}

/// One row that was read; `of` names it in errors.
pub(crate) struct Record<'a> {
    pub(crate) row: &'a AnyRow,
    pub(crate) of: &'static str,
    pub(crate) place: &'a Place,
}

impl Record<'_> {
    pub(crate) fn text(&self, column: &str) -> Result<String, BookError> {
        self.row.try_get(column).map_err(|error| self.damaged(column, &error))
    }

    pub(crate) fn maybe_text(&self, column: &str) -> Result<Option<String>, BookError> {
        self.row.try_get(column).map_err(|error| self.damaged(column, &error))
    }

    pub(crate) fn int(&self, column: &str) -> Result<i64, BookError> {
        self.row.try_get(column).map_err(|error| self.damaged(column, &error))
    }

    pub(crate) fn maybe_int(&self, column: &str) -> Result<Option<i64>, BookError> {
        self.row.try_get(column).map_err(|error| self.damaged(column, &error))
    }

    pub(crate) fn count(&self, column: &str) -> Result<u64, BookError> {
        u64::try_from(self.int(column)?).map_err(|error| self.damaged(column, &error))
    }

    pub(crate) fn flag(&self, column: &str) -> Result<bool, BookError> {
        self.int(column).map(|number| number != 0)
    }

    pub(crate) fn at(&self, column: &str) -> Result<Instant, BookError> {
        self.int(column).map(Instant::from_micros)
    }

    pub(crate) fn read<T, E: Display>(
        &self,
        column: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, BookError> {
        read(&self.text(column)?).map_err(|error| self.damaged(column, &error))
    }

    pub(crate) fn maybe_read<T, E: Display>(
        &self,
        column: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, BookError> {
        self.maybe_text(column)?.map(|text| read(&text).map_err(|error| self.damaged(column, &error))).transpose()
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, BookError> {
        self.read(column, |text| serde_json::from_str(text))
    }

    fn damaged(&self, column: &str, fault: &dyn Display) -> BookError {
        BookError::Damaged {
            place: self.place.shown().to_owned(),
            fault: format!("{} of a {}: {fault}", column, self.of),
        }
    }
}
