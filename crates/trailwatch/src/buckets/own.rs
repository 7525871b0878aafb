//! Buckets that the server keeps itself, each a folder below its data directory; the catalog says whose they are.
//!
//! A bucket that the catalog has is there, also before its folder is; its first object makes that.

use super::folder::Folder;
use catalog::{Bucket, BucketCreated, Catalog};
use model::buckets::BucketError;
use model::limits::BUCKETS_PER_ACCOUNT_MAX;
use model::{Clock, Scope};
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;

/// See the module. Its methods block.
pub struct OwnBuckets {
    dir: PathBuf,
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    runtime: Handle,
    /// Each bucket's folder once, for it has a lock; no more than the catalog has buckets.
    folders: Mutex<HashMap<String, Arc<Folder>>>,
}

impl std::fmt::Debug for OwnBuckets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnBuckets").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl OwnBuckets {
    /// The buckets below `dir`. `runtime` is where the catalog is asked.
    pub fn new(dir: PathBuf, catalog: Catalog, clock: Arc<dyn Clock>, runtime: Handle) -> Self {
        Self { dir, catalog, clock, runtime, folders: Mutex::default() }
    }

    /// Makes a bucket of the account's.
    pub fn create(&self, scope: &Scope, name: &str) -> Result<BucketCreated, BucketError> {
        let created = self.ask(self.catalog.create_bucket(name, scope, self.clock.now(), BUCKETS_PER_ACCOUNT_MAX))?;
        if created == BucketCreated::Created {
            // That of a bucket of this name which was deleted takes nothing any more.
            self.folders.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        }
        Ok(created)
    }

    /// Deletes a bucket that has no objects; false when it has some. Another that has its name by now is left alone.
    pub fn delete(&self, bucket: &Bucket) -> Result<bool, BucketError> {
        let name = bucket.name.as_str();
        let (found, folder) = self.find(name)?;
        if found != *bucket {
            return Err(BucketError::NoSuchBucket);
        }
        let forget = || match self.ask(self.catalog.delete_bucket(bucket))? {
            true => Ok(()),
            false => Err(BucketError::NoSuchBucket),
        };
        let deleted = folder.delete(forget)?;
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        // Another of the name may have come already.
        if deleted && folders.get(name).is_some_and(|known| Arc::ptr_eq(known, &folder)) {
            folders.remove(name);
        }
        Ok(deleted)
    }

    /// The policy of a bucket.
    pub fn policy(&self, bucket: &Bucket) -> Result<Option<String>, BucketError> {
        self.ask(self.catalog.bucket_policy(bucket))
    }

    /// Sets or takes away the policy of a bucket.
    pub fn put_policy(&self, bucket: &Bucket, policy: Option<&str>) -> Result<(), BucketError> {
        match self.ask(self.catalog.put_bucket_policy(bucket, policy))? {
            true => Ok(()),
            false => Err(BucketError::NoSuchBucket),
        }
    }

    /// A bucket and its folder.
    pub fn find(&self, name: &str) -> Result<(Bucket, Arc<Folder>), BucketError> {
        let bucket = self.ask(self.catalog.bucket(name))?.ok_or(BucketError::NoSuchBucket)?;
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Folder::new(self.dir.join(name), Arc::clone(&self.clock)));
        let folder = Arc::clone(folders.entry(name.to_owned()).or_insert_with(new));
        Ok((bucket, folder))
    }

    /// The buckets of an account, in order of their names.
    pub fn of_account(&self, account: &str) -> Result<Vec<Bucket>, BucketError> {
        self.ask(self.catalog.buckets(account))
    }

    /// Removes every object, once the catalog has no bucket any more.
    pub fn reset(&self) -> io::Result<()> {
        let folders = std::mem::take(&mut *self.folders.lock().unwrap_or_else(PoisonError::into_inner));
        // What is on its way ends first, and what comes late makes nothing in the place of the next bucket of its name.
        folders.values().for_each(|folder| folder.end());
        match std::fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => super::make_durable(&self.dir),
        }
    }

    fn ask<T>(&self, question: impl Future<Output = catalog::Result<T>>) -> Result<T, BucketError> {
        self.runtime.block_on(question).map_err(|error| BucketError::Unreachable(error.to_string()))
    }
}
