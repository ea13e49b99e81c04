//! Typed expressions and their evaluation, with SQL's three-valued logic.
//!
//! ```text
//! Tags['team'] = 'pay'            true, false, or unknown where there is no such tag
//! NOT (Tags['team'] = 'pay')      false, true, or unknown
//! Tags['team'] = 'pay' OR TRUE    true
//! ```
//! A rule matches only where its condition is true: unknown is not enough. There are three types: truth, text and whole
//! number (`length`, `strpos`); no decimals, no dates, no money.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use regex::Regex;

/// Most bytes that an expression may build out of a charge's texts: `replace` nested in `replace` doubles at each level.
const BUILT_BYTES: usize = 1 << 20;

/// The facts of one charge, in the order of the field numbers.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// Values of the fields; null is `None`. Empty texts of a bill count as null and do not occur.
    pub fields: &'a [Option<&'a str>],
    /// Truth values computed before (see `attribute::features`); empty for predicates as parsed.
    pub truths: &'a [Option<bool>],
}

/// A regular expression that compares by its source.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    regex: Arc<Regex>,
}

impl Pattern {
    /// Compiles within a bound on size, so that no pattern takes more than a megabyte or exponential time.
    ///
    /// # Errors
    /// The compiler's reason on one line.
    pub fn new(source: &str) -> Result<Pattern, String> {
        let regex = regex::RegexBuilder::new(source).size_limit(1 << 20).dfa_size_limit(1 << 20).nest_limit(50).build();
        match regex {
            Ok(regex) => Ok(Pattern { source: source.to_owned(), regex: Arc::new(regex) }),
            Err(error) => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or("it does not parse");
                Err(last.trim_start_matches("error: ").trim_end_matches('.').to_owned())
            }
        }
    }

    /// The pattern as compiled.
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.source.hash(state);
    }
}

/// How two values compare.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// What a text is matched by: `LIKE` patterns are reduced to the cheapest of these.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Matcher {
    /// `LIKE 'x'`
    Equals(Box<str>),
    /// `LIKE 'x%'`, `starts_with`
    Prefix(Box<str>),
    /// `LIKE '%x'`, `ends_with`
    Suffix(Box<str>),
    /// `LIKE '%x%'`, `contains`
    Contains(Box<str>),
    /// Everything else.
    Pattern(Pattern),
}

impl Matcher {
    /// True when the text matches.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Matcher::Equals(part) => text == &**part,
            Matcher::Prefix(part) => text.starts_with(&**part),
            Matcher::Suffix(part) => text.ends_with(&**part),
            Matcher::Contains(part) => text.contains(&**part),
            Matcher::Pattern(pattern) => pattern.regex.is_match(text),
        }
    }

    /// The matcher of a `LIKE` pattern: `%` any text, `_` one character, `escape` before either takes it literally.
    ///
    /// # Errors
    /// The pattern ends in the escape character, or is too large.
    pub fn like(pattern: &str, escape: Option<char>, ignore_case: bool) -> Result<Matcher, String> {
        enum Part {
            Text(String),
            One,
            Any,
        }
        let mut parts: Vec<Part> = Vec::new();
        let mut letters = pattern.chars();
        while let Some(letter) = letters.next() {
            let literal = if Some(letter) == escape {
                Some(letters.next().ok_or_else(|| format!("the pattern ends in its escape character {letter}"))?)
            } else {
                (letter != '%' && letter != '_').then_some(letter)
            };
            match (literal, parts.last_mut()) {
                (Some(literal), Some(Part::Text(text))) => text.push(literal),
                (Some(literal), _) => parts.push(Part::Text(literal.to_string())),
                (None, Some(Part::Any)) if letter == '%' => {}
                (None, _) => parts.push(if letter == '%' { Part::Any } else { Part::One }),
            }
        }
        if !ignore_case {
            match parts.as_slice() {
                [] => return Ok(Matcher::Equals("".into())),
                [Part::Text(text)] => return Ok(Matcher::Equals(text.as_str().into())),
                [Part::Any] => return Ok(Matcher::Prefix("".into())),
                [Part::Text(text), Part::Any] => return Ok(Matcher::Prefix(text.as_str().into())),
                [Part::Any, Part::Text(text)] => return Ok(Matcher::Suffix(text.as_str().into())),
                [Part::Any, Part::Text(text), Part::Any] => return Ok(Matcher::Contains(text.as_str().into())),
                _ => {}
            }
        }
        let mut source = String::from(if ignore_case { "(?is)^" } else { "(?s)^" });
        for part in &parts {
            match part {
                Part::Text(text) => source.push_str(&regex::escape(text)),
                Part::One => source.push('.'),
                Part::Any => source.push_str(".*"),
            }
        }
        source.push('$');
        Pattern::new(&source).map(Matcher::Pattern)
    }
}

/// Which ends `trim` works on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ends {
    /// `ltrim`
    Start,
    /// `rtrim`
    End,
    /// `trim`, `btrim`
    Both,
}

/// An expression whose value is true, false or unknown.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Truth {
    /// `TRUE`, `FALSE`, `NULL`.
    Literal(Option<bool>),
    /// A value computed before.
    Slot(u32),
    /// `a AND b AND …`
    And(Vec<Truth>),
    /// `a OR b OR …`
    Or(Vec<Truth>),
    /// `NOT a`
    Not(Box<Truth>),
    /// Comparison of texts, by bytes.
    Compare(Comparison, Text, Text),
    /// Comparison of whole numbers.
    CompareInt(Comparison, Int, Int),
    /// `of IN (…)` with literals: sorted, and whether NULL is among them.
    In(Text, Vec<Box<str>>, bool),
    /// `LIKE`, `~`, `starts_with` … with a literal.
    Match(Text, Matcher),
    /// `starts_with`, `ends_with`, `contains` with an expression.
    Affix(Affix, Text, Text),
    /// `a IS NULL`
    TextIsNull(Text),
    /// `a IS NULL`
    IntIsNull(Int),
    /// `a IS NULL`, `a IS UNKNOWN`
    TruthIsNull(Box<Truth>),
    /// `a IS TRUE`, `a IS FALSE`
    Is(Box<Truth>, bool),
    /// `a IS DISTINCT FROM b`
    Distinct(Text, Text),
    /// `CASE WHEN a THEN b … ELSE c END`
    Case(Vec<(Truth, Truth)>, Box<Truth>),
}

/// Where one text is looked for in another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Affix {
    /// `starts_with`
    Starts,
    /// `ends_with`
    Ends,
    /// `contains`
    Contains,
}

/// An expression whose value is a text or null.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Text {
    /// A field, by its number.
    Field(u32),
    /// A literal; `None` is NULL.
    Literal(Option<Box<str>>),
    /// `a || b`: null when a part is.
    Concat(Vec<Text>),
    /// `concat(a, b)`: nulls are left out.
    Join(Vec<Text>),
    /// `lower(a)`
    Lower(Box<Text>),
    /// `upper(a)`
    Upper(Box<Text>),
    /// `trim(a)`, `trim(a, letters)`
    Trim(Ends, Box<Text>, Option<Box<Text>>),
    /// `coalesce(a, b)`
    Coalesce(Vec<Text>),
    /// `nullif(a, b)`
    NullIf(Box<Text>, Box<Text>),
    /// `substr(a, start, length)`: characters, from 1.
    Substr(Box<Text>, Box<Int>, Option<Box<Int>>),
    /// `split_part(a, by, n)`: from 1; from the end when negative.
    SplitPart(Box<Text>, Box<Text>, Box<Int>),
    /// `replace(a, from, to)`
    Replace(Box<Text>, Box<Text>, Box<Text>),
    /// `left(a, n)`: all but the last -n when negative.
    Left(Box<Text>, Box<Int>),
    /// `right(a, n)`: all but the first -n when negative.
    Right(Box<Text>, Box<Int>),
    /// `regexp_replace(a, pattern, with)`; `true`: every match.
    RegexpReplace(Box<Text>, Pattern, String, bool),
    /// `regexp_substr(a, pattern)`: the first group, or the whole match where there is none.
    RegexpSubstr(Box<Text>, Pattern),
    /// `CASE WHEN a THEN b … ELSE c END`
    Case(Vec<(Truth, Text)>, Box<Text>),
    /// A whole number as text.
    FromInt(Box<Int>),
}

/// An expression whose value is a whole number or null.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Int {
    /// A literal; `None` is NULL.
    Literal(Option<i64>),
    /// `length(a)`: characters.
    Length(Box<Text>),
    /// `strpos(a, b)`: the character at which b starts, from 1; 0 when it does not occur.
    Strpos(Box<Text>, Box<Text>),
}

impl Truth {
    /// True, false, or unknown (`None`).
    pub fn value(&self, row: Row<'_>) -> Option<bool> {
        match self {
            Truth::Literal(value) => *value,
            Truth::Slot(at) => row.truths[*at as usize],
            Truth::And(parts) => {
                let mut all = Some(true);
                for part in parts {
                    match part.value(row) {
                        Some(false) => return Some(false),
                        Some(true) => {}
                        None => all = None,
                    }
                }
                all
            }
            Truth::Or(parts) => {
                let mut any = Some(false);
                for part in parts {
                    match part.value(row) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => any = None,
                    }
                }
                any
            }
            Truth::Not(part) => part.value(row).map(|value| !value),
            Truth::Compare(comparison, left, right) => {
                Some(comparison.holds(left.value(row)?.as_ref().cmp(right.value(row)?.as_ref())))
            }
            Truth::CompareInt(comparison, left, right) => {
                Some(comparison.holds(left.value(row)?.cmp(&right.value(row)?)))
            }
            Truth::In(of, set, null) => {
                let of = of.value(row)?;
                let found = set.binary_search_by(|element| (**element).cmp(of.as_ref())).is_ok();
                if found { Some(true) } else { (!null).then_some(false) }
            }
            Truth::Match(of, matcher) => Some(matcher.matches(&of.value(row)?)),
            Truth::Affix(affix, of, part) => {
                let (of, part) = (of.value(row)?, part.value(row)?);
                Some(match affix {
                    Affix::Starts => of.starts_with(part.as_ref()),
                    Affix::Ends => of.ends_with(part.as_ref()),
                    Affix::Contains => of.contains(part.as_ref()),
                })
            }
            Truth::TextIsNull(of) => Some(of.value(row).is_none()),
            Truth::IntIsNull(of) => Some(of.value(row).is_none()),
            Truth::TruthIsNull(of) => Some(of.value(row).is_none()),
            Truth::Is(of, wanted) => Some(of.value(row) == Some(*wanted)),
            Truth::Distinct(left, right) => Some(left.value(row) != right.value(row)),
            Truth::Case(branches, otherwise) => {
                match branches.iter().find(|(condition, _)| condition.value(row) == Some(true)) {
                    Some((_, result)) => result.value(row),
                    None => otherwise.value(row),
                }
            }
        }
    }
}

impl Text {
    /// The text, or `None` for null.
    pub fn value<'a>(&'a self, row: Row<'a>) -> Option<Cow<'a, str>> {
        match self {
            Text::Field(at) => row.fields[*at as usize].map(Cow::Borrowed),
            Text::Literal(text) => text.as_deref().map(Cow::Borrowed),
            Text::Concat(parts) => {
                let mut whole = String::new();
                for part in parts {
                    whole.push_str(&part.value(row)?);
                    if whole.len() > BUILT_BYTES {
                        return None;
                    }
                }
                Some(Cow::Owned(whole))
            }
            Text::Join(parts) => {
                let mut whole = String::new();
                for part in parts.iter().filter_map(|part| part.value(row)) {
                    whole.push_str(&part);
                    if whole.len() > BUILT_BYTES {
                        return None;
                    }
                }
                Some(Cow::Owned(whole))
            }
            Text::Lower(of) => of.value(row).map(|text| Cow::Owned(text.to_lowercase())),
            Text::Upper(of) => of.value(row).map(|text| Cow::Owned(text.to_uppercase())),
            Text::Trim(ends, of, letters) => {
                let of = of.value(row)?;
                let letters = match letters {
                    Some(letters) => Some(letters.value(row)?),
                    None => None,
                };
                let cut = |c: char| letters.as_ref().map_or(c == ' ', |letters| letters.contains(c));
                Some(borrow(of, |text| match ends {
                    Ends::Start => text.trim_start_matches(cut),
                    Ends::End => text.trim_end_matches(cut),
                    Ends::Both => text.trim_matches(cut),
                }))
            }
            Text::Coalesce(parts) => parts.iter().find_map(|part| part.value(row)),
            Text::NullIf(of, null) => {
                let of = of.value(row)?;
                (Some(&of) != null.value(row).as_ref()).then_some(of)
            }
            Text::Substr(of, start, length) => {
                let of = of.value(row)?;
                let start = start.value(row)?;
                let end = match length {
                    Some(length) => start.saturating_add(length.value(row)?.max(0)),
                    None => i64::MAX,
                };
                Some(borrow(of, |text| characters(text, start.saturating_sub(1), end.saturating_sub(1))))
            }
            Text::SplitPart(of, by, at) => {
                let (of, by, at) = (of.value(row)?, by.value(row)?, at.value(row)?);
                Some(borrow(of, |text| {
                    if by.is_empty() {
                        return if at == 1 || at == -1 { text } else { "" };
                    }
                    let nth = usize::try_from(at.unsigned_abs().saturating_sub(1)).unwrap_or(usize::MAX);
                    let part = if at > 0 { text.split(&*by).nth(nth) } else { text.rsplit(&*by).nth(nth) };
                    part.unwrap_or("")
                }))
            }
            Text::Replace(of, from, to) => {
                let (of, from, to) = (of.value(row)?, from.value(row)?, to.value(row)?);
                if from.is_empty() {
                    return Some(of);
                }
                let grown = of.matches(&*from).count().saturating_mul(to.len());
                (grown.saturating_add(of.len()) <= BUILT_BYTES).then(|| Cow::Owned(of.replace(&*from, &to)))
            }
            Text::Left(of, count) => {
                let (of, count) = (of.value(row)?, count.value(row)?);
                let end = if count < 0 { (of.chars().count() as i64).saturating_add(count) } else { count };
                Some(borrow(of, |text| characters(text, 0, end)))
            }
            Text::Right(of, count) => {
                let (of, count) = (of.value(row)?, count.value(row)?);
                let start =
                    if count < 0 { count.saturating_neg() } else { (of.chars().count() as i64).saturating_sub(count) };
                Some(borrow(of, |text| characters(text, start, i64::MAX)))
            }
            Text::RegexpReplace(of, pattern, with, all) => {
                let of = of.value(row)?;
                let limit = usize::from(!all);
                let replaced = pattern.regex.replacen(&of, limit, with.as_str()).into_owned();
                (replaced.len() <= BUILT_BYTES).then_some(Cow::Owned(replaced))
            }
            Text::RegexpSubstr(of, pattern) => {
                let of = of.value(row)?;
                let captures = pattern.regex.captures(&of)?;
                let found = if captures.len() > 1 { captures.get(1) } else { captures.get(0) };
                found.map(|found| Cow::Owned(found.as_str().to_owned()))
            }
            Text::Case(branches, otherwise) => {
                match branches.iter().find(|(condition, _)| condition.value(row) == Some(true)) {
                    Some((_, result)) => result.value(row),
                    None => otherwise.value(row),
                }
            }
            Text::FromInt(of) => of.value(row).map(|number| Cow::Owned(number.to_string())),
        }
    }
}

impl Int {
    /// The number, or `None` for null.
    pub fn value(&self, row: Row<'_>) -> Option<i64> {
        match self {
            Int::Literal(value) => *value,
            Int::Length(of) => of.value(row).map(|text| text.chars().count() as i64),
            Int::Strpos(of, part) => {
                let (of, part) = (of.value(row)?, part.value(row)?);
                Some(of.find(&*part).map_or(0, |at| of[..at].chars().count() as i64 + 1))
            }
        }
    }
}

/// Applies a cut to a text without copying a borrowed one.
fn borrow<'a>(text: Cow<'a, str>, cut: impl FnOnce(&str) -> &str) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => {
            let part = cut(text);
            if part.is_empty() {
                return Cow::Borrowed("");
            }
            // The part lies inside the text: find it there again, to keep the longer lifetime.
            let from = part.as_ptr() as usize - text.as_ptr() as usize;
            Cow::Borrowed(&text[from..from + part.len()])
        }
        Cow::Owned(text) => Cow::Owned(cut(&text).to_owned()),
    }
}

/// The characters in `[from, until)`, from 0; what lies outside the text is left out.
fn characters(text: &str, from: i64, until: i64) -> &str {
    let at = |count: i64| {
        let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
        if count > text.len() { text.len() } else { text.char_indices().nth(count).map_or(text.len(), |(at, _)| at) }
    };
    let (from, until) = (at(from), at(until));
    if from < until { &text[from..until] } else { "" }
}

/// Rebuilds an expression and puts something else in place of some parts.
pub(crate) trait Cut {
    /// What stands in place of this part; `None` keeps it and goes on with its parts.
    fn truth(&mut self, part: &Truth) -> Option<Truth>;
    /// As above.
    fn text(&mut self, part: &Text) -> Option<Text>;
}

impl Truth {
    /// Rebuilds the expression with some parts replaced.
    pub(crate) fn rebuild(&self, cut: &mut dyn Cut) -> Truth {
        if let Some(other) = cut.truth(self) {
            return other;
        }
        match self {
            Truth::Literal(_) | Truth::Slot(_) => self.clone(),
            Truth::And(parts) => Truth::And(parts.iter().map(|part| part.rebuild(cut)).collect()),
            Truth::Or(parts) => Truth::Or(parts.iter().map(|part| part.rebuild(cut)).collect()),
            Truth::Not(part) => Truth::Not(Box::new(part.rebuild(cut))),
            Truth::Compare(how, left, right) => Truth::Compare(*how, left.rebuild(cut), right.rebuild(cut)),
            Truth::CompareInt(how, left, right) => Truth::CompareInt(*how, left.rebuild(cut), right.rebuild(cut)),
            Truth::In(of, set, null) => Truth::In(of.rebuild(cut), set.clone(), *null),
            Truth::Match(of, matcher) => Truth::Match(of.rebuild(cut), matcher.clone()),
            Truth::Affix(how, of, part) => Truth::Affix(*how, of.rebuild(cut), part.rebuild(cut)),
            Truth::TextIsNull(of) => Truth::TextIsNull(of.rebuild(cut)),
            Truth::IntIsNull(of) => Truth::IntIsNull(of.rebuild(cut)),
            Truth::TruthIsNull(of) => Truth::TruthIsNull(Box::new(of.rebuild(cut))),
            Truth::Is(of, wanted) => Truth::Is(Box::new(of.rebuild(cut)), *wanted),
            Truth::Distinct(left, right) => Truth::Distinct(left.rebuild(cut), right.rebuild(cut)),
            Truth::Case(branches, otherwise) => Truth::Case(
                branches.iter().map(|(when, then)| (when.rebuild(cut), then.rebuild(cut))).collect(),
                Box::new(otherwise.rebuild(cut)),
            ),
        }
    }
}

impl Text {
    /// Rebuilds the expression with some parts replaced.
    pub(crate) fn rebuild(&self, cut: &mut dyn Cut) -> Text {
        if let Some(other) = cut.text(self) {
            return other;
        }
        let mut boxed = |of: &Text| Box::new(of.rebuild(cut));
        match self {
            Text::Field(_) | Text::Literal(_) => self.clone(),
            Text::Concat(parts) => Text::Concat(parts.iter().map(|part| part.rebuild(cut)).collect()),
            Text::Join(parts) => Text::Join(parts.iter().map(|part| part.rebuild(cut)).collect()),
            Text::Lower(of) => Text::Lower(boxed(of)),
            Text::Upper(of) => Text::Upper(boxed(of)),
            Text::Trim(ends, of, letters) => {
                Text::Trim(*ends, boxed(of), letters.as_ref().map(|letters| boxed(letters)))
            }
            Text::Coalesce(parts) => Text::Coalesce(parts.iter().map(|part| part.rebuild(cut)).collect()),
            Text::NullIf(of, null) => Text::NullIf(boxed(of), boxed(null)),
            Text::Substr(of, start, length) => {
                let of = boxed(of);
                let start = Box::new(start.rebuild(cut));
                Text::Substr(of, start, length.as_ref().map(|length| Box::new(length.rebuild(cut))))
            }
            Text::SplitPart(of, by, at) => Text::SplitPart(boxed(of), boxed(by), Box::new(at.rebuild(cut))),
            Text::Replace(of, from, to) => Text::Replace(boxed(of), boxed(from), boxed(to)),
            Text::Left(of, count) => Text::Left(boxed(of), Box::new(count.rebuild(cut))),
            Text::Right(of, count) => Text::Right(boxed(of), Box::new(count.rebuild(cut))),
            Text::RegexpReplace(of, pattern, with, all) => {
                Text::RegexpReplace(boxed(of), pattern.clone(), with.clone(), *all)
            }
            Text::RegexpSubstr(of, pattern) => Text::RegexpSubstr(boxed(of), pattern.clone()),
            Text::Case(branches, otherwise) => Text::Case(
                branches.iter().map(|(when, then)| (when.rebuild(cut), then.rebuild(cut))).collect(),
                Box::new(otherwise.rebuild(cut)),
            ),
            Text::FromInt(of) => Text::FromInt(Box::new(of.rebuild(cut))),
        }
    }
}

impl Int {
    /// Rebuilds the expression with some parts replaced.
    pub(crate) fn rebuild(&self, cut: &mut dyn Cut) -> Int {
        match self {
            Int::Literal(_) => self.clone(),
            Int::Length(of) => Int::Length(Box::new(of.rebuild(cut))),
            Int::Strpos(of, part) => Int::Strpos(Box::new(of.rebuild(cut)), Box::new(part.rebuild(cut))),
        }
    }
}
