//! Digests: of bytes (BLAKE3, 256 bits) and of a bag of rows in any order (128 bits, additive).

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The BLAKE3 digest of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }

    /// Wraps 32 bytes computed elsewhere (a streaming hasher).
    pub fn from_bytes(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }

    /// Its bytes.
    pub fn bytes(self) -> [u8; 32] {
        self.0
    }

    /// Sum of two digests as numbers of 256 bits, modulo 2²⁵⁶: the digest of a bag whose rows' digests are added up.
    pub fn plus(self, other: Digest) -> Digest {
        let mut sum = [0; 32];
        let mut carry = 0;
        for at in (0..32).rev() {
            let digit = u16::from(self.0[at]) + u16::from(other.0[at]) + carry;
            sum[at] = (digit & 0xff) as u8;
            carry = digit >> 8;
        }
        Digest(sum)
    }

    /// The digest that [`Digest::plus`] takes back to this one.
    pub fn minus(self, other: Digest) -> Digest {
        // −x is the complement of x, plus one.
        let mut one = [0; 32];
        one[31] = 1;
        self.plus(Digest(other.0.map(|byte| !byte)).plus(Digest(one)))
    }

    /// The first 16 hexadecimal digits: enough for people to tell two apart.
    pub fn short(self) -> String {
        let mut text = self.to_string();
        text.truncate(16);
        text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Digest, String> {
        let refuse = || format!("'{}' is no digest of 64 hexadecimal digits", text.escape_debug());
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refuse());
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).map_err(|_| refuse())?;
        }
        Ok(Digest(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The digest of a bag of rows: the sum, modulo 2¹²⁸, of one digest per row.
///
/// Equal bags have equal digests in any order and in any division into parts; the sum of two bags' digests is the
/// digest of their union. It tells honest data apart (chance of a clash about 2⁻¹²⁸ · pairs); it is no defence
/// against an adversary who chooses rows, for which each file's [`Digest`] is kept beside it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RowsDigest(u128);

impl RowsDigest {
    /// Wraps the digest of one row, or a stored sum.
    pub fn from_bits(bits: u128) -> RowsDigest {
        RowsDigest(bits)
    }

    /// The bits.
    pub fn bits(self) -> u128 {
        self.0
    }
}

impl Add for RowsDigest {
    type Output = RowsDigest;

    fn add(self, other: RowsDigest) -> RowsDigest {
        RowsDigest(self.0.wrapping_add(other.0))
    }
}

impl AddAssign for RowsDigest {
    fn add_assign(&mut self, other: RowsDigest) {
        *self = *self + other;
    }
}

impl Sub for RowsDigest {
    type Output = RowsDigest;

    fn sub(self, other: RowsDigest) -> RowsDigest {
        RowsDigest(self.0.wrapping_sub(other.0))
    }
}

impl fmt::Display for RowsDigest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", self.0)
    }
}

impl fmt::Debug for RowsDigest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for RowsDigest {
    type Err = String;

    fn from_str(text: &str) -> Result<RowsDigest, String> {
        u128::from_str_radix(text, 16)
            .ok()
            .filter(|_| text.len() == 32)
            .map(RowsDigest)
            .ok_or_else(|| format!("'{}' is no digest of 32 hexadecimal digits", text.escape_debug()))
    }
}

impl Serialize for RowsDigest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RowsDigest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<RowsDigest, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_and_texts_are_one() {
        let digest = Digest::of(b"leap");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(digest.short().len(), 16);
        let rows = RowsDigest::from_bits(7) + RowsDigest::from_bits(u128::MAX);
        assert_eq!(rows.to_string(), "00000000000000000000000000000006");
        assert_eq!(rows.to_string().parse(), Ok(rows));
        assert!("xyz".parse::<Digest>().is_err());
    }
}
