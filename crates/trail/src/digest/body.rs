//! What a digest file says: the log files of one window and their hashes, and the digest before it.
//!
//! AWS: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html>.
//! Members come in the order of AWS's sample. The five members about the digest before are null in the first digest of a
//! chain; the two about events are null where there are none. All hashes are of uncompressed bytes, in lower-case hex.

use super::hash_hex;
use super::window::Window;
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// How digests are signed.
pub const SIGNATURE_ALGORITHM: &str = "SHA256withRSA";
/// How files are hashed.
const HASH_ALGORITHM: &str = "SHA-256";

/// A digest file, uncompressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // The members are AWS's.
pub struct Body {
    pub aws_account_id: String,
    pub digest_start_time: String,
    pub digest_end_time: String,
    #[serde(rename = "digestS3Bucket")]
    pub digest_s3_bucket: String,
    #[serde(rename = "digestS3Object")]
    pub digest_s3_object: String,
    pub digest_public_key_fingerprint: String,
    pub digest_signature_algorithm: String,
    pub newest_event_time: Option<String>,
    pub oldest_event_time: Option<String>,
    #[serde(rename = "previousDigestS3Bucket")]
    pub previous_digest_s3_bucket: Option<String>,
    #[serde(rename = "previousDigestS3Object")]
    pub previous_digest_s3_object: Option<String>,
    pub previous_digest_hash_value: Option<String>,
    pub previous_digest_hash_algorithm: Option<String>,
    pub previous_digest_signature: Option<String>,
    pub log_files: Vec<LogFile>,
}

/// A log file of the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // The members are AWS's.
pub struct LogFile {
    #[serde(rename = "s3Bucket")]
    pub s3_bucket: String,
    #[serde(rename = "s3Object")]
    pub s3_object: String,
    pub hash_value: String,
    pub hash_algorithm: String,
    pub newest_event_time: String,
    pub oldest_event_time: String,
}

/// The digest before: what the next one says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Where it was put.
    pub bucket: String,
    /// Under which key.
    pub key: String,
    /// Its hash.
    pub hash: String,
    /// Its signature in hex.
    pub signature: String,
}

/// What a digest covers and where it goes.
#[derive(Debug, Clone, Copy)]
pub struct Cover<'a> {
    /// Whose events they are.
    pub account: &'a str,
    /// When the log files were delivered.
    pub window: Window,
    /// Where the digest goes.
    pub bucket: &'a str,
    /// Under which key.
    pub key: &'a str,
}

impl LogFile {
    /// A file with the hash of its uncompressed bytes in hex, and the times of its first and last event.
    pub fn new(bucket: &str, key: &str, hash: &str, oldest: Timestamp, newest: Timestamp) -> Self {
        Self {
            s3_bucket: bucket.into(),
            s3_object: key.into(),
            hash_value: hash.into(),
            hash_algorithm: HASH_ALGORITHM.into(),
            newest_event_time: newest.iso_seconds(),
            oldest_event_time: oldest.iso_seconds(),
        }
    }
}

impl Body {
    /// The digest of `files`, which follows `previous` and will be signed with the key of `fingerprint`.
    pub fn new(cover: Cover<'_>, fingerprint: &str, previous: Option<&Link>, files: Vec<LogFile>) -> Self {
        let of_previous = |member: fn(&Link) -> &String| previous.map(|link| member(link).clone());
        Self {
            aws_account_id: cover.account.into(),
            digest_start_time: cover.window.start.iso_seconds(),
            digest_end_time: cover.window.end.iso_seconds(),
            digest_s3_bucket: cover.bucket.into(),
            digest_s3_object: cover.key.into(),
            digest_public_key_fingerprint: fingerprint.into(),
            digest_signature_algorithm: SIGNATURE_ALGORITHM.into(),
            // Texts of one form and length sort as the times they are.
            newest_event_time: files.iter().map(|file| &file.newest_event_time).max().cloned(),
            oldest_event_time: files.iter().map(|file| &file.oldest_event_time).min().cloned(),
            previous_digest_s3_bucket: of_previous(|link| &link.bucket),
            previous_digest_s3_object: of_previous(|link| &link.key),
            previous_digest_hash_value: of_previous(|link| &link.hash),
            previous_digest_hash_algorithm: previous.map(|_| HASH_ALGORITHM.into()),
            previous_digest_signature: of_previous(|link| &link.signature),
            log_files: files,
        }
    }

    /// The bytes of the file before it is compressed.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// What is signed: end, place, hash of the uncompressed file `json`, and the signature before, or the word `null`.
    pub fn string_to_sign(&self, json: &str) -> String {
        format!(
            "{}\n{}/{}\n{}\n{}",
            self.digest_end_time,
            self.digest_s3_bucket,
            self.digest_s3_object,
            hash_hex(json.as_bytes()),
            self.previous_digest_signature.as_deref().unwrap_or("null")
        )
    }
}
