//! One API's contract as counts arrive: windows close with the time of events, and what comes late corrects.
//!
//! ```text
//! hour 17 closes when an event of 20:00 has been seen (end 18:00 + 2 h)
//! 400 bad requests of hour 17 come afterwards → correction: miss_started at 17, which had not been said
//! ```
//! What has been said stays said: a correction is a further event. An incident that a replay no longer finds is
//! annotated ([`WatchEvent::NotConfirmed`]) and stays open until somebody closes it.

use std::collections::BTreeMap;

use super::counters::{Counter, hour_of};
use super::machine::{Contract, Event, Machine};

/// How long after its end a window closes, in hours.
pub const WATERMARK_HOURS: u64 = 2;

/// What is said when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WatchEvent {
    /// The machine's event, of a window that has just closed.
    Said(Event),
    /// Correction: late data show that this happened too.
    Added(Event),
    /// Correction: by late data this did not happen, though it was said. An open incident stays open, with this note.
    NotConfirmed(Event),
}

/// The counters and events of one (API, threshold).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watch {
    contract: Contract,
    hours: BTreeMap<u64, Counter>,
    /// The first hour judged and the first not yet closed; none before anything was seen.
    span: Option<(u64, u64)>,
    /// The machine's events over all closed hours, as of now.
    events: Vec<Event>,
    machine: Machine,
}

impl Watch {
    /// Nothing seen.
    pub fn new(contract: Contract) -> Watch {
        Watch { contract, hours: BTreeMap::new(), span: None, events: Vec::new(), machine: Machine::new(contract) }
    }

    /// Counts into an hour. Where the hour is closed, returns what that corrects.
    pub fn add(&mut self, hour: u64, counter: Counter) -> Vec<WatchEvent> {
        let held = self.hours.entry(hour).or_default();
        *held = held.plus(counter);
        match self.span {
            Some((_, open)) if hour < open => self.replay(),
            Some(_) | None => Vec::new(),
        }
    }

    /// Counts many and corrects once.
    pub fn add_all(&mut self, counters: impl IntoIterator<Item = (u64, Counter)>) -> Vec<WatchEvent> {
        let mut late = false;
        for (hour, counter) in counters {
            let held = self.hours.entry(hour).or_default();
            *held = held.plus(counter);
            late |= self.span.is_some_and(|(_, open)| hour < open);
        }
        if late { self.replay() } else { Vec::new() }
    }

    /// The time of events has come so far (ns since the epoch): closes the windows that ended [`WATERMARK_HOURS`]
    /// before and judges them.
    pub fn advance(&mut self, event_time_ns: u64) -> Vec<WatchEvent> {
        self.close(hour_of(event_time_ns).saturating_sub(WATERMARK_HOURS))
    }

    /// Closes all hours before this one.
    pub fn close(&mut self, end: u64) -> Vec<WatchEvent> {
        let Some(first) = self.span.map(|(first, _)| first).or_else(|| self.hours.keys().next().copied()) else {
            return Vec::new();
        };
        let open = self.span.map_or(first, |(_, open)| open);
        if end <= open {
            return Vec::new();
        }
        let said = self.machine.run(open, end, self.hours.range(open..end).map(|(hour, counter)| (*hour, *counter)));
        self.span = Some((first, end));
        self.events.extend(&said);
        said.into_iter().map(WatchEvent::Said).collect()
    }

    /// The machine after the last closed hour.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The events of all closed hours by what is known now: what an in-order run over the same counts gives.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The counters by hour.
    pub fn hours(&self) -> &BTreeMap<u64, Counter> {
        &self.hours
    }

    /// Runs the machine anew. A year has 8,760 windows, so it starts at the first.
    fn replay(&mut self) -> Vec<WatchEvent> {
        let Some((first, open)) = self.span else { return Vec::new() };
        let first = first.min(self.hours.keys().next().copied().unwrap_or(first));
        let mut machine = Machine::new(self.contract);
        let now = machine.run(first, open, self.hours.range(first..open).map(|(hour, counter)| (*hour, *counter)));
        let before = std::mem::replace(&mut self.events, now);
        (self.machine, self.span) = (machine, Some((first, open)));
        let mut changes: Vec<(u64, WatchEvent)> = Vec::new();
        let same = |a: &Event, b: &Event| (a.hour, a.kind) == (b.hour, b.kind);
        for event in before.iter().filter(|old| !self.events.iter().any(|new| same(old, new))) {
            changes.push((event.hour, WatchEvent::NotConfirmed(*event)));
        }
        for event in self.events.iter().filter(|new| !before.iter().any(|old| same(old, new))) {
            changes.push((event.hour, WatchEvent::Added(*event)));
        }
        changes.sort_by_key(|(hour, _)| *hour);
        changes.into_iter().map(|(_, change)| change).collect()
    }
}
