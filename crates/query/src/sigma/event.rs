//! The values of a record: by the path of a field, or all of them.

use serde_json::Value;
use std::borrow::Cow;

/// Asks `is_wanted` about each value that a path leads to, nulls left out, until one is; lists stand for their elements.
pub(super) fn any(value: &Value, path: &str, is_wanted: &mut dyn FnMut(&Value) -> bool) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(|element| any(element, path, is_wanted)),
        Value::Object(members) => {
            // A key may have dots itself.
            if let Some(member) = members.get(path) {
                return leaf(member, is_wanted);
            }
            let Some((first, rest)) = path.split_once('.') else { return false };
            members.get(first).is_some_and(|member| any(member, rest, is_wanted))
        }
        _ => false,
    }
}

fn leaf(value: &Value, is_wanted: &mut dyn FnMut(&Value) -> bool) -> bool {
    match value {
        Value::Null => false,
        Value::Array(elements) => elements.iter().any(|element| leaf(element, is_wanted)),
        other => is_wanted(other),
    }
}

/// Asks `is_wanted` about each text, number and truth value of a record until one is. Records nest as deep as the reader of JSON
/// allows, 128 levels.
pub(super) fn anywhere(value: &Value, is_wanted: &mut dyn FnMut(&str) -> bool) -> bool {
    match value {
        Value::Null => false,
        Value::Array(elements) => elements.iter().any(|element| anywhere(element, is_wanted)),
        Value::Object(members) => members.values().any(|member| anywhere(member, is_wanted)),
        other => is_wanted(&text(other)),
    }
}

/// A value as it is compared.
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}
