//! From OTLP protobuf in memory to attributed sums, and what each stage takes of it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use leap_observe::traces::{Assembler, AssemblyLimits, Batch, Given, ScanLimits, Vocabulary, VocabularyLimits, read};
use leap_orient::latency::{NoCatalog, Selector, Workspace};

use crate::data::{bodies, traces};
use crate::{Times, rate, rounds};

/// Nanoseconds between two bodies, on the assembler's clock.
const STEP: u64 = 50_000_000;
/// How often the same bodies are taken in one measurement.
const PASSES: usize = 5;

/// What is kept from one body to the next, as a server keeps it.
struct Intake {
    vocabulary: Vocabulary,
    batch: Batch,
    workspace: Workspace,
}

impl Intake {
    fn new() -> Intake {
        Intake {
            vocabulary: Vocabulary::new(["team", "service.owner"], VocabularyLimits::default()),
            batch: Batch::default(),
            workspace: Workspace::new(),
        }
    }

    fn scan(&mut self, body: &[u8]) {
        self.batch.clear();
        let kind = read(body, &ScanLimits::BODY, &mut self.vocabulary, &mut self.batch).expect("bodies are whole");
        black_box(kind);
    }

    /// Everything, body after body; spans attributed and the latency of all requests.
    fn all(&mut self, bodies: &[Vec<u8>]) -> (usize, u64) {
        let mut assembler = Assembler::new(AssemblyLimits::default());
        let (mut spans, mut ns, mut now) = (0, 0_u64, 0);
        for body in bodies {
            self.scan(body);
            let Intake { vocabulary, batch, workspace } = self;
            let mut give = attribute(workspace, vocabulary, &mut spans, &mut ns);
            now += STEP;
            assembler.push_all(&batch.spans, now, &mut give);
            assembler.tick(now, &mut give);
        }
        let Intake { vocabulary, workspace, .. } = self;
        assembler.finish(&mut attribute(workspace, vocabulary, &mut spans, &mut ns));
        (spans, ns)
    }
}

fn attribute(
    workspace: &mut Workspace,
    vocabulary: &Vocabulary,
    spans: &mut usize,
    ns: &mut u64,
) -> impl FnMut(Given<'_>) {
    |given| {
        *spans += given.trace.spans.len();
        workspace.attribute(given.trace, &Selector::default(), vocabulary.names(), &NoCatalog, |request| {
            *ns = ns.wrapping_add(request.latency_ns);
            black_box((request.parts, request.services));
        });
    }
}

pub(crate) fn run() {
    let traces = traces();
    let bodies = bodies(&traces);
    let bytes: usize = bodies.iter().map(Vec::len).sum();
    let per_span = bytes as f64 / traces.spans as f64;
    println!("OTLP protobuf in memory, one core: {} as {} bodies, {per_span:.0} B/span", traces.what, bodies.len());

    let mut intake = Intake::new();
    let (spans, _) = intake.all(&bodies);
    assert_eq!(spans, traces.spans, "every span is attributed");
    let total = Times::of(rounds(), || {
        for _ in 0..PASSES {
            black_box(intake.all(&bodies));
        }
    });
    let count = traces.spans * PASSES;
    rate("body to attributed sums (scan, assembly, attribution)", count, &total, "spans/s", Some(1_500_000.0));

    // Each stage by itself, on what the one before gives.
    let scan = Times::of(rounds(), || {
        for body in bodies.iter().cycle().take(bodies.len() * PASSES) {
            intake.scan(body);
        }
    });
    rate("  scan of the wire format, names looked up", count, &scan, "spans/s", None);
    let batches: Vec<Batch> = bodies
        .iter()
        .map(|body| {
            intake.scan(body);
            intake.batch.clone()
        })
        .collect();
    let mut given = Vec::new();
    let assembly = Times::of(rounds(), || {
        for pass in 0..PASSES {
            let mut assembler = Assembler::new(AssemblyLimits::default());
            let mut give = |trace: Given<'_>| {
                if given.len() < traces.traces.len() && pass == 0 {
                    given.push(trace.trace.clone());
                }
                black_box(trace.trace);
            };
            for (number, batch) in batches.iter().enumerate() {
                assembler.push_all(&batch.spans, number as u64 * STEP, &mut give);
                assembler.tick(number as u64 * STEP, &mut give);
            }
            assembler.finish(&mut give);
        }
    });
    rate("  assembly", count, &assembly, "spans/s", None);
    let (mut spans, mut ns) = (0, 0);
    let attribution = Times::of(rounds(), || {
        for _ in 0..PASSES {
            let mut give = attribute(&mut intake.workspace, &intake.vocabulary, &mut spans, &mut ns);
            for trace in &given {
                give(Given { trace, again: false, late: false });
            }
        }
    });
    rate("  attribution", count, &attribution, "spans/s", None);
    let parts = [&scan, &assembly, &attribution].map(|times| times.median().as_secs_f64());
    let sum: f64 = parts.iter().sum();
    let shares = parts.map(|part| 100.0 * part / sum);
    println!(
        "  of the sum of the stages: scan {:.0} %, assembly {:.0} %, attribution {:.0} %; together {:.2} of the whole",
        shares[0],
        shares[1],
        shares[2],
        sum / total.median().as_secs_f64()
    );
    let touched = Times::from((0..rounds()).map(|_| sum_of_bytes(&bodies)).collect());
    rate("  (reading every byte of the bodies once)", traces.spans, &touched, "spans/s", None);
}

/// What memory allows: adding up all bytes.
fn sum_of_bytes(bodies: &[Vec<u8>]) -> Duration {
    let start = Instant::now();
    let sum: u64 = bodies.iter().map(|body| body.iter().map(|byte| u64::from(*byte)).sum::<u64>()).sum();
    black_box(sum);
    start.elapsed()
}
