//! What a page says, before it is HTML, JSON or CSV: one value for all three, so that they cannot differ.
//!
//! Amounts are exact decimals as text (a dot, no grouping) beside the text that people read. Nothing here computes.

use super::strip::Strip;

/// A whole page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The heading, and the title of the window.
    pub title: String,
    /// True where the heading is an id.
    pub is_id: bool,
    /// The line below it: what is shown, of whom, when.
    pub sub: String,
    /// From the top to here: what, and where it leads.
    pub crumbs: Vec<Link>,
    /// Views of one subject: what, where, and which one this is.
    pub tabs: Vec<(Link, bool)>,
    /// The command of `leap` that says the same.
    pub command: Option<String>,
    /// The query of `leap sql` that says the same, or why there is none.
    pub sql: Option<Result<String, String>>,
    /// What stands on it, in its order.
    pub blocks: Vec<Block>,
}

/// Words that lead somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The words.
    pub text: String,
    /// Where they lead, on this site; nowhere when empty.
    pub href: String,
}

impl Link {
    /// A link.
    pub fn new(text: impl Into<String>, href: impl Into<String>) -> Link {
        Link { text: text.into(), href: href.into() }
    }
}

/// A number that a person may act on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    /// The exact decimal.
    pub exact: String,
    /// As people read it.
    pub shown: String,
    /// Where the rows are that add up to it; empty where the number is explained beside it.
    pub href: String,
}

/// How the address of a figure ends that is one row of many, such as a quantile: that row is marked ([`Row::is_marked`]).
pub const MARKED: &str = "#marked";

/// Units of quotients: a figure in one of them leads to a table with [`Table::ratio`].
pub const RATIOS: [&str; 2] = ["bps", "engineers"];

/// One cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Not asked.
    Empty,
    /// No figure: it does not exist.
    None,
    /// Words.
    Text(String),
    /// Words that lead somewhere.
    Link(Link),
    /// An id or code, with where it leads.
    Id(Link),
    /// A figure.
    Figure(Figure),
    /// A quotient and its unit ([`RATIOS`]); its two sides are where it leads.
    Ratio(Figure, &'static str),
    /// A number that leads nowhere, such as a share: exact, shown.
    Number(String, String),
    /// "Why?" of a named thing.
    Why(String, Link),
    /// A state.
    Badge(Tone, String),
    /// A small line: the height of each point, from 0 to 100, and the line in words.
    Line(Vec<u8>, String),
    /// A box to tick, in a table of choices: name, value, and what it stands for.
    Tick(&'static str, String, String),
}

/// How a state is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Ok,
    /// Needs somebody.
    Warn,
    /// Is wrong.
    Bad,
    /// To know.
    Info,
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Its head.
    pub name: String,
    /// True for figures.
    pub is_figure: bool,
    /// What a chart takes it for, where that is not plain.
    pub role: Option<&'static str>,
    /// The colour of its series: `1` to `6`, `rest`, `residual`, `before`.
    pub colour: Option<String>,
    /// True for small lines; they are left out where there is no room.
    pub is_line: bool,
}

impl Column {
    /// A column of words.
    pub fn text(name: impl Into<String>) -> Column {
        Column { name: name.into(), ..Column::default() }
    }

    /// A column of figures.
    pub fn figure(name: impl Into<String>) -> Column {
        Column { name: name.into(), is_figure: true, ..Column::default() }
    }

    /// A column of small lines.
    pub fn line(name: impl Into<String>) -> Column {
        Column { is_line: true, ..Column::text(name) }
    }

    /// A column of figures that no chart draws.
    pub fn undrawn(name: impl Into<String>) -> Column {
        Column { role: Some("skip"), ..Column::figure(name) }
    }

    /// The same, in the colour of a series.
    #[must_use]
    pub fn coloured(self, colour: impl Into<String>) -> Column {
        Column { colour: Some(colour.into()), ..self }
    }

    /// The same, in a role.
    #[must_use]
    pub fn role(self, role: &'static str) -> Column {
        Column { role: Some(role), ..self }
    }
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// One cell per column; the first is its head.
    pub cells: Vec<Cell>,
    /// Stays last when sorted, and is quieter.
    pub is_rest: bool,
    /// Not drawn.
    pub undrawn: bool,
    /// A level of a waterfall, not a step.
    pub is_level: bool,
    /// The row that a figure with [`MARKED`] leads to; one on a page.
    pub is_marked: bool,
    /// The colour of its mark.
    pub colour: Option<String>,
    /// Its id and its parent's, in trees.
    pub tree: Option<(String, String)>,
    /// How deep it stands in a tree.
    pub depth: usize,
}

impl Row {
    /// A row of cells.
    pub fn new(cells: Vec<Cell>) -> Row {
        Row { cells, ..Row::default() }
    }
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Its id on the page: `t-…`.
    pub id: String,
    /// What it says, of what, in which unit.
    pub caption: String,
    /// The unit of its figures: `USD`, `ns`, `rows` …; empty where there is none.
    pub unit: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Row>,
    /// The foot.
    pub foot: Vec<Row>,
    /// The exact sum over all pages, and which column adds up to it.
    pub sum: Option<(String, usize)>,
    /// The two sides of the quotient that this table explains: exact, above and below.
    pub ratio: Option<(String, String)>,
    /// The next page.
    pub next: Option<Link>,
    /// Words more than figures: rows become cards on narrow windows.
    pub is_cards: bool,
    /// The first column stays when scrolled sideways.
    pub is_sticky: bool,
}

/// A chart: its table is the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// `stacked-area`, `pareto`, `waterfall`, `treemap` …
    pub kind: &'static str,
    /// Its title: what it shows, as a finding where there is one.
    pub title: String,
    /// One sentence.
    pub say: String,
    /// `xs`, `s`, `l`, or empty.
    pub size: &'static str,
    /// A line, or the whole of which shares are taken: value and name.
    pub target: Option<(String, String)>,
    /// `stack`, `flat`, `log`, `step`, by spaces.
    pub flags: &'static str,
}

/// Something to do or to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// What.
    pub what: Link,
    /// What it is worth, and its unit.
    pub worth: Option<(Figure, String)>,
    /// The sentence.
    pub say: String,
}

/// A clock that runs towards something: so many hours of so many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// What it is of, for screen readers.
    pub label: String,
    /// Hours that have passed.
    pub hours: u32,
    /// Hours that it may run.
    pub of: u32,
    /// What these hours are: `grace`.
    pub what: &'static str,
    /// Since when it runs, and what happens when.
    pub say: String,
}

impl Clock {
    /// The share that has passed, in hundredths of a percent; at most all of it.
    pub fn used(&self) -> u64 {
        (u64::from(self.hours) * 10_000 / u64::from(self.of.max(1))).min(10_000)
    }
}

/// A part of a page.
#[derive(Clone, Debug)]
pub enum Block {
    /// The headline figure of the page and its sentence.
    Headline {
        /// The figure; none where there is no cost.
        figure: Figure,
        /// Its unit and what it is.
        unit: String,
        /// The differences beside it.
        delta: Vec<String>,
        /// The sentence.
        say: String,
    },
    /// Up to four facts: name, figure or words, unit, and a line below.
    Facts(Vec<(String, Cell, String, String)>),
    /// A clock.
    Clock(Clock),
    /// What became of windows, one after the other; their table stands beside it.
    Strip(Strip),
    /// Tiles side by side: heading, and what stands in it.
    Tiles(Vec<(String, Vec<Block>)>),
    /// A heading with what belongs to it.
    Section {
        /// The heading.
        title: String,
        /// The sentence below.
        say: String,
        /// What belongs to it.
        blocks: Vec<Block>,
    },
    /// A chart beside its table, or above it where the table is long.
    Chart(Chart, Table),
    /// A chart of a table that stands elsewhere on the page: the table's id and unit.
    ChartOf(Chart, String, String),
    /// A table alone.
    Table(Table),
    /// Two blocks side by side.
    Split(Vec<Block>, Vec<Block>),
    /// Names and values.
    Pairs(Vec<(String, Cell)>),
    /// Numbered reasons: heading, code, sentence.
    Trail(Vec<(String, String, String)>),
    /// Things to do or to know.
    Tasks(Vec<Task>),
    /// Something to know.
    Notice(Tone, String, Option<Link>),
    /// Nothing is here: what that means, and the next step.
    Nothing(String, Vec<Link>),
    /// A search form or filter: the fields of the address.
    Filters(Filters),
    /// A form that changes something.
    Form(PostForm),
    /// Text as it is, such as settings.
    Text(String),
    /// How a text differs from another one.
    Difference(Vec<DiffLine>),
}

/// A line of a difference of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiffLine {
    /// In both.
    Same(String),
    /// In the text before only.
    Gone(String),
    /// In the text after only.
    New(String),
    /// So many lines that are in both and not shown.
    Left(usize),
}

/// A form that changes something, or shows first what it would change.
#[derive(Clone, Debug, Default)]
pub struct PostForm {
    /// Where it is sent.
    pub to: String,
    /// For screen readers.
    pub label: String,
    /// What a person fills in.
    pub inputs: Vec<Input>,
    /// Things to tick, where it is about several.
    pub choices: Option<Table>,
    /// What goes with it.
    pub hidden: Vec<(String, String)>,
    /// What the button says: what will happen.
    pub button: String,
    /// True where others are affected at once.
    pub is_grave: bool,
    /// Where to go instead.
    pub back: Option<Link>,
}

/// One thing that a person fills in.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// The field.
    pub name: &'static str,
    /// The label.
    pub label: String,
    /// What stands in it.
    pub value: String,
    /// How it is filled in.
    pub kind: InputKind,
    /// An example.
    pub example: &'static str,
    /// A sentence below it.
    pub say: String,
    /// What is wrong with what stands in it; may have several lines.
    pub fault: String,
    /// True where it must not be empty.
    pub is_required: bool,
}

/// How something is filled in.
#[derive(Clone, Debug, Default)]
pub enum InputKind {
    /// One line.
    #[default]
    Line,
    /// A day.
    Day,
    /// So many lines.
    Text(u8),
    /// One of several: value and words.
    Choice(Vec<(String, String)>),
}

/// What a page may be asked.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    /// For screen readers.
    pub label: String,
    /// The dimensions that are chosen: the word, where it leads without it, and where it leads with it in front.
    pub chips: Vec<(String, String, Option<String>)>,
    /// Fields.
    pub fields: Vec<Field>,
    /// Other parameters that stay.
    pub hidden: Vec<(String, String)>,
    /// True for a search.
    pub is_search: bool,
}

/// One field of a filter.
#[derive(Clone, Debug)]
pub struct Field {
    /// The parameter.
    pub name: &'static str,
    /// The label.
    pub label: &'static str,
    /// What stands in it.
    pub value: String,
    /// The choices, value and words; empty for a text field.
    pub choices: Vec<(String, String)>,
    /// The value that is left out of addresses.
    pub default: &'static str,
    /// An example, in a text field.
    pub example: &'static str,
}

/// What every page has around it.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// The unit in scope, and the way to another.
    pub unit: String,
    /// Periods to choose from: value and words; the first is the default.
    pub periods: Vec<(String, String)>,
    /// The period in force, as text.
    pub period: String,
    /// Measures to choose from; the first is the default.
    pub measures: Vec<String>,
    /// The measure in force.
    pub measure: String,
    /// The last day of complete data.
    pub through: String,
    /// Pages that the reader may not see.
    pub shut: Vec<&'static str>,
    /// What no owner explains: always 0, or the proof is broken; empty for who does not see the whole bill.
    pub unexplained: String,
    /// What the proof says where it does not hold.
    pub broken: Option<String>,
    /// Which of the pages this is.
    pub current: &'static str,
    /// The team that "Team" leads to.
    pub team: String,
    /// Residual money, short, beside "Coverage".
    pub residual: String,
    /// The snapshot's digest, and when it was made.
    pub snapshot: (String, String),
    /// How it is read: org, known until when.
    pub reading: String,
    /// Parameters that the form of the scope keeps.
    pub hidden: Vec<(String, String)>,
    /// What links to other pages carry on: `?period=2026-08`, or nothing.
    pub carried: String,
    /// The path of the page, for the forms.
    pub path: String,
}

impl Page {
    /// All tables, in their order.
    pub fn tables(&self) -> Vec<&Table> {
        let mut found = Vec::new();
        collect(&self.blocks, &mut found);
        found
    }
}

fn collect<'p>(blocks: &'p [Block], found: &mut Vec<&'p Table>) {
    for block in blocks {
        match block {
            Block::Chart(_, table) | Block::Table(table) => found.push(table),
            Block::Section { blocks, .. } => collect(blocks, found),
            Block::Tiles(tiles) => tiles.iter().for_each(|(_, blocks)| collect(blocks, found)),
            Block::Form(form) => found.extend(&form.choices),
            Block::Split(left, right) => {
                collect(left, found);
                collect(right, found);
            }
            Block::Headline { .. }
            | Block::Facts(_)
            | Block::Clock(_)
            | Block::Strip(_)
            | Block::ChartOf(..)
            | Block::Pairs(_)
            | Block::Trail(_)
            | Block::Tasks(_)
            | Block::Notice(..)
            | Block::Nothing(..)
            | Block::Filters(_)
            | Block::Text(_)
            | Block::Difference(_) => {}
        }
    }
}
