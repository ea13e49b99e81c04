//! What the rows of an HR file say about teams on one day.
//!
//! ```text
//! e-2 (Payments) reports to e-1 (Shop)   →  e-2 leads Payments, Payments is below Shop
//! ```
//! A team's **heads** are its members whose manager is in another team, or who have none.
//! - One head: it leads the team; the team is below the team of its manager.
//! - Several heads: the one with strictly the most people of the team below it. Where that is nobody, and all report to
//!   one person outside, that person leads the team from above; where their managers are several persons of one team, the
//!   team is below that one and has no lead; else the rows contradict each other, which is a fault.
//! - `parent_team`, else `department`, where given, is above the team, whatever the managers say; a department is a unit
//!   of its own, with no parent but a `parent_team` of rows that belong to it directly.
//!
//! A team's cost center is the one most of its members have. Head counts count a team's own members.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::{Day, Fault, TeamId};

use super::hr::Row;
use crate::org::{OrgState, UnitState};

type Present<'a> = BTreeMap<&'a str, &'a Row>;

pub(super) fn state(
    day: Option<Day>,
    present: &Present<'_>,
    warnings: &mut Vec<Fault>,
) -> Result<OrgState, Vec<Fault>> {
    managers(day, present)?;
    let mut faults = Vec::new();
    let mut teams: BTreeMap<&TeamId, Vec<&Row>> = BTreeMap::new();
    for row in present.values() {
        if let Some(team) = &row.team {
            teams.entry(team).or_default().push(row);
        }
    }
    let mut state = OrgState::default();
    for (team, rows) in &teams {
        let mut unit = UnitState {
            name: team.as_str().to_owned(),
            kind: "team".to_owned(),
            head_count: u32::try_from(rows.len()).ok(),
            cost_center: cost_center(team, rows, warnings),
            ..UnitState::default()
        };
        let led = leader(day, team, rows, present);
        let declared = declared(team, rows);
        match (declared, led) {
            (Err(fault), _) | (Ok(None), Err(fault)) => faults.push(fault),
            (Ok(Some(parent)), led) => {
                unit.parent = parent;
                unit.lead = led.ok().and_then(|led| led.lead);
            }
            (Ok(None), Ok(led)) => {
                unit.parent = led.parent;
                unit.lead = led.lead;
            }
        }
        state.units.insert((*team).clone(), unit);
        state.people.extend(rows.iter().map(|row| (row.employee.clone(), (*team).clone())));
    }
    above(present, &mut state);
    faults.extend(cycle(day, &teams, &state));
    if faults.is_empty() { Ok(state) } else { Err(faults) }
}

/// Every manager is an employee of that day, and nobody is above himself.
fn managers(day: Option<Day>, present: &Present<'_>) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    for row in present.values() {
        let Some(manager) = &row.manager else { continue };
        if !present.contains_key(manager.as_str()) {
            let on = on(day);
            let message = format!("the manager {manager} of {} is no employee{on}", row.employee);
            faults.push(row.fault("manager", message).help(
                "give the manager a row of that date or before, or name the present manager in a row of the employee",
            ));
        }
    }
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in present.keys() {
        let mut path: Vec<&str> = Vec::new();
        let mut at = Some(*start);
        while let Some(here) = at.filter(|here| !done.contains(here)) {
            if let Some(from) = path.iter().position(|above| *above == here) {
                let mut names = path[from..].to_vec();
                names.push(here);
                let message = format!("a cycle of managers{}: {}", on(day), names.join(" → "));
                faults.push(present[here].fault("manager", message).help("one of these managers is wrong"));
                break;
            }
            path.push(here);
            at = present
                .get(here)
                .and_then(|row| row.manager.as_deref())
                .filter(|manager| present.contains_key(manager));
        }
        done.extend(path);
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

struct Led {
    lead: Option<String>,
    parent: Option<TeamId>,
}

fn leader(day: Option<Day>, team: &TeamId, rows: &[&Row], present: &Present<'_>) -> Result<Led, Fault> {
    let team_of = |employee: &str| present.get(employee).and_then(|row| row.team.clone());
    let outside = |row: &Row| row.manager.as_deref().is_none_or(|manager| team_of(manager).as_ref() != Some(team));
    let heads: Vec<&Row> = rows.iter().copied().filter(|row| outside(row)).collect();
    let led_by =
        |head: &Row| Led { lead: Some(head.employee.clone()), parent: head.manager.as_deref().and_then(team_of) };
    if let [head] = heads.as_slice() {
        return Ok(led_by(head));
    }
    // How many people of the team each head has below it, inside the team.
    let mut below: BTreeMap<&str, usize> = heads.iter().map(|head| (head.employee.as_str(), 0)).collect();
    for row in rows.iter().filter(|row| !outside(row)) {
        let mut at = *row;
        while let Some(manager) =
            at.manager.as_deref().and_then(|manager| present.get(manager)).filter(|_| !outside(at))
        {
            at = manager;
        }
        if let Some(count) = below.get_mut(at.employee.as_str()) {
            *count += 1;
        }
    }
    let most = below.values().copied().max().unwrap_or(0);
    let mut largest = heads.iter().filter(|head| below[head.employee.as_str()] == most);
    if let (Some(head), None, true) = (largest.next(), largest.next(), most > 0) {
        return Ok(led_by(head));
    }
    let managers: BTreeSet<Option<&str>> = heads.iter().map(|head| head.manager.as_deref()).collect();
    let parents: BTreeSet<Option<TeamId>> = managers.iter().map(|manager| manager.and_then(team_of)).collect();
    if parents.len() == 1 {
        let lead = if managers.len() == 1 { managers.into_iter().next().flatten() } else { None };
        return Ok(Led { lead: lead.map(str::to_owned), parent: parents.into_iter().next().flatten() });
    }
    let names: Vec<String> = heads
        .iter()
        .map(|head| match &head.manager {
            Some(manager) => format!("{} (reports to {manager})", head.employee),
            None => format!("{} (no manager)", head.employee),
        })
        .collect();
    let message = format!("team '{team}' has several leads{}: {}", on(day), names.join(", "));
    Err(heads[0].fault("manager", message).help("let them report to one of them, or add the column parent_team"))
}

/// The parent that the rows of a team name: `Some(None)` where the team is its own department.
fn declared(team: &TeamId, rows: &[&Row]) -> Result<Option<Option<TeamId>>, Fault> {
    let named = |row: &Row| row.parent_team.clone().or_else(|| row.department.clone());
    let mut parents: BTreeMap<TeamId, &Row> = BTreeMap::new();
    for row in rows {
        if let Some(parent) = named(row) {
            parents.entry(parent).or_insert(row);
        }
    }
    let mut parents = parents.into_iter();
    match (parents.next(), parents.next()) {
        (None, _) => Ok(None),
        (Some((parent, _)), None) => Ok(Some(Some(parent).filter(|parent| parent != team))),
        (Some((one, first)), Some((other, row))) => {
            let message = format!("team '{team}' has two parents: {one} on row {} and {other}", first.line);
            Err(row.fault("parent_team", message).help("a team has one parent on a date"))
        }
    }
}

/// Units that are only named as being above others.
fn above(present: &Present<'_>, state: &mut OrgState) {
    for row in present.values() {
        for (id, kind) in [(&row.parent_team, "team"), (&row.department, "department")] {
            let Some(id) = id else { continue };
            let own = row.team.as_ref() == Some(id);
            let unit = state.units.entry(id.clone()).or_insert_with(|| UnitState {
                name: id.as_str().to_owned(),
                kind: kind.to_owned(),
                head_count: Some(0),
                ..UnitState::default()
            });
            if kind == "department" && (own || unit.head_count == Some(0)) {
                kind.clone_into(&mut unit.kind);
            }
        }
    }
}

fn cost_center(team: &TeamId, rows: &[&Row], warnings: &mut Vec<Fault>) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for center in rows.iter().filter_map(|row| row.cost_center.as_deref()) {
        *counts.entry(center).or_default() += 1;
    }
    let most = counts.values().copied().max()?;
    let (center, _) = counts.iter().find(|(_, count)| **count == most)?;
    if counts.len() > 1
        && let Some(other) = rows.iter().find(|row| row.cost_center.as_deref().is_some_and(|other| other != *center))
    {
        let message = format!("team '{team}' has {} cost centers; {center} has the most members", counts.len());
        let warning = other.fault("cost_centre", message);
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    Some((*center).to_owned())
}

fn cycle(day: Option<Day>, teams: &BTreeMap<&TeamId, Vec<&Row>>, state: &OrgState) -> Option<Fault> {
    for start in state.units.keys() {
        let mut path = vec![start];
        while let Some(parent) = state.units.get(path[path.len() - 1]).and_then(|unit| unit.parent.as_ref()) {
            if let Some(from) = path.iter().position(|above| *above == parent) {
                path.push(parent);
                let names: Vec<&str> = path[from..].iter().map(|team| team.as_str()).collect();
                let message = format!("a cycle of teams{}: {}", on(day), names.join(" → "));
                let row = path[from..].iter().find_map(|team| teams.get(*team)).and_then(|rows| rows.first());
                let fault = match row {
                    Some(row) => row.fault("team", message),
                    None => Fault::in_file("", message),
                };
                return Some(fault.help("the leads of these teams report into each other's teams"));
            }
            path.push(parent);
        }
    }
    None
}

fn on(day: Option<Day>) -> String {
    day.map_or_else(String::new, |day| format!(" on {day}"))
}
