//! Buckets that objects are written to: exports, delivered trails, answers of queries; who keeps them is the server's choice.

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
    pub fn is_clients(&self) -> bool {
        !matches!(self, BucketError::Unreachable(_))
    }
}

/// No bucket at all: for what runs without a server.
#[derive(Debug, Clone, Copy)]
pub struct NoBuckets;

impl Buckets for NoBuckets {
    fn put(&self, _: &str, _: &str, _: Vec<u8>) -> Result<(), BucketError> {
        Err(BucketError::NoSuchBucket)
    }
}

/// True for text that may stand in a key: no part of it leads elsewhere in a folder, and no part is empty.
pub fn is_key(key: &str) -> bool {
    key.len() <= crate::limits::OBJECT_KEY_BYTES_MAX
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
