//! Where the files of the log are: a folder below the data directory, or a bucket. All of it blocks.

use anyhow::Context;
use model::buckets::{BucketError, Buckets, NewObject};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Keeps files by path.
pub enum Place {
    /// On this machine.
    Folder(PathBuf),
    /// Objects of a bucket, whose keys begin with `prefix`.
    Bucket {
        /// Who keeps it.
        buckets: Arc<dyn Buckets>,
        /// Its name.
        bucket: String,
        /// Empty, or ends with `/`.
        prefix: String,
    },
    /// A disk that tests stop at any step.
    #[cfg(test)]
    Stopping(Arc<super::stopping::StoppingDisk>),
}

impl Place {
    /// The folder of a data directory, made if there is none.
    pub fn folder(data_dir: &Path) -> anyhow::Result<Self> {
        let folder = data_dir.join(super::FOLDER);
        make(&folder).with_context(|| format!("make {}", folder.display()))?;
        Ok(Place::Folder(folder))
    }

    /// A file; `None` when there is none.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        match self {
            Place::Folder(folder) => match fs::read(folder.join(path)) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(format!("read {}: {error}", folder.join(path).display())),
            },
            Place::Bucket { buckets, bucket, prefix } => match buckets.get(bucket, &format!("{prefix}{path}")) {
                Ok(object) => Ok(Some(object.body)),
                Err(BucketError::NoSuchKey) => Ok(None),
                Err(error) => Err(format!("get {prefix}{path} from {bucket}: {}", told(&error))),
            },
            #[cfg(test)]
            Place::Stopping(disk) => disk.read(path),
        }
    }

    /// Makes or replaces a file; it is whole and durable then.
    pub fn write(&self, path: &str, bytes: Vec<u8>) -> Result<(), String> {
        match self {
            Place::Folder(folder) => {
                let path = folder.join(path);
                write(&path, &bytes).map_err(|error| format!("write {}: {error}", path.display()))
            }
            Place::Bucket { buckets, bucket, prefix } => {
                let put = buckets.put(bucket, &format!("{prefix}{path}"), NewObject::from(bytes));
                put.map_err(|error| format!("put {prefix}{path} into {bucket}: {}", told(&error)))
            }
            #[cfg(test)]
            Place::Stopping(disk) => disk.write(path, bytes),
        }
    }

    /// As `write`, but what is below a folder is whole and durable only after `sync`: until then a crash may leave less of it, or nothing.
    /// What is written over must have the same bytes.
    pub fn write_unsynced(&self, path: &str, bytes: Vec<u8>) -> Result<(), String> {
        match self {
            Place::Folder(folder) => {
                let path = folder.join(path);
                write_in_place(&path, &bytes).map_err(|error| format!("write {}: {error}", path.display()))
            }
            Place::Bucket { .. } => self.write(path, bytes),
            #[cfg(test)]
            Place::Stopping(disk) => disk.write_unsynced(path, bytes),
        }
    }

    /// Makes files durable that `write_unsynced` wrote.
    pub fn sync(&self, paths: &[String]) -> Result<(), String> {
        match self {
            Place::Folder(folder) if !paths.is_empty() => {
                sync(folder, paths).map_err(|error| format!("sync the tiles in {}: {error}", folder.display()))
            }
            #[cfg(test)]
            Place::Stopping(disk) => disk.sync(paths),
            _ => Ok(()),
        }
    }

    /// Removes a folder of this machine that nobody needs any more; in buckets it stays.
    pub fn forget(&self, path: &str) {
        match self {
            Place::Folder(folder) => {
                // What stays is in nobody's way.
                let _ = fs::remove_dir_all(folder.join(path));
            }
            Place::Bucket { .. } => {}
            #[cfg(test)]
            Place::Stopping(disk) => disk.forget(path),
        }
    }
}

fn told(error: &BucketError) -> String {
    match error {
        BucketError::Unreachable(why) => format!("{error}: {why}"),
        _ => error.to_string(),
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make(folder)?;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(folder)?.sync_all()
}

/// A rename costs half as much as making the file, or as much. Where there is one already it is written over, not cut off before: who reads it meanwhile
/// finds no less.
fn write_in_place(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let open = || File::options().write(true).create(true).truncate(false).open(path);
    let mut file = match open() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(path.parent().unwrap_or(Path::new(".")))?;
            open()?
        }
        opened => opened?,
    };
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)
}

/// More files than these are synced with all else of their file system, in one call, which reports failures since Linux 5.8: a sync of each
/// is most of what tiles cost.
#[cfg(target_os = "linux")]
const SYNCED_SINGLY_MAX: usize = 16;

fn sync(folder: &Path, paths: &[String]) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if paths.len() > SYNCED_SINGLY_MAX {
        return Ok(rustix::fs::syncfs(File::open(folder)?)?);
    }
    let mut folders = BTreeSet::new();
    for path in paths {
        let path = folder.join(path);
        File::open(&path)?.sync_all()?;
        folders.extend(path.parent().map(Path::to_owned));
    }
    folders.iter().try_for_each(|folder| File::open(folder)?.sync_all())
}

/// Makes a folder and those above it, durable.
fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make(above)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => File::open(above)?.sync_all(),
    }
}
