//! Whole traces become requests with slices, and the slowest of each API and hour are kept whole.

use std::collections::BTreeMap;

use leap_observe::traces::{IdTexts, Vocabulary};
use leap_orient::latency::{NoCatalog, Requests, Selector, SpanRows, Workspace};
use leap_terms::{Month, Trace};

/// So many of the slowest requests of an API and hour are kept whole.
pub(crate) const EXAMPLES: usize = 16;
/// A trace of more spans is not kept whole.
pub(crate) const EXAMPLE_SPANS: usize = 50_000;

const HOUR_NS: u64 = 3_600_000_000_000;

/// Requests of one delivery as they come.
pub(crate) struct Gathered {
    /// Requests, with their slices.
    pub(crate) requests: Requests,
    /// Traces that began no request: no root came, or it is not reachable.
    pub(crate) without_request: u64,
    /// Requests of times that no column holds.
    pub(crate) out_of_time: u64,
    apis: Vec<(String, Selector)>,
    workspace: Workspace,
    examples: BTreeMap<(String, String, u64), Vec<Kept>>,
}

struct Kept {
    latency_ns: u64,
    id: String,
    trace: Trace,
}

impl Gathered {
    /// None yet; `apis` are requests inside of others, by name.
    pub(crate) fn new(apis: Vec<(String, Selector)>) -> Gathered {
        Gathered {
            requests: Requests::new(),
            without_request: 0,
            out_of_time: 0,
            apis,
            workspace: Workspace::new(),
            examples: BTreeMap::new(),
        }
    }

    /// Attributes a trace.
    pub(crate) fn add(&mut self, trace: &Trace, vocabulary: &Vocabulary, texts: &IdTexts) {
        let names = vocabulary.names();
        let id = texts.trace(trace.id);
        let (requests, examples, out_of_time) = (&mut self.requests, &mut self.examples, &mut self.out_of_time);
        let mut found = false;
        self.workspace.attribute(trace, &Selector::default(), names, &NoCatalog, |request| {
            found = true;
            let root = texts.span(trace.id, request.root);
            if !requests.add(request, trace.spans.len(), names, (&id, &root), None) {
                *out_of_time += 1;
                return;
            }
            let (service, operation) = (names.text(request.service), names.text(request.operation));
            let key = (service.to_owned(), operation.to_owned(), request.start / HOUR_NS);
            let kept = examples.entry(key).or_default();
            let slower = |other: &Kept| {
                (other.latency_ns, std::cmp::Reverse(&*other.id)) >= (request.latency_ns, std::cmp::Reverse(&*id))
            };
            let place = kept.partition_point(slower);
            if place < EXAMPLES && trace.spans.len() <= EXAMPLE_SPANS && kept.iter().all(|other| other.id != id) {
                kept.insert(place, Kept { latency_ns: request.latency_ns, id: id.to_string(), trace: trace.clone() });
                kept.truncate(EXAMPLES);
            }
        });
        self.without_request += u64::from(!found);
        for (name, selector) in &self.apis {
            self.workspace.attribute(trace, selector, names, &NoCatalog, |request| {
                let root = texts.span(trace.id, request.root);
                *out_of_time += u64::from(!requests.add(request, trace.spans.len(), names, (&id, &root), Some(name)));
            });
        }
    }

    /// The traces that are kept whole, by month of their request.
    pub(crate) fn examples(&self, vocabulary: &Vocabulary, texts: &IdTexts) -> BTreeMap<Month, SpanRows> {
        let mut months = BTreeMap::<Month, SpanRows>::new();
        let mut seen = std::collections::BTreeSet::new();
        for ((_, _, hour), kept) in &self.examples {
            let month = leap_orient::latency::day_of(hour * HOUR_NS).month();
            for example in kept {
                if seen.insert(&example.id) {
                    let spans = months.entry(month).or_default();
                    let id = example.trace.id;
                    spans.add(&example.trace, &example.id, vocabulary.names(), |span| texts.span(id, span));
                }
            }
        }
        months
    }
}
