//! Attribution alone: LCP-1 with shift and snap, LCP-1E, sums per owner, kind and caller; spans are in memory.

use std::hint::black_box;

use leap_orient::latency::{NoCatalog, Selector, Workspace};

use crate::data::{Traces, traces};
use crate::{Times, grouped, rate, rounds};

/// What others reach on traces of this kind (the reference, 8.5; 2 cores, one thread, ±30 %): spans a second, lowest,
/// median, highest.
const CRISP: (f64, f64, f64) = (64_000.0, 90_000.0, 116_000.0);
const JAEGER_UI: (f64, f64) = (319_000.0, 751_000.0);

/// Passes over the traces in one measurement.
const PASSES: usize = 20;

/// Attributes every trace once; the sum of all latencies, so that the work is done.
pub(crate) fn pass(traces: &Traces, workspace: &mut Workspace) -> (u64, usize) {
    let (mut ns, mut parts) = (0_u64, 0);
    for trace in &traces.traces {
        workspace.attribute(trace, &Selector::default(), &traces.names, &NoCatalog, |request| {
            ns = ns.wrapping_add(request.latency_ns);
            parts += black_box(request.parts).len();
        });
    }
    (ns, parts)
}

pub(crate) fn run() {
    let traces = traces();
    println!("Attribution, one core: {}", traces.what);
    let mut workspace = Workspace::new();
    let times = Times::of(rounds(), || {
        for _ in 0..PASSES {
            black_box(pass(&traces, &mut workspace));
        }
    });
    let name = "attribution with shift and snap, to sums";
    let ours = rate(name, traces.spans * PASSES, &times, "spans/s", Some(8_000_000.0));
    let (low, median, high) = CRISP;
    let ratio = ours / median;
    println!(
        "{:<58} {:>12} spans/s    ({} to {}); ratio {ratio:.0}, aim at least 50   {}",
        "CRISP (Python), measured for the reference",
        grouped(median),
        grouped(low),
        grouped(high),
        if ratio >= 50.0 { "met" } else { "MISSED" }
    );
    println!(
        "{:<58} {:>12} spans/s    to {}; ratio {:.0} to {:.0}",
        "Jaeger UI (compiled), algorithm alone, likewise",
        grouped(JAEGER_UI.0),
        grouped(JAEGER_UI.1),
        ours / JAEGER_UI.1,
        ours / JAEGER_UI.0
    );
}
