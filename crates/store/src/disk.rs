//! `Disk`: the local disk as a parameter, so that simulations can fail a sync, tear a write, lose a name or fill up.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What the journal and the folder of objects need of a disk.
pub trait Disk: std::fmt::Debug + Send + Sync + 'static {
    /// Makes a new file; fails when it exists. The file's name is durable when `create` returns.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Makes a new file of one that nobody needs any more: it begins with `header`, and is written over from there on; what is not written
    /// over stays as it was. So its blocks need not be found, and the file system has nothing to note of a write. Fails when `to` exists;
    /// header and name are durable when `reuse` returns, and before the name is, so is the header.
    fn reuse(&self, from: &Path, to: &Path, header: &[u8]) -> io::Result<Box<dyn DiskFile>>;
    /// The whole content of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Names of the files in a folder, in no order.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Cuts a file to `len` bytes and makes what is left durable.
    fn truncate(&self, path: &Path, len: u64) -> io::Result<()>;
    /// Writes `bytes` over what a file has from `at` on, ends the file there, and makes all of it durable.
    fn rewrite(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Removes a file. A crash may bring it back.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Writes a file anew and makes its content durable, but not its name.
    fn stage(&self, path: &Path, parts: &[&[u8]]) -> io::Result<()>;
    /// Gives a file another name, over a file that has it. Durable after `sync_folder`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name; fails when a file has it. Durable after `sync_folder`.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// A file that is written from its beginning to its end.
pub trait DiskFile: std::fmt::Debug + Send {
    /// Writes all of `bytes`, the first of them at `at`, which is where the last write ended.
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes all that was written durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// The disk of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalDisk;

impl Disk for LocalDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        sync_folder(path.parent().unwrap_or(Path::new(".")))?;
        Ok(Box::new(LocalFile(file)))
    }

    fn reuse(&self, from: &Path, to: &Path, header: &[u8]) -> io::Result<Box<dyn DiskFile>> {
        // Only the store that has the folder's lock makes files here.
        if to.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut file = LocalFile(OpenOptions::new().write(true).open(from)?);
        file.write(0, header)?;
        file.sync()?;
        std::fs::rename(from, to)?;
        sync_folder(to.parent().unwrap_or(Path::new(".")))?;
        Ok(Box::new(file))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(len)?;
        file.sync_all()
    }

    fn rewrite(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.set_len(at + bytes.len() as u64)?;
        file.seek(io::SeekFrom::Start(at))?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn stage(&self, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::hard_link(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        sync_folder(folder)
    }
}

#[derive(Debug)]
struct LocalFile(File);

impl DiskFile for LocalFile {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }

    fn sync(&mut self) -> io::Result<()> {
        // fdatasync also writes the new length, which is the only metadata that recovery needs.
        self.0.sync_data()
    }
}

/// True when a write failed for want of room, so that the same write may succeed later.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a folder and all above it, and their names durable.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_folder(parent)?;
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_folder(parent)
}
