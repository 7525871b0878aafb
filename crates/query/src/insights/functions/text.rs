//! Functions that take texts apart and put them together.

use super::TEXT_BYTES_MAX;
use crate::insights::value::Value;
use std::borrow::Cow;
use std::collections::HashMap;

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

/// With every match of a regular expression replaced; `$1` and `\1` stand for groups, see `replacement`.
pub fn regex_replace<'e>(text: Value<'e>, regex: &regex::Regex, by: &str) -> Value<'e> {
    let Some(text) = text.into_text() else { return Value::Null };
    let (mut whole, mut from) = (String::new(), 0);
    for found in regex.captures_iter(&text) {
        let Some(range) = found.get(0).map(|found| found.range()) else { continue };
        whole.push_str(&text[from..range.start]);
        found.expand(by, &mut whole);
        from = range.end;
        if whole.len() > TEXT_BYTES_MAX {
            return Value::Null;
        }
    }
    if from == 0 && whole.is_empty() {
        return Value::Text(text);
    }
    whole.push_str(&text[from..]);
    Value::Text(whole.into())
}

/// What replaces a match as the crate `regex` writes it: groups by `${1}`, anything else as it is.
pub fn replacement(written: &str) -> String {
    let (mut spelled, mut chars) = (String::new(), written.chars().peekable());
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('$' | '\\', Some(digit)) if digit.is_ascii_digit() => {
                spelled.push_str(&format!("${{{digit}}}"));
                chars.next();
            }
            ('\\', Some(next)) => {
                spelled.push_str(if *next == '$' { "$$" } else { "" });
                if *next != '$' {
                    spelled.push(*next);
                }
                chars.next();
            }
            ('$', _) => spelled.push_str("$$"),
            (other, _) => spelled.push(other),
        }
    }
    spelled
}

/// A group of the first match of a regular expression.
pub fn regex_extract<'e>(text: Value<'e>, regex: &regex::Regex, group: usize) -> Value<'e> {
    let Some(text) = text.into_text() else { return Value::Null };
    let found = regex.captures(&text).and_then(|found| found.get(group).map(|found| found.range()));
    found.map_or(Value::Null, |range| slice(text, |_| range.clone()))
}

/// The place of a text in another, from 1, looked for from such a place on; 0 where it is not there.
pub fn locate(part: &Value<'_>, text: &Value<'_>, from: Option<Value<'_>>) -> Value<'static> {
    let (Some(part), Some(text)) = (part.text(), text.text()) else { return Value::Null };
    let from = from.and_then(|from| from.number()).map_or(0, |from| (from - 1.0).max(0.0) as usize);
    let begin = text.char_indices().nth(from).map_or(text.len(), |(byte, _)| byte);
    let found = text[begin..].find(&*part).map(|at| text[..begin + at].chars().count() + 1);
    Value::Number(found.unwrap_or(0) as f64)
}

/// With the characters of one text replaced by those of another at the same places; those beyond its end are left out.
pub fn translate(text: &Value<'_>, from: &Value<'_>, to: &Value<'_>) -> Value<'static> {
    let (Some(text), Some(from), Some(to)) = (text.text(), from.text(), to.text()) else { return Value::Null };
    let mut to = to.chars();
    let mut by: HashMap<char, Option<char>> = HashMap::new();
    for c in from.chars() {
        let replacement = to.next();
        by.entry(c).or_insert(replacement);
    }
    let translated: String = text.chars().filter_map(|c| by.get(&c).copied().unwrap_or(Some(c))).collect();
    if translated.len() > TEXT_BYTES_MAX { Value::Null } else { Value::Text(translated.into()) }
}

/// What stands before so many delimiters, or from the end behind so many; all of it when there are fewer.
pub fn substring_index<'e>(text: Value<'e>, delimiter: &Value<'_>, count: &Value<'_>) -> Value<'e> {
    let Some(text) = text.into_text() else { return Value::Null };
    let (Some(delimiter), Some(count)) = (delimiter.text(), count.number()) else { return Value::Null };
    let nth = count.abs() as usize;
    let Some(nth) = nth.checked_sub(1).filter(|_| !delimiter.is_empty()) else {
        return Value::Text(Cow::Borrowed(""));
    };
    slice(text, |text| match count > 0.0 {
        true => 0..text.match_indices(&*delimiter).nth(nth).map_or(text.len(), |(at, _)| at),
        false => text.rmatch_indices(&*delimiter).nth(nth).map_or(0, |(at, _)| at + delimiter.len())..text.len(),
    })
}

/// So many times.
pub fn repeat(text: &Value<'_>, count: &Value<'_>) -> Value<'static> {
    let (Some(text), Some(count)) = (text.text(), count.number()) else { return Value::Null };
    let count = count.max(0.0) as usize;
    let is_short = text.len().checked_mul(count).is_some_and(|bytes| bytes <= TEXT_BYTES_MAX);
    if is_short { Value::Text(text.repeat(count).into()) } else { Value::Null }
}

/// As long as asked for, in characters: filled up at one end, or cut.
pub fn pad(text: &Value<'_>, length: &Value<'_>, with: Option<Value<'_>>, is_left: bool) -> Value<'static> {
    let (Some(text), Some(length)) = (text.text(), length.number()) else { return Value::Null };
    let with = with.map_or(Some(" ".to_owned()), |with| with.text().map(Cow::into_owned));
    let Some(with) = with else { return Value::Null };
    let (length, count) = (length.max(0.0) as usize, text.chars().count());
    if length.saturating_mul(4) > TEXT_BYTES_MAX {
        return Value::Null;
    }
    if length <= count || with.is_empty() {
        return Value::Text(text.chars().take(length).collect::<String>().into());
    }
    let filling: String = with.chars().cycle().take(length - count).collect();
    Value::Text(if is_left { format!("{filling}{text}") } else { format!("{text}{filling}") }.into())
}

/// With capitals at the beginnings of words.
pub fn init_cap(text: &Value<'_>) -> Value<'static> {
    let Some(text) = text.text() else { return Value::Null };
    let (mut capital, mut begins) = (String::new(), true);
    for c in text.chars() {
        if begins {
            capital.extend(c.to_uppercase())
        } else {
            capital.extend(c.to_lowercase())
        }
        begins = !c.is_alphanumeric();
    }
    Value::Text(capital.into())
}

/// A part of a text, borrowed where the text is.
fn slice<'e>(text: Cow<'e, str>, cut: impl Fn(&str) -> std::ops::Range<usize>) -> Value<'e> {
    let range = cut(&text);
    Value::Text(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(range).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(range).unwrap_or_default().to_owned()),
    })
}
