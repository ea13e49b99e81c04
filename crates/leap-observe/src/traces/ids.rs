//! Ids of Jaeger and Zipkin documents, which need not be hexadecimal, as numbers whose order is the order of the texts.
//!
//! ```text
//! a2fb4a1d1a96d312, 6c3cf93508f20511   all of one length, hexadecimal in lower case: their value
//! span-1, span-2_1, A                  anything else: their rank among the ids of their trace in this document
//! ```
//! Ranks hold within one document: a trace whose ids are no plain hexadecimals cannot be continued by another file.

use hashbrown::HashMap;
use leap_terms::{SpanId, TraceId};
use xxhash_rust::xxh3::xxh3_128;

/// A trace id: its value where it is hexadecimal, else a digest of the text. None for an empty one or zeros.
pub(crate) fn trace_id(text: &str) -> Option<TraceId> {
    let digits = !text.starts_with('+') && text.len() <= 32;
    let id = match u128::from_str_radix(text, 16) {
        Ok(value) if digits => value,
        _ if text.is_empty() => 0,
        _ => xxh3_128(text.as_bytes()).max(1),
    };
    (id != 0).then_some(TraceId(id))
}

/// The span ids of one trace of a document.
pub(crate) enum SpanIds<'a> {
    Values,
    Ranks(HashMap<&'a str, u64>),
}

impl<'a> SpanIds<'a> {
    /// From every id that the trace mentions, parents included; empty ones do not count.
    pub(crate) fn of(ids: impl Iterator<Item = &'a str> + Clone) -> SpanIds<'a> {
        let mut texts = ids.filter(|id| !id.is_empty());
        let length = texts.clone().next().map_or(0, str::len);
        let plain = |text: &str| {
            text.len() == length && length <= 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        if texts.clone().all(plain) {
            return SpanIds::Values;
        }
        let mut sorted: Vec<&str> = Vec::new();
        let mut seen: HashMap<&'a str, u64> = HashMap::new();
        for text in texts.by_ref() {
            if seen.insert(text, 0).is_none() {
                sorted.push(text);
            }
        }
        sorted.sort_unstable();
        for (rank, text) in (1_u64..).zip(sorted) {
            seen.insert(text, rank);
        }
        SpanIds::Ranks(seen)
    }

    /// The id of a text; [`SpanId::NONE`] for an empty one and for zeros.
    pub(crate) fn id(&self, text: &str) -> SpanId {
        match self {
            SpanIds::Values => SpanId::new(u64::from_str_radix(text, 16).unwrap_or_default()),
            SpanIds::Ranks(ranks) => SpanId::new(ranks.get(text).copied().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_ids_keep_their_value_and_others_get_ranks_in_order_of_text() {
        let plain = ["00000000000000ff", "", "0000000000000010"];
        let ids = SpanIds::of(plain.into_iter());
        assert_eq!(plain.map(|text| ids.id(text).bits), [255, 0, 16]);
        let odd = ["span-2_1", "span-2", "A", "", "span-2_1", "a"];
        let ids = SpanIds::of(odd.into_iter());
        assert_eq!(odd.map(|text| ids.id(text).bits), [4, 3, 1, 0, 4, 2]);
        // Hexadecimal, but of different lengths: "10" comes before "9" as text.
        let ids = SpanIds::of(["9", "10"].into_iter());
        assert!(ids.id("10") < ids.id("9"));
    }

    #[test]
    fn trace_ids_that_are_not_hexadecimal_are_told_apart() {
        assert_eq!(trace_id("ef86c83c0a05a6d6"), Some(TraceId(0xef86_c83c_0a05_a6d6)));
        assert!(trace_id("trace-123").is_some() && trace_id("trace-123") != trace_id("trace-124"));
        assert_eq!((trace_id(""), trace_id("0000")), (None, None));
        assert!(trace_id(&"a".repeat(33)).is_some() && trace_id("+a") != trace_id("a"));
    }
}
