//! The composition as it is kept: per bucket of latency, how many requests there were and how much time of theirs each
//! key took.
//!
//! ```text
//! charge-api, 2026-08-17    bucket  requests  weight      ns            by key
//!                           3,351      1,204   1,204 · 2²⁰  …           ledger …, payments …
//! ```
//! One [`Stored`] is an API's hour or day. Any span of them answers a quantile with its composition by adding counts
//! per bucket, finding the band's buckets, and adding the parts of those alone: the rest of the parts is not touched.
//! Keys are what was known when the traces came (service, kind, caller); [`answer`] maps them to owners as of each
//! piece, so that a reorg reads no trace again.
//!
//! **Exact**: sums per bucket, hence the composition of all requests of the buckets used. **By bucket**: Q(p) within
//! 2⁻⁸ (0.4 %), and the band, which takes whole buckets: it holds the asked band and, at either end, requests whose
//! latency differs from the band's end by less than 2⁻⁷ (0.8 %). [`Stored::coarsened`] trades that for size: each step
//! halves the buckets and doubles both errors.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use super::super::TailError;
use super::super::fraction::Fraction;
use super::super::quantile::Quantile;
use super::super::sketch::{BUCKETS, MANTISSA_BITS, Sketch, bucket_of, highest_of, lowest_of, middle_of};
use super::{Band, Composition, Excess, Request, Used, bounds, half_beyond, parts_of, values_around, widened};

/// One bucket of requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cell<K> {
    /// How many, each counted once.
    pub requests: u64,
    /// What they weigh, in [`super::Units`].
    pub weight: u128,
    /// Their weighted time per key, unit-ns, sorted by key, all above 0.
    pub parts: Vec<(K, u128)>,
}

/// Requests by bucket of latency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored<K> {
    /// How many mantissa bits fewer than the sketch's the buckets have.
    coarser: u32,
    buckets: Vec<u16>,
    requests: Vec<u64>,
    weights: Vec<u128>,
    /// Where each bucket's parts end.
    ends: Vec<u32>,
    parts: Vec<(K, u128)>,
}

impl<K> Default for Stored<K> {
    fn default() -> Stored<K> {
        Stored { coarser: 0, buckets: vec![], requests: vec![], weights: vec![], ends: vec![], parts: vec![] }
    }
}

/// Collects requests, in any order: the result is the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gathered<K: Ord> {
    coarser: u32,
    cells: BTreeMap<u16, (u64, u128, BTreeMap<K, u128>)>,
}

impl<K: Ord> Default for Gathered<K> {
    fn default() -> Gathered<K> {
        Gathered { coarser: 0, cells: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> Gathered<K> {
    /// Adds a request.
    ///
    /// # Errors
    /// When its parts do not add up to its latency, or a sum exceeds 128 bits; the request is then not added.
    pub fn add(&mut self, request: &Request<'_, K>) -> Result<(), TailError> {
        let latency_ns = request.latency_ns;
        let parts_ns = request.parts.iter().map(|(_, ns)| u128::from(*ns)).sum();
        if parts_ns != u128::from(latency_ns) {
            return Err(TailError::NotItsSum { latency_ns, parts_ns });
        }
        let weight = u128::from(request.weight.count());
        let (requests, weights, parts) =
            self.cells.entry(bucket_of(latency_ns) >> self.coarser << self.coarser).or_default();
        // Checked before anything is changed: no key has more than all keys together.
        let held = parts.values().try_fold(0_u128, |sum, part| sum.checked_add(*part));
        held.and_then(|held| held.checked_add(weight * u128::from(latency_ns))).ok_or(TailError::TooLarge)?;
        *requests += 1;
        *weights += weight;
        for (key, ns) in request.parts {
            if *ns == 0 {
                continue;
            }
            match parts.get_mut(key) {
                Some(sum) => *sum += weight * u128::from(*ns),
                None => {
                    parts.insert(key.clone(), weight * u128::from(*ns));
                }
            }
        }
        Ok(())
    }

    /// Takes a request back that was added: a late span changed it.
    ///
    /// # Panics
    /// When it was not added.
    pub fn remove(&mut self, request: &Request<'_, K>) {
        let bucket = bucket_of(request.latency_ns) >> self.coarser << self.coarser;
        let cell = self.cells.get_mut(&bucket).expect("the request was added");
        let weight = u128::from(request.weight.count());
        cell.0 = cell.0.checked_sub(1).expect("the request was added");
        cell.1 = cell.1.checked_sub(weight).expect("the request was added");
        for (key, ns) in request.parts.iter().filter(|(_, ns)| *ns > 0) {
            let sum = cell.2.get_mut(key).expect("the request was added");
            *sum = sum.checked_sub(weight * u128::from(*ns)).expect("the request was added");
            if *sum == 0 {
                cell.2.remove(key);
            }
        }
        if cell.0 == 0 {
            self.cells.remove(&bucket);
        }
    }

    /// Adds what is stored. The result is as coarse as the coarser of the two.
    ///
    /// # Errors
    /// When a sum exceeds 128 bits; then only some of it is added.
    pub fn absorb(&mut self, stored: &Stored<K>) -> Result<(), TailError> {
        if stored.coarser > self.coarser {
            let mut coarse = Gathered { coarser: stored.coarser, cells: BTreeMap::new() };
            for (bucket, (requests, weight, parts)) in std::mem::take(&mut self.cells) {
                coarse.add_cell(bucket, requests, weight, parts)?;
            }
            *self = coarse;
        }
        for (bucket, requests, weight, parts) in stored.rows() {
            self.add_cell(bucket, requests, weight, parts.iter().cloned())?;
        }
        Ok(())
    }

    /// Takes back what is stored. False where it was not added, or is cut into other buckets; then only some of it is
    /// taken back.
    pub fn take_back(&mut self, stored: &Stored<K>) -> bool {
        stored.coarser == self.coarser
            && stored.rows().all(|(bucket, requests, weight, parts)| {
                let Some((held, weights, sums)) = self.cells.get_mut(&bucket) else { return false };
                let (Some(left), Some(weight)) = (held.checked_sub(requests), weights.checked_sub(weight)) else {
                    return false;
                };
                (*held, *weights) = (left, weight);
                for (key, sum) in parts {
                    let Some(rest) = sums.get(key).and_then(|held| held.checked_sub(*sum)) else { return false };
                    sums.insert(key.clone(), rest);
                }
                sums.retain(|_, sum| *sum > 0);
                let whole = left > 0 && weight > 0;
                if !whole {
                    let nothing = left == 0 && weight == 0 && sums.is_empty();
                    self.cells.remove(&bucket);
                    return nothing;
                }
                true
            })
    }

    fn add_cell(
        &mut self,
        bucket: u16,
        requests: u64,
        weight: u128,
        parts: impl IntoIterator<Item = (K, u128)>,
    ) -> Result<(), TailError> {
        let cell = self.cells.entry(bucket >> self.coarser << self.coarser).or_default();
        cell.0 += requests;
        cell.1 += weight;
        for (key, sum) in parts {
            let held = cell.2.entry(key).or_insert(0);
            *held = held.checked_add(sum).ok_or(TailError::TooLarge)?;
        }
        Ok(())
    }

    /// What is kept.
    pub fn stored(self) -> Stored<K> {
        let mut stored = Stored { coarser: self.coarser, ..Stored::default() };
        for (bucket, (requests, weight, parts)) in self.cells {
            stored.push(bucket, requests, weight, parts);
        }
        stored
    }
}

impl<K: Ord + Clone> Stored<K> {
    /// From rows as [`Stored::rows`] gives them, `coarser` as [`Stored::coarser`] does. `None` where they are not in
    /// order of distinct buckets of that coarseness, or a bucket is empty, or its keys are not sorted.
    pub fn from_rows(coarser: u32, rows: impl IntoIterator<Item = (u16, Cell<K>)>) -> Option<Stored<K>> {
        let mut stored = Stored { coarser, ..Stored::default() };
        for (bucket, cell) in rows {
            let sorted = cell.parts.is_sorted_by(|(a, _), (b, _)| a < b) && cell.parts.iter().all(|(_, sum)| *sum > 0);
            let aligned = usize::from(bucket) < BUCKETS && coarser <= MANTISSA_BITS && bucket % (1 << coarser) == 0;
            let in_order = stored.buckets.last().is_none_or(|last| *last < bucket);
            if !sorted || !aligned || !in_order || cell.requests == 0 || cell.weight == 0 {
                return None;
            }
            stored.push(bucket, cell.requests, cell.weight, cell.parts);
        }
        Some(stored)
    }

    fn push(&mut self, bucket: u16, requests: u64, weight: u128, parts: impl IntoIterator<Item = (K, u128)>) {
        self.buckets.push(bucket);
        self.requests.push(requests);
        self.weights.push(weight);
        self.parts.extend(parts);
        self.ends.push(u32::try_from(self.parts.len()).expect("7,424 buckets of fewer than 500,000 keys"));
    }

    /// (lowest bucket, requests, weight, parts by key), in order: the form to keep.
    pub fn rows(&self) -> impl Iterator<Item = (u16, u64, u128, &[(K, u128)])> {
        (0..self.buckets.len())
            .map(|row| (self.buckets[row], self.requests[row], self.weights[row], self.parts_at(row)))
    }

    /// How many mantissa bits fewer than the sketch's 7 its buckets have.
    pub fn coarser(&self) -> u32 {
        self.coarser
    }

    /// How many buckets are used.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// True when there are no requests.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// How many requests, each counted once.
    pub fn requests(&self) -> u64 {
        self.requests.iter().sum()
    }

    /// Weights per bucket as a sketch, in [`super::Units`]. Of coarsened buckets the lowest of the sketch's.
    pub fn sketch(&self) -> Sketch {
        let pairs = self.buckets.iter().copied().zip(self.weights.iter().copied());
        Sketch::from_pairs(pairs).expect("buckets are in order and hold requests")
    }

    /// The same with buckets of `bits` mantissa bits fewer, at most 7: half as many buckets and twice the error each.
    ///
    /// # Errors
    /// When a sum exceeds 128 bits.
    pub fn coarsened(&self, bits: u32) -> Result<Stored<K>, TailError> {
        let mut gathered = Gathered { coarser: (self.coarser + bits).min(MANTISSA_BITS), cells: BTreeMap::new() };
        gathered.absorb(self)?;
        Ok(gathered.stored())
    }

    fn parts_at(&self, row: usize) -> &[(K, u128)] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.parts[start as usize..self.ends[row] as usize]
    }
}

/// What a question is asked of: [`Stored`], or its bytes ([`super::super::pack::Packed`]).
pub trait Piece<K> {
    /// How many mantissa bits fewer than the sketch's 7 its buckets have.
    fn coarser(&self) -> u32;

    /// Lowest bucket, requests and weight of each row, in order of buckets.
    fn counts(&self) -> (&[u16], &[u64], &[u128]);

    /// What each key took in these rows together, weighted; each key once.
    ///
    /// # Errors
    /// When a sum exceeds 128 bits, or the rows' bytes are broken.
    fn sums(&self, rows: Range<usize>) -> Result<Vec<(&K, u128)>, TailError>;
}

impl<K: Ord + Clone> Piece<K> for Stored<K> {
    fn coarser(&self) -> u32 {
        self.coarser
    }

    fn counts(&self) -> (&[u16], &[u64], &[u128]) {
        (&self.buckets, &self.requests, &self.weights)
    }

    fn sums(&self, rows: Range<usize>) -> Result<Vec<(&K, u128)>, TailError> {
        let mut sums: Vec<(&K, u128)> = Vec::new();
        for row in rows {
            // Rows have mostly the same keys in the same order, so the next key's place is mostly the next place.
            let mut place = 0;
            for (key, sum) in self.parts_at(row) {
                while sums.get(place).is_some_and(|(held, _)| *held < key) {
                    place += 1;
                }
                match sums.get_mut(place) {
                    Some((held, total)) if *held == key => {
                        *total = total.checked_add(*sum).ok_or(TailError::TooLarge)?
                    }
                    Some(_) | None => sums.insert(place, (key, *sum)),
                }
                place += 1;
            }
        }
        Ok(sums)
    }
}

/// Counts of several pieces together, by bucket.
struct Counted {
    coarser: u32,
    /// (lowest bucket, requests, weight of all buckets before, weight), used ones only.
    rows: Vec<(u16, u64, u128, u128)>,
    requests: u64,
    weight: u128,
}

impl Counted {
    fn of<K>(pieces: &[&impl Piece<K>]) -> Counted {
        let coarser = pieces.iter().map(|piece| piece.coarser()).max().unwrap_or(0);
        let mut sums = vec![(0_u64, 0_u128); BUCKETS >> coarser];
        for piece in pieces {
            let (buckets, requests, weights) = piece.counts();
            for ((bucket, requests), weight) in buckets.iter().zip(requests).zip(weights) {
                let sum = &mut sums[usize::from(*bucket) >> coarser];
                // Counts of bytes may be anything; requests that were there are far fewer.
                sum.0 = sum.0.saturating_add(*requests);
                sum.1 = sum.1.saturating_add(*weight);
            }
        }
        let mut counted = Counted { coarser, rows: Vec::new(), requests: 0, weight: 0 };
        for (slot, (requests, weight)) in sums.into_iter().enumerate().filter(|(_, (requests, _))| *requests > 0) {
            counted.rows.push(((slot << coarser) as u16, requests, counted.weight, weight));
            counted.requests = counted.requests.saturating_add(requests);
            counted.weight = counted.weight.saturating_add(weight);
        }
        counted
    }

    fn quantile(&self, p: Quantile) -> Option<u64> {
        let below = |row: &(u16, u64, u128, u128)| {
            p.level().cmp_part(row.2.saturating_add(row.3), self.weight) == Ordering::Less
        };
        let row = self.rows.get(self.rows.partition_point(below))?;
        Some(if self.coarser == 0 {
            middle_of(row.0)
        } else {
            let (low, high) = self.bounds(row.0);
            low + (high - low).div_ceil(2)
        })
    }

    fn bounds(&self, bucket: u16) -> (u64, u64) {
        (lowest_of(bucket), highest_of(bucket + ((1 << self.coarser) - 1)))
    }

    /// The rows whose weight touches (p − h, p + h): the rule for requests, of whole buckets.
    fn band(&self, p: Quantile, h: Fraction) -> &[(u16, u64, u128, u128)] {
        let (from, to) = bounds(p, h);
        let first =
            self.rows.partition_point(|row| from.cmp_part(row.2.saturating_add(row.3), self.weight) == Ordering::Less);
        let end = self.rows.partition_point(|row| to.cmp_part(row.2, self.weight) == Ordering::Less);
        &self.rows[first..end.max(first)]
    }

    /// The rows whose buckets hold latencies in `from_ns..=to_ns`.
    fn between(&self, (from_ns, to_ns): (u64, u64)) -> &[(u16, u64, u128, u128)] {
        let first = self.rows.partition_point(|row| self.bounds(row.0).1 < from_ns);
        let end = self.rows.partition_point(|row| self.bounds(row.0).0 <= to_ns);
        &self.rows[first..end.max(first)]
    }
}

/// As [`excess`], for traces that are a sample: quantiles are those of a metric that counted every request, and its
/// values between which the band lies choose the buckets. The median's band is widened until it holds enough traces.
/// `None` where the metric counted nothing, or no trace lies where it says.
///
/// # Errors
/// As [`excess`].
pub fn excess_at_metric<K, T: Ord + Clone>(
    pieces: &[&impl Piece<K>],
    metric: (&Sketch, u64),
    (p, band): (Quantile, Band),
    mut owner: impl FnMut(usize, &K) -> T,
) -> Result<Option<Excess<T>>, TailError> {
    let counted = Counted::of(pieces);
    let Some(tail) = at_metric(&counted, pieces, metric, (p, band), &mut owner)? else { return Ok(None) };
    let usual = (Quantile::median(), Band::Default);
    let Some(median) = at_metric(&counted, pieces, metric, usual, &mut owner)? else { return Ok(None) };
    let excess = tail.excess_over(&median);
    Ok(Some(Excess { tail, median, excess }))
}

/// The first half of [`excess_at_metric`].
///
/// # Errors
/// As [`excess`].
pub fn answer_at_metric<K, T: Ord + Clone>(
    pieces: &[&impl Piece<K>],
    metric: (&Sketch, u64),
    asked: (Quantile, Band),
    mut owner: impl FnMut(usize, &K) -> T,
) -> Result<Option<Composition<T>>, TailError> {
    at_metric(&Counted::of(pieces), pieces, metric, asked, &mut owner)
}

fn at_metric<K, T: Ord + Clone>(
    counted: &Counted,
    pieces: &[&impl Piece<K>],
    metric: (&Sketch, u64),
    (p, band): (Quantile, Band),
    owner: &mut impl FnMut(usize, &K) -> T,
) -> Result<Option<Composition<T>>, TailError> {
    let Some(quantile) = metric.0.quantile(p) else { return Ok(None) };
    let held = |h: Fraction| {
        let rows = counted.between(values_around(metric, p, h));
        rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.1))
    };
    let (h, widened) = match band {
        Band::Within(h) => (h, false),
        Band::Default => widened(half_beyond(p), counted.requests, p, held),
    };
    let rows = counted.between(values_around(metric, p, h));
    let divided = divide(counted, pieces, (quantile.ns, rows), (h, widened), owner)?;
    Ok((quantile.ns == 0 || !divided.parts.is_empty()).then_some(divided))
}

/// Q(p) of all pieces together, divided among owners; `None` where there are no requests. `owner` gets the piece's
/// index and each of its keys once, so that each day's owners are those of that day.
///
/// # Errors
/// When the band's weighted time exceeds 128 bits, or bytes of the band are broken.
pub fn answer<K, T: Ord + Clone>(
    pieces: &[&impl Piece<K>],
    p: Quantile,
    band: Band,
    mut owner: impl FnMut(usize, &K) -> T,
) -> Result<Option<Composition<T>>, TailError> {
    compose(&Counted::of(pieces), pieces, p, band, &mut owner)
}

/// As [`answer`], at p and at the median with the same h, and the difference.
///
/// # Errors
/// When a band's weighted time exceeds 128 bits, or bytes of a band are broken.
pub fn excess<K, T: Ord + Clone>(
    pieces: &[&impl Piece<K>],
    p: Quantile,
    band: Band,
    mut owner: impl FnMut(usize, &K) -> T,
) -> Result<Option<Excess<T>>, TailError> {
    let counted = Counted::of(pieces);
    let Some(tail) = compose(&counted, pieces, p, band, &mut owner)? else { return Ok(None) };
    let same = Band::Within(tail.band.h);
    let Some(median) = compose(&counted, pieces, Quantile::median(), same, &mut owner)? else { return Ok(None) };
    let excess = tail.excess_over(&median);
    Ok(Some(Excess { tail, median, excess }))
}

fn compose<K, T: Ord + Clone>(
    counted: &Counted,
    pieces: &[&impl Piece<K>],
    p: Quantile,
    band: Band,
    owner: &mut impl FnMut(usize, &K) -> T,
) -> Result<Option<Composition<T>>, TailError> {
    let Some(latency_ns) = counted.quantile(p) else { return Ok(None) };
    let held = |h: Fraction| counted.band(p, h).iter().fold(0_u64, |sum, row| sum.saturating_add(row.1));
    let (h, widened) = match band {
        Band::Within(h) => (h, false),
        Band::Default => widened(half_beyond(p), counted.requests, p, held),
    };
    divide(counted, pieces, (latency_ns, counted.band(p, h)), (h, widened), owner).map(Some)
}

/// A latency divided as the requests of some rows say.
fn divide<K, T: Ord + Clone>(
    counted: &Counted,
    pieces: &[&impl Piece<K>],
    (latency_ns, rows): (u64, &[(u16, u64, u128, u128)]),
    (h, widened): (Fraction, bool),
    owner: &mut impl FnMut(usize, &K) -> T,
) -> Result<Composition<T>, TailError> {
    let (first, last) = (rows.first().map_or(0, |row| row.0), rows.last().map_or(0, |row| row.0));
    let mut sums: BTreeMap<T, u128> = BTreeMap::new();
    for (index, piece) in pieces.iter().enumerate() {
        let buckets = piece.counts().0;
        let start = buckets.partition_point(|bucket| *bucket < first);
        // `last` is the lowest bucket of a coarse one.
        let end = buckets.partition_point(|bucket| bucket >> counted.coarser << counted.coarser <= last);
        if rows.is_empty() {
            break;
        }
        for (key, sum) in piece.sums(start..end)? {
            let held = sums.entry(owner(index, key)).or_insert(0);
            *held = held.checked_add(sum).ok_or(TailError::TooLarge)?;
        }
    }
    Ok(Composition {
        latency_ns,
        parts: parts_of(latency_ns, sums),
        band: Used {
            h,
            widened,
            requests: rows.iter().fold(0, |sum, row| row.1.saturating_add(sum)),
            weight: rows.iter().fold(0, |sum, row| row.3.saturating_add(sum)),
            at_least_ns: counted.bounds(first).0,
            at_most_ns: counted.bounds(last).1,
        },
        requests: counted.requests,
        weight: counted.weight,
    })
}
