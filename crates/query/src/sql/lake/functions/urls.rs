//! Parts of URLs, and texts as parts of URLs.

use super::strings::text;
use super::{Function, int64, utf8};
use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
use datafusion::common::{Result, exec_datafusion_err};
use std::fmt::Write as _;
use std::sync::Arc;

macro_rules! part {
    ($name:literal, $part:expr) => {
        Function {
            name: $name,
            arguments: &[1],
            answers: utf8,
            apply: |arguments| {
                let part: fn(&Url<'_>) -> Option<String> = $part;
                let texts = text(arguments, 0)?;
                Ok(Arc::new(texts.iter().map(|url| part(&Url::of(url?)?)).collect::<StringArray>()))
            },
        }
    };
}

pub(super) const FUNCTIONS: [Function; 9] = [
    part!("url_extract_protocol", |url| Some(url.scheme.unwrap_or_default().to_owned())),
    part!("url_extract_host", |url| Some(url.host.unwrap_or_default().to_owned())),
    part!("url_extract_path", |url| decoded(url.path, false)),
    part!("url_extract_query", |url| decoded(url.query.unwrap_or_default(), false)),
    part!("url_extract_fragment", |url| decoded(url.fragment.unwrap_or_default(), false)),
    Function { name: "url_extract_port", arguments: &[1], answers: int64, apply: port },
    Function { name: "url_extract_parameter", arguments: &[2], answers: utf8, apply: parameter },
    Function { name: "url_encode", arguments: &[1], answers: utf8, apply: encode },
    Function { name: "url_decode", arguments: &[1], answers: utf8, apply: decode },
];

/// A URL in its parts, as they are written.
struct Url<'t> {
    scheme: Option<&'t str>,
    host: Option<&'t str>,
    port: Option<i64>,
    path: &'t str,
    query: Option<&'t str>,
    fragment: Option<&'t str>,
}

impl<'t> Url<'t> {
    /// `None` for what is no URL.
    fn of(text: &'t str) -> Option<Self> {
        let is_wrong = |char: char| char.is_whitespace() || char.is_control() || "<>\"{}|\\^`".contains(char);
        if text.contains(is_wrong) {
            return None;
        }
        let (text, fragment) = cut(text, '#');
        let is_scheme = |scheme: &str| {
            scheme.starts_with(|char: char| char.is_ascii_alphabetic())
                && scheme.chars().all(|char| char.is_ascii_alphanumeric() || "+-.".contains(char))
        };
        let (scheme, text) = match text.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
            Some((before, _)) if !before.contains(['/', '?']) => return None,
            _ => (None, text),
        };
        let (text, query) = cut(text, '?');
        let Some(rest) = text.strip_prefix("//") else {
            return Some(Self { scheme, host: None, port: None, path: text, query, fragment });
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
            _ => (host, None),
        };
        Some(Self { scheme, host: Some(host), port, path, query, fragment })
    }
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

fn port(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    Ok(Arc::new(text(arguments, 0)?.iter().map(|url| Url::of(url?)?.port).collect::<Int64Array>()))
}

/// The first value of a name in the query.
fn parameter(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (urls, names) = (text(arguments, 0)?, text(arguments, 1)?);
    let value = |(url, name): (Option<&str>, Option<&str>)| {
        let (query, name) = (Url::of(url?)?.query?, name?);
        let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.find(|(own, _)| decoded(own, true).as_deref() == Some(name)).and_then(|(_, value)| decoded(value, true))
    };
    Ok(Arc::new(urls.iter().zip(names.iter()).map(value).collect::<StringArray>()))
}

/// As Java encodes the values of forms.
fn encode(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let encoded = |text: &str| {
        text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => encoded.push(char::from(byte)),
                b' ' => encoded.push('+'),
                // Writing to a string does not fail.
                _ => drop(write!(encoded, "%{byte:02X}")),
            }
            encoded
        })
    };
    Ok(Arc::new(text(arguments, 0)?.iter().map(|text| text.map(encoded)).collect::<StringArray>()))
}

fn decode(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let read = |text: Option<&str>| match text {
        Some(text) => {
            let begin: String = text.chars().take(100).collect();
            decoded(text, true).map(Some).ok_or_else(|| exec_datafusion_err!("'{begin}' is no text of a URL"))
        }
        None => Ok(None),
    };
    let values = text(arguments, 0)?.iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(StringArray::from(values)))
}

/// The text of a part; `None` where a `%` has no two digits behind it. In forms a plus is a space.
fn decoded(text: &str, is_form: bool) -> Option<String> {
    let (mut bytes, mut decoded) = (text.bytes(), Vec::with_capacity(text.len()));
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' if is_form => b' ',
            byte => byte,
        });
    }
    Some(String::from_utf8_lossy(&decoded).into_owned())
}
