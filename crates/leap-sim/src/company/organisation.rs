//! The teams of the sample company and their org tree, before and after the reorg.
//!
//! ```text
//! halden > org-payments > div-money-movement > grp-ledger-systems > ledger-sync (aliases ledger_sync, cc-1042 …)
//! ```
//!
//! The reorg moves a quarter of the teams to other groups; ids, names and aliases stay. Teams that were dissolved
//! before the first month live on in tags only.

use std::collections::HashSet;
use std::fmt::Write;

use super::random::Random;
use super::words::{AREAS, FUNCTIONS, GROUP_KINDS, ORGS};

/// The company's id and name.
pub(crate) const COMPANY: (&str, &str) = ("halden", "Halden Market");

/// The efficiency team's id.
pub(crate) const EFFICIENCY: &str = "cloud-efficiency";

/// One team.
#[derive(Clone, Debug)]
pub(crate) struct Team {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The code in the tag `cost-center`, also an alias.
    pub(crate) cost_center: String,
    /// Index of the group before and after the reorg.
    pub(crate) groups: [usize; 2],
}

/// The company's units.
#[derive(Clone, Debug)]
pub(crate) struct Organisation {
    pub(crate) teams: Vec<Team>,
    /// Ids of teams that no longer exist.
    pub(crate) dissolved: Vec<String>,
    orgs: Vec<(String, String)>,
    divisions: Vec<(String, String, usize)>,
    groups: Vec<(String, String, usize)>,
    /// The efficiency team, and the teams that run the sandboxes, the GPU fleet and the data warehouse.
    pub(crate) efficiency: usize,
    pub(crate) sandbox: usize,
    pub(crate) gpu: usize,
    pub(crate) warehouse: usize,
}

/// `payments-api` → `Payments API`.
fn title(id: &str) -> String {
    let word = |word: &str| match word {
        "api" | "ci" | "sql" | "sdk" | "ml" | "emea" | "apac" => word.to_uppercase(),
        _ => word[..1].to_uppercase() + &word[1..],
    };
    id.split('-').map(word).collect::<Vec<_>>().join(" ")
}

impl Organisation {
    /// A company of so many teams (at least one).
    pub(crate) fn new(seed: u64, teams: usize) -> Organisation {
        let mut random = Random::fork(seed, &[1]);
        let teams = teams.max(1);
        let scaled = |full: usize, least: usize| (teams * full / 800).max(least).min(teams);
        let (org_count, division_count, group_count) = (5.min(teams), scaled(24, 5), scaled(120, 5));
        let division_count = division_count.min(group_count);
        let orgs = ORGS.iter().take(org_count).map(|org| (org.id.to_owned(), org.name.to_owned())).collect();
        let mut used = HashSet::new();
        let mut divisions = Vec::new();
        let mut per_org = [0; ORGS.len()];
        for division in 0..division_count {
            let org = division * org_count / division_count;
            let names = ORGS[org].divisions;
            let round = per_org[org] / names.len();
            let name = names[per_org[org] % names.len()];
            per_org[org] += 1;
            let name = if round == 0 { name.to_owned() } else { format!("{name} {}", round + 1) };
            let id = format!("div-{}", name.to_lowercase().replace(' ', "-"));
            divisions.push((id, format!("{name} Division"), org));
        }
        let mut groups = Vec::new();
        let mut group_domains = Vec::new();
        let mut per_org = [0; ORGS.len()];
        for group in 0..group_count {
            let division = group * division_count / group_count;
            let org = divisions[division].2;
            let domains = ORGS[org].domains;
            let domain = domains[per_org[org] % domains.len()];
            let round = per_org[org] / domains.len();
            per_org[org] += 1;
            let kind = GROUP_KINDS[round % GROUP_KINDS.len()];
            let number =
                if round < GROUP_KINDS.len() { String::new() } else { format!("-{}", round / GROUP_KINDS.len() + 1) };
            let id = format!("{domain}-{kind}{number}");
            groups.push((format!("grp-{id}"), format!("{} Group", title(&id)), division));
            group_domains.push(domain);
        }
        let mut list: Vec<Team> = Vec::with_capacity(teams);
        for at in 0..teams {
            let group = at * group_count / teams;
            let domain = group_domains[group].trim_end_matches("-platform");
            let platform = format!("{domain}-platform");
            let id = if at + 1 == teams {
                EFFICIENCY.to_owned()
            } else if used.insert(platform.clone()) {
                // The first team of a domain runs what the others of it share.
                platform
            } else {
                team_id(group_domains[group], &mut random, &mut used)
            };
            list.push(Team { name: title(&id), id, cost_center: format!("cc-{}", 1000 + at), groups: [group, group] });
        }
        let mut order: Vec<usize> = (0..teams).collect();
        random.shuffle(&mut order);
        let moved = &order[..teams / 4];
        for (at, team) in moved.iter().enumerate() {
            let target = list[moved[(at + 1) % moved.len()]].groups[0];
            list[*team].groups[1] = target;
        }
        let dissolved = (0..(teams / 25).max(2))
            .map(|_| {
                let domain = {
                    let org = &ORGS[random.index(ORGS.len())];
                    random.word(org.domains)
                };
                team_id(domain, &mut random, &mut used)
            })
            .collect();
        let home = |domain: &str, fallback: usize| {
            list.iter().position(|team| team.id.starts_with(domain)).unwrap_or(fallback % teams)
        };
        let (gpu, warehouse, sandbox) = (home("ml-training", 1), home("warehouse-sql", 2), home("developer-portal", 3));
        Organisation { efficiency: teams - 1, sandbox, gpu, warehouse, teams: list, dissolved, orgs, divisions, groups }
    }

    /// Teams whose parent changed.
    pub(crate) fn moved_teams(&self) -> usize {
        self.teams.iter().filter(|team| team.groups[0] != team.groups[1]).count()
    }

    /// All units, the company included.
    pub(crate) fn unit_count(&self) -> usize {
        1 + self.orgs.len() + self.divisions.len() + self.groups.len() + self.teams.len()
    }

    /// `org.yaml` before (0) or after (1) the reorg.
    pub(crate) fn yaml(&self, era: usize) -> String {
        let mut out = self.units_above();
        for team in &self.teams {
            out.push_str(&self.team_line(team, &team.id, &team.name, team.groups[era], &[], ""));
        }
        out
    }

    /// The first part of an `org.yaml`: the company and its units above teams.
    pub(super) fn units_above(&self) -> String {
        let mut out = format!("units:\n  - {{id: {}, name: {}, kind: company}}\n", COMPANY.0, COMPANY.1);
        let mut unit = |id: &str, name: &str, kind: &str, parent: &str| {
            writeln!(out, "  - {{id: {id}, name: {name}, kind: {kind}, parent: {parent}}}")
                .expect("a string takes all text");
        };
        for (id, name) in &self.orgs {
            unit(id, name, "org", COMPANY.0);
        }
        for (id, name, org) in &self.divisions {
            unit(id, name, "division", &self.orgs[*org].0);
        }
        for (id, name, division) in &self.groups {
            unit(id, name, "group", &self.divisions[*division].0);
        }
        out
    }

    /// How many groups there are.
    pub(super) fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// One team of an `org.yaml`, in a group, under an id and a name, with more aliases and with more fields.
    pub(super) fn team_line(
        &self,
        team: &Team,
        id: &str,
        name: &str,
        group: usize,
        more_aliases: &[&str],
        more_fields: &str,
    ) -> String {
        let mut aliases = vec![team.cost_center.clone()];
        if team.id.contains('-') {
            aliases.extend([team.id.replace('-', "_"), team.id.replace('-', " ")]);
        }
        aliases.extend(more_aliases.iter().map(|alias| (*alias).to_owned()));
        format!(
            "  - {{id: {id}, name: {name}, kind: team, parent: {}, aliases: [{}]{more_fields}}}\n",
            self.groups[group].0,
            aliases.join(", "),
        )
    }
}

/// A team's id that nobody has yet.
fn team_id(domain: &str, random: &mut Random, used: &mut HashSet<String>) -> String {
    let mut functions = FUNCTIONS;
    random.shuffle(&mut functions);
    let plain = functions.iter().map(|function| format!("{domain}-{function}"));
    let wider =
        AREAS.iter().flat_map(|area| functions.iter().map(move |function| format!("{domain}-{function}-{area}")));
    let numbered = (2..).map(|number| format!("{domain}-{}-{number}", functions[0]));
    let id = plain.chain(wider).chain(numbered).find(|id| !used.contains(id)).expect("numbers do not end");
    used.insert(id.clone());
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_hundred_teams_have_names_of_their_own_and_a_quarter_moves() {
        let org = Organisation::new(7, 800);
        let mut words = HashSet::new();
        for team in &org.teams {
            for word in [team.id.clone(), team.name.to_lowercase(), team.id.replace('-', "_"), team.cost_center.clone()]
            {
                assert!(words.insert(word.clone()), "{word} is used twice");
            }
        }
        assert_eq!(org.unit_count(), 1 + 5 + 24 + 120 + 800);
        assert!((190..=200).contains(&org.moved_teams()), "{}", org.moved_teams());
        assert!(org.dissolved.iter().all(|id| !words.contains(id)));
        assert_eq!(org.yaml(0).lines().count(), org.unit_count() + 1);
        assert_ne!(org.yaml(0), org.yaml(1));
    }

    #[test]
    fn companies_of_any_size_have_a_tree() {
        for teams in [1, 2, 7, 40, 5000] {
            let org = Organisation::new(1, teams);
            assert_eq!(org.teams.len(), teams);
            let ids: HashSet<&str> = org.teams.iter().map(|team| team.id.as_str()).collect();
            assert_eq!(ids.len(), teams);
        }
    }
}
