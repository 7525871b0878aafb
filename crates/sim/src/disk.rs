//! `SimDisk`: a disk that forgets what was not synced.
//!
//! # Fault model
//! A file is what was synced of it. After a *power* failure the bytes written since the last sync are there as a whole, as a
//! prefix, not at all, or block by block: each block written, as it was (zero where nothing was), or garbage, up to the full length. A new name, a second
//! name, a rename or a removal is durable after the next sync of the folder (making a file through `create` includes one);
//! before, a power failure undoes each of them or not, independently, but a rename never half. After a *kill* all that was
//! written is still there, but not durable: a later power failure may still take it.
//!
//! The machine may stop in the middle of any step: then a write has written a part, and any other step has happened or not.
//!
//! A *full* disk writes what there is room for and then fails with `StorageFull`. A *failed* sync fails once; the bytes that it
//! should have made durable stay readable, and no later sync makes them durable, for that is what kernels do. A *stalled* sync
//! waits until it is released. Bytes that are written once more are synced like new ones. Bytes at rest may be flipped with `flip`.
//!
//! A disk that *lies* about syncs exists only to show that the checks find a loss. Not simulated: damage to what was synced, other
//! than by `flip`, and names of folders.

mod files;
#[cfg(test)]
mod tests;

use crate::machine::{Crash, Machine, Step};
use files::{Content, Files, apply, folder, what_is_left};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use store::{Disk, DiskFile};

/// A simulated disk. What it holds is also in real files, so that what reads files without it works.
#[derive(Debug, Clone)]
pub struct SimDisk(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    machine: Arc<Machine>,
    root: PathBuf,
    files: Mutex<Files>,
    stall: Mutex<Stall>,
    stalled: Condvar,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Stall {
    #[default]
    No,
    Wanted,
    Waiting,
}

fn off() -> io::Error {
    io::Error::other("the machine is off")
}

impl SimDisk {
    /// An empty disk whose files are under the real folder `root`.
    pub fn new(machine: Arc<Machine>, root: &Path) -> Self {
        let (files, stall, stalled) = (Mutex::default(), Mutex::default(), Condvar::new());
        Self(Arc::new(Inner { machine, root: root.into(), files, stall, stalled }))
    }

    /// From now on there is room for `bytes` more; `None` for any number.
    pub fn set_room(&self, bytes: Option<u64>) {
        let mut files = self.files();
        files.room = bytes.map(|bytes| files.used() + bytes);
    }

    /// Whether syncs fail from now on.
    pub fn fail_syncs(&self, fail: bool) {
        self.files().sync_fails = fail;
    }

    /// From now on syncs of journals do nothing, and say that they did.
    pub fn lie_about_syncs(&self) {
        self.files().sync_lies = true;
    }

    /// The next sync of a journal waits until `release`.
    pub fn stall_next_sync(&self) {
        *self.stall() = Stall::Wanted;
    }

    /// Blocks until a sync waits, or the machine is off.
    pub fn wait_stalled(&self) {
        let mut stall = self.stall();
        while *stall == Stall::Wanted && !self.0.machine.is_off() {
            stall = self.0.stalled.wait(stall).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets a sync that waits go on.
    pub fn release(&self) {
        *self.stall() = Stall::No;
        self.0.stalled.notify_all();
    }

    /// All files, in order.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.files().names.keys().cloned().collect()
    }

    /// Flips one bit of a file at rest.
    pub fn flip(&self, path: &Path, at: usize, bit: u8) {
        let mut files = self.files();
        let Some(&content) = files.names.get(path) else { return };
        let bytes = &mut files.contents[content].bytes;
        bytes[at] ^= 1 << bit;
        std::fs::write(path, bytes).expect("the real folder can be written");
    }

    /// What a crash leaves. The machine is off before, and may be started after.
    pub fn crash(&self, crash: Crash) {
        self.release();
        let mut files = self.files();
        files.sync_fails = false;
        if crash == Crash::Kill {
            return;
        }
        let machine = &self.0.machine;
        let mut names = std::mem::take(&mut files.durable_names);
        for change in std::mem::take(&mut files.pending) {
            if machine.percent(50) {
                apply(&mut names, &change);
            }
        }
        for path in files.names.keys() {
            std::fs::remove_file(path).expect("the real folder can be written");
        }
        let survivors = std::mem::take(&mut files.contents);
        files.names.clear();
        for (path, content) in names {
            let bytes = what_is_left(machine, &survivors[content]);
            std::fs::write(&path, &bytes).expect("the real folder can be written");
            let at = files.contents.len();
            files.contents.push(Content::durable(bytes));
            files.names.insert(path, at);
        }
        files.durable_names = files.names.clone();
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.0.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stall(&self) -> MutexGuard<'_, Stall> {
        self.0.stall.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a step. `Ok(true)` when it is done; `Ok(false)` when it happens and the machine stops; else it does not happen.
    fn step(&self, what: &str, path: &Path) -> io::Result<bool> {
        let relative = path.strip_prefix(&self.0.root).unwrap_or(path).display();
        match self.0.machine.step(|| format!("{what} {relative}")) {
            Step::Done => Ok(true),
            Step::Off => Err(off()),
            Step::Interrupted => {
                // Whoever waits for a sync that will not come any more must go on.
                drop(self.stall());
                self.0.stalled.notify_all();
                if self.0.machine.percent(50) { Ok(false) } else { Err(off()) }
            }
        }
    }

    /// The end of a step that happened: the caller learns of it only if the machine is still on.
    fn answer<T>(done: bool, value: T) -> io::Result<T> {
        if done { Ok(value) } else { Err(off()) }
    }

    fn write(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        let (done, wanted) = match self.step(&format!("write {} bytes to", bytes.len()), path) {
            Ok(true) => (true, bytes.len()),
            // The machine stops: a part was written.
            Ok(false) => (false, self.0.machine.below(bytes.len() as u64 + 1) as usize),
            Err(error) => return Err(error),
        };
        let mut files = self.files();
        let room = files.room.map_or(u64::MAX, |room| room.saturating_sub(files.used()));
        let content = files.content(path)?;
        // What is written over has its room.
        assert_eq!(at, content.end as u64, "a file is written from its beginning to its end");
        let over = content.bytes.len() - content.end;
        let written = wanted.min(usize::try_from(room).unwrap_or(usize::MAX).saturating_add(over));
        content.write(&bytes[..written]);
        std::fs::write(path, &content.bytes)?;
        if written < wanted {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Self::answer(done, ())
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        let mut stall = self.stall();
        if *stall == Stall::Wanted && !self.0.machine.is_off() {
            *stall = Stall::Waiting;
            self.0.stalled.notify_all();
            while *stall == Stall::Waiting {
                stall = self.0.stalled.wait(stall).unwrap_or_else(PoisonError::into_inner);
            }
        }
        drop(stall);
        let done = self.step("sync", path)?;
        let mut files = self.files();
        let is_journal = path.extension().is_some_and(|end| end == "journal");
        let (fails, lies) = (files.sync_fails, files.sync_lies && is_journal);
        let content = files.content(path)?;
        content.lost |= fails;
        if fails {
            return Err(io::Error::other("the disk is gone"));
        }
        if !content.lost && !lies {
            content.durable = content.end;
        }
        Self::answer(done, ())
    }

    fn change_names(
        &self,
        what: &str,
        from: &Path,
        to: &Path,
        change: Vec<(PathBuf, Option<usize>)>,
    ) -> io::Result<()> {
        let done = self.step(what, to)?;
        match what {
            "rename to" => std::fs::rename(from, to)?,
            "link to" => std::fs::hard_link(from, to)?,
            _ => std::fs::remove_file(from)?,
        }
        let mut files = self.files();
        apply(&mut files.names, &change);
        files.pending.push(change);
        Self::answer(done, ())
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        if self.files().names.contains_key(path) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        let done = self.step("create", path)?;
        std::fs::File::create_new(path)?;
        let mut files = self.files();
        let at = files.contents.len();
        files.contents.push(Content::default());
        let change = vec![(path.to_owned(), Some(at))];
        apply(&mut files.names, &change);
        files.pending.push(change);
        if done {
            files.sync_names(folder(path));
        }
        Self::answer(done, Box::new(SimFile { disk: self.clone(), path: path.into() }))
    }

    fn reuse(&self, from: &Path, to: &Path, header: &[u8]) -> io::Result<Box<dyn DiskFile>> {
        if self.files().names.contains_key(to) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        {
            let mut files = self.files();
            let content = files.content(from)?;
            // It was durable when it was not needed any more, but for a disk that lies.
            content.below.clone_from(&content.bytes);
            (content.end, content.durable) = (0, 0);
        }
        self.write(from, 0, header)?;
        self.sync(from)?;
        self.rename(from, to)?;
        self.sync_folder(folder(to))?;
        Ok(Box::new(SimFile { disk: self.clone(), path: to.into() }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if self.0.machine.is_off() { Err(off()) } else { std::fs::read(path) }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        if self.0.machine.is_off() {
            return Err(off());
        }
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        let done = self.step(&format!("truncate to {len} bytes"), path)?;
        let mut files = self.files();
        let fails = files.sync_fails;
        let content = files.content(path)?;
        content.cut(len as usize);
        content.lost |= fails;
        content.durable = if content.lost { content.durable.min(len as usize) } else { len as usize };
        std::fs::write(path, &content.bytes)?;
        if fails { Err(io::Error::other("the disk is gone")) } else { Self::answer(done, ()) }
    }

    fn rewrite(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        let done = self.step(&format!("rewrite {} bytes of", bytes.len()), path)?;
        let (at, mut files) = (at as usize, self.files());
        let fails = files.sync_fails;
        let content = files.content(path)?;
        content.cut(at);
        content.write(bytes);
        std::fs::write(path, &content.bytes)?;
        content.lost = fails || content.durable < at;
        if fails {
            return Err(io::Error::other("the disk is gone"));
        }
        if !content.lost {
            content.durable = content.bytes.len();
        }
        Self::answer(done, ())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files().at(path)?;
        self.change_names("remove", path, path, vec![(path.to_owned(), None)])
    }

    fn stage(&self, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
        {
            let mut files = self.files();
            let at = files.contents.len();
            files.contents.push(Content::default());
            let change = vec![(path.to_owned(), Some(at))];
            if self.0.machine.is_off() {
                return Err(off());
            }
            // A file anew, not the old one emptied, which may have another name.
            let _ = std::fs::remove_file(path);
            std::fs::write(path, [])?;
            apply(&mut files.names, &change);
            files.pending.push(change);
        }
        self.write(path, 0, &parts.concat())?;
        self.sync(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let content = self.files().at(from)?;
        self.change_names("rename to", from, to, vec![(from.to_owned(), None), (to.to_owned(), Some(content))])
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let content = self.files().at(from)?;
        if self.files().names.contains_key(to) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        self.change_names("link to", from, to, vec![(to.to_owned(), Some(content))])
    }

    fn sync_folder(&self, synced: &Path) -> io::Result<()> {
        let done = self.step("sync folder", synced)?;
        let mut files = self.files();
        if files.sync_fails {
            return Err(io::Error::other("the disk is gone"));
        }
        files.sync_names(synced);
        Self::answer(done, ())
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    path: PathBuf,
}

impl DiskFile for SimFile {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.write(&self.path, at, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.sync(&self.path)
    }
}
