//! JSON in one pass, without a tree: `JsonReader` pulls values from a body, `JsonWriter` puts them into one.
//!
//! The reader is the hot path of PutLogEvents. It checks UTF-8 once for the whole body, lends strings without escapes
//! straight from it, and unescapes the others eight bytes at a time into a buffer that it keeps (`Unescaped`).

use crate::scalar;
use crate::shape::{DecodeError, Reader, Writer};
use model::{Timestamp, limits};
use std::borrow::Cow;

/// Reads one JSON value. A body of nothing but whitespace is an empty structure, as AWS takes it.
#[derive(Debug)]
pub struct JsonReader<'a> {
    text: Result<&'a str, std::str::Utf8Error>,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    /// The container just opened has shown no entry yet.
    first: bool,
    /// The body is empty and stands for `{}`.
    absent: bool,
    /// The last string that had escapes, unescaped.
    unescaped: Unescaped,
}

/// A text in the making. Its buffer is longer than the text, so that whole words are written to it, of which only a part may stay:
/// cheaper than a copy of varying length, and log lines that are JSON have an escape every few bytes.
#[derive(Debug, Default)]
struct Unescaped {
    /// Zeros, or what earlier texts left, after the text.
    buffer: Vec<u8>,
    len: usize,
}

impl Unescaped {
    /// Shortest buffer, bytes.
    const BYTES_MIN: usize = 512;

    fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }

    /// Appends the first `count` bytes of a word.
    #[inline]
    fn put(&mut self, word: [u8; 8], count: usize) {
        match self.buffer.get_mut(self.len..).and_then(|room| room.first_chunk_mut::<8>()) {
            Some(room) => {
                *room = word;
                self.len += count;
            }
            None => self.extend(word.get(..count).unwrap_or_default()),
        }
    }

    /// Appends bytes, and makes room for more of them.
    fn extend(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if self.buffer.len() < end + 8 {
            self.buffer.resize((2 * end).max(Self::BYTES_MIN), 0);
        }
        if let Some(room) = self.buffer.get_mut(self.len..end) {
            room.copy_from_slice(bytes);
            self.len = end;
        }
    }
}

/// A string just passed: lent from the body, or unescaped into the reader's buffer.
enum Text<'a> {
    Plain(&'a str),
    Unescaped,
}

impl<'a> JsonReader<'a> {
    /// Reads `body`; bytes that are not UTF-8 are an error at the first value.
    pub fn new(body: &'a [u8]) -> Self {
        Self {
            text: std::str::from_utf8(body),
            bytes: body,
            at: 0,
            depth: 0,
            first: false,
            absent: false,
            unescaped: Unescaped::default(),
        }
    }

    fn fail<T>(&self, what: &str) -> Result<T, DecodeError> {
        Err(DecodeError::new(format!("{what} at byte {}", self.at)))
    }

    /// The next byte that is not whitespace, not yet consumed.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// The first byte of the value that is next.
    #[inline]
    fn value(&mut self) -> Result<u8, DecodeError> {
        if let Err(cause) = self.text {
            return Err(DecodeError::new(format!("The body is not UTF-8 at byte {}", cause.valid_up_to())));
        }
        match self.peek() {
            Some(byte) => Ok(byte),
            None => self.fail("Unexpected end of the body"),
        }
    }

    /// The error for a value of another type than the model's, in AWS's words.
    fn mismatch<T>(&self, wanted: &str) -> Result<T, DecodeError> {
        let found = match self.bytes.get(self.at) {
            Some(b'"') => "STRING_VALUE",
            Some(b'-' | b'0'..=b'9') => "NUMBER_VALUE",
            Some(b't') => "TRUE_VALUE",
            Some(b'f') => "FALSE_VALUE",
            Some(b'n') => "NULL_VALUE",
            Some(b'{') => return Err(DecodeError::new("Start of structure or map found where not expected.")),
            Some(b'[') => return Err(DecodeError::new("Start of list found where not expected.")),
            Some(_) => return self.fail("Unexpected character"),
            None => return self.fail("Unexpected end of the body"),
        };
        Err(DecodeError::new(format!("{found} can not be converted to {wanted}")))
    }

    fn literal(&mut self, word: &str) -> Result<(), DecodeError> {
        if !self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            return self.fail("Unexpected character");
        }
        self.at += word.len();
        self.value_ended()
    }

    /// After a value: at the top nothing but whitespace may follow.
    #[inline]
    fn value_ended(&mut self) -> Result<(), DecodeError> {
        if self.depth == 0 && self.peek().is_some() {
            return self.fail("Unexpected bytes after the end of the value");
        }
        Ok(())
    }

    fn open(&mut self, bracket: u8, wanted: &str) -> Result<(), DecodeError> {
        if self.value()? != bracket {
            return self.mismatch(wanted);
        }
        if self.depth == limits::NESTING_MAX {
            return self.fail("The body is nested too deeply");
        }
        self.at += 1;
        self.depth += 1;
        self.first = true;
        Ok(())
    }

    /// Moves to the next entry of the open container; false when `bracket` closed it.
    #[inline]
    fn advance(&mut self, bracket: u8) -> Result<bool, DecodeError> {
        if self.absent {
            self.absent = false;
            self.depth = 0;
            return Ok(false);
        }
        let first = std::mem::replace(&mut self.first, false);
        match self.peek() {
            Some(byte) if byte == bracket => {
                self.at += 1;
                self.depth = self.depth.saturating_sub(1);
                self.value_ended()?;
                Ok(false)
            }
            Some(b',') if !first => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if first => Ok(true),
            Some(_) => self.fail("Expected a comma or the end of the container"),
            None => self.fail("Unexpected end of the body"),
        }
    }

    fn name(&mut self) -> Result<Option<Text<'a>>, DecodeError> {
        if !self.advance(b'}')? {
            return Ok(None);
        }
        if self.peek() != Some(b'"') {
            return self.fail("Expected a member name");
        }
        let name = self.quoted()?;
        if self.peek() != Some(b':') {
            return self.fail("Expected a colon");
        }
        self.at += 1;
        Ok(Some(name))
    }

    /// Reads the string whose opening quote is next.
    #[inline]
    fn quoted(&mut self) -> Result<Text<'a>, DecodeError> {
        let start = self.at + 1;
        let end = find_special(self.bytes, start);
        self.at = end;
        match self.bytes.get(end) {
            Some(b'"') => {
                self.at = end + 1;
                match self.text.ok().and_then(|text| text.get(start..end)) {
                    Some(plain) => Ok(Text::Plain(plain)),
                    None => self.fail("The body is not UTF-8"),
                }
            }
            Some(b'\\') => {
                self.unescape(start)?;
                Ok(Text::Unescaped)
            }
            Some(_) => self.fail("Control character in a string"),
            None => self.fail("Unterminated string"),
        }
    }

    /// Unescapes the string that began at `start` and has its first backslash at `self.at`, up to and past its closing quote.
    fn unescape(&mut self, start: usize) -> Result<(), DecodeError> {
        let mut out = std::mem::take(&mut self.unescaped);
        out.len = 0;
        out.extend(self.bytes.get(start..self.at).unwrap_or_default());
        let result = self.unescape_into(&mut out);
        self.unescaped = out;
        result
    }

    fn unescape_into(&mut self, out: &mut Unescaped) -> Result<(), DecodeError> {
        loop {
            let word = self.word();
            // Bytes before a quote, a backslash or a control character; 8 where there is none in the word.
            let plain = (special_bytes(u64::from_le_bytes(word)).trailing_zeros() / 8) as usize;
            out.put(word, plain);
            self.at += plain;
            if plain == 8 {
                continue;
            }
            match self.bytes.get(self.at) {
                Some(b'\\') => self.escape(out)?,
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) => return self.fail("Control character in a string"),
                None => return self.fail("Unterminated string"),
            }
        }
    }

    /// The next eight bytes; after the end of the body zeros, which are control characters.
    #[inline]
    fn word(&self) -> [u8; 8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        rest.first_chunk().copied().unwrap_or_else(|| {
            let mut word = [0; 8];
            word.iter_mut().zip(rest).for_each(|(to, byte)| *to = *byte);
            word
        })
    }

    /// Reads one escape; the backslash is next.
    #[inline]
    fn escape(&mut self, out: &mut Unescaped) -> Result<(), DecodeError> {
        let plain = match self.bytes.get(self.at + 1) {
            Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 0x08,
            Some(b'f') => 0x0C,
            Some(b'u') => return self.escape_unicode(out),
            _ => return self.fail("Unknown escape"),
        };
        self.at += 2;
        out.put([plain; 8], 1);
        Ok(())
    }

    fn escape_unicode(&mut self, out: &mut Unescaped) -> Result<(), DecodeError> {
        let Some(unit) = self.code_unit(self.at) else {
            return self.fail("Malformed \\u escape");
        };
        let mut length = 6;
        let code = match unit {
            0xD800..=0xDBFF => match self.code_unit(self.at + 6) {
                Some(low @ 0xDC00..=0xDFFF) => {
                    length = 12;
                    0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
                }
                _ => return self.fail("Unpaired surrogate"),
            },
            _ => unit,
        };
        let Some(character) = char::from_u32(code) else {
            return self.fail("Unpaired surrogate");
        };
        self.at += length;
        out.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    /// The UTF-16 code unit of the `\uXXXX` at `at`.
    fn code_unit(&self, at: usize) -> Option<u32> {
        let escape = self.bytes.get(at..)?.first_chunk::<6>()?;
        let digits = escape.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0u32, |code, &digit| Some(code << 4 | char::from(digit).to_digit(16)?))
    }

    fn lend(&self, text: Text<'a>) -> Result<Cow<'_, str>, DecodeError> {
        match text {
            Text::Plain(plain) => Ok(Cow::Borrowed(plain)),
            Text::Unescaped => match std::str::from_utf8(self.unescaped.bytes()) {
                Ok(unescaped) => Ok(Cow::Borrowed(unescaped)),
                Err(_) => self.fail("The body is not UTF-8"),
            },
        }
    }

    /// Passes over the number that is next and gives its text.
    fn number(&mut self) -> Result<&'a str, DecodeError> {
        let start = self.at;
        let digits = |reader: &mut Self| {
            let from = reader.at;
            while matches!(reader.bytes.get(reader.at), Some(b'0'..=b'9')) {
                reader.at += 1;
            }
            reader.at - from
        };
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        let leading_zero = self.bytes.get(self.at) == Some(&b'0');
        let whole = digits(self);
        if whole == 0 || (leading_zero && whole > 1) {
            return self.fail("Malformed number");
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            if digits(self) == 0 {
                return self.fail("Malformed number");
            }
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if digits(self) == 0 {
                return self.fail("Malformed number");
            }
        }
        let number = self.text.ok().and_then(|text| text.get(start..self.at)).unwrap_or_default();
        self.value_ended()?;
        Ok(number)
    }

    /// The finite double that is next; `1e999` has none.
    fn finite(&mut self) -> Result<f64, DecodeError> {
        match self.number()?.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => self.fail("Number out of range"),
        }
    }
}

impl Reader for JsonReader<'_> {
    fn null(&mut self) -> Result<bool, DecodeError> {
        if self.depth == 0 && self.peek().is_none() {
            return Ok(false);
        }
        if self.value()? != b'n' {
            return Ok(false);
        }
        self.literal("null")?;
        Ok(true)
    }

    fn boolean(&mut self) -> Result<bool, DecodeError> {
        match self.value()? {
            b't' => self.literal("true").map(|()| true),
            b'f' => self.literal("false").map(|()| false),
            _ => self.mismatch("a Boolean"),
        }
    }

    fn integer(&mut self) -> Result<i64, DecodeError> {
        if !matches!(self.value()?, b'-' | b'0'..=b'9') {
            return self.mismatch("an Integer");
        }
        let text = self.number()?;
        if let Ok(value) = text.parse::<i64>() {
            return Ok(value);
        }
        match text.parse::<f64>().ok().and_then(scalar::integral) {
            Some(value) => Ok(value),
            None => Err(DecodeError::new(format!("{:.40} can not be converted to an Integer", text))),
        }
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        match self.value()? {
            b'-' | b'0'..=b'9' => self.finite(),
            b'"' => match scalar::special_double(&self.string()?) {
                Some(value) => Ok(value),
                None => Err(DecodeError::new("STRING_VALUE can not be converted to a Double")),
            },
            _ => self.mismatch("a Double"),
        }
    }

    fn string(&mut self) -> Result<Cow<'_, str>, DecodeError> {
        if self.value()? != b'"' {
            return self.mismatch("a String");
        }
        let text = self.quoted()?;
        self.value_ended()?;
        self.lend(text)
    }

    fn blob(&mut self) -> Result<Vec<u8>, DecodeError> {
        scalar::base64_text(&self.string()?)
    }

    fn timestamp(&mut self) -> Result<Timestamp, DecodeError> {
        match self.value()? {
            b'-' | b'0'..=b'9' => scalar::epoch_seconds(self.finite()?),
            b'"' => scalar::timestamp_text(&self.string()?),
            _ => self.mismatch("a Timestamp"),
        }
    }

    fn begin_structure(&mut self) -> Result<(), DecodeError> {
        if self.depth == 0 && self.at == 0 && self.text.is_ok() && self.peek().is_none() {
            self.absent = true;
            self.depth = 1;
            return Ok(());
        }
        self.open(b'{', "a Structure")
    }

    fn next_field(&mut self) -> Result<Option<Cow<'_, str>>, DecodeError> {
        self.next_key()
    }

    fn begin_map(&mut self) -> Result<(), DecodeError> {
        self.open(b'{', "a Map")
    }

    fn next_key(&mut self) -> Result<Option<Cow<'_, str>>, DecodeError> {
        match self.name()? {
            Some(name) => self.lend(name).map(Some),
            None => Ok(None),
        }
    }

    fn begin_list(&mut self) -> Result<(), DecodeError> {
        self.open(b'[', "a List")
    }

    fn next_item(&mut self) -> Result<bool, DecodeError> {
        self.advance(b']')
    }

    fn skip(&mut self) -> Result<(), DecodeError> {
        match self.value()? {
            b'{' => {
                self.begin_map()?;
                while self.name()?.is_some() {
                    self.skip()?;
                }
                Ok(())
            }
            b'[' => {
                self.begin_list()?;
                while self.next_item()? {
                    self.skip()?;
                }
                Ok(())
            }
            b'"' => {
                self.quoted()?;
                self.value_ended()
            }
            b'-' | b'0'..=b'9' => self.number().map(|_| ()),
            b'n' => self.literal("null"),
            _ => self.boolean().map(|_| ()),
        }
    }
}

/// A word with the high bit set in each byte that is a quote, a backslash or a control character. Bytes above the
/// lowest hit may be marked wrongly (the subtraction borrows), so only the lowest counts.
#[inline]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let hits = (quote.wrapping_sub(ONES) & !quote)
        | (backslash.wrapping_sub(ONES) & !backslash)
        | (word.wrapping_sub(ONES * 0x20) & !word);
    hits & HIGHS
}

/// Where the first quote, backslash or control character at or after `from` stands; the length when there is none.
#[inline]
fn find_special(bytes: &[u8], from: usize) -> usize {
    let mut rest = bytes.get(from..).unwrap_or_default();
    // Member names end within two words; messages go on in blocks that the compiler turns into vector instructions.
    for _ in 0..2 {
        let Some((chunk, after)) = rest.split_first_chunk::<8>() else { break };
        let special = special_bytes(u64::from_le_bytes(*chunk));
        if special != 0 {
            return bytes.len() - rest.len() + (special.trailing_zeros() / 8) as usize;
        }
        rest = after;
    }
    while let Some((block, after)) = rest.split_first_chunk::<32>() {
        if block.iter().fold(false, |hit, &b| hit | (b == b'"') | (b == b'\\') | (b < 0x20)) {
            break;
        }
        rest = after;
    }
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        let special = special_bytes(u64::from_le_bytes(*chunk));
        if special != 0 {
            return bytes.len() - rest.len() + (special.trailing_zeros() / 8) as usize;
        }
        rest = after;
    }
    let tail = rest.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20).unwrap_or(rest.len());
    bytes.len() - rest.len() + tail
}

/// Writes one JSON value, without whitespace.
#[derive(Debug, Default)]
pub struct JsonWriter {
    out: Vec<u8>,
}

impl JsonWriter {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes written.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// Puts a comma unless this is the first entry: no complete value ends with an opening bracket.
    #[inline]
    fn separate(&mut self) {
        if !matches!(self.out.last(), Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    fn quote(&mut self, text: &str) {
        let bytes = text.as_bytes();
        self.out.reserve(bytes.len() + 2);
        self.out.push(b'"');
        let mut from = 0;
        loop {
            let special = find_special(bytes, from);
            self.out.extend_from_slice(bytes.get(from..special).unwrap_or_default());
            let Some(&byte) = bytes.get(special) else { break };
            self.escape(byte);
            from = special + 1;
        }
        self.out.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0C => b'f',
            _ => {
                self.out.extend_from_slice(b"\\u00");
                return self.out.extend([byte >> 4, byte & 15].map(|nibble| HEX[usize::from(nibble)]));
            }
        };
        self.out.extend_from_slice(&[b'\\', short]);
    }
}

impl Writer for JsonWriter {
    fn boolean(&mut self, value: bool) {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn integer(&mut self, value: i64) {
        scalar::push_integer(&mut self.out, value);
    }

    fn double(&mut self, value: f64) {
        match scalar::special_text(value) {
            Some(text) => self.quote(text),
            None => scalar::push_double(&mut self.out, value),
        }
    }

    fn string(&mut self, value: &str) {
        self.quote(value);
    }

    fn blob(&mut self, value: &[u8]) {
        self.quote(&scalar::to_base64(value));
    }

    fn timestamp(&mut self, value: Timestamp) {
        scalar::push_epoch_seconds(&mut self.out, value);
    }

    fn begin_structure(&mut self) {
        self.out.push(b'{');
    }

    fn field(&mut self, name: &'static str) {
        self.key(name);
    }

    fn end_structure(&mut self) {
        self.out.push(b'}');
    }

    fn begin_map(&mut self) {
        self.out.push(b'{');
    }

    fn key(&mut self, key: &str) {
        self.separate();
        self.quote(key);
        self.out.push(b':');
    }

    fn end_map(&mut self) {
        self.out.push(b'}');
    }

    fn begin_list(&mut self, _: usize) {
        self.out.push(b'[');
    }

    fn item(&mut self) {
        self.separate();
    }

    fn end_list(&mut self) {
        self.out.push(b']');
    }
}

#[cfg(test)]
mod tests;
