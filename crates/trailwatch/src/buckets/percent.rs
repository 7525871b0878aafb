//! Percent-encoding of keys, in paths and in queries.

use std::fmt::Write;

/// How a `+` is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plus {
    /// As itself: in paths.
    Itself,
    /// As a blank: in queries.
    Blank,
}

/// Writes each byte that is neither a letter, a digit nor in `safe` as `%XX`, once.
pub fn encoded(text: &str, safe: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || safe.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Undoes it; `None` for a `%` without two digits, and for bytes that are no text.
pub fn decoded(text: &str, plus: Plus) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                let (&[high, low], after) = after.split_first_chunk()?;
                let digit = |byte: u8| char::from(byte).to_digit(16);
                bytes.push(u8::try_from(digit(high)? << 4 | digit(low)?).ok()?);
                rest = after;
            }
            b'+' if plus == Plus::Blank => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        assert_eq!(encoded("a b/ä%+", b"/"), "a%20b/%C3%A4%25%2B");
        assert_eq!(decoded("a%20b/%C3%A4%25%2b+", Plus::Itself).as_deref(), Some("a b/ä%++"));
        assert_eq!(decoded("a+b", Plus::Blank).as_deref(), Some("a b"));
        for bad in ["%", "%2", "%+1", "%zz", "%ff"] {
            assert_eq!(decoded(bad, Plus::Blank), None, "{bad}");
        }
    }
}
