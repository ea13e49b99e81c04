//! The breach clock: windows of any clause in, episodes of missing and breached out. Event time alone, to the second.
//!
//! ```text
//!          miss                    clock > grace
//!   ok ──────────────▶ missing ──────────────▶ breached
//!    ▲  miss_started      │   incident_opened      │
//!    └────────────────────┴────────────────────────┘
//!      met for the recovery time: miss_cleared or incident_resolved
//! ```
//! Time is divided into windows of the clause's length, from the epoch on, UTC: a day on which clocks are put forward
//! or back is like any other. A window is met, missed, thin (something, but no ground for a judgement) or silent
//! (nothing):
//!
//! | class | in ok | in missing or breached |
//! |---|---|---|
//! | met | stay | the time met grows by the window; at the recovery time back to ok |
//! | miss | missing, since the window's start | time met = 0 |
//! | thin | stay | – |
//! | silent | stay | – ; a gap of at most `gap` counts as the window before it |
//!
//! The **clock** is the end of the last closed window less the start of the first missed one, whatever lies between:
//! a blip, thin windows and silence do not stop it. More than the grace opens; exactly the grace does not. With
//! windows of a minute 47:59 and 48:00 open nothing and 48:01 does; with windows of an hour 48 missed ones are
//! exactly 48 h and the 49th opens. That is the "clock > 48 windows" of the reference in hours (decision 0020).
//!
//! Silence of `stale_after` says so, once. Silence longer than `gap` at the end counts in whole windows; until it is
//! longer, nothing is concluded from it. Where the window that completes the recovery also passes the grace, the miss
//! is over.

use leap_terms::Instant;
use serde::{Deserialize, Serialize};

use crate::seconds::Seconds;

/// How a clause is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// The length of an evaluation window; above zero.
    pub window: Seconds,
    /// How long the clause may be false: more than this is a breach.
    pub grace: Seconds,
    /// How long it has to hold before a miss or an incident is over.
    pub recovery: Seconds,
    /// How long nothing may be heard.
    pub stale_after: Seconds,
    /// A hole in the data up to this long is none.
    pub gap: Seconds,
    /// A breach whose miss begins so soon after an incident was resolved is that incident again.
    pub reopen_within: Seconds,
    /// How long after its end a window is closed: what comes later corrects.
    pub late: Seconds,
}

impl Default for Timing {
    /// Windows of an hour, a grace of 48 hours, recovery in 3, stale after 6, gaps of 5 minutes, again within 48
    /// hours, closed after 2.
    fn default() -> Timing {
        Timing {
            window: Seconds::hours(1),
            grace: Seconds::hours(48),
            recovery: Seconds::hours(3),
            stale_after: Seconds::hours(6),
            gap: Seconds::minutes(5),
            reopen_within: Seconds::hours(48),
            late: Seconds::hours(2),
        }
    }
}

impl Timing {
    /// The start of the window in which an instant lies.
    pub fn window_of(&self, at: Instant) -> Instant {
        let window = self.length().saturating_mul(1_000_000);
        Instant::from_micros(at.micros().div_euclid(window).saturating_mul(window))
    }

    /// The instant before which windows are closed when the time of events has come to another one.
    pub fn closed(&self, event_time: Instant) -> Instant {
        self.window_of(event_time.plus_seconds(-self.late.count()))
    }

    fn length(&self) -> i64 {
        self.window.count().max(1)
    }
}

/// What a window with data is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// Judged: the clause holds.
    Met,
    /// Judged: it does not.
    Miss,
    /// Too little for a judgement.
    Thin,
}

/// Where a clause stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It holds.
    #[default]
    Ok,
    /// It does not, within its grace.
    Missing,
    /// It does not, beyond its grace.
    Breached,
}

/// What happened at the end of a window.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A miss began.
    MissStarted,
    /// A miss ended before it was a breach.
    MissCleared,
    /// The miss lasts longer than the grace.
    IncidentOpened,
    /// The miss of a breach ended.
    IncidentResolved,
    /// Nothing was heard for a while.
    DataStale,
}

impl Kind {
    /// `miss_started`, …
    pub fn word(self) -> &'static str {
        match self {
            Kind::MissStarted => "miss_started",
            Kind::MissCleared => "miss_cleared",
            Kind::IncidentOpened => "incident_opened",
            Kind::IncidentResolved => "incident_resolved",
            Kind::DataStale => "data_stale",
        }
    }
}

/// An event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Event {
    /// The end of the window in which it happened.
    pub at: Instant,
    /// What happened.
    pub kind: Kind,
    /// The start of the first missed window; of data_stale in ok, that of its own window.
    pub since: Instant,
    /// The clock.
    pub clock: Seconds,
}

/// A stretch of time in which a clause did not hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Episode {
    /// The start of the first missed window.
    pub since: Instant,
    /// When it became a breach, if it did.
    pub opened: Option<Instant>,
    /// When it was over, if it is.
    pub cleared: Option<Instant>,
}

/// What the windows of a clause say, all together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct History {
    /// In order.
    pub events: Vec<Event>,
    /// The state at the end.
    pub state: State,
    /// The start of the first missed window, in missing and breached.
    pub since: Option<Instant>,
    /// The clock at the end; zero in ok.
    pub clock: Seconds,
    /// For how long the clause has been met again, in missing and breached.
    pub met: Seconds,
    /// For how long nothing has been heard.
    pub silent: Seconds,
    /// The start of the first window.
    pub from: Instant,
    /// The instant before which all windows are closed.
    pub until: Instant,
}

impl History {
    /// The stretches in which the clause did not hold, in order; only the last one can be unfinished.
    pub fn episodes(&self) -> Vec<Episode> {
        let mut episodes: Vec<Episode> = Vec::new();
        for event in &self.events {
            match (event.kind, episodes.last_mut()) {
                (Kind::MissStarted, _) => {
                    episodes.push(Episode { since: event.since, opened: None, cleared: None });
                }
                (Kind::IncidentOpened, Some(last)) => last.opened = Some(event.at),
                (Kind::MissCleared | Kind::IncidentResolved, Some(last)) => last.cleared = Some(event.at),
                (Kind::IncidentOpened | Kind::MissCleared | Kind::IncidentResolved, None) | (Kind::DataStale, _) => {}
            }
        }
        episodes
    }
}

/// Runs the clock over the windows from `from` to `until`, both starts of windows; what is not among `windows` is
/// silent. Windows are in order, each once, by their starts; those outside are left out.
pub fn replay(
    timing: &Timing,
    (from, until): (Instant, Instant),
    windows: impl IntoIterator<Item = (Instant, Class)>,
) -> History {
    let mut clock = Clock {
        timing: *timing,
        state: State::Ok,
        since: from,
        met: 0,
        silent: 0,
        end: from,
        last: None,
        events: Vec::new(),
    };
    for (start, class) in windows {
        if start >= clock.end && start.plus_seconds(timing.length()) <= until {
            clock.hole(start);
            clock.window(start, class);
        }
    }
    if until.seconds_since(clock.end) > timing.gap.count() {
        clock.silence(until);
    }
    let running = clock.state != State::Ok;
    let count = |seconds: i64| Seconds::new(seconds).unwrap_or_default();
    History {
        state: clock.state,
        since: running.then_some(clock.since),
        clock: if running { count(clock.end.seconds_since(clock.since)) } else { Seconds::default() },
        met: count(if running { clock.met } else { 0 }),
        silent: count(clock.silent),
        from,
        until,
        events: clock.events,
    }
}

/// The machine between two windows.
struct Clock {
    timing: Timing,
    state: State,
    /// The start of the first missed window.
    since: Instant,
    /// Seconds met since the last miss.
    met: i64,
    /// Seconds without data up to `end`.
    silent: i64,
    /// The end of what was consumed.
    end: Instant,
    /// The class of the last window.
    last: Option<Class>,
    events: Vec<Event>,
}

impl Clock {
    fn window(&mut self, start: Instant, class: Class) {
        let length = self.timing.length();
        self.end = start.plus_seconds(length);
        (self.silent, self.last) = (0, Some(class));
        match (self.state, class) {
            (State::Ok, Class::Miss) => {
                (self.state, self.since, self.met) = (State::Missing, start, 0);
                self.say(Kind::MissStarted, self.end);
            }
            (State::Missing | State::Breached, Class::Met) => self.met += length,
            (State::Missing | State::Breached, Class::Miss) => self.met = 0,
            (State::Ok, Class::Met | Class::Thin) | (State::Missing | State::Breached, Class::Thin) => {}
        }
        let over = self.state != State::Ok && class == Class::Met && self.met >= self.timing.recovery.count();
        if over {
            let kind = if self.state == State::Breached { Kind::IncidentResolved } else { Kind::MissCleared };
            self.say(kind, self.end);
            (self.state, self.met) = (State::Ok, 0);
        } else if self.state == State::Missing && self.end.seconds_since(self.since) > self.timing.grace.count() {
            self.state = State::Breached;
            self.say(Kind::IncidentOpened, self.end);
        }
    }

    /// What lies between the last window and the next one.
    fn hole(&mut self, start: Instant) {
        let length = start.seconds_since(self.end);
        if length > self.timing.gap.count() || self.last.is_none() {
            self.silence(start);
        } else if self.state != State::Ok && self.last == Some(Class::Met) {
            self.met += length;
        }
    }

    /// Silence up to an instant, in whole windows; computed, as it may last for years.
    fn silence(&mut self, until: Instant) {
        let length = self.timing.length();
        let windows = until.seconds_since(self.end).div_euclid(length);
        // The end of so many windows, counted from here.
        let at = |windows_needed: i64| self.end.plus_seconds(windows_needed * length);
        let mut events = Vec::new();
        if self.state == State::Missing {
            let left = self.timing.grace.count() - self.end.seconds_since(self.since);
            let needed = (left.div_euclid(length) + 1).max(1);
            if needed <= windows {
                events.push((at(needed), Kind::IncidentOpened));
            }
        }
        let left = self.timing.stale_after.count() - self.silent;
        let needed = ((left + length - 1).div_euclid(length)).max(1);
        if left > 0 && needed <= windows {
            events.push((at(needed), Kind::DataStale));
        }
        events.sort_unstable();
        for (at, kind) in events {
            if kind == Kind::IncidentOpened {
                self.state = State::Breached;
            }
            self.say(kind, at);
        }
        self.silent += windows * length;
        self.end = self.end.plus_seconds(windows * length);
    }

    fn say(&mut self, kind: Kind, at: Instant) {
        let since = if self.state == State::Ok { at.plus_seconds(-self.timing.length()) } else { self.since };
        let clock = if self.state == State::Ok { 0 } else { at.seconds_since(self.since) };
        self.events.push(Event { at, kind, since, clock: Seconds::new(clock).unwrap_or_default() });
    }
}
