//! Functions that take texts apart and put them together.

use super::TEXT_BYTES_MAX;
use crate::insights::value::Value;
use std::borrow::Cow;

/// One after the other.
pub fn concat<'e>(parts: impl Iterator<Item = Value<'e>>) -> Value<'e> {
    let mut text = String::new();
    for part in parts {
        let part = part.text();
        let part = part.as_deref().unwrap_or_default();
        if text.len() + part.len() > TEXT_BYTES_MAX {
            return Value::Null;
        }
        text.push_str(part);
    }
    Value::Text(text.into())
}

/// Without white space, or without these characters, at its ends.
pub fn trim<'e>(text: Value<'e>, chars: Option<Value<'_>>, left: bool, right: bool) -> Value<'e> {
    let Some(text) = text.into_text() else { return Value::Null };
    let chars = chars.and_then(|chars| chars.text().map(Cow::into_owned));
    let goes = |c: char| chars.as_ref().map_or(c.is_whitespace(), |chars| chars.contains(c));
    let cut = |text: &str| {
        let begin = if left { text.len() - text.trim_start_matches(goes).len() } else { 0 };
        let end = if right { text.trim_end_matches(goes).len() } else { text.len() };
        begin..end.max(begin)
    };
    slice(text, cut)
}

/// From a place on, counted in characters from 0, up to so many characters.
pub fn substr<'e>(text: Value<'e>, from: &Value<'_>, length: Option<Value<'_>>) -> Value<'e> {
    let count = |value: &Value<'_>| value.number().map(|number| number.max(0.0) as usize);
    let (Some(text), Some(from)) = (text.into_text(), count(from)) else { return Value::Null };
    let length = match length.as_ref().map(count) {
        Some(None) => return Value::Null,
        Some(length) => length,
        None => None,
    };
    slice(text, |text| {
        let place = |text: &str, at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
        let begin = place(text, from);
        let rest = text.get(begin..).unwrap_or_default();
        begin..length.map_or(text.len(), |length| begin + place(rest, length))
    })
}

/// With every occurrence of one text replaced by another.
pub fn replace<'e>(text: Value<'e>, search: &Value<'_>, by: &Value<'_>) -> Value<'e> {
    let Some(text) = text.into_text() else { return Value::Null };
    let (Some(search), Some(by)) = (search.text(), by.text()) else { return Value::Null };
    if search.is_empty() {
        return Value::Text(text);
    }
    let count = memchr::memmem::find_iter(text.as_bytes(), search.as_bytes()).count();
    if count == 0 {
        return Value::Text(text);
    }
    if text.len().saturating_add(count.saturating_mul(by.len())) > TEXT_BYTES_MAX {
        return Value::Null;
    }
    Value::Text(text.replace(&*search, &by).into())
}

/// A part of a text, borrowed where the text is.
fn slice<'e>(text: Cow<'e, str>, cut: impl Fn(&str) -> std::ops::Range<usize>) -> Value<'e> {
    let range = cut(&text);
    Value::Text(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(range).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(range).unwrap_or_default().to_owned()),
    })
}
