//! `Wanted`: a text of a rule with its wildcards, ready to be compared.

use super::Problem;
use memchr::memmem::Finder;
use model::limits::SIGMA_REGEX_BYTES_MAX;
use std::borrow::Cow;

/// Where in a value the text of a rule must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Whole,
    Start,
    End,
    Anywhere,
}

/// A text of a rule.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    cased: bool,
    how: How,
}

#[derive(Debug, Clone)]
enum How {
    Anything,
    Whole(String),
    Start(String),
    End(String),
    Anywhere(Box<Finder<'static>>),
    /// With wildcards inside.
    Program(regex::bytes::Regex),
}

/// A piece of a rule's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Char(char),
    One,
    Any,
}

impl Wanted {
    /// Compiles a text: `*` and `?` are wildcards, a backslash before one of them or before a backslash takes its meaning away.
    pub(super) fn compile(text: &str, place: Place, cased: bool, line: usize) -> Result<Self, Problem> {
        let mut pieces = pieces(&folded(text, cased));
        if matches!(place, Place::End | Place::Anywhere) {
            pieces.insert(0, Piece::Any);
        }
        if matches!(place, Place::Start | Place::Anywhere) {
            pieces.push(Piece::Any);
        }
        pieces.dedup_by(|b, a| *a == Piece::Any && *b == Piece::Any);
        let open_start = pieces.first() == Some(&Piece::Any);
        let open_end = pieces.last() == Some(&Piece::Any);
        let inner = pieces.get(usize::from(open_start)..pieces.len().saturating_sub(usize::from(open_end)));
        let inner = inner.unwrap_or_default();
        let literal: Option<String> = inner
            .iter()
            .map(|piece| match piece {
                Piece::Char(c) => Some(*c),
                Piece::One | Piece::Any => None,
            })
            .collect();
        let how = match (literal, open_start, open_end) {
            (Some(literal), ..) if literal.is_empty() && !pieces.is_empty() => How::Anything,
            (Some(literal), false, false) => How::Whole(literal),
            (Some(literal), false, true) => How::Start(literal),
            (Some(literal), true, false) => How::End(literal),
            (Some(literal), true, true) => How::Anywhere(Box::new(Finder::new(&literal).into_owned())),
            (None, ..) => How::Program(program(&source(&pieces), line)?),
        };
        Ok(Self { cased, how })
    }

    /// True when it takes a compiled expression.
    pub(super) fn is_program(&self) -> bool {
        matches!(self.how, How::Program(_))
    }

    /// True when a value is what is wanted.
    pub(super) fn is_match(&self, value: &str) -> bool {
        let value = folded(value, self.cased);
        match &self.how {
            How::Anything => true,
            How::Whole(text) => *text == *value,
            How::Start(text) => value.starts_with(text.as_str()),
            How::End(text) => value.ends_with(text.as_str()),
            How::Anywhere(finder) => finder.find(value.as_bytes()).is_some(),
            How::Program(program) => program.is_match(value.as_bytes()),
        }
    }
}

/// A text in the case in which it is compared.
pub(super) fn folded(text: &str, cased: bool) -> Cow<'_, str> {
    let is_folded = |text: &str| text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase());
    if cased || is_folded(text) { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) }
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            '\\' => Piece::Char(chars.next_if(|next| matches!(next, '*' | '?' | '\\')).unwrap_or('\\')),
            '*' => Piece::Any,
            '?' => Piece::One,
            c => Piece::Char(c),
        });
    }
    pieces
}

fn source(pieces: &[Piece]) -> String {
    let mut source = String::from("(?s)\\A");
    for piece in pieces {
        match piece {
            Piece::Char(c) => source.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            Piece::One => source.push('.'),
            // Bytes, for characters take a larger program.
            Piece::Any => source.push_str("(?-u:.)*"),
        }
    }
    source.push_str("\\z");
    source
}

/// Compiles a regular expression of bounded size; it is for the bytes of texts.
pub(super) fn program(source: &str, line: usize) -> Result<regex::bytes::Regex, Problem> {
    let built = regex::bytes::RegexBuilder::new(source)
        .size_limit(SIGMA_REGEX_BYTES_MAX)
        .dfa_size_limit(SIGMA_REGEX_BYTES_MAX)
        .nest_limit(64)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => Problem::new(line, "the regular expression is too large"),
        // The message draws the expression over several lines; the last says what is wrong.
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Problem::new(line, format!("the regular expression cannot be read: {last}"))
        }
    })
}
