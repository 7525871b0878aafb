//! Buckets and their objects: exports, delivered trails and their digests, answers of queries; who keeps them is the server's
//! choice.
//!
//! All methods of [`Buckets`] block: they are not for threads of async work. Metadata are S3's `x-amz-meta-…`: names in lower
//! case, values of printable ASCII, 2 KB in all.

mod memory;
mod place;
#[cfg(test)]
mod tests;

use crate::limits::{OBJECT_KEY_BYTES_MAX, OBJECT_METADATA_BYTES_MAX};
use crate::{Scope, Timestamp};
pub use memory::MemoryBuckets;
pub use place::Place;

/// The folder at the top of a bucket that is a folder, which no key reaches.
pub const HIDDEN_FOLDER: &str = ".trailwatch";
/// What the name of a file begins with that is not whole yet; no part of a key does.
pub const UNFINISHED: &str = ".unfinished-";

/// Names, without `x-amz-meta-`, and values.
pub type Metadata = Vec<(String, String)>;

/// Keeps objects in buckets. The server has one that knows folders and an S3 endpoint; tests have [`MemoryBuckets`].
pub trait Buckets: Send + Sync + 'static {
    /// Makes sure that a bucket is there which `scope`'s account may use. Another account's is `AccessDenied`. Whether a
    /// bucket behind an S3 endpoint is there, `put` tells.
    fn check(&self, scope: &Scope, bucket: &str) -> Result<(), BucketError>;

    /// Makes or replaces an object, with its metadata at once; durable once it returns.
    fn put(&self, bucket: &str, key: &str, object: NewObject) -> Result<(), BucketError>;

    /// An object, whole; one of more than `limits::OBJECT_READ_BYTES_MAX` is `Unreachable`.
    fn get(&self, bucket: &str, key: &str) -> Result<Object, BucketError>;

    /// What is known of an object without its body.
    fn head(&self, bucket: &str, key: &str) -> Result<Head, BucketError>;

    /// Up to `max` objects whose keys begin with `prefix` and come after `after` (empty for all), in order of the bytes of
    /// their keys; no more than 1,000. Fewer than `max.min(1000)` are the last.
    fn list(&self, bucket: &str, prefix: &str, after: &str, max: usize) -> Result<Vec<Listed>, BucketError>;
}

/// An object on its way into a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewObject {
    /// Its bytes.
    pub body: Vec<u8>,
    /// User metadata.
    pub metadata: Metadata,
    /// `Content-Type`, where S3's default (`binary/octet-stream`) is wrong.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
}

impl From<Vec<u8>> for NewObject {
    fn from(body: Vec<u8>) -> Self {
        Self { body, ..Self::default() }
    }
}

impl NewObject {
    /// True when metadata, type and encoding may stand in headers of HTTP and S3 would take them.
    pub fn has_valid_metadata(&self) -> bool {
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte))
        };
        let is_value = |value: &str| value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        let bytes: usize = self.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
        bytes <= OBJECT_METADATA_BYTES_MAX
            && self.metadata.iter().all(|(name, value)| is_name(name) && is_value(value))
            && [&self.content_type, &self.content_encoding]
                .into_iter()
                .flatten()
                .all(|value| value.len() <= OBJECT_METADATA_BYTES_MAX && is_value(value))
    }
}

/// An object of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub body: Vec<u8>,
    /// User metadata.
    pub metadata: Metadata,
    /// When it was put.
    pub modified: Timestamp,
}

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Size of its body.
    pub bytes: u64,
    /// When it was put.
    pub modified: Timestamp,
    /// Without quotation marks: MD5 of the body in hexadecimal digits, or, with a `-` in it, only unique.
    pub etag: String,
    /// User metadata.
    pub metadata: Metadata,
    /// `Content-Type`, where it was given.
    pub content_type: Option<String>,
    /// `Content-Encoding`, where it was given.
    pub content_encoding: Option<String>,
}

/// An object in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Size of its body.
    pub bytes: u64,
    /// When it was put.
    pub modified: Timestamp,
}

/// Why a bucket did not do what it was asked. The texts are for clients; what only the operator may know is in `Unreachable`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BucketError {
    /// Nobody knows the bucket.
    #[error("The specified bucket does not exist")]
    NoSuchBucket,
    /// The bucket has no such object.
    #[error("The specified key does not exist.")]
    NoSuchKey,
    /// The bucket is there, but not for us.
    #[error("Access Denied")]
    AccessDenied,
    /// Anything else, with its reason.
    #[error("The bucket cannot be reached")]
    Unreachable(String),
}

impl BucketError {
    /// True when it is for the client to mend.
    pub fn is_clients(&self) -> bool {
        !matches!(self, BucketError::Unreachable(_))
    }
}

/// No bucket at all: for what runs without a server.
#[derive(Debug, Clone, Copy)]
pub struct NoBuckets;

impl Buckets for NoBuckets {
    fn check(&self, _: &Scope, _: &str) -> Result<(), BucketError> {
        Err(BucketError::NoSuchBucket)
    }

    fn put(&self, _: &str, _: &str, _: NewObject) -> Result<(), BucketError> {
        Err(BucketError::NoSuchBucket)
    }

    fn get(&self, _: &str, _: &str) -> Result<Object, BucketError> {
        Err(BucketError::NoSuchBucket)
    }

    fn head(&self, _: &str, _: &str) -> Result<Head, BucketError> {
        Err(BucketError::NoSuchBucket)
    }

    fn list(&self, _: &str, _: &str, _: &str, _: usize) -> Result<Vec<Listed>, BucketError> {
        Err(BucketError::NoSuchBucket)
    }
}

/// True for text that may be a key: no part of it leads elsewhere in a folder or to what a folder keeps for itself, and no
/// part is empty.
pub fn is_key(key: &str) -> bool {
    key.len() <= OBJECT_KEY_BYTES_MAX
        && !key.chars().any(char::is_control)
        && key.split('/').next() != Some(HIDDEN_FOLDER)
        && key.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.starts_with(UNFINISHED))
}
