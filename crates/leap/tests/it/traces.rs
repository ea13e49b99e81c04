//! Real traces, from their files to owned nanoseconds: every integer as a program of another language worked it out.

use std::collections::BTreeMap;
use std::path::Path;

use leap_observe::traces::{
    Assembler, AssemblyLimits, Batch, ScanLimits, Vocabulary, VocabularyLimits, decompress, read,
};
use leap_orient::latency::{NoCatalog, Selector, Workspace};
use leap_terms::Trace;
use serde_json::Value;

use crate::harness::shared;

/// One file's traces, with the names in them.
pub(crate) fn traces(path: &Path) -> (Vec<Trace>, Vocabulary, Batch) {
    let mut vocabulary = Vocabulary::new(["team", "service.owner"], VocabularyLimits::default());
    let mut batch = Batch::default();
    read(&std::fs::read(path).unwrap(), &ScanLimits::FILE, &mut vocabulary, &mut batch).unwrap();
    let mut assembler = Assembler::new(AssemblyLimits::default());
    let mut traces = Vec::new();
    let mut give = |given: leap_observe::traces::Given<'_>| traces.push(given.trace.clone());
    assembler.push_all(&batch.spans, 0, &mut give);
    assembler.finish(&mut give);
    (traces, vocabulary, batch)
}

#[test]
fn every_staged_trace_is_attributed_as_the_definition_says() {
    let Some(folder) = shared("traces") else { return };
    let mut text = String::new();
    let packed = std::fs::read(folder.join("expected_lcp1.jsonl.gz")).unwrap();
    text.push_str(std::str::from_utf8(&decompress(&packed, ScanLimits::FILE.bytes).unwrap()).unwrap());
    let mut expected = BTreeMap::<String, Vec<Value>>::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        expected.entry(line["file"].as_str().unwrap().to_owned()).or_default().push(line);
    }
    let (mut compared, mut without_root, mut workspace) = (0, 0, Workspace::new());
    for (file, lines) in &expected {
        let (traces, vocabulary, batch) = traces(&folder.join(file));
        let mut found = BTreeMap::new();
        for trace in &traces {
            workspace.attribute(trace, &Selector::default(), vocabulary.names(), &NoCatalog, |request| {
                let name = |id| vocabulary.text(id).to_owned();
                let services: BTreeMap<String, u64> =
                    request.services.iter().map(|(id, ns)| (name(*id), *ns)).collect();
                let mut owners = BTreeMap::<String, u64>::new();
                request.parts.iter().for_each(|part| *owners.entry(name(part.owner)).or_default() += part.ns);
                let stats = request.stats;
                let counted: BTreeMap<&str, u64> = [
                    ("negative_duration", stats.negative_duration),
                    ("duplicate_span_id", stats.duplicate_span_id),
                    ("orphan", stats.orphan),
                    ("unreachable", stats.unreachable),
                    ("async_pruned", stats.async_pruned),
                    ("skew_shifted", stats.skew_shifted),
                    ("skew_ns", stats.skew_ns),
                    ("clipped", stats.clipped),
                    ("clipped_ns", stats.clipped_ns),
                    ("dropped_outside", stats.dropped_outside),
                    ("dropped_empty", stats.dropped_empty),
                    ("snapped", stats.snapped),
                ]
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .collect();
                let key = (
                    batch.texts.trace(request.trace).to_string(),
                    batch.texts.span(request.trace, request.root).to_string(),
                );
                let answer = serde_json::json!([request.latency_ns, services, owners, counted]);
                assert!(found.insert(key, answer).is_none(), "{file}: a request was given twice");
            });
        }
        for line in lines {
            if line["error"] == "no_root" {
                assert!(found.is_empty(), "{file} has no root");
                without_root += 1;
                continue;
            }
            let key = (line["trace"].as_str().unwrap().to_owned(), line["root"].as_str().unwrap().to_owned());
            let mut stats = line["stats"].clone();
            stats.as_object_mut().unwrap().retain(|_, count| *count != 0);
            let wanted = serde_json::json!([line["latency_ns"], line["by_service_ns"], line["by_owner_ns"], stats]);
            assert_eq!(found.remove(&key), Some(wanted), "{file} {key:?}");
            compared += 1;
        }
        assert!(found.is_empty(), "{file}: requests that nobody expected: {:?}", found.keys());
    }
    println!("requests compared {compared}, files without a root {without_root}");
    assert_eq!((compared, without_root), (1735, 1));
}
