//! The buckets that objects are written to: folders of this machine, and an S3 endpoint for every other bucket.

mod folder;
mod s3;

use crate::config::Config;
use folder::Folder;
use model::Clock;
use model::buckets::{BucketError, Buckets, is_key};
use s3::S3;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What `[buckets]`, and `[s3]` with its endpoint, name.
#[derive(Debug)]
pub struct ConfiguredBuckets {
    folders: BTreeMap<String, Folder>,
    s3: Option<S3>,
}

impl ConfiguredBuckets {
    /// As the configuration says; `clock` is for signatures.
    pub fn new(config: &Config, clock: Arc<dyn Clock>) -> Self {
        let folders = config.buckets.iter().map(|(name, path)| (name.clone(), Folder::new(path.clone())));
        let endpoint = config.endpoints.get("s3");
        let s3 = endpoint.zip(config.s3.clone()).map(|(endpoint, keys)| S3::new(endpoint, keys, clock));
        Self { folders: folders.collect(), s3 }
    }
}

impl Buckets for ConfiguredBuckets {
    fn put(&self, bucket: &str, key: &str, body: Vec<u8>) -> Result<(), BucketError> {
        if !is_key(key) {
            return Err(BucketError::Unreachable(format!("'{key}' is no key of an object")));
        }
        match (self.folders.get(bucket), &self.s3) {
            (Some(folder), _) => folder.put(key, &body),
            // A bucket's name is part of the URL: what is no name goes nowhere.
            (None, Some(s3)) if is_bucket_name(bucket) => s3.put(bucket, key, body),
            _ => Err(BucketError::NoSuchBucket),
        }
    }
}

/// True for text that S3 takes as the name of a bucket, nearly: what it refuses besides does no harm.
pub fn is_bucket_name(text: &str) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = text.as_bytes();
    (3..=63).contains(&bytes.len())
        && is_edge(bytes.first())
        && is_edge(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::clock::ManualClock;

    #[test]
    fn a_bucket_is_a_folder_or_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let folders = BTreeMap::from([("archive".to_owned(), Folder::new(dir.path().join("deep/archive")))]);
        let buckets = ConfiguredBuckets { folders, s3: None };
        buckets.put("archive", "a/b.gz", b"body".to_vec()).unwrap();
        assert_eq!(std::fs::read(dir.path().join("deep/archive/a/b.gz")).unwrap(), b"body");
        for (bucket, key) in [("archive", "../out"), ("archive", "/out"), ("archive", "a//b"), ("archive", "")] {
            let refused = buckets.put(bucket, key, Vec::new());
            assert!(matches!(refused, Err(BucketError::Unreachable(_))), "{key}: {refused:?}");
        }
        assert!(!dir.path().join("deep/out").exists());
        assert_eq!(buckets.put("other", "a", Vec::new()), Err(BucketError::NoSuchBucket));
        let keys = crate::config::S3 {
            region: "us-east-1".into(),
            credentials: wire::sigv4::Credentials {
                access_key_id: "k".into(),
                secret_access_key: "s".into(),
                session_token: None,
            },
        };
        // Nobody asks the endpoint, where nobody listens, for what is no bucket.
        let s3 = S3::new("http://127.0.0.1:1", keys, Arc::new(ManualClock::default()));
        let buckets = ConfiguredBuckets { folders: BTreeMap::new(), s3: Some(s3) };
        assert_eq!(buckets.put("a/../b", "a", Vec::new()), Err(BucketError::NoSuchBucket));
    }

    #[test]
    fn names_of_buckets() {
        for good in ["abc", "my-logs.2026", "0-0"] {
            assert!(is_bucket_name(good), "{good}");
        }
        for bad in ["", "ab", "Abc", "-abc", "abc.", "a/b", "a_b", "ä-ä", &"a".repeat(64)] {
            assert!(!is_bucket_name(bad), "{bad}");
        }
    }
}
