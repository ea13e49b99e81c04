//! The staged traces: counts as their list of sources says, ids and roots as the expected answers say.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::super::*;

fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/traces"));
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no staged traces at {}", folder.display());
    None
}

struct Taken {
    batch: Batch,
    vocabulary: Vocabulary,
    traces: Vec<leap_terms::Trace>,
}

fn taken(bytes: &[u8]) -> (Kind, Taken) {
    let (mut vocabulary, mut batch) = (Vocabulary::default(), Batch::default());
    assert!(detect::detect_start(&bytes[..bytes.len().min(65_536)]).is_ok());
    let kind = read(bytes, &ScanLimits::FILE, &mut vocabulary, &mut batch).expect("a staged file");
    let (mut assembler, mut traces) = (Assembler::new(AssemblyLimits::default()), Vec::new());
    assembler.push_all(&batch.spans, 0, &mut |_| panic!("memory is enough"));
    assembler.finish(&mut |given| traces.push(given.trace.clone()));
    (kind, Taken { batch, vocabulary, traces })
}

#[test]
fn spans_and_traces_are_as_many_as_the_sources_say() {
    let Some(folder) = folder() else { return };
    let sources = std::fs::read_to_string(folder.join("SOURCES.md")).unwrap();
    let mut files = 0;
    for row in sources.lines().filter(|line| line.starts_with("| ") && line.contains(".json")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (file, traces, spans) = (cells[1], cells[5].parse::<usize>().unwrap(), cells[6].parse::<usize>().unwrap());
        let (kind, taken) = taken(&std::fs::read(folder.join(file)).unwrap());
        let expected = match file {
            _ if file.starts_with("zipkin/") => Kind::Zipkin,
            _ if file.contains("otlp") => Kind::OtlpJson,
            _ => Kind::Jaeger,
        };
        assert_eq!(kind, expected, "{file}");
        assert_eq!((taken.traces.len(), taken.batch.spans.len()), (traces, spans), "{file}");
        assert_eq!(taken.batch.rejected, Rejected::default(), "{file}");
        files += 1;
    }
    assert_eq!(files, 42);
}

#[test]
fn roots_services_and_latencies_are_those_of_the_expected_answers() {
    let Some(folder) = folder() else { return };
    let bytes = std::fs::read(folder.join("expected_lcp1.jsonl.gz")).unwrap();
    let text = String::from_utf8(decompress(&bytes, 1 << 30).unwrap().into_owned()).unwrap();
    let mut by_file: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        by_file.entry(line["file"].as_str().unwrap().to_owned()).or_default().push(line);
    }
    let mut checked = 0;
    for (file, lines) in by_file {
        let (_, taken) = taken(&std::fs::read(folder.join(&file)).unwrap());
        let (texts, names) = (&taken.batch.texts, &taken.vocabulary);
        for line in lines {
            let id = line["trace"].as_str().unwrap();
            let trace = taken.traces.iter().find(|trace| texts.trace(trace.id) == id).expect(id);
            let spans = trace.spans.len() as u64 + trace.duplicates;
            assert_eq!(spans, line["spans"].as_u64().unwrap(), "{file} {id}");
            assert_eq!(trace.duplicates, line["stats"]["duplicate_span_id"].as_u64().unwrap_or(0), "{file} {id}");
            checked += 1;
            if line["error"] == "no_root" {
                assert!(trace.incomplete && trace.spans.iter().all(|span| !span.parent.is_none()));
                continue;
            }
            let root_text = line["root"].as_str().unwrap();
            let root = trace.spans.iter().find(|span| texts.span(trace.id, span.id) == root_text).expect(root_text);
            assert!(root.parent.is_none() && !trace.incomplete, "{file} {id}");
            assert_eq!(root.end - root.start, line["latency_ns"].as_u64().unwrap(), "{file} {id}");
            assert_eq!(names.text(root.service), line["root_service"], "{file} {id}");
            assert_eq!(names.text(root.operation), line["root_op"], "{file} {id}");
            // Every owner is a service of the trace or the peer of one of its spans.
            for owner in line["by_owner_ns"].as_object().unwrap().keys() {
                let known = |span: &Span| names.text(span.service) == owner || names.text(span.peer) == owner;
                assert!(trace.spans.iter().any(known), "{file} {id} {owner}");
            }
        }
    }
    assert_eq!(checked, 1_736);
}

#[test]
fn no_parent_is_missing_in_the_zipkin_traces() {
    let Some(folder) = folder() else { return };
    for file in ["ascend", "envoy", "messaging", "messaging-kafka", "simple-db-p6", "skew", "yelp"] {
        let (_, taken) = taken(&std::fs::read(folder.join("zipkin").join(format!("{file}.json"))).unwrap());
        for trace in &taken.traces {
            for span in trace.spans.iter().filter(|span| !span.parent.is_none()) {
                assert!(trace.spans.iter().any(|parent| parent.id == span.parent), "{file} {}", span.id);
            }
        }
    }
}

#[test]
fn resources_of_the_staged_traces_become_facts() {
    let Some(folder) = folder() else { return };
    let (_, taken) = taken(&std::fs::read(folder.join("trainticket/baseline.otlp.json.gz")).unwrap());
    let gateway = taken.vocabulary.names().find("ts-gateway-service").unwrap();
    let [facts] = taken.vocabulary.facts(gateway) else { panic!("one combination") };
    assert_eq!(taken.vocabulary.text(facts.namespace), "trainticket");
    let spans: u64 = taken.vocabulary.services().iter().map(|name| taken.vocabulary.facts(*name)[0].spans).sum();
    assert_eq!(spans, taken.batch.spans.len() as u64);
}

#[test]
fn staged_traces_survive_the_way_through_protobuf() {
    let Some(folder) = folder() else { return };
    let (_, taken) = taken(&std::fs::read(folder.join("onlineboutique/baseline.otlp.json.gz")).unwrap());
    let mut body = Vec::new();
    let whole: Vec<&leap_terms::Trace> = taken.traces.iter().collect();
    otlp_write::write_traces(&mut body, taken.vocabulary.names(), &whole);
    assert_eq!(detect(&body), Ok(Kind::OtlpProto));
    let (mut vocabulary, mut batch) = (Vocabulary::default(), Batch::default());
    otlp_proto::scan(&body, &ScanLimits::FILE, &mut vocabulary, &mut batch).unwrap();
    let shape = |vocabulary: &Vocabulary, arrival: &Arrival| {
        let span = arrival.span;
        let names = [span.service, span.host, span.operation].map(|name| vocabulary.text(name).to_owned());
        (arrival.trace, span.id, span.parent, span.start, span.end, span.kind, names)
    };
    let sorted = |vocabulary: &Vocabulary, batch: &Batch| {
        let mut shapes: Vec<_> = batch.spans.iter().map(|arrival| shape(vocabulary, arrival)).collect();
        shapes.sort_unstable();
        shapes
    };
    assert_eq!(sorted(&vocabulary, &batch), sorted(&taken.vocabulary, &taken.batch));
}
