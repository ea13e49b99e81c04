//! From the text of a predicate to typed expressions, by precedence climbing over the tokens of `sqlparser`.
//!
//! ```text
//! a OR b AND NOT c        binds as  a OR (b AND (NOT c))
//! a || b = c              binds as  (a || b) = c
//! ```
//! The tree is typed while it is built, so every error knows its place. Chains of AND, OR and `||` become flat lists:
//! ten thousand terms need no deep stack. Parentheses, NOT, CASE and calls nest up to `limits::PREDICATE_DEPTH`.

use leap_terms::limits;
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Location, Token, Tokenizer};

use super::PredicateError;
use super::expression::{Affix, Comparison, Int, Matcher, Pattern, Text, Truth};
use super::fields::{Field, Fields, Named, TagSource, look_up};
use super::functions;

/// An expression of any type.
#[derive(Clone, Debug)]
pub(super) enum Any {
    Truth(Truth),
    Text(Text),
    Int(Int),
    /// A number with decimals; only good for an error.
    Decimal,
    Null,
}

impl Any {
    fn kind(&self) -> &'static str {
        match self {
            Any::Truth(_) => "a condition",
            Any::Text(_) => "text",
            Any::Int(_) | Any::Decimal => "a number",
            Any::Null => "NULL",
        }
    }
}

/// An expression and its place: bytes `[from, until)` of the source.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) any: Any,
    pub(super) from: usize,
    pub(super) until: usize,
}

pub(super) fn truth(source: &str, fields: &mut Fields) -> Result<Truth, PredicateError> {
    let mut parser = Parser::new(source, fields)?;
    let whole = parser.expression()?;
    parser.end()?;
    parser.want_truth(whole, None)
}

pub(super) fn text(source: &str, fields: &mut Fields) -> Result<Text, PredicateError> {
    let mut parser = Parser::new(source, fields)?;
    let whole = parser.expression()?;
    parser.end()?;
    parser.want_text(whole)
}

struct Positioned {
    token: Token,
    from: usize,
    until: usize,
}

pub(super) struct Parser<'a> {
    source: &'a str,
    fields: &'a mut Fields,
    tokens: Vec<Positioned>,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(source: &'a str, fields: &'a mut Fields) -> Result<Parser<'a>, PredicateError> {
        let whole = |message: String, help: Option<&str>| PredicateError {
            offset: 0,
            length: source.lines().next().unwrap_or("").chars().count().max(1),
            message,
            help: help.map(str::to_owned),
        };
        if source.len() > limits::PREDICATE_BYTES {
            let message = format!("the condition has {} bytes, the limit is {}", source.len(), limits::PREDICATE_BYTES);
            return Err(whole(message, Some("put long lists into a mapping: file.csv")));
        }
        if source.trim().is_empty() {
            return Err(whole("the condition is empty".to_owned(), None));
        }
        let offsets = Offsets::of(source);
        let read =
            Tokenizer::new(&GenericDialect, source).tokenize_with_location().map_err(|error| PredicateError {
                offset: offsets.byte(source, error.location),
                length: 1,
                message: lower_first(error.message.split(" at Line").next().unwrap_or("unreadable text")),
                help: None,
            })?;
        let tokens = read
            .into_iter()
            .filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF))
            .map(|token| Positioned {
                from: offsets.byte(source, token.span.start),
                until: offsets.byte(source, token.span.end),
                token: token.token,
            })
            .collect();
        Ok(Parser { source, fields, tokens, at: 0, depth: 0 })
    }

    fn error(&self, from: usize, until: usize, message: impl Into<String>) -> PredicateError {
        let until = until.clamp(from, self.source.len());
        let length =
            self.source.get(from..until).map_or(1, |part| part.lines().next().unwrap_or("").chars().count()).max(1);
        PredicateError { offset: from, length, message: message.into(), help: None }
    }

    pub(super) fn error_at(&self, placed: &Placed, message: impl Into<String>) -> PredicateError {
        self.error(placed.from, placed.until, message)
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|positioned| &positioned.token)
    }

    /// The start of the next token, or the end of the text.
    fn here(&self) -> usize {
        self.tokens.get(self.at).map_or(self.source.trim_end().len(), |token| token.from)
    }

    /// The end of the token just taken.
    fn last(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.until)
    }

    fn shown(&self) -> String {
        match self.tokens.get(self.at) {
            // A text in quotes needs no further quotes around it.
            Some(token) if self.source[token.from..].starts_with(['\'', '"']) => {
                self.source[token.from..token.until].to_owned()
            }
            Some(token) => format!("'{}'", self.source[token.from..token.until].escape_debug()),
            None => "the end".to_owned(),
        }
    }

    fn expected(&self, what: &str) -> PredicateError {
        let until = self.tokens.get(self.at).map_or(self.here(), |token| token.until);
        self.error(self.here(), until, format!("expected {what}, found {}", self.shown()))
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, token: &Token, what: &str) -> Result<(), PredicateError> {
        if self.take(token) { Ok(()) } else { Err(self.expected(what)) }
    }

    fn is_word(&self, ahead: usize, word: &str) -> bool {
        match self.tokens.get(self.at + ahead).map(|positioned| &positioned.token) {
            Some(Token::Word(found)) => found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word),
            _ => false,
        }
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(0, word);
        self.at += usize::from(found);
        found
    }

    fn need_word(&mut self, word: &str) -> Result<(), PredicateError> {
        if self.take_word(word) { Ok(()) } else { Err(self.expected(word)) }
    }

    fn end(&mut self) -> Result<(), PredicateError> {
        match self.peek() {
            None => Ok(()),
            Some(Token::SemiColon) => Err(self.expected("the end of the condition")),
            Some(_) => Err(self.expected("AND, OR or the end of the condition")),
        }
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, PredicateError>) -> Result<T, PredicateError> {
        if self.depth >= limits::PREDICATE_DEPTH {
            let message = format!("nested more than {} levels deep", limits::PREDICATE_DEPTH);
            return Err(self.error(self.here(), self.here() + 1, message));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    pub(super) fn want_truth(&self, placed: Placed, operator: Option<&str>) -> Result<Truth, PredicateError> {
        match placed.any {
            Any::Truth(truth) => Ok(truth),
            Any::Null => Ok(Truth::Literal(None)),
            Any::Text(_) | Any::Int(_) | Any::Decimal => {
                let kind = placed.any.kind();
                let message = match operator {
                    Some(operator) => format!("{operator} joins conditions, and this is {kind}"),
                    None => format!("a condition must be true or false, and this is {kind}"),
                };
                let help = match placed.any {
                    Any::Text(_) => "compare it: … = 'value', or … IS NOT NULL",
                    _ => "compare it with something",
                };
                Err(PredicateError { help: Some(help.to_owned()), ..self.error_at(&placed, message) })
            }
        }
    }

    pub(super) fn want_text(&self, placed: Placed) -> Result<Text, PredicateError> {
        match placed.any {
            Any::Text(text) => Ok(text),
            Any::Null => Ok(Text::Literal(None)),
            Any::Int(Int::Literal(_)) | Any::Decimal => {
                let shown = self.source[placed.from..placed.until].to_owned();
                let help = Some(format!("text is quoted: '{shown}'"));
                Err(PredicateError { help, ..self.error_at(&placed, "expected text, found a number") })
            }
            Any::Int(int) => Ok(Text::FromInt(Box::new(int))),
            Any::Truth(_) => Err(self.error_at(&placed, "expected text, found a condition")),
        }
    }

    pub(super) fn want_int(&self, placed: Placed) -> Result<Int, PredicateError> {
        match placed.any {
            Any::Int(int) => Ok(int),
            Any::Null => Ok(Int::Literal(None)),
            Any::Text(_) | Any::Truth(_) | Any::Decimal => {
                let kind = placed.any.kind();
                Err(self.error_at(&placed, format!("expected a whole number, found {kind}")))
            }
        }
    }

    pub(super) fn want_literal(&self, placed: &Placed, what: &str) -> Result<String, PredicateError> {
        match &placed.any {
            Any::Text(Text::Literal(Some(text))) => Ok(text.to_string()),
            _ => Err(self.error_at(placed, format!("{what} must be a text in single quotes"))),
        }
    }

    pub(super) fn want_pattern(&self, placed: &Placed, prefix: &str) -> Result<Pattern, PredicateError> {
        let source = self.want_literal(placed, "a regular expression")?;
        Pattern::new(&format!("{prefix}{source}"))
            .map_err(|reason| self.error_at(placed, format!("bad regular expression: {reason}")))
    }

    /// OR, the loosest.
    fn expression(&mut self) -> Result<Placed, PredicateError> {
        self.deeper(|parser| {
            let first = parser.conjunction()?;
            if !parser.is_word(0, "OR") {
                return Ok(first);
            }
            let from = first.from;
            let mut parts = vec![parser.want_truth(first, Some("OR"))?];
            while parser.take_word("OR") {
                let next = parser.conjunction()?;
                parts.push(parser.want_truth(next, Some("OR"))?);
            }
            Ok(Placed { any: Any::Truth(Truth::Or(parts)), from, until: parser.last() })
        })
    }

    fn conjunction(&mut self) -> Result<Placed, PredicateError> {
        let first = self.negation()?;
        if !self.is_word(0, "AND") {
            return Ok(first);
        }
        let from = first.from;
        let mut parts = vec![self.want_truth(first, Some("AND"))?];
        while self.take_word("AND") {
            let next = self.negation()?;
            parts.push(self.want_truth(next, Some("AND"))?);
        }
        Ok(Placed { any: Any::Truth(Truth::And(parts)), from, until: self.last() })
    }

    fn negation(&mut self) -> Result<Placed, PredicateError> {
        let from = self.here();
        if !self.take_word("NOT") {
            return self.comparison();
        }
        self.deeper(|parser| {
            let inner = parser.negation()?;
            let inner = parser.want_truth(inner, Some("NOT"))?;
            Ok(Placed { any: Any::Truth(Truth::Not(Box::new(inner))), from, until: parser.last() })
        })
    }

    /// One value, then any of `=`, `IN`, `LIKE`, `BETWEEN`, `IS` …
    fn comparison(&mut self) -> Result<Placed, PredicateError> {
        let mut left = self.concatenation()?;
        let mut suffixes = 0;
        loop {
            let before = self.at;
            let from = left.from;
            left = self.suffix(left)?;
            if self.at == before {
                return Ok(left);
            }
            (left.from, left.until) = (from, self.last());
            suffixes += 1;
            if suffixes > limits::PREDICATE_DEPTH {
                return Err(self.error(
                    from,
                    left.until,
                    format!("more than {} tests in a row", limits::PREDICATE_DEPTH),
                ));
            }
        }
    }

    fn suffix(&mut self, left: Placed) -> Result<Placed, PredicateError> {
        let (from, until) = (left.from, left.until);
        let made = |truth: Truth| Ok(Placed { any: Any::Truth(truth), from, until });
        let comparison = match self.peek() {
            Some(Token::Eq | Token::DoubleEq) => Some(Comparison::Equal),
            Some(Token::Neq) => Some(Comparison::NotEqual),
            Some(Token::Lt) => Some(Comparison::Less),
            Some(Token::LtEq) => Some(Comparison::LessOrEqual),
            Some(Token::Gt) => Some(Comparison::Greater),
            Some(Token::GtEq) => Some(Comparison::GreaterOrEqual),
            _ => None,
        };
        if let Some(comparison) = comparison {
            self.at += 1;
            let right = self.concatenation()?;
            return made(self.compare(comparison, left, right)?);
        }
        let regex = match self.peek() {
            Some(Token::Tilde) => Some(("", false)),
            Some(Token::TildeAsterisk) => Some(("(?i)", false)),
            Some(Token::ExclamationMarkTilde) => Some(("", true)),
            Some(Token::ExclamationMarkTildeAsterisk) => Some(("(?i)", true)),
            _ => None,
        };
        if let Some((prefix, negated)) = regex {
            self.at += 1;
            let right = self.concatenation()?;
            let pattern = self.want_pattern(&right, prefix)?;
            let of = self.want_text(left)?;
            return made(negate(Truth::Match(of, Matcher::Pattern(pattern)), negated));
        }
        if self.take_word("IS") {
            return made(self.is(left)?);
        }
        let negated = self.is_word(0, "NOT");
        let ahead = usize::from(negated);
        if self.is_word(ahead, "IN") {
            self.at += ahead + 1;
            return made(negate(self.in_list(left)?, negated));
        }
        if self.is_word(ahead, "BETWEEN") {
            self.at += ahead + 1;
            let low = self.concatenation()?;
            self.need_word("AND")?;
            let high = self.concatenation()?;
            let both = vec![
                self.compare(Comparison::GreaterOrEqual, left.clone(), low)?,
                self.compare(Comparison::LessOrEqual, left, high)?,
            ];
            return made(negate(Truth::And(both), negated));
        }
        for (word, ignore_case) in [("LIKE", false), ("ILIKE", true)] {
            if self.is_word(ahead, word) {
                self.at += ahead + 1;
                return made(negate(self.like(left, ignore_case)?, negated));
            }
        }
        if self.is_word(ahead, "SIMILAR") {
            let message = "SIMILAR TO is not supported";
            let error = self.error(self.here(), self.here() + 7, message);
            return Err(PredicateError { help: Some("use ~ with a regular expression".to_owned()), ..error });
        }
        if negated {
            self.at += 1;
            return Err(self.expected("IN, LIKE, ILIKE or BETWEEN after NOT"));
        }
        Ok(left)
    }

    fn is(&mut self, left: Placed) -> Result<Truth, PredicateError> {
        let negated = self.take_word("NOT");
        let test = if self.take_word("NULL") || self.take_word("UNKNOWN") {
            match left.any {
                Any::Text(text) => Truth::TextIsNull(text),
                Any::Int(int) => Truth::IntIsNull(int),
                Any::Truth(truth) => Truth::TruthIsNull(Box::new(truth)),
                Any::Null => Truth::Literal(Some(true)),
                Any::Decimal => Truth::Literal(Some(false)),
            }
        } else if self.take_word("TRUE") {
            Truth::Is(Box::new(self.want_truth(left, Some("IS TRUE"))?), true)
        } else if self.take_word("FALSE") {
            Truth::Is(Box::new(self.want_truth(left, Some("IS FALSE"))?), false)
        } else if self.take_word("DISTINCT") {
            self.need_word("FROM")?;
            let right = self.concatenation()?;
            Truth::Distinct(self.want_text(left)?, self.want_text(right)?)
        } else {
            return Err(self.expected("NULL, TRUE, FALSE or DISTINCT FROM after IS"));
        };
        Ok(negate(test, negated))
    }

    fn in_list(&mut self, left: Placed) -> Result<Truth, PredicateError> {
        self.need(&Token::LParen, "a list in parentheses after IN")?;
        if self.is_word(0, "SELECT") {
            let error = self.error(self.here(), self.here() + 6, "a condition cannot hold a query");
            return Err(PredicateError { help: Some("put the list into a mapping: file.csv".to_owned()), ..error });
        }
        let mut elements = vec![self.element()?];
        while self.take(&Token::Comma) {
            elements.push(self.element()?);
        }
        self.need(&Token::RParen, "',' or ')' in the list")?;
        let literal = |placed: &Placed| matches!(placed.any, Any::Text(Text::Literal(_)) | Any::Null);
        if matches!(left.any, Any::Text(_)) && elements.iter().all(literal) {
            let mut null = false;
            let mut set: Vec<Box<str>> = Vec::new();
            for element in elements {
                match element.any {
                    Any::Text(Text::Literal(Some(text))) => set.push(text),
                    _ => null = true,
                }
            }
            set.sort();
            set.dedup();
            return Ok(Truth::In(self.want_text(left)?, set, null));
        }
        let equals = elements.into_iter().map(|element| self.compare(Comparison::Equal, left.clone(), element));
        Ok(Truth::Or(equals.collect::<Result<_, _>>()?))
    }

    fn element(&mut self) -> Result<Placed, PredicateError> {
        self.deeper(Parser::concatenation)
    }

    fn like(&mut self, left: Placed, ignore_case: bool) -> Result<Truth, PredicateError> {
        let right = self.concatenation()?;
        let pattern = self.want_literal(&right, "the pattern of LIKE")?;
        let mut escape = Some('\\');
        if self.take_word("ESCAPE") {
            let written = self.concatenation()?;
            let text = self.want_literal(&written, "the ESCAPE character")?;
            let mut letters = text.chars();
            escape = letters.next();
            if letters.next().is_some() {
                return Err(self.error_at(&written, "ESCAPE takes one character"));
            }
        }
        let matcher = Matcher::like(&pattern, escape, ignore_case).map_err(|reason| self.error_at(&right, reason))?;
        Ok(Truth::Match(self.want_text(left)?, matcher))
    }

    pub(super) fn compare(&self, how: Comparison, left: Placed, right: Placed) -> Result<Truth, PredicateError> {
        let whole = Placed { any: Any::Null, from: left.from, until: right.until };
        match (&left.any, &right.any) {
            (Any::Null, _) | (_, Any::Null) => Err(PredicateError {
                help: Some("write IS NULL or IS NOT NULL".to_owned()),
                ..self.error_at(&whole, "a comparison with NULL is never true")
            }),
            (Any::Int(_), Any::Int(_)) => Ok(Truth::CompareInt(how, self.want_int(left)?, self.want_int(right)?)),
            (Any::Text(_), Any::Text(_)) => Ok(Truth::Compare(how, self.want_text(left)?, self.want_text(right)?)),
            (Any::Truth(_), _) | (_, Any::Truth(_)) => Err(PredicateError {
                help: Some("write … IS TRUE or … IS FALSE".to_owned()),
                ..self.error_at(&whole, "a condition cannot be compared")
            }),
            (Any::Text(_), Any::Int(_) | Any::Decimal) => Err(self.text_and_number(&left, &right)),
            (Any::Int(_) | Any::Decimal, Any::Text(_)) => Err(self.text_and_number(&right, &left)),
            (Any::Decimal, Any::Int(_) | Any::Decimal) => Err(self.error_at(&left, "expected a whole number")),
            (Any::Int(_), Any::Decimal) => Err(self.error_at(&right, "expected a whole number")),
        }
    }

    fn text_and_number(&self, text: &Placed, number: &Placed) -> PredicateError {
        let (text, shown) = (&self.source[text.from..text.until], &self.source[number.from..number.until]);
        let literal = matches!(number.any, Any::Decimal | Any::Int(Int::Literal(_)));
        PredicateError {
            help: literal.then(|| format!("quote it: '{shown}'")),
            ..self.error_at(number, format!("{text} is text and cannot be compared with a number"))
        }
    }

    fn concatenation(&mut self) -> Result<Placed, PredicateError> {
        let first = self.primary()?;
        if self.peek() != Some(&Token::StringConcat) {
            if let Some(operator @ (Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod)) = self.peek() {
                let message = format!("a condition cannot calculate with {operator}");
                return Err(self.error(self.here(), self.here() + 1, message));
            }
            return Ok(first);
        }
        let from = first.from;
        let mut parts = vec![self.want_text(first)?];
        while self.take(&Token::StringConcat) {
            let next = self.primary()?;
            parts.push(self.want_text(next)?);
        }
        Ok(Placed { any: Any::Text(Text::Concat(parts)), from, until: self.last() })
    }

    fn primary(&mut self) -> Result<Placed, PredicateError> {
        let from = self.here();
        let any = match self.peek() {
            Some(Token::SingleQuotedString(text)) => {
                let any = Any::Text(Text::Literal(Some(text.as_str().into())));
                self.at += 1;
                any
            }
            Some(Token::Number(text, _)) => {
                let any = match text.parse::<i64>() {
                    Ok(number) => Any::Int(Int::Literal(Some(number))),
                    Err(_) => Any::Decimal,
                };
                self.at += 1;
                any
            }
            Some(Token::Minus) => {
                self.at += 1;
                match self.peek() {
                    Some(Token::Number(text, _)) => {
                        let any = match format!("-{text}").parse::<i64>() {
                            Ok(number) => Any::Int(Int::Literal(Some(number))),
                            Err(_) => Any::Decimal,
                        };
                        self.at += 1;
                        any
                    }
                    _ => return Err(self.expected("a number after '-'")),
                }
            }
            Some(Token::LParen) => {
                self.at += 1;
                let inner = self.expression()?;
                self.need(&Token::RParen, "')'")?;
                inner.any
            }
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.word(&word.value, word.quote_style.is_some())?
            }
            _ => return Err(self.expected("a column, a tag, a text in single quotes or a function")),
        };
        Ok(Placed { any, from, until: self.last() })
    }

    fn word(&mut self, word: &str, quoted: bool) -> Result<Any, PredicateError> {
        let from = self.here();
        if !quoted {
            match word.to_ascii_uppercase().as_str() {
                "TRUE" | "FALSE" => {
                    self.at += 1;
                    return Ok(Any::Truth(Truth::Literal(Some(word.eq_ignore_ascii_case("TRUE")))));
                }
                "NULL" => {
                    self.at += 1;
                    return Ok(Any::Null);
                }
                "CASE" => {
                    self.at += 1;
                    return self.deeper(Parser::case);
                }
                "AND" | "OR" | "IN" | "LIKE" | "ILIKE" | "BETWEEN" | "IS" | "THEN" | "WHEN" | "ELSE" | "END" => {
                    return Err(self.expected("a column, a tag, a text in single quotes or a function"));
                }
                "EXISTS" | "SELECT" | "CAST" | "INTERVAL" | "DATE" | "TIMESTAMP" | "EXTRACT" | "ARRAY" => {
                    let following = self.tokens.get(self.at + 1).map(|positioned| &positioned.token);
                    if matches!(
                        following,
                        Some(Token::LParen | Token::SingleQuotedString(_) | Token::LBracket | Token::Mul)
                    ) {
                        let message = format!("a condition cannot use {}", word.to_ascii_uppercase());
                        return Err(self.error(from, from + word.len(), message));
                    }
                }
                _ => {}
            }
            if self.tokens.get(self.at + 1).map(|positioned| &positioned.token) == Some(&Token::LParen) {
                self.at += 2;
                return self.deeper(|parser| functions::call(parser, word, from));
            }
        }
        self.at += 1;
        let until = self.last();
        let named = match self.fields.answer(word) {
            Some(name) => Named::Column(name),
            None => look_up(word, quoted)
                .map_err(|(message, help)| PredicateError { help, ..self.error(from, until, message) })?,
        };
        let field = match named {
            Named::Column(name) => {
                if self.peek() == Some(&Token::LBracket) {
                    let error = self.error(self.here(), self.here() + 1, format!("{name} has no keys"));
                    return Err(PredicateError {
                        help: Some("keys are read from tags: Tags['key']".to_owned()),
                        ..error
                    });
                }
                Field::Column(name)
            }
            Named::Tags(source) if self.peek() == Some(&Token::LBracket) => {
                self.at += 1;
                let key = match self.peek() {
                    Some(Token::SingleQuotedString(key)) => key.clone(),
                    Some(Token::Word(key)) => {
                        let help = Some(format!("write {word}['{}']", key.value));
                        return Err(PredicateError { help, ..self.expected("a tag's key in single quotes") });
                    }
                    _ => return Err(self.expected("a tag's key in single quotes")),
                };
                self.at += 1;
                self.need(&Token::RBracket, "']' after the tag's key")?;
                Field::Tag(source, key)
            }
            Named::Tags(TagSource::Either) => Field::Column("Tags".to_owned()),
            Named::Tags(TagSource::Allocated) => Field::Column("AllocatedTags".to_owned()),
        };
        if self.peek() == Some(&Token::Period) {
            return Err(self.error(self.here(), self.here() + 1, "columns have no parts"));
        }
        Ok(Any::Text(Text::Field(self.fields.number(field))))
    }

    fn case(&mut self) -> Result<Any, PredicateError> {
        let operand = if self.is_word(0, "WHEN") { None } else { Some(self.expression()?) };
        let mut branches: Vec<(Truth, Placed)> = Vec::new();
        while self.take_word("WHEN") {
            let when = self.expression()?;
            let when = match &operand {
                Some(operand) => self.compare(Comparison::Equal, operand.clone(), when)?,
                None => self.want_truth(when, Some("WHEN"))?,
            };
            self.need_word("THEN")?;
            branches.push((when, self.expression()?));
        }
        if branches.is_empty() {
            return Err(self.expected("WHEN"));
        }
        let otherwise = if self.take_word("ELSE") { Some(self.expression()?) } else { None };
        self.need_word("END")?;
        let results = branches.iter().map(|(_, result)| result).chain(&otherwise);
        let truths = results.clone().any(|result| matches!(result.any, Any::Truth(_)));
        if truths {
            let mut parts = Vec::new();
            for (when, result) in branches {
                parts.push((when, self.want_truth(result, Some("THEN"))?));
            }
            let otherwise = match otherwise {
                Some(otherwise) => self.want_truth(otherwise, Some("ELSE"))?,
                None => Truth::Literal(None),
            };
            return Ok(Any::Truth(Truth::Case(parts, Box::new(otherwise))));
        }
        let mut parts = Vec::new();
        for (when, result) in branches {
            parts.push((when, self.want_text(result)?));
        }
        let otherwise = match otherwise {
            Some(otherwise) => self.want_text(otherwise)?,
            None => Text::Literal(None),
        };
        Ok(Any::Text(Text::Case(parts, Box::new(otherwise))))
    }

    /// The arguments of a call, after its opening parenthesis, up to and with the closing one.
    pub(super) fn arguments(&mut self) -> Result<Vec<Placed>, PredicateError> {
        let mut arguments = Vec::new();
        if self.take(&Token::RParen) {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression()?);
            if self.take(&Token::RParen) {
                return Ok(arguments);
            }
            // SUBSTRING(a FROM 1 FOR 2), POSITION(a IN b) and TRIM(BOTH ' ' FROM a) are other spellings of commas.
            if !self.take(&Token::Comma) && !self.take_word("FROM") && !self.take_word("FOR") {
                return Err(self.expected("',' or ')'"));
            }
        }
    }

    pub(super) fn error_of_call(
        &self,
        from: usize,
        name: &str,
        message: String,
        help: Option<String>,
    ) -> PredicateError {
        PredicateError { help, ..self.error(from, from + name.len(), message) }
    }

    pub(super) fn affix(&self, affix: Affix, of: Placed, part: Placed) -> Result<Truth, PredicateError> {
        let of = self.want_text(of)?;
        Ok(match (affix, self.want_text(part)?) {
            (Affix::Starts, Text::Literal(Some(part))) => Truth::Match(of, Matcher::Prefix(part)),
            (Affix::Ends, Text::Literal(Some(part))) => Truth::Match(of, Matcher::Suffix(part)),
            (Affix::Contains, Text::Literal(Some(part))) => Truth::Match(of, Matcher::Contains(part)),
            (affix, part) => Truth::Affix(affix, of, part),
        })
    }
}

fn negate(truth: Truth, negated: bool) -> Truth {
    if negated { Truth::Not(Box::new(truth)) } else { truth }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Byte offsets of the tokenizer's lines and columns (both from 1, columns in characters).
struct Offsets {
    lines: Vec<usize>,
    ascii: bool,
}

impl Offsets {
    fn of(source: &str) -> Offsets {
        let lines = std::iter::once(0).chain(source.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Offsets { lines, ascii: source.is_ascii() }
    }

    fn byte(&self, source: &str, location: Location) -> usize {
        let line = usize::try_from(location.line.saturating_sub(1)).unwrap_or(usize::MAX);
        let column = usize::try_from(location.column.saturating_sub(1)).unwrap_or(usize::MAX);
        let Some(start) = self.lines.get(line) else { return source.len() };
        if self.ascii {
            return (start + column).min(source.len());
        }
        source[*start..].char_indices().nth(column).map_or(source.len(), |(at, _)| start + at)
    }
}
