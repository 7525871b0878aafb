//! The machine's disk.

use super::{About, Disk, FileId, Found, LogFile};
use anyhow::{Context, bail};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Log files where they are, and state in one directory, which the value has to itself.
#[derive(Debug)]
pub struct RealDisk {
    state: PathBuf,
    /// Held as long as the value lives.
    _lock: File,
}

impl RealDisk {
    /// Makes the state directory (mode 0700: batches in flight are log lines) and locks it.
    ///
    /// # Errors
    /// When it cannot be made, or another agent has it.
    pub fn open(state: &Path) -> anyhow::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(state);
        made.with_context(|| format!("make the state directory {}", state.display()))?;
        let path = state.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock = lock.with_context(|| format!("open {}", path.display()))?;
        if lock.try_lock().is_err() {
            bail!("another agent has the state directory {}", state.display());
        }
        Ok(Self { state: state.to_owned(), _lock: lock })
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.state)?.sync_all()
    }
}

fn about(metadata: &fs::Metadata) -> About {
    About { file: FileId { device: metadata.dev(), inode: metadata.ino() }, len: metadata.len() }
}

fn found(path: PathBuf) -> Option<Found> {
    let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
    // State is JSON: a path that is not UTF-8 has no place in it.
    Some(Found { path: path.into_os_string().into_string().ok()?, about: about(&metadata) })
}

impl Disk for RealDisk {
    fn find(&self, pattern: &str) -> Vec<Found> {
        let paths = glob::glob(pattern).into_iter().flatten();
        paths.filter_map(|path| found(path.ok()?)).collect()
    }

    fn siblings(&self, path: &str) -> Vec<Found> {
        let directory = Path::new(path).parent().map(fs::read_dir);
        let entries = directory.into_iter().flatten().flatten();
        entries.filter_map(|entry| found(entry.ok()?.path())).collect()
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn LogFile>> {
        Ok(Box::new(RealFile(File::open(path)?)))
    }

    fn state_names(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.state)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.state.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn save(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.state.join(format!("{name}.tmp"));
        let mut file = File::options().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, self.state.join(name))?;
        self.sync_directory()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.state.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.state.join(from), self.state.join(to))?;
        self.sync_directory()
    }
}

struct RealFile(File);

impl LogFile for RealFile {
    fn about(&self) -> io::Result<About> {
        Ok(about(&self.0.metadata()?))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match self.0.read_at(&mut buffer[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fingerprint;

    #[test]
    fn state_is_replaced_as_a_whole_and_had_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(&dir.path().join("a/b")).unwrap();
        assert_eq!(disk.load("x").unwrap(), None);
        disk.save("x", b"1").unwrap();
        disk.save("x", b"2").unwrap();
        assert_eq!(disk.load("x").unwrap().unwrap(), b"2");
        assert!(RealDisk::open(&dir.path().join("a/b")).unwrap_err().to_string().contains("another agent"));
        disk.rename("x", "y").unwrap();
        let mut names = disk.state_names().unwrap();
        names.sort();
        assert_eq!(names, ["lock", "y"]);
    }

    #[test]
    fn an_open_file_stays_itself_when_it_is_renamed_and_another_takes_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(&dir.path().join("state")).unwrap();
        let path = dir.path().join("a.log");
        fs::write(&path, "one\n").unwrap();
        let file = disk.open(path.to_str().unwrap()).unwrap();
        fs::rename(&path, dir.path().join("a.log.1")).unwrap();
        fs::write(&path, "two\n").unwrap();
        let found = disk.find(&format!("{}/*.log", dir.path().display()));
        assert_eq!(found.len(), 1);
        assert_ne!(found[0].about.file, file.about().unwrap().file);
        assert_eq!(disk.siblings(path.to_str().unwrap()).len(), 2);
        let mut bytes = [0; 9];
        assert_eq!(file.read_at(1, &mut bytes).unwrap(), 3);
        assert_eq!(fingerprint(&*file, 5).unwrap(), None);
        let other = disk.open(path.to_str().unwrap()).unwrap();
        assert_eq!(fingerprint(&*file, 0).unwrap(), fingerprint(&*other, 0).unwrap());
        assert_ne!(fingerprint(&*file, 4).unwrap(), fingerprint(&*other, 4).unwrap());
    }
}
