//! The functions that a predicate may call, with their types.
//!
//! ```text
//! lower(Tags['team']) = 'pay'
//! split_part(ResourceId, ':', 5) IN ('123456789012')
//! regexp_like(ResourceName, '^pay-[0-9]+$')
//! ```
//! All of them are pure, total and bounded: no dates, no randomness, nothing that looks outside the charge.

use leap_terms::fault::nearest;

use super::PredicateError;
use super::expression::{Affix, Ends, Int, Matcher, Text, Truth};
use super::parse::{Any, Parser, Placed};

/// Names, least and most arguments, and how a call is written.
const FUNCTIONS: &[(&str, usize, usize, &str)] = &[
    ("btrim", 1, 2, "btrim(text), btrim(text, letters)"),
    ("char_length", 1, 1, "char_length(text)"),
    ("character_length", 1, 1, "character_length(text)"),
    ("coalesce", 1, 64, "coalesce(text, text, …)"),
    ("concat", 1, 64, "concat(text, text, …)"),
    ("contains", 2, 2, "contains(text, part)"),
    ("ends_with", 2, 2, "ends_with(text, part)"),
    ("instr", 2, 2, "instr(text, part)"),
    ("left", 2, 2, "left(text, count)"),
    ("length", 1, 1, "length(text)"),
    ("lower", 1, 1, "lower(text)"),
    ("ltrim", 1, 2, "ltrim(text), ltrim(text, letters)"),
    ("nullif", 2, 2, "nullif(text, text)"),
    ("regexp_extract", 2, 2, "regexp_extract(text, 'pattern')"),
    ("regexp_like", 2, 3, "regexp_like(text, 'pattern'), regexp_like(text, 'pattern', 'i')"),
    ("regexp_match", 2, 3, "regexp_match(text, 'pattern'), regexp_match(text, 'pattern', 'i')"),
    ("regexp_replace", 3, 4, "regexp_replace(text, 'pattern', 'with'), regexp_replace(text, 'pattern', 'with', 'g')"),
    ("regexp_substr", 2, 2, "regexp_substr(text, 'pattern')"),
    ("replace", 3, 3, "replace(text, from, to)"),
    ("right", 2, 2, "right(text, count)"),
    ("rtrim", 1, 2, "rtrim(text), rtrim(text, letters)"),
    ("split_part", 3, 3, "split_part(text, by, number)"),
    ("starts_with", 2, 2, "starts_with(text, part)"),
    ("strpos", 2, 2, "strpos(text, part)"),
    ("substr", 2, 3, "substr(text, start), substr(text, start, length)"),
    ("substring", 2, 3, "substring(text, start), substring(text, start, length)"),
    ("trim", 1, 2, "trim(text), trim(text, letters)"),
    ("upper", 1, 1, "upper(text)"),
];

/// Reads a call after `name(`.
pub(super) fn call(parser: &mut Parser<'_>, name: &str, from: usize) -> Result<Any, PredicateError> {
    let lower = name.to_ascii_lowercase();
    let Some((lower, least, most, written)) = FUNCTIONS.iter().find(|function| function.0 == lower) else {
        let candidate = nearest(&lower, FUNCTIONS.iter().map(|function| function.0));
        let help = candidate.map(|candidate| format!("did you mean {candidate}?"));
        return Err(parser.error_of_call(from, name, format!("unknown function '{}'", name.escape_debug()), help));
    };
    let mut arguments = parser.arguments()?;
    if arguments.len() < *least || arguments.len() > *most {
        let count = if least == most { least.to_string() } else { format!("{least} to {most}") };
        let noun = if *most == 1 { "argument" } else { "arguments" };
        let message = format!("{lower} takes {count} {noun}, found {}", arguments.len());
        return Err(parser.error_of_call(from, name, message, Some(format!("write {written}"))));
    }
    let mut rest = arguments.split_off(1).into_iter();
    let first = arguments.pop().expect("every function takes an argument");
    let (second, third, fourth) = (rest.next(), rest.next(), rest.next());
    let missing = "the number of arguments was checked";
    let boxed = |placed: Placed| parser.want_text(placed).map(Box::new);
    let number = |placed: Placed| parser.want_int(placed).map(Box::new);
    Ok(match *lower {
        "lower" => Any::Text(Text::Lower(boxed(first)?)),
        "upper" => Any::Text(Text::Upper(boxed(first)?)),
        "trim" | "btrim" | "ltrim" | "rtrim" => {
            let ends = match *lower {
                "ltrim" => Ends::Start,
                "rtrim" => Ends::End,
                _ => Ends::Both,
            };
            Any::Text(Text::Trim(ends, boxed(first)?, second.map(boxed).transpose()?))
        }
        "coalesce" | "concat" => {
            let mut parts = vec![parser.want_text(first)?];
            for part in second.into_iter().chain(third).chain(fourth).chain(rest) {
                parts.push(parser.want_text(part)?);
            }
            Any::Text(if *lower == "coalesce" { Text::Coalesce(parts) } else { Text::Join(parts) })
        }
        "nullif" => Any::Text(Text::NullIf(boxed(first)?, boxed(second.expect(missing))?)),
        "substr" | "substring" => {
            Any::Text(Text::Substr(boxed(first)?, number(second.expect(missing))?, third.map(number).transpose()?))
        }
        "split_part" => {
            let at = third.expect(missing);
            if matches!(at.any, Any::Int(Int::Literal(Some(0)))) {
                return Err(parser.error_at(&at, "parts are counted from 1"));
            }
            Any::Text(Text::SplitPart(boxed(first)?, boxed(second.expect(missing))?, number(at)?))
        }
        "replace" => {
            Any::Text(Text::Replace(boxed(first)?, boxed(second.expect(missing))?, boxed(third.expect(missing))?))
        }
        "left" => Any::Text(Text::Left(boxed(first)?, number(second.expect(missing))?)),
        "right" => Any::Text(Text::Right(boxed(first)?, number(second.expect(missing))?)),
        "length" | "char_length" | "character_length" => Any::Int(Int::Length(boxed(first)?)),
        "strpos" | "instr" => Any::Int(Int::Strpos(boxed(first)?, boxed(second.expect(missing))?)),
        "starts_with" => Any::Truth(parser.affix(Affix::Starts, first, second.expect(missing))?),
        "ends_with" => Any::Truth(parser.affix(Affix::Ends, first, second.expect(missing))?),
        "contains" => Any::Truth(parser.affix(Affix::Contains, first, second.expect(missing))?),
        "regexp_like" | "regexp_match" => {
            let flags = third.map(|flags| flag_prefix(parser, &flags, "imsx")).transpose()?.unwrap_or_default();
            let pattern = parser.want_pattern(&second.expect(missing), &flags)?;
            Any::Truth(Truth::Match(parser.want_text(first)?, Matcher::Pattern(pattern)))
        }
        "regexp_substr" | "regexp_extract" => {
            let pattern = parser.want_pattern(&second.expect(missing), "")?;
            Any::Text(Text::RegexpSubstr(boxed(first)?, pattern))
        }
        "regexp_replace" => {
            let written = fourth.as_ref().map(|flags| parser.want_literal(flags, "the flags")).transpose()?;
            let all = written.as_deref().is_some_and(|flags| flags.contains('g'));
            let flags = fourth.map(|flags| flag_prefix(parser, &flags, "gimsx")).transpose()?.unwrap_or_default();
            let pattern = parser.want_pattern(&second.expect(missing), &flags)?;
            let with = parser.want_literal(&third.expect(missing), "the replacement")?;
            Any::Text(Text::RegexpReplace(boxed(first)?, pattern, replacement(&with), all))
        }
        _ => unreachable!("{lower} is in the list of functions"),
    })
}

fn flag_prefix(parser: &Parser<'_>, flags: &Placed, allowed: &str) -> Result<String, PredicateError> {
    let written = parser.want_literal(flags, "the flags")?;
    if let Some(wrong) = written.chars().find(|flag| !allowed.contains(*flag)) {
        return Err(parser.error_at(flags, format!("unknown flag '{}'; flags are {allowed}", wrong.escape_debug())));
    }
    let inline: String = written.chars().filter(|flag| *flag != 'g').collect();
    Ok(if inline.is_empty() { inline } else { format!("(?{inline})") })
}

/// `\1` and `\&`, as SQL writes groups, to `${1}` and `${0}`; a dollar stays a dollar.
fn replacement(with: &str) -> String {
    let mut out = String::new();
    let mut letters = with.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek().copied()) {
            ('$', _) => out.push_str("$$"),
            ('\\', Some(digit @ '0'..='9')) => {
                out.push_str(&format!("${{{digit}}}"));
                letters.next();
            }
            ('\\', Some('&')) => {
                out.push_str("${0}");
                letters.next();
            }
            ('\\', Some('\\')) => {
                out.push('\\');
                letters.next();
            }
            _ => out.push(letter),
        }
    }
    out
}
