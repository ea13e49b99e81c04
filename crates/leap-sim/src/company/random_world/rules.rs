//! Random rules, their mapping and claims, for orgs whose names change.
//!
//! ```yaml
//! - {id: rule-0, when: "Tags['team'] IS NOT NULL", owner: {from: "Tags['team']"}}
//! - {id: rule-1, when: "CommitmentDiscountStatus = 'Unused'", pool: tax}
//! ```

use std::fmt::Write;

use leap_terms::Day;

use super::bill::{ACCOUNTS, RESOURCES, SERVICES};
use super::org::quoted;
use super::pools::RandomPools;
use super::{RulesText, Words};
use crate::company::random::Random;

/// One or two versions of rules.
pub(super) fn random_rules(
    random: &mut Random,
    words: &Words<'_>,
    pools: &RandomPools,
    [first, until]: [Day; 2],
) -> Vec<RulesText> {
    let mut versions = vec![RulesText { from: Day::EARLIEST, yaml: yaml(random, words, pools, [first, until]) }];
    if random.chance(5_000) {
        let from = day_between(random, first, until);
        versions.push(RulesText { from, yaml: yaml(random, words, pools, [first, until]) });
    }
    versions
}

fn day_between(random: &mut Random, first: Day, until: Day) -> Day {
    first.plus(random.between(0, i64::from(until.days() - first.days())) as i32)
}

fn yaml(random: &mut Random, words: &Words<'_>, pools: &RandomPools, days: [Day; 2]) -> String {
    let mut out = String::new();
    let mut count = 0;
    let mut rule = |fields: String| {
        writeln!(out, "- {{id: rule-{count}, {fields}}}").expect("a string takes all text");
        count += 1;
    };
    // Each pool collects something, before other rules take it.
    for pool in &pools.names {
        let kinds = if pools.of_commitments.contains(pool) && random.chance(7_000) { 2 } else { 6 };
        rule(format!("when: {}, pool: {pool}", quoted(&pool_condition(random, kinds))));
    }
    for _ in 0..1 + random.below(6) {
        rule(random_rule(random, words, days));
    }
    format!("rules:\n{out}residual: {{steward: {}}}\n", quoted(words.known(random)))
}

/// What a pool collects; by the first two of the kinds, unused commitments.
fn pool_condition(random: &mut Random, kinds: u64) -> String {
    match random.below(kinds) {
        0 => "CommitmentDiscountStatus = 'Unused'".to_owned(),
        1 => "CommitmentDiscountStatus = 'Unused' OR CommitmentDiscountId = 'cd-1' AND ChargeCategory = 'Purchase'"
            .to_owned(),
        2 => "ChargeCategory = 'Credit'".to_owned(),
        3 => format!("ResourceId = '{}'", random.word(&RESOURCES)),
        _ => format!("ServiceName = '{}'", random.word(&SERVICES)),
    }
}

fn random_rule(random: &mut Random, words: &Words<'_>, days: [Day; 2]) -> String {
    let owner = |random: &mut Random| format!("owner: {}", quoted(words.owner(random)));
    match random.below(9) {
        0 | 1 => "when: \"Tags['team'] IS NOT NULL\", owner: {from: \"Tags['team']\"}".to_owned(),
        2 => "when: \"Tags['team'] IS NOT NULL\", owner: {from: \"lower(trim(Tags['team']))\"}".to_owned(),
        3 => format!("when: \"Tags['env'] = 'prod'\", {}", owner(random)),
        4 => format!("when: \"SubAccountId = '{}'\", {}", random.word(&ACCOUNTS), owner(random)),
        5 => {
            let account = random.word(&ACCOUNTS);
            let from = day_between(random, days[0], days[1]);
            let until = if random.chance(5_000) { format!(", until: {}", from.plus(20)) } else { String::new() };
            format!("when: \"SubAccountId = '{account}'\", {}, effective: {{from: {from}{until}}}", owner(random))
        }
        6 => format!("when: \"ServiceName LIKE 'Amazon %'\", {}", owner(random)),
        7 => "when: \"ResourceId IS NULL\", pool: overhead".to_owned(),
        _ => "mapping: owners.csv".to_owned(),
    }
}

/// `owners.csv`: resources with dated owners under any of their words.
pub(super) fn random_mapping(random: &mut Random, words: &Words<'_>, days: [Day; 2]) -> String {
    let mut out = String::from("ResourceId,owner,effective_from,effective_until\n");
    for resource in &RESOURCES[..4] {
        let (first, second) = (words.owner(random), words.owner(random));
        let result = if random.chance(5_000) {
            writeln!(out, "{resource},{first},,")
        } else {
            let turn = day_between(random, days[0], days[1]);
            writeln!(out, "{resource},{first},,{turn}\n{resource},{second},{turn},")
        };
        result.expect("a string takes all text");
    }
    out
}

/// Accepted claims as the text of a rules file.
pub(super) fn random_claims(random: &mut Random, words: &Words<'_>, days: [Day; 2]) -> Option<String> {
    if random.chance(7_000) {
        return None;
    }
    let mut out = String::from("rules:\n");
    for number in 1..=1 + random.below(2) {
        let from = day_between(random, days[0], days[1]);
        let until = if random.chance(5_000) { format!(", until: {}", from.plus(30)) } else { String::new() };
        writeln!(
            out,
            "- {{id: claim-{number}, when: \"ResourceId = '{}'\", owner: {}, effective: {{from: {from}{until}}}}}",
            random.word(&RESOURCES),
            quoted(words.owner(random)),
        )
        .expect("a string takes all text");
    }
    Some(out)
}
