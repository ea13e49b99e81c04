//! JSON whose numbers keep their text, and the Python spelling of lists that GCP's CSV exports carry.
//!
//! ```text
//! {"cost": 5e-06}                              the number stays the text 5e-06
//! [{'key': 'team', 'value': None}]             read with `Spelling::Python`
//! ```
//! serde_json is not used on bills: it reads numbers through floats unless a global feature is switched on.

use std::borrow::Cow;

/// How deep JSON in a bill may nest.
pub const DEPTH: usize = 64;

/// One JSON value; texts borrow from the bill where they have no escapes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Json<'a> {
    /// `null`, `None`.
    Null,
    /// `true`, `True` …
    Bool(bool),
    /// A number as it was written.
    Number(&'a str),
    /// A string.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Json<'a>>),
    /// An object, in the order and with the duplicates it was written with.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Which spelling is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spelling {
    /// RFC 8259.
    Strict,
    /// Also single quotes, `None`, `True`, `False` (Python's `repr`).
    Python,
}

/// Why a text is no JSON: what was expected, and at which byte.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no JSON: {expected} expected at byte {at}")]
pub struct JsonError {
    /// What should stand there.
    pub expected: &'static str,
    /// Byte offset.
    pub at: usize,
}

/// Reads one value that fills the text.
///
/// # Errors
/// [`JsonError`] with the byte where reading stopped.
pub fn parse(text: &str, spelling: Spelling) -> Result<Json<'_>, JsonError> {
    let mut reader = Reader { text, at: 0, spelling };
    let value = reader.value(0)?;
    reader.skip_spaces();
    if reader.at < text.len() {
        return reader.fail("the end of the value");
    }
    Ok(value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    spelling: Spelling,
}

impl<'a> Reader<'a> {
    fn fail<T>(&self, expected: &'static str) -> Result<T, JsonError> {
        Err(JsonError { expected, at: self.at })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        if found {
            self.at += word.len();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        if depth > DEPTH {
            return self.fail("at most 64 levels of nesting");
        }
        self.skip_spaces();
        let python = self.spelling == Spelling::Python;
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => Ok(Json::Text(self.string(b'"')?)),
            Some(b'\'') if python => Ok(Json::Text(self.string(b'\'')?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) if self.word("null") || python && self.word("None") => Ok(Json::Null),
            Some(_) if self.word("true") || python && self.word("True") => Ok(Json::Bool(true)),
            Some(_) if self.word("false") || python && self.word("False") => Ok(Json::Bool(false)),
            _ => self.fail("a value"),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        self.at += 1;
        let mut members = Vec::new();
        self.skip_spaces();
        if self.word("}") {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_spaces();
            let key = match self.peek() {
                Some(b'"') => self.string(b'"')?,
                Some(b'\'') if self.spelling == Spelling::Python => self.string(b'\'')?,
                _ => return self.fail("a quoted key"),
            };
            self.skip_spaces();
            if !self.word(":") {
                return self.fail("a colon");
            }
            members.push((key, self.value(depth + 1)?));
            self.skip_spaces();
            if self.word("}") {
                return Ok(Json::Object(members));
            }
            if !self.word(",") {
                return self.fail("a comma or a closing brace");
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_spaces();
        if self.word("]") {
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_spaces();
            if self.word("]") {
                return Ok(Json::List(items));
            }
            if !self.word(",") {
                return self.fail("a comma or a closing bracket");
            }
        }
    }

    fn number(&mut self) -> Result<Json<'a>, JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        if is_number(text.as_bytes()) {
            return Ok(Json::Number(text));
        }
        self.at = start;
        self.fail("a number")
    }

    fn string(&mut self, quote: u8) -> Result<Cow<'a, str>, JsonError> {
        self.at += 1;
        let start = self.at;
        let bytes = self.text.as_bytes();
        let Some(distance) = memchr::memchr2(quote, b'\\', &bytes[self.at..]) else {
            self.at = bytes.len();
            return self.fail("a closing quote");
        };
        self.at += distance;
        if bytes[self.at] == quote {
            let text = &self.text[start..self.at];
            self.at += 1;
            return Ok(Cow::Borrowed(text));
        }
        let mut owned = self.text[start..self.at].to_owned();
        loop {
            let Some(distance) = memchr::memchr2(quote, b'\\', &bytes[self.at..]) else {
                self.at = bytes.len();
                return self.fail("a closing quote");
            };
            owned.push_str(&self.text[self.at..self.at + distance]);
            self.at += distance + 1;
            if bytes[self.at - 1] == quote {
                return Ok(Cow::Owned(owned));
            }
            owned.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let Some(byte) = self.peek() else { return self.fail("an escape") };
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' | b'\'' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'x' if self.spelling == Spelling::Python => self.hexadecimal(2).map(char::from_u32)?.unwrap_or('\u{fffd}'),
            b'u' => {
                let high = self.hexadecimal(4)?;
                if (0xd800..0xdc00).contains(&high) && self.word("\\u") {
                    let low = self.hexadecimal(4)?;
                    let code = 0x10000 + ((high - 0xd800) << 10) + (low.wrapping_sub(0xdc00) & 0x3ff);
                    char::from_u32(code).unwrap_or('\u{fffd}')
                } else {
                    char::from_u32(high).unwrap_or('\u{fffd}')
                }
            }
            _ => {
                self.at -= 1;
                return self.fail("one of the escapes of JSON");
            }
        })
    }

    fn hexadecimal(&mut self, digits: usize) -> Result<u32, JsonError> {
        let code = self
            .text
            .as_bytes()
            .get(self.at..self.at + digits)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                self.at += digits;
                Ok(code)
            }
            None => self.fail("hexadecimal digits"),
        }
    }
}

/// RFC 8259: an optional minus, digits without a leading zero, decimals, exponent.
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || whole > 1 && rest[0] == b'0' {
        return false;
    }
    rest = &rest[whole..];
    if let Some(after) = rest.strip_prefix(b".") {
        let count = digits(after);
        if count == 0 {
            return false;
        }
        rest = &after[count..];
    }
    if let [b'e' | b'E', after @ ..] = rest {
        let after = after.strip_prefix(b"-").or_else(|| after.strip_prefix(b"+")).unwrap_or(after);
        let count = digits(after);
        return count > 0 && count == after.len();
    }
    rest.is_empty()
}

/// Appends a JSON string.
pub fn write_text(text: &str, out: &mut String) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => {
                out.push_str(&text[from..at]);
                out.push_str(&format!("\\u{byte:04x}"));
                from = at + 1;
                continue;
            }
            _ => continue,
        };
        out.push_str(&text[from..at]);
        out.push_str(escape);
        from = at + 1;
    }
    out.push_str(&text[from..]);
    out.push('"');
}

/// Appends the canonical text of a value: object keys sorted, the last of equal keys kept, no spaces. Returns true
/// when a key stood twice.
pub fn write(value: &Json<'_>, out: &mut String) -> bool {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(true) => out.push_str("true"),
        Json::Bool(false) => out.push_str("false"),
        Json::Number(text) => out.push_str(text),
        Json::Text(text) => write_text(text, out),
        Json::List(items) => {
            let mut twice = false;
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                twice |= write(item, out);
            }
            out.push(']');
            return twice;
        }
        Json::Object(members) => {
            let mut twice = false;
            let mut order: Vec<usize> = (0..members.len()).collect();
            order.sort_by(|a, b| members[*a].0.cmp(&members[*b].0).then(a.cmp(b)));
            out.push('{');
            let mut first = true;
            for (place, at) in order.iter().enumerate() {
                let (key, member) = &members[*at];
                if order.get(place + 1).is_some_and(|next| members[*next].0 == *key) {
                    twice = true;
                    continue;
                }
                if !first {
                    out.push(',');
                }
                first = false;
                write_text(key, out);
                out.push(':');
                twice |= write(member, out);
            }
            out.push('}');
            return twice;
        }
    }
    false
}

/// Visits the leaves of an object as dotted columns (`service.id`), lists as JSON text: GCP's nested rows.
pub fn flatten<'a>(prefix: &str, members: &'a [(Cow<'a, str>, Json<'a>)], visit: &mut dyn FnMut(&str, Cow<'a, str>)) {
    for (key, value) in members {
        let name = if prefix.is_empty() { key.to_string() } else { format!("{prefix}.{key}") };
        match value {
            Json::Null => visit(&name, Cow::Borrowed("")),
            Json::Bool(flag) => visit(&name, Cow::Borrowed(if *flag { "true" } else { "false" })),
            Json::Number(text) => visit(&name, Cow::Borrowed(text)),
            Json::Text(text) => visit(&name, Cow::Borrowed(text.as_ref())),
            // The two columns of FOCUS and of CUR 2.0 that are maps stay whole.
            Json::Object(_) if is_map_column(&name) => {
                let mut text = String::new();
                write(value, &mut text);
                visit(&name, Cow::Owned(text));
            }
            Json::Object(inner) => flatten(&name, inner, visit),
            Json::List(_) => {
                let mut text = String::new();
                write(value, &mut text);
                visit(&name, Cow::Owned(text));
            }
        }
    }
}

/// Columns that hold a map from free keys to values; all other nested columns have fixed members.
pub fn is_map_column(name: &str) -> bool {
    matches!(
        name.to_ascii_lowercase().as_str(),
        "tags"
            | "allocatedtags"
            | "resource_tags"
            | "cost_category"
            | "product"
            | "discount"
            | "skupricedetails"
            | "allocatedmethoddetails"
            | "contractapplied"
            | "commitmentprogrameligibilitydetails"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str, spelling: Spelling) -> Result<(String, bool), String> {
        let value = parse(text, spelling).map_err(|error| error.to_string())?;
        let mut out = String::new();
        let twice = write(&value, &mut out);
        Ok((out, twice))
    }

    #[test]
    fn numbers_keep_their_text_and_keys_are_sorted() {
        assert_eq!(
            canonical(r#" {"b": 1.50, " a":"x\u00e9\ud83d\ude00", "b":-5e-06, "c":[true,null]} "#, Spelling::Strict),
            Ok((r#"{" a":"xé😀","b":-5e-06,"c":[true,null]}"#.to_owned(), true))
        );
    }

    #[test]
    fn python_lists_are_read_when_asked_for() {
        let text = r#"[{'name': 'it\'s', 'amount': -5e-06, 'full_name': None, "q": "d'o"}]"#;
        assert_eq!(
            canonical(text, Spelling::Python),
            Ok((r#"[{"amount":-5e-06,"full_name":null,"name":"it's","q":"d'o"}]"#.to_owned(), false))
        );
        assert!(canonical(text, Spelling::Strict).is_err());
    }

    #[test]
    fn faults_name_the_byte() {
        assert_eq!(canonical("{\"a\" 1}", Spelling::Strict), Err("no JSON: a colon expected at byte 5".to_owned()));
        assert_eq!(canonical("\"abc", Spelling::Strict), Err("no JSON: a closing quote expected at byte 4".to_owned()));
        assert!(canonical(&"[".repeat(100_000), Spelling::Strict).is_err());
        for wrong in ["-", "1-2", "01", "1.", "1e", "1e+", "--1", "1.2.3", "+1"] {
            assert!(canonical(wrong, Spelling::Strict).is_err(), "{wrong}");
        }
    }
}
