//! Replay: what a request's latency would have been, had some services been faster.
//!
//! ```text
//! A [0, 100)   B [10, 60) beside C [10, 90)
//! C takes no time:      70   (saving 30, though 80 ns are attributed to C: B is critical then)
//! B and C take none:    20   (saving 80)
//! ```
//! The max-plus recurrence of the reference, section 5, over the tree as [`super::lcp`] normalised it: a child starts after
//! all siblings that had ended by its start, and its parent's own time between; a span ends after its last child, and its own
//! time after that. A factor scales the own time of a service; with 1 everywhere the request is what it was, to the
//! nanosecond. Scaled times are rounded to whole nanoseconds, half up, gap by gap.

use leap_terms::{NameId, Span, SpanId, Trace};

use super::lcp::{Kid, Open, Peers, Stats, Workspace, owner};
use super::order::{Seen, Spans};

/// A factor on own time, not negative: `over / under`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Factor {
    over: u64,
    under: u64,
}

impl Factor {
    /// As it was.
    pub const ONE: Factor = Factor { over: 1, under: 1 };
    /// Takes no time.
    pub const ZERO: Factor = Factor { over: 0, under: 1 };

    /// `over / under`; `None` where `under` is 0.
    pub fn new(over: u64, under: u64) -> Option<Factor> {
        (under > 0).then_some(Factor { over, under })
    }

    /// "Back to its median": median / attributed, at most 1.
    pub fn back_to(median_ns: u64, attributed_ns: u64) -> Factor {
        if median_ns >= attributed_ns { Factor::ONE } else { Factor { over: median_ns, under: attributed_ns } }
    }

    fn of(self, ns: u64) -> u64 {
        if self.over == self.under {
            return ns;
        }
        let (over, under) = (u128::from(self.over), u128::from(self.under));
        u64::try_from((2 * u128::from(ns) * over + under) / (2 * under)).unwrap_or(u64::MAX)
    }
}

/// A span of the request in its final interval, with its children side by side.
#[derive(Clone, Copy)]
struct Node {
    from: u64,
    until: u64,
    first: u32,
    count: u32,
    /// How long it takes now.
    takes: u64,
}

/// A request as a tree that can be replayed again and again.
pub struct Replay {
    nodes: Vec<Node>,
    services: Vec<NameId>,
    /// Children of one node by start and by end, kept between uses.
    by_start: Vec<u32>,
    by_end: Vec<u32>,
    starts: Vec<u64>,
}

impl Replay {
    /// The request of a trace that starts at `root`; `None` where no such span hangs below a root. A factor scales the
    /// own time of a service's spans.
    pub fn new(workspace: &mut Workspace, trace: &Trace, root: SpanId) -> Option<Replay> {
        Replay::of(workspace, trace, root, |_, span, _| span.whose.service)
    }

    /// The same, but a factor scales the time that a service owns (LCP-1E): of a client span with one remote child that
    /// is the callee, not the caller.
    pub fn of_owners(workspace: &mut Workspace, trace: &Trace, root: SpanId, peers: &impl Peers) -> Option<Replay> {
        Replay::of(workspace, trace, root, |spans, span, kids| owner(&spans, span, kids, peers).0)
    }

    /// The service whose factor counts, of each span of the request.
    pub fn services(&self) -> &[NameId] {
        &self.services
    }

    fn of(
        workspace: &mut Workspace,
        trace: &Trace,
        root: SpanId,
        service: impl Fn(&[Span], &Seen, &[Kid]) -> NameId,
    ) -> Option<Replay> {
        let root = workspace.find(trace, root)?;
        let spans = &trace.spans[..];
        let span = &spans[root as usize];
        let mut opens =
            vec![Open { from: span.start, until: span.end.max(span.start), shift: 0, span: root, critical: true }];
        let (mut nodes, mut services, mut kids) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = 0;
        while next < opens.len() {
            let open = opens[next];
            workspace.children_of(&spans, &open, &mut Stats::default(), &mut kids);
            nodes.push(Node {
                from: open.from,
                until: open.until,
                first: opens.len() as u32,
                count: kids.len() as u32,
                takes: 0,
            });
            opens.extend(kids.iter().map(|kid| kid.open(false)));
            services.push(service(spans, &spans.seen(open.span), &kids));
            next += 1;
        }
        Some(Replay { nodes, services, by_start: Vec::new(), by_end: Vec::new(), starts: Vec::new() })
    }

    /// The latency in ns with each service's own time scaled by its factor.
    pub fn latency(&mut self, factor: impl Fn(NameId) -> Factor) -> u64 {
        // Children stand after their parents: from the back, each subtree's duration is known before it is needed.
        for at in (0..self.nodes.len()).rev() {
            let node = self.nodes[at];
            let own = factor(self.services[at]);
            let children = node.first..node.first + node.count;
            let takes = match node.count {
                0 => own.of(node.until - node.from),
                _ => self.with_children(node, children, own),
            };
            self.nodes[at].takes = takes;
        }
        self.nodes.first().map_or(0, |root| root.takes)
    }

    /// Durations are the same whenever a subtree starts, so times here count from the parent's start.
    fn with_children(&mut self, node: Node, children: std::ops::Range<u32>, own: Factor) -> u64 {
        let nodes = &self.nodes;
        let of = |child: &u32| nodes[*child as usize];
        self.by_start.clear();
        self.by_start.extend(children.clone());
        self.by_start.sort_unstable_by_key(|child| of(child).from);
        self.by_end.clear();
        self.by_end.extend(children.clone());
        self.by_end.sort_unstable_by_key(|child| of(child).until);
        self.starts.clear();
        self.starts.resize(children.len(), 0);
        let new_end =
            |starts: &[u64], child: u32| starts[(child - node.first) as usize].saturating_add(of(&child).takes);
        let (mut ended, mut base, mut latest) = (0, 0, node.from);
        for child in &self.by_start {
            let from = of(child).from;
            while let Some(other) = self.by_end.get(ended).filter(|other| of(other).until <= from) {
                base = base.max(new_end(&self.starts, *other));
                latest = of(other).until;
                ended += 1;
            }
            self.starts[(child - node.first) as usize] = base.saturating_add(own.of(from - latest));
        }
        let last_old = self.by_end.last().map_or(node.from, |child| of(child).until);
        let last_new = children.map(|child| new_end(&self.starts, child)).max().unwrap_or(0);
        last_new.saturating_add(own.of(node.until - last_old))
    }
}

#[cfg(test)]
mod tests;
