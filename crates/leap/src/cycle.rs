//! One turn of the loop: observe → orient → decide → check → act → receipts.
//!
//! ```text
//! $ leap cycle run
//! snapshot 42 of 2026-10-20T09:00:00Z
//! budgets     800: 3 breached, 12 projected, 30 warned, 755 within
//! plan 7c1f…  4 steps, no findings
//! nothing was done: leap cycle run --act does it
//! ```
//! What the home holds was observed and explained when it came; a turn asks what follows from it. Nothing is done without
//! `--act` (or `[cycle] act = true` in `leap serve`), nothing of a plan in which the check finds an error, and nothing twice:
//! performing is one transaction of the book, which refuses a plan whose snapshot is no longer the newest and a step that has a
//! receipt. A process that is killed at any moment decides again, and does what was not done.
//!
//! Reading order: this file; `state` (what is decided from), `perform` (from a plan to records), `letter` (what a message says),
//! `held` (plans that wait for an approval), `settings`, `command` (`leap cycle …`), `schedule` (when it is done), `watch` (by itself, in `leap serve`).

mod command;
pub(crate) mod held;
mod letter;
mod perform;
pub(crate) mod plans;
mod schedule;
mod settings;
mod state;
mod watch;

use std::collections::BTreeSet;

use leap_book::{Acted, BookError, Refusal};
use leap_decide::decide;
use leap_decide::plan::{Caps, Finding, Plan, Severity, plan_check};
use leap_terms::Instant;

pub(crate) use command::run;
pub(crate) use settings::CycleSettings;
pub(crate) use state::{Invariants, Part, State};
pub(crate) use watch::Watch;

use crate::cli::ReadingArgs;
use crate::drift;
use crate::failure::Failure;
use crate::home::Home;
use crate::messages::Post;
use crate::view::View;

/// What one turn found, decided and checked; nothing is done yet.
pub(crate) struct Turn {
    /// What it was decided from.
    pub(crate) state: State,
    /// What is to be done.
    pub(crate) plan: Plan,
    /// What is to be said of the plan, the worst first.
    pub(crate) findings: Vec<Finding>,
    caps: Caps,
    /// Keys of what was done before.
    done: BTreeSet<String>,
}

/// Looks, judges, decides and checks.
pub(crate) async fn turn(home: &Home, now: Instant) -> Result<Turn, Failure> {
    let view = View::open(home, &ReadingArgs::now()).await?;
    let invariants = Invariants::of(home, &view, now).await?;
    let ahead = drift::ahead(home, &view).await;
    turn_on(home, &view, (now, Part::Whole(ahead)), invariants).await
}

/// The same of what a view shows, of all or of what does not wait; `invariants` are as they stand in it at that time.
async fn turn_on(home: &Home, view: &View, of: (Instant, Part), invariants: Invariants) -> Result<Turn, Failure> {
    let state = State::of(home, view, of, invariants).await?;
    let wanted: Vec<String> = state.inputs(&BTreeSet::new(), decide::keys).into_iter().collect();
    let receipts = home.book.receipts_of(&wanted).await.map_err(|error| Failure::from_error(&error))?;
    let mut done: BTreeSet<String> = receipts.into_iter().map(|receipt| receipt.idempotency_key).collect();
    let mut plan = state.inputs(&done, decide::decide);
    let declined = held::declined(home, state.now).await?;
    let not_done: Vec<String> =
        plan.steps.iter().filter(|step| declined.contains(&step.wanted())).map(|step| step.key.clone()).collect();
    if !not_done.is_empty() {
        done.extend(not_done);
        plan = state.inputs(&done, decide::decide);
    }
    let mut turn = Turn { state, plan, findings: Vec::new(), caps: home.settings.cycle.caps(), done };
    turn.check_again();
    Ok(turn)
}

impl Turn {
    /// Checks the plan, in the world as it is known.
    fn check_again(&mut self) {
        let (plan, caps) = (&self.plan, &self.caps);
        self.findings = self.state.checked(&self.done, |world| plan_check(plan, caps, world));
    }

    /// True where the plan may be performed.
    pub(crate) fn is_fine(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }

    /// Performs the plan, all of it or nothing. None where there is nothing to be done.
    pub(crate) async fn act(&self, home: &Home, post: &Post, cause: &str) -> Result<Option<Acted>, Failure> {
        if self.plan.steps.is_empty() {
            return Ok(None);
        }
        let act = perform::act(home, self, post, cause)?;
        home.book.act(&act).await.map(Some).map_err(|error| match error {
            // Somebody published or performed meanwhile: what follows has to be worked out anew.
            BookError::Refused(
                refusal @ (Refusal::PlanStale { .. } | Refusal::PlanKnown { .. } | Refusal::StepDone { .. }),
            ) => Failure::try_again(refusal.to_string()),
            error => Failure::from_error(&error),
        })
    }
}
