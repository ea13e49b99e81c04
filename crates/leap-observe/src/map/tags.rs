//! Tags as canonical JSON: an object with sorted keys, without spaces; keys and values as delivered.
//!
//! ```text
//! {"env": "prod", " org": "a"}                → {" org":"a","env":"prod"}
//! "CostCenter": "1234","env": "prod"          → {"CostCenter":"1234","env":"prod"}      (Azure, no braces)
//! [{'key': 'team', 'value': 'search'}]        → {"team":"search"}                        (GCP)
//! ```
//! Null and no tags at all are the same: null.

use std::borrow::Cow;

use super::cell::Quirk;
use crate::decode::json::{Json, Spelling, parse, write};

/// Canonical text, and what was assumed. `Ok(None)`: no tags.
///
/// # Errors
/// `()` when the text is no set of tags in any of the spellings.
#[expect(clippy::result_unit_err, reason = "there is one reason: the text is not tags; the caller keeps the text")]
pub fn canonical(text: &str) -> Result<Option<(String, Vec<Quirk>)>, ()> {
    let text = text.trim();
    let mut quirks = Vec::new();
    let braced: String;
    let value = match text.bytes().next() {
        None => return Ok(None),
        Some(b'{') => parse(text, Spelling::Python),
        Some(b'[') => parse(text, Spelling::Python),
        Some(b'"') => {
            quirks.push(Quirk::TagsWithoutBraces);
            braced = format!("{{{}}}", text.trim_end_matches(','));
            parse(&braced, Spelling::Strict)
        }
        Some(_) => return Err(()),
    };
    let object = match value.map_err(|_| ())? {
        Json::Object(members) if members.is_empty() => return Ok(None),
        Json::List(items) if items.is_empty() => return Ok(None),
        object @ Json::Object(_) => object,
        Json::List(items) => {
            quirks.push(Quirk::TagsAsList);
            Json::Object(items.into_iter().map(pair).collect::<Option<Vec<_>>>().ok_or(())?)
        }
        Json::Null => return Ok(None),
        Json::Bool(_) | Json::Number(_) | Json::Text(_) => return Err(()),
    };
    let mut out = String::with_capacity(text.len());
    if write(&object, &mut out) {
        quirks.push(Quirk::TagTwice);
    }
    Ok(Some((out, quirks)))
}

/// `{"key": k, "value": v}` or `[k, v]`; GCP's resource tags carry a namespace, which becomes part of the key.
fn pair(item: Json<'_>) -> Option<(Cow<'_, str>, Json<'_>)> {
    let Json::Object(members) = item else { return None };
    let mut key = None;
    let mut value = Json::Null;
    let mut namespace = None;
    for (name, member) in members {
        match (name.as_ref(), member) {
            ("key", Json::Text(text)) => key = Some(text),
            ("value", member) => value = member,
            ("namespace", Json::Text(text)) if !text.is_empty() => namespace = Some(text),
            _ => {}
        }
    }
    let key = key?;
    Some((namespace.map_or(key.clone(), |namespace| Cow::Owned(format!("{namespace}/{key}"))), value))
}

/// Canonical text of tags given one by one, in any order; the last of equal keys counts. The flag tells equal keys.
pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (Cow<'a, str>, Json<'a>)>) -> Option<(String, bool)> {
    let members: Vec<_> = pairs.into_iter().collect();
    if members.is_empty() {
        return None;
    }
    let mut out = String::new();
    let twice = write(&Json::Object(members), &mut out);
    Some((out, twice))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, Vec<Quirk>)> {
        canonical(text).unwrap()
    }

    #[test]
    fn every_spelling_becomes_one() {
        let some = |text: &str, quirks: &[Quirk]| Some((text.to_owned(), quirks.to_vec()));
        assert_eq!(read(r#"{"org": "a", " org": "b"}"#), some(r#"{" org":"b","org":"a"}"#, &[]));
        assert_eq!(read(r#""b": "1","a": """#), some(r#"{"a":"","b":"1"}"#, &[Quirk::TagsWithoutBraces]));
        assert_eq!(read("[{'key': 'team', 'value': 'x'}]"), some(r#"{"team":"x"}"#, &[Quirk::TagsAsList]));
        assert_eq!(
            read(r#"[{"key":"team","value":"x","inherited":true,"namespace":"org/1"}]"#),
            some(r#"{"org/1/team":"x"}"#, &[Quirk::TagsAsList])
        );
        assert_eq!(read(r#"{"a":1.50,"a":true}"#), some(r#"{"a":true}"#, &[Quirk::TagTwice]));
        for none in ["", "{}", "[]", "  "] {
            assert_eq!(read(none), None);
        }
        for wrong in ["team=a", "{\"a\"", "[1]", "\"a\""] {
            assert_eq!(canonical(wrong), Err(()), "{wrong}");
        }
    }
}
