//! `inflate`: request bodies compressed with gzip or deflate, opened under a cap after the signature was checked.

use crate::error::{ApiError, common};
use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::borrow::Cow;
use std::io::Read;

/// Why a body could not be opened. All of these are the client's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// More than `bytes_max` bytes come out.
    #[error("the decompressed body is larger than {bytes_max} bytes")]
    TooLarge {
        /// The cap.
        bytes_max: usize,
    },
    /// The stream is cut off or damaged.
    #[error("the body is not a valid {0} stream")]
    Damaged(&'static str),
    /// Another encoding than gzip and deflate.
    #[error("the content encoding {0} is not supported")]
    Unsupported(String),
}

impl InflateError {
    /// What the client is told.
    pub fn to_api_error(&self) -> ApiError {
        let shape = match self {
            InflateError::TooLarge { .. } => &common::REQUEST_TOO_LARGE,
            InflateError::Damaged(_) | InflateError::Unsupported(_) => &common::SERIALIZATION,
        };
        ApiError::new(shape, Cow::Owned(self.to_string()))
    }
}

/// The content of `body` under the header `Content-Encoding: encoding`, at most `bytes_max` bytes of it.
///
/// A body that is not compressed is passed on without a copy.
pub fn inflate(encoding: Option<&str>, body: &Bytes, bytes_max: usize) -> Result<Bytes, InflateError> {
    let encoding = encoding.unwrap_or("").trim();
    if encoding.is_empty() || encoding.eq_ignore_ascii_case("identity") {
        if body.len() > bytes_max {
            return Err(InflateError::TooLarge { bytes_max });
        }
        return Ok(body.clone());
    }
    let compressed = body.as_ref();
    if encoding.eq_ignore_ascii_case("gzip") || encoding.eq_ignore_ascii_case("x-gzip") {
        return read_all("gzip", MultiGzDecoder::new(compressed), compressed.len(), bytes_max);
    }
    if encoding.eq_ignore_ascii_case("deflate") {
        // The standard says zlib; some clients send the bare deflate stream. A zlib header is a multiple of 31.
        let header = compressed.first_chunk::<2>().map_or(1, |bytes| u16::from_be_bytes(*bytes));
        let zlib = header % 31 == 0 && header >> 8 & 0x0F == 8;
        return match zlib {
            true => read_all("deflate", ZlibDecoder::new(compressed), compressed.len(), bytes_max),
            false => read_all("deflate", DeflateDecoder::new(compressed), compressed.len(), bytes_max),
        };
    }
    let told = encoding.chars().filter(|c| !c.is_control()).take(64).collect();
    Err(InflateError::Unsupported(told))
}

fn read_all(
    name: &'static str,
    decoder: impl Read,
    compressed_bytes: usize,
    bytes_max: usize,
) -> Result<Bytes, InflateError> {
    let mut out = Vec::with_capacity(compressed_bytes.saturating_mul(4).min(bytes_max));
    let limit = (bytes_max as u64).saturating_add(1);
    decoder.take(limit).read_to_end(&mut out).map_err(|_| InflateError::Damaged(name))?;
    if out.len() > bytes_max {
        return Err(InflateError::TooLarge { bytes_max });
    }
    Ok(Bytes::from(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_bytes::mutations;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write as _;

    fn gzip(content: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap().into()
    }

    #[test]
    fn each_encoding_opens() {
        let content = b"{\"a\":1}".repeat(100);
        assert_eq!(inflate(Some("gzip"), &gzip(&content), 10_000).unwrap(), content);
        assert_eq!(inflate(Some(" GZIP "), &gzip(&content), 10_000).unwrap(), content);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&content).unwrap();
        assert_eq!(inflate(Some("deflate"), &zlib.finish().unwrap().into(), 10_000).unwrap(), content);
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
        bare.write_all(&content).unwrap();
        assert_eq!(inflate(Some("deflate"), &bare.finish().unwrap().into(), 10_000).unwrap(), content);
        assert_eq!(inflate(None, &Bytes::from_static(b"as it is"), 100).unwrap(), "as it is");
        assert_eq!(inflate(Some("identity"), &Bytes::new(), 100).unwrap(), "");
        let two = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(inflate(Some("gzip"), &two.into(), 100).unwrap(), "one two");
    }

    #[test]
    fn a_bomb_stops_at_the_cap() {
        let bomb = gzip(&vec![b' '; 20_000_000]);
        assert_eq!(inflate(Some("gzip"), &bomb, 1_000_000), Err(InflateError::TooLarge { bytes_max: 1_000_000 }));
        assert_eq!(inflate(Some("gzip"), &gzip(&[b'a'; 10]), 10).unwrap().len(), 10);
        assert!(inflate(Some("gzip"), &gzip(&[b'a'; 11]), 10).is_err());
        assert!(inflate(None, &Bytes::from_static(b"12345"), 4).is_err());
    }

    #[test]
    fn every_truncation_and_unknown_encoding_is_an_error() {
        let whole = gzip(b"some content that is worth compressing, compressing, compressing");
        for cut in 1..whole.len() {
            assert_eq!(inflate(Some("gzip"), &whole.slice(..cut), 1000), Err(InflateError::Damaged("gzip")), "{cut}");
        }
        assert_eq!(inflate(Some("br"), &whole, 1000), Err(InflateError::Unsupported("br".into())));
        assert_eq!(inflate(Some("gzip"), &Bytes::from_static(b"{}"), 1000), Err(InflateError::Damaged("gzip")));
        assert_eq!(inflate(Some("br"), &whole, 1000).unwrap_err().to_api_error().code(), "SerializationException");
    }

    #[test]
    fn damage_never_panics() {
        let whole = gzip(&b"some content that is worth compressing".repeat(4));
        for mutated in mutations(&whole, 10_000) {
            let body = Bytes::from(mutated);
            let _ = inflate(Some("gzip"), &body, 4096);
            let _ = inflate(Some("deflate"), &body, 4096);
        }
    }
}
