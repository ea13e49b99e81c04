//! The auditor of latency: each request's nanoseconds, divided a second time from the definition's text alone.
//!
//! ```text
//! A [0, 100) SERVER api@h1, B [10, 60) CLIENT api@h1 under A, C [20, 50) SERVER ledger@h2 under B
//!   → latency 100; api: self 50; ledger: self 30, edge 20 (api waited); services: api 70, ledger 30
//! ```
//! LCP-1 and LCP-1E are written out step by step, each step over the whole tree before the next begins: [`tree`] cleans,
//! links, shifts, clips and snaps (N0 to N4), [`walk`] looks for the last finisher again and again, [`replay`] is the
//! max-plus recurrence with exact or rounded times, [`tail`] the quantile and its composition. Linear searches, quadratic
//! time, 128-bit and big integers; nothing is kept between requests and nothing is shared with the first path but the
//! types of `leap_terms`.
//!
//! Where the definition's text leaves a choice, the choice is named at the place that makes it.

pub mod replay;
pub mod tail;
pub mod tree;
pub mod walk;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use leap_terms::{NameId, Span, SpanId};

use tree::{Linked, Tree};
use walk::{AuditedSlice, owner_of, walk};

/// Owner, kind (`self`, `edge`, `external`, `retry`) and the service that waited.
pub type PartKey = (NameId, &'static str, NameId);

/// One request as the auditor sees it.
#[derive(Clone, Debug)]
pub struct AuditedRequest {
    /// The span at which it starts.
    pub root: SpanId,
    /// Its start, ns since the epoch.
    pub start: u64,
    /// Its duration, ns.
    pub latency_ns: u64,
    /// Nanoseconds by owner, kind and caller.
    pub parts: BTreeMap<PartKey, u128>,
    /// Nanoseconds by the service of the span itself.
    pub services: BTreeMap<NameId, u128>,
    /// The counters of the definition by name; all of them, zeros included.
    pub counters: BTreeMap<&'static str, u64>,
    /// Who had the floor when, in order of time.
    pub slices: Vec<AuditedSlice>,
    /// The normalised tree.
    pub tree: Tree,
}

/// Every request of a trace.
///
/// `spans` are as they came: repeated ids, ends before starts and all. `chosen` says which spans the API of interest
/// starts at; without it the roots are the requests. `peer` is the catalogue: the service that a peer's name means.
pub fn requests(
    spans: &[Span],
    chosen: Option<&dyn Fn(&Span) -> bool>,
    peer: &dyn Fn(NameId) -> Option<NameId>,
) -> Vec<AuditedRequest> {
    let linked = Linked::new(spans);
    let mut out = Vec::new();
    for root in linked.requests(chosen) {
        let mut counters = linked.counters.clone();
        let tree = Tree::new(&linked, root, &mut counters);
        let slices = walk(&tree);
        let (mut parts, mut services) = (BTreeMap::new(), BTreeMap::new());
        for slice in &slices {
            let ns = u128::try_from(slice.until - slice.from).expect("a slice ends after it starts");
            *parts.entry(owner_of(&tree, slice.node, peer)).or_insert(0) += ns;
            *services.entry(tree.nodes[slice.node].span.service).or_insert(0) += ns;
        }
        let span = linked.spans[root];
        out.push(AuditedRequest {
            root: span.id,
            start: span.start,
            latency_ns: span.end - span.start,
            parts,
            services,
            counters,
            slices,
            tree,
        });
    }
    out
}
