//! The manifest: the one list of what exists. Putting the next version is the only commit point of the store.
//!
//! # Format, version 2
//! Objects `manifest/<number as 20 digits>.json`; the greatest number is the truth. Each is a whole state, so a number may
//! be missing. A number is used for one put only: after a put of unknown outcome the next state takes the next number, and
//! whichever of them a crash leaves behind is true. A put never replaces an object (`PutMode::Create`): if the object exists,
//! another process writes to this store, and we stop.
//!
//! `{"crc32":C,"manifest":M}`, where `C` is the CRC-32 of the bytes of `M`, and `M` is for example
//! `{"version":2,"number":7,"journal_first":3,"next_log_sequence":10,"next_event_sequence":1,"next_segment":5,`
//! `"removed":{"groups":[],"streams":[],"logs_before":{},"metrics_before":null},`
//! `"event_tree":{"size":0,"root":"e3b0…b855","frontier":[]},"event_tree_base":{"size":0,"root":"e3b0…b855","frontier":[]},`
//! `"segments":[{"id":4,"kind":"logs","bytes":2048,"rows":9,"min_time":0,"max_time":8}]}`.
//! - `journal_first`: the records of older journals are in segments; the records of this journal and later ones are not.
//! - `next_…_sequence`: every sequence in a segment is less.
//! - `event_tree`: the hash tree of `event_tree.rs` over the audit events before `next_event_sequence`: how many, its root, and
//!   the roots of its perfect subtrees from left to right, in hexadecimal. `event_tree_base`: as it was when events were last
//!   removed.
//! - `owner`, in an object store that several nodes reach: whose the manifest is. There it is one object, `manifest/current.json`, that
//!   is replaced (`owner.rs`), and what is said of numbers above does not hold. `journal_first` is then the number of the first journal
//!   file or object, as `owner.journal` says.
//! - `replaced`, where an older manifest may be gone back to (`go_back.rs`): segments that newer ones list no more and whose objects are still
//!   there, for example `[{"at_ms":1795000000000,"segment":{"id":3,…}}]`. It is left out where it is empty.
//! - `removed`: records that no scan shows although segments still have them; times are in ms, `…_before` is exclusive.

use crate::error::{Error, Result};
use crate::event_tree::{Frontier, StoredTree};
use crate::owner::{self, Owner};
use crate::segment::SegmentEntry;
use bytes::Bytes;
use futures::TryStreamExt;
use model::{GroupId, StreamId, Timestamp};
use object_store::path::Path;
use object_store::{ObjectStore, PutMode, PutOptions, PutPayload};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

/// How many numbers after the last known one are asked for: a list may be older than the last puts, and numbers may be missing.
const PROBES: u64 = 8;
const VERSION: u32 = 2;

/// Records that are gone for scans.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Removed {
    groups: BTreeSet<u64>,
    streams: BTreeSet<u64>,
    logs_before: BTreeMap<u64, i64>,
    metrics_before: Option<i64>,
}

impl Removed {
    pub(crate) fn remove_group(&mut self, group: GroupId) {
        self.groups.insert(group.0);
    }

    pub(crate) fn remove_stream(&mut self, stream: StreamId) {
        self.streams.insert(stream.0);
    }

    /// Cutoffs only rise: what was gone stays gone when a retention is made longer.
    pub(crate) fn remove_logs_before(&mut self, group: GroupId, time: Timestamp) {
        let before = self.logs_before.entry(group.0).or_insert(time.0);
        *before = (*before).max(time.0);
    }

    pub(crate) fn remove_metrics_before(&mut self, time: Timestamp) {
        self.metrics_before = self.metrics_before.max(Some(time.0));
    }

    /// All groups and streams that are gone.
    pub(crate) fn ids(&self) -> (Vec<GroupId>, Vec<StreamId>) {
        let streams = self.streams.iter().map(|stream| StreamId(*stream));
        (self.groups.iter().map(|group| GroupId(*group)).collect(), streams.collect())
    }

    pub(crate) fn has_group(&self, group: GroupId) -> bool {
        self.groups.contains(&group.0)
    }

    pub(crate) fn has_stream(&self, stream: StreamId) -> bool {
        self.streams.contains(&stream.0)
    }

    /// First time of a group that is still there.
    pub(crate) fn logs_from(&self, group: GroupId) -> Timestamp {
        self.logs_before.get(&group.0).map_or(Timestamp::MIN, |time| Timestamp(*time))
    }

    pub(crate) fn metrics_from(&self) -> Timestamp {
        self.metrics_before.map_or(Timestamp::MIN, Timestamp)
    }

    pub(crate) fn has_log(&self, group: GroupId, stream: StreamId, time: Timestamp) -> bool {
        self.has_group(group) || time < self.logs_from(group) || self.has_stream(stream)
    }

    /// Forgets groups and streams of which nothing is stored any more.
    pub(crate) fn retain(&mut self, groups: &BTreeSet<GroupId>, streams: &BTreeSet<StreamId>) {
        self.groups.retain(|group| groups.contains(&GroupId(*group)));
        self.logs_before.retain(|group, _| groups.contains(&GroupId(*group)));
        self.streams.retain(|stream| streams.contains(&StreamId(*stream)));
    }
}

/// A segment that no later manifest lists, and whose objects are kept for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replaced {
    /// When it was replaced, milliseconds since 1970.
    pub at_ms: i64,
    pub segment: SegmentEntry,
}

/// One state of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub version: u32,
    pub number: u64,
    pub journal_first: u64,
    pub next_log_sequence: u64,
    pub next_event_sequence: u64,
    pub next_segment: u64,
    pub removed: Removed,
    pub event_tree: StoredTree,
    pub event_tree_base: StoredTree,
    pub segments: Vec<SegmentEntry>,
    /// Oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<Replaced>,
    /// `None` in a folder of this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
}

#[derive(Deserialize)]
struct Stored<'a> {
    crc32: u32,
    #[serde(borrow)]
    manifest: &'a RawValue,
}

impl Manifest {
    /// The state of an empty store.
    pub(crate) fn first() -> Self {
        Self {
            version: VERSION,
            number: 1,
            journal_first: 1,
            next_log_sequence: 1,
            next_event_sequence: 1,
            next_segment: 1,
            removed: Removed::default(),
            event_tree: StoredTree::from(&Frontier::default()),
            event_tree_base: StoredTree::from(&Frontier::default()),
            segments: Vec::new(),
            replaced: Vec::new(),
            owner: None,
        }
    }

    /// The object of version `number`.
    pub(crate) fn path(number: u64) -> Path {
        Path::from(format!("manifest/{number:020}.json"))
    }

    /// What is stored.
    pub(crate) fn encode(&self) -> Result<String> {
        let body = serde_json::to_string(self).map_err(|error| Error::Bug(format!("encode the manifest: {error}")))?;
        Ok(format!("{{\"crc32\":{},\"manifest\":{body}}}", crc32fast::hash(body.as_bytes())))
    }

    fn decode(bytes: &[u8], number: u64) -> Result<Self> {
        let path = Self::path(number);
        let manifest = Self::decode_at(bytes, &path)?;
        if manifest.number != number {
            return Err(Error::corrupt(path, 0, "the number is not the expected one"));
        }
        Ok(manifest)
    }

    /// The one manifest of an object store.
    pub(crate) fn decode_current(bytes: &[u8]) -> Result<Self> {
        Self::decode_at(bytes, &owner::path())
    }

    fn decode_at(bytes: &[u8], path: &Path) -> Result<Self> {
        let corrupt = |reason: String| Error::corrupt(path.clone(), 0, reason);
        let stored: Stored<'_> = serde_json::from_slice(bytes).map_err(|error| corrupt(error.to_string()))?;
        if crc32fast::hash(stored.manifest.get().as_bytes()) != stored.crc32 {
            return Err(corrupt("the checksum is wrong".into()));
        }
        let manifest: Self = serde_json::from_str(stored.manifest.get()).map_err(|error| corrupt(error.to_string()))?;
        if manifest.version != VERSION {
            return Err(corrupt("the version is not the expected one".into()));
        }
        Ok(manifest)
    }

    /// The hash tree, and the one that verification begins at.
    pub(crate) fn event_trees(&self) -> Result<(Frontier, Frontier)> {
        let path = if self.owner.is_some() { owner::path() } else { Self::path(self.number) };
        let corrupt = || Error::corrupt(path.clone(), 0, "the event tree does not fit its root");
        let tree = self.event_tree.frontier().filter(|tree| tree.size() + 1 == self.next_event_sequence);
        Ok((tree.ok_or_else(corrupt)?, self.event_tree_base.frontier().ok_or_else(corrupt)?))
    }

    /// Puts this state. When it returns Ok, the state is durable and true.
    pub(crate) async fn put(&self, objects: &dyn ObjectStore) -> Result<()> {
        let path = Self::path(self.number);
        let payload = PutPayload::from(self.encode()?);
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        objects.put_opts(&path, payload, options).await.map_err(Error::object("write", &path))?;
        Ok(())
    }

    /// The true state, and the numbers of all states that the store lists; `None` when there is none.
    pub(crate) async fn load(objects: &dyn ObjectStore) -> Result<Option<(Self, Vec<u64>)>> {
        let folder = Path::from("manifest");
        let listed = objects.list(Some(&folder)).map_ok(|object| object.location);
        let paths: Vec<Path> = listed.try_collect().await.map_err(Error::object("list", &folder))?;
        let number = |path: &Path| path.filename()?.strip_suffix(".json")?.parse().ok();
        let mut numbers: Vec<u64> = paths.iter().filter_map(number).collect();
        numbers.sort_unstable();
        match (Self::newest(objects, numbers.last().copied()).await?, numbers.last()) {
            (Some((number, bytes)), _) => Ok(Some((Self::decode(&bytes, number)?, numbers))),
            (None, Some(&last)) => Err(Error::corrupt(Self::path(last), 0, "the manifest is listed and is not there")),
            (None, None) => Ok(None),
        }
    }

    /// The newest stored state, and its number, from the last listed one on.
    async fn newest(objects: &dyn ObjectStore, listed: Option<u64>) -> Result<Option<(u64, Bytes)>> {
        let mut found = None;
        let mut number = listed.unwrap_or(1);
        let mut end = number.saturating_add(PROBES);
        while number <= end {
            if let Some(bytes) = Self::read(objects, number).await? {
                found = Some((number, bytes));
                end = number.saturating_add(PROBES);
            }
            number += 1;
        }
        Ok(found)
    }

    async fn read(objects: &dyn ObjectStore, number: u64) -> Result<Option<Bytes>> {
        let path = Self::path(number);
        match objects.get_opts(&path, Default::default()).await {
            Ok(get) => get.bytes().await.map(Some).map_err(Error::object("read", &path)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Error::object("read", &path)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Kind;

    #[test]
    fn the_example_of_the_header_is_true_and_damage_is_found() {
        let example = concat!(
            r#"{"version":2,"number":7,"journal_first":3,"next_log_sequence":10,"next_event_sequence":1,"next_segment":5,"#,
            r#""removed":{"groups":[],"streams":[],"logs_before":{},"metrics_before":null},"#,
            r#""event_tree":{"size":0,"root":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","frontier":[]},"#,
            r#""event_tree_base":{"size":0,"root":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","frontier":[]},"#,
            r#""segments":[{"id":4,"kind":"logs","bytes":2048,"rows":9,"min_time":0,"max_time":8}]}"#,
        );
        let segment = SegmentEntry { id: 4, kind: Kind::Logs, bytes: 2048, rows: 9, min_time: 0, max_time: 8 };
        let manifest = Manifest {
            number: 7,
            journal_first: 3,
            next_log_sequence: 10,
            next_segment: 5,
            segments: vec![segment],
            ..Manifest::first()
        };
        let stored = manifest.encode().unwrap();
        assert!(stored.ends_with(&format!("\"manifest\":{example}}}")), "{stored}");
        assert_eq!(Manifest::decode(stored.as_bytes(), 7).unwrap(), manifest);
        assert!(Manifest::decode(stored.replace("2048", "2049").as_bytes(), 7).is_err());
        assert!(Manifest::decode(stored.as_bytes(), 8).is_err());
    }

    #[tokio::test]
    async fn manifests_after_the_last_listed_one_are_found_across_gaps() {
        // Numbers whose put failed are missing.
        for (stored, listed, newest) in [
            (vec![3, 4, 5], Some(5), Some(5)),
            (vec![3, 4, 5], Some(3), Some(5)),
            (vec![3, 7, 14], Some(3), Some(14)),
            (vec![1, 2], None, Some(2)),
            (vec![], None, None),
        ] {
            let objects = object_store::memory::InMemory::new();
            for number in &stored {
                Manifest { number: *number, ..Manifest::first() }.put(&objects).await.unwrap();
            }
            let found = Manifest::newest(&objects, listed).await.unwrap();
            assert_eq!(found.map(|(number, _)| number), newest, "{stored:?} with {listed:?} listed");
        }
    }

    #[test]
    fn cutoffs_only_rise() {
        let mut removed = Removed::default();
        removed.remove_logs_before(GroupId(1), Timestamp(10));
        removed.remove_logs_before(GroupId(1), Timestamp(5));
        removed.remove_metrics_before(Timestamp(3));
        removed.remove_metrics_before(Timestamp(2));
        assert_eq!((removed.logs_from(GroupId(1)), removed.metrics_from()), (Timestamp(10), Timestamp(3)));
        assert!(removed.has_log(GroupId(1), StreamId(1), Timestamp(9)));
        assert!(!removed.has_log(GroupId(1), StreamId(1), Timestamp(10)));
    }
}
