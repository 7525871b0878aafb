//! Segments: immutable Parquet objects of one kind of record, each with an index object beside it.
//!
//! # Objects
//! `segments/<logs|metrics|events>/<id as 20 digits>.parquet` holds the records (schemas in `segment/logs.rs`, `metrics.rs`
//! and `events.rs`); any Parquet reader can read it. The manifest decides which segments exist.
//! `….index` beside it holds what scans need before they read, and a checksum of every part, for Parquet's own page
//! checksums are neither written nor checked by its Rust implementation.
//! `….filter` beside them, where the kind has one, holds the token filters (`token_filter.rs`) of the row groups, one after the
//! other, and `….fields` their fields (`log_fields.rs`). Scans read those of a row group when they first need them.
//!
//! # Index format, version 3
//! Integers are little-endian; `varint` and `text` as in `frame.rs`.
//!
//! | offset | size | content |
//! | --- | --- | --- |
//! | 0 | 8 | `TWINDEX3` |
//! | 8 | 4 | CRC-32 of bytes 12.. |
//! | 12 | 4 | length of the body |
//! | 16 | | the body, one zstd frame |
//!
//! Body: kind u8 (1 logs, 2 metrics, 3 events), id u64, then
//! - tail u64: where Parquet's page indexes and footer begin;
//! - varint extents (pages, Bloom filters, the tail; in order): varint gap since the last one, varint length, u32 CRC-32;
//! - varint row groups: varint rows, i64 first time, i64 last time;
//! - varint filters, 0 or as many as row groups: as extents, of the filter object;
//! - varint fields, 0 or as many as row groups: as extents, of the fields object;
//! - logs: varint groups in order of their rows: group u64, varint rows, i64 first time, i64 last time, varint streams: stream
//!   u64, i64 first time, i64 last time, i64 last ingestion, varint events, varint bytes;
//! - metrics: varint resolutions: varint seconds, i64 first time, i64 last time; varint series in order of their rows: series
//!   key as in `frame.rs`, varint rows, i64 first time, i64 last time, i64 last written, i64 and f64 time and value of its newest
//!   point when the segment was written (which another segment may hold).
//!
//! The body of a segment of no rows of kind events with id 5 and its tail of 3 bytes at 4 begins
//! `03 0500000000000000 0400000000000000 01 04 03`, then the CRC-32 of the three bytes, then `00 00 00`.

mod beside;
pub(crate) mod details;
pub(crate) mod event_rows;
pub(crate) mod events;

mod index;
pub(crate) mod logs;
pub(crate) mod members;
pub(crate) mod metrics;
mod pages;
mod reader;
mod skeleton;
mod text_search;
mod uuid;
mod writer;

pub(crate) use pages::{PackedPage, TextPage};
pub(crate) use reader::{Batches, DICTIONARY_BATCH_ROWS, Texts, column};
pub(crate) use text_search::Needle;
pub(crate) use uuid::parse as parse_uuid;
pub(crate) use writer::{EncodedSegment, SegmentWriter};

use crate::error::{Error, Result};
use crate::part_cache::PartCache;
use crate::series::SeriesNumber;
use crate::streams::StreamStats;
use model::{GroupId, StreamId, Timestamp};
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::OnceCell;

/// A row group is closed when its messages or records reach this size, so that reading one takes bounded memory.
pub(crate) const ROW_GROUP_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The kind of record that a segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Logs,
    Metrics,
    Events,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Logs, Kind::Metrics, Kind::Events];

    pub(crate) fn folder(self) -> &'static str {
        match self {
            Kind::Logs => "logs",
            Kind::Metrics => "metrics",
            Kind::Events => "events",
        }
    }
}

/// What the manifest says of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentEntry {
    pub id: u64,
    pub kind: Kind,
    /// Length of the Parquet object.
    pub bytes: u64,
    pub rows: u64,
    /// First and last time of its rows, ms.
    pub min_time: i64,
    pub max_time: i64,
}

impl SegmentEntry {
    /// The Parquet object.
    pub(crate) fn path(&self) -> Path {
        Path::from(format!("segments/{}/{:020}.parquet", self.kind.folder(), self.id))
    }

    /// The object of token filters, which not every segment has.
    pub(crate) fn filter_path(&self) -> Path {
        Path::from(format!("segments/{}/{:020}.filter", self.kind.folder(), self.id))
    }

    /// The object of fields, which not every segment has.
    pub(crate) fn fields_path(&self) -> Path {
        Path::from(format!("segments/{}/{:020}.fields", self.kind.folder(), self.id))
    }

    /// The index object.
    pub(crate) fn index_path(&self) -> Path {
        Path::from(format!("segments/{}/{:020}.index", self.kind.folder(), self.id))
    }

    /// All objects that it may have.
    pub(crate) fn paths(&self) -> [Path; 4] {
        [self.path(), self.index_path(), self.filter_path(), self.fields_path()]
    }
}

/// The id of the segment that an object is of.
pub(crate) fn id(path: &Path) -> Option<u64> {
    path.filename()?.split_once('.')?.0.parse().ok()
}

/// A checksummed part of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub start: u64,
    pub len: u32,
    pub crc: u32,
}

/// Rows that are read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowGroup {
    pub first_row: u64,
    pub rows: u64,
    pub min_time: Timestamp,
    pub max_time: Timestamp,
}

/// The rows of one log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupRows {
    pub group: GroupId,
    pub first_row: u64,
    pub rows: u64,
    pub min_time: Timestamp,
    pub max_time: Timestamp,
    pub streams: BTreeMap<StreamId, StreamStats>,
}

/// The rows of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SeriesRows {
    pub series: SeriesNumber,
    pub first_row: u64,
    pub rows: u64,
    pub min_time: Timestamp,
    pub max_time: Timestamp,
    pub last_written: Timestamp,
    /// Time and average value of the newest point.
    pub latest: (Timestamp, f64),
}

/// When the points of one resolution were, in a whole segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LaneTimes {
    pub resolution_secs: u16,
    pub min_time: Timestamp,
    pub max_time: Timestamp,
}

/// Where the records of a key are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Keys {
    /// Sorted by group.
    Logs(Vec<GroupRows>),
    /// In row order, which is series key order; and places in that list sorted by series number.
    Metrics { rows: Vec<SeriesRows>, by_number: Vec<u32>, lanes: Vec<LaneTimes> },
    /// Events are found by time alone.
    Events,
}

impl Keys {
    /// Of series in row order.
    pub(crate) fn of_metrics(rows: Vec<SeriesRows>, lanes: Vec<LaneTimes>) -> Self {
        let mut by_number: Vec<u32> = (0..rows.len() as u32).collect();
        by_number.sort_unstable_by_key(|at| rows[*at as usize].series);
        Keys::Metrics { rows, by_number, lanes }
    }
}

/// A segment that can be read.
#[derive(Debug)]
pub(crate) struct Segment {
    pub entry: SegmentEntry,
    pub row_groups: Vec<RowGroup>,
    pub keys: Keys,
    tail: u64,
    extents: Vec<Extent>,
    /// One for each row group, or none; the same of fields.
    filters: Vec<Extent>,
    fields: Vec<Extent>,
    objects: Arc<dyn ObjectStore>,
    /// Where parts are kept that were read, if they are.
    cache: Option<Arc<PartCache>>,
    /// It is being rewritten: parts that are read now are not read again.
    is_leaving: AtomicBool,
    // About 40 kB for 64 MB of logs; kept as long as the segment is listed.
    footer: OnceCell<ArrowReaderMetadata>,
    /// The same for readers that want the texts of events as dictionaries.
    dictionary_footer: OnceCell<ArrowReaderMetadata>,
    /// Lowest and highest sequence of each row group, once a follower asked.
    sequences: OnceCell<Vec<(u64, u64)>>,
}

impl Segment {
    /// Keeps parts no more that are read from now on.
    pub(crate) fn leave(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
    }

    /// The log groups that have rows, in order of their rows.
    pub(crate) fn groups(&self) -> &[GroupRows] {
        match &self.keys {
            Keys::Logs(groups) => groups,
            Keys::Metrics { .. } | Keys::Events => &[],
        }
    }

    /// Rows of a log group, if there are any.
    pub(crate) fn group(&self, group: GroupId) -> Option<&GroupRows> {
        let Keys::Logs(groups) = &self.keys else { return None };
        groups.binary_search_by_key(&group, |rows| rows.group).ok().and_then(|at| groups.get(at))
    }

    /// Rows of a series, if there are any.
    pub(crate) fn series(&self, series: SeriesNumber) -> Option<&SeriesRows> {
        let Keys::Metrics { rows, by_number, .. } = &self.keys else { return None };
        let at = by_number.binary_search_by_key(&series, |at| rows[*at as usize].series).ok()?;
        rows.get(*by_number.get(at)? as usize)
    }

    /// First time of the rows.
    pub(crate) fn min_time(&self) -> Timestamp {
        Timestamp(self.entry.min_time)
    }

    /// Last time of the rows.
    pub(crate) fn max_time(&self) -> Timestamp {
        Timestamp(self.entry.max_time)
    }

    /// The part of `rows` (counted over the segment) that lies in a row group, counted within it.
    pub(crate) fn rows_within(&self, row_group: usize, rows: &Range<u64>) -> Range<usize> {
        let Some(group) = self.row_groups.get(row_group) else { return 0..0 };
        let start = rows.start.max(group.first_row);
        let end = rows.end.min(group.first_row + group.rows);
        if start >= end { 0..0 } else { (start - group.first_row) as usize..(end - group.first_row) as usize }
    }

    /// Offset and reason of each part of the whole Parquet object that is not what was written.
    pub(crate) fn damaged_parts(&self, bytes: &[u8]) -> Vec<(u64, String)> {
        // Only the magic bytes that begin a Parquet file are in no extent.
        let start = if bytes.starts_with(b"PAR1") { 4 } else { 0 };
        let mut damaged = damaged_extents(&self.extents, start, bytes);
        if bytes.len() as u64 != self.entry.bytes {
            damaged.push((bytes.len() as u64, "the file has another length than the manifest says".into()));
        }
        damaged
    }

    pub(crate) fn corrupt(&self, offset: u64, reason: &str) -> Error {
        Error::corrupt(self.entry.path(), offset, reason)
    }

    /// Reads the index object of a segment that the manifest lists.
    pub(crate) async fn open(entry: SegmentEntry, objects: Arc<dyn ObjectStore>) -> Result<UnnumberedSegment> {
        let path = entry.index_path();
        let get = objects.get_opts(&path, Default::default()).await.map_err(Error::object("read", &path))?;
        let bytes = get.bytes().await.map_err(Error::object("read", &path))?;
        let index =
            index::decode(&bytes, &entry).map_err(|reason| Error::corrupt(path, 0, format!("the index {reason}")))?;
        Ok(UnnumberedSegment { entry, objects, index })
    }
}

/// Offset and reason of each part of an object that is not what was written; the extents cover it from `start` on.
fn damaged_extents(extents: &[Extent], start: u64, bytes: &[u8]) -> Vec<(u64, String)> {
    let mut damaged = Vec::new();
    let mut end = start;
    for extent in extents {
        if extent.start != end {
            damaged.push((end, "there are bytes without a checksum".to_owned()));
        }
        end = extent.start + u64::from(extent.len);
        match bytes.get(extent.start as usize..end as usize) {
            Some(part) if crc32fast::hash(part) == extent.crc => {}
            Some(_) => damaged.push((extent.start, "the checksum is wrong".to_owned())),
            None => damaged.push((extent.start, "the object ends too early".to_owned())),
        }
    }
    if end < bytes.len() as u64 {
        damaged.push((end, "there are bytes without a checksum".to_owned()));
    }
    damaged
}

/// A segment whose series have keys but no numbers yet.
pub(crate) struct UnnumberedSegment {
    entry: SegmentEntry,
    objects: Arc<dyn ObjectStore>,
    index: index::Index,
}

impl UnnumberedSegment {
    /// The objects that are there beside the Parquet object and the index.
    pub(crate) fn beside(&self) -> Vec<Path> {
        let sides = [(&self.index.filters, self.entry.filter_path()), (&self.index.fields, self.entry.fields_path())];
        sides.into_iter().filter(|(extents, _)| !extents.is_empty()).map(|(_, path)| path).collect()
    }

    /// Numbers the series by `number`, which is told their keys and what the segment knows of them. Parts that are read are kept in
    /// `cache`.
    pub(crate) fn number(
        self,
        cache: Option<Arc<PartCache>>,
        number: &mut dyn FnMut(&Arc<model::SeriesKey>, &SeriesRows) -> SeriesNumber,
    ) -> Arc<Segment> {
        let index::Index { tail, extents, row_groups, filters, fields, keys } = self.index;
        let keys = match keys {
            index::StoredKeys::Logs(groups) => Keys::Logs(groups),
            index::StoredKeys::Events => Keys::Events,
            index::StoredKeys::Metrics(series, lanes) => Keys::of_metrics(
                series.into_iter().map(|(key, rows)| SeriesRows { series: number(&key, &rows), ..rows }).collect(),
                lanes,
            ),
        };
        Arc::new(Segment {
            entry: self.entry,
            row_groups,
            keys,
            tail,
            extents,
            filters,
            fields,
            objects: self.objects,
            cache,
            is_leaving: AtomicBool::new(false),
            footer: OnceCell::new(),
            dictionary_footer: OnceCell::new(),
            sequences: OnceCell::new(),
        })
    }
}
