//! Forms that change something: what they would do is shown first, and what is agreed to is that and nothing else.
//!
//! ```text
//! POST /claims/new                     → a page: what moves, and a form with expect=DIGEST
//! POST /claims/new expect=DIGEST       → worked out again; the same digest: done; another: 409, nothing changed
//! ```
//! The digest covers the snapshot and everything that is shown, so nobody agrees to what they did not see. Who acts is who is
//! logged in: the audit trail has that name.

use std::fs::File;
use std::future::Future;

use leap_terms::Digest;
use leap_web::site::model::{Link, Page};
use leap_web::site::{Answer, Ask, Done, Person, Problem};

use super::ground::Ground;
use super::{account, claims, failed, incidents, messages, periods, pools, reorg, rules, waivers};
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::publish;

/// Seconds after a login in which somebody may approve, or make what acts for them.
pub(super) const FRESH: i64 = 300;

/// Somebody who sent a form.
pub(super) struct Acting<'a> {
    pub(super) ground: &'a Ground<'a>,
    pub(super) person: &'a Person,
    /// Path and fields.
    pub(super) ask: &'a Ask,
}

impl Acting<'_> {
    /// Does something in the person's name.
    pub(super) fn run<T>(&self, deed: impl Future<Output = T>) -> T {
        self.ground.runtime.block_on(publish::in_name_of(&self.person.name, deed))
    }

    /// Demands that the person proved in the last minutes who they are. A form that approves asks this before all else, its
    /// preview too; who did not is led to `/login/again` and from there to `back`, an address of this site with that form.
    pub(super) fn demand_fresh(&self, back: &str) -> Result<(), Problem> {
        if self.person.is_fresh(clock::now(), FRESH) { Ok(()) } else { Err(Problem::ProveAgain(back.to_owned())) }
    }

    /// Keeps others from writing until it is dropped.
    pub(super) fn lock(&self) -> Result<File, Problem> {
        self.ground.home.lock_for_writing().map_err(|failure| refused(&failure, None))
    }

    /// The same where something will be written: a preview waits for nobody.
    pub(super) fn lock_if_agreed(&self) -> Result<Option<File>, Problem> {
        self.ask.get("expect").map(|_| self.lock()).transpose()
    }

    /// A page that shows what would happen.
    pub(super) fn preview(&self, page: Page) -> Result<Done, Problem> {
        Ok(Done::Preview(self.answer(page)?))
    }

    /// The same where nothing will happen: what is wrong, or different now, with what was typed.
    pub(super) fn again(&self, page: Page, fault: Problem) -> Result<Done, Problem> {
        Ok(Done::Again(self.answer(page)?, fault))
    }

    fn answer(&self, page: Page) -> Result<Box<Answer>, Problem> {
        let current = match self.ask.path.first().map(String::as_str) {
            Some("coverage") => "coverage",
            Some("org") => "org",
            Some("periods") => "periods",
            Some("pools") => "pools",
            Some("waivers") => "budgets",
            Some("incidents" | "plans") => "incidents",
            Some("messages") => "incidents",
            _ => "claims",
        };
        Ok(Box::new(Answer { page, frame: self.ground.frame(current)? }))
    }
}

/// True where the person agreed to what this digest is of; false where they have not seen it yet.
pub(super) fn agreed(ask: &Ask, digest: Digest, again: impl Fn() -> Link) -> Result<bool, Problem> {
    match ask.get("expect") {
        None => Ok(false),
        Some(text) if text == digest.to_string() => Ok(true),
        Some(_) => Err(Problem::Stale(
            "Something was taken in, changed or answered since this was shown. Nothing was done; look at it again."
                .to_owned(),
            Some(again()),
        )),
    }
}

/// A refusal of the engine, as who sent a form is told.
pub(super) fn refused(failure: &Failure, back: Option<Link>) -> Problem {
    match failure.exit {
        Exit::TryAgain => Problem::TryAgain(failure.message.clone()),
        Exit::Interrupted => failed(failure),
        Exit::Failed | Exit::Usage | Exit::PolicyBroken | Exit::DataQuality | Exit::NotAllowed => {
            Problem::Refused(failure.message.clone(), back)
        }
    }
}

/// The form of an address.
pub(super) fn act(acting: &Acting<'_>) -> Result<Done, Problem> {
    let path: Vec<&str> = acting.ask.path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["claims", "new"] => claims::make(acting),
        ["claims", number, what @ ("accept" | "decline" | "withdraw")] => claims::answer(acting, number, what),
        ["coverage", "rules"] => rules::send(acting),
        ["pools"] => pools::send(acting),
        ["waivers", "new"] => waivers::make(acting),
        ["waivers", number, what @ ("grant" | "refuse" | "withdraw")] => waivers::answer(acting, number, what),
        ["incidents", number, what @ ("acknowledge" | "annotate")] => incidents::answer(acting, number, what),
        ["messages", number, what @ ("retry" | "cancel")] => messages::act(acting, number, what),
        ["org", "plan"] => reorg::plan(acting),
        ["plans", "approvals", number, what @ ("approve" | "decline" | "withdraw")] => {
            incidents::held_answer(acting, number, what)
        }
        ["org", "plans", number, what @ ("approve" | "decline" | "withdraw")] => reorg::answer(acting, number, what),
        ["org", "log", number, "revert"] => reorg::revert(acting, number),
        ["periods", period, what @ ..] => periods::act(acting, period, what),
        ["account", "sessions"] => account::end_sessions(acting),
        ["account", "tokens"] => account::make_token(acting),
        ["account", "tokens", "revoke"] => account::revoke_tokens(acting),
        _ => Err(Problem::NotFound("There is no form with this address.".into())),
    }
}
