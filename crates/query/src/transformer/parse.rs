//! `parseJSON`, `csv`, `parseKeyValue`.

use super::config::{Csv, ParseJson, ParseKeyValue};
use super::{Fields, TransformError, path};
use serde_json::Value;
use std::borrow::Cow;

/// What stands for the whole event.
pub(super) const MESSAGE: &str = "@message";

fn failed<T>(what: impl Into<String>) -> Result<T, TransformError> {
    Err(TransformError(what.into()))
}

/// The text that a parser reads.
pub(super) fn source<'a>(source: Option<&str>, line: &'a str, fields: &Fields) -> Result<Cow<'a, str>, TransformError> {
    match source {
        None | Some(MESSAGE) => Ok(Cow::Borrowed(line)),
        Some(key) => match path::get(fields, key) {
            Some(Value::String(text)) => Ok(Cow::Owned(text.clone())),
            Some(_) => failed(format!("the field '{key}' is not a string")),
            None => failed(format!("the field '{key}' is missing")),
        },
    }
}

pub(super) fn json(config: &ParseJson, line: &str, fields: &mut Fields) -> Result<(), TransformError> {
    let text = source(config.source.as_deref(), line, fields)?;
    let Ok(value) = serde_json::from_str::<Value>(&text) else { return failed("the source is not valid JSON") };
    match (&config.destination, value) {
        (Some(destination), value) => path::set(fields, destination, value),
        (None, Value::Object(object)) => fields.extend(object),
        (None, _) => return failed("the source is not a JSON object"),
    }
    Ok(())
}

pub(super) fn csv(config: &Csv, line: &str, fields: &mut Fields) -> Result<(), TransformError> {
    let text = source(config.source.as_deref(), line, fields)?;
    let delimiter = match config.delimiter.as_deref() {
        None => ',',
        Some("\\t") => '\t',
        Some("\\s") => ' ',
        Some(text) => text.chars().next().unwrap_or(','),
    };
    let quote = config.quote_character.as_ref().and_then(|text| text.chars().next()).unwrap_or('"');
    let names = config.columns.as_deref().unwrap_or_default();
    for (at, value) in cells(&text, delimiter, quote).into_iter().enumerate() {
        let name = names.get(at).cloned().unwrap_or_else(|| format!("column_{}", at + 1));
        let name = config.destination.as_ref().map_or(name.clone(), |destination| format!("{destination}.{name}"));
        path::set(fields, &name, value.into());
    }
    Ok(())
}

/// The cells of one record; a doubled quote stands for one.
fn cells(text: &str, delimiter: char, quote: char) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut is_quoted = false;
    let mut chars = text.trim_end_matches(['\r', '\n']).chars().peekable();
    while let Some(c) = chars.next() {
        let is_empty = cells.last().is_none_or(String::is_empty);
        match c {
            c if c == quote && is_quoted && chars.next_if_eq(&quote).is_some() => push(&mut cells, quote),
            c if c == quote && (is_quoted || is_empty) => is_quoted = !is_quoted,
            c if c == delimiter && !is_quoted => cells.push(String::new()),
            c => push(&mut cells, c),
        }
    }
    cells
}

fn push(cells: &mut [String], c: char) {
    if let Some(cell) = cells.last_mut() {
        cell.push(c);
    }
}

pub(super) fn key_values(config: &ParseKeyValue, line: &str, fields: &mut Fields) -> Result<(), TransformError> {
    let text = source(config.source.as_deref(), line, fields)?;
    let field_delimiter = config.field_delimiter.as_deref().unwrap_or("&");
    let key_value_delimiter = config.key_value_delimiter.as_deref().unwrap_or("=");
    let prefix = config.key_prefix.as_deref().unwrap_or_default();
    let into = match &config.destination {
        None => fields,
        Some(destination) => {
            path::put(fields, destination, Value::Object(Fields::new()), false);
            match path::get_mut(fields, destination) {
                Some(Value::Object(object)) => object,
                Some(other) if config.overwrite_if_exists => {
                    *other = Value::Object(Fields::new());
                    let Value::Object(object) = other else { return Ok(()) };
                    object
                }
                // Something else is there, and stays.
                _ => return Ok(()),
            }
        }
    };
    for pair in text.split(field_delimiter).filter(|pair| !pair.is_empty()) {
        let (key, value) = match pair.split_once(key_value_delimiter) {
            Some((key, value)) => (key, Value::from(value)),
            None => (pair, config.non_match_value.clone().map_or(Value::Null, Value::from)),
        };
        let key = format!("{prefix}{key}");
        if config.overwrite_if_exists || !into.contains_key(&key) {
            into.insert(key, value);
        }
    }
    Ok(())
}
