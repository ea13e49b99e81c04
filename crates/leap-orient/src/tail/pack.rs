//! Sketches and stored compositions as bytes: small, canonical, and read no further than a question needs.
//!
//! ```text
//! sketch        1 · trailing zeros · buckets · (bucket − the one before, count) …
//! composition   2 · coarser · trailing zeros · buckets · (bucket − the one before, requests, weight, bytes of its parts) … · keys · parts
//! ```
//! All numbers are little-endian base-128 with a continuation bit. Weights in units of 2⁻²⁰ end in zeros where all are
//! whole, so the zeros that all numbers of a piece end in are left out. The same value has one encoding, so equal bytes
//! are equal values. A composition's counts come first: [`Packed`] reads those, and of the parts the band's buckets
//! only.
//!
//! Bytes are checked as they are read; what is cut off or out of order is refused, never guessed.

use std::ops::Range;

use super::TailError;
use super::composition::stored::{Cell, Piece, Stored};
use super::sketch::{BUCKETS, MANTISSA_BITS, Sketch};

const SKETCH: u8 = 1;
const COMPOSITION: u8 = 2;

/// The bytes are not what [`sketch_bytes`] or [`composition_bytes`] gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("read packed latencies: the bytes are not whole, or not in order")]
pub struct Unreadable;

/// A sketch as bytes.
pub fn sketch_bytes(sketch: &Sketch) -> Vec<u8> {
    let zeros = zeros_of(sketch.pairs().map(|(_, count)| count));
    let mut out = vec![SKETCH, zeros as u8];
    write(&mut out, sketch.len() as u128);
    let mut last = 0;
    for (bucket, count) in sketch.pairs() {
        write(&mut out, u128::from(bucket - last));
        write(&mut out, count >> zeros);
        last = bucket;
    }
    out
}

/// A sketch from its bytes.
///
/// # Errors
/// When they are none.
pub fn sketch_of(bytes: &[u8]) -> Result<Sketch, Unreadable> {
    let mut bytes = Bytes(bytes);
    let zeros = bytes.header(SKETCH)?;
    let used = bytes.number::<u16>()?;
    let mut pairs = Vec::with_capacity(usize::from(used).min(BUCKETS));
    let mut bucket = 0_u16;
    for _ in 0..used {
        bucket = bucket.checked_add(bytes.number()?).ok_or(Unreadable)?;
        pairs.push((bucket, bytes.shifted(zeros)?));
    }
    bytes.end()?;
    Sketch::from_pairs(pairs).ok_or(Unreadable)
}

/// A stored composition as bytes; keys are the caller's numbers for them.
pub fn composition_bytes(stored: &Stored<u32>) -> Vec<u8> {
    let sums = stored
        .rows()
        .flat_map(|(_, _, weight, parts)| std::iter::once(weight).chain(parts.iter().map(|(_, sum)| *sum)));
    let zeros = zeros_of(sums);
    let mut keys: Vec<u32> = stored.rows().flat_map(|(_, _, _, parts)| parts.iter().map(|(key, _)| *key)).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut out = vec![COMPOSITION, zeros as u8];
    write(&mut out, u128::from(stored.coarser()));
    write(&mut out, stored.len() as u128);
    let mut all_parts = Vec::new();
    let mut last = 0;
    for (bucket, requests, weight, parts) in stored.rows() {
        let start = all_parts.len();
        let mut before = 0;
        for (key, sum) in parts {
            // Places ascend; the first is counted from 0, so its step may be 0, later ones are at least 1.
            let place = keys.partition_point(|other| other < key);
            write(&mut all_parts, (place - before) as u128);
            write(&mut all_parts, sum >> zeros);
            before = place;
        }
        write(&mut out, u128::from(bucket - last));
        write(&mut out, u128::from(requests));
        write(&mut out, weight >> zeros);
        write(&mut out, (all_parts.len() - start) as u128);
        last = bucket;
    }
    write(&mut out, keys.len() as u128);
    let mut last = 0;
    for key in keys {
        write(&mut out, u128::from(key - last));
        last = key;
    }
    out.extend(all_parts);
    out
}

/// A stored composition whose counts are read and whose parts are still bytes: what
/// [`super::composition::stored::answer`] takes without unpacking the rest.
#[derive(Clone, Debug)]
pub struct Packed<'a> {
    coarser: u32,
    zeros: u32,
    buckets: Vec<u16>,
    requests: Vec<u64>,
    weights: Vec<u128>,
    /// Where each bucket's parts end.
    ends: Vec<usize>,
    keys: Vec<u32>,
    parts: &'a [u8],
}

impl<'a> Packed<'a> {
    /// Reads the counts.
    ///
    /// # Errors
    /// When the bytes are no composition, or their counts and lengths do not fit. Parts are checked when they are read.
    pub fn read(bytes: &'a [u8]) -> Result<Packed<'a>, Unreadable> {
        let mut bytes = Bytes(bytes);
        let zeros = bytes.header(COMPOSITION)?;
        let coarser = bytes.number::<u32>()?;
        let used = usize::from(bytes.number::<u16>()?);
        if coarser > MANTISSA_BITS || used > BUCKETS {
            return Err(Unreadable);
        }
        let (mut buckets, mut requests) = (Vec::with_capacity(used), Vec::with_capacity(used));
        let (mut weights, mut ends) = (Vec::with_capacity(used), Vec::with_capacity(used));
        let (mut bucket, mut end) = (0_u16, 0_usize);
        for row in 0..used {
            let step = bytes.number::<u16>()?;
            bucket = bucket.checked_add(step).filter(|bucket| usize::from(*bucket) < BUCKETS).ok_or(Unreadable)?;
            let (count, weight) = (bytes.number::<u64>()?, bytes.shifted(zeros)?);
            if (row > 0 && step == 0) || bucket % (1 << coarser) != 0 || count == 0 || weight == 0 {
                return Err(Unreadable);
            }
            end = end.checked_add(bytes.number::<usize>()?).ok_or(Unreadable)?;
            buckets.push(bucket);
            requests.push(count);
            weights.push(weight);
            ends.push(end);
        }
        let mut keys = Vec::new();
        let mut key = 0_u32;
        for place in 0..bytes.number::<u32>()? {
            let step = bytes.number::<u32>()?;
            key = key.checked_add(step).filter(|_| place == 0 || step > 0).ok_or(Unreadable)?;
            keys.push(key);
        }
        let parts = bytes.0;
        if parts.len() != end {
            return Err(Unreadable);
        }
        Ok(Packed { coarser, zeros, buckets, requests, weights, ends, keys, parts })
    }

    /// The keys that it has, ascending.
    pub fn keys(&self) -> &[u32] {
        &self.keys
    }

    /// Weights per bucket as a sketch; of coarser buckets the lowest of the sketch's.
    pub fn sketch(&self) -> Sketch {
        let pairs = self.buckets.iter().copied().zip(self.weights.iter().copied());
        // Bytes may hold weights that together exceed 128 bits; requests that were there do not.
        Sketch::from_pairs(pairs).unwrap_or_default()
    }

    /// Reads everything.
    ///
    /// # Errors
    /// When parts are not in order.
    pub fn stored(&self) -> Result<Stored<u32>, Unreadable> {
        let mut rows = Vec::with_capacity(self.buckets.len());
        for row in 0..self.buckets.len() {
            let mut parts = Vec::new();
            self.parts(row, |place, sum| {
                parts.push((*self.keys.get(place).ok_or(Unreadable)?, sum));
                Ok(())
            })?;
            rows.push((self.buckets[row], Cell { requests: self.requests[row], weight: self.weights[row], parts }));
        }
        Stored::from_rows(self.coarser, rows).ok_or(Unreadable)
    }

    /// The parts of a row: each key's place and its weighted time.
    fn parts(&self, row: usize, mut take: impl FnMut(usize, u128) -> Result<(), Unreadable>) -> Result<(), Unreadable> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        let mut bytes = Bytes(&self.parts[start..self.ends[row]]);
        let mut place = 0_usize;
        while !bytes.0.is_empty() {
            place = place.checked_add(bytes.number()?).ok_or(Unreadable)?;
            take(place, bytes.shifted(self.zeros)?)?;
        }
        Ok(())
    }
}

impl Piece<u32> for Packed<'_> {
    fn coarser(&self) -> u32 {
        self.coarser
    }

    fn counts(&self) -> (&[u16], &[u64], &[u128]) {
        (&self.buckets, &self.requests, &self.weights)
    }

    fn sums(&self, rows: Range<usize>) -> Result<Vec<(&u32, u128)>, TailError> {
        let mut sums = vec![0_u128; self.keys.len()];
        for row in rows {
            self.parts(row, |place, sum| {
                let held: &mut u128 = sums.get_mut(place).ok_or(Unreadable)?;
                // What overflows was not written by this module, which adds with care.
                *held = held.checked_add(sum).ok_or(Unreadable)?;
                Ok(())
            })
            .map_err(TailError::Unreadable)?;
        }
        Ok(self.keys.iter().zip(sums).filter(|(_, sum)| *sum > 0).collect())
    }
}

/// How many zeros all numbers end in; 0 where there are none.
fn zeros_of(numbers: impl Iterator<Item = u128>) -> u32 {
    let bits = numbers.fold(0, |bits, number| bits | number);
    if bits == 0 { 0 } else { bits.trailing_zeros() }
}

fn write(out: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Bytes not yet read.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    /// The kind, checked, and the zeros left out.
    fn header(&mut self, kind: u8) -> Result<u32, Unreadable> {
        let (&[found, zeros], rest) = self.0.split_first_chunk().ok_or(Unreadable)?;
        self.0 = rest;
        if found == kind && zeros < 128 { Ok(u32::from(zeros)) } else { Err(Unreadable) }
    }

    fn number<T: TryFrom<u128>>(&mut self) -> Result<T, Unreadable> {
        T::try_from(self.long()?).map_err(|_| Unreadable)
    }

    fn shifted(&mut self, zeros: u32) -> Result<u128, Unreadable> {
        let number = self.long()?;
        if number.leading_zeros() >= zeros { Ok(number << zeros) } else { Err(Unreadable) }
    }

    #[inline]
    fn long(&mut self) -> Result<u128, Unreadable> {
        // Nearly all numbers end within eight bytes, which are read at once: the first byte without its high bit ends
        // it, and its sevens of bits are pushed together in pairs.
        if let Some((eight, _)) = self.0.split_first_chunk::<8>() {
            let read = u64::from_le_bytes(*eight);
            let ends = !read & 0x8080_8080_8080_8080;
            if ends != 0 {
                let length = ends.trailing_zeros() / 8 + 1;
                let kept = read & (u64::MAX >> (64 - 8 * length)) & 0x7f7f_7f7f_7f7f_7f7f;
                let pairs = (kept & 0x007f_007f_007f_007f) | ((kept & 0x7f00_7f00_7f00_7f00) >> 1);
                let fours = (pairs & 0x0000_3fff_0000_3fff) | ((pairs & 0x3fff_0000_3fff_0000) >> 2);
                let number = (fours & 0x0fff_ffff) | ((fours & 0x0fff_ffff_0000_0000) >> 4);
                self.0 = &self.0[length as usize..];
                let padded = length > 1 && number >> (7 * (length - 1)) == 0;
                return if padded { Err(Unreadable) } else { Ok(u128::from(number)) };
            }
        }
        let mut number = 0_u128;
        for (place, byte) in self.0.iter().enumerate().take(19) {
            let bits = u128::from(byte & 0x7f);
            if place == 18 && bits > 3 {
                return Err(Unreadable);
            }
            number |= bits << (7 * place);
            if byte & 0x80 == 0 {
                self.0 = &self.0[place + 1..];
                return if *byte == 0 && place > 0 { Err(Unreadable) } else { Ok(number) };
            }
        }
        Err(Unreadable)
    }

    fn end(&self) -> Result<(), Unreadable> {
        if self.0.is_empty() { Ok(()) } else { Err(Unreadable) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::composition::stored::{Gathered, answer};
    use super::super::composition::{Band, Request};
    use super::super::quantile::{Quantile, Units};
    use super::*;
    use proptest::prelude::*;

    /// Requests of two keys: (ns of each, weight in units).
    fn gather(requests: &[(u64, u64, u64)]) -> Stored<u32> {
        let mut gathered = Gathered::default();
        for (left, right, units) in requests {
            let parts = [(7, *left), (900, *right)];
            let weight = Units::from_count(*units).unwrap();
            gathered.add(&Request { latency_ns: left + right, parts: &parts, weight }).unwrap();
        }
        gathered.stored()
    }

    #[test]
    fn whole_weights_cost_no_zeros() {
        let day = gather(&[(1_000_000, 0, Units::ONE.count()), (1_000_000, 2_000_000, 3 << 20)]);
        let bytes = composition_bytes(&day);
        assert_eq!(bytes.len(), 32, "{bytes:?}");
        assert_eq!(Packed::read(&bytes).unwrap().stored(), Ok(day.clone()));
        let sketch = sketch_bytes(&day.sketch());
        assert_eq!((sketch.len(), sketch_of(&sketch)), (9, Ok(day.sketch())));
        assert_eq!(sketch_of(&sketch_bytes(&Sketch::default())), Ok(Sketch::default()));
    }

    #[test]
    fn numbers_have_one_encoding() {
        for number in [0, 1, 127, 128, u128::from(u64::MAX), 1 << 62, 1 << 63, u128::MAX] {
            let mut out = Vec::new();
            write(&mut out, number);
            assert_eq!(Bytes(&out).number::<u128>(), Ok(number));
            assert_eq!(Bytes(&out[..out.len() - 1]).number::<u128>(), Err(Unreadable));
            out.extend([0xff; 8]);
            let mut more = Bytes(&out);
            assert_eq!((more.number::<u128>(), more.0), (Ok(number), [0xff; 8].as_slice()));
        }
        assert_eq!(Bytes(&[0x80, 0]).number::<u128>(), Err(Unreadable), "a zero too many");
        assert_eq!(Bytes(&[0x80, 0, 1, 1, 1, 1, 1, 1]).number::<u128>(), Err(Unreadable));
        assert_eq!(Bytes(&[0xff; 19]).number::<u128>(), Err(Unreadable));
    }

    proptest! {
        #[test]
        fn any_number_is_read_as_it_was_written(number: u128, fewer in 0_u32..128) {
            let mut out = Vec::new();
            write(&mut out, number >> fewer);
            prop_assert_eq!(Bytes(&out).number::<u128>(), Ok(number >> fewer));
            out.extend([7; 8]);
            prop_assert_eq!(Bytes(&out).number::<u128>(), Ok(number >> fewer));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_packed_is_what_was_stored_and_answers_the_same(
            requests in prop::collection::vec((1_u64..1 << 50, 0_u64..1 << 40, 1_u64..1 << 30), 0..80),
            level in 1_u64..1000,
            bits in 0_u32..8,
        ) {
            let day = gather(&requests).coarsened(bits).unwrap();
            let bytes = composition_bytes(&day);
            let packed = Packed::read(&bytes).unwrap();
            prop_assert_eq!(packed.stored(), Ok(day.clone()));
            let quantile = Quantile::new(level, 1000).unwrap();
            let from_bytes = answer(&[&packed, &packed], quantile, Band::Default, |_, key| *key);
            prop_assert_eq!(from_bytes, answer(&[&day, &day], quantile, Band::Default, |_, key| *key));
            let sketch = day.sketch();
            prop_assert_eq!(sketch_of(&sketch_bytes(&sketch)), Ok(sketch));
        }

        #[test]
        fn broken_bytes_are_refused_or_read_but_never_panic(
            requests in prop::collection::vec((1_u64..1 << 30, 0_u64..1 << 30, 1_u64..1 << 20), 1..9),
            at: prop::sample::Index,
            to: u8,
            cut: prop::sample::Index,
        ) {
            let mut bytes = composition_bytes(&gather(&requests));
            prop_assert!(Packed::read(&bytes[..cut.index(bytes.len())]).is_err());
            let place = at.index(bytes.len());
            bytes[place] = to;
            if let Ok(packed) = Packed::read(&bytes) {
                let _ = packed.stored();
                let _ = answer(&[&packed], Quantile::p99(), Band::Default, |_, key| *key);
            }
            let mut sketch = sketch_bytes(&gather(&requests).sketch());
            prop_assert!(sketch_of(&sketch[..cut.index(sketch.len())]).is_err());
            let place = at.index(sketch.len());
            sketch[place] = to;
            let _ = sketch_of(&sketch);
        }
    }
}
