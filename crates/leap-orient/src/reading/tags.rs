//! One tag out of canonical JSON text.

/// The value of a tag: a string as it is, `true` and numbers as their text, null and a missing tag as `None`.
pub fn tag(json: Option<&str>, key: &str) -> Option<String> {
    let parsed: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json?).ok()?;
    match parsed.get(key)? {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_read_as_text() {
        let json = Some(r#"{"a":"x","b":true,"c":1.50,"d":null,"e":""}"#);
        assert_eq!(tag(json, "a").as_deref(), Some("x"));
        assert_eq!(tag(json, "b").as_deref(), Some("true"));
        assert_eq!(tag(json, "d"), None);
        assert_eq!(tag(json, "e"), None);
        assert_eq!(tag(json, "f"), None);
        assert_eq!(tag(None, "a"), None);
        assert_eq!(tag(Some("no json"), "a"), None);
    }
}
