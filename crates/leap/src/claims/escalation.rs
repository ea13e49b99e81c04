//! `leap claims escalate`: a claim that nobody answered in time goes to the unit above the one that was asked, in the
//! tree of today; above the root stands the residual's steward, and there it stays.
//!
//! ```text
//! claim 7   payments → commerce, answer by 2026-09-30T08:05:00Z
//! claim 9   ended before anybody answered
//! ```
//! Run it as often as wanted: what is not due is left alone. It never answers for anybody.

use std::collections::BTreeSet;
use std::path::Path;

use leap_book::{Claim, ClaimFilter, ClaimKind, ClaimState, ClaimStep, NewClaimEvent};
use leap_orient::org::{Resolved, Tree};
use leap_terms::{Day, Owner, ResidualReason, TeamId};

use crate::cli::OutputFormat;
use crate::clock;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, emit};
use crate::publish::actor;
use crate::world::World;

use super::settlement::{Prospect, Settled, in_force};
use super::{answer_by, over, problem};

/// Who was asked first: the present owners of what is claimed, or the receiver of what is disputed.
fn first_asked(home: &Home, world: &World, claim: &Claim, all: &[Claim]) -> Result<BTreeSet<TeamId>, Failure> {
    match (claim.kind, &claim.from_owner) {
        (ClaimKind::Dispute, _) => Ok(BTreeSet::from([claim.to_team.clone()])),
        (ClaimKind::Claim, Some(Owner::Team(team))) => Ok(BTreeSet::from([team.clone()])),
        // Several owners; who they are today the charges tell.
        (ClaimKind::Claim, Some(Owner::Residual(_)) | None) => {
            let mut settled = vec![Settled::from(claim)];
            settled.extend(in_force(all));
            Ok(Prospect::of(home, world, &settled, claim.number)?.givers())
        }
    }
}

/// Asks people of today's tree.
struct Ladder<'w> {
    world: &'w World,
    tree: Tree<'w>,
    today: Day,
    /// Who stands above the root; none where nobody was named.
    steward: Option<TeamId>,
}

impl<'w> Ladder<'w> {
    fn new(world: &'w World, today: Day) -> Ladder<'w> {
        let named = world.rules.steward(&ResidualReason::NoRule);
        let steward = match world.org.resolve(named, today) {
            Resolved::Team(team) => Some(team),
            // A person or a mailbox is a steward too.
            Resolved::Unknown | Resolved::Ambiguous(_) => TeamId::new(named).ok(),
        };
        Ladder { world, tree: world.org.tree(today), today, steward }
    }

    /// Who stands for a unit today.
    fn today(&self, team: &TeamId) -> TeamId {
        self.world.org.stand(team, self.today).unit
    }

    /// The unit above one or several; none above a root.
    fn above(&self, asked: &BTreeSet<TeamId>) -> Option<TeamId> {
        let asked: BTreeSet<TeamId> = asked.iter().map(|team| self.today(team)).collect();
        let common = self.tree.lowest_common_ancestor(&asked)?;
        if asked.contains(common) { self.tree.parent(common).cloned() } else { Some(common.clone()) }
    }

    /// Who is asked next, after `first` and those that a claim was escalated to; none when nobody is left.
    fn next(&self, first: &BTreeSet<TeamId>, escalated: &[TeamId]) -> Option<TeamId> {
        let Some(last) = escalated.last() else { return self.above(first).or_else(|| self.steward.clone()) };
        let before = match escalated.len() {
            1 => first.clone(),
            more => BTreeSet::from([escalated[more - 2].clone()]),
        };
        // The steward may be a unit of the tree as well; whoever was asked as steward is the last one.
        if self.steward.as_ref() == Some(last) && self.above(&before).is_none() {
            return None;
        }
        self.above(&BTreeSet::from([last.clone()])).or_else(|| self.steward.clone().filter(|steward| steward != last))
    }
}

/// Who a claim was escalated to, in order.
fn escalated(claim: &Claim) -> Vec<TeamId> {
    claim
        .events
        .iter()
        .filter_map(|event| match &event.step {
            ClaimStep::Escalated { to, .. } => Some(to.clone()),
            ClaimStep::Opened
            | ClaimStep::Accepted
            | ClaimStep::Declined
            | ClaimStep::Withdrawn
            | ClaimStep::Expired => None,
        })
        .collect()
}

/// `leap claims escalate`.
pub(super) async fn run(root: &Path, format: OutputFormat) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    let world = World::load(&home, None).await?;
    let now = clock::now();
    let all = home.book.claims(&ClaimFilter::default()).await.map_err(problem)?;
    let ladder = Ladder::new(&world, now.day());
    let mut answer =
        Answer::new("Claims that nobody answered in time", &["claim", "asked", "outcome", "to", "answer_by"]);
    for claim in all.iter().filter(|claim| claim.state() == ClaimState::Open) {
        let over = over(claim, now.day());
        if claim.due() > now && !over {
            continue;
        }
        let first = first_asked(&home, &world, claim, &all)?;
        let chain = escalated(claim);
        let asked = match chain.last() {
            Some(last) => last.to_string(),
            None => first.iter().map(TeamId::as_str).collect::<Vec<_>>().join(", "),
        };
        let event = |step| NewClaimEvent { claim: claim.number, at: now, actor: actor(), step, note: None };
        let mut row = vec![Cell::text(claim.number.to_string()), Cell::text(asked)];
        if over {
            home.book.add_claim_event(&event(ClaimStep::Expired)).await.map_err(problem)?;
            row.extend([Cell::text("expired"), Cell::Empty, Cell::Empty]);
        } else if let Some(to) = ladder.next(&first, &chain) {
            let due = answer_by(&home, now);
            let step = ClaimStep::Escalated { to: to.clone(), answer_by: due };
            home.book.add_claim_event(&event(step)).await.map_err(problem)?;
            row.extend([Cell::text("escalated"), Cell::text(to.to_string()), Cell::text(due.to_string())]);
        } else {
            row.extend([Cell::text("nobody stands above"), Cell::Empty, Cell::text(claim.due().to_string())]);
        }
        answer.rows.push(row);
    }
    if answer.rows.is_empty() && format == OutputFormat::Table {
        return emit("nothing is due\n");
    }
    answer.print(format)
}
