//! Steps N0 to N4 of the definition, one after the other: clean, tree, shift, clip, snap.
//!
//! ```text
//! Linked   spans without repetitions, ends not before starts, parents found, what hangs below no root left out
//! Tree     one request: blocking edges alone, in the interval that each span has in the end
//! ```

use std::collections::BTreeMap;

use leap_terms::{Span, SpanKind};

/// The counters of the definition.
pub const COUNTERS: [&str; 12] = [
    "async_pruned",
    "clipped",
    "clipped_ns",
    "dropped_empty",
    "dropped_outside",
    "duplicate_span_id",
    "negative_duration",
    "orphan",
    "skew_ns",
    "skew_shifted",
    "snapped",
    "unreachable",
];

/// Counters by name.
pub type Counters = BTreeMap<&'static str, u64>;

fn count(counters: &mut Counters, name: &'static str, by: i128) {
    let by = u64::try_from(by).expect("counters count up, in nanoseconds of one trace at most");
    *counters.get_mut(name).expect("all counters are there from the start") += by;
}

/// A trace after N0, with each span's parent.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The spans that are kept, in order of arrival.
    pub spans: Vec<Span>,
    /// Where each one's parent stands.
    pub parents: Vec<Option<usize>>,
    /// Whether each one hangs below a root.
    pub reachable: Vec<bool>,
    /// What N0 counted; the same for all requests of the trace.
    pub counters: Counters,
}

impl Linked {
    /// N0: the first of equal ids wins, ends before starts move to the start, parents are looked up.
    pub fn new(received: &[Span]) -> Linked {
        let mut counters: Counters = COUNTERS.iter().map(|name| (*name, 0)).collect();
        let mut spans: Vec<Span> = Vec::new();
        for span in received {
            if spans.iter().any(|earlier| earlier.id == span.id) {
                count(&mut counters, "duplicate_span_id", 1);
                continue;
            }
            let mut span = *span;
            // Intake moves such ends and marks the span.
            if span.end < span.start || span.is(Span::NEGATIVE) {
                span.end = span.end.max(span.start);
                count(&mut counters, "negative_duration", 1);
            }
            spans.push(span);
        }
        let place = |id| spans.iter().position(|other| other.id == id);
        let parents: Vec<Option<usize>> = spans.iter().map(|span| place(span.parent)).collect();
        for (at, span) in spans.iter().enumerate() {
            if !span.parent.is_none() && (parents[at].is_none() || parents[at] == Some(at)) {
                count(&mut counters, "orphan", 1);
            }
        }
        let mut reachable = Vec::new();
        for at in 0..spans.len() {
            // Whoever has not come to a root after as many steps as there are spans never will.
            let (mut here, mut found) = (at, false);
            for _ in 0..=spans.len() {
                if spans[here].parent.is_none() {
                    found = true;
                    break;
                }
                match parents[here] {
                    Some(parent) => here = parent,
                    None => break,
                }
            }
            if !found {
                count(&mut counters, "unreachable", 1);
            }
            reachable.push(found);
        }
        Linked { spans, parents, reachable, counters }
    }

    /// Where requests start: at the roots, or at chosen spans that have no chosen span above them. An edge that does not
    /// block is above and below all the same.
    pub fn requests(&self, chosen: Option<&dyn Fn(&Span) -> bool>) -> Vec<usize> {
        let mut found = Vec::new();
        for at in 0..self.spans.len() {
            if !self.reachable[at] {
                continue;
            }
            let Some(chosen) = chosen else {
                if self.spans[at].parent.is_none() {
                    found.push(at);
                }
                continue;
            };
            let mut topmost = chosen(&self.spans[at]);
            let mut above = if self.spans[at].parent.is_none() { None } else { self.parents[at] };
            while let Some(here) = above {
                topmost &= !chosen(&self.spans[here]);
                above = if self.spans[here].parent.is_none() { None } else { self.parents[here] };
            }
            if topmost {
                found.push(at);
            }
        }
        found
    }
}

/// A span of a request in its final interval.
#[derive(Clone, Debug)]
pub struct Node {
    /// The span as it came, cleaned.
    pub span: Span,
    /// Start once shifted and clipped, ns since the epoch.
    pub from: i128,
    /// End once shifted, clipped and snapped.
    pub until: i128,
    /// By how much it was shifted, its parents' shifts included.
    pub offset: i128,
    /// Its children, as places in [`Tree::nodes`].
    pub children: Vec<usize>,
}

/// One request after N1 to N4; parents stand before their children.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The spans that are left. The first is the root.
    pub nodes: Vec<Node>,
}

impl Tree {
    /// N1 to N4 below `root`.
    ///
    /// Steps are taken span by span from the top, because the interval that children are clipped to is the parent's final
    /// one. So what hangs below a span that N1 or N3 takes away is not looked at, and counted nowhere.
    pub fn new(linked: &Linked, root: usize, counters: &mut Counters) -> Tree {
        let node = |place: usize, offset, from, until| Node {
            span: linked.spans[place],
            from,
            until,
            offset,
            children: Vec::new(),
        };
        let span = linked.spans[root];
        let mut nodes = vec![node(root, 0, i128::from(span.start), i128::from(span.end))];
        // Where each node stands among the spans.
        let mut places = vec![root];
        let mut at = 0;
        while at < nodes.len() {
            let children = below(linked, places[at], &nodes[at], counters);
            let children = snapped(children, nodes[at].until - nodes[at].from, counters);
            for child in children {
                let next = nodes.len();
                nodes[at].children.push(next);
                nodes.push(node(child.place, child.offset, child.from, child.until));
                places.push(child.place);
            }
            at += 1;
        }
        Tree { nodes }
    }
}

#[derive(Clone, Copy)]
struct Child {
    place: usize,
    offset: i128,
    from: i128,
    until: i128,
}

/// N1, N2 and N3 for the children of one span.
fn below(linked: &Linked, place: usize, parent: &Node, counters: &mut Counters) -> Vec<Child> {
    let mut children = Vec::new();
    for (at, span) in linked.spans.iter().enumerate() {
        if linked.parents[at] != Some(place) || !linked.reachable[at] || span.parent.is_none() {
            continue;
        }
        // N1: a message's handling, and whatever follows from its parent.
        let message = parent.span.kind == SpanKind::Producer && span.kind == SpanKind::Consumer;
        if message || span.is(Span::FOLLOWS) {
            count(counters, "async_pruned", 1);
            continue;
        }
        // N2: an effect before its cause, between clocks of two hosts. The cause is when the parent began, shifted with its
        // parents but not clipped: a parent may itself have begun before its own parent, and then a child that began
        // after it has violated nothing. ("Only provable violations are repaired.")
        let began = i128::from(parent.span.start) + parent.offset;
        let mut offset = parent.offset;
        let start = i128::from(span.start) + offset;
        if span.host != parent.span.host && start < began {
            count(counters, "skew_shifted", 1);
            count(counters, "skew_ns", began - start);
            offset += began - start;
        }
        let (start, end) = (i128::from(span.start) + offset, i128::from(span.end) + offset);
        // N3: what lies in the parent's final interval. A child without duration that lies in it or at its ends is empty;
        // any other of which nothing is left is outside.
        let (from, until) = (start.max(parent.from), end.min(parent.until));
        if until <= from {
            let empty = start == end && until == from;
            count(counters, if empty { "dropped_empty" } else { "dropped_outside" }, 1);
            continue;
        }
        let cut = (end - start) - (until - from);
        if cut > 0 {
            count(counters, "clipped", 1);
            count(counters, "clipped_ns", cut);
        }
        children.push(Child { place: at, offset, from, until });
    }
    children
}

/// N4, decided for all children on the intervals before any of them is changed.
fn snapped(children: Vec<Child>, duration: i128, counters: &mut Counters) -> Vec<Child> {
    let tolerance = (duration / 100).min(1_000_000);
    let mut out = Vec::new();
    for child in &children {
        let mut until = child.until;
        for other in &children {
            let overlaps = child.from < other.from && other.from < child.until;
            if overlaps && child.until <= other.from + tolerance && other.until > child.until {
                until = until.min(other.from);
            }
        }
        if until < child.until {
            count(counters, "snapped", 1);
        }
        out.push(Child { until, ..*child });
    }
    out
}
