//! `migrate`: copies a store that no server has open to an object store that has none, and verifies all of it on the way.
//!
//! Every segment is read, held against its checksums, put, read back and compared; what is there already and equal stays, so that a copy which
//! was interrupted goes on. The manifest comes last: until then the object store is empty for whoever opens it. It is nobody's (epoch 0), and
//! its journal is nowhere, for none of the records are in one. Nothing of the folder is changed.

use crate::disk::{Disk, LocalDisk};
use crate::error::{Error, Result};
use crate::folder::SyncedFolder;
use crate::journal;
use crate::lock::DirLock;
use crate::manifest::Manifest;
use crate::owner::{self, JournalPlace, Owner};
use crate::segment::{Segment, SegmentEntry};
use crate::series::SeriesIndex;
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutOptions, PutPayload};
use std::sync::Arc;

/// Segments that are copied at the same time; each is in memory, and has up to 128 MB.
const PARALLEL: usize = 4;

/// What was copied. As long as it lives no server opens the folder.
#[derive(Debug)]
pub struct Migrated {
    /// Number of segments.
    pub segments: u64,
    /// Number of their objects, and of those that were there already.
    pub objects: u64,
    /// See `objects`.
    pub there: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    _lock: DirLock,
}

/// Copies the records in the folder `dir` to `objects`. `Locked` while a server has the folder open, `JournalElsewhere` when it has
/// records in its journal (open and close the store first), `TakenOver` when a node has opened a store in `objects` before, `Corrupt` when
/// something is not what was written: then nothing that is opened has changed.
pub async fn migrate(dir: &std::path::Path, objects: Arc<dyn ObjectStore>) -> Result<Migrated> {
    let lock = DirLock::acquire(dir)?;
    let folder = SyncedFolder::new(&dir.join("objects"), Arc::new(LocalDisk));
    let from: Arc<dyn ObjectStore> = Arc::new(folder.map_err(Error::object("open", &"objects".into()))?);
    let Some((manifest, _)) = Manifest::load(from.as_ref()).await? else {
        return Err(Error::corrupt("manifest", 0, "there is no manifest"));
    };
    refuse_frames(&dir.join("journal"), &manifest)?;
    if let Some(Owner { epoch: epoch @ 1.., .. }) = owner::named(objects.as_ref()).await? {
        return Err(Error::TakenOver { epoch });
    }
    let mut migrated =
        Migrated { segments: manifest.segments.len() as u64, objects: 0, there: 0, bytes: 0, _lock: lock };
    let copies = copy_segments(&manifest, &from, &objects);
    futures::pin_mut!(copies);
    while let Some(copied) = copies.try_next().await? {
        for (bytes, was_there) in copied {
            migrated.objects += 1;
            migrated.there += u64::from(was_there);
            migrated.bytes += bytes;
        }
    }
    let owner = Owner { epoch: 0, writer: 0, journal: JournalPlace::None };
    owner::replace(objects.as_ref(), &Manifest { owner: Some(owner), ..manifest }, None).await?;
    Ok(migrated)
}

/// Records that are in no segment would be left behind.
fn refuse_frames(folder: &std::path::Path, manifest: &Manifest) -> Result<()> {
    let numbers = journal::list_files(&LocalDisk, folder)?;
    let live: Vec<u64> = numbers.into_iter().filter(|number| *number >= manifest.journal_first).collect();
    for (at, number) in live.iter().enumerate() {
        let path = journal::file_path(folder, *number);
        let bytes = LocalDisk.read(&path).map_err(Error::io("read", &path))?;
        let mut frames = 0_u64;
        journal::replay(&path, *number, &bytes, at + 1 == live.len(), &mut |_, _| frames += 1)?;
        if frames > 0 {
            let reason =
                format!("{} has records that are in no segment; start the server once and stop it", path.display());
            return Err(Error::JournalElsewhere { reason });
        }
    }
    Ok(())
}

/// Copies all segments of a manifest; answers of each what `copy_segment` does.
pub(crate) fn copy_segments<'a>(
    manifest: &Manifest,
    from: &'a Arc<dyn ObjectStore>,
    to: &'a Arc<dyn ObjectStore>,
) -> impl Stream<Item = Result<Vec<(u64, bool)>>> + use<'a> {
    futures::stream::iter(manifest.segments.clone())
        .map(|entry| copy_segment(entry, Arc::clone(from), Arc::clone(to)))
        .buffered(PARALLEL)
}

/// Copies all objects of a segment; answers the bytes of each, and whether it was there.
async fn copy_segment(
    entry: SegmentEntry,
    from: Arc<dyn ObjectStore>,
    to: Arc<dyn ObjectStore>,
) -> Result<Vec<(u64, bool)>> {
    // Reading the index holds it against its checksum; its series are numbered for nobody.
    let mut series = SeriesIndex::default();
    let segment = Segment::open(entry.clone(), Arc::clone(&from)).await?;
    let segment = segment.number(None, &mut |key, rows| series.touch(key, rows.last_written, rows.latest));
    let rows = read(&from, &entry.path()).await?;
    refuse_damage(&entry.path(), segment.damaged_parts(&rows))?;
    let mut copied = vec![copy(&to, &entry.path(), rows).await?];
    for beside in segment.beside() {
        let bytes = read(&from, &beside.path).await?;
        refuse_damage(&beside.path, beside.damaged_parts(&bytes))?;
        copied.push(copy(&to, &beside.path, bytes).await?);
    }
    let index = read(&from, &entry.index_path()).await?;
    copied.push(copy(&to, &entry.index_path(), index).await?);
    Ok(copied)
}

fn refuse_damage(path: &Path, damaged: Vec<(u64, String)>) -> Result<()> {
    match damaged.into_iter().next() {
        Some((offset, reason)) => Err(Error::corrupt(path.clone(), offset, reason)),
        None => Ok(()),
    }
}

async fn read(objects: &Arc<dyn ObjectStore>, path: &Path) -> Result<Bytes> {
    let get = objects.get(path).await.map_err(Error::object("read", path))?;
    get.bytes().await.map_err(Error::object("read", path))
}

/// Puts an object, unless it is there and equal, and reads it back. Answers its length and whether it was there.
async fn copy(to: &Arc<dyn ObjectStore>, path: &Path, bytes: Bytes) -> Result<(u64, bool)> {
    let len = bytes.len() as u64;
    match read(to, path).await {
        Ok(there) if there == bytes => return Ok((len, true)),
        // Of an interrupted copy, or damaged: nobody has it open.
        Ok(_) | Err(Error::ObjectStore { source: object_store::Error::NotFound { .. }, .. }) => {}
        Err(error) => return Err(error),
    }
    let put = to.put_opts(path, PutPayload::from_bytes(bytes.clone()), PutOptions::default());
    put.await.map_err(Error::object("write", path))?;
    if read(to, path).await? != bytes {
        return Err(Error::corrupt(path.clone(), 0, "what was read back is not what was put"));
    }
    Ok((len, false))
}
