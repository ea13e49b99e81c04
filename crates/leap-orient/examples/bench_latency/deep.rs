//! The two shapes that break recursion and quadratic scans: a chain of a million spans, a fan-out of a hundred
//! thousand.

use std::hint::black_box;
use std::time::Instant;

use leap_orient::latency::{NoCatalog, Selector, Workspace};
use leap_terms::{Names, Span, SpanId, SpanKind, Trace, TraceId};

use crate::data::Random;
use crate::{Times, at_most, rounds};

fn chain(length: u64) -> Vec<Span> {
    (0..length)
        .map(|at| Span {
            id: SpanId::new(at + 1),
            parent: SpanId { bits: at, half: 0 },
            start: 1_000_000 + at,
            end: 10_000_000 - at,
            ..Span::default()
        })
        .collect()
}

fn fan(width: u64) -> Vec<Span> {
    let root =
        Span { id: SpanId::new(1), start: 1_000, end: 1_000 + width * 20, kind: SpanKind::Server, ..Span::default() };
    let mut random = Random(1);
    let children = (0..width).map(|at| {
        let start = 1_000 + random.below(width * 19);
        let end = start + 1 + random.below(width);
        Span { id: SpanId::new(at + 2), parent: root.id, start, end, ..Span::default() }
    });
    std::iter::once(root).chain(children).collect()
}

pub(crate) fn run() {
    println!("Deep and wide traces, one core");
    let mut names = Names::new();
    let (service, host) = (names.number("a"), names.number("h"));
    let orders = ["as they start", "as they end", "in no order"];
    let shapes = [("a chain of 1,000,000 spans", chain(1_000_000)), ("a fan-out of 100,000 spans", fan(100_000))];
    for (shape, order) in (0..shapes.len()).flat_map(|shape| (0..orders.len()).map(move |order| (shape, order))) {
        let mut spans = shapes[shape].1.clone();
        let name = format!("{}, {}", shapes[shape].0, orders[order]);
        spans.iter_mut().for_each(|span| (span.service, span.host) = (service, host));
        match order {
            0 => spans.sort_by_key(|span| span.start),
            // As exporters send them.
            1 => spans.sort_by_key(|span| span.end),
            _ => {
                let mut random = Random(2);
                for last in (1..spans.len()).rev() {
                    spans.swap(last, random.below(last as u64 + 1) as usize);
                }
            }
        }
        let trace = Trace { id: TraceId(1), spans, ..Trace::default() };
        let attribute = |workspace: &mut Workspace| {
            let mut ns = 0;
            workspace.attribute(&trace, &Selector::default(), &names, &NoCatalog, |request| ns += request.latency_ns);
            assert!(black_box(ns) > 0);
        };
        let mut fresh = Vec::new();
        for _ in 0..rounds() {
            let start = Instant::now();
            attribute(&mut Workspace::new());
            fresh.push(start.elapsed());
        }
        let mut workspace = Workspace::new();
        let again = Times::of(rounds(), || attribute(&mut workspace));
        for (how, times) in [("first", Times::from(fresh)), ("again", again)] {
            let ms = times.median().as_secs_f64() * 1_000.0;
            let most = times.most().as_secs_f64() * 1_000.0;
            at_most(&format!("{name}, {how}"), ms, "ms", Some(100.0), &format!("(at most {most:.1})"));
        }
    }
}
