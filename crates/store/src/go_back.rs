//! `go_back`: a folder with the records that an earlier manifest of an object store lists.
//!
//! A manifest is a whole state, and segments never change. So to go back it is enough to have the text of the manifest, without records in the
//! journal behind it (`flushed_manifest`), and the objects of its segments, which `Options::keep_replaced_ms` keeps for a while after newer
//! ones took their place.

use crate::Store;
use crate::disk::{LocalDisk, create_folder};
use crate::error::{Error, Result};
use crate::folder::SyncedFolder;
use crate::manifest::Manifest;
use crate::migrate::copy_segments;
use crate::owner;
use futures::TryStreamExt;
use object_store::ObjectStore;
use std::path::Path;
use std::sync::Arc;

impl Store {
    /// Writes all that was appended before the call to segments, and answers the text of the manifest that lists them. `TakenOver` when
    /// another node has the store.
    pub async fn flushed_manifest(&self) -> Result<Vec<u8>> {
        self.flush().await?;
        let state = self.state();
        let Some(ours) = state.owner else { return Err(Error::Bug("a folder is copied with its journal".into())) };
        // Whatever this node commits comes before or after.
        let _committed = state.committed.lock().await;
        let there = owner::read(state.objects.as_ref()).await?;
        let (bytes, _) = there.ok_or_else(|| Error::corrupt(owner::path(), 0, "the manifest is gone"))?;
        match Manifest::decode_current(&bytes)?.owner {
            Some(owner) if (owner.epoch, owner.writer) == (ours.epoch, ours.writer) => Ok(bytes.to_vec()),
            Some(owner) => Err(Error::TakenOver { epoch: owner.epoch }),
            None => Err(Error::corrupt(owner::path(), 0, "the manifest does not say whose it is")),
        }
    }
}

/// Makes a store in the folder `dir`, which is new, with the records that `manifest` lists, a text that `flushed_manifest` answered; everything is
/// held against its checksums. Nothing in `objects` changes. An error that an object is not found says that its segment was replaced too long ago.
pub async fn go_back(manifest: &[u8], objects: Arc<dyn ObjectStore>, dir: &Path) -> Result<()> {
    let manifest = Manifest::decode_current(manifest)?;
    let folder = dir.join("objects");
    for made in [&folder, &dir.join("journal")] {
        create_folder(made).map_err(Error::io("create", made))?;
    }
    let made = SyncedFolder::new(&folder, Arc::new(LocalDisk)).map_err(Error::object("open", &"objects".into()))?;
    let made: Arc<dyn ObjectStore> = Arc::new(made);
    copy_segments(&manifest, &objects, &made).try_collect::<Vec<_>>().await?;
    // No record is in a journal: the first one of a folder begins behind it.
    let first = Manifest::first();
    let manifest = Manifest { owner: None, replaced: Vec::new(), journal_first: first.journal_first, ..manifest };
    manifest.put(made.as_ref()).await
}
