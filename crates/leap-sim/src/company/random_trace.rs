//! Random traces: everything that clocks, networks, agents and people do to a tree of spans, in a few dozen of them.
//!
//! ```text
//! random_trace(&mut Random::new(17), 40) → spans as they arrive, names, the API of interest, a catalogue of peers
//! ```
//! Chains and fans, clients with servers on other hosts, messages and what follows from a parent, clocks that differ,
//! children that end after their parent, begin before it or lie beside it, siblings back to back, overlapping by just as
//! much as is tolerated or one nanosecond more, equal ends, equal intervals, no duration, an end before the start, tries
//! again, ids sent twice, parents that never came, rings of parents, several roots or none. Trees are not valid: that is
//! the point. Nothing here knows how nanoseconds are divided.

use std::collections::BTreeMap;

use leap_terms::{NameId, Names, Span, SpanId, SpanKind};

use super::random::Random;

/// Which spans are the requests of an API; nothing said is anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Chosen {
    /// `service.name`.
    pub service: Option<NameId>,
    /// The span's name.
    pub operation: Option<NameId>,
    /// Its kind.
    pub kind: Option<SpanKind>,
}

impl Chosen {
    /// True when a span is one of them.
    pub fn is(&self, span: &Span) -> bool {
        self.service.is_none_or(|service| span.service == service)
            && self.operation.is_none_or(|operation| span.operation == operation)
            && self.kind.is_none_or(|kind| span.kind == kind)
    }
}

/// A random trace.
#[derive(Clone, Debug)]
pub struct RandomTrace {
    /// The spans in order of arrival, repeated ids included. Ends may lie before starts.
    pub spans: Vec<Span>,
    /// The names in them.
    pub names: Names,
    /// The API of interest; `None` where roots are the requests.
    pub chosen: Option<Chosen>,
    /// What the catalogue knows: the service that a peer's name means.
    pub peers: BTreeMap<NameId, NameId>,
}

const SERVICES: [&str; 6] = ["checkout", "ledger", "fraud", "bank", "mail", "search"];
const OPERATIONS: [&str; 4] = ["GET /v1", "POST /v1", "read", "write"];
const SYSTEMS: [&str; 4] = ["postgresql", "kafka", "bank-host", "nobody-knows"];

/// How a trace looks as a whole.
struct Shape {
    /// Chances in ten thousand that a span hangs below the last one, or below the root.
    chain: u64,
    fan: u64,
    /// Chance that a child is on another host, and that clocks differ by much.
    remote: u64,
    skew: u64,
    /// Chance of something odd about a child's interval.
    odd: u64,
    /// Duration of a root at most.
    root: u64,
}

/// The trace of a state of the stream, with at most `most` spans besides repeated ones.
pub fn random_trace(random: &mut Random, most: usize) -> RandomTrace {
    let mut names = Names::new();
    let shape = Shape {
        chain: *random.pick(&[0, 1_000, 3_000, 8_000, 9_500]),
        fan: *random.pick(&[0, 1_000, 3_000, 9_000]),
        remote: *random.pick(&[1_000, 4_000, 7_000]),
        skew: *random.pick(&[0, 1_000, 5_000]),
        odd: *random.pick(&[0, 1_000, 4_000, 8_000]),
        root: match random.chance(500) {
            true => *random.pick(&[1, 12, 100]),
            false => *random.pick(&[1_000, 10_000, 1_000_000, 300_000_000, 20_000_000_000]),
        },
    };
    let mut tree = Maker { random, names: &mut names, shape, spans: Vec::new(), levels: Vec::new() };
    let roots = *tree.random.pick(&[1, 1, 1, 1, 1, 1, 1, 2, 3]);
    for _ in 0..roots {
        tree.root();
    }
    let wanted = 1 + tree.random.index(most.max(1));
    while tree.spans.len() < wanted {
        tree.child();
    }
    tree.marks();
    tree.breakage();
    let mut spans = tree.spans;
    random.shuffle(&mut spans);
    repeat_some(random, &mut spans);
    // Systems, and a service that goes by another name.
    let known = SYSTEMS[..3].iter().chain(&SERVICES[..1]);
    let catalogue: Vec<NameId> = known.filter_map(|name| names.find(name)).collect();
    let mut peers = BTreeMap::new();
    for peer in catalogue {
        peers.insert(peer, names.number(random.word(&SERVICES)));
    }
    let chosen = random.chance(3_500).then(|| choose(random, &spans));
    RandomTrace { spans, names, chosen, peers }
}

/// An API that the trace has, mostly.
fn choose(random: &mut Random, spans: &[Span]) -> Chosen {
    let span = *random.pick(spans);
    let mut chosen = Chosen { service: Some(span.service), operation: Some(span.operation), kind: None };
    match random.below(4) {
        0 => chosen.operation = None,
        1 => chosen.kind = Some(span.kind),
        2 => chosen = Chosen { kind: Some(SpanKind::Server), ..Chosen::default() },
        _ => {}
    }
    chosen
}

/// Some ids come again, with other content; the later one must not count.
fn repeat_some(random: &mut Random, spans: &mut Vec<Span>) {
    if !random.chance(1_500) {
        return;
    }
    for _ in 0..=random.below(2) {
        let at = random.index(spans.len());
        let mut again = spans[at];
        if random.chance(7_000) {
            again.end += random.below(1_000);
            again.parent = random.pick(spans).id;
        }
        let later = at + 1 + random.index(spans.len() - at);
        spans.insert(later, again);
    }
}

struct Maker<'a> {
    random: &'a mut Random,
    names: &'a mut Names,
    shape: Shape,
    spans: Vec<Span>,
    /// Each span's parent, as its place.
    levels: Vec<Option<usize>>,
}

impl Maker<'_> {
    fn service_and_host(&mut self) -> (NameId, NameId) {
        let service = self.random.word(&SERVICES);
        let host = if self.random.chance(1_000) { NameId::NONE } else { self.host(service) };
        (self.names.number(service), host)
    }

    fn host(&mut self, service: &str) -> NameId {
        let number = self.random.below(2);
        self.names.number(&format!("{service}-{number}"))
    }

    fn fresh_id(&mut self) -> SpanId {
        loop {
            // Small numbers, so that order by id is unlike order of birth; now and then a server half.
            let half = if self.random.chance(300) { 1 + self.random.below(3) as u16 } else { 0 };
            let id = SpanId { bits: 1 + self.random.below(1 << 20), half };
            if self.spans.iter().all(|span| span.id != id) {
                return id;
            }
        }
    }

    fn root(&mut self) {
        let (service, host) = self.service_and_host();
        // Within the range of 2023, or shortly after 1970.
        let start = match self.random.chance(9_500) {
            true => 1_700_000_000_000_000_000 + self.random.below(1_000_000_000_000),
            false => 1 << 36,
        };
        let least = if self.random.chance(200) { 0 } else { self.shape.root / 8 + 1 };
        let duration = least + self.random.below(self.shape.root);
        let kind = if self.random.chance(1_000) { SpanKind::Producer } else { SpanKind::Server };
        let id = self.fresh_id();
        let operation = self.names.number(OPERATIONS[self.random.index(2)]);
        let end = start + duration;
        self.spans.push(Span { id, service, host, operation, kind, start, end, ..Span::default() });
        self.levels.push(None);
    }

    /// Where the next span hangs.
    fn above(&mut self) -> usize {
        if self.random.chance(self.shape.chain) {
            return self.spans.len() - 1;
        }
        if self.random.chance(self.shape.fan) {
            return 0;
        }
        let place = self.random.index(self.spans.len());
        // A client that has its server seldom has another child.
        match self.spans[place].kind {
            SpanKind::Client if self.random.chance(8_000) => 0,
            _ => place,
        }
    }

    /// A span; or a client with its server on another host.
    fn child(&mut self) {
        let place = self.above();
        if self.random.chance(3_000) {
            self.below(place, false, Some(SpanKind::Client));
            self.below(self.spans.len() - 1, true, Some(SpanKind::Server));
        } else {
            let remote = self.random.chance(self.shape.remote);
            self.below(place, remote, None);
        }
    }

    fn below(&mut self, place: usize, remote: bool, kind: Option<SpanKind>) {
        let parent = self.spans[place];
        let (mut service, mut host) = (parent.service, parent.host);
        if remote {
            (service, host) = self.service_and_host();
        } else if self.random.chance(2_000) {
            service = self.names.number(self.random.word(&SERVICES));
        }
        let kind = kind.unwrap_or(match (remote, self.random.below(10)) {
            (true, 0..7) => SpanKind::Server,
            (false, 0..4) => SpanKind::Client,
            (_, 7) => SpanKind::Consumer,
            (_, 8) => SpanKind::Producer,
            _ => SpanKind::from_number(self.random.below(6)),
        });
        let (mut start, mut end) = self.interval(place);
        if remote && self.random.chance(self.shape.skew) {
            // The whole child on another clock, by up to twice its parent's duration.
            let by = self.random.below(2 * (parent.end - parent.start) + 2);
            let (from, until) = (start, end);
            (start, end) = match self.random.chance(7_000) {
                true => (from.saturating_sub(by), until.saturating_sub(by)),
                false => (from + by, until + by),
            };
        }
        let id = self.fresh_id();
        let operation = self.names.number(self.random.word(&OPERATIONS));
        self.spans.push(Span { id, parent: parent.id, service, host, operation, kind, start, end, ..Span::default() });
        self.levels.push(Some(place));
    }

    /// A child's interval by its parent's, and by that of one of its siblings. Never negative yet.
    fn interval(&mut self, place: usize) -> (u64, u64) {
        let parent = self.spans[place];
        let (from, until) = (parent.start, parent.end);
        let length = until - from;
        let within = |random: &mut Random| from + random.below(length + 1);
        let (one, other) = (within(self.random), within(self.random));
        // Much of the parent, or a piece of it.
        let inside = match self.random.chance(5_000) {
            true => (from + self.random.below(length / 4 + 1), until - self.random.below(length / 4 + 1)),
            false => (one.min(other), one.max(other)),
        };
        if !self.random.chance(self.shape.odd) {
            return inside;
        }
        let siblings: Vec<usize> = (0..self.spans.len()).filter(|at| self.levels[*at] == Some(place)).collect();
        let beside = siblings.last().map(|at| self.spans[*at]);
        let tolerance = (length / 100).min(1_000_000);
        let more = self.random.below(length / 4 + 2);
        match (self.random.below(20), beside) {
            (0, _) => (from, until),
            (1, _) => (from, inside.1),
            (2, _) => (inside.0, until),
            (3, _) => (inside.0, until + more),
            (4, _) => (from.saturating_sub(more), inside.1),
            (5, _) => (from.saturating_sub(more), until + more),
            (6, _) => (until, until + more),
            (7, _) => (until + more, until + 2 * more),
            (8, _) => (from.saturating_sub(2 * more), from.saturating_sub(more)),
            (9, _) => (from.saturating_sub(more), from),
            (10, _) => (one, one),
            (11, Some(beside)) => (beside.start, beside.end),
            (12, Some(beside)) => (beside.end, beside.end.max(inside.1)),
            // As much overlap as is tolerated, a nanosecond more, or a little less.
            (16.., Some(beside)) => {
                let overlap = (tolerance + 1).saturating_sub(self.random.below(3));
                let start = beside.end.saturating_sub(overlap).max(beside.start);
                (start, start + 1 + more)
            }
            (13, Some(beside)) => (inside.0.min(beside.end), beside.end),
            (14, Some(beside)) => (beside.start, beside.start + more),
            _ => inside,
        }
    }

    /// Peers, tries again, followers, errors.
    fn marks(&mut self) {
        let (follows, again) = (self.random.below(1_500), self.random.below(2_000));
        for at in 0..self.spans.len() {
            let mut flags = 0;
            if self.levels[at].is_some() && self.random.chance(follows) {
                flags |= Span::FOLLOWS;
            }
            for (flag, share) in [(Span::RETRY, again), (Span::ERROR, 500), (Span::PARENT_LOCAL, 500)] {
                flags |= if self.random.chance(share) { flag } else { 0 };
            }
            let calls = matches!(self.spans[at].kind, SpanKind::Client | SpanKind::Producer);
            if (calls && self.random.chance(6_000)) || self.random.chance(500) {
                let service = self.random.chance(4_000);
                let peer = if service { self.random.word(&SERVICES) } else { self.random.word(&SYSTEMS) };
                self.spans[at].peer = self.names.number(peer);
                flags |= if service { Span::PEER_SERVICE } else { 0 };
            }
            self.spans[at].flags = flags;
        }
    }

    /// What should not be: parents that never came, rings, time that runs backwards, a trace without its root.
    fn breakage(&mut self) {
        if self.random.chance(1_500) {
            let at = self.random.index(self.spans.len());
            self.spans[at].parent = match self.random.chance(7_000) {
                true => SpanId::new(1 << 40),
                false => self.spans[at].id,
            };
        }
        if self.random.chance(1_000) {
            // Below one of its own descendants, or anywhere else.
            let (at, below) = (self.random.index(self.spans.len()), self.random.index(self.spans.len()));
            self.spans[at].parent = self.spans[below].id;
        }
        if self.random.chance(1_500) {
            let at = self.random.index(self.spans.len());
            let span = &mut self.spans[at];
            (span.start, span.end) = (span.end, span.start);
        }
        if self.random.chance(300) && self.spans.len() > 1 {
            let at = self.random.index(self.spans.len());
            self.spans.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::latency::requests;
    use crate::audit::latency::tree::COUNTERS;

    #[test]
    fn a_seed_gives_the_same_trace() {
        let made = |seed| random_trace(&mut Random::new(seed), 40).spans;
        assert_eq!(made(3), made(3));
        assert_ne!(made(3), made(4));
    }

    #[test]
    fn every_odd_thing_happens_and_every_request_adds_up() {
        let (mut seen, mut kinds) = (BTreeMap::<&str, u64>::new(), BTreeMap::<&str, u64>::new());
        let (mut inner, mut of_several, mut deepest, mut widest) = (0, 0, 0, 0);
        for seed in 0..3_000 {
            let trace = random_trace(&mut Random::new(seed), 40);
            let chosen = trace.chosen.map(|chosen| move |span: &Span| chosen.is(span));
            let found = requests(&trace.spans, chosen.as_ref().map(|chosen| chosen as _), &|peer| {
                trace.peers.get(&peer).copied()
            });
            inner += u64::from(found.iter().any(|request| !request.tree.nodes[0].span.parent.is_none()));
            of_several += u64::from(found.len() > 1);
            for request in &found {
                assert_eq!(request.parts.values().sum::<u128>(), u128::from(request.latency_ns), "seed {seed}");
                assert_eq!(request.services.values().sum::<u128>(), u128::from(request.latency_ns), "seed {seed}");
                request.counters.iter().for_each(|(name, count)| *seen.entry(name).or_default() += count);
                request.parts.keys().for_each(|(_, kind, _)| *kinds.entry(kind).or_default() += 1);
                let nodes = &request.tree.nodes;
                widest = widest.max(nodes.iter().map(|node| node.children.len()).max().unwrap_or(0));
                let mut depths = vec![0; nodes.len()];
                for (at, node) in nodes.iter().enumerate() {
                    node.children.iter().for_each(|child| depths[*child] = depths[at] + 1);
                }
                deepest = deepest.max(depths.into_iter().max().unwrap_or(0));
            }
        }
        for counter in COUNTERS {
            assert!(seen[counter] > 100, "{counter} {}", seen[counter]);
        }
        for kind in ["self", "edge", "external", "retry"] {
            assert!(kinds[kind] > 500, "{kind} {kinds:?}");
        }
        assert!(inner > 300 && of_several > 300, "inner requests {inner}, several requests {of_several}");
        assert!(deepest > 15 && widest > 15, "depth {deepest}, width {widest}");
    }
}
