//! The state machine of the contract: windows in order in, events out.
//!
//! ```text
//!          miss                    clock > 48
//!   ok ──────────────▶ missing ──────────────▶ breached
//!    ▲  miss_started      │   incident_opened      │
//!    └────────────────────┴────────────────────────┘
//!      3 met windows: miss_cleared or incident_resolved
//! ```
//! | class | condition | in ok | in missing or breached |
//! |---|---|---|---|
//! | met | n ≥ n_min, bad within | stay | good and clock + 1; after `clear_after` of them back to ok |
//! | miss | n ≥ n_min, bad over | missing, clock = 1 | good = 0, clock + 1 |
//! | thin | 0 < n < n_min | stay | clock + 1: silence does not stop the clock |
//! | nodata | n = 0 | stay | clock + 1 |
//!
//! After `stale_after` windows in a row without data comes data_stale, once. Met windows count in a row in that only a
//! miss resets them: thin ones and silence between two met ones say nothing. Where the last met window and the 49th
//! hour fall together, the miss is over.

use super::super::quantile::Quantile;
use super::counters::Counter;

/// What to do with windows of too few requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Thin {
    /// They are not judged: the state stays, the clock runs.
    #[default]
    Unjudged,
    /// They are counted together with the following ones until there are `n_min` requests; the window that completes
    /// them is judged for all. Until then each is thin. Without it an API with few requests is never judged; with it a
    /// judgement covers several hours.
    Merged,
}

/// What is promised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Contract {
    /// The quantile that must meet the threshold.
    pub quantile: Quantile,
    /// The incident opens when the clock exceeds so many windows.
    pub breach_after: u32,
    /// So many met windows end a miss.
    pub clear_after: u32,
    /// So many windows in a row without data are stale.
    pub stale_after: u32,
    /// Fewer requests than this are no ground for a judgement.
    pub n_min: u64,
    /// What happens to windows with fewer.
    pub thin: Thin,
}

impl Default for Contract {
    /// p99.9, 48 hours, cleared by 3, stale after 6, judged from 4,000 requests, thin windows unjudged.
    fn default() -> Contract {
        Contract {
            quantile: Quantile::p999(),
            breach_after: 48,
            clear_after: 3,
            stale_after: 6,
            n_min: 4_000,
            thin: Thin::Unjudged,
        }
    }
}

/// What a window is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Judged: the quantile is within the threshold.
    Met,
    /// Judged: the quantile is over the threshold.
    Miss,
    /// Too few requests.
    Thin,
    /// No requests.
    NoData,
}

/// Where the contract stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum State {
    /// Met.
    #[default]
    Ok,
    /// Missed, not long enough for an incident.
    Missing,
    /// An incident is open.
    Breached,
}

/// What happened at the end of a window.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EventKind {
    /// A miss began.
    MissStarted,
    /// A miss ended before it was an incident.
    MissCleared,
    /// The miss has lasted too long.
    IncidentOpened,
    /// The miss of an incident ended.
    IncidentResolved,
    /// No data for a while.
    DataStale,
}

impl EventKind {
    /// `miss_started`, …
    pub fn word(self) -> &'static str {
        match self {
            EventKind::MissStarted => "miss_started",
            EventKind::MissCleared => "miss_cleared",
            EventKind::IncidentOpened => "incident_opened",
            EventKind::IncidentResolved => "incident_resolved",
            EventKind::DataStale => "data_stale",
        }
    }
}

/// An event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Event {
    /// The window at whose end it happened, in hours since the epoch.
    pub hour: u64,
    /// What happened.
    pub kind: EventKind,
    /// The window in which the miss began; that of the event itself for data_stale in ok.
    pub since: u64,
    /// The clock at the event.
    pub clock: u32,
}

/// The machine between two windows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Machine {
    contract: Contract,
    state: State,
    clock: u32,
    good: u32,
    silent: u32,
    since: u64,
    pending: Counter,
}

impl Machine {
    /// In ok, with nothing seen.
    pub fn new(contract: Contract) -> Machine {
        Machine { contract, state: State::Ok, clock: 0, good: 0, silent: 0, since: 0, pending: Counter::default() }
    }

    /// Where the contract stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// For how many windows the miss has lasted; 0 in ok.
    pub fn clock(&self) -> u32 {
        self.clock
    }

    /// How many met windows count towards the end of the miss.
    pub fn good(&self) -> u32 {
        self.good
    }

    /// Takes the next window. `hour` only names it in events: the caller gives every hour, empty ones with n = 0.
    pub fn window(&mut self, hour: u64, counter: Counter) -> (Class, Vec<Event>) {
        let class = self.classify(counter);
        let mut events = Vec::new();
        self.silent = if class == Class::NoData { self.silent.saturating_add(1) } else { 0 };
        match (self.state, class) {
            (State::Ok, Class::Miss) => {
                (self.state, self.clock, self.good, self.since) = (State::Missing, 1, 0, hour);
                events.push(self.event(hour, EventKind::MissStarted));
            }
            (State::Ok, Class::Met | Class::Thin | Class::NoData) => {}
            (State::Missing | State::Breached, _) => {
                self.clock = self.clock.saturating_add(1);
                match class {
                    Class::Met => self.good += 1,
                    Class::Miss => self.good = 0,
                    Class::Thin | Class::NoData => {}
                }
            }
        }
        if self.state != State::Ok && class == Class::Met && self.good >= self.contract.clear_after {
            let breached = self.state == State::Breached;
            let kind = if breached { EventKind::IncidentResolved } else { EventKind::MissCleared };
            events.push(self.event(hour, kind));
            (self.state, self.clock, self.good) = (State::Ok, 0, 0);
        }
        if self.state == State::Missing && self.clock > self.contract.breach_after {
            self.state = State::Breached;
            events.push(self.event(hour, EventKind::IncidentOpened));
        }
        if class == Class::NoData && self.silent == self.contract.stale_after {
            events.push(self.event(hour, EventKind::DataStale));
        }
        (class, events)
    }

    /// Takes all hours from `first` to before `end`; those not given have no data. `windows` are in order of distinct
    /// hours.
    pub fn run(&mut self, first: u64, end: u64, windows: impl IntoIterator<Item = (u64, Counter)>) -> Vec<Event> {
        let mut windows = windows.into_iter().skip_while(|(hour, _)| *hour < first).peekable();
        let mut events = Vec::new();
        for hour in first..end {
            let counter =
                windows.next_if(|(given, _)| *given == hour).map_or_else(Counter::default, |(_, counter)| counter);
            events.extend(self.window(hour, counter).1);
        }
        events
    }

    fn classify(&mut self, counter: Counter) -> Class {
        if counter.requests == 0 {
            return Class::NoData;
        }
        let judged = match self.contract.thin {
            Thin::Unjudged => counter,
            Thin::Merged => self.pending.plus(counter),
        };
        if judged.requests < self.contract.n_min {
            self.pending = if self.contract.thin == Thin::Merged { judged } else { self.pending };
            return Class::Thin;
        }
        self.pending = Counter::default();
        if judged.misses(self.contract.quantile) { Class::Miss } else { Class::Met }
    }

    fn event(&self, hour: u64, kind: EventKind) -> Event {
        let since = if self.state == State::Ok { hour } else { self.since };
        Event { hour, kind, since, clock: self.clock }
    }
}
