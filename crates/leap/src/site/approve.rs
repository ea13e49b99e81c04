//! What one person asks for and another one approves: kept in the book from the question to the answer.

use leap_book::{Approval, ApprovalAnswer, ApprovalKind, ApprovalOutcome, NewApproval};
use leap_terms::{Deed, Rights};
use leap_web::site::model::{Block, Cell, Input, Link, PostForm, Tone};
use leap_web::site::{Person, Problem};

use super::act::{Acting, FRESH, refused};
use super::failed;
use super::ground::{Ground, seconds};
use crate::clock;
use crate::failure::Failure;
use crate::publish;

/// The refusal of who logged in too long ago for what they want to do. `to` is where they go on from.
pub(super) fn log_in_again(person: &Person, to: &str) -> Problem {
    let text = format!(
        "An approval needs a login of the last {} minutes, and that of {} is older. Nothing was changed; log in again, and \
         then approve.",
        FRESH / 60,
        person.shown
    );
    Problem::Forbidden(
        text,
        Some(Link::new("Log in again", format!("/login/again?to={}", leap_web::site::encoded(to)))),
    )
}

/// True where somebody is alone on their machine: then nobody else could approve.
pub(super) fn is_alone(person: &Person) -> bool {
    person.rights == Rights::Local
}

/// Asks for an approval.
pub(super) fn ask(
    acting: &Acting<'_>,
    kind: ApprovalKind,
    subject: &str,
    content: String,
) -> Result<Approval, Problem> {
    let reason = acting.ask.get("reason").unwrap_or_default().to_owned();
    let book = &acting.ground.home.book;
    let asked = acting.run(async {
        let actor = publish::actor();
        let new = NewApproval { kind, subject: subject.to_owned(), content, reason, actor, at: clock::now() };
        book.ask_approval(&new).await
    });
    asked.map_err(|error| refused(&Failure::from_error(&error), None))
}

/// All of a kind, the newest first.
pub(super) fn all(ground: &Ground, kind: ApprovalKind) -> Result<Vec<Approval>, Problem> {
    let all = ground.runtime.block_on(ground.home.book.approvals());
    let all = all.map_err(|error| failed(&Failure::from_error(&error)))?;
    Ok(all.into_iter().rev().filter(|one| one.kind == kind).collect())
}

/// One of a kind, by what an address says.
pub(super) fn one(ground: &Ground, kind: ApprovalKind, number: &str) -> Result<Approval, Problem> {
    let nothing = || Problem::NotFound(format!("There is no approval {number}."));
    let number: i64 = number.parse().map_err(|_| nothing())?;
    let approval = ground.runtime.block_on(ground.home.book.approval(number)).map_err(|_| nothing())?;
    if approval.kind == kind { Ok(approval) } else { Err(nothing()) }
}

/// Refuses who may not give an approval, or not now: who asked for it, whose login is old, and what is answered already.
pub(super) fn may_give(acting: &Acting<'_>, approval: &Approval, here: &str) -> Result<(), Problem> {
    let person = acting.person;
    is_open(approval, here)?;
    if !is_alone(person) && person.name == approval.asked_by {
        let text = format!("{} asked for this; somebody else has to approve it.", person.shown);
        return Err(Problem::Forbidden(text, Some(Link::new("What is asked for", here))));
    }
    if !person.is_fresh(clock::now(), FRESH) {
        return Err(log_in_again(person, here));
    }
    Ok(())
}

/// Refuses what was answered already.
pub(super) fn is_open(approval: &Approval, here: &str) -> Result<(), Problem> {
    let Some(answer) = &approval.answer else { return Ok(()) };
    let (state, by, at) = (answer.outcome.word(), &answer.actor, seconds(answer.at));
    let text = format!("It was {state} by {by} at {at} already. Nothing was changed.");
    Err(Problem::Refused(text, Some(Link::new("What was asked for", here))))
}

/// Records `decline` or `withdraw`, and says so; `None` where neither was asked for.
pub(super) fn closed(
    acting: &Acting<'_>,
    approval: &Approval,
    what: &str,
    here: &str,
) -> Result<Option<String>, Problem> {
    let outcome = match what {
        "decline" => ApprovalOutcome::Declined,
        "withdraw" => ApprovalOutcome::Withdrawn,
        _ => return Ok(None),
    };
    is_open(approval, here)?;
    answered(acting, approval.number, outcome)?;
    Ok(Some(format!("approval {} was {}", approval.number, outcome.word())))
}

/// Records the answer.
pub(super) fn answered(acting: &Acting<'_>, number: i64, outcome: ApprovalOutcome) -> Result<Approval, Problem> {
    let note = acting.ask.get("note").map(str::to_owned);
    let book = &acting.ground.home.book;
    let done = acting.run(async {
        let answer = ApprovalAnswer { outcome, at: clock::now(), actor: publish::actor(), note };
        book.answer_approval(number, &answer).await
    });
    done.map_err(|error| refused(&Failure::from_error(&error), None))
}

/// Its state.
pub(super) fn badge(approval: &Approval) -> Cell {
    let tone = match approval.answer.as_ref().map(|answer| answer.outcome) {
        None => Tone::Warn,
        Some(ApprovalOutcome::Given) => Tone::Ok,
        Some(ApprovalOutcome::Declined | ApprovalOutcome::Withdrawn) => Tone::Info,
    };
    Cell::Badge(tone, approval.state().to_owned())
}

/// Who asked, why, and what came of it.
pub(super) fn told(approval: &Approval) -> Block {
    let mut told = vec![(
        format!("Asked for by {}", approval.asked_by),
        String::new(),
        format!("{} {}", seconds(approval.asked_at), approval.reason),
    )];
    if let Some(answer) = &approval.answer {
        let note = answer.note.clone().unwrap_or_default();
        let head = format!("{} by {}", super::words::capital(answer.outcome.word()), answer.actor);
        told.push((head, String::new(), format!("{} {note}", seconds(answer.at))));
    }
    Block::Section { title: "What happened".to_owned(), say: String::new(), blocks: vec![Block::Trail(told)] }
}

/// The forms to answer an open approval, for who may: approving sends back what was shown. `forms` are addresses and the
/// words of their buttons.
pub(super) fn forms(ground: &Ground, approval: &Approval, here: &str, give: Option<(&str, String)>) -> Option<Block> {
    if !approval.is_open() {
        return None;
    }
    let person = ground.person;
    let form = |what: &str, button: &str, hidden: Vec<(String, String)>, is_grave: bool| {
        let note = Input { name: "note", label: "For the record".to_owned(), ..Input::default() };
        Block::Form(PostForm {
            to: format!("{here}/{what}"),
            label: button.to_owned(),
            inputs: vec![note],
            hidden,
            button: button.to_owned(),
            is_grave,
            ..PostForm::default()
        })
    };
    let mut blocks = Vec::new();
    let is_own = !is_alone(person) && person.name == approval.asked_by;
    if person.may(Deed::Approve, &[]) && !is_own {
        if let Some((button, expect)) = give {
            blocks.push(form("approve", button, vec![("expect".to_owned(), expect)], true));
        }
        blocks.push(form("decline", "Decline", Vec::new(), false));
    }
    if person.may(Deed::Change, &[]) {
        blocks.push(form("withdraw", "Withdraw", Vec::new(), false));
    }
    let say = match (blocks.is_empty(), is_own) {
        (_, true) => "Somebody else approves it: an approver of the whole company.",
        (true, false) => "An approver of the whole company approves it, who did not ask for it.",
        (false, false) => "What is approved is exactly what stands above.",
    };
    Some(Block::Section { title: "Approve".to_owned(), say: say.to_owned(), blocks })
}
