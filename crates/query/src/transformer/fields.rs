//! `typeConverter`: values as numbers, strings and booleans.

use super::config::{Type, TypeEntry};
use super::{Fields, path};
use serde_json::{Number, Value};

/// Converts the value of a key; one that cannot be converted stays.
pub(super) fn convert(entry: &TypeEntry, fields: &mut Fields) {
    let Some(value) = path::get_mut(fields, &entry.key) else { return };
    let converted = match entry.to {
        Type::String => string(value),
        Type::Integer => integer(value).map(Value::from),
        Type::Double => double(value).and_then(Number::from_f64).map(Value::Number),
        Type::Boolean => boolean(value).map(Value::Bool),
    };
    if let Some(converted) = converted {
        *value = converted;
    }
}

/// The number that a text is, as JSON writes it: whole ones without a fraction.
pub(super) fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    let looks_like = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E'));
    let number = text.parse::<f64>().ok().filter(|_| looks_like)?;
    Number::from_f64(number).map(Value::Number)
}

fn string(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(_) | Value::Number(_) => Some(Value::String(value.to_string())),
        _ => None,
    }
}

fn integer(value: &Value) -> Option<i64> {
    let whole = |number: f64| {
        // Beyond 2^63 there is no such integer.
        (number.is_finite() && number.abs() < 9.2e18).then_some(number.trunc() as i64)
    };
    match value {
        Value::Bool(value) => Some(i64::from(*value)),
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok().or_else(|| whole(text.trim().parse().ok()?)),
        _ => None,
    }
}

fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Number(number) => number.as_f64().map(|number| number != 0.0),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}
