//! The worked cases of the definition, and properties on random trees.

use std::collections::BTreeMap;

use leap_terms::{Names, Span, SpanId, SpanKind, Trace};
use proptest::prelude::*;

use super::{NoCatalog, Order, Selector, SliceKind, Stats, Workspace, is_scattered};

/// All times of the cases are moved by this, so that children may start before their root.
const ZERO: i64 = 1_000_000_000;

/// Spans as `id parent service@host kind from until`, one a line; the parent of a root is `-`, of an orphan `?`.
pub(in crate::latency) fn trace(text: &str, names: &mut Names) -> Trace {
    let lines: Vec<Vec<&str>> = text.split(';').map(|line| line.split_whitespace().collect()).collect();
    let id = |name: &str| {
        lines.iter().position(|line| line[0] == name).map_or(SpanId::new(999), |at| SpanId::new(at as u64 + 1))
    };
    let spans = lines
        .iter()
        .map(|line| {
            let (service, host) = line[2].split_once('@').unwrap_or((line[2], "h1"));
            let (kind, flags) = match line[3] {
                "follows" => (SpanKind::Internal, Span::FOLLOWS),
                "retry" => (SpanKind::Internal, Span::RETRY),
                word => ((0..6).map(SpanKind::from_number).find(|kind| kind.word() == word).unwrap(), 0),
            };
            let time = |text: &str| (ZERO + text.parse::<i64>().unwrap()) as u64;
            Span {
                id: id(line[0]),
                parent: if line[1] == "-" { SpanId::NONE } else { id(line[1]) },
                start: time(line[4]),
                end: time(line[5]),
                service: names.number(service),
                host: names.number(host),
                operation: names.number(line[0]),
                kind,
                flags,
                ..Span::default()
            }
        })
        .collect();
    Trace { spans, ..Trace::default() }
}

/// `A30 B70`, by the spans' own services and by owner, and the counters.
fn answer(text: &str) -> (String, String, Stats) {
    let mut names = Names::new();
    let trace = trace(text, &mut names);
    let mut found = None;
    Workspace::new().attribute(&trace, &Selector::default(), &names, &NoCatalog, |request| {
        assert_eq!(request.parts.iter().map(|part| part.ns).sum::<u64>(), request.latency_ns, "P1");
        let shown = |sums: BTreeMap<&str, u64>| {
            sums.iter().map(|(name, ns)| format!("{name}{ns}")).collect::<Vec<_>>().join(" ")
        };
        let services = request.services.iter().map(|(service, ns)| (names.text(*service), *ns)).collect();
        let mut owners = BTreeMap::new();
        request.parts.iter().for_each(|part| *owners.entry(names.text(part.owner)).or_default() += part.ns);
        found = Some((shown(services), shown(owners), request.stats));
    });
    found.expect("one request")
}

#[test]
fn the_worked_cases_by_service() {
    let root = "a - A internal 0 100";
    for (case, rest, expected) in [
        ("W1", "", "A100"),
        ("W2", "; b a B internal 10 40; c a C internal 50 90", "A30 B30 C40"),
        ("W3", "; b a B internal 10 50; c a C internal 50 90", "A20 B40 C40"),
        ("W4", "; b a B internal 10 60; c a C internal 10 90", "A20 C80"),
        ("W5", "; b a B internal 10 60; c a C internal 50 90", "A60 C40"),
        ("W6", "; b a B internal 10 90; c b C internal 20 70", "A20 B30 C50"),
        ("W7", "; b a B internal 40 130", "A40 B60"),
        ("W8", "; b a B internal -20 30", "A70 B30"),
        ("W9", "; b a B@h2 internal -20 30", "A50 B50"),
        ("W10", "; b a B@h2 internal -20 30; c b C@h2 internal -10 10", "A50 B30 C20"),
        ("W11", "; b a B internal 100 130; c b C internal 110 120", "A100"),
        ("W13", "; x ? X internal 10 90", "A100"),
        ("W14", "; b a B internal 5 35; c a B internal 40 70; d a B internal 75 95", "A20 B80"),
        ("W15", "; b a B internal 20 90; c a C internal 60 90", "A30 B70"),
        ("W16", "; b a B internal 50 50", "A100"),
        ("W17", "; b a B internal 80 130; c a C internal 60 120", "A60 C40"),
        ("W18", "; b a B internal 0 100", "B100"),
        ("W19", "; x x X internal 10 90; p q P internal 10 90; q p Q internal 10 90", "A100"),
        ("W20", "; c a A client 10 60; b c B@h2 server 5 95", "A50 B50"),
        ("W21", "; b a B internal 10 51; c a C internal 50 90", "A20 B40 C40"),
        ("W23", "; b a B internal 10 90; c a C internal 89 90", "A20 B80"),
    ] {
        assert_eq!(answer(&format!("{root}{rest}")).0, expected, "{case}");
    }
    assert_eq!(answer("a - A producer 0 100; b a B consumer 10 90").0, "A100", "W12");
    assert_eq!(answer("a - A internal 0 1000; b a B internal 0 505; c a C internal 500 1000").0, "B500 C500", "W22");
}

#[test]
fn the_worked_cases_count_what_they_found() {
    let stats = |text: &str| answer(text).2;
    let root = "a - A internal 0 100";
    assert_eq!(
        stats(&format!("{root}; b a B internal 40 130")),
        Stats { clipped: 1, clipped_ns: 30, ..Stats::default() }
    );
    let shifted = stats(&format!("{root}; b a B@h2 internal -20 30"));
    assert_eq!((shifted.skew_shifted, shifted.skew_ns), (1, 20), "W9");
    let both = stats(&format!("{root}; b a B@h2 internal -20 30; c b C@h2 internal -10 10"));
    assert_eq!((both.skew_shifted, both.skew_ns), (1, 20), "W10: the subtree moves with it");
    assert_eq!(stats(&format!("{root}; b a B internal 100 130; c b C internal 110 120")).dropped_outside, 1, "W11");
    assert_eq!(stats("a - A producer 0 100; b a B consumer 10 90").async_pruned, 1, "W12");
    assert_eq!(stats(&format!("{root}; b a B follows 10 90")).async_pruned, 1);
    assert_eq!(stats(&format!("{root}; x ? X internal 10 90")).orphan, 1, "W13");
    let cycle = stats(&format!("{root}; x x X internal 10 90; p q P internal 10 90; q p Q internal 10 90"));
    assert_eq!((cycle.orphan, cycle.unreachable), (1, 3), "W19");
    assert_eq!(stats(&format!("{root}; b a B internal 50 50")).dropped_empty, 1, "W16");
    assert_eq!(stats(&format!("{root}; b a B internal 10 51; c a C internal 50 90")).snapped, 1, "W21");
    assert_eq!(stats(&format!("{root}; b a B internal 10 60; c a C internal 50 90")).snapped, 0, "W5");
}

#[test]
fn the_gap_around_a_remote_server_is_the_servers() {
    for (case, text, expected) in [
        ("E1", "a - A internal 0 100; c a A client 10 90; b c B@h2 server 30 60", "A20 B80"),
        ("E2", "a - A internal 0 100; c a A client 10 90; b c A2 server 30 60", "A70 A230"),
        ("E3", "a - A internal 0 100; c a A client 10 90; b c B@h2 server 20 40; d c B@h2 server 50 80", "A50 B50"),
        ("E4", "a - A server 0 100; b a B@h2 server 30 60", "A70 B30"),
    ] {
        assert_eq!(answer(text).1, expected, "{case}");
    }
}

#[test]
fn the_comparison_with_other_programs() {
    for (text, expected) in [
        ("a - A internal 0 1000; b a B internal 100 500; c a C internal 500 900", "A200 B400 C400"),
        ("a - A internal 0 1000; b a B@h2 internal -200 300", "A500 B500"),
        ("a - A internal 0 1000; c a A client 100 900; b c B@h2 server 70 370", "A700 B300"),
        ("a - A internal 0 1000; c a A client 100 900; b c B@h2 server 700 1000", "A800 B200"),
        ("a - A internal 0 1000; c a A client 100 600; b c B@h2 server 150 2000", "A550 B450"),
        ("a - A internal 0 1000; b a B internal 200 900; c a C internal 600 900", "A300 B700"),
        ("a - A producer 0 1000; b a B consumer 100 900", "A1000"),
        ("a - A internal 0 1000; x ? X internal 100 900", "A1000"),
        (
            "a - S1 internal 0 100; b a S2 internal 10 70; c b S3 internal 25 45; d b S4 internal 30 50",
            "S140 S240 S420",
        ),
    ] {
        assert_eq!(answer(text).0, expected, "{text}");
    }
}

#[test]
fn repeated_tries_are_marked_and_slices_cover_the_request() {
    let mut names = Names::new();
    let trace = trace("a - A internal 0 100; b a B retry 10 40; c a C internal 50 90", &mut names);
    let mut workspace = Workspace::new();
    workspace.attribute(&trace, &Selector::default(), &names, &NoCatalog, |request| {
        let retried: Vec<u64> =
            request.parts.iter().filter(|part| part.kind == SliceKind::Retry).map(|part| part.ns).collect();
        assert_eq!(retried, [30]);
    });
    let slices = workspace.slices(&trace, trace.spans[0].id, &NoCatalog);
    let shown: Vec<String> = slices
        .iter()
        .map(|slice| format!("{}{}-{}", names.text(slice.owner), slice.from as i64 - ZERO, slice.until as i64 - ZERO))
        .collect();
    assert_eq!(shown, ["A0-10", "B10-40", "A40-50", "C50-90", "A90-100"]);
}

#[test]
fn the_topmost_spans_that_match_are_the_requests() {
    let mut names = Names::new();
    let text = "g - gateway server 0 100; a g api server 10 50; b a api server 20 30; c g api server 60 90";
    let trace = trace(text, &mut names);
    let selector = Selector { service: Some("api".to_owned()), ..Selector::default() };
    let mut found = Vec::new();
    Workspace::new().attribute(&trace, &selector, &names, &NoCatalog, |request| {
        found.push((names.text(request.operation).to_owned(), request.latency_ns));
    });
    assert_eq!(found, [("a".to_owned(), 40), ("c".to_owned(), 30)]);
}

#[test]
fn deep_chains_and_wide_fans_are_attributed() {
    let span = |at: u64, parent: u64, from: u64, until: u64| Span {
        id: SpanId::new(at),
        parent: if parent == 0 { SpanId::NONE } else { SpanId::new(parent) },
        start: from,
        end: until,
        ..Span::default()
    };
    let deep: Vec<Span> = (1..=1_000_000).map(|at| span(at, at - 1, at, 3_000_000 - at)).collect();
    let wide: Vec<Span> = (1..=100_000)
        .map(|at| span(at, u64::from(at > 1), at * 10, if at == 1 { 2_000_000 } else { at * 10 + 15 }))
        .collect();
    let names = Names::new();
    let mut workspace = Workspace::new();
    for spans in [deep, wide] {
        let latency = spans[0].end - spans[0].start;
        let trace = Trace { spans, ..Trace::default() };
        let mut requests = 0;
        workspace.attribute(&trace, &Selector::default(), &names, &NoCatalog, |request| {
            requests += 1;
            assert_eq!(request.parts.iter().map(|part| part.ns).sum::<u64>(), latency);
        });
        assert_eq!(requests, 1);
    }
}

/// Requests of a trace as they are shown, looked at as its spans came and in order of their starts.
fn both_ways(trace: &Trace, selector: &Selector, workspace: &mut Workspace, order: &mut Order) -> [Vec<String>; 2] {
    let names = Names::new();
    let (mut came, mut ordered) = (Vec::new(), Vec::new());
    workspace.requests(trace, &mut &trace.spans[..], (selector, &names), &NoCatalog, |request| {
        came.push(format!("{request:?}"));
    });
    workspace.requests(trace, &mut order.by_start(&trace.spans), (selector, &names), &NoCatalog, |request| {
        ordered.push(format!("{request:?}"));
    });
    [came, ordered]
}

#[test]
fn a_large_tree_in_no_order_gives_what_it_gives_as_it_came() {
    // More hosts than what stays behind of a span has numbers for; some parents that are not there.
    let (count, mut state) = (150_000, 7_u64);
    let mut below = move |most: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % most
    };
    let mut spans = vec![Span { id: SpanId::new(1), start: 1 << 60, end: (1 << 60) + (1 << 40), ..Span::default() }];
    for at in 1..count {
        let parent = spans[below(at) as usize];
        let half = ((parent.end - parent.start) / 2).max(1);
        let start = parent.start + below(half);
        let lost = u64::from(at % 1_000 == 999) << 50;
        spans.push(Span {
            id: SpanId::new(at.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            parent: SpanId { bits: parent.id.bits ^ lost, half: 0 },
            start,
            end: start + below(half) + 1,
            service: leap_terms::NameId(1 + below(9) as u32),
            host: leap_terms::NameId(1 + (at / 2) as u32),
            kind: SpanKind::from_number(below(6)),
            ..Span::default()
        });
    }
    let trace = Trace { spans: mixed(spans, 3), ..Trace::default() };
    assert!(is_scattered(&trace.spans));
    let (mut workspace, mut order) = (Workspace::new(), Order::default());
    for selector in [Selector::default(), Selector { kind: Some(SpanKind::Server), ..Selector::default() }] {
        let [came, ordered] = both_ways(&trace, &selector, &mut workspace, &mut order);
        assert!(!came.is_empty() && came == ordered, "{selector:?}");
    }
}

/// Random trees: parents before children, times anywhere around the parent's.
pub(in crate::latency) fn spans() -> impl Strategy<Value = Vec<Span>> {
    let one = (any::<u16>(), 0i64..400, -30i64..200, 0u32..4, 0u32..3, 0u64..6, 0u8..20);
    prop::collection::vec(one, 1..25).prop_map(|list| {
        let mut spans: Vec<Span> = Vec::new();
        for (at, (parent, from, length, service, host, kind, flags)) in list.into_iter().enumerate() {
            let parent = if at == 0 { SpanId::NONE } else { spans[usize::from(parent) % at].id };
            let (from, until) = if at == 0 { (0, 400) } else { (from - 20, from - 20 + length.max(0)) };
            spans.push(Span {
                id: SpanId::new(at as u64 + 1),
                parent,
                start: (ZERO + from) as u64,
                end: (ZERO + until) as u64,
                service: leap_terms::NameId(service + 1),
                host: leap_terms::NameId(host + 1),
                kind: SpanKind::from_number(kind),
                flags: if flags == 0 { Span::FOLLOWS } else { 0 },
                ..Span::default()
            });
        }
        spans
    })
}

fn parts(spans: Vec<Span>) -> (u64, Vec<super::Part>) {
    let trace = Trace { spans, ..Trace::default() };
    let mut found = (0, Vec::new());
    Workspace::new().attribute(&trace, &Selector::default(), &Names::new(), &NoCatalog, |request| {
        found = (request.latency_ns, request.parts.to_vec());
    });
    found
}

/// The same in another order.
fn mixed(mut spans: Vec<Span>, seed: u64) -> Vec<Span> {
    let mut state = seed | 1;
    for at in (1..spans.len()).rev() {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        spans.swap(at, (state >> 33) as usize % (at + 1));
    }
    spans
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn slices_cover_the_root_and_order_does_not_matter(spans in spans(), seed in any::<u64>()) {
        let (latency, whole) = parts(spans.clone());
        prop_assert_eq!(whole.iter().map(|part| part.ns).sum::<u64>(), latency);
        prop_assert_eq!(parts(mixed(spans.clone(), seed)).1, whole, "P7");
        let trace = Trace { spans: spans.clone(), ..Trace::default() };
        let slices = Workspace::new().slices(&trace, spans[0].id, &NoCatalog);
        prop_assert_eq!(slices.first().map(|slice| slice.from), (latency > 0).then_some(spans[0].start));
        prop_assert!(slices.windows(2).all(|pair| pair[0].until == pair[1].from), "no gap, no overlap");
        prop_assert_eq!(slices.iter().map(|slice| slice.until - slice.from).sum::<u64>(), latency);
    }

    #[test]
    fn what_is_looked_at_in_order_of_starts_gives_the_same(
        spans in spans(), seed in any::<u64>(), far in 0u8..4, selected in any::<bool>(),
    ) {
        let mut spans = mixed(spans, seed);
        // Lost spans, a cycle; times that a key, or what stays behind of a span, has no room for.
        let (first, last) = (spans[0].id, spans.len() - 1);
        match far {
            0 => {}
            1 => spans[0].parent = SpanId::new(1 << 40),
            2 => (spans[0].parent, spans[last].parent) = (spans[last].id, first),
            _ => (spans[0].start, spans[last].end) = (seed >> 8, u64::MAX >> 1),
        }
        spans[0].end = spans[0].end.max(spans[0].start);
        let kind = selected.then_some(spans[last / 2].kind);
        let selector = Selector { kind, ..Selector::default() };
        let trace = Trace { spans, duplicates: 3, ..Trace::default() };
        let (mut workspace, mut order) = (Workspace::new(), Order::default());
        // Memory that is used again holds what was there before.
        for _ in 0..2 {
            let [came, ordered] = both_ways(&trace, &selector, &mut workspace, &mut order);
            prop_assert_eq!(came, ordered);
        }
    }

    #[test]
    fn a_span_wholly_outside_its_parent_changes_nothing(spans in spans(), below in any::<prop::sample::Index>()) {
        let mut more = spans;
        // A second child would change whose an edge is, and no child whether a call is external.
        more[0].kind = SpanKind::Internal;
        let before = parts(more.clone()).1;
        let plain: Vec<Span> =
            more.iter().copied().filter(|span| span.kind != SpanKind::Client && span.kind != SpanKind::Producer).collect();
        let parent = plain[below.index(plain.len())];
        more.push(Span { id: SpanId::new(500), parent: parent.id, host: parent.host, start: 5, end: 9, ..Span::default() });
        prop_assert_eq!(parts(more).1, before, "P8");
    }
}
