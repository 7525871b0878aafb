//! The bytes of a delivered file: `{"Records":[…]}`, each record as it is stored, and what is told of them. Pure.

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use model::{Event, Timestamp, hex};
use sha2::{Digest, Sha256};
use std::io::Write as _;

const BEGIN: &[u8] = b"{\"Records\":[";
const END: &[u8] = b"]}";

/// A file that grows by events.
#[derive(Debug)]
pub(crate) struct Growing {
    bytes: Vec<u8>,
    events: i64,
    oldest: Timestamp,
    newest: Timestamp,
}

/// A whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// Before compression.
    pub bytes: Vec<u8>,
    /// How many records there are.
    pub events: i64,
    /// SHA-256 of `bytes`, in hexadecimal digits.
    pub sha256: String,
    /// The times of the records.
    pub oldest: Timestamp,
    /// See `oldest`.
    pub newest: Timestamp,
}

impl Default for Growing {
    fn default() -> Self {
        Self { bytes: BEGIN.to_vec(), events: 0, oldest: Timestamp::MAX, newest: Timestamp::MIN }
    }
}

impl Growing {
    /// Adds a record.
    pub(crate) fn push(&mut self, event: &Event) {
        if self.events > 0 {
            self.bytes.push(b',');
        }
        self.bytes.extend_from_slice(event.record.as_bytes());
        self.events += 1;
        self.oldest = self.oldest.min(event.time);
        self.newest = self.newest.max(event.time);
    }

    /// The file.
    pub(crate) fn end(mut self) -> Content {
        self.bytes.extend_from_slice(END);
        let sha256 = hex(&Sha256::digest(&self.bytes));
        let Self { bytes, events, oldest, newest } = self;
        Content { bytes, events, sha256, oldest, newest }
    }
}

/// Compressed; the same bytes each time, for no time or name is in them.
pub(crate) fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder: GzEncoder<Vec<u8>> = GzBuilder::new().write(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn records_are_kept_byte_for_byte() {
        let mut growing = Growing::default();
        for (time, record) in [(5, "{ \"a\" : 1.0 }"), (3, "{\"ä\":\"\\u0041\"}")] {
            growing.push(&Event { time: Timestamp(time), record: record.into(), ..Event::default() });
        }
        let content = growing.end();
        assert_eq!(content.bytes, "{\"Records\":[{ \"a\" : 1.0 },{\"ä\":\"\\u0041\"}]}".as_bytes());
        assert_eq!((content.events, content.oldest, content.newest), (2, Timestamp(3), Timestamp(5)));
        assert_eq!(content.sha256, hex(&Sha256::digest(&content.bytes)));
        let packed = gzip(&content.bytes).unwrap();
        assert_eq!(gzip(&content.bytes).unwrap(), packed);
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, content.bytes);
    }
}
