//! Reads JSON text piece by piece, without building a tree; what a piece means is the caller's business.

use std::borrow::Cow;

/// Deepest nesting read; deeper texts count as not JSON.
pub(crate) const DEPTH_MAX: usize = 128;

/// A place in a text, and what can be read from there. Every read is `None` when something else comes.
#[derive(Debug, Clone)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    /// At the beginning of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Passes over the next byte, whatever it is.
    pub fn bump(&mut self) {
        self.at += 1;
    }

    /// Reads a string and gives what is between its quotes.
    pub fn string(&mut self) -> Option<&'a str> {
        if !self.eat(b'"') {
            return None;
        }
        let begin = self.at;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            let stop = memchr::memchr2(b'"', b'\\', rest)?;
            if rest.get(stop) == Some(&b'"') {
                let end = self.at + stop;
                self.at = end + 1;
                return self.text.get(begin..end);
            }
            // A backslash and the byte after it; a longer character's other bytes are neither quote nor backslash.
            self.at += stop + 2;
        }
    }

    /// Passes over a value of checked text and gives it as it is written.
    #[cfg(feature = "sql")]
    fn pass_value(&mut self) -> Option<&'a str> {
        let begin = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.bump();
                    // What opens is not a value yet.
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.bump();
                }
                _ => self.pass_word(),
            }
            if depth == 0 {
                return self.text.get(begin..self.at);
            }
        }
    }

    /// Passes over a number, a word, or within brackets whatever is between values.
    #[cfg(feature = "sql")]
    fn pass_word(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let is_end = |byte: &u8| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']' | b',' | b' ' | b'\n' | b'\t' | b'\r');
        // At least one byte, which may be a comma, colon or space.
        self.at += 1 + rest.iter().skip(1).position(is_end).unwrap_or(rest.len().saturating_sub(1));
    }

    /// Reads `-? digits (. digits)? (e sign? digits)?`.
    pub fn number(&mut self) -> Option<&'a str> {
        let begin = self.at;
        self.eat(b'-');
        self.digits()?;
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        self.text.get(begin..self.at)
    }

    fn digits(&mut self) -> Option<()> {
        let begin = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > begin).then_some(())
    }

    /// Reads `true`, `false` or `null`.
    pub fn word(&mut self, word: &str) -> Option<()> {
        let comes = self.text.as_bytes().get(self.at..)?.starts_with(word.as_bytes());
        self.at += word.len();
        comes.then_some(())
    }

    /// Passes over white space.
    pub fn skip_spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    /// The next byte.
    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over the next byte if it is this one.
    pub fn eat(&mut self, byte: u8) -> bool {
        let comes = self.peek() == Some(byte);
        if comes {
            self.at += 1;
        }
        comes
    }
}

/// Gives each member of an object to `take`: its name, and its value as it is written. The text is JSON that was checked when it was
/// stored: what is passed over is not checked again. `None` when it is no object after all.
#[cfg(feature = "sql")]
pub(crate) fn members<'a>(text: &'a str, mut take: impl FnMut(&str, &'a str)) -> Option<()> {
    let mut lexer = Lexer::new(text);
    lexer.skip_spaces();
    if !lexer.eat(b'{') {
        return None;
    }
    lexer.skip_spaces();
    if lexer.eat(b'}') {
        return Some(());
    }
    loop {
        lexer.skip_spaces();
        let name = lexer.string()?;
        lexer.skip_spaces();
        if !lexer.eat(b':') {
            return None;
        }
        lexer.skip_spaces();
        take(&unescape(name), lexer.pass_value()?);
        lexer.skip_spaces();
        if !lexer.eat(b',') {
            return lexer.eat(b'}').then_some(());
        }
    }
}

/// Resolves a JSON string's escapes; a broken one becomes U+FFFD.
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', raw.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        text.push(match chars.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => unicode_escape(&mut chars),
            Some(c @ ('"' | '\\' | '/')) => c,
            _ => char::REPLACEMENT_CHARACTER,
        });
    }
    Cow::Owned(text)
}

/// Reads the digits after `\u`, and a second escape when the first is half of a surrogate pair.
fn unicode_escape(chars: &mut std::str::Chars<'_>) -> char {
    let hex = |chars: &mut std::str::Chars<'_>| {
        let digits = chars.as_str().get(..4)?;
        let code = u32::from_str_radix(digits, 16).ok()?;
        chars.nth(3);
        Some(code)
    };
    let Some(first) = hex(chars) else { return char::REPLACEMENT_CHARACTER };
    if !(0xD800..0xDC00).contains(&first) {
        return char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER);
    }
    let mut ahead = chars.clone();
    let second = if ahead.next() == Some('\\') && ahead.next() == Some('u') { hex(&mut ahead) } else { None };
    match second {
        Some(second) if (0xDC00..0xE000).contains(&second) => {
            *chars = ahead;
            char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
                .unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        _ => char::REPLACEMENT_CHARACTER,
    }
}
