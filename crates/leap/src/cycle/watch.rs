//! Turns by themselves: after each change of what is known, and at the times of the schedule.
//!
//! ```text
//! a bill was taken in, a waiver answered, budgets changed   →  a turn within a second
//! traces, sends and whatever else is recorded               →  with the next time of the schedule
//! nobody was there at the last times of the schedule        →  one turn
//! ```
//! A turn has two plans: what budgets, clauses, waivers and incidents want leaves first, since judging all series of a large
//! company takes seconds; then everything. Caps hold for each.
//!
//! Of several processes with one book one takes turns: it holds the lease of the schedule `cycle` while it does. Should it end
//! in the middle, the lease ends, and another one decides again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use leap_book::{Acted, AuditFilter, ScheduleRun};
use leap_terms::Instant;

use super::schedule::Times;
use super::{Invariants, Part, held, turn_on};
use crate::cli::ReadingArgs;
use crate::clock;
use crate::drift;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::messages::Post;
use crate::view::View;

/// The lease that turns are taken under.
const NAME: &str = "cycle";
/// How long it lasts: longer than a turn of a large company takes.
const LEASE: Duration = Duration::from_secs(300);
/// How often it is looked whether something changed.
const LOOK: Duration = Duration::from_millis(200);
/// How long is waited after a turn that failed.
const REST: i64 = 60;
/// How long, after one that somebody was quicker than, or held the home.
const SHORT_REST: i64 = 1;
/// Beginnings of what the audit trail says of changes after which a turn is taken at once.
const AT_ONCE: [&str; 7] =
    ["publish", "approval ", "waiver ", "incident acknowledged", "acting released", "period ", "role "];

/// A thread that takes turns until it is stopped.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watch {
    /// Starts; to be called where tokio runs. Without `act` it says what is due and does nothing.
    pub(crate) fn start(home: Arc<Home>, post: Arc<Post>, act: bool) -> Result<Watch, Failure> {
        let times = Times::read(&home.settings.cycle.schedule)?;
        let next = times.after(clock::now()).map_or_else(String::new, |next| format!(", next at {next}"));
        eprintln!("leap cycle  a turn after each change, and at {times}{next}");
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let runtime = tokio::runtime::Handle::current();
        let thread = std::thread::spawn(move || {
            let watcher = Watcher { home, post, times, act, holder: holder() };
            runtime.block_on(watcher.run(&told));
        });
        Ok(Watch { stop, thread })
    }

    /// Ends after the turn that runs.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.thread.join().is_err() {
            eprintln!("leap: cycle: the thread that took turns had failed");
        }
    }
}

/// This process, among those that share a book.
fn holder() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "leap".to_owned());
    format!("{host}:{}", std::process::id())
}

struct Watcher {
    home: Arc<Home>,
    post: Arc<Post>,
    times: Times,
    act: bool,
    holder: String,
}

fn problem(error: impl std::error::Error + 'static) -> Failure {
    Failure::from_error(&error)
}

impl Watcher {
    async fn run(&self, stop: &AtomicBool) {
        // What was recorded before is looked at by the first turn.
        let mut seen = self.home.book.audit_head().await.map_or(0, |head| head.sequence);
        let mut rest_until = None;
        // What is there already is looked at first.
        let mut changed = true;
        while !stop.load(Ordering::Relaxed) {
            let now = clock::now();
            if rest_until.is_none_or(|until| now >= until) {
                rest_until = None;
                match self.look(&mut seen, &mut changed, now).await {
                    Ok(()) => {}
                    // Somebody published or performed meanwhile: what follows is worked out anew.
                    Err(failure) if failure.exit == Exit::TryAgain => {
                        rest_until = Some(now.plus_seconds(SHORT_REST));
                        changed = true;
                    }
                    Err(failure) => {
                        eprintln!("leap: cycle: {}; again in {REST} s", failure.message);
                        rest_until = Some(now.plus_seconds(REST));
                        // What changed is still to be looked at.
                        changed = true;
                    }
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Takes a turn where one is due.
    async fn look(&self, seen: &mut u64, changed: &mut bool, now: Instant) -> Result<(), Failure> {
        let book = &self.home.book;
        let filter = AuditFilter { after: Some(*seen), ..AuditFilter::default() };
        for event in book.audit(&filter).await.map_err(problem)? {
            *seen = (*seen).max(event.sequence);
            *changed |= AT_ONCE.iter().any(|begins| event.entry.action.starts_with(begins));
        }
        let schedule = book.schedule(NAME).await.map_err(problem)?;
        let last = schedule.and_then(|schedule| schedule.last).map(|run| run.due);
        let due = self.times.due(last.unwrap_or(now.plus_seconds(-1)), now);
        if due.is_none() && !*changed {
            return Ok(());
        }
        let schedule = book.lease_schedule(NAME, &self.holder, now, LEASE).await.map_err(problem)?;
        if schedule.is_held_from(&self.holder, now) {
            return Ok(());
        }
        *changed = false;
        let outcome = self.turn(now).await;
        if let Some(due) = due {
            let words = outcome.as_ref().map_or_else(|failure| failure.message.clone(), Clone::clone);
            let run = ScheduleRun { due, ran_at: now, outcome: words };
            book.record_run(NAME, &self.holder, &run).await.map_err(problem)?;
        }
        book.release_schedule(NAME, &self.holder).await.map_err(problem)?;
        outcome.map(drop)
    }

    /// One turn; what came of it, in words.
    async fn turn(&self, now: Instant) -> Result<String, Failure> {
        let view = Arc::new(View::open(&self.home, &ReadingArgs::now()).await?);
        // What drift is judged from is read meanwhile: either takes one core for most of its time.
        let reading = std::thread::spawn({
            let (home, view, runtime) = (self.home.clone(), view.clone(), tokio::runtime::Handle::current());
            move || runtime.block_on(drift::ahead(&home, &view))
        });
        let invariants = match Invariants::of(&self.home, &view, now).await {
            Ok(invariants) if self.act => self.first(&view, now, invariants).await,
            invariants => invariants,
        };
        let ahead = reading.join().unwrap_or_else(|_| Err(Failure::failed("reading what drift is judged from failed")));
        let turn = turn_on(&self.home, &view, (now, Part::Whole(ahead)), invariants?).await?;
        let steps = turn.plan.steps.len();
        for blind in &turn.state.unread {
            eprintln!("leap: cycle: {} cannot be read, and the turn goes on without: {}", blind.what, blind.problem);
        }
        if self.act && turn.is_held() {
            let words = held::ask(&self.home, &self.post, turn).await?;
            eprintln!("leap: cycle: {words}");
            return Ok(words);
        }
        // Who may not act, or not now, says nothing of what waits.
        if self.act && turn.is_fine() {
            held::settle(&self.home, None).await?;
        }
        if steps == 0 {
            return Ok("nothing to be done".to_owned());
        }
        if !turn.is_fine() {
            let errors: Vec<String> = turn.findings.iter().map(ToString::to_string).collect();
            eprintln!("leap: cycle: the plan of {steps} steps is not performed:\n{}", errors.join("\n"));
            return Ok(format!("{steps} steps were not performed: {} findings", errors.len()));
        }
        if !self.act {
            eprintln!("leap: cycle: {steps} steps are due; leap cycle run shows them");
            return Ok(format!("{steps} steps are due"));
        }
        match turn.act(&self.home, &self.post, "cycle").await? {
            None => Ok("nothing to be done".to_owned()),
            Some(acted) => Ok(self.told(&acted)),
        }
    }

    /// What does not wait until all series are judged: budgets, clauses, waivers and incidents. A plan that is not fine is
    /// left to the whole turn, which asks for its approval or says what is wrong.
    async fn first(&self, view: &View, now: Instant, invariants: Invariants) -> Result<Invariants, Failure> {
        let turn = turn_on(&self.home, view, (now, Part::First), invariants).await?;
        if turn.is_fine()
            && let Some(acted) = turn.act(&self.home, &self.post, "cycle").await?
        {
            self.told(&acted);
        }
        Ok(turn.state.invariants())
    }

    /// Has messages sent; what was done, in words.
    fn told(&self, acted: &Acted) -> String {
        self.post.tell();
        let words = super::command::performed(acted);
        eprintln!("leap: cycle: {words}");
        words
    }
}
