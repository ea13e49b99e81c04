//! Whole traces become requests with slices, and the slowest of each API and hour are kept whole.

use std::collections::{BTreeMap, HashMap};

use leap_observe::traces::{IdTexts, Vocabulary};
use leap_orient::latency::{NoCatalog, Requests, Selector, SpanRows, Workspace};
use leap_terms::{Month, Trace};

/// So many of the slowest requests of an API and hour are kept whole.
pub(crate) const EXAMPLES: usize = 16;
/// A trace of more spans is not kept whole.
pub(crate) const EXAMPLE_SPANS: usize = 50_000;

pub(super) const HOUR_NS: u64 = 3_600_000_000_000;
/// APIs and hours of which a stream remembers how slow the kept ones were.
const REMEMBERED: usize = 20_000;
/// Spans that a stream keeps whole until they are stored.
const STREAMED_SPANS: usize = 1_000_000;

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
    examples: BTreeMap<Bucket, Vec<Kept>>,
    /// Of a stream: how slow the slowest of an API and hour were that went before, slowest first.
    before: Option<BTreeMap<Bucket, Vec<u64>>>,
    example_spans: usize,
    given_again: bool,
}

/// Service, operation, hour.
type Bucket = (String, String, u64);

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
            before: None,
            example_spans: 0,
            given_again: false,
        }
    }

    /// None yet, of a stream that goes on for ever: its parts are taken out with [`Gathered::part`].
    pub(crate) fn of_stream(apis: Vec<(String, Selector)>) -> Gathered {
        Gathered { before: Some(BTreeMap::new()), ..Gathered::new(apis) }
    }

    /// What came until now; then begins anew.
    pub(crate) fn part(&mut self) -> Gathered {
        let mut before = self.before.take().unwrap_or_default();
        for (bucket, kept) in &self.examples {
            let slowest = before.entry(bucket.clone()).or_default();
            slowest.extend(kept.iter().map(|kept| kept.latency_ns));
            slowest.sort_unstable_by(|a, b| b.cmp(a));
            slowest.truncate(EXAMPLES);
        }
        if before.len() > REMEMBERED {
            let newest = before.keys().map(|(_, _, hour)| *hour).max().unwrap_or(0);
            before.retain(|(_, _, hour), _| *hour >= newest);
            before = if before.len() > REMEMBERED { BTreeMap::new() } else { before };
        }
        let next = Gathered { before: Some(before), ..Gathered::new(std::mem::take(&mut self.apis)) };
        let mut part = std::mem::replace(self, next);
        part.only_the_wholest();
        part
    }

    /// Says that a trace that was added comes once more, with more spans.
    pub(crate) fn comes_again(&mut self) {
        self.given_again = true;
    }

    /// Of a trace that was added more than once, the requests of its wholest version.
    fn only_the_wholest(&mut self) {
        if !self.given_again {
            return;
        }
        let mut most = HashMap::<String, u64>::new();
        for (at, row) in self.requests.rows().iter().enumerate() {
            if let Some((trace, _)) = self.requests.ids(at) {
                let spans = most.entry(trace.to_owned()).or_default();
                *spans = (*spans).max(row.spans);
            }
        }
        let mut requests = std::mem::take(&mut self.requests);
        let ids: Vec<bool> = (0..requests.rows().len())
            .map(|at| requests.ids(at).is_none_or(|(trace, _)| most.get(trace) == Some(&requests.rows()[at].spans)))
            .collect();
        requests.retain(|at, _| ids[at]);
        self.requests = requests;
    }

    /// Attributes a trace.
    pub(crate) fn add(&mut self, trace: &Trace, vocabulary: &Vocabulary, texts: &IdTexts) {
        let names = vocabulary.names();
        let id = texts.trace(trace.id);
        let (requests, examples, out_of_time) = (&mut self.requests, &mut self.examples, &mut self.out_of_time);
        let (before, example_spans) = (&self.before, &mut self.example_spans);
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
            if trace.spans.len() > EXAMPLE_SPANS {
                return;
            }
            if let Some(before) = before {
                let fast =
                    |slowest: &Vec<u64>| slowest.len() == EXAMPLES && slowest[EXAMPLES - 1] >= request.latency_ns;
                if before.get(&key).is_some_and(fast) || *example_spans > STREAMED_SPANS {
                    return;
                }
            }
            let kept = examples.entry(key).or_default();
            if let Some(same) = kept.iter().position(|other| other.id == id) {
                // Twice in one trace, or the same trace with more spans than when it was given before.
                if kept[same].trace.spans.len() >= trace.spans.len() {
                    return;
                }
                *example_spans -= kept.remove(same).trace.spans.len();
            }
            let slower = |other: &Kept| {
                (other.latency_ns, std::cmp::Reverse(&*other.id)) >= (request.latency_ns, std::cmp::Reverse(&*id))
            };
            let place = kept.partition_point(slower);
            if place < EXAMPLES {
                *example_spans += trace.spans.len();
                kept.insert(place, Kept { latency_ns: request.latency_ns, id: id.to_string(), trace: trace.clone() });
                *example_spans -=
                    kept.drain(EXAMPLES.min(kept.len())..).map(|gone| gone.trace.spans.len()).sum::<usize>();
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
        let mut wholest = HashMap::<&str, usize>::new();
        for kept in self.examples.values().flatten() {
            let spans = wholest.entry(&kept.id).or_default();
            *spans = (*spans).max(kept.trace.spans.len());
        }
        let mut seen = std::collections::BTreeSet::new();
        for ((_, _, hour), kept) in &self.examples {
            let month = leap_orient::latency::day_of(hour * HOUR_NS).month();
            for example in kept {
                if wholest.get(&*example.id) == Some(&example.trace.spans.len()) && seen.insert(&example.id) {
                    let spans = months.entry(month).or_default();
                    let id = example.trace.id;
                    spans.add(&example.trace, &example.id, vocabulary.names(), |span| texts.span(id, span));
                }
            }
        }
        months
    }
}
