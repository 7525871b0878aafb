//! Buckets in memory, for tests: `logs` takes objects until it is closed, `closed` takes none, and there is no other.

use super::{BucketError, Buckets, Head, Listed, NewObject, Object, is_key};
use crate::{Scope, Timestamp};
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// See the module. Objects of a shared one are seen by all who share it.
#[derive(Debug, Default)]
pub struct MemoryBuckets(Mutex<Objects>);

#[derive(Debug, Default)]
struct Objects {
    taken: BTreeMap<String, (NewObject, Timestamp)>,
    /// Objects that are still taken; `None` for any number.
    left: Option<usize>,
    /// When the next object is put.
    now: Timestamp,
}

impl MemoryBuckets {
    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keys of the objects of `logs`.
    pub fn keys(&self) -> Vec<String> {
        self.objects().taken.keys().cloned().collect()
    }

    /// The body of the object of this key, which must be there.
    pub fn object(&self, key: &str) -> Vec<u8> {
        self.objects().taken[key].0.body.clone()
    }

    /// Changes an object behind everybody's back, or removes it.
    pub fn tamper(&self, key: &str, change: impl FnOnce(NewObject) -> Option<NewObject>) {
        let mut objects = self.objects();
        let changed = objects.taken.remove(key).and_then(|(object, modified)| Some((change(object)?, modified)));
        objects.taken.extend(changed.map(|changed| (key.to_owned(), changed)));
    }

    /// Takes so many objects more, and then none.
    pub fn close_after(&self, objects: usize) {
        self.objects().left = Some(objects);
    }

    /// Takes objects again.
    pub fn open(&self) {
        self.objects().left = None;
    }

    /// What objects that are put from now on say of when that was.
    pub fn set_time(&self, now: Timestamp) {
        self.objects().now = now;
    }

    fn find<T>(&self, bucket: &str, key: &str, of: impl FnOnce(&NewObject, Timestamp) -> T) -> Result<T, BucketError> {
        known(bucket)?;
        let objects = self.objects();
        objects.taken.get(key).map(|(object, modified)| of(object, *modified)).ok_or(BucketError::NoSuchKey)
    }
}

fn known(bucket: &str) -> Result<(), BucketError> {
    match bucket {
        "logs" => Ok(()),
        "closed" => Err(BucketError::AccessDenied),
        _ => Err(BucketError::NoSuchBucket),
    }
}

impl Buckets for MemoryBuckets {
    fn check(&self, _: &Scope, bucket: &str) -> Result<(), BucketError> {
        // As behind an S3 endpoint, `put` tells what takes no objects.
        known(bucket).or_else(|error| if bucket == "closed" { Ok(()) } else { Err(error) })
    }

    fn put(&self, bucket: &str, key: &str, object: NewObject) -> Result<(), BucketError> {
        known(bucket)?;
        if !is_key(key) || !object.has_valid_metadata() {
            return Err(BucketError::Unreachable(format!("'{key}' is no key, or its metadata are none")));
        }
        let mut objects = self.objects();
        if objects.left == Some(0) {
            return Err(BucketError::Unreachable("closed".into()));
        }
        objects.left = objects.left.map(|left| left - 1);
        let now = objects.now;
        objects.taken.insert(key.to_owned(), (object, now));
        Ok(())
    }

    fn get(&self, bucket: &str, key: &str) -> Result<Object, BucketError> {
        self.find(bucket, key, |object, modified| Object {
            body: object.body.clone(),
            metadata: object.metadata.clone(),
            modified,
        })
    }

    fn head(&self, bucket: &str, key: &str) -> Result<Head, BucketError> {
        self.find(bucket, key, |object, modified| {
            let mut hasher = DefaultHasher::new();
            object.body.hash(&mut hasher);
            Head {
                bytes: object.body.len() as u64,
                modified,
                etag: format!("{:016x}-1", hasher.finish()),
                metadata: object.metadata.clone(),
                content_type: object.content_type.clone(),
                content_encoding: object.content_encoding.clone(),
            }
        })
    }

    fn list(&self, bucket: &str, prefix: &str, after: &str, max: usize) -> Result<Vec<Listed>, BucketError> {
        known(bucket)?;
        let objects = self.objects();
        let from = if after < prefix { Bound::Included(prefix) } else { Bound::Excluded(after) };
        let listed = objects
            .taken
            .range::<str, _>((from, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(max.min(1000))
            .map(|(key, (object, modified))| Listed {
                key: key.clone(),
                bytes: object.body.len() as u64,
                modified: *modified,
            });
        Ok(listed.collect())
    }
}
