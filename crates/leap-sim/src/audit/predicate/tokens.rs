//! The words of an expression.
//!
//! ```text
//! Tags['team'] <> 'O''Hara'   →  Tags  [  'team'  ]  <>  'O'Hara'
//! ```

/// One word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Token {
    /// A bare name or keyword, as written.
    Word(String),
    /// A name in double quotes.
    Quoted(String),
    /// A string in single quotes.
    Text(String),
    /// A number, as written.
    Number(String),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// Longer signs first, so that `<=` is not read as `<` and `=`.
const SIGNS: [&str; 20] =
    ["!~*", "<=", ">=", "<>", "!=", "==", "||", "!~", "~*", "~", "=", "<", ">", "(", ")", "[", "]", ",", "-", "+"];

/// Splits an expression into words.
///
/// # Errors
/// A sentence about the first character that belongs to no word.
pub fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first == '\'' || first == '"' {
            let (content, length) = quoted(rest, first).ok_or_else(|| format!("{first} without its end in {text}"))?;
            tokens.push(if first == '\'' { Token::Text(content) } else { Token::Quoted(content) });
            length
        } else if first.is_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..length].to_owned()));
            length
        } else if first.is_ascii_digit() {
            let length = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
            tokens.push(Token::Number(rest[..length].to_owned()));
            length
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            sign.len()
        } else {
            return Err(format!("unexpected {first:?} in {text}"));
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// The content of a quoted word, where a doubled quote stands for one, and its length with quotes.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut content = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            content.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == quote) {
            chars.next();
            content.push(quote);
        } else {
            return Some((content, at + 1));
        }
    }
    None
}
