//! The org after the next reorg: what a people team would hand over, as a state without history.
//!
//! ```yaml
//! - {id: ledger-sync, name: Ledger Sync, kind: team, parent: grp-search-web, …}                # moved
//! - {id: risk-core, name: Risk Core, kind: team, aliases: [risk-rules, …]}                    # a new id: the old is an alias
//! - {id: ads-bids, …, effective: {until: 2026-04-01}, successor: ads-serving}                 # merged or dissolved
//! ```
//! A quarter of the teams moves; per hundred teams, about half a team is merged, half a one gets a new id, half a one a
//! new name; two are dissolved with a successor in another group. The truth of money that moves is not told.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::Day;

use super::organisation::Organisation;
use super::random::Random;

/// A reorg to come.
#[derive(Clone, Debug)]
pub(super) struct NextOrg {
    /// `org-next.yaml`.
    pub(super) yaml: String,
    /// Teams with another parent.
    pub(super) moved: usize,
    /// Teams that end with a successor: merged ones and dissolved ones.
    pub(super) ended: usize,
    /// Teams with a new id or name.
    pub(super) renamed: usize,
}

/// Makes the reorg that takes effect on `day`.
pub(super) fn next_org(org: &Organisation, seed: u64, day: Day) -> NextOrg {
    let mut random = Random::fork(seed, &[21]);
    let count = org.teams.len();
    let needed = [org.efficiency, org.sandbox, org.gpu, org.warehouse];
    let mut order: Vec<usize> = (0..count).filter(|at| !needed.contains(at)).collect();
    random.shuffle(&mut order);
    let mut left = order.into_iter();
    let few = count.div_ceil(200).min(count / 10);
    let merged: Vec<usize> = left.by_ref().take(few).collect();
    let dissolved: Vec<usize> = left.by_ref().take(2.min(count / 10)).collect();
    let new_ids: Vec<usize> = left.by_ref().take(few).collect();
    let new_names: Vec<usize> = left.by_ref().take(few).collect();
    let movable = if org.group_count() > 1 { count / 4 } else { 0 };
    let moved: Vec<usize> = left.by_ref().take(movable).collect();
    let mut groups: BTreeMap<usize, usize> = BTreeMap::new();
    for at in &moved {
        let own = org.teams[*at].groups[1];
        // Any group but its own.
        groups.insert(*at, (own + 1 + random.index(org.group_count() - 1)) % org.group_count());
    }
    let ended: BTreeSet<usize> = merged.iter().chain(&dissolved).copied().collect();
    let renamed: BTreeSet<usize> = new_ids.iter().chain(&new_names).copied().collect();
    let mut successors: BTreeMap<usize, usize> = BTreeMap::new();
    for at in &ended {
        let own = org.teams[*at].groups[1];
        let stays = |other: &usize| !ended.contains(other) && !renamed.contains(other);
        let fits = |other: &usize| stays(other) && (org.teams[*other].groups[1] == own) == merged.contains(at);
        let among: Vec<usize> = (0..count).filter(fits).collect();
        let among = if among.is_empty() { (0..count).filter(stays).collect() } else { among };
        successors.insert(*at, *random.pick(&among));
    }
    let mut yaml = org.units_above();
    for (at, team) in org.teams.iter().enumerate() {
        let group = groups.get(&at).copied().unwrap_or(team.groups[1]);
        let line = if let Some(successor) = successors.get(&at) {
            let successor = &org.teams[*successor].id;
            let end = format!(", effective: {{until: {day}}}, successor: {successor}");
            org.team_line(team, &team.id, &team.name, group, &[], &end)
        } else if new_ids.contains(&at) {
            let (id, name) = (format!("{}-next", team.id), format!("{} Next", team.name));
            org.team_line(team, &id, &name, group, &[&team.id], "")
        } else if new_names.contains(&at) {
            org.team_line(team, &team.id, &format!("{} and Friends", team.name), group, &[], "")
        } else {
            org.team_line(team, &team.id, &team.name, group, &[], "")
        };
        yaml.push_str(&line);
    }
    NextOrg { yaml, moved: moved.len(), ended: ended.len(), renamed: renamed.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::history::{History, Meaning};

    #[test]
    fn two_hundred_of_eight_hundred_teams_move_and_nobody_is_lost() {
        let org = Organisation::new(7, 800);
        let day = Day::from_ymd(2026, 4, 1).unwrap();
        let next = next_org(&org, 7, day);
        assert_eq!((next.moved, next.ended, next.renamed), (200, 6, 8));
        assert_eq!(next.yaml, next_org(&org, 7, day).yaml);
        let (before, after) = (History::read(&org.yaml(1)).unwrap(), History::read(&next.yaml).unwrap());
        let (mut moved, mut ended) = (0, 0);
        for team in &org.teams {
            match after.meaning(&team.id, day) {
                Meaning::Team(id) => {
                    let parent = |history: &History, id: &str| history.span(id, day).unwrap().parent.clone();
                    if after.span(&team.id, day).is_none() && after.span(&team.id, day.plus(-1)).is_some() {
                        ended += 1;
                    } else {
                        moved += usize::from(parent(&after, &id) != parent(&before, &team.id));
                    }
                }
                other @ (Meaning::Unknown | Meaning::Ambiguous) => panic!("{} is {other:?}", team.id),
            }
        }
        assert_eq!((moved, ended), (200, 6));
    }

    #[test]
    fn small_companies_have_a_next_org_too() {
        for teams in [1, 2, 7, 40] {
            let org = Organisation::new(3, teams);
            let next = next_org(&org, 3, Day::from_ymd(2026, 4, 1).unwrap());
            assert_eq!(next.yaml.lines().count(), org.yaml(1).lines().count());
            assert!(next.moved <= teams / 4);
        }
    }
}
