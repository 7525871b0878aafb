//! Digest files: signed lists of what a trail delivered, each linked to the one before, so that nobody alters or takes away
//! a log file unseen.
//!
//! AWS: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-intro.html>; what
//! `aws cloudtrail validate-logs` accepts is the measure. Digests of hours that were missed are a chain of their own, the
//! backfill chain, as that command follows the two apart.
//!
//! `deliver.rs` is the task, `keys.rs` the keys; the other files are pure: bytes and values in, bytes and values out.

pub mod body;
pub mod deliver;
pub mod keys;
pub mod object_key;
pub mod sealing;
pub mod signing_key;
pub mod window;

use crate::delivery::content::gzip;
use body::{Body, Cover, Link, LogFile, SIGNATURE_ALGORITHM};
use model::{Timestamp, hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use signing_key::{KeyError, SigningKey};

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

/// Makes a digest; `previous` is the one before in the chain that its window belongs to.
pub fn sign(
    cover: Cover<'_>,
    previous: Option<&Link>,
    files: Vec<LogFile>,
    key: &SigningKey,
    now: Timestamp,
) -> Result<Signed, KeyError> {
    let body = Body::new(cover, &key.fingerprint(), previous, files);
    let json = body.to_json().map_err(|error| KeyError(error.to_string()))?;
    let signature = key.sign(&body.string_to_sign(&json))?;
    let link = Link { bucket: cover.bucket.into(), key: cover.key.into(), hash: hash_hex(json.as_bytes()), signature };
    Ok(Signed { link, json, backfilled: cover.window.backfill.then(|| now.iso_seconds()) })
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
        gzip(self.json.as_bytes())
    }
}

/// SHA-256 in lower-case hex.
pub fn hash_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let digits = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| text.as_bytes().chunks(2).map(pair).collect()).flatten()
}

#[cfg(test)]
mod tests;
