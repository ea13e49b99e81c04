//! gzip in which some bytes can be changed afterwards: fresh ids in every body without compressing each anew.
//!
//! ```text
//! plain    … id … id … id …        stream   …│stored: id│… ←16 bytes back … ←16 bytes back …
//! ```
//! The first of some equal bytes stands in a stored block, as it is; the others are references to it, as any compressor
//! writes them. So changing 16 bytes of the stream changes all of them. The checksum is linear in the bytes, and is put right
//! with one multiplication. All else is compressed as usual, with the fixed codes of RFC 1951.

/// The polynomial of gzip's checksum, least bit first.
const POLYNOMIAL: u32 = 0xedb8_8320;
/// A reference goes back at most so far.
const WINDOW: usize = 32_768;
const HASH_BITS: u32 = 15;

/// Bytes that can be changed: where they stand in the plain text, all equal and of one length.
pub(crate) struct Group {
    /// Places in the plain text, ascending.
    pub(crate) places: Vec<usize>,
    /// How many bytes.
    pub(crate) length: usize,
}

/// A compressed text, and what is known of its groups.
pub(crate) struct Packed {
    /// The gzip stream.
    pub(crate) stream: Vec<u8>,
    groups: Vec<PackedGroup>,
    checksum: u32,
}

struct PackedGroup {
    /// Where its bytes stand in the stream as they are.
    stored: Vec<usize>,
    bytes: Vec<u8>,
    /// What a change of them does to the checksum: a factor.
    factor: u32,
}

struct Bits {
    out: Vec<u8>,
    held: u64,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u32, bits: u32) {
        self.held |= u64::from(value) << self.count;
        self.count += bits;
        while self.count >= 8 {
            self.out.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// A Huffman code: its first bit comes first.
    fn code(&mut self, code: u32, bits: u32) {
        self.put(code.reverse_bits() >> (32 - bits), bits);
    }

    fn literal(&mut self, symbol: u32) {
        match symbol {
            0..=143 => self.code(0x30 + symbol, 8),
            144..=255 => self.code(0x190 + symbol - 144, 9),
            256..=279 => self.code(symbol - 256, 7),
            _ => self.code(0xc0 + symbol - 280, 8),
        }
    }

    fn reference(&mut self, length: usize, distance: usize) {
        // Lengths and distances: 4 (2) codes for each number of extra bits, from 3 (1) on.
        if length == 258 {
            self.literal(285);
        } else {
            let above = length as u32 - 3;
            let extra = if above < 8 { 0 } else { 29 - above.leading_zeros() };
            self.literal(257 + (extra << 2) + (above >> extra));
            self.put(above & ((1 << extra) - 1), extra);
        }
        let above = distance as u32 - 1;
        let extra = if above < 4 { 0 } else { 30 - above.leading_zeros() };
        self.code((extra << 1) + (above >> extra), 5);
        self.put(above & ((1 << extra) - 1), extra);
    }

    /// Bytes as they are; returns where they stand. A block of fixed codes is open before and after.
    fn stored(&mut self, bytes: &[u8]) -> usize {
        self.literal(256);
        self.put(0, 3);
        self.put(0, (8 - self.count) % 8);
        let length = bytes.len() as u16;
        self.out.extend(length.to_le_bytes());
        self.out.extend((!length).to_le_bytes());
        let at = self.out.len();
        self.out.extend(bytes);
        self.put(0b010, 3);
        at
    }
}

/// Compresses a text.
pub(crate) fn pack(plain: &[u8], groups: &[Group]) -> Packed {
    let mut starts = vec![None; plain.len()];
    let mut fixed = vec![true; plain.len()];
    for (number, group) in groups.iter().enumerate() {
        for place in &group.places {
            starts[*place] = Some(number);
            fixed[*place..place + group.length].fill(false);
        }
    }
    let mut packed: Vec<PackedGroup> = groups
        .iter()
        .map(|group| {
            let bytes = plain[group.places[0]..group.places[0] + group.length].to_vec();
            let behind = |place: &usize| power(plain.len() - place - group.length);
            PackedGroup { stored: Vec::new(), bytes, factor: group.places.iter().map(behind).fold(0, |a, b| a ^ b) }
        })
        .collect();
    let mut bits = Bits { out: vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], held: 0, count: 0 };
    bits.put(0b010, 3);
    let mut heads = vec![usize::MAX; 1 << HASH_BITS];
    let mut last = vec![usize::MAX; groups.len()];
    let mut at = 0;
    while at < plain.len() {
        if let Some(number) = starts[at] {
            let (group, from) = (&groups[number], std::mem::replace(&mut last[number], at));
            if from != usize::MAX && at - from <= WINDOW {
                bits.reference(group.length, at - from);
            } else {
                let place = bits.stored(&plain[at..at + group.length]);
                packed[number].stored.push(place);
            }
            at += group.length;
            continue;
        }
        let same = |from: usize| {
            let most = 258.min(plain.len() - at);
            (0..most).take_while(|k| fixed[from + k] && fixed[at + k] && plain[from + k] == plain[at + k]).count()
        };
        let mut length = 0;
        if at + 4 <= plain.len() {
            let word = u32::from_le_bytes([plain[at], plain[at + 1], plain[at + 2], plain[at + 3]]);
            let head = &mut heads[(word.wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)) as usize];
            let from = std::mem::replace(head, at);
            if from != usize::MAX && at - from <= WINDOW {
                length = same(from);
                if length >= 4 {
                    bits.reference(length, at - from);
                }
            }
        }
        if length < 4 {
            bits.literal(u32::from(plain[at]));
            length = 1;
        }
        at += length;
    }
    // The last block: empty.
    bits.literal(256);
    bits.put(0b011, 3);
    bits.literal(256);
    bits.put(0, (8 - bits.count) % 8);
    let checksum = crc(!0, plain) ^ !0;
    bits.out.extend(checksum.to_le_bytes());
    bits.out.extend((plain.len() as u32).to_le_bytes());
    Packed { stream: bits.out, groups: packed, checksum }
}

impl Packed {
    /// Changes the bytes of a group.
    pub(crate) fn set(&mut self, number: usize, bytes: &[u8]) {
        let group = &mut self.groups[number];
        let change: Vec<u8> = group.bytes.iter().zip(bytes).map(|(old, new)| old ^ new).collect();
        self.checksum ^= times(crc(0, &change), group.factor);
        group.bytes.copy_from_slice(bytes);
        for place in &group.stored {
            self.stream[*place..place + bytes.len()].copy_from_slice(bytes);
        }
        let end = self.stream.len() - 8;
        self.stream[end..end + 4].copy_from_slice(&self.checksum.to_le_bytes());
    }
}

fn crc(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 })
    })
}

/// The product of two polynomials, least bit first.
fn times(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    for bit in (0..32).rev() {
        if a >> bit & 1 == 1 {
            product ^= b;
        }
        b = if b & 1 == 1 { b >> 1 ^ POLYNOMIAL } else { b >> 1 };
    }
    product
}

/// x to the power of 8 × `bytes`: what so many bytes behind a change do to it.
fn power(mut bytes: usize) -> u32 {
    let (mut product, mut base) = (1 << 31, 1 << 23);
    while bytes > 0 {
        if bytes & 1 == 1 {
            product = times(product, base);
        }
        base = times(base, base);
        bytes >>= 1;
    }
    product
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    fn unpacked(stream: &[u8]) -> Vec<u8> {
        let mut gzip = Command::new("gzip").args(["-dc"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = gzip.stdin.take().unwrap();
        let stream = stream.to_vec();
        let writer = std::thread::spawn(move || input.write_all(&stream));
        let output = gzip.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(output.status.success(), "gzip finds it damaged");
        output.stdout
    }

    #[test]
    fn what_is_changed_in_the_stream_is_changed_in_the_text() {
        let (mut plain, mut groups) = (Vec::new(), Vec::new());
        for trace in 0..40_u8 {
            let mut places = Vec::new();
            for span in 0..30_u32 {
                plain.extend(b"a span of some words that come again and again, ");
                plain.extend(span.wrapping_mul(0x9e37_79b1).to_le_bytes().repeat(2));
                places.push(plain.len());
                plain.extend([trace; 16]);
                plain.extend([span as u8; 300].iter().take(span as usize * 9));
            }
            groups.push(Group { places, length: 16 });
        }
        // One that comes again beyond the window.
        let far = [0, plain.len()];
        plain.extend([7; 5]);
        plain.splice(0..0, [7; 5]);
        for group in &mut groups {
            group.places.iter_mut().for_each(|place| *place += 5);
        }
        groups.push(Group { places: vec![far[0], far[1] + 5], length: 5 });
        let mut packed = pack(&plain, &groups);
        assert_eq!(unpacked(&packed.stream), plain);
        assert!(packed.stream.len() * 3 < plain.len(), "{} of {}", packed.stream.len(), plain.len());
        for round in 0..3_u8 {
            for (number, group) in groups.iter().enumerate() {
                let bytes: Vec<u8> = (0..group.length).map(|k| (number + k) as u8 ^ round.wrapping_mul(91)).collect();
                packed.set(number, &bytes);
                for place in &group.places {
                    plain[*place..place + group.length].copy_from_slice(&bytes);
                }
            }
            assert_eq!(unpacked(&packed.stream), plain);
        }
    }
}
