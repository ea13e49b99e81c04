//! A quantile of requests and what it is made of, counted one request after the other.
//!
//! ```text
//! eight requests of 100 (A60 B40), one of 200 (A60 B140), one of 1000 (A100 B100 C800)
//! p90, h = 1/10   ranks 8 to 10   200 = A34 B43 C123
//! ```

use num_bigint::BigInt;

/// A request: latency, what it counts for, parts in order of their keys.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sample<K> {
    /// Nanoseconds.
    pub latency_ns: u64,
    /// Nanoseconds by key; each key once, in order.
    pub parts: Vec<(K, u64)>,
    /// A whole number of any unit; more than 0.
    pub weight: u64,
}

/// A quantile divided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Divided<K> {
    /// Q(p), nanoseconds.
    pub latency_ns: u64,
    /// Whole nanoseconds by key, in order; they add up to Q(p).
    pub parts: Vec<(K, u64)>,
    /// Requests of the band.
    pub requests: u64,
    /// Their weight.
    pub weight: u128,
    /// h was multiplied by so much to hold enough requests.
    pub widened: u64,
}

/// A share `over / under`.
pub type Share = (u64, u64);

/// part · under ≥ whole · over: whether a part of the whole is at least the share over / under, which may lie below 0.
fn at_least(part: u128, whole: u128, over: i128, under: i128) -> bool {
    let times = |weight: u128, by: i128| {
        let weight = i128::try_from(weight).expect("weights of a test take few bits");
        weight.checked_mul(by).expect("weights and shares of a test take few bits")
    };
    times(part, under) >= times(whole, over)
}

/// Q(p): the smallest latency such that requests no slower weigh p of everything.
pub fn quantile<K>(samples: &[Sample<K>], p: Share) -> Option<u64> {
    let all: u128 = samples.iter().map(|sample| u128::from(sample.weight)).sum();
    let mut answer = None;
    for sample in samples {
        let upto = samples.iter().filter(|other| other.latency_ns <= sample.latency_ns);
        let weight: u128 = upto.map(|other| u128::from(other.weight)).sum();
        let enough = at_least(weight, all, p.0.into(), p.1.into());
        if enough && answer.is_none_or(|found| sample.latency_ns < found) {
            answer = Some(sample.latency_ns);
        }
    }
    answer
}

/// Requests whose weight touches (p - h, p + h), of requests in order.
fn band<K: Ord + Clone>(sorted: &[Sample<K>], p: Share, h: Share) -> Vec<Sample<K>> {
    let all: u128 = sorted.iter().map(|sample| u128::from(sample.weight)).sum();
    let product = |a: u64, b: u64| i128::from(a) * i128::from(b);
    let (level, half, under) = (product(p.0, h.1), product(h.0, p.1), product(p.1, h.1));
    let (low, high) = (level - half, level + half);
    let (mut before, mut found) = (0_u128, Vec::new());
    for sample in sorted {
        let upto = before + u128::from(sample.weight);
        if at_least(upto, all, low, under) && !at_least(before, all, high, under) {
            found.push(sample.clone());
        }
        before = upto;
    }
    found
}

/// Q(p) divided as the requests of the band say. Without `h` it is (1 - p)/2, or the smallest multiple of it whose band
/// holds 50 requests, or all where there are fewer.
pub fn compose<K: Ord + Clone>(samples: &[Sample<K>], p: Share, h: Option<Share>) -> Option<Divided<K>> {
    let latency_ns = quantile(samples, p)?;
    // By latency, then parts, then weight: the band is then the same however requests arrived.
    let mut sorted = samples.to_vec();
    sorted.sort();
    let (mut widened, mut held);
    match h {
        Some(h) => (widened, held) = (1, band(&sorted, p, h)),
        None => {
            let wanted = samples.len().min(50);
            widened = 0;
            loop {
                widened += 1;
                held = band(&sorted, p, ((p.1 - p.0) * widened, 2 * p.1));
                if held.len() >= wanted {
                    break;
                }
            }
        }
    }
    let mut keys: Vec<&K> = held.iter().flat_map(|sample| sample.parts.iter().map(|(key, _)| key)).collect();
    keys.sort();
    keys.dedup();
    let mut sums = Vec::new();
    for key in keys {
        let mut sum = BigInt::ZERO;
        for sample in &held {
            for (other, ns) in &sample.parts {
                if other == key {
                    sum += BigInt::from(*ns) * sample.weight;
                }
            }
        }
        if sum > BigInt::ZERO {
            sums.push((key.clone(), sum));
        }
    }
    Some(Divided {
        latency_ns,
        parts: shared_out(latency_ns, sums),
        requests: held.len() as u64,
        weight: held.iter().map(|sample| u128::from(sample.weight)).sum(),
        widened,
    })
}

/// Whole nanoseconds in proportion, the rest one by one to the largest remainders, of equal ones to the first key.
pub fn shared_out<K>(total: u64, sums: Vec<(K, BigInt)>) -> Vec<(K, u64)> {
    let all: BigInt = sums.iter().map(|(_, sum)| sum).sum();
    if all == BigInt::ZERO {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let mut remainders = Vec::new();
    let mut given = 0;
    for (at, (key, sum)) in sums.into_iter().enumerate() {
        let quota = sum * total;
        let whole = u64::try_from(&quota / &all).expect("a share of a u64 is one");
        remainders.push((&quota % &all, at));
        given += whole;
        parts.push((key, whole));
    }
    for _ in given..total {
        let most = remainders.iter().map(|(rest, _)| rest).max().expect("a rest is left over by somebody").clone();
        let (rest, at) = remainders.iter_mut().find(|(rest, _)| *rest == most).expect("the largest is one of them");
        *rest = BigInt::from(-1);
        parts[*at].1 += 1;
    }
    parts
}
