//! Patterns of Java's `DateTimeFormatter`, as far as dates in logs need them.

/// Longest pattern, characters, and deepest optional parts.
const CHARS_MAX: usize = 256;
const DEPTH_MAX: usize = 8;
/// The letters that are known.
const LETTERS: &str = "yuMLdDEaHkhKmsSzVZXxO";

/// A pattern.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Format(pub Vec<Item>);

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Text(String),
    /// A letter and how often it stands.
    Field(char, usize),
    /// What may be absent.
    Optional(Vec<Item>),
}

impl Format {
    /// Reads a pattern; the error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().nth(CHARS_MAX).is_some() {
            return Err(format!("there are more than {CHARS_MAX} characters"));
        }
        let mut open: Vec<Vec<Item>> = vec![Vec::new()];
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let item = match c {
                '\'' if chars.next_if_eq(&'\'').is_some() => Item::Text("'".into()),
                '\'' => Item::Text(quoted(&mut chars)?),
                '[' if open.len() > DEPTH_MAX => return Err("there are too many brackets".into()),
                '[' => {
                    open.push(Vec::new());
                    continue;
                }
                ']' => match (open.pop(), open.is_empty()) {
                    (Some(inner), false) => Item::Optional(inner),
                    _ => return Err("a bracket is not opened".into()),
                },
                c if c.is_ascii_alphabetic() => {
                    let mut count = 1;
                    while chars.next_if_eq(&c).is_some() {
                        count += 1;
                    }
                    if !LETTERS.contains(c) || count > 9 {
                        return Err(format!("the pattern letter '{c}' is not supported so"));
                    }
                    Item::Field(c, count)
                }
                c => Item::Text(c.into()),
            };
            if let Some(items) = open.last_mut() {
                items.push(item);
            }
        }
        match (open.pop(), open.is_empty()) {
            (Some(items), true) => Ok(Self(items)),
            _ => Err("a bracket is not closed".into()),
        }
    }
}

/// The text up to the closing quote; two quotes are one.
fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, String> {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '\'' if chars.next_if_eq(&'\'').is_some() => text.push('\''),
            '\'' => return Ok(text),
            c => text.push(c),
        }
    }
    Err("a quote is not closed".into())
}
