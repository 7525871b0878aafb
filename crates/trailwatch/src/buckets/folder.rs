//! A bucket that is a folder of this machine: keys are paths below it.
//!
//! An object is there whole and durable, or not at all: it is written beside its place, synced, renamed, and the folders on its
//! way are synced as well.

use model::buckets::BucketError;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What the name of a file begins with that is not whole yet. One that a crash left is written over, or can be deleted.
const UNFINISHED: &str = ".unfinished-";

/// A folder that is a bucket; it is made when the first object comes.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// Held while an object is written: two writers of one object would write into one unfinished file.
    writing: Mutex<()>,
}

impl Folder {
    /// The bucket in `root`.
    pub fn new(root: PathBuf) -> Self {
        Self { root, writing: Mutex::default() }
    }

    /// Makes or replaces an object; `key` has been checked.
    pub fn put(&self, key: &str, body: &[u8]) -> Result<(), BucketError> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(key, body).map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => BucketError::AccessDenied,
            _ => BucketError::Unreachable(format!("write {key} below {}: {error}", self.root.display())),
        })
    }

    fn write(&self, key: &str, body: &[u8]) -> io::Result<()> {
        let path = self.root.join(key);
        let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
        let folder = self.root.join(folder);
        fs::create_dir_all(&folder)?;
        let unfinished = folder.join(unfinished(name));
        let mut file = File::create(&unfinished)?;
        file.write_all(body)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&unfinished, &path)?;
        self.sync(&folder)
    }

    /// Syncs a folder and all above it up to the one that holds the bucket.
    fn sync(&self, folder: &Path) -> io::Result<()> {
        let above = self.root.parent().filter(|above| !above.as_os_str().is_empty());
        let inside = folder.ancestors().take_while(|path| path.starts_with(&self.root));
        inside.chain(above).try_for_each(|path| File::open(path)?.sync_all())
    }
}

/// The name of the file that becomes `name`, no longer than a file name may be.
fn unfinished(name: &str) -> String {
    let mut unfinished = format!("{UNFINISHED}{name}");
    unfinished.truncate(unfinished.floor_char_boundary(255));
    unfinished
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path().join("bucket"));
        folder.put("p/task/s/000000.gz", b"a longer body").unwrap();
        // A crash left this.
        fs::write(dir.path().join("bucket/p/task/s/.unfinished-000000.gz"), b"half of something longer").unwrap();
        folder.put("p/task/s/000000.gz", b"short").unwrap();
        assert_eq!(fs::read(dir.path().join("bucket/p/task/s/000000.gz")).unwrap(), b"short");
        assert_eq!(fs::read_dir(dir.path().join("bucket/p/task/s")).unwrap().count(), 1);
        folder.put("top", b"").unwrap();
        assert_eq!(fs::read(dir.path().join("bucket/top")).unwrap(), b"");
    }

    #[test]
    fn what_cannot_be_written_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path().to_owned());
        folder.put("a", b"").unwrap();
        let Err(BucketError::Unreachable(reason)) = folder.put("a/b", b"") else { panic!() };
        assert!(reason.contains("a/b"), "{reason}");
        assert_eq!(unfinished(&"ä".repeat(127)).len(), 254);
    }
}
