//! Spans and requests: the terms of latency, as intake gives them and attribution takes them.
//!
//! ```text
//! charge-api   POST /v1/charges   [0, 100 ms)          SERVER, root
//!   ledger     INSERT             [10 ms, 60 ms)       CLIENT, its one remote child is on another host
//! ```
//! Times are integer nanoseconds since the epoch, intervals half-open. Names are numbers into a [`Names`] table, so that a span
//! in flight takes [`SPAN_BYTES`] and comparing services compares integers. A span knows nothing of teams.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use hashbrown::HashMap;

/// What a span takes in memory while its trace is in flight.
pub const SPAN_BYTES: usize = size_of::<Span>();

/// A trace's id: 16 bytes, shown as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct TraceId(pub u128);

impl fmt::Display for TraceId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", self.0)
    }
}

impl FromStr for TraceId {
    type Err = String;

    fn from_str(text: &str) -> Result<TraceId, String> {
        if text.is_empty() || text.len() > 32 {
            return Err(format!("a trace id has 1 to 32 hexadecimal digits, not {} characters", text.len()));
        }
        u128::from_str_radix(text, 16).map(TraceId).map_err(|_| format!("'{text}' is not hexadecimal"))
    }
}

/// A span's id within its trace: 8 bytes, and a number for the server halves that Zipkin reports under one id.
///
/// Order is the order of the ids as text, which decides ties.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SpanId {
    /// The eight bytes.
    pub bits: u64,
    /// 0; or k for the k-th server half under this id.
    pub half: u16,
}

impl SpanId {
    /// No span: the parent of a root.
    pub const NONE: SpanId = SpanId { bits: 0, half: 0 };

    /// An id without halves.
    pub fn new(bits: u64) -> SpanId {
        SpanId { bits, half: 0 }
    }

    /// True for [`SpanId::NONE`].
    pub fn is_none(self) -> bool {
        self == SpanId::NONE
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.bits)?;
        if self.half > 0 { write!(out, "/s{}", self.half) } else { Ok(()) }
    }
}

/// OpenTelemetry's kinds of span.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum SpanKind {
    /// Not said.
    #[default]
    Unspecified = 0,
    /// Work inside one process.
    Internal = 1,
    /// Handles a request of a remote client.
    Server = 2,
    /// Asks a remote server.
    Client = 3,
    /// Hands a message over without waiting for its handling.
    Producer = 4,
    /// Handles such a message.
    Consumer = 5,
}

impl SpanKind {
    /// From OTLP's number; unknown numbers are [`SpanKind::Unspecified`], as the protocol asks.
    pub fn from_number(number: u64) -> SpanKind {
        match number {
            1 => SpanKind::Internal,
            2 => SpanKind::Server,
            3 => SpanKind::Client,
            4 => SpanKind::Producer,
            5 => SpanKind::Consumer,
            _ => SpanKind::Unspecified,
        }
    }

    /// `server`, `client`, …
    pub fn word(self) -> &'static str {
        match self {
            SpanKind::Unspecified => "unspecified",
            SpanKind::Internal => "internal",
            SpanKind::Server => "server",
            SpanKind::Client => "client",
            SpanKind::Producer => "producer",
            SpanKind::Consumer => "consumer",
        }
    }
}

/// A name's number in a [`Names`] table; [`NameId::NONE`] is "not said".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct NameId(pub u32);

impl NameId {
    /// Not said; shown as an empty text.
    pub const NONE: NameId = NameId(0);
}

/// What is known of one span: [`SPAN_BYTES`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// Its id.
    pub id: SpanId,
    /// Its parent's id, or [`SpanId::NONE`].
    pub parent: SpanId,
    /// Start, ns since the epoch.
    pub start: u64,
    /// End, ns since the epoch; not before `start` once cleaned (N0).
    pub end: u64,
    /// `service.name`.
    pub service: NameId,
    /// Host key (N2): the first present of service.instance.id, host.id, host.name, k8s.pod.name, service.name.
    pub host: NameId,
    /// The span's name.
    pub operation: NameId,
    /// `peer.service`, else `db.system.name`, `db.system`, `messaging.system`, `server.address`.
    pub peer: NameId,
    /// Its kind.
    pub kind: SpanKind,
    /// [`Span::FOLLOWS`] and the others.
    pub flags: u8,
}

impl Span {
    /// It follows from its parent, which does not wait for it (reference type FOLLOWS_FROM).
    pub const FOLLOWS: u8 = 1;
    /// It is a repetition: `http.request.resend_count` > 0.
    pub const RETRY: u8 = 2;
    /// It ended with an error (status code ERROR).
    pub const ERROR: u8 = 4;
    /// Its end lay before its start and was moved there (N0).
    pub const NEGATIVE: u8 = 8;
    /// Its parent is known to be in another process (OTLP span flags, bits 8 and 9).
    pub const PARENT_REMOTE: u8 = 16;
    /// Its parent is known to be in its own process.
    pub const PARENT_LOCAL: u8 = 32;
    /// `peer` is a service's name (`peer.service`, Zipkin's remote endpoint), not a kind of system or an address.
    pub const PEER_SERVICE: u8 = 64;

    /// True when a flag is set.
    pub fn is(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Names with their numbers: services, hosts, operations, peers. Numbers are given in order of first sight; 0 is the empty name.
#[derive(Clone, Debug)]
pub struct Names {
    texts: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Default for Names {
    fn default() -> Names {
        let mut names = Names { texts: Vec::new(), numbers: HashMap::new() };
        names.number("");
        names
    }
}

impl Names {
    /// The table with the empty name alone.
    pub fn new() -> Names {
        Names::default()
    }

    /// The number of a name, given now where it has none.
    ///
    /// # Panics
    /// With 2³² names.
    pub fn number(&mut self, text: &str) -> NameId {
        if let Some(found) = self.numbers.get(text) {
            return NameId(*found);
        }
        let number = u32::try_from(self.texts.len()).expect("fewer than 2^32 names");
        let text: Arc<str> = text.into();
        self.texts.push(text.clone());
        self.numbers.insert(text, number);
        NameId(number)
    }

    /// The number of a name that has one.
    pub fn find(&self, text: &str) -> Option<NameId> {
        self.numbers.get(text).map(|number| NameId(*number))
    }

    /// The name.
    pub fn text(&self, number: NameId) -> &str {
        self.texts.get(number.0 as usize).map_or("", |text| text)
    }

    /// How many names there are, the empty one included.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// True when only the empty name is there.
    pub fn is_empty(&self) -> bool {
        self.texts.len() <= 1
    }
}

/// A complete trace as intake hands it over: spans in order of arrival, repeated ids already dropped.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Trace {
    /// Its id.
    pub id: TraceId,
    /// Its spans.
    pub spans: Vec<Span>,
    /// Spans dropped because their id had come before (`duplicate_span_id`).
    pub duplicates: u64,
    /// The adjusted count: how many requests it stands for.
    pub weight: Weight,
    /// True when it was closed before its root was complete: memory was short or the time was over.
    pub incomplete: bool,
}

/// How many requests one sampled request stands for: 2⁵⁶ / (2⁵⁶ − T) of OpenTelemetry's threshold T (`ot=th:`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Weight {
    /// No threshold was sent: counted once, and quantiles of it are only as good as the unknown sampling.
    #[default]
    Unknown,
    /// The threshold T < 2⁵⁶; 0 is every request.
    Threshold(u64),
}

impl Weight {
    /// 2⁵⁶: the number of values that OpenTelemetry's randomness takes.
    pub const ALL: u64 = 1 << 56;

    /// From the value of `th` in the `ot` entry of a tracestate: 1 to 14 hexadecimal digits, padded to 14 on the right.
    ///
    /// # Errors
    /// When it is none.
    pub fn of_threshold(hex: &str) -> Result<Weight, String> {
        let digits = hex.len();
        if digits == 0 || digits > 14 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("th '{hex}' is not 1 to 14 hexadecimal digits"));
        }
        let value = u64::from_str_radix(hex, 16).map_err(|error| error.to_string())?;
        Ok(Weight::Threshold(value << (4 * (14 - digits))))
    }

    /// The adjusted count as a fraction: numerator 2⁵⁶, denominator 2⁵⁶ − T; 1 where unknown.
    pub fn fraction(self) -> (u64, u64) {
        match self {
            Weight::Unknown => (1, 1),
            Weight::Threshold(0) => (1, 1),
            Weight::Threshold(threshold) => (Weight::ALL, Weight::ALL - threshold),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_in_flight_takes_at_most_ninety_six_bytes() {
        assert_eq!(SPAN_BYTES, 72);
    }

    #[test]
    fn thresholds_give_the_adjusted_counts_of_the_specification() {
        for (hex, numerator, denominator) in [("0", 1, 1), ("8", 2, 1), ("c", 4, 1), ("fd70a4", 1 << 24, 0x28f5c)] {
            let (over, under) = Weight::of_threshold(hex).unwrap().fraction();
            assert_eq!(u128::from(over) * denominator, u128::from(under) * numerator, "{hex}");
        }
        for hex in ["", "g", "123456789abcdef"] {
            assert!(Weight::of_threshold(hex).is_err(), "{hex}");
        }
    }

    #[test]
    fn names_keep_their_numbers() {
        let mut names = Names::new();
        assert!(names.is_empty());
        let (a, b) = (names.number("a"), names.number("b"));
        assert_eq!(
            (names.number("a"), names.find("b"), names.text(b), names.text(NameId::NONE)),
            (a, Some(b), "b", "")
        );
        assert_eq!((names.len(), names.find("c")), (3, None));
    }

    #[test]
    fn ids_are_shown_as_they_are_written() {
        let id: TraceId = "00ff".parse().unwrap();
        assert_eq!(id.to_string(), "000000000000000000000000000000ff");
        assert_eq!(SpanId { bits: 10, half: 2 }.to_string(), "000000000000000a/s2");
        assert!("xyz".parse::<TraceId>().is_err());
    }
}
