//! `Cursor`: reads a pattern's text from left to right and knows the column for errors.

use super::PatternError;
use super::regexes::{REGEXES_MAX, Regex};

/// A place in a pattern's text.
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
    regexes: usize,
}

impl<'a> Cursor<'a> {
    /// At the beginning of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, regexes: 0 }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// The next character.
    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// How many regexes have been read.
    pub fn regexes(&self) -> usize {
        self.regexes
    }

    /// Reads white space.
    pub fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Reads `token` if it comes next.
    pub fn eat(&mut self, token: &str) -> bool {
        let comes = self.rest().starts_with(token);
        if comes {
            self.at += token.len();
        }
        comes
    }

    /// Reads the word `word`, in any case, if it comes next and ends there.
    pub fn eat_word(&mut self, word: &str) -> bool {
        let rest = self.rest();
        let ends =
            rest.get(word.len()..).is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
        let comes = ends && rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
        if comes {
            self.at += word.len();
        }
        comes
    }

    /// Reads characters while `wanted` says so.
    pub fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Reads a quoted string, whose opening `quote` comes next; `\"` and `\\` stand for the second character.
    pub fn quoted(&mut self, quote: char) -> Result<String, PatternError> {
        let opening = self.error("the string is not closed");
        let mut text = String::new();
        let rest = self.rest();
        let mut chars = rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, escaped)) if escaped == quote || escaped == '\\' => text.push(escaped),
                    // Any other backslash is itself, as in `"C:\temp"`.
                    Some((_, other)) => text.extend(['\\', other]),
                    None => return Err(opening),
                },
                c if c == quote => {
                    self.at += at + c.len_utf8();
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        Err(opening)
    }

    /// Reads a regex between percent signs, the first of which comes next.
    pub fn regex(&mut self) -> Result<Regex, PatternError> {
        let begin = self.at;
        self.at += 1;
        let source = self.take_while(|c| c != '%');
        if !self.eat("%") {
            self.at = begin;
            return Err(self.error("the regular expression is not closed by '%'"));
        }
        self.regexes += 1;
        let regex = if self.regexes > REGEXES_MAX {
            Err(format!("a pattern has at most {REGEXES_MAX} regular expressions"))
        } else {
            Regex::parse(source)
        };
        regex.map_err(|message| {
            self.at = begin;
            self.error(message)
        })
    }

    /// An error at this place.
    pub fn error(&self, message: impl Into<String>) -> PatternError {
        let read = self.text.get(..self.at).unwrap_or(self.text);
        PatternError { message: message.into(), column: read.chars().count() + 1 }
    }

    /// An error that says what stands here instead of `expected`.
    pub fn unexpected(&self, expected: &str) -> PatternError {
        match self.peek() {
            Some(c) => self.error(format!("expected {expected}, found '{c}'")),
            None => self.error(format!("expected {expected}, found the end of the pattern")),
        }
    }
}
