//! Spans that come without end: put together in bounded memory, attributed, and handed over in parts.
//!
//! ```text
//! scan(body) → room? → push(now) … tick(now) … part(now) → requests since the part before, counts, what services said
//! ```
//! Pure of files and clocks: times are arguments. [`Stream::needed_from`] says which bodies a restart would need again.

use std::collections::{BTreeMap, HashMap};

use leap_book::{ServiceFact, TraceDelivery};
use leap_observe::traces::otlp_metrics::read_metrics;
use leap_observe::traces::prometheus::write_request;
use leap_observe::traces::{
    Assembler, AssemblyCounts, AssemblyLimits, Batch, Full, Given, IdTexts, Kind, Rejected, ScanLimits, TraceError,
    Vocabulary, VocabularyLimits, read_as,
};
use leap_orient::latency::{Selector, day_of};
use leap_terms::{DeliveryId, Digest, Trace};
use serde_json::{Map, Value, json};

use crate::traces::{Chosen, Delivered, Gathered, Origin, Point, choose, facts};

const HOUR_NS: u64 = 3_600_000_000_000;

/// What a stream counted since it began, by name.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

/// Traces in flight and the requests made of them.
pub(super) struct Stream {
    vocabulary: Vocabulary,
    assembler: Assembler,
    batch: Batch,
    /// Metrics that are histograms of requests.
    metrics: Vec<String>,
    /// Of the body of metrics that was read last.
    chosen: Chosen,
    /// Histograms that wait to be handed over.
    points: Vec<Point>,
    histograms: u64,
    histograms_passed: u64,
    histograms_refused: u64,
    gathered: Taking,
    bodies: u64,
    rejected: Rejected,
    /// Counted by others: bodies sent away, damaged records …
    pub(super) others: Counts,
    without_request: u64,
    out_of_time: u64,
    requests: u64,
    /// What the book was told last.
    told: Counts,
    told_at: u64,
    facts: HashMap<ServiceFact, (u64, u64)>,
}

/// What becomes of given traces.
struct Taking {
    gathered: Gathered,
    reach: Vec<(u64, u64)>,
    late_traces: u64,
}

/// What came since the part before.
pub(super) struct Part {
    /// Requests to be stored; `None` where nothing is to be stored.
    pub(super) delivered: Option<Delivered>,
    /// Once it is stored, no body that came before this instant is needed any more.
    pub(super) needed_from: u64,
}

impl Taking {
    fn give(&mut self, given: Given<'_>, vocabulary: &Vocabulary) {
        if given.late {
            self.late_traces += 1;
            return;
        }
        if given.again {
            self.gathered.comes_again();
            self.reach.push(extent(given.trace));
        }
        // Ids over the network have the usual form: others are refused by the scan.
        self.gathered.add(given.trace, vocabulary, &IdTexts::default());
    }
}

fn extent(trace: &Trace) -> (u64, u64) {
    let from = trace.spans.iter().map(|span| span.start).min().unwrap_or(0);
    let until = trace.spans.iter().map(|span| span.end).max().unwrap_or(0);
    (from, until)
}

impl Stream {
    /// An empty one. `apis` are requests inside of others, by name.
    pub(super) fn new(limits: AssemblyLimits, apis: Vec<(String, Selector)>) -> Stream {
        Stream {
            vocabulary: Vocabulary::new(["team", "service.owner"], VocabularyLimits::default()),
            assembler: Assembler::new(limits),
            batch: Batch::default(),
            metrics: Vec::new(),
            chosen: Chosen::default(),
            points: Vec::new(),
            histograms: 0,
            histograms_passed: 0,
            histograms_refused: 0,
            gathered: Taking { gathered: Gathered::of_stream(apis), reach: Vec::new(), late_traces: 0 },
            bodies: 0,
            rejected: Rejected::default(),
            others: Counts::new(),
            without_request: 0,
            out_of_time: 0,
            requests: 0,
            told: Counts::new(),
            told_at: 0,
            facts: HashMap::new(),
        }
    }

    /// The same, which takes histograms of these metrics.
    pub(super) fn measuring(self, metrics: Vec<String>) -> Stream {
        Stream { metrics, ..self }
    }

    /// Reads a decompressed body of metrics. What it holds for us waits for [`Stream::push`].
    pub(super) fn measure(&mut self, plain: &[u8], remote_write: bool) -> Result<&Chosen, TraceError> {
        self.batch.clear();
        self.chosen = Chosen::default();
        let batch = match remote_write {
            true => write_request(plain, &mut self.vocabulary)?,
            false => read_metrics(plain, &mut self.vocabulary)?,
        };
        self.chosen = choose(batch, &self.vocabulary, &self.metrics);
        Ok(&self.chosen)
    }

    /// Reads a decompressed body. Its spans wait for [`Stream::push`]; a body that was read before and not pushed is
    /// dropped.
    pub(super) fn scan(&mut self, kind: Kind, plain: &[u8]) -> Result<(usize, Rejected), TraceError> {
        self.batch.clear();
        self.chosen = Chosen::default();
        read_as(kind, plain, &ScanLimits::BODY, &mut self.vocabulary, &mut self.batch)?;
        Ok((self.batch.spans.len(), self.batch.rejected))
    }

    /// True where the body that was read last holds histograms of requests.
    pub(super) fn has_measured(&self) -> bool {
        !self.chosen.points.is_empty()
    }

    /// Whether so many spans can be taken now.
    pub(super) fn room(&self, spans: usize, now: u64) -> Result<(), Full> {
        self.assembler.room(spans, now)
    }

    /// Takes the spans or histograms of the body that was read last.
    pub(super) fn push(&mut self, now: u64) {
        self.bodies += 1;
        let seen = self.batch.rejected;
        self.rejected.trace_id += seen.trace_id;
        self.rejected.span_id += seen.span_id;
        self.rejected.parent_id += seen.parent_id;
        self.rejected.times += seen.times;
        let chosen = std::mem::take(&mut self.chosen);
        self.histograms += chosen.points.len() as u64;
        self.histograms_passed += chosen.passed;
        self.histograms_refused += chosen.refused;
        self.points.extend(chosen.points);
        let Stream { assembler, batch, gathered, vocabulary, .. } = self;
        assembler.push_all(&batch.spans, now, &mut |given| gathered.give(given, vocabulary));
        batch.clear();
    }

    /// Closes what is complete by now.
    pub(super) fn tick(&mut self, now: u64) {
        let Stream { assembler, gathered, vocabulary, .. } = self;
        assembler.tick(now, &mut |given| gathered.give(given, vocabulary));
    }

    /// Requests and histograms that wait to be handed over.
    pub(super) fn waiting(&self) -> usize {
        self.gathered.gathered.requests.rows().len() + self.points.len()
    }

    /// Traces in flight, given or not.
    pub(super) fn traces(&self) -> usize {
        self.assembler.traces()
    }

    /// When the oldest body came that traces in flight have spans of: with it and those after it, everything could be
    /// made again that was not handed over. `now` where there are none.
    pub(super) fn needed_from(&self, now: u64) -> u64 {
        self.assembler.oldest().unwrap_or(now)
    }

    /// What was counted so far.
    pub(super) fn counts(&self) -> Counts {
        let AssemblyCounts { spans, traces, again, incomplete, evicted, duplicates, late_spans } =
            self.assembler.counts();
        let gathered = &self.gathered.gathered;
        let mut counts = self.others.clone();
        counts.extend([
            ("bodies", self.bodies),
            ("spans", spans),
            ("traces", traces),
            ("requests", self.requests + gathered.requests.rows().len() as u64),
            ("traces_again", again),
            ("traces_without_request", self.without_request + gathered.without_request),
            ("traces_incomplete", incomplete),
            ("traces_evicted", evicted),
            ("traces_late", self.gathered.late_traces),
            ("late_spans", late_spans),
            ("duplicate_spans", duplicates),
            ("rejected_trace_id", self.rejected.trace_id),
            ("rejected_span_id", self.rejected.span_id),
            ("rejected_parent_id", self.rejected.parent_id),
            ("rejected_times", self.rejected.times + self.out_of_time + gathered.out_of_time),
            ("histograms", self.histograms),
            ("metrics_passed", self.histograms_passed),
            ("histograms_refused", self.histograms_refused),
            ("names_cut", self.vocabulary.cut),
            ("names_beyond_limit", self.vocabulary.others),
        ]);
        counts
    }

    /// What came since the part before. `last` is the last one of the process. The book is told counts and services
    /// once an hour, and at once where a service says something new.
    pub(super) fn part(&mut self, now: u64, last: bool) -> Part {
        let part = self.gathered.gathered.part();
        self.requests += part.requests.rows().len() as u64;
        self.without_request += part.without_request;
        self.out_of_time += part.out_of_time;
        // Only now: requests that were made twice of one trace are counted once.
        let counts = self.counts();
        let reach = std::mem::take(&mut self.gathered.reach);
        let needed_from = self.needed_from(now);
        let services = self.new_facts(last || now.saturating_sub(self.told_at) >= HOUR_NS);
        let told = last || !services.is_empty() || now.saturating_sub(self.told_at) >= HOUR_NS;
        let nothing_new = counts == self.told && services.is_empty();
        // The name is a placeholder: whoever stores it gives it one that is used once.
        let (digest, id) = name_of(&[]);
        let delivery = (told && !nothing_new).then(|| {
            let mut since = Map::new();
            for (name, count) in &counts {
                since.insert((*name).to_owned(), json!(count - self.told.get(name).copied().unwrap_or(0)));
            }
            let counts = Value::Object(since);
            let (path, format) = ("network".to_owned(), "OTLP stream".to_owned());
            TraceDelivery { id: id.clone(), digest, path, format, counts, services }
        });
        if delivery.is_some() {
            (self.told, self.told_at) = (counts, now);
        }
        let points = std::mem::take(&mut self.points);
        if part.requests.rows().is_empty() && delivery.is_none() && points.is_empty() {
            return Part { delivered: None, needed_from };
        }
        let examples = part.examples(&self.vocabulary, &IdTexts::default());
        let origin = Origin::Stream { reach };
        let delivered = Delivered { id, origin, delivery, requests: part.requests, examples, points };
        Part { delivered: Some(delivered), needed_from }
    }

    /// What services said that the book does not know yet: combinations that are new, or seen on a new day; with `all`
    /// also how many spans came since.
    fn new_facts(&mut self, all: bool) -> Vec<ServiceFact> {
        let mut new = Vec::new();
        for mut fact in facts(&self.vocabulary) {
            let key = ServiceFact { first_ns: 0, last_ns: 0, spans: 0, ..fact.clone() };
            let (last_ns, spans) = self.facts.get(&key).copied().unwrap_or_default();
            if spans == fact.spans || (spans > 0 && !all && day_of(fact.last_ns) <= day_of(last_ns)) {
                continue;
            }
            self.facts.insert(key, (fact.last_ns, fact.spans));
            fact.spans -= spans;
            new.push(fact);
        }
        new
    }
}

/// Digest and id of a part that is named by a text.
pub(super) fn name_of(text: &[u8]) -> (Digest, DeliveryId) {
    let digest = Digest::of(text);
    (digest, DeliveryId::new(&digest.short()).expect("16 digits"))
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
