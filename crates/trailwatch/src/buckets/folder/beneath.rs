//! Files below a folder, reached part by part: no link below it is followed, and nothing but a regular file is opened to be read,
//! so that nobody who may write into the folder leads the server out of it, or makes it wait for a pipe.

use model::Timestamp;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::Path;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// A pipe is opened at once, too, and refused then.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const NEW: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What the listing of a folder says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// Its size.
    pub bytes: u64,
    /// When it was written.
    pub modified: Timestamp,
}

/// The folders on the way to a file, all open; the file is in the last.
pub struct Way {
    /// What holds the folder at the top, where that was made sure of.
    above: Option<File>,
    top: File,
    below: Vec<File>,
}

impl Way {
    /// Goes from `root` through the parts of `folder`, which may be empty.
    pub fn open(root: &Path, folder: &str) -> io::Result<Self> {
        Self::go(root, folder, |_, _, error| Err(error.into()))
    }

    /// As `open`, and makes what is missing, `root` included. Each folder that is made is durable.
    pub fn make(root: &Path, folder: &str) -> io::Result<Self> {
        make_durable(root)?;
        let mut way = Self::go(root, folder, |into, name, error| {
            if error != Errno::NOENT {
                return Err(error.into());
            }
            match mkdirat(into, name, Mode::from_raw_mode(0o777)) {
                Ok(()) => into.sync_all()?,
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(File::from(openat(into, name, FOLDER, Mode::empty())?))
        })?;
        way.above = Some(File::open(holder(root))?);
        Ok(way)
    }

    fn go(root: &Path, folder: &str, missing: impl Fn(&File, &str, Errno) -> io::Result<File>) -> io::Result<Self> {
        // The folder itself may be a link: that is the operator's.
        let mut way = Self { above: None, top: File::open(root)?, below: Vec::new() };
        for name in folder.split('/').filter(|name| !name.is_empty()) {
            let next = match openat(way.last(), name, FOLDER, Mode::empty()) {
                Ok(next) => File::from(next),
                Err(Errno::LOOP) => return Err(ErrorKind::NotADirectory.into()),
                Err(error) => missing(way.last(), name, error)?,
            };
            way.below.push(next);
        }
        Ok(way)
    }

    fn last(&self) -> &File {
        self.below.last().unwrap_or(&self.top)
    }

    /// A regular file, to be read; anything else is `IsADirectory`, a link `NotADirectory`.
    pub fn read(&self, name: &str) -> io::Result<(File, Metadata)> {
        let file = match openat(self.last(), name, READ, Mode::empty()) {
            Ok(file) => File::from(file),
            // A link; a socket, or a device that is none.
            Err(Errno::LOOP | Errno::NXIO | Errno::NODEV) => return Err(ErrorKind::NotADirectory.into()),
            Err(error) => return Err(error.into()),
        };
        let metadata = file.metadata()?;
        if metadata.is_file() { Ok((file, metadata)) } else { Err(ErrorKind::IsADirectory.into()) }
    }

    /// Tells `found` of each name in the last folder, and whether it is a folder (true) or a regular file (false). What is neither, or is
    /// no text, is passed over.
    pub fn names(&self, mut found: impl FnMut(&str, bool)) -> io::Result<()> {
        for entry in Dir::read_from(self.last())? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            let kind = match entry.file_type() {
                // Not all file systems say it here.
                FileType::Unknown => match statat(self.last(), name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                    Err(Errno::NOENT) => continue,
                    Err(error) => return Err(error.into()),
                },
                kind => kind,
            };
            match kind {
                FileType::Directory if !matches!(name, "." | "..") => found(name, true),
                FileType::RegularFile => found(name, false),
                _ => {}
            }
        }
        Ok(())
    }

    /// What is known of a regular file of the last folder; `None` when there is none of this name (any more).
    pub fn about(&self, name: &str) -> io::Result<Option<About>> {
        match statat(self.last(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
                let millis = stat.st_mtime.saturating_mul(1000).saturating_add(stat.st_mtime_nsec as i64 / 1_000_000);
                let bytes = u64::try_from(stat.st_size).unwrap_or(0);
                Ok(Some(About { bytes, modified: Timestamp(millis.max(0)) }))
            }
            Ok(_) | Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A new file, to be written, in the place of one that a crash left.
    pub fn create(&self, name: &str) -> io::Result<File> {
        match unlinkat(self.last(), name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(File::from(openat(self.last(), name, NEW, Mode::from_raw_mode(0o666))?))
    }

    /// Gives a file of the last folder another name there.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(self.last(), from, self.last(), to)?)
    }

    /// Syncs all folders on the way, the last first.
    pub fn sync(&self) -> io::Result<()> {
        self.below.iter().rev().chain([&self.top]).chain(&self.above).try_for_each(File::sync_all)
    }
}

/// Makes a folder and what is missing above it, and syncs what holds a new one.
pub fn make_durable(path: &Path) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(());
    }
    let above = holder(path);
    make_durable(above)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists || !path.is_dir() => return Err(error),
        _ => {}
    }
    File::open(above)?.sync_all()
}

/// The folder that holds `path`.
fn holder(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        Some(_) => Path::new("."),
        None => path,
    }
}
