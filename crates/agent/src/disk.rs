//! `Disk`: the files that are tailed and the agent's own state, as parameters, so that tests can rotate, crash and lose.

mod real;

pub use real::RealDisk;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io;

/// Which file it is, whatever its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileId {
    /// Number of the file system.
    pub device: u64,
    /// Number of the file on it; used again after the file is deleted and closed.
    pub inode: u64,
}

/// Which file it is, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// Which file.
    pub file: FileId,
    /// Bytes.
    pub len: u64,
}

/// A file in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path.
    pub path: String,
    /// What is at the path.
    pub about: About,
}

/// An open file; it stays readable when it is renamed or deleted.
pub trait LogFile {
    /// Identity and present length.
    ///
    /// # Errors
    /// As the system gives them.
    fn about(&self) -> io::Result<About>;

    /// Reads up to `buffer.len()` bytes at `offset`; fewer only at the end of the file.
    ///
    /// # Errors
    /// As the system gives them.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// Directories with log files, and a directory for state.
pub trait Disk {
    /// Regular files whose path matches a glob, in order of path. What cannot be read is left out.
    fn find(&self, pattern: &str) -> Vec<Found>;

    /// Regular files in the directory of `path`.
    fn siblings(&self, path: &str) -> Vec<Found>;

    /// Opens a file for reading.
    ///
    /// # Errors
    /// As the system gives them.
    fn open(&self, path: &str) -> io::Result<Box<dyn LogFile>>;

    /// Names of the state files.
    ///
    /// # Errors
    /// As the system gives them.
    fn state_names(&self) -> io::Result<Vec<String>>;

    /// A state file; `None` when there is none of that name.
    ///
    /// # Errors
    /// As the system gives them.
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Replaces a state file: after a crash it is the old one or the new one, and the new one once this returned Ok.
    ///
    /// # Errors
    /// As the system gives them.
    fn save(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Removes a state file; it may come back after a crash.
    ///
    /// # Errors
    /// As the system gives them.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Gives a state file another name.
    ///
    /// # Errors
    /// As the system gives them.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
}

/// Bytes at the head and before the offset that a fingerprint covers.
const PRINT_BYTES: u64 = 256;

/// Fingerprint of a file up to `offset`: of its first bytes and of those before the offset. A file that was truncated, or
/// another one under a reused inode, has a different one. `None` when the file is shorter.
///
/// # Errors
/// As the system gives them.
pub fn fingerprint(file: &dyn LogFile, offset: u64) -> io::Result<Option<u64>> {
    let mut hash = Sha256::new();
    let len = offset.min(PRINT_BYTES);
    for start in [0, offset - len] {
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        if file.read_at(start, &mut bytes)? < bytes.len() {
            return Ok(None);
        }
        hash.update(&bytes);
    }
    Ok(hash.finalize().first_chunk().map(|bytes| u64::from_be_bytes(*bytes)))
}
