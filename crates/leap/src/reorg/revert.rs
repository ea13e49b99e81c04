//! `leap org revert`: the org without one of its reorgs.
//!
//! ```text
//! org before reorg 4 · reorgs 5 and 6 performed on it again     the org without reorg 4
//! ```
//! What changes places by that is a difference like any other, and can be looked at first.

use std::collections::BTreeMap;
use std::path::Path;

use leap_book::{ConfigFiles, ConfigKind, ConfigVersion, Reorg as Recorded, Snapshot};
use leap_orient::org::Org;
use leap_orient::reading::moves::Move;
use leap_orient::rules::RuleSet;
use leap_terms::{Day, Digest, Month, fault};

use super::{Plan, PlannedMove, canonical, figures, problem, restated};
use crate::claims;
use crate::cli::OrgRevertArgs;
use crate::clock::Stopwatch;
use crate::config;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::ownership::{Prospect, Target, reattribute, rules_for};
use crate::publish::Change;
use crate::world::World;

/// `leap org revert`.
pub(crate) async fn revert(root: &Path, args: &OrgRevertArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    let world = World::load(&home, None).await?;
    let watch = Stopwatch::start();
    let Undone { org, rules, change, .. } = undone(&home, &world, args.id).await?;
    let target = Target { rules: rules.as_ref().unwrap_or(&world.rules), org: &org, full: false, from_charges: false };
    reattribute(&home, &world, target, change, args.format.format, true, &watch).await
}

/// The org without a reorg, and what is published with it.
struct Undone {
    reorg: Recorded,
    org: Org,
    /// The rules as they read in that org, where names mean other units there.
    rules: Option<RuleSet>,
    change: Change,
}

async fn undone(home: &Home, world: &World, id: i64) -> Result<Undone, Failure> {
    let reorg = home.book.reorg(id).await.map_err(problem)?;
    let reorgs = home.book.reorgs().await.map_err(problem)?;
    let now = world.snapshot.as_ref().map_or(0, |snapshot| snapshot.id);
    // An earlier reorg that was taken back after this one was applied is in the org of before; so the way begins before it.
    let first = reorgs
        .iter()
        .filter(|other| other.id < reorg.id && other.reverted_in.is_some_and(|snapshot| snapshot > reorg.snapshot))
        .chain([&reorg])
        .min_by_key(|other| other.id)
        .expect("the reorg itself is there");
    let before = World::org_before(home, first.snapshot).await?;
    let mut later: Vec<&Recorded> =
        reorgs.iter().filter(|other| other.id >= first.id && other.id != reorg.id && other.holds_at(now)).collect();
    later.sort_by_key(|other| other.id);
    let read = |version: &ConfigVersion| config::read_org(&version.files);
    let mut org = before.as_ref().map_or_else(|| Ok(Org::default()), read)?;
    for other in &later {
        let plan: Plan = serde_json::from_str(&other.plan)
            .map_err(|error| Failure::failed(format!("reorg {} in the book is damaged: {error}", other.id)))?;
        for step in &plan.steps {
            org = org.with(&step.reorg).map_err(|list| {
                Failure::usage(format!(
                    "reorg {} builds on reorg {}; revert it first: leap org revert {0}\n{}",
                    other.id,
                    reorg.id,
                    fault::list(&list)
                ))
            })?;
        }
    }
    // Where nothing came later, the very files of before are in force again.
    let files = match (later.is_empty(), before) {
        (true, Some(version)) => ConfigFiles { files: version.files },
        (true, None) => ConfigFiles::default(),
        (false, _) => canonical(org.to_canonical()),
    };
    claims::fits(home, &org, &format!("the org without reorg {}", reorg.id), None).await?;
    let rules = if world.org.names_changed(&org).is_empty() { None } else { Some(rules_for(world, &org)?) };
    let change = Change {
        cause: format!("org revert {} ({} from {})", reorg.id, reorg.title, reorg.effective),
        configs: BTreeMap::from([(ConfigKind::Org, files)]),
        revert: Some(reorg.id),
        ..Change::default()
    };
    Ok(Undone { org, rules, change, reorg })
}

/// A reorg that would be taken back, with what that moves.
pub(crate) struct RevertDraft {
    world: World,
    undone: Undone,
    /// Direct effective cost that changes its place in the tree.
    pub(crate) moves: Vec<Move>,
    /// Closed periods whose statements would no longer be what is known.
    pub(crate) restates: Vec<Month>,
}

impl RevertDraft {
    /// Works out what taking a reorg back would move. Changes nothing.
    ///
    /// # Errors
    /// A reorg that is not there, that was taken back already, or on which another one builds.
    pub(crate) async fn of(home: &Home, id: i64) -> Result<RevertDraft, Failure> {
        let world = World::load(home, None).await?;
        let undone = undone(home, &world, id).await?;
        if let Some(snapshot) = undone.reorg.reverted_in {
            return Err(problem(leap_book::BookError::ReorgReverted { reorg: id, snapshot }));
        }
        let from = Some(undone.reorg.effective);
        let (moves, _) = figures(home, &world, &undone.org, from, false, None)?;
        let restates = restated(home, &world, from, &moves).await?;
        let moves = moves.iter().map(PlannedMove::read).collect::<Result<_, _>>()?;
        Ok(RevertDraft { world, undone, moves, restates })
    }

    /// What people call the reorg.
    pub(crate) fn title(&self) -> &str {
        &self.undone.reorg.title
    }

    /// The day from which it holds.
    pub(crate) fn effective(&self) -> Day {
        self.undone.reorg.effective
    }

    /// What somebody agrees to who saw this: the world, the reorg, what moves and which statements differ.
    pub(crate) fn digest(&self) -> Digest {
        let text = format!(
            "{}|revert {}|{:?}|{:?}",
            self.world.digest_text(),
            self.undone.reorg.id,
            self.moves,
            self.restates
        );
        Digest::of(text.as_bytes())
    }

    /// Takes it back. The process has to hold the lock for writing since before it was worked out.
    pub(crate) async fn apply(self, home: &Home) -> Result<Snapshot, Failure> {
        let Undone { org, rules, change, .. } = self.undone;
        let rules = rules.as_ref().unwrap_or(&self.world.rules);
        let target = Target { rules, org: &org, full: false, from_charges: false };
        let prospect = Prospect::of(home, &self.world, target)?;
        Ok(prospect.publish(home, &self.world, (rules, &org), change).await?.0)
    }
}
