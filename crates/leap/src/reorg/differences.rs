//! `leap org diff`: what differs between the orgs of two days.
//!
//! ```text
//! payments is below platform, before shop
//! payments  joined 0, left 3          2 people went from payments to search
//! ```
//! How many people a team gained and lost concerns its cost; who they are is said only to whoever asks with `--people`.
//! States are compared: somebody who went and came back did not go.

use std::collections::BTreeMap;
use std::path::Path;

use leap_orient::org::Change;
use leap_terms::TeamId;

use super::drawn;
use crate::cli::{OrgDiffArgs, OutputFormat};
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, emit, print_json};
use crate::world::World;

/// From which team to which; none is outside the org.
type Way = (Option<TeamId>, Option<TeamId>);

/// `leap org diff`.
pub(crate) async fn diff(root: &Path, args: &OrgDiffArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let world = World::load(&home, None).await?;
    let mut units = Answer::new(format!("What differs between the orgs of {} and {}", args.from, args.to), &["change"]);
    let mut transfers: Vec<(String, Way)> = Vec::new();
    for change in world.org.diff(args.from, &world.org, args.to) {
        match told(change) {
            Told::Unit(words) => units.rows.push(vec![Cell::text(words)]),
            Told::Person(person, way) => transfers.push((person, way)),
        }
    }
    let ways = ways(&transfers);
    let hint = if args.people { "" } else { "; --people names them" };
    let heading = format!("\nPeople who joined or left teams ({}{hint})", people_counted(transfers.len() as u64));
    let (teams, between) = (per_team(&ways, &heading), between(&ways));
    let people = args.people.then(|| named(&transfers));
    match args.format.format {
        OutputFormat::Json => {
            let mut value = serde_json::json!({
                "rows": units.json_rows(),
                "teams": teams.json_rows(),
                "transfers": between.json_rows(),
            });
            if let Some(people) = people {
                value["people"] = people.json_rows().into();
            }
            print_json(&value)
        }
        // One table: people are words in it.
        OutputFormat::Csv => {
            let counted = ways.iter().map(|(way, count)| went(&people_counted(*count), way));
            let counted =
                counted.chain(transfers.iter().filter(|_| args.people).map(|(person, way)| went(person, way)));
            units.rows.extend(counted.map(|words| vec![Cell::text(words)]));
            units.print(OutputFormat::Csv)
        }
        format @ (OutputFormat::Table | OutputFormat::Markdown) => {
            if transfers.is_empty() {
                return units.print(format);
            }
            if units.rows.is_empty() && format == OutputFormat::Table {
                emit(&format!("{}: only people\n", units.title))?;
            } else {
                units.print(format)?;
            }
            for answer in [Some(teams), Some(between), people].into_iter().flatten() {
                let gap = if format == OutputFormat::Markdown { "\n" } else { "" };
                emit(&format!("{gap}{}", drawn(&answer, format)))?;
            }
            Ok(())
        }
    }
}

/// A difference of a unit in words, or the way of a person.
enum Told {
    Unit(String),
    Person(String, Way),
}

fn told(change: Change) -> Told {
    let named = |unit: &Option<TeamId>| unit.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
    Told::Unit(match change {
        Change::Started { unit, state, split_from } => {
            let from: Vec<&str> = split_from.iter().map(TeamId::as_str).collect();
            let from = if from.is_empty() { String::new() } else { format!(", split from {}", from.join(", ")) };
            format!("{unit} ({}) exists below {}{from}", state.name, named(&state.parent))
        }
        Change::Ended { unit, successor: Some(heir) } => format!("{unit} ended; {heir} inherits"),
        Change::Ended { unit, successor: None } => format!("{unit} ended; nobody inherits"),
        Change::Renamed { unit, from, to } => format!("{unit} is called {to}, before {from}"),
        Change::Moved { unit, from, to } => format!("{unit} is below {}, before {}", named(&to), named(&from)),
        Change::Described { unit, field, from, to } => format!("{unit}: {field} '{to}', before '{from}'"),
        Change::Transferred { person, from, to } => return Told::Person(person, (from, to)),
    })
}

/// "e-2 went from payments to search".
fn went(who: &str, way: &Way) -> String {
    match way {
        (Some(from), Some(to)) => format!("{who} went from {from} to {to}"),
        (None, Some(to)) => format!("{who} joined {to}"),
        (Some(from), None) => format!("{who} left {from}"),
        (None, None) => format!("{who} is in no team"),
    }
}

fn people_counted(count: u64) -> String {
    if count == 1 { "1 person".to_owned() } else { format!("{count} people") }
}

fn ways(transfers: &[(String, Way)]) -> BTreeMap<&Way, u64> {
    let mut ways = BTreeMap::new();
    for (_, way) in transfers {
        *ways.entry(way).or_default() += 1;
    }
    ways
}

/// How many people each team gained and lost, to and from other teams included.
fn per_team(ways: &BTreeMap<&Way, u64>, heading: &str) -> Answer {
    let mut teams: BTreeMap<&TeamId, (u64, u64)> = BTreeMap::new();
    for ((from, to), count) in ways {
        if let Some(to) = to {
            teams.entry(to).or_default().0 += count;
        }
        if let Some(from) = from {
            teams.entry(from).or_default().1 += count;
        }
    }
    let mut answer = Answer::new(heading, &["team", "joined", "left"]);
    for (team, (joined, left)) in teams {
        answer.rows.push(vec![Cell::text(team.as_str()), Cell::Count(joined), Cell::Count(left)]);
    }
    answer
}

fn place(team: &Option<TeamId>) -> Cell {
    team.as_ref().map_or(Cell::Empty, |team| Cell::text(team.as_str()))
}

fn between(ways: &BTreeMap<&Way, u64>) -> Answer {
    let mut answer = Answer::new("\nFrom where to where (empty: outside the org)", &["from", "to", "people"]);
    for ((from, to), count) in ways {
        answer.rows.push(vec![place(from), place(to), Cell::Count(*count)]);
    }
    answer
}

fn named(transfers: &[(String, Way)]) -> Answer {
    let mut answer = Answer::new("\nWho they are", &["person", "from", "to"]);
    for (person, (from, to)) in transfers {
        answer.rows.push(vec![Cell::text(person.as_str()), place(from), place(to)]);
    }
    answer
}
