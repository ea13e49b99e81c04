//! The org: units with their cost, as of the last day of the period.

use std::collections::BTreeMap;

use leap_orient::org::Tree;
use leap_terms::{Money, Reach, TeamId};
use leap_web::site::Problem;
use leap_web::site::model::{Block, Cell, Chart, Column, Link, Page, Row, Table, Task};

use super::ground::Ground;
use super::words::amount;

pub(super) fn page(ground: &Ground) -> Result<Page, Problem> {
    let day = ground.period.until().plus(-1);
    let org = &ground.view().head().org;
    let tree = org.tree(day);
    let mut page = Page {
        title: "Org".to_owned(),
        sub: format!("Units as of {day}, with their cost in {}", ground.period),
        command: Some(format!("leap org show --as-of {day}")),
        tabs: super::reorg::org_tabs(ground),
        ..Page::default()
    };
    if tree.roots().is_empty() {
        page.blocks.push(Block::Nothing(
            "There is no org yet. Take one in with: leap org apply org.yaml".to_owned(),
            vec![Link::new("First steps", "/start")],
        ));
        return Ok(page);
    }
    let (rows, _) = ground.spent("path", None, None, ground.period)?;
    // What stands at each unit of a path, with all below it.
    let mut sums = BTreeMap::<String, Money>::new();
    for row in &rows {
        let path = row.values[0].as_deref().unwrap_or_default();
        if path.starts_with("residual:") {
            continue;
        }
        for unit in path.split('/') {
            *sums.entry(unit.to_owned()).or_default() += row.amount;
        }
    }
    let mut lines = Vec::new();
    match ground.view().reach() {
        Reach::Everything => {
            for root in tree.roots() {
                add(ground, &tree, root, None, 0, &sums, &mut lines);
            }
        }
        Reach::Under(units) => {
            // Of two units inside of each other only the upper one begins a tree.
            let is_top = |unit: &&TeamId| {
                let path = org.path(unit, day);
                path.iter().filter(|above| units.contains(&above.id)).count() == 1
            };
            for unit in units.iter().filter(is_top) {
                add(ground, &tree, unit, None, 0, &sums, &mut lines);
            }
        }
    }
    let table = Table {
        id: "t-org".to_owned(),
        caption: format!(
            "Units, {} cost with all below them, {}, {}",
            ground.cost.word(),
            ground.period,
            ground.currency
        ),
        unit: ground.currency.as_str().to_owned(),
        columns: vec![
            Column::text("Unit"),
            Column::figure("Cost"),
            Column::undrawn("People"),
            Column::text("Kind").role("skip"),
            Column::text("Lead").role("skip"),
        ],
        rows: lines,
        ..Table::default()
    };
    page.blocks.push(Block::Chart(
        Chart {
            kind: "treemap",
            title: "Where the cost sits".to_owned(),
            say: format!(
                "Area is {} cost in {}; boxes are teams inside their units.",
                ground.cost.word(),
                ground.period
            ),
            size: "l",
            target: None,
            flags: "",
        },
        table,
    ));
    page.blocks.push(Block::ChartOf(
        Chart {
            kind: "sunburst",
            title: "The same as rings".to_owned(),
            say: "The inner rings are the units above.".to_owned(),
            size: "l",
            target: None,
            flags: "",
        },
        "t-org".to_owned(),
        ground.currency.to_string(),
    ));
    let boxes = [("by", "team,service"), ("chart", "treemap")];
    page.blocks.push(Block::Tasks(vec![Task {
        what: Link::new("Teams with their services inside", ground.to(&["explore"], &boxes)),
        say: "A tree map in Explore; any dimensions can lie inside each other there.".to_owned(),
        ..Task::default()
    }]));
    Ok(page)
}

fn add(
    ground: &Ground,
    tree: &Tree<'_>,
    unit: &TeamId,
    parent: Option<&TeamId>,
    depth: usize,
    sums: &BTreeMap<String, Money>,
    lines: &mut Vec<Row>,
) {
    let Some(span) = tree.span(unit) else { return };
    let sum = sums.get(unit.as_str()).copied().unwrap_or_default();
    let people = span.head_count.map_or(Cell::Empty, |count| Cell::Number(count.to_string(), count.to_string()));
    let to = ground.to(&["team", unit.as_str()], &[]);
    let mut row = Row::new(vec![
        Cell::Link(Link::new(span.name.clone(), to.clone())),
        amount(sum, to),
        people,
        Cell::Text(span.kind.clone()),
        span.lead.clone().map_or(Cell::Empty, Cell::Text),
    ]);
    row.tree = Some((unit.to_string(), parent.map_or_else(String::new, ToString::to_string)));
    row.depth = depth;
    lines.push(row);
    let mut children: Vec<&TeamId> = tree.children(unit).to_vec();
    children.sort_by_key(|child| {
        (std::cmp::Reverse(sums.get(child.as_str()).copied().unwrap_or_default()), child.as_str())
    });
    for child in children {
        add(ground, tree, child, Some(unit), depth + 1, sums, lines);
    }
}
