//! Places in YAML text: people's files are read into values by `serde_norway`, which forgets where they stood; this finds
//! the places again, so that every fault has a line and a caret.
//!
//! ```text
//! rules:
//!   - id: a                 item 0 of "rules" starts here
//!     when: "X = 'it''s'"   a byte of the decoded text leads back to a byte of the file
//! ```
//! It knows block and flow lists of mappings, plain, quoted and block scalars. Where it does not find a place it says so,
//! and the fault has the file alone; it never decides what the file means.

// A fault is made once per mistake in a person's file, never per row: its size is no cost.
#![allow(clippy::result_large_err)]

use std::ops::Range;

use serde_norway::Value;

use crate::{Day, Exact, Fault, Period, limits};

/// Reads one YAML document.
///
/// # Errors
/// A file that is too large or no YAML, with the place.
pub fn read(file: &str, text: &str) -> Result<Value, Fault> {
    if text.len() as u64 > limits::CONFIG_BYTES {
        let message = format!("the file has {} bytes, the limit is {}", text.len(), limits::CONFIG_BYTES);
        return Err(Fault::in_file(file, message));
    }
    serde_norway::from_str(text).map_err(|error| syntax(file, text, &error, 0))
}

/// The fault of YAML that does not parse; `base` is where the document starts in the text.
pub fn syntax(file: &str, text: &str, error: &serde_norway::Error, base: usize) -> Fault {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    let fault = Fault::in_file(file, format!("not readable as YAML: {message}"));
    match error.location() {
        Some(location) => fault.at(text, base + location.index(), 1),
        None => fault,
    }
}

/// A text file with one list of mappings, and where its items stand.
#[derive(Clone, Debug)]
pub struct Places<'a> {
    /// The file as the person named it.
    pub file: &'a str,
    /// All of its text.
    pub text: &'a str,
    items: Vec<Range<usize>>,
}

impl<'a> Places<'a> {
    /// Finds the items of the top-level list `list`; `count` is how many there are. If another number is found, none has
    /// a place.
    pub fn new(file: &'a str, text: &'a str, list: &str, count: usize) -> Places<'a> {
        let mut items = items(text, list);
        if items.len() != count {
            items.clear();
        }
        Places { file, text, items }
    }

    /// Finds the items of the list `list` inside item `at`, as [`Places::new`] does.
    #[must_use]
    pub fn nested(&self, at: usize, list: &str, count: usize) -> Places<'a> {
        let found = self.item(at).and_then(|item| Some((find_key(self.text, item.clone(), list)?, item.end)));
        let mut items = found.map_or_else(Vec::new, |(key, end)| items_after(&self.text[..end], key));
        if items.len() != count {
            items.clear();
        }
        Places { file: self.file, text: self.text, items }
    }

    /// A number as it is written, with all digits: YAML readers make floats of numbers with a point, and those lose some.
    ///
    /// # Errors
    /// A sentence that says what the text is not, for [`Places::fault_at_value`].
    pub fn exact(&self, at: usize, path: &[&str], value: &Value, whole_digits: u32) -> Result<Exact, String> {
        let parse = |text: &str| {
            Exact::parse(text.as_bytes(), whole_digits).map_err(|error| format!("'{}' {error}", text.escape_debug()))
        };
        match value {
            Value::String(text) => parse(text.trim()),
            Value::Number(number) => {
                let found = self.item(at).and_then(|item| self.key(item, path));
                let start = found.and_then(|(key, length)| value_start(self.text, key + length));
                let written = start.map(|start| {
                    let rest = &self.text[start..];
                    rest.chars().take(scalar_length(rest)).collect::<String>()
                });
                // Whether it is this value that was found shows in what it reads as.
                let same = |text: &&String| serde_norway::from_str::<Value>(text).is_ok_and(|read| read == *value);
                match written.as_ref().filter(same) {
                    Some(text) => parse(text),
                    None if !number.is_i64() && !number.is_u64() => {
                        Err(format!("{} may have lost digits: put it in quotes", short(value)))
                    }
                    None => parse(&short(value)),
                }
            }
            other => Err(format!("{} is no number", short(other))),
        }
    }

    /// Where item `at` stands, as bytes.
    pub fn item(&self, at: usize) -> Option<Range<usize>> {
        self.items.get(at).cloned()
    }

    /// A fault at a key of an item, or at the item, or in the file.
    pub fn fault(&self, at: usize, path: &[&str], message: impl Into<String>) -> Fault {
        let fault = Fault::in_file(self.file, message);
        let Some(item) = self.item(at) else { return fault };
        match self.key(item.clone(), path) {
            Some((key, length)) => fault.at(self.text, key, length),
            None => fault.at(self.text, item.start, 1),
        }
    }

    /// A fault at the value of a key of an item.
    pub fn fault_at_value(&self, at: usize, path: &[&str], message: impl Into<String>) -> Fault {
        let message = message.into();
        let value =
            self.item(at).and_then(|item| self.key(item.clone(), path).map(|(key, length)| (item, key + length)));
        match value.and_then(|(item, after)| value_start(self.text, after).filter(|start| *start < item.end)) {
            Some(start) => {
                let length = scalar_length(&self.text[start..]);
                Fault::in_file(self.file, message).at(self.text, start, length)
            }
            None => self.fault(at, path, message),
        }
    }

    /// A fault at a byte of a text value: `decoded` is the value, `offset` and `length` the faulty part of it.
    pub fn fault_in_value(
        &self,
        at: usize,
        path: &[&str],
        decoded: &str,
        offset: usize,
        length: usize,
        message: String,
    ) -> Fault {
        let place = self.item(at).and_then(|item| self.key(item, path)).and_then(|(key, key_length)| {
            let start = value_start(self.text, key + key_length)?;
            place_in_scalar(self.text, start, decoded, offset)
        });
        match place {
            Some(place) => Fault::in_file(self.file, message).at(self.text, place, length),
            None => self.fault(at, path, message),
        }
    }

    /// Byte and length of the key that `path` leads to inside a range.
    fn key(&self, range: Range<usize>, path: &[&str]) -> Option<(usize, usize)> {
        let mut from = range.start;
        let mut found = None;
        for key in path {
            let place = find_key(self.text, from..range.end, key)?;
            from = place + key.len();
            found = Some((place, key.len()));
        }
        found
    }

    /// The line of an item, from 1.
    pub fn line(&self, at: usize) -> Option<usize> {
        self.item(at).map(|item| self.text[..item.start].matches('\n').count() + 1)
    }

    /// Byte of a top-level key.
    pub fn top(&self, key: &str) -> Option<usize> {
        top_level(self.text, key)
    }
}

fn top_level(text: &str, key: &str) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_start_matches('\u{feff}');
        let skipped = line.len() - bare.len();
        for quote in ["", "\"", "'"] {
            let rest = bare
                .strip_prefix(quote)
                .and_then(|rest| rest.strip_prefix(key))
                .and_then(|rest| rest.strip_prefix(quote));
            if rest.is_some_and(|rest| rest.trim_start().starts_with(':')) {
                return Some(start + skipped + quote.len());
            }
        }
        start += line.len();
    }
    None
}

/// The items of a top-level block or flow list.
fn items(text: &str, list: &str) -> Vec<Range<usize>> {
    top_level(text, list).map_or_else(Vec::new, |key| items_after(text, key))
}

/// The items of the list whose key stands at a byte; nothing after the text's end is looked at.
fn items_after(text: &str, key: usize) -> Vec<Range<usize>> {
    let Some(colon) = text[key..].find(':').map(|at| key + at + 1) else { return Vec::new() };
    let first = text[colon..].split('\n').next().unwrap_or("");
    if first.trim_start().starts_with('[') {
        return flow_items(text, colon + first.find('[').unwrap_or(0));
    }
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut indent: Option<usize> = None;
    let mut start = colon + first.len();
    // A block scalar's lines are deeper than their item's dash, so a dash at the list's indent is an item.
    for line in text[start..].split_inclusive('\n') {
        let body = line.trim_start_matches(' ');
        let depth = line.len() - body.len();
        let blank = body.trim().is_empty() || body.starts_with('#');
        let dash = body.starts_with("- ") || body.trim_end() == "-";
        if !blank {
            match indent {
                None if dash => indent = Some(depth),
                None => {
                    if !body.trim().is_empty() && body != "\n" && depth == 0 {
                        break;
                    }
                }
                Some(_) => {}
            }
            match indent {
                Some(indent) if depth == indent && dash => {
                    if let Some(last) = found.last_mut() {
                        last.end = start;
                    }
                    let inner = body[1..].len() - body[1..].trim_start_matches(' ').len();
                    found.push(start + depth + 1 + inner..text.len());
                }
                Some(indent) if depth <= indent && !(depth == indent && dash) => {
                    if let Some(last) = found.last_mut() {
                        last.end = start;
                    }
                    break;
                }
                _ => {}
            }
        }
        start += line.len();
    }
    found
}

/// Items of `[{…}, {…}]`; `open` is the byte of the bracket.
fn flow_items(text: &str, open: usize) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut depth = 0;
    let mut start = None;
    for (at, c, quoted) in Marks::new(&text[open..]) {
        if quoted {
            if depth == 1 && start.is_none() {
                start = Some(at);
            }
            continue;
        }
        match c {
            '[' | '{' => {
                if depth == 1 && start.is_none() {
                    start = Some(at);
                }
                depth += 1;
            }
            ']' | '}' => {
                depth -= 1;
                if depth == 0 {
                    found.extend(start.take().map(|start| open + start..open + at));
                    return found;
                }
            }
            ',' if depth == 1 => found.extend(start.take().map(|start| open + start..open + at)),
            c if depth == 1 && start.is_none() && !c.is_whitespace() => start = Some(at),
            _ => {}
        }
    }
    Vec::new()
}

/// Characters with their bytes, and whether they stand in quotes; comments are left out.
struct Marks<'a> {
    text: &'a str,
    at: usize,
    quote: Option<char>,
    before: char,
}

impl<'a> Marks<'a> {
    fn new(text: &'a str) -> Marks<'a> {
        Marks { text, at: 0, quote: None, before: ' ' }
    }
}

impl Iterator for Marks<'_> {
    type Item = (usize, char, bool);

    fn next(&mut self) -> Option<(usize, char, bool)> {
        loop {
            let at = self.at;
            let c = self.text[at..].chars().next()?;
            self.at += c.len_utf8();
            match self.quote {
                Some('"') if c == '\\' => {
                    self.at += self.text[self.at..].chars().next().map_or(0, char::len_utf8);
                    return Some((at, c, true));
                }
                Some(quote) => {
                    if c == quote {
                        if quote == '\'' && self.text[self.at..].starts_with('\'') {
                            self.at += 1;
                        } else {
                            self.quote = None;
                            self.before = quote;
                        }
                    }
                    return Some((at, c, true));
                }
                None => {
                    // A quote opens a scalar only where a scalar can start.
                    let opens = matches!(self.before, ' ' | '\n' | '\t' | '[' | '{' | ',' | ':' | '-');
                    if c == '#' && matches!(self.before, ' ' | '\n' | '\t') {
                        self.at = self.text[at..].find('\n').map_or(self.text.len(), |end| at + end);
                        continue;
                    }
                    self.before = c;
                    if opens && (c == '"' || c == '\'') {
                        self.quote = Some(c);
                        return Some((at, c, true));
                    }
                    return Some((at, c, false));
                }
            }
        }
    }
}

/// The byte of `key` where it is a key: followed by a colon, at the start of a line's content or after `{`, `,` or `-`.
fn find_key(text: &str, range: Range<usize>, key: &str) -> Option<usize> {
    let part = &text[range.clone()];
    let mut start = true;
    let mut skip_deeper: Option<usize> = None;
    for (at, c, quoted) in Marks::new(part) {
        let here = range.start + at;
        let line_start = text[..here].rfind('\n').map_or(0, |newline| newline + 1);
        if let Some(depth) = skip_deeper {
            // Inside a block scalar: until a line that is not deeper.
            let line = &text[line_start..];
            let indent = line.len() - line.trim_start_matches(' ').len();
            if indent > depth
                || line.trim_start_matches(' ').starts_with('\n')
                || !text[line_start..here].trim().is_empty()
            {
                continue;
            }
            skip_deeper = None;
            start = true;
        }
        if start && !c.is_whitespace() {
            let rest = &part[at..];
            let unquoted = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
            if let Some(after) = unquoted.strip_prefix(key) {
                let after = after.strip_prefix(['"', '\'']).unwrap_or(after);
                if after.trim_start_matches(' ').starts_with(':') {
                    return Some(here + rest.len() - unquoted.len());
                }
            }
        }
        if (c == '|' || c == '>') && !quoted && text[line_start..here].trim_end().ends_with(':') {
            let line = &text[line_start..];
            let lead = line.len() - line.trim_start_matches([' ', '-']).len();
            skip_deeper = Some(lead.saturating_sub(1).max(line.len() - line.trim_start_matches(' ').len()));
        }
        start = !quoted && matches!(c, '{' | ',' | '\n') || start && (c.is_whitespace() || c == '-' && !quoted);
    }
    None
}

/// Where the value of a key starts; `after` is the byte behind the key.
fn value_start(text: &str, after: usize) -> Option<usize> {
    let colon = after + text[after..].find(':')? + 1;
    let rest = &text[colon..];
    Some(colon + rest.len() - rest.trim_start().len())
}

/// How many characters a scalar takes on its first line.
fn scalar_length(rest: &str) -> usize {
    let line = rest.lines().next().unwrap_or("");
    let quote = line.chars().next().filter(|c| *c == '"' || *c == '\'');
    let end = match quote {
        Some(quote) => line[1..].find(quote).map_or(line.len(), |at| at + 2),
        None => line.find([',', '}', ']']).or(line.find(" #")).unwrap_or(line.len()),
    };
    line[..end].trim_end().chars().count().max(1)
}

/// The byte of the file that byte `offset` of the decoded scalar came from; `start` is where the scalar starts.
fn place_in_scalar(text: &str, start: usize, decoded: &str, offset: usize) -> Option<usize> {
    let rest = &text[start..];
    let style = rest.chars().next()?;
    let mut raw = match style {
        '"' | '\'' => start + 1,
        '|' | '>' => start + rest.find('\n')? + 1,
        _ => start,
    };
    if matches!(style, '|' | '>') {
        raw = skip_white(text, raw);
    }
    let mut at = 0;
    loop {
        if at >= offset.min(decoded.len()) {
            return (raw <= text.len()).then_some(raw);
        }
        let wanted = decoded[at..].chars().next()?;
        let found = text[raw..].chars().next()?;
        if style == '"' && found == '\\' {
            let escaped = text[raw + 1..].chars().next()?;
            raw += 1 + escaped.len_utf8();
            raw += match escaped {
                'x' => 2,
                'u' => 4,
                'U' => 8,
                _ => 0,
            };
            if escaped == '\n' {
                raw = skip_white(text, raw);
                continue;
            }
            at += wanted.len_utf8();
        } else if style == '\'' && text[raw..].starts_with("''") {
            if wanted != '\'' {
                return None;
            }
            raw += 2;
            at += 1;
        } else if wanted.is_whitespace() && found.is_whitespace() {
            let line_end = text[raw..].trim_start_matches([' ', '\t']).starts_with(['\n', '\r']);
            if line_end || found == '\n' {
                raw = skip_white(text, raw);
                while decoded[at..].starts_with(char::is_whitespace) {
                    at += decoded[at..].chars().next().map_or(0, char::len_utf8);
                }
            } else {
                raw += found.len_utf8();
                at += wanted.len_utf8();
            }
        } else if wanted == found {
            raw += found.len_utf8();
            at += wanted.len_utf8();
        } else {
            return None;
        }
        if raw > text.len() || !text.is_char_boundary(raw) {
            return None;
        }
    }
}

fn skip_white(text: &str, from: usize) -> usize {
    let rest = &text[from..];
    from + rest.len() - rest.trim_start().len()
}

/// Reads `{from: 2026-09-16, until: 2026-10-01}`; either may be missing.
///
/// # Errors
/// A message that names the fault.
pub fn effective(value: &Value) -> Result<Period, String> {
    let Value::Mapping(map) = value else {
        return Err("effective has the form {from: 2026-09-16, until: 2026-10-01}".to_owned());
    };
    let (mut from, mut until) = (Period::ALWAYS.from(), Period::ALWAYS.until());
    for (key, value) in map {
        let day = |value: &Value| match value {
            Value::String(text) => text.parse::<Day>().map_err(|error| format!("effective: {error}")),
            Value::Null => Err("effective: a day is missing".to_owned()),
            other => Err(format!("effective: {} is no day such as 2026-09-16", short(other))),
        };
        match key.as_str() {
            Some("from") => from = day(value)?,
            Some("until") => until = day(value)?,
            _ => return Err(format!("effective has no field {}; it has from and until", short(key))),
        }
    }
    Period::new(from, until)
        .ok_or_else(|| format!("effective is empty: it ends on {until}, before it starts on {from}"))
}

/// A value as people wrote it, for an error.
pub fn short(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{}'", text.escape_debug()),
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) | Value::Number(_) => serde_norway::to_string(value).unwrap_or_default().trim().to_owned(),
        Value::Sequence(_) => "a list".to_owned(),
        Value::Mapping(_) => "a mapping".to_owned(),
        Value::Tagged(_) => "a tagged value".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caret(text: &str, decoded: &str, part: &str) -> String {
        let places = Places::new("f", text, "rules", 1);
        let offset = decoded.find(part).unwrap();
        let fault = places.fault_in_value(0, &["when"], decoded, offset, part.chars().count(), "m".into());
        let line = text.lines().nth(fault.line.unwrap() - 1).unwrap();
        line.chars().skip(fault.column.unwrap() - 1).take(part.chars().count()).collect()
    }

    #[test]
    fn a_part_of_a_scalar_is_found_in_every_style() {
        for text in [
            "rules:\n  - id: a\n    when: \"A = 'x' AND \\u00e4 = 1 OR Wrong\"\n",
            "rules:\n- id: a\n  when: 'A = ''x'' AND ä = 1\n    OR Wrong'\n",
            "rules:\n  - id: a\n    when: >\n      A = 'x' AND\n      ä = 1\n      OR Wrong\n",
            "rules:\n  - id: a\n    when: |\n      A = 'x' AND\n        ä = 1\n      OR Wrong\n    owner: b\n",
            "rules:\n  - id: a\n    when: A = 'x' AND ä = 1 OR Wrong  # why\n",
            "rules:\n  - {id: a, when: \"A = 'x' AND ä = 1 OR Wrong\"}\n",
            "rules: [{id: a, when: \"A = 'x' AND ä = 1 OR Wrong\"}]\n",
        ] {
            let value: Value = serde_norway::from_str(text).unwrap();
            let decoded = value["rules"][0]["when"].as_str().unwrap().to_owned();
            assert_eq!(caret(text, &decoded, "Wrong"), "Wrong", "{text}");
        }
    }

    #[test]
    fn items_of_a_list_have_their_lines() {
        let text = "# c\nrules:\n\n  # - id: no\n  - id: a\n    when: |\n      - x: y\n  - {id: b}\n  -\n    id: c\nresidual: {steward: s}\n";
        let places = Places::new("f", text, "rules", 3);
        assert_eq!((0..3).map(|at| places.line(at)).collect::<Vec<_>>(), [Some(5), Some(8), Some(9)]);
        assert_eq!(Places::new("f", text, "rules", 4).line(0), None);
        assert_eq!(places.fault(2, &["id"], "m").line, Some(10));
    }

    #[test]
    fn lists_inside_items_and_numbers_have_their_places() {
        for text in [
            "a:\n  - id: x\n    b:\n      - {n: 1}\n      - n: 0.1234567890123456789\n  - id: y\n    b:\n    - n: 1.50\n",
            "a: [{id: x, b: [{n: 1}, {n: 0.1234567890123456789}]}, {id: y, b: [{n: 1.50}]}]\n",
        ] {
            let value: Value = serde_norway::from_str(text).unwrap();
            let places = Places::new("f", text, "a", 2);
            let number = |item: usize, count: usize, at: usize| {
                let inner = places.nested(item, "b", count);
                inner.exact(at, &["n"], &value["a"][item]["b"][at]["n"], 12).map(|number| number.to_string())
            };
            assert_eq!(number(0, 2, 1).as_deref(), Ok("0.1234567890123456789"), "{text}");
            assert_eq!(number(1, 1, 0).as_deref(), Ok("1.5"), "{text}");
            assert!(number(0, 1, 0).is_ok_and(|number| number == "1"), "a whole number is exact without its place");
            assert!(places.exact(0, &["m"], &Value::from(0.1), 12).unwrap_err().contains("lost digits"));
        }
    }

    #[test]
    fn a_key_inside_a_text_is_no_key() {
        let text = "rules:\n  - id: a\n    when: \"x = 'owner: y'\"\n    note: |\n      owner: z\n    owner: b\n";
        let places = Places::new("f", text, "rules", 1);
        assert_eq!(places.fault(0, &["owner"], "m").line, Some(6));
    }

    #[test]
    fn a_period_is_half_open_and_not_empty() {
        let period = |text: &str| effective(&serde_norway::from_str(text).unwrap());
        assert_eq!(period("{from: 2026-09-16}").unwrap().from().to_string(), "2026-09-16");
        assert!(period("{from: 2026-09-16, until: 2026-09-16}").unwrap_err().contains("empty"));
        assert!(period("{from: soon}").is_err());
        assert!(period("{since: 2026-09-16}").is_err());
        assert!(period("2026-09-16").is_err());
    }
}
