//! The composition from requests at hand: exact in every respect.
//!
//! ```text
//! Ranked::new(&requests)?.compose(p99.9, Band::Default) = Some(4612 ms = ledger 3100 ms + payments 1512 ms)
//! ```

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use super::super::TailError;
use super::super::fraction::Fraction;
use super::super::quantile::Quantile;
use super::super::sketch::Sketch;
use super::{Band, Composition, Excess, Request, Used, bounds, half_beyond, parts_of, values_around, widened};

/// Requests in order of latency, for several questions.
#[derive(Clone, Debug)]
pub struct Ranked<'a, K> {
    requests: Vec<Request<'a, K>>,
    /// Weight of the first i requests.
    below: Vec<u128>,
}

/// A composition whose latency was measured elsewhere, on all requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AtMetric<K> {
    /// How many requests the metric counted.
    pub n_metric: u128,
    /// How many traces there were in all, each counted once.
    pub n_traces: u64,
    /// The metric's quantile divided as the traces of its band say; `None` where no trace lies there.
    pub composition: Option<Composition<K>>,
}

impl<'a, K: Ord + Clone> Ranked<'a, K> {
    /// Sorts requests by latency, then parts, then weight. O(n log n).
    ///
    /// # Errors
    /// When the parts of one do not add up to its latency, or are not sorted by distinct keys.
    pub fn new(requests: &[Request<'a, K>]) -> Result<Ranked<'a, K>, TailError> {
        for request in requests {
            let latency_ns = request.latency_ns;
            if !request.parts.is_sorted_by(|(a, _), (b, _)| a < b) {
                return Err(TailError::NotSorted { latency_ns });
            }
            let parts_ns = request.parts.iter().map(|(_, ns)| u128::from(*ns)).sum();
            if parts_ns != u128::from(latency_ns) {
                return Err(TailError::NotItsSum { latency_ns, parts_ns });
            }
        }
        let mut requests = requests.to_vec();
        requests.sort_unstable();
        let mut below = Vec::with_capacity(requests.len() + 1);
        let mut sum = 0;
        below.push(sum);
        for request in &requests {
            sum += u128::from(request.weight.count());
            below.push(sum);
        }
        Ok(Ranked { requests, below })
    }

    /// How many requests, each counted once.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// What they weigh, in [`super::Units`].
    pub fn weight(&self) -> u128 {
        self.below[self.requests.len()]
    }

    /// The requests in order.
    pub fn requests(&self) -> &[Request<'a, K>] {
        &self.requests
    }

    /// Q(p), ns; `None` where there are no requests.
    pub fn quantile(&self, p: Quantile) -> Option<u64> {
        let total = self.weight();
        let rank = self.below[1..].partition_point(|upto| p.level().cmp_part(*upto, total) == Ordering::Less);
        self.requests.get(rank).map(|request| request.latency_ns)
    }

    /// Q(p) divided among keys; `None` where there are no requests.
    ///
    /// # Errors
    /// When the band's weighted time exceeds 128 bits.
    pub fn compose(&self, p: Quantile, band: Band) -> Result<Option<Composition<K>>, TailError> {
        let Some(latency_ns) = self.quantile(p) else { return Ok(None) };
        let (h, widened) = match band {
            Band::Within(h) => (h, false),
            Band::Default => widened(half_beyond(p), self.requests.len() as u64, p, |h| self.ranks(p, h).len() as u64),
        };
        self.divide(latency_ns, self.ranks(p, h), h, widened).map(Some)
    }

    /// The tail form (expected shortfall): the mean latency of requests with L ≥ Q(p), rounded half up to a nanosecond,
    /// divided among keys; `None` where there are no requests. Its band reaches from Q(p) to the slowest; `h` is 1 − p.
    ///
    /// # Errors
    /// When the tail's weighted time exceeds 128 bits.
    pub fn tail(&self, p: Quantile) -> Result<Option<Composition<K>>, TailError> {
        let Some(quantile_ns) = self.quantile(p) else { return Ok(None) };
        let first = self.requests.partition_point(|request| request.latency_ns < quantile_ns);
        let ranks = first..self.requests.len();
        let mut time = 0_u128;
        for request in &self.requests[ranks.clone()] {
            let weighted = u128::from(request.weight.count()) * u128::from(request.latency_ns);
            time = time.checked_add(weighted).ok_or(TailError::TooLarge)?;
        }
        let weight = self.weight() - self.below[first];
        let mean = time / weight + u128::from(time % weight >= weight.div_ceil(2));
        let mean = u64::try_from(mean).map_err(|_| TailError::TooLarge)?;
        self.divide(mean, ranks, p.beyond(), false).map(Some)
    }

    /// What makes the tail longer than usual: the composition at p minus that at the median, both with the h of the
    /// former.
    ///
    /// # Errors
    /// When a band's weighted time exceeds 128 bits.
    pub fn excess(&self, p: Quantile, band: Band) -> Result<Option<Excess<K>>, TailError> {
        let Some(tail) = self.compose(p, band)? else { return Ok(None) };
        let Some(median) = self.compose(Quantile::median(), Band::Within(tail.band.h))? else { return Ok(None) };
        let excess = tail.excess_over(&median);
        Ok(Some(Excess { tail, median, excess }))
    }

    /// A latency measured elsewhere, divided as requests with latencies in `from_ns..=to_ns` say; `None` where none
    /// has.
    ///
    /// # Errors
    /// When the band's weighted time exceeds 128 bits.
    pub fn between(&self, latency_ns: u64, from_ns: u64, to_ns: u64) -> Result<Option<Composition<K>>, TailError> {
        let first = self.requests.partition_point(|request| request.latency_ns < from_ns);
        let end = self.requests.partition_point(|request| request.latency_ns <= to_ns);
        if first >= end {
            return Ok(None);
        }
        let divided = self.divide(latency_ns, first..end, Fraction::ZERO, false)?;
        // Requests of 0 ns say nothing about where time goes.
        Ok((latency_ns == 0 || !divided.parts.is_empty()).then_some(divided))
    }

    /// For traces that a sampler chose by latency: Q(p) from an unsampled histogram, the composition from the traces
    /// with latencies in [Q(p − h), Q(p + h)] of that histogram (whole buckets). `None` where the metric counted
    /// nothing. [`Band::Default`] is widened until it holds [`super::ENOUGH`] traces. Weights still count: they are the
    /// inverse of what was kept.
    ///
    /// # Errors
    /// When the band's weighted time exceeds 128 bits.
    pub fn at_metric(&self, metric: &Sketch, p: Quantile, band: Band) -> Result<Option<AtMetric<K>>, TailError> {
        self.at_measured((metric, 0), p, band)
    }

    /// As [`Ranked::at_metric`], for a metric whose values may be off by so many millionths: traces that are off by as much
    /// belong to the band.
    ///
    /// # Errors
    /// When the band's weighted time exceeds 128 bits.
    pub fn at_measured(
        &self,
        (metric, error_ppm): (&Sketch, u64),
        p: Quantile,
        band: Band,
    ) -> Result<Option<AtMetric<K>>, TailError> {
        let Some(quantile) = metric.quantile(p) else { return Ok(None) };
        let values = |h: Fraction| values_around((metric, error_ppm), p, h);
        let held = |h: Fraction| {
            let (from, to) = values(h);
            let end = self.requests.partition_point(|request| request.latency_ns <= to);
            (end - self.requests.partition_point(|request| request.latency_ns < from)) as u64
        };
        let (h, widened) = match band {
            Band::Within(h) => (h, false),
            Band::Default => widened(half_beyond(p), self.requests.len() as u64, p, held),
        };
        let (from, to) = values(h);
        let mut composition = self.between(quantile.ns, from, to)?;
        if let Some(composition) = &mut composition {
            (composition.band.h, composition.band.widened) = (h, widened);
        }
        Ok(Some(AtMetric { n_metric: metric.total(), n_traces: self.requests.len() as u64, composition }))
    }

    /// As [`Ranked::excess`], with the quantiles of a metric: the tail as [`Ranked::at_measured`] has it, and the median
    /// with a band of its own, for a sampler may have kept hardly any usual trace. `None` where no trace lies where the
    /// metric says.
    ///
    /// # Errors
    /// When a band's weighted time exceeds 128 bits.
    pub fn excess_at_metric(
        &self,
        metric: (&Sketch, u64),
        p: Quantile,
        band: Band,
    ) -> Result<Option<Excess<K>>, TailError> {
        let at = |p: Quantile, band: Band| Ok(self.at_measured(metric, p, band)?.and_then(|found| found.composition));
        let (Some(tail), Some(median)) = (at(p, band)?, at(Quantile::median(), Band::Default)?) else {
            return Ok(None);
        };
        let excess = tail.excess_over(&median);
        Ok(Some(Excess { tail, median, excess }))
    }

    /// The positions whose weight touches (p − h, p + h).
    fn ranks(&self, p: Quantile, h: Fraction) -> Range<usize> {
        let (from, to) = bounds(p, h);
        let total = self.weight();
        let (upto, before) = (&self.below[1..], &self.below[..self.requests.len()]);
        let first = upto.partition_point(|sum| from.cmp_part(*sum, total) == Ordering::Less);
        let end = before.partition_point(|sum| to.cmp_part(*sum, total) == Ordering::Less);
        first..end.max(first)
    }

    fn divide(
        &self,
        latency_ns: u64,
        ranks: Range<usize>,
        h: Fraction,
        widened: bool,
    ) -> Result<Composition<K>, TailError> {
        let band = &self.requests[ranks.clone()];
        let mut sums: BTreeMap<&K, u128> = BTreeMap::new();
        for request in band {
            for (key, ns) in request.parts {
                let sum = sums.entry(key).or_insert(0);
                let weighted = u128::from(request.weight.count()) * u128::from(*ns);
                *sum = sum.checked_add(weighted).ok_or(TailError::TooLarge)?;
            }
        }
        let parts = parts_of(latency_ns, sums).into_iter().map(|(key, ns)| (key.clone(), ns)).collect();
        Ok(Composition {
            latency_ns,
            parts,
            band: Used {
                h,
                widened,
                requests: band.len() as u64,
                weight: self.below[ranks.end] - self.below[ranks.start],
                at_least_ns: band.first().map_or(latency_ns, |request| request.latency_ns),
                at_most_ns: band.last().map_or(latency_ns, |request| request.latency_ns),
            },
            requests: self.requests.len() as u64,
            weight: self.weight(),
        })
    }
}
