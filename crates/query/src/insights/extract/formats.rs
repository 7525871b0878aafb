//! Texts in logfmt and in XML, as `parse` takes them apart.
//!
//! Where AWS says nothing, here: a word of logfmt without an equals sign is `true`; of a name that comes twice the last counts. Of
//! XML, the first element on the path counts, with the text of all that is within it; a document that ends too early has what came
//! before its end.

use std::borrow::Cow;

/// Most pairs of a line of logfmt.
const PAIRS_MAX: usize = 200;
/// Deepest nesting of elements that is looked at.
const DEPTH_MAX: usize = 64;

/// The pairs of a line; `None` when it has no equals sign.
pub fn logfmt(line: &str) -> Option<serde_json::Map<String, serde_json::Value>> {
    let mut pairs = serde_json::Map::new();
    let mut has_value = false;
    let mut rest = line.trim_start();
    while !rest.is_empty() && pairs.len() < PAIRS_MAX {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (key, behind) = rest.split_at(end);
        let (value, behind) = match behind.strip_prefix('=') {
            Some(behind) => {
                has_value = true;
                let (value, behind) = logfmt_value(behind);
                (serde_json::Value::String(value), behind)
            }
            None => (serde_json::Value::String("true".to_owned()), behind),
        };
        if !key.is_empty() {
            pairs.insert(key.to_owned(), value);
        }
        rest = behind.trim_start();
    }
    has_value.then_some(pairs)
}

/// A value, and what stands behind it.
fn logfmt_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, other)) => value.push(other),
                None => {}
            },
            other => value.push(other),
        }
    }
    (value, "")
}

/// The text of the first element that a path leads to, or one of its attributes.
pub fn xml(document: &str, path: &[String], attribute: Option<&str>) -> Option<String> {
    let (mut rest, mut open, mut text) = (document, Vec::<&str>::new(), None::<String>);
    while let Some(begin) = rest.find('<') {
        if let Some(text) = &mut text {
            text.push_str(&unescaped(&rest[..begin]));
        }
        rest = &rest[begin..];
        if let Some((inside, behind)) = between(rest, "<![CDATA[", "]]>") {
            text.iter_mut().for_each(|text| text.push_str(inside));
            rest = behind;
            continue;
        }
        let other = [("<!--", "-->"), ("<?", "?>"), ("<!", ">")];
        if let Some((_, behind)) = other.into_iter().find_map(|(start, end)| between(rest, start, end)) {
            rest = behind;
            continue;
        }
        let Some((tag, behind)) = between(rest, "<", ">") else { break };
        rest = behind;
        if tag.starts_with('/') {
            if text.is_some() && open.len() == path.len() {
                return text;
            }
            open.pop();
            continue;
        }
        let is_empty = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let name = tag.split_whitespace().next()?;
        if open.len() >= DEPTH_MAX {
            return None;
        }
        open.push(name);
        if text.is_none() && open == *path {
            if let Some(attribute) = attribute {
                return attribute_of(&tag[name.len()..], attribute);
            }
            text = Some(String::new());
            if is_empty {
                return text;
            }
        }
        if is_empty {
            open.pop();
        }
    }
    text
}

/// What stands between a beginning and an end, and what is behind.
fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<(&'t str, &'t str)> {
    text.strip_prefix(start)?.split_once(end)
}

fn attribute_of(tag: &str, wanted: &str) -> Option<String> {
    let mut rest = tag.trim_start();
    while let Some((name, behind)) = rest.split_once('=') {
        let behind = behind.trim_start();
        let quote = behind.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let (value, behind) = behind[1..].split_once(quote)?;
        if name.trim() == wanted {
            return Some(unescaped(value).into_owned());
        }
        rest = behind.trim_start();
    }
    None
}

/// With the five entities that XML itself has, and characters by their numbers.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let (mut whole, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once('&') {
        whole.push_str(before);
        let entity = behind.split_once(';').and_then(|(name, rest)| Some((entity(name)?, rest)));
        match entity {
            Some((c, behind)) => {
                whole.push(c);
                rest = behind;
            }
            None => {
                whole.push('&');
                rest = behind;
            }
        }
    }
    whole.push_str(rest);
    Cow::Owned(whole)
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{logfmt, xml};
    use proptest::prelude::*;

    #[test]
    fn logfmt_has_pairs() {
        let map = logfmt(r#" level=error msg="it \"broke\"" tls took=1.5s  level=warn empty= "#).expect("pairs");
        let text = serde_json::to_string(&map).expect("JSON");
        assert_eq!(text, r#"{"level":"warn","msg":"it \"broke\"","tls":"true","took":"1.5s","empty":""}"#);
        assert_eq!(logfmt("no pairs here"), None);
    }

    #[test]
    fn xml_is_looked_into_by_a_path() {
        let text = "<?xml version='1.0'?><!-- <event/> --><event id='a&amp;b'><level>er<b>r</b>or</level><level>x</level>\
            <e/><raw><![CDATA[<&>]]></raw><n>&#65;&#x42; &bad; &lt;</n></event>";
        let path = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        let of = |names: &str| xml(text, &path(names), None);
        assert_eq!(of("event/level").as_deref(), Some("error"));
        assert_eq!(of("event/e").as_deref(), Some(""));
        assert_eq!(of("event/raw").as_deref(), Some("<&>"));
        assert_eq!(of("event/n").as_deref(), Some("AB &bad; <"));
        assert_eq!(of("event/none"), None);
        assert_eq!(xml(text, &path("event"), Some("id")).as_deref(), Some("a&b"));
        assert_eq!(xml(text, &path("event"), Some("no")), None);
        assert_eq!(xml("<a><b>cut", &path("a/b"), None).as_deref(), Some(""));
        assert_eq!(xml(&"<a>".repeat(100), &path("b"), None), None);
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at(text in "[a<>/=\"' &;!\\[\\]?-]{0,40}") {
            let _ = logfmt(&text);
            let _ = xml(&text, &["a".to_owned()], Some("b"));
            let _ = xml(&text, &["a".to_owned()], None);
        }
    }
}
