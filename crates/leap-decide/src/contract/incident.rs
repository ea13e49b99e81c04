//! From what the windows say now to what is to be said: incidents are opened once, annotated when late data change
//! them, resolved and opened again, and never withdrawn in silence.
//!
//! ```text
//! windows say                             was said                what is to be done
//! breached since the 3rd                  nothing                 open
//! the same                                open                    nothing
//! ok since the 6th                        open                    resolve
//! breached again, soon after              resolved                reopen
//! never was a breach (late data)          open                    annotate; resolve once it held for its recovery time
//! a breach in the past (late data)        nothing                 open and resolve, with its dates
//! ```
//! [`reconcile`] is a pure function of both; doing what it says with [`apply`] and asking again ends in silence.
//! At most one incident of a clause is open at any time.

use std::fmt;

use leap_terms::{Instant, Money};
use serde::{Deserialize, Serialize};

use super::clock::{Episode, History, State, Timing};

/// A stretch of a breach.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Stretch {
    /// The start of the first missed window.
    pub since: Instant,
    /// When the miss was longer than the grace.
    pub opened: Instant,
    /// When it was over; none while it is not.
    pub resolved: Option<Instant>,
}

/// An incident as it was said.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Incident {
    /// `CLAUSE@` and the instant since which it was missed when it was opened; for good.
    pub id: String,
    /// Its stretches, in order; it was opened again for each after the first.
    pub stretches: Vec<Stretch>,
    /// Up to where windows were closed when late data took the ground from under it; none while it stands.
    pub unconfirmed: Option<Instant>,
    /// How often something was said of it: the next saying's key has the number after this.
    pub sayings: u32,
    /// Of a budget: how far beyond it was spent when that was told last, exactly, in the budget's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beyond: Option<Money>,
}

impl Incident {
    /// True while it is open.
    pub fn is_open(&self) -> bool {
        self.stretches.last().is_some_and(|stretch| stretch.resolved.is_none())
    }

    /// The instant since which it is missed.
    fn since(&self) -> Option<Instant> {
        self.stretches.first().map(|stretch| stretch.since)
    }

    /// True when it and a breach of the windows have time in common.
    fn touches(&self, stretches: &[Stretch]) -> bool {
        let end = |stretches: &[Stretch]| stretches.last().map(|stretch| stretch.resolved);
        let before = |end: Option<Option<Instant>>, start: Option<Instant>| match (end, start) {
            (Some(Some(end)), Some(start)) => end <= start,
            _ => false,
        };
        let start = stretches.first().map(|stretch| stretch.since);
        !before(end(&self.stretches), start) && !before(end(stretches), self.since())
    }
}

/// Why an incident is resolved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The clause held for its recovery time.
    Recovered,
    /// By late data it never was a breach, and the clause has held for its recovery time since.
    NotConfirmed,
    /// The contract ended.
    TermEnded,
}

/// What late data changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Note {
    /// By what is known now it was no breach.
    NotConfirmed,
    /// It is one after all.
    ConfirmedAgain,
    /// Its stretches are others than was said.
    Changed,
    /// It is the same breach as another incident.
    SameAs(String),
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::NotConfirmed => out.write_str("by data that came late it was no breach"),
            Note::ConfirmedAgain => out.write_str("by data that came late it is a breach after all"),
            Note::Changed => out.write_str("data that came late changed when it began or ended"),
            Note::SameAs(other) => write!(out, "by data that came late it is the same breach as {other}"),
        }
    }
}

/// What is to be said of an incident.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// A new incident; one that is over already, as data came late, has its end with it.
    Open(Stretch),
    /// The same incident is open again, or was for a while.
    Reopen(Stretch),
    /// It is over.
    Resolve(Instant, Why),
    /// Late data changed it; the stretches as they are now known, those that were said where it is not confirmed.
    Annotate(Note, Vec<Stretch>),
}

/// What is to be said, of which incident.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Saying {
    /// The incident.
    pub incident: String,
    /// What is to be said.
    pub act: Act,
    /// Up to where windows were closed.
    pub known_until: Instant,
}

/// The breaches of a history, those that follow each other soon as one; an unfinished one ends with the contract.
pub fn breaches(history: &History, timing: &Timing, term_end: Option<Instant>) -> Vec<Vec<Stretch>> {
    let ended = term_end.filter(|end| *end <= history.until);
    let mut breaches: Vec<Vec<Stretch>> = Vec::new();
    for Episode { since, opened, cleared } in history.episodes() {
        let Some(opened) = opened else { continue };
        let stretch = Stretch { since, opened, resolved: cleared.or(ended) };
        let before = breaches.last().and_then(|breach| breach.last()).and_then(|last| last.resolved);
        let again = before.is_some_and(|end| since.seconds_since(end) <= timing.reopen_within.count());
        match breaches.last_mut().filter(|_| again) {
            Some(breach) => breach.push(stretch),
            None => breaches.push(vec![stretch]),
        }
    }
    breaches
}

/// Whether what was said fits a breach.
type Fits<'f> = &'f dyn Fn(&Incident, &[Stretch]) -> bool;

/// What is to be said of a clause's incidents, given what was said of them; in order.
pub fn reconcile(
    clause: &str,
    history: &History,
    said: &[Incident],
    timing: &Timing,
    term_end: Option<Instant>,
) -> Vec<Saying> {
    let breaches = breaches(history, timing, term_end);
    let links = link(&breaches, said);
    let mut sayings = Sayings { known_until: history.until, end: term_end, list: Vec::new() };
    // What is open comes first: it ends before something else begins, so that never two are open.
    let (open, closed): (Vec<usize>, Vec<usize>) = (0..said.len()).partition(|at| said[*at].is_open());
    for at in open.into_iter().chain(closed) {
        let incident = &said[at];
        match links.iter().position(|link| *link == Some(at)) {
            Some(breach) => sayings.confirmed(incident, &breaches[breach]),
            None => {
                // A breach that has another incident already may be this one, too.
                let other = (0..breaches.len()).find(|breach| incident.touches(&breaches[*breach]));
                let other = other.and_then(|breach| links[breach]).map(|other| said[other].id.clone());
                sayings.unconfirmed(incident, other, history, timing);
            }
        }
    }
    for (breach, link) in breaches.iter().zip(&links) {
        if link.is_none() {
            sayings.new_incident(clause, said, breach);
        }
    }
    sayings.list
}

/// Which incident is which breach: the one that begins with it, else an open one that has time in common with it,
/// else the earliest that has.
fn link(breaches: &[Vec<Stretch>], said: &[Incident]) -> Vec<Option<usize>> {
    let mut links: Vec<Option<usize>> = vec![None; breaches.len()];
    let fits: [Fits<'_>; 3] = [
        &|incident, breach| incident.since() == breach.first().map(|stretch| stretch.since),
        &|incident, breach| incident.is_open() && incident.touches(breach),
        &|incident, breach| incident.touches(breach),
    ];
    for fits in fits {
        for (breach, stretches) in breaches.iter().enumerate() {
            if links[breach].is_none() {
                let free = |at: &usize| !links.contains(&Some(*at)) && fits(&said[*at], stretches);
                links[breach] = (0..said.len()).find(free);
            }
        }
    }
    links
}

struct Sayings {
    known_until: Instant,
    end: Option<Instant>,
    list: Vec<Saying>,
}

impl Sayings {
    fn say(&mut self, incident: &str, act: Act) {
        self.list.push(Saying { incident: incident.to_owned(), act, known_until: self.known_until });
    }

    fn resolve(&mut self, incident: &str, at: Instant) {
        let why = if Some(at) == self.end { Why::TermEnded } else { Why::Recovered };
        self.say(incident, Act::Resolve(at, why));
    }

    /// An incident that the windows know: what was said becomes what is.
    fn confirmed(&mut self, incident: &Incident, breach: &[Stretch]) {
        let (id, said) = (&incident.id, &incident.stretches);
        if incident.unconfirmed.is_some() {
            self.say(id, Act::Annotate(Note::ConfirmedAgain, said.clone()));
        }
        let common = said.len().min(breach.len());
        let (Some(was), Some(is)) = (said.last(), breach[..common].last()) else { return };
        let goes_on = said.len() == common
            && said[..common - 1] == breach[..common - 1]
            && (was.since, was.opened) == (is.since, is.opened)
            && (was.resolved.is_none() || was.resolved == is.resolved);
        if !goes_on {
            // As open as it was; what follows says otherwise.
            let mut now = breach[..common].to_vec();
            if let Some(last) = now.last_mut() {
                last.resolved = was.resolved.and(last.resolved.or(was.resolved));
            }
            self.say(id, Act::Annotate(Note::Changed, now));
        }
        match (was.resolved, is.resolved) {
            (None, Some(at)) => self.resolve(id, at),
            (Some(_), None) => self.say(id, Act::Reopen(*is)),
            (None, None) | (Some(_), Some(_)) => {}
        }
        breach[common..].iter().for_each(|stretch| self.say(id, Act::Reopen(*stretch)));
    }

    /// An incident that the windows do not know any more.
    fn unconfirmed(&mut self, incident: &Incident, same: Option<String>, history: &History, timing: &Timing) {
        let end = self.end.is_some_and(|end| end <= history.until);
        let held = |noted: Instant| {
            history.state == State::Ok && history.until.seconds_since(noted) >= timing.recovery.count()
        };
        let why = match incident.unconfirmed.filter(|_| incident.is_open()) {
            Some(noted) if held(noted) => Some(Why::NotConfirmed),
            Some(_) if end => Some(Why::TermEnded),
            Some(_) | None => None,
        };
        // An open one that is another's breach would be a second open one.
        let second = (same.is_some() && incident.is_open()).then_some(Why::NotConfirmed);
        if incident.unconfirmed.is_none() {
            let note = same.map_or(Note::NotConfirmed, Note::SameAs);
            self.say(&incident.id, Act::Annotate(note, incident.stretches.clone()));
        }
        if let Some(why) = second.or(why) {
            self.say(&incident.id, Act::Resolve(history.until, why));
        }
    }

    fn new_incident(&mut self, clause: &str, said: &[Incident], breach: &[Stretch]) {
        let Some((first, rest)) = breach.split_first() else { return };
        let id = format!("{clause}@{}", first.since);
        let taken = |id: &String| said.iter().any(|incident| incident.id == *id);
        let numbered = (2..).map(|count| format!("{id}#{count}"));
        let id = std::iter::once(id.clone()).chain(numbered).find(|id| !taken(id)).unwrap_or(id);
        self.say(&id, Act::Open(*first));
        rest.iter().for_each(|stretch| self.say(&id, Act::Reopen(*stretch)));
    }
}

/// Takes down what was said.
pub fn apply(said: &mut Vec<Incident>, saying: &Saying) {
    if let Act::Open(stretch) = &saying.act {
        let stretches = vec![*stretch];
        said.push(Incident { id: saying.incident.clone(), stretches, unconfirmed: None, sayings: 1, beyond: None });
        return;
    }
    let Some(incident) = said.iter_mut().find(|incident| incident.id == saying.incident) else { return };
    incident.sayings = incident.sayings.saturating_add(1);
    match &saying.act {
        Act::Open(_) => {}
        Act::Reopen(stretch) => {
            match incident.stretches.last_mut().filter(|last| last.since == stretch.since) {
                Some(last) => *last = *stretch,
                None => incident.stretches.push(*stretch),
            }
            incident.unconfirmed = None;
        }
        Act::Resolve(at, _) => {
            if let Some(last) = incident.stretches.last_mut() {
                last.resolved = Some(*at);
            }
        }
        Act::Annotate(note, stretches) => {
            incident.stretches.clone_from(stretches);
            incident.unconfirmed = match note {
                Note::NotConfirmed | Note::SameAs(_) => Some(saying.known_until),
                Note::ConfirmedAgain | Note::Changed => None,
            };
        }
    }
}
