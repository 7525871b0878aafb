//! Functions that make JSON and look into it.

use super::TEXT_BYTES_MAX;
use crate::insights::value::Value;
use serde_json::Value as Json;
use std::sync::Arc;

/// Most parts of a text that `split` makes; the last has the rest.
const PARTS_MAX: usize = 10_000;

/// The parts of a text between delimiters.
pub fn split(text: &Value<'_>, delimiter: &Value<'_>) -> Value<'static> {
    let (Some(text), Some(delimiter)) = (text.text(), delimiter.text()) else { return Value::Null };
    let parts: Vec<Json> = match delimiter.is_empty() {
        true => text.chars().take(PARTS_MAX).map(|c| Json::String(c.into())).collect(),
        false => text.splitn(PARTS_MAX, &*delimiter).map(|part| Json::String(part.to_owned())).collect(),
    };
    Value::Json(Arc::new(Json::Array(parts)))
}

/// A value as JSON has it: a list, an object, or the text of one.
pub fn tree(value: &Value<'_>) -> Option<Arc<Json>> {
    match value {
        Value::Json(json) => Some(Arc::clone(json)),
        other => serde_json::from_str(&other.text()?).ok().map(Arc::new),
    }
}

/// How many members a list has.
pub fn array_size(value: &Value<'_>) -> Value<'static> {
    match tree(value).as_deref() {
        Some(Json::Array(members)) => Value::Number(members.len() as f64),
        _ => Value::Null,
    }
}

/// Whether a list has a member.
pub fn array_contains(list: &Value<'_>, member: &Value<'_>) -> Value<'static> {
    let Some(tree) = tree(list) else { return Value::Null };
    let Json::Array(members) = &*tree else { return Value::Null };
    let is_it = |known: &Json| Value::json_of(known).compare(member).is_some_and(std::cmp::Ordering::is_eq);
    Value::Bool(members.iter().any(is_it))
}

/// The names of an object's members.
pub fn keys(value: &Value<'_>) -> Value<'static> {
    match tree(value).as_deref() {
        Some(Json::Object(members)) => {
            let names = members.keys().map(|name| Json::String(name.clone())).collect();
            Value::Json(Arc::new(Json::Array(names)))
        }
        _ => Value::Null,
    }
}

/// Whether a text is JSON.
pub fn is_valid(value: &Value<'_>) -> Value<'static> {
    match value {
        Value::Null => Value::Null,
        value => Value::Bool(tree(value).is_some()),
    }
}

/// A list of values.
pub fn array<'e>(values: impl Iterator<Item = Value<'e>>) -> Value<'static> {
    bounded(Json::Array(values.map(|value| json_of(&value)).collect()))
}

/// An object of names and values.
pub fn object<'e>(mut values: impl Iterator<Item = Value<'e>>) -> Value<'static> {
    let mut members = serde_json::Map::new();
    while let (Some(name), Some(value)) = (values.next(), values.next()) {
        let Some(name) = name.text() else { return Value::Null };
        members.insert(name.into_owned(), json_of(&value));
    }
    bounded(Json::Object(members))
}

/// What is made of other values must not grow without bound.
pub fn bounded(json: Json) -> Value<'static> {
    let value = Value::Json(Arc::new(json));
    if value.heap_bytes() > TEXT_BYTES_MAX { Value::Null } else { value }
}

fn json_of(value: &Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => Json::from(*number as i64),
        Value::Number(number) => Json::from(*number),
        Value::Json(json) => (**json).clone(),
        other => other.text().map_or(Json::Null, |text| Json::String(text.into_owned())),
    }
}
