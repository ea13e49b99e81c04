//! Where a clause stands: what its windows say, for commands, pages and who decides.

use std::cmp::Ordering;
use std::sync::Arc;

use leap_decide::contract::clock::History;
use leap_decide::contract::watch::left;
use leap_decide::contract::{Class, Clause, Contract, Reading, State};
use leap_decide::seconds::Seconds;
use leap_terms::Instant;

/// A clause with all its windows, by what is known.
#[derive(Clone, Debug)]
pub(crate) struct ClauseState {
    /// Its contract.
    pub(crate) contract: Arc<Contract>,
    /// Which of the contract's clauses.
    pub(crate) clause: usize,
    /// What the windows say; none while none is closed.
    pub(crate) history: Option<History>,
    /// The closed windows in which something was heard, in order: start, what was measured, what that is.
    pub(crate) windows: Vec<(Instant, Reading, Class)>,
    /// Why it cannot be judged as of now, in words.
    pub(crate) unjudged: Option<String>,
}

/// Where a clause stands, the worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Status {
    /// False beyond its grace.
    Breached,
    /// False within its grace.
    Missing,
    /// It held when something was heard of it, which is too long ago.
    Stale,
    /// There is nothing to judge it by.
    Unjudged,
    /// It holds.
    Ok,
    /// Its term begins later.
    Ahead,
    /// Its term is over.
    Ended,
}

impl Status {
    /// As commands, pages and files say it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Status::Breached => "breached",
            Status::Missing => "missing",
            Status::Stale => "stale",
            Status::Unjudged => "unjudged",
            Status::Ok => "ok",
            Status::Ahead => "ahead",
            Status::Ended => "ended",
        }
    }

    /// True for what a check names.
    pub(crate) fn needs_somebody(self) -> bool {
        self < Status::Ok
    }
}

/// How many windows were what.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    /// The clause held.
    pub(crate) met: u64,
    /// It did not.
    pub(crate) missed: u64,
    /// Too little for a judgement.
    pub(crate) thin: u64,
    /// Nothing was heard.
    pub(crate) silent: u64,
}

impl ClauseState {
    /// The clause.
    pub(crate) fn clause(&self) -> &Clause {
        &self.contract.clauses[self.clause]
    }

    /// `charge-api.p999`
    pub(crate) fn key(&self) -> String {
        self.clause().key(&self.contract)
    }

    /// Where it stands at an instant.
    pub(crate) fn status(&self, now: Instant) -> Status {
        let term = self.contract.term;
        if Instant::start_of(term.from()) > now {
            return Status::Ahead;
        }
        let Some(history) = &self.history else {
            return if Instant::start_of(term.until()) <= now { Status::Ended } else { Status::Unjudged };
        };
        if history.until >= self.clause().timing.window_of(Instant::start_of(term.until())) {
            return Status::Ended;
        }
        match history.state {
            State::Breached => Status::Breached,
            State::Missing => Status::Missing,
            State::Ok if self.windows.is_empty() => Status::Unjudged,
            State::Ok if self.unjudged.is_some() => Status::Stale,
            State::Ok => Status::Ok,
        }
    }

    /// Up to when it is judged, where that is longer ago than silence may last: what is known of it has come to an end.
    pub(crate) fn ends(&self, now: Instant) -> Option<Instant> {
        let until = self.history.as_ref()?.until;
        let is_over = Instant::start_of(self.contract.term.until()) <= now;
        let is_long = now.seconds_since(until) >= self.clause().timing.stale_after.count();
        (is_long && !is_over && self.status(now) <= Status::Ok).then_some(until)
    }

    /// Since when it is missed; none where it is not.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.history.as_ref().and_then(|history| history.since)
    }

    /// For how long it has been missed; zero where it is not.
    pub(crate) fn clock(&self) -> Seconds {
        self.history.as_ref().map_or_else(Seconds::default, |history| history.clock)
    }

    /// `31h of 48h`; none where it is not missed.
    pub(crate) fn clock_of_grace(&self) -> Option<String> {
        self.since().map(|_| format!("{} of {}", self.clock(), self.clause().timing.grace))
    }

    /// How much of the grace is left; none where it is not missed.
    pub(crate) fn left(&self) -> Option<Seconds> {
        let history = self.history.as_ref()?;
        history.since.map(|_| left(history, &self.clause().timing))
    }

    /// When it was, or would be, a breach: at the end of the first window with which the miss is longer than the grace.
    pub(crate) fn breach_at(&self) -> Option<Instant> {
        let timing = &self.clause().timing;
        let window = timing.window.count().max(1);
        let needed = timing.grace.count().div_euclid(window) + 1;
        self.since().map(|since| since.plus_seconds(needed.saturating_mul(window)))
    }

    /// The last window in which something was heard.
    pub(crate) fn last(&self) -> Option<&(Instant, Reading, Class)> {
        self.windows.last()
    }

    /// How many windows were what.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, _, class) in &self.windows {
            match class {
                Class::Met => counts.met += 1,
                Class::Miss => counts.missed += 1,
                Class::Thin => counts.thin += 1,
            }
        }
        if let Some(history) = &self.history {
            let window = self.clause().timing.window.count().max(1);
            let all = u64::try_from(history.until.seconds_since(history.from) / window).unwrap_or(0);
            counts.silent = all.saturating_sub(counts.met + counts.missed + counts.thin);
        }
        counts
    }
}

/// The worst first, then by how long they are missed, then by their names.
pub(crate) fn worst_first(states: &mut [ClauseState], now: Instant) {
    states.sort_by(|a, b| -> Ordering {
        let by_clock = || b.clock().cmp(&a.clock());
        a.status(now).cmp(&b.status(now)).then_with(by_clock).then_with(|| a.key().cmp(&b.key()))
    });
}

/// That clauses are judged up to a time that is long past; none where all are up to date.
pub(crate) fn ended<'s>(states: impl IntoIterator<Item = &'s ClauseState>, now: Instant) -> Option<String> {
    let ends: Vec<Instant> = states.into_iter().filter_map(|state| state.ends(now)).collect();
    let last = ends.iter().max()?;
    let count = if ends.len() == 1 { "1 clause is".to_owned() } else { format!("{} clauses are", ends.len()) };
    Some(format!("{count} judged as of {last} or before: nothing came in of what happened since"))
}

/// What a class is called.
pub(crate) fn class_word(class: Class) -> &'static str {
    match class {
        Class::Met => "met",
        Class::Miss => "missed",
        Class::Thin => "thin",
    }
}
