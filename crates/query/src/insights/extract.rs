//! `parse`: columns taken out of a text by a glob, a regular expression, a pattern of grok, or by the format of the text.
//!
//! A glob may begin anywhere in the text; each wildcard takes as little as it can, and one at the very end takes all the rest.
//! Where AWS says nothing: wildcards match any character, line ends included.

mod formats;

use super::code::Code;
use super::csv;
use super::event::Row;
use super::value::Value;
use memchr::memmem::Finder;
use std::borrow::Cow;
use std::sync::Arc;

/// Most rows that `parse … multi` makes of one.
const MATCHES_MAX: usize = 10_000;

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
    /// A map.
    Logfmt,
    /// A column for each value.
    Csv,
    /// The names on the path to an element, and the attribute that is taken of it.
    Xml(Vec<String>, Option<String>),
}

impl Extract {
    /// Sets the columns of a row.
    pub fn run<'e>(&self, row: &mut impl Row<'e>) {
        let text = self.from.value(row).into_text();
        if let Some(values) = self.pattern.values(text.as_deref()) {
            let mut values = values.into_iter();
            self.slots.iter().for_each(|slot| row.set(*slot, values.next().unwrap_or_default()));
            return;
        }
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
            _ => None,
        }
    }

    /// The values of columns that are no parts of the text as it is written; `None` for the other patterns.
    fn values(&self, text: Option<&str>) -> Option<Vec<Value<'static>>> {
        let owned = |text: String| Value::Text(text.into());
        Some(match self {
            Self::Glob(_) | Self::Regex(..) => return None,
            Self::Logfmt => {
                let pairs = text.and_then(formats::logfmt);
                vec![pairs.map_or(Value::Null, |pairs| Value::Json(Arc::new(serde_json::Value::Object(pairs))))]
            }
            Self::Csv => text.and_then(csv::first_record).unwrap_or_default().into_iter().map(owned).collect(),
            Self::Xml(path, attribute) => {
                let found = text.and_then(|text| formats::xml(text, path, attribute.as_deref()));
                vec![found.map_or(Value::Null, owned)]
            }
        })
    }
}

/// `parse … multi`: one row for each match.
#[derive(Debug, Clone)]
pub(super) struct Every {
    /// The text.
    pub from: Code,
    pub regex: regex::Regex,
    /// Groups and their columns.
    pub groups: Vec<(usize, usize)>,
}

impl Every {
    /// What each match gives each column; one without any of them where nothing matches.
    pub fn matches<'e>(&self, row: &impl Row<'e>) -> Vec<Vec<Value<'static>>> {
        let text = self.from.value(row).into_text().unwrap_or_default();
        let of_match = |found: regex::Captures<'_>| {
            let value = |(group, _): &(usize, usize)| {
                found.get(*group).map_or(Value::Null, |part| Value::Text(part.as_str().to_owned().into()))
            };
            self.groups.iter().map(value).collect()
        };
        let matches: Vec<_> = self.regex.captures_iter(&text).take(MATCHES_MAX).map(of_match).collect();
        if matches.is_empty() { vec![vec![Value::Null; self.groups.len()]] } else { matches }
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
