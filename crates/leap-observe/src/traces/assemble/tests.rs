//! Completion, late spans, memory and its ceiling.

use leap_terms::{SpanId, SpanKind};

use super::*;

fn arrival(trace: u128, id: u64, parent: u64) -> Arrival {
    let span = Span {
        id: SpanId::new(id),
        parent: SpanId::new(parent),
        start: id,
        end: id + 10,
        kind: SpanKind::Server,
        ..Span::default()
    };
    Arrival { trace: TraceId(trace), weight: Weight::Unknown, span }
}

#[derive(Default)]
struct Seen(Vec<(u128, Vec<u64>, bool, bool, bool)>);

impl Seen {
    fn give(&mut self) -> impl FnMut(Given<'_>) + '_ {
        |given| {
            let ids = given.trace.spans.iter().map(|span| span.id.bits).collect();
            self.0.push((given.trace.id.0, ids, given.again, given.late, given.trace.incomplete));
        }
    }

    fn take(&mut self) -> Vec<(u128, Vec<u64>, bool, bool, bool)> {
        std::mem::take(&mut self.0)
    }
}

/// Some time of the year 2026.
const NOON: u64 = 1_790_000_000 * SECOND;

#[test]
fn a_trace_is_complete_ten_seconds_after_its_last_span_once_the_root_is_there() {
    let (mut assembler, mut seen) = (Assembler::new(AssemblyLimits::default()), Seen::default());
    assembler.push(&arrival(1, 2, 1), NOON, &mut seen.give());
    assembler.push(&arrival(1, 1, 0), NOON + 3 * SECOND, &mut seen.give());
    assembler.push(&arrival(2, 1, 9), NOON + 3 * SECOND, &mut seen.give());
    for second in 0..13 {
        assembler.tick(NOON + second * SECOND, &mut seen.give());
        assert_eq!(seen.0, [], "second {second}");
    }
    assembler.tick(NOON + 13 * SECOND, &mut seen.give());
    assert_eq!(seen.take(), [(1, vec![2, 1], false, false, false)]);
    // The one without a root waits for five minutes.
    assembler.tick(NOON + 302 * SECOND, &mut seen.give());
    assert_eq!(seen.0, []);
    assembler.tick(NOON + 303 * SECOND, &mut seen.give());
    assert_eq!(seen.take(), [(2, vec![1], false, false, true)]);
    assert_eq!((assembler.counts().traces, assembler.counts().incomplete), (2, 1));
}

#[test]
fn a_trace_that_is_never_quiet_is_given_sixty_seconds_after_its_root() {
    let (mut assembler, mut seen) = (Assembler::new(AssemblyLimits::default()), Seen::default());
    for second in 0..60 {
        assembler.push(&arrival(1, second + 1, second.min(1)), NOON + second * SECOND, &mut seen.give());
        assembler.tick(NOON + second * SECOND, &mut seen.give());
        assert_eq!(seen.0, []);
    }
    assembler.tick(NOON + 60 * SECOND, &mut seen.give());
    assert_eq!(seen.take().len(), 1);
}

#[test]
fn late_spans_give_the_trace_again_whole_and_repeated_ones_do_not() {
    let (mut assembler, mut seen) = (Assembler::new(AssemblyLimits::default()), Seen::default());
    assembler.push_all(&[arrival(1, 1, 0), arrival(1, 2, 1), arrival(1, 2, 7)], NOON, &mut seen.give());
    assembler.tick(NOON + 10 * SECOND, &mut seen.give());
    assert_eq!(seen.take(), [(1, vec![1, 2], false, false, false)]);
    assembler.push_all(&[arrival(1, 1, 0), arrival(1, 3, 1)], NOON + 20 * SECOND, &mut seen.give());
    assembler.tick(NOON + 29 * SECOND, &mut seen.give());
    assert_eq!(seen.0, []);
    assembler.tick(NOON + 30 * SECOND, &mut seen.give());
    assert_eq!(seen.take(), [(1, vec![1, 2, 3], true, false, false)]);
    assembler.push(&arrival(1, 3, 1), NOON + 31 * SECOND, &mut seen.give());
    assembler.tick(NOON + 41 * SECOND, &mut seen.give());
    assert_eq!(seen.0, [], "a retry brings nothing new");
    // Held for thirty seconds more; what comes then is a late piece.
    assembler.tick(NOON + 71 * SECOND, &mut seen.give());
    assert_eq!(assembler.traces(), 0);
    assembler.push(&arrival(1, 4, 1), NOON + 80 * SECOND, &mut seen.give());
    assembler.finish(&mut seen.give());
    assert_eq!(seen.take(), [(1, vec![4], false, true, true)]);
    let counts = assembler.counts();
    assert_eq!((counts.traces, counts.again, counts.duplicates, counts.late_spans), (2, 1, 3, 2));
}

#[test]
fn the_end_of_a_file_gives_everything_in_order() {
    let (mut assembler, mut seen) = (Assembler::new(AssemblyLimits::default()), Seen::default());
    assembler.push_all(&[arrival(5, 1, 0), arrival(3, 1, 0), arrival(5, 2, 1), arrival(4, 2, 1)], 0, &mut seen.give());
    assembler.finish(&mut seen.give());
    let order: Vec<u128> = seen.take().iter().map(|given| given.0).collect();
    assert_eq!(order, [5, 3, 4]);
    assert_eq!((assembler.traces(), assembler.span_room, assembler.held_room), (0, 0, 0));
}

#[test]
fn the_root_decides_the_weight() {
    let (mut assembler, mut weights) = (Assembler::new(AssemblyLimits::default()), Vec::new());
    let mut weighted = |trace, id, parent, weight| {
        assembler.push(&Arrival { weight, ..arrival(trace, id, parent) }, NOON, &mut |_| {});
    };
    weighted(1, 2, 1, Weight::Threshold(3));
    weighted(1, 1, 0, Weight::Threshold(5));
    weighted(1, 3, 1, Weight::Threshold(7));
    weighted(2, 1, 0, Weight::Unknown);
    weighted(2, 2, 1, Weight::Threshold(7));
    assembler.finish(&mut |given| weights.push(given.trace.weight));
    assert_eq!(weights, [Weight::Threshold(5), Weight::Threshold(7)]);
}

#[test]
fn in_flight_memory_is_as_promised() {
    assert_eq!(size_of::<Entry>(), 128);
    for spans in [1_u64, 2, 3, 4, 5, 7, 20, 100, 500] {
        let mut assembler = Assembler::new(AssemblyLimits { bytes: usize::MAX, ..AssemblyLimits::default() });
        let start = assembler.bytes();
        let mut worst = 0;
        for trace in 1..=40_000 / spans {
            for span in 1..=spans {
                assembler.push(&arrival(u128::from(trace), span, 1), NOON, &mut |_| {});
            }
            let traces = usize::try_from(trace).unwrap();
            let allowed = traces * (256 + 96 * usize::try_from(spans).unwrap());
            if traces > 64 {
                assert!(assembler.bytes() - start <= allowed, "{traces} traces of {spans}: {}", assembler.bytes());
                worst = worst.max((assembler.bytes() - start) * 100 / allowed);
            }
        }
        println!("{spans} spans a trace: {worst} % of the allowed bytes at most");
        assert!(worst > 50, "measured against something: {worst}");
    }
    // One huge trace, at every length.
    let mut assembler = Assembler::new(AssemblyLimits { bytes: usize::MAX, ..AssemblyLimits::default() });
    let start = assembler.bytes();
    for span in 1..=100_000 {
        assembler.push(&arrival(1, span, 1), NOON, &mut |_| {});
        if span > 64 {
            assert!(assembler.bytes() - start <= 96 * span as usize + 256 + 2048, "{span}");
        }
    }
}

#[test]
fn memory_stays_below_its_ceiling_and_the_oldest_traces_are_closed_as_incomplete() {
    let limits = AssemblyLimits { bytes: 256 << 10, remember: 100, ..AssemblyLimits::default() };
    let (mut assembler, mut seen) = (Assembler::new(limits), Seen::default());
    for trace in 1..=2_000_u128 {
        assembler.push(&arrival(trace, 1, 0), NOON, &mut seen.give());
        assembler.push(&arrival(trace, 2, 1), NOON, &mut seen.give());
        assert!(assembler.bytes() <= limits.bytes);
    }
    let counts = assembler.counts();
    let evicted = seen.take();
    assert!(evicted.len() > 500 && evicted.len() < 2_000, "{}", evicted.len());
    assert!(evicted.iter().all(|given| given.4), "closed for memory is incomplete");
    assert!(evicted.windows(2).all(|pair| pair[0].0 < pair[1].0), "oldest first");
    assert_eq!((counts.evicted, counts.incomplete), (evicted.len() as u64, evicted.len() as u64));
    assert!(matches!(assembler.room(1_000, NOON), Err(Full { retry_after }) if retry_after == 10 * SECOND));
    assert_eq!(assembler.room(1_000, NOON + 10 * SECOND), Ok(()), "old enough to be closed");

    // A single trace beyond the ceiling is closed in pieces.
    let mut assembler = Assembler::new(limits);
    let mut pieces = 0;
    for span in 1..=10_000 {
        assembler.push(&arrival(1, span, 1), NOON, &mut |given| pieces += given.trace.spans.len());
        assert!(assembler.bytes() <= limits.bytes);
    }
    assembler.finish(&mut |given| pieces += given.trace.spans.len());
    assert_eq!(pieces, 10_000);
}

#[test]
fn at_the_ceiling_few_traces_are_closed_at_a_time() {
    for bytes in [1_000_000, 1_500_000, 2_222_222, 4_000_000] {
        let limits = AssemblyLimits { bytes, remember: 0, ..AssemblyLimits::default() };
        let mut assembler = Assembler::new(limits);
        let (mut most, mut drop) = (0, 0);
        for trace in 1..=100_000_u128 {
            let before = assembler.traces();
            assembler.push(&arrival(trace, 1, 0), NOON, &mut |_| {});
            assert!(assembler.bytes() <= limits.bytes);
            most = most.max(assembler.traces());
            drop = drop.max(before.saturating_sub(assembler.traces()));
        }
        assert!(drop * 10 <= most, "{drop} of {most} at once");
        assert!(most * 352 >= bytes * 2 / 3, "{most} traces in {bytes}");
    }
}

#[test]
fn held_traces_go_before_open_ones() {
    let limits = AssemblyLimits { bytes: 512 << 10, remember: 10, ..AssemblyLimits::default() };
    let (mut assembler, mut seen) = (Assembler::new(limits), Seen::default());
    for trace in 1..=500 {
        assembler.push(&arrival(trace, 1, 0), NOON, &mut seen.give());
    }
    assembler.tick(NOON + 10 * SECOND, &mut seen.give());
    assert_eq!(seen.take().len(), 500);
    assert_eq!(assembler.held_room, 500);
    assert_eq!(assembler.room(5_000, NOON + 10 * SECOND), Ok(()));
    for span in 1..=4_500 {
        assembler.push(&arrival(1_000, span, 1), NOON + 10 * SECOND, &mut seen.give());
    }
    assert_eq!((assembler.counts().evicted, seen.take().len()), (0, 0));
    assert!(assembler.held_room < 500 && assembler.bytes() <= limits.bytes);
}

#[test]
fn a_million_ticks_and_spans_in_any_order_lose_nothing() {
    let mut state = 7_u64;
    let mut next = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let limits = AssemblyLimits { bytes: 200_000, remember: 0, ..AssemblyLimits::default() };
    let mut assembler = Assembler::new(limits);
    let (mut now, mut pushed) = (NOON, 0_u64);
    let mut given_spans: HashMap<u128, u64> = HashMap::new();
    let mut total = 0_u64;
    let mut note = |given: Given<'_>| {
        let spans = given.trace.spans.len() as u64;
        let before = given_spans.insert(given.trace.id.0, spans).filter(|_| given.again).unwrap_or(0);
        total += spans - before;
    };
    for id in 1..200_000_u64 {
        now += next(SECOND / 10);
        if next(200) == 0 {
            now += next(400) * SECOND;
        }
        let trace = u128::from(1 + next(50) + id / 1_000);
        assembler.push(&arrival(trace, id, next(3)), now, &mut note);
        pushed += 1;
        if next(10) == 0 {
            assembler.tick(now, &mut note);
            assert!(assembler.bytes() <= limits.bytes);
        }
    }
    assembler.finish(&mut note);
    assert_eq!((total, assembler.counts().spans), (pushed, pushed));
    assert_eq!((assembler.traces(), assembler.span_room, assembler.held_room), (0, 0, 0));
}

#[test]
fn a_trace_of_a_million_spans_is_cleaned_in_linear_time() {
    let mut spans: Vec<Span> = (0..1_000_000).map(|id| arrival(1, id % 900_000 + 1, 0).span).collect();
    let mut seen = Vec::new();
    assert_eq!(first_wins(&mut spans, &mut seen), 100_000);
    assert!(spans.iter().zip(1..).all(|(span, id)| span.id.bits == id));
    // Few: the other way.
    let mut few: Vec<Span> = [3, 1, 3, 2, 1].map(|id| arrival(1, id, 0).span).to_vec();
    assert_eq!((first_wins(&mut few, &mut seen), few.len()), (2, 3));
}
