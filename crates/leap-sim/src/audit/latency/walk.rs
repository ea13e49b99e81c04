//! The sweep, as the naive search for the last finisher, and whose each slice is (LCP-1E).
//!
//! ```text
//! A [0, 100), B [10, 40) and C [50, 90) under it   →  A [0, 10) B [10, 40) A [40, 50) C [50, 90) A [90, 100)
//! ```

use leap_terms::{NameId, Span, SpanKind};

use super::PartKey;
use super::tree::Tree;

/// A piece of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AuditedSlice {
    /// Whose it is, as a place in [`Tree::nodes`].
    pub node: usize,
    /// From, ns since the epoch on the root's clock.
    pub from: i128,
    /// Until.
    pub until: i128,
}

/// The slices of a request in order of time.
pub fn walk(tree: &Tree) -> Vec<AuditedSlice> {
    let mut slices = Vec::new();
    // Spans on the critical path: each is divided by itself, in its own interval.
    let mut critical = vec![0];
    while let Some(node) = critical.pop() {
        let parent = &tree.nodes[node];
        let mut time = parent.until;
        // N5: who ended last by now; of equal ends who started first, of equal starts the smaller id.
        while let Some(child) = parent
            .children
            .iter()
            .copied()
            .filter(|child| tree.nodes[*child].until <= time)
            .min_by_key(|child| (-tree.nodes[*child].until, tree.nodes[*child].from, tree.nodes[*child].span.id))
        {
            if tree.nodes[child].until < time {
                slices.push(AuditedSlice { node, from: tree.nodes[child].until, until: time });
            }
            critical.push(child);
            time = tree.nodes[child].from;
        }
        if parent.from < time {
            slices.push(AuditedSlice { node, from: parent.from, until: time });
        }
    }
    slices.sort_by_key(|slice| slice.from);
    slices
}

/// Whose a span's own time is, why, and who waited.
///
/// A repeated try keeps its owner and its caller and changes its kind. The catalogue is asked about every peer, because it
/// is what people have written down; a name from `peer.service` that it does not know is a service itself, any other is
/// unknown.
pub fn owner_of(tree: &Tree, node: usize, peer: &dyn Fn(NameId) -> Option<NameId>) -> PartKey {
    let node = &tree.nodes[node];
    let span = node.span;
    let (owner, kind, caller) = match node.children[..] {
        [child] if span.kind == SpanKind::Client && tree.nodes[child].span.host != span.host => {
            (tree.nodes[child].span.service, "edge", span.service)
        }
        [] if matches!(span.kind, SpanKind::Client | SpanKind::Producer) && span.peer != NameId::NONE => {
            let named = peer(span.peer).or(span.is(Span::PEER_SERVICE).then_some(span.peer));
            (named.unwrap_or(span.service), "external", span.service)
        }
        _ => (span.service, "self", NameId::NONE),
    };
    (owner, if span.is(Span::RETRY) { "retry" } else { kind }, caller)
}
