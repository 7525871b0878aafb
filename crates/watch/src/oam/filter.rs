//! The filters of links: which log groups, or which namespaces of metrics, a source account shares. Pure.
//!
//! AWS: <https://docs.aws.amazon.com/OAM/latest/APIReference/API_LogGroupConfiguration.html> and `API_MetricConfiguration`. The term
//! is `LogGroupName` or `Namespace`; operators are `=`, `!=`, `IN`, `NOT IN`, `LIKE` and `NOT LIKE`, the last two for beginnings
//! (`'aws/%'`) only; texts stand in single quotes and have case. Up to five `AND` and `OR` join conditions; `AND` binds closer, as in
//! SQL (AWS does not say). There are no parentheses but those of `IN`. Keywords have no case here.

use std::fmt::{self, Display, Formatter};

/// Most `AND` and `OR` of a filter.
const JOINED_MAX: usize = 5;

/// What a filter is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// `LogGroupName`.
    LogGroupName,
    /// `Namespace`.
    Namespace,
}

impl Term {
    fn word(self) -> &'static str {
        match self {
            Term::LogGroupName => "LogGroupName",
            Term::Namespace => "Namespace",
        }
    }
}

/// A filter that was understood: one of the lists of conditions must hold as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(Vec<Vec<Condition>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    negated: bool,
    /// Beginnings instead of whole names.
    prefix: bool,
    texts: Vec<String>,
}

/// What is wrong with a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Something else stands where this was expected.
    #[error("expected {0}, found {1}")]
    Unexpected(String, String),
    /// A quote that is never closed.
    #[error("a single quotation mark is not closed")]
    OpenQuote,
    /// `LIKE` with anything but a beginning.
    #[error("LIKE takes a beginning that ends with its only %, not '{0}'")]
    NoPrefix(String),
    /// Too many conditions.
    #[error("at most {JOINED_MAX} AND and OR are allowed")]
    TooMany,
}

impl Filter {
    /// Reads a filter about `term`.
    pub fn parse(term: Term, text: &str) -> Result<Self, FilterError> {
        let mut words = Words { tokens: tokens(text)?, at: 0 };
        let mut any = vec![vec![condition(term, &mut words)?]];
        let mut joined = 0;
        while let Some(token) = words.next() {
            joined += 1;
            if joined > JOINED_MAX {
                return Err(FilterError::TooMany);
            }
            if token.is_word("OR") {
                any.push(Vec::new());
            } else if !token.is_word("AND") {
                return Err(unexpected("AND, OR or the end", Some(&token)));
            }
            let next = condition(term, &mut words)?;
            if let Some(all) = any.last_mut() {
                all.push(next);
            }
        }
        Ok(Self(any))
    }

    /// Whether `name` is shared.
    pub fn admits(&self, name: &str) -> bool {
        self.0.iter().any(|all| all.iter().all(|condition| condition.holds(name)))
    }
}

impl Condition {
    fn holds(&self, name: &str) -> bool {
        let is = |text: &String| if self.prefix { name.starts_with(text.as_str()) } else { name == text };
        self.texts.iter().any(is) != self.negated
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(&'static str),
}

impl Token {
    fn is_word(&self, word: &str) -> bool {
        matches!(self, Token::Word(text) if text.eq_ignore_ascii_case(word))
    }
}

impl Display for Token {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(word) => f.write_str(word),
            Token::Text(text) => write!(f, "'{text}'"),
            Token::Sign(sign) => f.write_str(sign),
        }
    }
}

struct Words {
    tokens: Vec<Token>,
    at: usize,
}

impl Words {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += usize::from(token.is_some());
        token
    }

    fn text(&mut self) -> Result<String, FilterError> {
        match self.next() {
            Some(Token::Text(text)) => Ok(text),
            other => Err(unexpected("a text in single quotation marks", other.as_ref())),
        }
    }
}

fn unexpected(expected: &str, found: Option<&Token>) -> FilterError {
    FilterError::Unexpected(expected.to_owned(), found.map_or_else(|| "the end".to_owned(), ToString::to_string))
}

fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let taken;
        if let Some(quoted) = rest.strip_prefix('\'') {
            let (text, _) = quoted.split_once('\'').ok_or(FilterError::OpenQuote)?;
            tokens.push(Token::Text(text.to_owned()));
            taken = text.len() + 2;
        } else if let Some(sign) = ["!=", "=", "(", ")", ","].into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push(Token::Sign(sign));
            taken = sign.len();
        } else {
            let is_end = |c: char| c.is_whitespace() || "'!=(),".contains(c);
            let end = rest.find(is_end).filter(|end| *end > 0).unwrap_or_else(|| match is_end(first) {
                true => first.len_utf8(),
                false => rest.len(),
            });
            tokens.push(Token::Word(rest.get(..end).unwrap_or_default().to_owned()));
            taken = end;
        }
        rest = rest.get(taken..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

fn condition(term: Term, words: &mut Words) -> Result<Condition, FilterError> {
    let word = words.next();
    if !word.as_ref().is_some_and(|word| word.is_word(term.word())) {
        return Err(unexpected(term.word(), word.as_ref()));
    }
    let mut operator = words.next();
    let mut negated = operator == Some(Token::Sign("!="));
    if operator.as_ref().is_some_and(|word| word.is_word("NOT")) {
        negated = true;
        operator = words.next().filter(|word| !matches!(word, Token::Sign(_)));
    }
    let texts = match &operator {
        Some(Token::Sign("=" | "!=")) => vec![words.text()?],
        Some(word) if word.is_word("LIKE") => {
            let text = words.text()?;
            let prefix = text.strip_suffix('%').filter(|prefix| !prefix.contains('%'));
            let prefix = prefix.ok_or_else(|| FilterError::NoPrefix(text.clone()))?;
            return Ok(Condition { negated, prefix: true, texts: vec![prefix.to_owned()] });
        }
        Some(word) if word.is_word("IN") => list(words)?,
        other => return Err(unexpected("=, !=, IN, NOT IN, LIKE or NOT LIKE", other.as_ref())),
    };
    Ok(Condition { negated, prefix: false, texts })
}

fn list(words: &mut Words) -> Result<Vec<String>, FilterError> {
    let open = words.next();
    if open != Some(Token::Sign("(")) {
        return Err(unexpected("(", open.as_ref()));
    }
    let mut texts = vec![words.text()?];
    loop {
        match words.next() {
            Some(Token::Sign(",")) => texts.push(words.text()?),
            Some(Token::Sign(")")) => return Ok(texts),
            other => return Err(unexpected(", or )", other.as_ref())),
        }
    }
}

#[cfg(test)]
mod tests;
