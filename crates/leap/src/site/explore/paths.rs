//! Explore by paths: dimensions one inside the other as a tree map, or one after the other as a flow.
//!
//! ```text
//! service,team   tree map: boxes of teams inside boxes of services     flow: from each service to each team
//! ```
//! Both are tables first. Days are no part of a path: where fewer than two other dimensions are asked for, the next one
//! that people ask for joins.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use leap_orient::reading::dimension::Named;
use leap_orient::reading::spend::SpendRow;
use leap_terms::Money;
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Chart, Column, Figure, Row, Table};

use super::super::ground::Ground;
use super::super::words::{amount, capital, share_cell, short};
use super::{is_time, leads, name_cell, shown};
use crate::spend;

/// Dimensions of a path at most.
const DEEP: usize = 4;
/// Values of a level that have a name, of the whole or of the part above them; the others are one part.
const NAMED: usize = 12;
/// Dimensions that join a path that is too short.
const NEXT: [&str; 3] = ["service", "team", "account"];

/// The kinds of charts that show paths.
pub(super) const KINDS: [&str; 2] = ["treemap", "flow"];

/// The dimensions of the path, of those that are asked for.
pub(super) fn dimensions(ground: &Ground, by: &[Named]) -> Result<Vec<Named>, Problem> {
    let mut words: Vec<&str> =
        by.iter().filter(|named| !is_time(named)).map(|named| named.name.as_str()).take(DEEP).collect();
    for next in NEXT {
        if words.len() < 2 && !words.contains(&next) {
            words.push(next);
        }
    }
    spend::dimensions(ground.view(), &words.join(","))
        .map_err(|failure| super::parameter(ground.ask, "by", failure.message))
}

/// The chart with its table, of rows by the path's dimensions.
pub(super) fn block(ground: &Ground, kind: &str, by: &[Named], rows: &[SpendRow], total: Money) -> Block {
    let names: Vec<&str> = by.iter().map(|named| named.name.as_str()).collect();
    let caption = format!("{} cost by {}, {}", capital(ground.cost.word()), names.join(", "), ground.currency);
    let table = Table { caption, unit: ground.currency.as_str().to_owned(), ..Table::default() };
    let below = "Credits and other parts below zero stand in the table only.";
    match kind {
        "flow" => Block::Chart(
            Chart {
                kind: "sankey",
                title: format!("From {}", names.join(" to ")),
                say: format!("Each band is cost of {} and {} that follow each other. {below}", names[0], names[1]),
                size: "l",
                target: None,
                flags: "",
            },
            Table {
                id: "t-flow".to_owned(),
                columns: vec![
                    Column::text("From").role("from"),
                    Column::text("To").role("to"),
                    Column::figure("Amount").role("y"),
                ],
                rows: bands(ground, by, rows),
                ..table
            },
        ),
        _ => {
            let mut tree = Tree { ground, by, total, lines: Vec::new() };
            let all: Vec<&SpendRow> = rows.iter().collect();
            tree.grow(&all, &[], "", true);
            Block::Chart(
                Chart {
                    kind: "treemap",
                    title: format!("{} inside {}", capital(names[names.len() - 1]), names[0]),
                    say: format!("Area is cost; boxes of {} lie inside those of {}. {below}", names[1], names[0]),
                    size: "l",
                    target: None,
                    flags: "",
                },
                Table {
                    id: "t-paths".to_owned(),
                    columns: vec![
                        Column::text(names.iter().map(|name| capital(name)).collect::<Vec<_>>().join(" › ")),
                        Column::figure(ground.period.to_string()),
                        Column::undrawn("Share"),
                    ],
                    rows: tree.lines,
                    foot: vec![Row::new(vec![
                        Cell::Text("All".to_owned()),
                        amount(total, leads(ground, &[], ground.period)),
                        share_cell(total, total),
                    ])],
                    ..table
                },
            )
        }
    }
}

/// How many of so many parts have a name: one more is shorter than "1 other".
fn named(parts: usize) -> usize {
    if parts == NAMED + 1 { parts } else { parts.min(NAMED) }
}

/// Parts of one level, largest first, without those of nothing.
fn sorted<T>(sums: BTreeMap<Option<&str>, (Money, T)>) -> Vec<(Option<&str>, (Money, T))> {
    let mut all: Vec<_> = sums.into_iter().filter(|(_, (sum, _))| !sum.is_zero()).collect();
    all.sort_by_key(|(value, (sum, _))| (Reverse(*sum), *value));
    all
}

fn is_residual(value: Option<&str>) -> bool {
    value.is_some_and(|value| value.starts_with("residual:"))
}

/// Parts inside parts, as rows of a tree.
struct Tree<'t> {
    ground: &'t Ground<'t>,
    by: &'t [Named],
    total: Money,
    lines: Vec<Row>,
}

impl Tree<'_> {
    /// Adds what lies below a path; parts of what is not drawn are not drawn either.
    fn grow<'r>(&mut self, rows: &[&'r SpendRow], path: &[Option<&'r str>], parent: &str, drawn: bool) {
        let (ground, level, total) = (self.ground, path.len(), self.total);
        if level == self.by.len() {
            return;
        }
        let mut sums = BTreeMap::<Option<&str>, (Money, Vec<&SpendRow>)>::new();
        for row in rows {
            let (sum, own) = sums.entry(row.values[level].as_deref()).or_default();
            *sum += row.amount;
            own.push(row);
        }
        let mut parts = sorted(sums);
        let others = parts.split_off(named(parts.len()));
        let line = |name: Cell, figure: Cell, sum: Money, id: &str| Row {
            tree: Some((id.to_owned(), parent.to_owned())),
            depth: level,
            undrawn: !drawn || sum < Money::ZERO,
            ..Row::new(vec![name, figure, share_cell(sum, total)])
        };
        for (at, (value, (sum, own))) in parts.into_iter().enumerate() {
            let mut below = path.to_vec();
            below.push(value);
            let of: Vec<(&Named, Option<&str>)> = self.by.iter().zip(below.iter().copied()).collect();
            let name = match level {
                0 => name_cell(ground, self.by, value),
                _ => Cell::Text(shown(ground, &self.by[level], value)),
            };
            let id = format!("{parent}/{at}");
            let mut row = line(name, amount(sum, leads(ground, &of, ground.period)), sum, &id);
            row.colour = is_residual(value).then(|| "residual".to_owned());
            let drawn = !row.undrawn;
            self.lines.push(row);
            self.grow(&own, &below, &id, drawn);
        }
        if !others.is_empty() {
            let sum: Money = others.iter().map(|(_, (sum, _))| *sum).sum();
            let figure = Cell::Figure(Figure { exact: sum.to_string(), shown: short(sum), href: String::new() });
            let name = Cell::Text(format!("{} others", others.len()));
            let row = line(name, figure, sum, &format!("{parent}/others"));
            self.lines.push(Row { is_rest: true, colour: Some("rest".to_owned()), ..row });
        }
    }
}

/// The names of one level of a flow.
struct Level<'r> {
    /// Values that have one.
    names: BTreeMap<Option<&'r str>, String>,
    /// The name of all others.
    others: String,
}

impl<'r> Level<'r> {
    fn name(&self, value: Option<&'r str>) -> &str {
        self.names.get(&value).unwrap_or(&self.others)
    }
}

/// Names the largest values of each level; no name stands for two things, since a flow knows its places by their names.
fn levels<'r>(ground: &Ground, by: &[Named], rows: &'r [SpendRow]) -> Vec<Level<'r>> {
    let mut taken = BTreeSet::<String>::new();
    let mut levels = Vec::with_capacity(by.len());
    for (level, dimension) in by.iter().enumerate() {
        let mut sums = BTreeMap::<Option<&str>, (Money, ())>::new();
        for row in rows {
            sums.entry(row.values[level].as_deref()).or_default().0 += row.amount;
        }
        let mut parts = sorted(sums);
        let others = parts.split_off(named(parts.len()));
        let mut own = BTreeSet::new();
        let mut alone = |name: String| {
            let mut name = if taken.contains(&name) { format!("{name} ({})", dimension.name) } else { name };
            while taken.contains(&name) || !own.insert(name.clone()) {
                name.push('\u{2032}');
            }
            name
        };
        let names = parts.iter().map(|(value, _)| (*value, alone(shown(ground, dimension, *value)))).collect();
        let others = alone(format!("{} others by {}", others.len(), dimension.name));
        taken.append(&mut own);
        levels.push(Level { names, others });
    }
    levels
}

/// A band of a flow: from a value of a level to one of the next, by their names.
type Bands<'l> = BTreeMap<(usize, &'l str, &'l str), (Money, Option<(Option<&'l str>, Option<&'l str>)>)>;

/// Bands as rows: level by level, the largest first.
fn bands(ground: &Ground, by: &[Named], rows: &[SpendRow]) -> Vec<Row> {
    let levels = levels(ground, by, rows);
    let mut bands = Bands::new();
    for row in rows {
        for at in 0..by.len() - 1 {
            let (from, to) = (row.values[at].as_deref(), row.values[at + 1].as_deref());
            let (first, second) = (&levels[at], &levels[at + 1]);
            let exact = first.names.contains_key(&from) && second.names.contains_key(&to);
            let band = bands.entry((at, first.name(from), second.name(to))).or_default();
            band.0 += row.amount;
            band.1 = exact.then_some((from, to));
        }
    }
    let mut sorted: Vec<_> = bands.into_iter().filter(|(_, (sum, _))| !sum.is_zero()).collect();
    sorted.sort_by_key(|((level, from, to), (sum, _))| (*level, Reverse(*sum), *from, *to));
    sorted
        .into_iter()
        .map(|((level, from, to), (sum, exact))| {
            let href = exact.map_or_else(String::new, |(first, second)| {
                leads(ground, &[(&by[level], first), (&by[level + 1], second)], ground.period)
            });
            let mut row = Row::new(vec![Cell::Text(from.to_owned()), Cell::Text(to.to_owned()), amount(sum, href)]);
            row.undrawn = sum < Money::ZERO;
            row.colour = exact.filter(|(_, to)| is_residual(*to)).map(|_| "residual".to_owned());
            row
        })
        .collect()
}
