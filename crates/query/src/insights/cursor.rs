//! `Cursor`: the token that comes next, and errors about it.

use super::error::QueryError;
use super::lexer::{self, Dialect, Kind, Token};

/// Deepest nesting of parentheses, calls and negations: a limit of ours that keeps recursion bounded.
pub const NESTING_MAX: usize = 64;

/// What reading gives.
pub type Parsed<T> = Result<T, QueryError>;

/// A place in a query.
#[derive(Debug)]
pub struct Cursor<'t> {
    /// The whole query.
    pub text: &'t str,
    /// Whose tokens.
    pub dialect: Dialect,
    token: Token,
    /// Behind the token before.
    last_end: usize,
    depth: usize,
}

/// A place to return to.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    token: Token,
    last_end: usize,
    depth: usize,
}

impl<'t> Cursor<'t> {
    /// At the first token.
    pub fn new(text: &'t str, dialect: Dialect) -> Self {
        Self { text, dialect, token: lexer::scan(text, 0, dialect), last_end: 0, depth: 0 }
    }

    /// The token that comes next.
    pub fn peek(&self) -> Token {
        self.token
    }

    /// What is written there.
    pub fn written(&self, token: Token) -> &'t str {
        &self.text[token.start..token.end]
    }

    /// Behind the token before.
    pub fn last_end(&self) -> usize {
        self.last_end
    }

    /// True when nothing stands between the token before and the next one.
    pub fn is_adjacent(&self) -> bool {
        self.token.start == self.last_end
    }

    /// Takes the next token.
    pub fn advance(&mut self) -> Token {
        let token = self.token;
        self.jump(token.end);
        token
    }

    /// This place; `back_to` returns to it.
    pub fn mark(&self) -> Mark {
        Mark { token: self.token, last_end: self.last_end, depth: self.depth }
    }

    /// Returns to a place that `mark` gave.
    pub fn back_to(&mut self, mark: Mark) {
        (self.token, self.last_end, self.depth) = (mark.token, mark.last_end, mark.depth);
    }

    fn jump(&mut self, end: usize) {
        self.last_end = end;
        self.token = lexer::scan(self.text, end, self.dialect);
    }

    /// True when the next token is this word, in capital or small letters.
    pub fn is_word(&self, word: &str) -> bool {
        self.token.kind == Kind::Word && self.written(self.token).eq_ignore_ascii_case(word)
    }

    /// True when the next token is this symbol.
    pub fn is_symbol(&self, symbol: &str) -> bool {
        self.token.kind == Kind::Symbol && self.written(self.token) == symbol
    }

    /// Takes the next token if it is this word.
    pub fn eat_word(&mut self, word: &str) -> bool {
        let is_it = self.is_word(word);
        if is_it {
            self.advance();
        }
        is_it
    }

    /// Takes the next token if it is this symbol.
    pub fn eat_symbol(&mut self, symbol: &str) -> bool {
        let is_it = self.is_symbol(symbol);
        if is_it {
            self.advance();
        }
        is_it
    }

    /// Takes this word.
    pub fn word(&mut self, word: &str) -> Parsed<()> {
        if self.eat_word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Takes this symbol.
    pub fn symbol(&mut self, symbol: &str) -> Parsed<()> {
        if self.eat_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Takes a text, without its quotes.
    pub fn quoted(&mut self) -> Parsed<String> {
        if self.token.kind != Kind::Text {
            return Err(self.unexpected());
        }
        let token = self.advance();
        Ok(lexer::unquote(self.written(token), self.dialect))
    }

    /// Takes a name: a word, or anything in backticks.
    pub fn name(&mut self) -> Parsed<String> {
        let token = self.token;
        let name = match token.kind {
            Kind::Word if !self.written(token).ends_with('.') => self.written(token).to_owned(),
            Kind::Name => lexer::unquote(self.written(token), self.dialect),
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(name)
    }

    /// Takes a whole number that fits.
    pub fn whole(&mut self) -> Parsed<u64> {
        let token = self.token;
        match self.written(token).parse() {
            Ok(number) if token.kind == Kind::Number => {
                self.advance();
                Ok(number)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Takes a regular expression between slashes if one comes next: what is between them, and where.
    pub fn eat_regex(&mut self) -> Parsed<Option<(&'t str, Token)>> {
        if !self.written(self.token).starts_with('/') {
            return Ok(None);
        }
        let start = self.token.start;
        let Some(slash) = lexer::regex_end(self.text, start) else { return Err(self.unexpected()) };
        let token = Token { kind: Kind::Symbol, start, end: slash + 1 };
        self.jump(slash + 1);
        Ok(Some((&self.text[start + 1..slash], token)))
    }

    /// One step deeper; `leave` takes it back.
    pub fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(self.error(self.token, format!("the query is nested more than {NESTING_MAX} levels deep")));
        }
        Ok(())
    }

    /// Takes an `enter` back.
    pub fn leave(&mut self) {
        self.depth -= 1;
    }

    /// The next token does not belong here.
    pub fn unexpected(&self) -> QueryError {
        self.unexpected_at(self.token)
    }

    /// This token does not belong there.
    pub fn unexpected_at(&self, token: Token) -> QueryError {
        let before = &self.text[..token.start];
        let line = before.matches('\n').count() + 1;
        let position = before.chars().rev().take_while(|c| *c != '\n').count();
        let symbol = if token.kind == Kind::End { "<EOF>" } else { self.written(token) };
        self.error(token, format!("unexpected symbol found {symbol} at line {line} and position {position}"))
    }

    /// An error about a token.
    pub fn error(&self, token: Token, message: impl Into<String>) -> QueryError {
        QueryError::at(self.text, token.start, token.end, message)
    }

    /// An error about everything from byte `start` to the token before the next one.
    pub fn error_since(&self, start: usize, message: impl Into<String>) -> QueryError {
        QueryError::at(self.text, start, self.last_end.max(start), message)
    }
}
