//! A file of traces or of metrics, or all below a folder.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use leap_book::{ServiceFact, TraceDelivery};
use leap_observe::traces::detect::detect_start;
use leap_observe::traces::otlp_metrics::read_metrics;
use leap_observe::traces::{
    Assembler, AssemblyLimits, Batch, Kind, ScanLimits, Vocabulary, VocabularyLimits, decompress, read,
};
use leap_orient::latency::Selector;
use leap_terms::{DeliveryId, Digest, NameId, limits};
use serde_json::{Map, Value, json};

use super::gather::Gathered;
use super::levels::merge_levels;
use super::measure::choose;
use super::store::{Delivered, Origin, Stored, days_of, store};
use crate::clock;
use crate::failure::Failure;
use crate::home::{Home, Settings, failed};

/// Bytes of a file's beginning that tell what it is.
const LOOKED_AT: u64 = 64 << 10;

/// What a file of traces turned out to be.
pub(crate) struct TracesTaken {
    /// `OTLP JSON` …
    pub(crate) format: String,
    /// The delivery.
    pub(crate) delivery: DeliveryId,
    /// True where the same bytes were in already.
    pub(crate) unchanged: bool,
    /// What was counted.
    pub(crate) counts: Value,
    /// What became of its requests.
    pub(crate) stored: Stored,
    /// The days of its requests.
    pub(crate) days: Option<String>,
}

/// The format of traces or metrics that a file begins like; `None` where it does not.
pub(crate) fn is_traces(path: &Path) -> Option<Kind> {
    let mut start = Vec::new();
    File::open(path).and_then(|file| file.take(LOOKED_AT).read_to_end(&mut start)).ok()?;
    detect_start(&start).ok()
}

/// Files of traces at or below a path, in order of their paths.
pub(crate) fn found_below(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    look(path, 0, &mut found);
    found.sort();
    found
}

fn look(path: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if path.is_file() {
        // Bills are recognised by their ending; reading their beginning to no avail would take time in large folders.
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let bill = [".csv", ".csv.gz", ".csv.zst", ".parquet", ".zip"].iter().any(|ending| name.ends_with(ending));
        if !bill && is_traces(path).is_some() {
            found.push(path.to_owned());
        }
        return;
    }
    if depth > limits::FOLDER_DEPTH {
        return;
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        look(&entry.path(), depth + 1, found);
    }
}

/// Takes a file of traces in. `Err(Ok(reason))` refuses it, `Err(Err(failure))` is ours.
pub(crate) async fn take_file(home: &Home, path: &Path, dry: bool) -> Result<TracesTaken, Result<String, Failure>> {
    let ours = |failure: Failure| Err(failure);
    let bytes = std::fs::read(path).map_err(|error| ours(failed("read", path, &error)))?;
    let digest = Digest::of(&bytes);
    let id = DeliveryId::new(&digest.short()).expect("16 digits");
    let known = home.book.trace_delivery_of(digest).await.map_err(|error| ours(Failure::from_error(&error)))?;
    let mut vocabulary = Vocabulary::new(["team", "service.owner"], VocabularyLimits::default());
    let mut batch = Batch::default();
    let kind = is_traces(path);
    let format = kind.map_or_else(String::new, |kind| kind.to_string());
    if known.is_some() {
        let (counts, stored) = (Value::Null, Stored::default());
        return Ok(TracesTaken { format, delivery: id, unchanged: true, counts, stored, days: None });
    }
    if kind.is_some_and(|kind| !kind.is_traces()) {
        return take_metrics(home, (path, &bytes), (id, digest, format), dry).await;
    }
    read(&bytes, &ScanLimits::FILE, &mut vocabulary, &mut batch)
        .map_err(|error| Ok(format!("{}: {error}", path.display())))?;
    drop(bytes);

    // The spans are in memory already: nothing is closed before all of them are there.
    let limits = AssemblyLimits { bytes: usize::MAX, ..AssemblyLimits::default() };
    let mut assembler = Assembler::new(limits);
    let mut gathered = Gathered::new(apis(&home.settings));
    let texts = std::mem::take(&mut batch.texts);
    {
        let mut give = |given: leap_observe::traces::Given<'_>| gathered.add(given.trace, &vocabulary, &texts);
        assembler.push_all(&batch.spans, 0, &mut give);
        assembler.finish(&mut give);
    }
    let counted = assembler.counts();
    let rejected = batch.rejected;
    let mut counts = Map::new();
    for (name, count) in [
        ("spans", batch.spans.len() as u64),
        ("traces", counted.traces),
        ("requests", gathered.requests.rows().len() as u64),
        ("traces_without_request", gathered.without_request),
        ("traces_incomplete", counted.incomplete),
        ("duplicate_spans", counted.duplicates),
        ("rejected_trace_id", rejected.trace_id),
        ("rejected_span_id", rejected.span_id),
        ("rejected_parent_id", rejected.parent_id),
        ("rejected_times", rejected.times + gathered.out_of_time),
        ("names_cut", vocabulary.cut),
        ("names_beyond_limit", vocabulary.others),
    ] {
        counts.insert(name.to_owned(), json!(count));
    }
    let delivered = Delivered {
        id: id.clone(),
        origin: Origin::File,
        delivery: Some(TraceDelivery {
            id: id.clone(),
            digest,
            path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string(),
            format: format.clone(),
            counts: Value::Object(counts.clone()),
            services: facts(&vocabulary),
        }),
        examples: gathered.examples(&vocabulary, &texts),
        requests: gathered.requests,
        points: Vec::new(),
    };
    let days = days_of(&delivered.requests);
    let cause = format!("ingest {}", path.display());
    let stored = store(home, &delivered, &cause, clock::now(), dry).await.map_err(ours)?;
    while !dry && merge_levels(home, clock::now()).await.map_err(ours)? > 0 {}
    Ok(TracesTaken { format, delivery: id, unchanged: false, counts: Value::Object(counts), stored, days })
}

/// Takes a file of metrics in: its histograms of requests.
async fn take_metrics(
    home: &Home,
    (path, bytes): (&Path, &[u8]),
    (id, digest, format): (DeliveryId, Digest, String),
    dry: bool,
) -> Result<TracesTaken, Result<String, Failure>> {
    let refused = |error: leap_observe::traces::TraceError| Ok(format!("{}: {error}", path.display()));
    let mut vocabulary = Vocabulary::default();
    let plain = decompress(bytes, ScanLimits::FILE.bytes).map_err(refused)?;
    let batch = read_metrics(&plain, &mut vocabulary).map_err(refused)?;
    let chosen = choose(batch, &vocabulary, &home.settings.latency.metrics);
    if let (Some(why), true) = (&chosen.why, chosen.points.is_empty()) {
        return Err(Ok(format!("{}: {why}", path.display())));
    }
    let mut counts = Map::new();
    for (name, count) in [
        ("histograms", chosen.points.len() as u64),
        ("metrics_passed", chosen.passed),
        ("histograms_refused", chosen.refused),
    ] {
        counts.insert(name.to_owned(), json!(count));
    }
    let counts = Value::Object(counts);
    let delivered = Delivered {
        id: id.clone(),
        origin: Origin::File,
        delivery: Some(TraceDelivery {
            id: id.clone(),
            digest,
            path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string(),
            format: format.clone(),
            counts: counts.clone(),
            services: Vec::new(),
        }),
        examples: std::collections::BTreeMap::new(),
        requests: leap_orient::latency::Requests::new(),
        points: chosen.points,
    };
    let stored =
        store(home, &delivered, &format!("ingest {}", path.display()), clock::now(), dry).await.map_err(Err)?;
    while !dry && merge_levels(home, clock::now()).await.map_err(Err)? > 0 {}
    Ok(TracesTaken { format, delivery: id, unchanged: false, counts, stored, days: None })
}

/// The APIs inside other requests that the settings name.
pub(crate) fn apis(settings: &Settings) -> Vec<(String, Selector)> {
    settings.latency.apis.iter().filter(|api| api.selects()).map(|api| (api.name.clone(), api.selector())).collect()
}

/// What resources say of services, as the book keeps it.
pub(crate) fn facts(vocabulary: &Vocabulary) -> Vec<ServiceFact> {
    let text = |name: NameId| vocabulary.text(name).to_owned();
    let mut facts = Vec::new();
    for service in vocabulary.services() {
        for fact in vocabulary.facts(service) {
            facts.push(ServiceFact {
                service: text(service),
                namespace: text(fact.namespace),
                version: text(fact.version),
                environment: text(fact.environment),
                team: text(fact.team),
                first_ns: fact.first,
                last_ns: fact.last,
                spans: fact.spans,
            });
        }
    }
    facts
}
