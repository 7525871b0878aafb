//! A bucket that is a folder of this machine: keys are paths below it.
//!
//! An object is there whole and durable, or not at all: it is written beside its place, synced, renamed, and the folders on its
//! way are synced as well. What is known besides its body is in a file of its own, which is there before (`side_file.rs`).
//! A key whose place is a folder, because other keys lie below it, cannot be written, and neither can one below an object.

mod beneath;
mod list;
mod side_file;
#[cfg(test)]
mod tests;

use beneath::Way;
pub use beneath::make_durable;
use model::buckets::{BucketError, Head, Listed, NewObject, Object, UNFINISHED, is_key};
use model::limits::OBJECT_READ_BYTES_MAX;
use model::{Clock, Timestamp};
use side_file::{SideFile, Version};
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// What the name of a folder begins with whose bucket was deleted.
const DELETED: &str = ".deleted-";

/// A folder that is a bucket; it is made when the first object comes.
pub struct Folder {
    root: PathBuf,
    clock: Arc<dyn Clock>,
    /// Held while an object is written: two writers of one object would write into one unfinished file. True once the
    /// bucket is deleted: a writer that comes late makes nothing in the place of the next bucket of this name.
    gone: Mutex<bool>,
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Folder").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Folder {
    /// The bucket in `root`; `clock` tells when objects are put.
    pub fn new(root: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { root, clock, gone: Mutex::default() }
    }

    /// When the folder itself was changed last; long ago where there is none.
    pub fn changed(&self) -> Timestamp {
        fs::metadata(&self.root).map_or(Timestamp(0), |metadata| modified(&metadata))
    }

    /// Makes or replaces an object; key and metadata have been checked.
    pub fn put(&self, key: &str, object: NewObject) -> Result<(), BucketError> {
        let gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        if *gone {
            return Err(BucketError::NoSuchBucket);
        }
        self.write(key, object).map_err(|error| self.failed("write", key, &error))
    }

    /// An object, whole.
    pub fn get(&self, key: &str) -> Result<Object, BucketError> {
        let (file, head) = self.open(key)?;
        if head.bytes > OBJECT_READ_BYTES_MAX as u64 {
            return Err(BucketError::Unreachable(format!("{key} has {} bytes, too many to read whole", head.bytes)));
        }
        let mut body = Vec::with_capacity(head.bytes as usize);
        // A file that grows meanwhile is read as it was.
        file.take(head.bytes).read_to_end(&mut body).map_err(|error| self.failed("read", key, &error))?;
        Ok(Object { body, metadata: head.metadata, modified: head.modified })
    }

    /// What is known of an object.
    pub fn head(&self, key: &str) -> Result<Head, BucketError> {
        self.open(key).map(|(_, head)| head)
    }

    /// An object's file, to be read from its start, and what is known of it.
    pub fn open(&self, key: &str) -> Result<(File, Head), BucketError> {
        if !is_key(key) {
            return Err(BucketError::NoSuchKey);
        }
        let found = |error: io::Error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::InvalidFilename => {
                BucketError::NoSuchKey
            }
            _ => self.failed("read", key, &error),
        };
        let (file, metadata, version) = self.find(key).map_err(found)?;
        if let Some(version) = version.filter(|version| version.is_of(&metadata)) {
            return Ok((file, version.into_head()));
        }
        // Either the object was replaced twice meanwhile, or someone else wrote the file: nobody does now.
        let _none = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, metadata, version) = self.find(key).map_err(found)?;
        let is_ours = version.as_ref().is_some_and(|version| version.is_of(&metadata));
        let mut head = version.unwrap_or_default().into_head();
        if !is_ours {
            head.bytes = metadata.len();
            head.modified = modified(&metadata);
            head.etag = format!("{:016x}{:016x}-1", head.modified.0, head.bytes);
        }
        Ok((file, head))
    }

    /// The file of an object, and the version of its side file that it is, or else the latest.
    fn find(&self, key: &str) -> io::Result<(File, Metadata, Option<Version>)> {
        let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
        let (file, metadata) = Way::open(&self.root, folder)?.read(name)?;
        let mut versions = SideFile::read(&self.root, key)?.versions;
        let index = versions.iter().position(|version| version.is_of(&metadata)).unwrap_or(0);
        let version = (index < versions.len()).then(|| versions.swap_remove(index));
        Ok((file, metadata, version))
    }

    /// Objects in order of their keys; see `Buckets::list`.
    pub fn list(&self, prefix: &str, after: &str, max: usize) -> Result<Vec<Listed>, BucketError> {
        list::list(&self.root, prefix, after, max).map_err(|error| self.failed("list", prefix, &error))
    }

    /// Deletes the bucket if it has no objects: the folder is put aside, `forget` makes the bucket unknown, then what is left of its
    /// files goes. False when there are objects. From `forget` on the next bucket of this name may be here, with a folder of its own.
    pub fn delete(&self, forget: impl FnOnce() -> Result<(), BucketError>) -> Result<bool, BucketError> {
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        if *gone {
            return Err(BucketError::NoSuchBucket);
        }
        if !self.list("", "", 1)?.is_empty() {
            return Ok(false);
        }
        let aside = self.put_aside().map_err(|error| self.failed("delete", "", &error))?;
        if let Err(error) = forget() {
            // Nobody else can be here: the bucket is there still, or was deleted without its folder.
            let back = aside.map_or(Ok(()), |aside| fs::rename(aside, &self.root));
            back.map_err(|error| self.failed("delete", "", &error))?;
            return Err(error);
        }
        *gone = true;
        match aside.map_or(Ok(()), fs::remove_dir_all) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.failed("delete", "", &error)),
            _ => Ok(true),
        }
    }

    /// Gives the folder a name that no bucket has; `None` where there is no folder.
    fn put_aside(&self) -> io::Result<Option<PathBuf>> {
        let name = self.root.file_name().unwrap_or_default().to_string_lossy();
        let mut number = 0;
        let aside = loop {
            // What a crash left, or what another still removes.
            let aside = self.root.with_file_name(format!("{DELETED}{name}-{number}"));
            if fs::symlink_metadata(&aside).is_err() {
                break aside;
            }
            number += 1;
        };
        match fs::rename(&self.root, &aside) {
            Ok(()) => Ok(Some(aside)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes no more objects, once those on their way are written.
    pub fn end(&self) {
        *self.gone.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    fn failed(&self, what: &str, key: &str, error: &io::Error) -> BucketError {
        match error.kind() {
            ErrorKind::PermissionDenied => BucketError::AccessDenied,
            _ => BucketError::Unreachable(format!("{what} {key} below {}: {error}", self.root.display())),
        }
    }

    fn write(&self, key: &str, object: NewObject) -> io::Result<()> {
        let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
        let way = Way::make(&self.root, folder)?;
        let mut side = SideFile::read(&self.root, key)?;
        // What the object is until the last step, if it is anything of ours.
        let now = way.read(name).ok();
        side.versions.retain(|version| now.as_ref().is_some_and(|(_, now)| version.is_of(now)));
        side.versions.truncate(1);
        let unfinished = unfinished(name);
        let mut file = way.create(&unfinished)?;
        file.write_all(&object.body)?;
        let taken = side.versions.first().map(|version| version.modified_ms);
        let mut at = self.clock.now().0.max(0);
        // Time and size tell versions apart.
        at += i64::from(taken == Some(at));
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(at.unsigned_abs()))?;
        file.sync_all()?;
        side.versions.insert(0, Version::new(object, modified(&file.metadata()?)));
        drop(file);
        side.write(&self.root, key)?;
        way.rename(&unfinished, name)?;
        way.sync()
    }
}

/// When a file was written.
fn modified(metadata: &Metadata) -> Timestamp {
    let since = metadata.modified().ok().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    Timestamp(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}

/// The name of the file that becomes `name`, no longer than a file name may be.
fn unfinished(name: &str) -> String {
    let mut unfinished = format!("{UNFINISHED}{name}");
    unfinished.truncate(unfinished.floor_char_boundary(255));
    unfinished
}
