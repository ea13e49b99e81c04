//! The value of an expression for one row.
//!
//! ```text
//! NULL = 'x'          → null        NULL OR true   → true
//! 'a' IN ('b', NULL)  → null        NULL AND false → false
//! ```

use std::borrow::Cow;
use std::cmp::Ordering;

use super::grammar::{Comparison, Node};
use super::{Facts, Patterns, Value, functions};

/// Evaluates a node. Empty text is null, wherever it comes from.
pub fn value<'a>(node: &'a Node, facts: &'a dyn Facts, patterns: &Patterns) -> Value<'a> {
    match raw_value(node, facts, patterns) {
        Value::Text(text) if text.is_empty() => Value::Null,
        value => value,
    }
}

fn raw_value<'a>(node: &'a Node, facts: &'a dyn Facts, patterns: &Patterns) -> Value<'a> {
    let of = |node: &'a Node| value(node, facts, patterns);
    match node {
        Node::Null => Value::Null,
        Node::Bool(value) => Value::Bool(*value),
        Node::Int(value) => Value::Int(*value),
        Node::Text(text) => Value::Text(Cow::Borrowed(text)),
        Node::Column(name) => facts.column(name).map_or(Value::Null, Value::Text),
        Node::Member(column, key) => facts.member(column, key).map_or(Value::Null, Value::Text),
        Node::Not(inner) => three_valued(truth(of(inner)).map(|truth| !truth)),
        Node::And(terms) => three_valued(all(terms.iter().map(|term| truth(of(term))))),
        Node::Or(terms) => three_valued(any(terms.iter().map(|term| truth(of(term))))),
        Node::Compare(comparison, left, right) => three_valued(compare(*comparison, &of(left), &of(right))),
        Node::Join(left, right) => match (of(left).into_text(), of(right).into_text()) {
            (Some(left), Some(right)) => Value::Text(Cow::Owned(format!("{left}{right}"))),
            _ => Value::Null,
        },
        Node::IsNull(inner, negated) => Value::Bool((of(inner) == Value::Null) != *negated),
        Node::Is(inner, wanted, negated) => Value::Bool((truth(of(inner)) == Some(*wanted)) != *negated),
        Node::In(inner, items, negated) => {
            let inner = of(inner);
            let found = any(items.iter().map(|item| compare(Comparison::Equal, &inner, &of(item))));
            three_valued(found.map(|found| found != *negated))
        }
        Node::Between(inner, low, high, negated) => {
            let inner = of(inner);
            let above = compare(Comparison::GreaterOrEqual, &inner, &of(low));
            let below = compare(Comparison::LessOrEqual, &inner, &of(high));
            three_valued(all([above, below].into_iter()).map(|inside| inside != *negated))
        }
        Node::Like { text, pattern, escape, any_case, negated } => {
            let (Some(text), Some(pattern)) = (of(text).into_text(), of(pattern).into_text()) else {
                return Value::Null;
            };
            let found = if *any_case {
                like(&text.to_lowercase(), &pattern.to_lowercase(), *escape)
            } else {
                like(&text, &pattern, *escape)
            };
            Value::Bool(found != *negated)
        }
        Node::Matches { text, pattern, any_case, negated } => {
            let (Some(text), Some(pattern)) = (of(text).into_text(), of(pattern).into_text()) else {
                return Value::Null;
            };
            let pattern = if *any_case { format!("(?i){pattern}") } else { pattern.into_owned() };
            match patterns.get(&pattern) {
                Some(pattern) => Value::Bool(pattern.is_match(&text) != *negated),
                None => Value::Null,
            }
        }
        Node::Call(function, arguments) => functions::call(*function, arguments.iter().map(of).collect(), patterns),
        Node::Case { operand, branches, otherwise } => {
            let operand = operand.as_ref().map(|operand| of(operand));
            for (condition, result) in branches {
                let condition = of(condition);
                let holds = match &operand {
                    Some(operand) => compare(Comparison::Equal, operand, &condition) == Some(true),
                    None => condition == Value::Bool(true),
                };
                if holds {
                    return of(result);
                }
            }
            otherwise.as_ref().map_or(Value::Null, |otherwise| of(otherwise))
        }
    }
}

fn three_valued(truth: Option<bool>) -> Value<'static> {
    truth.map_or(Value::Null, Value::Bool)
}

fn truth(value: Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(value),
        Value::Text(text) if text == "true" => Some(true),
        Value::Text(text) if text == "false" => Some(false),
        Value::Null | Value::Int(_) | Value::Text(_) => None,
    }
}

fn all(terms: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    any(terms.map(|term| term.map(|term| !term))).map(|some_false| !some_false)
}

fn any(terms: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut unknown = false;
    for term in terms {
        match term {
            Some(true) => return Some(true),
            Some(false) => {}
            None => unknown = true,
        }
    }
    if unknown { None } else { Some(false) }
}

/// Numbers compare as numbers, everything else as text, byte by byte.
fn compare(comparison: Comparison, left: &Value<'_>, right: &Value<'_>) -> Option<bool> {
    let order = match (left, right) {
        (Value::Null, _) | (_, Value::Null) => return None,
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
        _ => left.clone().into_text()?.cmp(&right.clone().into_text()?),
    };
    Some(match comparison {
        Comparison::Equal => order == Ordering::Equal,
        Comparison::NotEqual => order != Ordering::Equal,
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::GreaterOrEqual => order != Ordering::Less,
    })
}

/// A piece of a LIKE pattern.
enum Piece {
    One(char),
    AnyOne,
    Any,
}

fn like(text: &str, pattern: &str, escape: char) -> bool {
    let mut pieces = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            c if c == escape => Piece::One(chars.next().unwrap_or(escape)),
            '%' => Piece::Any,
            '_' => Piece::AnyOne,
            c => Piece::One(c),
        });
    }
    // Greedy match with one point to return to: the last `%` seen.
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut piece) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() || piece < pieces.len() {
        let fits = match pieces.get(piece) {
            Some(Piece::Any) => {
                retry = Some((at, piece));
                piece += 1;
                continue;
            }
            Some(Piece::AnyOne) => at < text.len(),
            Some(Piece::One(c)) => text.get(at) == Some(c),
            None => false,
        };
        if fits {
            at += 1;
            piece += 1;
            continue;
        }
        match retry {
            Some((from, any)) if from < text.len() => {
                retry = Some((from + 1, any));
                at = from + 1;
                piece = any + 1;
            }
            _ => return false,
        }
    }
    true
}
