//! The SQL of rules, read and evaluated by hand: the auditor's own tokenizer, parser and evaluator.
//!
//! ```text
//! SubAccountId = '123456789012' AND ServiceName LIKE 'Amazon Relational%'
//! lower(coalesce(Tags['team'], Tags['Team']))
//! ```
//! Three-valued logic as in SQL: a comparison with null is unknown, and an unknown condition does not hold. Null and
//! empty text are the same: null. All columns are text. There is no type check: a rule set that leap accepted is assumed; what cannot be evaluated is null.

mod evaluate;
mod functions;
mod grammar;
mod tokens;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

/// A value while an expression is evaluated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    /// Null, and unknown.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text.
    Text(Cow<'a, str>),
}

/// What an expression is evaluated against.
pub trait Facts {
    /// The value of a FOCUS column; null and empty are the same nothing.
    fn column(&self, name: &str) -> Option<Cow<'_, str>>;
    /// `Tags['key']`: allocated tags first, then tags; for another JSON column, its member.
    fn member(&self, column: &str, key: &str) -> Option<Cow<'_, str>>;
}

/// An expression that was read.
pub struct Expression {
    root: grammar::Node,
    patterns: Patterns,
}

/// Regular expressions compiled so far; `None` for one that is not valid.
#[derive(Default)]
struct Patterns(RefCell<HashMap<String, Option<regex::Regex>>>);

impl Patterns {
    fn get(&self, pattern: &str) -> Option<regex::Regex> {
        if let Some(known) = self.0.borrow().get(pattern) {
            return known.clone();
        }
        let compiled = regex::Regex::new(pattern).ok();
        self.0.borrow_mut().insert(pattern.to_owned(), compiled.clone());
        compiled
    }
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// A sentence that names the place and the fault.
    pub fn read(text: &str) -> Result<Expression, String> {
        let tokens = tokens::tokens(text)?;
        Ok(Expression { root: grammar::read(&tokens)?, patterns: Patterns::default() })
    }

    /// True when the condition holds; false and unknown do not.
    pub fn holds(&self, facts: &dyn Facts) -> bool {
        self.value(facts) == Value::Bool(true)
    }

    /// The text of the value; `None` for null.
    pub fn text(&self, facts: &dyn Facts) -> Option<String> {
        self.value(facts).into_text().map(Cow::into_owned)
    }

    fn value<'a>(&'a self, facts: &'a dyn Facts) -> Value<'a> {
        evaluate::value(&self.root, facts, &self.patterns)
    }
}

impl<'a> Value<'a> {
    /// The value as text; `None` for null.
    fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Value::Null => None,
            Value::Bool(value) => Some(Cow::Borrowed(if value { "true" } else { "false" })),
            Value::Int(value) => Some(Cow::Owned(value.to_string())),
            Value::Text(text) => Some(text),
        }
    }
}

#[cfg(test)]
mod tests;
