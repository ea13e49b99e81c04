//! Values of trace documents in JSON, borrowed from the body and tolerant of what senders really write.
//!
//! ```text
//! "1674982159219000000" and 1674982159219000000 are one time; 2, "SPAN_KIND_SERVER" and "server" one kind
//! ```
//! Unknown fields and values of another type are passed, never built; the parser itself bounds their depth.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

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

/// A list in which null stands for an empty one.
pub(crate) fn list<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Vec<T>>::deserialize(from)?.unwrap_or_default())
}

/// An object in which null stands for an empty one.
pub(crate) fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// True for `1` and more.
pub(crate) fn is_positive(text: &str) -> bool {
    text.parse::<i64>().is_ok_and(|number| number > 0)
}

/// Every document of a body, one after the other, whether on lines of their own or not.
pub(crate) fn documents<'a, T: Deserialize<'a>>(
    format: &'static str,
    bytes: &'a [u8],
    mut take: impl FnMut(T) -> Result<(), super::TraceError>,
) -> Result<(), super::TraceError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    for document in serde_json::Deserializer::from_slice(bytes).into_iter::<T>() {
        take(document.map_err(|error| super::TraceError::json(format, &error))?)?;
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
