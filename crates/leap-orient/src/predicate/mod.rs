//! Predicates: the SQL conditions of rules, and the SQL expressions that name an owner.
//!
//! ```text
//! SubAccountId = '123456789012' AND ServiceName LIKE 'Amazon Relational%'
//! coalesce(Tags['team'], split_part(Tags['org'], '/', 2))
//! ```
//! Reading order: [`fields`] (what may be read), [`expression`] (types and evaluation), `parse` (text to types),
//! `functions`. The grammar is that of SQL conditions as DataFusion and PostgreSQL have them, without subqueries, casts and
//! arithmetic. Parsing happens once per rule set; it never panics and never recurses deeper than its limit.

pub mod expression;
pub mod fields;
mod functions;
mod parse;

#[cfg(test)]
mod tests;

pub use expression::{Int, Row, Text, Truth};
pub use fields::{Field, Fields, TagSource};

/// What is wrong with a predicate, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PredicateError {
    /// Byte in the predicate's text at which the faulty part starts.
    pub offset: usize,
    /// How many characters the faulty part has.
    pub length: usize,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl std::error::Error for PredicateError {}

impl std::fmt::Display for PredicateError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(out, " ({help})"),
            None => Ok(()),
        }
    }
}

/// A condition: true, false or unknown for each charge.
#[derive(Clone, Debug)]
pub struct Predicate {
    /// As written.
    pub source: String,
    /// As understood.
    pub truth: Truth,
}

impl Predicate {
    /// Reads a condition; the fields it reads are numbered in `fields`.
    ///
    /// # Errors
    /// The first fault, with its place in the text.
    pub fn parse(source: &str, fields: &mut Fields) -> Result<Predicate, PredicateError> {
        parse::truth(source, fields).map(|truth| Predicate { source: source.to_owned(), truth })
    }
}

/// An expression that yields a text, such as the name of an owner.
#[derive(Clone, Debug)]
pub struct TextExpression {
    /// As written.
    pub source: String,
    /// As understood.
    pub text: Text,
}

impl TextExpression {
    /// Reads an expression; the fields it reads are numbered in `fields`.
    ///
    /// # Errors
    /// The first fault, with its place in the text.
    pub fn parse(source: &str, fields: &mut Fields) -> Result<TextExpression, PredicateError> {
        parse::text(source, fields).map(|text| TextExpression { source: source.to_owned(), text })
    }
}

/// Reads the name of one column or tag, as the header of a mapping file has them: `SubAccountId`, `Tags['team']`.
///
/// # Errors
/// What is wrong with it.
pub fn parse_field(source: &str, fields: &mut Fields) -> Result<u32, PredicateError> {
    // A header may hold names that SQL would want quoted: x_cost/center.
    let plain = source.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("x_")) && !source.contains('"');
    let quoted = format!("\"{source}\"");
    match parse::text(if plain { &quoted } else { source }, fields)? {
        Text::Field(number) => Ok(number),
        _ => Err(PredicateError {
            offset: 0,
            length: source.chars().count(),
            message: format!("'{}' is no column", source.escape_debug()),
            help: Some("a header names FOCUS columns, x_ columns or Tags['key']".to_owned()),
        }),
    }
}
