//! Cuts the text of an expression into tokens.

use super::MathError;
use super::syntax::Operator;

/// A token and where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where: 1-based, in characters.
    pub column: usize,
    /// Its first byte.
    pub start: usize,
    /// The byte behind it.
    pub end: usize,
}

/// The kinds of `Token`.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenKind {
    /// A number without sign.
    Number(f64),
    /// Letters, digits and `_`.
    Name(String),
    /// A string in quotes.
    Text(String),
    /// An operator.
    Operator(Operator),
    /// One of `( ) [ ] ,`
    Mark(char),
    /// Behind the last token.
    End,
}

const OPERATORS: [(&str, Operator); 14] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("&&", Operator::And),
    ("||", Operator::Or),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("+", Operator::Add),
    ("-", Operator::Subtract),
    ("*", Operator::Multiply),
    ("/", Operator::Divide),
    ("^", Operator::Power),
    // The guide's pages carry this dash where they mean a minus.
    ("\u{2013}", Operator::Subtract),
];

/// The tokens of `text`; the last is `End`.
pub fn tokens(text: &str) -> Result<Vec<Token>, MathError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut column = 1;
    while let Some(next) = text[at..].chars().next() {
        if next.is_whitespace() {
            at += next.len_utf8();
            column += 1;
            continue;
        }
        let rest = &text[at..];
        let (kind, length) = token(rest, next, column)?;
        tokens.push(Token { kind, column, start: at, end: at + length });
        column += rest[..length].chars().count();
        at += length;
    }
    tokens.push(Token { kind: TokenKind::End, column, start: at, end: at });
    Ok(tokens)
}

/// The token that `rest` begins with, and its length in bytes.
fn token(rest: &str, next: char, column: usize) -> Result<(TokenKind, usize), MathError> {
    if next == '"' || next == '\'' {
        return quoted(rest, next, column);
    }
    if next.is_ascii_digit() || next == '.' {
        return number(rest, column);
    }
    if next.is_ascii_alphabetic() || next == '_' {
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let kind = match &rest[..length] {
            "AND" => TokenKind::Operator(Operator::And),
            "OR" => TokenKind::Operator(Operator::Or),
            name => TokenKind::Name(name.to_owned()),
        };
        return Ok((kind, length));
    }
    if matches!(next, '(' | ')' | '[' | ']' | ',') {
        return Ok((TokenKind::Mark(next), 1));
    }
    match OPERATORS.iter().find(|(symbol, _)| rest.starts_with(symbol)) {
        Some((symbol, operator)) => Ok((TokenKind::Operator(*operator), symbol.len())),
        None => Err(MathError::syntax(column, &format!("unexpected {next:?}"))),
    }
}

fn number(rest: &str, column: usize) -> Result<(TokenKind, usize), MathError> {
    let digits = |from: usize| rest[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut length = digits(0);
    if rest[length..].starts_with('.') {
        length += 1 + digits(length + 1);
    }
    if rest[length..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[length + 1..].starts_with(['+', '-']));
        let exponent = digits(length + 1 + sign);
        length += if exponent == 0 { 0 } else { 1 + sign + exponent };
    }
    let is_word = rest[length..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.');
    match rest[..length].parse::<f64>() {
        Ok(value) if value.is_finite() && !is_word => Ok((TokenKind::Number(value), length)),
        _ => Err(MathError::syntax(column, "not a number")),
    }
}

fn quoted(rest: &str, quote: char, column: usize) -> Result<(TokenKind, usize), MathError> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return Ok((TokenKind::Text(text), at + 1));
        }
        if character != '\\' {
            text.push(character);
            continue;
        }
        // Only the quote loses its backslash: SEARCH has escapes of its own.
        match characters.next() {
            Some((_, escaped)) if escaped == quote => text.push(escaped),
            Some((_, escaped)) => text.extend(['\\', escaped]),
            None => break,
        }
    }
    Err(MathError::syntax(column, "the string has no end"))
}
