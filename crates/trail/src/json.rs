//! Reads members out of JSON text without copying it or building a tree of it.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// One value of a checked text: its exact bytes, without white space around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Json<'a>(&'a str);

/// The members of an object in the order of the text. Of a member given twice the last counts.
#[derive(Debug, Default)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Json<'a> {
    /// The value that `text` is; an error says where it is not JSON. Everything below relies on this one check.
    pub(crate) fn check(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<&RawValue>(text).map(|raw| Self(raw.get()))
    }

    /// The members of the object that `text` is, in the one pass that checks it; none when it is another value.
    pub(crate) fn check_object(text: &'a str) -> Result<Object<'a>, serde_json::Error> {
        // A key that does not decode is no error: `object` has a place for it.
        members(text).or_else(|_| Self::check(text).map(Self::object))
    }

    /// Its members; none when it is no object.
    pub(crate) fn object(self) -> Object<'a> {
        let Some(rest) = self.0.strip_prefix('{') else { return Object::default() };
        let mut members = Vec::with_capacity(32);
        let mut rest = after_separators(rest);
        while rest.starts_with('"') {
            let (key, after_key) = rest.split_at(value_len(rest));
            let (value, after_value) = value(after_separators(after_key));
            // A key that does not decode (half a surrogate pair) is none that anyone asks for.
            members.push((unescape(key).unwrap_or(Cow::Borrowed("")), value));
            rest = after_separators(after_value);
        }
        Object(members)
    }

    /// Its elements; `None` when it is no array.
    pub(crate) fn elements(self) -> Option<impl Iterator<Item = Json<'a>>> {
        let mut rest = after_separators(self.0.strip_prefix('[')?);
        Some(std::iter::from_fn(move || {
            if rest.starts_with(']') || rest.is_empty() {
                return None;
            }
            let (element, after) = value(rest);
            rest = after_separators(after);
            Some(element)
        }))
    }

    /// Text of a string.
    pub(crate) fn string(self) -> Option<Cow<'a, str>> {
        if self.0.starts_with('"') { unescape(self.0) } else { None }
    }

    /// Text of a string, number or boolean.
    pub(crate) fn scalar(self) -> Option<Cow<'a, str>> {
        match self.0.as_bytes().first()? {
            b'"' => unescape(self.0),
            b't' | b'f' => Some(Cow::Borrowed(self.0)),
            b'n' | b'{' | b'[' => None,
            // A short run of digits is already how it would be written.
            _ if self.0.len() <= 15 && self.0.bytes().all(|byte| byte.is_ascii_digit()) => Some(Cow::Borrowed(self.0)),
            _ => Some(Cow::Owned(serde_json::from_str::<serde_json::Number>(self.0).ok()?.to_string())),
        }
    }
}

impl<'a> Object<'a> {
    /// The value of a member.
    pub(crate) fn get(&self, key: &str) -> Option<Json<'a>> {
        self.0.iter().rfind(|(name, _)| name == key).map(|(_, value)| *value)
    }

    /// The text of a member that is a string, number or boolean.
    pub(crate) fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key)?.scalar()
    }

    /// The same of the first of several spellings that has one.
    pub(crate) fn text_of(&self, keys: &[&str]) -> Option<Cow<'a, str>> {
        keys.iter().find_map(|key| self.text(key))
    }

    /// A boolean, also one written as text.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        let text = self.text(key)?;
        if text.eq_ignore_ascii_case("true") {
            Some(true)
        } else if text.eq_ignore_ascii_case("false") {
            Some(false)
        } else {
            None
        }
    }
}

fn members(text: &str) -> Result<Object<'_>, serde_json::Error> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Object<'de>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::with_capacity(32);
            while let Some(Name(name)) = map.next_key()? {
                let value: &RawValue = map.next_value()?;
                members.push((name, Json(value.get())));
            }
            Ok(Object(members))
        }
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let members = json.deserialize_map(Members)?;
    json.end()?;
    Ok(members)
}

/// A key, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// What follows white space, commas and colons; which of them may stand where was checked.
fn after_separators(text: &str) -> &str {
    let is_separator = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':');
    let start = text.bytes().position(|byte| !is_separator(byte)).unwrap_or(text.len());
    &text[start..]
}

fn value(text: &str) -> (Json<'_>, &str) {
    let (value, rest) = text.split_at(value_len(text));
    (Json(value), rest)
}

/// Length of the value that checked text begins with.
fn value_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(b'"') => string_len(bytes),
        Some(b'{' | b'[') => {
            let (mut at, mut depth) = (0, 0_usize);
            while let Some(byte) = bytes.get(at) {
                match byte {
                    b'"' => at += string_len(bytes.get(at..).unwrap_or_default()) - 1,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    break;
                }
            }
            at.min(bytes.len())
        }
        _ => bytes.iter().position(|byte| b",]}: \t\n\r".contains(byte)).unwrap_or(bytes.len()),
    }
}

/// Length of the string that the bytes begin with, both quotes included.
fn string_len(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes.get(at) == Some(&b'"') {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

/// The text between the quotes; `None` for half a surrogate pair.
fn unescape(quoted: &str) -> Option<Cow<'_, str>> {
    let inner = quoted.get(1..quoted.len().checked_sub(1)?)?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(quoted).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_elements_come_out_as_they_are_written() {
        let text = " { \"a\" : \"x\\\"}\" , \"b\":[1, {\"c\":\"]\"} ,\"\\u00e9\" ], \"a\\u0062\":-0, \"a\": true , \"n\":null} ";
        let object = Json::check(text).unwrap().object();
        assert_eq!(object.text("a").as_deref(), Some("true"), "the last counts");
        assert_eq!(object.text("ab").as_deref(), Some("-0.0"));
        let elements: Vec<_> = object.get("b").unwrap().elements().unwrap().collect();
        assert_eq!(elements, [Json("1"), Json("{\"c\":\"]\"}"), Json("\"\\u00e9\"")]);
        assert_eq!(elements[2].scalar().as_deref(), Some("é"));
        assert_eq!(elements[1].object().text("c").as_deref(), Some("]"));
        assert_eq!((object.text("n"), object.text("b")), (None, None));
        assert!(Json::check("[]").unwrap().elements().unwrap().next().is_none());
        assert!(Json::check("{} x").is_err());
    }

    #[test]
    fn an_object_is_checked_and_read_in_one_pass() {
        let members = |text| Json::check_object(text).map(|object| object.0);
        for text in [
            " { \"a\" : \"x\\\"}\" , \"b\":[1, {\"c\":2} ], \"a\\u0062\":-0, \"a\": null } ",
            "{}",
            "{\"\\ud800\":1,\"b\":2}",
        ] {
            assert_eq!(members(text).unwrap(), Json::check(text).unwrap().object().0, "{text}");
        }
        for text in ["{\"a\":1} x", "{\"a\":}", "{\"a\":1", "{\"a\" 1}", "{a:1}", ""] {
            assert!(members(text).is_err(), "{text}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
        assert_eq!(members(&deep).unwrap().len(), 1);
    }

    #[test]
    fn scalars_are_written_as_serde_json_writes_them() {
        let numbers =
            ["0", "7", "-7", "123456789012345678901234567890", "1.50", "1e3", "1664550685", "18446744073709551615"];
        for number in numbers {
            let value: serde_json::Value = serde_json::from_str(number).unwrap();
            assert_eq!(Json::check(number).unwrap().scalar().unwrap(), value.to_string());
        }
        assert_eq!(Json::check("\"\\ud800\"").unwrap().scalar(), None);
    }
}
