//! `Words`: a query's text cut into words that know their columns.

use crate::metrics_insights::SyntaxError;

/// The words of a query and a place among them.
pub struct Words<'a> {
    words: Vec<Word<'a>>,
    at: usize,
    /// Column just after the text.
    end: usize,
    /// The key and the column of the first label that was a tag.
    pub first_tag: Option<(String, usize)>,
}

/// One word.
pub struct Word<'a> {
    /// What it is.
    pub token: Token<'a>,
    /// Where it begins: 1-based, in characters.
    pub column: usize,
}

/// What a word is.
#[derive(Debug, PartialEq)]
pub enum Token<'a> {
    /// Letters, digits and `_`.
    Bare(&'a str),
    /// In double quotes: a name.
    Quoted(String),
    /// In single quotes: a value.
    Value(String),
    Equal,
    NotEqual,
    /// One of `(`, `)`, `,` and `.`.
    Symbol(char),
}

impl<'a> Words<'a> {
    /// Cuts a text.
    pub fn of(text: &'a str) -> Result<Self, SyntaxError> {
        let (mut words, mut rest, mut column) = (Vec::new(), text, 1);
        while let Some(first) = rest.chars().next() {
            if first.is_whitespace() {
                (rest, column) = (&rest[first.len_utf8()..], column + 1);
                continue;
            }
            let (token, length) = token(rest, first).map_err(|message| SyntaxError { message, column })?;
            words.push(Word { token, column });
            column += rest[..length].chars().count();
            rest = &rest[length..];
        }
        Ok(Self { words, at: 0, end: column, first_tag: None })
    }

    /// The next word.
    pub fn peek(&self) -> Option<&Word<'a>> {
        self.words.get(self.at)
    }

    /// Goes past the next word.
    pub fn advance(&mut self) {
        self.at += 1;
    }

    /// Where the next word is, or the end.
    pub fn column(&self) -> usize {
        self.peek().map_or(self.end, |word| word.column)
    }

    /// True when a dot comes after the next word.
    pub fn is_dotted(&self) -> bool {
        self.words.get(self.at + 1).is_some_and(|word| word.token == Token::Symbol('.'))
    }

    /// Reads `keyword`, in any case, if it comes next.
    pub fn eat_keyword(&mut self, keyword: &str) -> bool {
        let comes = matches!(self.peek(), Some(Word { token: Token::Bare(word), .. })
            if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(comes);
        comes
    }

    /// Reads `keyword`, which must come next.
    pub fn keyword(&mut self, keyword: &str) -> Result<(), SyntaxError> {
        if self.eat_keyword(keyword) { Ok(()) } else { Err(self.unexpected(keyword)) }
    }

    /// Reads `symbol` if it comes next.
    pub fn eat_symbol(&mut self, symbol: char) -> bool {
        let comes = self.peek().is_some_and(|word| word.token == Token::Symbol(symbol));
        self.at += usize::from(comes);
        comes
    }

    /// Reads `symbol`, which must come next.
    pub fn symbol(&mut self, symbol: char) -> Result<(), SyntaxError> {
        if self.eat_symbol(symbol) { Ok(()) } else { Err(self.unexpected(&format!("'{symbol}'"))) }
    }

    /// The error that `expected` should come next.
    pub fn unexpected(&self, expected: &str) -> SyntaxError {
        let found = match self.peek().map(|word| &word.token) {
            None => "the end of the query".to_owned(),
            Some(Token::Bare(word)) => (*word).to_owned(),
            Some(Token::Quoted(name)) => format!("\"{name}\""),
            Some(Token::Value(value)) => format!("'{value}'"),
            Some(Token::Equal) => "=".to_owned(),
            Some(Token::NotEqual) => "!=".to_owned(),
            Some(Token::Symbol(symbol)) => format!("'{symbol}'"),
        };
        self.error_here(&format!("expected {expected}, found {found}"))
    }

    /// An error at the next word.
    pub fn error_here(&self, message: &str) -> SyntaxError {
        SyntaxError { message: message.to_owned(), column: self.column() }
    }
}

/// The word that `rest` begins with, and its length in bytes.
fn token(rest: &str, first: char) -> Result<(Token<'_>, usize), String> {
    match first {
        '(' | ')' | ',' | '.' => Ok((Token::Symbol(first), 1)),
        '=' => Ok((Token::Equal, 1)),
        '!' if rest.starts_with("!=") => Ok((Token::NotEqual, 2)),
        '"' => quoted(rest, first, "name").map(|(name, length)| (Token::Quoted(name), length)),
        '\'' => quoted(rest, first, "value").map(|(value, length)| (Token::Value(value), length)),
        _ if is_bare(first) => {
            let length = rest.find(|c| !is_bare(c)).unwrap_or(rest.len());
            Ok((Token::Bare(&rest[..length]), length))
        }
        _ => Err(format!("unexpected character {first}")),
    }
}

fn is_bare(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The text in quotes that `rest` begins with, and its length in bytes with the quotes. A backslash escapes quotes and itself
/// and is itself before anything else; a doubled quote is one.
fn quoted(rest: &str, quote: char, what: &str) -> Result<(String, usize), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(&(_, escaped @ ('"' | '\'' | '\\')))) => {
                text.push(escaped);
                chars.next();
            }
            (c, Some(&(_, next))) if c == quote && next == quote => {
                text.push(quote);
                chars.next();
            }
            (c, _) if c == quote => return Ok((text, at + 1)),
            (c, _) => text.push(c),
        }
    }
    Err(format!("the {what} in quotes is not closed"))
}
