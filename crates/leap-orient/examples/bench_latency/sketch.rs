//! The quantile sketch: adds and merges a second, and how far its quantiles are from exact ones.

use std::hint::black_box;

use leap_orient::tail::{Quantile, Sketch, sketch::Tally};

use crate::data::Random;
use crate::{Times, at_most, rate, rounds};

const VALUES: usize = 10_000_000;

pub(crate) fn run() {
    println!("Quantile sketch, one core: {VALUES} latencies, log-normal, every tenth Pareto");
    let mut random = Random(3);
    let values: Vec<u64> = (0..VALUES)
        .map(|at| match at % 10 {
            0 => 5_000_000.0 / (1.0 - random.share()).max(1e-9).powf(0.8),
            _ => 80_000_000.0 * random.log_normal(1.1),
        })
        .map(|ns| ns.clamp(1.0, 3.6e12) as u64)
        .collect();
    let mut tally = Tally::default();
    let adds = Times::of(rounds(), || {
        tally = Tally::default();
        values.iter().for_each(|value| tally.add(*value, 1));
    });
    rate("adds", VALUES, &adds, "adds/s", None);
    let sketch = tally.sketch();
    let hours: Vec<Sketch> = values.chunks(VALUES / 720).map(|hour| Sketch::of(hour.iter().copied())).collect();
    let merges = Times::of(rounds(), || {
        let mut month = Tally::default();
        hours.iter().for_each(|hour| month.absorb(hour));
        assert_eq!(black_box(&month).sketch(), sketch, "merging changes no bit");
    });
    let each = merges.median().as_secs_f64() * 1e6 / hours.len() as f64;
    at_most(&format!("merge ({} hours of {} values)", hours.len(), VALUES / 720), each, "us each", None, "");
    let mut sorted = values;
    sorted.sort_unstable();
    for (name, over, under, aim) in
        [("p50", 1, 2, None), ("p99", 99, 100, None), ("p99.9", 999, 1000, Some(0.5)), ("p99.99", 9999, 10_000, None)]
    {
        let p = Quantile::new(over, under).expect("a level");
        let exact = sorted[p.rank(sorted.len() as u64) as usize - 1];
        let said = sketch.quantile(p).expect("values were added").ns;
        let error = 100.0 * (said as f64 - exact as f64).abs() / exact as f64;
        at_most(&format!("error at {name}"), error, "%", aim, &format!("(exact {exact} ns, sketch {said} ns)"));
    }
    println!("  {} buckets used", sketch.len());
}
