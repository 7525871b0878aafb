//! All matches of regular expressions, and texts taken apart by them.

use super::strings::{numbers, regex, text};
use super::{Function, int64, strings};
use datafusion::arrow::array::{Array, ArrayRef, Int64Array, ListBuilder, StringArray, StringBuilder};
use datafusion::common::{Result, exec_err};
use regex::Regex;
use std::sync::Arc;

pub(super) const FUNCTIONS: [Function; 3] = [
    Function { name: "regexp_extract_all", arguments: &[2, 3], answers: strings::texts, apply: extract_all },
    Function { name: "regexp_split", arguments: &[2], answers: strings::texts, apply: split },
    Function { name: "regexp_position", arguments: &[2, 3, 4], answers: int64, apply: position },
];

/// The regular expression of the rows so far: a pattern is nearly always the same in all.
#[derive(Default)]
struct Compiled(Option<(String, Regex)>);

impl Compiled {
    fn of(&mut self, pattern: &str) -> Result<&Regex> {
        let known = self.0.take().filter(|(of, _)| of == pattern);
        let compiled = match known {
            Some(known) => known,
            None => (pattern.to_owned(), regex(pattern)?),
        };
        Ok(&self.0.insert(compiled).1)
    }
}

fn at(texts: &StringArray, row: usize) -> Option<&str> {
    texts.is_valid(row).then(|| texts.value(row))
}

/// A number, or what it is where it is not given; `None` for NULL.
fn number(numbers: &Option<Int64Array>, row: usize, missing: i64) -> Option<i64> {
    numbers.as_ref().map_or(Some(missing), |numbers| numbers.is_valid(row).then(|| numbers.value(row)))
}

fn optional(arguments: &[ArrayRef], at: usize) -> Result<Option<Int64Array>> {
    (arguments.len() > at).then(|| numbers(arguments, at)).transpose()
}

fn extract_all(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (texts, patterns, groups) = (text(arguments, 0)?, text(arguments, 1)?, optional(arguments, 2)?);
    let (mut lists, mut compiled) = (ListBuilder::new(StringBuilder::new()), Compiled::default());
    for row in 0..texts.len() {
        let given = at(&texts, row).zip(at(&patterns, row)).zip(number(&groups, row, 0));
        let Some(((text, pattern), group)) = given else {
            lists.append(false);
            continue;
        };
        let regex = compiled.of(pattern)?;
        let Some(group) = usize::try_from(group).ok().filter(|group| *group < regex.captures_len()) else {
            return exec_err!("Pattern has {} groups. Cannot access group {group}", regex.captures_len() - 1);
        };
        for found in regex.captures_iter(text) {
            lists.values().append_option(found.get(group).map(|part| part.as_str()));
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

fn split(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (texts, patterns) = (text(arguments, 0)?, text(arguments, 1)?);
    let (mut lists, mut compiled) = (ListBuilder::new(StringBuilder::new()), Compiled::default());
    for row in 0..texts.len() {
        let Some((text, pattern)) = at(&texts, row).zip(at(&patterns, row)) else {
            lists.append(false);
            continue;
        };
        compiled.of(pattern)?.split(text).for_each(|part| lists.values().append_value(part));
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

/// The place of the first character of a match, from 1 on; -1 where there is none. The third argument says from where on to look, and the
/// fourth which match it is.
fn position(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (texts, patterns) = (text(arguments, 0)?, text(arguments, 1)?);
    let (starts, occurrences) = (optional(arguments, 2)?, optional(arguments, 3)?);
    let (mut places, mut compiled) = (Vec::with_capacity(texts.len()), Compiled::default());
    for row in 0..texts.len() {
        let given = at(&texts, row).zip(at(&patterns, row));
        let given = given.zip(number(&starts, row, 1)).zip(number(&occurrences, row, 1));
        let Some((((text, pattern), start), occurrence)) = given else {
            places.push(None);
            continue;
        };
        if start < 1 {
            return exec_err!("start position cannot be smaller than 1");
        }
        if occurrence < 1 {
            return exec_err!("occurrence cannot be smaller than 1");
        }
        let (start, occurrence) = (start as usize - 1, occurrence as usize - 1);
        let regex = compiled.of(pattern)?;
        let from = text.char_indices().map(|(at, _)| at).nth(start);
        let found = from.and_then(|from| {
            let found = text.get(from..)?;
            regex.find_iter(found).nth(occurrence).and_then(|one| found.get(..one.start()))
        });
        places.push(Some(found.map_or(-1, |before| (start + before.chars().count()) as i64 + 1)));
    }
    Ok(Arc::new(Int64Array::from(places)))
}
