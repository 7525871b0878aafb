//! Buckets that this plane writes objects to: exports of log groups, answers of scheduled queries.

use crate::Watch;
use std::sync::Arc;

/// Takes objects for buckets. The server has one that knows folders and an S3 endpoint; tests have one in memory.
pub trait Buckets: Send + Sync + 'static {
    /// Makes or replaces an object; durable once it returns. It blocks: it is not for threads of async work.
    fn put(&self, bucket: &str, key: &str, body: Vec<u8>) -> Result<(), BucketError>;
}

/// Why an object was not taken. The texts are for clients; what only the operator may know is in `Unreachable`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BucketError {
    /// Nobody knows the bucket.
    #[error("The specified bucket does not exist")]
    NoSuchBucket,
    /// The bucket is there, but not for us.
    #[error("Access Denied")]
    AccessDenied,
    /// Anything else, with its reason.
    #[error("The bucket cannot be reached")]
    Unreachable(String),
}

impl BucketError {
    /// True when it is for the client to mend.
    pub(crate) fn is_clients(&self) -> bool {
        !matches!(self, BucketError::Unreachable(_))
    }

    /// Tells the operator what the client is not told.
    pub(crate) fn warn(&self, bucket: &str, key: &str) {
        if let BucketError::Unreachable(reason) = self {
            tracing::warn!(bucket, key, reason, "write to a bucket");
        }
    }
}

/// Puts an object from async work.
pub(crate) async fn put(watch: &Watch, bucket: &str, key: &str, body: Vec<u8>) -> Result<(), BucketError> {
    let (buckets, into, at) = (Arc::clone(&watch.buckets), bucket.to_owned(), key.to_owned());
    let putting = tokio::task::spawn_blocking(move || buckets.put(&into, &at, body)).await;
    let put = putting.unwrap_or_else(|error| Err(BucketError::Unreachable(error.to_string())));
    put.inspect_err(|error| error.warn(bucket, key))
}

/// True for text that may stand in a key: no part of it leads elsewhere in a folder, and no part is empty.
pub fn is_key(key: &str) -> bool {
    key.len() <= model::limits::OBJECT_KEY_BYTES_MAX
        && !key.chars().any(char::is_control)
        && key.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_nowhere_else() {
        for good in ["a", "a/b.gz", "a/..b/c..", "ä/%2F \\"] {
            assert!(is_key(good), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\0", "a\n", &"a".repeat(1025)] {
            assert!(!is_key(bad), "{bad}");
        }
    }
}
