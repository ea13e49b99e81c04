//! Plans that are held: over their caps, or with a deed that wants an approval. Somebody looks at one, and approves it.
//!
//! ```text
//! a turn      the plan is over its caps  →  approval 7 is asked for; nothing else is done
//! next turn   it wants the same          →  the company is told again on the next day
//!             it wants something else    →  approval 7 is withdrawn, 8 is asked for
//!             it is not held any more    →  approval 7 is withdrawn
//! somebody    approves 8                 →  a turn is taken, and performed where it still wants exactly that
//!             declines 8                 →  none of its steps is done for a week; later plans go without them
//! ```
//! What a plan wants ([`Plan::wanted`]) are its deeds, to whom and about how much, without their times. Questions and their
//! messages are two records: a message that was lost in between is made by the next turn.

use std::collections::BTreeSet;

use leap_book::{Acted, Approval, ApprovalAnswer, ApprovalKind, ApprovalOutcome, NewApproval};
use leap_decide::decide;
use leap_decide::plan::{Finding, Plan, Rule, Severity, Step};
use leap_terms::{Digest, Instant};
use serde_json::{Value, json};

use super::{Turn, turn};
use crate::clock;
use crate::failure::Failure;
use crate::home::Home;
use crate::messages::Post;
use crate::publish;

/// For so many seconds what was declined is not done.
const DECLINED_FOR: i64 = 7 * 86_400;

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

    /// Why the plan is held, in sentences; the same is said once.
    fn over(&self) -> Vec<String> {
        let mut over = Vec::new();
        for finding in self.errors() {
            let sentence = match finding.rule {
                Rule::ApprovalMissing => finding.message.replace('_', " "),
                _ => format!("it {}", finding.message),
            };
            if !over.contains(&sentence) {
                over.push(sentence);
            }
        }
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

/// All approvals of plans, the oldest first.
async fn all(home: &Home) -> Result<Vec<Approval>, Failure> {
    let mut all = home.book.approvals().await.map_err(problem)?;
    all.retain(|approval| approval.kind == ApprovalKind::Plan);
    Ok(all)
}

/// What steps that somebody declined lately want ([`leap_decide::plan::Step::wanted`]): they are not done. A step about
/// another amount is another one, and after [`DECLINED_FOR`] all of them are asked for again, since what brought them about
/// may have happened again.
pub(super) async fn declined(home: &Home, now: Instant) -> Result<BTreeSet<Vec<u8>>, Failure> {
    let mut declined = BTreeSet::new();
    for approval in all(home).await? {
        let holds = approval.answer.as_ref().is_some_and(|answer| {
            answer.outcome == ApprovalOutcome::Declined && now.seconds_since(answer.at) < DECLINED_FOR
        });
        if holds && let Ok(held) = Held::of(&approval) {
            declined.extend(held.plan.felt().map(Step::wanted));
        }
    }
    Ok(declined)
}

/// Withdraws what waits and is not due any more.
pub(super) async fn settle(home: &Home, due: Option<Digest>) -> Result<(), Failure> {
    for open in all(home).await?.iter().filter(|approval| approval.is_open()) {
        if Held::of(open).is_ok_and(|held| Some(held.wanted) == due) {
            continue;
        }
        answer(home, open, ApprovalOutcome::Withdrawn, &publish::actor(), "what is due is something else by now")
            .await?;
    }
    Ok(())
}

/// Records that somebody let what waits go, where it was asked for.
pub(super) async fn given(home: &Home, wanted: Digest, by: &str) -> Result<(), Failure> {
    for open in all(home).await?.iter().filter(|approval| approval.is_open()) {
        if Held::of(open).is_ok_and(|held| held.wanted == wanted) {
            answer(home, open, ApprovalOutcome::Given, by, "leap cycle run --approved-by").await?;
        }
    }
    Ok(())
}

async fn answer(
    home: &Home,
    approval: &Approval,
    outcome: ApprovalOutcome,
    actor: &str,
    note: &str,
) -> Result<(), Failure> {
    let answer = ApprovalAnswer { outcome, at: clock::now(), actor: actor.to_owned(), note: Some(note.to_owned()) };
    home.book.answer_approval(approval.number, &answer).await.map_err(problem)?;
    Ok(())
}

/// Asks for the approval of a held plan, unless it waits already, and tells the company; what was done, in words.
pub(super) async fn ask(home: &Home, post: &Post, turn: Turn) -> Result<String, Failure> {
    // Who approves holds it, too, on the site and at the command line: what is being performed is not asked for again.
    let lock = home.lock_for_writing()?;
    let wanted = turn.plan.wanted();
    let keys: Vec<String> = turn.plan.felt().map(|step| step.key.clone()).collect();
    if !home.book.receipts_of(&keys).await.map_err(problem)?.is_empty() {
        return Err(Failure::try_again("a part of the plan was done meanwhile"));
    }
    let declined = declined(home, turn.state.now).await?;
    if turn.plan.felt().any(|step| declined.contains(&step.wanted())) {
        return Err(Failure::try_again("a part of the plan was declined meanwhile"));
    }
    settle(home, Some(wanted)).await?;
    let over = turn.over();
    let mut words = format!("{} steps are held: {}", keys.len(), over.join("; "));
    if !all(home).await?.iter().any(Approval::is_open) {
        let content = json!({ "over": over, "plan": turn.plan, "wanted": wanted.to_string() }).to_string();
        let new = NewApproval {
            kind: ApprovalKind::Plan,
            subject: format!("{} steps", keys.len()),
            content,
            reason: over.join("; "),
            actor: publish::actor(),
            at: clock::now(),
        };
        let asked = home.book.ask_approval(&new).await.map_err(problem)?;
        words += &format!("; approval {} is asked for", asked.number);
    }
    drop(lock);
    tell(home, post, turn, &over).await?;
    Ok(words)
}

/// Tells the company, once a day.
async fn tell(home: &Home, post: &Post, turn: Turn, over: &[String]) -> Result<(), Failure> {
    let Some(company) = turn.state.company() else { return Ok(()) };
    let all = decide::ask(&turn.plan, over, company, &BTreeSet::new());
    let keys: Vec<String> = all.steps.iter().map(|step| step.key.clone()).collect();
    let receipts = home.book.receipts_of(&keys).await.map_err(problem)?;
    let done = receipts.into_iter().map(|receipt| receipt.idempotency_key).collect();
    let made = decide::ask(&turn.plan, over, company, &done);
    if made.steps.is_empty() {
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
    let acted = turn.act(home, post, &format!("cycle, held, approved by {by}")).await?;
    post.tell();
    Ok(acted)
}
