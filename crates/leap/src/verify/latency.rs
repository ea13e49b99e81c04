//! Latency once more: requests of every delivery whose file can be read again, and those of every trace that is kept
//! whole, divided by the auditor and compared with what is stored.
//!
//! ```text
//! traces of a raw file  → auditor ┐
//! traces kept whole     → auditor ┴→ = requests with slices in the lake, every nanosecond by service, kind and caller
//! ```
//! A trace counts once: where a wholer version of it came later, that one is stored, and must be what its own file
//! says. What came over the network has no file; of that, the traces kept whole are divided again, and every request's
//! slices add up.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use leap_book::{TraceDelivery, TraceFile};
use leap_observe::traces::{Batch, ScanLimits, Vocabulary, VocabularyLimits, read};
use leap_orient::latency::{Requests, Selector};
use leap_sim::audit::latency::{AuditedRequest, requests};
use leap_terms::tables::Table;
use leap_terms::{Digest, FileRecord, NameId, Names, Span};

use crate::failure::Failure;
use crate::home::Home;
use crate::traces::{self, STREAM, universal};

/// The auditor goes through all spans for each span: a trace of more is not divided again.
const SPANS: usize = 4_000;

/// What was compared.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Latency {
    /// Files of the tables of latency, all read whole.
    pub(super) files: usize,
    /// Files of traces that came, and how many of them were read again.
    pub(super) deliveries: usize,
    pub(super) reread: usize,
    /// Requests that are stored.
    pub(super) requests: usize,
    /// Of these, how many were divided again and found equal, from raw files or from traces kept whole.
    pub(super) equal: usize,
    /// Figures compared: each request's latency and each of its slices.
    pub(super) figures: u64,
    /// Traces too large to divide again.
    pub(super) too_large: usize,
    /// What is not as it should be.
    pub(super) differences: Vec<String>,
    /// Files that are gone or changed since.
    pub(super) absent: Vec<String>,
}

/// Trace, root, and the API inside another request.
type Name = (String, String, String);
/// Owner, kind and caller.
type PartName = (String, &'static str, String);

/// What a request is.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Figures {
    latency_ns: u64,
    parts: BTreeMap<PartName, u128>,
}

/// A stored request, and what the auditor says of it.
struct Held {
    at: usize,
    /// It came over the network.
    streamed: bool,
    of_file: Witness,
    of_kept: Witness,
}

/// What was made of one kind of witnesses.
#[derive(Default)]
struct Witness {
    equal: bool,
    differs: Option<String>,
}

impl Held {
    fn new(at: usize, streamed: bool) -> Held {
        Held { at, streamed, of_file: Witness::default(), of_kept: Witness::default() }
    }

    /// What is wrong. Of files that hold the same trace differently and with as many spans the first was stored, and
    /// one that agrees is enough.
    fn fault(&self) -> Option<&String> {
        let of_file = self.of_file.differs.as_ref().filter(|_| !self.of_file.equal);
        self.of_kept.differs.as_ref().or(of_file)
    }

    fn equal(&self) -> bool {
        self.fault().is_none() && (self.of_file.equal || self.of_kept.equal)
    }
}

/// Compares all that is stored; files that are damaged are added to `damaged`, and then nothing is compared.
pub(super) async fn compare(home: &Home, damaged: &mut Vec<String>) -> Result<Latency, Failure> {
    let book = |error: leap_book::BookError| Failure::from_error(&error);
    let (_, files) = home.book.trace_files(0, u64::MAX, None).await.map_err(book)?;
    let recorded = home.book.trace_deliveries().await.map_err(book)?;
    // What no file holds cannot be read again, and histograms hold no request.
    let streamed =
        |delivery: &TraceDelivery| delivery.format.ends_with("stream") || delivery.format.starts_with("OTLP metrics");
    let deliveries = recorded.into_iter().map(|recorded| recorded.delivery).filter(|delivery| !streamed(delivery));
    let deliveries: Vec<TraceDelivery> = deliveries.collect();
    let mut found = Latency { files: files.len(), deliveries: deliveries.len(), ..Latency::default() };
    let broken = files.iter().filter_map(|file| home.lake.check(&file.record).err());
    let broken: Vec<String> = broken.map(|error| Failure::from_error(&error).message).collect();
    if !broken.is_empty() {
        damaged.extend(broken);
        return Ok(found);
    }
    let mut stored = Requests::new();
    let open = |file: &FileRecord, columns: Option<&[&str]>| home.lake.scan(file, columns);
    let mut held = HashMap::<Name, Vec<Held>>::new();
    for (first, second) in traces::pairs(&files)? {
        let from = stored.rows().len();
        // Slices that do not add up to their request are refused here.
        if let Err(failure) = traces::read_pair(&mut stored, (&first.record, &second.record), true, &open) {
            found.differences.push(failure.message);
            return Ok(found);
        }
        let streamed = first.record.scope.source.as_str() == STREAM;
        for at in from..stored.rows().len() {
            let (trace, root) = stored.ids(at).expect("ids were read");
            let name = (trace.to_owned(), root.to_owned(), stored.text(stored.rows()[at].api).to_owned());
            held.entry(name).or_default().push(Held::new(at, streamed));
        }
    }
    found.requests = stored.rows().len();
    found.differences.extend(traces::differences(home, &files, &stored)?);
    let apis: Vec<(String, Selector)> = traces::apis(&home.settings);
    let mut compared = Compared { stored: &stored, held, apis: &apis, found };
    for delivery in &deliveries {
        compared.delivery(delivery);
    }
    compared.kept_whole(home, &files)?;
    Ok(compared.finish())
}

struct Compared<'a> {
    stored: &'a Requests,
    held: HashMap<Name, Vec<Held>>,
    apis: &'a [(String, Selector)],
    found: Latency,
}

impl Compared<'_> {
    /// Reads a delivery's file again.
    fn delivery(&mut self, delivery: &TraceDelivery) {
        let bytes = match std::fs::read(Path::new(&delivery.path)) {
            Ok(bytes) if Digest::of(&bytes) == delivery.digest => bytes,
            Ok(_) => return self.found.absent.push(format!("{} is another file now", delivery.path)),
            Err(error) => return self.found.absent.push(format!("{}: {error}", delivery.path)),
        };
        let mut vocabulary = Vocabulary::new(["team", "service.owner"], VocabularyLimits::default());
        let mut batch = Batch::default();
        if let Err(error) = read(&bytes, &ScanLimits::FILE, &mut vocabulary, &mut batch) {
            return self.found.differences.push(format!("{} was taken in, but cannot be read: {error}", delivery.path));
        }
        self.found.reread += 1;
        let mut traces = BTreeMap::<_, Vec<Span>>::new();
        for arrival in &batch.spans {
            traces.entry(arrival.trace).or_default().push(arrival.span);
        }
        for (id, spans) in traces {
            let trace = batch.texts.trace(id).into_owned();
            let root = |request: &AuditedRequest| batch.texts.span(id, request.root).into_owned();
            self.trace(&trace, &spans, vocabulary.names(), root, true);
        }
    }

    /// Divides the traces of the table `spans` again.
    fn kept_whole(&mut self, home: &Home, files: &[TraceFile]) -> Result<(), Failure> {
        for file in files.iter().filter(|file| file.record.table == Table::Spans) {
            let kept = traces::read_examples(home, &[file], |_| true)?;
            for example in &kept.traces {
                let root = |request: &AuditedRequest| {
                    let place = example.trace.spans.iter().position(|span| span.id == request.root);
                    place.map_or_else(String::new, |place| example.span_ids[place].clone())
                };
                self.trace(&example.id, &example.trace.spans, &kept.names, root, false);
            }
        }
        Ok(())
    }

    /// Every request of a trace; `raw` where the spans are all that came, in a file.
    fn trace(
        &mut self,
        trace: &str,
        spans: &[Span],
        names: &Names,
        root: impl Fn(&AuditedRequest) -> String,
        raw: bool,
    ) {
        if spans.len() > SPANS {
            self.found.too_large += 1;
            return;
        }
        let distinct = spans.iter().map(|span| span.id).collect::<BTreeSet<_>>().len() as u64;
        let ask = |compared: &mut Self, api: &str, audited: Vec<AuditedRequest>| {
            for request in audited {
                compared.request((trace, &root(&request), api), distinct, &request, names, raw);
            }
        };
        ask(self, "", requests(spans, None, &|_| None));
        for (api, selector) in self.apis {
            let text = |name: NameId| names.text(name);
            let chosen = |span: &Span| {
                selector.service.as_ref().is_none_or(|service| text(span.service) == service)
                    && selector.operation.as_ref().is_none_or(|operation| text(span.operation) == operation)
                    && selector.kind.is_none_or(|kind| span.kind == kind)
            };
            // A request of an API that was named later is not stored.
            let audited = requests(spans, Some(&chosen), &|_| None);
            let known =
                |request: &AuditedRequest| self.held.contains_key(&(trace.to_owned(), root(request), api.clone()));
            let audited = audited.into_iter().filter(known).collect();
            ask(self, api, audited);
        }
    }

    fn request(
        &mut self,
        (trace, root, api): (&str, &str, &str),
        spans: u64,
        audited: &AuditedRequest,
        names: &Names,
        raw: bool,
    ) {
        if i64::try_from(audited.start).is_err() || i64::try_from(audited.latency_ns).is_err() {
            return;
        }
        let shown = |name: NameId| if name == NameId::NONE { String::new() } else { names.text(name).to_owned() };
        let parts = audited.parts.iter().filter(|(_, ns)| **ns > 0);
        let parts = parts.map(|((owner, kind, caller), ns)| ((shown(*owner), *kind, shown(*caller)), *ns)).collect();
        let audited = Figures { latency_ns: audited.latency_ns, parts };
        let of = format!(
            "request {root} of trace {trace}{}",
            if api.is_empty() { String::new() } else { format!(" ({api})") }
        );
        let name = (trace.to_owned(), root.to_owned(), api.to_owned());
        let Some(held) = self.held.get_mut(&name) else {
            self.found.differences.push(format!("{of} came in, and is not stored"));
            return;
        };
        self.found.figures += 1 + audited.parts.len() as u64;
        let mut answered = false;
        for held in held {
            let row = &self.stored.rows()[held.at];
            let figures = figures_of(self.stored, held.at);
            let witness = if raw { &mut held.of_file } else { &mut held.of_kept };
            if figures == audited {
                (witness.equal, answered) = (true, true);
            } else if universal(trace) && row.spans > spans && raw {
                // A wholer version came in another file, and is compared with that.
                answered = true;
            } else if !raw || row.spans == spans {
                answered = true;
                witness.differs.get_or_insert_with(|| difference(&figures, &audited));
            }
        }
        if !answered {
            self.found.differences.push(format!("{of} came in with {spans} spans, and is stored with fewer"));
        }
    }

    fn finish(mut self) -> Latency {
        let whole = self.found.reread == self.found.deliveries && self.found.too_large == 0;
        let mut missing = 0_u64;
        for ((trace, root, api), held) in &self.held {
            for held in held {
                self.found.equal += usize::from(held.equal());
                match held.fault() {
                    _ if held.equal() => {}
                    Some(why) => self.found.differences.push(format!("request {root} of trace {trace}: {why}")),
                    // Of an API that the settings name no more there is nothing to compare with.
                    None if whole
                        && !held.streamed
                        && (api.is_empty() || self.apis.iter().any(|(known, _)| known == api)) =>
                    {
                        missing += 1
                    }
                    None => {}
                }
            }
        }
        if missing > 0 {
            self.found.differences.push(format!("{missing} requests are stored that no file holds"));
        }
        self.found.differences.sort();
        self.found
    }
}

fn figures_of(stored: &Requests, at: usize) -> Figures {
    let row = &stored.rows()[at];
    let mut parts = BTreeMap::new();
    for part in stored.parts(row).iter().filter(|part| part.ns > 0) {
        let name = |name: NameId| if name == NameId::NONE { String::new() } else { stored.text(name).to_owned() };
        *parts.entry((name(part.owner), part.kind.word(), name(part.caller))).or_insert(0) += u128::from(part.ns);
    }
    Figures { latency_ns: row.latency_ns, parts }
}

/// Where two differ first, in words.
fn difference(stored: &Figures, audited: &Figures) -> String {
    if stored.latency_ns != audited.latency_ns {
        return format!("stored {} ns, audited {} ns", stored.latency_ns, audited.latency_ns);
    }
    let names: BTreeSet<&PartName> = stored.parts.keys().chain(audited.parts.keys()).collect();
    let side = |figures: &Figures, name: &PartName| figures.parts.get(name).copied().unwrap_or(0);
    let differs = names.into_iter().find(|name| side(stored, name) != side(audited, name));
    differs.map_or_else(String::new, |name| {
        let (owner, kind, caller) = name;
        let caller = if caller.is_empty() { String::new() } else { format!(", {caller} waiting") };
        format!("{owner} {kind}{caller}: stored {} ns, audited {} ns", side(stored, name), side(audited, name))
    })
}
