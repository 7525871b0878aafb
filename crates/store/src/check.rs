//! `check`: reads a whole data directory that no server has open, and names all that is not as it was written.
//!
//! Every checksum (journal frames, manifests, indexes, each extent of each segment and of what lies beside it), every count (bytes,
//! rows, sequences), every order (rows, sequences, numbers of files), the statistics that scans skip by, and the hash tree of the
//! audit events. Nothing is written.

mod rows;

use crate::disk::{Disk, LocalDisk};
use crate::error::{Error, Result};
use crate::event_tree;
use crate::folder::SyncedFolder;
use crate::journal::{self, Replayed};
use crate::lock::DirLock;
use crate::manifest::Manifest;
use crate::recent::Recent;
use crate::segment::{Segment, SegmentEntry};
use crate::series::SeriesIndex;
use crate::state::Snapshot;
use bytes::Bytes;
use futures::TryStreamExt;
use model::{Batch, GroupId, StreamId};
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that are not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The damaged file.
    pub file: PathBuf,
    /// Where in the file the damaged part begins.
    pub offset: u64,
    /// What is wrong there.
    pub reason: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at offset {}: {}", self.file.display(), self.offset, self.reason)
    }
}

/// What `check` saw.
#[derive(Debug, Default)]
pub struct Checked {
    /// Everything that is wrong; of a journal file only the first place.
    pub problems: Vec<Problem>,
    /// The end of the last journal, when a crash tore it: never acknowledged, and cut off by the next start. Damage to the very
    /// last group of frames looks the same.
    pub torn: Option<Problem>,
    /// Number of journal files, and of frames in them.
    pub journals: u64,
    /// See `journals`.
    pub frames: u64,
    /// Number of segments, and of rows in them.
    pub segments: u64,
    /// See `segments`.
    pub rows: u64,
    /// The last sequence that a log event was given, and the last of an audit event, which is how many the hash tree has.
    pub last_log_sequence: u64,
    /// See `last_log_sequence`.
    pub last_event_sequence: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Objects of segments that the manifest does not list: left by a crash, no part of the data, removed by the next start.
    pub leftovers: Vec<PathBuf>,
    /// Log groups and streams that have records which were not removed.
    pub streams: BTreeSet<(GroupId, StreamId)>,
}

/// Checks the store in `dir`. `Locked` while a server has it open; other errors only when `dir` cannot be read at all.
pub async fn check(dir: &Path) -> Result<Checked> {
    let _lock = DirLock::acquire_for_reading(dir)?;
    let objects_folder = dir.join("objects");
    let objects: Arc<dyn ObjectStore> = Arc::new(
        SyncedFolder::new(&objects_folder, Arc::new(LocalDisk)).map_err(Error::object("open", &"objects".into()))?,
    );
    let mut check = Check { objects_folder, objects, checked: Checked::default(), series: SeriesIndex::default() };
    let manifest = match Manifest::load(check.objects.as_ref()).await {
        Ok(Some((manifest, _))) => manifest,
        Ok(None) => {
            check.add("manifest", 0, "there is no manifest");
            Manifest::first()
        }
        Err(error) => {
            check.add_error(error)?;
            // Without the manifest nothing says which segments count; the journals are looked at all the same.
            Manifest { journal_first: 0, ..Manifest::first() }
        }
    };
    check.journals(&dir.join("journal"), &manifest)?;
    check.manifest(&manifest);
    let mut segments = Vec::with_capacity(manifest.segments.len());
    for entry in &manifest.segments {
        segments.extend(check.segment(entry, &manifest).await?);
    }
    check.leftovers(&manifest).await?;
    if check.checked.problems.is_empty() {
        check.event_tree(&manifest, segments).await?;
    }
    let removed = &manifest.removed;
    check.checked.streams.retain(|(group, stream)| !removed.has_group(*group) && !removed.has_stream(*stream));
    Ok(check.checked)
}

struct Check {
    objects_folder: PathBuf,
    objects: Arc<dyn ObjectStore>,
    checked: Checked,
    series: SeriesIndex,
}

impl Check {
    /// Notes damage of an object.
    fn add(&mut self, object: &str, offset: u64, reason: impl Into<String>) {
        let file = self.objects_folder.join(object);
        self.checked.problems.push(Problem { file, offset, reason: reason.into() });
    }

    /// Notes an error that says what is damaged; passes on what is no damage.
    fn add_error(&mut self, error: Error) -> Result<()> {
        match error {
            Error::Corrupt { file, offset, reason } => self.add(&file, offset, reason),
            Error::Parquet { path, source, .. } => self.add(&path, 0, source.to_string()),
            Error::ObjectStore { path, source: object_store::Error::NotFound { .. }, .. } => {
                self.add(&path, 0, "the file is missing");
            }
            other => return Err(other),
        }
        Ok(())
    }

    /// Every frame of every journal that a start would replay.
    fn journals(&mut self, folder: &Path, manifest: &Manifest) -> Result<()> {
        let numbers = journal::list_files(&LocalDisk, folder)?;
        let live: Vec<u64> = numbers.into_iter().filter(|number| *number >= manifest.journal_first).collect();
        let (mut next_log, mut next_event) = (manifest.next_log_sequence, manifest.next_event_sequence);
        for (at, &number) in live.iter().enumerate() {
            let path = journal::file_path(folder, number);
            let expected = if at == 0 { manifest.journal_first } else { live[at - 1] + 1 };
            if number != expected && expected > 0 {
                let missing = journal::file_path(folder, expected);
                self.checked.problems.push(Problem { file: missing, offset: 0, reason: "the file is missing".into() });
            }
            let bytes = LocalDisk.read(&path).map_err(Error::io("read", &path))?;
            let checked = &mut self.checked;
            let mut repeated = false;
            let is_last = at + 1 == live.len();
            let replayed = journal::replay(&path, number, &bytes, is_last, &mut |meta, batch| {
                repeated |= meta.first_log_sequence < next_log || meta.first_event_sequence < next_event;
                next_log = meta.first_log_sequence.saturating_add(batch.logs.len() as u64);
                next_event = meta.first_event_sequence.saturating_add(batch.events.len() as u64);
                checked.frames += 1;
                checked.streams.extend(streams(&batch));
            });
            checked.journals += 1;
            checked.bytes += bytes.len() as u64;
            if repeated {
                let reason = "a frame has sequences that an earlier frame or a segment has".into();
                checked.problems.push(Problem { file: path.clone(), offset: 0, reason });
            }
            match replayed {
                Ok(Replayed { good, torn, .. }) => {
                    let torn = torn.map(|reason| Problem { file: path, offset: good as u64, reason: reason.into() });
                    self.checked.torn = self.checked.torn.take().or(torn);
                }
                Err(Error::Corrupt { offset, reason, .. }) => {
                    self.checked.problems.push(Problem { file: path, offset, reason });
                }
                Err(other) => return Err(other),
            }
        }
        self.checked.last_log_sequence = next_log.saturating_sub(1);
        self.checked.last_event_sequence = next_event.saturating_sub(1);
        Ok(())
    }

    /// What the manifest says of itself.
    fn manifest(&mut self, manifest: &Manifest) {
        let path = Manifest::path(manifest.number).to_string();
        let mut ids = BTreeSet::new();
        for entry in &manifest.segments {
            if !ids.insert(entry.id) {
                self.add(&path, 0, format!("segment {} is listed twice", entry.id));
            }
            if entry.id >= manifest.next_segment {
                self.add(&path, 0, format!("segment {} has a number that is not given out yet", entry.id));
            }
        }
    }

    /// The index, the checksums and the rows of a segment.
    async fn segment(&mut self, entry: &SegmentEntry, manifest: &Manifest) -> Result<Option<Arc<Segment>>> {
        self.checked.segments += 1;
        let segment = match Segment::open(entry.clone(), Arc::clone(&self.objects)).await {
            Ok(segment) => {
                let series = &mut self.series;
                segment.number(None, &mut |key, rows| series.touch(key, rows.last_written, rows.latest))
            }
            Err(error) => return self.add_error(error).map(|()| None),
        };
        let path = entry.path();
        let Some(bytes) = self.read(&path).await? else { return Ok(None) };
        let damaged = segment.damaged_parts(&bytes);
        for (offset, reason) in &damaged {
            self.add(path.as_ref(), *offset, reason.as_str());
        }
        self.beside(&segment).await?;
        // Rows of a damaged segment cannot be read, or are damaged for a reason that is named already.
        if damaged.is_empty() {
            self.checked.rows += entry.rows;
            let next = (manifest.next_log_sequence, manifest.next_event_sequence);
            match rows::check(&segment, next, &mut self.checked.streams).await {
                Ok(wrong) => wrong.into_iter().for_each(|reason| self.add(entry.index_path().as_ref(), 0, reason)),
                Err(error) => self.add_error(error)?,
            }
        }
        Ok(Some(segment))
    }

    /// What lies beside the rows: filters and fields.
    async fn beside(&mut self, segment: &Segment) -> Result<()> {
        for beside in segment.beside() {
            let Some(bytes) = self.read(&beside.path).await? else { continue };
            for (offset, reason) in beside.damaged_parts(&bytes) {
                self.add(beside.path.as_ref(), offset, reason);
            }
        }
        Ok(())
    }

    /// A whole object; `None` when it cannot be read, which is noted.
    async fn read(&mut self, path: &object_store::path::Path) -> Result<Option<Bytes>> {
        let bytes = match self.objects.get(path).await {
            Ok(get) => get.bytes().await.map_err(Error::object("read", path)),
            Err(error) => Err(Error::object("read", path)(error)),
        };
        match bytes {
            Ok(bytes) => {
                self.checked.bytes += bytes.len() as u64;
                Ok(Some(bytes))
            }
            Err(error) => self.add_error(error).map(|()| None),
        }
    }

    /// Hashes all events again, where their segments are whole.
    async fn event_tree(&mut self, manifest: &Manifest, segments: Vec<Arc<Segment>>) -> Result<()> {
        let (tree, base) = match manifest.event_trees() {
            Ok((tree, base)) => (tree.tree(), base),
            Err(error) => return self.add_error(error),
        };
        let (recent, removed) = (Arc::new(Recent::new(&[])), Arc::new(manifest.removed.clone()));
        let snapshot = Snapshot { memtables: Vec::new(), segments, recent, removed };
        match event_tree::verify_snapshot(&snapshot, base, tree).await {
            Ok(_) => Ok(()),
            Err(error) => self.add_error(error),
        }
    }

    /// Objects of segments that the manifest does not list.
    async fn leftovers(&mut self, manifest: &Manifest) -> Result<()> {
        let listed: BTreeSet<_> = manifest.segments.iter().flat_map(SegmentEntry::paths).collect();
        let folder = object_store::path::Path::from("segments");
        let stored = self.objects.list(Some(&folder)).map_ok(|object| object.location);
        let stored: Vec<_> = stored.try_collect().await.map_err(Error::object("list", &folder))?;
        let leftovers = stored.into_iter().filter(|path| !listed.contains(path));
        self.checked.leftovers.extend(leftovers.map(|path| self.objects_folder.join(path.as_ref())));
        self.checked.leftovers.sort_unstable();
        Ok(())
    }
}

fn streams(batch: &Batch) -> impl Iterator<Item = (GroupId, StreamId)> {
    batch.logs.iter().map(|log| (log.group, log.stream))
}
