//! A page as JSON or CSV, and what other formats are made of: the same tables as its HTML, exact.

use serde_json::{Map, Value, json};

use super::model::{Cell, Page, Row, Table};

/// The tables of a page: `{"snapshot", "title", "tables": [{"id", "caption", "unit", "sum", "rows": [{…}], "next"}]}`.
pub fn json(page: &Page, snapshot: &str) -> Value {
    let tables: Vec<Value> = page.tables().into_iter().map(table).collect();
    json!({ "snapshot": snapshot, "title": page.title, "about": page.sub, "tables": tables })
}

fn table(table: &Table) -> Value {
    let rows = |rows: &[Row]| rows.iter().map(|row| object(table, row)).collect::<Vec<Value>>();
    json!({
        "id": table.id.trim_start_matches("t-"),
        "caption": table.caption,
        "unit": table.unit,
        "sum": table.sum.as_ref().map(|(sum, _)| sum),
        "ratio": table.ratio.as_ref().map(|(over, under)| json!({ "over": over, "under": under })),
        "rows": rows(&table.rows),
        "next": table.next.as_ref().map(|next| &next.href),
    })
}

fn object(table: &Table, row: &Row) -> Value {
    let names = names(table);
    let cells = names.into_iter().zip(&row.cells).filter(|(_, cell)| !matches!(cell, Cell::Why(..)));
    Value::Object(cells.map(|(name, cell)| (name, plain(cell))).collect::<Map<String, Value>>())
}

/// The names of the columns, each once: two units may be called alike, and none may take the other's place.
pub fn names(table: &Table) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for column in &table.columns {
        let mut name = column.name.clone();
        let mut number = 2;
        while names.contains(&name) {
            name = format!("{} ({number})", column.name);
            number += 1;
        }
        names.push(name);
    }
    names
}

fn plain(cell: &Cell) -> Value {
    datum(cell).map_or(Value::Null, Value::String)
}

/// What a cell says as a datum; `None` where it says nothing.
pub fn datum(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Empty | Cell::None | Cell::Why(..) | Cell::Tick(..) => None,
        _ => Some(text(cell)),
    }
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Empty | Cell::None | Cell::Why(..) | Cell::Tick(..) => String::new(),
        Cell::Text(text) | Cell::Badge(_, text) | Cell::Line(_, text) => text.clone(),
        Cell::Link(link) | Cell::Id(link) => link.text.clone(),
        Cell::Figure(figure) | Cell::Ratio(figure, _) => figure.exact.clone(),
        Cell::Number(exact, _) => exact.clone(),
    }
}

/// No table of the page has that id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoTable;

/// The table of a page that a file is made of: the one with this id, or without one the table that adds up, else the first.
/// `None` where the page has no table.
///
/// # Errors
/// No table has the id.
pub fn of<'p>(page: &'p Page, id: Option<&str>) -> Result<Option<&'p Table>, NoTable> {
    let tables = page.tables();
    match id {
        Some(id) => tables.into_iter().find(|table| table.id.trim_start_matches("t-") == id).map(Some).ok_or(NoTable),
        None => Ok(tables.iter().find(|table| table.sum.is_some()).or(tables.first()).copied()),
    }
}

/// A table as CSV (RFC 4180), without its foot.
pub fn csv(table: &Table) -> String {
    let line = |cells: Vec<String>| cells.join(",") + "\r\n";
    let mut out = line(names(table).iter().map(|name| field(&guarded(name))).collect());
    for row in &table.rows {
        out += &line(
            row.cells
                .iter()
                .map(|cell| match cell {
                    Cell::Figure(_) | Cell::Ratio(..) | Cell::Number(..) => text(cell),
                    _ => field(&guarded(&text(cell))),
                })
                .collect(),
        );
    }
    out
}

/// A field of CSV, in quotes where it needs them (RFC 4180).
pub fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// A text that a spreadsheet would run as a formula gets an apostrophe in front.
pub fn guarded(text: &str) -> String {
    // Spreadsheets take the wide forms of these signs for them, too.
    let signs = ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    if text.starts_with(signs) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::model::{Block, Column, Figure, Link};
    use super::*;

    fn page() -> Page {
        let figure = Figure { exact: "-12.5".into(), shown: "−13".into(), href: "/x".into() };
        let table = Table {
            id: "t-team".into(),
            unit: "USD".into(),
            columns: vec![Column::text("Team"), Column::figure("Cost"), Column::text("Why")],
            rows: vec![Row::new(vec![
                Cell::Text("=cmd|' /C calc'!A0, \"x\"".into()),
                Cell::Figure(figure),
                Cell::Why("x".into(), Link::new("Why?", "/explain")),
            ])],
            sum: Some(("-12.5".into(), 1)),
            ..Table::default()
        };
        Page { blocks: vec![Block::Table(table)], ..Page::default() }
    }

    #[test]
    fn csv_is_exact_and_no_formula_runs() {
        assert_eq!(
            csv(of(&page(), None).unwrap().unwrap()),
            "Team,Cost,Why\r\n\"'=cmd|' /C calc'!A0, \"\"x\"\"\",-12.5,\r\n"
        );
    }

    #[test]
    fn columns_of_one_name_keep_their_figures() {
        let mut page = page();
        if let Some(Block::Table(table)) = page.blocks.first_mut() {
            table.columns[2] = Column::figure("Cost");
            table.rows[0].cells[2] = Cell::Number("7".into(), "7".into());
        }
        assert_eq!(json(&page, "")["tables"][0]["rows"][0]["Cost (2)"], "7");
        assert!(csv(of(&page, Some("team")).unwrap().unwrap()).starts_with("Team,Cost,Cost (2)\r\n"));
        assert_eq!(of(&page, Some("other")), Err(NoTable));
        assert_eq!(of(&Page::default(), None), Ok(None));
    }

    #[test]
    fn json_has_the_snapshot_and_exact_texts() {
        let value = json(&page(), "7c41");
        assert_eq!(value["snapshot"], "7c41");
        assert_eq!(value["tables"][0]["rows"][0]["Cost"], "-12.5");
        assert_eq!(value["tables"][0]["sum"], "-12.5");
        assert!(value["tables"][0]["rows"][0].get("Why").is_none(), "a link is no datum");
    }
}
