//! Spans become whole traces, in bounded memory.
//!
//! ```text
//! push(span) … push(span) … tick(now) → Given { trace, again: false }      root seen and 10 s quiet
//!              push(late span) … tick → Given { trace, again: true }       the same trace, whole: replaces, never adds
//! ```
//! A trace is complete when its root was seen and nothing came for 10 s, or 60 s after its root came, or 5 minutes after its
//! first span; see [`AssemblyLimits`]. It is then given, and held for a while: late spans make it be given again, whole. Spans
//! of a trace that is held no more begin a new one, marked [`Given::late`].
//!
//! Memory: [`AssemblyLimits::bytes`] bounds everything. When it is reached, held traces are dropped, oldest first, then the
//! oldest open ones are closed as incomplete and counted. Before that, [`Assembler::room`] tells a sender to wait when closing
//! would hit traces younger than the quiet time. A span in flight takes at most 96 bytes and a trace 256
//! (`in_flight_memory_is_as_promised` in the tests).
//!
//! Times are arguments, nanoseconds of any one clock; going backwards is ignored. Repeated span ids are dropped when a trace is
//! given: the first wins.

use hashbrown::{HashMap, HashSet};
use leap_terms::{Span, Trace, TraceId, Weight};
use std::collections::VecDeque;

use super::Arrival;

const SECOND: u64 = 1_000_000_000;
/// No entry: the end of a list.
const NOBODY: u32 = u32::MAX;
/// Slots of the wheel of deadlines, one a tick; a deadline beyond them is looked at again when its slot comes.
const SLOTS: usize = 512;

/// When traces are complete, and how much memory they may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AssemblyLimits {
    /// Bytes of everything that is held.
    pub bytes: usize,
    /// With its root, a trace is complete after so many nanoseconds without a span.
    pub quiet: u64,
    /// A trace is complete so many nanoseconds after its root came, quiet or not.
    pub after_root: u64,
    /// A trace is complete so many nanoseconds after its first span came, root or not.
    pub age: u64,
    /// A given trace is held for so many nanoseconds more.
    pub hold: u64,
    /// So many traces that are held no more are remembered, to tell late spans from new traces: 26 bytes each, and never more
    /// than an eighth of `bytes`.
    pub remember: usize,
}

impl Default for AssemblyLimits {
    fn default() -> AssemblyLimits {
        AssemblyLimits {
            bytes: 512 << 20,
            quiet: 10 * SECOND,
            after_root: 60 * SECOND,
            age: 300 * SECOND,
            hold: 30 * SECOND,
            remember: 1 << 20,
        }
    }
}

/// A trace that is handed over.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Given<'a> {
    /// The trace, whole as far as known.
    pub trace: &'a Trace,
    /// It was given before: this replaces what was made of it.
    pub again: bool,
    /// Its trace was given before and is held no more: these are late spans, or spans that were sent again. What was made of
    /// the trace can neither be replaced by them nor may they count as a request of their own: they are only counted.
    pub late: bool,
}

/// No room now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full {
    /// After so many nanoseconds the oldest traces may be closed without harm.
    pub retry_after: u64,
}

/// What happened so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct AssemblyCounts {
    /// Spans pushed.
    pub spans: u64,
    /// Traces given, those given again not counted.
    pub traces: u64,
    /// Traces given again.
    pub again: u64,
    /// Traces given without their root, or closed for memory.
    pub incomplete: u64,
    /// Traces closed because memory was short.
    pub evicted: u64,
    /// Spans dropped because their id had come before in their trace.
    pub duplicates: u64,
    /// Spans that came after their trace was given.
    pub late_spans: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Never given.
    Open,
    /// Given, and nothing came since.
    Held,
    /// Given, and more came since.
    Reopened,
    /// The entry is free.
    Free,
}

/// A trace in flight.
struct Entry {
    trace: Trace,
    first: u64,
    last: u64,
    /// When the root came; `u64::MAX` while it has not.
    root: u64,
    /// Spans when it was last given.
    given: u32,
    /// Neighbors in the list of its age: open ones by first span, held ones by when they were given.
    older: u32,
    newer: u32,
    /// Neighbors in its slot of the wheel.
    before: u32,
    after: u32,
    slot: u16,
    state: State,
    late: bool,
}

/// A doubly linked list through entries, oldest first.
#[derive(Clone, Copy)]
struct List {
    oldest: u32,
    newest: u32,
}

const EMPTY: List = List { oldest: NOBODY, newest: NOBODY };

/// Traces in flight.
pub struct Assembler {
    limits: AssemblyLimits,
    counts: AssemblyCounts,
    places: HashMap<TraceId, u32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    open: List,
    held: List,
    wheel: Box<[u32]>,
    tick: u64,
    turned: u64,
    now: u64,
    /// Spans that entries have capacity for.
    span_room: usize,
    /// Of these, what belongs to traces that were given: it can be let go of without harm.
    held_room: usize,
    live: usize,
    /// Fingerprints of traces that are held no more, and their order.
    gone: HashSet<u64>,
    gone_order: VecDeque<u64>,
    remember: usize,
    /// Where a span id was first seen while repeated ones are dropped; 0 is free.
    seen: Vec<u32>,
    recent: Option<(TraceId, u32)>,
}

impl Assembler {
    /// Without traces.
    pub fn new(limits: AssemblyLimits) -> Assembler {
        Assembler {
            limits,
            counts: AssemblyCounts::default(),
            places: HashMap::new(),
            entries: Vec::new(),
            free: Vec::new(),
            open: EMPTY,
            held: EMPTY,
            wheel: vec![NOBODY; SLOTS].into_boxed_slice(),
            // The wheel covers the longest time in one turn, at a second a slot or coarser.
            tick: (limits.age.max(limits.after_root).max(limits.hold) / (SLOTS as u64 - 2)).max(SECOND),
            turned: 0,
            now: 0,
            span_room: 0,
            held_room: 0,
            live: 0,
            gone: HashSet::new(),
            gone_order: VecDeque::new(),
            // At most an eighth of the memory.
            remember: limits.remember.min(limits.bytes / 8 / 32),
            seen: Vec::new(),
            recent: None,
        }
    }

    /// What happened so far.
    pub fn counts(&self) -> AssemblyCounts {
        self.counts
    }

    /// Traces held, given or not.
    pub fn traces(&self) -> usize {
        self.live
    }

    /// When the first span came of the trace whose first span came earliest, of all that are held; `None` where none is. What
    /// came before is needed by none of them. It looks at every trace: once a while.
    pub fn oldest(&self) -> Option<u64> {
        self.entries.iter().filter(|entry| entry.state != State::Free).map(|entry| entry.first).min()
    }

    /// Bytes allocated now.
    pub fn bytes(&self) -> usize {
        self.span_room * size_of::<Span>()
            + self.entries.capacity() * size_of::<Entry>()
            + self.places.allocation_size()
            + self.fixed_bytes()
    }

    /// Bytes that do not grow with spans and traces in flight.
    pub fn fixed_bytes(&self) -> usize {
        self.wheel.len() * size_of::<u32>()
            + self.free.capacity() * size_of::<u32>()
            + self.seen.capacity() * size_of::<u32>()
            + self.gone.allocation_size()
            + self.gone_order.capacity() * size_of::<u64>()
    }

    /// Whether so many spans can be taken without closing traces before their time.
    ///
    /// # Errors
    /// [`Full`]: answer HTTP 429 or gRPC RESOURCE_EXHAUSTED and let the sender come again.
    pub fn room(&self, spans: usize, now: u64) -> Result<(), Full> {
        let wanted = spans.saturating_mul(96);
        let kept = self.bytes() - self.held_room * size_of::<Span>();
        if kept.saturating_add(wanted) <= self.limits.bytes {
            return Ok(());
        }
        match self.entries.get(self.open.oldest as usize) {
            Some(oldest) if now.max(self.now) < oldest.first.saturating_add(self.limits.quiet) => {
                Err(Full { retry_after: oldest.first + self.limits.quiet - now.max(self.now) })
            }
            _ => Ok(()),
        }
    }

    /// Takes a span. Traces are given where memory is short.
    pub fn push(&mut self, arrival: &Arrival, now: u64, give: &mut impl FnMut(Given<'_>)) {
        self.now = self.now.max(now);
        self.counts.spans += 1;
        let place = match self.recent {
            Some((trace, place)) if trace == arrival.trace => place,
            _ => self.place(arrival.trace, give),
        };
        self.recent = Some((arrival.trace, place));
        let is_root = arrival.span.parent.is_none();
        let entry = &mut self.entries[place as usize];
        let spans = &mut entry.trace.spans;
        if spans.len() == spans.capacity() {
            // A quarter at a time: at most 72 × 1.25 bytes a span.
            let before = spans.capacity();
            spans.reserve_exact((before / 4).max(1));
            let grown = spans.capacity() - before;
            self.span_room += grown;
            self.held_room += if entry.state == State::Open { 0 } else { grown };
        }
        spans.push(arrival.span);
        entry.last = self.now;
        let mut sooner = false;
        if is_root {
            sooner = entry.root == u64::MAX;
            entry.root = entry.root.min(self.now);
        }
        if (is_root && sooner && arrival.weight != Weight::Unknown) || entry.trace.weight == Weight::Unknown {
            entry.trace.weight = arrival.weight;
        }
        if entry.state == State::Held {
            entry.state = State::Reopened;
            sooner = true;
        }
        if sooner {
            self.unlink_slot(place);
            self.link_slot(place);
        }
        if self.bytes() > self.limits.bytes {
            self.shrink(give);
        }
    }

    /// Takes spans in their order.
    pub fn push_all(&mut self, arrivals: &[Arrival], now: u64, give: &mut impl FnMut(Given<'_>)) {
        for arrival in arrivals {
            self.push(arrival, now, give);
        }
    }

    /// Gives every trace that is complete by now, and lets go of those held long enough. Call it about once a second.
    pub fn tick(&mut self, now: u64, give: &mut impl FnMut(Given<'_>)) {
        self.now = self.now.max(now);
        let slot = self.now / self.tick;
        let turns = (slot + 1).saturating_sub(self.turned).min(SLOTS as u64);
        let from = slot + 1 - turns;
        self.turned = slot;
        for slot in from..=slot {
            let slot = (slot % SLOTS as u64) as usize;
            let mut next = std::mem::replace(&mut self.wheel[slot], NOBODY);
            while next != NOBODY {
                let place = next;
                next = self.entries[place as usize].after;
                if self.deadline(place) > self.now {
                    self.link_slot(place);
                    continue;
                }
                self.link_slot(place);
                match self.entries[place as usize].state {
                    State::Open | State::Reopened => self.complete(place, give),
                    State::Held => self.let_go(place),
                    State::Free => {}
                }
            }
        }
    }

    /// Gives everything that is left, in order of first spans: the end of a file, or of the program.
    pub fn finish(&mut self, give: &mut impl FnMut(Given<'_>)) {
        while self.held.oldest != NOBODY {
            let place = self.held.oldest;
            self.give(place, false, give);
            self.let_go(place);
        }
        while self.open.oldest != NOBODY {
            let place = self.open.oldest;
            self.give(place, false, give);
            self.let_go(place);
        }
    }

    /// The entry of a trace, new where it has none.
    fn place(&mut self, trace: TraceId, give: &mut impl FnMut(Given<'_>)) -> u32 {
        if let Some(place) = self.places.get(&trace) {
            return *place;
        }
        self.make_room(give);
        let late = self.gone.contains(&fingerprint(trace));
        let entry = Entry {
            trace: Trace { id: trace, ..Trace::default() },
            first: self.now,
            last: self.now,
            root: u64::MAX,
            given: 0,
            older: NOBODY,
            newer: NOBODY,
            before: NOBODY,
            after: NOBODY,
            slot: 0,
            state: State::Open,
            late,
        };
        let place = match self.free.pop() {
            Some(place) => {
                self.entries[place as usize] = entry;
                place
            }
            None => {
                if self.entries.len() == self.entries.capacity() {
                    self.entries.reserve_exact((self.entries.len() / 4).max(16));
                }
                self.entries.push(entry);
                u32::try_from(self.entries.len() - 1).expect("memory ends before 2^32 traces")
            }
        };
        self.live += 1;
        self.places.insert(trace, place);
        self.link_age(place);
        self.link_slot(place);
        place
    }

    /// Before a new trace: where tables would grow beyond the ceiling, a few of the oldest traces make room in them instead.
    /// Growing first would cost a large part of all traces at once.
    fn make_room(&mut self, give: &mut impl FnMut(Given<'_>)) {
        let mut growth = 0;
        if self.places.len() == self.places.capacity() {
            growth += self.places.allocation_size();
        }
        if self.free.is_empty() && self.entries.len() == self.entries.capacity() {
            growth += self.entries.len() / 4 * size_of::<Entry>();
        }
        if growth == 0 || self.live == 0 || self.bytes() + growth <= self.limits.bytes {
            return;
        }
        for _ in 0..=self.live / 64 {
            self.drop_oldest(give);
        }
        if self.places.len() == self.places.capacity() {
            // Room that removed traces have left behind unusable.
            let mut places = HashMap::with_capacity(self.places.len() + 1);
            places.extend(self.places.drain());
            self.places = places;
        }
    }

    /// Memory is short: held traces go, then the oldest open ones are closed.
    #[cold]
    fn shrink(&mut self, give: &mut impl FnMut(Given<'_>)) {
        // A little more than needed, so that not every span comes here.
        let enough = self.limits.bytes - self.limits.bytes / 64;
        while self.bytes() > enough && self.drop_oldest(give) {}
    }

    /// Lets go of the trace that can best be spared. False when there is none.
    fn drop_oldest(&mut self, give: &mut impl FnMut(Given<'_>)) -> bool {
        let place = if self.held.oldest != NOBODY { self.held.oldest } else { self.open.oldest };
        if place == NOBODY {
            return false;
        }
        if self.entries[place as usize].state != State::Held {
            self.counts.evicted += 1;
            self.give(place, true, give);
        }
        self.let_go(place);
        true
    }

    /// When something must happen to an entry.
    fn deadline(&self, place: u32) -> u64 {
        let entry = &self.entries[place as usize];
        let limits = &self.limits;
        match entry.state {
            State::Open => {
                let aged = entry.first.saturating_add(limits.age);
                if entry.root == u64::MAX {
                    return aged;
                }
                let quiet = entry.last.saturating_add(limits.quiet);
                aged.min(quiet).min(entry.root.saturating_add(limits.after_root))
            }
            State::Reopened => entry.last.saturating_add(limits.quiet),
            State::Held => entry.last.saturating_add(limits.hold),
            State::Free => u64::MAX,
        }
    }

    fn complete(&mut self, place: u32, give: &mut impl FnMut(Given<'_>)) {
        self.give(place, false, give);
        self.unlink_age(place);
        self.unlink_slot(place);
        let entry = &mut self.entries[place as usize];
        let was_open = entry.state == State::Open;
        entry.state = State::Held;
        // From here `last` is when it was given: it is held from then on.
        entry.last = self.now;
        let spare = entry.trace.spans.capacity();
        entry.trace.spans.shrink_to_fit();
        let freed = spare - entry.trace.spans.capacity();
        self.span_room -= freed;
        if was_open {
            self.held_room += entry.trace.spans.capacity();
        } else {
            self.held_room -= freed;
        }
        self.link_age(place);
        self.link_slot(place);
    }

    /// Drops repeated spans and hands the trace over, unless nothing is new.
    fn give(&mut self, place: u32, evicted: bool, give: &mut impl FnMut(Given<'_>)) {
        let entry = &mut self.entries[place as usize];
        if entry.state == State::Held {
            return;
        }
        let dropped = first_wins(&mut entry.trace.spans, &mut self.seen);
        if self.seen.capacity() * size_of::<u32>() > self.limits.bytes / 64 {
            self.seen = Vec::new();
        }
        entry.trace.duplicates += dropped;
        self.counts.duplicates += dropped;
        let spans = u32::try_from(entry.trace.spans.len()).unwrap_or(u32::MAX);
        if spans == entry.given {
            return;
        }
        let again = entry.given > 0;
        if again || entry.late {
            self.counts.late_spans += u64::from(spans - entry.given);
        }
        entry.given = spans;
        entry.trace.incomplete = (evicted && !again) || entry.root == u64::MAX;
        self.counts.incomplete += u64::from(entry.trace.incomplete && !again);
        if again {
            self.counts.again += 1;
        } else {
            self.counts.traces += 1;
        }
        give(Given { trace: &entry.trace, again, late: entry.late });
    }

    /// Forgets a trace but for its id.
    fn let_go(&mut self, place: u32) {
        self.unlink_age(place);
        self.unlink_slot(place);
        let entry = &mut self.entries[place as usize];
        let trace = std::mem::take(&mut entry.trace);
        let was_open = std::mem::replace(&mut entry.state, State::Free) == State::Open;
        self.span_room -= trace.spans.capacity();
        self.held_room -= if was_open { 0 } else { trace.spans.capacity() };
        self.live -= 1;
        self.places.remove(&trace.id);
        self.free.push(place);
        self.recent = None;
        let fingerprint = fingerprint(trace.id);
        if self.remember > 0 && self.gone.insert(fingerprint) {
            if self.gone_order.len() == self.remember
                && let Some(oldest) = self.gone_order.pop_front()
            {
                self.gone.remove(&oldest);
            }
            self.gone_order.push_back(fingerprint);
        }
        if self.live == 0 {
            // A quiet moment: memory goes back.
            (self.entries, self.free, self.places) = (Vec::new(), Vec::new(), HashMap::new());
            self.seen = Vec::new();
        }
    }

    fn list(&mut self, state: State) -> &mut List {
        match state {
            State::Held | State::Reopened => &mut self.held,
            State::Open | State::Free => &mut self.open,
        }
    }

    fn link_age(&mut self, place: u32) {
        let state = self.entries[place as usize].state;
        let list = self.list(state);
        let older = std::mem::replace(&mut list.newest, place);
        if older == NOBODY {
            list.oldest = place;
        } else {
            self.entries[older as usize].newer = place;
        }
        let entry = &mut self.entries[place as usize];
        (entry.older, entry.newer) = (older, NOBODY);
    }

    fn unlink_age(&mut self, place: u32) {
        let entry = &self.entries[place as usize];
        let (older, newer, state) = (entry.older, entry.newer, entry.state);
        match older {
            NOBODY => self.list(state).oldest = newer,
            older => self.entries[older as usize].newer = newer,
        }
        match newer {
            NOBODY => self.list(state).newest = older,
            newer => self.entries[newer as usize].older = older,
        }
    }

    fn link_slot(&mut self, place: u32) {
        let due = self.deadline(place) / self.tick;
        // Not in the slot that is being turned, and not a whole turn away.
        let due = due.clamp(self.turned + 1, self.turned + SLOTS as u64 - 1);
        let slot = (due % SLOTS as u64) as usize;
        let after = std::mem::replace(&mut self.wheel[slot], place);
        if after != NOBODY {
            self.entries[after as usize].before = place;
        }
        let entry = &mut self.entries[place as usize];
        (entry.before, entry.after, entry.slot) = (NOBODY, after, slot as u16);
    }

    fn unlink_slot(&mut self, place: u32) {
        let entry = &self.entries[place as usize];
        let (before, after, slot) = (entry.before, entry.after, entry.slot);
        match before {
            NOBODY => self.wheel[slot as usize] = after,
            before => self.entries[before as usize].after = after,
        }
        if after != NOBODY {
            self.entries[after as usize].before = before;
        }
    }
}

fn fingerprint(trace: TraceId) -> u64 {
    (trace.0 >> 64) as u64 ^ trace.0 as u64
}

/// Drops spans whose id came before. Returns how many.
fn first_wins(spans: &mut Vec<Span>, seen: &mut Vec<u32>) -> u64 {
    let count = spans.len();
    if count <= 12 {
        let mut kept = 0;
        for place in 0..count {
            let span = spans[place];
            if spans[..kept].iter().all(|earlier| earlier.id != span.id) {
                spans[kept] = span;
                kept += 1;
            }
        }
        spans.truncate(kept);
        return (count - kept) as u64;
    }
    let slots = (count * 2).next_power_of_two();
    seen.clear();
    seen.resize(slots, 0);
    let shift = 64 - slots.trailing_zeros();
    let mut kept = 0;
    'spans: for place in 0..count {
        let span = spans[place];
        let mixed = (span.id.bits ^ u64::from(span.id.half) << 48).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut slot = (mixed >> shift) as usize;
        while seen[slot] != 0 {
            if spans[seen[slot] as usize - 1].id == span.id {
                continue 'spans;
            }
            slot = (slot + 1) & (slots - 1);
        }
        spans[kept] = span;
        kept += 1;
        seen[slot] = kept as u32;
    }
    spans.truncate(kept);
    (count - kept) as u64
}

#[cfg(test)]
mod tests;
