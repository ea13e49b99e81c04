//! Values of trace documents in JSON, borrowed from the body and tolerant of what senders really write.
//!
//! ```text
//! "1674982159219000000" and 1674982159219000000 are one time; 2, "SPAN_KIND_SERVER" and "server" one kind
//! ```
//! Unknown fields and values of another type are passed, never built; the parser itself bounds their depth.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use leap_terms::{NameId, Span};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::de::SliceRead;

use super::vocabulary::{RESEND, peer_rank};
use super::{TraceError, Vocabulary};

/// A text; numbers and booleans as they would be written, null and anything deeper as an empty one.
#[derive(Clone, Default, PartialEq, Debug)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

macro_rules! pass_the_rest {
    ($lifetime:lifetime) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_seq<A: SeqAccess<$lifetime>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Text<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(if value { "true" } else { "false" })))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Text<'de>, E> {
                // Enums are small numbers, and every span has one.
                const SMALL: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
                Ok(Text(match SMALL.get(usize::try_from(value).unwrap_or(usize::MAX)) {
                    Some(text) => Cow::Borrowed(text),
                    None => Cow::Owned(value.to_string()),
                }))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(value.to_string())))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(value.to_string())))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text::default())
            }

            pass_the_rest!('de);
        }
        from.deserialize_any(Seen)
    }
}

/// A whole number of at least 0, written as a number or as a text; None when absent, null, negative, broken or too large.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(crate) struct Whole(pub(crate) Option<u64>);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Whole;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a whole number")
            }

            fn visit_u64<E>(self, value: u64) -> Result<Whole, E> {
                Ok(Whole(Some(value)))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Whole, E> {
                Ok(Whole(u64::try_from(value).ok()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Whole, E> {
                // 1.674982159219e15 from a writer without integers: exact below 2^53.
                let exact = (0.0..=9_007_199_254_740_992.0).contains(&value) && value.fract() == 0.0;
                Ok(Whole(exact.then_some(value as u64)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Whole, E> {
                Ok(Whole(text.trim().parse().ok()))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Whole, E> {
                Ok(Whole(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Whole, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Whole(None))
            }

            pass_the_rest!('de);
        }
        from.deserialize_any(Seen)
    }
}

/// A value in OTLP's union form: `{"stringValue": "x"}`, `{"intValue": "3"}`, `{"boolValue": true}`; others are empty.
#[derive(Clone, Default, PartialEq, Debug)]
pub(crate) struct AnyValue<'a>(pub(crate) Text<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for AnyValue<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = AnyValue<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a value such as {\"stringValue\": \"x\"}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AnyValue<'de>, A::Error> {
                let mut value = AnyValue::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match key.as_str() {
                        "stringValue" | "string_value" | "intValue" | "int_value" | "boolValue" | "bool_value" => {
                            value = AnyValue(map.next_value()?);
                        }
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(value)
            }

            pass_the_rest!('de);
        }
        from.deserialize_any(Seen)
    }
}

/// An OTLP attribute.
#[derive(Deserialize, Default)]
pub(crate) struct KeyValue<'a> {
    #[serde(borrow, default)]
    pub(crate) key: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) value: AnyValue<'a>,
}

/// An object in which null stands for an empty one.
pub(crate) fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// The first `N` of a list; the rest is passed.
pub(crate) fn few<'de, const N: usize, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let mut kept = Vec::new();
    from.deserialize_any(Each::new(&mut |item: T| {
        if kept.len() < N {
            kept.push(item);
        }
        Ok(())
    }))?;
    Ok(kept)
}

/// True for `1` and more.
pub(crate) fn is_positive(text: &str) -> bool {
    text.parse::<i64>().is_ok_and(|number| number > 0)
}

/// What of a span's attributes matters in every format.
#[derive(Default)]
pub(crate) struct Picked<'a> {
    /// The attribute of the lowest rank that names a peer.
    pub(crate) peer: Option<(u8, Text<'a>)>,
    /// It is a repetition.
    pub(crate) retry: bool,
}

impl<'a> Picked<'a> {
    /// Whether an attribute's value is wanted at all.
    pub(crate) fn wants(key: &str) -> bool {
        key.as_bytes() == RESEND || peer_rank(key.as_bytes()).is_some()
    }

    pub(crate) fn take(&mut self, key: &str, value: Text<'a>) {
        if key.as_bytes() == RESEND {
            self.retry = is_positive(value.as_str());
        } else if let Some(rank) = peer_rank(key.as_bytes())
            && !value.is_empty()
            && self.peer.as_ref().is_none_or(|(taken, _)| rank < *taken)
        {
            self.peer = Some((rank, value));
        }
    }

    /// The peer's name, and the flags that follow.
    pub(crate) fn name(&self, vocabulary: &mut Vocabulary) -> (NameId, u8) {
        let retry = if self.retry { Span::RETRY } else { 0 };
        match &self.peer {
            None => (NameId::NONE, retry),
            Some((rank, text)) => {
                let named = if *rank == 0 { Span::PEER_SERVICE } else { 0 };
                (vocabulary.name(text.as_str()), retry | named)
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Picked<'a> {
    /// From a list of OTLP attributes.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut picked = Picked::default();
        from.deserialize_any(Each::new(&mut |attribute: KeyValue<'de>| {
            if Picked::wants(attribute.key.as_str()) {
                picked.take(attribute.key.as_str(), attribute.value.0);
            }
            Ok(())
        }))?;
        Ok(picked)
    }
}

/// Objects that are read member by member, so that a long document is never held as a whole.
pub(crate) trait Members<'de> {
    /// Reads the value of a key that matters, and says so; values of others are passed.
    fn member<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;

    /// After the last member.
    fn end(&mut self) {}
}

/// One object, read by its [`Members`].
pub(crate) struct One<'w, W>(pub(crate) &'w mut W);

impl<'de, W: Members<'de>> DeserializeSeed<'de> for One<'_, W> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, W: Members<'de>> Visitor<'de> for One<'_, W> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Text<'de>>()? {
            if !self.0.member(key.as_str(), &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        self.0.end();
        Ok(())
    }
}

/// A list of objects, each read by the same [`Members`].
pub(crate) struct Many<'w, W>(pub(crate) &'w mut W);

impl<'de, W: Members<'de>> DeserializeSeed<'de> for Many<'_, W> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, W: Members<'de>> Visitor<'de> for Many<'_, W> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(One(self.0))?.is_some() {}
        Ok(())
    }
}

/// A list whose elements are handed over one by one.
pub(crate) struct Each<'f, T, F> {
    take: &'f mut F,
    of: PhantomData<fn() -> T>,
}

impl<'f, T, F: FnMut(T) -> Result<(), Stopped>> Each<'f, T, F> {
    pub(crate) fn new(take: &'f mut F) -> Each<'f, T, F> {
        Each { take, of: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T) -> Result<(), Stopped>> DeserializeSeed<'de> for Each<'_, T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T) -> Result<(), Stopped>> Visitor<'de> for Each<'_, T, F> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(item) = list.next_element::<T>()? {
            (self.take)(item).map_err(serde::de::Error::custom)?;
        }
        Ok(())
    }
}

/// Reading ends here; why is kept by who asked for it.
pub(crate) struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("stopped")
    }
}

/// Why reading ended early, beside faults of the text.
pub(crate) type Stop = Option<TraceError>;

/// Keeps a refusal and ends the reading.
pub(crate) fn stop_with(stop: &mut Stop, result: Result<(), TraceError>) -> Result<(), Stopped> {
    result.map_err(|error| {
        *stop = Some(error);
        Stopped
    })
}

/// Reads every document of a body, one after the other, whether on lines of their own or not. `read` reads one; it says why it
/// stopped, if it did.
pub(crate) fn documents<'a>(
    format: &'static str,
    bytes: &'a [u8],
    mut read: impl FnMut(&mut serde_json::Deserializer<SliceRead<'a>>, &mut Stop) -> Result<(), serde_json::Error>,
) -> Result<(), TraceError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut document = serde_json::Deserializer::from_slice(bytes);
    let mut stop = None;
    while document.end().is_err() {
        if let Err(error) = read(&mut document, &mut stop) {
            return Err(stop.unwrap_or_else(|| TraceError::json(format, &error)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_as_numbers_or_texts() {
        for text in ["7", "\"7\"", "7.0", "\" 7 \""] {
            assert_eq!(serde_json::from_str::<Whole>(text).unwrap(), Whole(Some(7)), "{text}");
        }
        for text in ["-7", "7.5", "\"x\"", "null", "[1]", "{\"a\":1}", "true", "1e300"] {
            assert_eq!(serde_json::from_str::<Whole>(text).unwrap(), Whole(None), "{text}");
        }
    }

    #[test]
    fn values_are_texts_whatever_their_type() {
        for (json, text) in [
            ("{\"stringValue\":\"a\\u0062\"}", "ab"),
            ("{\"int_value\":\"3\"}", "3"),
            ("{\"intValue\":3}", "3"),
            ("{\"boolValue\":true}", "true"),
            ("{\"arrayValue\":{\"values\":[{\"stringValue\":\"x\"}]}}", ""),
            ("null", ""),
        ] {
            assert_eq!(serde_json::from_str::<AnyValue<'_>>(json).unwrap().0.as_str(), text, "{json}");
        }
        assert!(is_positive("2") && !is_positive("0") && !is_positive("-1") && !is_positive(""));
    }
}
