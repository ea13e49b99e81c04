//! Nested values inside a bill: JSON, and the Python literals that some exports write instead.
//!
//! ```text
//! {"team": "payments", "valueless": true}
//! [{'name': 'FreeTrial', 'amount': -5e-06, 'full_name': None}]
//! ```
//! Numbers stay text, so that no float ever touches money. Anything malformed is `None` as a whole.

/// How deep values may nest.
const DEPTH: usize = 64;

/// One value.
#[derive(Clone, PartialEq, Debug)]
pub enum Literal {
    /// `null`, `None`.
    Null,
    /// `true`, `True` …
    Bool(bool),
    /// A number as written.
    Number(String),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Literal>),
    /// An object, in the order written.
    Map(Vec<(String, Literal)>),
}

impl Literal {
    /// Reads a whole text.
    pub fn read(text: &str) -> Option<Literal> {
        let mut reader = Reader { rest: text, depth: 0 };
        let value = reader.value()?;
        reader.spaces();
        reader.rest.is_empty().then_some(value)
    }

    /// The entries of an object; a list of `{"key": …, "value": …}` counts as one.
    pub fn into_entries(self) -> Vec<(String, Literal)> {
        match self {
            Literal::Map(entries) => entries,
            Literal::List(items) => items
                .into_iter()
                .filter_map(|item| Some((item.member("key")?.scalar()?, item.member("value")?.clone())))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The member of an object; the last one of that name.
    pub fn member(&self, name: &str) -> Option<&Literal> {
        match self {
            Literal::Map(entries) => entries.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a scalar: `true` reads as `true`, numbers as written, null and empty text as nothing.
    pub fn scalar(&self) -> Option<String> {
        match self {
            Literal::Bool(value) => Some(value.to_string()),
            Literal::Number(text) | Literal::Text(text) if !text.is_empty() => Some(text.clone()),
            _ => None,
        }
    }

    /// The value as JSON text; a string at the top stays bare.
    pub fn to_cell(&self) -> String {
        match self {
            Literal::Null => String::new(),
            Literal::Text(text) => text.clone(),
            other => other.to_json(),
        }
    }

    fn to_json(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Literal::Null => "null".to_owned(),
            Literal::Bool(value) => value.to_string(),
            Literal::Number(text) => text.clone(),
            Literal::Text(text) => quoted(text),
            Literal::List(items) => {
                format!("[{}]", items.iter().map(Literal::to_json).collect::<Vec<_>>().join(","))
            }
            Literal::Map(entries) => {
                let members = entries.iter().map(|(key, value)| format!("{}:{}", quoted(key), value.to_json()));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    fn spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.spaces();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self) -> Option<Literal> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        self.spaces();
        let value = match self.rest.chars().next()? {
            '{' => self.map()?,
            '[' => self.list()?,
            '"' | '\'' => Literal::Text(self.string()?),
            c if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => Literal::Number(self.number()?),
            c if c.is_ascii_alphabetic() => self.word()?,
            _ => return None,
        };
        self.depth -= 1;
        Some(value)
    }

    fn map(&mut self) -> Option<Literal> {
        let mut entries = Vec::new();
        self.eat('{');
        if self.eat('}') {
            return Some(Literal::Map(entries));
        }
        loop {
            self.spaces();
            if !self.rest.starts_with(['"', '\'']) {
                return None;
            }
            let key = self.string()?;
            if !self.eat(':') {
                return None;
            }
            entries.push((key, self.value()?));
            if self.eat('}') {
                return Some(Literal::Map(entries));
            }
            if !self.eat(',') {
                return None;
            }
        }
    }

    fn list(&mut self) -> Option<Literal> {
        let mut items = Vec::new();
        self.eat('[');
        if self.eat(']') {
            return Some(Literal::List(items));
        }
        loop {
            items.push(self.value()?);
            if self.eat(']') {
                return Some(Literal::List(items));
            }
            if !self.eat(',') {
                return None;
            }
        }
    }

    fn number(&mut self) -> Option<String> {
        let inside = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
        let end = self.rest.find(|c| !inside(c)).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(number.to_owned())
    }

    fn word(&mut self) -> Option<Literal> {
        let end = self.rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "null" | "None" => Some(Literal::Null),
            "true" | "True" => Some(Literal::Bool(true)),
            "false" | "False" => Some(Literal::Bool(false)),
            // Python writes exact numbers as Decimal('0.10').
            "Decimal" => {
                let inner = self.eat('(').then(|| self.value())??;
                self.eat(')').then_some(Literal::Number(inner.scalar()?))
            }
            _ => None,
        }
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.rest.chars().next()?;
        let mut chars = self.rest[1..].char_indices();
        let mut text = String::new();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.rest = &self.rest[1 + at + 1..];
                return Some(text);
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            match chars.next()?.1 {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                'b' => text.push('\u{8}'),
                'f' => text.push('\u{c}'),
                'x' => text.push(char::from_u32(hex(&mut chars, 2)?)?),
                'u' => {
                    let mut code = hex(&mut chars, 4)?;
                    if (0xD800..0xDC00).contains(&code) {
                        if chars.next()?.1 != '\\' || chars.next()?.1 != 'u' {
                            return None;
                        }
                        let low = hex(&mut chars, 4)?.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
                        code = 0x10000 + ((code - 0xD800) << 10) + low;
                    }
                    text.push(char::from_u32(code)?);
                }
                other => text.push(other),
            }
        }
        None
    }
}

fn hex(chars: &mut std::str::CharIndices<'_>, digits: usize) -> Option<u32> {
    let mut code = 0;
    for _ in 0..digits {
        code = code * 16 + chars.next()?.1.to_digit(16)?;
    }
    Some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_python_read_alike() {
        let json = Literal::read(
            r#"[{"name": "Free \"x\" é\u00e9\ud83d\ude00", "amount": -5e-06, "full": null, "on": true}]"#,
        );
        let python =
            Literal::read(r#"[{'name': 'Free "x" éé😀', 'amount': Decimal('-5e-06'), 'full': None, 'on': True}]"#);
        assert!(json.is_some());
        assert_eq!(json, python);
        let Some(Literal::List(items)) = json else { panic!("a list") };
        assert_eq!(items[0].member("amount").unwrap().scalar().as_deref(), Some("-5e-06"));
        assert_eq!(items[0].member("on").unwrap().scalar().as_deref(), Some("true"));
        assert_eq!(items[0].member("full").unwrap().scalar(), None);
        assert_eq!(items[0].to_cell(), r#"{"name":"Free \"x\" éé😀","amount":-5e-06,"full":null,"on":true}"#);
    }

    #[test]
    fn malformed_values_are_nothing() {
        for text in ["", "{", "{a: 1}", "[1,]", "'open", "{\"a\":1} x", "nothing", "\"\\ud83d\""] {
            assert_eq!(Literal::read(text), None, "{text}");
        }
        assert_eq!(Literal::read(&"[".repeat(100_000)), None);
    }

    #[test]
    fn a_list_of_keys_and_values_is_a_map() {
        let labels = Literal::read("[{'key': 'team', 'value': 'data'}, {'key': 'n', 'value': 3}]").unwrap();
        let entries = labels.into_entries();
        assert_eq!(entries[0], ("team".to_owned(), Literal::Text("data".to_owned())));
        assert_eq!(entries[1].1.scalar().as_deref(), Some("3"));
    }
}
