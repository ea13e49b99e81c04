//! Memory of spans and traces in flight: what the assembler accounts for, and what the process grew by meanwhile.

use leap_observe::traces::{Arrival, Assembler, AssemblyLimits};
use leap_terms::{Span, SpanId, TraceId, Weight};

use crate::{at_most, grouped};

/// Resident bytes of the process; `None` where the system does not tell.
fn resident() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kilobytes| kilobytes * 1024.0)
}

struct Measured {
    traces: f64,
    spans: f64,
    accounted: f64,
    grown: Option<f64>,
}

/// Fills an assembler with traces, their spans arriving in turn, and says what it takes.
fn fill(traces: u64, spans: u64) -> Measured {
    let before = resident();
    let mut assembler = Assembler::new(AssemblyLimits { bytes: 4 << 30, ..AssemblyLimits::default() });
    let fixed = assembler.fixed_bytes();
    let mut given = 0;
    // A hundred traces at a time, their spans one after the other: vectors grow beside each other.
    for group in (0..traces).step_by(100) {
        for span in 0..spans {
            for trace in group..(group + 100).min(traces) {
                let parent = if span == 0 { SpanId::NONE } else { SpanId::new(span) };
                let id = SpanId::new(span + 1);
                let mixed = u128::from(trace.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | u128::from(trace);
                let span = Span { id, parent, start: 1, end: 2, ..Span::default() };
                let arrival = Arrival { trace: TraceId(mixed), weight: Weight::Unknown, span };
                assembler.push(&arrival, 1, &mut |_| given += 1);
            }
        }
    }
    assert_eq!((given, assembler.traces() as u64), (0, traces), "all are in flight");
    let grown = resident().zip(before).map(|(after, before)| after - before);
    Measured {
        traces: traces as f64,
        spans: (traces * spans) as f64,
        accounted: (assembler.bytes() - fixed) as f64,
        grown,
    }
}

pub(crate) fn run() {
    println!("Memory in flight: bytes that the assembler accounts for, and growth of the process");
    // First, so that nothing freed before is taken again.
    let many = fill(400_000, 1);
    let long = fill(40, 50_000);
    let usual = fill(40_000, 46);
    let per_span = long.accounted / long.spans;
    at_most("per span (40 traces of 50,000)", per_span, "B/span", Some(96.0), "");
    let per_trace = (many.accounted - many.spans * 72.0) / many.traces;
    at_most("per trace (400,000 of one span, 72 B taken off)", per_trace, "B/trace", Some(256.0), "");
    for (name, measured) in [("400,000 × 1", &many), ("40 × 50,000", &long), ("40,000 × 46", &usual)] {
        let promised = 96.0 * measured.spans + 256.0 * measured.traces;
        let grown = measured.grown.map_or("unknown".to_owned(), |grown| grouped(grown / 1024.0));
        println!(
            "  {name:<14} accounted {:>9} KiB, process grew by {grown:>9} KiB, 96 a span and 256 a trace are {:>9} KiB   {}",
            grouped(measured.accounted / 1024.0),
            grouped(promised / 1024.0),
            if measured.grown.unwrap_or(measured.accounted).max(measured.accounted) <= promised {
                "met"
            } else {
                "MISSED"
            }
        );
    }
}
