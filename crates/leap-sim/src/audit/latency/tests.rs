//! The worked cases of the definition, each as its text gives it.

use std::collections::BTreeMap;

use leap_terms::{NameId, Names, Span, SpanId, SpanKind};
use num_bigint::BigInt;

use super::replay::{replay, rounded, slopes};
use super::tail::{Sample, compose, quantile, shared_out};
use super::{AuditedRequest, requests};

/// Times of the cases count from here, so that children may start before their root.
const ZERO: i64 = 1_000_000;

/// `id parent service@host kind from until`, separated by semicolons; `-` is no parent, `?` one that is not there.
fn spans(text: &str, names: &mut Names) -> Vec<Span> {
    let id = |text: &str| match text {
        "-" => SpanId::NONE,
        "?" => SpanId::new(999),
        _ => SpanId::new(u64::from(text.bytes().next().unwrap())),
    };
    let mut out = Vec::new();
    for line in text.split(';') {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (service, host) = words[2].split_once('@').unwrap();
        let time = |text: &str| u64::try_from(ZERO + text.parse::<i64>().unwrap()).unwrap();
        let kind = match words[3] {
            "client" => SpanKind::Client,
            "server" => SpanKind::Server,
            "producer" => SpanKind::Producer,
            "consumer" => SpanKind::Consumer,
            "internal" => SpanKind::Internal,
            other => panic!("{other} is no kind"),
        };
        out.push(Span {
            id: id(words[0]),
            parent: id(words[1]),
            service: names.number(service),
            host: names.number(host),
            kind,
            start: time(words[4]),
            end: time(words[5]),
            ..Span::default()
        });
    }
    out
}

fn one(text: &str) -> (AuditedRequest, Names) {
    let mut names = Names::new();
    let spans = spans(text, &mut names);
    let mut found = requests(&spans, None, &|_| None);
    assert_eq!(found.len(), 1, "{text}");
    (found.remove(0), names)
}

/// `A30 B70`, by the spans' own services and by owner, and the counters above zero.
fn said(text: &str) -> (String, String, String) {
    let (request, names) = one(text);
    let shown = |sums: &BTreeMap<String, u128>| {
        sums.iter().map(|(name, ns)| format!("{name}{ns}")).collect::<Vec<_>>().join(" ")
    };
    let mut services = BTreeMap::new();
    request.services.iter().for_each(|(id, ns)| *services.entry(names.text(*id).to_owned()).or_insert(0) += ns);
    let mut owners = BTreeMap::new();
    request.parts.iter().for_each(|((id, ..), ns)| *owners.entry(names.text(*id).to_owned()).or_insert(0) += ns);
    let counted = request.counters.iter().filter(|(_, count)| **count > 0);
    let counted = counted.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ");
    (shown(&services), shown(&owners), counted)
}

const A: &str = "A - A@h1 server 0 100";

#[test]
fn the_worked_cases_by_service() {
    for (number, rest, services, counted) in [
        (1, "", "A100", ""),
        (2, "B A B@h1 internal 10 40; C A C@h1 internal 50 90", "A30 B30 C40", ""),
        (3, "B A B@h1 internal 10 50; C A C@h1 internal 50 90", "A20 B40 C40", ""),
        (4, "B A B@h1 internal 10 60; C A C@h1 internal 10 90", "A20 C80", ""),
        (5, "B A B@h1 internal 10 60; C A C@h1 internal 50 90", "A60 C40", ""),
        (6, "B A B@h1 internal 10 90; C B C@h1 internal 20 70", "A20 B30 C50", ""),
        (7, "B A B@h1 internal 40 130", "A40 B60", "clipped 1, clipped_ns 30"),
        (8, "B A B@h1 internal -20 30", "A70 B30", "clipped 1, clipped_ns 20"),
        (9, "B A B@h2 internal -20 30", "A50 B50", "skew_ns 20, skew_shifted 1"),
        (10, "B A B@h2 internal -20 30; C B C@h2 internal -10 10", "A50 B30 C20", "skew_ns 20, skew_shifted 1"),
        (11, "B A B@h1 internal 100 130; C B C@h1 internal 110 120", "A100", "dropped_outside 1"),
        (13, "X ? X@h1 internal 10 90", "A100", "orphan 1, unreachable 1"),
        (14, "B A B@h1 internal 5 35; C A B@h1 internal 40 70; D A B@h1 internal 75 95", "A20 B80", ""),
        (15, "B A B@h1 internal 20 90; C A C@h1 internal 60 90", "A30 B70", ""),
        (16, "B A B@h1 internal 50 50", "A100", "dropped_empty 1"),
        (17, "B A B@h1 internal 80 130; C A C@h1 internal 60 120", "A60 C40", "clipped 2, clipped_ns 50"),
        (18, "B A B@h1 internal 0 100", "B100", ""),
        (
            19,
            "x x X@h1 internal 10 20; p q P@h1 internal 10 20; q p Q@h1 internal 10 20",
            "A100",
            "orphan 1, unreachable 3",
        ),
        (
            20,
            "c A A@h1 client 10 60; B c B@h2 server 5 95",
            "A50 B50",
            "clipped 1, clipped_ns 40, skew_ns 5, skew_shifted 1",
        ),
        (21, "B A B@h1 internal 10 51; C A C@h1 internal 50 90", "A20 B40 C40", "snapped 1"),
        (23, "B A B@h1 internal 10 90; C A C@h1 internal 89 90", "A20 B80", ""),
    ] {
        let text = if rest.is_empty() { A.to_owned() } else { format!("{A}; {rest}") };
        let (found, _, counters) = said(&text);
        assert_eq!((found.as_str(), counters.as_str()), (services, counted), "W{number}");
    }
    let messages = "A - A@h1 producer 0 100; B A B@h1 consumer 10 90";
    assert_eq!(said(messages), ("A100".into(), "A100".into(), "async_pruned 1".into()), "W12");
    let wide = "A - A@h1 server 0 1000; B A B@h1 internal 0 505; C A C@h1 internal 500 1000";
    assert_eq!(said(wide).0, "B500 C500", "W22");
}

#[test]
fn the_worked_cases_by_owner() {
    for (number, rest, owners) in [
        (1, "c A A@h1 client 10 90; B c B@h2 server 30 60", "A20 B80"),
        (2, "c A A@h1 client 10 90; D c A2@h1 internal 30 60", "A70 A230"),
        (3, "c A A@h1 client 10 90; B c B@h2 server 20 40; D c B@h2 server 50 80", "A50 B50"),
        (4, "B A B@h2 server 30 60", "A70 B30"),
    ] {
        assert_eq!(said(&format!("{A}; {rest}")).1, owners, "E{number}");
    }
}

#[test]
fn the_comparison_with_other_programs() {
    let root = "A - A@h1 server 0 1000";
    for (rest, services) in [
        ("B A B@h1 internal 100 500; C A C@h1 internal 500 900", "A200 B400 C400"),
        ("B A B@h2 server -200 300", "A500 B500"),
        ("c A A@h1 client 100 900; B c B@h2 server 70 370", "A700 B300"),
        ("c A A@h1 client 100 900; B c B@h2 server 700 1000", "A800 B200"),
        ("c A A@h1 client 100 600; B c B@h2 server 150 2000", "A550 B450"),
        ("B A B@h1 internal 200 900; C A C@h1 internal 600 900", "A300 B700"),
        ("X ? X@h1 internal 0 900", "A1000"),
    ] {
        assert_eq!(said(&format!("{root}; {rest}")).0, services, "{rest}");
    }
}

#[test]
fn peers_and_repeated_tries_say_why() {
    let mut names = Names::new();
    let mut spans =
        spans(&format!("{A}; b A A@h1 client 10 30; c A A@h1 client 40 70; d A A@h1 client 80 90"), &mut names);
    let (queue, bank, ledger) = (names.number("queue"), names.number("bank"), names.number("ledger"));
    spans[1].peer = queue;
    (spans[2].peer, spans[2].flags) = (bank, Span::PEER_SERVICE);
    spans[3].flags = Span::RETRY;
    let api = spans[0].service;
    let of = |catalogue: &dyn Fn(NameId) -> Option<NameId>| requests(&spans, None, catalogue).remove(0).parts;
    let mut expected = BTreeMap::from([
        ((api, "self", NameId::NONE), 40),
        ((api, "external", api), 20),
        ((bank, "external", api), 30),
        ((api, "retry", NameId::NONE), 10),
    ]);
    assert_eq!(of(&|_| None), expected);
    expected.remove(&(api, "external", api));
    expected.insert((ledger, "external", api), 20);
    assert_eq!(of(&|peer| (peer == queue).then_some(ledger)), expected);
}

#[test]
fn the_first_of_equal_ids_wins_and_the_topmost_chosen_span_is_the_request() {
    let mut names = Names::new();
    let text = format!("{A}; B A B@h1 server 10 90; B A B@h1 server 10 20; D B B@h1 server 20 10");
    let spans = spans(&text, &mut names);
    let b = names.find("B").unwrap();
    let found = requests(&spans, Some(&|span: &Span| span.service == b), &|_| None);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].root, found[0].latency_ns), (SpanId::new(u64::from(b'B')), 80));
    assert_eq!((found[0].counters["duplicate_span_id"], found[0].counters["negative_duration"]), (1, 1));
}

#[test]
fn replay_gives_the_worked_figures() {
    let latency = |text: &str, factors: &[(&str, u64, u64)]| {
        let (request, names) = one(&format!("{A}; {text}"));
        replay(&request.tree, &|service, ns| {
            let found = factors.iter().find(|(name, ..)| names.text(service) == *name);
            found.map_or(ns, |(_, over, under)| rounded(ns, *over, *under))
        })
    };
    let w4 = "B A B@h1 internal 10 60; C A C@h1 internal 10 90";
    assert_eq!(latency(w4, &[]), 100);
    assert_eq!(latency(w4, &[("C", 0, 1)]), 70);
    assert_eq!(latency(w4, &[("B", 0, 1)]), 100);
    assert_eq!(latency(w4, &[("B", 0, 1), ("C", 0, 1)]), 20);
    assert_eq!(latency(w4, &[("C", 1, 2)]), 70);
    assert_eq!(latency(w4, &[("B", 2, 1)]), 120);
    let w2 = "B A B@h1 internal 10 40; C A C@h1 internal 50 90";
    assert_eq!(latency(w2, &[("B", 1, 2)]), 85);
    assert_eq!(latency(w2, &[("A", 0, 1)]), 70);
    let w5 = "B A B@h1 internal 10 60; C A C@h1 internal 50 90";
    assert_eq!(latency(w5, &[("A", 0, 1)]), 50);
    assert_eq!(latency(w5, &[("C", 0, 1)]), 70);
}

#[test]
fn slopes_stand_on_both_sides_of_the_attribution() {
    // B and C end together: without B the request would end as late, for C's sake, and the other way round.
    let (request, names) = one(&format!("{A}; B A B@h1 internal 20 90; C A C@h1 internal 60 90"));
    let slope = |name: &str| slopes(&request.tree, names.find(name).unwrap());
    assert_eq!((slope("A"), slope("B"), slope("C")), ((30, 70), (0, 70), (0, 30)));
}

#[test]
fn the_worked_compositions() {
    let sample = |latency_ns, parts: &[(&'static str, u64)]| Sample { latency_ns, parts: parts.to_vec(), weight: 1 };
    let mut samples = vec![sample(1000, &[("A", 100), ("B", 100), ("C", 800)]), sample(200, &[("A", 60), ("B", 140)])];
    samples.extend((0..8).map(|_| sample(100, &[("A", 60), ("B", 40)])));
    let exactly = compose(&samples, (9, 10), Some((0, 1))).unwrap();
    assert_eq!((exactly.latency_ns, exactly.parts), (200, vec![("A", 60), ("B", 140)]));
    let around = compose(&samples, (9, 10), Some((1, 10))).unwrap();
    assert_eq!((around.latency_ns, around.requests), (200, 3));
    assert_eq!(around.parts, [("A", 34), ("B", 43), ("C", 123)]);
    let ones = ["a", "b", "c"].map(|key| (key, BigInt::from(1))).to_vec();
    assert_eq!(shared_out(100, ones), [("a", 34), ("b", 33), ("c", 33)]);
    let weighted = |latency_ns, weight| Sample { latency_ns, parts: vec![("A", latency_ns)], weight };
    assert_eq!(quantile(&[weighted(300, 1), weighted(100, 1000), weighted(200, 10)], (999, 1000)), Some(200));
    assert_eq!(quantile(&[weighted(300, 1), weighted(100, 1), weighted(200, 1)], (999, 1000)), Some(300));
}
