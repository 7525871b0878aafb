//! The canonical forms of path, query and headers that both sides of a signature must agree on, byte for byte.

use crate::query::hex_digit;
pub(super) use model::hex;

/// How a `+` in a query is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlusSign {
    /// As a plus sign (RFC 3986).
    Itself,
    /// As a space (forms).
    Space,
}

/// The 32 bytes that `text` spells in hexadecimal digits.
pub(super) fn unhex(text: &str) -> Option<[u8; 32]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some(hex_digit(*high)? << 4 | hex_digit(*low)?)).collect();
    bytes?.try_into().ok()
}

/// Appends `bytes`, percent-encoding all but unreserved characters and those in `safe`.
pub(super) fn push_encoded(out: &mut String, bytes: &[u8], safe: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || safe.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

/// Undoes percent-encoding; a `%` without two digits stands for itself.
fn decode(text: &str, plus: PlusSign) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'%', [high, low, after @ ..]) => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = after;
                }
                _ => out.push(b'%'),
            },
            (b'+', _) if plus == PlusSign::Space => out.push(b' '),
            _ => out.push(byte),
        }
    }
    out
}

/// Appends the canonical path: encoded a second time and without dot segments, except for S3.
pub(super) fn push_path(out: &mut String, raw: &str, s3: bool) {
    if s3 {
        let path = if raw.is_empty() { "/" } else { raw };
        return push_encoded(out, &decode(path, PlusSign::Itself), "/");
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    for segment in &segments {
        out.push('/');
        push_encoded(out, segment.as_bytes(), "");
    }
    if segments.is_empty() || raw.ends_with('/') {
        out.push('/');
    }
}

/// Appends the canonical query: each name and value encoded in one way, sorted, without the signature itself.
pub(super) fn push_query(out: &mut String, raw: &str, plus: PlusSign) {
    let encode = |text: &str| {
        let mut encoded = String::with_capacity(text.len());
        push_encoded(&mut encoded, &decode(text, plus), "");
        encoded
    };
    let mut pairs: Vec<(String, String)> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encode(name), encode(value)))
        .filter(|(name, _)| name != "X-Amz-Signature")
        .collect();
    pairs.sort();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        out.push_str(value);
    }
}

/// Appends the line of the header `name`: all its values, blanks trimmed and runs of them made one, joined by commas.
pub(super) fn push_header(out: &mut String, headers: &[(String, String)], name: &str) {
    out.push_str(name);
    out.push(':');
    let values = headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
    for (index, value) in values.enumerate() {
        if index > 0 {
            out.push(',');
        }
        for (index, word) in value.split_ascii_whitespace().enumerate() {
            if index > 0 {
                out.push(' ');
            }
            out.push_str(word);
        }
    }
    out.push('\n');
}
