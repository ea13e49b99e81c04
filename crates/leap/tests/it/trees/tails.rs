//! The composition of the tail beside the auditor's: of requests of random trees, and of random numbers.

use leap_orient::tail::composition::Ranked;
use leap_orient::tail::{Band, Fraction, Quantile, Request, Units};
use leap_sim::audit::latency::AuditedRequest;
use leap_sim::audit::latency::tail::{Divided, Sample, Share, compose};
use leap_sim::company::Random;
use leap_terms::Weight;

use super::compare::Compared;

/// Levels that are asked for.
const LEVELS: [Share; 5] = [(1, 2), (9, 10), (99, 100), (999, 1000), (9999, 10_000)];

/// Requests of some trees.
#[derive(Default)]
pub(super) struct Pool {
    samples: Vec<Sample<String>>,
}

impl Pool {
    pub(super) fn add(&mut self, audited: &[AuditedRequest]) {
        for request in audited {
            let mut parts = std::collections::BTreeMap::<String, u64>::new();
            for ((owner, kind, caller), ns) in &request.parts {
                *parts.entry(format!("{} {kind} {}", owner.0, caller.0)).or_default() += *ns as u64;
            }
            // Weights of a sampler's thresholds: 1 to 16 requests.
            let weight = Units::from(Weight::Threshold(Weight::ALL / 16 * (request.start % 16))).count();
            self.samples.push(Sample { latency_ns: request.latency_ns, parts: parts.into_iter().collect(), weight });
        }
    }

    pub(super) fn compose(&self, compared: &mut Compared) {
        for level in LEVELS {
            both(compared, &self.samples, level, None);
            both(compared, &self.samples, level, Some((1, 50)));
        }
    }
}

/// One composition of each, with everything that they say.
pub(super) fn both<K: Ord + Clone + std::fmt::Debug>(
    compared: &mut Compared,
    samples: &[Sample<K>],
    level: Share,
    h: Option<Share>,
) {
    let requests: Vec<Request<'_, K>> = samples
        .iter()
        .map(|sample| Request {
            latency_ns: sample.latency_ns,
            parts: &sample.parts,
            weight: Units::from_count(sample.weight).expect("a weight of the test"),
        })
        .collect();
    let ranked = Ranked::new(&requests).expect("parts add up and are sorted");
    let p = Quantile::new(level.0, level.1).expect("a level");
    let band = h.map_or(Band::Default, |(over, under)| Band::Within(Fraction::new(over, under).expect("a fraction")));
    let said = ranked.compose(p, band).expect("no sum is too large");
    let said = said.map(|said| {
        let divided = Divided {
            latency_ns: said.latency_ns,
            parts: said.parts,
            requests: said.band.requests,
            weight: said.band.weight,
            // h as a multiple of (1 - p)/2.
            widened: said.band.h.over() * 2 * level.1 / (said.band.h.under() * (level.1 - level.0)).max(1),
        };
        (divided, said.band.widened, said.requests)
    });
    let expected = compose(samples, level, h).map(|mut expected| {
        if let Some((over, under)) = h {
            expected.widened = over * 2 * level.1 / (under * (level.1 - level.0)).max(1);
        }
        let widened = h.is_none() && expected.widened > 1;
        (expected, widened, samples.len() as u64)
    });
    if let Some((divided, ..)) = &expected {
        let sum: u128 = divided.parts.iter().map(|(_, ns)| u128::from(*ns)).sum();
        // A band of requests that took no time says nothing about where time goes.
        let whole = sum == u128::from(divided.latency_ns) || divided.parts.is_empty();
        compared.holds("composition sums", whole, || format!("{divided:?}"));
        compared.figures += divided.parts.len() as u64;
    }
    compared.figure(&format!("composition at {level:?} h {h:?}"), &said, &expected);
    compared.tried("compositions");
}

fn random_samples(random: &mut Random) -> Vec<Sample<u8>> {
    let count = 1 + random.below(*random.clone().pick(&[1, 3, 60, 300]));
    let scale = *random.pick(&[1, 5, 1_000, 10_000_000_000]);
    let keys = 1 + random.below(8) as u8;
    let weights = random.below(3);
    (0..count)
        .map(|_| {
            let mut parts = Vec::new();
            for key in 0..keys {
                if random.chance(7_000) {
                    parts.push((key, random.below(scale + 1)));
                }
            }
            let weight = match weights {
                0 => Units::ONE.count(),
                1 => Units::from(Weight::Threshold(random.below(Weight::ALL))).count(),
                _ => 1 + random.below(Units::MOST.count()),
            };
            Sample { latency_ns: parts.iter().map(|(_, ns)| ns).sum(), parts, weight }
        })
        .collect()
}

#[test]
fn random_tails_are_composed_as_the_auditor_composes_them() {
    let mut compared = Compared::default();
    let sets = 1_500;
    for seed in 0..sets {
        let mut random = Random::new(seed);
        let samples = random_samples(&mut random);
        let under = 2 + random.below(5_000);
        let level = match random.chance(6_000) {
            true => *random.pick(&LEVELS),
            false => (1 + random.below(under - 1), under),
        };
        let h = random.chance(6_000).then(|| (random.below(40), 40 + random.below(200)));
        both(&mut compared, &samples, level, h);
    }
    compared.found.iter().for_each(|found| println!("{found}"));
    println!("sets {sets}, figures compared {}, differences {}", compared.figures, compared.differences);
    assert_eq!(compared.differences, 0);
    assert!(compared.figures > 2 * sets);
}
