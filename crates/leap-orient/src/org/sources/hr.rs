//! Reads the CSV of an HR system: one row per employee and date.
//!
//! ```text
//! Employee ID,Manager ID,Cost Centre,Team,Effective Date
//! e-1,,100,Shop,2026-01-01
//! e-2,e-1,110,Payments,2026-01-01
//! e-2,e-1,110,Search,2026-07-01        a transfer: the row holds until the employee's next one
//! e-3,e-2,110,,2026-08-01              an empty team: the employee has left
//! ```
//! becomes one state per distinct date. Columns are told by their names, whatever their order and common spelling;
//! `parent_team` and `department` are optional and say what is above a team; names of people and all other columns are
//! not read. What the rows of a day say about teams is `hr_tree`'s.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::{Day, Fault, TeamId, fault::nearest, limits};

use super::{States, hr_tree};

/// A column that is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Column {
    Employee,
    Manager,
    CostCenter,
    Team,
    EffectiveDate,
    ParentTeam,
    Department,
}

impl Column {
    const ALL: [Column; 7] = [
        Column::Employee,
        Column::Manager,
        Column::CostCenter,
        Column::Team,
        Column::EffectiveDate,
        Column::ParentTeam,
        Column::Department,
    ];

    /// The spellings by which a column is known: letters and digits only, lower case; the first is its name for faults.
    fn spellings(self) -> &'static [&'static str] {
        match self {
            Column::Employee => &[
                "employee",
                "employeeid",
                "employeenumber",
                "employeeno",
                "empid",
                "personid",
                "personnelnumber",
                "worker",
                "workerid",
                "staffid",
            ],
            Column::Manager => &[
                "manager",
                "managerid",
                "manageremployeeid",
                "managernumber",
                "linemanager",
                "linemanagerid",
                "supervisor",
                "supervisorid",
                "reportsto",
            ],
            Column::CostCenter => {
                &["costcentre", "costcenter", "costcentreid", "costcenterid", "costcentrecode", "costcentercode", "cc"]
            }
            Column::Team => {
                &["team", "teamid", "teamname", "orgunit", "organizationalunit", "organisationalunit", "unit"]
            }
            Column::EffectiveDate => {
                &["effectivedate", "effective", "effectivefrom", "validfrom", "startdate", "from", "date", "asof"]
            }
            Column::ParentTeam => &["parentteam", "parentteamid", "parentunit", "parent"],
            Column::Department => &["department", "dept", "division"],
        }
    }

    fn of(header: &str) -> Option<Column> {
        let header: String = header.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        Column::ALL.into_iter().find(|column| column.spellings().contains(&header.as_str()))
    }
}

/// What one row says; `line` is its line in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) employee: String,
    pub(super) manager: Option<String>,
    pub(super) cost_center: Option<String>,
    /// `None`: the employee has left.
    pub(super) team: Option<TeamId>,
    pub(super) parent_team: Option<TeamId>,
    pub(super) department: Option<TeamId>,
    pub(super) day: Option<Day>,
}

impl Row {
    /// A fault of a cell of this row.
    pub(super) fn fault(&self, column: &str, message: String) -> Fault {
        let message = format!("row {}, column {column}: {message}", self.line);
        Fault { line: Some(self.line), ..Fault::in_file(self.file.clone(), message) }
    }
}

fn delimiter(header: &str) -> u8 {
    let count = |delimiter: char| header.matches(delimiter).count();
    [';', '\t']
        .into_iter()
        .filter(|other| count(*other) > count(','))
        .max_by_key(|other| count(*other))
        .map_or(b',', |c| c as u8)
}

/// Whether a text starts with the header of such a file.
pub(super) fn is_header(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let cells: Vec<Column> = first
        .split(char::from(delimiter(first)))
        .filter_map(|cell| Column::of(cell.trim().trim_matches('"')))
        .collect();
    cells.contains(&Column::Employee) && (cells.contains(&Column::Team) || cells.contains(&Column::Manager))
}

pub(super) fn states(files: &[(String, String)]) -> Result<States, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut warnings = Vec::new();
    let mut rows: Vec<Row> = Vec::new();
    for (file, text) in files {
        rows_of(file, text, &mut rows, &mut faults, &mut warnings);
    }
    one_row_per_date(&rows, &mut faults);
    if !faults.is_empty() {
        return Err(by_row(faults));
    }
    one_spelling(&mut rows, &mut warnings);
    let mut days: BTreeMap<Option<Day>, Vec<&Row>> = BTreeMap::new();
    for row in &rows {
        days.entry(row.day).or_default().push(row);
    }
    let mut current: BTreeMap<&str, &Row> = BTreeMap::new();
    let mut states = Vec::new();
    for (day, rows) in days {
        let before: Vec<&str> =
            current.values().filter(|row| row.team.is_some()).map(|row| row.employee.as_str()).collect();
        let mut named = BTreeSet::new();
        for row in rows {
            current.insert(&row.employee, row);
            named.insert(row.employee.as_str());
        }
        silent(&files[0].0, day, &before, &named, &mut warnings);
        let present: BTreeMap<&str, &Row> =
            current.iter().filter(|(_, row)| row.team.is_some()).map(|(employee, row)| (*employee, *row)).collect();
        match hr_tree::state(day, &present, &mut warnings) {
            Ok(state) => states.push((day, state)),
            // A contradiction stays until a row resolves it: said once, on the first date.
            Err(found) => {
                let known =
                    |fault: &Fault| faults.iter().any(|other| (&other.file, other.line) == (&fault.file, fault.line));
                let found: Vec<Fault> = found.into_iter().filter(|fault| !known(fault)).collect();
                faults.extend(found);
            }
        }
    }
    if faults.is_empty() { Ok((states, warnings)) } else { Err(by_row(faults)) }
}

/// One line per wrong row, and no more than are needed to see what is wrong with the file.
fn by_row(mut faults: Vec<Fault>) -> Vec<Fault> {
    const SHOWN: usize = 10;
    faults.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
    let mut rows: Vec<Fault> = Vec::new();
    for mut fault in faults {
        let Some(line) = fault.line else {
            rows.push(fault);
            continue;
        };
        if let Some(help) = fault.help.take() {
            fault.message += &format!("; help: {help}");
        }
        // A cell may have lines of its own.
        fault.message = fault.message.replace(['\n', '\r'], " ");
        match rows.last_mut().filter(|row| row.file == fault.file && row.line == fault.line) {
            Some(row) => {
                let other = fault.message.strip_prefix(&format!("row {line}, ")).unwrap_or(&fault.message);
                row.message += &format!("; {other}");
            }
            None => rows.push(fault),
        }
    }
    let more = rows.len().saturating_sub(SHOWN);
    rows.truncate(SHOWN);
    if more > 0 {
        rows.push(Fault::in_file("", format!("… and {more} more")));
    }
    rows
}

/// Full exports per date forget who left; rows of changes alone do not name everybody. Where most are named, the rest
/// may have left.
fn silent(file: &str, day: Option<Day>, before: &[&str], named: &BTreeSet<&str>, warnings: &mut Vec<Fault>) {
    let missing: Vec<&str> = before.iter().copied().filter(|employee| !named.contains(employee)).collect();
    let (Some(day), Some(first)) = (day, missing.first()) else { return };
    if missing.len() * 2 < before.len() {
        let message = format!(
            "{} of {} employees have no row on {day}, {first} first: they stay where they are",
            missing.len(),
            before.len()
        );
        warnings.push(Fault::in_file(file, message).help("who left needs a row with an empty team"));
    }
}

fn rows_of(file: &str, text: &str, rows: &mut Vec<Row>, faults: &mut Vec<Fault>, warnings: &mut Vec<Fault>) {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(first))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => {
            faults.push(Fault::in_file(file, format!("not readable as CSV: {error}")));
            return;
        }
    };
    let mut columns: BTreeMap<Column, (usize, String)> = BTreeMap::new();
    for (at, name) in header.iter().enumerate() {
        match Column::of(name) {
            Some(column) => {
                if let Some((_, first)) = columns.get(&column) {
                    let message = format!("the columns '{first}' and '{name}' mean the same");
                    faults.push(Fault::in_file(file, message).help("leave one of them out"));
                }
                columns.entry(column).or_insert((at, name.to_owned()));
            }
            None => {
                let known = Column::ALL.iter().map(|column| column.spellings()[0]);
                let warning = Fault::in_file(file, format!("the column '{name}' is not read"));
                warnings.push(match nearest(name, known) {
                    Some(candidate) => warning.help(format!("is {candidate} meant?")),
                    None => warning,
                });
            }
        }
    }
    for (column, name) in [(Column::Employee, "employee"), (Column::Manager, "manager"), (Column::Team, "team")] {
        if !columns.contains_key(&column) {
            let message = format!("the column {name} is missing");
            faults.push(
                Fault::in_file(file, message)
                    .help("an HR file has employee, manager, cost_centre, team, effective_date"),
            );
        }
    }
    if !faults.is_empty() {
        return;
    }
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                faults.push(Fault::in_file(file, format!("not readable as CSV: {error}")));
                return;
            }
        };
        let line = record.position().map_or(0, |position| usize::try_from(position.line()).unwrap_or(usize::MAX));
        if record.len() != header.len() {
            let message = format!("row {line} has {} cells, the header has {}", record.len(), header.len());
            let fault = Fault { line: Some(line), ..Fault::in_file(file, message) };
            faults.push(fault.help("quote a cell that contains the delimiter"));
            continue;
        }
        if rows.len() >= limits::MAPPING_ROWS {
            faults.push(Fault::in_file(file, format!("more than {} rows, which is the limit", limits::MAPPING_ROWS)));
            return;
        }
        match row(file, line, &columns, &record) {
            Ok(row) => rows.push(row),
            Err(found) => faults.extend(found),
        }
    }
}

fn row(
    file: &str,
    line: usize,
    columns: &BTreeMap<Column, (usize, String)>,
    record: &csv::StringRecord,
) -> Result<Row, Vec<Fault>> {
    let mut faults = Vec::new();
    let cell = |column: Column| {
        let (at, name) = columns.get(&column)?;
        Some((name.as_str(), record.get(*at).unwrap_or("")))
    };
    let filled = |column: Column| cell(column).map(|(_, text)| text.to_owned()).filter(|text| !text.is_empty());
    let mut row = Row {
        file: file.to_owned(),
        line,
        employee: filled(Column::Employee).unwrap_or_default(),
        manager: filled(Column::Manager),
        cost_center: filled(Column::CostCenter),
        team: None,
        parent_team: None,
        department: None,
        day: None,
    };
    if row.employee.is_empty() {
        faults.push(row.fault("employee", "no employee".to_owned()).help("each row needs an employee id"));
    }
    let mut unit = |column: Column| {
        let (name, text) = cell(column).filter(|(_, text)| !text.is_empty())?;
        TeamId::new(text).map_err(|message| faults.push(row.fault(name, message))).ok()
    };
    let (team, parent_team, department) = (unit(Column::Team), unit(Column::ParentTeam), unit(Column::Department));
    (row.team, row.parent_team, row.department) = (team, parent_team, department);
    if let Some((name, text)) = cell(Column::EffectiveDate) {
        match text.parse() {
            Ok(day) => row.day = Some(day),
            Err(_) => {
                let message = format!("'{text}' is no day such as 2026-09-16");
                faults.push(row.fault(name, message).help("write year-month-day"));
            }
        }
    }
    if faults.is_empty() { Ok(row) } else { Err(faults) }
}

fn one_row_per_date(rows: &[Row], faults: &mut Vec<Fault>) {
    let mut seen: BTreeMap<(&str, Option<Day>), &Row> = BTreeMap::new();
    for row in rows {
        let Some(first) = seen.get(&(row.employee.as_str(), row.day)) else {
            seen.insert((&row.employee, row.day), row);
            continue;
        };
        let on = row.day.map_or_else(String::new, |day| format!(" on {day}"));
        let place = if first.file == row.file { String::new() } else { format!(" of {}", first.file) };
        let name = |team: &Option<TeamId>| team.as_ref().map_or_else(|| "none".to_owned(), TeamId::to_string);
        faults.push(if first.team == row.team {
            let message = format!("{} has a row{on} already: row {}{place}", row.employee, first.line);
            row.fault("employee", message).help("leave one of the two rows out")
        } else {
            let message = format!(
                "{} has two teams{on}: {} on row {}{place} and {}",
                row.employee,
                name(&first.team),
                first.line,
                name(&row.team)
            );
            row.fault("team", message).help("an employee has one team on a date; leave the other row out")
        });
    }
}

/// Spellings of a team that differ in case are one team, called as it is first.
fn one_spelling(rows: &mut [Row], warnings: &mut Vec<Fault>) {
    let mut first: BTreeMap<String, TeamId> = BTreeMap::new();
    for row in rows {
        let mut found = Vec::new();
        for (column, id) in
            [("team", &mut row.team), ("parent_team", &mut row.parent_team), ("department", &mut row.department)]
        {
            let Some(team) = id else { continue };
            let known = first.entry(team.as_str().to_lowercase()).or_insert_with(|| team.clone());
            if known != team {
                found.push((column, format!("'{team}' is read as '{known}', the spelling of earlier rows")));
                *team = known.clone();
            }
        }
        warnings.extend(found.into_iter().map(|(column, message)| row.fault(column, message)));
    }
}
