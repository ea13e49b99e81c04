//! The worked replays of the reference, and properties on random trees.

use leap_terms::{NameId, Names};
use proptest::prelude::*;

use super::{Factor, Replay};
use crate::latency::lcp::tests::{spans, trace};
use crate::latency::{NoCatalog, Selector, Workspace};
use leap_terms::Trace;

/// The latency with these services' factors.
fn replayed(text: &str, factors: &[(&str, Factor)]) -> u64 {
    let mut names = Names::new();
    let trace = trace(text, &mut names);
    let mut replay = Replay::new(&mut Workspace::new(), &trace, trace.spans[0].id).unwrap();
    replay.latency(|service| {
        factors.iter().find(|(name, _)| names.text(service) == *name).map_or(Factor::ONE, |(_, factor)| *factor)
    })
}

#[test]
fn the_worked_replays() {
    let half = Factor::new(1, 2).unwrap();
    let twice = Factor::new(2, 1).unwrap();
    let parallel = "a - A internal 0 100; b a B internal 10 60; c a C internal 10 90";
    assert_eq!(replayed(parallel, &[]), 100);
    assert_eq!(replayed(parallel, &[("C", Factor::ZERO)]), 70);
    assert_eq!(replayed(parallel, &[("B", Factor::ZERO)]), 100);
    assert_eq!(replayed(parallel, &[("B", Factor::ZERO), ("C", Factor::ZERO)]), 20);
    assert_eq!(replayed(parallel, &[("C", half)]), 70);
    assert_eq!(replayed(parallel, &[("B", twice)]), 120);
    let sequence = "a - A internal 0 100; b a B internal 10 40; c a C internal 50 90";
    assert_eq!(replayed(sequence, &[("B", half)]), 85);
    assert_eq!(replayed(sequence, &[("A", Factor::ZERO)]), 70);
    let overlap = "a - A internal 0 100; b a B internal 10 60; c a C internal 50 90";
    assert_eq!(replayed(overlap, &[("A", Factor::ZERO)]), 50);
    assert_eq!(replayed(overlap, &[("C", Factor::ZERO)]), 70);
}

#[test]
fn a_factor_back_to_the_median_never_makes_slower() {
    assert_eq!(Factor::back_to(10, 40), Factor::new(10, 40).unwrap());
    assert_eq!(Factor::back_to(50, 40), Factor::ONE);
    assert_eq!(Factor::back_to(0, 0), Factor::ONE);
    assert_eq!(Factor::new(1, 0), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn unchanged_it_is_what_it_was_and_no_saving_passes_the_attribution(spans in spans(), who in 1u32..5) {
        let trace = Trace { spans, ..Trace::default() };
        let mut workspace = Workspace::new();
        let (mut latency, mut attributed) = (0, 0);
        workspace.attribute(&trace, &Selector::default(), &Names::new(), &NoCatalog, |request| {
            latency = request.latency_ns;
            attributed = request.services.iter().filter(|(service, _)| service.0 == who).map(|(_, ns)| *ns).sum();
        });
        let mut replay = Replay::new(&mut workspace, &trace, trace.spans[0].id).unwrap();
        prop_assert_eq!(replay.latency(|_| Factor::ONE), latency, "P3");
        let scaled = |replay: &mut Replay, factor: Factor| {
            replay.latency(|service| if service == NameId(who) { factor } else { Factor::ONE })
        };
        let without = scaled(&mut replay, Factor::ZERO);
        prop_assert!(latency - without <= attributed, "P5: {latency} - {without} <= {attributed}");
        // P4, with a step that rounds nowhere: a thousandth of times that are thousands.
        let mut long = trace.clone();
        for span in &mut long.spans {
            (span.start, span.end) = (span.start * 1_000_000, span.end * 1_000_000);
        }
        let (mut latency, mut attributed) = (0, 0);
        workspace.attribute(&long, &Selector::default(), &Names::new(), &NoCatalog, |request| {
            latency = request.latency_ns;
            attributed = request.services.iter().filter(|(service, _)| service.0 == who).map(|(_, ns)| *ns).sum();
        });
        let mut replay = Replay::new(&mut workspace, &long, long.spans[0].id).unwrap();
        let less = latency - scaled(&mut replay, Factor::new(999_999, 1_000_000).unwrap());
        let more = scaled(&mut replay, Factor::new(1_000_001, 1_000_000).unwrap()) - latency;
        prop_assert!(less * 1_000_000 <= attributed && attributed <= more * 1_000_000, "P4: {less} {attributed} {more}");
    }
}
