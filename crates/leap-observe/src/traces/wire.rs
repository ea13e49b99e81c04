//! The wire format of protobuf, read by hand: keys, lengths and numbers over a borrowed body, nothing copied.
//!
//! ```text
//! 0a 10 <16 bytes>   field 1, length-delimited     39 <8 bytes>   field 7, fixed64
//! ```
//! Positions are those of the whole body, so that a fault names its byte. Nesting is bounded because callers descend only
//! into the messages they know; everything else is passed by its length. Groups, which OTLP has none of, are refused.

use std::fmt;

/// Which rule of the wire format is broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WireFault {
    /// A varint that does not end within ten bytes or within its message.
    Varint,
    /// A fixed number that goes beyond its message.
    Fixed {
        /// Bytes left.
        left: usize,
    },
    /// A length that goes beyond its message.
    Length {
        /// The length.
        length: u64,
        /// Bytes left.
        left: usize,
    },
    /// A wire type that OTLP does not use: 3 and 4 (groups), 6, 7.
    WireType(u8),
    /// Field number 0, or one above 2²⁹ − 1.
    FieldNumber,
}

impl fmt::Display for WireFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireFault::Varint => write!(out, "a varint that does not end within ten bytes and within its message"),
            WireFault::Fixed { left } => write!(out, "a fixed number, but only {left} bytes are left of its message"),
            WireFault::Length { length, left } => {
                write!(out, "a length of {length} goes beyond the {left} bytes left of its message")
            }
            WireFault::WireType(kind) => write!(out, "wire type {kind}, which OTLP does not use"),
            WireFault::FieldNumber => write!(out, "a field number of 0 or above 536870911"),
        }
    }
}

/// A fault and its byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct WireError {
    pub(crate) offset: usize,
    pub(crate) fault: WireFault,
}

impl From<WireError> for super::TraceError {
    fn from(error: WireError) -> super::TraceError {
        super::TraceError::Wire { offset: error.offset, fault: error.fault }
    }
}

/// A message within a body.
#[derive(Clone, Copy)]
pub(crate) struct Wire<'a> {
    /// The body up to this message's end.
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Wire<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Wire<'a> {
        Wire { bytes: body, at: 0 }
    }

    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// A field's key: number and wire type as they are on the wire, `number << 3 | type`.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<u32, WireError> {
        let offset = self.at;
        let key = self.varint()?;
        match u32::try_from(key) {
            Ok(key) if key >= 8 => Ok(key),
            _ => Err(WireError { offset, fault: WireFault::FieldNumber }),
        }
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, WireError> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let offset = self.at;
        let mut value = 0_u64;
        for (place, &byte) in self.bytes[offset..].iter().take(10).enumerate() {
            if place == 9 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                self.at = offset + place + 1;
                return Ok(value);
            }
        }
        Err(WireError { offset, fault: WireFault::Varint })
    }

    #[inline]
    pub(crate) fn fixed64(&mut self) -> Result<u64, WireError> {
        match self.bytes[self.at..].first_chunk::<8>() {
            Some(bytes) => {
                self.at += 8;
                Ok(u64::from_le_bytes(*bytes))
            }
            None => self.short(),
        }
    }

    #[inline]
    pub(crate) fn fixed32(&mut self) -> Result<u32, WireError> {
        match self.bytes[self.at..].first_chunk::<4>() {
            Some(bytes) => {
                self.at += 4;
                Ok(u32::from_le_bytes(*bytes))
            }
            None => self.short(),
        }
    }

    #[cold]
    fn short<T>(&self) -> Result<T, WireError> {
        Err(WireError { offset: self.at, fault: WireFault::Fixed { left: self.bytes.len() - self.at } })
    }

    #[inline]
    fn end_of_field(&mut self) -> Result<usize, WireError> {
        let offset = self.at;
        let length = self.varint()?;
        let left = self.bytes.len() - self.at;
        if length > left as u64 {
            return Err(WireError { offset, fault: WireFault::Length { length, left } });
        }
        Ok(self.at + length as usize)
    }

    /// The bytes of a length-delimited field.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let end = self.end_of_field()?;
        let bytes = &self.bytes[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    /// A message in a length-delimited field.
    #[inline]
    pub(crate) fn message(&mut self) -> Result<Wire<'a>, WireError> {
        let end = self.end_of_field()?;
        let message = Wire { bytes: &self.bytes[..end], at: self.at };
        self.at = end;
        Ok(message)
    }

    /// Passes the field whose key was just read.
    #[inline]
    pub(crate) fn skip(&mut self, key: u32) -> Result<(), WireError> {
        match key & 7 {
            0 => self.varint().map(drop),
            1 => self.fixed64().map(drop),
            2 => {
                self.at = self.end_of_field()?;
                Ok(())
            }
            5 => self.fixed32().map(drop),
            other => Err(WireError { offset: self.at, fault: WireFault::WireType(other as u8) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lengths_are_read_and_bounded() {
        let mut wire = Wire::new(&[0xac, 0x02, 0x02, 7, 8, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(wire.varint(), Ok(300));
        assert_eq!(wire.bytes(), Ok(&[7_u8, 8][..]));
        assert_eq!(wire.fixed64(), Ok(1));
        assert!(wire.is_done());
        assert_eq!(wire.fixed32(), Err(WireError { offset: 13, fault: WireFault::Fixed { left: 0 } }));
    }

    #[test]
    fn hostile_varints_end_in_a_fault_with_their_byte() {
        for body in [&[0x80_u8; 11][..], &[0xff; 10], &[0x80], &[]] {
            assert_eq!(Wire::new(body).varint(), Err(WireError { offset: 0, fault: WireFault::Varint }));
        }
        let mut largest = vec![0xff; 9];
        largest.push(1);
        assert_eq!(Wire::new(&largest).varint(), Ok(u64::MAX));
        let mut wire = Wire::new(&[0x05, 1, 2]);
        let fault = WireFault::Length { length: 5, left: 2 };
        assert_eq!(wire.message().err(), Some(WireError { offset: 0, fault }));
        assert_eq!(Wire::new(&largest).bytes().map(<[u8]>::len).map_err(|error| error.offset), Err(0));
    }

    #[test]
    fn groups_and_field_zero_are_refused() {
        assert_eq!(Wire::new(&[0x0b]).skip(0x0b).map_err(|error| error.fault), Err(WireFault::WireType(3)));
        assert_eq!(Wire::new(&[0x02]).key().map_err(|error| error.fault), Err(WireFault::FieldNumber));
    }
}
