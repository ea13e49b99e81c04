//! Whether a plan is still what it says: a plan that was edited, or made before something changed, is refused.
//!
//! ```text
//! the plan was edited (moves); nothing was changed; plan again
//! the plan is stale: since it was made 2026-08 was closed (statement 1); nothing was changed; plan again
//! ```
//! Each part of a plan has a seal, which is made again from the parts of the file; that catches edits of any part. Seals can
//! be made by anybody, so the org that results and the closed periods that are restated are always computed again, and what
//! is orphaned and the money unless this home has the same plan in its own folder: then, in the same snapshot, they are what
//! they were. What a finding says in words is under seal only: it is not applied.

use std::collections::BTreeSet;

use leap_orient::org::Org;
use leap_terms::Month;

use super::{Plan, PlannedMove, figures, orphans_of, problem, restated, text};
use crate::failure::Failure;
use crate::home::Home;
use crate::world::World;

/// A plan whose parts are not what was sealed, with the names of these parts.
pub(super) fn sealed(plan: &Plan) -> Result<(), Failure> {
    let made = text::seals(&text::parts(plan));
    let names: BTreeSet<&String> = made.keys().chain(plan.seals.keys()).collect();
    let broken: Vec<&str> =
        names.into_iter().filter(|name| made.get(*name) != plan.seals.get(*name)).map(String::as_str).collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(edited(&format!(" ({})", broken.join(", "))))
}

fn edited(what: &str) -> Failure {
    Failure::quality(format!("the plan was edited{what}; nothing was changed; plan again: leap org plan"))
}

/// The world in which it was made is the present one.
pub(super) fn fresh(world: &World, plan: &Plan) -> Result<(), Failure> {
    if plan.parent == world.snapshot.as_ref().map(|snapshot| snapshot.digest) {
        return Ok(());
    }
    let since = world.snapshot.as_ref().map_or_else(String::new, |now| {
        format!(": since it was made there came '{}' by {} at {}", now.cause, now.actor, now.recorded_at)
    });
    Err(Failure::try_again(format!("the plan is stale{since}; nothing was changed; plan again")))
}

/// What the plan says follows from its steps; `kept` where this home has the same plan in its own folder.
pub(super) async fn follows(home: &Home, world: &World, org: &Org, plan: &Plan, kept: bool) -> Result<(), Failure> {
    let made =
        if kept { None } else { Some(figures(home, world, org, plan.first_day(), plan.shared.is_some(), None)?) };
    let moves = made.as_ref().map_or(&plan.moves, |(moves, _)| moves);
    let restates = restated(home, world, plan.first_day(), moves).await?;
    if restates != plan.restates {
        return Err(closed_since(home, &plan.restates, &restates).await?);
    }
    let Some((moves, shared)) = made else { return Ok(()) };
    let mut differs = Vec::new();
    let orphans = orphans_of(world, org, &plan.steps)?;
    if orphans != plan.orphans {
        let one = orphans.iter().find(|one| !plan.orphans.contains(one)).map_or_else(
            || "it lists some that are none".to_owned(),
            |one| format!("it leaves out '{}' at {}", one.unit, one.place),
        );
        differs.push(format!("what is orphaned: {one}"));
    }
    if moves != plan.moves {
        differs.push(format!("the money that moves: {}", first_move(&moves, &plan.moves)));
    }
    if shared != plan.shared {
        differs.push("the money that moves with shared platforms".to_owned());
    }
    if differs.is_empty() { Ok(()) } else { Err(edited(&format!(": it is wrong about {}", differs.join("; ")))) }
}

fn first_move(made: &[PlannedMove], planned: &[PlannedMove]) -> String {
    let words = |one: &PlannedMove| {
        format!(
            "{} {} {} from {} to {} in {} charges",
            one.month, one.amount, one.currency, one.from, one.to, one.charges
        )
    };
    let so = made.iter().find(|one| !planned.contains(one)).map(words);
    let said = planned.iter().find(|one| !made.contains(one)).map(words);
    match (said, so) {
        (Some(said), Some(so)) => format!("it says {said}; it would be {so}"),
        (Some(said), None) => format!("it says {said}, which does not move"),
        (None, Some(so)) => format!("it leaves out {so}"),
        (None, None) => "their order".to_owned(),
    }
}

/// Periods that were closed or opened after the plan was made.
async fn closed_since(home: &Home, planned: &[Month], now: &[Month]) -> Result<Failure, Failure> {
    let statements = home.book.statements(None).await.map_err(problem)?;
    let mut words = Vec::new();
    for month in now.iter().filter(|month| !planned.contains(month)) {
        let statement = statements.iter().rfind(|one| one.period == *month && one.binding);
        words.push(statement.map_or_else(
            || format!("{month} was closed"),
            |one| format!("{month} was closed (statement {} by {} at {})", one.version, one.actor, one.closed_at),
        ));
    }
    for month in planned.iter().filter(|month| !now.contains(month)) {
        words.push(format!("{month} is not a closed period that it restates"));
    }
    let since = words.join(", ");
    Ok(Failure::try_again(format!("the plan is stale: since it was made {since}; nothing was changed; plan again")))
}
