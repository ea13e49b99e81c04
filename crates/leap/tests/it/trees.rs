//! A hundred thousand random traces: intake's assembly and attribution, replay and the composition of the tail, and the
//! independent auditor, must say the same of every request, owner, kind, caller, service, slice and counter; and the
//! properties P1 to P9 of the definition hold on them.
//!
//! ```text
//! trees 100000, requests 98316, spans 2300000, figures compared 9123456, differences 0
//! ```
//! `LEAP_TREES=2000` makes fewer, `LEAP_TREES_FROM=731` starts at another seed. Of a difference it prints the seed and
//! what differs; of the first one the spans too.

mod compare;
mod properties;
mod tails;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use leap_observe::traces::{Arrival, Assembler, AssemblyLimits, Vocabulary, VocabularyLimits};
use leap_orient::latency::{NoCatalog, Peers, Selector, Workspace};
use leap_sim::audit::latency::{AuditedRequest, requests};
use leap_sim::company::{Random, RandomTrace, random_trace};
use leap_terms::{NameId, Span, SpanId, Trace, TraceId, Weight};

use crate::harness::shared;
use crate::traces::traces;
use compare::Compared;

/// Trees of the everyday run.
const TREES: u64 = 100_000;
/// Spans of a tree at most, repeated ones not counted.
const SPANS: usize = 40;
/// Seeds that a thread takes at a time; their requests are composed together.
const BLOCK: u64 = 250;
/// Differences shown.
const SHOWN: usize = 20;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

/// The catalogue of a random trace.
struct Catalogue<'a>(&'a BTreeMap<NameId, NameId>);

impl Peers for Catalogue<'_> {
    fn service_of(&self, peer: NameId) -> Option<NameId> {
        self.0.get(&peer).copied()
    }
}

/// What a parser makes of a span: an end before the start is moved, and marked.
fn cleaned(mut span: Span) -> Span {
    if span.end < span.start {
        span.end = span.start;
        span.flags |= Span::NEGATIVE;
    }
    span
}

/// The spans as one trace, through intake's assembly.
fn assembled(spans: &[Span], id: TraceId) -> Trace {
    let mut assembler = Assembler::new(AssemblyLimits::default());
    let mut trace = None;
    let mut give = |given: leap_observe::traces::Given<'_>| trace = Some(given.trace.clone());
    for span in spans {
        assembler.push(&Arrival { trace: id, weight: Weight::Unknown, span: cleaned(*span) }, 0, &mut give);
    }
    assembler.finish(&mut give);
    trace.expect("spans make a trace")
}

fn selector(made: &RandomTrace) -> Selector {
    let text = |name: NameId| made.names.text(name).to_owned();
    made.chosen.map_or_else(Selector::default, |chosen| Selector {
        service: chosen.service.map(text),
        operation: chosen.operation.map(text),
        kind: chosen.kind,
    })
}

fn audited(made: &RandomTrace) -> Vec<AuditedRequest> {
    let chosen = made.chosen.map(|chosen| move |span: &Span| chosen.is(span));
    requests(&made.spans, chosen.as_ref().map(|chosen| chosen as _), &|peer| made.peers.get(&peer).copied())
}

/// Everything about one seed.
fn one_tree(seed: u64, workspace: &mut Workspace, compared: &mut Compared, pool: &mut tails::Pool) {
    let mut random = Random::new(seed);
    let made = random_trace(&mut random, SPANS);
    let audited = audited(&made);
    let trace = assembled(&made.spans, TraceId(u128::from(seed) + 1));
    compared.spans += made.spans.len() as u64;
    compared.trace(&trace, &made, &selector(&made), workspace, &audited);
    properties::all(&mut random, &trace, &made, workspace, &audited, compared);
    if seed.is_multiple_of(8) {
        through_bytes(&made, workspace, compared);
    }
    pool.add(&audited);
}

/// The same trace written as OTLP and read again, where OTLP can say it: no FOLLOWS_FROM, no server halves, hosts and
/// peers as attributes.
fn through_bytes(made: &RandomTrace, workspace: &mut Workspace, compared: &mut Compared) {
    let mut sayable = made.clone();
    let mut seen = Vec::new();
    sayable.spans.retain_mut(|span| {
        (span.id.half, span.parent.half) = (0, 0);
        span.flags &= Span::RETRY | Span::ERROR;
        span.flags |= if span.peer == NameId::NONE { 0 } else { Span::PEER_SERVICE };
        span.host = if span.host == NameId::NONE { span.service } else { span.host };
        let fresh = !seen.contains(&span.id);
        seen.push(span.id);
        fresh
    });
    let id = TraceId(7);
    let (mut body, mut batch) = (Vec::new(), leap_observe::traces::Batch::default());
    let whole = Trace { id, spans: sayable.spans.clone(), ..Trace::default() };
    leap_observe::traces::otlp_write::write_traces(&mut body, &sayable.names, &[&whole]);
    let mut vocabulary = Vocabulary::new(["team"], VocabularyLimits::default());
    let limits = leap_observe::traces::ScanLimits::BODY;
    leap_observe::traces::otlp_proto::scan(&body, &limits, &mut vocabulary, &mut batch)
        .expect("what was written is read");
    let (mut assembler, mut trace) = (Assembler::new(AssemblyLimits::default()), None);
    let mut give = |given: leap_observe::traces::Given<'_>| trace = Some(given.trace.clone());
    assembler.push_all(&batch.spans, 0, &mut give);
    assembler.finish(&mut give);
    let trace = trace.expect("spans make a trace");
    let texts = |found: BTreeMap<compare::Key, u64>, text: &dyn Fn(NameId) -> String| {
        let keys = |((owner, kind, caller), ns): (compare::Key, u64)| (text(owner), kind, text(caller), ns);
        let mut found: Vec<_> = found.into_iter().map(keys).collect();
        found.sort();
        found
    };
    let mut found = BTreeMap::new();
    workspace.attribute(&trace, &selector(made), vocabulary.names(), &NoCatalog, |request| {
        let parts = texts(compare::parts(request.parts), &|name| vocabulary.text(name).to_owned());
        found.insert(request.root, (request.latency_ns, parts, request.stats.counted()));
    });
    for request in audited_without_catalogue(&sayable) {
        let parts = texts(compare::audited_parts(&request), &|name| sayable.names.text(name).to_owned());
        let counted: Vec<(&str, u64)> = request.counters.iter().map(|(name, count)| (*name, *count)).collect();
        let said = found.remove(&request.root).map(|(latency, parts, counted)| (latency, parts, counted.to_vec()));
        compared.figure("through OTLP", &said, &Some((request.latency_ns, parts, counted)));
    }
    compared.figure("through OTLP: further requests", &found.len(), &0);
}

fn audited_without_catalogue(made: &RandomTrace) -> Vec<AuditedRequest> {
    let chosen = made.chosen.map(|chosen| move |span: &Span| chosen.is(span));
    requests(&made.spans, chosen.as_ref().map(|chosen| chosen as _), &|_| None)
}

fn shown(made: &RandomTrace) -> String {
    let name = |name: NameId| made.names.text(name).to_owned();
    let mut out = format!("chosen {:?}, peers {:?}\n", made.chosen, made.peers);
    let least = made.spans.iter().map(|span| span.start.min(span.end)).min().unwrap_or(0);
    for span in &made.spans {
        let parent = if span.parent == SpanId::NONE { "-".to_owned() } else { span.parent.to_string() };
        let (from, until) = (span.start - least, span.end - least);
        let (service, host, peer) = (name(span.service), name(span.host), name(span.peer));
        let kind = span.kind.word();
        out += &format!("{} {parent} {service}@{host} {kind} {from} {until} {:#x} {peer}\n", span.id, span.flags);
    }
    out
}

#[test]
fn a_hundred_thousand_random_trees_are_attributed_as_the_auditor_attributes_them() {
    let (trees, first) = (number("LEAP_TREES", TREES), number("LEAP_TREES_FROM", 0));
    let threads = std::thread::available_parallelism().map_or(2, usize::from).max(2);
    let next = AtomicU64::new(0);
    let total = Mutex::new((Compared::default(), Vec::<String>::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let (mut workspace, mut all, mut texts) = (Workspace::new(), Compared::default(), Vec::new());
                loop {
                    let block = next.fetch_add(BLOCK, Ordering::Relaxed);
                    if block >= trees {
                        break;
                    }
                    let mut pool = tails::Pool::default();
                    for seed in first + block..first + (block + BLOCK).min(trees) {
                        let mut compared = Compared::default();
                        one_tree(seed, &mut workspace, &mut compared, &mut pool);
                        if texts.len() < SHOWN && !compared.found.is_empty() {
                            let trace = random_trace(&mut Random::new(seed), SPANS);
                            let spans = if texts.is_empty() { shown(&trace) } else { String::new() };
                            texts.push(format!("seed {seed}: {}\n{spans}", compared.found.join("\n")));
                        }
                        all.add(&compared);
                    }
                    let mut compared = Compared::default();
                    pool.compose(&mut compared);
                    if texts.len() < SHOWN && !compared.found.is_empty() {
                        texts.push(format!("seeds from {}: {}", first + block, compared.found.join("\n")));
                    }
                    all.add(&compared);
                }
                let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                total.0.add(&all);
                total.1.extend(texts);
            });
        }
    });
    let (compared, texts) = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    texts.iter().take(SHOWN).for_each(|text| println!("{text}"));
    println!("{}", compared.counts());
    println!(
        "trees {trees}, requests {}, spans {}, figures compared {}, differences {}",
        compared.requests, compared.spans, compared.figures, compared.differences
    );
    assert_eq!(compared.differences, 0, "figures in which the product and the auditor differ");
    assert!(compared.figures > trees * 20, "only {} figures were compared", compared.figures);
    assert!(compared.requests > trees / 2, "only {} requests were compared", compared.requests);
    compared.every_property_was_tried(trees);
}

/// The folders of staged traces, and every file in them.
fn staged() -> Option<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for folder in std::fs::read_dir(shared("traces")?).expect("staged traces are a folder") {
        let folder = folder.expect("an entry").path();
        if folder.is_dir() {
            files.extend(std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("an entry").path()));
        }
    }
    files.sort();
    Some(files)
}

#[test]
fn every_staged_trace_is_attributed_as_the_auditor_attributes_it() {
    let Some(files) = staged() else { return };
    let (mut compared, mut workspace) = (Compared::default(), Workspace::new());
    for file in &files {
        let (traces, vocabulary, batch) = traces(file);
        for trace in &traces {
            let spans: Vec<Span> =
                batch.spans.iter().filter(|arrival| arrival.trace == trace.id).map(|arrival| arrival.span).collect();
            compared.spans += spans.len() as u64;
            let made = RandomTrace { spans, names: vocabulary.names().clone(), chosen: None, peers: BTreeMap::new() };
            compared.trace(trace, &made, &Selector::default(), &mut workspace, &audited(&made));
            if let Some(found) = compared.found.first() {
                panic!("{} trace {}: {found}", file.display(), trace.id);
            }
        }
    }
    println!(
        "files {}, requests {}, spans {}, figures compared {}, differences {}",
        files.len(),
        compared.requests,
        compared.spans,
        compared.figures,
        compared.differences
    );
    assert_eq!((compared.requests, compared.differences), (1735, 0));
}
