//! Digest files: signed lists of what a trail delivered, each linked to the one before, so that nobody alters or takes away
//! a log file unseen.
//!
//! AWS: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-intro.html>; what
//! `aws cloudtrail validate-logs` accepts is the measure. Digests of hours that were missed are a chain of their own, the
//! backfill chain, as that command follows the two apart.
//!
//! `deliver.rs` is the task, `keys.rs` the keys; the other files are pure: bytes and values in, bytes and values out.

pub mod body;
pub mod keys;
pub mod object_key;
pub mod sealing;
pub mod signing_key;
pub mod window;

use body::{Body, Cover, Link, LogFile, SIGNATURE_ALGORITHM};
use flate2::Compression;
use flate2::write::GzEncoder;
use model::Timestamp;
use object_key::{TrailName, object_key};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use signing_key::{KeyError, SigningKey};
use std::io::Write as _;
use window::Window;

/// A digest that is ready to be put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// Where it goes, its hash and its signature.
    pub link: Link,
    /// The file, uncompressed.
    pub json: String,
    /// When it was made, where it is a backfill.
    pub backfilled: Option<String>,
}

/// Makes the digest of a window of one region of a trail; `previous` is the one before in the chain that the window belongs to.
pub fn sign(
    trail: TrailName<'_>,
    region: &str,
    bucket: &str,
    window: Window,
    previous: Option<&Link>,
    files: Vec<LogFile>,
    key: &SigningKey,
    now: Timestamp,
) -> Result<Signed, KeyError> {
    let at = object_key(trail, region, window.end, window.backfill);
    let cover = Cover { account: &trail.home.account, start: window.start, end: window.end, bucket, key: &at };
    let body = Body::new(cover, &key.fingerprint(), previous, files);
    let json = body.to_json().map_err(|error| KeyError(error.to_string()))?;
    let signature = key.sign(&body.string_to_sign(&json))?;
    let link = Link { bucket: bucket.into(), key: at, hash: hash_hex(json.as_bytes()), signature };
    Ok(Signed { link, json, backfilled: window.backfill.then(|| now.iso_seconds()) })
}

impl Signed {
    /// User metadata of the object: names without `x-amz-meta-`, and values.
    pub fn metadata(&self) -> Vec<(String, String)> {
        let mut metadata = vec![
            ("signature".to_owned(), self.link.signature.clone()),
            ("signature-algorithm".to_owned(), SIGNATURE_ALGORITHM.to_owned()),
        ];
        metadata.extend(self.backfilled.iter().map(|at| ("backfill-generation-timestamp".to_owned(), at.clone())));
        metadata
    }

    /// The object: the file, compressed. The same file makes the same bytes.
    pub fn object(&self) -> std::io::Result<Vec<u8>> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(self.json.as_bytes())?;
        gzip.finish()
    }
}

/// SHA-256 in lower-case hex.
pub fn hash_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let digits = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| text.as_bytes().chunks(2).map(pair).collect()).flatten()
}

#[cfg(test)]
mod tests;
