//! Explore by paths: dimensions one inside the other as a tree map, or one after the other as a flow.
//!
//! ```text
//! service,team   tree map: boxes of teams inside boxes of services     flow: from each service to each team
//! ```
//! Both are tables first. Days are no part of a path: where fewer than two other dimensions are asked for, the next one
//! that people ask for joins.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use leap_orient::reading::dimension::{Dimension, Named};
use leap_orient::reading::spend::SpendRow;
use leap_terms::Money;
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Chart, Column, Figure, Row, Table};

use super::super::ground::Ground;
use super::super::words::{amount, capital, share_cell, short};
use super::{is_time, leads, leads_where, name_cell, shown};
use crate::spend;

/// Dimensions of a path at most.
const DEEP: usize = 4;
/// Values of a level of a flow that have a name; the others are one part.
const NAMED: usize = 12;
/// The same of a tree map, inside of each part above: about 1,500 boxes at most.
const INSIDE: [usize; DEEP] = [12, 6, 3, 2];
/// Dimensions that join a path that is too short.
const NEXT: [&str; 4] = ["service", "team", "account", "category"];

/// The kinds of charts that show paths.
pub(super) const KINDS: [&str; 2] = ["treemap", "flow"];

/// The dimensions of the path, of those that are asked for; and those that are left out, by their names.
pub(super) fn dimensions(ground: &Ground, by: &[Named]) -> Result<(Vec<Named>, Vec<String>), Problem> {
    let mut path: Vec<Named> = by.iter().filter(|named| !is_time(named)).cloned().collect();
    let left = path.split_off(path.len().min(DEEP)).into_iter().map(|named| named.name).collect();
    // What is chosen already has one value: nothing lies inside of it or goes to it.
    let chosen = ground.chosen();
    for next in NEXT {
        if path.len() < 2 && !chosen.iter().any(|(name, _)| *name == next) {
            let found = spend::dimensions(ground.view(), next);
            let found = found.map_err(|failure| super::parameter(ground.ask, "by", failure.message))?;
            path.extend(found.into_iter().filter(|one| !by.iter().any(|known| known.dimension == one.dimension)));
        }
    }
    Ok((path, left))
}

/// The chart with its table, of rows by the path's dimensions.
pub(super) fn block(ground: &Ground, kind: &str, by: &[Named], rows: &[SpendRow], total: Money) -> Block {
    let names: Vec<&str> = by.iter().map(|named| named.name.as_str()).collect();
    let (first, last) = (names[0], names[names.len() - 1]);
    let caption = format!("{} cost by {}, {}", capital(ground.cost.word()), names.join(", "), ground.currency);
    let table = Table { caption, unit: ground.currency.as_str().to_owned(), ..Table::default() };
    let below =
        "Credits and other parts below zero stand in the table only, so that what they are part of is drawn larger.";
    match kind {
        "flow" => Block::Chart(
            Chart {
                kind: "sankey",
                title: format!("From {}", names.join(" to ")),
                say: format!(
                    "A band is as wide as the cost that goes from one {} to one {}. {below}",
                    names[0], names[1]
                ),
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
            let ways = ways(by, rows);
            let mut tree = Tree { ground, by, total, lines: Vec::new() };
            tree.grow(&ways.iter().collect::<Vec<_>>(), &[], "", true);
            Block::Chart(
                Chart {
                    kind: "treemap",
                    title: format!("{} inside {first}", capital(last)),
                    say: format!(
                        "Area is cost; a box inside another one is a {} of that {}. {below}",
                        names[1], names[0]
                    ),
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

/// How many of so many parts have a name where so many may have one: one more is shorter than "1 other".
fn named(parts: usize, most: usize) -> usize {
    if parts == most + 1 { parts } else { parts.min(most) }
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
    fn grow<'r>(&mut self, ways: &[&Way<'r>], path: &[Option<&'r str>], parent: &str, drawn: bool) {
        let (ground, level, total) = (self.ground, path.len(), self.total);
        if level == self.by.len() {
            return;
        }
        let mut sums = BTreeMap::<Option<&str>, (Money, Vec<&Way<'_>>)>::new();
        for way in ways {
            let (sum, own) = sums.entry(way.values[level]).or_default();
            *sum += way.amount;
            own.push(way);
        }
        let mut parts = sorted(sums);
        let others = parts.split_off(named(parts.len(), INSIDE[level.min(DEEP - 1)]));
        let line = |name: Cell, figure: Cell, sum: Money, id: &str| Row {
            tree: Some((id.to_owned(), parent.to_owned())),
            depth: level,
            undrawn: !drawn || sum < Money::ZERO,
            ..Row::new(vec![name, figure, share_cell(sum, total)])
        };
        for (at, (value, (sum, own))) in parts.into_iter().enumerate() {
            let mut below = path.to_vec();
            below.push(value);
            let name = match level {
                0 => name_cell(ground, self.by, value),
                _ => Cell::Text(shown(ground, &self.by[level], value)),
            };
            let id = format!("{parent}/{at}");
            let mut row = line(name, amount(sum, self.behind(&own, &below)), sum, &id);
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

    /// Where the charges of a part are; nowhere where no one question has them.
    fn behind(&self, ways: &[&Way<'_>], path: &[Option<&str>]) -> String {
        let mut of: Vec<(&Named, Option<&str>)> = self.by.iter().zip(path.iter().copied()).collect();
        if let Some((pool, owner)) = ways.iter().find_map(|way| way.collected) {
            // What a pool collects is found by its owner, which is the pool; with what it gives to teams, by nothing.
            if !path.get(owner).is_some_and(|value| is_residual(*value)) {
                return if path.len() > pool { String::new() } else { direct(self.ground, &of, self.by) };
            }
            of.retain(|(named, _)| named.dimension != Dimension::Pool);
        }
        direct(self.ground, &of, self.by)
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

/// A charge on its way through the levels of a flow. What a platform collects has no pool of its own, only its owner is the
/// pool: on its way it passes through it, so that what comes in and what goes out to teams meet.
struct Way<'r> {
    values: Vec<Option<&'r str>>,
    /// The level of pools, where the charge is collected by one; and that of owners.
    collected: Option<(usize, usize)>,
    amount: Money,
}

fn ways<'r>(by: &[Named], rows: &'r [SpendRow]) -> Vec<Way<'r>> {
    let level = |wanted: &Dimension| by.iter().position(|named| named.dimension == *wanted);
    let levels = level(&Dimension::Pool).zip(level(&Dimension::Owner));
    let way = |row: &'r SpendRow| {
        let mut values: Vec<Option<&str>> = row.values.iter().map(Option::as_deref).collect();
        let collected = levels.filter(|(pool, _)| values[*pool].is_none()).and_then(|(pool, owner)| {
            values[pool] = Some(values[owner]?.strip_prefix("residual:pool:")?);
            Some((pool, owner))
        });
        Way { values, collected, amount: row.amount }
    };
    rows.iter().map(way).collect()
}

/// Names the largest values of each level, by what goes through them; no name stands for two things, since a flow knows its
/// places by their names.
fn levels<'r>(ground: &Ground, by: &[Named], ways: &[Way<'r>]) -> Vec<Level<'r>> {
    let mut taken = BTreeSet::<String>::new();
    let mut levels = Vec::with_capacity(by.len());
    for (level, dimension) in by.iter().enumerate() {
        let mut sums = BTreeMap::<Option<&str>, (Money, ())>::new();
        for way in ways {
            sums.entry(way.values[level]).or_default().0 += way.amount.abs();
        }
        let mut parts = sorted(sums);
        let others = parts.split_off(named(parts.len(), NAMED));
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

/// The charges of some values. What is direct in a path with owners is what no pool collects: those have an owner's name for
/// it, and no other.
fn direct(ground: &Ground, of: &[(&Named, Option<&str>)], by: &[Named]) -> String {
    let is = |wanted: &Dimension| of.iter().find(|(named, _)| named.dimension == *wanted);
    let is_direct = is(&Dimension::Pool).is_some_and(|(_, value)| value.is_none());
    let has_owners = by.iter().any(|named| named.dimension == Dimension::Owner);
    if !is_direct || !has_owners || is(&Dimension::Owner).is_some() {
        return leads(ground, of, ground.period);
    }
    let own = "team NOT LIKE 'residual:pool:%'";
    let condition = ground.ask.get("where").map_or_else(|| own.to_owned(), |asked| format!("({asked}) AND {own}"));
    leads_where(ground, of, Some(&condition), ground.period)
}

/// What one band is of: values of two levels, where both have a name; and whether a pool collected it.
type Of<'r> = (Option<&'r str>, Option<&'r str>, Option<(usize, usize)>);

/// Where the charges of a band are.
fn behind(ground: &Ground, by: &[Named], level: usize, (first, second, collected): Of<'_>) -> String {
    let Some((pool, owner)) = collected else {
        return direct(ground, &[(&by[level], first), (&by[level + 1], second)], by);
    };
    // Charges that a pool collects are found by their owner, which is the pool.
    let (name, other, value) = if pool == level { (first, level + 1, second) } else { (second, level, first) };
    let whose = format!("residual:pool:{}", name.unwrap_or_default());
    let mut of = vec![(&by[owner], Some(whose.as_str()))];
    if other != owner {
        // Splits have no such value; they would be among what has none.
        if value.is_none() {
            return String::new();
        }
        of.push((&by[other], value));
    }
    leads(ground, &of, ground.period)
}

/// Bands of a flow, by level and the names at both ends.
type Bands<'l, 'r> = BTreeMap<(usize, &'l str, &'l str), (Money, Option<Of<'r>>)>;

/// Bands as rows: level by level, the largest first.
fn bands(ground: &Ground, by: &[Named], rows: &[SpendRow]) -> Vec<Row> {
    let ways = ways(by, rows);
    let levels = levels(ground, by, &ways);
    let mut bands = Bands::new();
    for way in &ways {
        for at in 0..by.len() - 1 {
            let (from, to) = (way.values[at], way.values[at + 1]);
            let (first, second) = (&levels[at], &levels[at + 1]);
            let exact = first.names.contains_key(&from) && second.names.contains_key(&to);
            let collected = way.collected.filter(|(pool, _)| [at, at + 1].contains(pool));
            let band = bands.entry((at, first.name(from), second.name(to))).or_default();
            band.0 += way.amount;
            // One way that was collected makes it a band of what a pool collected.
            let known = band.1.and_then(|(_, _, known)| known);
            band.1 = exact.then_some((from, to, collected.or(known)));
        }
    }
    let mut sorted: Vec<_> = bands.into_iter().filter(|(_, (sum, _))| !sum.is_zero()).collect();
    sorted.sort_by_key(|((level, from, to), (sum, _))| (*level, Reverse(*sum), *from, *to));
    sorted
        .into_iter()
        .map(|((level, from, to), (sum, of))| {
            let href = of.map_or_else(String::new, |of| behind(ground, by, level, of));
            let mut row = Row::new(vec![Cell::Text(from.to_owned()), Cell::Text(to.to_owned()), amount(sum, href)]);
            // Places of a flow by their levels: whatever names look like, none of them is another's.
            row.tree = Some((format!("{level}/{from}"), format!("{}/{to}", level + 1)));
            row.undrawn = sum < Money::ZERO;
            row.colour = of.filter(|(_, to, _)| is_residual(*to)).map(|_| "residual".to_owned());
            row
        })
        .collect()
}
