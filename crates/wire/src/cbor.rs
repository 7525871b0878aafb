//! CBOR (RFC 8949) as Smithy's RPC v2 uses it, in one pass without a tree: `CborReader` and `CborWriter`.
//!
//! Every length in the input is compared with the bytes that are left before anything is allocated for it.

use crate::scalar;
use crate::shape::{DecodeError, Reader, Writer};
use model::{Timestamp, limits};
use std::borrow::Cow;

/// Ends an indefinite-length item.
const BREAK: u8 = 0xFF;
/// Tag of an epoch-based date/time.
const TAG_EPOCH: u64 = 1;
/// Argument value of an initial byte that announces an indefinite length.
const INDEFINITE: u8 = 31;

/// The major type in the high three bits of an initial byte.
mod major {
    pub const UNSIGNED: u8 = 0;
    pub const NEGATIVE: u8 = 1;
    pub const BYTES: u8 = 2;
    pub const TEXT: u8 = 3;
    pub const ARRAY: u8 = 4;
    pub const MAP: u8 = 5;
    pub const TAG: u8 = 6;
    pub const SIMPLE: u8 = 7;
}

/// Reads one CBOR data item. An empty body is an empty structure: RPC v2 sends none for an operation without input.
#[derive(Debug)]
pub struct CborReader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Entries left in each open container; `None` for one that a break ends.
    open: Vec<Option<u64>>,
}

impl<'a> CborReader<'a> {
    /// Reads `body`.
    pub fn new(body: &'a [u8]) -> Self {
        Self { bytes: body, at: 0, open: Vec::new() }
    }

    fn fail<T>(&self, what: &str) -> Result<T, DecodeError> {
        Err(DecodeError::new(format!("{what} at byte {} of the CBOR body", self.at)))
    }

    fn left(&self) -> u64 {
        self.bytes.len().saturating_sub(self.at) as u64
    }

    fn peek(&self) -> Result<u8, DecodeError> {
        match self.bytes.get(self.at) {
            Some(byte) => Ok(*byte),
            None => self.fail("Unexpected end"),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>()) {
            Some(chunk) => {
                self.at += N;
                Ok(*chunk)
            }
            None => self.fail("Unexpected end"),
        }
    }

    fn slice(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        if length > self.left() {
            return self.fail("A length goes beyond the end");
        }
        let end = self.at.saturating_add(length as usize);
        let slice = self.bytes.get(self.at..end).unwrap_or_default();
        self.at = end;
        Ok(slice)
    }

    /// The major type and the low five bits of the item that is next, not consumed.
    fn head(&self) -> Result<(u8, u8), DecodeError> {
        let initial = self.peek()?;
        Ok((initial >> 5, initial & 0x1F))
    }

    /// Consumes an item's head and gives its argument; `None` for an indefinite length.
    fn argument(&mut self) -> Result<Option<u64>, DecodeError> {
        let info = self.take::<1>()?[0] & 0x1F;
        Ok(Some(match info {
            0..=23 => u64::from(info),
            24 => u64::from(self.take::<1>()?[0]),
            25 => u64::from(u16::from_be_bytes(self.take()?)),
            26 => u64::from(u32::from_be_bytes(self.take()?)),
            27 => u64::from_be_bytes(self.take()?),
            INDEFINITE => return Ok(None),
            _ => return self.fail("Reserved length"),
        }))
    }

    fn definite(&mut self) -> Result<u64, DecodeError> {
        match self.argument()? {
            Some(argument) => Ok(argument),
            None => self.fail("Indefinite length where none may be"),
        }
    }

    /// After a value: nothing may follow the outermost one.
    fn value_ended(&self) -> Result<(), DecodeError> {
        if self.open.is_empty() && self.left() > 0 {
            return self.fail("Unexpected bytes after the end of the value");
        }
        Ok(())
    }

    fn mismatch<T>(&self, wanted: &str) -> Result<T, DecodeError> {
        let found = match self.head()?.0 {
            major::UNSIGNED | major::NEGATIVE => "An integer",
            major::BYTES => "A byte string",
            major::TEXT => "A text string",
            major::ARRAY => "An array",
            major::MAP => "A map",
            major::TAG => "A tagged item",
            _ => "A simple value or float",
        };
        self.fail(&format!("{found} can not be converted to {wanted}"))
    }

    /// Opens a container whose entries take at least `entry_bytes_min` bytes each.
    fn begin(&mut self, major: u8, entry_bytes_min: u64, wanted: &str) -> Result<(), DecodeError> {
        if self.head()?.0 != major {
            return self.mismatch(wanted);
        }
        if self.open.len() == limits::NESTING_MAX {
            return self.fail("The body is nested too deeply");
        }
        let entries = self.argument()?;
        if entries.is_some_and(|entries| entries > self.left() / entry_bytes_min) {
            return self.fail("A length goes beyond the end");
        }
        self.open.push(entries);
        Ok(())
    }

    /// Moves to the next entry of the innermost container; false when it has ended, which closes it.
    fn advance(&mut self) -> Result<bool, DecodeError> {
        let ended = match self.open.last_mut() {
            Some(Some(0)) => true,
            Some(Some(entries)) => {
                *entries -= 1;
                false
            }
            Some(None) => {
                let ended = self.peek()? == BREAK;
                self.at += usize::from(ended);
                ended
            }
            None => return self.fail("No container is open"),
        };
        if ended {
            self.open.pop();
            self.value_ended()?;
        }
        Ok(!ended)
    }

    /// A byte or text string, whole or in chunks.
    fn string_bytes(&mut self, major: u8) -> Result<Cow<'a, [u8]>, DecodeError> {
        if let Some(length) = self.argument()? {
            return self.slice(length).map(Cow::Borrowed);
        }
        let mut joined = Vec::new();
        while self.peek()? != BREAK {
            if self.head()?.0 != major {
                return self.fail("A chunk of another type in a string");
            }
            let length = self.definite()?;
            let chunk = self.slice(length)?;
            if major == major::TEXT && std::str::from_utf8(chunk).is_err() {
                return self.fail("Text that is not UTF-8");
            }
            joined.extend_from_slice(chunk);
        }
        self.at += 1;
        Ok(Cow::Owned(joined))
    }

    fn text(&mut self, wanted: &str) -> Result<Cow<'a, str>, DecodeError> {
        if self.head()?.0 != major::TEXT {
            return self.mismatch(wanted);
        }
        let text = match self.string_bytes(major::TEXT)? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        };
        match text {
            Some(text) => Ok(text),
            None => self.fail("Text that is not UTF-8"),
        }
    }

    fn int(&mut self) -> Result<i64, DecodeError> {
        let negative = self.head()?.0 == major::NEGATIVE;
        match i64::try_from(self.definite()?) {
            Ok(value) => Ok(if negative { -1 - value } else { value }),
            Err(_) => self.fail("Integer out of range"),
        }
    }

    /// A half, single or double float, or `None` for another simple value.
    fn float(&mut self) -> Result<Option<f64>, DecodeError> {
        Ok(match self.head()? {
            (major::SIMPLE, 25) => Some(half(self.definite()? as u16)),
            (major::SIMPLE, 26) => Some(f64::from(f32::from_bits(self.definite()? as u32))),
            (major::SIMPLE, 27) => Some(f64::from_bits(self.definite()?)),
            _ => None,
        })
    }

    fn number(&mut self, wanted: &str) -> Result<f64, DecodeError> {
        match self.head()?.0 {
            // The nearest double is the right answer for an integer that has none of its own.
            major::UNSIGNED => self.definite().map(|value| value as f64),
            major::NEGATIVE => self.definite().map(|value| -1.0 - value as f64),
            _ => match self.float()? {
                Some(value) => Ok(value),
                None => self.mismatch(wanted),
            },
        }
    }
}

/// An IEEE 754 half-precision float.
fn half(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 0x1F);
    let fraction = f64::from(bits & 0x3FF);
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

impl Reader for CborReader<'_> {
    fn null(&mut self) -> Result<bool, DecodeError> {
        // 22 is null, 23 undefined.
        let null = matches!(self.bytes.get(self.at), Some(0xF6 | 0xF7));
        if null {
            self.at += 1;
            self.value_ended()?;
        }
        Ok(null)
    }

    fn boolean(&mut self) -> Result<bool, DecodeError> {
        let value = match self.peek()? {
            0xF4 => false,
            0xF5 => true,
            _ => return self.mismatch("a Boolean"),
        };
        self.at += 1;
        self.value_ended()?;
        Ok(value)
    }

    fn integer(&mut self) -> Result<i64, DecodeError> {
        let value = match self.head()?.0 {
            major::UNSIGNED | major::NEGATIVE => self.int()?,
            _ => match self.float()? {
                Some(value) => match scalar::integral(value) {
                    Some(value) => value,
                    None => return self.fail("The float can not be converted to an Integer"),
                },
                None => return self.mismatch("an Integer"),
            },
        };
        self.value_ended()?;
        Ok(value)
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        let value = if self.head()?.0 == major::TEXT {
            match scalar::special_double(&self.text("a Double")?) {
                Some(value) => value,
                None => return self.fail("The text can not be converted to a Double"),
            }
        } else {
            self.number("a Double")?
        };
        self.value_ended()?;
        Ok(value)
    }

    fn string(&mut self) -> Result<Cow<'_, str>, DecodeError> {
        let text = self.text("a String")?;
        self.value_ended()?;
        Ok(text)
    }

    fn blob(&mut self) -> Result<Vec<u8>, DecodeError> {
        if self.head()?.0 != major::BYTES {
            return self.mismatch("a Blob");
        }
        let blob = self.string_bytes(major::BYTES)?;
        self.value_ended()?;
        Ok(blob.into_owned())
    }

    fn timestamp(&mut self) -> Result<Timestamp, DecodeError> {
        if self.head()?.0 == major::TAG && self.definite()? != TAG_EPOCH {
            return self.fail("A tag other than epoch time can not be converted to a Timestamp");
        }
        let value = if self.head()?.0 == major::TEXT {
            scalar::timestamp_text(&self.text("a Timestamp")?)?
        } else {
            scalar::epoch_seconds(self.number("a Timestamp")?)?
        };
        self.value_ended()?;
        Ok(value)
    }

    fn begin_structure(&mut self) -> Result<(), DecodeError> {
        if self.bytes.is_empty() && self.open.is_empty() {
            self.open.push(Some(0));
            return Ok(());
        }
        self.begin(major::MAP, 2, "a Structure")
    }

    fn next_field(&mut self) -> Result<Option<Cow<'_, str>>, DecodeError> {
        self.next_key()
    }

    fn begin_map(&mut self) -> Result<(), DecodeError> {
        self.begin(major::MAP, 2, "a Map")
    }

    fn next_key(&mut self) -> Result<Option<Cow<'_, str>>, DecodeError> {
        if self.advance()? { self.text("a member name").map(Some) } else { Ok(None) }
    }

    fn begin_list(&mut self) -> Result<(), DecodeError> {
        self.begin(major::ARRAY, 1, "a List")
    }

    fn next_item(&mut self) -> Result<bool, DecodeError> {
        self.advance()
    }

    fn skip(&mut self) -> Result<(), DecodeError> {
        // Tags may stand before tags: a loop, so that a body of nothing but tags cannot use up the stack.
        while self.head()?.0 == major::TAG {
            self.definite()?;
        }
        match self.head()? {
            (major::UNSIGNED | major::NEGATIVE, _) => self.definite().map(|_| ())?,
            (major @ (major::BYTES | major::TEXT), _) => self.string_bytes(major).map(|_| ())?,
            (major::ARRAY, _) => {
                self.begin_list()?;
                while self.next_item()? {
                    self.skip()?;
                }
                return Ok(());
            }
            (major::MAP, _) => {
                // Keys of a map that nobody reads may be of any type.
                self.begin_map()?;
                while self.advance()? {
                    self.skip()?;
                    self.skip()?;
                }
                return Ok(());
            }
            (_, INDEFINITE) => return self.fail("Unexpected break"),
            _ => self.definite().map(|_| ())?,
        }
        self.value_ended()
    }
}

/// Writes one CBOR data item: maps of indefinite length, arrays of definite length, doubles as 64-bit floats.
#[derive(Debug, Default)]
pub struct CborWriter {
    out: Vec<u8>,
}

impl CborWriter {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes written.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    fn head(&mut self, major: u8, argument: u64) {
        let initial = major << 5;
        match argument {
            0..=23 => self.out.push(initial | argument as u8),
            24..=0xFF => self.out.extend_from_slice(&[initial | 24, argument as u8]),
            0x100..=0xFFFF => {
                self.out.push(initial | 25);
                self.out.extend_from_slice(&(argument as u16).to_be_bytes());
            }
            0x1_0000..=0xFFFF_FFFF => {
                self.out.push(initial | 26);
                self.out.extend_from_slice(&(argument as u32).to_be_bytes());
            }
            _ => {
                self.out.push(initial | 27);
                self.out.extend_from_slice(&argument.to_be_bytes());
            }
        }
    }
}

impl Writer for CborWriter {
    fn boolean(&mut self, value: bool) {
        self.out.push(if value { 0xF5 } else { 0xF4 });
    }

    fn integer(&mut self, value: i64) {
        if value < 0 {
            // -1 - value, which for i64 never overflows.
            self.head(major::NEGATIVE, !value as u64);
        } else {
            self.head(major::UNSIGNED, value as u64);
        }
    }

    fn double(&mut self, value: f64) {
        self.out.push(major::SIMPLE << 5 | 27);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn string(&mut self, value: &str) {
        self.head(major::TEXT, value.len() as u64);
        self.out.extend_from_slice(value.as_bytes());
    }

    fn blob(&mut self, value: &[u8]) {
        self.head(major::BYTES, value.len() as u64);
        self.out.extend_from_slice(value);
    }

    fn timestamp(&mut self, value: Timestamp) {
        self.head(major::TAG, TAG_EPOCH);
        let seconds = value.millis() as f64 / 1000.0;
        // Some SDKs cut the fraction instead of rounding it: a double just below the millisecond would lose one there.
        let cut = ((seconds.fract() * 1000.0) as i64) < value.millis() % 1000;
        self.double(if cut { seconds.next_up() } else { seconds });
    }

    fn begin_structure(&mut self) {
        self.begin_map();
    }

    fn field(&mut self, name: &'static str) {
        self.string(name);
    }

    fn end_structure(&mut self) {
        self.end_map();
    }

    fn begin_map(&mut self) {
        self.out.push(major::MAP << 5 | INDEFINITE);
    }

    fn key(&mut self, key: &str) {
        self.string(key);
    }

    fn end_map(&mut self) {
        self.out.push(BREAK);
    }

    fn begin_list(&mut self, len: usize) {
        self.head(major::ARRAY, len as u64);
    }

    fn item(&mut self) {}

    fn end_list(&mut self) {}
}

#[cfg(test)]
mod tests;
