//! Functions that encode, decode and hash texts.
//!
//! Where AWS says nothing, here: `urlencode` writes a space as `+`, as forms do, and `urldecode` reads it; what cannot be decoded is
//! missing; hashes are written in hexadecimal, `crc32` as a number.

use super::TEXT_BYTES_MAX;
use crate::insights::ast::Function;
use crate::insights::value::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// One of these functions of a text.
pub fn of_text(function: Function, text: &Value<'_>) -> Value<'static> {
    let Some(text) = text.text() else { return Value::Null };
    let bytes = text.as_bytes();
    let result = match function {
        Function::UrlEncode => Some(url_encoded(&text)),
        Function::UrlDecode => url_decoded(&text),
        Function::Base64Encode => Some(STANDARD.encode(bytes)),
        Function::Base64Decode => STANDARD.decode(bytes).ok().and_then(|bytes| String::from_utf8(bytes).ok()),
        Function::Md5 => Some(hex(&Md5::digest(bytes))),
        Function::Sha1 => Some(hex(&Sha1::digest(bytes))),
        Function::Sha256 => Some(hex(&Sha256::digest(bytes))),
        Function::Sha512 => Some(hex(&Sha512::digest(bytes))),
        Function::Crc32 => return Value::Number(f64::from(crc32fast::hash(bytes))),
        Function::HexToAscii => unhex(&text).map(|bytes| bytes.into_iter().map(char::from).collect()),
        Function::HexToDec => return from_hex(&text),
        _ => None,
    };
    result.filter(|result| result.len() <= TEXT_BYTES_MAX).map_or(Value::Null, |result| Value::Text(result.into()))
}

/// A whole number in hexadecimal.
pub fn to_hex(number: &Value<'_>) -> Value<'static> {
    match number.number() {
        Some(number) if number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number) => {
            Value::Text(format!("{:x}", number as u64).into())
        }
        _ => Value::Null,
    }
}

fn from_hex(text: &str) -> Value<'static> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    u64::from_str_radix(digits, 16).map_or(Value::Null, |number| Value::number_of(number as f64))
}

/// In hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn url_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => encoded.push(char::from(byte)),
            b' ' => encoded.push('+'),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

fn url_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                (digit()? << 4 | digit()?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}
