//! The buckets that objects are kept in: folders that the configuration names, and for every other bucket an S3 endpoint, or,
//! where there is none, the server itself.

mod folder;
mod own;
pub mod percent;
pub mod s3;
#[cfg(test)]
mod tests;

use crate::config::Config;
use catalog::{Bucket, BucketCreated, Catalog};
pub use folder::{Folder, make_durable};
use model::buckets::{BucketError, Buckets, Head, Listed, NewObject, Object, is_key};
use model::{Clock, Scope};
use own::OwnBuckets;
use s3::S3;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Handle;

/// The folder of the data directory that holds the server's own buckets.
pub const DIR: &str = "buckets";

/// All buckets of a server. Its methods block.
#[derive(Debug)]
pub struct ServerBuckets {
    /// The account and region that the folders of the configuration are of, when they are read over the S3 API.
    home: Scope,
    folders: BTreeMap<String, Arc<Folder>>,
    s3: Option<S3>,
    own: OwnBuckets,
}

/// Who keeps a bucket.
enum Kept<'a> {
    InFolder(Arc<Folder>),
    InS3(&'a S3),
}

impl ServerBuckets {
    /// As the configuration says. Tasks of the present runtime ask the catalog.
    pub fn new(config: &Config, catalog: Catalog, clock: Arc<dyn Clock>) -> Self {
        let folder = |path: &PathBuf| Arc::new(Folder::new(path.clone(), Arc::clone(&clock)));
        let folders = config.buckets.iter().map(|(name, path)| (name.clone(), folder(path))).collect();
        let endpoint = config.endpoints.get("s3");
        let s3 = endpoint.zip(config.s3.clone()).map(|(endpoint, keys)| S3::new(endpoint, keys, Arc::clone(&clock)));
        let home = Scope { account: config.account_id.clone(), region: config.region.clone() };
        let own = OwnBuckets::new(config.data_dir.join(DIR), catalog, Arc::clone(&clock), Handle::current());
        Self { home, folders, s3, own }
    }

    /// A bucket that the server reads out itself, and its folder; one behind an S3 endpoint is none.
    pub fn readable(&self, name: &str) -> Result<(Bucket, Arc<Folder>), BucketError> {
        match self.folders.get(name) {
            Some(folder) => Ok((self.of_configuration(name, folder), Arc::clone(folder))),
            None => self.own.find(name),
        }
    }

    /// The buckets of an account that the server reads out itself, in order of their names.
    pub fn readable_of(&self, account: &str) -> Result<Vec<Bucket>, BucketError> {
        let mut buckets = self.own.of_account(account)?;
        buckets.retain(|bucket| !self.folders.contains_key(&bucket.name));
        if account == self.home.account {
            buckets.extend(self.folders.iter().map(|(name, folder)| self.of_configuration(name, folder)));
        }
        buckets.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(buckets)
    }

    fn of_configuration(&self, name: &str, folder: &Folder) -> Bucket {
        Bucket {
            name: name.to_owned(),
            account: self.home.account.clone(),
            region: self.home.region.clone(),
            created_ms: folder.changed().0,
        }
    }

    /// Removes the server's own buckets, once the catalog has none any more.
    pub fn reset(&self) -> std::io::Result<()> {
        self.own.reset()
    }

    fn find(&self, bucket: &str) -> Result<Kept<'_>, BucketError> {
        match (self.folders.get(bucket), &self.s3) {
            (Some(folder), _) => Ok(Kept::InFolder(Arc::clone(folder))),
            // A bucket's name is part of the URL, or of a path: what is no name goes nowhere.
            _ if !is_bucket_name(bucket) => Err(BucketError::NoSuchBucket),
            (None, Some(s3)) => Ok(Kept::InS3(s3)),
            (None, None) => self.own.find(bucket).map(|(_, folder)| Kept::InFolder(folder)),
        }
    }

    /// Makes a bucket of the account's, where the server keeps buckets; `name` is one of a bucket. Behind an S3 endpoint they
    /// are made there: `AccessDenied`.
    pub fn create(&self, scope: &Scope, name: &str) -> Result<BucketCreated, BucketError> {
        match self.folders.get(name) {
            Some(folder) => Ok(BucketCreated::Exists(self.of_configuration(name, folder))),
            None if self.is_own(name) => self.own.create(scope, name),
            None => Err(BucketError::AccessDenied),
        }
    }

    /// Deletes a bucket that has no objects; false when it has some. A folder of the configuration is `AccessDenied`.
    pub fn delete(&self, bucket: &Bucket) -> Result<bool, BucketError> {
        if self.folders.contains_key(&bucket.name) { Err(BucketError::AccessDenied) } else { self.own.delete(bucket) }
    }

    /// The policy of a bucket that the server keeps. It is shown, and has no effect.
    pub fn policy(&self, bucket: &Bucket) -> Result<Option<String>, BucketError> {
        if self.folders.contains_key(&bucket.name) { Ok(None) } else { self.own.policy(bucket) }
    }

    /// Sets or takes away the policy of a bucket. A folder of the configuration is `AccessDenied`.
    pub fn put_policy(&self, bucket: &Bucket, policy: Option<&str>) -> Result<(), BucketError> {
        if self.folders.contains_key(&bucket.name) {
            return Err(BucketError::AccessDenied);
        }
        self.own.put_policy(bucket, policy)
    }

    /// True for a bucket that the server keeps, or would.
    fn is_own(&self, bucket: &str) -> bool {
        self.s3.is_none() && !self.folders.contains_key(bucket) && is_bucket_name(bucket)
    }
}

impl Buckets for ServerBuckets {
    fn check(&self, scope: &Scope, bucket: &str) -> Result<(), BucketError> {
        if !self.is_own(bucket) {
            return self.find(bucket).map(drop);
        }
        match self.own.find(bucket)? {
            (bucket, _) if bucket.account == scope.account => Ok(()),
            _ => Err(BucketError::AccessDenied),
        }
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
        && !text.contains("..")
        && is_edge(bytes.first())
        && is_edge(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(byte))
}
