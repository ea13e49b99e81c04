//! The traces as they were made; how leap reads them is tested with the whole program.

use std::collections::{BTreeMap, HashMap, HashSet};

use leap_terms::Month;

use super::request::{Kind, Made};
use super::*;

fn options(seed: u64) -> CompanyOptions {
    let first_month = Month::new(2026, 4).unwrap();
    CompanyOptions { seed, teams: 120, months: 6, first_month, ..CompanyOptions::default() }
}

/// A quarter of an hour's worth.
const TINY: Scale = Scale { days_a_side: 2, charges_a_day: 300, balances_a_day: 40, others_a_day: 20 };

fn written(seed: u64, scale: Scale) -> (tempfile::TempDir, TraceStory) {
    let folder = tempfile::tempdir().unwrap();
    let story = write(&options(seed), scale, folder.path()).unwrap();
    (folder, story)
}

fn bytes_of(story: &TraceStory) -> Vec<Vec<u8>> {
    story.days.iter().map(|day| fs::read(&day.path).unwrap()).collect()
}

/// The spans of some days in memory, and their latencies as they were counted.
fn spans(seed: u64, scale: Scale, days: Range<u64>) -> (Vec<Made>, Vec<DayMade>) {
    let repair = Day::from_ymd(2026, 9, 16).unwrap();
    let deployed = deployments(repair);
    let mut all = Vec::new();
    let made = days.map(|number| {
        let day = repair.plus(number as i32 - scale.days_a_side as i32);
        make_day(&Planned { seed, scale, day, number, deployed: &deployed }, |spans| all.extend_from_slice(spans))
    });
    let made = made.collect();
    (all, made)
}

#[test]
fn a_seed_gives_the_same_bytes_and_another_seed_others() {
    let (first, second, third) = (written(7, TINY), written(7, TINY), written(8, TINY));
    assert_eq!(bytes_of(&first.1), bytes_of(&second.1));
    assert_eq!(first.1.days.iter().map(|day| day.bytes).sum::<u64>(), bytes_of(&first.1).concat().len() as u64);
    assert_ne!(bytes_of(&first.1), bytes_of(&third.1));
    let again = write(&options(7), TINY, first.0.path()).unwrap_err();
    assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
}

#[test]
fn four_weeks_at_the_scale_of_a_proof_tell_the_story_with_any_seed() {
    for seed in [1, 2, 3, 7] {
        let scale = Scale::PROOF;
        let (_, days) = spans(seed, scale, 0..29);
        let pooled = |side: &[DayMade]| {
            let mut all: Vec<u64> = side.iter().flat_map(|day| day.charges.iter().copied()).collect();
            all.sort_unstable();
            (all.len(), p999(&all), all.iter().filter(|ns| **ns > 3_000 * MS).count())
        };
        let ((n, before, _), (m, after, over)) = (pooled(&days[..14]), pooled(&days[15..]));
        assert!(n >= 100_000 && m >= 100_000, "{n} {m}");
        assert!((4_500 * MS..4_700 * MS).contains(&before), "seed {seed}: {before} before");
        assert!((2_800 * MS..3_000 * MS).contains(&after), "seed {seed}: {after} after");
        assert!(over * 3_000 < m, "seed {seed}: {over} of {m} still miss 3 s");
        for (number, day) in days.iter().enumerate() {
            let [charges, control] = [&day.charges, &day.balances].map(|list| {
                let mut list = list.clone();
                list.sort_unstable();
                (list.len(), p999(&list))
            });
            assert!(charges.0 >= 4_000 && control.0 >= 4_000, "seed {seed} day {number}: {charges:?} {control:?}");
            assert!((200 * MS..400 * MS).contains(&control.1), "seed {seed} day {number}: control {control:?}");
            match number {
                0..14 => assert!(charges.1 > 4_200 * MS, "seed {seed} day {number}: {charges:?}"),
                14 => {}
                _ => assert!(charges.1 < 3_000 * MS, "seed {seed} day {number}: {charges:?}"),
            }
        }
    }
}

#[test]
fn ids_are_unique_and_parents_are_there_but_for_the_lost_ones() {
    let (spans, days) = spans(5, Scale::QUICK, 0..29);
    let mut traces: HashMap<u128, Vec<&Made>> = HashMap::new();
    for span in &spans {
        traces.entry(span.trace).or_default().push(span);
    }
    let requests: u64 = days.iter().map(|day| day.requests).sum();
    assert_eq!(traces.len() as u64, requests);
    assert_eq!(days.iter().map(|day| day.spans).sum::<u64>(), spans.len() as u64);
    let (mut orphans, mut kinds) = (0, BTreeMap::new());
    for of_one in traces.values() {
        let ids: HashMap<u64, &Made> = of_one.iter().map(|span| (span.id, *span)).collect();
        assert_eq!(ids.len(), of_one.len(), "an id twice");
        assert!(!ids.contains_key(&0));
        assert_eq!(of_one.iter().filter(|span| span.parent == 0).count(), 1);
        for span in of_one {
            assert!(span.start < span.end && span.op.is_root() == (span.parent == 0));
            *kinds.entry(span.op.about().kind as u8).or_insert(0) += 1;
            match ids.get(&span.parent) {
                Some(parent) => {
                    let (kind, above) = (span.op.about().kind, parent.op.about().kind);
                    let remote = matches!(kind, Kind::Server | Kind::Consumer);
                    assert_eq!(remote, span.service != parent.service, "{span:?} below {parent:?}");
                    assert!(above != Kind::Consumer);
                }
                None if span.parent == 0 => {}
                None => {
                    assert_eq!(span.op, Op::Fraud);
                    orphans += 1;
                }
            }
        }
    }
    assert_eq!(orphans, days.iter().map(|day| day.orphans).sum::<u64>());
    assert!(orphans > 0 && orphans * 1_000 < requests, "{orphans} of {requests}");
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    assert!(spans.iter().any(|span| span.op == Op::BankAgain));
}

#[test]
fn the_repair_is_rolled_out_host_by_host_and_clocks_disagree() {
    let (spans, _) = spans(1, Scale::QUICK, 0..29);
    let at = deployments(Day::from_ymd(2026, 9, 16).unwrap())[Service::Ledger as usize];
    let mut versions: HashSet<(u8, u8)> = HashSet::new();
    let mut ahead = 0;
    let calls: HashMap<(u128, u64), &Made> =
        spans.iter().filter(|span| span.op == Op::LedgerCall).map(|span| ((span.trace, span.id), span)).collect();
    for span in spans.iter().filter(|span| span.op == Op::Ledger) {
        versions.insert((span.host, span.version));
        let client = calls[&(span.trace, span.parent)];
        // Within the client's time but for the server's clock.
        let clock = Service::Ledger.about().clocks[usize::from(span.host)];
        let (start, end) = (span.start.saturating_add_signed(-clock), span.end.saturating_add_signed(-clock));
        assert!(client.start < start && end < client.end);
        assert_eq!(span.version == 1, start >= at + u64::from(span.host) * 1_200_000 * MS);
        ahead += u64::from(span.start < client.start);
        if span.version == 1 {
            assert!(end - start < 2_000 * MS, "{span:?} still waits");
        }
    }
    assert_eq!(versions.len(), 6);
    assert!(ahead > 1_000, "{ahead}");
}

#[test]
fn owners_are_teams_of_the_org_each_its_own_and_rules_go_where_rules_are() {
    for teams in [1, 5, 120, 800] {
        let org = Organisation::new(1, teams);
        let owners = graph::owners(&org);
        let mut seen = HashSet::new();
        for owned in &owners {
            match &owned.team {
                None => assert_eq!(owned.service, "fx-rates"),
                Some(team) => {
                    assert!(org.teams.iter().any(|one| one.id == *team));
                    assert!(seen.insert(team) || teams < 11, "{team} owns two of {teams}");
                }
            }
            if !owned.declared.is_empty() {
                let team = org.teams.iter().find(|one| Some(&one.id) == owned.team.as_ref()).unwrap();
                let spellings = [team.id.clone(), team.name.clone(), team.id.replace('-', "_")];
                assert!(spellings.contains(&owned.declared));
            }
        }
    }
    let (_folder, story) = written(1, TINY);
    assert_eq!(story.repair.day.to_string(), "2026-09-28");
    assert_eq!(Some(story.repair.team.as_str()), story.team_of("ledger"));
    assert!(story.repair.team.starts_with("ledger-"), "{}", story.repair.team);
    assert_eq!(story.team_of("fx-rates"), None);
    let rules = story.rules_with("rules:\n  - id: own\n    owner: x\npools:\n  - {id: tax}\n");
    assert!(rules.starts_with("rules:\n  - id: own\n    owner: x\n  # Services in traces"), "{rules}");
    assert!(rules.ends_with("\npools:\n  - {id: tax}\n"));
    assert_eq!(rules.matches("- id: service-").count(), 7, "{rules}");
}
