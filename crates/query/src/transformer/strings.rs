//! `lowerCaseString`, `upperCaseString`, `trimString`, `splitString`, `substituteString`.

use super::config::{SplitEntry, SubstituteEntry};
use super::{ConfigError, Fields, TransformError, path};
use regex::{Captures, Regex, RegexBuilder};
use serde_json::Value;

/// Largest compiled expression, bytes.
const PROGRAM_BYTES_MAX: usize = 1024 * 1024;
/// Most references to groups in a replacement, and most to the same ("Processors that you can use").
const REFERENCES_MAX: usize = 10;
const SAME_REFERENCES_MAX: usize = 2;
/// Longest text that replacements may make, bytes: as long as the longest event.
const TEXT_BYTES_MAX: usize = model::limits::LOG_BATCH_BYTES_MAX;

/// A change of strings.
#[derive(Debug)]
pub(super) enum Change {
    LowerCase(Vec<String>),
    UpperCase(Vec<String>),
    Trim(Vec<String>),
    Split(Vec<SplitEntry>),
    Substitute(Vec<Substitution>),
}

impl Change {
    pub fn apply(&self, fields: &mut Fields) -> Result<(), TransformError> {
        match self {
            Change::LowerCase(keys) => each(keys, fields, str::to_lowercase),
            Change::UpperCase(keys) => each(keys, fields, str::to_uppercase),
            Change::Trim(keys) => each(keys, fields, |text| text.trim().to_owned()),
            Change::Split(entries) => {
                for SplitEntry { source, delimiter } in entries {
                    if let Some(value) = path::get_mut(fields, source)
                        && let Value::String(text) = value
                    {
                        *value = text.split(delimiter.as_str()).map(Value::from).collect();
                    }
                }
            }
            Change::Substitute(substitutions) => {
                for substitution in substitutions {
                    if let Some(Value::String(text)) = path::get_mut(fields, &substitution.source) {
                        *text = substitution.apply(text)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn each(keys: &[String], fields: &mut Fields, change: impl Fn(&str) -> String) {
    for key in keys {
        if let Some(Value::String(text)) = path::get_mut(fields, key) {
            *text = change(text);
        }
    }
}

/// A replacement, read as Java reads it.
#[derive(Debug)]
pub(super) struct Substitution {
    source: String,
    from: Regex,
    to: Vec<Piece>,
}

#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    Group(usize),
    Named(String),
}

impl Substitution {
    pub fn new(entry: SubstituteEntry) -> Result<Self, ConfigError> {
        let from = RegexBuilder::new(&entry.from).size_limit(PROGRAM_BYTES_MAX).build().map_err(|error| {
            let why = match error {
                regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
                error => error.to_string().lines().last().unwrap_or_default().to_owned(),
            };
            ConfigError(format!("substituteString: the regular expression '{}' is not supported: {why}", entry.from))
        })?;
        let to = pieces(&entry.to, &from)?;
        Ok(Self { source: entry.source, from, to })
    }

    fn apply(&self, text: &str) -> Result<String, TransformError> {
        let mut made = String::with_capacity(text.len());
        let mut last = 0;
        for captures in self.from.captures_iter(text) {
            let Some(whole) = captures.get(0) else { continue };
            made.push_str(&text[last..whole.start()]);
            self.push_replacement(&captures, &mut made);
            last = whole.end();
            if made.len() > TEXT_BYTES_MAX {
                return Err(TransformError(format!("substituteString: the text exceeds {TEXT_BYTES_MAX} bytes")));
            }
        }
        made.push_str(&text[last..]);
        Ok(made)
    }

    fn push_replacement(&self, captures: &Captures<'_>, made: &mut String) {
        for piece in &self.to {
            match piece {
                Piece::Text(text) => made.push_str(text),
                Piece::Group(number) => made.push_str(captures.get(*number).map_or("", |group| group.as_str())),
                Piece::Named(name) => made.push_str(captures.name(name).map_or("", |group| group.as_str())),
            }
        }
    }
}

/// Text, `$1`, `${name}`; a backslash takes the next character as it is.
fn pieces(to: &str, from: &Regex) -> Result<Vec<Piece>, ConfigError> {
    let wrong = |what: &str| ConfigError(format!("substituteString: {what} in '{to}'"));
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut chars = to.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(chars.next().ok_or_else(|| wrong("nothing follows the backslash"))?),
            '$' => {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                if chars.next_if_eq(&'{').is_some() {
                    let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                    if !from.capture_names().flatten().any(|known| known == name) {
                        return Err(wrong(&format!("there is no group named '{name}'")));
                    }
                    pieces.push(Piece::Named(name));
                    continue;
                }
                let digit = chars.next().and_then(|c| c.to_digit(10));
                let mut number = digit.ok_or_else(|| wrong("no group follows the dollar sign"))? as usize;
                // More digits belong to the number as long as there is such a group.
                while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                    let longer = number * 10 + digit as usize;
                    if longer >= from.captures_len() {
                        break;
                    }
                    number = longer;
                    chars.next();
                }
                if number >= from.captures_len() {
                    return Err(wrong(&format!("there is no group {number}")));
                }
                pieces.push(Piece::Group(number));
            }
            c => text.push(c),
        }
    }
    pieces.push(Piece::Text(text));
    let references: Vec<&Piece> = pieces.iter().filter(|piece| !matches!(piece, Piece::Text(_))).collect();
    let same = |piece: &&Piece| references.iter().filter(|other| *other == piece).count();
    if references.len() > REFERENCES_MAX || references.iter().any(|piece| same(piece) > SAME_REFERENCES_MAX) {
        return Err(wrong("there are more than 10 references to groups, or more than 2 to the same,"));
    }
    Ok(pieces)
}
