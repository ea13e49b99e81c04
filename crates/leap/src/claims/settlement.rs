//! What was settled, as rules above all rules; what a settlement moves; and its publication.
//!
//! ```yaml
//! rules:
//! - id: claim-7
//!   when: "ResourceId = 'i-1'"
//!   owner: "payments"
//!   effective: {from: 2026-07-01, until: 2026-10-01}
//!   note: "ours since the move; evidence: OPS-1412"
//! ```
//! The file holds every accepted claim that was not withdrawn, the newest settlement first, so that a later one wins. It
//! is made anew each time from what the book says of the claims, and the same claims give the same bytes. It decides
//! nothing: who may accept is not its business.

use std::collections::{BTreeMap, BTreeSet};

use leap_book::{Claim, ClaimState, ClaimStep, ConfigFiles, ConfigKind, NewClaimEvent, Snapshot};
use leap_orient::proof::Folded;
use leap_orient::rules::RuleSet;
use leap_terms::{Currency, Day, Owner, TeamId};

use crate::config;
use crate::failure::Failure;
use crate::home::Home;
use crate::ownership::{self, Moves, Target, Touched};
use crate::publish::Change;
use crate::world::World;

/// Name of the rules file that holds what was settled.
const FILE: &str = "claims.yaml";

/// A settled claim, or one that may be, as a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Settled {
    /// The claim's number.
    pub(super) number: i64,
    /// The condition.
    pub(super) subject: String,
    /// Whose it is.
    pub(super) owner: TeamId,
    /// First day.
    pub(super) effective: Day,
    /// First day on which it no longer holds.
    pub(super) expires: Option<Day>,
    /// Why.
    pub(super) reason: String,
    /// What shows it.
    pub(super) evidence: Option<String>,
}

impl From<&Claim> for Settled {
    fn from(claim: &Claim) -> Settled {
        Settled {
            number: claim.number,
            subject: claim.subject.clone(),
            owner: claim.to_team.clone(),
            effective: claim.effective,
            expires: claim.expires,
            reason: claim.reason.clone(),
            evidence: claim.evidence.clone(),
        }
    }
}

/// The id of a claim's rule.
pub(super) fn rule_id(number: i64) -> String {
    format!("claim-{number}")
}

/// The snapshot that a claim was accepted with, where its acceptance stands.
fn accepted_with(claim: &Claim) -> Option<i64> {
    match claim.state() {
        ClaimState::Open | ClaimState::Declined | ClaimState::Withdrawn => None,
        // A claim that has ended still says who owned the days before.
        ClaimState::Accepted | ClaimState::Expired => claim
            .events
            .iter()
            .find(|event| event.step == ClaimStep::Accepted)
            .map(|event| event.snapshot.unwrap_or_default()),
    }
}

/// What stands settled among these claims, the newest settlement first.
pub(super) fn in_force(claims: &[Claim]) -> Vec<Settled> {
    let mut accepted: Vec<(i64, &Claim)> =
        claims.iter().filter_map(|claim| accepted_with(claim).map(|snapshot| (snapshot, claim))).collect();
    accepted.sort_by_key(|(snapshot, claim)| std::cmp::Reverse((*snapshot, claim.number)));
    accepted.into_iter().map(|(_, claim)| Settled::from(claim)).collect()
}

/// Text as a double-quoted YAML scalar on one line.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            ' ' => out.push(' '),
            plain if plain.is_ascii_graphic() || plain.is_alphanumeric() => out.push(plain),
            other => out += &format!("\\U{:08x}", u32::from(other)),
        }
    }
    out.push('"');
    out
}

/// The file of what was settled; no file where nothing was.
pub(super) fn document(settled: &[Settled]) -> ConfigFiles {
    if settled.is_empty() {
        return ConfigFiles::default();
    }
    let mut text = String::from("rules:\n");
    for one in settled {
        let until = one.expires.map_or_else(String::new, |day| format!(", until: {day}"));
        let evidence = one.evidence.as_ref().map_or_else(String::new, |evidence| format!("; evidence: {evidence}"));
        text += &format!(
            "- id: {}\n  when: {}\n  owner: {}\n  effective: {{from: {}{until}}}\n  note: {}\n",
            rule_id(one.number),
            quoted(&one.subject),
            quoted(one.owner.as_str()),
            one.effective,
            quoted(&format!("{}{evidence}", one.reason)),
        );
    }
    ConfigFiles { files: vec![(FILE.to_owned(), text.into_bytes())] }
}

/// What a settlement would do, worked out and ready to be published.
pub(super) struct Prospect {
    rules: RuleSet,
    files: ConfigFiles,
    change: ownership::Prospect,
    /// What changes hands.
    pub(super) moves: Moves,
    /// All that one claim's rule decides, moved or not.
    pub(super) named: BTreeMap<Currency, Folded>,
}

impl Prospect {
    /// Works out what is different when exactly this is settled. `claim`: the one whose rule is asked what it decides.
    pub(super) fn of(home: &Home, world: &World, settled: &[Settled], claim: i64) -> Result<Prospect, Failure> {
        let files = document(settled);
        let above = (!files.files.is_empty()).then_some(&files.files);
        let rules = config::read_rules(&world.config_files(ConfigKind::Rules), above, &world.org)?;
        let target = Target { rules: &rules, org: &world.org, full: false, from_charges: false };
        let change = ownership::Prospect::of(home, world, target)?;
        let weighed = change.weighed(home, world, &rules)?;
        let (id, mut named) = (rule_id(claim), BTreeMap::<Currency, Folded>::new());
        for ((_, rule, currency), folded) in weighed.totals {
            if rule.is_some_and(|rule| rule.as_str() == id) {
                *named.entry(currency).or_default() += folded;
            }
        }
        Ok(Prospect { rules, files, change, moves: weighed.moves, named })
    }

    /// Leaves it: what was staged goes.
    pub(super) fn discard(self) -> Result<(), Failure> {
        self.change.discard()
    }

    /// The teams that would give something away.
    pub(super) fn givers(&self) -> BTreeSet<TeamId> {
        self.moves
            .sources()
            .into_iter()
            .filter_map(|from| match from {
                Owner::Team(team) => Some(team.clone()),
                Owner::Residual(_) => None,
            })
            .collect()
    }

    /// Publishes it, with what happened to the claims, in one transaction.
    pub(super) async fn publish(
        self,
        home: &Home,
        world: &World,
        cause: String,
        events: Vec<NewClaimEvent>,
    ) -> Result<(Snapshot, Touched), Failure> {
        let change = Change {
            cause,
            configs: BTreeMap::from([(ConfigKind::Claims, self.files)]),
            claim_events: events,
            ..Change::default()
        };
        self.change.publish(home, world, (&self.rules, &world.org), change).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(number: i64, subject: &str) -> Settled {
        Settled {
            number,
            subject: subject.to_owned(),
            owner: TeamId::new("a").unwrap(),
            effective: "2026-07-01".parse().unwrap(),
            expires: (number == 2).then(|| "2026-10-01".parse().unwrap()),
            reason: "two\nlines \"quoted\" \u{2028}".to_owned(),
            evidence: Some("OPS-1".to_owned()),
        }
    }

    #[test]
    fn the_file_of_settled_claims_is_a_rules_file_whatever_people_write() {
        let files = document(&[settled(2, "ResourceName = 'é \"x\" \\ \u{85}'"), settled(1, "ResourceId = 'i-1'")]);
        let org = leap_orient::org::Org::from_yaml("org.yaml", "units: [{id: a}]").unwrap();
        let rules = config::read_rules(&Vec::new(), Some(&files.files), &org).unwrap();
        let ids: Vec<&str> = rules.rules().iter().map(|rule| rule.id.as_str()).collect();
        assert_eq!(ids, ["claim-2", "claim-1"]);
        assert_eq!(
            rules.rules()[0].when.as_ref().map(|when| when.source.as_str()),
            Some("ResourceName = 'é \"x\" \\ \u{85}'")
        );
        assert_eq!(rules.rules()[0].effective.until(), "2026-10-01".parse().unwrap());
        assert_eq!(rules.rules()[1].effective.until(), Day::NEVER);
    }

    #[test]
    fn nothing_settled_is_no_file() {
        assert!(document(&[]).files.is_empty());
    }
}
