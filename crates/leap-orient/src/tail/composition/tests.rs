//! The worked compositions, bands against a naive rank formula, stored against exact.

use std::io::Read;

use super::stored::{Gathered, Stored, answer, excess};
use super::*;
use crate::tail::TailError;
use crate::tail::sketch::Sketch;
use proptest::prelude::*;

type Parts = Vec<(&'static str, u64)>;

fn p(text: &str) -> Quantile {
    text.parse().unwrap()
}

fn h(over: u64, under: u64) -> Band {
    Band::Within(Fraction::new(over, under).unwrap())
}

fn requests<'a, K>(of: &'a [Vec<(K, u64)>]) -> Vec<Request<'a, K>> {
    let latency = |parts: &[(K, u64)]| parts.iter().map(|(_, ns)| ns).sum();
    of.iter().map(|parts| Request { latency_ns: latency(parts), parts, weight: Units::ONE }).collect()
}

/// Section 3.2: eight requests of 100, one of 200, one of 1000.
fn worked() -> Vec<Parts> {
    let mut all = vec![vec![("A", 60), ("B", 40)]; 8];
    all.push(vec![("A", 60), ("B", 140)]);
    all.push(vec![("A", 100), ("B", 100), ("C", 800)]);
    all
}

#[test]
fn the_quantiles_own_request_speaks_where_the_band_has_no_width() {
    let all = worked();
    let found = Ranked::new(&requests(&all)).unwrap().compose(p("p90"), h(0, 1)).unwrap().unwrap();
    assert_eq!((found.latency_ns, found.parts), (200, vec![("A", 60), ("B", 140)]));
}

#[test]
fn ranks_eight_to_ten_speak_for_p90_with_a_tenth() {
    let all = worked();
    let found = Ranked::new(&requests(&all)).unwrap().compose(p("0.9"), h(1, 10)).unwrap().unwrap();
    assert_eq!((found.latency_ns, found.band.requests), (200, 3));
    assert_eq!(found.parts, [("A", 34), ("B", 43), ("C", 123)]);
}

#[test]
fn a_thin_band_is_widened_to_fifty_requests_and_says_so() {
    let all: Vec<Vec<(u8, u64)>> = (1..=1000).map(|ns| vec![(0, ns)]).collect();
    let requests = requests(&all);
    let ranked = Ranked::new(&requests).unwrap();
    let found = ranked.compose(p("p99.9"), Band::Default).unwrap().unwrap();
    // 96 · 0.0005 = 0.048: ranks 951 to 1000 are the first fifty.
    assert_eq!((found.band.h.to_string().as_str(), found.band.widened, found.band.requests), ("6/125", true, 50));
    assert_eq!((found.band.at_least_ns, found.band.at_most_ns), (951, 1000));
    let wide = ranked.compose(p("p50"), Band::Default).unwrap().unwrap();
    assert_eq!((wide.band.h.to_string().as_str(), wide.band.widened, wide.band.requests), ("1/4", false, 501));
    let few = Ranked::new(&requests[..7]).unwrap().compose(p("p99.9"), Band::Default).unwrap().unwrap();
    assert_eq!((few.latency_ns, few.band.requests, few.band.widened), (7, 7, true));
}

#[test]
fn the_tail_form_is_scaled_to_the_tails_mean() {
    let all = worked();
    let found = Ranked::new(&requests(&all)).unwrap().tail(p("p90")).unwrap().unwrap();
    // (200 + 1000) / 2, divided as 160 : 240 : 800.
    assert_eq!((found.latency_ns, found.band.requests), (600, 2));
    assert_eq!(found.parts, [("A", 80), ("B", 120), ("C", 400)]);
}

#[test]
fn a_weight_counts_as_so_many_requests() {
    let all = worked();
    let repeated = Ranked::new(&requests(&all)).unwrap().compose(p("p90"), h(1, 10)).unwrap().unwrap();
    let three = [all[0].clone(), all[8].clone(), all[9].clone()];
    let mut weighted = requests(&three);
    weighted[0].weight = Units::requests(8);
    let found = Ranked::new(&weighted).unwrap().compose(p("p90"), h(0, 1)).unwrap().unwrap();
    assert_eq!((found.latency_ns, found.weight), (repeated.latency_ns, repeated.weight));
    assert_eq!(found.parts, [("A", 60), ("B", 140)]);
    // A request counts with its whole weight, so here all eight of 100 speak.
    let found = Ranked::new(&weighted).unwrap().compose(p("p90"), h(1, 10)).unwrap().unwrap();
    assert_eq!(found.parts, [("A", 64), ("B", 56), ("C", 80)]);
}

#[test]
fn a_measured_quantile_is_divided_as_the_traces_of_its_band_say() {
    // The sampler kept slow traces only; the metric saw a thousand requests.
    let slow: Vec<Parts> = vec![vec![("A", 10), ("B", 90)], vec![("A", 20), ("B", 100)], vec![("A", 900)]];
    let requests = requests(&slow);
    let ranked = Ranked::new(&requests).unwrap();
    let metric = Sketch::of((0..1000).map(|n| if n < 985 { 30 } else { 100 + n - 985 }));
    let found = ranked.at_metric(&metric, p("p99"), h(1, 100)).unwrap().unwrap();
    assert_eq!((found.n_metric, found.n_traces), (1000, 3));
    let composition = found.composition.unwrap();
    // Q = rank 990 = 104; the band's latencies are 30 to 114, so the first trace speaks alone.
    assert_eq!((composition.latency_ns, composition.band.requests), (104, 1));
    assert_eq!(composition.parts, [("A", 10), ("B", 94)]);
    // A metric that may be 20 % off: traces of up to 136 belong to it.
    let wider = ranked.at_measured((&metric, 200_000), p("p99"), h(1, 100)).unwrap().unwrap().composition.unwrap();
    assert_eq!((wider.latency_ns, wider.band.requests), (104, 2));
    let mut gathered = Gathered::default();
    requests.iter().for_each(|request| gathered.add(request).unwrap());
    let (stored, asked) = (gathered.stored(), (p("p99"), h(1, 100)));
    let pieces = [&stored];
    let of_stored = stored::answer_at_metric(&pieces[..], (&metric, 200_000), asked, |_, key| *key).unwrap().unwrap();
    assert_eq!((of_stored.latency_ns, &of_stored.parts, of_stored.band.requests), (104, &wider.parts, 2));
    let nowhere_stored =
        stored::answer_at_metric(&pieces[..], (&metric, 0), (p("p50"), h(0, 1)), |_, key| *key).unwrap();
    assert_eq!(nowhere_stored, None);
    let all = ranked.excess_at_metric((&metric, 200_000), p("p99"), h(1, 100)).unwrap().unwrap();
    let of_all = stored::excess_at_metric(&pieces[..], (&metric, 200_000), asked, |_, key| *key).unwrap().unwrap();
    assert_eq!((all.median.latency_ns, all.median.band.requests), (30, 2), "widened to all that the metric saw");
    assert_eq!((&of_all.tail.parts, &of_all.excess), (&all.tail.parts, &all.excess));
    let nowhere = ranked.at_metric(&metric, p("p50"), h(0, 1)).unwrap().unwrap();
    assert_eq!(nowhere.composition, None, "no trace was so fast, and none is invented");
    let all = ranked.at_metric(&metric, p("p99"), Band::Default).unwrap().unwrap().composition.unwrap();
    assert_eq!(
        (all.band.widened, all.band.requests),
        (true, 1),
        "widened to all the metric saw, which one trace is in"
    );
}

#[test]
fn parts_that_do_not_partition_a_request_are_refused() {
    let parts = [("A", 3), ("B", 4)];
    let wrong = Request { latency_ns: 8, parts: &parts, weight: Units::ONE };
    assert_eq!(Ranked::new(&[wrong]).unwrap_err(), TailError::NotItsSum { latency_ns: 8, parts_ns: 7 });
    let twice = [("B", 3), ("A", 4)];
    let unsorted = Request { latency_ns: 7, parts: &twice, weight: Units::ONE };
    assert_eq!(Ranked::new(&[unsorted]).unwrap_err(), TailError::NotSorted { latency_ns: 7 });
}

#[test]
fn without_requests_there_is_no_answer() {
    let none = Ranked::<u32>::new(&[]).unwrap();
    assert_eq!((none.compose(p("p50"), Band::Default), none.tail(p("p50"))), (Ok(None), Ok(None)));
    assert_eq!(answer(&[] as &[&Stored<u32>], p("p50"), Band::Default, |_, key| *key), Ok(None));
}

/// The answers of the traces at hand for one file: (latency, parts by service), or `None` where the data is absent.
fn expected(file: &str, field: &str) -> Option<Vec<Vec<(String, u64)>>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/traces/expected_lcp1.jsonl.gz");
    let bytes = std::fs::read(path).ok()?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let of_file = lines.filter(|line| line["file"] == file && line["error"].is_null());
    let parts = of_file.map(|line| {
        let parts = line[field].as_object().unwrap().iter().map(|(key, ns)| (key.clone(), ns.as_u64().unwrap()));
        let mut parts: Vec<_> = parts.collect();
        parts.sort();
        parts
    });
    Some(parts.collect())
}

#[test]
fn the_online_boutique_example_is_met_in_every_digit() {
    let Some(all) = expected("onlineboutique/baseline.otlp.json.gz", "by_service_ns") else {
        println!("skipped: the shared traces are absent");
        return;
    };
    let requests = requests(&all);
    let ranked = Ranked::new(&requests).unwrap();
    let found = ranked.excess(p("p99"), h(1, 200)).unwrap().unwrap();
    assert_eq!((ranked.len(), found.tail.latency_ns, found.median.latency_ns), (502, 1_458_354_386, 123_016_706));
    for (service, ns) in [
        ("frontend", 1_338_089_105),
        ("currencyservice", 100_491_832),
        ("adservice", 15_215_379),
        ("productcatalogservice", 3_205_260),
        ("cartservice", 1_352_810),
    ] {
        assert_eq!(found.tail.part(&service.to_owned()), ns, "{service}");
    }
    assert_eq!((found.tail.parts.len(), found.median.part(&"frontend".to_owned())), (5, 82_813_994));
    let sum: i128 = found.excess.iter().map(|(_, ns)| ns).sum();
    assert_eq!(sum, 1_458_354_386 - 123_016_706);
    assert!(found.excess.iter().any(|(_, ns)| *ns < 0), "recommendations take less time in the tail");
}

#[test]
fn one_reorg_later_the_same_sums_have_other_owners() {
    let mut day = Gathered::default();
    for request in requests(&[vec![("cart", 40_u64), ("pay", 60)]]) {
        day.add(&request).unwrap();
    }
    let day = day.stored();
    let found = answer(&[&day, &day], p("p50"), Band::Default, |piece, service| match (*service, piece) {
        ("cart", _) => "shop",
        (_, 0) => "money",
        _ => "shop",
    });
    assert_eq!(found.unwrap().unwrap().parts, [("money", 30), ("shop", 70)]);
    let one = [vec![("cart", 40_u64), ("pay", 60)]];
    let exact = Ranked::new(&requests(&one)).unwrap();
    let by = exact.compose(p("p50"), Band::Default).unwrap().unwrap().by(|_| "shop");
    assert_eq!(by.parts, [("shop", 100)]);
}

/// Parts of three keys, latencies from microseconds to minutes.
fn any_requests() -> impl Strategy<Value = Vec<(Vec<(u8, u64)>, u32)>> {
    let parts = (1_000_u64..100_000_000, 0_u64..3_000_000_000, 0_u64..40_000_000);
    let one = (parts, 1_u32..5).prop_map(|((a, b, c), weight)| {
        let parts = [(0, a), (1, b), (2, c)].into_iter().filter(|(_, ns)| *ns > 0).collect();
        (parts, weight)
    });
    prop::collection::vec(one, 1..300)
}

fn weighted<'a>(of: &'a [(Vec<(u8, u64)>, u32)]) -> Vec<Request<'a, u8>> {
    let latency = |parts: &[(u8, u64)]| parts.iter().map(|(_, ns)| ns).sum();
    let one = |(parts, weight): &'a (Vec<(u8, u64)>, u32)| Request {
        latency_ns: latency(parts),
        parts: parts.as_slice(),
        weight: Units::requests(*weight),
    };
    of.iter().map(one).collect()
}

fn gather(requests: &[Request<'_, u8>]) -> Stored<u8> {
    let mut gathered = Gathered::default();
    requests.iter().for_each(|request| gathered.add(request).unwrap());
    gathered.stored()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn parts_add_up_and_the_order_of_arrival_changes_nothing(all in any_requests(), level in 1_u64..1000, turn in 0_usize..300) {
        let quantile = Quantile::new(level, 1000).unwrap();
        let mut requests = weighted(&all);
        let found = Ranked::new(&requests).unwrap().excess(quantile, Band::Default).unwrap().unwrap();
        prop_assert_eq!(found.tail.parts.iter().map(|(_, ns)| ns).sum::<u64>(), found.tail.latency_ns);
        prop_assert!(found.tail.band.requests >= ENOUGH.min(all.len() as u64));
        let plain: Vec<_> = requests.iter().map(|request| (request.latency_ns, request.weight)).collect();
        prop_assert_eq!(Some(found.tail.latency_ns), crate::tail::quantile::nearest_rank(&plain, quantile));
        requests.rotate_left(turn % all.len());
        let turned = Ranked::new(&requests).unwrap().excess(quantile, Band::Default).unwrap().unwrap();
        prop_assert_eq!(turned, found);
    }

    #[test]
    fn without_weights_the_band_is_the_documents_ranks(all in any_requests(), level in 1_u64..1000, width in 0_u64..1000) {
        let parts: Vec<Vec<(u8, u64)>> = all.into_iter().map(|(parts, _)| parts).collect();
        let found = Ranked::new(&requests(&parts)).unwrap().compose(Quantile::new(level, 1000).unwrap(), h(width, 1000)).unwrap().unwrap();
        // ⌈(p − h)n⌉ to min(n, ⌈(p + h)n⌉), in thousandths.
        let mut sorted = parts.clone();
        sorted.sort_by_key(|parts| (parts.iter().map(|(_, ns)| ns).sum::<u64>(), parts.clone()));
        let n = sorted.len() as u64;
        let (from, to) = ((level.saturating_sub(width) * n).div_ceil(1000).max(1), ((level + width) * n).div_ceil(1000).min(n));
        let band = &sorted[from as usize - 1..to as usize];
        let sum = |key: u8| band.iter().flatten().filter(|(held, _)| *held == key).map(|(_, ns)| u128::from(*ns)).sum::<u128>();
        let (sums, q) = ([sum(0), sum(1), sum(2)], u128::from(found.latency_ns));
        let all: u128 = sums.iter().sum();
        let mut shares = sums.map(|sum| q * sum / all);
        let mut order = [0, 1, 2];
        order.sort_by_key(|key| (std::cmp::Reverse(q * sums[*key] % all), *key));
        let left = (q - shares.iter().sum::<u128>()) as usize;
        order.iter().take(left).for_each(|key| shares[*key] += 1);
        prop_assert_eq!(found.band.requests, band.len() as u64);
        prop_assert_eq!([0, 1, 2].map(|key| u128::from(found.part(&key))), shares);
    }

    #[test]
    fn what_is_stored_says_what_its_requests_say(all in any_requests(), level in 1_u64..1000, cut in 0_usize..300, bits in 0_u32..4) {
        let quantile = Quantile::new(level, 1000).unwrap();
        let requests = weighted(&all);
        let cut = cut.min(requests.len());
        let (left, right) = (gather(&requests[..cut]), gather(&requests[cut..]).coarsened(bits).unwrap());
        let found = answer(&[&left, &right], quantile, Band::Default, |_, key| *key).unwrap().unwrap();
        let ranked = Ranked::new(&requests).unwrap();
        let exact = ranked.quantile(quantile).unwrap();
        // Twice the error per bit of coarseness.
        let off = u128::from(found.latency_ns.abs_diff(exact)) << (8 - bits);
        prop_assert!(off <= u128::from(exact), "{} is not {}", found.latency_ns, exact);
        prop_assert_eq!(found.parts.iter().map(|(_, ns)| ns).sum::<u64>(), found.latency_ns);
        // Exactly the composition of all requests of the buckets used.
        let same = ranked.between(found.latency_ns, found.band.at_least_ns, found.band.at_most_ns).unwrap().unwrap();
        prop_assert_eq!(&same.parts, &found.parts);
        prop_assert_eq!((same.band.requests, same.band.weight), (found.band.requests, found.band.weight));
        // And the buckets hold the asked band.
        let asked = ranked.compose(quantile, Band::Within(found.band.h)).unwrap().unwrap();
        prop_assert!(found.band.at_least_ns <= asked.band.at_least_ns && asked.band.at_most_ns <= found.band.at_most_ns);
    }

    #[test]
    fn pieces_in_any_order_are_kept_and_merged_to_the_same_bits(all in any_requests(), cut in 0_usize..300) {
        let requests = weighted(&all);
        let cut = cut.min(requests.len());
        let whole = gather(&requests);
        let (left, right) = (gather(&requests[..cut]), gather(&requests[cut..]));
        for pieces in [[&left, &right], [&right, &left]] {
            let mut merged = Gathered::default();
            pieces.into_iter().for_each(|piece| merged.absorb(piece).unwrap());
            prop_assert_eq!(&merged.stored(), &whole);
        }
        let rows = whole.rows().map(|(bucket, requests, weight, parts)| {
            (bucket, stored::Cell { requests, weight, parts: parts.to_vec() })
        });
        prop_assert_eq!(Stored::from_rows(0, rows), Some(whole.clone()));
        let mut late = Gathered::default();
        requests.iter().for_each(|request| late.add(request).unwrap());
        requests[cut..].iter().for_each(|request| late.remove(request));
        prop_assert_eq!(late.stored(), left);
    }
}

#[test]
fn the_excess_from_stored_sums_adds_up() {
    let all: Vec<Vec<(u8, u64)>> =
        (1..=2000_u64).map(|n| vec![(0, 1000 * n), (1, if n > 1980 { 9_000_000 } else { 10 })]).collect();
    let day = gather(&requests(&all));
    let found = excess(&[&day], p("p99.9"), Band::Default, |_, key| *key).unwrap().unwrap();
    let sum: i128 = found.excess.iter().map(|(_, ns)| ns).sum();
    assert_eq!(sum, i128::from(found.tail.latency_ns) - i128::from(found.median.latency_ns));
    assert_eq!(found.excess.iter().max_by_key(|(_, ns)| *ns).unwrap().0, 1, "who makes the tail");
}
