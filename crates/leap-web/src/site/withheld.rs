//! A page whose figures are withheld, because what they are read from does not prove.
//!
//! Names, words and states stay, so that a reader still finds the way to what is wrong; every number goes, and every
//! sentence and chart that is made of numbers.

use super::model::{Block, Cell, Figure, Page, Row, Table};

/// What stands in the place of a figure.
const WITHHELD: &str = "withheld";

impl Page {
    /// The page without its figures.
    #[must_use]
    pub fn withheld(mut self) -> Page {
        self.blocks = blocks(self.blocks);
        self
    }
}

fn blocks(all: Vec<Block>) -> Vec<Block> {
    all.into_iter().filter_map(block).collect()
}

fn block(block: Block) -> Option<Block> {
    Some(match block {
        Block::Headline { unit, .. } => {
            Block::Headline { figure: figure(), unit, delta: Vec::new(), say: String::new() }
        }
        Block::Facts(facts) => Block::Facts(
            facts.into_iter().map(|(name, value, unit, _)| (name, cell(value), unit, String::new())).collect(),
        ),
        Block::Tiles(tiles) => Block::Tiles(tiles.into_iter().map(|(name, inner)| (name, blocks(inner))).collect()),
        Block::Section { title, blocks: inner, .. } => {
            Block::Section { title, say: String::new(), blocks: blocks(inner) }
        }
        Block::Chart(_, data) | Block::Table(data) => Block::Table(table(data)),
        Block::Split(left, right) => Block::Split(blocks(left), blocks(right)),
        Block::Pairs(pairs) => Block::Pairs(pairs.into_iter().map(|(name, value)| (name, cell(value))).collect()),
        Block::ChartOf(..)
        | Block::Clock(_)
        | Block::Strip(_)
        | Block::Trail(_)
        | Block::Tasks(_)
        | Block::Text(_)
        | Block::Difference(_)
        | Block::Form(_) => {
            return None;
        }
        kept @ (Block::Notice(..) | Block::Nothing(..) | Block::Filters(_)) => kept,
    })
}

fn figure() -> Figure {
    Figure { shown: WITHHELD.to_owned(), ..Figure::default() }
}

fn cell(cell: Cell) -> Cell {
    match cell {
        Cell::Figure(_) | Cell::Ratio(..) | Cell::Number(..) | Cell::Line(..) => Cell::Text(WITHHELD.to_owned()),
        Cell::Empty
        | Cell::None
        | Cell::Text(_)
        | Cell::Link(_)
        | Cell::Id(_)
        | Cell::Why(..)
        | Cell::Badge(..)
        | Cell::Tick(..) => cell,
    }
}

fn table(mut table: Table) -> Table {
    let row = |row: Row| Row { cells: row.cells.into_iter().map(cell).collect(), ..row };
    table.rows = table.rows.into_iter().map(row).collect();
    table.foot = table.foot.into_iter().map(row).collect();
    (table.sum, table.ratio) = (None, None);
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::model::{Chart, Column, Link};

    #[test]
    fn no_number_is_left_and_every_name_is() {
        let figure = |text: &str| {
            Cell::Figure(Figure { exact: text.to_owned(), shown: text.to_owned(), href: "/explore".to_owned() })
        };
        let team = Cell::Link(Link::new("Payments", "/team/payments"));
        let data = Table {
            columns: vec![Column::text("Team"), Column::figure("USD")],
            rows: vec![Row::new(vec![team, figure("731")])],
            foot: vec![Row::new(vec![Cell::Text("All".to_owned()), Cell::Number("731".to_owned(), "731".to_owned())])],
            sum: Some(("731".to_owned(), 1)),
            ..Table::default()
        };
        let chart = Chart {
            kind: "bar",
            title: "731 in all".to_owned(),
            say: "731".to_owned(),
            size: "",
            target: None,
            flags: "",
        };
        let inner = vec![
            Block::Chart(chart, data),
            Block::Pairs(vec![
                ("Now".to_owned(), Cell::Ratio(Figure::default(), "bps")),
                ("Was".to_owned(), figure("731")),
            ]),
        ];
        let page = Page {
            blocks: vec![
                Block::Headline {
                    figure: Figure { exact: "731".to_owned(), ..Figure::default() },
                    unit: "USD".to_owned(),
                    delta: vec!["+731".to_owned()],
                    say: "731 more".to_owned(),
                },
                Block::Split(
                    vec![Block::Section { title: "Teams".to_owned(), say: "731".to_owned(), blocks: inner }],
                    Vec::new(),
                ),
                Block::Text("731".to_owned()),
            ],
            ..Page::default()
        };
        let shown = format!("{:?}", page.withheld());
        assert!(!shown.contains("731"), "{shown}");
        assert!(shown.contains("Payments") && shown.contains("Teams"), "{shown}");
        assert_eq!(shown.matches("withheld").count(), 5, "{shown}");
    }
}
