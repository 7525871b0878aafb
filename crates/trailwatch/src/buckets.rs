//! The buckets that objects are kept in: folders of this machine, and an S3 endpoint for every other bucket.

mod folder;
mod s3;

use crate::config::Config;
use folder::Folder;
use model::buckets::{BucketError, Buckets, Head, Listed, NewObject, Object, is_key};
use model::{Clock, Scope};
use s3::S3;
use std::collections::BTreeMap;
use std::path::PathBuf;
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
        let folder = |path: &PathBuf| Folder::new(path.clone(), Arc::clone(&clock));
        let folders = config.buckets.iter().map(|(name, path)| (name.clone(), folder(path))).collect();
        let endpoint = config.endpoints.get("s3");
        let s3 = endpoint.zip(config.s3.clone()).map(|(endpoint, keys)| S3::new(endpoint, keys, Arc::clone(&clock)));
        Self { folders, s3 }
    }
}

/// Who keeps a bucket.
enum Kept<'a> {
    InFolder(&'a Folder),
    InS3(&'a S3),
}

impl ConfiguredBuckets {
    fn find(&self, bucket: &str) -> Result<Kept<'_>, BucketError> {
        match (self.folders.get(bucket), &self.s3) {
            (Some(folder), _) => Ok(Kept::InFolder(folder)),
            // A bucket's name is part of the URL: what is no name goes nowhere.
            (None, Some(s3)) if is_bucket_name(bucket) => Ok(Kept::InS3(s3)),
            _ => Err(BucketError::NoSuchBucket),
        }
    }
}

impl Buckets for ConfiguredBuckets {
    fn ensure(&self, scope: &Scope, bucket: &str) -> Result<(), BucketError> {
        self.check(scope, bucket)
    }

    fn check(&self, _: &Scope, bucket: &str) -> Result<(), BucketError> {
        self.find(bucket).map(drop)
    }

    fn put(&self, bucket: &str, key: &str, object: NewObject) -> Result<(), BucketError> {
        if !is_key(key) || !object.has_valid_metadata() {
            return Err(BucketError::Unreachable(format!("'{key}' is no key of an object, or its metadata are none")));
        }
        match self.find(bucket)? {
            Kept::InFolder(folder) => folder.put(key, object),
            Kept::InS3(s3) => s3.put(bucket, key, object),
        }
    }

    fn get(&self, bucket: &str, key: &str) -> Result<Object, BucketError> {
        match self.find(bucket)? {
            Kept::InFolder(folder) => folder.get(key),
            Kept::InS3(s3) if is_key(key) => s3.get(bucket, key),
            Kept::InS3(_) => Err(BucketError::NoSuchKey),
        }
    }

    fn head(&self, bucket: &str, key: &str) -> Result<Head, BucketError> {
        match self.find(bucket)? {
            Kept::InFolder(folder) => folder.head(key),
            Kept::InS3(s3) if is_key(key) => s3.head(bucket, key),
            Kept::InS3(_) => Err(BucketError::NoSuchKey),
        }
    }

    fn list(&self, bucket: &str, prefix: &str, after: &str, max: usize) -> Result<Vec<Listed>, BucketError> {
        match self.find(bucket)? {
            Kept::InFolder(folder) => folder.list(prefix, after, max),
            Kept::InS3(s3) => s3.list(bucket, prefix, after, max),
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
        let folders = BTreeMap::from([(
            "archive".to_owned(),
            Folder::new(dir.path().join("deep/archive"), Arc::new(ManualClock::default())),
        )]);
        let buckets = ConfiguredBuckets { folders, s3: None };
        buckets.put("archive", "a/b.gz", b"body".to_vec().into()).unwrap();
        assert_eq!(std::fs::read(dir.path().join("deep/archive/a/b.gz")).unwrap(), b"body");
        for (bucket, key) in [("archive", "../out"), ("archive", "/out"), ("archive", "a//b"), ("archive", "")] {
            let refused = buckets.put(bucket, key, NewObject::default());
            assert!(matches!(refused, Err(BucketError::Unreachable(_))), "{key}: {refused:?}");
        }
        assert!(!dir.path().join("deep/out").exists());
        assert_eq!(buckets.put("other", "a", NewObject::default()), Err(BucketError::NoSuchBucket));
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
        assert_eq!(buckets.put("a/../b", "a", NewObject::default()), Err(BucketError::NoSuchBucket));
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
