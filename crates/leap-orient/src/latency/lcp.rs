//! LCP-1 and LCP-1E: every nanosecond of a request goes to exactly one span, and through it to one owner.
//!
//! ```text
//! A [0, 100)  charge-api                 A   10 + 10 + 10 = 30 self
//!   B [10, 40)  ledger                   B   30 self
//!   C [50, 90)  fraud                    C   40 self            30 + 30 + 40 = 100, the latency
//! ```
//! The definition is normative in the issue's reference; in short: a tree of blocking edges (N1), remote children that
//! start before their parent are shifted (N2), children are clipped to their parent (N3), overlaps of siblings within
//! min(1 % of the parent, 1 ms) are snapped (N4), and a backwards sweep gives each instant to the last finisher (N5). A
//! CLIENT span with one remote child gives its own time to that child's service (the edge: network, pool, remote
//! queue); one without children to the peer that it names.
//!
//! Integers only, no recursion, n log n in the number of spans. Memory is kept between traces.

use leap_terms::{NameId, Names, Span, SpanId, SpanKind, Trace, TraceId, Weight};

use super::order::{AT_ONCE, LARGE, Link, Order, Seen, Spans, is_scattered};

/// No span.
const NONE: u32 = u32::MAX;
/// Said with a child: its parent has others before it.
const MORE: u32 = 1 << 31;
/// So many different parts are found by looking at each; more are sorted in the end.
const FEW: usize = 24;

/// Why a span's own time is whose it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SliceKind {
    /// The service's own work.
    SelfTime,
    /// Between a client and its one remote server: network, pools, the server's queue. The callee's.
    Edge,
    /// A client or producer without children: the peer that it names, or its own service where that is unknown.
    External,
    /// The same as one of the others, in a repeated try.
    Retry,
}

impl SliceKind {
    /// All kinds, in order.
    pub const ALL: [SliceKind; 4] = [SliceKind::SelfTime, SliceKind::Edge, SliceKind::External, SliceKind::Retry];

    /// `self`, `edge`, `external`, `retry`.
    pub fn word(self) -> &'static str {
        match self {
            SliceKind::SelfTime => "self",
            SliceKind::Edge => "edge",
            SliceKind::External => "external",
            SliceKind::Retry => "retry",
        }
    }
}

/// Time of one owner, kind and caller in a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Part {
    /// The service that owns it.
    pub owner: NameId,
    /// Why.
    pub kind: SliceKind,
    /// The service that waited, of an edge or an external call; [`NameId::NONE`] otherwise.
    pub caller: NameId,
    /// Nanoseconds, more than 0.
    pub ns: u64,
}

/// What was found on the way; counts of spans where nothing else is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Ended before they started.
    pub negative_duration: u64,
    /// Dropped by intake because their id had come before.
    pub duplicate_span_id: u64,
    /// Name a parent that is not in the trace, or themselves.
    pub orphan: u64,
    /// Hang below no root: orphans, cycles and what hangs below them.
    pub unreachable: u64,
    /// Edges that do not block: message handlers, FOLLOWS_FROM.
    pub async_pruned: u64,
    /// Remote children moved to their parent's start.
    pub skew_shifted: u64,
    /// By how much, in all.
    pub skew_ns: u64,
    /// Cut to their parent's interval.
    pub clipped: u64,
    /// How much was cut off, in all.
    pub clipped_ns: u64,
    /// Outside of their parent.
    pub dropped_outside: u64,
    /// Without duration.
    pub dropped_empty: u64,
    /// Ends moved back to a sibling's start.
    pub snapped: u64,
}

impl Stats {
    /// Name and value of each, in order of their names.
    pub fn counted(&self) -> [(&'static str, u64); 12] {
        [
            ("async_pruned", self.async_pruned),
            ("clipped", self.clipped),
            ("clipped_ns", self.clipped_ns),
            ("dropped_empty", self.dropped_empty),
            ("dropped_outside", self.dropped_outside),
            ("duplicate_span_id", self.duplicate_span_id),
            ("negative_duration", self.negative_duration),
            ("orphan", self.orphan),
            ("skew_ns", self.skew_ns),
            ("skew_shifted", self.skew_shifted),
            ("snapped", self.snapped),
            ("unreachable", self.unreachable),
        ]
    }
}

/// One request, attributed. Borrows the workspace that made it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Attributed<'w> {
    /// The trace.
    pub trace: TraceId,
    /// The span at which the request starts.
    pub root: SpanId,
    /// Its service.
    pub service: NameId,
    /// Its name.
    pub operation: NameId,
    /// Its start, ns since the epoch.
    pub start: u64,
    /// Its duration in ns: the sum of all parts.
    pub latency_ns: u64,
    /// How many requests it stands for.
    pub weight: Weight,
    /// The root ended with an error.
    pub error: bool,
    /// The trace was closed before it was complete.
    pub incomplete: bool,
    /// Time per owner, kind and caller, in their order.
    pub parts: &'w [Part],
    /// Time per service by its own spans (before ownership of edges), in order.
    pub services: &'w [(NameId, u64)],
    /// What was found on the way.
    pub stats: Stats,
}

/// Which spans are requests: without any, the roots of traces; else the topmost spans that match.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selector {
    /// `service.name`.
    pub service: Option<String>,
    /// The span's name.
    pub operation: Option<String>,
    /// Its kind.
    pub kind: Option<SpanKind>,
}

impl Selector {
    /// True when it chooses nothing in particular: roots are requests.
    pub fn is_any(&self) -> bool {
        *self == Selector::default()
    }

    fn matches(&self, span: &Span, names: &Names) -> bool {
        self.service.as_ref().is_none_or(|service| names.text(span.service) == service)
            && self.operation.as_ref().is_none_or(|operation| names.text(span.operation) == operation)
            && self.kind.is_none_or(|kind| span.kind == kind)
    }
}

/// Which service a peer's name means: `ledger-db` → `ledger`.
pub trait Peers {
    /// The service, or `None` where the peer is unknown.
    fn service_of(&self, peer: NameId) -> Option<NameId>;
}

/// Only peers that are services' names themselves are known.
pub struct NoCatalog;

impl Peers for NoCatalog {
    fn service_of(&self, _: NameId) -> Option<NameId> {
        None
    }
}

/// A child as its parent sees it: shifted, clipped, snapped.
#[derive(Clone, Copy)]
pub(super) struct Kid {
    from: u64,
    until: u64,
    shift: u64,
    span: u32,
}

impl Kid {
    pub(super) fn open(self, critical: bool) -> Open {
        Open { from: self.from, until: self.until, shift: self.shift, span: self.span, critical }
    }
}

/// A span to be looked at, in its final interval.
#[derive(Clone, Copy)]
pub(super) struct Open {
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) shift: u64,
    pub(super) span: u32,
    /// On the critical path: its own time counts.
    pub(super) critical: bool,
}

/// A piece of a request, for those who want to see it: which span had the floor when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slice {
    /// Number of the span in [`Trace::spans`].
    pub span: u32,
    /// From, ns since the epoch on the root's clock.
    pub from: u64,
    /// Until.
    pub until: u64,
    /// Whose it is.
    pub owner: NameId,
    /// Why.
    pub kind: SliceKind,
}

/// Memory that is used again for each trace.
#[derive(Default)]
pub struct Workspace {
    /// Places of spans by their ids, with the ids' hashes above them; 0 is free. Empty until somebody asks.
    slots: Vec<u64>,
    heads: Vec<u32>,
    /// The last child of each span, and [`MORE`] where it has others.
    last: Vec<u32>,
    /// Of children that are said to have others before them, the one before in the same way.
    before: Vec<u32>,
    /// Spans whose children are still to be looked at.
    below: Vec<u32>,
    roots: Vec<u32>,
    open: Vec<Open>,
    kids: Vec<Kid>,
    by_start: Vec<Kid>,
    tops: Vec<u64>,
    parts: Vec<Part>,
    services: Vec<(NameId, u64)>,
    order: Order,
}

fn mixed(id: SpanId) -> u64 {
    (id.bits ^ (u64::from(id.half) << 48)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Where a hash is looked for first: its upper half, which is kept in the slot too.
fn slot_of(mixed: u64, mask: usize) -> usize {
    (mixed >> 32) as usize & mask
}

impl Workspace {
    /// A new one; it grows to the largest trace that it saw.
    pub fn new() -> Workspace {
        Workspace::default()
    }

    /// Links spans with their parents and counts what hangs below roots.
    fn link(&mut self, spans: &mut impl Spans, stats: &mut Stats) {
        let count = spans.count() as u32;
        self.slots.clear();
        self.heads.clear();
        self.last.clear();
        self.last.resize(count as usize, NONE);
        // What was there before is never read, so it is not cleared; of a new chain this memory is never touched.
        if self.before.len() < count as usize {
            self.before = vec![0; count as usize];
        }
        let (mut forward, mut backward, mut orphans) = (true, true, 0);
        let mut previous_id = SpanId::NONE;
        let (mut recent, mut recent_id) = (0, if count == 0 { SpanId::NONE } else { spans.whole(0).id });
        for at in 0..count {
            let Link { id, parent: wanted, negative } = spans.link(at);
            // Once ids are looked up, the memory of some at once is waited for.
            if self.slots.len() > LARGE && (at as usize).is_multiple_of(AT_ONCE) {
                let slot = |id| self.slots[slot_of(mixed(id), self.slots.len() - 1)];
                std::hint::black_box(spans.parents(at).fold(0, |all, id| all ^ slot(id)));
            }
            stats.negative_duration += u64::from(negative);
            let previous = std::mem::replace(&mut previous_id, id);
            if wanted.is_none() {
                self.heads.push(at);
                continue;
            }
            // Mostly the parent of the span before, or a neighbor.
            let parent = if wanted == recent_id {
                recent
            } else if wanted == previous {
                at - 1
            } else if at + 1 < count && spans.whole(at + 1).id == wanted {
                at + 1
            } else {
                self.place_of(spans, wanted)
            };
            if parent == NONE || parent == at {
                orphans += 1;
                continue;
            }
            let last = &mut self.last[parent as usize];
            if *last == NONE {
                *last = at;
            } else {
                self.before[at as usize] = std::mem::replace(last, at | MORE);
            }
            forward &= parent < at;
            backward &= parent > at;
            (recent, recent_id) = (parent, wanted);
        }
        stats.orphan += orphans;
        // Where all parents lie on one side there is no cycle, and without orphans all hang below a root.
        if orphans > 0 || !(forward || backward) {
            let mut reached = 0;
            self.descend(|_| {
                reached += 1;
                true
            });
            stats.unreachable = u64::from(count) - reached;
        }
    }

    /// Shows what hangs below roots, parents before their children; these only where `enter` says so. Cycles hang below
    /// no root: they are never entered.
    fn descend(&mut self, mut enter: impl FnMut(u32) -> bool) {
        self.below.clear();
        self.below.extend_from_slice(&self.heads);
        while let Some(at) = self.below.pop() {
            if enter(at) {
                self.below.extend(children(&self.last, &self.before, at));
            }
        }
    }

    /// The place of the span with that id; [`NONE`] where there is none.
    fn place_of(&mut self, spans: &impl Spans, id: SpanId) -> u32 {
        let size = (spans.count() * 2).next_power_of_two().max(4);
        let mask = size - 1;
        if self.slots.is_empty() {
            self.fill_slots(spans, size);
        }
        let mixed = mixed(id);
        let mut slot = slot_of(mixed, mask);
        loop {
            let found = self.slots[slot];
            if found == 0 {
                return NONE;
            }
            let at = (found as u32).wrapping_sub(1);
            if found >> 32 == mixed >> 32 && spans.whole(at).id == id {
                return at;
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Puts all spans into so many slots: some at once, so that the processor waits for the memory of all of them.
    fn fill_slots(&mut self, spans: &impl Spans, size: usize) {
        self.slots.resize(size, 0);
        let mut hashes = [0; AT_ONCE];
        for first in (0..spans.count()).step_by(AT_ONCE) {
            let hashes = &mut hashes[..AT_ONCE.min(spans.count() - first)];
            for (hash, at) in hashes.iter_mut().zip(first as u32..) {
                *hash = mixed(spans.whole(at).id);
            }
            std::hint::black_box(hashes.iter().fold(0, |all, hash| all ^ self.slots[slot_of(*hash, size - 1)]));
            for (hash, at) in hashes.iter().zip(first as u64..) {
                let mut slot = slot_of(*hash, size - 1);
                while self.slots[slot] != 0 {
                    slot = (slot + 1) & (size - 1);
                }
                self.slots[slot] = hash >> 32 << 32 | (at + 1);
            }
        }
    }

    /// The spans at which requests start.
    fn choose(&mut self, spans: &impl Spans, selector: &Selector, names: &Names) {
        let mut roots = std::mem::take(&mut self.roots);
        roots.clear();
        if selector.is_any() {
            roots.extend_from_slice(&self.heads);
        } else {
            self.descend(|at| {
                let chosen = selector.matches(spans.whole(at), names);
                if chosen {
                    roots.push(at);
                }
                !chosen
            });
        }
        self.roots = roots;
    }

    /// Attributes each request of a trace and hands it over.
    ///
    /// Two spans with one id must not be in a trace: intake drops the later one.
    pub fn attribute(
        &mut self,
        trace: &Trace,
        selector: &Selector,
        names: &Names,
        peers: &impl Peers,
        give: impl FnMut(&Attributed<'_>),
    ) {
        if !is_scattered(&trace.spans) {
            return self.requests(trace, &mut &trace.spans[..], (selector, names), peers, give);
        }
        let mut order = std::mem::take(&mut self.order);
        self.requests(trace, &mut order.by_start(&trace.spans), (selector, names), peers, give);
        self.order = order;
    }

    /// The same, of spans in the order that they are to be looked at.
    fn requests(
        &mut self,
        trace: &Trace,
        spans: &mut impl Spans,
        (selector, names): (&Selector, &Names),
        peers: &impl Peers,
        mut give: impl FnMut(&Attributed<'_>),
    ) {
        let mut common = Stats { duplicate_span_id: trace.duplicates, ..Stats::default() };
        self.link(spans, &mut common);
        let spans = &*spans;
        self.choose(spans, selector, names);
        // In the order in which their spans came.
        self.roots.sort_unstable_by_key(|root| spans.came_at(*root));
        for number in 0..self.roots.len() {
            let root = self.roots[number];
            let mut stats = common;
            self.request(spans, root, peers, &mut stats, &mut |_, _, _| {});
            let span = spans.whole(root);
            give(&Attributed {
                trace: trace.id,
                root: span.id,
                service: span.service,
                operation: span.operation,
                start: span.start,
                latency_ns: span.end.saturating_sub(span.start),
                weight: trace.weight,
                error: span.is(Span::ERROR),
                incomplete: trace.incomplete,
                parts: &self.parts,
                services: &self.services,
                stats,
            });
        }
    }

    /// The slices of one request in order of time: the critical path.
    pub fn slices(&mut self, trace: &Trace, root: SpanId, peers: &impl Peers) -> Vec<Slice> {
        let mut slices = Vec::new();
        let Some(root) = self.find(trace, root) else { return slices };
        self.request(&&trace.spans[..], root, peers, &mut Stats::default(), &mut |open, kids, (owner, kind)| {
            let mut t = open.until;
            let mut emit = |from: u64, until: u64| {
                if from < until {
                    slices.push(Slice { span: open.span, from, until, owner, kind });
                }
            };
            for kid in kids {
                if kid.until <= t {
                    emit(kid.until, t);
                    t = kid.from;
                }
            }
            emit(open.from, t);
        });
        slices.sort_unstable_by_key(|slice| (slice.from, slice.until));
        slices
    }

    /// Normalises and sweeps what hangs below `root`; fills parts and services. `show` sees each critical span with its
    /// children in order, and whose its own time is.
    fn request(
        &mut self,
        spans: &impl Spans,
        root: u32,
        peers: &impl Peers,
        stats: &mut Stats,
        show: &mut impl FnMut(&Open, &[Kid], (NameId, SliceKind)),
    ) {
        self.parts.clear();
        self.services.clear();
        self.open.clear();
        let mut many = std::mem::take(&mut self.kids);
        let span = spans.seen(root);
        let (from, until) = (span.start, span.end);
        let mut next = Some(Open { from, until, shift: 0, span: root, critical: true });
        while let Some(open) = next.take().or_else(|| self.open.pop()) {
            let span = spans.seen(open.span);
            let last = self.last[open.span as usize];
            let one;
            let kids = if last == NONE {
                &[]
            } else if last & MORE == 0 {
                one = fitted(&open, &span, last, &spans.seen(last), stats);
                one.as_slice()
            } else {
                self.children_of(spans, &open, stats, &mut many);
                &many[..]
            };
            let mut t = open.until;
            let mut own = open.until - open.from;
            for kid in kids {
                let critical = open.critical && kid.until <= t;
                if critical {
                    own -= kid.until - kid.from;
                    t = kid.from;
                }
                // The last one is the next to be looked at.
                if let Some(other) = next.replace(kid.open(critical)) {
                    self.open.push(other);
                }
            }
            if !open.critical {
                continue;
            }
            let (owner, kind, caller) = owner(spans, &span, kids, peers);
            show(&open, kids, (owner, kind));
            if own > 0 {
                let part = Part { owner, kind, caller, ns: own };
                let same = |held: &Part| (held.owner, held.kind, held.caller) == (owner, kind, caller);
                put(&mut self.parts, part, same, |held| held.ns += own);
                let service = span.whose.service;
                put(&mut self.services, (service, own), |held| held.0 == service, |held| held.1 += own);
            }
        }
        self.kids = many;
        fold(&mut self.parts, |part| (part.owner, part.kind, part.caller), |into, part| into.ns += part.ns);
        fold(&mut self.services, |(service, _)| *service, |into, (_, ns)| into.1 += ns);
    }

    /// N1 to N5 for one span in its final interval: its children, shifted, clipped, snapped, in the order of the sweep.
    pub(super) fn children_of(&mut self, spans: &impl Spans, open: &Open, stats: &mut Stats, kids: &mut Vec<Kid>) {
        let span = spans.seen(open.span);
        kids.clear();
        let (mut up, mut down) = (true, true);
        for child in children(&self.last, &self.before, open.span) {
            let Some(kid) = fitted(open, &span, child, &spans.seen(child), stats) else { continue };
            if let Some(last) = kids.last() {
                up &= last.until <= kid.from;
                down &= kid.until <= last.from;
            }
            kids.push(kid);
        }
        // One after the other, as most children are: nothing to snap, and the last is the last finisher.
        if up {
            kids.reverse();
        } else if !down {
            kids.sort_unstable_by_key(|kid| kid.from);
            if kids.is_sorted_by(|a, b| a.until <= b.from) {
                kids.reverse();
            } else {
                self.snap(kids, (open.until - open.from) / 100, stats);
                let id = |kid: &Kid| spans.whole(kid.span).id;
                kids.sort_unstable_by(|a, b| (b.until, a.from).cmp(&(a.until, b.from)).then_with(|| id(a).cmp(&id(b))));
            }
        }
    }

    /// The span of that id, where it hangs below a root; links the trace.
    pub(super) fn find(&mut self, trace: &Trace, id: SpanId) -> Option<u32> {
        self.link(&mut &trace.spans[..], &mut Stats::default());
        let mut found = None;
        self.descend(|at| {
            found = found.or((trace.spans[at as usize].id == id).then_some(at));
            found.is_none()
        });
        found
    }

    /// N4, on the children as clipped, in order of their starts.
    fn snap(&mut self, kids: &mut [Kid], hundredth: u64, stats: &mut Stats) {
        let tolerance = hundredth.min(1_000_000);
        if tolerance == 0 {
            return;
        }
        self.by_start.clear();
        self.by_start.extend_from_slice(kids);
        // Many siblings: the first that ends later is found in a tree of the latest ends.
        let many = self.by_start.len() > 64;
        let size = self.by_start.len().next_power_of_two();
        if many {
            self.tops.clear();
            self.tops.resize(2 * size, 0);
            for (at, kid) in self.by_start.iter().enumerate() {
                self.tops[size + at] = kid.until;
            }
            for at in (1..size).rev() {
                self.tops[at] = self.tops[2 * at].max(self.tops[2 * at + 1]);
            }
        }
        for kid in kids {
            let earliest = (kid.from + 1).max(kid.until.saturating_sub(tolerance));
            let first = self.by_start.partition_point(|other| other.from < earliest);
            let found = if many {
                first_later(&self.tops, size, first, kid.until)
            } else {
                self.by_start[first..].iter().position(|other| other.until > kid.until).map(|at| at + first)
            };
            if let Some(other) = found.and_then(|at| self.by_start.get(at)).filter(|other| other.from < kid.until) {
                kid.until = other.from;
                stats.snapped += 1;
            }
        }
    }
}

/// Children of a span, the last one first.
#[inline]
fn children<'w>(last: &'w [u32], before: &'w [u32], span: u32) -> impl Iterator<Item = u32> + 'w {
    let linked = |link: u32| (link != NONE).then_some(link);
    let first = linked(last[span as usize]);
    std::iter::successors(
        first,
        move |link| if link & MORE == 0 { None } else { linked(before[(link & !MORE) as usize]) },
    )
    .map(|link| link & !MORE)
}

/// N1 to N3: a child in the final interval of its parent, shifted and clipped; `None` where it does not count.
#[inline]
fn fitted(open: &Open, span: &Seen, child: u32, kid: &Seen, stats: &mut Stats) -> Option<Kid> {
    if kid.whose.is(Span::FOLLOWS) || span.whose.kind == SpanKind::Producer && kid.whose.kind == SpanKind::Consumer {
        stats.async_pruned += 1;
        return None;
    }
    let (start, mut shift) = (span.start + open.shift, open.shift);
    if kid.whose.host != span.whose.host && kid.start + shift < start {
        let late = start - (kid.start + shift);
        stats.skew_shifted += 1;
        stats.skew_ns += late;
        shift += late;
    }
    let (from, until) = (kid.start + shift, kid.end + shift);
    let (inner_from, inner_until) = (from.max(open.from), until.min(open.until));
    if inner_from >= inner_until {
        if from == until && from >= open.from && from <= open.until {
            stats.dropped_empty += 1;
        } else {
            stats.dropped_outside += 1;
        }
        return None;
    }
    if (inner_from, inner_until) != (from, until) {
        stats.clipped += 1;
        stats.clipped_ns += (until - from) - (inner_until - inner_from);
    }
    Some(Kid { from: inner_from, until: inner_until, shift, span: child })
}

/// LCP-1E, of a span with these children: whose its own time is, why, and who waited.
pub(super) fn owner(spans: &impl Spans, span: &Seen, kids: &[Kid], peers: &impl Peers) -> (NameId, SliceKind, NameId) {
    let span = span.whose;
    let calls = span.kind == SpanKind::Client || span.kind == SpanKind::Producer;
    let (owner, kind, caller) = match kids {
        [only] if span.kind == SpanKind::Client && spans.seen(only.span).whose.host != span.host => {
            (spans.seen(only.span).whose.service, SliceKind::Edge, span.service)
        }
        [] if calls && span.peer != NameId::NONE => {
            let known = peers.service_of(span.peer).or_else(|| span.is(Span::PEER_SERVICE).then_some(span.peer));
            (known.unwrap_or(span.service), SliceKind::External, span.service)
        }
        _ => (span.service, SliceKind::SelfTime, NameId::NONE),
    };
    (owner, if span.is(Span::RETRY) { SliceKind::Retry } else { kind }, caller)
}

/// The first place from `first` on whose end is later.
fn first_later(tops: &[u64], size: usize, first: usize, than: u64) -> Option<usize> {
    let mut at = size + first;
    if first >= size {
        return None;
    }
    // Up until a subtree to the right holds a later end, then down to its first.
    loop {
        if tops[at] > than {
            while at < size {
                at *= 2;
                if tops[at] <= than {
                    at += 1;
                }
            }
            return Some(at - size);
        }
        while at & 1 == 1 {
            at >>= 1;
            if at <= 1 {
                return None;
            }
        }
        if at <= 1 {
            return None;
        }
        at += 1;
    }
}

/// Adds to an item that is there, where few are; else appends it.
fn put<T>(items: &mut Vec<T>, item: T, same: impl Fn(&T) -> bool, add: impl FnOnce(&mut T)) {
    let held = if items.len() <= FEW { items.iter_mut().rfind(|held| same(held)) } else { None };
    match held {
        Some(held) => add(held),
        None => items.push(item),
    }
}

/// Sorts by key and adds up what is equal.
fn fold<T: Copy, K: Ord>(items: &mut Vec<T>, key: impl Fn(&T) -> K, add: impl Fn(&mut T, T)) {
    items.sort_unstable_by_key(&key);
    let mut kept = 0;
    for at in 1..items.len() {
        let item = items[at];
        if key(&items[kept]) == key(&item) {
            add(&mut items[kept], item);
        } else {
            kept += 1;
            items[kept] = item;
        }
    }
    items.truncate(if items.is_empty() { 0 } else { kept + 1 });
}

#[cfg(test)]
pub(super) mod tests;
