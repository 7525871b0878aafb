//! `parse`: columns taken out of a text by a glob, a regular expression or a pattern of grok.
//!
//! A glob may begin anywhere in the text; each wildcard takes as little as it can, and one at the very end takes all the rest.
//! Where AWS says nothing: wildcards match any character, line ends included.

use super::code::Code;
use super::event::Row;
use super::value::Value;
use memchr::memmem::Finder;
use std::borrow::Cow;

/// A `parse` command.
#[derive(Debug, Clone)]
pub(super) struct Extract {
    /// The text.
    pub from: Code,
    pub pattern: Pattern,
    /// The columns.
    pub slots: Vec<usize>,
}

/// How the text is taken apart.
#[derive(Debug, Clone)]
pub(super) enum Pattern {
    /// Texts around wildcards, one more than columns.
    Glob(Vec<Finder<'static>>),
    /// With the group of each column.
    Regex(regex::Regex, Vec<usize>),
}

impl Extract {
    /// Sets the columns of a row.
    pub fn run<'e>(&self, row: &mut impl Row<'e>) {
        let text = self.from.value(row).into_text();
        let found = match &text {
            Some(text) => self.pattern.find(text),
            None => None,
        };
        for (at, slot) in self.slots.iter().enumerate() {
            let range = found.as_ref().and_then(|found| found.get(at).cloned().flatten());
            row.set(*slot, range.map_or(Value::Null, |range| part(text.as_ref(), range)));
        }
    }
}

fn part<'e>(text: Option<&Cow<'e, str>>, range: std::ops::Range<usize>) -> Value<'e> {
    match text {
        Some(Cow::Borrowed(text)) => text.get(range).map_or(Value::Null, Value::text_of),
        Some(Cow::Owned(text)) => text.get(range).map_or(Value::Null, |part| Value::Text(part.to_owned().into())),
        None => Value::Null,
    }
}

type Ranges = Vec<Option<std::ops::Range<usize>>>;

impl Pattern {
    /// Where each column is; `None` when the text does not match.
    fn find(&self, text: &str) -> Option<Ranges> {
        match self {
            Self::Glob(texts) => glob(texts, text),
            Self::Regex(regex, groups) => {
                let mut locations = regex.capture_locations();
                regex.captures_read(&mut locations, text)?;
                let range = |group: &usize| locations.get(*group).map(|(begin, end)| begin..end);
                Some(groups.iter().map(range).collect())
            }
        }
    }
}

fn glob(texts: &[Finder<'static>], text: &str) -> Option<Ranges> {
    let (first, others) = texts.split_first()?;
    let mut at = first.find(text.as_bytes())? + first.needle().len();
    let mut ranges = Vec::with_capacity(others.len());
    for (number, finder) in others.iter().enumerate() {
        let is_last = number + 1 == others.len();
        let length = match finder.needle().is_empty() {
            true if is_last => text.len() - at,
            true => 0,
            false => finder.find(text.as_bytes().get(at..)?)?,
        };
        ranges.push(Some(at..at + length));
        at += length + finder.needle().len();
    }
    Some(ranges)
}
