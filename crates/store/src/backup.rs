//! `backup`: a copy of a store that a server may be writing to, with all that was acknowledged before the call.
//!
//! One manifest is chosen; the segments that it lists are linked or copied, for they never change; then the journals behind
//! it are copied, for they only grow. When the server removed one of these files meanwhile, a newer manifest has replaced the
//! chosen one, and the copy goes on with that. What an earlier copy has already gets a second name there instead of being copied again.

use crate::disk::{Disk, LocalDisk, create_folder, sync_folder};
use crate::error::{Error, Result};
use crate::folder::SyncedFolder;
use crate::journal::{self, Replayed};
use crate::manifest::Manifest;
use crate::segment::{Kind, Segment};
use object_store::ObjectStore;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many manifests are tried. Each try goes on with the segments of the one before, and segments are written far more
/// slowly than they are copied, so that more than a few tries mean that something is wrong.
const TRIES_MAX: usize = 100;

/// What a backup holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// Number of segments.
    pub segments: u64,
    /// Number of journal files.
    pub journals: u64,
    /// Bytes of both.
    pub bytes: u64,
}

/// Copies the segments of the store in `dir`, open or not, to the folder `output`, which is made and must be empty: most of what `backup` would
/// copy, so that this has little to do. `earlier` is a store that was copied before and that nobody changes. `goes_on` is asked before each
/// segment: once it says no, the copy ends with an error of kind `Interrupted`.
pub async fn backup_segments(
    dir: &Path,
    output: &Path,
    earlier: Option<&Path>,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Result<()> {
    let (from, to) = (dir.join("objects"), output.join("objects"));
    let manifest = present(&from).await?;
    create_folder(&to).map_err(Error::io("create", &to))?;
    let earlier = earlier.map(|earlier| earlier.join("objects"));
    // Those of a manifest that was replaced meanwhile are left to `backup`.
    copy_segments(&manifest, (&from, earlier.as_deref()), &to, goes_on).await.map(drop)
}

/// Copies the store in `dir`, open or not, to the folder `output`, which is made; it has nothing in it but what `backup_segments` copied. What
/// was acknowledged before the call is in the copy exactly once; what is acknowledged during the call may be. All of it is durable at the end.
pub async fn backup(dir: &Path, output: &Path) -> Result<BackedUp> {
    let (from, to) = (dir.join("objects"), output.join("objects"));
    create_folder(&to).map_err(Error::io("create", &to))?;
    for _ in 0..TRIES_MAX {
        let manifest = present(&from).await?;
        let Some((listed, segments)) = copy_segments(&manifest, (&from, None), &to, &|| true).await? else { continue };
        let Some(journals) = copy_journals(&manifest, &dir.join("journal"), &output.join("journal"))? else {
            continue;
        };
        drop_unlisted(&listed, &to)?;
        manifest.put(&folder(&to)?).await?;
        let bytes = segments + journals.iter().map(|(_, bytes)| bytes).sum::<u64>();
        return Ok(BackedUp { segments: manifest.segments.len() as u64, journals: journals.len() as u64, bytes });
    }
    let source = io::Error::other(format!("{TRIES_MAX} manifests were replaced before their segments were copied"));
    Err(Error::io("copy", dir)(source))
}

fn folder(path: &Path) -> Result<SyncedFolder> {
    SyncedFolder::new(path, Arc::new(LocalDisk)).map_err(Error::object("open", &"objects".into()))
}

/// The manifest of a folder of objects.
async fn present(objects: &Path) -> Result<Manifest> {
    let there = Manifest::load(&folder(objects)?).await?;
    Ok(there.ok_or_else(|| Error::corrupt("manifest", 0, "there is no manifest"))?.0)
}

/// Whether the journal of a store has records, which may be in segments already.
pub fn has_journal(dir: &Path) -> Result<bool> {
    let folder = dir.join("journal");
    Ok(folder.exists() && journal::has_frames(&LocalDisk, &folder, 0)?)
}

/// The files that the segments are now, and their bytes; `None` when one has gone.
async fn copy_segments(
    manifest: &Manifest,
    (from, earlier): (&Path, Option<&Path>),
    to: &Path,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Result<Option<(BTreeSet<PathBuf>, u64)>> {
    let copies: Arc<dyn ObjectStore> = Arc::new(folder(to)?);
    let (mut listed, mut folders, mut bytes) = (BTreeSet::new(), BTreeSet::new(), 0);
    for entry in &manifest.segments {
        if !goes_on() {
            return Err(Error::io("copy", from)(io::Error::new(io::ErrorKind::Interrupted, "the copy was stopped")));
        }
        let mut paths = vec![entry.path(), entry.index_path()];
        while let Some(path) = paths.pop() {
            let (source, copy) = (from.join(path.as_ref()), to.join(path.as_ref()));
            let parent = copy.parent().unwrap_or(to).to_owned();
            if folders.insert(parent.clone()) {
                create_folder(&parent).map_err(Error::io("create", &parent))?;
            }
            match link_or_copy(&source, &copy, earlier.map(|earlier| earlier.join(path.as_ref())).as_deref()) {
                Ok(len) => bytes += len,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(Error::io("copy", &source)(error)),
            }
            listed.insert(copy);
            // Only the index says what else there is.
            if path == entry.index_path() {
                paths.extend(Segment::open(entry.clone(), Arc::clone(&copies)).await?.beside());
            }
        }
    }
    folders.iter().try_for_each(|folder| sync_folder(folder).map_err(Error::io("sync", folder)))?;
    Ok(Some((listed, bytes)))
}

/// Gives a file that never changes a second name, or copies it to another file system; does nothing when it was copied before.
fn link_or_copy(source: &Path, copy: &Path, earlier: Option<&Path>) -> io::Result<u64> {
    if copy.exists() {
        return Ok(copy.metadata()?.len());
    }
    let len = source.metadata()?.len();
    if std::fs::hard_link(source, copy).is_err() {
        // Under another name until it is whole, so that a try that fails leaves no half of it behind.
        let part = copy.with_extension("part");
        copy_file(source, &part, earlier)?;
        std::fs::rename(&part, copy)?;
    }
    Ok(len)
}

/// Copies a file with its permissions and its time, durably; answers its length. One that `earlier` is a copy of, by its length and time,
/// gets a second name instead: nobody changes a copy.
pub fn copy_file(source: &Path, copy: &Path, earlier: Option<&Path>) -> io::Result<u64> {
    // One file from here on, whatever takes its name meanwhile.
    let mut source = File::open(source)?;
    let told = source.metadata()?;
    let is_same = |earlier: &Path| {
        earlier.metadata().is_ok_and(|other| {
            other.len() == told.len()
                && matches!((other.modified(), told.modified()), (Ok(other), Ok(told)) if other == told)
        })
    };
    match std::fs::remove_file(copy) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // A file may have too many names already.
    if earlier.is_some_and(|earlier| is_same(earlier) && std::fs::hard_link(earlier, copy).is_ok()) {
        return Ok(told.len());
    }
    let mut file = File::create(copy)?;
    file.set_permissions(told.permissions())?;
    let len = io::copy(&mut source, &mut file)?;
    file.set_modified(told.modified()?)?;
    file.sync_all()?;
    Ok(len)
}

fn copy_synced(source: &Path, copy: &Path) -> io::Result<u64> {
    let len = std::fs::copy(source, copy)?;
    File::open(copy)?.sync_all()?;
    Ok(len)
}

/// Path and length of each journal copied; `None` when one has gone, or was cut back while it was copied.
fn copy_journals(manifest: &Manifest, from: &Path, to: &Path) -> Result<Option<Vec<(PathBuf, u64)>>> {
    if to.exists() {
        std::fs::remove_dir_all(to).map_err(Error::io("remove", to))?;
    }
    create_folder(to).map_err(Error::io("create", to))?;
    // A file is begun after all frames of the one before are durable: of those listed now, only the last may still grow.
    let numbers = journal::list_files(&LocalDisk, from)?;
    let live: Vec<u64> = numbers.into_iter().filter(|number| *number >= manifest.journal_first).collect();
    if live.first().is_some_and(|first| *first != manifest.journal_first) {
        return Ok(None);
    }
    let mut copied = Vec::new();
    for (at, &number) in live.iter().enumerate() {
        let (source, copy) = (journal::file_path(from, number), journal::file_path(to, number));
        match copy_synced(&source, &copy) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("copy", &source)(error)),
        }
        // One that was not needed any more may have been written over while it was copied: it had lost its name before.
        if !source.exists() {
            return Ok(None);
        }
        let bytes = LocalDisk.read(&copy).map_err(Error::io("read", &copy))?;
        let is_last = at + 1 == live.len();
        match journal::replay(&copy, number, &bytes, is_last, &mut |_, _| {}) {
            Ok(Replayed { good, .. }) => {
                // What a file was before is not copied.
                if good < bytes.len() {
                    LocalDisk.truncate(&copy, good as u64).map_err(Error::io("truncate", &copy))?;
                }
                copied.push((copy.clone(), good as u64));
            }
            // Either the server wrote there, or took back what a full disk refused, just when it was read, or the journal is damaged.
            Err(Error::Corrupt { offset, .. }) if has_changed(&source, &bytes, offset)? => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    sync_folder(to).map_err(Error::io("sync", to))?;
    Ok(Some(copied))
}

/// Whether a file is gone, or has another frame by now where a copy of it looks damaged.
fn has_changed(path: &Path, copied: &[u8], damaged: u64) -> Result<bool> {
    let bytes = match LocalDisk.read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let from = |bytes| <[u8]>::get(bytes, damaged as usize..).unwrap_or_default();
    let (there, copied) = (from(&bytes), from(copied));
    let end = journal::frame_len(there).max(journal::frame_len(copied));
    Ok(there.get(..end.min(there.len())) != copied.get(..end.min(copied.len())))
}

/// Removes what an earlier try copied and the manifest does not list.
fn drop_unlisted(listed: &BTreeSet<PathBuf>, to: &Path) -> Result<()> {
    let folders = Kind::ALL.map(|kind| to.join("segments").join(kind.folder()));
    for folder in folders.iter().filter(|folder| folder.exists()) {
        for entry in std::fs::read_dir(folder).map_err(Error::io("list", folder))? {
            let path = entry.map_err(Error::io("list", folder))?.path();
            if !listed.contains(&path) {
                std::fs::remove_file(&path).map_err(Error::io("remove", &path))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A copy of a journal that is written over may have old bytes before new ones: then it is read again. What stays is damage.
    #[test]
    fn a_frame_that_is_another_one_by_now_is_no_damage() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let frame = |payload: &[u8]| [b"TWFR", &(payload.len() as u32).to_le_bytes()[..], &[0; 40], payload].concat();
        let there = [frame(b"new payload"), frame(b"another")].concat();
        std::fs::write(&path, &there).unwrap();
        let copied = |first: Vec<u8>| [first, frame(b"another")].concat();
        for (copied, changed) in [
            (there.clone(), false),
            (copied(frame(b"old payload")), true),
            (copied(vec![7; 59]), true),
            (there[..60].to_vec(), false),
            (there[..40].to_vec(), true),
            ([&there[..], b"more"].concat(), false),
        ] {
            assert_eq!(has_changed(&path, &copied, 0).unwrap(), changed, "{copied:?}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(has_changed(&path, &there, 0).unwrap());
    }
}
