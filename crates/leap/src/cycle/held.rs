//! Plans that are held: over their caps, or with a deed that wants an approval. Somebody looks at one, and approves it.
//!
//! ```text
//! a turn      the plan is over its caps  →  approval 7 is asked for, the company is told once a day; nothing else is done
//! next turn   it wants the same          →  nothing new
//!             it wants something else    →  approval 7 is withdrawn, 8 is asked for
//! somebody    approves 8                 →  a turn is taken, and performed where it still wants exactly that
//!             declines 8                 →  it stays undone, and is not asked for again
//! ```
//! What a plan wants ([`Plan::wanted`]) are its deeds, to whom and about how much, without their times.

use leap_book::{Acted, Approval, ApprovalAnswer, ApprovalKind, ApprovalOutcome, NewApproval};
use leap_decide::decide;
use leap_decide::plan::{Finding, Plan, Severity};
use leap_terms::Digest;
use serde_json::{Value, json};

use super::{Turn, turn};
use crate::clock;
use crate::failure::Failure;
use crate::home::Home;
use crate::messages::Post;
use crate::publish;

/// A plan that waits, as it was asked for.
pub(crate) struct Held {
    /// What it wants.
    pub(crate) wanted: Digest,
    /// Why it is held.
    pub(crate) over: Vec<String>,
    /// The plan as it was made when it was asked for.
    pub(crate) plan: Plan,
}

impl Held {
    /// What an approval asks for.
    pub(crate) fn of(approval: &Approval) -> Result<Held, Failure> {
        let value: Value = serde_json::from_str(&approval.content).unwrap_or_default();
        let over =
            value["over"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        match serde_json::from_value::<Plan>(value["plan"].clone()) {
            Ok(plan) => Ok(Held { wanted: plan.wanted(), over, plan }),
            Err(error) => {
                Err(Failure::failed(format!("approval {} asks for no plan of leap's: {error}", approval.number)))
            }
        }
    }
}

impl Turn {
    fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error)
    }

    /// True where an approval is all that keeps the plan from being performed.
    pub(crate) fn is_held(&self) -> bool {
        !self.is_fine() && self.errors().all(|finding| finding.rule.is_lifted_by_approval())
    }

    /// What of the plan is too much; the same is said once.
    fn over(&self) -> Vec<String> {
        let mut over: Vec<String> = self.errors().map(|finding| finding.message.clone()).collect();
        over.dedup();
        over
    }

    /// Somebody has approved what the plan wants.
    pub(crate) fn approve(&mut self) {
        self.state.approve(self.plan.wanted());
        self.check_again();
    }
}

fn problem(error: impl std::error::Error + 'static) -> Failure {
    Failure::from_error(&error)
}

/// Asks for the approval of a held plan, unless somebody was asked already; what was done, in words.
pub(super) async fn ask(home: &Home, post: &Post, turn: Turn) -> Result<String, Failure> {
    let wanted = turn.plan.wanted();
    let over = turn.over();
    let (steps, words) = (turn.plan.steps.len(), over.join("; it "));
    let mut all: Vec<Approval> = home.book.approvals().await.map_err(problem)?;
    all.retain(|approval| approval.kind == ApprovalKind::Plan);
    // One that nobody can read is none.
    let known = all.iter().rev().find(|approval| Held::of(approval).is_ok_and(|held| held.wanted == wanted));
    let is_known = known.is_some_and(|approval| {
        let outcome = approval.answer.as_ref().map(|answer| answer.outcome);
        matches!(outcome, None | Some(ApprovalOutcome::Declined))
    });
    if is_known {
        return Ok(format!("{steps} steps are held: it {words}"));
    }
    let actor = publish::actor();
    for open in all.iter().filter(|approval| approval.is_open()) {
        let answer = ApprovalAnswer {
            outcome: ApprovalOutcome::Withdrawn,
            at: clock::now(),
            actor: actor.clone(),
            note: Some("what is due is something else by now".to_owned()),
        };
        home.book.answer_approval(open.number, &answer).await.map_err(problem)?;
    }
    let content = json!({ "over": over, "plan": turn.plan, "wanted": wanted.to_string() }).to_string();
    let new = NewApproval {
        kind: ApprovalKind::Plan,
        subject: format!("{steps} steps"),
        content,
        reason: format!("it {words}"),
        actor,
        at: clock::now(),
    };
    let asked = home.book.ask_approval(&new).await.map_err(problem)?;
    tell(home, post, turn, &over).await?;
    Ok(format!("{steps} steps are held: it {words}; approval {} is asked for", asked.number))
}

/// Tells the company, once a day.
async fn tell(home: &Home, post: &Post, turn: Turn, over: &[String]) -> Result<(), Failure> {
    let Some(company) = turn.state.company() else { return Ok(()) };
    let made = decide::ask(&turn.plan, over, company, &Default::default());
    let keys: Vec<String> = made.steps.iter().map(|step| step.key.clone()).collect();
    if !home.book.receipts_of(&keys).await.map_err(problem)?.is_empty() {
        return Ok(());
    }
    let asking = Turn { plan: made, findings: Vec::new(), ..turn };
    asking.act(home, post, "cycle").await?;
    post.tell();
    Ok(())
}

/// Takes a turn and performs it, where it still wants what was approved.
///
/// # Errors
/// It wants something else by now, or something else is wrong with it: nothing was done.
pub(crate) async fn perform(home: &Home, post: &Post, wanted: Digest, by: &str) -> Result<Option<Acted>, Failure> {
    let mut turn = turn(home, clock::now()).await?;
    if turn.plan.wanted() != wanted {
        return Err(Failure::try_again(
            "what is due is something else by now than what was approved; nothing was done: look at it again",
        ));
    }
    turn.approve();
    if !turn.is_fine() {
        let errors: Vec<String> = turn.errors().map(ToString::to_string).collect();
        return Err(Failure::failed(format!("the plan was not performed: {}", errors.join("\n"))));
    }
    let acted = turn.act(home, post, &format!("cycle, over its caps, approved by {by}")).await?;
    post.tell();
    Ok(acted)
}
