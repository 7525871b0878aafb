//! Who may write to an object store that several nodes reach: one of them at a time, told apart by epochs.
//!
//! # How
//! The manifest is one object, `manifest/current.json`, and every change of it is a compare-and-set: a put with the entity tag of the
//! manifest that the change builds on. To open the store is to claim it: the next epoch is written into the manifest. From then on the
//! node before can commit nothing, for the tag that it knows is not the present one; it learns of it by its next commit, the next
//! `maintain` or, where journals are objects, by its next append (`journal/objects.rs`), and then refuses writes.
//!
//! A put whose answer was lost is looked at: the manifest says by epoch and number whose it is. A put that failed and has its effect
//! later fails for its tag, or replaces a manifest of the same epoch, whose states are whole: both do no harm.
//!
//! Nothing that two epochs make has the same name: segments and journal objects are numbered from `first_of(epoch)` on. So an object that
//! an old node puts late never replaces one that counts; it is an orphan, which a later open removes.

use crate::error::{Error, Result};
use crate::manifest::Manifest;
use bytes::Bytes;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, PutMode, PutOptions, PutPayload, UpdateVersion};
use serde::{Deserialize, Serialize};

/// Epochs number from multiples of two to the power of this: 2^40 segments or groups in each, and 2^24 epochs.
const EPOCH_SHIFT: u32 = 40;
/// How often a put is tried again because of what the manifest has become meanwhile.
const TRIES_MAX: usize = 8;
/// Objects that are no part of the store: a start tries the endpoint with them.
const PROBES: &str = "probe/";

/// Where the journal behind a manifest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JournalPlace {
    /// Nowhere yet: nothing was acknowledged.
    None,
    /// On the disk of the node that wrote the manifest.
    Local,
    /// In the object store.
    Objects,
}

/// Whose a manifest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    /// Rises by one with each open.
    pub epoch: u64,
    /// Drawn at each open: tells two nodes apart that claim the same epoch.
    pub writer: u64,
    pub journal: JournalPlace,
}

/// The manifest that is known to be true, and its entity tag.
#[derive(Debug)]
pub(crate) struct Known {
    pub manifest: Manifest,
    pub tag: Option<String>,
}

/// The first number of an epoch's segments and journal objects.
pub(crate) fn first_of(epoch: u64) -> u64 {
    epoch << EPOCH_SHIFT
}

/// The epoch that a number of a segment or of a journal object is of.
pub(crate) fn epoch_of(number: u64) -> u64 {
    number >> EPOCH_SHIFT
}

/// The one manifest.
pub(crate) fn path() -> Path {
    Path::from("manifest/current.json")
}

/// What a claim is built on: the present manifest, or in a store that is new the one before the first. `Corrupt` when the manifest is
/// gone: to begin anew would be to remove what is there.
pub(crate) async fn present(objects: &dyn ObjectStore) -> Result<Known> {
    let mut stored = read(objects).await?;
    if stored.is_none()
        && let Some(object) = any_object(objects).await?
    {
        // Another node may have made the store just now.
        stored = read(objects).await?;
        if stored.is_none() {
            let reason = format!("there are objects, such as {object}, but no manifest");
            return Err(Error::corrupt(path(), 0, reason));
        }
    }
    if let Some((bytes, tag)) = stored {
        return Ok(Known { manifest: Manifest::decode_current(&bytes)?, tag });
    }
    let owner = Owner { epoch: 0, writer: 0, journal: JournalPlace::None };
    Ok(Known { manifest: Manifest { number: 0, owner: Some(owner), ..Manifest::first() }, tag: None })
}

/// An object of a store, if there is one; what a start tries is none.
async fn any_object(objects: &dyn ObjectStore) -> Result<Option<Path>> {
    let mut listed = objects.list(None);
    while let Some(object) = listed.next().await {
        let location = object.map_err(Error::object("list", &Path::default()))?.location;
        if !location.as_ref().starts_with(PROBES) {
            return Ok(Some(location));
        }
    }
    Ok(None)
}

/// Claims the store for the epoch after the present one; `TakenOver` when another node was faster. The journal stays where the
/// manifest says.
pub(crate) async fn claim(objects: &dyn ObjectStore, present: Known, writer: u64) -> Result<Known> {
    let Known { manifest: mut next, tag } = present;
    let before = owner_of(&next)?;
    let epoch = before.epoch + 1;
    if epoch >= 1 << (u64::BITS - EPOCH_SHIFT) {
        return Err(Error::Bug(format!("there is no epoch after {}", before.epoch)));
    }
    next.owner = Some(Owner { epoch, writer, ..before });
    next.number += 1;
    next.next_segment = next.next_segment.max(first_of(epoch));
    let tag = replace(objects, &next, tag).await?;
    Ok(Known { manifest: next, tag })
}

/// Puts `manifest` in the place of the one with `tag`, or as the first one; answers its own tag. `TakenOver` when the store is another
/// writer's. After any other error the old one is true, or this one, or, until the next put, first the one and then the other.
pub(crate) async fn replace(
    objects: &dyn ObjectStore,
    manifest: &Manifest,
    mut tag: Option<String>,
) -> Result<Option<String>> {
    let (path, body) = (path(), Bytes::from(manifest.encode()?));
    let owner = owner_of(manifest)?;
    let mut outcome = Err(Error::Bug("the manifest was not put".into()));
    for _ in 0..TRIES_MAX {
        let mode = match &tag {
            Some(tag) => PutMode::Update(UpdateVersion { e_tag: Some(tag.clone()), version: None }),
            None => PutMode::Create,
        };
        let options = PutOptions { mode, ..PutOptions::default() };
        let error = match objects.put_opts(&path, PutPayload::from_bytes(body.clone()), options).await {
            Ok(put) if put.e_tag.is_some() => return Ok(put.e_tag),
            // Without its tag the next change could not build on it.
            Ok(_) => match read(objects).await? {
                Some((bytes, present)) if bytes == body => return Ok(present),
                _ => return Err(Error::Bug(format!("{path} is not what was put: the object store is not consistent"))),
            },
            Err(error) => Error::object("write", &path)(error),
        };
        // Refused, or an answer that was lost: what is there now says which.
        let Ok(present) = read(objects).await else { return Err(error) };
        let Some((bytes, present)) = present else {
            // A manifest that was there never goes.
            let gone = || Error::corrupt(path.clone(), 0, "the manifest is gone");
            return Err(if tag.is_some() { gone() } else { error });
        };
        if bytes == body {
            return Ok(present);
        }
        // What the change builds on: before a claim is put, the former owner's.
        if present == tag {
            return Err(error);
        }
        if let Some(epoch) = epoch_of_other(&bytes, owner) {
            return Err(Error::TakenOver { epoch });
        }
        // An earlier put of ours that was taken for failed: this state follows it as well as it followed the one before.
        (tag, outcome) = (present, Err(error));
    }
    outcome
}

/// The epoch of another node that has claimed the store, if one did. Reads little.
pub(crate) async fn taken_by(objects: &dyn ObjectStore, tag: Option<&str>, owner: Owner) -> Result<Option<u64>> {
    let (path, options) = (path(), GetOptions { head: true, ..GetOptions::default() });
    let head = objects.get_opts(&path, options).await.map_err(Error::object("read", &path))?;
    if head.meta.e_tag.is_some() && head.meta.e_tag.as_deref() == tag {
        return Ok(None);
    }
    // A commit of ours may have been faster than this.
    let Some((bytes, _)) = read(objects).await? else { return Err(Error::corrupt(path, 0, "the manifest is gone")) };
    Ok(epoch_of_other(&bytes, owner))
}

/// The epoch of a manifest that `owner` did not put, and that is not the one it knows. One that cannot be read is of a node of a later
/// version, of the next epoch at least.
fn epoch_of_other(bytes: &[u8], owner: Owner) -> Option<u64> {
    match Manifest::decode_current(bytes).and_then(|manifest| owner_of(&manifest)) {
        Ok(other) if (other.epoch, other.writer) == (owner.epoch, owner.writer) => None,
        Ok(other) => Some(other.epoch),
        Err(error) => {
            tracing::warn!(%error, "the manifest is another node's");
            Some(owner.epoch + 1)
        }
    }
}

/// Whose the store is; `None` when there is no manifest.
pub(crate) async fn named(objects: &dyn ObjectStore) -> Result<Option<Owner>> {
    match read(objects).await? {
        Some((bytes, _)) => owner_of(&Manifest::decode_current(&bytes)?).map(Some),
        None => Ok(None),
    }
}

pub(crate) fn owner_of(manifest: &Manifest) -> Result<Owner> {
    manifest.owner.ok_or_else(|| Error::corrupt(path(), 0, "the manifest does not say whose it is"))
}

/// The text of the manifest, and its entity tag.
pub(crate) async fn read(objects: &dyn ObjectStore) -> Result<Option<(Bytes, Option<String>)>> {
    read_with(objects, GetOptions::default()).await
}

/// The manifest unless it still is the one with `tag`, or there is none yet.
pub(crate) async fn read_other(objects: &dyn ObjectStore, tag: Option<String>) -> Result<Option<Known>> {
    let is_known = tag.is_some();
    let read = match read_with(objects, GetOptions { if_none_match: tag, ..GetOptions::default() }).await {
        Err(Error::ObjectStore { source: object_store::Error::NotModified { .. }, .. }) => return Ok(None),
        read => read?,
    };
    match read {
        Some((bytes, tag)) => Ok(Some(Known { manifest: Manifest::decode_current(&bytes)?, tag })),
        None if is_known => Err(Error::corrupt(path(), 0, "the manifest is gone")),
        // It may have been put just now.
        None => Ok(Some(present(objects).await?).filter(|known| known.tag.is_some())),
    }
}

async fn read_with(objects: &dyn ObjectStore, options: GetOptions) -> Result<Option<(Bytes, Option<String>)>> {
    let path = path();
    match objects.get_opts(&path, options).await {
        Ok(get) => {
            let tag = get.meta.e_tag.clone();
            Ok(Some((get.bytes().await.map_err(Error::object("read", &path))?, tag)))
        }
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(Error::object("read", &path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    #[tokio::test]
    async fn who_claims_last_owns_the_store_and_the_one_before_commits_nothing() {
        let objects = InMemory::new();
        let claim = async || claim(&objects, present(&objects).await.unwrap(), 11).await;
        let old = claim().await.unwrap();
        let owner = old.manifest.owner.unwrap();
        assert_eq!((owner.epoch, old.manifest.next_segment), (1, first_of(1)));
        assert_eq!(taken_by(&objects, old.tag.as_deref(), owner).await.unwrap(), None);
        let changed = Manifest { number: 2, ..old.manifest.clone() };
        let tag = replace(&objects, &changed, old.tag.clone()).await.unwrap();
        assert_eq!(taken_by(&objects, old.tag.as_deref(), owner).await.unwrap(), None, "a commit of its own");
        assert_eq!(replace(&objects, &changed, old.tag).await.unwrap(), tag, "an answer that was lost");
        // With the tag of an older state of its own.
        let later = Manifest { number: 3, ..changed };
        let tag = replace(&objects, &later, Some("lost".into())).await.unwrap();
        let new = claim().await.unwrap();
        assert_eq!((new.manifest.owner.unwrap().epoch, new.manifest.number), (2, 4));
        let late = Manifest { number: 4, ..later };
        assert!(matches!(replace(&objects, &late, tag.clone()).await, Err(Error::TakenOver { epoch: 2 })));
        assert_eq!(taken_by(&objects, tag.as_deref(), owner).await.unwrap(), Some(2));
        // A manifest of a later version is another node's, too.
        let foreign = PutPayload::from_static(b"{\"version\":99}");
        assert!(replace(&objects, &new.manifest, new.tag.clone()).await.is_ok());
        objects.put(&path(), foreign).await.unwrap();
        let owner = new.manifest.owner.unwrap();
        assert_eq!(taken_by(&objects, new.tag.as_deref(), owner).await.unwrap(), Some(3));
        assert!(matches!(replace(&objects, &new.manifest, new.tag).await, Err(Error::TakenOver { epoch: 3 })));
        assert!(matches!(present(&objects).await, Err(Error::Corrupt { .. })), "nobody builds on it");
    }

    #[tokio::test]
    async fn of_two_claims_on_one_state_the_first_counts() {
        let objects = InMemory::new();
        let (first, second) = (present(&objects).await.unwrap(), present(&objects).await.unwrap());
        claim(&objects, first, 1).await.unwrap();
        assert!(matches!(claim(&objects, second, 2).await, Err(Error::TakenOver { epoch: 1 })));
    }

    #[tokio::test]
    async fn objects_without_a_manifest_are_no_new_store() {
        let objects = InMemory::new();
        objects.put(&"probe/0000000000000007".into(), "left behind".into()).await.unwrap();
        assert_eq!(present(&objects).await.unwrap().manifest.number, 0);
        for object in ["segments/logs/1.parquet", "journal/00000001/0000000000001", "another"] {
            let path = Path::from(object);
            objects.put(&path, "kept".into()).await.unwrap();
            let error = present(&objects).await.unwrap_err().to_string();
            assert!(error.contains("no manifest") && error.contains(object), "{error}");
            objects.delete(&path).await.unwrap();
        }
    }

    #[test]
    fn epochs_share_no_number() {
        assert_eq!((epoch_of(first_of(3)), epoch_of(first_of(4) - 1)), (3, 3));
        assert_eq!(epoch_of(7), 0);
    }
}
