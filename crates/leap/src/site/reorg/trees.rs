//! The org before and after a plan, side by side: units that change, below the units above them; others are counted.

use leap_orient::org::{Org, Tree};
use leap_terms::{Day, TeamId};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Column, Link, Row, Table, Tone};

use super::super::failed;
use super::super::ground::Ground;
use crate::reorg::Plan;

/// Rows of a tree at most; what is left is one row more.
const SHOWN: usize = 200;

/// The trees of each day on which a plan changes something; nothing of a plan that does not fit the org in force, as one
/// that was performed or is stale.
pub(super) fn trees(ground: &Ground, plan: &Plan) -> Result<Vec<Block>, Problem> {
    let world = ground.view().head();
    if plan.still_holds(world).is_err() {
        return Ok(Vec::new());
    }
    let org = plan.resulting_org(world).map_err(|failure| failed(&failure))?;
    Ok(plan.days().into_iter().enumerate().filter_map(|(at, day)| sides(ground, &org, at, day)).collect())
}

/// Both sides of a day; `None` where the tree stays as it is.
fn sides(ground: &Ground, org: &Org, at: usize, day: Day) -> Option<Block> {
    let (before, after) = (org.tree(day.plus(-1)), org.tree(day));
    let side = |of: &Tree<'_>, is_after: bool, name: &str, caption: String| {
        let mut side = Side { ground, before: &before, after: &after, is_after, lines: Vec::new() };
        for root in of.roots() {
            side.add(root, "", 0);
        }
        let mut lines = side.lines;
        let left = lines.len().saturating_sub(SHOWN);
        lines.truncate(SHOWN);
        if left > 0 {
            lines.push(rest(format!("{left} more"), 0));
        }
        Table {
            id: format!("t-{name}-{at}"),
            caption,
            columns: ["Unit", "What", "In words"].into_iter().map(Column::text).collect(),
            rows: lines,
            ..Table::default()
        }
    };
    let then = side(&after, true, "after", format!("Units from {day}"));
    let now = side(&before, false, "before", format!("Units until {}", day.plus(-1)));
    if then.rows.is_empty() && now.rows.is_empty() {
        return None;
    }
    let named = |title: &str, table: Table| {
        let blocks = vec![Block::Table(table)];
        vec![Block::Section { title: title.to_owned(), say: String::new(), blocks }]
    };
    Some(Block::Split(named(&format!("Before {day}"), now), named(&format!("From {day} on"), then)))
}

fn rest(words: String, depth: usize) -> Row {
    Row { is_rest: true, depth, ..Row::new(vec![Cell::Text(words), Cell::Empty, Cell::Empty]) }
}

/// One side while it is written.
struct Side<'s> {
    ground: &'s Ground<'s>,
    before: &'s Tree<'s>,
    after: &'s Tree<'s>,
    is_after: bool,
    lines: Vec<Row>,
}

impl Side<'_> {
    fn name(&self, unit: &TeamId) -> String {
        let span = self.after.span(unit).or_else(|| self.before.span(unit));
        span.map_or_else(|| unit.to_string(), |span| span.name.clone())
    }

    fn above(&self, parent: Option<&TeamId>) -> String {
        parent.map_or_else(|| "the top".to_owned(), |parent| self.name(parent))
    }

    /// What becomes of a unit, as this side says it; `None` where nothing does.
    fn change(&self, unit: &TeamId) -> Option<(Tone, &'static str, String)> {
        match (self.before.span(unit), self.after.span(unit)) {
            (Some(before), None) => {
                let heir = before.successor.as_ref();
                let words = heir.map_or_else(
                    || "nobody inherits its names and cost".to_owned(),
                    |heir| format!("{} takes its names and cost", self.name(heir)),
                );
                Some((Tone::Warn, "ends", words))
            }
            (None, Some(after)) => {
                let from: Vec<String> = after.split_from.iter().map(|unit| self.name(unit)).collect();
                let words = if from.is_empty() { String::new() } else { format!("out of {}", from.join(", ")) };
                Some((Tone::Ok, "new", words))
            }
            (Some(before), Some(after)) if before.parent != after.parent => {
                let words = match self.is_after {
                    true => format!("was below {}", self.above(before.parent.as_ref())),
                    false => format!("to below {}", self.above(after.parent.as_ref())),
                };
                let named = if before.name == after.name || !self.is_after {
                    words
                } else {
                    format!("{words}, was called {}", before.name)
                };
                Some((Tone::Info, if self.is_after { "moved" } else { "moves" }, named))
            }
            (Some(before), Some(after)) if before.name != after.name => {
                let words = match self.is_after {
                    true => format!("was called {}", before.name),
                    false => format!("will be called {}", after.name),
                };
                Some((Tone::Info, "renamed", words))
            }
            (Some(before), Some(after)) if before.kind != after.kind => {
                Some((Tone::Info, "other kind", format!("{} before, {} then", before.kind, after.kind)))
            }
            (Some(_), Some(_)) | (None, None) => None,
        }
    }

    /// Adds a unit where it or one below it changes; true where it was added.
    fn add(&mut self, unit: &TeamId, parent: &str, depth: usize) -> bool {
        let tree = if self.is_after { self.after } else { self.before };
        let Some(span) = tree.span(unit) else { return false };
        let (change, place) = (self.change(unit), self.lines.len());
        let (what, words) = match &change {
            None => (Cell::Empty, Cell::Empty),
            Some((tone, what, words)) => (Cell::Badge(*tone, (*what).to_owned()), Cell::Text(words.clone())),
        };
        // A unit that is still to come has no page yet.
        let href = match self.before.span(unit) {
            Some(_) => self.ground.to(&["team", unit.as_str()], &[]),
            None => String::new(),
        };
        self.lines.push(Row {
            tree: Some((unit.to_string(), parent.to_owned())),
            depth,
            ..Row::new(vec![Cell::Link(Link::new(span.name.clone(), href)), what, words])
        });
        let mut children: Vec<&TeamId> = tree.children(unit).to_vec();
        children.sort_by_key(|child| tree.span(child).map(|span| span.name.as_str()));
        let (mut added, mut others) = (false, 0_usize);
        for child in children {
            match self.add(child, unit.as_str(), depth + 1) {
                true => added = true,
                false => others += 1,
            }
        }
        if !added && change.is_none() {
            self.lines.truncate(place);
            return false;
        }
        if added && others > 0 {
            let words = if others == 1 { "1 other unit".to_owned() } else { format!("{others} other units") };
            self.lines.push(rest(words, depth + 1));
        }
        true
    }
}
