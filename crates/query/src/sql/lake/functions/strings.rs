//! Texts, where Trino's functions differ from those of other engines.

use super::{Function, int64, utf8};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListBuilder, StringArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{Result, exec_datafusion_err, exec_err, plan_err};
use regex::{Regex, RegexBuilder};
use std::sync::Arc;

/// Largest compiled regular expression, bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

pub(super) const FUNCTIONS: [Function; 6] = [
    Function { name: "lake_substr", arguments: &[2, 3], answers: utf8, apply: substr },
    Function { name: "split", arguments: &[2], answers: texts, apply: split },
    Function { name: "lake_split_part", arguments: &[3], answers: utf8, apply: split_part },
    Function { name: "regexp_extract", arguments: &[2, 3], answers: utf8, apply: regexp_extract },
    Function { name: "lake_regexp_replace", arguments: &[3], answers: utf8, apply: regexp_replace },
    Function { name: "lake_length", arguments: &[1], answers: int64, apply: length },
];

pub(super) fn texts(_: &[DataType]) -> Result<DataType> {
    Ok(DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))))
}

pub(super) fn text(arguments: &[ArrayRef], at: usize) -> Result<StringArray> {
    match arguments.get(at) {
        Some(of) if of.data_type().is_string() || of.data_type().is_null() => {
            Ok(cast(of, &DataType::Utf8)?.as_string::<i32>().clone())
        }
        Some(of) => plan_err!("a text is needed here, and not a value of the type {}", of.data_type()),
        None => plan_err!("an argument is missing"),
    }
}

pub(super) fn numbers(arguments: &[ArrayRef], at: usize) -> Result<Int64Array> {
    match arguments.get(at) {
        Some(of) => Ok(cast(of, &DataType::Int64)?.as_primitive::<Int64Type>().clone()),
        None => plan_err!("an argument is missing"),
    }
}

fn length(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let lengths = text(arguments, 0)?.iter().map(|text| text.map(|text| text.chars().count() as i64)).collect();
    Ok(Arc::<Int64Array>::new(lengths))
}

/// Characters from a place, counted from 1, or from the end when negative; nothing from outside.
fn substr(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (texts, starts) = (text(arguments, 0)?, numbers(arguments, 1)?);
    let lengths = (arguments.len() > 2).then(|| numbers(arguments, 2)).transpose()?;
    let part = |row: usize| -> Option<String> {
        let limit = match &lengths {
            Some(lengths) if lengths.is_null(row) => return None,
            Some(lengths) => usize::try_from(lengths.value(row)).unwrap_or(0),
            None => usize::MAX,
        };
        if texts.is_null(row) || starts.is_null(row) {
            return None;
        }
        let (text, start) = (texts.value(row), starts.value(row));
        let chars = text.chars().count() as i64;
        let from = if start > 0 { start - 1 } else { chars.saturating_add(start) };
        if start == 0 || !(0..chars).contains(&from) {
            return Some(String::new());
        }
        Some(text.chars().skip(from as usize).take(limit).collect())
    };
    Ok(Arc::new((0..texts.len()).map(part).collect::<StringArray>()))
}

fn split(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (texts, delimiters) = (text(arguments, 0)?, text(arguments, 1)?);
    let mut lists = ListBuilder::new(StringBuilder::new());
    for (text, delimiter) in texts.iter().zip(delimiters.iter()) {
        let Some((text, delimiter)) = text.zip(delimiter) else {
            lists.append(false);
            continue;
        };
        if delimiter.is_empty() {
            return exec_err!("The delimiter may not be the empty string");
        }
        text.split(delimiter).for_each(|part| lists.values().append_value(part));
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

/// NULL where there are fewer parts.
fn split_part(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (texts, delimiters, places) = (text(arguments, 0)?, text(arguments, 1)?, numbers(arguments, 2)?);
    let mut parts = StringBuilder::new();
    for ((text, delimiter), place) in texts.iter().zip(delimiters.iter()).zip(places.iter()) {
        let Some(((text, delimiter), place)) = text.zip(delimiter).zip(place) else {
            parts.append_null();
            continue;
        };
        let Some(place) = usize::try_from(place).ok().and_then(|place| place.checked_sub(1)) else {
            return exec_err!("Index must be greater than zero");
        };
        match delimiter.is_empty() {
            true => parts.append_option(text.chars().nth(place).map(|char| char.to_string())),
            false => parts.append_option(text.split(delimiter).nth(place)),
        }
    }
    Ok(Arc::new(parts.finish()))
}

fn regexp_extract(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (texts, patterns) = (text(arguments, 0)?, text(arguments, 1)?);
    let groups = (arguments.len() > 2).then(|| numbers(arguments, 2)).transpose()?;
    let mut found = StringBuilder::new();
    let mut compiled: Option<(String, Regex)> = None;
    for row in 0..texts.len() {
        let group = groups.as_ref().map_or(Some(0), |groups| groups.is_valid(row).then(|| groups.value(row)));
        let Some(group) = group.filter(|_| texts.is_valid(row) && patterns.is_valid(row)) else {
            found.append_null();
            continue;
        };
        // A pattern is nearly always the same in all rows.
        let pattern = patterns.value(row);
        let regex = match compiled.take() {
            Some((of, regex)) if of == pattern => regex,
            _ => regex(pattern)?,
        };
        let Some(group) = usize::try_from(group).ok().filter(|group| *group < regex.captures_len()) else {
            return exec_err!("Pattern has {} groups. Cannot access group {group}", regex.captures_len() - 1);
        };
        found.append_option(
            regex.captures(texts.value(row)).and_then(|found| found.get(group)).map(|part| part.as_str()),
        );
        compiled = Some((pattern.to_owned(), regex));
    }
    Ok(Arc::new(found.finish()))
}

pub(super) fn regex(pattern: &str) -> Result<Regex> {
    let regex = RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).build();
    regex.map_err(|error| exec_datafusion_err!("the regular expression is not valid: {error}"))
}

/// A part of what stands instead of a match.
enum Part {
    Text(String),
    Group(usize),
}

/// The parts of a replacement: `$n` and `${name}` are groups, and a character behind a backslash is itself. Of digits, as many belong to
/// a group's number as make that of one.
fn parts(template: &str, regex: &Regex) -> Result<Vec<Part>> {
    let (mut parts, mut text, mut chars) = (Vec::new(), String::new(), template.chars().peekable());
    while let Some(char) = chars.next() {
        match char {
            '\\' => {
                text.push(chars.next().ok_or_else(|| exec_datafusion_err!("Illegal replacement sequence: {template}"))?)
            }
            '$' if chars.peek() == Some(&'{') => {
                let name: String = chars.by_ref().skip(1).take_while(|char| *char != '}').collect();
                let group = regex.capture_names().position(|known| known == Some(name.as_str()));
                let group =
                    group.ok_or_else(|| exec_datafusion_err!("Illegal replacement sequence: unknown group {name}"))?;
                parts.extend([Part::Text(std::mem::take(&mut text)), Part::Group(group)]);
            }
            '$' => {
                let mut group: Option<usize> = None;
                while let Some(digit) = chars.peek().and_then(|char| char.to_digit(10)) {
                    let longer = group.unwrap_or(0) * 10 + digit as usize;
                    if group.is_some() && longer >= regex.captures_len() {
                        break;
                    }
                    group = Some(longer);
                    chars.next();
                }
                let group = group.filter(|group| *group < regex.captures_len());
                let group = group.ok_or_else(|| exec_datafusion_err!("Illegal replacement sequence: {template}"))?;
                parts.extend([Part::Text(std::mem::take(&mut text)), Part::Group(group)]);
            }
            other => text.push(other),
        }
    }
    parts.push(Part::Text(text));
    Ok(parts)
}

/// Every match is replaced.
fn regexp_replace(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (texts, patterns, templates) = (text(arguments, 0)?, text(arguments, 1)?, text(arguments, 2)?);
    let mut replaced = StringBuilder::new();
    let mut compiled: Option<(String, String, Regex, Vec<Part>)> = None;
    for ((text, pattern), template) in texts.iter().zip(patterns.iter()).zip(templates.iter()) {
        let Some(((text, pattern), template)) = text.zip(pattern).zip(template) else {
            replaced.append_null();
            continue;
        };
        let (of, with, regex, parts) = match compiled.take() {
            Some(same) if same.0 == pattern && same.1 == template => same,
            _ => {
                let regex = regex(pattern)?;
                let parts = parts(template, &regex)?;
                (pattern.to_owned(), template.to_owned(), regex, parts)
            }
        };
        let (mut row, mut done) = (String::new(), 0);
        for captures in regex.captures_iter(text) {
            let Some(whole) = captures.get(0) else { continue };
            row.push_str(text.get(done..whole.start()).unwrap_or_default());
            parts.iter().for_each(|part| match part {
                Part::Text(text) => row.push_str(text),
                Part::Group(group) => row.push_str(captures.get(*group).map_or("", |found| found.as_str())),
            });
            done = whole.end();
        }
        row.push_str(text.get(done..).unwrap_or_default());
        replaced.append_value(row);
        compiled = Some((of, with, regex, parts));
    }
    Ok(Arc::new(replaced.finish()))
}
