//! Traces to measure with: those of Online Boutique where they are staged, else made-up ones of like shape.

use std::path::{Path, PathBuf};

use leap_observe::traces::otlp_write::{ResourceOut, SpanOut, ValueOut, write_request};
use leap_observe::traces::{Assembler, AssemblyLimits, Batch, ScanLimits, Vocabulary, VocabularyLimits, read};
use leap_terms::{Names, Span, SpanId, SpanKind, Trace, TraceId};

/// Traces with their names.
pub(crate) struct Traces {
    pub(crate) what: String,
    pub(crate) traces: Vec<Trace>,
    pub(crate) names: Names,
    pub(crate) spans: usize,
}

/// Numbers that are always the same (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// Between 0 and 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Log-normal around 1 with this deviation of the logarithm.
    pub(crate) fn log_normal(&mut self, deviation: f64) -> f64 {
        let normal: f64 = (0..12).map(|_| self.share()).sum::<f64>() - 6.0;
        (deviation * normal).exp()
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/traces/onlineboutique")
}

/// The traces.
pub(crate) fn traces() -> Traces {
    staged().unwrap_or_else(made)
}

fn staged() -> Option<Traces> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder()).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let mut vocabulary = Vocabulary::new(["team"], VocabularyLimits::default());
    let mut traces = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let mut batch = Batch::default();
        let bytes = std::fs::read(file).ok()?;
        read(&bytes, &ScanLimits::FILE, &mut vocabulary, &mut batch).ok()?;
        let mut assembler = Assembler::new(AssemblyLimits::default());
        let mut give = |given: leap_observe::traces::Given<'_>| {
            let mut trace = given.trace.clone();
            // Ids repeat between files.
            trace.id.0 ^= (number as u128 + 1) << 120;
            traces.push(trace);
        };
        assembler.push_all(&batch.spans, 0, &mut give);
        assembler.finish(&mut give);
    }
    let spans = traces.iter().map(|trace: &Trace| trace.spans.len()).sum();
    let what = format!("{} staged traces of Online Boutique, {} files, {spans} spans", traces.len(), files.len());
    (spans > 10_000).then(|| Traces { what, names: vocabulary.names().clone(), spans, traces })
}

/// Like Online Boutique: 46 spans a trace, a front end that calls ten services one after the other, each client span with
/// its server and some work inside.
fn made() -> Traces {
    let (mut names, mut random) = (Names::new(), Random(7));
    let services: Vec<_> = (0..10)
        .map(|number| (names.number(&format!("service-{number}")), names.number(&format!("service-{number}-7f9c"))))
        .collect();
    let operations: Vec<_> = (0..30).map(|number| names.number(&format!("hipstershop.Service/Op{number}"))).collect();
    let mut traces = Vec::new();
    for number in 0..1_450_u128 {
        let mut spans: Vec<Span> = Vec::new();
        let mut time = 1_660_000_000_000_000_000 + number as u64 * 1_000_000;
        let begun = time;
        let mut push = |parent: SpanId, service: usize, kind, start, end, random: &mut Random| {
            let id = SpanId::new(random.bits() | 1);
            let (service, host) = services[service];
            let operation = operations[random.below(30) as usize];
            spans.push(Span { id, parent, service, host, operation, kind, start, end, ..Span::default() });
            id
        };
        let root = push(SpanId::NONE, 0, SpanKind::Server, begun, begun, &mut random);
        for _ in 0..11 {
            time += 20_000 + random.below(400_000);
            let took = 200_000 + random.below(3_000_000);
            let callee = 1 + random.below(9) as usize;
            let client = push(root, 0, SpanKind::Client, time, time + took, &mut random);
            let gap = random.below(took / 8);
            let (from, until) = (time + gap, time + took - gap / 2);
            let server = push(client, callee, SpanKind::Server, from, until, &mut random);
            let middle = from + (until - from) / 2;
            push(server, callee, SpanKind::Internal, from + 1_000, middle, &mut random);
            push(server, callee, SpanKind::Internal, middle, until - 1_000, &mut random);
            time += took;
        }
        spans[0].end = time + 50_000;
        traces.push(Trace { id: TraceId(number << 64 | 1), spans, ..Trace::default() });
    }
    let spans = traces.iter().map(|trace| trace.spans.len()).sum();
    Traces { what: format!("{} made-up traces, {spans} spans", traces.len()), traces, names, spans }
}

/// Spans of a body, as a collector sends them.
const BODY: usize = 8_192;

/// The traces as OTLP protobuf: bodies of 8,192 spans in the order in which spans end, with nine attributes a span.
pub(crate) fn bodies(traces: &Traces) -> Vec<Vec<u8>> {
    let mut spans: Vec<(TraceId, &Span)> =
        traces.traces.iter().flat_map(|trace| trace.spans.iter().map(|span| (trace.id, span))).collect();
    spans.sort_by_key(|(_, span)| span.end);
    spans.chunks(BODY).map(|chunk| body(chunk, &traces.names)).collect()
}

fn body(spans: &[(TraceId, &Span)], names: &Names) -> Vec<u8> {
    let mut resources: std::collections::BTreeMap<_, Vec<&(TraceId, &Span)>> = std::collections::BTreeMap::new();
    spans.iter().for_each(|span| resources.entry((span.1.service, span.1.host)).or_default().push(span));
    let mut out = Vec::new();
    for ((service, host), spans) in resources {
        let attributes: [(&str, ValueOut<'_>); 9] = [
            ("http.request.method", ValueOut::Text("POST")),
            ("url.path", ValueOut::Text("/cart/checkout")),
            ("http.response.status_code", ValueOut::Text("200")),
            ("server.address", ValueOut::Text(names.text(service))),
            ("network.protocol.name", ValueOut::Text("grpc")),
            ("rpc.system", ValueOut::Text("grpc")),
            ("rpc.service", ValueOut::Text("hipstershop.CartService")),
            ("user_agent.original", ValueOut::Text("grpc-java-netty/1.47.0")),
            ("thread.name", ValueOut::Text("grpc-default-executor-7")),
        ];
        let written: Vec<SpanOut<'_>> = spans
            .iter()
            .map(|(trace, span)| SpanOut {
                trace: *trace,
                id: span.id.bits,
                parent: span.parent.bits,
                name: names.text(span.operation),
                kind: span.kind,
                start: span.start,
                end: span.end,
                attributes: &attributes,
                error: span.is(Span::ERROR),
                ..SpanOut::default()
            })
            .collect();
        let attributes = [
            ("service.name", names.text(service)),
            ("service.namespace", "shop"),
            ("service.version", "0.4.1"),
            ("service.instance.id", names.text(host)),
            ("deployment.environment.name", "production"),
            ("telemetry.sdk.language", "java"),
            ("telemetry.sdk.name", "opentelemetry"),
            ("team", "team-shop"),
        ];
        write_request(&mut out, &[ResourceOut { attributes: &attributes, spans: &written }]);
    }
    out
}
