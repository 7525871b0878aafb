//! What is looked at in a query's text before the parser sees it: sizes that bound its work, and what it would choke on.
//!
//! The parser (crate promql-parser 0.11) panics on durations that are numbers of seconds out of range (`x[1e30]`), reads a
//! part of a duration that is out of range as zero, recurses as deep as operators are chained and takes backslashes in raw
//! strings for escapes. Its answers to the rest are Prometheus's, but AWS documents `{Invocations, FunctionName="f"}` too, with
//! the metric's name among the matchers and not in quotes.

use super::{NESTING_MAX, PromqlError, QUERY_CHARS_MAX};
use promql_parser::util::{parse_str_radix, unquote_string};
use regex::{Regex, RegexBuilder};
use std::iter::Peekable;
use std::str::CharIndices;

/// Most operators in a query.
const OPERATORS_MAX: usize = 500;
/// Most regexes among the matchers of a query, and again in its calls of label_replace.
pub const REGEXES_MAX: usize = 32;
/// Most memory of a compiled regex, bytes: room for as many alternatives as a query has, not for `\w{200}`.
const REGEX_BYTES_MAX: usize = 1 << 20;
/// Longest duration, seconds: some 3,000 years.
pub const DURATION_SECS_MAX: f64 = 1e11;

/// The text for the parser: the same query, with raw strings written as quoted ones and without comments.
pub fn prepare(text: &str) -> Result<String, PromqlError> {
    if text.chars().count() > QUERY_CHARS_MAX {
        return Err(PromqlError::parse(format!("a query has at most {QUERY_CHARS_MAX} characters")));
    }
    let mut scan = Scan { text, chars: text.char_indices().peekable(), out: String::with_capacity(text.len()) };
    scan.run()?;
    Ok(scan.out)
}

struct Scan<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
    out: String,
}

/// What the next number would be.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    Duration,
    Number,
}

impl Scan<'_> {
    fn run(&mut self) -> Result<(), PromqlError> {
        let (mut next, mut in_braces, mut in_brackets) = (Next::Number, false, false);
        let (mut depth, mut operators, mut regexes) = (0usize, 0usize, 0usize);
        let mut previous = ' ';
        while let Some((at, c)) = self.chars.next() {
            let was = std::mem::replace(&mut next, Next::Number);
            match c {
                '"' | '\'' | '`' => {
                    let from = self.out.len();
                    if c == '`' {
                        self.raw(at)?
                    } else {
                        self.quoted(c)
                    }
                    if previous == '~' {
                        regexes += 1;
                        check_regex(&self.out[from..])?;
                    }
                }
                '#' => self.comment(),
                '0'..='9' => self.number(at, was)?,
                '.' if self.chars.peek().is_some_and(|(_, c)| c.is_ascii_digit()) => self.number(at, was)?,
                'a'..='z' | 'A'..='Z' | '_' if in_braces => self.matcher(at, previous),
                'a'..='z' | 'A'..='Z' | '_' => {
                    let word = self.word(at, in_brackets).to_ascii_lowercase();
                    match word.as_str() {
                        "offset" => next = Next::Duration,
                        "nan" | "inf" if was == Next::Duration => return Err(not_a_duration(&word)),
                        "and" | "or" | "unless" | "atan2" => operators += 1,
                        _ => {}
                    }
                }
                _ => {
                    self.out.push(c);
                    match c {
                        '(' => depth += 1,
                        ')' => depth = depth.saturating_sub(1),
                        '{' => in_braces = true,
                        '}' => in_braces = false,
                        '[' => (in_brackets, next) = (true, Next::Duration),
                        ']' => in_brackets = false,
                        ':' if in_brackets => next = Next::Duration,
                        _ if c.is_whitespace() => next = was,
                        '+' | '-' if was == Next::Duration => next = was,
                        '+' | '-' | '*' | '/' | '%' | '^' | '<' | '>' | '=' | '!' if !in_braces => operators += 1,
                        _ => {}
                    }
                }
            }
            if !c.is_whitespace() {
                previous = c;
            }
            if depth > NESTING_MAX || operators > OPERATORS_MAX || regexes > REGEXES_MAX {
                return Err(PromqlError::parse(format!(
                    "a query has at most {NESTING_MAX} nested parentheses, {OPERATORS_MAX} operators and {REGEXES_MAX} regexes"
                )));
            }
        }
        Ok(())
    }

    fn quoted(&mut self, quote: char) {
        self.out.push(quote);
        while let Some((_, c)) = self.chars.next() {
            self.out.push(c);
            if c == quote {
                return;
            }
            if c == '\\'
                && let Some((_, escaped)) = self.chars.next()
            {
                self.out.push(escaped);
            }
        }
    }

    fn raw(&mut self, opening: usize) -> Result<(), PromqlError> {
        let inside = &self.text[opening + 1..];
        let length = inside.find('`').ok_or_else(|| PromqlError::parse("unterminated raw string"))?;
        self.out.push('"');
        for c in inside[..length].chars() {
            match c {
                '\\' | '"' => self.out.extend(['\\', c]),
                '\n' => self.out.push_str("\\n"),
                _ => self.out.push(c),
            }
        }
        self.out.push('"');
        self.go_to(opening + 1 + length + 1);
        Ok(())
    }

    fn comment(&mut self) {
        for (_, c) in self.chars.by_ref() {
            if c == '\n' || c == '\r' {
                break;
            }
        }
        self.out.push('\n');
    }

    /// A number or a duration that begins at `at`.
    fn number(&mut self, at: usize, next: Next) -> Result<(), PromqlError> {
        let rest = &self.text[at..];
        let is_hex = rest.starts_with("0x") || rest.starts_with("0X");
        let mut length = 0;
        for (offset, c) in rest.char_indices() {
            let is_sign = (c == '+' || c == '-') && !is_hex && rest[..offset].ends_with(['e', 'E']);
            if !(c.is_ascii_alphanumeric() || c == '_' || c == '.' || is_sign) {
                break;
            }
            length = offset + 1;
        }
        let token = &rest[..length];
        // The parser's function panics where an x comes later.
        let is_odd = !is_hex && token.contains(['x', 'X']);
        match if is_odd { Err(String::new()) } else { parse_str_radix(token) } {
            Ok(secs) if next == Next::Duration && (secs.is_nan() || secs >= DURATION_SECS_MAX) => {
                return Err(not_a_duration(token));
            }
            Ok(_) => {}
            // With units, of which the parser leaves out what has more digits than it can hold.
            Err(_) if token.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > 9) => {
                return Err(not_a_duration(token));
            }
            Err(_) => {}
        }
        self.out.push_str(token);
        self.go_to(at + length);
        Ok(())
    }

    /// The word that begins at `at`; outside of brackets a colon belongs to it.
    fn word(&mut self, at: usize, in_brackets: bool) -> &str {
        let rest = &self.text[at..];
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || (c == ':' && !in_brackets);
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        self.out.push_str(&rest[..length]);
        self.go_to(at + length);
        &self.text[at..at + length]
    }

    /// A word among matchers, `previous` being the last character before it that is no space: quoted where it is the name of
    /// a metric.
    fn matcher(&mut self, at: usize, previous: char) {
        let word = self.word(at, true).to_owned();
        let after = self.text[at + word.len()..].trim_start();
        if matches!(previous, '{' | ',') && after.starts_with([',', '}']) {
            self.out.truncate(self.out.len() - word.len());
            self.out.push_str(&format!("\"{word}\""));
        }
    }

    fn go_to(&mut self, position: usize) {
        while self.chars.next_if(|&(at, _)| at < position).is_some() {}
    }
}

/// Compiles a regex as it is meant: anchored, and `.` being any character.
pub fn regex(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&format!("^(?s:{pattern})$")).size_limit(REGEX_BYTES_MAX).build()
}

/// Refuses a quoted regex that would take long to compile; what is wrong otherwise the parser says.
fn check_regex(quoted: &str) -> Result<(), PromqlError> {
    match unquote_string(quoted).map(|pattern| regex(&pattern)) {
        Ok(Err(regex::Error::CompiledTooBig(_))) => {
            Err(PromqlError::parse(format!("regex {quoted} takes more than {REGEX_BYTES_MAX} bytes compiled")))
        }
        _ => Ok(()),
    }
}

fn not_a_duration(token: &str) -> PromqlError {
    PromqlError::parse(format!("not a valid duration string: \"{token}\""))
}
