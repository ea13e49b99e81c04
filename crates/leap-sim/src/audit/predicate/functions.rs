//! The functions of the rules' SQL.
//!
//! ```text
//! split_part('a:b:c', ':', 2) = 'b'     substr('payments', 1, 3) = 'pay'
//! coalesce(NULL, 'x') = 'x'             concat('a', NULL, 'b') = 'ab'
//! ```
//! Positions and lengths count characters from 1. A null argument gives null, except in `coalesce`, `nullif`,
//! `concat` and the replacements of `replace` and `regexp_replace`. Arguments of the wrong kind give null.

use std::borrow::Cow;

use super::{Patterns, Value};

/// A function by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    Lower,
    Upper,
    Trim,
    LeftTrim,
    RightTrim,
    Coalesce,
    NullIf,
    Substr,
    SplitPart,
    Replace,
    Concat,
    StartsWith,
    EndsWith,
    Contains,
    StrPos,
    Length,
    Left,
    Right,
    RegexpLike,
    RegexpMatch,
    RegexpReplace,
}

impl Function {
    /// The function of that name.
    ///
    /// # Errors
    /// A sentence that names the unknown function.
    pub fn named(name: &str) -> Result<Function, String> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "lower" => Function::Lower,
            "upper" => Function::Upper,
            "trim" | "btrim" => Function::Trim,
            "ltrim" => Function::LeftTrim,
            "rtrim" => Function::RightTrim,
            "coalesce" => Function::Coalesce,
            "nullif" => Function::NullIf,
            "substr" | "substring" => Function::Substr,
            "split_part" => Function::SplitPart,
            "replace" => Function::Replace,
            "concat" => Function::Concat,
            "starts_with" => Function::StartsWith,
            "ends_with" => Function::EndsWith,
            "contains" => Function::Contains,
            "strpos" | "instr" => Function::StrPos,
            "length" | "char_length" | "character_length" => Function::Length,
            "left" => Function::Left,
            "right" => Function::Right,
            "regexp_like" => Function::RegexpLike,
            "regexp_match" => Function::RegexpMatch,
            "regexp_replace" => Function::RegexpReplace,
            _ => return Err(format!("unknown function {name}")),
        })
    }
}

/// The value of a function.
pub fn call<'a>(function: Function, arguments: Vec<Value<'a>>, patterns: &Patterns) -> Value<'a> {
    match function {
        Function::Coalesce => arguments.into_iter().find(|value| *value != Value::Null).unwrap_or(Value::Null),
        Function::NullIf => match <[Value<'_>; 2]>::try_from(arguments) {
            Ok([value, other]) if value == other => Value::Null,
            Ok([value, _]) => value,
            Err(_) => Value::Null,
        },
        Function::Concat => {
            let texts = arguments.into_iter().filter_map(Value::into_text);
            Value::Text(Cow::Owned(texts.collect::<String>()))
        }
        Function::Replace | Function::RegexpReplace => {
            // Here '' is what to put in place of something, not the absence of a value.
            let empty = || Argument { text: Cow::Borrowed(""), number: None };
            let text = arguments.first().is_some_and(|text| *text != Value::Null);
            let arguments: Vec<_> =
                arguments.into_iter().map(|value| Argument::of(value).unwrap_or_else(empty)).collect();
            if text { of_arguments(function, &arguments, patterns).unwrap_or(Value::Null) } else { Value::Null }
        }
        _ => {
            let arguments: Option<Vec<Argument<'a>>> = arguments.into_iter().map(Argument::of).collect();
            arguments.and_then(|arguments| of_arguments(function, &arguments, patterns)).unwrap_or(Value::Null)
        }
    }
}

/// An argument that is not null.
struct Argument<'a> {
    text: Cow<'a, str>,
    number: Option<i64>,
}

impl<'a> Argument<'a> {
    fn of(value: Value<'a>) -> Option<Argument<'a>> {
        let number = if let Value::Int(number) = value { Some(number) } else { None };
        Some(Argument { text: value.into_text()?, number })
    }
}

fn of_arguments<'a>(function: Function, arguments: &[Argument<'_>], patterns: &Patterns) -> Option<Value<'a>> {
    let text = |at: usize| arguments.get(at).map(|argument| argument.text.as_ref());
    let number = |at: usize| arguments.get(at).and_then(|argument| argument.number);
    let owned = |text: &str| Some(Value::Text(Cow::Owned(text.to_owned())));
    let first = text(0)?;
    match function {
        Function::Lower => owned(&first.to_lowercase()),
        Function::Upper => owned(&first.to_uppercase()),
        Function::Trim => owned(first.trim_matches(|c| text(1).unwrap_or(" ").contains(c))),
        Function::LeftTrim => owned(first.trim_start_matches(|c| text(1).unwrap_or(" ").contains(c))),
        Function::RightTrim => owned(first.trim_end_matches(|c| text(1).unwrap_or(" ").contains(c))),
        Function::Substr => {
            let start = number(1)?;
            let end = match arguments.len() {
                2 => i64::MAX,
                _ => start.checked_add(number(2).filter(|length| *length >= 0)?)?,
            };
            let inside = |at: &usize| start <= *at as i64 && (*at as i64) < end;
            let kept = first.chars().zip(1_usize..).filter(|(_, at)| inside(at)).map(|(c, _)| c);
            owned(&kept.collect::<String>())
        }
        Function::SplitPart => {
            let (delimiter, wanted) = (text(1)?, number(2)?);
            let parts: Vec<&str> = if delimiter.is_empty() { vec![first] } else { first.split(delimiter).collect() };
            let at = match wanted {
                1.. => wanted - 1,
                0 => return None,
                _ => parts.len() as i64 + wanted,
            };
            owned(usize::try_from(at).ok().and_then(|at| parts.get(at)).unwrap_or(&""))
        }
        Function::Replace => {
            let (from, to) = (text(1)?, text(2)?);
            if from.is_empty() { owned(first) } else { owned(&first.replace(from, to)) }
        }
        Function::StartsWith => Some(Value::Bool(first.starts_with(text(1)?))),
        Function::EndsWith => Some(Value::Bool(first.ends_with(text(1)?))),
        Function::Contains => Some(Value::Bool(first.contains(text(1)?))),
        Function::StrPos => {
            let at = first.find(text(1)?);
            Some(Value::Int(at.map_or(0, |at| first[..at].chars().count() as i64 + 1)))
        }
        Function::Length => Some(Value::Int(first.chars().count() as i64)),
        Function::Left | Function::Right => {
            let count = first.chars().count() as i64;
            let wanted = number(1)?;
            let kept = if wanted < 0 { (count + wanted).max(0) } else { wanted.min(count) } as usize;
            let skipped = if function == Function::Left { 0 } else { count as usize - kept };
            owned(&first.chars().skip(skipped).take(kept).collect::<String>())
        }
        Function::RegexpLike => Some(Value::Bool(patterns.get(&with_flags(text(1)?, text(2)))?.is_match(first))),
        Function::RegexpMatch => {
            // The condition holds or is null; a number after the pattern asks for the text of that group.
            let found = patterns.get(text(1)?)?.captures(first)?;
            match number(2) {
                None => Some(Value::Bool(true)),
                Some(group) if found.len() == 1 && group == 1 => owned(&found[0]),
                Some(group) => owned(found.get(usize::try_from(group).ok()?)?.as_str()),
            }
        }
        Function::RegexpReplace => {
            let pattern = patterns.get(&with_flags(text(1)?, text(3)))?;
            let replacement = with_groups(text(2)?);
            let every = text(3).is_some_and(|flags| flags.contains('g'));
            owned(&pattern.replacen(first, usize::from(!every), replacement.as_str()))
        }
        Function::Coalesce | Function::NullIf | Function::Concat => None,
    }
}

fn with_flags(pattern: &str, flags: Option<&str>) -> String {
    let flags: String = flags.unwrap_or("").chars().filter(|flag| matches!(flag, 'i' | 'm' | 's' | 'x')).collect();
    if flags.is_empty() { pattern.to_owned() } else { format!("(?{flags}){pattern}") }
}

/// `\1` of SQL is `${1}` of the regex crate.
fn with_groups(replacement: &str) -> String {
    let mut out = String::new();
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(digit) if c == '\\' && digit.is_ascii_digit() => {
                out.push_str(&format!("${{{digit}}}"));
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}
