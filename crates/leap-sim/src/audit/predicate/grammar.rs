//! From words to a tree, by precedence climbing (Pratt).
//!
//! ```text
//! a = 'x' OR b = 'y' AND NOT c IS NULL   →   (a = 'x') OR ((b = 'y') AND (NOT (c IS NULL)))
//! ```
//! From weak to strong: OR, AND, NOT, comparison (also IN, LIKE, BETWEEN, IS, ~), `||`.

use super::functions::Function;
use super::tokens::Token;

/// How deep an expression may nest.
const DEPTH: usize = 200;

/// A node of the tree.
#[derive(Debug)]
pub enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    Column(String),
    Member(String, String),
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Compare(Comparison, Box<Node>, Box<Node>),
    Join(Box<Node>, Box<Node>),
    IsNull(Box<Node>, bool),
    Is(Box<Node>, bool, bool),
    In(Box<Node>, Vec<Node>, bool),
    Between(Box<Node>, Box<Node>, Box<Node>, bool),
    Like { text: Box<Node>, pattern: Box<Node>, escape: char, any_case: bool, negated: bool },
    Matches { text: Box<Node>, pattern: Box<Node>, any_case: bool, negated: bool },
    Call(Function, Vec<Node>),
    Case { operand: Option<Box<Node>>, branches: Vec<(Node, Node)>, otherwise: Option<Box<Node>> },
}

/// An operator between two values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARISON: u8 = 4;
const JOIN: u8 = 5;

/// Reads a whole expression.
///
/// # Errors
/// A sentence about the first word that does not fit.
pub fn read(tokens: &[Token]) -> Result<Node, String> {
    let mut parser = Parser { tokens, at: 0, depth: 0 };
    let node = parser.expression(0)?;
    if parser.at < tokens.len() { Err(parser.surprise()) } else { Ok(node) }
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn surprise(&self) -> String {
        match self.tokens.get(self.at) {
            Some(token) => format!("unexpected {token:?} as word {} of the expression", self.at + 1),
            None => "the expression ends too early".to_owned(),
        }
    }

    fn is_word(&self, ahead: usize, word: &str) -> bool {
        matches!(self.tokens.get(self.at + ahead), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word))
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(0, word);
        self.at += usize::from(found);
        found
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Sign(found)) if *found == sign)
    }

    fn eat_sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn need_sign(&mut self, sign: &str) -> Result<(), String> {
        if self.eat_sign(sign) { Ok(()) } else { Err(self.surprise()) }
    }

    fn need_word(&mut self, word: &str) -> Result<(), String> {
        if self.eat_word(word) { Ok(()) } else { Err(self.surprise()) }
    }

    fn expression(&mut self, weakest: u8) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("the expression nests too deep".to_owned());
        }
        let mut left = if self.eat_word("NOT") { Node::Not(Box::new(self.expression(NOT)?)) } else { self.primary()? };
        loop {
            if weakest < OR && self.eat_word("OR") {
                let right = self.expression(OR)?;
                left = match left {
                    Node::Or(mut terms) => {
                        terms.push(right);
                        Node::Or(terms)
                    }
                    first => Node::Or(vec![first, right]),
                };
            } else if weakest < AND && self.eat_word("AND") {
                let right = self.expression(AND)?;
                left = match left {
                    Node::And(mut terms) => {
                        terms.push(right);
                        Node::And(terms)
                    }
                    first => Node::And(vec![first, right]),
                };
            } else if weakest < JOIN && self.eat_sign("||") {
                left = Node::Join(Box::new(left), Box::new(self.expression(JOIN)?));
            } else if weakest < COMPARISON && self.starts_comparison() {
                left = self.comparison(left)?;
            } else {
                self.depth -= 1;
                return Ok(left);
            }
        }
    }

    fn starts_comparison(&self) -> bool {
        let signs = ["=", "==", "<>", "!=", "<", "<=", ">", ">=", "~", "~*", "!~", "!~*"];
        let words = ["IN", "LIKE", "ILIKE", "BETWEEN", "IS"];
        signs.iter().any(|sign| self.is_sign(sign))
            || words.iter().any(|word| self.is_word(0, word))
            || self.is_word(0, "NOT") && words.iter().any(|word| self.is_word(1, word))
    }

    fn comparison(&mut self, left: Node) -> Result<Node, String> {
        let left = Box::new(left);
        let comparisons = [
            ("==", Comparison::Equal),
            ("=", Comparison::Equal),
            ("<>", Comparison::NotEqual),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            ("<", Comparison::Less),
            (">=", Comparison::GreaterOrEqual),
            (">", Comparison::Greater),
        ];
        for (sign, comparison) in comparisons {
            if self.eat_sign(sign) {
                return Ok(Node::Compare(comparison, left, Box::new(self.expression(COMPARISON)?)));
            }
        }
        for (sign, any_case, negated) in
            [("~", false, false), ("~*", true, false), ("!~", false, true), ("!~*", true, true)]
        {
            if self.eat_sign(sign) {
                let pattern = Box::new(self.expression(COMPARISON)?);
                return Ok(Node::Matches { text: left, pattern, any_case, negated });
            }
        }
        if self.eat_word("IS") {
            let negated = self.eat_word("NOT");
            if self.eat_word("NULL") || self.eat_word("UNKNOWN") {
                return Ok(Node::IsNull(left, negated));
            }
            if self.eat_word("TRUE") {
                return Ok(Node::Is(left, true, negated));
            }
            self.need_word("FALSE")?;
            return Ok(Node::Is(left, false, negated));
        }
        let negated = self.eat_word("NOT");
        if self.eat_word("IN") {
            self.need_sign("(")?;
            return Ok(Node::In(left, self.list()?, negated));
        }
        if self.eat_word("BETWEEN") {
            let low = Box::new(self.expression(COMPARISON)?);
            self.need_word("AND")?;
            return Ok(Node::Between(left, low, Box::new(self.expression(COMPARISON)?), negated));
        }
        let any_case = self.eat_word("ILIKE");
        if !any_case {
            self.need_word("LIKE")?;
        }
        let pattern = Box::new(self.expression(COMPARISON)?);
        let mut escape = '\\';
        if self.eat_word("ESCAPE") {
            let Some(Token::Text(text)) = self.tokens.get(self.at) else { return Err(self.surprise()) };
            escape = text.chars().next().ok_or("an escape is one character")?;
            self.at += 1;
        }
        Ok(Node::Like { text: left, pattern, escape, any_case, negated })
    }

    /// Expressions up to the closing bracket; the opening one is eaten already.
    fn list(&mut self) -> Result<Vec<Node>, String> {
        let mut items = Vec::new();
        if self.eat_sign(")") {
            return Ok(items);
        }
        loop {
            items.push(self.expression(0)?);
            if self.eat_sign(")") {
                return Ok(items);
            }
            self.need_sign(",")?;
        }
    }

    fn primary(&mut self) -> Result<Node, String> {
        let token = self.tokens.get(self.at).ok_or_else(|| self.surprise())?;
        self.at += 1;
        match token {
            Token::Text(text) => Ok(Node::Text(text.clone())),
            Token::Number(digits) => Ok(number(digits, false)),
            Token::Sign("-") => match self.tokens.get(self.at) {
                Some(Token::Number(digits)) => {
                    self.at += 1;
                    Ok(number(digits, true))
                }
                _ => Err(self.surprise()),
            },
            Token::Sign("(") => {
                let inner = self.expression(0)?;
                self.need_sign(")")?;
                Ok(inner)
            }
            Token::Quoted(name) => self.column(name),
            Token::Word(word) => match word.to_ascii_uppercase().as_str() {
                "NULL" => Ok(Node::Null),
                "TRUE" => Ok(Node::Bool(true)),
                "FALSE" => Ok(Node::Bool(false)),
                "CASE" => self.case(),
                _ if self.eat_sign("(") => self.call(word),
                _ => self.column(word),
            },
            Token::Sign(_) => {
                self.at -= 1;
                Err(self.surprise())
            }
        }
    }

    fn column(&mut self, name: &str) -> Result<Node, String> {
        if !self.eat_sign("[") {
            return Ok(Node::Column(name.to_owned()));
        }
        let Some(Token::Text(key)) = self.tokens.get(self.at) else { return Err(self.surprise()) };
        let node = Node::Member(name.to_owned(), key.clone());
        self.at += 1;
        self.need_sign("]")?;
        Ok(node)
    }

    fn call(&mut self, name: &str) -> Result<Node, String> {
        if name.eq_ignore_ascii_case("trim") {
            // TRIM(LEADING 'x' FROM text) beside trim(text, 'x').
            for (side, function) in
                [("BOTH", Function::Trim), ("LEADING", Function::LeftTrim), ("TRAILING", Function::RightTrim)]
            {
                if self.eat_word(side) {
                    let mut arguments = Vec::new();
                    if !self.is_word(0, "FROM") {
                        arguments.push(self.expression(0)?);
                    }
                    self.need_word("FROM")?;
                    arguments.insert(0, self.expression(0)?);
                    self.need_sign(")")?;
                    return Ok(Node::Call(function, arguments));
                }
            }
        }
        if name.eq_ignore_ascii_case("substring") && !self.is_sign(")") {
            // SUBSTRING(text FROM 2 FOR 3) beside substring(text, 2, 3).
            let mut arguments = vec![self.expression(0)?];
            if self.eat_word("FROM") {
                arguments.push(self.expression(0)?);
                if self.eat_word("FOR") {
                    arguments.push(self.expression(0)?);
                }
                self.need_sign(")")?;
            } else if !self.eat_sign(")") {
                self.need_sign(",")?;
                arguments.extend(self.list()?);
            }
            return Function::named(name).map(|function| Node::Call(function, arguments));
        }
        let (function, mut arguments) = (Function::named(name)?, self.list()?);
        if function == Function::RegexpMatch && self.eat_sign("[") {
            // regexp_match(text, 'team-(.+)')[1] is the text of the first group.
            arguments.truncate(2);
            arguments.push(self.primary()?);
            self.need_sign("]")?;
        }
        Ok(Node::Call(function, arguments))
    }

    fn case(&mut self) -> Result<Node, String> {
        let operand = if self.is_word(0, "WHEN") { None } else { Some(Box::new(self.expression(0)?)) };
        let mut branches = Vec::new();
        while self.eat_word("WHEN") {
            let condition = self.expression(0)?;
            self.need_word("THEN")?;
            branches.push((condition, self.expression(0)?));
        }
        let otherwise = if self.eat_word("ELSE") { Some(Box::new(self.expression(0)?)) } else { None };
        self.need_word("END")?;
        if branches.is_empty() {
            return Err("a CASE needs a WHEN".to_owned());
        }
        Ok(Node::Case { operand, branches, otherwise })
    }
}

/// Whole numbers are numbers; anything else compares as text.
fn number(digits: &str, negative: bool) -> Node {
    let text = if negative { format!("-{digits}") } else { digits.to_owned() };
    text.parse().map(Node::Int).unwrap_or(Node::Text(text))
}
