//! Reads `sigs.yaml` of the Kubernetes community, of any year: groups and their sub-projects as units.
//!
//! ```yaml
//! as_of: '2020-01-01'                       # where present: the day of the state
//! sigs:
//! - dir: sig-apps
//!   name: Apps
//!   leads: {chairs: [u1], tech_leads: [u2]}  # upstream: leadership: {chairs: [{github: u1, name: …, company: …}]}
//!   subprojects:
//!   - {name: workloads-api, owners: [https://raw.githubusercontent.com/kubernetes/api/master/apps/OWNERS]}
//! workinggroups: […]
//! ```
//! becomes the root `kubernetes`, `sig-apps` (kind sig, lead u1) and `sig-apps/workloads-api` (kind subproject). The id of
//! a sub-project is always that of its group, a slash and its name: the name alone repeats between groups in some years,
//! and an id must not depend on what other groups call theirs. One that moves to another group therefore comes with
//! another id; `propose` knows it again by name and evidence. Evidence is what a unit owns: OWNERS paths of sub-projects,
//! chairs and leads (`lead u1`) of groups. Charters, meetings and contacts are not read; people's names never are.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::{Day, Fault, TeamId};
use serde_norway::Value;

use super::States;
use crate::org::{OrgState, UnitState};
use crate::yaml::{Places, read, short};

/// The lists of groups and the kind of unit each holds.
pub(super) const LISTS: [(&str, &str); 4] =
    [("sigs", "sig"), ("workinggroups", "workinggroup"), ("usergroups", "usergroup"), ("committees", "committee")];

/// Top-level keys that say nothing about groups.
const IGNORED: [&str; 2] = ["as_of", "commit"];

/// The unit above all groups.
pub(super) const ROOT: &str = "kubernetes";

pub(super) fn states(files: &[(String, String)]) -> Result<States, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut warnings = Vec::new();
    let mut states: BTreeMap<Option<Day>, (&str, OrgState)> = BTreeMap::new();
    for (file, text) in files {
        match Reader::new(file, text).state(&mut warnings) {
            Ok((day, state)) => {
                if let Some((first, _)) = states.get(&day) {
                    let day = day.map_or_else(|| "no date (as_of)".to_owned(), |day| format!("the date {day}"));
                    let message = format!("two files have {day}: {first} and {file}");
                    faults.push(Fault::in_file(file.clone(), message).help("give each its own as_of, or read one"));
                } else {
                    states.insert(day, (file, state));
                }
            }
            Err(found) => faults.extend(found),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok((states.into_iter().map(|(day, (_, state))| (day, state)).collect(), warnings))
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    state: OrgState,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    fn new(file: &'a str, text: &'a str) -> Reader<'a> {
        Reader { file, text, state: OrgState::default(), faults: Vec::new() }
    }

    fn state(mut self, warnings: &mut Vec<Fault>) -> Result<(Option<Day>, OrgState), Vec<Fault>> {
        let document = read(self.file, self.text).map_err(|fault| vec![fault])?;
        let Value::Mapping(top) = &document else {
            return Err(vec![Fault::in_file(self.file, "no list of groups")]);
        };
        for key in top.keys() {
            let name = key.as_str().unwrap_or("");
            if !IGNORED.contains(&name) && !LISTS.iter().any(|(list, _)| *list == name) {
                let fault = self.at_top(name, format!("unknown list {}: it is not read", short(key)));
                warnings.push(fault.help("groups are read from sigs, workinggroups, usergroups and committees"));
            }
        }
        let day = self.day(top.get("as_of"));
        let root = TeamId::new(ROOT).expect("the root's id is a fixed word");
        self.state.units.insert(root, unit("Kubernetes", "community", None));
        for (list, kind) in LISTS {
            match top.get(list) {
                None | Some(Value::Null) => {}
                Some(Value::Sequence(groups)) => {
                    let places = Places::new(self.file, self.text, list, groups.len());
                    for (at, group) in groups.iter().enumerate() {
                        self.group(&places, at, group, kind, warnings);
                    }
                }
                Some(other) => {
                    let message = format!("{list} must be a list, found {}", short(other));
                    let fault = self.at_top(list, message);
                    self.faults.push(fault);
                }
            }
        }
        if self.faults.is_empty() { Ok((day, self.state)) } else { Err(self.faults) }
    }

    fn at_top(&self, key: &str, message: String) -> Fault {
        let fault = Fault::in_file(self.file, message);
        match Places::new(self.file, self.text, key, 0).top(key) {
            Some(at) if !key.is_empty() => fault.at(self.text, at, key.chars().count()),
            _ => fault,
        }
    }

    fn day(&mut self, value: Option<&Value>) -> Option<Day> {
        let value = value?;
        match value.as_str().and_then(|text| text.parse().ok()) {
            Some(day) => Some(day),
            None => {
                let fault = self.at_top("as_of", format!("as_of: {} is no day such as 2026-09-16", short(value)));
                self.faults.push(fault.help("write as_of: '2026-09-16', or leave it out and name the date yourself"));
                None
            }
        }
    }

    fn group(&mut self, places: &Places<'_>, at: usize, group: &Value, kind: &str, warnings: &mut Vec<Fault>) {
        let dir = group.get("dir").and_then(Value::as_str).map(str::trim).filter(|dir| !dir.is_empty());
        let Some(dir) = dir else {
            let fault =
                places.fault(at, &[], format!("a {kind} without dir")).help("dir is the group's id: dir: sig-apps");
            self.faults.push(fault);
            return;
        };
        let name = group.get("name").and_then(Value::as_str).unwrap_or(dir);
        let mut found = unit(name, kind, Some(ROOT));
        let leads = leads(group.get("leads").or_else(|| group.get("leadership")));
        found.lead = leads.first().cloned();
        found.evidence = leads.iter().map(|lead| format!("lead {lead}")).collect();
        found.evidence.extend(paths(group.get("owners")));
        self.add(places, at, dir, found);
        let subprojects = group.get("subprojects").and_then(Value::as_sequence);
        for subproject in subprojects.into_iter().flatten() {
            let name = subproject.get("name").and_then(Value::as_str).map(str::trim).filter(|name| !name.is_empty());
            let Some(name) = name else {
                let fault = places.fault(at, &["subprojects"], format!("a sub-project of {dir} has no name"));
                self.faults.push(fault.help("name it: - name: …"));
                continue;
            };
            let mut found = unit(name, "subproject", Some(dir));
            found.evidence = paths(subproject.get("owners"));
            found.lead =
                self::leads(subproject.get("leads").or_else(|| subproject.get("leadership"))).into_iter().next();
            let id = format!("{dir}/{name}");
            match TeamId::new(&id).ok().and_then(|id| self.state.units.get_mut(&id)) {
                Some(first) => {
                    first.evidence.append(&mut found.evidence);
                    let message = format!("two sub-projects of a group are called '{id}': read as one");
                    warnings.push(places.fault(at, &["dir"], message).help("give one of them another name"));
                }
                None => self.add(places, at, &id, found),
            }
        }
    }

    fn add(&mut self, places: &Places<'_>, at: usize, id: &str, unit: UnitState) {
        let id = match TeamId::new(id) {
            Ok(id) => id,
            Err(message) => {
                self.faults.push(places.fault(at, &["dir"], message));
                return;
            }
        };
        if self.state.units.contains_key(&id) {
            let fault = places.fault(at, &["dir"], format!("two groups are called '{id}'"));
            self.faults.push(fault.help("give one of them another name"));
            return;
        }
        self.state.units.insert(id, unit);
    }
}

fn unit(name: &str, kind: &str, parent: Option<&str>) -> UnitState {
    UnitState {
        name: name.trim().to_owned(),
        kind: kind.to_owned(),
        // A parent is a group's dir, which is checked where the group itself is added.
        parent: parent.and_then(|parent| TeamId::new(parent).ok()),
        ..UnitState::default()
    }
}

/// Chairs first, then tech leads and other roles in the file's order, each once; emeriti lead no more.
fn leads(value: Option<&Value>) -> Vec<String> {
    let lists: Vec<&Value> = match value {
        Some(Value::Mapping(roles)) => {
            let chairs = roles.iter().filter(|(role, _)| role.as_str() == Some("chairs"));
            let others = roles.iter().filter(|(role, _)| !matches!(role.as_str(), Some("chairs" | "emeritus_leads")));
            chairs.chain(others).map(|(_, list)| list).collect()
        }
        // Before 2018, and of sub-projects: one list without roles.
        list => list.into_iter().collect(),
    };
    let mut seen = BTreeSet::new();
    lists
        .into_iter()
        .filter_map(Value::as_sequence)
        .flatten()
        .filter_map(|lead| lead.as_str().or_else(|| lead.get("github").and_then(Value::as_str)))
        .filter(|lead| !lead.trim().is_empty() && seen.insert(lead.trim().to_owned()))
        .map(|lead| lead.trim().to_owned())
        .collect()
}

fn paths(value: Option<&Value>) -> BTreeSet<String> {
    let list = value.and_then(Value::as_sequence);
    list.into_iter().flatten().filter_map(Value::as_str).flat_map(str::split_whitespace).map(path).collect()
}

/// `https://raw.githubusercontent.com/kubernetes-sigs/yaml/master/OWNERS` to `yaml`: without host, branch and file; without
/// the GitHub organisation where it is one of the project's own, because repositories move between them
/// (kubernetes-incubator to kubernetes-sigs) and stay what they were.
fn path(url: &str) -> String {
    let rest = url.trim_start_matches("https://").trim_start_matches("http://");
    let hosts = ["raw.githubusercontent.com/", "github.com/", "www.github.com/"];
    let rest = hosts.iter().find_map(|host| rest.strip_prefix(host)).unwrap_or(rest);
    let mut parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    if parts.last() == Some(&"OWNERS") {
        parts.pop();
    }
    // Behind owner and repository stand a branch, or blob or tree and a branch.
    if parts.len() > 2 && matches!(parts[2], "blob" | "tree") {
        parts.remove(2);
    }
    if parts.len() > 2 {
        parts.remove(2);
    }
    if parts.len() > 1 && (parts[0] == "kubernetes" || parts[0].starts_with("kubernetes-")) {
        parts.remove(0);
    }
    parts.join("/")
}
