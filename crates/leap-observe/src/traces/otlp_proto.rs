//! OTLP protobuf: spans out of an `ExportTraceServiceRequest` (opentelemetry-proto 1.9) by a selective scan.
//!
//! Ids, kind, times, name, status code, flags and `ot=th:` of the trace state are read; of attributes those that name the
//! service, its host and team, the peer and a repetition. Events, links, everything else is passed by its length. Nothing is
//! copied but names that are new.
//!
//! A damaged body gives nothing at all; a span without ids or times is counted in [`super::Rejected`] and the rest is taken,
//! which is what `partial_success` tells the sender.

use std::borrow::Cow;

use leap_terms::{NameId, Span, SpanId, SpanKind, TraceId, Weight};

use super::vocabulary::{RESEND, Resolved, Resource, peer_rank};
use super::wire::{Wire, WireError};
use super::{Arrival, Batch, Rejection, ScanLimits, TraceError, Vocabulary, room, weight_of_trace_state};

/// Adds the spans of a body to a batch.
///
/// # Errors
/// [`TraceError::Wire`] with the byte at fault, [`TraceError::TooMuch`]; the batch is then as before.
pub fn scan(
    body: &[u8],
    limits: &ScanLimits,
    vocabulary: &mut Vocabulary,
    batch: &mut Batch,
) -> Result<(), TraceError> {
    let mark = batch.mark();
    let result = request(body, limits, vocabulary, batch);
    if result.is_err() {
        batch.back_to(mark);
    }
    result
}

/// As [`scan`], for the collector's file exporter: each message behind its length in four bytes, big-endian.
///
/// # Errors
/// As [`scan`]; [`TraceError::Wire`] too where a length goes beyond the file.
pub fn scan_frames(
    bytes: &[u8],
    limits: &ScanLimits,
    vocabulary: &mut Vocabulary,
    batch: &mut Batch,
) -> Result<(), TraceError> {
    let mark = batch.mark();
    let mut at = 0;
    while at < bytes.len() {
        let result = match frame(bytes, at) {
            Ok(message) => {
                let start = at + 4;
                at = start + message.len();
                request(message, limits, vocabulary, batch).map_err(|error| moved(error, start))
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = result {
            batch.back_to(mark);
            return Err(error);
        }
    }
    Ok(())
}

fn moved(error: TraceError, by: usize) -> TraceError {
    match error {
        TraceError::Wire { offset, fault } => TraceError::Wire { offset: offset + by, fault },
        other => other,
    }
}

/// The message at a position: its length, then itself.
pub(super) fn frame(bytes: &[u8], at: usize) -> Result<&[u8], WireError> {
    use super::wire::WireFault;
    let rest = &bytes[at..];
    let Some((length, rest)) = rest.split_first_chunk::<4>() else {
        return Err(WireError { offset: at, fault: WireFault::Fixed { left: rest.len() } });
    };
    let length = u32::from_be_bytes(*length);
    rest.get(..length as usize)
        .ok_or(WireError { offset: at, fault: WireFault::Length { length: u64::from(length), left: rest.len() } })
}

fn request(body: &[u8], limits: &ScanLimits, vocabulary: &mut Vocabulary, batch: &mut Batch) -> Result<(), TraceError> {
    let mut wire = Wire::new(body);
    while !wire.is_done() {
        match wire.key()? {
            0x0a => {
                let message = wire.message()?;
                let mut resolved = resource(message, 0x0a, vocabulary)?;
                resource_spans(message, limits, &mut resolved, vocabulary, batch)?;
                vocabulary.saw(&resolved);
            }
            other => wire.skip(other)?,
        }
    }
    Ok(())
}

/// The resource, wherever it stands in the message.
pub(super) fn resource(mut wire: Wire<'_>, field: u32, vocabulary: &mut Vocabulary) -> Result<Resolved, WireError> {
    let mut found = Resource::default();
    while !wire.is_done() {
        let key = wire.key()?;
        if key != field {
            wire.skip(key)?;
            continue;
        }
        let mut resource = wire.message()?;
        while !resource.is_done() {
            match resource.key()? {
                0x0a => {
                    let (key, value) = key_value(resource.message()?)?;
                    if let (Ok(key), Some(value)) = (std::str::from_utf8(key), value.text()) {
                        found.take(vocabulary, key, value);
                    }
                }
                other => resource.skip(other)?,
            }
        }
    }
    Ok(vocabulary.resolve(&found))
}

fn resource_spans(
    mut wire: Wire<'_>,
    limits: &ScanLimits,
    resolved: &mut Resolved,
    vocabulary: &mut Vocabulary,
    batch: &mut Batch,
) -> Result<(), TraceError> {
    while !wire.is_done() {
        match wire.key()? {
            0x12 => {
                let mut scope = wire.message()?;
                while !scope.is_done() {
                    match scope.key()? {
                        0x12 => {
                            room(batch, limits)?;
                            span(scope.message()?, resolved, vocabulary, batch)?;
                        }
                        other => scope.skip(other)?,
                    }
                }
            }
            other => wire.skip(other)?,
        }
    }
    Ok(())
}

fn span(
    mut wire: Wire<'_>,
    resolved: &mut Resolved,
    vocabulary: &mut Vocabulary,
    batch: &mut Batch,
) -> Result<(), WireError> {
    let (mut trace, mut id, mut parent): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
    let (mut name, mut trace_state, mut peer): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
    let (mut kind, mut start, mut end, mut flags) = (0, 0, 0, 0);
    let mut peer_at = u8::MAX;
    while !wire.is_done() {
        match wire.key()? {
            0x0a => trace = wire.bytes()?,
            0x12 => id = wire.bytes()?,
            0x1a => trace_state = wire.bytes()?,
            0x22 => parent = wire.bytes()?,
            0x2a => name = wire.bytes()?,
            0x30 => kind = wire.varint()?,
            0x39 => start = wire.fixed64()?,
            0x41 => end = wire.fixed64()?,
            0x4a => {
                let attribute = wire.message()?;
                match attribute_key(attribute) {
                    // The usual form: the key stands first and is none that matters.
                    Some(key) if peer_rank(key).is_none() && key != RESEND => {}
                    _ => {
                        let (key, value) = key_value(attribute)?;
                        if key == RESEND {
                            if value.is_positive() {
                                flags |= Span::RETRY;
                            }
                        } else if let Some(rank) = peer_rank(key)
                            && rank < peer_at
                            && let Value::Text(text) = value
                            && !text.is_empty()
                        {
                            (peer_at, peer) = (rank, text);
                        }
                    }
                }
            }
            0x7a => {
                let mut status = wire.message()?;
                while !status.is_done() {
                    match status.key()? {
                        0x18 if status.varint()? == 2 => flags |= Span::ERROR,
                        0x18 => {}
                        other => status.skip(other)?,
                    }
                }
            }
            0x85 => {
                let bits = wire.fixed32()?;
                if bits & 0x100 != 0 {
                    flags |= if bits & 0x200 != 0 { Span::PARENT_REMOTE } else { Span::PARENT_LOCAL };
                }
            }
            other => wire.skip(other)?,
        }
    }
    let trace = match <[u8; 16]>::try_from(trace).map(u128::from_be_bytes) {
        Ok(trace) if trace != 0 => TraceId(trace),
        _ => return reject(batch, Rejection::TraceId),
    };
    let id = match <[u8; 8]>::try_from(id).map(u64::from_be_bytes) {
        Ok(id) if id != 0 => SpanId::new(id),
        _ => return reject(batch, Rejection::SpanId),
    };
    let parent = match <[u8; 8]>::try_from(parent).map(u64::from_be_bytes) {
        Ok(parent) => SpanId::new(parent),
        Err(_) if parent.is_empty() => SpanId::NONE,
        Err(_) => return reject(batch, Rejection::ParentId),
    };
    if start == 0 || end == 0 {
        return reject(batch, Rejection::Times);
    }
    let peer = match peer_at {
        u8::MAX => NameId::NONE,
        rank => {
            flags |= if rank == 0 { Span::PEER_SERVICE } else { 0 };
            vocabulary.name_of_bytes(peer)
        }
    };
    let span = Span {
        id,
        parent,
        start,
        end,
        service: resolved.service,
        host: resolved.host,
        operation: vocabulary.name_of_bytes(name),
        peer,
        kind: SpanKind::from_number(kind),
        flags,
    };
    let weight = if trace_state.is_empty() { Weight::Unknown } else { weight_of_trace_state(trace_state) };
    let span = super::cleaned(span);
    resolved.count(span.start, span.end);
    batch.spans.push(Arrival { trace, weight, span });
    Ok(())
}

fn reject(batch: &mut Batch, why: Rejection) -> Result<(), WireError> {
    batch.rejected.count(why);
    Ok(())
}

/// The key of an attribute that begins with it, as every writer does.
#[inline]
fn attribute_key(mut attribute: Wire<'_>) -> Option<&[u8]> {
    match attribute.key() {
        Ok(0x0a) => attribute.bytes().ok(),
        _ => None,
    }
}

/// The value of an attribute as far as it matters.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    None,
    Text(&'a [u8]),
    Integer(u64),
}

impl<'a> Value<'a> {
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Value::None => None,
            Value::Text(text) => Some(String::from_utf8_lossy(text)),
            Value::Integer(number) => Some(Cow::Owned((number.cast_signed()).to_string())),
        }
    }

    fn is_positive(self) -> bool {
        match self {
            Value::None => false,
            Value::Text(text) => text.iter().all(u8::is_ascii_digit) && text.iter().any(|digit| *digit != b'0'),
            Value::Integer(number) => number.cast_signed() > 0,
        }
    }
}

pub(super) fn key_value<'a>(mut wire: Wire<'a>) -> Result<(&'a [u8], Value<'a>), WireError> {
    let (mut key, mut value): (&[u8], Value<'_>) = (&[], Value::None);
    while !wire.is_done() {
        match wire.key()? {
            0x0a => key = wire.bytes()?,
            0x12 => {
                let mut any = wire.message()?;
                while !any.is_done() {
                    match any.key()? {
                        0x0a => value = Value::Text(any.bytes()?),
                        0x18 => value = Value::Integer(any.varint()?),
                        other => any.skip(other)?,
                    }
                }
            }
            other => wire.skip(other)?,
        }
    }
    Ok((key, value))
}
