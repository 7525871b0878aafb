//! The lock on the data directory: one process, one store.

use crate::error::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

/// Held as long as the store is open; the operating system releases it when the process dies.
#[derive(Debug)]
pub(crate) struct DirLock {
    _file: File,
}

impl DirLock {
    /// Keeps a server from opening `dir` while it is read; writes nothing. `None` when no server ever opened it.
    pub(crate) fn acquire_for_reading(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join("LOCK");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && dir.is_dir() => return Ok(None),
            Err(error) => return Err(Error::io("open", &path)(error)),
        };
        Self::lock(file, &path, dir).map(Some)
    }

    /// Locks `dir`, or answers `Error::Locked` at once.
    pub(crate) fn acquire(dir: &Path) -> Result<Self> {
        let path = dir.join("LOCK");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        Self::lock(file, &path, dir)
    }

    fn lock(file: File, path: &Path, dir: &Path) -> Result<Self> {
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::Locked { dir: dir.display().to_string() }),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
        }
    }
}
