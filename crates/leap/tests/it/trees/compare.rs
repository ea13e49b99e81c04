//! What attribution says of a trace beside what the auditor says, figure by figure.

use std::collections::BTreeMap;
use std::fmt::Debug;

use leap_orient::latency::{Part, Selector, SliceKind, Stats, Workspace};
use leap_sim::audit::latency::AuditedRequest;
use leap_sim::audit::latency::walk::owner_of;
use leap_sim::company::RandomTrace;
use leap_terms::{NameId, SpanId, Trace};

use super::Catalogue;

/// Owner, kind, caller.
pub(super) type Key = (NameId, &'static str, NameId);

/// What was compared so far.
#[derive(Default)]
pub(super) struct Compared {
    pub(super) requests: u64,
    pub(super) spans: u64,
    pub(super) figures: u64,
    pub(super) differences: u64,
    pub(super) found: Vec<String>,
    /// How often each property was tried.
    tried: BTreeMap<&'static str, u64>,
}

impl Compared {
    /// One figure.
    pub(super) fn figure<T: PartialEq + Debug>(&mut self, what: &str, said: &T, expected: &T) {
        self.figures += 1;
        if said != expected {
            self.differences += 1;
            if self.found.len() < 10 {
                self.found.push(format!("{what}: leap says {said:?}, the auditor {expected:?}"));
            }
        }
    }

    /// A property that must hold.
    pub(super) fn holds(&mut self, property: &'static str, holds: bool, why: impl FnOnce() -> String) {
        self.figures += 1;
        self.tried(property);
        if !holds {
            self.differences += 1;
            if self.found.len() < 10 {
                self.found.push(format!("{property}: {}", why()));
            }
        }
    }

    /// A property was tried.
    pub(super) fn tried(&mut self, property: &'static str) {
        *self.tried.entry(property).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: &Compared) {
        self.requests += other.requests;
        self.spans += other.spans;
        self.figures += other.figures;
        self.differences += other.differences;
        other.tried.iter().for_each(|(property, count)| *self.tried.entry(property).or_default() += count);
    }

    pub(super) fn counts(&self) -> String {
        self.tried.iter().map(|(property, count)| format!("{property} {count}")).collect::<Vec<_>>().join(", ")
    }

    /// A property that was hardly ever tried has proved nothing.
    pub(super) fn every_property_was_tried(&self, trees: u64) {
        for property in ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9"] {
            let count = self.tried.get(property).copied().unwrap_or(0);
            assert!(count > trees / 20, "{property} was tried {count} times on {trees} trees");
        }
    }

    /// Every figure of every request of a trace.
    pub(super) fn trace(
        &mut self,
        trace: &Trace,
        made: &RandomTrace,
        selector: &Selector,
        workspace: &mut Workspace,
        audited: &[AuditedRequest],
    ) {
        let mut left: BTreeMap<SpanId, &AuditedRequest> =
            audited.iter().map(|request| (request.root, request)).collect();
        let peers = Catalogue(&made.peers);
        workspace.attribute(trace, selector, &made.names, &peers, |said| {
            self.requests += 1;
            let Some(expected) = left.remove(&said.root) else {
                self.holds("requests", false, || format!("{} is none, or is given twice", said.root));
                return;
            };
            self.figure("latency", &(said.latency_ns, said.start), &(expected.latency_ns, expected.start));
            let root = &expected.tree.nodes[0].span;
            self.figure("API", &(said.service, said.operation), &(root.service, root.operation));
            let (of, parts) = (parts(said.parts), audited_parts(expected));
            // Each sum is a figure.
            self.figures += parts.len() as u64;
            self.figure("parts", &of, &parts);
            let sorted = said.parts.is_sorted_by(|a, b| (a.owner, a.kind, a.caller) < (b.owner, b.kind, b.caller));
            self.holds("parts sorted", sorted, || format!("{:?}", said.parts));
            let services: Vec<(NameId, u64)> =
                expected.services.iter().map(|(service, ns)| (*service, *ns as u64)).collect();
            self.figures += services.len() as u64;
            self.figure("services", &said.services.to_vec(), &services);
            self.stats(&said.stats, expected);
            let sum: u128 = said.parts.iter().map(|part| u128::from(part.ns)).sum();
            self.figure("sum", &sum, &u128::from(said.latency_ns));
        });
        self.figure("requests that leap does not see", &left.keys().collect::<Vec<_>>(), &Vec::new());
        // P1 and P2: the same slices as the naive walk finds, and they leave no gap.
        for request in audited {
            let slices = workspace.slices(trace, request.root, &peers);
            let said: Vec<(SpanId, u64, u64, Key)> = slices
                .iter()
                .map(|slice| {
                    let key = (slice.owner, slice.kind.word(), NameId::NONE);
                    (trace.spans[slice.span as usize].id, slice.from, slice.until, key)
                })
                .collect();
            let expected: Vec<(SpanId, u64, u64, Key)> = request
                .slices
                .iter()
                .map(|slice| {
                    let (owner, kind, _) = owner_of(&request.tree, slice.node, &|peer| made.peers.get(&peer).copied());
                    let id = request.tree.nodes[slice.node].span.id;
                    (id, slice.from as u64, slice.until as u64, (owner, kind, NameId::NONE))
                })
                .collect();
            self.figures += expected.len() as u64;
            self.tried("P2");
            self.figure("P2, slices", &said, &expected);
            let mut time = request.start;
            let whole = slices.iter().all(|slice| {
                let follows = slice.from == time && slice.until > slice.from;
                time = slice.until;
                follows
            });
            self.holds("P1", whole && time == request.start + request.latency_ns, || format!("{slices:?}"));
        }
    }

    fn stats(&mut self, said: &Stats, expected: &AuditedRequest) {
        for (name, count) in said.counted() {
            self.figure(name, &count, &expected.counters[name]);
        }
    }
}

pub(super) fn parts(parts: &[Part]) -> BTreeMap<Key, u64> {
    parts.iter().map(|part: &Part| ((part.owner, SliceKind::word(part.kind), part.caller), part.ns)).collect()
}

pub(super) fn audited_parts(request: &AuditedRequest) -> BTreeMap<Key, u64> {
    request.parts.iter().map(|(key, ns)| (*key, u64::try_from(*ns).expect("no longer than the request"))).collect()
}
