//! AWS event stream framing (`application/vnd.amazon.eventstream`): messages with headers, payload and two checksums.
//!
//! ```text
//! u32 total length | u32 headers length | u32 CRC32 of these 8 bytes | headers | payload | u32 CRC32 of all before
//! header: u8 name length | name | u8 type | value       (all integers big-endian)
//! ```

use bytes::Bytes;

/// Largest message, bytes (AWS allows payloads of 16 MB and headers of 128 KB).
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024 + 128 * 1024 + OVERHEAD;
const PRELUDE: usize = 12;
const OVERHEAD: usize = PRELUDE + 4;
const TYPE_BYTES: u8 = 6;
const TYPE_STRING: u8 = 7;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Headers in order, such as `:message-type` and `:event-type`.
    pub headers: Vec<(String, HeaderValue)>,
    /// The event itself, in the codec of the protocol.
    pub payload: Bytes,
}

/// A header's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Bytes),
}

/// Bytes that are no message, or a message that cannot be framed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A checksum does not match.
    #[error("the checksum of an event stream message does not match")]
    Checksum,
    /// A length is impossible.
    #[error("a length in an event stream message is out of range")]
    Length,
    /// A header is malformed, or of a type that no service here uses.
    #[error("a header of an event stream message is malformed")]
    Header,
}

impl Message {
    /// An event called `event_type`, with a payload of `content_type`.
    pub fn event(event_type: &str, content_type: &str, payload: impl Into<Bytes>) -> Self {
        Self::typed("event", ":event-type", event_type, content_type, payload.into())
    }

    /// A modelled exception called `exception_type`, which ends the stream.
    pub fn exception(exception_type: &str, content_type: &str, payload: impl Into<Bytes>) -> Self {
        Self::typed("exception", ":exception-type", exception_type, content_type, payload.into())
    }

    fn typed(message_type: &str, type_header: &str, name: &str, content_type: &str, payload: Bytes) -> Self {
        let header = |key: &str, value: &str| (key.to_owned(), HeaderValue::Text(value.to_owned()));
        Self {
            headers: vec![
                header(":message-type", message_type),
                header(type_header, name),
                header(":content-type", content_type),
            ],
            payload,
        }
    }

    /// The text of the header `name`.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|(key, value)| match value {
            HeaderValue::Text(text) if key == name => Some(text.as_str()),
            _ => None,
        })
    }

    /// The framed bytes. Errors: a header or the message is too long for the format.
    pub fn encode(&self) -> Result<Vec<u8>, FrameError> {
        let headers = self.encode_headers()?;
        let total = OVERHEAD + headers.len() + self.payload.len();
        if total > MESSAGE_BYTES_MAX {
            return Err(FrameError::Length);
        }
        let length = |bytes: usize| u32::try_from(bytes).map_err(|_| FrameError::Length);
        let mut out = Vec::with_capacity(total);
        out.extend_from_slice(&length(total)?.to_be_bytes());
        out.extend_from_slice(&length(headers.len())?.to_be_bytes());
        out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
        out.extend_from_slice(&headers);
        out.extend_from_slice(&self.payload);
        out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
        Ok(out)
    }

    fn encode_headers(&self) -> Result<Vec<u8>, FrameError> {
        let mut out = Vec::new();
        for (name, value) in &self.headers {
            out.push(u8::try_from(name.len()).map_err(|_| FrameError::Header)?);
            out.extend_from_slice(name.as_bytes());
            let (kind, bytes) = match value {
                HeaderValue::Text(text) => (TYPE_STRING, text.as_bytes()),
                HeaderValue::Bytes(bytes) => (TYPE_BYTES, bytes.as_ref()),
            };
            out.push(kind);
            out.extend_from_slice(&u16::try_from(bytes.len()).map_err(|_| FrameError::Header)?.to_be_bytes());
            out.extend_from_slice(bytes);
        }
        Ok(out)
    }

    /// The first message in `bytes` and how many bytes it took; `None` while it is incomplete.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Message, usize)>, FrameError> {
        let Some(prelude) = bytes.first_chunk::<PRELUDE>() else { return Ok(None) };
        let mut fields = Cursor(prelude);
        let (total, headers) = (fields.u32()? as usize, fields.u32()? as usize);
        if fields.u32()? != crc32fast::hash(&prelude[..8]) {
            return Err(FrameError::Checksum);
        }
        if !(OVERHEAD..=MESSAGE_BYTES_MAX).contains(&total) || headers > total - OVERHEAD {
            return Err(FrameError::Length);
        }
        let Some(message) = bytes.get(..total) else { return Ok(None) };
        let (covered, checksum) = message.split_at(total - 4);
        if Cursor(checksum).u32()? != crc32fast::hash(covered) {
            return Err(FrameError::Checksum);
        }
        let mut body = Cursor(covered);
        body.take(PRELUDE)?;
        let headers = decode_headers(body.take(headers)?)?;
        Ok(Some((Message { headers, payload: Bytes::copy_from_slice(body.0) }, total)))
    }
}

fn decode_headers(bytes: &[u8]) -> Result<Vec<(String, HeaderValue)>, FrameError> {
    let mut cursor = Cursor(bytes);
    let mut headers = Vec::new();
    while !cursor.0.is_empty() {
        let name_len = usize::from(cursor.take(1)?[0]);
        let name = cursor.text(name_len)?;
        let kind = cursor.take(1)?[0];
        let length = cursor.take(2)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let value = match kind {
            TYPE_STRING => HeaderValue::Text(cursor.text(length)?),
            TYPE_BYTES => HeaderValue::Bytes(Bytes::copy_from_slice(cursor.take(length)?)),
            _ => return Err(FrameError::Header),
        };
        headers.push((name, value));
    }
    Ok(headers)
}

/// Bytes not yet read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], FrameError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(FrameError::Header)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, FrameError> {
        Ok(self.take(4)?.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    fn text(&mut self, count: usize) -> Result<String, FrameError> {
        String::from_utf8(self.take(count)?.to_vec()).map_err(|_| FrameError::Header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_bytes::mutations;

    #[test]
    fn a_message_round_trips() {
        let mut message = Message::event("sessionUpdate", "application/json", r#"{"a":1}"#);
        message.headers.push(("raw".into(), HeaderValue::Bytes(Bytes::from_static(&[0, 255]))));
        let mut bytes = message.encode().unwrap();
        let length = bytes.len();
        bytes.extend_from_slice(b"next");
        assert_eq!(Message::decode(&bytes), Ok(Some((message, length))));
        for cut in 0..length {
            assert_eq!(Message::decode(&bytes[..cut]), Ok(None), "cut at {cut}");
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_published_vectors() {
        // The empty message and the one with a payload only, of the AWS SDKs' shared event stream test vectors.
        let empty = [0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xC2, 0x48, 0xEB, 0x7D, 0x98, 0xC8, 0xFF];
        assert_eq!(Message::default().encode().unwrap(), empty);
        let payload = Message { headers: Vec::new(), payload: Bytes::from_static(b"{'foo':'bar'}") };
        let bytes = payload.encode().unwrap();
        assert_eq!(bytes[..12], [0, 0, 0, 0x1D, 0, 0, 0, 0, 0xFD, 0x52, 0x8C, 0x5A]);
        assert_eq!(bytes[25..], [0xC3, 0x65, 0x39, 0x36]);
    }

    #[test]
    fn flipped_bytes_are_noticed_and_never_panic() {
        let message = Message::event("sessionStart", "application/json", "{}");
        let bytes = message.encode().unwrap();
        for mutated in mutations(&bytes, 10_000) {
            if let Ok(Some((decoded, _))) = Message::decode(&mutated) {
                assert_eq!(decoded, message);
            }
            let _ = decode_headers(&mutated);
        }
    }

    #[test]
    fn what_the_format_cannot_hold_is_refused() {
        let long_name =
            Message { headers: vec![("n".repeat(256), HeaderValue::Text(String::new()))], ..Message::default() };
        assert_eq!(long_name.encode(), Err(FrameError::Header));
        let large = Message { payload: Bytes::from(vec![0; MESSAGE_BYTES_MAX]), ..Message::default() };
        assert_eq!(large.encode(), Err(FrameError::Length));
    }
}
