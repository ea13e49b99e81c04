//! How answers look: one table, four formats. Data goes to stdout, talk to stderr.
//!
//! Amounts are exact in JSON and CSV; a table for people rounds to cents, and says so in its title.

use std::io::{IsTerminal, Write};

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table as Drawn, TableComponent, presets};
use leap_terms::{Exact, Money};
use serde_json::{Map, Value};

use crate::cli::OutputFormat;
use crate::failure::Failure;

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// Text.
    Text(String),
    /// A count.
    Count(u64),
    /// An amount; exact in machine formats, cents in tables.
    Amount(Money),
    /// A ratio in basis points, shown as a percentage.
    Bps(Option<i64>),
    /// Nothing.
    Empty,
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Cell {
        Cell::Text(text.into())
    }

    fn exact(&self) -> String {
        match self {
            Cell::Text(text) => text.clone(),
            Cell::Count(count) => count.to_string(),
            Cell::Amount(amount) => amount.to_string(),
            Cell::Bps(Some(bps)) => bps.to_string(),
            Cell::Bps(None) | Cell::Empty => String::new(),
        }
    }

    fn shown(&self) -> String {
        match self {
            Cell::Text(text) => printable(text),
            Cell::Count(count) => Exact::from_whole(i64::try_from(*count).unwrap_or(i64::MAX)).to_grouped(0),
            Cell::Amount(amount) => amount_shown(*amount),
            Cell::Bps(Some(bps)) => {
                let tenths = (bps.abs() + 5) / 10;
                format!("{}{}.{}%", if *bps < 0 && tenths > 0 { "-" } else { "" }, tenths / 10, tenths % 10)
            }
            Cell::Bps(None) => "new".to_owned(),
            Cell::Empty => String::new(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Cell::Text(text) => Value::from(text.clone()),
            Cell::Count(count) => Value::from(*count),
            Cell::Amount(amount) => Value::from(amount.to_string()),
            Cell::Bps(Some(bps)) => Value::from(*bps),
            Cell::Bps(None) | Cell::Empty => Value::Null,
        }
    }
}

/// An amount for people: cents, or more digits where cents would show a small amount as nothing.
pub(crate) fn amount_shown(amount: Money) -> String {
    let cents = amount.to_grouped(2);
    if amount.is_zero() || !matches!(cents.as_str(), "0.00" | "-0.00" | "0.01" | "-0.01") {
        return cents;
    }
    // Below that, two digits that say something are enough: all of them are in JSON and CSV.
    let speaks = |digits: &u32| amount.to_grouped(*digits).bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    match (6..18).find(speaks) {
        Some(6) => amount.to_grouped(6),
        Some(digits) => amount.to_grouped(digits + 1),
        None => amount.to_string(),
    }
}

/// Provider text made safe for a terminal: control characters, which could move the cursor or forge lines, are escaped.
pub(crate) fn printable(text: &str) -> String {
    if text.chars().any(|c| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    }) {
        text.chars()
            .flat_map(|c| {
                if c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ' {
                    vec![c]
                } else {
                    c.escape_unicode().collect()
                }
            })
            .collect()
    } else {
        text.to_owned()
    }
}

/// A table of an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// One line above the table, for people.
    pub(crate) title: String,
    /// Column names; also the JSON keys.
    pub(crate) columns: Vec<String>,
    /// Rows, each as wide as `columns`.
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Rows of totals, drawn apart.
    pub(crate) totals: Vec<Vec<Cell>>,
}

impl Answer {
    pub(crate) fn new(title: impl Into<String>, columns: &[&str]) -> Answer {
        Answer {
            title: title.into(),
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            rows: Vec::new(),
            totals: Vec::new(),
        }
    }

    /// The rows as JSON objects.
    pub(crate) fn json_rows(&self) -> Vec<Value> {
        self.rows
            .iter()
            .map(|row| {
                Value::Object(
                    self.columns.iter().cloned().zip(row.iter().map(Cell::json)).collect::<Map<String, Value>>(),
                )
            })
            .collect()
    }

    /// Writes the answer as `{"rows": […]}`, CSV, Markdown or a table.
    pub(crate) fn print(&self, format: OutputFormat) -> Result<(), Failure> {
        match format {
            OutputFormat::Json => print_json(&serde_json::json!({ "rows": self.json_rows() })),
            OutputFormat::Csv => emit(&self.csv()),
            OutputFormat::Markdown => emit(&self.markdown()),
            OutputFormat::Table => emit(&self.table()),
        }
    }

    /// CSV with exact amounts.
    pub(crate) fn csv(&self) -> String {
        let line = |cells: Vec<String>| cells.iter().map(|cell| csv_field(cell)).collect::<Vec<_>>().join(",") + "\n";
        let mut out = line(self.columns.clone());
        for row in &self.rows {
            // A spreadsheet runs a text cell that starts like a formula; numbers keep their sign.
            out += &line(
                row.iter().map(|cell| if let Cell::Text(text) = cell { guarded(text) } else { cell.exact() }).collect(),
            );
        }
        out
    }

    pub(crate) fn markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut out = line(self.columns.clone());
        let right: Vec<bool> = (0..self.columns.len()).map(|at| self.is_numeric(at)).collect();
        out += &line(right.iter().map(|right| if *right { "---:" } else { "---" }.to_owned()).collect());
        for row in self.rows.iter().chain(&self.totals) {
            out += &line(row.iter().map(|cell| cell.shown().replace('|', "\\|")).collect());
        }
        out
    }

    fn is_numeric(&self, column: usize) -> bool {
        self.rows
            .iter()
            .chain(&self.totals)
            .any(|row| matches!(row.get(column), Some(Cell::Count(_) | Cell::Amount(_) | Cell::Bps(_))))
    }

    pub(crate) fn table(&self) -> String {
        let mut out = String::new();
        if !self.title.is_empty() {
            out += &format!("{}\n", self.title);
        }
        if self.rows.is_empty() {
            out += "(nothing)\n";
            return out;
        }
        let mut drawn = Drawn::new();
        let terminal = std::io::stdout().is_terminal();
        // A pipe has no width: nothing is wrapped, so that ids and paths can be cut out of it.
        let arrangement = if terminal { ContentArrangement::Dynamic } else { ContentArrangement::Disabled };
        drawn.load_preset(presets::NOTHING).set_content_arrangement(arrangement);
        drawn.set_style(TableComponent::HeaderLines, '─').set_style(TableComponent::MiddleHeaderIntersections, '─');
        drawn
            .set_style(TableComponent::LeftHeaderIntersection, '─')
            .set_style(TableComponent::RightHeaderIntersection, '─');
        drawn.set_header(self.columns.clone());
        for row in self.rows.iter().chain(&self.totals) {
            drawn.add_row(row.iter().map(Cell::shown).collect::<Vec<_>>());
        }
        for at in 0..self.columns.len() {
            if self.is_numeric(at)
                && let Some(column) = drawn.column_mut(at)
            {
                column.set_cell_alignment(CellAlignment::Right);
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        out += &drawn.to_string();
        out.push('\n');
        out
    }
}

pub(crate) use leap_web::site::export::field as csv_field;

/// A text that a spreadsheet would run as a formula gets an apostrophe in front; a number, negative ones too, does not.
pub(crate) fn guarded(text: &str) -> String {
    if text.parse::<Exact>().is_ok() { text.to_owned() } else { leap_web::site::export::guarded(text) }
}

/// Writes to stdout; a closed pipe ends the program quietly.
pub(crate) fn emit(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::failed(format!("could not write to standard output: {error}"))),
    }
}

/// Writes one JSON document to stdout.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    emit(&format!("{}\n", serde_json::to_string_pretty(value).map_err(|error| Failure::failed(error.to_string()))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_amounts_stay_visible() {
        let shown = |text: &str| amount_shown(text.parse().unwrap());
        assert_eq!(shown("1234.567"), "1,234.57");
        assert_eq!(shown("0.000123"), "0.000123");
        assert_eq!(shown("-0.000000379889041833"), "-0.00000038");
        assert_eq!(shown("0.00000000000000000000012"), "0.00000000000000000000012");
        assert_eq!(shown("0"), "0.00");
    }

    #[test]
    fn csv_is_exact_and_safe_in_spreadsheets() {
        let mut answer = Answer::new("", &["team", "amount"]);
        answer.rows.push(vec![
            Cell::text("=cmd|' /C calc'!A0"),
            Cell::Amount("-0.123456789012345678901234567891".parse().unwrap()),
        ]);
        assert_eq!(answer.csv(), "team,amount\n'=cmd|' /C calc'!A0,-0.123456789012345678901234567891\n");
    }

    #[test]
    fn provider_text_cannot_move_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(printable("plain é中"), "plain é中");
    }
}
